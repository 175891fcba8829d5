"""What an operator planted, read from its vault: `planted.py tags VAULT` lists the tags, `planted.py compare VAULT FOUND`
holds what the stranger found in the publication against them."""

import hashlib
import json
import sys

from operator_files import vault


def planted(path):
    """Label of each tag (hex)."""
    with open(path, "rb") as file:
        *_, elements = vault(file.read())
    return {hashlib.sha256(b"samar tag v1" + element).hexdigest(): label for element, label in elements.items()}


def compare(expected, found):
    """How many labels were 1, if each tag was found in exactly one breach and with its own label."""
    assert len(found) == len(expected), f"{len(found)} tags looked up, {len(expected)} planted"
    for entry in found:
        (breach,) = entry["breaches"].values()
        assert breach["label"] == expected[entry["tag"]], f"tag {entry['tag'][:8]}…: another label"
    return sum(expected.values())


if __name__ == "__main__":
    task, path = sys.argv[1:3]
    if task == "tags":
        print("\n".join(planted(path)))
    else:
        expected = planted(path)
        with open(sys.argv[3]) as file:
            with_photo = compare(expected, json.load(file)["tags"])
        print(f"{len(expected)} planted entries found, {with_photo} of them with their class bit set")

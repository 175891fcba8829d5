#!/usr/bin/env python3
"""Reads a published folder by SPEC.md alone, checks every byte of it, and looks tags up.

    stranger.py FOLDER --publisher-key HEX [--tags FILE]

FOLDER holds manifests/ and segments/. FILE has a tag a line, in 64 hexadecimal digits. Prints one JSON object; ends
with 1 and the broken rule on standard error if there is anything to refuse.
"""

import argparse
import json
import pathlib
import sys

from control import KINDS, Refused, require
from manifest import Chain
from segment import Segment


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--publisher-key", required=True, help="Ed25519 key that signed epoch 1, hexadecimal")
    parser.add_argument("--tags", type=pathlib.Path, help="tags to look up, one a line")
    arguments = parser.parse_args()
    try:
        result = read_folder(arguments.folder, bytes.fromhex(arguments.publisher_key), arguments.tags)
    except (Refused, OSError, ValueError) as error:
        print(f"stranger: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, indent=2))
    return 0


def read_folder(folder, publisher_key, tags_file):
    newest = walk(folder / "manifests", publisher_key)
    tags = [bytes.fromhex(line) for line in tags_file.read_text().split()] if tags_file else []
    for number, tag in enumerate(tags):
        require(len(tag) == 32, "--tags", f"line {number + 1} is no tag")
    found = {tag: {} for tag in tags}
    breaches = []
    for breach in newest.breaches:
        labels, segments = {}, []
        for reference in breach.segments:
            path = folder / "segments" / f"{reference.root.hex()}.segment"
            try:
                segment = Segment(path.read_bytes(), breach, reference, newest.key_id)
            except Refused as refused:
                raise refused.within(path.name) from None
            apply(labels, segment, tags)
            segments.append(
                {"root": reference.root.hex(), "entries": reference.entries, "pages": segment.header.pages}
            )
        for tag, label in labels.items():
            found[tag][breach.id] = {"label": label, "classes": breach.classes(label)}
        breaches.append({"id": breach.id, "status": breach.status, "date": breach.date, "segments": segments})
    return {
        "operator": newest.operator,
        "epoch": newest.epoch,
        "manifest_hash": newest.hash.hex(),
        "key_id": newest.key_id.hex(),
        "breaches": breaches,
        "tags": [{"tag": tag.hex(), "breaches": found[tag]} for tag in tags],
    }


def walk(folder, publisher_key):
    """The newest manifest, reached from epoch 1 without a gap."""
    epochs = sorted(int(path.stem) for path in folder.glob("*.manifest"))
    require(epochs, "R-MAN-8", f"{folder} has no manifest")
    chain = Chain(publisher_key)
    newest = None
    for epoch in range(1, epochs[-1] + 1):
        path = folder / f"{epoch}.manifest"
        require(path.exists(), "R-MAN-8", f"{path.name} is missing")
        try:
            newest = chain.accept(path.read_bytes())
        except Refused as refused:
            raise refused.within(path.name) from None
    require(newest.epoch == epochs[-1], "R-MAN-8", "a manifest is of another epoch than its name")
    return newest


def apply(labels, segment, tags):
    """What this segment, applied after those before it, makes of the tags."""
    remove = KINDS[segment.header.kind] == "remove"
    for tag in tags:
        label = segment.look_up(tag)
        if label is None:
            continue
        if remove:
            labels.pop(tag, None)
        else:
            labels[tag] = labels.get(tag, 0) | label


if __name__ == "__main__":
    sys.exit(main())

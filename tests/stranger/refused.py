#!/usr/bin/env python3
"""Writes protocol/vectors/refused: each file is an example of SPEC.md with one thing wrong in it.

    refused.py [--check]

With --check nothing is written: it ends with 1 if a file is not as it would be written.
"""

import sys

import file_mistakes
import mistakes
from annotated import SPEC, Annotated

FOLDER = SPEC.parent / "protocol" / "vectors" / "refused"


def files():
    """The text of each file by its name."""
    found = {}

    def case(name, reads, refused, seen, wrong, content):
        rule = "-".join(name.split("-")[:3])
        head = f"# rule: {rule}\n# reads as: {reads}\n# refused as: {refused}\n# seen as: {seen}\n#\n# {wrong}\n\n"
        suffix, text = ("txt", content.text()) if isinstance(content, Annotated) else ("toml", content)
        file = f"{name}.{suffix}"
        assert file not in found, file
        found[file] = head + text

    mistakes.requests(case)
    mistakes.answers(case)
    mistakes.cells(case)
    mistakes.lookups(case)
    file_mistakes.manifests(case)
    file_mistakes.segments(case)
    file_mistakes.invitations(case)
    file_mistakes.key_files(case)
    file_mistakes.logs(case)
    file_mistakes.vaults(case)
    return found


def main():
    wanted = files()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} if FOLDER.exists() else {}
    differ = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    if sys.argv[1:] == ["--check"]:
        if differ:
            print(f"refused: not as refused.py writes them: {' '.join(differ)}", file=sys.stderr)
            return 1
        print(f"{len(wanted)} vectors of what is refused: as refused.py writes them")
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in differ:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())

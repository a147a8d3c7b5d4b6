"""Run the commands that the documentation shows, so that it cannot drift from what works.

    python tools/run_docs.py README.md docs/*.md

A fenced ``sh`` block is run when the line above it is ``<!-- ci -->`` or, for commands that end with
another status on purpose, ``<!-- ci: exit 1 -->``. The blocks of all files run in the order in which they
stand, each line for line as it is printed, in the folder and the environment that this script was started
in. The first block that ends with an unexpected status ends the run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^<!-- ci(?:: exit (?P<status>\d+))? -->[ \t]*\n+```sh\n(?P<commands>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"^<!-- ci\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands to run.

    Attributes:
        place: File and line, for people.
        commands: What stands between the fences.
        status: The exit status that they should end with.
    """

    place: str
    commands: str
    status: int


def blocks(name: str, text: str) -> list[Block]:
    """The marked blocks of a document.

    Raises:
        ValueError: If a mark is not followed by an ``sh`` block.
    """
    found = [
        Block(
            f"{name}:{text.count(chr(10), 0, match.start()) + 1}",
            match["commands"],
            int(match["status"] or 0),
        )
        for match in BLOCK.finditer(text)
    ]
    if len(found) != len(MARK.findall(text)):
        raise ValueError(f"{name}: a ci mark without a sh block right below it")
    return found


def main() -> None:
    documents = [Path(name) for name in sys.argv[1:]]
    todo = [block for path in documents for block in blocks(path.name, path.read_text())]
    if not todo:
        raise SystemExit("no marked block in " + ", ".join(map(str, documents)))
    for block in todo:
        print(f"== {block.place}\n{block.commands}", end="", flush=True)
        shell = ["bash", "-euo", "pipefail", "-c", block.commands]
        status = subprocess.run(shell, stdin=subprocess.DEVNULL).returncode
        if status != block.status:
            raise SystemExit(f"{block.place}: exit status {status}, expected {block.status}")


if __name__ == "__main__":
    main()

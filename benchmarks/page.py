"""What scripts put into a page of the docs: a block each, between two marks, and nothing around it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

#: The end of every block.
END = "<!-- end -->"


class Told:
    """Prints lines, and keeps them for the page."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str = "") -> None:
        """Tell a line."""
        print(line, flush=True)
        self.lines.append(line)


def machine(*more: str) -> str:
    """What was measured on, now: to be told before the measuring begins."""
    cores = len(os.sched_getaffinity(0))
    return ", ".join(
        (f"{platform.machine()}, {cores} cores", f"load {os.getloadavg()[0]:.1f} at the start",
         f"Python {platform.python_version()}", *more)
    )  # fmt: skip


def put(page: Path, script: str, lines: Sequence[str]) -> None:
    """Put lines into the script's block, in the place of what was there.

    Raises:
        ValueError: If the page has no such block, or more than one.
    """
    text = page.read_text()
    begin = f"<!-- Written by `{script}` -->"
    before, mark, rest = text.partition(begin)
    _, end, after = rest.partition(END)
    if not mark or not end or begin in after:
        raise ValueError(f"{page.name} has not one block {begin} ... {END}")
    page.write_text("\n".join((before + begin, "", *lines, "", END + after)))

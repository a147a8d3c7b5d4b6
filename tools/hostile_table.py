"""Writes ``docs/hostile.md``: every hostile file of the tests, and what it gives.

The table is made from the cases themselves, so what is documented is what is tested.

    python tools/hostile_table.py            write the page
    python tools/hostile_table.py --print    write it to the standard output
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "hostile")]

from cases import CASES, GROUPS, SYSTEM  # noqa: E402

_HEAD = """\
# Hostile files

What `vadd check` says of files that are broken, misleading or merely unusual. The files are made by
`tests/hostile/`, {count} cases of them, and each has to give what stands here; this page is written by
`tools/hostile_table.py`, and a test compares the two.

Most files are a clip of four seconds that is `consistent`, with one thing changed; so any other verdict comes
of that change. `refused` is a wrong call: status 2 and one line. Where several verdicts are listed, each is
right, and which one it is depends on details of the decoder.

For every file, besides: the process that checks it goes on; no other file is read, which canary files beside
it and `strace` prove; nobody is called, which a listener on loopback proves, and the verdicts are the same in
a network namespace without a network.

**Lost data.** A file that was damaged is `consistent` only if nearly all of it could be decoded: at least 0.9
of what it declares, in picture and in sound. A picture that the decoder had to guess in part does not count
as decoded, nor does one that was predicted from such a picture. The tests compare thumbnails and spectrogram
of the damaged file with those of the whole one. What no decoder can tell is bits that were changed in sound
without check sums (PCM, MP3): that gives other sound, and no error.
"""


def page() -> str:
    """The page."""
    lines = [_HEAD.format(count=len(CASES) + len(SYSTEM))]
    for group, title in GROUPS.items():
        lines += [f"## {title}\n", "| What | Gives |", "| --- | --- |"]
        for name, gives in dict.fromkeys(_rows(group)):
            lines.append(f"| {_cell(name)} | {_cell(gives)} |")
        lines.append("")
    return "\n".join(lines)


def _rows(group: str) -> list[tuple[str, str]]:
    if group == "system":
        return list(SYSTEM.values())
    rows = []
    for case in CASES:
        if case.group == group:
            series = re.fullmatch(r"(random damage) \d+", case.name)
            count = sum(other.name.startswith("random damage") for other in CASES)
            name = f"{series[1]}, at {count} places" if series else case.name
            rows.append((name, ", ".join(case.gives)))
    return rows


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.buffer.write(page().encode())
    else:
        (ROOT / "docs" / "hostile.md").write_text(page(), "utf-8")

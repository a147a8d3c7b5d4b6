"""A strict reader of SubRip files, written from the format and not from what vadd writes."""

from __future__ import annotations

import re
from dataclasses import dataclass

TIMES = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d),(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d),(\d{3})")


@dataclass(frozen=True)
class Cue:
    start: int  # milliseconds
    end: int
    lines: tuple[str, ...]


def read(text: str) -> list[Cue]:
    """The cues; fails on anything that a player might read otherwise."""
    assert text.endswith("\n")
    assert "\r" not in text
    cues: list[Cue] = []
    for block in text.rstrip("\n").split("\n\n"):
        number, times, *lines = block.split("\n")
        assert number == str(len(cues) + 1)
        found = TIMES.fullmatch(times)
        assert found, times
        h, m, s, ms, h2, m2, s2, ms2 = map(int, found.groups())
        start, end = ((h * 60 + m) * 60 + s) * 1000 + ms, ((h2 * 60 + m2) * 60 + s2) * 1000 + ms2
        assert start < end
        assert lines
        for line in lines:
            assert line.strip()
            assert len(line.splitlines()) == 1
            assert "-->" not in line
            assert not re.search(r"[<>{}\\]", line)  # tags and overrides
        cues.append(Cue(start, end, tuple(lines)))
    return cues

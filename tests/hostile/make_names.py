"""Names that mean something to a shell, a terminal, a format, another file system, or a web page."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from parts import CONSISTENT, Case, good

__all__ = ["CASES", "NAMES"]

GROUP = "names"

#: What it is → how the file is called.
NAMES = {
    "spaces": " a clip  of sheep .mp4",
    "NFC": unicodedata.normalize("NFC", "Schäferé.mp4"),
    "NFD": unicodedata.normalize("NFD", "Schäferé.mp4"),
    "a newline": "a\nb.mp4",
    "a leading dash": "-i.mp4",
    "an option": "--json.mp4",
    "%03d": "clip%03d.mp4",
    "% and braces": "%s{0}{name}%n.mp4",
    "a colon": "C:clip.mp4",
    "quotes": "a\"b'c`d.mp4",
    "255 bytes": "n" * 251 + ".mp4",
    "not UTF-8": os.fsdecode(b"b\xff\xfe.mp4"),
    "half a character": os.fsdecode(b"\xc3.mp4"),
    "the same stem": "twin.mp4",
    "the same stem, another suffix": "twin.mkv",
    "stars and brackets": "*[a-z]?.mp4",
    "a dollar and a semicolon": "$(touch x);#&.mp4",
    "backslashes": "a\\b\\n.mp4",
    "a terminal's commands": "\x1b[31mred\x1b]0;x\x07.mp4",
    "written backwards": "a\u202e4pm.mp4",
    "a page's script": "<script>alert(1)<!--.mp4",
    "a table's formula": "=1+1|cmd.mp4",
    "no suffix": "clip",
    "a suffix of something else": "clip.txt.jpg",
    "a tab and a bell": "a\tb\x07.mp4",
}


def _called(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(good(".mkv" if name.endswith(".mkv") else ".mp4"))
        return path

    return make


CASES = [Case(GROUP, what, _called(name), (CONSISTENT,)) for what, name in NAMES.items()]

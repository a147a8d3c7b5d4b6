"""Damage at random, the same for the same seed: of bytes, of text and of JSON.

Used by ``tools/fuzz.py`` and by the tests in ``tests/fuzz``. Nothing here knows a format, but for the places
where formats keep lengths: before a four-letter name (ISO media), after one (RIFF, AIFF), and after the
identifier of an EBML element (Matroska).
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["damaged", "damaged_json", "damaged_text", "rng_of", "spliced"]

#: A name of four signs, as boxes and chunks have them.
_NAME = re.compile(rb"[A-Za-z\xa9][A-Za-z0-9 ]{2}[A-Za-z0-9 ]")
#: Identifiers of EBML elements that hold others or bytes: segment, cluster, tracks, block, private data.
_EBML = re.compile(
    rb"\x1a\x45\xdf\xa3|\x18\x53\x80\x67|\x1f\x43\xb6\x75|\x16\x54\xae\x6b|\x1c\x53\xbb\x6b|\xa3|\xae|\x63\xa2"
)
#: Numbers at the edge of what a field holds.
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
#: No input gets longer than this: what is looked for is in the form, not in the size.
_LONGEST = 2**20
#: Nested deeper than Python's stack goes.
_DEEP = 100_000
#: Text that readers stumble over.
_TEXTS = (
    "", " ", "\0", "\n", "\r", "\x1b[2J", "\ud800", "\udcff", "\u202e", "é" * 300, "../../etc/passwd", "/",
    "%s",
    "nan", "NaN", "inf", "-inf", "1e400", "-0", "1_0", "٣", "²", "0x10", "9" * 400, "9" * 5000, "1/0", "0/1",
    "-1/2", "1" * 20 + "/" + "9" * 20, "1-", "-1", "5-1", "0-1;0-1", "'", '"', ",", ";", "\t", "[" * 400,
    "a" * 70_000, "card.json", "true", "null",
)  # fmt: skip
#: Values that readers of JSON stumble over; a text of raw JSON is put in as it stands.
_VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, 1e-320, "", "x",
    "\ud800", [], [[]], {}, {"": None}, [None], ["x", "y"],
)  # fmt: skip
_RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, "[" * _DEEP, "[" * _DEEP + "]" * _DEEP,
    '{"a":' * 5000 + "1" + "}" * 5000, '{"a":1,"a":2}', "", "'x'", "01", "\x00",
)  # fmt: skip
_MARK = "\u0001raw\u0001"

_Way = Callable[[bytearray, Random], None]


def rng_of(*words: object) -> Random:
    """A generator for these words; the same in every process and on every machine."""
    return Random("\0".join(map(str, words)))  # noqa: S311 - drawn to be drawn again


def damaged(data: bytes, rng: Random, other: bytes = b"") -> tuple[bytes, str]:
    """The bytes with one to four damages.

    Args:
        data: A well-formed input.
        rng: Draws everything.
        other: Another well-formed input, whose parts may be put in.

    Returns:
        The damaged bytes, at most 1 MiB, and the names of the damages.
    """
    found, names = bytearray(data), []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if other and rng.random() < 0.12:
            found, name = bytearray(spliced(bytes(found), other, rng)), "splice"
        else:
            name, way = rng.choice(_WAYS)
            way(found, rng)
        del found[_LONGEST:]
        names.append(name)
    return bytes(found), "+".join(names)


def damaged_text(text: bytes, rng: Random, other: bytes = b"") -> tuple[bytes, str]:
    """Lines of text with strange fields put in, lines moved, or damaged as bytes are."""
    if rng.random() < 0.35:
        return damaged(text, rng, other)
    lines = text.split(b"\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        strange = rng.choice(_TEXTS).encode("utf-8", "surrogatepass")
        kind = rng.randrange(6)
        if kind == 0:
            lines.insert(at, strange)
        elif kind == 1:
            lines.insert(at, rng.choice(lines))
        elif kind == 2 and len(lines) > 1:
            del lines[at]
        else:
            # A field: between two of the signs that tables, lists and literals part them with.
            parts = re.split(rb"""([,;\t:"'\[\]()-])""", lines[at])
            parts[rng.randrange(len(parts))] = strange
            lines[at] = b"".join(parts)
    ends = rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\0"))
    return ends.join(lines)[:_LONGEST], "text"


def damaged_json(text: bytes, rng: Random, other: bytes = b"") -> tuple[bytes, str]:
    """JSON, or lines of JSON, with values exchanged, dropped or added, or damaged as bytes are."""
    if rng.random() < 0.15:
        return damaged(text, rng, other)
    lines = text.splitlines()
    whole = b"\n" in text.strip() and not text.lstrip().startswith((b"{\n", b"{ \n", b"[\n"))
    at = rng.randrange(len(lines)) if whole and lines else 0
    try:
        value = json.loads(lines[at] if whole else text)
    except (ValueError, IndexError):
        return damaged(text, rng, other)
    raws: list[str] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _exchanged(value, rng, raws)
    told = json.dumps(value)
    for raw in raws:
        told = told.replace(json.dumps(_MARK), raw, 1)
    made = told.encode("utf-8", "surrogatepass")
    if whole:
        lines[at] = made
        made = b"\n".join(lines) + b"\n"
    return made[:_LONGEST], "json"


def spliced(data: bytes, other: bytes, rng: Random) -> bytes:
    """A head of the one and a tail of the other, or a piece of the other inside the one."""
    at, start = rng.randrange(len(data) + 1), rng.randrange(len(other) + 1)
    if rng.random() < 0.5:
        return data[:at] + other[start:]
    return data[:at] + other[start : start + rng.randint(1, 4096)] + data[at:]


def _exchanged(value: Any, rng: Random, raws: list[str]) -> Any:
    """The value with one place of it changed: an inner one more often than itself."""
    if isinstance(value, dict | list) and value and rng.random() < 0.9:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = rng.choice(keys)
        kind = rng.random()
        if kind < 0.08:
            del value[key]
        elif kind < 0.14 and isinstance(value, dict):
            value[rng.choice(_TEXTS[:12])] = value[key]
        elif kind < 0.14:
            value.insert(key, value[rng.choice(keys)])
        elif kind < 0.2:
            value[key] = value[rng.choice(keys)]
        else:
            value[key] = _exchanged(value[key], rng, raws)
        return value
    drawn = rng.random()
    if drawn < 0.2:
        raws.append(rng.choice(_RAW))
        return _MARK
    if drawn < 0.35:
        return rng.choice(_TEXTS)
    if drawn < 0.5 and isinstance(value, int | float) and not isinstance(value, bool):
        return rng.choice((-value, value + 1, value - 1, value * 1000, 0.5, str(value)[:20], [value]))
    if drawn < 0.5 and isinstance(value, str) and value:
        at = rng.randrange(len(value))
        return rng.choice(
            (value[:at], value + rng.choice(_TEXTS), value[:at] + "0" + value[at + 1 :], value.upper())
        )
    return json.loads(json.dumps(rng.choice(_VALUES)))


def _place(data: bytearray, rng: Random, room: int = 1) -> int:
    """A place with ``room`` bytes after it, often near the start, where headers are."""
    last = max(0, len(data) - room)
    return rng.randint(0, min(last, 256)) if rng.random() < 0.4 else rng.randint(0, last)


def _size(rng: Random) -> int:
    return int(2 ** rng.uniform(0, 12))


def _flip(data: bytearray, rng: Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 32)) if data else 0):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _run(data: bytearray, rng: Random) -> None:
    at, size = _place(data, rng), min(_size(rng), len(data))
    fill = rng.choice((b"\0", b"\xff", None))
    data[at : at + size] = rng.randbytes(size) if fill is None else fill * size


def _delete(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    del data[at : at + _size(rng)]


def _duplicate(data: bytearray, rng: Random) -> None:
    at = _place(data, rng)
    data[at:at] = bytes(data[at : at + _size(rng)]) * rng.choice((1, 1, 2, 50))


def _swap(data: bytearray, rng: Random) -> None:
    size = _size(rng)
    one, two = sorted((_place(data, rng, size), _place(data, rng, size)))
    if one + size <= two:
        data[one : one + size], data[two : two + size] = data[two : two + size], data[one : one + size]


def _truncate(data: bytearray, rng: Random) -> None:
    del data[rng.randint(0, len(data)) :]


def _edge(data: bytearray, rng: Random) -> None:
    """A number at the edge of a field's range at any place."""
    width, order = rng.choice((1, 2, 4, 8)), rng.choice("<>")
    at = _place(data, rng, width)
    number = rng.choice(_EDGES) & (256**width - 1)
    packed = number.to_bytes(width, "big" if order == ">" else "little")
    data[at : at + width] = packed


def _inflate(data: bytearray, rng: Random) -> None:
    """The length of a box, a chunk or an EBML element, made larger or smaller than what is there."""
    names = [match.start() for match in _NAME.finditer(data)]
    elements = [match.end() for match in _EBML.finditer(data)]
    if elements and (not names or rng.random() < (0.7 if data[:4] == b"\x1a\x45\xdf\xa3" else 0.05)):
        at = rng.choice(elements)
        # Lengths of one, four and eight bytes; the last is "unknown".
        data[at : at + 1] = rng.choice(
            (b"\x80", b"\xfe", b"\x1f\xff\xff\xff", b"\x01" + b"\xff" * 7, b"\xff")
        )
        return
    if not names:
        _edge(data, rng)
        return
    at = rng.choice(names)
    before = rng.random() < 0.5 and at >= 4
    place, order = (at - 4, ">") if before else (at + 4, rng.choice("<>"))
    if place + 4 > len(data):
        return
    (now,) = struct.unpack_from(f"{order}I", data, place)
    wanted = rng.choice((0, 1, 7, 8, now + 1, now - 1, now * 2, now + 2**16, 2**31 - 1, 2**31, 2**32 - 1))
    struct.pack_into(f"{order}I", data, place, wanted % 2**32)


_WAYS: tuple[tuple[str, _Way], ...] = (
    ("flip", _flip), ("flip", _flip), ("run", _run), ("delete", _delete), ("duplicate", _duplicate),
    ("swap", _swap), ("truncate", _truncate), ("edge", _edge), ("edge", _edge), ("inflate", _inflate),
    ("inflate", _inflate),
)  # fmt: skip

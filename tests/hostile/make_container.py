"""Containers that are none, or that have been cut, or that have been damaged at any place."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import io
import os
import socket
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import parts
from parts import CONSISTENT, DAMAGED, LIMIT, NO_AUDIO, NO_VIDEO, NOT_MEDIA, REFUSED, UNKNOWN, Case, good, put
from PIL import Image

__all__ = ["CASES", "SEEDS"]

SEEDS = 40
GROUP = "container"


def _png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(parts.frames()[0]).save(file, "PNG")
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("clip.mp4", good())
    return file.getvalue()


def _moov(fast: bool) -> tuple[int, int]:
    return parts.box(good(fast=fast), b"moov")


def _first_frame() -> int:
    """Where the first frame of the clip with its index first lies."""
    data = good(fast=True)
    table, _ = parts.box(data, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco")
    return struct.unpack_from(">I", data, table + 16)[0]


def _share(suffix: str, share: float, *, fast: bool = False) -> Callable[[], bytes]:
    return lambda: good(suffix, fast=fast)[: int(len(good(suffix, fast=fast)) * share)]


def _ogg(spoil: Callable[[bytes], bytes]) -> Callable[[], bytes]:
    """An Ogg whose pages between a quarter and three quarters are spoilt."""

    def make() -> bytes:
        data = good(".ogg")
        pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
        ends = [*pages[1:], len(data)]
        bad = range(len(pages) // 4, 3 * len(pages) // 4)
        return b"".join(
            spoil(data[a:b]) if at in bad else data[a:b] for at, (a, b) in enumerate(zip(pages, ends, strict=True))
        )  # fmt: skip

    return make


def _wrong_sum(page: bytes) -> bytes:
    return page[:22] + bytes(each ^ 255 for each in page[22:26]) + page[26:]


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mp4")
    return folder / "pipe.mp4"


def _socket(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s.mp4")
    finally:
        os.chdir(here)
    return folder / "s.mp4"


def _folder(folder: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


def _to_zero(folder: Path) -> Path:
    (folder / "zero.mp4").symlink_to("/dev/zero")
    return folder / "zero.mp4"


def _huge(folder: Path) -> Path:
    path = folder / "huge.mp4"
    path.write_bytes(good())
    os.truncate(path, 5 * 2**30)  # a hole: it takes no room
    return path


def _size_of_box(kind: bytes, size: int) -> Callable[[], bytes]:
    """The good clip, one of whose boxes says another size."""

    def make() -> bytes:
        data = bytearray(good(fast=True))
        struct.pack_into(">I", data, parts.box(bytes(data), *_PATHS[kind])[0], size)
        return bytes(data)

    return make


_PATHS = {b"moov": (b"moov",), b"mdat": (b"mdat",), b"trak": (b"moov", b"trak")}


def _nested() -> bytes:
    data = b""
    for _ in range(2_000):
        data = parts.made_box(b"moov", data)
    return parts.made_box(b"ftyp", b"isom\0\0\0\0isom") + data


def _samples_beyond() -> bytes:
    """The table of frames says that each is two gigabytes long."""
    data = bytearray(good())
    at, end = parts.box(good(), b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")
    for place in range(at + 20, end, 4):
        struct.pack_into(">I", data, place, 2**31 - 1)
    return bytes(data)


def _keyframe(suffix: str) -> Callable[[], bytes]:
    """A quarter of the second keyframe is noise: all that is shown after it is made of it by motion."""

    def make() -> bytes:
        data = good(suffix)
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            file.write(data)
            file.flush()
            with av.open(file.name) as container:
                packets = container.demux(container.streams.video[0])
                keys = [(packet.pos, packet.size) for packet in packets if packet.size and packet.is_keyframe]
        at, size = keys[1]
        noise = np.random.default_rng(7).bytes(size // 4)
        return data[: at + size // 2] + noise + data[at + size // 2 + len(noise) :]

    return make


#: Where random damage is done, and how: by turns.
_CONTAINERS = ((".mp4", False), (".mp4", True), (".mkv", False), (".ts", False), (".avi", False),
               (".flv", False), (".webm", False))  # fmt: skip


def damaged(seed: int) -> bytes:
    """The clip in one of seven containers, spoilt in one of five ways, at a place that the seed walks over."""
    suffix, fast = _CONTAINERS[seed % len(_CONTAINERS)]
    data, chance = bytearray(good(suffix, fast=fast)), np.random.default_rng(seed)
    at = len(data) * seed // SEEDS
    long = max(1, int(len(data) * chance.choice([0.002, 0.02, 0.1])))
    way = chance.integers(5)
    if way == 0:
        data[at : at + long] = chance.bytes(len(data[at : at + long]))
    elif way == 1:
        data[at : at + long] = bytes(len(data[at : at + long]))
    elif way == 2:  # lost
        del data[at : at + long]
    elif way == 3:  # twice
        data[at:at] = data[at : at + long]
    else:  # many single bits, from there on
        for place in chance.integers(at, len(data), max(1, long // 8)):
            data[place] ^= 1 << int(chance.integers(8))
    return bytes(data)


def _whole(seed: int) -> Callable[[Path], Path]:
    suffix, fast = _CONTAINERS[seed % len(_CONTAINERS)]
    return put(f"whole{suffix}", lambda: good(suffix, fast=fast))


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives, told)


CASES = [
    _case("0 bytes", put("a.mp4", lambda: b""), NOT_MEDIA, told="the file is empty"),
    _case("one byte", put("a.mp4", lambda: b"\0"), NOT_MEDIA),
    _case("text", put("a.mp4", lambda: b"To be, or not to be\n" * 99), NOT_MEDIA),
    _case("a web page", put("a.webm", lambda: b"<!doctype html><title>404</title>" * 50), NOT_MEDIA),
    _case("PNG", put("a.mp4", _png), NOT_MEDIA),
    _case("ZIP that holds a clip", put("a.mp4", _zip), NOT_MEDIA),
    _case("a program", put("a.mkv", lambda: Path("/proc/self/exe").read_bytes()[:100_000]), NOT_MEDIA),
    _case("zeros", put("a.mp4", lambda: bytes(10**6)), NOT_MEDIA),
    _case("noise", put("a.mp4", lambda: np.random.default_rng(3).bytes(10**5)), NOT_MEDIA),
    _case("above the limit of size", _huge, LIMIT, told="above the limit"),
    _case("cut before moov", put("a.mp4", lambda: good()[: _moov(False)[0]]), DAMAGED, told="header"),
    _case("cut within moov", put("a.mp4", lambda: good()[: sum(_moov(False)) // 2]), DAMAGED),
    _case("cut after moov", put("a.mp4", lambda: good(fast=True)[: _moov(True)[1]]), DAMAGED),
    _case("faststart, cut in the first frame", put("a.mp4", lambda: good(fast=True)[: _first_frame() + 99]), DAMAGED),
    _case("cut in the middle of a frame", put("a.mp4", _share(".mp4", 0.6, fast=True)), DAMAGED, told="could be decoded"),
    _case("cut in the last frame", put("a.mp4", lambda: good(fast=True)[:-20]), CONSISTENT),
    _case("a spoilt keyframe", put("a.mp4", _keyframe(".mp4")), DAMAGED, told="could be decoded"),
    _case("a spoilt keyframe in Matroska", put("a.mkv", _keyframe(".mkv")), DAMAGED, told="could be decoded"),
    _case("a spoilt keyframe in AVI, which tells no times", put("a.avi", _keyframe(".avi")), DAMAGED, told="could be decoded"),
    _case("Matroska, cut", put("a.mkv", _share(".mkv", 0.6)), DAMAGED),
    _case("WebM, cut", put("a.webm", _share(".webm", 0.6)), DAMAGED),
    _case("AVI, cut", put("a.avi", _share(".avi", 0.6)), DAMAGED),
    _case("FLV, cut", put("a.flv", _share(".flv", 0.6)), DAMAGED),
    _case("transport stream, cut: it declares nothing", put("a.ts", _share(".ts", 0.6)), CONSISTENT),
    _case("transport stream, begun late", put("a.ts", lambda: good(".ts")[len(good(".ts")) // 10 :]), DAMAGED),
    _case("Ogg, whole", put("a.ogg", lambda: good(".ogg")), CONSISTENT),
    _case("Ogg with wrong check sums", put("a.ogg", _ogg(_wrong_sum)), DAMAGED),
    _case("Ogg with pages cut short", put("a.ogg", _ogg(lambda page: page[:200])), DAMAGED),
    _case("Ogg without its first page", put("a.ogg", lambda: good(".ogg")[good(".ogg").index(b"OggS", 4) :]), NO_VIDEO),
    _case("a folder", _folder, REFUSED, told="folder"),
    _case("a pipe", _pipe, REFUSED, told="not a regular file"),
    _case("a socket", _socket, REFUSED, told="not a regular file"),
    _case("/dev/zero", lambda folder: Path("/dev/zero"), REFUSED, told="not a regular file"),
    _case("a link to /dev/zero", _to_zero, REFUSED, told="not a regular file"),
    _case("what is not there", lambda folder: folder / "none.mp4", REFUSED, told="does not exist"),
    _case("moov of size 0", put("a.mp4", _size_of_box(b"moov", 0)), CONSISTENT),
    _case("moov of 4 GiB", put("a.mp4", _size_of_box(b"moov", 2**32 - 1)), CONSISTENT),
    _case("moov of 4 bytes", put("a.mp4", _size_of_box(b"moov", 4)), DAMAGED),
    _case("2000 boxes in each other", put("a.mp4", _nested), DAMAGED),
    _case("frames of 2 GiB each", put("a.mp4", _samples_beyond), DAMAGED),
]  # fmt: skip

#: What may be said of a clip that was damaged. ``consistent`` only if it was not, see ``Case.whole``; and
#: no damage may look like foul play.
ANYTHING = (CONSISTENT, DAMAGED, NOT_MEDIA, LIMIT, NO_AUDIO, NO_VIDEO, UNKNOWN)

CASES += [
    Case(GROUP, f"random damage {seed + 1}", put(f"a{_CONTAINERS[seed % len(_CONTAINERS)][0]}", lambda seed=seed: damaged(seed)), ANYTHING, whole=_whole(seed))
    for seed in range(SEEDS)
]  # fmt: skip

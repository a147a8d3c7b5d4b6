"""What the hostile files are made of: one small clip that is called ``consistent``, and tools to spoil it.

That clip is four seconds of the good one of the demonstration, smaller. Whatever is done to it, a verdict
other than ``consistent`` then comes of what was done.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np

import broken
import media

#: Seconds, frames a second, width and height, and samples a second of the small clip.
SECONDS, RATE, SIZE, HERTZ = 4, 10, (256, 144), broken.RATE

#: Verdicts as the table names them.
CONSISTENT, DISCREPANT = "consistent", "discrepant"
DAMAGED, NOT_MEDIA, LIMIT, UNREADABLE = (
    f"failed ({reason})" for reason in ("damaged", "not_media", "limit", "unreadable")
)
NO_AUDIO, NO_VIDEO, SILENT, SHORT, UNKNOWN, BLANK, GENERIC = (
    f"inconclusive ({reason})"
    for reason in ("no_audio", "no_video", "silent", "too_short", "unknown_scene", "picture_says_nothing",
                   "sound_says_nothing")
)  # fmt: skip
REFUSED = "refused"

#: What is written into files that must not be read; found anywhere, somebody read one.
CANARY = "the canary sings in the coal mine"


@dataclass(frozen=True)
class Case:
    """A hostile file.

    Args:
        group: The group of the list that it belongs to.
        name: What it is, in a few words; unique.
        make: Makes the file in an empty folder and says what is to be checked.
        gives: The verdicts that it may get.
        told: Words of the explanation, or of a note.
        whole: What the file would be, were nothing damaged: then ``consistent`` needs all of that.
    """

    group: str
    name: str
    make: Callable[[Path], Path]
    gives: tuple[str, ...]
    told: str = ""
    whole: Callable[[Path], Path] | None = None


#: Of the encoders other than the usual one.
_OPTIONS = {
    "libvpx": {"g": "20", "b": "600k", "cpu-used": "8"},
    "mpeg4": {"g": "20", "qmin": "3", "qmax": "5"},
}


@cache
def frames() -> tuple[np.ndarray, ...]:
    """The frames of the small clip."""
    return tuple(
        image for at, image in enumerate(broken.frames_of(size=SIZE, rate=RATE)) if at < SECONDS * RATE
    )


@cache
def _samples(hertz: int) -> np.ndarray:
    return broken.samples_of(rate=hertz)


def samples(seconds: float = SECONDS, hertz: int = HERTZ) -> np.ndarray:
    """``(1, n)``: so much of the good clip's sound."""
    return _samples(hertz)[:, : round(seconds * hertz)].copy()


def at_rate(
    images: Sequence[np.ndarray], rate: int = RATE, start: float = 0
) -> list[tuple[Fraction, object]]:
    """Frames at a constant rate."""
    return [(Fraction(at, rate) + Fraction(start), image) for at, image in enumerate(images)]


def picture(**changes: object) -> media.Picture:
    """The picture of the small clip, or a variant."""
    settings = {"rate": RATE, "size": SIZE, "options": {"preset": "ultrafast", "g": "20", "crf": "28"}}
    return media.Picture(**{"frames": at_rate(frames()), **settings, **changes})


def sound(**changes: object) -> media.Sound:
    """The sound of the small clip, or a variant."""
    return media.Sound(**{"samples": samples(), "rate": HERTZ, **changes})


def clip(path: Path, *, seen: media.Picture | None = None, heard: media.Sound | None = None,
         **options: str) -> Path:  # fmt: skip
    """The small clip; the container follows the suffix, as do the codecs where it knows few."""
    few = {".avi": ("mpeg4", "libmp3lame"), ".webm": ("libvpx", "libopus"), ".ogg": ("libvpx", "libopus")}
    codecs = few.get(path.suffix)
    if codecs:
        seen = seen or picture(codec=codecs[0], options=_OPTIONS[codecs[0]])
        hertz = 48_000 if codecs[1] == "libopus" else HERTZ
        heard = heard or sound(samples=samples(hertz=hertz), rate=hertz, codec=codecs[1])
    return media.write(path, seen or picture(), [heard or sound()], **options)


@cache
def _bytes(suffix: str, fast: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        options = {"movflags": "faststart"} if fast else {}
        return clip(Path(folder) / f"clip{suffix}", **options).read_bytes()


def good(suffix: str = ".mp4", *, fast: bool = False) -> bytes:
    """The bytes of the small clip; an MP4 has its index at the end unless it is ``fast``."""
    return _bytes(suffix, fast)


def put(name: str, content: Callable[[], bytes]) -> Callable[[Path], Path]:
    """A maker of a file with these bytes."""

    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content())
        return path

    return make


def pasted(path: Path, seen: Callable[[Path], Path], heard: Callable[[Path], Path] | None = None) -> Path:
    """The picture that a maker makes with the small clip's sound, or that of another maker, bit for bit."""
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        one.mkdir(), other.mkdir()
        return broken.join(path, seen(one), (heard or put("sound.mp4", good))(other))


def encoded(
    path: Path, images: Sequence[np.ndarray], codec: str, pixels: str, *, form: str = "rgb24",
    rate: int = RATE, options: dict[str, str] | None = None,
) -> Path:  # fmt: skip
    """Images of any form as a video alone, in a given codec and pixel format."""
    height, width = images[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.options = options or {}
        for at, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=form)
            frame.pts, frame.time_base = at, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


# MP4 from the inside


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """``(kind, where it starts, where it ends)`` of the boxes between two places."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start, start + size
        start += max(size, 8)


def box(data: bytes, *path: bytes | tuple[bytes, int]) -> tuple[int, int]:
    """Where a box starts and ends; a step of the path may say which of its kind."""
    start, end = -8, len(data)
    for step in path:
        kind, which = step if isinstance(step, tuple) else (step, 0)
        start, end = [(a, b) for found, a, b in boxes(data, start + 8, end) if found == kind][which]
    return start, end


def replaced(data: bytes, new: bytes, *path: bytes | tuple[bytes, int]) -> bytes:
    """With another box in place of one; right where the index comes last, as nothing that it names moves."""
    start, end = box(data, *path)
    more = len(new) - (end - start)
    changed = bytearray(data[:start] + new + data[end:])
    for depth in range(1, len(path)):
        at, _ = box(data, *path[:depth])
        struct.pack_into(">I", changed, at, struct.unpack_from(">I", data, at)[0] + more)
    return bytes(changed)


def made_box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return struct.pack(">I4s", 8 + len(content), kind) + content

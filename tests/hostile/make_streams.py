"""Streams that are missing, empty, too many, or not the ones that a player would play."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import parts
from av.stream import Disposition
from parts import CONSISTENT, LIMIT, NO_AUDIO, NO_VIDEO, NOT_MEDIA, UNREADABLE, Case, good, picture, sound

import broken
import media

__all__ = ["CASES"]

GROUP = "streams"
_NOTHING = np.zeros((1, 0), np.float32)
_TONE = media.tone(parts.SECONDS, parts.HERTZ)


def _written(name: str, seen: bool, heard: Callable[[], list[media.Sound]]) -> Callable[[Path], Path]:
    return lambda folder: media.write(folder / name, picture() if seen else None, heard())


def _both(name: str, first: str, second: str, default: int) -> Callable[[Path], Path]:
    """Two tracks of sound, of which one is the clip's (``own``) and the other a tone."""

    def tracks() -> list[media.Sound]:
        return [
            sound(samples=parts.samples() if which == "own" else _TONE, default=at == default, title=which)
            for at, which in enumerate((first, second))
        ]

    return _written(name, True, tracks)


def _muxed(path: Path, *tracks: tuple[Path, str, bool]) -> Path:
    """Tracks of files, bit for bit: (file, kind of its track, whether a player takes it by default)."""
    with ExitStack() as files, av.open(str(path), "w") as new:
        copies = []
        for source, kind, default in tracks:
            old = files.enter_context(av.open(str(source)))
            stream = next(each for each in old.streams if each.type == kind)
            copy = new.add_stream_from_template(stream)
            art = stream.disposition & Disposition.attached_pic
            copy.disposition = art or (Disposition.default if default else Disposition(0))
            copies.append((old.demux(stream), copy))
        for packets, copy in copies:
            for packet in packets:
                if packet.size:
                    packet.stream = copy
                    new.mux(packet)
    return path


def _clip(folder: Path) -> Path:
    (folder / ".clip.mp4").write_bytes(good())
    return folder / ".clip.mp4"


def _cover(folder: Path) -> Path:
    """Cover art, and the clip behind it."""
    art = media.Picture([(Fraction(0), parts.frames()[0])], 1, parts.SIZE, "mjpeg", {}, cover=True)
    made, film = media.write(folder / ".art.mp4", art, []), _clip(folder)
    return _muxed(folder / "a.mp4", (made, "video", False), (film, "video", True), (film, "audio", True))


def _cover_alone(folder: Path) -> Path:
    art = media.Picture([(Fraction(0), parts.frames()[0])], 1, parts.SIZE, "mjpeg", {}, cover=True)
    return media.write(folder / "a.mp4", art, [sound()])


def _many(count: int) -> Callable[[Path], Path]:
    short = sound(samples=media.tone(0.1, 8_000), rate=8_000, codec="pcm_s16le", default=False)
    return _written("a.mkv", True, lambda: [sound(), *[short] * (count - 2)])


def _subtitles(folder: Path, *, alone: bool) -> Path:
    """A track of text, alone or beside the clip."""
    text = folder / ".text.srt"
    text.write_text("1\n00:00:00,000 --> 00:00:04,000\nbaa\n")
    film = [] if alone else [(_clip(folder), kind, True) for kind in ("video", "audio")]
    return _muxed(folder / "a.mkv", *film, (text, "subtitle", False))


def _unknown(*kinds: bytes) -> Callable[[], bytes]:
    """The codec of these tracks is called by a name that nobody knows."""

    def make() -> bytes:
        data = good()
        for kind in kinds:
            at = data.index(kind, data.index(b"stsd"))
            data = data[:at] + b"zzzz" + data[at + 4 :]
        return data

    return make


def _no_streams() -> bytes:
    """A Matroska header and a segment of unknown size without anything."""
    return bytes.fromhex(
        "1a45dfa39f4286810142f7810142f2810442f381084282886d6174726f736b614287810442858102"
    ) + (bytes.fromhex("18538067") + b"\x01" + b"\xff" * 7)


def _two_pictures(folder: Path) -> Path:
    """The clip's picture as the second of two video tracks; the first is a colour, and not the default."""
    plain = media.write(folder / ".plain.mp4", media.Picture(media.seconds_of_colour(4)), [])
    film = _clip(folder)
    return _muxed(folder / "a.mkv", (plain, "video", False), (film, "video", True), (film, "audio", True))


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives, told)


CASES = [
    _case("no audio", _written("a.mp4", True, list), NO_AUDIO),
    _case("no video", _written("a.m4a", False, lambda: [sound()]), NO_VIDEO),
    _case("zero-length audio", _written("a.mkv", True, lambda: [sound(samples=_NOTHING, codec="pcm_s16le")]), NO_AUDIO, told="empty"),
    _case("zero-length audio in MP4", _written("a.mp4", True, lambda: [sound(samples=_NOTHING)]), NO_AUDIO),
    _case("a video track without a frame", lambda folder: media.write(folder / "a.mkv", picture(frames=[]), [sound()]), NO_VIDEO),
    _case("cover art and sound", _cover_alone, NO_VIDEO, told="cover art"),
    _case("cover art before the film", _cover, CONSISTENT, told="cover art"),
    _case("40 streams", _many(40), LIMIT, told="number of streams 40"),
    _case("16 streams", _many(16), CONSISTENT, told="of 15"),
    _case("two languages, the first is the default", _both("a.mkv", "own", "tone", 0), CONSISTENT, told="the default of 2"),
    _case("two languages, the second is the default", _both("a.mkv", "tone", "own", 1), CONSISTENT, told="the default of 2"),
    _case("two languages, no default", _both("a.mkv", "own", "tone", -1), CONSISTENT, told="of 2"),
    _case("two pictures, the second is the default", _two_pictures, CONSISTENT, told="video track used"),
    _case("data only: subtitles", lambda folder: _subtitles(folder, alone=True), NOT_MEDIA),
    _case("subtitles beside", lambda folder: _subtitles(folder, alone=False), CONSISTENT),
    _case("no stream at all", parts.put("a.mkv", _no_streams), parts.DAMAGED),
    _case("a picture in an unknown codec", parts.put("a.mp4", _unknown(b"avc1")), NO_VIDEO, told="cannot be decoded"),
    _case("a sound in an unknown codec", parts.put("a.mp4", _unknown(b"mp4a", b"esds")), NO_AUDIO, told="cannot be decoded"),
    _case("both in unknown codecs", parts.put("a.mp4", _unknown(b"avc1", b"mp4a", b"esds")), UNREADABLE, told="no decoder"),
    _case("the picture of one clip, the sound of another", lambda folder: broken.join(folder / "a.mp4", broken.SWAPPED, broken.GOOD, seconds=4), parts.DISCREPANT),
]  # fmt: skip

"""Times that jump, stand still, run backwards, are missing, or are not what the file declares."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import parts
from parts import CONSISTENT, DAMAGED, LIMIT, SHORT, Case, frames, good, picture, put, samples, sound

import broken
import media

__all__ = ["CASES", "edits"]

GROUP = "time"


def _shown(times: list[Fraction]) -> list[tuple[Fraction, object]]:
    """The frame of the small clip that belongs to each time."""
    return [(time, frames()[min(int(time * parts.RATE), len(frames()) - 1)]) for time in times]


def _variable() -> list[tuple[Fraction, object]]:
    """A second at 1 frame, one at 60, two at 1 again."""
    return _shown([Fraction(0), *(1 + Fraction(at, 60) for at in range(60)), Fraction(2), Fraction(3)])


def _clip(name: str, *, seen: Callable[[], media.Picture] = picture, heard: Callable[[], media.Sound] = sound,
          **options: str) -> Callable[[Path], Path]:  # fmt: skip
    return lambda folder: media.write(folder / name, seen(), [heard()], **options)


def _rewritten(
    name: str, change: Callable[[av.Packet, str, int], None], **options: str
) -> Callable[[Path], Path]:
    """The clip's packets with other timestamps."""

    def make(folder: Path) -> Path:
        (folder / ".clip.mp4").write_bytes(good())
        with (
            av.open(str(folder / ".clip.mp4")) as old,
            av.open(str(folder / name), "w", options=options) as new,
        ):
            copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
            counts = dict.fromkeys(copies, 0)
            for packet in old.demux():
                if packet.size:
                    kind, index = packet.stream.type, packet.stream.index
                    change(packet, kind, counts[index])
                    counts[index] += 1
                    packet.stream = copies[index]
                    new.mux(packet)
        return folder / name

    return make


def _later(seconds: float, only: str = "") -> Callable[[av.Packet, str, int], None]:
    def change(packet: av.Packet, kind: str, count: int) -> None:
        if only in {"", kind}:
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return change


def _all_at_once(packet: av.Packet, kind: str, count: int) -> None:
    if kind == "video":
        packet.pts = packet.dts = count  # ticks, of which a second has ten thousand and more


def _far(packet: av.Packet, kind: str, count: int) -> None:
    if kind == "video" and count >= 38:
        _later(3 * 3600)(packet, kind, count)


# What the tables of an MP4 say


def _durations(factor: float) -> Callable[[], bytes]:
    """All durations that the headers of an MP4 declare, times a factor."""

    def make() -> bytes:
        data = bytearray(good())
        places = [(parts.box(good(), b"moov", b"mvhd")[0], 24)]
        for track in range(2):
            trak = (b"trak", track)
            places.append((parts.box(good(), b"moov", trak, b"tkhd")[0], 28))
            places.append((parts.box(good(), b"moov", trak, b"mdia", b"mdhd")[0], 24))
        for at, offset in places:
            now = struct.unpack_from(">I", data, at + offset)[0]
            struct.pack_into(">I", data, at + offset, int(now * factor))
        return bytes(data)

    return make


def _scale(name: bytes, *path: bytes | tuple[bytes, int]) -> Callable[[int], bytes]:
    def make(ticks: int) -> bytes:
        data = bytearray(good())
        struct.pack_into(">I", data, parts.box(good(), *path, name)[0] + 20, ticks)
        return bytes(data)

    return make


def edits(*edits: tuple[int, int]) -> Callable[[], bytes]:
    """The picture's edit list: (duration in ticks of the movie, start in ticks of the media; -1 is nothing)."""

    def make() -> bytes:
        entries = b"".join(struct.pack(">IiI", long, start, 1 << 16) for long, start in edits)
        new = parts.made_box(b"elst", struct.pack(">II", 0, len(edits)) + entries)
        return parts.replaced(good(), parts.made_box(b"edts", new), b"moov", b"trak", b"edts")

    return make


def _ticks(data: bytes) -> int:
    """Of the picture's media, a second."""
    return struct.unpack_from(">I", data, parts.box(data, b"moov", b"trak", b"mdia", b"mdhd")[0] + 20)[0]


def _matroska(seconds: float) -> bytes:
    """A Matroska that declares another duration, in all places where it does."""
    data = bytearray(good(".mkv"))
    at = data.index(b"\x44\x89\x88") + 3
    struct.pack_into(">d", data, at, seconds * 1000)
    clock = f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:012.9f}".encode()
    place = 0
    while (place := bytes(data).find(b"00:00:04.", place)) >= 0:
        data[place : place + len(clock)] = clock
        place += 1
    return bytes(data)


def _short(seconds: float) -> Callable[[Path], Path]:
    return _clip(
        "a.mp4",
        seen=lambda: picture(frames=parts.at_rate(frames()[: round(seconds * parts.RATE)])),
        heard=lambda: sound(samples=samples(seconds)),
    )


def _without_times(folder: Path) -> Path:
    """An AVI with frames out of order, which therefore tells no time of any."""
    seen = picture(codec="mpeg4", options={"g": "20", "bf": "2", "qmin": "3", "qmax": "5"})
    return parts.clip(folder / "a.avi", seen=seen)


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives, told)


CASES = [
    _case("1, then 60, then 1 frames a second", _clip("a.mp4", seen=lambda: picture(frames=_variable(), rate=60)), CONSISTENT),
    _case("the same in Matroska", _clip("a.mkv", seen=lambda: picture(frames=_variable(), rate=60)), CONSISTENT),
    _case("one frame a second", _clip("a.mp4", seen=lambda: picture(frames=_shown([Fraction(at) for at in range(4)]), rate=1)), CONSISTENT),
    _case("one frame for all", _clip("a.mp4", seen=lambda: picture(frames=_shown([Fraction(0), Fraction(39, 10)]), rate=10)), CONSISTENT),
    _case("a gap in the picture, as a still", _clip("a.mp4", seen=lambda: picture(frames=[each for each in parts.at_rate(frames()) if not 1 <= each[0] < 3])), CONSISTENT),
    _case("a gap of half the sound", _clip("a.mkv", heard=lambda: sound(skip=(1.0, 3.0))), DAMAGED, told="sound could be decoded"),
    _case("a gap of half the sound in MP4", _clip("a.mp4", heard=lambda: sound(skip=(1.0, 3.0))), DAMAGED, told="sound could be decoded"),
    _case("times below zero", _rewritten("a.mp4", _later(-2), avoid_negative_ts="disabled"), CONSISTENT),
    _case("times below zero, of the sound alone", _rewritten("a.mkv", _later(-0.5, "audio"), avoid_negative_ts="make_zero"), CONSISTENT),
    _case("missing times", _without_times, CONSISTENT),
    _case("all frames within a blink", _rewritten("a.mkv", _all_at_once), CONSISTENT, SHORT),
    _case("a jump of three hours", _rewritten("a.mkv", _far), LIMIT, told="limit"),
    _case("a clock that runs over within the clip", lambda folder: parts.clip(folder / "a.ts", output_ts_offset="95441.7"), CONSISTENT),
    _case("a clock that starts at 26 hours", lambda folder: parts.clip(folder / "a.ts", output_ts_offset="93600"), CONSISTENT),
    _case("edit list: the first second left out", put("a.mp4", lambda: edits((3000, _ticks(good())))()), CONSISTENT),
    _case("edit list: nothing for a second, then all", put("a.mp4", edits((1000, -1), (4000, 0))), CONSISTENT),
    _case("edit list: the last second only", put("a.mp4", lambda: edits((1000, 3 * _ticks(good())))()), SHORT),
    _case("edit list: beyond the end", put("a.mp4", lambda: edits((4000, 99 * _ticks(good())))()), DAMAGED),
    _case("edit list: the same second 100 times", put("a.mp4", edits(*[(1000, 0)] * 100)), SHORT),
    _case("edit list: 2,000 cuts of nothing", put("a.mp4", edits(*[(0, 0)] * 2_000)), DAMAGED),
    _case("audio shorter than the picture", _clip("a.mp4", heard=lambda: sound(samples=samples(1.5))), CONSISTENT),
    _case("audio of half a second", _clip("a.mp4", heard=lambda: sound(samples=samples(0.5))), SHORT),
    _case("audio longer than the picture", _clip("a.mp4", heard=lambda: sound(samples=samples(8))), CONSISTENT),
    _case("audio late by a second", _clip("a.mp4", heard=lambda: sound(start=Fraction(1))), CONSISTENT),
    _case("audio late by more than the picture lasts", _clip("a.mkv", heard=lambda: sound(start=Fraction(6))), SHORT),
    _case("ten times the duration in the headers, not in the tables", put("a.mp4", _durations(10)), CONSISTENT),
    _case("a tenth of the duration in the headers", put("a.mp4", _durations(0.1)), CONSISTENT),
    _case("no duration in the headers", put("a.mp4", _durations(0)), CONSISTENT),
    _case("Matroska, ten times the duration declared", put("a.mkv", lambda: _matroska(40)), DAMAGED),
    _case("Matroska, three hours declared", put("a.mkv", lambda: _matroska(3 * 3600)), LIMIT, told="duration"),
    _case("Matroska, a tenth of the duration declared", put("a.mkv", lambda: _matroska(0.4)), CONSISTENT),
    _case("a time scale of 0", put("a.mp4", lambda: _scale(b"mdhd", b"moov", b"trak", b"mdia")(0)), SHORT),
    _case("a time scale of 2^32 - 1", put("a.mp4", lambda: _scale(b"mdhd", b"moov", b"trak", b"mdia")(2**32 - 1)), SHORT),
    _case("half a second", _short(0.5), SHORT),
    _case("0.9 s", _short(0.9), SHORT),
    _case("one frame and its sound", _short(0.1), SHORT),
    _case("a raw copy of 4 s of the good clip", lambda folder: broken.join(folder / "a.mkv", seconds=4), CONSISTENT),
]  # fmt: skip

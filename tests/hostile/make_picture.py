"""Pictures that lie on their side, are stretched, tiny, deep, grey, see-through, woven, fast, or too large."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import parts
from parts import BLANK, CONSISTENT, DAMAGED, LIMIT, UNKNOWN, Case, encoded, frames, pasted, picture
from PIL import Image

import media

__all__ = ["CASES"]

GROUP = "picture"
_X264 = {"preset": "ultrafast", "g": "20", "crf": "28"}


def _sized(width: int, height: int) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(image).resize((width, height))) for image in frames()]


def _turned(degrees: int) -> Callable[[Path], Path]:
    """Pixels that are turned, and a file that says so."""

    def make(folder: Path) -> Path:
        images = [np.ascontiguousarray(np.rot90(image, degrees // 90)) for image in frames()]
        height, width = images[0].shape[:2]
        seen = picture(frames=parts.at_rate(images), size=(width, height), rotation=-degrees)
        return parts.clip(folder / "a.mp4", seen=seen)

    return make


def _narrow(folder: Path) -> Path:
    """Half as many columns, each pixel twice as wide."""
    seen = picture(frames=parts.at_rate(_sized(128, 144)), size=(128, 144), pixel_aspect=Fraction(2))
    return parts.clip(folder / "a.mp4", seen=seen)


def _mad_pixels(folder: Path) -> Path:
    return parts.clip(folder / "a.mp4", seen=picture(pixel_aspect=Fraction(255, 1)))


def _film(
    name: str, codec: str, pixels: str, *, images: Callable[[], Sequence[np.ndarray]] = frames,
    form: str = "rgb24", rate: int = parts.RATE, options: dict[str, str] | None = None,
) -> Callable[[Path], Path]:  # fmt: skip
    """The clip with its picture in another codec and pixel format."""

    def seen(folder: Path) -> Path:
        return encoded(
            folder / f"film{Path(name).suffix}",
            images(),
            codec,
            pixels,
            form=form,
            rate=rate,
            options=options,
        )

    return lambda folder: pasted(folder / name, seen)


def _see_through() -> list[np.ndarray]:
    half = np.full((*frames()[0].shape[:2], 1), 128, np.uint8)
    return [np.concatenate([image, half], axis=2) for image in frames()]


def _fast(rate: int) -> Callable[[], list[np.ndarray]]:
    return lambda: [image for image in frames() for _ in range(rate // parts.RATE)]


def _changing(folder: Path) -> Path:
    """A transport stream whose frames are smaller from the middle on."""
    half = len(frames()) // 2
    path = folder / "a.ts"
    with av.open(str(path), "w") as new:
        heard = new.add_stream("aac", rate=parts.HERTZ, layout="mono")
        stream = new.add_stream("libx264", rate=parts.RATE)
        stream.width, stream.height, stream.pix_fmt = *parts.SIZE, "yuv420p"
        stream.codec_context.options = _X264
        for at, image in enumerate(frames()[:half]):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, parts.RATE)
            new.mux(stream.encode(frame))
        new.mux(stream.encode())
        small = av.CodecContext.create("libx264", "w")
        small.width, small.height, small.pix_fmt = 128, 72, "yuv420p"
        small.time_base, small.options = Fraction(1, parts.RATE), _X264
        packets = []
        for at, image in enumerate(_sized(128, 72)[half:], half):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = at, small.time_base
            packets += small.encode(frame)
        for packet in [*packets, *small.encode(None)]:
            packet.stream = stream
            packet.time_base = small.time_base
            new.mux(packet)
        for at in range(0, parts.samples().shape[1], 1024):
            block = np.ascontiguousarray(parts.samples()[:, at : at + 1024])
            sound = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            sound.sample_rate, sound.pts = parts.HERTZ, at
            new.mux(heard.encode(sound))
        new.mux(heard.encode(None))
    return path


def _huge_header(folder: Path) -> Path:
    """An uncompressed AVI that declares frames of 30,000 x 30,000 pixels and holds small ones."""
    path = encoded(folder / "a.avi", frames()[:5], "rawvideo", "bgr24")
    data = bytearray(path.read_bytes())
    at = data.index(b"strf") + 8
    struct.pack_into("<ii", data, at + 4, 30_000, 30_000)
    path.write_bytes(data)
    return path


def _large(width: int, height: int) -> Callable[[Path], Path]:
    """One black frame that is larger than allowed."""
    return lambda folder: encoded(
        folder / "a.mp4", [np.zeros((height, width, 3), np.uint8)], "libx264", "yuv420p",
        options={"preset": "ultrafast"},
    )  # fmt: skip


def _black(folder: Path) -> Path:
    return parts.clip(folder / "a.mp4", seen=picture(frames=parts.at_rate([np.zeros_like(frames()[0])] * 40)))


def _one_white_frame(folder: Path) -> Path:
    """Black but for one frame that nobody sees."""
    images = [np.zeros_like(frames()[0])] * 40
    images[3] = frames()[3]
    return parts.clip(folder / "a.mp4", seen=picture(frames=parts.at_rate(images)))


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives, told)


CASES = [
    _case("turned by 90 degrees", _turned(90), CONSISTENT),
    _case("turned by 180 degrees", _turned(180), CONSISTENT),
    _case("turned by 270 degrees", _turned(270), CONSISTENT),
    _case("pixels twice as wide as high", _narrow, CONSISTENT),
    _case("pixels 255 times as wide as high", _mad_pixels, CONSISTENT),
    _case("1 x 1", _film("a.mkv", "ffv1", "yuv444p", images=lambda: _sized(1, 1)), BLANK),
    _case("2 x 144", _film("a.mkv", "ffv1", "yuv444p", images=lambda: _sized(2, 144)), BLANK, UNKNOWN, parts.DISCREPANT),
    _case("odd sizes", _film("a.mkv", "ffv1", "yuv420p", images=lambda: _sized(255, 143)), CONSISTENT),
    _case("10 bits", _film("a.mp4", "libx264", "yuv420p10le", options=_X264), CONSISTENT),
    _case("16 bits a colour", _film("a.mkv", "ffv1", "rgb48le"), CONSISTENT),
    _case("4:4:4", _film("a.mp4", "libx264", "yuv444p", options=_X264), CONSISTENT),
    _case("grey", _film("a.mp4", "libx264", "gray", options=_X264), CONSISTENT),
    _case("grey, 16 bits", _film("a.mkv", "ffv1", "gray16le"), CONSISTENT),
    _case("half transparent", _film("a.mkv", "ffv1", "bgra", images=_see_through, form="rgba"), CONSISTENT),
    _case("transparent PNG frames", _film("a.mov", "png", "rgba", images=_see_through, form="rgba"), CONSISTENT),
    _case("uncompressed", _film("a.mov", "rawvideo", "uyvy422"), CONSISTENT),
    _case("interlaced", _film("a.mp4", "libx264", "yuv420p", options={**_X264, "x264-params": "tff=1:interlaced=1"}), CONSISTENT),
    _case("interlaced MPEG-2", _film("a.mkv", "mpeg2video", "yuv420p", rate=25, images=lambda: [frames()[int(at / 2.5)] for at in range(100)], options={"flags": "+ilme+ildct", "g": "12", "b": "2000k"}), CONSISTENT),
    _case("120 frames a second", _film("a.mp4", "libx264", "yuv420p", rate=120, images=_fast(120), options=_X264), CONSISTENT),
    _case("300 frames a second", _film("a.mp4", "libx264", "yuv420p", rate=300, images=_fast(300), options=_X264), LIMIT, told="frame rate"),
    _case("size change in mid-stream", _changing, CONSISTENT),
    _case("a header that declares 30,000 x 30,000", _huge_header, DAMAGED),
    _case("a side of 8,208", _large(8208, 16), LIMIT, told="frame side"),
    _case("17 million pixels", _large(4112, 4112), LIMIT, told="frame size"),
    _case("black", _black, BLANK),
    _case("black but for one frame", _one_white_frame, BLANK),
    _case("a picture of noise", lambda folder: parts.clip(folder / "a.mp4", seen=picture(frames=media.moving(4, 10, (256, 144)))), UNKNOWN, parts.DISCREPANT, BLANK),
    _case("MJPEG", _film("a.mkv", "mjpeg", "yuvj420p"), CONSISTENT),
    _case("ProRes", _film("a.mov", "prores_ks", "yuv422p10le"), CONSISTENT),
]  # fmt: skip

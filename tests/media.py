"""Makers of synthetic media: every property that a test asserts is put in here on purpose."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

#: Eight colours that are far apart, one for each second of a clip (repeated).
COLOURS = (
    (220, 30, 30), (30, 200, 30), (40, 40, 220), (220, 220, 40), (200, 40, 200), (40, 200, 200),
    (240, 240, 240), (20, 20, 20),
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A video stream of plain colours.

    Args:
        frames: ``(time in seconds, (r, g, b) or (height, width, 3) array)`` in order of time.
        rate: Frames a second that the stream declares.
    """

    frames: Sequence[tuple[Fraction, object]]
    rate: int = 10
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast", "g": "250"})
    rotation: int = 0
    pixel_aspect: Fraction | None = None
    cover: bool = False


@dataclass(frozen=True)
class Sound:
    """An audio stream.

    Args:
        samples: ``(channels, n)`` float32.
        start: Seconds at which it starts.
        skip: Seconds ``(from, to)`` whose packets are left out.
    """

    samples: np.ndarray
    rate: int = 16_000
    layout: str = "mono"
    codec: str = "aac"
    start: Fraction = Fraction(0)
    default: bool = True
    title: str = ""
    skip: tuple[float, float] = (0.0, 0.0)


def seconds_of_colour(seconds: float, rate: int = 10, first: int = 0) -> list[tuple[Fraction, object]]:
    """Frames at a constant rate, second ``i`` in the colour ``COLOURS[first + i]``."""
    times = [Fraction(i, rate) for i in range(round(seconds * rate))]
    return [(time, COLOURS[(first + int(time)) % len(COLOURS)]) for time in times]


def tone(seconds: float, rate: int = 16_000, hertz: float = 440.0, amplitude: float = 0.5) -> np.ndarray:
    """``(1, n)`` of a sine."""
    t = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.float32)[None]


def moving(seconds: float, rate: int, size: tuple[int, int], seed: int = 1) -> list[tuple[Fraction, object]]:
    """Noise that pans, so that every frame differs from every other and costs bits."""
    width, height = size
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8 + 2, width // 8 + 64, 3), np.uint8)
    board = noise.repeat(8, axis=0).repeat(8, axis=1)
    frames = []
    for i in range(round(seconds * rate)):
        x = (3 * i) % (board.shape[1] - width)
        frames.append((Fraction(i, rate), np.ascontiguousarray(board[:height, x : x + width])))
    return frames


def write(path: Path, picture: Picture | None = None, sounds: Sequence[Sound] = (), **options: str) -> Path:
    """Write a file with these streams; the container follows the suffix."""
    with av.open(str(path), "w", options=options) as container:
        video = None if picture is None else _add_picture(container, picture)
        tracks = [_add_sound(container, sound) for sound in sounds]
        if picture is not None and video is not None:
            for packet in _picture_packets(video, picture):
                container.mux(packet)
        for track, sound in zip(tracks, sounds, strict=True):
            for packet in _sound_packets(track, sound):
                time = float(packet.pts * packet.time_base) if packet.pts is not None else 0.0
                if not sound.skip[0] <= time < sound.skip[1]:
                    container.mux(packet)
    return path


def clip(path: Path, seconds: float = 3.0, *, sound: np.ndarray | None = None, rate: int = 16_000) -> Path:
    """An ordinary clip: one colour a second, and a tone unless ``sound`` (mono) is given."""
    samples = tone(seconds, rate) if sound is None else sound
    return write(path, Picture(seconds_of_colour(seconds)), [Sound(samples, rate)])


def wav_float(path: Path, samples: np.ndarray, rate: int = 16_000) -> Path:
    """A float WAV written by hand, with whatever values are given: encoders refuse some."""
    channels = len(samples)
    data = samples.T.astype("<f4").tobytes()
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, channels, rate,
                       rate * channels * 4, channels * 4, 32)  # fmt: skip
    path.write_bytes(head + struct.pack("<4sI", b"data", len(data)) + data)
    return path


def cut(path: Path, share: float) -> Path:
    """Cut a file off after ``share`` of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def damage(path: Path, *, start: float = 0.3, end: float = 0.9, seed: int = 0) -> Path:
    """Overwrite what lies between two shares of the bytes with noise."""
    data = bytearray(path.read_bytes())
    a, b = int(len(data) * start), int(len(data) * end)
    data[a:b] = np.random.default_rng(seed).integers(0, 256, b - a, np.uint8).tobytes()
    path.write_bytes(data)
    return path


def _add_picture(container: av.container.OutputContainer, picture: Picture) -> av.VideoStream:
    stream = container.add_stream(picture.codec, rate=picture.rate)
    stream.width, stream.height = picture.size
    stream.pix_fmt = "yuvj420p" if picture.codec == "mjpeg" else "yuv420p"
    stream.codec_context.options = picture.options
    stream.time_base = stream.codec_context.time_base = _ticks(picture)
    if picture.rotation:
        stream.set_display_rotation(picture.rotation)
    if picture.pixel_aspect is not None:
        stream.codec_context.sample_aspect_ratio = picture.pixel_aspect
    if picture.cover:
        stream.disposition = Disposition.attached_pic
    return stream


def _ticks(picture: Picture) -> Fraction:
    """A frame where the rate is constant (AVI knows nothing else), a millisecond where it varies."""
    constant = all((time * picture.rate).denominator == 1 for time, _ in picture.frames)
    return Fraction(1, picture.rate) if constant else Fraction(1, 1000)


def _picture_packets(stream: av.VideoStream, picture: Picture) -> list[av.Packet]:
    packets = []
    for time, content in picture.frames:
        width, height = picture.size
        image = np.asarray(content, np.uint8)
        image = image if image.ndim == 3 else np.full((height, width, 3), image, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = round(time / _ticks(picture)), _ticks(picture)
        packets += stream.encode(frame)
    return packets + stream.encode()


def _add_sound(container: av.container.OutputContainer, sound: Sound) -> av.AudioStream:
    stream = container.add_stream(sound.codec, rate=sound.rate, layout=sound.layout)
    stream.disposition = Disposition.default if sound.default else Disposition(0)
    if sound.title:
        stream.metadata["title"] = sound.title
    return stream


def _sound_packets(stream: av.AudioStream, sound: Sound) -> list[av.Packet]:
    packets = []
    resampler = av.AudioResampler(format=stream.format.name, layout=sound.layout, rate=sound.rate)
    for at in range(0, sound.samples.shape[1], 1024):
        block = np.ascontiguousarray(sound.samples[:, at : at + 1024], dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=sound.layout)
        frame.sample_rate = sound.rate
        frame.pts, frame.time_base = at + round(sound.start * sound.rate), Fraction(1, sound.rate)
        for part in resampler.resample(frame):
            packets += stream.encode(part)
    for part in resampler.resample(None):
        packets += stream.encode(part)
    return packets + stream.encode(None)

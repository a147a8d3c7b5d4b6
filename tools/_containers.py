"""A small well-formed file of every container that may be opened, to be damaged by ``tools/fuzz.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

__all__ = ["SEEDS", "Seed", "make"]

_SIZE = (64, 48)
_FRAMES = 10
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seed:
    """How a file is made.

    Attributes:
        demuxers: The names of :data:`vadd.media.probe.CONTAINERS` that it stands for.
        muxer: FFmpeg's name of the muxer.
        suffix: Of the file.
        video: Encoder of the picture; empty without one.
        audio: Encoder of the sound; empty without one.
        rate: Samples a second.
        size: Pixels of the picture.
        options: Of the muxer.
    """

    demuxers: str
    muxer: str
    suffix: str
    video: str = ""
    audio: str = ""
    rate: int = 16_000
    size: tuple[int, int] = _SIZE
    options: tuple[tuple[str, str], ...] = ()


#: Name → how it is made; together they cover the whitelist.
SEEDS: Mapping[str, Seed] = {
    "mp4": Seed("mp4", "mp4", ".mp4", "libx264", "aac"),
    "faststart": Seed("mp4", "mp4", ".mp4", "mpeg4", "aac", options=(("movflags", "faststart"),)),
    "fragments": Seed("mp4", "mp4", ".mp4", "libx264", "aac", options=(
        ("movflags", "frag_keyframe+empty_moov"),)),
    "m4a": Seed("m4a", "ipod", ".m4a", "", "aac"),
    "mov": Seed("mov", "mov", ".mov", "mjpeg", "pcm_s16be"),
    "mj2": Seed("mj2", "mov", ".mj2", "jpeg2000", "pcm_s16le"),
    "3gp": Seed("3gp", "3gp", ".3gp", "h263", "aac", size=(176, 144)),
    "3g2": Seed("3g2", "3g2", ".3g2", "mpeg4", "aac"),
    "matroska": Seed("matroska", "matroska", ".mkv", "libx264", "flac"),
    "webm": Seed("webm", "webm", ".webm", "libvpx", "libopus", 48_000),
    "avi": Seed("avi", "avi", ".avi", "mpeg4", "libmp3lame"),
    "mpegts": Seed("mpegts", "mpegts", ".ts", "mpeg2video", "mp2"),
    "mpeg": Seed("mpeg", "mpeg", ".mpg", "mpeg1video", "mp2", 44_100),
    "flv": Seed("flv", "flv", ".flv", "flv", "libmp3lame", 44_100),
    "asf": Seed("asf", "asf", ".asf", "wmv2", "wmav2", 44_100),
    "ogg": Seed("ogg", "ogg", ".ogg", "", "libopus", 48_000),
    "ogg_video": Seed("ogg", "ogg", ".ogv", "libvpx", "flac"),
    "wav": Seed("wav", "wav", ".wav", "", "pcm_s16le"),
    "w64": Seed("w64", "w64", ".w64", "", "pcm_s24le"),
    "mp3": Seed("mp3", "mp3", ".mp3", "", "libmp3lame"),
    "flac": Seed("flac", "flac", ".flac", "", "flac"),
    "aac": Seed("aac", "adts", ".aac", "", "aac"),
    "aiff": Seed("aiff", "aiff", ".aiff", "", "pcm_s16be"),
    "caf": Seed("caf", "caf", ".caf", "", "pcm_s16be"),
    "au": Seed("au", "au", ".au", "", "pcm_s16be"),
    "amr": Seed("amr", "amr", ".amr", "", "libopencore_amrnb", 8_000),
    "ac3": Seed("ac3", "ac3", ".ac3", "", "ac3", 48_000),
    "eac3": Seed("eac3", "eac3", ".eac3", "", "eac3", 48_000),
}  # fmt: skip


def make(name: str, folder: Path) -> Path:
    """One second of a moving square and a tone in the container of this name."""
    seed = SEEDS[name]
    path = folder / f"{name}{seed.suffix}"
    with av.open(str(path), "w", format=seed.muxer, options=dict(seed.options)) as container:
        video = audio = None
        if seed.video:
            video = container.add_stream(seed.video, rate=_FRAMES if seed.video not in _FIXED else 25)
            video.width, video.height = seed.size
            video.pix_fmt = "yuvj420p" if seed.video == "mjpeg" else "yuv420p"
            video.bit_rate = 100_000
        if seed.audio:
            audio = container.add_stream(seed.audio, rate=seed.rate, layout="mono")
            if seed.audio == "wmav2":
                audio.bit_rate = 64_000  # it refuses its own default
        if video is not None:
            _draw(container, video)
        if audio is not None:
            _sound(container, audio, seed.rate)
    return path


#: Codecs that know a few frame rates only.
_FIXED = frozenset({"mpeg1video", "mpeg2video", "h263"})


def _draw(container: av.container.OutputContainer, stream: av.VideoStream) -> None:
    rate = int(stream.average_rate or _FRAMES)
    for number in range(round(_SECONDS * rate)):
        image = np.full((stream.height, stream.width, 3), (40, 90, 160), np.uint8)
        at = (3 * number) % (stream.width - 16)
        image[8:24, at : at + 16] = (220, 200, 30)
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = number, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _sound(container: av.container.OutputContainer, stream: av.AudioStream, rate: int) -> None:
    samples = (0.3 * np.sin(np.arange(round(_SECONDS * rate)) * 440 * 2 * np.pi / rate)).astype(np.float32)
    wide = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    wide.sample_rate, wide.pts, wide.time_base = rate, 0, Fraction(1, rate)
    context = stream.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout="mono", rate=rate, frame_size=context.frame_size or 1024
    )
    for frame in (*resampler.resample(wide), *resampler.resample(None)):
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))

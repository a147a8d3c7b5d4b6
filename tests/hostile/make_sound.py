"""Sounds that are silent, one-sided, at odd rates, in many channels, or no numbers."""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import parts
from parts import CONSISTENT, DAMAGED, LIMIT, SILENT, UNKNOWN, Case, samples

import broken
import media

__all__ = ["CASES"]

GROUP = "sound"
_LENGTH = parts.SECONDS * parts.HERTZ


def _over(
    make: Callable[[], np.ndarray], *, rate: int = parts.HERTZ, layout: str = "mono", codec: str = "pcm_f32le",
    name: str = "a.mkv",
) -> Callable[[Path], Path]:  # fmt: skip
    """The small clip's picture with these samples."""
    return lambda folder: parts.clip(
        folder / name, heard=parts.sound(samples=make(), rate=rate, layout=layout, codec=codec)
    )


def _silence() -> np.ndarray:
    return np.zeros((1, _LENGTH), np.float32)


def _with(values: float, share: float) -> Callable[[], np.ndarray]:
    """The clip's sound with a share of its samples, in one piece, of this value."""

    def make() -> np.ndarray:
        changed = samples()
        changed[:, : round(share * _LENGTH)] = values
        return changed

    return make


def _loud() -> np.ndarray:
    changed = _silence()
    changed[0, _LENGTH // 2] = 1
    return changed


def _every(value: float, step: int) -> Callable[[], np.ndarray]:
    def make() -> np.ndarray:
        changed = samples()
        changed[:, ::step] = value
        return changed

    return make


def _channels(count: int, *gains: float) -> Callable[[], np.ndarray]:
    """The clip's sound in many channels, each with a gain (1)."""
    wanted = gains or (1.0,) * count
    return lambda: np.concatenate([samples() * gain for gain in wanted]).astype(np.float32)


def _eight(folder: Path) -> Path:
    """The clip's sound in all of the eight channels of 7.1."""

    def heard(place: Path) -> Path:
        with av.open(str(place / "eight.mkv"), "w") as new:
            stream = new.add_stream("pcm_s16le", rate=parts.HERTZ, layout="7.1")
            values = (samples()[0] * 32_767).astype(np.int16).repeat(8)
            frame = av.AudioFrame.from_ndarray(values[None], format="s16", layout="7.1")
            frame.sample_rate, frame.pts = parts.HERTZ, 0
            new.mux(stream.encode(frame))
            new.mux(stream.encode(None))
        return place / "eight.mkv"

    return parts.pasted(folder / "a.mkv", parts.put("seen.mp4", parts.good), heard)


def _case(name: str, make: Callable[[Path], Path], *gives: str, told: str = "") -> Case:
    return Case(GROUP, name, make, gives, told)


CASES = [
    _case("silence", _over(_silence), SILENT),
    _case("silence, compressed", _over(_silence, codec="aac", name="a.mp4"), SILENT),
    _case("one loud sample", _over(_loud), SILENT, UNKNOWN),
    _case("nothing but a constant", _over(lambda: _silence() + np.float32(0.5)), SILENT),
    _case("the sound and a constant", _over(lambda: samples() * np.float32(0.5) + np.float32(0.4)), CONSISTENT),
    _case("clipped", _over(lambda: np.clip(samples() * 40, -1, 1), codec="pcm_s16le"), UNKNOWN),
    _case("a thousand times too loud", _over(lambda: samples() * 1000), UNKNOWN),
    _case("too faint", _over(lambda: samples() * np.float32(1e-4)), SILENT),
    _case("8 kHz", _over(lambda: samples(hertz=8_000), rate=8_000, codec="pcm_s16le"), CONSISTENT),
    _case("11.025 kHz", _over(lambda: samples(hertz=11_025), rate=11_025, codec="pcm_s16le"), CONSISTENT),
    _case("96 kHz", _over(lambda: samples(hertz=96_000), rate=96_000, codec="pcm_s16le"), CONSISTENT),
    _case("192 kHz", _over(lambda: samples(hertz=192_000), rate=192_000, codec="pcm_s16le"), CONSISTENT),
    _case("2 kHz", _over(lambda: samples(hertz=2_000), rate=2_000, codec="pcm_s16le"), LIMIT, told="sample rate"),
    _case("384 kHz", _over(lambda: samples(hertz=384_000), rate=384_000, codec="pcm_s16le"), LIMIT, told="sample rate"),
    _case("8 bits", _over(samples, codec="pcm_u8"), CONSISTENT),
    _case("64-bit numbers", _over(samples, codec="pcm_f64le"), CONSISTENT),
    _case("mono", _over(samples, codec="aac", name="a.mp4"), CONSISTENT),
    _case("5.1", _over(_channels(6), layout="5.1", codec="aac", name="a.mp4"), CONSISTENT),
    _case("5.1, all in the centre", _over(_channels(6, 0, 0, 1, 0, 0, 0), layout="5.1", codec="pcm_s16le"), CONSISTENT),
    _case("7.1", _eight, CONSISTENT),
    _case("16 channels", lambda folder: media.wav_float(folder / "a.wav", _channels(16)(), parts.HERTZ), LIMIT, told="channels"),
    _case("antiphase", _over(_channels(2, 1, -1), layout="stereo", codec="pcm_s16le"), CONSISTENT),
    _case("one side only", _over(_channels(2, 1, 0), layout="stereo", codec="pcm_s16le"), CONSISTENT),
    _case("a few NaN", _over(_every(np.nan, 1000)), CONSISTENT, told="not numbers"),
    _case("NaN for half of the time", _over(_with(np.nan, 0.5)), DAMAGED, told="sound could be decoded"),
    _case("nothing but NaN", _over(_with(np.nan, 1)), DAMAGED),
    _case("a few Inf", _over(_every(np.inf, 1000)), CONSISTENT, told="not numbers"),
    _case("nothing but Inf", _over(_with(-np.inf, 1)), DAMAGED),
    _case("the largest numbers there are", _over(_with(3.4e38, 1)), SILENT),
    _case("the smallest numbers there are", _over(_with(1e-45, 1)), SILENT),
    _case("a voice", lambda folder: parts.clip(folder / "a.mp4", heard=parts.sound(samples=broken.voice(4))), parts.GENERIC),
]  # fmt: skip

"""A room around the microphone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.distort.levels import rms, turned_down
from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, number

__all__ = ["Reverberation", "response"]

#: Samples that are transformed at once, beside the room's own: bounds the memory for long sounds.
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Reverberation(SoundTransform):
    """The sound in a room: itself, and noise that dies away; as loud as before.

    Exponentially dying Gaussian noise is Polack's model of late reverberation (1988); each channel has noise
    of its own.
    """

    name: ClassVar[str] = "reverberation"
    identity: ClassVar[Mapping[str, Any] | None] = {"seconds": 0.0}

    seconds: float = number(1.0, 0.0, 10.0, "time in which the room's answer falls by 60 dB")
    ratio: float = number(0.0, -30.0, 60.0, "dB of the direct sound's energy above the room's")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Convolve, cut to the length of before, and bring to the level of before."""
        if self.seconds == 0 or not sound.samples.size:
            return sound
        rng = np.random.default_rng(seed)
        wet = np.stack(
            [_convolved(each, response(self.seconds, self.ratio, sound.rate, rng)) for each in sound.samples]
        )
        level = np.sqrt(np.mean(np.square(wet)))
        return Sound(turned_down(wet * (rms(sound.samples) / level if level > 0 else 1.0)), sound.rate)


def response(seconds: float, ratio: float, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """``(n,)`` impulse response: 1, then decaying noise, ``seconds`` long."""
    noise = rng.standard_normal(max(1, round(seconds * rate)))
    tail = noise * 10 ** (-3 * np.arange(1, len(noise) + 1) / (seconds * rate))
    tail *= np.sqrt(10 ** (-ratio / 10) / np.sum(np.square(tail)))
    return np.concatenate([[1.0], tail])


def _convolved(samples: NDArray[np.float32], room: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first ``len(samples)`` samples of the convolution, by overlapping blocks."""
    size = 1 << (len(room) + _BLOCK - 1).bit_length()
    step = size - len(room) + 1
    spectrum = np.fft.rfft(room, size)
    out = np.zeros(len(samples) + size)
    for at in range(0, len(samples), step):
        out[at : at + size] += np.fft.irfft(np.fft.rfft(samples[at : at + step], size) * spectrum, size)
    return out[: len(samples)]

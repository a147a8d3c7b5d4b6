"""White noise under the sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vadd.protocol.distort.levels import rms, turned_down
from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, number

__all__ = ["Noise"]


@dataclass(frozen=True)
class Noise(SoundTransform):
    """White Gaussian noise of a level below the sound's own; a silent sound stays silent."""

    name: ClassVar[str] = "noise"

    snr: float = number(10.0, -60.0, 100.0, "dB that the sound's RMS lies above the noise's")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Add noise whose RMS is exact, other noise to each channel."""
        noise = np.random.default_rng(seed).standard_normal(sound.samples.shape)
        level = rms(sound.samples) * 10 ** (-self.snr / 20)
        measured = np.sqrt(np.mean(np.square(noise))) if noise.size else 1.0
        return Sound(turned_down(sound.samples + noise * (level / measured)), sound.rate)

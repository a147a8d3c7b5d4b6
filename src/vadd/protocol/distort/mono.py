"""All channels averaged to one, with whatever cancels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform

__all__ = ["Mono"]


@dataclass(frozen=True)
class Mono(SoundTransform):
    """One channel, the mean of all: what is of opposite polarity in two of them is gone."""

    name: ClassVar[str] = "mono"

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Average the channels."""
        mean = sound.samples.mean(axis=0, dtype=np.float64, keepdims=True)
        return Sound(mean.astype(np.float32), sound.rate)

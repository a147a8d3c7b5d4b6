"""Louder or quieter, cut off at full scale as a recorder would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, number

__all__ = ["Gain"]


@dataclass(frozen=True)
class Gain(SoundTransform):
    """The sound louder or quieter; what leaves full scale is cut off."""

    name: ClassVar[str] = "gain"
    identity: ClassVar[Mapping[str, Any] | None] = {"decibels": 0.0}

    decibels: float = number(-20.0, -100.0, 100.0, "dB; negative is quieter")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Multiply by one factor and clip."""
        louder = sound.samples * np.float64(10 ** (self.decibels / 20))
        return Sound(np.clip(louder, -1.0, 1.0).astype(np.float32), sound.rate)

"""The loudest samples flattened, as by an input that was set too high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vadd.protocol.distort.transform import ReadRecording, Sound, SoundTransform, number

__all__ = ["Clipping"]


@dataclass(frozen=True)
class Clipping(SoundTransform):
    """A share of the samples, the largest, cut off at the size of the smallest of them.

    A share rather than a level in decibels, so that speech, rain and music are spoilt to the same degree.
    """

    name: ClassVar[str] = "clipping"
    identity: ClassVar[Mapping[str, Any] | None] = {"share": 0.0}

    share: float = number(0.1, 0.0, 0.9, "share of the samples that are flattened")

    def hear(self, sound: Sound, seed: int, read: ReadRecording) -> Sound:
        """Cut off at the quantile of the absolute samples of all channels."""
        if not sound.samples.size:
            return sound
        limit = np.float32(np.quantile(np.abs(sound.samples), 1 - self.share))
        return Sound(np.clip(sound.samples, -limit, limit), sound.rate)

"""How loud each second of sound is."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["SILENCE", "Levels"]

#: Digital silence, in dBFS: below what 24 bits can hold.
SILENCE = -160.0


class Levels:
    """RMS level and peak of each second of a stream of mono sound.

    The level is that of the swing about the second's mean: a constant is no sound, however large it is.

    Args:
        rate: Samples a second.
    """

    #: The row of a second without any sound.
    SILENT_ROW: ClassVar[tuple[float, float]] = (SILENCE, 0.0)

    def __init__(self, rate: int) -> None:
        self._rate, self._position = rate, 0
        self._power: list[float] = []
        self._sum: list[float] = []
        self._count: list[int] = []
        self._peak: list[float] = []

    @staticmethod
    def names() -> tuple[str, str]:
        """The names of a row's columns: dBFS of the RMS, and the largest absolute sample."""
        return "level", "peak"

    @property
    def seconds(self) -> float:
        """Seconds taken so far."""
        return self._position / self._rate

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next ``(n,)`` samples, in [-1, 1]."""
        while len(block):
            second, within = divmod(self._position, self._rate)
            if second == len(self._power):
                self._power.append(0.0)
                self._sum.append(0.0)
                self._count.append(0)
                self._peak.append(0.0)
            part, block = block[: self._rate - within], block[self._rate - within :]
            self._power[second] += float(np.square(part, dtype=np.float64).sum())
            self._sum[second] += float(part.sum(dtype=np.float64))
            self._count[second] += len(part)
            self._peak[second] = max(self._peak[second], float(np.abs(part).max()))
            self._position += len(part)

    def rows(self, length: int) -> list[tuple[float, float]]:
        """``(level, peak)`` of the first ``length`` grid seconds; what comes after counts to the last."""
        starts = range(min(length, len(self._power)))
        rows = []
        for at in starts:
            end = len(self._power) if at == length - 1 else at + 1
            count = sum(self._count[at:end])
            power = sum(self._power[at:end]) / count - (sum(self._sum[at:end]) / count) ** 2
            level = max(SILENCE, 10 * np.log10(power)) if power > 0 else SILENCE
            rows.append((float(level), max(self._peak[at:end])))
        return rows

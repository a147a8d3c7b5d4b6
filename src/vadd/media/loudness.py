"""One level for all clips: how loud a sound is after a gain and a limiter, known from one reading of it.

The limiter bends each sample by itself, so the level that comes out follows from how often which amplitude
occurs, and no second reading is needed to find the gain.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["CEILING", "LEVEL", "Histogram", "limited", "make_up"]

#: dBFS of the RMS over a whole clip. Street and room recordings have peaks some 15 dB above that, so the
#: limiter has nothing to do in most clips.
LEVEL = -26.0
#: Samples up to the knee pass as they are; what is above is bent so that nothing exceeds the ceiling.
KNEE, CEILING = 0.5, 0.9
#: dB more that make up for what the limiter takes away, and for a foreign part louder than its whole.
_MOST_MAKE_UP = 12.0

Block = NDArray[np.float32]
_T = TypeVar("_T", np.float32, np.float64)


class Histogram:
    """How often which amplitude occurs, in tenths of a decibel: the level after any gain and the limiter."""

    FLOOR: ClassVar[float] = -160.0
    _PER_DB, _TOP = 10, 0

    def __init__(self) -> None:
        size = int(self._TOP - self.FLOOR) * self._PER_DB + 1
        self._count, self._power = np.zeros(size), np.zeros(size)
        self._amplitudes: list[NDArray[np.float64]] = []
        self._counts: list[NDArray[np.float64]] = []

    def add(self, block: Block, weight: Block | None = None) -> None:
        """Take ``(n,)`` samples within [-1, 1], each counted ``weight`` times."""
        power = np.square(block, dtype=np.float64)
        decibels = 10 * np.log10(np.maximum(power, 10.0 ** (self.FLOOR / 10)))
        bins = ((decibels - self.FLOOR) * self._PER_DB).astype(np.intp).clip(0, len(self._count) - 1)
        self._count += np.bincount(bins, weight, len(self._count))
        self._power += np.bincount(bins, power if weight is None else power * weight, len(self._count))

    def merge(self, other: Histogram, gain: float) -> None:
        """Add what ``other`` took, ``gain`` dB louder."""
        amplitudes, counts = other._points()
        self._amplitudes.append(amplitudes * 10 ** (gain / 20))
        self._counts.append(counts)

    def level(self, gain: float) -> float:
        """The RMS in dBFS after ``gain`` dB; of what was merged also after the limiter."""
        amplitudes, counts = self._points()
        bent = amplitudes * 10 ** (gain / 20)
        if self._amplitudes:
            bent = limited(bent)
        power = float(counts @ np.square(bent)) / max(1.0, float(counts.sum()))
        return max(self.FLOOR, float(10 * np.log10(power))) if power > 0 else self.FLOOR

    def _points(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self._amplitudes:
            return np.concatenate(self._amplitudes), np.concatenate(self._counts)
        return np.sqrt(self._power / np.maximum(self._count, 1e-300)), self._count


def make_up(heard: Histogram, most: float) -> float:
    """How many dB more, up to ``most``, bring what is heard to the level."""
    low, high = -_MOST_MAKE_UP, min(_MOST_MAKE_UP, most)
    for _ in range(40):  # the level never falls as the gain rises, so halving finds it
        middle = (low + high) / 2
        if heard.level(middle) < LEVEL:
            low = middle
        else:
            high = middle
    return high


def limited(samples: NDArray[_T]) -> NDArray[_T]:
    """Samples bent to stay below the ceiling, smoothly and each by itself: no gain that breathes."""
    size = np.abs(samples)
    if not (size > KNEE).any():
        return samples
    over = np.maximum(size - KNEE, 0) / (CEILING - KNEE)
    bent = np.minimum(size, KNEE) + (CEILING - KNEE) * np.tanh(over)
    return np.copysign(bent, samples).astype(samples.dtype)

"""One level and one peak for all clips: how loud a sound is after a gain and a curve, from one reading of it.

A peak tells a splice: recordings differ by thirty decibels in how far their peaks stand out, and the higher
of two recordings' peaks is higher than that of one. So every sound is bent until its largest sample has the
height that all have. The curve bends each sample by itself, so that the level that comes out follows from
how often which amplitude occurs, and the gain is found without reading again.
"""

from __future__ import annotations

import math
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["CEILING", "LEVEL", "STRETCH", "Histogram", "make_up", "shaped"]

#: dBFS of the RMS over a whole clip.
LEVEL = -26.0
#: Height of the largest sample, 14 dB above the level, as noise (rain, waves, a street) has it by itself.
#: Samples up to the knee pass as they are.
KNEE, CEILING = 0.125, 0.25
#: Times that the largest sample is made larger at most: sound that was clipped before it was published
#: needs about that.
STRETCH = 2.0

Block = NDArray[np.float32]
_T = TypeVar("_T", np.float32, np.float64)


class Histogram:
    """How often which amplitude occurs, in tenths of a decibel: the level after any gain and the curve.

    Attributes:
        peak: The largest amplitude.
    """

    FLOOR: ClassVar[float] = -160.0
    _PER_DB, _TOP = 10, 0

    def __init__(self) -> None:
        size = int(self._TOP - self.FLOOR) * self._PER_DB + 1
        self._count, self._power = np.zeros(size), np.zeros(size)
        self._merged: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self.peak = 0.0

    def add(self, block: Block, weight: Block | None = None) -> None:
        """Take ``(n,)`` samples within [-1, 1], each with ``weight`` times its power."""
        power = np.square(block, dtype=np.float64)
        decibels = 10 * np.log10(np.maximum(power, 10.0 ** (self.FLOOR / 10)))
        bins = ((decibels - self.FLOOR) * self._PER_DB).astype(np.intp).clip(0, len(self._count) - 1)
        weighted = power if weight is None else power * weight
        self._count += np.bincount(bins, weight, len(self._count))
        self._power += np.bincount(bins, weighted, len(self._count))
        self.peak = max(self.peak, math.sqrt(float(weighted.max(initial=0.0))))

    def merge(self, other: Histogram, gain: float) -> None:
        """Add what ``other`` took, ``gain`` dB louder."""
        factor = 10 ** (gain / 20)
        self._merged += [(amplitudes * factor, counts) for amplitudes, counts in other._points()]
        self.peak = max(self.peak, other.peak * factor)

    def level(self, gain: float = 0.0, ceiling: float = CEILING) -> float:
        """The RMS in dBFS after ``gain`` dB and the curve; :attr:`FLOOR` at least."""
        factor = 10 ** (gain / 20)
        power = total = 0.0
        for amplitudes, counts in self._points():
            power += float(counts @ np.square(shaped(amplitudes * factor, self.peak * factor, ceiling)))
            total += float(counts.sum())
        return max(self.FLOOR, 10 * math.log10(power / total)) if power > 0 else self.FLOOR

    def _points(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Amplitudes and how often each occurs."""
        there = self._count > 0
        own = np.sqrt(self._power[there] / self._count[there]), self._count[there]
        return [own, *self._merged]


def make_up(heard: Histogram, least: float, most: float, ceiling: float = CEILING) -> float:
    """How many dB, from ``least`` to ``most``, bring what is heard to the level, or nearest to it."""
    low, high = least, most
    for _ in range(40):  # the level never falls as the gain rises, so halving finds it
        middle = (low + high) / 2
        if heard.level(middle, ceiling) < LEVEL:
            low = middle
        else:
            high = middle
    return high


def shaped(samples: NDArray[_T], peak: float, ceiling: float = CEILING) -> NDArray[_T]:
    """Samples bent so that the largest comes to the ceiling, or as near as :data:`STRETCH` allows.

    From the knee on the curve leaves the straight line smoothly: down for a sound whose peak is above the
    ceiling, up for one whose peak is below, not at all for one that is there. Each sample is bent by itself:
    no gain breathes.

    Args:
        samples: In any shape; none should exceed ``peak``, what does comes to where that comes.
        peak: The largest amplitude of the sound, of which ``samples`` may be a part.
        ceiling: Where it comes to, above 0.
    """
    if peak <= 0:
        return samples
    top = min(ceiling, STRETCH * peak)
    knee = min(KNEE, peak / 2, ceiling / 2)
    bend = _bend((peak - knee) / (top - knee))
    size = np.abs(samples)
    over = (np.clip(size, knee, peak) - knee) / (peak - knee)
    curved = over if abs(bend) < 1e-6 else np.expm1(-bend * over) / math.expm1(-bend)
    return np.copysign(np.minimum(size, knee) + (top - knee) * curved, samples).astype(samples.dtype)


def _bend(ratio: float) -> float:
    """The ``a`` for which (1 - exp(-a u)) / (1 - exp(-a)) rises by 1 / ``ratio`` times u at the start.

    With it the curve has the slope 1 at the knee, whatever ratio of lengths it has to bridge.
    """
    low, high = -50.0, max(50.0, ratio)
    for _ in range(60):
        middle = (low + high) / 2
        slope = 1.0 if middle == 0 else middle / -math.expm1(-middle)
        if slope < ratio:
            low = middle
        else:
            high = middle
    return high

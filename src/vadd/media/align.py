"""Where one sound occurs in another: correlation of flat waveforms, at every lag, and how long it holds.

The first sound is cut into blocks; each is laid at every place of the other. At a place that is not the
right one the products of two flat waveforms add up like coin tosses: their sum has a known spread and the
tails of a normal distribution. What is many spreads away is no chance, and how improbable it is can be told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vadd.media.fingerprint import RATE

__all__ = ["LEAST_CHANCE", "MIN_SECONDS", "Needle", "Occurrence", "chance"]

#: Samples of a block, 4.1 s, and from one to the next: an excerpt of 5 s holds most of a block.
_LENGTH, _STEP = 16_384, 8_192
#: A Fourier transform of this many samples gives the lags of one block that its length leaves.
_WIDE = 65_536
_LAGS = _WIDE - _LENGTH
#: Blocks whose transforms are held in memory, a quarter of a megabyte each; those of a longer sound are
#: made anew for each other sound.
_BATCH = 128
#: Less sound than this many seconds is not looked for, and no stretch that is shorter is told.
MIN_SECONDS = 2.0
#: Spreads from which on a place is looked at more closely; the decision comes later, with the number of
#: places known.
_LOOK = 5.5
#: Samples (2 s) on either side of a peak in which another nearly as good means a period: what a clock, a hum
#: or a loop has in common with another is evidence once, not once a turn. Within a millisecond of the peak
#: is the peak itself.
_NEAR, _LOBE = 2 * RATE, 4
#: Samples (2 ms) within which two lags are the same, and within which a peak may swing (25 ms).
_SAME, _SWING = 8, 100
#: Another place this near to the best (as a share of its sum) makes the sound repeat itself.
_REPEATS = 0.8
#: Samples of the cells in which agreement is followed, a quarter of a second.
_CELL = RATE // 4
#: Cells (2 s) that may disagree within a stretch.
_GAP = 8


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A stretch of one sound that is heard in another.

    Attributes:
        start: Seconds in the first sound.
        other: Seconds in the other sound at which the same is heard.
        length: Seconds, to a quarter of a second.
        similarity: 0-1, correlation of the two flat waveforms over the stretch; 1 is the same wave.
        spreads: How many spreads of chance the best block's sum is away from 0.
        inverted: Whether the wave is upside down (a swapped cable).
        repeats: Whether other places are nearly as good: a loop, of which one turn is told.
    """

    start: float
    other: float
    length: float
    similarity: float
    spreads: float
    inverted: bool
    repeats: bool


#: No chance below this is told: the tails of real sounds were never measured that far out.
LEAST_CHANCE = 1e-6


def chance(spreads: float, places: float) -> float:
    """How many of so many places chance alone would bring this far, from :data:`LEAST_CHANCE` to 1."""
    return min(1.0, max(LEAST_CHANCE, max(1, places) * math.erfc(spreads / math.sqrt(2))))


class Needle:
    """A sound that is looked for in others.

    Args:
        samples: ``(n,)`` int8 of its fingerprint.

    Attributes:
        places: Blocks times lags tried so far: what chance had to play with.
    """

    def __init__(self, samples: NDArray[np.int8]) -> None:
        self._samples = samples
        self.places = 0
        starts = range(0, max(1, len(samples) - _LENGTH + _STEP), _STEP)
        blocks = [(at, samples[at : at + _LENGTH].astype(np.float32)) for at in starts]
        # What is silent for the most part is found by its neighbours.
        self._blocks = [
            (at, block) for at, block in blocks if np.count_nonzero(block) >= MIN_SECONDS * RATE / 2
        ]
        self._batches = [self._blocks[at : at + _BATCH] for at in range(0, len(self._blocks), _BATCH)]
        self._spectra = self._transformed(self._blocks) if len(self._batches) == 1 else []

    @property
    def empty(self) -> bool:
        """Whether there is too little to be looked for."""
        return not self._blocks

    def search(self, other: NDArray[np.int8], least: float = 6.0) -> tuple[Occurrence, ...]:
        """Find the stretches that another sound has in common with this one.

        Args:
            other: ``(m,)`` int8 of its fingerprint.
            least: Spreads that the best block of a stretch must reach.

        Returns:
            The stretches, the longest first.
        """
        if self.empty or np.count_nonzero(other) < MIN_SECONDS * RATE / 2:
            return ()
        found = [
            self._extended(other, at, lag, spreads, repeats=repeats)
            for blocks in self._batches
            for at, lag, spreads, repeats in self._peaks(other, blocks)
            if spreads >= least
        ]
        return _merged([each for each in found if each is not None])

    @staticmethod
    def _transformed(blocks: Sequence[tuple[int, NDArray[np.float32]]]) -> list[NDArray[np.complex64]]:
        return [np.conj(np.fft.rfft(block, _WIDE)).astype(np.complex64) for _, block in blocks]

    def _peaks(
        self, other: NDArray[np.int8], blocks: Sequence[tuple[int, NDArray[np.float32]]]
    ) -> list[tuple[int, int, float, bool]]:
        """Of each block: its start, the best lag (sample of ``other`` less that of this), its spreads."""
        spectra = self._spectra or self._transformed(blocks)
        # The block may hang over either end of the other by half.
        over = _LENGTH // 2
        chunks = math.ceil(len(other) / _LAGS)
        padded = np.zeros(over + chunks * _LAGS + _LENGTH, np.float32)
        padded[over : over + len(other)] = other
        best = [(0.0, 0)] * len(blocks)
        second, periods = [0.0] * len(blocks), [0] * len(blocks)
        power = np.zeros(len(blocks))
        for chunk in range(chunks):
            base = chunk * _LAGS
            spectrum = np.fft.rfft(padded[base : base + _WIDE]).astype(np.complex64)
            for number, block in enumerate(spectra):
                sums = np.fft.irfft(spectrum * block, _WIDE)[:_LAGS]
                power[number] += np.dot(sums, sums)
                sizes = np.abs(sums)
                at = int(sizes.argmax())
                peak = float(sizes[at])
                period = _period(sizes, at)
                sizes[max(0, at - _SWING) : at + _SWING] = 0
                rest = float(sizes.max())
                if peak > best[number][0]:
                    second[number] = max(rest, best[number][0])
                    best[number] = peak, base + at - over
                    periods[number] = period
                else:
                    second[number] = max(second[number], peak)
        lags = len(other)
        self.places += lags * len(blocks)
        found = []
        for (at, _), (peak, place), rest, period, total in zip(
            blocks, best, second, periods, power, strict=True
        ):
            spread = math.sqrt(max(total - peak * peak, 0.0) / lags)
            if spread and peak / spread >= _LOOK:
                lag = place - at
                exact = min(peak / spread, self._exact(other, at, lag, period))
                found.append((at, lag, exact, bool(period) or rest > _REPEATS * peak))
        return found

    def _exact(self, other: NDArray[np.int8], at: int, lag: int, period: int) -> float:
        """Spreads of one block at one lag, the spread taken from the very samples that meet there.

        Of a sound with a period: of one turn.
        """
        low = max(at, -lag)
        a, b = self._pair(other, low, min(at + _LENGTH, len(self._samples)), lag)
        products = (a * b).astype(np.float64)
        turns = products[None]
        if period and len(products) >= period:
            turns = products[: len(products) // period * period].reshape(-1, period)
        # A sample that meets a silent one tosses no coin.
        spread = np.sqrt(np.square(turns).sum(axis=1))
        return float(np.median(np.abs(turns.sum(axis=1)) / np.maximum(spread, 1e-9)))

    def _pair(
        self, other: NDArray[np.int8], start: int, end: int, lag: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The samples from ``start`` to ``end`` and those that they meet, as long as both are there."""
        start = max(start, 0, -lag)
        end = max(start, min(end, len(self._samples), len(other) - lag))
        return (
            self._samples[start:end].astype(np.float32),
            other[start + lag : end + lag].astype(np.float32),
        )

    def _extended(
        self, other: NDArray[np.int8], at: int, lag: int, spreads: float, *, repeats: bool
    ) -> Occurrence | None:
        """How far the agreement of a block goes on in both directions."""
        first = max(0, -lag)
        a, b = self._pair(other, 0, len(self._samples), lag)
        cells = len(a) // _CELL
        if cells == 0:
            return None
        a, b = (each[: cells * _CELL].reshape(cells, _CELL) for each in (a, b))
        sums, size_a, size_b = ((x * y).sum(axis=1) for x, y in ((a, b), (a, a), (b, b)))
        own = slice(max(0, (at - first) // _CELL), max(1, (at - first + _LENGTH) // _CELL))
        total = float(sums[own].sum())
        norm = math.sqrt(float(size_a[own].sum()) * float(size_b[own].sum()))
        if not norm:
            return None
        sign = math.copysign(1.0, total)
        # Half of the block's own agreement parts what goes on from what does not.
        weight = np.sqrt(size_a * size_b)
        gain = sign * sums - 0.5 * abs(total) / norm * weight
        start, end = _best_run(gain, own)
        if (end - start) * _CELL < MIN_SECONDS * RATE:
            return None
        low = first + start * _CELL
        high = first + end * _CELL
        shift, similarity = self._fine(other, low, high, lag)
        return Occurrence(
            start=low / RATE,
            other=max(0.0, (low + lag + shift) / RATE),
            length=(high - low) / RATE,
            similarity=similarity,
            spreads=spreads,
            inverted=sign < 0,
            repeats=repeats,
        )

    def _fine(self, other: NDArray[np.int8], low: int, high: int, lag: int) -> tuple[float, float]:
        """The lag's part below a sample, in samples, and the correlation there (0-1)."""
        # A minute tells it as well as an hour.
        a, b = self._pair(other, low, min(high, low + 60 * RATE), lag)
        norm = math.sqrt(float(np.dot(a, a)) * float(np.dot(b, b)))
        size = 1 << (len(a) + 2).bit_length()
        cross = np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size)
        omega = 2 * np.pi * np.arange(len(cross)) / size
        shifts = np.linspace(-1, 1, 17)
        sums = [2 / size * abs(float((cross * np.exp(1j * omega * shift)).real.sum())) for shift in shifts]
        at = int(np.argmax(sums))
        return float(shifts[at]), min(1.0, sums[at] / norm)


def _period(sizes: NDArray[np.float32], at: int) -> int:
    """Samples to the nearest other peak that is nearly as good; 0 if there is none within two seconds."""
    low = max(0, at - _NEAR)
    others = np.flatnonzero(sizes[low : at + _NEAR] >= _REPEATS * sizes[at]) + low - at
    others = np.abs(others[np.abs(others) > _LOBE])
    return int(others.min()) if len(others) else 0


def _best_run(gain: NDArray[np.float64] | NDArray[np.float32], own: slice) -> tuple[int, int]:
    """The cells from the first to the last that agree, around ``own``; bridges what disagrees for a while."""
    middle = own.start + int(np.argmax(gain[own]))
    ends = []
    for run in (gain[middle:], gain[: middle + 1][::-1]):
        total = np.cumsum(run)
        # Given up where it has gone down for longer than a gap may last.
        last = 0
        for at in range(len(total)):
            if total[at] > total[last]:
                last = at
            elif at - last > _GAP:
                break
        ends.append(last)
    return middle - ends[1], middle + ends[0] + 1


def _merged(found: Sequence[Occurrence]) -> tuple[Occurrence, ...]:
    """What several blocks found of the same stretch told once; of a loop the strongest turn."""
    kept: list[Occurrence] = []
    for each in sorted(found, key=lambda one: -one.spreads):
        for number, known in enumerate(kept):
            same = abs((each.other - each.start) - (known.other - known.start)) <= _SAME / RATE
            near = _GAP * _CELL / RATE
            if same and _apart(each, known) <= near:
                kept[number] = _union(known, each)
                break
            if not same and _apart(each, known) < 0:
                kept[number] = replace(known, repeats=True)
                break
        else:
            kept.append(each)
    return tuple(sorted(kept, key=lambda one: (-one.length, one.start)))


def _apart(one: Occurrence, two: Occurrence) -> float:
    """Seconds between two stretches of the first sound; below 0 if they overlap."""
    return max(one.start, two.start) - min(one.start + one.length, two.start + two.length)


def _union(strong: Occurrence, weak: Occurrence) -> Occurrence:
    start = min(strong.start, weak.start)
    end = max(strong.start + strong.length, weak.start + weak.length)
    new = (end - start) - strong.length
    similarity = (strong.similarity * strong.length + weak.similarity * new) / (end - start)
    return replace(
        strong,
        start=start,
        other=max(0.0, strong.other - (strong.start - start)),
        length=end - start,
        similarity=similarity,
        repeats=strong.repeats or weak.repeats,
    )

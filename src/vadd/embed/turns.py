"""Where the sound itself turns into another: the strongest turn around the start of each grid second.

A turn is measured at 20 places a second by how much better two normal distributions, one for the second
before and one for the second after, describe the log-mel energies than a single one does: the generalised
likelihood ratio that speaker segmentation uses (S. Chen and P. Gopalakrishnan 1998), per frame and band.
A cut in the sound gives a sharp peak, a slow change a flat hill. No network is involved.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.embed.mel import BANDS, HOP, RATE, WINDOW, log_mel

__all__ = ["Turns"]

#: Frames of 10 ms that make a cell, and cells a second.
CELL_FRAMES = 5
CELLS = RATE // (HOP * CELL_FRAMES)
#: Cells on either side that are compared: a second.
REACH = CELLS
#: Keeps the variance of silence above 0, in squared log units.
FLOOR = 0.05
#: Cells on either side without which nothing is said.
_LEAST = 2
#: Cells that are measured at once: enough to pay for the call, few enough to keep memory flat.
_BATCH = 20 * CELLS


class Turns:
    """The turns of a stream of mono sound at 16 kHz, in flat memory."""

    #: The row of a second without any turn.
    SILENT_ROW: ClassVar[tuple[float, float]] = (0.0, 0.0)

    def __init__(self) -> None:
        self._waiting: list[NDArray[np.float32]] = []
        self._count = 0
        self._cells = np.zeros((0, BANDS))
        self._frames = np.zeros((0, BANDS), np.float32)
        # Cells before `_first` are forgotten; places before `_done` are measured.
        self._first = self._done = 0
        self._best: dict[int, tuple[float, float]] = {}

    @staticmethod
    def names() -> tuple[str, str]:
        """The names of a row's columns: strength (at least 0), and seconds from the start of the second."""
        return "turn", "turn_at"

    def add(self, block: NDArray[np.float32]) -> None:
        """Take the next ``(n,)`` samples, in [-1, 1]."""
        self._waiting.append(block)
        self._count += len(block)
        if self._count >= RATE:  # many small calls would cost more than the work itself
            self._take()

    def _take(self) -> None:
        samples = np.concatenate([*self._waiting, np.zeros(0, np.float32)])
        if len(samples) >= WINDOW:
            energies = log_mel(samples)
            samples = samples[len(energies) * HOP :]
            frames = np.concatenate([self._frames, energies])
            whole = len(frames) // CELL_FRAMES
            fresh = frames[: whole * CELL_FRAMES].reshape(whole, CELL_FRAMES, BANDS).mean(axis=1)
            self._frames = frames[whole * CELL_FRAMES :]
            self._cells = np.concatenate([self._cells, fresh.astype(np.float64)])
            if self._first + len(self._cells) >= self._done + _BATCH + REACH:
                self._measure(ended=False)
        self._waiting, self._count = [samples], len(samples)

    def rows(self, length: int) -> list[tuple[float, float]]:
        """``(turn, turn_at)`` of the first ``length`` grid seconds, once all sound was taken.

        Row ``i`` tells of the half second before and after the start of second ``i``; ``turn_at`` lies in
        [-0.5, 0.5). The first row is empty: before the first second there is nothing to turn from.
        """
        self._take()
        self._measure(ended=True)
        return [self._best.get(second, self.SILENT_ROW) for second in range(length)]

    def _measure(self, *, ended: bool) -> None:
        known = self._first + len(self._cells)
        until = known if ended else known - REACH
        if until <= self._done:
            return
        strengths = turn_strengths(self._cells)[self._done - self._first : until - self._first]
        for place, strength in enumerate(strengths.tolist(), self._done):
            second, behind = divmod(place + CELLS // 2, CELLS)
            if second and strength > self._best.get(second, self.SILENT_ROW)[0]:
                self._best[second] = (strength, (behind - CELLS // 2) / CELLS)
        self._done = until
        forgotten = max(0, until - REACH - self._first)
        self._cells, self._first = self._cells[forgotten:], self._first + forgotten


def turn_strengths(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strongly the sound turns before each cell.

    Args:
        cells: ``(n, BANDS)`` log-mel energies, each the mean of 50 ms.

    Returns:
        ``(n,)``, at least 0 but for rounding; 0 within 0.1 s of either end.
    """
    count = len(cells)
    found = np.zeros(count)
    places = np.arange(_LEAST, count - _LEAST + 1)
    if not len(places):
        return found
    # Sums around the mean lose no digits to a loud, even sound.
    centred = cells - cells.mean(axis=0)
    sums = np.concatenate([np.zeros((1, BANDS)), np.cumsum(centred, axis=0)])
    squares = np.concatenate([np.zeros((1, BANDS)), np.cumsum(centred**2, axis=0)])
    low, high = np.maximum(0, places - REACH), np.minimum(count, places + REACH)

    def spread(start: NDArray[np.intp], end: NDArray[np.intp]) -> NDArray[np.float64]:
        size = (end - start)[:, None]
        mean = (sums[end] - sums[start]) / size
        variance = np.maximum((squares[end] - squares[start]) / size - mean**2, 0)
        logs: NDArray[np.float64] = np.log(variance + FLOOR).mean(axis=1)
        return logs

    before, after = places - low, high - places
    ratio = (before + after) * spread(low, high) - before * spread(low, places) - after * spread(places, high)
    inside = places < count
    found[places[inside]] = ratio[inside] / (2 * REACH)
    return np.maximum(found, 0)

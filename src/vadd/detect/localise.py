"""When, where no stretch stands out: the seconds of a discrepant clip that lie above the threshold.

Stretches that do stand out are found by the change model (:mod:`vadd.detect.change`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.timeline import Span

__all__ = ["runs", "span_of"]

#: Seconds that do not fit are joined over a gap of this many that do, or that say nothing.
GAP = 1


def runs(discrepancy: NDArray[np.float64], counts: NDArray[np.bool_], threshold: float) -> list[range]:
    """Runs of seconds above a threshold, in order.

    Args:
        discrepancy: ``(T,)`` per second.
        counts: ``(T,)`` which seconds have something to say.
        threshold: Above it a second does not fit.

    Returns:
        Ranges of second indices; each begins and ends with a second that counts and does not fit.
    """
    found: list[range] = []
    for second in np.flatnonzero(counts & (discrepancy > threshold)).tolist():
        if found and second - found[-1].stop <= GAP:
            found[-1] = range(found[-1].start, second + 1)
        else:
            found.append(range(second, second + 1))
    return found


def span_of(run: range, grid: tuple[Span, ...]) -> Span:
    """The presentation time that a run of grid seconds covers."""
    return Span(grid[run.start].start, grid[run.stop - 1].end)

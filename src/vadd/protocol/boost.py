"""A small gradient-boosted model on binned features, which believes only what is significant.

Trees of two levels, fitted to the gradient of the logistic loss (Friedman 2001, with Newton steps). A split
is made only if it lowers the loss by more than chance does in one of a thousand tries; where none does,
the model says nothing, and says it for all trials alike. scikit-learn has richer ones; this one asks for no
more than numpy, so that an audit stands beside every result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["boosted"]

ROUNDS = 60
RATE = 0.2
#: Chi-square with one degree of freedom that chance exceeds once in a thousand tries.
SIGNIFICANT = 10.83
#: Curvature below which a leaf is too small to be believed, in trials of even odds times four.
_LEAST = 2.5


@dataclass(frozen=True, slots=True)
class _Split:
    feature: int
    bin: int
    gain: float


def boosted(
    codes: NDArray[np.int64], manipulated: NDArray[np.bool_], held: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Learn from some trials and score others.

    Args:
        codes: ``(n, features)`` bins from 0 on, in an order in which it makes sense to cut.
        manipulated: ``(n,)`` both kinds occur.
        held: ``(m, features)`` bins of the others.

    Returns:
        ``(m,)`` log-odds above those of the average; 0 throughout where nothing was learnt.
    """
    average = float(manipulated.mean())
    start = np.log(average / (1 - average))
    learnt, answers = np.zeros(len(codes)), np.zeros(len(held))
    width = int(max(codes.max(), held.max())) + 1
    everywhere = np.ones(len(codes), np.bool_)
    for _ in range(ROUNDS):
        share = 1 / (1 + np.exp(-(start + learnt)))
        slope, bend = manipulated - share, share * (1 - share)
        root = _best(codes, slope, bend, everywhere, width)
        if root is None:
            break
        for side in (False, True):
            here, there = (((rows[:, root.feature] > root.bin) == side) for rows in (codes, held))
            next_split = _best(codes, slope, bend, here, width)
            if next_split is None:
                leaves = [(here, there)]
            else:
                cut, cut_held = (rows[:, next_split.feature] > next_split.bin for rows in (codes, held))
                leaves = [(here & cut, there & cut_held), (here & ~cut, there & ~cut_held)]
            for of, of_held in leaves:
                step = RATE * float(slope[of].sum()) / (float(bend[of].sum()) + 1)
                learnt[of] += step
                answers[of_held] += step
    return answers


def _best(
    codes: NDArray[np.int64],
    slope: NDArray[np.float64],
    bend: NDArray[np.float64],
    of: NDArray[np.bool_],
    width: int,
) -> _Split | None:
    """The split of some trials that lowers the loss most, if it is significant."""
    best: _Split | None = None
    slope, bend, codes = slope[of], bend[of], codes[of]
    total, weight = float(slope.sum()), float(bend.sum())
    for feature in range(codes.shape[1]):
        slopes = np.cumsum(np.bincount(codes[:, feature], weights=slope, minlength=width))[:-1]
        bends = np.cumsum(np.bincount(codes[:, feature], weights=bend, minlength=width))[:-1]
        rest = weight - bends
        fits = np.flatnonzero((bends >= _LEAST) & (rest >= _LEAST))
        if not len(fits):
            continue
        left, right = slopes[fits], total - slopes[fits]
        gains = left**2 / bends[fits] + right**2 / rest[fits] - total**2 / weight
        at = int(gains.argmax())
        if gains[at] > max(SIGNIFICANT, best.gain if best else 0.0):
            best = _Split(feature, int(fits[at]), float(gains[at]))
    return best

"""The monotone curve from a score to a probability that supposes nothing else of its form.

Fitted by pooling adjacent violators (M. Ayer, H. Brunk, G. Ewing, W. Reid, E. Silverman 1955): walk up the
scores, and wherever the share falls let both neighbours have their common mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_steps"]


def fit_steps(own: Sequence[float], swapped: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """Fit P(discrepant | score) at even odds.

    Args:
        own: Scores of clips with their own sound, at least one, finite.
        swapped: Scores of clips with a foreign sound; in all they weigh as much as the own.

    Returns:
        ``(score, share)``: the ends of each flat step, scores rising and shares never falling. Between two of
        them the curve is a straight line, beyond the ends it is flat.

    Raises:
        ValueError: If a side is empty or a value is not finite.
    """
    if not len(own) or not len(swapped) or not np.isfinite([*own, *swapped]).all():
        raise ValueError("a curve is fitted to finite scores of own and of swapped sounds")
    values = np.array([*own, *swapped], np.float64)
    truth = np.repeat([0.0, 1.0], [len(own), len(swapped)])
    weights = np.repeat([0.5 / len(own), 0.5 / len(swapped)], [len(own), len(swapped)])
    scores, index = np.unique(values, return_inverse=True)
    mass: NDArray[np.float64] = np.bincount(index, weights=weights).astype(np.float64)
    share: NDArray[np.float64] = np.bincount(index, weights=weights * truth) / mass
    steps: list[tuple[float, float]] = []
    for first, last, height in _pooled(share, mass):
        steps += [(float(scores[at]), height) for at in dict.fromkeys((first, last))]
    return tuple(steps)


def _pooled(share: NDArray[np.float64], mass: NDArray[np.float64]) -> list[tuple[int, int, float]]:
    """Steps as (first, last, height); heights rise."""
    steps: list[tuple[int, int, float, float]] = []
    for at, (height, weight) in enumerate(zip(share.tolist(), mass.tolist(), strict=True)):
        first = at
        # Equal heights are one step too, which keeps the list short.
        while steps and steps[-1][2] >= height:
            start, _, below, much = steps.pop()
            height = (below * much + height * weight) / (much + weight)
            first, weight = start, weight + much
        steps.append((first, at, height, weight))
    return [(first, last, height) for first, last, height, _ in steps]

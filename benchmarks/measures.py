"""What benchmarks compute: weighted areas under the curve, catch rates, bootstrap intervals over clips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]


def auc(
    own: Array, other: Array, own_weight: Array | None = None, other_weight: Array | None = None
) -> float:
    """P(a foreign score lies above an own one)."""
    truth = np.repeat([0, 1], [len(own), len(other)])
    weights = None
    if own_weight is not None and other_weight is not None:
        weights = np.concatenate([own_weight, other_weight])
    return float(roc_auc_score(truth, np.concatenate([own, other]), sample_weight=weights))


def caught(own: Array, other: Array, false_alarms: float, own_weight: Array, other_weight: Array) -> float:
    """Share of foreign scores above the threshold that a share of the own ones exceeds."""
    order = np.argsort(-own, kind="stable")
    above = np.cumsum(own_weight[order]) / own_weight.sum()
    allowed = np.flatnonzero(above <= false_alarms + 1e-12)
    # The threshold is the highest own score that must not be exceeded.
    threshold = own[order][allowed[-1] + 1] if len(allowed) else own[order][0]
    return float(other_weight[other > threshold].sum() / other_weight.sum())


def over_clips(
    figure: Callable[[NDArray[np.int64]], float], clips: int, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float, float]:
    """A figure with its 95 % bootstrap interval over clips.

    Args:
        figure: From how often each clip is drawn to the figure; NaN where a draw leaves it undefined.
        clips: How many clips there are.
        draws: Bootstrap samples.
        seed: Of the draws.

    Returns:
        The figure on all clips, and the 2.5 and 97.5 percentiles.
    """
    rng = np.random.default_rng(seed)
    drawn = [figure(np.bincount(rng.integers(clips, size=clips), minlength=clips)) for _ in range(draws)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return figure(np.ones(clips, np.int64)), float(low), float(high)


#: Bins of :func:`calibration_gap`.
BINS = 15


def calibration_gap(said: Array, truth: Mask, drawn: NDArray[np.int64] | None = None) -> float:
    """How far probabilities lie from shares: over bins of equal width, weighted by what is in each.

    Args:
        said: ``(n,)`` probabilities, 0-1.
        truth: ``(n,)``.
        drawn: ``(n,)`` how often each counts; ``None``: once.
    """
    count = np.ones(len(said)) if drawn is None else drawn
    bins = np.minimum((said * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights=count * (truth - said), minlength=BINS)
    return float(np.abs(apart).sum() / count.sum())

"""How good posteriors are: accuracy by vote and by mean, log-loss, calibration, confusion, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import mean_posterior, winner

__all__ = ["Score", "calibration_error", "confusion", "interval", "most_confused", "score"]

#: Posteriors are kept above this in the logarithm, so that one clip cannot make all infinite.
_LEAST = 1e-12
#: Bins of the expected calibration error.
BINS = 15


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """What a classifier makes of some clips.

    Attributes:
        truth: ``(n,)`` index of each clip's scene.
        answers: ``(n,)`` the scene that most of its seconds name.
        means: ``(n, C)`` mean posterior of its seconds.
        by_vote: Share (0-1) of the clips whose answer is right: the paper's accuracy.
        by_mean: Share whose most probable scene by the mean posterior is right.
        by_second: Share of the seconds that are right.
        log_loss: Mean negative logarithm (natural) of the mean posterior of the true scene.
        calibration_error: Of the mean posterior (:func:`calibration_error`).
    """

    truth: NDArray[np.int64]
    answers: NDArray[np.int64]
    means: NDArray[np.float64]
    by_vote: float
    by_mean: float
    by_second: float
    log_loss: float
    calibration_error: float


def score(posteriors: Sequence[NDArray[np.floating[Any]]], truth: NDArray[np.int64]) -> Score:
    """Score clips.

    Args:
        posteriors: ``(T, C)`` of each clip; T may differ.
        truth: ``(n,)`` index of each clip's scene.

    Raises:
        ValueError: If there is no clip, or the numbers differ.
    """
    if not len(posteriors) or len(posteriors) != len(truth):
        raise ValueError(f"{len(posteriors)} clips of posteriors, {len(truth)} scenes")
    answers = np.array([winner(each) for each in posteriors], np.int64)
    means = np.stack([mean_posterior(each) for each in posteriors])
    right = sum(
        int((each.argmax(axis=1) == scene).sum()) for each, scene in zip(posteriors, truth, strict=True)
    )
    of_truth = means[np.arange(len(truth)), truth]
    return Score(
        truth=truth,
        answers=answers,
        means=means,
        by_vote=float((answers == truth).mean()),
        by_mean=float((means.argmax(axis=1) == truth).mean()),
        by_second=right / sum(len(each) for each in posteriors),
        log_loss=float(-np.log(np.maximum(of_truth, _LEAST)).mean()),
        calibration_error=calibration_error(means, truth),
    )


def calibration_error(posteriors: NDArray[np.floating[Any]], truth: NDArray[np.int64]) -> float:
    """Expected calibration error (Naeini et al. 2015): how far confidence lies from accuracy.

    Args:
        posteriors: ``(n, C)``, n at least 1.
        truth: ``(n,)``.

    Returns:
        0-1: over 15 bins of equal width, the mean distance weighted by the clips in a bin.
    """
    sure = posteriors.max(axis=1).astype(np.float64)
    right = posteriors.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    apart = np.bincount(bins, weights=right - sure, minlength=BINS)
    return float(np.abs(apart).sum() / len(truth))


def confusion(truth: NDArray[np.int64], answers: NDArray[np.int64], scenes: int) -> NDArray[np.int64]:
    """``(C, C)`` counts: row the true scene, column the answer."""
    flat = np.bincount(truth * scenes + answers, minlength=scenes * scenes)
    return flat.reshape(scenes, scenes).astype(np.int64)


def most_confused(
    matrix: NDArray[np.int64], scenes: Sequence[str], most: int = 5
) -> list[tuple[str, str, int]]:
    """The pairs of scenes most often taken for each other, both directions together.

    Args:
        matrix: Of :func:`confusion`.
        scenes: Names in its order.
        most: How many pairs at most; pairs that never occur are left out.

    Returns:
        ``(scene, scene, clips)``, the most frequent first; equal ones in the order of the scenes.
    """
    both = matrix + matrix.T
    pairs = [
        (scenes[a], scenes[b], int(both[a, b]))
        for a in range(len(scenes))
        for b in range(a + 1, len(scenes))
        if both[a, b]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def interval(
    values: NDArray[np.floating[Any]], groups: Sequence[str], *, draws: int = 2_000, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of a mean, drawing whole groups: clips of one location are not independent.

    Args:
        values: ``(n,)`` one a clip, e.g. whether it is right.
        groups: ``n`` names, e.g. of locations.
        draws: Bootstrap samples.
        seed: Of the draws.

    Returns:
        The 2.5 and 97.5 percentiles; both the mean itself where there is one group only.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    total = np.bincount(index, weights=values, minlength=len(names))
    count = np.bincount(index, minlength=len(names))
    rng = np.random.default_rng([seed, 3])
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    means = drawn @ total / (drawn @ count)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)

"""From the posteriors of a clip's seconds to one answer: vote, mean, and the same in a coarser scene set.

The vote is the paper's: each second names its most probable scene and the scene named most often wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.scenes import SceneSet, coarsen

__all__ = ["fold", "mean_posterior", "votes", "winner"]


def votes(posteriors: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """How many seconds name each scene; a second's own tie goes to the first of its scenes.

    Args:
        posteriors: ``(T, C)``, T and C at least 1, finite; each row is one second's posterior.

    Returns:
        ``(C,)`` counts that sum to T.

    Raises:
        ValueError: If the array has another shape, no second, or a value that is not finite.
    """
    _check(posteriors)
    return np.bincount(posteriors.argmax(axis=1), minlength=posteriors.shape[1]).astype(np.int64)


def mean_posterior(posteriors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The mean over a clip's seconds.

    Args:
        posteriors: As for :func:`votes`.

    Returns:
        ``(C,)``; sums to 1 when the rows do.

    Raises:
        ValueError: As :func:`votes`.
    """
    _check(posteriors)
    mean: NDArray[np.float64] = posteriors.mean(axis=0, dtype=np.float64)
    return mean


def winner(posteriors: NDArray[np.floating[Any]]) -> int:
    """The scene that most seconds name; of several the one with the greatest mean posterior.

    Args:
        posteriors: As for :func:`votes`.

    Returns:
        Index of the scene; the first, should even the means be equal.

    Raises:
        ValueError: As :func:`votes`.
    """
    counts = votes(posteriors)
    leading = counts == counts.max()
    return int(np.where(leading, mean_posterior(posteriors), -np.inf).argmax())


def fold(posteriors: NDArray[np.floating[Any]], source: SceneSet, target: SceneSet) -> NDArray[np.float64]:
    """Posteriors over a coarser scene set: the sums of the finer ones, given that the scene is in it.

    Args:
        posteriors: ``(..., C)`` over ``source``; at least 0.
        source: The scenes of the last axis.
        target: The coarser set (:func:`vadd.scenes.coarsen`).

    Returns:
        ``(..., len(target))``; rows sum to 1. A row all of whose mass lies on scenes that ``target``
        leaves out says nothing about the rest, and comes out even.

    Raises:
        ValueError: If the last axis is not as long as ``source``.
        ModelError: If there is no map between the sets.
    """
    if posteriors.shape[-1] != len(source):
        raise ValueError(f"posteriors over {source.name} need {len(source)} columns: {posteriors.shape}")
    matrix = np.zeros((len(source), len(target)))
    for row, column in enumerate(coarsen(source, target)):
        if column is not None:
            matrix[row, column] = 1
    # The smallest normal number changes no sum that holds any mass, and makes an empty row even.
    summed = posteriors.astype(np.float64) @ matrix + np.finfo(np.float64).tiny
    even: NDArray[np.float64] = summed / summed.sum(axis=-1, keepdims=True)
    return even


def _check(posteriors: NDArray[np.floating[Any]]) -> None:
    if posteriors.ndim != 2 or 0 in posteriors.shape:
        raise ValueError(f"a clip's posteriors are (seconds, scenes), at least one each: {posteriors.shape}")
    if not np.isfinite(posteriors).all():
        raise ValueError("a clip's posteriors hold a value that is not finite")

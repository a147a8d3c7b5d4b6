"""Parts of a set of clips that are kept apart in turn, so that nothing is judged by what learnt from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "split"]

#: Parts that are kept apart in turn, by custom: each learns from 80 % of the clips.
FOLDS = 5


def split(groups: Sequence[str], *, folds: int = FOLDS, seed: int = 0) -> NDArray[np.int64]:
    """Which part each clip is in; clips of one group are always in one.

    Args:
        groups: ``n`` names, e.g. the clips' locations.
        folds: How many parts, at least 1; fewer come of fewer groups.
        seed: Of the order of groups that are equally large.

    Returns:
        ``(n,)`` numbers from 0; the parts are as equal as the groups let them be.
    """
    names, index, sizes = np.unique(np.asarray(groups, dtype=str), return_inverse=True, return_counts=True)
    shuffled = np.random.default_rng([seed, 6]).permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled = np.zeros(min(folds, len(names)), np.int64)
    fold = np.zeros(len(names), np.int64)
    for group in order.tolist():
        fold[group] = filled.argmin()
        filled[fold[group]] += sizes[group]
    found: NDArray[np.int64] = fold[index]
    return found

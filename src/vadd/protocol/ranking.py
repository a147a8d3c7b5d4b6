"""What the order of scores is worth: areas, equal error, false alarms; for many weightings of one order.

scikit-learn has these figures and the tests compare with it. It sorts for each weighting anew, however,
and a bootstrap of a thousand draws over a million trials would take it half an hour; here the trials are
sorted once, and a draw costs two running sums.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

__all__ = ["RANK_FIGURES", "RECALL", "Ranking"]

#: What :meth:`Ranking.figures` gives, in order.
RANK_FIGURES = ("auc", "average_precision", "equal_error_rate", "false_alarms_at_95_recall")
#: Numerator and denominator of the recall at which false alarms are told: whole numbers, as 0.95 is none
#: that a computer knows exactly.
RECALL = (19, 20)


#: Trials in a block. Sums run through all blocks at once, which is several times as fast as one after the
#: other: each step adds whole rows, and waits for no sum before it.
_BLOCK = 64


class Ranking:
    """Trials in the order of their scores.

    Args:
        scores: ``(n,)``, higher for more discrepant; NaN ranks below all.
        manipulated: ``(n,)`` the truth.
        groups: ``(n,)`` which group of trials, weighted alike, each belongs to; from 0 on.
    """

    def __init__(
        self, scores: NDArray[np.float64], manipulated: NDArray[np.bool_], groups: NDArray[np.int64]
    ) -> None:
        known = np.where(np.isnan(scores), -np.inf, scores)
        order = np.argsort(-known, kind="stable")
        ranked, positive, groups = known[order], manipulated[order], groups[order]
        self._size = int(groups.max()) + 1 if len(groups) else 0
        self._positive = _Side(groups[positive], self._size)
        self._negative = _Side(groups[~positive], self._size)
        # Trials of one score are one step of the curve: their order means nothing.
        last = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, np.bool_)
        ends = np.concatenate([[0], np.flatnonzero(last) + 1])
        #: How many of each side there are down to the end of each step, none before the first; as places.
        hits = np.concatenate([[0], np.cumsum(positive)])[ends]
        self._steps = self._positive.places(hits), self._negative.places(ends - hits)
        # Of each manipulated trial, in the layout of its side: the sums at the end of its step, and of the
        # pristine trials before its step.
        step = np.searchsorted(ends, np.flatnonzero(positive), side="right")
        self._tied = bool((hits[step] != np.arange(1, len(step) + 1)).any())
        self._mixed = bool(((ends - hits)[step] != (ends - hits)[step - 1]).any())
        self._hit_ends, self._alarm_ends, self._alarm_starts = (
            self._positive.laid_out(places[at])
            for places, at in ((self._steps[0], step), (self._steps[1], step), (self._steps[1], step - 1))
        )

    def figures(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The figures of :data:`RANK_FIGURES`.

        Area under the ROC curve; average precision, without interpolation; equal error rate, between two
        points of the curve on the line that joins them; and the least share of pristine trials that are
        flagged where 95 % of the manipulated ones are.

        Args:
            weights: A whole number for each group: how often it counts; ``None``: once.

        Returns:
            ``(4,)`` shares from 0 to 1; NaN without trials of both kinds.
        """
        weights = np.ones(self._size) if weights is None else weights[: self._size]
        counts, hits = self._positive.sums(weights)
        _, alarms = self._negative.sums(weights)
        positive, negative = self._positive.total(hits), self._negative.total(alarms)
        if not positive or not negative:
            return np.full(len(RANK_FIGURES), np.nan)
        false = alarms[self._alarm_ends]
        true = hits[self._hit_ends] if self._tied else hits[:-1]
        # What is manipulated and scores below the pristine trials, or half of what scores the same.
        lost = _product(counts, false)
        if self._mixed:
            lost = (lost + _product(counts, alarms[self._alarm_starts])) / 2
        flagged = true + false
        precision = np.divide(true, flagged, out=flagged, where=flagged > 0)
        # The trial that completes the recall; what follows in its step is flagged with it.
        enough = self._positive.first(hits, RECALL[0] * positive / RECALL[1])
        return np.array([
            1 - lost / (positive * negative),
            _product(counts, precision) / positive,
            _equal_error(hits, alarms, *self._steps, positive, negative),
            float(false[enough]) / negative,
        ])  # fmt: skip


class _Side:
    """The manipulated or the pristine trials in order, laid out in blocks: a block is a column.

    Args:
        groups: ``(n,)`` of the trials.
        size: How many groups there are.
    """

    def __init__(self, groups: NDArray[np.int64], size: int) -> None:
        self._count, self._columns = len(groups), -(-len(groups) // _BLOCK)
        self._size = size
        # What fills the last block up is of a group of its own, which never counts.
        filled = np.full(self._columns * _BLOCK, size, np.intp)
        filled[: len(groups)] = groups
        self._groups = np.ascontiguousarray(filled.reshape(self._columns, _BLOCK).T).reshape(-1)

    def places(self, counts: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where the sum of the first so many trials stands; that of none behind all."""
        last = counts - 1
        place = last % _BLOCK * self._columns + last // _BLOCK
        return np.where(counts > 0, place, len(self._groups)).astype(np.intp)

    def laid_out(self, values: NDArray[np.intp]) -> NDArray[np.intp]:
        """One value a trial in the layout of the sums; 0 where the last block is filled up."""
        filled = np.zeros(len(self._groups), np.intp)
        filled[self.places(np.arange(1, self._count + 1))] = values
        return filled

    def sums(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``(m,)`` how often each trial counts, and ``(m + 1,)`` the running sums, both laid out."""
        # Other modes of taking would make a copy.
        counts = np.take(np.append(weights, 0.0), self._groups, mode="clip")
        sums = np.zeros(len(counts) + 1)
        if self._columns:
            rows, table = counts.reshape(_BLOCK, -1), sums[:-1].reshape(_BLOCK, -1)
            table[0] = rows[0]
            for row in range(1, _BLOCK):
                np.add(table[row - 1], rows[row], out=table[row])
            before = np.cumsum(table[-1])
            table[:, 1:] += before[:-1]
        return counts, sums

    def total(self, sums: NDArray[np.float64]) -> float:
        """The sum of all."""
        return float(sums[-2]) if self._columns else 0.0

    def first(self, sums: NDArray[np.float64], least: float) -> int:
        """Where the first sum that reaches ``least`` stands; one does."""
        table = sums[:-1].reshape(_BLOCK, -1)
        column = int(np.searchsorted(table[-1], least))
        return int(np.searchsorted(table[:, column], least)) * self._columns + column


def _product(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Sum of products, on one core: a library's own threads would wait for each other at every draw."""
    return float(np.einsum("i,i->", one, other))


def _equal_error(
    hits: NDArray[np.float64],
    alarms: NDArray[np.float64],
    positives: NDArray[np.intp],
    negatives: NDArray[np.intp],
    positive: float,
    negative: float,
) -> float:
    """Where as many pristine trials are flagged as manipulated ones are not, in shares."""

    def excess(step: int) -> float:  # of false alarms over misses; whole numbers, never falling
        return float(
            alarms[negatives[step]] * positive + hits[positives[step]] * negative - positive * negative
        )

    step = bisect_left(range(len(positives)), 0.0, key=excess)  # not the first, where nothing is flagged
    before, after = excess(step - 1), excess(step)
    low, high = (float(alarms[negatives[at]]) / negative for at in (step - 1, step))
    return low + (high - low) * before / (before - after)

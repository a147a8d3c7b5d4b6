"""How well it is told *when* the sound is foreign: the conventions of AV-Deepfake1M.

Cai et al. 2024 and its tools: a proposal is a score and a span; two spans overlap by their intersection
over their union. AP at a threshold: within a trial the true spans, in order, each take the proposal of the
highest score that overlaps by *more* than the threshold and is not taken yet; the proposals of all trials
are put in the order of their scores, and the area is that below the falling envelope of precision over
recall. AR at a number: a true span is found if any of the trial's so many best proposals overlaps by more
than the threshold; the share that is found, averaged over the thresholds 0.5, 0.55, ... 0.95.

In one thing theirs is not followed: in their AR the true spans of a trial without any proposal are left out
of the count, which rewards silence. Here they are missed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.predictions import Proposal
from vadd.timeline import Span

__all__ = ["COUNTS", "SPAN_FIGURES", "THRESHOLDS", "SpanRanking"]

#: Overlaps at which AP is told.
THRESHOLDS = (0.5, 0.75, 0.95)
#: Proposals a trial for AR.
COUNTS = (10, 20, 50, 100)
#: What :meth:`SpanRanking.figures` gives, in order.
SPAN_FIGURES = (*(f"AP@{at:g}" for at in THRESHOLDS), *(f"AR@{count}" for count in COUNTS))
#: Overlaps over which AR is averaged; from whole numbers, as steps of 0.05 would add up to something else.
_AVERAGED = tuple(step / 20 for step in range(10, 20))


class SpanRanking:
    """Proposals of many trials beside the true spans.

    Args:
        spans: For each trial where the foreign sound is, in order.
        proposals: For each trial what was found, highest score first.
        groups: ``(n,)`` which group of trials, weighted alike, each belongs to.
    """

    def __init__(
        self,
        spans: Sequence[Sequence[Span]],
        proposals: Sequence[Sequence[Proposal]],
        groups: NDArray[np.int64],
    ) -> None:
        counts = np.array([len(each) for each in spans], np.int64)
        found = np.array([len(each) for each in proposals], np.int64)
        true = np.array([(float(s.start), float(s.end)) for each in spans for s in each]).reshape(-1, 2)
        said = np.array([one for each in proposals for one in each], np.float64).reshape(-1, 3)
        rank = np.arange(len(said)) - np.repeat(np.cumsum(found) - found, found)
        label, proposal = _pairs(counts, found)
        shared = np.minimum(true[label, 1], said[proposal, 2]) - np.maximum(true[label, 0], said[proposal, 1])
        both = np.maximum(true[label, 1], said[proposal, 2]) - np.minimum(true[label, 0], said[proposal, 1])
        overlap = np.maximum(shared, 0) / both
        within = np.arange(len(true)) - np.repeat(np.cumsum(counts) - counts, counts)
        order = np.argsort(-said[:, 0], kind="stable")
        groups = groups.astype(np.intp)
        self._proposal_groups = np.repeat(groups, found)[order]
        self._right = [
            _matched(label, proposal, overlap > least, within, len(said))[order].astype(np.float64)
            for least in THRESHOLDS
        ]
        size = int(groups.max()) + 1 if len(groups) else 0
        label_groups = np.repeat(groups, counts)
        self._labels = np.bincount(label_groups, minlength=size).astype(np.float64)
        self._recalled = np.zeros((len(COUNTS), size))
        for row, most in enumerate(COUNTS):
            best = np.zeros(len(true))
            among = rank[proposal] < most
            np.maximum.at(best, label[among], overlap[among])
            share = np.mean([best > least for least in _AVERAGED], axis=0)
            self._recalled[row] = np.bincount(label_groups, weights=share, minlength=size)

    def figures(self, weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """The figures of :data:`SPAN_FIGURES`.

        Args:
            weights: A whole number for each group: how often it counts; ``None``: once.

        Returns:
            ``(7,)`` shares from 0 to 1; NaN where nothing is to be found.
        """
        weights = np.ones(len(self._labels)) if weights is None else weights[: len(self._labels)]
        total = float(weights @ self._labels)
        if not total:
            return np.full(len(SPAN_FIGURES), np.nan)
        drawn = weights[self._proposal_groups]
        seen = np.cumsum(drawn)
        areas = []
        for right in self._right:
            hits = np.cumsum(drawn * right)
            precision = np.divide(hits, seen, out=np.zeros(len(seen)), where=seen > 0)
            envelope = np.maximum.accumulate(precision[::-1])[::-1]
            areas.append(float(np.dot(np.diff(hits, prepend=0.0), envelope)) / total)
        return np.array([*areas, *(self._recalled @ weights / total)])


def _pairs(
    counts: NDArray[np.int64], found: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every true span with every proposal of its trial, by true span and then by rank."""
    each = np.repeat(found, counts)  # proposals beside each true span
    label = np.repeat(np.arange(len(each)), each)
    first = np.repeat(np.cumsum(found) - found, counts)
    step = np.arange(len(label)) - np.repeat(np.cumsum(each) - each, each)
    return label, first[label] + step


def _matched(
    label: NDArray[np.int64],
    proposal: NDArray[np.int64],
    fits: NDArray[np.bool_],
    within: NDArray[np.int64],
    size: int,
) -> NDArray[np.bool_]:
    """Which proposals are taken by a true span; the first spans of all trials choose first."""
    taken = np.zeros(size, np.bool_)
    label, proposal = label[fits], proposal[fits]
    turn = within[label]
    for now in np.unique(turn):
        free = (turn == now) & ~taken[proposal]
        first = np.unique(label[free], return_index=True)[1]
        taken[proposal[free][first]] = True
    return taken

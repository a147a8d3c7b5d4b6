"""How well discrepancies are found: F1, precision, recall, thresholds, intervals, and what bounds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.match import area

__all__ = ["Detection", "best_threshold", "detection", "f1_interval", "f1_score", "least_f1"]

Flags = NDArray[np.bool_]
Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector makes of some clips; shares from 0 to 1.

    Attributes:
        hits: Manipulated clips that are flagged; likewise ``false_alarms``, ``misses`` and ``rejections``
            (pristine clips that are not flagged).
        area: P(a manipulated clip scores above a pristine one), ties counted half: the area under the ROC
            curve; ``None`` without clips of both kinds, or without scores.
    """

    hits: int
    false_alarms: int
    misses: int
    rejections: int
    area: float | None = None

    @property
    def precision(self) -> float:
        """Share of the flagged clips that are manipulated; 0 if none is flagged."""
        return self.hits / max(1, self.hits + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of the manipulated clips that are flagged; 0 if there is none."""
        return self.hits / max(1, self.hits + self.misses)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return f1_score(self.hits, self.false_alarms, self.misses)

    @property
    def accuracy(self) -> float:
        """Share of the clips that are judged right."""
        right = self.hits + self.rejections
        return right / max(1, right + self.false_alarms + self.misses)


def f1_score(hits: float, false_alarms: float, misses: float) -> float:
    """F1 of counts, or of expected counts; 0 where nothing is flagged and nothing manipulated."""
    return 2 * hits / (2 * hits + false_alarms + misses) if hits else 0.0


def detection(manipulated: Flags, flagged: Flags, scores: Scores | None = None) -> Detection:
    """Count.

    Args:
        manipulated: ``(n,)`` the truth.
        flagged: ``(n,)`` the answers.
        scores: ``(n,)`` what the answers were made from, higher for manipulated.

    Raises:
        ValueError: If the lengths differ, or a score is no number.
    """
    if len(manipulated) != len(flagged) or (scores is not None and len(scores) != len(flagged)):
        raise ValueError("truth, answers and scores are of the same clips")
    if scores is not None and np.isnan(scores).any():
        raise ValueError("a score is no number")
    both = scores is not None and manipulated.any() and not manipulated.all()
    return Detection(
        hits=int((manipulated & flagged).sum()),
        false_alarms=int((~manipulated & flagged).sum()),
        misses=int((manipulated & ~flagged).sum()),
        rejections=int((~manipulated & ~flagged).sum()),
        area=area(scores[~manipulated], scores[manipulated]) if both and scores is not None else None,
    )


def best_threshold(manipulated: Flags, scores: Scores) -> float:
    """The threshold above which flagging gives the greatest F1; of equal ones the highest.

    Args:
        manipulated: ``(n,)``, at least one is true.
        scores: ``(n,)`` finite.

    Returns:
        A number half way between two scores, or below all of them.

    Raises:
        ValueError: If no clip is manipulated, or a score is not finite.
    """
    if not manipulated.any() or not np.isfinite(scores).all():
        raise ValueError("a threshold needs manipulated clips and finite scores")
    values, index = np.unique(scores.astype(np.float64), return_inverse=True)
    hits = np.bincount(index, weights=manipulated, minlength=len(values))[::-1].cumsum()[::-1]
    flagged = np.bincount(index, minlength=len(values))[::-1].cumsum()[::-1]
    f1 = 2 * hits / (flagged + manipulated.sum())
    best = int(np.flatnonzero(f1 == f1.max())[-1])  # flags what scores this or more
    return float(values[0] - 1 if best == 0 else (values[best - 1] + values[best]) / 2)


def f1_interval(
    manipulated: Flags, flagged: Sequence[Flags], groups: Sequence[str], *, draws: int = 2_000, seed: int = 0
) -> tuple[float, float]:
    """95 % bootstrap interval of F1, drawing whole groups, e.g. the locations of the pictures.

    Args:
        manipulated: ``(n,)``.
        flagged: One or more answers ``(n,)`` to the same clips, whose mean F1 it is about.
        groups: ``n`` names.
        draws: Bootstrap samples.
        seed: Of the draws.

    Returns:
        The 2.5 and 97.5 percentiles.
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng([seed, 3])
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    total = np.zeros(draws)
    for answers in flagged:
        hits = drawn @ np.bincount(index, weights=manipulated & answers, minlength=len(names))
        both = drawn @ np.bincount(
            index, weights=manipulated.astype(np.int64) + answers, minlength=len(names)
        )
        total += 2 * hits / np.maximum(both, 1)
    low, high = np.percentile(total / len(flagged), [2.5, 97.5])
    return float(low), float(high)


def least_f1(picture_errors: float, sound_errors: float, manipulated: float = 0.5) -> float:
    """The F1 that two classifiers run clip by clip cannot fall below, whatever their errors hit.

    A clip whose picture and whose sound are both named right is judged right. With every picture and every
    sound used once, the clips judged wrong are then at most as many as the errors of both together, and
    F1 is least when all of these are misses.

    Args:
        picture_errors: Share (0-1) of the clips whose picture is named wrong.
        sound_errors: Share of the clips whose sound is named wrong.
        manipulated: Share (0-1) of the clips that are manipulated.
    """
    wrong = picture_errors + sound_errors
    hits = max(0.0, manipulated - wrong)
    return f1_score(hits, 0.0, wrong)

"""What clips of one's own and their swaps teach of when to leave a clip open; it becomes stricter only.

A foreign sound that is called consistent is the worse mistake, and the threshold says nothing of it. So it
is held to the same rate. As far up the scores as the base calls consistent its own clips speak for that too,
and of these foreign sounds no more than that share may be called so. Beyond, nobody else speaks for it, and
as with the threshold (:mod:`vadd.detect.calibrate`) the clip to come is counted as the worst that it can be:
with ``r`` the share of a picture's foreign sounds that are called consistent, ``(sum of r + 1) /
(pictures + 1)`` stays at or under the rate (conformal risk control: A. Angelopoulos, S. Bates, A. Fisch,
L. Lei, T. Schuster 2022). Pictures that share sounds are not quite exchangeable, so that this is nearly a
promise and no more.

The same is asked of those foreign sounds alone that are mostly speech or music, and the doubt raised until it
holds. The base's bounds are never loosened: clips without a voice over them cannot say how much one hides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vadd.detect.abstention import Abstention
from vadd.detect.calibrate import Calibration
from vadd.detect.decide import MOSTLY_GENERIC
from vadd.detect.own_swaps import Swap

__all__ = ["Judged", "judge_swaps", "learn_abstention"]

#: Steps in which the doubt is raised, and how often: a doubt of 4 more leaves next to nothing claimed.
_STEP, _STEPS = 0.25, 16
#: Scores lie within these bounds, and are found to the last digit by so many halvings.
_FAR, _HALVINGS = 1e3, 64


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """How swaps are judged, each ``(N,)`` bool; those neither are left open."""

    discrepant: NDArray[np.bool_]
    consistent: NDArray[np.bool_]


def judge_swaps(
    swaps: Sequence[Swap], calibration: Calibration, false_alarms: float, neutral: float | None
) -> Judged:
    """How :func:`vadd.detect.decide.decide` judges whole clips of these scores.

    Args:
        swaps: The clips.
        calibration: What scores mean.
        false_alarms: Rate that can be promised.
        neutral: As of :class:`vadd.detect.decide.Evidence`.
    """
    own = calibration.threshold(false_alarms)
    threshold = own if neutral is None else max(own, neutral)
    scores, generic = _columns(swaps)
    discrepant = scores > threshold + calibration.abstention.margin * generic
    return Judged(discrepant, ~discrepant & _claimed(swaps, calibration, own, neutral))


def learn_abstention(
    swaps: Sequence[Swap],
    calibration: Calibration,
    base: Calibration,
    false_alarms: float,
    neutral: float | None,
) -> Abstention:
    """The base's abstention, made stricter where these swaps ask for it.

    Without swaps, or with those of too few pictures to show more at this rate, no higher score is called
    consistent than by the base.

    Args:
        swaps: Foreign sounds, or none if none of them is known to be foreign.
        calibration: With the threshold and the curve of the clips, and the base's abstention.
        base: Of the detector that is adapted.
        false_alarms: Rate at which foreign sounds may be called consistent.
        neutral: As of :class:`vadd.detect.decide.Evidence`.

    Raises:
        UsageError: If there are too few clips to promise this rate.
    """
    own = calibration.threshold(false_alarms)
    free = replace(base.abstention, below=None)

    def line(some: Sequence[Swap], doubt: float, more: int) -> float:
        """Below which score these, and so many pictures more at the worst, keep to the rate."""
        tried = replace(calibration, abstention=replace(free, doubt=doubt))
        scores, generic = _columns(some)
        doubtful = scores + doubt * generic
        _, group, count = np.unique([each.picture for each in some], return_inverse=True, return_counts=True)
        order = np.argsort(doubtful, kind="stable")
        share = np.where(_claimed(some, tried, own, neutral), 1 / count[group], 0.0)
        over = np.flatnonzero(
            np.cumsum(share[order]) + more > false_alarms * (len(count) + more) * (1 + 1e-9)
        )
        # Claims are made strictly below, so not of the first that would be one too many.
        return float(doubtful[order[over[0]]]) if len(over) else math.inf

    below = _line_of(base)
    if swaps:
        below = min(below, line(swaps, free.doubt, 0))
    if _enough(swaps, false_alarms):
        below = max(below, line(swaps, free.doubt, 1))
    doubt = free.doubt
    hidden = [each for each in swaps if each.unexplained > MOSTLY_GENERIC]
    if _enough(hidden, false_alarms):
        for _ in range(_STEPS):
            if line(hidden, doubt, 0) >= below:
                break
            doubt += _STEP
    # Where the curve says as much by itself no bound of the score is needed.
    idle = calibration.probability(below) >= free.consistent if math.isfinite(below) else below > 0
    return replace(free, below=None if idle else max(below, -_FAR), doubt=doubt)


def _enough(swaps: Sequence[Swap], false_alarms: float) -> bool:
    """Whether there are so many pictures that the rate can be kept if nothing is claimed of these."""
    pictures = len({each.picture for each in swaps})
    return false_alarms * (pictures + 1) * (1 + 1e-9) >= 1


def _columns(swaps: Sequence[Swap]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.array([each.discrepancy for each in swaps], np.float64),
        np.array([each.unexplained for each in swaps], np.float64),
    )


def _claimed(
    swaps: Sequence[Swap], calibration: Calibration, own: float, neutral: float | None
) -> NDArray[np.bool_]:
    """``(N,)`` which are called consistent, unless they are discrepant."""
    rule = calibration.abstention
    scores, generic = _columns(swaps)
    doubtful = scores + rule.doubt * generic
    # The doubt never lowers what the curve says.
    said = calibration.curve.shares(doubtful, 1 / (len(calibration.own) + 1))
    least = math.inf if neutral is None else neutral
    below = math.inf if rule.below is None else rule.below
    found: NDArray[np.bool_] = (
        (said < rule.consistent)
        & (doubtful <= own + rule.margin * generic)
        & (scores < least)
        & (doubtful < below)
    )
    return found


def _line_of(base: Calibration) -> float:
    """The score below which a detector calls clips consistent, where nothing else speaks against it."""
    low, high = -_FAR, _FAR
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if base.probability(middle) < base.abstention.consistent else (low, middle)
    return high if base.abstention.below is None else min(high, base.abstention.below)

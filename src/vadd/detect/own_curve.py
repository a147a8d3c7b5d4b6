"""The curve that clips of one's own speak for: the base's, the base's moved, or one of their own.

A curve of two parameters or more is a lot to learn from few clips. So all are held against each other by
cross-validation, the base's first: it is given up only where another makes clips likelier that it did not
learn from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from vadd.detect.calibrate import Calibration
from vadd.detect.curve import Curve, fit_curve
from vadd.detect.documents import CurveName
from vadd.detect.folds import split
from vadd.detect.isotonic import fit_steps
from vadd.detect.own_swaps import Swap
from vadd.errors import ModelError

__all__ = ["CURVES", "choose_own_curve", "moved"]

#: The curves that are tried, in this order; of two that are equally good the first is taken.
CURVES: tuple[CurveName, ...] = get_args(CurveName)


def moved(base: Calibration, own: Calibration, false_alarms: float) -> Curve:
    """The base's curve, so that it says at the threshold of these clips what it said at the base's.

    Args:
        base: Of the detector that is adapted.
        own: The clips'.
        false_alarms: Rate of the thresholds; where one of the two cannot promise it, its lowest.
    """
    rate = max(false_alarms, *(_lowest(each) for each in (base, own)))
    by = own.threshold(rate) - base.threshold(rate)
    steps = tuple((score + by, share) for score, share in base.steps)
    return Curve(base.slope, base.intercept - base.slope * by, steps)


def choose_own_curve(
    scores: Sequence[float],
    demands: Sequence[float],
    swaps: Sequence[Swap],
    base: Calibration,
    false_alarms: float,
    *,
    seed: int = 0,
) -> tuple[CurveName, Curve]:
    """The curve under which clips are likeliest that it was not learnt from.

    Clips are kept apart in five parts. A part is judged by what the swaps and own sounds of the other clips
    teach, swaps whose picture or sound is of the part left out; own sounds and swaps weigh the same.

    Args:
        scores: Discrepancy of each clip with its own sound.
        demands: The least threshold at which each is not called, of which thresholds are made.
        swaps: Of these clips, at least one.
        base: Of the detector that is adapted.
        false_alarms: As of :func:`moved`.
        seed: Of the parts.

    Returns:
        Which of :data:`CURVES`, and the curve, learnt from all clips.
    """
    fold = split([str(at) for at in range(len(scores))], seed=seed)
    own, asked = np.array(scores, np.float64), np.array(demands, np.float64)
    foreign = np.array([each.discrepancy for each in swaps], np.float64)
    of = np.array([(fold[each.picture], fold[each.sound]) for each in swaps])
    losses = dict.fromkeys(CURVES, 0.0)
    for part in range(fold.max() + 1):
        apart, judged = fold == part, of[:, 0] == part
        learns = ~(of == part).any(axis=1)
        tried = _curves(own[~apart], asked[~apart], foreign[learns], base, false_alarms)
        surest = 1 / ((~apart).sum() + 1)
        for name in CURVES:
            if name not in tried:
                losses[name] = math.inf
                continue
            said = tried[name].shares(own[apart], surest), tried[name].shares(foreign[judged], surest)
            losses[name] -= np.log(1 - said[0]).sum() / len(own) + np.log(said[1]).sum() / len(foreign)
    curves = _curves(own, asked, foreign, base, false_alarms)
    best = min((name for name in CURVES if name in curves), key=lambda name: losses[name])
    return best, curves[best]


def _curves(
    own: NDArray[np.float64],
    demands: NDArray[np.float64],
    foreign: NDArray[np.float64],
    base: Calibration,
    false_alarms: float,
) -> dict[CurveName, Curve]:
    known = Calibration(tuple(np.sort(demands).tolist()), base.slope, base.intercept, "")
    found: dict[CurveName, Curve] = {"kept": base.curve, "moved": moved(base, known, false_alarms)}
    if len(foreign):
        try:
            fitted = fit_curve(own.tolist(), foreign.tolist())
        except ModelError:  # foreign sounds score no higher
            return found
        found["logistic"] = Curve(*fitted)
        found["isotonic"] = Curve(*fitted, fit_steps(own.tolist(), foreign.tolist()))
    return found


def _lowest(calibration: Calibration) -> float:
    return 1 / (len(calibration.own) + 1)

"""The curve from a score to a probability, fitted to scores of own and of swapped sounds.

The logistic curve is fitted by J. Platt's method (1999): the targets are not quite 0 and 1 but what as many
clips can vouch for, so that scores which overlap nowhere still give a finite slope. Where cross-validation
shows that the scores have another form, the monotone curve of :mod:`vadd.detect.isotonic` takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.detect.folds import split
from vadd.detect.isotonic import fit_steps
from vadd.errors import ModelError

__all__ = ["Curve", "choose_curve", "fit_curve"]

#: Newton's method needs about ten steps; what has not settled after so many never will.
_STEPS = 100
#: The gradient at which it has settled.
_SETTLED = 1e-12


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve from discrepancy to P(discrepant) at even odds.

    Attributes:
        slope: Of the logistic curve; over 0.
        intercept: Of the same.
        steps: ``(score, share)`` of the isotonic curve, scores rising and shares never falling; empty where
            the logistic one holds.
    """

    slope: float
    intercept: float
    steps: tuple[tuple[float, float], ...] = ()

    @property
    def kind(self) -> str:
        """``logistic`` or ``isotonic``."""
        return "isotonic" if self.steps else "logistic"

    def shares(self, scores: NDArray[np.float64], surest: float) -> NDArray[np.float64]:
        """The curve at some scores, kept in [``surest``, 1 - ``surest``]."""
        if self.steps:
            known, heights = np.array(self.steps).T
            found = np.interp(scores, known, heights)
        else:
            found = 1 / (1 + np.exp(-np.clip(self.slope * scores + self.intercept, -500, 500)))
        bounded: NDArray[np.float64] = found.clip(surest, 1 - surest)
        return bounded


def choose_curve(
    own: Sequence[float],
    swapped: Sequence[float],
    own_groups: Sequence[str] | None = None,
    swapped_groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Curve:
    """The logistic or the isotonic curve, whichever makes clips likelier that it was not fitted to.

    Args:
        own: As of :func:`fit_curve`.
        swapped: Likewise.
        own_groups: Group of each own clip, e.g. where it was recorded; groups are kept apart whole.
            ``None``: each clip by itself.
        swapped_groups: Of each swapped one, e.g. the group of its picture; of the same names.
        seed: Of the folds.

    Raises:
        ValueError: As :func:`fit_curve`, and if there are not as many groups as clips.
        ModelError: As :func:`fit_curve`.
    """
    slope, intercept = fit_curve(own, swapped)
    logistic, isotonic = Curve(slope, intercept), Curve(slope, intercept, fit_steps(own, swapped))
    scores = np.array([*own, *swapped], np.float64)
    groups = [
        *(own_groups or [f"own {at}" for at in range(len(own))]),
        *(swapped_groups or [f"swapped {at}" for at in range(len(swapped))]),
    ]
    if len(groups) != len(scores):
        raise ValueError("there is one group a clip")
    foreign = np.arange(len(scores)) >= len(own)
    fold = split(groups, seed=seed)
    losses = np.zeros(2)
    for kept in range(fold.max() + 1):
        apart = fold == kept
        learnt = [scores[~apart & (foreign == side)].tolist() for side in (False, True)]
        try:
            fitted = fit_curve(*learnt)
        except (ModelError, ValueError):
            return logistic  # too few clips to choose by
        surest = 1 / (len(learnt[0]) + 1)
        for at, steps in enumerate(((), fit_steps(*learnt))):
            said = Curve(*fitted, steps).shares(scores[apart], surest)
            right = np.where(foreign[apart], said, 1 - said)
            weights = np.where(foreign[apart], 0.5 / len(swapped), 0.5 / len(own))
            losses[at] -= weights @ np.log(right)
    return isotonic if losses[1] < losses[0] else logistic


def fit_curve(own: Sequence[float], swapped: Sequence[float]) -> tuple[float, float]:
    """Fit ``P(discrepant) = 1 / (1 + exp(-(slope x + intercept)))`` at even odds.

    Args:
        own: Discrepancies of clips with their own sound, at least one, finite.
        swapped: Discrepancies of clips with a foreign sound; in all they weigh as much as the own.

    Returns:
        Slope (over 0) and intercept.

    Raises:
        ValueError: If a side is empty or a value is not finite.
        ModelError: If foreign sounds score no higher than own ones.
    """
    if not own or not swapped or not np.isfinite([*own, *swapped]).all():
        raise ValueError("a curve is fitted to finite scores of own and of swapped sounds")
    values = np.array([*own, *swapped], np.float64)
    targets = np.repeat([1 / (len(own) + 2), (len(swapped) + 1) / (len(swapped) + 2)],
                        [len(own), len(swapped)])  # fmt: skip
    weights = np.repeat([0.5 / len(own), 0.5 / len(swapped)], [len(own), len(swapped)])
    middle, spread = float(values.mean()), float(values.std())
    if spread > 0:
        # In standard units the two coefficients are of one size, which keeps the steps sound.
        slope, intercept = _newton((values - middle) / spread, targets, weights)
        slope, intercept = slope / spread, intercept - slope * middle / spread
        if slope > 0:
            return float(slope), float(intercept)
    raise ModelError(
        "the sounds of other scenes score no higher than the clips' own: these classifiers cannot tell them "
        "apart"
    )


def _newton(
    values: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``(2,)`` slope and intercept with the least weighted log-loss, which is convex."""
    design = np.stack([values, np.ones_like(values)], axis=1)
    found = np.zeros(2)
    for _ in range(_STEPS):
        shares = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = design.T @ (weights * (shares - targets))
        if np.abs(gradient).max() < _SETTLED:
            break
        curvature = (design * (weights * shares * (1 - shares))[:, None]).T @ design
        # Far out the curve is flat and its curvature nothing that one could divide by.
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        before, size = _loss(design @ found, targets, weights), 1.0
        while size > _SETTLED and _loss(design @ (found - size * step), targets, weights) > before:
            size /= 2
        if size <= _SETTLED:
            break  # as near as rounding lets it come
        found = found - size * step
    return found


def _loss(logits: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float((weights * (np.logaddexp(0, logits) - targets * logits)).sum())

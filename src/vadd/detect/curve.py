"""The logistic curve from a score to a probability, fitted to scores of own and of swapped sounds.

It is fitted by J. Platt's method (1999): the targets are not quite 0 and 1 but what as many clips can
vouch for, so that scores which overlap nowhere still give a finite slope.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vadd.errors import ModelError

__all__ = ["fit_curve"]

#: Newton's method needs about ten steps; what has not settled after so many never will.
_STEPS = 100
#: The gradient at which it has settled.
_SETTLED = 1e-12


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

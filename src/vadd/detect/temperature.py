"""How sure a classifier may be: one number that makes all its posteriors flatter or sharper.

Temperature scaling (C. Guo, G. Pleiss, Y. Sun, K. Weinberger 2017): logits are divided by a temperature
that makes clips which the classifier has not learnt from likeliest. Above 1 the classifier was too sure.
What it names most probable stays so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_temperature", "logarithms", "softmax", "targets", "tempered"]

#: Posteriors are kept above this in the logarithm; single precision can hold it.
LEAST = 1e-30
#: The search for a temperature ends here; nothing that a classifier says is left beyond.
HOTTEST = 1e3
#: Halvings of the range, which leave less than rounding does.
_STEPS = 50


def logarithms(rows: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Natural logarithms of posteriors, with zeros taken for :data:`LEAST`."""
    found: NDArray[np.float64] = np.log(np.maximum(rows.astype(np.float64), LEAST))
    return found


def tempered(rows: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float32]:
    """Posteriors made flatter (above 1) or sharper (below).

    Args:
        rows: ``(T, C)`` posteriors; a row of zeros, where nothing is known, stays one.
        temperature: Over 0; at 1 they stay what they are.

    Returns:
        ``(T, C)`` float32; rows sum to 1.

    Raises:
        ValueError: If the temperature is not over 0 and finite.
    """
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ValueError(f"a temperature is over 0, not {temperature}")
    if temperature == 1:
        return rows.astype(np.float32)
    shares = softmax(logarithms(rows) / temperature)
    return np.where(rows.any(axis=1, keepdims=True), shares, 0).astype(np.float32)


def fit_temperature(
    rows: NDArray[np.floating[Any]],
    truth: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> float:
    """The temperature at which posteriors mean the most: the least log-loss of the true scenes.

    Args:
        rows: ``(n, C)`` posteriors of clips or seconds that the classifier has not learnt from.
        truth: ``(n,)`` index of each one's scene.
        weights: ``(n,)`` of each; they sum to the number of clips. ``None``: 1 each.

    Returns:
        A temperature in [1/1000, 1000].

    Raises:
        ValueError: If there is no row, or the lengths differ.
    """
    if rows.ndim != 2 or len(rows) == 0 or len(truth) != len(rows):
        raise ValueError("a temperature is fitted to posteriors and as many scenes, at least one")
    weight = np.ones(len(rows)) if weights is None else weights
    logs = logarithms(rows)
    wanted = float(weight @ (targets(truth, weight, rows.shape[1]) * logs).sum(axis=1))
    # The loss is convex in the sharpness, 1 / temperature: its slope changes sign once.
    low, high = -math.log(HOTTEST), math.log(HOTTEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        expected = float(weight @ (softmax(math.exp(middle) * logs) * logs).sum(axis=1))
        low, high = (middle, high) if expected < wanted else (low, middle)
    return math.exp(-(low + high) / 2)


def targets(truth: NDArray[np.int64], weights: NDArray[np.float64], scenes: int) -> NDArray[np.float64]:
    """``(n, C)`` what so many clips can vouch for: nearly 1 for the true scene, the rest for the others.

    One clip more than there are is taken to be wrong (as J. Platt does for two classes, 1999). So a
    classifier that errs in none of ten clips comes out sure, but not beyond all bounds.
    """
    doubt = 1 / (float(weights.sum()) + 2)
    found = np.full((len(truth), scenes), doubt / max(1, scenes - 1))
    found[np.arange(len(truth)), truth] = 1 - doubt
    return found


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows that sum to 1."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    found: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return found

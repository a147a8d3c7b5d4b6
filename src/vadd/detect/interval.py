"""The interval of a rate that was counted (C. Clopper, E. Pearson 1934), which holds for few clips too."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["clopper_pearson"]

#: Halvings of the interval: more than a double has digits.
_STEPS = 60


def clopper_pearson(hits: int, number: int, confidence: float = 0.95) -> tuple[float, float]:
    """The rates under which so many hits, or so few, are not too rare.

    Args:
        hits: From 0 to ``number``.
        number: At least 1.
        confidence: In (0, 1); what is left of 1 is half above and half below.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: If an argument is out of range.
    """
    if not (0 <= hits <= number and number >= 1 and 0 < confidence < 1):
        raise ValueError(f"no interval of {hits} in {number} at {confidence}")
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _where(lambda rate: 1 - _at_most(hits - 1, number, rate) >= tail)
    high = 1.0 if hits == number else _where(lambda rate: _at_most(hits, number, rate) <= tail)
    return low, high


def _where(reached: Callable[[float], bool]) -> float:
    """The least rate at which a condition holds that holds from some rate on."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _at_most(hits: int, number: int, rate: float) -> float:
    """P(no more than ``hits``), each of ``number`` with probability ``rate``, in (0, 1)."""
    # Logarithms, or the coefficients of a few thousand clips would be beyond all doubles.
    whole = math.lgamma(number + 1)
    return math.fsum(
        math.exp(
            whole - math.lgamma(k + 1) - math.lgamma(number - k + 1)
            + k * math.log(rate) + (number - k) * math.log1p(-rate)
        )
        for k in range(hits + 1)
    )  # fmt: skip

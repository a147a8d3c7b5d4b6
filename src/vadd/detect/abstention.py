"""When a clip is left open between the two claims: the part of the rule that a detector can have its own of.

What makes a comparison impossible (silence, a blank picture, too few seconds) is the same for all detectors
and stands in :mod:`vadd.detect.decide`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CONSISTENT_PROBABILITY", "GENERIC_DOUBT", "GENERIC_MARGIN", "Abstention"]

#: `consistent` is claimed only where a discrepancy is less likely than this (prior 0.5).
CONSISTENT_PROBABILITY = 0.25

#: How far the threshold rises (in discrepancy) when the whole sound is generic and without a source in
#: the picture: the little that is left of it must speak the more clearly.
GENERIC_MARGIN = 1.4

#: How much worse such a sound is taken to fit before it is said to fit: what hides the scene would hide a
#: foreign one as well. Both margins were set on the clips under speech and music (docs/method.md).
GENERIC_DOUBT = 0.5


@dataclass(frozen=True, slots=True)
class Abstention:
    """Constants of the decision.

    Attributes:
        consistent: ``consistent`` is claimed only where P(discrepant) lies below, in (0, 0.5].
        below: And only where the discrepancy does; ``None`` leaves it to the probability alone.
        margin: How far the threshold rises with the share of generic sound, at least 0.
        doubt: How much worse generic sound is taken to fit, at least 0.

    Raises:
        ValueError: If one of them is out of range.
    """

    consistent: float = CONSISTENT_PROBABILITY
    below: float | None = None
    margin: float = GENERIC_MARGIN
    doubt: float = GENERIC_DOUBT

    def __post_init__(self) -> None:
        if not 0 < self.consistent <= 0.5:
            raise ValueError("a clip is called consistent below a probability in (0, 0.5]")
        if self.below is not None and not math.isfinite(self.below):
            raise ValueError("the score below which a clip is called consistent is a finite number")
        if not all(math.isfinite(each) and each >= 0 for each in (self.margin, self.doubt)):
            raise ValueError("the margins for generic sound are at least 0")

"""What the score of a stretch means: a probability, and how high it must be in a clip of some length.

A longer clip has more stretches in which chance can strike. The calibration clips are of one length; a
longer one is taken for as many of them as fit, one after the other. Where these are too few for the rate
that is left to each, the tail of their scores is continued as an exponential one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

__all__ = ["SpanCalibration"]


@dataclass(frozen=True, slots=True)
class SpanCalibration:
    """What was learnt of stretches in untouched and in spliced clips that have shots.

    Attributes:
        own: The highest score of a stretch in each untouched clip, 0 where there is none; sorted.
        seconds: How long these clips are, on average.
        slope: Of the logistic curve from score to P(foreign); over 0.
        intercept: Of the same curve.

    Raises:
        ValueError: If they are not sorted, none, or not finite, or the slope is not over 0.
    """

    own: tuple[float, ...]
    seconds: float
    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not self.own or any(b < a for a, b in pairwise(self.own)) or not self.slope > 0:
            raise ValueError("scores of untouched clips are sorted, and a slope is over 0")
        numbers = (*self.own, self.seconds, self.slope, self.intercept)
        if not all(map(math.isfinite, numbers)) or not self.seconds > 0:
            raise ValueError("a calibration holds finite numbers")

    def threshold(self, false_alarms: float, duration: Fraction) -> float:
        """The score above which a stretch is told.

        Args:
            false_alarms: Rate, in (0, 1), of untouched clips of this length in which one may be told.
            duration: Of the clip, in seconds.
        """
        share = max(1.0, float(duration) / self.seconds)
        each = -math.expm1(math.log1p(-false_alarms) / share)
        rank = math.ceil(round((len(self.own) + 1) * (1 - each), 9))
        if rank <= len(self.own):
            return self.own[max(rank, 1) - 1]
        middle = float(np.median(self.own))
        scale = float(np.mean([max(0.0, score - middle) for score in self.own])) * 2
        return max(self.own[-1], middle + scale * math.log(0.5 / each))

    def probability(self, score: float) -> float:
        """P(foreign | score), as sure as one clip in all those it was learnt from and no surer."""
        surest = 1 / (len(self.own) + 1)
        curve = 1 / (1 + math.exp(-min(max(self.slope * score + self.intercept, -500), 500)))
        return min(max(curve, surest), 1 - surest)

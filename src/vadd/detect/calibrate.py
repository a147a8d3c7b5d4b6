"""What a score means: a probability, and a threshold that keeps a promise about false alarms.

The threshold is conformal (V. Vovk, A. Gammerman, G. Shafer 2005): of ``n`` authentic calibration clips
take the ``ceil((n + 1)(1 - alpha))``-th smallest score. An authentic clip that is exchangeable with them
exceeds it with probability at most ``alpha``.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np

from vadd.detect.abstention import Abstention
from vadd.detect.curve import Curve
from vadd.detect.span_calibration import SpanCalibration
from vadd.errors import ModelError, UsageError

__all__ = ["CALIBRATION", "CALIBRATION_SHA256", "Calibration", "load"]

CALIBRATION = "everyday.json"
CALIBRATION_SHA256 = "9fa53c8610cd5a86a9eccb206d004006aa24a697e66cb7e2e720c5f5c1cd19a2"


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learnt of the score on clips whose sound is known to be their own, and on swaps of them.

    Attributes:
        own: Discrepancies of authentic clips, each scored by a model that had not seen its kind; sorted.
        slope: Of the logistic curve from discrepancy to P(discrepant) at prior 0.5; over 0.
        intercept: Of the same curve.
        described: What the clips were, for people.
        steps: ``(score, share)`` of the isotonic curve that takes its place; empty if none does.
        spans: What the scores of stretches mean in clips that have shots; ``None`` if that was not learnt,
            and then clips are judged as wholes.
        abstention: When a clip is left open; that of the everyday model unless clips taught otherwise.
    """

    own: tuple[float, ...]
    slope: float
    intercept: float
    described: str
    steps: tuple[tuple[float, float], ...] = ()
    spans: SpanCalibration | None = None
    abstention: Abstention = field(default_factory=Abstention)

    def __post_init__(self) -> None:
        scores, shares = ([step[at] for step in self.steps] for at in (0, 1))
        rising = all(a < b for a, b in pairwise(scores)) and all(a <= b for a, b in pairwise(shares))
        if not rising or not all(0 <= share <= 1 for share in shares):
            raise ValueError("the steps of a curve rise, and their shares lie between 0 and 1")

    @property
    def curve(self) -> Curve:
        """The curve behind :meth:`probability`, ``logistic`` or ``isotonic``."""
        return Curve(self.slope, self.intercept, self.steps)

    def threshold(self, false_alarms: float) -> float:
        """The discrepancy above which a clip is called discrepant.

        Args:
            false_alarms: Rate of authentic clips that may be called discrepant, in (0, 1).

        Returns:
            A threshold; scores above it are called.

        Raises:
            UsageError: If there are too few calibration clips to promise so low a rate.
        """
        rank = math.ceil(round((len(self.own) + 1) * (1 - false_alarms), 9))
        if rank > len(self.own):
            lowest = 1 / (len(self.own) + 1)
            raise UsageError(
                f"a false-alarm rate of {false_alarms:g} cannot be promised with {len(self.own)} calibration "
                f"clips; the lowest that can is {math.ceil(lowest * 10000) / 10000:g}"
            )
        return self.own[max(rank, 1) - 1]

    def probability(self, discrepancy: float) -> float:
        """P(discrepant | score) at prior 0.5.

        As sure as one clip in all those it was learnt from, and no surer: in [1/(n+1), n/(n+1)].
        """
        return float(self.curve.shares(np.array([discrepancy], np.float64), 1 / (len(self.own) + 1))[0])


def _content() -> bytes:
    try:
        return files("vadd.detect").joinpath("data", CALIBRATION).read_bytes()
    except OSError as error:
        raise ModelError(f"the calibration {CALIBRATION} cannot be read: {error}") from error


@cache
def load() -> Calibration:
    """The calibration of the everyday detector.

    Raises:
        ModelError: If the file is missing or is not the one that this version was built with.
    """
    content = _content()
    if hashlib.sha256(content).hexdigest() != CALIBRATION_SHA256:
        raise ModelError(f"the calibration {CALIBRATION} is damaged: its SHA-256 is not the expected one")
    learnt = json.loads(content)
    return Calibration(
        own=tuple(learnt["own"]),
        slope=learnt["slope"],
        intercept=learnt["intercept"],
        described=learnt["described"],
        steps=tuple((score, share) for score, share in learnt.get("steps", ())),
        spans=SpanCalibration(**{**learnt["spans"], "own": tuple(learnt["spans"]["own"])}),
    )

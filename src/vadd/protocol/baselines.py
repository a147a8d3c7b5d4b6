"""What is right by chance: answers that look at no clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vadd.classify.measure import calibration_error
from vadd.protocol.metrics import f1_score

__all__ = ["EVERYTHING", "HALF", "NOTHING", "Blind", "Chance", "blind", "by_chance"]

#: Rules that look at no clip.
EVERYTHING, NOTHING, HALF = "flag everything", "flag nothing", "flag a random half"


@dataclass(frozen=True, slots=True)
class Blind:
    """Classifiers that know only how often each scene occurs in training.

    Attributes:
        majority: Accuracy of naming the most frequent scene, always.
        drawn: Expected accuracy of drawing the answer from the frequencies.
        log_loss: Of the frequencies as posterior, natural logarithm.
        calibration_error: Likewise, 0-1.
    """

    majority: float
    drawn: float
    log_loss: float
    calibration_error: float


def blind(trained: NDArray[np.int64], tested: NDArray[np.int64], scenes: int) -> Blind:
    """The naive baselines of scene classification.

    Args:
        trained: ``(n,)`` scenes of the training clips; each scene occurs.
        tested: ``(m,)`` scenes of the test clips, m at least 1.
        scenes: How many there are.
    """
    prior = np.bincount(trained, minlength=scenes) / len(trained)
    share = np.bincount(tested, minlength=scenes) / len(tested)
    answers = np.tile(prior, (len(tested), 1))
    return Blind(
        majority=float(share[prior.argmax()]),
        drawn=float(prior @ share),
        log_loss=float(-np.log(prior[tested]).mean()),
        calibration_error=calibration_error(answers, tested),
    )


@dataclass(frozen=True, slots=True)
class Chance:
    """What a rule that looks at no clip reaches, expected; shares from 0 to 1.

    Attributes:
        precision: Share of the flagged clips that are manipulated; 0 if none is flagged.
        recall: Share of the manipulated clips that are flagged.
        f1: Of the expected counts.
        accuracy: Share of the clips that are judged right.
    """

    precision: float
    recall: float
    f1: float
    accuracy: float


def by_chance(manipulated: float) -> Mapping[str, Chance]:
    """The naive baselines of finding discrepancies.

    Args:
        manipulated: Share (0-1) of the clips that are manipulated.

    Returns:
        :data:`EVERYTHING`, :data:`NOTHING`, :data:`HALF` → what it reaches.
    """
    found = {}
    for name, rate in ((EVERYTHING, 1.0), (NOTHING, 0.0), (HALF, 0.5)):
        hits, alarms = rate * manipulated, rate * (1 - manipulated)
        found[name] = Chance(
            precision=manipulated if rate else 0.0,
            recall=rate if manipulated else 0.0,
            f1=f1_score(hits, alarms, manipulated - hits),
            accuracy=hits + (1 - manipulated) - alarms,
        )
    return found

"""Figures over seeds: their mean and spread, and what a classifier's answers come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.dataset import place
from vadd.classify.evaluate import Evaluation
from vadd.classify.measure import interval
from vadd.scenes import SceneSet

__all__ = ["SceneFigures", "Spread", "scene_figures"]


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure of every seed.

    Attributes:
        values: At least one, in the order of the seeds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float | None:
        """The standard deviation of the sample (n - 1); ``None`` with one seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"mean": self.mean, "deviation": self.deviation, "values": list(self.values)}


@dataclass(frozen=True, slots=True, eq=False)
class SceneFigures:
    """How good a scene classifier is; shares from 0 to 1.

    Attributes:
        scenes: What it answers.
        accuracy: By the vote of a clip's seconds, the paper's.
        interval: 95 % bootstrap interval over locations of its mean over the seeds.
        by_mean: Accuracy by the mean posterior.
        by_second: Accuracy of single seconds.
        log_loss: Of the mean posterior, natural logarithm.
        calibration_error: Likewise.
        confusion: ``(C, C)`` clips by true scene and answer, of all seeds together.
    """

    scenes: SceneSet
    accuracy: Spread
    interval: tuple[float, float]
    by_mean: Spread
    by_second: Spread
    log_loss: Spread
    calibration_error: Spread
    confusion: NDArray[np.int64]

    def document(self) -> dict[str, Any]:
        """JSON-ready."""
        named = ("accuracy", "by_mean", "by_second", "log_loss", "calibration_error")
        return {
            "scenes": list(self.scenes.scenes),
            **{name: getattr(self, name).document() for name in named},
            "accuracy_interval": list(self.interval),
            "confusion": self.confusion.tolist(),
        }


def scene_figures(found: Sequence[Evaluation]) -> SceneFigures:
    """The figures of the classifiers of all seeds.

    Args:
        found: One evaluation a seed, at least one, all on the same clips.
    """
    right = np.mean([each.score.answers == each.score.truth for each in found], axis=0)
    return SceneFigures(
        scenes=found[0].scenes,
        accuracy=Spread(tuple(each.score.by_vote for each in found)),
        interval=interval(right, [place(clip) for clip in found[0].clips]),
        by_mean=Spread(tuple(each.score.by_mean for each in found)),
        by_second=Spread(tuple(each.score.by_second for each in found)),
        log_loss=Spread(tuple(each.score.log_loss for each in found)),
        calibration_error=Spread(tuple(each.score.calibration_error for each in found)),
        confusion=np.sum([each.confusion for each in found], axis=0),
    )

"""The likelihood ratio that knows how each classifier confuses scenes, learnt on validation clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import mean_posterior
from vadd.detect.recalibrate import Lesson, Recalibration, learn
from vadd.detect.scorers.base import Posteriors, PosteriorScorer
from vadd.detect.scorers.graded import Graded

__all__ = ["Confusions", "learn_confusions"]


@dataclass(frozen=True)
class Confusions(PosteriorScorer):
    """:class:`~vadd.detect.scorers.graded.Graded` of what each classifier's answers turned out to mean.

    Two posteriors that are independent given the scene, and mean what they say, need nothing more than
    their sum of products: no scorer can do better. Classifiers that are too sure, not sure enough, lean to
    some scenes or confuse scenes more often than they admit do not mean what they say. So each posterior is
    first exchanged for how often which scene was really there when the classifier said that
    (:mod:`vadd.detect.recalibrate`).

    Args:
        picture: What the picture's classifier's answers mean.
        sound: The same of the sound's, over as many scenes.
        doubt: As of :class:`~vadd.detect.scorers.graded.Graded`.

    Raises:
        ValueError: If the two know other numbers of scenes, or ``doubt`` is not in (0, 1).
    """

    name: ClassVar[str] = "confusions"
    about: ClassVar[str] = (
        "likelihood ratio that picture and sound show one scene, knowing how classifiers err"
    )
    symmetric: ClassVar[bool] = False
    neutral: ClassVar[float | None] = 0.0
    learnt: ClassVar[bool] = True
    #: Two posteriors that are alike need not mean the same scene.
    alike: ClassVar[float] = np.inf

    picture: Recalibration
    sound: Recalibration
    doubt: float = 0.01

    def __post_init__(self) -> None:
        if self.picture.scenes != self.sound.scenes:
            raise ValueError(
                f"what pictures mean was learnt on {self.picture.scenes} scenes, what sounds mean on "
                f"{self.sound.scenes}"
            )
        Graded(self.doubt)  # raises for a doubt that is none

    def bounds(self, scenes: int) -> tuple[float, float]:
        """Those of the ratio; how far they are reached depends on what was learnt."""
        return Graded(self.doubt).bounds(scenes)

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        return Graded(self.doubt)._rows(self.picture(picture), self.sound(sound))

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        # The mean of what the seconds mean: what was learnt is about seconds.
        seen, heard = mean_posterior(self.picture(picture)), mean_posterior(self.sound(sound))
        return float(Graded(self.doubt)._rows(seen[None], heard[None])[0])

    def _check(self, picture: Posteriors, sound: Posteriors, *, gaps: bool) -> None:
        super()._check(picture, sound, gaps=gaps)
        if picture.shape[1] != self.picture.scenes:
            raise ValueError(
                f"what posteriors mean was learnt on {self.picture.scenes} scenes; these are of "
                f"{picture.shape[1]}"
            )


def learn_confusions(picture: Lesson, sound: Lesson, *, doubt: float = 0.01, seed: int = 0) -> Confusions:
    """Learn what the answers of two classifiers mean.

    Args:
        picture: What the picture's classifier said of clips, and what they show.
        sound: The same of the sound's; need not be the same clips.
        doubt: As of :class:`Confusions`.
        seed: Of the folds that choose how much is learnt.

    Raises:
        ValueError: If the lessons are of other numbers of scenes.
    """
    return Confusions(learn(picture, seed=seed), learn(sound, seed=seed), doubt)

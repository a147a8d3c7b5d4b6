"""The everyday model's: how much likelier is this sound at another picture than at this one."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vadd.classify import everyday
from vadd.detect.score import discrepancy
from vadd.detect.scorers.base import ROUNDING, Rows, Scorer, Takes, check_shares

__all__ = ["EverydayScorer"]


class EverydayScorer(Scorer):
    """The mean over seconds of :func:`vadd.detect.score.discrepancy` under the picture's expectation.

    Rows are posteriors over what can be seen and over what can be heard; what the one makes of the other is
    in the model's tables.

    Args:
        model: The tables; those that come with vadd by default.

    Raises:
        ModelError: If one of them is missing or damaged.
    """

    name: ClassVar[str] = "everyday"
    about: ClassVar[str] = "likelihood ratio of the sounds heard, given what is seen, to any picture"
    takes: ClassVar[Takes] = Takes.CONCEPTS
    symmetric: ClassVar[bool] = False

    def __init__(self, model: everyday.Everyday | None = None) -> None:
        self._model = model or everyday.load()
        concepts = self._model.concepts
        #: How many things can be seen, and heard.
        self.dims = len(concepts.seen), len(concepts.heard)

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From the sound that its picture makes likelier than any other to one that no picture explains."""
        most = (self._model.concepts.expected / self._model.prior).max()
        return -math.log(float(most) * (1 + ROUNDING)), -math.log(float(np.finfo(np.float32).tiny))

    def _unknown(self, scenes: int) -> float:
        # A ratio of 1: the picture makes the sound neither likelier nor less likely.
        return 0.0

    def _check(self, picture: Rows, sound: Rows, *, gaps: bool) -> None:
        for rows, concepts, of in zip((picture, sound), self.dims, ("picture", "sound"), strict=True):
            if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != concepts:
                raise ValueError(
                    f"the posteriors of a clip's {of} are (seconds, {concepts}), not {rows.shape}"
                )
            check_shares(rows, gaps=gaps)
        if len(picture) != len(sound):
            raise ValueError(f"picture and sound have posteriors of {len(picture)} and {len(sound)} seconds")

    def _rows(self, picture: Rows, sound: Rows) -> NDArray[np.float64]:
        expectation = self._model.expectation(picture.astype(np.float32))
        return discrepancy(expectation, sound.astype(np.float32), self._model.concepts.generic).discrepancy

    def _score(self, picture: Rows, sound: Rows) -> float:
        return float(self._rows(picture, sound).mean())

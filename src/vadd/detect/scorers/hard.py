"""The paper's comparison: do the scenes that win the two votes differ?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.classify.vote import winner
from vadd.detect.scorers.base import Posteriors, PosteriorScorer

__all__ = ["Hard"]


class Hard(PosteriorScorer):
    """The paper's: 1 if the scenes that win the two votes differ, else 0.

    Each second votes for its most probable scene; a tied vote goes to the greater mean posterior. It is a
    statement about the whole clip, which every second of it gets.
    """

    name = "hard"
    about = "whether the scenes that win the votes of picture and sound differ"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """0 or 1, nothing between."""
        return 0.0, 1.0

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        return np.full(len(picture), self._score(picture, sound))

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        return float(winner(picture) != winner(sound))

"""The hard comparison, second by second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.detect.scorers.base import Posteriors, PosteriorScorer

__all__ = ["Seconds"]


class Seconds(PosteriorScorer):
    """The share of seconds, 0 to 1, in which the most probable scenes of picture and sound differ."""

    name = "seconds"
    about = "share of seconds in which picture and sound show different scenes"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1."""
        return 0.0, 1.0

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        differ: NDArray[np.float64] = (picture.argmax(axis=1) != sound.argmax(axis=1)).astype(np.float64)
        return differ

    def _score(self, picture: Posteriors, sound: Posteriors) -> float:
        return float(self._rows(picture, sound).mean())

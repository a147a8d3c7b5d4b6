"""How far apart two posteriors are as distributions, by their overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.detect.scorers.base import Posteriors, PosteriorScorer

__all__ = ["Bhattacharyya"]


class Bhattacharyya(PosteriorScorer):
    """1 less the Bhattacharyya coefficient of the two mean posteriors: 0 (equal) to 1 (no scene shared).

    The coefficient is the sum over scenes of the square root of both shares (A. Bhattacharyya, 1943). Its
    negative logarithm, the distance of that name, ranks clips alike and has no greatest value.
    """

    name = "bhattacharyya"
    about = "1 less the Bhattacharyya coefficient of what picture and sound show"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1."""
        return 0.0, 1.0

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        # Written as squares, equal posteriors give 0 also where single precision does not quite sum to 1.
        apart = np.sqrt(picture.astype(np.float64)) - np.sqrt(sound.astype(np.float64))
        found: NDArray[np.float64] = (np.square(apart).sum(axis=1) / 2).clip(0, 1)
        return found

"""How far apart two posteriors are as distributions, by information."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vadd.detect.scorers.base import Posteriors, PosteriorScorer

__all__ = ["Divergence"]


class Divergence(PosteriorScorer):
    """The Jensen-Shannon divergence of the two mean posteriors, in bits: 0 (equal) to 1 (no scene shared).

    J. Lin, Divergence measures based on the Shannon entropy, IEEE Trans. Information Theory 37 (1991).
    """

    name = "divergence"
    about = "Jensen-Shannon divergence of what picture and sound show"

    def bounds(self, scenes: int) -> tuple[float, float]:
        """From 0 to 1."""
        return 0.0, 1.0

    def _rows(self, picture: Posteriors, sound: Posteriors) -> NDArray[np.float64]:
        seen, heard = picture.astype(np.float64), sound.astype(np.float64)
        both = (seen + heard) / 2
        bits = (_bits(seen, both) + _bits(heard, both)) / 2
        return bits.clip(0, 1)  # rounding can carry it a hair beyond


def _bits(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of rows, base 2; ``other`` is positive wherever ``one`` is."""
    ratio = np.divide(one, other, out=np.ones_like(one), where=one > 0)
    found: NDArray[np.float64] = (one * np.log2(ratio)).sum(axis=-1)
    return found

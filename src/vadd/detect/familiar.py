"""Whether a clip is like those that a classifier has learnt from, however sure the classifier sounds.

A classifier names one of its scenes whatever it is shown. So the *strangeness* of a clip is taken from
its embeddings alone: how far their features lie from the training set's, in its own deviations. Clips
that were kept from training say how strange a clip of a known scene can be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vadd.detect.blocks import BLOCK

if TYPE_CHECKING:
    from vadd.classify.judge import Stacked

__all__ = ["KNOWN", "Familiar", "bound_of"]

#: Share of clips of known scenes that are to be taken for known.
KNOWN = 0.99


@dataclass(frozen=True, slots=True, eq=False)
class Familiar:
    """What one modality's classifier is used to.

    Attributes:
        mean: ``(D,)`` float32 of each feature in training.
        std: ``(D,)`` float32, positive.
        bound: Strangeness above which a clip is unlike all that was learnt from.
    """

    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    bound: float

    def strangeness(self, vectors: NDArray[np.floating[Any]] | Stacked) -> float:
        """The mean squared standardised feature of a clip; about 1 in training.

        Args:
            vectors: ``(T, D)`` embeddings side by side, T at least 1.

        Returns:
            A number of at least 0; infinite where it is beyond all numbers.

        Raises:
            ValueError: If the shape is wrong.
        """
        return strangeness(vectors, self.mean, self.std)

    def knows(self, vectors: NDArray[np.floating[Any]] | Stacked) -> bool:
        """Whether a clip is no stranger than the bound; arguments as of :meth:`strangeness`."""
        return self.strangeness(vectors) <= self.bound


def strangeness(
    vectors: NDArray[np.floating[Any]] | Stacked, mean: NDArray[np.float32], std: NDArray[np.float32]
) -> float:
    """See :meth:`Familiar.strangeness`."""
    if len(vectors.shape) != 2 or len(vectors) == 0 or vectors.shape[1:] != mean.shape:
        raise ValueError(f"a clip's embeddings are (seconds, {len(mean)}), not {vectors.shape}")
    width = len(mean)

    def total(first: int, last: int) -> float:
        """The sum from one place of the row after row to another, halved as NumPy halves it in one piece."""
        if last - first > BLOCK * width:
            half = (last - first) // 2
            half = first + half - half % 8
            return total(first, half) + total(half, last)
        row = first // width
        standard = (vectors[row : -(-last // width)].astype(np.float64) - mean) / std
        return float(np.square(standard).reshape(-1)[first - row * width : last - row * width].sum())

    return total(0, len(vectors) * width) / (len(vectors) * width)


def bound_of(found: Sequence[float]) -> float:
    """The bound that a clip like these keeps to with a probability of :data:`KNOWN`.

    It is conformal, as :mod:`vadd.detect.calibrate` explains; with fewer than 99 clips the strangest of
    them has to do, and the promise is weaker.

    Args:
        found: Strangeness of clips of known scenes, at least one.

    Raises:
        ValueError: If there is none.
    """
    if not found:
        raise ValueError("no clip says how strange one can be")
    rank = math.ceil(round((len(found) + 1) * KNOWN, 9))
    return sorted(found)[min(rank, len(found)) - 1]

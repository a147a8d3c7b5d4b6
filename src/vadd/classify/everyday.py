"""The everyday model: concept posteriors for any ordinary video, and the sounds its picture makes likely.

Picture and sound are each described by a posterior over concepts (:mod:`vadd.classify.concepts`). The
picture's is a mixture of what EfficientNet's ImageNet classes name (things) and what a linear scene
probe on its 1280-d vector names (places). From it follows a distribution over sounds; divided by how
much each sound is to be expected over pictures at large, it says how many times likelier this picture
makes each sound.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vadd.classify.concepts import Concepts, concepts
from vadd.classify.tables import read_table

__all__ = ["PICTURE_EMBEDDER", "SOUND_EMBEDDER", "Everyday", "load"]

PICTURE_EMBEDDER = "efficientnet_lite0"
SOUND_EMBEDDER = "yamnet"

#: Share of the scene probe in the picture's posterior; the rest are things. Even, for want of a reason.
SCENE_SHARE = 0.5

#: What was learnt from data (tools/learn_everyday.py).
LEARNT = "everyday.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Everyday:
    """The classifier of both modalities.

    Attributes:
        concepts: The hand-made tables.
        probe_weights: ``(S, 1280)``, scene probe on the picture vector; without a probe ``S`` is 0.
        probe_bias: ``(S,)``.
        prior: ``(A,)``, how much each sound is to be expected over pictures at large, sums to 1.
    """

    concepts: Concepts
    probe_weights: NDArray[np.float32]
    probe_bias: NDArray[np.float32]
    prior: NDArray[np.float32]

    def picture(self, vectors: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posterior over picture concepts.

        Args:
            vectors: ``(T, 1280)`` EfficientNet-Lite0 vectors.
            scores: ``(T, 1000)`` ImageNet probabilities.

        Returns:
            ``(T, V)``, rows sum to 1.
        """
        # Hours of rows lie on disk, and a product reads them where they lie. It is one product, as the last
        # bits of a row may hang on how many there are. What follows is done in place.
        things: NDArray[np.float32] = scores @ self.concepts.seen_of_class
        if not len(self.probe_bias):
            return things
        places = vectors @ self.probe_weights.T
        places += self.probe_bias
        places -= places.max(axis=1, keepdims=True)
        np.exp(places, out=places)
        places /= places.sum(axis=1, keepdims=True)
        places *= SCENE_SHARE
        things *= 1 - SCENE_SHARE
        things += places @ self.concepts.seen_of_scene
        return things

    def sound(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posterior over sound concepts.

        Args:
            scores: ``(T, 521)`` YAMNet scores, each 0-1.

        Returns:
            ``(T, A)``, rows sum to 1; a row of zeros stays one.
        """
        shares: NDArray[np.float32] = scores @ self.concepts.heard_of_class
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        return shares

    def expectation(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """How many times likelier a picture makes each sound.

        Args:
            picture: ``(T, V)`` posterior over picture concepts.

        Returns:
            ``(T, A)`` ratios, at least 0; 1 where the picture says nothing about the sound.
        """
        ratios: NDArray[np.float32] = picture @ self.concepts.expected
        ratios /= self.prior
        return ratios


@cache
def load() -> Everyday:
    """The everyday model that comes with vadd.

    Raises:
        ModelError: If one of its files is missing or is not the one that this version was built with.
    """
    with np.load(io.BytesIO(read_table(LEARNT)), allow_pickle=False) as learnt:
        return Everyday(
            concepts=concepts(),
            probe_weights=learnt["probe_weights"].astype(np.float32),
            probe_bias=learnt["probe_bias"].astype(np.float32),
            prior=learnt["prior"].astype(np.float32),
        )

"""The everyday model: concept posteriors for any ordinary video, and the sounds its picture leads one to expect.

Picture and sound are each described by a posterior over concepts (:mod:`vadd.classify.concepts`). The
picture's is a mixture of what EfficientNet's ImageNet classes name (things) and what a linear scene
probe on its 1280-d vector names (places). From it follows a distribution over sounds; divided by how
much each sound is to be expected over pictures at large, it says how many times likelier this picture
makes each sound.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from vadd.classify.concepts import TABLES, Concepts, concepts
from vadd.errors import ModelError

__all__ = ["PICTURE_EMBEDDER", "SOUND_EMBEDDER", "Everyday", "load", "table_hashes"]

PICTURE_EMBEDDER = "efficientnet_lite0"
SOUND_EMBEDDER = "yamnet"

#: Share of the scene probe in the picture's posterior; the rest are things. Even, for want of a reason.
SCENE_SHARE = 0.5

#: What was learnt from data (tools/learn_everyday.py) and the SHA-256 that it must have.
LEARNT = "everyday.npz"
LEARNT_SHA256 = "0961a314b14ac7a29f0ede05dce1479c612c20442210578f16e1b20e46a342c1"


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
        things = scores @ self.concepts.seen_of_class
        if not len(self.probe_bias):
            return things
        logits = vectors @ self.probe_weights.T + self.probe_bias
        places = np.exp(logits - logits.max(axis=1, keepdims=True))
        places /= places.sum(axis=1, keepdims=True)
        return (1 - SCENE_SHARE) * things + SCENE_SHARE * places @ self.concepts.seen_of_scene

    def sound(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Posterior over sound concepts.

        Args:
            scores: ``(T, 521)`` YAMNet scores, each 0-1.

        Returns:
            ``(T, A)``, rows sum to 1.
        """
        shares = scores @ self.concepts.heard_of_class
        return shares / np.maximum(shares.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)

    def expectation(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """How many times likelier a picture makes each sound.

        Args:
            picture: ``(T, V)`` posterior over picture concepts.

        Returns:
            ``(T, A)`` ratios, at least 0; 1 where the picture says nothing about the sound.
        """
        return (picture @ self.concepts.expected) / self.prior


@cache
def load() -> Everyday:
    """The everyday model that comes with vadd.

    Raises:
        ModelError: If its file is missing or is not the one that this version was built with.
    """
    content = _bytes(LEARNT)
    if hashlib.sha256(content).hexdigest() != LEARNT_SHA256:
        raise ModelError(f"the everyday model's file {LEARNT} is damaged: its SHA-256 is not the expected one")
    with np.load(io.BytesIO(content), allow_pickle=False) as learnt:
        return Everyday(
            concepts=concepts(),
            probe_weights=learnt["probe_weights"].astype(np.float32),
            probe_bias=learnt["probe_bias"].astype(np.float32),
            prior=learnt["prior"].astype(np.float32),
        )


def table_hashes() -> dict[str, str]:
    """File name → SHA-256 of every table of the everyday model."""
    return {name: hashlib.sha256(_bytes(name)).hexdigest() for name in (*TABLES, LEARNT)}


def _bytes(name: str) -> bytes:
    try:
        return files("vadd.classify").joinpath("data", name).read_bytes()
    except OSError as error:
        raise ModelError(f"the everyday model's file {name} cannot be read: {error}") from error

"""What an embedder is: a network that turns each second of picture or sound into a vector.

Every embedder, small or large, has one class here's ABC describes, a card with all that somebody
needs to trust and to repeat it, and one line in :mod:`vadd.embed.catalog`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.errors import ModelError

__all__ = ["Embedder", "EmbedderCard", "Modality", "SecondEmbedding", "Weights"]


class Modality(StrEnum):
    """Which stream an embedder reads."""

    PICTURE = "picture"
    SOUND = "sound"


@dataclass(frozen=True, slots=True)
class Weights:
    """Where an embedder's numbers come from and how they are recognised.

    Attributes:
        file: File name (bundled ones lie in ``vadd/embed/data``, others in :func:`vadd.embed.shelf.home`).
        sha256: Lower-case hex digest of the file, checked on every load; ``None`` where none is published:
            then the one found when the file is added is recorded, and checked from then on.
        size: Bytes: exact for bundled files, rounded for others, ``None`` where unknown.
        source: Where the published weights were taken from, in words.
        licence: SPDX identifier of the weights' licence.
        url: Address of the published file, or ``torchvision:`` and the name of torchvision's record that
            holds the address; ``None`` for bundled files and for those that nobody has published.
        fingerprint: What is published of the file's digest when it is not all of its SHA-256:
            ``sha256:`` and its first digits, or ``md5:`` and that digest.
    """

    file: str
    sha256: str | None
    size: int | None
    source: str
    licence: str
    url: str | None = None
    fingerprint: str | None = None

    @property
    def bundled(self) -> bool:
        """Whether the file comes with vadd."""
        return self.sha256 is not None and self.url is None

    @property
    def digest(self) -> str:
        """The SHA-256, for those who cannot do without.

        Raises:
            ModelError: If none is recorded yet.
        """
        if self.sha256 is None:
            raise ModelError(f"the hash of {self.file} is not known before the file is added")
        return self.sha256


@dataclass(frozen=True, slots=True)
class EmbedderCard:
    """All that is known of an embedder; what a result's provenance quotes.

    Attributes:
        name: Catalog name, e.g. ``"yamnet"``.
        modality: Picture or sound.
        dim: Length of the embedding vector.
        scores: Names of the network's own output classes in order, or empty when it has none.
        input: For people: shape, rate, range of what :meth:`Embedder.embed` takes.
        preprocessing: Name → value of every step between input and network.
        weights: File, hash, source, licence.
        paper: Reference of the network.
        sample_rate: Hz of the sound that the embedder takes; ``None`` for pictures.
        frame_side: Pixels; frames may be handed over scaled so that the shorter side is no less than
            this; ``None`` for sound.
    """

    name: str
    modality: Modality
    dim: int
    scores: tuple[str, ...]
    input: str
    preprocessing: tuple[tuple[str, Any], ...]
    weights: Weights
    paper: str
    sample_rate: int | None = None
    frame_side: int | None = None


@dataclass(frozen=True, slots=True)
class SecondEmbedding:
    """One second as the network sees it.

    Attributes:
        vector: ``(dim,)`` float32.
        scores: ``(classes,)`` float32, the network's own output (probabilities), or ``None``.
    """

    vector: NDArray[np.float32]
    scores: NDArray[np.float32] | None


class Embedder(ABC):
    """Turns a stream of seconds into a stream of vectors, in order, holding little in memory."""

    card: EmbedderCard

    @abstractmethod
    def open(self) -> None:
        """Read the weights now, which otherwise happens at the first input.

        Raises:
            ModelError: If they are missing or damaged.
        """

    @abstractmethod
    def embed(self, inputs: Iterable[NDArray[Any]]) -> Iterator[SecondEmbedding]:
        """Embed a stream; yields exactly one result per grid second, in order.

        Args:
            inputs: For pictures one ``(height, width, 3)`` uint8 RGB frame a second. For sound
                consecutive blocks of mono float32 samples in [-1, 1] at ``card.sample_rate``, of any
                lengths, that start at time 0.

        Yields:
            One :class:`SecondEmbedding` a second: for pictures one a frame; for sound
            ``grid_length(samples / rate)`` of them (:mod:`vadd.timeline`).

        Raises:
            ValueError: If an input has the wrong shape, type or non-finite values.
        """

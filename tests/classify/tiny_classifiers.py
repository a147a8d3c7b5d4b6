"""Small specs, embeddings and trained-looking networks that the classifier tests share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.classify.spec import EmbedderRef, FusionSpec
from vadd.embed.base import Modality

#: Two embedders of each modality, of lengths that no number of pieces divides.
PICTURES = (
    EmbedderRef("eye", 20, Modality.PICTURE, "a" * 64),
    EmbedderRef("lens", 27, Modality.PICTURE, "b" * 64),
)
SOUNDS = (
    EmbedderRef("ear", 13, Modality.SOUND, "c" * 64),
    EmbedderRef("drum", 5, Modality.SOUND, "d" * 64),
)
JOINT = PICTURES + SOUNDS
DIM = sum(each.dim for each in JOINT)


def spec(placement: str = "ls", **changes: Any) -> FusionSpec:
    """A joint classifier of ten scenes with tokens of 16."""
    fields = {"embedders": JOINT, "modality": "joint", "scenes": "tau", "width": 16, "heads": 4}
    return FusionSpec(**{**fields, "placement": placement, **changes})


def embeddings(seconds: int, seed: int = 0, of: tuple[EmbedderRef, ...] = JOINT) -> dict[str, NDArray[Any]]:
    """Name → ``(seconds, dim)`` noise, far from standardised."""
    rng = np.random.default_rng(seed)
    return {each.name: rng.normal(3, 2, (seconds, each.dim)).astype(np.float32) for each in of}


def hashes(of: tuple[EmbedderRef, ...] = JOINT) -> dict[str, str | None]:
    """Name → the hash that the specs name."""
    return {each.name: each.sha256 for each in of}


def network(what: Any, seed: int = 0) -> Any:
    """A network with seeded weights and a standardisation that matters, ready to evaluate."""
    import torch

    from vadd.classify.model import build

    torch.manual_seed(seed)
    built = build(what)
    generator = torch.Generator().manual_seed(seed + 1)
    built.standardise.fit(
        torch.randn(what.dim, generator=generator) + 3, torch.rand(what.dim, generator=generator) + 1
    )
    return built.eval()

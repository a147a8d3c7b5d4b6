"""Small synthetic stores, and what is trained on them, that the training tests share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from vadd.classify.recipe import RECIPES, Recipe
from vadd.embed.store import Store
from vadd.protocol.synth import World, make
from vadd.protocol.tau import TauClip
from vadd.scenes import TAU

#: Two embedders of each modality, in few dimensions.
DIMS = {
    "vit_h14_swag": 24,
    "clip_h14_laion2b": 17,
    "openl3_music_mel256": 20,
    "iov_cnn420": 11,
}


def clips_of(each: int = 2, trained: int = 3, tested: int = 1) -> tuple[TauClip, ...]:
    """``each`` clips from ``trained`` training locations and ``tested`` test locations of every scene."""
    found = []
    for which, scene in enumerate(TAU.scenes):
        for at in range(trained + tested):
            city, location = ("paris", "lyon")[at % 2], str(100 * which + at)
            split = "train" if at < trained else "test"
            names = (f"{scene}-{city}-{location}-{number}" for number in range(each))
            found += [TauClip(name, scene, city, location, split) for name in names]
    return tuple(sorted(found, key=lambda clip: clip.name))


def store_of(
    folder: Path, each: int = 2, *, confusability: float = 0.4, seed: int = 1, twins: bool = False
) -> Store:
    """A store of such clips, easy to classify."""
    chosen = clips_of(each)
    world = World(chosen, DIMS, confusability=confusability, seed=seed)
    with make(folder, chosen, world, confusability=confusability, twins=twins) as store:
        return store


def quick(name: str = "paper", **changes: Any) -> Recipe:
    """A recipe of two epochs with a rate that teaches something in them."""
    return replace(RECIPES[name], **{"epochs": 2, "rate": 0.05, "last_rate": 0.01, **changes})

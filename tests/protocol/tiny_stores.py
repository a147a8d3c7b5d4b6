"""Synthetic stores that a classifier is trained on in a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vadd.embed.store import Store
from vadd.protocol.synth import World, make
from vadd.protocol.tau import TauClip
from vadd.scenes import TAU

#: One embedder a side, of lengths that eight heads can share.
DIMS = {"vit_h14_swag": 24, "openl3_music_mel256": 16}
CITIES = ("lyon", "milan", "paris")


def clips_of(places: int = 5, each: int = 3, scenes: Sequence[str] = TAU.scenes) -> tuple[TauClip, ...]:
    """``each`` clips from every location, of which the first three of a scene are for training."""
    found = []
    for number, scene in enumerate(scenes):
        for place in range(places):
            location, city = str(places * number + place), CITIES[(place + number) % 3]
            split = "train" if place < 3 else "test"
            found += [
                TauClip(f"{scene}-{city}-{location}-{at}", scene, city, location, split) for at in range(each)
            ]
    return tuple(sorted(found, key=lambda clip: clip.name))


def store_of(
    folder: Path,
    clips: Sequence[TauClip],
    *,
    twins: bool = False,
    seed: int = 1,
    dims: Mapping[str, int] = DIMS,
    confusability: float = 0.6,
) -> Store:
    """A store of clips, a little easier than TAU."""
    world = World(clips, dims, confusability=confusability, seed=seed)
    with make(folder, clips, world, confusability=confusability, twins=twins):
        return Store.open(folder)

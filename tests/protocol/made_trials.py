"""Benchmarks on paper and answers to them, drawn at random."""

from __future__ import annotations

import numpy as np

from vadd.protocol.manifest import Entry, Party
from vadd.protocol.truth import Truth, truth_of

SCENES = ("bus", "park", "tram")


def parties(count: int, *, locations: int = 6, seed: int = 0) -> list[Party]:
    """Clips; scene and city belong to the location."""
    where = np.random.default_rng(seed).integers(locations, size=count).tolist()
    return [
        Party(f"clip{at}", SCENES[place % 3], SCENES[place % 3], f"city{place // 3}", str(place))
        for at, place in enumerate(where)
    ]


def entries(count: int, *, locations: int = 6, seed: int = 0) -> list[Entry]:
    """Every second trial has the sound of the clip before it."""
    clips = parties(count, locations=locations, seed=seed)
    return [
        Entry(f"t{at:04d}", clip, clips[at - 1] if at % 2 else clip, at % 2 == 1)
        for at, clip in enumerate(clips)
    ]


def truth(count: int, *, locations: int = 6, seed: int = 0) -> Truth:
    return truth_of(entries(count, locations=locations, seed=seed))

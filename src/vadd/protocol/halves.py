"""Two halves of a collection that differ in nothing that is known of a clip before it is seen or heard."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import groupby

from vadd.protocol.manifest import Party

__all__ = ["Couple", "couples", "lot"]

#: A clip that stays as it is, and its counterpart that is manipulated; an odd one out has none.
Couple = tuple[Party, Party | None]

#: Class, scene, city, location.
_DEPTH = 4


def couples(clips: Sequence[Party], seed: int) -> list[Couple]:
    """Put clips together in twos that are as alike as can be, and draw for each two which is which.

    First within a location (of a class and a scene), then what is left within a city, a scene, a class, and
    at last the rest. So in each location, in each city of a scene, in each scene and in each class the
    halves differ by one clip at most, and a clip that is left out can be left out with its counterpart.

    Whoever trains on some of these clips and tests on others should keep a location's clips together: since
    the halves of a location are equal, its known clips tell the unknown ones' halves by counting.

    Args:
        clips: In any order; names unique.
        seed: Of the draw.

    Returns:
        The couples; with an odd number of clips the last has no counterpart.
    """
    rest = sorted(clips, key=lambda clip: (*_kind(clip), lot(seed, "couples", clip.name)))
    found: list[Couple] = []
    for depth in range(_DEPTH, -1, -1):
        single = []
        for _, alike in groupby(rest, key=lambda clip: _kind(clip)[:depth]):
            group = list(alike)
            for one, other in zip(group[::2], group[1::2], strict=False):
                heads = lot(seed, "halves", one.name)[0] & 1
                found.append((one, other) if heads else (other, one))
            single += group[len(group) // 2 * 2 :]
        rest = single
    return found + [(clip, None) for clip in rest]


def lot(seed: int, what: str, name: str) -> bytes:
    """What a clip draws: 32 bytes, the same on every machine and in every order of the clips."""
    return hashlib.sha256(f"{seed}\n{what}\n{name}".encode("utf-8", "surrogatepass")).digest()


def _kind(clip: Party) -> tuple[str, str, str, str]:
    return clip.label, clip.scene, clip.city, clip.location

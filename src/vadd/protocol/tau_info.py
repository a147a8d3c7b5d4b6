"""How TAU's clips are spread over classes, cities and folds, and what to mind when building on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vadd.protocol.tau import SPLITS, TauClip
from vadd.protocol.tau_lists_check import EXPECTED

__all__ = ["Spread", "spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """How clips are spread.

    Attributes:
        scenes: In alphabetical order; likewise ``cities``.
        cities: Where clips were recorded.
        clips: (scene, city, fold) → clips.
        locations: (scene, city, fold) → places.
        shared: Places that are in both folds.
    """

    scenes: tuple[str, ...]
    cities: tuple[str, ...]
    clips: Counter[tuple[str, str, str]]
    locations: Counter[tuple[str, str, str]]
    shared: int

    def count(self, fold: str, *, scene: str | None = None, city: str | None = None) -> int:
        """Clips of a fold, of one scene and of one city where these are named."""
        return _count(self.clips, fold, scene, city)

    def places(self, fold: str, *, scene: str | None = None, city: str | None = None) -> int:
        """The same for places."""
        return _count(self.locations, fold, scene, city)

    def remarks(self) -> tuple[str, ...]:
        """What a benchmark made of these clips has to mind, each in one line."""
        found = []
        shares = {city: self._share(city) for city in self.cities}
        if len(shares) > 1:
            low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
            found.append(
                f"cities are not balanced: {shares[low]:.0%} of the clips of {low} are for testing, "
                f"{shares[high]:.0%} of {high}"
            )
        pairs = [(scene, city) for scene in self.scenes for city in self.cities]
        for folds, words in (
            ((), "no clip"),
            (SPLITS[:1], f"clips in {SPLITS[0]} alone"),
            (SPLITS[1:], f"clips in {SPLITS[1]} alone"),
        ):
            these = [
                f"{scene} in {city}"
                for scene, city in pairs
                if tuple(fold for fold in SPLITS if self.clips[scene, city, fold]) == folds
            ]
            if these:
                found.append(f"{len(these)} of {len(pairs)} pairs have {words}: {', '.join(these)}")
        if self.shared:
            found.append(f"{self.shared} places are in both folds, so that testing is too easy")
        if {fold: self.count(fold) for fold in SPLITS} == EXPECTED["development"]:
            found.append(
                "the benchmark lists published with the paper are not balanced by city: all of Stockholm and "
                "Vienna is pristine, nearly all of Prague, Milan, Lyon and Lisbon manipulated"
            )
        return tuple(found)

    def to_json(self) -> dict[str, Any]:
        """All of it, JSON-ready; ``table`` is scene → city → fold → clips and places."""
        return {
            "clips": {fold: self.count(fold) for fold in SPLITS},
            "locations": {fold: self.places(fold) for fold in SPLITS},
            "locations_in_both": self.shared,
            "scenes": list(self.scenes),
            "cities": list(self.cities),
            "table": {
                scene: {
                    city: {
                        fold: {
                            "clips": self.clips[scene, city, fold],
                            "locations": self.locations[scene, city, fold],
                        }
                        for fold in SPLITS
                    }
                    for city in self.cities
                }
                for scene in self.scenes
            },
            "remarks": list(self.remarks()),
        }

    def lines(self) -> list[str]:
        """The table as text: clips to train on, a stroke, clips to test on; then places and remarks."""
        head = ["", *self.cities, "all", "places"]
        rows = [[scene, *self._cells(scene)] for scene in self.scenes]
        rows.append(["all", *self._cells(None)])
        places = [self._pair(self.places, city=city) for city in self.cities]
        rows.append(["places", *places, self._pair(self.places), ""])
        widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
        table = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in [head, *rows]
        ]
        numbers = (
            f"{self.count('train'):,} clips to train on, {self.count('test'):,} to test on; "
            f"{self.places('train')} and {self.places('test')} places, {self.shared} in both"
        )
        return [*table, "", numbers, *self.remarks()]

    def _cells(self, scene: str | None) -> list[str]:
        cities = [self._pair(self.count, scene=scene, city=city) for city in self.cities]
        return [*cities, self._pair(self.count, scene=scene), self._pair(self.places, scene=scene)]

    @staticmethod
    def _pair(count: Any, **which: str | None) -> str:
        return "/".join(str(count(fold, **which)) for fold in SPLITS)

    def _share(self, city: str) -> float:
        test, train = self.count("test", city=city), self.count("train", city=city)
        return test / max(1, test + train)


def spread(clips: Sequence[TauClip]) -> Spread:
    """Count clips and places."""
    folds: dict[tuple[str, str], set[str]] = defaultdict(set)
    places: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for clip in clips:
        folds[clip.city, clip.location].add(clip.split)
        places[clip.scene, clip.city, clip.split].add(clip.location)
    return Spread(
        tuple(sorted({clip.scene for clip in clips})),
        tuple(sorted({clip.city for clip in clips})),
        Counter((clip.scene, clip.city, clip.split) for clip in clips),
        Counter({key: len(found) for key, found in places.items()}),
        sum(len(found) > 1 for found in folds.values()),
    )


def _count(table: Counter[tuple[str, str, str]], fold: str, scene: str | None, city: str | None) -> int:
    return sum(
        number
        for (its_scene, its_city, its_fold), number in table.items()
        if its_fold == fold and scene in (None, its_scene) and city in (None, its_city)
    )

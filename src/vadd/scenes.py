"""The scene sets that classifiers answer in, and the maps from a finer set to a coarser one.

The ten scenes are those of TAU Urban Audio-Visual Scenes 2021; the three and the two are what the
paper and the work before it (Bolles et al. 2017) compare. Nothing here costs an import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vadd.errors import ModelError

__all__ = [
    "INDOOR_OUTDOOR", "INDOOR_OUTDOOR_VEHICLE", "SCENE_SETS", "TAU", "SceneSet", "by_size", "coarsen",
    "scene_set",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SceneSet:
    """Scenes that exclude each other.

    Attributes:
        name: What a spec or a card calls the set.
        scenes: The scenes in the order of a classifier's outputs; alphabetical, as labels sort.
    """

    name: str
    scenes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scenes)

    def index(self, scene: str) -> int:
        """The position of a scene among the outputs.

        Raises:
            ModelError: If the set does not have it; the message lists those it has.
        """
        if scene not in self.scenes:
            raise ModelError(f"{scene!r} is not one of the scenes of {self.name}: {', '.join(self.scenes)}")
        return self.scenes.index(scene)


#: The ten scenes of TAU Urban Audio-Visual Scenes 2021, by the names that its files carry.
TAU = SceneSet(
    "tau",
    (
        "airport",
        "bus",
        "metro",
        "metro_station",
        "park",
        "public_square",
        "shopping_mall",
        "street_pedestrian",
        "street_traffic",
        "tram",
    ),
)
INDOOR_OUTDOOR_VEHICLE = SceneSet("indoor_outdoor_vehicle", ("indoor", "outdoor", "vehicle"))
INDOOR_OUTDOOR = SceneSet("indoor_outdoor", ("indoor", "outdoor"))

#: Name → set; the one list of them.
SCENE_SETS: Mapping[str, SceneSet] = MappingProxyType(
    {each.name: each for each in (TAU, INDOOR_OUTDOOR_VEHICLE, INDOOR_OUTDOOR)}
)

#: TAU scene → where it is, as the paper groups them.
_PLACE = {
    "airport": "indoor",
    "metro_station": "indoor",
    "shopping_mall": "indoor",
    "park": "outdoor",
    "public_square": "outdoor",
    "street_pedestrian": "outdoor",
    "street_traffic": "outdoor",
    "bus": "vehicle",
    "metro": "vehicle",
    "tram": "vehicle",
}

#: (finer, coarser) → scene → scene; a scene that is missing is left out by the coarser set.
_MAPS: Mapping[tuple[str, str], Mapping[str, str]] = {
    (TAU.name, INDOOR_OUTDOOR_VEHICLE.name): _PLACE,
    (TAU.name, INDOOR_OUTDOOR.name): {s: place for s, place in _PLACE.items() if place != "vehicle"},
    (INDOOR_OUTDOOR_VEHICLE.name, INDOOR_OUTDOOR.name): {"indoor": "indoor", "outdoor": "outdoor"},
}


def scene_set(name: str) -> SceneSet:
    """The set of this name.

    Raises:
        ModelError: If there is none; the message lists the names.
    """
    if name not in SCENE_SETS:
        raise ModelError(f"there is no scene set {name!r}; the sets are {', '.join(SCENE_SETS)}")
    return SCENE_SETS[name]


def by_size(classes: int) -> SceneSet:
    """The set with this many scenes: 10, 3 or 2.

    Raises:
        ModelError: If no set has so many.
    """
    for each in SCENE_SETS.values():
        if len(each) == classes:
            return each
    sizes = ", ".join(str(len(each)) for each in SCENE_SETS.values())
    raise ModelError(f"no scene set has {classes} scenes; there are sets of {sizes}")


def coarsen(source: SceneSet, target: SceneSet) -> tuple[int | None, ...]:
    """Where each scene of one set lies in another that is as fine or coarser.

    Args:
        source: The set that labels or posteriors are in.
        target: The set wanted.

    Returns:
        For each scene of ``source`` in order its index in ``target``, or ``None`` where ``target``
        leaves it out (vehicles, with indoor and outdoor alone).

    Raises:
        ModelError: If there is no such map, as from a coarser set to a finer one.
    """
    if source == target:
        return tuple(range(len(source)))
    if (source.name, target.name) not in _MAPS:
        raise ModelError(f"there is no map from the scenes of {source.name} to those of {target.name}")
    into = _MAPS[source.name, target.name]
    return tuple(target.index(into[scene]) if scene in into else None for scene in source.scenes)

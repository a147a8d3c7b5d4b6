"""What is true of a benchmark's trials, column by column, as figures are computed from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vadd.protocol.manifest import Entry, Party
from vadd.timeline import Span

__all__ = ["Labels", "Truth", "combined", "truth_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One label a trial.

    Attributes:
        names: The labels that occur, sorted.
        index: ``(n,)`` which of them each trial has.
    """

    names: tuple[str, ...]
    index: NDArray[np.int64]

    @classmethod
    def of(cls, values: Iterable[str]) -> Labels:
        """Labels from one name a trial."""
        given = list(values)
        names = sorted(set(given))
        place = {name: at for at, name in enumerate(names)}
        return cls(tuple(names), np.fromiter(map(place.__getitem__, given), np.int64, len(given)))

    def take(self, chosen: NDArray[Any]) -> Labels:
        """The labels of some trials, by index or mask; names that no longer occur are left out."""
        kept, index = np.unique(self.index[chosen], return_inverse=True)
        return Labels(tuple(self.names[at] for at in kept), index.astype(np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A manifest in columns, its trials in order.

    Attributes:
        trials: ``n`` names.
        manipulated: ``(n,)``.
        places: City and location of the picture; a picture of which no location is known is a place of
            its own. Likewise ``sound_places``.
        picture_class: Likewise ``sound_class``, ``scene``, ``city`` and ``location`` (of the picture, the
            latter with its city), ``sound_scene`` and ``sound_city``.
        spans: Where the foreign sound is heard; empty: everywhere, or nowhere in a pristine trial.
    """

    trials: tuple[str, ...]
    manipulated: NDArray[np.bool_]
    places: Labels
    sound_places: Labels
    picture_class: Labels
    sound_class: Labels
    scene: Labels
    city: Labels
    location: Labels
    sound_scene: Labels
    sound_city: Labels
    spans: tuple[tuple[Span, ...], ...]

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def prevalence(self) -> float:
        """Share (0-1) of the trials that are manipulated."""
        return float(self.manipulated.mean())


def truth_of(entries: Sequence[Entry]) -> Truth:
    """The columns of a manifest."""

    def place(one: Party) -> str:
        return f"{one.city}/{one.location}" if one.location else f"//{one.name}"

    return Truth(
        trials=tuple(each.trial for each in entries),
        manipulated=np.array([each.manipulated for each in entries], np.bool_),
        places=Labels.of(place(each.picture) for each in entries),
        sound_places=Labels.of(place(each.sound) for each in entries),
        picture_class=Labels.of(each.picture.label for each in entries),
        sound_class=Labels.of(each.sound.label for each in entries),
        scene=Labels.of(each.picture.scene for each in entries),
        city=Labels.of(each.picture.city for each in entries),
        location=Labels.of(
            f"{each.picture.city}/{each.picture.location}" if each.picture.location else ""
            for each in entries
        ),
        sound_scene=Labels.of(each.sound.scene for each in entries),
        sound_city=Labels.of(each.sound.city for each in entries),
        spans=tuple(each.spans for each in entries),
    )


def combined(*labels: Labels) -> Labels:
    """The combinations of several labels that occur."""
    index = np.zeros(len(labels[0].index), np.int64)
    for each in labels:
        # Numbered anew each time, so that the product of many counts does not overflow.
        index = np.unique(index * len(each.names) + each.index, return_inverse=True)[1].astype(np.int64)
    first = np.unique(index, return_index=True)[1]
    names = tuple(", ".join(each.names[each.index[at]] for each in labels) for at in first)
    return Labels(names, index)

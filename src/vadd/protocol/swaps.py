"""The paper's design for clips that lie in a store: which picture gets which sound, one trial a clip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vadd.errors import ProtocolError
from vadd.protocol.designs import DESIGNS, draw
from vadd.protocol.manifest import Party
from vadd.scenes import TAU, SceneSet, coarsen

__all__ = ["Design", "Recorded", "Trial", "paper_design"]


class Recorded(Protocol):
    """A clip of which it is known what it shows and where it was recorded."""

    @property
    def name(self) -> str:
        """Unique among the clips."""

    @property
    def scene(self) -> str:
        """One of TAU's scenes."""

    @property
    def city(self) -> str:
        """City; may be empty."""

    @property
    def location(self) -> str:
        """Place in the city."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One clip of a benchmark.

    Attributes:
        picture: Name of the clip whose picture is shown.
        sound: Name of the clip whose sound is heard.
        manipulated: Whether the sound is foreign.
    """

    picture: str
    sound: str
    manipulated: bool


#: Clips, classes and a seed in; trials out, sorted by the name of the picture.
Design = Callable[[Sequence[Recorded], SceneSet, int], tuple[Trial, ...]]


def paper_design(clips: Sequence[Recorded], scenes: SceneSet, seed: int) -> tuple[Trial, ...]:
    """The design ``paper`` of ``vadd protocol make``: half keep their sound, half get another class's.

    Args:
        clips: Names unique; each with a scene of TAU's. Clips of scenes that the set leaves out are
            left out.
        scenes: The classes.
        seed: Of everything that is drawn.

    Returns:
        The trials, sorted by picture; what cannot be given a foreign sound is left out of both halves.

    Raises:
        ProtocolError: If a clip is there twice, has no scene or no location, there are too few clips, or
            no clip of a class can get a foreign sound.
    """
    drawn = draw(DESIGNS["paper"], _parties(clips, scenes), seed)
    trials = [Trial(clip.name, clip.name, manipulated=False) for clip in drawn.pristine]
    trials += [Trial(clip.name, sound.name, manipulated=True) for clip, sound in drawn.manipulated]
    return tuple(sorted(trials, key=lambda trial: trial.picture))


def _parties(clips: Sequence[Recorded], scenes: SceneSet) -> list[Party]:
    into = coarsen(TAU, scenes)
    known: dict[str, Party] = {}
    for clip in clips:
        if clip.name in known:
            raise ProtocolError(f"the clip {clip.name} is there twice")
        if clip.scene not in TAU.scenes:
            raise ProtocolError(f"the clip {clip.name} has the scene {clip.scene!r}, which is none of TAU's")
        kind = into[TAU.index(clip.scene)]
        if kind is None:
            continue
        if not clip.location:
            raise ProtocolError(f"it is not known where the clip {clip.name} was recorded")
        known[clip.name] = Party(clip.name, scenes.scenes[kind], clip.scene, clip.city, clip.location)
    return list(known.values())

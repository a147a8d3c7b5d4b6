"""Which picture gets which sound: the designs of a benchmark of swapped sounds.

Everything that is drawn follows from SHA-256 digests of the seed and the clips' names, so that a design
is the same on every machine and with every version of Python, and does not depend on the order in which
the clips are listed.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeVar

from vadd.errors import ProtocolError
from vadd.scenes import TAU, SceneSet, coarsen

__all__ = ["DESIGNS", "Design", "Recorded", "Trial", "pair", "paper_design"]


Item = TypeVar("Item")


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


@dataclass(frozen=True, slots=True)
class _Clip:
    name: str
    kind: int
    scene: str
    place: tuple[str, str]


def paper_design(clips: Sequence[Recorded], scenes: SceneSet, seed: int) -> tuple[Trial, ...]:
    """The paper's design: half the clips keep their sound, half get that of a clip of another class.

    Within each scene every second clip is manipulated, so that in each scene and in each class the halves
    differ by one clip at most; with an odd number of clips one more is pristine. Every clip is shown once.
    The manipulated clips exchange their sounds among themselves, so that every sound is heard once, and
    never one from the picture's own location. Where one class has more than half of the clips, the
    surplus cannot be given a foreign sound: as many of its pristine and of its manipulated clips are left
    out as are too many.

    Args:
        clips: Names unique; each with a scene of TAU's. Clips of scenes that the set leaves out are
            left out.
        scenes: The classes.
        seed: Of everything that is drawn.

    Returns:
        The trials, sorted by picture.

    Raises:
        ProtocolError: If a clip is there twice, has no scene or no location, there are too few clips, all
            are of one class, or there are too few locations for foreign sounds.
    """
    known = _known(clips, scenes)
    ordered = sorted(known, key=lambda clip: (clip.kind, clip.scene, _lot(seed, "halves", clip.name)))
    pristine, manipulated = _even(ordered[::2], ordered[1::2], scenes)
    pictures = sorted(manipulated, key=lambda clip: _lot(seed, "pictures", clip.name))
    sounds = sorted(manipulated, key=lambda clip: _lot(seed, "sounds", clip.name))
    given = pair(pictures, sounds, lambda one, other: one.kind != other.kind and one.place != other.place)
    for clip, sound in zip(pictures, given, strict=True):
        if sound is None:
            raise ProtocolError(
                f"no sound of another class from another location is left for the picture of {clip.name}: "
                "there are too few locations"
            )
    trials = [Trial(clip.name, clip.name, manipulated=False) for clip in pristine]
    trials += [
        Trial(clip.name, sound.name, manipulated=True)
        for clip, sound in zip(pictures, given, strict=True)
        if sound is not None
    ]
    return tuple(sorted(trials, key=lambda trial: trial.picture))


#: Name → design; the one list of them.
DESIGNS: Mapping[str, Design] = MappingProxyType({"paper": paper_design})


def pair(
    pictures: Sequence[Item], sounds: Sequence[Item], fits: Callable[[Item, Item], bool]
) -> list[Item | None]:
    """Give as many pictures as possible a sound that fits, each sound at most once.

    Pictures and sounds in the same place are taken together. Where they do not fit, two pictures change
    sounds if both fit then; what is left is solved along augmenting paths, which finds a largest matching
    (Berge 1957).

    Args:
        pictures: In the order in which they are served; shuffle them first.
        sounds: Likewise.
        fits: Whether a picture may have a sound.

    Returns:
        For each picture its sound, or ``None`` if none is left for it whatever the others get.
    """
    count = min(len(pictures), len(sounds))
    held = list(range(count))

    def right(picture: int, sound: int) -> bool:
        return fits(pictures[picture], sounds[sound])

    for at in range(count):
        if not right(at, held[at]):
            # From its own place on, so that not all of them turn to the first of the list.
            others = ((at + step) % count for step in range(1, count))
            other = next((o for o in others if right(at, held[o]) and right(o, held[at])), None)
            if other is not None:
                held[at], held[other] = held[other], held[at]
    given = [-1] * len(pictures)
    taken = [-1] * len(sounds)
    for at, sound in enumerate(held):
        if right(at, sound):
            given[at], taken[sound] = sound, at
    for at in range(len(pictures)):
        if given[at] < 0:
            _serve(at, given, taken, right)
    return [None if sound < 0 else sounds[sound] for sound in given]


def _serve(wanting: int, given: list[int], taken: list[int], right: Callable[[int, int], bool]) -> None:
    """Find a sound for one more picture, if there is any; others may get another one instead."""
    free = [sound for sound, picture in enumerate(taken) if picture < 0]
    asked: dict[int, int] = {}  # sound → the picture that would like to have it
    queue = deque([wanting])
    while queue:
        picture = queue.popleft()
        found = next((sound for sound in free if right(picture, sound)), None)
        if found is not None:
            while True:  # back to the start: each gives up its sound to the one that asked for it
                left, given[picture], taken[found] = given[picture], found, picture
                if picture == wanting:
                    return
                found, picture = left, asked[left]
        for sound, owner in enumerate(taken):
            if owner >= 0 and sound not in asked and right(picture, sound):
                asked[sound] = picture
                queue.append(owner)


def _even(
    pristine: Sequence[_Clip], manipulated: Sequence[_Clip], scenes: SceneSet
) -> tuple[list[_Clip], list[_Clip]]:
    """Both halves without the surplus of a class that has more than half of the manipulated clips."""
    kind, most = Counter(clip.kind for clip in manipulated).most_common(1)[0]
    others = len(manipulated) - most
    if not others:
        raise ProtocolError(
            f"the {len(manipulated)} clips that are to be manipulated are all of the class "
            f"{scenes.scenes[kind]}: no other sound is foreign to them"
        )
    surplus = max(0, most - others)
    return _less(pristine, kind, surplus), _less(manipulated, kind, surplus)


def _less(clips: Iterable[_Clip], kind: int, surplus: int) -> list[_Clip]:
    """The clips without ``surplus`` of one class, taken evenly from its scenes."""
    of_kind = [clip for clip in clips if clip.kind == kind]
    count = len(of_kind)
    # Clips of a scene lie together, in the order of their lots.
    out = {of_kind[at * count // surplus].name for at in range(surplus)}
    return [clip for clip in clips if clip.name not in out]


def _known(clips: Sequence[Recorded], scenes: SceneSet) -> list[_Clip]:
    into = coarsen(TAU, scenes)
    known: dict[str, _Clip] = {}
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
        known[clip.name] = _Clip(clip.name, kind, clip.scene, (clip.city, clip.location))
    if len(known) < 4:
        raise ProtocolError(f"{len(known)} clips are too few to exchange sounds; 4 at least are needed")
    return list(known.values())


def _lot(seed: int, what: str, name: str) -> bytes:
    """What a clip draws."""
    return hashlib.sha256(f"{seed}\n{what}\n{name}".encode("utf-8", "surrogatepass")).digest()

"""The designs of a benchmark: which clips are manipulated, and from where their sounds may come.

=========  ==========================================  =======================================
Design     Trials                                      The foreign sound comes from
=========  ==========================================  =======================================
paper      half keep their sound, half are given one   another class, another location
paired     every clip once with each                   another class, another location
same-city  half and half                               another class, another place of the city
control    half and half                               the same class, another location
=========  ==========================================  =======================================

A detector of discrepancies finds nothing in ``control``; one that finds something there detects editing.
Everything that is drawn follows from SHA-256 digests of the seed and the clips' names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from vadd.errors import ProtocolError
from vadd.protocol.halves import couples, lot
from vadd.protocol.manifest import Party
from vadd.protocol.pairing import Group, exchange, hopeless

__all__ = ["DESIGNS", "Design", "Drawn", "draw"]


@dataclass(frozen=True, slots=True)
class Design:
    """Rules of a design.

    Attributes:
        name: What it is called.
        paired: Whether each clip is also shown with its own sound; else half of the clips are.
        among: Sounds stay among clips of which this is the same.
        side: A foreign sound is of another side than the picture.
        where: Words for where sounds come from.
    """

    name: str
    paired: bool
    among: Callable[[Party], Hashable]
    side: Callable[[Party], Hashable]
    where: str


def _place(clip: Party) -> tuple[str, str]:
    return clip.city, clip.location


_OTHER = "another class and another location"

#: Name → design; the one list of them.
DESIGNS: Mapping[str, Design] = MappingProxyType(
    {
        each.name: each
        for each in (
            Design("paper", False, lambda clip: None, lambda clip: clip.label, _OTHER),
            Design("paired", True, lambda clip: None, lambda clip: clip.label, _OTHER),
            Design("same-city", False, lambda clip: clip.city, lambda clip: clip.label,
                   "another class and another location of the same city"),
            Design("control", False, lambda clip: clip.label, _place,
                   "another location, in the same class"),
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drawn:
    """What became of the clips.

    Attributes:
        pristine: Shown with their own sound.
        manipulated: Picture and the clip whose sound it gets.
        surplus: Would have been manipulated, but no sound was left.
        partners: Left out of the pristine half as the counterparts of these.
    """

    pristine: tuple[Party, ...]
    manipulated: tuple[tuple[Party, Party], ...]
    surplus: tuple[Party, ...]
    partners: tuple[Party, ...]


def draw(design: Design, clips: Sequence[Party], seed: int, *, reuse: int = 1) -> Drawn:
    """Draw a benchmark.

    Args:
        design: One of :data:`DESIGNS`.
        clips: Names unique, in any order; all with a location, and a city if the design needs one.
        seed: Of everything that is drawn.
        reuse: How often a sound may be lent to foreign pictures, at least 1.

    Returns:
        The trials and what is left out; halves are balanced by class, scene, city and location as far as it
        goes. With ``reuse`` 1 the sounds of the manipulated clips are those of the same clips.

    Raises:
        ProtocolError: If there are too few clips, or a class of which no clip can get a foreign sound.
    """
    if len(clips) < 2:
        raise ProtocolError(f"{len(clips)} clips are too few to exchange sounds")
    _refuse(design, clips)
    if design.paired:
        given = _donors(design, clips, seed, reuse)
        pristine = [clip for clip in clips if clip.name in given]
        surplus = [clip for clip in clips if clip.name not in given]
        partners: list[Party] = []
        chosen = pristine
    else:
        twos = couples(clips, seed)
        given = _donors(design, [other for _, other in twos if other is not None], seed, reuse)
        kept = [(one, other) for one, other in twos if other is None or other.name in given]
        left = [(one, other) for one, other in twos if other is not None and other.name not in given]
        pristine, chosen = [one for one, _ in kept], [other for _, other in kept if other is not None]
        partners, surplus = [one for one, _ in left], [other for _, other in left if other is not None]
    if not given:
        raise ProtocolError(
            f"no picture can get a sound from {design.where}: of {len(clips)} clips too many are alike"
        )
    return Drawn(
        _sorted(pristine), tuple((clip, given[clip.name]) for clip in _sorted(chosen)), _sorted(surplus),
        _sorted(partners),
    )  # fmt: skip


def _donors(design: Design, clips: Sequence[Party], seed: int, reuse: int) -> dict[str, Party]:
    """Name of a picture → whose sound it gets; only those that get one."""
    parts: dict[Hashable, list[Party]] = {}
    for clip in sorted(clips, key=lambda clip: lot(seed, "pictures", clip.name)):
        parts.setdefault(design.among(clip), []).append(clip)
    given = {}
    for part in parts.values():
        order = sorted(range(len(part)), key=lambda at: lot(seed, "sounds", part[at].name))
        for clip, sound in zip(part, exchange(_groups(design, part), order, reuse=reuse), strict=True):
            if sound is not None:
                given[clip.name] = part[sound]
    return given


def _groups(design: Design, clips: Sequence[Party]) -> list[Group]:
    sides: dict[Hashable, int] = {}
    places: dict[Hashable, int] = {}
    return [
        (sides.setdefault(design.side(clip), len(sides)), places.setdefault(_place(clip), len(places)))
        for clip in clips
    ]


def _refuse(design: Design, clips: Sequence[Party]) -> None:
    """Refuse a class that would be missing among the manipulated clips whatever is drawn."""
    parts: dict[Hashable, list[Party]] = {}
    for clip in clips:
        parts.setdefault(design.among(clip), []).append(clip)
    able: Counter[str] = Counter()
    for part in parts.values():
        groups = _groups(design, part)
        alone = hopeless(groups)
        able.update(clip.label for clip, group in zip(part, groups, strict=True) if group not in alone)
    for label, count in sorted(Counter(clip.label for clip in clips).items()):
        if not able[label]:
            raise ProtocolError(
                f"none of the {count} clips of the class {label} can get a sound from {design.where}: "
                "there is no such clip"
            )


def _sorted(clips: Sequence[Party]) -> tuple[Party, ...]:
    return tuple(sorted(clips, key=lambda clip: clip.name))

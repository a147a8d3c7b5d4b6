"""Whose sound the clips of published lists get, when the lists do not say: the evidence, and a guess.

In the published lists of manipulated clips the lines 0 and 1, 2 and 3, 4 and 5 and so on never share a
class, while lines 1 and 2, 3 and 4 and so on do. If neighbours exchanged their sounds, it must be so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from vadd.errors import ProtocolError
from vadd.protocol.lists import Listed, Lists, file_name
from vadd.protocol.manifest import Entry, Party, entry
from vadd.protocol.tau import TauClip, named

__all__ = ["PAIRINGS", "Evidence", "evidence", "rebuilt"]

#: Where the donors are taken from: neighbours in the list, or the swaps file.
PAIRINGS = ("neighbours", "swaps")
SHUFFLES = 10_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """How often neighbours in a list share a class.

    Attributes:
        alike: Of lines 2i and 2i+1, counted from 0: how many such pairs share a class.
        pairs: How many there are.
        alike_between: Of lines 2i+1 and 2i+2.
        pairs_between: How many there are.
        by_chance: Mean number of pairs 2i, 2i+1 that share a class when the lines are shuffled.
        least_by_chance: The least number among the shuffles.
        shuffles: How many.
        p: Probability of so few or fewer by chance, by the permutation test: (shuffles with so few or
            fewer + 1) / (shuffles + 1).
    """

    alike: int
    pairs: int
    alike_between: int
    pairs_between: int
    by_chance: float
    least_by_chance: int
    shuffles: int
    p: float

    @property
    def told(self) -> str:
        """In a sentence."""
        return (
            f"lines 2i and 2i+1 of the manipulated clips share a class in {self.alike} of {self.pairs} "
            f"pairs, lines 2i+1 and 2i+2 in {self.alike_between} of {self.pairs_between}; in random order "
            f"{self.by_chance:.0f} of {self.pairs} would, and never fewer than {self.least_by_chance} in "
            f"{self.shuffles} shuffles (p = {self.p:.1g})"
        )


def evidence(lists: Lists, *, seed: int = 0, shuffles: int = SHUFFLES) -> Evidence:
    """Test whether neighbours in the list of manipulated clips avoid each other's class.

    Args:
        lists: At least two manipulated clips.
        seed: Of the shuffles.
        shuffles: How many.

    Raises:
        ProtocolError: If there are fewer than two.
    """
    _, labels = np.unique([each.label for each in lists.manipulated], return_inverse=True)
    if len(labels) < 2:
        raise ProtocolError(f"{file_name(lists.classes, 'manipulated')} has no two lines")
    even = len(labels) // 2 * 2
    rng = np.random.default_rng([seed, 8])
    found = np.empty(shuffles, np.int64)
    for at in range(shuffles):
        mixed = rng.permutation(labels)
        found[at] = np.count_nonzero(mixed[0:even:2] == mixed[1:even:2])
    alike = int(np.count_nonzero(labels[0:even:2] == labels[1:even:2]))
    inner = labels[1:]
    between = len(inner) // 2 * 2
    return Evidence(
        alike=alike,
        pairs=even // 2,
        alike_between=int(np.count_nonzero(inner[0:between:2] == inner[1:between:2])),
        pairs_between=between // 2,
        by_chance=float(found.mean()),
        least_by_chance=int(found.min()),
        shuffles=shuffles,
        p=(int(np.count_nonzero(found <= alike)) + 1) / (shuffles + 1),
    )


def rebuilt(
    lists: Lists, pairing: str, clips: Sequence[TauClip] | None = None, *, seed: int = 0
) -> tuple[Entry, ...]:
    """The trials of the lists.

    Args:
        lists: As published, or as we write them.
        pairing: One of :data:`PAIRINGS`.
        clips: To know scene, city and location from; without them the names tell.
        seed: Of the trials' names.

    Raises:
        ProtocolError: If a clip is listed twice in a half or unknown, or the pairing cannot be made; names
            file and line.
    """
    known = None if clips is None else {clip.name: clip for clip in clips}
    pristine = _parties(lists.pristine, known)
    manipulated = _parties(lists.manipulated, known)
    entries = [entry(party, party, seed, manipulated=False) for party in pristine.values()]
    pairs = _neighbours(lists) if pairing == "neighbours" else _from_swaps(lists, manipulated)
    for picture, sound in pairs:
        giver = manipulated.get(sound) or pristine.get(sound)
        if giver is None:
            raise ProtocolError(
                f"{file_name(lists.classes, 'swaps')} takes the sound of {sound}, which is in neither list"
            )
        entries.append(entry(manipulated[picture], giver, seed, manipulated=True))
    return tuple(entries)


def _neighbours(lists: Lists) -> list[tuple[str, str]]:
    listed = lists.manipulated
    if len(listed) % 2:
        raise ProtocolError(f"{listed[-1].where}: the last of {len(listed)} clips has no neighbour")
    pairs = []
    for one, other in zip(listed[::2], listed[1::2], strict=True):
        if one.label == other.label:
            raise ProtocolError(
                f"{other.where}: it is of the class {other.label}, as its neighbour is: no exchange"
            )
        pairs += [(one.name, other.name), (other.name, one.name)]
    return pairs


def _from_swaps(lists: Lists, manipulated: Mapping[str, Party]) -> list[tuple[str, str]]:
    path = file_name(lists.classes, "swaps")
    if lists.swaps is None:
        raise ProtocolError(
            f"{path} does not say whose sound a clip gets; the pairing 'neighbours' is a guess"
        )
    lines: dict[str, int] = {}
    for picture, sound, line in lists.swaps:
        if picture not in manipulated:
            raise ProtocolError(f"{path}, line {line}: {picture} is not in the list of manipulated clips")
        if picture in lines:
            raise ProtocolError(f"{path}, line {line}: {picture} is in line {lines[picture]} already")
        if picture == sound:
            raise ProtocolError(f"{path}, line {line}: {picture} would keep its sound")
        lines[picture] = line
    if len(lines) != len(manipulated):
        missing = next(name for name in manipulated if name not in lines)
        raise ProtocolError(f"{path} does not say whose sound {missing} gets")
    return [(picture, sound) for picture, sound, _ in lists.swaps]


def _parties(listed: Sequence[Listed], known: Mapping[str, TauClip] | None) -> dict[str, Party]:
    parties: dict[str, Party] = {}
    lines: dict[str, int] = {}
    for each in listed:
        if each.name in parties:
            raise ProtocolError(f"{each.where}: {each.name} is in line {lines[each.name]} already")
        if known is not None:
            clip = known.get(each.name)
            told = None if clip is None else (clip.scene, clip.city, clip.location)
        else:
            told = named(each.name)
        if told is None:
            raise ProtocolError(
                f"{each.where}: {each.name!r} is "
                + ("not among the clips" if known is not None else "not named as TAU's clips are")
            )
        lines[each.name] = each.line
        parties[each.name] = Party(each.name, each.label, *told)
    return parties

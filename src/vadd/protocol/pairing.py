"""Whose sound a picture gets, for as many pictures as possible, in about linear time.

Clips are known here by two numbers, a *side* and a *place*: a clip may have the sound of any clip that is
of another side **and** from another place. What is asked for is symmetric, and this is what makes an
exchange possible: the clips that get a foreign sound are the clips that give theirs away.

First everybody gets a sound in the order that was drawn; those whom it does not suit trade with somebody
whom the trade suits too; what is left is mended along augmenting paths, which find a largest matching
(Berge 1957). The paths are looked for among *groups* of clips of one side and place, of which there are few.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import TypeAlias

__all__ = ["exchange", "hopeless"]

Group: TypeAlias = tuple[int, int]

#: A side or place is common if more than one clip in so many is of it.
_COMMON = 10
#: Clips that are asked for a trade on account of a rare one.
_LOOKS = 300
#: How often those who found nobody try again, before the search that is exact.
_ROUNDS = 5


def exchange(groups: Sequence[Group], order: Sequence[int], *, reuse: int = 1) -> list[int | None]:
    """Give as many clips as possible the sound of another.

    With ``reuse`` 1 the clips that get a sound are those that give theirs. With more, those that would
    remain without get one that is given already, and no sound is given once more before all that suit have
    been.

    Args:
        groups: Side and place of each clip; the clips in the order in which they are served.
        order: Indices of all clips, in the order in which their sounds are given away.
        reuse: How often a sound may be given, at least 1.

    Returns:
        For each clip the index of the one whose sound it gets, or ``None`` if none can be left for it.
    """
    given: list[int | None] = list(_trade(groups, list(order)))
    for at, sound in enumerate(given):
        if sound is not None and not _fit(groups[at], groups[sound]):
            given[at] = None
    used = set(given)
    _mend(groups, given, [sound for sound in order if sound not in used])
    _close(given)
    for times in range(2, reuse + 1):
        wanting = [at for at, sound in enumerate(given) if sound is None]
        lent = Counter(sound for sound in given if sound is not None)
        # A sound that was left over in the round before suits nobody who still wants one.
        free = [sound for sound in order if lent[sound] == times - 1]
        _mend(groups, given, _hand_out(groups, given, wanting, free))
        if all(given[at] is None for at in wanting):
            break
    return given


def hopeless(groups: Iterable[Group]) -> set[Group]:
    """The groups that no sound can be given to, whatever the others get."""
    census = _Census(groups)
    return {group for group in census.groups if not census.fitting(group)}


class _Census:
    """Groups, and how many there are of each side and of each place.

    What a group does not fit is of its side or of its place, so that of any groups almost nothing is left
    after two or three different ones have taken what fits them; counting spares them the look at the rest.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        self.groups = dict.fromkeys(groups)
        self.sides = Counter(side for side, _ in self.groups)
        self.places = Counter(place for _, place in self.groups)

    def fitting(self, group: Group) -> int:
        """How many of them a clip of ``group`` may have sounds of."""
        either = self.sides[group[0]] + self.places[group[1]] - (group in self.groups)
        return len(self.groups) - either

    def take(self, group: Group) -> list[Group]:
        """Take out those that a clip of ``group`` may have sounds of."""
        if not self.fitting(group):
            return []
        taken = [other for other in self.groups if _fit(group, other)]
        for side, place in taken:
            del self.groups[side, place]
            self.sides[side] -= 1
            self.places[place] -= 1
        return taken


def _fit(one: Group, other: Group) -> bool:
    return one[0] != other[0] and one[1] != other[1]


def _trade(groups: Sequence[Group], held: list[int]) -> list[int]:
    """Let the clips whom their sound does not suit trade with others, as long as that suits both.

    A common reason to be dissatisfied (a side or a place of many clips) walks around all clips, and each of
    its trades goes on where the last ended; of them there are few. A rare one looks at some clips only.
    """
    count = len(groups)
    sides, places = Counter(side for side, _ in groups), Counter(place for _, place in groups)
    wrong = list(range(count))
    for _ in range(_ROUNDS):
        walks: dict[Group, tuple[int, int]] = {}  # (0, side) or (1, place) → where it began, steps done
        before = wrong
        wrong = []
        for at in before:
            mine, sound = groups[at], groups[held[at]]
            if _fit(mine, sound):
                continue
            same_side = mine[0] == sound[0]
            reason = (0, mine[0]) if same_side else (1, mine[1])
            common = (sides[mine[0]] if same_side else places[mine[1]]) * _COMMON > count
            first, step = walks.get(reason, (at + 1, 0)) if common else (at + 1, 0)
            end = count if common else min(count, _LOOKS)
            while step < end:
                other = (first + step) % count
                step += 1
                if _fit(mine, groups[held[other]]) and _fit(groups[other], sound):
                    held[at], held[other] = held[other], held[at]
                    break
            else:
                wrong.append(at)
            if common:
                walks[reason] = first, step
        if len(wrong) == len(before):
            break
    return held


def _hand_out(
    groups: Sequence[Group], given: list[int | None], wanting: Sequence[int], free: list[int]
) -> list[int]:
    """Give free sounds to those who want one, as they come; returns the sounds that are left.

    Each side walks once along the sounds, so that not all sounds are looked at for each picture.
    """
    taken: set[int] = set()
    walked: dict[int, int] = {}
    start = 0
    for at in wanting:
        while start < len(free) and free[start] in taken:
            start += 1
        step = max(start, walked.get(groups[at][0], 0))
        while step < len(free) and (free[step] in taken or not _fit(groups[at], groups[free[step]])):
            step += 1
        if step < len(free):
            given[at] = free[step]
            taken.add(free[step])
        walked[groups[at][0]] = step
    return [sound for sound in free if sound not in taken]


def _mend(groups: Sequence[Group], given: list[int | None], free: Sequence[int]) -> None:
    """Serve all who have no sound and can have one, if need be by giving others another."""
    wanting: dict[Group, list[int]] = {}
    for at, sound in enumerate(given):
        if sound is None:
            wanting.setdefault(groups[at], []).append(at)
    if not wanting:
        return
    spare: dict[Group, list[int]] = {}
    holders: dict[Group, dict[Group, list[int]]] = {}  # of a sound's group: who holds its sounds
    for sound in free:
        spare.setdefault(groups[sound], []).append(sound)
    for at, sound in enumerate(given):
        if sound is not None:
            holders.setdefault(groups[sound], {}).setdefault(groups[at], []).append(at)
    sources = dict.fromkeys([*spare, *holders])
    census = _Census(sources)
    for group, clips in wanting.items():
        while clips and census.fitting(group):
            path, seen = _path(group, sources, spare, holders)
            if not path:
                # What cannot be reached now cannot be reached later either.
                sources = dict.fromkeys(source for source in sources if source not in seen)
                census = _Census(sources)
                break
            for _ in range(min(len(clips), _width(path, spare, holders))):
                _shift(path, clips, given, spare, holders)


#: (who gets a sound, of which group), from the last in the chain, who takes a spare one, to the first.
_Path: TypeAlias = list[tuple[Group, Group]]


def _path(
    start: Group,
    sources: Iterable[Group],
    spare: dict[Group, list[int]],
    holders: dict[Group, dict[Group, list[int]]],
) -> tuple[_Path, set[Group]]:
    """The shortest chain of gifts that ends with a spare sound, and the groups of sounds looked at."""
    unseen = _Census(sources)
    asked: dict[Group, Group] = {}  # group of sounds → who wants one of them
    holding: dict[Group, Group] = {}  # who → the group of the sound that it would give up
    queue = deque([start])
    while queue:
        group = queue.popleft()
        reached = unseen.take(group)
        for source in reached:
            asked[source] = group
            if spare.get(source):
                path = [(group, source)]
                while group != start:
                    source = holding[group]
                    group = asked[source]
                    path.append((group, source))
                return path, set(asked)
        for source in reached:
            for other, clips in holders.get(source, {}).items():
                if clips and other != start and other not in holding:
                    holding[other] = source
                    queue.append(other)
    return [], set(asked)


def _width(path: _Path, spare: dict[Group, list[int]], holders: dict[Group, dict[Group, list[int]]]) -> int:
    """How many clips the chain serves before one of its links is used up."""
    links = [len(holders[path[at + 1][1]][path[at][0]]) for at in range(len(path) - 1)]
    return min([len(spare[path[0][1]]), *links])


def _shift(
    path: _Path,
    wanting: list[int],
    given: list[int | None],
    spare: dict[Group, list[int]],
    holders: dict[Group, dict[Group, list[int]]],
) -> None:
    """Serve one clip along a chain."""
    sound: int | None = spare[path[0][1]].pop()
    for at, (group, source) in enumerate(path):
        last = at == len(path) - 1
        clip = wanting.pop() if last else holders[path[at + 1][1]][group].pop()
        given[clip], sound = sound, given[clip]
        holders.setdefault(source, {}).setdefault(group, []).append(clip)


def _close(given: list[int | None]) -> None:
    """Let those who get a sound and those who give one be the same clips, and as many as before.

    Who gets a sound but gives none begins a chain, and who gets none ends it. The clips of a chain
    exchange in twos instead. A chain of a largest matching has an odd number of clips (otherwise twos would
    serve one more), and so one is left, who then neither gets nor gives.
    """
    used = set(given)
    for first in range(len(given)):
        if first in used or given[first] is None:
            continue
        chain = [first]
        while (following := given[chain[-1]]) is not None:
            chain.append(following)
        given[chain[-1]] = None
        for one, other in zip(chain[::2], chain[1::2], strict=False):
            given[one], given[other] = other, one

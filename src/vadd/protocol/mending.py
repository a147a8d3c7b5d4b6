"""The last sounds of an exchange: who has none gets one by giving others another, as far as that goes.

Chains of such gifts are augmenting paths, and where there is none left the matching is a largest one (Berge
1957). They are looked for among *groups* of clips of one side and place. As Hopcroft and Karp (1973) do, one
look at all groups finds how far each is from a spare sound, and then as many chains of that length are
served as there are; the next look finds longer ones. Since almost every group may have sounds of almost
every other, no chain has more than a few links: the work is a few looks at all groups, not one a chain.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

__all__ = ["Census", "Group", "Row", "fit", "mend"]

#: Side and place.
Group: TypeAlias = tuple[int, int]
#: (who gets a sound, of which group), from the last in the chain, who takes a spare one, to the first.
_Path: TypeAlias = list[tuple[Group, Group]]


def fit(one: Group, other: Group) -> bool:
    """Whether clips of these groups may have each other's sounds."""
    return one[0] != other[0] and one[1] != other[1]


class Row:
    """Seats in a row that are left one by one; from any the next that is still taken is found at once.

    Args:
        size: How many there are; the seat of this number stands for the end, and stays.
    """

    def __init__(self, size: int) -> None:
        self._ahead = list(range(size + 1))

    def leave(self, seat: int) -> None:
        """The seat is taken no longer."""
        self._ahead[seat] = seat + 1

    def seek(self, seat: int) -> int:
        """The first taken seat from this one on."""
        ahead = self._ahead
        while ahead[seat] != seat:
            ahead[seat] = seat = ahead[ahead[seat]]
        return seat


class Census:
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
        taken = [other for other in self.groups if fit(group, other)]
        for other in taken:
            self.remove(other)
        return taken

    def remove(self, group: Group) -> None:
        """Take out one."""
        del self.groups[group]
        self.sides[group[0]] -= 1
        self.places[group[1]] -= 1


class _Stock(Census):
    """Groups of which one that fits is found at once, while they become fewer.

    Of the groups of one side at most one is of a given place, and the other way round. So it is enough to
    look at two of each line, a side or a place. Lines that have nothing for a group never will have: each
    group walks along them once, along the sides and the places in turn, as either may be many.
    """

    def __init__(self, groups: Iterable[Group]) -> None:
        super().__init__(groups)
        # Ordered, as the first key of a plain dict is slow to find when many before it were deleted.
        self._lines: tuple[list[OrderedDict[Group, None]], ...] = ([], [])
        self._seats: tuple[dict[int, int], ...] = ({}, {})  # side or place → number of its line
        for group in self.groups:
            for lines, seats, name in zip(self._lines, self._seats, group, strict=True):
                if name not in seats:
                    seats[name] = len(lines)
                    lines.append(OrderedDict())
                lines[seats[name]][group] = None
        self._rows = tuple(Row(len(lines)) for lines in self._lines)
        self._steps: dict[Group, list[int]] = {}

    def find(self, group: Group) -> Group | None:
        """One that a clip of ``group`` may have sounds of."""
        if not self.fitting(group):
            return None
        steps = self._steps.setdefault(group, [0, 0])
        while True:  # it ends before the lines do, as something fits
            for axis, (lines, row) in enumerate(zip(self._lines, self._rows, strict=True)):
                step = row.seek(steps[axis])
                for other in islice(lines[step], 2):
                    if fit(group, other):
                        steps[axis] = step
                        return other
                steps[axis] = step + 1

    def remove(self, group: Group) -> None:
        """Take out one."""
        super().remove(group)
        for lines, seats, row, name in zip(self._lines, self._seats, self._rows, group, strict=True):
            line = lines[seats[name]]
            del line[group]
            if not line:
                row.leave(seats[name])


def mend(groups: Sequence[Group], given: list[int | None], free: Sequence[int]) -> None:
    """Serve all who have no sound and can have one, if need be by giving others another.

    Args:
        groups: Side and place of each clip.
        given: For each clip the index of the one whose sound it has; changed in place. Who has a sound
            keeps one.
        free: Whose sounds nobody has.
    """
    wanting: dict[Group, list[int]] = {}
    spare: dict[Group, list[int]] = {}
    holders: dict[Group, dict[Group, list[int]]] = {}  # of a sound's group: who holds its sounds
    for sound in free:
        spare.setdefault(groups[sound], []).append(sound)
    for at, sound_ in enumerate(given):
        if sound_ is None:
            wanting.setdefault(groups[at], []).append(at)
        else:
            holders.setdefault(groups[sound_], {}).setdefault(groups[at], []).append(at)
    while wanting:
        chains = _Chains.of(wanting, spare, holders)
        if chains is None:
            return
        for group, clips in wanting.items():
            while clips and (path := chains.path(group)):
                for _ in range(min(len(clips), _width(path, spare, holders))):
                    _shift(path, clips, given, spare, holders)
        wanting = {group: clips for group, clips in wanting.items() if clips}


class _Chains:
    """The shortest chains of gifts that end with a spare sound, from all who want one.

    Args:
        stocks: Groups of sounds by the number of gifts after which somebody asks for one of them; those
            of the last have spare ones.
        depths: After how many gifts a group of clips would want another sound.
        spare: Sounds that nobody has, by group.
        holders: Group of a sound → group of clips → who has such a sound.
    """

    def __init__(
        self,
        stocks: Sequence[_Stock],
        depths: Mapping[Group, int],
        spare: Mapping[Group, list[int]],
        holders: Mapping[Group, Mapping[Group, list[int]]],
    ) -> None:
        self._stocks, self._depths = stocks, depths
        self._spare, self._holders = spare, holders
        self._asked: dict[Group, list[Group]] = {}  # group of sounds → whose clips may give one up

    @classmethod
    def of(
        cls,
        wanting: Iterable[Group],
        spare: Mapping[Group, list[int]],
        holders: Mapping[Group, Mapping[Group, list[int]]],
    ) -> _Chains | None:
        """Look at all groups; ``None`` if no chain leads to a spare sound."""
        unseen = Census([*spare, *holders])
        depths = dict.fromkeys(wanting, 0)
        level = list(depths)
        stocks: list[_Stock] = []
        while level:
            reached = [source for group in level for source in unseen.take(group)]
            if ends := [source for source in reached if spare.get(source)]:
                return cls([*stocks, _Stock(ends)], depths, spare, holders)
            stocks.append(_Stock(reached))
            level = []
            for source in reached:
                for other, clips in holders.get(source, {}).items():
                    if clips and other not in depths:
                        depths[other] = len(stocks)
                        level.append(other)
        return None

    def path(self, group: Group, depth: int = 0) -> _Path:
        """A chain that can be served now, empty if there is none any more.

        Args:
            group: Who wants a sound.
            depth: After how many gifts.
        """
        stock = self._stocks[depth]
        while source := stock.find(group):
            if depth == len(self._stocks) - 1:
                if self._spare[source]:
                    return [(group, source)]
            else:
                asked = self._asked.get(source)
                if asked is None:
                    # The gifts of these chains make nobody a holder who would be asked: they are of one
                    # depth less.
                    asked = [other for other in self._holders[source] if self._depths.get(other) == depth + 1]
                    self._asked[source] = asked
                while asked:
                    if self._holders[source][asked[-1]] and (rest := self.path(asked[-1], depth + 1)):
                        return [*rest, (group, source)]
                    asked.pop()
            stock.remove(source)
        return []


def _width(
    path: _Path, spare: Mapping[Group, list[int]], holders: Mapping[Group, Mapping[Group, list[int]]]
) -> int:
    """How many clips the chain serves before one of its links is used up."""
    links = [len(holders[path[at + 1][1]][path[at][0]]) for at in range(len(path) - 1)]
    return min([len(spare[path[0][1]]), *links])


def _shift(
    path: _Path,
    wanting: list[int],
    given: list[int | None],
    spare: Mapping[Group, list[int]],
    holders: dict[Group, dict[Group, list[int]]],
) -> None:
    """Serve one clip along a chain."""
    sound: int | None = spare[path[0][1]].pop()
    for at, (group, source) in enumerate(path):
        last = at == len(path) - 1
        clip = wanting.pop() if last else holders[path[at + 1][1]][group].pop()
        given[clip], sound = sound, given[clip]
        holders.setdefault(source, {}).setdefault(group, []).append(clip)

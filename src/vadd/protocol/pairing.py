"""Whose sound a picture gets, for as many pictures as possible, in about linear time.

Clips are known here by two numbers, a *side* and a *place*: a clip may have the sound of any clip that is
of another side **and** from another place. What is asked for is symmetric, and this is what makes an
exchange possible: the clips that get a foreign sound are the clips that give theirs away.

First everybody gets a sound in the order that was drawn; those whom it does not suit trade with somebody
whom the trade suits too; what is left is mended (:mod:`vadd.protocol.mending`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from vadd.protocol.mending import Census, Group, Row, fit, mend

__all__ = ["Group", "exchange", "hopeless"]

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
        if sound is not None and not fit(groups[at], groups[sound]):
            given[at] = None
    used = set(given)
    mend(groups, given, [sound for sound in order if sound not in used])
    _close(given)
    for times in range(2, reuse + 1):
        wanting = [at for at, sound in enumerate(given) if sound is None]
        lent = Counter(sound for sound in given if sound is not None)
        # A sound that was left over in the round before suits nobody who still wants one.
        free = [sound for sound in order if lent[sound] == times - 1]
        mend(groups, given, _hand_out(groups, given, wanting, free))
        if all(given[at] is None for at in wanting):
            break
    return given


def hopeless(groups: Iterable[Group]) -> set[Group]:
    """The groups that no sound can be given to, whatever the others get."""
    census = Census(groups)
    return {group for group in census.groups if not census.fitting(group)}


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
            if fit(mine, sound):
                continue
            same_side = mine[0] == sound[0]
            reason = (0, mine[0]) if same_side else (1, mine[1])
            common = (sides[mine[0]] if same_side else places[mine[1]]) * _COMMON > count
            first, step = walks.get(reason, (at + 1, 0)) if common else (at + 1, 0)
            end = count if common else min(count, _LOOKS)
            while step < end:
                other = (first + step) % count
                step += 1
                if fit(mine, groups[held[other]]) and fit(groups[other], sound):
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

    Each side walks once along the sounds, so that not all sounds are looked at for each picture; and where
    all that is left in front is of one place, nobody of that place looks at it again.
    """
    row = Row(len(free))
    walked: dict[int, int] = {}
    barred: dict[int, int] = {}
    left = set(free)
    for at in wanting:
        side, place = groups[at]
        first = row.seek(barred.get(place, 0))
        while first < len(free) and groups[free[first]][1] == place:
            first = row.seek(first + 1)
        barred[place] = first
        step = row.seek(max(first, walked.get(side, 0)))
        while step < len(free) and not fit(groups[at], groups[free[step]]):
            step = row.seek(step + 1)
        if step < len(free):
            given[at] = free[step]
            left.remove(free[step])
            row.leave(step)
        walked[side] = step
    return [sound for sound in free if sound in left]


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

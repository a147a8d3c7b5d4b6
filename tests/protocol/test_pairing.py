"""Lists whose sounds are hard to hand out: as many as can get one, in steps that grow as the clips do."""

from __future__ import annotations

import random
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.protocol import mending, pairing
from vadd.protocol.mending import Row
from vadd.protocol.pairing import exchange

FILES = {mending.__file__, pairing.__file__}


def crossed(clips, rng):
    """One side and one place hold about half of all clips each, whatever the other; there are many places."""
    sides, places = range(1, 10), range(1, 1 + clips // 5)
    return [(rng.choice((0, rng.choice(sides))), rng.choice((0, rng.choice(places)))) for _ in range(clips)]


def one_place(clips, rng):
    """Most clips are of one place, and of many sides."""
    many = range(1, 1 + clips // 20)
    return [
        (rng.choice(many), 0) if rng.random() < 0.7 else (rng.choice(many), rng.choice(many))
        for _ in range(clips)
    ]


def three_heaps(clips, rng):
    """A third is of one side, a third of one place, a third of both: not all can be served."""
    many = range(1, 1 + clips // 20)
    return [((0, rng.choice(many)), (rng.choice(many), 0), (0, 0))[rng.randrange(3)] for _ in range(clips)]


def star(clips, _rng):
    """Every other clip is of the one side or the one place, and alone in the rest."""
    return [(0, at) if at % 2 else (at, 0) for at in range(clips)]


def steps(groups, order, reuse) -> int:
    """How many lines of the two modules an exchange runs."""
    count = 0

    def line(_frame, event, _arg):
        nonlocal count
        count += event == "line"
        return line

    def call(frame, _event, _arg):
        return line if frame.f_code.co_filename in FILES else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        exchange(groups, order, reuse=reuse)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", [crossed, one_place, three_heaps, star])
@pytest.mark.parametrize("reuse", [1, 3])
def test_steps_grow_as_the_clips_do(kind, reuse):
    counts = []
    for clips in (500, 2000):
        rng = random.Random(1)
        groups, order = kind(clips, rng), list(range(clips))
        rng.shuffle(order)
        counts.append(steps(groups, order, reuse))
    # Four times as many clips: sixteen times the steps if each were compared with each.
    assert counts[1] < 6 * counts[0], counts


@pytest.mark.parametrize("kind", [crossed, one_place, three_heaps, star])
def test_all_who_can_be_served_are(kind):
    """On larger lists than the textbook's way is tried on: a bound that none can pass is reached."""
    rng = random.Random(2)
    groups, order = kind(1200, rng), list(range(1200))
    rng.shuffle(order)
    given_ = exchange(groups, order)
    served = sum(sound is not None for sound in given_)
    assert served >= bound(groups) - 1  # with an odd number one may neither get nor give
    assert exchange(groups, order) == given_


def bound(groups) -> int:
    """More cannot be served (Hall 1935).

    Of side 0 and place 0, only the rest suits; of side 0, only the other sides; of place 0, only the others.
    """
    counts = Counter((side == 0, place == 0) for side, place in groups)
    both, side, place, rest = (counts[kind] for kind in ((1, 1), (1, 0), (0, 1), (0, 0)))
    clips = len(groups)
    return min(
        clips,
        clips - (both - rest),
        clips - (both + side - place - rest),
        clips - (both + place - side - rest),
    )


@given(st.integers(0, 12), st.data())
def test_row(size, data):
    row, taken = Row(size), set(range(size + 1))
    for seat in data.draw(st.permutations(range(size))):
        row.leave(seat)
        taken.remove(seat)
        for start in range(size + 1):
            assert row.seek(start) == min(each for each in taken if each >= start)

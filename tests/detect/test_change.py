"""The change model: against every sequence of states there is, and on clips made by hand."""

from __future__ import annotations

import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vadd.detect import change as model
from vadd.detect.change import Marks, Stretch, foreign_stretches


def marks(
    count: int, turns: dict[int, tuple[float, float]] | None = None, cuts: tuple[int, ...] = ()
) -> Marks:
    """``turns``: second → (strength, seconds from its start)."""
    made = Marks(np.zeros(count, np.float32), np.zeros(count, np.float32), np.zeros(count, np.bool_))
    for second, (strength, behind) in (turns or {}).items():
        made.turn[second], made.turn_at[second] = strength, behind
    made.cut[list(cuts)] = True
    return made


def found(
    log_odds: list[float],
    marked: Marks | None = None,
    *,
    unexplained: list[float] | None = None,
    speaking: list[bool] | None = None,
    duration: Fraction | None = None,
) -> tuple[Stretch, ...]:
    count = len(log_odds)
    return foreign_stretches(
        np.array(log_odds, np.float64),
        np.zeros(count) if unexplained is None else np.array(unexplained, np.float64),
        np.ones(count, np.bool_) if speaking is None else np.array(speaking, np.bool_),
        marked or marks(count),
        Fraction(count) if duration is None else duration,
    )


def seconds(stretches: tuple[Stretch, ...]) -> list[tuple[int, int]]:
    return [(each.seconds.start, each.seconds.stop) for each in stretches]


def worth(log_odds: float, unexplained: float, speaking: bool) -> float:
    """What one second says for a foreign sound."""
    if not speaking:
        return 0.0
    bounded = max(-model.MOST, min(model.MOST, log_odds - model.BIAS))
    return bounded * (1 - model.GENERIC * unexplained) * model.SHARE


def readiness(marked: Marks, at: int) -> float:
    """The probability that the state changes before a second."""
    turn = min(float(marked.turn[at]), model.STRONG)
    odds = model.STAY + model.TURN * turn - model.CUT * bool(marked.cut[at])
    return 1 / (1 + math.exp(-odds))


def likelihood(states: tuple[bool, ...], said: list[float], marked: Marks) -> float:
    """Of a sequence, foreign or not second by second; impossible ones have none."""
    total = math.log(model.BEGINS if states[0] else 1 - model.BEGINS)
    start = 0
    for run_is_foreign, members in itertools.groupby(range(len(states)), key=lambda at: states[at]):
        run = list(members)
        start, stop = run[0], run[-1] + 1
        if start:
            total += math.log(readiness(marked, start))
        # A foreign sound that began within the clip is bound to last, and while it is nothing is decided.
        bound = model.DWELL if run_is_foreign and start else 1
        if len(run) < bound and stop < len(states):
            return -math.inf
        for at in run[bound:]:
            total += math.log(1 - readiness(marked, at))
        if run_is_foreign:
            total += sum(said[start:stop])
    return total


@st.composite
def clips(draw: st.DrawFn):
    count = draw(st.integers(1, 9))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stay = draw(st.sampled_from([0.0, 0.5, 1.0]))
    log_odds = generator.normal(1, 3, count)
    marked = Marks(
        (generator.exponential(0.6, count) * (generator.random(count) < stay)).astype(np.float32),
        generator.uniform(-0.5, 0.45, count).astype(np.float32),
        generator.random(count) < 0.3,
    )
    return log_odds, generator.random(count), generator.random(count) < 0.85, marked


@settings(max_examples=150, deadline=None)
@given(clips())
def test_no_sequence_of_states_is_more_probable(clip):
    log_odds, unexplained, speaking, marked = clip
    count = len(log_odds)
    said = [worth(*each) for each in zip(log_odds, unexplained, speaking, strict=True)]
    every = {
        states: likelihood(states, said, marked) for states in itertools.product((False, True), repeat=count)
    }
    told = seconds(foreign_stretches(log_odds, unexplained, speaking, marked, Fraction(count)))
    # Seconds that say nothing may make several paths as probable; none of them is wrong.
    most = max(every.values())
    best = [states for states, value in every.items() if value > most - 1e-9]
    assert told in [
        [(start, stop) for start, stop in runs(states) if speaking[start:stop].any()] for states in best
    ]


def runs(states: tuple[bool, ...]) -> list[tuple[int, int]]:
    """First and one past the last second of each foreign run."""
    text = "".join("x" if state else "." for state in states)
    return [match.span() for match in re.finditer("x+", text)]


def test_the_enumeration_meets_all_sorts_of_paths():
    """So that agreeing with it means something."""
    generator = np.random.default_rng(0)
    kinds = set()
    for _ in range(300):
        log_odds = generator.normal(1, 4, 9)
        marked = Marks(generator.exponential(0.6, 9), np.zeros(9), np.zeros(9, np.bool_))
        kinds.add(tuple(seconds(found(log_odds.tolist(), marked))))
    assert () in kinds
    assert any(len(each) == 2 for each in kinds)
    assert any(start and stop < 9 for each in kinds for start, stop in each)
    inside = [stop - start for each in kinds for start, stop in each if start and stop < 9]
    assert min(inside) == model.DWELL


OWN, FOREIGN = -3.0, 4.0
TURNED = {6: (1.0, 0.3), 12: (1.2, -0.25)}
SPLICED = [OWN] * 6 + [FOREIGN] * 6 + [OWN] * 8


def test_a_splice_without_a_cut_has_the_ends_of_its_turns():
    (stretch,) = found(SPLICED, marks(20, TURNED))
    assert stretch.seconds == range(6, 12)
    assert (stretch.start, stretch.end) == (Fraction(63, 10), Fraction(1175, 100))
    said = 6 * worth(FOREIGN, 0, True)
    ends = model.EDGE * (1.0 + 1.2)
    around = worth(OWN, 0, True) / model.SHARE
    assert stretch.score == pytest.approx(said + ends - model.REST * around, rel=1e-6)


def test_where_the_turn_is_weak_the_full_second_is_the_end():
    weak = model.CLEAR - 0.01
    (stretch,) = found(SPLICED, marks(20, {6: (weak, 0.3), 12: (model.CLEAR + 0.01, 0.3)}))
    assert (stretch.start, stretch.end) == (6, Fraction(123, 10))


def test_the_same_stretch_between_cuts_scores_lower():
    (spliced,) = found(SPLICED, marks(20, TURNED))
    (edited,) = found(SPLICED, marks(20, TURNED, cuts=(6, 12)))
    assert edited.seconds == spliced.seconds
    # The rest of the clip is in other shots now and takes nothing from the score, nor adds to it.
    assert edited.score == pytest.approx(6 * worth(FOREIGN, 0, True) - 2 * model.TOGETHER)
    (half,) = found(SPLICED, marks(20, TURNED, cuts=(6,)))
    assert edited.score < half.score < spliced.score


def test_a_stretch_stands_out_less_from_a_shot_that_fits_as_badly():
    turned = marks(20, TURNED)
    (alone,) = found(SPLICED, turned)
    (doubtful,) = found([0.7] * 6 + [FOREIGN] * 6 + [0.7] * 8, turned)
    assert doubtful.seconds == alone.seconds
    difference = (worth(0.7, 0, True) - worth(OWN, 0, True)) / model.SHARE
    assert alone.score - doubtful.score == pytest.approx(model.REST * difference)


def test_the_rest_of_other_shots_is_of_no_account():
    turned = marks(20, TURNED, cuts=(15,))
    (one,) = found(SPLICED[:15] + [OWN] * 5, turned)
    (other,) = found(SPLICED[:15] + [0.5] * 5, turned)
    assert one.score == pytest.approx(other.score)


def test_a_stretch_shorter_than_a_foreign_sound_lasts_is_not_told_within_a_clip():
    for length in range(1, model.DWELL):
        outlier = [-9.0] * 6 + [9.0] * length + [-9.0] * 6
        turned = marks(len(outlier), {6: (1.5, 0.0), 6 + length: (1.5, 0.0)})
        assert not [each for each in found(outlier, turned) if len(each.seconds) < model.DWELL]
    last = [-9.0] * 6 + [9.0] * 2
    assert seconds(found(last, marks(8, {6: (1.5, 0.0)}))) == [(6, 8)]
    first = [9.0] * 2 + [-9.0] * 6
    assert seconds(found(first, marks(8, {2: (1.5, 0.0)}))) == [(0, 2)]


def test_a_change_needs_a_reason():
    hinted = [-1.0] * 6 + [2.0] * 3 + [-1.0] * 6
    assert found(hinted) == ()
    assert found(hinted, marks(15, {6: (1.0, 0.0), 9: (1.0, 0.0)}, cuts=(6, 9))) == ()
    assert seconds(found(hinted, marks(15, {6: (1.0, 0.0), 9: (1.0, 0.0)}))) == [(6, 9)]


def test_the_clip_s_own_ends_are_no_turns():
    duration = Fraction(107, 10)
    (stretch,) = found([FOREIGN] * 11, marks(11, {0: (1.5, 0.4)}), duration=duration)
    assert (stretch.start, stretch.end) == (0, duration)
    assert stretch.score == pytest.approx(11 * worth(FOREIGN, 0, True))


def test_a_stretch_to_the_end_has_one_edge():
    (stretch,) = found([OWN] * 8 + [FOREIGN] * 8, marks(16, {8: (1.0, 0.05)}), duration=Fraction(158, 10))
    assert (stretch.start, stretch.end) == (Fraction(805, 100), Fraction(158, 10))
    rest = model.REST * worth(OWN, 0, True) / model.SHARE
    assert stretch.score == pytest.approx(8 * worth(FOREIGN, 0, True) + model.EDGE - rest)


def test_two_stretches_come_in_order():
    twice = [OWN] * 5 + [FOREIGN] * 5 + [OWN] * 5 + [FOREIGN] * 5
    turns = {5: (1.0, 0.1), 10: (1.0, 0.2), 15: (1.0, -0.3)}
    one, two = found(twice, marks(20, turns))
    assert (one.start, one.end) == (Fraction(51, 10), Fraction(102, 10))
    assert (two.start, two.end) == (Fraction(147, 10), 20)


def test_seconds_that_do_not_speak_say_nothing_either_way():
    speaking = [True] * 6 + [False] * 6 + [True] * 8
    assert found(SPLICED, marks(20, TURNED), speaking=speaking) == ()
    gap = [True] * 8 + [False] * 2 + [True] * 10
    for value in (-500.0, 0.0, 500.0):
        log_odds = SPLICED[:8] + [value] * 2 + SPLICED[10:]
        (stretch,) = found(log_odds, marks(20, TURNED), speaking=gap)
        assert stretch.seconds == range(6, 12)
        rest = model.REST * worth(OWN, 0, True) / model.SHARE
        assert stretch.score == pytest.approx(4 * worth(FOREIGN, 0, True) + 2.2 * model.EDGE - rest, rel=1e-6)


def test_generic_sound_says_less():
    (clear,) = found(SPLICED, marks(20, TURNED))
    (generic,) = found(SPLICED, marks(20, TURNED), unexplained=[0.0] * 6 + [0.8] * 6 + [0.0] * 8)
    lost = 6 * (worth(FOREIGN, 0, True) - worth(FOREIGN, 0.8, True))
    assert clear.score - generic.score == pytest.approx(lost)


def test_no_second_is_trusted_without_bounds():
    (sure,) = found([OWN] * 6 + [1e300] * 6 + [OWN] * 8, marks(20, TURNED))
    (bound,) = found([OWN] * 6 + [model.MOST + model.BIAS] * 6 + [OWN] * 8, marks(20, TURNED))
    assert sure.score == bound.score
    assert found([-1e300] * 4) == ()


def test_a_clip_without_seconds_has_no_stretches():
    assert found([]) == ()


def test_one_second():
    assert found([0.0]) == ()
    (stretch,) = found([9.0], duration=Fraction(7, 10))
    assert (stretch.seconds, stretch.start, stretch.end) == (range(1), 0, Fraction(7, 10))
    assert stretch.score == pytest.approx(worth(9.0, 0, True))


def test_a_silent_clip_has_no_stretches():
    turns = dict.fromkeys(range(12), (1.5, 0.0))
    assert found([9.0] * 12, marks(12, turns), speaking=[False] * 12) == ()


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_stretches_lie_in_the_clip_and_apart(count, seed):
    generator = np.random.default_rng(seed)
    marked = Marks(
        generator.exponential(0.7, count).astype(np.float32),
        generator.choice(np.arange(-10, 10) / 20, count).astype(np.float32),
        generator.random(count) < 0.2,
    )
    # The last second of a clip counts from a half on.
    duration = count - Fraction(int(generator.integers(0, 50)), 100)
    stretches = foreign_stretches(
        generator.normal(1, 4, count),
        generator.random(count),
        generator.random(count) < 0.8,
        marked,
        duration,
    )
    times = [time for each in stretches for time in (each.start, each.end)]
    assert all(a < b for a, b in itertools.pairwise(times))
    assert not times or (times[0] >= 0 and times[-1] <= duration)
    for each in stretches:
        assert math.isfinite(each.score)
        assert type(each.score) is float
        assert abs(each.start - each.seconds.start) <= Fraction(1, 2)
    assert all(a.seconds.stop < b.seconds.start for a, b in itertools.pairwise(stretches))

"""Contributions and expectations against plain loops, and what becomes of the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.classify import everyday
from vadd.detect.score import discrepancy
from vadd.detect.verdict import Concept
from vadd.detect.why import EXPECTED_FROM, FLOOR, LEAST, expected_sounds, why

SEEN = ("beach", "road", "room")
HEARD = ("surf", "traffic", "speech", "birds")
GOES_WITH = np.array([[0.8, 0.05, 0.05, 0.1], [0.01, 0.9, 0.05, 0.04], [0.01, 0.04, 0.9, 0.05]])


class Table:
    """A likelihood ratio by a small table, as the everyday model has a large one."""

    def __init__(self) -> None:
        self.calls = 0

    def score(self, seen, heard):
        self.calls += 1
        assert np.allclose(seen.sum(axis=1), 1)
        assert np.allclose(heard.sum(axis=1), 1)
        return -np.log((heard * (seen @ GOES_WITH) / GOES_WITH.mean(axis=0)).sum(axis=1))

    def expected(self, seen):
        return seen @ GOES_WITH


class Everyday:
    def __init__(self) -> None:
        self.model = everyday.load()

    def score(self, seen, heard):
        expectation = self.model.expectation(seen.astype(np.float32))
        return discrepancy(expectation, heard.astype(np.float32), self.model.concepts.generic).discrepancy

    def expected(self, seen):
        return seen @ self.model.concepts.expected


def plain(comparison, seen, heard, seen_words, heard_words):
    """The same in loops over lists."""
    sides = [[float(x) / float(sum(row)) for x in row] for row in (seen.tolist(), heard.tolist())]
    whole = float(comparison.score(np.array([sides[0]]), np.array([sides[1]]))[0])
    found = []
    for side, (name, words) in enumerate((("picture", seen_words), ("sound", heard_words))):
        for at, share in enumerate(sides[side]):
            if share < FLOOR or len(sides[side]) == 1:
                continue
            rest = [0.0 if other == at else x for other, x in enumerate(sides[side])]
            lacking = max(0.0, LEAST - sum(rest))
            for other in range(len(rest)):
                if other != at:
                    rest[other] += lacking / (len(rest) - 1)
            changed = [list(row) for row in sides]
            changed[side] = [x / sum(rest) for x in rest]
            without = float(comparison.score(np.array([changed[0]]), np.array([changed[1]]))[0])
            found.append((name, words[at], share, whole - without))
    return found


def posteriors(count):
    share = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))
    return st.lists(share, min_size=count, max_size=count).filter(any).map(np.array)


@given(posteriors(3), posteriors(4))
def test_contributions_are_those_of_plain_loops(seen, heard):
    found = why(Table(), seen, heard, SEEN, HEARD, most=99)
    expected = plain(Table(), seen, heard, SEEN, HEARD)
    told = {(c.side, c.name): (c.probability, c.effect) for c in found}
    assert told.keys() == {(side, name) for side, name, _, _ in expected}
    for side, name, share, effect in expected:
        assert told[side, name] == pytest.approx((share, effect), abs=1e-9)
    effects = [c.effect for c in found]
    assert effects == sorted(effects, reverse=True)


def test_the_everyday_model_as_in_plain_loops():
    comparison = Everyday()
    concepts = comparison.model.concepts
    rng = np.random.default_rng(3)
    seen = rng.dirichlet(np.full(len(concepts.seen), 0.05)).astype(np.float32)
    heard = rng.dirichlet(np.full(len(concepts.heard), 0.05)).astype(np.float32)
    words = concepts.seen_words, concepts.heard_words
    found = why(comparison, seen, heard, *words, most=99)
    expected = sorted(plain(comparison, seen, heard, *words), key=lambda each: -each[3])
    assert len(found) > 6
    assert [c.effect for c in found] == pytest.approx([each[3] for each in expected], abs=1e-5)


def test_what_does_not_fit_speaks_against_and_what_fits_for():
    comparison = Table()
    found = why(comparison, np.array([0.9, 0.0, 0.1]), np.array([0.3, 0.6, 0.1, 0.0]), SEEN, HEARD)
    assert comparison.calls == 1
    effects = {(c.side, c.name): c.effect for c in found}
    assert found[0].name == "traffic"
    assert effects["sound", "traffic"] > 0 > effects["sound", "surf"]
    assert ("sound", "birds") not in effects


def test_the_greatest_effects_are_kept_whichever_way_they_go():
    seen, heard = np.array([0.9, 0.0, 0.1]), np.array([0.3, 0.5, 0.1, 0.1])
    every = why(Table(), seen, heard, SEEN, HEARD, most=99)
    kept = why(Table(), seen, heard, SEEN, HEARD, most=2)
    assert set(kept) == set(sorted(every, key=lambda c: -abs(c.effect))[:2])
    assert [c.effect for c in kept] == sorted((c.effect for c in kept), reverse=True)
    assert why(Table(), seen, heard, SEEN, HEARD, most=0) == ()


def test_a_concept_alone_is_compared_with_anything_else():
    alone = why(Table(), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0]), SEEN, HEARD)
    effects = {c.side: c.effect for c in alone}
    as_it_is = -math.log(0.05 / GOES_WITH[:, 1].mean())
    elsewhere = GOES_WITH[1:].mean(axis=0)
    assert effects["picture"] == pytest.approx(as_it_is + math.log(elsewhere[1] / GOES_WITH[:, 1].mean()))
    # All but alone is all but the same: nothing jumps where the last trace of another concept goes.
    for trace in (1e-9, 1e-6):
        near = why(Table(), np.array([1.0, trace, 0.0]), np.array([0.0, 1.0, 0.0, 0.0]), SEEN, HEARD)
        assert {c.side: c.effect for c in near} == pytest.approx(effects, abs=1e-3)


def test_the_only_concept_that_there_is_cannot_be_left_out():
    class One:
        def score(self, seen, heard):
            return heard[:, 1]

        def expected(self, seen):
            return np.array([0.5, 0.5])

    found = why(One(), np.array([1.0]), np.array([0.5, 0.5]), ("x",), ("a", "b"))
    assert [c.side for c in found] == ["sound", "sound"]


def test_nothing_is_told_of_a_side_of_which_nothing_is_known():
    some, none = np.array([0.5, 0.5, 0.0]), np.zeros(4)
    assert why(Table(), some, none, SEEN, HEARD) == ()
    assert why(Table(), np.zeros(3), np.full(4, 0.25), SEEN, HEARD) == ()
    assert expected_sounds(Table(), np.zeros(3), SEEN, HEARD) == ()


def test_expected_sounds_are_the_most_probable():
    beach = np.array([2.0, 0.0, 0.0], np.float32)  # brought to a sum of 1
    found = expected_sounds(Table(), beach, SEEN, HEARD)
    assert found[0] == Concept("surf", pytest.approx(0.8))
    assert [c.name for c in found] == ["surf", "birds", "traffic"]
    assert all(c.probability >= EXPECTED_FROM for c in found[1:])
    assert [c.name for c in expected_sounds(Table(), beach, SEEN, HEARD, most=1)] == ["surf"]


def test_a_sound_that_is_expected_anywhere_is_not_named():
    room = np.array([0.0, 0.0, 1.0])
    at_large = np.array([0.1, 0.1, 0.95, 0.01])
    found = expected_sounds(Table(), room, SEEN, HEARD, at_large=at_large)
    assert [c.name for c in found] == ["birds"]
    assert expected_sounds(Table(), room, SEEN, HEARD, at_large=np.ones(4)) == ()


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (np.zeros(4), "shape"),
        (np.array([0.5, np.nan, 0.5]), "finite"),
        (np.array([0.5, -0.1, 0.6]), "not negative"),
        (np.array([0.5, np.inf, 0.5]), "finite"),
    ],
)
def test_what_is_no_posterior_is_refused(seen, told):
    with pytest.raises(ValueError, match=told):
        why(Table(), seen, np.full(4, 0.25), SEEN, HEARD)
    with pytest.raises(ValueError, match=told):
        expected_sounds(Table(), seen, SEEN, HEARD)


@pytest.mark.parametrize("scores", [np.zeros(2), np.array(0.5), None])
def test_a_comparison_that_gives_something_else_is_refused(scores):
    class Broken(Table):
        def score(self, seen, heard):
            return np.full(len(seen), np.nan) if scores is None else scores

    with pytest.raises(ValueError, match="finite scores"):
        why(Broken(), np.full(3, 1 / 3), np.full(4, 0.25), SEEN, HEARD)

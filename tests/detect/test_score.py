"""The score of a second against a computation in plain Python, and what must not change it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vadd.detect.score import GENERIC_WEIGHT, SOURCE_RATIO, discrepancy, smooth, to_unit

RATIOS = st.floats(2**-7, 128, width=32)
SHARES = st.floats(2**-10, 1, width=32)


@st.composite
def seconds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    ratios = draw(hnp.arrays(np.float32, shape, elements=RATIOS))
    shares = draw(hnp.arrays(np.float32, shape, elements=SHARES))
    generic = draw(hnp.arrays(np.bool_, shape[1]))
    return ratios, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32), generic


def by_hand(ratios: list[float], shares: list[float], generic: list[bool]) -> tuple[float, float]:
    above = below = unexplained = 0.0
    for ratio, share, laid_over in zip(ratios, shares, generic, strict=True):
        weight = 0.1 if laid_over and ratio < 1 else 1.0
        above += weight * share * ratio
        below += weight * share
        if laid_over and ratio < 2:
            unexplained += share
    return -math.log(above / below), unexplained


@given(seconds())
def test_against_plain_python(case):
    ratios, shares, generic = case
    got = discrepancy(ratios, shares, generic)
    for at in range(len(ratios)):
        score, unexplained = by_hand(ratios[at].tolist(), shares[at].tolist(), generic.tolist())
        assert got.discrepancy[at] == pytest.approx(score, abs=1e-6)
        assert got.unexplained[at] == pytest.approx(unexplained, abs=1e-6)


@given(seconds())
def test_seconds_do_not_touch_each_other(case):
    ratios, shares, generic = case
    together = discrepancy(ratios, shares, generic)
    backwards = discrepancy(ratios[::-1], shares[::-1], generic)
    assert np.allclose(together.discrepancy, backwards.discrepancy[::-1])


@given(seconds(), st.floats(0.25, 4))
def test_the_loudness_of_the_posterior_does_not_count(case, factor):
    ratios, shares, generic = case
    scaled = (shares * np.float32(factor)).astype(np.float32)
    once, twice = discrepancy(ratios, shares, generic), discrepancy(ratios, scaled, generic)
    assert np.allclose(once.discrepancy, twice.discrepancy, atol=1e-5)
    assert np.allclose(once.unexplained * factor, twice.unexplained, atol=1e-5)


@given(seconds())
def test_a_picture_that_says_nothing_gives_zero(case):
    ratios, shares, generic = case
    assert np.allclose(discrepancy(np.ones_like(ratios), shares, generic).discrepancy, 0, atol=1e-6)


@given(seconds(), st.floats(0.5, 2))
def test_a_ratio_is_a_ratio(case, factor):
    ratios, shares, _ = case
    nothing = np.zeros(ratios.shape[1], np.bool_)
    once = discrepancy(ratios, shares, nothing).discrepancy
    more = discrepancy((ratios * np.float32(factor)).astype(np.float32), shares, nothing).discrepancy
    assert np.allclose(once - math.log(factor), more, atol=1e-5)


def rows(*values: float) -> np.ndarray:
    return np.array([values], np.float32)


def test_an_unexpected_generic_sound_counts_a_tenth():
    ratios, shares, generic = rows(0.5, 0.2), rows(0.6, 0.4), np.array([True, False])
    likelihood = (0.06 * 0.5 + 0.4 * 0.2) / (0.06 + 0.4)
    assert discrepancy(ratios, shares, generic).discrepancy[0] == pytest.approx(-math.log(likelihood))
    assert GENERIC_WEIGHT == 0.1


@pytest.mark.parametrize(
    ("ratio", "weight", "unexplained"),
    [(0.999, 0.1, 0.75), (1.0, 1, 0.75), (1.999, 1, 0.75), (2.0, 1, 0.0), (9.0, 1, 0.0)],
)
def test_where_a_generic_sound_counts_and_where_it_has_a_source(ratio, weight, unexplained):
    got = discrepancy(rows(ratio, 0.25), rows(0.75, 0.25), np.array([True, False]))
    ratio = float(np.float32(ratio))
    likelihood = (weight * 0.75 * ratio + 0.25 * 0.25) / (weight * 0.75 + 0.25)
    assert got.discrepancy[0] == pytest.approx(-math.log(likelihood), abs=1e-6)
    assert got.unexplained[0] == pytest.approx(unexplained)
    assert SOURCE_RATIO == 2.0


def test_a_generic_sound_alone_is_scored_but_all_unexplained():
    got = discrepancy(rows(0.5, 3), rows(1, 0), np.array([True, False]))
    assert got.discrepancy[0] == pytest.approx(math.log(2))
    assert got.unexplained[0] == 1


def test_an_impossible_sound_is_finite():
    got = discrepancy(rows(0, 1), rows(1, 0), np.array([False, False]))
    assert 50 < got.discrepancy[0] < 100
    assert to_unit(got.discrepancy[0]) == pytest.approx(1)


def test_a_sound_of_which_nothing_is_known_is_neither_and_unexplained():
    got = discrepancy(rows(5, 1), rows(0, 0), np.array([False, False]))
    assert (got.discrepancy[0], got.unexplained[0]) == (0, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1])
@pytest.mark.parametrize("place", [0, 1])
def test_nonsense_is_refused(bad, place):
    arrays = [rows(1, 2), rows(0.5, 0.5)]
    arrays[place][0, 1] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        discrepancy(*arrays, np.array([False, True]))


@pytest.mark.parametrize(
    ("expectation", "heard", "generic"), [((2, 3), (2, 4), 3), ((2, 3), (1, 3), 3), ((2, 3), (2, 3), 2)]
)
def test_shapes_that_do_not_fit_are_refused(expectation, heard, generic):
    with pytest.raises(ValueError, match="shapes differ"):
        discrepancy(np.ones(expectation, np.float32), np.ones(heard, np.float32), np.zeros(generic, np.bool_))


@given(
    st.integers(0, 6).flatmap(
        lambda length: st.tuples(
            hnp.arrays(np.float32, (length, 3), elements=st.floats(0, 1, width=32)),
            hnp.arrays(np.bool_, length),
        )
    )
)
def test_smoothing_against_a_naive_loop(case):
    posteriors, present = case
    got = smooth(posteriors, present)
    assert got.shape == posteriors.shape
    assert got.dtype == np.float32
    for second in range(len(posteriors)):
        near = [at for at in (second - 1, second, second + 1) if 0 <= at < len(present) and present[at]]
        want = np.mean([posteriors[at] for at in near], axis=0) if near else np.zeros(3)
        assert np.allclose(got[second], want, atol=1e-6)


def test_smoothing_leaves_its_input_alone():
    posteriors, present = np.eye(3, dtype=np.float32), np.array([True, False, True])
    smooth(posteriors, present)
    assert np.array_equal(posteriors, np.eye(3))


@given(st.floats(-60, 60))
def test_a_unit_score_is_one_over_one_plus_the_ratio(value):
    assert to_unit(value) == pytest.approx(1 / (1 + math.exp(-value)))
    assert to_unit(value) + to_unit(-value) == pytest.approx(1)
    assert 0 <= to_unit(value) <= 1


def test_half_says_neither():
    assert to_unit(0.0) == 0.5
    assert to_unit(-1.0) < 0.5 < to_unit(1.0)

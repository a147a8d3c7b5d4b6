"""What the score of a stretch means, and that the threshold keeps its promise."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect.span_calibration import SpanCalibration

#: 99 clips of half a minute whose scores are 1 to 99.
HUNDRED = SpanCalibration(own=tuple(map(float, range(1, 100))), seconds=30.0, slope=0.5, intercept=-5.0)


def learnt(own, seconds: float = 30.0) -> SpanCalibration:
    return SpanCalibration(own=tuple(sorted(map(float, own))), seconds=seconds, slope=0.5, intercept=-5.0)


@pytest.mark.parametrize(
    ("rate", "want"), [(0.01, 99), (0.1, 90), (0.25, 75), (0.5, 50), (0.99, 1), (0.999, 1)]
)
@pytest.mark.parametrize("duration", [Fraction(1), Fraction(20), Fraction(30)])
def test_the_threshold_by_hand(rate, want, duration):
    assert HUNDRED.threshold(rate, duration) == want


def test_a_longer_clip_is_as_many_as_fit():
    # Each of two clips may be told at 1 - sqrt(0.81) = 0.1, each of three at 1 - 0.729 ** (1 / 3).
    assert HUNDRED.threshold(0.19, Fraction(60)) == HUNDRED.threshold(0.1, Fraction(30)) == 90
    assert HUNDRED.threshold(0.271, Fraction(90)) == 90


@given(
    st.lists(st.floats(0, 50), min_size=3, max_size=60, unique=True),
    st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5, 0.9]),
)
def test_of_exchangeable_clips_no_more_are_told_than_was_asked_for(scores, rate):
    # Each of them in turn is the new clip: the promise holds of them together, not by chance.
    told = sum(
        score > learnt(scores[:at] + scores[at + 1 :]).threshold(rate, Fraction(30))
        for at, score in enumerate(scores)
    )
    if rate * len(scores) >= 1:
        assert told <= rate * len(scores) + 1e-9


@pytest.mark.parametrize("fits", [1, 2, 5])
def test_the_rate_by_simulation(fits):
    generator = np.random.default_rng(fits)
    rate, told = 0.1, []
    for _ in range(400):
        calibrated = learnt(np.maximum(0, generator.gumbel(1, 2, 299)))
        fresh = np.maximum(0, generator.gumbel(1, 2, (200, fits))).max(axis=1)
        told.append(float((fresh > calibrated.threshold(rate, Fraction(30 * fits))).mean()))
    assert 0.08 < np.mean(told) < rate + 0.005


def test_the_rate_of_an_exponential_tail_by_simulation():
    generator = np.random.default_rng(0)
    rate, told = 0.1, []
    for _ in range(400):
        calibrated = learnt(generator.exponential(3, 99))
        fresh = generator.exponential(3, (100, 60)).max(axis=1)
        # One in 570 for each of sixty: more than 99 clips can promise.
        told.append(float((fresh > calibrated.threshold(rate, Fraction(30 * 60))).mean()))
    assert 0.05 < np.mean(told) < 0.15


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=40),
    st.floats(0.001, 0.999),
    st.floats(0.001, 0.999),
    st.integers(1, 10_000),
    st.integers(1, 10_000),
)
def test_lower_rates_and_longer_clips_never_lower_the_threshold(scores, one, other, short, long):
    calibrated = learnt(scores)
    low, high = sorted((one, other))
    assert calibrated.threshold(low, Fraction(short)) >= calibrated.threshold(high, Fraction(short))
    short, long = sorted((short, long))
    assert calibrated.threshold(low, Fraction(long)) >= calibrated.threshold(low, Fraction(short))


def test_where_clips_are_too_few_the_tail_goes_on():
    calibrated = HUNDRED
    thresholds = [calibrated.threshold(rate, Fraction(30)) for rate in (0.01, 1e-3, 1e-4, 1e-5, 1e-6)]
    assert thresholds[0] == 99
    assert all(a < b for a, b in pairwise(thresholds))
    # As an exponential one from the median on: ten times rarer is as much further every time.
    steps = [b - a for a, b in pairwise(thresholds[1:])]
    scale = 2 * sum(range(50)) / 99
    assert steps == pytest.approx([scale * math.log(10)] * 3)
    assert thresholds[1] == pytest.approx(50 + scale * math.log(0.5 / 1e-3))
    assert calibrated.threshold(0.1, Fraction(30 * 100)) > calibrated.threshold(0.1, Fraction(30 * 20)) > 99


def test_clips_without_stretches_have_a_threshold_of_0():
    calibrated = learnt([0.0] * 20)
    assert calibrated.threshold(0.1, Fraction(30)) == 0
    assert calibrated.threshold(0.001, Fraction(300)) == 0


def test_probability_is_the_curve_and_no_surer_than_the_clips():
    assert HUNDRED.probability(10) == pytest.approx(0.5)
    assert HUNDRED.probability(12) == pytest.approx(1 / (1 + math.exp(-1)))
    assert HUNDRED.probability(0) == HUNDRED.probability(-1e9) == pytest.approx(0.01)
    assert HUNDRED.probability(1e9) == pytest.approx(0.99)


@pytest.mark.parametrize(
    "wrong",
    [
        {"own": ()},
        {"own": (1.0, 0.5)},
        {"own": (0.0, math.nan)},
        {"own": (0.0, math.inf)},
        {"own": (-math.inf, 0.0)},
        {"seconds": 0.0},
        {"seconds": -1.0},
        {"seconds": math.nan},
        {"seconds": math.inf},
        {"slope": 0.0},
        {"slope": -1.0},
        {"slope": math.nan},
        {"slope": math.inf},
        {"intercept": math.nan},
        {"intercept": -math.inf},
    ],
    ids=lambda wrong: str(wrong).strip("{}"),
)
def test_what_is_no_calibration_is_refused(wrong):
    good = {"own": (0.0, 1.0), "seconds": 30.0, "slope": 1.0, "intercept": 0.0}
    SpanCalibration(**good)
    with pytest.raises(ValueError, match=r"scores of untouched clips are sorted|finite numbers"):
        SpanCalibration(**{**good, **wrong})

"""The figures of the benchmarks against explicit counts."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sklearn", reason="the benchmarks stand on scikit-learn, which the package does not need")

SPEC = importlib.util.spec_from_file_location(
    "measures", Path(__file__).parents[2] / "benchmarks" / "measures.py"
)
measures = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(measures)

#: Few values, so that there are ties.
SCORES = st.integers(-4, 4).map(float)
WEIGHTS = st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0])
SIDE = st.lists(st.tuples(SCORES, WEIGHTS), min_size=1, max_size=12)


def columns(side: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    scores, weights = zip(*side, strict=True)
    return np.array(scores), np.array(weights)


def pairs(own: list[tuple[float, float]], other: list[tuple[float, float]]) -> float:
    """Weighted share of pairs in which the foreign score lies above; half where they are alike."""
    won = total = 0.0
    for mine, weight in own:
        for theirs, factor in other:
            total += weight * factor
            won += weight * factor * (1.0 if theirs > mine else 0.5 if theirs == mine else 0.0)
    return won / total


def most_caught(own: list[tuple[float, float]], other: list[tuple[float, float]], rate: float) -> float:
    """Best catch of all thresholds among the own scores that no more than ``rate`` of them exceed."""
    best = 0.0
    for threshold, _ in own:
        alarms = sum(w for score, w in own if score > threshold) / sum(w for _, w in own)
        if alarms <= rate + 1e-12:
            hit = sum(w for score, w in other if score > threshold) / sum(w for _, w in other)
            best = max(best, hit)
    return best


@given(SIDE, SIDE)
def test_area_against_an_explicit_count_of_pairs(own, other):
    (mine, my_weight), (theirs, their_weight) = columns(own), columns(other)
    got = measures.auc(mine, theirs, my_weight, their_weight)
    assert got == pytest.approx(pairs(own, other), abs=1e-9)


@given(SIDE, SIDE)
def test_area_without_weights(own, other):
    even = [(score, 1.0) for score, _ in own], [(score, 1.0) for score, _ in other]
    got = measures.auc(columns(own)[0], columns(other)[0])
    assert got == pytest.approx(pairs(*even), abs=1e-9)


def test_area_of_what_is_far_apart():
    assert measures.auc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1
    assert measures.auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0


@given(SIDE, SIDE, st.sampled_from([0.0, 0.05, 0.1, 0.25, 0.5, 0.9]))
def test_caught_against_all_thresholds(own, other, rate):
    (mine, my_weight), (theirs, their_weight) = columns(own), columns(other)
    got = measures.caught(mine, theirs, rate, my_weight, their_weight)
    assert got == pytest.approx(most_caught(own, other, rate), abs=1e-9)


def test_clips_that_were_not_drawn_have_no_say():
    own, other = np.array([5.0, 1.0, 0.0]), np.array([2.0, 9.0])
    weight = np.array([0.0, 1.0, 1.0])
    assert measures.caught(own, other, 0.1, weight, np.array([1.0, 1.0])) == 1
    assert measures.caught(own, other, 0.1, weight, np.array([1.0, 0.0])) == 1
    assert measures.auc(own, other, weight, np.array([1.0, 1.0])) == 1


def test_the_interval_is_that_of_a_mean():
    rng = np.random.default_rng(3)
    values = rng.normal(10, 2, 400)
    value, low, high = measures.over_clips(
        lambda drawn: float(np.average(values, weights=drawn)), len(values)
    )
    assert value == pytest.approx(values.mean())
    error = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - error, abs=error / 5)
    assert high == pytest.approx(values.mean() + error, abs=error / 5)


def test_every_draw_is_of_all_clips_and_the_same_each_time():
    draws: list[np.ndarray] = []

    def figure(drawn: np.ndarray) -> float:
        draws.append(drawn)
        return float(drawn[0])

    first = measures.over_clips(figure, 7, draws=20, seed=4)
    assert all(drawn.shape == (7,) and drawn.sum() == 7 for drawn in draws)
    assert len({drawn.tobytes() for drawn in draws}) > 10
    assert measures.over_clips(figure, 7, draws=20, seed=4) == first


def test_a_draw_without_a_figure_is_left_out():
    value, low, high = measures.over_clips(lambda drawn: math.nan if drawn[0] == 0 else 2.0, 3, draws=50)
    assert (value, low, high) == (2.0, 2.0, 2.0)

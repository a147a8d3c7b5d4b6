"""What every scorer keeps to, and what each one gives, against sums written out by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.classify.vote import fold
from vadd.detect.score import to_unit
from vadd.detect.scorers import SCORERS, Graded, scorer
from vadd.errors import UsageError
from vadd.scenes import INDOOR_OUTDOOR_VEHICLE, TAU

every = pytest.mark.parametrize("name", SCORERS)
GRADED = Graded()


def posteriors(seed: int, seconds: int = 10, scenes: int = 10, sharp: float = 4.0) -> np.ndarray:
    logits = sharp * np.random.default_rng(seed).normal(size=(seconds, scenes))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def sure(*scenes: int, of: int = 10) -> np.ndarray:
    return np.eye(of, dtype=np.float32)[list(scenes)]


@every
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(2, 10), st.sampled_from([0.1, 2.0, 50.0]))
def test_scores_are_in_their_bounds(name, seed, seconds, scenes, sharp):
    one, other = (posteriors(s, seconds, scenes, sharp) for s in (seed, seed + 1))
    low, high = SCORERS[name].bounds(scenes)
    score = SCORERS[name](one, other)
    assert type(score) is float
    assert low - 1e-9 <= score <= high + 1e-9
    assert 0 <= to_unit(score) <= 1


@every
def test_the_bounds_are_reached(name):
    low, high = SCORERS[name].bounds(10)
    assert SCORERS[name](sure(3, 3), sure(3, 3)) == pytest.approx(low)
    assert SCORERS[name](sure(3, 3), sure(4, 4)) == pytest.approx(high)


@every
@given(st.integers(0, 10**6))
def test_seconds_and_scenes_in_any_order(name, seed):
    one, other = posteriors(seed), posteriors(seed + 1)
    rng = np.random.default_rng(seed)
    score = SCORERS[name](one, other)
    seconds, scenes = rng.permutation(10), rng.permutation(10)
    assert SCORERS[name](one[seconds], other[seconds]) == pytest.approx(score, abs=1e-9)
    assert SCORERS[name](one[:, scenes], other[:, scenes]) == pytest.approx(score, abs=1e-9)
    if SCORERS[name].symmetric:
        assert SCORERS[name](other, one) == pytest.approx(score, abs=1e-9)


@every
@given(st.integers(0, 10**6))
def test_alike_scores_less_than_opposed(name, seed):
    one = posteriors(seed)
    alike = SCORERS[name](one, one.copy())
    assert alike <= SCORERS[name].alike + 1e-9
    assert SCORERS[name](sure(1, 1, 1), sure(2, 2, 2)) > alike


@every
@pytest.mark.parametrize("wrong", [
    np.full((3, 10), np.nan), np.full((3, 10), np.inf), np.zeros((3, 10)), np.full((3, 10), 0.2),
    np.zeros((0, 10)), np.full(10, 0.1), np.ones((3, 1)), np.full((2, 10), 0.1),
    np.tile([1.5, -0.5, *[0] * 8], (3, 1)),
])  # fmt: skip
def test_what_is_no_posterior_is_refused(name, wrong):
    right = np.full((3, 10), 0.1)
    with pytest.raises(ValueError, match="poster"):
        SCORERS[name](wrong, wrong if wrong.shape != (2, 10) else right)
    if wrong.shape == right.shape:
        with pytest.raises(ValueError, match="poster"):
            SCORERS[name](right, wrong)


@every
def test_ten_scenes_are_scored_as_three(name):
    """Two scenes that are both vehicles agree once they are folded."""
    bus, tram = sure(1, 1), sure(9, 9)
    folded = [fold(rows, TAU, INDOOR_OUTDOOR_VEHICLE) for rows in (bus, tram)]
    assert SCORERS[name](bus, tram) == pytest.approx(SCORERS[name].bounds(10)[1])
    assert SCORERS[name](*folded) == pytest.approx(SCORERS[name].bounds(3)[0])


def test_the_names():
    assert list(SCORERS) == ["hard", "seconds", "graded", "divergence"]
    assert scorer("hard") is SCORERS["hard"]
    with pytest.raises(UsageError, match="no scorer 'soft'; the scorers are hard, seconds"):
        scorer("soft")


@given(st.integers(0, 10**6))
def test_hard_and_seconds_by_counting(seed):
    one, other = posteriors(seed, scenes=3, sharp=1), posteriors(seed + 7, scenes=3, sharp=1)
    named = [[max(range(3), key=lambda c, row=row: row[c]) for row in rows] for rows in (one, other)]
    winners = []
    for rows, votes in zip((one, other), named, strict=True):
        most = max(Counter(votes).values())
        tied = [scene for scene, count in Counter(votes).items() if count == most]
        winners.append(max(tied, key=lambda c, rows=rows: math.fsum(rows[:, c])))
    assert SCORERS["hard"](one, other) == float(winners[0] != winners[1])
    differing = sum(a != b for a, b in zip(*named, strict=True))
    assert SCORERS["seconds"](one, other) == pytest.approx(differing / 10)


@given(st.integers(0, 10**6), st.floats(0.001, 0.5))
def test_graded_by_summing_over_scenes(seed, doubt):
    one, other = posteriors(seed, 4, 5), posteriors(seed + 1, 4, 5)
    prior = np.random.default_rng(seed).dirichlet(np.ones(5) * 5)
    seen, heard = ((1 - doubt) * rows.astype(float) + doubt * prior for rows in (one, other))
    ratio = [sum(seen[t, c] * heard[t, c] / prior[c] for c in range(5)) for t in range(4)]
    graded = Graded(doubt, tuple(prior))
    np.testing.assert_allclose(graded.seconds(one, other), -np.log(ratio), rtol=1e-5, atol=1e-6)
    means = seen.mean(axis=0), heard.mean(axis=0)
    whole = sum(means[0][c] * means[1][c] / prior[c] for c in range(5))
    assert graded(one, other) == pytest.approx(-math.log(whole), rel=1e-5, abs=1e-6)
    assert to_unit(graded(one, other)) == pytest.approx(1 / (1 + whole), rel=1e-5)


def test_graded_says_neither_where_nothing_is_known():
    flat, known = np.full((2, 10), 0.1), sure(1, 2)
    assert GRADED(flat, known) == pytest.approx(0, abs=1e-12)
    gaps = np.array([known[0], np.zeros(10)])
    assert GRADED.seconds(gaps, known).tolist() == [GRADED.bounds(10)[0], 0]
    # A single second that is surely wrong cannot outweigh nine that are surely right.
    one, other = sure(*[3] * 10), sure(*[3] * 9, 4)
    assert GRADED.seconds(one, other).mean() < -1


@pytest.mark.parametrize("arguments", [(0,), (1,), (float("nan"),), (0.1, (0.5, 0.6)), (0.1, (1.0, 0.0))])
def test_graded_refuses_wrong_settings(arguments):
    with pytest.raises(ValueError, match=r"doubt|prior"):
        Graded(*arguments)
    with pytest.raises(ValueError, match="prior is of 2"):
        Graded(0.1, (0.5, 0.5))(sure(1), sure(1))


@given(st.integers(0, 10**6))
def test_divergence_by_entropies(seed):
    one, other = posteriors(seed).astype(float), posteriors(seed + 1).astype(float)

    def entropy(shares: np.ndarray) -> float:
        return -sum(share * math.log2(share) for share in shares if share > 0)

    seen, heard = one.mean(axis=0), other.mean(axis=0)
    want = entropy((seen + heard) / 2) - (entropy(seen) + entropy(heard)) / 2
    assert SCORERS["divergence"](one, other) == pytest.approx(want, abs=1e-6)

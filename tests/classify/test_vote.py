"""One answer from the posteriors of a clip's seconds."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.classify.vote import fold, mean_posterior, votes, winner
from vadd.errors import ModelError
from vadd.scenes import INDOOR_OUTDOOR, INDOOR_OUTDOOR_VEHICLE, TAU


def test_most_seconds_win_over_the_surest() -> None:
    posteriors = np.array([[0.6, 0.4, 0.0]] * 3 + [[0.0, 0.0, 1.0]] * 2)
    assert votes(posteriors).tolist() == [3, 0, 2]
    assert winner(posteriors) == 0
    # The mean says otherwise: (0.36, 0.24, 0.4).
    assert mean_posterior(posteriors).argmax() == 2


def test_a_tie_is_broken_by_the_mean_among_the_tied_alone() -> None:
    posteriors = np.array([[0.51, 0.49, 0.0], [0.51, 0.49, 0.0], [0.0, 0.45, 0.55], [0.0, 0.45, 0.55]])
    # Scene 1 has the greatest mean (0.47) and no vote; of the tied, 2 (0.275) stands above 0 (0.255).
    assert mean_posterior(posteriors).argmax() == 1
    assert votes(posteriors).tolist() == [2, 0, 2]
    assert winner(posteriors) == 2


def test_a_tie_of_means_too_goes_to_the_first() -> None:
    assert winner(np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])) == 1


@given(st.integers(1, 12), st.integers(2, 10), st.integers(0, 2**32 - 1))
def test_the_vote_is_what_counting_by_hand_gives(seconds: int, scenes: int, seed: int) -> None:
    posteriors = np.random.default_rng(seed).dirichlet(np.ones(scenes), seconds)
    counted = Counter(max(range(scenes), key=list(row).__getitem__) for row in posteriors.tolist())
    sums = [sum(row[i] for row in posteriors.tolist()) for i in range(scenes)]
    assert winner(posteriors) == max(counted, key=lambda i: (counted[i], sums[i]))
    assert winner(posteriors[::-1]) == winner(posteriors)


@pytest.mark.parametrize("shape", [(3,), (0, 3), (3, 0), (1, 2, 3)])
def test_what_is_no_clip_is_refused(shape: tuple[int, ...]) -> None:
    for function in (votes, mean_posterior, winner):
        with pytest.raises(ValueError, match="seconds, scenes"):
            function(np.zeros(shape))


def test_a_value_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not finite"):
        winner(np.array([[0.5, np.nan]]))


def test_folding_sums_what_belongs_together() -> None:
    posteriors = np.random.default_rng(0).dirichlet(np.ones(10), (4, 6))
    three = fold(posteriors, TAU, INDOOR_OUTDOOR_VEHICLE)
    assert three.shape == (4, 6, 3)
    vehicles = posteriors[..., [TAU.index(scene) for scene in ("bus", "metro", "tram")]].sum(axis=-1)
    np.testing.assert_allclose(three[..., 2], vehicles, rtol=1e-12)
    np.testing.assert_allclose(three.sum(axis=-1), 1, rtol=1e-12)


def test_folding_to_two_is_given_that_it_is_no_vehicle() -> None:
    posteriors = np.random.default_rng(1).dirichlet(np.ones(10), 5)
    two = fold(posteriors, TAU, INDOOR_OUTDOOR)
    three = fold(posteriors, TAU, INDOOR_OUTDOOR_VEHICLE)
    np.testing.assert_allclose(two, three[:, :2] / three[:, :2].sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(two, fold(three, INDOOR_OUTDOOR_VEHICLE, INDOOR_OUTDOOR), rtol=1e-12)


def test_a_sure_vehicle_says_nothing_of_indoor_or_outdoor() -> None:
    tram = np.eye(10)[[TAU.index("tram")]]
    np.testing.assert_array_equal(fold(tram, TAU, INDOOR_OUTDOOR), [[0.5, 0.5]])


def test_folding_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="need 10 columns"):
        fold(np.ones((2, 3)) / 3, TAU, INDOOR_OUTDOOR)
    with pytest.raises(ModelError, match="no map"):
        fold(np.ones((2, 2)) / 2, INDOOR_OUTDOOR, TAU)

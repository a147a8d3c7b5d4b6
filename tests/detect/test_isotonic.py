"""The monotone curve against that of another library."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect.isotonic import fit_steps

scores = st.lists(st.integers(-6, 6).map(lambda value: value / 2), min_size=1, max_size=40)


def independent(own, swapped, at):
    from sklearn.isotonic import IsotonicRegression

    weight = np.repeat([0.5 / len(own), 0.5 / len(swapped)], [len(own), len(swapped)])
    truth = np.repeat([0.0, 1.0], [len(own), len(swapped)])
    fitted = IsotonicRegression(out_of_bounds="clip").fit([*own, *swapped], truth, sample_weight=weight)
    return fitted.predict(at)


@given(scores, scores)
def test_the_steps_are_those_of_another_library(own, swapped):
    steps = fit_steps(own, swapped)
    known, shares = np.array(steps).T
    assert (np.diff(known) > 0).all()
    assert (np.diff(shares) >= 0).all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    at = np.linspace(-4, 4, 33)
    np.testing.assert_allclose(np.interp(at, known, shares), independent(own, swapped, at), atol=1e-9)


def test_scores_that_overlap_nowhere_jump():
    assert fit_steps([1.0, 2.0], [3.0]) == ((1.0, 0.0), (2.0, 0.0), (3.0, 1.0))


def test_all_alike_is_one_step():
    assert fit_steps([1.0] * 3, [1.0]) == ((1.0, 0.5),)


@pytest.mark.parametrize(("own", "swapped"), [([], [1.0]), ([1.0], []), ([float("inf")], [1.0])])
def test_no_scores_at_all(own, swapped):
    with pytest.raises(ValueError, match="finite scores"):
        fit_steps(own, swapped)

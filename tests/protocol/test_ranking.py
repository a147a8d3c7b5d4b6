"""Figures of an order, beside scikit-learn's, under weights and with ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from vadd.protocol.ranking import RANK_FIGURES, Ranking


def by_sklearn(scores, manipulated, weights):
    """The same figures; the two that scikit-learn lacks from its curve."""
    false, true, _ = roc_curve(manipulated, scores, sample_weight=weights, drop_intermediate=False)
    at = int(np.flatnonzero(false >= 1 - true - 1e-12)[0])  # misses and false alarms cross before this point
    (x0, y0), (x1, y1) = (false[at - 1], 1 - true[at - 1]), (false[at], 1 - true[at])
    cross = (y0 - x0) / ((x1 - x0) + (y0 - y1))
    return [
        roc_auc_score(manipulated, scores, sample_weight=weights),
        average_precision_score(manipulated, scores, sample_weight=weights),
        x0 + cross * (x1 - x0),
        false[np.flatnonzero(true >= 0.95 - 1e-12)[0]],
    ]


@given(st.integers(2, 400), st.integers(0, 3), st.integers(1, 9), st.booleans(), st.integers(0, 2**32 - 1))
def test_equal_to_scikit_learn(count, digits, groups, weighted, seed):
    rng = np.random.default_rng(seed)
    manipulated = rng.random(count) < 0.4
    manipulated[:2] = True, False
    scores = np.round(rng.normal(size=count) + manipulated, digits)
    group = rng.integers(groups, size=count)
    weights = rng.integers(0, 4, size=groups).astype(np.float64)
    each = weights[group] if weighted else np.ones(count)
    found = Ranking(scores, manipulated, group).figures(weights if weighted else None)
    if not each[manipulated].sum() or not each[~manipulated].sum():
        assert np.isnan(found).all()
        return
    counts = each > 0
    wanted = by_sklearn(scores[counts], manipulated[counts], each[counts])
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_without_a_score_below_all():
    manipulated = np.array([True, True, False, False])
    group = np.zeros(4, np.int64)
    found = Ranking(np.array([np.nan, 2.0, -9.0, 1.0]), manipulated, group).figures()
    wanted = Ranking(np.array([-99.0, 2.0, -9.0, 1.0]), manipulated, group).figures()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("truth", [[], [True], [False, False]])
def test_one_kind_has_no_figures(truth):
    manipulated = np.array(truth, np.bool_)
    found = Ranking(np.zeros(len(truth)), manipulated, np.zeros(len(truth), np.int64)).figures()
    assert np.isnan(found).all()
    assert len(found) == len(RANK_FIGURES)


def test_perfect_and_blind():
    manipulated = np.array([True, False] * 50)
    group = np.arange(100)
    assert Ranking(manipulated * 1.0, manipulated, group).figures().tolist() == [1, 1, 0, 0]
    assert Ranking(np.zeros(100), manipulated, group).figures().tolist() == [0.5, 0.5, 0.5, 1]

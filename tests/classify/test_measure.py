"""Figures of posteriors, against scikit-learn and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, log_loss, roc_auc_score

from vadd.classify.match import area
from vadd.classify.measure import calibration_error, confusion, interval, most_confused, score


def clips(count=40, scenes=4, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, scenes, count)
    answers = []
    for scene in truth:
        logits = rng.normal(0, 1, (rng.integers(1, 6), scenes))
        logits[:, scene] += 1
        shares = np.exp(logits)
        answers.append((shares / shares.sum(axis=1, keepdims=True)).astype(np.float32))
    return answers, truth


def test_score_against_scikit_learn():
    answers, truth = clips()
    found = score(answers, truth)
    means = np.stack([each.astype(np.float64).mean(axis=0) for each in answers])
    assert found.log_loss == pytest.approx(
        log_loss(truth, means / means.sum(axis=1, keepdims=True), labels=range(4)), rel=1e-5
    )
    assert found.by_mean == pytest.approx(np.mean(means.argmax(axis=1) == truth))
    seconds = np.concatenate([each.argmax(axis=1) for each in answers])
    owners = np.repeat(truth, [len(each) for each in answers])
    assert found.by_second == pytest.approx(np.mean(seconds == owners))
    matrix = confusion(truth, found.answers, 4)
    assert (matrix == confusion_matrix(truth, found.answers, labels=range(4))).all()
    assert np.trace(matrix) / len(truth) == pytest.approx(found.by_vote)


def test_calibration_error_by_hand():
    # Two clips in the bin of 0.9 of which one is right, one in the bin of 0.6 that is right.
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert calibration_error(shares, np.array([0, 1, 1])) == pytest.approx((abs(1.8 - 1) + 0.4) / 3)
    assert calibration_error(np.eye(3), np.arange(3)) == 0


def test_most_confused_counts_both_directions():
    matrix = np.array([[5, 2, 0], [3, 5, 0], [1, 0, 5]])
    assert most_confused(matrix, ("a", "b", "c")) == [("a", "b", 5), ("a", "c", 1)]
    assert most_confused(matrix, ("a", "b", "c"), most=1) == [("a", "b", 5)]


def test_interval_draws_whole_groups():
    values = np.repeat([1.0, 0.0], 50)
    alone = interval(values, [str(at) for at in range(100)])
    grouped = interval(values, ["x"] * 50 + ["y"] * 50)
    assert grouped == (0.0, 1.0)
    assert 0.38 < alone[0] < 0.44 < 0.56 < alone[1] < 0.62
    assert interval(values, ["x"] * 100) == (0.5, 0.5)
    assert interval(values, [str(at) for at in range(100)]) == alone


def test_area_counts_ties_half():
    rng = np.random.default_rng(3)
    own, foreign = rng.integers(0, 5, 30) / 5, rng.integers(1, 6, 40) / 5
    truth = np.repeat([0, 1], [30, 40])
    assert area(own, foreign) == pytest.approx(roc_auc_score(truth, np.concatenate([own, foreign])))


def test_nothing_to_score():
    with pytest.raises(ValueError, match="0 clips"):
        score([], np.zeros(0, np.int64))

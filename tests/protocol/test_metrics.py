"""F1, thresholds and bounds, against scikit-learn and against trying everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from vadd.protocol.baselines import EVERYTHING, HALF, NOTHING, blind, by_chance
from vadd.protocol.metrics import best_threshold, detection, f1_interval, f1_score, least_f1

cases = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=1, max_size=30)


def arrays(case):
    return np.array([truth for truth, _ in case]), np.array([score / 2 for _, score in case])


@given(cases, st.integers(-4, 4))
def test_as_scikit_learn_has_them(case, threshold):
    truth, scores = arrays(case)
    flagged = scores > threshold / 2
    found = detection(truth, flagged, scores)
    expected = {
        "f1": sk.f1_score(truth, flagged, zero_division=0),
        "precision": sk.precision_score(truth, flagged, zero_division=0),
        "recall": sk.recall_score(truth, flagged, zero_division=0),
        "accuracy": sk.accuracy_score(truth, flagged),
    }
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected)
    if truth.all() or not truth.any():
        assert found.area is None
    else:
        assert found.area == pytest.approx(sk.roc_auc_score(truth, scores))
    assert detection(truth, flagged).area is None
    counts = (found.rejections, found.false_alarms, found.misses, found.hits)
    assert counts == tuple(sk.confusion_matrix(truth, flagged, labels=[False, True]).ravel())


@given(cases)
def test_the_best_threshold_is_the_best(case):
    truth, scores = arrays(case)
    if not truth.any():
        with pytest.raises(ValueError, match="manipulated clips"):
            best_threshold(truth, scores)
        return
    found = best_threshold(truth, scores)
    tried = [x / 4 - 0.125 for x in range(-12, 13)]
    f1 = {each: sk.f1_score(truth, scores > each, zero_division=0) for each in tried}
    best = max(f1.values())
    assert sk.f1_score(truth, scores > found) == pytest.approx(best)
    # Of equal ones it is the one that flags the fewest.
    fewest = min(int((scores > each).sum()) for each in tried if f1[each] >= best - 1e-12)
    assert (scores > found).sum() == fewest
    assert found not in scores


def test_what_is_no_score_is_refused():
    truth = np.array([True, False])
    with pytest.raises(ValueError, match="no number"):
        detection(truth, truth, np.array([np.nan, 1]))
    with pytest.raises(ValueError, match="same clips"):
        detection(truth, truth[:1])
    with pytest.raises(ValueError, match="finite"):
        best_threshold(truth, np.array([np.inf, 1]))


def test_interval_of_f1():
    rng = np.random.default_rng(0)
    truth = np.tile([True, False], 200)
    flagged = np.where(rng.random(400) < 0.8, truth, ~truth)
    low, high = f1_interval(truth, [flagged], [str(at) for at in range(400)])
    f1 = sk.f1_score(truth, flagged)
    assert low < f1 < high
    drawn = [rng.integers(0, 400, 400) for _ in range(2000)]
    plain = np.percentile([sk.f1_score(truth[at], flagged[at]) for at in drawn[:400]], [2.5, 97.5])
    assert (low, high) == pytest.approx(tuple(plain), abs=0.012)
    # Pairs that stand and fall together tell half as much.
    wide = f1_interval(truth, [flagged], [str(at // 40) for at in range(400)])
    assert f1_interval(truth, [flagged], ["one"] * 400) == pytest.approx((f1, f1))
    assert wide != (low, high)
    assert f1_interval(truth, [flagged, flagged], [str(at) for at in range(400)]) == (low, high)


@given(st.integers(4, 40), st.integers(0, 6), st.integers(0, 6), st.integers(0, 10**6))
def test_no_hard_comparison_falls_below_the_bound(clips, picture_errors, sound_errors, seed):
    rng = np.random.default_rng(seed)
    picture_errors, sound_errors = min(picture_errors, clips), min(sound_errors, clips)
    manipulated = np.arange(clips) < clips // 2
    shown = rng.integers(0, 4, clips)
    heard = np.where(manipulated, (shown + rng.integers(1, 4, clips)) % 4, shown)
    seen, said = shown.copy(), heard.copy()
    for answers, count in ((seen, picture_errors), (said, sound_errors)):
        wrong = rng.permutation(clips)[:count]
        answers[wrong] = (answers[wrong] + rng.integers(1, 4, count)) % 4
    f1 = detection(manipulated, seen != said).f1
    assert f1 >= least_f1(picture_errors / clips, sound_errors / clips, manipulated.mean()) - 1e-9


def test_the_bound_is_reached_and_is_the_papers():
    manipulated = np.arange(1000) < 500
    flagged = manipulated & (np.arange(1000) >= 37)
    assert detection(manipulated, flagged).f1 == pytest.approx(least_f1(0.020, 0.017))
    assert round(100 * least_f1(1 - 0.9993, 1 - 0.9984), 2) == 99.77
    assert least_f1(0.4, 0.4) == 0
    assert least_f1(0, 0) == 1


@pytest.mark.parametrize("part", [0.3, 0.5, 1822 / 3645])
def test_chance(part):
    rng = np.random.default_rng(1)
    truth = np.arange(100_000) < 100_000 * part
    rates = {EVERYTHING: 1.0, NOTHING: 0.0, HALF: 0.5}
    for rule, expected in by_chance(part).items():
        found = detection(truth, rng.random(len(truth)) < rates[rule])
        for name in ("precision", "recall", "f1", "accuracy"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=0.01)
    assert f1_score(0, 0, 0) == 0
    # What the paper's lists come to: 1820 and 1816 of 3645.
    assert [round(100 * by_chance(n / 3645)[EVERYTHING].f1, 1) for n in (1820, 1816)] == [66.6, 66.5]


def test_blind_classifiers():
    rng = np.random.default_rng(2)
    trained, tested = rng.choice(3, 4000, p=[0.5, 0.3, 0.2]), rng.choice(3, 3000, p=[0.4, 0.4, 0.2])
    found = blind(trained, tested, 3)
    prior = np.bincount(trained) / 4000
    assert found.majority == pytest.approx((tested == prior.argmax()).mean())
    drawn = rng.choice(3, (200, 3000), p=prior)
    assert found.drawn == pytest.approx((drawn == tested).mean(), abs=0.005)
    assert found.log_loss == pytest.approx(sk.log_loss(tested, np.tile(prior, (3000, 1))))
    assert found.calibration_error == pytest.approx(abs(prior.max() - found.majority))

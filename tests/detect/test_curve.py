"""The logistic curve against an independent fit, and where it has to stay finite."""

from __future__ import annotations

import numpy as np
import pytest

from vadd.detect.curve import choose_curve, fit_curve
from vadd.errors import ModelError


def independent(own: list[float], swapped: list[float]) -> tuple[float, float]:
    """The same curve by another library: each clip counts a little for the other side too."""
    from sklearn.linear_model import LogisticRegression

    sure = (len(own) + 1) / (len(own) + 2), (len(swapped) + 1) / (len(swapped) + 2)
    values = np.array([*own, *swapped] * 2)[:, None]
    labels = np.repeat([0, 1, 1, 0], [len(own), len(swapped)] * 2)
    weight = np.concatenate([
        np.full(len(own), sure[0] / len(own)), np.full(len(swapped), sure[1] / len(swapped)),
        np.full(len(own), (1 - sure[0]) / len(own)), np.full(len(swapped), (1 - sure[1]) / len(swapped)),
    ])  # fmt: skip
    fitted = LogisticRegression(C=1e9, tol=1e-12, max_iter=10_000, solver="newton-cg")
    fitted.fit(values, labels, sample_weight=weight)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


@pytest.mark.parametrize(("counts", "means", "seed"), [
    ((50, 900), (-1.5, 1.0), 0), ((200, 200), (-0.1, 0.1), 1), ((9, 40), (-2, 3), 2), ((2, 2), (5, 9), 3),
])  # fmt: skip
def test_the_curve_is_that_of_another_library(counts, means, seed):
    rng = np.random.default_rng(seed)
    own, swapped = (rng.normal(mean, 1, n).tolist() for mean, n in zip(means, counts, strict=True))
    slope, intercept = fit_curve(own, swapped)
    want = independent(own, swapped)
    assert (slope, intercept) == pytest.approx(want, rel=2e-4, abs=2e-4)


def test_scores_that_overlap_nowhere_give_a_finite_curve():
    own, swapped = [-2.0] * 30, [3.5] * 300
    slope, intercept = fit_curve(own, swapped)
    shares = [1 / (1 + np.exp(-(slope * value + intercept))) for value in (-2.0, 3.5)]
    # As sure as so many clips can be, and no surer.
    assert shares == pytest.approx([1 / 32, 301 / 302], rel=1e-6)


def test_units_do_not_matter():
    rng = np.random.default_rng(5)
    own, swapped = rng.normal(-1, 1, 40), rng.normal(1, 1, 80)
    slope, intercept = fit_curve(own.tolist(), swapped.tolist())
    scaled = fit_curve((own * 1e-6 + 50).tolist(), (swapped * 1e-6 + 50).tolist())
    assert scaled[0] == pytest.approx(slope * 1e6, rel=1e-5)
    assert scaled[1] == pytest.approx(intercept - slope * 50e6, rel=1e-5)


@pytest.mark.parametrize(("own", "swapped"), [
    ([1.0, 1.0], [1.0]), ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), ([3.0, 4.0, 5.0], [1.0, 2.0, 2.5]),
])  # fmt: skip
def test_foreign_sounds_that_score_no_higher_are_refused(own, swapped):
    with pytest.raises(ModelError, match="cannot tell them apart"):
        fit_curve(own, swapped)


@pytest.mark.parametrize(("own", "swapped"), [([], [1.0]), ([1.0], []), ([float("nan")], [1.0])])
def test_no_scores_at_all(own, swapped):
    with pytest.raises(ValueError, match="finite scores"):
        fit_curve(own, swapped)


# --- which curve ----------------------------------------------------------------------------------


def test_scores_of_another_form_get_another_curve():
    rng = np.random.default_rng(0)
    # Logistic by construction: normal scores of one deviation.
    plain = choose_curve(rng.normal(-1, 1, 800).tolist(), rng.normal(1, 1, 800).tolist())
    assert (plain.kind, plain.steps) == ("logistic", ())
    assert (plain.slope, plain.intercept) == pytest.approx((2, 0), abs=0.25)
    # Nearly all own scores at one end, foreign ones at both: a logistic curve is sure where it may not be.
    own = np.r_[rng.normal(-5, 0.1, 700), rng.normal(0, 1, 100)]
    swapped = np.r_[rng.normal(-5, 0.1, 150), rng.normal(0, 1, 250), rng.normal(0.5, 0.01, 400)]
    bent = choose_curve(own.tolist(), swapped.tolist())
    assert bent.kind == "isotonic"
    shares = bent.shares(np.linspace(-7, 7, 400), 0.001)
    assert (np.diff(shares) >= 0).all()
    assert bent.shares(np.array([-5.0]), 0.001)[0] == pytest.approx(150 / 850, abs=0.08)


def test_the_choice_is_by_groups_and_seeds():
    rng = np.random.default_rng(1)
    own, swapped = rng.normal(-1, 1, 60).tolist(), rng.normal(1, 1, 90).tolist()
    groups = [f"place {at % 6}" for at in range(60)], [f"place {at % 6}" for at in range(90)]
    assert choose_curve(own, swapped, *groups, seed=3) == choose_curve(own, swapped, *groups, seed=3)
    with pytest.raises(ValueError, match="one group a clip"):
        choose_curve(own, swapped, groups[0][:-1], groups[1])


def test_too_few_clips_to_choose_by_get_the_logistic_curve():
    assert choose_curve([0.0, 1.0], [1.5, 2.0]).kind == "logistic"
    assert choose_curve([0.0], [1.0], ["here"], ["here"]).kind == "logistic"

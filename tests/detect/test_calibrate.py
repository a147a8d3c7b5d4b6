"""What a threshold promises, by simulation, and what a score means."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.detect import calibrate
from vadd.detect.calibrate import Calibration
from vadd.errors import ModelError, UsageError

SHIPPED = calibrate.load()
FILE = Path(calibrate.__file__).parent / "data" / calibrate.CALIBRATION


def on(own: list[float]) -> Calibration:
    return Calibration(own=tuple(sorted(own)), slope=1.0, intercept=0.0, described="made")


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("clips", [19, 66])
def test_realised_false_alarms_keep_the_promise(clips, alpha):
    rng = np.random.default_rng(clips)
    draws = 20_000
    # Two kinds of clips and a shift common to a whole draw: exchangeable, but neither normal nor independent.
    scores = rng.normal(0, 1, (draws, clips + 1)) + 3 * (rng.random((draws, clips + 1)) < 0.2)
    scores += rng.normal(0, 2, (draws, 1))
    alarms = np.mean([row[-1] > on(row[:-1].tolist()).threshold(alpha) for row in scores])
    error = math.sqrt(alpha * (1 - alpha) / draws)
    assert alarms <= alpha + 4 * error
    # Without ties the rate is exact: no power is given away beyond one clip's share.
    assert alarms >= alpha - 1 / (clips + 1) - 4 * error


def test_ties_only_lower_the_rate():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (5_000, 30)).astype(float)
    alarms = np.mean([row[-1] > on(row[:-1].tolist()).threshold(0.1) for row in scores])
    assert alarms <= 0.1 + 4 * math.sqrt(0.09 / 5_000)


@given(
    st.lists(st.floats(-5, 5), min_size=1, max_size=40),
    st.floats(0.001, 0.999),
)
def test_the_threshold_is_the_conformal_order_statistic(own, alpha):
    kept = on(own)
    exceeding = [sum(score > at for score in own) for at in kept.own]
    # Of n clips and the new one at most a share alpha may lie above: the lowest own score with this.
    most = alpha * (len(own) + 1) + 5e-10
    fitting = [at for at, above in zip(kept.own, exceeding, strict=True) if above + 1 <= most]
    if fitting:
        assert kept.threshold(alpha) == pytest.approx(min(fitting))
    else:
        with pytest.raises(UsageError):
            kept.threshold(alpha)


@given(st.floats(0.02, 0.98), st.floats(0.02, 0.98))
def test_a_stricter_rate_never_lowers_the_threshold(one, other):
    strict, lax = sorted((one, other))
    assert SHIPPED.threshold(strict) >= SHIPPED.threshold(lax)


@pytest.mark.parametrize("clips", [1, 9, 19, 66, 99, 1000])
def test_the_lowest_rate_that_is_named_is_the_lowest_that_works(clips):
    kept = on(list(range(clips)))
    assert kept.threshold(1 / (clips + 1)) == clips - 1
    too_low = 0.99 / (clips + 1)
    with pytest.raises(UsageError, match=f"with {clips} calibration clips") as caught:
        kept.threshold(too_low)
    named = float(str(caught.value).rsplit(" ", 1)[1])
    assert 1 / (clips + 1) <= named < 1 / (clips + 1) + 1e-4
    assert kept.threshold(named) == clips - 1
    assert "\n" not in str(caught.value)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_probability_never_falls_as_the_score_rises(one, other):
    low, high = sorted((one, other))
    assert 0 <= SHIPPED.probability(low) <= SHIPPED.probability(high) <= 1
    if high - low > 0.01 and abs(low) < 3 and abs(high) < 3:
        # Beyond what its clips can show, a surer score is no surer a probability.
        surest = 1 / (len(SHIPPED.own) + 1)
        ends = {surest, 1 - surest}
        assert SHIPPED.probability(low) < SHIPPED.probability(high) or {SHIPPED.probability(high)} <= ends


def test_a_probability_is_the_logistic_curve():
    curve = Calibration(own=(0.0,) * 99, slope=2.0, intercept=-1.0, described="made")
    assert curve.probability(0.5) == 0.5
    assert curve.probability(1.5) == pytest.approx(math.e**2 / (1 + math.e**2))


def test_a_probability_is_no_surer_than_its_clips_are_many():
    curve = Calibration(own=(0.0,) * 9, slope=2.0, intercept=-1.0, described="made")
    assert (curve.probability(-50.0), curve.probability(50.0)) == (0.1, 0.9)


def test_the_shipped_calibration_is_the_file():
    learnt = json.loads(FILE.read_text())
    assert list(SHIPPED.own) == learnt["own"] == sorted(learnt["own"])
    assert (SHIPPED.slope, SHIPPED.intercept) == (learnt["slope"], learnt["intercept"])
    assert SHIPPED.slope > 0
    assert str(len(SHIPPED.own)) in SHIPPED.described
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert digest == calibrate.CALIBRATION_SHA256


def test_a_damaged_or_missing_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(calibrate, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match=r"everyday\.json cannot be read"):
        calibrate.load.__wrapped__()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / calibrate.CALIBRATION).write_bytes(FILE.read_bytes().replace(b"1", b"2", 1))
    with pytest.raises(ModelError, match=r"everyday\.json is damaged"):
        calibrate.load.__wrapped__()


# --- curves in steps ------------------------------------------------------------------------------

STEPS = ((-2.0, 0.0), (-1.0, 0.2), (0.0, 0.2), (1.0, 0.9), (3.0, 1.0))


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_steps_take_the_place_of_the_logistic_curve(one, other):
    kept = Calibration((0.0,) * 19, 1.0, 0.0, "made", STEPS)
    assert kept.curve.kind == "isotonic"
    known, shares = np.array(STEPS).T
    want = min(max(float(np.interp(one, known, shares)), 1 / 20), 19 / 20)
    assert kept.probability(one) == pytest.approx(want)
    low, high = sorted((one, other))
    assert kept.probability(low) <= kept.probability(high)


@pytest.mark.parametrize("steps", [
    ((0.0, 0.5), (0.0, 0.6)), ((1.0, 0.5), (0.0, 0.6)), ((0.0, 0.5), (1.0, 0.4)), ((0.0, -0.1),),
    ((0.0, 1.1),), ((0.0, 0.1), (float("nan"), 0.2)),
])  # fmt: skip
def test_steps_that_do_not_rise_are_refused(steps):
    with pytest.raises(ValueError, match="steps of a curve rise"):
        Calibration((0.0,), 1.0, 0.0, "made", steps)


def test_steps_in_the_file_of_the_everyday_model_would_be_read(monkeypatch):
    learnt = {**json.loads(FILE.read_text()), "steps": STEPS}
    content = json.dumps(learnt).encode()
    monkeypatch.setattr(calibrate, "_content", lambda: content)
    monkeypatch.setattr(calibrate, "CALIBRATION_SHA256", hashlib.sha256(content).hexdigest())
    found = calibrate.load.__wrapped__()
    assert found.steps == STEPS
    assert SHIPPED.curve.kind == "logistic"

"""Curve and abstention that clips of one's own teach, against rules written out anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made import evidence

from vadd.detect.abstention import Abstention
from vadd.detect.calibrate import Calibration
from vadd.detect.curve import Curve
from vadd.detect.decide import decide
from vadd.detect.own_abstention import judge_swaps, learn_abstention
from vadd.detect.own_curve import choose_own_curve, moved
from vadd.detect.own_swaps import Swap, area

#: Even odds at 0; says 0.25 at about -0.55.
BASE = Calibration(tuple(np.linspace(-2, 0, 66).tolist()), 2.0, 0.0, "the base's")
RATE = 0.10


def swaps(scores: np.ndarray, *, pictures: int, generic: float = 0.0) -> list[Swap]:
    """Swaps whose pictures take turns; each has the sound of the next."""
    return [
        Swap(at % pictures, (at + 1) % pictures, float(score), generic) for at, score in enumerate(scores)
    ]


def missed(known: list[Swap], calibration: Calibration) -> float:
    """Of the foreign sounds of a picture the share that is called consistent, mean over pictures."""
    fits = judge_swaps(known, calibration, RATE, None).consistent
    pictures = sorted({each.picture for each in known})
    return float(
        np.mean([np.mean([f for f, s in zip(fits, known, strict=True) if s.picture == p]) for p in pictures])
    )


@pytest.mark.parametrize("neutral", [None, -0.2, -3.0])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_swaps_are_judged_as_clips_are(neutral, rate):
    rng = np.random.default_rng(4)
    own = replace(BASE, abstention=Abstention(consistent=0.2, below=-0.9, margin=1.1, doubt=0.9))
    known = [Swap(0, 1, *pair) for pair in zip(rng.normal(-1, 1, 300), rng.uniform(0, 0.9, 300), strict=True)]
    found = judge_swaps(known, own, rate, neutral)
    for at, swap in enumerate(known):
        made = evidence(swap.discrepancy, unexplained=swap.unexplained, neutral=neutral)
        outcome = decide(made, own, rate).outcome.value
        assert (outcome == "discrepant", outcome == "consistent") == (
            bool(found.discrepant[at]), bool(found.consistent[at]),
        )  # fmt: skip
    assert found.discrepant.any()
    assert found.consistent.any() or neutral == -3.0


def test_area_counts_ties_half():
    assert area([0.0, 1.0], [Swap(0, 1, 1.0), Swap(1, 0, 2.0)]) == (1.5 + 2) / 4
    assert area([0.0], []) is None


def test_abstention_stays_where_foreign_sounds_score_high():
    known = swaps(np.random.default_rng(0).normal(3, 0.5, 400), pictures=20)
    assert learn_abstention(known, BASE, BASE, RATE, None) == BASE.abstention


def test_abstention_becomes_stricter_until_foreign_sounds_keep_to_the_rate():
    known = swaps(np.random.default_rng(0).normal(-0.5, 1, 400), pictures=20)
    assert missed(known, BASE) > 2 * RATE
    learnt = learn_abstention(known, BASE, BASE, RATE, None)
    assert learnt.consistent == 0.25
    assert missed(known, replace(BASE, abstention=learnt)) <= RATE
    # No stricter than it takes: with the next of the scores it would be more.
    assert missed(known, replace(BASE, abstention=replace(learnt, below=learnt.below + 1e-9))) > RATE


@pytest.mark.parametrize("pictures", [10, 30])
def test_beyond_the_base_the_clip_to_come_counts_as_the_worst(pictures):
    """A curve of these clips that claims higher scores than the base must be borne out by enough of them."""
    mine = replace(BASE, intercept=-4.0)  # 0.25 only at 1.45, over what the base calls consistent
    known = swaps(np.linspace(-1, 9, 10 * pictures), pictures=pictures)
    line = -np.log(3) / 2  # the base's
    learnt = replace(mine, abstention=learn_abstention(known, mine, BASE, RATE, None))
    risk = missed(known, learnt) * pictures
    if learnt.abstention.below is None or learnt.abstention.below > line:
        assert risk + 1 <= RATE * (pictures + 1) + 1e-9
        assert pictures == 30
    else:
        assert learnt.abstention.below == pytest.approx(line)
        assert risk <= RATE * pictures
    few = learn_abstention(known[-5:], mine, BASE, RATE, None)
    assert few.below == pytest.approx(line)
    # And what has come of it is a bound for what is adapted from it.
    again = learn_abstention((), mine, replace(mine, abstention=few), RATE, None)
    assert again == few


def test_the_doubt_is_raised_where_speech_hides_foreign_sounds():
    clear = swaps(np.full(200, 3.0), pictures=20)
    hidden = swaps(np.linspace(-1.5, 0.0, 200), pictures=20, generic=0.8)
    own = replace(BASE, own=(5.0,) * 66)
    learnt = learn_abstention([*clear * 9, *hidden], own, own, RATE, None)
    assert learnt.below is None
    assert learnt.doubt > own.abstention.doubt
    assert learnt.margin == own.abstention.margin
    assert missed(hidden, own) > RATE
    assert missed(hidden, replace(own, abstention=learnt)) <= RATE + 1e-9
    # With so few that the rate could not be shown, nothing is learnt of it.
    assert learn_abstention([*clear, *hidden[:5]], own, own, RATE, None) == own.abstention


def test_the_base_is_kept_unless_others_make_clips_likelier():
    rng = np.random.default_rng(1)

    def drawn(shift: float) -> tuple[str, Curve]:
        # Of normal scores with one deviation the odds are logistic, here with slope 2 and even at the shift.
        own = rng.normal(shift - 1, 1, 60)
        known = swaps(rng.normal(shift + 1, 1, 600), pictures=60)
        return choose_own_curve(own.tolist(), own.tolist(), known, BASE, RATE)

    assert drawn(0.0) == ("kept", BASE.curve)
    name, curve = drawn(4.0)
    assert name != "kept"
    assert curve.shares(np.array([4.0]), 0.0)[0] == pytest.approx(0.5, abs=0.1)


def test_scores_of_another_form_get_an_isotonic_curve():
    rng = np.random.default_rng(2)
    own = np.where(rng.random(300) < 0.7, rng.uniform(-2, -1.5, 300), rng.uniform(-1, 6, 300))
    foreign = np.where(rng.random(3000) < 0.7, rng.uniform(-1.4, -1.1, 3000), rng.uniform(-1, 6, 3000))
    name, curve = choose_own_curve(own.tolist(), own.tolist(), swaps(foreign, pictures=300), BASE, RATE)
    assert (name, curve.kind) == ("isotonic", "isotonic")


def test_a_moved_curve_of_few_clips_is_compared_at_what_both_can_promise():
    few = replace(BASE, own=(0.0, 1.0, 2.0))
    curve = moved(BASE, few, 0.01)
    by = few.threshold(0.25) - BASE.threshold(0.25)
    assert curve.intercept == pytest.approx(BASE.intercept - BASE.slope * by)

"""Every outcome and every reason, reached through evidence made by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import calibration, evidence

from vadd.detect.decide import (
    ALL_GENERIC,
    CONSISTENT_PROBABILITY,
    GENERIC_MARGIN,
    MIN_SPEAKING,
    decide,
)
from vadd.detect.verdict import Outcome, Reason
from vadd.errors import UsageError

#: Called from -0.1 on; `consistent` from -0.525 down (odds of 1 at -0.25, slope 4).
CALIBRATED = calibration(threshold=-0.1, even=-0.25)
FITS, OPEN, FOREIGN = -2.0, -0.3, 1.0
T, F = True, False

#: What is known of a clip → what may be said of it.
CASES = {
    "own sound": (evidence(FITS), Outcome.CONSISTENT),
    "foreign sound": (evidence(FOREIGN), Outcome.DISCREPANT),
    "neither": (evidence(OPEN), Reason.UNKNOWN_SCENE),
    "a second that fits and is all there is": (evidence(FITS, seconds=1), Outcome.CONSISTENT),
    "no sound stream": (evidence(None, heard=F), Reason.NO_AUDIO),
    "no picture stream": (evidence(None, seen=F), Reason.NO_VIDEO),
    "neither stream": (evidence(None, seen=F, heard=F), Reason.NO_VIDEO),
    "streams that never meet": (
        evidence(FITS, seconds=4, seen=[T, T, F, F], heard=[F, F, T, T]),
        Reason.TOO_SHORT,
    ),
    "0.9 seconds": (evidence(FITS, seconds=1, duration=Fraction(9, 10)), Reason.TOO_SHORT),
    "0.96 seconds": (evidence(FITS, seconds=1, duration=Fraction(24, 25)), Outcome.CONSISTENT),
    "sound in one second of ten": (evidence(FITS, heard=[T] + [F] * 9), Reason.TOO_SHORT),
    "picture in one second of ten": (evidence(FITS, seen=[T] + [F] * 9), Reason.TOO_SHORT),
    "sound in two seconds of ten": (evidence(FITS, heard=[T, T] + [F] * 8), Outcome.CONSISTENT),
    "digital silence": (evidence(FITS, level=-math.inf), Reason.SILENT),
    "quieter than -70 dBFS": (evidence(FITS, level=-70.1), Reason.SILENT),
    "quiet": (evidence(FITS, level=-69.9), Outcome.CONSISTENT),
    "silent but for one second of ten": (evidence(FITS, level=[-20] + [-90] * 9), Reason.SILENT),
    "black": (evidence(FITS, blank=T), Reason.PICTURE_SAYS_NOTHING),
    "black but for one second of ten": (evidence(FITS, blank=[F] + [T] * 9), Reason.PICTURE_SAYS_NOTHING),
    "more silent than black": (
        evidence(FITS, level=[-90] * 6 + [-20] * 4, blank=[F] * 6 + [T] * 4),
        Reason.SILENT,
    ),
    "foreign sound over black": (evidence(FOREIGN, blank=T), Reason.PICTURE_SAYS_NOTHING),
    "foreign, but too quiet": (evidence(FOREIGN, level=-80), Reason.SILENT),
    "nothing but speech": (evidence(FITS, unexplained=1.0), Reason.SOUND_SAYS_NOTHING),
    "nothing but music, foreign": (evidence(FOREIGN, unexplained=0.97), Reason.SOUND_SAYS_NOTHING),
    "mostly speech, foreign": (evidence(FOREIGN, unexplained=0.9), Outcome.DISCREPANT),
    "mostly speech, own": (evidence(FITS, unexplained=0.9), Outcome.CONSISTENT),
    "mostly speech, neither": (evidence(OPEN, unexplained=0.6), Reason.SOUND_SAYS_NOTHING),
    "some speech, neither": (evidence(OPEN, unexplained=0.4), Reason.UNKNOWN_SCENE),
    # The probability is 0.25 where slope * (score + 0.25) is -log 3.
    "just under a probability of 0.25": (evidence(-0.25 - math.log(3) / 4 - 0.01), Outcome.CONSISTENT),
    "just over a probability of 0.25": (evidence(-0.25 - math.log(3) / 4 + 0.01), Reason.UNKNOWN_SCENE),
    "just above the threshold": (evidence(-0.09), Outcome.DISCREPANT),
    "on the threshold": (evidence(-0.1), Reason.UNKNOWN_SCENE),
    "above the threshold, but for the speech": (evidence(0.1, unexplained=0.45), Reason.UNKNOWN_SCENE),
    "silent seconds do not count": (
        evidence([FITS] * 5 + [FOREIGN] * 5, level=[-20] * 5 + [-90] * 5),
        Outcome.CONSISTENT,
    ),
    "blank seconds do not count": (
        evidence([FITS] * 5 + [FOREIGN] * 5, blank=[T] * 5 + [F] * 5),
        Outcome.DISCREPANT,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_may_be_said(case):
    known, want = CASES[case]
    decision = decide(known, CALIBRATED, 0.1)
    outcome, reason = (want, None) if isinstance(want, Outcome) else (Outcome.INCONCLUSIVE, want)
    assert (decision.outcome, decision.reason) == (outcome, reason)
    assert (decision.discrepancy is None) == (known.scores is None)


def test_the_cases_reach_every_outcome_and_every_reason():
    reached = {want for _, want in CASES.values()}
    assert {Outcome.CONSISTENT, Outcome.DISCREPANT} <= reached
    assert {reason for reason in Reason if reason.outcome is Outcome.INCONCLUSIVE} <= reached


def test_the_score_is_the_mean_of_the_seconds_that_speak():
    known = evidence([-1, -2, 5, 5], seconds=4, level=[-20, -20, -90, -20], blank=[F, F, F, T])
    assert decide(known, CALIBRATED, 0.1).discrepancy == pytest.approx(-1.5)
    mute = evidence([-1, -2, 5, 5], seconds=4, level=-90, heard=[T, T, F, F])
    assert decide(mute, CALIBRATED, 0.1).discrepancy == pytest.approx(-1.5)
    apart = evidence([1, 2, 4, 5], seconds=4, seen=[T, T, F, F], heard=[F, F, T, T])
    assert decide(apart, CALIBRATED, 0.1).discrepancy == pytest.approx(3)


def test_the_threshold_rises_with_what_is_unexplained():
    decision = decide(evidence(0.0, seconds=2, unexplained=[0.2, 0.6]), CALIBRATED, 0.1)
    assert decision.threshold == pytest.approx(-0.1 + GENERIC_MARGIN * 0.4)


def test_a_neutral_score_is_claimed_neither_way():
    # Called from -0.1 on by the calibration alone, and from 0 on where the score is neutral at 0.
    said = {value: decide(evidence(value, neutral=0.0), CALIBRATED, 0.1) for value in (0.01, 0, -0.05, FITS)}
    open_ = Outcome.INCONCLUSIVE
    wanted = [Outcome.DISCREPANT, open_, open_, Outcome.CONSISTENT]
    assert [decision.outcome for decision in said.values()] == wanted
    assert {decision.threshold for decision in said.values()} == {0.0}
    assert decide(evidence(-0.05), CALIBRATED, 0.1).outcome is Outcome.DISCREPANT
    # A curve that is sure of scores over 0 makes nothing of them that speaks for the sound.
    bold = calibration(threshold=3.0, even=2.0)
    assert decide(evidence(0.5), bold, 0.1).outcome is Outcome.CONSISTENT
    assert decide(evidence(0.5, neutral=0.0), bold, 0.1).reason is Reason.UNKNOWN_SCENE
    # Less like own clips than nearly all of them, though the curve still is for it.
    narrow = calibration(threshold=-1.5, even=0.5)
    assert decide(evidence(-1.0, neutral=0.0), narrow, 0.1).reason is Reason.UNKNOWN_SCENE
    margin = GENERIC_MARGIN * 0.5
    assert decide(evidence(0.2, neutral=0.0, unexplained=0.5), CALIBRATED, 0.1).threshold == margin


@pytest.mark.parametrize("value", [FITS, OPEN, FOREIGN])
@pytest.mark.parametrize("strange", [["picture"], ["sound"], ["picture", "sound"]])
def test_what_is_strange_is_never_judged(value, strange):
    decision = decide(evidence(value, strange=strange), CALIBRATED, 0.1)
    assert (decision.outcome, decision.reason) == (Outcome.INCONCLUSIVE, Reason.UNKNOWN_SCENE)
    # What makes a comparison impossible is still the better reason.
    assert decide(evidence(value, strange=strange, level=-90), CALIBRATED, 0.1).reason is Reason.SILENT


def test_a_rate_that_cannot_be_promised_is_refused_whatever_the_evidence():
    for known in (evidence(FITS), evidence(None, heard=F)):
        with pytest.raises(UsageError):
            decide(known, CALIBRATED, 0.01)


@pytest.mark.parametrize(
    ("reason", "known"),
    [
        (None, evidence(FITS)),
        (Reason.NO_VIDEO, evidence(FITS, seen=F)),
        (Reason.NO_AUDIO, evidence(FITS, heard=F)),
        (Reason.SILENT, evidence(FITS, level=-70)),
        (Reason.PICTURE_SAYS_NOTHING, evidence(FITS, blank=T)),
        (None, evidence(FITS, unexplained=0.96)),
        (None, evidence(FITS, unexplained=ALL_GENERIC)),
        (Reason.NO_VIDEO, evidence(None, seen=F, heard=F)),
        (Reason.SILENT, evidence(FITS, level=-90, blank=T)),
    ],
)
def test_why_a_second_says_nothing(reason, known):
    assert known.mute(3) is reason


@st.composite
def any_evidence(draw: st.DrawFn):
    seconds = draw(st.integers(1, 12))

    def column(elements: st.SearchStrategy) -> list:
        return draw(st.lists(elements, min_size=seconds, max_size=seconds))

    seen, heard = column(st.booleans()), column(st.booleans())
    both = any(seen) and any(heard)
    return evidence(
        column(st.floats(-6, 6)) if both else None,
        seconds=seconds,
        unexplained=column(st.floats(0, 1)),
        seen=seen,
        heard=heard,
        blank=column(st.booleans()),
        level=column(st.sampled_from([-math.inf, -160.0, -70.0, -69.0, -20.0])),
        duration=seconds - draw(st.sampled_from([Fraction(0), Fraction(1, 25), Fraction(1, 5)])),
    )


@given(any_evidence(), st.sampled_from([0.1, 0.3, 0.9]))
def test_no_claim_without_enough_to_rest_it_on(known, rate):
    decision = decide(known, CALIBRATED, rate)
    speaking = [
        all((known.seen[at], known.heard[at], not known.blank[at], known.level[at] > -70))
        for at in range(len(known.seen))
    ]
    assert (decision.discrepancy is None) == (not known.seen.any() or not known.heard.any())
    assert (decision.reason is None) == (decision.outcome is not Outcome.INCONCLUSIVE)
    assert decision.outcome is not Outcome.FAILED
    if decision.outcome in (Outcome.CONSISTENT, Outcome.DISCREPANT):
        assert sum(speaking) >= max(1, MIN_SPEAKING * len(speaking))
        assert known.duration >= Fraction(24, 25)
        assert np.mean(known.scores.unexplained[speaking]) <= ALL_GENERIC
        assert decision.discrepancy == pytest.approx(np.mean(known.scores.discrepancy[speaking]))
    if decision.outcome is Outcome.CONSISTENT:
        assert CALIBRATED.probability(decision.discrepancy) < CONSISTENT_PROBABILITY
        assert decision.discrepancy <= decision.threshold
    if decision.outcome is Outcome.DISCREPANT:
        assert decision.discrepancy > decision.threshold >= CALIBRATED.threshold(rate)


@given(any_evidence())
def test_the_reason_is_one_that_holds(known):
    decision = decide(known, CALIBRATED, 0.1)
    if decision.reason is Reason.NO_AUDIO:
        assert not known.heard.any()
    if decision.reason is Reason.NO_VIDEO:
        assert not known.seen.any()
    if decision.reason is Reason.SILENT:
        assert known.silent.any()
    if decision.reason is Reason.PICTURE_SAYS_NOTHING:
        assert (known.blank & known.common).any()
    if decision.reason is Reason.SOUND_SAYS_NOTHING:
        assert known.scores.unexplained.max() > 0.5

"""Every outcome and every reason, reached through evidence made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import calibration, evidence

from vadd.detect.abstention import CONSISTENT_PROBABILITY, GENERIC_DOUBT, GENERIC_MARGIN, Abstention
from vadd.detect.change import Marks
from vadd.detect.decide import (
    ALL_GENERIC,
    CONTEXT,
    MIN_SPEAKING,
    WORTH,
    decide,
    stretches,
)
from vadd.detect.span_calibration import SpanCalibration
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
    "mostly speech, a little foreign": (evidence(FOREIGN, unexplained=0.9), Reason.SOUND_SAYS_NOTHING),
    "mostly speech, clearly foreign": (evidence(FOREIGN + 1, unexplained=0.9), Outcome.DISCREPANT),
    "speech alone in nine seconds of ten": (
        evidence(FITS, unexplained=[0.0] + [1.0] * 9),
        Reason.SOUND_SAYS_NOTHING,
    ),
    "speech alone in eight seconds of ten": (
        evidence(FITS, unexplained=[0.0] * 2 + [1.0] * 8),
        Outcome.CONSISTENT,
    ),
    "seconds of speech alone do not count": (
        evidence([FOREIGN] * 5 + [FITS] * 5, unexplained=[0.0] * 5 + [1.0] * 5),
        Outcome.DISCREPANT,
    ),
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
        (Reason.SOUND_SAYS_NOTHING, evidence(FITS, unexplained=0.96)),
        (Reason.SILENT, evidence(FITS, level=-90, unexplained=1.0)),
        (Reason.PICTURE_SAYS_NOTHING, evidence(FITS, blank=T, unexplained=1.0)),
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
        and (known.scores is None or known.scores.unexplained[at] <= ALL_GENERIC)
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


#: Stretches of untouched clips of half a minute score up to 10, and in ten of a hundred of them above 9.
SPANS = SpanCalibration(
    own=tuple(np.arange(0.5, 10.25, 0.5).tolist()), seconds=30.0, slope=0.5, intercept=-4.0
)
WITH_SPANS = replace(CALIBRATED, spans=SPANS)
#: Odds of 100 against and of 90 for a foreign sound.
OWN_SECOND, FOREIGN_SECOND = -1.4, 0.875


def spliced(
    seconds: int, start: int, length: int, *, cut: bool = False, foreign: float = FOREIGN_SECOND, **more
):
    """A clip that fits but for a stretch, with a turn of the sound at both ends of it."""
    marks = Marks(np.zeros(seconds), np.zeros(seconds), np.zeros(seconds, np.bool_))
    ends = [start, start + length]
    marks.turn[ends], marks.turn_at[ends], marks.cut[ends] = 1.0, 0.25, cut
    scores = [OWN_SECOND] * seconds
    scores[start : start + length] = [foreign] * length
    return replace(evidence(scores, seconds=seconds, **more), marks=marks)


def test_a_long_clip_is_discrepant_by_one_stretch():
    decision = decide(spliced(40, 10, 6), WITH_SPANS, 0.1)
    assert decision.outcome is Outcome.DISCREPANT
    (stretch,) = decision.stretches
    assert stretch.seconds == range(10, 16)
    assert (stretch.start, stretch.end) == (Fraction(41, 4), Fraction(65, 4))
    least = SPANS.threshold(0.1, Fraction(40))
    assert stretch.score > least
    assert decision.threshold == CALIBRATED.threshold(0.1)
    assert decision.discrepancy == pytest.approx(decision.threshold + WORTH * (stretch.score - least))
    assert decision.probability == SPANS.probability(stretch.score) > 0.5


def test_the_seconds_by_themselves_are_what_a_stretch_is_made_of():
    known = spliced(40, 10, 6)
    flat = replace(evidence(OWN_SECOND, seconds=40), marks=known.marks)
    assert stretches(flat, WITH_SPANS) == ()
    sharp = replace(flat, sharp=known.scores.discrepancy)
    assert stretches(sharp, WITH_SPANS) == stretches(known, WITH_SPANS) != ()


def test_a_short_clip_is_judged_as_a_whole():
    short = spliced(CONTEXT, 6, 6, duration=CONTEXT - Fraction(1, 100))
    assert stretches(short, WITH_SPANS)
    decision = decide(short, WITH_SPANS, 0.1)
    assert decision == decide(short, CALIBRATED, 0.1)
    assert decision.outcome is Outcome.CONSISTENT
    long = decide(replace(short, duration=Fraction(CONTEXT)), WITH_SPANS, 0.1)
    assert long.outcome is Outcome.DISCREPANT


def test_a_stretch_that_all_but_counts_keeps_a_clip_from_being_consistent():
    known = spliced(40, 10, 7, cut=True)
    (stretch,) = stretches(known, WITH_SPANS)
    least = SPANS.threshold(0.1, Fraction(40))
    assert least - 3 < stretch.score <= least
    decision = decide(known, WITH_SPANS, 0.1)
    assert (decision.outcome, decision.reason) == (Outcome.INCONCLUSIVE, Reason.UNKNOWN_SCENE)
    assert decision.stretches == ()
    assert decision.discrepancy == pytest.approx(decision.threshold - WORTH * (least - stretch.score))
    assert decision.probability == max(
        SPANS.probability(stretch.score), CALIBRATED.probability(known.scores.discrepancy.mean())
    )
    assert decide(known, CALIBRATED, 0.1).outcome is Outcome.CONSISTENT


def test_a_stretch_that_is_nothing_much_is_not_held_against_a_clip():
    known = spliced(40, 10, 3, cut=True, foreign=0.6)
    lax = replace(
        WITH_SPANS, spans=replace(SPANS, own=tuple(np.linspace(0, 60, 20).tolist()), intercept=-9.0)
    )
    (stretch,) = stretches(known, lax)
    assert stretch.score < 5
    decision = decide(known, lax, 0.1)
    assert decision.outcome is Outcome.CONSISTENT
    assert decision.discrepancy == pytest.approx(known.scores.discrepancy.mean())


def test_a_lower_rate_tells_less():
    known = spliced(40, 10, 6)
    strict = replace(WITH_SPANS, own=(-0.1,) * 999)
    assert decide(known, strict, 0.1).outcome is Outcome.DISCREPANT
    assert decide(known, strict, 0.001).outcome is Outcome.INCONCLUSIVE


def test_a_clip_that_is_foreign_all_through_is_told_by_its_mean():
    known = replace(
        evidence(FOREIGN, seconds=30), marks=Marks(np.zeros(30), np.zeros(30), np.zeros(30, np.bool_))
    )
    decision = decide(known, WITH_SPANS, 0.1)
    assert decision.outcome is Outcome.DISCREPANT
    assert decision.discrepancy == pytest.approx(FOREIGN)
    assert [each.seconds for each in decision.stretches] == [range(30)]


def test_a_clip_that_is_discrepant_as_a_whole_tells_only_stretches_that_count():
    known = spliced(40, 10, 5, cut=True)
    (stretch,) = stretches(known, replace(WITH_SPANS, own=(-3.0,) * 9))
    decision = decide(known, replace(WITH_SPANS, own=(-3.0,) * 9), 0.1)
    assert stretch.score <= SPANS.threshold(0.1, Fraction(40))
    assert decision.outcome is Outcome.DISCREPANT
    assert decision.stretches == ()


@pytest.mark.parametrize("strange", [[], ["sound"]])
def test_a_stretch_is_no_claim_where_nothing_can_be_said(strange):
    level = -20.0 if strange else [-20.0] * 7 + [-90.0] * 33
    known = spliced(40, 1, 5, strange=strange, level=level)
    decision = decide(known, WITH_SPANS, 0.1)
    assert decision.reason is (Reason.UNKNOWN_SCENE if strange else Reason.SILENT)
    assert decision.stretches == ()


def test_a_silent_gap_is_no_stretch():
    known = spliced(40, 10, 6, level=[-20.0] * 10 + [-160.0] * 6 + [-20.0] * 24)
    known.marks.turn[[10, 16]] = 5.0
    assert stretches(known, WITH_SPANS) == ()
    assert decide(known, WITH_SPANS, 0.1).outcome is Outcome.CONSISTENT


def test_without_marks_there_are_no_stretches():
    known = replace(spliced(40, 10, 6), marks=None)
    assert stretches(known, WITH_SPANS) == ()
    assert stretches(evidence(None, heard=F), WITH_SPANS) == ()
    assert decide(known, WITH_SPANS, 0.1) == decide(known, CALIBRATED, 0.1)


@given(any_evidence(), st.sampled_from([0.1, 0.3, 0.9]), st.booleans())
def test_marks_change_nothing_without_a_calibration_of_spans(known, rate, cut):
    count = len(known.seen)
    marked = replace(known, marks=Marks(np.ones(count), np.zeros(count), np.full(count, cut)))
    decision = decide(marked, CALIBRATED, rate)
    assert decision == decide(known, CALIBRATED, rate)
    assert decision.stretches == ()


def test_what_hides_the_scene_raises_a_doubt():
    # Consistent down from -0.525: half as much speech as it takes to get there, and twice as much.
    edge = -0.25 - math.log(3) / 4
    for share, want in ((0.3, Outcome.CONSISTENT), (0.5, Outcome.INCONCLUSIVE)):
        known = evidence(edge - 0.4 * GENERIC_DOUBT, unexplained=share)
        decision = decide(known, CALIBRATED, 0.1)
        assert decision.outcome is want
        # The doubt is no part of what is told.
        assert decision.discrepancy == pytest.approx(edge - 0.4 * GENERIC_DOUBT)
        assert decision.probability == CALIBRATED.probability(decision.discrepancy)


def test_a_calibration_has_its_own_abstention():
    known = evidence(-1.0, unexplained=0.4)
    assert decide(known, CALIBRATED, 0.1).outcome is Outcome.CONSISTENT
    said = CALIBRATED.probability(-1.0)
    for changes in ({"consistent": said}, {"below": -1.0 + 0.4 * GENERIC_DOUBT}, {"doubt": 3.0}):
        stricter = replace(CALIBRATED, abstention=replace(Abstention(), **changes))
        assert decide(known, stricter, 0.1).outcome is Outcome.INCONCLUSIVE
    wide = replace(CALIBRATED, abstention=Abstention(margin=5.0))
    assert decide(known, wide, 0.1).threshold == pytest.approx(-0.1 + 5 * 0.4)


def test_under_generic_sound_consistent_is_bounded_by_the_clips_own_threshold():
    """A low threshold of clips that are all under speech does not take back what is said of such clips."""
    low = replace(CALIBRATED, own=(-2.0,) * 9)
    assert decide(evidence(-1.7), low, 0.1).outcome is Outcome.DISCREPANT
    spoken = decide(evidence(-1.7, unexplained=0.4), low, 0.1)
    assert spoken.threshold == pytest.approx(-2.0 + 0.4 * GENERIC_MARGIN)
    assert spoken.outcome is Outcome.CONSISTENT


@pytest.mark.parametrize(
    "wrong",
    [{"consistent": 0.0}, {"consistent": 0.6}, {"below": math.inf}, {"margin": -1.0}, {"doubt": math.nan}],
)
def test_an_abstention_that_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=r"below a probability|finite|margins"):
        Abstention(**wrong)

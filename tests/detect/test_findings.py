"""What is told of the stretches and of the shots of a clip made by hand."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made import CALIBRATION, DOG, PIANO, extraction, picture, sound

from vadd.detect.decide import decide
from vadd.detect.everyday_engine import observe
from vadd.detect.findings import NAMED, shot_findings, span_findings
from vadd.detect.score import to_unit
from vadd.detect.span_calibration import SpanCalibration
from vadd.detect.verdict import Outcome, Reason
from vadd.timeline import Span, grid

#: Stretches of untouched clips of half a minute score up to 5.
SPANS = SpanCalibration(own=tuple(np.linspace(0, 5, 50).tolist()), seconds=30.0, slope=0.4, intercept=-2.0)
WITH_SPANS = replace(CALIBRATION, spans=SPANS)


def clip(
    seen: list[str | None],
    heard: list[str],
    *,
    turns: dict[int, float] | None = None,
    level: list[float] | float = -20.0,
    duration: Fraction | None = None,
):
    """A clip whose picture is cut where another thing is seen; ``turns``: second → seconds from its start."""
    track = picture(seen)
    vectors = np.zeros_like(track.vectors)
    for at, label in enumerate(seen):
        if label is not None:
            # Too short to say anything of the scene.
            vectors[at, 0 if label == DOG else 1] = 1e-6
    ear = sound(heard, level=level)
    for second, behind in (turns or {}).items():
        ear.turn[second], ear.turn_at[second] = 1.2, behind
    return extraction(replace(track, vectors=vectors), ear, duration=duration)


def told(made, calibration=WITH_SPANS):
    observation = observe(made)
    decision = decide(observation.evidence, calibration, 0.1)
    spans = span_findings(decision, observation, calibration, made.duration)
    return decision, observation, spans, shot_findings(observation, grid(made.duration))


SPLICED = clip(
    [DOG] * 40,
    ["Bark"] * 12 + ["Engine"] * 9 + ["Bark"] * 19,
    turns={12: 0.35, 21: -0.4},
    duration=Fraction(397, 10),
)


def test_a_spliced_stretch():
    decision, observation, (span,), _ = told(SPLICED)
    assert decision.outcome is Outcome.DISCREPANT
    (stretch,) = decision.stretches
    assert stretch.seconds == range(12, 21)
    # The ends are those of the sound's turns, and not full seconds.
    assert span.span == Span(Fraction(1235, 100), Fraction(206, 10))
    assert span.score == pytest.approx(to_unit(observation.evidence.scores.discrepancy[12:21].mean()))
    assert span.probability == SPANS.probability(stretch.score)
    assert span.probability > 0.9
    assert span.picture[0].name == "a dog"
    assert span.sound[0].name == "an engine"


def test_what_a_stretch_was_expected_to_sound_like_and_why_it_does_not():
    _, _, (span,), _ = told(SPLICED)
    assert span.expected[0].name == "a dog"
    assert 0 < len(span.expected) <= NAMED
    shares = [concept.probability for concept in span.expected]
    assert shares == sorted(shares, reverse=True)
    against = span.contributions[0]
    assert (against.side, against.name) == ("sound", "an engine")
    assert against.effect > 0
    assert {each.side for each in span.contributions} <= {"picture", "sound"}


def test_nobody_who_cannot_compare_is_asked_why():
    observation = replace(observe(SPLICED), comparison=None)
    decision = decide(observation.evidence, WITH_SPANS, 0.1)
    (span,) = span_findings(decision, observation, WITH_SPANS, SPLICED.duration)
    assert (span.expected, span.contributions) == ((), ())


def test_two_stretches_each_with_their_own_sound():
    heard = ["Bark"] * 12 + ["Engine"] * 8 + ["Bark"] * 12 + ["Ocean"] * 8
    made = clip([DOG] * 40, heard, turns={12: 0.1, 20: 0.2, 32: -0.3})
    _, _, (one, two), _ = told(made)
    assert one.span == Span(Fraction(121, 10), Fraction(202, 10))
    assert two.span == Span(Fraction(317, 10), Fraction(40))
    assert one.sound[0].name == "an engine"
    assert two.sound[0].name != "an engine"


def test_a_silent_second_has_no_say_in_a_stretch():
    level = [-20.0] * 15 + [-160.0] + [-20.0] * 24
    heard = ["Bark"] * 12 + ["Engine"] * 3 + ["Bark"] + ["Engine"] * 5 + ["Bark"] * 19
    made = clip([DOG] * 40, heard, turns={12: 0.0, 21: 0.0}, level=level)
    _, observation, (span,), _ = told(made)
    assert span.span == Span(Fraction(12), Fraction(21))
    within = [12, 13, 14, *range(16, 21)]
    assert span.score == pytest.approx(to_unit(observation.evidence.scores.discrepancy[within].mean()))


@pytest.mark.parametrize("calibration", [CALIBRATION, WITH_SPANS])
def test_where_no_stretch_is_told_it_is_the_seconds_above_the_threshold(calibration):
    # Foreign all through, and too short to be looked at stretch by stretch.
    decision, observation, (span,), _ = told(clip([DOG] * 4, ["Engine"] * 4), calibration)
    assert (decision.outcome, decision.stretches) == (Outcome.DISCREPANT, ())
    assert span.span == Span(Fraction(0), Fraction(4))
    mean = float(observation.evidence.scores.discrepancy.mean())
    assert span.probability == pytest.approx(CALIBRATION.probability(mean))
    assert span.expected[0].name == "a dog"


@pytest.mark.parametrize("heard", ["Bark", "Speech"])
def test_only_a_discrepant_clip_has_stretches(heard):
    decision, _, spans, shots = told(clip([DOG] * 30, [heard] * 30))
    assert decision.outcome is not Outcome.DISCREPANT
    assert spans == ()
    assert len(shots) == 1


def test_shots_cover_the_clip():
    made = clip(
        [DOG] * 5 + [PIANO] * 4 + [DOG] * 3,
        ["Bark"] * 5 + ["Piano"] * 4 + ["Bark"] * 3,
        duration=Fraction(117, 10),
    )
    _, observation, _, shots = told(made)
    assert [shot.span for shot in shots] == [
        Span(Fraction(0), Fraction(5)),
        Span(Fraction(5), Fraction(9)),
        Span(Fraction(9), Fraction(117, 10)),
    ]
    scores = observation.evidence.scores.discrepancy
    for shot, run in zip(shots, (slice(5), slice(5, 9), slice(9, 12)), strict=True):
        assert shot.score == pytest.approx(to_unit(scores[run].mean()))
        assert shot.mute is None
    assert [shot.picture[0].name for shot in shots][::2] == ["a dog"] * 2
    assert shots[1].sound[0].name == "keyboard instruments"


def test_a_shot_that_says_nothing_tells_why():
    level = [-20.0] * 4 + [-160.0] * 4
    made = clip([DOG] * 4 + [PIANO] * 4, ["Bark"] * 4 + ["Silence"] * 4, level=level)
    _, _, _, (first, second) = told(made)
    assert (first.score is None, first.mute) == (False, None)
    assert (second.score, second.mute) == (None, Reason.SILENT)


def test_the_commonest_reason_is_the_one_that_is_told():
    level = [-160.0] + [-20.0] * 3
    _, _, _, (shot,) = told(clip([DOG, *[None] * 3], ["Bark"] * 4, level=level))
    assert (shot.score, shot.mute) == (None, Reason.NO_VIDEO)


def test_a_second_that_says_nothing_has_no_say_in_its_shot():
    level = [-20.0] * 3 + [-160.0]
    _, observation, _, (shot,) = told(clip([DOG] * 4, ["Bark"] * 3 + ["Engine"], level=level))
    assert shot.score == pytest.approx(to_unit(observation.evidence.scores.discrepancy[:3].mean()))
    assert shot.mute is None


@pytest.mark.parametrize(
    "made", [extraction(picture([DOG] * 3), None), extraction(None, sound(["Bark"] * 3))]
)
def test_one_stream_alone_has_no_shots_and_no_stretches(made):
    _, _, spans, shots = told(made)
    assert (spans, shots) == ((), ())

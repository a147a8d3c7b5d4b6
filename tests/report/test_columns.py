"""Aggregation checked against direct computation."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from samples import SEA, SPEECH, WAVES, consistent, discrepant, failed, hour, second, two_hours

from vadd.detect.verdict import Concept, Reason
from vadd.media.levels import SILENCE
from vadd.report.columns import columns, mute_runs, step_for
from vadd.report.minutes import minutes, minutes_for
from vadd.timeline import Span, grid


@pytest.mark.parametrize(
    ("seconds", "limit", "step"),
    [(10, 120, 1), (120, 120, 1), (121, 120, 2), (3600, 120, 30), (10**6, 120, 8334)],
)
def test_step(seconds, limit, step):
    assert step_for(seconds, limit) == step
    assert math.ceil(seconds / step) <= limit


def test_a_clip_keeps_its_seconds():
    clip = discrepant()
    found = columns(clip.seconds, 120)
    assert [c.span for c in found] == [s.span for s in clip.seconds]
    assert [c.score for c in found] == [None if s.mute else pytest.approx(s.score) for s in clip.seconds]
    assert found[7].mute is Reason.SOUND_SAYS_NOTHING


def test_an_hour_is_averaged_by_weight():
    clip = hour()
    weighted = tuple(
        replace(s, weight=s.weight * (0.2 + 0.8 * (i % 3) / 2)) for i, s in enumerate(clip.seconds)
    )
    found = columns(weighted, 120)
    assert len(found) == 120
    group = weighted[30:60]
    expected = np.average([s.score for s in group], weights=[s.weight for s in group])
    assert found[1].score == pytest.approx(float(expected))
    assert found[1].peak == max(s.score for s in group)
    assert found[24].mute is Reason.SOUND_SAYS_NOTHING
    assert found[24].score is None


def test_concepts_are_means_and_levels_are_powers():
    spans = grid(Fraction(2))
    quiet = second(spans[0], 0.1, picture=SEA, sound=WAVES, level=-30.0)
    loud = second(spans[1], 0.1, picture=(), sound=SPEECH, level=-10.0)
    (found,) = columns((quiet, loud), 1)
    assert found.picture == SEA  # the second without a picture does not dilute it
    assert {c.name: c.probability for c in found.sound} == pytest.approx(
        {"speech": 0.405, "indoor room": 0.035, "waves": 0.33, "wind": 0.1, "birds": 0.03}
    )
    assert found.sound[0] == Concept("speech", 0.405)
    power = (10**-3 + 10**-1) / 2
    assert found.level == pytest.approx(10 * math.log10(power))


def test_digital_silence_and_no_sound_have_no_level():
    span = grid(Fraction(1))[0]
    for level in (None, -math.inf, SILENCE):
        assert columns((second(span, None, level=level),), 1)[0].level is None
    silent = [second(s, None, level=SILENCE) for s in grid(Fraction(7))]
    assert columns(silent, 1)[0].level is None
    assert columns([*silent, second(span, None, level=-20.0)], 1)[0].level == pytest.approx(
        -20 - 10 * math.log10(8)
    )


def test_mute_runs_join_neighbours_with_one_reason():
    spans = grid(Fraction(5))
    reasons = [Reason.SILENT, Reason.SILENT, None, Reason.SILENT, Reason.UNKNOWN_SCENE]
    runs = mute_runs([second(s, 0.2, mute=r) for s, r in zip(spans, reasons, strict=True)])
    assert [(run.span, run.reason) for run in runs] == [
        (Span(Fraction(0), Fraction(2)), Reason.SILENT),
        (Span(Fraction(3), Fraction(4)), Reason.SILENT),
        (Span(Fraction(4), Fraction(5)), Reason.UNKNOWN_SCENE),
    ]
    assert mute_runs(consistent().seconds) == ()


def test_what_is_flagged_beyond_the_last_minute_counts_to_it():
    """A tail under half a second belongs to the last full second, also where a minute ends with that."""
    duration = Fraction(602, 10)
    base = discrepant()
    seconds = tuple(second(s, 0.9) for s in grid(duration))
    spans = (
        replace(base.spans[0], span=Span(Fraction(1, 2), Fraction(3, 2))),
        replace(base.spans[0], span=Span(Fraction(59), duration)),
    )
    (found,) = minutes(replace(base, duration=duration, seconds=seconds, spans=spans))
    assert found.flagged == Fraction(22, 10)
    assert found.column.span == Span(Fraction(0), duration)
    assert found.speaking == 1.0


def test_minutes_are_told_together_when_there_are_too_many():
    step, found = minutes_for(two_hours(), 60)
    assert (step, len(found)) == (2, 60)
    one = minutes(two_hours())
    assert len(one) == 120
    assert found[3].flagged == one[6].flagged + one[7].flagged
    assert minutes_for(failed(), 60) == (1, ())

"""From an extraction made by hand to the verdict: every field against what was put in."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made import CALIBRATION, DOG, PIANO, SOUNDS, calibration, extraction, picture, sound

import vadd
from vadd.classify import everyday
from vadd.detect.abstention import GENERIC_MARGIN
from vadd.detect.assemble import assemble
from vadd.detect.engine import mean_row
from vadd.detect.everyday_engine import observe
from vadd.detect.findings import NAMED, NAMED_FROM, named
from vadd.detect.score import discrepancy, smooth, to_unit
from vadd.detect.verdict import Exhibit, InputRecord, Outcome, Provenance, Reason, Verdict
from vadd.report.schema import validate
from vadd.timeline import grid

MODEL = everyday.load()
PROVENANCE = Provenance(
    inputs=(InputRecord(role="both", name="clip.mp4", sha256="0" * 64, size=5),),
    version="0.1.0",
    model="everyday",
    hashes={"yamnet": "1" * 64},
    config={"false_alarms": 0.1},
    libraries={"numpy": "2"},
)


def judged(made, calibrated=CALIBRATION) -> Verdict:
    verdict = assemble(made, observe(made), calibrated, 0.1, 0.5, PROVENANCE)
    validate(vadd.document(verdict))
    assert [second.span for second in verdict.seconds] == list(grid(made.duration))
    assert (verdict.prior, verdict.false_alarms, verdict.duration) == (0.5, 0.1, made.duration)
    assert verdict.provenance is PROVENANCE
    return verdict


def of_seconds(seen: list[str], heard: list[str]) -> np.ndarray:
    """The discrepancies of seconds that are all there, by the rooms below."""
    there = np.ones(len(seen), np.bool_)
    tracks = picture(seen), sound(heard)
    posteriors = (
        smooth(MODEL.picture(tracks[0].vectors, tracks[0].scores), there),
        smooth(MODEL.sound(tracks[1].scores), there),
    )
    return discrepancy(MODEL.expectation(posteriors[0]), posteriors[1], MODEL.concepts.generic).discrepancy


def names(concepts) -> list[str]:
    return [concept.name for concept in concepts]


def test_a_dog_that_barks():
    verdict = judged(extraction(picture([DOG] * 5), sound(["Bark"] * 5), notes=("audio track 1 used",)))
    assert (verdict.verdict, verdict.reason) == (Outcome.CONSISTENT, None)
    score = of_seconds([DOG] * 5, ["Bark"] * 5)
    assert verdict.score == pytest.approx(to_unit(score.mean()))
    assert verdict.probability == pytest.approx(CALIBRATION.probability(score.mean()))
    assert verdict.threshold == pytest.approx(to_unit(CALIBRATION.threshold(0.1)))
    assert [second.score for second in verdict.seconds] == pytest.approx([to_unit(s) for s in score])
    assert [second.weight for second in verdict.seconds] == [1.0] * 5
    assert [second.mute for second in verdict.seconds] == [None] * 5
    assert [second.level for second in verdict.seconds] == [-20.0] * 5
    assert verdict.spans == ()
    assert verdict.notes == ("audio track 1 used",)
    assert names(verdict.picture)[0] == "a dog"
    assert names(verdict.sound) == ["a dog"]
    assert verdict.explanation.startswith("The sound fits the picture. Seen: a dog")
    assert verdict.explanation.endswith("Heard: a dog.")
    assert verdict.exhibit is None


def test_a_dog_that_sounds_like_an_engine():
    verdict = judged(extraction(picture([DOG] * 4), sound(["Engine"] * 4)))
    assert (verdict.verdict, verdict.reason) == (Outcome.DISCREPANT, None)
    assert verdict.score > verdict.threshold
    (span,) = verdict.spans
    assert (span.span.start, span.span.end) == (0, 4)
    assert span.score == pytest.approx(verdict.score)
    assert span.probability == pytest.approx(verdict.probability)
    assert (span.picture, span.sound) == (verdict.picture, verdict.sound)
    assert verdict.explanation.startswith("The sound does not fit the picture. Seen: a dog")


def test_when_it_does_not_fit():
    seen, heard = [DOG] * 12, ["Bark"] * 4 + ["Engine"] * 5 + ["Bark"] * 3
    score = of_seconds(seen, heard)
    # So lax that the clip as a whole is called; the first and the last seconds fit all the same.
    threshold = float(score.mean()) - 0.01
    made = extraction(picture(seen), sound(heard), duration=Fraction(123, 10))
    verdict = judged(made, calibration(threshold=threshold, even=0))
    assert verdict.verdict is Outcome.DISCREPANT
    # The engine's own first and last second are smoothed with a bark, which is enough for them to fit.
    above = np.flatnonzero(score > threshold)
    assert above.tolist() == [5, 6, 7]
    (span,) = verdict.spans
    assert (span.span.start, span.span.end) == (5, 8)
    assert span.score == pytest.approx(to_unit(score[above].mean()))
    assert names(span.sound)[0] == "an engine"
    assert verdict.seconds[-1].span.end == Fraction(123, 10)


def test_a_silent_gap_joins_a_span_but_has_no_say_in_it():
    heard = ["Engine"] * 4 + ["Silence"] + ["Engine"] * 4
    level = [-20.0] * 4 + [-90.0] + [-20.0] * 4
    verdict = judged(extraction(picture([DOG] * 9), sound(heard, level=level)))
    assert verdict.verdict is Outcome.DISCREPANT
    (span,) = verdict.spans
    assert (span.span.start, span.span.end) == (0, 9)
    score = of_seconds([DOG] * 9, heard)
    assert span.score == pytest.approx(to_unit(np.delete(score, 4).mean()))
    assert span.score == pytest.approx(verdict.score)
    gap = verdict.seconds[4]
    assert (gap.mute, gap.weight) == (Reason.SILENT, 0.0)
    assert gap.score == pytest.approx(to_unit(score[4]))


def test_no_sound_at_all():
    verdict = judged(extraction(picture([DOG] * 3), None))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.NO_AUDIO)
    assert (verdict.score, verdict.probability) == (None, None)
    assert verdict.explanation == Reason.NO_AUDIO.sentence
    assert names(verdict.picture)[0] == "a dog"
    assert verdict.sound == ()
    for second in verdict.seconds:
        assert (second.score, second.weight, second.mute) == (None, 0.0, Reason.NO_AUDIO)
        assert (second.sound, second.level) == ((), None)
        assert names(second.picture)[0] == "a dog"


def test_no_picture_at_all():
    verdict = judged(extraction(None, sound(["Bark"] * 3)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.NO_VIDEO)
    assert (verdict.score, verdict.probability) == (None, None)
    assert verdict.picture == ()
    assert names(verdict.sound) == ["a dog"]
    assert [second.mute for second in verdict.seconds] == [Reason.NO_VIDEO] * 3


def test_a_stream_of_which_nothing_was_decoded():
    verdict = judged(extraction(picture([DOG] * 3), sound([None] * 3)))
    assert (verdict.reason, verdict.score) == (Reason.NO_AUDIO, None)


def test_streams_that_never_meet_have_a_score_but_no_claim():
    heard = [None] * 3 + ["Bark"] * 3
    verdict = judged(extraction(picture([DOG] * 3 + [None] * 3), sound(heard)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.TOO_SHORT)
    assert verdict.score == pytest.approx(to_unit(of_seconds([DOG], ["Bark"])[0]))
    assert verdict.probability is not None
    assert [second.score for second in verdict.seconds] == [None] * 6
    assert [bool(second.picture) for second in verdict.seconds] == [True] * 3 + [False] * 3
    assert [bool(second.sound) for second in verdict.seconds] == [False] * 3 + [True] * 3
    assert [second.mute for second in verdict.seconds] == [Reason.NO_AUDIO] * 3 + [Reason.NO_VIDEO] * 3
    assert (names(verdict.picture)[0], names(verdict.sound)) == ("a dog", ["a dog"])


def test_a_picture_in_only_some_seconds():
    verdict = judged(extraction(picture([None, DOG, DOG, None, DOG]), sound(["Bark"] * 5)))
    assert verdict.verdict is Outcome.CONSISTENT
    missing = [0, 3]
    for at, second in enumerate(verdict.seconds):
        assert (second.score is None) == (at in missing)
        assert (second.picture == ()) == (at in missing)
        assert second.mute is (Reason.NO_VIDEO if at in missing else None)
    # What is missing must not count as a picture of nothing.
    assert verdict.score == pytest.approx(to_unit(of_seconds([DOG], ["Bark"])[0]))


def test_a_sound_too_short_for_the_picture_is_not_said_to_be_missing():
    verdict = judged(extraction(picture([DOG] * 10), sound(["Bark"] + [None] * 9)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.TOO_SHORT)
    assert verdict.score is not None


def test_silence():
    verdict = judged(extraction(picture([DOG] * 3), sound(["Silence"] * 3, level=-160.0)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SILENT)
    assert verdict.score == pytest.approx(to_unit(of_seconds([DOG], ["Silence"])[0]))
    assert [second.level for second in verdict.seconds] == [-160.0] * 3


def test_a_black_picture():
    verdict = judged(extraction(picture([DOG] * 3, contrast=1), sound(["Bark"] * 3)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.PICTURE_SAYS_NOTHING)
    assert verdict.explanation == Reason.PICTURE_SAYS_NOTHING.sentence
    assert verdict.score is not None


@pytest.mark.parametrize("heard", ["Speech", "Music", "Singing"])
def test_speech_or_music_alone_without_a_source(heard):
    verdict = judged(extraction(picture([DOG] * 3), sound([heard] * 3)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.SOUND_SAYS_NOTHING)
    # The seconds are compared like any others, and say of themselves that it means nothing.
    assert [second.mute for second in verdict.seconds] == [Reason.SOUND_SAYS_NOTHING] * 3
    assert [second.weight for second in verdict.seconds] == [0.0] * 3
    assert all(second.score is not None for second in verdict.seconds)


def test_music_with_its_source_in_the_picture():
    verdict = judged(extraction(picture([PIANO] * 3), sound(["Piano"] * 3)))
    assert verdict.verdict is Outcome.CONSISTENT
    assert [second.weight for second in verdict.seconds] == [1.0] * 3


def test_too_short():
    verdict = judged(extraction(picture([DOG]), sound(["Bark"]), duration=Fraction(3, 10)))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.TOO_SHORT)
    assert verdict.score is not None


def test_neither_way():
    made = extraction(picture([DOG] * 3), sound(["Engine"] * 3))
    score = float(of_seconds([DOG] * 3, ["Engine"] * 3).mean())
    verdict = judged(made, calibration(threshold=score + 1, even=score))
    assert (verdict.verdict, verdict.reason) == (Outcome.INCONCLUSIVE, Reason.UNKNOWN_SCENE)
    assert verdict.probability == pytest.approx(0.5)
    assert "neither clearly fits" in verdict.explanation
    assert "Heard: an engine" in verdict.explanation


def test_the_threshold_that_is_told_is_the_one_that_was_used():
    heard = sound(["Speech"] * 2)
    heard.scores[:, [SOUNDS.index("Bark"), SOUNDS.index("Engine")]] = 0.45
    verdict = judged(extraction(picture([DOG] * 2), heard))
    unexplained = 1 - verdict.seconds[0].weight
    assert 0.2 < unexplained < 0.9
    want = CALIBRATION.threshold(0.1) + GENERIC_MARGIN * unexplained
    assert verdict.threshold == pytest.approx(to_unit(want))


def test_named_are_the_first_and_what_is_not_far_behind():
    words = ["a", "b", "c", "d", "e"]
    rows = {
        (0.4, 0.3, 0.1, 0.1, 0.1): ["a", "b", "c"],
        (0.01, 0.97, 0.02, 0, 0): ["b"],
        (0.05, 0.04, 0.07, 0.03, 0.02): ["c"],
        (0.5, 0.5, 0, 0, 0): ["a", "b"],
        (0, 0, 0, 0, 0): [],
    }
    for row, want in rows.items():
        found = named(np.array(row, np.float32), words)
        assert names(found) == want
        assert len(found) <= NAMED
        assert all(concept.probability >= NAMED_FROM for concept in found[1:])


@pytest.mark.parametrize("value", [0.7, 0.9, 0.9999997, 1])
def test_a_mean_over_hours_does_not_drift(value):
    rows = np.full((7200, 2), value, np.float32)
    mean = mean_row(rows, np.ones(7200, np.bool_))
    assert mean.dtype == np.float32
    assert mean.tolist() == rows[0].tolist()


def test_a_mean_is_of_the_seconds_that_count():
    rows = np.array([[0, 1], [1, 0], [0.5, 0.5]], np.float32)
    assert mean_row(rows, np.array([True, False, True])).tolist() == [0.25, 0.75]
    assert mean_row(rows, np.zeros(3, np.bool_)).tolist() == [0, 0]


def test_an_exhibit_goes_along():
    spectrogram = np.zeros((20, 64), np.float32)
    made = replace(
        extraction(picture([DOG] * 2), sound(["Bark"] * 2)),
        thumbnails=((0, b"one"), (1, b"two")),
        spectrogram=spectrogram,
        columns_per_second=10.0,
    )
    exhibit = judged(made).exhibit
    assert isinstance(exhibit, Exhibit)
    assert exhibit.thumbnails == ((Fraction(0), b"one"), (Fraction(1), b"two"))
    assert exhibit.spectrogram is spectrogram
    assert exhibit.columns_per_second == 10

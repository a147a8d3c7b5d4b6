"""The whole way from a file to its document, on the clips that come with vadd and on what becomes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import broken
import media
import vadd
from vadd.demo import clips

SCHEMA = Path(__file__).parents[1] / "docs" / "result.schema.json"


def check_lines(*args: str, cwd: Path | None = None, status: int) -> list[str]:
    """Lines that ``vadd check --json`` writes."""
    command = [sys.executable, "-m", "vadd", "check", "--json", *args]
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, timeout=120, encoding="utf-8")
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout.splitlines()


def outcome(verdict: vadd.Verdict) -> tuple[str, str | None]:
    return verdict.verdict.value, verdict.reason and verdict.reason.value


@pytest.fixture(scope="module")
def own() -> vadd.Verdict:
    return vadd.check(broken.GOOD)


def test_demo_clips_from_anywhere(tmp_path, own):
    """The verdicts that they should get, in documents of the published form, whichever way one asks."""
    paths = [str(clip.path) for clip in clips()]
    lines = check_lines(*paths, cwd=tmp_path, status=1)
    documents = [json.loads(line) for line in lines]
    schema = json.loads(SCHEMA.read_text())
    for document in documents:
        jsonschema.validate(document, schema, cls=jsonschema.Draft202012Validator)
        assert "/" not in document["provenance"]["inputs"][0]["name"]
        assert all(len(digest) == 64 for digest in document["provenance"]["hashes"].values())
    assert [document["verdict"] for document in documents] == [clip.expected.value for clip in clips()]
    # The same bytes from elsewhere, by a relative name, one at a time, and from Python.
    folder = broken.GOOD.parent
    assert check_lines(broken.GOOD.name, cwd=folder, status=0) == lines[:1]
    assert documents[0] == vadd.document(own)
    assert sorted(tmp_path.iterdir()) == []


def test_document_tells_of_each_second(own):
    document = vadd.document(own)
    assert [(s["start"], s["end"]) for s in document["seconds"]][:2] == [(0.0, 1.0), (1.0, 2.0)]
    assert document["seconds"][-1]["end"] == document["duration"] == pytest.approx(10, abs=0.1)
    assert len(document["seconds"]) == 10
    samples = broken.samples_of()[0]
    for at, second in enumerate(document["seconds"][:9]):
        heard = samples[at * broken.RATE : (at + 1) * broken.RATE]
        assert second["level"] == pytest.approx(10 * np.log10(np.mean(heard**2)), abs=1.5)
        assert 0 <= second["score"] < document["threshold"]


def test_spans_of_the_discrepant_clip():
    verdict = vadd.check(broken.SWAPPED)
    assert verdict.threshold < verdict.score
    assert verdict.probability > 0.75
    assert verdict.spans
    assert sum(float(span.span.end - span.span.start) for span in verdict.spans) > 5


def test_sound_of_another_clip_fits_worse(own):
    """Each sound and each picture of the sheep, with those of the other clip."""
    detector = vadd.Detector()
    same = detector.check_pair(broken.GOOD, broken.GOOD)
    assert (same.score, same.verdict) == (own.score, own.verdict)
    for picture, sound in ((broken.GOOD, broken.SWAPPED), (broken.SWAPPED, broken.GOOD)):
        lines = check_lines(
            "--picture", str(picture), "--sound", str(sound), status=0 if picture == broken.GOOD else 1
        )
        (document,) = map(json.loads, lines)
        assert document["score"] > own.score
        assert [(i["role"], i["name"]) for i in document["provenance"]["inputs"]] == [
            ("picture", picture.name), ("sound", sound.name),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("sound", "heard"), [(broken.voice, "speech"), (broken.chords, "music")], ids=["voice", "chords"]
)
def test_speech_or_music_alone_says_nothing(tmp_path, sound, heard):
    verdict = vadd.check(broken.over(tmp_path / "clip.mkv", sound(10)))
    assert verdict.sound[0].name == heard
    assert outcome(verdict) == ("inconclusive", "sound_says_nothing")
    assert verdict.score > 0


def loudness(samples: np.ndarray, decibels: float) -> np.ndarray:
    """``samples`` with this RMS, dBFS."""
    return samples * np.float32(10 ** (decibels / 20) / np.sqrt(np.mean(samples**2)))


@pytest.mark.parametrize("decibels", [-35, -60])
def test_quiet_sound_keeps_its_verdict(tmp_path, own, decibels):
    verdict = vadd.check(broken.over(tmp_path / "clip.mkv", loudness(broken.samples_of(), decibels)))
    assert outcome(verdict) == ("consistent", None)
    assert verdict.score == pytest.approx(own.score, abs=0.05)


def test_sound_below_minus_70_is_silence(tmp_path):
    verdict = vadd.check(broken.over(tmp_path / "clip.mkv", loudness(broken.samples_of(), -78)))
    assert outcome(verdict) == ("inconclusive", "silent")
    assert verdict.score is not None


def test_sound_that_starts_late_keeps_its_time(tmp_path, own):
    samples = broken.samples_of()[:, 3 * broken.RATE : 9 * broken.RATE]
    verdict = vadd.check(broken.over(tmp_path / "clip.mkv", samples, start=3))
    assert len(verdict.seconds) == len(own.seconds) == 10
    assert [second.mute and second.mute.value for second in verdict.seconds] == (
        3 * ["no_audio"] + 6 * [None] + ["no_audio"]
    )
    for at in range(4, 8):  # further in, a second is heard together with the same neighbours
        assert verdict.seconds[at].level == pytest.approx(own.seconds[at].level, abs=1.5)
        assert verdict.seconds[at].score == pytest.approx(own.seconds[at].score, abs=0.05)
    assert outcome(verdict) == ("consistent", None)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_rotated_copy_is_seen_upright(tmp_path, own, turned):
    sounds = [media.Sound(broken.samples_of(), broken.RATE)]
    rotated = vadd.check(broken.filmed(tmp_path / "rotated.mp4", sounds, turned=turned))
    assert outcome(rotated) == ("consistent", None)
    assert rotated.picture[0].name == own.picture[0].name == "sheep or goats"
    assert rotated.score == pytest.approx(own.score, abs=0.05)


def test_picture_on_its_side_is_seen_as_it_is(tmp_path):
    """What the test above rests on: without the turn that the file asks for, less of the sheep is seen."""
    sounds = [media.Sound(broken.samples_of(), broken.RATE)]
    verdict = vadd.check(broken.filmed(tmp_path / "lying.mp4", sounds, turned=90, told=False))
    assert verdict.picture[0].name != "sheep or goats"

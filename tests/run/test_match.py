from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import media
import vadd.demo
from vadd.detect.calibrate import Calibration
from vadd.detect.engine import DetectorCard, Engine
from vadd.detect.score import to_unit
from vadd.detect.verdict import Concept, Reason
from vadd.errors import MediaError, UsageError
from vadd.media.align import LEAST_CHANCE
from vadd.media.fingerprint import RATE, Fingerprint
from vadd.media.limits import Limits
from vadd.run import match as module
from vadd.run import measured as measuring
from vadd.run.match import match
from vadd.run.match_cache import Cache
from vadd.run.match_document import COLUMNS, document, table
from vadd.run.match_page import page
from vadd.run.match_schema import json_schema, validate
from vadd.run.match_text import lines
from vadd.run.measured import STRETCHES, Measured, Measurer, Side
from vadd.run.occurrences import FALSE_MATCHES, Search

DEMO = Path(vadd.demo.__file__).parent
SHEEP, ENGINE = DEMO / "sheep.mp4", DEMO / "fire_engine.mp4"


class Told:
    """A measurer that counts what it is asked, and answers ``A`` with the hash of the file."""

    def __init__(self, engine, limits=None, **changes):
        self.engine, self.limits, self.changes, self.calls = engine, limits or Limits(), changes, 0

    def measure(self, path):
        self.calls += 1
        return replace(
            A, file=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest(), **self.changes
        )


class Made(Engine):
    """Three scenes; picture and sound fit as far as they agree."""

    card = DetectorCard("made", "", (), "", "made clips", ())
    calibration = Calibration(tuple(float(i) for i in range(9)), 1.0, 0.0, "made clips")
    generic = 0.0

    def observe(self, *_, **__):
        raise NotImplementedError

    def seconds(self, picture, sound):
        return 2 - 4 * (picture * sound).sum(axis=1).astype(np.float64)

    def unexplained(self, picture, sound):
        return np.where(sound[:, 2] > 0.5, self.generic, 0.0)

    def hashes(self):
        return {"made": 64 * "0"}


class Shelf:
    """What would be measured of files, by name."""

    def __init__(self, **files: Measured) -> None:
        self.files, self.asked = files, []

    def measured(self, path, measurer):
        self.asked.append(path.name)
        return replace(self.files[path.name.removesuffix(".mp4")], file=str(path))


def side(*scenes: int) -> Side:
    rows = np.eye(3, dtype=np.float32)[list(scenes)]
    return Side(rows, rows, tuple(Concept(f"scene {scene}", 0.5) for scene in scenes[:1]))


def heard(seed: int, seconds: float = 6) -> Fingerprint:
    rng = np.random.default_rng(seed)
    return Fingerprint(np.clip(32 * rng.standard_normal(round(seconds * RATE)), -127, 127).astype(np.int8))


def clip(picture: Side, sound: Side, fingerprint: Fingerprint | None = None, digit: str = "a") -> Measured:
    unheard = None if fingerprint else (Reason.NO_AUDIO, Reason.NO_AUDIO.sentence)
    return Measured("", 64 * digit, picture, sound, fingerprint, unheard)


@pytest.fixture
def engine(monkeypatch):
    made = Made()
    monkeypatch.setattr(module.models, "load", lambda name: made)
    return made


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    def make(**files):
        for name in files:
            (tmp_path / f"{name}.mp4").write_bytes(b"x")
        monkeypatch.chdir(tmp_path)
        return Shelf(**files)

    return make


A = clip(side(0, 0, 1), side(0, 1), heard(1))
NO_PICTURE, NO_SOUND = Side.without(Reason.NO_VIDEO), Side.without(Reason.NO_AUDIO)


def test_pictures_are_ranked_by_how_the_sound_fits_over_all_pairs_of_stretches(engine, shelf):
    files = shelf(
        a=A, b=clip(side(2), NO_SOUND), c=clip(side(0, 1), NO_SOUND), d=clip(side(0, 0, 0, 2), NO_SOUND)
    )
    found = match("a.mp4", ["b.mp4", "c.mp4", "d.mp4"], cache=files)
    ranking = {each.by: each for each in found.rankings}["sound"]
    # Shares of pairs of the same scene, counted by hand: c 2 of 4, d 3 of 8, b none.
    shares = {"c.mp4": 2 / 4, "d.mp4": 3 / 8, "b.mp4": 0}
    assert [fit.file for fit in ranking.ranked] == list(shares)
    for fit in ranking.ranked:
        discrepancy = 2 - 4 * shares[fit.file]
        assert fit.score == pytest.approx(1 - to_unit(discrepancy))
        assert fit.probability == pytest.approx(max(1 / 10, min(9 / 10, 1 / (1 + np.exp(discrepancy)))))
    # Its own picture agrees in 3 of 6 pairs: as well as the best.
    assert ranking.own_rank == 1
    assert ranking.own.score == pytest.approx(ranking.ranked[0].score)


def test_sounds_are_ranked_for_a_picture(engine, shelf):
    files = shelf(a=A, b=clip(NO_PICTURE, side(2)), c=clip(NO_PICTURE, side(0)))
    (ranking,) = match("a.mp4", ["b.mp4", "c.mp4"], by="picture", cache=files).rankings
    assert ranking.by == "picture"
    assert [fit.file for fit in ranking.ranked] == ["c.mp4", "b.mp4"]
    assert ranking.ranked[0].concepts[0].name == "scene 0"


def test_without_by_there_is_a_ranking_for_each_side_there_is(engine, shelf):
    def sides(file):
        files = shelf(a=file, b=clip(side(0), side(0)))
        return [each.by for each in match("a.mp4", ["b.mp4"], cache=files).rankings]

    assert sides(A) == ["sound", "picture"]
    assert sides(clip(NO_PICTURE, side(0))) == ["sound"]
    assert sides(clip(side(0), NO_SOUND)) == ["picture"]
    assert sides(clip(side(0), Side.without(Reason.SILENT))) == ["sound", "picture"]


@pytest.mark.parametrize("reason", [Reason.SILENT, Reason.DAMAGED, Reason.UNKNOWN_SCENE, Reason.TOO_SHORT])
def test_what_cannot_be_judged_is_told_and_never_ranked(engine, shelf, reason):
    files = shelf(a=A, b=clip(side(0), Side.without(reason, "because")), c=clip(side(0), side(0)))
    (ranking,) = match("a.mp4", ["b.mp4", "c.mp4"], by="picture", cache=files).rankings
    assert [fit.file for fit in ranking.ranked] == ["c.mp4"]
    assert [(left.file, left.reason, left.message) for left in ranking.unranked] == [
        ("b.mp4", reason, "because")
    ]


def test_a_side_that_cannot_be_judged_ranks_nothing(engine, shelf):
    files = shelf(a=clip(side(0), Side.without(Reason.SILENT)), b=clip(side(0), side(0)))
    (ranking,) = match("a.mp4", ["b.mp4"], by="sound", cache=files).rankings
    assert ranking.reason is Reason.SILENT
    assert ranking.ranked == ()
    assert ranking.unranked == ()
    assert ranking.own is None


def test_a_sound_of_speech_alone_fits_no_picture(engine, shelf):
    engine.generic = 0.99
    files = shelf(a=A, b=clip(NO_PICTURE, side(2)), c=clip(NO_PICTURE, side(1)))
    (ranking,) = match("a.mp4", ["b.mp4", "c.mp4"], by="picture", cache=files).rankings
    assert [fit.file for fit in ranking.ranked] == ["c.mp4"]
    assert ranking.unranked[0].reason is Reason.SOUND_SAYS_NOTHING


def test_a_tie_is_broken_by_name(engine, shelf):
    same = clip(side(0), side(0))
    files = shelf(a=A, z=same, m=same, c=same)
    (ranking,) = match("a.mp4", ["z.mp4", "m.mp4", "c.mp4"], by="sound", cache=files).rankings
    assert [fit.file for fit in ranking.ranked] == ["c.mp4", "m.mp4", "z.mp4"]


def test_the_file_itself_is_left_out_by_whatever_path(engine, shelf, tmp_path):
    files = shelf(a=A, b=clip(side(0), side(0)))
    (tmp_path / "link.mp4").symlink_to("a.mp4")
    found = match("a.mp4", ["./a.mp4", tmp_path / "a.mp4", "link.mp4", "b.mp4"], cache=files)
    assert found.compared == 1
    assert files.asked == ["a.mp4", "b.mp4"]
    with pytest.raises(UsageError, match="nothing to compare"):
        match("a.mp4", ["a.mp4"], cache=files)


def test_progress_counts_files(engine, shelf):
    told = []
    files = shelf(a=A, b=A, c=A)
    match("a.mp4", ["b.mp4", "c.mp4"], cache=files, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_where_the_same_sound_occurs(engine, shelf):
    part = Fingerprint(np.concatenate([heard(7, 3).samples, A.fingerprint.samples[RATE : 5 * RATE]]))
    files = shelf(
        a=A,
        b=clip(side(0), side(0), heard(2), "b"),
        c=clip(side(0), side(0), part, "c"),
        d=clip(side(0), side(0), A.fingerprint, "a"),
        e=clip(side(0), NO_SOUND),
    )
    found = match("a.mp4", ["b.mp4", "c.mp4", "d.mp4", "e.mp4"], cache=files)
    assert [(each.file, each.same_bytes) for each in found.found] == [("d.mp4", True), ("c.mp4", False)]
    (stretch,) = found.found[1].stretches
    assert stretch.start == pytest.approx(1, abs=0.26)
    assert stretch.other - stretch.start == pytest.approx(2, abs=0.001)
    assert stretch.length == pytest.approx(4, abs=0.3)
    assert found.found[1].chances == (LEAST_CHANCE,)
    assert found.searched == 3
    assert [(left.file, left.reason) for left in found.unsearched] == [("e.mp4", Reason.NO_AUDIO)]
    assert found.unheard is None


def test_a_sound_that_is_not_there_or_too_short_is_not_looked_for(engine, shelf):
    def unheard(file):
        return match("a.mp4", ["b.mp4"], cache=shelf(a=file, b=A)).unheard

    assert unheard(clip(side(0), NO_SOUND)) == Reason.NO_AUDIO.sentence
    assert "too little" in unheard(clip(side(0), side(0), heard(1, 0.5)))


def test_the_more_is_searched_the_more_a_stretch_must_show():
    # Half a block of agreement in noise: enough in one file, not enough among many.
    a, b = heard(1).samples.astype(float), heard(2).samples.astype(float)
    weak = np.clip(0.05 * a + b, -127, 127).astype(np.int8)
    few, many = (Search(heard(1), None) for _ in range(2))
    few.add("x", None, Fingerprint(weak))
    many.add("x", None, Fingerprint(weak))
    (found,) = few.found()
    least = found.chances[0]
    assert least <= FALSE_MATCHES
    many._needle.places = int(many.places * 2 * FALSE_MATCHES / least)
    assert many.found() == ()


def test_one_of_many_that_cannot_be_opened_does_not_end_the_others(tmp_path, engine, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"1")
    os.mkfifo(tmp_path / "pipe.mp4")
    others = [tmp_path / "gone.mp4", tmp_path / "pipe.mp4"]
    cache = Cache(tmp_path / "cache")
    kept = Told(engine)
    cache.measured(tmp_path / "a.mp4", kept)
    found = match(tmp_path / "a.mp4", others, cache=cache)
    for ranking in found.rankings:
        assert [left.reason for left in ranking.unranked] == [Reason.UNREADABLE] * 2
    assert "not a regular file" in found.unsearched[1].message
    with pytest.raises(UsageError, match="does not exist"):
        match(others[0], [tmp_path / "a.mp4"], cache=cache)


# --- documents ---


@pytest.fixture
def full(engine, shelf):
    files = shelf(
        a=A,
        b=clip(side(0), side(1), A.fingerprint, "b"),
        c=clip(side(1), Side.without(Reason.SILENT)),
        d=clip(Side.without(Reason.NOT_MEDIA), Side.without(Reason.NOT_MEDIA)),
    )
    return match("a.mp4", ["b.mp4", "c.mp4", "d.mp4"], cache=files)


def test_the_document_has_the_published_form(full):
    told = json.loads(json.dumps(document(full), allow_nan=False))
    validate(told)
    jsonschema.validate(told, json_schema())
    assert told["same_sound"]["found"][0]["file"] == "b.mp4"
    assert [fit["rank"] for fit in told["rankings"][0]["ranked"]] == [1, 2]
    assert len(document(full, top=1)["rankings"][0]["ranked"]) == 1
    assert document(full, top=1)["rankings"][0]["judged"] == 2


def test_the_table_has_a_row_for_everything(full):
    rows = list(csv.DictReader(io.StringIO(table(full))))
    assert tuple(rows[0]) == COLUMNS
    kinds = [(row["kind"], row["file"], row["rank"], row["reason"]) for row in rows]
    assert ("same_sound", "b.mp4", "", "") in kinds
    assert ("fits_sound", "b.mp4", "1", "") in kinds
    assert ("fits_picture", "c.mp4", "", "silent") in kinds
    assert ("same_sound", "d.mp4", "", "no_audio") in kinds


def test_the_lines_say_what_was_found(full):
    text = "\n".join(lines(full, 1))
    assert "Pictures that its sound fits (heard: scene 0)" in text
    assert "c.mp4  (" not in text  # the second of a ranking of one
    assert "0.000-6.000 s is 0.000-6.000 s there: 6.00 s, similarity 1.00" in text
    assert "not judged, 1 file: 1 not_media" in text
    assert "learnt on made clips" in text


def test_the_page_is_alone_and_shows_names_as_they_are(full):
    evil = replace(full, file="<script>alert(1)</script>.mp4")
    text = page(evil, 10)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.mp4" in text
    assert "default-src &#39;none&#39;" in text
    assert text.count("<polygon") == 1
    assert "0.000-6.000 s is 0.000-6.000 s there" in text
    assert "http" not in text.replace("http-equiv", "")
    assert page(evil, 10) == text


# --- files ---


def test_real_files_from_the_first_byte_to_the_last(tmp_path):
    """A clip against another, a recording of a part of its sound, silence and rubbish."""
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(SHEEP.read_bytes())
    (tmp_path / "bad.mp4").write_bytes(b"rubbish")
    silent = media.write(
        tmp_path / "silent.wav", None, [media.Sound(np.zeros((1, 80_000)), codec="pcm_s16le")]
    )
    cache = Cache(tmp_path / "cache")
    others = [ENGINE, copy, tmp_path / "bad.mp4", silent]
    found = match(SHEEP, others, cache=cache)
    validate(document(found))
    by = {each.by: each for each in found.rankings}
    assert by["sound"].ranked[0].file == str(copy)
    assert by["picture"].ranked[0].file == str(copy)
    fits = {Path(fit.file).name: fit.probability for fit in by["sound"].ranked}
    assert fits["copy.mp4"] > 0.5 > fits["fire_engine.mp4"]
    assert by["sound"].own.score == pytest.approx(by["sound"].ranked[0].score)
    left = {Path(each.file).name: each.reason for each in by["picture"].unranked}
    assert left == {"bad.mp4": Reason.NOT_MEDIA, "silent.wav": Reason.SILENT}
    assert [(Path(each.file).name, each.same_bytes) for each in found.found] == [("copy.mp4", True)]
    assert (found.found[0].stretches[0].start, found.found[0].stretches[0].other) == (0, 0)

    assert cache.hits == 1  # the copy: its bytes had been measured
    again = Cache(tmp_path / "cache")
    assert document(match(SHEEP, others, cache=again)) == document(found)
    assert again.hits == 5


def test_the_cache_knows_what_it_is_of(tmp_path, engine, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1")
    cache, measurer = Cache(tmp_path / "cache"), Told(engine)
    first = cache.measured(path, measurer)
    second = cache.measured(path, measurer)
    assert measurer.calls == 1
    assert second.sha256 == first.sha256
    assert second.picture.concepts == first.picture.concepts
    assert np.array_equal(second.picture.rows, first.picture.rows)
    assert np.array_equal(second.fingerprint.samples, first.fingerprint.samples)
    path.write_bytes(b"2")
    cache.measured(path, measurer)
    assert measurer.calls == 2
    path.write_bytes(b"1")
    other = Told(engine, Limits(seconds=9))
    cache.measured(path, other)
    assert other.calls == 1
    monkeypatch.setattr(engine, "hashes", lambda: {"made": 64 * "1"}, raising=False)
    cache.measured(path, measurer)
    assert measurer.calls == 3
    # An entry that was damaged is made anew.
    for entry in (tmp_path / "cache").rglob("*.npz"):
        entry.write_bytes(entry.read_bytes()[:100])
    cache.measured(path, measurer)
    cache.measured(path, measurer)
    assert measurer.calls == 4
    assert not list((tmp_path / "cache").rglob("*.part"))


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.CRASHED, Reason.LIMIT, Reason.CHANGED])
def test_a_failure_that_another_day_may_not_meet_is_not_kept(tmp_path, engine, reason):
    measurer = Told(engine, picture=Side.without(reason))
    path = tmp_path / "a.mp4"
    path.write_bytes(b"1")
    for _ in range(2):
        Cache(tmp_path / "cache").measured(path, measurer)
    assert measurer.calls == 2


def test_a_picture_that_fails_leaves_the_sound_to_be_searched(monkeypatch, tmp_path, engine):
    path = media.clip(
        tmp_path / "a.mp4", 3, sound=media.tone(3) * np.random.default_rng(1).random(48_000, np.float32)
    )

    def fails(*_, **__):
        raise MediaError("crashed", "the decoder crashed")

    monkeypatch.setattr(measuring, "extract", fails)
    with Measurer(engine, Limits()) as measurer:
        found = measurer.measure(path)
    assert found.picture.reason is Reason.CRASHED
    assert found.sound.reason is Reason.CRASHED
    assert found.fingerprint is not None
    assert len(found.sha256) == 64


def test_stretches_are_means_in_order():
    rows = np.arange(40, dtype=np.float32).reshape(20, 2)
    found = measuring._summed_up(rows)
    assert len(found) == STRETCHES
    assert found[0] == pytest.approx(rows[:3].mean(axis=0))
    assert found[-1] == pytest.approx(rows[-2:].mean(axis=0))
    assert np.array_equal(measuring._summed_up(rows[:5]), rows[:5])


@pytest.mark.shared
def test_real_sounds_are_found_in_their_own_recording_and_nowhere_else(shared):
    from vadd.media.fingerprint import fingerprint

    paths = sorted((shared / "clips").glob("beasteers__*.mp4"))[:4]
    prints = [fingerprint(path) for path in paths]
    for own, sound in enumerate(prints):
        search = Search(Fingerprint(sound.samples[2 * RATE : 8 * RATE]), None)
        for path, other in zip(paths, prints, strict=True):
            search.add(path.name, None, other)
        (found,) = search.found()
        assert found.file == paths[own].name
        assert found.stretches[0].other - found.stretches[0].start == pytest.approx(2, abs=0.001)

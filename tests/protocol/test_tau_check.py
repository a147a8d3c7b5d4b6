"""The folder of TAU: lists that contradict each other, files that are not what they should be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import media
from made_tau import TEST, TRAIN, write_clips, write_lists
from vadd.errors import ProtocolError, UsageError
from vadd.protocol import tau_lists_check
from vadd.protocol.tau import TauClip, evaluation_sources, read_clips, read_evaluation, tau_sources
from vadd.protocol.tau_check import check
from vadd.protocol.tau_info import spread
from vadd.protocol.tau_lock import LOCK, Archive, Kept, Lock, write_lock


def found(folder: Path, **options) -> list[tuple[str, str]]:
    report = check(folder, **options)
    assert json.loads(json.dumps(report.to_json()))["whole"] == report.whole == (not report.problems)
    return [(each.kind, each.what) for each in report.problems]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tau")
    write_lists(folder)
    write_clips(folder)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    """Links to all files, so that a test can change some."""
    for path in whole.rglob("*"):
        target = tmp_path / path.relative_to(whole)
        if path.is_dir():
            target.mkdir()
        else:
            target.symlink_to(path)
    return tmp_path


def test_a_whole_set(whole, monkeypatch):
    seen = []
    report = check(whole, part=True, progress=lambda *now: seen.append(now))
    assert report.whole
    assert (report.absent, report.opened, report.compared) == (0, 8, 0)
    assert report.counts == {"train": {"bus": 1, "park": 1}, "test": {"bus": 1, "tram": 1}}
    assert seen[-1] == (8, 8)
    assert found(whole) == [("count", "train"), ("count", "test")]
    monkeypatch.setitem(tau_lists_check.EXPECTED, "development", {"train": 2, "test": 2})
    assert found(whole, quick=True) == []


def test_files_that_are_wrong(copy):
    video, audio = copy / "video", copy / "audio"
    for path in (video / f"{TRAIN[0]}.mp4", audio / f"{TRAIN[1]}.wav", video / f"{TEST[1]}.mp4"):
        path.unlink()
    (video / f"{TRAIN[0]}.mp4").write_bytes(b"no media at all")
    (audio / "strange.wav").write_bytes(b"")
    (audio / ".hidden").write_bytes(b"")
    (audio / f"{TEST[0]}.wav").unlink()
    sound = media.Sound(media.tone(9.0, 8_000), 8_000, codec="pcm_s16le")
    media.write(audio / f"{TEST[0]}.wav", None, [sound])
    # A file that holds only sound, as one clip of the published set is said to.
    media.write(video / f"{TEST[1]}.mp4", None, [media.Sound(media.tone(10.0))])
    assert found(copy, part=True, workers=2) == [
        ("unlisted", "audio/strange.wav"),
        ("unreadable", f"video/{TRAIN[0]}.mp4"),
        ("duration", f"audio/{TEST[0]}.wav"),
        ("lengths", TEST[0]),
        ("unreadable", f"video/{TEST[1]}.mp4"),
    ]
    report = check(copy, quick=True)
    assert report.opened == 0
    assert [each.what for each in report.by_kind()["missing"]] == [f"audio/{TRAIN[1]}.wav"]
    assert check(copy, quick=True, part=True).absent == 1
    assert found(copy, part=True, tolerance=1.5)[2:] == [("unreadable", f"video/{TEST[1]}.mp4")]


def test_files_that_end_early(copy):
    video, audio = copy / "video" / f"{TRAIN[0]}.mp4", copy / "audio" / f"{TRAIN[1]}.wav"
    for path in (video, audio):
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
    frames = media.Picture(media.moving(10, 2, (64, 64)), rate=2, size=(64, 64))
    media.cut(media.write(video, frames, movflags="faststart"), 0.8)
    media.cut(audio, 0.8)
    report = check(copy, part=True)
    assert [(each.kind, each.what) for each in report.problems] == [
        ("unreadable", f"video/{TRAIN[0]}.mp4"),
        ("duration", f"audio/{TRAIN[1]}.wav"),
        ("lengths", TRAIN[1]),
    ]
    assert "ends before its last frame" in report.problems[0].text


def test_bytes_that_changed(copy):
    with pytest.raises(UsageError, match=r"no tau\.lock\.json"):
        check(copy, compare=True)
    kept = {}
    for path in (copy / "audio").iterdir():
        data = path.read_bytes()
        kept[f"audio/{path.name}"] = Kept("a", len(data), hashlib.sha256(data).hexdigest())
    write_lock(copy, Lock("1", {"a": Archive(1, "0" * 32, "0" * 64)}, kept))
    report = check(copy, compare=True, quick=True, part=True)
    assert report.whole
    assert report.compared == 4
    path = copy / "audio" / f"{TEST[0]}.wav"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)
    (copy / "audio" / f"{TEST[1]}.wav").unlink()
    assert found(copy, compare=True, part=True) == [("changed", f"audio/{TEST[0]}.wav")]
    problems = found(copy, compare=True, quick=True)
    changed = {what for kind, what in problems if kind == "changed"}
    assert changed == {f"audio/{name}.wav" for name in TEST}
    (copy / LOCK).write_text("{")
    with pytest.raises(ProtocolError, match="damaged"):
        check(copy, compare=True)


@pytest.mark.parametrize("tolerance", [-1, float("nan"), float("inf")])
def test_a_tolerance_that_is_none(whole, tolerance):
    with pytest.raises(UsageError, match="tolerance"):
        check(whole, tolerance=tolerance)


def test_lists_that_contradict_each_other(tmp_path):
    setup = write_lists(
        tmp_path,
        ("bus-lyon-2-1", "bus-lyon-2-1", "moon-x-1-1", "park-lyon-4-1"),
        ("bus-lyon-2-9", "tram-x-5-1"),
    )
    (setup / "fold1_evaluate.csv").write_text(
        "filename_audio\tfilename_video\tscene_label\naudio/bus-lyon-2-9.wav\tvideo/bus-lyon-2-9.mp4\tpark\n"
        "audio/park-lyon-9-9.wav\tvideo/park-lyon-9-9.mp4\tpark\n"
    )
    text = (setup / "fold1_train.csv").read_text()
    (setup / "fold1_train.csv").write_text(
        text.replace("park-lyon-4-1.mp4\tpark", "park-lyon-4-1.mp4\tbus").replace(
            "audio/park-lyon-4", "audio/park-lyon-5"
        )
    )
    report = check(tmp_path, part=True, quick=True)
    assert [(each.kind, each.what) for each in report.problems] == [
        ("twice", "bus-lyon-2-1"),
        ("name", "moon-x-1-1"),
        ("pair", "park-lyon-4-1"),
        ("scene", "park-lyon-4-1"),
        ("location", "lyon-2"),
        ("evaluate", "bus-lyon-2-9"),
        ("evaluate", "park-lyon-9-9"),
        ("evaluate", "tram-x-5-1"),
    ]
    assert report.problems[0].text.startswith("fold1_train.csv, line 3: ")
    assert list(report.by_kind()) == ["name", "scene", "twice", "pair", "evaluate", "location"]
    assert report.counts["train"] == {"": 1, "bus": 2, "park": 1}


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "fold1_evaluate.csv",
            "bus-prague-7-3",
            "bus-prague-7-4",
            r"line 2: 'bus-prague-7-4' is not in fold1_test",
        ),
        ("fold1_evaluate.csv", "mp4\tbus", "mp4\ttram", r"line 2: bus-prague-7-3 is called 'tram'"),
        (
            "fold1_evaluate.csv",
            "audio/tram-paris-8-4.wav\tvideo/tram-paris-8-4.mp4\ttram\n",
            "",
            "lacks tram",
        ),
        ("fold1_train.csv", "mp4\tbus", "mp4\ttram", r"line 3: bus-lyon-2-1 is called 'tram'"),
        ("fold1_train.csv", "bus-lyon-2-1", "park-lyon-12-9", "listed twice"),
        (
            "fold1_test.csv",
            "bus-prague-7-3",
            "bus-lyon-2-1",
            r"line 2: bus-lyon-2-1 is in fold1_train\.csv too",
        ),
        ("fold1_test.csv", "audio/bus", "audio/tram", "the sound of bus-prague-7-3 is called"),
        ("fold1_test.csv", "bus-prague-7-3", "bus", "is not scene-city-location-segment"),
        ("fold1_test.csv", "audio/bus-prague-7-3.wav\tvideo/bus-prague-7-3.mp4", "a\t", "names no file"),
    ],
)
def test_folds_are_read_strictly(tmp_path, file, old, new, told):
    setup = write_lists(tmp_path)
    assert len(read_clips(tmp_path)) == 4
    text = (setup / file).read_text()
    assert old in text
    (setup / file).write_text(text.replace(old, new))
    with pytest.raises(ProtocolError, match=told):
        read_clips(tmp_path)


def test_the_third_list_may_be_absent(tmp_path):
    setup = write_lists(tmp_path)
    (setup / "fold1_evaluate.csv").unlink()
    assert len(read_clips(tmp_path)) == 4


EVALUATION = ("1", "10", "2")


def test_the_evaluation_set(tmp_path):
    write_lists(tmp_path, (), EVALUATION)
    write_clips(tmp_path, EVALUATION, seconds=2.0)
    assert read_evaluation(tmp_path) == read_evaluation(tmp_path / "meta") == EVALUATION
    assert read_evaluation(tmp_path / "meta" / "evaluation_setup" / "fold1_test.csv") == EVALUATION
    sources = evaluation_sources(tmp_path)
    assert [(each.name, each.picture, each.sound, each.scene) for each in sources] == [
        (name, tmp_path / "video" / f"{name}.mp4", tmp_path / "audio" / f"{name}.wav", "")
        for name in EVALUATION
    ]
    report = check(tmp_path, part=True)
    assert report.whole
    assert report.which == "evaluation"
    assert report.counts == {"test": {"": 3}}
    assert found(tmp_path, quick=True) == [("count", "test")]
    with pytest.raises(UsageError, match="the evaluation set has no folds"):
        read_clips(tmp_path)
    (tmp_path / "audio" / "2.wav").unlink()
    with pytest.raises(UsageError, match=r"1 files that .* are not there"):
        evaluation_sources(tmp_path)


def test_what_is_no_evaluation_set(tmp_path):
    with pytest.raises(UsageError, match=r"there is no fold1_train\.csv"):
        read_evaluation(tmp_path)
    setup = write_lists(tmp_path)
    with pytest.raises(ProtocolError, match="not of the evaluation set"):
        read_evaluation(tmp_path)
    (setup / "fold1_test.csv").write_text("filename_audio\tfilename_video\n")
    with pytest.raises(ProtocolError, match="names no clips"):
        read_evaluation(setup / "fold1_test.csv")
    with pytest.raises(UsageError, match="cannot read"):
        read_evaluation(tmp_path / "none.csv")


def test_scenes_may_have_folders_of_their_own(copy):
    for path in list((copy / "video").iterdir()):
        scene = copy / "video" / path.name.partition("-")[0]
        scene.mkdir(exist_ok=True)
        path.rename(scene / path.name)
    assert all(source.picture.parent.name == source.scene for source in tau_sources(copy))
    assert found(copy, part=True, quick=True) == []


def test_how_clips_are_spread():
    clips = [
        TauClip("bus-lyon-1-1", "bus", "lyon", "1", "train"),
        TauClip("bus-lyon-1-2", "bus", "lyon", "1", "train"),
        TauClip("bus-lyon-2-3", "bus", "lyon", "2", "test"),
        TauClip("park-paris-3-4", "park", "paris", "3", "train"),
        TauClip("park-paris-3-5", "park", "paris", "3", "test"),
    ]
    told = spread(clips)
    assert told.count("train") == 3
    assert told.count("test", city="paris") == told.places("test", scene="bus") == 1
    assert told.shared == 1
    text = told.lines()
    assert text[0].split() == ["lyon", "paris", "all", "places"]
    assert text[1].split() == ["bus", "2/1", "0/0", "2/1", "1/1"]
    assert text[4].split() == ["places", "1/1", "1/1", "2/2"]
    assert "33% of the clips of lyon are for testing, 50% of paris" in text[7]
    assert "2 of 4 pairs have no clip: bus in paris, park in lyon" in text
    assert any("1 places are in both folds" in line for line in text)
    document = json.loads(json.dumps(told.to_json()))
    assert document["table"]["bus"]["lyon"]["train"] == {"clips": 2, "locations": 1}
    assert document["clips"] == {"train": 3, "test": 2}


@pytest.mark.shared
def test_the_true_set(shared, tmp_path):
    clips = read_clips(shared / "tau" / "development.csv")
    folds = {fold: [clip.name for clip in clips if clip.split == fold] for fold in ("train", "test")}
    write_lists(tmp_path, folds["train"], folds["test"])
    assert read_clips(tmp_path) == clips
    report = check(tmp_path, quick=True, part=True)
    assert report.whole
    assert report.absent == 2 * 12_291
    assert [each.kind for each in check(tmp_path, quick=True).problems[:3]] == ["missing"] * 3
    told = spread(clips)
    assert (told.places("train"), told.places("test"), told.shared) == (305, 126, 0)
    assert any("Stockholm" in remark for remark in told.remarks())
    assert sum(told.count(fold, city="london") for fold in folds) == 882

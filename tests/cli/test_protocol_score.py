"""``vadd protocol score``, ``audit`` and ``run``, from their arguments to what lies in the folder."""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import pytest

import media
from vadd.cli import main
from vadd.errors import OutputError, UsageError
from vadd.protocol import judge_run
from vadd.protocol.judge_run import Task, judge_all
from vadd.protocol.manifest import Party, entry, read_manifest, write_manifest
from vadd.timeline import Span

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from samples import ALL

CLIPS = [
    Party(f"c{at}", ("bus", "park")[at % 2], ("bus", "park")[at % 2], "paris", str(at)) for at in range(6)
]


def benchmark(tmp_path, *, spans=()):
    made = [entry(clip, clip, 1, manipulated=False) for clip in CLIPS]
    made += [entry(clip, CLIPS[at - 1], 1, manipulated=True, spans=spans) for at, clip in enumerate(CLIPS)]
    path = tmp_path / "m.csv"
    write_manifest(path, made, {"design": "paired", "seed": 1})
    return path, read_manifest(path)


@pytest.fixture
def made(tmp_path):
    path, entries = benchmark(tmp_path)
    predictions = tmp_path / "p.csv"
    rows = [f"{each.trial},{0.9 if each.manipulated else 0.1}\n" for each in entries]
    predictions.write_text("trial,score\n" + "".join(rows))
    return path, predictions


def test_score(made, tmp_path, capsys):
    manifest, predictions = made
    out = tmp_path / "out"
    assert main(["protocol", "score", str(predictions), str(manifest), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "F1: 100.00" in said
    assert "flagged from the score 0.5 on" in said
    assert "file name: scene, city" in said
    page = (out / "score.md").read_text()
    assert "| AUC | 100.00" in page
    assert "What needs no skill" in page
    assert "What metadata alone tells" in page
    document = json.loads((out / "score.json").read_text())
    assert document["score"] == "vadd.score/1"
    assert document["design"] == {"design": "paired", "seed": 1}
    assert document["figures"]["all"]["auc"]["value"] == 1.0
    drawn = (out / "confusion.png").is_file()
    assert drawn == ("no picture: drawing needs matplotlib" not in said) == ("![" in page)


def test_score_as_json_and_with_a_threshold(made, capsys):
    manifest, predictions = made
    args = ["protocol", "score", str(predictions), str(manifest), "--json", "--threshold", "0.95"]
    assert main([*args, "--bootstraps", "10", "--seed", "4"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["threshold"] == 0.95
    assert document["figures"]["all"]["f1"]["value"] == 0
    assert document["bootstrap"]["seed"] == 4


def test_score_of_avdeepfake1m(tmp_path, capsys):
    span = Span(Fraction(1), Fraction(2))
    manifest, entries = benchmark(tmp_path, spans=(span,))
    predictions = tmp_path / "p.json"
    said = {f"{each.trial}.mp4": [[0.8, 1.0, 2.0]] if each.manipulated else [] for each in entries}
    predictions.write_text(json.dumps(said))
    out = tmp_path / "out"
    args = [
        "protocol",
        "score",
        str(predictions),
        str(manifest),
        "--format",
        "avdeepfake1m",
        "--out",
        str(out),
    ]
    assert main(args) == 0
    assert "AP@0.95: 100.00" in capsys.readouterr().out
    assert json.loads((out / "avdeepfake1m-proposals.json").read_text()) == said
    segments = {
        each["file"]: each["fake_segments"]
        for each in json.loads((out / "avdeepfake1m-truth.json").read_text())
    }
    assert segments == {f"{each.trial}.mp4": [[1.0, 2.0]] * each.manipulated for each in entries}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("0.9", "nan", 1), "the score is 'nan', not a number"),
        (lambda text: text.rsplit("t", 1)[0], "a trial is missing"),
        (lambda text: text + "t1,0.5\n", "p.csv, line 14: the manifest has no trial 't1'"),
    ],
)
def test_score_refuses_in_one_line(made, tmp_path, capsys, change, said):
    manifest, predictions = made
    predictions.write_text(change(predictions.read_text()))
    out = tmp_path / "out"
    assert main(["protocol", "score", str(predictions), str(manifest), "--out", str(out)]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert list(out.iterdir()) == []


def test_score_refuses_other_manifests_and_outputs(made, tmp_path, capsys):
    manifest, predictions = made
    manifest.write_text(manifest.read_text().replace("vadd.manifest/1", "vadd.manifest/7"))
    assert main(["protocol", "score", str(predictions), str(manifest)]) == 2
    assert "line 2: a manifest of the form 'vadd.manifest/7'" in capsys.readouterr().err
    assert main(["protocol", "score", str(predictions), str(manifest), "--out", str(predictions)]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert main(["protocol", "score", str(predictions), str(manifest), "--threshold", "nan"]) == 2


def test_audit(made, tmp_path, capsys):
    manifest, _ = made
    folder = tmp_path / "rendered"
    folder.mkdir()
    for each in read_manifest(manifest):  # the manipulated ones are longer
        media.clip(folder / f"{each.trial}.mp4", 1.0 + each.manipulated)
    out = tmp_path / "out"
    assert main(["protocol", "audit", str(manifest), "--media", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "12 of 12 trials have a file, 0 cannot be measured" in said
    assert "WARNING: metadata alone tells manipulated from pristine: duration reaches AUC 1.000" in said
    assert "**Warning:** metadata alone" in (out / "audit.md").read_text()
    assert json.loads((out / "audit.json").read_text())["limit"] == 0.55
    assert main(["protocol", "audit", str(manifest), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == []
    assert main(["protocol", "audit", str(manifest), "--media", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


class Alone:
    """A pool that does all in this process, with a detector that answers by file name."""

    ends: ClassVar[set[str]] = set()

    def __init__(self, workers, context, *, initializer, initargs):
        judge_run._detector = Answers()

    def submit(self, work, task):
        future = Future()
        if task.trial in self.ends:
            future.set_exception(BrokenProcessPool("ended"))
        else:
            future.set_result(work(task))
        return future

    def shutdown(self, *, cancel_futures):
        pass


class Answers:
    asked: ClassVar[list[str]] = []

    def __init__(self, *args, **options):
        pass

    def check(self, path):
        type(self).asked.append(path.name)
        if path.stem == "bug":
            raise ZeroDivisionError("a bug\nof ours")
        if path.stem == "gone":
            raise UsageError("there is no file gone")
        return ALL[path.stem.split("-")[0]]()

    def check_pair(self, picture, sound):
        return ALL["consistent" if picture == sound else "discrepant"]()


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr(judge_run, "ProcessPoolExecutor", Alone)
    monkeypatch.setattr("vadd.detect.detector.Detector", Answers)
    monkeypatch.setattr(Answers, "asked", [])
    monkeypatch.setattr(Alone, "ends", set())


OPTIONS = {"model": "everyday", "false_alarms": 0.1, "workers": 2}


def tasks():
    names = ("consistent", "discrepant", "inconclusive", "failed", "bug", "gone")
    return [
        Task(f"t{at}", Path(f"{name}-1.mp4" if at < 4 else f"{name}.mp4")) for at, name in enumerate(names)
    ]


def verdicts(folder):
    rows = [line.split(",") for line in (folder / "predictions.csv").read_text().splitlines()[1:]]
    return {row[0]: (row[3], row[4]) for row in rows}


def test_no_file_ends_a_run(tmp_path, alone, monkeypatch):
    monkeypatch.setattr(Alone, "ends", {"t1"})
    assert judge_all([*tasks(), Task("t6", None)], tmp_path, {"model": "x"}, **OPTIONS) == 7
    found = verdicts(tmp_path)
    assert found["t0"] == ("consistent", "")
    assert found["t1"] == ("failed", "crashed")
    assert found["t2"][0] == "inconclusive"
    assert found["t4"] == ("failed", "crashed")
    assert found["t5"] == found["t6"] == ("failed", "unreadable")
    log = (tmp_path / "judged.log").read_text()
    assert "ZeroDivisionError: a bug of ours" in log
    assert log.count("\n") == 7


def test_an_ended_run_goes_on(tmp_path, alone):
    whole, half = tmp_path / "whole", tmp_path / "half"
    whole.mkdir()
    half.mkdir()
    judge_all(tasks(), whole, {"model": "x"}, **OPTIONS)
    judge_all(tasks()[:3], half, {"model": "x"}, **OPTIONS)
    journal = half / "judged.jsonl"
    journal.write_text(journal.read_text()[:-20])  # killed in the middle of a line
    Answers.asked.clear()
    assert judge_all(tasks(), half, {"model": "x"}, **OPTIONS) == 4
    assert len(Answers.asked) == 4
    assert (half / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    with pytest.raises(UsageError, match="of another model or manifest"):
        judge_all(tasks(), half, {"model": "y"}, **OPTIONS)
    journal.write_text("{}\n")
    with pytest.raises(UsageError, match="is damaged"):
        judge_all(tasks(), half, {"model": "x"}, **OPTIONS)


def test_full_disk_keeps_what_was_judged(tmp_path, alone, monkeypatch):
    opened = Path.open

    def full(self, mode="r", *args, **options):
        if self.name == "judged.jsonl" and mode == "a" and len(Answers.asked) > 2:
            raise OSError(28, "No space left on device")
        return opened(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", full)
    monkeypatch.setattr(Alone, "submit", lambda self, work, task: Later(work, task))
    monkeypatch.setattr(judge_run, "as_completed", lambda futures: futures)
    with pytest.raises(OutputError, match="no space left on device; what was judged before is safe"):
        judge_all(tasks(), tmp_path, {"model": "x"}, **OPTIONS)
    assert len((tmp_path / "judged.jsonl").read_text().splitlines()) == 2
    assert not (tmp_path / "predictions.csv").exists()


class Later:
    def __init__(self, work, task):
        self.work, self.task = work, task

    def result(self):
        return self.work(self.task)


def test_run_of_pairs(tmp_path, alone, capsys):
    manifest, entries = benchmark(tmp_path)
    clips = tmp_path / "clips" / "video"
    clips.mkdir(parents=True)
    (tmp_path / "clips" / "audio").mkdir()
    for clip in CLIPS:
        (clips / f"{clip.name}.mp4").touch()
    for clip in CLIPS[:2]:  # the others keep picture and sound in one file
        (tmp_path / "clips" / "audio" / f"{clip.name}.wav").touch()
    out = tmp_path / "out"
    args = ["protocol", "run", str(manifest), "--media", str(tmp_path / "clips"), "--out", str(out)]
    assert main([*args, "--bootstraps", "20"]) == 0
    said = capsys.readouterr().out
    assert "12 trials judged now, 0 before" in said
    assert "flagged by the tool's own verdicts" in said
    document = json.loads((out / "score.json").read_text())
    assert document["model"] == "everyday"
    assert document["media"] == "pairs"
    assert len(verdicts(out)) == len(entries)
    assert main([*args, "--json"]) == 0
    json.loads(capsys.readouterr().out)
    (clips / "c5.mp4").unlink()
    assert main(args) == 2
    assert "c5" in capsys.readouterr().err


def test_run_refuses(tmp_path, capsys):
    manifest, _ = benchmark(tmp_path, spans=(Span(Fraction(1), Fraction(2)),))
    args = ["protocol", "run", str(manifest), "--out", str(tmp_path / "out")]
    assert main(args) == 2
    assert "--media or --rendered" in capsys.readouterr().err
    assert main([*args, "--media", str(tmp_path)]) == 2
    assert "6 trials replace the sound in spans, which must be rendered" in capsys.readouterr().err
    assert main([*args, "--rendered", str(tmp_path)]) == 2
    assert "has no clip of the manifest" in capsys.readouterr().err
    assert main([*args, "--media", str(tmp_path), "--model", "nobody"]) == 2
    assert "there is no detector 'nobody'" in capsys.readouterr().err
    assert main([*args, "--media", str(tmp_path), "--false-alarms", "nan"]) == 2
    assert not (tmp_path / "out").exists()


def test_run_of_rendered_clips_with_the_true_detector(tmp_path, capsys):
    manifest, entries = benchmark(tmp_path)
    folder = tmp_path / "rendered"
    folder.mkdir()
    for each in entries[:3]:
        media.clip(folder / f"{each.trial}.mp4", 2.0)
    (folder / f"{entries[3].trial}.mp4").write_bytes(b"x" * 100)
    out = tmp_path / "out"
    args = ["protocol", "run", str(manifest), "--rendered", str(folder), "--out", str(out), "--workers", "2"]
    assert main([*args, "--bootstraps", "0"]) == 0
    assert "12 trials judged now" in capsys.readouterr().out
    found = verdicts(out)
    assert all(found[each.trial][0] != "failed" for each in entries[:3])
    assert found[entries[3].trial] == ("failed", "not_media")
    assert found[entries[5].trial] == ("failed", "unreadable")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("command", ["score", "audit"])
@pytest.mark.parametrize("before", [False, True])
def test_a_full_disk_leaves_no_part_of_a_score(tmp_path, capsys, monkeypatch, command, before):
    """Whichever of the files the disk does not take any more."""
    manifest, entries = benchmark(tmp_path, spans=(Span(Fraction(1), Fraction(2)),))
    predictions, out = tmp_path / "p.csv", tmp_path / "out"
    rows = [f"{each.trial},0.5,1-2:0.5\n" for each in entries]
    predictions.write_text("trial,score,spans\n" + "".join(rows))
    files = [str(predictions), str(manifest), "--bootstraps", "0"] if command == "score" else [str(manifest)]
    args = ["protocol", command, *files, "--out", str(out)]
    out.mkdir()
    (out / "mine.txt").write_text("x")
    if before:
        assert main(args) == 0
    was, synced, room = contents(out), os.fsync, 0

    def full(number):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(number)

    monkeypatch.setattr(os, "fsync", full)
    while True:
        left = room
        capsys.readouterr()
        status = main([*args, "--seed", "3"])
        if status == 0:
            break
        told = capsys.readouterr()
        assert status == 2
        assert told.err == f"vadd: cannot write the {command} into {out}: No space left on device\n"
        assert told.out == ""
        if room < (4 if command == "score" else 2):
            assert contents(out) == was
        assert not list(out.glob(".*"))
        room += 1
    assert room >= (4 if command == "score" else 2)
    assert "mine.txt" in contents(out)


def test_a_file_that_grows_too_large_leaves_no_part_of_a_score(made, tmp_path, capsys):
    """As with a quota: the operating system itself refuses."""
    manifest, predictions = made
    out = tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        status = main(["protocol", "score", str(predictions), str(manifest), "--out", str(out)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert status == 2
    assert capsys.readouterr().err == f"vadd: cannot write the score into {out}: File too large\n"
    assert list(out.iterdir()) == []


def test_a_score_that_was_ended_leaves_nothing_that_counts(made, tmp_path, monkeypatch):
    manifest, predictions = made
    out = tmp_path / "out"
    args = ["protocol", "score", str(predictions), str(manifest), "--out", str(out)]
    assert main(args) == 0
    replaced = Path.replace

    def ended(self, target):
        if target.name == "score.md":
            raise KeyboardInterrupt
        return replaced(self, target)

    monkeypatch.setattr(Path, "replace", ended)
    main([*args, "--threshold", "0.3"])
    assert not (out / "score.json").exists()
    assert not list(out.glob(".*"))

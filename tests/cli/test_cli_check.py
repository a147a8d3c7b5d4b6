"""``vadd check``: what it prints, writes, refuses and exits with."""

from __future__ import annotations

import csv
import io
import json
import os
from itertools import combinations

import pytest
from samples import discrepant

from vadd.cli import main
from vadd.errors import MediaError, ModelError, UsageError
from vadd.report.schema import validate

FORMS = ["--html", "--srt", "--csv", "--spans", "--avdf"]


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["consistent"], 0),
        (["discrepant"], 1),
        (["inconclusive"], 3),
        (["failed"], 4),
        (["consistent", "inconclusive"], 3),
        (["inconclusive", "failed", "consistent"], 4),
        (["failed", "inconclusive", "discrepant", "consistent"], 1),
    ],
)
def test_exit_status(detector, clip, names, status, capsys):
    assert main(["check", *(clip(f"{name}.mp4") for name in names)]) == status
    assert capsys.readouterr().err == ""


def test_text(detector, clip, capsys):
    files = [clip("discrepant.mp4"), clip("consistent.mp4")]
    main(["check", *files])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.index("DISCREPANT") < out.index("CONSISTENT")
    assert out.endswith("2 files: 1 discrepant, 1 consistent\n")
    assert detector.made == [("everyday", 0.1)]
    assert detector.asked == [(file, False) for file in files]


def test_json_is_one_document_a_line_and_nothing_else(detector, clip, capsys):
    files = [clip(f"{name}.mp4") for name in ("discrepant", "failed", "consistent")]
    assert main(["check", "--json", "--html", os.path.dirname(files[0]), *files]) == 1  # noqa: PTH120
    out, err = capsys.readouterr()
    documents = [json.loads(line) for line in out.splitlines()]
    assert [validate(d).verdict.value for d in documents] == ["discrepant", "failed", "consistent"]
    assert err == ""


def test_quiet_only_exits(detector, clip, capsys):
    assert main(["check", "-q", clip("discrepant.mp4")]) == 1
    assert capsys.readouterr() == ("", "")


def test_options_reach_the_detector(detector, clip):
    main(["check", "-q", "--model", "some/dir", "--false-alarms", "0.02", clip("consistent.mp4")])
    assert detector.made == [("some/dir", 0.02)]


def test_one_page(detector, clip, tmp_path, capsys):
    target = tmp_path / "out.html"
    assert main(["check", clip("discrepant.mp4"), "--html", str(target)]) == 1
    assert "<h1" in target.read_text("utf-8")
    assert f"Report: {target}" in capsys.readouterr().out
    assert detector.asked[0][1] is True


@pytest.mark.parametrize("suffix", ["", "/"])
def test_one_page_into_a_folder(detector, clip, tmp_path, suffix):
    folder = tmp_path / "pages"
    if not suffix:
        folder.mkdir()
    main(["check", "-q", clip("discrepant.mp4"), "--html", f"{folder}{suffix}"])
    assert [p.name for p in folder.iterdir()] == ["discrepant.mp4.html"]


def test_several_pages_with_one_name(detector, clip, tmp_path):
    first = clip("discrepant.mp4")
    other = tmp_path / "else"
    other.mkdir()
    (other / "discrepant.mp4").write_bytes(b"y")
    main(["check", "-q", first, str(other / "discrepant.mp4"), "--html", str(tmp_path / "new" / "pages")])
    found = sorted(p.name for p in (tmp_path / "new" / "pages").iterdir())
    assert found == ["discrepant.mp4-2.html", "discrepant.mp4.html"]


def test_table(detector, clip, tmp_path):
    files = [clip("discrepant.mp4"), clip("failed.mp4")]
    target = tmp_path / "t.csv"
    assert main(["check", "-q", *files, "--csv", str(target)]) == 1
    read = list(csv.DictReader(io.StringIO(target.read_text("utf-8"))))
    assert [(r["file"], r["verdict"]) for r in read] == [(files[0], "discrepant"), (files[1], "failed")]


def test_pair(detector, clip, capsys):
    a, b = clip("A.mp4"), clip("B.wav")
    assert main(["check", "--json", "--picture", a, "--sound", b]) == 1
    assert detector.asked == [(f"{a}|{b}", False)]
    assert [i["role"] for i in json.loads(capsys.readouterr().out)["provenance"]["inputs"]] == [
        "picture",
        "sound",
    ]


def test_pair_page_and_table(detector, clip, tmp_path, capsys):
    args = ["check", "--picture", clip("A.mp4"), "--sound", clip("B.wav")]
    assert main([*args, "--html", f"{tmp_path}/p/", "--csv", f"{tmp_path}/t.csv"]) == 1
    assert (tmp_path / "p" / "A.mp4+B.wav.html").exists()
    assert "picture of " in (tmp_path / "t.csv").read_text()
    assert "picture of " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "name a file"),
        (["--picture", "A"], "go together"),
        (["--sound", "A"], "go together"),
        (["--picture", "A", "--sound", "B", "C"], "take the place"),
        (["x", "--false-alarms", "0"], "between 0 and 1"),
        (["x", "--false-alarms", "1"], "between 0 and 1"),
        (["x", "--false-alarms", "nan"], "between 0 and 1"),
        (["x", "--false-alarms", "many"], "not a valid float"),
        (["--nonsense"], "--nonsense"),
        (["-x.mp4"], "-x"),
    ],
)
def test_wrong_calls(detector, args, told, capsys):
    assert main(["check", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.startswith("vadd: ")
    assert err.count("\n") == 1
    assert detector.made == []


def test_inputs_are_all_looked_at_before_the_first_is_judged(detector, clip, tmp_path, capsys):
    for bad, told in ((tmp_path / "none.mp4", "there is no file"), (tmp_path, "is a folder")):
        assert main(["check", clip("consistent.mp4"), str(bad)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1
    assert detector.made == []


def test_a_pipe_is_refused_and_not_opened(detector, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert main(["check", str(tmp_path / "pipe.mp4")]) == 2
    assert "not a regular file" in capsys.readouterr().err


def test_a_file_that_cannot_be_opened(detector, clip, monkeypatch, capsys):
    file = clip("consistent.mp4")

    def refuse(self, *args, **kwargs):  # root may open anything, so the refusal is made here
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert main(["check", file]) == 2
    assert capsys.readouterr().err == f"vadd: cannot open {file}: permission denied\n"
    assert detector.made == []


def test_subtitles_are_called_like_the_video(detector, clip, tmp_path, capsys):
    files = [clip(name) for name in ("discrepant.mp4", "consistent.mov", "consistent.mp4")]
    assert main(["check", *files, "--srt", str(tmp_path / "subtitles")]) == 1
    found = {p.name: p.read_text("utf-8") for p in (tmp_path / "subtitles").iterdir()}
    assert sorted(found) == ["consistent-2.srt", "consistent.srt", "discrepant.srt"]
    assert "00:00:03,000 --> 00:00:07,000" in found["discrepant.srt"]
    assert found["consistent.srt"].count("-->") == 1
    assert f"  Subtitles: {tmp_path}/subtitles/discrepant.srt\n" in capsys.readouterr().out


def test_one_subtitle_file(detector, clip, tmp_path):
    target = tmp_path / "x.srt"
    assert main(["check", "-q", clip("discrepant.mp4"), "--srt", str(target)]) == 1
    assert target.read_text("utf-8").startswith("1\n00:00:03,000 --> ")
    assert detector.asked[0][1] is False  # thumbnails are for pages alone


def test_spans_of_all_files_in_one_table(detector, clip, tmp_path):
    files = [clip(name) for name in ("discrepant.mp4", "failed.mp4", "consistent.mp4", "hour.mp4")]
    assert main(["check", "-q", *files, "--spans", str(tmp_path / "s.csv")]) == 1
    read = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text("utf-8"))))
    assert [(r["file"], r["start"], r["end"]) for r in read] == [
        (files[0], "3", "7"), (files[0], "9", "10.2"), (files[3], "1500", "1740"), (files[3], "3000", "3060"),
    ]  # fmt: skip
    assert read[0]["contribution"] == "road traffic heard"


def test_proposals_of_all_files(detector, clip, tmp_path):
    files = [clip(name) for name in ("discrepant.mp4", "failed.mp4", "consistent.mp4")]
    assert main(["check", "-q", *files, "--avdf", str(tmp_path / "p.json")]) == 1
    assert json.loads((tmp_path / "p.json").read_text("utf-8")) == {
        "discrepant.mp4": [[0.91, 9.0, 10.2], [0.89, 3.0, 7.0]],
        "failed.mp4": [],
        "consistent.mp4": [],
    }


def test_pair_in_all_forms(detector, clip, tmp_path):
    args = ["check", "-q", "--picture", clip("A.mp4"), "--sound", clip("B.wav")]
    forms = ["--srt", f"{tmp_path}/p/", "--spans", f"{tmp_path}/s.csv", "--avdf", f"{tmp_path}/p.json"]
    assert main([*args, *forms]) == 1
    assert [p.name for p in (tmp_path / "p").iterdir()] == ["A.mp4+B.srt"]
    assert "picture of " in (tmp_path / "s.csv").read_text()
    assert list(json.loads((tmp_path / "p.json").read_text())) == ["A.mp4+B.wav"]


@pytest.mark.parametrize("option", FORMS)
def test_outputs_are_tried_before_the_work(detector, clip, tmp_path, option, capsys):
    assert main(["check", clip("consistent.mp4"), option, str(tmp_path / "none" / "x")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("vadd: cannot write ")
    assert err.count("\n") == 1
    assert detector.made == []


def test_a_page_that_cannot_be_written_is_told_before_the_work(detector, clip, tmp_path, capsys):
    pages = tmp_path / "pages"
    (pages / "consistent.mp4.html").mkdir(parents=True)
    assert main(["check", clip("consistent.mp4"), "--html", str(pages)]) == 2
    assert "consistent.mp4.html: it is a folder" in capsys.readouterr().err
    assert detector.made == []


@pytest.mark.parametrize("option", FORMS)
def test_an_input_is_never_overwritten(detector, clip, tmp_path, option, capsys):
    file = clip("consistent.mp4")
    (tmp_path / "link").hardlink_to(file)
    for target in (file, str(tmp_path / "link")):
        assert main(["check", file, option, target]) == 2
        assert "would replace" in capsys.readouterr().err
    assert detector.made == []


@pytest.mark.parametrize(("one", "other"), list(combinations(FORMS, 2)))
def test_two_outputs_are_not_one_file(detector, clip, tmp_path, one, other, capsys):
    target = str(tmp_path / "x")
    assert main(["check", clip("consistent.mp4"), one, target, other, target]) == 2
    assert "would replace" in capsys.readouterr().err
    assert detector.made == []


@pytest.mark.parametrize("option", FORMS)
@pytest.mark.parametrize(("path", "told"), [("", "empty"), ("-", "not to the standard output")])
def test_a_path_that_names_nothing(detector, clip, option, path, told, capsys):
    assert main(["check", clip("consistent.mp4"), option, path]) == 2
    assert told in capsys.readouterr().err
    assert detector.made == []


def test_names_cannot_steer_the_terminal(detector, clip, capsys):
    assert main(["check", clip("discrepant-\x1b[31m\n.mp4")]) == 1
    assert main(["check", "no\x1b]0;x\x07\nsuch.mp4"]) == 2
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\\x1b[31m\\x0a.mp4" in out
    assert err == "vadd: there is no file no\\x1b]0;x\\x07\\x0asuch.mp4\n"


def test_names_that_are_not_utf8(detector, clip, tmp_path, capsys):
    file = clip(b"discrepant-\xe9.mp4".decode("utf-8", "surrogateescape"))
    target = tmp_path / "t.csv"
    assert main(["check", file, "--html", f"{tmp_path}/p/", "--csv", str(target)]) == 1
    assert "discrepant-\\xe9.mp4" in capsys.readouterr().out
    assert "discrepant-\\xe9.mp4" in target.read_text("utf-8")
    assert len(list((tmp_path / "p").iterdir())) == 1


def test_a_name_with_a_dash(detector, clip, tmp_path, monkeypatch):
    clip("consistent.mp4")
    (tmp_path / "-x").mkdir()
    (tmp_path / "-x" / "consistent.mp4").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert main(["check", "-q", "--", "-x/consistent.mp4"]) == 0
    assert detector.asked == [("-x/consistent.mp4", False)]


@pytest.mark.parametrize(
    ("error", "status"),
    [(ModelError("no such\nmodel"), 2), (UsageError("gone"), 2), (MediaError("damaged", "bad"), 4)],
)
def test_errors_made_on_purpose_are_one_line(detector, clip, monkeypatch, error, status, capsys):
    def fail(self, path, **options):
        raise error

    monkeypatch.setattr(detector, "check", fail)
    assert main(["check", clip("consistent.mp4")]) == status
    err = capsys.readouterr().err
    assert err.startswith("vadd: ")
    assert err.count("\n") == 1


def test_a_file_that_goes_away_does_not_end_the_batch(detector, clip, monkeypatch, capsys):
    files = [clip(f"{name}.mp4") for name in ("consistent", "discrepant-gone", "inconclusive")]
    check = detector.check

    def gone(self, path, **options):
        if "gone" in str(path):
            raise UsageError(f"there is no file {path}")
        return check(self, path, **options)

    monkeypatch.setattr(detector, "check", gone)
    assert main(["check", "--json", *files]) == 4
    out, err = capsys.readouterr()
    documents = [validate(json.loads(line)) for line in out.splitlines()]
    assert [(d.verdict, d.reason) for d in documents] == [
        ("consistent", None), ("failed", "unreadable"), ("inconclusive", "sound_says_nothing"),
    ]  # fmt: skip
    assert documents[1].explanation == f"there is no file {files[1]}"
    assert err == ""


def test_a_bug_keeps_its_traceback_and_is_no_verdict(detector, clip, monkeypatch, capsys):
    def fail(self, path, **options):
        raise RuntimeError("boom")

    monkeypatch.setattr(detector, "check", fail)
    assert main(["check", clip("consistent.mp4")]) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "RuntimeError: boom" in err


def test_interrupted(detector, clip, monkeypatch, capsys):
    def interrupt(self, path, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(detector, "check", interrupt)
    assert main(["check", clip("consistent.mp4")]) == 130
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_to_a_terminal_only_and_after_a_while(detector, clip, monkeypatch, capsys):
    from vadd.cli import terminal

    file = clip("discrepant.mp4")
    monkeypatch.setattr(terminal, "PATIENCE", 0.0)
    main(["check", file])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    main(["check", "--json", file])
    out, err = capsys.readouterr()
    assert "discrepant.mp4" in err
    assert json.loads(out)["score"] == discrepant().score
    main(["check", "-q", file])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(terminal, "PATIENCE", 3600.0)
    main(["check", file])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["discrepant-a{b}.mp4", "discrepant-{0!r:>9}.mp4", "discrepant-[red]x.mp4"])
def test_progress_shows_a_name_as_it_is(detector, clip, name, monkeypatch, capsys):
    from vadd.cli import terminal

    monkeypatch.setattr(terminal, "PATIENCE", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["check", "--json", clip(name)]) == 1
    assert name in capsys.readouterr().err

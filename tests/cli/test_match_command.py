from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import vadd.demo
from vadd.cli.group import run
from vadd.run.match_schema import validate

DEMO = Path(vadd.demo.__file__).parent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a copy of a clip, another clip and a text; what is measured of them is kept in `kept`."""
    place = tmp_path_factory.mktemp("match")
    (place / "clips" / "deep").mkdir(parents=True)
    (place / "clips" / "deep" / "sheep copy.mp4").write_bytes((DEMO / "sheep.mp4").read_bytes())
    (place / "clips" / "engine.mp4").write_bytes((DEMO / "fire_engine.mp4").read_bytes())
    (place / "clips" / "notes.txt").write_text("not a clip")
    return place


def call(folder: Path, *options: str) -> int:
    arguments = ["match", str(DEMO / "sheep.mp4"), str(folder / "clips"), "--cache", str(folder / "kept")]
    return run([*arguments, *options])


def test_text_for_people(folder, capsys):
    assert call(folder) == 0
    out = capsys.readouterr().out
    assert "compared with 2 files" in out
    assert "Pictures that its sound fits" in out
    assert "Sounds that its picture fits" in out
    assert "sheep copy.mp4 (a copy, byte for byte)" in out


def test_json_csv_and_page(folder, tmp_path, capsys):
    options = ["--json", "--top", "1", "--by", "sound", "--csv", str(tmp_path / "a.csv"), "--html"]
    assert call(folder, *options, str(tmp_path / "a.html")) == 0
    told = json.loads(capsys.readouterr().out)
    validate(told)
    assert [len(each["ranked"]) for each in told["rankings"]] == [1]
    assert told["rankings"][0]["ranked"][0]["file"].endswith("sheep copy.mp4")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["same_bytes", "fits_sound", "fits_sound"]
    page = (tmp_path / "a.html").read_text()
    assert "sheep copy.mp4" in page
    assert "engine.mp4" not in page.split("Pictures that its sound fits")[1].split("How it was made")[0]


def test_quiet_is_quiet(folder, capsys):
    assert call(folder, "-q") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sheep.mp4"], "Missing argument"),
        (["gone.mp4", "clips"], "there is no file gone.mp4"),
        (["clips", "clips"], "is a folder"),
        (["sheep.mp4", "gone"], "gone does not exist"),
        (["sheep.mp4", "empty"], "there is no file"),
        (["sheep.mp4", "sheep.mp4"], "nothing to compare"),
        (["sheep.mp4", "clips", "--by", "colour"], "'colour'"),
        (["sheep.mp4", "clips", "--top", "0"], "0"),
        (["sheep.mp4", "clips", "--model", "nobody"], "there is no detector 'nobody'"),
        (["sheep.mp4", "clips", "--html", "none/a.html"], "cannot write"),
        (["sheep.mp4", "clips", "--csv", "sheep.mp4"], "would replace"),
        (["sheep.mp4", "clips", "--cache", "sheep.mp4"], "cannot write"),
    ],
)
def test_a_wrong_call_is_told_in_a_line(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sheep.mp4").write_bytes((DEMO / "sheep.mp4").read_bytes())
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert run(["match", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("vadd: ")
    assert err.count("\n") == 1

"""``vadd results`` and ``vadd results verify``, on results made by hand."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "run"))

from made_results import build

from vadd.cli import main
from vadd.report.schema_page import fields
from vadd.report.seal import sealed
from vadd.run.rows import Row
from vadd.run.schema import json_schema, validate


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return build(tmp_path / "out")


def listed(text: str) -> list[str]:
    """The paths of the list."""
    below = text.partition("verdict       file\n")[2]
    return [line[34:].partition("  (")[0] for line in below.splitlines()]


def test_summary_and_list(out, capsys):
    assert main(["results", str(out)]) == 0
    told, errors = capsys.readouterr()
    assert errors == ""
    assert "6 files: 1 discrepant, 2 failed, 1 inconclusive, 2 consistent" in told
    assert "  failed: 1 unreadable" in told
    assert "  inconclusive: 1 sound says nothing" in told
    assert "  model everyday, vadd 0.1.0, 10% false alarms accepted" in told
    assert "1 without a record" in told
    assert "another model" not in told
    assert listed(told) == [
        "a/foreign.mp4", "b/speech.mp4", "a/fits.mp4", "copy.mp4", "broken.mp4", "gone.mp4",
    ]  # fmt: skip
    assert (out / "index.html").is_file()


def test_show_need_not_be_said(out, capsys):
    assert main(["results", str(out)]) == 0
    capsys.readouterr()
    told = []
    for args in (
        ["results", str(out)],
        ["results", "show", str(out)],
        ["results", "--sort", "score", str(out)],
    ):
        assert main(args) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["--verdict", "consistent"], ["a/fits.mp4", "copy.mp4"]),
        (
            ["--verdict", "consistent", "--verdict", "discrepant", "--limit", "2"],
            ["a/foreign.mp4", "a/fits.mp4"],
        ),
        (["--reason", "damaged"], ["broken.mp4"]),
        (["--reason", "damaged", "--reason", "sound_says_nothing"], ["b/speech.mp4", "broken.mp4"]),
        (["--min-score", "0.48"], ["a/foreign.mp4", "b/speech.mp4"]),
        (["--min-score", "0.9"], []),
        (["--sort", "path", "--limit", "3"], ["a/fits.mp4", "a/foreign.mp4", "b/speech.mp4"]),
        (["--limit", "0"], []),
    ],
)
def test_choices(out, capsys, args, wanted):
    assert main(["results", str(out), *args]) == 0
    assert listed(capsys.readouterr().out) == wanted
    assert main(["results", str(out), *args, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    validate("results", told)
    assert [row["path"] for row in told["rows"]] == wanted
    assert told["summary"]["files"] == 6


def test_a_long_list_is_cut_and_says_so(out, capsys, monkeypatch):
    monkeypatch.setattr("vadd.cli.results._LISTED", 4)
    assert main(["results", str(out)]) == 0
    assert capsys.readouterr().out.endswith("and 2 more (--limit 6 lists all)\n")


def test_exports(out, tmp_path, capsys):
    args = ["--csv", "t.csv", "--jsonl", "t.jsonl", "--html", "picked", "--verdict", "discrepant"]
    assert main(["results", str(out), *args]) == 0
    assert "1 rows: t.csv" in capsys.readouterr().out
    found = list(csv.DictReader(io.StringIO((tmp_path / "t.csv").read_text("utf-8"))))
    assert [row["file"] for row in found] == ["a/foreign.mp4"]
    row = Row.from_json(json.loads((tmp_path / "t.jsonl").read_text()))
    assert row.path == "a/foreign.mp4"
    page = (tmp_path / "picked" / "index.html").read_bytes()
    assert sealed(page)
    assert f'href="../out/{row.report}"'.encode() in page
    assert b"fits.mp4" not in page


def test_parquet(out, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert main(["results", str(out), "--parquet", "t.parquet", "--sort", "path"]) == 0
    assert parquet.read_table(tmp_path / "t.parquet")["path"].to_pylist()[0] == "a/fits.mp4"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["none"], "holds no results"),
        (["out", "--reason", "because"], "'because' is none of no_audio"),
        (["out", "--verdict", "maybe"], "maybe"),
        (["out", "--min-score", "2"], "--min-score"),
        (["out", "--csv", ""], "is empty"),
        (["out", "--csv", "-"], "not to the standard output"),
        (["out", "--csv", "x", "--jsonl", "./x"], "the same file"),
        (["out", "--csv", "out/results.csv"], "lies in the results"),
        (["out", "--html", "out"], "lies in the results"),
        (["out", "--csv", "none/x"], "there is no folder"),
        (["verify", "none"], "none does not exist"),
        (["verify", "."], "holds no results"),
        (["verify", "out/run.json", "--inputs"], "goes with a results folder"),
        (["verify", "out/results.csv"], "can be verified"),
    ],
)
def test_wrong_calls(out, capsys, args, told):
    main(["results", str(out)])
    before = set(out.parent.rglob("*"))
    capsys.readouterr()
    assert main(["results", *args]) == 2
    said, errors = capsys.readouterr()
    assert said == ""
    assert told in errors
    assert errors.count("\n") == 1
    assert set(out.parent.rglob("*")) == before


def test_no_parquet_without_its_library(out, capsys, monkeypatch):
    for module in ("export", "refresh", "tables"):
        monkeypatch.setattr(f"vadd.run.{module}.has_parquet", lambda: False)
    assert main(["results", str(out), "--parquet", "x"]) == 2
    assert "pip install 'vadd[run]'" in capsys.readouterr().err
    assert main(["results", str(out)]) == 0
    assert "results.parquet is not written" in capsys.readouterr().out


def test_results_that_one_may_only_read(out, capsys):
    (out / ".tables.lock").mkdir()  # nobody can lock that
    assert main(["results", str(out), "--json"]) == 0
    said, errors = capsys.readouterr()
    assert len(json.loads(said)["rows"]) == 6
    assert errors.startswith("vadd: tables and index are not made anew: cannot write ")


def test_names_steer_no_terminal(out, capsys):
    from vadd.run.ledger import Entry, Ledger

    with Ledger(out) as ledger:
        ledger.add(Entry("\x1b[31m\udcff\n.mp4", None, None, None, "failed", "unreadable", "\x1b[0m"))
    assert main(["results", str(out)]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\\x1b[31m\\xff\\x0a.mp4" in said


def test_verify(out, capsys):
    assert main(["results", str(out)]) == 0
    capsys.readouterr()
    assert main(["results", "verify", str(out)]) == 0
    assert capsys.readouterr().out.endswith(": all is right\n")
    record = min((out / "records").rglob("*.json"))
    data = record.read_bytes()
    record.write_bytes(data.replace(b"sea", b"tea"))
    assert main(["results", "verify", str(out)]) == 1
    said = capsys.readouterr().out
    assert f"{record.relative_to(out)}: the record is not as it was written" in said
    assert said.endswith(": 1 wrong\n")
    assert main(["results", "verify", str(out), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    validate("verification", told)
    assert [each["path"] for each in told["wrong"]] == [str(record.relative_to(out))]


def test_verify_inputs(out, capsys):
    main(["results", str(out)])
    assert main(["results", "verify", str(out), "--inputs"]) == 1  # no media were made
    assert "a/fits.mp4: it cannot be compared" in capsys.readouterr().out


def test_verify_a_single_page(out, tmp_path, capsys):
    page = min((out / "reports").rglob("*.html"))
    assert main(["results", "verify", str(page)]) == 0
    page.write_bytes(page.read_bytes().replace(b"<h1", b"<h2", 1))
    assert main(["results", "verify", str(page)]) == 1
    assert "not as it was written" in capsys.readouterr().out


def test_pages_of_check_carry_their_hash(detector, clip, tmp_path, capsys):
    target = tmp_path / "page.html"
    assert main(["check", "-q", clip("discrepant.mp4"), "--html", str(target)]) == 1
    assert main(["results", "verify", str(target)]) == 0
    target.write_bytes(target.read_bytes().replace(b"discrepant", b"consistent", 1))
    assert main(["results", "verify", str(target)]) == 1


FORMS = ("row", "record", "results", "verification")


@pytest.mark.parametrize("name", FORMS)
def test_schemas(name, capsys):
    assert main(["schema", name]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json_schema(name)
    assert told["title"] == f"vadd.{name}/1"
    assert main(["schema", name, "--format", "markdown"]) == 0
    page = capsys.readouterr().out
    assert all(f"| `{field}` |" in page for field in told["properties"])


def test_the_page_of_the_documentation_has_every_field():
    page = (Path(__file__).parents[2] / "docs" / "results.md").read_text("utf-8")
    for form in FORMS:
        for line in fields(json_schema(form)).splitlines():
            if line.startswith("| `"):
                assert line in page

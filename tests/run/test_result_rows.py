from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import build, put, write_card
from samples import consistent, discrepant

from vadd.errors import StoreError
from vadd.run.ledger import Entry, Ledger, State
from vadd.run.records import Record, Results
from vadd.run.rows import Row, row_of, rows
from vadd.run.schema import RecordDocument, validate


def test_one_row_a_path_in_order(tmp_path: Path) -> None:
    found = {row.path: row for row in rows(build(tmp_path / "out"))}
    assert list(found) == [
        "a/fits.mp4", "a/foreign.mp4", "b/speech.mp4", "broken.mp4", "copy.mp4", "gone.mp4",
    ]  # fmt: skip
    foreign = found["a/foreign.mp4"]
    assert (foreign.name, foreign.verdict, foreign.reason) == ("foreign.mp4", "discrepant", None)
    assert (foreign.score, foreign.probability, foreign.threshold) == (0.8132, 0.93, 0.62)
    assert [(s.start, s.end, s.score) for s in foreign.spans] == [(3.0, 7.0, 0.89), (9.0, 10.2, 0.91)]
    assert foreign.picture == ("sea and shore", "sand", "boat")
    assert foreign.sound == ("road traffic", "engine", "horn")
    assert foreign.size == len("a/foreign.mp4")
    assert (foreign.model, foreign.version) == ("everyday", "0.1.0")
    for place in (foreign.record, foreign.report, foreign.strip):
        assert place is not None
        assert (tmp_path / "out" / place).is_file()


def test_the_same_bytes_have_the_same_record_under_two_names(tmp_path: Path) -> None:
    found = {row.path: row for row in rows(build(tmp_path / "out"))}
    assert replace(found["copy.mp4"], path="a/fits.mp4", name="fits.mp4") == found["a/fits.mp4"]


def test_a_path_without_record_is_failed_and_says_why(tmp_path: Path) -> None:
    gone = next(row for row in rows(build(tmp_path / "out")) if row.path == "gone.mp4")
    assert (gone.verdict, gone.reason) == ("failed", "unreadable")
    assert gone.explanation == "The file cannot be read. (there is no file gone.mp4)"
    assert (gone.key, gone.record, gone.report, gone.strip, gone.model, gone.score) == (None,) * 6


def test_no_page_no_link(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.create()
    record = put(results, b"x", consistent(), pages=False)
    row = row_of(results, Entry("x.mp4", State(1, 2, 3), record.sha256[0], record.key, "consistent"))
    assert row.record is not None
    assert (row.report, row.strip) == (None, None)


def test_times_and_inodes_leave_no_trace(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.create()
    record = put(results, b"x", consistent())
    told = (record.sha256[0], record.key, "consistent")
    first, second = (row_of(results, Entry("x.mp4", State(1, *when), *told)) for when in ((2, 3), (4, 5)))
    assert first == second


def test_a_row_comes_back_and_fits_its_schema(tmp_path: Path) -> None:
    for row in rows(build(tmp_path / "out")):
        told = json.loads(json.dumps(row.to_json()))
        validate("row", told)
        assert Row.from_json(told) == row


def test_a_record_fits_its_schema(tmp_path: Path) -> None:
    results = Results(build(tmp_path / "out"))
    for key in results.keys("record"):
        RecordDocument.model_validate_json(results.path("record", key).read_bytes())


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_any_name_survives(name: bytes) -> None:
    path = f"in/{name.decode('utf-8', 'surrogateescape')}"
    row = Row(path, Path(path).name, None, None, "failed", "unreadable", "")
    line = json.dumps(row.to_json(), ensure_ascii=False)
    line.encode("utf-8")  # valid Unicode, which other readers insist on
    assert Row.from_json(json.loads(line)).path == path


def test_a_name_that_is_text_needs_no_bytes() -> None:
    for path in ("in/ü \\xff \n.mp4", "-x"):
        assert Row(path, path, None, None, "failed", None, "").to_json()["path_bytes"] is None
    other = Row("in/\udcff.mp4", "\udcff.mp4", None, None, "failed", None, "").to_json()
    assert (other["path"], other["path_bytes"]) == ("in/\\xff.mp4", b"in/\xff.mp4".hex())


def test_rows_are_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    before = Results.record
    monkeypatch.setattr(Results, "record", lambda self, key: read.append(key) or before(self, key))
    found = rows(build(tmp_path / "out"))
    next(found)
    assert len(read) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {}, {"verdict": "perhaps"}, {"score": "high"}, {"spans": [{"start": 1}]}, {"notes": [3]},
        {"picture": None}, {"reason": "because"}, {"provenance": {}},
    ],
)  # fmt: skip
def test_a_record_of_something_else_is_refused(tmp_path: Path, broken: dict[str, object]) -> None:
    results = Results(tmp_path)
    results.create()
    record = put(results, b"x", discrepant())
    told = {**record.result, **broken} if broken else {}
    results.put("record", record.key, Record(record.key, record.sha256, None, told).to_bytes())
    with pytest.raises(StoreError, match="no result that can be read"):
        row_of(results, Entry("x.mp4", State(1, 2, 3), record.sha256[0], record.key, "discrepant"))


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (Entry("x", None, None, "no key", "consistent"), "names a record by 'no key'"),
        (Entry("x", None, None, None, "consistent"), "says consistent and names no record"),
        (Entry("x", None, None, "a" * 64, "consistent"), "is missing"),
    ],
)
def test_a_ledger_that_makes_no_sense_is_refused(tmp_path: Path, entry: Entry, told: str) -> None:
    results = Results(tmp_path)
    results.create()
    with pytest.raises(StoreError, match=told):
        row_of(results, entry)


def test_an_empty_folder_has_no_rows(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.create()
    write_card(results)
    Ledger(tmp_path).close()
    assert list(rows(tmp_path)) == []

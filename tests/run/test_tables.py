from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from made_results import build, lines

from vadd.errors import OutputError, UsageError
from vadd.run import tables
from vadd.run.rows import Row, rows
from vadd.run.spool import Spool
from vadd.run.tables import COLUMNS, has_parquet, table

WITH_PARQUET = pytest.mark.skipif(not has_parquet(), reason="pyarrow is not installed")
KINDS = ["jsonl", "csv", pytest.param("parquet", marks=WITH_PARQUET)]
HOSTILE = Row(
    path="in/=cmd|' \udcff\n.mp4", name="=cmd|' \udcff\n.mp4", sha256=None, size=3, verdict="failed",
    reason="unreadable", explanation="=1+1\u202e",
)  # fmt: skip


def made(kind: str, path: Path, found: list[Row]) -> Path:
    with table(kind, path) as open_:
        for row in found:
            open_.add(row)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    found = [*rows(build(tmp_path / "out")), HOSTILE]
    first, second = (made(kind, tmp_path / name, found).read_bytes() for name in "ab")
    assert first == second


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_there_whole_or_not_at_all(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    path.write_text("before")

    def cut_off() -> None:
        with table(kind, path) as open_:
            open_.add(HOSTILE)
            raise KeyError

    with pytest.raises(KeyError):
        cut_off()
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["t"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"), table("csv", tmp_path / "none" / "t"):
        raise AssertionError


def test_json_lines(tmp_path: Path) -> None:
    found = [*rows(build(tmp_path / "out")), HOSTILE]
    told = lines(made("jsonl", tmp_path / "t", found))
    assert [Row.from_json(each) for each in told] == found


def test_csv_is_safe_and_complete(tmp_path: Path) -> None:
    found = [*rows(build(tmp_path / "out")), HOSTILE]
    text = made("csv", tmp_path / "t", found).read_text("utf-8")
    told = list(csv.DictReader(io.StringIO(text)))
    assert tuple(told[0]) == COLUMNS
    assert len(told) == len(found) == text.count("\n") - 1
    assert told[1]["file"] == "a/foreign.mp4"
    assert told[1]["spans"] == "3-7;9-10.2"
    assert told[1]["sound"] == "road traffic; engine; horn"
    assert told[1]["report"] == found[1].report
    assert told[-1]["file"] == "in/=cmd|' \\xff\\x0a.mp4"
    assert told[-1]["explanation"] == "'=1+1\\u202e"
    assert told[-1]["score"] == ""


@WITH_PARQUET
def test_parquet_has_types_and_exact_names(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    found = [*rows(build(tmp_path / "out")), HOSTILE]
    read = pyarrow.parquet.read_table(made("parquet", tmp_path / "t", found))
    assert read.schema.metadata[b"form"] == b"vadd.row/1"
    assert read.schema.field("score").type == pyarrow.float64()
    assert read.schema.field("size").type == pyarrow.int64()
    assert pyarrow.types.is_list(read.schema.field("spans").type)
    told = read.to_pylist()
    wanted = [row.to_json() for row in found]
    for row, each in zip(found, wanted, strict=True):
        del each["schema"]
        each["path_bytes"] = row.path_bytes
    assert told == wanted
    assert told[-1]["path_bytes"] == b"in/=cmd|' \xff\n.mp4"


@WITH_PARQUET
def test_parquet_of_no_rows_still_has_its_columns(tmp_path: Path) -> None:
    import pyarrow.parquet

    read = pyarrow.parquet.read_table(made("parquet", tmp_path / "t", []))
    assert read.num_rows == 0
    assert read.column_names[0] == "path"


@WITH_PARQUET
def test_parquet_comes_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr(tables, "_GROUP", 4)
    file = pyarrow.parquet.ParquetFile(made("parquet", tmp_path / "t", [HOSTILE] * 10))
    assert [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)] == [4, 4, 2]


def test_no_parquet_without_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "has_parquet", lambda: False)
    with pytest.raises(UsageError, match=r"vadd\[run\]"), table("parquet", tmp_path / "t"):
        raise AssertionError
    assert list(tmp_path.iterdir()) == []


def scored(path: str, verdict: str, score: float | None) -> Row:
    return Row(path, path, None, None, verdict, None, "", score=score)


def test_a_spool_gives_rows_in_any_order(tmp_path: Path) -> None:
    given = [
        scored("a", "consistent", 0.2), scored("b", "failed", None), scored("c", "discrepant", 0.9),
        scored("d", "inconclusive", None), scored("e", "consistent", 0.2), scored("f", "failed", 0.99),
        scored("g", "consistent", 0.0),
    ]  # fmt: skip
    with (tmp_path / "t").open("w+b") as file:
        spool = Spool(file)
        for row in given:
            spool.add(row)
        assert list(spool.rows()) == given
        assert [row.path for row in spool.rows("score")] == ["c", "a", "e", "g", "d", "b", "f"]
        assert len(spool) == len(given)
    with (tmp_path / "t").open("rb") as file:
        again = Spool.of(file, "t")
        assert [row.path for row in again.rows("score")] == ["c", "a", "e", "g", "d", "b", "f"]
    assert json.loads((tmp_path / "t").read_text().splitlines()[0])["path"] == "a"

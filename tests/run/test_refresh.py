from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_results import build, keys, lines, put, write_card
from samples import consistent, discrepant

from vadd.errors import OutputError, StoreError
from vadd.run import index, refresh
from vadd.run.ledger import Entry, Ledger, State
from vadd.run.records import Results
from vadd.run.refresh import MARKER, opened_rows, read_marker
from vadd.run.rows import rows

TABLES = ["index.html", "results.csv", "results.jsonl"]


@pytest.fixture(autouse=True)
def without_parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where pyarrow is not installed; tests of parquet say otherwise."""
    parquet(monkeypatch, there=False)


def parquet(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    for module in ("vadd.run.refresh", "vadd.run.tables"):
        monkeypatch.setattr(f"{module}.has_parquet", lambda: there)


def add(out: Path, name: str, verdict) -> None:
    record = put(Results(out, ".unfinished.test"), name.encode(), verdict)
    with Ledger(out) as ledger:
        state = State(len(name), 1, 1)
        ledger.add(Entry(name, state, record.sha256[0], record.key, record.result["verdict"]))


def content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file() and path.name[0] != "."}


def test_everything_is_made(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    told = refresh.refresh(out)
    assert told == [
        "Tables: results.jsonl, results.csv", "Index: index.html",
        "results.parquet is not written: parquet needs: pip install 'vadd[run]'",
    ]  # fmt: skip
    assert {*TABLES, MARKER} <= set(content(out))
    assert [each["path"] for each in lines(out / "results.jsonl")] == [row.path for row in rows(out)]
    assert not list(out.glob(".unfinished*"))


def test_the_same_results_have_the_same_tables_anywhere(tmp_path: Path) -> None:
    for name in ("one", "two"):
        refresh.refresh(build(tmp_path / name))
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_what_is_fresh_is_left_alone_and_no_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = build(tmp_path / "out")
    refresh.refresh(out)
    before = {name: (out / name).stat().st_mtime_ns for name in TABLES}

    def read(*given: object) -> None:
        raise AssertionError("a record was read")

    monkeypatch.setattr(Results, "record", read)
    assert refresh.refresh(out) == ["results.parquet is not written: parquet needs: pip install 'vadd[run]'"]
    assert before == {name: (out / name).stat().st_mtime_ns for name in TABLES}


@pytest.mark.parametrize(
    "change",
    [
        lambda out: add(out, "new.mp4", discrepant()),
        lambda out: write_card(Results(out, ".unfinished.test"), keys(model="another")),
        lambda out: next((out / "reports").rglob("*.html")).unlink(),
        lambda out: (out / "results.csv").unlink(),
        lambda out: (out / "index.html").write_text("mine"),
        lambda out: (out / MARKER).unlink(),
        lambda out: (out / MARKER).write_text("[]"),
        lambda out: (out / MARKER).write_text('{"schema": "vadd.tables/0"}'),
    ],
    ids=["file", "card", "page", "table", "index", "marker", "no-marker", "old-marker"],
)
def test_what_changed_is_made_anew(tmp_path: Path, change) -> None:
    out = build(tmp_path / "out")
    refresh.refresh(out)
    (out / ".unfinished.test").mkdir()
    change(out)
    assert refresh.refresh(out)[0].startswith("Tables: ")
    assert [each["path"] for each in lines(out / "results.jsonl")] == [row.path for row in rows(out)]
    assert refresh.refresh(out)[0].startswith("results.parquet is not written")


def test_a_touched_file_changes_nothing(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    refresh.refresh(out)
    with Ledger(out) as ledger:
        entry = ledger.known("a/fits.mp4")
        assert entry is not None
        ledger.add(Entry(entry.path, State(10, 99, 99), *(entry.sha256, entry.key, entry.outcome)))
    assert len(refresh.refresh(out)) == 1


def test_pages_that_are_too_many_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = build(tmp_path / "out")
    monkeypatch.setattr(index, "ROWS", 2)
    assert refresh.refresh(out)[1] == "Index: index.html (3 pages)"
    assert (out / "index-3.html").is_file()
    monkeypatch.setattr(index, "ROWS", 4)
    (out / MARKER).unlink()
    refresh.refresh(out)
    assert sorted(path.name for path in out.glob("index*")) == ["index-2.html", "index.html"]


def test_a_killed_one_leaves_no_marker_and_no_scratch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = build(tmp_path / "out")
    refresh.refresh(out)
    add_to = out / ".unfinished.test"
    add_to.mkdir()
    add(out, "new.mp4", discrepant())
    wanted = build_with(tmp_path / "clean")

    def killed(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(refresh, "index_pages", killed)
        with pytest.raises(KeyboardInterrupt):
            refresh.refresh(out)
    assert read_marker(out) is None
    (out / ".unfinished.tables" / "left.tmp").write_text("by a killed one")
    refresh.refresh(out)
    add_to.rmdir()
    made = content(out)
    assert {name: made[name] for name in TABLES} == {name: content(wanted)[name] for name in TABLES}
    assert not (out / ".unfinished.tables").exists()


def build_with(out: Path) -> Path:
    build(out)
    (out / ".unfinished.test").mkdir()
    add(out, "new.mp4", discrepant())
    refresh.refresh(out)
    return out


def test_parquet_comes_and_goes_with_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    out = build(tmp_path / "out")
    refresh.refresh(out)
    parquet(monkeypatch, there=True)
    assert refresh.refresh(out)[0] == "Tables: results.jsonl, results.csv, results.parquet"
    assert refresh.refresh(out) == []
    parquet(monkeypatch, there=False)
    assert refresh.refresh(out) == []  # it is there and right
    (out / ".unfinished.test").mkdir()
    add(out, "new.mp4", consistent())
    assert refresh.refresh(out)[-1].startswith("results.parquet is not written")
    assert not (out / "results.parquet").exists()  # an old one would be wrong


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    path = next((out / "records").rglob("*.json"))
    path.write_bytes(path.read_bytes().replace(b"everyday", b"everynight"))
    with pytest.raises(StoreError, match=path.name):
        refresh.refresh(out)


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no results"):
        refresh.refresh(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    (out / ".tables.lock").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        refresh.refresh(out)


def test_several_at_once(tmp_path: Path) -> None:
    out = build(tmp_path / "out")
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(refresh.refresh, [out] * 4))
    assert sorted(map(len, told)) == [1, 1, 1, 3]  # one has made them, the others have waited for it


def test_rows_come_from_the_table_only_while_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = build(tmp_path / "out")
    wanted = list(rows(out))
    read: list[str] = []
    before = Results.record
    monkeypatch.setattr(Results, "record", lambda self, key: read.append(key) or before(self, key))
    with opened_rows(out) as spool:
        assert list(spool.rows()) == wanted
    assert len(read) == 5
    refresh.refresh(out)
    read.clear()
    with opened_rows(out) as spool:
        assert list(spool.rows()) == wanted
    assert read == []
    table = out / "results.jsonl"
    table.write_bytes(table.read_bytes().replace(b"0.8132", b"0.1132"))
    with opened_rows(out) as spool:
        assert list(spool.rows()) == wanted
    assert len(read) == 5


def test_ten_thousand_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = build(tmp_path / "out")
    with Ledger(out) as ledger:
        for number in range(10_000):
            ledger.add(Entry(f"many/{number}.mp4", None, None, None, "failed", "unreadable", "gone"))
    assert refresh.refresh(out)[1] == "Index: index.html (21 pages)"
    with (out / "results.jsonl").open("rb") as file:
        assert sum(1 for _ in file) == 10_006
    marker = read_marker(out)
    assert marker is not None
    assert len(marker.files) == 23
    monkeypatch.setattr(refresh, "row_of", lambda *given: pytest.fail("a row was made"))
    assert len(refresh.refresh(out)) == 1

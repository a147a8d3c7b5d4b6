from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vadd.errors import OutputError, StoreError, UsageError
from vadd.run.ledger import Entry, Ledger, State, entries
from vadd.run.records import Record, Results, seal, sealed

KEY, OTHER = "a" * 64, "b" * 64


def record(**more: object) -> Record:
    return Record(KEY, (OTHER,), None, {"verdict": "consistent", "n": 1.5, "text": "ü", **more})


def test_a_record_comes_back() -> None:
    assert Record.from_bytes(record().to_bytes(), "it") == record()


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unseen(at: int, bit: int) -> None:
    data = bytearray(record().to_bytes())
    data[at % (len(data) - 1)] ^= 1 << bit
    with pytest.raises(StoreError):
        Record.from_bytes(bytes(data), "it")


@given(st.binary(max_size=200))
def test_no_bytes_are_a_bug(data: bytes) -> None:
    with pytest.raises(StoreError):
        Record.from_bytes(data, "it")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10_000), st.integers(0, 7))
def test_a_seal_breaks_with_any_bit(text: str, at: int, bit: int) -> None:
    data = bytearray(seal(text))
    assert sealed(bytes(data))
    data[at % len(data)] ^= 1 << bit
    assert not sealed(bytes(data))


def test_results_are_found_by_key(tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    results.create()
    results.put("record", KEY, record().to_bytes())
    assert results.has("record", KEY)
    assert not results.has("record", OTHER)
    assert results.record(KEY) == record()
    assert list(results.keys("record")) == [KEY]
    with pytest.raises(StoreError, match="missing"):
        results.record(OTHER)
    results.put("record", OTHER, record().to_bytes())
    with pytest.raises(StoreError, match="another key"):
        results.record(OTHER)


def test_what_a_killed_run_left_goes_away(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.create()
    (tmp_path / results.scratch / "x.tmp").touch()
    results.clear()
    assert not list((tmp_path / results.scratch).iterdir())
    results.clear(done=True)
    assert not (tmp_path / results.scratch).exists()


def test_a_folder_that_takes_no_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        Results(tmp_path / "file").create()


ENTRY = Entry("a\udcffb.mp4", State(1, 2, 3), OTHER, KEY, "consistent")


def test_a_ledger_remembers(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(ENTRY)
        ledger.add(Entry("b", None, None, None, "failed", "unreadable", "gone"))
    with Ledger(tmp_path) as ledger:
        assert ledger.known(ENTRY.path) == ENTRY
    assert list(entries(tmp_path)) == sorted(["b", ENTRY.path])


def test_a_torn_last_line_is_cut_off(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.add(ENTRY)
        ledger.add(Entry("b", None, None, None, "failed", "unreadable", "gone"))
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with Ledger(tmp_path) as ledger:
        assert ledger.known("b") is None
        assert ledger.known(ENTRY.path) == ENTRY
        ledger.add(Entry("c", None, None, None, "failed", "changed", "x"))
    assert set(entries(tmp_path)) == {ENTRY.path, "c"}


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_text('{"path": "x"}\n')
    with pytest.raises(StoreError, match="line 1"):
        Ledger(tmp_path)


@given(st.binary(max_size=120))
def test_no_ledger_is_a_bug(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ledger.jsonl").write_bytes(data + b"\n")
        try:
            entries(Path(folder))
        except StoreError:
            return
        assert not data.strip()


def test_two_runs_refuse_but_shards_share(tmp_path: Path) -> None:
    with Ledger(tmp_path), Ledger(tmp_path, (1, 2)) as shard:
        shard.add(ENTRY)
        with pytest.raises(UsageError, match="another run"):
            Ledger(tmp_path)
        with pytest.raises(UsageError, match="shard 1/2"):
            Ledger(tmp_path, (1, 2))
    with Ledger(tmp_path):
        pass
    assert entries(tmp_path)[ENTRY.path] == ENTRY


def test_no_results_at_all(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no results"):
        entries(tmp_path)

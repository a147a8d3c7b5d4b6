from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_results import build, keys, put, write_card
from samples import consistent

from vadd.errors import UsageError
from vadd.run.findings import verify_file
from vadd.run.ledger import Entry, Ledger
from vadd.run.records import KINDS, Record, Results
from vadd.run.refresh import refresh
from vadd.run.schema import validate
from vadd.run.verify import verify


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build(tmp_path_factory.mktemp("results") / "out")
    refresh(folder)
    return folder


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out"))


@pytest.fixture
def with_media(tmp_path: Path) -> Path:
    folder = build(tmp_path / "out", tmp_path / "media")
    refresh(folder)
    return folder


def wrong(out: Path, **more: bool) -> list[tuple[str, str]]:
    told = verify(out, **more)
    validate("verification", json.loads(json.dumps(told.to_json())))
    assert told.right is (not told.wrong)
    return [(each.path, each.message) for each in told.wrong]


def flip(path: Path, at: int | None = None) -> None:
    """Turn one bit, in the middle if nobody says where."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2 if at is None else at] ^= 1
    path.write_bytes(data)


def first(out: Path, kind: str) -> Path:
    folder, suffix = KINDS[kind]
    return min((out / folder).rglob(f"*{suffix}"))


def test_all_is_right(with_media: Path) -> None:
    told = verify(with_media, inputs=True)
    assert told.wrong == []
    assert told.unused == []
    assert told.checked["paths"] == 6
    assert told.checked["records"] == told.checked["measurements"] == told.checked["reports"] == 4
    assert told.checked["strips"] == 3
    assert told.checked["tables"] >= 3
    assert told.checked["media files"] == 5


def test_nothing_is_changed_by_looking(with_media: Path) -> None:
    out = with_media
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    verify(out, inputs=True)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [0, None, -2])
def test_a_bit_of_any_kept_file(out: Path, kind: str, at: int | None) -> None:
    path = first(out, kind)
    flip(path, at)
    assert path.relative_to(out).as_posix() in dict(wrong(out))
    assert verify_file(path).wrong


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_file_that_is_whole(out: Path, kind: str) -> None:
    assert verify_file(first(out, kind)).right


@pytest.mark.parametrize("name", ["results.jsonl", "results.csv", "index.html"])
def test_a_bit_of_a_table(out: Path, name: str) -> None:
    flip(out / name)
    assert (name, "not as it was written") in wrong(out)


def test_every_bit_of_the_ledger_that_matters(out: Path) -> None:
    """Each byte but those of times and inodes, and names of what is null: they change nothing."""
    ledger = out / "ledger.jsonl"
    whole = ledger.read_bytes()
    line = next(line for line in whole.splitlines() if b"foreign" in line)
    begin = whole.index(line)
    state = range(line.index(b'"state":['), line.index(b"]") + 1)
    for at in range(0, line.index(b'"reason"'), 11):
        if at in state:
            continue
        flip(ledger, begin + at)
        assert wrong(out), f"byte {at}"
        ledger.write_bytes(whole)


def test_a_bit_of_the_card(out: Path) -> None:
    card = out / "run.json"
    flip(card, card.read_bytes().index(b"everyday"))
    assert any(path == "tables.json" for path, _ in wrong(out))
    card.write_text("{")
    assert any(path == "run.json" and "no card" in message for path, message in wrong(out))


def test_a_bit_of_the_marker(out: Path) -> None:
    for wanted in (b'"state":"', b'"sha256":"'):
        whole = (out / "tables.json").read_bytes()
        flip(out / "tables.json", whole.index(wanted) + len(wanted))
        assert wrong(out)
        (out / "tables.json").write_bytes(whole)
    assert wrong(out) == []


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("record", "the ledger names a record that is missing"),
        ("measurement", "a record names it and it is missing"),
    ],
)
def test_what_is_missing_is_named(out: Path, kind: str, told: str) -> None:
    first(out, kind).unlink()
    assert any(told in message for _, message in wrong(out))


def test_a_page_that_went_leaves_the_tables_behind(out: Path) -> None:
    first(out, "page").unlink()
    assert [path for path, _ in wrong(out)] == ["tables.json"]
    refresh(out)
    assert wrong(out) == []


def test_tables_that_were_never_made(tmp_path: Path) -> None:
    ((path, message),) = wrong(build(tmp_path / "out"))
    assert path == "tables.json"
    assert "`vadd results" in message


def replaced(out: Path, change: Callable[[Record], Record]) -> str:
    """Change a record, with a digest that fits, and say where it is."""
    path = first(out, "record")
    path.write_bytes(change(Record.from_bytes(path.read_bytes(), "")).to_bytes())
    return path.relative_to(out).as_posix()


def test_a_record_in_the_place_of_another(out: Path) -> None:
    place = replaced(out, lambda record: replace(record, key="a" * 64))
    assert dict(wrong(out))[place] == f"it is the record of another key, {'a' * 64}"


def test_a_record_of_another_file(out: Path) -> None:
    place = replaced(out, lambda record: replace(record, sha256=("a" * 64,)))
    found = wrong(out)
    assert (place, "its key is not that of its file and settings") in found
    assert any("are of different files" in message for _, message in found)


def test_a_record_of_other_settings_under_this_key(out: Path) -> None:
    def other(record: Record) -> Record:
        provenance = {**record.result["provenance"], "version": "9.9.9"}
        return replace(record, result={**record.result, "provenance": provenance})

    place = replaced(out, other)
    assert dict(wrong(out))[place] == "its key is that of other settings than it was made with"


def test_records_of_an_earlier_model_are_no_damage(out: Path) -> None:
    write_card(Results(out, ""), keys(version="9.9.9"))
    refresh(out)
    assert wrong(out) == []


def test_a_verdict_that_the_ledger_tells_otherwise(out: Path) -> None:
    with Ledger(out) as ledger:
        entry = next(each for each in ledger._known.values() if each.outcome == "discrepant")
        ledger.add(replace(entry, outcome="consistent"))
    assert any("the ledger says consistent" in message for _, message in wrong(out))


def test_what_nothing_leads_to_is_named_and_no_damage(out: Path) -> None:
    (out / ".unfinished.test").mkdir()
    results = Results(out, ".unfinished.test")
    record = put(results, b"judged by an earlier run", consistent())
    results.put("page", "b" * 64, first(out, "page").read_bytes())
    refresh(out)
    told = verify(out)
    assert told.right
    assert {each.path for each in told.unused} == {
        results.path("record", record.key).relative_to(out).as_posix(),
        results.path("page", "b" * 64).relative_to(out).as_posix(),
    }


@pytest.mark.parametrize(
    "name", ["records/aa/notes.txt", "records/notes.json", f"reports/aa/{'b' * 64}.html"]
)
def test_strange_files_are_named(out: Path, name: str) -> None:
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    assert name in dict(wrong(out))


def test_a_ledger_line_that_is_none(out: Path) -> None:
    with (out / "ledger.jsonl").open("a") as file:
        file.write("[]\n")
    assert any(path == "ledger" and "line 7" in message for path, message in wrong(out))


@pytest.mark.parametrize("key", ["", "x", "../../etc/passwd", "A" * 64])
def test_a_ledger_with_a_key_that_is_none(out: Path, key: str) -> None:
    with Ledger(out) as ledger:
        ledger.add(Entry("x.mp4", None, None, key, "consistent"))
    assert any(path in ("x.mp4", "ledger") for path, _ in wrong(out))


def test_media_files_that_changed_or_went(with_media: Path, tmp_path: Path) -> None:
    out = with_media
    media = tmp_path / "media"
    flip(media / "a" / "foreign.mp4")
    (media / "broken.mp4").unlink()
    (media / "copy.mp4").unlink()
    (media / "copy.mp4").mkdir()
    assert wrong(out) == []
    found = dict(wrong(out, inputs=True))
    assert found[str(media / "a" / "foreign.mp4")] == "it holds other bytes than those that were judged"
    assert "cannot be compared" in found[str(media / "broken.mp4")]
    assert "cannot be compared" in found[str(media / "copy.mp4")]
    assert len(found) == 3


def test_how_far_the_reading_is(with_media: Path) -> None:
    told: list[tuple[float, float]] = []
    verify(with_media, inputs=True, progress=lambda done, total: told.append((done, total)))
    assert told == [(at, 5) for at in range(1, 6)]


def test_no_results(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError):
            verify(place)


def test_a_single_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"x")
    with pytest.raises(UsageError, match="can be verified"):
        verify_file(tmp_path / "x.mp4")
    with pytest.raises(UsageError):
        verify_file(tmp_path / "none.html")


def test_a_page_without_a_seal(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<p>hello")
    assert verify_file(tmp_path / "x.html").wrong[0].message == "it carries no seal, or has lost it"


def test_a_page_says_whose_it_is_after_it_moved(out: Path, tmp_path: Path) -> None:
    path = first(out, "page").rename(tmp_path / "sent by mail.html")
    assert verify_file(path).right
    path.write_bytes(path.read_bytes() + b"\n")
    assert not verify_file(path).right


def test_a_result_that_is_none(out: Path) -> None:
    place = replaced(out, lambda record: replace(record, result={}))
    assert "no result that can be read" in dict(wrong(out))[place]

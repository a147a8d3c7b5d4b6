"""What fuzzing found: each of these inputs once ended in an error that nobody had promised."""

from __future__ import annotations

import hashlib
import io
import json
import math
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import _model_samples
import _samples
from vadd.errors import MediaError, ModelError, ProtocolError, StoreError, UsageError
from vadd.media.limits import Limits

DEEP = "[" * 100_000
#: An integer that JSON can hold and no float can.
HUGE = 10**400


def put(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


# --- JSON nested deeper than Python's stack -----------------------------------------------------------


def test_the_file_beside_a_manifest(tmp_path: Path) -> None:
    from vadd.protocol.manifest import read_origin

    put(tmp_path / "m.csv.json", DEEP)
    with pytest.raises(ProtocolError, match="cannot be read"):
        read_origin(tmp_path / "m.csv")


def test_the_card_of_a_detector(tmp_path: Path) -> None:
    from vadd.detect.documents import kind_of
    from vadd.detect.folder import read_card_of

    put(tmp_path / "card.json", DEEP)
    assert kind_of(tmp_path) is None
    with pytest.raises(ModelError, match="damaged"):
        read_card_of(tmp_path)


def test_the_head_of_a_store(tmp_path: Path) -> None:
    from vadd.embed.store_files import read_json, read_rows

    with pytest.raises(StoreError, match="damaged"):
        read_json(put(tmp_path / "store.json", DEEP))
    put(tmp_path / "manifest.jsonl", DEEP + "\n")
    with pytest.raises(StoreError, match="line 1 is damaged"):
        read_rows(tmp_path)


def test_the_lock_of_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vadd.embed import shelf

    monkeypatch.setattr(shelf, "home", lambda: tmp_path)
    put(tmp_path / shelf._LOCK, DEEP)
    with pytest.raises(ModelError, match="is damaged"):
        shelf._read_lock()
    put(tmp_path / shelf._LOCK, json.dumps({"a": {"file": "a", "sha256": "b", "size": math.inf}}))
    with pytest.raises(ModelError, match="is damaged"):
        shelf._read_lock()


@pytest.mark.parametrize("line", [DEEP, "[]", "{}", '{"clip": []}', "\x00"])
def test_the_log_of_embedded_clips(tmp_path: Path, line: str) -> None:
    from vadd.embed import many

    put(tmp_path / many._LOG, line + "\n")
    with pytest.raises(StoreError, match="is damaged"):
        many._Log(tmp_path, rehash=False)


# --- numbers that are none ----------------------------------------------------------------------------


def test_proposals_with_a_huge_integer(tmp_path: Path) -> None:
    from vadd.protocol.predictions import read_avdeepfake1m

    for strange in (HUGE, -HUGE, math.inf, math.nan):
        path = put(tmp_path / "p.json", json.dumps({"t1": [], "t2": [[strange, 0, 1]], "t3": []}))
        with pytest.raises(ProtocolError, match="is not \\[score, start, end\\]"):
            read_avdeepfake1m(path, _samples.truth())


@pytest.mark.parametrize("value", ["9", [1], {}, None, True, HUGE, math.nan, math.inf, -1, 0])
def test_limits_that_are_none(value: object) -> None:
    with pytest.raises(ValueError, match="limit seconds must be"):
        Limits.from_json({"seconds": value})


def test_limits_made_here_are_numbers_too() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Limits(wall_seconds=math.nan)


def results_with(folder: Path, **changes: object) -> None:
    """A results folder with one record, of which these fields are other ones."""
    from vadd.run.records import Record, Results

    results = Results(folder)
    results.create()
    result = {**json.loads(_samples.results()[0]), **changes}
    results.put("record", _samples.KEY, Record(_samples.KEY, (_samples.SHA256,), None, result).to_bytes())
    put(folder / "ledger.jsonl", _samples.ledger())


def test_a_record_with_a_huge_integer(tmp_path: Path) -> None:
    from vadd.run.rows import rows

    results_with(tmp_path, probability=HUGE)
    with pytest.raises(StoreError, match="no result that can be read"):
        list(rows(tmp_path))


@pytest.mark.parametrize("rate", [HUGE, math.nan, math.inf, "x", None])
def test_the_card_of_results(tmp_path: Path, rate: object) -> None:
    from vadd.run.card import read_card

    told = json.loads(_samples.cards()[0])
    put(tmp_path / "run.json", json.dumps(told))
    assert read_card(tmp_path).false_alarms == 0.1
    told["judged"]["config"]["false_alarms"] = rate
    put(tmp_path / "run.json", json.dumps(told))
    with pytest.raises(StoreError, match="no card of results"):
        read_card(tmp_path)


def test_the_marker_of_results_is_made_anew(tmp_path: Path) -> None:
    from vadd.run.refresh import MARKER, SCHEMA, read_marker

    told = {"schema": SCHEMA, "state": "x", "files": {"a": {"size": 1, "sha256": "y"}}}
    put(tmp_path / MARKER, json.dumps(told))
    assert read_marker(tmp_path) is not None
    told["files"] = {"a": {"size": math.inf, "sha256": "y"}}
    put(tmp_path / MARKER, json.dumps(told))
    assert read_marker(tmp_path) is None


@pytest.mark.parametrize(
    ("field", "value"), [("name", {"a": 1}), ("name", 3), ("dim", None), ("dim", 0), ("dim", True)]
)
def test_an_embedder_of_a_store(tmp_path: Path, field: str, value: object) -> None:
    pytest.importorskip("pyarrow")
    from vadd.embed.store import Store

    head = json.loads(_model_samples.store_files("store.json")[0])
    _model_samples.store_with(tmp_path / "good", "store.json", json.dumps(head).encode())
    assert Store.open(tmp_path / "good").check() == 24
    head["embedders"][0][field] = value
    _model_samples.store_with(tmp_path / "bad", "store.json", json.dumps(head).encode())
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(tmp_path / "bad")


def test_a_time_over_zero() -> None:
    from vadd.media.info import MediaInfo, fraction

    for text in ("1/0", "1/00", "0/000", "-5/00000000000000000000", "\u0663/\u0661"):
        with pytest.raises(ValueError, match="not a fraction"):
            fraction(text)
    assert fraction("-010/04") == Fraction(-5, 2)
    told = json.loads(_samples.infos()[0])
    assert MediaInfo.from_json(told).duration == 2
    told["video"]["start"] = "1/00"
    with pytest.raises(ValueError, match="not a fraction"):
        MediaInfo.from_json(told)


STRANGE = {
    "clip": [f"c{at}" for at in range(12)], "city": [None] * 12, "augmented": [0] * 12, "seconds": [4.0] * 12,
    "second": ["0"] * 12,
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_a_column_of_a_shard_that_is_of_another_type(tmp_path: Path, name: str) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    from vadd.embed.store import Store

    shard = put(tmp_path / "shard.parquet", _model_samples.store_files("shard")[0])
    table = parquet.read_table(shard)
    strange = table.set_column(table.column_names.index(name), name, arrow.array(STRANGE[name]))
    parquet.write_table(strange, shard)
    _model_samples.store_with(tmp_path / "s", "shard", shard.read_bytes())
    with pytest.raises(StoreError, match=f"is damaged: its column '{name}' is of type"):
        Store.open(tmp_path / "s")


def test_a_shard_with_names_that_are_no_text(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from vadd.embed.store import Store

    data = _model_samples.store_files("shard")[0].replace(b"augmented", b"augm\xffnted")
    _model_samples.store_with(tmp_path / "s", "shard", data)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(tmp_path / "s")


def test_the_version_of_a_store_cannot_break_a_line(tmp_path: Path) -> None:
    from vadd.embed.store import Store

    put(tmp_path / "store.json", json.dumps({"format": "a\nb", "version": "\x1b"}))
    with pytest.raises(StoreError, match="not vadd-store version 1") as caught:
        Store.open(tmp_path)
    assert str(caught.value).isprintable()


# --- archives -------------------------------------------------------------------------------------------


def archive(header: bytes) -> bytes:
    """An ``.npz`` whose only array has this header."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("header.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    return data.getvalue()


#: Signature, version and flags of a file in an archive, and the same in its list of contents.
_LOCAL, _LISTED = b"PK\x03\x04\x14\x00\x00\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00"


def patched(local: bytes, listed: bytes) -> bytes:
    """The archive with other bytes where these are."""
    whole = archive(b"x")
    assert whole.count(_LOCAL) == whole.count(_LISTED) == 1
    return whole.replace(_LOCAL, local).replace(_LISTED, listed)


_VAST = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"9" * 12 + b",)}"
ARCHIVES = {
    # NumPy takes headers of Python 2 apart with a tokenizer, which has errors of its own.
    "torn header": archive(b"{'descr': '<f4', 'shape': (3L, 'fortran_order': False"),
    "another compression": patched(_LOCAL[:8] + b"\x63\x00", _LISTED[:10] + b"\x63\x00"),
    "another version": patched(_LOCAL[:4] + b"\xff" + _LOCAL[5:], _LISTED[:6] + b"\xff" + _LISTED[7:]),
    "encrypted": patched(_LOCAL[:6] + b"\x01" + _LOCAL[7:], _LISTED[:8] + b"\x01" + _LISTED[9:]),
    "more than there is": archive(_VAST),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_its_reader_stumbles_over(tmp_path: Path, name: str) -> None:
    from vadd.embed.extraction_file import unpack
    from vadd.run import match_cache

    with pytest.raises(StoreError, match="no extraction"):
        unpack(_samples.sealed_extraction(ARCHIVES[name]), "the file")
    assert match_cache._read(put(tmp_path / "e.npz", ARCHIVES[name]), _samples.SHA256) is None


def test_whole_entries_of_the_match_cache_are_read(tmp_path: Path) -> None:
    from vadd.run import match_cache

    for number, entry in enumerate(_samples.match_entries()):
        found = match_cache._read(put(tmp_path / f"{number}.npz", entry), _samples.SHA256)
        assert found is not None
        assert np.array_equal(found.picture.rows, np.full((2, 4), 0.25))


def test_an_extraction_of_an_unknown_embedder() -> None:
    from vadd.embed.extraction_file import unpack

    header = json.loads(_samples.extraction_headers()[0])
    assert unpack(_samples.extraction_with(json.dumps(header).encode()), "the file").seconds == 2
    header["picture"]["embedder"] = "nobody"
    with pytest.raises(StoreError, match="the file: no extraction: there is no embedder 'nobody'"):
        unpack(_samples.extraction_with(json.dumps(header).encode()), "the file")


@pytest.mark.parametrize("more", [{"a\nb": 1}, {"vectors": 3}, {"rotation": "90"}, {"rotation": None}])
def test_an_extraction_whose_header_tells_other_things(more: dict[str, object]) -> None:
    from vadd.embed.extraction_file import unpack

    header = json.loads(_samples.extraction_headers()[0])
    header["picture"].update(more)
    with pytest.raises(StoreError, match="of which other things are told") as caught:
        unpack(_samples.extraction_with(json.dumps(header).encode()), "the file")
    assert str(caught.value).isprintable()


def test_a_keras_file_with_a_length_beyond_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    from vadd.embed.hdf5_weights import read_keras_layers

    path = put(tmp_path / "w.h5", _model_samples.keras()[0])
    assert [layer.name for layer in read_keras_layers(path)] == ["conv"]
    for error in (OverflowError("too large"), MemoryError(), TypeError("a group")):

        def fails(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(h5py, "File", fails)
        with pytest.raises(ModelError, match="is damaged"):
            read_keras_layers(path)


# --- one line -------------------------------------------------------------------------------------------


def test_names_in_a_card_cannot_break_or_colour_a_line(tmp_path: Path) -> None:
    from vadd.classify.card import read_card
    from vadd.detect.folder import read_card_of

    for reader, sample in (
        (read_card, _model_samples.model_cards()[0]),
        (read_card_of, _model_samples.detector_cards()[0]),
    ):
        put(tmp_path / "card.json", json.dumps({**json.loads(sample), "a\n\x1b[2J": 1}))
        with pytest.raises(ModelError, match=r"a\\n\\x1b\[2J") as caught:
            reader(tmp_path)
        assert str(caught.value).isprintable()


def test_names_of_what_an_adapted_detector_was_made_with(tmp_path: Path) -> None:
    from vadd.detect.adapted import read_adapted

    card = json.loads(_model_samples.adapted_cards()[0])
    card["made_with"]["a\nb"] = hashlib.sha256(b"").hexdigest()
    _model_samples.adapted_with(tmp_path, card=json.dumps(card).encode())
    with pytest.raises(ModelError, match=r"\('a\\nb'\): adapt it anew") as caught:
        read_adapted(tmp_path)
    assert str(caught.value).isprintable()


def test_a_child_that_gives_no_reason() -> None:
    from vadd.media.inbox import Inbox, Task
    from vadd.media.wire import encode

    for told, error in (({"kind": "media_error", "reason": "damaged"}, MediaError),
                        ({"kind": "error", "name": "UsageError", "message": " \n"}, UsageError)):  # fmt: skip
        with pytest.raises(error, match=r"^no reason was given$"):
            Inbox(Task(1, Limits(), 0.0, 60.0)).feed(b"".join(encode({**told, "job": 1})))


# --- the newest entry -----------------------------------------------------------------------------------


def test_in_one_ledger_the_last_word_on_a_path_counts(tmp_path: Path) -> None:
    from vadd.run.ledger import Entry, Ledger, entries

    judged = Entry("a.mp4", None, _samples.SHA256, _samples.KEY, "consistent")
    lost = Entry("a.mp4", None, None, None, "failed", "unreadable", "it can't be opened")
    with Ledger(tmp_path) as ledger:
        ledger.add(judged)
        ledger.add(lost)
    assert entries(tmp_path) == {"a.mp4": lost}
    with Ledger(tmp_path) as ledger:
        assert ledger.known("a.mp4") == lost
    # Of two shards neither is the newer; what has a record says more.
    with Ledger(tmp_path, (1, 2)) as ledger:
        ledger.add(judged)
    assert entries(tmp_path) == {"a.mp4": judged}
    with Ledger(tmp_path, (2, 2)) as ledger:
        ledger.add(lost)
    assert entries(tmp_path) == {"a.mp4": judged}

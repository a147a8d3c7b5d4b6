"""Reads one input with a parser of ours; see :mod:`_parsers` for what each of these may raise."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import _model_samples
import _samples
from vadd.errors import ProtocolError


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _json(data: bytes) -> Any:
    """JSON for readers that take values: what cannot be read at all is not their business."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


# --- many files -----------------------------------------------------------------------------------


def inputs(data: bytes, folder: Path) -> object:
    from vadd.run.inputs import find

    return find([_file(folder, "these.txt", data)])


def ledger(data: bytes, folder: Path) -> object:
    from vadd.run.ledger import Ledger, entries

    _file(folder, "ledger.jsonl", data)
    found = entries(folder)
    with Ledger(folder) as ledger:
        assert all(ledger.known(path) == entry for path, entry in found.items()), "two readings of a ledger"
    return found


def record(data: bytes, folder: Path) -> object:
    from vadd.run.records import Record

    return Record.from_bytes(data, "the record")


def row(data: bytes, folder: Path) -> object:
    """A row of a record whose result was damaged before it was sealed, and its place in every table."""
    from vadd.run.listing import row_lines
    from vadd.run.records import Record, Results
    from vadd.run.rows import rows
    from vadd.run.tables import table

    told = _json(data)
    if not isinstance(told, dict):
        return None
    results = Results(folder)
    results.create()
    try:
        sealed = Record(_samples.KEY, (_samples.SHA256,), None, told).to_bytes()
    except (ValueError, RecursionError):  # not a number, or deeper than JSON can be written
        return None
    results.put("record", _samples.KEY, sealed)
    _file(folder, "ledger.jsonl", _samples.ledger())
    found = list(rows(folder))
    for kind in ("jsonl", "csv"):
        with table(kind, folder / f"verdicts.{kind}") as made:
            for row in found:
                made.add(row)
    return list(row_lines(found))


def card(data: bytes, folder: Path) -> object:
    from vadd.run.card import read_card

    _file(folder, "run.json", data)
    card = read_card(folder)
    return card.made(_samples.KEY, _samples.SHA256)


def match_cache(data: bytes, folder: Path) -> object:
    from vadd.run import match_cache

    return match_cache._read(_file(folder, "entry.npz", data), _samples.SHA256)


# --- what was measured, and what the child says ------------------------------------------------------


def extraction(data: bytes, folder: Path) -> object:
    from vadd.embed.extraction_file import pictures, unpack

    pictures(data, "the file")
    return unpack(data, "the file")


def extraction_sealed(data: bytes, folder: Path) -> object:
    return extraction(_samples.sealed_extraction(data), folder)


def extraction_header(data: bytes, folder: Path) -> object:
    return extraction(_samples.extraction_with(data), folder)


def wire(data: bytes, folder: Path) -> object:
    from vadd.media.wire import PREFIX, decode

    return decode(data) if len(data) >= PREFIX else None


def inbox(data: bytes, folder: Path) -> object:
    """A child that lies: what it sends in pieces, to a job that takes parts."""
    from vadd.media.inbox import Inbox, Task
    from vadd.media.limits import Limits

    taken: list[object] = []
    task = Task(1, Limits(), 0.0, 60.0, lambda *each: taken.append(each), lambda *each: taken.append(each))
    inbox = Inbox(task)
    for at in range(0, len(data), 97):
        inbox.feed(data[at : at + 97])
    assert task.deadline <= 60 + Limits().wall_clock(1e9), "more time than any file may take"
    return taken


def survey(data: bytes, folder: Path) -> object:
    from vadd.media.info import MediaInfo

    told = _json(data)
    return MediaInfo.from_json(told) if isinstance(told, dict) else None


def limits(data: bytes, folder: Path) -> object:
    from vadd.media.limits import Limits

    told = _json(data)
    return Limits.from_json(told).wall_clock(10.0) if isinstance(told, dict) else None


def received(data: bytes, folder: Path) -> object:
    """The header of a result, as :func:`vadd.embed.extract.extract` takes a child's."""
    from vadd.embed.extract import Extraction

    told = _json(data)
    if not isinstance(told, dict):
        return None
    found = _samples.received(told)
    assert isinstance(found, Extraction)
    return found.facts()


def result(data: bytes, folder: Path) -> object:
    from vadd.report.schema import ResultDocument, validate

    told = _json(data)
    if isinstance(told, dict):
        validate(told)
    return ResultDocument.model_validate_json(data)


# --- benchmarks -------------------------------------------------------------------------------------


def manifest(data: bytes, folder: Path) -> object:
    from vadd.protocol.manifest import read_manifest
    from vadd.protocol.truth import truth_of

    return truth_of(read_manifest(_file(folder, "m.csv", data)))


def origin(data: bytes, folder: Path) -> object:
    from vadd.protocol.manifest import read_origin

    return read_origin(_file(folder, "m.csv.json", data).with_name("m.csv"))


def predictions(data: bytes, folder: Path) -> object:
    from vadd.protocol.predictions import read_predictions

    return read_predictions(_file(folder, "p.csv", data), _samples.truth())


def proposals(data: bytes, folder: Path) -> object:
    from vadd.protocol.predictions import read_avdeepfake1m

    return read_avdeepfake1m(_file(folder, "p.json", data), _samples.truth())


def lists(data: bytes, folder: Path) -> object:
    from vadd.protocol.lists import anomalies, read_lists

    plain = _samples.listed()
    for what in ("pristine", "manipulated", "swaps"):
        _file(folder, f"vadd_10_{what}.txt", data if what != "pristine" else plain)
    return anomalies(read_lists(folder, 10))


def tau(data: bytes, folder: Path) -> object:
    from vadd.protocol.tau import read_clips
    from vadd.protocol.tau_info import spread

    return spread(read_clips(_file(folder, "clips.csv", data)))


_META = "meta/evaluation_setup"


def tau_folder(data: bytes, folder: Path) -> object:
    from vadd.protocol.tau import read_clips, read_evaluation

    for name, lines in (("train", data), ("evaluate", _samples.tau_lists(test=True)[0])):
        _file(folder, f"{_META}/fold1_{name}.csv", lines)
    _file(folder, f"{_META}/fold1_test.csv", _samples.tau_lists(test=True)[0])
    with suppress(ProtocolError):
        read_evaluation(folder / _META / "fold1_train.csv")
    return read_clips(folder)


def pickle(data: bytes, folder: Path) -> object:
    from vadd.embed.pickles import read_rows

    rows = read_rows(_file(folder, "feats_vit.pkl", data), 1000)
    return rows.block(0, len(rows))


# --- stores, classifiers, detectors, weights -----------------------------------------------------------


def store(name: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        from vadd.embed.store import Store

        _model_samples.store_with(folder / "store", name, data)
        store = Store.open(folder / "store")
        store.check()
        return [store.arrays([each]) for each in store.embedders]

    return read


def model_card(data: bytes, folder: Path) -> object:
    from vadd.classify.card import read_card

    _file(folder, "card.json", data)
    return read_card(folder)


def detector_card(data: bytes, folder: Path) -> object:
    from vadd.detect.documents import kind_of
    from vadd.detect.folder import is_detector, read_card_of

    _file(folder, "card.json", data)
    kind_of(folder)
    is_detector(folder)
    return read_card_of(folder)


def calibration(data: bytes, folder: Path) -> object:
    """A calibration exchanged in the folder of a detector, whose card was sealed anew."""
    from vadd.detect.folder import read_detector

    for name, content in _model_samples.detector_files(data).items():
        _file(folder, name, content)
    found = read_detector(folder).calibration
    return [found.probability(score) for score in (-1e300, -1.0, 0.0, 0.5, 1e300)]


def adapted_card(data: bytes, folder: Path) -> object:
    from vadd.detect.adapted import read_adapted

    _model_samples.adapted_with(folder, card=data)
    return read_adapted(folder)


def adapted_curve(data: bytes, folder: Path) -> object:
    from vadd.detect.adapted import read_adapted

    _model_samples.adapted_with(folder, curve=data)
    found = read_adapted(folder)
    return [found.calibration.probability(score) for score in (-1e300, -1.0, 0.0, 0.5, 1e300)]


def keras(data: bytes, folder: Path) -> object:
    from vadd.embed.hdf5_weights import read_keras_layers

    return read_keras_layers(_file(folder, "w.h5", data))


def checkpoint(suffix: str) -> Callable[[bytes, Path], object]:
    def read(data: bytes, folder: Path) -> object:
        from vadd.embed.checkpoint import read_state

        state = read_state(_file(folder, f"w{suffix}", data), unwrap=True)
        return {name: value.float().sum().item() for name, value in state.items()}

    return read

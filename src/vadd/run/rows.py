"""A row: what a results folder says of one path, short enough for a table.

A row hangs on the ledger's path and size and on the record, never on a time, an inode or a place: the same
files judged the same way give the same rows anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from vadd.detect.verdict import Outcome, Reason
from vadd.errors import StoreError
from vadd.report.text import storable
from vadd.run.ledger import Entry, entries
from vadd.run.records import Record, Results

__all__ = ["SCHEMA", "TOP", "Row", "RowSpan", "row_of", "rows"]

#: Name and version of a row as JSON; a field added, dropped or changed makes a new one.
SCHEMA = "vadd.row/1"
#: Concepts a side.
TOP = 3


@dataclass(frozen=True, slots=True)
class RowSpan:
    """A stretch that does not fit; times in seconds."""

    start: float
    end: float
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class Row:
    """One path.

    Attributes:
        path: As it was named; bytes that are no UTF-8 are surrogates, as Python has them.
        name: Its last part.
        sha256: Of the bytes, ``None`` if they could not be read.
        size: Bytes, ``None`` if the file could not be found.
        verdict: In one word.
        reason: Why it is inconclusive or failed.
        explanation: The verdict in words.
        score: 0-1, higher is more discrepant; ``None`` where nothing could be scored.
        probability: Of a discrepancy, 0-1.
        threshold: Score from which on a clip is called discrepant.
        false_alarms: The rate at which it was called.
        duration: Seconds that were judged.
        spans: What does not fit.
        picture: The first :data:`TOP` things seen.
        sound: The first :data:`TOP` things heard.
        notes: What a reader should know.
        model: Name of the detector, ``None`` for a file without record.
        version: Of vadd, likewise.
        key: Of the record.
        record: Where it is, from the results folder on, with ``/``.
        report: The page, if there is one, likewise.
        strip: The thumbnail strip, if there is one, likewise.
    """

    path: str
    name: str
    sha256: str | None
    size: int | None
    verdict: str
    reason: str | None
    explanation: str
    score: float | None = None
    probability: float | None = None
    threshold: float | None = None
    false_alarms: float | None = None
    duration: float | None = None
    spans: tuple[RowSpan, ...] = ()
    picture: tuple[str, ...] = ()
    sound: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    model: str | None = None
    version: str | None = None
    key: str | None = None
    record: str | None = None
    report: str | None = None
    strip: str | None = None

    @property
    def path_bytes(self) -> bytes | None:
        r"""The path as bytes if it is no valid text, whose ``\xNN`` in a table is not sure; else ``None``.

        Raises:
            StoreError: If no file can be called so.
        """
        if storable(self.path) == self.path:
            return None
        try:
            return self.path.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise StoreError(f"{storable(self.path)!r}: no file can have this name") from error

    def to_json(self) -> dict[str, Any]:
        """JSON-ready and valid Unicode; :meth:`from_json` takes it back."""
        exact = self.path_bytes
        told: dict[str, Any] = {"schema": SCHEMA}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name == "path":
                told["path"], told["path_bytes"] = storable(value), None if exact is None else exact.hex()
            elif name == "spans":
                told["spans"] = [
                    {"start": s.start, "end": s.end, "score": s.score, "probability": s.probability}
                    for s in value
                ]
            elif isinstance(value, tuple):
                told[name] = list(value)
            else:
                told[name] = storable(value) if isinstance(value, str) else value
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Row:
        """The row that :meth:`to_json` gave.

        Raises:
            ValueError: If it is of another form.
            KeyError: If something is missing.
        """
        if told["schema"] != SCHEMA:
            raise ValueError(f"a row of the form {told['schema']!r}, not {SCHEMA}")
        values = {name: told[name] for name in cls.__dataclass_fields__}
        if told["path_bytes"] is not None:
            values["path"] = bytes.fromhex(told["path_bytes"]).decode("utf-8", "surrogateescape")
            values["name"] = PurePath(values["path"]).name
        values["spans"] = tuple(RowSpan(**span) for span in told["spans"])
        for name in ("picture", "sound", "notes"):
            values[name] = tuple(told[name])
        return cls(**values)


def rows(folder: Path) -> Iterator[Row]:
    """The rows of a results folder, in order of the paths, read one by one.

    Raises:
        StoreError: If there are no results, or the ledger or a record is damaged or missing.
    """
    results = Results(folder)
    for entry in entries(folder).values():
        yield row_of(results, entry)


def row_of(results: Results, entry: Entry, record: Record | None = None) -> Row:
    """The row of an entry.

    Args:
        results: Where its record is.
        entry: Of the ledger.
        record: Its record, if it has been read already.

    Raises:
        StoreError: If the record is damaged, missing or holds no result.
    """
    size = None if entry.state is None else entry.state.size
    file = (entry.path, PurePath(entry.path).name, entry.sha256, size)
    if entry.key is None:
        if entry.outcome != Outcome.FAILED:
            raise StoreError(f"{storable(entry.path)}: the ledger says {entry.outcome} and names no record")
        return Row(*file, entry.outcome, entry.reason, _without_record(entry))
    try:
        told = (results.record(entry.key) if record is None else record).result
    except ValueError as error:
        raise StoreError(f"{storable(entry.path)}: the ledger names a record by {entry.key!r}") from error
    try:
        return Row(
            *file,
            verdict=Outcome(told["verdict"]).value,
            reason=None if told["reason"] is None else Reason(told["reason"]).value,
            explanation=_text(told["explanation"]),
            score=_number(told["score"]),
            probability=_number(told["probability"]),
            threshold=_number(told["threshold"]),
            false_alarms=_number(told["false_alarms"]),
            duration=_number(told["duration"]),
            spans=tuple(
                RowSpan(*(float(span[name]) for name in ("start", "end", "score", "probability")))
                for span in told["spans"]
            ),
            picture=tuple(_text(concept["name"]) for concept in told["picture"][:TOP]),
            sound=tuple(_text(concept["name"]) for concept in told["sound"][:TOP]),
            notes=tuple(_text(note) for note in told["notes"]),
            model=_text(told["provenance"]["model"]),
            version=_text(told["provenance"]["version"]),
            key=entry.key,
            record=_place(results, "record", entry.key),
            report=_place(results, "page", entry.key) if results.has("page", entry.key) else None,
            strip=_place(results, "strip", entry.key) if results.has("strip", entry.key) else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        path = results.path("record", entry.key)
        raise StoreError(f"{path}: it holds no result that can be read") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> float | None:
    if value is not None and not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return None if value is None else float(value)


def _without_record(entry: Entry) -> str:
    sentence = Reason(entry.reason).sentence if entry.reason in set(Reason) else ""
    told = entry.message or ""
    return f"{sentence} ({told})" if sentence and told else sentence or told


def _place(results: Results, kind: str, key: str) -> str:
    return results.path(kind, key).relative_to(results.folder).as_posix()

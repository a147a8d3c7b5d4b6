"""Whether a results folder is as it was written: every record, measurement, page, strip, table and entry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from vadd.errors import MediaError, StoreError, UsageError, VaddError
from vadd.media.identity import Identity, check_input
from vadd.run.card import Card, read_card
from vadd.run.findings import WORDS, Finding, Verification, damage
from vadd.run.ledger import Entry, entries
from vadd.run.records import KINDS, Record, Results
from vadd.run.refresh import read_marker, state_of
from vadd.run.rows import row_of

__all__ = ["verify"]


def verify(
    folder: Path, *, inputs: bool = False, progress: Callable[[float, float], None] = lambda done, total: None
) -> Verification:
    """Check a results folder; nothing is changed.

    Args:
        folder: The results.
        inputs: Read the media files too, by the paths of the ledger, and compare their digests.
        progress: Called with (files done, files in all) as the media files are read.

    Raises:
        UsageError: If the folder holds no results at all.
        StoreError: If a folder in it cannot be listed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder")
    run = _Check(folder)
    try:
        run.all()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreError(f"cannot read {error.filename or folder}: {reason}") from error
    if inputs:
        run.inputs(progress)
    return run.told


class _Check:
    """A check of one folder."""

    def __init__(self, folder: Path) -> None:
        self.told = Verification()
        self._folder = folder
        self._results = Results(folder)
        self._card: Card | None = None
        self._entries: Mapping[str, Entry] = {}
        #: Keys that something leads to, by kind of file.
        self._used: dict[str, set[str]] = {kind: set() for kind in KINDS}

    def all(self) -> None:
        """Look at everything but the media files."""
        try:
            self._card = read_card(self._folder)
        except StoreError as error:
            self._wrong("run.json", str(error))
        try:
            self._entries = entries(self._folder)
        except StoreError as error:
            if self._card is None:
                raise UsageError(str(error)) from error
            self._wrong("ledger", str(error))
        for entry in self._entries.values():
            self.told.checked["paths"] += 1
            if entry.key is not None:
                self._used["record"].add(entry.key)
                if not self._is_there("record", entry.key):
                    self._wrong(entry.path, f"the ledger names a record that is missing: {entry.key}")
        self._records()
        for kind in ("measurement", "page", "strip"):
            for key, path in self._files(kind):
                self._file(kind, key, path)
        for key in sorted(self._used["measurement"]):
            if not self._is_there("measurement", key):
                self._wrong(self._place("measurement", key), "a record names it and it is missing")
        self._tables()

    def inputs(self, progress: Callable[[float, float], None]) -> None:
        """Read the media files."""
        wanted = [entry for entry in self._entries.values() if entry.sha256 is not None]
        for at, entry in enumerate(wanted, 1):
            self.told.checked["media files"] += 1
            try:
                check_input(Path(entry.path))
                if Identity.of(Path(entry.path)).sha256() != entry.sha256:
                    self._wrong(entry.path, "it holds other bytes than those that were judged")
            except (UsageError, MediaError) as error:
                self._wrong(entry.path, f"it cannot be compared: {error}")
            progress(at, len(wanted))

    def _records(self) -> None:
        by_key: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            if entry.key is not None:
                by_key.setdefault(entry.key, []).append(entry)
        for key, path in self._files("record"):
            self.told.checked["records"] += 1
            place = self._place("record", key)
            self._used["page"].add(key)
            self._used["strip"].add(key)
            try:
                record = Record.from_bytes(path.read_bytes(), "")
            except StoreError as error:
                self._wrong(place, str(error).removeprefix(": "))
                continue
            except OSError as error:
                self._wrong(place, f"it cannot be read: {error.strerror or error}")
                continue
            if record.key != key:
                self._wrong(place, f"it is the record of another key, {record.key}")
                continue
            if record.measurement is not None:
                self._used["measurement"].add(record.measurement)
            self._made_of(record, place)
            for entry in by_key.get(key, []):
                self._agree(entry, record)
            if key not in by_key:
                self.told.unused.append(Finding(place, "no path of the ledger leads to it"))

    def _made_of(self, record: Record, place: str) -> None:
        """A record that says it was made with the settings of the card must have the key that they give."""
        if self._card is None:
            return
        judged = self._card.keys.judged
        told = record.result
        try:
            origin = told["provenance"]
            same = all(
                (
                    told["schema"] == judged["schema"],
                    origin["version"] == judged["version"],
                    origin["model"] == judged["model"],
                    origin["hashes"] == judged["hashes"],
                    _rounded(origin["config"]) == _rounded(judged["config"]),
                )
            )
        except (KeyError, TypeError) as error:
            self._wrong(place, f"it holds no result that can be read: {error}")
            return
        if same and not self._card.made(record.key, *record.sha256):
            self._wrong(place, "its key is not that of its file and settings")
        elif not same and self._card.made(record.key, *record.sha256):
            self._wrong(place, "its key is that of other settings than it was made with")

    def _agree(self, entry: Entry, record: Record) -> None:
        if (entry.sha256,) != record.sha256:
            self._wrong(entry.path, f"ledger and record {record.key} are of different files")
        try:
            row = row_of(self._results, entry, record)
        except StoreError as error:
            self._wrong(entry.path, str(error))
            return
        if (row.verdict, row.reason) != (entry.outcome, entry.reason):
            said = " ".join(filter(None, (entry.outcome, entry.reason)))
            self._wrong(entry.path, f"the ledger says {said}, its record {record.key} does not")

    def _file(self, kind: str, key: str, path: Path) -> None:
        self.told.checked[WORDS[kind]] += 1
        place = self._place(kind, key)
        try:
            message = damage(kind, path.read_bytes())
        except OSError as error:
            message = f"it cannot be read: {error.strerror or error}"
        if message is not None:
            self._wrong(place, message)
        elif key not in self._used[kind]:
            self.told.unused.append(Finding(place, "no record leads to it"))

    def _files(self, kind: str) -> Iterator[tuple[str, Path]]:
        """Keys and paths of the files of a kind; of what lies among them and is none, it is told."""
        folder, suffix = KINDS[kind]
        root = self._folder / folder
        for inside in sorted(root.iterdir()) if root.is_dir() else []:
            for path in sorted(inside.iterdir()) if inside.is_dir() else [inside]:
                key = path.name.removesuffix(suffix)
                try:
                    right = self._results.path(kind, key) == path and path.is_file()
                except ValueError:
                    right = False
                if right:
                    yield key, path
                else:
                    place = path.relative_to(self._folder).as_posix()
                    self._wrong(place, f"it is none of the {WORDS[kind]}, or lies in a wrong place")

    def _tables(self) -> None:
        """The tables are those that the marker tells of, and made of what is there."""
        try:
            marker = read_marker(self._folder)
        except StoreError as error:
            self._wrong("tables.json", str(error))
            return
        remedy = f"`vadd results {self._folder}` makes them"
        if marker is None:
            self._wrong("tables.json", f"there are no tables, or nothing that tells of them; {remedy}")
            return
        for name, (_, wanted) in sorted(marker.files.items()):
            self.told.checked["tables"] += 1
            try:
                with (self._folder / name).open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != wanted:
                        self._wrong(name, "not as it was written")
            except OSError as error:
                self._wrong(name, f"it cannot be read: {error.strerror or error}")
        try:
            if marker.state != state_of(self._folder, self._entries):
                self._wrong("tables.json", f"the tables are not those of what is here; {remedy} anew")
        except VaddError as error:
            self._wrong("tables.json", str(error))

    def _is_there(self, kind: str, key: str) -> bool:
        try:
            return self._results.has(kind, key)
        except ValueError:  # no key at all, in a ledger that somebody changed
            return False

    def _place(self, kind: str, key: str) -> str:
        return self._results.path(kind, key).relative_to(self._folder).as_posix()

    def _wrong(self, path: str, message: str) -> None:
        self.told.wrong.append(Finding(path, message))


def _rounded(value: Any) -> Any:
    """Settings as a result document tells them: numbers with six decimals."""
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value

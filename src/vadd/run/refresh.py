"""Keep tables and index those of the results: made anew when these differ, left alone when they do not.

A marker holds a digest of what the tables were made of, so that a run that finds ten thousand files finished
need not read ten thousand records to find the tables finished too.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vadd._version import __version__
from vadd.errors import OutputError, StoreError
from vadd.run.card import read_card
from vadd.run.index import form, index_pages
from vadd.run.ledger import Entry, entries
from vadd.run.many import CARD
from vadd.run.records import SCRATCH, Results
from vadd.run.rows import SCHEMA as ROW_SCHEMA
from vadd.run.rows import row_of
from vadd.run.settings import canonical
from vadd.run.spool import Spool
from vadd.run.summary import Summary
from vadd.run.tables import NEEDS_PARQUET, JsonLines, has_parquet, table

__all__ = ["MARKER", "Marker", "opened_rows", "read_marker", "refresh", "state_of"]

#: Name of the marker, and name and version of its form.
MARKER = "tables.json"
SCHEMA = "vadd.tables/1"
_LOCK = ".tables.lock"
_PARQUET = "results.parquet"
_INDEX = re.compile(r"index(-[0-9]+)?\.html")


@dataclass(frozen=True, slots=True)
class Marker:
    """What the tables are.

    Attributes:
        state: Digest of what they were made of (:func:`state_of`).
        files: Name → (bytes, SHA-256) of each.
    """

    state: str
    files: Mapping[str, tuple[int, str]]

    def to_bytes(self) -> bytes:
        """A line of JSON; the same files and state give the same bytes."""
        files = {name: {"size": size, "sha256": digest} for name, (size, digest) in self.files.items()}
        return canonical({"schema": SCHEMA, "state": self.state, "files": files}) + b"\n"


def refresh(folder: Path) -> list[str]:
    """Write ``results.jsonl``, ``.csv`` and ``.parquet`` and the index, if those there are of other results.

    One process at a time does so; another waits, and then sees what both have judged.

    Args:
        folder: The results.

    Returns:
        Lines for people: what was written, and that there is no parquet where there is none.

    Raises:
        StoreError: If there are no results, or the ledger or a record is damaged or missing.
        OutputError: If something cannot be written.
    """
    with _alone(folder):
        found = entries(folder)
        state = state_of(folder, found)
        told = [] if has_parquet() else [f"{_PARQUET} is not written: {NEEDS_PARQUET}"]
        if _is_fresh(folder, state, read_marker(folder)):
            return [] if (folder / _PARQUET).is_file() else told
        names = _make(folder, found, state)
        pages = sum(bool(_INDEX.fullmatch(name)) for name in names)
        tables = ", ".join(name for name in names if not _INDEX.fullmatch(name))
        return [f"Tables: {tables}", f"Index: index.html{f' ({pages} pages)' if pages > 1 else ''}", *told]


def state_of(folder: Path, found: Mapping[str, Entry]) -> str:
    """Digest of all that tables and index hang on.

    Args:
        folder: The results.
        found: The entries of the ledger.

    Raises:
        StoreError: If the card of the folder cannot be read.
    """
    results = Results(folder)
    digest = hashlib.sha256(canonical([SCHEMA, ROW_SCHEMA, form(), __version__]))
    try:
        digest.update((folder / CARD).read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read {folder / CARD}: {(error.strerror or str(error)).lower()}") from error
    for entry in found.values():
        size = None if entry.state is None else entry.state.size
        told = (entry.path, size, entry.sha256, entry.key, entry.outcome, entry.reason, entry.message)
        digest.update(repr(told).encode("utf-8", "surrogatepass"))
    try:
        for kind in ("page", "strip"):
            digest.update(kind.encode())
            for key in results.keys(kind):
                digest.update(key.encode())
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}") from error
    return digest.hexdigest()


def read_marker(folder: Path) -> Marker | None:
    """The marker of a results folder; ``None``, so that all is made anew, if there is none of this form.

    Raises:
        StoreError: If it is there and cannot be read.
    """
    path = folder / MARKER
    try:
        told: Any = json.loads(path.read_bytes())
        if told["schema"] != SCHEMA:
            return None
        files = {str(name): (int(each["size"]), str(each["sha256"])) for name, each in told["files"].items()}
        return Marker(str(told["state"]), files)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


@contextmanager
def opened_rows(folder: Path) -> Iterator[Spool]:
    """The rows of a results folder, in any order: from its table if that is of the present results.

    Raises:
        StoreError: If there are no results, or the ledger or a record is damaged or missing.
        OutputError: If there is no room for a temporary file.
    """
    found = entries(folder)
    path = folder / "results.jsonl"
    marker = read_marker(folder)
    if marker is not None and marker.state == state_of(folder, found) and path.is_file():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == marker.files.get(path.name, (0, ""))[1]:
                file.seek(0)
                yield Spool.of(file, str(path))
                return
    results = Results(folder)
    with tempfile.TemporaryFile() as temporary:
        spool = Spool(temporary)
        try:
            for entry in found.values():
                spool.add(row_of(results, entry))
        except OSError as error:
            raise OutputError(f"cannot write a temporary file: {error.strerror or error}") from error
        yield spool


def _is_fresh(folder: Path, state: str, marker: Marker | None) -> bool:
    if marker is None or marker.state != state or (has_parquet() and _PARQUET not in marker.files):
        return False
    try:
        return all((folder / name).stat().st_size == size for name, (size, _) in marker.files.items())
    except OSError:
        return False


def _make(folder: Path, found: Mapping[str, Entry], state: str) -> list[str]:
    """Write everything; the marker last. Returns the names of the tables and pages."""
    results = Results(folder, f"{SCRATCH}.tables")
    results.create()
    results.clear()
    scratch = folder / results.scratch
    names = ["results.jsonl", "results.csv", *([_PARQUET] if has_parquet() else [])]
    summary = Summary(read_card(folder))
    # Without it whatever is there counts for nothing, should this be cut off half-way.
    _remove(folder / MARKER)
    with ExitStack() as stack:
        tables = [
            stack.enter_context(table(name.partition(".")[2], folder / name, scratch)) for name in names
        ]
        for entry in found.values():
            row = row_of(results, entry)
            summary.add(row)
            for each in tables:
                each.add(row)
        assert isinstance(tables[0], JsonLines)  # noqa: S101 - the first of the names
        spool = tables[0].spool
        for name, data in index_pages(spool.rows("score"), len(spool), summary):
            results.write(name, data)
            names.append(name)
    for path in folder.iterdir():
        if path.name not in names and (_INDEX.fullmatch(path.name) or path.name == _PARQUET):
            _remove(path)  # of more rows, or of earlier ones
    results.write(MARKER, Marker(state, {name: _measure(folder / name) for name in names}).to_bytes())
    results.clear(done=True)
    return names


def _measure(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"cannot remove {path}: {(error.strerror or str(error)).lower()}") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else makes the tables of a folder."""
    if not (folder / CARD).is_file():
        read_card(folder)  # raises: a lock must not be left in a folder of something else
    path = folder / _LOCK
    try:
        file = path.open("ab")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"cannot make the tables of {folder}: {reason}") from error

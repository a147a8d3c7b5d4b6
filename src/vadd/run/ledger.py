"""Which file had which bytes, and what became of it: the memory of a results folder.

One line of JSON a file, added once its record is there. Paths, times and inodes are here and nowhere else in
what a run keeps, so that everything else is the same bytes whenever and wherever it was made. The last line
of a run that was killed may be cut off; it is dropped, and its file is looked at again.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vadd.errors import OutputError, StoreError, UsageError

__all__ = ["Entry", "Ledger", "State", "entries", "ledgers"]

_NAME = re.compile(r"ledger(\.[0-9]+-of-[0-9]+)?\.jsonl")
_TEXTS = ("sha256", "key", "reason", "message")
_FIELDS = frozenset({"path", "state", "outcome", *_TEXTS})
_DIGEST = re.compile("[0-9a-f]{64}")
#: Seconds of work that a power cut may make the ledger forget; the records stay, so little is lost.
_SYNC = 2.0


@dataclass(frozen=True, slots=True)
class State:
    """What a file system tells of a file for nothing.

    Attributes:
        size: Bytes.
        modified_ns: Time of the last change.
        inode: Number of the file. Not of its device, which another machine numbers otherwise.
    """

    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path | str) -> State:
        """The state now.

        Raises:
            OSError: If there is none.
        """
        now = Path(path).stat()
        return cls(now.st_size, now.st_mtime_ns, now.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one path.

    Attributes:
        path: As it was named; bytes that are no UTF-8 are surrogates, as Python has them.
        state: Of the file when it was read, ``None`` if it could not even be found.
        sha256: Of its bytes, ``None`` if they could not be read.
        key: Of its record, ``None`` if it has none.
        outcome: The verdict in one word.
        reason: Why it is failed or inconclusive.
        message: Why it has no record, in words.
    """

    path: str
    state: State | None
    sha256: str | None
    key: str | None
    outcome: str
    reason: str | None = None
    message: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready; :meth:`from_json` takes it back."""
        state = self.state
        return {
            "path": self.path,
            "state": None if state is None else [state.size, state.modified_ns, state.inode],
            "sha256": self.sha256,
            "key": self.key,
            "outcome": self.outcome,
            "reason": self.reason,
            "message": self.message,
        }

    @classmethod
    def from_json(cls, told: Any) -> Entry:
        """The entry that :meth:`to_json` gave.

        Raises:
            ValueError: If it is none.
        """
        if not isinstance(told, dict) or set(told) != _FIELDS:
            raise ValueError(f"not an object of {', '.join(sorted(_FIELDS))}")
        path, outcome = told.get("path"), told.get("outcome")
        if not isinstance(path, str) or not isinstance(outcome, str):
            raise ValueError("an entry without path or outcome")
        state = told.get("state")
        if state is not None:
            if not isinstance(state, list) or len(state) != 3 or not all(type(each) is int for each in state):
                raise ValueError("a state that is none")
            state = State(*state)
        sha256, key, reason, message = texts = [told.get(name) for name in _TEXTS]
        if not all(each is None or isinstance(each, str) for each in texts):
            raise ValueError("a text that is none")
        if not all(each is None or _DIGEST.fullmatch(each) for each in (sha256, key)):
            raise ValueError("a digest that is none")
        return cls(path, state, sha256, key, outcome, reason, message)


class Ledger:
    """The ledger that this run writes; one process at a time.

    Args:
        folder: The results.
        shard: (which, of how many) of a job array, each of which has a ledger of its own; ``None`` otherwise.

    Raises:
        UsageError: If another run writes it at this time.
        StoreError: If it is damaged.
        OutputError: If it cannot be written.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] | None = None) -> None:
        name = "ledger.jsonl" if shard is None else f"ledger.{shard[0]}-of-{shard[1]}.jsonl"
        self.path = folder / name
        try:
            self._file = self.path.open("a+b")
        except OSError as error:
            raise _cannot(self.path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            what = "" if shard is None else f" as shard {shard[0]}/{shard[1]}"
            raise UsageError(f"another run is writing to {folder}{what}; wait for it or stop it") from error
        except OSError as error:
            self._file.close()
            raise _cannot(self.path, error) from error
        self._synced = time.monotonic()
        self._known = dict(self._recover())

    def known(self, path: str) -> Entry | None:
        """What is known of a path."""
        return self._known.get(path)

    def add(self, entry: Entry) -> None:
        """Remember an entry; the newest of a path counts.

        Raises:
            OutputError: If it cannot be written.
        """
        if self._known.get(entry.path) == entry:
            return
        self._known[entry.path] = entry
        try:
            self._file.write(json.dumps(entry.to_json(), separators=(",", ":")).encode() + b"\n")
            self._file.flush()
            now = time.monotonic()
            if now - self._synced > _SYNC:
                os.fsync(self._file.fileno())
                self._synced = now
        except OSError as error:
            raise _cannot(self.path, error) from error

    def close(self) -> None:
        """Write all to the disk and let the next run have it."""
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise _cannot(self.path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recover(self) -> Iterator[tuple[str, Entry]]:
        """The entries; what a killed run left of a last line is cut off."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._file.truncate(whole)
        yield from ((entry.path, entry) for entry in _parsed(self.path, data[:whole]))


def ledgers(folder: Path) -> list[Path]:
    """The ledgers of a results folder, its own and those of shards, sorted.

    Raises:
        StoreError: If the folder has none or cannot be read.
    """
    try:
        found = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}") from error
    if not found:
        raise StoreError(f"{folder} holds no results of `vadd check --out`")
    return found


def entries(folder: Path) -> Mapping[str, Entry]:
    """The newest entry of every path in a results folder, in order of the paths.

    Raises:
        StoreError: If there are no results, or a ledger is damaged.
    """
    found: dict[str, Entry] = {}
    for path in ledgers(folder):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
        newest = {entry.path: entry for entry in _parsed(path, data[: data.rfind(b"\n") + 1])}
        for name, entry in newest.items():
            before = found.get(name)
            # Of two shards' entries of one path the one that says more counts, whichever was read last.
            if before is None or entry.key is not None or before.key is None:
                found[name] = entry
    return dict(sorted(found.items()))


def _parsed(path: Path, data: bytes) -> Iterator[Entry]:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            yield Entry.from_json(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path}, line {number}: no entry: {error}") from error


def _cannot(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")

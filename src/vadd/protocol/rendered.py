"""What a folder of rendered clips holds: a line for each, with the key of all that it was made from."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vadd.errors import OutputError
from vadd.media.clip_file import Written

__all__ = ["RECORDS", "Records", "key_of"]

#: Name of the file. It tells nothing of what is true of a trial.
RECORDS = "rendered.jsonl"
#: What is written and how, in one word.
FORM = "vadd.render/1"
#: Seconds to wait for a folder that another process holds.
_PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class _Record:
    trial: str
    key: str
    sha256: str
    size: int
    seconds: float
    level: float
    filled: float


def key_of(trial: str, digests: Mapping[str, str], spans: str, settings: Mapping[str, Any]) -> str:
    """Digest of all that a rendered clip follows from.

    Args:
        trial: Its name.
        digests: Role (picture, sound, own) → SHA-256 of the file.
        spans: Where the foreign sound is heard.
        settings: JSON-ready, all else.
    """
    facts = [FORM, trial, dict(sorted(digests.items())), spans, dict(sorted(settings.items()))]
    return hashlib.sha256(json.dumps(facts).encode("utf-8", "surrogatepass")).hexdigest()


class Records:
    """The records of a folder, held by one process at a time.

    Each clip's line is added as soon as the clip is there; at the end all are sorted, so that the file says
    nothing of which clip was ready when.

    Args:
        folder: Made if it does not exist.

    Raises:
        OutputError: If it cannot be written, another process is at it, or its records make no sense.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / RECORDS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _cannot(self._path, error) from error
        try:
            # The folder is what is locked: at the end another file takes the place of the records.
            self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            _locked(self._lock)
        except BlockingIOError as error:
            raise OutputError(f"{folder}: another process is rendering into this folder") from error
        except OSError as error:
            raise _cannot(self._path, error) from error
        self._known = self._read()
        for rest in folder.glob(".*.part"):  # of a run that was killed
            rest.unlink(missing_ok=True)

    def written(self, trial: str, key: str) -> Written | None:
        """What was written for a trial from the same, if its file is there and whole."""
        record = self._known.get(trial)
        if record is None or record.key != key:
            return None
        path = self._folder / f"{trial}.mp4"
        try:
            if path.stat().st_size != record.size:
                return None
            with path.open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == record.sha256
        except OSError:
            return None
        facts = {name: value for name, value in asdict(record).items() if name not in ("trial", "key")}
        return Written(**facts) if same else None

    def add(self, trial: str, key: str, written: Written) -> None:
        """Note a clip that is there now.

        Raises:
            OutputError: If that cannot be written.
        """
        record = _Record(trial, key, **asdict(written))
        self._known[trial] = record
        try:
            data = _line(record)
            if os.write(self._handle, data) != len(data):
                raise OSError(28, "no space left on device")
        except OSError as error:
            raise _cannot(self._path, error) from error

    def drop(self, trial: str) -> None:
        """Remove a clip that is not what its trial is made of any more, if there is one.

        Raises:
            OutputError: If it cannot be removed.
        """
        self._known.pop(trial, None)
        path = self._folder / f"{trial}.mp4"
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot(path, error) from error

    def sort(self) -> None:
        """Write all records in the order of their trials.

        Raises:
            OutputError: If that cannot be written; they are all there then, in the order they came.
        """
        temporary = self._path.with_name(f".{RECORDS}.part")
        try:
            try:
                with temporary.open("wb") as file:
                    file.writelines(_line(self._known[trial]) for trial in sorted(self._known))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._path)
                os.fsync(self._lock)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise _cannot(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)
        os.close(self._lock)

    def _read(self) -> dict[str, _Record]:
        known: dict[str, _Record] = {}
        data = self._path.read_bytes()
        # What follows the last line end was cut off by a kill; that clip is just made again.
        whole = data[: data.rfind(b"\n") + 1]
        try:
            for number, line in enumerate(whole.splitlines(), 1):
                try:
                    record = _Record(**json.loads(line))
                except (ValueError, TypeError, RecursionError) as error:
                    raise OutputError(f"{self._path}, line {number}: it is no record of a clip") from error
                known[record.trial] = record
            if len(whole) < len(data):
                os.truncate(self._path, len(whole))
        except OSError as error:
            raise _cannot(self._path, error) from error
        return known


def _locked(handle: int) -> None:
    """Lock a file; a process that was killed may hold it for a moment, in a child that it just started."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _line(record: _Record) -> bytes:
    return json.dumps(asdict(record)).encode() + b"\n"


def _cannot(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")

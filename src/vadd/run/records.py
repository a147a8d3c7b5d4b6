"""A results folder: records, measurements, pages and thumbnail strips, found by their content keys.

Every file is written under a temporary name, synced and renamed, so that it is there whole or not at all, and
holds a digest of itself, so that it can be checked later. Two processes that write the same file write the
same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vadd.errors import OutputError, StoreError
from vadd.report.seal import seal, sealed
from vadd.run.settings import canonical

__all__ = ["KINDS", "SCHEMA", "SCRATCH", "Record", "Results", "seal", "sealed", "write_whole"]

#: Name and version of a record.
SCHEMA = "vadd.record/1"
#: Folder of each kind of file, and its suffix.
KINDS = {
    "record": ("records", ".json"),
    "measurement": ("measurements", ".vadd"),
    "page": ("reports", ".html"),
    "strip": ("strips", ".svg"),
}
#: Where files lie until they are whole.
SCRATCH = ".unfinished"
_KEY = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Record:
    """A verdict as it is kept: without the name of the file, which other files with these bytes do not share.

    Attributes:
        key: Its content key.
        sha256: Of the file, or of the picture's and the sound's.
        measurement: Key of what was measured, ``None`` if the file could not be measured.
        result: The document of the verdict (:mod:`vadd.report.document`).
    """

    key: str
    sha256: tuple[str, ...]
    measurement: str | None
    result: dict[str, Any]

    def to_bytes(self) -> bytes:
        """One line of JSON that ends with a digest of the rest."""
        told = {
            "schema": SCHEMA,
            "key": self.key,
            "sha256": list(self.sha256),
            "measurement": self.measurement,
            "result": self.result,
        }
        return canonical({**told, "digest": hashlib.sha256(canonical(told)).hexdigest()}) + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Record:
        """The record that :meth:`to_bytes` made bytes of.

        Args:
            data: The bytes.
            source: What to call them in an error.

        Raises:
            StoreError: If they are not as they were written, or of another version.
        """
        try:
            told = json.loads(data)
            wanted = told.pop("digest")
            if hashlib.sha256(canonical(told)).hexdigest() != wanted:
                raise StoreError(f"{source}: the record is not as it was written")
            if told["schema"] != SCHEMA:
                raise StoreError(f"{source}: a record of the form {told['schema']!r}, not {SCHEMA}")
            key, sha256, measurement, result = (
                told["key"], told["sha256"], told["measurement"], told["result"],
            )  # fmt: skip
            if not (_is_key(key) and all(map(_is_key, sha256)) and len(sha256) in {1, 2}):
                raise ValueError("a key that is none")
            if measurement is not None and not _is_key(measurement):
                raise ValueError("a key of a measurement that is none")
            if not isinstance(result, dict):
                raise ValueError("a result that is none")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(f"{source}: no record: {error}") from error
        return cls(key, tuple(sha256), measurement, result)


class Results:
    """A folder of results.

    Args:
        folder: Where.
        scratch: Folder in it for what is not whole yet: of one run, which clears it, so that what a killed
            one left goes away.
    """

    def __init__(self, folder: Path, scratch: str = SCRATCH) -> None:
        self.folder = folder
        self.scratch = scratch
        self._scratch = folder / scratch

    def create(self) -> None:
        """Make the folders, if they are not there.

        Raises:
            OutputError: If they cannot be made, take no files or are something else.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, _ in KINDS.values():
                (self.folder / name).mkdir(exist_ok=True)
            self._scratch.mkdir(exist_ok=True)
            probe = self._scratch / f"{secrets.token_hex(6)}.tmp"
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise _cannot(self.folder, error) from error

    def clear(self, *, done: bool = False) -> None:
        """Remove what a killed run left unfinished; nobody else may be writing there.

        Args:
            done: Also remove the folder that it lay in.

        Raises:
            OutputError: If that cannot be done.
        """
        try:
            for path in self._scratch.glob("*.tmp"):
                path.unlink()
            if done:
                self._scratch.rmdir()
        except OSError as error:
            raise _cannot(self._scratch, error) from error

    def path(self, kind: str, key: str) -> Path:
        """Where a file of this kind and key is, or would be.

        Args:
            kind: One of :data:`KINDS`.
            key: 64 hex digits.
        """
        if not _is_key(key):
            raise ValueError(f"{key!r} is no key")
        folder, suffix = KINDS[kind]
        # 256 folders: a million files in one would slow many file systems and every file manager.
        return self.folder / folder / key[:2] / f"{key}{suffix}"

    def has(self, kind: str, key: str) -> bool:
        """Whether the file is there."""
        return self.path(kind, key).is_file()

    def put(self, kind: str, key: str, data: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            OutputError: If it cannot be written.
        """
        write_whole(self.path(kind, key), data, self._scratch)

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the folder itself, whole or not at all.

        Raises:
            OutputError: If it cannot be written.
        """
        write_whole(self.folder / name, data, self._scratch)

    def get(self, kind: str, key: str) -> bytes | None:
        """The bytes of a file, ``None`` if it is not there.

        Raises:
            StoreError: If it cannot be read.
        """
        path = self.path(kind, key)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error

    def record(self, key: str) -> Record:
        """The record of a key.

        Raises:
            StoreError: If it is missing, damaged, or another's.
        """
        path = self.path("record", key)
        data = self.get("record", key)
        if data is None:
            raise StoreError(f"{path} is missing")
        record = Record.from_bytes(data, str(path))
        if record.key != key:
            raise StoreError(f"{path}: a record of another key")
        return record

    def keys(self, kind: str) -> Iterator[str]:
        """The keys of all files of a kind, sorted."""
        folder, suffix = KINDS[kind]
        root = self.folder / folder
        for inside in sorted(root.iterdir()) if root.is_dir() else []:
            for name in sorted(file.name for file in inside.iterdir()) if inside.is_dir() else []:
                if name.endswith(suffix) and _is_key(name.removesuffix(suffix)):
                    yield name.removesuffix(suffix)


def write_whole(path: Path, data: bytes, scratch: Path) -> None:
    """Write a file so that it is there whole or not at all, also after the power went.

    Args:
        path: Where; its folder is made if need be.
        data: What.
        scratch: A folder of the same file system to write it in first.

    Raises:
        OutputError: If it cannot be written.
    """
    temporary = scratch / f"{secrets.token_hex(8)}.tmp"
    try:
        path.parent.mkdir(exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        # The name is safe only once its folder is.
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _cannot(path, error) from error


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def _cannot(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {(error.strerror or str(error)).lower()}")

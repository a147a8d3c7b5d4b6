"""What of TAU's record is in a folder, and which bytes it had when it came.

The file ``tau.lock.json`` beside the data holds the SHA-256 of every archive and of every file that was in
it. What is there later is compared with that.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vadd.errors import OutputError, ProtocolError

__all__ = ["LOCK", "Archive", "Kept", "Lock", "read_lock", "write_lock", "writing"]

LOCK = "tau.lock.json"
_FORM = "vadd.tau/1"

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that came whole.

    Attributes:
        size: Bytes.
        md5: As the record lists it.
        sha256: Of its bytes.
    """

    size: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that was unpacked.

    Attributes:
        archive: Name of the archive that held it.
        size: Bytes.
        sha256: Of its bytes.
    """

    archive: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The state of a folder.

    Attributes:
        record: Number of the record; empty before the first download.
        archives: Name → what came.
        files: Path below the folder → what was unpacked.
    """

    record: str = ""
    archives: Mapping[str, Archive] = field(default_factory=dict)
    files: Mapping[str, Kept] = field(default_factory=dict)

    def having(self, name: str, archive: Archive, files: Mapping[str, Kept]) -> Lock:
        """This and one more archive, or the same again."""
        others = {path: kept for path, kept in self.files.items() if kept.archive != name}
        return replace(self, archives={**self.archives, name: archive}, files={**others, **files})


class _Archive(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: Annotated[int, Field(ge=0)]
    md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    sha256: _Sha256


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    archive: str
    size: Annotated[int, Field(ge=0)]
    sha256: _Sha256


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    form: Literal["vadd.tau/1"]
    record: str
    archives: dict[str, _Archive]
    files: dict[str, _Kept]


def read_lock(folder: Path) -> Lock:
    """The lock of a folder; an empty one if it has none.

    Raises:
        ProtocolError: If it is damaged or names a file outside the folder.
        OutputError: If it cannot be read.
    """
    path = folder / LOCK
    try:
        told = _Document.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise OutputError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    except ValidationError as error:
        raise ProtocolError(f"{path} is damaged; take it away, and what is here is compared anew") from error
    for name in told.files:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts:
            raise ProtocolError(f"{path} names {name!r}, which is outside its folder")
    return Lock(
        told.record,
        {name: Archive(each.size, each.md5, each.sha256) for name, each in told.archives.items()},
        {name: Kept(each.archive, each.size, each.sha256) for name, each in told.files.items()},
    )


def write_lock(folder: Path, lock: Lock) -> None:
    """Write the lock of a folder, whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    document = {"form": _FORM, **asdict(lock)}
    fresh = folder / f".{LOCK}.part"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=0, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / LOCK)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """The folder for one process at a time; made if it is not there.

    Raises:
        OutputError: If it cannot be made or written, or another process is at it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".writing").open("w") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise OutputError(f"another download into {folder} is running") from error
            yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write {folder}: {reason}; what has come is kept") from error

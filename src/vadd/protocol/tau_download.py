"""TAU from its public record: only the parts asked for, gone on with after a stop, and checked.

A part is fetched, compared with the record's MD5, unpacked, and then its SHA-256 and those of its files are
written to the lock file. A part that the lock names and whose files are all there is not fetched again.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vadd.embed.download import fetch
from vadd.errors import ModelError, OutputError, ProtocolError, UsageError
from vadd.protocol.tau_lock import Archive, Kept, Lock, read_lock, write_lock, writing
from vadd.protocol.unzip import digests, unpack
from vadd.protocol.zenodo import Record, RecordFile

__all__ = ["RECORDS", "Plan", "Step", "address", "carry_out", "chosen", "plan", "require_room"]

#: The two sets and their records.
RECORDS = {"development": "4477542", "evaluation": "4767103"}
#: Where archives lie until they are unpacked, and what is no archive for good.
ARCHIVES, DOCUMENTS = "archives", "doc"
#: Times that a broken connection is taken up again, as long as each brings something.
_TRIES = 20
_BLOCK = 1 << 20
#: The data set's own folder, in which some archives keep everything; that of the lists ends in ``.meta``.
_OWN = re.compile(r"TAU-urban-audio-visual-scenes-2021-[a-z]+(\.meta)?", re.IGNORECASE)
_LISTS = ("evaluation_setup", "meta.csv")


@dataclass(frozen=True, slots=True)
class Step:
    """A file of the record that was asked for.

    Attributes:
        file: Of the record.
        left: Bytes still to be fetched.
        here: Whether it is there, unpacked, and nothing is to be done.
    """

    file: RecordFile
    left: int
    here: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What a download will do.

    Attributes:
        folder: Where to.
        record: Where from.
        steps: In order.
        keep: Whether archives stay after they are unpacked.
        free: Bytes free on the folder's disk.
    """

    folder: Path
    record: Record
    steps: tuple[Step, ...]
    keep: bool
    free: int

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(step.file.size for step in self.steps)

    @property
    def left(self) -> int:
        """Bytes to be fetched."""
        return sum(step.left for step in self.steps)

    @property
    def need(self) -> int:
        """Bytes that the disk must have, at least: nothing is smaller when it is unpacked."""
        sizes = [step.file.size for step in self.steps if not step.here]
        return self.left + (sum(sizes) if self.keep else max(sizes, default=0))


def address(which: str) -> str:
    """Where the record of a set is described."""
    return f"https://zenodo.org/api/records/{RECORDS[which]}"


def chosen(record: Record, parts: Sequence[str]) -> tuple[RecordFile, ...]:
    """The files of a record that are asked for.

    Args:
        record: The record.
        parts: Words that stand between the dots of a file's name: ``meta``, ``audio``, ``video.3``, or ``3``
            for the third part of everything. All files if there are none.

    Raises:
        UsageError: If one fits no file; names those that there are.
    """
    if not parts:
        return record.files
    found: dict[str, RecordFile] = {}
    for part in parts:
        fitting = [file for file in record.files if f".{part}." in f".{file.name}."]
        if not part or not fitting:
            names = ", ".join(file.name for file in record.files)
            raise UsageError(f"no file of the record fits {part!r}; it has {names}")
        found.update((file.name, file) for file in fitting)
    return tuple(file for file in record.files if file.name in found)


def plan(folder: Path, record: Record, files: Iterable[RecordFile], *, keep: bool = False) -> Plan:
    """See what is there and what is not; nothing is written.

    Args:
        folder: Where the data set is to be.
        record: Where it comes from.
        files: Those of its files that are wanted.
        keep: Whether archives will stay.

    Raises:
        ProtocolError: If the folder holds another record, or the record is not what it was.
        OutputError: If the folder cannot be looked into.
    """
    lock = read_lock(folder)
    if lock.record and lock.record != record.identity:
        raise ProtocolError(
            f"{folder} holds the record {lock.record}; give the record {record.identity} another folder"
        )
    try:
        steps = tuple(_step(folder, lock, file) for file in files)
        there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
        free = shutil.disk_usage(there).free
    except OSError as error:
        raise OutputError(f"cannot look into {folder}: {(error.strerror or str(error)).lower()}") from error
    return Plan(folder, record, steps, keep, free)


def require_room(planned: Plan) -> None:
    """Refuse a plan that the disk cannot take.

    Raises:
        OutputError: If it has too few bytes free.
    """
    if planned.need > planned.free:
        raise OutputError(
            f"the disk of {planned.folder} has {planned.free:,} bytes free; at least {planned.need:,} are "
            "needed"
        )


def carry_out(
    planned: Plan,
    *,
    progress: Callable[[float, float], None] | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> None:
    """Fetch, check and unpack what a plan names; an end in the middle costs at most a part's unpacking.

    Args:
        planned: Of :func:`plan`.
        progress: Called with the bytes done and the bytes in all; unpacking counts as much as fetching.
        told: Called with a line for each part that is done.

    Raises:
        ProtocolError: If the server does not answer, or what it sends is not what the record lists.
        OutputError: If the disk is too small or cannot be written; what has come is kept.
    """
    require_room(planned)
    work = [step for step in planned.steps if not step.here]
    total, done = planned.left + sum(step.file.size for step in work), 0.0

    def advance(now: float) -> None:
        if progress is not None:
            progress(done + now, total)

    with writing(planned.folder):
        lock = read_lock(planned.folder)
        for step in work:
            archive, facts = _brought(planned.folder, step.file, lock, advance)
            done += step.left
            files = _taken_out(planned.folder, archive, step.file, advance)
            done += step.file.size
            lock = lock.having(step.file.name, facts, files)
            lock = Lock(planned.record.identity, lock.archives, lock.files)
            os.sync()  # the archive goes only when the disk has what was in it
            write_lock(planned.folder, lock)
            if not planned.keep:
                archive.unlink(missing_ok=True)
            told(f"{step.file.name}: {len(files)} files, SHA-256 {facts.sha256}")
        if not planned.keep and (planned.folder / ARCHIVES).is_dir():
            _removed_if_empty(planned.folder / ARCHIVES)


def _step(folder: Path, lock: Lock, file: RecordFile) -> Step:
    known = lock.archives.get(file.name)
    if known is not None and (known.md5, known.size) != (file.md5, file.size):
        raise ProtocolError(
            f"the record's {file.name} is not the one that {folder} has: MD5 {file.md5}, before {known.md5}; "
            "use another folder"
        )
    if known is not None:
        files = [(path, kept) for path, kept in lock.files.items() if kept.archive == file.name]
        if all(_size(folder / path) == kept.size for path, kept in files):
            return Step(file, 0, here=True)
    if _size(folder / ARCHIVES / file.name) == file.size:
        return Step(file, 0, here=False)
    have = _size(folder / ARCHIVES / f"{file.name}.part") or 0
    return Step(file, file.size - have if have <= file.size else file.size, here=False)


def _brought(
    folder: Path, file: RecordFile, lock: Lock, advance: Callable[[float], None]
) -> tuple[Path, Archive]:
    """The archive, whole and as listed, and what the lock will say of it."""
    archive = folder / ARCHIVES / file.name
    part = archive.with_name(f"{archive.name}.part")
    archive.parent.mkdir(parents=True, exist_ok=True)
    if _size(archive) != file.size:
        _fetched(part, file, advance)
    else:
        part = archive
    md5, sha256 = _digests(part)
    known = lock.archives.get(file.name)
    if md5 != file.md5 or (known is not None and known.sha256 != sha256):
        part.unlink()
        wanted = f"MD5 {file.md5}" if md5 != file.md5 or known is None else f"SHA-256 {known.sha256}"
        raise ProtocolError(
            f"{file.name} from {file.url} is not the one that is listed: MD5 {md5}, SHA-256 {sha256}, not "
            f"{wanted}; it was taken away again"
        )
    part.replace(archive)
    return archive, Archive(file.size, md5, sha256)


def _fetched(part: Path, file: RecordFile, advance: Callable[[float], None]) -> None:
    """Have all bytes of a file in ``part``, whatever they are."""
    before = _size(part) or 0
    if before > file.size:  # it cannot be what is listed
        part.unlink()
        before = 0
    began = before
    for _ in range(_TRIES):
        if before == file.size and part.exists():
            return
        problem = f"it ended at {before} of {file.size} bytes"
        try:
            fetch(file.url, part, lambda done, _: advance(done - began), most=file.size)
        except ModelError as error:
            problem = str(error)
        now = _size(part) or 0
        if now > file.size:
            part.unlink()
            raise ProtocolError(f"{file.url} sends more than the {file.size:,} bytes that are listed")
        if now == file.size and part.exists():
            return
        if now <= before:
            raise ProtocolError(problem if file.url in problem else f"cannot load {file.url}: {problem}")
        before = now
    raise ProtocolError(f"cannot load {file.url}: it broke off {_TRIES} times; what has come is kept")


def _taken_out(
    folder: Path, archive: Path, file: RecordFile, advance: Callable[[float], None]
) -> dict[str, Kept]:
    """Unpack an archive, or put what is none where documents are."""
    if not file.name.lower().endswith(".zip"):
        target = folder / DOCUMENTS / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive, target)
        path = f"{DOCUMENTS}/{file.name}"
        return {path: Kept(file.name, file.size, digests(target)[1])}

    def unpacked(done: int, total: int) -> None:
        advance(file.size * done / max(1, total))

    found = unpack(archive, folder, placing=_placed, progress=unpacked)
    return {each.path: Kept(file.name, each.size, each.sha256) for each in found}


def _placed(path: PurePosixPath) -> PurePosixPath | None:
    """Where a path of an archive goes, so that all parts make one tree of audio, video and meta."""
    parts = list(path.parts)
    if parts[0] == "__MACOSX" or parts[-1] == ".DS_Store":
        return None
    lists = False
    while len(parts) > 1 and (own := _OWN.fullmatch(parts[0])):
        lists = lists or own[1] is not None
        del parts[0]
    if lists or parts[0] in _LISTS:
        return PurePosixPath("meta", *parts)
    if parts[0] not in ("audio", "video", "meta"):
        return PurePosixPath(DOCUMENTS, *parts)
    return PurePosixPath(*parts)


def _digests(path: Path) -> tuple[str, str]:
    """MD5 and SHA-256, in one pass."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            md5.update(block)
            sha256.update(block)
    return md5.hexdigest(), sha256.hexdigest()


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _removed_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()

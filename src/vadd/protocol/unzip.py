"""Archives unpacked so that they can write nowhere but where they should, and gone on with after a stop.

Every name in the archive is looked at before the first byte is written. A file that is there already, with
the size and the checksum that the archive tells, is kept.
"""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vadd.errors import OutputError, ProtocolError

__all__ = ["Unpacked", "digests", "unpack"]

_BLOCK = 1 << 20
#: More than the evaluation set has.
_MOST_FILES = 200_000
#: An archive of media or tables holds at most this many times its size, and some more if it is small.
_RATIO, _SPARE = 20, 64 << 20
_ENCRYPTED = 0x1
_DRIVE = re.compile(r"[A-Za-z]:")

#: From a path in the archive to one below the folder, or ``None`` for what is not wanted.
Placing = Callable[[PurePosixPath], PurePosixPath | None]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file that an archive held.

    Attributes:
        path: Below the folder, with slashes.
        size: Bytes.
        crc: CRC-32 of the bytes.
        sha256: Hex digest of the bytes.
    """

    path: str
    size: int
    crc: int
    sha256: str


def unpack(
    archive: Path,
    folder: Path,
    *,
    placing: Placing = lambda path: path,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Unpacked, ...]:
    """Unpack an archive.

    Args:
        archive: A zip file.
        folder: Where to; must exist.
        placing: Where a file goes below the folder.
        progress: Called with (bytes done, bytes in all).

    Returns:
        The files that are now there, in the archive's order.

    Raises:
        ProtocolError: If the archive is damaged or holds what is not taken: a path that leads out of the
            folder, a link, something encrypted, one name twice, or far more bytes than its own size.
        OutputError: If the folder cannot be written; what was unpacked before stays.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = _wanted(opened, archive, placing)
            total, done = sum(info.file_size for info, _ in wanted), 0
            result = []
            for info, path in wanted:
                result.append(_one(opened, info, path, folder, archive))
                done += info.file_size
                if progress is not None:
                    progress(done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ProtocolError(f"{archive} is damaged: {error}") from error
    except OSError as error:
        raise OutputError(
            f"cannot unpack {archive}: {(error.strerror or str(error)).lower()}; what is unpacked stays"
        ) from error
    return tuple(result)


def digests(path: Path) -> tuple[int, str]:
    """CRC-32 and SHA-256 of a file's bytes.

    Raises:
        OSError: If it cannot be read.
    """
    crc, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
            digest.update(block)
    return crc, digest.hexdigest()


def _wanted(
    opened: zipfile.ZipFile, archive: Path, placing: Placing
) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """What is to be unpacked and where to, all of it checked."""
    infos = opened.infolist()
    if len(infos) > _MOST_FILES:
        raise ProtocolError(f"{archive} holds {len(infos):,} files, which are too many")
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        inner = _checked(info, archive)
        if info.is_dir():
            continue
        path = placing(inner)
        if path is None:
            continue
        if path in found:
            raise ProtocolError(f"{archive} holds {path} twice")
        found[path] = info
    total, most = sum(info.file_size for info in found.values()), archive.stat().st_size * _RATIO + _SPARE
    if total > most:
        raise ProtocolError(f"{archive} would become {total:,} bytes, more than the {most:,} that are taken")
    return [(info, path) for path, info in found.items()]


def _checked(info: zipfile.ZipInfo, archive: Path) -> PurePosixPath:
    # Not info.filename: that was cut at a zero byte already, and this is what other programs may see.
    name = info.orig_filename
    parts = name.removesuffix("/").split("/")
    if (
        not name.isprintable()
        or "\\" in name
        or _DRIVE.match(name)
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise ProtocolError(f"{archive} holds the path {name[:80]!r}, which is not taken")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ProtocolError(f"{archive} holds {name}, which is no ordinary file")
    if info.flag_bits & _ENCRYPTED:
        raise ProtocolError(f"{archive} holds {name}, which is encrypted")
    return PurePosixPath(*parts)


def _one(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: PurePosixPath, folder: Path, archive: Path
) -> Unpacked:
    target = folder / path
    if target.is_file() and target.stat().st_size == info.file_size:
        crc, sha256 = digests(target)
        if crc == info.CRC:
            return Unpacked(path.as_posix(), info.file_size, crc, sha256)
    if target.is_dir():
        raise ProtocolError(f"{archive} holds the file {path}, but {target} is a folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.unlink(missing_ok=True)
    digest = hashlib.sha256()
    try:
        # The CRC is compared where the stream ends; it ends at the size that was counted above.
        with opened.open(info) as stream, part.open("xb") as file:
            while block := stream.read(_BLOCK):
                digest.update(block)
                file.write(block)
        if part.stat().st_size != info.file_size:
            raise zipfile.BadZipFile(f"{path} ends too early")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return Unpacked(path.as_posix(), info.file_size, info.CRC, digest.hexdigest())

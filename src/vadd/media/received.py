"""A file that the guarded child makes and this process writes: whole, or not at all.

The child may write nothing itself; it sends stretches of bytes with their places
(:class:`vadd.media.mux.Sink`).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vadd.errors import MediaError, OutputError
from vadd.media.guard import run
from vadd.media.limits import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["write_received"]

_BLOCK = 1 << 20


def write_received(
    place: Path,
    job: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    most: int,
    readable: Sequence[Path],
    progress: Callable[[float, float], None] | None = None,
    intact: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], str]:
    """Run a job that sends a file, and put the file in its place once all of it is there.

    Args:
        place: The file to be written; what was there is replaced.
        job: As :func:`vadd.media.guard.run` takes it; sends parts ``{"at": offset}`` with ``data``.
        arguments: Of the job.
        limits: Of the child.
        most: Bytes that the file may have.
        readable: The files that the job opens.
        progress: Called with (seconds done, seconds in all).
        intact: Called before the file takes its place; raises if what it was made of has changed.

    Returns:
        What the job told, and the hex SHA-256 of the file.

    Raises:
        MediaError: If the job fails.
        OutputError: If the file cannot be written; what was there before is untouched.
    """
    temporary = place.with_name(f".{place.name[:100]}.{secrets.token_hex(6)}.part")
    try:
        with temporary.open("xb+") as file:
            receiver = _Receiver(file, most)
            header, _ = run(
                job, arguments, limits=limits, progress=progress, part=receiver.take, readable=readable
            )
            digest = receiver.finish()
        intact()
        temporary.replace(place)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write {place}: {reason}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return header, digest


class _Receiver:
    """Puts what the child sends where it belongs; believes none of it unseen."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most, self._end = file, most, 0

    def take(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        data, at = arrays.get("data"), header.get("at")
        if data is None or data.dtype.str != "|u1" or data.ndim != 1:
            raise _nonsense()
        # A gap would be a hole in the file: the muxer leaves none.
        if type(at) is not int or not 0 <= at <= self._end or at + len(data) > self._most:
            raise _nonsense()
        self._file.seek(at)
        self._file.write(data.data)
        self._end = max(self._end, at + len(data))

    def finish(self) -> str:
        """Have the disk take it all; returns the digest."""
        if not self._end:
            raise _nonsense()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.seek(0)
        digest = hashlib.sha256()
        while block := self._file.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()


def _nonsense() -> MediaError:
    return MediaError("crashed", "the decoder's process sent nonsense; it is not trusted any more")

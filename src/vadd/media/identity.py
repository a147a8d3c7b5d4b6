"""Which bytes were judged: SHA-256 and size, and proof that they did not change meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vadd.errors import MediaError, UsageError
from vadd.media.limits import Limits

__all__ = ["Identity", "check_input", "digest_of", "unchanged"]

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """The state of a file at one moment, as the file system tells it."""

    path: Path
    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Identity:
        """The file's state now.

        Raises:
            MediaError: ``unreadable`` if it is gone or out of reach.
        """
        try:
            now = path.stat()
        except OSError as error:
            raise MediaError("unreadable", f"{path.name}: {error.strerror}") from error
        return cls(path, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)

    def sha256(self, stopped: Callable[[], bool] = lambda: False) -> str:
        """Hex digest of the bytes, in one pass.

        Args:
            stopped: Asked before every block; once true, the pass is given up as if the file ended there.

        Raises:
            MediaError: ``unreadable``, or ``changed`` if it is not ``size`` bytes long any more.
        """
        digest, read = hashlib.sha256(), 0
        try:
            with self.path.open("rb", buffering=0) as file:
                # A file that somebody appends to meanwhile may have no end.
                while read <= self.size and not stopped() and (block := file.read(_BLOCK)):
                    digest.update(block)
                    read += len(block)
        except OSError as error:
            raise MediaError("unreadable", f"{self.path.name}: {error.strerror}") from error
        if read != self.size:
            raise MediaError("changed", f"{self.path.name}: it changed while it was read")
        return digest.hexdigest()

    def verify(self) -> None:
        """Make sure that the file is still what it was.

        Raises:
            MediaError: ``changed`` if inode, size or time of change differ; ``unreadable`` if it is gone.
        """
        if Identity.of(self.path) != self:
            raise MediaError("changed", f"{self.path.name}: it changed while it was read")


@contextmanager
def unchanged(identities: Sequence[Identity]) -> Iterator[None]:
    """Tell a file that cannot be read any more because another took its place meanwhile.

    The guarded child may open the files that were there when it started, and no others of the same name.

    Raises:
        MediaError: What the block raised; ``changed`` in place of ``unreadable`` if a file is another now.
    """
    try:
        yield
    except MediaError as error:
        if error.reason == "unreadable":
            for identity in identities:
                identity.verify()
        raise


def digest_of(path: Path, limits: Limits | None = None) -> str | None:
    """SHA-256 of a file that could not be judged, for the record: damaged bytes have a digest too.

    Args:
        path: The file.
        limits: Bounds on its size; the defaults if ``None``.

    Returns:
        The hex digest; ``None`` if the file is above ``limits.file_bytes``, is not a regular file, can't be
        read, or changes while it is read.
    """
    try:
        check_input(path)
        identity = Identity.of(path)
        if identity.size > (limits or Limits()).file_bytes:
            return None
        digest = identity.sha256()
        identity.verify()
    except (MediaError, UsageError):
        return None
    return digest


def check_input(path: Path) -> None:
    """Refuse an argument that cannot be an input, before any work is done on it.

    Raises:
        UsageError: If it does not exist, is a folder or a device, or may not be opened.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"{path} is a folder, not a file")
        if not stat.S_ISREG(mode):  # opening a pipe would wait for a writer
            raise UsageError(f"{path} is not a regular file")
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except FileNotFoundError as error:
        raise UsageError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UsageError(f"{path} can't be opened: {reason}") from error

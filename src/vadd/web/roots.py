"""Files that are named by their path: only inside the folder that the server was started with."""

from __future__ import annotations

import os
import stat as kinds
from pathlib import Path

from vadd.web.problem import NotFound, Problem

__all__ = ["inside", "open_stamped", "stamp"]


def inside(root: Path | None, text: str, limit: int) -> Path:
    """The file that a caller names, without links.

    Args:
        root: The allowed folder; ``None`` allows nothing.
        text: Its path, absolute or from the folder on.
        limit: Bytes that it may have.

    Raises:
        Problem: If it lies elsewhere (whether it is there is then not told), is none, or is too large.
    """
    if root is None:
        raise Problem(403, "this server was not started with --allow-root: upload the file")
    try:
        top = root.resolve(strict=True)
        path = (top / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise NotFound("there is no file of this path that can be read") from error
    if not path.is_relative_to(top):
        raise Problem(403, "the path leads out of the folder that the server was started with")
    try:
        found = path.stat(follow_symlinks=False)
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        raise NotFound("there is no file of this path that can be read") from error
    if not kinds.S_ISREG(found.st_mode):
        raise NotFound("there is no regular file of this path")
    if found.st_size > limit:
        raise Problem(413, f"the file has {found.st_size} bytes, where {limit} are allowed")
    return path


def stamp(path: Path) -> str | None:
    """What tells a file from another in its place, or from itself changed; ``None`` if it is not there."""
    try:
        return _stamp(path.stat(follow_symlinks=False))
    except OSError:
        return None


def open_stamped(path: Path, wanted: str | None) -> int:
    """A descriptor of a file that must be as it was.

    Args:
        path: Where.
        wanted: Its :func:`stamp`; ``None`` takes any.

    Raises:
        NotFound: If it is gone, or another.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound("the file is not there any more") from error
    found = os.fstat(descriptor)
    if not kinds.S_ISREG(found.st_mode) or (wanted is not None and _stamp(found) != wanted):
        os.close(descriptor)
        raise NotFound("the file is not the one that was judged")
    return descriptor


def _stamp(found: os.stat_result) -> str:
    return f"{found.st_dev}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"

"""The folder that a guarded child works in: fresh, empty, gone with the child, and at last with its parent.

A parent that is killed removes nothing. So each folder names the process that it belongs to, and who makes
the first of its own removes those whose process is gone. They are empty; one that is not is left alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from vadd.errors import OutputError

__all__ = ["make", "remove"]

_PREFIX = "vadd-child-"


def make() -> str:
    """Make a folder that nobody else may look into.

    Raises:
        OutputError: If that is not possible.
    """
    try:
        _sweep(tempfile.gettempdir(), os.getpid())
        return tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    except OSError as error:
        raise OutputError(f"cannot make a temporary folder: {error.strerror or error}") from error


def remove(folder: str) -> None:
    """Remove a folder and what is in it."""
    shutil.rmtree(folder, ignore_errors=True)


@cache
def _sweep(where: str, own: int) -> None:
    """Remove what killed processes left; once in each process."""
    for folder in Path(where).glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and int(owner) != own and not _alive(int(owner)):
            with contextlib.suppress(OSError):  # not empty, or somebody else's
                folder.rmdir()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

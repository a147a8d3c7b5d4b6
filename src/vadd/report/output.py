"""Writing reports and tables: whole or not at all, and refused before the work rather than after it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vadd.errors import OutputError
from vadd.report.text import printable

__all__ = ["is_folder", "page_names", "prepare_folder", "probe_file", "write", "writing"]

#: File systems take 255 bytes a name; this leaves room for a number, a suffix and a temporary suffix.
_NAME_BYTES = 200


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a folder or leads to one.

    Raises:
        OutputError: If nothing can be written there whatever it is: too long a name, links in a circle.
    """
    return stat.S_ISDIR(_mode(path))


def probe_file(path: Path) -> None:
    """Make sure that ``path`` can be written, by writing beside it; leaves nothing behind.

    Raises:
        OutputError: If its folder does not exist or takes no files, or ``path`` is a folder or no possible
            name.
    """
    if is_folder(path):
        raise OutputError(f"cannot write {path}: it is a folder")
    if _is_device(path):
        return
    target = _target(path)
    temporary = _temporary(target)
    try:
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise _cannot(target, error) from error


def prepare_folder(path: Path) -> None:
    """Make sure that ``path`` is a folder that takes files; it is created if it does not exist.

    Raises:
        OutputError: If it cannot be created or written to, or is a file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(path, error) from error
    probe_file(path / "report.html")


def write(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 so that a reader sees the old file or the new one, never a part.

    Raises:
        OutputError: If it cannot be written; the old file, if any, is then untouched.
    """
    data = text.encode("utf-8")
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path, scratch: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write piece by piece that takes its place once it is whole.

    Args:
        path: Where it goes; a device or a pipe is written to as it is.
        scratch: A folder of the same file system where it lies until then; its own folder if ``None``.

    Yields:
        The open file. If the block ends in an error the old file, if any, stays untouched.

    Raises:
        OutputError: If it cannot be written.
    """
    device = _is_device(path)
    target = path if device else _target(path)
    try:
        if device:  # replacing /dev/stdout or a pipe by a file would do harm
            with path.open("wb") as file:
                yield file
            return
        temporary = _temporary(target) if scratch is None else scratch / f"{secrets.token_hex(8)}.tmp"
        try:
            with temporary.open("x+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _cannot(target, error) from error


def page_names(names: list[str], suffix: str = ".html") -> list[str]:
    """A page name for each input name: safe on any file system, and no two alike in any case.

    Args:
        names: File names without folders, in order; may repeat and may hold any character.
        suffix: What the names end in.

    Returns:
        As many names; the same input always gives the same names.
    """
    taken: set[str] = set()
    pages = []
    for name in names:
        stem = _stem(name)
        page, number = f"{stem}{suffix}", 1
        while page.casefold() in taken:
            number += 1
            page = f"{stem}-{number}{suffix}"
        taken.add(page.casefold())
        pages.append(page)
    return pages


def _stem(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "._-+()" else "_" for c in printable(name)).lstrip(".-")
    return kept.encode("utf-8")[:_NAME_BYTES].decode("utf-8", "ignore") or "report"


def _temporary(path: Path) -> Path:
    return path.with_name(f".vadd-{secrets.token_hex(6)}.tmp")


def _target(path: Path) -> Path:
    """What is to be replaced: a link keeps pointing where it points."""
    try:
        return path.resolve() if path.is_symlink() else path
    except (OSError, RuntimeError) as error:  # RuntimeError is how Python before 3.13 tells of a circle
        raise _cannot(path, error) from error


def _mode(path: Path) -> int:
    """The mode of what ``path`` leads to; 0 if nothing is there."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from error


def _is_device(path: Path) -> bool:
    mode = _mode(path)
    return mode != 0 and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _cannot(path: Path, error: Exception) -> OutputError:
    if isinstance(error, FileNotFoundError):
        return OutputError(f"cannot write {path}: there is no folder {path.parent}")
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"cannot write {path}: {reason.lower()}")

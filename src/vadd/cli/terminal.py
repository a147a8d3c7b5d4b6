"""The terminal as the commands see it: what it can show, and progress for those who wait."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vadd.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from vadd.detect.verdict import Verdict

__all__ = ["Progress", "emit", "say", "show"]

#: Work that ends sooner shows no progress: a bar that flashes up tells nobody anything.
PATIENCE = 1.0


def emit(text: str) -> None:
    """Write ``text`` to the standard output at once: whoever reads it can go on with this file.

    Raises:
        OutputError: If it cannot be written: the disk is full, or the standard output is closed.
        BrokenPipeError: If the reader has gone away.
    """
    if sys.stdout is None:  # so Python calls one that was closed before the start
        raise OutputError("cannot write to the standard output: it is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python flushes once more at its end; with nowhere to write that would be an error again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write to the standard output: {reason}") from error


def say(text: str) -> None:
    """Write a line of our own to the standard output; ``text`` may hold names from outside."""
    from vadd.report.text import printable

    emit(f"{printable(text)}\n")


def show(verdict: Verdict, name: str | None = None) -> None:
    """Write a verdict to the standard output, as it can show it."""
    from vadd.report.terminal import PLAIN_WIDTH, render

    terminal = sys.stdout is not None and sys.stdout.isatty()
    emit(
        render(
            verdict,
            width=shutil.get_terminal_size().columns if terminal else PLAIN_WIDTH,
            colour=terminal,
            unicode="utf" in (getattr(sys.stdout, "encoding", None) or "").lower(),
            name=name,
        )
    )


class Progress:
    """Progress of one file on the standard error, if that is a terminal and the work takes a while.

    An instance is a ``progress`` function of :class:`vadd.detect.detector.Detector`: called with the
    seconds done and the seconds in all.

    Args:
        path: What is being judged.
        wanted: Whether to show anything at all.
    """

    def __init__(self, path: Path, *, wanted: bool) -> None:
        self._name = path.name
        self._wanted = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, done: float, total: float) -> None:
        """Show that ``done`` of ``total`` seconds are done, if it is time to show anything."""
        if not self._wanted or time.monotonic() - self._started < PATIENCE:
            return
        if self._bar is None or self._task is None:
            self._open()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done, total=total or None)

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        from vadd.report.text import printable

        parts = (
            # The name is an argument of the format, never the format: it may hold braces.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Bar(*parts, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task(printable(self._name))
        self._bar.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

"""Runs jobs in a process of its own that a hostile file may crash or hang without harm to the parent.

The child is a fresh interpreter with limited memory, processor time and open files, without network, without
rights, and without a view of any file but those that it is to open; docs/isolation.md tells which of these
promises holds where. It is killed, with its process group, when its wall clock is over, and by the kernel
when the parent goes. It is told what to do in JSON and answers in JSON and raw arrays
(:mod:`vadd.media.wire`): nothing that it sends can run in the parent.

To start a child and to open the networks takes a good part of the time of a short clip. So one may do several
jobs in turn, and is replaced after some, after any trouble, and when it did not clean up after itself. What
a job comes to must not hang on those before it: a failure that theirs may be the reason of is believed only
after a fresh child had the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vadd.errors import IsolationError, MediaError
from vadd.media.given_up import REQUIRE
from vadd.media.inbox import Answer, ChildBugError
from vadd.media.limits import Limits
from vadd.media.process import ENVIRONMENT, Process, Seen, seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENVIRONMENT", "ChildBugError", "Guard", "run"]

_Part = Callable[[dict[str, Any], dict[str, "NDArray[Any]"]], None]

#: What a file is by itself; everything else may also come of what an earlier job left behind.
_OF_THE_FILE = frozenset({"unreadable", "not_media", "damaged", "changed"})


class Guard:
    """Guarded children, one at a time, each of which does some jobs; a context manager.

    For one thread: several threads take a guard each.

    Args:
        limits: Of every job, unless it is given others.
        jobs: That one child does before it is replaced, at least 1.
        readable: The files that its children may open, besides those that a job names. Where the kernel
            can refuse a file, it refuses all others; a job with another file has a child started for it.

    Raises:
        ValueError: If ``jobs`` is below 1.
    """

    def __init__(self, *, limits: Limits, jobs: int = 16, readable: Sequence[Path] = ()) -> None:
        if jobs < 1:
            raise ValueError(f"a child does at least 1 job, not {jobs}")
        self._limits, self._jobs, self._readable = limits, jobs, tuple(readable)
        self._process: Process | None = None
        self._promises: dict[str, list[str]] = {}
        self._busy = threading.Lock()

    @property
    def promises(self) -> dict[str, list[str]]:
        """Of each promise (:data:`vadd.media.given_up.PROMISES`) the mechanisms that keep it.

        As the last child found; empty before the first.
        """
        return {name: list(mechanisms) for name, mechanisms in self._promises.items()}

    def run(
        self,
        job: str,
        arguments: Mapping[str, Any],
        *,
        limits: Limits | None = None,
        progress: Callable[[float, float], None] | None = None,
        part: _Part | None = None,
        again: Callable[[], None] | None = None,
        readable: Sequence[Path] = (),
    ) -> Answer:
        """Run ``job`` in a guarded child and return its header and arrays.

        Args:
            job: ``"module:function"``; called in the child as ``function(channel, **arguments)`` with a
                :class:`vadd.media.child.Channel`; returns JSON-ready values and a mapping of arrays.
            arguments: JSON-ready keyword arguments.
            limits: Memory, wall clock and message size of the child; the guard's own if ``None``.
            progress: Called in this thread with (seconds done, seconds in all).
            part: Called in this thread with the header and the arrays of each part that the job sends before
                its result. While it runs nothing is read from the child, whose clock stands still meanwhile.
            again: Called when the job is begun anew in a fresh child: the parts so far are void. Without it
                a job that sends parts has a fresh child from the beginning.
            readable: The files that the job opens.

        Raises:
            MediaError: What the job raised; ``timeout``, ``crashed`` (killed by a signal, or its messages
                make no sense) or ``limit`` (out of memory).
            ModelError: What the job raised.
            ChildBugError: If the job failed in any other way; holds the child's traceback.
            IsolationError: If all promises are required and this system cannot keep one.
            RuntimeError: If the guard is at work.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("a guard does one job at a time")
        try:
            return self._run(job, arguments, limits or self._limits, progress, part, again, tuple(readable))
        except BaseException:
            self.close()
            raise
        finally:
            self._busy.release()

    def close(self) -> None:
        """End the child; the next job would start another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(
        self,
        job: str,
        arguments: Mapping[str, Any],
        limits: Limits,
        progress: Callable[[float, float], None] | None,
        part: _Part | None,
        again: Callable[[], None] | None,
        readable: tuple[Path, ...],
    ) -> Answer:
        files = {path: seen(path) for path in readable}
        alone = part is not None and again is None
        process = self._process
        warm = process is not None and not alone and self._fits(process, limits, files)
        while True:
            if not warm:
                process = self._started(job, limits, readable)
            assert process is not None  # noqa: S101 - it is there, or was started
            try:
                answer = process.work(job, arguments, limits=limits, progress=progress, part=part)
            except (MediaError, ChildBugError) as error:
                if warm and not (isinstance(error, MediaError) and error.reason in _OF_THE_FILE):
                    warm = False
                    if again is not None:
                        again()
                    continue
                if (told := _explained(error, files)) is not None:
                    raise told from error
                raise
            if process.done >= self._jobs:
                self.close()
            return answer

    def _fits(self, process: Process, limits: Limits, files: Mapping[Path, Seen | None]) -> bool:
        """Whether the child that is there may do this job too."""
        if process.limits.memory_bytes != limits.memory_bytes or not process.settled():
            return False
        known = set(process.files.values())
        return all(each in known for each in files.values())

    def _started(self, job: str, limits: Limits, readable: tuple[Path, ...]) -> Process:
        self.close()
        files = tuple(dict.fromkeys((*self._readable, *readable)))
        self._process = Process(job, limits=limits, jobs=self._jobs, readable=files, required=_all_required())
        self._promises = self._process.promises
        return self._process


def run(
    job: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    progress: Callable[[float, float], None] | None = None,
    part: _Part | None = None,
    readable: Sequence[Path] = (),
) -> Answer:
    """Run one job in a guarded child of its own; arguments and errors are those of :meth:`Guard.run`."""
    with Guard(limits=limits, jobs=1) as guard:
        return guard.run(job, arguments, progress=progress, part=part, readable=readable)


def _explained(error: Exception, files: Mapping[Path, Seen | None]) -> MediaError | None:
    """What an error really means: one file that was put in another's place is closed to the child."""
    if isinstance(error, MediaError) and error.reason == "unreadable":
        for path, before in files.items():
            if before is not None and seen(path) not in {before, None}:
                return MediaError("changed", f"{path.name}: it changed while it was read")
    return None


def _all_required() -> bool:
    said = os.environ.get(REQUIRE, "")
    if said not in {"", "0", "1"}:
        raise IsolationError(f"{REQUIRE} is 1 or 0, not {said!r}")
    return said == "1"

"""One guarded process as its parent sees it: started, given jobs, listened to, killed."""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import IsolationError, MediaError, VaddError
from vadd.media import room
from vadd.media.inbox import Answer, ChildBugError, Inbox, Task, plain
from vadd.media.limits import Limits
from vadd.media.spawn import spawn
from vadd.media.wire import WireError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENVIRONMENT", "Process", "Seen", "seen"]

_READ = 1 << 20
#: Last words of Python, C++ and OpenBLAS when they end a process for want of memory.
_NO_MEMORY = (b"MemoryError", b"bad_alloc", b"Memory allocation still failed")
_KEPT_STDERR = 8_000
#: Seconds that a start may take, whatever a file may: it is nobody's fault on a busy machine.
_START = 60.0
#: Seconds in which a child must be ready again after a job.
_SETTLE = 5.0
#: One compute thread a library: the job's own threads keep the cores busy, and pools cost start time.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "4"}
#: Besides, of what this process was given, what the loader and the names of files depend on.
_HANDED_ON = ("LD_LIBRARY_PATH",)
_LOCALE = ("LC_ALL", "LC_CTYPE", "LANG")

#: Which file a path leads to.
Seen = tuple[int, int]


def seen(path: Path) -> Seen | None:
    """Device and number of the file that a path leads to now; ``None`` if it leads nowhere."""
    try:
        now = path.stat()
    except (OSError, ValueError):
        return None
    return now.st_dev, now.st_ino


class Process:
    """A child that has given up what it can and waits for its first job.

    Args:
        job: The first one; its module is loaded.
        limits: Memory, and the time of each of its jobs.
        jobs: How many it will do.
        readable: The files that its jobs may open.
        required: Whether a child that cannot keep every promise is refused.

    Attributes:
        limits: As given.
        done: Jobs that it was given.
        files: What ``readable`` led to before it started.
        promises: Of each promise (:mod:`vadd.media.given_up`) the mechanisms that keep it.

    Raises:
        IsolationError: If a promise is required that cannot be kept here.
        ChildBugError: If the job does not exist, or the child could not start.
        MediaError: ``timeout`` if it does not start in time.
        OutputError: If its folder cannot be made.
        OSError: If no process can be started.
    """

    def __init__(
        self, job: str, *, limits: Limits, jobs: int, readable: Sequence[Path], required: bool
    ) -> None:
        self.limits, self.done = limits, 0
        self.files = {path: seen(path) for path in readable}
        self.promises: dict[str, list[str]] = {}
        self._stderr = b""
        self._room = room.make()
        try:
            self._popen = _started(self._room)
        except BaseException:
            room.remove(self._room)
            raise
        try:
            now = time.monotonic()
            task = Task(0, limits, now, now + _START)
            self._inbox = Inbox(task)
            self._send(self._setup(job, jobs))
            import numpy as np  # noqa: F401 - the arrays will need it, and now it costs no time

            self._listen(lambda: self._inbox.ready is not None)
            self.promises = _promises(self._inbox.ready or {}, required)
        except BaseException:
            self.kill()
            raise

    def work(
        self,
        job: str,
        arguments: Mapping[str, Any],
        *,
        limits: Limits,
        progress: Callable[[float, float], None] | None,
        part: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None] | None,
    ) -> Answer:
        """Have it do a job; whatever is raised, the child is of no use any more.

        Raises:
            MediaError: What the job raised; ``timeout``, ``crashed`` or ``limit``.
            ModelError: What the job raised.
            ChildBugError: If the job failed in any other way.
        """
        self.done += 1
        now = time.monotonic()
        task = Task(self.done, limits, now, now + limits.wall_clock(None), progress, part)
        self._inbox.begin(task)
        self._send({"job": job, "arguments": dict(arguments), "cpu_seconds": _cpu(limits)})
        self._listen(lambda: task.answer is not None)
        assert task.answer is not None  # noqa: S101 - that was waited for
        return task.answer

    def settled(self) -> bool:
        """Wait until it is ready for another job; whether it is, and nothing strange was seen of it."""
        self._inbox.task.deadline = time.monotonic() + _SETTLE
        try:
            self._listen(lambda: self._inbox.ready is not None)
        except (VaddError, ChildBugError):
            return False
        # What it wrote before it said so may have come since.
        return not self._stderr and not select.select([self._popen.stderr or 0], [], [], 0)[0]

    def kill(self) -> None:
        """End it and all that it may have started, collect it, and remove its folder."""
        process = self._popen
        # Not after it was collected: its id may be another's by then.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it was collected by the kernel
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
        room.remove(self._room)

    def _setup(self, job: str, jobs: int) -> dict[str, Any]:
        libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
        return {
            "parent": os.getpid(),
            "path": [entry or str(Path.cwd()) for entry in sys.path],
            "prefixes": sorted({sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}),
            "libraries": [entry for entry in libraries if entry.startswith("/")],
            "readable": [str(path.absolute()) for path in self.files],
            "room": self._room,
            "job": job,
            "memory_bytes": self.limits.memory_bytes,
            "cpu_seconds": jobs * _cpu(self.limits),
        }

    def _send(self, message: Mapping[str, Any]) -> None:
        """Write a line; a child that does not read it must not hold us."""
        assert self._popen.stdin is not None  # noqa: S101 - it is a pipe
        pipe, rest = self._popen.stdin.fileno(), memoryview(json.dumps(message).encode() + b"\n")
        os.set_blocking(pipe, False)
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_WRITE)
            while rest:
                left = self._inbox.task.deadline - time.monotonic()
                if left <= 0:
                    raise _timeout()
                if selector.select(left):
                    try:
                        rest = rest[os.write(pipe, rest) :]
                    except BrokenPipeError:
                        return  # it died at once; how is told by its status

    def _listen(self, heard: Callable[[], bool]) -> None:
        """Take what it says until that has come which is waited for.

        Raises:
            MediaError: If its time is over, or it says what makes no sense; if it ends instead.
            ChildBugError: The last, if nothing but our code can be the reason.
        """
        process, inbox = self._popen, self._inbox
        assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - they are pipes
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while selector.get_map() and not heard():
                left = inbox.task.deadline - time.monotonic()
                if left <= 0:
                    raise _timeout()
                for key, _ in selector.select(left):
                    data = os.read(key.fd, _READ)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        try:
                            inbox.feed(data)
                        except WireError as error:
                            raise MediaError("crashed", f"{error}; it is not trusted any more") from error
                    else:
                        self._stderr = (self._stderr + data)[-_KEPT_STDERR:]
        if not heard():
            self._await_end()
            self.kill()
            raise _death(process.returncode, self._stderr)

    def _await_end(self) -> None:
        """Wait for the end of a child that closed its pipes, but do not collect it: its id stays its own."""
        deadline = max(self._inbox.task.deadline, time.monotonic() + 0.1)
        with contextlib.suppress(ChildProcessError):  # this program lets the kernel collect its children
            while os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
                if time.monotonic() > deadline:
                    raise _timeout()
                time.sleep(0.001)


def _started(folder: str) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("child.py"))
    environment = {**ENVIRONMENT, "TMPDIR": folder, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    if sys.getfilesystemencoding() != "utf-8":  # it must name files as we do
        del environment["LANG"], environment["LC_ALL"]
        environment |= {name: os.environ[name] for name in _LOCALE if name in os.environ}
    environment |= {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    return spawn(
        lambda: subprocess.Popen(
            [sys.executable, "-I", "-S", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    )


def _promises(ready: Mapping[str, Any], required: bool) -> dict[str, list[str]]:
    """What the child says that it keeps; it has read no file yet that could make it lie."""
    promises: dict[str, list[str]] = ready["promises"]
    missing = [name for name, mechanisms in promises.items() if not mechanisms]
    if required and missing:
        from vadd.media.given_up import PROMISES, REQUIRE

        broken = "; ".join(f"{name} ({PROMISES[name]})" for name in missing)
        raise IsolationError(f"{REQUIRE} is set, but this system cannot keep: {broken}")
    return promises


def _cpu(limits: Limits) -> int:
    """Processor time of a job, the last resort against a child that stops its own clock.

    Twice the wall clock on every core.
    """
    return int(2 * (os.cpu_count() or 1) * limits.wall_clock(limits.seconds))


def _timeout() -> MediaError:
    return MediaError("timeout", "decoding took longer than is allowed")


def _death(status: int, stderr: bytes) -> Exception:
    """What to raise for a child that ended without an answer."""
    if status == -signal.SIGXCPU:
        return _timeout()
    if any(word in stderr for word in _NO_MEMORY):
        return MediaError("limit", "decoding takes more memory than allowed")
    if status < 0:
        return MediaError("crashed", f"the decoder crashed ({signal.Signals(-status).name})")
    text = plain(stderr.decode(errors="replace"))
    return ChildBugError(f"the guarded child ended with status {status} and no answer\n{text}")

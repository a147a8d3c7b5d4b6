"""What runs in the guarded process: gives up what it does not need, does the jobs, sends the results.

Started by path, isolated and without ``site``, so nothing but the standard library can be imported before
the parent's search path arrives. The first line says what it is for; every other one is a job. It ends with
the first job that fails, and when it could not clean up after one.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["Channel", "die_with"]

#: How threads, the loader of libraries and C++ tell that they found no memory; they have no other way.
_NO_MEMORY = ("can't start new thread", "failed to map segment", "bad_alloc")
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
#: How often, and how many seconds apart, what a job has left behind is looked for.
_LOOKS, _PAUSE = 100, 0.01


class Channel:
    """A job's only way out: messages to the parent, from any thread, until the job is over.

    Args:
        descriptor: The pipe to the parent.
        job: The number that every message carries.
    """

    def __init__(self, descriptor: int, job: int) -> None:
        self._descriptor = descriptor
        self._job = job
        self._lock = threading.Lock()
        self._over = False

    def duration(self, seconds: float) -> None:
        """Tell the declared duration of the media, which the wall clock depends on."""
        self.send({"kind": "duration", "seconds": seconds})

    def progress(self, done: float, total: float) -> None:
        """Tell how many seconds of how many are done."""
        self.send({"kind": "progress", "done": done, "total": total})

    def part(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Send a part of the result ahead; waits while the parent is busy with those before."""
        self.send({"kind": "part", **header}, arrays)

    def send(
        self,
        header: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]] | None = None,
        *,
        last: bool = False,
    ) -> None:
        """Send one message (:mod:`vadd.media.wire`); after the ``last`` one none can be sent.

        Raises:
            RuntimeError: If the job is over.
        """
        from vadd.media.wire import encode

        with self._lock:
            if self._over:
                raise RuntimeError("the job is over")
            self._over = last
            for piece in encode({**header, "job": self._job}, arrays):
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the parent goes, however it goes.

    Args:
        parent: Its process id.

    Raises:
        OSError: If the kernel will not.
    """
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it was gone before the call above
        os._exit(1)


def _main() -> None:
    # Whatever a library prints must not get between the messages.
    pipe = os.dup(1)
    os.dup2(2, 1)
    setup = json.loads(sys.stdin.buffer.readline())
    die_with(setup["parent"])
    sys.path[:] = setup["path"]
    with _told(Channel(pipe, 0)):
        from vadd.media.given_up import isolate

        # Before it is isolated: its byte code may have to be written, and no hostile byte was read yet.
        _function(setup["job"])
        traces = _Traces()
        Channel(pipe, 0).send({"kind": "ready", "promises": isolate(setup)})
        traces.remember()
    number = 0
    while line := sys.stdin.buffer.readline():
        number += 1
        with _told(Channel(pipe, number)) as channel:
            _work(channel, **json.loads(line))
        if not traces.gone():
            break
        Channel(pipe, number).send({"kind": "ready"})
    # Nothing is left to tidy up, and libraries that do so at exit only cost time and may hang.
    os._exit(0)


def _function(job: str) -> Any:
    module, _, name = job.partition(":")
    return getattr(import_module(module), name)


def _work(channel: Channel, *, job: str, arguments: Mapping[str, Any], cpu_seconds: int) -> None:
    from vadd.media.given_up import allow_cpu

    allow_cpu(cpu_seconds)
    header, arrays = _function(job)(channel, **arguments)
    channel.send({"kind": "result", "value": header}, arrays, last=True)


@contextlib.contextmanager
def _told(channel: Channel) -> Iterator[Channel]:
    """Whatever goes wrong is told to the parent, and ends this process."""
    import traceback

    try:
        yield channel
        return
    except Exception as error:  # noqa: BLE001 - the parent raises it again, with this traceback
        from vadd.errors import MediaError, VaddError

        if isinstance(error, MemoryError) or any(word in str(error) for word in _NO_MEMORY):
            error = MediaError("limit", "not enough memory is allowed")
        if isinstance(error, MediaError):
            message = {"kind": "media_error", "reason": error.reason, "message": str(error)}
        elif isinstance(error, VaddError):
            message = {"kind": "error", "name": type(error).__name__, "message": str(error)}
        else:
            message = {"kind": "bug", "traceback": traceback.format_exc()}
        channel.send(message)
    os._exit(0)


class _Traces:
    """What a job may leave behind: threads, open files, files in the folder.

    Both lists of the kernel's are opened before files cannot be.
    """

    def __init__(self) -> None:
        self._threads, self._files = (
            os.open(f"/proc/self/{name}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            for name in ("task", "fd")
        )
        self._before: tuple[int, int] | None = None

    def remember(self) -> None:
        """Take what is there now for what should be there."""
        self._before = self._now()

    def gone(self) -> bool:
        """Whether, after some patience, nothing is left of the last job."""
        import gc
        import time

        gc.collect()
        for _ in range(_LOOKS):
            if self._now() == self._before:
                return not os.listdir()  # noqa: PTH208
            time.sleep(_PAUSE)
        return False

    def _now(self) -> tuple[int, int]:
        return len(os.listdir(self._threads)), len(os.listdir(self._files))  # noqa: PTH208 - open already


if __name__ == "__main__":
    _main()

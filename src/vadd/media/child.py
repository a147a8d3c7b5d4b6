"""What runs in the guarded process: reads one request, limits itself, does the job, sends the result.

Started by path, isolated and without ``site``, so nothing but the standard library can be imported before
the parent's search path arrives with the request.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Channel"]

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
#: Address space beyond the private memory that is allowed: libraries, stacks and what allocators reserve.
_RESERVED_BYTES = 8 * 2**30
_FILES = 64


class Channel:
    """The child's only way out: messages to the parent, from any thread.

    Args:
        descriptor: The pipe to the parent.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def duration(self, seconds: float) -> None:
        """Tell the declared duration of the media, which the wall clock depends on."""
        self.send({"kind": "duration", "seconds": seconds})

    def progress(self, done: float, total: float) -> None:
        """Tell how many seconds of how many are done."""
        self.send({"kind": "progress", "done": done, "total": total})

    def part(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Send a part of the result ahead; waits while the parent is busy with those before."""
        self.send({"kind": "part", **header}, arrays)

    def send(self, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Send one message (:mod:`vadd.media.wire`)."""
        from vadd.media.wire import encode

        with self._lock:
            for piece in encode(header, arrays):
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when the parent goes, however it goes."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it was gone before the call above
        os._exit(1)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    import resource

    for kind, bound in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, memory_bytes + _RESERVED_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            bound = min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def _main() -> None:
    # Whatever a library prints must not get between the messages.
    channel = Channel(os.dup(1))
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    _die_with(request["parent"])
    sys.path[:] = request["path"]
    _run(channel, request)
    # Nothing is left to tidy up, and libraries that do so at exit only cost time and may hang.
    os._exit(0)


def _run(channel: Channel, request: dict[str, Any]) -> None:
    import traceback

    from vadd.errors import MediaError, VaddError

    try:
        module, _, name = request["job"].partition(":")
        job = getattr(import_module(module), name)
        _limit(request["memory_bytes"], request["cpu_seconds"])
        header, arrays = job(channel, **request["arguments"])
    except MediaError as error:
        channel.send({"kind": "media_error", "reason": error.reason, "message": str(error)})
    except VaddError as error:
        channel.send({"kind": "error", "name": type(error).__name__, "message": str(error)})
    except Exception as error:  # noqa: BLE001 - the parent raises it again, with this traceback
        # A thread that finds no memory for its stack says so in no other way.
        if isinstance(error, MemoryError) or str(error) == "can't start new thread":
            message = "not enough memory is allowed"
            channel.send({"kind": "media_error", "reason": "limit", "message": message})
        else:
            channel.send({"kind": "bug", "traceback": traceback.format_exc()})
    else:
        channel.send({"kind": "result", "value": header}, arrays)


if __name__ == "__main__":
    _main()

"""Runs a job in a process of its own that a hostile file may crash or hang without harm to the parent.

The child is a fresh interpreter with limited memory, CPU time and open files, and no byte that it may write
to a file. It is killed, with its process group, when its wall clock is over, and by the kernel when the
parent goes. It is told what to do in JSON and answers in JSON and raw arrays (:mod:`vadd.media.wire`):
nothing that it sends can run in the parent. It is no sandbox: a decoder that was taken over still has the
user's rights to read files and to open connections.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vadd.errors
from vadd.errors import MediaError
from vadd.media.limits import Limits
from vadd.media.wire import PREFIX, WireError, decode, lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENVIRONMENT", "ChildBugError", "run"]

#: Reasons that a child may give; others are not taken from it.
_REASONS = frozenset({"unreadable", "not_media", "damaged", "changed", "limit", "timeout"})
_ERRORS = frozenset({"ModelError", "UsageError"})
_READ = 1 << 20
#: Last words of Python, C++ and OpenBLAS when they end a process for want of memory.
_NO_MEMORY = (b"MemoryError", b"bad_alloc", b"Memory allocation still failed")
_KEPT_STDERR = 8_000
#: One compute thread a library: the job's own threads keep the cores busy, and pools cost start time.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "4"}


class ChildBugError(RuntimeError):
    """Our code failed in the child; the message holds its traceback. Never a fact about the file."""


@dataclass(slots=True)
class _Inbox:
    """What has arrived from the child so far."""

    limits: Limits
    progress: Callable[[float, float], None] | None
    deadline: float
    started: float
    part: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None] | None = None
    buffer: bytearray = field(default_factory=bytearray)
    stderr: bytes = b""
    answer: tuple[dict[str, Any], dict[str, NDArray[Any]]] | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes; act on the messages that are complete."""
        self.buffer += data
        while len(self.buffer) >= PREFIX:
            size = PREFIX + lengths(bytes(self.buffer[:PREFIX]))
            if size > self.limits.message_bytes:
                raise WireError("the child's message is too long")
            if len(self.buffer) < size:
                return
            # The result is large and usually ends the buffer: it is handed on, not copied.
            message, self.buffer = self.buffer, self.buffer[size:]
            del message[size:]
            self._act(*decode(message))

    def _act(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        kind = header.get("kind")
        if kind == "duration":
            granted = self.limits.wall_clock(_number(header, "seconds"))
            self.deadline = max(self.deadline, self.started + granted)
        elif kind == "progress":
            done, total = _number(header, "done"), _number(header, "total")
            # Not every file declares how long it is: what is done earns what the same declared would have.
            self.deadline = max(self.deadline, self.started + self.limits.wall_clock(done))
            if self.progress is not None:
                self.progress(done, total)
        elif kind == "part" and self.part is not None:
            began = time.monotonic()
            self.part(header, arrays)
            waited = time.monotonic() - began  # the child could not help that
            self.started, self.deadline = self.started + waited, self.deadline + waited
        elif kind == "result":
            value = header.get("value")
            if not isinstance(value, dict):
                raise WireError("the child's result is malformed")
            self.answer = value, arrays
        else:
            _raise(header)


def run(
    job: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    progress: Callable[[float, float], None] | None = None,
    part: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None] | None = None,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Run ``job`` in a guarded child and return its header and arrays.

    Args:
        job: ``"module:function"``; called in the child as ``function(channel, **arguments)`` with a
            :class:`vadd.media.child.Channel`; returns JSON-ready values and a mapping of arrays.
        arguments: JSON-ready keyword arguments.
        limits: Memory, wall clock and message size of the child.
        progress: Called in this thread with (seconds done, seconds in all).
        part: Called in this thread with the header and the arrays of each part that the job sends before
            its result. While it runs nothing is read from the child, whose clock stands still meanwhile.

    Raises:
        MediaError: What the job raised; ``timeout``, ``crashed`` (killed by a signal, or its messages
            make no sense) or ``limit`` (out of memory).
        ModelError: What the job raised.
        ChildBugError: If the job failed in any other way; holds the child's traceback.
    """
    # The last resort against a child that stops its own clock: twice the wall clock on every core.
    cpu = 2 * (os.cpu_count() or 1) * limits.wall_clock(limits.seconds)
    request = {
        "parent": os.getpid(),
        "path": [entry or str(Path.cwd()) for entry in sys.path],
        "job": job,
        "arguments": dict(arguments),
        "memory_bytes": limits.memory_bytes,
        "cpu_seconds": int(cpu),
    }
    script = str(Path(__file__).with_name("child.py"))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **ENVIRONMENT},
        start_new_session=True,
    )
    try:
        started = time.monotonic()
        inbox = _Inbox(limits, progress, started + limits.wall_clock(None), started, part)
        _send(process, request)
        import numpy as np  # noqa: F401 - the arrays will need it, and now it costs no time

        _listen(process, inbox)
        _await_end(process, inbox.deadline)
    except subprocess.TimeoutExpired as error:
        raise MediaError("timeout", "decoding took longer than is allowed") from error
    except WireError as error:
        raise MediaError("crashed", f"{error}; it is not trusted any more") from error
    finally:
        _kill(process)
    if inbox.answer is not None and process.returncode == 0:
        return inbox.answer
    raise _death(process.returncode, inbox.stderr)


def _send(process: subprocess.Popen[bytes], request: Mapping[str, Any]) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        process.stdin = None  # it died at once; how is told by its status


def _listen(process: subprocess.Popen[bytes], inbox: _Inbox) -> None:
    """Take what the child sends until it closes both pipes or its time is over."""
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - they are pipes
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        selector.register(process.stderr, selectors.EVENT_READ)
        while selector.get_map():
            left = inbox.deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, 0)
            for key, _ in selector.select(left):
                data = os.read(key.fd, _READ)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    inbox.feed(data)
                else:
                    inbox.stderr = (inbox.stderr + data)[-_KEPT_STDERR:]


def _await_end(process: subprocess.Popen[bytes], deadline: float) -> None:
    """Wait for the end of a child that closed its pipes, but do not collect it: its id stays its own."""
    deadline = max(deadline, time.monotonic() + 0.1)
    with contextlib.suppress(ChildProcessError):  # this program lets the kernel collect its children
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(process.args, 0)
            time.sleep(0.001)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and all that it may have started, and collect it."""
    # Not after it was collected: its id may be another's by then.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it was collected by the kernel
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _death(status: int, stderr: bytes) -> Exception:
    """What to raise for a child that ended without an answer."""
    if status == -signal.SIGXCPU:
        return MediaError("timeout", "decoding took longer than is allowed")
    if any(word in stderr for word in _NO_MEMORY):
        return MediaError("limit", "decoding takes more memory than allowed")
    if status < 0:
        return MediaError("crashed", f"the decoder crashed ({signal.Signals(-status).name})")
    text = _plain(stderr.decode(errors="replace"))
    return ChildBugError(f"the guarded child ended with status {status} and no answer\n{text}")


def _plain(text: str) -> str:
    """Text of the child for a terminal, which would obey control characters: escaped, but for newlines."""
    return "".join(
        sign if sign == "\n" or sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text
    )


def _raise(header: dict[str, Any]) -> None:
    """Raise what the child says went wrong."""
    message = " ".join(str(header.get("message", "")).split())[:500]
    kind = header.get("kind")
    if kind == "media_error" and header.get("reason") in _REASONS:
        raise MediaError(header["reason"], message)
    if kind == "error" and header.get("name") in _ERRORS:
        error: Exception = getattr(vadd.errors, header["name"])(message)
        raise error
    if kind == "bug":
        raise ChildBugError(f"in the guarded child:\n{_plain(str(header.get('traceback')))}")
    raise WireError("the child's message is of no known kind")


def _number(header: dict[str, Any], name: str) -> float:
    value = header.get(name)
    if not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise WireError(f"the child's {name} is not a number of seconds")
    return float(value)

"""What the guard's tests run in the child; imported there by name."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from typing import Any

import numpy as np

from vadd.errors import MediaError, ModelError
from vadd.media.child import Channel

Message = tuple[dict[str, Any], dict[str, Any]]


def echo(channel: Any, *, value: Any) -> Message:
    channel.progress(1.0, 2.0)
    return {"value": value, "path": sys.path}, {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}


def dies(channel: Any, *, number: int) -> Message:
    os.kill(os.getpid(), number)
    time.sleep(60)
    return {}, {}


def hangs(channel: Any, *, seconds: float | None = None) -> Message:
    if seconds is not None:
        channel.duration(seconds)
    # A sleep that no signal handler of ours interrupts stands for native code that never returns.
    while True:
        time.sleep(1)


def works_for(channel: Any, *, seconds: float, declared: float) -> Message:
    channel.duration(declared)
    time.sleep(seconds)
    return {"done": True}, {}


def goes_on(channel: Any, *, seconds: float, step: float) -> Message:
    """Says ten times a second that ``step`` more seconds of media are done."""
    for at in range(round(10 * seconds)):
        channel.progress(at * step, at * step)
        time.sleep(0.1)
    return {"done": True}, {}


def raises(channel: Any, *, text: str) -> Message:
    raise RuntimeError(text)


def exits(channel: Any, *, text: str) -> Message:
    os.write(2, text.encode())
    os._exit(3)


def spins(channel: Any) -> Message:
    """Thread after thread, each of which waits: their stacks fill the memory that is allowed."""
    waiting = threading.Event()
    while True:
        threading.Thread(target=waiting.wait, daemon=True).start()


def hogs(channel: Any) -> Message:
    held = []
    while True:
        held.append(np.ones(1 << 24))


def fails(channel: Any) -> Message:
    raise KeyError("a bug of ours")


def refuses(channel: Any, *, reason: str) -> Message:
    raise MediaError(reason, "because")


def cannot_read(channel: Any) -> Message:
    channel.progress(0.0, 1.0)
    raise MediaError("unreadable", "because")


def no_model(channel: Any) -> Message:
    raise ModelError("no such thing")


def writes(channel: Any, *, path: str) -> Message:
    try:
        with open(path, "w") as file:  # noqa: PTH123
            file.write("x")
    except OSError as error:
        return {"error": type(error).__name__}, {}
    return {"error": None}, {}


def prints(channel: Any) -> Message:
    print("into the messages?")  # noqa: T201
    os.write(1, b"and past Python's buffers?")
    return {"done": True}, {}


def tells_its_id(channel: Any) -> Message:
    channel.progress(os.getpid(), os.getpid())
    time.sleep(60)
    return {}, {}


def says(channel: Any, *, raw: list[int]) -> Message:
    os.write(channel._descriptor, bytes(raw))
    os.close(channel._descriptor)
    time.sleep(60)
    return {}, {}


def tells(channel: Any, *, header: dict[str, Any]) -> Message:
    channel.send(header)
    return {}, {}


#: Jobs that this process did: what a later one can find of an earlier one.
_DONE: list[int] = []


def counts(channel: Any, *, wait: float = 0.0) -> Message:
    """Who did it, and how many jobs of this kind that process did."""
    _DONE.append(1)
    time.sleep(wait)
    return {"pid": os.getpid(), "done": len(_DONE), "room": os.getcwd()}, {"a": np.arange(3.0)}  # noqa: PTH109


def parts(channel: Any) -> Message:
    for at in range(3):
        channel.part({"at": at}, {})
    return counts(channel)


def parts_but_dies_later(channel: Any) -> Message:
    """Dies of what it finds of an earlier job, after its first part."""
    channel.part({"at": 0}, {})
    return dies(channel, number=signal.SIGSEGV) if _DONE else parts(channel)


def fails_later(channel: Any, *, how: str) -> Message:
    """Fails in a child that did something before, and only there."""
    if _DONE:
        match how:
            case "dies":
                return dies(channel, number=signal.SIGSEGV)
            case "hangs":
                return hangs(channel)
            case "nonsense":
                channel.send({"kind": "exec"})
            case "bug":
                raise KeyError("a bug of ours")
            case "limit":
                raise MediaError("limit", "no memory is left")
    return counts(channel)


def leaves(channel: Any, *, what: str) -> Message:
    """Leaves something behind in its process."""
    if what == "thread":
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    elif what == "descriptor":
        os.dup(0)
    elif what == "words":
        os.write(2, b"a library complains")
    elif what == "late message":
        late = Channel(channel._descriptor, channel._job)
        signal.signal(signal.SIGALRM, lambda number, frame: late.progress(1.0, 1.0))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
    return counts(channel)


def sends_after_its_end(channel: Any) -> Message:
    """A thread that goes on a little longer than its job."""

    def go_on() -> None:
        time.sleep(0.05)
        try:
            channel.progress(1.0, 1.0)
        except RuntimeError:
            _DONE.append(1)

    threading.Thread(target=go_on).start()
    return counts(channel)


def uses_cpu(channel: Any, *, seconds: float) -> Message:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return {"limits": resource.getrlimit(resource.RLIMIT_CPU), **counts(channel)[0]}, {}


def waits(channel: Any) -> Message:
    channel.progress(os.getpid(), os.getpid())
    signal.pause()
    return {}, {}

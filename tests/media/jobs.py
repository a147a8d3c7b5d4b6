"""What the guard's tests run in the child; imported there by name."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

import numpy as np

from vadd.errors import MediaError, ModelError

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


def no_model(channel: Any) -> Message:
    raise ModelError("no such thing")


def writes(channel: Any, *, path: str) -> Message:
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        os.write(file, b"x")
    except OSError as error:
        return {"error": type(error).__name__, "size": os.fstat(file).st_size}, {}
    return {"error": None}, {}


def prints(channel: Any) -> Message:
    print("into the messages?")  # noqa: T201
    os.write(1, b"and past Python's buffers?")
    return {"done": True}, {}


def starts_another(channel: Any, *, path: str) -> Message:
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", f"import time; time.sleep(60) # {path}"])  # noqa: S606
    channel.progress(0.0, 1.0)
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


def waits(channel: Any, *, path: str) -> Message:
    with open(path, "w"):  # noqa: PTH123 - an empty file is all that a child can make
        pass
    os.rename(path, f"{path}.{os.getpid()}")  # noqa: PTH104
    signal.pause()
    return {}, {}

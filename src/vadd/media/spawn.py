"""Starts processes that the kernel kills when this one ends, and not before.

What the kernel watches is not the process that started a child but the thread: of a pool whose threads come
and go, the end of one would take the children with it. So one thread starts them all. It never ends by
itself, and with the process it does.
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

__all__ = ["spawn"]

_Process = subprocess.Popen[bytes]
_Order = tuple["Future[_Process]", Callable[[], _Process]]

_lock = threading.Lock()
_orders: SimpleQueue[_Order] | None = None


def spawn(start: Callable[[], _Process]) -> _Process:
    """Call ``start`` in the thread whose end the children die with, and wait for what it gives.

    Raises:
        OSError: What ``start`` raises.
    """
    future: Future[_Process] = Future()
    _queue().put((future, start))
    try:
        return future.result()
    except BaseException:
        # Interrupted while it waited: nobody will ever know of a child that was started meanwhile.
        if not future.cancel():
            future.add_done_callback(_end)
        raise


def _queue() -> SimpleQueue[_Order]:
    global _orders
    with _lock:
        if _orders is None:
            _orders = SimpleQueue()
            threading.Thread(target=_serve, args=(_orders,), name="children", daemon=True).start()
        return _orders


def _serve(orders: SimpleQueue[_Order]) -> None:
    while True:
        future, start = orders.get()
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(start())
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            future.set_exception(error)
        del future, start  # they are not held until the next order


def _end(future: Future[_Process]) -> None:
    if future.exception() is None:
        future.result().kill()


def _forget() -> None:
    """A forked process has none of its parent's threads, and its parent's lock in any state."""
    global _lock, _orders
    _lock, _orders = threading.Lock(), None


os.register_at_fork(after_in_child=_forget)

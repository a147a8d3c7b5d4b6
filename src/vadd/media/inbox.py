"""What the guarded child says, taken apart and believed only as far as it makes sense.

A child does one job after the other. Each of its messages carries the number of its job, so that a word of
the last job is not taken for one of this, and after each job it says that it is ready for the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import vadd.errors
from vadd.errors import MediaError
from vadd.media.limits import Limits
from vadd.media.wire import PREFIX, WireError, decode, lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Answer", "ChildBugError", "Inbox", "Task", "plain"]

Answer = tuple[dict[str, Any], dict[str, "NDArray[Any]"]]

#: Reasons that a child may give; others are not taken from it.
_REASONS = frozenset({"unreadable", "not_media", "damaged", "changed", "limit", "timeout"})
_ERRORS = frozenset({"ModelError", "UsageError"})


class ChildBugError(RuntimeError):
    """Our code failed in the child; the message holds its traceback. Never a fact about the file."""


@dataclass(slots=True)
class Task:
    """One job as its parent follows it.

    Attributes:
        number: From 1 on in each child; 0 is its start.
        limits: Of this job.
        started: On the monotonic clock; moved on by the time that the child waited for us.
        deadline: When its wall clock is over; what the media declares and what is done move it.
        progress: Told (seconds done, seconds in all).
        part: Given the header and the arrays of each part.
        answer: The result, once it is there.
    """

    number: int
    limits: Limits
    started: float
    deadline: float
    progress: Callable[[float, float], None] | None = None
    part: Callable[[dict[str, Any], dict[str, NDArray[Any]]], None] | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class Inbox:
    """What has arrived from one child so far.

    Attributes:
        task: What it is at.
        ready: What it said when it was last ready; ``None`` while it is not.
    """

    task: Task
    ready: dict[str, Any] | None = None
    _buffer: bytearray = field(default_factory=bytearray)

    def begin(self, task: Task) -> None:
        """Expect the messages of another job, for which the child must be ready."""
        self.task, self.ready = task, None

    def feed(self, data: bytes) -> None:
        """Take bytes; act on the messages that are complete.

        Raises:
            WireError: If they make no sense.
            MediaError: What the job raised; as do the next two.
            ModelError: The same.
            ChildBugError: If the job failed in any other way.
        """
        self._buffer += data
        while len(self._buffer) >= PREFIX:
            size = PREFIX + lengths(bytes(self._buffer[:PREFIX]))
            if size > self.task.limits.message_bytes:
                raise WireError("the child's message is too long")
            if len(self._buffer) < size:
                return
            # The result is large and nearly ends the buffer: it is handed on, not copied.
            message, self._buffer = self._buffer, self._buffer[size:]
            del message[size:]
            self._act(*decode(message))

    def _act(self, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
        kind, task = header.get("kind"), self.task
        over = self.ready is not None or (task.number > 0 and task.answer is not None)
        if header.pop("job", None) != task.number or (over and kind != "ready") or self.ready is not None:
            raise WireError("the child's message is out of its turn")
        if kind == "ready" and (over or task.number == 0):
            self.ready = header
        elif kind == "duration":
            granted = task.limits.wall_clock(_number(header, "seconds"))
            task.deadline = max(task.deadline, task.started + granted)
        elif kind == "progress":
            done, total = _number(header, "done"), _number(header, "total")
            # Not every file declares how long it is: what is done earns what the same declared would have.
            task.deadline = max(task.deadline, task.started + task.limits.wall_clock(done))
            if task.progress is not None:
                task.progress(done, total)
        elif kind == "part" and task.part is not None:
            began = time.monotonic()
            task.part(header, arrays)
            waited = time.monotonic() - began  # the child could not help that
            task.started, task.deadline = task.started + waited, task.deadline + waited
        elif kind == "result" and task.number > 0:
            value = header.get("value")
            if not isinstance(value, dict):
                raise WireError("the child's result is malformed")
            task.answer = value, arrays
        else:
            _raise(header)


def plain(text: str) -> str:
    """Text of the child for a terminal, which would obey control characters: escaped, but for newlines."""
    return "".join(
        sign if sign == "\n" or sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in text
    )


def _raise(header: Mapping[str, Any]) -> None:
    """Raise what the child says went wrong."""
    message = " ".join(str(header.get("message", "")).split())[:500] or "no reason was given"
    kind = header.get("kind")
    if kind == "media_error" and header.get("reason") in _REASONS:
        raise MediaError(header["reason"], message)
    if kind == "error" and header.get("name") in _ERRORS:
        error: Exception = getattr(vadd.errors, header["name"])(message)
        raise error
    if kind == "bug":
        raise ChildBugError(f"in the guarded child:\n{plain(str(header.get('traceback')))}")
    raise WireError("the child's message is of no known kind")


def _number(header: Mapping[str, Any], name: str) -> float:
    value = header.get(name)
    if not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise WireError(f"the child's {name} is not a number of seconds")
    return float(value)

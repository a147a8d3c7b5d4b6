"""The one error tree of vadd.

A :class:`VaddError` is somebody's mistake or a fact about the outside world (a file that cannot be
read, an option that does not exist): the command line prints its message as one line and exits with
:attr:`VaddError.exit_status`. Anything else is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

__all__ = [
    "IsolationError", "MediaError", "ModelError", "OutputError", "ProtocolError", "StoreError", "UsageError",
    "VaddError",
]  # fmt: skip


class VaddError(Exception):
    """Base of all errors that vadd raises on purpose; the message is one line for a person."""

    exit_status: int = 2


class UsageError(VaddError):
    """A wrong call: an unknown option or name, an input that does not exist or can't be opened."""


class OutputError(VaddError):
    """An output (report, table) cannot be written where it was asked for."""


class ModelError(VaddError):
    """An embedder, classifier or detector is unknown, missing, damaged, or does not fit the others."""


class ProtocolError(VaddError):
    """A list of clips or a benchmark makes no sense; names the file and the line."""


class IsolationError(VaddError):
    """A promise of the guarded child is required that this system cannot keep; names it."""


class StoreError(VaddError):
    """An embedding store is missing, damaged, incomplete or cannot be written; names the file and row."""


class MediaError(VaddError):
    """A media file cannot be judged; ``reason`` is the code that the ``failed`` verdict will carry.

    Attributes:
        reason: One of the ``failed`` reasons of :class:`vadd.detect.verdict.Reason`, as its value:
            ``unreadable``, ``not_media``, ``damaged``, ``changed``, ``limit``, ``timeout``, ``crashed``.
    """

    exit_status = 4

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason

"""Hours in blocks of seconds: what is computed on the way to a result shall not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["BLOCK", "blocks"]

#: Rows that are computed at once: enough to pay for the calls, and a few megabytes.
BLOCK = 256


def blocks(length: int) -> Iterator[slice]:
    """Rows ``0`` to ``length`` as slices in order, of :data:`BLOCK` rows but for the last."""
    for start in range(0, length, BLOCK):
        yield slice(start, min(start + BLOCK, length))

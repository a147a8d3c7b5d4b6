"""Says whether another job or upload fits: every bound on their number and size in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from vadd.web.config import Config
from vadd.web.metrics import Metrics
from vadd.web.problem import Busy, Problem
from vadd.web.store import Store

__all__ = ["Room"]


class Room:
    """Keeps count for one server.

    Args:
        config: The bounds.
        store: The jobs.
        metrics: Knows how much they take.
    """

    def __init__(self, config: Config, store: Store, metrics: Metrics) -> None:
        self._config, self._store, self._metrics = config, store, metrics
        self._coming = 0

    def check_queue(self, *, close: bool = False) -> None:
        """Make sure that one more job may wait; uploads that come in have their places already.

        Raises:
            Busy: If the queue is full.
            Problem: If too many jobs are remembered (507).
        """
        counts = self._store.counts()
        if counts.get("queued", 0) + self._metrics.uploads >= self._config.max_jobs:
            raise Busy(f"{self._config.max_jobs} jobs wait already: try again later", close=close)
        if sum(counts.values()) + self._metrics.uploads >= self._config.max_kept:
            raise Problem(507, "the server remembers as many jobs as it may: delete some", close=close)

    @contextmanager
    def upload(self) -> Iterator[None]:
        """A place for an upload, and for its job in the queue, as long as it comes in.

        Raises:
            Busy: If too many come in, or the queue is full.
            Problem: If too many jobs are remembered (507).
        """
        if self._metrics.uploads >= self._config.max_uploads:
            raise Busy("too many files come in at the same time: try again", after=2, close=True)
        self.check_queue(close=True)
        self._metrics.uploads += 1
        try:
            yield
        finally:
            self._metrics.uploads -= 1

    def check_disk(self, more: int) -> None:
        """Make sure that so many bytes more fit on the disk.

        Raises:
            Problem: If they do not (507).
        """
        if self._metrics.disk + self._coming + more > self._config.max_disk:
            raise Problem(507, "the server's jobs take all the room they may: delete some", close=True)
        found = os.statvfs(self._config.uploads)
        if found.f_bavail * found.f_frsize < self._config.free_bytes + more:
            raise Problem(507, "the server's disk is full", close=True)

    def take(self, size: int) -> None:
        """Count bytes of an upload that are written now."""
        self._coming += size
        self._metrics.received += size

    def give(self, size: int) -> None:
        """Give back what was taken for an upload: it is gone, or a job's now."""
        self._coming -= size

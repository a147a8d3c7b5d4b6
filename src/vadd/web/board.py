"""What is known of every job now: the store, the progress that is not worth storing, and who listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import replace
from typing import Any

from vadd.web.jobs import Job
from vadd.web.store import Store

__all__ = ["Board"]


class Board:
    """The jobs, for the server's one event loop.

    Args:
        store: Where they are kept.

    Attributes:
        listeners: How many listen now.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.listeners = 0
        self._progress: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def get(self, id_: str) -> Job | None:
        """A job as it is now."""
        job = self.store.get(id_)
        return None if job is None else self._now(job)

    def newest(self, limit: int, before: float | None) -> list[Job]:
        """The latest jobs first (:meth:`vadd.web.store.Store.newest`)."""
        return [self._now(job) for job in self.store.newest(limit, before)]

    def change(self, id_: str, states: Iterable[str], **changes: Any) -> Job | None:
        """Change a job that is in one of these states, and tell who listens; ``None`` if it is in none."""
        job = self.store.change(id_, states, **changes)
        if job is not None:
            if job.state != "running":
                self._progress.pop(id_, None)
            self._tell(id_)
        return job

    def progress(self, id_: str, stage: str, share: float) -> None:
        """Note how far a running job is."""
        self._progress[id_] = (stage, min(1.0, max(0.0, share)))
        self._tell(id_)

    def gone(self, id_: str) -> None:
        """Note that a job was removed."""
        self._progress.pop(id_, None)
        self._tell(id_)

    async def watch(self, id_: str) -> AsyncGenerator[Job, None]:
        """A job as it is, and again whenever it changes, until it is final or removed.

        A slow reader misses what lies between, never the last.
        """
        changed = asyncio.Event()
        self._waiting.setdefault(id_, set()).add(changed)
        self.listeners += 1
        last = None
        try:
            while (job := self.get(id_)) is not None:
                if job != last:
                    last = job
                    yield job
                if job.final:
                    return
                await changed.wait()
                changed.clear()
        finally:
            self.listeners -= 1
            waiting = self._waiting[id_]
            waiting.discard(changed)
            if not waiting:
                del self._waiting[id_]

    def _now(self, job: Job) -> Job:
        known = self._progress.get(job.id)
        if known is None or job.state != "running":
            return job
        return replace(job, stage=known[0], progress=known[1])

    def _tell(self, id_: str) -> None:
        for changed in self._waiting.get(id_, ()):
            changed.set()

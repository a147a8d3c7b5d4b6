"""The server without its HTTP: what the API and the pages ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import shutil
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vadd.detect.calibrate import Calibration
from vadd.detect.models import load
from vadd.detect.verdict import Exhibit, Verdict
from vadd.embed import extraction_file
from vadd.errors import OutputError, UsageError
from vadd.report.text import storable
from vadd.run.records import Record, Results
from vadd.web.board import Board
from vadd.web.config import Config
from vadd.web.jobs import STATES, Job, clean_name, new_id
from vadd.web.metrics import Metrics
from vadd.web.problem import Busy, NotFound, Problem
from vadd.web.process import WORKER
from vadd.web.queue import Queue
from vadd.web.reread import verdict_of
from vadd.web.room import Room
from vadd.web.roots import inside, stamp
from vadd.web.store import Store
from vadd.web.tidy import discard, sweep_results, sweep_uploads

__all__ = ["Server"]

_LOG = logging.getLogger("vadd.web")
#: Seconds between two looks for jobs that have been kept long enough.
_LOOK = 60.0
#: Exhibits that are held ready: a page asks for dozens of pictures of the same.
_EXHIBITS = 8


class Server:
    """One server on one state folder; an asynchronous context manager, for one event loop.

    Args:
        config: How it is set up.
        clock: Seconds since 1970.
        worker: Module whose ``main`` judges; tests put another in its place.

    Attributes:
        config: As given.
        metrics: What it counts.
        room: Who says whether another upload fits.

    Raises:
        OutputError: If the state folder cannot be made.
        UsageError: If another server uses it, or it is something else.
        StoreError: If its database is damaged.
    """

    def __init__(
        self, config: Config, *, clock: Callable[[], float] = time.time, worker: str = WORKER
    ) -> None:
        self.config, self._clock = config, clock
        self._lock = _locked(config)
        self._store = Store(config.state / "jobs.sqlite")
        self._results = Results(config.results, ".unfinished-server")
        self._results.create()
        self.metrics = Metrics()
        self.metrics.disk = self._store.weight()
        self._board = Board(self._store)
        self.room = Room(config, self._store, self.metrics)
        self._queue = Queue(config, self._board, self._results, self.metrics, clock, worker)
        self._exhibits: OrderedDict[str, Exhibit | None] = OrderedDict()
        self._keeper: asyncio.Task[None] | None = None
        self._calibration: Calibration | None = None

    async def __aenter__(self) -> Self:
        shutil.rmtree(self.config.scratch, ignore_errors=True)
        for path in self.config.results.glob(".unfinished-*/*.tmp"):
            path.unlink()
        sweep_uploads(self.config.uploads, self._store.uploads())
        sweep_results(self._results, self._store.claims())
        again = self._store.requeue()
        if again:
            _LOG.info("%d jobs were running when the last server ended; they are queued again", again)
        self._queue.start()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._queue.stop()
        self.close()

    def close(self) -> None:
        """Let go of the state folder."""
        self._store.close()
        self._lock.close()

    def jobs(self, limit: int = 50, before: float | None = None) -> list[Job]:
        """The latest jobs first.

        Args:
            limit: At most so many.
            before: Only those that were created before that (seconds since 1970).
        """
        return self._board.newest(limit, before)

    def job(self, id_: str) -> Job:
        """A job.

        Raises:
            NotFound: If there is none of this name.
        """
        job = self._board.get(id_)
        if job is None:
            raise NotFound
        return job

    def counts(self) -> dict[str, int]:
        """State → number of jobs, also where there are none."""
        found = self._store.counts()
        return {state: found.get(state, 0) for state in STATES}

    def ahead(self, job: Job) -> int:
        """How many jobs will be begun before this one that waits."""
        return self._store.ahead_of(job)

    def expect(self) -> None:
        """Say that an upload has begun, so that a worker starts meanwhile."""
        self._queue.warm()

    def submit(
        self,
        names: Sequence[str],
        files: Sequence[str],
        sizes: Sequence[int],
        *,
        sha256: Sequence[str | None],
        owned: bool = True,
        false_alarms: float | None = None,
    ) -> Job:
        """Put a job into the queue.

        Args:
            names: Of the one file, or of the picture's and the sound's, as the user called them.
            files: Names in the folder of uploads, or resolved paths.
            sizes: Bytes of each.
            sha256: Of each, if known.
            owned: Whether they are uploads.
            false_alarms: Rate; the server's own if ``None``.
        """
        job = self._store.add(
            Job(
                id=new_id(),
                kind="file" if len(files) == 1 else "pair",
                names=tuple(map(clean_name, names)),
                files=tuple(files),
                sizes=tuple(sizes),
                created=self._clock(),
                owned=owned,
                stamps=tuple(None if owned else stamp(Path(file)) for file in files),
                sha256=tuple(sha256),
                false_alarms=self.config.false_alarms if false_alarms is None else false_alarms,
                weight=sum(sizes) if owned else 0,
            )
        )
        self.metrics.disk += job.weight
        self._queue.wake()
        return job

    def submit_paths(self, paths: Sequence[str], false_alarms: float | None = None) -> Job:
        """Put files that are named by their path into the queue.

        Args:
            paths: One, or the picture's and the sound's.
            false_alarms: Rate; the server's own if ``None``.

        Raises:
            Problem: If they may not be judged.
            Busy: If there is no room.
        """
        found = [inside(self.config.allow_root, path, self.config.limits.file_bytes) for path in paths]
        self.room.check_queue()
        return self.submit(
            [path.name for path in found],
            [str(path) for path in found],
            [path.stat().st_size for path in found],
            sha256=[None] * len(found),
            owned=False,
            false_alarms=false_alarms,
        )

    async def rate(self, told: str | float | None) -> float | None:
        """A false-alarm rate as a form or a document has it, if the detector can promise it.

        Raises:
            Problem: If it is none, or cannot be promised (422).
        """
        if told is None or told == "":
            return None
        try:
            rate = float(told)
        except ValueError as error:
            raise Problem(422, "false_alarms is a number between 0 and 1") from error
        if not 0 < rate < 1:
            raise Problem(422, "false_alarms is a number between 0 and 1, both excluded")
        if rate != self.config.false_alarms:
            await asyncio.to_thread(self._promise, rate)
        return rate

    def _promise(self, rate: float) -> None:
        if self._calibration is None:
            self._calibration = load(self.config.model).calibration
        try:
            self._calibration.threshold(rate)
        except UsageError as error:
            raise Problem(422, str(error)) from error

    def cancel(self, id_: str) -> Job:
        """Cancel a job.

        Raises:
            NotFound: If there is none of this name.
            Problem: If it has come to its end already (409).
        """
        job = self._board.change(id_, ("queued", "running"), state="cancelled", finished=self._clock())
        if job is None:
            raise Problem(409, f"the job is {self.job(id_).state} already")
        self._queue.kill(id_)
        return job

    def delete(self, id_: str) -> None:
        """Delete a job, its uploads, and what was made of them unless another job has the same.

        Raises:
            NotFound: If there is none of this name.
        """
        # The row goes first: what a server that is killed here leaves is swept at the next start.
        removed = self._store.remove(id_)
        if removed is None:
            raise NotFound
        job, keys = removed
        self._queue.kill(id_)
        self._board.gone(id_)
        for name in job.files if job.owned else ():
            (self.config.uploads / name).unlink(missing_ok=True)
        for key in keys:
            discard(self._results, key)
            self._exhibits.pop(key, None)
        self.metrics.disk -= job.weight

    def record(self, job: Job) -> Record:
        """The record of a job that is done, without names.

        Raises:
            NotFound: If there is none (yet).
            StoreError: If it is damaged.
        """
        if job.state != "done":
            raise NotFound(f"there is no result: the job is {job.state}")
        if job.key is None:
            raise NotFound(f"there is no result: {job.message}")
        return self._results.record(job.key)

    def document(self, job: Job) -> dict[str, Any]:
        """The result of a job as ``vadd check --json`` writes it, with the names of its files.

        Raises:
            NotFound: If there is none (yet).
            StoreError: If its record is damaged.
        """
        return _named(self.record(job).result, job.names)

    def exhibit(self, job: Job) -> Exhibit | None:
        """The pictures of a job that is done; ``None`` if nothing could be measured. May take a while.

        Raises:
            NotFound: If it has no result (yet).
            StoreError: If its record or measurement is damaged.
        """
        key = self.record(job).measurement
        if key is None:
            return None
        if key not in self._exhibits:
            data = self._results.get("measurement", key)
            self._exhibits[key] = None if data is None else _exhibit(data, key)
            while len(self._exhibits) > _EXHIBITS:
                self._exhibits.popitem(last=False)
        return self._exhibits[key]

    def verdict(self, job: Job, *, pictures: bool = False) -> Verdict:
        """The result of a job as a verdict, for reports and tables.

        Args:
            job: A job that is done.
            pictures: With its exhibit.

        Raises:
            NotFound: If it has no result (yet).
            StoreError: If its record or measurement is damaged.
        """
        return verdict_of(self.document(job), self.exhibit(job) if pictures else None)

    def path(self, job: Job, which: int) -> Path:
        """Where a file of a job lies.

        Args:
            job: Any.
            which: 0, or 1 for the sound of a pair.
        """
        return self.config.uploads / job.files[which] if job.owned else Path(job.files[which])

    def watch(self, id_: str) -> AsyncGenerator[Job, None]:
        """A job as it is, and again whenever it changes, until it is final or deleted.

        Raises:
            NotFound: If there is none of this name.
            Busy: If too many listen already.
        """
        self.job(id_)
        if self._board.listeners >= self.config.max_listeners:
            raise Busy("too many connections listen to events: ask for the job instead")
        return self._board.watch(id_)

    def metrics_text(self) -> str:
        """All that is counted, as Prometheus reads it."""
        return self.metrics.text(self.counts(), self._board.listeners)

    def expire(self) -> int:
        """Delete the jobs that have been kept long enough; returns how many."""
        old = self._store.ended_before(self._clock() - self.config.keep_hours * 3600)
        for id_ in old:
            with contextlib.suppress(NotFound):
                self.delete(id_)
        if old:
            _LOG.info("%d jobs have been kept for %g hours; deleted", len(old), self.config.keep_hours)
        return len(old)

    async def _keep(self) -> None:
        while True:
            try:
                self.expire()
            except Exception:  # noqa: BLE001 - files must not stay for ever because one could not be removed
                _LOG.exception("old jobs could not be deleted")
            await asyncio.sleep(min(_LOOK, self.config.keep_hours * 360))


def _exhibit(data: bytes, key: str) -> Exhibit | None:
    thumbnails, spectrogram, rate = extraction_file.pictures(data, key)
    if not thumbnails and spectrogram is None:
        return None
    return Exhibit(tuple((Fraction(at), jpeg) for at, jpeg in thumbnails), spectrogram, rate)


def _named(result: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A document with the files' own names, where a record has names that fit all."""
    provenance = result["provenance"]
    inputs = []
    for told, name in zip(provenance["inputs"], names, strict=True):
        media = {**told["media"], "name": storable(name)} if "name" in told["media"] else told["media"]
        inputs.append({**told, "name": storable(name), "media": media})
    return {**result, "provenance": {**provenance, "inputs": inputs}}


def _locked(config: Config) -> Any:
    """The state folder, made if need be and taken, for this process alone."""
    state = config.state
    try:
        if state.is_dir() and any(state.iterdir()) and not (state / "lock").is_file():
            raise UsageError(f"{state} holds other things than a server's state: name an empty folder")
        for folder in (state, config.uploads, config.results):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        lock = (state / "lock").open("ab")
    except OSError as error:
        raise OutputError(f"cannot write {state}: {(error.strerror or str(error)).lower()}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise UsageError(f"another server uses {state}") from error
    return lock

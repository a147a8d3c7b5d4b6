"""The queue: hands waiting jobs to worker processes, one each, and writes down what becomes of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vadd.run.records import Results
from vadd.web.board import Board
from vadd.web.config import Config
from vadd.web.jobs import Job
from vadd.web.metrics import Metrics
from vadd.web.process import WORKER, WorkerProcess
from vadd.web.roots import stamp
from vadd.web.tidy import sweep_results

__all__ = ["STRIKES", "Queue"]

_LOG = logging.getLogger("vadd.web")
#: Workers that may die with a job in hand before it is given up.
STRIKES = 2
#: Seconds after which a worker without work is ended, as it takes memory; the first stays ready.
_IDLE = 120.0
#: Jobs that one worker does before it is replaced, so that no leak of a library adds up.
_JOBS = 200
_BUG = "a mistake in vadd; the server's log has it under the name of this job"


class Queue:
    """The workers of a server.

    Args:
        config: Of the server.
        board: The jobs.
        results: Where workers keep what they make.
        metrics: Counts what happens.
        clock: Seconds since 1970.
        worker: Module whose ``main`` does the work.
    """

    def __init__(
        self,
        config: Config,
        board: Board,
        results: Results,
        metrics: Metrics,
        clock: Callable[[], float],
        worker: str = WORKER,
    ) -> None:
        self._config, self._board, self._results, self._metrics = config, board, results, metrics
        self._clock, self._module = clock, worker
        self._wake = asyncio.Event()
        self._warm = asyncio.Event()
        self._slots: list[asyncio.Task[None]] = []
        self._hands: dict[str, WorkerProcess] = {}

    def start(self) -> None:
        """Begin; in the event loop."""
        self._slots = [asyncio.create_task(self._slot(number)) for number in range(self._config.workers)]

    async def stop(self) -> None:
        """Kill all workers; what was running stays running in the store, and is queued again at a start."""
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    def wake(self) -> None:
        """Say that there is a new job."""
        self._wake.set()

    def warm(self) -> None:
        """Say that there will soon be one: its worker may start while it is uploaded."""
        self._warm.set()
        self._wake.set()

    def kill(self, id_: str) -> None:
        """Kill the worker that has this job in hand, if there is one."""
        if id_ in self._hands:
            self._hands[id_].kill()

    async def _slot(self, number: int) -> None:
        worker: WorkerProcess | None = None
        done, ready = 0, False
        try:
            while True:
                job = None
                try:
                    job = self._take()
                    if worker is not None and (not worker.alive or done >= _JOBS):
                        await worker.end()
                        worker = None
                    if job is None:
                        # One is started ahead of the next job, once: it may be that it cannot live.
                        if number == 0 and worker is None and not ready:
                            worker, done, ready = await self._started(number), 0, True
                        else:
                            worker = await self._rest(number, worker)
                        continue
                    if worker is None:
                        worker, done = await self._started(number), 0
                    done, ready = done + 1, False
                    if not await self._judge(job, worker):
                        await worker.end()
                        worker = None
                        self._clean(job)
                except Exception:  # noqa: BLE001 - a slot that ended would leave its jobs waiting for ever
                    _LOG.exception("slot %d: a bug", number)
                    if worker is not None:
                        worker.kill()
                    await asyncio.sleep(1)
                    if job is not None:
                        self._lost(job)
        finally:
            if worker is not None:
                await worker.end()

    async def _started(self, number: int) -> WorkerProcess:
        return await WorkerProcess.start(self._config, number, self._module)

    def _take(self) -> Job | None:
        """The job that has waited longest, running from now on."""
        job = self._board.store.first_queued()
        if job is None:
            return None
        return self._board.change(
            job.id, ("queued",), state="running", stage="reading", progress=0.0, started=self._clock()
        )

    async def _rest(self, number: int, worker: WorkerProcess | None) -> WorkerProcess | None:
        """Wait for work; a worker that will be needed is started, one too many that waits long is ended."""
        self._wake.clear()
        if self._warm.is_set():
            self._warm.clear()
            return worker or await self._started(number)
        try:
            await asyncio.wait_for(self._wake.wait(), None if worker is None or number == 0 else _IDLE)
        except TimeoutError:
            if worker is not None:
                await worker.end()
            return None
        return worker

    async def _judge(self, job: Job, worker: WorkerProcess) -> bool:
        """Have a job judged; whether its worker can do another."""
        self._hands[job.id] = worker
        try:
            missing = self._missing(job)
            if missing is not None:
                self._finish(job, missing)
                return True
            worker.send(
                {
                    "files": [str(path) for path in self._paths(job)],
                    "sha256": list(job.sha256[: len(job.files)]),
                    "false_alarms": job.false_alarms,
                }
            )
            while (answer := await worker.answer()) is not None:
                if "progress" in answer:
                    self._board.progress(job.id, *answer["progress"])
                elif "begun" in answer:
                    if not self._begin(job, answer["begun"]):
                        return False
                    worker.send("go")
                else:
                    self._over(job, answer)
                    return True
            self._lost(job)
            return False
        finally:
            del self._hands[job.id]

    def _paths(self, job: Job) -> list[Path]:
        return [self._config.uploads / name if job.owned else Path(name) for name in job.files]

    def _missing(self, job: Job) -> dict[str, Any] | None:
        """What becomes of a file that was named by its path and is another one by now."""
        from vadd.detect.verdict import Reason

        if job.owned or all(stamp(Path(name)) == at for name, at in zip(job.files, job.stamps, strict=True)):
            return None
        return {"key": None, "outcome": "failed", "reason": "changed", "message": Reason.CHANGED.sentence}

    def _begin(self, job: Job, told: dict[str, Any]) -> bool:
        """Note what a job will use; false if it is not wanted any more."""
        if self._board.change(job.id, ("running",), sha256=told["sha256"]) is None:
            return False
        self._board.store.claim(job.id, told["claims"])
        return True

    def _over(self, job: Job, answer: dict[str, Any]) -> None:
        if "done" in answer:
            self._finish(job, answer["done"])
            return
        # What was tried may name files of this machine: that is for the log.
        _LOG.error("job %s: %s", job.id, answer.get("bug") or answer.get("error"))
        self._fail(job, _BUG if "bug" in answer else "the server could not judge it; its log says why")

    def _finish(self, job: Job, told: dict[str, Any]) -> None:
        weight = job.weight + told.pop("weight", 0)
        now = self._clock()
        done = self._board.change(
            job.id,
            ("running",),
            state="done",
            stage="done",
            progress=1.0,
            finished=now,
            weight=weight,
            **told,
        )
        if done is not None:
            self._metrics.judged(done.outcome or "", now - (done.started or now), weight - job.weight)

    def _fail(self, job: Job, message: str) -> None:
        self._board.change(job.id, ("running",), state="failed", finished=self._clock(), message=message)
        self._metrics.failures += 1

    def _lost(self, job: Job) -> None:
        """A worker died; with a job that is not wanted any more it was killed."""
        now = self._board.get(job.id)
        if now is None or now.state != "running":
            return
        self._metrics.deaths += 1
        _LOG.warning("job %s: its worker died", job.id)
        if now.strikes + 1 >= STRIKES:
            self._fail(job, "the process that judged it was killed, twice")
            return
        self._board.change(
            job.id, ("running",), state="queued", stage="queued", started=None, strikes=now.strikes + 1
        )
        self._wake.set()

    def _clean(self, job: Job) -> None:
        """Remove what a killed worker may have written of a job after that was removed."""
        if self._board.get(job.id) is None:
            sweep_results(self._results, self._board.store.claims())

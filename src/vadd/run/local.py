"""The local engine: a few processes, each of which judges batches of files in guarded children of its own.

A worker that dies takes nothing with it: its place is filled, and the files it had not done are done by
others. Only a file that was in the hands of three workers when they died is given up.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import vadd.errors
from vadd.run.engine import Bug, Engine, batch_size
from vadd.run.job import Done, Job
from vadd.run.records import Results
from vadd.run.settings import Settings

__all__ = ["LocalEngine"]

#: A worker is started with the search path of this process, wherever that comes from.
_BOOT = (
    "import json, sys; request = json.loads(sys.stdin.readline()); sys.path[:] = request.pop('path'); "
    "from vadd.run.worker import main; main(request)"
)
#: Workers that may die with a file in hand before it is given up.
_STRIKES = 3
_READ = 1 << 16


class _Worker:
    """A process, and the files that it has not done yet; the first is in its hands."""

    def __init__(self, boot: str, settings: Settings, results: Results) -> None:
        self.jobs: deque[Job] = deque()
        self._buffer = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", boot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C goes to the whole group of a terminal: the run ends its workers itself.
            start_new_session=True,
        )
        self._send(
            {
                "path": [entry or str(Path.cwd()) for entry in sys.path],
                "parent": os.getpid(),
                "settings": settings.to_json(),
                "folder": str(results.folder.absolute()),
                "scratch": results.scratch,
            }
        )

    @property
    def output(self) -> int:
        """Descriptor of what it says."""
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        return self.process.stdout.fileno()

    def give(self, jobs: list[Job]) -> None:
        """Hand it a batch."""
        self.jobs.extend(jobs)
        self._send([[job.path, job.sha256] for job in jobs])

    def answers(self) -> list[dict[str, object]] | None:
        """What it has said since; ``None`` once it is gone."""
        data = os.read(self.output, _READ)
        if not data:
            return None
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> None:
        """Kill it; its guarded child goes with it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _send(self, message: object) -> None:
        assert self.process.stdin is not None  # noqa: S101 - it is a pipe
        with contextlib.suppress(BrokenPipeError):  # it died; that is found out where it is listened to
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()


class LocalEngine(Engine):
    """Worker processes of this machine.

    Attributes:
        boot: What a worker's interpreter runs.
    """

    boot = _BOOT

    def run(
        self, jobs: Iterator[Job], settings: Settings, results: Results, total: int
    ) -> Iterator[Done | Bug]:
        """See :meth:`vadd.run.engine.Engine.run`."""
        again: deque[Job] = deque()
        strikes: Counter[Job] = Counter()
        left = total
        workers: dict[int, _Worker] = {}

        def batch() -> list[Job]:
            taken: list[Job] = []
            for _ in range(batch_size(left, self.workers)):
                # What killed a worker comes alone, so that it cannot cost others another try.
                if again:
                    if not taken or not strikes[again[0]]:
                        taken.append(again.popleft())
                    if strikes[taken[-1]]:
                        break
                elif (job := next(jobs, None)) is not None:
                    taken.append(job)
                else:
                    break
            return taken

        with selectors.DefaultSelector() as selector:

            def hire(first: list[Job]) -> None:
                worker = _Worker(self.boot, settings, results)
                workers[worker.output] = worker
                selector.register(worker.output, selectors.EVENT_READ)
                worker.give(first)

            try:
                while True:
                    while len(workers) < self.workers and (first := batch()):
                        hire(first)
                    if not workers:
                        return
                    for selected, _ in selector.select():
                        worker = workers[selected.fd]
                        said = worker.answers()
                        if said is None:
                            selector.unregister(worker.output)
                            del workers[selected.fd]
                            worker.end()
                            yield from self._lost(worker, again, strikes)
                            continue
                        for answer in said:
                            outcome = _outcome(answer)
                            worker.jobs.popleft()
                            left -= 1
                            yield outcome
                        if not worker.jobs and said:
                            if more := batch():
                                worker.give(more)
                            else:
                                selector.unregister(worker.output)
                                del workers[selected.fd]
                                worker.end()
            finally:
                for worker in workers.values():
                    worker.end()

    def _lost(self, worker: _Worker, again: deque[Job], strikes: Counter[Job]) -> Iterator[Done]:
        """What becomes of the files of a worker that died."""
        if not worker.jobs:
            return
        suspect = worker.jobs.popleft()
        again.extend(worker.jobs)
        strikes[suspect] += 1
        if strikes[suspect] < _STRIKES:
            again.append(suspect)
            return
        message = "the process that judged it was killed, three times"
        yield Done(suspect.path, suspect.sha256, None, "failed", "crashed", message, remade=False)


def _outcome(answer: dict[str, object]) -> Done | Bug:
    if "done" in answer:
        return Done(**answer["done"])  # type: ignore[arg-type]
    if "bug" in answer:
        return Bug(str(answer["bug"]), str(answer["traceback"]))
    kind = getattr(vadd.errors, str(answer["error"]))
    error: Exception = kind(str(answer["message"]))
    raise error

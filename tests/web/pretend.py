"""A server that judges nothing: made verdicts as jobs, for tests of what pages make of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from vadd.detect.verdict import Exhibit, Verdict
from vadd.report.document import document
from vadd.web.config import Config
from vadd.web.jobs import Job
from vadd.web.pages import router
from vadd.web.problem import NotFound, Problem
from vadd.web.reread import verdict_of

# The made verdicts of the tests of reports.
sys.path.append(str(Path(__file__).parents[1] / "report"))


class Pretend:
    """Answers like :class:`vadd.web.server.Server`, from memory."""

    def __init__(self, state: Path) -> None:
        self.config = Config(state)
        self.verdicts: dict[str, Verdict] = {}
        self._jobs: dict[str, Job] = {}

    def put(self, id_: str, verdict: Verdict | None = None, **facts: Any) -> Job:
        """A job with this verdict, or one that has none (yet)."""
        names = ["clip.mp4"] if verdict is None else [each.name for each in verdict.provenance.inputs]
        job = Job(
            id=id_,
            kind="file" if len(names) == 1 else "pair",
            names=tuple(names),
            files=("0",) * len(names),
            sizes=(1_482_113,) * len(names),
            created=1_800_000_000.0 + len(self._jobs),
        )
        if verdict is not None:
            self.verdicts[id_] = verdict
            job = replace(
                job,
                state="done",
                stage="done",
                progress=1.0,
                key="0" * 64,
                outcome=verdict.verdict.value,
                reason=None if verdict.reason is None else verdict.reason.value,
                score=verdict.score,
                probability=verdict.probability,
            )
        self._jobs[id_] = replace(job, **facts)
        return self._jobs[id_]

    def jobs(self, limit: int = 50, before: float | None = None) -> list[Job]:
        found: Iterable[Job] = reversed(self._jobs.values())
        return [job for job in found if before is None or job.created < before][:limit]

    def job(self, id_: str) -> Job:
        if id_ not in self._jobs:
            raise NotFound
        return self._jobs[id_]

    def ahead(self, job: Job) -> int:
        return sum(each.state == "queued" and each.created < job.created for each in self._jobs.values())

    def cancel(self, id_: str) -> Job:
        if self.job(id_).final:
            raise Problem(409, f"the job is {self.job(id_).state} already")
        self._jobs[id_] = replace(self._jobs[id_], state="cancelled")
        return self._jobs[id_]

    def delete(self, id_: str) -> None:
        self.job(id_)
        del self._jobs[id_]

    def exhibit(self, job: Job) -> Exhibit | None:
        return self.verdicts[job.id].exhibit

    def verdict(self, job: Job, *, pictures: bool = False) -> Verdict:
        return verdict_of(document(self.verdicts[job.id]), self.exhibit(job) if pictures else None)


def app(server: Pretend) -> FastAPI:
    """The pages over such a server, and nothing else."""
    made = FastAPI()
    made.state.vadd = server
    made.include_router(router)
    return made

"""What a worker of the local engine does: batches of files come in by its standard input, outcomes go out."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vadd.errors import VaddError
from vadd.run.job import Job, Judge, keep
from vadd.run.records import Results
from vadd.run.settings import Settings

__all__ = ["main"]


def main(request: dict[str, Any]) -> None:
    """Judge batches until the standard input ends.

    Args:
        request: ``parent`` (process id), ``settings``, ``folder``, ``scratch``.
    """
    from vadd.media.child import die_with

    die_with(request["parent"])
    # Whatever a library prints must not get between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    try:
        results = Results(Path(request["folder"]), request["scratch"])
        with Judge(
            Settings.from_json(request["settings"]), lambda key: results.get("measurement", key)
        ) as judge:
            for line in sys.stdin:
                jobs = [Job(path, sha256) for path, sha256 in json.loads(line)]
                judge.batch([job.path for job in jobs])
                for job in jobs:
                    say(_done(judge, results, job))
    except VaddError as error:
        say({"error": type(error).__name__, "message": str(error)})


def _done(judge: Judge, results: Results, job: Job) -> dict[str, Any]:
    import traceback

    try:
        return {"done": asdict(keep(results, judge(job)))}
    except VaddError:
        raise
    except Exception:  # noqa: BLE001 - told with its traceback at the end of the run
        return {"bug": job.path, "traceback": traceback.format_exc()}

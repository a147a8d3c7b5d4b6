"""What a worker of the server does: one job after the other comes in, what becomes of each goes out.

The same engine and guard as the command line's. Before a job is begun its worker says which keys of the
results folder it will use, and waits until the server has noted that.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from vadd.detect.verdict import Reason
from vadd.errors import VaddError
from vadd.run.engine import digest_now
from vadd.run.job import Job, Judge, Product, keep
from vadd.run.records import KINDS, Record, Results
from vadd.run.settings import Settings

__all__ = ["main"]

#: Seconds between two words on the progress.
_EVERY = 0.1

Say = Callable[[dict[str, Any]], None]


def main(request: dict[str, Any]) -> None:
    """Judge jobs until the standard input ends.

    Args:
        request: ``parent`` (process id), ``settings``, ``folder`` and ``scratch`` of the results.
    """
    from vadd.media.child import die_with

    die_with(request["parent"])
    # Whatever a library prints must not get between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    with _Worker(request, say) as worker:
        with contextlib.suppress(VaddError):  # told with the first job
            worker.ready()
        for line in sys.stdin:
            try:
                worker.do(json.loads(line))
            except VaddError as error:
                say({"error": str(error)})
            except Exception:  # noqa: BLE001 - logged by the server with its traceback
                say({"bug": traceback.format_exc()})


class _Worker(ExitStack):
    def __init__(self, request: dict[str, Any], say: Say) -> None:
        super().__init__()
        self._say = say
        self._settings = Settings.from_json(request["settings"])
        self._results = Results(Path(request["folder"]), request["scratch"])
        self._judge: Judge | None = None

    def ready(self) -> None:
        """Read the detector's tables ahead of the first job.

        Raises:
            VaddError: If they are damaged.
        """
        self._for(self._settings.false_alarms)

    def do(self, wanted: dict[str, Any]) -> None:
        """Judge one file or pair."""
        paths: list[str] = wanted["files"]
        judge = self._for(wanted["false_alarms"])
        digests: list[str] = []
        for path, known in zip(paths, wanted["sha256"], strict=True):
            told = None if known is not None else digest_now(path, self._settings.limits)
            if told is not None and told.sha256 is None:
                self._say({"done": _unread(told.reason or "unreadable")})
                return
            digests.append(known if told is None else str(told.sha256))
        claims = [judge.keys.record(*digests), judge.keys.measurement(*digests)]
        self._say({"begun": {"sha256": digests, "claims": claims}})
        if json.loads(sys.stdin.readline()) != "go":
            raise ValueError("the server did not say go")
        pair = (paths[1], digests[1]) if len(paths) == 2 else (None, None)
        judge.batch(paths)
        product = judge(Job(paths[0], digests[0], *pair), self._progress())
        self._say({"done": self._kept(product, claims)})

    def _for(self, false_alarms: float) -> Judge:
        if self._judge is None or self._judge.settings.false_alarms != false_alarms:
            self.close()
            settings = replace(self._settings, false_alarms=false_alarms)
            stored = lambda key: self._results.get("measurement", key)  # noqa: E731
            self._judge = self.enter_context(Judge(settings, stored))
        return self._judge

    def _progress(self) -> Callable[[float, float], None]:
        last = 0.0

        def progress(done: float, total: float) -> None:
            nonlocal last
            now = time.monotonic()
            over = done >= total
            if over or now - last >= _EVERY:
                last = now
                share = done / total if total > 0 else 0.0
                self._say({"progress": ["judging" if over else "reading", share]})

        return progress

    def _kept(self, product: Product, claims: list[str]) -> dict[str, Any]:
        if product.record is None:
            return _unread(product.reason or "unreadable")
        # Pages and downloads are made when they are asked for, with the names that the file has in each job.
        done = keep(self._results, replace(product, page=None, strip=None))
        told = Record.from_bytes(product.record, "a record").result
        paths = [self._results.path(kind, key) for kind in KINDS for key in claims]
        return {
            "key": done.key,
            "outcome": done.outcome,
            "reason": done.reason,
            "score": told["score"],
            "probability": told["probability"],
            "message": None,
            "weight": sum(path.stat().st_size for path in paths if path.is_file()),
        }


def _unread(reason: str) -> dict[str, Any]:
    """The answer for bytes that cannot be told from others: there is no record of them."""
    return {
        "key": None,
        "outcome": "failed",
        "reason": reason,
        "score": None,
        "probability": None,
        "message": Reason(reason).sentence,
        "weight": 0,
    }

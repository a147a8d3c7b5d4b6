"""The Ray engine: a cluster judges, the process that asked keeps what comes of it.

Paths go out and records come back, with what was measured and the page if they are kept; frames and sound
never leave the worker that decoded them. The paths must mean the same files on every machine. The results
folder need not be reachable from there: where it is, measurements that are kept are used.
"""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.errors import UsageError
from vadd.media.limits import Limits
from vadd.run.engine import BATCH, Bug, Digest, Engine, batch_size, digest_now
from vadd.run.job import Done, Job, Judge, Product, keep
from vadd.run.ledger import State
from vadd.run.records import Results
from vadd.run.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["RayEngine"]

#: Paths that one task reads the bytes of.
_DIGESTS = 64
#: Seconds that a cluster has to answer.
_PATIENCE = 10.0
#: Times that a task is tried again when its worker, or the machine under it, is gone.
_TRIES = 3


class RayEngine(Engine):
    """A Ray cluster: an existing one by its address, or one of this machine.

    Raises:
        UsageError: If Ray is not installed, or no cluster answers at the address.
    """

    ahead = 16_384

    def __init__(self, workers: int, address: str | None = None) -> None:
        super().__init__(workers, address)
        try:
            import ray
        except ImportError as error:
            raise UsageError("the ray engine needs Ray: pip install 'vadd[ray]'") from error
        # Ray reports its use to its makers unless told not to; what a newsroom checks is its own business.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self._ray: Any = ray
        if not ray.is_initialized():
            if address:
                _reach(address)
            own = {} if address else {"num_cpus": workers}
            try:
                ray.init(
                    address=address,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    include_dashboard=False,
                    **own,
                )
            except ConnectionError as error:
                raise UsageError(f"no Ray cluster answers at {address}") from error

    def digests(self, paths: Sequence[str], limits: Limits) -> list[Digest]:
        """See :meth:`vadd.run.engine.Engine.digests`; the workers read the files."""
        task = self._ray.remote(num_cpus=1, max_retries=_TRIES)(_digests)
        lots = [list(paths[at : at + _DIGESTS]) for at in range(0, len(paths), _DIGESTS)]
        asked = [task.remote([os.fsencode(path) for path in lot], limits.to_json()) for lot in lots]
        return [
            Digest(path, None if state is None else State(*state), *rest)
            for lot, told in zip(lots, self._ray.get(asked), strict=True)
            for path, (state, *rest) in zip(lot, told, strict=True)
        ]

    def run(
        self, jobs: Iterator[Job], settings: Settings, results: Results, total: int
    ) -> Iterator[Done | Bug]:
        """See :meth:`vadd.run.engine.Engine.run`; all jobs of a look ahead make one dataset."""
        import ray.data

        # Its bars and its news would get between ours.
        logging.getLogger("ray").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        while lot := _take(jobs, self.ahead):
            items = [{"path": os.fsencode(job.path), "sha256": job.sha256} for job in lot]
            size = min(BATCH, batch_size(len(lot), self.workers))
            judged = ray.data.from_items(items, override_num_blocks=-(-len(lot) // size)).map_batches(
                _Worker,
                fn_constructor_kwargs={
                    "settings": json.dumps(settings.to_json()),
                    "folder": str(results.folder.absolute()),
                },
                batch_size=size,
                batch_format="numpy",
                compute=ray.data.ActorPoolStrategy(size=min(self.workers, -(-len(lot) // size))),
                num_cpus=1,
            )
            for row in judged.iter_rows():
                if row["bug"]:
                    yield Bug(os.fsdecode(row["path"]), row["bug"])
                else:
                    yield keep(results, _product(row))


def _reach(address: str) -> None:
    """Make sure that something listens there: Ray would try for minutes and then end this process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # "auto" and its like
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"no Ray cluster answers at {address}: {reason}") from error


class _Worker:
    """Judges batches in a process of the cluster."""

    def __init__(self, settings: str, folder: str) -> None:
        results = Results(Path(folder))
        self._judge = Judge(
            Settings.from_json(json.loads(settings)), lambda key: results.get("measurement", key)
        )

    def __call__(self, batch: dict[str, NDArray[np.object_]]) -> dict[str, list[Any]]:
        import traceback

        jobs = [
            Job(os.fsdecode(bytes(path)), str(sha256))
            for path, sha256 in zip(batch["path"], batch["sha256"], strict=True)
        ]
        self._judge.batch([job.path for job in jobs])
        rows = []
        for job in jobs:
            try:
                rows.append(_row(self._judge(job)))
            except Exception:  # noqa: BLE001 - told with its traceback at the end of the run
                rows.append({**_EMPTY, "path": os.fsencode(job.path), "bug": traceback.format_exc()})
        return {name: [row[name] for row in rows] for name in _EMPTY}


#: A row of what comes back; empty stands for nothing, so that every batch has columns of the same types.
_EMPTY: dict[str, Any] = {
    "path": b"", "sha256": "", "key": "", "record": b"", "outcome": "", "reason": "", "message": "",
    "measurement_key": "", "measurement": b"", "page": b"", "strip": b"", "remade": False, "bug": "",
}  # fmt: skip


def _row(product: Product) -> dict[str, Any]:
    key, data = product.measurement or ("", b"")
    return {
        "path": os.fsencode(product.job.path),
        "sha256": product.job.sha256,
        "key": product.key,
        "record": product.record or b"",
        "outcome": product.outcome,
        "reason": product.reason or "",
        "message": product.message or "",
        "measurement_key": key,
        "measurement": data,
        "page": product.page or b"",
        "strip": product.strip or b"",
        "remade": product.remade,
        "bug": "",
    }


def _product(row: dict[str, Any]) -> Product:
    measured = (row["measurement_key"], row["measurement"]) if row["measurement_key"] else None
    return Product(
        job=Job(os.fsdecode(row["path"]), row["sha256"]),
        key=row["key"],
        record=row["record"] or None,
        outcome=row["outcome"],
        reason=row["reason"] or None,
        message=row["message"] or None,
        measurement=measured,
        page=row["page"] or None,
        strip=row["strip"] or None,
        remade=bool(row["remade"]),
    )


def _digests(paths: list[bytes], limits: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a worker finds of files' bytes, as plain values."""
    bounds = Limits.from_json(limits)
    told = []
    for path in paths:
        found = digest_now(os.fsdecode(path), bounds)
        state = found.state
        plain = None if state is None else (state.size, state.modified_ns, state.inode)
        told.append((plain, found.sha256, found.reason, found.message))
    return told


def _take(jobs: Iterator[Job], count: int) -> list[Job]:
    taken = []
    for job in jobs:
        taken.append(job)
        if len(taken) == count:
            break
    return taken

"""The jobs of a server in SQLite: the only place that speaks to it.

Progress is not kept: it is worth nothing after a restart. What a job may have in the results folder is
claimed before it is made, so that the last job with a claim is known whatever was killed when.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from vadd.errors import StoreError
from vadd.web.jobs import Job

__all__ = ["VERSION", "Store"]

#: Of the tables, kept in ``user_version``.
VERSION = 1
_TABLES = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    names TEXT NOT NULL,
    files TEXT NOT NULL,
    sizes TEXT NOT NULL,
    created REAL NOT NULL UNIQUE,
    owned INTEGER NOT NULL,
    stamps TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    false_alarms REAL NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    progress REAL NOT NULL,
    started REAL,
    finished REAL,
    key TEXT,
    outcome TEXT,
    reason TEXT,
    score REAL,
    probability REAL,
    message TEXT,
    strikes INTEGER NOT NULL,
    weight INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_by_state ON jobs (state, created);
CREATE TABLE claims (
    id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    PRIMARY KEY (id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_by_key ON claims (key);
"""
_FIELDS = tuple(Job.__dataclass_fields__)
_LISTS = frozenset({"names", "files", "sizes", "stamps", "sha256"})
_COLUMNS = ", ".join(_FIELDS)
_MARKS = ", ".join("?" * len(_FIELDS))


class Store:
    """The jobs of one server.

    May be used by several threads; every call is one transaction.

    Args:
        path: Of the database, which is made if it is not there.

    Raises:
        StoreError: If it is damaged, of another version, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=5)
            self._prepare()
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be used: {error}") from error

    def _prepare(self) -> None:
        run = self._connection.execute
        found = run("PRAGMA user_version").fetchone()[0]
        if found not in {0, VERSION}:
            raise StoreError(f"{self._path}: of version {found}, where {VERSION} is understood")
        run("PRAGMA journal_mode = WAL")
        # A killed process loses nothing; a power cut may lose the last moments, never the database.
        run("PRAGMA synchronous = NORMAL")
        run("PRAGMA foreign_keys = ON")
        run("PRAGMA secure_delete = ON")
        if found == 0:
            self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")

    def close(self) -> None:
        """Close the database; what was told stays."""
        with self._lock:
            self._connection.close()

    def add(self, job: Job) -> Job:
        """Keep a new job; of two of the same moment the later counts as a little later.

        Returns:
            The job as it is kept.
        """
        with self._transaction() as run:
            last = run("SELECT max(created) FROM jobs").fetchone()[0]
            if last is not None and job.created <= last:
                job = replace(job, created=last + 1e-5)
            run(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({_MARKS})", _row(job))  # noqa: S608 - our own names
        return job

    def get(self, id_: str) -> Job | None:
        """The job of this name, ``None`` if there is none."""
        found = self._all(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (id_,))  # noqa: S608
        return _job(found[0]) if found else None

    def newest(self, limit: int, before: float | None = None) -> list[Job]:
        """The latest jobs first.

        Args:
            limit: At most so many.
            before: Only those that were created before that.
        """
        text = f"SELECT {_COLUMNS} FROM jobs WHERE created < ? ORDER BY created DESC LIMIT ?"  # noqa: S608
        return [_job(row) for row in self._all(text, (float("inf") if before is None else before, limit))]

    def first_queued(self) -> Job | None:
        """The job that has waited longest."""
        text = f"SELECT {_COLUMNS} FROM jobs WHERE state = 'queued' ORDER BY created LIMIT 1"  # noqa: S608
        found = self._all(text)
        return _job(found[0]) if found else None

    def ahead_of(self, job: Job) -> int:
        """How many jobs will be begun before this one that waits."""
        text = "SELECT count(*) FROM jobs WHERE state = 'queued' AND created < ?"
        return int(self._all(text, (job.created,))[0][0])

    def ended_before(self, time: float) -> list[str]:
        """The jobs that came to their end before a time."""
        return [row[0] for row in self._all("SELECT id FROM jobs WHERE finished < ?", (time,))]

    def change(self, id_: str, states: Iterable[str], **changes: Any) -> Job | None:
        """Change a job that is in one of these states.

        Returns:
            The job as it is now; ``None`` if it is not there or in another state, and then nothing changes.
        """
        wanted = tuple(states)
        sets = ", ".join(f"{name} = ?" for name in changes)
        text = (
            f"UPDATE jobs SET {sets} WHERE id = ? AND state IN ({', '.join('?' * len(wanted))}) "  # noqa: S608
            f"RETURNING {_COLUMNS}"
        )
        values = [_value(name, value) for name, value in changes.items()]
        with self._transaction() as run:
            found = run(text, (*values, id_, *wanted)).fetchall()
        return _job(found[0]) if found else None

    def requeue(self) -> int:
        """Put what was running when a server ended back into the queue; returns how many."""
        text = (
            "UPDATE jobs SET state = 'queued', stage = 'queued', progress = 0, started = NULL "
            "WHERE state = 'running' RETURNING id"
        )
        with self._transaction() as run:
            return len(run(text).fetchall())

    def claim(self, id_: str, keys: Iterable[str]) -> None:
        """Note that a job may make, or use, what the results folder has under these keys."""
        with self._transaction() as run:
            for key in keys:
                run("INSERT OR IGNORE INTO claims (id, key) VALUES (?, ?)", (id_, key))

    def claims(self) -> set[str]:
        """All keys that a job claims."""
        return {row[0] for row in self._all("SELECT DISTINCT key FROM claims")}

    def remove(self, id_: str) -> tuple[Job, list[str]] | None:
        """Forget a job.

        Returns:
            The job, and the keys that nobody claims any more; ``None`` if it is not there.
        """
        with self._transaction() as run:
            found = run(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (id_,)).fetchall()  # noqa: S608
            if not found:
                return None
            claimed = [row[0] for row in run("SELECT key FROM claims WHERE id = ?", (id_,)).fetchall()]
            run("DELETE FROM jobs WHERE id = ?", (id_,))
            free = [
                key
                for key in claimed
                if not run("SELECT 1 FROM claims WHERE key = ? LIMIT 1", (key,)).fetchall()
            ]
        return _job(found[0]), free

    def uploads(self) -> set[str]:
        """The names of all uploads that belong to a job."""
        rows = self._all("SELECT files FROM jobs WHERE owned")
        return {name for row in rows for name in json.loads(row[0])}

    def counts(self) -> dict[str, int]:
        """State → number of jobs."""
        return dict(self._all("SELECT state, count(*) FROM jobs GROUP BY state"))

    def weight(self) -> int:
        """Bytes that all jobs take together."""
        return int(self._all("SELECT coalesce(sum(weight), 0) FROM jobs")[0][0])

    def _all(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._told():
            return self._connection.execute(text, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection.execute
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error


def _value(name: str, value: Any) -> Any:
    if name in _LISTS:
        return json.dumps(value)
    return int(value) if name == "owned" else value


def _row(job: Job) -> tuple[Any, ...]:
    return tuple(_value(name, getattr(job, name)) for name in _FIELDS)


def _job(row: Sequence[Any]) -> Job:
    told = dict(zip(_FIELDS, row, strict=True))
    for name in _LISTS:
        told[name] = tuple(json.loads(told[name]))
    return Job(**{**told, "owned": bool(told["owned"])})

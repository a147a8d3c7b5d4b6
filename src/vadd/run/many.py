"""A run: every file judged once, whoever pulls the plug.

Files are looked at in order of their paths. One that the ledger knows unchanged is not read; one whose bytes
have a record is not judged; of several with the same bytes the first is, and the others share what comes of
it. Records are written before the ledger tells of them, so a run that was killed loses at most what was in
its hands, and what it makes when it goes on is the same, byte for byte.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vadd.errors import ModelError, StoreError
from vadd.run.engine import Bug, Digest, Engine
from vadd.run.job import Done, Job
from vadd.run.ledger import Entry, Ledger, State
from vadd.run.records import SCRATCH, Results
from vadd.run.settings import Keys, Settings, canonical

__all__ = ["Counts", "Summary", "judge_all"]

#: Name and version of the card of a results folder.
SCHEMA = "vadd.run/1"
CARD = "run.json"
#: Failures that another day, or a quieter machine, may spare.
PASSING = frozenset({"timeout", "crashed", "limit"})


@dataclass(slots=True)
class Counts:
    """How far a run is.

    Attributes:
        total: Files in all.
        verdicts: Outcome → files that have it.
        judged: Files that this run has judged.
        bugs: Files on which our own code failed.
    """

    total: int
    verdicts: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    bugs: int = 0

    @property
    def done(self) -> int:
        """Files that are through."""
        return self.verdicts.total() + self.bugs


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a run.

    Attributes:
        counts: Of verdicts.
        bugs: Path and traceback of files on which our own code failed; a later run tries them again.
        remade: Measurements that were kept, turned out to be damaged and were made anew.
        changed: Whether the results differ from those that were there before.
    """

    counts: Counts
    bugs: tuple[Bug, ...]
    remade: int
    changed: bool


def judge_all(
    paths: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    engine: Engine,
    shard: tuple[int, int] | None = None,
    rehash: bool = False,
    retry: bool = False,
    progress: Callable[[Counts], None] = lambda counts: None,
) -> Summary:
    """Judge files and keep what comes of them.

    Args:
        paths: Of the files, sorted (:func:`vadd.run.inputs.find`); of a shard its own.
        out: The results folder; made if need be.
        settings: How they are judged.
        engine: Where.
        shard: (which, of how many) of a job array that shares the folder.
        rehash: Read also the files that seem unchanged.
        retry: Judge anew what ran out of time or memory or crashed.
        progress: Called after each file.

    Raises:
        UsageError: If another run writes there, or a setting is wrong.
        OutputError: If the results cannot be written.
        ModelError: If the detector cannot be used.
        StoreError: If what is there is damaged.
    """
    keys = Keys.of(settings)
    results = Results(out, SCRATCH if shard is None else f"{SCRATCH}.{shard[0]}-of-{shard[1]}")
    results.create()
    with Ledger(out, shard) as ledger:
        results.clear()
        _write_card(results, settings, keys)
        run = _Run(
            paths, results, settings, keys, ledger, engine, rehash=rehash, retry=retry, progress=progress
        )
        work = engine.run(run.jobs(), settings, results, len(paths))
        try:
            for outcome in work:
                run.take(outcome)
        finally:
            # Closes it: its workers must be gone before another run may begin.
            getattr(work, "close", lambda: None)()
        results.clear(done=True)
        return Summary(run.counts, tuple(run.bugs), run.remade, run.changed)


def _write_card(results: Results, settings: Settings, keys: Keys) -> None:
    """Say what the newest results are made of."""
    told = {
        "schema": SCHEMA,
        "model": settings.model,
        "reports": settings.reports,
        "judged": dict(keys.judged),
        "measured": dict(keys.measured),
    }
    data = canonical(told) + b"\n"
    path = results.folder / CARD
    if not path.is_file() or path.read_bytes() != data:
        results.write(CARD, data)


class _Run:
    """What a run knows while it goes on."""

    def __init__(
        self,
        paths: Sequence[str],
        results: Results,
        settings: Settings,
        keys: Keys,
        ledger: Ledger,
        engine: Engine,
        *,
        rehash: bool,
        retry: bool,
        progress: Callable[[Counts], None],
    ) -> None:
        self._paths, self._results, self._settings = paths, results, settings
        self._keys, self._ledger, self._engine = keys, ledger, engine
        self._rehash, self._retry, self._progress = rehash, retry, progress
        #: Key → the files with these bytes that wait for the first of them.
        self._waiting: dict[str, list[tuple[str, State]]] = {}
        self.counts = Counts(len(paths))
        self.bugs: list[Bug] = []
        self.remade = 0
        self.changed = False

    def jobs(self) -> Iterator[Job]:
        """The files that have to be judged; all others are settled on the way."""
        ahead = self._engine.ahead
        for start in range(0, len(self._paths), ahead):
            for found in self._digests(self._paths[start : start + ahead]):
                job = self._job(found)
                if job is not None:
                    yield job

    def _job(self, found: Digest) -> Job | None:
        path, state, sha256 = found.path, found.state, found.sha256
        if state is None or sha256 is None:
            self._settle(Entry(path, state, None, None, "failed", found.reason, found.message))
            return None
        key = self._keys.record(sha256)
        if key in self._waiting:
            self._waiting[key].append((path, state))
            return None
        known = self._known(path, state, sha256, key)
        if known is not None:
            self._settle(known)
            return None
        self._waiting[key] = [(path, state)]
        return Job(path, sha256)

    def _digests(self, paths: Sequence[str]) -> Iterator[Digest]:
        """The digests of files; those that seem unchanged are not read."""
        known: dict[str, Digest] = {}
        for path in paths:
            entry = self._ledger.known(path)
            if self._rehash or entry is None or entry.sha256 is None:
                continue
            # What cannot be looked at is told by whoever tries to read it.
            with contextlib.suppress(OSError):
                if State.of(path) == entry.state:
                    known[path] = Digest(path, entry.state, entry.sha256)
        rest = [path for path in paths if path not in known]
        read = iter(self._engine.digests(rest, self._settings.limits) if rest else ())
        for path in paths:
            yield known.get(path) or next(read)

    def take(self, outcome: Done | Bug) -> None:
        """Take what an engine made of a job."""
        if isinstance(outcome, Bug):
            self.bugs.append(outcome)
            for key, waiting in list(self._waiting.items()):
                if waiting[0][0] == outcome.path:
                    self.counts.bugs += len(self._waiting.pop(key))
            self._progress(self.counts)
            return
        self.remade += outcome.remade
        self.counts.judged += 1
        key = self._keys.record(outcome.sha256)
        if outcome.key not in {None, key}:
            raise ModelError("a worker has another version of vadd, or another detector, than this process")
        for path, state in self._waiting.pop(key):
            self._settle(
                Entry(
                    path,
                    state,
                    None if outcome.key is None else outcome.sha256,
                    outcome.key,
                    outcome.outcome,
                    outcome.reason,
                    outcome.message,
                )
            )

    def _known(self, path: str, state: State, sha256: str, key: str) -> Entry | None:
        """The entry of a file that need not be judged."""
        if not self._results.has("record", key):
            return None
        entry = self._ledger.known(path)
        if entry is None or entry.key != key:
            try:
                result = self._results.record(key).result
            except StoreError:
                return None  # damaged: it is written anew
            entry = Entry(path, state, sha256, key, str(result["verdict"]), result["reason"])
        if self._retry and entry.reason in PASSING:
            return None
        if self._wants_page(entry.outcome) and not self._results.has("page", key):
            return None
        return Entry(path, state, sha256, key, entry.outcome, entry.reason)

    def _wants_page(self, outcome: str) -> bool:
        wanted = self._settings.reports
        return wanted == "all" or (wanted == "discrepant" and outcome == "discrepant")

    def _settle(self, entry: Entry) -> None:
        self.changed |= self._ledger.known(entry.path) != entry
        self._ledger.add(entry)
        self.counts.verdicts[entry.outcome] += 1
        self._progress(self.counts)

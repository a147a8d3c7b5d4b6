"""An engine: where the files of a run are judged. Paths go in, records come out; frames go nowhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from vadd.errors import MediaError, UsageError
from vadd.media.identity import Identity, check_input
from vadd.media.limits import Limits
from vadd.run.job import Done, Job
from vadd.run.ledger import State
from vadd.run.records import Results
from vadd.run.settings import Settings

__all__ = ["BATCH", "ENGINES", "Bug", "Digest", "Engine", "batch_size", "digest_now", "make"]

#: Files that one guarded child opens before it is replaced.
BATCH = 16

#: Name → module and class of each engine.
ENGINES = {"local": "vadd.run.local:LocalEngine", "ray": "vadd.run.ray:RayEngine"}


@dataclass(frozen=True, slots=True)
class Bug:
    """Our code failed on a file; the run goes on, and tells at its end.

    Attributes:
        path: Of the file.
        traceback: Where.
    """

    path: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Digest:
    """The bytes of a file, or why they cannot be read.

    Attributes:
        path: Of the file.
        state: Of the file, ``None`` if there is none.
        sha256: Of its bytes.
        reason: Why there is none, a ``failed`` reason.
        message: The same in words.
    """

    path: str
    state: State | None
    sha256: str | None
    reason: str | None = None
    message: str | None = None


def digest_now(path: str, limits: Limits) -> Digest:
    """SHA-256 of a file, read here."""
    try:
        check_input(Path(path))
        state = State.of(path)
    except (UsageError, OSError) as error:
        return Digest(path, None, None, "unreadable", str(error))
    if state.size > limits.file_bytes:
        told = f"{path}: {state.size} bytes, where {limits.file_bytes} are allowed"
        return Digest(path, state, None, "limit", told)
    try:
        identity = Identity.of(Path(path))
        sha256 = identity.sha256()
        identity.verify()
    except MediaError as error:
        return Digest(path, state, None, error.reason, str(error))
    return Digest(path, state, sha256)


class Engine(ABC):
    """Judges jobs with :class:`vadd.run.job.Judge`, somewhere.

    Args:
        workers: How many judge at the same time, at least 1.
        address: Of a cluster, if the engine has one.
    """

    #: Files whose bytes are looked at before the first of them is judged.
    ahead = 1

    def __init__(self, workers: int, address: str | None = None) -> None:
        self.workers = workers
        self.address = address

    def digests(self, paths: Sequence[str], limits: Limits) -> list[Digest]:
        """SHA-256 of files, in the order of the paths.

        Args:
            paths: Of at most :attr:`ahead` files.
            limits: Say up to what size a file is read.
        """
        return [digest_now(path, limits) for path in paths]

    @abstractmethod
    def run(
        self, jobs: Iterator[Job], settings: Settings, results: Results, total: int
    ) -> Iterator[Done | Bug]:
        """Judge all jobs and keep what becomes of them.

        Args:
            jobs: Taken a little ahead of the work, not all at once.
            settings: Of the run.
            results: Where it is kept.
            total: At most so many jobs.

        Yields:
            One for each job, as it is done, in any order. When the generator is closed, all work ends.

        Raises:
            OutputError: If something cannot be kept.
            ModelError: If the detector cannot be used.
        """


def make(name: str, workers: int, address: str | None = None) -> Engine:
    """An engine by its name.

    Raises:
        UsageError: If there is none of this name, or it needs an extra that is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"there is no engine {name!r}; there are {', '.join(ENGINES)}")
    module, _, kind = ENGINES[name].partition(":")
    engine: Engine = getattr(import_module(module), kind)(workers, address)
    return engine


def batch_size(left: int, workers: int) -> int:
    """How many of the files that are left go to one worker at once: few towards the end."""
    return max(1, min(BATCH, left // (4 * workers)))

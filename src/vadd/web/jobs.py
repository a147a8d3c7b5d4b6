"""A job of the server: what was handed in, how far it is and what came of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from vadd.report.text import printable, storable

__all__ = ["FINAL", "KINDS", "NAME_LENGTH", "STAGES", "STATES", "Job", "clean_name", "new_id"]

#: One file, or one file's picture with another's sound.
KINDS = ("file", "pair")
#: ``done`` holds a verdict, which may be ``failed`` too; the state ``failed`` is our own fault.
STATES = ("queued", "running", "done", "failed", "cancelled")
FINAL = frozenset({"done", "failed", "cancelled"})
STAGES = ("queued", "reading", "judging", "done")
#: Characters of a name that are kept.
NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Job:
    """A job; every change makes a new one.

    Attributes:
        id: 22 random characters, safe in an address.
        kind: One of :data:`KINDS`.
        names: Of the one file, or of the picture's and the sound's, as the user called them; valid Unicode,
            to be shown by :func:`vadd.report.text.printable`.
        files: For each, the name of the upload, or the absolute path of a file that was named by its path.
        sizes: Bytes of each.
        created: When it was handed in; seconds since 1970, different for every job.
        owned: Whether the files are uploads, which go with the job.
        stamps: For a file that was named by its path its inode and time of change, to tell whether it is
            still the one; else ``None``.
        sha256: Of each; ``None`` if not known yet.
        false_alarms: Rate at which authentic clips may be called discrepant.
        state: One of :data:`STATES`.
        stage: One of :data:`STAGES`.
        progress: Share that is done, 0 to 1.
        started: When it was begun; ``None`` if it was not.
        finished: When it came to its final state.
        key: Of its record, once there is one.
        outcome: The verdict in one word.
        reason: Why it is failed or inconclusive.
        score: Of the verdict.
        probability: Of the verdict.
        message: Why there is no record, or why it failed, for people.
        strikes: Times that a worker died with it.
        weight: Bytes that its files and results take here.
    """

    id: str
    kind: str
    names: tuple[str, ...]
    files: tuple[str, ...]
    sizes: tuple[int, ...]
    created: float
    owned: bool = True
    stamps: tuple[str | None, ...] = (None, None)
    sha256: tuple[str | None, ...] = (None, None)
    false_alarms: float = 0.10
    state: str = "queued"
    stage: str = "queued"
    progress: float = 0.0
    started: float | None = None
    finished: float | None = None
    key: str | None = None
    outcome: str | None = None
    reason: str | None = None
    score: float | None = None
    probability: float | None = None
    message: str | None = None
    strikes: int = 0
    weight: int = 0

    @property
    def final(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in FINAL

    @property
    def title(self) -> str:
        """Its name or names in one safe line."""
        return " + ".join(printable(name) for name in self.names)

    def to_json(self) -> dict[str, Any]:
        """As the API tells it; addresses begin at the root of the server."""
        at = f"/api/v1/jobs/{self.id}"
        ready = self.state == "done" and self.key is not None
        return {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "stage": self.stage,
            "progress": round(self.progress, 4),
            "names": list(self.names),
            "sizes": list(self.sizes),
            "sha256": list(self.sha256[: len(self.names)]),
            "false_alarms": self.false_alarms,
            "created": _time(self.created),
            "started": _time(self.started),
            "finished": _time(self.finished),
            "verdict": self.outcome,
            "reason": self.reason,
            "score": self.score,
            "probability": self.probability,
            "message": self.message,
            "links": {
                "self": at,
                "events": f"{at}/events",
                "result": f"{at}/result" if ready else None,
                "report": f"{at}/report.html" if ready else None,
            },
        }


def new_id() -> str:
    """A name for a job that nobody guesses."""
    return secrets.token_urlsafe(16)


def clean_name(name: str) -> str:
    """A name from outside as it is kept: without folders, valid Unicode, of bounded length.

    Args:
        name: As it came.
    """
    last = PurePath(name.replace("\\", "/").replace("\0", "")).name
    return storable(last)[:NAME_LENGTH] or "unnamed"


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

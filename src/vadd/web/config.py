"""How a server is set up: one frozen record, checked when it is made."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from vadd.errors import UsageError
from vadd.media.limits import Limits

__all__ = ["MIN_TOKEN", "Config", "default_state", "is_loopback", "parse_size"]

#: Characters of a token: as many as nobody guesses.
MIN_TOKEN = 32
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))? ?(?:([kmgt])(i?)b?|b)?", re.IGNORECASE)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4}


@dataclass(frozen=True, slots=True)
class Config:
    """What a server may do, and how much of it.

    Attributes:
        state: Folder of its jobs, uploads and results.
        host: Address to listen at.
        port: 0 takes any that is free.
        workers: Files judged at the same time.
        max_upload: Bytes of one file.
        max_disk: Bytes of all uploads and what was made of them.
        max_jobs: Jobs that may wait.
        max_kept: Jobs that are remembered, done or not.
        max_uploads: Uploads at the same time.
        max_listeners: Connections that listen to events at the same time.
        keep_hours: Hours after its end at which a job is deleted.
        idle_seconds: Within which an upload must send something more.
        grace_seconds: After which an upload must come at ``min_rate`` on average.
        min_rate: Bytes a second.
        free_bytes: Of the disk, which uploads leave free.
        allow_root: Folder whose files may be named by their path; ``None`` allows none.
        allow_hosts: Names, as in a browser's address, by which the server may be called besides its own.
        token: What a caller must know; ``None`` lets everyone of this machine in.
        model: Name or folder of the detector.
        false_alarms: Rate at which authentic clips may be called discrepant, unless a job says another.
        limits: What a file may cost.
    """

    state: Path
    host: str = "127.0.0.1"
    port: int = 8750
    workers: int = 1
    max_upload: int = 2 * 2**30
    max_disk: int = 20 * 2**30
    max_jobs: int = 200
    max_kept: int = 10_000
    max_uploads: int = 8
    max_listeners: int = 64
    keep_hours: float = 24.0
    idle_seconds: float = 30.0
    grace_seconds: float = 60.0
    min_rate: int = 4096
    free_bytes: int = 512 * 2**20
    allow_root: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    token: str | None = field(default=None, repr=False)
    model: str = "everyday"
    false_alarms: float = 0.10
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < MIN_TOKEN or not _plain(self.token)):
            raise UsageError(
                f"a token has at least {MIN_TOKEN} letters, digits and signs of ASCII, no spaces"
            )
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"{self.host} can be reached from other machines: give a token of at least {MIN_TOKEN} "
                "characters (--token or VADD_TOKEN), or listen at 127.0.0.1"
            )
        if self.allow_root is not None and not self.allow_root.is_dir():
            raise UsageError(f"{self.allow_root} is no folder")
        if not 0 < self.false_alarms < 1:
            raise UsageError(f"a false-alarm rate lies between 0 and 1, not {self.false_alarms}")
        for name in (
            "workers",
            "max_upload",
            "max_disk",
            "max_jobs",
            "max_kept",
            "max_uploads",
            "keep_hours",
        ):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name.replace('_', ' ')}: more than 0, not {getattr(self, name)}")

    @property
    def uploads(self) -> Path:
        """Folder of the bytes as they were uploaded."""
        return self.state / "uploads"

    @property
    def results(self) -> Path:
        """Results folder (:class:`vadd.run.records.Results`)."""
        return self.state / "results"

    @property
    def scratch(self) -> Path:
        """Folder of what workers need for a while."""
        return self.state / "scratch"


def default_state() -> Path:
    """Where a server keeps its state unless it is told: ``XDG_STATE_HOME/vadd/server``."""
    given = os.environ.get("XDG_STATE_HOME", "")
    home = Path(given) if given.startswith("/") else Path.home() / ".local" / "state"
    return home / "vadd" / "server"


def is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_size(text: str) -> int:
    """Bytes of a size such as ``500MB`` (powers of 1000), ``2GiB`` (of 1024) or ``1048576``.

    Raises:
        UsageError: If it is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"a size is a number of bytes, or one with MB or GiB after it, not {text!r}")
    whole, part, unit, binary = found.groups()
    factor = (1024 if binary else 1000) ** _POWERS[unit.lower()] if unit else 1
    return int(whole) * factor + int(int(part or 0) * factor // 10 ** len(part or ""))


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text

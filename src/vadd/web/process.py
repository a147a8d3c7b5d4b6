"""A worker process as the server sees it: JSON lines go in and out, and it can be killed at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from vadd.run.settings import Settings
from vadd.web.config import Config

__all__ = ["WORKER", "WorkerProcess"]

#: The module whose ``main`` does the work.
WORKER = "vadd.web.worker"
#: A worker is started with the search path of this process, wherever that comes from.
_BOOT = (
    "import importlib, json, sys; request = json.loads(sys.stdin.readline()); "
    "sys.path[:] = request.pop('path'); importlib.import_module(request.pop('module')).main(request)"
)
#: Bytes of one line: a traceback may be long.
_LINE = 1 << 20


class WorkerProcess:
    """One process; made by :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    @classmethod
    async def start(cls, config: Config, slot: int, module: str = WORKER) -> WorkerProcess:
        """Start one.

        Args:
            config: Of the server.
            slot: Its number: no two of the same number live at the same time.
            module: Whose ``main`` does the work.
        """
        folder = config.scratch / str(slot)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        scratch = f".unfinished-{slot}"
        (config.results / scratch).mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BOOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE,
            # Ctrl-C goes to the whole group of a terminal: the server ends its workers itself.
            start_new_session=True,
            # A killed worker leaves its temporary files, so they lie where they are found.
            env={**os.environ, "TMPDIR": str(folder.absolute())},
        )  # fmt: skip
        worker = cls(process, folder)
        settings = Settings(
            # Pictures are measured only for those who keep reports of some files.
            model=config.model, false_alarms=config.false_alarms, limits=config.limits, reports="discrepant",
        )  # fmt: skip
        worker.send(
            {
                "path": [entry or str(Path.cwd()) for entry in sys.path],
                "module": module,
                "parent": os.getpid(),
                "settings": settings.to_json(),
                "folder": str(config.results.absolute()),
                "scratch": scratch,
            }
        )
        return worker

    def send(self, message: object) -> None:
        """Say something to it; if it is gone, that is found out where it is listened to."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def answer(self) -> dict[str, Any] | None:
        """The next thing that it says; ``None`` once it is gone."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            line = await self._process.stdout.readline()
            told: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
        except ValueError:  # too long a line, or none of ours
            return None
        return told or None

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def kill(self) -> None:
        """Kill it; its guarded child goes with it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Kill it, wait until it is gone, and remove what it left."""
        self.kill()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

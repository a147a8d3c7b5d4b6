"""``vadd check`` as a user calls it, and what every wrong call comes to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from vadd.report.schema import validate

#: Far more than any of these takes; what hangs shall fail and not stop the suite.
PATIENCE = 120


def vadd_check(
    *args: object, cwd: Path | None = None, before: list[str] | None = None, stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    """Run ``vadd check`` as a user would; whatever comes of it, it is no traceback."""
    command = [*(before or []), sys.executable, "-m", "vadd", "check", *map(os.fspath, args)]
    done = subprocess.run(
        command, cwd=cwd, stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=PATIENCE,
        encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip
    assert "Traceback" not in f"{done.stdout}{done.stderr}"
    return done


def documents(done: subprocess.CompletedProcess[str]) -> list[dict]:
    """What ``--json`` wrote, each of the published form; there is nothing else to be read."""
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for document in found:
        validate(document)
    return found


def refused(done: subprocess.CompletedProcess[str], told: str) -> None:
    """A wrong call: status 2 and one line that says what is wrong."""
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.startswith("vadd: ")
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("\n")
    assert told in done.stderr

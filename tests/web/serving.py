"""A real server and a real browser, for the tests that need both."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: How long anything may take, in milliseconds; a busy machine is slow, a broken page never gets there.
PATIENCE = 90_000


def browser_or_skip() -> str:
    """The browser's path; without one the tests are skipped, or fail where ``VADD_BROWSER=required``."""
    missing = []
    for module in ("fastapi", "playwright"):
        try:
            __import__(module)
        except ImportError:
            missing.append(f"the Python package {module}")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing.append("chromium on the PATH")
    if not missing:
        assert path is not None
        return path
    told = f"no browser test was run: {' and '.join(missing)} missing"
    if os.environ.get("VADD_BROWSER") == "required":
        pytest.fail(f"{told}, and VADD_BROWSER=required", pytrace=False)
    pytest.skip(told)


@contextmanager
def served(*options: str, token: str | None = None) -> Iterator[str]:
    """``vadd serve`` on a free port; gives its address."""
    with tempfile.TemporaryDirectory(prefix="vadd-web-") as folder:
        log = Path(folder) / "log"
        environment = {**os.environ, **({"VADD_TOKEN": token} if token else {})}
        command = [
            sys.executable,
            "-m",
            "vadd",
            "serve",
            "--port",
            "0",
            "--state",
            f"{folder}/state",
            *options,
        ]
        with log.open("w") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, f"no address: {line!r} {log.read_text()}"
            yield found[0]
        finally:
            process.terminate()
            process.wait(30)
            process.stdout.close()


@contextmanager
def chromium(path: str) -> Iterator[Any]:
    """The browser, without a window."""
    from playwright.sync_api import sync_playwright

    # Its sandbox refuses to start for root, as in a container.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()

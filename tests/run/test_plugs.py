"""Plugs are pulled: of workers, of their children, of the whole run, at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clip_folder import folder_of_clips, kept, told

from vadd.run.inputs import find
from vadd.run.local import LocalEngine
from vadd.run.many import judge_all
from vadd.run.settings import Settings

COMMAND = [sys.executable, "-m", "vadd", "check"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_clips(tmp_path_factory.mktemp("plugs") / "in", 6)


@pytest.fixture(scope="module")
def clean(clips: Path) -> Path:
    out = clips.parent / "clean"
    judge_all(find([clips]).paths, out, Settings(), engine=LocalEngine(2))
    return out


def children(parent: int, word: str = "") -> list[int]:
    """Processes of a process, and of its processes, whose command line holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if above == parent:
            if word in line:
                found.append(int(entry.name))
            found += children(int(entry.name), word)
    return found


class Pulled(LocalEngine):
    """Kills processes of its own after some files."""

    word = "vadd.run.worker"
    after = (1, 3)

    def run(self, *args: object) -> Iterator[object]:  # type: ignore[override]
        for number, outcome in enumerate(super().run(*args), 1):  # type: ignore[arg-type]
            yield outcome
            if number in self.after:
                for victim in children(os.getpid(), self.word):
                    os.kill(victim, signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_workers_cost_nothing_but_time(clips: Path, clean: Path, tmp_path: Path, workers: int) -> None:
    summary = judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=Pulled(workers))
    assert not summary.bugs
    assert kept(tmp_path / "out") == kept(clean)
    assert told(tmp_path / "out") == told(clean)


def test_a_file_that_always_kills_its_worker_is_given_up_and_no_other(
    clips: Path, clean: Path, tmp_path: Path
) -> None:
    """The worker is killed by whoever opens one file, as the kernel does when memory runs out."""
    script = tmp_path / "sitecustomize.py"
    script.write_text(
        "import os, signal\n"
        "import vadd.run.job as job\n"
        "judge = job.Judge.__call__\n"
        "def call(self, each):\n"
        "    if each.path.endswith('clip 3.mp4'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return judge(self, each)\n"
        "job.Judge.__call__ = call\n"
    )
    os.environ["PYTHONPATH"], before = str(tmp_path), os.environ.get("PYTHONPATH")
    try:
        judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=LocalEngine(2))
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    found, wanted = told(tmp_path / "out"), told(clean)
    lost = str(clips / "deep" / "clip 3.mp4")
    assert found.pop(lost) == (None, "failed", "crashed")
    assert wanted.pop(lost)[0] is not None
    assert found == wanted
    # The next run tries it again.
    judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=LocalEngine(2))
    assert kept(tmp_path / "out") == kept(clean)


def start(clips: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, str(clips), "--out", str(out), "--workers", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def ledger_lines(out: Path) -> int:
    path = out / "ledger.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_kill_9_and_again_until_it_is_done(clips: Path, clean: Path, tmp_path: Path) -> None:
    """The run is killed at random moments of its work; what it makes in the end is the same."""
    out, chance = tmp_path / "out", random.Random(5)
    for _ in range(4):
        before = ledger_lines(out)
        process = start(clips, out)
        # Once a file is through, at any time after.
        while process.poll() is None and ledger_lines(out) == before and before < 9:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        family = children(process.pid)
        process.kill()
        process.communicate()
        patience = time.monotonic() + 20
        while any(alive(each) for each in family) and time.monotonic() < patience:
            time.sleep(0.01)
        assert not any(alive(each) for each in family)
    done = start(clips, out)
    assert done.communicate(timeout=120)[1] == b""
    assert done.returncode == 0
    assert kept(out) == kept(clean)
    assert told(out) == told(clean)
    assert not (out / ".unfinished").exists()


def alive(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_it_stops_when_it_is_asked_to(
    clips: Path, clean: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    out = tmp_path / "out"
    process = start(clips, out)
    while process.poll() is None and not ledger_lines(out):
        time.sleep(0.01)
    family = children(process.pid)
    process.send_signal(number)
    told_so = process.communicate(timeout=60)[1].decode()
    assert process.returncode == status
    assert told_so.startswith("vadd: stopped: ")
    assert "Traceback" not in told_so
    assert not any(alive(each) for each in family)
    assert start(clips, out).wait(120) == 0
    assert kept(out) == kept(clean)

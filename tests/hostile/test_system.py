"""What happens around a file: outputs that take nothing, signals, limits, clocks that run backwards."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import make_time
import parts
import pytest
from cases import SYSTEM

from calls import PATIENCE, documents, refused, vadd_check
from vadd.detect.detector import Detector
from vadd.media.limits import Limits

VADD = [sys.executable, "-m", "vadd"]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "clip.mp4"
    path.write_bytes(parts.good())
    return path


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file that takes long: its edit list shows the same second a thousand times."""
    path = tmp_path_factory.mktemp("slow") / "slow.mp4"
    path.write_bytes(make_time.edits(*[(1000, 0)] * 1_000)())
    return path


def test_every_line_of_the_table_is_tested() -> None:
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert set(SYSTEM) <= tests
    assert len(SYSTEM) >= 10


# Outputs


def in_mounts(script: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a shell script that may mount what it likes, where nobody else sees it."""
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*alone, "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("nothing may be mounted here")
    return subprocess.run(
        [*alone, "sh", "-c", script, "sh", *map(os.fspath, args)], check=False, capture_output=True,
        text=True, timeout=PATIENCE,
    )  # fmt: skip


@pytest.mark.parametrize("option", ["--out", "--html", "--csv"])
def test_read_only_output(good: Path, tmp_path: Path, option: str) -> None:
    script = 'mount -t tmpfs -o ro none "$1" && shift && exec "$@"'
    refused(in_mounts(script, tmp_path, *VADD, "check", good, option, tmp_path / "new"), "new")


def test_disk_full(good: Path, tmp_path: Path) -> None:
    """There is room for a beginning, and not for the results; what is there afterwards is no result."""
    script = (
        'mount -t tmpfs -o size=32k none "$1" && room=$1 && shift && "$@"; status=$?; '
        'ls "$room"/out/records/*/* 2>/dev/null; exit $status'
    )
    refused(in_mounts(script, tmp_path, *VADD, "check", good, "--out", tmp_path / "out", "-q"), "space")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_standard_output_full(good: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*VADD, "check", "--json", str(good)], check=False, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=PATIENCE,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("vadd: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("option", ["--out", "--html", "--csv"])
def test_output_is_no_place_for_it(good: Path, tmp_path: Path, option: str) -> None:
    """A file where a folder is needed, and a folder where a file is."""
    place = tmp_path / "place"
    if option == "--csv":
        place.mkdir()
    else:
        place.write_text("mine")
    place = place / "new" if option == "--html" else place
    refused(vadd_check(good, option, place), "place")
    assert option == "--csv" or (tmp_path / "place").read_text() == "mine"


# Signals


def children(parent: int, word: str = "child.py") -> list[int]:
    """Descendants of a process whose command line holds a word."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, IndexError):
            line = (entry / "cmdline").read_bytes().decode(errors="replace")
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found += [int(entry.name)] if word in line else []
                found += children(int(entry.name), word)
    return found


def gone(process: int) -> bool:
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it takes for ever"
        time.sleep(0.01)


def at_work(path: Path) -> tuple[subprocess.Popen[str], int]:
    """A check that has begun, and the child that decodes for it."""
    process = subprocess.Popen(
        [*VADD, "check", "--json", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def decoding() -> list[int]:
        """Children that have opened the file."""
        found = []
        for child in children(process.pid):
            with contextlib.suppress(OSError):
                files = [os.readlink(each) for each in (Path("/proc") / str(child) / "fd").iterdir()]  # noqa: PTH115
                found += [child] if str(path) in files else []
        return found

    until(lambda: decoding() or process.poll() is not None)
    assert process.poll() is None
    return process, decoding()[0]


@pytest.mark.parametrize(
    ("number", "statuses"), [(signal.SIGINT, {130}), (signal.SIGTERM, {143, -15}), (signal.SIGKILL, {-9})]
)
def test_the_parent_is_stopped(slow: Path, number: signal.Signals, statuses: set[int]) -> None:
    process, child = at_work(slow)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in statuses
    assert out == ""
    assert "Traceback" not in err
    until(lambda: gone(child))


def test_the_child_is_killed(slow: Path) -> None:
    process, child = at_work(slow)
    os.kill(child, signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (4, "")
    document = json.loads(out)
    assert (document["verdict"], document["reason"]) == ("failed", "crashed")
    assert "SIGKILL" in document["explanation"]


# Limits and clocks


def reason(verdict: object) -> str:
    return f"{verdict.verdict.value} ({verdict.reason.value})"


def test_memory_limit(good: Path) -> None:
    assert reason(Detector(limits=Limits(memory_bytes=128 * 2**20)).check(good)) == parts.LIMIT


def test_wall_clock(slow: Path) -> None:
    began = time.monotonic()
    limits = Limits(wall_seconds=2, wall_per_second=0.001)
    assert reason(Detector(limits=limits).check(slow)) == "failed (timeout)"
    assert time.monotonic() - began < PATIENCE


def test_a_clock_that_goes_back(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is an hour before the last: nothing that counts is measured by it."""
    wanted = Detector().check(good)
    hours = itertools.count(1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 3600 * next(hours))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * (now - 3600 * next(hours))))
    assert Detector().check(good) == wanted


@pytest.mark.parametrize("year", [-10 * 365 * 86_400, 0, 2**33])
def test_files_of_another_time(good: Path, tmp_path: Path, year: int) -> None:
    """Before 1970, at its first second, in two centuries: a run knows its files again."""
    (tmp_path / "in").mkdir()
    shutil.copyfile(good, tmp_path / "in" / "clip.mp4")
    os.utime(tmp_path / "in" / "clip.mp4", (year, year))
    found = []
    for _ in range(2):
        done = vadd_check(tmp_path / "in", "--out", tmp_path / "out", "--workers", "1", "--json")
        found.append(json.loads(done.stdout))
    assert [each["judged"] for each in found] == [1, 0]
    assert found[1]["verdicts"]["consistent"] == 1


def test_one_after_another_is_as_each_alone(good: Path, tmp_path: Path) -> None:
    """A file that is killed for its time, in the middle of others, takes nothing from them."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(parts.good()[:9_000])
    found = documents(vadd_check("--json", good, bad, good))
    assert [each["verdict"] for each in found] == ["consistent", "failed", "consistent"]
    assert found[0] == found[2]

"""The Ray engine on a cluster of this machine; skipped where Ray is not installed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clip_folder import folder_of_clips, kept, told

from vadd.errors import UsageError
from vadd.run.engine import Engine, make
from vadd.run.inputs import find
from vadd.run.local import LocalEngine
from vadd.run.many import judge_all
from vadd.run.settings import Settings

ray = pytest.importorskip("ray", reason="Ray is not installed")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of_clips(tmp_path_factory.mktemp("ray") / "in", 6)
    (folder / os.fsdecode(b"\xff odd\n.mp4")).write_bytes((folder / "clip 0.mp4").read_bytes())
    return folder


@pytest.fixture(scope="module")
def clean(clips: Path) -> Path:
    out = clips.parent / "clean"
    judge_all(find([clips]).paths, out, Settings(), engine=LocalEngine(2))
    return out


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    yield make("ray", 2)
    ray.shutdown()


def test_it_makes_the_bytes_that_the_local_engine_makes(
    clips: Path, clean: Path, tmp_path: Path, engine: Engine
) -> None:
    summary = judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=engine)
    assert not summary.bugs
    assert kept(tmp_path / "out") == kept(clean)
    assert told(tmp_path / "out") == told(clean)
    again = judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=engine)
    assert again.counts.judged == 0
    assert not again.changed


def test_killed_workers_cost_nothing_but_time(
    clips: Path, clean: Path, tmp_path: Path, engine: Engine
) -> None:
    done = threading.Event()
    killed: list[int] = []

    def pull() -> None:
        while not done.is_set() and not killed:
            for entry in Path("/proc").iterdir():
                if not entry.name.isdecimal():
                    continue
                try:
                    if b"child.py" not in (entry / "cmdline").read_bytes():
                        continue
                    # Whose guarded child it is: a worker that is at work.
                    above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    if (Path("/proc") / str(above) / "cmdline").read_bytes().startswith(b"ray::"):
                        os.kill(above, signal.SIGKILL)
                        killed.append(above)
                        return
                except OSError:
                    continue
            time.sleep(0.02)

    thread = threading.Thread(target=pull)
    thread.start()
    try:
        summary = judge_all(find([clips]).paths, tmp_path / "out", Settings(), engine=engine)
    finally:
        done.set()
        thread.join()
    assert killed
    assert not summary.bugs
    assert kept(tmp_path / "out") == kept(clean)


def test_no_cluster_at_an_address() -> None:
    ray.shutdown()
    with pytest.raises(UsageError, match="no Ray cluster"):
        make("ray", 1, "127.0.0.1:1")

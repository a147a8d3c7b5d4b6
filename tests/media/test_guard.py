"""The guard: whatever happens in the child, the parent goes on and says the right thing."""

from __future__ import annotations

import inspect
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vadd.errors import MediaError, ModelError, VaddError
from vadd.media import child, guard, inbox, process, wire
from vadd.media.guard import ChildBugError, Guard, run
from vadd.media.limits import Limits

HERE = Path(__file__).parent
QUICK = Limits(wall_seconds=5.0)
PICKLE = pickle.dumps(os.getcwd)


@pytest.fixture(autouse=True)
def _jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.02)
    return False


def test_values_arrays_progress_and_search_path_arrive():
    seen = []
    value = {"unicode": "ø\udcff", "number": 1.5, "list": [None, True]}
    header, arrays = run(
        "jobs:echo", {"value": value}, limits=QUICK, progress=lambda done, total: seen.append((done, total))
    )
    assert header["value"] == value
    assert header["path"] == [entry or str(Path.cwd()) for entry in sys.path]
    assert seen == [(1.0, 2.0)]
    assert arrays["a"].dtype == np.float32
    assert arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL, signal.SIGBUS])
def test_death_by_a_signal_is_crashed(number):
    with pytest.raises(MediaError, match=number.name) as caught:
        run("jobs:dies", {"number": int(number)}, limits=QUICK)
    assert caught.value.reason == "crashed"


def test_no_cpu_time_left_is_a_timeout():
    with pytest.raises(MediaError) as caught:
        run("jobs:dies", {"number": int(signal.SIGXCPU)}, limits=QUICK)
    assert caught.value.reason == "timeout"


def test_hang_is_a_timeout():
    with pytest.raises(MediaError) as caught:
        run("jobs:hangs", {}, limits=Limits(wall_seconds=1.0))
    assert caught.value.reason == "timeout"


def test_wall_clock_grows_with_the_duration_that_the_child_tells():
    limits = Limits(wall_seconds=1.0, wall_per_second=2.0)
    header, _ = run("jobs:works_for", {"seconds": 2.0, "declared": 5.0}, limits=limits)
    assert header == {"done": True}
    with pytest.raises(MediaError) as caught:
        run("jobs:works_for", {"seconds": 20.0, "declared": 0.0}, limits=limits)
    assert caught.value.reason == "timeout"


def test_claimed_duration_cannot_buy_more_than_the_longest_file_gets():
    limits = Limits(wall_seconds=0.5, wall_per_second=0.5, seconds=1)
    with pytest.raises(MediaError) as caught:
        run("jobs:hangs", {"seconds": 1e8}, limits=limits)
    assert caught.value.reason == "timeout"


def test_progress_earns_time_for_a_file_that_declares_no_duration():
    limits = Limits(wall_seconds=3.0, wall_per_second=1.0)
    # Four seconds of work, of which three are granted, and each tenth earns half a second.
    assert run("jobs:goes_on", {"seconds": 4.0, "step": 0.5}, limits=limits)[0] == {"done": True}


@pytest.mark.parametrize(("step", "seconds"), [(0.0, 7200), (1e6, 1)])
def test_messages_without_progress_or_beyond_the_limit_earn_no_time(step, seconds):
    limits = Limits(wall_seconds=1.0, wall_per_second=0.5, seconds=seconds)
    with pytest.raises(MediaError) as caught:
        run("jobs:goes_on", {"seconds": 30.0, "step": step}, limits=limits)
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("job", ["raises", "exits"])
def test_words_of_the_child_cannot_steer_a_terminal(job):
    with pytest.raises(ChildBugError) as caught:
        run(f"jobs:{job}", {"text": "a\x1b]0;b\x07\rc\u202ed\ne"}, limits=QUICK)
    text = str(caught.value)
    assert all(sign == "\n" or sign.isprintable() for sign in text)
    assert "a\\x1b]0;b\\x07\\rc\\u202ed\ne" in text


def test_nothing_is_killed_once_the_child_was_collected(monkeypatch):
    """From then on its id may be another process's."""
    killed, kill = [], os.killpg

    def killing(group: int, number: int) -> None:
        killed.append(group)
        kill(group, number)

    monkeypatch.setattr(process.os, "killpg", killing)
    with Guard(limits=QUICK) as guard:
        pid = guard.run("jobs:counts", {})[0]["pid"]
        child = guard._process
    assert killed == [pid]
    child.kill()
    assert killed == [pid]


def test_thread_that_finds_no_memory_is_a_limit():
    with pytest.raises(MediaError) as caught:
        run("jobs:spins", {}, limits=Limits(memory_bytes=1 << 28, wall_seconds=20))
    assert caught.value.reason == "limit"


def test_memory_hog_is_a_limit():
    with pytest.raises(MediaError) as caught:
        run("jobs:hogs", {}, limits=Limits(memory_bytes=1 << 29, wall_seconds=20))
    assert caught.value.reason == "limit"


def test_bug_keeps_its_traceback_and_is_no_vadd_error():
    with pytest.raises(ChildBugError) as caught:
        run("jobs:fails", {}, limits=QUICK)
    assert not isinstance(caught.value, VaddError)
    assert "in fails" in str(caught.value)
    assert "KeyError: 'a bug of ours'" in str(caught.value)


def test_job_that_does_not_exist_is_a_bug():
    with pytest.raises(ChildBugError, match="no_such_module"):
        run("no_such_module:job", {}, limits=QUICK)


def test_child_that_cannot_start_is_a_bug_with_its_words(monkeypatch):
    monkeypatch.setattr(process, "__file__", str(HERE / "no" / "process.py"))
    with pytest.raises(ChildBugError, match=r"child\.py"):
        run("jobs:echo", {"value": 1}, limits=QUICK)


def test_media_error_travels():
    with pytest.raises(MediaError, match="because") as caught:
        run("jobs:refuses", {"reason": "damaged"}, limits=QUICK)
    assert caught.value.reason == "damaged"


def test_model_error_travels():
    with pytest.raises(ModelError, match="no such thing"):
        run("jobs:no_model", {}, limits=QUICK)


def test_child_cannot_write_files(tmp_path):
    header, _ = run("jobs:writes", {"path": str(tmp_path / "out")}, limits=QUICK)
    assert header["error"] in {"OSError", "PermissionError"}
    assert not (tmp_path / "out").exists() or not (tmp_path / "out").stat().st_size


def test_prints_do_not_get_between_the_messages():
    assert run("jobs:prints", {}, limits=QUICK)[0] == {"done": True}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"garbage that is no message", id="garbage"),
        pytest.param(struct.pack("<II", len(PICKLE), 0) + PICKLE, id="pickle"),
        pytest.param(struct.pack("<II", 2, 0) + b"[]", id="header is no object"),
        pytest.param(struct.pack("<II", 4, 0) + b"\xff\xfe{}", id="header is no text"),
        pytest.param(struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF), id="endless"),
    ],
)
def test_nonsense_from_the_child_is_crashed(raw):
    with pytest.raises(MediaError) as caught:
        run("jobs:says", {"raw": list(raw)}, limits=QUICK)
    assert caught.value.reason == "crashed"


@pytest.mark.parametrize(
    "header",
    [
        {"kind": "media_error", "reason": "consistent", "message": ""},
        {"kind": "error", "name": "SystemExit", "message": ""},
        {"kind": "duration", "seconds": "1e999"},
        {"kind": "progress", "done": float("nan"), "total": 1},
        {"kind": "result", "value": []},
        {"kind": "exec"},
    ],
)
def test_message_of_another_kind_is_crashed(header):
    with pytest.raises(MediaError) as caught:
        run("jobs:tells", {"header": header}, limits=QUICK, progress=lambda done, total: None)
    assert caught.value.reason == "crashed"


def test_arrays_that_do_not_add_up_are_refused():
    good = b"".join(wire.encode({}, {"a": np.zeros(3, np.float32)}))
    assert wire.decode(good)[1]["a"].tolist() == [0, 0, 0]
    swaps = [(b"[3]", b"[4]"), (b"[3]", b"[2]"), (b"[3]", b"-33"), (b"<f4", b"|O8"), (b'"a"', b"1e9")]
    for old, new in swaps:
        with pytest.raises(wire.WireError):
            wire.decode(good.replace(old, new))


def test_array_of_objects_is_not_sent():
    with pytest.raises(ValueError, match="object"):
        wire.encode({}, {"a": np.array([object()])})


def test_nothing_that_crosses_is_pickled():
    for module in (guard, process, inbox, child, wire):
        assert not re.search(r"import (pickle|marshal|shelve|multiprocessing)", inspect.getsource(module))


def test_interrupt_in_the_parent_kills_the_child():
    started: list[int] = []

    def interrupt(done: float, total: float) -> None:
        started.append(round(done))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("jobs:tells_its_id", {}, limits=QUICK, progress=interrupt)
    assert gone(started[0])


PARENT = """
import sys; sys.path[:] = sys.argv[1].split(chr(10))
from vadd.media.guard import run; from vadd.media.limits import Limits
def tell(done, total): print(int(done), flush=True)
if __name__ == "__main__":
    run("jobs:waits", {}, limits=Limits(), progress=tell)
"""


def test_child_dies_with_the_parent():
    paths = "\n".join(entry or str(Path.cwd()) for entry in sys.path)
    command = [sys.executable, "-c", PARENT, paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        try:
            pid = int(parent.stdout.readline())
            assert alive(pid)
        finally:
            parent.kill()
    assert gone(pid)

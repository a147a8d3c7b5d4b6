"""A child that does several jobs: none of them hangs on those before, and after any trouble another comes."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import media
from vadd.embed.extract import extract
from vadd.errors import MediaError, ModelError, OutputError
from vadd.media import process, room
from vadd.media.guard import ChildBugError, Guard, run
from vadd.media.limits import Limits

HERE = Path(__file__).parent
QUICK = Limits(wall_seconds=20.0)
SHORT = Limits(wall_seconds=1.0)


@pytest.fixture(autouse=True)
def _jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def guard():
    with Guard(limits=QUICK) as guard:
        yield guard


def count(guard, **options):
    return guard.run("jobs:counts", {}, **options)[0]


def test_child_is_used_again_and_replaced_after_its_jobs():
    with Guard(limits=QUICK, jobs=3) as guard:
        found = [count(guard) for _ in range(7)]
    assert [each["done"] for each in found] == [1, 2, 3, 1, 2, 3, 1]
    pids = [each["pid"] for each in found]
    assert [len(set(pids[at : at + 3])) for at in (0, 3, 6)] == [1, 1, 1]
    assert len(set(pids)) == 3


def test_nothing_of_a_child_is_left_when_the_guard_is_closed(guard):
    first = count(guard)
    assert Path(first["room"]).is_dir()
    guard.close()
    assert not Path(first["room"]).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)
    assert count(guard)["done"] == 1


def test_a_child_does_at_least_one_job():
    with pytest.raises(ValueError, match="at least 1"):
        Guard(limits=QUICK, jobs=0)


@pytest.mark.parametrize(
    ("job", "arguments", "error"),
    [
        ("dies", {"number": int(signal.SIGSEGV)}, MediaError),
        ("refuses", {"reason": "not_media"}, MediaError),
        ("refuses", {"reason": "limit"}, MediaError),
        ("no_model", {}, ModelError),
        ("fails", {}, ChildBugError),
        ("tells", {"header": {"kind": "exec"}}, MediaError),
    ],
)
def test_after_any_trouble_another_child_comes(guard, job, arguments, error):
    before = count(guard)
    with pytest.raises(error):
        guard.run(f"jobs:{job}", arguments)
    after = count(guard)
    assert after["done"] == 1
    assert after["pid"] != before["pid"]


def test_hang_of_the_second_job_is_a_timeout_of_that_one():
    with Guard(limits=QUICK) as guard:
        count(guard)
        with pytest.raises(MediaError) as caught:
            guard.run("jobs:hangs", {}, limits=SHORT)
        assert caught.value.reason == "timeout"
        assert count(guard)["done"] == 1


def test_each_job_has_its_own_clock():
    """Three jobs of 1.1 s take longer together than one may; one of 60 s is too long all the same."""
    with Guard(limits=Limits(wall_seconds=3.0)) as guard:
        assert [guard.run("jobs:counts", {"wait": 1.1})[0]["done"] for _ in range(3)] == [1, 2, 3]
        with pytest.raises(MediaError, match="longer than is allowed"):
            guard.run("jobs:counts", {"wait": 60})


def test_each_job_has_its_own_processor_time(monkeypatch):
    monkeypatch.setattr(process, "_cpu", lambda limits: 2)
    with Guard(limits=QUICK, jobs=3) as guard:
        first = guard.run("jobs:uses_cpu", {"seconds": 1.2})[0]
        second = guard.run("jobs:uses_cpu", {"seconds": 1.2})[0]
        assert [first["pid"], second["done"]] == [second["pid"], 2]
        assert first["limits"][0] < second["limits"][0] <= second["limits"][1] == first["limits"][1] == 6
        with pytest.raises(MediaError) as caught:
            guard.run("jobs:uses_cpu", {"seconds": 20})
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("how", ["dies", "hangs", "nonsense", "bug", "limit"])
def test_failure_that_an_earlier_job_may_be_the_reason_of_is_not_believed(guard, how):
    before = count(guard)
    limits = SHORT if how == "hangs" else QUICK
    header, arrays = guard.run("jobs:fails_later", {"how": how}, limits=limits)
    assert header["done"] == 1
    assert header["pid"] != before["pid"]
    assert arrays["a"].tolist() == [0, 1, 2]


def test_parts_of_a_job_that_is_begun_anew_are_void(guard):
    count(guard)
    taken, voids = [], []
    header, _ = guard.run(
        "jobs:parts_but_dies_later",
        {},
        part=lambda header, arrays: taken.append(header["at"]),
        again=lambda: voids.append(len(taken)),
    )
    assert voids == [1]
    assert taken[voids[0] :] == [0, 0, 1, 2]
    assert header["done"] == 1


def test_job_with_parts_that_cannot_be_taken_back_has_a_child_of_its_own(guard):
    first = count(guard)
    taken = []
    header, _ = guard.run("jobs:parts", {}, part=lambda header, arrays: taken.append(header["at"]))
    assert taken == [0, 1, 2]
    assert header["done"] == 1
    assert header["pid"] != first["pid"]


def test_error_of_the_one_who_takes_the_parts_is_raised_once(guard):
    count(guard)
    calls = []

    def full(header, arrays):
        calls.append(header)
        raise OutputError("the disk is full")

    with pytest.raises(OutputError):
        guard.run("jobs:parts", {}, part=full, again=calls.clear)
    assert len(calls) == 1
    assert count(guard)["done"] == 1


@pytest.mark.parametrize("what", ["thread", "descriptor", "words"])
def test_child_that_did_not_clean_up_is_replaced(guard, what):
    first = guard.run("jobs:leaves", {"what": what})[0]
    second = count(guard)
    assert second["done"] == 1
    assert second["pid"] != first["pid"]


def test_word_of_an_earlier_job_is_not_taken_for_one_of_this(guard):
    first = guard.run("jobs:leaves", {"what": "late message"})[0]
    told = []
    second = guard.run("jobs:counts", {"wait": 1.0}, progress=lambda done, total: told.append(done))[0]
    assert told == []
    assert second["done"] == 1
    assert second["pid"] != first["pid"]


def test_thread_cannot_speak_for_a_job_that_is_over(guard):
    first = guard.run("jobs:sends_after_its_end", {})[0]
    second = count(guard)
    # The thread was waited for, and its word was refused: that is what it counted.
    assert second["pid"] == first["pid"]
    assert second["done"] == first["done"] + 2


def test_child_that_somebody_killed_between_two_jobs_is_replaced(guard):
    first = count(guard)
    os.kill(first["pid"], signal.SIGKILL)
    assert count(guard)["done"] == 1


def test_child_that_somebody_kills_at_work_has_crashed():
    with Guard(limits=QUICK) as guard, pytest.raises(MediaError, match="SIGKILL") as caught:
        guard.run("jobs:waits", {}, progress=lambda done, total: os.kill(round(done), signal.SIGKILL))
    assert caught.value.reason == "crashed"


def test_files_that_the_child_may_not_open_are_a_reason_for_another(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_text(file.name)
    with Guard(limits=QUICK, readable=files[:2]) as guard:
        same = [count(guard, readable=[file])["pid"] for file in (files[0], files[1], tmp_path / "." / "a")]
        assert len(set(same)) == 1
        link = tmp_path / "link"
        link.symlink_to(files[1])
        assert count(guard, readable=[link])["pid"] == same[0]
        assert count(guard, readable=[files[2]])["done"] == 1
        assert count(guard, readable=[files[0]])["done"] == 2
        # Another file in its place is another file.
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").replace(files[0])
        assert count(guard, readable=[files[0]])["done"] == 1


def test_other_memory_needs_another_child(guard):
    count(guard)
    assert count(guard, limits=Limits(memory_bytes=1 << 30))["done"] == 1
    assert count(guard, limits=Limits(memory_bytes=1 << 30, wall_seconds=9))["done"] == 2


def test_child_outlives_the_thread_that_it_was_started_in(guard):
    """The kernel ends a child with the thread that forked it; threads of pools come and go."""
    found = []
    thread = threading.Thread(target=lambda: found.append(count(guard)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert count(guard) == {**found[0], "done": 2}


def test_guards_of_several_threads_do_not_meet():
    def several(wait):
        with Guard(limits=QUICK) as guard:
            return [guard.run("jobs:counts", {"wait": wait})[0] for _ in range(4)]

    with ThreadPoolExecutor(3) as pool:
        lots = list(pool.map(several, [0.0, 0.01, 0.02]))
    assert [[each["done"] for each in lot] for lot in lots] == [[1, 2, 3, 4]] * 3
    assert len({each["pid"] for lot in lots for each in lot}) == 3


def test_guard_does_one_job_at_a_time(guard):
    def nested(done, total):
        guard.run("jobs:counts", {})

    with pytest.raises(RuntimeError, match="one job at a time"):
        guard.run("jobs:echo", {"value": 1}, progress=nested)


def test_forked_process_starts_children_of_its_own(guard):
    count(guard)
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            with Guard(limits=QUICK) as other:
                os.write(write, str(count(other)["done"]).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "1"
    os.waitpid(pid, 0)
    assert count(guard)["done"] == 2


def test_long_request_arrives(guard):
    value = "x" * (1 << 20)
    assert guard.run("jobs:echo", {"value": value})[0]["value"] == value


def test_file_that_another_took_the_place_of_has_changed(tmp_path):
    path = tmp_path / "clip"
    path.write_text("clip")

    def replace(done, total):
        (tmp_path / "new").write_text("clip")
        (tmp_path / "new").replace(path)

    with pytest.raises(MediaError, match="clip: it changed while it was read") as caught:
        run("jobs:cannot_read", {}, limits=QUICK, readable=[path], progress=replace)
    assert caught.value.reason == "changed"
    with pytest.raises(MediaError, match="because") as caught:
        run("jobs:cannot_read", {}, limits=QUICK, readable=[path])
    assert caught.value.reason == "unreadable"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    sound = media.tone(2.4)
    made = [
        media.clip(folder / "a.mp4", 3.0),
        media.write(folder / "b.mp4", media.Picture(media.moving(2.0, 10, (160, 90)), size=(160, 90))),
        media.wav_float(folder / "c.wav", sound),
        media.clip(folder / "d.mp4", 2.0, sound=sound),
    ]
    (folder / "e.mp4").write_bytes(made[0].read_bytes()[:500])
    return [*made, folder / "e.mp4"]


def measured(path, guard=None):
    """All that is measured of a file, as bytes; or why it is not."""
    try:
        found = extract(path, path, exhibit=True, guard=guard)
    except MediaError as error:
        return error.reason, str(error)
    arrays = [found.spectrogram]
    for track in (found.picture, found.sound):
        arrays += [None] if track is None else [getattr(track, name) for name in track.__slots__]
    bits = [each.tobytes() if hasattr(each, "tobytes") else each for each in arrays]
    return bits, found.inputs, found.duration, found.notes, found.thumbnails


def test_warm_child_measures_what_a_fresh_one_does_bit_by_bit(clips):
    fresh = {path: measured(path) for path in clips}
    assert fresh[clips[-1]][0] == "damaged"
    order = [*clips, *reversed(clips), clips[0]]
    pids = []
    with Guard(limits=Limits(), readable=clips) as guard:
        for path in order:
            assert measured(path, guard) == fresh[path]
            pids.append(None if guard._process is None else guard._process._popen.pid)
    # One child up to the damaged file, none after it, and another for the rest.
    assert [len(set(pids[at])) for at in (slice(0, 4), slice(4, 6), slice(6, 11))] == [1, 1, 1]
    assert pids[4] is None
    assert pids[0] != pids[6] is not None


def test_folder_that_a_killed_parent_left_is_removed_by_the_next(tmp_path, monkeypatch, guard):
    monkeypatch.setattr(room.tempfile, "tempdir", str(tmp_path))
    with subprocess.Popen(["true"]) as process:
        process.wait()
    gone, alive = (tmp_path / f"vadd-child-{pid}-x" for pid in (process.pid, os.getppid()))
    full, other = tmp_path / f"vadd-child-{process.pid}-y", tmp_path / "vadd-child-mine-x"
    for folder in (gone, alive, full, other):
        folder.mkdir()
    (full / "file").touch()
    made = Path(count(guard)["room"])
    assert set(tmp_path.iterdir()) == {alive, full, other, made}
    guard.close()
    assert not made.exists()


def test_no_room_for_the_folder_is_told_in_one_line(monkeypatch, guard):
    monkeypatch.setattr(room.tempfile, "tempdir", "/proc/no such folder")
    with pytest.raises(OutputError, match="cannot make a temporary folder: "):
        count(guard)

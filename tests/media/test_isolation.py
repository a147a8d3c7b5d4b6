"""What the guarded child cannot do, tried one by one; and what becomes of it where the kernel can less."""

from __future__ import annotations

import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vadd.errors import IsolationError
from vadd.media import given_up, isolation, seccomp
from vadd.media.guard import Guard, run
from vadd.media.limits import Limits

HERE = Path(__file__).parent
QUICK = Limits(wall_seconds=20.0)


@pytest.fixture(autouse=True)
def _jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture(scope="module")
def kept():
    """Which promises this system keeps; the tests of the others are skipped, by name."""
    return isolation.promises()


def need(kept, promise, mechanism=""):
    if not any(mechanism in each for each in kept[promise]):
        pytest.skip(f"this system does not keep the promise {promise!r} {mechanism}")


@pytest.fixture
def canary(tmp_path):
    """A file that is none of the child's business."""
    path = tmp_path / "canary"
    path.write_text("sings")
    return path


def refusal(what, **arguments):
    return run("isolation_jobs:tries", {"what": what, **arguments}, limits=QUICK)[0]["refused"]


@pytest.mark.parametrize(
    "what",
    ["open a file", "open it through the root of a process", "list a folder", "read another process",
     "read its own start", "read the users"],
)  # fmt: skip
def test_no_file_is_opened_but_those_that_are_named(kept, canary, what):
    need(kept, "reading", "Landlock")
    path = canary.parent if what == "list a folder" else canary
    assert refusal(what, path=str(path), parent=os.getpid()) == "EACCES"


def test_file_that_is_named_is_read_whatever_leads_to_it(canary):
    link = canary.with_name("link")
    link.symlink_to(canary)
    for path in (canary, link):
        header, _ = run(
            "isolation_jobs:tries", {"what": "open a file", "path": str(path)}, limits=QUICK, readable=[path]
        )
        assert header == {"refused": None, "found": "b'sings'"}


def test_link_that_is_turned_to_another_file_does_not_open_that_one(kept, canary, tmp_path):
    need(kept, "reading", "Landlock")
    allowed, link = tmp_path / "allowed", tmp_path / "link"
    allowed.write_text("is read")
    link.symlink_to(allowed)
    with Guard(limits=QUICK, readable=[link]) as guard:
        job, arguments = "isolation_jobs:tries", {"what": "open a file", "path": str(link)}
        assert guard.run(job, arguments)[0]["found"] == "b'is read'"
        link.unlink()
        link.symlink_to(canary)
        assert guard.run(job, arguments)[0]["refused"] == "EACCES"


@pytest.mark.parametrize(
    "what",
    ["write a file", "cut a file short", "truncate a file", "make a file here", "make a folder here",
     "remove a file", "rename a file", "link a file", "link to a file", "change a mode", "change an owner",
     "change times", "change an attribute", "make a file in memory"],
)  # fmt: skip
def test_no_file_is_made_changed_or_removed(kept, canary, what):
    need(kept, "writing", "seccomp")
    before = canary.stat()
    assert refusal(what, path=str(canary)) == "EPERM"
    assert canary.stat() == before
    assert list(canary.parent.iterdir()) == [canary]


@pytest.mark.parametrize(
    "what", ["connect", "speak to a socket file", "make a pair", "send a datagram", "share memory"]
)
def test_no_socket_is_made(kept, what):
    need(kept, "network", "seccomp")
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert refusal(what, port=server.getsockname()[1]) == "EPERM"
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "what",
    ["run a program", "run an open program", "fork", "spawn", "end its parent", "end its group",
     "trace its parent", "read its parent's memory", "hold on to its parent", "limit its parent",
     "outlive its parent", "mount", "unshare", "bpf", "io_uring_setup", "userfaultfd", "keyctl",
     "perf_event_open", "open_by_handle_at"],
)  # fmt: skip
def test_no_program_is_run_and_no_process_touched(kept, what):
    need(kept, "processes", "seccomp")
    assert refusal(what, parent=os.getpid()) == "EPERM"


@pytest.mark.parametrize("what", ["clone3", "openat2", "a call of the future"])
def test_call_that_the_filter_cannot_read_is_unknown(kept, what):
    need(kept, "processes", "seccomp")
    assert refusal(what) == "ENOSYS"


@pytest.mark.parametrize(
    "what",
    ["open a file", "open it through the root of a process", "list a folder", "read another process",
     "read its own start", "read the users", "write a file", "truncate a file", "make a file here",
     "make a folder here", "link to a file", "change a mode", "change times", "make a file in memory",
     "connect", "speak to a socket file", "make a pair", "send a datagram", "fork", "spawn", "end its parent",
     "hold on to its parent", "limit its parent", "remove a file"],
)  # fmt: skip
def test_what_the_child_is_refused_works_elsewhere(canary, monkeypatch, what):
    """Otherwise the tests above would prove nothing."""
    import isolation_jobs

    monkeypatch.chdir(canary.parent)
    path = str(canary.parent if what == "list a folder" else canary)
    with socket.create_server(("127.0.0.1", 0)) as server:
        header, _ = isolation_jobs.tries(
            None, what=what, path=path, port=server.getsockname()[1], parent=os.getpid()
        )
    assert header["refused"] is None


def test_limits_are_not_raised_again_not_by_root_either():
    assert refusal("raise a limit") == "not allowed to raise maximum limit"


def test_secrets_and_open_files_of_the_parent_stay_there(monkeypatch, canary):
    monkeypatch.setenv("SECRET", "password")
    with canary.open("rb") as file:
        os.set_inheritable(file.fileno(), True)
        os.dup2(file.fileno(), 40)  # one that nothing else of the child's can have
        try:
            header, _ = run("isolation_jobs:around", {}, limits=QUICK)
        finally:
            os.close(40)
    assert "password" not in str(header["environment"])
    names = {*guard_environment(), "TMPDIR", "LANG", "LC_ALL"}
    assert header["environment"].keys() <= names | {"LC_CTYPE", "LD_LIBRARY_PATH"}
    # Three pipes, the one for messages, and two lists of the kernel's own about this process.
    assert header["descriptors"] == [0, 1, 2, 3, 4, 5]
    assert header["listed"] == []
    assert header["folder"] == header["environment"]["TMPDIR"]
    assert not Path(header["folder"]).exists()


def guard_environment():
    from vadd.media.guard import ENVIRONMENT

    return ENVIRONMENT


def test_folder_of_modules_is_not_opened_as_a_whole(tmp_path):
    """Who starts vadd at home has that on the search path."""
    home, site = tmp_path / "home", tmp_path / "site-packages"
    for folder in (home / "package", home / "Videos", site / "anything", tmp_path / "python" / "lib"):
        folder.mkdir(parents=True)
    for file in ("package/__init__.py", "module.py", "secret.txt", ".ssh", "clip.zip"):
        (home / file).touch()
    path, prefixes = [str(home), str(site), str(tmp_path / "none")], [str(tmp_path / "python")]
    found = {Path(each).relative_to(tmp_path).as_posix() for each in given_up.code(path, prefixes)}
    assert found == {
        "home/package", "home/module.py", "site-packages", "none", "python/lib", "python/lib64",
    }  # fmt: skip


def test_promises_are_told_by_the_guard(kept):
    assert kept.keys() == isolation.PROMISES.keys()
    assert kept["limits"] == ["rlimits"]
    assert kept["privileges"] == ["no_new_privs"]
    with Guard(limits=QUICK) as guard:
        assert guard.promises == {}
        guard.run("vadd.media.given_up:nothing", {})
        assert guard.promises == kept


#: A kernel without a mechanism: a filter of the parent's, which the child inherits, says so.
OLD_KERNEL = """
import ctypes, json, struct, sys
sys.path[:] = sys.argv[1].split(chr(10))
call, argument, error = map(int, sys.argv[2:])
load, equal, give = 0x20, 0x15, 0x06
program = [(load, 0, 0, 0), (equal, 0, 3, call), (load, 0, 0, 16), (equal, 0, 1, argument),
           (give, 0, 0, 0x50000 | error), (give, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *each) for each in program))
head = struct.pack("HP", len(program), ctypes.addressof(code))
libc = ctypes.CDLL(None)
assert libc.prctl(38, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0
assert libc.prctl(22, ctypes.c_ulong(2), head, 0, 0) == 0
from vadd.errors import IsolationError
from vadd.media.isolation import promises
try:
    print(json.dumps(promises()))
except IsolationError as error:
    print(json.dumps(str(error)))
"""


def on_an_old_kernel(call, argument, error, **environment):
    import json

    paths = "\n".join(entry or str(Path.cwd()) for entry in sys.path)
    command = [sys.executable, "-c", OLD_KERNEL, paths, str(call), str(argument), str(error)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


#: ``landlock_create_ruleset(NULL, ...)`` is unknown; ``prctl(PR_SET_SECCOMP, ...)`` is not supported.
LANDLOCK = (444, 0, 38)
SECCOMP = (157 if platform.machine() == "x86_64" else 167, 22, 22)


def test_without_landlock_the_other_promises_hold(kept):
    need(kept, "processes", "seccomp")
    found = on_an_old_kernel(*LANDLOCK)
    assert found == {**kept, "reading": [], "writing": ["seccomp"]}


def test_without_filters_the_other_promises_hold(kept):
    need(kept, "processes", "seccomp")
    found = on_an_old_kernel(*SECCOMP)
    writing = [each for each in kept["writing"] if each != "seccomp"]
    assert found == {**kept, "writing": writing, "network": [], "processes": []}


def test_promise_that_is_required_and_cannot_be_kept_is_refused(kept):
    need(kept, "processes", "seccomp")
    message = on_an_old_kernel(*SECCOMP, VADD_REQUIRE_ISOLATION="1")
    assert message.startswith("VADD_REQUIRE_ISOLATION is set, but this system cannot keep: ")
    assert "network (no socket is made); processes (no program and no process is started, " in message
    assert "\n" not in message


def test_required_promises_that_are_kept_change_nothing(kept, monkeypatch):
    for promise in kept:
        need(kept, promise)
    monkeypatch.setenv(isolation.REQUIRE, "1")
    assert isolation.promises() == kept
    monkeypatch.setenv(isolation.REQUIRE, "yes")
    with pytest.raises(IsolationError, match="is 1 or 0, not 'yes'"):
        isolation.promises()


def decide(program, architecture, number, arguments=()):
    """Run a filter as the kernel would: an independent reading of its instructions."""
    words = {0: number, 4: architecture, **{16 + 8 * at: value for at, value in enumerate(arguments)}}
    at, held = 0, 0
    while True:
        code, yes, no, constant = program[at]
        at += 1
        match code:
            case 0x20:
                held = words.get(constant, 0) & 0xFFFFFFFF
            case 0x15:
                at += yes if held == constant else no
            case 0x35:
                at += yes if held >= constant else no
            case 0x45:
                at += yes if held & constant else no
            case 0x06:
                return constant


ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", MACHINES)
def test_filter_of_each_machine(machine):
    architecture, column = MACHINES[machine]
    program = seccomp.program(machine, own=4711)
    assert len(program) < 4096  # the kernel takes no more

    def says(name, *arguments):
        for table in (seccomp.REFUSED, seccomp.MISSING, seccomp.ASKED):
            if name in table:
                return decide(program, architecture, table[name][column], arguments)
        raise KeyError(name)

    numbers = [pair[column] for pair in seccomp.REFUSED.values() if pair[column] >= 0]
    assert {decide(program, architecture, number) for number in numbers} == {EPERM}
    assert {says(name) for name in seccomp.MISSING} == {ENOSYS}
    assert decide(program, architecture, 463) == ENOSYS
    assert decide(program, architecture, 0x40000000 + 41) == ENOSYS  # numbers of x32
    assert decide(program, 0x40000003, 41) == KILL  # 32-bit calls have other numbers
    for read, mmap, futex in (((0, 9, 202) if machine == "x86_64" else (63, 222, 98)),):
        assert {decide(program, architecture, each) for each in (read, mmap, futex)} == {ALLOW}
    thread = 0x3D0F00
    assert [says("clone", thread), says("clone", 17), says("clone", 0x4111)] == [ALLOW, EPERM, EPERM]
    for flags, want in ((0, ALLOW), (os.O_CLOEXEC, ALLOW), (1, EPERM), (2, EPERM), (0o100, EPERM)):
        assert says("openat", 0, 0, flags) == want
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        assert [says(name, 4711), says(name, 1), says(name, -4711)] == [ALLOW, EPERM, EPERM]
    assert [says("prlimit64", 0), says("prlimit64", 4711), says("prlimit64", 1)] == [ALLOW, ALLOW, EPERM]
    assert [says("prctl", 15), says("prctl", 1)] == [ALLOW, EPERM]
    assert [says("ioctl", 0, 0x5401), says("ioctl", 0, 0x5412)] == [ALLOW, EPERM]


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernel(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"no {HEADERS[machine]}")
    text = HEADERS[machine].read_text()
    theirs = {
        name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)[ \t]+(\d+)", text)
    }
    ours = {
        name: pair[MACHINES[machine][1]]
        for name, pair in {**seccomp.REFUSED, **seccomp.MISSING, **seccomp.ASKED}.items()
    }
    known = {name: number for name, number in ours.items() if name in theirs}
    assert known == {name: theirs[name] for name in known}
    # A call that the header lacks is one that the machine lacks, or younger than the header.
    assert all(number == -1 or number > 446 for name, number in ours.items() if name not in theirs)
    assert len(known) > 80

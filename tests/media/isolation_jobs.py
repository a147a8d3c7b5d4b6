"""What a decoder would do that a file took over: each tried in the child, which tells how it was refused."""

# The calls themselves are what is tried.
# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH208, PTH211, S103, S606

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Message = tuple[dict[str, Any], dict[str, Any]]

_LIBC = ctypes.CDLL(None, use_errno=True)
#: Numbers of x86_64 and aarch64, for what Python has no function for.
_NUMBERS = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "pidfd_open": (434, 434), "bpf": (321, 280),
    "io_uring_setup": (425, 425), "userfaultfd": (323, 282), "unshare": (272, 97), "mount": (165, 40),
    "keyctl": (250, 219), "clone3": (435, 435), "openat2": (437, 437), "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265), "memfd_create": (319, 279), "setxattr": (188, 5), "prctl": (157, 167),
    "execveat": (322, 281), "shmget": (29, 194), "a call of the future": (999, 999),
}  # fmt: skip


def tries(channel: Any, *, what: str, path: str = "", port: int = 0, parent: int = 0) -> Message:
    """Try one thing; ``refused`` names the error, or is ``None``."""
    try:
        found = _TRIES[what](path, port, parent)
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno, str(error))}, {}
    except ValueError as error:  # Python's word for a limit that may not be raised
        return {"refused": str(error)}, {}
    return {"refused": None, "found": str(found)}, {}


def around(channel: Any) -> Message:
    """What a process sees of where it is."""
    opened = []
    for number in range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]):
        try:
            os.fstat(number)
        except OSError:
            continue
        opened.append(number)
    return {
        "environment": dict(os.environ),
        "descriptors": opened,
        "folder": os.getcwd(),  # noqa: PTH109
        "listed": os.listdir(),
        "path": sys.path,
    }, {}


def _call(name: str, *arguments: Any) -> int:
    number = _NUMBERS[name][platform.machine() != "x86_64"]
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    found = _LIBC.syscall(ctypes.c_long(number), *wide)
    if found < 0:
        raise OSError(ctypes.get_errno(), name)
    return int(found)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread_of_another_kind() -> None:
    """What ``posix_spawn`` does, and ``subprocess`` with it."""
    subprocess.run([sys.executable, "--version"], check=True)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))


_TRIES: dict[str, Callable[[str, int, int], Any]] = {
    "open a file": lambda path, port, parent: Path(path).read_bytes(),
    "open it through the root of a process": lambda path, port, parent: Path(
        f"/proc/self/root{path}"
    ).read_bytes(),
    "list a folder": lambda path, port, parent: os.listdir(path),
    "read another process": lambda path, port, parent: Path(f"/proc/{parent}/environ").read_bytes(),
    "read its own start": lambda path, port, parent: Path("/proc/self/cmdline").read_bytes(),
    "read the users": lambda path, port, parent: Path("/etc/passwd").read_bytes(),
    "write a file": lambda path, port, parent: os.close(os.open(path, os.O_WRONLY)),
    "cut a file short": lambda path, port, parent: os.close(os.open(path, os.O_RDONLY | os.O_TRUNC)),
    "truncate a file": lambda path, port, parent: os.truncate(path, 0),
    "make a file here": lambda path, port, parent: os.close(os.open("new", os.O_CREAT)),
    "make a folder here": lambda path, port, parent: os.mkdir("new"),
    "remove a file": lambda path, port, parent: os.unlink(path),
    "rename a file": lambda path, port, parent: os.rename(path, path + "2"),
    "link a file": lambda path, port, parent: os.link(path, path + "2"),
    "link to a file": lambda path, port, parent: os.symlink(path, "new"),
    "change a mode": lambda path, port, parent: os.chmod(path, 0o777),
    "change an owner": lambda path, port, parent: os.chown(path, os.getuid(), os.getgid()),
    "change times": lambda path, port, parent: os.utime(path, (1, 1)),
    "change an attribute": lambda path, port, parent: _call(
        "setxattr", path.encode(), b"user.vadd", b"x", 1, 0
    ),
    "make a file in memory": lambda path, port, parent: _call("memfd_create", b"x", 0),
    "connect": lambda path, port, parent: socket.create_connection(("127.0.0.1", port), 5),
    "speak to a socket file": lambda path, port, parent: socket.socket(socket.AF_UNIX),
    "make a pair": lambda path, port, parent: socket.socketpair(),
    "send a datagram": lambda path, port, parent: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "share memory": lambda path, port, parent: _call("shmget", 1, 4096, 0o1777),
    "run a program": lambda path, port, parent: os.execv(sys.executable, [sys.executable, "--version"]),
    "run an open program": lambda path, port, parent: _call("execveat", 0, b"", None, None, 0x1000),
    "fork": lambda path, port, parent: _fork(),
    "spawn": lambda path, port, parent: _thread_of_another_kind(),
    "end its parent": lambda path, port, parent: os.kill(parent, 0),
    "end its group": lambda path, port, parent: os.kill(0, 0),
    "trace its parent": lambda path, port, parent: _call("ptrace", 16, parent, 0, 0),
    "read its parent's memory": lambda path, port, parent: _call(
        "process_vm_readv", parent, None, 0, None, 0, 0
    ),
    "hold on to its parent": lambda path, port, parent: _call("pidfd_open", parent, 0),
    "limit its parent": lambda path, port, parent: resource.prlimit(parent, resource.RLIMIT_CORE),
    "outlive its parent": lambda path, port, parent: _call("prctl", 1, 0, 0, 0, 0),
    "raise a limit": lambda path, port, parent: _limit(),
    "mount": lambda path, port, parent: _call("mount", None, b"/", None, 0, None),
    "unshare": lambda path, port, parent: _call("unshare", 0x10000000),
    **{
        name: (lambda path, port, parent, name=name: _call(name, 0, 0, 0, 0, 0))
        for name in (
            "bpf", "io_uring_setup", "userfaultfd", "keyctl", "clone3", "openat2", "perf_event_open",
            "open_by_handle_at", "a call of the future",
        )
    },
}  # fmt: skip

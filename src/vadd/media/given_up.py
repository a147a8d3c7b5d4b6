"""What the guarded child gives up before it opens a file.

Each promise is kept by the kernel, not by the child's good will: what is given up here cannot be taken back.
A kernel may lack a mechanism. Then the child runs with the other promises, and says so; whoever would rather
have no result than that sets :data:`REQUIRE`. What does not hang on the kernel's age (an empty environment, a
folder of its own, no descriptor but three pipes, the clock, death with the parent) is the guard's own work.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vadd.media import landlock, seccomp

if TYPE_CHECKING:
    from vadd.media.child import Channel

__all__ = ["PROMISES", "REQUIRE", "allow_cpu", "code", "isolate", "nothing"]

#: Name → what is promised.
PROMISES = {
    "limits": "memory, open files and processor time are bounded; no byte is written to a file",
    "privileges": "nothing that it runs gets more rights than it has; of root's only that of reading is left",
    "reading": "no file is opened but the media named for it and the libraries",
    "writing": "no file is made, changed or removed",
    "network": "no socket is made",
    "processes": "no program and no process is started, and no other one is touched",
}
#: The variable that has a child refused which cannot keep every promise.
REQUIRE = "VADD_REQUIRE_ISOLATION"

#: Address space beyond the private memory that is allowed: libraries, stacks and what allocators reserve.
_RESERVED_BYTES = 8 * 2**30
_FILES = 64
_PR_SET_NO_NEW_PRIVS = 38
#: The one capability that is kept, as a mask: root opens the files of others with it.
_DAC_READ_SEARCH = 1 << 2
_CAPABILITY_VERSION = 0x20080522

#: What libraries read of a system. None of it is anybody's secret.
_SYSTEM = (
    "/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64",
    "/nix/store", "/gnu/store", "/etc/ld.so.cache", "/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies", "/etc/os-release", "/etc/localtime", "/dev/null", "/dev/urandom",
    "/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu",
    "/sys/bus/pci/devices", "/sys/class/drm",
)  # fmt: skip
_CODE = (".py", ".pyc", ".so", ".libs", ".dist-info", ".egg-info", "__pycache__")


def isolate(setup: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give all of it up, for good; to be called before the process starts a thread.

    Args:
        setup: ``memory_bytes``, ``cpu_seconds`` (of all jobs together), ``readable`` (files), ``room`` (the
            folder), ``path`` (where modules are searched for), ``prefixes`` (where Python lies),
            ``libraries`` (folders of shared libraries besides).

    Returns:
        Of each promise the mechanisms that keep it here; none if it is not kept.
    """
    _limit(setup["memory_bytes"], setup["cpu_seconds"])
    kept: dict[str, list[str]] = {name: [] for name in PROMISES}
    kept["limits"].append("rlimits")
    kept["privileges"].append(_give_up_privileges())
    if len([*Path("/proc/self/task").iterdir()]) > 1:  # the rest would hold for one of the threads only
        return kept
    readable = [*setup["readable"], *_SYSTEM, *setup["libraries"]]
    readable += code(setup["path"], setup["prefixes"])
    abi = landlock.version()
    if landlock.restrict(readable, setup["room"]) is None:
        kept["reading"].append(f"Landlock {abi}")
        # Truncation and changed modes escape it, but there is nothing that could be opened for either.
        kept["writing"].append(f"Landlock {abi}")
    if seccomp.install() is None:
        for name in ("writing", "network", "processes"):
            kept[name].append("seccomp")
    return kept


def nothing(channel: Channel) -> tuple[dict[str, Any], dict[str, Any]]:
    """A job that does nothing: its child has told what it gave up."""
    return {}, {}


def allow_cpu(seconds: int) -> None:
    """Let this process use so many seconds of processor time from now on, within what it was given in all."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    bound = int(used.ru_utime + used.ru_stime) + 1 + seconds
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (bound, hard))


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    for kind, bound in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_AS, memory_bytes + _RESERVED_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            bound = min(bound, hard)
        resource.setrlimit(kind, (bound, bound))


def _give_up_privileges() -> str:
    """Gain no rights by running a program, and lose what root has beyond a user: limits then bind root too.

    Returns:
        The mechanism.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(each) for each in (1, 0, 0, 0)]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, *wide) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    head = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    # Effective, permitted and inheritable: of the first 32 capabilities, and of the others.
    held = ctypes.create_string_buffer(24)
    if libc.capget(head, held) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    kept = struct.unpack_from("=I", held.raw, 4)[0] & _DAC_READ_SEARCH
    if libc.capset(head, struct.pack("=6I", kept, kept, 0, 0, 0, 0)) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    return "no_new_privs"


def code(path: Iterable[str], prefixes: Iterable[str]) -> Iterator[str]:
    """Where code lies. A folder of modules that may hold other things too is not named as a whole.

    That may be the working folder, or the one of the script that was started: somebody's home.

    Args:
        path: Where modules are searched for.
        prefixes: Where Python lies.

    Yields:
        Files and folders, whether they are there or not.
    """
    homes = [os.path.join(prefix, folder) for prefix in prefixes for folder in ("lib", "lib64")]  # noqa: PTH118
    yield from homes
    for entry in dict.fromkeys(path):
        known = os.path.basename(entry) in {"site-packages", "dist-packages"}  # noqa: PTH119
        if known or not os.path.isdir(entry) or any(_inside(entry, home) for home in homes):  # noqa: PTH112
            yield entry
            continue
        try:
            with os.scandir(entry) as found:
                yield from (each.path for each in found if _is_code(each))
        except OSError:  # what cannot be listed cannot be searched for modules either
            continue


def _is_code(entry: os.DirEntry[str]) -> bool:
    if entry.name.endswith(_CODE):
        return True
    # Every other folder that modules are imported from says so.
    return entry.is_dir() and os.path.isfile(os.path.join(entry.path, "__init__.py"))  # noqa: PTH113, PTH118


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)

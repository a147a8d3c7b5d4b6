"""Which files the guarded child may open: Landlock, which a process puts on itself and cannot take off.

A rule holds for the file or the folder that its path leads to now, by whatever name it is opened later. What
no rule names cannot be opened, listed, made, moved or removed, nor run; TCP is refused where the kernel can
(interface 4), signals and abstract sockets to processes outside are (interface 6). What Landlock does not
govern: asking for a file's size and times, and changing its mode or times (:mod:`vadd.media.seccomp` does).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable

__all__ = ["restrict", "version"]

#: The same numbers on every machine.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _REMOVE, _MAKE_FOLDER, _MAKE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
#: How many rights there are from which interface on; each is a bit.
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_TCP, _TCP_FROM = 0b11, 4
_SCOPES, _SCOPES_FROM = 0b11, 6
#: Where files can be made and removed again.
_ROOM = _READ | _LIST | _WRITE | _REMOVE_FOLDER | _REMOVE | _MAKE_FOLDER | _MAKE


def version() -> int:
    """The interface of this kernel, 1 or more; 0 without Landlock."""
    return max(0, int(_call(_CREATE, None, 0, _ASK_VERSION)))


def restrict(readable: Iterable[str], room: str) -> str | None:
    """Leave this thread, and all that it will start, nothing but these files.

    The process must have no other thread, and must have given up new privileges.

    Args:
        readable: Files, and folders with all below them; what is not there is passed over.
        room: The one folder that may be written to.

    Returns:
        Why it could not be done; ``None`` if it was.
    """
    abi = version()
    if not abi:
        return f"Landlock: {os.strerror(ctypes.get_errno())}"
    rights = (1 << max(count for since, count in _RIGHTS.items() if since <= abi)) - 1
    numbers = [rights]
    if abi >= _TCP_FROM:
        numbers.append(_TCP)
    if abi >= _SCOPES_FROM:
        numbers.append(_SCOPES)
    head = struct.pack(f"={len(numbers)}Q", *numbers)
    rules = int(_call(_CREATE, head, len(head), 0))
    if rules < 0:
        return f"Landlock: {os.strerror(ctypes.get_errno())}"
    try:
        for path in readable:
            _allow(rules, path, _READ | _LIST)
        _allow(rules, room, _ROOM)
        if _call(_RESTRICT, rules, 0) != 0:
            return f"Landlock: {os.strerror(ctypes.get_errno())}"
    finally:
        os.close(rules)
    return None


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, so there is nothing to allow
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _READ | _WRITE
        rule = struct.pack("=Qi", rights, place)
        if _call(_ADD, rules, _PATH_BENEATH, rule, 0) != 0 and ctypes.get_errno() != errno.EBADFD:
            raise OSError(ctypes.get_errno(), "Landlock takes no rule for it", path)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(libc.syscall(ctypes.c_long(number), *wide))

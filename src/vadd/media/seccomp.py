"""Which calls the guarded child may not make to the kernel: a filter that it puts on and cannot take off.

The filter names what is refused, as nobody knows all that an allocator or a numerical library may call on
somebody else's machine. Calls that are younger than the table are refused too, in the way of an old kernel
that does not know them. The numbers are those of the kernel's own headers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

__all__ = ["install", "program"]

#: Machine → the kernel's name for its calling convention, and the column of the tables below.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: The youngest call that the tables know; the same number on both machines.
_LAST = 462

#: Of x86_64 and of aarch64; -1 where a machine has no such call.
_Numbers = tuple[int, int]

#: Refused whatever the arguments are.
REFUSED: dict[str, _Numbers] = {
    # No network, and no talk with other processes on this machine.
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242), "sendto": (44, 206),
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "recvmsg": (47, 212), "recvmmsg": (299, 243),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192), "semctl": (66, 191), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # No other program, no further process, no hand on another one.
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "tkill": (200, 130), "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # No file made, changed or removed.
    "creat": (85, -1), "truncate": (76, 45), "rename": (82, -1), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, -1), "linkat": (265, 37), "symlink": (88, -1),
    "symlinkat": (266, 36), "unlink": (87, -1), "unlinkat": (263, 35), "mkdir": (83, -1),
    "mkdirat": (258, 34), "rmdir": (84, -1), "mknod": (133, -1), "mknodat": (259, 33), "chmod": (90, -1),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, -1),
    "lchown": (94, -1), "fchown": (93, 55), "fchownat": (260, 54), "utime": (132, -1), "utimes": (235, -1),
    "utimensat": (280, 88), "futimesat": (261, -1), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # Corners of the kernel that a decoder has no business in.
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "move_mount": (429, 429), "open_tree": (428, 428), "mount_setattr": (442, 442), "unshare": (272, 97),
    "setns": (308, 268), "bpf": (321, 280), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "fanotify_init": (300, 262),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225), "syslog": (103, 116), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, -1), "ioperm": (173, -1), "modify_ldt": (154, -1),
    "uselib": (134, -1), "vhangup": (153, 58), "personality": (135, 92),
}  # fmt: skip
#: Said to be unknown, so that the C library takes the older call, whose arguments a filter can read.
MISSING: dict[str, _Numbers] = {"clone3": (435, 435), "openat2": (437, 437)}
#: Asked for their arguments.
ASKED: dict[str, _Numbers] = {
    "clone": (56, 220), "open": (2, -1), "openat": (257, 56), "kill": (62, 129), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "prlimit64": (302, 261),
    "prctl": (157, 167), "ioctl": (16, 29),
}  # fmt: skip

_CLONE_THREAD = 0x00010000
#: To write, to make, to cut short.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _MODE_FILTER = 1, 22, 2
#: Two requests that put words into a terminal as if its user had typed them.
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_Instruction = tuple[int, int, int, int]


def install() -> str | None:
    """Put the filter on this thread and on all that it will start; never to be taken off.

    The process must have no other thread, and must have given up new privileges.

    Returns:
        Why there is none: another machine, or a kernel without filters; ``None`` if it is on.
    """
    machine = platform.machine()
    if machine not in _MACHINES or sys.maxsize <= 2**32:
        return f"no table of calls for {machine}"
    code = b"".join(struct.pack("<HBBI", *each) for each in program(machine, os.getpid()))
    held = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_ulong]
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, head, 0, 0) == 0:
        return None
    return f"seccomp: {os.strerror(ctypes.get_errno())}"


def program(machine: str, own: int) -> list[_Instruction]:
    """The filter as instructions ``(code, jump if true, jump if false, constant)``.

    Args:
        machine: One of the two that there are tables for.
        own: The id of the process that it is for: signals and limits of others are not its business.
    """
    architecture, column = _MACHINES[machine]
    refused, unknown = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    made = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),  # numbers of another convention would mean other calls
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _LAST + 1),
        (_RETURN, 0, 0, unknown),
    ]
    bodies = {
        **{name: [(_RETURN, 0, 0, refused)] for name in REFUSED},
        **{name: [(_RETURN, 0, 0, unknown)] for name in MISSING},
        "clone": _if_set(0, _CLONE_THREAD, _ALLOW, refused),
        "open": _if_set(1, _WRITING, refused, _ALLOW),
        "openat": _if_set(2, _WRITING, refused, _ALLOW),
        **{
            name: _if_one_of(0, (own,), _ALLOW, refused)
            for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
        },
        "prlimit64": _if_one_of(0, (0, own), _ALLOW, refused),
        # It would outlive its parent.
        "prctl": _if_one_of(0, (_PR_SET_PDEATHSIG,), refused, _ALLOW),
        "ioctl": _if_one_of(1, (_TIOCSTI, _TIOCLINUX), refused, _ALLOW),
    }
    for name, numbers in {**REFUSED, **MISSING, **ASKED}.items():
        number = numbers[column]
        if number != -1:  # this machine has it
            made += [(_EQUAL, 0, len(bodies[name]), number), *bodies[name]]
    return [*made, (_RETURN, 0, 0, _ALLOW)]


def _if_set(argument: int, bits: int, then: int, otherwise: int) -> list[_Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),  # the lower half, which comes first
        (_ANY_SET, 0, 1, bits),
        (_RETURN, 0, 0, then),
        (_RETURN, 0, 0, otherwise),
    ]


def _if_one_of(argument: int, values: tuple[int, ...], then: int, otherwise: int) -> list[_Instruction]:
    asked = [[(_EQUAL, 0, 1, value), (_RETURN, 0, 0, then)] for value in values]
    return [
        (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
        *(each for pair in asked for each in pair),
        (_RETURN, 0, 0, otherwise),
    ]

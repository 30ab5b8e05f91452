"""Who a thread is to the file system: the server itself, or for a while the user to whom a principal is mapped.

The kernel keeps file-system ids and groups for each thread. The C library's setgroups would change them in all
threads, so the bare system call is made; setfsuid and setfsgid report no errors, so what they did is read back. A
thread that cannot become itself again must not serve anybody: the process is aborted.
"""

import ctypes
import os
import platform
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_libc = ctypes.CDLL(None, use_errno=True)
_SYS_SETGROUPS: Final = {"x86_64": 116, "aarch64": 159, "riscv64": 159, "s390x": 206, "ppc64le": 81}
_CAPABILITY_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_CAP_SYS_RESOURCE: Final = 1 << 24
_UNCHANGED: Final = 0xFFFFFFFF  # setfsuid of this changes nothing and returns what is


@dataclass(frozen=True, slots=True)
class Credential:
    """A user as the file system knows one."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


# The server itself: the credential of a thread that has not become anybody else.
SERVER: Final = Credential(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def can_change() -> bool:
    """Whether this process can act as other users."""
    return os.geteuid() == 0 and sys.maxsize > 2**32 and platform.machine() in _SYS_SETGROUPS


def give_up_reserves() -> None:
    """Let quotas and the space that is reserved for root hold for this thread, and for those it starts from now on.

    The kernel takes most of root's powers from a thread that is another user to the file system, but not this one.
    Raises PermissionError if the kernel refuses.
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    sets = ctypes.create_string_buffer(24)  # effective, permitted and inheritable, of the lower 32 and the upper ones
    _require_done("capget", _libc.capget(header, sets))
    effective, *others = struct.unpack("=6I", sets.raw)
    _require_done("capset", _libc.capset(header, struct.pack("=6I", effective & ~_CAP_SYS_RESOURCE, *others)))


def _require_done(name: str, result: int) -> None:
    if result != 0:
        problem = ctypes.get_errno()
        raise PermissionError(problem, f"{name}: {os.strerror(problem)}")


class _Thread(threading.local):
    """Who the present thread is."""

    present: Credential = SERVER


_thread: Final = _Thread()


@contextmanager
def acting_as(credential: Credential) -> Iterator[None]:
    """Be `credential` in this thread, and afterwards again who it was before. May be nested.

    Raises PermissionError if the kernel refuses; the thread is then who it was.
    """
    before = _thread.present
    if credential == before:
        yield
        return
    try:
        _become(credential)
        _thread.present = credential
        yield
    finally:
        _return_to(before)
        _thread.present = before


def _return_to(credential: Credential) -> None:
    try:
        _become(credential)
    except BaseException as problem:
        # Whoever this thread is now, the next call that it serves would run with the wrong rights.
        os.write(2, f"cannot give up a user's rights, aborting: {problem}\n".encode())
        os.abort()


def _become(credential: Credential) -> None:
    groups = struct.pack(f"={len(credential.groups)}I", *credential.groups)
    number = _SYS_SETGROUPS[platform.machine()]
    _require_done("setgroups", _libc.syscall(number, ctypes.c_long(len(credential.groups)), groups))
    _libc.setfsgid(ctypes.c_uint32(credential.gid))
    _libc.setfsuid(ctypes.c_uint32(credential.uid))
    now = (_libc.setfsuid(ctypes.c_uint32(_UNCHANGED)), _libc.setfsgid(ctypes.c_uint32(_UNCHANGED)))
    if now != (credential.uid, credential.gid):
        raise PermissionError(f"setfsuid, setfsgid: wanted {credential.uid}, {credential.gid}; they are {now}")

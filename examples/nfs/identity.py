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
    if _libc.syscall(number, ctypes.c_long(len(credential.groups)), groups) != 0:
        problem = ctypes.get_errno()
        raise PermissionError(problem, f"setgroups: {os.strerror(problem)}")
    _libc.setfsgid(ctypes.c_uint32(credential.gid))
    _libc.setfsuid(ctypes.c_uint32(credential.uid))
    now = (_libc.setfsuid(ctypes.c_uint32(_UNCHANGED)), _libc.setfsgid(ctypes.c_uint32(_UNCHANGED)))
    if now != (credential.uid, credential.gid):
        raise PermissionError(f"setfsuid, setfsgid: wanted {credential.uid}, {credential.gid}; they are {now}")

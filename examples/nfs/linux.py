"""The Linux system calls that the standard library lacks, each as a function that raises OSError.

All take descriptors and octets; none follows a symbolic link. A ctypes call lets other threads run meanwhile.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)

_SYS_OPENAT2: Final = 437  # these two numbers are the same on every architecture
_SYS_FACCESSAT2: Final = 439

_AT_EACCESS: Final = 0x200
_AT_EMPTY_PATH: Final = 0x1000
_RESOLVE: Final = 0x01 | 0x02 | 0x04 | 0x08  # NO_XDEV | NO_MAGICLINKS | NO_SYMLINKS | BENEATH
_STATX_BTIME: Final = 0x800
_PATH_MAX: Final = 4096

# Kinds of kernel file handle that are known to name the same file with the same octets for ever: FILEID_INO32_GEN
# (ext4, tmpfs and others) and btrfs's. Others (FUSE's) may change while the file stays.
_LASTING_HANDLES: Final = (1, 0x4D)

UTIME_NOW: Final = (1 << 30) - 1
UTIME_OMIT: Final = (1 << 30) - 2


class Birth(NamedTuple):
    """When a file was made, and which generation of its inode number it is; zeros for what the file system hides."""

    seconds: int
    nanoseconds: int
    generation: int


class DirectoryEntry(NamedTuple):
    """One name in a directory. `offset` is where reading goes on after it; `kind` is DT_DIR and the like, 0 unknown."""

    inode: int
    offset: int
    kind: int
    name: bytes

    @property
    def may_be_directory(self) -> bool:
        return self.kind in (0, 4)


def open_beneath(directory: int, path: bytes) -> int:
    """Open `path` below `directory` as an O_PATH descriptor: never outside it, through no link, on no other mount.

    A symbolic link at the end is opened itself. Raises OSError: ELOOP for a link on the way, EXDEV for a way out.
    """
    first, *others = _short_enough(path)
    opened = _openat2(directory, first)
    for part in others:
        above, opened = opened, -1
        try:
            opened = _openat2(above, part)
        finally:
            os.close(above)
    return opened


def _openat2(directory: int, path: bytes) -> int:
    how = struct.pack("=QQQ", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, 0, _RESOLVE)
    return _check(_libc.syscall(_SYS_OPENAT2, directory, path, how, len(how)), path)


def _short_enough(path: bytes) -> Iterator[bytes]:
    """Cut a path that is longer than the kernel takes at once."""
    while len(path) >= _PATH_MAX:
        cut = path.rindex(b"/", 0, _PATH_MAX)
        yield path[:cut]
        path = path[cut + 1 :]
    yield path


def reopen(descriptor: int, flags: int) -> int:
    """Open what an O_PATH descriptor stands for, with the rights that the calling thread has now."""
    return os.open(self_path(descriptor), flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK)


def self_path(descriptor: int) -> str:
    """A path that leads to the object of a descriptor itself, even if that is a symbolic link."""
    return f"/proc/self/fd/{descriptor}"


def birth(descriptor: int) -> Birth:
    """What tells this file from an earlier or later one with its inode number."""
    answer = ctypes.create_string_buffer(256)
    _check(_libc.statx(descriptor, b"", _AT_EMPTY_PATH, _STATX_BTIME, answer))
    (mask,) = struct.unpack_from("=I", answer)
    seconds, nanoseconds = struct.unpack_from("=qI", answer, 80) if mask & _STATX_BTIME else (0, 0)
    return Birth(seconds, nanoseconds, _generation(descriptor))


def _generation(descriptor: int) -> int:
    # Times of birth are as coarse as the kernel's tick, and an inode number can be used again within one. The
    # generation tells those apart; it is to be had, without a descriptor open for reading, in the kernel's own handle.
    answer = ctypes.create_string_buffer(struct.pack("=Ii", 128, 0), 8 + 128)
    mount = ctypes.c_int()
    if _libc.name_to_handle_at(descriptor, b"", answer, ctypes.byref(mount), _AT_EMPTY_PATH) != 0:
        return 0
    size, kind = struct.unpack_from("=Ii", answer)
    if kind not in _LASTING_HANDLES:
        return 0
    return int.from_bytes(blake2b(answer.raw[8 : 8 + size], digest_size=4).digest(), "big")


def permitted(descriptor: int, mode: int) -> bool:
    """Whether the calling thread may os.R_OK, os.W_OK or os.X_OK the object."""
    try:
        require_permission(descriptor, mode)
    except OSError:
        return False
    return True


def require_permission(descriptor: int, mode: int) -> None:
    """Raise OSError, as opening would, if the calling thread has not all rights in `mode` to the object."""
    _check(_libc.syscall(_SYS_FACCESSAT2, descriptor, b"", mode, _AT_EACCESS | _AT_EMPTY_PATH))


def set_times(descriptor: int, accessed: tuple[int, int], modified: tuple[int, int]) -> None:
    """Set the times of an object; each is seconds and nanoseconds, the latter may be UTIME_NOW or UTIME_OMIT."""
    times = struct.pack("=qqqq", *accessed, *modified)
    _check(_libc.utimensat(-100, self_path(descriptor).encode(), times, 0))


def read_directory(descriptor: int, offset: int, size: int = 32768) -> list[DirectoryEntry]:
    """Read names from an offset on (0, or that of an entry), as many as fit `size` octets; none at the end.

    Raises OSError: EINVAL for an offset that the file system never gave.
    """
    os.lseek(descriptor, offset - (1 << 64) if offset >> 63 else offset, os.SEEK_SET)
    answer = ctypes.create_string_buffer(size)
    length = _check(_libc.getdents64(descriptor, answer, ctypes.c_size_t(size)))
    return list(_entries(answer.raw[:length]))


def _entries(answer: bytes) -> Iterator[DirectoryEntry]:
    position = 0
    while position < len(answer):
        inode, offset, length, kind = struct.unpack_from("=QQHB", answer, position)
        name = answer[position + 19 : answer.index(0, position + 19)]
        yield DirectoryEntry(inode, offset, kind, name)
        position += length


def sync_file_system(descriptor: int) -> None:
    """Write out everything of the file system that a descriptor is in."""
    _check(_libc.syncfs(descriptor))


def _check(result: int, path: bytes | None = None) -> int:
    if result >= 0:
        return result
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), path)


def require_openat2() -> None:
    """Raise OSError with a plain text if this system cannot confine a walk to a directory."""
    here = os.open("/", os.O_PATH | os.O_CLOEXEC)
    try:
        os.close(open_beneath(here, b"."))
    except OSError as problem:
        if problem.errno in (errno.ENOSYS, errno.EPERM):
            raise OSError(problem.errno, "the system call openat2 (Linux 5.6) is not to be had here") from problem
        raise
    finally:
        os.close(here)

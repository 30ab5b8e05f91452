"""File handles: 48 octets that name one file of one export for ever, and that only this server can make.

A handle is version, export, the file's identity, and a MAC over these under a key that lives in the state directory.
It says nothing of where the file is, so RENAME does not change it; the index knows where. It gives no rights either:
every call is judged by its principal. The MAC keeps strangers from naming files that they were never shown.
"""

import errno
import hmac
import os
import secrets
import struct
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple, Self

_VERSION: Final = 1
_HEAD: Final = struct.Struct(">B3xI")
_FILE: Final = struct.Struct(">QqII")
_MAC_SIZE: Final = 16
_KEY_SIZE: Final = 32
HANDLE_SIZE: Final = _HEAD.size + _FILE.size + _MAC_SIZE


class BadHandle(ValueError):
    """These octets are no handle of this server's (NFS3ERR_BADHANDLE)."""


class StaleHandle(LookupError):
    """A handle whose file is gone, or no longer where this server can find it (NFS3ERR_STALE)."""


class FileId(NamedTuple):
    """One file of an export, now and for ever: inode number, time of birth, generation of the inode number."""

    inode: int
    seconds: int
    nanoseconds: int
    generation: int

    def pack(self) -> bytes:
        return _FILE.pack(*self)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        return cls(*_FILE.unpack(packed))


class Handles:
    """Makes and reads the handles of one export."""

    def __init__(self, key: bytes, export: int) -> None:
        self._key = key
        self.export = export

    def seal(self, file: FileId) -> bytes:
        """The handle of a file: HANDLE_SIZE octets."""
        named = _HEAD.pack(_VERSION, self.export) + file.pack()
        return named + self._mac(named)

    def open_untrusted(self, handle: bytes) -> FileId:
        """Read a handle. Raises BadHandle for one not made with this key, StaleHandle for another export's."""
        if len(handle) != HANDLE_SIZE:
            raise BadHandle(f"a handle has {HANDLE_SIZE} octets, this one {len(handle)}")
        named, mac = handle[:-_MAC_SIZE], handle[-_MAC_SIZE:]
        if not hmac.compare_digest(mac, self._mac(named)):
            raise BadHandle("not made by this server")
        version, export = _HEAD.unpack_from(named)
        if (version, export) != (_VERSION, self.export):
            raise StaleHandle("of another export")
        return FileId.unpack(named[_HEAD.size :])

    def _mac(self, named: bytes) -> bytes:
        return blake2b(named, key=self._key, digest_size=_MAC_SIZE).digest()


def load_key(path: Path) -> bytes:
    """The key for handles, made at the first start. Several servers may start at once.

    Raises OSError if the file cannot be read or written, PermissionError if others than its owner may read it.
    """
    try:
        return _read_key(path)
    except FileNotFoundError:
        _write_key(path)
        return _read_key(path)


def _read_key(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            raise PermissionError(errno.EACCES, "others than its owner may read this key; chmod 600 it", str(path))
        key = file.read(_KEY_SIZE + 1)
    if len(key) != _KEY_SIZE:
        raise OSError(errno.EINVAL, f"a key for handles has {_KEY_SIZE} octets, this file has not", str(path))
    return key


def _write_key(path: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp gives mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_SIZE))
            file.flush()
            os.fsync(descriptor)
        # A link, not a rename: whoever comes first wins, and nobody reads half a key.
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)

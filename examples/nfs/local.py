"""The local side of copies: files that appear whole or not at all, and directories that are no links."""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import trio

from examples.nfs.failures import WrongKindOfFile

NEW_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def temporary_name() -> str:
    """A name that nobody else uses, for what is not finished yet."""
    return f".{secrets.token_hex(12)}.part"


class LocalReplacement:
    """A new file beside `target`. It takes target's place when the block ends well, and is gone if it does not.

    The file is on disk before it is renamed, and the name before the block is left. Raises OSError, and WrongKindOfFile
    when target is a directory or a device. Cancelled before the rename, target is as it was.
    """

    def __init__(self, target: Path, mode: int) -> None:
        self._target = target
        self._temporary = target.with_name(temporary_name())
        self._mode = mode & 0o777 & ~_umask()
        self._descriptor = -1
        self.size: int | None = None
        self.mtime_ns: int | None = None

    async def __aenter__(self) -> Self:
        with suppress(FileNotFoundError):
            kind = self._target.lstat().st_mode
            if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
                raise WrongKindOfFile(f"{self._target}: is in the way and not a regular file; name another place")
        with _naming(self._target):
            self._descriptor = os.open(self._temporary, NEW_FILE, 0o600)
        return self

    def write(self, offset: int, data: bytes) -> None:
        """Put octets at their place; page cache, so it does not wait for the disk."""
        written = 0
        with _naming(self._target):
            while written < len(data):
                written += os.pwrite(self._descriptor, memoryview(data)[written:], offset + written)

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        try:
            if kind is None:
                with _naming(self._target):
                    self._finish_attributes()
                    await trio.to_thread.run_sync(os.fsync, self._descriptor)
                    os.rename(self._temporary, self._target)
        except BaseException:
            os.unlink(self._temporary)
            raise
        finally:
            os.close(self._descriptor)
        if kind is not None:
            os.unlink(self._temporary)
        else:
            await trio.to_thread.run_sync(_sync_directory, self._target.parent)

    def _finish_attributes(self) -> None:
        if self.size is not None:
            os.ftruncate(self._descriptor, self.size)
        os.fchmod(self._descriptor, self._mode)
        if self.mtime_ns is not None:
            os.utime(self._descriptor, ns=(self.mtime_ns, self.mtime_ns))


def make_local_directory(path: Path) -> None:
    """A directory at path, new or not. A symbolic link to one does not count: it could lead out of the tree."""
    try:
        os.mkdir(path)
    except FileExistsError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise WrongKindOfFile(f"{path}: is in the way and not a directory; move it away") from None


def replace_local_link(path: Path, target: str) -> None:
    """A symbolic link at path, in the place of whatever file or link was there."""
    temporary = path.with_name(temporary_name())
    with _naming(path):
        os.symlink(target, temporary)
    try:
        with _naming(path):
            os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def opened(source: Path) -> Iterator[tuple[int, os.stat_result]]:
    """A regular local file's descriptor and status. Raises OSError, and WrongKindOfFile for all else."""
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise WrongKindOfFile(f"{source}: is not a regular file; directories are copied with -r")
        yield descriptor, status
    finally:
        os.close(descriptor)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have errors of the block name the path that the user knows, and no temporary name or none at all."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    """The process's umask: it can only be read by setting it, so where Linux shows it, it is read there."""
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""Files that nobody but their owner may touch: read with care, written in one step that survives a crash."""

import contextlib
import os
import secrets
import stat
from pathlib import Path

from rpcgss.reauth.errors import KeyringError


def read_private(path: Path, what: str, limit: int, *, missing: str) -> bytes:
    """The file's octets, if nobody but its owner may touch it. The checks are made on the file that was opened.

    Raises KeyringError that names the file as `what`, with `missing` for advice if it is not there; if the system
    failed, its OSError is the cause.
    """
    try:
        # Without O_NONBLOCK, a FIFO put there would hang the server.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _demand_private(os.fstat(descriptor), f"{what} {path}", limit)
            return os.read(descriptor, limit)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise KeyringError(f"there is no {what} at {path}: {missing}") from None
    except OSError as error:
        raise KeyringError(f"cannot read {what} {path}: {error.strerror}") from error


def write_private(path: Path, octets: bytes, what: str, *, overwrite: bool) -> None:
    """Put `octets` at `path`, mode 0600. Raises KeyringError, also if something is there and `overwrite` does not allow
    it; then what was there is there still."""
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(octets)
                file.flush()
                if overwrite:
                    _keep_owner(target, descriptor)
                os.fsync(descriptor)
            if overwrite:
                os.replace(scratch, target)
            else:
                os.link(scratch, target)  # fails if anything is there
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(scratch)
        _sync_directory(target.parent)
    except FileExistsError:
        raise KeyringError(
            f"{path} exists already and is not overwritten: every ticket under it would be lost"
        ) from None
    except OSError as error:
        raise KeyringError(f"cannot write {what} {path}: {error.strerror}") from error


def _demand_private(found: os.stat_result, what: str, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyringError(f"{what} is not a regular file")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyringError(f"{what} has mode {mode:04o}, so others may have read it: chmod 600, and rotate it")
    if os.geteuid() != 0 and found.st_uid not in (0, os.geteuid()):
        raise KeyringError(f"{what} belongs to somebody else (uid {found.st_uid})")
    if found.st_size > limit:
        raise KeyringError(f"{what} is larger than {limit} octets")


def _keep_owner(target: Path, descriptor: int) -> None:
    """A change by root must not take the file away from the server's own user."""
    if os.geteuid() == 0:
        with contextlib.suppress(FileNotFoundError):
            old = os.stat(target)
            os.fchown(descriptor, old.st_uid, old.st_gid)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

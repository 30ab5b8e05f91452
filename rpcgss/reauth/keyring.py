"""The keyring in a file: what a server must not lose to recognise its tickets after a restart, or those of its fellows.

Who reads a keyring can mint any principal, so it is guarded like a keytab and shared only among hosts that share the
acceptor's key. The file has mode 0600 and is owned by who runs the server (or by root); `keyset` says what is in it.
Changes are made under a lock on the file's directory, written beside the file, synced and renamed over it: a reader
sees the old or the new keyring, never half of one.
"""

import contextlib
import fcntl
import logging
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keyset import DEFAULT_LIFE, MAX_DOCUMENT, KeyKeeper, KeySet, first_keys, parse_document

logger = logging.getLogger(__name__)


class Keyring(KeyKeeper):
    """A keyring in a file, read again whenever the file changes.

    Raises KeyringError if the file is missing, cannot be read, is not private or makes no sense: a server must not
    start then. Once it has started, a file that went bad leaves the keys as they were; `problem` and the log say so.
    """

    def __init__(self, path: str | os.PathLike[str], *, wall_clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path).absolute()  # a daemon may change its directory
        super().__init__(f"keyring {self.path}", wall_clock)
        self.problem: str | None = None
        self.failed_reloads = 0
        self._seen = _file_state(self.path)
        self._present = _load(self.path)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        *,
        scope: str = "default",
        longest_life: int = DEFAULT_LIFE,
        wall_clock: Callable[[], float] = time.time,
    ) -> "Keyring":
        """Make a new keyring with one fresh key. Raises KeyringError if anything exists at `path`: an old keyring is
        never overwritten, since every ticket under it would be lost."""
        keys = first_keys(scope, longest_life, wall_clock).check(f"keyring {path}")
        _write(Path(path), keys, overwrite=False)
        return cls(path, wall_clock=wall_clock)

    def keys(self) -> KeySet:
        """The present keys; one stat(2) each time, a read only when the file is not the one seen before."""
        state = _file_state(self.path)
        if state != self._seen:
            self._seen = state if self._reload() else _NEVER
        return self._present

    def _change(self, change: Callable[[KeySet], KeySet]) -> KeySet:
        with _locked_directory(self.path):
            changed = change(_load(self.path)).check(self.name)
            _write(self.path, changed, overwrite=True)
        self.keys()
        return changed

    def _reload(self) -> bool:
        """False: that the file could not be read may have nothing to do with the file."""
        try:
            self._present = _load(self.path)
        except KeyringError as error:
            unread = isinstance(error.__cause__, OSError)
            if not unread or self.problem != str(error):
                logger.warning("%s; the keys read before stay in use", error)
            self.problem = str(error)
            self.failed_reloads += 1
            return not unread
        self.problem = None
        logger.info("keyring %s read again: %d keys", self.path, len(self._present.keys))
        return True

    def __repr__(self) -> str:
        return f"Keyring({os.fspath(self.path)!r})"


_NEVER: Final = ()
"""The state of no file."""


def _file_state(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode


def _load(path: Path) -> KeySet:
    return parse_document(_read_private(path), f"keyring {path}")


def _read_private(path: Path) -> bytes:
    """The file's octets, if nobody but its owner may touch it. The checks are made on the file that was opened."""
    try:
        # Without O_NONBLOCK, a FIFO put there would hang the server.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _demand_private(path, os.fstat(descriptor))
            return os.read(descriptor, MAX_DOCUMENT)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise KeyringError(f"there is no keyring at {path}: create it first (Keyring.create)") from None
    except OSError as error:
        raise KeyringError(f"cannot read keyring {path}: {error.strerror}") from error


def _demand_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyringError(f"keyring {path} is not a regular file")
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyringError(f"keyring {path} has mode {mode:04o}, so others may have read it: chmod 600, and rotate it")
    if os.geteuid() != 0 and found.st_uid not in (0, os.geteuid()):
        raise KeyringError(f"keyring {path} belongs to somebody else (uid {found.st_uid})")
    if found.st_size > MAX_DOCUMENT:
        raise KeyringError(f"keyring {path} is larger than {MAX_DOCUMENT} octets")


def _write(path: Path, keys: KeySet, *, overwrite: bool) -> None:
    """Put `keys` at `path` in one step that survives a crash; KeyringError leaves what was there."""
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(keys.document())
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
        raise KeyringError(f"cannot write keyring {path}: {error.strerror}") from error


def _keep_owner(target: Path, descriptor: int) -> None:
    """A rotation by root must not take the keyring away from the server's own user."""
    old = os.stat(target)
    if os.geteuid() == 0:
        os.fchown(descriptor, old.st_uid, old.st_gid)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked_directory(path: Path) -> Iterator[None]:
    """Only one process changes a keyring at a time. The directory is locked because the file itself is replaced."""
    try:
        descriptor = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise KeyringError(f"cannot lock the directory of keyring {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

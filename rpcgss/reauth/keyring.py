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
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keyset import DEFAULT_LIFE, MAX_DOCUMENT, KeyKeeper, KeySet, first_keys, parse_document
from rpcgss.reauth.private import read_private, write_private
from rpcgss.rpc.quiet import QuietLog

_log = QuietLog(logging.getLogger(__name__))


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
                _log.warning("%s; the keys read before stay in use", error, event="keyring.unreadable")
            self.problem = str(error)
            self.failed_reloads += 1
            return not unread
        self.problem = None
        keys = len(self._present.keys)
        _log.info("keyring %s read again: %d keys", self.path, keys, event="keyring.read")
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
    octets = read_private(path, "keyring", MAX_DOCUMENT, missing="create it first (rpcgss keys new)")
    return parse_document(octets, f"keyring {path}")


def _write(path: Path, keys: KeySet, *, overwrite: bool) -> None:
    write_private(path, keys.document(), "keyring", overwrite=overwrite)


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

"""The keyring: all that a server must not lose to recognise its tickets after a restart, or those of its fellows.

Who reads a keyring can mint any principal, so it is guarded like a keytab and shared only among hosts that share the
acceptor's key. The file is JSON, mode 0600, owned by who runs the server (or by root):

    {"format": "rpcgss keyring 1",
     "scope": "nfs.example.org",          name bound into every ticket; hosts that share the keyring share it
     "longest_life": 86400,               seconds: no ticket is granted for longer than this
     "revoked_before": 0,                 wall time: what was established before is over
     "keys": [{"key": "64 hex digits", "begins": 1700000000, "ends": null}, …]}

A key seals tickets from `begins` until a later key begins; it opens them until `ends` (null: until a rotation sets it).
Times are seconds since 1970. Changes are made under a lock on the file's directory, written beside the file, synced
and renamed over it: a reader sees the old or the new keyring, never half of one.
"""

import contextlib
import fcntl
import json
import logging
import math
import os
import secrets
import stat
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keys import KEY_LENGTH, key_index

FORMAT: Final = "rpcgss keyring 1"
MAX_FILE: Final = 65536
MAX_KEYS: Final = 64
MAX_SCOPE: Final = 255
DEFAULT_LIFE: Final = 86400
"""Seconds that a ticket lives at most, unless the keyring says otherwise: a day, like most Kerberos tickets."""

CLOCK_SKEW: Final = 300
"""Seconds by which the clocks of hosts that share a keyring may differ."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `begins` and `ends` are wall time; its `index` is what tickets carry."""

    secret: bytes = field(repr=False)
    begins: int
    ends: int | None = None
    index: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", key_index(self.secret))

    def ended(self, now: float) -> bool:
        return self.ends is not None and self.ends <= now


@dataclass(frozen=True, slots=True)
class KeySet:
    """What a keyring holds at one moment. Never changes; a changed keyring is another KeySet."""

    scope: str
    keys: tuple[Key, ...]
    longest_life: int = DEFAULT_LIFE
    revoked_before: int = 0

    def current(self, now: float) -> Key | None:
        """The key to seal tickets with at wall time `now`, or None if no key has begun or all have ended."""
        begun = [key for key in self.keys if key.begins <= now and not key.ended(now)]
        # Of keys that begin in the same second, the one added last: the others are on their way out.
        return max(reversed(begun), key=lambda key: key.begins, default=None)

    def find(self, index: int, now: float) -> Key | None:
        """The key with this index, if it has not ended. One yet to begin counts: a fellow's clock may be ahead."""
        for key in self.keys:
            if key.index == index and not key.ended(now):
                return key
        return None


class KeySource(ABC):
    """Where a server has its keys from."""

    @abstractmethod
    def keys(self) -> KeySet:
        """The present keys. Cheap enough to ask before every use; raises nothing: keys that were good once stay
        in use while their source is away."""


class FixedKeys(KeySource):
    """Keys that live in this process alone and die with it: for tests, and for who wants recovery only there."""

    def __init__(self, keys: KeySet) -> None:
        self.present = keys

    @classmethod
    def random(cls, scope: str = "process") -> "FixedKeys":
        return cls(KeySet(scope, (Key(secrets.token_bytes(KEY_LENGTH), begins=0),)))

    def keys(self) -> KeySet:
        return self.present


class Keyring(KeySource):
    """A keyring in a file, read again whenever the file changes.

    Raises KeyringError if the file is missing, cannot be read, is not private or makes no sense: a server must not
    start then. Once it has started, a file that went bad leaves the keys as they were; `problem` and the log say so.
    """

    def __init__(self, path: str | os.PathLike[str], *, wall_clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path).absolute()  # a daemon may change its directory
        self.problem: str | None = None
        self.failed_reloads = 0
        self._wall_clock = wall_clock
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
        fresh = Key(secrets.token_bytes(KEY_LENGTH), begins=int(wall_clock()))
        keys = _checked(KeySet(scope, (fresh,), longest_life), Path(path))
        _write(Path(path), keys, overwrite=False)
        return cls(path, wall_clock=wall_clock)

    def keys(self) -> KeySet:
        """The present keys; one stat(2) each time, a read only when the file is not the one seen before."""
        state = _file_state(self.path)
        if state != self._seen:
            self._seen = state if self._reload() else _NEVER
        return self._present

    def rotate(self, *, lead: float = 0, forget_old: bool = False) -> Key:
        """Add a fresh key that seals tickets from `lead` seconds from now on, and return it.

        A `lead` longer than a reload takes spares fellows tickets that they cannot open yet. Older keys go on opening
        tickets for the longest ticket life; with `forget_old` they are gone at once, and so is every ticket under
        them (what to do when a keyring was stolen), and the fresh one is in use at once, on fellows with slow clocks
        too. Raises KeyringError; then the file is as it was.
        """
        now = self._wall_clock()
        begins = math.floor(now) - CLOCK_SKEW if forget_old else math.ceil(now + lead)
        fresh = Key(secrets.token_bytes(KEY_LENGTH), begins)

        def rotated(old: KeySet) -> KeySet:
            ends = begins + old.longest_life + CLOCK_SKEW
            kept = [] if forget_old else [_retired(key, begins, ends) for key in old.keys if not key.ended(now)]
            return replace(old, keys=(*kept, fresh))

        self._change(rotated)
        return fresh

    def revoke(self, before: float | None = None) -> int:
        """End whatever was established before this wall time (default: now), and return the revocation time in force.

        It never moves back. Raises KeyringError, also for a time in the future, which would end what is yet to come.
        """
        now = math.ceil(self._wall_clock())
        moment = now if before is None else math.ceil(before)
        if moment > now:
            raise KeyringError(f"keyring {self.path}: the revocation time lies in the future")
        self._change(lambda old: replace(old, revoked_before=max(old.revoked_before, moment)))
        return self._present.revoked_before

    def _change(self, change: Callable[[KeySet], KeySet]) -> None:
        with _locked_directory(self.path):
            _write(self.path, _checked(change(_load(self.path)), self.path), overwrite=True)
        self.keys()

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


def _retired(key: Key, begins: int, ends: int) -> Key:
    """`key` after a later one has been added that begins then: to end once no ticket under it can be alive."""
    superseded = key.ends is None and key.begins <= begins
    return Key(key.secret, key.begins, ends if superseded else key.ends)


def _file_state(path: Path) -> tuple[int, ...] | None:
    """What changes whenever the file does; None if it is not there."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode


def _load(path: Path) -> KeySet:
    try:
        document = json.loads(_read_private(path))
        if document["format"] != FORMAT:
            raise KeyringError(f"keyring {path}: its format is not {FORMAT!r}")
        scope = document["scope"]
        if not isinstance(scope, str):
            raise TypeError
        keys = tuple(_parse_key(entry) for entry in document["keys"])
        return _checked(
            KeySet(scope, keys, _integer(document["longest_life"]), _integer(document["revoked_before"])), path
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        # `from None`: the text of a parser's error may quote the file.
        raise KeyringError(f"keyring {path} is damaged: put back a copy, or make a new one elsewhere") from None


def _parse_key(entry: dict[str, object]) -> Key:
    secret, ends = entry["key"], entry["ends"]
    if not isinstance(secret, str):
        raise TypeError
    return Key(bytes.fromhex(secret), _integer(entry["begins"]), None if ends is None else _integer(ends))


def _integer(value: object) -> int:
    if type(value) is not int:  # neither true nor 1.0
        raise TypeError
    return value


def _checked(keys: KeySet, path: Path) -> KeySet:
    """The same keys, or KeyringError."""

    def demand(holds: bool, what: str) -> None:
        if not holds:
            raise KeyringError(f"keyring {path}: {what}")

    demand(0 < _octets_in(keys.scope) <= MAX_SCOPE, f"its scope must have 1 to {MAX_SCOPE} octets")
    demand(0 < keys.longest_life < 1 << 31, "its longest life is no number of seconds")
    demand(keys.revoked_before >= 0, "its revocation time is no time")
    demand(0 < len(keys.keys) <= MAX_KEYS, f"it must hold 1 to {MAX_KEYS} keys")
    demand(all(len(key.secret) == KEY_LENGTH for key in keys.keys), f"a key does not have {KEY_LENGTH} octets")
    # A ticket names its key by the index alone and is tried under that one key.
    demand(len({key.index for key in keys.keys}) == len(keys.keys), "two keys have the same index")
    return keys


def _octets_in(scope: str) -> int:
    """How long it is on tickets; 0 if it cannot be there."""
    try:
        return len(scope.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return 0


def _read_private(path: Path) -> bytes:
    """The file's octets, if nobody but its owner may touch it. The checks are made on the file that was opened."""
    try:
        # Without O_NONBLOCK, a FIFO put there would hang the server.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _demand_private(path, os.fstat(descriptor))
            return os.read(descriptor, MAX_FILE)
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
    if found.st_size > MAX_FILE:
        raise KeyringError(f"keyring {path} is larger than {MAX_FILE} octets")


def _write(path: Path, keys: KeySet, *, overwrite: bool) -> None:
    """Put `keys` at `path` in one step that survives a crash; KeyringError leaves what was there."""
    target = Path(os.path.realpath(path))  # a symbolic link stays one
    scratch = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(_serialised(keys))
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


def _serialised(keys: KeySet) -> bytes:
    document = {
        "format": FORMAT,
        "scope": keys.scope,
        "longest_life": keys.longest_life,
        "revoked_before": keys.revoked_before,
        "keys": [{"key": key.secret.hex(), "begins": key.begins, "ends": key.ends} for key in keys.keys],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


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

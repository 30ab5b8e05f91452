"""The keyring in etcd, for fleets: one change reaches every server within moments.

What lies in etcd is sealed under a key of the fleet's own, so that who can read etcd, its backups or its traffic holds
nothing: see `sealing`. The serial begins with the time (seconds since 1970) and grows with each change: who can write
to etcd, but does not hold the sealing key, can delete the keyring or bring an old one back, and a running server takes
neither. (A server that starts then believes the old one, unless it has a copy of a newer one.)

How it works: a thread reads the value, then watches it through etcd's JSON gateway (v3) and reads it again whenever it
changed, was silent for a while, or the connection broke. While etcd is away, the last keys stay in use; `problem` and
the log say so. A changed value is put there by a transaction that fails if somebody else's change came first.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.etcd_gateway import ANSWER_SECONDS, Etcd, Gateway, Stored
from rpcgss.reauth.keyset import DEFAULT_LIFE, KeyKeeper, KeySet, first_keys
from rpcgss.reauth.private import read_private, write_private
from rpcgss.reauth.sealing import MAX_SEALED, Seal
from rpcgss.rpc.quiet import QuietLog

FIRST_RETRY: Final = 0.5
LONGEST_RETRY: Final = 15.0
RESTORE: Final = "rotate it by a URL with copy=FILE, on a host that has a copy, and find out who has changed it"
CHANGES: Final = 8
"""How often a change is tried anew because another one came first."""

__all__ = ["Etcd", "EtcdKeyring"]

_log = QuietLog(logging.getLogger(__name__))


class EtcdKeyring(KeyKeeper):
    """The keyring `name` in etcd, sealed under the key in the file `sealing_key`.

    copy    -- a file that keeps the last keyring, still sealed, so that a server starts while etcd is away, and takes
               none that is older
    problem -- why the present keys may be old, or None
    events  -- called, from a thread of the keyring's, whenever the keys or the problem have changed; what they raise is
               logged

    Raises KeyringError if there is no such keyring, it does not open, or etcd (and a copy) cannot be had: a server must
    not start then. Call `close` when done.
    """

    def __init__(
        self,
        etcd: Etcd,
        name: str,
        sealing_key: str | os.PathLike[str],
        *,
        copy: str | os.PathLike[str] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(f"keyring {name!r} in etcd", wall_clock)
        self.problem: str | None = None
        self.events: Final[list[Callable[[], None]]] = []
        self._etcd: Final = etcd
        self._etcd_key: Final = name
        self._seal: Final = Seal(Path(sealing_key), name)
        self._copy: Final = None if copy is None else Path(copy).absolute()
        self._gateway = Gateway(etcd, name)
        self._closing = threading.Event()
        self._taking = threading.Lock()
        self._serial = 0
        self._process = os.getpid()
        try:
            self._present = self._first()
        except BaseException:
            self._gateway.close()
            raise
        self._begin_to_follow()

    @classmethod
    def create(
        cls,
        etcd: Etcd,
        name: str,
        sealing_key: str | os.PathLike[str],
        *,
        scope: str = "default",
        longest_life: int = DEFAULT_LIFE,
        copy: str | os.PathLike[str] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> "EtcdKeyring":
        """Put a new keyring with one fresh key there. Raises KeyringError if there is one already."""
        where = f"keyring {name!r} in etcd"
        keys = first_keys(scope, longest_life, wall_clock).check(where)
        # Above those of one that was there before: servers that know it take this one.
        sealed = Seal(Path(sealing_key), name).close(int(wall_clock()), keys)
        gateway = Gateway(etcd, name)
        try:
            if not gateway.replace(0, sealed):
                raise KeyringError(
                    f"{where} exists already and is not overwritten: every ticket under it would be lost"
                )
        finally:
            gateway.close()
        return cls(etcd, name, sealing_key, copy=copy, wall_clock=wall_clock)

    def keys(self) -> KeySet:
        """The present keys. Never waits for etcd."""
        if self._process != os.getpid():  # a forked child: threads, locks and connections are its parent's
            self._process = os.getpid()
            self._gateway = self._gateway.another()
            self._closing = threading.Event()
            self._taking = threading.Lock()
            self._begin_to_follow()
        return self._present

    def close(self) -> None:
        """Follow no more; the keys stay as they are. Idempotent."""
        if self._process != os.getpid():
            return  # all of it is our parent's
        self._closing.set()
        self._gateway.interrupt()
        self._follower.join(ANSWER_SECONDS)
        self._gateway.close()

    def _change(self, change: Callable[[KeySet], KeySet]) -> KeySet:
        for _ in range(CHANGES):
            stored = self._gateway.read()
            self._take(stored)
            if stored.octets is None:
                raise KeyringError(f"{self.name} is gone: create it again (rpcgss keys new)")
            serial, old = self._seal.open(stored.octets)
            with self._taking:
                if serial <= self._serial:  # an older one would bring back what has been revoked since
                    serial, old = self._serial, self._present
            changed = change(old).check(self.name)
            sealed = self._seal.close(serial + 1, changed)
            if self._gateway.replace(stored.mod_revision, sealed):
                self._take(self._gateway.read())
                return changed
        raise KeyringError(f"{self.name} is being changed by many others: try again")

    def _first(self) -> KeySet:
        copied = self._from_copy()
        try:
            stored = self._gateway.read()
        except KeyringError as error:
            if copied is None:
                raise
            self._trouble(f"{error}; taking the copy at {self._copy}")
            self._serial, keys = copied
            return keys
        if stored.octets is None:
            raise KeyringError(f"there is no {self.name}: create it first (rpcgss keys new)")
        self._serial, keys = self._seal.open(stored.octets)
        if copied is not None and copied[0] > self._serial:
            self._trouble(f"{self.name} is older than the copy at {self._copy}: {RESTORE}")
            self._serial, keys = copied
        else:
            self._keep_copy(stored.octets)
        return keys

    def _from_copy(self) -> tuple[int, KeySet] | None:
        """Serial and keys of the copy, if there is one that can be used."""
        if self._copy is None or not self._copy.exists():
            return None
        try:
            return self._seal.open(
                read_private(self._copy, "copy of a keyring", MAX_SEALED, missing="start while etcd is there")
            )
        except KeyringError as error:
            _log.warning("copy at %s: %s", self._copy, error, event="keyring.unreadable")
            return None

    def _begin_to_follow(self) -> None:
        self._follower = threading.Thread(target=self._follow, name=self.name, daemon=True)
        self._follower.start()

    def _follow(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                stored = self._gateway.read()
                self._take(stored)
                self._gateway.wait_for_change(stored.revision)
                failures = 0
            except Exception as error:  # a thread that ended would leave revoked keys in use without a word
                if self._closing.is_set():
                    return
                known = isinstance(error, KeyringError)
                self._trouble(str(error) if known else f"{self.name} cannot be followed: {type(error).__name__}")
                failures += 1
                longest = min(FIRST_RETRY * 2.0 ** min(failures, 16), LONGEST_RETRY)
                self._closing.wait(longest * (0.5 + secrets.randbelow(1000) / 2000))

    def _take(self, stored: Stored) -> None:
        """Take over what is in etcd, if it is newer than what is here and good."""
        if stored.octets is None:
            self._trouble(f"{self.name} is gone")
            return
        try:
            serial, keys = self._seal.open(stored.octets)
        except KeyringError as error:
            self._trouble(str(error))
            return
        with self._taking:
            # The same serial, and another keyring: made from an older one by somebody who did not know this one.
            older = serial < self._serial or (serial == self._serial and keys != self._present)
            newer = serial > self._serial
            if newer:
                self._serial, self._present = serial, keys
        if older:
            self._trouble(f"{self.name} is older than the one seen before: {RESTORE}")
            return
        solved, self.problem = self.problem is not None, None
        if newer:
            _log.info("%s read again: %d keys", self.name, len(keys.keys), event="keyring.read")
            self._keep_copy(stored.octets)
        elif solved:
            _log.info("%s is there again", self.name, event="keyring.read")
        if newer or solved:
            self._tell()

    def _trouble(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _log.warning("%s; the keys read before stay in use", problem, event="keyring.unreadable")
            self._tell()

    def _tell(self) -> None:
        for event in tuple(self.events):
            try:
                event()
            except Exception:
                _log.exception("an event of %s failed", self.name, event="observer.failed")

    def _keep_copy(self, octets: bytes) -> None:
        if self._copy is not None:
            try:
                write_private(self._copy, octets, "copy of a keyring", overwrite=True)
            except KeyringError as error:
                _log.warning("%s", error, event="keyring.unreadable")

    def __repr__(self) -> str:
        return f"EtcdKeyring({self.name!r})"

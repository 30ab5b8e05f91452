"""An SQLite file that is nobody else's: for its owner alone, of one kind and version, for threads and forked children.

SQLite's own files beside it get its mode.

SQLite must not be carried across a fork: what it knows of the locks that its process has would go with it, so that a
child that opens the file anew would take none, and its parent, closing the file, would remove the log that the child
writes to. So files are closed before a fork, and opened again by whoever uses them next.
"""

import os
import sqlite3
import stat
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rpcgss.rpc.errors import RpcError

BUSY_SECONDS: Final = 5.0
"""How long one process waits for another's transaction."""


@dataclass(frozen=True, slots=True)
class DatabaseKind:
    """What a file is for.

    name        -- for errors: "ticket store", say
    application -- in the file's header, with `version`, so that no other program's database is taken for one
    schema      -- statements that make the tables
    settings    -- PRAGMA statements for each connection
    error       -- raised of whatever goes wrong
    """

    name: str
    application: int
    version: int
    schema: str
    settings: Sequence[str]
    error: type[RpcError]


class PrivateDatabase:
    """Raises `kind.error` if the file cannot be opened, may be used by others, or is something else; so does whatever
    is done in a `transaction`."""

    def __init__(self, path: str | os.PathLike[str], kind: DatabaseKind) -> None:
        self.path: Final = Path(path).absolute()
        self._kind: Final = kind
        self._lock: Final = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._file = (0, 0)  # device and inode of what is open
        _databases.add(self)
        with self._lock:
            self._open()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that the block does, or nothing; one at a time in all threads and processes."""
        with self._lock:
            database = self._open()
            try:
                database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            except BaseException as error:
                if database.in_transaction:
                    with suppress(sqlite3.Error):
                        database.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error | UnicodeError):  # names are octets of strangers
                    raise self._kind.error(f"{self._kind.name} {self.path}: {error}") from error
                raise

    def close(self) -> None:
        """Close the file. Idempotent; it is opened again when it is used."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    def _open(self) -> sqlite3.Connection:
        """The connection of this process."""
        if self._database is not None:
            self._demand_present()
            return self._database
        kind = self._kind
        self._make_private()
        try:
            # No transactions but those that are begun here.
            database = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as error:
            raise kind.error(f"cannot open {kind.name} {self.path}: {error}") from error
        try:
            self._prepare(database)
        except (sqlite3.Error, kind.error) as error:
            database.close()
            raise kind.error(f"{self.path} is no {kind.name} that can be used: {error}") from error
        self._database = database
        return database

    def _demand_present(self) -> None:
        """SQLite goes on with a file that has been removed, while others make a new one. Both would be believed."""
        try:
            found = os.stat(self.path)
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._file:
            self._close()
            raise self._kind.error(f"{self._kind.name} {self.path} was removed or replaced while it was open")

    def _make_private(self) -> None:
        """Create the file for its owner alone before SQLite would, or see that it is so. One that is there is not
        opened: to close it would take away the locks that SQLite has on it in this process."""
        name = self._kind.name
        try:
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            found = os.stat(self.path)
        except OSError as error:
            raise self._kind.error(f"cannot open {name} {self.path}: {error.strerror}") from error
        if not stat.S_ISREG(found.st_mode):
            raise self._kind.error(f"{name} {self.path} is not a regular file")
        if found.st_mode & 0o077 or found.st_uid != os.geteuid():
            raise self._kind.error(f"{name} {self.path} may be used by others: it must be yours alone, mode 0600")
        self._file = found.st_dev, found.st_ino

    def _prepare(self, database: sqlite3.Connection) -> None:
        """Make the tables in a new file; recognise an old one."""
        kind = self._kind
        database.execute("BEGIN IMMEDIATE")  # of several processes that start at once, one makes the tables
        try:
            (application,) = database.execute("PRAGMA application_id").fetchone()
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and (application, version) != (kind.application, kind.version):
                raise kind.error("it belongs to another program or version")
            if not tables:
                for statement in kind.schema.split(";;"):
                    database.execute(statement)
                database.execute(f"PRAGMA application_id = {kind.application}")
                database.execute(f"PRAGMA user_version = {kind.version}")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        for setting in kind.settings:
            _set(database, setting)


def _set(database: sqlite3.Connection, setting: str) -> None:
    """For the change to another journal SQLite does not wait by itself while others have the file open."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute(setting)
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


_databases: Final[weakref.WeakSet[PrivateDatabase]] = weakref.WeakSet()
_held: Final[list[PrivateDatabase]] = []  # while this process forks


def _before_fork() -> None:
    """No transaction goes on, and nothing is open."""
    for database in tuple(_databases):
        database._lock.acquire()
        database._close()
        _held.append(database)


def _after_fork() -> None:
    while _held:
        _held.pop()._lock.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

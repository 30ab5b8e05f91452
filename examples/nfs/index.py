"""Where the files behind handles are: a table in SQLite from (directory, name) to the file last seen there.

Directories are rows too, so a path is found by following parents upwards, and renaming a directory changes one row.
A file with hard links has a row for each that was seen. The index is a memory of the file system, not the truth:
whoever uses a row verifies what it finds. It is written before a handle leaves the server, so handles survive the
server's end; a crash of the machine may lose the newest rows (the file itself stays sound), and their handles go stale.

Several processes may use one index. Every method may block, and may be called from any thread.
"""

import errno
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from rpcgss.rpc.quiet import QuietLog

_LAYOUT: Final = 1
_TABLES: Final = """
    CREATE TABLE IF NOT EXISTS export (path TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS place (
        export INTEGER NOT NULL, parent BLOB NOT NULL, name BLOB NOT NULL, file BLOB NOT NULL,
        PRIMARY KEY (export, parent, name)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS place_of_file ON place (export, file);
"""
_BUSY_MILLISECONDS: Final = 5000
_ERRORS: Final = {
    sqlite3.SQLITE_BUSY: errno.EAGAIN,
    sqlite3.SQLITE_LOCKED: errno.EAGAIN,
    sqlite3.SQLITE_FULL: errno.ENOSPC,
}

_log = QuietLog(logging.getLogger(__name__))


class Place(NamedTuple):
    """A name in a directory; `parent` is the directory's packed FileId."""

    parent: bytes
    name: bytes


class Sighting(NamedTuple):
    """A file (its packed FileId) seen at a place. A directory has one place: seen here, it is nowhere else."""

    place: Place
    file: bytes
    is_directory: bool


class Index:
    """The index of one export; use one per process.

    When the data base fails, all methods raise OSError: EAGAIN if another process holds it for too long, ENOSPC if its
    disk is full, else EIO. Nothing is changed then. Once in use they say so in the log: a client learns a number only.
    """

    def __init__(self, path: Path, directory: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # it tells the names of files
        with self._translated():
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._database.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
            self._prepare()
            self.export = self._export(directory)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def places(self, file: bytes) -> list[Place]:
        """Where a file was last seen; several places if it has several names."""
        query = "SELECT parent, name FROM place WHERE export = ? AND file = ?"
        with self._locked() as database:
            return [Place(*row) for row in database.execute(query, (self.export, file))]

    def unknown(self, sightings: Iterable[Sighting]) -> list[Sighting]:
        """Those of the sightings that are not in the index."""
        with self._locked():
            return [seen for seen in sightings if self._file_at(seen.place) != seen.file]

    def record(self, sightings: Iterable[Sighting]) -> None:
        """Remember where files are."""
        with self._locked() as database, _transaction(database):
            for seen in sightings:
                self._write(seen)

    def forget(self, place: Place, file: bytes | None = None) -> None:
        """Forget what is at a place: anything, or only this file."""
        query = "DELETE FROM place WHERE export = ? AND parent = ? AND name = ? AND file = ifnull(?, file)"
        with self._locked() as database:
            database.execute(query, (self.export, place.parent, place.name, file))

    def forget_below(self, directory: bytes) -> None:
        """Forget the names in a directory that is gone."""
        with self._locked() as database:
            database.execute("DELETE FROM place WHERE export = ? AND parent = ?", (self.export, directory))

    def move(self, old: Place, seen: Sighting) -> None:
        """A file was renamed from `old` to where it is seen now."""
        query = "DELETE FROM place WHERE export = ? AND parent = ? AND name = ?"
        with self._locked() as database, _transaction(database):
            database.execute(query, (self.export, *old))
            self._write(seen)

    def _file_at(self, place: Place) -> bytes | None:
        query = "SELECT file FROM place WHERE export = ? AND parent = ? AND name = ?"
        row = self._database.execute(query, (self.export, *place)).fetchone()
        return bytes(row[0]) if row else None

    def _write(self, seen: Sighting) -> None:
        if seen.is_directory:
            self._database.execute("DELETE FROM place WHERE export = ? AND file = ?", (self.export, seen.file))
        self._database.execute("REPLACE INTO place VALUES (?, ?, ?, ?)", (self.export, *seen.place, seen.file))

    def _prepare(self) -> None:
        # WAL lets other processes read while one writes; NORMAL is whole after a crash, see the top of this file.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        with _transaction(self._database):
            (layout,) = self._database.execute("PRAGMA user_version").fetchone()
            if layout not in (0, _LAYOUT):
                raise OSError(errno.EINVAL, f"the index has layout {layout}, not {_LAYOUT}", str(self._path))
            for statement in _TABLES.split(";"):
                self._database.execute(statement)
            self._database.execute(f"PRAGMA user_version = {_LAYOUT}")

    def _export(self, directory: str) -> int:
        # A random number, so that the handles and the fsid of two servers' exports differ.
        query = "INSERT OR IGNORE INTO export VALUES (?, ?)"
        self._database.execute(query, (directory, secrets.randbits(32)))
        (number,) = self._database.execute("SELECT id FROM export WHERE path = ?", (directory,)).fetchone()
        return int(number)

    @contextmanager
    def _locked(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._translated():
                yield self._database
        except OSError as problem:
            _log.warning("%s: %s", problem.filename, problem.strerror)
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the rest tells it finer
            number = _ERRORS.get(code, errno.EIO)
            raise OSError(number, f"the index of handles: {problem}", str(self._path)) from problem


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite may have rolled it back by itself, as when the disk is full
            database.execute("ROLLBACK")
        raise

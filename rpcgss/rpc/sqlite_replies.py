"""A reply cache in a file, for the workers of one server and for servers that are started again.

A call is claimed by the worker that is to execute it before that begins, and what came of it is in the file before its
reply leaves. The claims of a worker that was killed are found by its lock, which the kernel has let go of: nobody
knows how far those calls had come, so they are answered SYSTEM_ERR and never executed again, unless the service would
rather have that than a fault.

The file survives the end of every process. It does not promise to survive the machine's: what was written in the last
moments before a loss of power may be missing (SQLite's write-ahead log, not synchronised for each call), and then a
call that comes again is executed again. So it is across hosts: each server has a file of its own.
"""

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import trio

from rpcgss.rpc.database import DatabaseKind, PrivateDatabase
from rpcgss.rpc.errors import ReplyCacheError, Superseded
from rpcgss.rpc.kept import ENTRY_OCTETS, CallKey, Fate, Outcome, ReplyLimits
from rpcgss.rpc.liveness import Workers
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.replies import ReplyCache
from rpcgss.rpc.work import ThreadWorker, Worker

FIRST_LOOK: Final = 0.01
LONGEST_LOOK: Final = 0.25
"""Seconds between looks at a call that another worker executes."""

_log = QuietLog(logging.getLogger(__name__))


class SqliteReplyCache(ReplyCache):
    """Replies in an SQLite file of mode 0600, on a local file system, with its other files beside it.

    resume -- execute again what a killed worker has begun: for services whose clients know what to make of a second
              execution, as of a file that is there already, and not of SYSTEM_ERR
    worker -- runs what may wait for the disk. Not cancelled: that takes milliseconds
    clock  -- seconds that all processes of the machine agree on, and that never go back while it runs

    Raises `ReplyCacheError` if the file cannot be opened, may be used by others or is not such a cache. Call `close`
    when the server has ended.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        limits: ReplyLimits | None = None,
        *,
        resume: bool = False,
        worker: Worker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(limits or ReplyLimits())
        self._resume: Final = resume
        self._worker: Final = worker or ThreadWorker(1)
        self._clock: Final = clock
        self._database: Final = PrivateDatabase(path, _KIND)
        self.path: Final[Path] = self._database.path
        self._workers: Final = Workers(self.path)
        try:
            self._recover(clock())
        except BaseException:
            self.close()
            raise

    def __len__(self) -> int:
        with self._database.transaction() as database:
            (count,) = database.execute("SELECT count(*) FROM replies").fetchone()
        return int(count)

    @property
    def octets(self) -> int:
        """That are kept, see `ReplyLimits`."""
        with self._database.transaction() as database:
            return _total(database)

    def close(self) -> None:
        """Close the file. Idempotent; to be used no more."""
        self._workers.close()
        self._database.close()

    async def _claim(self, key: CallKey) -> Outcome | Literal[Fate.NEW]:
        deadline = self._clock() + self.limits.seconds
        pause = FIRST_LOOK
        while True:
            with trio.CancelScope(shield=True):
                fate = await self._worker.run(self._claim_now, key, self._clock())
            if fate is not Fate.RUNNING:
                return fate
            if self._clock() + pause > deadline:
                raise Superseded("another worker is executing the call, for too long")
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK)

    async def _settle(self, key: CallKey, fate: Outcome | Literal[Fate.NEW]) -> None:
        with trio.CancelScope(shield=True):
            try:
                await self._worker.run(self._settle_now, key, fate, self._clock())
            except ReplyCacheError as error:
                # The reply may leave: to this worker the claim that stays says that the call has been executed.
                _log.warning("a reply is not kept: %s", error, event="reply.not_kept")

    # In the worker's threads

    def _recover(self, now: float) -> None:
        """Settle what dead workers have left, and what was kept before the machine's clock began anew: by how much is
        not known, so it is kept for the whole time once more, and no longer."""
        last = now + self.limits.seconds
        with self._database.transaction() as database:
            database.execute("UPDATE replies SET expiry = ? WHERE expiry > ?", (last, last))
            dead = set(self._workers.dead())
            claimed = database.execute("SELECT DISTINCT worker FROM replies WHERE worker IS NOT NULL").fetchall()
            for (worker,) in claimed:
                if worker not in dead and self._workers.alive(worker):
                    continue
                if self._resume:
                    database.execute("DELETE FROM replies WHERE worker = ?", (worker,))
                else:
                    database.execute(f"{_BREAK_OFF} WHERE worker = ?", (last, worker))

    def _claim_now(self, key: CallKey, now: float) -> Outcome | Fate:
        with self._database.transaction() as database:
            mine = self._my_name()
            row = database.execute("SELECT worker, results, expiry FROM replies WHERE digest = ?", (key.digest,))
            worker, results, expiry = row.fetchone() or (None, None, now)
            if worker is not None and worker != mine and self._workers.alive(worker):
                return Fate.RUNNING
            if worker is not None and (worker == mine or not self._resume):
                database.execute(f"{_BREAK_OFF} WHERE digest = ?", (now + self.limits.seconds, key.digest))
                self.counters.broken_off += worker != mine
                return Fate.FAULT
            if worker is None and expiry > now:
                return Fate.FAULT if results is None else bytes(results)
            database.execute("DELETE FROM replies WHERE digest = ?", (key.digest,))
            database.execute(_INSERT, (key.digest, key.share, mine, None, ENTRY_OCTETS, now))
        return Fate.NEW

    def _settle_now(self, key: CallKey, fate: Outcome | Literal[Fate.NEW], now: float) -> None:
        with self._database.transaction() as database:
            if fate is Fate.NEW:
                database.execute("DELETE FROM replies WHERE digest = ?", (key.digest,))
                return
            results = None if fate is Fate.FAULT else fate
            settled = results, ENTRY_OCTETS + len(results or b""), now + self.limits.seconds
            if not database.execute(_SETTLE, (*settled, key.digest)).rowcount:  # somebody has put in a new file
                database.execute(_INSERT, (key.digest, key.share, None, *settled))
            database.execute("DELETE FROM replies WHERE worker IS NULL AND expiry <= ?", (now,))
            while _total(database) > self.limits.octets and database.execute(_EVICT).rowcount:
                self.counters.evicted += 1

    def _my_name(self) -> str:
        try:
            return self._workers.name
        except OSError as error:
            raise ReplyCacheError(f"{error.filename}: {error.strerror}") from error

    def __repr__(self) -> str:
        return f"SqliteReplyCache({os.fspath(self.path)!r})"


def _total(database: sqlite3.Connection) -> int:
    (octets,) = database.execute("SELECT octets FROM total").fetchone()
    return int(octets)


_INSERT: Final = "INSERT INTO replies (digest, share, worker, results, octets, expiry) VALUES (?, ?, ?, ?, ?, ?)"
_BREAK_OFF: Final = f"UPDATE replies SET worker = NULL, results = NULL, octets = {ENTRY_OCTETS}, expiry = ?"
_SETTLE: Final = "UPDATE replies SET worker = NULL, results = ?, octets = ?, expiry = ? WHERE digest = ?"
_EVICT: Final = """
DELETE FROM replies WHERE rowid = (
    SELECT rowid FROM replies WHERE worker IS NULL AND share = (
        -- The largest that is not made of calls under way alone.
        SELECT share FROM shares
        WHERE EXISTS (SELECT 1 FROM replies WHERE worker IS NULL AND share = shares.share)
        ORDER BY octets DESC LIMIT 1
    ) ORDER BY expiry LIMIT 1
)
"""
_SCHEMA: Final = """
CREATE TABLE replies (
    digest  BLOB PRIMARY KEY,  -- of whose call it is, xid, procedure and arguments
    share   BLOB NOT NULL,     -- who pays for the room
    worker  TEXT,              -- who executes it; NULL: it has ended
    results BLOB,              -- NULL: there are none, whatever was done
    octets  INTEGER NOT NULL,
    expiry  REAL NOT NULL      -- seconds since the machine was started
);;
CREATE INDEX by_expiry ON replies (expiry);;
CREATE INDEX by_share ON replies (share, expiry);;
CREATE TABLE shares (share BLOB PRIMARY KEY, octets INTEGER NOT NULL) WITHOUT ROWID;;
CREATE INDEX by_octets ON shares (octets);;
CREATE TABLE total (octets INTEGER NOT NULL);;
INSERT INTO total VALUES (0);;
CREATE TRIGGER added AFTER INSERT ON replies BEGIN
    INSERT OR IGNORE INTO shares VALUES (NEW.share, 0);
    UPDATE shares SET octets = octets + NEW.octets WHERE share = NEW.share;
    UPDATE total SET octets = octets + NEW.octets;
END;;
CREATE TRIGGER changed AFTER UPDATE OF octets ON replies WHEN NEW.octets <> OLD.octets BEGIN
    UPDATE shares SET octets = octets + NEW.octets - OLD.octets WHERE share = NEW.share;
    UPDATE total SET octets = octets + NEW.octets - OLD.octets;
END;;
CREATE TRIGGER removed AFTER DELETE ON replies BEGIN
    UPDATE shares SET octets = octets - OLD.octets WHERE share = OLD.share;
    DELETE FROM shares WHERE share = OLD.share AND octets <= 0;
    UPDATE total SET octets = octets - OLD.octets;
END
"""
_KIND: Final = DatabaseKind(
    name="reply cache",
    application=0x52504352,
    version=1,
    schema=_SCHEMA,
    settings=("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"),
    error=ReplyCacheError,
)

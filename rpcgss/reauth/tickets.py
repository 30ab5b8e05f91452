"""A client's tickets: one for each principal, target and mechanism, in memory or in a file.

Who reads a ticket store can do what its principals may do, until the tickets expire, so the file is guarded like a
credential cache. A client without a store keeps its ticket to itself and forgets it when it is closed.
"""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final

from rpcgss.gss.provider import GssName
from rpcgss.reauth.errors import TicketStoreError
from rpcgss.reauth.keys import KEY_LENGTH
from rpcgss.reauth.reauth_xdr import REAUTH_MAX_SEALED
from rpcgss.rpc.database import DatabaseKind, PrivateDatabase
from rpcgss.rpc.work import ThreadWorker, Worker

MAX_TICKETS: Final = 4096
"""Tickets in a store at most; the ones that expire first make room."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client keeps: the server's ticket, the session key that belongs to it, and whose it is.

    initiator, acceptor -- names of the context that it continues; target -- the service as the application named it
    mechanism           -- dotted object identifier of that context's real mechanism
    flags               -- what that context had agreed (GssFlag)
    key_index, sealed   -- the server's ticket, opaque to us
    session_key         -- SK, 32 octets
    expiry              -- seconds since 1970 by this machine's clock
    """

    initiator: GssName
    acceptor: GssName
    target: str
    mechanism: str
    flags: int
    key_index: int
    sealed: bytes = field(repr=False)
    session_key: bytes = field(repr=False)
    expiry: float

    def expired(self, wall: float) -> bool:
        return self.expiry <= wall


class TicketStore(ABC):
    """Where tickets outlive one client. Methods raise TicketStoreError and are safe to cancel: a ticket is saved as a
    whole or not at all."""

    @abstractmethod
    async def load(self, principal: str, target: str, mechanism: str | None, wall: float) -> Ticket | None:
        """The ticket of exactly this principal for exactly this target, unless it has expired at `wall`.

        `mechanism` None takes any; of several, the one that lives longest.
        """

    @abstractmethod
    async def save(self, ticket: Ticket, wall: float) -> None:
        """Keep `ticket` in place of what there was for its principal, target and mechanism; purge what has expired."""

    @abstractmethod
    async def forget(self, principal: str, target: str) -> None:
        """Delete what there is for this principal and target."""

    @abstractmethod
    async def purge(self, wall: float) -> int:
        """Delete what has expired at `wall`; how many there were."""


class MemoryTicketStore(TicketStore):
    """Tickets that the clients of one process share."""

    def __init__(self, *, maximum: int = MAX_TICKETS) -> None:
        self._maximum = maximum
        self._tickets: dict[tuple[str, str, str], Ticket] = {}

    async def load(self, principal: str, target: str, mechanism: str | None, wall: float) -> Ticket | None:
        mine = [
            ticket
            for key, ticket in self._tickets.items()
            if key[:2] == (principal, target) and mechanism in (None, key[2]) and not ticket.expired(wall)
        ]
        return max(mine, key=lambda ticket: ticket.expiry, default=None)

    async def save(self, ticket: Ticket, wall: float) -> None:
        await self.purge(wall)
        self._tickets[ticket.initiator.display, ticket.target, ticket.mechanism] = ticket
        while len(self._tickets) > self._maximum:
            del self._tickets[min(self._tickets, key=lambda key: self._tickets[key].expiry)]

    async def forget(self, principal: str, target: str) -> None:
        for key in [key for key in self._tickets if key[:2] == (principal, target)]:
            del self._tickets[key]

    async def purge(self, wall: float) -> int:
        expired = [key for key, ticket in self._tickets.items() if ticket.expired(wall)]
        for key in expired:
            del self._tickets[key]
        return len(expired)

    def __len__(self) -> int:
        return len(self._tickets)

    def __repr__(self) -> str:
        return f"<MemoryTicketStore of {len(self)}>"


class SqliteTicketStore(TicketStore):
    """Tickets in an SQLite file of mode 0600, for programs that restart and for several processes at once.

    Raises TicketStoreError if the file cannot be opened, may be used by others or is not such a store. A process that
    ends in the middle of a save leaves the ticket before. Deleted keys are overwritten in the file. Call `close` when
    done.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, maximum: int = MAX_TICKETS, worker: Worker | None = None
    ) -> None:
        self._database: Final = PrivateDatabase(path, _KIND)
        self.path: Final = self._database.path
        self._maximum = maximum
        self._worker = worker or ThreadWorker()

    async def load(self, principal: str, target: str, mechanism: str | None, wall: float) -> Ticket | None:
        return await self._worker.run(self._load, principal, target, mechanism, wall)

    async def save(self, ticket: Ticket, wall: float) -> None:
        await self._worker.run(self._save, ticket, wall)

    async def forget(self, principal: str, target: str) -> None:
        await self._worker.run(self._forget, principal, target)

    async def purge(self, wall: float) -> int:
        return await self._worker.run(self._purge, wall)

    def tickets(self) -> list[Ticket]:
        """All of them, for people to look at."""
        with self._database.transaction() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM tickets ORDER BY principal, target, mechanism").fetchall()
        return [_ticket(row) for row in rows]

    def close(self) -> None:
        """Close the file. Idempotent; the store opens it again if it is used."""
        self._database.close()

    def _load(self, principal: str, target: str, mechanism: str | None, wall: float) -> Ticket | None:
        with self._database.transaction() as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM tickets WHERE principal = ? AND target = ?"
                " AND mechanism = ifnull(?, mechanism) AND expiry > ? ORDER BY expiry DESC LIMIT 1",
                (principal, target, mechanism, wall),
            ).fetchone()
        return None if row is None else _ticket(row)

    def _save(self, ticket: Ticket, wall: float) -> None:
        with self._database.transaction() as database:
            database.execute("DELETE FROM tickets WHERE expiry <= ?", (wall,))
            database.execute(f"INSERT OR REPLACE INTO tickets ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", _row(ticket))
            database.execute(
                "DELETE FROM tickets WHERE rowid IN (SELECT rowid FROM tickets ORDER BY expiry DESC LIMIT -1 OFFSET ?)",
                (self._maximum,),
            )

    def _forget(self, principal: str, target: str) -> None:
        with self._database.transaction() as database:
            database.execute("DELETE FROM tickets WHERE principal = ? AND target = ?", (principal, target))

    def _purge(self, wall: float) -> int:
        with self._database.transaction() as database:
            return database.execute("DELETE FROM tickets WHERE expiry <= ?", (wall,)).rowcount

    def __repr__(self) -> str:
        return f"SqliteTicketStore({os.fspath(self.path)!r})"


_COLUMNS: Final = "principal, target, mechanism, initiator, acceptor, acceptor_name, flags, ticket, session_key, expiry"
_TYPES: Final = (str, str, str, bytes, str, bytes, int, bytes, bytes, float)
_SCHEMA: Final = """
CREATE TABLE tickets (
    principal     TEXT NOT NULL,     -- display name of the initiator
    target        TEXT NOT NULL,     -- the service as the application named it
    mechanism     TEXT NOT NULL,     -- dotted object identifier
    initiator     BLOB NOT NULL,     -- exported name
    acceptor      TEXT NOT NULL,     -- display name
    acceptor_name BLOB NOT NULL,     -- exported name
    flags         INTEGER NOT NULL,
    ticket        BLOB NOT NULL,     -- key index (4 octets), sealed state
    session_key   BLOB NOT NULL,
    expiry        REAL NOT NULL,     -- seconds since 1970
    PRIMARY KEY (principal, target, mechanism)
)
"""


_KIND: Final = DatabaseKind(
    name="ticket store",
    application=0x46524131,
    version=1,
    schema=_SCHEMA,
    settings=("PRAGMA secure_delete = ON",),
    error=TicketStoreError,
)


def _row(ticket: Ticket) -> tuple[object, ...]:
    return (
        ticket.initiator.display,
        ticket.target,
        ticket.mechanism,
        ticket.initiator.exported,
        ticket.acceptor.display,
        ticket.acceptor.exported,
        ticket.flags,
        ticket.key_index.to_bytes(4) + ticket.sealed,
        ticket.session_key,
        ticket.expiry,
    )


def _ticket(row: tuple[str, str, str, bytes, str, bytes, int, bytes, bytes, float]) -> Ticket:
    principal, target, mechanism, initiator, acceptor, acceptor_name, flags, ticket, session_key, expiry = row
    typed = tuple(map(type, row)) == _TYPES  # SQLite does not insist on the columns' types
    if not typed or len(session_key) != KEY_LENGTH or not 4 < len(ticket) <= 4 + REAUTH_MAX_SEALED:
        raise TicketStoreError("a ticket in the store is damaged")
    return Ticket(
        GssName(principal, initiator),
        GssName(acceptor, acceptor_name),
        target,
        mechanism,
        flags,
        int.from_bytes(ticket[:4]),
        ticket[4:],
        session_key,
        expiry,
    )

"""The books of one run: what the server's processes say and what the clients say must be the same, to the last context.

Contexts are compared by handle, not by number. The only differences that a clean run can have are what was under way
when the server was killed, and each of those is named: an answer that never arrived, a call that ran twice because its
first reply was lost. Everything else that does not match is an error of this software.
"""

import json
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from examples.demo.events import Event, Kind


@dataclass(frozen=True, slots=True)
class Recovery:
    """A client was without a context from `lost` to `at` (seconds of the monotonic clock).

    `of_kill`: the server had been killed; then `lost` is that moment, and its restart is part of the time.
    """

    client: str
    lost: float
    at: float
    of_kill: bool = False

    @property
    def seconds(self) -> float:
        return self.at - self.lost


@dataclass(frozen=True, slots=True)
class Check:
    """Something that must hold, and whether it did."""

    claim: str
    held: bool
    found: str


@dataclass(slots=True)
class ClientBook:
    """One client's side, in the order of its events."""

    name: str
    exchanged: list[str] = field(default_factory=list)
    recovered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    by_ticket: list[Recovery] = field(default_factory=list)
    by_exchange: list[Recovery] = field(default_factory=list)
    asked_at_the_kill: bool = False
    noes: int = 0
    miscounts: list[str] = field(default_factory=list)
    calls: int = 0
    unknown: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, event: Event, recovery: Recovery) -> None:
        """A new context. The first one by full exchange recovers nothing."""
        if event.kind is Kind.RECOVERED:
            self.recovered.append(event.handle)
            self.by_ticket.append(recovery)
        else:
            if self.exchanged:
                self.by_exchange.append(recovery)
            self.exchanged.append(event.handle)


@dataclass(slots=True)
class ServerBook:
    """The server's side, all its processes together."""

    established: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    other_ends: Counter[Kind] = field(default_factory=Counter)
    miscounts: list[str] = field(default_factory=list)
    executed: list[tuple[str, int]] = field(default_factory=list)
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides of one run."""

    clients: Sequence[ClientBook]
    server: ServerBook

    @property
    def by_ticket(self) -> list[Recovery]:
        return [recovery for client in self.clients for recovery in client.by_ticket]

    @property
    def by_exchange(self) -> list[Recovery]:
        return [recovery for client in self.clients for recovery in client.by_exchange]

    @property
    def calls(self) -> int:
        """Calls that ended well, by the clients' count."""
        return sum(client.calls for client in self.clients)

    @property
    def unknown(self) -> int:
        return sum(client.unknown for client in self.clients)

    @property
    def executed(self) -> int:
        """Calls that the server began to run, each counted once."""
        return len(set(self.server.executed))

    @property
    def run_twice(self) -> int:
        """Calls that ran again because their first reply died with the server."""
        return len(self.server.executed) - self.executed

    @property
    def in_flight(self) -> int:
        """Re-authentications that were sent, and not answered, when the server was killed."""
        return sum(client.asked_at_the_kill for client in self.clients)

    @property
    def miscounts(self) -> list[str]:
        return [*self.server.miscounts, *(text for client in self.clients for text in client.miscounts)]

    @property
    def failures(self) -> list[str]:
        return [f"{client.name}: {text}" for client in self.clients for text in client.failures]


def keep_books(events: Iterable[Event], clients: Sequence[str], killed_at: float | None) -> Books:
    """The books of the run that these events are of; `killed_at` is when the first server process was killed."""
    ordered = sorted(events, key=lambda event: event.at)
    mine = {name: [event for event in ordered if event.source == name] for name in clients}
    server = [event for event in ordered if event.source not in mine]
    return Books([_client_book(name, mine[name], killed_at) for name in clients], _server_book(server))


def _client_book(name: str, events: Iterable[Event], killed_at: float | None) -> ClientBook:
    book = ClientBook(name)
    lost: float | None = None
    asking = of_kill = False
    for event in events:
        if killed_at is not None and event.at > killed_at:
            book.asked_at_the_kill, of_kill = asking, True
            lost = killed_at if lost is None else lost
            killed_at = None
        match event.kind:
            case Kind.REFUSED:
                book.refused.append(event.handle)
                lost = event.at if lost is None else lost
            case Kind.ASKING:
                asking = True
            case Kind.CUT:
                asking = False
            case Kind.ANSWERED_NO:
                asking = False
                book.noes += 1
            case Kind.RECOVERED | Kind.EXCHANGED:
                recovery = Recovery(name, event.at if lost is None else lost, event.at, of_kill)
                book.add(event, recovery)
                asking, of_kill, lost = False, False, None
            case Kind.COUNTED:
                known = {"by_exchange": book.exchanged, "by_ticket": book.recovered, "lost": book.refused}
                told = {counter: len(handles) for counter, handles in known.items()}
                book.miscounts = _miscounts(name, told, json.loads(event.text))
            case Kind.CALLED:
                book.calls = event.number
            case Kind.UNKNOWN:
                book.unknown = event.number
            case Kind.FAILED:
                book.failures.append(event.text)
            case _:
                pass
    return book


def _server_book(events: Iterable[Event]) -> ServerBook:
    book = ServerBook()
    alive: dict[str, set[str]] = {}  # by process: a process that ends takes its contexts with it
    finished: set[str] = set()
    told: dict[str, Counter[str]] = {}
    calls: dict[str, set[tuple[str, int]]] = {}
    for event in events:
        living = alive.setdefault(event.source, set())
        counter = COUNTERS.get(event.kind, "")
        told.setdefault(event.source, Counter(dict.fromkeys(COUNTERS.values(), 0)))[counter] += bool(counter)
        match event.kind:
            case Kind.ESTABLISHED:
                book.established.add(event.handle)
                living.add(event.handle)
            case Kind.UNCONFIRMED:
                book.granted.add(event.handle)
                living.add(event.handle)
            case Kind.REAUTHENTICATED:
                book.used.add(event.handle)
            case Kind.DROPPED:
                book.dropped.add(event.handle)
                living.discard(event.handle)
            case Kind.DESTROYED | Kind.EXPIRED | Kind.EVICTED:
                book.other_ends[event.kind] += 1
                living.discard(event.handle)
            case Kind.EXECUTED:
                call = (event.text, event.number)
                ran = calls.setdefault(event.source, set())
                book.repeated += call in ran
                ran.add(call)
                book.executed.append(call)
            case Kind.COUNTED:
                known = {name: count for name, count in told[event.source].items() if name}
                book.miscounts += _miscounts(event.source, known, json.loads(event.text))
            case Kind.FINISHED:
                finished.add(event.source)
            case _:
                pass
    for source, handles in alive.items():
        if source not in finished:
            book.killed |= handles
    return book


COUNTERS: Final = {
    Kind.ESTABLISHED: "established_by_exchange",
    Kind.UNCONFIRMED: "unconfirmed",
    Kind.REAUTHENTICATED: "established_by_ticket",
    Kind.DROPPED: "dropped",
}
"""The context store's own counter for each kind of event."""


def _miscounts(source: str, told: dict[str, int], counted: dict[str, int]) -> list[str]:
    """Where the library's counters differ from the events."""
    return [
        f"{source} told of {number} {name} and counted {counted.get(name)}"
        for name, number in told.items()
        if counted.get(name) != number
    ]


def agreement(books: Books) -> list[Check]:
    """The server's and the clients' counts, held against each other."""
    server = books.server
    exchanged = {handle for client in books.clients for handle in client.exchanged}
    recovered = {handle for client in books.clients for handle in client.recovered}
    refused = {handle for client in books.clients for handle in client.refused}
    answers_lost = server.granted - recovered
    never_used = recovered - server.used
    refusals_lost = server.dropped - refused
    refused_after_kill = refused - server.dropped
    return [
        Check(
            "contexts by full exchange: server and clients name the same",
            exchanged == server.established,
            f"{len(server.established)} and {len(exchanged)}",
        ),
        Check(
            "contexts by ticket: the server granted what the clients have, but for answers that died with it",
            recovered <= server.granted and answers_lost <= server.killed and len(answers_lost) <= books.in_flight,
            f"{len(server.granted)} = {len(recovered)} + {len(answers_lost)} lost at the kill",
        ),
        Check(
            "contexts by ticket: the server saw each of them used, but for those that died with it",
            server.used <= recovered and never_used <= server.killed,
            f"{len(server.used)} = {len(recovered)} - {len(never_used)} unused at the kill",
        ),
        Check(
            "contexts lost: the clients were told of each, but for what died with the server",
            len(refusals_lost) <= len(books.clients) and refused_after_kill <= server.killed
            and (bool(server.killed) or not refusals_lost),
            f"{len(server.dropped)} dropped = {len(refused)} told - {len(refused_after_kill)} after the kill"
            f" + {len(refusals_lost)} lost at the kill",
        ),
        Check(
            "calls: the server ran what the clients had answered, but for outcomes unknown at the kill",
            books.calls <= books.executed <= books.calls + books.unknown,
            f"{books.executed} = {books.calls} + {books.executed - books.calls} of {books.unknown} unknown",
        ),
        Check(
            "no call ran twice, but for those whose reply died with the server",
            not server.repeated and (books.run_twice == 0 or bool(server.killed)),
            f"{books.run_twice} ran again on the new server, {server.repeated} on the same",
        ),
        Check("the library's own counters say the same as the events", not books.miscounts,
            "; ".join(books.miscounts) or "all equal"),
        Check("no context ended otherwise", not books.server.other_ends[Kind.EVICTED]
            and not books.server.other_ends[Kind.EXPIRED], _ends(books.server.other_ends)),
    ]  # fmt: skip


def _ends(ends: Counter[Kind]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in ends.items()) or "none"


def median_and_worst(recoveries: Sequence[Recovery], *, of_kill: bool = False) -> tuple[float, float] | None:
    """Of the seconds without a context, after the kill or all else; None when there was no such recovery."""
    seconds = [recovery.seconds for recovery in recoveries if recovery.of_kill is of_kill]
    return (statistics.median(seconds), max(seconds)) if seconds else None

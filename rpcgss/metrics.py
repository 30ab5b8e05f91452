"""`Metrics`: an observer that counts, bounded whatever strangers call. `rpcgss.prometheus` shows it to Prometheus.

Calls are counted by what is known of them at home: a server's programs and procedures are those of its services, and
all others are one, "other". So the number of series is that of procedures times flavors times outcomes, all of them
short lists; should a program of many numbers run over `max_series` all the same, what is new is counted as "other" too.
"""

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple, TypeAlias

from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.context import Origin
from rpcgss.rpc.observe import ConnectionEvent, ConnectionEventKind, End, Event, ObservedCall, Observer, Source

SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Upper bounds of latency classes; there is one more without a bound."""

MAX_SERIES: Final = 2000
OTHER: Final = "other"
CONTROL: Final = "control"
"""The procedure of a flavor's own calls, RPCSEC_GSS's creation of contexts say."""

Totals: TypeAlias = dict[str, int | dict[str, int]]


class CallKey(NamedTuple):
    """What calls are counted by; see `ObservedCall` for the words. Programs and versions are decimal numbers."""

    end: str
    program: str
    version: str
    procedure: str
    flavor: str
    outcome: str


class ContextKey(NamedTuple):
    """What a client's contexts are counted by: "established", "recovered", "renewed" or "upgraded", by "exchange" or
    "ticket"; "failed", by "none"."""

    kind: str
    origin: str


@dataclass(slots=True)
class Histogram:
    """How long things took. `counts` belong to the bounds that the `Metrics` were made with, and to infinity."""

    counts: list[int]
    sum: float = 0.0

    @property
    def count(self) -> int:
        """Of all classes."""
        return sum(self.counts)


@dataclass(slots=True)
class CallTotals:
    """Of calls with the same `CallKey`; octets and repetitions as in `ObservedCall`."""

    seconds: Histogram
    octets_in: int = 0
    octets_out: int = 0
    retransmissions: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of everything, at one moment.

    calls       -- those that have ended
    in_progress -- those that have not, by "client" and "server"
    connections -- open now, by "client" and "server"
    connection_events -- by ("client" or "server", "opened", "closed", "lost" or "failed")
    contexts    -- how long it took clients to get them; "recovered": since the loss was noticed
    counters    -- totals of servers, clients, flavors, stores and tickets, by the name of the `Source` and their own
    """

    bounds: tuple[float, ...]
    calls: dict[CallKey, CallTotals]
    in_progress: dict[str, int]
    connections: dict[str, int]
    connection_events: dict[tuple[str, str], int]
    contexts: dict[ContextKey, Histogram]
    counters: dict[str, Totals]

    @property
    def live_contexts(self) -> int:
        """Security contexts that servers hold now, used or not."""
        store = self.counters.get("contexts", {})
        made, gone = ("established_by_exchange", "unconfirmed"), ("dropped", "expired", "evicted", "destroyed")
        return sum(_number(store, name) for name in made) - sum(_number(store, name) for name in gone)

    def plain(self) -> dict[str, object]:
        """In the form that JSON can take; docs/observing.md describes it."""
        return {
            "calls": [
                key._asdict()
                | {"count": totals.seconds.count, "seconds": self._plain(totals.seconds)}
                | {name: getattr(totals, name) for name in _CALL_TOTALS}
                for key, totals in sorted(self.calls.items())
            ],
            "in_progress": self.in_progress,
            "connections": {
                end: {"open": now} | {kind: n for (at, kind), n in sorted(self.connection_events.items()) if at == end}
                for end, now in self.connections.items()
            },
            "contexts": [
                key._asdict() | {"count": seconds.count, "seconds": self._plain(seconds)}
                for key, seconds in sorted(self.contexts.items())
            ],
            "live_contexts": self.live_contexts,
            "counters": self.counters,
        }

    def _plain(self, histogram: Histogram) -> dict[str, object]:
        names = [*(f"{bound:g}" for bound in self.bounds), "inf"]
        return {"sum": histogram.sum, "counts": dict(zip(names, histogram.counts, strict=True))}


class Metrics(Observer):
    """Counts what it is told: give it to any number of servers and clients, in any number of threads.

    bounds     -- of latency classes, in seconds, rising
    max_series -- how many `CallKey` there may be
    """

    def __init__(self, *, bounds: tuple[float, ...] = SECONDS, max_series: int = MAX_SERIES) -> None:
        if not bounds or list(bounds) != sorted(set(bounds)):
            raise ValueError("bounds are seconds, at least one, and rise")
        self._bounds: Final = bounds
        self._max_series: Final = max_series
        self._lock: Final = threading.Lock()
        self._calls: Final[dict[CallKey, CallTotals]] = {}
        self._found: Final[dict[tuple[object, ...], CallTotals]] = {}  # some of the same, by what takes less to make
        self._in_progress: Final = dict.fromkeys((end.value for end in End), 0)
        self._connections: Final = dict.fromkeys((end.value for end in End), 0)
        self._connection_events: Final[Counter[tuple[str, str]]] = Counter()
        self._contexts: Final[dict[ContextKey, Histogram]] = {}
        self._sources: Final[dict[int, _Attached]] = {}  # by the identity of their counters
        self._past: Final[dict[str, Totals]] = {}  # of sources that are gone

    def snapshot(self) -> Snapshot:
        """What has been counted so far. From any thread."""
        with self._lock:
            counters = {name: _copy(totals) for name, totals in self._past.items()}
            for attached in self._sources.values():
                _add(counters.setdefault(attached.source.name, {}), attached.source)
            return Snapshot(
                self._bounds,
                {key: _copy_totals(totals) for key, totals in self._calls.items()},
                dict(self._in_progress),
                dict(self._connections),
                dict(self._connection_events),
                {key: _copy_histogram(seconds) for key, seconds in self._contexts.items()},
                counters,
            )

    def call_began(self, call: ObservedCall) -> None:
        with self._lock:
            self._in_progress[call.end.value] += 1

    def call_ended(self, call: ObservedCall) -> None:
        with self._lock:
            self._in_progress[call.end.value] -= 1
            totals = self._totals(call)
            _observe(totals.seconds, self._bounds, call.seconds)
            totals.octets_in += call.octets_in
            totals.octets_out += call.octets_out
            totals.retransmissions += max(call.transmissions - 1, 0)
            totals.repeated += call.repeated

    def event(self, event: Event) -> None:
        match event:
            case ConnectionEvent(kind=kind, end=end):
                with self._lock:
                    self._connection_events[end.value, kind.value] += 1
                    self._connections[end.value] += _OPEN_NOW[kind]
            case ClientEvent(kind=kind, origin=origin, seconds=seconds) if kind is not ClientEventKind.LOST:
                key = ContextKey(kind.value, _origin(origin))
                with self._lock:
                    histogram = self._contexts.setdefault(key, self._histogram())
                    _observe(histogram, self._bounds, seconds)

    def attached(self, source: Source) -> None:
        with self._lock:
            self._sources.setdefault(id(source.counters), _Attached(source)).users += 1

    def detached(self, source: Source) -> None:
        with self._lock:
            attached = self._sources[id(source.counters)]
            attached.users -= 1
            if not attached.users:
                del self._sources[id(source.counters)]
                _add(self._past.setdefault(source.name, {}), source)

    def _totals(self, call: ObservedCall) -> CallTotals:
        short = call.end._name_, call.program, call.version, call.procedure, call.flavor, call.outcome, call.control
        found = self._found.get(short)
        if found is not None:
            return found
        key = _key(call)
        known = self._calls.get(key)
        if known is None and len(self._calls) >= self._max_series:
            key = CallKey(call.end.value, OTHER, OTHER, OTHER, OTHER, OTHER)
        elif call.procedure:  # there are as many as there are keys, twice that with control messages
            self._found[short] = known = known or CallTotals(self._histogram())
        return self._calls.setdefault(key, known or CallTotals(self._histogram()))

    def _histogram(self) -> Histogram:
        return Histogram([0] * (len(self._bounds) + 1))


@dataclass(slots=True)
class _Attached:
    source: Source
    users: int = field(default=0)


_CALL_TOTALS: Final = ("octets_in", "octets_out", "retransmissions", "repeated")
_OPEN_NOW: Final = {
    ConnectionEventKind.OPENED: 1,
    ConnectionEventKind.CLOSED: -1,
    ConnectionEventKind.LOST: -1,
    ConnectionEventKind.FAILED: 0,
}


def _key(call: ObservedCall) -> CallKey:
    if not call.procedure:
        return CallKey(call.end.value, OTHER, OTHER, OTHER, call.flavor, call.outcome)
    procedure = CONTROL if call.control else call.procedure
    return CallKey(call.end.value, str(call.program), str(call.version), procedure, call.flavor, call.outcome)


def _origin(origin: Origin | None) -> str:
    return "none" if origin is None else origin.value


def _observe(histogram: Histogram, bounds: tuple[float, ...], seconds: float) -> None:
    histogram.counts[bisect_left(bounds, seconds)] += 1
    histogram.sum += seconds


def _number(totals: Totals, name: str) -> int:
    value = totals.get(name, 0)
    return value if isinstance(value, int) else 0


def _add(totals: Totals, source: Source) -> None:
    """Add what a source has counted: numbers, and tables of numbers by the names of enumerated reasons."""
    for one in fields(source.counters):
        value = getattr(source.counters, one.name)
        if isinstance(value, int):
            totals[one.name] = _number(totals, one.name) + value
        elif isinstance(value, dict):
            table = totals.setdefault(one.name, {})
            assert isinstance(table, dict)
            for reason, number in tuple(value.items()):
                name = str(getattr(reason, "value", reason))
                table[name] = table.get(name, 0) + number


def _copy(totals: Totals) -> Totals:
    return {name: dict(value) if isinstance(value, dict) else value for name, value in totals.items()}


def _copy_histogram(histogram: Histogram) -> Histogram:
    return Histogram(list(histogram.counts), histogram.sum)


def _copy_totals(totals: CallTotals) -> CallTotals:
    numbers = {name: getattr(totals, name) for name in _CALL_TOTALS}
    return CallTotals(_copy_histogram(totals.seconds), **numbers)

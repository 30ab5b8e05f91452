"""What there is to be seen of clients and servers: calls, events, counters. One `Observer` is told of all of it.

How it works: a server or client that has an observer makes one `ObservedCall` for each call, shows it when the call
begins, fills it in as the call goes on, and shows it again when it has ended. Everything else is an `Event`, told
through the `Listeners` of whatever it happens to; and a `Source` says which events and counters belong to what.
Without an observer nothing of this is made: what is left is one test for None.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from rpcgss.rpc.errors import CallFailed, Refusal
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_flavor

OK: Final = "ok"
DROPPED: Final = "dropped"
UNSENT: Final = "unsent"
CANCELLED: Final = "cancelled"
FAILED: Final = "failed"

_log = QuietLog(logging.getLogger(__name__))


class End(Enum):
    """Whose view it is."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(eq=False, slots=True)
class ObservedCall:
    """One call: the same object when it begins and when it has ended, so that observers can keep things by it.

    peer       -- the other end, for people
    program, version, number -- what is called: strangers' numbers, at a server
    procedure  -- the name of the procedure; "" at a server that has none of these numbers
    flavor     -- "none", "sys", "krb5", "krb5i", "krb5p"; before a call is authenticated also "gss", "tls", "other"
    identity   -- who calls, by its `str`; None at a client, and while nothing is proven
    control    -- it is a flavor's own (RPCSEC_GSS's creation of contexts, say) and came to no service
    outcome    -- "ok"; a refusal's `wire_name`; at a client the name of the `CallFailed`; "dropped": the server does
                  not answer; "unsent": its answer found no connection; "cancelled"; "failed": anything else
    repeated   -- answered from the reply cache
    began      -- trio time; a server's calls begin with the reading of their headers
    seconds    -- how long it took in all, waiting included; at a server, until the reply was handed to the kernel
    octets_in, octets_out -- of RPC messages, without record marks; at a client of all transmissions of the call
    transmissions -- how often a client sent it
    """

    end: End
    peer: str
    program: int
    version: int
    number: int
    flavor: str
    began: float
    procedure: str = ""
    xid: int = 0
    identity: object | None = None
    control: bool = False
    repeated: bool = False
    outcome: str = ""
    seconds: float = 0.0
    octets_in: int = 0
    octets_out: int = 0
    transmissions: int = 0


class Event:
    """Root of what happens besides calls: frozen dataclasses, whose `name` is stable."""

    __slots__ = ()
    topic: ClassVar[str]
    kind: Enum

    @property
    def name(self) -> str:
        """For example "connection.opened"."""
        return f"{self.topic}.{self.kind.value.replace(' ', '_')}"

    def described(self) -> dict[str, str | float | None]:
        """What is to be known of it, in words and numbers, without secrets."""
        raise NotImplementedError


class ConnectionEventKind(Enum):
    """What happened to a connection. OPENED ones end as CLOSED or, against the will of this end, LOST; of FAILED ones
    a client could make none. A server has none of UDP: it knows no beginnings and ends there, and anybody can forge
    what would look like one; calls are told of all the same."""

    OPENED = "opened"
    CLOSED = "closed"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ConnectionEvent(Event):
    """`at` is trio time; `reason` is for people."""

    topic: ClassVar[str] = "connection"
    kind: ConnectionEventKind
    end: End
    peer: str
    at: float
    reason: str = ""

    def described(self) -> dict[str, str | float | None]:
        return {"end": self.end.value, "peer": self.peer, "reason": self.reason}


T = TypeVar("T")


class Listeners(Generic[T]):
    """Callables that are told of one kind of thing, at once and in order. One that raises is logged, and hurts
    nobody."""

    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[T], object], ...] = ()

    def __bool__(self) -> bool:
        return bool(self._listeners)

    def append(self, listener: Callable[[T], object]) -> None:
        """Tell `listener` too, once for each event however often it is added."""
        if listener not in self._listeners:
            self._listeners = (*self._listeners, listener)

    def remove(self, listener: Callable[[T], object]) -> None:
        """Tell `listener` no more."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def tell(self, what: T) -> None:
        """Raises nothing."""
        for listener in self._listeners:
            try:
                listener(what)
            except Exception:
                _log.exception("%r failed", listener, event="observer.failed")


class Counters(Protocol):
    """A dataclass of totals."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Source:
    """Something that counts, and perhaps has events. `name` is stable, e.g. "server", "gss_server"."""

    name: str
    counters: Counters
    events: Listeners[Any] | None = None


class Observer:
    """Told what clients and servers do, by ``Server(…, observer=)`` and ``open_client(…, observer=)``. Override what
    you want.

    Everything is told at once, in the thread of the event loop, and must be quick: the call waits for it. `call_began`
    and `call_ended` run in the context of the call, so that context variables which the first sets are seen by what the
    call does. Exceptions are logged, and go no further.
    """

    def call_began(self, call: ObservedCall) -> None:
        """A call begins. At a server: its header has been read, and nothing of it is verified."""

    def call_ended(self, call: ObservedCall) -> None:
        """A call has ended, well or not. Told once for each call that began."""

    def event(self, event: Event) -> None:
        """Something else happened."""

    def attached(self, source: Source) -> None:
        """There is something with counters; may be told more than once of the same."""

    def detached(self, source: Source) -> None:
        """A client has closed: its counters are final."""


class Observers(Observer):
    """Several observers as one. What one of them raises is kept from the others, and from the call."""

    def __init__(self, *observers: Observer) -> None:
        self._began: Final[Listeners[ObservedCall]] = Listeners()
        self._ended: Final[Listeners[ObservedCall]] = Listeners()
        self._events: Final[Listeners[Event]] = Listeners()
        self._attached: Final[Listeners[Source]] = Listeners()
        self._detached: Final[Listeners[Source]] = Listeners()
        for observer in observers:
            self._began.append(observer.call_began)
            self._ended.append(observer.call_ended)
            self._events.append(observer.event)
            self._attached.append(observer.attached)
            self._detached.append(observer.detached)

    def call_began(self, call: ObservedCall) -> None:
        self._began.tell(call)

    def call_ended(self, call: ObservedCall) -> None:
        self._ended.tell(call)

    def event(self, event: Event) -> None:
        self._events.tell(event)

    def attached(self, source: Source) -> None:
        self._attached.tell(source)

    def detached(self, source: Source) -> None:
        self._detached.tell(source)


class Audience(Observers):
    """Those whom one server or client tells: they hear of the events of its sources, too. Each server and client has
    one of its own, so that what a source says reaches an observer once for each of them, however observers nest."""

    def attached(self, source: Source) -> None:
        """Listens to the events of `source` from now on."""
        if source.events is not None:
            source.events.append(self.event)
        super().attached(source)

    def detached(self, source: Source) -> None:
        if source.events is not None:
            source.events.remove(self.event)
        super().detached(source)


def outcome_of(error: BaseException) -> str:
    """The outcome of a call that ended with `error`."""
    match error:
        case Refusal():
            return error.wire_name
        case CallFailed():
            return type(error).__name__
        case Exception():
            return FAILED
    return CANCELLED


def flavor_name(number: int) -> str:
    """What is known of the flavor of a call before it is authenticated. One of a few, whatever a stranger sends."""
    return _FLAVORS.get(number, "other")


_FLAVORS: Final[dict[int, str]] = {
    auth_flavor.AUTH_NONE: "none",
    auth_flavor.AUTH_SYS: "sys",
    auth_flavor.RPCSEC_GSS: "gss",
    auth_flavor.AUTH_TLS: "tls",
}

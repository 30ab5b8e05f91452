"""The two seams where something may plug in that makes contexts without a GSS exchange (fast re-authentication does).

Nothing here is on the wire of RFC 2203: a server extension may append octets to the last reply of a context's creation
and answer one more `gss_proc`; a client extension chooses the `seq_num` of creation requests (which servers must
ignore, 5.2.2), is shown octets that a server appended, and is asked before each full exchange whether it can do
without.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rpcgss.gss.bodies import Credential
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.provider import Demands, GssName, SecurityContext
from rpcgss.gss.store import ContextStore
from rpcgss.rpc.flavors import Answer, Connection, Link
from rpcgss.rpc.messages import ReceivedCall
from rpcgss.rpc.observe import Source
from rpcgss.rpc.work import Worker


@dataclass(frozen=True, slots=True)
class Establishment:
    """A context that a GSS exchange has just made, before anybody uses it.

    security   -- the GSS context: names, flags, mechanism, `prf` (some 50 µs; no other thread is inside it now)
    tokens     -- every gss_token of creation requests and replies in order, empty ones and the last included
    offered    -- seq_num of the creation request that completed it
    lifetime   -- seconds from `now`; None: indefinite
    now, wall  -- trio's clock and seconds since 1970, of the same moment
    """

    security: SecurityContext
    tokens: Sequence[bytes]
    offered: int
    handle: bytes
    seq_window: int
    lifetime: int | None
    now: float
    wall: float


@dataclass(frozen=True, slots=True)
class Grant:
    """What a server extension adds to a new context: octets for the client, and what it wants remembered of it."""

    octets: bytes = b""
    chain: bytes = b""
    application: bytes = b""


@dataclass(frozen=True, slots=True)
class ServerHost:
    """What a server flavor lends to its extension.

    seq_window      -- the window to advertise; receive_window: the larger size to give `ReceiveWindow`
    acceptor_names  -- the services answered for
    clock, wall     -- trio's clock, and seconds since 1970 (for what outlives the process, never for expiry)
    """

    store: ContextStore
    seq_window: int
    receive_window: int
    acceptor_names: Sequence[GssName]
    clock: Callable[[], float]
    wall: Callable[[], float]
    worker: Worker


class ServerExtension(ABC):
    """Grants tickets and honours them."""

    @property
    @abstractmethod
    def gss_proc(self) -> int:
        """The control procedure that `reauthenticate` answers."""

    @abstractmethod
    def attach(self, host: ServerHost) -> None:
        """Called once by the server flavor that uses this extension, before anything else."""

    def refresh(self, now: float) -> None:  # noqa: B027  # an extension may have nothing to look after
        """Called at trio time `now`, before each call under a context is looked at: contexts that must be used no more
        are to be dropped from the store now. Quick, raises nothing."""

    def sources(self) -> Iterable[Source]:
        """What it counts and tells of its own."""
        return ()

    @abstractmethod
    async def grant(self, establishment: Establishment, connection: Connection) -> Grant:
        """What to append to rpc_gss_init_res, if anything. An exception costs the grant, not the context."""

    @abstractmethod
    async def reauthenticate(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        """Answer a call of `gss_proc`; None: drop it silently. Raises `AuthRefused` only."""


class ClientExtension(ABC):
    """Keeps tickets and uses them. One extension may serve several flavors; `demands` tell them apart."""

    def sources(self) -> Iterable[Source]:
        """What it counts and tells of its own. Of an extension that several flavors share, the same each time."""
        return ()

    def upgrades(self, demands: Demands) -> bool:
        """Whether the context that a GSS exchange has just made is to be replaced at once by one of `recover`."""
        return False

    @abstractmethod
    def offer(self, demands: Demands, link: Link, *, carried_context: bool) -> int:
        """The seq_num of creation requests on this connection, which may have carried a context before; 0: no offer."""

    @abstractmethod
    async def receive_grant(
        self, trailing: memoryview, establishment: Establishment, demands: Demands, link: Link
    ) -> None:
        """Look at what followed rpc_gss_init_res (it may be empty). An exception costs the ticket, not the context."""

    @abstractmethod
    async def recover(self, program: int, version: int, demands: Demands, link: Link) -> ClientContext | None:
        """Make a context without a GSS exchange; None: it cannot be done now. Raises `ConnectionLost`.

        `program` and `version` are those of the call that needs it, for the control message's header. One at a time
        per flavor. Cancelled: nothing is kept but what `recover` may use next time.
        """

    @abstractmethod
    def retry_at(self, demands: Demands, link: Link) -> float | None:
        """After `recover` gave None and the full exchange failed: the trio time from which `recover` is worth another
        try, on a new connection if this one has had its no; None: never, the failure stands."""

    @abstractmethod
    def closed(self, demands: Demands) -> None:
        """The flavor is closed for good: forget what was not meant to be kept."""

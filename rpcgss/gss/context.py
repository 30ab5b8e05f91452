"""A server's end of a context: handle, protection, window, principal and expiry; and the identity that it proves.

How a context came to be, by a GSS exchange or by a ticket, makes no difference to the messages that it protects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from rpcgss.gss.assertions import Label, Privilege
from rpcgss.gss.gss_xdr import RPCSEC_GSS_VERS_1
from rpcgss.gss.guard import Guard
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import GssFlag, GssName, GssService
from rpcgss.gss.window import ReceiveWindow
from rpcgss.rpc.flavors import Identity

RPCSEC_GSS: Final = 6
MAX_CHANNELS: Final = 16
"""Connections that a server remembers a context to be bound to; the latest count."""


class Origin(Enum):
    """How a context came to be."""

    EXCHANGE = "exchange"
    TICKET = "ticket"
    CREATE = "create"
    """Version 3: a child, under the keys of its parent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GssIdentity(Identity):
    """Who makes a call, proven by a context.

    principal       -- display name of the initiator in its real mechanism
    name            -- the same with its exported octets, for exact comparison
    target          -- the service that the initiator meant to reach
    mechanism       -- the real mechanism's object identifier, dotted
    service         -- how this very call is protected
    reauthenticated -- the context came from a ticket
    established     -- wall time (seconds since 1970) of the GSS exchange at the bottom of it
    application     -- what the application had put into the ticket; b"" else
    delegated       -- credentials that the initiator handed over; None: none
    user            -- what the application made of the principal (`GssServerFlavor`, map_principal)
    anonymous       -- the initiator hides its name: `principal` and `name` are those of all who do
    channel_bound   -- this very call is protected by the secure channel below, to which the context is bound; its
                       `service` is then PRIVACY, which is what TLS 1.3 gives
    host            -- whose host vouches for the principal (compound authentication, RFC 7861, 2.7.1.1); None: nobody
    labels, privileges -- what was asserted with it, and granted (RFC 7861, 2.7.1.3 and 2.7.1.4)
    """

    principal: str
    name: GssName
    target: GssName
    mechanism: str
    service: GssService
    reauthenticated: bool
    established: float
    application: bytes = b""
    delegated: object | None = field(default=None, repr=False, compare=False)
    user: object | None = field(default=None, compare=False)
    anonymous: bool = False
    channel_bound: bool = False
    host: "GssIdentity | None" = None
    labels: Sequence[Label] = ()
    privileges: Sequence[Privilege] = ()

    @property
    def security(self) -> str:
        return self.service.security

    @property
    def proven_name(self) -> bytes:
        if self.anonymous:
            return b""
        name = f"{self.mechanism} ".encode() + self.name.exported
        return name if self.host is None else name + b" by " + self.host.proven_name

    def __str__(self) -> str:
        return self.principal


class Context:
    """A server's end.

    expiry    -- trio time after which no call is taken; None: never
    chain     -- 16 octets common to all contexts that follow from one GSS exchange; b"": not followed
    delegated -- credentials that the initiator handed over, for the application
    user      -- what the application made of the initiator, once it is `mapped`
    version   -- of RPCSEC_GSS; messages of another one do not belong to it
    elders    -- version 3: the parent, whose keys a child shares, and then the inner context that names its principal,
                 if there is one. Whoever loses one of them loses the child
    children  -- by handle
    labels, privileges -- granted to a child
    """

    __slots__ = (
        "_channels",
        "_identities",
        "acceptor",
        "alive",
        "application",
        "calls",
        "chain",
        "children",
        "delegated",
        "elders",
        "established",
        "expiry",
        "flags",
        "guard",
        "handle",
        "initiator",
        "labels",
        "mapped",
        "mechanism",
        "on_first_use",
        "origin",
        "privileges",
        "protection",
        "user",
        "version",
        "window",
    )

    def __init__(
        self,
        *,
        handle: bytes,
        protection: MessageProtection,
        window: ReceiveWindow,
        initiator: GssName,
        acceptor: GssName,
        mechanism: str,
        flags: GssFlag,
        established: float,
        expiry: float | None,
        origin: Origin = Origin.EXCHANGE,
        chain: bytes = b"",
        application: bytes = b"",
        delegated: object | None = None,
        on_first_use: Callable[[], None] | None = None,
        version: int = RPCSEC_GSS_VERS_1,
        elders: "tuple[Context, ...]" = (),
        labels: Sequence[Label] = (),
        privileges: Sequence[Privilege] = (),
    ) -> None:
        self.handle: Final = handle
        self.protection: Final = protection
        self.guard: Final[Guard] = elders[0].guard if elders else Guard(protection)
        self.window: Final = window
        self.initiator: Final = initiator
        self.acceptor: Final = acceptor
        self.mechanism: Final = mechanism
        self.flags: Final = flags
        self.established: Final = established
        self.expiry: Final = expiry
        self.origin: Final = origin
        self.chain = chain
        self.application: Final = application
        self.delegated: Final = delegated
        self.on_first_use = on_first_use
        self.version: Final = version
        self.elders: Final = elders
        self.children: Final[dict[bytes, Context]] = {}
        self.labels: Final = labels
        self.privileges: Final = privileges
        self.alive = True  # False once the store has let go of it; calls already admitted end all the same
        self.calls = 0  # admitted and not yet ended
        self.user: object | None = None
        self.mapped = False
        self._identities: dict[int, GssIdentity] = {}  # by service; of calls in the channel, whose service is one: 0
        self._channels: tuple[int, ...] = ()  # an empty deque would take as much memory as half of all else

    def expired(self, now: float) -> bool:
        """Whether the credential behind it has run out at trio time `now`."""
        return self.expiry is not None and now >= self.expiry

    def bind(self, connection: int) -> None:
        """Its initiator has shown that he has the other end of the secure channel of that `Connection.serial`."""
        if connection not in self._channels:
            self._channels = (*self._channels, connection)[-MAX_CHANNELS:]

    def bound_to(self, connection: int) -> bool:
        """Whether `bind` was called for that connection."""
        return connection in self._channels

    def identity(self, service: GssService, *, channel_bound: bool = False) -> GssIdentity:
        """Who is calling, for a call protected by `service`, or by the channel."""
        key = 0 if channel_bound else int(service)
        known = self._identities.get(key)
        if known is None:
            known = self._identities[key] = replace(
                self.unmapped_identity(), service=service, user=self.user, channel_bound=channel_bound
            )
        return known

    def unmapped_identity(self) -> GssIdentity:
        """Who is going to call."""
        return GssIdentity(
            flavor=RPCSEC_GSS,
            principal=self.initiator.display,
            name=self.initiator,
            target=self.acceptor,
            mechanism=self.mechanism,
            service=GssService.NONE,
            reauthenticated=self.origin is Origin.TICKET,
            established=self.established,
            application=self.application,
            delegated=self.delegated,
            anonymous=GssFlag.ANON in self.flags,
            host=self._host(),
            labels=self.labels,
            privileges=self.privileges,
        )

    def _host(self) -> GssIdentity | None:
        """The parent speaks for the inner context; a child without one speaks for whom its parent speaks."""
        match self.elders:
            case (parent, _):
                return replace(parent.unmapped_identity(), user=parent.user)
            case (parent,):
                return parent._host()
        return None

    def __repr__(self) -> str:
        return f"<Context {self.handle[:4].hex()}… of {self.initiator.display!r} by {self.origin.value}>"

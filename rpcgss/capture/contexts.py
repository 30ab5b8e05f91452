"""The security contexts of a capture, by where they were made and their handles; the tickets that make new ones."""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Generic, TypeVar

from rpcgss.capture.kerberos import Session
from rpcgss.capture.layers import Endpoint
from rpcgss.gss.protection import MessageProtection

MAX_CONTEXTS: Final = 16_384
"""Contexts, exchanges under way and tickets that are remembered, of each the latest."""

MAX_LOST: Final = 64
"""Lost contexts of one client at one server that await their successors."""
MAX_TOKEN_OCTETS: Final = 1 << 16
"""Octets of tokens of one exchange that are kept until it is over."""

K = TypeVar("K")
V = TypeVar("V")


class Latest(OrderedDict[K, V], Generic[K, V]):
    """The latest entries, at most `maximum` of them."""

    def __init__(self, maximum: int = MAX_CONTEXTS) -> None:
        super().__init__()
        self._maximum = maximum

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._maximum:
            self.popitem(last=False)


@dataclass(slots=True)
class Protections:
    """What checks the messages of either end."""

    initiator: MessageProtection
    acceptor: MessageProtection


@dataclass(slots=True)
class SeenContext:
    """A context. `protections` is None where `locked` says why its messages cannot be checked."""

    handle: bytes
    server: Endpoint
    client: str
    principal: str
    locked: str = ""
    protections: Protections | None = None


@dataclass(slots=True)
class Creation:
    """A context that is being made by tokens."""

    session: Session = field(default_factory=Session)
    tokens: list[bytes] = field(default_factory=list, repr=False)
    offered: bool = False

    def add(self, token: bytes) -> None:
        """All tokens go into the session key of tickets (docs/fast-reauth.md, 6)."""
        if sum(map(len, self.tokens)) + len(token) <= MAX_TOKEN_OCTETS:
            self.tokens.append(token)
        else:
            self.session.locked = "its tokens are larger than anybody's"


@dataclass(slots=True)
class Ticket:
    """A ticket that passed by. `session_key` is known only to those who could follow its chain from the keytab on."""

    principal: str
    session_key: bytes | None = field(repr=False)


@dataclass(slots=True)
class Renewing:
    """A context that is being made by a ticket: the request's octets, header and body."""

    ticket: Ticket | None
    request: bytes = field(repr=False)
    with_share: bool


class Contexts:
    """All of them."""

    def __init__(self) -> None:
        self._by_place: Latest[tuple[Endpoint, bytes], SeenContext] = Latest()
        self._by_handle: Latest[bytes, SeenContext] = Latest()
        self._creations: Latest[tuple[Endpoint, bytes], Creation] = Latest(1024)
        self._tickets: Latest[bytes, Ticket] = Latest()
        self._lost: Latest[tuple[str, str], list[SeenContext]] = Latest()

    def find(self, server: Endpoint, handle: bytes) -> SeenContext | None:
        """The context of a handle; a server may have several addresses."""
        return self._by_place.get((server, handle)) or self._by_handle.get(handle)

    def add(self, context: SeenContext) -> SeenContext | None:
        """A new one. The answer is the one that was lost and that it stands in for, as far as that can be told."""
        self._by_place[context.server, context.handle] = self._by_handle[context.handle] = context
        lost = self._lost.get((context.client, context.server.host), [])
        replaced = next((each for each in lost if each.principal == context.principal), None)
        if replaced is not None:
            lost.remove(replaced)
        return replaced

    def lose(self, context: SeenContext) -> None:
        """The server does not know it any more."""
        lost = self._lost.setdefault((context.client, context.server.host), [])
        if len(lost) < MAX_LOST and all(each is not context for each in lost):
            lost.append(context)

    def begin(self, server: Endpoint, handle: bytes, creation: Creation) -> None:
        """More tokens are to come under this handle."""
        self._creations[server, handle] = creation

    def resume(self, server: Endpoint, handle: bytes) -> Creation:
        """What `begin` was told; a fresh one if the capture does not have it."""
        return self._creations.pop((server, handle), None) or Creation()

    def keep_ticket(self, sealed: bytes, ticket: Ticket) -> None:
        """A ticket was given to a client."""
        self._tickets[sha256(sealed).digest()] = ticket

    def ticket(self, sealed: bytes) -> Ticket | None:
        """The ticket of these octets."""
        return self._tickets.get(sha256(sealed).digest())

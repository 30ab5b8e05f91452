"""How a call is authenticated: the two ends of a flavor, as client and server see them.

A flavor is a small object that is handed to a client or a server. The client asks it for each transmission of a call
and shows it each reply; the server shows it each call. AUTH_NONE and AUTH_SYS (RFC 5531, 10. and appendix A) live here;
whatever needs more state lives in packages of its own, which this one never imports.
"""

import os
import platform
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from rpcgss.rpc.errors import AuthRefused, NotExecuted
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    ReceivedCall,
    ReceivedReply,
    encode_auth,
    encode_call_header,
)
from rpcgss.rpc.observe import Source, flavor_name
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, authsys_parms, opaque_auth
from transport import NOWHERE, Origin, TlsSession
from xdr import Buffer, DecodeError, EncodeError

# Who calls


@dataclass(frozen=True, slots=True)
class Identity:
    """Who makes a call, as far as its flavor can tell. `flavor` is the auth_flavor's number; `str` is for people."""

    flavor: int

    @property
    def security(self) -> str:
        """What the call was secured by, in a word: see `ObservedCall.flavor`."""
        return flavor_name(self.flavor)

    @property
    def proven_name(self) -> bytes:
        """The same for whatever the same principal sends, and for nobody else; b"": nothing is proven."""
        return b""

    def __str__(self) -> str:
        return f"somebody of flavor {self.flavor}"


@dataclass(frozen=True, slots=True)
class Anonymous(Identity):
    """AUTH_NONE."""

    flavor: int = auth_flavor.AUTH_NONE

    def __str__(self) -> str:
        return "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixIdentity(Identity):
    """AUTH_SYS: what the client claims, and nothing proves."""

    flavor: int = auth_flavor.AUTH_SYS
    machine: str
    uid: int
    gid: int
    gids: tuple[int, ...]

    def __str__(self) -> str:
        return f"uid {self.uid} of {self.machine!r} (claimed)"


# The client's end


class Link(ABC):
    """The client's present connection, as a flavor sees it.

    serial        -- 1, 2, 3 …: a new number for each connection of the client
    last_received -- trio time of the last octets that came on it
    reliable      -- False where messages may be lost or doubled (UDP)
    tls           -- what TLS protects it with; None: it does not
    """

    serial: int
    last_received: float
    reliable: bool
    tls: TlsSession | None = None

    @abstractmethod
    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        """Send one call of procedure 0 on this connection, under a new xid, and wait for its reply.

        `seal` is shown the header (xid through credential) and gives verifier and body. Returns header and reply.
        Raises `ConnectionLost` if this connection ends first, `trio.TooSlowError` after `timeout` seconds.
        Cancelled: the call may have been sent; its reply will be dropped.
        """

    def serves_others(self, flavor: "ClientFlavor") -> bool:
        """Whether calls of other flavors than `flavor` wait on this connection: to abandon it would be at their
        cost."""
        return False

    @abstractmethod
    def abandon(self) -> None:
        """Give this connection up: outstanding calls go over to a new one. Idempotent."""


class Transmission(ABC):
    """A call as it is sent once. `chunks` are the octets of the whole message."""

    __slots__ = ("chunks",)
    chunks: list[Buffer]

    @abstractmethod
    async def open(self, reply: AcceptedReply) -> Buffer:
        """The results in `reply`, its verifier checked and its protection taken off; of another accept_stat than
        SUCCESS, b"". Raises `BadVerifier` if it does not answer this transmission, `BadReply` if its results are
        broken."""

    def finished(self) -> None:  # noqa: B027  # most flavors keep nothing
        """Nobody waits for its reply any more. Idempotent."""


class ClientFlavor(ABC):
    """One user of one client, used on one connection at a time; a client may have several users. `security` says it in
    a word, e.g. "krb5p"."""

    __slots__ = ()

    security: str = "other"

    def sources(self) -> Iterable[Source]:
        """What it counts and tells of its own."""
        return ()

    @abstractmethod
    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        """Make one transmission of a call, whose arguments come in pieces, as `xdr.Codec.pieces` cuts them. May make a
        context first, and wait for its window.

        Raises `AuthenticationFailed`, and `ConnectionLost` if `link` ends meanwhile. Cancelled: nothing is sent.
        """

    def transmit_now(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission | None:
        """What `transmit` gives, if it has nothing to wait for now; else None, and nothing has happened. That needs no
        deadline, which costs more than the rest of a small call. Raises what `transmit` does."""
        return None

    def __init_subclass__(cls) -> None:
        """Who overrides `transmit` alone wants to see every transmission."""
        super().__init_subclass__()
        first = next(base for base in cls.__mro__ if "transmit" in vars(base) or "transmit_now" in vars(base))
        if "transmit_now" not in vars(first):
            setattr(cls, "transmit_now", ClientFlavor.transmit_now)  # noqa: B010  # a method is not to be assigned to

    async def refused(self, transmission: Transmission, refusal: AuthRefused, link: Link) -> bool:
        """The server denied `transmission`. True: send the call again, under the same xid. The denial is not
        authenticated: whoever can write to the connection can send it."""
        return False

    def another(self) -> "ClientFlavor":
        """A flavor of the same user for another connection of the same client. It tells the listeners of this one, and
        counts where this one does. A flavor that keeps nothing of connections is fit for all of them."""
        return self

    async def aclose(self, link: Link | None) -> None:  # noqa: B027  # most flavors have nothing to say
        """The client closes; `link` is its connection, if there is one. Takes bounded time."""


class _PlainTransmission(Transmission):
    """The octets as they are. The reply's verifier means nothing (RFC 5531, 10.1)."""

    __slots__ = ()

    def __init__(self, header: CallHeader, credential: opaque_auth, arguments: Sequence[Buffer]) -> None:
        self.chunks = [encode_call_header(header, credential) + _NULL_AUTH_OCTETS, *arguments]

    async def open(self, reply: AcceptedReply) -> Buffer:
        return reply.body


class AuthNone(ClientFlavor):
    """AUTH_NONE: no identity (RFC 5531, 10.1)."""

    security = "none"

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        return _PlainTransmission(header, NULL_AUTH, arguments)

    def transmit_now(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        return _PlainTransmission(header, NULL_AUTH, arguments)


class AuthSys(ClientFlavor):
    """AUTH_SYS: numbers that the server has to believe (RFC 5531, appendix A). By default this process's own."""

    security = "sys"

    def __init__(
        self,
        *,
        machine: str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        gids: tuple[int, ...] | None = None,
    ) -> None:
        """`gids`: 16 at most; of more than that, this process's own are cut, others raise `ValueError`."""
        own = tuple(os.getgroups())[:_MAX_GIDS]
        parameters = authsys_parms(
            stamp=int(time.time()) & 0xFFFFFFFF,
            machinename=platform.node() if machine is None else machine,
            uid=os.getuid() if uid is None else uid,
            gid=os.getgid() if gid is None else gid,
            gids=list(own if gids is None else gids),
        )
        try:
            self._credential = opaque_auth(auth_flavor.AUTH_SYS, parameters.to_bytes())
        except EncodeError as error:
            raise ValueError(str(error)) from error

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        return _PlainTransmission(header, self._credential, arguments)

    def transmit_now(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        return _PlainTransmission(header, self._credential, arguments)


# The server's end


@dataclass(eq=False, slots=True)
class Connection:
    """Where calls come from. `peer` is for logs; `serial` is unique in the process; `reliable` and `tls` as in
    `Link`; `origin` is what the kernel knows of it; `max_reply` is what a reply may have in octets, None: anything.

    Over UDP, each address and port that calls come from is a connection; its serial depends on nothing else. Anybody
    can forge the address of a datagram.
    """

    peer: str
    serial: int
    reliable: bool = True
    origin: Origin = NOWHERE
    tls: TlsSession | None = None
    max_reply: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A flavor's own reply to a control message: accepted; SUCCESS, unless there is a `refusal`."""

    verifier: opaque_auth
    body: Buffer
    refusal: NotExecuted | None = None


class Session(ABC):
    """One call whose header has been verified."""

    __slots__ = ("identity",)
    identity: Identity

    @abstractmethod
    async def unprotect(self, body: memoryview) -> Buffer:
        """The arguments in a call's body. Raises `GarbageArguments`."""

    @abstractmethod
    async def verifier(self) -> opaque_auth:
        """The verifier of the reply, whatever its accept_stat."""

    @abstractmethod
    async def protect(self, results: Sequence[Buffer]) -> Sequence[Buffer]:
        """The body of a successful reply. Both come in pieces, as `xdr.Codec.pieces` cuts them."""

    async def sealed(self, results: Sequence[Buffer]) -> tuple[opaque_auth, Sequence[Buffer]]:
        """Verifier and body of a successful reply, which nearly every call needs together."""
        body = await self.protect(results)
        return await self.verifier(), body

    def finished(self) -> None:  # noqa: B027  # most flavors keep nothing
        """The call has ended, replied to or not. Idempotent."""


class ServerFlavor(ABC):
    """A flavor that a server accepts; `number` is its auth_flavor."""

    number: ClassVar[int]

    def sources(self) -> Iterable[Source]:
        """What it counts and tells of its own."""
        return ()

    @abstractmethod
    async def authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        """Verify a call's header. A `Session` for an ordinary call, an `Answer` to a control message, None to drop it
        without a word. Raises `AuthRefused`."""


class _PlainSession(Session):
    __slots__ = ()

    def __init__(self, identity: Identity) -> None:
        self.identity = identity

    async def unprotect(self, body: memoryview) -> Buffer:
        return body

    async def verifier(self) -> opaque_auth:
        return NULL_AUTH

    async def protect(self, results: Sequence[Buffer]) -> Sequence[Buffer]:
        return results

    async def sealed(self, results: Sequence[Buffer]) -> tuple[opaque_auth, Sequence[Buffer]]:
        return NULL_AUTH, results


class AcceptNone(ServerFlavor):
    """Takes AUTH_NONE calls. Their identity is `Anonymous`."""

    number = auth_flavor.AUTH_NONE

    async def authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        return _ANONYMOUS


class AcceptSys(ServerFlavor):
    """Takes AUTH_SYS calls and believes what they say. Their identity is a `UnixIdentity`."""

    number = auth_flavor.AUTH_SYS

    async def authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        try:
            claim = authsys_parms.from_bytes(call.credential.body)
        except DecodeError as error:
            raise AuthRefused(auth_stat.AUTH_BADCRED, str(error)) from error
        return _PlainSession(
            UnixIdentity(machine=claim.machinename, uid=claim.uid, gid=claim.gid, gids=tuple(claim.gids))
        )


_MAX_GIDS: Final = 16
_NULL_AUTH_OCTETS: Final = encode_auth(NULL_AUTH)
_ANONYMOUS: Final = _PlainSession(Anonymous())

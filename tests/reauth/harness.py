"""Both ends of fast re-authentication in memory: no sockets, no mechanism, clocks that are told the time."""

import hmac
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import trio

from rpcgss.gss.bodies import Credential
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import Context
from rpcgss.gss.extension import Establishment, Grant, ServerHost
from rpcgss.gss.protection import Buffer, MessageProtection
from rpcgss.gss.provider import Credentials, Demands, GssFlag, GssName, GssService, SecurityContext
from rpcgss.gss.store import ContextStore, StoreLimits
from rpcgss.reauth.attempt import CREDENTIAL_BODY, Attempt, Renewal
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.grant import read_grant_untrusted
from rpcgss.reauth.keys import session_key
from rpcgss.reauth.keyset import FixedKeys, Key, KeySet, KeySource
from rpcgss.reauth.reauth_xdr import FRA1, reauth_ticket
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc.errors import ConnectionLost, Denied
from rpcgss.rpc.flavors import Connection, Link
from rpcgss.rpc.messages import (
    AcceptedReply,
    CallHeader,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    encode_denied,
    encode_success,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_flavor, opaque_auth
from rpcgss.rpc.work import InlineWorker

START = 1_700_000_000.0
DAY = 86400
KRB5 = "1.2.840.113554.1.2.2"
_KRB5_OID = bytes.fromhex("06092a864886f712010202")
FLAGS = GssFlag.MUTUAL | GssFlag.INTEG | GssFlag.CONF | GssFlag.TRANS
PROGRAM, VERSION = 100003, 3


def krb5_name(display: str) -> GssName:
    """A name with its exported octets (RFC 1964, 2.1.1)."""
    octets = display.encode()
    exported = b"\x04\x01" + len(_KRB5_OID).to_bytes(2) + _KRB5_OID + len(octets).to_bytes(4) + octets
    return GssName(display, exported)


ALICE = krb5_name("alice@EXAMPLE.ORG")
NFS = krb5_name("nfs/server.example.org@EXAMPLE.ORG")
HTTP = krb5_name("HTTP/server.example.org@EXAMPLE.ORG")


class Clocks:
    """Wall and monotonic time, moved by hand."""

    def __init__(self) -> None:
        self.wall, self.monotonic = START, 5000.0

    def pass_time(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@dataclass
class FakeSecurity(SecurityContext):
    """A GSS context that has been made, as far as tickets look at it. `key` is what both ends share."""

    key: bytes = b"key of the context"
    initiator: GssName = ALICE  # a field where the base has a property
    acceptor: GssName = NFS
    flags: GssFlag = FLAGS
    mechanism: str = KRB5
    lifetime: int | None = 36000
    channel_bound: bool = False
    failure: Exception | None = None
    complete = True
    delegated = None

    def step(self, token: Buffer | None) -> bytes:
        raise AssertionError

    def protection(self) -> MessageProtection:
        raise AssertionError

    def prf(self, label: bytes, length: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        return hmac.digest(self.key, label, "sha256")[:length]


def demands_of(**changes: object) -> Demands:
    asked = Demands("nfs@server.example.org", GssService.PRIVACY, None, True, False, Credentials())
    return replace(asked, **changes)  # type: ignore[arg-type]


def fixed_keys(*, secret: bytes = b"k" * 32, scope: str = "test", revoked_before: int = 0) -> FixedKeys:
    return FixedKeys(KeySet(scope, (Key(secret, 0),), DAY, revoked_before))


def establishment(clocks: Clocks, **changes: object) -> Establishment:
    """What both ends have when an exchange of two tokens is over."""
    security = changes.pop("security", None) or FakeSecurity()
    made = Establishment(
        security=security,  # type: ignore[arg-type]
        tokens=[b"first token", b"last"],
        offered=FRA1,
        handle=b"handle of 16 oct",
        seq_window=512,
        lifetime=security.lifetime,  # type: ignore[attr-defined]
        now=clocks.monotonic,
        wall=clocks.wall,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


class ServerEnd:
    """A server process as far as re-authentication goes: records in, records out."""

    def __init__(
        self,
        clocks: Clocks,
        keyring: KeySource | None = None,
        *,
        names: tuple[GssName, ...] = (NFS,),
        limits: StoreLimits | None = None,
        **options: object,
    ) -> None:
        self.clocks = clocks
        self.store = ContextStore(limits)
        self.tickets = TicketServer(keyring or fixed_keys(), **options)  # type: ignore[arg-type]
        self.connection = Connection("test", 1)
        self.tickets.attach(
            ServerHost(
                store=self.store,
                seq_window=512,
                receive_window=1024,
                acceptor_names=names,
                clock=lambda: clocks.monotonic,
                wall=lambda: clocks.wall,
                worker=InlineWorker(),
            )
        )

    async def grant(self, **changes: object) -> Grant:
        return await self.tickets.grant(establishment(self.clocks, **changes), self.connection)

    async def answer(self, record: bytes) -> bytes | None:
        """The reply record; None: dropped."""
        try:
            call = parse_call_untrusted(record)
            credential = Credential(FRA1, 0, 1, bytes(16))
            answer = await self.tickets.reauthenticate(call, credential, self.connection)
        except Denied as refusal:
            return encode_denied(parse_xid(record), refusal)
        return None if answer is None else encode_success(call.xid, answer.verifier) + bytes(answer.body)

    def use(self, handle: bytes) -> Context:
        """A DATA call with a good verifier has come."""
        context = self.store.find(handle)
        assert context is not None
        self.store.used(context, self.clocks.monotonic)
        return context


def parse_xid(record: bytes) -> int:
    return int.from_bytes(record[:4])


def request_record(attempt: Attempt, *, xid: int = 1, credential: bytes = CREDENTIAL_BODY) -> bytes:
    """The call that `attempt` makes."""
    header = encode_call_header(CallHeader(xid, PROGRAM, VERSION, 0), opaque_auth(auth_flavor.RPCSEC_GSS, credential))
    return header + encode_auth(opaque_auth(auth_flavor.AUTH_NONE, b"")) + attempt.argument(header)


def accept(attempt: Attempt, record: bytes) -> Renewal:
    """Show a reply record to `attempt`."""
    reply = parse_reply_untrusted(record)
    assert isinstance(reply, AcceptedReply)
    return attempt.accept_untrusted(reply.verifier.flavor, reply.verifier.body, reply.body)


@dataclass
class HeldTicket:
    """What a client holds after a grant, without a client."""

    ticket: reauth_ticket
    session_key: bytes
    lifetime: int

    def attempt(self, **options: object) -> Attempt:
        return Attempt(self.ticket, self.session_key, **options)  # type: ignore[arg-type]


async def held_ticket(server: ServerEnd, **changes: object) -> HeldTicket:
    made = establishment(server.clocks, **changes)
    grant = await server.tickets.grant(made, server.connection)
    sk = session_key(made.security.prf, made.tokens)
    granted = read_grant_untrusted(sk, made.handle, made.seq_window, grant.octets)
    return HeldTicket(granted.ticket, sk, granted.lifetime)


@dataclass
class MemoryLink(Link):
    """A connection to a server in the same process.

    request, reply -- what becomes of a record on its way; None: it is lost
    cut            -- the connection breaks before the reply
    """

    server: ServerEnd
    serial: int = 1
    last_received: float = 0.0
    reliable: bool = True
    request: Callable[[bytes], bytes | None] = field(default=lambda record: record)
    reply: Callable[[bytes], bytes | None] = field(default=lambda record: record)
    cut: bool = False
    sent: int = 0
    records: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._xids = itertools.count(1)

    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        header = encode_call_header(CallHeader(next(self._xids), program, version, 0), credential)
        verifier, body = seal(header)
        self.sent += 1
        record: bytes | None = header + encode_auth(verifier) + bytes(body)
        assert record is not None
        self.records.append(record)
        record = self.request(record)
        answer = None if record is None else await self.server.answer(record)
        await trio.lowlevel.checkpoint()
        if self.cut:
            raise ConnectionLost("cut")
        answer = None if answer is None else self.reply(answer)
        if answer is None:
            await trio.sleep_forever()
        self.last_received = trio.current_time()
        return header, parse_reply_untrusted(answer)

    def abandon(self) -> None:
        raise AssertionError


class ClientEnd:
    """A flavor's extension with its demands."""

    def __init__(self, clocks: Clocks, *, demands: Demands | None = None, **options: object) -> None:
        self.clocks = clocks
        self.demands = demands or demands_of()
        self.tickets = TicketClient(wall_clock=lambda: clocks.wall, **options)  # type: ignore[arg-type]

    async def establish(self, server: ServerEnd, link: Link, **changes: object) -> bytes:
        """A full exchange with its grant; returns the octets of the grant."""
        offered = self.tickets.offer(self.demands, link, carried_context=False)
        made = establishment(self.clocks, offered=offered, **changes)
        grant = await server.tickets.grant(made, server.connection)
        await self.tickets.receive_grant(memoryview(grant.octets), made, self.demands, link)
        return grant.octets

    async def recover(self, link: Link) -> ClientContext | None:
        return await self.tickets.recover(PROGRAM, VERSION, self.demands, link)

"""Client flavor and server flavor face to face, without client, server or sockets between them.

Every message still goes through its octets, and a test may look at them, bend them, hold them back or send its own.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count

import trio

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc.errors import AuthRefused, ConnectionLost, Denied, NotExecuted
from rpcgss.rpc.flavors import Answer, Connection, Link, Session, Transmission
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    DeniedReply,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    encode_denied,
    encode_not_executed,
    encode_success,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import opaque_auth
from xdr import Buffer

PROGRAM, VERSION, PROCEDURE = 0x20000001, 1, 5
CONNECTION = Connection("test", 1)


class Dropped(Exception):
    """The server said nothing."""


async def echo(session: Session, arguments: bytes) -> bytes:
    """The default handler."""
    return arguments[::-1]


@dataclass
class Wire(Link):
    """A connection to one server flavor.

    connection -- the same as the server sees it
    outgoing, incoming -- what happens to each call and each reply on its way
    calls, replies     -- the octets of all of them, as they were before that
    """

    server: GssServerFlavor
    serial: int = 1
    last_received: float = 0.0
    reliable: bool = True
    connection: Connection = field(default_factory=lambda: CONNECTION)
    handler: Callable[[Session, bytes], Awaitable[bytes]] = echo
    outgoing: Callable[[bytes], bytes] = bytes
    incoming: Callable[[bytes], bytes] = bytes
    calls: list[bytes] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)
    xids: "count[int]" = field(default_factory=lambda: count(1))
    abandoned: bool = False
    reply_delay: float = 0.0

    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        header = encode_call_header(CallHeader(next(self.xids), program, version, 0), credential)
        verifier, body = seal(header)
        with trio.fail_after(float("inf") if timeout is None else timeout):
            reply = await self.send(header + encode_auth(verifier) + bytes(body))
            return header, reply

    def abandon(self) -> None:
        self.abandoned = True

    async def send(self, call: bytes) -> ReceivedReply:
        """Deliver a call and its reply. Silence of the server is for ever, so have a timeout; raises ConnectionLost."""
        if self.abandoned:
            raise ConnectionLost("abandoned")
        self.calls.append(call)
        reply = await serve(self.server, self.outgoing(call), self.handler, self.connection)
        if self.reply_delay:
            await trio.sleep(self.reply_delay)
        if reply is None:
            raise Dropped
        self.replies.append(reply)
        self.last_received = trio.current_time()
        return parse_reply_untrusted(self.incoming(reply))

    async def call(
        self, flavor: GssFlavor, arguments: bytes = b"ping", *, tries: int = 8, procedure: int = PROCEDURE
    ) -> bytes:
        """One call as a client makes it: sent again while the flavor says so. Raises the refusal."""
        header = CallHeader(next(self.xids), PROGRAM, VERSION, procedure)
        while True:
            transmission = await flavor.transmit(header, (arguments,), self)
            try:
                reply = await self.send(message(transmission))
                if isinstance(reply, AcceptedReply):
                    return opened(reply, await transmission.open(reply))
                tries -= 1
                denial = reply.refusal
                if not tries or not isinstance(denial, AuthRefused):
                    raise denial
                if not await flavor.refused(transmission, denial, self):
                    raise denial
            finally:
                transmission.finished()


class Failed(Exception):
    """An accepted reply that is no success; its status is the argument."""


def opened(reply: AcceptedReply, results: Buffer) -> bytes:
    """What a caller gets of a reply."""
    if reply.stat != 0:
        raise Failed(reply.stat)
    return bytes(results)


def message(transmission: Transmission) -> bytes:
    """The octets of a transmission."""
    return b"".join(bytes(chunk) for chunk in transmission.chunks)


async def serve(
    server: GssServerFlavor,
    octets: bytes,
    handler: Callable[[Session, bytes], Awaitable[bytes]] = echo,
    connection: Connection = CONNECTION,
) -> bytes | None:
    """One call through a server flavor; None: dropped."""
    call = parse_call_untrusted(octets)
    verifier = NULL_AUTH
    try:
        session = await server.authenticate(call, connection)
        if session is None:
            return None
        if isinstance(session, Answer) and session.refusal is not None:
            return encode_not_executed(call.xid, session.verifier, session.refusal)
        if isinstance(session, Answer):
            return encode_success(call.xid, session.verifier) + bytes(session.body)
        try:
            verifier = await session.verifier()
            results = await handler(session, bytes(await session.unprotect(call.body)))
            return encode_success(call.xid, verifier) + b"".join(await session.protect((results,)))
        finally:
            session.finished()
    except NotExecuted as refusal:
        return encode_not_executed(call.xid, verifier, refusal)
    except Denied as refusal:
        return encode_denied(call.xid, refusal)


def denial(reply: ReceivedReply | None) -> int:
    """The auth_stat of a denied reply."""
    assert isinstance(reply, DeniedReply)
    assert isinstance(reply.refusal, AuthRefused)
    return reply.refusal.stat

"""The second ends where the project's can meet them: in memory, with full exchanges by the fake mechanism."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from rpcgss.gss.errors import BadMic, BadWrap
from rpcgss.gss.provider import SecurityContext
from tests.gss.fake_mechanism import FakeAcceptor, FakeInitiator, FakeProtection
from transport import StreamChannel, memory_channel_pair

from . import client, rpc
from .client import ClientTicket
from .contexts import ClientContext, ServerContext
from .keys import Unprotected
from .server import Established, Server
from .structs import Grant
from .wire import FRA1, Reader, opaque, uint

COMPLETE, CONTINUE = 0, 1
MAX_TOKEN = 65536


@dataclass
class Mechanism:
    """The fake mechanism's messages, under the names that `Messages` has for them."""

    within: FakeProtection
    used_up: bool = False

    def mic(self, message: bytes) -> bytes:
        return self.within.mic(message)

    def wrap(self, message: bytes) -> bytes:
        return self.within.wrap(message)

    def verify(self, message: bytes, mic: bytes) -> None:
        try:
            self.within.verify_mic(message, mic)
        except BadMic:
            raise Unprotected from None

    def unwrap(self, token: bytes) -> bytes:
        try:
            return self.within.unwrap(token)
        except BadWrap:
            raise Unprotected from None


class SecondClient:
    """Calls, one at a time, over a channel to somebody's server."""

    def __init__(self, channel: StreamChannel, program: int, version: int) -> None:
        self.channel = channel
        self.program = program
        self.version = version
        self.xid = 100

    async def exchange(self, call: bytes) -> bytes:
        await self.channel.send(call)
        return bytes(await self.channel.receive())

    async def establish(
        self, initiator: FakeInitiator, *, offer: int = FRA1
    ) -> tuple[ClientContext, ClientTicket | None]:
        """A full exchange, and the ticket that was granted, if one was (RFC 2203, 5.2)."""
        tokens: list[bytes] = []
        handle, gss_proc, token = b"", rpc.INIT, initiator.step(None)
        while True:
            self.xid += 1
            credential = rpc.Credential(gss_proc, offer, rpc.NONE, handle).octets()
            head = rpc.header(self.xid, self.program, self.version, 0, credential)
            reply = await self.exchange(head + rpc.auth(rpc.AUTH_NONE, b"") + opaque(token))
            _, verifier, octets = rpc.read_accepted(reply, self.xid)
            results = Reader(octets)
            handle, major, _, window = results.opaque(64), results.uint(), results.uint(), results.uint()
            answer = results.opaque(MAX_TOKEN)
            tokens += [token, answer]
            if answer:
                token = initiator.step(answer)
            gss_proc = rpc.CONTINUE_INIT
            if major == COMPLETE:
                break
        messages = Mechanism(initiator.protection())
        messages.verify(uint(window), verifier)
        now, flags = time.time(), int(initiator.flags)
        ticket = client.read_grant(
            results.rest(), handle, window, flags, initiator.prf, tokens, now, initiator.lifetime
        )
        return ClientContext(handle, window, flags, now + 3600, messages), ticket

    async def recover(
        self, ticket: ClientTicket, suites: Sequence[int] = (1, 2), *, share: bool = True
    ) -> tuple[ClientContext, ClientTicket]:
        self.xid += 1
        request = client.make_request(ticket, self.xid, self.program, self.version, suites, share)
        return request.accept(await self.exchange(request.call), time.time())

    async def call(self, context: ClientContext, procedure: int, arguments: bytes, service: int) -> bytes:
        self.xid += 1
        call, results = context.call(self.xid, self.program, self.version, procedure, arguments, service)
        return results(await self.exchange(call))

    async def destroy(self, context: ClientContext) -> bytes:
        self.xid += 1
        call, results = context.call(self.xid, self.program, self.version, 0, b"", rpc.NONE, rpc.DESTROY)
        return results(await self.exchange(call))


@dataclass
class SecondServer:
    """A server of one procedure that echoes, and of full exchanges, for somebody's client.

    `full_exchanges` and `requests` count what has come, `procs` are the gss_proc of all calls.
    """

    server: Server
    acceptor: FakeAcceptor
    full_exchanges: int = 0
    procs: list[int] = field(default_factory=list)
    services: list[int] = field(default_factory=list)
    offers: list[int] = field(default_factory=list)
    _creations: dict[bytes, tuple[SecurityContext, list[bytes]]] = field(default_factory=dict)

    async def serve(self, channel: StreamChannel) -> None:
        async for record in channel:
            reply = self.answer(bytes(record))
            if reply is not None:
                await channel.send(reply)

    def answer(self, message: bytes) -> bytes | None:
        call = rpc.Call.read(message)
        credential = rpc.Credential.read(call.credential)
        self.procs.append(credential.gss_proc)
        if credential.gss_proc in (rpc.INIT, rpc.CONTINUE_INIT):
            return self._create(call, credential)
        self.services.append(credential.service)
        return self.server.receive(message, lambda procedure, arguments: arguments)

    def _create(self, call: rpc.Call, credential: rpc.Credential) -> bytes:
        self.offers.append(credential.seq_num)
        handle = credential.handle or self.server.random(16)
        context, tokens = self._creations.setdefault(handle, (self.acceptor.accept(), []))
        reader = Reader(call.arguments)
        token = reader.opaque(MAX_TOKEN)
        reader.end()
        answer = context.step(token)
        tokens += [token, answer]
        window = self.server.seq_window
        head = opaque(handle) + uint(COMPLETE if context.complete else CONTINUE) + uint(0) + uint(window)
        results = head + opaque(answer)
        if not context.complete:
            verified = rpc.auth(rpc.AUTH_NONE, b"")
            return uint(call.xid) + uint(rpc.REPLY) + uint(rpc.MSG_ACCEPTED) + verified + uint(rpc.SUCCESS) + results
        self.full_exchanges += 1
        del self._creations[handle]
        messages = Mechanism(context.protection())  # type: ignore[arg-type]  # the fake mechanism's
        mic = messages.mic(uint(window))
        grant = self._grant(context, tokens, handle) if credential.seq_num == FRA1 else None
        end = self.server.monotonic() + 36000
        self.server.contexts[handle] = ServerContext(
            int(context.flags), handle, window, end, end, messages, unused=False
        )
        return rpc.accepted(call.xid, mic, results + (grant.octets() if grant else b""))

    def _grant(self, context: SecurityContext, tokens: list[bytes], handle: bytes) -> Grant | None:
        exported = (context.initiator.exported, context.acceptor.exported)
        made = Established(
            exported[0],
            context.initiator.display,
            context.mechanism,
            exported[1],
            int(context.flags),
            context.lifetime,
            tokens,
            context.prf,
            handle,
            b"of the second server",
        )
        return self.server.grant(made)


def connected(nursery: trio.Nursery, server: SecondServer) -> StreamChannel:
    near, far = memory_channel_pair()
    nursery.start_soon(server.serve, far)
    return near

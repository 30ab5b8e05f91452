"""The second implementation and the project's, each as client of the other, over records in memory."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio

from rpcgss import (
    Credentials,
    FixedKeys,
    GssFlavor,
    GssIdentity,
    GssServerFlavor,
    GssService,
    TicketClient,
    TicketServer,
    open_client,
)
from rpcgss.gss.provider import Demands, GssFlag
from rpcgss.reauth.keyring import Key, KeySet
from rpcgss.rpc import Server
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import EVERYTHING, FAKE, FakeAcceptor, FakeInitiator, FakeProvider
from tests.reauth.harness import ALICE, FLAGS, KRB5, NFS, Clocks, ServerEnd, establishment, fixed_keys, held_ticket
from tests.rpc.program import ECHO, PROGRAM, VERSION, Program
from transport import StreamChannel, memory_channel_pair

from . import client, rpc, server, tickets
from .client import ClientTicket
from .contexts import ClientContext
from .joined import SecondClient, SecondServer, connected
from .keys import AES_256_GCM, CHACHA20_POLY1305, agree, mac, public_share, schedule, sha256
from .structs import Accept, Arguments, Ok, Ticket
from .wire import FRA1, opaque

SECRET = bytes(range(32))
SCOPE = "both"
PRINCIPAL = "alice@FAKE"
SERVICES = [rpc.NONE, rpc.INTEGRITY, rpc.PRIVACY]

suites = pytest.mark.parametrize("suite", [AES_256_GCM, CHACHA20_POLY1305])
shares = pytest.mark.parametrize("share", [True, False], ids=["share", "no share"])


def our_server(program: Program) -> Server:
    """The project's server, with no contexts and the keyring of all these tests."""
    keys = FixedKeys(KeySet(SCOPE, (Key(SECRET, 0),)))
    extension = TicketServer(keys, application=lambda made: b"of our server")
    flavor = GssServerFlavor(FakeAcceptor(rounds=2), extension=extension, worker=InlineWorker())
    return Server([program], [flavor])


def second_server() -> SecondServer:
    """The second server, with no contexts and the same keyring."""
    ring = tickets.Keyring(SCOPE, [tickets.Key(SECRET, 0)])
    acceptor = FakeAcceptor(rounds=2)
    names = [name.exported for name in acceptor.names]
    return SecondServer(server.Server(ring, names, time.time, trio.current_time), acceptor)


def second_client(nursery: trio.Nursery, to: Server | SecondServer) -> SecondClient:
    if isinstance(to, SecondServer):
        return SecondClient(connected(nursery, to), PROGRAM, VERSION)
    near, far = memory_channel_pair()
    nursery.start_soon(to.serve_channel, far)
    return SecondClient(near, PROGRAM, VERSION)


def initiator(flags: GssFlag = EVERYTHING) -> FakeInitiator:
    provider = FakeProvider(PRINCIPAL, flags=flags, allowed=flags)
    return FakeInitiator(Demands("nfs@server", GssService.INTEGRITY, None, True, False, Credentials()), provider, 0)


async def echo_with_each_service(end: SecondClient, context: ClientContext) -> None:
    for service in SERVICES:
        argument = opaque(b"with service %d" % service)
        assert await end.call(context, ECHO.number, argument, service) == argument


async def first_ticket(nursery: trio.Nursery, flags: GssFlag = EVERYTHING) -> ClientTicket:
    """What the project's server grants."""
    _, ticket = await second_client(nursery, our_server(Program())).establish(initiator(flags))
    assert ticket
    return ticket


@asynccontextmanager
async def a_nursery() -> AsyncIterator[trio.Nursery]:
    """Everything in it ends with the block."""
    async with trio.open_nursery() as nursery:
        yield nursery
        nursery.cancel_scope.cancel()


# The second client at the project's server.


@shares
@suites
async def test_second_client_recovers_along_a_chain(suite: int, share: bool, autojump_clock: trio.abc.Clock) -> None:
    program = Program()
    async with a_nursery() as nursery:
        end = second_client(nursery, our_server(program))
        context, ticket = await end.establish(initiator())
        await echo_with_each_service(end, context)
        assert ticket
        expiry = ticket.expiry

        for _ in range(3):
            end = second_client(nursery, our_server(program))
            with pytest.raises(rpc.Denied) as lost:
                await end.call(context, ECHO.number, opaque(b"lost"), rpc.PRIVACY)
            assert lost.value.reason == rpc.CREDPROBLEM
            context, ticket = await end.recover(ticket, [suite], share=share)
            await echo_with_each_service(end, context)
            assert 0 <= expiry - ticket.expiry < 60

    identity = program.calls[-1].identity
    assert isinstance(identity, GssIdentity)
    assert (identity.principal, identity.mechanism, identity.target.display) == (PRINCIPAL, FAKE, "nfs@server")
    assert identity.reauthenticated
    assert identity.application == b"of our server"


async def test_second_client_gets_nothing_without_an_offer(autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        end = second_client(nursery, our_server(Program()))
        context, ticket = await end.establish(initiator(), offer=0)
        await echo_with_each_service(end, context)
        assert ticket is None


async def test_the_first_suite_that_is_known_is_taken(autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, our_server(Program()))
        context, _ = await end.recover(ticket, [77, CHACHA20_POLY1305, AES_256_GCM])
        await echo_with_each_service(end, context)
        with pytest.raises(client.No, match=str(rpc.AUTH_REJECTEDCRED)):
            await end.recover(ticket, [77, 78])


async def test_our_server_repeats_itself_until_the_context_is_used(autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, our_server(Program()))
        request = client.make_request(ticket, 1, PROGRAM, VERSION)
        reply = await end.exchange(request.call)
        assert await end.exchange(request.call) == reply
        context, _ = request.accept(reply, time.time())
        await echo_with_each_service(end, context)

        await end.channel.send(request.call)  # no answer: the next reply is that of the next call
        await echo_with_each_service(end, context)


async def test_our_server_refuses_every_changed_word_of_a_request(autojump_clock: trio.abc.Clock) -> None:
    """Step by step of section 8.2, it is the same no."""
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, our_server(Program()))
        call = client.make_request(ticket, 1, PROGRAM, VERSION).call
        framing = {1, 2, 6, 7, 8, 9, 12, 18}  # of RPC and of the credential: it would be no request, or no call
        for word in sorted(set(range(len(call) // 4)) - framing):
            changed = bytearray(call)
            changed[4 * word + 3] ^= 1
            reply = await end.exchange(bytes(changed))
            assert reply == rpc.denied(int.from_bytes(changed[:4]), rpc.AUTH_REJECTEDCRED), word
        for changed_length in (call + bytes(4), call[:-4]):
            assert await end.exchange(changed_length) == rpc.denied(1, rpc.AUTH_REJECTEDCRED)


async def test_no_privacy_without_the_flag(autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery, EVERYTHING & ~GssFlag.CONF)
        for to in (our_server(Program()), second_server()):
            end = second_client(nursery, to)
            context, _ = await end.recover(ticket)
            with pytest.raises(rpc.Denied) as refused:
                await end.call(context, ECHO.number, opaque(b"secret"), rpc.PRIVACY)
            assert refused.value.reason == rpc.AUTH_BADCRED
            argument = opaque(b"open")
            assert await end.call(context, ECHO.number, argument, rpc.INTEGRITY) == argument


async def test_second_client_destroys_its_context(autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, our_server(Program()))
        context, _ = await end.recover(ticket)
        assert await end.destroy(context) == b""
        with pytest.raises(rpc.Denied) as gone:
            await end.call(context, ECHO.number, opaque(b"gone"), rpc.NONE)
        assert gone.value.reason == rpc.CREDPROBLEM


# The project's client at the second server.


def our_client_flavor(service: GssService, *, share: bool = True, suites: tuple[int, ...] = (1, 2)) -> GssFlavor:
    return GssFlavor(
        "nfs@server",
        service=service,
        extension=TicketClient(share=share, suites=suites),
        provider=FakeProvider(PRINCIPAL),
        worker=InlineWorker(),
    )


@pytest.mark.parametrize("service", GssService)
@shares
@suites
async def test_our_client_recovers_along_a_chain(
    suite: int, share: bool, service: GssService, autojump_clock: trio.abc.Clock
) -> None:
    peer, flavor = second_server(), our_client_flavor(service, share=share, suites=(suite,))
    async with a_nursery() as nursery, open_client(connect_to(nursery, peer), flavor) as one:
        assert await one.call(ECHO, b"first") == b"first"
        for number in range(3):
            peer.server.contexts.clear()
            for text in (b"lost %d", b"used %d"):
                assert await one.call(ECHO, text % number) == text % number

    assert peer.offers == [FRA1, FRA1]
    assert peer.procs.count(FRA1) == 3
    assert peer.full_exchanges == 1
    assert (flavor.counters.by_exchange, flavor.counters.by_ticket, flavor.counters.lost) == (1, 3, 3)
    assert set(peer.services) == {service, rpc.NONE}  # none: of the requests, which are all alike
    assert peer.server.reasons == []


@pytest.mark.parametrize("fault", ["no share", "another suite", "verifier", "an octet more"])
async def test_our_client_takes_a_bad_reply_for_a_no(fault: str, autojump_clock: trio.abc.Clock) -> None:
    peer, flavor = second_server(), our_client_flavor(GssService.PRIVACY, suites=(AES_256_GCM,))

    def spoil(message: bytes) -> bytes | None:
        call = rpc.Call.read(message)
        if rpc.Credential.read(call.credential).gss_proc != FRA1:
            return SecondServer.answer(peer, message)
        return spoiled(peer.server, message, fault)

    peer.answer = spoil  # type: ignore[method-assign]
    async with a_nursery() as nursery, open_client(connect_to(nursery, peer), flavor) as one:
        await one.call(ECHO, b"first")
        peer.server.contexts.clear()
        assert await one.call(ECHO, b"lost") == b"lost"
    assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (2, 0)


def spoiled(at: server.Server, message: bytes, fault: str) -> bytes:
    """The reply to a request, with something wrong but every key right."""
    call = rpc.Call.read(message)
    arguments = Arguments.read(call.arguments)
    key = at.keyring.to_open(arguments.ticket.key_index, at.wall())
    assert key
    state = tickets.unseal(arguments.ticket, key, at.keyring.scope)
    suite = CHACHA20_POLY1305 if fault == "another suite" else AES_256_GCM
    private = bytes(range(32))
    share = fault != "no share"
    shared = agree(private, arguments.client_share) if share else bytes(32)
    accept = Accept(b"h" * 16, 512, suite, b"n" * 32, public_share(private) if share else b"")
    made = schedule(state.session_key, shared, sha256(call.header + call.arguments + accept.octets()))
    ticket = tickets.seal(replace(state, session_key=made.next_session_key), key, at.keyring.scope)
    assert ticket
    ok = Ok(accept, ticket, 1000).octets() + (bytes(4) if fault == "an octet more" else b"")
    verifier = mac(made.confirm, ok if fault != "verifier" else ok + b"x")
    return rpc.accepted(call.xid, verifier, ok)


# Tickets from one server at the other.


@shares
async def test_two_kinds_of_servers_share_one_chain(share: bool, autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        context, ticket = await second_client(nursery, second_server()).establish(initiator())
        assert ticket
        for to in (our_server(Program()), second_server(), second_server(), our_server(program := Program())):
            end = second_client(nursery, to)
            context, ticket = await end.recover(ticket, share=share)
            await echo_with_each_service(end, context)
    identity = program.calls[-1].identity
    assert isinstance(identity, GssIdentity)
    assert (identity.principal, identity.application) == (PRINCIPAL, b"of the second server")


async def test_our_client_moves_between_two_kinds_of_servers(autojump_clock: trio.abc.Clock) -> None:
    peer, flavor = second_server(), our_client_flavor(GssService.PRIVACY)
    places: list[Server | SecondServer] = [peer, our_server(Program()), second_server(), our_server(Program())]
    async with a_nursery() as nursery:
        channels: list[StreamChannel] = []

        async def connect() -> StreamChannel:
            await trio.lowlevel.checkpoint()
            channels.append(second_client(nursery, places.pop(0)).channel)
            return channels[-1]

        async with open_client(connect, flavor) as one:
            assert await one.call(ECHO, b"first") == b"first"
            while places:
                await channels[-1].aclose()
                assert await one.call(ECHO, b"elsewhere") == b"elsewhere"
    assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (1, 3)


async def test_a_sealed_state_is_the_same_to_both() -> None:
    """Kerberos names, whose display form is in the exported name."""
    ours = ServerEnd(Clocks(), fixed_keys(secret=SECRET, scope=SCOPE))
    now = ours.clocks.wall
    made = establishment(ours.clocks)
    held = await held_ticket(ours)
    key = tickets.Key(SECRET, 0)
    assert held.ticket.key_index == key.index

    state = tickets.unseal(Ticket(held.ticket.key_index, bytes(held.ticket.sealed)), key, SCOPE)

    assert state.session_key == held.session_key
    assert (state.principal, state.display, state.mechanism) == (ALICE.exported, "", KRB5)
    assert (state.acceptor, state.flags) == (sha256(NFS.exported), int(FLAGS))
    assert (state.established, state.expiry) == (int(now), int(now) + held.lifetime)
    assert state.application == b""

    ring = tickets.Keyring(SCOPE, [key])
    second = server.Server(ring, [NFS.exported], lambda: now, lambda: 0.0)
    known = server.Established(
        ALICE.exported,
        ALICE.display,
        KRB5,
        NFS.exported,
        int(FLAGS),
        36000,
        made.tokens,
        made.security.prf,
        made.handle,
    )
    grant = second.grant(known)
    assert grant
    assert len(grant.octets()) == len((await ours.grant()).octets)
    resealed = tickets.unseal(grant.ticket, key, SCOPE)
    assert replace(resealed, chain=state.chain) == state
    ticket = ClientTicket(grant.ticket, state.session_key, int(FLAGS), now + 36000)
    reply = await ours.answer(client.make_request(ticket, 1, PROGRAM, VERSION).call)
    assert reply
    assert rpc.read_success(reply, 1)


def connect_to(nursery: trio.Nursery, peer: SecondServer) -> Callable[[], Awaitable[StreamChannel]]:
    async def connect() -> StreamChannel:
        await trio.lowlevel.checkpoint()
        return connected(nursery, peer)

    return connect

"""The second implementation and the project's, each as client of the other, over records in memory."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
from rpcgss.gss.client_events import GssClientCounters
from rpcgss.gss.provider import Demands, GssFlag, GssName
from rpcgss.reauth.keyset import Key, KeySet
from rpcgss.rpc import Server
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import EVERYTHING, FAKE, FakeAcceptor, FakeInitiator, FakeProvider, fake_name
from tests.reauth.harness import (
    ALICE,
    FLAGS,
    KRB5,
    NFS,
    Clocks,
    FakeSecurity,
    ServerEnd,
    establishment,
    fixed_keys,
    held_ticket,
)
from tests.rpc.program import ECHO, PROGRAM, VERSION, Program
from transport import StreamChannel, memory_channel_pair

from . import client, rpc, server, tickets
from .client import ClientTicket
from .contexts import ClientContext, ServerContext
from .joined import SecondClient, SecondServer, connected
from .keys import (
    AES_256_GCM,
    CHACHA20_POLY1305,
    Protection,
    agree,
    expand,
    grant_mac,
    mac,
    prf_input,
    public_share,
    schedule,
    sha256,
)
from .structs import Accept, Arguments, Grant, Ok, State, Ticket
from .wire import FRA1, opaque, uint

SECRET = bytes(range(32))
SCOPE = "both"
PRINCIPAL = "alice@FAKE"
Kind = Callable[[], "Server | SecondServer"]

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


both = pytest.mark.parametrize("kind", [lambda: our_server(Program()), second_server], ids=["ours", "second"])


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


@both
async def test_a_server_repeats_itself_until_the_context_is_used(kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, kind())
        request = client.make_request(ticket, 1, PROGRAM, VERSION)
        reply = await end.exchange(request.call)
        assert await end.exchange(request.call) == reply
        context, _ = request.accept(reply, time.time())
        await echo_with_each_service(end, context)

        await end.channel.send(request.call)  # no answer: the next reply is that of the next call
        await echo_with_each_service(end, context)


@both
async def test_a_first_call_with_a_bad_body_uses_the_context(kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    """The MIC of the header is what counts; one that is wrong leaves the context unused."""
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, kind())
        request = client.make_request(ticket, 1, PROGRAM, VERSION)
        reply = await end.exchange(request.call)
        context, _ = request.accept(reply, time.time())
        call, _ = context.call(2, PROGRAM, VERSION, ECHO.number, opaque(b"args"), rpc.INTEGRITY)
        forged = call[:90] + b"zz" + call[92:]
        assert await end.exchange(forged) == rpc.denied(2, rpc.CREDPROBLEM)
        assert await end.exchange(request.call) == reply

        answer = await end.exchange(call[:-2] + b"zz")
        assert answer[-4:] == uint(rpc.GARBAGE_ARGS)
        await end.channel.send(request.call)  # no answer
        await echo_with_each_service(end, context)


@both
async def test_every_changed_word_of_a_request_is_a_no(kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    """Step by step of section 8.2, it is the same no."""
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery)
        end = second_client(nursery, kind())
        call = client.make_request(ticket, 1, PROGRAM, VERSION).call
        framing = {1, 2, 6, 7, 8, 9, 12, 18}  # of RPC and of the credential: it would be no request, or no call
        for word in sorted(set(range(len(call) // 4)) - framing):
            changed = bytearray(call)
            changed[4 * word + 3] ^= 1
            reply = await end.exchange(bytes(changed))
            assert reply == rpc.denied(int.from_bytes(changed[:4]), rpc.AUTH_REJECTEDCRED), word
        for changed_length in (call + bytes(4), call[:-4]):
            assert await end.exchange(changed_length) == rpc.denied(1, rpc.AUTH_REJECTEDCRED)


@both
async def test_no_privacy_without_the_flag(kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    """It is refused before the verifier is looked at, and takes no number."""
    async with a_nursery() as nursery:
        ticket = await first_ticket(nursery, EVERYTHING & ~GssFlag.CONF)
        end = second_client(nursery, kind())
        context, _ = await end.recover(ticket)
        call, _ = context.call(1, PROGRAM, VERSION, ECHO.number, opaque(b"secret"), rpc.PRIVACY)
        forged = call[:90] + b"zz" + call[92:]
        for refused in (forged, call):
            assert await end.exchange(refused) == rpc.denied(1, rpc.AUTH_BADCRED)
        context.seq_num = 0
        assert await end.call(context, ECHO.number, opaque(b"open"), rpc.INTEGRITY) == opaque(b"open")


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


FAULTS: dict[str, Callable[[Ok], Ok]] = {
    "no share": lambda ok: replace(ok, accept=replace(ok.accept, server_share=b"")),
    "low order": lambda ok: replace(ok, accept=replace(ok.accept, server_share=bytes(32))),
    "suite": lambda ok: replace(ok, accept=replace(ok.accept, suite=CHACHA20_POLY1305)),
    "handle": lambda ok: replace(ok, accept=replace(ok.accept, handle=b"")),
    "long handle": lambda ok: replace(ok, accept=replace(ok.accept, handle=bytes(65))),
    "window": lambda ok: replace(ok, accept=replace(ok.accept, seq_window=0)),
    "sealed": lambda ok: replace(ok, ticket=replace(ok.ticket, sealed=b"")),
    "lifetime": lambda ok: replace(ok, lifetime=0),
}
HARMLESS: dict[str, Callable[[Ok], Ok]] = {
    "handle": lambda ok: replace(ok, accept=replace(ok.accept, handle=bytes(64))),
    "window": lambda ok: replace(ok, accept=replace(ok.accept, seq_window=1)),
    "sealed": lambda ok: replace(ok, ticket=replace(ok.ticket, sealed=bytes(1024))),
    "lifetime": lambda ok: replace(ok, lifetime=2**32 - 1),
}


@pytest.mark.parametrize("fault", [*FAULTS, "verifier", "an octet more"])
async def test_our_client_takes_a_bad_reply_for_a_no(fault: str, autojump_clock: trio.abc.Clock) -> None:
    after = b"more" if fault == "an octet more" else b""
    counters = await lost_once(FAULTS.get(fault, unchanged), after, verified=fault != "verifier")
    assert (counters.by_exchange, counters.by_ticket) == (2, 0)


@pytest.mark.parametrize("change", HARMLESS)
async def test_our_client_takes_an_unusual_reply(change: str, autojump_clock: trio.abc.Clock) -> None:
    counters = await lost_once(HARMLESS[change])
    assert (counters.by_exchange, counters.by_ticket) == (1, 1)


async def lost_once(change: Callable[[Ok], Ok], after: bytes = b"", *, verified: bool = True) -> GssClientCounters:
    """Our client loses its context to a server whose replies to requests are changed, with keys that agree."""
    peer, flavor = second_server(), our_client_flavor(GssService.PRIVACY, suites=(AES_256_GCM,))

    def answer(message: bytes) -> bytes | None:
        call = rpc.Call.read(message)
        if rpc.Credential.read(call.credential).gss_proc != FRA1:
            return SecondServer.answer(peer, message)
        return changed_reply(peer.server, call, change, after, verified)

    peer.answer = answer  # type: ignore[method-assign]
    async with a_nursery() as nursery, open_client(connect_to(nursery, peer), flavor) as one:
        await one.call(ECHO, b"first")
        peer.server.contexts.clear()
        assert await one.call(ECHO, b"lost") == b"lost"
    return flavor.counters


def changed_reply(at: server.Server, call: rpc.Call, change: Callable[[Ok], Ok], after: bytes, verified: bool) -> bytes:
    arguments = Arguments.read(call.arguments)
    key = at.keyring.to_open(arguments.ticket.key_index, at.wall())
    assert key
    state = tickets.unseal(arguments.ticket, key, at.keyring.scope)
    private = bytes(range(32))
    accept = Accept(b"h" * 16, 512, AES_256_GCM, b"n" * 32, public_share(private))
    ok = change(Ok(accept, arguments.ticket, 1000))
    shared = agree(private, arguments.client_share) if any(ok.accept.server_share) else bytes(32)
    made = schedule(state.session_key, shared, sha256(call.header + call.arguments + ok.accept.octets()))
    ends = made.server_to_client, made.client_to_server
    at.contexts[ok.accept.handle] = ServerContext(state.flags, ok.accept.handle, 512, 1e9, 1e9, Protection(1, *ends))
    octets = ok.octets() + after
    verifier = mac(made.confirm, octets)
    return rpc.accepted(call.xid, verifier if verified else bytes(32), octets)


def unchanged(ok: Ok) -> Ok:
    return ok


@pytest.mark.parametrize("fault", ["mac", "lifetime", "sealed", "an octet more", "no grant"])
async def test_our_client_does_without_a_bad_grant(fault: str, autojump_clock: trio.abc.Clock) -> None:
    peer, flavor = second_server(), our_client_flavor(GssService.PRIVACY)
    grant = peer.server.grant

    def spoil(made: server.Established) -> Grant | None:
        good = grant(made)
        assert good
        changed = replace(
            good,
            lifetime=0 if fault == "lifetime" else good.lifetime,
            ticket=replace(good.ticket, sealed=b"" if fault == "sealed" else good.ticket.sealed),
        )
        session_key = made.prf(prf_input(made.tokens), 32)
        proof = grant_mac(session_key, changed.covered(made.handle, 512))
        after = b"more" if fault == "an octet more" else b""
        return None if fault == "no grant" else replace(changed, mac=(bytes(32) if fault == "mac" else proof) + after)

    peer.server.grant = spoil  # type: ignore[method-assign]
    async with a_nursery() as nursery, open_client(connect_to(nursery, peer), flavor) as one:
        assert await one.call(ECHO, b"first") == b"first"
        peer.server.contexts.clear()
        assert await one.call(ECHO, b"lost") == b"lost"
    assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (2, 0)
    assert FRA1 not in peer.procs


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


# Tickets that nobody has granted.


def a_state(**changes: object) -> State:
    now = int(time.time())
    acceptor = sha256(FakeAcceptor().names[0].exported)
    principal = fake_name(PRINCIPAL)
    flags = int(EVERYTHING)
    state = State(bytes(32), principal.exported, PRINCIPAL, FAKE, acceptor, flags, now, now + 1000, bytes(16), b"")
    return replace(state, **changes)  # type: ignore[arg-type]


@both
@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({}, True),
        ({"display": "\udcff: not UTF-8"}, True),
        ({"display": ""}, True),
        ({"principal": b""}, True),
        ({"mechanism": "no number"}, True),
        ({"flags": 0x10000 | int(EVERYTHING)}, True),
        ({"established": 0}, True),
        ({"expiry": 2**64 - 1}, True),
        ({"established": 2**64 - 1, "expiry": 2**64 - 1}, False),
        ({"expiry": 1_700_000_000}, False),
        ({"acceptor": bytes(32)}, False),
        ({"application": bytes(256)}, True),
    ],
)
async def test_both_servers_think_the_same_of_a_state(
    changes: dict[str, object], good: bool, kind: Kind, autojump_clock: trio.abc.Clock
) -> None:
    ticket = tickets.seal(a_state(**changes), tickets.Key(SECRET, 0), SCOPE)
    assert ticket
    assert await honoured(kind, ticket) == good


@both
@pytest.mark.parametrize(
    ("padding", "good"), [(b"", True), (bytes(31), True), (bytes(32), False), (b"\0\0\0\1", False), (b"cut", False)]
)
async def test_padding_of_a_state(padding: bytes, good: bool, kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    octets = a_state().octets()
    ticket = sealed_octets(octets[:-4] if padding == b"cut" else octets + padding)
    assert await honoured(kind, ticket) == good


@both
async def test_another_format_of_a_state(kind: Kind, autojump_clock: trio.abc.Clock) -> None:
    assert not await honoured(kind, sealed_octets(b"\0\0\0\2" + a_state().octets()[4:]))


async def honoured(kind: Kind, ticket: Ticket) -> bool:
    async with a_nursery() as nursery:
        end = second_client(nursery, kind())
        try:
            context, _ = await end.recover(ClientTicket(ticket, bytes(32), int(EVERYTHING), time.time() + 1000))
        except client.No:
            return False
        await echo_with_each_service(end, context)
        return True


def sealed_octets(octets: bytes) -> Ticket:
    key, salt = tickets.Key(SECRET, 0), bytes(16)
    cipher = AESGCM(expand(key.octets, tickets.LABEL + salt))
    return Ticket(key.index, salt + cipher.encrypt(bytes(12), octets, tickets.associated(key, SCOPE)))


@pytest.mark.parametrize("text", [b"alice", "\u00e9".encode(), b"\xe9", b""])
@pytest.mark.parametrize("form", [b"\x04\x01", b"\x04\x02"])
async def test_both_leave_out_the_same_display_names(text: bytes, form: bytes) -> None:
    """Also of names that are not UTF-8, or not exported in the usual form."""
    name = GssName(text.decode(errors="surrogateescape"), form + NFS.exported[2:15] + len(text).to_bytes(4) + text)
    ours = ServerEnd(Clocks(), fixed_keys(secret=SECRET, scope=SCOPE))
    made = establishment(ours.clocks, security=FakeSecurity(initiator=name))
    ring = tickets.Keyring(SCOPE, [tickets.Key(SECRET, 0)])
    second = server.Server(ring, [NFS.exported], lambda: ours.clocks.wall, lambda: 0.0)
    names = (name.exported, name.display, KRB5, NFS.exported)
    grants = (
        (await ours.tickets.grant(made, ours.connection)).octets,
        second.grant(server.Established(*names, int(FLAGS), 36000, made.tokens, made.security.prf, made.handle)),
    )
    sealed = [Grant.read(grant if isinstance(grant, bytes) else grant.octets()).ticket for grant in grants if grant]
    first, other = (tickets.unseal(ticket, ring.keys[0], SCOPE) for ticket in sealed)
    assert replace(first, chain=other.chain) == other


@pytest.mark.parametrize("size", [577, 578])
def test_how_long_a_name_may_be(size: int) -> None:
    """The longest Kerberos name of section 10.2, beside the largest blob."""
    exported = NFS.exported[:15] + size.to_bytes(4) + b"a" * size
    state = a_state(principal=exported, display="", mechanism=KRB5, application=bytes(256))
    assert (tickets.seal(state, tickets.Key(SECRET, 0), SCOPE) is not None) == (size == 577)


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([(0, None), (0, None)], 1),
        ([(5, None), (0, None)], 0),
        ([(0, None), (5, 10)], 0),
        ([(0, None), (2**40, None)], 0),
        ([(2**40, None), (0, 10)], None),
    ],
)
async def test_both_seal_with_the_same_key(keys: list[tuple[int, int | None]], chosen: int | None) -> None:
    secrets = [bytes([number]) * 32 for number in range(len(keys))]
    pairs = [(secret, *times) for secret, times in zip(secrets, keys, strict=True)]
    ours = ServerEnd(Clocks(), FixedKeys(KeySet(SCOPE, tuple(Key(*pair) for pair in pairs))))
    second = tickets.Keyring(SCOPE, [tickets.Key(*pair) for pair in pairs])
    granted, key = (await ours.grant()).octets, second.to_seal(ours.clocks.wall)

    if chosen is None:
        assert (granted, key) == (b"", None)
    else:
        assert key
        assert key.octets == secrets[chosen]
        assert int.from_bytes(granted[:4]) == key.index


async def test_both_heed_a_revocation() -> None:
    """A grant in sight of a revocation by a clock ahead says the time of the revocation; what is older is refused."""
    clocks = Clocks()
    revoked = int(clocks.wall) + 100
    ours = ServerEnd(clocks, fixed_keys(secret=SECRET, scope=SCOPE, revoked_before=revoked))
    ring = tickets.Keyring(SCOPE, [tickets.Key(SECRET, 0)], revoked_before=revoked)
    second = server.Server(ring, [NFS.exported], lambda: clocks.wall, lambda: 0.0)
    granted = await held_ticket(ours)
    state = tickets.unseal(Ticket(granted.ticket.key_index, granted.ticket.sealed), ring.keys[0], SCOPE)
    assert (state.established, state.expiry) == (revoked, int(clocks.wall) + granted.lifetime)

    for established, good in ((revoked, True), (revoked - 1, False)):
        ticket = tickets.seal(replace(state, established=established), ring.keys[0], SCOPE)
        assert ticket
        held = ClientTicket(ticket, state.session_key, state.flags, clocks.wall + 1000)
        call = client.make_request(held, 1, PROGRAM, VERSION).call
        for reply in (await ours.answer(call), second.receive(call, lambda number, arguments: b"")):
            assert reply
            assert (reply == rpc.denied(1, rpc.AUTH_REJECTEDCRED)) is not good


def connect_to(nursery: trio.Nursery, peer: SecondServer) -> Callable[[], Awaitable[StreamChannel]]:
    async def connect() -> StreamChannel:
        await trio.lowlevel.checkpoint()
        return connected(nursery, peer)

    return connect

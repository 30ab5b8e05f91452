"""The client's end: when it offers, what it keeps, and how it takes a no, silence and broken connections."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import Origin
from rpcgss.gss.errors import GssError
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, GssFlag, GssService
from rpcgss.reauth.client import MAX_CUTS
from rpcgss.reauth.errors import TicketStoreError
from rpcgss.reauth.reauth_xdr import FRA1
from rpcgss.reauth.tickets import MemoryTicketStore, SqliteTicketStore, Ticket
from rpcgss.rpc.errors import ConnectionLost
from rpcgss.rpc.work import InlineWorker

from .harness import (
    ALICE,
    FLAGS,
    NFS,
    ClientEnd,
    Clocks,
    FakeSecurity,
    MemoryLink,
    ServerEnd,
    demands_of,
    establishment,
    fixed_keys,
    krb5_name,
)

BOB = krb5_name("bob@EXAMPLE.ORG")
DENIALS = [
    "00000001 00000001 00000001 00000002",  # AUTH_REJECTEDCRED
    "00000001 00000001 00000001 00000001",  # AUTH_BADCRED
    "00000001 00000001 00000001 00000007",  # AUTH_FAILED
    "00000001 00000001 00000001 0000000d",  # RPCSEC_GSS_CREDPROBLEM
    "00000001 00000001 00000001 0000000e",  # RPCSEC_GSS_CTXPROBLEM
    "00000001 00000001 00000000 00000002 00000002",  # RPC_MISMATCH
    "00000001 00000000 00000000 00000000 00000001",  # PROG_UNAVAIL
    "00000001 00000000 00000000 00000000 00000003",  # PROC_UNAVAIL
    "00000001 00000000 00000000 00000000 00000005",  # SYSTEM_ERR
    "00000001 00000000 00000000 00000000 00000000",  # SUCCESS of something else
]


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def server(clocks: Clocks) -> ServerEnd:
    return ServerEnd(clocks)


@pytest.fixture
def client(clocks: Clocks) -> ClientEnd:
    return ClientEnd(clocks)


@pytest.fixture
def link(server: ServerEnd) -> MemoryLink:
    return MemoryLink(server)


def ticket_of(client: ClientEnd) -> Ticket | None:
    return client.tickets._flavor(client.demands).ticket


def agree(context: ClientContext | None, server: ServerEnd) -> bool:
    """Whether a client's context is one of the server's."""
    assert context is not None
    server.use(context.handle).protection.verify_mic(b"call", context.protection.mic(b"call"))
    return True


async def test_recovery(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    for _ in range(5):
        old = ticket_of(client)
        context = await client.recover(link)
        assert agree(context, server)
        assert context is not None
        assert (context.origin, context.initiator, context.acceptor) == (Origin.TICKET, ALICE, NFS)
        assert (context.flags, context.window.size) == (FLAGS, 512)
        assert context.expiry == trio.current_time() + 36000
        assert ticket_of(client) != old
    assert client.tickets.counters.recovered == server.tickets.counters.reauthenticated == 5


async def test_lifetime_is_the_smaller(
    client: ClientEnd,
    server: ServerEnd,
    link: MemoryLink,
    clocks: Clocks,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """krb5's acceptor adds the clock skew to its own, so the two ends do not agree."""
    made = await server.grant(security=FakeSecurity(lifetime=36300))
    assert made.octets
    await client.establish(server, link, lifetime=36000)
    ticket = ticket_of(client)
    assert ticket is not None
    assert ticket.expiry == clocks.wall + 36000
    clocks.pass_time(100)
    context = await client.recover(link)
    assert context is not None
    assert context.expiry == trio.current_time() + 35900


async def test_no_ticket_no_request(client: ClientEnd, link: MemoryLink) -> None:
    assert await client.recover(link) is None
    assert link.sent == 0
    assert client.tickets.retry_at(client.demands, link) is None


# Offers


async def test_offers(client: ClientEnd, server: ServerEnd, link: MemoryLink) -> None:
    offer = client.tickets.offer
    demands = client.demands
    assert offer(demands, link, carried_context=False) == FRA1
    assert offer(demands_of(mutual=False), link, carried_context=False) == 0
    assert offer(demands, link, carried_context=True) == 0
    udp = MemoryLink(server, serial=5, reliable=False)
    assert offer(demands, udp, carried_context=False) == 0
    await client.establish(server, link)
    assert offer(demands, link, carried_context=True) == FRA1
    second = MemoryLink(server, serial=2)
    assert offer(demands, second, carried_context=True) == FRA1  # only used there
    await client.tickets.receive_grant(memoryview(b""), establishment(client.clocks), demands, second)
    assert offer(demands, second, carried_context=True) == 0  # made there, without a grant
    assert offer(demands, udp, carried_context=False) == FRA1
    assert offer(demands_of(target="nfs@other"), udp, carried_context=False) == 0


async def test_a_reauthentication_counts_as_a_grant_on_its_connection(
    client: ClientEnd, server: ServerEnd, link: MemoryLink
) -> None:
    await client.establish(server, link)
    second = MemoryLink(server, serial=2)
    await client.recover(second)
    assert client.tickets.offer(client.demands, second, carried_context=True) == FRA1


# Grants


async def test_case_02_a_grant_that_does_not_parse_costs_the_ticket_only(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, clocks: Clocks
) -> None:
    made = establishment(clocks)
    good = (await server.grant()).octets
    for octets in (b"\0", good[:-1], good + b"\0", bytes(len(good)), good[:50] + b"\xff" + good[51:]):
        await client.tickets.receive_grant(memoryview(octets), made, client.demands, link)
        assert ticket_of(client) is None
    assert client.tickets.counters.not_granted == 5
    await client.tickets.receive_grant(memoryview(b""), made, client.demands, link)
    await client.tickets.receive_grant(memoryview(good), made, client.demands, link)
    assert ticket_of(client) is not None


@pytest.mark.parametrize(
    "security",
    [
        FakeSecurity(flags=FLAGS & ~GssFlag.MUTUAL),
        FakeSecurity(flags=FLAGS & ~GssFlag.INTEG),
        FakeSecurity(flags=FLAGS | GssFlag.ANON),
        FakeSecurity(channel_bound=True),
        FakeSecurity(failure=GssError(16 << 16, 0, "no PRF")),
    ],
)
async def test_case_16_the_client_does_not_rely_on_the_server(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, clocks: Clocks, security: FakeSecurity
) -> None:
    octets = (await server.grant()).octets
    made = establishment(clocks, security=security)
    await client.tickets.receive_grant(memoryview(octets), made, client.demands, link)
    assert ticket_of(client) is None


async def test_no_grant_without_an_offer(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, clocks: Clocks
) -> None:
    octets = (await server.grant()).octets
    await client.tickets.receive_grant(memoryview(octets), establishment(clocks, offered=0), client.demands, link)
    assert ticket_of(client) is None


# A no


@pytest.mark.parametrize("denial", DENIALS)
async def test_case_09_a_no_keeps_the_ticket(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, denial: str, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    before = ticket_of(client)
    link.reply = lambda record: record[:4] + bytes.fromhex(denial)
    assert await client.recover(link) is None
    assert ticket_of(client) == before
    assert await client.recover(link) is None  # not again on this connection
    assert link.sent == 1
    fresh = MemoryLink(server, serial=2)
    assert await client.recover(fresh) is None  # nor before the back-off is over
    assert client.tickets.retry_at(client.demands, link) == trio.current_time() + 1
    await trio.sleep(1)
    assert await client.recover(link) is None
    assert (link.sent, fresh.sent) == (1, 0)
    assert agree(await client.recover(fresh), server)


async def test_case_02_a_reply_with_any_bit_flipped_changes_nothing(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    before = ticket_of(client)
    for serial, bit in enumerate(range(4 * 8, 24 * 8, 7), start=2):

        def flip(record: bytes, bit: int = bit) -> bytes:
            changed = bytearray(record)
            changed[-1 - bit // 8] ^= 1 << bit % 8
            return bytes(changed)

        assert await client.recover(MemoryLink(server, serial=serial, reply=flip)) is None
        assert ticket_of(client) == before
        await trio.sleep(301)
    assert agree(await client.recover(link), server)


async def test_back_off_doubles_up_to_five_minutes(
    client: ClientEnd, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, MemoryLink(server))
    waits = []
    for serial in range(2, 14):
        refusing = MemoryLink(server, serial=serial, reply=lambda record: record[:4] + bytes.fromhex(DENIALS[0]))
        assert await client.recover(refusing) is None
        assert refusing.sent == 1
        until = client.tickets.retry_at(client.demands, refusing)
        assert until is not None
        waits.append(until - trio.current_time())
        await trio.sleep_until(until)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert agree(await client.recover(MemoryLink(server, serial=20)), server)
    refusing = MemoryLink(server, serial=21, reply=lambda record: record[:4] + bytes.fromhex(DENIALS[0]))
    await client.recover(refusing)
    assert client.tickets.retry_at(client.demands, refusing) == trio.current_time() + 1


async def test_a_back_off_is_for_one_target(
    clocks: Clocks, client: ClientEnd, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    other = ClientEnd(clocks, demands=demands_of(target="nfs@other"))
    same = ClientEnd(clocks)
    for one in (client, other, same):
        await one.establish(server, MemoryLink(server))
    await client.recover(MemoryLink(server, reply=lambda record: record[:4] + bytes.fromhex(DENIALS[0])))
    assert await same.recover(MemoryLink(server)) is None
    assert await other.recover(MemoryLink(server)) is not None


# Silence


async def test_case_10_silence_is_a_no_after_five_seconds(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    await trio.sleep(1000)
    link.reply = lambda _record: None
    began = trio.current_time()
    assert await client.recover(link) is None
    assert trio.current_time() == began + 5
    assert client.tickets.counters.silent == 1


async def test_the_five_seconds_run_from_the_last_octet(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    link.reply = lambda _record: None
    began = trio.current_time()

    async def other_replies() -> None:
        for _ in range(3):
            await trio.sleep(3)
            link.last_received = trio.current_time()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other_replies)
        assert await client.recover(link) is None
    assert trio.current_time() == began + 14


async def test_the_five_seconds_run_from_the_last_answer_of_the_target(
    clocks: Clocks, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    """A storm: others are served, so the server lives and our turn comes."""
    clients = [ClientEnd(clocks) for _ in range(3)]
    for one in clients:
        await one.establish(server, MemoryLink(server))
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(clients[0].recover, MemoryLink(server, reply=lambda _record: None))
        await trio.sleep(4)
        assert await clients[1].recover(MemoryLink(server)) is not None
        await trio.sleep(4)
        assert await clients[2].recover(MemoryLink(server)) is not None
    assert trio.current_time() == began + 13


# Broken connections


async def test_case_10_a_broken_connection_is_no_answer(client: ClientEnd, server: ServerEnd, link: MemoryLink) -> None:
    await client.establish(server, link)
    link.cut = True
    with pytest.raises(ConnectionLost):
        await client.recover(link)
    second = MemoryLink(server, serial=2)
    assert agree(await client.recover(second), server)
    first_nonce, second_nonce = (one.records[0][-100:] for one in (link, second))
    assert first_nonce != second_nonce
    assert server.tickets.counters.accepted == 2  # the first was accepted too: nobody can use it


async def test_many_broken_connections_in_a_row_are_a_no(client: ClientEnd, server: ServerEnd) -> None:
    await client.establish(server, MemoryLink(server))
    for serial in range(2, MAX_CUTS + 2):
        with pytest.raises(ConnectionLost):
            await client.recover(MemoryLink(server, serial=serial, cut=True))
    assert await client.recover(MemoryLink(server, serial=50)) is None
    assert ticket_of(client) is not None


async def test_cancellation_leaves_the_ticket(client: ClientEnd, server: ServerEnd, link: MemoryLink) -> None:
    await client.establish(server, link)
    before = ticket_of(client)
    link.reply = lambda _record: None
    with trio.move_on_after(0.01) as scope:
        await client.recover(link)
    assert scope.cancelled_caught
    assert ticket_of(client) == before
    link.reply = lambda record: record
    assert agree(await client.recover(link), server)


# Storms


async def test_at_most_64_are_outstanding(
    clocks: Clocks, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    links = [MemoryLink(server) for _ in range(200)]
    under_way = 0
    most = 0
    original = server.answer

    async def slow(record: bytes) -> bytes | None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await trio.sleep(1)
        under_way -= 1
        return await original(record)

    clients = [ClientEnd(clocks, share=False) for _ in links]
    for client, link in zip(clients, links, strict=True):
        await client.establish(server, link)
    server.answer = slow  # type: ignore[method-assign]
    async with trio.open_nursery() as nursery:
        for client, link in zip(clients, links, strict=True):
            nursery.start_soon(client.recover, link)
    assert most == 64
    assert server.tickets.counters.accepted == 200
    assert sum(client.tickets.counters.recovered for client in clients) == 200


async def test_case_07_a_storm_without_a_fallback(
    clocks: Clocks, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    """Ten thousand clients, a server that needs 20 ms for each: the last waits for 200 s, and nobody gives up."""
    clients = [ClientEnd(clocks, share=False) for _ in range(10_000)]
    for client in clients:
        await client.establish(server, MemoryLink(server))
    original, turn = server.answer, trio.Lock()

    async def queued(record: bytes) -> bytes | None:
        async with turn:
            await trio.sleep(0.02)
        return await original(record)

    server.answer = queued  # type: ignore[method-assign]
    recovered: list[ClientContext | None] = []

    async def recover(client: ClientEnd) -> None:
        recovered.append(await client.recover(MemoryLink(server)))

    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(recover, client)
    assert len(recovered) == 10_000
    assert None not in recovered
    assert server.tickets.counters.accepted == 10_000


# Whose ticket it is


async def test_case_24_flavors_never_share_a_ticket(clocks: Clocks, server: ServerEnd) -> None:
    """Two flavors with equal demands may be two principals: the credential cache changed in between."""
    client = ClientEnd(clocks)
    await client.establish(server, MemoryLink(server))
    first, client.demands = client.demands, demands_of()
    assert client.demands == first
    assert await client.recover(MemoryLink(server)) is None


async def test_case_24_a_cache_that_changed_hands(client: ClientEnd, server: ServerEnd, link: MemoryLink) -> None:
    await client.establish(server, link)
    silent = ServerEnd(server.clocks)
    assert not await client.establish(silent, link, security=FakeSecurity(initiator=BOB, acceptor=BOB))
    assert await client.recover(link) is None


async def test_a_ticket_must_meet_the_demands(clocks: Clocks, server: ServerEnd) -> None:
    store = MemoryTicketStore()
    weak = ClientEnd(clocks, store=store, demands=demands_of(service=GssService.INTEGRITY))
    await weak.establish(server, MemoryLink(server), security=FakeSecurity(flags=FLAGS & ~GssFlag.CONF))
    named = Credentials(principal=ALICE.display)
    for service, enough in ((GssService.PRIVACY, False), (GssService.INTEGRITY, True)):
        client = ClientEnd(clocks, store=store, demands=demands_of(service=service, credentials=named))
        link = MemoryLink(server)
        assert (await client.recover(link) is not None) == enough
        assert link.sent == enough
        assert (client.tickets.retry_at(client.demands, link) is not None) == enough


async def test_delegation_is_not_forgotten(clocks: Clocks, server: ServerEnd) -> None:
    client = ClientEnd(clocks, demands=demands_of(delegate=True))
    await client.establish(server, MemoryLink(server))
    assert await client.recover(MemoryLink(server)) is None


async def test_case_24_a_store_across_clients(clocks: Clocks, server: ServerEnd) -> None:
    store = MemoryTicketStore()
    client = ClientEnd(clocks, store=store)
    await client.establish(server, MemoryLink(server))
    client.tickets.closed(client.demands)
    for credentials, found in (
        (Credentials(), False),  # who are we?
        (Credentials(principal="bob@EXAMPLE.ORG"), False),
        (Credentials(principal="alice"), False),
        (Credentials(principal=ALICE.display), True),
    ):
        again = ClientEnd(clocks, store=store, demands=demands_of(credentials=credentials))
        assert (await again.recover(MemoryLink(server)) is not None) == found


async def test_without_a_store_close_forgets(client: ClientEnd, server: ServerEnd, link: MemoryLink) -> None:
    await client.establish(server, link)
    client.tickets.closed(client.demands)
    client.tickets.closed(client.demands)
    assert await client.recover(link) is None


async def test_a_file_store_across_restarts(clocks: Clocks, server: ServerEnd, tmp_path: Path) -> None:
    demands = demands_of(credentials=Credentials(principal=ALICE.display))
    for restart in range(3):
        store = SqliteTicketStore(tmp_path / "tickets", worker=InlineWorker())
        client = ClientEnd(clocks, store=store, demands=demands)
        if not restart:
            await client.establish(server, MemoryLink(server))
        assert agree(await client.recover(MemoryLink(server)), server)
        store.close()
    assert server.tickets.counters.granted == 1


class BrokenStore(MemoryTicketStore):
    async def save(self, ticket: Ticket, wall: float) -> None:
        raise TicketStoreError("disk full")

    async def load(self, principal: str, target: str, mechanism: str | None, wall: float) -> Ticket | None:
        raise TicketStoreError("disk gone")


async def test_a_broken_store_costs_nothing_but_itself(clocks: Clocks, server: ServerEnd) -> None:
    client = ClientEnd(clocks, store=BrokenStore())
    await client.establish(server, MemoryLink(server))
    for _ in range(2):
        assert agree(await client.recover(MemoryLink(server)), server)
    assert client.tickets.counters.store_errors == 3


async def test_case_24_a_crash_between_reply_and_save(clocks: Clocks, server: ServerEnd) -> None:
    store = MemoryTicketStore()
    demands = demands_of(credentials=Credentials(principal=ALICE.display))
    client = ClientEnd(clocks, store=store, demands=demands)
    await client.establish(server, MemoryLink(server))
    saved = await store.load(ALICE.display, demands.target, None, clocks.wall)
    assert saved is not None
    await client.recover(MemoryLink(server))
    await store.save(saved, clocks.wall)  # as if the second save had never happened
    again = ClientEnd(clocks, store=store, demands=replace(demands))
    assert agree(await again.recover(MemoryLink(server)), server)


async def test_after_a_no_a_better_ticket_in_the_store_is_found(
    clocks: Clocks, server: ServerEnd, autojump_clock: trio.testing.MockClock
) -> None:
    store = MemoryTicketStore()
    demands = demands_of(credentials=Credentials(principal=ALICE.display))
    stale, fresh = (ClientEnd(clocks, store=store, demands=replace(demands)) for _ in range(2))
    await stale.establish(server, MemoryLink(server))
    rotated = ServerEnd(clocks, fixed_keys(secret=b"n" * 32))
    assert await stale.recover(MemoryLink(rotated)) is None
    await fresh.establish(rotated, MemoryLink(rotated))
    await trio.sleep(1)
    assert agree(await stale.recover(MemoryLink(rotated, serial=2)), rotated)


async def test_an_expired_ticket_is_not_sent(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, clocks: Clocks
) -> None:
    await client.establish(server, link)
    clocks.pass_time(36000)
    assert await client.recover(link) is None
    assert link.sent == 0
    assert ticket_of(client) is None


async def test_case_23_two_clients_do_not_disturb_each_other(clocks: Clocks) -> None:
    workers = [ServerEnd(clocks), ServerEnd(clocks)]
    client, other = ClientEnd(clocks), ClientEnd(clocks)
    await client.establish(workers[0], MemoryLink(workers[0]))
    await other.establish(workers[1], MemoryLink(workers[1]))
    ours = await client.recover(MemoryLink(workers[1], serial=2))
    theirs = await other.recover(MemoryLink(workers[0], serial=2))
    assert ours is not None
    assert theirs is not None
    assert workers[1].use(ours.handle).alive
    assert workers[0].use(theirs.handle).alive


@pytest.mark.parametrize("what", ["sync", "store"])
async def test_case_25_no_key_octets_in_repr_or_logs(
    clocks: Clocks, server: ServerEnd, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    caplog.set_level("DEBUG")
    store = MemoryTicketStore() if what == "store" else None
    client = ClientEnd(clocks, store=store)
    await client.establish(server, MemoryLink(server))
    ticket = ticket_of(client)
    assert ticket is not None
    context = await client.recover(MemoryLink(server))
    await client.recover(MemoryLink(server, serial=2, reply=lambda record: record[:-1] + bytes((record[-1] ^ 1,))))
    flavor = client.tickets._flavor(client.demands)
    shown = " ".join([repr(context), repr(flavor), repr(store), repr(client.tickets), caplog.text])
    assert "does not re-authenticate" in caplog.text
    for secret in (ticket.session_key, ticket.sealed):
        assert secret.hex() not in shown
        assert repr(secret)[2:20] not in shown


async def test_case_09_a_new_ticket_is_tried_on_the_connection_where_an_old_one_met_a_no(
    client: ClientEnd, server: ServerEnd, clocks: Clocks, autojump_clock: trio.testing.MockClock
) -> None:
    """All keys were forgotten, and the server has not been away: the no was for that ticket."""
    await client.establish(server, MemoryLink(server))
    rotated = ServerEnd(clocks, fixed_keys(secret=b"n" * 32))
    link = MemoryLink(rotated)
    assert await client.recover(link) is None
    await client.establish(rotated, link)
    await trio.sleep(1)
    assert agree(await client.recover(link), rotated)


async def test_case_10_silence_counts_though_each_call_has_less_patience(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    """Else calls with short deadlines would ask a silent server for ever, and never have a full exchange."""
    await client.establish(server, link)
    link.request = lambda _record: None
    for _ in range(2):
        with trio.move_on_after(3) as impatience:
            assert await client.recover(link) is None
    assert not impatience.cancelled_caught
    assert trio.current_time() == 5
    assert client.tickets.counters.silent == 1


async def test_case_10_a_sign_of_life_after_an_impatient_call_ends_the_silence(
    client: ClientEnd, server: ServerEnd, link: MemoryLink, autojump_clock: trio.testing.MockClock
) -> None:
    await client.establish(server, link)
    link.request = lambda _record: None
    with trio.move_on_after(3):
        await client.recover(link)
    await trio.sleep(1)
    link.last_received = trio.current_time()
    await trio.sleep(3600)
    link.request = bytes
    assert agree(await client.recover(link), server)


async def test_case_24_no_mechanism_named_means_kerberos(clocks: Clocks, server: ServerEnd) -> None:
    """A name that looks the same under another mechanism may be somebody else's."""
    store = MemoryTicketStore()
    credentials = Credentials(principal=ALICE.display)
    other = ClientEnd(clocks, store=store, demands=demands_of(credentials=credentials, mechanism="1.2.3"))
    await other.establish(server, MemoryLink(server), security=FakeSecurity(mechanism="1.2.3"))
    for mechanism, found in ((None, False), (KRB5, False), (SPNEGO, True), ("1.2.3", True)):
        demands = demands_of(credentials=credentials, mechanism=mechanism)
        assert (await ClientEnd(clocks, store=store, demands=demands).recover(MemoryLink(server)) is not None) == found

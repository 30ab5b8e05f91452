"""RPCSEC_GSS over UDP: what is lost, doubled or overtaken costs time, and no more."""

from functools import partial

import pytest
import trio
import trio.testing

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, GssService
from rpcgss.gss.repeats import Repeats
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.server import TicketServer
from rpcgss.reauth.tickets import MemoryTicketStore
from rpcgss.rpc import CallTimedOut, OutcomeUnknown, Retransmission, Server, open_client
from rpcgss.rpc.flavors import Answer, Connection
from rpcgss.rpc.messages import NULL_AUTH, ReceivedCall, parse_call_untrusted
from tests.gss.test_network import echo_many, flavor, gss
from tests.rpc.network import network
from tests.rpc.networks import STORM, Weather, datagram_network
from tests.rpc.program import ECHO, NULL, Program
from tests.rpc.test_server import call_record
from transport import listen_udp, open_udp

SERVICES = pytest.mark.parametrize("service", GssService, ids=["krb5", "krb5i", "krb5p"])
SHOWERS = Weather(lost=0.1, doubled=0.2, least_delay=0.001, longest_delay=0.3)
QUICK = Retransmission(first=0.1, least=0.05, longest=0.5)


@SERVICES
@pytest.mark.parametrize("seed", range(3))
async def test_a_storm(service: GssService, seed: int, autojump_clock: trio.testing.MockClock) -> None:
    results: list[bool] = []
    one, server_flavor = flavor(service), gss()
    async with (
        datagram_network(Server([Program()], [server_flavor]), seed=seed, weather=STORM) as net,
        open_client(net.connect, one, timeout=300, seed=seed) as client,
    ):
        for _ in range(4):
            await echo_many(client, 50, results)
    assert results == [True] * 200
    assert client.counters.retransmissions > 20
    assert server_flavor.counters.bad_mic == one.counters.lost == 0
    assert one.counters.by_exchange == server_flavor.store.counters.established_by_exchange == 1


@pytest.mark.parametrize("window", [1, 5])
async def test_small_windows_do_not_lose_calls(window: int, autojump_clock: trio.testing.MockClock) -> None:
    results: list[bool] = []
    weather = Weather(lost=0.2, doubled=0.2)
    async with (
        datagram_network(Server([Program()], [gss(seq_window=window)]), weather=weather) as net,
        open_client(net.connect, flavor(), timeout=3000) as client,
    ):
        await echo_many(client, 50, results)
    assert results == [True] * 50


@pytest.mark.parametrize("seed", range(3))
async def test_contexts_lost_in_a_storm(seed: int, autojump_clock: trio.testing.MockClock) -> None:
    results: list[bool] = []
    one, store = flavor(), ContextStore(drop_policy=DropPolicy(every=23))
    async with (
        datagram_network(Server([Program()], [gss(store=store)]), seed=seed, weather=SHOWERS) as net,
        open_client(net.connect, one, timeout=600, seed=seed) as client,
    ):
        for _ in range(4):
            await echo_many(client, 50, results)
    assert results == [True] * 200
    assert one.counters.lost >= store.counters.dropped - 1 > 3
    assert client.counters.connections == 1


async def test_a_denial_says_little_of_a_call_that_must_not_run_twice(autojump_clock: trio.testing.MockClock) -> None:
    program, store = Program(), ContextStore()
    async with (
        datagram_network(Server([program], [gss(store=store)])) as net,
        open_client(net.connect, flavor(), non_idempotent=[ECHO]) as client,
    ):
        await client.call(NULL, None)
        store.drop_all(trio.current_time())
        with pytest.raises(OutcomeUnknown, match="CREDPROBLEM"):
            await client.call(ECHO, b"x")
        assert await client.call(ECHO, b"y") == b"y"
    assert program.executed == {b"y": 1}


async def test_a_creation_request_that_comes_twice(autojump_clock: trio.testing.MockClock) -> None:
    """The answer to the first is lost: the second gets it again, and the mechanism does not see it."""
    server_flavor, one, lost = gss(), flavor(), list[bytes]()

    def lose_first_reply(datagram: bytes) -> bytes | None:
        if datagram[4:8] == b"\0\0\0\1" and not lost:
            lost.append(datagram)
            return None
        if datagram[4:8] == b"\0\0\0\1" and len(lost) == 1:
            lost.append(datagram)
        return datagram

    async with datagram_network(Server([Program()], [server_flavor])) as net, open_client(net.connect, one) as client:
        net.tamper = lose_first_reply
        await client.call(NULL, None)
    assert lost[0] == lost[1]
    assert server_flavor.creation_counters.requests == 1
    assert one.counters.by_exchange == 1


async def test_repeats_are_bounded_and_wait_for_nobody() -> None:
    repeats, connection, made = Repeats(limit=3), Connection("peer", 1, reliable=False), []
    gate = trio.Event()

    def call(xid: int) -> ReceivedCall:
        return parse_call_untrusted(call_record(xid=xid))

    async def make(xid: int) -> Answer:
        made.append(xid)
        await gate.wait()
        return Answer(NULL_AUTH, b"%d" % xid)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(repeats.once, call(1), connection, partial(make, 1))
        await trio.testing.wait_all_tasks_blocked()
        assert await repeats.once(call(1), connection, partial(make, 1)) is None
        gate.set()
    again = await repeats.once(call(1), connection, partial(make, 1))
    assert again is not None
    assert again.body == b"1"
    assert made == [1]
    await repeats.once(call(1), Connection("another", 2, reliable=False), partial(make, 1))
    assert made == [1, 1]
    for xid in range(10):
        await repeats.once(call(xid), connection, partial(make, xid))
    assert len(repeats) == 3

    async def fail() -> Answer:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await repeats.once(call(99), connection, fail)


async def test_tickets_of_tcp_are_good_for_udp(realm: Realm) -> None:
    """None is asked for over UDP from a server of which nothing is known; what another client has got serves here."""
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    server_flavor = GssServerFlavor(acceptor, extension=TicketServer(FixedKeys.random()))
    server, store, saved = Server([Program()], [server_flavor]), server_flavor.store, MemoryTicketStore()

    def alice() -> GssFlavor:
        credentials = Credentials(principal="alice@RPCGSS.TEST")
        return GssFlavor("nfs@localhost", credentials=credentials, extension=TicketClient(saved))

    async with network(server) as tcp, datagram_network(server, weather=Weather(lost=0.1, doubled=0.3)) as udp:
        first, second, third = alice(), alice(), alice()
        async with open_client(udp.connect, first, retransmission=QUICK) as client:
            for exchanges in (1, 2):
                await client.call(NULL, None)
                assert (first.counters.by_exchange, first.counters.by_ticket) == (exchanges, 0)
                store.drop_all(trio.current_time())
        async with open_client(tcp.connect, second) as client:
            await client.call(NULL, None)
        async with open_client(udp.connect, third, retransmission=QUICK) as client:
            for tickets in (1, 2, 3):
                await client.call(NULL, None)
                assert (third.counters.by_exchange, third.counters.by_ticket) == (0, tickets)
                store.drop_all(trio.current_time())


@SERVICES
@pytest.mark.parametrize("mechanism", [KRB5, SPNEGO], ids=["krb5", "spnego"])
async def test_kerberos(realm: Realm, service: GssService, mechanism: str) -> None:
    server_flavor = GssServerFlavor(GssapiAcceptor(["nfs@localhost"], realm.service_keytab))
    one = GssFlavor("nfs@localhost", service=service, mechanism=mechanism)
    (listener,) = await listen_udp(0, "127.0.0.1")
    connect = partial(open_udp, "127.0.0.1", listener.socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server([Program()], [server_flavor]).serve, [listener])
        async with open_client(connect, one, timeout=30) as client:
            for size in (0, 1, 1000, 60_000):
                assert await client.call(ECHO, bytes(size)) == bytes(size)
            server_flavor.store.drop_all(trio.current_time())
            async with trio.open_nursery() as calls:
                for _ in range(20):
                    calls.start_soon(client.call, ECHO, bytes(1000))
        nursery.cancel_scope.cancel()
    assert one.counters.by_exchange == 2
    assert server_flavor.store.counters.destroyed == 1


async def test_kerberos_in_bad_weather(realm: Realm) -> None:
    """The mechanism's replay cache would turn a second copy of a creation request down."""
    server_flavor = GssServerFlavor(GssapiAcceptor(["nfs@localhost"], realm.service_keytab))
    weather = Weather(lost=0.2, doubled=0.5, longest_delay=0.02)
    async with datagram_network(Server([Program()], [server_flavor]), seed=3, weather=weather) as net:
        for _ in range(3):
            one = GssFlavor("nfs@localhost")
            async with open_client(net.connect, one, timeout=60, retransmission=QUICK) as client:
                for _ in range(5):
                    assert await client.call(ECHO, b"x" * 100) == b"x" * 100
            assert one.counters.by_exchange == 1
    assert server_flavor.creation_counters.failures == 0


async def test_a_context_is_waited_for_as_long_as_its_call(autojump_clock: trio.testing.MockClock) -> None:
    """Where messages get lost, silence says nothing of the server: it is for the call to give up."""
    one = flavor()
    async with datagram_network(Server([Program()], [gss()])) as net, open_client(net.connect, one) as client:
        began = trio.current_time()
        net.tamper = lambda datagram: None if trio.current_time() < began + 40 else datagram
        await client.call(NULL, None, timeout=120)
        assert one.counters.failures == 0
        one._succession.current = None
        began = trio.current_time() + 100
        with pytest.raises(CallTimedOut):
            await client.call(NULL, None, timeout=60)

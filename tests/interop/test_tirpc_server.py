"""Our client calls libtirpc's server: a window of five, contexts that belong to connections, and no look at handles."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.initiation import CreationRefused
from rpcgss.reauth.client import TicketClient
from rpcgss.rpc import Client, Refusal, open_client
from rpcgss.rpc.rpc_xdr import auth_stat
from tests.interop import stray
from tests.interop.tirpc import SERVICES, TARGET, WHO, Child, Tirpc, flavor, gss
from tests.rpc.program import BEYOND, ECHO, NULL, PROGRAM, VERSION
from transport import StreamChannel, open_tcp

GSS = pytest.mark.parametrize("security", SERVICES)


class Place:
    """A libtirpc server that can be restarted, and what our clients connect to."""

    def __init__(self, tirpc: Tirpc) -> None:
        self.server: Child
        self._tirpc = tirpc
        self._stack = AsyncExitStack()
        self._port = 0

    async def start(self) -> None:
        self.server, self._port = await self._stack.enter_async_context(self._tirpc.server())

    async def stop(self) -> None:
        await self._stack.aclose()

    async def connect(self) -> StreamChannel:
        return await open_tcp("127.0.0.1", self._port)


@asynccontextmanager
async def serving(tirpc: Tirpc) -> AsyncIterator[Place]:
    place = Place(tirpc)
    await place.start()
    try:
        yield place
    finally:
        await place.stop()


async def echo_all(client: Client, tasks: int, calls: int, octets: int) -> None:
    """Raises unless all calls come back right."""

    async def task(number: int) -> None:
        for call in range(calls):
            text = bytes([number, call]) * (octets // 2)
            assert await client.call(ECHO, text) == text

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(task, number)


@pytest.mark.parametrize(
    ("security", "name"),
    [("none", "none"), ("sys", "sys 1001:1002"), *((name, f"{name} nfs@localhost") for name in SERVICES)],
)
async def test_calls(realm: Realm, tirpc: Tirpc, security: str, name: str) -> None:
    async with serving(tirpc) as place, open_client(place.connect, flavor(security), timeout=30) as client:
        await client.call(NULL, None)
        assert await client.call(WHO, None) == name
        for octets in (0, 1, 2, 3, 4, 1000, 65_536, 200 * 1024):
            text = bytes(range(256)) * (octets // 256) + bytes(octets % 256)
            assert await client.call(ECHO, text) == text
        await echo_all(client, 30, 10, 500)
        with pytest.raises(Refusal, match="does not have this procedure"):
            await client.call(BEYOND, None)
        await client.call(NULL, None)
    assert client.counters.refusals == client.counters.bad_replies == 0


@GSS
async def test_a_restarted_server(realm: Realm, tirpc: Tirpc, security: str) -> None:
    """With calls under way: each is answered, by this server or by the next, under a context of its own."""
    one, events = gss(security), list[ClientEvent]()
    one.events.append(events.append)
    async with serving(tirpc) as place, open_client(place.connect, one, timeout=30) as client:
        for _ in range(3):
            await client.call(NULL, None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(echo_all, client, 20, 20, 5000)
                await place.stop()
                await place.start()
    kinds = [event.kind for event in events]
    assert kinds.count(ClientEventKind.LOST) == kinds.count(ClientEventKind.RECOVERED) == one.counters.lost == 3
    assert one.counters.by_exchange == 4


@GSS
async def test_connections_cut_in_mid_run(realm: Realm, tirpc: Tirpc, security: str) -> None:
    one = gss(security)
    async with serving(tirpc) as place, open_client(place.connect, one, timeout=30) as client:
        for _ in range(10):
            await client.call(NULL, None)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(echo_all, client, 10, 5, 500)
                assert await place.server.ask("cut") == "cut"
    assert client.counters.connections > 10
    assert one.counters.lost > 0
    assert one.counters.by_exchange == one.counters.lost + 1


@GSS
async def test_an_offer_of_tickets_is_ignored(realm: Realm, tirpc: Tirpc, security: str) -> None:
    tickets = TicketClient()
    one = gss(security, tickets)
    async with serving(tirpc) as place, open_client(place.connect, one, timeout=30) as client:
        await echo_all(client, 5, 5, 500)
    assert (one.counters.by_exchange, tickets.counters.granted, tickets.counters.not_granted) == (1, 0, 0)
    assert client.counters.refusals == 0


@GSS
async def test_a_ticket_of_another_server(realm: Realm, tirpc: Tirpc, security: str) -> None:
    """What this server has never heard of is refused, and a full exchange follows."""
    tickets = TicketClient()
    one = gss(security, tickets)
    stray.give_ticket(tickets, one)
    async with serving(tirpc) as place, open_client(place.connect, one, timeout=30) as client:
        await echo_all(client, 5, 5, 500)
    assert (one.counters.by_exchange, tickets.counters.attempts, tickets.counters.refused) == (1, 1, 1)


@GSS
async def test_case_11_creation_requests_leave_a_live_context_alone(realm: Realm, tirpc: Tirpc, security: str) -> None:
    """A second exchange, and a ticket, on a connection that has a context: both are refused, and calls go on."""
    one, tickets = stray.Watched(TARGET, service=SERVICES[security]), TicketClient()
    stray.give_ticket(tickets, one)
    async with serving(tirpc) as place, open_client(place.connect, one, timeout=30) as client:
        await echo_all(client, 5, 5, 500)
        link = client._connector.link
        assert link is not None
        with pytest.raises(CreationRefused) as caught:
            await stray.exchange(one, tickets).run(PROGRAM, VERSION, link, carried_context=True)
        # Its seq_num, 0, is looked at first.
        assert caught.value.stat in (auth_stat.AUTH_REJECTEDCRED, auth_stat.RPCSEC_GSS_CTXPROBLEM)
        assert await tickets.recover(PROGRAM, VERSION, one.demands, link) is None
        await echo_all(client, 5, 5, 500)
        assert client._connector.link is link
    assert (one.counters.by_exchange, one.counters.lost, client.counters.refusals) == (1, 0, 0)

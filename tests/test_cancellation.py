"""Cancelled at every await, client and server are whole: calls go on, and nothing stays taken."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import AcceptNone, AuthNone, Client, Server, open_client
from rpcgss.rpc.work import InlineWorker
from tests.cancellation import cancelled_at_every_step
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.reauth.harness import fixed_keys
from tests.rpc.network import network
from tests.rpc.program import ECHO, HOLD, Program
from tests.rpc.test_server import call_record
from transport import StreamChannel, listen_tcp, listen_unix, memory_channel_pair, open_tcp, open_unix

NEIGHBOURS = 3
LARGE = os.urandom(100_000)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def at_rest(server: Server) -> bool:
    """Nothing of what connections share is taken."""
    crowd = server._crowd
    return (crowd.places.free, crowd.octets.free, len(crowd)) == (1024, 128 << 20, 0)


@asynccontextmanager
async def neighbours(client: Client, program: Program) -> AsyncIterator[None]:
    """Calls in flight that must end well, whatever happens in the block."""
    ended = []

    async def hold(i: int) -> None:
        ended.append(await client.call(HOLD, bytes([i])))

    async with trio.open_nursery() as nursery:
        for i in range(NEIGHBOURS):
            nursery.start_soon(hold, i)
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == NEIGHBOURS
        yield
        assert not ended
        program.gate.set()
    assert len(ended) == NEIGHBOURS


async def test_a_call_takes_nothing_with_it() -> None:
    server = Server([program := Program()], [AcceptNone()])

    async def operation() -> None:
        assert await client.call(ECHO, b"cancelled") == b"cancelled"

    async def check() -> None:
        assert client.outstanding == NEIGHBOURS
        assert await client.call(ECHO, b"next") == b"next"

    async with network(server) as net:
        async with open_client(net.connect, AuthNone()) as client, neighbours(client, program):
            assert await cancelled_at_every_step(operation, check) >= 1
        assert net.connections == 1
        await trio.testing.wait_all_tasks_blocked()
    assert at_rest(server)


@pytest.mark.parametrize("tickets", [False, True], ids=["exchange", "ticket"])
@pytest.mark.parametrize("service", [GssService.NONE, GssService.PRIVACY])
async def test_making_a_context_takes_nothing_with_it(
    service: GssService, tickets: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The server forgets all contexts before each call: it is refused, makes a context in one way or the other, and is
    sent again."""
    store = ContextStore()
    accept = GssServerFlavor(
        FakeAcceptor(rounds=2),
        store=store,
        worker=InlineWorker(),
        extension=TicketServer(fixed_keys()) if tickets else None,
    )
    flavor = GssFlavor(
        "nfs@server",
        service=service,
        provider=FakeProvider(),
        worker=InlineWorker(),
        extension=TicketClient() if tickets else None,
    )
    server = Server([program := Program()], [accept])

    async def operation() -> None:
        store.drop_all(trio.current_time())
        assert await client.call(ECHO, LARGE) == LARGE  # what is large is protected elsewhere, which may be waited for

    async def check() -> None:
        assert client.outstanding == NEIGHBOURS
        assert flavor._succession._attempt is None
        assert await client.call(ECHO, b"next") == b"next"
        context = flavor.context
        assert context is not None
        assert not context.guard.taken
        assert not context._lot
        in_flight = [old.window.unanswered for old in flavor._succession._contexts]
        assert sum(in_flight) == NEIGHBOURS, in_flight

    async with network(server) as net:
        async with open_client(net.connect, flavor) as client, neighbours(client, program):
            steps = await cancelled_at_every_step(operation, check)
            assert steps >= 5
        assert net.connections == 1
        assert (flavor.counters.by_ticket > 0) == tickets
        await trio.testing.wait_all_tasks_blocked()
    assert at_rest(server)


async def test_a_block_leaves_nothing_open(tmp_path: Path) -> None:
    """The way into `open_client`, a call within, and the way out."""
    path = f"{tmp_path}/socket"
    server = Server([Program()], [AcceptNone()])
    clients: list[Client] = []

    async def operation() -> None:
        async with open_client(partial(open_unix, path), AuthNone()) as client:
            clients.append(client)
            assert await client.call(ECHO, LARGE) == LARGE

    async def check() -> None:
        while not at_rest(server):  # it sees each connection end
            await trio.testing.wait_all_tasks_blocked(0.001)
        assert open_files() == files
        assert all(client.outstanding == 0 and client._connector.link is None for client in clients)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listen_unix(path)])
        await trio.testing.wait_all_tasks_blocked()
        files = open_files()
        assert await cancelled_at_every_step(operation, check) >= 3
        nursery.cancel_scope.cancel()


async def test_a_connection_gives_everything_back() -> None:
    """A server's end: its reader, and the tasks of its calls."""
    server = Server([program := Program()], [AcceptNone()])
    program.gate.set()

    async def serve() -> None:
        near, far = memory_channel_pair()
        await near.send(call_record(1, len(LARGE).to_bytes(4) + LARGE))
        await near.send(call_record(2, bytes(4)))
        await near.send(call_record(0))
        await near.send_eof()
        await server.serve_channel(far)

    async def check() -> None:
        await trio.testing.wait_all_tasks_blocked()
        assert at_rest(server)
        assert program.running == 0

    assert await cancelled_at_every_step(serve, check) >= 5


async def test_a_server_that_stops_gives_everything_back(tmp_path: Path) -> None:
    """Listening, a call under way, and the end in good order."""
    path = f"{tmp_path}/socket"
    servers: list[Server] = []

    async def operation() -> None:
        server = Server([program := Program()], [AcceptNone()])
        servers.append(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, [listen_unix(path)])
            async with await open_unix(path) as channel:
                await channel.send(call_record(2, bytes(4)))
                while not program.running:
                    await trio.testing.wait_all_tasks_blocked(0.001)
                server.stop()
                program.gate.set()
                assert await channel.receive()

    async def check() -> None:
        await trio.testing.wait_all_tasks_blocked()
        assert all(map(at_rest, servers))
        assert open_files() == files
        assert not await trio.Path(path).exists()

    files = open_files()
    assert await cancelled_at_every_step(operation, check) >= 8


async def test_records_leave_as_a_whole_or_not_at_all() -> None:
    """Over a socket that takes a little at a time."""
    record = os.urandom(3_000_000)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    received = 0

    async def take(channel: StreamChannel) -> None:
        nonlocal received
        async with channel:
            async for came in channel:
                assert came in (record, b"next")
                received += came == b"next"

    async with listener, trio.open_nursery() as nursery:
        near = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        assert near._socket is not None
        near._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)  # else it may take all of it at once
        nursery.start_soon(take, StreamChannel(await listener.accept()))
        checks = 0

        async def check() -> None:
            nonlocal checks
            await near.send(b"next")
            checks += 1

        assert await cancelled_at_every_step(partial(near.send, record), check) >= 1
        await near.aclose()
    assert received == checks


async def test_large_calls_over_sockets_leave_their_neighbours_alone(tmp_path: Path) -> None:
    path = f"{tmp_path}/socket"
    server = Server([program := Program()], [AcceptNone()])
    large = LARGE * 20

    async def operation() -> None:
        assert await client.call(ECHO, large) == large

    async def check() -> None:
        assert client.outstanding == NEIGHBOURS
        assert await client.call(ECHO, b"next") == b"next"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listen_unix(path)])
        async with open_client(partial(open_unix, path), AuthNone()) as client, neighbours(client, program):
            await cancelled_at_every_step(operation, check)
            assert client.counters.connections == 1
        while not at_rest(server):
            await trio.testing.wait_all_tasks_blocked(0.001)
        nursery.cancel_scope.cancel()

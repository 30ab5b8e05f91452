"""Many connections over real sockets, most of them of no good: a short form of ``make load``."""

import json
import signal
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio
import trio.testing

import rpcgss
from bench.load import ECHO, GIVE, HOSTILE, NULL, Program, attack, ping
from rpcgss.rpc import AcceptNone, AuthNone, Server, open_client, stopping_on_signals
from tests.rpc import program as held
from transport import listen_tcp, open_tcp

IDLE, BUSY, PEERS, CALLS = 300, 30, 15, 30


async def test_hostile_peers_are_cut_off_and_nobody_else_notices(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server([Program()], [AcceptNone()], record_seconds=0.5, send_seconds=0.5)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    port = listener.socket.getsockname()[1]
    answered = 0

    async def busy() -> None:
        nonlocal answered
        async with rpcgss.connect_tcp("127.0.0.1", port, AuthNone()) as client:
            for _ in range(CALLS):
                assert await client.call(ECHO, bytes(1000)) == bytes(1000)
                answered += 1
            assert client.counters.connections == 1

    async with trio.open_nursery() as serving:
        serving.start_soon(server.serve, [listener])
        async with AsyncExitStack() as stack:
            idle = [await stack.enter_async_context(await open_tcp("127.0.0.1", port)) for _ in range(IDLE)]
            for channel in idle:
                await ping(channel)
            async with rpcgss.connect_tcp("127.0.0.1", port, AuthNone()) as client:
                await client.call(GIVE, None)
            async with trio.open_nursery() as nursery:
                for kind in HOSTILE:
                    nursery.start_soon(attack, kind, port, PEERS)
                for _ in range(BUSY):
                    nursery.start_soon(busy)
            for channel in idle:
                await ping(channel)
        while len(server._crowd):
            await trio.testing.wait_all_tasks_blocked(0.001)
        serving.cancel_scope.cancel()
    assert [json.loads(line)["cut"] for line in capsys.readouterr().out.splitlines()] == [PEERS] * len(HOSTILE)
    assert answered == BUSY * CALLS
    assert server._crowd.octets.free == 128 << 20
    assert server._crowd.places.free == 1024


async def test_a_thousand_calls_in_flight_leave_nothing_behind() -> None:
    server = Server([Program()], [AcceptNone()])
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as serving:
        serving.start_soon(server.serve, [listener])
        async with rpcgss.connect_tcp("127.0.0.1", listener.socket.getsockname()[1], AuthNone()) as client:
            for _ in range(3):
                async with trio.open_nursery() as nursery:
                    for _ in range(1000):
                        nursery.start_soon(client.call, NULL, None)
            assert client.outstanding == 0
            assert client.counters.connections == 1
        serving.cancel_scope.cancel()


async def test_sigterm_in_full_swing_gives_every_call_its_reply() -> None:
    server = Server([program := held.Program()], [AcceptNone()])
    (listener,) = await listen_tcp(0, "127.0.0.1")
    connect = partial(open_tcp, "127.0.0.1", listener.socket.getsockname()[1])
    replies: list[bytes] = []

    async def call(client: rpcgss.Client, argument: bytes) -> None:
        replies.append(await client.call(held.HOLD, argument))

    async def caller(i: int) -> None:
        opened = open_client(connect, AuthNone(), non_idempotent=[held.HOLD])
        async with opened as client, trio.open_nursery() as calls:
            for j in range(5):
                calls.start_soon(call, client, bytes([i, j]))

    async with stopping_on_signals(server), trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        for i in range(20):
            nursery.start_soon(caller, i)
        while program.running < 100:
            await trio.testing.wait_all_tasks_blocked(0.001)
        signal.raise_signal(signal.SIGTERM)
        await trio.testing.wait_all_tasks_blocked()
        program.gate.set()
    assert len(replies) == len(set(replies)) == 100

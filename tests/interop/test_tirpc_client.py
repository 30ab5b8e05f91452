"""libtirpc's client calls our server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import AcceptNone, AcceptSys, Server
from tests.interop.tirpc import SERVICES, TARGET, InteropProgram, Tirpc
from transport import listen_tcp

GSS = pytest.mark.parametrize("security", SERVICES)


@asynccontextmanager
async def serving(realm: Realm) -> AsyncIterator[tuple[GssServerFlavor, int]]:
    """Our server and its port. It grants tickets to those who ask, and these clients do not."""
    tickets = TicketServer(FixedKeys.random())
    gss = GssServerFlavor(GssapiAcceptor([TARGET], realm.service_keytab), extension=tickets)
    server = Server([InteropProgram()], [AcceptNone(), AcceptSys(), gss])
    listeners = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listeners)
        yield gss, listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
    assert tickets.counters.granted == 0


@pytest.mark.parametrize(
    ("security", "name"),
    [("none", "none"), ("sys", "sys 1001:1002"), *((name, f"{name} alice@RPCGSS.TEST") for name in SERVICES)],
)
async def test_calls(realm: Realm, tirpc: Tirpc, security: str, name: str) -> None:
    async with serving(realm) as (gss, port), tirpc.client(port) as client:
        assert await client.ask(f"open {security}") == "ok"
        for _ in range(10):
            assert await client.ask("null") == "ok"
        assert await client.ask("who") == f"ok {name}"
        for octets in (0, 1, 2, 3, 4, 1000, 65_536, 200 * 1024):
            assert await client.ask(f"echo {octets}") == "ok"
        assert await client.ask("close") == "ok"
    assert gss.counters.calls == (19 if security in SERVICES else 0)
    assert gss.store.counters.destroyed == gss.store.counters.established_by_exchange == int(security in SERVICES)


@GSS
async def test_contexts_lost_between_calls(realm: Realm, tirpc: Tirpc, security: str) -> None:
    """libtirpc makes no new context by itself: that call fails, and a new client works."""
    async with serving(realm) as (gss, port), tirpc.client(port) as client:
        for _ in range(3):
            assert await client.ask(f"open {security}") == "ok"
            assert await client.ask("echo 1000") == "ok"
            assert gss.store.drop_all(trio.current_time()) == 1
            assert "Authentication error" in await client.ask("echo 1000")
    assert gss.store.counters.established_by_exchange == 3


@GSS
async def test_many_clients(realm: Realm, tirpc: Tirpc, security: str) -> None:
    async with serving(realm) as (gss, port):

        async def one() -> None:
            async with tirpc.client(port) as client:
                assert await client.ask(f"open {security}") == "ok"
                for _ in range(20):
                    assert await client.ask("echo 5000") == "ok"

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(one)
    assert gss.counters.calls == 160
    assert gss.store.counters.destroyed == 8
    assert gss.counters.replayed == gss.counters.bad_mic == gss.counters.bad_body == 0

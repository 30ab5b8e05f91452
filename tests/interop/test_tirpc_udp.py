"""libtirpc at either end of UDP."""

from functools import partial

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc import AcceptNone, AcceptSys, CallTooLarge, Refusal, Server, open_client
from tests.interop.tirpc import SERVICES, TARGET, WHO, InteropProgram, Tirpc, flavor
from tests.rpc.program import BEYOND, ECHO, NULL
from transport import listen_udp, open_udp

SIZES = (0, 1, 2, 3, 4, 1000, 20_000, 60_000)


@pytest.mark.parametrize(
    ("security", "name"),
    [("none", "none"), ("sys", "sys 1001:1002"), *((name, f"{name} nfs@localhost") for name in SERVICES)],
)
async def test_our_client(realm: Realm, tirpc: Tirpc, security: str, name: str) -> None:
    async with tirpc.server("udp") as (_, port):
        async with open_client(partial(open_udp, "127.0.0.1", port), flavor(security), timeout=30) as client:
            await client.call(NULL, None)
            assert await client.call(WHO, None) == name
            for octets in SIZES:
                assert await client.call(ECHO, b"x" * octets) == b"x" * octets
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(client.call, ECHO, b"%d" % number)
            with pytest.raises(CallTooLarge, match="use TCP"):
                await client.call(ECHO, bytes(66_000))
            with pytest.raises(Refusal, match="does not have this procedure"):
                await client.call(BEYOND, None)
        assert client.counters.refusals == client.counters.bad_replies == 0


@pytest.mark.parametrize(
    ("security", "name"),
    [("none", "none"), ("sys", "sys 1001:1002"), *((name, f"{name} alice@RPCGSS.TEST") for name in SERVICES)],
)
async def test_our_server(realm: Realm, tirpc: Tirpc, security: str, name: str) -> None:
    gss = GssServerFlavor(GssapiAcceptor([TARGET], realm.service_keytab))
    server = Server([InteropProgram()], [AcceptNone(), AcceptSys(), gss])
    (listener,) = await listen_udp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with tirpc.client(listener.socket.getsockname()[1], "udp") as client:
            assert await client.ask(f"open {security}") == "ok"
            for _ in range(5):
                assert await client.ask("null") == "ok"
            assert await client.ask("who") == f"ok {name}"
            for octets in SIZES:
                assert await client.ask(f"echo {octets}") == "ok"
            assert await client.ask("close") == "ok"
        server.stop()
    assert server.counters.calls == 6 + len(SIZES)
    assert gss.store.counters.established_by_exchange == int(security in SERVICES)

"""Contexts of versions 2 and 3 bound to real TLS sessions, made by real Kerberos."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import Credentials, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.rpc import Server, open_client
from rpcgss.rpc.errors import AuthenticationFailed
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.tls import begin, open_with_tls
from tests.gss.channels import COPY, OPEN, Policy
from tests.rpc.program import ECHO, NULL, Program
from tests.tls.authority import Authority
from transport import StreamChannel, listen_tcp, open_tcp

VERSIONS = pytest.mark.parametrize("version", [2, 3])


class Place:
    """A server at work on two ports: with TLS, and (for what must not work there) without."""

    def __init__(self, gss: GssServerFlavor, program: Program, port: int, authority: Authority) -> None:
        self.gss = gss
        self.program = program
        self.port = port
        self.tls = authority.client()
        self.sockets: list[trio.socket.SocketType] = []

    async def connect(self) -> StreamChannel:
        return await open_with_tls(self._connect, "localhost", self.tls)

    async def _connect(self) -> StreamChannel:
        channel = await self.connect_plainly()
        assert isinstance(channel._stream, trio.SocketStream)
        self.sockets.append(channel._stream.socket)
        return channel

    async def connect_plainly(self) -> StreamChannel:
        return await open_tcp("127.0.0.1", self.port)

    def cut(self) -> None:
        """Break the latest connection."""
        self.sockets[-1].shutdown(trio.socket.SHUT_RDWR)

    @property
    def caller(self) -> GssIdentity:
        identity = self.program.calls[-1].identity
        assert isinstance(identity, GssIdentity)
        return identity


@asynccontextmanager
async def serving(realm: Realm, authority: Authority, **options: Any) -> AsyncIterator[Place]:  # noqa: ANN401
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    gss, program = GssServerFlavor(acceptor, versions=(1, 2, 3), **options), Program()
    server = Server([program], [gss], tls=authority.server("localhost", optional=True))
    listeners = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listeners)
        yield Place(gss, program, listeners[0].socket.getsockname()[1], authority)
        nursery.cancel_scope.cancel()


def flavor(version: int, **options: Any) -> GssFlavor:  # noqa: ANN401
    return GssFlavor("nfs@localhost", version=version, **options)


@VERSIONS
@pytest.mark.parametrize("service", GssService)
async def test_all_services_without_a_binding(
    realm: Realm, authority: Authority, version: int, service: GssService
) -> None:
    async with serving(realm, authority) as place:
        for connect in (place.connect, place.connect_plainly):
            async with open_client(connect, flavor(version, service=service), timeout=30) as client:
                await client.call(NULL, None)
                for size in (0, 100, 1_000_000):
                    assert await client.call(ECHO, bytes(size)) == bytes(size)
            assert (place.caller.service, place.caller.channel_bound) == (service, False)
        assert place.gss.store.counters.destroyed == 2


@VERSIONS
async def test_calls_through_a_bound_channel(realm: Realm, authority: Authority, version: int) -> None:
    async with serving(realm, authority, services=[GssService.PRIVACY]) as place:
        async with open_client(place.connect, flavor(version, bind_channel=True), timeout=30) as client:
            for size in (0, 100, 1_000_000):
                assert await client.call(ECHO, bytes(size)) == bytes(size)
            assert place.caller.channel_bound
            assert place.caller.principal == realm.principal("alice")
        assert place.gss.store.established == 0, "all of them were destroyed"
        with pytest.raises(AuthenticationFailed, match="there is no TLS session"):
            async with open_client(place.connect_plainly, flavor(version, bind_channel=True), timeout=30) as client:
                await client.call(NULL, None)


@VERSIONS
async def test_many_at_once_through_losses_of_contexts_and_connections(
    realm: Realm, authority: Authority, version: int
) -> None:
    store = ContextStore(drop_policy=DropPolicy(every=29))
    right: list[bool] = []
    async with serving(realm, authority, store=store) as place:
        one = flavor(version, bind_channel=True)
        async with open_client(place.connect, one, timeout=30) as client:

            async def echo(number: int) -> None:
                for _ in range(6):
                    text = bytes([number]) * 1000
                    right.append(await client.call(ECHO, text) == text)

            async with trio.open_nursery() as nursery:
                for number in range(20):
                    nursery.start_soon(echo, number)
                await client.call(NULL, None)
                for _ in range(2):
                    place.cut()
                    await client.call(NULL, None)
        assert right == [True] * 120
        assert one.counters.lost > 0
        assert len(place.sockets) > 1


async def test_two_principals_and_what_they_assert(realm: Realm, authority: Authority, tmp_path: Path) -> None:
    class Hosts(Policy):
        async def vouch(self, host: GssIdentity, user: GssIdentity) -> None:
            assert host.principal.startswith("host/")

    host = Credentials(ccache=f"FILE:{realm.kinit('host/localhost', tmp_path / 'host')}")
    async with serving(realm, authority, assertions=Hosts()) as place:
        one = flavor(3, credentials=host, user=Credentials(), assertions=[OPEN, COPY], bind_channel=True)
        async with open_client(place.connect, one, timeout=30) as client:
            assert await client.call(ECHO, b"text") == b"text"
            caller = place.caller
            assert caller.principal == realm.principal("alice")
            assert caller.host is not None
            assert caller.host.principal == realm.principal("host/localhost")
            assert (tuple(caller.labels), tuple(caller.privileges)) == ((OPEN,), (COPY,))
        assert place.gss.store.established == 0


@VERSIONS
async def test_somebody_in_the_middle(
    realm: Realm, authority: Authority, version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He has a certificate that the client trusts, and a TLS session with each end; he sees no call."""
    seen: list[bytes] = []
    async with serving(realm, authority) as place:
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        false = authority.server("localhost", "false.example")

        async def relay() -> None:
            async with listeners[0], StreamChannel(await listeners[0].accept()) as client:
                assert await begin(client, Connection("man", 1), false) is None
                async with await place.connect() as server, trio.open_nursery() as nursery:
                    nursery.start_soon(pump, client, server)
                    nursery.start_soon(pump, server, client)

        async def pump(source: StreamChannel, sink: StreamChannel) -> None:
            async for record in source:
                seen.append(bytes(record))
                await sink.send(record)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay)
            connect = partial(open_with_tls, partial(open_tcp, "127.0.0.1", port), "localhost", authority.client())
            async with open_client(connect, flavor(version, bind_channel=True), timeout=30) as client:
                with pytest.raises(AuthenticationFailed):
                    await client.call(ECHO, b"the secret")
            nursery.cancel_scope.cancel()
        assert seen
        assert not any(b"the secret" in record for record in seen)
        assert not place.program.calls

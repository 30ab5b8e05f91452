"""The whole way: real sockets, real Kerberos, contexts lost at every turn."""

import gc
import socket
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from gssapi import raw
from gssapi.raw.named_tuples import AcquireCredResult

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy, StoreLimits
from rpcgss.rpc import Client, Server, open_client
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused
from tests.rpc.program import ECHO, NULL, Program
from transport import listen_tcp, listen_unix, open_tcp, open_unix

SERVICES = pytest.mark.parametrize("service", GssService, ids=["krb5", "krb5i", "krb5p"])


class Place:
    """A server at work, and how to reach it."""

    def __init__(self, gss: GssServerFlavor, program: Program, connect: Callable[[], object]) -> None:
        self.gss = gss
        self.program = program
        self.connect = connect

    @asynccontextmanager
    async def client(self, flavor: GssFlavor) -> AsyncIterator[Client]:
        async with open_client(self.connect, flavor, timeout=30) as client:  # type: ignore[arg-type]
            yield client


@asynccontextmanager
async def serving(realm: Realm, unix: Path | None = None, **options: object) -> AsyncIterator[Place]:
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    gss, program = GssServerFlavor(acceptor, **options), Program()  # type: ignore[arg-type]
    server = Server([program], [gss])
    if unix is None:
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        connect = partial(open_tcp, "127.0.0.1", port)
    else:
        listeners = [listen_unix(str(unix / "socket"))]  # type: ignore[list-item]
        connect = partial(open_unix, str(unix / "socket"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listeners)
        yield Place(gss, program, connect)
        nursery.cancel_scope.cancel()


async def echoes(client: Client, tasks: int, calls: int, octets: int = 100) -> int:
    """How many of so many tasks' calls came back right; large ones are worked on in threads."""
    right: list[bool] = []

    async def task(number: int) -> None:
        for call in range(calls):
            text = bytes([number, call]) * (octets // 2)
            right.append(await client.call(ECHO, text) == text)

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(task, number)
    return right.count(True)


@SERVICES
@pytest.mark.parametrize("transport", ["tcp", "unix"])
@pytest.mark.parametrize("mechanism", [KRB5, SPNEGO], ids=["krb5", "spnego"])
async def test_calls(realm: Realm, service: GssService, transport: str, mechanism: str, tmp_path: Path) -> None:
    flavor = GssFlavor("nfs@localhost", service=service, mechanism=mechanism)
    async with serving(realm, tmp_path if transport == "unix" else None) as place, place.client(flavor) as client:
        await client.call(NULL, None)
        for size in (0, 1, 100, 20_000, 1_000_000):
            assert await client.call(ECHO, bytes(size)) == bytes(size)
        identity = place.program.calls[-1].identity
        assert identity.principal == realm.principal("alice")  # type: ignore[attr-defined]
        assert identity.service is service  # type: ignore[attr-defined]
        assert identity.mechanism == KRB5  # type: ignore[attr-defined]
    assert place.gss.store.counters.destroyed == 1


async def test_an_idle_context_keeps_no_credentials(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of users each would have his own, and they take as much memory as all else."""

    class Watched(raw.Creds):
        """One that can be watched."""

    kept: weakref.WeakSet[Watched] = weakref.WeakSet()
    acquired = 0

    def acquire(*arguments: object) -> AcquireCredResult:
        nonlocal acquired
        acquired += 1
        result = acquire_cred_from(*arguments)  # type: ignore[arg-type]
        kept.add(watched := Watched(result.creds))
        return result._replace(creds=watched)

    acquire_cred_from = raw.acquire_cred_from
    async with serving(realm) as place:
        monkeypatch.setattr(raw, "acquire_cred_from", acquire)
        async with place.client(flavor := GssFlavor("nfs@localhost")) as client:
            await client.call(NULL, None)
            gc.collect()
            assert acquired == 1
            assert not kept
            context = flavor.context
            await client.call(NULL, None)
            assert flavor.context is context


LOSSES = {
    "every": StoreLimits(),
    "probability": StoreLimits(),
    "all": StoreLimits(),
    "limit": StoreLimits(established=1),
}


@SERVICES
@pytest.mark.parametrize("loss", LOSSES)
async def test_fifty_at_once_through_losses(realm: Realm, service: GssService, loss: str) -> None:
    policy = {"every": DropPolicy(every=23), "probability": DropPolicy(probability=0.04, seed=7)}.get(loss)
    store = ContextStore(LOSSES[loss], drop_policy=policy)
    flavor, other = (GssFlavor("nfs@localhost", service=service) for _ in range(2))
    events: list[ClientEvent] = []
    flavor.events.append(events.append)
    async with serving(realm, store=store) as place, place.client(flavor) as client, place.client(other) as disturber:

        async def disturb() -> None:
            """A second client: whoever is let in last pushes the other out."""
            for _ in range(5):
                await disturber.call(NULL, None)
                if loss == "all":
                    store.drop_all(trio.current_time())
                await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb)
            assert await echoes(client, 50, 6, 30_000 if loss == "every" else 100) == 300
    assert set(place.program.executed.values()) == {1}
    lost, made = flavor.counters.lost + other.counters.lost, flavor.counters.by_exchange + other.counters.by_exchange
    assert lost > 0
    assert made == store.counters.established_by_exchange
    assert store.counters.dropped + store.counters.evicted >= lost
    assert [event.kind for event in events].count(ClientEventKind.LOST) == flavor.counters.lost


@SERVICES
async def test_a_restarted_server(realm: Realm, service: GssService, tmp_path: Path) -> None:
    """The new one knows no handle of the old one; nor may one of them mean anything to it."""
    flavor = GssFlavor("nfs@localhost", service=service)
    connect = partial(open_unix, str(tmp_path / "socket"))
    async with open_client(connect, flavor, timeout=30, connect_now=False) as client:
        for _ in range(2):
            async with serving(realm, tmp_path):
                assert await echoes(client, 10, 2) == 20
    assert flavor.counters.lost == 1


async def test_weaker_than_policy(realm: Realm) -> None:
    flavor = GssFlavor("nfs@localhost", service=GssService.INTEGRITY)
    async with serving(realm, services=[GssService.PRIVACY]) as place, place.client(flavor) as client:
        with pytest.raises(AuthRefused, match="TOOWEAK"):
            await client.call(NULL, None)


async def test_the_wrong_service(realm: Realm) -> None:
    """The key is in the server's keytab, and it is not one that the server answers for."""
    flavor = GssFlavor("host@localhost")
    async with serving(realm) as place, place.client(flavor) as client:
        with pytest.raises(AuthenticationFailed, match="host@localhost does not accept our credentials"):
            await client.call(NULL, None)


async def test_no_kdc_and_no_credentials(tmp_path: Path) -> None:
    with Realm() as realm, realm.environment():
        realm.add_principal("alice")
        realm.kinit("alice")
        async with serving(realm) as place:
            async with place.client(GssFlavor("nfs@localhost")) as client:
                await client.call(NULL, None)
                realm.stop_kdc()
                # The service ticket is in the cache: a lost context is made again without the KDC.
                place.gss.store.drop_all(trio.current_time())
                await client.call(NULL, None)
            nobody = Credentials(ccache=f"FILE:{tmp_path}/nothing")
            async with place.client(GssFlavor("nfs@localhost", credentials=nobody)) as client:
                with pytest.raises(AuthenticationFailed, match="run kinit"):
                    await client.call(NULL, None)
            async with place.client(GssFlavor("host@localhost")) as client:
                with pytest.raises(AuthenticationFailed, match="no KDC can be reached"):
                    await client.call(NULL, None)


async def test_a_context_ends_with_the_ticket(realm: Realm, tmp_path: Path) -> None:
    """Time is the server's: its clock is put forward to just before, and just after, what the ticket allows."""
    cache = realm.kinit("alice", tmp_path / "cache", lifetime=3600)
    ahead = 0.0
    flavor = GssFlavor("nfs@localhost", credentials=Credentials(ccache=f"FILE:{cache}"))
    async with serving(realm, clock=lambda: trio.current_time() + ahead) as place, place.client(flavor) as client:
        await client.call(NULL, None)
        (context,) = place.gss.store.contexts()
        assert context.expiry is not None
        life = context.expiry - trio.current_time()
        assert 3000 < life <= 3600 + 300  # krb5's acceptors add the clock skew
        assert flavor.context is not None
        assert flavor.context.expiry is not None
        assert flavor.context.expiry <= context.expiry
        ahead = life - 60
        await client.call(NULL, None)
        assert flavor.counters.lost == 0
        ahead = life + 1
        await client.call(NULL, None)
        assert flavor.counters.lost == 1
        assert place.gss.store.counters.expired == 1


async def test_rubbish_on_the_socket_hurts_nobody(realm: Realm) -> None:
    async with serving(realm) as place, place.client(GssFlavor("nfs@localhost")) as client:
        await client.call(NULL, None)
        for rubbish in (b"GET / HTTP/1.0\r\n\r\n", bytes(100), b"\x80\0\0\x04abcd", b"\xff" * 50):
            stream = await trio.open_tcp_stream("127.0.0.1", place.connect.args[1])  # type: ignore[attr-defined]
            await stream.send_all(rubbish)
            stream.socket.shutdown(socket.SHUT_WR)
            await stream.receive_some()
            await stream.aclose()
        assert await echoes(client, 5, 2) == 10

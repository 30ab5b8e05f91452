"""End to end: real Kerberos, real sockets, whole clients and servers. The server loses its contexts; calls go on."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
import trio

import xdr
from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import GssIdentity, Origin
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy, StoreLimits
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.keyset import KeySource
from rpcgss.reauth.server import TicketServer
from rpcgss.reauth.tickets import SqliteTicketStore
from rpcgss.rpc.client import Client, open_client
from rpcgss.rpc.errors import AuthenticationFailed
from rpcgss.rpc.programs import Call
from rpcgss.rpc.server import Server
from transport import StreamChannel, UnixListener, listen_tcp, listen_unix, open_tcp, open_unix

services = pytest.mark.parametrize("service", list(GssService))
transports = pytest.mark.parametrize("transport", ["tcp", "unix"])

OCTETS: Final = xdr.opaque(1 << 20)
ECHO: Final = xdr.Procedure(0x20000099, 1, 1, "ECHO", OCTETS, OCTETS)


class Echo(xdr.Service[Call]):
    """Gives back what it gets, and remembers who asked."""

    PROGRAM: ClassVar[int] = ECHO.program
    VERSION: ClassVar[int] = ECHO.version
    PROCEDURES: ClassVar[dict[int, xdr.Procedure[Any, Any]]] = {1: ECHO}

    def __init__(self) -> None:
        self.callers: list[GssIdentity] = []

    async def ECHO(self, call: Call, argument: bytes) -> bytes:
        assert isinstance(call.identity, GssIdentity)
        self.callers.append(call.identity)
        return argument


@dataclass
class Host:
    """A server that can be killed and started again at the same address, with nothing left but its keyring."""

    keyring: Callable[[], KeySource]
    address: str | int = 0
    delegation_expendable: bool = False
    drop_policy: DropPolicy | None = None
    limits: StoreLimits | None = None
    service: Echo = field(default_factory=Echo)

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator["Host"]:
        """One life; at the end it is as if the process had been killed."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.live)
            yield self
            nursery.cancel_scope.cancel()

    async def live(self, task_status: trio.TaskStatus[None]) -> None:
        """A life in the background, until `die`."""
        self.store = ContextStore(self.limits, drop_policy=self.drop_policy)
        self.tickets = TicketServer(self.keyring(), delegation_expendable=self.delegation_expendable)
        acceptor = GssapiAcceptor(["nfs@localhost"], replay_cache="none:")
        server = Server([self.service], [GssServerFlavor(acceptor, store=self.store, extension=self.tickets)])
        listeners, self.dead = await self._listen(), trio.Event()
        try:
            with trio.CancelScope() as self.scope:
                task_status.started()
                await server.serve(listeners)
        finally:
            self.dead.set()

    async def die(self) -> None:
        """As if the process had been killed."""
        self.scope.cancel()
        await self.dead.wait()

    async def _listen(self) -> list[trio.SocketListener] | list[UnixListener]:
        if isinstance(self.address, str):
            return [listen_unix(self.address)]
        listeners = await listen_tcp(self.address, "127.0.0.1")
        self.address = listeners[0].socket.getsockname()[1]
        return listeners

    async def connect(self) -> StreamChannel:
        if isinstance(self.address, str):
            return await open_unix(self.address)
        return await open_tcp("127.0.0.1", self.address)

    def lose(self) -> int:
        """All contexts are lost."""
        return self.store.drop_all(trio.current_time())


@pytest.fixture
def keyring(tmp_path: Path) -> Callable[[], KeySource]:
    path = tmp_path / "keyring"
    Keyring.create(path, scope="test")
    return lambda: Keyring(path)


@pytest.fixture
def host(keyring: Callable[[], KeySource], tmp_path: Path) -> Host:
    return Host(keyring)


def flavor(tickets: TicketClient | None = None, **options: Any) -> GssFlavor:  # noqa: ANN401
    return GssFlavor("nfs@localhost", extension=tickets or TicketClient(), **options)


async def echo(client: Client, argument: bytes = b"hello") -> None:
    assert await client.call(ECHO, argument) == argument


@services
@transports
async def test_recovery_after_a_loss(
    realm: Realm, host: Host, tmp_path: Path, service: GssService, transport: str
) -> None:
    if transport == "unix":
        host.address = str(tmp_path / "socket")
    gss = flavor(service=service)
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        for _ in range(2):
            assert host.lose() == 1
            for argument in (b"", b"hello", bytes(300_000)):
                await echo(client, argument)
    assert (gss.counters.by_exchange, gss.counters.by_ticket, gss.counters.failures) == (1, 2, 0)
    assert host.tickets.counters.reauthenticated == 2
    before, after = host.service.callers[0], host.service.callers[-1]
    assert (before.reauthenticated, after.reauthenticated) == (False, True)
    for caller in (before, after):
        assert caller.principal == "alice@RPCGSS.TEST"
        assert caller.mechanism == KRB5
        assert caller.service == service
    assert (before.name, before.target) == (after.name, after.target)
    assert int(before.established) == after.established


@services
async def test_an_upgrade_at_once(realm: Realm, host: Host, service: GssService) -> None:
    gss = flavor(TicketClient(upgrade=True), service=service)
    async with host.alive(), open_client(host.connect, gss) as client:
        async with trio.open_nursery() as nursery:
            for size in (0, 5, 300_000):
                nursery.start_soon(echo, client, bytes(size))
        assert gss.context is not None
        assert gss.context.origin is Origin.TICKET
        host.lose()
        await echo(client)
    assert (gss.counters.by_exchange, gss.counters.by_ticket, gss.counters.failures) == (1, 2, 0)
    assert gss.counters.upgraded == 1
    assert all(caller.reauthenticated for caller in host.service.callers)


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("suites", [[1], [2]])
async def test_suites_and_shares(realm: Realm, host: Host, suites: list[int], share: bool) -> None:
    gss = flavor(TicketClient(suites=suites, share=share))
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        host.lose()
        await echo(client)
    assert gss.counters.by_ticket == 1


async def test_case_01_a_chain_of_five_through_restarts(realm: Realm, host: Host, nursery: trio.Nursery) -> None:
    gss = flavor()
    await nursery.start(host.live)
    async with open_client(host.connect, gss) as client:
        await echo(client)
        for _ in range(5):
            await host.die()
            await nursery.start(host.live)
            await echo(client)
            await echo(client)
            assert host.tickets.counters.reauthenticated == 1
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (1, 5)
    assert {caller.name for caller in host.service.callers} == {host.service.callers[0].name}
    assert {int(caller.established) for caller in host.service.callers} == {int(host.service.callers[0].established)}


async def test_many_calls_in_flight_cause_one_recovery(realm: Realm, host: Host) -> None:
    gss = flavor()
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        for _ in range(3):
            host.lose()
            async with trio.open_nursery() as nursery:
                for _ in range(100):
                    nursery.start_soon(echo, client)
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (1, 3)
    assert len(host.service.callers) == 301


async def test_losing_a_context_every_tenth_call(realm: Realm, host: Host) -> None:
    host.drop_policy = DropPolicy(every=10)
    flavors = [flavor() for _ in range(4)]
    async with host.alive(), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_client(host.connect, gss)) for gss in flavors]
        async with trio.open_nursery() as nursery:
            for client in clients * 50:
                nursery.start_soon(echo, client)
    assert sum(gss.counters.by_exchange for gss in flavors) == 4
    assert sum(gss.counters.by_ticket for gss in flavors) >= 20
    assert len(host.service.callers) == 200


async def test_without_kdc_credentials_and_server_process(
    realm: Realm, host: Host, tmp_path: Path, nursery: trio.Nursery
) -> None:
    cache = realm.kinit("alice", tmp_path / "ccache")
    gss = flavor(credentials=Credentials(ccache=f"FILE:{cache}"))
    await nursery.start(host.live)
    async with open_client(host.connect, gss) as client:
        await echo(client)
        realm.stop_kdc()
        try:
            cache.unlink()
            for _ in range(2):
                await host.die()
                await nursery.start(host.live)
                await echo(client)
        finally:
            realm.start_kdc()
    assert (gss.counters.by_exchange, gss.counters.by_ticket, gss.counters.failures) == (1, 2, 0)


async def test_without_tickets_the_same_fails_clearly(realm: Realm, host: Host, tmp_path: Path) -> None:
    cache = realm.kinit("alice", tmp_path / "ccache")
    gss = GssFlavor("nfs@localhost", credentials=Credentials(ccache=f"FILE:{cache}"))
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        cache.unlink()
        host.lose()
        with pytest.raises(AuthenticationFailed):
            await echo(client)


async def test_a_keyring_shared_by_two_servers(
    realm: Realm, keyring: Callable[[], KeySource], nursery: trio.Nursery
) -> None:
    hosts = [Host(keyring), Host(keyring)]
    gss = flavor()
    turn = 0

    async def connect() -> StreamChannel:
        return await hosts[turn].connect()

    for one in hosts:
        await nursery.start(one.live)
    async with open_client(connect, gss) as client:
        await echo(client)
        for turn in (1, 0, 1):
            await hosts[1 - turn].die()
            await echo(client)
            assert hosts[turn].tickets.counters.reauthenticated == 1
            await nursery.start(hosts[1 - turn].live)
    assert (gss.counters.by_exchange, gss.counters.by_ticket, gss.counters.failures) == (1, 3, 0)


async def test_another_keyring_means_a_full_exchange(
    realm: Realm, host: Host, tmp_path: Path, nursery: trio.Nursery
) -> None:
    gss = flavor()
    await nursery.start(host.live)
    async with open_client(host.connect, gss) as client:
        await echo(client)
        Keyring.create(tmp_path / "another")
        host.keyring = lambda: Keyring(tmp_path / "another")
        await host.die()
        await nursery.start(host.live)
        await echo(client)
        assert sum(host.tickets.counters.refused.values()) == 1
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (2, 0)


async def test_rotation_while_clients_are_there(realm: Realm, host: Host, tmp_path: Path) -> None:
    gss = flavor()
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        for _ in range(3):
            Keyring(tmp_path / "keyring").rotate()
            host.lose()
            await echo(client)
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (1, 3)


async def test_a_revocation_ends_live_contexts(realm: Realm, host: Host, tmp_path: Path) -> None:
    gss = flavor()
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        Keyring(tmp_path / "keyring").revoke()
        host.tickets.check_keyring()
        assert host.store.established == 0
        await echo(client)
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (2, 0)


async def test_a_file_store_across_client_restarts(realm: Realm, host: Host, tmp_path: Path) -> None:
    cache = realm.kinit("alice", tmp_path / "ccache")
    who = Credentials(principal="alice@RPCGSS.TEST", ccache=f"FILE:{cache}")
    exchanges = []
    async with host.alive():
        for life in range(3):
            store = SqliteTicketStore(tmp_path / "tickets")
            gss = flavor(TicketClient(store), credentials=who)
            async with open_client(host.connect, gss) as client:
                await echo(client)
            exchanges.append(gss.counters.by_exchange)
            store.close()
            if not life:
                cache.unlink()
    assert exchanges == [1, 0, 0]


async def test_case_17_krb5_and_spnego_give_equal_principals(realm: Realm, host: Host) -> None:
    async with host.alive():
        for mechanism in (KRB5, SPNEGO):
            gss = flavor(mechanism=mechanism)
            async with open_client(host.connect, gss) as client:
                await echo(client)
                host.lose()
                await echo(client)
            assert gss.counters.by_ticket == 1
    callers = host.service.callers
    assert [caller.reauthenticated for caller in callers] == [False, True] * 2
    assert len({(caller.name, caller.target, caller.mechanism) for caller in callers}) == 1


async def test_case_16_without_mutual_authentication_no_tickets(realm: Realm, host: Host) -> None:
    gss = flavor(mutual=False)
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        host.lose()
        await echo(client)
        assert host.tickets.counters.granted == 0
    assert (gss.counters.by_exchange, gss.counters.by_ticket) == (2, 0)


async def test_an_old_client_and_a_new_server(realm: Realm, host: Host) -> None:
    gss = GssFlavor("nfs@localhost")
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        host.lose()
        await echo(client)
        assert host.tickets.counters.granted == 0
    assert gss.counters.by_exchange == 2


async def test_an_old_server_and_a_new_client(realm: Realm) -> None:
    service, store = Echo(), ContextStore()
    server = Server([service], [GssServerFlavor(GssapiAcceptor(["nfs@localhost"]), store=store)])
    listeners = await listen_tcp(0, "127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    tickets = TicketClient()
    gss = flavor(tickets)

    async def connect() -> StreamChannel:
        return await open_tcp("127.0.0.1", port)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listeners)
        async with open_client(connect, gss) as client:
            await echo(client)
            store.drop_all(trio.current_time())
            await echo(client)
        nursery.cancel_scope.cancel()
    assert gss.counters.by_exchange == 2
    assert (tickets.counters.granted, tickets.counters.attempts) == (0, 0)


async def test_a_small_cache_for_many_clients(realm: Realm, host: Host) -> None:
    """The server has room for two contexts and three clients: everybody is served, and tickets do it."""
    host.limits = StoreLimits(established=2)
    flavors = [flavor() for _ in range(3)]
    async with host.alive(), contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(open_client(host.connect, gss)) for gss in flavors]
        for _ in range(4):
            for client in clients:
                await echo(client)
        assert host.store.established == 2
    assert [gss.counters.by_exchange for gss in flavors] == [1, 1, 1]
    assert sum(gss.counters.by_ticket for gss in flavors) >= 6


async def test_contexts_expire_together(realm: Realm, host: Host, tmp_path: Path) -> None:
    """The ticket's life ends with the credential's, and the client takes the smaller of both ends' lifetimes."""
    cache = realm.kinit("alice", tmp_path / "ccache", lifetime=3600)
    gss = flavor(credentials=Credentials(ccache=f"FILE:{cache}"))
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        first = gss.context
        host.lose()
        await echo(client)
        second = gss.context
    assert first is not None
    assert second is not None
    assert (first.origin, second.origin) == (Origin.EXCHANGE, Origin.TICKET)
    assert first.expiry is not None
    assert second.expiry is not None
    assert second.expiry <= first.expiry + 1
    assert GssFlag.MUTUAL in second.flags


@pytest.mark.parametrize("expendable", [False, True])
async def test_case_18_delegated_credentials(realm: Realm, keyring: Callable[[], KeySource], expendable: bool) -> None:
    """They survive the extraction of the session key; no ticket, unless the application can do without them."""
    host = Host(keyring, delegation_expendable=expendable)
    gss = GssFlavor("nfs@localhost", delegate=True, extension=TicketClient())
    async with host.alive(), open_client(host.connect, gss) as client:
        await echo(client)
        (context,) = host.store.contexts()
        assert GssFlag.DELEG in context.flags
        assert context.delegated is not None
        async with trio.open_nursery() as nursery:  # MICs of both ends still verify
            for _ in range(20):
                nursery.start_soon(echo, client)
        host.lose()
        await echo(client)
        assert host.tickets.counters.granted == (1 if expendable else 0)
    assert gss.counters.by_ticket == (1 if expendable else 0)

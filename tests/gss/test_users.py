"""Many users over one client: each with contexts of his own, all on one connection, and none at another's cost."""

from functools import partial
from pathlib import Path

import pytest
import trio

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.errors import GssError
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import Credentials, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc import AcceptNone, AuthNone, Call, Server, open_client
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeProvider
from tests.rpc.network import Network
from tests.rpc.program import ECHO, HOLD, NULL, Program
from transport import listen_tcp, open_tcp


def user(name: str, service: GssService = GssService.PRIVACY, provider: FakeProvider | None = None) -> GssFlavor:
    return GssFlavor(
        "nfs@server", service=service, provider=provider or FakeProvider(f"{name}@FAKE"), worker=InlineWorker()
    )


def gss() -> GssServerFlavor:
    return GssServerFlavor(FakeAcceptor(), worker=InlineWorker())


def caller(call: Call) -> str:
    return f"{call.identity}, {getattr(call.identity, 'service', 'none')!r}"


async def test_each_user_calls_as_himself(autojump_clock: trio.abc.Clock) -> None:
    program, server_flavor = Program(), gss()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [server_flavor, AcceptNone()]))
        async with open_client(network.connect, AuthNone()) as client:
            async with (
                client.as_user(user("alice")) as alice,
                client.as_user(user("bob", GssService.INTEGRITY)) as bob,
            ):

                async def call_often(one: object) -> None:
                    for _ in range(10):
                        await one.call(ECHO, b"x")  # type: ignore[attr-defined]

                async with trio.open_nursery() as calls:
                    for one in (alice, bob, client, alice, bob):
                        calls.start_soon(call_often, one)
                assert server_flavor.store.established == 2
            assert server_flavor.store.counters.destroyed == 2  # when their blocks end, not when the client does
            await client.call(NULL, None)
        assert network.connections == 1
        nursery.cancel_scope.cancel()
    who = [caller(call) for call in program.calls]
    assert who.count("alice@FAKE, <GssService.PRIVACY: 3>") == 20
    assert who.count("bob@FAKE, <GssService.INTEGRITY: 2>") == 20
    assert who.count("anonymous, 'none'") == 11


async def test_a_user_without_credentials_costs_the_others_nothing(autojump_clock: trio.abc.Clock) -> None:
    """Not even the one more try on another connection, as long as they have calls on this one."""
    program, provider = Program(), FakeProvider("mallory@FAKE")
    provider.error = GssError(0x00070000, 5, "run kinit")
    async with trio.open_nursery() as nursery:
        server = Server([program], [gss()])
        network = Network(nursery, server)
        async with (
            open_client(network.connect, user("alice"), non_idempotent=[HOLD]) as client,
            client.as_user(user("mallory", provider=provider)) as mallory,
            client.as_user(user("bob")) as bob,
            trio.open_nursery() as calls,
        ):
            calls.start_soon(client.call, HOLD, b"held")
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(AuthenticationFailed, match="run kinit"):
                await mallory.call(ECHO, b"x")
            assert await bob.call(ECHO, b"y") == b"y"
            program.gate.set()
        assert network.connections == 1
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("busy", [True, False])
async def test_a_refused_user_gives_up_only_a_connection_that_nobody_else_uses(
    busy: bool, autojump_clock: trio.abc.Clock
) -> None:
    class Refusing(GssServerFlavor):
        async def authenticate(self, call, connection):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if b"mallory" in bytes(call.body):
                raise AuthRefused(auth_stat.AUTH_REJECTEDCRED)
            return await super().authenticate(call, connection)

    program = Program()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [Refusing(FakeAcceptor(), worker=InlineWorker())]))
        async with (
            open_client(network.connect, user("alice"), non_idempotent=[HOLD]) as client,
            client.as_user(user("mallory")) as mallory,
            trio.open_nursery() as calls,
        ):
            if busy:
                calls.start_soon(client.call, HOLD, b"held")
                await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(AuthenticationFailed, match="REJECTEDCRED"):
                await mallory.call(ECHO, b"x")
            program.gate.set()
        assert network.connections == (1 if busy else 2)
        nursery.cancel_scope.cancel()


def test_delegated_credentials_stand_alone() -> None:
    with pytest.raises(ValueError, match="delegated"):
        Credentials(principal="alice", delegated=object())
    assert "object" not in repr(Credentials(delegated=object()))


async def test_credentials_of_every_kind_over_one_connection(realm: Realm, tmp_path: Path) -> None:
    """A cache, a client keytab, and what a caller delegated; without a password anywhere."""
    realm.add_principal("carol")
    cache = f"FILE:{realm.kinit('carol', tmp_path / 'cache')}"
    keytab = realm.keytab(tmp_path / "client.keytab", "host/localhost")
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    program = Program()
    listeners = await listen_tcp(0, "127.0.0.1")
    connect = partial(open_tcp, "127.0.0.1", listeners[0].socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Server([program], [GssServerFlavor(acceptor)]).serve, listeners)
        by_keytab = Credentials(
            realm.principal("host/localhost"), ccache=f"FILE:{tmp_path}/other", client_keytab=str(keytab)
        )
        async with open_client(connect, GssFlavor("nfs@localhost", delegate=True), timeout=30) as client:
            await client.call(NULL, None)
            (first,) = (call.identity for call in program.calls)
            assert isinstance(first, GssIdentity)
            for credentials in (Credentials(ccache=cache), by_keytab, Credentials(delegated=first.delegated)):
                async with client.as_user(GssFlavor("nfs@localhost", credentials=credentials)) as one:
                    await one.call(NULL, None)
            async with client.as_user(GssFlavor("nfs@localhost", credentials=Credentials(delegated="x"))) as one:
                with pytest.raises(AuthenticationFailed, match="no credentials"):
                    await one.call(NULL, None)
            assert client.counters.connections == 1
        nursery.cancel_scope.cancel()
    assert [str(call.identity) for call in program.calls] == [
        realm.principal(name) for name in ("alice", "carol", "host/localhost", "alice")
    ]


async def test_a_kerberos_context_is_renewed_before_its_ticket_ends(
    realm: Realm, tmp_path: Path, autojump_clock: trio.abc.Clock
) -> None:
    """Once, however many calls there are; the calls do not notice."""
    cache = Credentials(ccache=f"FILE:{realm.kinit('alice', tmp_path / 'cache', lifetime=3600)}")
    one = GssServerFlavor(GssapiAcceptor(["nfs@localhost"], realm.service_keytab), worker=InlineWorker())
    flavor = GssFlavor("nfs@localhost", credentials=cache, worker=InlineWorker())
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [one]))
        async with open_client(network.connect, flavor) as client:
            await client.call(ECHO, b"x")
            await trio.sleep(3100)
            assert await client.call(ECHO, b"y") == b"y"
            assert flavor.counters.renewed == 0
            await trio.sleep(250)
            async with trio.open_nursery() as calls:
                for _ in range(20):
                    calls.start_soon(client.call, ECHO, b"z")
            assert (flavor.counters.renewed, flavor.counters.by_exchange) == (1, 2)
            assert client.counters.refusals == 0
        assert one.store.counters.destroyed == 2
        nursery.cancel_scope.cancel()

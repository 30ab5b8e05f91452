"""A server's policy: how calls must be protected, whom the application takes, and how much each principal gets."""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import Context, GssIdentity, Origin
from rpcgss.gss.errors import PrincipalRefused
from rpcgss.gss.policy import Requirement, Requirements, Strength
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, StoreLimits
from rpcgss.gss.window import ReceiveWindow
from rpcgss.rpc import AcceptNone, AcceptSys, AuthNone, AuthSys, ClientFlavor, Server, open_client
from rpcgss.rpc.client import Client
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, ServerFault
from rpcgss.rpc.flavors import Session
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import EVERYTHING, FAKE, FakeAcceptor, FakeProtection, FakeProvider, fake_name
from tests.gss.test_server import Peer, only_context, peer, server
from tests.gss.wire import denial, serve
from tests.rpc.network import Network
from tests.rpc.program import ECHO, FAIL, HOLD, NULL, Program

NONE, INTEGRITY, PRIVACY = GssService
FLAVORS: Mapping[str, ClientFlavor | GssService] = {
    "none": AuthNone(),
    "sys": AuthSys(),
    "krb5": NONE,
    "krb5i": INTEGRITY,
    "krb5p": PRIVACY,
}


def user(service: GssService = PRIVACY, name: str = "alice@FAKE") -> GssFlavor:
    return GssFlavor("nfs@server", service=service, provider=FakeProvider(name), worker=InlineWorker())


@asynccontextmanager
async def at_work(policy: Requirements | None, *flavors: GssServerFlavor) -> AsyncIterator[tuple[Network, Program]]:
    program = Program()
    one = flavors or (server(),)
    async with trio.open_nursery() as nursery:
        yield Network(nursery, Server([program], [*one, AcceptNone(), AcceptSys()], policy=policy)), program
        nursery.cancel_scope.cancel()


# How calls are protected


async def taken(client: Client, *procedures: object) -> list[bool]:
    answers = []
    for procedure in procedures:
        try:
            await client.call(procedure, None if procedure is NULL else b"x")  # type: ignore[arg-type]
        except AuthRefused as refusal:
            answers.append(refusal.stat != auth_stat.AUTH_TOOWEAK)
        else:
            answers.append(True)
    return answers


@pytest.mark.parametrize(
    ("flavor", "expected"),
    [
        ("none", "yes no no"),
        ("sys", "yes no no"),
        ("krb5", "yes no no"),
        ("krb5i", "yes yes no"),
        ("krb5p", "yes yes yes"),
    ],
)
async def test_each_procedure_has_its_own_least(flavor: str, expected: str, autojump_clock: trio.abc.Clock) -> None:
    """The most particular rule counts: a procedure's, a program's, the default."""
    policy = Requirements(
        Strength.PRIVACY, {Program: Strength.INTEGRITY, NULL: Strength.ANYBODY, HOLD: Requirement(Strength.PRIVACY)}
    )
    found = FLAVORS[flavor]
    async with at_work(policy) as (network, program):
        program.gate.set()
        async with open_client(network.connect, user(found) if isinstance(found, GssService) else found) as client:
            assert await taken(client, NULL, ECHO, HOLD) == [word == "yes" for word in expected.split()]


@pytest.mark.parametrize("least", Strength)
async def test_strengths_in_order(least: Strength, autojump_clock: trio.abc.Clock) -> None:
    async with at_work(Requirements(least)) as (network, _):
        for number, flavor in enumerate(FLAVORS.values()):
            one = user(flavor) if isinstance(flavor, GssService) else flavor
            async with open_client(network.connect, one) as client:
                assert await taken(client, ECHO) == [number >= least]


@pytest.mark.parametrize(("mechanisms", "expected"), [([FAKE], True), (["1.2.840.113554.1.2.2"], False), (None, True)])
async def test_mechanisms(mechanisms: Iterable[str] | None, expected: bool, autojump_clock: trio.abc.Clock) -> None:
    policy = Requirements(Requirement(Strength.ANYBODY, None if mechanisms is None else frozenset(mechanisms)))
    async with at_work(policy) as (network, _), open_client(network.connect, user()) as client:
        assert await taken(client, ECHO) == [expected]


async def test_the_log_says_why_and_the_wire_does_not(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    caplog.set_level(logging.INFO)
    weak, policy = user(INTEGRITY), Requirements(Strength.PRIVACY)
    async with at_work(policy) as (network, _), open_client(network.connect, weak) as client:
        with pytest.raises(AuthRefused) as caught:
            await client.call(ECHO, b"x")
    assert caught.value.reason == ""
    assert "ECHO of 'alice@FAKE' needs privacy" in caplog.text


# Whom the application takes


class Directory:
    """What an application knows of principals; `asked` is how often for each."""

    def __init__(self, **users: int) -> None:
        self.users = users
        self.asked: list[str] = []
        self.broken = False
        self.gate = trio.Event()
        self.gate.set()

    async def look_up(self, identity: GssIdentity) -> object:
        self.asked.append(identity.principal)
        await self.gate.wait()
        if self.broken:
            raise RuntimeError("the directory is down")
        uid = self.users.get(identity.principal.partition("@")[0])
        if uid is None:
            raise PrincipalRefused("no such user")
        return uid


async def test_a_principal_is_mapped_once_for_each_context(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    one = server(map_principal=directory.look_up)
    async with at_work(None, one) as (network, program), open_client(network.connect, user()) as client:
        for _ in range(3):
            await client.call(ECHO, b"x")
        one.store.drop_all(0)
        await client.call(ECHO, b"x")
    assert directory.asked == ["alice@FAKE"] * 2
    assert {call.identity.user for call in program.calls} == {1000}  # type: ignore[attr-defined]


async def test_who_is_not_wanted_gets_no_context(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.abc.Clock
) -> None:
    directory = Directory(alice=1000)
    one = server(map_principal=directory.look_up)
    async with at_work(None, one) as (network, _):
        async with open_client(network.connect, user(name="mallory@FAKE")) as client:
            with pytest.raises(AuthenticationFailed, match="0xf0000") as caught:
                await client.call(ECHO, b"x")
        async with open_client(network.connect, user()) as client:
            await client.call(ECHO, b"x")
            assert one.store.established == 1
    assert "no such user" not in str(caught.value)
    assert "'mallory@FAKE': no such user" in caplog.text.replace('"', "")


async def test_a_map_that_fails_lets_nobody_in(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    directory.broken = True
    one = server(map_principal=directory.look_up)
    async with at_work(None, one) as (network, _), open_client(network.connect, user()) as client:
        with pytest.raises(AuthenticationFailed, match="SYSTEM_ERR"):
            await client.call(ECHO, b"x")
        assert one.store.contexts() == []
        directory.broken = False
        await client.call(ECHO, b"x")


async def test_a_map_that_blocks_goes_to_a_thread() -> None:
    def look_up(principal: str) -> object:
        with pytest.raises(RuntimeError):
            trio.lowlevel.current_task()
        return principal.upper()

    async def map_principal(identity: GssIdentity) -> object:
        return await trio.to_thread.run_sync(look_up, identity.principal)

    one = server(map_principal=map_principal)
    await peer(one)
    assert only_context(one).identity(PRIVACY).user == "ALICE@FAKE"


def by_ticket(one: GssServerFlavor, name: str = "alice@FAKE", expiry: float | None = None) -> Peer:
    """Somebody whose context came without an exchange."""
    client = Peer(one)
    client.security.key, client.security.agreed = b"key", EVERYTHING
    client.handle = one.store.new_handle()
    one.store.add_unconfirmed(
        Context(
            handle=client.handle,
            protection=FakeProtection(b"key", initiator=False, encrypts=True),
            window=ReceiveWindow(64),
            initiator=fake_name(name),
            acceptor=fake_name("nfs@server"),
            mechanism=FAKE,
            flags=EVERYTHING,
            established=0,
            expiry=expiry,
            origin=Origin.TICKET,
        ),
        trio.current_time(),
    )
    return client


async def test_a_context_by_ticket_is_mapped_when_it_is_first_used(autojump_clock: trio.abc.Clock) -> None:
    """Once, however many calls come at once."""
    directory = Directory(alice=1000)
    directory.gate = trio.Event()
    one = server(map_principal=directory.look_up)
    client, replies = by_ticket(one), []

    async def call(number: int) -> None:
        replies.append(client.open(await client.call(number), number))

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
        directory.gate.set()
    assert replies == [b"gnip"] * 5
    assert directory.asked == ["alice@FAKE"]
    assert only_context(one).identity(INTEGRITY).user == 1000


async def test_a_ticket_of_somebody_who_is_wanted_no_more(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    directory.gate = trio.Event()
    one = server(map_principal=directory.look_up)
    client, stats = by_ticket(one, "mallory@FAKE"), []

    async def call(number: int) -> None:
        stats.append(denial(await client.call(number)))

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(call, number)
        await trio.testing.wait_all_tasks_blocked()
        directory.gate.set()
    assert sorted(stats) == [auth_stat.AUTH_TOOWEAK, *[auth_stat.RPCSEC_GSS_CREDPROBLEM] * 2]
    assert directory.asked == ["mallory@FAKE"]
    assert one.store.contexts() == []


async def test_a_question_that_was_cancelled_is_asked_again(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    directory.gate = trio.Event()
    one = server(map_principal=directory.look_up)
    client = by_ticket(one)
    with trio.move_on_after(1):
        await client.call(1)
    directory.gate.set()
    assert client.open(await client.call(2), 2) == b"gnip"


async def test_a_context_that_is_revoked_while_it_is_mapped(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    directory.gate = trio.Event()
    one = server(map_principal=directory.look_up)
    client, stats = by_ticket(one), []

    async def call() -> None:
        stats.append(denial(await client.call(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        one.store.drop_all(0)
        directory.gate.set()
    assert stats == [auth_stat.RPCSEC_GSS_CREDPROBLEM]
    assert one.counters.calls == 0


# How much each principal gets


async def test_contexts_of_one_principal_are_bounded() -> None:
    """His own oldest have to go; nobody else's."""
    one = server(store=ContextStore(StoreLimits(established=10, per_principal=3)))
    bob = await peer(one, provider=FakeProvider("bob@FAKE"))
    clients = [await peer(one) for _ in range(5)]
    assert one.store.established == 4
    assert [isinstance(one.store.find(client.handle), Context) for client in clients] == [False] * 2 + [True] * 3
    clients[2].open(await clients[2].call(1), 1)  # now it is the most recently used
    await peer(one)
    assert one.store.find(clients[2].handle) is not None
    assert one.store.find(clients[3].handle) is None
    assert bob.open(await bob.call(1), 1) == b"gnip"
    one.store.drop_all(0)
    assert one.store._principals == {}


async def test_calls_of_one_principal_wait_for_their_turn(autojump_clock: trio.abc.Clock) -> None:
    """On whatever connection and context; others do not wait for him."""
    one = server(max_calls_per_principal=2)
    async with (
        at_work(None, one) as (network, program),
        open_client(network.connect, user()) as first,
        open_client(network.connect, user()) as second,
        open_client(network.connect, user(name="bob@FAKE")) as bob,
    ):
        async with trio.open_nursery() as calls:
            for client in (first, second) * 5:
                calls.start_soon(client.call, HOLD, b"held")
            await trio.testing.wait_all_tasks_blocked()
            assert program.running == 2
            assert await bob.call(ECHO, b"x") == b"x"
            program.gate.set()
        assert program.most_running == 2
        with pytest.raises(ServerFault):
            await first.call(FAIL, None)
    assert program.executed[b"held"] == 10
    assert one._turns is not None
    assert len(one._turns) == 0  # nothing is kept of principals without calls


async def test_a_call_that_waits_for_its_turn_may_be_cancelled(autojump_clock: trio.abc.Clock) -> None:
    one = server(max_calls_per_principal=1)
    async with at_work(None, one) as (network, _), open_client(network.connect, user()) as client:
        async with trio.open_nursery() as calls:
            calls.start_soon(client.call, HOLD, b"held")
            calls.start_soon(client.call, HOLD, b"waits")
            await trio.testing.wait_all_tasks_blocked()
            calls.cancel_scope.cancel()
        network.cut_all()
        assert one._turns is not None
        await trio.testing.wait_all_tasks_blocked()
        assert len(one._turns) == 0
        assert await client.call(ECHO, b"x") == b"x"


async def test_who_is_revoked_while_his_call_waits_for_its_turn(autojump_clock: trio.abc.Clock) -> None:
    """It is not executed any more."""
    one = server(max_calls_per_principal=1)
    async with at_work(None, one) as (network, program), open_client(network.connect, user()) as client:
        async with trio.open_nursery() as calls:
            calls.start_soon(client.call, HOLD, b"held")
            await trio.testing.wait_all_tasks_blocked()
            calls.start_soon(client.call, ECHO, b"waits")
            await trio.testing.wait_all_tasks_blocked()
            assert one.store.drop_where(lambda context: context.initiator.display == "alice@FAKE", 0.0) == 1
            program.gate.set()
        assert one.counters.calls == 2
        assert one.store.counters.established_by_exchange == 2
    assert one._turns is not None
    assert len(one._turns) == 0


async def test_a_credential_that_runs_out_while_its_call_waits_for_its_turn(autojump_clock: trio.abc.Clock) -> None:
    one = server(FakeAcceptor(lifetime=100), max_calls_per_principal=1)
    client, gate, stats = await peer(one), trio.Event(), []

    async def hold(_session: Session, arguments: bytes) -> bytes:
        await gate.wait()
        return arguments

    async def waits() -> None:
        stats.append(denial(await client.call(2)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve, one, client.octets(1), hold)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(waits)
        await trio.sleep(200)
        gate.set()
    assert stats == [auth_stat.RPCSEC_GSS_CTXPROBLEM]
    assert one.counters.calls == 1
    assert one.store.contexts() == []
    assert one._turns is not None
    assert len(one._turns) == 0


async def test_a_credential_that_runs_out_while_it_is_mapped(autojump_clock: trio.abc.Clock) -> None:
    directory = Directory(alice=1000)
    directory.gate = trio.Event()
    one = server(map_principal=directory.look_up)
    client, stats = by_ticket(one, expiry=trio.current_time() + 100), []

    async def call() -> None:
        stats.append(denial(await client.call(1)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.sleep(200)
        directory.gate.set()
    assert stats == [auth_stat.RPCSEC_GSS_CTXPROBLEM]
    assert one.counters.calls == 0


def test_a_limit_of_nothing() -> None:
    with pytest.raises(ValueError, match="refuse"):
        server(max_calls_per_principal=0)

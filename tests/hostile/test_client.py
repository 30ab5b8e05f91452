"""Hostile servers, or whoever sits in between: a call has its right result or fails, and a bystander who uses the same
client, on the same connection, does not notice."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc import Client, Server, open_client
from rpcgss.rpc.conversation import MAX_REFUSALS
from rpcgss.rpc.errors import (
    AuthenticationFailed,
    AuthRefused,
    CallFailed,
    GarbageArguments,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    Refusal,
    RpcMismatch,
    ServerFault,
)
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    encode_denied,
    encode_not_executed,
    encode_success,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.hostile.attacks import ACCEPTED, BODIES, CREATION_RESULT, EMPTY_BODIES, Attack, attacks
from tests.hostile.peers import Mechanism, fake, kerberos
from tests.rpc.network import Network
from tests.rpc.program import ECHO, OPAQUE, Program
from transport import Record, StreamChannel

TEXT = b"text"  # of one word, as the layouts say
Spoil = Callable[[bytes], list[bytes]]


class MiddleMan:
    """`spoil` is done to the next reply, once; `every` to all of them, while it is set."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.spoil: Spoil | None = None
        self.every: Spoil | None = None
        self.replies: list[bytes] = []

    async def connect(self) -> "SpoiledChannel":
        return SpoiledChannel(await self.network.connect(), self)

    def pass_on(self, record: bytes) -> list[bytes]:
        self.replies.append(record)
        spoil, self.spoil = self.spoil or self.every, None
        return [record] if spoil is None else spoil(record)


class SpoiledChannel:
    """A connection through the man in the middle."""

    def __init__(self, channel: StreamChannel, man: MiddleMan) -> None:
        self.peer = channel.peer
        self.reliable = channel.reliable
        self.tls = channel.tls
        self.complaint = channel.complaint
        self._channel = channel
        self._man = man
        self._waiting: list[bytes] = []

    @property
    def last_received(self) -> float:
        return self._channel.last_received

    async def send(self, value: Record) -> None:
        await self._channel.send(value)

    async def receive(self) -> bytes:
        while not self._waiting:
            self._waiting = self._man.pass_on(bytes(await self._channel.receive()))
        return self._waiting.pop(0)

    async def aclose(self) -> None:
        await self._channel.aclose()


class Stage:
    """A client whose replies can be spoiled, its bystander, and the way to become a victim."""

    def __init__(self, mechanism: Mechanism, man: MiddleMan, client: Client, gss: GssServerFlavor) -> None:
        self.mechanism = mechanism
        self.man = man
        self.client = client
        self.gss = gss

    def flavor(self, service: GssService) -> GssFlavor:
        return flavor(self.mechanism, "alice", service)

    async def outcome(self, call: Callable[..., object], spoil: Spoil | None) -> bytes | None:
        """What a call comes to whose next reply is spoiled; None: it fails as calls may."""
        self.man.spoil = spoil
        try:
            return await call(ECHO, TEXT, timeout=5)  # type: ignore[misc, no-any-return]
        except (CallFailed, Refusal):
            return None
        finally:
            self.man.spoil = None

    async def unharmed(self) -> None:
        assert await self.client.call(ECHO, b"bystander", timeout=60) == b"bystander"
        assert self.client.outstanding == 0


def flavor(mechanism: Mechanism, user: str, service: GssService) -> GssFlavor:
    return GssFlavor(
        mechanism.target,
        service=service,
        credentials=mechanism.credentials(user),
        provider=mechanism.provider(user),
        worker=InlineWorker(),
    )


@asynccontextmanager
async def stage(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Stage]:
    gss = GssServerFlavor(mechanism.acceptor, worker=InlineWorker())
    server = Server([Program()], [gss])
    async with trio.open_nursery() as nursery:
        man = MiddleMan(Network(nursery, server))
        bystander = flavor(mechanism, "bob", GssService.PRIVACY)
        async with open_client(man.connect, bystander, seed=1) as client:
            one = Stage(mechanism, man, client, gss)
            await one.unharmed()
            yield one
            man.every = None
            await one.unharmed()
            assert bystander.counters.failures == 0
        nursery.cancel_scope.cancel()
    assert server.counters.faults == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture(params=["fake", "krb5"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    return fake() if request.param == "fake" else kerberos(request.getfixturevalue("realm"))


def bending(attack: Attack) -> Spoil:
    return lambda record: [attack.bend(record)]


@pytest.mark.parametrize("service", GssService)
async def test_results(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, service: GssService, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(mechanism, caplog) as one, one.client.as_user(one.flavor(service)) as victim:
        await victim.call(ECHO, TEXT)
        sample = one.man.replies[-1]
        layout = (*ACCEPTED, *BODIES[service])
        body_at = len(sample) - len(parse_body(sample))
        for attack in attacks(sample, layout, bits=2):
            if service is GssService.NONE and attack.at >= body_at:
                continue  # such results are the network's to bend (5.3.2.1)
            assert await one.outcome(victim.call, bending(attack)) in (None, TEXT), attack.name
            await one.unharmed()


def parse_body(record: bytes) -> memoryview:
    reply = parse_reply_untrusted(record)
    assert isinstance(reply, AcceptedReply)
    return reply.body


@pytest.mark.parametrize("rounds", [0, 1, 2], ids=["only reply", "first reply", "last reply"])
async def test_creation(
    rounds: int, request: pytest.FixtureRequest, autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """No context, or the right one: what calls then come to is right."""
    mechanism = fake(2) if rounds else kerberos(request.getfixturevalue("realm"))
    async with stage(mechanism, caplog) as one:
        async with one.client.as_user(one.flavor(GssService.INTEGRITY)) as somebody:
            before = len(one.man.replies)
            await somebody.call(ECHO, TEXT)
        which = max(rounds, 1) - 1
        for attack in attacks(one.man.replies[before + which], (*ACCEPTED, *CREATION_RESULT)):
            async with one.client.as_user(one.flavor(GssService.INTEGRITY)) as victim:
                assert await one.outcome(victim.call, nth(which, bending(attack), one.man)) in (None, TEXT), attack.name
                context = victim.flavor.context  # type: ignore[attr-defined]
                assert context is None or context.window.size == 512, attack.name
        await one.unharmed()


def nth(number: int, spoil: Spoil, man: MiddleMan) -> Spoil:
    """Leave so many replies alone first."""

    def wait(record: bytes) -> list[bytes]:
        man.spoil = nth(number - 1, spoil, man)
        return [record]

    return wait if number else spoil


@pytest.mark.parametrize("service", GssService)
async def test_farewells(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, service: GssService, caplog: pytest.LogCaptureFixture
) -> None:
    """Closing insists on nothing, and takes no longer than it may."""
    async with stage(mechanism, caplog) as one:
        sample = await farewell(one, service, None)
        for attack in attacks(sample, (*ACCEPTED, *EMPTY_BODIES[service])):
            began = trio.current_time()
            await farewell(one, service, bending(attack))
            assert trio.current_time() - began < 10, attack.name
            await one.unharmed()


async def farewell(one: Stage, service: GssService, spoil: Spoil | None) -> bytes:
    async with one.client.as_user(one.flavor(service)) as victim:
        assert await victim.call(ECHO, TEXT) == TEXT
        one.man.spoil = spoil
    one.man.spoil = None
    return one.man.replies[-1]


def forgeries(old: bytes, verifier: opaque_auth) -> Iterator[tuple[str, Callable[[int, bytes], bytes]]]:
    """Replies of somebody without keys, who has heard `old`, and `verifier` in another reply or call."""
    for stat in (*auth_stat, 99):
        yield f"denied {stat}", lambda xid, _, stat=stat: encode_denied(xid, AuthRefused(stat))  # type: ignore[misc]
    yield "another RPC", lambda xid, _: encode_denied(xid, RpcMismatch(3, 4))
    for refusal in (
        ProgramUnavailable("x"),
        ProgramMismatch(1, 2),
        ProcedureUnavailable("x"),
        GarbageArguments("x"),
        ServerFault("x"),
    ):
        for other in (NULL_AUTH, verifier):
            yield (
                f"{refusal!r} with {other.flavor}",
                lambda xid, _, refusal=refusal, other=other: encode_not_executed(xid, other, refusal),  # type: ignore[misc]
            )
    for other in (NULL_AUTH, verifier, opaque_auth(1, b""), opaque_auth(6, b""), opaque_auth(6, bytes(400))):
        yield (
            f"success with {other}",
            lambda xid, _, other=other: encode_success(xid, other) + OPAQUE.encode(b"evil"),  # type: ignore[misc]
        )
        yield (
            f"the results with {other}",
            lambda xid, right, other=other: encode_success(xid, other) + bytes(parse_body(right)),  # type: ignore[misc]
        )
    yield "an old reply", lambda xid, _: xid.to_bytes(4, "big") + old[4:]


@pytest.mark.parametrize("service", GssService)
async def test_forgeries(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, service: GssService, caplog: pytest.LogCaptureFixture
) -> None:
    """Instead of the reply, and before it. Who forges a denial can only cost a call; the results are right or none."""
    async with stage(mechanism, caplog) as one, one.client.as_user(one.flavor(service)) as victim:
        await victim.call(ECHO, b"old!")
        old = one.man.replies[-1]
        reply = parse_reply_untrusted(old)
        for name, forge in forgeries(old, reply.verifier):  # type: ignore[union-attr]

            def spoil(record: bytes, forge: Callable[[int, bytes], bytes] = forge) -> list[bytes]:
                return [forge(int.from_bytes(record[:4], "big"), record)]

            assert await one.outcome(victim.call, spoil) in (None, TEXT), name
            assert await one.outcome(victim.call, lambda record, s=spoil: [*s(record), record]) in (None, TEXT), name  # type: ignore[misc]
            await one.unharmed()


async def test_replies_twice_and_in_another_order(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(mechanism, caplog) as one, one.client.as_user(one.flavor(GssService.PRIVACY)) as victim:
        held: list[bytes] = []

        def hold(record: bytes) -> list[bytes]:
            """Each reply once with the next, once after it."""
            before, held[:] = held[:], [record]
            return [record, *before, *before]

        one.man.every = hold
        results: list[bytes] = []

        async def call(number: int) -> None:
            results.append(await victim.call(ECHO, b"%d" % number))

        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(call, number)
        assert sorted(results) == sorted(b"%d" % number for number in range(30))


@pytest.mark.parametrize("stat", [auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM])
async def test_the_work_that_forged_denials_cause_is_bounded(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, stat: auth_stat, caplog: pytest.LogCaptureFixture
) -> None:
    """They are not authenticated: whoever can write to the connection can say that the context is lost, every time."""
    async with stage(mechanism, caplog) as one, one.client.as_user(one.flavor(GssService.PRIVACY)) as victim:
        await victim.call(ECHO, TEXT)

        def deny(record: bytes) -> list[bytes]:
            reply = parse_reply_untrusted(record)
            if isinstance(reply, AcceptedReply) and not creation(reply):
                return [encode_denied(reply.xid, AuthRefused(stat))]
            return [record]

        one.man.every = deny
        with pytest.raises(AuthRefused):
            await victim.call(ECHO, TEXT)
        counters = victim.flavor.counters  # type: ignore[attr-defined]
        assert counters.lost == MAX_REFUSALS
        assert counters.by_exchange == MAX_REFUSALS + 1
        one.man.every = None
        assert await victim.call(ECHO, TEXT) == TEXT


def creation(reply: AcceptedReply) -> bool:
    """Whether these are the results of a creation request: a handle of 16 octets comes first."""
    return bytes(reply.body[:4]) == b"\0\0\0\x10"


async def test_a_server_that_refuses_for_ever(
    mechanism: Mechanism, autojump_clock: trio.abc.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage(mechanism, caplog) as one, one.client.as_user(one.flavor(GssService.PRIVACY)) as victim:
        one.man.every = lambda record: [encode_denied(int.from_bytes(record[:4], "big"), AuthRefused(14))]
        with pytest.raises(AuthenticationFailed):
            await victim.call(ECHO, TEXT)
        one.man.every = None

"""Hostile clients: what they make of a message is not taken, and a bystander on the same connection does not notice.

The bystander calls after each attack, on the attacker's own connection; where an attack is no RPC at all the server
closes that connection, and he calls on the next.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, StoreLimits
from rpcgss.rpc import Server
from rpcgss.rpc.errors import BadMessage, Refusal
from rpcgss.rpc.messages import AcceptedReply, parse_call_untrusted, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import accept_stat
from rpcgss.rpc.work import InlineWorker
from tests.hostile.attacks import BODIES, EMPTY_BODIES, HEADER, Attack, attacks
from tests.hostile.peers import Mechanism, Speaker, fake, kerberos
from tests.rpc.network import Network
from tests.rpc.program import Program
from transport import StreamChannel

BYSTANDER = b"bystander"
CREDENTIAL_AT, HANDLE_AT = 32, 48
CREATION = (*HEADER, "token*")
TEXT = b"evil"  # of one word, as the layouts say


class Arena:
    """A server, a connection for everybody, and a bystander with his own context."""

    def __init__(self, network: Network, mechanism: Mechanism, program: Program, gss: GssServerFlavor) -> None:
        self.network = network
        self.mechanism = mechanism
        self.program = program
        self.gss = gss
        self.closed = 0
        self.bystander = Speaker(mechanism, "bob", range(0x0B000000, 0x0C000000))
        self._channel: StreamChannel | None = None

    def stranger(self) -> Speaker:
        return Speaker(self.mechanism, "alice", range(0x0A000000, 0x0B000000))

    async def establish(self, speaker: Speaker) -> Speaker:
        while not speaker.created(await self.ask(speaker.creation())):
            pass
        return speaker

    async def ask(self, message: bytes) -> bytes:
        """The reply to an honest message."""
        channel = await self._connected()
        await channel.send([message])
        while True:
            record = bytes(await channel.receive())
            if record[:4] == message[:4]:
                return record

    async def suffer(self, message: bytes) -> list[bytes]:
        """Send what is perhaps no message, then the bystander's call: what came before his reply."""
        channel, before = await self._connected(), []
        try:
            await channel.send([message])
            call = self.bystander.data(GssService.PRIVACY, BYSTANDER)
            await channel.send([call])
            while (record := bytes(await channel.receive()))[:4] != call[:4]:
                before.append(record)
        except (trio.BrokenResourceError, trio.EndOfChannel, trio.ClosedResourceError):
            await channel.aclose()
            self._channel = None
            self.closed += 1
            with pytest.raises((BadMessage, Refusal)):  # only what is no call at all ends a connection
                parse_call_untrusted(message)
            await self.unharmed()
        else:
            assert self.bystander.understood(record, self.bystander.number)
        return before

    async def unharmed(self) -> None:
        record = await self.ask(self.bystander.data(GssService.PRIVACY, BYSTANDER))
        assert self.bystander.understood(record, self.bystander.number)

    async def _connected(self) -> StreamChannel:
        if self._channel is None:
            self._channel = await self.network.connect()
        return self._channel


LIMITS = StoreLimits(established=64, unconfirmed=8, making=8, per_principal=32)


@asynccontextmanager
async def arena(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Arena]:
    """Afterwards: nothing has grown, nothing runs, nobody has seen an exception."""
    program = Program()
    gss = GssServerFlavor(mechanism.acceptor, worker=InlineWorker(), store=ContextStore(LIMITS))
    server = Server([program], [gss])
    room = server._crowd.places.free, server._crowd.octets.free
    async with trio.open_nursery() as nursery:
        one = Arena(Network(nursery, server), mechanism, program, gss)
        await one.establish(one.bystander)
        yield one
        await one.unharmed()
        await trio.testing.wait_all_tasks_blocked()
        assert (server._crowd.places.free, server._crowd.octets.free) == room
        nursery.cancel_scope.cancel()
    assert server.counters.faults == 0
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert set(program.executed) == {BYSTANDER}
    assert gss.store.established <= LIMITS.established
    assert gss.contexts_in_the_making <= LIMITS.making
    assert all(context.calls == 0 for context in gss.store.contexts())


@pytest.fixture(params=["fake", "krb5"])
def mechanism(request: pytest.FixtureRequest) -> Mechanism:
    return fake() if request.param == "fake" else kerberos(request.getfixturevalue("realm"))


def succeeded(records: Iterable[bytes]) -> bool:
    """Whether any of these replies is a success."""
    replies = [parse_reply_untrusted(record) for record in records]
    return any(isinstance(reply, AcceptedReply) and reply.stat is accept_stat.SUCCESS for reply in replies)


def bent(make: Callable[[], bytes], layout: tuple[str, ...], *, bits: int = 1) -> Iterator[tuple[Attack, bytes]]:
    """Every attack on a message. Those on its header share one, as nothing of it may have had any effect; for each on
    its body a new one is made: a good header uses its number up, whatever follows."""
    message = make()
    body_at = len(message) - len(parse_call_untrusted(message).body)
    for attack in attacks(message, layout, bits=bits):
        original = message if attack.at < body_at else make()
        octets = attack.bend(original)
        if octets != original:
            yield attack, octets


@pytest.mark.parametrize("service", GssService)
async def test_calls(mechanism: Mechanism, service: GssService, caplog: pytest.LogCaptureFixture) -> None:
    async with arena(mechanism, caplog) as one:
        alice = await one.establish(one.stranger())
        body_at = len(alice.data(GssService.NONE, TEXT)) - len(TEXT) - 4
        for attack, octets in bent(lambda: alice.data(service, TEXT), (*HEADER, *BODIES[service]), bits=3):
            if service is GssService.NONE and attack.at >= body_at:
                continue  # such arguments are the network's to bend (5.3.2.1)
            assert not succeeded(await one.suffer(octets)), attack.name
        assert one.gss.store.find(alice.handle) is not None


@pytest.mark.parametrize("service", GssService)
async def test_destruction(mechanism: Mechanism, service: GssService, caplog: pytest.LogCaptureFixture) -> None:
    """What stands where it has no arguments counts for nothing, so only its header can be wrong."""
    async with arena(mechanism, caplog) as one:
        alice = await one.establish(one.stranger())
        message = alice.destroy(service)
        body_at = len(message) - len(parse_call_untrusted(message).body)
        for attack, octets in bent(lambda: message, (*HEADER, *EMPTY_BODIES[service])):
            if attack.at < body_at:
                assert not succeeded(await one.suffer(octets)), attack.name
                assert one.gss.store.find(alice.handle) is not None, attack.name
        assert succeeded([await one.ask(message)])
        assert one.gss.store.find(alice.handle) is None


async def test_creation(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> None:
    """A creation request is not authenticated but by its token: who it is cannot be bent (the fake mechanism does not
    protect its tokens)."""
    async with arena(mechanism, caplog) as one:
        alice = one.stranger()
        message = alice.creation()
        for attack, octets in bent(lambda: message, CREATION):
            await one.suffer(octets)
            names = {context.initiator.display for context in one.gss.store.contexts()}
            if mechanism.target == "nfs@localhost":
                assert names <= {mechanism.principal("alice"), mechanism.principal("bob")}, attack.name


async def test_continued_creation(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is this; but nobody gets anywhere with another credential, or without what makes it a creation request."""
    async with arena(fake(rounds=3), caplog) as one:
        sample = one.stranger()
        sample.created(await one.ask(sample.creation()))
        message = sample.creation()
        body_at = len(message) - len(parse_call_untrusted(message).body)
        for attack in attacks(message, CREATION):
            alice = one.stranger()
            assert not alice.created(await one.ask(alice.creation()))
            message = alice.creation()
            octets, closed = attack.bend(message), one.closed
            replies = await one.suffer(octets)
            if octets != message and HANDLE_AT <= attack.at < body_at:
                assert not succeeded(replies), attack.name
            if octets != message and CREDENTIAL_AT <= attack.at < body_at and closed == one.closed:
                assert succeeded([await one.ask(message)]), attack.name  # it is still in the making
            assert one.gss.contexts_in_the_making <= 2
            one.gss._creation._making.clear()


@pytest.mark.parametrize("service", GssService)
async def test_replays(mechanism: Mechanism, service: GssService, caplog: pytest.LogCaptureFixture) -> None:
    """Of calls and of DESTROY: silence. Of INIT: no second context with Kerberos, and none of any use with either."""
    async with arena(mechanism, caplog) as one:
        alice = one.stranger()
        creation = alice.creation()
        assert alice.created(await one.ask(creation))
        sent = [alice.data(service, BYSTANDER) for _ in range(20)]
        for message in reversed(sent):
            assert succeeded([await one.ask(message)])
        executed = one.program.executed.total()
        for message in sent * 3:
            assert await one.suffer(message) == []
        assert one.program.executed.total() == executed + len(sent) * 3  # the bystander's own
        before = one.gss.store.established
        await one.suffer(creation)
        assert one.gss.store.established == before + (mechanism.target == "nfs@server")
        goodbye = alice.destroy(service)
        assert succeeded([await one.ask(goodbye)])
        for message in (goodbye, *sent):
            assert not succeeded(await one.suffer(message))


async def test_the_wrong_order(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> None:
    """Each message where it does not belong."""
    async with arena(mechanism, caplog) as one:
        alice, mallory = await one.establish(one.stranger()), await one.establish(one.stranger())
        late = alice.data(GssService.PRIVACY, TEXT)
        for handle in (b"", bytes(16), one.bystander.handle, mallory.handle):
            alice.handle, handle = handle, alice.handle
            for wrong in (alice.data(GssService.PRIVACY, TEXT), alice.destroy(GssService.NONE)):
                assert not succeeded(await one.suffer(wrong))  # somebody else's context, or nobody's
            if alice.handle:
                established = one.gss.store.established
                await one.suffer(alice.creation())  # continues what is complete
                assert one.gss.store.established == established
            alice.handle = handle
        alice.number += 2000
        assert succeeded([await one.ask(alice.destroy(GssService.INTEGRITY))])
        assert not succeeded(await one.suffer(late))


async def test_what_is_not_told(mechanism: Mechanism, caplog: pytest.LogCaptureFixture) -> None:
    """A reply to a forgery is a denial of five words, whatever was wrong with it: no text, no verifier, no body."""
    async with arena(mechanism, caplog) as one:
        alice = await one.establish(one.stranger())
        message = alice.data(GssService.INTEGRITY, TEXT)
        body_at = len(message) - len(parse_call_untrusted(message).body)
        for attack, octets in bent(lambda: message, (*HEADER, *BODIES[GssService.INTEGRITY])):
            if 4 <= attack.at < body_at and octets[24:28] == message[24:28]:
                for record in await one.suffer(octets):
                    assert len(record) in (20, 24), attack.name


async def test_floods_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Of creation requests, finished and not, by one who is let in."""
    async with arena(fake(rounds=2), caplog) as one:
        for number in range(200):
            alice = one.stranger()
            assert not alice.created(await one.ask(alice.creation()))
            if number % 2:
                assert alice.created(await one.ask(alice.creation()))
        assert one.gss.store.established <= 1 + LIMITS.per_principal
        assert 0 < one.gss.contexts_in_the_making <= LIMITS.making

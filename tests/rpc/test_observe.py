"""What an observer is told, whatever happens to the call."""

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

import xdr
from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    AuthNone,
    AuthRefused,
    AuthSys,
    CallTimedOut,
    Client,
    ConnectionEvent,
    ConnectionEventKind,
    ConnectionLost,
    End,
    Event,
    Listeners,
    ObservedCall,
    Observer,
    Observers,
    ProcedureUnavailable,
    ProgramUnavailable,
    Server,
    ServerFault,
    Source,
    open_client,
)
from rpcgss.rpc.dispatch import ServerCounters
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header
from tests.rpc.network import Network
from tests.rpc.program import BEYOND, ECHO, FAIL, HOLD, NULL, PROGRAM, VERSION, Program


class Diary(Observer):
    """Keeps everything."""

    def __init__(self) -> None:
        self.began: list[ObservedCall] = []
        self.ended: list[ObservedCall] = []
        self.events: list[Event] = []
        self.sources: dict[str, Source] = {}
        self.gone: list[str] = []

    def call_began(self, call: ObservedCall) -> None:
        assert not call.seconds
        self.began.append(call)

    def call_ended(self, call: ObservedCall) -> None:
        assert call in self.began
        self.ended.append(call)

    def event(self, event: Event) -> None:
        self.events.append(event)

    def attached(self, source: Source) -> None:
        self.sources[source.name] = source

    def detached(self, source: Source) -> None:
        self.gone.append(source.name)

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self.ended]

    @property
    def connections(self) -> list[str]:
        return [event.kind.value for event in self.events if isinstance(event, ConnectionEvent)]


class Broken(Observer):
    """Fails at everything."""

    def call_began(self, call: ObservedCall) -> None:
        raise RuntimeError("began")

    def call_ended(self, call: ObservedCall) -> None:
        raise RuntimeError("ended")

    def event(self, event: Event) -> None:
        raise RuntimeError("event")

    def attached(self, source: Source) -> None:
        raise RuntimeError("attached")

    def detached(self, source: Source) -> None:
        raise RuntimeError("detached")


class Pair:
    """Both ends, each under its own eyes."""

    def __init__(self, client: Client, network: Network, program: Program, at_client: Diary, at_server: Diary) -> None:
        self.client = client
        self.network = network
        self.program = program
        self.at_client = at_client
        self.at_server = at_server


@asynccontextmanager
async def pair(*more: Observer, flavor: AuthNone | AuthSys | None = None) -> AsyncIterator[Pair]:
    program, at_client, at_server = Program(), Diary(), Diary()
    server = Server([program], [AcceptNone(), AcceptSys()], observer=Observers(*more, at_server))
    async with trio.open_nursery() as nursery:
        network = Network(nursery, server)
        observer = Observers(*more, at_client)
        async with open_client(network.connect, flavor or AuthNone(), observer=observer, timeout=5, seed=1) as client:
            yield Pair(client, network, program, at_client, at_server)
        nursery.cancel_scope.cancel()


async def test_a_call_is_seen_by_both_ends(autojump_clock: trio.testing.MockClock) -> None:
    async with pair(flavor=AuthSys(machine="here", uid=7, gid=8, gids=())) as both:
        assert await both.client.call(ECHO, b"12345") == b"12345"
        (there,), (here,) = both.at_server.ended, both.at_client.ended
    assert (here.end, there.end) == (End.CLIENT, End.SERVER)
    for seen in (here, there):
        assert (seen.program, seen.version, seen.number, seen.procedure) == (PROGRAM, VERSION, 1, "ECHO")
        assert (seen.flavor, seen.outcome, seen.control) == ("sys", "ok", False)
        assert seen.peer
    assert here.xid == there.xid != 0
    assert here.octets_out == there.octets_in == 24 + 8 + 24 + 8 + 12
    assert here.octets_in == there.octets_out == 24 + 12
    assert (here.transmissions, here.identity) == (1, None)
    assert str(there.identity) == "uid 7 of 'here' (claimed)"


async def test_seconds(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as both, trio.open_nursery() as nursery:
        nursery.start_soon(both.client.call, HOLD, b"x")
        await trio.sleep(3)
        assert not both.at_server.ended
        assert len(both.at_server.began) == 1
        both.program.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert both.at_server.ended[0].seconds == both.at_client.ended[0].seconds == pytest.approx(3)


async def test_refusals_are_named_as_on_the_wire(autojump_clock: trio.testing.MockClock) -> None:
    elsewhere = xdr.Procedure(77, 1, 0, "NULL", xdr.VOID, xdr.VOID)
    async with pair() as both:
        for procedure, error in ((BEYOND, ProcedureUnavailable), (elsewhere, ProgramUnavailable), (FAIL, ServerFault)):
            with pytest.raises(error):
                await both.client.call(procedure, None)
        outcomes = ["PROC_UNAVAIL", "PROG_UNAVAIL", "SYSTEM_ERR"]
        assert both.at_client.outcomes == both.at_server.outcomes == outcomes
    assert [call.procedure for call in both.at_server.ended] == ["", "", "FAIL"]


async def test_a_denied_call(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [AcceptSys()], observer=diary))
        async with open_client(network.connect, AuthNone()) as client:
            with pytest.raises(AuthRefused):
                await client.call(NULL, None)
        nursery.cancel_scope.cancel()
    (seen,) = diary.ended
    assert (seen.outcome, seen.flavor, seen.identity) == ("AUTH_REJECTEDCRED", "none", None)


@pytest.mark.parametrize("stat", [1, 14, 99, 0xFFFFFFFF])
def test_no_peer_can_make_names_of_outcomes(stat: int) -> None:
    assert AuthRefused(stat).wire_name in ("AUTH_BADCRED", "RPCSEC_GSS_CTXPROBLEM", "AUTH_ERROR")


async def test_what_becomes_of_calls_that_nobody_answers(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as both:
        with pytest.raises(CallTimedOut):
            await both.client.call(HOLD, b"x", timeout=1)
        with trio.move_on_after(1):
            await both.client.call(HOLD, b"y")
        assert both.at_client.outcomes == ["CallTimedOut", "cancelled"]
        assert both.at_server.ended == []
    assert both.at_server.outcomes == ["cancelled", "cancelled"]


async def test_a_reply_that_nobody_waits_for(autojump_clock: trio.testing.MockClock) -> None:
    diary, program = Diary(), Program()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([program], [AcceptNone()], observer=diary))
        channel = await network.connect()
        header = encode_call_header(CallHeader(9, PROGRAM, VERSION, HOLD.number), NULL_AUTH) + encode_auth(NULL_AUTH)
        await channel.send(header + bytes(4))
        await trio.testing.wait_all_tasks_blocked()
        await channel.aclose()
        program.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(call.outcome, call.octets_out) for call in diary.ended] == [("unsent", 0)]


async def test_connections(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as both:
        await both.client.call(NULL, None)
        both.network.cut_all()
        await trio.testing.wait_all_tasks_blocked()
        both.network.refusing = True
        with pytest.raises((CallTimedOut, ConnectionLost)):
            await both.client.call(NULL, None, timeout=1)
        both.network.refusing = False
        await both.client.call(NULL, None)
    told = both.at_client.connections
    assert [told[0], told[1], told[2], *told[-2:]] == ["opened", "lost", "failed", "opened", "closed"]
    assert both.at_server.connections.count("opened") == 2
    assert len(both.at_server.connections) == 4
    (lost,) = [event for event in both.at_client.events if event.name == "connection.lost"]
    assert lost.described()["reason"]


async def test_a_call_that_is_sent_twice(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as both, trio.open_nursery() as nursery:
        nursery.start_soon(both.client.call, HOLD, b"x")
        await trio.testing.wait_all_tasks_blocked()
        both.network.cut_all()
        both.program.gate.set()
    assert both.at_client.ended[0].transmissions == 2
    assert both.at_client.ended[0].outcome == "ok"


async def test_counters_are_announced_and_closed(autojump_clock: trio.testing.MockClock) -> None:
    async with pair() as both:
        assert both.at_client.sources["client"].counters is both.client.counters
        assert "server" in both.at_server.sources
        assert both.at_client.gone == []
    assert both.at_client.gone == ["client"]


class Sounding(AcceptNone):
    """A flavor with events."""

    def __init__(self) -> None:
        self.source = Source("sounding", ServerCounters(), Listeners())

    def sources(self) -> Iterable[Source]:
        yield self.source


def test_an_event_is_told_once_however_observers_nest() -> None:
    diary, flavor = Diary(), Sounding()
    Server([Program()], [flavor], observer=Observers(Observers(diary), Observer()))
    assert flavor.source.events is not None
    event = ConnectionEvent(ConnectionEventKind.OPENED, End.SERVER, "x", 0.0)
    flavor.source.events.tell(event)
    assert diary.events == [event]


async def test_an_observer_that_raises_hurts_nobody(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair(Broken()) as both:
        assert await both.client.call(ECHO, b"x") == b"x"
        with pytest.raises(ServerFault):
            await both.client.call(FAIL, None)
        assert both.at_client.outcomes == both.at_server.outcomes == ["ok", "SYSTEM_ERR"]
    failures = [record for record in caplog.records if record.name == "rpcgss.rpc.observe"]
    assert failures
    assert all(getattr(record, "rpc")["event"] in ("observer.failed", "log.swallowed") for record in failures)  # noqa: B009


async def test_a_reply_from_the_cache(autojump_clock: trio.testing.MockClock) -> None:
    diary, program = Diary(), Program()
    server = Server([program], [AcceptNone()], non_idempotent=[ECHO], observer=diary)
    async with trio.open_nursery() as nursery:
        channel = await Network(nursery, server).connect()
        header = encode_call_header(CallHeader(9, PROGRAM, VERSION, ECHO.number), NULL_AUTH) + encode_auth(NULL_AUTH)
        for _ in range(2):
            await channel.send(header + bytes(4))
            await channel.receive()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [(call.outcome, call.repeated) for call in diary.ended] == [("ok", False), ("ok", True)]
    assert diary.sources["reply_cache"].counters is server.reply_cache.counters
    assert len(program.calls) == 1


async def test_octets_that_are_no_call_are_not_seen_as_one(autojump_clock: trio.testing.MockClock) -> None:
    diary = Diary()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [AcceptNone()], observer=diary))
        channel = await network.connect()
        header = encode_call_header(CallHeader(9, PROGRAM, VERSION, 0), NULL_AUTH) + encode_auth(NULL_AUTH)
        await channel.send(header)
        await channel.receive()
        await channel.send(b"no RPC")
        with pytest.raises((trio.EndOfChannel, trio.BrokenResourceError)):
            await channel.receive()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert diary.outcomes == ["ok"]
    assert len(diary.began) == 1


def test_log_records_carry_names(caplog: pytest.LogCaptureFixture) -> None:
    def failing(_: object) -> None:
        raise ValueError("mine")

    listeners: Listeners[int] = Listeners()
    heard: list[int] = []
    listeners.append(failing)
    listeners.append(heard.append)
    listeners.append(heard.append)
    with caplog.at_level(logging.ERROR):
        listeners.tell(1)
    assert heard == [1]
    listeners.remove(failing)
    listeners.tell(2)
    assert heard == [1, 2]
    assert [getattr(record, "rpc") for record in caplog.records] == [{"event": "observer.failed"}]  # noqa: B009

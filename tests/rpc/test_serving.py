"""How a server reads and answers one connection: many records at once, over a socket that takes what it is given."""

import asyncio
import contextvars
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

import xdr
from rpcgss.rpc import AcceptNone, Call, ObservedCall, Observer, Server
from rpcgss.rpc.messages import message_xid
from rpcgss.rpc.observe import ConnectionEvent, ConnectionEventKind
from rpcgss.rpc.rpc_xdr import accept_stat
from rpcgss.rpc.serving import IN_A_ROW, TOGETHER
from tests.cancellation import cancelled_at_every_step
from tests.rpc.program import HOLD, OPAQUE, PROGRAM, VERSION, Program
from tests.rpc.test_server import call_record
from transport import Record, StreamChannel, encode_record, listen_tcp, memory_channel_pair, open_tcp

GIVE = xdr.Procedure(PROGRAM, VERSION, 6, "GIVE", xdr.VOID, OPAQUE)
TOO_LARGE = bytes.fromhex("ffffffff")


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[StreamChannel]:
    """Over sockets; what the server raises comes out."""
    near, far = trio.socket.socketpair()
    far.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 1 << 20)
    async with StreamChannel(trio.SocketStream(near)) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(trio.SocketStream(far), peer="peer"))
        yield channel


def at_rest(server: Server) -> bool:
    places, octets = server._crowd.places, server._crowd.octets
    return (places.free, octets.free) == (places.total, octets.total)


def calls(*procedures: int) -> bytes:
    """One after the other, numbered."""
    return b"".join(
        encode_record(call_record(procedure, bytes(4) if procedure in (1, 2) else b"", xid=xid))
        for xid, procedure in enumerate(procedures)
    )


async def xids(channel: StreamChannel) -> list[int]:
    """Of all replies, until the server closes."""
    return [int.from_bytes(reply[:4]) async for reply in channel]


async def test_a_record_that_is_too_large_leaves_those_before_it_alone(caplog: pytest.LogCaptureFixture) -> None:
    """It comes with them, so it is found while they are answered in place."""
    server = Server([program := Program()], [AcceptNone()])
    async with serving(server) as channel:
        await channel._stream.send_all(calls(2, 0, 0) + TOO_LARGE)
        await trio.testing.wait_all_tasks_blocked(0.001)
        assert program.running == 1
        program.gate.set()
        assert await xids(channel) == [1, 2]
    assert program.running == 0
    assert at_rest(server)
    assert "octets or more; at most" in caplog.text
    assert "Traceback" not in caplog.text


async def test_calls_before_what_is_no_call_are_answered() -> None:
    server = Server([Program()], [AcceptNone()])
    async with serving(server) as channel:
        await channel._stream.send_all(calls(0, 1, 0) + encode_record(b"garbage!"))
        assert await xids(channel) == [0, 1, 2]
    assert at_rest(server)


async def test_calls_share_no_context_variables() -> None:
    name = contextvars.ContextVar("name", default="")
    seen: list[str] = []

    class Naming(Program):
        async def NULL(self, call: Call) -> None:
            seen.append(name.get())
            name.set("somebody")

        async def HOLD(self, call: Call, arg: bytes) -> bytes:
            await self.NULL(call)
            await self.gate.wait()
            seen.append(f"held by {name.get()}")
            return arg

    server = Server([program := Naming()], [AcceptNone()])
    async with serving(server) as channel:
        await channel._stream.send_all(calls(0, 0, 2, 2, 0))
        await trio.testing.wait_all_tasks_blocked(0.001)
        program.gate.set()
        await channel.send_eof()
        assert sorted(await xids(channel)) == [0, 1, 2, 3, 4]
    assert seen == [""] * 5 + ["held by somebody"] * 2


async def test_an_observer_finds_what_it_has_set_for_a_call_and_nothing_of_others() -> None:
    current: contextvars.ContextVar[int | None] = contextvars.ContextVar("current", default=None)
    parents: list[int | None] = []

    class Tracing(Observer):
        def __init__(self) -> None:
            self.open: dict[ObservedCall, contextvars.Token[int | None]] = {}

        def call_began(self, call: ObservedCall) -> None:
            parents.append(current.get())
            self.open[call] = current.set(call.xid)

        def call_ended(self, call: ObservedCall) -> None:
            assert current.get() == call.xid
            current.reset(self.open.pop(call))

    server = Server([program := Program()], [AcceptNone()], observer=(tracing := Tracing()))
    async with serving(server) as channel:
        await channel._stream.send_all(calls(0, 1, 2, 0, 2, 0))
        await trio.testing.wait_all_tasks_blocked(0.001)
        program.gate.set()
        await channel.send_eof()
        assert sorted(await xids(channel)) == [0, 1, 2, 3, 4, 5]
    assert not tracing.open
    assert parents == [None] * 6


async def longest_run(channel: StreamChannel, program: Program, octets: bytes) -> int:
    """How many calls are carried out while nobody else has a turn."""
    await channel._stream.send_all(octets)
    await channel.send_eof()
    longest, before = 0, len(program.calls)
    for _ in range(1000):
        await trio.lowlevel.checkpoint()
        longest, before = max(longest, len(program.calls) - before), len(program.calls)
    return longest


async def test_others_have_a_turn_whatever_replies_are_expected() -> None:
    class Generous(Program):
        PROCEDURES = Program.PROCEDURES | {6: GIVE}

        async def GIVE(self, call: Call) -> bytes:
            self.calls.append(call)
            return bytes(0 if len(self.calls) > 1 else 1_000_000)

    server = Server([program := Generous()], [AcceptNone()])
    async with serving(server) as channel:
        await channel.send(call_record(6))
        assert len(await channel.receive()) > 1_000_000
        assert await longest_run(channel, program, calls(*[6] * 100)) <= 2 * IN_A_ROW
        assert len(await xids(channel)) == 100
    assert len(program.calls) == 101
    assert at_rest(server)


async def test_who_sends_octet_by_octet_leaves_turns_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever the server has a look, one more has come."""
    server = Server([Program()], [AcceptNone()])
    async with serving(server) as channel:
        rest = bytearray(encode_record(call_record(1, (1000).to_bytes(4) + bytes(1000))))
        turn_at = longest = 0

        def drip() -> None:
            nonlocal longest
            if rest:
                channel._socket._sock.send(rest[:1])  # type: ignore[union-attr]
                del rest[:1]
                longest = max(longest, turn_at - len(rest))

        monkeypatch.setattr(os, "sched_yield", drip)
        await channel.send(call_record())
        while rest:
            turn_at = len(rest)
            await trio.lowlevel.checkpoint()
            drip()
        assert await channel.receive()
        assert await channel.receive()
        assert longest <= 3
        await channel.send_eof()


async def test_an_end_after_whole_records_is_none_in_the_middle_of_one() -> None:
    """Large replies leave before all calls that have come are looked at."""
    told: list[object] = []

    class Listening(Observer):
        def event(self, event: object) -> None:
            told.append(event)

    class Generous(Program):
        PROCEDURES = Program.PROCEDURES | {6: GIVE}

        async def GIVE(self, call: Call) -> bytes:
            return bytes(66_000)

    server = Server([Generous()], [AcceptNone()], observer=Listening())
    async with serving(server) as channel:
        await channel._stream.send_all(calls(*[6] * 8))
        await channel.send_eof()
        assert await xids(channel) == [*range(8)]
    assert [event.kind for event in told if isinstance(event, ConnectionEvent)] == [
        ConnectionEventKind.OPENED,
        ConnectionEventKind.CLOSED,
    ]


class Watched(StreamChannel):
    """Notes how many records left together."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        super().__init__(stream, peer="peer")
        self.together: list[int] = []

    async def send_together(self, records: Sequence[Record]) -> None:
        self.together.append(len(records))
        await super().send_together(records)


async def replies_to(server: Server, records: list[bytes], replies: int) -> tuple[list[int | None], list[int]]:
    """Calls that come together: the xids of so many replies, and how many left at a time."""
    near, far = trio.testing.memory_stream_pair()
    channel, watched = StreamChannel(near), Watched(far)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, watched)
        await near.send_all(b"".join(map(encode_record, records)))
        with trio.fail_after(5):
            xids = [message_xid(await channel.receive()) for _ in range(replies)]
        nursery.cancel_scope.cancel()
    return xids, watched.together


async def answered(server: Server) -> None:
    """One call gets its reply."""
    near, far = memory_channel_pair()
    async with near, trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, far)
        await near.send(call_record(xid=7))
        assert message_xid(await near.receive()) == 7
        await near.aclose()


async def test_replies_to_calls_that_came_together_leave_together() -> None:
    server = Server([Program()], [AcceptNone()])
    xids, together = await replies_to(server, [call_record(xid=xid) for xid in range(20)], 20)
    assert xids == list(range(20))
    assert together == [TOGETHER, TOGETHER, 20 - 2 * TOGETHER]


async def test_a_call_that_waits_holds_up_neither_calls_nor_replies() -> None:
    server = Server([Program()], [AcceptNone()])
    held = call_record(HOLD.number, bytes(4), xid=1)
    xids, together = await replies_to(server, [call_record(xid=0), held, call_record(xid=2)], 2)
    assert xids == [0, 2]
    assert together == [1, 1]
    assert server._crowd.places.free == server._crowd.places.total


async def test_a_call_that_stops_its_server_goes_on_to_its_end() -> None:
    class Last(Program):
        async def NULL(self, call: Call) -> None:
            server.stop()
            with trio.move_on_after(1):
                await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()

    server = Server([Last()], [AcceptNone()])
    await answered(server)
    assert server.counters.faults == 0


async def test_a_call_is_not_ended_by_the_look_at_its_connection(autojump_clock: trio.testing.MockClock) -> None:
    """Somebody looks at a connection that half a record has come on, and lets go of one that is idle."""

    class Slow(Program):
        async def NULL(self, call: Call) -> None:
            await trio.sleep(1000)

    server = Server([Slow()], [AcceptNone()], record_seconds=10, idle_seconds=20)
    began = trio.current_time()
    await answered(server)
    assert trio.current_time() - began >= 1000
    assert server.counters.reaped == 0


async def test_a_batch_gives_everything_back_wherever_it_is_cancelled() -> None:
    """Calls answered in place, calls that wait, large ones, and at the end what is no call."""
    large = encode_record(call_record(1, (100_000).to_bytes(4) + bytes(100_000), xid=100))
    for last in (b"", encode_record(b"garbage!"), TOO_LARGE):
        server = Server([program := Program()], [AcceptNone()])
        program.gate.set()

        async def serve(server: Server = server, last: bytes = last) -> None:
            near, far = trio.socket.socketpair()
            far.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, 5000)
            async with StreamChannel(trio.SocketStream(near)) as channel, trio.open_nursery() as nursery:
                nursery.start_soon(server.serve_channel, StreamChannel(trio.SocketStream(far), peer="peer"))
                await channel._stream.send_all(calls(0, 0, 2, 0, 1) + large + calls(*[0] * 20, 2) + last)
                await channel.send_eof()
                with suppress(trio.BrokenResourceError):
                    await xids(channel)

        async def check(server: Server = server, program: Program = program) -> None:
            await trio.testing.wait_all_tasks_blocked()
            assert at_rest(server)
            assert len(server._crowd) == program.running == 0

        assert await cancelled_at_every_step(serve, check) >= 5


async def test_a_call_may_stop_the_server_and_is_answered_with_those_before_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Stopping(Program):
        async def ECHO(self, call: Call, arg: bytes) -> bytes:
            server.stop()
            return arg

        async def HOLD(self, call: Call, arg: bytes) -> bytes:
            with trio.move_on_after(5):
                await trio.sleep_forever()
            return arg

    server = Server([Stopping()], [AcceptNone()])
    (listener,) = await listen_tcp(0, "127.0.0.1")
    autojump_clock.autojump_threshold = 0.02  # real sockets
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with await open_tcp("127.0.0.1", listener.socket.getsockname()[1]) as channel:
            await channel._stream.send_all(calls(2, 0, 1, 0))
            assert await xids(channel) == [1, 2, 0]
            assert trio.current_time() == pytest.approx(5, abs=0.5)
    assert at_rest(server)


class Odd(Program):
    """What a method may do that is not usual; `running` is how it begins."""

    def __init__(self, deed: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self.deed = deed

    async def NULL(self, call: Call) -> None:
        await self.deed()


async def stop_iteration() -> None:
    raise StopIteration


async def group() -> None:
    async with trio.open_nursery():
        raise RuntimeError


async def another_loop() -> None:
    await asyncio.sleep(0)


async def nursery_and_scope() -> None:
    with trio.move_on_after(0) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, math.inf)
    assert scope.cancelled_caught


async def own_deadline_passed() -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await trio.lowlevel.checkpoint_if_cancelled()
        raise AssertionError


@pytest.mark.parametrize("deed", [stop_iteration, group, another_loop, nursery_and_scope, own_deadline_passed])
async def test_odd_methods_cost_their_calls_alone(deed: Callable[[], Awaitable[object]]) -> None:
    server = Server([Odd(deed)], [AcceptNone()])
    fine = deed in (nursery_and_scope, own_deadline_passed)
    async with serving(server) as channel:
        await channel._stream.send_all(calls(1, 0, 1, 0, 1))
        await channel.send_eof()
        replies = {reply[3]: reply[-4:] async for reply in channel}
    status = bytes(4) if fine else accept_stat.SYSTEM_ERR.to_bytes(4)
    assert replies == {xid: status if xid % 2 else bytes(4) for xid in range(5)}
    assert server.counters.faults == (0 if fine else 2)
    assert at_rest(server)

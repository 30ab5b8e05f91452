"""What a server takes in: memory for all connections together, and connections that are in the way of others."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

import xdr
from rpcgss.rpc import AcceptNone, Call, Server
from rpcgss.rpc.octets import Octets
from rpcgss.rpc.server import MAX_OCTETS
from tests.rpc.program import OPAQUE, PROGRAM, VERSION, Program
from tests.rpc.test_server import call_record
from transport import MAX_FRAGMENTS, StreamChannel, encode_record, listen_tcp, open_tcp

HALF = 100_000
GIVE = xdr.Procedure(PROGRAM, VERSION, 6, "GIVE", xdr.VOID, OPAQUE)


def make_server(**options: object) -> tuple[Server, Program]:
    program = Program()
    return Server([program], [AcceptNone()], **options), program  # type: ignore[arg-type]


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[StreamChannel]:
    """The near end of a stream that holds nothing: what is not read stays with its sender."""
    near, far = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(far, peer="peer"))
        yield StreamChannel(near)
        nursery.cancel_scope.cancel()


def echo_record(octets: int, *, xid: int = 5, procedure: int = 1) -> bytes:
    return call_record(procedure, octets.to_bytes(4) + bytes(octets), xid=xid)


def half(record: bytes) -> bytes:
    return encode_record(record)[:HALF]


async def answered(channel: StreamChannel, record: bytes | None = None) -> bool:
    """Whether a call gets its reply; False: the connection is closed instead."""
    try:
        await channel.send(record or call_record())
        return bool(await channel.receive())
    except (trio.EndOfChannel, trio.BrokenResourceError):
        return False


async def drip(channel: StreamChannel, octets: bytes) -> None:
    """One in half a minute."""
    for octet in octets:
        await channel._stream.send_all(bytes([octet]))
        await trio.sleep(30)


# Connections of no use


async def test_half_a_record_is_given_so_long_and_no_longer(autojump_clock: trio.testing.MockClock) -> None:
    server, _ = make_server(record_seconds=60)
    async with connected(server) as channel:
        assert await answered(channel)
        await trio.sleep(100)  # silence between records is another matter
        began = trio.current_time()
        with pytest.raises(trio.BrokenResourceError):
            await drip(channel, encode_record(call_record()))
        assert 60 <= trio.current_time() - began <= 90
        await trio.testing.wait_all_tasks_blocked()
    assert server.counters.reaped == 1


async def test_idle_connections_are_closed_but_not_those_that_wait_for_us(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server, program = make_server(idle_seconds=100)
    async with connected(server) as idle, connected(server) as busy:
        assert await answered(idle)
        await busy.send(call_record(2, bytes(4)))
        with pytest.raises(trio.EndOfChannel):
            await idle.receive()
        assert trio.current_time() == pytest.approx(100)
        await trio.sleep(1000)
        program.gate.set()
        assert await busy.receive()
        ended = trio.current_time()
        with pytest.raises(trio.EndOfChannel):
            await busy.receive()
        assert trio.current_time() - ended == pytest.approx(100)


async def test_a_connection_beyond_the_limit_takes_the_place_of_the_longest_idle(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    server, program = make_server(max_connections=3)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        channels = []
        for _ in range(3):
            channels.append(await open_tcp("127.0.0.1", port))
            assert await answered(channels[-1])
            await trio.sleep(2)
        await channels[0].send(call_record(2, bytes(4)))  # the eldest has something under way
        async with await open_tcp("127.0.0.1", port) as newcomer:
            assert await answered(newcomer)
            with pytest.raises(trio.EndOfChannel):
                await channels[1].receive()
            assert await answered(channels[2])
            program.gate.set()
            assert await channels[0].receive()
        for channel in channels:
            await channel.aclose()
        nursery.cancel_scope.cancel()


async def test_peers_that_drip_and_peers_that_take_nothing_make_room_too(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However lively they look, they are of no use when all places are taken."""
    autojump_clock.autojump_threshold = 0.02  # real sockets

    class Generous(Program):
        PROCEDURES = Program.PROCEDURES | {6: GIVE}

        async def GIVE(self, call: Call) -> bytes:
            return bytes(3_900_000)

    server = Server([Generous()], [AcceptNone()], max_connections=2)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    port = listener.socket.getsockname()[1]

    async def lively(channel: StreamChannel) -> None:
        with suppress(trio.BrokenResourceError):
            for octet in encode_record(echo_record(1000)):
                await channel._stream.send_all(bytes([octet]))
                await trio.sleep(0.5)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with await open_tcp("127.0.0.1", port) as dripping, await open_tcp("127.0.0.1", port) as taking_nothing:
            nursery.start_soon(lively, dripping)
            await taking_nothing.send(call_record(6))
            await trio.sleep(1)
            async with await open_tcp("127.0.0.1", port) as one, await open_tcp("127.0.0.1", port) as other:
                with trio.fail_after(20):
                    assert await answered(one)
                    assert await answered(other)
        nursery.cancel_scope.cancel()
    assert server.counters.reaped == 2


async def test_where_all_are_busy_a_newcomer_waits(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    server, program = make_server(max_connections=1)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with await open_tcp("127.0.0.1", port) as busy, await open_tcp("127.0.0.1", port) as newcomer:
            await busy.send(call_record(2, bytes(4)))
            await newcomer.send(call_record())
            with trio.move_on_after(10) as waiting:
                await newcomer.receive()
            assert waiting.cancelled_caught
            program.gate.set()
            assert await busy.receive()
            assert await newcomer.receive()
            with pytest.raises(trio.EndOfChannel):
                await busy.receive()
        nursery.cancel_scope.cancel()


async def test_without_descriptors_an_idle_connection_makes_room(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    server, _ = make_server()
    (listener,) = await listen_tcp(0, "127.0.0.1")
    accept = listener.accept

    async def accept_if_there_is_room() -> trio.SocketStream:
        await trio.lowlevel.wait_readable(listener.socket)
        if len(server._crowd) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return await accept()

    monkeypatch.setattr(listener, "accept", accept_if_there_is_room)
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        channels = []
        for _ in range(4):
            channels.append(await open_tcp("127.0.0.1", port))
            assert await answered(channels[-1])
        for channel in channels:
            await channel.aclose()
        nursery.cancel_scope.cancel()
    assert server.counters.reaped >= 2


async def test_a_record_of_a_million_empty_fragments() -> None:
    server, _ = make_server()
    async with connected(server) as hostile, connected(server) as other:
        with pytest.raises(trio.BrokenResourceError):
            await hostile._stream.send_all(bytes(4_000_000))
        assert await answered(other)
    assert MAX_FRAGMENTS < 1_000_000


# Memory


async def test_memory_is_bounded_by_not_reading_and_small_calls_go_on() -> None:
    server, program = make_server(max_octets=1 << 20, max_record=1 << 20)
    async with connected(server) as holding, connected(server) as waiting, connected(server) as small:
        await holding.send(echo_record(700_000, procedure=2))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waiting.send, echo_record(700_000))
            await trio.testing.wait_all_tasks_blocked()
            assert server._crowd.octets.free == (1 << 20) - len(echo_record(700_000))
            assert not program.calls
            assert await answered(small)
            program.gate.set()
            nursery.start_soon(holding.receive)
            assert await waiting.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert server._crowd.octets.free == 1 << 20


async def test_a_large_record_in_the_wake_of_another_counts_too() -> None:
    """It comes as a whole, with the end of the one before, so nobody was asked for room."""
    server, program = make_server(max_octets=1 << 20, max_record=1 << 20)
    records = [echo_record(100_000, xid=xid, procedure=2) for xid in (1, 2)]
    near, far = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(far, peer="peer"))
        await near.send_all(b"".join(map(encode_record, records)))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 2
        assert server._crowd.octets.free == (1 << 20) - sum(map(len, records))
        program.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert server._crowd.octets.free == 1 << 20
        await near.aclose()


async def test_half_records_that_hold_all_memory_are_cut_off_when_others_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    server, _ = make_server(max_octets=4 << 20, max_record=1 << 20)
    async with trio.open_nursery() as nursery:
        hostile = []
        for _ in range(20):
            near, far = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve_channel, StreamChannel(far, peer="hostile", max_record=1 << 20))
            hostile.append(near)
            await near.send_all(half(echo_record(900_000)))
        await trio.testing.wait_all_tasks_blocked()
        assert 0 <= server._crowd.octets.free < 900_000
        async with connected(server) as honest:
            with trio.fail_after(60):
                assert await answered(honest, echo_record(900_000))
        for near in hostile:
            await near.aclose()
    assert server._crowd.octets.free == 4 << 20


async def test_replies_that_nobody_takes_count_until_they_are_cut_off(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """They are there before anybody knows their size, so they may overdraw the budget."""

    class Generous(Program):
        PROCEDURES = Program.PROCEDURES | {6: GIVE}

        async def GIVE(self, call: Call) -> bytes:
            self.calls.append(call)
            if len(self.calls) == 5:
                all_under_way.set()
            await all_under_way.wait()
            return bytes(700_000)

    all_under_way = trio.Event()

    server = Server([program := Generous()], [AcceptNone()], max_octets=2 << 20, max_record=1 << 20)
    async with connected(server) as honest, connected(server) as greedy:
        await greedy._stream.send_all(b"".join(encode_record(call_record(6, xid=xid)) for xid in range(5)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(program.calls) == 5
        assert server._crowd.octets.free < 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(greedy.send, call_record(6, xid=10))
            await trio.testing.wait_all_tasks_blocked()
            assert len(program.calls) == 5  # no more for who holds something
            assert await answered(honest)
            with trio.fail_after(20):
                assert await answered(honest, echo_record(700_000))
            nursery.cancel_scope.cancel()
        assert len(program.calls) == 7
    async with connected(server) as greedy:
        await greedy._stream.send_all(b"".join(encode_record(call_record(6, xid=xid)) for xid in range(5)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(program.calls) == 8  # it has learnt what this procedure gives
        assert server._crowd.octets.free > 0
        for _ in range(5):
            assert await greedy.receive()
    await trio.testing.wait_all_tasks_blocked()
    assert server._crowd.octets.free == 2 << 20


async def test_fragments_without_an_end_in_sight_reserve_the_largest_record() -> None:
    server, _ = make_server(max_octets=8 << 20)
    async with connected(server) as channel:
        framed = encode_record(echo_record(900_000), fragment=100_000)
        await channel._stream.send_all(framed[:300_000])
        await trio.testing.wait_all_tasks_blocked()
        assert server._crowd.octets.free == 4 << 20
        await channel._stream.send_all(framed[300_000:])
        assert await channel.receive()
        await trio.testing.wait_all_tasks_blocked()
        assert server._crowd.octets.free == 8 << 20


def test_a_budget_must_hold_a_record() -> None:
    with pytest.raises(ValueError, match="max_octets"):
        make_server(max_octets=1000)
    assert MAX_OCTETS >= 64 << 20


@pytest.mark.parametrize("greedy", [1, 2, 3, 9])
def test_connections_leave_room_to_the_next(greedy: int) -> None:
    octets = Octets(1000)
    for _ in range(greedy):
        share = octets.share()
        while share.may_take(1):
            share.charge(1)
    assert octets.free == pytest.approx(1000 / (greedy + 1), rel=0.2, abs=2) or octets.free < 1000 / greedy
    assert octets.share().may_take(octets.free)


async def test_who_waits_for_memory_is_served_in_turn_and_may_be_cancelled() -> None:
    octets = Octets(100)
    holding, order = octets.share(), []
    await holding.take(80)

    async def take(name: str, wanted: int) -> None:
        await octets.share().take(wanted)
        order.append(name)

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0) as cancelled:
            await octets.share().take(60)
        assert cancelled.cancelled_caught
        nursery.start_soon(take, "large", 60)
        await trio.testing.wait_all_tasks_blocked()
        assert not octets.share().take_now(10)  # there is room, but others came first
        nursery.start_soon(take, "little", 10)
        await trio.testing.wait_all_tasks_blocked()
        assert order == []
        holding.give_back(80)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(order) == ["large", "little"]
    assert octets.free == 30


async def test_a_reply_larger_than_all_memory_stops_nobody(autojump_clock: trio.testing.MockClock) -> None:
    """Calls of its procedure get all the room there is, one after the other."""

    class Generous(Program):
        PROCEDURES = Program.PROCEDURES | {6: GIVE}

        async def GIVE(self, call: Call) -> bytes:
            return bytes(700_000)

    server = Server([Generous()], [AcceptNone()], max_octets=1 << 19, max_record=1 << 19)
    async with connected(server) as one, connected(server) as other:
        with trio.fail_after(60):
            for _ in range(3):
                assert await answered(one, call_record(6))
                assert await answered(other, call_record(6))
                assert await answered(other, echo_record(200_000))
        await trio.testing.wait_all_tasks_blocked()
        assert server._crowd.octets.free == 1 << 19

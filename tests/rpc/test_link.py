"""A client over sockets: replies that callers find by a look, and calls that leave together."""

import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from rpcgss.rpc import AuthNone, BackOff, BadReply, CallTimedOut, Client, ConnectionLost, open_client
from rpcgss.rpc.link import LOOKS
from rpcgss.rpc.messages import NULL_AUTH, encode_success
from tests.rpc.program import ECHO, NULL
from transport import StreamChannel, encode_record


class Peer:
    """Acts while the client lets others run: the far ends of its connections, and what is to be done there next."""

    def __init__(self) -> None:
        self.ends: list[trio.socket.SocketType] = []
        self.deeds: list[Callable[[], object]] = []
        self.acted = 0

    @property
    def sock(self) -> trio.socket.SocketType:
        return self.ends[-1]

    async def connect(self) -> StreamChannel:
        near, far = trio.socket.socketpair()
        self.ends.append(far)
        return StreamChannel(trio.SocketStream(near), peer="peer")

    def calls(self) -> list[bytes]:
        """That have come on the last connection: xids."""
        octets, xids = b"", []
        with suppress(BlockingIOError):
            octets = os.read(self.sock.fileno(), 100_000)
        while octets:
            length = int.from_bytes(octets[:4]) & 0x7FFFFFFF
            xids.append(octets[4:8])
            octets = octets[4 + length :]
        return xids

    def send(self, *records: bytes) -> None:
        os.write(self.sock.fileno(), b"".join(map(encode_record, records)))

    def answer(self) -> None:
        self.send(*(reply(xid) for xid in self.calls()))

    def act(self) -> None:
        if self.deeds:
            self.acted += 1
            self.deeds.pop(0)()


def reply(xid: bytes, results: bytes = b"") -> bytes:
    return encode_success(int.from_bytes(xid), NULL_AUTH) + results


@pytest.fixture
async def peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    peer = Peer()
    monkeypatch.setattr(os, "sched_yield", peer.act)
    yield peer
    for sock in peer.ends:
        sock.close()


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Client]:
    async with open_client(peer.connect, AuthNone(), back_off=BackOff(0.001, 0.001)) as client:
        await trio.testing.wait_all_tasks_blocked()
        yield client


async def test_callers_find_their_replies_and_others_have_turns(peer: Peer) -> None:
    async with connected(peer) as client:
        peer.deeds = [peer.answer] * 1000
        calls = most = 0

        async def witness() -> None:
            nonlocal calls, most
            while True:
                calls, most = 0, max(most, calls)
                await trio.lowlevel.checkpoint()
                peer.answer()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(witness)
            for _ in range(100):
                await client.call(NULL, None)
                calls += 1
            nursery.cancel_scope.cancel()
        assert peer.acted
        assert 1 < most <= LOOKS + 2


@pytest.mark.parametrize("garbage", [b"garbage!", bytes(100), b""], ids=["short", "long", "empty"])
async def test_garbage_found_by_a_caller_ends_the_connection_and_not_the_call(peer: Peer, garbage: bytes) -> None:
    async with connected(peer) as client:
        peer.deeds = [lambda: peer.send(garbage)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.call, NULL, None)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert peer.acted == 1
            assert len(peer.ends) == 2
            peer.answer()
        assert client.counters.connections_lost == 1


async def test_a_reply_too_large_found_by_a_caller_fails_its_call_alone(peer: Peer) -> None:
    async with connected(peer) as client:
        peer.deeds = [lambda: os.write(peer.sock.fileno(), bytes.fromhex("ffffffff") + reply(peer.calls()[0]))]
        with pytest.raises(BadReply, match="at most"):
            await client.call(NULL, None)
        assert peer.acted == 1


@pytest.mark.parametrize("early", [b"", bytes.fromhex("8000001800")], ids=["between", "within"])
async def test_an_end_found_by_a_caller_moves_the_call_to_the_next_connection(peer: Peer, early: bytes) -> None:
    def end() -> None:
        os.write(peer.sock.fileno(), early)
        peer.sock.close()

    async with connected(peer) as client:
        peer.deeds = [end]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.call, NULL, None)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert peer.acted == 1
            assert len(peer.ends) == 2
            peer.answer()


async def test_half_a_reply_found_by_a_caller_is_completed_by_the_reader(peer: Peer) -> None:
    async with connected(peer) as client:
        halves: list[bytes] = []

        def half() -> None:
            octets = encode_record(reply(peer.calls()[0], (100_000).to_bytes(4) + bytes(100_000)))
            halves[:] = octets[:50_000], octets[50_000:]
            os.write(peer.sock.fileno(), halves[0])

        async def echo() -> None:
            assert await client.call(ECHO, b"x") == bytes(100_000)

        peer.deeds = [half]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(echo)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert peer.acted == 1
            await peer.sock.send(halves[1])


async def test_calls_that_were_to_leave_together_go_to_the_next_connection_if_this_one_ends(peer: Peer) -> None:
    """Replies to some come together, so the next calls are gathered; then nothing more is taken."""
    async with connected(peer) as client:
        done = 0

        async def twice() -> None:
            nonlocal done
            await client.call(NULL, None)
            if not done:
                peer.sock.close()
            done += 1
            await client.call(NULL, None)
            done += 1

        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(twice)
            await trio.testing.wait_all_tasks_blocked(0.01)
            peer.answer()
            while len(peer.ends) == 1:
                await trio.testing.wait_all_tasks_blocked(0.001)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert done == 6
            xids = peer.calls()
            assert len(set(xids)) == len(xids) == 6
            peer.send(*map(reply, xids))
        assert done == 12
        assert client.outstanding == 0


async def test_whoever_is_cancelled_while_its_call_waits_for_others_to_leave_with_it(peer: Peer) -> None:
    async with connected(peer) as client:
        again: list[int] = []

        async def twice(i: int, scope: trio.CancelScope) -> None:
            await client.call(NULL, None)
            with scope:
                again.append(i)
                await client.call(NULL, None)
            assert not scope.cancelled_caught or i == 0

        scopes = [trio.CancelScope() for _ in range(6)]
        async with trio.open_nursery() as nursery:
            for i, scope in enumerate(scopes):
                nursery.start_soon(twice, i, scope)
            await trio.testing.wait_all_tasks_blocked(0.01)
            peer.answer()
            while 0 not in again:
                await trio.lowlevel.checkpoint()
            scopes[0].cancel()
            await trio.testing.wait_all_tasks_blocked(0.01)
            xids = peer.calls()
            assert len(set(xids)) == len(xids)
            peer.send(*map(reply, xids))
        assert client.outstanding == 0


# Deadlines


@pytest.mark.parametrize("seconds", [0, -1, -math.inf])
async def test_no_time_at_all(seconds: float, peer: Peer) -> None:
    async with connected(peer) as client:
        with pytest.raises(CallTimedOut):
            await client.call(NULL, None, timeout=seconds)
        assert client.outstanding == 0


async def test_a_time_that_is_no_number_is_refused(peer: Peer) -> None:
    async with connected(peer) as client:
        with pytest.raises(ValueError, match="timeout"), trio.fail_after(1):
            await client.call(NULL, None, timeout=math.nan)
        assert client.outstanding == 0


async def test_deadlines_of_many_calls_in_any_order(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    ended: list[tuple[float, float]] = []

    async def call(seconds: float) -> None:
        began = trio.current_time()
        with pytest.raises(CallTimedOut):
            await client.call(NULL, None, timeout=seconds)
        ended.append((seconds, trio.current_time() - began))

    async with connected(peer) as client:
        async with trio.open_nursery() as nursery:
            for seconds in (50, 3, 20, 1, 7, 1, 60, 2):
                nursery.start_soon(call, seconds)
                await trio.sleep(0.5)
        await call(4)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, 30)
            await trio.sleep(29)
            nursery.start_soon(call, 3)
    assert len(ended) == 11
    assert all(took == pytest.approx(seconds, abs=0.01) for seconds, took in ended)


async def test_a_client_that_is_closed_ends_calls_at_once(peer: Peer) -> None:
    async with trio.open_nursery() as nursery:
        async with connected(peer) as client:

            async def lost() -> None:
                with pytest.raises(ConnectionLost):
                    await client.call(NULL, None)

            nursery.start_soon(lost)
            await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(ConnectionLost):
            await client.call(NULL, None, timeout=5)

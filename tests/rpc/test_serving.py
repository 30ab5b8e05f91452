"""Calls that are answered in place: what the author of a service must not notice of it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar

import trio
import trio.testing

from rpcgss.rpc import AcceptNone, Call, Server
from rpcgss.rpc.messages import message_xid
from rpcgss.rpc.serving import TOGETHER
from tests.rpc.program import HOLD, Program
from tests.rpc.test_server import call_record
from transport import Record, StreamChannel, encode_record

CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


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
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(server.serve_channel, watched)
        await near.send_all(b"".join(map(encode_record, records)))
        with trio.fail_after(5):
            xids = [message_xid(await channel.receive()) for _ in range(replies)]
        nursery.cancel_scope.cancel()
    return xids, watched.together


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
    assert together == [2]
    assert server._crowd.places.free == server._crowd.places.total


async def test_each_call_has_context_variables_of_its_own() -> None:
    seen: list[tuple[str, str, str]] = []

    class Naming(Program):
        async def NULL(self, call: Call) -> None:
            before = CALLER.get()
            CALLER.set(f"call {call.xid}")
            if call.xid % 2:
                await trio.lowlevel.checkpoint()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.child, before)

        async def child(self, before: str) -> None:
            seen.append((before, CALLER.get(), await trio.to_thread.run_sync(CALLER.get)))

    await replies_to(Server([Naming()], [AcceptNone()]), [call_record(xid=xid) for xid in range(4)], 4)
    assert sorted(seen) == [("nobody", f"call {xid}", f"call {xid}") for xid in range(4)]


async def test_a_call_that_stops_its_server_goes_on_to_its_end() -> None:
    class Last(Program):
        async def NULL(self, call: Call) -> None:
            server.stop()
            with trio.move_on_after(1):
                await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()

    server = Server([Last()], [AcceptNone()])
    near, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(near)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(far, peer="peer"))
        await channel.send(call_record(xid=7))
        assert message_xid(await channel.receive()) == 7
        await channel.aclose()
    assert server.counters.faults == 0


async def test_a_call_is_not_ended_by_the_look_at_its_connection(autojump_clock: trio.testing.MockClock) -> None:
    """Somebody looks at a connection that half a record has come on, and lets go of one that is idle."""

    class Slow(Program):
        async def NULL(self, call: Call) -> None:
            await trio.sleep(1000)

    server = Server([Slow()], [AcceptNone()], record_seconds=10, idle_seconds=20)
    near, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(near)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(far, peer="peer"))
        await channel.send(call_record(xid=7))
        assert message_xid(await channel.receive()) == 7
        assert trio.current_time() >= 1000
        await channel.aclose()
    assert server.counters.reaped == 0

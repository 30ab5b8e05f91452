"""What the kernel and busy peers limit: pieces in a system call, readers that stall, listeners with full hands."""

import signal
import socket
from pathlib import Path

import pytest
import trio
import trio.testing

from transport import Stalled, StreamChannel, listen_tcp, listen_unix, open_tcp


class Sluggish(trio.abc.Stream):
    """Takes `seconds` for each record that it lets through."""

    def __init__(self, stream: trio.abc.Stream, seconds: float) -> None:
        self.stream = stream
        self.seconds = seconds

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.sleep(self.seconds)
        await self.stream.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self.stream.aclose()


async def test_a_record_in_more_pieces_than_a_system_call_takes() -> None:
    (listener,) = await listen_tcp(0, "127.0.0.1")
    pieces = [bytes([i % 256]) * 100 for i in range(3000)]
    async with listener:
        near = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        far = StreamChannel(await listener.accept())
        async with near, far, trio.open_nursery() as nursery:
            nursery.start_soon(near.send, pieces)
            assert await far.receive() == b"".join(pieces)


async def test_time_to_send_counts_from_ones_turn(autojump_clock: trio.testing.MockClock) -> None:
    left, right = trio.testing.memory_stream_pair()
    near, far = StreamChannel(Sluggish(left, 2)), StreamChannel(right)
    near.send_seconds = 3
    async with trio.open_nursery() as nursery:
        for i in range(20):
            nursery.start_soon(near.send, bytes([i]))
        assert {(await far.receive())[0] for _ in range(20)} == set(range(20))


async def test_a_reader_that_stalls_breaks_the_channel(autojump_clock: trio.testing.MockClock) -> None:
    left, _right = trio.testing.memory_stream_pair()
    channel = StreamChannel(Sluggish(left, 1000))
    channel.send_seconds = 5
    started = trio.current_time()
    with pytest.raises(Stalled, match="within 5 s"):
        await channel.send(b"x")
    assert trio.current_time() - started == pytest.approx(5)
    with pytest.raises(trio.BrokenResourceError):
        await channel.send(b"y")


async def test_errors_say_why_there_is_no_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ConnectionRefusedError, match=f"cannot connect to {host}:{port}: Connection refused"):
                await open_tcp(host, port)


async def test_a_listener_with_a_full_queue_is_alive(tmp_path: Path) -> None:
    """The probe must neither wait for room in its queue nor take its place."""
    path = str(tmp_path / "socket")
    callers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(path)
        signal.alarm(30)  # a probe that waits would hold the event loop up, and with it every other timeout
        try:
            with pytest.raises(OSError, match="another server listens there"):
                listen_unix(path)
        finally:
            signal.alarm(0)
        for caller in callers:
            caller.close()

"""What the kernel and busy peers limit: pieces in a system call, readers that stall, listeners with full hands."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from transport import (
    Stalled,
    StreamChannel,
    accept_channels,
    encode_record,
    listen_tcp,
    listen_unix,
    open_tcp,
    open_unix,
)


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
        for host, name in (("127.0.0.1", "127.0.0.1"), ("localhost", "localhost"), ("::1", r"\[::1\]")):
            with pytest.raises(OSError, match=f"cannot connect to {name}:{port}: "):
                await open_tcp(host, port)
        with pytest.raises(ConnectionRefusedError, match="Connection refused"):
            await open_tcp("localhost", port)


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("no.such.name.invalid", 1, "name|Name"),
        ("x" * 64, 1, "no host name"),
        ("a..b", 1, "no host name"),
        ("127.0.0.1", 65536, "ports are numbers"),
        ("127.0.0.1", -1, "ports are numbers"),
    ],
)
async def test_addresses_that_cannot_be(host: str, port: int, reason: str) -> None:
    """The system would take port 65537 for port 1."""
    with pytest.raises(OSError, match=rf"cannot connect to {host}:{port}: .*({reason})"):
        await open_tcp(host, port)
    with pytest.raises(OSError, match=rf"cannot listen on {host}:{port}: .*({reason})"):
        await listen_tcp(port, host)


@pytest.mark.parametrize(("path", "reason"), [("/tmp/" + "x" * 200, "too long"), ("/tmp/a\0b", "null|No such file")])
async def test_paths_that_cannot_be(path: str, reason: str) -> None:
    with pytest.raises(OSError, match=f"cannot connect to .*({reason})"):
        await open_unix(path)
    with pytest.raises(OSError, match=f"cannot listen at .*({reason})"):
        listen_unix(path)


async def test_a_full_queue_is_no_connection(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        async with await open_unix(path):
            with pytest.raises(OSError, match="socket: too many are waiting there"):
                await open_unix(path)


async def test_the_kernel_watches_over_tcp_peers() -> None:
    """What it does with these options takes minutes and a cable to pull out; here, that both ends set them."""
    kept: list[int] = []

    async def look(channel: StreamChannel) -> None:
        assert channel._socket is not None
        kept.append(channel._socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        kept.append(channel._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_channels, look, [listener], nursery)
        async with await open_tcp("127.0.0.1", listener.socket.getsockname()[1]) as channel:
            await look(channel)
            with pytest.raises(trio.EndOfChannel):
                await channel.receive()
        nursery.cancel_scope.cancel()
    assert kept == [1, 120_000] * 2


async def test_a_reader_that_stalls_on_a_socket_breaks_the_channel(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with listener:
        near = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        far = await listener.accept()
        near.send_seconds = 5
        started = trio.current_time()
        with pytest.raises(Stalled, match="within 5 s"):
            await near.send(bytes(50_000_000))
        assert trio.current_time() - started == pytest.approx(5, abs=1)
        with pytest.raises(trio.BrokenResourceError):
            await near.send(b"y")
        await far.aclose()


class Turns(trio.abc.Instrument):
    """How often any task was given a turn."""

    turns = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.turns += 1


@contextmanager
def turns() -> Iterator[Turns]:
    instrument = Turns()
    trio.lowlevel.add_instrument(instrument)
    try:
        yield instrument
    finally:
        trio.lowlevel.remove_instrument(instrument)


async def test_records_that_came_together_are_handed_out_in_a_row_but_not_for_ever() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream)
    await far.send_all(encode_record(b"x") * 1000)
    await channel.receive()
    with turns() as seen:
        for _ in range(999):
            assert await channel.receive() == b"x"
    assert 100 < seen.turns < 150


async def test_a_record_that_fits_the_kernel_leaves_at_once() -> None:
    """No turn is given away while a small record is sent: senders would queue up behind each other."""
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with listener:
        near = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        far = StreamChannel(await listener.accept())
        async with near, far:
            with turns() as seen:
                for _ in range(10):
                    await near.send([b"abc", b"def"])
            assert seen.turns == 0
            assert [await far.receive() for _ in range(10)] == [b"abcdef"] * 10


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


class Rounds(trio.abc.Instrument):
    """How often the event loop went round."""

    rounds = 0

    def before_io_wait(self, timeout: float) -> None:
        self.rounds += 1


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_whoever_waits_in_the_kernels_queue_is_accepted_in_one_go(kind: str, tmp_path: Path) -> None:
    served: list[StreamChannel] = []
    everybody, gate = trio.Event(), trio.Event()

    async def serve(channel: StreamChannel) -> None:
        served.append(channel)
        if len(served) == 50:
            everybody.set()
        await gate.wait()

    if kind == "tcp":
        (tcp,) = await listen_tcp(0, "127.0.0.1")
        listener: trio.abc.Listener[trio.SocketStream] = tcp
        address, family = tcp.socket.getsockname(), socket.AF_INET
    else:
        listener, address, family = listen_unix(str(tmp_path / "s")), str(tmp_path / "s"), socket.AF_UNIX
    callers = [socket.socket(family) for _ in range(60)]
    for caller in callers:
        caller.connect(address)
    async with trio.open_nursery() as nursery:
        instrument = Rounds()
        trio.lowlevel.add_instrument(instrument)
        nursery.start_soon(lambda: accept_channels(serve, [listener], nursery, max_connections=50))
        await everybody.wait()
        trio.lowlevel.remove_instrument(instrument)
        assert instrument.rounds < 20
        await trio.testing.wait_all_tasks_blocked()
        assert len(served) == 50  # there is no place for more
        gate.set()
        while len(served) < 60:  # those who waited find one now
            await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    for caller in callers:
        caller.close()

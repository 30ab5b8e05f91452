"""Channels of whole records: in memory, then over sockets."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from transport import (
    Origin,
    RecordTooLarge,
    StreamChannel,
    accept_channels,
    encode_record,
    listen_tcp,
    listen_unix,
    memory_channel_pair,
    open_tcp,
    open_unix,
)
from transport.outbox import FINISH_SECONDS


async def tcp_pair() -> tuple[StreamChannel, StreamChannel]:
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with listener:
        left = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        return left, StreamChannel(await listener.accept(), peer="client", max_record=1 << 30)


async def memory_pair() -> tuple[StreamChannel, StreamChannel]:
    return memory_channel_pair()


def exists(path: str) -> bool:
    return os.path.exists(path)


PAIRS = pytest.mark.parametrize("make_pair", [memory_pair, tcp_pair])


@PAIRS
@pytest.mark.parametrize("size", [0, 1, 4, 1000, 65536, 3_000_000])
async def test_records_of_all_sizes(make_pair: Callable[[], object], size: int) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    record = os.urandom(size)
    async with left, right, trio.open_nursery() as nursery:
        nursery.start_soon(left.send, record)
        assert await right.receive() == record
        nursery.start_soon(right.send, [record[: size // 2], record[size // 2 :]])
        assert await left.receive() == record


@PAIRS
async def test_many_senders_do_not_mix(make_pair: Callable[[], object]) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    records = [bytes([i]) * (70_000 + i) for i in range(20)]
    async with left, right, trio.open_nursery() as nursery:
        for record in records:
            nursery.start_soon(left.send, record)
        assert sorted([await right.receive() for _ in records]) == records


@PAIRS
async def test_the_end_between_records(make_pair: Callable[[], object]) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    async with right:
        await left.send(b"last")
        await left.aclose()
        assert await right.receive() == b"last"
        with pytest.raises(trio.EndOfChannel):
            await right.receive()


async def test_the_end_within_a_record() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream)
    await far.send_all(encode_record(b"abcd")[:-1])
    await far.aclose()
    with pytest.raises(trio.BrokenResourceError, match="middle of a record"):
        await channel.receive()


async def test_a_cancelled_receive_loses_nothing() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream)
    for octet in encode_record(b"abcdefgh", fragment=4):
        with trio.move_on_after(0) as scope:
            await channel.receive()
        assert scope.cancelled_caught
        await far.send_all(bytes([octet]))
    assert await channel.receive() == b"abcdefgh"


async def test_a_cancelled_receive_leaves_whole_records_where_they_are() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream)
    await far.send_all(encode_record(b"one") + encode_record(b"two"))
    assert await channel.receive() == b"one"
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.receive()
    assert scope.cancelled_caught
    assert await channel.receive() == b"two"


async def clogged_pair() -> tuple[StreamChannel, StreamChannel]:
    """A stream that is no socket, and takes no more than a pipe does until it is read."""
    near, far = trio.testing.lockstep_stream_pair()
    return StreamChannel(near), StreamChannel(far, max_record=1 << 30)


@pytest.mark.parametrize("make_pair", [clogged_pair, tcp_pair])
async def test_a_record_that_has_begun_leaves_as_a_whole_whoever_is_cancelled(
    make_pair: Callable[[], object],
) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    long = os.urandom(8_000_000)
    async with left, right, trio.open_nursery() as nursery:
        async with trio.open_nursery() as cancelled:
            for _ in range(3):
                cancelled.start_soon(left.send, long)  # the first cannot get out, the others wait for it
            await trio.testing.wait_all_tasks_blocked()
            cancelled.cancel_scope.cancel()
        nursery.start_soon(left.send, b"next")
        await trio.testing.wait_all_tasks_blocked()
        assert await right.receive() == long
        assert await right.receive() == b"next"


@pytest.mark.parametrize("make_pair", [clogged_pair, tcp_pair])
async def test_the_rest_of_a_record_that_nobody_takes_breaks_the_channel(
    make_pair: Callable[[], object], autojump_clock: trio.testing.MockClock
) -> None:
    autojump_clock.autojump_threshold = 0.02  # real sockets
    left, right = await make_pair()  # type: ignore[misc]
    async with left, right:
        with trio.move_on_after(5):
            await left.send(bytes(50_000_000))
        assert trio.current_time() < 6
        with pytest.raises(trio.BrokenResourceError, match="did not get out"):
            await left.send(b"next")
        assert trio.current_time() == pytest.approx(5 + FINISH_SECONDS, abs=1)
        with pytest.raises(trio.BrokenResourceError, match="did not get out"):
            await left.receive()


@pytest.mark.parametrize("make_pair", [clogged_pair, tcp_pair])
async def test_a_channel_that_closes_ends_the_rest_of_a_record(make_pair: Callable[[], object]) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    async with right:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(left.send, bytes(50_000_000))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        await left.aclose()
        await left._outbox.turn.take()  # nobody writes any more
        with pytest.raises(trio.BrokenResourceError, match=r"middle of a record|reset by peer"):
            await right.receive()


@PAIRS
async def test_a_send_cancelled_before_its_first_octet_leaves_the_channel_whole(
    make_pair: Callable[[], object],
) -> None:
    left, right = await make_pair()  # type: ignore[misc]
    async with left, right:
        with trio.CancelScope() as scope:
            scope.cancel()
            await left.send(b"never")
        await left.send(b"after")
        assert await right.receive() == b"after"


@PAIRS
async def test_closing_wakes_whoever_waits(make_pair: Callable[[], object]) -> None:
    left, right = await make_pair()  # type: ignore[misc]

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await left.receive()

    async with right, trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        await left.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await left.send(b"")
    with pytest.raises(trio.ClosedResourceError):
        await left.receive()


async def test_a_record_over_the_limit_is_refused_by_its_header() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream, max_record=8)
    await far.send_all(bytes.fromhex("ffffffff"))
    with pytest.raises(RecordTooLarge):
        await channel.receive()


async def test_many_records_of_one_receive_need_no_waiting() -> None:
    stream, far = trio.testing.memory_stream_pair()
    channel = StreamChannel(stream)
    await far.send_all(encode_record(b"one") + encode_record(b"two"))
    assert await channel.receive() == b"one"
    assert channel.next_record() == b"two"
    assert channel.next_record() is None


async def echo(channel: StreamChannel) -> None:
    async for record in channel:
        await channel.send(record)


async def test_accepting_over_tcp_and_unix(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_channels, echo, [tcp, listen_unix(path, mode=0o600)], nursery)
        for connect in (partial(open_tcp, "127.0.0.1", tcp.socket.getsockname()[1]), partial(open_unix, path)):
            async with await connect() as channel:
                await channel.send(b"hello")
                assert await channel.receive() == b"hello"
        assert os.stat(path).st_mode & 0o777 == 0o600
        nursery.cancel_scope.cancel()
    assert not exists(path)


async def test_an_accepted_connection_says_where_it_comes_from(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    origins: list[Origin] = []

    async def note(channel: StreamChannel) -> None:
        origins.append(channel.origin)
        await channel.send(b"noted")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_channels, note, [tcp, listen_unix(path)], nursery)
        for connect in (partial(open_tcp, "127.0.0.1", tcp.socket.getsockname()[1]), partial(open_unix, path)):
            async with await connect() as channel:
                await channel.receive()
        nursery.cancel_scope.cancel()
    of_tcp, of_unix = origins
    assert (of_tcp.host, of_tcp.uid) == ("127.0.0.1", None)
    assert of_tcp.port > 0
    assert of_unix == Origin(uid=os.getuid())


async def test_a_connection_beyond_the_limit_waits_until_another_ends() -> None:
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    port = tcp.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(accept_channels, echo, [tcp], nursery, max_connections=1))
        first = await open_tcp("127.0.0.1", port)
        await first.send(b"first")
        assert await first.receive() == b"first"
        second = await open_tcp("127.0.0.1", port)
        await second.send(b"second")
        await trio.testing.wait_all_tasks_blocked()
        assert not second.receive_now()
        await first.aclose()
        assert await second.receive() == b"second"
        await second.aclose()
        nursery.cancel_scope.cancel()


async def test_a_handler_that_fails_costs_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(channel: StreamChannel) -> None:
        if await channel.receive() == b"fail":
            raise RuntimeError("a bug")
        await channel.send(b"fine")

    (tcp,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_channels, fail, [tcp], nursery)
        async with await open_tcp("127.0.0.1", tcp.socket.getsockname()[1]) as bad:
            await bad.send(b"fail")
            with pytest.raises(trio.EndOfChannel):
                await bad.receive()
        async with await open_tcp("127.0.0.1", tcp.socket.getsockname()[1]) as good:
            await good.send(b"x")
            assert await good.receive() == b"fine"
        nursery.cancel_scope.cancel()
    assert "a bug" in caplog.text


class Exhausted(trio.abc.Listener[trio.SocketStream]):
    """Fails as a listener does when descriptors run out, then works."""

    def __init__(self, real: trio.SocketListener, failures: int) -> None:
        self.real = real
        self.failures = failures

    async def accept(self) -> trio.SocketStream:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return await self.real.accept()

    async def aclose(self) -> None:
        await self.real.aclose()


async def test_running_out_of_descriptors_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_channels, echo, [Exhausted(tcp, 2)], nursery)
        async with await open_tcp("127.0.0.1", tcp.socket.getsockname()[1]) as channel:
            await channel.send(b"still there")
            assert await channel.receive() == b"still there"
        nursery.cancel_scope.cancel()
    assert caplog.text.count("Too many open files") == 1


async def test_unix_sockets_replace_the_dead_and_respect_the_living(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    listener = listen_unix(path)
    with pytest.raises(OSError, match=r"socket: another server listens"):
        listen_unix(path)
    await trio.aclose_forcefully(listener._listener)  # as a killed process leaves it
    assert exists(path)
    async with listen_unix(path):
        pass
    assert not exists(path)
    await trio.Path(path).write_text("precious")
    with pytest.raises(OSError, match="not a socket"):
        listen_unix(path)
    assert await trio.Path(path).read_text() == "precious"


async def test_errors_name_the_address(tmp_path: Path) -> None:
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    port = tcp.socket.getsockname()[1]
    with pytest.raises(OSError, match=rf"cannot listen on 127.0.0.1:{port}"):
        await listen_tcp(port, "127.0.0.1")
    await tcp.aclose()
    with pytest.raises(OSError, match=f"{port}"):
        await open_tcp("127.0.0.1", port)
    with pytest.raises(OSError, match="nowhere: No such file"):
        await open_unix(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("octets", [0, 10], ids=["nothing", "some"])
async def test_gathered_records_that_nobody_takes_break_the_channel(
    octets: int, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose calls they are may all have given up. The kernel takes so many of them, and then no more."""
    autojump_clock.autojump_threshold = 0.02  # real sockets
    writev = os.writev

    def clog(fd: int, pieces: list[bytes]) -> int:
        monkeypatch.setattr(os, "writev", writev)
        written = os.write(fd, pieces[0][:octets])
        with suppress(BlockingIOError):
            while os.write(fd, bytes(100_000)):
                pass
        return written or writev(fd, pieces)

    left, right = await tcp_pair()
    async with left, right:
        left._outbox.gathering = True
        assert [left.send_now(b"gathered") for _ in range(3)] == [None] * 3
        assert left._outbox.gathered == 3
        monkeypatch.setattr(os, "writev", clog)
        await left.gather()
        while left._outbox.turn.free:  # they wait for the kernel; who comes later waits for them
            await trio.lowlevel.checkpoint()
        with pytest.raises(trio.BrokenResourceError, match="did not get out"), trio.fail_after(1000):
            await left.send(b"next")
        assert trio.current_time() == pytest.approx(FINISH_SECONDS, abs=1)

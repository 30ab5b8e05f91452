"""What may happen between two of our ends: octets one by one, cuts, cancellation, and a man in the middle."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from rpcgss.rpc import AuthNone, ConnectionLost, OutcomeUnknown, TlsFailed, open_client
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import encode_denied, message_xid
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.tls import open_with_tls
from tests.rpc.network import Network, network
from tests.rpc.program import ECHO, HOLD, Program
from tests.tls.authority import HOST, Authority, client_of, server
from transport import StreamChannel, TlsStream, memory_channel_pair


class Through(trio.abc.HalfCloseableStream):
    """A stream that gives at most `octets` at a time, and calls `at_await` before each operation."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, octets: int | None = None) -> None:
        self.stream = stream
        self.octets = octets
        self.closed = False
        self.awaited = 0
        self.cancel_at = -1
        self.scope = trio.CancelScope()
        self.sent = bytearray()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._count()
        self.sent += data
        await self.stream.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        self._count()
        return await self.stream.receive_some(self.octets or max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        self.closed = True
        await self.stream.aclose()

    def _count(self) -> None:
        if self.awaited == self.cancel_at:
            self.scope.cancel()
        self.awaited += 1


async def test_octet_by_octet(authority: Authority) -> None:
    near, far = trio.testing.memory_stream_pair()
    ours = Through(near, 1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server(authority.server()).serve_channel, StreamChannel(Through(far, 1)))

        async def connect() -> StreamChannel:
            await trio.lowlevel.checkpoint()
            return StreamChannel(ours)

        async with open_client(partial(open_with_tls, connect, HOST, authority.client()), AuthNone()) as client:
            for text in (b"", b"secret", b"secret" * 5000):
                assert await client.call(ECHO, text) == text
    assert b"secret" not in ours.sent


@pytest.mark.parametrize("side", ["client", "server"])
async def test_cancelled_at_each_await(authority: Authority, side: str) -> None:
    """The connection is closed, whoever was cancelled; that is all there is."""
    offered, wanted = authority.server(), authority.client()
    for step in range(100):
        near, far = (Through(stream) for stream in trio.testing.memory_stream_pair())
        cancelled = near if side == "client" else far
        cancelled.cancel_at = step

        async def connect(near: Through = near) -> StreamChannel:
            await trio.lowlevel.checkpoint()
            return StreamChannel(near)

        async def serve(far: Through = far) -> None:
            with far.scope:
                await server(offered).serve_channel(StreamChannel(far))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            with near.scope:
                try:
                    channel = await open_with_tls(connect, HOST, wanted)
                    await channel.aclose()
                except (ConnectionLost, trio.BrokenResourceError):
                    assert side == "server"
        assert near.closed
        assert far.closed
        if cancelled.awaited <= step:
            assert step > 3
            return
    raise AssertionError("it never ended")


async def test_the_end_without_an_announcement(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    """To cut the connection makes a call go again, or its outcome unknown, as without TLS."""
    program = Program()
    async with (
        network(server(authority.server(), program)) as net,
        client_of(net, authority.client(), non_idempotent=(HOLD,)) as client,
        trio.open_nursery() as nursery,
    ):
        await client.call(ECHO, b"")
        nursery.start_soon(cut_when_idle, net)
        with pytest.raises(OutcomeUnknown):
            await client.call(HOLD, b"")
        assert await client.call(ECHO, b"again") == b"again"


async def cut_when_idle(net: Network) -> None:
    await trio.testing.wait_all_tasks_blocked()
    net.cut_all()


@pytest.mark.parametrize("announced", [False, True])
@pytest.mark.parametrize("missing", [0, 1, 50])
async def test_truncation(authority: Authority, announced: bool, missing: int) -> None:
    """Half a record is never taken for a whole one, and between two, the end is the end."""
    (left, near), (right, _) = await secured_streams(authority)
    async with left, right:
        await near.send_all((b"\x80\0\0\x64" + bytes(100))[: 104 - missing])
        if announced:
            await near.send_eof()
        else:
            await near._stream.aclose()
        if missing:
            with pytest.raises(trio.BrokenResourceError, match="middle of a record"):
                await right.receive()
        else:
            assert await right.receive() == bytes(100)
            with pytest.raises(trio.EndOfChannel):
                await right.receive()


async def test_half_closing(authority: Authority) -> None:
    (left, _), (right, _) = await secured_streams(authority)
    async with left, right:
        await left.send_eof()
        with pytest.raises(trio.EndOfChannel):
            await right.receive()
        await right.send(b"still")
        assert await left.receive() == b"still"


async def test_octets_changed_on_the_way(authority: Authority) -> None:
    (left, near), (right, _) = await secured_streams(authority)
    async with left, right:
        (sealed,) = near.encrypt([b"\x80\0\0\4abcd"])
        await near._stream.send_all(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        with pytest.raises(trio.BrokenResourceError, match="TLS: decryption failed or bad record mac"):
            await right.receive()


async def secured_streams(
    authority: Authority,
) -> tuple[tuple[StreamChannel, TlsStream], tuple[StreamChannel, TlsStream]]:
    left, right = memory_channel_pair()
    ours, theirs = authority.client(), authority.server()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(left.start_tls, ours.context, "sunrpc", server_hostname=HOST))
        nursery.start_soon(partial(right.start_tls, theirs.context, "sunrpc", server_side=True))
    assert isinstance(left._stream, TlsStream)
    assert isinstance(right._stream, TlsStream)
    return (left, left._stream), (right, right._stream)


# A man in the middle


class Stripping:
    """Stands before a network, and tells clients that there is no TLS. `heard` is what they say to him."""

    def __init__(self, net: Network, nursery: trio.Nursery) -> None:
        self.net = net
        self.nursery = nursery
        self.heard: list[bytes] = []

    async def connect(self) -> StreamChannel:
        near, far = memory_channel_pair()
        self.nursery.start_soon(self._relay, far, await self.net.connect())
        return near

    async def _relay(self, client: StreamChannel, to: StreamChannel) -> None:
        async with client, to:
            self.heard.append(bytes(await client.receive()))
            xid = message_xid(self.heard[0]) or 0
            await client.send(encode_denied(xid, AuthRefused(auth_stat.AUTH_REJECTEDCRED)))
            try:
                while True:
                    self.heard.append(bytes(await client.receive()))
                    await to.send(self.heard[-1])
                    await client.send(await to.receive())
            except (trio.EndOfChannel, trio.BrokenResourceError):
                return


@asynccontextmanager
async def stripped(net: Network) -> AsyncIterator[Stripping]:
    async with trio.open_nursery() as nursery:
        yield Stripping(net, nursery)
        nursery.cancel_scope.cancel()


async def test_stripping_gets_nothing_out_of_who_demands_tls(authority: Authority) -> None:
    async with network(server(authority.server(optional=True))) as net, stripped(net) as between:
        with pytest.raises(TlsFailed, match="or somebody between us says so"):
            await open_with_tls(between.connect, HOST, authority.client())
        assert len(between.heard) == 1


async def test_stripping_works_on_the_opportunistic(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """As documented, and warned of."""
    program = Program()
    async with network(server(authority.server(optional=True), program)) as net, stripped(net) as between:
        connect = partial(open_with_tls, between.connect, HOST, authority.client(opportunistic=True))
        async with open_client(connect, AuthNone()) as client:
            await client.call(ECHO, b"secret")
    assert b"secret" in between.heard[1]
    assert program.calls[0].connection.tls is None
    assert [r.name for r in caplog.records if r.levelno == logging.WARNING] == ["rpcgss.rpc.tls"]


async def test_stripping_does_not_help_where_the_server_demands_tls(authority: Authority) -> None:
    program = Program()
    async with network(server(authority.server(), program)) as net, stripped(net) as between:
        connect = partial(open_with_tls, between.connect, HOST, authority.client(opportunistic=True))
        async with open_client(connect, AuthNone()) as client:
            with pytest.raises(AuthRefused) as caught:
                await client.call(ECHO, b"secret")
    assert caught.value.stat == auth_stat.AUTH_TOOWEAK
    assert not program.calls

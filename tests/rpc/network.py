"""A network for tests: servers that can be killed and started again, connections that can be cut anywhere."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
import trio.testing

from rpcgss.rpc import Server
from transport import MAX_RECORD, StreamChannel


class CuttingStream(trio.abc.HalfCloseableStream):
    """A stream whose connection breaks after so many octets have been sent through it."""

    def __init__(self, stream: trio.abc.HalfCloseableStream, octets: int) -> None:
        self.stream = stream
        self.octets = octets

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if len(data) > self.octets:
            await self.stream.send_all(bytes(data[: self.octets]))
            self.octets = 0
            await self.stream.aclose()
            raise trio.BrokenResourceError("cut")
        self.octets -= len(data)
        await self.stream.send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self.stream.send_eof()

    async def aclose(self) -> None:
        await self.stream.aclose()


class Network:
    """`connect` reaches `server`, or nobody while that is None.

    cuts -- for each connection that is yet to be made: octets after which (client's, server's) sending breaks it
    wrap -- what both ends of each connection go through
    """

    def __init__(self, nursery: trio.Nursery, server: Server | None = None) -> None:
        self.server = server
        self.connections = 0
        self.cuts: list[tuple[int | None, int | None]] = []
        self.wrap: Callable[[trio.abc.HalfCloseableStream], trio.abc.HalfCloseableStream] = lambda stream: stream
        self.refusing = False
        self.max_record = MAX_RECORD
        self._nursery = nursery
        self._scopes: list[trio.CancelScope] = []
        self._streams: list[trio.abc.Stream] = []

    async def connect(self) -> StreamChannel:
        await trio.lowlevel.checkpoint()
        if self.server is None or self.refusing:
            raise ConnectionRefusedError(111, "Connection refused")
        self.connections += 1
        near, far = trio.testing.memory_stream_pair()
        self._streams += near, far
        near_cut, far_cut = self.cuts.pop(0) if self.cuts else (None, None)
        await self._nursery.start(self._serve, _cutting(self.wrap(far), far_cut), self.server)
        return StreamChannel(_cutting(self.wrap(near), near_cut), peer="server", max_record=self.max_record)

    def cut_all(self) -> None:
        """Every connection there is breaks; the calls that run at the server go down with it."""
        for scope in self._scopes:
            scope.cancel()
        self._scopes.clear()

    async def break_all(self) -> None:
        """Every connection there is breaks; the calls that run at the server go on."""
        streams, self._streams = self._streams, []
        for stream in streams:
            await trio.aclose_forcefully(stream)

    async def _serve(
        self,
        stream: trio.abc.Stream,
        server: Server,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        with trio.CancelScope() as scope:
            self._scopes.append(scope)
            task_status.started()
            await server.serve_channel(StreamChannel(stream, peer="client"))


def _cutting(stream: trio.abc.HalfCloseableStream, octets: int | None) -> trio.abc.Stream:
    return stream if octets is None else CuttingStream(stream, octets)


@asynccontextmanager
async def network(server: Server | None = None) -> AsyncIterator[Network]:
    """A network, everything on which ends with the block."""
    async with trio.open_nursery() as nursery:
        yield Network(nursery, server)
        nursery.cancel_scope.cancel()

"""Whole records over a byte stream: TCP, Unix sockets, and whatever else is a `trio.abc.Stream`.

Many tasks may send at once; they take turns. A send that was cut short leaves half a record on the stream, after which
nothing that follows could be understood: the channel is broken for good, and closes. A receive that is cancelled loses
nothing. What came is kept in the `RecordReader`, so one system call may bring many records.
"""

import math
import os
import socket
from collections.abc import Sequence
from typing import Final, TypeAlias

import trio

from transport.record import MAX_FRAGMENTS, MAX_RECORD, Buffer, RecordReader, record_header

RECEIVE_OCTETS: Final = 256 * 1024
JOIN_OCTETS: Final = 64 * 1024
"""Up to here, copying a record's pieces together is cheaper than handing them to the kernel one by one."""
PIECES: Final = 512
"""Pieces that one system call may be given; the kernel takes 1,024 (IOV_MAX)."""

Record: TypeAlias = Buffer | Sequence[Buffer]


class Stalled(trio.BrokenResourceError):
    """The peer did not take a record for `send_seconds`."""


class StreamChannel(trio.abc.Channel[bytes]):
    """Records over `stream`, which is closed with the channel.

    peer          -- the other end's name for logs and errors
    last_received -- trio time of the last octets that came; of the channel's making, before any
    send_seconds  -- how long the sending of one record may take, once it is its turn; may be changed at any time
    """

    reliable: Final = True

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        peer: str = "",
        max_record: int = MAX_RECORD,
        max_fragments: int = MAX_FRAGMENTS,
    ) -> None:
        self.peer = peer
        self.last_received = trio.current_time()
        self.send_seconds = math.inf
        self._stream: Final = stream
        self._socket: Final = stream.socket if isinstance(stream, trio.SocketStream) else None
        self._reader: Final = RecordReader(max_record=max_record, max_fragments=max_fragments)
        self._sending: Final = trio.Lock()
        self._broken = False
        self._closed = False

    @property
    def max_record(self) -> int:
        """Octets that a record from the peer may have."""
        return self._reader.max_record

    async def send(self, value: Record) -> None:
        """Send one record, in one piece or in several that follow each other; waits for other senders.

        Raises `trio.BrokenResourceError` (`Stalled` among them), `trio.ClosedResourceError`, and `RecordTooLarge` from
        2**31 octets on. Cancelled: before the first octet nothing has happened; after it the channel is broken.
        """
        pieces = [value] if isinstance(value, bytes | bytearray | memoryview) else value
        header = record_header(sum(map(len, pieces)))
        # An uncontended trio.Lock.acquire would give way to other tasks once more than the send itself does.
        try:
            self._sending.acquire_nowait()
        except trio.WouldBlock:
            await self._sending.acquire()
        try:
            self._check_usable()
            if self.send_seconds == math.inf:
                await self._send_all([header, *pieces])
            else:
                await self._send_in_time([header, *pieces])
        finally:
            self._sending.release()

    async def receive(self) -> bytes:
        """The next record.

        Raises `trio.EndOfChannel` if the peer has closed between two records, `trio.BrokenResourceError` if the
        connection broke or ended within one, `trio.ClosedResourceError`, and `TransportError` of what the peer may not
        do (the channel is to be closed then). Cancelled: nothing is lost.
        """
        record = self._reader.next_record()
        if record is not None:
            await trio.lowlevel.checkpoint()
            return record
        while record is None:
            data = await self._receive_some()
            if not data:
                if self._reader.mid_record:
                    raise trio.BrokenResourceError("the peer closed the connection in the middle of a record")
                raise trio.EndOfChannel
            self._reader.receive_data(data)
            record = self._reader.next_record()
        return record

    def receive_nowait(self) -> bytes:
        """The next record if it has come already. Raises `trio.WouldBlock`, and `TransportError` as `receive` does."""
        record = self._reader.next_record()
        if record is None:
            raise trio.WouldBlock
        return record

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; receiving goes on. Raises as `send` does."""
        async with self._sending:
            self._check_usable()
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        self._closed = True
        await self._stream.aclose()

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this channel is closed")
        if self._broken:
            raise trio.BrokenResourceError("an earlier send was cut short")

    async def _receive_some(self) -> bytes | bytearray:
        if self._closed:
            raise trio.ClosedResourceError("this channel is closed")
        try:
            data = await self._stream.receive_some(RECEIVE_OCTETS)
        except trio.BrokenResourceError:
            if self._broken and not self._closed:
                raise trio.BrokenResourceError("a send was cut short") from None
            raise
        except trio.ClosedResourceError:
            if self._broken and not self._closed:
                raise trio.BrokenResourceError("a send was cut short") from None
            raise
        self.last_received = trio.current_time()
        return data

    async def _send_in_time(self, pieces: list[Buffer]) -> None:
        with trio.move_on_after(self.send_seconds) as limit:
            await self._send_all(pieces)
        if limit.cancelled_caught:
            await self._give_up()
            raise Stalled(f"the peer did not take a record within {self.send_seconds:g} s")

    async def _send_all(self, pieces: list[Buffer]) -> None:
        if sum(map(len, pieces)) <= JOIN_OCTETS:
            pieces = [b"".join(pieces)]
        if self._socket is None:
            await self._send_to_stream(pieces)
        else:
            await self._send_to_socket(self._socket, [memoryview(piece).cast("B") for piece in pieces if len(piece)])

    async def _send_to_stream(self, pieces: list[Buffer]) -> None:
        try:
            for piece in pieces:
                await self._stream.send_all(piece)
        except BaseException:
            await self._give_up()
            raise

    async def _send_to_socket(self, sock: trio.socket.SocketType, pieces: list[memoryview]) -> None:
        """As `send_all`, but several pieces in one system call, and knowing whether anything has left."""
        touched = False
        try:
            while pieces:
                sent = await (sock.send(pieces[0]) if len(pieces) == 1 else sock.sendmsg(pieces[:PIECES]))
                touched = True
                pieces = _after(pieces, sent)
        except OSError as error:
            await self._give_up()
            if self._closed:
                raise trio.ClosedResourceError("this channel was closed by another task") from None
            raise trio.BrokenResourceError(f"sending failed: {error.strerror or error}") from error
        except BaseException:
            if touched:
                await self._give_up()
            raise

    async def _give_up(self) -> None:
        self._broken = True
        await trio.aclose_forcefully(self._stream)


def _after(pieces: list[memoryview], sent: int) -> list[memoryview]:
    """What is left of `pieces` when `sent` octets are gone."""
    for index, piece in enumerate(pieces):
        if sent < len(piece):
            return [piece[sent:], *pieces[index + 1 :]]
        sent -= len(piece)
    return []


async def open_tcp(
    host: str, port: int, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS
) -> StreamChannel:
    """Connect. Raises `OSError` with a text that names the address."""
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as error:
        first = _first_cause(error)
        raise OSError(first.errno, f"cannot connect to {host}:{port}: {_plain_reason(first)}") from error
    return StreamChannel(stream, peer=f"{host}:{port}", max_record=max_record, max_fragments=max_fragments)


async def open_unix(path: str, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS) -> StreamChannel:
    """Connect to a Unix socket. Raises `OSError` with a text that names the path."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await sock.connect(path)
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"cannot connect to {path}: {error.strerror}") from error
    except BaseException:
        sock.close()
        raise
    return StreamChannel(trio.SocketStream(sock), peer=path, max_record=max_record, max_fragments=max_fragments)


def _first_cause(error: OSError) -> OSError:
    """What went wrong with the first address of a host; trio's own error says only how many were tried."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause if isinstance(cause, OSError) else error


def _plain_reason(error: OSError) -> str:
    """The system's words for it, without trio's round them; name look-ups have numbers and words of their own."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)

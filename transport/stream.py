"""Whole records over a byte stream: TCP, Unix sockets, and whatever else is a `trio.abc.Stream`.

Many tasks may send at once; they take turns. Half a record on the stream would make nonsense of all that follows, so a
record that has begun to leave leaves as a whole: if its sender is cancelled meanwhile, a task of the channel's own
writes the rest, and then passes the turn on. Only a peer that does not take the rest, or a connection that breaks,
breaks the channel, for good. A receive that is cancelled loses nothing. What came is kept in the `RecordReader`, so
one system call may bring many records.

Most records fit into the kernel's buffer, so a send first tries to leave them there at once, without a word to the
event loop; and records that came together are handed out in a row. Small calls cost less than half for that. Streams
that are no sockets cannot say how much of a record they have taken, so there each record is written by a task of its
own from the start.
"""

import errno
import logging
import math
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import trio

from transport.errors import TlsError
from transport.record import MAX_FRAGMENTS, MAX_RECORD, UNASKED_OCTETS, Buffer, RecordReader, record_header
from transport.tls import TlsSession, TlsStream

RECEIVE_OCTETS: Final = 256 * 1024
JOIN_OCTETS: Final = 72 * 1024
"""Up to here, copying a record's pieces together is cheaper than handing them to the kernel one by one."""
RECORDS_IN_A_ROW: Final = 8
"""Handed out before other tasks have a turn."""
HOARD_OCTETS: Final = 8 << 20
PIECES: Final = 512
"""Pieces that one system call may be given; the kernel takes 1,024 (IOV_MAX)."""
FINISH_SECONDS: Final = 60.0
"""For the rest of a record whose sender is gone, or `send_seconds` where those are fewer."""
MAX_PORT: Final = 0xFFFF
DEAD_AFTER_SECONDS: Final = 120
"""Of silence, after which a TCP peer is taken for dead: longer than calls wait by default."""
PROBE_AFTER_SECONDS: Final = 60
PROBE_EVERY_SECONDS: Final = 10

Record: TypeAlias = Buffer | Sequence[Buffer]

_log = logging.getLogger(__name__)


class Stalled(trio.BrokenResourceError):
    """The peer did not take a record for `send_seconds`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an accepted connection comes from, as the kernel says; nothing that the peer says itself is in it.

    host, port -- of the Internet; `host` is an IP address, None if there is none
    uid        -- the user who connected to a Unix socket, None of everything else
    """

    host: str | None = None
    port: int = 0
    uid: int | None = None


NOWHERE: Final = Origin()


class StreamChannel(trio.abc.Channel[bytes]):
    """Records over `stream`, which is closed with the channel.

    peer          -- the other end's name for logs and errors
    origin        -- of accepted connections: who is there
    last_received -- trio time of the last octets that came; of the channel's making, before any
    send_seconds  -- how long the sending of one record may take, once it is its turn; may be changed at any time
    tls           -- what `start_tls` has agreed on with the peer; None: it has not been called
    record_began  -- since when (trio time) `receive` has waited for the rest of a record; None: there is no half one
    send_began    -- since when a record has waited for the peer to take it; None: there is none
    reserve       -- may be set: `receive` calls it with the octets that a record may have before it reads more than
                     `UNASKED_OCTETS` of it, perhaps several times; while it waits, nothing is read
    """

    reliable: Final = True
    complaint: Final = ""

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        peer: str = "",
        origin: Origin = NOWHERE,
        max_record: int = MAX_RECORD,
        max_fragments: int = MAX_FRAGMENTS,
    ) -> None:
        self.peer = peer
        self.origin: Final = origin
        self.last_received = trio.current_time()
        self.send_seconds = math.inf
        self.tls: TlsSession | None = None
        self.record_began: float | None = None
        self.send_began: float | None = None
        self.reserve: Callable[[int], Awaitable[None]] | None = None
        self._stream: trio.abc.Stream = stream
        self._socket: Final = stream.socket if isinstance(stream, trio.SocketStream) else None
        self._secure: TlsStream | None = None
        self._reader: Final = RecordReader(max_record=max_record, max_fragments=max_fragments)
        self._turn: Final = _Turn()  # to send
        self._in_a_row = 0
        self._broken = False
        self._closed = False

    @property
    def max_record(self) -> int:
        """Octets that a record from the peer may have."""
        return self._reader.max_record

    async def send(self, value: Record) -> None:
        """Send one record, in one piece or in several that follow each other; waits for other senders.

        Raises `trio.BrokenResourceError` (`Stalled` among them), `trio.ClosedResourceError`, and `RecordTooLarge` from
        2**31 octets on. Cancelled: before the first octet nothing has happened; after it the record leaves as a whole
        all the same, and other senders wait for that. If the kernel takes the record at once, other tasks have no turn
        meanwhile.
        """
        body = [value] if isinstance(value, bytes | bytearray | memoryview) else value
        octets = sum(map(len, body))
        pieces: list[Buffer] = [record_header(octets), *body]
        if octets <= JOIN_OCTETS:
            pieces = [b"".join(pieces)]
        else:
            _hoard_memory()
        await trio.lowlevel.checkpoint_if_cancelled()
        begun = False
        if self._turn.free and len(pieces) == 1 and self._socket is not None and self._secure is None:
            sent = self._write_at_once(self._socket, pieces[0])
            if sent == len(pieces[0]):
                return
            begun = sent > 0
            pieces = [memoryview(pieces[0])[sent:]]
        await self._turn.take()
        if self._closed or self._broken:
            self._turn.release()
            self._check_usable()
        if self._socket is None:
            await self._send_to_stream(pieces)
        else:
            if self._secure is not None:
                pieces = self._encrypt(self._secure, pieces)
                begun = True  # what is encrypted has its place in the session
            views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
            await self._send_to_socket(self._socket, views, begun=begun)

    async def receive(self) -> bytes:
        """The next record.

        Raises `trio.EndOfChannel` if the peer has closed between two records, `trio.BrokenResourceError` if the
        connection broke or ended within one, `trio.ClosedResourceError`, and `TransportError` of what the peer may not
        do (the channel is to be closed then). Cancelled: nothing is lost. Of records that came together, only every
        eighth gives other tasks a turn.
        """
        await trio.lowlevel.checkpoint_if_cancelled()  # while the record is still the reader's
        record = self._reader.next_record()
        if record is not None:
            self._in_a_row += 1
            if self._in_a_row % RECORDS_IN_A_ROW == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return record
        while record is None:
            if self._reader.mid_record:
                if self.record_began is None:
                    self.record_began = trio.current_time()
                if self.reserve is not None and self._reader.expected > UNASKED_OCTETS:
                    await self.reserve(self._reader.expected)
            data = await self._receive_some()
            if not data:
                if self._reader.mid_record:
                    raise trio.BrokenResourceError("the peer closed the connection in the middle of a record")
                raise trio.EndOfChannel
            self._reader.receive_data(data)
            record = self._reader.next_record()
        self.record_began = None
        return record

    def receive_nowait(self) -> bytes:
        """The next record if it has come already. Raises `trio.WouldBlock`, and `TransportError` as `receive` does."""
        record = self._reader.next_record()
        if record is None:
            raise trio.WouldBlock
        return record

    async def start_tls(
        self,
        context: ssl.SSLContext,
        alpn: str,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        certificate: bytes | None = None,
        seconds: float = math.inf,
    ) -> TlsSession:
        """From now on, records go over TLS; see `TlsStream`. To be called while nobody sends or receives.

        Raises `TlsError` if the two do not agree, and of octets that came before it was asked for: they were not
        protected, and must not be taken for what was. Raises `trio.BrokenResourceError` if the connection ends, or
        nothing has come of it in `seconds`. Then, or cancelled: the channel is closed.
        """
        self._check_usable()
        try:
            if self._socket is not None and self._socket.family == socket.AF_UNIX:
                raise TlsError("TLS is for TCP, not for Unix sockets")
            if self._reader.mid_record:
                raise TlsError("the peer sent more in plaintext when TLS was to begin")
            stream = TlsStream(self._stream, context, server_side=server_side, server_hostname=server_hostname)
            with trio.move_on_after(seconds):
                self.tls = await stream.do_handshake(alpn, certificate)
            if self.tls is None:
                raise trio.BrokenResourceError(f"no TLS handshake within {seconds:g} s")
        except BaseException:
            await trio.aclose_forcefully(self)
            raise
        self._stream = self._secure = stream
        return self.tls

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; receiving goes on. Raises as `send` does."""
        await self._turn.take()
        try:
            self._check_usable()
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
        finally:
            self._turn.release()

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        self._closed = True
        if not self._turn.free:
            self._spoil()
        await self._stream.aclose()

    def _check_usable(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this channel is closed")
        if self._broken:
            raise trio.BrokenResourceError("an earlier record did not get out")

    def _encrypt(self, secure: TlsStream, pieces: list[Buffer]) -> list[Buffer]:
        try:
            return [*secure.encrypt(pieces)]
        except BaseException:
            self._turn.release()
            raise

    async def _receive_some(self) -> bytes | bytearray:
        large = self._reader.expected > UNASKED_OCTETS
        if large:
            _hoard_memory()
        if self._closed:
            raise trio.ClosedResourceError("this channel is closed")
        octets = RECEIVE_OCTETS if large else UNASKED_OCTETS
        try:
            if self._socket is not None and self._secure is None:
                data: bytes | bytearray = await _receive_from(self._socket, octets)
            else:
                data = await self._stream.receive_some(octets)
        except trio.BrokenResourceError:
            if self._broken and not self._closed:
                raise trio.BrokenResourceError("a record did not get out") from None
            raise
        except trio.ClosedResourceError:
            if self._broken and not self._closed:
                raise trio.BrokenResourceError("a record did not get out") from None
            raise
        self.last_received = trio.current_time()
        return data

    async def _send_to_stream(self, pieces: list[Buffer]) -> None:
        """Takes over the turn."""
        delivery = _Delivery(trio.current_time() + self.send_seconds)
        trio.lowlevel.spawn_system_task(self._deliver, pieces, delivery)
        try:
            await delivery.done.wait()
        except BaseException:
            delivery.limit.deadline = min(delivery.limit.deadline, trio.current_time() + FINISH_SECONDS)
            raise
        if delivery.failure is not None:
            raise delivery.failure

    async def _deliver(self, pieces: list[Buffer], delivery: "_Delivery") -> None:
        try:
            self.send_began = trio.current_time()
            with delivery.limit:
                for piece in pieces:
                    await self._stream.send_all(piece)
            if delivery.limit.cancelled_caught:
                raise self._stalled()
        except Exception as failure:  # the sender's, who may have gone
            delivery.failure = failure
            await self._give_up()
        finally:
            self.send_began = None
            self._turn.release()
            delivery.done.set()

    def _write_at_once(self, sock: trio.socket.SocketType, record: Buffer) -> int:
        """How many octets the kernel takes now. What goes wrong goes wrong again where it can be waited for."""
        if self._closed or self._broken:
            return 0
        try:
            return os.write(sock.fileno(), record)
        except OSError:
            return 0

    async def _send_to_socket(self, sock: trio.socket.SocketType, pieces: list[memoryview], *, begun: bool) -> None:
        """Takes over the turn. `begun`: some of the record has left already."""
        octets = sum(map(len, pieces))
        handed_on = False
        try:
            await self._write(sock, pieces, self.send_seconds)
        except trio.Cancelled:
            handed_on = begun or sum(map(len, pieces)) < octets
            if handed_on:
                trio.lowlevel.spawn_system_task(self._finish, sock, pieces)
            raise
        finally:
            if not handed_on:
                self._turn.release()

    async def _finish(self, sock: trio.socket.SocketType, pieces: list[memoryview]) -> None:
        """Write the rest of a record whose sender was cancelled. What goes wrong, the channel's next user finds out."""
        try:
            await self._write(sock, pieces, min(self.send_seconds, FINISH_SECONDS))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            _log.debug("the rest of a record did not reach %s: %s", self.peer, error)
        finally:
            self._turn.release()

    async def _write(self, sock: trio.socket.SocketType, pieces: list[memoryview], seconds: float) -> None:
        """As `send_all`, but several pieces in one system call, waiting only if need be. What has left is taken out of
        `pieces`. Raises as `send` does; the channel is broken then. Cancelled: what is still in `pieces` is to be
        written before anything else."""
        until = None
        try:
            while pieces:
                try:
                    sent = os.writev(sock.fileno(), pieces[:PIECES])
                except BlockingIOError:
                    if until is None:
                        self.send_began = trio.current_time()
                        until = self.send_began + seconds
                    with trio.move_on_at(until) as limit:
                        await trio.lowlevel.wait_writable(sock)
                    if limit.cancelled_caught:
                        raise self._stalled() from None
                else:
                    pieces[:] = _after(pieces, sent)
        except OSError as error:
            await self._give_up()
            if self._closed:
                raise trio.ClosedResourceError("this channel was closed by another task") from None
            raise trio.BrokenResourceError(f"sending failed: {error.strerror or error}") from error
        except trio.Cancelled:
            raise
        except BaseException:
            await self._give_up()
            raise
        finally:
            self.send_began = None

    def _stalled(self) -> Stalled:
        return Stalled(f"the peer did not take a record within {self.send_seconds:g} s")

    def _spoil(self) -> None:
        """The peer has half a record and gets no more: it need not hear goodbye, nor be waited for by the kernel, which
        would keep what the peer does not take for minutes."""
        if self._secure is not None:
            self._secure.say_no_goodbye()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _give_up(self) -> None:
        self._broken = True
        self._spoil()
        await trio.aclose_forcefully(self._stream)


class _Turn:
    """Who sends. Given back, it is free for whoever comes next, and one of those who wait has another look: were it
    handed to him, everybody who came meanwhile would have to wait as well, and so would all after them, for good."""

    __slots__ = ("_waiting", "free")

    def __init__(self) -> None:
        self.free = True
        self._waiting: Final = trio.lowlevel.ParkingLot()

    async def take(self) -> None:
        """Wait only if need be. Cancelled: it is not taken."""
        while not self.free:
            await self._waiting.park()
        self.free = False

    def release(self) -> None:
        """Not always by the task that took it."""
        self.free = True
        self._waiting.unpark()


class _Delivery:
    """A record on its way into a stream."""

    def __init__(self, until: float) -> None:
        self.limit: Final = trio.CancelScope(deadline=until)
        self.done: Final = trio.Event()
        self.failure: Exception | None = None


@cache
def _hoard_memory() -> None:
    """Keep glibc from giving the memory of each large record back to the kernel, to have it zeroed for the next one.

    It does so with what is larger than anything that it has seen freed (mallopt(3), M_MMAP_THRESHOLD), so this shows it
    something large, which nobody touches. At most twice that much stays with the process for good. An ECHO of 1 MiB
    costs 1.3 ms of processor time instead of 2.4: the rest were page faults.
    """
    bytes(HOARD_OCTETS)


async def _receive_from(sock: trio.socket.SocketType, octets: int) -> bytes:
    """As `trio.SocketStream.receive_some`, which first tries what nearly always fails after a record: 5 us more."""
    while True:
        if sock.fileno() < 0:
            raise trio.ClosedResourceError("this socket is closed")
        await trio.lowlevel.wait_readable(sock)
        try:
            return os.read(sock.fileno(), octets)
        except BlockingIOError:
            continue
        except OSError as error:
            raise trio.BrokenResourceError(f"receiving failed: {error.strerror or error}") from error


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
    address = address_text(host, port)
    check_address(host, port, f"cannot connect to {address}")
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as error:
        first = _first_cause(error)
        raise OSError(first.errno, f"cannot connect to {address}: {_plain_reason(first)}") from error
    notice_dead_peers(stream.socket)
    return StreamChannel(stream, peer=address, max_record=max_record, max_fragments=max_fragments)


def address_text(host: str, port: int) -> str:
    """An address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_address(host: str | None, port: int, problem: str) -> None:
    """Raises `OSError` of what the system takes for another port, or raises something else for."""
    if not isinstance(port, int):
        raise TypeError(f"{problem}: ports are numbers, not {type(port).__name__}")
    if not 0 <= port <= MAX_PORT:
        raise OSError(errno.EINVAL, f"{problem}: ports are numbers up to {MAX_PORT}")
    try:
        (host or "").encode("idna")
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{problem}: that is no host name") from error


def notice_dead_peers(sock: trio.socket.SocketType) -> None:
    """Let the kernel break a TCP connection whose peer has vanished without a word, whether anything is on its way to
    it or not. Without this, a call on it would wait for many minutes, and an idle one would stay for ever."""
    with suppress(OSError):  # it has gone already, which its first user will find out
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_SECONDS * 1000)


async def open_unix(path: str, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS) -> StreamChannel:
    """Connect to a Unix socket. Raises `OSError` with a text that names the path."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await sock.connect(path)
        sock.getpeername()  # with the listener's queue full, the kernel says "later", which trio takes for a success
    except OSError as error:
        sock.close()
        reason = "too many are waiting there" if error.errno == errno.ENOTCONN else _plain_reason(error)
        raise OSError(error.errno, f"cannot connect to {path}: {reason}") from error
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

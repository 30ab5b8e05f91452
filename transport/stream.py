"""Whole records over a byte stream: TCP, Unix sockets, and whatever else is a `trio.abc.Stream`.

How records leave, and what becomes of one whose sender is cancelled, is the `Outbox`'s. A receive that is cancelled
loses nothing: what came is kept in the `RecordReader`, so one system call may bring many records.

Most records fit into the kernel's buffer, so a send first tries to leave them there at once, without a word to the
event loop; records that came together are handed out in a row, and may be sent together. Large ones are received into
the buffer that they are handed out in, and sent from where they are.
"""

import math
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import trio

from transport.errors import TlsError
from transport.outbox import Outbox, Record, Unsent
from transport.outlook import Outlook
from transport.record import MAX_FRAGMENTS, MAX_RECORD, UNASKED_OCTETS, Buffer, RecordReader, record_header
from transport.tls import TlsSession, TlsStream

JOIN_OCTETS: Final = 8 * 1024
"""Up to here, copying a record's pieces together is cheaper than handing them to the kernel one by one."""
RECORDS_IN_A_ROW: Final = 8
"""Handed out before other tasks have a turn."""
LOOK_SECONDS: Final = 0.001
"""If to let others run takes longer, there are others who need the processor; to wait then costs less."""
HOARD_OCTETS: Final = 8 << 20
"""Twice a record of `MAX_RECORD`, the largest of which there are many."""
HOARD_FROM: Final = 16 * 1024
"""Octets of a record from which on memory is hoarded: what is smaller comes and goes without the kernel."""


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


class StreamChannel(trio.abc.Channel[Buffer]):
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
        self.tls: TlsSession | None = None
        self.record_began: float | None = None
        self.reserve: Callable[[int], Awaitable[None]] | None = None
        self._stream: trio.abc.Stream = stream
        self._socket: Final = stream.socket if isinstance(stream, trio.SocketStream) else None
        self._secure: TlsStream | None = None
        self._reader: Final = RecordReader(max_record=max_record, max_fragments=max_fragments)
        self._outbox: Final = Outbox(stream, peer)
        self._in_a_row = 0
        self._at_once: Final = Outlook()
        self._after_others: Final = Outlook()
        self._failure: Exception | None = None  # that `receive` has yet to raise
        self._more = False  # the kernel had as much as was asked for, so there may be more

    @property
    def send_seconds(self) -> float:
        """See above."""
        return self._outbox.send_seconds

    @send_seconds.setter
    def send_seconds(self, seconds: float) -> None:
        self._outbox.send_seconds = seconds

    @property
    def send_began(self) -> float | None:
        """See above."""
        return self._outbox.send_began

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
        await self.send_together([value])

    async def send_together(self, records: Sequence[Record]) -> None:
        """As `send`, but several records, which are one for whoever is cancelled."""
        pieces = _framed(records[0]) if len(records) == 1 else [piece for each in records for piece in _framed(each)]
        await trio.lowlevel.checkpoint_if_cancelled()
        unsent = self._outbox.send_now(pieces)
        if unsent is not None:
            await self._outbox.send(*unsent)

    def send_now(self, value: Record) -> Unsent | None:
        """Send of one record what the kernel takes at once; it must be a task's that is not cancelled. The rest is to
        be given to `send_rest` before anything else is awaited. Raises `RecordTooLarge`."""
        return self._outbox.send_now(_framed(value), gather=True)

    async def send_rest(self, unsent: Unsent) -> None:
        """The rest of `send_now`; as `send`."""
        await self._outbox.send(*unsent)

    async def gather(self) -> None:
        """Many are about to `send_now`: let them all do so, and what they have leaves together."""
        outbox = self._outbox
        outbox.gathering = True
        try:
            await trio.lowlevel.cancel_shielded_checkpoint()
            if not outbox.gathered:
                # trio runs a batch of tasks forwards or backwards, by chance: this came before those who were woken
                # with it, who will have run the next time. Were it otherwise, some would leave alone.
                await trio.lowlevel.cancel_shielded_checkpoint()
        finally:
            outbox.gathering = False
            outbox.flush()

    async def receive(self) -> bytes | bytearray:
        """The next record.

        Raises `trio.EndOfChannel` if the peer has closed between two records, `trio.BrokenResourceError` if the
        connection broke or ended within one, `trio.ClosedResourceError`, and `TransportError` of what the peer may not
        do (the channel is to be closed then). Cancelled: nothing is lost. Of records that came together, only every
        eighth gives other tasks a turn.
        """
        await trio.lowlevel.checkpoint_if_cancelled()  # while the record is still the reader's
        record = self.next_record()
        if record is not None:
            self._in_a_row += 1
            if self._in_a_row % RECORDS_IN_A_ROW == 0:
                await trio.lowlevel.cancel_shielded_checkpoint()
            return record
        self._in_a_row = self._in_a_row + 1 if self._more else 0
        if self._in_a_row >= RECORDS_IN_A_ROW:
            self._more, self._in_a_row = False, 0  # others have a turn while this waits
        while record is None:
            if self._reader.mid_record:
                if self.record_began is None:
                    self.record_began = trio.current_time()
                if self.reserve is not None and self._reader.expected > UNASKED_OCTETS:
                    await self.reserve(self._reader.expected)
            await self._receive_some()
            record = self.next_record()
        return record

    def next_record(self) -> bytes | bytearray | None:
        """The next record if all of it has been received already. Raises `TransportError` as `receive` does."""
        record = self._reader.next_record()
        if record is not None:
            self.record_began = None
        return record

    def receive_now(self) -> bool:
        """Receive what has come, for `next_record`, without waiting. False: nothing has come, or it is one of those
        streams that cannot tell, or memory for it is to be reserved first, or `receive` has an exception to raise."""
        if self._socket is None or self._secure is not None or self._outbox.closed:
            return False
        if self.reserve is not None and self._reader.expected > UNASKED_OCTETS:
            return False
        try:
            return self._read(self._socket)
        except (trio.BrokenResourceError, trio.EndOfChannel) as failure:
            self._failure = failure
            return False

    def look(self) -> bool:
        """`receive_now`, and if nothing has come, once more when other processes have run for a moment; each of the two
        unless it has been of no use of late. Where both ends share a core, the answer is there by then: a NULL call
        takes half the time of one that is waited for."""
        if self._at_once.take_chance():
            found = self.receive_now()
            self._at_once.found(found)
            if found:
                return True
        if not self._after_others.take_chance():
            return False
        began = time.perf_counter()
        os.sched_yield()
        found = self.receive_now()
        self._after_others.found(found and time.perf_counter() - began < LOOK_SECONDS)
        return found

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
        self._outbox.check_usable()
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
        self._outbox.secure(stream)
        return self.tls

    async def send_eof(self) -> None:
        """Say that nothing more will be sent; receiving goes on. Raises as `send` does."""
        await self._outbox.send_eof()

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        self._outbox.close()
        await self._stream.aclose()

    async def _receive_some(self) -> None:
        if self._outbox.closed:
            raise trio.ClosedResourceError("this channel is closed")
        if self._failure is not None:
            raise self._failure
        try:
            if self._socket is not None and self._secure is None:
                # `trio.SocketStream.receive_some` first tries what nearly always fails after a record: 5 µs more.
                if self._more and self._read(self._socket):
                    return
                await _readable(self._socket)
                while not self._read(self._socket):
                    await _readable(self._socket)
                return
            data = await self._stream.receive_some(UNASKED_OCTETS)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            if self._outbox.broken and not self._outbox.closed:
                raise trio.BrokenResourceError("a record did not get out") from None
            raise
        self._received(len(data))
        self._reader.receive_data(data)

    def _read(self, sock: trio.socket.SocketType) -> bool:
        """One system call. False: nothing has come."""
        room = self._reader.room
        try:
            if room is None:
                data = os.read(sock.fileno(), UNASKED_OCTETS)
                octets = len(data)
                self._more = octets == UNASKED_OCTETS
                self._reader.receive_data(data)
            else:
                octets = os.readv(sock.fileno(), [room])
                self._more = octets == len(room)
                self._reader.filled(octets)
        except BlockingIOError:
            self._more = False
            return False
        except OSError as error:
            raise trio.BrokenResourceError(f"receiving failed: {error.strerror or error}") from error
        self._received(octets)
        return True

    def _received(self, octets: int) -> None:
        if not octets:
            if self._reader.mid_record:
                raise trio.BrokenResourceError("the peer closed the connection in the middle of a record")
            raise trio.EndOfChannel
        self.last_received = trio.current_time()


def _framed(record: Record) -> list[Buffer]:
    """A record with its header, small ones in one piece. Raises `RecordTooLarge`."""
    body = record if type(record) is list else _pieces(record)
    octets = sum(map(len, body))
    header = record_header(octets)
    if octets <= JOIN_OCTETS:
        return [b"".join((header, *body))]
    if octets > HOARD_FROM:
        _hoard_memory()
    return [header, *body]


def _pieces(record: Record) -> Sequence[Buffer]:
    return [record] if isinstance(record, bytes | bytearray | memoryview) else record


async def _readable(sock: trio.socket.SocketType) -> None:
    if sock.fileno() < 0:
        raise trio.ClosedResourceError("this socket is closed")
    await trio.lowlevel.wait_readable(sock)


@cache
def _hoard_memory() -> None:
    """Keep glibc from giving the memory of each large record back to the kernel, to have it zeroed for the next one.

    It does so with what is larger than anything that it has seen freed (mallopt(3), M_MMAP_THRESHOLD), so this shows it
    something large, which nobody touches. At most twice that much stays with the process for good. An ECHO of 1 MiB
    costs 1.3 ms of processor time instead of 2.4: the rest were page faults.
    """
    bytes(HOARD_OCTETS)

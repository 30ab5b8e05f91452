"""Records on their way into a byte stream.

Many tasks may send at once; they take turns. Half a record on the stream would make nonsense of all that follows, so a
record that has begun to leave leaves as a whole: if its sender is cancelled meanwhile, a task of the outbox's own
writes the rest, and then passes the turn on. Only a peer that does not take the rest, or a connection that breaks,
breaks the outbox, for good. Streams that are no sockets cannot say how much of a record they have taken, so there each
record is written by a task of its own from the start.
"""

import logging
import math
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

import trio

from transport.record import Buffer
from transport.tls import TlsStream

PIECES: Final = 512
"""Pieces that one system call may be given; the kernel takes 1,024 (IOV_MAX)."""
GATHERED: Final = 8
"""Records that leave together at most: the peer is to have something to do meanwhile."""
FINISH_SECONDS: Final = 60.0
"""For the rest of a record whose sender is gone, and for records that were gathered, or `send_seconds` where those are
fewer."""

Record: TypeAlias = Buffer | Sequence[Buffer]

_log = logging.getLogger(__name__)


class Unsent(NamedTuple):
    """What the kernel has not taken of a record yet. `begun`: it has taken some."""

    pieces: list[Buffer]
    begun: bool


class Stalled(trio.BrokenResourceError):
    """The peer did not take a record for `send_seconds`."""


class Outbox:
    """Sends to `stream`, which is closed when half a record stays behind on it.

    send_seconds -- how long the sending of one record may take, once it is its turn; may be changed at any time
    send_began   -- since when (trio time) a record has waited for the peer to take it; None: there is none
    closed       -- by its user
    broken       -- for good, for a record did not get out
    gathering    -- small records that are sent without waiting do not leave before `flush`, or `GATHERED` of them
    """

    __slots__ = (
        "_gathered",
        "_secure",
        "_socket",
        "_stream",
        "broken",
        "closed",
        "gathering",
        "peer",
        "send_began",
        "send_seconds",
        "turn",
    )

    def __init__(self, stream: trio.abc.Stream, peer: str) -> None:
        self.peer: Final = peer
        self.send_seconds = math.inf
        self.send_began: float | None = None
        self.turn: Final = Turn()
        self.closed = False
        self.broken = False
        self.gathering = False
        self._gathered: list[Buffer] = []
        self._stream = stream
        self._socket: Final = stream.socket if isinstance(stream, trio.SocketStream) else None
        self._secure: TlsStream | None = None

    def secure(self, stream: TlsStream) -> None:
        """From now on, records go over TLS."""
        self._stream = self._secure = stream

    async def send(self, pieces: list[Buffer], begun: bool) -> None:
        """Send a record when it is its turn; see `StreamChannel.send`. `begun`: some of it has left already."""
        await self.turn.take()
        if self.closed or self.broken:
            self.turn.release()
            self.check_usable()
        if self._socket is None:
            await self._send_to_stream(pieces)
        else:
            if self._secure is not None:
                pieces = self._encrypt(self._secure, pieces)
                begun = True  # what is encrypted has its place in the session
            await self._send_to_socket(self._socket, [*pieces], begun=begun)

    async def send_eof(self) -> None:
        """Say that nothing more will be sent. Raises as `send` does."""
        await self.turn.take()
        try:
            self.check_usable()
            if isinstance(self._stream, trio.abc.HalfCloseableStream):
                await self._stream.send_eof()
        finally:
            self.turn.release()

    def check_usable(self) -> None:
        """Raises what `send` does where nothing can be sent any more."""
        if self.closed:
            raise trio.ClosedResourceError("this channel is closed")
        if self.broken:
            raise trio.BrokenResourceError("an earlier record did not get out")

    def close(self) -> None:
        """Nothing more is to be sent, of records under way neither."""
        self.closed = True
        if not self.turn.free:
            self._spoil()

    def send_now(self, pieces: list[Buffer], *, gather: bool = False) -> Unsent | None:
        """Send of a record what the kernel takes at once; the rest is for `send`, before anything else is awaited.
        `gather`: it may leave with others, if it is in one piece. What goes wrong goes wrong again where it can be
        waited for."""
        if self._socket is None or self._secure is not None or not self.turn.free or self.closed or self.broken:
            return Unsent(pieces, False)
        if gather and self.gathering and len(pieces) == 1:
            self._gathered += pieces
            if len(self._gathered) >= GATHERED:
                self.flush()
            return None
        try:
            sent = os.writev(self._socket.fileno(), pieces[:PIECES])
        except OSError:
            return Unsent(pieces, False)
        if len(pieces) == 1 and sent == len(pieces[0]):
            return None
        rest = _after(pieces, sent)
        return Unsent(rest, sent > 0) if rest else None

    def flush(self) -> None:
        """What was gathered leaves now, or in its turn. Nobody waits for it: who gets no answer is told if it did not
        get out, for then the connection is closed."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            unsent = self.send_now(gathered)
            if unsent is not None and self._socket is not None:
                if unsent.begun:
                    self.turn.take_now()
                trio.lowlevel.spawn_system_task(self._send_gathered, self._socket, unsent)

    @property
    def gathered(self) -> int:
        """How many records wait for `flush`."""
        return len(self._gathered)

    async def _send_gathered(self, sock: trio.socket.SocketType, unsent: Unsent) -> None:
        if not unsent.begun:
            await self.turn.take()
        await self._finish(sock, unsent.pieces, min(self.send_seconds, FINISH_SECONDS))

    def _encrypt(self, secure: TlsStream, pieces: list[Buffer]) -> list[Buffer]:
        try:
            return [*secure.encrypt(pieces)]
        except BaseException:
            self.turn.release()
            raise

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
            self.turn.release()
            delivery.done.set()

    async def _send_to_socket(self, sock: trio.socket.SocketType, pieces: list[Buffer], *, begun: bool) -> None:
        """Takes over the turn. `begun`: some of the record has left already."""
        octets = sum(map(len, pieces))
        handed_on = False
        try:
            await self._write(sock, pieces, self.send_seconds)
        except trio.Cancelled:
            handed_on = begun or sum(map(len, pieces)) < octets
            if handed_on:
                seconds = min(self.send_seconds, FINISH_SECONDS)
                trio.lowlevel.spawn_system_task(self._finish, sock, pieces, seconds)
            raise
        finally:
            if not handed_on:
                self.turn.release()

    async def _finish(self, sock: trio.socket.SocketType, pieces: list[Buffer], seconds: float) -> None:
        """Write the rest of a record for which nobody waits, and pass the turn on. What goes wrong, the channel's next
        user finds out."""
        try:
            await self._write(sock, pieces, seconds)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            _log.debug("the rest of a record did not reach %s: %s", self.peer, error)
        finally:
            self.turn.release()

    async def _write(self, sock: trio.socket.SocketType, pieces: list[Buffer], seconds: float) -> None:
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
            if self.closed:
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
        self.broken = True
        self._spoil()
        await trio.aclose_forcefully(self._stream)


class Turn:
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
        self.take_now()

    def take_now(self) -> None:
        """While it is free."""
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


def _after(pieces: Sequence[Buffer], sent: int) -> list[Buffer]:
    """What is left of `pieces` when `sent` octets are gone."""
    for index, piece in enumerate(pieces):
        if sent < len(piece):
            return [memoryview(piece)[sent:], *pieces[index + 1 :]]
        sent -= len(piece)
    return []

"""One connection of a client: its reader puts each reply into the mailbox of the call that waits for its xid."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import trio

from rpcgss.rpc.errors import BadMessage, BadReply, CallTooLarge, ConnectionLost, RpcError
from rpcgss.rpc.flavors import ClientFlavor, Link
from rpcgss.rpc.messages import (
    CallHeader,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    message_xid,
    parse_reply_untrusted,
)
from rpcgss.rpc.pending import LOST, Mail, OutOfTime, PendingCall, PendingCalls
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.retransmission import Timer, Timers
from rpcgss.rpc.rpc_xdr import opaque_auth
from transport import Record, RecordTooLarge, StreamChannel, TlsRefused, TlsSession, TransportError, Unsent
from xdr import Buffer

DOUBT_SECONDS: Final = 5.0
"""Of silence under a call, after which a server that is called by datagrams may be somewhere else by now."""

LOOKS: Final = 16
"""Calls in a row whose replies their callers find by a look, before other tasks have a turn."""
MANY: Final = 3
"""Replies that came together with another: from so many on, it pays to keep back what their callers send next, until
all of them have sent."""

_ENDS: Final = (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, BadMessage, TransportError)
_log = QuietLog(logging.getLogger(__name__))


class RecordChannel(Protocol):
    """What a client needs of a connection: `transport.StreamChannel`, `transport.DatagramChannel`, or something like
    them."""

    @property
    def peer(self) -> str: ...
    @property
    def reliable(self) -> bool: ...
    @property
    def last_received(self) -> float: ...
    @property
    def tls(self) -> TlsSession | None: ...
    @property
    def complaint(self) -> str: ...
    async def send(self, value: Record) -> None: ...
    async def receive(self) -> bytes | bytearray: ...
    async def aclose(self) -> None: ...


@dataclass(slots=True)
class ClientCounters:
    """Totals since the client was opened. `retransmissions` are those of calls that were not answered in time;
    `late_replies` came to calls that nobody waits for any more, copies among them."""

    calls: int = 0
    transmissions: int = 0
    retransmissions: int = 0
    connections: int = 0
    connections_lost: int = 0
    refusals: int = 0
    late_replies: int = 0
    bad_replies: int = 0


class ChannelLink(Link):
    """One connection of a client.

    peer    -- the other end, for people
    alive   -- False once nobody is to use it any more
    trouble -- why it ended, or will
    faulty  -- the peer broke the rules
    refused -- the peer did not want us after all, and has looked at no call
    replies -- how many of them somebody waited for
    """

    def __init__(
        self,
        channel: RecordChannel,
        serial: int,
        calls: PendingCalls,
        counters: ClientCounters,
        timers: Timers,
        lost: Callable[["ChannelLink"], None],
    ) -> None:
        self.serial = serial
        self.peer = channel.peer
        self.reliable = channel.reliable
        self.tls = channel.tls
        self.alive = True
        self.trouble = ""
        self.faulty = False
        self.refused = False
        self.replies = 0
        self._channel: Final = channel
        # Of another kind, or of one that was made of it, nothing is known but how it sends and receives.
        self._stream: Final = channel if type(channel) is StreamChannel else None
        self._calls: Final = calls
        self._counters: Final = counters
        self._timers: Final = timers
        self._lost: Final = lost
        self._looks = 0
        self._reading: Final = trio.CancelScope()

    @property
    def last_received(self) -> float:  # type: ignore[override]  # derived, not stored
        return self._channel.last_received

    @property
    def complaint(self) -> str:
        """Why no replies come, as far as the network says; "" if it says nothing."""
        return self._channel.complaint

    async def read(self) -> None:
        """Deliver replies until the connection ends, is given up, or this is cancelled; close it."""
        try:
            with self._reading:
                await self._deliver_all()
            self.trouble = self.trouble or "given up"
        finally:
            self.end()
            await close_forcefully(self._channel)

    async def send(self, chunks: list[Buffer]) -> None:
        """Send a message. Raises `ConnectionLost`: it has not left as a whole, so nobody can act on it. Cancelled: it
        leaves as a whole or not at all, and nobody else on this connection is the worse for it."""
        with self._sending():
            await self._channel.send(chunks)

    def send_now(self, chunks: list[Buffer]) -> Unsent | None:
        """Send a message as far as that can be done at once, by a task that is not cancelled; it may leave with others.
        The rest is to be given to `send_rest` before anything else is awaited. Raises `ConnectionLost`."""
        if not self.alive:
            raise ConnectionLost(self.trouble)
        if self._stream is None:
            return Unsent(chunks, False)
        try:
            return self._stream.send_now(chunks)
        except RecordTooLarge as error:
            raise CallTooLarge(f"{self._channel.peer}: {error}") from error

    async def send_rest(self, unsent: Unsent) -> None:
        """As `send`."""
        with self._sending():
            if self._stream is None:
                await self._channel.send(unsent.pieces)
            else:
                await self._stream.send_rest(unsent)

    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        with self._calls.new() as pending:
            pending.serial = self.serial
            header = encode_call_header(CallHeader(pending.xid, program, version, 0), credential)
            verifier, body = seal(header)
            with trio.fail_after(math.inf if timeout is None else timeout):
                mail = await self._exchange([header + encode_auth(verifier), body], pending)
        if mail is LOST or isinstance(mail, BadReply):
            raise ConnectionLost(self.trouble)
        return header, mail

    async def mail(self, pending: PendingCall, timer: Timer) -> Mail | None:
        """The next piece of mail; None: there was none in time, and `timer` wants the call to be sent again. Cancelled:
        nothing is lost."""
        try:
            return await pending.next(timer.due)
        except OutOfTime:
            return None

    async def _exchange(self, chunks: list[Buffer], pending: PendingCall) -> Mail:
        """Send a control message, over an unreliable transport as often as need be, and wait for what comes of it."""
        if self.reliable:
            await self.send(chunks)
            return await pending.next()
        timer = self._timers.timer(None)
        while True:
            timer.sent(trio.current_time())
            await self.send(chunks)
            mail = await self.mail(pending, timer)
            if mail is not None:
                timer.answered(trio.current_time())
                return mail
            self._counters.retransmissions += 1

    def serves_others(self, flavor: ClientFlavor | None) -> bool:
        return self._calls.others_wait(flavor, self.serial)

    def doubt(self, began: float) -> None:
        """A call has timed out that began then. Over an unreliable transport, nothing else shows that a server has
        moved: if nothing has come from it since, and it has had some time, the next call asks anew where it is. Others
        that wait here for something go on."""
        silent = self.last_received <= began <= trio.current_time() - DOUBT_SECONDS
        if silent and self.alive and not self.reliable and not self.serves_others(None):
            self.trouble = self.complaint or f"{self.peer} does not answer"
            self.abandon()

    def abandon(self) -> None:
        self.trouble = self.trouble or "given up"
        self.end()
        self._reading.cancel()

    def end(self) -> None:
        """From now on nobody uses this connection, and all who did know. Idempotent."""
        if self.alive:
            self.alive = False
            self.trouble = self.trouble or "the connection was lost"
            self._lost(self)
            self._calls.lose(self.serial)

    @contextmanager
    def _sending(self) -> Iterator[None]:
        if not self.alive:
            raise ConnectionLost(self.trouble)
        try:
            yield
        except RecordTooLarge as error:
            raise CallTooLarge(f"{self._channel.peer}: {error}") from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.trouble = self.trouble or f"the connection to {self._channel.peer} broke: {reason(error)}"
            self.abandon()
            raise ConnectionLost(self.trouble) from error

    async def _deliver_all(self) -> None:
        try:
            while True:
                try:
                    self._deliver(await self._channel.receive())
                    await self._deliver_more()
                except (BadMessage, RecordTooLarge) as error:
                    if self.reliable:
                        raise
                    self._counters.bad_replies += 1  # anybody can forge a datagram
                    peer = self._channel.peer
                    _log.info("dropped a datagram of %s: %s", peer, error, event="reply.dropped", peer=peer)
        except _ENDS as error:
            self._blame(error)

    def _blame(self, error: Exception) -> None:
        """Why nothing more can be received."""
        peer = self._channel.peer
        match error:
            case trio.EndOfChannel():
                self.trouble = f"{peer} closed the connection"
            case TlsRefused():  # TLS 1.3 lets clients go on before they know whether their certificate will do
                self.trouble = f"no TLS with {peer}: {error}"
                self.refused = True
            case trio.BrokenResourceError() | trio.ClosedResourceError():
                self.trouble = f"the connection to {peer} broke: {reason(error)}"
            case RecordTooLarge():
                self._accuse(f"{peer} sent {error}")
                pending = self._calls.find(message_xid(error.beginning), self.serial)
                if pending is not None:
                    pending.post(BadReply(self.trouble))
            case _:
                self._accuse(f"{peer} does not speak RPC: {error}")

    def look(self) -> None:
        """Whoever is alone with his call may find the reply at once, without the reader: see `StreamChannel.look`."""
        if self._stream is not None and len(self._calls) == 1 and self._looks < LOOKS and self._stream.look():
            self._looks += 1
            try:
                self._deliver_received(self._stream)
            except (BadMessage, TransportError) as error:
                self._blame(error)
                self.abandon()

    async def _deliver_more(self) -> None:
        """Replies that came with the last one. Whoever gets one may be about to call again."""
        self._looks = 0
        if self._stream is None:
            return
        more = self._deliver_received(self._stream)
        # Others still wait, so there is more to come: what has come by now shares a turn of the event loop with these.
        if len(self._calls) > more + 1 and self._stream.look():
            more += self._deliver_received(self._stream)
        if more >= MANY:
            await self._stream.gather()

    def _deliver_received(self, stream: StreamChannel) -> int:
        """How many there were."""
        count = 0
        while (record := stream.next_record()) is not None:
            self._deliver(record)
            count += 1
        return count

    def _accuse(self, trouble: str) -> None:
        self.trouble = trouble
        self.faulty = True
        peer = self._channel.peer
        _log.warning("%s; closing the connection", trouble, event="connection.ended", peer=peer, reason=trouble)

    def _deliver(self, record: Buffer) -> None:
        reply = parse_reply_untrusted(record)
        pending = self._calls.find(reply.xid, self.serial)
        if pending is None:
            self._counters.late_replies += 1
        elif pending.post(reply):
            pending.octets += len(record)
            self.replies += 1
        else:
            self._counters.bad_replies += 1


def reason(error: BaseException) -> str:
    """What an error says, in words of the system's where it has some."""
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    if isinstance(error, RpcError):
        return str(error)
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error) or type(error).__name__


async def close_forcefully(channel: RecordChannel) -> None:
    """Close without waiting for anything."""
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.aclose()

"""A client of RPC servers: many calls in flight on one connection, which is made again whenever it is lost.

How it works: one task keeps the connection and reads from it; it puts each reply into the mailbox of the call that
waits for its xid. Everything else happens in the task of the caller, which owns its entry in the table of xids and
takes it out on every way out. When the connection is lost, every waiting call finds that in its mailbox and goes to the
next connection by itself, under the same xid; there, too, a call of a procedure that must not run twice gives up.
"""

import logging
import math
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import trio

import xdr
from rpcgss.rpc.errors import (
    AuthRefused,
    BadMessage,
    BadReply,
    BadVerifier,
    CallTimedOut,
    ConnectionLost,
    GarbageArguments,
    NotExecuted,
    OutcomeUnknown,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    Refusal,
    RpcError,
    ServerFault,
)
from rpcgss.rpc.flavors import ClientFlavor, Link, Transmission
from rpcgss.rpc.messages import (
    AcceptedReply,
    CallHeader,
    DeniedReply,
    ReceivedReply,
    encode_auth,
    encode_call_header,
    message_xid,
    parse_reply_untrusted,
)
from rpcgss.rpc.pending import LOST, PendingCall
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from transport import Record, RecordTooLarge, TransportError
from xdr import Buffer

A = TypeVar("A")
R = TypeVar("R")

DEFAULT_TIMEOUT: Final = 60.0
CONNECT_SECONDS: Final = 20.0
"""How long one try to connect may take; a peer that accepts and then says nothing must not end all trying."""
MAX_REFUSALS: Final = 64
"""Denials after which a call is not sent again: they are not authenticated, so the work that they cause is bounded."""
MAX_FAULTS: Final = 8
"""Connections that may break the rules under one call before it fails; one or two may be a server that starts up."""
STABLE_SECONDS: Final = 1.0
"""A connection that lasted for less is not made again at once, whatever came on it."""
MAX_TRANSMISSIONS: Final = 8
"""Transmissions of one call whose late replies are still understood."""
CLOSE_SECONDS: Final = 3.0
"""How long closing may take for what a flavor still has to say."""

_log = QuietLog(logging.getLogger(__name__))


class RecordChannel(Protocol):
    """What a client needs of a connection: `transport.StreamChannel`, or something like it."""

    @property
    def peer(self) -> str: ...
    @property
    def reliable(self) -> bool: ...
    @property
    def last_received(self) -> float: ...
    async def send(self, value: Record) -> None: ...
    async def receive(self) -> bytes: ...
    async def aclose(self) -> None: ...


Connect = Callable[[], Awaitable[RecordChannel]]


@dataclass(slots=True)
class ClientCounters:
    """Totals since the client was opened."""

    calls: int = 0
    transmissions: int = 0
    connections: int = 0
    connections_lost: int = 0
    refusals: int = 0
    late_replies: int = 0
    bad_replies: int = 0


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between tries to connect: `first`, doubling up to `longest`, each shortened at random by up to a half."""

    first: float = 0.05
    longest: float = 5.0

    def delay(self, failures: int, chance: random.Random) -> float:
        """Seconds to wait after that many failures in a row; none before the first."""
        if not failures:
            return 0.0
        return min(self.first * 2.0 ** min(failures - 1, 32), self.longest) * chance.uniform(0.5, 1.0)


@asynccontextmanager
async def open_client(
    connect: Connect,
    flavor: ClientFlavor,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    max_outstanding: int = 1024,
    back_off: BackOff | None = None,
    connect_now: bool = True,
    seed: int | None = None,
) -> AsyncIterator["Client"]:
    """A client that lives as long as the block.

    connect         -- makes a connection, e.g. `functools.partial(transport.open_tcp, host, port)`
    timeout         -- seconds that a call may take in all, connections lost and made again included
    non_idempotent  -- procedures that must not run twice: if the connection is lost after such a call was sent, it
                       raises `OutcomeUnknown` instead of being sent again
    max_outstanding -- calls in flight; further ones wait
    connect_now     -- connect before the block begins, and raise `ConnectionLost` if that fails; later losses are
                       made good in the background, for as long as calls wait
    seed            -- of the random part of the back-off
    """
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        client = Client(
            connect,
            flavor,
            timeout=timeout,
            non_idempotent=non_idempotent,
            max_outstanding=max_outstanding,
            back_off=back_off or BackOff(),
            chance=random.Random(seed),
        )
        # An exception of the block is not this nursery's: it would come out wrapped into a group.
        try:
            if connect_now:
                await client._connect_first()
            nursery.start_soon(client._keep_connected)
            yield client
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            failure = error
        finally:
            await client._close()
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


class Client:
    """See `open_client`. Give `client.call` to generated client classes."""

    def __init__(
        self,
        connect: Connect,
        flavor: ClientFlavor,
        *,
        timeout: float,
        non_idempotent: Collection[xdr.Procedure[Any, Any]],
        max_outstanding: int,
        back_off: BackOff,
        chance: random.Random,
    ) -> None:
        self.counters: Final = ClientCounters()
        self.flavor: Final = flavor
        self.timeout: Final = timeout
        self._connect: Final = connect
        self._non_idempotent: Final = frozenset(map(_numbers, non_idempotent))
        self._places: Final = trio.Semaphore(max_outstanding)
        self._back_off: Final = back_off
        self._chance: Final = chance
        self._pending: Final[dict[int, PendingCall]] = {}
        self._xid = secrets.randbits(32)
        self._link: _StreamLink | None = None
        self._first: RecordChannel | None = None
        self._serial = 0
        self._wanting: Final = trio.lowlevel.ParkingLot()  # calls that wait for a connection
        self._idle: Final = trio.lowlevel.ParkingLot()  # the connecting task, while nobody waits
        self._trouble = "no connection yet"
        self._closed = False

    async def call(self, procedure: xdr.Procedure[A, R], argument: A, /, *, timeout: float | None = None) -> R:
        """Call `procedure`; `timeout` seconds instead of the client's.

        Raises `xdr.EncodeError` of an argument that does not fit (nothing is sent); `Refusal` if the server refused;
        `CallFailed` for everything else: `CallTimedOut`, `ConnectionLost`, `OutcomeUnknown`, `BadReply`,
        `AuthenticationFailed`. Cancelled: the call may have been executed; the client and its other calls go on.
        """
        arguments = procedure.argument.encode(argument)
        self.counters.calls += 1
        seconds = self.timeout if timeout is None else timeout
        with trio.move_on_after(seconds) as limit:
            try:
                self._places.acquire_nowait()
            except trio.WouldBlock:
                await self._places.acquire()
            try:
                results = await self._converse(procedure, arguments)
            finally:
                self._places.release()
            try:
                return procedure.result.decode(results)
            except xdr.DecodeError as error:
                raise BadReply(f"{procedure.name}: the results are not {procedure.result.name}: {error}") from error
        assert limit.cancelled_caught
        raise CallTimedOut(f"{procedure.name}: no reply within {seconds:g} s{self._excuse()}")

    @property
    def outstanding(self) -> int:
        """Xids in the table: calls, and control messages of the flavor."""
        return len(self._pending)

    # One call

    async def _converse(self, procedure: xdr.Procedure[Any, Any], arguments: Buffer) -> Buffer:
        header = CallHeader(self._new_xid(), procedure.program, procedure.version, procedure.number)
        idempotent = _numbers(procedure) not in self._non_idempotent
        conversation = _Conversation(self, procedure.name, header, arguments, idempotent)
        self._pending[header.xid] = conversation.pending
        try:
            return await conversation.run()
        finally:
            del self._pending[header.xid]
            conversation.finished()

    def _new_xid(self) -> int:
        while True:
            self._xid = (self._xid + 1) & 0xFFFFFFFF
            if self._xid not in self._pending:
                return self._xid

    async def _connected(self) -> "_StreamLink":
        """The present connection, waiting for one if need be. Raises `ConnectionLost` once the client is closed."""
        while self._link is None:
            if self._closed:
                raise ConnectionLost("this client is closed")
            self._idle.unpark()
            await self._wanting.park()
        return self._link

    def _excuse(self) -> str:
        return f": {self._trouble}" if self._link is None else ""

    # The connection

    async def _connect_first(self) -> None:
        self._first = await self._try_to_connect(min(self.timeout, CONNECT_SECONDS))
        if self._first is None:
            raise ConnectionLost(self._trouble)

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            channel, self._first = self._first, None
            if channel is None:
                while not self._wanting:
                    await self._idle.park()
                await trio.sleep(self._back_off.delay(failures, self._chance))
                channel = await self._try_to_connect(CONNECT_SECONDS)
            failures += 1
            began = trio.current_time()
            if channel is not None and await self._use(channel):
                failures = int(trio.current_time() - began < STABLE_SECONDS)

    async def _try_to_connect(self, seconds: float) -> RecordChannel | None:
        channel = None
        with trio.move_on_after(seconds) as limit:
            try:
                channel = await self._connect()
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, TransportError, RpcError) as error:
                self._trouble = _reason(error)
        if limit.cancelled_caught:
            self._trouble = f"no connection within {seconds:g} s"
        if channel is None:
            _log.info("%s", self._trouble)
        return channel

    async def _use(self, channel: RecordChannel) -> bool:
        """Read from a connection until it ends. True: it was of some use."""
        self._serial += 1
        self.counters.connections += 1
        link = self._link = _StreamLink(self, channel, self._serial)
        self._wanting.unpark_all()
        try:
            with link.scope:
                await link.read()
            link.trouble = link.trouble or "given up"
        finally:
            self._lose(link)
            await _close_forcefully(channel)
        return link.replies > 0

    def _lose(self, link: "_StreamLink") -> None:
        """From now on nobody uses `link`, and all who did know. Idempotent."""
        if self._link is link:
            self._link = None
            link.trouble = self._trouble = link.trouble or "the connection was lost"
            self.counters.connections_lost += not self._closed
            for pending in self._pending.values():
                if pending.serial == link.serial:
                    pending.post(LOST)

    async def _close(self) -> None:
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                await self.flavor.aclose(self._link)
        finally:
            self._closed = True
            if self._link is not None:
                self._link.trouble = "this client was closed"
            self._wanting.unpark_all()
            if self._first is not None:
                await _close_forcefully(self._first)

    def _take_as_bad(self, xid: int | None, failure: BadReply, link: "_StreamLink") -> None:
        """Tell the call to which an indigestible reply came, if it can be told."""
        pending = None if xid is None else self._pending.get(xid)
        if pending is not None and pending.serial == link.serial:
            pending.post(failure)

    def _deliver(self, record: bytes, link: "_StreamLink") -> None:
        reply = parse_reply_untrusted(record)
        pending = self._pending.get(reply.xid)
        if pending is None or pending.serial != link.serial:
            self.counters.late_replies += 1
        elif pending.post(reply):
            link.replies += 1
        else:
            self.counters.bad_replies += 1


class _StreamLink(Link):
    """One connection of a client."""

    def __init__(self, client: Client, channel: RecordChannel, serial: int) -> None:
        self.serial = serial
        self.reliable = channel.reliable
        self.scope: Final = trio.CancelScope()
        self.trouble = ""
        self.faulty = False  # the peer broke the rules
        self.replies = 0
        self._client: Final = client
        self._channel: Final = channel

    @property
    def last_received(self) -> float:  # type: ignore[override]  # derived, not stored
        return self._channel.last_received

    async def read(self) -> None:
        """Deliver replies until the connection ends."""
        try:
            while True:
                self._client._deliver(await self._channel.receive(), self)
        except trio.EndOfChannel:
            self.trouble = f"{self._channel.peer} closed the connection"
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.trouble = f"the connection to {self._channel.peer} broke: {_reason(error)}"
        except RecordTooLarge as error:
            self.trouble = f"{self._channel.peer} sent {error}"
            self.faulty = True
            self._client._take_as_bad(message_xid(error.beginning), BadReply(self.trouble), self)
            _log.warning("%s; closing the connection", self.trouble)
        except (BadMessage, TransportError) as error:
            self.trouble = f"{self._channel.peer} does not speak RPC: {error}"
            self.faulty = True
            _log.warning("%s; closing the connection", self.trouble)

    async def send(self, chunks: list[Buffer]) -> None:
        """Send a message. Raises `ConnectionLost`: it has not left as a whole, so nobody can act on it. Cancelled:
        perhaps half of it has left; the channel has closed itself then, and the reader finds that out."""
        if self._client._link is not self:
            raise ConnectionLost(self.trouble or "the connection was lost")
        try:
            await self._channel.send(chunks)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.trouble = self.trouble or f"the connection to {self._channel.peer} broke: {_reason(error)}"
            self.abandon()
            raise ConnectionLost(self.trouble) from error

    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        client = self._client
        xid = client._new_xid()
        header = encode_call_header(CallHeader(xid, program, version, 0), credential)
        verifier, body = seal(header)
        pending = client._pending[xid] = PendingCall()
        pending.serial = self.serial
        try:
            with trio.fail_after(math.inf if timeout is None else timeout):
                await self.send([header + encode_auth(verifier), body])
                mail = await pending.next()
        finally:
            del client._pending[xid]
        if mail is LOST or isinstance(mail, BadReply):
            raise ConnectionLost(self.trouble or "the connection was lost")
        return header, mail

    def abandon(self) -> None:
        self.trouble = self.trouble or "given up"
        self._client._lose(self)
        self.scope.cancel()


class _Conversation:
    """One call on its way to an outcome, over as many transmissions and connections as it takes."""

    def __init__(self, client: Client, name: str, header: CallHeader, arguments: Buffer, idempotent: bool) -> None:
        self.pending: Final = PendingCall()
        self._client: Final = client
        self._name: Final = name
        self._header: Final = header
        self._arguments: Final = arguments
        self._idempotent: Final = idempotent
        self._transmissions: Final[list[Transmission]] = []
        self._refusals = 0
        self._faults = 0

    async def run(self) -> Buffer:
        """The results, unprotected."""
        while True:
            link = await self._client._connected()
            self.pending.serial = link.serial
            try:
                await self._transmit(link)
            except ConnectionLost:
                if self._client._link is link:
                    raise  # it is not the connection
                self._leave(link)
                continue
            results = await self._outcome(link)
            if results is not None:
                return results

    def finished(self) -> None:
        """Nobody waits for replies any more."""
        for transmission in self._transmissions:
            transmission.finished()

    async def _transmit(self, link: _StreamLink) -> None:
        client = self._client
        transmission = await client.flavor.transmit(self._header, self._arguments, link)
        self._transmissions.append(transmission)
        if len(self._transmissions) > MAX_TRANSMISSIONS:
            self._transmissions.pop(0).finished()
        client.counters.transmissions += 1
        await link.send(transmission.chunks)

    async def _outcome(self, link: _StreamLink) -> Buffer | None:
        """What became of the last transmission: results, or None if the call is to be sent again."""
        while True:
            mail = await self.pending.next()
            match mail:
                case AcceptedReply():
                    results = await self._open(mail)
                    if results is not None:
                        return results
                case DeniedReply(refusal=AuthRefused() as refusal):
                    await self._refused(refusal, link)
                    return None
                case DeniedReply(refusal=refusal):
                    raise _received(refusal)
                case BadReply():
                    raise mail
                case _:  # LOST
                    self._lost(link)
                    return None

    async def _open(self, reply: AcceptedReply) -> Buffer | None:
        """The results in a reply; None: it answers none of our transmissions."""
        for transmission in reversed(self._transmissions):
            try:
                results = await transmission.open(reply)
            except BadVerifier:
                continue
            if reply.stat is not accept_stat.SUCCESS:
                raise _received(_refusal(reply))
            return results
        self._client.counters.bad_replies += 1
        _log.warning("%s: dropped a reply whose verifier is wrong", self._name)
        return None

    async def _refused(self, refusal: AuthRefused, link: _StreamLink) -> None:
        """Return if the call is to be sent again; else raise `refusal`."""
        self._client.counters.refusals += 1
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise _received(refusal)
        try:
            again = await self._client.flavor.refused(self._transmissions[-1], refusal, link)
        except ConnectionLost:
            again = True
        if not again:
            raise _received(refusal)
        self._transmissions.pop().finished()
        if self._client._link is not link:
            self._leave(link)

    def _lost(self, link: _StreamLink) -> None:
        if not self._idempotent:
            raise OutcomeUnknown(f"{self._name}: {link.trouble}; the call may have been executed")
        self._leave(link)

    def _leave(self, link: _StreamLink) -> None:
        """Get ready for the next connection."""
        self._faults += link.faulty
        if self._faults >= MAX_FAULTS:
            raise BadReply(f"{self._name}: {link.trouble}")
        self._forget_mail()

    def _forget_mail(self) -> None:
        """Replies of an earlier connection, and word of its loss, are of no more use."""
        self.pending.clear()


def _numbers(procedure: xdr.Procedure[Any, Any]) -> tuple[int, int, int]:
    """What procedures are known by: a whole Procedure takes microseconds to hash."""
    return procedure.program, procedure.version, procedure.number


def _received(refusal: Refusal) -> Refusal:
    refusal.received = True
    return refusal


def _refusal(reply: AcceptedReply) -> NotExecuted:
    match reply.stat:
        case accept_stat.PROG_UNAVAIL:
            return ProgramUnavailable("the server does not have this program")
        case accept_stat.PROG_MISMATCH:
            return ProgramMismatch(*(reply.mismatch or (0, 0)))
        case accept_stat.PROC_UNAVAIL:
            return ProcedureUnavailable("the server does not have this procedure")
        case accept_stat.GARBAGE_ARGS:
            return GarbageArguments("the server could not decode the arguments")
        case _:
            return ServerFault("the server failed (SYSTEM_ERR)")


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(error) or type(error).__name__


async def _close_forcefully(channel: RecordChannel) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await channel.aclose()

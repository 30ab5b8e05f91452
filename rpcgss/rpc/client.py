"""A client of RPC servers: many calls in flight on one connection, which is made again whenever it is lost.

How it works: one task keeps the connection and reads from it, and puts each reply into the mailbox of the call that
waits for its xid. (A caller who is alone with his call may read the reply himself, just after he has sent.) Another
task wakes calls whose time is up. Everything else happens in the task of the caller, which owns its entry in the table
of xids and takes it out on every way out. When the connection is lost, every waiting call finds that in its mailbox and
goes to the next connection by itself, under the same xid; a call of a procedure that must not run twice gives up there,
unless the server keeps its replies.
"""

import itertools
import math
import random
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, TypeVar

import trio

import xdr
from rpcgss.rpc.connector import BackOff, Connect, Connector
from rpcgss.rpc.conversation import Conversation
from rpcgss.rpc.errors import BadReply, CallTimedOut
from rpcgss.rpc.flavors import ClientFlavor
from rpcgss.rpc.link import ClientCounters
from rpcgss.rpc.messages import CallHeader
from rpcgss.rpc.observe import OK, Audience, End, ObservedCall, Observer, Source, outcome_of
from rpcgss.rpc.pending import OutOfTime, PendingCalls, in_time
from rpcgss.rpc.retransmission import Retransmission, Timers
from transport import TlsSession
from xdr import Buffer

A = TypeVar("A")
R = TypeVar("R")

DEFAULT_TIMEOUT: Final = 60.0
MAX_OUTSTANDING: Final = 1024
CLOSE_SECONDS: Final = 3.0
"""How long closing may take for what a flavor still has to say."""


@asynccontextmanager
async def open_client(
    connect: Connect,
    flavor: ClientFlavor,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    replies_kept: float = 0.0,
    max_outstanding: int = MAX_OUTSTANDING,
    back_off: BackOff | None = None,
    retransmission: Retransmission | None = None,
    connections: int = 1,
    connect_now: bool = True,
    seed: int | None = None,
    observer: Observer | None = None,
) -> AsyncIterator["Client"]:
    """A client that lives as long as the block.

    connect         -- makes a connection, e.g. `functools.partial(transport.open_tcp, host, port)`
    timeout         -- seconds that a call may take in all, connections lost and made again included
    non_idempotent  -- procedures that must not run twice: if the connection is lost after such a call was sent, it
                       raises `OutcomeUnknown` instead of being sent again, and over an unreliable transport it is sent
                       once, and raises that when its time is up, unless
    replies_kept    -- says for how many seconds the server keeps its replies to them (`ReplyLimits.seconds` of its
                       reply cache): they are sent again for half as long, to leave the rest to what is on its way
    max_outstanding -- calls in flight; further ones wait
    back_off        -- of tries to connect
    retransmission  -- of calls over an unreliable transport: how long to wait for their answers
    connections     -- at most; a call goes out on the one with the fewest calls under way, and the second is made when
                       a call finds the first one busy. RPCSEC_GSS has contexts of its own on each (see
                       `ClientFlavor.another`); all calls of one `User` share one connection
    connect_now     -- connect before the block begins, and raise `ConnectionLost` if that fails; later losses are
                       made good in the background, for as long as calls wait
    seed            -- of the random part of the back-off, and of the waits
    observer        -- is told of connections and calls, and of what the flavor has to tell
    """
    if connections < 1:
        raise ValueError("a client needs a connection")
    if not isinstance(flavor, ClientFlavor):
        raise TypeError(f"{flavor!r} is no client's flavor: give AuthNone(), AuthSys() or a GssFlavor")
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError("this is for trio: rpcgss.asyncio and rpcgss.blocking have the same for other programs")
    failure: BaseException | None = None
    # The connection outlives a cancellation from outside for as long as the block does, so that the block can clean up
    # by shielded calls.
    connection = trio.CancelScope(shield=True)

    async def keep_connected() -> None:
        with connection:
            async with trio.open_nursery() as lanes:
                lanes.start_soon(client._calls.alarm.run)
                for lane in client._lanes:
                    lanes.start_soon(lane.connector.run)

    async with trio.open_nursery() as nursery:
        client = Client(
            connect,
            flavor,
            timeout=timeout,
            non_idempotent=non_idempotent,
            replies_kept=replies_kept,
            max_outstanding=max_outstanding,
            back_off=back_off or BackOff(),
            retransmission=retransmission or Retransmission(),
            connections=connections,
            chance=random.Random(seed),
            observer=None if observer is None else Audience(observer),
        )
        # An exception of the block is not this nursery's: it would come out wrapped into a group.
        try:
            if connect_now:
                await client._connector.connect_first(timeout)
            nursery.start_soon(keep_connected)
            yield client
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            failure = error
        finally:
            try:
                await client._close()
            finally:
                connection.cancel()
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
        replies_kept: float,
        max_outstanding: int,
        back_off: BackOff,
        retransmission: Retransmission,
        connections: int,
        chance: random.Random,
        observer: Observer | None,
    ) -> None:
        self.counters: Final = ClientCounters()
        self.flavor: Final = flavor
        self.timeout: Final = timeout
        self._non_idempotent: Final = frozenset(map(_numbers, non_idempotent))
        self._repeatable: Final = replies_kept / 2
        self._places = max_outstanding
        self._queue: Final = trio.lowlevel.ParkingLot()  # of calls that wait for a place
        self._calls: Final = PendingCalls()
        self._observer: Final = observer
        timers, serials = Timers(retransmission, chance), itertools.count(1)
        # One table of xids: a server's reply cache knows no connections.
        flavors = [flavor, *(flavor.another() for _ in range(connections - 1))]
        self._lanes: Final = [
            _Lane(
                Connector(connect, self._calls, self.counters, back_off, timers, chance, observer, serials),
                lane_flavor,
            )
            for lane_flavor in flavors
        ]
        self._connector: Final = self._lanes[0].connector
        self._users: Final[dict[ClientFlavor, _Lane]] = {}
        self._source: Final = Source("client", self.counters)
        if observer is not None:
            observer.attached(self._source)
            self._attach(flavor)

    @property
    def tls(self) -> TlsSession | None:
        """What TLS protects the (first) present connection with; None: it does not, or there is none at present."""
        return self._connector.tls

    @property
    def outstanding(self) -> int:
        """Xids in use: calls, and control messages of the flavor."""
        return len(self._calls)

    async def call(
        self,
        procedure: xdr.Procedure[A, R],
        argument: A,
        /,
        *,
        timeout: float | None = None,
        flavor: ClientFlavor | None = None,
    ) -> R:
        """Call `procedure`; `timeout` seconds instead of the client's, as the user of `flavor` (see `as_user`).

        Raises `xdr.EncodeError` of an argument that does not fit (nothing is sent); `Refusal` if the server refused;
        `CallFailed` for everything else: `CallTimedOut`, `ConnectionLost`, `OutcomeUnknown`, `BadReply`,
        `AuthenticationFailed`, `CallTooLarge`. Cancelled: the call may have been executed; the client and its other
        calls go on.
        """
        arguments = procedure.argument.pieces(argument)
        self.counters.calls += 1
        seconds = self.timeout if timeout is None else timeout
        observer = self._observer
        if observer is None:
            return await self._complete(procedure, arguments, seconds, flavor, None)
        seen = _sighting(procedure, flavor or self.flavor)
        observer.call_began(seen)
        try:
            result = await self._complete(procedure, arguments, seconds, flavor, seen)
            seen.outcome = OK
            return result
        except BaseException as error:
            seen.outcome = outcome_of(error)
            raise
        finally:
            seen.seconds = trio.current_time() - seen.began
            observer.call_ended(seen)

    def as_user(self, flavor: ClientFlavor) -> AbstractAsyncContextManager["User"]:
        """Somebody else who calls over this client's connection, with credentials and contexts of his own, for as long
        as the block. Any number of users may call at once; none can take the connection from the others.

        At the end the flavor is closed (for RPCSEC_GSS: its contexts are destroyed), within `CLOSE_SECONDS`. Cancelled:
        calls under way may have been executed. Raises `ValueError` of a flavor that is in use here already: whoever
        was done first would close it for the other.
        """
        return _AsUser(self, flavor)

    async def _complete(
        self,
        procedure: xdr.Procedure[Any, R],
        arguments: Sequence[Buffer],
        seconds: float,
        user: ClientFlavor | None,
        seen: ObservedCall | None,
    ) -> R:
        lane: _Lane | None = None
        conversation: Conversation | None = None
        began = trio.current_time()
        until = began + seconds
        if math.isnan(until):  # it would never come
            raise ValueError("a timeout is a number of seconds")
        try:
            if self._places:
                self._places -= 1
            else:
                await in_time(until, self._queue.park())  # whoever is done hands his place over
            lane = self._lane(user)
            lane.calls += 1
            flavor = user or lane.flavor
            try:
                with self._calls.new(flavor) as pending:
                    conversation = Conversation(
                        procedure.name,
                        CallHeader(pending.xid, procedure.program, procedure.version, procedure.number),
                        arguments,
                        pending,
                        until=until,
                        repeatable=self._repeatable if self._runs_once(procedure) else math.inf,
                        flavor=flavor,
                        connector=lane.connector,
                        counters=self.counters,
                        seen=seen,
                    )
                    results = await conversation.run()
            finally:
                lane.calls -= 1
                if self._queue:
                    self._queue.unpark()
                else:
                    self._places += 1
        except OutOfTime:
            connector = self._connector if lane is None else lane.connector
            excuse = connector.trouble if connector.link is None else connector.link.complaint
            text = f"no reply within {seconds:g} s{f': {excuse}' if excuse else ''}"
            if connector.link is not None and conversation is not None:
                connector.link.doubt(began)
            raise (
                conversation.timed_out(text) if conversation else CallTimedOut(f"{procedure.name}: {text}")
            ) from None
        try:
            return procedure.result.decode(results)
        except xdr.DecodeError as error:
            raise BadReply(f"{procedure.name}: the results are not {procedure.result.name}: {error}") from error

    def _runs_once(self, procedure: xdr.Procedure[Any, Any]) -> bool:
        return bool(self._non_idempotent) and _numbers(procedure) in self._non_idempotent

    def _lane(self, user: ClientFlavor | None) -> "_Lane":
        if user is not None:
            return self._users.get(user, self._lanes[0])
        return self._lanes[0] if len(self._lanes) == 1 else min(self._lanes, key=_calls_of)

    def _admit(self, flavor: ClientFlavor) -> None:
        if flavor is self.flavor or flavor in self._users:
            raise ValueError(f"{flavor!r} is in use by this client: make one for each user")
        self._attach(flavor)
        lane = self._users[flavor] = min(self._lanes, key=_users_of)
        lane.users += 1

    async def _dismiss(self, flavor: ClientFlavor) -> None:
        lane = self._users.pop(flavor)
        lane.users -= 1
        await self._close_flavor(flavor, lane)

    async def _close(self) -> None:
        try:
            # At once: each flavor has something to clean up, even where there is no time left to wait for anything.
            async with trio.open_nursery() as nursery:
                nursery.cancel_scope.deadline = trio.current_time() + CLOSE_SECONDS
                for lane in self._lanes[1:]:
                    nursery.start_soon(lane.flavor.aclose, lane.connector.link)
                await self._close_flavor(self.flavor, self._lanes[0])
        finally:
            for lane in self._lanes:
                await lane.connector.close()
            if self._observer is not None:
                self._observer.detached(self._source)

    async def _close_flavor(self, flavor: ClientFlavor, lane: "_Lane") -> None:
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                await flavor.aclose(lane.connector.link)
        finally:
            if self._observer is not None:
                for source in flavor.sources():
                    self._observer.detached(source)

    def _attach(self, flavor: ClientFlavor) -> None:
        if self._observer is not None:
            for source in flavor.sources():
                self._observer.attached(source)


@dataclass(eq=False, slots=True)
class _Lane:
    """One of a client's connections, the flavor of calls on it, how many are under way, and how many users it has."""

    connector: Connector
    flavor: ClientFlavor
    calls: int = 0
    users: int = 0


_calls_of: Final = attrgetter("calls")
_users_of: Final = attrgetter("users")


class User:
    """One user of a client that has many: see `Client.as_user`. Give `user.call` to generated client classes."""

    __slots__ = ("client", "flavor")

    def __init__(self, client: Client, flavor: ClientFlavor) -> None:
        self.client: Final = client
        self.flavor: Final = flavor

    def call(
        self, procedure: xdr.Procedure[A, R], argument: A, /, *, timeout: float | None = None
    ) -> Coroutine[Any, Any, R]:
        """See `Client.call`."""
        return self.client.call(procedure, argument, timeout=timeout, flavor=self.flavor)


class _AsUser:
    """The block of `Client.as_user`. There may be thousands, so it is no generator, which would take 0.6 KiB."""

    __slots__ = ("_client", "_flavor")

    def __init__(self, client: Client, flavor: ClientFlavor) -> None:
        self._client: Final = client
        self._flavor: Final = flavor

    async def __aenter__(self) -> User:
        self._client._admit(self._flavor)
        return User(self._client, self._flavor)

    async def __aexit__(self, *_: object) -> None:
        await self._client._dismiss(self._flavor)


def _sighting(procedure: xdr.Procedure[Any, Any], flavor: ClientFlavor) -> ObservedCall:
    return ObservedCall(
        End.CLIENT,
        "",
        procedure.program,
        procedure.version,
        procedure.number,
        flavor.security,
        trio.current_time(),
        procedure=procedure.name,
    )


def _numbers(procedure: xdr.Procedure[Any, Any]) -> tuple[int, int, int]:
    """What procedures are known by: a whole Procedure takes microseconds to hash."""
    return procedure.program, procedure.version, procedure.number

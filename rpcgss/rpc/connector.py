"""A client's succession of connections: made again whenever one is lost and a call wants one."""

import itertools
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import trio

from rpcgss.rpc.errors import ConnectionLost, RpcError, TlsFailed
from rpcgss.rpc.link import ChannelLink, ClientCounters, RecordChannel, close_forcefully, reason
from rpcgss.rpc.observe import ConnectionEvent, ConnectionEventKind, End, Observer
from rpcgss.rpc.pending import PendingCalls
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.retransmission import Timers
from transport import TlsSession, TransportError

CONNECT_SECONDS: Final = 20.0
"""How long one try to connect may take; a peer that accepts and then says nothing must not end all trying."""
STABLE_SECONDS: Final = 1.0
"""A connection that lasted for less is not made again at once, whatever came on it."""

Connect = Callable[[], Awaitable[RecordChannel]]

_log = QuietLog(logging.getLogger(__name__))


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


class Connector:
    """Keeps a client connected: `run` is a task of the client's, `connected` is what calls ask.

    link    -- the present connection, if there is one
    trouble -- why there is none
    timers  -- for calls on unreliable ones

    Connectors that have `calls` in common number their connections by the same `serials`.
    """

    def __init__(
        self,
        connect: Connect,
        calls: PendingCalls,
        counters: ClientCounters,
        back_off: BackOff,
        timers: Timers,
        chance: random.Random,
        observer: Observer | None = None,
        serials: Iterator[int] | None = None,
    ) -> None:
        self.timers: Final = timers
        self.link: ChannelLink | None = None
        self.trouble = "no connection yet"
        self._hopeless = False  # to try again at once would not help: there was no TLS
        self._connect: Final = connect
        self._calls: Final = calls
        self._counters: Final = counters
        self._back_off: Final = back_off
        self._chance: Final = chance
        self._observer: Final = observer
        self._first: RecordChannel | None = None
        self._serials: Final = serials or itertools.count(1)
        self._wanting: Final = trio.lowlevel.ParkingLot()  # calls that wait for a connection
        self._idle: Final = trio.lowlevel.ParkingLot()  # `run`, while nobody waits
        self._closed = False

    @property
    def tls(self) -> TlsSession | None:
        """Of the present connection, whether it is in use yet or not."""
        present = self.link or self._first
        return None if present is None else present.tls

    async def connected(self) -> ChannelLink:
        """The present connection, waiting for one if need be. Raises `ConnectionLost` once the client is closed, and
        `TlsFailed`."""
        while self.link is None:
            if self._closed:
                raise ConnectionLost("this client is closed")
            self._idle.unpark()
            await self._wanting.park()
            if self._hopeless:
                raise TlsFailed(self.trouble)
        return self.link

    async def connect_first(self, seconds: float) -> None:
        """Connect before `run` begins. Raises `ConnectionLost` if one try, `seconds` long at most, brings nothing, and
        `TlsFailed`."""
        self._first = await self._try_to_connect(min(seconds, CONNECT_SECONDS))
        if self._first is None:
            raise (TlsFailed if self._hopeless else ConnectionLost)(self.trouble)

    async def run(self) -> None:
        """Connect whenever a call wants it, until cancelled."""
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

    async def close(self) -> None:
        """No more connections: whoever waits for one gets `ConnectionLost`. The present one ends with `run`."""
        self._closed = True
        if self.link is not None:
            self.link.trouble = "this client was closed"
        self._wanting.unpark_all()
        if self._first is not None:
            await close_forcefully(self._first)

    async def _try_to_connect(self, seconds: float) -> RecordChannel | None:
        channel = None
        self._hopeless = False
        with trio.move_on_after(seconds) as limit:
            try:
                channel = await self._connect()
            except TlsFailed as error:
                self.trouble, self._hopeless = str(error), True
                self._wanting.unpark_all()
            except (OSError, trio.BrokenResourceError, trio.ClosedResourceError, TransportError, RpcError) as error:
                self.trouble = reason(error)
        if limit.cancelled_caught:
            self.trouble = f"no connection within {seconds:g} s"
        if channel is None:
            _log.info("%s", self.trouble, event="connection.failed", reason=self.trouble)
            self._tell(ConnectionEventKind.FAILED, "", self.trouble)
        return channel

    async def _use(self, channel: RecordChannel) -> bool:
        """Read from a connection until it ends. True: it was of some use."""
        self._counters.connections += 1
        link = self.link = ChannelLink(
            channel, next(self._serials), self._calls, self._counters, self.timers, self._lost
        )
        self._tell(ConnectionEventKind.OPENED, channel.peer)
        self._wanting.unpark_all()
        await link.read()
        return link.replies > 0

    def _lost(self, link: ChannelLink) -> None:
        self.link = None
        self.trouble = link.trouble
        self._hopeless = link.refused
        self._counters.connections_lost += not self._closed
        kind = ConnectionEventKind.CLOSED if self._closed else ConnectionEventKind.LOST
        self._tell(kind, link.peer, "" if self._closed else link.trouble)

    def _tell(self, kind: ConnectionEventKind, peer: str, reason: str = "") -> None:
        if self._observer is not None:
            self._observer.event(ConnectionEvent(kind, End.CLIENT, peer, trio.current_time(), reason))

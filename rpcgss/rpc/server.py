"""A server of RPC programs on any number of channels.

How it works: of each connection as many records are read as may be under way, and then no more until one is done
(`intake`); calls are answered in place (`serving`, `dispatch`): one that has to wait keeps the task, and another goes
on with reading.
"""

import itertools
import logging
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any, Final

import trio

import xdr
from rpcgss.rpc.dispatch import Dispatcher, Policy
from rpcgss.rpc.errors import BadMessage
from rpcgss.rpc.flavors import Connection, ServerFlavor
from rpcgss.rpc.intake import Crowd
from rpcgss.rpc.observe import Audience, ConnectionEvent, ConnectionEventKind, End, Observer, Source
from rpcgss.rpc.octets import Octets
from rpcgss.rpc.peers import Peer, Peers
from rpcgss.rpc.places import Places
from rpcgss.rpc.programs import Call
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.replies import ReplyCache
from rpcgss.rpc.serving import Replier, Serving
from rpcgss.rpc.tls import ServerTls, begin
from transport import (
    MAX_CONNECTIONS,
    MAX_RECORD,
    DatagramSocket,
    Listener,
    RecordTooLarge,
    Stalled,
    StreamChannel,
    TransportError,
    UnixListener,
    accept_channels,
)

DRAIN_SECONDS: Final = 30.0
SEND_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 900.0
MAX_OCTETS: Final = 128 << 20
LINGER_SECONDS: Final = 1.0

_log = QuietLog(logging.getLogger(__name__))
_serials = itertools.count(1)


class Server:
    """Any number of program versions on any number of channels.

    services     -- instances of generated service classes; two of the same program and version raise `ValueError`
    flavors      -- what calls may be authenticated with; a flavor that is not there is AUTH_REJECTEDCRED
    policy       -- asked for each call; see `Policy`
    tls          -- offer TLS (RFC 9289), and demand it or not; None: connections are plain, and probes for TLS are
                    refused. `Call.connection.tls` tells a policy what there is. May be changed, for new connections
    max_calls, max_calls_per_connection -- under way at once, in all and on one connection; beyond that, nothing more is
                    read. A connection never has more than half of all, and less when others are busy: see `Places`
    max_connections, max_record -- see `transport`
    max_octets   -- of memory for records and replies over 72 KiB, of all connections together: nothing more is read
                    where that would be exceeded; see `Octets`. ValueError if it is less than `max_record`
    send_seconds, record_seconds, idle_seconds -- a connection is closed whose peer does not take replies for so long,
                    does not send the rest of a record, or sends nothing at all and has nothing under way
    non_idempotent -- procedures that must not be executed twice: what comes again within `reply_cache`'s time gets the
                    reply of the first time. Raises `ValueError` of one that no service has
    reply_cache  -- where replies to those are kept; None: in memory
    observer     -- is told of connections and calls, and of what the flavors have to tell

    With `max_connections` open, the one that has been idle for longest makes room for the next.
    """

    def __init__(
        self,
        services: Iterable[xdr.Service[Call]],
        flavors: Iterable[ServerFlavor],
        *,
        policy: Policy | None = None,
        non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
        reply_cache: ReplyCache | None = None,
        tls: ServerTls | None = None,
        max_calls: int = 1024,
        max_calls_per_connection: int = 128,
        max_connections: int = MAX_CONNECTIONS,
        max_record: int = MAX_RECORD,
        max_octets: int = MAX_OCTETS,
        send_seconds: float = SEND_SECONDS,
        record_seconds: float = RECORD_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
        observer: Observer | None = None,
    ) -> None:
        if not isinstance(tls, ServerTls | None):
            raise TypeError(f"{tls!r} does not say how a server offers TLS: give what rpcgss.server_tls makes")
        if max_octets < max_record:
            raise ValueError(f"max_octets must have room for one record of {max_record} octets (max_record)")
        self._observer: Final = None if observer is None else Audience(observer)
        self._dispatcher: Final = Dispatcher(
            services,
            flavors,
            policy=policy,
            non_idempotent=non_idempotent,
            reply_cache=reply_cache,
            tls=tls,
            observer=self._observer,
        )
        self._replier: Final = Replier(self._dispatcher, self._observer)
        self.counters: Final = self._dispatcher.counters
        self.reply_cache: Final = self._dispatcher.reply_cache
        self._crowd: Final = Crowd(
            Places(max_calls, max_calls_per_connection),
            Octets(max_octets),
            idle_seconds=idle_seconds,
            record_seconds=record_seconds,
        )
        self._max_connections: Final = max_connections
        self._max_record: Final = max_record
        self._send_seconds: Final = send_seconds
        self._stopping: Final = trio.Event()
        self._reading: Final[set[trio.CancelScope]] = set()  # the tasks that read datagrams
        if self._observer is not None:
            self._observer.attached(Source("server", self.counters))
            self._observer.attached(Source("reply_cache", self.reply_cache.counters))
            for source in itertools.chain.from_iterable(one.sources() for one in self._dispatcher.flavors.values()):
                self._observer.attached(source)

    @property
    def tls(self) -> ServerTls | None:
        """How TLS is offered."""
        return self._dispatcher.tls

    @tls.setter
    def tls(self, tls: ServerTls | None) -> None:
        self._dispatcher.tls = tls

    @property
    def programs(self) -> list[tuple[int, int]]:
        """Numbers and versions of the programs that it offers."""
        return self._dispatcher.programs.numbers

    async def serve(self, listeners: Sequence[Listener], *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Serve until `stop` is called; then accept and read nothing more, let what runs end, at most `drain_seconds`
        long, and return. The listeners, of whatever kinds, are closed on every way out. Cancelled: calls under way
        are cancelled too. Raises `TypeError` of a listener that is no list of them, and `ValueError` of UDP and Unix
        sockets where TLS is offered."""
        if isinstance(listeners, trio.abc.AsyncResource):
            raise TypeError("listeners is a list, as listen_tcp and listen_udp give it, or [listen_unix(path)]")
        if self.tls is not None and any(isinstance(listener, UnixListener | DatagramSocket) for listener in listeners):
            for listener in listeners:
                await trio.aclose_forcefully(listener)
            raise ValueError("TLS is for TCP: serve UDP and Unix sockets by a server without it")
        streams = [listener for listener in listeners if not isinstance(listener, DatagramSocket)]
        async with trio.open_nursery() as connections:
            for listener in listeners:
                if isinstance(listener, DatagramSocket):
                    connections.start_soon(self.serve_datagrams, listener)
            async with trio.open_nursery() as accepting:
                accepting.start_soon(self._accept, streams, connections)
                await self._stopping.wait()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + drain_seconds

    async def _accept(
        self, listeners: Sequence[trio.abc.Listener[trio.SocketStream]], connections: trio.Nursery
    ) -> None:
        await accept_channels(
            self.serve_channel,
            listeners,
            connections,
            max_connections=self._max_connections,
            max_record=self._max_record,
            make_room=self._crowd.make_room,
        )

    def stop(self) -> None:
        """Begin the end: see `serve`. Idempotent."""
        self._stopping.set()
        self._crowd.stop()
        for scope in self._reading:
            scope.cancel()

    async def serve_channel(self, channel: StreamChannel) -> None:
        """Serve one peer until it closes, breaks the rules, or `stop` is called. Closes the channel. Cancelled: calls
        under way are cancelled too."""
        self.counters.connections += 1
        channel.send_seconds = self._send_seconds
        connection = Connection(channel.peer, next(_serials), channel.reliable, channel.origin)
        self._tell(ConnectionEventKind.OPENED, connection)
        kind, reason = ConnectionEventKind.CLOSED, ""
        try:
            with self._crowd.intake(channel) as intake:
                async with trio.open_nursery() as tasks:
                    serving = Serving(self._replier, channel, connection, intake, tasks)
                    await serving.run(None if self.tls is None else partial(begin, channel, connection, self.tls))
                self.counters.reaped += bool(intake.reaped)
                reason = intake.reaped or serving.reason
                kind = ConnectionEventKind.LOST if reason else kind
            if self._stopping.is_set():
                await _linger(channel)
        finally:
            self._tell(kind, connection, reason)
            await trio.aclose_forcefully(channel)

    async def serve_datagrams(self, sock: DatagramSocket) -> None:
        """Answer calls that come as datagrams, until `stop` is called. Closes the socket. Cancelled: calls under way
        are cancelled too."""
        async with sock, trio.open_nursery() as calls:
            with trio.CancelScope() as scope:
                self._reading.add(scope)
                if self._stopping.is_set():
                    scope.cancel()
                try:
                    await self._read_datagrams(sock, calls)
                finally:
                    self._reading.discard(scope)

    async def _read_datagrams(self, sock: DatagramSocket, calls: trio.Nursery) -> None:
        """Start calls as they come. A peer that has its share of places under way loses the call, and may send it
        again; when all of them together have theirs, nothing more is read."""
        peers = Peers(sock, self._crowd.places)
        while True:
            for record, sender in await sock.receive():
                peer = peers.find(sender)
                if await peer.take():
                    calls.start_soon(self._handle, record, peer)
                else:
                    self.counters.dropped += 1

    async def _handle(self, record: bytes, peer: Peer) -> None:
        """Answer a datagram."""
        seen = self._replier.sighting(record, peer.connection)
        try:
            reply = await self._replier.reply(record, peer.connection, seen)
            if reply is not None:
                await peer.send(reply)
                if seen is not None:
                    seen.octets_out = sum(map(len, reply))
        except (Stalled, BadMessage, RecordTooLarge) as error:
            self.counters.dropped += 1
            _log.info("%s: dropped: %s", peer.connection.peer, error, event="call.dropped", peer=peer.connection.peer)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
        finally:
            peer.done(0)
            self._replier.ended(seen)

    # For those who look on

    def _tell(self, kind: ConnectionEventKind, connection: Connection, reason: str = "") -> None:
        if self._observer is not None:
            self._observer.event(ConnectionEvent(kind, End.SERVER, connection.peer, trio.current_time(), reason))


async def _linger(channel: StreamChannel) -> None:
    """Let the peer read its last replies: to close a socket with unread data on it would throw them away."""
    with trio.move_on_after(LINGER_SECONDS):
        try:
            await channel.send_eof()
            while True:
                await channel.receive()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, TransportError):
            return

"""A server of RPC programs: reads calls from channels, lets a flavor verify them and a service answer them.

How it works: a task for each connection reads records, as many as may be under way, and then no more until one is
done (`intake`); a task for each call does the rest. All that a call can be refused for is raised as an exception, and
`_refusal` is the one place that makes a reply of it.
"""

import itertools
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn

import trio

import xdr
from rpcgss.rpc.errors import (
    AuthRefused,
    BadMessage,
    Denied,
    GarbageArguments,
    NotExecuted,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    Refusal,
    RpcError,
    ServerFault,
    Superseded,
)
from rpcgss.rpc.flavors import Answer, Connection, Identity, ServerFlavor, Session
from rpcgss.rpc.intake import Crowd, Intake
from rpcgss.rpc.kept import call_key
from rpcgss.rpc.messages import (
    NULL_AUTH,
    CallHeader,
    ReceivedCall,
    encode_denied,
    encode_not_executed,
    encode_success,
    message_xid,
    parse_call_untrusted,
)
from rpcgss.rpc.observe import (
    CANCELLED,
    DROPPED,
    OK,
    UNSENT,
    Audience,
    ConnectionEvent,
    ConnectionEventKind,
    End,
    ObservedCall,
    Observer,
    Source,
    flavor_name,
)
from rpcgss.rpc.octets import Octets
from rpcgss.rpc.peers import Peer, Peers
from rpcgss.rpc.places import Places
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.replies import MemoryReplyCache, ReplyCache
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth
from rpcgss.rpc.tls import ServerTls, begin
from transport import (
    MAX_CONNECTIONS,
    MAX_RECORD,
    UNASKED_OCTETS,
    DatagramSocket,
    Listener,
    RecordTooLarge,
    Stalled,
    StreamChannel,
    TransportError,
    UnixListener,
    accept_channels,
)
from xdr import Buffer

DRAIN_SECONDS: Final = 30.0
SEND_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 900.0
MAX_OCTETS: Final = 128 << 20
LINGER_SECONDS: Final = 1.0

_log = QuietLog(logging.getLogger(__name__))
_serials = itertools.count(1)


@dataclass(eq=False, slots=True)
class Call:
    """What a service knows of a call besides its argument."""

    xid: int
    procedure: xdr.Procedure[Any, Any]
    identity: Identity
    connection: Connection


Policy = Callable[[Call], None]
"""Looks at a verified call before its arguments are decoded; raises `AuthRefused` (AUTH_TOOWEAK, say) to refuse it."""


@dataclass(slots=True)
class ServerCounters:
    """Totals since the server was made. `calls` are those that came to a service; `refused` got another reply than a
    result; `dropped` got none. `reaped`: connections that were closed because they were in the way."""

    connections: int = 0
    calls: int = 0
    control: int = 0
    refused: int = 0
    dropped: int = 0
    faults: int = 0
    reaped: int = 0


class Server:
    """Any number of program versions on any number of channels.

    services     -- instances of generated service classes; two of the same program and version raise `ValueError`
    flavors      -- what calls may be authenticated with; a flavor that is not there is AUTH_REJECTEDCRED
    policy       -- asked for each call; see `Policy`
    tls          -- offer TLS (RFC 9289), and demand it or not; None: connections are plain, and probes for TLS are
                    refused. `Call.connection.tls` tells a policy what there is. May be changed, for new connections
    max_calls    -- under way at once, in all and on one connection; beyond that, nothing more is read. A connection
                    never has more than half of all, and less when others are busy: see `Places`
    max_connections, max_record -- see `transport`
    max_octets   -- of memory for records and replies over 72 KiB, of all connections together: nothing more is read
                    where that would be exceeded; see `Octets`. ValueError if it is less than `max_record`
    send_seconds, record_seconds, idle_seconds -- a connection is closed whose peer does not take a reply for so long,
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
        self.counters: Final = ServerCounters()
        self._observer: Final = None if observer is None else Audience(observer)
        self.tls = tls
        self._programs: Final = _by_program(services)
        self._flavors: Final = _by_number(flavors)
        self._policy: Final = policy
        self._crowd: Final = Crowd(
            Places(max_calls, max_calls_per_connection),
            Octets(max_octets),
            idle_seconds=idle_seconds,
            record_seconds=record_seconds,
        )
        self._non_idempotent: Final = self._numbers_of(non_idempotent)
        self.reply_cache: Final = MemoryReplyCache() if reply_cache is None else reply_cache
        self._max_connections: Final = max_connections
        self._max_record: Final = max_record
        self._send_seconds: Final = send_seconds
        self._stopping: Final = trio.Event()
        self._reading: Final[set[trio.CancelScope]] = set()  # the tasks that read datagrams
        if self._observer is not None:
            self._observer.attached(Source("server", self.counters))
            self._observer.attached(Source("reply_cache", self.reply_cache.counters))
            for source in itertools.chain.from_iterable(one.sources() for one in self._flavors.values()):
                self._observer.attached(source)

    @property
    def programs(self) -> list[tuple[int, int]]:
        """Numbers and versions of the programs that it offers."""
        return [(program, version) for program, versions in self._programs.items() for version in versions]

    async def serve(self, listeners: Sequence[Listener], *, drain_seconds: float = DRAIN_SECONDS) -> None:
        """Serve until `stop` is called; then accept and read nothing more, let what runs end, at most `drain_seconds`
        long, and return. The listeners, of whatever kinds, are closed on every way out. Cancelled: calls under way are
        cancelled too."""
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
        """Serve one peer until it closes, breaks the rules, or `stop` is called. Closes the channel."""
        self.counters.connections += 1
        channel.send_seconds = self._send_seconds
        connection = Connection(channel.peer, next(_serials), channel.reliable, channel.origin)
        self._tell(ConnectionEventKind.OPENED, connection)
        kind, reason = ConnectionEventKind.CLOSED, ""
        try:
            with self._crowd.intake(channel) as intake:
                async with trio.open_nursery() as calls:
                    reason = await self._read(channel, connection, intake, calls)
                self.counters.reaped += bool(intake.reaped)
                reason = intake.reaped or reason
                kind = ConnectionEventKind.LOST if reason else kind
            if self._stopping.is_set():
                await _linger(channel)
        finally:
            self._tell(kind, connection, reason)
            await trio.aclose_forcefully(channel)

    async def _read(self, channel: StreamChannel, connection: Connection, intake: Intake, calls: trio.Nursery) -> str:
        """Start calls as they come. Returns why the connection broke; "" if it was closed."""

        def handle(record: bytes, octets: int) -> None:
            calls.start_soon(self._handle, record, octets, channel, connection, intake)

        try:
            await intake.read(handle, None if self.tls is None else partial(begin, channel, connection, self.tls))
        # What runs goes on to its end: the peer may still read, and work half done helps nobody.
        except trio.EndOfChannel:
            return ""
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            return str(error) or "it broke"
        except TransportError as error:
            _end(connection, error)
            await trio.aclose_forcefully(channel)
            return str(error)
        return ""

    async def serve_datagrams(self, sock: DatagramSocket) -> None:
        """Answer calls that come as datagrams, until `stop` is called. Closes the socket."""
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
                    calls.start_soon(self._handle, record, 0, peer, peer.connection, peer)
                else:
                    self.counters.dropped += 1

    # One call

    async def _handle(
        self,
        record: bytes,
        octets: int,
        channel: StreamChannel | Peer,
        connection: Connection,
        intake: Intake | Peer,
    ) -> None:
        seen = None if self._observer is None else _sighting(record, connection)
        try:
            reply = await self._answer(record, connection, seen)
            if reply is None:
                self.counters.dropped += 1
                if seen is not None:
                    seen.outcome = DROPPED
                return
            large = len(reply[-1])  # the rest is headers
            if (large > UNASKED_OCTETS or octets) and isinstance(intake, Intake):
                octets = intake.replied(record, large, octets)
            await channel.send(reply)
            if seen is not None:
                seen.octets_out = sum(map(len, reply))
        except (Stalled, BadMessage, RecordTooLarge) as error:
            if isinstance(channel, Peer):
                self.counters.dropped += 1
                _log.info("%s: dropped: %s", connection.peer, error, event="call.dropped", peer=connection.peer)
            else:
                _end(connection, error)
                await trio.aclose_forcefully(channel)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader knows as well
        except Exception:
            self.counters.faults += 1
            _fault("a call of %s failed", connection)
        finally:
            intake.done(octets)
            if seen is not None:
                self._ended(seen)

    async def _answer(self, record: bytes, connection: Connection, seen: ObservedCall | None) -> list[Buffer] | None:
        """The reply to a record; None: drop it. Raises `BadMessage`."""
        try:
            call = parse_call_untrusted(record)
            if seen is not None:
                self._began(seen, call)
            outcome = await self._authenticate(call, connection)
            if outcome is None:
                return None
            if isinstance(outcome, Answer):
                self.counters.control += 1
                if seen is not None:
                    seen.control, seen.outcome = True, OK
                if outcome.refusal is not None:
                    return [self._refusal(call.xid, outcome.refusal, outcome.verifier, connection, seen)]
                return [encode_success(call.xid, outcome.verifier), outcome.body]
            if seen is not None:
                seen.identity, seen.flavor = outcome.identity, outcome.identity.security
            return await self._reply(call, outcome, connection, seen)
        except Refusal as refusal:
            return [self._refusal(message_xid(record) or 0, refusal, NULL_AUTH, connection, seen)]
        except BadMessage:
            raise
        except Superseded:
            return None
        except RpcError as error:  # a reply that cannot be protected must not leave at all (RFC 2203, 5.3.3.4)
            _log.warning("%s: no reply: %s", connection.peer, error, event="reply.unprotected", peer=connection.peer)
            return None

    async def _authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        """See `ServerFlavor.authenticate`. Raises `RpcError` and nothing else."""
        flavor = self._flavors.get(call.credential.flavor)
        if flavor is None:
            if self.tls is not None and call.credential.flavor == auth_flavor.AUTH_TLS:
                raise AuthRefused(auth_stat.AUTH_BADCRED, "AUTH_TLS is for a NULL call before all others, in plaintext")
            raise AuthRefused(auth_stat.AUTH_REJECTEDCRED, f"flavor {call.credential.flavor} is not taken")
        if self.tls is not None and connection.tls is None and not self.tls.optional:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, "TLS is demanded")
        try:
            return await flavor.authenticate(call, connection)
        except RpcError:
            raise
        except Exception as error:
            self.counters.faults += 1
            _fault("authenticating a call of %s failed", connection)
            raise ServerFault("authentication failed") from error

    async def _reply(
        self, call: ReceivedCall, session: Session, connection: Connection, seen: ObservedCall | None
    ) -> list[Buffer] | None:
        """The reply to a verified call; None: there is none that could be protected. Raises `RpcError`."""
        try:
            try:
                body = await session.protect(await self._execute(call, session, connection, seen))
                reply: list[Buffer] = [encode_success(call.xid, await session.verifier()), body]
                if connection.max_reply is not None:
                    _require_room(reply, connection.max_reply)
                if seen is not None:
                    seen.outcome = OK
                return reply
            except NotExecuted as refusal:
                return [self._refusal(call.xid, refusal, await session.verifier(), connection, seen)]
        except RpcError:
            raise
        except Exception:
            self.counters.faults += 1
            _fault("protecting a reply to %s failed", connection)
            return None
        finally:
            session.finished()

    def _refusal(
        self, xid: int, refusal: Refusal, verifier: opaque_auth, connection: Connection, seen: ObservedCall | None
    ) -> bytes:
        """The one place where a refusal becomes a reply."""
        self.counters.refused += 1
        status = refusal.wire_name
        _log.info("%s: %s", connection.peer, refusal, event="call.refused", peer=connection.peer, status=status)
        if seen is not None:
            seen.outcome = status
        match refusal:
            case NotExecuted():
                return encode_not_executed(xid, verifier, refusal)
            case Denied():
                return encode_denied(xid, refusal)
        raise TypeError(f"{refusal!r} has no wire status")

    async def _execute(
        self, received: ReceivedCall, session: Session, connection: Connection, seen: ObservedCall | None
    ) -> Buffer:
        """The encoded result. Raises `Refusal`, and `Superseded`."""
        procedure, method = self._find(received)
        call = Call(received.xid, procedure, session.identity, connection)
        try:
            if self._policy is not None:
                _ask(self._policy, call)
            arguments = await session.unprotect(received.body)
        except Exception as error:
            self._fail(call, error)
        numbers = received.program, received.version, received.procedure
        if numbers not in self._non_idempotent:
            return await self._perform(call, method, arguments)
        key = call_key(session.identity, connection.origin, CallHeader(received.xid, *numbers), arguments)
        perform = partial(self._perform, call, method, arguments)
        if seen is not None:
            seen.repeated = True  # unless it is executed
            perform = partial(self._perform_seen, seen, perform)
        try:
            return await self.reply_cache.run(key, perform)
        except Superseded:
            raise
        except Exception as error:
            self._fail(call, error)

    async def _perform_seen(self, seen: ObservedCall, perform: Callable[[], Awaitable[Buffer]]) -> Buffer:
        seen.repeated = False
        return await perform()

    async def _perform(self, call: Call, method: Callable[..., Awaitable[Any]], body: Buffer) -> Buffer:
        """The encoded result of a call that is to be executed. Raises `Refusal` and nothing else."""
        try:
            arguments = _decode(call.procedure, body)
            self.counters.calls += 1
            running = method(call, *arguments)
            if not hasattr(running, "__await__"):
                raise TypeError(
                    f"{call.procedure.name} is a plain method: make it async, or give its service to "
                    "rpcgss.blocking.service"
                )
            return call.procedure.result.encode(await running)
        except xdr.ProcedureUnavailable as error:
            raise ProcedureUnavailable(str(error)) from error
        except Exception as error:
            self._fail(call, error)

    def _fail(self, call: Call, error: Exception) -> NoReturn:
        """Raise what is being handled as the `Refusal` that it is, or a fault of ours."""
        if isinstance(error, Refusal) and not error.received:
            raise
        self.counters.faults += 1
        _fault(f"{call.procedure.name} of %s failed", call.connection)
        raise ServerFault(f"{call.procedure.name} failed") from error

    def _numbers_of(self, procedures: Collection[xdr.Procedure[Any, Any]]) -> frozenset[tuple[int, int, int]]:
        for procedure in procedures:
            if not isinstance(procedure, xdr.Procedure):
                raise TypeError(f"{procedure!r} is no procedure: give constants of a generated class")
            service = self._programs.get(procedure.program, {}).get(procedure.version)
            if service is None or service.handler(procedure.number) is None:
                raise ValueError(f"{procedure.name} is to be executed at most once, but is of no service here")
        return frozenset((procedure.program, procedure.version, procedure.number) for procedure in procedures)

    def _find(self, call: ReceivedCall) -> tuple[xdr.Procedure[Any, Any], Callable[..., Awaitable[Any]]]:
        versions = self._programs.get(call.program)
        if versions is None:
            raise ProgramUnavailable(f"there is no program {call.program}")
        service = versions.get(call.version)
        if service is None:
            raise ProgramMismatch(min(versions), max(versions))
        found = service.handler(call.procedure)
        if found is None:
            raise ProcedureUnavailable(f"program {call.program} has no procedure {call.procedure}")
        return found

    # For those who look on

    def _tell(self, kind: ConnectionEventKind, connection: Connection, reason: str = "") -> None:
        if self._observer is not None:
            self._observer.event(ConnectionEvent(kind, End.SERVER, connection.peer, trio.current_time(), reason))

    def _began(self, seen: ObservedCall, call: ReceivedCall) -> None:
        assert self._observer is not None
        seen.xid, seen.program, seen.version, seen.number = call.xid, call.program, call.version, call.procedure
        seen.flavor = flavor_name(call.credential.flavor)
        service = self._programs.get(call.program, {}).get(call.version)
        procedure = None if service is None else service.PROCEDURES.get(call.procedure)
        seen.procedure = "" if procedure is None else procedure.name
        seen.outcome = CANCELLED  # until it is known better
        self._observer.call_began(seen)

    def _ended(self, seen: ObservedCall) -> None:
        assert self._observer is not None
        if not seen.outcome:
            return  # it was no call
        if not seen.octets_out and seen.outcome not in (DROPPED, CANCELLED):
            seen.outcome = UNSENT
        seen.seconds = trio.current_time() - seen.began
        self._observer.call_ended(seen)


@asynccontextmanager
async def stopping_on_signals(
    server: Server, signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)
) -> AsyncIterator[None]:
    """While the block runs, the first of `signals` stops the server, and the second ends the block at once."""

    async def watch(arrivals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        async for _ in arrivals:
            server.stop()
            break
        async for _ in arrivals:
            scope.cancel()

    failure: BaseException | None = None
    with trio.open_signal_receiver(*signals) as arrivals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, arrivals, nursery.cancel_scope)
            # An exception of the block is not this nursery's: it would come out wrapped into a group.
            try:
                yield
            except (Exception, KeyboardInterrupt, SystemExit) as error:
                failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _sighting(record: bytes, connection: Connection) -> ObservedCall:
    """Of what may turn out to be a call."""
    return ObservedCall(End.SERVER, connection.peer, 0, 0, 0, "other", trio.current_time(), octets_in=len(record))


def _require_room(reply: list[Buffer], octets: int) -> None:
    if (size := sum(map(len, reply))) > octets:
        raise ServerFault(f"a reply of {size} octets does not fit into a UDP datagram: use TCP")


def _end(connection: Connection, error: Exception) -> None:
    peer = connection.peer
    _log.warning("%s: %s; closing the connection", peer, error, event="connection.ended", peer=peer, reason=str(error))


def _fault(message: str, connection: Connection) -> None:
    _log.exception(message, connection.peer, event="call.failed", peer=connection.peer)


def _by_number(flavors: Iterable[ServerFlavor]) -> dict[int, ServerFlavor]:
    found: dict[int, ServerFlavor] = {}
    for flavor in flavors:
        if not isinstance(flavor, ServerFlavor):
            raise TypeError(f"{flavor!r} is no server's flavor: give AcceptNone(), AcceptSys() or a GssServerFlavor")
        if flavor.number in found:
            raise ValueError(f"flavor {flavor.number} is there twice")
        found[flavor.number] = flavor
    return found


def _by_program(services: Iterable[xdr.Service[Call]]) -> dict[int, dict[int, xdr.Service[Call]]]:
    programs: dict[int, dict[int, xdr.Service[Call]]] = {}
    for service in services:
        if not isinstance(service, xdr.Service):
            raise TypeError(f"{service!r} is no service: give an instance of a subclass of a generated service class")
        versions = programs.setdefault(service.PROGRAM, {})
        if service.VERSION in versions:
            raise ValueError(f"program {service.PROGRAM}, version {service.VERSION} is there twice")
        versions[service.VERSION] = service
    return programs


def _ask(policy: Callable[[Call], object], call: Call) -> None:
    """Raises what the policy raises. One that answers instead has not been asked in the way it means: an async one has
    not even begun."""
    answer = policy(call)
    if answer is not None:
        raise TypeError(f"a policy raises what it refuses by, and returns nothing: no {type(answer).__name__}")


def _decode(procedure: xdr.Procedure[Any, Any], body: Buffer) -> tuple[Any, ...]:
    try:
        argument = procedure.argument.decode(body)
    except xdr.DecodeError as error:
        raise GarbageArguments(f"{procedure.name}: {error}") from error
    return () if procedure.argument is xdr.VOID else (argument,)


async def _linger(channel: StreamChannel) -> None:
    """Let the peer read its last replies: to close a socket with unread data on it would throw them away."""
    with trio.move_on_after(LINGER_SECONDS):
        try:
            await channel.send_eof()
            while True:
                await channel.receive()
        except (trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError, TransportError):
            return

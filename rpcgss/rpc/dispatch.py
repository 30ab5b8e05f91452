"""One call, from its record to its reply: a flavor verifies it, a service answers it.

All that a call can be refused for is raised as an exception, and `_refusal` is the one place that makes a reply of it.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NoReturn

import xdr
from rpcgss.rpc.errors import (
    AuthRefused,
    BadMessage,
    Denied,
    GarbageArguments,
    NotExecuted,
    ProcedureUnavailable,
    Refusal,
    RpcError,
    ServerFault,
    Superseded,
)
from rpcgss.rpc.flavors import Answer, Connection, ServerFlavor, Session
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
from rpcgss.rpc.observe import CANCELLED, OK, ObservedCall, Observer, flavor_name
from rpcgss.rpc.programs import Call, Programs
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.replies import MemoryReplyCache, ReplyCache
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth
from rpcgss.rpc.tls import ServerTls
from xdr import Buffer

_log = QuietLog(logging.getLogger(__name__))

Policy = Callable[[Call], None]
"""Looks at a verified call before its arguments are decoded; raises `AuthRefused` (AUTH_TOOWEAK, say) to refuse it. Not
async, and it returns nothing: a call whose policy answers fails."""


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


class Dispatcher:
    """Makes replies of records. The parameters are `Server`'s.

    flavors -- by number
    """

    def __init__(
        self,
        services: Iterable[xdr.Service[Call]],
        flavors: Iterable[ServerFlavor],
        *,
        policy: Policy | None,
        non_idempotent: Collection[xdr.Procedure[Any, Any]],
        reply_cache: ReplyCache | None,
        tls: ServerTls | None,
        observer: Observer | None,
    ) -> None:
        self.counters: Final = ServerCounters()
        self.programs: Final = Programs(services)
        self.flavors: Final = _by_number(flavors)
        self.reply_cache: Final = MemoryReplyCache() if reply_cache is None else reply_cache
        self.tls = tls
        self._policy: Final = policy
        self._non_idempotent: Final = self.programs.numbers_of(non_idempotent)
        self._observer: Final = observer

    async def answer(self, record: Buffer, connection: Connection, seen: ObservedCall | None) -> list[Buffer] | None:
        """The reply to a record, its header first; None: drop it. Raises `BadMessage`."""
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
        flavor = self.flavors.get(call.credential.flavor)
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
            fault("authenticating a call of %s failed", connection)
            raise ServerFault("authentication failed") from error

    async def _reply(
        self, call: ReceivedCall, session: Session, connection: Connection, seen: ObservedCall | None
    ) -> list[Buffer] | None:
        """The reply to a verified call; None: there is none that could be protected. Raises `RpcError`."""
        try:
            try:
                verifier, body = await session.sealed(await self._execute(call, session, connection, seen))
                reply: list[Buffer] = [encode_success(call.xid, verifier), *body]
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
            fault("protecting a reply to %s failed", connection)
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
    ) -> Sequence[Buffer]:
        """The encoded result, in pieces. Raises `Refusal`, and `Superseded`."""
        procedure, method = self.programs.find(received)
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
        perform = partial(self._perform_joined, call, method, arguments)
        if seen is not None:
            seen.repeated = True  # unless it is executed
            perform = partial(self._perform_seen, seen, perform)
        try:
            return [await self.reply_cache.run(key, perform)]
        except Superseded:
            raise
        except Exception as error:
            self._fail(call, error)

    async def _perform_seen(self, seen: ObservedCall, perform: Callable[[], Awaitable[Buffer]]) -> Buffer:
        seen.repeated = False
        return await perform()

    async def _perform_joined(self, call: Call, method: Callable[..., Awaitable[Any]], body: Buffer) -> Buffer:
        return b"".join(await self._perform(call, method, body))

    async def _perform(self, call: Call, method: Callable[..., Awaitable[Any]], body: Buffer) -> Sequence[Buffer]:
        """The encoded result of a call that is to be executed, in pieces. Raises `Refusal` and nothing else."""
        try:
            arguments = _decode(call.procedure, body)
            self.counters.calls += 1
            running = method(call, *arguments)
            if not hasattr(running, "__await__"):
                raise TypeError(
                    f"{call.procedure.name} is a plain method: make it async, or give its service to "
                    "rpcgss.blocking.service"
                )
            return call.procedure.result.pieces(await running)
        except xdr.ProcedureUnavailable as error:
            raise ProcedureUnavailable(str(error)) from error
        except Exception as error:
            self._fail(call, error)

    def _fail(self, call: Call, error: Exception) -> NoReturn:
        """Raise what is being handled as the `Refusal` that it is, or a fault of ours."""
        if isinstance(error, Refusal) and not error.received:
            raise
        self.counters.faults += 1
        fault(f"{call.procedure.name} of %s failed", call.connection)
        raise ServerFault(f"{call.procedure.name} failed") from error

    def _began(self, seen: ObservedCall, call: ReceivedCall) -> None:
        assert self._observer is not None
        seen.xid, seen.program, seen.version, seen.number = call.xid, call.program, call.version, call.procedure
        seen.flavor = flavor_name(call.credential.flavor)
        seen.procedure = self.programs.procedure_name(call)
        seen.outcome = CANCELLED  # until it is known better
        self._observer.call_began(seen)


def _by_number(flavors: Iterable[ServerFlavor]) -> dict[int, ServerFlavor]:
    found: dict[int, ServerFlavor] = {}
    for flavor in flavors:
        if not isinstance(flavor, ServerFlavor):
            raise TypeError(f"{flavor!r} is no server's flavor: give AcceptNone(), AcceptSys() or a GssServerFlavor")
        if flavor.number in found:
            raise ValueError(f"flavor {flavor.number} is there twice")
        found[flavor.number] = flavor
    return found


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


def _require_room(reply: Sequence[Buffer], octets: int) -> None:
    if (size := sum(map(len, reply))) > octets:
        raise ServerFault(f"a reply of {size} octets does not fit into a UDP datagram: use TCP")


def fault(message: str, connection: Connection) -> None:
    """Log the exception that is being handled, which is a fault of ours."""
    _log.exception(message, connection.peer, event="call.failed", peer=connection.peer)

"""The server's end: grants tickets, honours them, and keeps nothing of a client but its unused contexts.

A re-authentication is decided and answered without awaiting anything, in the order in which requests arrive. Whatever
is wrong with one, the client hears the same AUTH_REJECTEDCRED; the reason goes to the log and the counters alone.
"""

import logging
import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import ClassVar, Final

import trio

from rpcgss.gss.bodies import Credential
from rpcgss.gss.context import Context, Origin
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.extension import Establishment, Grant, ServerExtension, ServerHost
from rpcgss.gss.provider import GssFlag, GssName
from rpcgss.gss.store import StoreEvent, StoreEventKind
from rpcgss.gss.window import ReceiveWindow
from rpcgss.reauth.aead import SUITES, AeadProtection, require_suites
from rpcgss.reauth.answer import read_untrusted
from rpcgss.reauth.errors import NoGrant, Reason, Refused
from rpcgss.reauth.grant import check_grantable, encode_grant
from rpcgss.reauth.keylog import KeyLog
from rpcgss.reauth.keys import session_key
from rpcgss.reauth.keyset import KeySet, KeySource
from rpcgss.reauth.reauth_xdr import FRA1
from rpcgss.reauth.replies import Replies
from rpcgss.reauth.ticket import CHAIN_LENGTH, MAX_LIFETIME, Plain, State, seal
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.flavors import Answer, Connection
from rpcgss.rpc.messages import ReceivedCall
from rpcgss.rpc.observe import Event, Listeners, Source
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth

LOOK_INTERVAL: Final = 1.0
"""Seconds after which a revocation, or the end of an unused context, is noticed at the latest."""

MAX_REMEMBERED: Final = 65536
"""Digests of accepted requests that are remembered."""

_log = QuietLog(logging.getLogger(__name__))


class ReauthEventKind(Enum):
    """What became of a completed exchange, or of a request for re-authentication."""

    GRANTED = "granted"
    NOT_GRANTED = "not granted"
    ACCEPTED = "accepted"
    REPEATED = "repeated"
    DROPPED = "dropped"
    REFUSED = "refused"
    REAUTHENTICATED = "re-authenticated"


@dataclass(frozen=True, slots=True)
class ReauthEvent(Event):
    """`reason` is for operators, never for the peer; `principal` only once it is proven."""

    topic: ClassVar[str] = "ticket"
    kind: ReauthEventKind
    principal: str | None = None
    reason: str | None = None

    def described(self) -> dict[str, str | float | None]:
        return {"principal": self.principal, "reason": self.reason}


@dataclass(slots=True)
class TicketServerCounters:
    """Totals since the start.

    accepted -- requests answered with a new context; repeated: again with the same one; dropped: late repeats
    reauthenticated -- contexts that were then really used; revoked: live contexts ended by a revocation time
    """

    granted: int = 0
    not_granted: int = 0
    accepted: int = 0
    repeated: int = 0
    dropped: int = 0
    reauthenticated: int = 0
    revoked: int = 0
    refused: dict[Reason, int] = field(default_factory=dict)


class TicketServer(ServerExtension):
    """Plug this into a server flavor to grant tickets under `keyring`, and to honour those that it finds there.

    may_reauthenticate -- asked before each new context, with the principal and the seconds since its GSS exchange;
                          anything but True is a no, and so is any exception
    application        -- octets to carry along in the ticket, at most 256, for each new GSS context
    delegation_expendable -- True: the application can do without delegated credentials, which a ticket cannot carry, so
                          contexts that have some get tickets too
    longest_life       -- seconds; the keyring has a limit too, the shorter counts
    suites             -- numbers of those that may be used; ValueError if this machine has none of them
    key_log            -- where to write the keys of all contexts that are made, for debugging alone
    """

    def __init__(
        self,
        keyring: KeySource,
        *,
        may_reauthenticate: Callable[[GssName, float], bool] | None = None,
        application: Callable[[Establishment], bytes] | None = None,
        delegation_expendable: bool = False,
        longest_life: int = MAX_LIFETIME,
        suites: Sequence[int] = SUITES,
        remembered: int = MAX_REMEMBERED,
        key_log: KeyLog | None = None,
    ) -> None:
        if not isinstance(keyring, KeySource):
            raise TypeError(f"{keyring!r} is no keyring: give what open_keyring(…) gives")
        self.counters: Final = TicketServerCounters()
        self.events: Final[Listeners[ReauthEvent]] = Listeners()
        self._keyring: Final = keyring
        self._may_reauthenticate: Final = may_reauthenticate
        self._application: Final = application
        self._delegation_expendable: Final = delegation_expendable
        self._longest_life: Final = longest_life
        self._suites: Final = require_suites(suites)
        self._replies: Final[Replies[Answer]] = Replies(remembered)
        self._key_log: Final = key_log
        self._revoked_before = 0  # never moves back, though an old copy of the keyring may
        self._look_at = -math.inf
        self._host: ServerHost | None = None
        self._services: dict[bytes, GssName] = {}

    def sources(self) -> Iterable[Source]:
        yield Source("tickets", self.counters, self.events)

    @property
    def gss_proc(self) -> int:
        return FRA1

    def attach(self, host: ServerHost) -> None:
        """Called by the server flavor, once: handles, replies and names belong to one store."""
        if self._host is not None:
            raise RuntimeError("a TicketServer serves one flavor")
        self._host = host
        self._services = {sha256(name.exported).digest(): name for name in host.acceptor_names}
        host.store.events.append(self._note_context)

    async def grant(self, establishment: Establishment, connection: Connection) -> Grant:
        """A ticket for a context that has just been made, if its client understands tickets and it may have one."""
        try:
            grant = self._grant(establishment)
        except (NoGrant, SecurityError) as error:
            self.counters.not_granted += 1
            _log.debug("no ticket for %s: %s", connection.peer, error, event="ticket.none", peer=connection.peer)
            self._tell(ReauthEventKind.NOT_GRANTED, establishment.security.initiator, str(error))
            return Grant()
        self.counters.granted += 1
        self._tell(ReauthEventKind.GRANTED, establishment.security.initiator)
        return grant

    async def reauthenticate(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        """Answer a request; None: a late repeat, dropped. Raises AuthRefused (AUTH_REJECTEDCRED), whatever is wrong."""
        try:
            return self._reauthenticate(call)
        except Refused as refusal:
            refused = self.counters.refused
            refused[refusal.reason] = refused.get(refusal.reason, 0) + 1
            self._tell(ReauthEventKind.REFUSED, reason=refusal.reason)
            raise AuthRefused(auth_stat.AUTH_REJECTEDCRED, refusal.reason) from refusal

    def check_keyring(self) -> None:
        """Look whether the keyring has changed; end live contexts that a new revocation time has overtaken."""
        self._keys()

    def refresh(self, now: float) -> None:
        """Called before each call under a context: one that is revoked, or has waited for too long to be used, is not
        used for another second."""
        if now >= self._look_at:
            self._look_at = now + LOOK_INTERVAL
            self.check_keyring()
            self._attached.store.forget_unused(now)

    async def watch(self, interval: float = LOOK_INTERVAL) -> None:
        """Run `check_keyring` every `interval` seconds, for ever: so that revoked contexts end that nobody uses."""
        while True:
            await trio.sleep(interval)
            self.check_keyring()

    def _grant(self, establishment: Establishment) -> Grant:
        security = establishment.security
        check_grantable(security, establishment.offered)
        if GssFlag.DELEG in security.flags and not self._delegation_expendable:
            raise NoGrant("the context has delegated credentials")
        keys = self._keys()
        key = keys.current(establishment.wall)
        if key is None:
            raise NoGrant("the keyring has no key for now")
        limits = (self._longest_life, keys.longest_life, MAX_LIFETIME)
        lifetime = min(limits if establishment.lifetime is None else (*limits, establishment.lifetime))
        if lifetime < 1:
            raise NoGrant("the context is at its end")
        service = sha256(security.acceptor.exported).digest()
        if service not in self._services:
            raise NoGrant("a service that is not answered for after a restart")
        sk = session_key(security.prf, establishment.tokens)
        # Who revokes may have a clock ahead of ours; what is made in sight of the revocation comes after it.
        established = max(int(establishment.wall), self._revoked_before)
        state = State(
            initiator=security.initiator,
            mechanism=security.mechanism,
            acceptor_digest=service,
            flags=security.flags,
            established=established,
            expiry=int(establishment.wall) + lifetime,
            chain=secrets.token_bytes(CHAIN_LENGTH),
            application=b"" if self._application is None else self._application(establishment),
        )
        ticket = seal(Plain.of(sk, state), key, keys.scope)
        octets = encode_grant(sk, establishment.handle, establishment.seq_window, ticket, lifetime)
        return Grant(octets, state.chain, state.application)

    def _reauthenticate(self, call: ReceivedCall) -> Answer | None:
        host = self._attached
        wall, keys = host.wall(), self._keys()
        request = read_untrusted(call.header, (call.verifier.flavor, call.verifier.body), call.body)
        plain, state = request.open(keys, wall)
        digest = request.digest
        repeat = self._replies.find(digest)
        if repeat is not None:
            return self._repeat(repeat.reply)
        state.check_times(wall, self._revoked_before)
        acceptor = self._services.get(state.acceptor_digest)
        if acceptor is None:
            raise Refused(Reason.WRONG_TARGET)
        self._ask_application(state, wall)
        suite = request.suite(self._suites)
        key = keys.current(wall)
        if key is None:
            raise Refused(Reason.UNAVAILABLE)
        handle, lifetime = host.store.new_handle(), state.lifetime(wall)
        accepted = request.accept(
            plain, suite, key, keys.scope, handle=handle, seq_window=host.seq_window, lifetime=lifetime
        )
        if self._key_log is not None:
            self._key_log.note(handle, suite, accepted.keys)
        answer = Answer(opaque_auth(auth_flavor.RPCSEC_GSS, accepted.verifier), accepted.results)
        host.store.add_unconfirmed(self._context(handle, state, acceptor, accepted.protection, lifetime), host.clock())
        self._replies.remember(digest, handle, answer)
        self.counters.accepted += 1
        self._tell(ReauthEventKind.ACCEPTED, state.initiator)
        return answer

    def _repeat(self, reply: Answer | None) -> Answer | None:
        if reply is None:
            self.counters.dropped += 1
            self._tell(ReauthEventKind.DROPPED)
        else:
            self.counters.repeated += 1
            self._tell(ReauthEventKind.REPEATED)
        return reply

    def _ask_application(self, state: State, wall: float) -> None:
        if self._may_reauthenticate is None:
            return
        try:
            allowed = self._may_reauthenticate(state.initiator, max(0.0, wall - state.established))
            if not isinstance(allowed, bool):  # of an async function: a coroutine, which would pass for a yes
                raise TypeError(f"may_reauthenticate says True or False, not a {type(allowed).__name__}")
        except Exception:
            _log.exception("the application's hook failed; re-authentication is refused", event="ticket.failed")
            allowed = False
        if not allowed:
            raise Refused(Reason.NOT_ALLOWED)

    def _context(
        self, handle: bytes, state: State, acceptor: GssName, protection: AeadProtection, lifetime: int
    ) -> Context:
        host = self._attached
        return Context(
            handle=handle,
            protection=protection,
            window=ReceiveWindow(host.receive_window),
            initiator=state.initiator,
            acceptor=acceptor,
            mechanism=state.mechanism,
            flags=state.flags,
            established=state.established,
            expiry=host.clock() + lifetime,
            origin=Origin.TICKET,
            chain=state.chain,
            application=state.application,
        )

    def _note_context(self, event: StoreEvent) -> None:
        """A context that is used or gone has no reply to repeat. The first use is what proves the client."""
        if event.kind is not StoreEventKind.UNCONFIRMED:
            self._replies.settled(event.context.handle)
        if event.kind is StoreEventKind.REAUTHENTICATED:
            self.counters.reauthenticated += 1
            self._tell(ReauthEventKind.REAUTHENTICATED, event.context.initiator)

    def _keys(self) -> KeySet:
        keys = self._keyring.keys()
        if keys.revoked_before > self._revoked_before:
            host = self._attached
            moment = self._revoked_before = keys.revoked_before
            ended = host.store.drop_where(lambda context: context.established < moment, host.clock())
            self.counters.revoked += ended
            if ended:
                text = "what was established before %d is revoked: %d live contexts ended"
                _log.warning(text, moment, ended, event="context.revoked", contexts=ended)
        return keys

    @property
    def _attached(self) -> ServerHost:
        if self._host is None:
            raise RuntimeError("not attached to a server flavor")
        return self._host

    def _tell(self, kind: ReauthEventKind, principal: GssName | None = None, reason: str | None = None) -> None:
        if self.events:
            self.events.tell(ReauthEvent(kind, None if principal is None else principal.display, reason))

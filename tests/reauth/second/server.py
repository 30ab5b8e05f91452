"""The server: grants, requests, and calls under the contexts that they make (sections 5, 8, 11 and 12)."""

import hmac
import math
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from .client import ANON, INTEG, MUTUAL, Prf
from .contexts import Handler, ServerContext
from .keys import CIPHERS, Protection, agree, authenticator, grant_mac, mac, prf_input, public_share, schedule, sha256
from .rpc import (
    AUTH_BADCRED,
    AUTH_NONE,
    AUTH_REJECTEDCRED,
    CREDPROBLEM,
    DATA,
    DESTROY,
    REQUEST,
    RPCSEC_GSS,
    Call,
    Credential,
    accepted,
    denied,
)
from .structs import CHAIN, Accept, Arguments, Grant, Ok, State
from .tickets import SALT, Keyring, seal, unseal
from .wire import FRA1, SIZE, Malformed

DELEG = 1
SKEW = 300
UNUSED_LIFE = 60
MAX_LIFETIME = (1 << 32) - 1
HANDLE = 16


class _Refused(Exception):
    """A request is refused; the reason stays here."""


@dataclass(frozen=True)
class Established:
    """What a full exchange has made. Names are exported; `remaining` is None for INDEFINITE."""

    principal: bytes
    display: str
    mechanism: str
    acceptor: bytes
    flags: int
    remaining: float | None
    tokens: Sequence[bytes]
    prf: Prf
    handle: bytes
    application: bytes = b""


@dataclass(frozen=True)
class Made:
    """What an accepted request has made, for its repeats."""

    reply: bytes
    context: ServerContext


@dataclass
class Server:
    """`acceptors` are the exported names that this server answers for; clocks and random octets are handed in."""

    keyring: Keyring
    acceptors: Collection[bytes]
    wall: Callable[[], float]
    monotonic: Callable[[], float]
    suites: Collection[int] = tuple(CIPHERS)
    seq_window: int = 512
    random: Callable[[int], bytes] = secrets.token_bytes
    reasons: list[str] = field(default_factory=list)
    contexts: dict[bytes, ServerContext] = field(default_factory=dict)
    _repeats: dict[bytes, Made] = field(default_factory=dict)

    def grant(self, made: Established) -> Grant | None:
        """The grant for a context that was offered one (section 5). Random octets: chain, salt."""
        now = self.wall()
        key = self.keyring.to_seal(now)
        wanted = made.flags & (MUTUAL | INTEG | ANON | DELEG) == MUTUAL | INTEG
        if key is None or not wanted or made.acceptor not in self.acceptors:
            return None
        limits = [self.keyring.longest_life, MAX_LIFETIME]
        lifetime = min(limits if made.remaining is None else [math.floor(made.remaining), *limits])
        if lifetime < 1:
            return None
        session_key = made.prf(prf_input(made.tokens), SIZE)
        state = State(
            session_key,
            made.principal,
            "" if exported_text(made.principal) == made.display.encode(errors="surrogateescape") else made.display,
            made.mechanism,
            sha256(made.acceptor),
            made.flags,
            established=max(math.floor(now), self.keyring.revoked_before),
            expiry=math.floor(now) + lifetime,
            chain=self.random(CHAIN),
            application=made.application,
        )
        ticket = seal(state, key, self.keyring.scope, self.random(SALT))
        if ticket is None:
            return None
        unsigned = Grant(ticket, lifetime, b"")
        return replace(unsigned, mac=grant_mac(session_key, unsigned.covered(made.handle, self.seq_window)))

    def receive(self, message: bytes, handler: Handler) -> bytes | None:
        """The reply to a call of RPCSEC_GSS that creates no context by INIT. None: nothing is said.

        Raises:
            Malformed: it is no call.
        """
        call = Call.read(message)
        if call.flavor != RPCSEC_GSS:
            return denied(call.xid, AUTH_REJECTEDCRED)
        try:
            credential = Credential.read(call.credential)
        except Malformed:
            return denied(call.xid, AUTH_BADCRED)
        if credential.gss_proc == FRA1:
            return self._reauthenticate(call)
        if credential.gss_proc not in (DATA, DESTROY):
            return denied(call.xid, AUTH_BADCRED)
        context = self.contexts.get(credential.handle)
        if context is None or context.gone:
            return denied(call.xid, CREDPROBLEM)
        return context.serve(call, credential, self.monotonic(), handler)

    def _reauthenticate(self, call: Call) -> bytes | None:
        try:
            arguments, state = self._read(call)
            digest = sha256(call.header + call.arguments)
            if digest in self._repeats:
                repeat = self._repeats[digest]
                settled = repeat.context.gone or not repeat.context.unused
                return None if settled else repeat.reply
            lifetime = self._allow(state)
            made = self._make(call, arguments, state, lifetime)
        except (Malformed, _Refused) as refusal:
            self.reasons.append(str(refusal))
            return denied(call.xid, AUTH_REJECTEDCRED)
        self._repeats[digest] = made
        self.contexts[made.context.handle] = made.context
        return made.reply

    def _read(self, call: Call) -> tuple[Arguments, State]:
        """Steps 2 to 6 of section 8.2."""
        if (call.procedure, call.credential, call.verifier) != (0, REQUEST.octets(), (AUTH_NONE, b"")):
            raise _Refused("header")
        arguments = Arguments.read(call.arguments)
        if len(arguments.client_share) not in (0, SIZE):
            raise _Refused("share")
        key = self.keyring.to_open(arguments.ticket.key_index, self.wall())
        if key is None:
            raise _Refused("key")
        state = unseal(arguments.ticket, key, self.keyring.scope)
        proof = authenticator(state.session_key, call.header + arguments.request())
        if not hmac.compare_digest(proof, arguments.authenticator):
            raise _Refused("authenticator")
        return arguments, state

    def _allow(self, state: State) -> int:
        """Step 8 of section 8.2. Returns the lifetime in whole seconds."""
        now = self.wall()
        if state.expiry - now < 1 or state.established > now + SKEW or state.established < self.keyring.revoked_before:
            raise _Refused("time")
        if state.acceptor not in map(sha256, self.acceptors):
            raise _Refused("target")
        return min(math.floor(state.expiry - now), MAX_LIFETIME)

    def _make(self, call: Call, arguments: Arguments, state: State, lifetime: int) -> Made:
        """Steps 10 to 12, and the reply (section 8.1). Random octets: handle, nonce, private key if any, salt."""
        suite = next((suite for suite in arguments.suites if suite in self.suites), None)
        key = self.keyring.to_seal(self.wall())
        if suite is None or key is None:
            raise _Refused("suite" if suite is None else "no key to seal with")
        handle, nonce = self.random(HANDLE), self.random(SIZE)
        public, shared = b"", bytes(SIZE)
        if arguments.client_share:
            private = self.random(SIZE)
            try:
                public, shared = public_share(private), agree(private, arguments.client_share)
            except ValueError:
                raise _Refused("low order") from None
        accept = Accept(handle, self.seq_window, suite, nonce, public)
        transcript = sha256(call.header + call.arguments + accept.octets())
        keys = schedule(state.session_key, shared, transcript)
        state = replace(state, session_key=keys.next_session_key)
        ticket = seal(state, key, self.keyring.scope, self.random(SALT))
        if ticket is None:
            raise _Refused("size")
        ok = Ok(accept, ticket, lifetime).octets()
        protection = Protection(suite, keys.server_to_client, keys.client_to_server)
        now = self.monotonic()
        context = ServerContext(
            state.flags, handle, self.seq_window, now + lifetime, now + min(UNUSED_LIFE, lifetime), protection
        )
        return Made(accepted(call.xid, mac(keys.confirm, ok), ok), context)


def exported_text(name: bytes) -> bytes | None:
    """The text in an exported name of the form of section 10.1, if it has that form."""
    oid = int.from_bytes(name[2:4])
    text = name[8 + oid :]
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return text if name[:2] == b"\x04\x01" and name[4 + oid : 8 + oid] == len(text).to_bytes(4) else None

"""The client: grants and re-authentications (sections 5.2, 6, 7 and 8.5)."""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .contexts import ClientContext
from .keys import (
    AES_256_GCM,
    CHACHA20_POLY1305,
    Protection,
    agree,
    authenticator,
    grant_mac,
    mac,
    prf_input,
    public_share,
    schedule,
    sha256,
)
from .rpc import AUTH_NONE, REQUEST, Denied, auth, header, read_success
from .structs import Accept, Arguments, Grant, Ok, Ticket
from .wire import SIZE, Malformed

MUTUAL, INTEG, ANON = 2, 32, 64

Prf = Callable[[bytes, int], bytes]


class No(Exception):
    """The server's answer makes no context (section 9.3)."""


@dataclass(frozen=True)
class ClientTicket:
    """What a client keeps to recover a context. `expiry` is by its own wall clock."""

    ticket: Ticket
    session_key: bytes = field(repr=False)
    flags: int
    expiry: float


def read_grant(
    trailing: bytes,
    handle: bytes,
    seq_window: int,
    flags: int,
    prf: Prf,
    tokens: Sequence[bytes],
    now: float,
    remaining: float | None = None,
) -> ClientTicket | None:
    """What follows `rpc_gss_init_res` in the reply that completed a context with an offer, as a ticket (section 5.2).

    `tokens` are those of all creation requests and replies; `remaining` is the life of the client's own context. None,
    if there is no grant or it is not good.
    """
    if not trailing or flags & (MUTUAL | INTEG | ANON) != MUTUAL | INTEG:
        return None
    session_key = prf(prf_input(tokens), SIZE)
    try:
        grant = Grant.read(trailing)
    except Malformed:
        return None
    if not hmac.compare_digest(grant.mac, grant_mac(session_key, grant.covered(handle, seq_window))):
        return None
    if grant.lifetime == 0 or not grant.ticket.sealed:
        return None
    lifetime = grant.lifetime if remaining is None else min(grant.lifetime, remaining)
    return ClientTicket(grant.ticket, session_key, flags, now + lifetime)


@dataclass(frozen=True)
class Request:
    """One request. `call` is the whole message."""

    call: bytes
    xid: int
    _header: bytes
    _arguments: Arguments
    _private: bytes = field(repr=False)
    _ticket: ClientTicket = field(repr=False)

    def accept(self, reply: bytes, now: float) -> tuple[ClientContext, ClientTicket]:
        """The new context and the new ticket (section 8.5). No, if the reply does not make any."""
        try:
            verifier, results = read_success(reply, self.xid)
            ok = Ok.read(results)
            self._check(ok)
            shared = agree(self._private, ok.accept.server_share) if self._private else bytes(SIZE)
        except (Denied, ValueError) as error:
            raise No(str(error)) from error
        transcript = sha256(self._header + self._arguments.octets() + ok.accept.octets())
        keys = schedule(self._ticket.session_key, shared, transcript)
        if not hmac.compare_digest(verifier, mac(keys.confirm, ok.octets())):
            raise No("verifier")
        expiry = min(self._ticket.expiry, now + ok.lifetime)
        ticket = replace(self._ticket, ticket=ok.ticket, session_key=keys.next_session_key, expiry=expiry)
        protection = Protection(ok.accept.suite, keys.client_to_server, keys.server_to_client)
        return ClientContext(ok.accept.handle, ok.accept.seq_window, ticket.flags, expiry, protection), ticket

    def _check(self, ok: Ok) -> None:
        accept: Accept = ok.accept
        if accept.suite not in self._arguments.suites:
            raise Malformed("a suite that was not offered")
        if not (accept.handle and ok.ticket.sealed and accept.seq_window and ok.lifetime):
            raise Malformed("something is empty")
        if len(accept.server_share) != len(self._arguments.client_share):
            raise Malformed("share")


def make_request(
    ticket: ClientTicket,
    xid: int,
    program: int,
    version: int,
    suites: Sequence[int] = (AES_256_GCM, CHACHA20_POLY1305),
    share: bool = True,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Request:
    """A request (section 7). `random` is asked for the nonce, then for the private key of the share."""
    nonce = random(SIZE)
    private = random(SIZE) if share else b""
    public = public_share(private) if share else b""
    head = header(xid, program, version, 0, REQUEST.octets())
    unproven = Arguments(ticket.ticket, nonce, tuple(suites), public)
    proof = authenticator(ticket.session_key, head + unproven.request())
    arguments = replace(unproven, authenticator=proof)
    return Request(head + auth(AUTH_NONE, b"") + arguments.octets(), xid, head, arguments, private, ticket)

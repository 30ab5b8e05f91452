"""The server's sealed state: what a ticket says, to nobody but the holders of the keyring.

sealed = salt (16 octets) || AES-256-GCM(ticket key, nonce 0, state and padding). The ticket key follows from the
keyring's key and the salt, so that it is used once and the nonce may be zero; the key's index and the scope are bound
in as associated data. A ticket is opened under the key that it names and never under a second one.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import xdr
from rpcgss.gss.provider import GssFlag, GssName
from rpcgss.reauth.errors import NoGrant, Reason, Refused
from rpcgss.reauth.keys import KEY_LENGTH, ticket_key
from rpcgss.reauth.keyset import CLOCK_SKEW, Key, KeySet
from rpcgss.reauth.reauth_xdr import REAUTH_MAX_SEALED, REAUTH_STATE_FORMAT, reauth_state, reauth_ticket

SALT_LENGTH: Final = 16
TAG_LENGTH: Final = 16
CHAIN_LENGTH: Final = 16
MAX_LIFETIME: Final = (1 << 32) - 1
"""Seconds that a lifetime on the wire can say at most."""

PADDING: Final = 32
"""The state is padded to a multiple of so many octets, so that a ticket's length says little of the principal's."""

_NONCE: Final = bytes(12)
# The key passes by the codec, which sees zeros in its place: whatever is compiled shows all its fields in its repr.
_KEY_BEGINS: Final = 4  # behind the format
_KEY_ENDS: Final = _KEY_BEGINS + KEY_LENGTH
_NO_KEY: Final = bytes(KEY_LENGTH)


@dataclass(slots=True, kw_only=True)
class State:
    """What a ticket carries from one context to the next besides SK. Nothing in it ever changes along a chain.

    initiator       -- principal; its exported name is the mechanism's own, never a negotiating pseudo-mechanism's
    mechanism       -- dotted object identifier
    acceptor_digest -- SHA-256 of the acceptor's exported name
    flags           -- what the GSS context at the bottom had agreed
    established     -- wall time of that context, whole seconds since 1970
    expiry          -- wall time
    chain           -- 16 octets common to all contexts that follow from that one
    application     -- the application's own octets, at most 256
    """

    initiator: GssName
    mechanism: str
    acceptor_digest: bytes
    flags: GssFlag
    established: int
    expiry: int
    chain: bytes
    application: bytes = b""

    def lifetime(self, wall: float) -> int:
        """Whole seconds that are left at wall time `wall`, as many as the wire can say; 0: it is over."""
        return max(0, min(int(self.expiry - wall), MAX_LIFETIME))

    def check_times(self, wall: float, revoked_before: int) -> None:
        """Raises Refused if the chain is over, revoked, or began in the future at wall time `wall`."""
        if not self.lifetime(wall):
            raise Refused(Reason.EXPIRED)
        if self.established > wall + CLOCK_SKEW:
            raise Refused(Reason.FROM_THE_FUTURE)
        if self.established < revoked_before:
            raise Refused(Reason.REVOKED)


@dataclass(slots=True)
class Plain:
    """A ticket's content. All but the session key stays the same along a chain, so the octets are kept as they are."""

    session_key: bytes = field(repr=False)
    head: bytes = field(repr=False)
    tail: bytes = field(repr=False)

    @classmethod
    def of(cls, session_key: bytes, state: State) -> "Plain":
        """Raises NoGrant if the state does not fit into a ticket."""
        octets = _serialised(state)
        return cls(session_key, octets[:_KEY_BEGINS], octets[_KEY_ENDS:] + bytes(-len(octets) % PADDING))

    def next(self, session_key: bytes) -> "Plain":
        """The content of the next ticket of the chain."""
        return Plain(session_key, self.head, self.tail)


def seal(plain: Plain, key: Key, scope: str, *, random: Callable[[int], bytes] = secrets.token_bytes) -> reauth_ticket:
    """A ticket under `key`. Raises NoGrant if it would be too long."""
    salt = random(SALT_LENGTH)
    octets = b"".join((plain.head, plain.session_key, plain.tail))
    sealed = salt + AESGCM(ticket_key(key.expansion, salt)).encrypt(_NONCE, octets, _bound(key.index, scope))
    if len(sealed) > REAUTH_MAX_SEALED:
        raise NoGrant("the state does not fit into a ticket")
    return reauth_ticket(key.index, sealed)


def open_untrusted(ticket: reauth_ticket, keys: KeySet, wall: float) -> tuple[Plain, State]:
    """What is in `ticket`. Raises Refused: no such key, or not sealed with it for this scope. Looks at no times."""
    key = keys.find(ticket.key_index, wall)
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY)
    salt, box = ticket.sealed[:SALT_LENGTH], ticket.sealed[SALT_LENGTH:]
    if len(box) < TAG_LENGTH:
        raise Refused(Reason.FORGED_TICKET)
    try:
        octets = AESGCM(ticket_key(key.expansion, salt)).decrypt(_NONCE, box, _bound(key.index, keys.scope))
        return _parsed(octets)
    except (InvalidTag, xdr.DecodeError, ValueError):
        raise Refused(Reason.FORGED_TICKET) from None


@lru_cache(maxsize=256)
def _bound(index: int, scope: str) -> bytes:
    """Associated data: a ticket is good under one index and in one scope."""
    name = scope.encode("utf-8", "surrogateescape")
    return b"FRA1 ticket" + index.to_bytes(4) + len(name).to_bytes(4) + name + bytes(-len(name) % 4)


def _serialised(state: State) -> bytes:
    """With zeros for the key."""
    name = state.initiator
    try:
        return reauth_state(
            format=REAUTH_STATE_FORMAT,
            session_key=_NO_KEY,
            principal=name.exported,
            display="" if display_in(name.exported) == name.display else name.display,
            mechanism=state.mechanism,
            acceptor=state.acceptor_digest,
            flags=state.flags,
            established=state.established,
            expiry=state.expiry,
            chain=state.chain,
            application=state.application,
        ).to_bytes()
    except xdr.EncodeError:
        raise NoGrant("the state does not fit into a ticket") from None


def _parsed(octets: bytes) -> tuple[Plain, State]:
    """Only what this code or a fellow's sealed gets here; a newer format is refused, not misread."""
    head, session_key, tail = octets[:_KEY_BEGINS], octets[_KEY_BEGINS:_KEY_ENDS], octets[_KEY_ENDS:]
    cursor = xdr.Cursor(b"".join((head, _NO_KEY, tail)))
    sealed = reauth_state.decode(cursor)
    padding = cursor.rest()
    if sealed.format != REAUTH_STATE_FORMAT or len(padding) >= PADDING or any(padding):
        raise ValueError("not a state of this format")
    state = State(
        initiator=GssName(sealed.display or display_in(sealed.principal) or "", sealed.principal),
        mechanism=sealed.mechanism,
        acceptor_digest=sealed.acceptor,
        flags=GssFlag(sealed.flags),
        established=sealed.established,
        expiry=sealed.expiry,
        chain=sealed.chain,
        application=sealed.application,
    )
    return Plain(session_key, head, tail), state


def display_in(exported: bytes) -> str | None:
    """The name in an exported name (RFC 2743, 3.2), where it is text as in krb5's; None if it is not of that form.

    Most mechanisms' display names can be had from it, which spares the ticket carrying both.
    """
    oid_length = int.from_bytes(exported[2:4])
    body = exported[4 + oid_length :]
    if exported[:2] != b"\x04\x01" or len(body) < 4 or int.from_bytes(body[:4]) != len(body) - 4:
        return None
    try:
        return body[4:].decode()
    except UnicodeDecodeError:
        return None

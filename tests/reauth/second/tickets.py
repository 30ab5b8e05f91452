"""Tickets and the keyring that seals them (sections 10 and 11)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .keys import expand, sha256
from .structs import MAX_SEALED, State, Ticket
from .wire import Malformed, Reader, opaque, uint

LABEL = b"FRA1 ticket"
PADDING = 32
SALT = 16


@dataclass(frozen=True)
class Key:
    octets: bytes = field(repr=False)
    begins: int
    ends: int | None = None

    @property
    def index(self) -> int:
        return int.from_bytes(sha256(b"FRA1 key index" + self.octets)[:4])

    def ended(self, now: float) -> bool:
        return self.ends is not None and self.ends <= now


@dataclass(frozen=True)
class Keyring:
    scope: str
    keys: Sequence[Key]
    longest_life: int = 86400
    revoked_before: int = 0

    def to_seal(self, now: float) -> Key | None:
        ready = [key for key in self.keys if key.begins <= now and not key.ended(now)]
        return max(reversed(ready), key=lambda key: key.begins, default=None)

    def to_open(self, index: int, now: float) -> Key | None:
        return next((key for key in self.keys if key.index == index and not key.ended(now)), None)


def associated(key: Key, scope: str) -> bytes:
    return LABEL + uint(key.index) + opaque(scope.encode())


def padded(state: State) -> bytes:
    octets = state.octets()
    return octets + bytes(-len(octets) % PADDING)


def seal(state: State, key: Key, scope: str, salt: bytes | None = None) -> Ticket | None:
    """None if the state does not fit into a ticket."""
    salt = salt or secrets.token_bytes(SALT)
    cipher = AESGCM(expand(key.octets, LABEL + salt))
    sealed = salt + cipher.encrypt(bytes(12), padded(state), associated(key, scope))
    return Ticket(key.index, sealed) if len(sealed) <= MAX_SEALED else None


def unseal(ticket: Ticket, key: Key, scope: str) -> State:
    """Malformed, if the ticket was not sealed with this key and scope, or holds no state."""
    if len(ticket.sealed) < 32:
        raise Malformed("too short to be sealed")
    salt, sealed = ticket.sealed[:SALT], ticket.sealed[SALT:]
    try:
        octets = AESGCM(expand(key.octets, LABEL + salt)).decrypt(bytes(12), sealed, associated(key, scope))
    except InvalidTag:
        raise Malformed("does not open") from None
    reader = Reader(octets)
    state = State.read(reader)
    padding = reader.rest()
    if len(padding) >= PADDING or any(padding):
        raise Malformed("wrong padding")
    return state

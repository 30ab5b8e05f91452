"""The key schedule (sections 1.2, 5 to 8), and the AEAD that takes the mechanism's place (section 12)."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .wire import hyper, opaque, uint

AES_256_GCM, CHACHA20_POLY1305 = 1, 2
CIPHERS: dict[int, type[AESGCM] | type[ChaCha20Poly1305]] = {
    AES_256_GCM: AESGCM,
    CHACHA20_POLY1305: ChaCha20Poly1305,
}

LIMIT = 1 << 40
RESERVE = 1 << 34


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


extract = mac


def expand(key: bytes, info: bytes) -> bytes:
    return mac(key, info + b"\x01")


def sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def tokens_hash(tokens: Sequence[bytes]) -> bytes:
    """H of section 6."""
    return sha256(b"".join(map(opaque, tokens)))


def prf_input(tokens: Sequence[bytes]) -> bytes:
    return b"RPCSEC_GSS fast re-authentication 1\0" + tokens_hash(tokens)


def grant_mac(session_key: bytes, covered: bytes) -> bytes:
    return mac(expand(session_key, b"FRA1 grant"), covered)


def authenticator(session_key: bytes, covered: bytes) -> bytes:
    return mac(expand(session_key, b"FRA1 authenticator"), covered)


@dataclass(frozen=True)
class Schedule:
    """What follows from one request and its reply (section 8.1)."""

    transcript: bytes
    prk: bytes = field(repr=False)
    client_to_server: bytes = field(repr=False)
    server_to_client: bytes = field(repr=False)
    confirm: bytes = field(repr=False)
    next_session_key: bytes = field(repr=False)


def schedule(session_key: bytes, shared: bytes, transcript: bytes) -> Schedule:
    """`shared` is X of section 8.1: the X25519 result, or 32 zero octets."""
    prk = extract(expand(session_key, b"FRA1 derive"), shared)
    labels = (b"FRA1 client to server", b"FRA1 server to client", b"FRA1 confirm", b"FRA1 session key")
    return Schedule(transcript, prk, *(expand(prk, label + transcript) for label in labels))


def public_share(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agree(private: bytes, public: bytes) -> bytes:
    """The X25519 result. ValueError if it is all zero (RFC 7748, 6.1)."""
    shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    if not any(shared):
        raise ValueError("a point of low order")
    return shared


class Unprotected(Exception):
    """A MIC or wrap token that does not verify, or the data limit is reached."""


class Protection:
    """One end of a context: MICs and wrap tokens, counters and the data limit (section 12)."""

    def __init__(self, suite: int, send: bytes, receive: bytes) -> None:
        self._send = CIPHERS[suite](send)
        self._receive = CIPHERS[suite](receive)
        self._counter = 0
        self._sent = 0
        self._received = 0

    @property
    def used_up(self) -> bool:
        return max(self._sent, self._received) >= LIMIT - RESERVE

    def mic(self, message: bytes) -> bytes:
        counter = self._take(message)
        return counter + self._send.encrypt(uint(0) + counter, b"", message)

    def wrap(self, message: bytes) -> bytes:
        counter = self._take(message)
        return counter + self._send.encrypt(uint(1) + counter, message, None)

    def verify(self, message: bytes, mic: bytes) -> None:
        if len(mic) != 24:
            raise Unprotected("not 24 octets")
        self._open(0, mic, message)
        self._count_received(message)

    def unwrap(self, token: bytes) -> bytes:
        if len(token) < 24:
            raise Unprotected("less than 24 octets")
        message = self._open(1, token, None)
        self._count_received(message)
        return message

    def _take(self, message: bytes) -> bytes:
        if max(self._sent, self._received) >= LIMIT:
            raise Unprotected("used up")
        counter = hyper(self._counter)
        self._counter += 1
        self._sent += len(message) + 16
        return counter

    def _open(self, kind: int, token: bytes, associated: bytes | None) -> bytes:
        if max(self._sent, self._received) >= LIMIT:
            raise Unprotected("used up")
        try:
            return self._receive.decrypt(uint(kind) + token[:8], token[8:], associated)
        except InvalidTag:
            raise Unprotected("does not verify") from None

    def _count_received(self, message: bytes) -> None:
        self._received += len(message) + 16

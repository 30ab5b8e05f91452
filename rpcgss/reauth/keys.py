"""Key schedule of fast re-authentication.

Everything is derived from SK, the session key that both ends compute with GSS_Pseudo_random (RFC 4401) when a GSS
context completes, or that the re-authentication before handed on. Octets in, octets out; nothing here keeps state.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from rpcgss.reauth.errors import NoGrant

Buffer = bytes | bytearray | memoryview

KEY_LENGTH: Final = 32
"""Octets in every key, mac, nonce and digest of the protocol."""

NO_SHARED_SECRET: Final = bytes(KEY_LENGTH)
"""What stands for the X25519 result where no share was asked for."""

_PRF_LABEL: Final = b"RPCSEC_GSS fast re-authentication 1\0"
_SHA256: Final = SHA256()


@dataclass(slots=True)
class DerivedKeys:
    """What one re-authentication yields, 32 octets each. `session_key` is the next SK."""

    client_to_server: bytes = field(repr=False)
    server_to_client: bytes = field(repr=False)
    confirm: bytes = field(repr=False)
    session_key: bytes = field(repr=False)


def session_key(prf: Callable[[bytes, int], bytes], gss_tokens: Iterable[Buffer]) -> bytes:
    """SK of a GSS context: `prf(input, length)` is its GSS_Pseudo_random with GSS_C_PRF_KEY_FULL.

    `gss_tokens` are the tokens of every creation request and reply in order, empty ones and the last included. They
    are part of the input because an acceptor may choose the context's key (krb5's subkey), but never the tokens: two
    contexts cannot be made to share one SK. Raises NoGrant for a result of another length, and whatever `prf` raises.
    """
    key = prf(_PRF_LABEL + transcript_hash(gss_tokens), KEY_LENGTH)
    if len(key) != KEY_LENGTH:
        raise NoGrant("GSS_Pseudo_random returned another length than was asked for")
    return key


def transcript_hash(gss_tokens: Iterable[Buffer]) -> bytes:
    """H: SHA-256 over each token as XDR opaque<>."""
    transcript = hashlib.sha256()
    for token in gss_tokens:
        transcript.update(len(token).to_bytes(4))
        transcript.update(token)
        transcript.update(bytes(-len(token) % 4))
    return transcript.digest()


def grant_mac(sk: bytes, granted: Buffer) -> bytes:
    """The grant's mac over XDR(handle<>, seq_window, ticket, lifetime)."""
    return mac(expand(sk, b"FRA1 grant"), granted)


def authenticator(sk: bytes, header: Buffer, argument: Buffer) -> bytes:
    """Proof that the sender of a request knows SK. `header` runs from xid through the credential (RFC 2203, 5.3.1),
    `argument` is reauth_arg up to its authenticator."""
    return mac(expand(sk, b"FRA1 authenticator"), header, argument)


def derive(sk: bytes, transcript: bytes, shared_secret: bytes = NO_SHARED_SECRET) -> DerivedKeys:
    """Keys of the re-authentication whose transcript hash is T; `shared_secret` is the X25519 result, 32 octets."""
    expansion = Expansion(extract(expand(sk, b"FRA1 derive"), shared_secret))
    return DerivedKeys(
        client_to_server=expansion(b"FRA1 client to server" + transcript),
        server_to_client=expansion(b"FRA1 server to client" + transcript),
        confirm=expansion(b"FRA1 confirm" + transcript),
        session_key=expansion(b"FRA1 session key" + transcript),
    )


def confirmation(keys: DerivedKeys, accepted: Buffer) -> bytes:
    """Body of the reply's verifier over XDR(reauth_ok)."""
    return mac(keys.confirm, accepted)


def key_index(keyring_key: bytes) -> int:
    """The number under which a ticket names the keyring key that sealed it."""
    return int.from_bytes(hashlib.sha256(b"FRA1 key index" + keyring_key).digest()[:4])


def ticket_key(expansion: "Expansion", salt: bytes) -> bytes:
    """The AES-256 key of the one ticket with this salt; the expansion is the keyring key's."""
    return expansion(b"FRA1 ticket" + salt)


def extract(salt: bytes, input_key: bytes) -> bytes:
    """HKDF-Extract with SHA-256 (RFC 5869, 2.2): one HMAC."""
    return mac(salt, input_key)


def expand(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand with SHA-256, 32 octets."""
    return Expansion(key)(info)


class Expansion:
    """`expand` under one key, as often as one likes: the costly part of it, to set up the HMAC, is done once.

    A single block (RFC 5869, 2.3) is HMAC(key, info || 1). The library's HKDFExpand gives the same at twice the cost.
    """

    __slots__ = ("_mac",)

    def __init__(self, key: bytes) -> None:
        self._mac: Final = HMAC(key, _SHA256)

    def __call__(self, info: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(info + b"\1")
        return mac.finalize()


def mac(key: bytes, *message: Buffer) -> bytes:
    """HMAC-SHA256 over all of `message`."""
    mac = HMAC(key, _SHA256)
    for part in message:
        mac.update(part)
    return mac.finalize()

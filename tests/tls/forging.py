"""TLS 1.3 records that OpenSSL does not let a program write: those that change keys, and alerts of its choice."""

import hashlib
import hmac
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

APPLICATION_DATA = b"\x17"
HANDSHAKE = b"\x16"
KEY_UPDATE = b"\x18\0\0\1"
REQUESTED = b"\1"


class Forger:
    """Goes on with a session that began with TLS_AES_256_GCM_SHA384, in the stead of one `end` that has sent no data
    yet (RFC 8446, 5.2 and 7.2). `keys` is the file to which that end's context wrote its secrets."""

    def __init__(self, keys: Path, end: str) -> None:
        lines = (line.split() for line in keys.read_text().splitlines())
        self._secret = next(bytes.fromhex(line[2]) for line in lines if line[0] == f"{end}_TRAFFIC_SECRET_0")
        self._sequence = 0

    def data(self, octets: bytes) -> bytes:
        return self._sealed(octets + APPLICATION_DATA)

    def alert(self, description: int) -> bytes:
        return self._sealed(bytes([2, description]) + b"\x15")

    def new_keys(self) -> bytes:
        """A KeyUpdate that asks the other end for one of its own."""
        sealed = self._sealed(KEY_UPDATE + REQUESTED + HANDSHAKE)
        self._secret, self._sequence = self._expand(b"traffic upd", 48), 0
        return sealed

    def _sealed(self, inner: bytes) -> bytes:
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
        nonce = int.from_bytes(self._expand(b"iv", 12)) ^ self._sequence
        self._sequence += 1
        return header + AESGCM(self._expand(b"key", 32)).encrypt(nonce.to_bytes(12), inner, header)

    def _expand(self, label: bytes, octets: int) -> bytes:
        name = b"tls13 " + label
        info = octets.to_bytes(2) + bytes([len(name)]) + name + b"\0"
        return hmac.digest(self._secret, info + b"\1", hashlib.sha384)[:octets]

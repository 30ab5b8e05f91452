"""Keyrings sealed under a key of the fleet's own, a file of mode 0600 on each host, to lie where others can read them:

    "rpcgss sealed keyring 1\\n" || nonce (12 octets) || AES-256-GCM(serial (8 octets, big-endian) || document)

with the first line and the keyring's name as associated data; `keyset` says what the document is.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keys import KEY_LENGTH
from rpcgss.reauth.keyset import MAX_DOCUMENT, KeySet, parse_document
from rpcgss.reauth.private import read_private, write_private

MAGIC: Final = b"rpcgss sealed keyring 1\n"
SEALING_KEY: Final = b"rpcgss sealing key 1\n"
NONCE_LENGTH: Final = 12
MAX_SEALED: Final = MAX_DOCUMENT + 256


def create_sealing_key(path: str | os.PathLike[str]) -> None:
    """Make the file that `EtcdKeyring` wants as `sealing_key`; copy it to each host of the fleet, as one would a
    keytab. Raises KeyringError if anything exists there."""
    octets = SEALING_KEY + secrets.token_hex(KEY_LENGTH).encode() + b"\n"
    write_private(Path(path), octets, "sealing key", overwrite=False)


class Seal:
    """Opens and closes what lies in etcd."""

    def __init__(self, path: Path, name: str) -> None:
        self._where: Final = f"keyring {name!r} in etcd"
        self._cipher: Final = AESGCM(_read_sealing_key(path))
        self._associated: Final = MAGIC + name.encode()

    def close(self, serial: int, keys: KeySet) -> bytes:
        nonce = secrets.token_bytes(NONCE_LENGTH)
        document = keys.document()
        if len(document) > MAX_DOCUMENT:
            raise KeyringError(f"{self._where} would be larger than {MAX_DOCUMENT} octets")
        return MAGIC + nonce + self._cipher.encrypt(nonce, serial.to_bytes(8) + document, self._associated)

    def open(self, octets: bytes) -> tuple[int, KeySet]:
        """Serial and keys. Raises KeyringError."""
        if not octets.startswith(MAGIC) or not len(MAGIC) + NONCE_LENGTH < len(octets) <= MAX_SEALED:
            raise KeyringError(f"{self._where}: that is no sealed keyring")
        rest = octets[len(MAGIC) :]
        try:
            plain = self._cipher.decrypt(rest[:NONCE_LENGTH], rest[NONCE_LENGTH:], self._associated)
        except InvalidTag:
            raise KeyringError(
                f"{self._where} does not open: it was sealed under another key, for another name, or is damaged"
            ) from None
        return int.from_bytes(plain[:8]), parse_document(plain[8:], self._where)


def _read_sealing_key(path: Path) -> bytes:
    octets = read_private(path, "sealing key", 1024, missing="make it with rpcgss keys seal-key, or copy the fleet's")
    head, _, rest = octets.partition(b"\n")
    try:
        key = bytes.fromhex(rest.decode("ascii").strip())
    except ValueError:
        key = b""
    if head + b"\n" != SEALING_KEY or len(key) != KEY_LENGTH:
        raise KeyringError(f"{path} is no sealing key")
    return key

"""Key shares: X25519 (RFC 7748), which makes old conversations safe from whoever learns a ticket's key later."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from rpcgss.reauth.reauth_xdr import REAUTH_SHARE_SIZE


class BadShare(ValueError):
    """The peer's share has a wrong length or leads to the all-zero result (a point of low order)."""


class Share:
    """One end's share: `public` goes to the peer, the rest stays here. Raises UnsupportedAlgorithm when made on a
    machine whose OpenSSL is without X25519 (see `AVAILABLE`)."""

    __slots__ = ("_private", "public")

    def __init__(self) -> None:
        self._private: Final = X25519PrivateKey.generate()
        self.public: Final = self._private.public_key().public_bytes_raw()

    def agree_untrusted(self, peer: bytes) -> bytes:
        """The common secret, 32 octets, never all zero. Raises BadShare."""
        if len(peer) != REAUTH_SHARE_SIZE:
            raise BadShare(f"a share has {REAUTH_SHARE_SIZE} octets")
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError:  # the library's word for the all-zero result
            raise BadShare("a share of low order") from None

    def __repr__(self) -> str:
        return "<Share>"


def _available() -> bool:
    try:
        Share()
    except UnsupportedAlgorithm:
        return False
    return True


AVAILABLE: Final = _available()

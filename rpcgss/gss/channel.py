"""Channel bindings (RFC 5056): what names the secure channel below, and the MICs by which a context is bound to it.

The two ends of a context each take the name of the channel from their own end of it. Where somebody sits between them,
with a TLS session to each, the names differ, and so does what the MICs cover. Python offers one kind for TLS 1.3,
tls-server-end-point (RFC 5929, 4): a hash of the server's certificate. That is the same in all connections to a
server, so a server remembers besides on which connections a context was bound.

Version 2 signs a hash of the bindings, behind the header of the call (RFC 5403, 3.3). Version 3 signs the bindings
(RFC 7861, 2.7.1.2), in a body that is protected itself.
"""

import hashlib
from collections.abc import Callable
from typing import Final

from rpcgss.gss.gss_xdr import rgss2_bind_chan_MIC_in_args, rgss2_bind_chan_MIC_in_res, rgss2_bind_chan_res
from transport import TlsSession
from xdr import Buffer

PREFIX: Final = b"tls-server-end-point"

SHA256: Final = bytes.fromhex("608648016503040201")
SHA384: Final = bytes.fromhex("608648016503040202")
SHA512: Final = bytes.fromhex("608648016503040203")
"""Object identifiers as GSS-API has them in its mech_type argument (RFC 5403, 3.3): the contents octets of their BER
encoding, without tag and length (RFC 2744, 3.2)."""

HASHES: Final[dict[bytes, Callable[[bytes], "hashlib._Hash"]]] = {
    SHA256: hashlib.sha256,
    SHA384: hashlib.sha384,
    SHA512: hashlib.sha512,
}
"""What we take, the favourite first. SHA-1 is not among them: no implementation is known that would need it."""


def bindings(tls: TlsSession | None) -> bytes | None:
    """The canonical bindings, prefix and colon first (RFC 5056, 2.1); None: there is no channel that has any."""
    if tls is None or tls.server_end_point is None:
        return None
    return PREFIX + b":" + tls.server_end_point


def hashed(bindings: bytes, oid: bytes) -> bytes:
    """By a hash function of `HASHES`."""
    return HASHES[oid](bindings).digest()


def signed_by_bind(header: Buffer, bind_chan_hash: bytes) -> bytes:
    """What rbcva_chan_mic covers: the header, xid through credential, and a hash of the bindings."""
    return b"".join((header, rgss2_bind_chan_MIC_in_args(bind_chan_hash).to_bytes()))


def signed_by_bound(seq_num: int, bind_chan_hash: bytes, result: rgss2_bind_chan_res) -> bytes:
    """What rbcvr_mic covers."""
    return rgss2_bind_chan_MIC_in_res(seq_num, bind_chan_hash, result).to_bytes()

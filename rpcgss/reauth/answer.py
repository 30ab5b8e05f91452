"""One re-authentication as the server sees it. Each step raises Refused; their order is part of the protocol: parse,
open the ticket, check the authenticator, and only then believe a word of it."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from typing import Final

import xdr
from rpcgss.reauth.aead import AeadProtection, Role
from rpcgss.reauth.attempt import CREDENTIAL_BODY, RPCSEC_GSS
from rpcgss.reauth.errors import Reason, Refused
from rpcgss.reauth.keys import KEY_LENGTH, NO_SHARED_SECRET, Buffer, DerivedKeys, authenticator, confirmation, derive
from rpcgss.reauth.keyset import Key, KeySet
from rpcgss.reauth.reauth_xdr import REAUTH_SHARE_SIZE, reauth_accept, reauth_arg
from rpcgss.reauth.shares import AVAILABLE, BadShare, Share
from rpcgss.reauth.ticket import Plain, State, open_untrusted, seal

_PROCEDURE: Final = 20
"""Offset of the procedure number in a call's header."""

_FROM_PROCEDURE: Final = b"".join(
    (bytes(4), RPCSEC_GSS.to_bytes(4), len(CREDENTIAL_BODY).to_bytes(4), CREDENTIAL_BODY),
)
"""What a request's header consists of from the procedure number on: procedure 0 and the one credential there is."""


@dataclass(slots=True)
class Accepted:
    """A reply's verifier and results, and the server's end of the context that they promise. `keys`: for a key log."""

    verifier: bytes = field(repr=False)
    results: bytes = field(repr=False)
    protection: AeadProtection
    keys: DerivedKeys = field(repr=False)


class Request:
    """A request that parses. `read_untrusted` makes it."""

    __slots__ = ("_argument", "_body", "_hash", "_header")

    def __init__(self, header: Buffer, body: Buffer, argument: reauth_arg) -> None:
        self._header: Final = header
        self._body: Final = body
        self._argument: Final = argument
        self._hash: Final = sha256(header)
        self._hash.update(body)

    @property
    def digest(self) -> bytes:
        """What tells a byte-identical repeat."""
        return self._hash.digest()

    def open(self, keys: KeySet, wall: float) -> tuple[Plain, State]:
        """What the ticket says, once it is certain that the sender knows its session key."""
        plain, state = open_untrusted(self._argument.ticket, keys, wall)
        expected = authenticator(plain.session_key, self._header, memoryview(self._body)[:-KEY_LENGTH])
        if not hmac.compare_digest(expected, self._argument.authenticator):
            raise Refused(Reason.WRONG_AUTHENTICATOR)
        return plain, state

    def suite(self, supported: Sequence[int]) -> int:
        """The first suite of the client's that we have; those we do not know are skipped."""
        for suite in self._argument.suites:
            if suite in supported:
                return suite
        raise Refused(Reason.NO_COMMON_SUITE)

    def accept(
        self, plain: Plain, suite: int, key: Key, scope: str, *, handle: bytes, seq_window: int, lifetime: int
    ) -> Accepted:
        """Make the reply and the context's keys. `key` seals the next ticket, `handle` has never been used."""
        server_share, shared_secret = self._agree()
        accept = reauth_accept(handle, seq_window, suite, token_bytes(KEY_LENGTH), server_share).to_bytes()
        transcript = self._hash.copy()
        transcript.update(accept)
        keys = derive(plain.session_key, transcript.digest(), shared_secret)
        ticket = seal(plain.next(keys.session_key), key, scope)
        # reauth_ok is these three, one behind the other.
        results = b"".join((accept, ticket.to_bytes(), lifetime.to_bytes(4)))
        return Accepted(confirmation(keys, results), results, AeadProtection(suite, keys, Role.ACCEPTOR), keys)

    def _agree(self) -> tuple[bytes, bytes]:
        """Our share and the common secret, if a share was sent."""
        if not self._argument.client_share:
            return b"", NO_SHARED_SECRET
        share = Share()
        try:
            return share.public, share.agree_untrusted(self._argument.client_share)
        except BadShare:
            raise Refused(Reason.BAD_SHARE) from None


def read_untrusted(header: Buffer, verifier: tuple[int, Buffer], body: Buffer) -> Request:
    """A request from its received octets: `header` from xid through credential, flavor and body of the verifier, and
    all that follows. Raises Refused."""
    if bytes(header[_PROCEDURE:]) != _FROM_PROCEDURE or verifier[0] != 0 or len(verifier[1]):
        raise Refused(Reason.MALFORMED)
    try:
        argument = reauth_arg.from_bytes(body)
    except xdr.DecodeError:
        raise Refused(Reason.MALFORMED) from None
    length = len(argument.client_share)
    if length not in (0, REAUTH_SHARE_SIZE) or (length and not AVAILABLE):
        raise Refused(Reason.BAD_SHARE)
    return Request(header, body, argument)

"""One re-authentication as the client sees it: a request whose octets never change, and at most one accepted reply."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import xdr
from rpcgss.reauth.aead import SUITES, AeadProtection, Role
from rpcgss.reauth.errors import NotAccepted
from rpcgss.reauth.keys import KEY_LENGTH, NO_SHARED_SECRET, Buffer, DerivedKeys, authenticator, confirmation, derive
from rpcgss.reauth.reauth_xdr import FRA1, reauth_accept, reauth_ok, reauth_request, reauth_ticket
from rpcgss.reauth.shares import AVAILABLE, BadShare, Share

RPCSEC_GSS: Final = 6
HANDLE_OCTETS: Final = 16

CREDENTIAL_BODY: Final = b"".join(
    (
        (1).to_bytes(4),  # version of RPCSEC_GSS
        FRA1.to_bytes(4),  # gss_proc
        bytes(4),  # seq_num
        (1).to_bytes(4),  # service: none
        HANDLE_OCTETS.to_bytes(4),
        bytes(HANDLE_OCTETS),  # some servers look handles up before the gss_proc, and die of an empty one
    )
)
"""Body of the request's credential: always the same octets."""


@dataclass(slots=True)
class Renewal:
    """What an accepted reply brings. `lifetime` is the server's word, in seconds; `keys`: for a key log."""

    handle: bytes
    seq_window: int
    protection: AeadProtection
    ticket: reauth_ticket = field(repr=False)
    session_key: bytes = field(repr=False)
    lifetime: int
    suite: int
    keys: DerivedKeys = field(repr=False)


class Attempt:
    """A request with this ticket under `session_key`. A retry is another Attempt: new nonce, new share.

    `share` asks for forward secrecy, and needs X25519 (`AVAILABLE`).
    """

    __slots__ = ("_accepted", "_key", "_offered", "_request", "_share", "_ticket")

    def __init__(
        self, ticket: reauth_ticket, session_key: bytes, *, suites: Sequence[int] = SUITES, share: bool = AVAILABLE
    ) -> None:
        self._ticket: Final = ticket
        self._key: Final = session_key
        self._offered: Final = tuple(suites)
        self._share: Final = Share() if share else None
        self._request: bytes | None = None
        self._accepted = False

    def argument(self, header: Buffer) -> bytes:
        """reauth_arg for the call whose `header` (xid through credential) this is. Only once."""
        if self._request is not None:
            raise RuntimeError("a request is made once")
        public = b"" if self._share is None else self._share.public
        nonce = secrets.token_bytes(KEY_LENGTH)
        body = reauth_request(self._ticket, nonce, list(self._offered), public).to_bytes()
        body += authenticator(self._key, header, body)
        self._request = bytes(header) + body
        return body

    def accept_untrusted(self, flavor: int, verifier: Buffer, results: Buffer) -> Renewal:
        """Look at a SUCCESS reply: its verifier's flavor and body, and its results.

        Raises NotAccepted, and whatever it was changes nothing; the first that passes is the last that is looked at.
        """
        if self._request is None or self._accepted:
            raise NotAccepted("no reply is awaited")
        try:
            cursor = xdr.Cursor(results)
            accept = reauth_accept.decode(cursor)
            accept_octets = bytes(memoryview(results)[: cursor.position])
            answer = reauth_ok.from_bytes(results)
        except xdr.DecodeError:
            raise NotAccepted("the reply does not parse") from None
        if flavor != RPCSEC_GSS or len(verifier) != KEY_LENGTH:
            raise NotAccepted("the reply has no verifier of ours")
        if accept.suite not in self._offered or accept.suite not in SUITES:
            raise NotAccepted("a suite that was not offered")
        if not accept.handle or not accept.seq_window or not answer.lifetime or not answer.ticket.sealed:
            raise NotAccepted("an empty handle, window, lifetime or ticket")
        transcript = sha256(self._request + accept_octets).digest()
        keys = derive(self._key, transcript, self._agree(accept.server_share))
        if not hmac.compare_digest(confirmation(keys, results), bytes(verifier)):
            raise NotAccepted("wrong verifier")
        self._accepted = True
        return Renewal(
            handle=accept.handle,
            seq_window=accept.seq_window,
            protection=AeadProtection(accept.suite, keys, Role.INITIATOR),
            ticket=answer.ticket,
            session_key=keys.session_key,
            lifetime=answer.lifetime,
            suite=accept.suite,
            keys=keys,
        )

    def _agree(self, server_share: bytes) -> bytes:
        """A share comes if and only if one was sent: a server that leaves it out would undo forward secrecy."""
        if self._share is None:
            if server_share:
                raise NotAccepted("a share that was not asked for")
            return NO_SHARED_SECRET
        try:
            return self._share.agree_untrusted(server_share)
        except BadShare:
            raise NotAccepted("no good share in answer to ours") from None

    def __repr__(self) -> str:
        return f"<Attempt, {'accepted' if self._accepted else 'open'}>"

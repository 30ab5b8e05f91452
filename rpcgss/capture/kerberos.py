"""A Kerberos context seen from outside, with the service's keytab: its keys from AP-REQ and AP-REP, and its messages
(RFC 4121), as a `MessageProtection` for each direction: so the code that checks them is the one that checks our own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rpcgss.capture.crypto import BadDecryption, kerberos_crypto
from rpcgss.capture.errors import CaptureError
from rpcgss.capture.keytab import Key, KeytabEntry
from rpcgss.capture.tokens import (
    ApReq,
    Sealed,
    read_ap_rep_untrusted,
    read_ap_req_untrusted,
    read_subkey,
    read_ticket_part,
)
from rpcgss.gss.errors import BadMic, BadWrap, ProtectionUnavailable
from rpcgss.gss.protection import Buffer, MessageProtection

# Key usages (RFC 4120, 7.5.1; RFC 4121, 2).
_TICKET, _AUTHENTICATOR, _AP_REP = 2, 11, 12
_ACCEPTOR_SEAL, _ACCEPTOR_SIGN, _INITIATOR_SEAL, _INITIATOR_SIGN = 22, 23, 24, 25

CHECKSUMS: Final = {17: 15, 18: 16, 19: 19, 20: 20, 25: 17, 26: 18}
"""The checksum type of each encryption type that has the tokens of RFC 4121 (all but DES and RC4)."""

_MIC, _WRAP = b"\x04\x04", b"\x05\x04"
_BY_ACCEPTOR, _IS_SEALED, _ACCEPTOR_SUBKEY = 1, 2, 4
_HEADER: Final = 16


@dataclass(slots=True)
class Session:
    """What the tokens of one establishment tell. Without a keytab that fits, `locked` says why there are no keys."""

    service: str = ""
    client: str = ""
    locked: str = ""
    _session: Key | None = field(default=None, repr=False)
    _initiator: Key | None = field(default=None, repr=False)
    _acceptor: Key | None = field(default=None, repr=False)

    def ap_req_untrusted(self, octets: bytes, keytab: Sequence[KeytabEntry]) -> None:
        """The initiator's message. Raises `CaptureError` where it does not parse; keys that do not fit only lock."""
        request = read_ap_req_untrusted(octets)
        self.service = request.service
        try:
            self._open(request, keytab)
        except CaptureError as error:
            self.locked = str(error)

    def ap_rep_untrusted(self, octets: bytes) -> None:
        """The acceptor's message. Raises `CaptureError` where it does not parse; it may lock the session."""
        sealed = read_ap_rep_untrusted(octets)
        if self._session is None:
            return
        try:
            subkey = read_subkey(_decrypt(self._session, _AP_REP, sealed), of_acceptor=True)
        except CaptureError as error:
            self.locked = f"the AP-REP: {error}"
        else:
            self._acceptor = None if subkey is None else Key(subkey.enctype, subkey.key)

    def _open(self, request: ApReq, keytab: Sequence[KeytabEntry]) -> None:
        part = read_ticket_part(_open_ticket(request, keytab))
        self.client = part.client
        session = Key(part.enctype, part.key)
        try:
            subkey = read_subkey(_decrypt(session, _AUTHENTICATOR, request.authenticator), of_acceptor=False)
        except BadDecryption as error:
            raise CaptureError(f"the authenticator: {error}") from None
        self._session = session
        self._initiator = session if subkey is None else Key(subkey.enctype, subkey.key)

    @property
    def key(self) -> Key | None:
        """The context's key: the acceptor's subkey if there is one (RFC 4121, 2)."""
        return self._acceptor or self._initiator

    @property
    def enctype(self) -> str:
        """The name of the context's encryption type, or nothing."""
        return "" if self.key is None else kerberos_crypto().name(self.key.enctype)

    def protections(self) -> "tuple[MessageProtection, MessageProtection] | None":
        """What checks messages of the initiator, and of the acceptor; None where the session is `locked`."""
        if self.key is None or self._initiator is None or self.locked:
            return None
        if self.key.enctype not in CHECKSUMS:
            self.locked = f"{self.enctype} has message tokens of an older kind (RFC 4757, RFC 1964)"
            return None
        return tuple(_Direction(self._initiator, self._acceptor, acceptor) for acceptor in (False, True))  # type: ignore[return-value]

    def pseudo_random(self, label: bytes, length: int) -> bytes:
        """GSS_Pseudo_random with the full key. Raises `CaptureError`."""
        if self.key is None:
            raise CaptureError(self.locked)
        return kerberos_crypto().pseudo_random(self.key, label, length)


def _open_ticket(request: ApReq, keytab: Sequence[KeytabEntry]) -> bytes:
    """The ticket's plaintext, by whichever key opens it: services have more names than their keys."""
    sealed = request.ticket
    if not keytab:
        raise CaptureError("no keytab was given")
    likely = [entry for entry in keytab if entry.key.enctype == sealed.enctype]
    likely.sort(key=lambda entry: (entry.principal != request.service, entry.version != sealed.version))
    for entry in likely:
        try:
            return _decrypt(entry.key, _TICKET, sealed)
        except BadDecryption:
            continue
    enctype = kerberos_crypto().name(sealed.enctype)
    version = "" if sealed.version is None else f", version {sealed.version}"
    raise CaptureError(f"no key in the keytab opens a ticket for {request.service} ({enctype}{version})")


def _decrypt(key: Key, usage: int, sealed: Sealed) -> bytes:
    if sealed.enctype != key.enctype:
        raise BadDecryption(f"encrypted by another type ({sealed.enctype}) than its key has ({key.enctype})")
    return kerberos_crypto().decrypt(key, usage, sealed.octets)


class _Direction(MessageProtection):
    """Messages of one end, to be checked: nothing is ever made."""

    def __init__(self, initiator: Key, acceptor: Key | None, of_acceptor: bool) -> None:
        self._keys: Final = (initiator, acceptor)
        self._of_acceptor: Final = of_acceptor
        self._sign: Final = _ACCEPTOR_SIGN if of_acceptor else _INITIATOR_SIGN
        self._seal: Final = _ACCEPTOR_SEAL if of_acceptor else _INITIATOR_SEAL

    def mic(self, message: Buffer) -> bytes:
        raise ProtectionUnavailable("what was captured is looked at, not made")

    wrap = mic

    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        token = bytes(mic)
        header = token[:_HEADER]
        if len(token) < _HEADER or header[:2] != _MIC or header[3:8] != b"\xff" * 5:
            raise BadMic("this is no MIC token of RFC 4121, 4.2.6.1")
        if header[2] & _IS_SEALED:
            raise BadMic("a MIC that says it is sealed")
        key = self._key(header[2], BadMic)
        kind = CHECKSUMS[key.enctype]
        if not kerberos_crypto().verify(key, self._sign, kind, bytes(message) + header, token[_HEADER:]):
            raise BadMic("MIC wrong")

    def unwrap(self, token: Buffer) -> bytes:
        octets = bytes(token)
        header, sealed = octets[:_HEADER], octets[_HEADER:]
        if len(header) < _HEADER or header[:2] != _WRAP or header[3] != 0xFF:
            raise BadWrap("this is no wrap token of RFC 4121, 4.2.6.2")
        if not header[2] & _IS_SEALED:
            raise BadWrap("a wrap token that is not encrypted")
        key = self._key(header[2], BadWrap)
        extra, rotation = int.from_bytes(header[4:6]), int.from_bytes(header[6:8])
        if sealed:
            rotation %= len(sealed)
            sealed = sealed[rotation:] + sealed[:rotation]
        try:
            plain = kerberos_crypto().decrypt(key, self._seal, sealed)
        except BadDecryption:
            raise BadWrap("the wrap token does not open: it is not what was sent") from None
        # Behind the message: `extra` octets of filler and the header, without its rotation (4.2.4).
        end = len(plain) - _HEADER - extra
        if end < 0 or plain[-_HEADER:] != header[:6] + b"\0\0" + header[8:]:
            raise BadWrap("the header of the wrap token is not the one that was encrypted with it")
        return plain[:end]

    def _key(self, flags: int, wrong: type[BadMic] | type[BadWrap]) -> Key:
        if bool(flags & _BY_ACCEPTOR) is not self._of_acceptor:
            raise wrong("the token is the other end's")
        key = self._keys[1 if flags & _ACCEPTOR_SUBKEY else 0]
        if key is None or key.enctype not in CHECKSUMS:
            raise wrong("the token is made with a key that the establishment does not have")
        return key

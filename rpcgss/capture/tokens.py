"""What GSS tokens of context establishment have in them: framing (RFC 2743, 3.1), SPNEGO (RFC 4178), and Kerberos'
messages (RFC 4120, 5; RFC 4121, 4.1), as far as keys and names are to be had from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from asn1crypto import core

from rpcgss.capture.errors import CaptureError

MAX_TOKEN: Final = 1 << 20
MAX_NAME: Final = 1024
"""Characters in a principal's name."""
KRB5: Final = ("1.2.840.113554.1.2.2", "1.2.840.48018.1.2.2")
"""Kerberos, and what an old Windows calls it."""
SPNEGO: Final = "1.3.6.1.5.5.2"

_FRAMED: Final = 0x60
_NEGOTIATION_RESPONSE: Final = 0xA1
_KINDS: Final = {b"\1\0": "AP-REQ", b"\2\0": "AP-REP", b"\3\0": "KRB-ERROR"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Token:
    """A token of establishment. `kind` and `message` are of the Kerberos message in it, if there is one."""

    mechanism: str
    kind: str = ""
    message: bytes = b""


def read_token_untrusted(octets: bytes) -> Token:
    """Whose token this is, and what it carries. Raises `CaptureError`."""
    if len(octets) > MAX_TOKEN:
        raise CaptureError(f"a token of {len(octets)} octets")
    if octets[:1] == bytes((_NEGOTIATION_RESPONSE,)):
        return _negotiated(_parse(lambda: _opened(_NegTokenResp, octets)["responseToken"].native))
    if octets[:1] != bytes((_FRAMED,)):
        raise CaptureError("a token without the framing of RFC 2743, 3.1")
    mechanism, inner = _parse(lambda: _unframed(octets))
    if mechanism == SPNEGO:
        return _negotiated(_parse(lambda: _opened(_NegTokenInit, inner)["mechToken"].native))
    if mechanism in KRB5:
        return Token("krb5", _KINDS.get(inner[:2], ""), inner[2:])
    return Token(mechanism)


def _negotiated(inner: bytes | None) -> Token:
    """SPNEGO, and what it carries."""
    if not inner:
        return Token("spnego")
    if inner[0] != _FRAMED:  # Windows sends Kerberos' messages bare
        return Token("spnego+krb5", "AP-REP" if inner[0] == 0x6F else "", inner)
    mechanism, message = _parse(lambda: _unframed(inner))
    if mechanism not in KRB5:
        return Token(f"spnego+{mechanism}")
    return Token("spnego+krb5", _KINDS.get(message[:2], ""), message[2:])


@dataclass(frozen=True, slots=True)
class Sealed:
    """EncryptedData."""

    enctype: int
    version: int | None
    octets: bytes


@dataclass(frozen=True, slots=True)
class ApReq:
    """AP-REQ: for whom its ticket is, the ticket, and the authenticator."""

    service: str
    ticket: Sealed
    authenticator: Sealed


@dataclass(frozen=True, slots=True)
class TicketPart:
    """What a ticket says of its holder, and the session key (type, octets): not to be shown."""

    client: str
    enctype: int
    key: bytes


@dataclass(frozen=True, slots=True)
class Subkey:
    """A key that an authenticator or an AP-REP brings, if any: not to be shown."""

    enctype: int
    key: bytes


def read_ap_req_untrusted(octets: bytes) -> ApReq:
    """Raises `CaptureError`."""

    def read() -> ApReq:
        request = _opened(_ApReq, octets)
        ticket = request["ticket"]
        service = _principal(ticket["sname"], ticket["realm"])
        return ApReq(service, _sealed(ticket["enc-part"]), _sealed(request["authenticator"]))

    return _parse(read)


def read_ap_rep_untrusted(octets: bytes) -> Sealed:
    """Raises `CaptureError`."""
    return _parse(lambda: _sealed(_opened(_ApRep, octets)["enc-part"]))


def read_ticket_part(octets: bytes) -> TicketPart:
    """Of decrypted octets. Raises `CaptureError`."""

    def read() -> TicketPart:
        part = _opened(_EncTicketPart, octets)
        key = part["key"]
        return TicketPart(_principal(part["cname"], part["crealm"]), _number(key["keytype"]), key["keyvalue"].native)

    return _parse(read)


def read_subkey(octets: bytes, *, of_acceptor: bool) -> Subkey | None:
    """Of a decrypted authenticator, or of a decrypted AP-REP. Raises `CaptureError`."""

    def read() -> Subkey | None:
        key = _opened(_EncApRepPart if of_acceptor else _Authenticator, octets)["subkey"]
        return Subkey(_number(key["keytype"]), key["keyvalue"].native) if isinstance(key, _Key) else None

    return _parse(read)


def _sealed(data: Any) -> Sealed:  # noqa: ANN401  # what asn1crypto made
    version = data["kvno"]
    kvno = None if version.native is None else _number(version)
    return Sealed(_number(data["etype"]), kvno, data["cipher"].native)


def _number(data: Any) -> int:  # noqa: ANN401
    """Int32 or UInt32 (RFC 4120, 5.2.4). Larger ones cannot even be written down in a message."""
    number = int(data.native)
    if not -(2**31) <= number < 2**32:
        raise ValueError("a number of more than 32 bits")
    return number


def _principal(name: Any, realm: Any) -> str:  # noqa: ANN401
    principal = "/".join(name["name-string"].native) + f"@{realm.native}"
    if len(principal) > MAX_NAME:
        raise ValueError("a name that nobody has")
    return principal


def _unframed(octets: bytes) -> tuple[str, bytes]:
    """The mechanism and what is behind it."""
    start = 2 if octets[1] < 0x80 else 2 + (octets[1] & 0x7F)
    end = start + 2 + octets[start + 1]
    return core.ObjectIdentifier.load(octets[start:end]).native, octets[end:]


def _opened(kind: type[T], octets: bytes) -> Any:  # noqa: ANN401
    """asn1crypto parses when it is asked for fields; some types leave padding behind their plaintext."""
    return kind.load(octets)  # type: ignore[attr-defined]


def _parse(read: Callable[[], T]) -> T:
    """asn1crypto says `ValueError` or `TypeError` of hostile octets, and sometimes stumbles itself."""
    try:
        return read()
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise CaptureError(f"a Kerberos message that does not parse ({type(error).__name__})") from None


def _field(number: int, name: str, kind: Any, *, optional: bool = False) -> tuple[str, Any, dict[str, Any]]:  # noqa: ANN401
    return (name, kind, {"explicit": number, "optional": optional})


class _Things(core.SequenceOf):  # type: ignore[misc]
    """Any list: an optional field must have a type, or it would take what belongs to the next."""

    _child_spec = core.Any


class _Strings(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.GeneralString


class _Name(core.Sequence):  # type: ignore[misc]
    _fields = (_field(0, "name-type", core.Integer), _field(1, "name-string", _Strings))


class _Key(core.Sequence):  # type: ignore[misc]
    _fields = (_field(0, "keytype", core.Integer), _field(1, "keyvalue", core.OctetString))


class _EncryptedData(core.Sequence):  # type: ignore[misc]
    _fields = (
        _field(0, "etype", core.Integer),
        _field(1, "kvno", core.Integer, optional=True),
        _field(2, "cipher", core.OctetString),
    )


class _Ticket(core.Sequence):  # type: ignore[misc]
    explicit = (1, 1)
    _fields = (
        _field(0, "tkt-vno", core.Integer),
        _field(1, "realm", core.GeneralString),
        _field(2, "sname", _Name),
        _field(3, "enc-part", _EncryptedData),
    )


class _ApReq(core.Sequence):  # type: ignore[misc]
    explicit = (1, 14)
    _fields = (
        _field(0, "pvno", core.Integer),
        _field(1, "msg-type", core.Integer),
        _field(2, "ap-options", core.BitString),
        _field(3, "ticket", _Ticket),
        _field(4, "authenticator", _EncryptedData),
    )


class _ApRep(core.Sequence):  # type: ignore[misc]
    explicit = (1, 15)
    _fields = (
        _field(0, "pvno", core.Integer),
        _field(1, "msg-type", core.Integer),
        _field(2, "enc-part", _EncryptedData),
    )


class _EncTicketPart(core.Sequence):  # type: ignore[misc]
    explicit = (1, 3)
    _fields = (
        _field(0, "flags", core.BitString),
        _field(1, "key", _Key),
        _field(2, "crealm", core.GeneralString),
        _field(3, "cname", _Name),
        _field(4, "transited", core.Sequence),
        _field(5, "authtime", core.GeneralizedTime),
        _field(6, "starttime", core.GeneralizedTime, optional=True),
        _field(7, "endtime", core.GeneralizedTime),
        _field(8, "renew-till", core.GeneralizedTime, optional=True),
        _field(9, "caddr", _Things, optional=True),
        _field(10, "authorization-data", _Things, optional=True),
    )


class _Authenticator(core.Sequence):  # type: ignore[misc]
    explicit = (1, 2)
    _fields = (
        _field(0, "authenticator-vno", core.Integer),
        _field(1, "crealm", core.GeneralString),
        _field(2, "cname", _Name),
        _field(3, "cksum", core.Sequence, optional=True),
        _field(4, "cusec", core.Integer),
        _field(5, "ctime", core.GeneralizedTime),
        _field(6, "subkey", _Key, optional=True),
        _field(7, "seq-number", core.Integer, optional=True),
        _field(8, "authorization-data", _Things, optional=True),
    )


class _EncApRepPart(core.Sequence):  # type: ignore[misc]
    explicit = (1, 27)
    _fields = (
        _field(0, "ctime", core.GeneralizedTime),
        _field(1, "cusec", core.Integer),
        _field(2, "subkey", _Key, optional=True),
        _field(3, "seq-number", core.Integer, optional=True),
    )


class _NegTokenInit(core.Sequence):  # type: ignore[misc]
    explicit = (2, 0)
    _fields = (
        _field(0, "mechTypes", _Things),
        _field(1, "reqFlags", core.BitString, optional=True),
        _field(2, "mechToken", core.OctetString, optional=True),
        _field(3, "mechListMIC", core.OctetString, optional=True),
    )


class _NegTokenResp(core.Sequence):  # type: ignore[misc]
    explicit = (2, 1)
    _fields = (
        _field(0, "negState", core.Enumerated, optional=True),
        _field(1, "supportedMech", core.ObjectIdentifier, optional=True),
        _field(2, "responseToken", core.OctetString, optional=True),
        _field(3, "mechListMIC", core.OctetString, optional=True),
    )

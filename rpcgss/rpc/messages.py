"""Call and reply messages (RFC 5531, 9) as octets: what is on a record, and nothing of what it means.

Every call passes here twice at each end, so the fixed parts are read and written by one `Struct` each; rpc.x says the
same in XDR, and tests hold the two against each other. What was received is sliced, never encoded again: a verifier
covers the octets that the peer sent.
"""

from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Final

from rpcgss.rpc.errors import AuthRefused, BadMessage, Denied, NotExecuted, ProgramMismatch, RpcMismatch
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor, auth_stat, msg_type, opaque_auth, reject_stat, reply_stat
from xdr import Buffer

RPC_VERSION: Final = 2
MAX_AUTH_OCTETS: Final = 400
"""Octets in the body of a credential or verifier (RFC 5531, 8.2)."""

_HEADERS: Final = 1024
"""No header has more octets: 32 of a call, and two authentications."""

NULL_AUTH: Final = opaque_auth(auth_flavor.AUTH_NONE, b"")

_CALL: Final = Struct(">8I")  # xid, CALL, rpcvers, prog, vers, proc; the credential's flavor and length
_REPLY: Final = Struct(">5I")  # xid, REPLY, reply_stat; the verifier's flavor and length, or what was denied and why
_WORDS_2: Final = Struct(">2I")
_WORDS_3: Final = Struct(">3I")
_WORD: Final = Struct(">I")
_ZEROS: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
_TO_SUCCESS: Final = tuple(zeros + _WORD.pack(accept_stat.SUCCESS) for zeros in _ZEROS)

# To take a member out of an enum costs 0.12 µs, to make one of a number 0.6.
_IS_CALL, _IS_REPLY = int(msg_type.CALL), int(msg_type.REPLY)
_ACCEPTED, _DENIED = int(reply_stat.MSG_ACCEPTED), int(reply_stat.MSG_DENIED)
_PROG_MISMATCH: Final = accept_stat.PROG_MISMATCH
_ACCEPT_STATS: Final = {int(stat): stat for stat in accept_stat}


@dataclass(slots=True)
class CallHeader:
    """What a call is for. The same for every transmission of it."""

    xid: int
    program: int
    version: int
    procedure: int


@dataclass(slots=True)
class ReceivedCall:
    """A call as it came. `header` is its octets from xid through the credential (RFC 2203, 5.3.1)."""

    xid: int
    program: int
    version: int
    procedure: int
    credential: opaque_auth
    verifier: opaque_auth
    header: bytes
    body: memoryview


@dataclass(slots=True)
class AcceptedReply:
    """MSG_ACCEPTED. `mismatch` is the range of a PROG_MISMATCH; `body` the results of a SUCCESS, protected or not."""

    xid: int
    verifier: opaque_auth
    stat: accept_stat
    mismatch: tuple[int, int] | None
    body: memoryview


@dataclass(slots=True)
class DeniedReply:
    """MSG_DENIED, as the exception that it means."""

    xid: int
    refusal: Denied


ReceivedReply = AcceptedReply | DeniedReply


def encode_call_header(header: CallHeader, credential: opaque_auth) -> bytes:
    """The octets of a call from xid through the credential."""
    body = credential.body
    length = _sized(body)
    numbers = header.program, header.version, header.procedure
    fixed = _CALL.pack(header.xid, _IS_CALL, RPC_VERSION, *numbers, credential.flavor, length)
    return b"".join((fixed, body, _ZEROS[length & 3]))


def encode_auth(auth: opaque_auth) -> bytes:
    """A credential or verifier. Raises `ValueError` over 400 octets."""
    body = auth.body
    length = _sized(body)
    return b"".join((_WORDS_2.pack(auth.flavor, length), body, _ZEROS[length & 3]))


def _sized(body: Buffer) -> int:
    length = len(body)
    if length > MAX_AUTH_OCTETS:
        raise ValueError(f"an authentication body of {length} octets, at most {MAX_AUTH_OCTETS}")
    return length


def message_xid(record: Buffer) -> int | None:
    """The xid of a message, or None where there is not even that."""
    return _WORD.unpack_from(record)[0] if len(record) >= _WORD.size else None


def parse_call_untrusted(record: Buffer) -> ReceivedCall:
    """Take a call apart. Raises `BadMessage`; `RpcMismatch` of another RPC version (its xid: `message_xid`);
    `AuthRefused` of an authentication body that is too long."""
    octets = record if type(record) is bytes else _beginning(record)
    try:
        xid, kind, rpc_version, program, version, procedure, flavor, length = _CALL.unpack_from(octets)
    except StructError:
        # Another version's call may be shorter, but it still says so (RFC 5531, 9).
        if len(octets) >= 12 and _WORDS_3.unpack_from(octets)[1] == _IS_CALL:
            _refuse_version(_WORDS_3.unpack_from(octets)[2])
        raise BadMessage(f"{len(record)} octets are too few for a call") from None
    if kind != _IS_CALL:
        raise BadMessage("not a call")
    if rpc_version != RPC_VERSION:
        _refuse_version(rpc_version)
    credential, position = _take_auth(octets, _CALL.size, flavor, length, auth_stat.AUTH_BADCRED)
    try:
        flavor, length = _WORDS_2.unpack_from(octets, position)
    except StructError:
        raise BadMessage("a message that ends within its authentication") from None
    verifier, body_at = _take_auth(octets, position + 8, flavor, length, auth_stat.AUTH_BADVERF)
    body = memoryview(record)[body_at:]
    return ReceivedCall(xid, program, version, procedure, credential, verifier, octets[:position], body)


def parse_reply_untrusted(record: Buffer) -> ReceivedReply:
    """Take a reply apart. Raises `BadMessage` and nothing else."""
    octets = record if type(record) is bytes else _beginning(record)
    try:
        xid, kind, state, flavor, length = _REPLY.unpack_from(octets)
        if kind != _IS_REPLY:
            raise BadMessage("not a reply")
        if state == _ACCEPTED:
            return _take_accepted(record, octets, xid, flavor, length)
        if state == _DENIED:
            return DeniedReply(xid, _take_denial(octets))
    except StructError:
        raise BadMessage(f"{len(record)} octets are too few for this reply") from None
    except AuthRefused:
        raise BadMessage("a reply with an ill-formed verifier") from None
    raise BadMessage(f"a reply that is neither accepted nor denied, but {state}")


def encode_success(xid: int, verifier: opaque_auth) -> bytes:
    """MSG_ACCEPTED, SUCCESS, up to where the results begin."""
    body = verifier.body
    length = _sized(body)
    fixed = _REPLY.pack(xid, _IS_REPLY, _ACCEPTED, verifier.flavor, length)
    return b"".join((fixed, body, _TO_SUCCESS[length & 3]))


def encode_not_executed(xid: int, verifier: opaque_auth, refusal: NotExecuted) -> bytes:
    """MSG_ACCEPTED with the status of `refusal`."""
    reply = _WORDS_3.pack(xid, _IS_REPLY, _ACCEPTED) + encode_auth(verifier) + _WORD.pack(refusal.stat)
    return reply + _WORDS_2.pack(refusal.low, refusal.high) if isinstance(refusal, ProgramMismatch) else reply


def encode_denied(xid: int, refusal: Denied) -> bytes:
    """MSG_DENIED."""
    match refusal:
        case RpcMismatch(low=low, high=high):
            words = (reject_stat.RPC_MISMATCH, low, high)
            return _WORDS_3.pack(xid, _IS_REPLY, _DENIED) + _WORDS_3.pack(*words)
        case AuthRefused(stat=stat):
            return _REPLY.pack(xid, _IS_REPLY, _DENIED, reject_stat.AUTH_ERROR, stat)
    raise TypeError(f"{refusal!r} has no wire status")


def _refuse_version(rpc_version: int) -> None:
    if rpc_version != RPC_VERSION:
        raise RpcMismatch(RPC_VERSION, RPC_VERSION)


def _take_auth(octets: bytes, position: int, flavor: int, length: int, too_long: auth_stat) -> tuple[opaque_auth, int]:
    """A credential or verifier whose body begins at `position`, and where it ends."""
    if not length and not flavor:
        return NULL_AUTH, position
    if length > MAX_AUTH_OCTETS:
        raise AuthRefused(too_long, f"an authentication body of {length} octets")
    end = position + length
    padded = end + (-length & 3)
    if padded > len(octets):
        raise BadMessage("a message that ends within its authentication")
    return opaque_auth(flavor, octets[position:end]), padded


def _beginning(record: Buffer) -> bytes:
    """As far as a header may reach, as bytes: slices of views cost four times as much, and large records, which come as
    something else, must not be copied."""
    return bytes(memoryview(record)[:_HEADERS])


def _take_accepted(record: Buffer, octets: bytes, xid: int, flavor: int, length: int) -> AcceptedReply:
    verifier, position = _take_auth(octets, _REPLY.size, flavor, length, auth_stat.AUTH_BADVERF)
    (number,) = _WORD.unpack_from(octets, position)
    stat = _ACCEPT_STATS.get(number)
    if stat is None:
        raise BadMessage(f"an accepted reply with status {number}")
    mismatch = _WORDS_2.unpack_from(octets, position + 4) if stat is _PROG_MISMATCH else None
    return AcceptedReply(xid, verifier, stat, mismatch, memoryview(record)[position + 4 :])


def _take_denial(octets: bytes) -> Denied:
    (reason,) = _WORD.unpack_from(octets, 12)
    if reason == reject_stat.RPC_MISMATCH:
        return RpcMismatch(*_WORDS_2.unpack_from(octets, 16))
    if reason == reject_stat.AUTH_ERROR:
        return AuthRefused(*_WORD.unpack_from(octets, 16))
    raise BadMessage(f"a denial for reason {reason}")

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

NULL_AUTH: Final = opaque_auth(auth_flavor.AUTH_NONE, b"")

_CALL: Final = Struct(">6I")  # xid, CALL, rpcvers, prog, vers, proc
_WORDS_2: Final = Struct(">2I")
_WORDS_3: Final = Struct(">3I")
_WORDS_5: Final = Struct(">5I")
_WORD: Final = Struct(">I")
_ZEROS: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


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
    header: memoryview
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
    return _CALL.pack(
        header.xid, msg_type.CALL, RPC_VERSION, header.program, header.version, header.procedure
    ) + encode_auth(credential)


def encode_auth(auth: opaque_auth) -> bytes:
    """A credential or verifier. Raises `ValueError` over 400 octets."""
    length = len(auth.body)
    if length > MAX_AUTH_OCTETS:
        raise ValueError(f"an authentication body of {length} octets, at most {MAX_AUTH_OCTETS}")
    return b"".join((_WORDS_2.pack(auth.flavor, length), auth.body, _ZEROS[length & 3]))


def message_xid(record: Buffer) -> int | None:
    """The xid of a message, or None where there is not even that."""
    return _WORD.unpack_from(record)[0] if len(record) >= _WORD.size else None


def parse_call_untrusted(record: Buffer) -> ReceivedCall:
    """Take a call apart. Raises `BadMessage`; `RpcMismatch` of another RPC version (its xid: `message_xid`);
    `AuthRefused` of an authentication body that is too long."""
    view = memoryview(record)
    try:
        xid, kind, rpc_version, program, version, procedure = _CALL.unpack_from(view)
    except StructError:
        # Another version's call may be shorter, but it still says so (RFC 5531, 9).
        if len(view) >= 12 and _WORDS_3.unpack_from(view)[1] == msg_type.CALL:
            _refuse_version(_WORDS_3.unpack_from(view)[2])
        raise BadMessage(f"{len(view)} octets are too few for a call") from None
    if kind != msg_type.CALL:
        raise BadMessage("not a call")
    _refuse_version(rpc_version)
    credential, position = _take_auth(view, _CALL.size)
    verifier, body_at = _take_auth(view, position, auth_stat.AUTH_BADVERF)
    return ReceivedCall(xid, program, version, procedure, credential, verifier, view[:position], view[body_at:])


def parse_reply_untrusted(record: Buffer) -> ReceivedReply:
    """Take a reply apart. Raises `BadMessage` and nothing else."""
    view = memoryview(record)
    try:
        xid, kind, state = _WORDS_3.unpack_from(view)
        if kind != msg_type.REPLY:
            raise BadMessage("not a reply")
        if state == reply_stat.MSG_ACCEPTED:
            return _take_accepted(view, xid)
        if state == reply_stat.MSG_DENIED:
            return DeniedReply(xid, _take_denial(view))
    except StructError:
        raise BadMessage(f"{len(view)} octets are too few for this reply") from None
    except AuthRefused:
        raise BadMessage("a reply with an ill-formed verifier") from None
    raise BadMessage(f"a reply that is neither accepted nor denied, but {state}")


def encode_success(xid: int, verifier: opaque_auth) -> bytes:
    """MSG_ACCEPTED, SUCCESS, up to where the results begin."""
    return (
        _WORDS_3.pack(xid, msg_type.REPLY, reply_stat.MSG_ACCEPTED)
        + encode_auth(verifier)
        + _WORD.pack(accept_stat.SUCCESS)
    )


def encode_not_executed(xid: int, verifier: opaque_auth, refusal: NotExecuted) -> bytes:
    """MSG_ACCEPTED with the status of `refusal`."""
    reply = (
        _WORDS_3.pack(xid, msg_type.REPLY, reply_stat.MSG_ACCEPTED) + encode_auth(verifier) + _WORD.pack(refusal.stat)
    )
    return reply + _WORDS_2.pack(refusal.low, refusal.high) if isinstance(refusal, ProgramMismatch) else reply


def encode_denied(xid: int, refusal: Denied) -> bytes:
    """MSG_DENIED."""
    match refusal:
        case RpcMismatch(low=low, high=high):
            words = (reject_stat.RPC_MISMATCH, low, high)
            return _WORDS_3.pack(xid, msg_type.REPLY, reply_stat.MSG_DENIED) + _WORDS_3.pack(*words)
        case AuthRefused(stat=stat):
            return _WORDS_5.pack(xid, msg_type.REPLY, reply_stat.MSG_DENIED, reject_stat.AUTH_ERROR, stat)
    raise TypeError(f"{refusal!r} has no wire status")


def _refuse_version(rpc_version: int) -> None:
    if rpc_version != RPC_VERSION:
        raise RpcMismatch(RPC_VERSION, RPC_VERSION)


def _take_auth(
    view: memoryview, position: int, too_long: auth_stat = auth_stat.AUTH_BADCRED
) -> tuple[opaque_auth, int]:
    """A credential or verifier, and where it ends."""
    try:
        flavor, length = _WORDS_2.unpack_from(view, position)
    except StructError:
        raise BadMessage("a message that ends within its authentication") from None
    if not length and not flavor:
        return NULL_AUTH, position + 8
    if length > MAX_AUTH_OCTETS:
        raise AuthRefused(too_long, f"an authentication body of {length} octets")
    end = position + 8 + length
    padded = end + (-length & 3)
    if padded > len(view):
        raise BadMessage("a message that ends within its authentication")
    return opaque_auth(flavor, bytes(view[position + 8 : end])), padded


def _take_accepted(view: memoryview, xid: int) -> AcceptedReply:
    verifier, position = _take_auth(view, 12)
    (number,) = _WORD.unpack_from(view, position)
    try:
        stat = accept_stat(number)
    except ValueError:
        raise BadMessage(f"an accepted reply with status {number}") from None
    mismatch = _WORDS_2.unpack_from(view, position + 4) if stat is accept_stat.PROG_MISMATCH else None
    return AcceptedReply(xid, verifier, stat, mismatch, view[position + 4 :])


def _take_denial(view: memoryview) -> Denied:
    (reason,) = _WORD.unpack_from(view, 12)
    if reason == reject_stat.RPC_MISMATCH:
        return RpcMismatch(*_WORDS_2.unpack_from(view, 16))
    if reason == reject_stat.AUTH_ERROR:
        return AuthRefused(*_WORD.unpack_from(view, 16))
    raise BadMessage(f"a denial for reason {reason}")

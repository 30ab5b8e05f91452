"""One RPC message of a capture, made again by our own encoders to see whether the octets are the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from rpcgss.rpc.errors import (
    AuthRefused,
    Denied,
    GarbageArguments,
    NotExecuted,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    RpcMismatch,
    ServerFault,
)
from rpcgss.rpc.messages import (
    AcceptedReply,
    CallHeader,
    DeniedReply,
    ReceivedCall,
    encode_auth,
    encode_call_header,
    encode_denied,
    encode_not_executed,
    encode_success,
)
from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat
from xdr import Buffer, EncodeError

SHOWN_OCTETS: Final = 16
"""Octets of a difference that are kept."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a part of a message is not what our encoders make of its meaning: octets from `offset` of the part on, at
    most `SHOWN_OCTETS` of each."""

    part: str
    offset: int
    captured: bytes
    encoded: bytes


Encode: TypeAlias = Callable[[], Buffer]


def compared(part: str, captured: Buffer, encode: Encode) -> Iterator[Difference]:
    """The difference between captured octets and ours, if there is one."""
    try:
        ours = bytes(encode())
    except (EncodeError, ValueError):  # a value that our encoders refuse
        ours = b""
    theirs = bytes(captured)
    if theirs != ours:
        same = zip(theirs, ours, strict=False)
        offset = next((at for at, (a, b) in enumerate(same) if a != b), min(len(theirs), len(ours)))
        end = offset + SHOWN_OCTETS
        yield Difference(part, offset, theirs[offset:end], ours[offset:end])


def encode_call(call: ReceivedCall) -> bytes:
    """The octets of a call, body and all."""
    header = CallHeader(call.xid, call.program, call.version, call.procedure)
    return encode_call_header(header, call.credential) + encode_auth(call.verifier) + bytes(call.body)


def encode_reply(reply: AcceptedReply | DeniedReply) -> bytes:
    """The octets of a reply, results and all."""
    if isinstance(reply, DeniedReply):
        return encode_denied(reply.xid, reply.refusal)
    if reply.stat is accept_stat.SUCCESS:
        return encode_success(reply.xid, reply.verifier) + bytes(reply.body)
    refusal = ProgramMismatch(*reply.mismatch) if reply.mismatch else _REFUSALS[reply.stat]()
    return encode_not_executed(reply.xid, reply.verifier, refusal)


def status(reply: AcceptedReply | DeniedReply) -> str:
    """The outcome by the RFC's name."""
    if isinstance(reply, AcceptedReply):
        return f"{reply.stat.name} {reply.mismatch[0]} to {reply.mismatch[1]}" if reply.mismatch else reply.stat.name
    return denial(reply.refusal)


def denial(refusal: Denied) -> str:
    """The name of a refusal of MSG_DENIED."""
    match refusal:
        case AuthRefused(stat=stat):
            return _AUTH_STATS.get(stat, f"auth_stat {stat}")
        case RpcMismatch(low=low, high=high):
            return f"RPC_MISMATCH {low} to {high}"
    return type(refusal).__name__


_AUTH_STATS: Final = {int(stat): stat.name for stat in auth_stat}
_REFUSALS: Final[dict[accept_stat, type[NotExecuted]]] = {
    kind.stat: kind for kind in (ProgramUnavailable, ProcedureUnavailable, GarbageArguments, ServerFault)
}

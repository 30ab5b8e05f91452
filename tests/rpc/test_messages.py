"""Messages: octets against rpc.x, truncations, flipped bits."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import xdr
from rpcgss.rpc import AuthRefused, BadMessage, GarbageArguments, ProgramMismatch, RpcError, RpcMismatch, rpc_xdr
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    DeniedReply,
    encode_auth,
    encode_call_header,
    encode_denied,
    encode_not_executed,
    encode_success,
    message_xid,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import opaque_auth

WORD = st.integers(0, 2**32 - 1)
AUTH = st.builds(opaque_auth, WORD, st.binary(max_size=400))
CALL = bytes.fromhex(
    "00000007 00000000 00000002 000186a3 00000003 00000001"  # xid 7, CALL, RPC 2, NFS 3, GETATTR
    "00000001 00000005 6162636465000000 00000000 00000000 0000002a"  # AUTH_SYS "abcde", AUTH_NONE, one word
)


def test_a_call() -> None:
    call = parse_call_untrusted(CALL)
    assert (call.xid, call.program, call.version, call.procedure) == (7, 100003, 3, 1)
    assert call.credential == opaque_auth(1, b"abcde")
    assert call.verifier == NULL_AUTH
    assert call.header == CALL[:40]
    assert call.body == CALL[48:]


@given(WORD, WORD, WORD, WORD, AUTH, AUTH, st.binary(max_size=50))
def test_calls_go_both_ways(
    xid: int, program: int, version: int, procedure: int, credential: opaque_auth, verifier: opaque_auth, body: bytes
) -> None:
    header = encode_call_header(CallHeader(xid, program, version, procedure), credential)
    call = parse_call_untrusted(header + encode_auth(verifier) + body)
    assert (call.xid, call.program, call.version, call.procedure) == (xid, program, version, procedure)
    assert (call.credential, call.verifier) == (credential, verifier)
    assert (bytes(call.header), bytes(call.body)) == (header, body)


@given(WORD, AUTH)
def test_replies_are_what_rpc_x_says(xid: int, verifier: opaque_auth) -> None:
    for octets in (
        encode_success(xid, verifier),
        encode_not_executed(xid, verifier, ProgramMismatch(2, 4)),
        encode_not_executed(xid, verifier, GarbageArguments("")),
        encode_denied(xid, RpcMismatch(2, 2)),
        encode_denied(xid, AuthRefused(13)),
    ):
        message = rpc_xdr.rpc_msg.from_bytes(octets)
        assert message.xid == xid
        assert message.to_bytes() == octets
        reply = parse_reply_untrusted(octets)
        assert reply.xid == xid
        assert isinstance(reply, DeniedReply) or reply.verifier == verifier


def test_replies() -> None:
    reply = parse_reply_untrusted(encode_not_executed(1, NULL_AUTH, ProgramMismatch(2, 4)))
    assert isinstance(reply, AcceptedReply)
    assert reply.mismatch == (2, 4)
    denial = parse_reply_untrusted(encode_denied(2, AuthRefused(99)))
    assert isinstance(denial, DeniedReply)
    assert isinstance(denial.refusal, AuthRefused)
    assert denial.refusal.stat == 99  # no name, and no reason to fall over it


@pytest.mark.parametrize("length", range(len(CALL) - 4))
def test_truncated_calls(length: int) -> None:
    with pytest.raises(BadMessage):
        parse_call_untrusted(CALL[:length])


def test_another_version_of_rpc_is_told_ours() -> None:
    record = CALL[:8] + (3).to_bytes(4) + CALL[12:]
    for end in (12, len(record)):
        with pytest.raises(RpcMismatch) as caught:
            parse_call_untrusted(record[:end])
        assert (caught.value.low, caught.value.high) == (2, 2)
    assert message_xid(record) == 7


def test_an_authentication_body_over_400_octets() -> None:
    record = CALL[:24] + bytes.fromhex("0000000600000191") + bytes(404) + CALL[40:]
    with pytest.raises(AuthRefused, match="AUTH_BADCRED"):
        parse_call_untrusted(record)
    with pytest.raises(ValueError, match="401 octets"):
        encode_auth(opaque_auth(6, bytes(401)))


@given(st.binary(max_size=120) | st.builds(lambda i, b: CALL[:i] + b + CALL[i + 1 :], st.integers(0, 47), st.binary()))
def test_garbage_raises_what_is_documented(record: bytes) -> None:
    for parse, documented in (
        (parse_call_untrusted, (BadMessage, RpcMismatch, AuthRefused)),
        (parse_reply_untrusted, (BadMessage,)),
    ):
        with suppress(*documented):
            parse(record)


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_large_records_are_not_copied(form: Callable[[bytes], bytes | bytearray | memoryview]) -> None:
    auth = opaque_auth(6, bytes(400))
    call = form(encode_call_header(CallHeader(1, 2, 3, 4), auth) + encode_auth(auth) + b"x" * 100_000)
    parsed = parse_call_untrusted(call)
    assert (parsed.credential, parsed.verifier, bytes(parsed.body)) == (auth, auth, b"x" * 100_000)
    assert parsed.body.obj is memoryview(call).obj
    answer = form(encode_success(1, auth) + b"x" * 100_000)
    reply = parse_reply_untrusted(answer)
    assert isinstance(reply, AcceptedReply)
    assert (reply.verifier, bytes(reply.body)) == (auth, b"x" * 100_000)
    assert reply.body.obj is memoryview(answer).obj


def test_padding_need_not_be_zero_but_is_covered_by_the_header() -> None:
    record = CALL[:37] + b"xyz" + CALL[40:]
    assert parse_call_untrusted(record).header == record[:40]


def test_every_refusal_is_an_rpc_error() -> None:
    assert issubclass(RpcMismatch, RpcError)
    assert not issubclass(xdr.ProcedureUnavailable, RpcError)

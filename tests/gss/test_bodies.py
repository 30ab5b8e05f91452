"""Credentials and protected bodies, right, bent and cut short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.gss.bodies import (
    Credential,
    encode_credential,
    encode_header,
    encode_verifier,
    parse_credential_untrusted,
    protect,
    unprotect,
    word,
)
from rpcgss.gss.errors import BadBody, BadMic, BadWrap, ProtectionUnavailable, SecurityError
from rpcgss.gss.gss_xdr import (
    rpc_gss_cred_t,
    rpc_gss_cred_t_RPCSEC_GSS_VERS_1,
    rpc_gss_cred_vers_1_t,
    rpc_gss_integ_data,
    rpc_gss_priv_data,
)
from rpcgss.gss.provider import GssService
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import CallHeader, encode_auth, encode_call_header
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth
from tests.gss.fake_mechanism import FakeProtection
from xdr import DecodeError

PROTECTED = (GssService.INTEGRITY, GssService.PRIVACY)


def pair() -> tuple[FakeProtection, FakeProtection]:
    key = b"k" * 32
    return FakeProtection(key, initiator=True, encrypts=True), FakeProtection(key, initiator=False, encrypts=True)


@pytest.mark.parametrize(
    ("credential", "octets"),
    [
        (Credential(1, 0, 3, b""), "00000001 00000001 00000000 00000003 00000000"),
        (Credential(0, 7, 2, b"abcde"), "00000001 00000000 00000007 00000002 00000005 6162636465000000"),
        (Credential(4, 7, 1, b"abcd", 2), "00000002 00000004 00000007 00000001 00000004 61626364"),
        (Credential(5, 8, 4, b"abcd", 3), "00000003 00000005 00000008 00000004 00000004 61626364"),
        (
            Credential(0x46524131, 0, 1, bytes(16)),
            "00000001 46524131 00000000 00000001 00000010 00000000 00000000 00000000 00000000",
        ),
    ],
)
def test_credentials_read_both_ways(credential: Credential, octets: str) -> None:
    assert encode_credential(credential).hex() == octets.replace(" ", "")
    inner = rpc_gss_cred_vers_1_t(credential.gss_proc, credential.seq_num, credential.service, credential.handle)
    assert rpc_gss_cred_t_RPCSEC_GSS_VERS_1(credential.version, inner).to_bytes() == bytes.fromhex(octets)
    assert parse_credential_untrusted(bytes.fromhex(octets), [credential.version]) == credential


@given(st.binary(max_size=60))
def test_credentials_of_strangers_raise_one_exception(body: bytes) -> None:
    try:
        credential = parse_credential_untrusted(body, (1, 2, 3))
    except AuthRefused:
        with pytest.raises(DecodeError):
            rpc_gss_cred_t.from_bytes(body)
        return
    assert isinstance(rpc_gss_cred_t.from_bytes(body), rpc_gss_cred_t_RPCSEC_GSS_VERS_1)
    assert encode_credential(credential) == body


@pytest.mark.parametrize("end", range(1, 29))
def test_a_truncated_credential_is_bad(end: int) -> None:
    whole = encode_credential(Credential(0, 1, 1, b"handle"))
    with pytest.raises(AuthRefused) as caught:
        parse_credential_untrusted(whole[:-end])
    assert caught.value.stat == auth_stat.AUTH_BADCRED


@pytest.mark.parametrize("tail", [b"\0\0\0\0", b"x"])
def test_a_credential_with_a_tail_is_bad(tail: bytes) -> None:
    with pytest.raises(AuthRefused):
        parse_credential_untrusted(encode_credential(Credential(0, 1, 1, b"handle")) + tail)


def test_padding_of_a_credential_is_zero() -> None:
    whole = bytearray(encode_credential(Credential(0, 1, 1, b"handle")))
    whole[-1] = 1
    with pytest.raises(AuthRefused):
        parse_credential_untrusted(whole)


@pytest.mark.parametrize(("gss_proc", "stat"), [(0, "AUTH_BADCRED"), (1, "AUTH_REJECTEDCRED"), (3, "AUTH_BADCRED")])
@pytest.mark.parametrize("version", [0, 2, 3, 2**32 - 1])
def test_another_version(version: int, gss_proc: int, stat: str) -> None:
    """RFC 2203, 5.1 and 5.2.3.2 for creation requests, 5.3.3.3 for the others."""
    body = word(version) + encode_credential(Credential(gss_proc, 1, 1, b""))[4:]
    with pytest.raises(AuthRefused) as caught:
        parse_credential_untrusted(body)
    assert caught.value.stat == auth_stat[stat]


@pytest.mark.parametrize("service", GssService)
@pytest.mark.parametrize("content", [b"", b"abcd", bytes(100_000)])
def test_bodies_there_and_back(service: GssService, content: bytes) -> None:
    us, them = pair()
    body = b"".join(protect(us, service, 7, (content,)))
    assert bytes(unprotect(them, service, 7, body)) == content
    assert len(body) % 4 == 0


@given(st.binary(max_size=40), st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8), st.binary(max_size=400))
def test_headers_in_one_step(handle: bytes, numbers: list[int], mic: bytes) -> None:
    xid, program, version, procedure, gss_proc, seq_num, service, gss_version = numbers
    header = CallHeader(xid, program, version, procedure)
    credential = encode_credential(Credential(gss_proc, seq_num, service, handle, gss_version))
    assert encode_header(header, gss_proc, seq_num, service, handle, gss_version) == encode_call_header(
        header, opaque_auth(auth_flavor.RPCSEC_GSS, credential)
    )
    assert encode_verifier(mic) == encode_auth(opaque_auth(auth_flavor.RPCSEC_GSS, mic))


def test_headers_that_are_too_long() -> None:
    header = CallHeader(1, 2, 3, 4)
    assert len(encode_header(header, 0, 1, 1, bytes(380), 1)) == 432
    with pytest.raises(ValueError, match="404 octets"):
        encode_header(header, 0, 1, 1, bytes(381), 1)
    with pytest.raises(ValueError, match="401 octets"):
        encode_verifier(bytes(401))


def test_pieces_go_through_uncopied() -> None:
    us, them = pair()
    content = [b"some", bytes(100_000), b"more"]
    assert protect(us, GssService.NONE, 7, content) is content
    for service in PROTECTED:
        body = b"".join(protect(us, service, 7, content))
        assert bytes(unprotect(them, service, 7, body)) == b"".join(content)
        assert unprotect(them, service, 7, b"".join(protect(us, service, 7, ()))) == b""


@pytest.mark.parametrize("service", PROTECTED)
def test_the_number_inside_is_compared(service: GssService) -> None:
    us, them = pair()
    with pytest.raises(BadBody, match="sequence number"):
        unprotect(them, service, 8, b"".join(protect(us, service, 7, (b"content",))))


@pytest.mark.parametrize("service", PROTECTED)
def test_every_bit_and_every_truncation_counts(service: GssService) -> None:
    us, them = pair()
    body = b"".join(protect(us, service, 7, (b"some content",)))
    bent = [body[:i] + bytes([body[i] ^ 1 << bit]) + body[i + 1 :] for i in range(len(body)) for bit in range(8)]
    for spoiled in [*bent, *(body[:end] for end in range(len(body))), body + bytes(4)]:
        with pytest.raises((BadBody, BadMic, BadWrap)):
            unprotect(them, service, 7, spoiled)


@given(body=st.binary(max_size=80), service=st.sampled_from(PROTECTED))
def test_bodies_of_strangers_raise_what_is_documented(body: bytes, service: GssService) -> None:
    _, them = pair()
    with pytest.raises(SecurityError):
        unprotect(them, service, 7, body)


def test_a_body_shorter_than_a_number() -> None:
    us, them = pair()
    with pytest.raises(BadBody):
        unprotect(them, GssService.INTEGRITY, 0, rpc_gss_integ_data(b"\0\0", us.mic(b"\0\0")).to_bytes())
    with pytest.raises(BadBody):
        unprotect(them, GssService.PRIVACY, 0, rpc_gss_priv_data(us.wrap(b"")).to_bytes())


def test_no_privacy_without_encryption() -> None:
    us = FakeProtection(b"k", initiator=True, encrypts=False)
    with pytest.raises(ProtectionUnavailable):
        protect(us, GssService.PRIVACY, 1, (b"secret",))


def test_a_reflected_body_is_refused() -> None:
    us, _ = pair()
    with pytest.raises(BadMic):
        unprotect(us, GssService.INTEGRITY, 1, b"".join(protect(us, GssService.INTEGRITY, 1, (b"x",))))

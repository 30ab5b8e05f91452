"""The key schedule against the vectors of the protocol, which come from an independent model."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.reauth import keys
from rpcgss.reauth.errors import NoGrant

SK = bytes(range(32))
EMPTY = hashlib.sha256(b"").digest()


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (b"FRA1 grant", "65a800cba60a372c4be5ab330401acc738f78ca223b73c776d16bae3892e9ce7"),
        (b"FRA1 authenticator", "254b54103e6a2cad5b91b7121b70dea4688f35cfdeab7e5fd8d5918f7d6898ba"),
    ],
)
def test_expand(info: bytes, expected: str) -> None:
    assert keys.expand(SK, info).hex() == expected


def test_transcript_hash() -> None:
    expected = "383b41365648e0a805522e1312363a03e5dfae3a410a227f0a19edcf9182993e"
    assert keys.transcript_hash([b"req", b"rep"]).hex() == expected
    assert keys.transcript_hash([memoryview(b"req"), bytearray(b"rep")]).hex() == expected


def test_extract() -> None:
    prk = keys.extract(keys.expand(SK, b"FRA1 derive"), keys.NO_SHARED_SECRET)
    assert prk.hex() == "11c91771e8fa687a301ab5cde08e2ad29404efab715ab472a4ec345cf5a9af68"


def test_derived_keys() -> None:
    derived = keys.derive(SK, EMPTY)
    assert derived.client_to_server.hex() == "c5a3e27a54f12f7213984b00889161f32f94818a67676229493f1888d4031a0b"
    assert derived.server_to_client.hex() == "1312a0b02714cfc6187ce41b8e096bd2fdc34258ba1d1ddd0950afc3d345784c"
    assert derived.confirm.hex() == "6b7961376bf127b6e2e8b7b677f50d7289a54d24d141b14a9fe9261517675991"
    assert derived.session_key.hex() == "c2bf80f605668e74a093f84fc4e96dc6ada8bdce0b69ef3a25ad08f03eaf0e9a"


def test_session_key_asks_for_the_whole_label_with_its_zero_octet() -> None:
    asked = []

    def prf(label: bytes, length: int) -> bytes:
        asked.append((label, length))
        return SK

    assert keys.session_key(prf, [b"req", b"rep"]) == SK
    transcript = bytes.fromhex("383b41365648e0a805522e1312363a03e5dfae3a410a227f0a19edcf9182993e")
    assert asked == [(b"RPCSEC_GSS fast re-authentication 1\x00" + transcript, 32)]


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_session_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(NoGrant, match="another length"):
        keys.session_key(lambda _label, _length: bytes(length), [b"token"])


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.binary(max_size=40), max_size=6))
def test_different_tokens_never_make_the_same_input(left: list[bytes], right: list[bytes]) -> None:
    assert (keys.transcript_hash(left) == keys.transcript_hash(right)) == (left == right)


def test_empty_tokens_count() -> None:
    hashes = {keys.transcript_hash(tokens) for tokens in ([], [b""], [b"", b""], [b"a"], [b"a", b""], [b"", b"a"])}
    assert len(hashes) == 6


def test_every_input_matters() -> None:
    mac = keys.authenticator(SK, b"header", b"argument")
    assert mac != keys.authenticator(SK, b"header.", b"argument")
    assert mac != keys.authenticator(SK, b"header", b"argument.")
    assert mac != keys.authenticator(bytes(32), b"header", b"argument")
    assert keys.derive(SK, EMPTY) != keys.derive(SK, EMPTY, b"\1" * 32)


def test_case_25_no_key_octets_in_repr() -> None:
    assert repr(keys.derive(SK, EMPTY)) == "DerivedKeys()"

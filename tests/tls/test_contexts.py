"""What users may hand over for TLS."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from rpcgss.connect import connect_program, connect_tcp
from rpcgss.rpc import AcceptNone, AuthNone, ClientTls, Server, ServerTls, client_tls, server_tls
from tests.rpc.program import Program
from tests.tls.authority import HOST, Authority
from transport import server_end_point


def test_server_contexts(authority: Authority) -> None:
    with pytest.raises(ValueError, match="cannot serve TLS"):
        ServerTls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    with pytest.raises(ValueError, match="a client's SSL context"):
        ServerTls(ssl.create_default_context())
    old = authority.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ValueError, match="cannot serve TLS"):
        ServerTls(old)


def test_client_contexts(authority: Authority) -> None:
    with pytest.raises(ValueError, match="a server's SSL context"):
        ClientTls(authority.context())
    tls = client_tls(authority.ca_file)
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_3
    assert tls.context.verify_mode == ssl.CERT_REQUIRED
    assert tls.context.check_hostname


def test_the_certificate_is_known_whatever_clients_must_show(authority: Authority) -> None:
    plain = authority.server(HOST)
    demanding = server_tls(authority.issue(HOST), client_ca_file=authority.ca_file)
    for tls in (plain, demanding):
        names = x509.load_der_x509_certificate(tls.certificate).extensions
        found = names.get_extension_for_class(x509.SubjectAlternativeName).value
        assert found.get_values_for_type(x509.DNSName) == [HOST]
    assert "certificate" not in repr(plain)


@pytest.mark.parametrize("make", [client_tls, server_tls])
def test_files_are_named(authority: Authority, make: type, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path, why in ((tmp_path / "nowhere.pem", "No such file"), (empty, "in PEM")):
        with pytest.raises(OSError, match=f"cannot use {path}: .*{why}"):
            make(path)
    with pytest.raises(OSError, match="cannot use "):
        server_tls(authority.ca_file)  # it has no private key


def test_encrypted_keys_are_no_reason_to_wait(authority: Authority, tmp_path: Path) -> None:
    """OpenSSL would ask for the password at the terminal."""
    both = authority.issue(HOST).read_bytes()
    key = serialization.load_pem_private_key(both, None)
    locked = serialization.BestAvailableEncryption(b"password")
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        + both[both.index(b"-----BEGIN CERTIFICATE") :]
    )
    for make in (server_tls, lambda path: client_tls(None, path)):
        with pytest.raises(OSError, match=f"cannot use {encrypted}: .*encrypted"):
            make(encrypted)


def test_what_makes_no_sense(authority: Authority) -> None:
    with pytest.raises(ValueError, match="without its certificate"):
        client_tls(key=authority.issue(HOST))
    with pytest.raises(ValueError, match="all clients are anonymous"):
        server_tls(authority.issue(HOST), anonymous_clients=True)
    ours, theirs = authority.server(), authority.client()
    with pytest.raises(TypeError, match=r"rpcgss\.server_tls"):
        Server([Program()], [AcceptNone()], tls=theirs)  # type: ignore[arg-type]
    for wrong in (ours, ours.context, True):
        with pytest.raises(TypeError, match=r"rpcgss\.client_tls"):
            connect_tcp(HOST, 1, AuthNone(), tls=wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"rpcgss\.client_tls"):
            connect_program(HOST, 1, 1, AuthNone(), tls=wrong)  # type: ignore[arg-type]


HASHES: list[tuple[hashes.HashAlgorithm, str]] = [
    (hashes.SHA256(), "sha256"),
    (hashes.SHA384(), "sha384"),
    (hashes.SHA512(), "sha512"),
    (hashes.SHA224(), "sha224"),
]


@pytest.mark.parametrize(("algorithm", "name"), HASHES, ids=[name for _, name in HASHES])
def test_server_end_points(algorithm: hashes.HashAlgorithm, name: str) -> None:
    """RFC 5929, 4.1: by the hash function of the certificate's signature."""
    certificate = signed(ec.generate_private_key(ec.SECP256R1()), algorithm)
    assert server_end_point(certificate) == hashlib.new(name, certificate).digest()


def test_server_end_points_that_are_not_defined() -> None:
    assert server_end_point(signed(ed25519.Ed25519PrivateKey.generate(), None)) is None
    assert server_end_point(b"no certificate") is None


def test_server_end_points_of_weak_signatures() -> None:
    """RFC 5929, 4.1: SHA-256 in the place of MD5 and SHA-1. Nobody signs so any more, so the signature is not good."""
    good = signed(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    with_sha256, with_sha1 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06072a8648ce3d0401")
    assert good.count(with_sha256) == 2
    weak = shortened(good, with_sha256, with_sha1)
    assert server_end_point(weak) == hashlib.sha256(weak).digest()


def shortened(der: bytes, old: bytes, new: bytes) -> bytes:
    """Both of a certificate's algorithm identifiers replaced, and the lengths round them."""
    body = der[4:]
    inner = int.from_bytes(body[2:4])
    tbs, rest = body[4 : 4 + inner], body[4 + inner :]
    less = len(old) - len(new)

    def swap(octets: bytes) -> bytes:
        before, after = octets.split(old)
        assert before[-2] == 0x30
        return before[:-1] + bytes([before[-1] - less]) + new + after

    tbs, rest = swap(tbs), swap(rest)
    whole = b"\x30\x82" + len(tbs).to_bytes(2) + tbs + rest
    return b"\x30\x82" + len(whole).to_bytes(2) + whole


def signed(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, by: hashes.HashAlgorithm | None) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a name that is long enough for all lengths")])
    now = datetime.now(UTC)
    names = [x509.DNSName(f"host-{number}.example") for number in range(9)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, by)  # type: ignore[arg-type]
    )
    return certificate.public_bytes(serialization.Encoding.DER)

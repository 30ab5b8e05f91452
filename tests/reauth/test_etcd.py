"""The keyring in etcd, with a real etcd: sealed, followed, changed by one at a time, kept while etcd is away."""

import base64
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import trustme

from examples.etcd import Member, running
from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.etcd import Etcd, EtcdKeyring
from rpcgss.reauth.etcd_gateway import Stored
from rpcgss.reauth.keyset import KeySet
from rpcgss.reauth.sealing import MAGIC, create_sealing_key

NAME = "fleet/nfs"
PATIENCE = 20.0


@pytest.fixture(scope="module")
def member(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    with running(Member(tmp_path_factory.mktemp("etcd"))) as found:
        yield found


@pytest.fixture
def sealing_key(tmp_path: Path) -> Path:
    path = tmp_path / "sealing-key"
    create_sealing_key(path)
    return path


@pytest.fixture
def opened(member: Member) -> Iterator[Callable[[EtcdKeyring], EtcdKeyring]]:
    """Closes what a test opens, and empties etcd."""
    with ExitStack() as stack:

        def opened(keyring: EtcdKeyring) -> EtcdKeyring:
            stack.callback(keyring.close)
            return keyring

        yield opened
    remove(member)


@pytest.fixture
def ring(member: Member, sealing_key: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]) -> EtcdKeyring:
    return opened(EtcdKeyring.create(Etcd([member.url]), NAME, sealing_key, scope="fleet"))


def stored(member: Member, name: str = NAME) -> bytes:
    answer = member.ask("/v3/kv/range", {"key": text(name.encode())})
    found = answer["kvs"]
    assert isinstance(found, list)
    return base64.b64decode(found[0]["value"])


def store(member: Member, octets: bytes, name: str = NAME) -> None:
    member.ask("/v3/kv/put", {"key": text(name.encode()), "value": text(octets)})


def remove(member: Member) -> None:
    member.ask("/v3/kv/deleterange", {"key": text(b"fleet"), "range_end": text(b"fleeu")})


def text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def until(keyring: EtcdKeyring, holds: Callable[[], bool]) -> None:
    """Wait until something holds of `keyring`, which tells whenever it has changed."""
    changed = threading.Event()
    keyring.events.append(changed.set)
    while not holds():
        assert changed.wait(PATIENCE), keyring.problem
        changed.clear()


def test_create_and_open(
    ring: EtcdKeyring, member: Member, sealing_key: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    assert ring.keys().scope == "fleet"
    fellow = opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key))
    assert fellow.keys() == ring.keys()
    with pytest.raises(KeyringError, match="exists already"):
        EtcdKeyring.create(Etcd([member.url]), NAME, sealing_key)
    assert fellow.keys() == ring.keys()


def test_etcd_holds_nothing_in_the_clear(ring: EtcdKeyring, member: Member) -> None:
    octets = stored(member)
    (key,) = ring.keys().keys
    assert octets.startswith(MAGIC)
    assert key.secret not in octets
    assert key.secret.hex().encode() not in octets
    assert b"fleet" not in octets


def test_changes_reach_fellows(
    ring: EtcdKeyring, member: Member, sealing_key: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    fellow = opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key))
    fresh = ring.rotate()
    assert fresh in ring.keys().keys
    until(fellow, lambda: fresh in fellow.keys().keys)
    moment = fellow.revoke()
    until(ring, lambda: ring.keys().revoked_before == moment)
    assert ring.keys() == fellow.keys()
    with pytest.raises(KeyringError, match="future"):
        ring.revoke(moment + 1_000_000)


def test_changes_at_once_are_all_made(
    ring: EtcdKeyring, member: Member, sealing_key: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    fellows = [ring, *(opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key)) for _ in range(3))]
    made: list[int] = []
    threads = [threading.Thread(target=lambda fellow=fellow: made.append(fellow.rotate().index)) for fellow in fellows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    for fellow in fellows:
        until(fellow, lambda fellow=fellow: set(made) <= {key.index for key in fellow.keys().keys})  # type: ignore[misc]


def test_no_keyring(member: Member, sealing_key: Path) -> None:
    with pytest.raises(KeyringError, match=r"no keyring 'fleet/none' in etcd: create it first"):
        EtcdKeyring(Etcd([member.url]), "fleet/none", sealing_key)


def test_another_sealing_key(ring: EtcdKeyring, member: Member, tmp_path: Path) -> None:
    other = tmp_path / "other"
    create_sealing_key(other)
    with pytest.raises(KeyringError, match="does not open"):
        EtcdKeyring(Etcd([member.url]), NAME, other)


def test_another_name(ring: EtcdKeyring, member: Member, sealing_key: Path) -> None:
    store(member, stored(member), "fleet/elsewhere")
    with pytest.raises(KeyringError, match="does not open"):
        EtcdKeyring(Etcd([member.url]), "fleet/elsewhere", sealing_key)


@pytest.mark.parametrize("where", [0, 30, 60, -1])
def test_every_change_by_others_is_noticed(ring: EtcdKeyring, member: Member, where: int) -> None:
    before, good = ring.keys(), stored(member)
    bent = bytearray(good)
    bent[where] ^= 1
    store(member, bytes(bent))
    until(ring, lambda: ring.problem is not None)
    assert ring.keys() is before
    store(member, good)
    until(ring, lambda: ring.problem is None)


@pytest.mark.parametrize("octets", [b"", MAGIC, MAGIC + bytes(11), b"x" * 100_000])
def test_rubbish(ring: EtcdKeyring, member: Member, octets: bytes) -> None:
    before = ring.keys()
    store(member, octets)
    until(ring, lambda: "no sealed keyring" in (ring.problem or ""))
    assert ring.keys() is before


def test_an_old_keyring_is_not_taken(ring: EtcdKeyring, member: Member) -> None:
    """Else whoever can write to etcd could undo a revocation, or bring a stolen key back."""
    old, (stolen,) = stored(member), ring.keys().keys
    ring.rotate(forget_old=True)
    present = ring.keys()
    store(member, old)
    until(ring, lambda: "older than" in (ring.problem or ""))
    assert ring.keys() == present
    fresh = ring.rotate()  # goes beyond what was seen, so that all take it
    assert ring.problem is None
    assert fresh in ring.keys().keys
    assert stolen not in ring.keys().keys


def test_an_old_keyring_that_was_changed_is_noticed(
    ring: EtcdKeyring, member: Member, sealing_key: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    """By somebody who had not seen the newer one."""
    old = stored(member)
    moment = ring.revoke()
    store(member, old)
    stranger = opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key))
    stranger.rotate()
    until(ring, lambda: "copy=FILE" in (ring.problem or "") and stored(member) != old)
    ring.revoke(0)
    until(stranger, lambda: stranger.keys() == ring.keys())
    assert stranger.keys().revoked_before == moment


def test_an_old_keyring_is_not_taken_at_the_start_either(
    member: Member, sealing_key: Path, tmp_path: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    """A server that was there when something was revoked has it in its copy."""
    copy = tmp_path / "copy"
    ring = EtcdKeyring.create(Etcd([member.url]), NAME, sealing_key, copy=copy)
    old = stored(member)
    ring.rotate(forget_old=True)
    moment = ring.revoke()
    ring.close()
    store(member, old)
    again = opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key, copy=copy))
    assert again.keys() == ring.keys()
    until(again, lambda: "older than" in (again.problem or ""))
    assert copy.read_bytes() != old
    again.rotate()
    until(again, lambda: again.problem is None)
    stranger = opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key))
    assert stranger.keys() == again.keys()
    assert stranger.keys().revoked_before == moment


def test_a_keyring_that_was_made_anew_is_newer(
    member: Member, sealing_key: Path, tmp_path: Path, opened: Callable[[EtcdKeyring], EtcdKeyring]
) -> None:
    etcd, copy = Etcd([member.url]), tmp_path / "copy"
    ring = opened(EtcdKeyring.create(etcd, NAME, sealing_key, copy=copy, wall_clock=lambda: 1000.0))
    ring.rotate()
    remove(member)
    made = opened(EtcdKeyring.create(etcd, NAME, sealing_key, copy=copy))
    until(ring, lambda: ring.keys() == made.keys())


def test_a_copy_that_is_damaged_is_replaced(
    ring: EtcdKeyring,
    member: Member,
    sealing_key: Path,
    tmp_path: Path,
    opened: Callable[[EtcdKeyring], EtcdKeyring],
    caplog: pytest.LogCaptureFixture,
) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(b"rubbish")
    copy.chmod(0o600)
    assert opened(EtcdKeyring(Etcd([member.url]), NAME, sealing_key, copy=copy)).keys() == ring.keys()
    assert "no sealed keyring" in caplog.text
    assert copy.read_bytes() == stored(member)


def test_an_event_that_fails_does_not_end_the_following(
    ring: EtcdKeyring, member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("mine")

    good = stored(member)
    ring.events.append(fail)
    store(member, b"rubbish")
    until(ring, lambda: ring.problem is not None)
    store(member, good)
    until(ring, lambda: ring.problem is None)
    assert "an event of" in caplog.text


def test_whatever_goes_wrong_it_is_followed_on(
    ring: EtcdKeyring, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ring._gateway.read

    def fail() -> Stored:
        monkeypatch.setattr(ring._gateway, "read", read)
        raise ZeroDivisionError

    monkeypatch.setattr(ring._gateway, "read", fail)
    store(member, stored(member))  # wakes it
    until(ring, lambda: "ZeroDivisionError" in (ring.problem or ""))
    until(ring, lambda: ring.problem is None)


def test_deleted(ring: EtcdKeyring, member: Member) -> None:
    before = ring.keys()
    remove(member)
    until(ring, lambda: "is gone" in (ring.problem or ""))
    assert ring.keys() is before
    with pytest.raises(KeyringError, match="is gone"):
        ring.rotate()


def test_etcd_away(tmp_path: Path, sealing_key: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory, copy = tmp_path / "etcd", tmp_path / "copy"
    directory.mkdir()
    member = Member(directory)
    with ExitStack() as stack:
        stack.enter_context(running(member))
        ring = EtcdKeyring.create(Etcd([member.url]), NAME, sealing_key, copy=copy)
        stack.callback(ring.close)
        before = ring.keys()
        assert copy.stat().st_mode & 0o7777 == 0o600
        assert copy.read_bytes() == stored(member)

        member.stop()
        until(ring, lambda: ring.problem is not None)
        assert ring.keys() is before
        assert "the keys read before stay in use" in caplog.text
        with pytest.raises(KeyringError, match="cannot be reached"):
            ring.rotate()
        with pytest.raises(KeyringError, match="cannot be reached"):
            EtcdKeyring(Etcd([member.url]), NAME, sealing_key)
        starter = EtcdKeyring(Etcd([member.url]), NAME, sealing_key, copy=copy)
        stack.callback(starter.close)
        assert starter.keys() == before
        assert "taking the copy" in caplog.text

        member.start()
        for keyring in (ring, starter):
            until(keyring, lambda keyring=keyring: keyring.problem is None)  # type: ignore[misc]
        fresh = ring.rotate()
        until(starter, lambda: fresh in starter.keys().keys)


def test_the_next_endpoint(ring: EtcdKeyring, member: Member, sealing_key: Path) -> None:
    fellow = EtcdKeyring(Etcd(["http://127.0.0.1:1", member.url]), NAME, sealing_key)
    fellow.close()
    assert fellow.keys() == ring.keys()


def test_a_forked_child_follows_by_itself(ring: EtcdKeyring, member: Member) -> None:
    reading, writing = os.pipe()
    answers, answering = os.pipe()
    child = os.fork()
    if not child:
        try:
            ring.keys()
            os.read(reading, 1)  # the parent has rotated
            until(ring, lambda: len(ring.keys().keys) == 2)
            os.write(answering, b"y")
        finally:
            os._exit(0)
    for descriptor in (reading, answering):
        os.close(descriptor)
    ring.rotate()
    os.write(writing, b"!")
    try:
        assert os.read(answers, 1) == b"y"
    finally:
        os.waitpid(child, 0)
        for descriptor in (writing, answers):
            os.close(descriptor)
    assert len(ring.keys().keys) == 2


# etcd with TLS, client certificates and users


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def files(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    ca.cert_pem.write_to_path(directory / "ca")
    for who, certificate in (("server", ca.issue_cert("127.0.0.1")), ("client", ca.issue_cert("client.example"))):
        certificate.private_key_pem.write_to_path(directory / f"{who}.key")
        certificate.cert_chain_pems[0].write_to_path(directory / f"{who}.pem")
    return directory


@pytest.fixture(scope="module")
def guarded(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    options = [
        f"--cert-file={files / 'server.pem'}",
        f"--key-file={files / 'server.key'}",
        f"--trusted-ca-file={files / 'ca'}",
        "--client-cert-auth",
    ]
    with running(Member(tmp_path_factory.mktemp("guarded"), scheme="https", options=options)) as member:
        make_users(member, files)
        yield member


def make_users(member: Member, files: Path) -> None:
    everything: dict[str, object] = {"permType": "READWRITE", "key": text(b"fleet"), "range_end": text(b"fleeu")}
    requests: list[tuple[str, dict[str, object]]] = [
        ("user/add", {"name": "root", "password": "of all"}),
        ("role/add", {"name": "root"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "nfs", "password": "s3cret"}),
        ("user/add", {"name": "stranger", "password": "s3cret"}),
        ("role/add", {"name": "keys"}),
        ("role/grant", {"name": "keys", "perm": everything}),
        ("user/grant", {"user": "nfs", "role": "keys"}),
        ("enable", {}),
    ]
    context = ssl.create_default_context(cafile=files / "ca")
    context.load_cert_chain(files / "client.pem", files / "client.key")
    with httpx.Client(verify=context, trust_env=False) as client:
        for path, body in requests:
            client.post(f"{member.url}/v3/auth/{path}", json=body).raise_for_status()


def reach(member: Member, files: Path, user: str | None = "nfs", password: str = "s3cret") -> Etcd:
    certificate = str(files / "client.pem"), str(files / "client.key")
    return Etcd([member.url], str(files / "ca"), certificate, user, password)


def test_tls_certificates_and_users(guarded: Member, files: Path, sealing_key: Path) -> None:
    etcd = reach(guarded, files)
    ring = EtcdKeyring.create(etcd, NAME, sealing_key)
    fellow = EtcdKeyring(etcd, NAME, sealing_key)
    try:
        ring._gateway._token = "expired.17"  # as after five minutes without a word
        fresh = ring.rotate()
        until(fellow, lambda: fresh in fellow.keys().keys)
    finally:
        ring.close()
        fellow.close()
    assert "s3cret" not in repr(etcd)


def test_what_etcd_refuses(guarded: Member, files: Path, sealing_key: Path) -> None:
    for etcd, why in (
        (reach(guarded, files, "nfs", "wrong"), "does not take user 'nfs'"),
        (reach(guarded, files, "stranger"), "permission denied"),
        (reach(guarded, files, None), "user name is empty"),
        (Etcd([guarded.url], str(files / "ca"), None, "nfs", "s3cret"), "cannot be reached"),
        (Etcd([guarded.url], None, None, "nfs", "s3cret"), "cannot be reached"),
        (Etcd([guarded.url], str(files / "none")), "cannot load the certificates"),
    ):
        with pytest.raises(KeyringError, match=why) as raised:
            EtcdKeyring(etcd, NAME, sealing_key)
        assert "s3cret" not in str(raised.value)


def test_a_password_never_goes_in_the_clear(sealing_key: Path) -> None:
    with pytest.raises(KeyringError, match="https"):
        EtcdKeyring(Etcd(["http://etcd.example:2379"], user="nfs", password="s3cret"), NAME, sealing_key)


@pytest.mark.parametrize(
    "endpoints", [[], ["etcd.example:2379"], ["ftp://etcd.example"], ["http://host:99999x"], ["http://u:s3cret@[::"]]
)
def test_endpoints_that_make_no_sense(endpoints: list[str], sealing_key: Path) -> None:
    with pytest.raises(KeyringError, match="endpoint") as raised:
        EtcdKeyring(Etcd(endpoints), NAME, sealing_key)
    assert "s3cret" not in str(raised.value)


class TestSealingKey:
    def test_is_private_and_never_overwritten(self, sealing_key: Path) -> None:
        assert sealing_key.stat().st_mode & 0o7777 == 0o600
        with pytest.raises(KeyringError, match="exists already"):
            create_sealing_key(sealing_key)

    def test_missing(self, member: Member, tmp_path: Path) -> None:
        with pytest.raises(KeyringError, match=r"no sealing key at .*seal-key"):
            EtcdKeyring(Etcd([member.url]), NAME, tmp_path / "none")

    @pytest.mark.parametrize("octets", [b"", b"rpcgss sealing key 1\n", b"rpcgss sealing key 1\n00ff\n", b"00" * 32])
    def test_damaged(self, member: Member, sealing_key: Path, octets: bytes) -> None:
        sealing_key.write_bytes(octets)
        with pytest.raises(KeyringError, match="is no sealing key"):
            EtcdKeyring(Etcd([member.url]), NAME, sealing_key)

    def test_open_to_others(self, member: Member, sealing_key: Path) -> None:
        sealing_key.chmod(0o640)
        with pytest.raises(KeyringError, match="others may have read it"):
            EtcdKeyring(Etcd([member.url]), NAME, sealing_key)


def test_no_keys_in_texts(ring: EtcdKeyring) -> None:
    keys: KeySet = ring.keys()
    assert keys.keys[0].secret.hex() not in f"{ring!r}{ring.name}{keys!r}"

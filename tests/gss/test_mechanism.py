"""The system's GSS library with a real KDC: contexts, names, errors in plain words, and GSS_Pseudo_random."""

import gc
import struct
import weakref
from dataclasses import replace
from pathlib import Path

import pytest
from gssapi import raw

from examples.realm import Realm
from rpcgss.gss.errors import AcceptorUnusable, BadMic, BadWrap, GssError, ProtectionUnavailable
from rpcgss.gss.mechanism import GssapiAcceptor, GssapiProvider, _GssapiContext
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, Demands, GssFlag, GssService, SecurityContext

BOTH = pytest.mark.parametrize("mechanism", [KRB5, SPNEGO], ids=["krb5", "spnego"])


def demands(
    target: str = "nfs@localhost",
    *,
    mechanism: str | None = None,
    service: GssService = GssService.PRIVACY,
    mutual: bool = True,
    delegate: bool = False,
    credentials: Credentials | None = None,
) -> Demands:
    return Demands(target, service, mechanism, mutual, delegate, credentials or Credentials())


def made(acceptor: GssapiAcceptor, what: Demands) -> tuple[SecurityContext, SecurityContext]:
    """Both ends of a new context."""
    ours, theirs = GssapiProvider().initiate(what), acceptor.accept()
    token = ours.step(None)
    while token:
        token = theirs.step(token)
        token = ours.step(token) if token else b""
    assert ours.complete
    assert theirs.complete
    return ours, theirs


@pytest.fixture
def acceptor(realm: Realm) -> GssapiAcceptor:
    return GssapiAcceptor(["nfs@localhost"], realm.service_keytab)


@BOTH
def test_both_ends_agree_on_everything(acceptor: GssapiAcceptor, mechanism: str, realm: Realm) -> None:
    ours, theirs = made(acceptor, demands(mechanism=mechanism))
    assert ours.mechanism == theirs.mechanism == KRB5
    assert ours.initiator == theirs.initiator
    assert ours.acceptor == theirs.acceptor == acceptor.names[0]
    assert ours.initiator.display == realm.principal("alice")
    assert ours.acceptor.display == realm.principal("nfs/localhost")
    for end in (ours, theirs):
        assert GssFlag.MUTUAL | GssFlag.INTEG | GssFlag.CONF | GssFlag.TRANS in end.flags
        assert not end.flags & (GssFlag.REPLAY | GssFlag.SEQUENCE | GssFlag.DELEG | GssFlag.ANON)
        assert end.lifetime is not None
        assert end.lifetime > 3600
        assert not end.channel_bound
        assert end.delegated is None


def test_names_are_the_real_mechanisms(acceptor: GssapiAcceptor) -> None:
    """The same octets under SPNEGO as without it: a principal is one principal."""
    names = {made(acceptor, demands(mechanism=mechanism))[1].initiator for mechanism in (KRB5, SPNEGO)}
    assert len(names) == 1


@BOTH
def test_message_protection(acceptor: GssapiAcceptor, mechanism: str) -> None:
    ours, theirs = (end.protection() for end in made(acceptor, demands(mechanism=mechanism)))
    mics = [ours.mic(b"message %d" % number) for number in range(10)]
    for number in (5, 3, 9, 3, 0):  # in any order, and again: RPCSEC_GSS has its own window
        theirs.verify_mic(memoryview(b"message %d" % number), bytearray(mics[number]))
    for wrong in (b"", b"x", mics[0][:-1], mics[0] + b"\0", mics[1], bytes(len(mics[0]))):
        with pytest.raises(BadMic):
            theirs.verify_mic(b"message 0", wrong)
    with pytest.raises(BadMic):  # reflected
        ours.verify_mic(b"message 0", mics[0])
    token = ours.wrap(bytes(100_000))
    assert bytes(1000) not in token
    assert theirs.unwrap(token) == bytes(100_000)
    for spoiled in (b"", token[:-1], bytes([token[0] ^ 1]) + token[1:], token[:-1] + bytes([token[-1] ^ 1]), mics[0]):
        with pytest.raises(BadWrap):
            theirs.unwrap(spoiled)
    assert not ours.parallel
    assert not ours.exhausted


@BOTH
def test_what_was_only_signed_is_not_taken_for_encrypted(acceptor: GssapiAcceptor, mechanism: str) -> None:
    ours, theirs = made(acceptor, demands(mechanism=mechanism))
    assert isinstance(ours, _GssapiContext)
    signed = raw.wrap(ours.context, b"plain", False).message  # type: ignore[arg-type]
    assert b"plain" in signed
    with pytest.raises(BadWrap, match="not encrypted"):
        theirs.protection().unwrap(signed)


@BOTH
def test_a_protection_keeps_nothing_of_what_it_was_made_with(acceptor: GssapiAcceptor, mechanism: str) -> None:
    ends = made(acceptor, demands(mechanism=mechanism))
    ours, theirs = (end.protection() for end in ends)
    kept = weakref.WeakSet(ends)
    del ends
    gc.collect()
    assert not kept
    theirs.verify_mic(b"x", ours.mic(b"x"))
    assert ours.unwrap(theirs.wrap(b"x")) == b"x"


def test_wrap_that_does_not_encrypt_fails(acceptor: GssapiAcceptor, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _ = made(acceptor, demands())
    monkeypatch.setattr(
        "rpcgss.gss.mechanism._wrap", lambda context, message, confidential: raw.wrap(context, message, False)
    )
    with pytest.raises(ProtectionUnavailable):
        ours.protection().wrap(b"secret")


def test_another_quality_of_protection_is_not_taken(acceptor: GssapiAcceptor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours is always 0; whoever uses another may use one that protects less (RFC 2203, 5.3.3.1)."""
    ours, theirs = (end.protection() for end in made(acceptor, demands()))
    mic, token = ours.mic(b"x"), ours.wrap(b"x")
    monkeypatch.setattr("rpcgss.gss.mechanism._verify_mic", lambda *_: 1)
    with pytest.raises(BadMic, match="quality"):
        theirs.verify_mic(b"x", mic)
    monkeypatch.setattr("rpcgss.gss.mechanism._unwrap", lambda *_: raw.named_tuples.UnwrapResult(b"x", True, 1))
    with pytest.raises(BadWrap, match="quality"):
        theirs.unwrap(token)


def test_without_mutual_authentication(acceptor: GssapiAcceptor) -> None:
    ours, theirs = made(acceptor, demands(mutual=False))
    assert GssFlag.MUTUAL not in ours.flags
    theirs.protection().verify_mic(b"x", ours.protection().mic(b"x"))


# GSS_Pseudo_random


@BOTH
def test_prf_is_the_same_at_both_ends(acceptor: GssapiAcceptor, mechanism: str) -> None:
    """RFC 4402: blocks of a keyed function, cut to length; another label or another context gives other octets."""
    ours, theirs = made(acceptor, demands(mechanism=mechanism))
    label = b"label\0with a NUL and octets \xff"
    long = ours.prf(label, 200)
    assert len(long) == 200
    assert theirs.prf(label, 200) == long
    assert [theirs.prf(label, length) for length in (1, 32, 64)] == [long[:1], long[:32], long[:64]]
    assert len({long[block : block + 16] for block in range(0, 192, 16)}) == 12
    assert theirs.prf(label + b"x", 32) != long[:32]
    assert made(acceptor, demands(mechanism=mechanism))[0].prf(label, 32) != long[:32]


@BOTH
def test_messages_in_flight_verify_after_the_prf(acceptor: GssapiAcceptor, mechanism: str) -> None:
    """The context was exported and imported meanwhile; nobody who holds its protection notices."""
    ours, theirs = made(acceptor, demands(mechanism=mechanism))
    sender, receiver = ours.protection(), theirs.protection()
    facts = [(end.flags, end.initiator, end.acceptor, end.mechanism) for end in (ours, theirs)]
    mic, token = sender.mic(b"before"), sender.wrap(b"wrapped before")
    assert ours.prf(b"x", 32) == theirs.prf(b"x", 32)
    receiver.verify_mic(b"before", mic)
    assert receiver.unwrap(token) == b"wrapped before"
    receiver.verify_mic(b"after", sender.mic(b"after"))
    assert sender.unwrap(receiver.wrap(b"back")) == b"back"
    assert [(end.flags, end.initiator, end.acceptor, end.mechanism) for end in (ours, theirs)] == facts
    assert ours.lifetime is not None


def test_a_prf_that_fails_leaves_the_context(acceptor: GssapiAcceptor, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = made(acceptor, demands())
    with pytest.raises(GssError):
        ours.prf(b"x", -1)
    theirs.protection().verify_mic(b"x", ours.protection().mic(b"x"))

    def missing() -> None:
        raise GssError(0x00100000, 0, "this GSS library has no GSS_Pseudo_random")

    monkeypatch.setattr("rpcgss.gss.mechanism._library", missing)
    with pytest.raises(GssError, match="no GSS_Pseudo_random"):
        ours.prf(b"x", 32)
    theirs.protection().verify_mic(b"x", ours.protection().mic(b"x"))


def test_delegated_credentials_survive_the_prf(realm: Realm, acceptor: GssapiAcceptor) -> None:
    _, theirs = made(acceptor, demands(delegate=True))
    credentials = theirs.delegated
    assert isinstance(credentials, raw.Creds)
    theirs.prf(b"x", 32)
    assert theirs.delegated is credentials
    name = raw.inquire_cred(credentials).name
    assert name is not None
    assert raw.display_name(name, False).name.decode() == realm.principal("alice")


# Initiators' troubles


def test_no_credentials(realm: Realm, tmp_path: Path) -> None:
    with pytest.raises(GssError, match="run kinit"):
        GssapiProvider().initiate(demands(credentials=Credentials(ccache=f"FILE:{tmp_path}/none")))


def test_somebody_elses_credentials(realm: Realm) -> None:
    with pytest.raises(GssError, match="run kinit"):
        GssapiProvider().initiate(demands(credentials=Credentials(principal="bob")))


def test_a_cache_of_an_unknown_kind(realm: Realm) -> None:
    with pytest.raises(GssError, match="kind of credential cache"):
        GssapiProvider().initiate(demands(credentials=Credentials(ccache="WRONG:x")))


@BOTH
def test_an_unknown_service(realm: Realm, mechanism: str) -> None:
    context = GssapiProvider().initiate(demands("nobody@localhost", mechanism=mechanism))
    with pytest.raises(GssError, match=r"nobody/localhost.* not found in Kerberos database"):
        context.step(None)


@pytest.mark.parametrize("mechanism", ["1.2.3.4", "nonsense", ""])
def test_an_unknown_mechanism(realm: Realm, mechanism: str) -> None:
    if mechanism:
        with pytest.raises(GssError):
            GssapiProvider().initiate(demands(mechanism=mechanism))


@pytest.mark.parametrize("target", ["", "@", "no at", "x" * 10_000])
def test_a_target_that_makes_no_sense(realm: Realm, target: str) -> None:
    with pytest.raises(GssError):
        GssapiProvider().initiate(demands(target)).step(None)


def test_no_kdc(tmp_path: Path) -> None:
    with Realm() as realm, realm.environment():
        realm.add_principal("alice")
        realm.kinit("alice")
        realm.stop_kdc()
        with pytest.raises(GssError, match="no KDC can be reached"):
            GssapiProvider().initiate(demands()).step(None)


def test_a_client_keytab(realm: Realm, tmp_path: Path) -> None:
    """Tickets without a password, for a program that runs unattended."""
    keytab = realm.keytab(tmp_path / "client.keytab", "host/localhost")
    credentials = Credentials(
        principal=realm.principal("host/localhost"), ccache=f"FILE:{tmp_path}/cache", client_keytab=str(keytab)
    )
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    ours, _ = made(acceptor, demands(credentials=credentials))
    assert ours.initiator.display == realm.principal("host/localhost")


def test_a_kerberos_name_as_the_target(realm: Realm, acceptor: GssapiAcceptor) -> None:
    ours, _ = made(acceptor, demands(realm.principal("nfs/localhost")))
    assert ours.acceptor == acceptor.names[0]


# Acceptors' troubles


def test_no_keytab(realm: Realm, tmp_path: Path) -> None:
    with pytest.raises(AcceptorUnusable, match=f"cannot read keytab {tmp_path}/none: No such file"):
        GssapiAcceptor(["nfs@localhost"], tmp_path / "none")
    with pytest.raises(AcceptorUnusable, match=r"cannot read keytab .*: Is a directory"):
        GssapiAcceptor(["nfs@localhost"], tmp_path)


def test_no_keytab_at_all(realm: Realm) -> None:
    with pytest.raises(AcceptorUnusable, match="at least one service"):
        GssapiAcceptor([], realm.service_keytab)


def test_a_keytab_of_rubbish(realm: Realm, tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_bytes(b"rubbish")
    with pytest.raises(AcceptorUnusable, match=f"cannot accept as nfs@localhost with keytab {tmp_path}/rubbish"):
        GssapiAcceptor(["nfs@localhost"], tmp_path / "rubbish")


def test_a_keytab_without_that_key(realm: Realm) -> None:
    with pytest.raises(
        AcceptorUnusable, match=f"cifs@localhost with keytab {realm.service_keytab}: No key table.*; put the service"
    ):
        GssapiAcceptor(["nfs@localhost", "cifs@localhost"], realm.service_keytab)


def test_the_default_keytab(realm: Realm) -> None:
    made(GssapiAcceptor(["nfs@localhost"]), demands())


@BOTH
def test_only_the_names_that_were_given(realm: Realm, mechanism: str) -> None:
    """The keytab has keys of both services; a default acceptor credential would take either."""
    nfs, host = (GssapiAcceptor([name], realm.service_keytab) for name in ("nfs@localhost", "host@localhost"))
    both = GssapiAcceptor(["host@localhost", "nfs@localhost"], realm.service_keytab)
    made(both, demands("nfs@localhost", mechanism=mechanism))
    made(both, demands("host@localhost", mechanism=mechanism))
    for acceptor, target in ((nfs, "host@localhost"), (host, "nfs@localhost")):
        token = GssapiProvider().initiate(demands(target, mechanism=mechanism)).step(None)
        with pytest.raises(GssError):
            acceptor.accept().step(token)


def test_the_name_that_was_reached_is_looked_at(acceptor: GssapiAcceptor) -> None:
    """Should a library's credential ever take more than its own name."""
    ((name, credentials),) = acceptor._credentials
    acceptor._credentials = [(replace(name, exported=name.exported + b"x"), credentials)]
    with pytest.raises(GssError, match="not a service of this server"):
        made(acceptor, demands())


def refused(acceptor: GssapiAcceptor, what: Demands) -> tuple[str, str]:
    """Why an acceptor does not take a token, in its own words and in those that the initiator has for it."""
    provider = GssapiProvider()
    with pytest.raises(GssError) as caught:
        acceptor.accept().step(provider.initiate(what).step(None))
    return caught.value.text, provider.refusal(caught.value.major, caught.value.minor)


def test_the_name_that_a_token_was_meant_for_says_what_is_wrong(realm: Realm) -> None:
    both = GssapiAcceptor(["nfs@localhost", "host@localhost"], realm.service_keytab)
    for target in ("nfs@localhost", "host@localhost"):
        token = GssapiProvider().initiate(demands(target)).step(None)
        both.accept().step(token)
        with pytest.raises(GssError, match="replay"):
            both.accept().step(token)


def test_what_an_acceptor_complains_of(realm: Realm) -> None:
    ours = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    with Realm() as other, other.environment():  # the same names with other keys
        other.add_principal("alice")
        other.kinit("alice")
        text, complaint = refused(ours, demands())
        assert "cannot decrypt" in text
        assert "write the keytab anew" in complaint
        acceptor = GssapiAcceptor(["nfs@localhost", "host@localhost"], other.service_keytab)
        made(acceptor, demands())
        only = GssapiAcceptor(["host@localhost"], other.service_keytab)
        assert "does not answer for that service" in refused(only, demands())[1]
        put_clock_forward(other.ccache, 3600)
        text, complaint = refused(acceptor, demands())
        assert "skew" in text
        assert "clocks" in complaint


def put_clock_forward(ccache: Path, seconds: int) -> None:
    """What a cache of format 4 says of the KDC's clock, which initiators go by."""
    octets = ccache.read_bytes()
    fields = int.from_bytes(octets[2:4], "big")
    ccache.write_bytes(octets[:2] + struct.pack(">HHHii", 12, 1, 8, seconds, 0) + octets[4 + fields :])


def test_texts_are_fit_for_terminals(acceptor: GssapiAcceptor) -> None:
    """The library quotes names from tokens that nobody has verified, and ends some texts in a NUL."""
    token = GssapiProvider().initiate(demands("host@localhost")).step(None)
    for host in (b"a\nb\x1b[31m\r", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7"):
        with pytest.raises(GssError) as caught:
            acceptor.accept().step(token.replace(b"localhost", host))
        assert caught.value.text.isprintable()


@pytest.mark.parametrize("token", [b"", b"x", b"\x60", bytes(100), b"\x60\x06\x06\x04\x2a\x03\x04\x05"])
def test_tokens_of_strangers(acceptor: GssapiAcceptor, token: bytes) -> None:
    context = acceptor.accept()
    with pytest.raises(GssError):
        context.step(token)
    assert not context.complete


def test_a_bent_token_makes_nobody_else(acceptor: GssapiAcceptor, realm: Realm) -> None:
    """Refused, but for a few octets outside of what the ticket and the authenticator protect."""
    token, refused = GssapiProvider().initiate(demands()).step(None), 0
    for position in range(0, len(token), 7):
        context = acceptor.accept()
        try:
            context.step(token[:position] + bytes([token[position] ^ 0x41]) + token[position + 1 :])
        except GssError:
            refused += 1
        else:
            assert context.initiator.display == realm.principal("alice")
    assert refused > len(token) // 7 - 10


def test_a_replayed_token_is_noticed(acceptor: GssapiAcceptor) -> None:
    token = GssapiProvider().initiate(demands()).step(None)
    acceptor.accept().step(token)
    with pytest.raises(GssError, match="replay"):
        acceptor.accept().step(token)


def test_replay_caches_may_be_off(realm: Realm) -> None:
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab, replay_cache="none:")
    token = GssapiProvider().initiate(demands()).step(None)
    for _ in range(2):
        acceptor.accept().step(token)


def test_before_a_context_there_is_nothing(acceptor: GssapiAcceptor) -> None:
    with pytest.raises(GssError, match="no security context"):
        acceptor.accept().protection().mic(b"x")

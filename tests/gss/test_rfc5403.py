# ruff: noqa: ANN401  (options are handed on as they come)
"""Version 2 of RPCSEC_GSS (RFC 5403): channel bindings, and calls that the channel protects."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from rpcgss.gss.bodies import Credential, unprotect
from rpcgss.gss.channel import SHA256, SHA384
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_BIND_CHANNEL,
    RPCSEC_GSS_CREATE,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    rgss2_bind_chan_MIC_in_args,
    rgss2_bind_chan_MIC_in_res,
    rgss2_bind_chan_res,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP,
    rgss2_bind_chan_verf_args,
    rgss2_bind_chan_verf_res,
    rpc_gss_integ_data,
)
from rpcgss.gss.policy import Strength
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.window import MAX_GIVEN_AWAY
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, BadVerifier, ConnectionLost
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    ReceivedReply,
    encode_success,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from tests.gss.channels import (
    BINDINGS,
    END_POINT,
    Identities,
    VersionedPeer,
    connection,
    flavor,
    server,
    session,
    wire,
)
from tests.gss.fake_mechanism import FakeAcceptor
from tests.gss.test_client import HEADER, procedures
from tests.gss.test_client import Extension as ClientExtension
from tests.gss.test_server import Extension, only_context
from tests.gss.wire import Wire, denial, message
from xdr import Value

CREDPROBLEM = auth_stat.RPCSEC_GSS_CREDPROBLEM
OTHER = session(bytes(32))


# The octets (3.2 and 3.3), written out by hand

PREFIX_OCTETS = "00000014" + b"tls-server-end-point".hex()
OID_OCTETS = "00000009 608648016503040201 000000"


@pytest.mark.parametrize(
    ("value", "octets"),
    [
        (rgss2_bind_chan_MIC_in_args(b"hash!"), "00000005 6861736821 000000"),
        (
            rgss2_bind_chan_verf_args(b"tls-server-end-point", SHA256, b"mic"),
            PREFIX_OCTETS + OID_OCTETS + "00000003 6d6963 00",
        ),
        (rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK(), "00000000"),
        (
            rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP([b"ab", b"c"]),
            "00000001 00000002 00000002 61620000 00000001 63000000",
        ),
        (rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP([SHA256]), "00000002 00000001" + OID_OCTETS),
        (
            rgss2_bind_chan_MIC_in_res(7, b"hash", rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK()),
            "00000007 00000004 68617368 00000000",
        ),
        (
            rgss2_bind_chan_verf_res(rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK(), b"mic"),
            "00000000 00000003 6d6963 00",
        ),
    ],
)
def test_the_types_read_both_ways(value: Value, octets: str) -> None:
    assert value.to_bytes() == bytes.fromhex(octets)
    kind = rgss2_bind_chan_res if isinstance(value, rgss2_bind_chan_res) else type(value)
    assert kind.from_bytes(bytes.fromhex(octets)) == value


async def test_a_request_and_its_reply_to_the_octet() -> None:
    one, over = server(), None
    over = wire(one, session())
    client = flavor(2, bind_channel=True)
    assert await over.call(client) == b"gnip"
    context = only_context(one)
    request, reply = over.calls[1], over.replies[1]
    header = bytes.fromhex(
        f"{request[:4].hex()} 00000000 00000002 20000001 00000001 00000000"
        f"00000006 00000024 00000002 00000004 00000001 00000001 00000010 {context.handle.hex()}"
    )
    digest = hashlib.sha256(BINDINGS).digest()
    initiator = client.context.protection  # type: ignore[union-attr]
    mic = initiator.mic(header + bytes.fromhex("00000020") + digest)
    verifier = bytes.fromhex(PREFIX_OCTETS + OID_OCTETS + "00000010") + mic
    assert request == header + bytes.fromhex(f"00000006 {len(verifier):08x}") + verifier
    signed = bytes.fromhex("00000001 00000020") + digest + bytes(4)
    answer = bytes.fromhex("00000000 00000010") + context.protection.mic(signed)
    assert reply == request[:4] + bytes.fromhex(f"00000001 00000000 00000006 {len(answer):08x}") + answer + bytes(4)
    # The call after it: service 4, the next number, null verifiers, nothing protected (3.4).
    call, result = over.calls[2], over.replies[2]
    assert call[24:].hex() == (
        "00000006000000240000000200000000000000020000000400000010"
        + context.handle.hex()
        + bytes(8).hex()
        + b"ping".hex()
    )
    assert result == call[:4] + bytes.fromhex("00000001 00000000 00000000 00000000 00000000") + b"gnip"


# What it is good for


@pytest.mark.parametrize("service", GssService)
async def test_without_a_binding_it_is_like_version_1(service: GssService) -> None:
    one, client = server(), flavor(2, service=service)
    over = wire(one)
    assert [await over.call(client) for _ in range(3)] == [b"gnip"] * 3
    assert procedures(over) == [1, 0, 0, 0]
    await client.aclose(over)
    assert procedures(over)[-1] == RPCSEC_GSS_DESTROY
    assert one.store.counters.destroyed == 1


async def test_who_calls_through_a_bound_channel() -> None:
    one, client, who = server(services=[GssService.PRIVACY]), flavor(2, bind_channel=True), Identities()
    over = wire(one, session())
    over.handler = who
    for _ in range(3):
        assert await over.call(client) == b"gnip"
    assert procedures(over) == [1, RPCSEC_GSS_BIND_CHANNEL, 0, 0, 0]
    identity = who.seen[0]
    assert (identity.principal, identity.channel_bound, identity.service) == ("alice@FAKE", True, GssService.PRIVACY)
    assert Strength.of(identity) is Strength.PRIVACY
    await client.aclose(over)
    assert one.store.counters.destroyed == 1


async def test_the_next_connection_is_bound_as_well() -> None:
    """The same context, for it is not lost; the first connection's calls are for that one."""
    one, client = server(), flavor(2, bind_channel=True)
    first, second = (wire(one, session(), serial=serial) for serial in (1, 2))
    await first.call(client)
    context = client.context
    assert await second.call(client) == b"gnip"
    assert procedures(second) == [RPCSEC_GSS_BIND_CHANNEL, 0]
    assert client.context is context
    with pytest.raises(ConnectionLost):
        await first.call(client)


async def test_a_context_that_was_lost_between_two_connections() -> None:
    one, client = server(), flavor(2, bind_channel=True)
    await wire(one, session()).call(client)
    one.store.drop_all(0)
    second = wire(one, session(), serial=2)
    assert await second.call(client) == b"gnip"
    assert procedures(second) == [RPCSEC_GSS_BIND_CHANNEL, 1, RPCSEC_GSS_BIND_CHANNEL, 0]
    assert (client.counters.lost, client.counters.by_exchange) == (1, 2)


@pytest.mark.parametrize("bound", [False, True])
async def test_a_context_that_is_lost_in_between_is_replaced(bound: bool) -> None:
    one, client = server(), flavor(2, bind_channel=bound)
    over = wire(one, session())
    for _ in range(3):
        assert await over.call(client) == b"gnip"
        one.store.drop_all(0)
    assert client.counters.lost == 2
    assert client.counters.by_exchange == 3


async def test_a_binding_that_the_server_forgot_is_made_again() -> None:
    one, client = server(), flavor(2, bind_channel=True)
    over = wire(one, session())
    await over.call(client)
    for _ in range(16):
        only_context(one).bind(connection().serial)
    assert await over.call(client) == b"gnip"
    assert procedures(over)[-3:] == [0, RPCSEC_GSS_BIND_CHANNEL, 0]


async def test_another_of_it_does_the_same() -> None:
    one, client = server(), flavor(2, bind_channel=True)
    over = wire(one, session())
    await over.call(client.another())
    assert procedures(over) == [1, RPCSEC_GSS_BIND_CHANNEL, 0]


# Somebody between the two


async def test_two_ends_that_see_two_channels() -> None:
    over = wire(server(), session(), seen=OTHER)
    with pytest.raises(AuthenticationFailed, match="refuses a control message"):
        await over.call(flavor(2, bind_channel=True))
    assert procedures(over) == [1, RPCSEC_GSS_BIND_CHANNEL]


@pytest.mark.parametrize("tls", [None, session(None)])
async def test_no_channel_no_call(tls: object) -> None:
    over = wire(server(), tls)  # type: ignore[arg-type]
    with pytest.raises(AuthenticationFailed, match="there is no TLS session"):
        await over.call(flavor(2, bind_channel=True))
    assert procedures(over) == [1]


async def test_a_server_without_a_channel_binds_nothing() -> None:
    over = wire(server(), session())
    over.connection = connection()
    with pytest.raises(AuthenticationFailed, match="AUTH_BADCRED"):
        await over.call(flavor(2, bind_channel=True))


def spoiled_binding(spoil: Callable[[rgss2_bind_chan_verf_res], object]) -> Callable[[bytes], bytes]:
    """Replies to BIND_CHANNEL with something else in them."""

    def spoiled(octets: bytes) -> bytes:
        reply = parse_reply_untrusted(octets)
        if not isinstance(reply, AcceptedReply) or len(reply.verifier.body) < 20 or len(reply.body) > 4:
            return octets
        answer = rgss2_bind_chan_verf_res.from_bytes(reply.verifier.body)
        made = spoil(answer)
        verifier = made if isinstance(made, opaque_auth) else opaque_auth(6, answer.to_bytes())
        return encode_success(reply.xid, verifier) + bytes(reply.body)

    return spoiled


def flip(answer: rgss2_bind_chan_verf_res) -> None:
    answer.rbcvr_mic = bytes([answer.rbcvr_mic[0] ^ 1]) + answer.rbcvr_mic[1:]


@pytest.mark.parametrize(
    "spoil",
    [
        flip,
        lambda answer: NULL_AUTH,
        lambda answer: opaque_auth(6, b""),
        lambda answer: opaque_auth(6, answer.to_bytes()[:-4]),
        lambda answer: opaque_auth(6, answer.to_bytes() + bytes(4)),
        lambda answer: opaque_auth(1, answer.to_bytes()),
        lambda answer: opaque_auth(6, bytes([0, 0, 0, 3]) + answer.to_bytes()[4:]),
        lambda answer: setattr(answer, "rbcvr_res", rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP([b"x"])),
        lambda answer: setattr(answer, "rbcvr_res", rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP([SHA256])),
        lambda answer: setattr(answer, "rbcvr_res", rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP([])),
    ],
)
async def test_a_reply_that_is_not_right_binds_nothing(spoil: Callable[[rgss2_bind_chan_verf_res], object]) -> None:
    over, client = wire(server(), session()), flavor(2, bind_channel=True)
    over.incoming = spoiled_binding(spoil)
    with pytest.raises(AuthenticationFailed):
        await over.call(client)
    assert RPCSEC_GSS_DATA not in procedures(over)


async def test_a_binding_that_is_lost_while_the_window_is_full_is_made_again(autojump_clock: trio.abc.Clock) -> None:
    """Before any call that leaves its protection to the channel."""
    over, client, results = wire(server(seq_window=1), session()), flavor(2, bind_channel=True), []
    slow = await client.transmit(HEADER, (b"ping",), over)

    async def call() -> None:
        results.append(await over.call(client))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        over.calls.clear()
        assert await client.refused(slow, AuthRefused(auth_stat.AUTH_BADCRED), over)
        slow.finished()
    assert results == [b"gnip"]
    assert procedures(over) == [RPCSEC_GSS_BIND_CHANNEL, RPCSEC_GSS_DATA]


async def test_a_reply_with_a_verifier_is_not_the_channels() -> None:
    over, client = wire(server(), session()), flavor(2, bind_channel=True)
    await over.call(client)
    transmission = await client.transmit(HEADER, (b"ping",), over)
    reply = await over.send(message(transmission))
    assert isinstance(reply, AcceptedReply)
    reply.verifier = opaque_auth(0, b"x")
    with pytest.raises(BadVerifier):
        await transmission.open(reply)


# The server, as its enemies see it


class Binder(VersionedPeer):
    async def bind(
        self,
        number: int,
        *,
        bindings: bytes = BINDINGS,
        prefix: bytes = b"tls-server-end-point",
        oid: bytes = SHA256,
        signed: Callable[[bytes], bytes] = lambda header: header,
        bend: Callable[[bytes], bytes] = lambda body: body,
        service: int = 1,
        procedure: int = 0,
        verifier_flavor: int = 6,
        **fields: Any,
    ) -> ReceivedReply | None:
        digest = {SHA256: hashlib.sha256, SHA384: hashlib.sha384}.get(oid, hashlib.sha1)(bindings).digest()

        def verifier(header: bytes) -> bytes:
            covered = signed(header) + rgss2_bind_chan_MIC_in_args(digest).to_bytes()
            return bend(rgss2_bind_chan_verf_args(prefix, oid, self.keys.mic(covered)).to_bytes())

        credential = self.credential(RPCSEC_GSS_BIND_CHANNEL, number, service, **fields)
        return await self.send(credential, verifier, verifier_flavor=verifier_flavor, procedure=procedure)

    async def in_channel(self, number: int, **options: Any) -> ReceivedReply | None:
        """A call that leaves its protection to the channel."""
        verifier = options.pop("verifier", NULL_AUTH)
        return await self.send(self.credential(RPCSEC_GSS_DATA, number, 4, **options), verifier, b"ping", procedure=5)

    def answer(self, reply: ReceivedReply | None, number: int, bindings_hash: bytes) -> rgss2_bind_chan_res:
        assert isinstance(reply, AcceptedReply)
        found = rgss2_bind_chan_verf_res.from_bytes(reply.verifier.body)
        signed = rgss2_bind_chan_MIC_in_res(number, bindings_hash, found.rbcvr_res).to_bytes()
        self.keys.verify_mic(signed, found.rbcvr_mic)
        return found.rbcvr_res


async def binder(one: GssServerFlavor | None = None, version: int = 2) -> Binder:
    peer = Binder(one or server(), version)
    peer.connection = connection(session())
    await peer.made()
    return peer


def digest(name: str = "sha256") -> bytes:
    return hashlib.new(name, BINDINGS).digest()


async def test_hash_functions_and_prefixes() -> None:
    peer = await binder()
    assert peer.answer(await peer.bind(1, oid=SHA384), 1, digest("sha384")).rbcr_stat == 0
    unknown = peer.answer(await peer.bind(2, oid=bytes.fromhex("2b0e03021a")), 2, digest())
    assert isinstance(unknown, rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP)
    assert unknown.rbcr_oid_list[0] == SHA256
    strange = peer.answer(await peer.bind(3, prefix=b"tls-unique", oid=SHA384), 3, digest("sha384"))
    assert strange == rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP([b"tls-server-end-point"])
    assert peer.answer(await peer.bind(4), 4, digest()).rbcr_stat == 0


async def test_an_answer_to_a_stranger_is_no_protected_body() -> None:
    """Whoever has seen a handle can have the server sign a number with octets behind it, and so can make the results of
    the call of that number, if there is one: then there must be none."""
    peer = await binder()
    strange = await peer.bind(7, prefix=b"tls-unique", bend=lambda body: body[:-16] + bytes(16))
    result = peer.answer(strange, 7, digest())
    assert isinstance(strange, AcceptedReply)
    mic = rgss2_bind_chan_verf_res.from_bytes(strange.verifier.body).rbcvr_mic
    forged = rpc_gss_integ_data(rgss2_bind_chan_MIC_in_res(7, digest(), result).to_bytes(), mic).to_bytes()
    assert bytes(unprotect(peer.keys, GssService.INTEGRITY, 7, forged))[:4] == bytes((0, 0, 0, 32))
    assert await peer.control(RPCSEC_GSS_DATA, 7, b"ping", service=2, procedure=5) is None
    assert await peer.bind(7) is None
    assert isinstance(await peer.control(RPCSEC_GSS_DATA, 8, b"ping", service=2, procedure=5), AcceptedReply)


async def test_there_is_no_such_answer_under_the_number_that_init_signed() -> None:
    peer = await binder(server(seq_window=9))
    assert denial(await peer.bind(9, prefix=b"tls-unique")) == auth_stat.AUTH_BADCRED
    assert isinstance(await peer.control(RPCSEC_GSS_DATA, 9, b"ping", service=2, procedure=5), AcceptedReply)


async def test_strangers_cannot_take_all_numbers() -> None:
    peer = await binder()
    replies = [await peer.bind(number, prefix=b"tls-unique") for number in range(100, 100 + MAX_GIVEN_AWAY + 1)]
    assert denial(replies.pop()) == auth_stat.AUTH_BADCRED
    assert all(isinstance(reply, AcceptedReply) for reply in replies)
    assert isinstance(await peer.control(RPCSEC_GSS_DATA, 116, b"ping", service=2, procedure=5), AcceptedReply)


@pytest.mark.parametrize("oid", [SHA256, b"unknown"])
async def test_what_is_not_verified_changes_nothing(oid: bytes) -> None:
    """Neither the window nor the context, however far ahead the number is."""
    one = server()
    peer = await binder(one)
    reply = await peer.bind(0x70000000, prefix=b"tls-unique", oid=oid, bend=lambda body: body[:-16] + bytes(16))
    assert isinstance(reply, AcceptedReply)
    assert only_context(one).window.highest == -1
    assert denial(await peer.in_channel(1)) == auth_stat.AUTH_BADCRED


@pytest.mark.parametrize(
    "options",
    [
        {"bindings": b"tls-server-end-point:" + bytes(32)},
        {"bindings": END_POINT},
        {"signed": lambda header: header[:-1] + bytes([header[-1] ^ 1])},
        {"signed": lambda header: b""},
        {"bend": lambda body: body[:-1]},
        {"bend": lambda body: body + bytes(4)},
        {"bend": lambda body: b""},
        {"bend": lambda body: body[:-16] + bytes(16)},
        {"verifier_flavor": 0},
        {"handle": bytes(16)},
    ],
)
async def test_a_binding_without_proof(options: dict[str, object]) -> None:
    one = server()
    peer = await binder(one)
    assert denial(await peer.bind(1, **options)) == CREDPROBLEM  # type: ignore[arg-type]
    assert only_context(one).window.highest == -1
    assert denial(await peer.in_channel(1)) == auth_stat.AUTH_BADCRED


@pytest.mark.parametrize("options", [{"service": 2}, {"service": 4}, {"service": 0}, {"procedure": 1}, {"version": 1}])
async def test_a_binding_that_is_not_laid_out_as_it_must_be(options: dict[str, int]) -> None:
    peer = await binder()
    assert denial(await peer.bind(1, **options)) == auth_stat.AUTH_BADCRED  # type: ignore[arg-type]


async def test_a_binding_is_taken_once() -> None:
    peer = await binder()
    assert peer.answer(await peer.bind(1), 1, digest()).rbcr_stat == 0
    assert await peer.bind(1) is None
    assert await peer.bind(1, prefix=b"tls-unique") is None


async def test_a_binding_is_of_one_connection() -> None:
    """Its certificate is the same in the next one; whoever has that has not shown that he knows the context."""
    peer = await binder()
    await peer.bind(1)
    assert isinstance(await peer.in_channel(2), AcceptedReply)
    own = peer.connection
    for other in (connection(session()), connection()):
        peer.connection = other
        assert denial(await peer.in_channel(3)) == auth_stat.AUTH_BADCRED
    peer.connection = own
    assert isinstance(await peer.in_channel(3), AcceptedReply)


async def test_calls_in_the_channel_have_null_verifiers_and_numbers() -> None:
    peer = await binder()
    await peer.bind(1)
    for verifier in (opaque_auth(0, b"x"), opaque_auth(6, bytes(16))):
        assert denial(await peer.in_channel(2, verifier=verifier)) == auth_stat.AUTH_BADVERF
    reply = await peer.in_channel(2)
    assert isinstance(reply, AcceptedReply)
    assert (reply.verifier, bytes(reply.body)) == (NULL_AUTH, b"gnip")
    assert await peer.in_channel(2) is None
    assert denial(await peer.in_channel(0x80000001)) == auth_stat.RPCSEC_GSS_CTXPROBLEM


async def test_what_policy_forbids_is_forbidden_in_the_channel_as_well() -> None:
    peer = await binder(server(services=[GssService.INTEGRITY]))
    await peer.bind(1)
    assert denial(await peer.in_channel(2)) == auth_stat.AUTH_TOOWEAK


# Versions


@pytest.mark.parametrize(("made", "later"), [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)])
@pytest.mark.parametrize("gss_proc", [RPCSEC_GSS_DATA, RPCSEC_GSS_DESTROY])
async def test_a_context_is_of_one_version(made: int, later: int, gss_proc: int) -> None:
    one = server()
    peer = VersionedPeer(one, made)
    await peer.made()
    peer.version = later
    assert denial(await peer.control(gss_proc, 1, b"")) == auth_stat.AUTH_BADCRED
    assert only_context(one).window.highest == -1


async def test_a_creation_is_of_one_version() -> None:
    one = GssServerFlavor(FakeAcceptor(rounds=2), versions=(1, 2))
    peer = VersionedPeer(one, 2)
    reply = await peer.init(version=2)
    assert isinstance(reply, AcceptedReply)
    peer.handle = next(iter(one._creation._making))
    assert denial(await peer.init(b"{}", gss_proc=2, version=1)) == auth_stat.AUTH_REJECTEDCRED


@pytest.mark.parametrize("gss_proc", [RPCSEC_GSS_BIND_CHANNEL, RPCSEC_GSS_CREATE, 6, 7])
@pytest.mark.parametrize("version", [1, 2])
async def test_control_messages_of_other_versions(gss_proc: int, version: int) -> None:
    if gss_proc == RPCSEC_GSS_BIND_CHANNEL and version == 2:
        version = 1
    peer = VersionedPeer(server(), version)
    await peer.made()
    assert denial(await peer.control(gss_proc, 1, b"")) == auth_stat.AUTH_BADCRED


async def test_version_1_has_no_service_4() -> None:
    peer = Binder(server(), 1)
    await peer.made()
    assert denial(await peer.in_channel(1)) == auth_stat.AUTH_BADCRED


@pytest.mark.parametrize("version", [2, 3])
async def test_a_server_speaks_the_versions_that_it_is_told_to(version: int) -> None:
    over = wire(server(versions=(1,)))
    with pytest.raises(AuthenticationFailed, match=f"perhaps it does not speak RPCSEC_GSS version {version}"):
        await over.call(flavor(version), tries=1)
    assert GssServerFlavor(FakeAcceptor())._versions == {1}
    with pytest.raises(ValueError, match="versions"):
        server(versions=(1, 4))
    with pytest.raises(ValueError, match="versions"):
        server(versions=())


def spoken(over: Wire) -> list[int]:
    """The version of each call."""
    return [int.from_bytes(parse_call_untrusted(call).credential.body[:4]) for call in over.calls]


@pytest.mark.parametrize("known", [{1}, {1, 2}, {1, 2, 3}])
async def test_versions_are_negotiated_only_where_that_is_allowed(known: set[int]) -> None:
    over = wire(server(versions=known))
    client = flavor(3, negotiate_down=True)
    assert await over.call(client) == b"gnip"
    latest = max(known)
    assert spoken(over) == [*range(3, latest - 1, -1), latest]
    assert client.context.version == latest  # type: ignore[union-attr]


async def test_never_below_what_is_asked_for() -> None:
    over = wire(server(versions={1}), session())
    with pytest.raises(AuthenticationFailed):
        await over.call(flavor(3, negotiate_down=True, bind_channel=True))
    assert set(spoken(over)) == {2, 3}
    for options in ({"version": 1, "bind_channel": True}, {"version": 0}, {"version": 4}):
        with pytest.raises(ValueError, match="version"):
            flavor(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("stat", [auth_stat.AUTH_TOOWEAK, auth_stat.RPCSEC_GSS_CREDPROBLEM])
async def test_other_refusals_are_no_reason_to_go_down(stat: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one = server()

    async def refuse(*_: object) -> None:
        raise AuthRefused(stat)

    monkeypatch.setattr(one, "authenticate", refuse)
    over = wire(one)
    with pytest.raises(AuthenticationFailed):
        await over.call(flavor(2, negotiate_down=True))
    assert spoken(over) == [2]


async def test_tickets_are_of_version_1() -> None:
    """Neither granted nor honoured nor asked for in another."""
    extension, own = Extension(), ClientExtension()
    one = server(extension=extension)
    client = flavor(2, extension=own)
    over = wire(one)
    await over.call(client)
    assert extension.establishments == []
    assert (own.carried, own.grants) == ([], [])
    credential = Credential(extension.gss_proc, 1, 1, b"", 2)
    assert denial(await VersionedPeer(one, 2).send(credential)) == auth_stat.AUTH_BADCRED
    await over.call(flavor(1, extension=own))
    assert len(extension.establishments) == len(own.grants) == 1

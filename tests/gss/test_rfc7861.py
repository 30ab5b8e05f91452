# ruff: noqa: ANN401  (options are handed on as they come)
"""Version 3 of RPCSEC_GSS (RFC 7861): verifiers over headers, children with what they assert, and LIST."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import trio

from rpcgss.gss.assertions import Assertion, Label, Listed, Privilege, decode_listed_untrusted, encode_assertion
from rpcgss.gss.bodies import signed_by_reply
from rpcgss.gss.children import MAX_CHILDREN
from rpcgss.gss.context import Origin
from rpcgss.gss.control import MAX_GENERATIONS
from rpcgss.gss.gss_xdr import (
    CODECS,
    RPCSEC_GSS_BIND_CHANNEL,
    RPCSEC_GSS_CREATE,
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_LIST,
    rgss3_assertion_u,
    rgss3_assertion_u_default,
    rgss3_assertion_u_LABEL,
    rgss3_assertion_u_PRIVS,
    rgss3_create_args,
    rgss3_create_res,
    rgss3_gss_mp_auth,
    rgss3_label,
    rgss3_lfs,
    rgss3_list_args,
    rgss3_list_item_u,
    rgss3_list_item_u_default,
    rgss3_list_item_u_LABEL,
    rgss3_list_item_u_PRIVS,
    rgss3_privs,
)
from rpcgss.gss.provider import Credentials, GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, StoreLimits
from rpcgss.rpc.errors import AuthenticationFailed, BadVerifier, ProcedureUnavailable
from rpcgss.rpc.messages import AcceptedReply, ReceivedReply, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat, opaque_auth
from tests.gss.channels import (
    BINDINGS,
    COPY,
    HOST,
    OPEN,
    SECRET,
    USER,
    Identities,
    Named,
    Policy,
    VersionedPeer,
    connection,
    flavor,
    server,
    session,
    wire,
)
from tests.gss.fake_mechanism import EVERYTHING, FakeProvider
from tests.gss.test_client import HEADER, procedures
from tests.gss.wire import denial, message
from xdr import Value

CREDPROBLEM = auth_stat.RPCSEC_GSS_CREDPROBLEM
INNER = auth_stat.RPCSEC_GSS_INNER_CREDPROBLEM
NOTHING = rgss3_create_args(None, None, [])
OTHER = session(bytes(32))

# The octets (2.7), written out by hand

LABEL_OCTETS = "00000007 00000001 00000004 6f70656e"
PRIVS_OCTETS = "00000001 00000002 6162 0000 00000003 010203 00"
LABEL = rgss3_label(rgss3_lfs(7, 1), b"open")
PRIVS = rgss3_privs([b"ab"], b"\1\2\3")


@pytest.mark.parametrize(
    ("kind", "value", "octets"),
    [
        (rgss3_gss_mp_auth, rgss3_gss_mp_auth(b"handle", b"mic"), "00000006 68616e646c65 0000 00000003 6d6963 00"),
        (rgss3_assertion_u, rgss3_assertion_u_LABEL(LABEL), "00000000" + LABEL_OCTETS),
        (rgss3_assertion_u, rgss3_assertion_u_PRIVS(PRIVS), "00000001" + PRIVS_OCTETS),
        (rgss3_assertion_u, rgss3_assertion_u_default(9, b"new"), "00000009 00000003 6e6577 00"),
        (rgss3_create_args, NOTHING, "00000000 00000000 00000000"),
        (
            rgss3_create_args,
            rgss3_create_args(rgss3_gss_mp_auth(b"i", b"m"), b"bind", [rgss3_assertion_u_LABEL(LABEL)]),
            "00000001 00000001 69000000 00000001 6d000000 00000001 00000004 62696e64 00000001 00000000" + LABEL_OCTETS,
        ),
        (
            rgss3_create_res,
            rgss3_create_res(b"child", None, b"bind", [rgss3_assertion_u_PRIVS(PRIVS)]),
            "00000005 6368696c64 000000 00000000 00000001 00000004 62696e64 00000001 00000001" + PRIVS_OCTETS,
        ),
        (rgss3_list_args, rgss3_list_args([1, 0]), "00000002 00000001 00000000"),
        (rgss3_list_item_u, rgss3_list_item_u_LABEL([LABEL]), "00000000 00000001" + LABEL_OCTETS),
        (rgss3_list_item_u, rgss3_list_item_u_PRIVS([PRIVS]), "00000001 00000001" + PRIVS_OCTETS),
        (rgss3_list_item_u, rgss3_list_item_u_default(9, b"new"), "00000009 00000003 6e6577 00"),
    ],
)
def test_the_types_read_both_ways(kind: type[Value], value: Value, octets: str) -> None:
    assert value.to_bytes() == bytes.fromhex(octets)
    assert kind.from_bytes(bytes.fromhex(octets)) == value


def test_the_new_numbers() -> None:
    """2.6."""
    names = ("INNER_CREDPROBLEM", "LABEL_PROBLEM", "PRIVILEGE_PROBLEM", "UNKNOWN_MESSAGE")
    assert [auth_stat[f"RPCSEC_GSS_{name}"] for name in names] == [15, 16, 17, 18]
    assert (RPCSEC_GSS_CREATE, RPCSEC_GSS_LIST) == (5, 6)


def test_what_a_reply_signs() -> None:
    """2.3: the header of the call, xid to credential, with REPLY in the place of CALL."""
    header = bytes.fromhex(
        "0000002a 00000000 00000002 20000001 00000001 00000005 00000006 00000018 00000003 00000000 00000007 00000001"
        "00000004 61626364"
    )
    assert signed_by_reply(3, 7, header) == header[:4] + bytes.fromhex("00000001") + header[8:]
    assert signed_by_reply(1, 7, header) == signed_by_reply(2, 7, header) == bytes.fromhex("00000007")


async def test_a_reply_to_the_octet() -> None:
    over, client = wire(server()), flavor(3, service=GssService.NONE)
    await over.call(client)
    call, reply = over.calls[1], over.replies[1]
    handle = client.context.handle  # type: ignore[union-attr]
    header = call[:4] + bytes.fromhex(
        "00000000 00000002 20000001 00000001 00000005 00000006 00000024"
        "00000003 00000000 00000001 00000001 00000010" + handle.hex()
    )
    assert call[: len(header)] == header
    (context,) = over.server.store.contexts()
    mic = context.protection.mic(header[:4] + bytes.fromhex("00000001") + header[8:])
    assert reply == call[:4] + bytes.fromhex("00000001 00000000 00000006 00000010") + mic + bytes(4) + b"gnip"


async def test_the_reply_to_init_signs_the_window() -> None:
    peer = VersionedPeer(server(), 3)
    await peer.made()  # it verifies the MIC


# Calls and their verifiers


@pytest.mark.parametrize("service", GssService)
async def test_calls(service: GssService) -> None:
    one, client = server(), flavor(3, service=service)
    over = wire(one)
    assert [await over.call(client) for _ in range(3)] == [b"gnip"] * 3
    await client.aclose(over)
    assert procedures(over) == [1, 0, 0, 0, RPCSEC_GSS_DESTROY]
    assert one.store.counters.destroyed == 1


async def test_a_verifier_of_version_1_is_none_of_version_3() -> None:
    one, client = server(), flavor(3)
    over = wire(one)
    await over.call(client)
    transmission = await client.transmit(HEADER, (b"ping",), over)
    reply = await over.send(message(transmission))
    assert isinstance(reply, AcceptedReply)
    (context,) = one.store.contexts()
    number = client.context.window._next - 1  # type: ignore[union-attr]
    reply.verifier = opaque_auth(6, context.protection.mic(number.to_bytes(4)))
    with pytest.raises(BadVerifier):
        await transmission.open(reply)


async def test_a_reply_is_of_one_call_and_one_handle() -> None:
    """The attack of 2.3: two handles of the same keys, and the same number."""
    over, client = wire(server()), flavor(3, service=GssService.NONE)
    await over.call(client)
    own = await client.transmit(HEADER, (b"ping",), over)
    reply = await over.send(message(own))
    assert isinstance(reply, AcceptedReply)
    header = own._header  # type: ignore[attr-defined]
    for at in (3, 11, 15, 19, 23, 39, 43, len(header) - 1):  # xid, version of RPC, program …, handle
        bent = bytearray(header)
        bent[at] ^= 1
        own._header = bytes(bent)  # type: ignore[attr-defined]
        with pytest.raises(BadVerifier):
            await own.open(reply)
    own._header = header  # type: ignore[attr-defined]
    assert bytes(await own.open(reply)) == b"gnip"


@pytest.mark.parametrize("what", [{}, {"assertions": [OPEN]}])
async def test_contexts_are_lost_and_made_again(what: dict[str, Any]) -> None:
    one = server(assertions=Policy())
    over, client = wire(one), flavor(3, **what)
    for _ in range(3):
        assert await over.call(client) == b"gnip"
        one.store.drop_all(0)
    assert (client.counters.lost, client.counters.by_exchange) == (2, 3)


async def test_bind_channel_is_not_of_version_3() -> None:
    """2.5: PROC_UNAVAIL."""
    peer = VersionedPeer(server(), 3)
    await peer.made()
    reply = await peer.control(RPCSEC_GSS_BIND_CHANNEL, 1, b"")
    assert isinstance(reply, AcceptedReply)
    assert reply.stat is accept_stat.PROC_UNAVAIL
    assert ProcedureUnavailable.stat == accept_stat.PROC_UNAVAIL


# Children, as a client has them


async def test_two_principals() -> None:
    """The user's calls, for whom the host vouches."""
    one, who = server(assertions=Policy()), Identities()
    over, client = wire(one), flavor(3, Named(), credentials=HOST, user=USER)
    over.handler = who
    assert await over.call(client) == b"gnip"
    assert procedures(over) == [1, 1, RPCSEC_GSS_CREATE, 0]
    identity = who.seen[0]
    assert (identity.principal, identity.host and identity.host.principal) == ("carol@FAKE", "host@FAKE")
    assert b"carol" in identity.proven_name
    assert b"host" in identity.proven_name
    assert b"carol@FAKE" not in over.calls[2], "it is private"
    child = client.context
    assert child is not None
    assert child.origin is Origin.CREATE
    assert child.initiator.display == "carol@FAKE"
    await client.aclose(over)
    assert one.store.established == 0


async def test_a_host_that_may_not_vouch() -> None:
    over = wire(server(assertions=Policy()))
    with pytest.raises(AuthenticationFailed, match="INNER_CREDPROBLEM"):
        await over.call(flavor(3, Named(), credentials=USER, user=HOST))
    over = wire(server())
    with pytest.raises(AuthenticationFailed, match="INNER_CREDPROBLEM"):
        await over.call(flavor(3, Named(), credentials=HOST, user=USER))


async def test_assertions_are_with_every_call() -> None:
    who = Identities()
    over, client = wire(server(assertions=Policy())), flavor(3, assertions=[OPEN, COPY], list_assertions=True)
    over.handler = who
    assert await over.call(client) == b"gnip"
    assert procedures(over) == [1, RPCSEC_GSS_LIST, RPCSEC_GSS_CREATE, 0]
    assert (tuple(who.seen[0].labels), tuple(who.seen[0].privileges)) == ((OPEN,), (COPY,))
    assert client.listed == Listed((Label(7, 1),), (Privilege("copy_to_auth"),))
    assert "shared secret" not in repr(who.seen[0])
    for asked in ([SECRET], [Label(8, 1, b"x")], [Privilege("copy_to_auth", b"guessed")], [Privilege("fly")]):
        with pytest.raises(AuthenticationFailed, match="refuses a control message"):
            await over.call(flavor(3, assertions=asked))


async def test_a_child_in_a_bound_channel() -> None:
    one, who, client = server(), Identities(), flavor(3, bind_channel=True)
    over = wire(one, session())
    over.handler = who
    assert await over.call(client) == b"gnip"
    assert procedures(over) == [1, RPCSEC_GSS_CREATE, 0]
    assert who.seen[0].channel_bound
    assert over.replies[2][8:24] == bytes(16), "accepted, a null verifier, success"
    parent = client.context.elders[0]  # type: ignore[union-attr]
    second = wire(one, session(), serial=2)
    assert await second.call(client) == b"gnip"
    assert procedures(second) == [RPCSEC_GSS_CREATE, 0]
    assert client.context.elders == (parent,)  # type: ignore[union-attr]
    one.store.drop_all(0)
    third = wire(one, session(), serial=3)
    assert await third.call(client) == b"gnip"
    assert procedures(third) == [RPCSEC_GSS_CREATE, 1, RPCSEC_GSS_CREATE, 0]
    await client.aclose(third)
    assert one.store.established == 0


async def test_all_of_it_together() -> None:
    one, who = server(assertions=Policy()), Identities()
    client = flavor(3, Named(), credentials=HOST, user=USER, assertions=[COPY, OPEN], bind_channel=True)
    for serial in (1, 2):
        over = wire(one, session(), serial=serial)
        over.handler = who
        assert await over.call(client) == b"gnip"
    for identity in who.seen:
        assert identity.principal == "carol@FAKE"
        assert identity.host is not None
        assert identity.channel_bound
        assert (tuple(identity.labels), tuple(identity.privileges)) == ((OPEN,), (COPY,))


async def test_children_without_end_take_a_new_parent() -> None:
    one, client = server(), flavor(3, bind_channel=True)
    await wire(one, session()).call(client)
    client.context.elders[0].births = MAX_CHILDREN  # type: ignore[union-attr]
    over = wire(one, session(), serial=2)
    assert await over.call(client) == b"gnip"
    assert procedures(over) == [1, RPCSEC_GSS_CREATE, 0]


async def test_no_two_of_a_family_have_a_number_in_common() -> None:
    one, client = server(), flavor(3, bind_channel=True)
    families = []
    for serial in range(1, 5):
        await wire(one, session(), serial=serial).call(client)
        families.append(client.context)
    parent = client.context.elders[0]  # type: ignore[union-attr]
    ranges = [(parent.window._next, parent.window._last + 1)]
    ranges += [(child.window._next - 1, child.window._last + 1) for child in families]  # type: ignore[union-attr]
    for (_, last), (first, end) in pairwise(ranges):
        assert last < first < end
    parent.births = MAX_CHILDREN - 1
    await wire(one, session(), serial=9).call(client)
    assert client.context.window._last + 1 < 0x80000000  # type: ignore[union-attr]


async def test_two_ends_that_see_two_channels() -> None:
    """2.7.1.2: the reply has no MIC, and a client that insists destroys the child."""
    one = server()
    over = wire(one, session(), seen=OTHER)
    client = flavor(3, bind_channel=True)
    with pytest.raises(AuthenticationFailed, match="somebody is between us"):
        await over.call(client)
    assert procedures(over) == [1, RPCSEC_GSS_CREATE, RPCSEC_GSS_DESTROY]
    assert one.store.counters.destroyed == 1
    with pytest.raises(AuthenticationFailed, match="there is no TLS session"):
        await wire(server()).call(flavor(3, bind_channel=True))


class Generous(GssServerFlavor):
    """Answers CREATE with something else than the truth, well protected."""

    spoil: Callable[[rgss3_create_res], None]

    def __init__(self, spoil: Callable[[rgss3_create_res], None]) -> None:
        from tests.gss.fake_mechanism import FakeAcceptor

        super().__init__(FakeAcceptor(), versions=(3,), assertions=Policy())
        create = self._control.create

        async def spoiled(*arguments: Any) -> bytes:
            result = rgss3_create_res.from_bytes(await create(*arguments))
            spoil(result)
            return result.to_bytes()

        self._control.create = spoiled  # type: ignore[method-assign, assignment]


def flipped(result: rgss3_create_res) -> None:
    assert result.rcr_mp_auth is not None
    result.rcr_mp_auth.rgmp_rpcheader_mic = bytes(16)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: setattr(result, "rcr_handle", b""),
        lambda result: setattr(result, "rcr_handle", bytes(257)),
        lambda result: setattr(result, "rcr_handle", result.rcr_mp_auth.rgmp_handle),
        lambda result: setattr(result, "rcr_mp_auth", None),
        lambda result: setattr(result.rcr_mp_auth, "rgmp_handle", b"another"),
        flipped,
        lambda result: setattr(result, "rcr_chan_bind_mic", None),
        lambda result: setattr(result, "rcr_chan_bind_mic", bytes(16)),
        lambda result: setattr(result, "rcr_assertions", []),
        lambda result: result.rcr_assertions.reverse(),
        lambda result: result.rcr_assertions.append(encode_assertion(SECRET)),
    ],
)
async def test_less_than_was_asked_for_is_nothing(spoil: Callable[[rgss3_create_res], None]) -> None:
    over = wire(Generous(spoil), session())
    client = flavor(3, Named(), credentials=HOST, user=USER, assertions=[COPY, OPEN], bind_channel=True)
    with pytest.raises(AuthenticationFailed):
        await over.call(client)
    assert RPCSEC_GSS_DATA not in procedures(over)


async def test_replies_to_create_are_verified() -> None:
    for at in (-1, -40, 30):  # its body, and its verifier

        def bent(reply: bytes, at: int = at) -> bytes:
            return reply if len(reply) > 400 or len(reply) < 90 else _flipped(reply, at)

        over, client = wire(server(assertions=Policy())), flavor(3, assertions=[OPEN])
        await over.call(flavor(3))
        over.incoming = lambda reply, bent=bent, over=over: bent(reply) if procedures(over)[-1] == 5 else reply  # type: ignore[misc]
        with pytest.raises(AuthenticationFailed):
            await over.call(client)


def _flipped(octets: bytes, at: int) -> bytes:
    bent = bytearray(octets)
    bent[at] ^= 1
    return bytes(bent)


async def test_a_context_that_cannot_encrypt_vouches_for_nobody() -> None:
    class Weak(Named):
        def initiate(self, demands: Any) -> Any:
            name = demands.credentials.ccache
            return FakeProvider(name, flags=EVERYTHING & ~GssFlag.CONF).initiate(demands)

    over = wire(server(assertions=Policy()))
    client = flavor(3, Weak(), service=GssService.INTEGRITY, credentials=HOST, user=USER)
    with pytest.raises(AuthenticationFailed, match="encrypts"):
        await over.call(client)


@pytest.mark.parametrize(
    "options",
    [{"user": Credentials()}, {"assertions": [OPEN]}, {"list_assertions": True}],
)
def test_what_only_version_3_has(options: dict[str, Any]) -> None:
    for version in (1, 2):
        with pytest.raises(ValueError, match="version"):
            flavor(version, **options)
    assert flavor(3, negotiate_down=True, **options)._establishing.versions == range(3, 2, -1)


# The server, as its enemies see it


async def created(
    peer: VersionedPeer, number: int, arguments: Value | Callable[[bytes], bytes], **options: Any
) -> rgss3_create_res:
    given = arguments if callable(arguments) else arguments.to_bytes()
    reply = await peer.control(RPCSEC_GSS_CREATE, number, given, **options)
    return rgss3_create_res.from_bytes(peer.opened(reply, number, options.get("service", 3)))


def compound(inner: VersionedPeer, **fields: Any) -> Callable[[bytes], bytes]:
    """Arguments in which `inner` signs the header."""

    def arguments(header: bytes) -> bytes:
        proof = rgss3_gss_mp_auth(
            fields.get("handle", inner.handle), fields.get("sign", inner.keys.mic)(fields.get("header", header))
        )
        return rgss3_create_args(proof, None, []).to_bytes()

    return arguments


async def family(one: GssServerFlavor | None = None) -> tuple[VersionedPeer, VersionedPeer]:
    one = one or server(assertions=Policy())
    return await VersionedPeer(one, 3, "host@FAKE").made(), await VersionedPeer(one, 3, "carol@FAKE").made()


async def test_the_proof_of_two_principals_to_the_octet() -> None:
    host, carol = await family()
    result = await created(host, 1, compound(carol))
    assert result.rcr_mp_auth is not None
    assert result.rcr_mp_auth.rgmp_handle == carol.handle
    carol.keys.verify_mic(signed_by_reply(3, 1, host.sent), result.rcr_mp_auth.rgmp_rpcheader_mic)
    assert (result.rcr_chan_bind_mic, result.rcr_assertions) == (None, [])
    host.handle = result.rcr_handle
    reply = await host.control(RPCSEC_GSS_DATA, 1, b"ping", procedure=5)
    assert host.opened(reply, 1) == b"gnip"


@pytest.mark.parametrize(
    "fields",
    [
        {"handle": bytes(16)},
        {"handle": b""},
        {"sign": lambda header: bytes(16)},
        {"sign": lambda header: b""},
        {"header": b"another"},
    ],
)
async def test_a_forged_proof(fields: dict[str, Any]) -> None:
    host, carol = await family()
    reply = await host.control(RPCSEC_GSS_CREATE, 1, compound(carol, **fields))
    assert denial(reply) == INNER
    assert host.server.store.established == 2


async def test_a_proof_by_others() -> None:
    """The host's own keys, a call before, and a handle of another's: nothing of that is carol's word on this call."""
    host, carol = await family()
    assert denial(await host.control(RPCSEC_GSS_CREATE, 1, compound(carol, sign=host.keys.mic))) == INNER
    await created(host, 2, compound(carol))
    earlier = host.sent
    assert denial(await host.control(RPCSEC_GSS_CREATE, 3, compound(carol, header=earlier))) == INNER
    third = await VersionedPeer(host.server, 3, "mallory@FAKE").made()
    assert denial(await third.control(RPCSEC_GSS_CREATE, 1, compound(carol))) == INNER, "the policy's word"
    assert denial(await third.control(RPCSEC_GSS_CREATE, 2, compound(carol, header=earlier))) == INNER


@pytest.mark.parametrize("version", [1, 2])
async def test_the_inner_handle_is_of_version_3(version: int) -> None:
    host, _ = await family()
    carol = await VersionedPeer(host.server, version, "carol@FAKE").made()
    assert denial(await host.control(RPCSEC_GSS_CREATE, 1, compound(carol))) == INNER


async def test_a_child_proves_nothing_of_its_principal() -> None:
    """Its keys are its parent's: the host could name carol for ever with them."""
    host, carol = await family()
    result = await created(host, 1, compound(carol))
    assert denial(await host.control(RPCSEC_GSS_CREATE, 2, compound(host, handle=result.rcr_handle))) == INNER


async def test_two_principals_are_a_private_matter() -> None:
    host, carol = await family()
    assert denial(await host.control(RPCSEC_GSS_CREATE, 1, compound(carol), service=2)) == auth_stat.AUTH_TOOWEAK


@pytest.mark.parametrize("gss_proc", [RPCSEC_GSS_CREATE, RPCSEC_GSS_LIST])
async def test_control_messages_that_are_not_as_they_must_be(gss_proc: int) -> None:
    one = server(assertions=Policy())
    peer = await VersionedPeer(one, 3).made()
    assert denial(await peer.control(gss_proc, 1, NOTHING.to_bytes(), service=1)) == auth_stat.AUTH_TOOWEAK
    assert denial(await peer.control(gss_proc, 2, b"", procedure=1)) == auth_stat.AUTH_BADCRED
    assert denial(await peer.control(gss_proc, 2, b"", handle=bytes(16))) == CREDPROBLEM
    reply = await peer.send(peer.credential(gss_proc, 2, 3), lambda header: bytes(16), b"")
    assert denial(reply) == CREDPROBLEM
    large = rgss3_create_args(None, None, [encode_assertion(Label(7, 1, bytes(17_000)))]).to_bytes()
    garbage = [b"", b"\0\0\0\5", NOTHING.to_bytes() + bytes(4), bytes(20_000), (2**31).to_bytes(4) * 3, large]
    for number, arguments in enumerate(garbage, 3):
        answer = await peer.control(gss_proc, number, arguments)
        assert isinstance(answer, AcceptedReply)
        assert answer.stat is accept_stat.GARBAGE_ARGS
        peer.keys.verify_mic(signed_by_reply(3, number, peer.sent), answer.verifier.body)
    reply = await peer.control(gss_proc, 50, rgss3_list_args([0]).to_bytes() if gss_proc == 6 else NOTHING.to_bytes())
    assert isinstance(reply, AcceptedReply)
    assert await peer.control(gss_proc, 50, b"") is None, "a replay"
    assert one.store.established == 1 + (gss_proc == RPCSEC_GSS_CREATE)


async def test_every_flipped_bit_of_a_create() -> None:
    """Nothing is made of any, and nothing raised but what the wire knows."""
    one = server(assertions=Policy())
    host, carol = await family(one)
    await created(host, 1, compound(carol))
    whole = compound(carol)

    def bent(header: bytes, at: int, bit: int) -> bytes:
        octets = bytearray(whole(header))
        octets[at] ^= 1 << bit
        return bytes(octets)

    length = len(whole(b""))
    before = one.store.established
    for number, at in enumerate(range(length), 2):
        await host.control(RPCSEC_GSS_CREATE, number, lambda header, at=at: bent(header, at, at % 8))  # type: ignore[misc]
    assert one.store.established == before
    for end in range(length):
        await host.control(RPCSEC_GSS_CREATE, 200 + end, lambda header, end=end: whole(header)[:end])  # type: ignore[misc]
    assert one.store.established == before


async def test_labels_and_privileges() -> None:
    peer = await VersionedPeer(server(assertions=Policy()), 3).made()

    async def asserted(number: int, *assertions: rgss3_assertion_u) -> ReceivedReply | None:
        arguments = rgss3_create_args(None, None, list(assertions)).to_bytes()
        return await peer.control(RPCSEC_GSS_CREATE, number, arguments)

    def privs(*names: bytes) -> rgss3_assertion_u:
        return rgss3_assertion_u_PRIVS(rgss3_privs(list(names), b"shared secret"))

    good, new = encode_assertion(OPEN), rgss3_assertion_u_default(9, b"new")
    problems = {
        encode_assertion(SECRET).to_bytes(): auth_stat.RPCSEC_GSS_LABEL_PROBLEM,
        encode_assertion(Label(7, 2, b"open")).to_bytes(): auth_stat.RPCSEC_GSS_LABEL_PROBLEM,
        encode_assertion(Privilege("copy_to_auth")).to_bytes(): auth_stat.RPCSEC_GSS_PRIVILEGE_PROBLEM,
        privs(b"fly").to_bytes(): auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE,
        privs().to_bytes(): auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE,
        privs(b"copy_to_auth", b"copy_to_auth").to_bytes(): auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE,
        privs(b"\xff").to_bytes(): auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE,
    }
    for number, (octets, stat) in enumerate(problems.items(), 1):
        assert denial(await asserted(number, good, rgss3_assertion_u.from_bytes(octets))) == stat
    reply = await asserted(10, good, new, privs(b"copy_to_auth"))
    result = rgss3_create_res.from_bytes(peer.opened(reply, 10))
    assert result.rcr_assertions == [good, privs(b"copy_to_auth")], "what nobody knows is not granted"
    many = await asserted(11, *[good] * 65)
    assert isinstance(many, AcceptedReply)
    assert many.stat is accept_stat.GARBAGE_ARGS


async def test_nothing_is_granted_unless_the_application_does() -> None:
    peer = await VersionedPeer(server(), 3).made()
    refusals: list[tuple[Assertion, int]] = [(OPEN, 16), (COPY, 18)]
    for number, (assertion, stat) in enumerate(refusals, 1):
        arguments = rgss3_create_args(None, None, [encode_assertion(assertion)]).to_bytes()
        assert denial(await peer.control(RPCSEC_GSS_CREATE, number, arguments)) == stat


async def test_list() -> None:
    peer = await VersionedPeer(server(assertions=Policy()), 3).made()
    for number, (kinds, found) in enumerate(
        [([0], [Label(7, 1)]), ([1], [Privilege("copy_to_auth")]), ([], []), ([9, 0, 0], [Label(7, 1)])], 1
    ):
        reply = await peer.control(RPCSEC_GSS_LIST, number, rgss3_list_args(kinds).to_bytes(), service=2)
        listed = decode_listed_untrusted(CODECS["rgss3_list_res"].decode(peer.opened(reply, number, 2)))
        assert [*listed.labels, *listed.privileges] == found


async def test_a_channel_binding_of_another_channel_is_none() -> None:
    """2.7.1.2: no error, a child that is not bound."""
    peer = VersionedPeer(server(), 3)
    peer.connection = connection(session())
    await peer.made()
    for number, mic in enumerate([bytes(16), b"", peer.keys.mic(b"tls-server-end-point:" + bytes(32))], 1):
        result = await created(peer, number, rgss3_create_args(None, mic, []))
        assert result.rcr_chan_bind_mic is None
        credential = peer.credential(RPCSEC_GSS_DATA, 1, 4, handle=result.rcr_handle)
        assert denial(await peer.send(credential, procedure=5)) == auth_stat.AUTH_BADCRED
    result = await created(peer, 4, rgss3_create_args(None, peer.keys.mic(BINDINGS), []))
    assert result.rcr_chan_bind_mic is not None
    peer.keys.verify_mic(BINDINGS, result.rcr_chan_bind_mic)
    bound = peer.credential(RPCSEC_GSS_DATA, 1, 4, handle=result.rcr_handle)
    parents = peer.credential(RPCSEC_GSS_DATA, 5, 4)
    assert denial(await peer.send(parents, procedure=5)) == auth_stat.AUTH_BADCRED, "it is the child that is bound"
    elsewhere = connection(session())
    own, peer.connection = peer.connection, elsewhere
    assert denial(await peer.send(bound, procedure=5)) == auth_stat.AUTH_BADCRED
    peer.connection = own
    assert isinstance(await peer.send(bound, procedure=5), AcceptedReply)


async def test_the_family_dies_with_the_parent_and_not_with_the_child() -> None:
    one = server(assertions=Policy())
    host, carol = await family(one)
    first, second = [(await created(host, number, NOTHING)).rcr_handle for number in (1, 2)]
    both = (await created(host, 3, compound(carol))).rcr_handle
    grandchild = (await created(host, 1, NOTHING, handle=first)).rcr_handle
    assert one.store.established == 6
    await host.control(RPCSEC_GSS_DESTROY, 7, b"", handle=second)
    assert [one.store.find(handle) is None for handle in (first, second, both, grandchild)] == [
        False,
        True,
        False,
        False,
    ]
    await carol.control(RPCSEC_GSS_DESTROY, 1, b"")
    assert one.store.find(both) is None
    await host.control(RPCSEC_GSS_DESTROY, 8, b"")
    assert one.store.established == 0
    assert one.store.counters.destroyed == 6


async def test_a_child_ends_when_its_elders_end(autojump_clock: trio.abc.Clock) -> None:
    one = server(assertions=Policy(), max_lifetime=100)
    host = await VersionedPeer(one, 3, "host@FAKE").made()
    await trio.sleep(50)
    carol = await VersionedPeer(one, 3, "carol@FAKE").made()
    handle = (await created(host, 1, compound(carol))).rcr_handle
    await trio.sleep(60)
    assert denial(await host.control(RPCSEC_GSS_DATA, 1, b"", handle=handle)) in (13, 14)


async def test_children_are_counted() -> None:
    store = ContextStore(StoreLimits(per_parent=3))
    one = server(store=store)
    peer = await VersionedPeer(one, 3).made()
    handles = [(await created(peer, number, NOTHING)).rcr_handle for number in range(1, 6)]
    assert [store.find(handle) is not None for handle in handles] == [False, False, True, True, True]
    assert store.counters.established_by_create == 5
    assert store.established == 4


async def test_no_line_of_descendants_without_end() -> None:
    """Whatever follows a line from child to parent (use, loss, names) must not run out of stack."""
    one = server()
    peer = await VersionedPeer(one, 3).made()
    made: list[bytes] = []
    while isinstance(reply := await peer.control(RPCSEC_GSS_CREATE, 1 + (not made), NOTHING.to_bytes()), AcceptedReply):
        peer.handle = rgss3_create_res.from_bytes(peer.opened(reply, 1 + (not made))).rcr_handle
        made.append(peer.handle)
        assert len(made) < 1100, "deeper than the stack"
    assert denial(reply) == auth_stat.AUTH_BADCRED
    assert len(made) == MAX_GENERATIONS
    assert one.store.established == 1 + MAX_GENERATIONS


async def test_a_store_without_room_for_a_family() -> None:
    store = ContextStore(StoreLimits(established=1))
    peer = await VersionedPeer(server(store=store), 3).made()
    assert denial(await peer.control(RPCSEC_GSS_CREATE, 1, NOTHING.to_bytes())) == CREDPROBLEM
    assert store.established == 0


async def test_an_elder_that_is_lost_in_between() -> None:
    """While the application thinks about it."""

    class Slow(Policy):
        async def vouch(self, host: Any, user: Any) -> None:
            one.store.drop(lost, 0)

    for index, stat in ((0, CREDPROBLEM), (1, INNER)):
        one = server(assertions=Slow())
        peers = await family(one)
        lost = peers[index].handle
        assert denial(await peers[0].control(RPCSEC_GSS_CREATE, 1, compound(peers[1]))) == stat
        assert one.store.established == 1


async def test_a_policy_that_fails_is_no_grant() -> None:
    class Broken(Policy):
        async def label(self, identity: Any, label: Label) -> None:
            raise RuntimeError("no")

    one = server(assertions=Broken())
    peer = await VersionedPeer(one, 3).made()
    with pytest.raises(RuntimeError):
        await peer.control(RPCSEC_GSS_CREATE, 1, rgss3_create_args(None, None, [encode_assertion(OPEN)]).to_bytes())
    assert one.store.established == 1


def test_replies_parse() -> None:
    assert parse_reply_untrusted(bytes.fromhex("00000001 00000001 00000001 00000001 0000000f")).refusal.stat == INNER  # type: ignore[union-attr]

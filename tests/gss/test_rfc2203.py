"""What RFC 2203 says to the octet, and no other test looks at; docs/conformance.md has all of it."""

import logging
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from examples.realm import Realm
from rpcgss.gss import gss_xdr
from rpcgss.gss.errors import ProtectionUnavailable
from rpcgss.gss.gss_xdr import rpc_gss_init_res, rpc_gss_proc_t, rpc_gss_service_t
from rpcgss.gss.mechanism import GssapiAcceptor, GssapiProvider
from rpcgss.gss.provider import Credentials, Demands, GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.rpc import Server, open_client
from rpcgss.rpc.errors import CallTimedOut, ProcedureUnavailable
from rpcgss.rpc.messages import NULL_AUTH, AcceptedReply, parse_call_untrusted, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor, auth_stat
from tests.gss.fake_mechanism import FakeAcceptor
from tests.gss.test_client import HEADER, flavor
from tests.gss.test_server import Peer, only_context, peer, server
from tests.gss.wire import Wire, message
from tests.hostile.test_client import MiddleMan, SpoiledChannel
from tests.rpc.network import Network
from tests.rpc.program import BEYOND, ECHO, Program
from xdr import Buffer


def test_the_numbers() -> None:
    """Sections 3, 4 and 5, and appendix A."""
    assert (auth_flavor.RPCSEC_GSS, GssServerFlavor.number) == (6, 6)
    assert (auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM) == (13, 14)
    assert [member.name for member in rpc_gss_proc_t] == [
        f"RPCSEC_GSS_{name}" for name in ("DATA", "INIT", "CONTINUE_INIT", "DESTROY", "BIND_CHANNEL", "CREATE", "LIST")
    ]
    assert list(rpc_gss_proc_t) == [0, 1, 2, 3, 4, 5, 6]
    assert [*rpc_gss_service_t, *GssService] == [1, 2, 3, 4, 1, 2, 3]
    assert (gss_xdr.RPCSEC_GSS_VERS_1, gss_xdr.MAXSEQ) == (1, 0x80000000)
    routine = (
        "BAD_MECH BAD_NAME BAD_NAMETYPE BAD_BINDINGS BAD_STATUS BAD_MIC NO_CRED NO_CONTEXT DEFECTIVE_TOKEN "
        "DEFECTIVE_CREDENTIAL CREDENTIALS_EXPIRED CONTEXT_EXPIRED FAILURE BAD_QOP UNAUTHORIZED UNAVAILABLE "
        "DUPLICATE_ELEMENT NAME_NOT_MN"
    )
    for number, name in enumerate(routine.split(), 1):
        assert getattr(gss_xdr, f"GSS_S_{name}") == number << 16
    for bit, name in enumerate(["CONTINUE_NEEDED", "DUPLICATE_TOKEN", "OLD_TOKEN", "UNSEQ_TOKEN", "GAP_TOKEN"]):
        assert getattr(gss_xdr, f"GSS_S_{name}") == 1 << bit


async def test_a_creation_request_is_laid_out_as_it_must_be() -> None:
    """5.2.2: call, RPC 2, the program's numbers, procedure 0, flavor 6, version 1, INIT, no handle, a null verifier."""
    wire, one = Wire(server(FakeAcceptor(rounds=2))), flavor()
    await wire.call(one)
    first, second = (parse_call_untrusted(call) for call in wire.calls[:2])
    handle = one.context.handle  # type: ignore[union-attr]
    assert bytes(first.header[4:]).hex(" ", 4) == (
        "00000000 00000002 20000001 00000001 00000000 00000006 00000014 00000001 00000001 00000000 00000003 00000000"
    )
    assert bytes(second.header[28:]).hex(" ", 4) == (
        f"00000024 00000001 00000002 00000000 00000003 00000010 {handle.hex(' ', 4)}"
    )
    assert first.verifier == second.verifier == NULL_AUTH


async def test_every_control_message_has_an_xid_of_its_own(autojump_clock: trio.abc.Clock) -> None:
    async with trio.open_nursery() as nursery:
        man = MiddleMan(Network(nursery, Server([Program()], [server(FakeAcceptor(rounds=3))])))
        async with open_client(man.connect, flavor()) as client:
            for _ in range(3):
                await client.call(ECHO, b"x")
        nursery.cancel_scope.cancel()
    xids = [record[:4] for record in man.replies]
    assert len(set(xids)) == len(xids) == 3 + 3 + 1


async def test_a_reply_that_wants_more_has_a_null_verifier() -> None:
    reply = await Peer(server(FakeAcceptor(rounds=2))).init()
    assert isinstance(reply, AcceptedReply)
    assert reply.verifier == NULL_AUTH
    result = rpc_gss_init_res.from_bytes(bytes(reply.body))
    assert (result.gss_major, bool(result.handle)) == (1, True)


def test_no_replay_detection_and_no_sequence_from_the_mechanism(realm: Realm) -> None:
    demands = Demands("nfs@localhost", GssService.PRIVACY, None, True, False, Credentials())
    ours = GssapiProvider().initiate(demands)
    theirs = GssapiAcceptor(["nfs@localhost"], realm.service_keytab).accept()
    ours.step(theirs.step(ours.step(None)))
    for one in (ours, theirs):
        assert not one.flags & (GssFlag.REPLAY | GssFlag.SEQUENCE)
        assert one.flags & GssFlag.MUTUAL
    tokens = [ours.protection().wrap(b"x") for _ in range(3)]
    for token in (tokens[2], tokens[0], tokens[1], tokens[0]):  # in any order, and twice
        assert theirs.protection().unwrap(token) == b"x"


async def test_each_call_of_a_client_is_laid_out_as_it_must_be() -> None:
    """5.3.1: the header's MIC is over the octets from the xid through the credential."""
    wire, one = Wire(server()), flavor(service=GssService.NONE)
    await wire.call(one)
    call = parse_call_untrusted(message(await one.transmit(HEADER, (b"args",), wire)))
    handle = one.context.handle  # type: ignore[union-attr]
    assert bytes(call.header).hex(" ", 4) == (
        "00000063 00000000 00000002 20000001 00000001 00000005 00000006 00000024 "
        f"00000001 00000000 00000002 00000001 00000010 {handle.hex(' ', 4)}"
    )
    assert call.verifier.flavor == 6
    only_context(wire.server).protection.verify_mic(call.header, call.verifier.body)
    assert bytes(call.body) == b"args"


async def test_another_status_than_success_has_a_valid_verifier(autojump_clock: trio.abc.Clock) -> None:
    """5.3.3.2, for a procedure that is not there and arguments that do not parse; the rest is as usual."""
    async with trio.open_nursery() as nursery:
        man = MiddleMan(Network(nursery, Server([Program()], [server()])))
        async with open_client(man.connect, one := flavor(service=GssService.INTEGRITY)) as client:
            with pytest.raises(ProcedureUnavailable):
                await client.call(BEYOND, None)
            reply = parse_reply_untrusted(man.replies[-1])
            assert isinstance(reply, AcceptedReply)
            assert (reply.stat, bytes(reply.body)) == (accept_stat.PROC_UNAVAIL, b"")
            assert one.context is not None
            one.context.protection.verify_mic(b"\0\0\0\x01", reply.verifier.body)
        nursery.cancel_scope.cancel()


async def test_a_late_reply_to_an_earlier_transmission(autojump_clock: trio.abc.Clock) -> None:
    """5.3.3.1: a call that is sent again has a new number, under the same xid, and the reply to the first will do."""
    held: list[bytes] = []

    def hold(record: bytes) -> list[bytes]:
        held.append(record)
        return held[:1] if len(held) == 2 else []

    async with trio.open_nursery() as nursery:
        man = MiddleMan(Network(nursery, Server([Program()], [server()])))

        async def connect() -> SpoiledChannel:
            channel = await man.connect()
            channel.reliable = False
            return channel

        async with open_client(connect, flavor()) as client:
            await client.call(ECHO, b"x")
            man.every = hold
            assert await client.call(ECHO, b"y") == b"y"
            man.every = None
            assert client.counters.bad_replies == 0
        nursery.cancel_scope.cancel()
    first, second = map(parse_reply_untrusted, held)
    assert isinstance(first, AcceptedReply)
    assert isinstance(second, AcceptedReply)
    assert first.xid == second.xid
    assert first.verifier.body != second.verifier.body


@pytest.mark.parametrize("number", [3, 0], ids=["repeated", "below the window"])
async def test_no_mic_is_computed_for_numbers_that_will_be_dropped(number: int) -> None:
    """7.2.2."""
    one = server(seq_window=1)  # 2 inside
    client = await peer(one)
    client.open(await client.call(3), 3)
    operations = only_context(one).protection.operations  # type: ignore[attr-defined]
    before = len(operations)
    assert await client.call(number) is None
    assert len(operations) == before


async def test_what_cannot_be_protected_is_told_to_the_application(
    autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """5.3.3.4.1 and 5.3.3.4.4: no reply, and a line in the log."""

    def fail(*arguments: object) -> Sequence[Buffer]:
        raise ProtectionUnavailable("used up, it says")

    caplog.set_level(logging.INFO)
    async with trio.open_nursery() as nursery:
        man = MiddleMan(Network(nursery, Server([Program()], [server()])))
        async with open_client(man.connect, flavor()) as client:
            await client.call(ECHO, b"x")
            before = len(man.replies)
            monkeypatch.setattr("rpcgss.gss.session.protect", fail)
            with pytest.raises(CallTimedOut):
                await client.call(ECHO, b"y", timeout=5)
            assert len(man.replies) == before
        nursery.cancel_scope.cancel()
    assert "used up, it says" in caplog.text

"""Request and reply between both ends' protocol code: what passes, and that nothing else does."""

import dataclasses
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Never

import pytest
import trio
import trio.testing
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

import xdr
from rpcgss.gss.context import Origin
from rpcgss.gss.errors import GssError
from rpcgss.gss.provider import GssFlag, GssName
from rpcgss.gss.store import StoreEventKind, StoreLimits
from rpcgss.reauth import aead, keys, shares
from rpcgss.reauth import answer as answer_module
from rpcgss.reauth import client as client_module
from rpcgss.reauth.aead import SUITES
from rpcgss.reauth.answer import read_untrusted
from rpcgss.reauth.attempt import CREDENTIAL_BODY, Attempt
from rpcgss.reauth.errors import NoGrant, NotAccepted, Reason, Refused
from rpcgss.reauth.grant import encode_grant, read_grant_untrusted
from rpcgss.reauth.keyset import FixedKeys, Key, KeySet
from rpcgss.reauth.reauth_xdr import FRA1, reauth_arg, reauth_ok, reauth_state, reauth_ticket
from rpcgss.reauth.server import ReauthEvent, ReauthEventKind
from rpcgss.reauth.ticket import open_untrusted, seal
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import CallHeader, DeniedReply, encode_call_header, parse_call_untrusted, parse_reply_untrusted
from rpcgss.rpc.rpc_xdr import opaque_auth

from .harness import (
    ALICE,
    DAY,
    FLAGS,
    HTTP,
    NFS,
    START,
    ClientEnd,
    Clocks,
    FakeSecurity,
    HeldTicket,
    ServerEnd,
    accept,
    establishment,
    fixed_keys,
    held_ticket,
    krb5_name,
    request_record,
)

NO = "AUTH_REJECTEDCRED"


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def server(clocks: Clocks) -> ServerEnd:
    return ServerEnd(clocks)


async def is_no(server: ServerEnd, record: bytes, reason: Reason | None = None) -> bool:
    """Whether the answer is the one plain no, for this reason, and made nothing."""
    before, contexts = dict(server.tickets.counters.refused), server.store.contexts()
    answer = await server.answer(record)
    if answer is None:
        return False
    reply = parse_reply_untrusted(answer)
    plain = answer == record[:4] + bytes.fromhex("00000001 00000001 00000001 00000002")
    after = server.tickets.counters.refused
    refused = [key for key in after if after[key] != before.get(key, 0)]
    return (
        isinstance(reply, DeniedReply)
        and isinstance(reply.refusal, AuthRefused)
        and plain
        and server.store.contexts() == contexts
        and (reason is None or refused == [reason])
    )


def flips(octets: bytes) -> Iterator[bytes]:
    for position in range(len(octets)):
        for bit in range(8):
            yield octets[:position] + bytes([octets[position] ^ 1 << bit]) + octets[position + 1 :]


def truncations(octets: bytes) -> Iterator[bytes]:
    return (octets[:length] for length in range(len(octets)))


# What passes


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("share", [True, False])
async def test_both_ends_agree(server: ServerEnd, suite: int, share: bool) -> None:
    held = await held_ticket(server)
    attempt = held.attempt(suites=[suite], share=share)
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    renewal = accept(attempt, answer)
    context = server.store.find(renewal.handle)
    assert context is not None
    assert len(renewal.handle) >= 16
    assert renewal.seq_window == 512
    assert renewal.lifetime == 36000
    assert context.origin is Origin.TICKET
    assert context.expiry == server.clocks.monotonic + 36000
    context.protection.verify_mic(b"call", renewal.protection.mic(b"call"))
    renewal.protection.verify_mic(b"reply", context.protection.mic(b"reply"))
    assert renewal.protection.unwrap(context.protection.wrap(b"results")) == b"results"


def test_header_vector() -> None:
    header = encode_call_header(CallHeader(1, 100003, 4, 0), opaque_auth(6, CREDENTIAL_BODY))
    expected = (
        "00000001 00000000 00000002 000186a3 00000004 00000000 00000006 00000024 00000001 46524131 00000000 00000001"
        "00000010 00000000 00000000 00000000 00000000"
    )
    assert header == bytes.fromhex(expected)


async def test_the_reply_is_made_as_the_protocol_says(server: ServerEnd) -> None:
    """Computed here once more, step by step, with nothing but HMAC."""
    held = await held_ticket(server)
    attempt = held.attempt(share=False)
    record = request_record(attempt)
    answer = await server.answer(record)
    assert answer is not None
    call, reply = parse_call_untrusted(record), parse_reply_untrusted(answer)
    results = bytes(reply.body)  # type: ignore[union-attr]
    accepted = reauth_ok.from_bytes(results).accept.to_bytes()

    def expand(key: bytes, info: bytes) -> bytes:
        return hmac.digest(key, info + b"\1", "sha256")

    def mac(key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, "sha256")

    body = bytes(call.body)
    assert body[-32:] == mac(expand(held.session_key, b"FRA1 authenticator"), bytes(call.header) + body[:-32])
    transcript = hashlib.sha256(bytes(call.header) + body + accepted).digest()
    prk = mac(expand(held.session_key, b"FRA1 derive"), bytes(32))
    assert reply.verifier.body == mac(expand(prk, b"FRA1 confirm" + transcript), results)  # type: ignore[union-attr]
    assert accept(attempt, answer).session_key == expand(prk, b"FRA1 session key" + transcript)


async def test_case_01_a_chain_of_five(clocks: Clocks) -> None:
    server = ServerEnd(clocks, application=lambda _: b"application's own")
    held = await held_ticket(server)
    chains, handles, tickets = set(), set(), set()
    for step in range(1, 6):
        clocks.pass_time(100)
        attempt = held.attempt()
        answer = await server.answer(request_record(attempt))
        assert answer is not None
        renewal = accept(attempt, answer)
        context = server.use(renewal.handle)
        assert (context.initiator, context.acceptor, context.mechanism) == (ALICE, NFS, "1.2.840.113554.1.2.2")
        assert (context.flags, context.application, context.established) == (FLAGS, b"application's own", START)
        assert renewal.lifetime == 36000 - 100 * step
        assert context.expiry == clocks.monotonic + renewal.lifetime
        chains.add(context.chain)
        handles.add(renewal.handle)
        tickets.add(renewal.ticket.sealed)
        held = HeldTicket(renewal.ticket, renewal.session_key, renewal.lifetime)
    assert (len(chains), len(handles), len(tickets)) == (1, 5, 5)


async def test_a_ticket_is_of_the_usual_size(server: ServerEnd) -> None:
    assert len((await held_ticket(server)).ticket.sealed) == 224


# The request


@pytest.mark.parametrize("share", [True, False])
async def test_case_02_every_bit_of_a_request(server: ServerEnd, share: bool) -> None:
    record = request_record((await held_ticket(server)).attempt(share=share))
    for changed in flips(record):
        try:
            parse_call_untrusted(changed)
        except Exception:  # the layer below has its own tests
            continue
        assert await is_no(server, changed)
    assert await server.answer(record) is not None


async def test_case_02_every_truncation_and_a_tail(server: ServerEnd) -> None:
    record = request_record((await held_ticket(server)).attempt())
    header = len(parse_call_untrusted(record).header) + 8
    for length in range(header, len(record)):
        assert await is_no(server, record[:length], Reason.MALFORMED)
    assert await is_no(server, record + bytes(4), Reason.MALFORMED)
    assert await server.answer(record) is not None


@given(st.binary(max_size=600))
def test_case_02_hostile_arguments_are_refused(body: bytes) -> None:
    header = parse_call_untrusted(request_record(Attempt(reauth_ticket(0, b""), bytes(32)))).header
    with pytest.raises(Refused):
        read_untrusted(header, (0, b""), body).open(fixed_keys().keys(), START)


@pytest.mark.parametrize(
    ("offset", "what"),
    [
        (0, "xid"),
        (12, "prog"),
        (16, "vers"),
        (20, "proc"),
        (32, "gss version"),
        (36, "gss_proc"),
        (40, "seq_num"),
        (44, "service"),
        (48, "handle length"),
        (52, "handle"),
    ],
)
async def test_case_04_altered_header(server: ServerEnd, offset: int, what: str) -> None:
    record = bytearray(request_record((await held_ticket(server)).attempt()))
    record[offset + 3] ^= 2
    assert await is_no(server, bytes(record)), what


@pytest.mark.parametrize(
    "credential",
    [
        CREDENTIAL_BODY + bytes(4),
        CREDENTIAL_BODY[:-4],
        CREDENTIAL_BODY[:16] + bytes(4),
        CREDENTIAL_BODY.replace(bytes(16), b"\1" * 16),
        CREDENTIAL_BODY[:8] + b"\0\0\0\1" + CREDENTIAL_BODY[12:],
        CREDENTIAL_BODY[:12] + b"\0\0\0\3" + CREDENTIAL_BODY[16:],
        b"\0\0\0\2" + CREDENTIAL_BODY[4:],
    ],
)
async def test_case_04_another_credential_with_a_good_authenticator(server: ServerEnd, credential: bytes) -> None:
    record = request_record((await held_ticket(server)).attempt(), credential=credential)
    assert await is_no(server, record, Reason.MALFORMED)


async def test_case_04_non_empty_verifier(server: ServerEnd) -> None:
    record = request_record((await held_ticket(server)).attempt())
    at = len(parse_call_untrusted(record).header)
    for verifier in ("00000000 00000004 00000000", "00000006 00000000", "00000001 00000000"):
        changed = record[:at] + bytes.fromhex(verifier) + record[at + 8 :]
        assert await is_no(server, changed, Reason.MALFORMED)


async def test_wrong_session_key(server: ServerEnd) -> None:
    held = replace(await held_ticket(server), session_key=bytes(32))
    assert await is_no(server, request_record(held.attempt()), Reason.WRONG_AUTHENTICATOR)


@pytest.mark.parametrize("length", [1, 31])
async def test_case_12_a_share_of_a_wrong_length(server: ServerEnd, length: int) -> None:
    attempt = (await held_ticket(server)).attempt()
    assert attempt._share is not None
    attempt._share.public = bytes(length)  # type: ignore[misc]
    assert await is_no(server, request_record(attempt), Reason.BAD_SHARE)


LOW_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
]


@pytest.mark.parametrize("point", LOW_ORDER)
async def test_case_12_points_of_low_order(server: ServerEnd, point: bytes) -> None:
    attempt = (await held_ticket(server)).attempt()
    assert attempt._share is not None
    attempt._share.public = point  # type: ignore[misc]
    assert await is_no(server, request_record(attempt), Reason.BAD_SHARE)


async def test_case_12_a_server_without_x25519(server: ServerEnd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that cannot be answered is a no; without one it works."""
    monkeypatch.setattr(answer_module, "AVAILABLE", False)
    held = await held_ticket(server)
    assert await is_no(server, request_record(held.attempt(share=True)), Reason.BAD_SHARE)
    assert await server.answer(request_record(held.attempt(share=False))) is not None


def test_case_12_a_client_without_x25519(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "AVAILABLE", False)
    with pytest.raises(ValueError, match="without X25519"):
        ClientEnd(clocks, share=True)
    ClientEnd(clocks, share=False)


def test_case_12_what_a_build_lacks_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> Never:
        raise UnsupportedAlgorithm("not in this build")

    assert aead._available(AESGCM)
    assert not aead._available(lacking)
    assert shares._available()
    monkeypatch.setattr(shares, "X25519PrivateKey", SimpleNamespace(generate=lacking))
    assert not shares._available()


async def test_case_13_suites(server: ServerEnd) -> None:
    held = await held_ticket(server)
    for offered, chosen in (([77, 2, 1], 2), ([1, 2], 1), ([99, 1], 1), ([0, 3, 4, 5, 6, 7, 8, 2], 2)):
        attempt = held.attempt(suites=offered)
        answer = await server.answer(request_record(attempt))
        assert answer is not None
        assert reauth_ok.from_bytes(parse_reply_untrusted(answer).body).accept.suite == chosen  # type: ignore[union-attr]
        accept(attempt, answer)
    for offered in ([], [77], [0, 3]):
        assert await is_no(server, request_record(held.attempt(suites=offered)), Reason.NO_COMMON_SUITE)


async def test_case_13_a_server_may_do_without_a_suite(clocks: Clocks) -> None:
    server = ServerEnd(clocks, suites=[2, 99])
    held = await held_ticket(server)
    assert await server.answer(request_record(held.attempt())) is not None
    assert await is_no(server, request_record(held.attempt(suites=[1, 99])), Reason.NO_COMMON_SUITE)


async def test_case_13_no_suite_at_all(clocks: Clocks) -> None:
    for make in (lambda: ServerEnd(clocks, suites=[99]), lambda: ClientEnd(clocks, suites=[])):
        with pytest.raises(ValueError, match="none of these suites"):
            make()


# Tickets, keys, times


async def test_case_14_wrong_key_scope_and_target(clocks: Clocks, server: ServerEnd) -> None:
    record = request_record((await held_ticket(server)).attempt())
    for other, reason in (
        (ServerEnd(clocks, fixed_keys(secret=b"K" * 32)), Reason.UNKNOWN_KEY),
        (ServerEnd(clocks, fixed_keys(scope="other")), Reason.FORGED_TICKET),
        (ServerEnd(clocks, names=(HTTP,)), Reason.WRONG_TARGET),
        (ServerEnd(clocks, names=(HTTP, NFS)), None),
    ):
        assert await is_no(other, record, reason) == (reason is not None)


async def test_case_14_a_ticket_is_tried_under_its_own_key_only(clocks: Clocks, server: ServerEnd) -> None:
    held = await held_ticket(server)
    other = Key(b"K" * 32, 0)
    renamed = replace(held, ticket=reauth_ticket(other.index, held.ticket.sealed))
    both = ServerEnd(clocks, FixedKeys(KeySet("test", (Key(b"k" * 32, 0), other), DAY)))
    assert await is_no(both, request_record(renamed.attempt()), Reason.FORGED_TICKET)
    assert await both.answer(request_record(held.attempt())) is not None


async def test_case_14_every_bit_and_truncation_of_a_ticket(clocks: Clocks, server: ServerEnd) -> None:
    held = await held_ticket(server)
    for sealed in (*flips(held.ticket.sealed), *truncations(held.ticket.sealed), held.ticket.sealed + bytes(32)):
        changed = replace(held, ticket=reauth_ticket(held.ticket.key_index, sealed))
        assert await is_no(server, request_record(changed.attempt(share=False)), Reason.FORGED_TICKET)


@pytest.mark.parametrize("fault", ["format", "padding", "long padding", "garbage"])
async def test_case_14_a_sealed_state_that_makes_no_sense(server: ServerEnd, fault: str) -> None:
    """Sealed with the right key, by a fellow of another version: refused, not misread."""
    held, key = await held_ticket(server), Key(b"k" * 32, 0)
    plain, _ = open_untrusted(held.ticket, fixed_keys().keys(), START)
    match fault:
        case "format":
            plain.head = b"\0\0\0\2"
        case "padding":
            plain.tail = plain.tail[:-1] + b"\1"
        case "long padding":
            plain.tail += bytes(32)
        case _:
            plain.tail = b"garbage"
    changed = replace(held, ticket=seal(plain, key, "test"))
    assert await is_no(server, request_record(changed.attempt()), Reason.FORGED_TICKET)


async def test_case_14_rotation_in_flight(clocks: Clocks) -> None:
    old, new = Key(b"o" * 32, 0), Key(b"n" * 32, int(START) + 50)
    ring = FixedKeys(KeySet("test", (old,), DAY))
    server = ServerEnd(clocks, ring)
    held = await held_ticket(server)
    ring.present = KeySet("test", (replace_key(old, int(START) + 200), new), DAY)
    for elapsed, seals in ((0, old), (60, new)):
        clocks.wall = START + elapsed
        attempt = held.attempt()
        answer = await server.answer(request_record(attempt))
        assert answer is not None
        assert accept(attempt, answer).ticket.key_index == seals.index
    clocks.wall = START + 200
    assert await is_no(server, request_record(held.attempt()), Reason.UNKNOWN_KEY)


def replace_key(key: Key, ends: int) -> Key:
    return Key(key.secret, key.begins, ends)


@pytest.mark.parametrize(("elapsed", "good"), [(35999, True), (35999.5, False), (36000, False), (36001, False)])
async def test_case_15_expiry(clocks: Clocks, server: ServerEnd, elapsed: float, good: bool) -> None:
    held = await held_ticket(server)
    clocks.pass_time(elapsed)
    record = request_record(held.attempt())
    assert (await server.answer(record) is not None) if good else await is_no(server, record, Reason.EXPIRED)


@pytest.mark.parametrize(
    ("wall", "reason"), [(-300, None), (-301, Reason.FROM_THE_FUTURE), (-START, Reason.FROM_THE_FUTURE)]
)
async def test_case_15_clock_set_back(clocks: Clocks, server: ServerEnd, wall: float, reason: Reason | None) -> None:
    held = await held_ticket(server)
    clocks.wall += wall
    assert await is_no(server, request_record(held.attempt()), reason) == (reason is not None)


async def test_case_15_step_forward_spares_live_contexts(clocks: Clocks, server: ServerEnd) -> None:
    attempt = (await held_ticket(server)).attempt()
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    context = server.use(accept(attempt, answer).handle)
    clocks.wall += 10 * DAY
    assert not context.expired(clocks.monotonic)


async def test_case_15_indefinite_is_the_policy(clocks: Clocks) -> None:
    for longest, expected in ((1000, 1000), (10 * DAY, DAY)):
        server = ServerEnd(clocks, longest_life=longest)
        assert (await held_ticket(server, lifetime=None)).lifetime == expected


async def test_case_15_revocation(clocks: Clocks) -> None:
    ring = fixed_keys()
    server = ServerEnd(clocks, ring)
    held = await held_ticket(server)
    clocks.pass_time(1000)
    thief = held.attempt()
    answer = await server.answer(request_record(thief))
    assert answer is not None
    renewal = accept(thief, answer)
    server.use(renewal.handle)
    clocks.pass_time(1000)
    ring.present = replace(ring.present, revoked_before=int(START) + 1)  # before the thief came
    server.tickets.check_keyring()
    assert server.store.find(renewal.handle) is None
    assert server.tickets.counters.revoked == 1
    stolen = HeldTicket(renewal.ticket, renewal.session_key, 0)
    for one in (held, stolen):
        assert await is_no(server, request_record(one.attempt()), Reason.REVOKED)
    assert await server.answer(request_record((await held_ticket(server)).attempt())) is not None


async def test_case_15_a_revocation_is_not_undone_by_an_old_copy_of_the_keyring(clocks: Clocks) -> None:
    ring = fixed_keys()
    server = ServerEnd(clocks, ring)
    held, before = await held_ticket(server), ring.present
    ring.present = replace(before, revoked_before=int(START) + 1)
    server.tickets.check_keyring()
    ring.present = before
    assert await is_no(server, request_record(held.attempt()), Reason.REVOKED)
    again = await held_ticket(server)
    ring.present = replace(before, revoked_before=int(START) + 1)
    assert await server.answer(request_record(again.attempt())) is not None


async def test_case_15_what_is_established_in_sight_of_a_revocation_comes_after_it(clocks: Clocks) -> None:
    """The revoking host's clock is ahead by two minutes."""
    server = ServerEnd(clocks, fixed_keys(revoked_before=int(START) + 120))
    assert await server.answer(request_record((await held_ticket(server)).attempt())) is not None


async def test_the_applications_hook(clocks: Clocks) -> None:
    asked: list[tuple[GssName, float]] = []
    answers: list[Callable[[], bool]] = [lambda: False, lambda: 1 // 0 > 0, lambda: True]

    def may(principal: GssName, age: float) -> bool:
        asked.append((principal, age))
        return answers[len(asked) - 1]()

    server = ServerEnd(clocks, may_reauthenticate=may)
    held = await held_ticket(server)
    clocks.pass_time(70)
    assert await is_no(server, request_record(held.attempt()), Reason.NOT_ALLOWED)
    assert await is_no(server, request_record(held.attempt()), Reason.NOT_ALLOWED)
    assert await server.answer(request_record(held.attempt())) is not None
    assert asked == [(ALICE, 70.0)] * 3


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_a_hook_that_says_neither_yes_nor_no_says_no(clocks: Clocks) -> None:
    """An async one would else let everybody in."""

    async def may(_principal: GssName, _age: float) -> bool:
        return False

    for hook in (may, lambda _principal, _age: "no", lambda _principal, _age: None):
        server = ServerEnd(clocks, may_reauthenticate=hook)
        held = await held_ticket(server)
        assert await is_no(server, request_record(held.attempt()), Reason.NOT_ALLOWED)


async def test_the_hook_is_not_asked_for_forgeries(clocks: Clocks) -> None:
    server = ServerEnd(clocks, may_reauthenticate=lambda _principal, _age: pytest.fail("asked"))
    held = replace(await held_ticket(server), session_key=bytes(32))
    assert await is_no(server, request_record(held.attempt()), Reason.WRONG_AUTHENTICATOR)


# Repeats and the pool of unused contexts


async def test_case_05_repeats(server: ServerEnd) -> None:
    attempt = (await held_ticket(server)).attempt()
    record = request_record(attempt)
    first = await server.answer(record)
    assert first is not None
    for _ in range(1000):
        assert await server.answer(record) == first
    assert server.store.unconfirmed == 1
    server.use(accept(attempt, first).handle)
    for _ in range(1000):
        assert await server.answer(record) is None
    counters = server.tickets.counters
    assert (counters.accepted, counters.repeated, counters.dropped) == (1, 1000, 1000)
    assert (server.store.established, server.store.unconfirmed) == (1, 0)


async def test_case_05_repeats_after_the_context_is_gone(clocks: Clocks, server: ServerEnd) -> None:
    attempt = (await held_ticket(server)).attempt()
    record = request_record(attempt)
    answer = await server.answer(record)
    assert answer is not None
    server.store.drop(accept(attempt, answer).handle, clocks.monotonic)
    for _ in range(1000):
        assert await server.answer(record) is None
    assert not server.store.contexts()


async def test_case_05_repeats_on_another_worker(clocks: Clocks, server: ServerEnd) -> None:
    other = ServerEnd(clocks)
    attempt = (await held_ticket(server)).attempt()
    record = request_record(attempt)
    answer = await server.answer(record)
    assert answer is not None
    server.use(accept(attempt, answer).handle)
    assert len({await other.answer(record) for _ in range(1000)}) == 1
    assert (other.store.established, other.store.unconfirmed) == (0, 1)


async def test_case_05_and_08_the_quota_of_a_chain(clocks: Clocks) -> None:
    server = ServerEnd(clocks, limits=StoreLimits(unconfirmed=100))
    victim = await held_ticket(server)
    victims = victim.attempt()
    reply = await server.answer(request_record(victims))
    established = victim.attempt()
    other = await server.answer(request_record(established))
    assert reply is not None
    assert other is not None
    server.use(accept(established, other).handle)
    clocks.pass_time(1)
    flooder = await held_ticket(server)
    for _ in range(300):
        assert await server.answer(request_record(flooder.attempt(share=False))) is not None
    assert server.store.unconfirmed == 65
    another = await held_ticket(server)
    for _ in range(60):
        assert await server.answer(request_record(another.attempt(share=False))) is not None
    assert server.store.unconfirmed == 100
    assert server.store.established == 1
    server.use(accept(victims, reply).handle)


async def test_memory_of_repeats_is_bounded_and_may_be_lost(clocks: Clocks) -> None:
    server = ServerEnd(clocks, remembered=3)
    held = await held_ticket(server)
    records = [request_record(held.attempt(share=False)) for _ in range(5)]
    for record in records:
        await server.answer(record)
    assert len(server.tickets._replies) == server.tickets._replies.unused == 3
    assert server.tickets.counters.accepted == 5
    await server.answer(records[0])  # forgotten: another unused context, which is all that a repeat can get
    assert server.tickets.counters.accepted == 6


async def test_unused_replies_go_when_their_contexts_expire(clocks: Clocks, server: ServerEnd) -> None:
    held = await held_ticket(server)
    await server.answer(request_record(held.attempt()))
    clocks.pass_time(61)
    await server.answer(request_record(held.attempt()))
    assert server.store.unconfirmed == server.tickets._replies.unused == 1


async def test_an_unused_context_is_forgotten_when_nobody_asks_for_another(clocks: Clocks, server: ServerEnd) -> None:
    record = request_record((await held_ticket(server)).attempt())
    answer = await server.answer(record)
    assert answer is not None
    clocks.pass_time(59)
    server.tickets.refresh(clocks.monotonic)
    assert await server.answer(record) == answer
    clocks.pass_time(2)
    server.tickets.refresh(clocks.monotonic)
    assert server.store.find(accept_handle(answer)) is None
    assert server.store.unconfirmed == server.tickets._replies.unused == 0
    assert await server.answer(record) is None


async def test_case_22_a_repeat_raises_no_event(server: ServerEnd) -> None:
    told: list[ReauthEventKind] = []
    stored: list[StoreEventKind] = []
    server.tickets.events.append(lambda event: told.append(event.kind))
    server.store.events.append(lambda event: stored.append(event.kind))
    attempt = (await held_ticket(server)).attempt()
    record = request_record(attempt)
    answer = await server.answer(record)
    assert answer is not None
    await server.answer(record)
    assert told == [ReauthEventKind.GRANTED, ReauthEventKind.ACCEPTED, ReauthEventKind.REPEATED]
    server.use(accept(attempt, answer).handle)
    server.use(accept_handle(answer))
    await server.answer(record)
    assert told[3:] == [ReauthEventKind.REAUTHENTICATED, ReauthEventKind.DROPPED]
    assert stored == [StoreEventKind.UNCONFIRMED, StoreEventKind.REAUTHENTICATED]


def accept_handle(answer: bytes) -> bytes:
    return reauth_ok.from_bytes(parse_reply_untrusted(answer).body).accept.handle  # type: ignore[union-attr]


async def test_events_name_nobody_who_is_not_proven(server: ServerEnd) -> None:
    told: list[ReauthEvent] = []
    server.tickets.events.append(told.append)
    held = replace(await held_ticket(server), session_key=bytes(32))
    await server.answer(request_record(held.attempt()))
    assert told[-1] == ReauthEvent(ReauthEventKind.REFUSED, None, "wrong authenticator")


# The reply


@pytest.mark.parametrize("share", [True, False])
async def test_case_02_every_bit_of_a_reply(server: ServerEnd, share: bool) -> None:
    attempt = (await held_ticket(server)).attempt(share=share)
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    reply = parse_reply_untrusted(answer)
    verifier, results = reply.verifier.body, bytes(reply.body)  # type: ignore[union-attr]
    for flavor, mac, body in (
        *((6, mac, results) for mac in (*flips(verifier), *truncations(verifier), verifier + bytes(4))),
        *((6, verifier, body) for body in (*flips(results), *truncations(results), results + bytes(4))),
        *((flavor, verifier, results) for flavor in (0, 1, 7)),
    ):
        with pytest.raises(NotAccepted):
            attempt.accept_untrusted(flavor, mac, body)
    assert attempt.accept_untrusted(6, verifier, results).lifetime == 36000


async def test_case_06_a_reply_counts_once(server: ServerEnd) -> None:
    attempt = (await held_ticket(server)).attempt()
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    accept(attempt, answer)
    with pytest.raises(NotAccepted, match="no reply is awaited"):
        accept(attempt, answer)


async def test_case_06_a_reply_to_another_request(server: ServerEnd) -> None:
    held = await held_ticket(server)
    first, second = held.attempt(), held.attempt()
    answers = [await server.answer(request_record(one)) for one in (first, second)]
    assert answers[0] is not None
    with pytest.raises(NotAccepted):
        accept(second, answers[0])
    accept(first, answers[0])


def test_nothing_is_accepted_before_a_request() -> None:
    with pytest.raises(NotAccepted):
        Attempt(reauth_ticket(0, b""), bytes(32)).accept_untrusted(6, bytes(32), b"")


def test_a_request_is_made_once() -> None:
    attempt = Attempt(reauth_ticket(0, b""), bytes(32))
    attempt.argument(bytes(68))
    with pytest.raises(RuntimeError):
        attempt.argument(bytes(68))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"suite": 2}, "not offered"),
        ({"suite": 0}, "not offered"),
        ({"suite": 77}, "not offered"),
        ({"handle": b""}, "empty"),
        ({"seq_window": 0}, "empty"),
        ({"lifetime": 0}, "empty"),
        ({"server_share": b""}, "no good share"),
        ({"server_share": bytes(31)}, "no good share"),
        ({"server_share": bytes(32)}, "no good share"),
        ({}, None),
    ],
)
@pytest.mark.parametrize("share", [True, False])
async def test_case_12_a_genuine_server_that_answers_wrongly(
    server: ServerEnd, change: dict[str, object], why: str | None, share: bool
) -> None:
    """With the right verifier: the faults that only a holder of SK can make are refused too."""
    if not share and "server_share" in change:
        change, why = {"server_share": b"x" * 32}, "not asked for"
    held = await held_ticket(server)
    attempt = held.attempt(suites=[1, 77], share=share)
    record = request_record(attempt)
    results, verifier = rogue_answer(held, record, change)
    if why is None:
        attempt.accept_untrusted(6, verifier, results)
        return
    with pytest.raises(NotAccepted, match=why):
        attempt.accept_untrusted(6, verifier, results)


def rogue_answer(held: HeldTicket, record: bytes, change: dict[str, object]) -> tuple[bytes, bytes]:
    """What a server that knows SK would send: results and verifier."""
    call = parse_call_untrusted(record)
    argument = reauth_arg.from_bytes(call.body)
    private = X25519PrivateKey.generate()
    secret, share = bytes(32), b""
    if argument.client_share:
        share = private.public_key().public_bytes_raw()
        secret = private.exchange(X25519PublicKey.from_public_bytes(argument.client_share))
    ok = reauth_ok.from_bytes(
        b"".join(
            (
                *((16).to_bytes(4), b"h" * 16, (512).to_bytes(4), (1).to_bytes(4), bytes(32)),
                *(len(share).to_bytes(4), share, bytes(4), (32).to_bytes(4), bytes(32), (60).to_bytes(4)),
            )
        )
    )
    for name, value in change.items():
        setattr(ok if name == "lifetime" else ok.accept, name, value)
    results = ok.to_bytes()
    transcript = hashlib.sha256(bytes(call.header) + bytes(call.body) + ok.accept.to_bytes()).digest()
    return results, keys.confirmation(keys.derive(held.session_key, transcript, secret), results)


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_hostile_replies_are_refused(results: bytes, verifier: bytes) -> None:
    attempt = Attempt(reauth_ticket(0, b"x"), bytes(32))
    attempt.argument(bytes(68))
    with pytest.raises(NotAccepted):
        attempt.accept_untrusted(6, verifier, results)


# The grant


async def test_case_02_every_bit_of_a_grant(server: ServerEnd) -> None:
    made = establishment(server.clocks)
    sk = keys.session_key(made.security.prf, made.tokens)
    octets = (await server.grant()).octets
    for changed in (*flips(octets), *truncations(octets), octets + bytes(4), bytes(4) + octets):
        with pytest.raises(NoGrant):
            read_grant_untrusted(sk, made.handle, made.seq_window, changed)
    for handle, window in ((b"another", made.seq_window), (made.handle, 511)):
        with pytest.raises(NoGrant):
            read_grant_untrusted(sk, handle, window, octets)
    assert read_grant_untrusted(sk, made.handle, made.seq_window, octets).lifetime == 36000


def test_an_empty_grant_is_none() -> None:
    for ticket, lifetime in ((reauth_ticket(1, b"sealed"), 0), (reauth_ticket(1, b""), 60)):
        octets = encode_grant(bytes(32), b"handle", 1, ticket, lifetime)
        with pytest.raises(NoGrant, match="empty"):
            read_grant_untrusted(bytes(32), b"handle", 1, octets)


async def test_a_clock_before_the_keyrings_first_key(clocks: Clocks) -> None:
    server = ServerEnd(clocks, FixedKeys(KeySet("test", (Key(b"k" * 32, int(START) + 10),), DAY)))
    assert not (await server.grant()).octets
    clocks.wall += 10
    held = await held_ticket(server)
    clocks.wall -= 10
    assert await is_no(server, request_record(held.attempt()), Reason.UNAVAILABLE)


async def test_the_keyring_is_watched(clocks: Clocks, autojump_clock: trio.testing.MockClock) -> None:
    ring = fixed_keys()
    server = ServerEnd(clocks, ring)
    attempt = (await held_ticket(server)).attempt()
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    server.use(accept(attempt, answer).handle)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.tickets.watch)
        await trio.sleep(10)
        assert server.store.established == 1
        ring.present = replace(ring.present, revoked_before=int(START) + 1)
        await trio.sleep(1.5)
        assert server.store.established == 0
        nursery.cancel_scope.cancel()


@given(st.binary(max_size=300))
def test_hostile_grants_are_refused(octets: bytes) -> None:
    with pytest.raises(NoGrant):
        read_grant_untrusted(bytes(32), b"handle", 1, octets)


@pytest.mark.parametrize(
    ("security", "changes"),
    [
        (FakeSecurity(flags=FLAGS & ~GssFlag.MUTUAL), {}),
        (FakeSecurity(flags=FLAGS & ~GssFlag.INTEG), {}),
        (FakeSecurity(flags=FLAGS | GssFlag.ANON), {}),
        (FakeSecurity(flags=FLAGS | GssFlag.DELEG), {}),
        (FakeSecurity(channel_bound=True), {}),
        (FakeSecurity(failure=GssError(16 << 16, 0, "no PRF")), {}),
        (FakeSecurity(initiator=krb5_name("x" * 900)), {}),
        (FakeSecurity(acceptor=HTTP), {}),
        (FakeSecurity(), {"offered": 0}),
        (FakeSecurity(), {"offered": FRA1 + 1}),
        (FakeSecurity(), {"lifetime": 0}),
    ],
)
async def test_case_16_no_grant(server: ServerEnd, security: FakeSecurity, changes: dict[str, object]) -> None:
    assert (await server.grant(security=security, **changes)).octets == b""
    assert server.tickets.counters.not_granted == 1


async def test_case_16_delegation_that_nobody_needs(clocks: Clocks) -> None:
    server = ServerEnd(clocks, delegation_expendable=True)
    assert (await server.grant(security=FakeSecurity(flags=FLAGS | GssFlag.DELEG))).octets


async def test_case_16_a_long_name_and_a_full_blob_still_fit(clocks: Clocks) -> None:
    server = ServerEnd(clocks, application=lambda _: bytes(256))
    assert (await server.grant(security=FakeSecurity(initiator=krb5_name("x" * 536)))).octets
    too_much = ServerEnd(clocks, application=lambda _: bytes(257))
    assert not (await too_much.grant()).octets


async def test_a_name_of_another_form_keeps_its_display(server: ServerEnd) -> None:
    strange = GssName("Alice B.", b"\x04\x01 not of that form")
    attempt = (await held_ticket(server, security=FakeSecurity(initiator=strange))).attempt()
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    assert server.use(accept(attempt, answer).handle).initiator == strange


async def test_case_03_unknown_key_share(clocks: Clocks) -> None:
    """A malicious service chooses the context's key to be that of its own context with a third party. The tokens of the
    two differ, so the session keys do, and the ticket that it has from the third party is of no use to its victim."""
    server = ServerEnd(clocks)
    chosen = FakeSecurity(key=b"chosen by the attacker")
    relayed = await server.grant(security=chosen, tokens=[b"attacker's request", b"reply"])
    victim = establishment(clocks, security=chosen, tokens=[b"victim's request", b"reply"])
    sk = keys.session_key(victim.security.prf, victim.tokens)
    with pytest.raises(NoGrant):
        read_grant_untrusted(sk, victim.handle, victim.seq_window, relayed.octets)
    attackers = await held_ticket(server, security=chosen, tokens=[b"attacker's request", b"reply"])
    stolen = replace(attackers, session_key=sk)
    assert await is_no(server, request_record(stolen.attempt()), Reason.WRONG_AUTHENTICATOR)


async def test_case_20_a_grant_is_no_reply_body(server: ServerEnd) -> None:
    """Nothing in a grant is a MIC under a key that protects messages, and a handle's length is no fresh number."""
    held = await held_ticket(server)
    attempt = held.attempt()
    answer = await server.answer(request_record(attempt))
    assert answer is not None
    renewal = accept(attempt, answer)
    octets = (await server.grant()).octets
    with pytest.raises(Exception, match="MIC"):
        renewal.protection.verify_mic(octets[:-32], octets[-32:])


# Secrets


async def test_case_25_no_key_octets_in_repr_logs_or_errors(
    server: ServerEnd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    held = await held_ticket(server)
    attempt = held.attempt()
    record = request_record(attempt)
    answer = await server.answer(record)
    assert answer is not None
    renewal = accept(attempt, answer)
    await server.answer(request_record(replace(held, session_key=bytes(32)).attempt()))
    context = server.use(renewal.handle)
    shown = " ".join([repr(attempt), repr(renewal), repr(context), repr(context.protection), caplog.text])
    for secret in (held.session_key, renewal.session_key, renewal.ticket.sealed):
        assert secret.hex() not in shown
        assert repr(secret)[2:20] not in shown
    assert server.tickets.counters.refused[Reason.WRONG_AUTHENTICATOR] == 1


async def test_case_25_compiled_structs_show_all_they_hold_and_hold_no_key(
    server: ServerEnd, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    encode, decode = reauth_state.to_bytes, reauth_state.decode

    def to_bytes(state: reauth_state) -> bytes:
        shown.append(repr(state))
        return encode(state)

    def decoded(cursor: xdr.Cursor) -> reauth_state:
        state = decode(cursor)
        shown.append(repr(state))
        return state

    monkeypatch.setattr(reauth_state, "to_bytes", to_bytes)
    monkeypatch.setattr(reauth_state, "decode", decoded)
    held = await held_ticket(server)
    assert open_untrusted(held.ticket, fixed_keys().keys(), START)[0].session_key == held.session_key
    assert len(shown) == 2
    assert repr(held.session_key) not in " ".join(shown)


async def test_counters_can_be_written_down_after_a_refusal(server: ServerEnd) -> None:
    """A stranger's one bad request must not be what breaks an operator's status report."""
    assert await is_no(server, request_record(Attempt(reauth_ticket(1, bytes(100)), bytes(32))), Reason.UNKNOWN_KEY)
    written = json.loads(json.dumps(dataclasses.asdict(server.tickets.counters)))
    assert written["refused"] == {Reason.UNKNOWN_KEY.value: 1}

# ruff: noqa: ANN401  (options are handed on as they come)
"""The client's end: what it demands of a server, and how it lives through losses."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from rpcgss.gss.bodies import parse_credential_untrusted
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.context import Context, Origin
from rpcgss.gss.errors import GssError
from rpcgss.gss.extension import ClientExtension, Establishment
from rpcgss.gss.gss_xdr import RPCSEC_GSS_DESTROY, RPCSEC_GSS_INIT, rpc_gss_init_res
from rpcgss.gss.provider import Credentials, Demands, GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.gss.transmission import GssTransmission
from rpcgss.gss.window import ReceiveWindow
from rpcgss.rpc.errors import (
    AuthenticationFailed,
    AuthRefused,
    BadMessage,
    BadReply,
    BadVerifier,
    ConnectionLost,
    ProgramMismatch,
    ProgramUnavailable,
    ServerFault,
)
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    encode_denied,
    encode_not_executed,
    encode_success,
    parse_call_untrusted,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import EVERYTHING, FAKE, FakeAcceptor, FakeProtection, FakeProvider, fake_name
from tests.gss.wire import PROGRAM, VERSION, Failed, Wire, message, serve

CREDPROBLEM = auth_stat.RPCSEC_GSS_CREDPROBLEM
CTXPROBLEM = auth_stat.RPCSEC_GSS_CTXPROBLEM
HEADER = CallHeader(99, PROGRAM, VERSION, 5)


def server(acceptor: FakeAcceptor | None = None, **options: Any) -> GssServerFlavor:
    return GssServerFlavor(acceptor or FakeAcceptor(), **{"worker": InlineWorker()} | options)


def flavor(provider: FakeProvider | None = None, **options: Any) -> GssFlavor:
    return GssFlavor("nfs@server", provider=provider or FakeProvider(), **{"worker": InlineWorker()} | options)


def kinds(one: GssFlavor) -> list[ClientEventKind]:
    """The kinds of all events from now on."""
    seen: list[ClientEventKind] = []
    one.events.append(lambda event: seen.append(event.kind))
    return seen


def procedures(wire: Wire) -> list[int]:
    """The gss_proc of each call that was sent."""
    bodies = [parse_call_untrusted(call).credential.body for call in wire.calls]
    return [parse_credential_untrusted(body, (1, 2, 3)).gss_proc for body in bodies]


# Making a context


@pytest.mark.parametrize("service", GssService)
@pytest.mark.parametrize("rounds", [1, 2, 3])
async def test_calls_under_a_context(service: GssService, rounds: int) -> None:
    wire, one = Wire(server(FakeAcceptor(rounds=rounds))), flavor(service=service)
    for _ in range(3):
        assert await wire.call(one) == b"gnip"
    assert procedures(wire) == [*[1, 2, 2][:rounds], 0, 0, 0]
    assert one.counters.by_exchange == 1
    hidden = service is GssService.PRIVACY
    assert any(b"ping" in call for call in wire.calls) is not hidden
    assert any(b"gnip" in reply for reply in wire.replies) is not hidden


async def test_the_real_service_in_init_and_numbers_from_one() -> None:
    wire, one = Wire(server()), flavor(service=GssService.INTEGRITY)
    await wire.call(one)
    await wire.call(one)
    credentials = [parse_credential_untrusted(parse_call_untrusted(call).credential.body) for call in wire.calls]
    assert [credential.service for credential in credentials] == [2, 2, 2]
    assert [credential.seq_num for credential in credentials] == [0, 1, 2]


def spoil_result(**fields: Any) -> Callable[[bytes], bytes]:
    """Replies to RPCSEC_GSS_INIT with other fields than the server's."""

    def spoil(reply: bytes) -> bytes:
        parsed = parse_reply_untrusted(reply)
        if not isinstance(parsed, AcceptedReply):
            return reply
        result = rpc_gss_init_res.from_bytes(bytes(parsed.body))
        for name, value in fields.items():
            if name != "verifier":
                setattr(result, name, value)
        return encode_success(parsed.xid, fields.get("verifier", parsed.verifier)) + result.to_bytes()

    return spoil


@pytest.mark.parametrize(
    "fields",
    [
        {"verifier": NULL_AUTH},
        {"verifier": opaque_auth(6, b"")},
        {"verifier": opaque_auth(6, bytes(16))},
        {"verifier": opaque_auth(1, bytes(16))},
        {"seq_window": 511},
        {"seq_window": 0},
        {"seq_window": 0xFFFFFFFF},
        {"handle": b""},
        {"handle": bytes(300)},
        {"gss_major": 1},
        {"gss_major": 0x000D0000},
        {"gss_major": 2},
        {"gss_token": b'{"done": false, "flags": 0, "acceptor": "", "key": ""}'},
    ],
    ids=str,
)
async def test_an_init_reply_that_is_not_right_makes_no_context(fields: dict[str, Any]) -> None:
    wire, one = Wire(server(), incoming=spoil_result(**fields)), flavor()
    with pytest.raises(AuthenticationFailed):
        await wire.call(one)
    assert one.context is None
    assert procedures(wire)[0] == RPCSEC_GSS_INIT
    assert 0 not in procedures(wire)


async def test_the_mic_of_the_window_under_another_flavor() -> None:
    def spoil(reply: bytes) -> bytes:
        parsed = parse_reply_untrusted(reply)
        assert isinstance(parsed, AcceptedReply)
        return encode_success(parsed.xid, opaque_auth(1, parsed.verifier.body)) + bytes(parsed.body)

    with pytest.raises(AuthenticationFailed, match="sign"):
        await Wire(server(), incoming=spoil).call(flavor())


async def test_cancelled_anywhere(autojump_clock: trio.abc.Clock) -> None:
    """At every moment of a call that makes a context: the next call works, and no number is missing."""
    for tick in range(12):
        wire, one = Wire(server(FakeAcceptor(rounds=3), seq_window=1), reply_delay=1), flavor()
        with trio.move_on_after(tick / 2 + 0.25):
            for _ in range(3):
                await wire.call(one)
        assert await wire.call(one) == b"gnip"
        assert one.context is not None
        assert one.context.window.unanswered == 0


async def test_every_bit_of_the_init_reply() -> None:
    """The context fails, or it is the right one; a handle is not signed, so a wrong one only finds no context."""
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    reply = wire.replies[0]
    for position in range(12, len(reply)):
        for bit in range(8):
            bent = reply[:position] + bytes([reply[position] ^ 1 << bit]) + reply[position + 1 :]
            victim = Wire(server(), incoming=lambda _, bent=bent: bent)  # type: ignore[misc]
            client = flavor()
            try:
                await client.transmit(HEADER, (b"",), victim)
            except (AuthenticationFailed, ProgramUnavailable, ProgramMismatch, BadMessage):
                continue
            context = client.context
            assert context is not None
            assert context.window.size == 512


async def test_an_empty_window_signed_by_the_server() -> None:
    one = server()
    object.__setattr__(one._creation._host, "seq_window", 0)
    with pytest.raises(AuthenticationFailed, match="window"):
        await Wire(one).call(flavor())


async def test_the_handle_does_not_change_in_mid_creation() -> None:
    wire = Wire(server(FakeAcceptor(rounds=2)))
    replies = iter([bytes, spoil_result(handle=b"another handle")])
    wire.incoming = lambda reply: next(replies)(reply)
    with pytest.raises(AuthenticationFailed, match="changes the handle"):
        await wire.call(flavor())


@pytest.mark.parametrize(
    ("missing", "options"),
    [
        (GssFlag.MUTUAL, {}),
        (GssFlag.INTEG, {}),
        (GssFlag.INTEG, {"service": GssService.NONE}),
        (GssFlag.CONF, {}),
        (GssFlag.DELEG, {"delegate": True}),
    ],
)
async def test_nothing_weaker_than_demanded(missing: GssFlag, options: dict[str, Any]) -> None:
    wire, one = Wire(server()), flavor(FakeProvider(allowed=~missing), **options)
    with pytest.raises(AuthenticationFailed):
        await wire.call(one)
    assert 0 not in procedures(wire)


async def test_what_is_not_demanded_may_be_missing() -> None:
    provider = FakeProvider(flags=GssFlag.INTEG, allowed=GssFlag.INTEG)
    one = flavor(provider, mutual=False, service=GssService.INTEGRITY)
    assert await Wire(server()).call(one) == b"gnip"


async def test_the_demanded_mechanism_and_no_other() -> None:
    assert await Wire(server()).call(flavor(mechanism=FAKE)) == b"gnip"
    with pytest.raises(AuthenticationFailed, match="mechanism"):
        await Wire(server()).call(flavor(mechanism="1.2.3"))


async def test_octets_behind_the_init_result_are_tolerated() -> None:
    wire = Wire(server())
    wire.incoming = lambda reply: reply + bytes(16) if len(wire.replies) == 1 else reply
    assert await wire.call(flavor()) == b"gnip"


async def test_why_the_mechanism_fails_is_told() -> None:
    provider = FakeProvider()
    provider.error = GssError(0x00070000, 5, "run kinit")
    one = flavor(provider)
    seen = kinds(one)
    with pytest.raises(AuthenticationFailed, match="nfs@server: run kinit"):
        await Wire(server()).call(one)
    assert seen == [ClientEventKind.FAILED]
    provider.error = None
    assert await Wire(server(), serial=2).call(one) == b"gnip"


async def test_why_the_server_refuses_is_told() -> None:
    acceptor = FakeAcceptor()
    acceptor.error = GssError(0x000D0000, 31, "decrypt failed")
    with pytest.raises(AuthenticationFailed, match="0xd0000, minor 31"):
        await Wire(server(acceptor)).call(flavor())


async def test_a_silent_server(autojump_clock: trio.abc.Clock) -> None:
    wire = Wire(server(), reply_delay=100)
    with pytest.raises(AuthenticationFailed, match="does not answer"):
        await wire.call(flavor(patience=30))
    assert trio.current_time() < 60


def answering(answer: Callable[[int], bytes]) -> Callable[[bytes], bytes]:
    return lambda reply: answer(int.from_bytes(reply[:4], "big"))


@pytest.mark.parametrize("refusal", [ProgramUnavailable("no"), ProgramMismatch(2, 3)])
async def test_a_program_that_is_not_there(refusal: Any) -> None:
    wire = Wire(server(), incoming=answering(lambda xid: encode_not_executed(xid, NULL_AUTH, refusal)))
    with pytest.raises(type(refusal)) as caught:
        await wire.call(flavor())
    assert caught.value.received  # a server that is a client here does not pass it on as its own


async def test_a_refusal_in_plain_words() -> None:
    class Knowing(FakeProvider):
        def refusal(self, major: int, minor: int) -> str:
            return f"it says {major:#x} and {minor}"

    acceptor = FakeAcceptor()
    acceptor.error = GssError(0x000D0000, 31, "no")
    with pytest.raises(AuthenticationFailed, match="it says 0xd0000 and 31"):
        await Wire(server(acceptor)).call(flavor(Knowing()))


async def test_another_status_than_success() -> None:
    wire = Wire(server(), incoming=answering(lambda xid: encode_not_executed(xid, NULL_AUTH, ServerFault("x"))))
    with pytest.raises(AuthenticationFailed, match="SYSTEM_ERR"):
        await wire.call(flavor())


@pytest.mark.parametrize("stat", [auth_stat.AUTH_BADCRED, auth_stat.AUTH_FAILED, auth_stat.AUTH_TOOWEAK])
async def test_a_refused_init_fails_at_once(stat: auth_stat) -> None:
    wire = Wire(server(), incoming=answering(lambda xid: encode_denied(xid, AuthRefused(stat))))
    with pytest.raises(AuthenticationFailed, match=stat.name):
        await wire.call(flavor())
    assert not wire.abandoned


@pytest.mark.parametrize("stat", [CTXPROBLEM, auth_stat.AUTH_REJECTEDCRED])
async def test_a_refused_init_is_tried_once_on_another_connection(stat: auth_stat) -> None:
    """Some servers keep contexts by connection, and take one connection for another."""
    refuse = answering(lambda xid: encode_denied(xid, AuthRefused(stat)))
    one, first, second = flavor(), Wire(server(), incoming=refuse), Wire(server(), serial=2, incoming=refuse)
    with pytest.raises(ConnectionLost):
        await first.call(one)
    assert first.abandoned
    with pytest.raises(AuthenticationFailed, match=stat.name):
        await second.call(one)
    assert not second.abandoned
    assert await Wire(server(), serial=3).call(one) == b"gnip"


# Single flight


async def test_fifty_calls_make_one_context(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server(), reply_delay=1), flavor()
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(wire.call, one)
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 1
    assert trio.current_time() < 3


async def test_fifty_calls_share_one_failure(autojump_clock: trio.abc.Clock) -> None:
    provider, failures = FakeProvider(), []
    provider.error = GssError(0x000D0000, 1, "no KDC")
    one = flavor(provider)

    async def call(wire: Wire) -> None:
        try:
            await wire.call(one)
        except AuthenticationFailed as failure:
            failures.append(str(failure))

    wire = Wire(server())
    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(call, wire)
    assert len(failures) == 50
    assert len(provider.initiated) == 1


async def test_a_cancelled_leader_is_followed_by_another(autojump_clock: trio.abc.Clock) -> None:
    wire, one, results = Wire(server(), reply_delay=10), flavor(), []

    async def call(patience: float) -> None:
        with trio.move_on_after(patience):
            results.append(await wire.call(one))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, 5)
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(5):
            nursery.start_soon(call, 1000)
    assert results == [b"gnip"] * 5
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 2


async def test_a_connection_that_breaks_in_mid_creation(autojump_clock: trio.abc.Clock) -> None:
    """Those who came with a newer connection go on; those on the same learn of it."""
    one = flavor()
    first, second = Wire(server(), reply_delay=5), Wire(server(), serial=2)
    lost, results = [], []

    async def on_first() -> None:
        try:
            await first.call(one)
        except ConnectionLost:
            lost.append(1)

    def break_(reply: bytes) -> bytes:
        raise ConnectionLost("broken")

    first.incoming = break_

    async def on_second() -> None:
        results.append(await second.call(one))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(on_first)
        nursery.start_soon(on_first)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(on_second)
    assert len(lost) == 2
    assert results == [b"gnip"]


# Replies


async def opened(reply: bytes, transmission: Any) -> Any:
    parsed = parse_reply_untrusted(reply)
    assert isinstance(parsed, AcceptedReply)
    return bytes(await transmission.open(parsed))


async def transmitted(one: GssFlavor, wire: Wire) -> GssTransmission:
    transmission = await one.transmit(HEADER, (b"",), wire)
    assert isinstance(transmission, GssTransmission)
    return transmission


async def sent(one: GssFlavor, wire: Wire, arguments: bytes = b"ping") -> tuple[Any, bytes]:
    """A transmission and the server's reply to it."""
    transmission = await one.transmit(HEADER, (arguments,), wire)
    reply = await serve(wire.server, message(transmission))
    assert reply is not None
    return transmission, reply


@pytest.mark.parametrize("service", GssService)
async def test_a_success_needs_a_valid_verifier(service: GssService) -> None:
    wire, one = Wire(server()), flavor(service=service)
    transmission, reply = await sent(one, wire)
    parsed = parse_reply_untrusted(reply)
    assert isinstance(parsed, AcceptedReply)
    assert bytes(await transmission.open(parsed)) == b"gnip"
    for verifier in (NULL_AUTH, opaque_auth(6, b""), opaque_auth(6, bytes(16)), opaque_auth(1, b"")):
        with pytest.raises(BadVerifier):
            await opened(encode_success(99, verifier) + bytes(parsed.body), transmission)


async def test_replies_belong_to_their_own_transmission() -> None:
    """Late replies to an earlier transmission verify with that one only, also when nobody waits for it."""
    wire, one = Wire(server()), flavor()
    first, first_reply = await sent(one, wire)
    second, second_reply = await sent(one, wire, b"pong")
    first.finished()
    assert await opened(first_reply, first) == b"gnip"
    assert await opened(second_reply, second) == b"gnop"
    for transmission, reply in ((first, second_reply), (second, first_reply)):
        with pytest.raises(BadVerifier):
            await opened(reply, transmission)


@pytest.mark.parametrize("service", [GssService.INTEGRITY, GssService.PRIVACY])
async def test_results_that_were_tampered_with(service: GssService) -> None:
    wire, one = Wire(server()), flavor(service=service)
    transmission, reply = await sent(one, wire)
    _, other_reply = await sent(one, wire)
    body_at = len(reply) - len(parse_reply_untrusted(reply).body)  # type: ignore[union-attr]
    spoiled = [reply[:i] + bytes([reply[i] ^ 1]) + reply[i + 1 :] for i in range(body_at, len(reply))]
    spoiled += [reply + bytes(4), reply[:-4], reply[:body_at], reply[:body_at] + other_reply[body_at:]]
    for one_reply in spoiled:
        with pytest.raises(BadReply):
            await opened(one_reply, transmission)


@pytest.mark.parametrize("verifier", [NULL_AUTH, opaque_auth(6, b"mac of another number"), opaque_auth(1, b"")])
async def test_a_refusal_may_have_a_null_verifier_but_not_a_wrong_one(verifier: opaque_auth) -> None:
    transmission, _ = await sent(flavor(), Wire(server()))
    reply = encode_not_executed(99, verifier, ServerFault("x"))
    if verifier == NULL_AUTH:
        assert await opened(reply, transmission) == b""
    else:
        with pytest.raises(BadVerifier):
            await opened(reply, transmission)


async def test_garbage_arguments_with_a_valid_verifier() -> None:
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    wire.outgoing = lambda call: call + bytes(4)
    with pytest.raises(Failed, match="4"):
        await wire.call(one)


# Losses


@pytest.mark.parametrize("stat", [CREDPROBLEM, CTXPROBLEM])
async def test_a_lost_context_is_made_again(stat: auth_stat, autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    seen = kinds(one)
    denials = iter([encode_denied(0, AuthRefused(stat))])
    wire.incoming = lambda reply: next(denials, reply)
    assert await wire.call(one) == b"gnip"
    assert seen == [ClientEventKind.LOST, ClientEventKind.RECOVERED]
    assert (one.counters.lost, one.counters.by_exchange) == (1, 2)


@pytest.mark.parametrize("stat", [auth_stat.AUTH_TOOWEAK, auth_stat.AUTH_BADCRED, auth_stat.AUTH_REJECTEDCRED, 99])
async def test_other_denials_end_the_call_and_not_the_context(stat: int) -> None:
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    wire.incoming = lambda reply: encode_denied(0, AuthRefused(stat))
    with pytest.raises(AuthRefused):
        await wire.call(one)
    wire.incoming = bytes
    await wire.call(one)
    assert one.counters.by_exchange == 1


async def test_a_hundred_refused_calls_make_one_context(autojump_clock: trio.abc.Clock) -> None:
    one = flavor()
    wire = Wire(server(), reply_delay=1)
    await wire.call(one)
    wire.server.store.drop_all(0)
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(wire.call, one)
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 2
    assert one.counters.lost == 1


async def test_calls_in_flight_end_on_the_old_context() -> None:
    """A forged denial of one call costs the others nothing."""
    wire, one = Wire(server()), flavor()
    in_flight = [await sent(one, wire, bytes([65 + number])) for number in range(3)]
    assert await one.refused(in_flight[0][0], AuthRefused(CREDPROBLEM), wire)
    assert await wire.call(one) == b"gnip"
    assert [await opened(reply, transmission) for transmission, reply in in_flight] == [b"A", b"B", b"C"]
    # A late denial of a context that was replaced long ago changes nothing.
    current = one.context
    assert await one.refused(in_flight[1][0], AuthRefused(CREDPROBLEM), wire)
    assert one.context is current
    assert one.counters.lost == 1


@pytest.mark.parametrize("policy", [DropPolicy(every=7), DropPolicy(every=1), DropPolicy(probability=0.2, seed=1)])
async def test_fifty_calls_through_losses(policy: DropPolicy, autojump_clock: trio.abc.Clock) -> None:
    one, results = flavor(), []
    if policy.every == 1:
        policy = DropPolicy(every=2)  # each second call: hardly any context lives to see its second
    wire = Wire(server(store=ContextStore(drop_policy=policy)), reply_delay=0.5)

    async def calls(number: int) -> None:
        for _ in range(4):
            text = f"call {number}".encode()
            results.append(await wire.call(one, text, tries=1000) == text[::-1])

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(calls, number)
    assert results == [True] * 200
    counters = wire.server.store.counters
    assert counters.dropped > 5
    # The last loss may have met the last call: then nobody was refused by it.
    assert counters.dropped - one.counters.lost in (0, 1)
    assert counters.established_by_exchange == one.counters.by_exchange


async def test_time_to_recover_runs_from_the_first_denial(autojump_clock: trio.abc.Clock) -> None:
    events: list[ClientEvent] = []
    wire, one = Wire(server(), reply_delay=2), flavor()
    one.events.append(events.append)
    await wire.call(one)
    wire.server.store.drop_all(0)
    await wire.call(one)
    assert [event.kind.value for event in events] == ["established", "lost", "recovered"]
    assert events[2].seconds == pytest.approx(2)
    assert events[2].origin is Origin.EXCHANGE


# The window


async def test_no_number_laps_an_unanswered_one(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server(seq_window=3)), flavor()
    flying = [await transmitted(one, wire) for _ in range(3)]
    assert [transmission.number for transmission in flying] == [1, 2, 3]
    got: list[int] = []

    async def next_one() -> None:
        got.append((await transmitted(one, wire)).number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(next_one)
        nursery.start_soon(next_one)
        nursery.start_soon(next_one)
        await trio.testing.wait_all_tasks_blocked()
        flying[1].finished()
        flying[2].finished()
        await trio.testing.wait_all_tasks_blocked()
        assert got == []  # two are free, and still 1 is unanswered
        flying[0].finished()
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(got) == [4, 5, 6]
        nursery.cancel_scope.cancel()


async def test_a_cancelled_call_gives_its_number_back(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server(seq_window=1)), flavor()
    first = await one.transmit(HEADER, (b"",), wire)
    with trio.move_on_after(1) as scope:
        await one.transmit(HEADER, (b"",), wire)
    assert scope.cancelled_caught
    first.finished()
    first.finished()
    assert await wire.call(one) == b"gnip"


@pytest.mark.parametrize("service", GssService)
async def test_at_once_or_not_at_all(service: GssService) -> None:
    """`transmit_now` is `transmit` where there is nothing to wait for; else nothing has happened."""
    wire, one = Wire(server(seq_window=2)), flavor(service=service)
    assert one.transmit_now(HEADER, (b"ping",), wire) is None  # there is no context
    assert not wire.calls
    await wire.call(one)
    context = one.context
    assert context is not None
    transmission = one.transmit_now(HEADER, (b"ping",), wire)
    assert isinstance(transmission, GssTransmission)
    reply = await wire.send(message(transmission))
    assert isinstance(reply, AcceptedReply)
    assert await transmission.open(reply) == b"gnip"
    other = one.transmit_now(HEADER, (b"",), wire)
    assert other is not None
    assert one.transmit_now(HEADER, (b"",), wire) is None  # the window is full
    transmission.finished()
    other.finished()
    later = Wire(wire.server, serial=2)
    assert one.transmit_now(HEADER, (b"",), later) is None  # whose numbers are to be given up first
    if service is not GssService.NONE:
        assert one.transmit_now(HEADER, (bytes(100_000),), wire) is None  # which is for a thread
    context.guard._visitor = object()
    assert one.transmit_now(HEADER, (b"",), wire) is None  # somebody is inside
    context.guard._visitor = None
    assert context.window.unanswered == 0
    context.protection.used_up = True  # type: ignore[attr-defined]
    assert one.transmit_now(HEADER, (b"",), wire) is None
    assert one.context is context


async def test_what_cannot_be_protected_at_once_gives_its_number_back() -> None:
    wire, one = Wire(server()), flavor(service=GssService.PRIVACY)
    await wire.call(one)
    context = one.context
    assert context is not None
    context.protection._encrypts = False  # type: ignore[attr-defined]
    with pytest.raises(AuthenticationFailed, match="cannot be protected"):
        one.transmit_now(HEADER, (b"",), wire)
    assert context.window.unanswered == 0


async def test_a_new_connection_is_not_held_up_by_the_old_ones_numbers() -> None:
    one, shared = flavor(), server(seq_window=2)
    first, second = Wire(shared), Wire(shared, serial=2)
    for _ in range(2):
        await one.transmit(HEADER, (b"",), first)
    assert await second.call(one) == b"gnip"
    assert procedures(second) == [0]  # the context is still good


async def test_those_who_wait_for_a_lost_context_go_to_the_new_one(autojump_clock: trio.abc.Clock) -> None:
    wire, one, results = Wire(server(seq_window=1)), flavor(), []
    stuck = await one.transmit(HEADER, (b"",), wire)

    async def call() -> None:
        results.append(await wire.call(one))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        assert await one.refused(stuck, AuthRefused(CTXPROBLEM), wire)
    assert results == [b"gnip"] * 5
    assert one.counters.by_exchange == 2


async def test_numbers_and_keys_that_are_used_up() -> None:
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    assert one.context is not None
    one.context.window._next = one.context.window._last
    await wire.call(one)
    await wire.call(one)
    assert one.counters.by_exchange == 2
    one.context.protection.used_up = True  # type: ignore[attr-defined]
    assert await wire.call(one) == b"gnip"
    assert one.counters.by_exchange == 3
    assert one.counters.lost == 0


# The end of a context's life


async def test_renewed_before_it_expires(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor(FakeProvider(lifetime=1000))
    seen = kinds(one)
    await wire.call(one)
    await trio.sleep(890)
    await wire.call(one)
    assert seen == [ClientEventKind.ESTABLISHED]
    await trio.sleep(20)
    await wire.call(one)
    assert seen == [ClientEventKind.ESTABLISHED, ClientEventKind.RENEWED]
    assert one.counters.renewed == 1


async def test_calls_do_not_wait_for_a_renewal(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor(FakeProvider(lifetime=1000))
    await wire.call(one)
    await trio.sleep(950)
    wire.reply_delay = 5
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.call, one)
        await trio.testing.wait_all_tasks_blocked()
        number = (await transmitted(one, wire)).number
        assert number == 2  # at once, on the old context


async def test_a_renewal_that_fails_leaves_the_old_context(autojump_clock: trio.abc.Clock) -> None:
    provider = FakeProvider(lifetime=1000)
    wire, one = Wire(server()), flavor(provider)
    await wire.call(one)
    await trio.sleep(950)
    provider.error = GssError(0x000D0000, 1, "no KDC")
    assert await wire.call(one) == b"gnip"
    assert await wire.call(one) == b"gnip"
    assert len(provider.initiated) == 2  # and not again for a while
    await trio.sleep(50)
    with pytest.raises(AuthenticationFailed, match="no KDC"):
        await wire.call(one)


@pytest.mark.parametrize("refusal", [ProgramUnavailable("no"), ServerFault("x"), AuthRefused(auth_stat.AUTH_FAILED)])
async def test_a_renewal_that_the_server_refuses_costs_no_call(refusal: Any, autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor(FakeProvider(lifetime=1000))
    await wire.call(one)
    await trio.sleep(950)
    spoil = answering(
        lambda xid: (
            encode_denied(xid, refusal)
            if isinstance(refusal, AuthRefused)
            else encode_not_executed(xid, NULL_AUTH, refusal)
        )
    )
    wire.incoming = lambda reply: spoil(reply) if procedures(wire)[-1] == RPCSEC_GSS_INIT else reply
    assert await wire.call(one) == b"gnip"
    assert procedures(wire) == [RPCSEC_GSS_INIT, 0, RPCSEC_GSS_INIT, 0]


async def test_credentials_that_have_expired() -> None:
    with pytest.raises(AuthenticationFailed, match="expired"):
        await Wire(server()).call(flavor(FakeProvider(lifetime=0)))


async def test_an_expired_context_is_not_used(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor(FakeProvider(lifetime=1000))
    await wire.call(one)
    await trio.sleep(2000)
    wire.calls.clear()
    await wire.call(one)
    assert procedures(wire) == [1, 0]


async def test_a_context_that_expires_while_its_window_is_full_is_not_used(autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server(seq_window=1)), flavor(FakeProvider(lifetime=1000))
    slow = await transmitted(one, wire)
    old, results = one.context, []

    async def call() -> None:
        results.append(await wire.call(one))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await trio.sleep(2000)
        wire.calls.clear()
        slow.finished()
    assert results == [b"gnip"]
    assert procedures(wire) == [RPCSEC_GSS_INIT, 0]
    assert old is not None
    assert old.window.unanswered == 0


async def test_close_destroys() -> None:
    wire, one = Wire(server()), flavor()
    await wire.call(one)
    await one.aclose(wire)
    assert procedures(wire)[-1] == RPCSEC_GSS_DESTROY
    assert wire.server.store.counters.destroyed == 1
    await one.aclose(wire)
    assert procedures(wire).count(RPCSEC_GSS_DESTROY) == 1


@pytest.mark.parametrize("how", ["no connection", "lost", "silent", "never used"])
async def test_close_insists_on_nothing(how: str, autojump_clock: trio.abc.Clock) -> None:
    wire, one = Wire(server()), flavor()
    if how != "never used":
        await wire.call(one)
    if how == "lost":
        wire.abandon()
    wire.reply_delay = 1e6 if how == "silent" else 0
    await one.aclose(None if how == "no connection" else wire)
    assert trio.current_time() < 1e5


# The seam for tickets


class Extension(ClientExtension):
    """Recovers with what the test puts into `contexts`; a no when that is empty."""

    def __init__(self) -> None:
        self.contexts: list[ClientContext] = []
        self.grants: list[tuple[bytes, Establishment]] = []
        self.carried: list[bool] = []
        self.recoveries = 0
        self.retry: float | None = None
        self.fails = False
        self.closings = 0

    def offer(self, demands: Demands, link: Link, *, carried_context: bool) -> int:
        self.carried.append(carried_context)
        return 0x46524131

    async def receive_grant(
        self, trailing: memoryview, establishment: Establishment, demands: Demands, link: Link
    ) -> None:
        if self.fails:
            raise RuntimeError("the store is broken")
        self.grants.append((bytes(trailing), establishment))

    async def recover(self, program: int, version: int, demands: Demands, link: Link) -> ClientContext | None:
        self.recoveries += 1
        await trio.lowlevel.checkpoint()
        return self.contexts.pop(0) if self.contexts else None

    def retry_at(self, demands: Demands, link: Link) -> float | None:
        return self.retry

    def closed(self, demands: Demands) -> None:
        self.closings += 1


def recovered(one: GssServerFlavor, *, flags: GssFlag = EVERYTHING, expiry: float | None = None) -> ClientContext:
    """A context that both ends have without an exchange."""
    handle, names = one.store.new_handle(), {"initiator": fake_name("alice@FAKE"), "acceptor": fake_name("nfs@server")}
    common = names | {"handle": handle, "mechanism": FAKE, "flags": flags, "origin": Origin.TICKET}
    one.store.add_unconfirmed(
        Context(
            protection=FakeProtection(handle, initiator=False, encrypts=True),
            window=ReceiveWindow(1024),
            established=0,
            expiry=None,
            **common,  # type: ignore[arg-type]
        ),
        trio.current_time(),
    )
    protection = FakeProtection(handle, initiator=True, encrypts=True)
    return ClientContext(protection=protection, seq_window=512, made=0, expiry=expiry, **common)  # type: ignore[arg-type]


async def test_offer_and_grant() -> None:
    extension = Extension()
    wire, one = Wire(server(FakeAcceptor(rounds=2))), flavor(extension=extension)
    wire.incoming = lambda reply: reply + b"grant" if len(wire.replies) == 2 else reply
    await wire.call(one)
    credentials = [parse_credential_untrusted(parse_call_untrusted(call).credential.body) for call in wire.calls[:2]]
    assert [credential.seq_num for credential in credentials] == [0x46524131] * 2
    ((trailing, establishment),) = extension.grants
    assert trailing == b"grant"
    acceptor = wire.server._creation._acceptor.accepted[0]  # type: ignore[attr-defined]
    assert list(establishment.tokens) == acceptor.transcript
    assert establishment.handle == one.context.handle  # type: ignore[union-attr]
    assert establishment.lifetime == 36000
    assert extension.recoveries == 1  # asked first, also the first time
    await one.aclose(wire)
    assert extension.closings == 1


async def test_whether_the_connection_carried_a_context() -> None:
    extension = Extension()
    shared, one = server(), flavor(extension=extension)
    first, second = Wire(shared), Wire(shared, serial=2)
    for wire in (first, first, second):
        await wire.call(one)
        shared.store.drop_all(0)
    await second.call(one)
    # The context was last used on the second connection when it had to be made again there.
    assert extension.carried == [False, True, True, True]


async def test_the_next_clients_connections_have_carried_nothing_yet() -> None:
    extension = Extension()
    shared, one = server(), flavor(extension=extension)
    for wire in (Wire(shared), Wire(shared)):
        await wire.call(one)
        await one.aclose(wire)
    assert extension.carried == [False, False]


async def test_a_grant_that_cannot_be_kept_costs_no_context() -> None:
    extension = Extension()
    extension.fails = True
    assert await Wire(server()).call(flavor(extension=extension)) == b"gnip"


async def test_recovery_without_an_exchange(autojump_clock: trio.abc.Clock) -> None:
    extension = Extension()
    events: list[ClientEvent] = []
    wire, one = Wire(server(), reply_delay=1), flavor(extension=extension)
    one.events.append(events.append)
    await wire.call(one)
    wire.server.store.drop_all(0)
    extension.contexts = [recovered(wire.server)]
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(wire.call, one)
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 1
    assert extension.recoveries == 2
    assert (one.counters.by_exchange, one.counters.by_ticket, one.counters.lost) == (1, 1, 1)
    assert [(event.kind.value, event.origin) for event in events] == [
        ("established", Origin.EXCHANGE),
        ("lost", Origin.EXCHANGE),
        ("recovered", Origin.TICKET),
    ]
    assert wire.server.store.counters.established_by_ticket == 1


async def test_a_no_means_a_full_exchange() -> None:
    extension = Extension()
    wire, one = Wire(server()), flavor(extension=extension)
    await wire.call(one)
    wire.server.store.drop_all(0)
    assert await wire.call(one) == b"gnip"
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 2


async def test_a_recovered_context_that_is_weaker_than_demanded_is_not_used() -> None:
    extension = Extension()
    wire, one = Wire(server()), flavor(extension=extension)
    extension.contexts = [recovered(wire.server, flags=GssFlag.INTEG | GssFlag.MUTUAL)]
    assert await wire.call(one) == b"gnip"
    assert procedures(wire).count(RPCSEC_GSS_INIT) == 1


async def test_a_recovered_context_that_has_expired_is_not_used(autojump_clock: trio.abc.Clock) -> None:
    extension = Extension()
    wire, one = Wire(server()), flavor(extension=extension)
    extension.contexts = [recovered(wire.server, expiry=trio.current_time())]
    assert await wire.call(one) == b"gnip"
    assert one.counters.by_ticket == 0


async def test_when_both_fail_the_calls_wait_for_another_connection(autojump_clock: trio.abc.Clock) -> None:
    extension, provider = Extension(), FakeProvider()
    provider.error = GssError(0x000D0000, 1, "no KDC")
    one, shared = flavor(provider, extension=extension), server()
    first, second = Wire(shared), Wire(shared, serial=2)
    lost = []

    async def call() -> None:
        try:
            await first.call(one)
        except ConnectionLost as failure:
            lost.append((trio.current_time(), str(failure)))

    start = trio.current_time()
    extension.retry = start + 4
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(call)
    assert [at - start for at, _ in lost] == [4] * 10
    assert all("no KDC" in text for _, text in lost)
    assert first.abandoned
    extension.contexts = [recovered(shared)]
    assert await second.call(one) == b"gnip"


async def test_when_both_fail_for_good_the_calls_fail() -> None:
    extension, provider = Extension(), FakeProvider()
    provider.error = GssError(0x000D0000, 1, "no KDC")
    with pytest.raises(AuthenticationFailed, match="no KDC"):
        await Wire(server()).call(flavor(provider, extension=extension))


def test_demands_are_what_was_asked() -> None:
    one = flavor(delegate=True, credentials=Credentials(principal="alice@FAKE"))
    assert one.demands.required_flags == GssFlag.MUTUAL | GssFlag.INTEG | GssFlag.CONF | GssFlag.DELEG
    assert one.demands.credentials.principal == "alice@FAKE"


def test_what_is_easily_confused_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'krb5p' is not a valid GssService"):
        GssFlavor("nfs@localhost", service="krb5p")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a TicketClient"):
        GssFlavor("nfs@localhost", extension="tickets")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="give a TicketServer"):
        GssServerFlavor(FakeAcceptor(), extension="tickets")  # type: ignore[arg-type]

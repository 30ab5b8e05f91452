"""Whole flavors with a mechanism in memory: what re-authentication does to calls, and what attackers do to it."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

import pytest
import trio
import trio.testing

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.client_events import ClientEventKind
from rpcgss.gss.context import Origin
from rpcgss.gss.errors import GssError
from rpcgss.gss.provider import GssFlag, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.reauth.attempt import CREDENTIAL_BODY
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.errors import NoGrant, Reason
from rpcgss.reauth.reauth_xdr import FRA1
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, ConnectionLost
from rpcgss.rpc.messages import CallHeader
from rpcgss.rpc.work import InlineWorker
from tests.gss.fake_mechanism import FakeAcceptor, FakeAcceptorContext, FakeProvider
from tests.gss.wire import PROCEDURE, PROGRAM, VERSION, Dropped, Wire, denial, message, serve

from .harness import fixed_keys

CREDPROBLEM = bytes.fromhex("00000001 00000001 00000001 0000000d")
CTXPROBLEM = bytes.fromhex("00000001 00000001 00000001 0000000e")
REJECTEDCRED = bytes.fromhex("00000001 00000001 00000001 00000002")
services = pytest.mark.parametrize("service", list(GssService))


class Ends:
    """A client's flavor and a server's, with tickets on either end."""

    def __init__(self, *, service: GssService = GssService.PRIVACY, rounds: int = 1, upgrade: bool = False) -> None:
        self.provider = FakeProvider()
        self.acceptor = FakeAcceptor(rounds=rounds)
        self.client_tickets = TicketClient(upgrade=upgrade)
        self.flavor = GssFlavor(
            "nfs@server",
            service=service,
            provider=self.provider,
            worker=InlineWorker(),
            extension=self.client_tickets,
        )
        self.restart()

    def restart(self) -> None:
        """The server forgets everything but its keyring."""
        self.server_tickets = TicketServer(fixed_keys())
        self.server = GssServerFlavor(self.acceptor, worker=InlineWorker(), extension=self.server_tickets)

    def wire(self, serial: int = 1) -> Wire:
        return Wire(self.server, serial=serial)

    @property
    def context(self) -> ClientContext:
        assert self.flavor.context is not None
        return self.flavor.context

    @property
    def made(self) -> tuple[int, int]:
        return self.flavor.counters.by_exchange, self.flavor.counters.by_ticket


def lose(ends: Ends) -> None:
    ends.server.store.drop_all(trio.current_time())


def bent(call: bytes) -> bytes:
    """With its last bit turned over: of a request, that is its authenticator's."""
    return call[:-1] + bytes((call[-1] ^ 1,))


def is_request(call: bytes) -> bool:
    return CREDENTIAL_BODY in call


@services
@pytest.mark.parametrize("rounds", [1, 2, 3])
async def test_recovery_whatever_the_number_of_tokens(service: GssService, rounds: int) -> None:
    ends = Ends(service=service, rounds=rounds)
    wire = ends.wire()
    for _ in range(3):
        assert await wire.call(ends.flavor, b"abc") == b"cba"
        lose(ends)
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (1, 3)
    assert ends.server_tickets.counters.reauthenticated == 3
    assert ends.context.origin is Origin.TICKET


async def test_the_smaller_lifetime_counts() -> None:
    ends = Ends()  # 36000 seconds at the initiator's end, 36300 at the acceptor's
    wire = ends.wire()
    await wire.call(ends.flavor)
    first = ends.context.expiry
    lose(ends)
    await wire.call(ends.flavor)
    assert first is not None
    assert ends.context.expiry is not None
    assert ends.context.expiry <= first + 1


async def test_a_reauthenticated_connection_offers_again() -> None:
    ends = Ends()
    await ends.wire().call(ends.flavor)
    lose(ends)
    wire = ends.wire(serial=2)
    await wire.call(ends.flavor)
    assert ends.client_tickets.offer(ends.flavor.demands, wire, carried_context=True) == FRA1


async def test_case_16_a_mechanism_without_prf(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_self: object, _label: bytes, _length: int) -> bytes:
        raise GssError(16 << 16, 0, "no PRF")

    monkeypatch.setattr(FakeAcceptorContext, "prf", none)
    ends = Ends()
    wire = ends.wire()
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.server_tickets.counters.not_granted == 1
    lose(ends)
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (2, 0)


async def test_case_03_a_chosen_key_makes_no_common_session_key() -> None:
    """An acceptor gives two clients' contexts the same key. Their tokens differ, so their session keys do."""
    both = [Ends(), Ends()]
    both[1].provider.name = "mallory@FAKE"
    session_keys = set()
    for ends in both:
        ends.acceptor.chosen_key = b"k" * 32
        await ends.wire().call(ends.flavor)
        assert ends.acceptor.accepted[0].key == b"k" * 32
        ticket = ends.client_tickets._flavor(ends.flavor.demands).ticket
        assert ticket is not None
        session_keys.add(ticket.session_key)
    assert len(session_keys) == 2


@pytest.mark.parametrize("forged", [CREDPROBLEM, CTXPROBLEM])
async def test_case_09_a_forged_denial_costs_one_recovery(forged: bytes) -> None:
    ends = Ends()
    wire = ends.wire()
    await wire.call(ends.flavor)
    left = 1

    def once(reply: bytes) -> bytes:
        nonlocal left
        left -= 1
        return reply[:4] + forged if left == 0 else reply

    wire.incoming = once
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (1, 1)
    assert ends.server.store.established == 2  # nobody's context was evicted: the old one expires by itself
    xids = [call[:4] for call in wire.calls if not is_request(call)]
    assert xids[-1] == xids[-2]  # sent again under its own xid


async def test_case_09_forged_denials_without_end_are_bounded() -> None:
    ends = Ends()
    wire = ends.wire()
    await wire.call(ends.flavor)
    wire.incoming = lambda reply: reply if is_request(wire.calls[-1]) else reply[:4] + CREDPROBLEM
    with pytest.raises(AuthRefused):
        await wire.call(ends.flavor, tries=8)
    assert ends.made == (1, 7)  # by ticket each time: a denial of calls says nothing about the ticket
    assert len(wire.calls) == 17


@pytest.mark.parametrize("forged", [CREDPROBLEM, REJECTEDCRED])
async def test_case_09_when_all_control_messages_are_denied_the_ticket_is_kept(
    forged: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    ends = Ends()
    await ends.wire().call(ends.flavor)
    lose(ends)
    for serial in range(2, 6):
        wire = ends.wire(serial)
        calls = wire.calls
        wire.incoming = lambda reply, calls=calls: reply if any(calls[-1][20:24]) else reply[:4] + forged  # type: ignore[misc]
        with pytest.raises(ConnectionLost):
            await wire.call(ends.flavor)
        assert len(wire.calls) <= 3
    await trio.sleep(300)
    assert await ends.wire(9).call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (1, 1)


async def test_case_10_without_a_kdc_after_a_no_calls_wait_for_the_ticket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ends = Ends()
    await ends.wire().call(ends.flavor)
    lose(ends)
    ends.provider.error = GssError(13 << 16, 0, "no KDC")
    for serial, wait in ((2, 1.0), (3, 2.0), (4, 4.0)):
        wire = ends.wire(serial)
        wire.outgoing = lambda call: bent(call) if is_request(call) else call
        began = trio.current_time()
        with pytest.raises(ConnectionLost):
            await wire.call(ends.flavor)
        assert trio.current_time() - began == wait
        assert wire.abandoned
    assert await ends.wire(5).call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (1, 1)


async def test_case_10_without_a_ticket_it_fails_at_once() -> None:
    ends = Ends()
    ends.provider.error = GssError(13 << 16, 0, "no KDC")
    with pytest.raises(AuthenticationFailed, match="no KDC"):
        await ends.wire().call(ends.flavor)


async def test_case_10_silence_leads_to_a_full_exchange(autojump_clock: trio.testing.MockClock) -> None:
    ends = Ends()
    wire = ends.wire()
    await wire.call(ends.flavor)
    lose(ends)
    exchange = wire.exchange

    async def deaf(*arguments: object, **options: object) -> object:
        before = len(wire.calls)
        result = await exchange(*arguments, **options)  # type: ignore[arg-type]
        if is_request(wire.calls[before]):
            await trio.sleep_forever()
        return result

    wire.exchange = deaf  # type: ignore[method-assign,assignment]
    began = trio.current_time()
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert trio.current_time() == began + 5
    assert ends.made == (2, 0)


@services
async def test_case_21_forged_calls_move_nothing(service: GssService) -> None:
    ends = Ends(service=service)
    wire = ends.wire()
    await wire.call(ends.flavor)
    lose(ends)
    await wire.call(ends.flavor)
    context = ends.server.store.find(ends.context.handle)
    assert context is not None
    before = (context.window.highest, context.window.seen)
    transmission = await ends.flavor.transmit(CallHeader(77, PROGRAM, VERSION, PROCEDURE), (b"ping",), wire)
    genuine = message(transmission)
    for position in range(4, 52):
        forged = bytearray(genuine)
        forged[position] ^= 1
        reply = await _served(ends.server, bytes(forged))
        assert reply is None or reply[8:12] == b"\0\0\0\1"  # dropped or denied
    for number in (5, 1000, 0x7FFFFFFF):
        forged = bytearray(genuine)
        forged[40:44] = number.to_bytes(4)
        assert denial(await wire.send(bytes(forged))) == 13
        forged[36:40] = (3).to_bytes(4)  # DESTROY
        forged[20:24] = bytes(4)
        assert denial(await wire.send(bytes(forged))) == 13
    assert (context.window.highest, context.window.seen) == before
    assert ends.server.store.find(context.handle) is context
    reply = await serve(ends.server, genuine)
    assert reply is not None
    assert reply[8:12] == bytes(4)
    transmission.finished()


async def _served(server: GssServerFlavor, octets: bytes) -> bytes | None:
    try:
        return await serve(server, octets)
    except Exception as error:  # what is no RPC call any more is for the layer below
        assert type(error).__name__ in ("BadMessage", "RpcMismatch", "AuthRefused")  # noqa: PT017
        return None


async def test_case_05_a_replayed_request_evicts_nothing_and_cannot_be_used() -> None:
    ends = Ends()
    wire = ends.wire()
    await wire.call(ends.flavor)
    lose(ends)
    await wire.call(ends.flavor)
    (request,) = (call for call in wire.calls if is_request(call))
    for _ in range(1000):
        with pytest.raises(Dropped):
            await wire.send(request)
    assert (ends.server.store.established, ends.server.store.unconfirmed) == (1, 0)
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    ends.restart()  # another worker, or this one after a crash: its memory of the request is gone
    fresh = ends.wire(serial=2)
    for _ in range(1000):
        await fresh.send(request)
    assert (ends.server.store.established, ends.server.store.unconfirmed) == (0, 1)


@services
async def test_case_20_octets_of_one_place_in_another(service: GssService) -> None:
    """The grant's octets as a reply's body, and a call's body as a reply's: refused by whoever gets them."""
    ends = Ends(service=GssService.INTEGRITY)
    wire = ends.wire()
    await wire.call(ends.flavor)
    grant = wire.replies[0][-300:]
    transforms: list[Callable[[bytes], bytes]] = [
        lambda reply: reply[:60] + grant,
        lambda reply: reply[: -len(wire.calls[-1][100:])] + wire.calls[-1][100:],
    ]
    for transform in transforms:
        wire.incoming = transform
        with pytest.raises(Exception):  # noqa: B017,PT011  # BadVerifier, BadReply or BadMessage, by where it was cut
            await wire.call(ends.flavor)
    wire.incoming = bytes
    assert await wire.call(ends.flavor, b"abc") == b"cba"


async def test_the_tickets_flags_are_the_first_contexts() -> None:
    ends = Ends()
    await ends.wire().call(ends.flavor)
    before = ends.context.flags
    lose(ends)
    await ends.wire(serial=2).call(ends.flavor)
    assert ends.context.flags == before
    assert GssFlag.MUTUAL in before


async def test_case_15_a_revocation_ends_live_contexts_though_nobody_watches(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ends, ring = Ends(), fixed_keys()
    ends.server_tickets = TicketServer(ring)
    ends.server = GssServerFlavor(ends.acceptor, worker=InlineWorker(), extension=ends.server_tickets)
    wire = ends.wire()
    await wire.call(ends.flavor)
    revoked = int(time.time()) + 1
    ring.present = replace(ring.present, revoked_before=revoked)
    await trio.sleep(1)
    await wire.call(ends.flavor)
    assert ends.server_tickets.counters.revoked == 1
    assert ends.server_tickets.counters.refused == {Reason.REVOKED: 1}
    assert ends.made == (2, 0)
    await trio.sleep(1)
    await wire.call(ends.flavor)
    assert ends.made == (2, 0)


async def test_case_11_a_connection_that_only_used_a_context_made_elsewhere_may_be_offered_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Servers that an offer would hurt have no context but those made on the connection. Without this offer, a client
    that has once connected again would have no tickets after its next renewal."""
    ends = Ends()
    await ends.wire().call(ends.flavor)
    wire = ends.wire(serial=2)
    await wire.call(ends.flavor)
    await trio.sleep(35_500)  # close to the end of the first context
    await wire.call(ends.flavor)
    assert ends.made == (2, 0)
    assert ends.server_tickets.counters.granted == 2


async def test_case_14_after_the_keyring_was_lost_there_are_tickets_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ends = Ends()
    await ends.wire().call(ends.flavor)
    ends.restart()
    ends.server_tickets = TicketServer(fixed_keys(secret=b"n" * 32))
    ends.server = GssServerFlavor(ends.acceptor, worker=InlineWorker(), extension=ends.server_tickets)
    wire = ends.wire(serial=2)
    await wire.call(ends.flavor)
    assert ends.made == (2, 0)
    await trio.sleep(1)
    lose(ends)
    await wire.call(ends.flavor)
    assert ends.made == (2, 1)


async def test_case_11_an_exchange_that_never_began_costs_no_offer() -> None:
    ends = Ends()
    wire = ends.wire()
    ends.provider.error = GssError(0x000D0000, 0, "run kinit")
    with pytest.raises(AuthenticationFailed):
        await wire.call(ends.flavor)
    ends.provider.error = None
    await wire.call(ends.flavor)
    assert ends.server_tickets.counters.granted == 1


# Upgrade at once


@services
async def test_an_upgrade_replaces_the_mechanisms_context_before_its_first_call(service: GssService) -> None:
    ends = Ends(service=service, upgrade=True)
    seen: list[ClientEventKind] = []
    ends.flavor.events.append(lambda event: seen.append(event.kind))
    wire = ends.wire()
    for _ in range(2):
        assert await wire.call(ends.flavor, b"abc") == b"cba"
        assert ends.context.origin is Origin.TICKET
    assert seen == [ClientEventKind.ESTABLISHED, ClientEventKind.UPGRADED]
    assert ends.made == (1, 1)
    assert len(ends.server.store.contexts()) == 2
    await ends.flavor.aclose(wire)
    assert not ends.server.store.contexts()  # DESTROY for both


async def test_recovery_is_not_upgraded_again() -> None:
    ends = Ends(upgrade=True)
    wire = ends.wire()
    await wire.call(ends.flavor)
    lose(ends)
    await wire.call(ends.flavor)
    assert ends.made == (1, 2)
    assert ends.flavor.counters.upgraded == 1


async def test_without_a_ticket_there_is_no_upgrade(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(upgrade=True)
    ends.server = GssServerFlavor(ends.acceptor, worker=InlineWorker())
    wire = ends.wire()
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.context.origin is Origin.EXCHANGE
    assert len(wire.calls) == 2


@pytest.mark.parametrize("trouble", ["no", "forged denial", "silence", "lost"])
async def test_a_failed_upgrade_costs_nothing_but_itself(trouble: str, autojump_clock: trio.testing.MockClock) -> None:
    ends = Ends(upgrade=True)
    wire = ends.wire()
    exchange = wire.exchange

    async def troubled(*arguments: object, **options: object) -> object:
        before = len(wire.calls)
        result = await exchange(*arguments, **options)  # type: ignore[arg-type]
        if is_request(wire.calls[before]):
            if trouble == "silence":
                await trio.sleep_forever()
            if trouble == "lost":
                raise ConnectionLost("cut")
        return result

    wire.exchange = troubled  # type: ignore[method-assign,assignment]
    if trouble == "no":
        wire.outgoing = lambda call: bent(call) if is_request(call) else call
    if trouble == "forged denial":
        wire.incoming = lambda reply: reply[:4] + CREDPROBLEM if is_request(wire.calls[-1]) else reply
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (1, 0)
    assert ends.context.origin is Origin.EXCHANGE
    assert ends.flavor.counters.failures == 0


async def test_a_renewed_context_is_upgraded_too(autojump_clock: trio.testing.MockClock) -> None:
    ends = Ends(upgrade=True)
    wire = ends.wire()
    await wire.call(ends.flavor)
    assert ends.context.expiry is not None
    await trio.sleep_until(ends.context.expiry - 60)
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (2, 2)
    assert ends.context.origin is Origin.TICKET


async def test_a_renewed_context_without_a_ticket_is_not_upgraded_by_the_old_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It would end as soon as the one that was to be replaced. Whoever can strip a grant could bring that about."""
    ends = Ends(upgrade=True)
    wire = ends.wire()
    await wire.call(ends.flavor)
    expiry = ends.context.expiry
    assert expiry is not None
    await trio.sleep_until(expiry - 60)
    ends.client_tickets._read_grant = no_grant  # type: ignore[method-assign,assignment]
    assert await wire.call(ends.flavor, b"abc") == b"cba"
    assert ends.made == (2, 1)
    assert ends.context.origin is Origin.EXCHANGE
    assert ends.context.expiry is None or ends.context.expiry > expiry


def no_grant(*_: object) -> NoReturn:
    raise NoGrant("the grant's mac is wrong")


async def test_calls_that_wait_for_the_context_are_upgraded_together() -> None:
    ends = Ends(upgrade=True)
    wire = ends.wire()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(wire.call, ends.flavor)
    assert ends.made == (1, 1)

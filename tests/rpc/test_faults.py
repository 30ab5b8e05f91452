"""Faults of flavors, services and connectors: what they cost, and whom."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import pytest
import trio
import trio.testing

from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    Anonymous,
    AuthNone,
    BadReply,
    Call,
    CallTimedOut,
    ConnectionLost,
    GarbageArguments,
    OutcomeUnknown,
    Server,
    ServerFault,
    ServerFlavor,
    open_client,
    stopping_on_signals,
)
from rpcgss.rpc.conversation import MAX_FAULTS
from rpcgss.rpc.flavors import Answer, Connection, Link, Session
from rpcgss.rpc.messages import NULL_AUTH, ReceivedCall, encode_success, parse_call_untrusted
from rpcgss.rpc.rpc_xdr import opaque_auth
from tests.rpc.network import network
from tests.rpc.program import ECHO, FAIL, HOLD, NULL, Program
from tests.rpc.test_client import Pin, pin_server
from tests.rpc.test_server import ACCEPTED, call_record, serving
from transport import StreamChannel, memory_channel_pair
from xdr import Buffer

ODD = 99
"""The xid that `Moody` flavors and sessions act on."""


class Moody(ServerFlavor):
    """AUTH_NONE, but for calls whose xid is ODD."""

    number = 0

    def __init__(self, odd: Callable[[], Session]) -> None:
        self.odd = odd
        self.inner = AcceptNone()

    async def authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        return self.odd() if call.xid == ODD else await self.inner.authenticate(call, connection)


class Unprotectable(Session):
    identity = Anonymous()

    async def unprotect(self, body: memoryview) -> Buffer:
        return body

    async def verifier(self) -> opaque_auth:
        return NULL_AUTH

    async def protect(self, results: Sequence[Buffer]) -> Sequence[Buffer]:
        raise ValueError("cannot protect this")


def garbage() -> Session:
    raise GarbageArguments("a creation request that cannot be parsed")


def bug() -> Session:
    raise RuntimeError("secret detail")


@pytest.mark.parametrize(("odd", "status"), [(garbage, "00000004"), (bug, "00000005")])
async def test_a_flavor_that_fails_costs_its_call_alone(odd: Callable[[], Session], status: str) -> None:
    program = Program()
    async with serving(Server([program], [Moody(odd)])) as channel:
        await channel.send(call_record(2, bytes(4), xid=1))
        await channel.send(call_record(xid=ODD))
        answer = await channel.receive()
        assert answer.hex() == f"{ODD:08x}" + f"{ACCEPTED} {status}".replace(" ", "")[8:]
        program.gate.set()
        assert (await channel.receive())[3] == 1


async def test_a_result_that_cannot_be_protected_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(Server([Program()], [Moody(Unprotectable)])) as channel:
        await channel.send(call_record(xid=ODD))
        await trio.testing.wait_all_tasks_blocked()
        await channel.send(call_record(xid=1))
        assert (await channel.receive())[3] == 1
    assert "cannot protect this" in caplog.text


async def test_refusals_by_a_server_behind_the_server_are_not_passed_on() -> None:
    async with network(Server([Program()], [AcceptSys()])) as back, open_client(back.connect, AuthNone()) as inner:

        class Front(Program):
            async def NULL(self, call: Call) -> None:
                await inner.call(NULL, None)

        server = Server([Front()], [AcceptNone()])
        async with network(server) as front, open_client(front.connect, AuthNone()) as client:
            with pytest.raises(ServerFault):
                await client.call(NULL, None)


@pytest.mark.parametrize(
    "trouble", [trio.BrokenResourceError("handshake"), OSError(111, "refused"), ConnectionLost("no")]
)
async def test_a_connector_may_fail_in_many_ways(trouble: Exception, autojump_clock: trio.testing.MockClock) -> None:
    failing = False

    async with network(Server([Program()], [AcceptNone()])) as net:

        async def connect() -> StreamChannel:
            if failing:
                raise trouble
            return await net.connect()

        async with open_client(connect, AuthNone()) as client:
            failing = True
            net.cut_all()
            with pytest.raises(CallTimedOut):
                await client.call(NULL, None)
            failing = False
            await client.call(NULL, None)
        failing = True
        with pytest.raises(ConnectionLost):
            async with open_client(connect, AuthNone()):
                raise AssertionError("not reached")


async def test_a_try_to_connect_that_hangs_is_not_the_last(autojump_clock: trio.testing.MockClock) -> None:
    tries: list[Callable[[], Awaitable[object]]] = []

    async with network(Server([Program()], [AcceptNone()])) as net:

        async def connect() -> StreamChannel:
            if tries:
                await tries.pop()()
            return await net.connect()

        async with open_client(connect, AuthNone()) as client:
            tries.append(trio.sleep_forever)
            net.cut_all()
            await trio.testing.wait_all_tasks_blocked()
            assert await client.call(ECHO, b"x") == b"x"


async def test_closing_by_cancellation_ends_the_calls_of_others(autojump_clock: trio.testing.MockClock) -> None:
    class Polite(AuthNone):
        async def aclose(self, link: Link | None) -> None:
            await trio.sleep(1)

    async with network(Server([Program()], [AcceptNone()])) as net, trio.open_nursery() as nursery:

        async def hold() -> None:
            with pytest.raises(ConnectionLost, match="closed"):
                await client.call(HOLD, b"x")

        with trio.CancelScope() as scope:
            async with open_client(net.connect, Polite()) as client:
                nursery.start_soon(hold)
                await trio.testing.wait_all_tasks_blocked()
                started = trio.current_time()
                scope.cancel()
                await trio.sleep_forever()
    assert trio.current_time() == started


async def test_a_reply_that_is_too_large_fails_its_call_and_no_other(autojump_clock: trio.testing.MockClock) -> None:
    program = Program()
    async with network(Server([program], [AcceptNone()])) as net:
        net.max_record = 1000
        async with (
            open_client(net.connect, AuthNone(), non_idempotent=[ECHO]) as client,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(client.call, HOLD, b"another")
            await trio.testing.wait_all_tasks_blocked()
            assert await client.call(ECHO, bytes(900)) == bytes(900)
            started = trio.current_time()
            with pytest.raises(BadReply, match="server sent a record of 1028 octets or more; at most 1000 are taken"):
                await client.call(ECHO, bytes(1000))
            assert trio.current_time() == started
            program.gate.set()
        assert net.connections == 2


async def test_a_server_that_keeps_breaking_the_rules_fails_the_call(autojump_clock: trio.testing.MockClock) -> None:
    class Garbler:
        """Answers every call with a record header that claims four gigabytes, and nothing more."""

        connections = 0

        async def connect(self) -> StreamChannel:
            self.connections += 1
            near, far = trio.testing.memory_stream_pair()
            await far.send_all(b"\xff\xff\xff\xff")
            return StreamChannel(near, peer="garbler")

    garbler = Garbler()
    async with open_client(garbler.connect, AuthNone()) as client:
        with pytest.raises(BadReply, match="ECHO: garbler sent a record of 2147483647 octets or more"):
            await client.call(ECHO, b"x")
    assert garbler.connections == MAX_FAULTS


async def test_short_lived_connections_are_not_made_again_without_a_pause(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One call kills its connection each time, though others on it are answered."""
    connections = 0

    async with trio.open_nursery() as nursery:

        async def answer(channel: StreamChannel) -> None:
            async for record in channel:
                call = parse_call_untrusted(record)
                if call.procedure == FAIL.number:
                    return await channel.aclose()
                await channel.send(encode_success(call.xid, call.verifier) + bytes(call.body))

        async def connect() -> StreamChannel:
            nonlocal connections
            connections += 1
            near, far = memory_channel_pair()
            nursery.start_soon(answer, far)
            return near

        async def others() -> None:
            while not done:
                with suppress(CallTimedOut):  # it may come second every time
                    await client.call(NULL, None)
                await trio.sleep(0.001)

        done = False
        async with open_client(connect, AuthNone(), timeout=10) as client, trio.open_nursery() as calls:
            calls.start_soon(others)
            with pytest.raises(CallTimedOut):
                await client.call(FAIL, None)
            done = True
        nursery.cancel_scope.cancel()
    assert connections < 500


async def test_forged_replies_do_not_flood_the_log(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        near, far = memory_channel_pair()
        nursery.start_soon(pin_server, far, 0, 2000)

        async def connect() -> StreamChannel:
            return near

        async with open_client(connect, Pin(0)) as client:
            assert await client.call(ECHO, b"x") == b"x"
        nursery.cancel_scope.cancel()
    assert 0 < caplog.text.count("verifier is wrong") < 200


async def test_a_client_that_closes_says_so(autojump_clock: trio.testing.MockClock) -> None:
    async with network(Server([Program()], [AcceptNone()])) as net, trio.open_nursery() as nursery:

        async def hold() -> None:
            with pytest.raises(OutcomeUnknown, match="this client was closed"):
                await client.call(HOLD, b"x")

        async with open_client(net.connect, AuthNone(), non_idempotent=[HOLD]) as client:
            nursery.start_soon(hold)
            await trio.testing.wait_all_tasks_blocked()


async def test_no_connection_within_the_time_of_a_call(autojump_clock: trio.testing.MockClock) -> None:
    async def connect() -> StreamChannel:
        await trio.sleep_forever()
        raise AssertionError("not reached")

    with pytest.raises(ConnectionLost, match="no connection within 7 s"):
        async with open_client(connect, AuthNone(), timeout=7):
            raise AssertionError("not reached")


async def test_a_program_may_exit_within_the_blocks() -> None:
    async with network(Server([Program()], [AcceptNone()])) as net:
        with pytest.raises(SystemExit):
            async with open_client(net.connect, AuthNone()):
                raise SystemExit(3)
    with pytest.raises(SystemExit):
        async with stopping_on_signals(Server([], [])):
            raise SystemExit(3)


async def test_a_broken_connection_is_named_as_the_reason(autojump_clock: trio.testing.MockClock) -> None:
    async with network(Server([Program()], [AcceptNone()])) as net:
        net.cuts = [(10, None)]
        async with open_client(net.connect, AuthNone()) as client:
            net.refusing = True
            with pytest.raises(CallTimedOut, match="refused"):
                await client.call(ECHO, b"abcdefgh")


async def test_exceptions_while_waiting_for_signals_come_out_as_they_are() -> None:
    with pytest.raises(OSError, match="mine"):
        async with stopping_on_signals(Server([], [])):
            raise OSError(98, "mine")

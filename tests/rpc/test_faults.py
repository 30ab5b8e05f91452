"""Faults of flavors, services and connectors: what they cost, and whom."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    Anonymous,
    AuthNone,
    Call,
    CallTimedOut,
    ConnectionLost,
    GarbageArguments,
    Server,
    ServerFault,
    ServerFlavor,
    open_client,
    stopping_on_signals,
)
from rpcgss.rpc.flavors import Answer, Connection, Link, Session
from rpcgss.rpc.messages import NULL_AUTH, ReceivedCall
from rpcgss.rpc.rpc_xdr import opaque_auth
from tests.rpc.network import network
from tests.rpc.program import ECHO, HOLD, NULL, Program
from tests.rpc.test_server import ACCEPTED, call_record, serving
from transport import StreamChannel
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

    async def protect(self, results: Buffer) -> Buffer:
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

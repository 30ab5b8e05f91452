"""Calls over networks that lose, double, delay and reorder: what is sent again, and what comes of it."""

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest
import trio
import trio.testing

from rpcgss.rpc import (
    AcceptNone,
    AuthNone,
    AuthRefused,
    CallTimedOut,
    CallTooLarge,
    Client,
    OutcomeUnknown,
    Retransmission,
    Server,
    ServerFault,
    open_client,
)
from rpcgss.rpc.flavors import Link, Transmission
from rpcgss.rpc.messages import AcceptedReply, CallHeader
from rpcgss.rpc.peers import Peers
from rpcgss.rpc.places import Places
from tests.rpc.networks import STORM, ServerEnd, Weather, datagram_network
from tests.rpc.program import ECHO, HOLD, NULL, Program
from tests.rpc.test_server import call_record
from transport import MAX_DATAGRAM, Sender
from xdr import Buffer


def make_server(*, max_calls: int = 1024, max_calls_per_connection: int = 128) -> tuple[Server, Program]:
    program = Program()
    server = Server([program], [AcceptNone()], max_calls=max_calls, max_calls_per_connection=max_calls_per_connection)
    return server, program


async def echo_many(client: Client, tasks: int, calls: int) -> None:
    async def task(number: int) -> None:
        for call in range(calls):
            text = b"%d of %d" % (call, number)
            assert await client.call(ECHO, text) == text

    async with trio.open_nursery() as nursery:
        for number in range(tasks):
            nursery.start_soon(task, number)


async def test_fair_weather(autojump_clock: trio.testing.MockClock) -> None:
    server, program = make_server()
    async with datagram_network(server) as net, open_client(net.connect, AuthNone()) as client:
        await echo_many(client, 20, 20)
    assert net.sent == 800
    assert client.counters.retransmissions == client.counters.late_replies == 0
    assert set(program.executed.values()) == {1}


@pytest.mark.parametrize("seed", range(4))
async def test_a_storm(seed: int, autojump_clock: trio.testing.MockClock) -> None:
    server, _ = make_server()
    async with (
        datagram_network(server, seed=seed, weather=STORM) as net,
        open_client(net.connect, AuthNone(), timeout=300, seed=seed) as client,
    ):
        await echo_many(client, 20, 20)
        assert client.outstanding == 0
    assert net.lost > 100
    assert client.counters.retransmissions > 100
    assert client.counters.late_replies > 0
    assert client.counters.connections == 1


async def test_a_call_that_must_not_run_twice_is_sent_once(autojump_clock: trio.testing.MockClock) -> None:
    """It runs no more than once, and who is told nothing is told that."""
    server, program = make_server()
    outcomes: Counter[str] = Counter()
    weather = Weather(lost=0.2, longest_delay=0.3)
    async with (
        datagram_network(server, seed=5, weather=weather) as net,
        open_client(net.connect, AuthNone(), timeout=60, non_idempotent=[ECHO]) as client,
    ):

        async def call(text: bytes) -> None:
            try:
                await client.call(ECHO, text)
                assert program.executed[text] == 1
                outcomes["executed"] += 1
            except OutcomeUnknown:
                outcomes["unknown"] += 1

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(call, b"%d" % number)
    assert client.counters.transmissions == 200
    assert set(program.executed.values()) == {1}
    assert outcomes["executed"] > 100 < sum(program.executed.values()) > outcomes["executed"]
    assert outcomes["unknown"] == 200 - outcomes["executed"]


async def test_back_off_until_the_deadline(autojump_clock: trio.testing.MockClock) -> None:
    times: list[float] = []

    def note(datagram: bytes) -> bytes:
        times.append(trio.current_time())
        return datagram

    policy = Retransmission(first=1.0, longest=8.0)
    async with (
        datagram_network() as net,
        open_client(net.connect, AuthNone(), timeout=100, retransmission=policy) as client,
    ):
        net.tamper = note
        with pytest.raises(CallTimedOut, match="no reply within 100 s"):
            await client.call(NULL, None)
    waits = [after - before for before, after in itertools.pairwise(times)]
    least = [1.0, 2.0, 4.0, *[8.0] * (len(waits) - 3)]
    assert len(waits) >= 9
    assert all(base <= wait <= 1.5 * base for base, wait in zip(least, waits, strict=True))
    assert len({round(wait / base, 6) for base, wait in zip(least, waits, strict=True)}) == len(waits)  # jitter


async def test_a_server_that_is_back_again(autojump_clock: trio.testing.MockClock) -> None:
    server, program = make_server()
    async with datagram_network(server) as net, open_client(net.connect, AuthNone(), timeout=300) as client:
        await client.call(NULL, None)
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(client.call, HOLD, b"%d" % number)
            await trio.testing.wait_all_tasks_blocked()
            net.stop()
            await trio.sleep(20)
            assert program.running == 0
            program.gate.set()
            net.start(Server([program], [AcceptNone()]))
        assert client.counters.connections == 1


async def test_calls_under_way_are_bounded_and_the_rest_comes_again(autojump_clock: trio.testing.MockClock) -> None:
    server, program = make_server(max_calls=64, max_calls_per_connection=8)
    async with datagram_network(server) as net, open_client(net.connect, AuthNone(), timeout=300) as client:
        texts = [b"%d" % number for number in range(30)]
        async with trio.open_nursery() as nursery:
            for text in texts:
                nursery.start_soon(client.call, HOLD, text)
            await trio.testing.wait_all_tasks_blocked()
            assert program.running == 8
            async with open_client(net.connect, AuthNone()) as other:
                await other.call(NULL, None)
            program.gate.set()
    assert program.most_running == 8
    assert server.counters.dropped >= 22


async def test_all_datagrams_together_leave_half_to_others(autojump_clock: trio.testing.MockClock) -> None:
    server, program = make_server(max_calls=16, max_calls_per_connection=8)
    async with datagram_network(server) as net:
        for number in range(100):  # as from forged addresses
            net.to_server(call_record(2, bytes(4)), Sender((f"somewhere {number}", 1), b""))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 8
        program.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert server.counters.calls == 100


@pytest.mark.parametrize("garbage", [b"", b"\0", b"rubbish", b"\0\0\0\2" * 25, b"\xff" * 500])
async def test_garbage_is_dropped_and_counted(garbage: bytes, autojump_clock: trio.testing.MockClock) -> None:
    server, _ = make_server()
    async with datagram_network(server) as net, open_client(net.connect, AuthNone()) as client:
        await client.call(NULL, None)
        for sender in (*net.clients, Sender(("a stranger", 1), b"")):
            for _ in range(50):
                net.to_server(garbage, sender)
                net.to_client(garbage, sender)
        await client.call(NULL, None)
    assert server.counters.dropped == 100
    assert client.counters.bad_replies == 50
    assert client.counters.connections == 1


async def test_replies_are_not_answered(autojump_clock: trio.testing.MockClock) -> None:
    """Else two servers could be set upon each other for ever."""
    server, _ = make_server()
    async with datagram_network(server) as net:
        sent: list[bytes] = []

        def note(datagram: bytes) -> bytes:
            sent.append(datagram)
            return datagram

        net.tamper = note
        net.to_server(call_record(xid=7), Sender(("a stranger", 1), b""))
        await trio.testing.wait_all_tasks_blocked()
        net.to_server(sent[-1], Sender(("a stranger", 1), b""))
        await trio.testing.wait_all_tasks_blocked()
        assert len(sent) == 3


async def test_calls_that_do_not_fit(autojump_clock: trio.testing.MockClock) -> None:
    server, _ = make_server()
    async with datagram_network(server) as net, open_client(net.connect, AuthNone()) as client:
        with pytest.raises(CallTooLarge, match="use TCP"):
            await client.call(ECHO, bytes(MAX_DATAGRAM - 43))
        assert client.outstanding == net.sent == 0
        with pytest.raises(CallTooLarge, match="use TCP"):
            await client.call(ECHO, bytes(1_000_000))
        assert await client.call(ECHO, bytes(65_460)) == bytes(65_460)
    assert server.counters.calls == 1


async def test_results_that_do_not_fit(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    class Wordy(Program):
        async def ECHO(self, call: object, arg: bytes) -> bytes:
            return arg * 1000

    server = Server([Wordy()], [AcceptNone()])
    async with datagram_network(server) as net, open_client(net.connect, AuthNone()) as client:
        assert await client.call(ECHO, b"x" * 65) == b"x" * 65_000
        with caplog.at_level("INFO"), pytest.raises(ServerFault):
            await client.call(ECHO, b"x" * 66)
    assert "use TCP" in caplog.text


async def test_denials_of_what_was_sent_before(autojump_clock: trio.testing.MockClock) -> None:
    """Two transmissions are denied, one after the other: only the first denial is heeded, or a new context would be
    thrown away for the sake of the old one."""

    class Hopeful(AuthNone):
        async def refused(self, transmission: Transmission, refusal: AuthRefused, link: Link) -> bool:
            return True

    server, _ = make_server()
    async with datagram_network(server) as net, open_client(net.connect, Hopeful()) as client:
        denial = "00000001 00000001 00000001 0000000d"

        def deny(datagram: bytes) -> bytes | None:
            if datagram[4:8] == bytes(4):
                calls.append(datagram)
                if len(calls) == 2:
                    for _ in range(2):
                        (end,) = net.clients.values()
                        end.arrived(datagram[:4] + bytes.fromhex(denial))
                return None if len(calls) < 3 else datagram
            return datagram

        calls: list[bytes] = []
        net.tamper = deny
        await client.call(NULL, None)
    assert client.counters.refusals == 1
    assert client.counters.late_replies == 1
    assert len(calls) == 3


async def test_peers_are_forgotten_and_are_who_they_were(autojump_clock: trio.testing.MockClock) -> None:
    """A flood of forged senders must not end what others have begun, security contexts in the making above all."""
    async with datagram_network() as net:
        peers = Peers(ServerEnd(net), Places(8, 8), limit=3)
        senders = [
            Sender((f"{number}", port), local) for number in range(5) for port in (1, 2) for local in (b"", b"x")
        ]
        known = [peers.find(sender) for sender in senders]
        assert len(peers) == 3
        assert peers.find(senders[-1]) is known[-1]
        serials = [peer.connection.serial for peer in known]
        assert len({*serials}) == len(senders)
        assert min(serials) >= 1 << 63
        assert [peers.find(sender).connection.serial for sender in senders] == serials
        assert peers.find(senders[0]) is not known[0]


async def test_a_transmission_that_comes_too_late_is_finished(autojump_clock: trio.testing.MockClock) -> None:
    """It may hold a number of a window, which would be lost to all further calls."""
    unfinished = 0

    class Slow(AuthNone):
        async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
            nonlocal unfinished
            await trio.sleep(6)  # as for a place in the window, or a new context
            made = await super().transmit(header, arguments, link)
            unfinished += 1
            return Counted(made)

    class Counted(Transmission):
        def __init__(self, made: Transmission) -> None:
            self.chunks = made.chunks
            self.made = made
            self.ended = False

        async def open(self, reply: AcceptedReply) -> Buffer:
            return await self.made.open(reply)

        def finished(self) -> None:
            nonlocal unfinished
            unfinished -= not self.ended
            self.ended = True

    async with (
        datagram_network() as net,
        open_client(net.connect, Slow(), non_idempotent=[ECHO], replies_kept=10) as client,
    ):
        with pytest.raises(OutcomeUnknown):
            await client.call(ECHO, b"")
    assert client.counters.transmissions == 1
    assert client.counters.retransmissions == 1
    assert unfinished == 0


async def test_a_server_that_has_moved(autojump_clock: trio.testing.MockClock) -> None:
    """After a call for whose whole time nothing came, the next one asks anew where the server is, unless others still
    wait for what they sent there."""
    async with (
        datagram_network() as net,
        open_client(net.connect, AuthNone(), timeout=100) as client,
    ):

        async def hopeless(timeout: float) -> None:
            with pytest.raises(CallTimedOut):
                await client.call(NULL, None, timeout=timeout)
            assert client.counters.connections_lost == (timeout == 20)

        async with trio.open_nursery() as nursery:
            for timeout in (10, 20):
                nursery.start_soon(hopeless, timeout)
        server, program = make_server()
        net.start(server)
        await client.call(NULL, None)
        assert client.counters.connections == 2
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.call, HOLD, b"slow")
            with pytest.raises(CallTimedOut):
                await client.call(HOLD, b"too slow", timeout=50)
            with pytest.raises(CallTimedOut):
                await client.call(NULL, None, timeout=0)
            program.gate.set()
        assert client.outstanding == 0
    assert client.counters.connections == 2
    assert client.counters.connections_lost == 1

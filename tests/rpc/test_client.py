"""A client: connections that are lost in every way, calls that are cancelled everywhere, replies that lie."""

import asyncio
import itertools
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import pytest
import trio
import trio.testing

import xdr
from rpcgss.connect import connect_tcp
from rpcgss.rpc import (
    AcceptNone,
    AuthNone,
    AuthRefused,
    BadReply,
    BadVerifier,
    CallTimedOut,
    Client,
    ClientFlavor,
    ConnectionLost,
    GarbageArguments,
    OutcomeUnknown,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    RpcMismatch,
    Server,
    ServerFault,
    open_client,
)
from rpcgss.rpc.flavors import Link, Transmission
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    encode_denied,
    encode_success,
    parse_call_untrusted,
)
from rpcgss.rpc.pending import OutOfTime, PendingCalls
from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat, opaque_auth
from tests.rpc.network import Network, network
from tests.rpc.program import BEYOND, ECHO, FAIL, HOLD, NULL, PROGRAM, Program
from transport import StreamChannel, listen_tcp, listen_unix, memory_channel_pair, open_tcp, open_unix
from xdr import Buffer

Answerer = Callable[[StreamChannel], object]


async def test_many_calls_on_one_connection() -> None:
    server = Server([Program()], [AcceptNone()])
    async with network(server) as net, open_client(net.connect, AuthNone()) as client:

        async def echo(i: int) -> None:
            assert await client.call(ECHO, bytes([i])) == bytes([i])

        async with trio.open_nursery() as nursery:
            for i in range(100):
                nursery.start_soon(echo, i)
        assert net.connections == 1
        assert client.outstanding == 0
        await client.call(NULL, None)


@pytest.mark.parametrize("octets", [100, 100_000])
async def test_arguments_may_change_once_the_call_has_begun(octets: int) -> None:
    data = bytearray(octets)
    async with (
        network() as net,
        open_client(net.connect, AuthNone(), connect_now=False) as client,
        trio.open_nursery() as nursery,
    ):

        async def echo() -> None:
            assert await client.call(ECHO, cast(bytes, data)) == bytes(octets)

        nursery.start_soon(echo)
        await trio.testing.wait_all_tasks_blocked()
        data[:] = b"x" * octets
        net.server = Server([Program()], [AcceptNone()])


async def test_refusals_are_raised() -> None:
    server = Server([Program()], [AcceptNone()])
    other_program = xdr.Procedure(1, 1, 0, "OTHER", xdr.VOID, xdr.VOID)
    other_version = xdr.Procedure(PROGRAM, 1, 0, "OLD", xdr.VOID, xdr.VOID)
    other_type = xdr.Procedure(PROGRAM, 3, 1, "ECHO", xdr.UNSIGNED_64, xdr.VOID)
    other_result = xdr.Procedure(PROGRAM, 3, 1, "ECHO", xdr.opaque(), xdr.VOID)
    async with network(server) as net, open_client(net.connect, AuthNone()) as client:
        with pytest.raises(ProgramUnavailable):
            await client.call(other_program, None)
        with pytest.raises(ProgramMismatch) as mismatch:
            await client.call(other_version, None)
        assert (mismatch.value.low, mismatch.value.high) == (3, 3)
        with pytest.raises(ProcedureUnavailable):
            await client.call(BEYOND, None)
        with pytest.raises(GarbageArguments):
            await client.call(other_type, 5)
        with pytest.raises(ServerFault) as fault:
            await client.call(FAIL, None)
        assert "secret" not in str(fault.value)
        with pytest.raises(BadReply, match="ECHO"):
            await client.call(other_result, b"x")
        with pytest.raises(xdr.EncodeError):
            await client.call(ECHO, bytes(5_000_000))
        assert await client.call(ECHO, b"still fine") == b"still fine"


@pytest.mark.parametrize("refusal", [RpcMismatch(3, 4), AuthRefused(5), AuthRefused(1234)])
async def test_denials_are_raised(refusal: RpcMismatch | AuthRefused) -> None:
    async def answer(channel: StreamChannel) -> None:
        call = parse_call_untrusted(await channel.receive())
        await channel.send(encode_denied(call.xid, refusal))

    with pytest.raises(type(refusal)) as caught:
        await against(answer)
    assert vars(caught.value).items() >= {k: v for k, v in vars(refusal).items() if k != "reason"}.items()


async def against(answer: Answerer, *, timeout: float = 60, channels: int = 1) -> object:
    """One ECHO by a client whose server is `answer`."""
    async with trio.open_nursery() as nursery:

        async def connect() -> StreamChannel:
            near, far = memory_channel_pair()
            nursery.start_soon(answer, far)  # type: ignore[arg-type]
            return near

        try:
            async with open_client(connect, AuthNone(), timeout=timeout) as client:
                return await client.call(ECHO, b"x")
        except Exception as error:
            failure = error
        finally:
            nursery.cancel_scope.cancel()
    raise failure


async def test_nobody_is_there() -> None:
    async with network(None) as net:
        with pytest.raises(ConnectionLost, match="Connection refused"):
            async with open_client(net.connect, AuthNone()):
                raise AssertionError("not reached")


async def test_exceptions_of_the_block_come_out_as_they_are() -> None:
    async with network(Server([], [])) as net:
        with pytest.raises(KeyError, match="mine"):
            async with open_client(net.connect, AuthNone()):
                raise KeyError("mine")


async def test_a_silent_server(autojump_clock: trio.testing.MockClock) -> None:
    async def silent(channel: StreamChannel) -> None:
        await trio.sleep_forever()

    with pytest.raises(CallTimedOut, match="ECHO: no reply within 7 s"):
        await against(silent, timeout=7)


async def test_a_deadline_per_call(autojump_clock: trio.testing.MockClock) -> None:
    server = Server([program := Program()], [AcceptNone()])
    async with network(server) as net, open_client(net.connect, AuthNone()) as client:
        with pytest.raises(CallTimedOut, match="within 3 s"):
            await client.call(HOLD, b"x", timeout=3)
        assert client.outstanding == 0
        program.gate.set()
        assert await client.call(ECHO, b"y") == b"y"
        await trio.testing.wait_all_tasks_blocked()
        assert client.counters.late_replies == 1


async def test_outstanding_calls_are_sent_again_with_their_xid(autojump_clock: trio.testing.MockClock) -> None:
    xids: list[int] = []

    async def answer(channel: StreamChannel) -> None:
        call = parse_call_untrusted(await channel.receive())
        xids.append(call.xid)
        if len(xids) == 3:
            await channel.send(encode_success(call.xid, call.verifier) + bytes(call.body))
            await trio.sleep_forever()
        await channel.aclose()

    assert await against(answer) == b"x"
    assert len(xids) == 3
    assert len(set(xids)) == 1


async def test_a_server_that_restarts_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    first, second = Program(), Program()
    async with network(Server([first], [AcceptNone()])) as net, open_client(net.connect, AuthNone()) as client:
        results: list[bytes] = []

        async def hold(i: int) -> None:
            results.append(await client.call(HOLD, bytes([i])))

        async with trio.open_nursery() as nursery:
            for i in range(20):
                nursery.start_soon(hold, i)
            await trio.testing.wait_all_tasks_blocked()
            assert first.running == 20
            net.refusing = True
            net.cut_all()
            await trio.sleep(20)
            second.gate.set()
            net.server = Server([second], [AcceptNone()])
            net.refusing = False
        assert sorted(results) == [bytes([i]) for i in range(20)]
        assert net.connections == 2
        assert client.counters.connections_lost == 1


async def test_no_server_until_the_deadline(autojump_clock: trio.testing.MockClock) -> None:
    async with network(Server([Program()], [AcceptNone()])) as net, open_client(net.connect, AuthNone()) as client:
        net.refusing = True
        net.cut_all()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(CallTimedOut, match="Connection refused"):
            await client.call(ECHO, b"x")
        net.refusing = False
        assert await client.call(ECHO, b"y") == b"y"


async def test_a_call_that_must_not_run_twice_is_not_sent_twice(autojump_clock: trio.testing.MockClock) -> None:
    program = Program()
    async with (
        network(Server([program], [AcceptNone()])) as net,
        open_client(net.connect, AuthNone(), non_idempotent=[HOLD]) as client,
        trio.open_nursery() as nursery,
    ):

        async def hold() -> None:
            with pytest.raises(OutcomeUnknown, match="HOLD"):
                await client.call(HOLD, b"once")

        nursery.start_soon(hold)
        await trio.testing.wait_all_tasks_blocked()
        net.cut_all()
    assert program.executed == {b"once": 1}


@pytest.mark.parametrize("cut", range(0, 60, 3))
async def test_a_call_cut_on_its_way_out_is_sent_again_even_so(
    cut: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Half a record cannot be executed, so nothing is unknown about it."""
    program = Program()
    async with network(Server([program], [AcceptNone()])) as net:
        net.cuts = [(cut, None)]
        async with open_client(net.connect, AuthNone(), non_idempotent=[ECHO]) as client:
            assert await client.call(ECHO, b"abcdefgh" * 3) == b"abcdefgh" * 3
    assert sum(program.executed.values()) == 1


@pytest.mark.parametrize("cut", range(0, 40, 3))
async def test_a_reply_cut_on_its_way_back_leaves_the_outcome_unknown(
    cut: int, autojump_clock: trio.testing.MockClock
) -> None:
    program = Program()
    async with network(Server([program], [AcceptNone()])) as net:
        net.cuts = [(None, cut)]
        async with open_client(net.connect, AuthNone(), non_idempotent=[ECHO]) as client:
            with pytest.raises(OutcomeUnknown):
                await client.call(ECHO, b"abcdefgh")
            assert await client.call(ECHO, b"next") == b"next"


@pytest.mark.parametrize("seed", range(20))
async def test_cuts_anywhere(seed: int, autojump_clock: trio.testing.MockClock) -> None:
    """Connections break at random places; idempotent calls all end well, the others ran once or say that they may."""
    chance = random.Random(seed)
    program = Program()
    program.gate.set()
    unknown = 0

    async def one(client: Client, i: int) -> None:
        nonlocal unknown
        argument = i.to_bytes(2) * chance.randrange(1, 100)
        if i % 2:
            assert await client.call(ECHO, argument) == argument
            return
        try:
            assert await client.call(HOLD, argument) == argument
            assert program.executed[argument] == 1
        except OutcomeUnknown:
            unknown += 1
            assert program.executed[argument] <= 1

    async with network(Server([program], [AcceptNone()])) as net:
        net.cuts = [(chance.randrange(3000), None) if i % 2 else (None, chance.randrange(3000)) for i in range(10)]
        async with open_client(net.connect, AuthNone(), non_idempotent=[HOLD], seed=seed) as client:
            async with trio.open_nursery() as nursery:
                for i in range(200):
                    nursery.start_soon(one, client, i)
            assert client.outstanding == 0
    assert net.connections > 1


class Pin(ClientFlavor):
    """A flavor that wants to be refused some times, and whose replies carry a password."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.made: list[PinTransmission] = []

    async def transmit(self, header: CallHeader, arguments: object, link: Link) -> Transmission:
        self.made.append(PinTransmission(await AuthNone().transmit(header, arguments, link)))  # type: ignore[arg-type]
        return self.made[-1]

    async def refused(self, transmission: Transmission, refusal: AuthRefused, link: Link) -> bool:
        assert transmission is self.made[-1]
        self.refusals -= 1
        return self.refusals >= 0


class PinTransmission(Transmission):
    def __init__(self, plain: Transmission) -> None:
        self.chunks = plain.chunks
        self.finishes = 0

    async def open(self, reply: AcceptedReply) -> memoryview:
        if reply.verifier.body != b"pin!":
            raise BadVerifier
        return reply.body

    def finished(self) -> None:
        self.finishes += 1


class Watched(AuthNone):
    seen = 0

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        self.seen += 1
        return await super().transmit(header, arguments, link)


class Watching:
    seen = 0

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        self.seen += 1
        return await super().transmit(header, arguments, link)  # type: ignore[misc, no-any-return]


class WatchedToo(Watching, AuthNone):
    pass


class Further(Watched):
    pass


@pytest.mark.parametrize("kind", [Watched, WatchedToo, Further])
async def test_who_overrides_transmit_alone_sees_every_transmission(kind: type[Watched]) -> None:
    flavor = kind()
    async with network(Server([Program()], [AcceptNone()])) as net, open_client(net.connect, flavor) as client:
        for count in range(3):
            assert flavor.seen == count
            await client.call(NULL, None)


async def pin_server(channel: StreamChannel, denials: int, forgeries: int) -> None:
    """Denies the first calls; forges some replies before the good one."""
    xids = set()
    async for record in channel:
        call = parse_call_untrusted(record)
        xids.add(call.xid)
        assert len(xids) == 1
        if denials:
            denials -= 1
            await channel.send(encode_denied(call.xid, AuthRefused(13)))
            continue
        for _ in range(forgeries):
            await channel.send(encode_success(call.xid, opaque_auth(6, b"nope")) + bytes.fromhex("00000003 45564c00"))
        await channel.send(encode_success(call.xid, opaque_auth(6, b"pin!")) + bytes(call.body))


@pytest.mark.parametrize(("denials", "willing", "good"), [(0, 0, True), (3, 3, True), (3, 2, False), (70, 1000, False)])
async def test_sent_again_after_a_denial_for_as_long_as_the_flavor_wants(
    denials: int, willing: int, good: bool
) -> None:
    flavor = Pin(willing)
    async with trio.open_nursery() as nursery:
        near, far = memory_channel_pair()
        nursery.start_soon(pin_server, far, denials, 0)

        async def connect() -> StreamChannel:
            return near

        async with open_client(connect, flavor) as client:
            if good:
                assert await client.call(ECHO, b"x") == b"x"
            else:
                with pytest.raises(AuthRefused, match="RPCSEC_GSS_CREDPROBLEM"):
                    await client.call(ECHO, b"x")
        nursery.cancel_scope.cancel()
    assert all(transmission.finishes for transmission in flavor.made)
    assert len(flavor.made) <= 66


async def test_a_reply_that_does_not_verify_is_dropped_and_the_good_one_waited_for() -> None:
    async with trio.open_nursery() as nursery:
        near, far = memory_channel_pair()
        nursery.start_soon(pin_server, far, 0, 3)

        async def connect() -> StreamChannel:
            return near

        async with open_client(connect, Pin(0)) as client:
            assert await client.call(ECHO, b"x") == b"x"
            assert client.counters.bad_replies == 3
        nursery.cancel_scope.cancel()


async def test_replies_that_never_stop_do_not_put_off_a_deadline(autojump_clock: trio.testing.MockClock) -> None:
    """There is one just before the time has passed, whenever anybody looks whether it has."""
    calls = PendingCalls()
    useless = AcceptedReply(1, NULL_AUTH, accept_stat.SUCCESS, None, memoryview(b""))
    with calls.new() as pending:
        until = trio.current_time()

        async def look() -> None:
            pending.post(useless)
            pending.expire(until)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            assert await pending.next(until) is useless
        with trio.fail_after(1), pytest.raises(OutOfTime):
            await pending.next(until)
        pending.post(useless)
        assert await pending.next(until + 1) is useless


async def test_replies_to_nobody_and_twice(autojump_clock: trio.testing.MockClock) -> None:
    async def answer(channel: StreamChannel) -> None:
        async for record in channel:
            call = parse_call_untrusted(record)
            reply = encode_success(call.xid, call.verifier) + bytes(call.body)
            await channel.send(encode_success(call.xid ^ 1, call.verifier))
            for _ in range(100):
                await channel.send(reply)

    assert await against(answer) == b"x"


@pytest.mark.parametrize("garbage", [b"", b"junk", bytes(40), bytes.fromhex("00000001 00000001 00000007")])
async def test_a_server_that_does_not_speak_rpc(garbage: bytes, autojump_clock: trio.testing.MockClock) -> None:
    async def answer(channel: StreamChannel) -> None:
        await channel.receive()
        await channel.send(garbage)

    with pytest.raises(BadReply, match="does not speak RPC"):
        await against(answer)


async def test_abandon_moves_calls_to_a_new_connection(autojump_clock: trio.testing.MockClock) -> None:
    class Restless(AuthNone):
        async def transmit(self, header: CallHeader, arguments: object, link: Link) -> Transmission:
            if link.serial < 3:
                link.abandon()
            return await super().transmit(header, arguments, link)  # type: ignore[arg-type]

    async with network(Server([Program()], [AcceptNone()])) as net, open_client(net.connect, Restless()) as client:
        assert await client.call(ECHO, b"x") == b"x"
        assert net.connections == 3


async def test_the_back_off_grows_and_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    tries: list[float] = []

    async with network(Server([Program()], [AcceptNone()])) as net:

        async def connect() -> StreamChannel:
            tries.append(trio.current_time())
            return await net.connect()

        async with open_client(connect, AuthNone(), seed=1) as client:
            net.refusing = True
            net.cut_all()
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(CallTimedOut):
                await client.call(ECHO, b"x")
    gaps = [later - earlier for earlier, later in itertools.pairwise(tries[1:])]
    assert 10 < len(gaps) < 40
    assert max(gaps) <= 5


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_real_sockets(kind: str, tmp_path: object) -> None:
    server = Server([Program()], [AcceptNone()])
    async with trio.open_nursery() as nursery:
        if kind == "tcp":
            (listener,) = await listen_tcp(0, "127.0.0.1")
            connect = partial(open_tcp, "127.0.0.1", listener.socket.getsockname()[1])
            nursery.start_soon(server.serve, [listener])
        else:
            connect = partial(open_unix, f"{tmp_path}/socket")
            nursery.start_soon(server.serve, [listen_unix(f"{tmp_path}/socket")])
        async with open_client(connect, AuthNone()) as client, trio.open_nursery() as calls:
            for size in (0, 1, 1000, 100_000, 1 << 20):
                calls.start_soon(echo_octets, client, bytes(size))
        server.stop()


async def echo_octets(client: Client, octets: bytes) -> None:
    assert await client.call(ECHO, octets) == octets


async def test_a_block_that_is_cancelled_can_clean_up_by_shielded_calls() -> None:
    server = Server([program := Program()], [AcceptNone()])
    async with network(server) as net:
        with trio.CancelScope() as scope:
            async with open_client(net.connect, AuthNone()) as client:
                await client.call(NULL, None)
                scope.cancel()
                try:
                    await trio.sleep_forever()
                finally:
                    with trio.CancelScope(shield=True):
                        await client.call(ECHO, b"cleaned up")
    assert program.executed == {b"cleaned up": 1}


async def test_closing_wakes_those_who_wait(autojump_clock: trio.testing.MockClock) -> None:
    outcomes: list[str] = []

    async def hold(net: Network) -> None:
        async with open_client(net.connect, AuthNone()) as client, trio.open_nursery() as nursery:
            nursery.start_soon(client.call, HOLD, b"x")
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        outcomes.append("closed")

    async with network(Server([Program()], [AcceptNone()])) as net:
        await hold(net)
    assert outcomes == ["closed"]


async def test_calls_are_spread_over_connections_as_they_are_needed() -> None:
    server = Server([program := Program()], [AcceptNone()])
    async with network(server) as net:
        async with open_client(net.connect, AuthNone(), connections=3) as client, trio.open_nursery() as nursery:
            for i in range(5):
                assert await client.call(ECHO, bytes([i])) == bytes([i])
            assert net.connections == 1  # one at a time needs no more
            for i in range(7):
                nursery.start_soon(client.call, HOLD, bytes([i]))
            await trio.testing.wait_all_tasks_blocked()
            assert net.connections == 3
            assert sorted(lane.calls for lane in client._lanes) == [2, 2, 3]
            assert client.outstanding == 7
            net.cut_all()
            await trio.testing.wait_all_tasks_blocked()
            program.gate.set()
        assert net.connections == 6
        assert client.counters.connections == 6
    assert sorted(program.executed) == [bytes([i]) for i in range(7)]


async def test_each_user_keeps_to_one_connection() -> None:
    server = Server([program := Program()], [AcceptNone()])
    async with network(server) as net, open_client(net.connect, AuthNone(), connections=2) as client:
        async with client.as_user(AuthNone()) as one, client.as_user(AuthNone()) as two:
            for user in (one, two, one, two):
                await user.call(ECHO, b"x")
        serials = [call.connection.serial for call in program.calls]
        assert serials[0] == serials[2] != serials[1] == serials[3]
        async with client.as_user(AuthNone()):
            async with client.as_user(AuthNone()):
                pass
            async with client.as_user(AuthNone()) as third:  # where the one was who has left
                await third.call(ECHO, b"x")
        assert program.calls[-1].connection.serial == serials[1]
        with pytest.raises(ValueError, match="needs a connection"):
            async with open_client(net.connect, AuthNone(), connections=0):
                raise AssertionError("not reached")


async def test_a_flavor_has_one_user() -> None:
    """Else whoever is done first would close it for the other."""
    async with (
        network(Server([Program()], [AcceptNone()])) as net,
        open_client(net.connect, flavor := AuthNone()) as client,
    ):
        async with client.as_user(another := AuthNone()) as one:
            for taken in (flavor, another):
                with pytest.raises(ValueError, match="in use"):
                    async with client.as_user(taken):
                        pass
            assert await one.call(ECHO, b"x") == b"x"
        async with client.as_user(another) as one:
            assert await one.call(ECHO, b"x") == b"x"


async def test_what_is_easily_confused_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="no client's flavor"):
        async with connect_tcp("127.0.0.1", 1, AcceptNone()):  # type: ignore[arg-type]
            pass
    with pytest.raises(TypeError, match="client_tls"):
        connect_tcp("127.0.0.1", 1, AuthNone(), tls=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="ports are numbers, not str"):
        async with connect_tcp("127.0.0.1", "20049", AuthNone()):  # type: ignore[arg-type]
            pass


def test_without_trio_the_facades_are_named() -> None:
    async def main() -> None:
        async with connect_tcp("127.0.0.1", 1, AuthNone()):
            pass

    with pytest.raises(RuntimeError, match=r"rpcgss\.asyncio"):
        asyncio.run(main())


@pytest.mark.parametrize(("high", "text"), [(3, "version 3 of"), (4, "versions 3 to 4 of")])
def test_versions_in_words(high: int, text: str) -> None:
    assert text in str(ProgramMismatch(3, high))


def test_refusals_say_what_they_mean() -> None:
    assert str(AuthRefused(auth_stat.AUTH_TOOWEAK)).endswith("or TLS)")
    assert str(AuthRefused(auth_stat.AUTH_TOOWEAK, "TLS is demanded")).endswith("(TLS is demanded)")

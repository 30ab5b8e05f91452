"""Calls that come again: executed at most once, whatever happens to connections, callers and the server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

import xdr
from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    AuthNone,
    AuthRefused,
    AuthSys,
    Call,
    ClientFlavor,
    ConnectionLost,
    MemoryReplyCache,
    OutcomeUnknown,
    ReplyCache,
    ReplyLimits,
    Server,
    ServerFault,
    SqliteReplyCache,
    open_client,
)
from rpcgss.rpc.kept import ENTRY_OCTETS, CallKey
from rpcgss.rpc.replies import MAX_WAITING
from rpcgss.rpc.rpc_xdr import auth_stat, authsys_parms, opaque_auth
from rpcgss.rpc.work import InlineWorker
from tests.rpc.network import Network, network
from tests.rpc.program import ECHO, FAIL, HOLD, MISSING, NULL, Program
from tests.rpc.test_server import ACCEPTED, call_record, serving
from transport import Record, StreamChannel, memory_channel_pair

MakeCache = Callable[..., ReplyCache]
MARKED: list[xdr.Procedure[Any, Any]] = [ECHO, HOLD, FAIL, MISSING]
ONE = bytes.fromhex("0000000161000000")  # the argument b"a"
OK_ONE = f"{ACCEPTED} 00000000 00000001 61000000".replace(" ", "")
FAULT = f"{ACCEPTED} 00000005".replace(" ", "")


@pytest.fixture
def open_file(tmp_path: Path) -> Iterator[Callable[..., SqliteReplyCache]]:
    """Opens one and the same file."""
    with ExitStack() as stack:

        def open_one(limits: ReplyLimits | None = None) -> SqliteReplyCache:
            path = tmp_path / "replies"
            cache = SqliteReplyCache(path, limits, worker=InlineWorker(), clock=trio.current_time)
            stack.callback(cache.close)
            return cache

        yield open_one


@pytest.fixture(params=[MemoryReplyCache, SqliteReplyCache])
def make_cache(request: pytest.FixtureRequest, open_file: Callable[..., SqliteReplyCache]) -> MakeCache:
    """A cache with limits of the test's."""

    def make(**limits: Any) -> ReplyCache:  # noqa: ANN401  # each as ReplyLimits has it
        chosen = replace(ReplyLimits(), **limits)
        return MemoryReplyCache(chosen) if request.param is MemoryReplyCache else open_file(chosen)

    return make


def server_of(cache: ReplyCache, program: Program | None = None) -> tuple[Server, Program]:
    program = program or Program()
    return Server([program], [AcceptNone(), AcceptSys()], non_idempotent=MARKED, reply_cache=cache), program


async def ask(channel: StreamChannel, record: bytes) -> str:
    await channel.send(record)
    return (await channel.receive()).hex()


def sys_credential(uid: int) -> opaque_auth:
    return opaque_auth(1, authsys_parms(stamp=0, machinename="m", uid=uid, gid=0, gids=[]).to_bytes())


async def test_what_comes_again_is_answered_and_not_executed(make_cache: MakeCache) -> None:
    server, program = server_of(make_cache())
    for _ in range(2):
        async with serving(server) as channel:
            for _ in range(2):
                assert await ask(channel, call_record(1, ONE)) == OK_ONE
    assert program.executed == {b"a": 1}
    assert (server.reply_cache.counters.executed, server.reply_cache.counters.repeated) == (1, 3)
    assert server.counters.calls == 1


async def test_procedures_that_are_not_marked_are_executed_each_time() -> None:
    program = Program()
    server = Server([program], [AcceptNone()], non_idempotent=[HOLD])
    async with serving(server) as channel:
        for _ in range(2):
            assert await ask(channel, call_record(1, ONE)) == OK_ONE
    assert program.executed == {b"a": 2}
    with pytest.raises(ValueError, match="ECHO is to be executed at most once, but is of no service here"):
        Server([], [], non_idempotent=[ECHO])


async def test_other_arguments_callers_and_xids_are_other_calls(make_cache: MakeCache) -> None:
    """Whoever guesses the xid of somebody else's call has his own executed, and gets nothing else."""
    server, program = server_of(make_cache())
    two = bytes.fromhex("0000000162000000")
    async with serving(server) as channel:
        for record in (
            call_record(1, ONE),
            call_record(1, two),
            call_record(1, ONE, xid=6),
            call_record(1, ONE, credential=sys_credential(1)),
            call_record(1, ONE, credential=sys_credential(2)),
        ):
            await ask(channel, record)
    assert program.executed == {b"a": 4, b"b": 1}


async def test_a_running_call_is_joined(make_cache: MakeCache) -> None:
    server, program = server_of(make_cache())
    async with serving(server) as one, serving(server) as two:
        for channel in (one, two, two):
            await channel.send(call_record(2, ONE))
        await trio.testing.wait_all_tasks_blocked()
        assert (program.running, server.reply_cache.running) == (1, 1)
        program.gate.set()
        for channel in (one, two, two):
            assert (await channel.receive()).hex() == OK_ONE
    assert program.executed == {b"a": 1}
    assert server.reply_cache.counters.joined == 2
    assert server.reply_cache.running == 0


async def test_a_storm_of_copies_takes_few_places(make_cache: MakeCache) -> None:
    program = Program()
    server = Server(
        [program], [AcceptNone()], non_idempotent=MARKED, reply_cache=make_cache(), max_calls=2 * MAX_WAITING + 4
    )
    async with serving(server) as channel, serving(server) as other:
        for _ in range(500):
            await channel.send(call_record(2, ONE))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 1
        assert server.reply_cache.counters.superseded == server.counters.dropped == 499 - MAX_WAITING
        assert (await ask(other, call_record()))[:8] == "00000005"
        program.gate.set()
        for _ in range(1 + MAX_WAITING):
            assert (await channel.receive()).hex() == OK_ONE
    assert program.executed == {b"a": 1}


async def test_waiting_copies_that_go_away(make_cache: MakeCache) -> None:
    server, program = server_of(make_cache())
    async with serving(server) as one:
        await one.send(call_record(2, ONE))
        await trio.testing.wait_all_tasks_blocked()
        async with serving(server) as two:
            await two.send(call_record(2, ONE))
            await trio.testing.wait_all_tasks_blocked()
        program.gate.set()
        assert (await one.receive()).hex() == OK_ONE
    assert program.executed == {b"a": 1}


async def test_a_fault_is_the_answer_to_all_copies(make_cache: MakeCache, caplog: pytest.LogCaptureFixture) -> None:
    server, _ = server_of(make_cache())
    async with serving(server) as channel:
        assert await ask(channel, call_record(3)) == FAULT
        assert await ask(channel, call_record(3)) == FAULT
    assert server.counters.faults == 1
    assert server.reply_cache.counters.repeated == 1


@pytest.mark.parametrize(
    ("record", "stat"), [(call_record(5), 3), (call_record(1, b"\0\0\0"), 4)], ids=["missing", "garbage"]
)
async def test_refusals_say_that_nothing_was_done_and_are_not_kept(
    make_cache: MakeCache, record: bytes, stat: int
) -> None:
    server, _ = server_of(make_cache())
    async with serving(server) as channel:
        for _ in range(2):
            assert await ask(channel, record) == f"{ACCEPTED} {stat:08x}".replace(" ", "")
    assert server.reply_cache.counters.repeated == 0


async def test_after_a_denial_the_call_is_executed_with_better_credentials(make_cache: MakeCache) -> None:
    class Choosy(Program):
        choosy = True

        async def ECHO(self, call: Call, arg: bytes) -> bytes:
            if self.choosy:
                self.choosy = False
                raise AuthRefused(auth_stat.AUTH_TOOWEAK)
            return await super().ECHO(call, arg)

    server, program = server_of(make_cache(), Choosy())
    async with serving(server) as channel:
        assert "0000000100000001" in await ask(channel, call_record(1, ONE))
        assert await ask(channel, call_record(1, ONE)) == OK_ONE
    assert program.executed == {b"a": 1}


async def test_a_call_that_is_cancelled_in_the_middle_has_broken_off(make_cache: MakeCache) -> None:
    """Its copies hear so, those that wait and those that come later, and it is not executed again."""
    server, program = server_of(make_cache())
    near, far = memory_channel_pair()
    async with serving(server) as other, trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, far)
        await near.send(call_record(2, ONE))
        await trio.testing.wait_all_tasks_blocked()
        await other.send(call_record(2, ONE))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            assert (await other.receive()).hex() == FAULT
            assert await ask(other, call_record(2, ONE)) == FAULT
    assert program.executed == {b"a": 1}
    assert server.reply_cache.counters.broken_off == 1
    assert server.reply_cache.running == 0


async def test_results_that_are_too_long_to_keep(make_cache: MakeCache) -> None:
    server, program = server_of(make_cache(results=64))
    long = (100).to_bytes(4) + bytes(100)
    async with serving(server) as channel:
        assert (await ask(channel, call_record(1, long))).startswith(f"{ACCEPTED} 00000000".replace(" ", ""))
        assert await ask(channel, call_record(1, long)) == FAULT
    assert list(program.executed.values()) == [1]


async def test_kept_for_a_time(make_cache: MakeCache, autojump_clock: trio.testing.MockClock) -> None:
    server, program = server_of(make_cache(seconds=30))
    async with serving(server) as channel:
        for pause, times in ((0, 1), (29, 1), (2, 2)):
            await trio.sleep(pause)
            assert await ask(channel, call_record(1, ONE)) == OK_ONE
            assert program.executed[b"a"] == times


async def test_a_flood_of_one_caller_does_not_push_out_anothers_replies(make_cache: MakeCache) -> None:
    cache = make_cache(octets=64 * 1024, results=1024)

    async def execute() -> bytes:
        return b"result"

    async def never() -> bytes:
        raise AssertionError("executed again")

    mine = [CallKey(b"me", b"mine %d" % number) for number in range(10)]
    for key in mine:
        await cache.run(key, execute)
    for number in range(1000):
        await cache.run(CallKey(b"flood", b"theirs %d" % number), execute)
    for key in mine:
        assert await cache.run(key, never) == b"result"
    assert cache.counters.evicted == 1010 - 64 * 1024 // (ENTRY_OCTETS + 6)


# The client's part


async def hold_and_cut(net: Network, program: Program) -> None:
    """Once the call runs, the connection is lost; the call goes on."""
    await trio.sleep(1)
    assert program.running == 1
    await net.break_all()
    await trio.sleep(1)
    program.gate.set()


@pytest.mark.parametrize("flavor", [AuthNone(), AuthSys()], ids=["none", "sys"])
async def test_a_call_goes_to_the_next_connection_and_is_not_executed_again(
    make_cache: MakeCache, flavor: ClientFlavor, autojump_clock: trio.testing.MockClock
) -> None:
    server, program = server_of(make_cache())
    async with (
        network(server) as net,
        open_client(net.connect, flavor, non_idempotent=MARKED, replies_kept=120) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(hold_and_cut, net, program)
        assert await client.call(HOLD, b"once") == b"once"
        assert client.outstanding == 0
        assert net.connections == 2
    assert program.executed == {b"once": 1}


async def test_without_a_word_about_the_server_it_is_not_sent_again(
    make_cache: MakeCache, autojump_clock: trio.testing.MockClock
) -> None:
    server, program = server_of(make_cache())
    async with (
        network(server) as net,
        open_client(net.connect, AuthNone(), non_idempotent=MARKED) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(hold_and_cut, net, program)
        with pytest.raises(OutcomeUnknown, match=r"HOLD: .*; the call may have been executed"):
            await client.call(HOLD, b"once")


async def test_it_is_not_sent_again_when_the_server_may_have_forgotten(
    make_cache: MakeCache, autojump_clock: trio.testing.MockClock
) -> None:
    server, program = server_of(make_cache(seconds=20))
    async with (
        network(server) as net,
        open_client(net.connect, AuthNone(), non_idempotent=MARKED, replies_kept=20, timeout=1000) as client,
        trio.open_nursery() as nursery,
    ):

        async def cut_for_long() -> None:
            await trio.sleep(5)
            net.refusing = True
            await net.break_all()
            await trio.sleep(40)
            net.refusing = False

        nursery.start_soon(cut_for_long)
        with pytest.raises(OutcomeUnknown, match="its reply did not come in time"):
            await client.call(HOLD, b"once")
        assert trio.current_time() < 100
        program.gate.set()
        assert await client.call(ECHO, b"next") == b"next"
    assert program.executed == {b"once": 1, b"next": 1}


async def test_nor_does_it_leave_so_late(make_cache: MakeCache, autojump_clock: trio.testing.MockClock) -> None:
    """On its way out it has to wait for others."""
    server, program = server_of(make_cache(seconds=20))
    program.gate.set()
    delays = [0.0, 40.0, 0.0]

    async def connect() -> StreamChannel:
        channel = await net.connect()
        send, delay = channel.send, delays[net.connections - 1]

        async def late(value: Record) -> None:
            await trio.sleep(delay)
            await send(value)
            if not delay:
                await net.break_all()

        channel.send = late  # type: ignore[method-assign]
        return channel

    async with (
        network(server) as net,
        open_client(connect, AuthNone(), non_idempotent=MARKED, replies_kept=20, timeout=1000) as client,
    ):
        with pytest.raises(OutcomeUnknown, match="sent again in time"):
            await client.call(HOLD, b"once")
        assert trio.current_time() < 20
        await trio.sleep(100)
    assert program.executed[b"once"] <= 1


async def test_closing_the_client_meanwhile_leaves_the_outcome_unknown(
    make_cache: MakeCache, autojump_clock: trio.testing.MockClock
) -> None:
    """And not `ConnectionLost`, which says that the call may be repeated."""
    server, _ = server_of(make_cache())
    async with (
        network(server) as net,
        trio.open_nursery() as nursery,
        open_client(net.connect, AuthNone(), non_idempotent=MARKED, replies_kept=120) as client,
    ):

        async def call(argument: bytes, error: type[Exception]) -> None:
            with pytest.raises(error):
                await client.call(HOLD, argument)

        nursery.start_soon(call, b"sent", OutcomeUnknown)
        await trio.sleep(1)
        net.refusing = True
        await net.break_all()
        nursery.start_soon(call, b"not sent", ConnectionLost)
        await trio.sleep(1)


async def test_a_failed_call_is_a_fault_and_the_client_goes_on(
    make_cache: MakeCache, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = server_of(make_cache())
    async with (
        network(server) as net,
        open_client(net.connect, AuthNone(), non_idempotent=MARKED, replies_kept=120) as client,
    ):
        with pytest.raises(ServerFault):
            await client.call(FAIL, None)
        await client.call(NULL, None)

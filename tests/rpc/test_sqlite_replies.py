"""A reply cache in a file: shared by workers, there again after a start, and what a worker leaves that was killed."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio
import trio.testing

from rpcgss.rpc import ReplyCacheError, ReplyLimits, ServerFault, SqliteReplyCache
from rpcgss.rpc.kept import ENTRY_OCTETS, CallKey
from rpcgss.rpc.liveness import Workers
from rpcgss.rpc.work import InlineWorker
from tests.conftest import ROOT
from tests.rpc.test_replies import FAULT, OK_ONE, ONE, ask, server_of
from tests.rpc.test_server import call_record, serving

KEY = CallKey(b"share", b"digest")
OpenFile = Callable[..., SqliteReplyCache]

WORKER = """
import sys, time, trio
from rpcgss.rpc import SqliteReplyCache
from rpcgss.rpc.kept import CallKey

async def execute():
    print("executing", flush=True)
    await trio.sleep_forever()

cache = SqliteReplyCache(sys.argv[1])
trio.run(cache.run, CallKey(b"share", b"digest"), execute)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replies"


@pytest.fixture
def open_file(path: Path) -> Iterator[OpenFile]:
    """Opens one and the same file."""
    with ExitStack() as stack:

        def open_one(
            limits: ReplyLimits | None = None, clock: Callable[[], float] = trio.current_time
        ) -> SqliteReplyCache:
            cache = SqliteReplyCache(path, limits, worker=InlineWorker(), clock=clock)
            stack.callback(cache.close)
            return cache

        yield open_one


async def never() -> bytes:
    raise AssertionError("executed again")


async def execute() -> bytes:
    return b"result"


async def test_replies_are_there_after_the_server_was_started_again(open_file: OpenFile) -> None:
    first = open_file()
    assert await first.run(KEY, execute) == b"result"
    first.close()
    assert await open_file().run(KEY, never) == b"result"


async def test_a_call_that_another_worker_executes_is_joined(
    open_file: OpenFile, autojump_clock: trio.testing.MockClock
) -> None:
    one, program = server_of(open_file())
    two, other_program = server_of(open_file())
    async with serving(one) as here, serving(two) as there:
        await here.send(call_record(2, ONE))
        await trio.sleep(1)
        for _ in range(3):
            await there.send(call_record(2, ONE))
        await trio.sleep(10)
        assert two.reply_cache.counters.joined == 2
        program.gate.set()
        for channel in (here, there, there, there):
            assert (await channel.receive()).hex() == OK_ONE
    assert (program.executed, other_program.executed) == ({b"a": 1}, {})
    assert two.reply_cache.running == 0


async def test_a_call_that_never_ends_elsewhere_is_not_waited_for_for_ever(
    open_file: OpenFile, autojump_clock: trio.testing.MockClock
) -> None:
    one, program = server_of(open_file())
    two, _ = server_of(open_file())
    async with serving(one) as here, serving(two) as there:
        await here.send(call_record(2, ONE))
        await trio.sleep(1)
        await there.send(call_record(2, ONE))
        await trio.sleep(one.reply_cache.limits.seconds + 1)
        assert (two.counters.dropped, two.reply_cache.running) == (1, 0)
        program.gate.set()
        assert (await here.receive()).hex() == OK_ONE
        assert await ask(there, call_record(2, ONE)) == OK_ONE


@pytest.mark.parametrize("running", [True, False], ids=["while_we_run", "before_we_begin"])
def test_a_worker_that_is_killed(open_file: OpenFile, path: Path, running: bool) -> None:
    """Its call is not executed again, and who asks hears that nobody knows what came of it."""
    caches = [open_file(clock=time.monotonic)] if running else []
    child = subprocess.Popen([sys.executable, "-c", WORKER, path], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"executing\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    cache = caches[0] if caches else open_file(clock=time.monotonic)
    for _ in range(2):
        with pytest.raises(ServerFault):
            trio.run(cache.run, KEY, never)
    assert cache.octets == ENTRY_OCTETS


@pytest.mark.parametrize("running", [True, False], ids=["while_we_run", "before_we_begin"])
def test_what_a_killed_worker_has_begun_may_be_executed_again(path: Path, running: bool) -> None:
    def open_one() -> SqliteReplyCache:
        return SqliteReplyCache(path, resume=True, worker=InlineWorker())

    caches = [open_one()] if running else []
    child = subprocess.Popen([sys.executable, "-c", WORKER, path], cwd=ROOT, stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == b"executing\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
    cache = caches[0] if caches else open_one()
    assert trio.run(cache.run, KEY, execute) == b"result"
    assert trio.run(cache.run, KEY, never) == b"result"
    cache.close()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_is_a_worker_of_its_own(path: Path) -> None:
    workers = Workers(path)
    parent = workers.name
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if workers.name != parent and workers.alive(parent) and workers.alive(workers.name) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert workers.alive(parent)
    assert len(list(workers.dead())) == 1
    assert list(workers.dead()) == []
    workers.close()
    assert not workers.alive(parent)
    assert not list(path.parent.glob("*.worker"))


def test_the_dead_are_found_whatever_the_path(tmp_path: Path) -> None:
    path = tmp_path / "replies[1]*"
    dead = path.with_name(f"{path.name}.0123456789abcdef.worker")
    dead.touch()
    other = tmp_path / "replies1 of another.0123456789abcdef.worker"
    other.touch()
    assert list(Workers(path).dead()) == ["0123456789abcdef"]
    assert not dead.exists()
    assert other.exists()


def test_workers_that_begin_while_others_look_for_dead_ones(path: Path) -> None:
    many = [Workers(path) for _ in range(20)]
    names = [workers.name for workers in many]
    assert list(many[0].dead()) == []
    assert all(many[0].alive(name) for name in names)
    for workers in many:
        workers.close()


async def test_a_file_that_cannot_be_used(open_file: OpenFile, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is executed that could not be remembered."""
    cache = open_file()
    server, program = server_of(cache)
    database = sqlite3.connect(path)
    database.execute("DROP TABLE shares")
    database.close()
    async with serving(server) as channel:
        assert await ask(channel, call_record(1, ONE)) == FAULT
    assert not program.executed
    assert "reply cache" in caplog.text


async def test_a_reply_that_cannot_be_kept_leaves_all_the_same(
    open_file: OpenFile, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = open_file()

    async def spoil() -> bytes:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TRIGGER spoiler BEFORE UPDATE ON replies BEGIN SELECT RAISE(ABORT, 'full'); END")
        database.close()
        return b"result"

    assert await cache.run(KEY, spoil) == b"result"
    assert "a reply is not kept" in caplog.text
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER spoiler")
    database.close()
    with pytest.raises(ServerFault):
        await cache.run(KEY, never)


async def test_a_machine_that_was_started_again(open_file: OpenFile) -> None:
    """Its clock is far behind what the file says: nothing is kept for ever, and nothing new makes room for it."""
    limits = ReplyLimits(octets=4 * ENTRY_OCTETS, results=100)
    before = open_file(limits, clock=lambda: 1e6)
    for number in range(4):
        await before.run(CallKey(b"share", b"old %d" % number), nothing)
    before.close()
    now = 10.0
    after = open_file(limits, clock=lambda: now)
    assert await after.run(CallKey(b"share", b"old 0"), never) == b""
    now += 1
    await after.run(CallKey(b"share", b"new"), nothing)
    assert await after.run(CallKey(b"share", b"new"), never) == b""
    now += limits.seconds
    assert await after.run(CallKey(b"share", b"old 3"), execute) == b"result"


async def nothing() -> bytes:
    return b""


async def test_calls_under_way_keep_nobody_from_making_room(
    open_file: OpenFile, autojump_clock: trio.testing.MockClock
) -> None:
    limits = ReplyLimits(octets=6 * ENTRY_OCTETS, results=100)
    cache = open_file(limits)
    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(cache.run, CallKey(b"busy", b"%d" % number), trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        for number in range(20):
            await cache.run(CallKey(b"share %d" % number, b"call %d" % number), nothing)
        nursery.cancel_scope.cancel()
        assert cache.octets <= limits.octets


async def test_a_file_that_somebody_removed(open_file: OpenFile, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is not taken for the one that others make in its place. Then all use the new one."""
    cache = open_file()
    assert await cache.run(KEY, execute) == b"result"

    async def removing() -> bytes:
        for file in path.parent.glob("replies*"):
            file.unlink()
        return b"result"

    assert await cache.run(CallKey(b"share", b"another"), removing) == b"result"
    assert "was removed" in caplog.text
    assert await cache.run(KEY, execute) == b"result"
    assert await open_file().run(KEY, never) == b"result"


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_carries_no_open_file(path: Path) -> None:
    """The parent closes it while the child uses it: its log must not go away under the child."""
    cache = SqliteReplyCache(path)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            trio.run(cache.run, CallKey(b"share", b"first"), execute)
            theirs.sendall(b"1")
            theirs.recv(1)
            trio.run(cache.run, KEY, execute)
            status = 0
        finally:
            os._exit(status)
    with ours, theirs:
        assert ours.recv(1)
        cache.close()
        ours.sendall(b"2")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    again = SqliteReplyCache(path)
    assert trio.run(again.run, KEY, never) == b"result"
    again.close()


async def test_the_files_are_private(open_file: OpenFile, path: Path) -> None:
    old = os.umask(0)
    try:
        await open_file().run(KEY, execute)
    finally:
        os.umask(old)
    files = list(path.parent.iterdir())
    assert len(files) == 4
    assert {file.stat().st_mode & 0o7777 for file in files} == {0o600}


def test_not_a_cache(path: Path) -> None:
    path.write_bytes(b"something else" * 100)
    path.chmod(0o600)
    with pytest.raises(ReplyCacheError, match="no reply cache"):
        SqliteReplyCache(path)
    path.chmod(0o640)
    with pytest.raises(ReplyCacheError, match="mode 0600"):
        SqliteReplyCache(path)
    assert path.read_bytes() == b"something else" * 100


async def test_the_books_are_right(open_file: OpenFile, path: Path) -> None:
    now = 0.0
    limits = ReplyLimits(seconds=50, octets=20 * ENTRY_OCTETS, results=100)
    cache = open_file(limits, clock=lambda: now)

    async def some() -> bytes:
        return bytes(number % 100)

    for number in range(300):
        now += number % 7 / 5
        await cache.run(CallKey(b"share %d" % (number % 5), b"%d" % (number % 250)), some)
        assert cache.octets <= limits.octets
        with sqlite3.connect(path) as database:
            (octets,) = database.execute("SELECT sum(octets) FROM replies").fetchone()
            shares = dict(database.execute("SELECT share, sum(octets) FROM replies GROUP BY share"))
            assert shares == dict(database.execute("SELECT share, octets FROM shares"))
        database.close()
        assert octets == cache.octets
    assert 0 < len(cache) <= 20
    assert cache.running == 0

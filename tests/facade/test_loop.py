"""The loop behind the façades: its beginning and end, forks, and what it holds open."""

import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

import rpcgss
from rpcgss import blocking
from rpcgss.loop import Errand, Keeper, Loop, LoopEnded, background_loop, plain_exception
from tests.facade.program import LIMIT

THREADS_AND_FORK = "ignore:This process:DeprecationWarning"  # Python 3.12 and later warn of it; we try it
PREAMBLE = """
import os, sys, threading
import rpcgss
from rpcgss import blocking
from rpcgss.loop import LoopEnded
from tests.facade.program import ECHO, HOLD, NULL, GeneratedClient, Plain

program = Plain()
def serve():
    return blocking.serve_tcp(rpcgss.Server([blocking.service(program)], [rpcgss.AcceptNone()]), 0, "127.0.0.1")
def connect(serving):
    return blocking.connect_tcp("127.0.0.1", serving.port, rpcgss.AuthNone(), timeout=20)
"""


def run(script: str) -> str:
    """What a program prints; it has to end with 0 and say nothing on stderr."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-W", THREADS_AND_FORK, "-c", PREAMBLE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_it_is_not_imported_by_itself() -> None:
    command = "import sys, rpcgss; print([m for m in ('rpcgss.loop', 'rpcgss.blocking') if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert ended.stdout == "[]\n"


def test_importing_begins_no_thread() -> None:
    assert run("print(threading.active_count())") == "1\n"


def test_exit_without_close() -> None:
    """A server at work, a client open, a thread of each in the middle of a call, and nothing is said about that."""
    script = """
        serving = serve()
        client = connect(serving)
        threading.Thread(target=client.call, args=(HOLD, b""), daemon=True).start()
        program.begun.acquire()
        print(client.call(ECHO, b"hello"))
    """
    assert run(script) == "b'hello'\n"


def test_exit_by_an_exception() -> None:
    script = """
        with serve() as serving, connect(serving) as client:
            client.call(NULL, None)
            sys.exit(0)
    """
    assert run(script) == ""


def test_a_fork() -> None:
    """A child has no use for what its parent opened, and does it no harm; it may open its own."""
    script = """
        import gc
        serving = serve()
        client = connect(serving)
        assert client.call(ECHO, b"before") == b"before"
        child = os.fork()
        if not child:
            for use in (lambda: client.call(NULL, None), serving.wait):
                try:
                    use()
                except LoopEnded as error:
                    print(error)
            client.close()
            serving.stop()
            gc.collect()
            with connect(serving) as own:
                print(own.call(ECHO, b"child"))
            with serve() as mine, connect(mine) as own:
                print(own.call(ECHO, b"child alone"))
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(client.call(ECHO, b"parent"))
        print(client.counters.connections)
        client.close()
        serving.stop()
    """
    refused = "this was opened by the parent process, before it forked, or the background loop has ended\n"
    assert run(script) == refused * 2 + "b'child'\nb'child alone'\nb'parent'\n1\n"


def test_a_fork_while_another_thread_waits() -> None:
    script = """
        serving = serve()
        client = connect(serving)
        waiting = threading.Thread(target=client.call, args=(HOLD, b""))
        waiting.start()
        program.begun.acquire()
        child = os.fork()
        if not child:
            with connect(serving) as own:
                own.call(NULL, None)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        program.gate.set()
        waiting.join()
        client.close()
        serving.stop()
    """
    assert run(script) == ""


def test_the_end_of_a_loop_frees_who_waits() -> None:
    loop, failures = Loop(), []

    def wait() -> None:
        try:
            blocking._wait_for(loop, trio.sleep_forever)
        except LoopEnded as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    loop.end()
    waiting.join(LIMIT)
    assert len(failures) == 1
    with pytest.raises(LoopEnded):
        blocking._wait_for(loop, trio.sleep_forever)
    loop.end()
    assert not loop.errands


def test_the_end_of_a_loop_closes_what_it_held() -> None:
    loop, steps = Loop(), []

    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        finally:
            steps.append("left")

    keeper = Keeper(manager())
    blocking._open(loop, keeper)
    loop.end()
    assert steps == ["left"]
    blocking._close(loop, keeper)


def test_an_errand_that_could_not_be_sent() -> None:
    loop, done = Loop(), threading.Event()
    errand = Errand(loop, trio.sleep_forever, done.set)
    loop.end()
    with pytest.raises(LoopEnded):
        errand.send()
    errand.cancel()
    assert done.is_set()
    with pytest.raises(LoopEnded):
        errand.outcome()


def test_there_is_one() -> None:
    assert background_loop() is background_loop()


# What is held open


class Manager:
    """Writes down its steps, and fails at those it is told to."""

    def __init__(self, *failing: str, patience: float = 0) -> None:
        self.steps: list[str] = []
        self._failing = failing
        self._patience = patience

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[int]:
        await self._step("enter")
        try:
            yield 42
        finally:
            await self._step("leave")

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        await trio.sleep(self._patience)
        if name in self._failing:
            raise ExceptionGroup("", [ValueError(name)])


async def test_open_and_close() -> None:
    manager = Manager()
    keeper = Keeper(manager.opened())
    await keeper.close()
    assert await keeper.open() == 42
    await keeper.close()
    await keeper.close()
    await keeper.wait()
    assert manager.steps == ["enter", "leave"]


async def test_it_fails_to_open() -> None:
    keeper = Keeper(Manager("enter").opened())
    with pytest.raises(ValueError, match="enter"):
        await keeper.open()
    await keeper.close()


async def test_it_fails_to_close() -> None:
    keeper = Keeper(Manager("leave").opened())
    await keeper.open()
    with pytest.raises(ValueError, match="leave"):
        await keeper.close()
    with pytest.raises(ValueError, match="leave"):
        await keeper.wait()


async def test_opening_is_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    manager = Manager(patience=10)
    with trio.move_on_after(5):
        await Keeper(manager.opened()).open()
    assert manager.steps == ["enter"]


async def test_closing_is_cancelled(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    keeper = Keeper(Manager(patience=10).opened())
    await keeper.open()
    with trio.move_on_after(5):
        await keeper.close()
    assert trio.current_time() - began == 15
    await keeper.wait()


def test_exceptions_come_out_as_they_were() -> None:
    error = ValueError("inner")
    assert plain_exception(error) is error
    assert plain_exception(ExceptionGroup("", [ExceptionGroup("", [error]), TypeError()])) is error


def test_of_cancellations_nothing_comes_out() -> None:
    caught: list[BaseException] = []

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                caught.append(error)
                raise

    trio.run(main)
    assert plain_exception(caught[0]) is None
    assert plain_exception(BaseExceptionGroup("", [*caught, rpcgss.RpcError("x")])) is not None
    assert plain_exception(BaseExceptionGroup("", caught)) is None

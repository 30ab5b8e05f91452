"""One thread at a time in a context, also when nobody waits for it any more."""

import linecache
import sys
import threading
from collections.abc import Callable
from types import FrameType

import pytest
import trio

from rpcgss.gss.guard import Guard
from rpcgss.gss.protection import MessageProtection
from rpcgss.rpc.work import ArgumentsT, InlineWorker, ResultT, ThreadWorker, Worker
from tests.gss.fake_mechanism import FakeProtection

LARGE = MessageProtection.inline_limit + 1


def guard() -> Guard:
    return Guard(FakeProtection(b"key", initiator=True, encrypts=True))


async def test_small_work_is_done_at_once() -> None:
    """No thread, and not even a checkpoint."""
    thread = await guard().run(ThreadWorker(), 10, threading.get_ident)
    assert thread == threading.get_ident()


async def test_large_work_goes_to_a_thread() -> None:
    assert await guard().run(ThreadWorker(), LARGE, threading.get_ident) != threading.get_ident()


async def test_errors_come_out_and_let_the_next_in() -> None:
    one = guard()

    def fail() -> None:
        raise ValueError("inside")

    for worker in (ThreadWorker(), InlineWorker()):
        for size in (1, LARGE):
            with pytest.raises(ValueError, match="inside"):
                await one.run(worker, size, fail)
        assert await one.run(worker, LARGE, lambda: 3) == 3


class Gate:
    """Work that stays in its thread until it is let go."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.go = threading.Event()
        self.left = False
        self.token = trio.lowlevel.current_trio_token()

    def __call__(self) -> str:
        self.token.run_sync_soon(self.entered.set)
        assert self.go.wait(30)
        self.left = True
        return "gate"


async def test_small_work_waits_for_the_thread_inside() -> None:
    one, gate, seen = guard(), Gate(), []

    async def small() -> None:
        await one.run(ThreadWorker(), 1, lambda: seen.append(gate.left))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ThreadWorker(), LARGE, gate)
        await gate.entered.wait()
        for _ in range(3):
            nursery.start_soon(small)
        await trio.testing.wait_all_tasks_blocked()
        assert one.taken
        assert not seen
        gate.go.set()
    assert seen == [True] * 3
    assert not one.taken


async def test_an_abandoned_thread_still_holds_the_context() -> None:
    one, gate = guard(), Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ThreadWorker(), LARGE, gate)
        await gate.entered.wait()
        nursery.cancel_scope.cancel()
    assert one.taken
    with trio.move_on_after(0) as scope:
        await one.run(ThreadWorker(), 1, lambda: None)
    assert scope.cancelled_caught
    gate.go.set()
    assert await one.run(ThreadWorker(), 1, lambda: gate.left)


async def test_work_cancelled_before_it_began_lets_the_next_in() -> None:
    one, other, gate, worker = guard(), guard(), Gate(), ThreadWorker(1)
    ran: list[Callable[[], None]] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.run, worker, LARGE, gate)  # takes the only thread
        await gate.entered.wait()
        with trio.move_on_after(0):
            await one.run(worker, LARGE, ran.append, lambda: None)
        assert not one.taken
        assert await one.run(worker, 1, lambda: "in") == "in"
        gate.go.set()
    assert not ran


class LastMoment(Worker):
    """Fails (as a cancelled wait does), and lets its thread begin when the guard is just about to take the claim."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    async def run(self, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT) -> ResultT:
        def trace(frame: FrameType, event: str, _: object) -> object:
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if event == "line" and "claim.pop()" in line and self.thread is None:
                self.thread = threading.Thread(target=function, args=arguments)
                self.thread.start()
                self.thread.join()
            return trace

        guards = sys._getframe().f_back
        assert guards is not None
        guards.f_trace = trace
        sys.settrace(lambda *_: None)
        raise TimeoutError("the wait is over")


async def test_a_thread_that_begins_while_its_wait_ends() -> None:
    """What ended the wait comes out, and the thread lets the next in."""
    one, worker, former = guard(), LastMoment(), sys.gettrace()
    ran: list[int] = []
    try:
        with pytest.raises(TimeoutError, match="the wait is over"):
            await one.run(worker, LARGE, ran.append, 1)
    finally:
        sys.settrace(former)
    assert worker.thread is not None
    assert ran == [1]
    assert await one.run(InlineWorker(), 1, lambda: "in") == "in"
    assert not one.taken


async def test_parallel_protections_are_not_held_up() -> None:
    class Parallel(FakeProtection):
        parallel = True

    one, gate = Guard(Parallel(b"k", initiator=True, encrypts=True)), Gate()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.run, ThreadWorker(), LARGE, gate)
        await gate.entered.wait()
        assert await one.run(ThreadWorker(), LARGE, lambda: "beside") == "beside"
        assert await one.run(ThreadWorker(), 1, lambda: "inline") == "inline"
        gate.go.set()


async def test_fifty_tasks_on_one_context() -> None:
    """The fake raises if two threads meet in it."""
    one, worker, done = guard(), ThreadWorker(), []
    protection = one.protection

    async def work(number: int) -> None:
        size = LARGE if number % 3 else 10
        done.append(await one.run(worker, size, protection.mic, bytes(size)))

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(work, number)
    assert len(done) == 50

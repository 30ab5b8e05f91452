"""Work in threads: how many at a time, and what is left when none is done."""

import threading

import trio

from rpcgss.rpc.work import ThreadWorker

PATIENCE = 30


class Work:
    """Stays in its thread until it is let go."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.go = threading.Event()
        self._token = trio.lowlevel.current_trio_token()

    def __call__(self) -> None:
        self._token.run_sync_soon(self.entered.set)
        assert self.go.wait(PATIENCE)


async def test_so_many_threads_at_a_time() -> None:
    worker, works, late = ThreadWorker(2), [Work(), Work()], Work()
    async with trio.open_nursery() as nursery:
        for work in works:
            nursery.start_soon(worker.run, work)
            await work.entered.wait()
        nursery.start_soon(worker.run, late)
        await trio.testing.wait_all_tasks_blocked()
        assert not late.entered.is_set()
        for work in (*works, late):
            work.go.set()
            await late.entered.wait()


async def test_a_thread_that_nobody_waits_for_counts() -> None:
    worker, left, waiting = ThreadWorker(1), Work(), Work()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, left)
        await left.entered.wait()
        nursery.cancel_scope.cancel()
    with trio.move_on_after(0) as limit:
        await worker.run(print)  # cancelled before it began
    assert limit.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run, waiting)
        await trio.testing.wait_all_tasks_blocked()
        assert not waiting.entered.is_set()
        left.go.set()
        await waiting.entered.wait()
        waiting.go.set()


async def test_an_idle_worker_keeps_no_limiter() -> None:
    """It takes 0.7 KiB, and each of thousands of users has a worker."""
    worker = ThreadWorker()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(worker.run, threading.get_ident)
    assert worker._limiter is None

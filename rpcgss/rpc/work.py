"""Who runs work that may block: GSS calls that ask a KDC, big wraps, file systems."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

import trio

ResultT = TypeVar("ResultT")
ArgumentsT = TypeVarTuple("ArgumentsT")


class Worker(ABC):
    """Runs plain functions so that the event loop does not wait for them."""

    __slots__ = ()

    @abstractmethod
    async def run(self, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT) -> ResultT:
        """The result of `function(*arguments)`; raises what it raises.

        Cancelled: returns at once; the function may still run to its end, and its result is dropped.
        """


class ThreadWorker(Worker):
    """At most `threads` at a time, with a limit of its own, so that other users of trio's threads are not starved."""

    __slots__ = ("_limiter", "_threads")

    def __init__(self, threads: int = 8) -> None:
        self._threads: Final = threads
        self._limiter: trio.CapacityLimiter | None = None  # while work is under way: of idle workers there are many

    async def run(self, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT) -> ResultT:
        limiter = self._limiter = self._limiter or trio.CapacityLimiter(self._threads)
        try:
            return await trio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True, limiter=limiter)
        finally:
            if limiter is self._limiter and not limiter.borrowed_tokens:
                self._limiter = None


class InlineWorker(Worker):
    """In the event loop itself: for tests on a clock that jumps as soon as nothing else is to be done."""

    async def run(self, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT) -> ResultT:
        await trio.lowlevel.checkpoint()
        return function(*arguments)

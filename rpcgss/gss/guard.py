"""At most one thread inside a security context at a time.

A GSS context is not for sharing between threads. Small messages are done at once in the event loop, which is itself one
thread, so that costs nothing but a look at a flag; large ones go to a worker thread, and whoever comes meanwhile waits.
When the wait for a worker is cancelled the thread cannot be stopped: the context stays taken until the thread has left.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar, TypeVarTuple

import trio

from rpcgss.gss.protection import MessageProtection
from rpcgss.rpc.work import Worker

ResultT = TypeVar("ResultT")
ArgumentsT = TypeVarTuple("ArgumentsT")


class Guard:
    """Stands before one `MessageProtection` and lets one in at a time (all, if it is `parallel`)."""

    __slots__ = ("_lot", "_visitor", "protection")

    def __init__(self, protection: MessageProtection) -> None:
        self.protection = protection
        self._visitor: object | None = None
        self._lot: trio.lowlevel.ParkingLot | None = None  # made when somebody has to wait, as nobody does on most

    @property
    def taken(self) -> bool:
        """Whether a thread is inside, and others would have to wait."""
        return self._visitor is not None

    def lets_in(self, size: int) -> bool:
        """Whether who comes with `size` octets need neither wait nor go to a thread: then it may do without `run`, as
        nearly all do, whose coroutine and arguments cost 0.6 µs."""
        return self._visitor is None and size <= self.protection.inline_limit

    async def wait(self) -> None:
        """Return when nobody is inside; who then does at once what is quick, such as the MIC of a header, is alone."""
        while self._visitor is not None:
            if self._lot is None:
                self._lot = trio.lowlevel.ParkingLot()
            await self._lot.park()

    async def run(
        self, worker: Worker, size: int, function: Callable[[*ArgumentsT], ResultT], *arguments: *ArgumentsT
    ) -> ResultT:
        """`function(*arguments)`, which uses the protection for `size` octets; raises what it raises.

        Cancelled: the result is lost, the context stays taken until the function has returned.
        """
        await self.wait()
        if size <= self.protection.inline_limit:
            return function(*arguments)
        if self.protection.parallel:
            return await worker.run(function, *arguments)
        return await self._run_alone(worker, lambda: function(*arguments))

    async def _run_alone(self, worker: Worker, function: Callable[[], ResultT]) -> ResultT:
        visitor = self._visitor = object()
        token = trio.lowlevel.current_trio_token()
        claim = [visitor]  # whoever pops it, the thread or our cancellation, owns the right to let the next one in

        def visit() -> ResultT | None:
            try:
                claim.pop()
            except IndexError:
                return None  # withdrawn before it began
            try:
                return function()
            finally:
                _notify(token, self._leave, visitor)

        try:
            result = await worker.run(visit)
        except BaseException:
            with suppress(IndexError):  # the thread has it, and leaves when it is done
                claim.pop()
                self._leave(visitor)
            raise
        self._leave(visitor)
        return result  # type: ignore[return-value]  # None only of a withdrawn visit, whose result nobody gets

    def _leave(self, visitor: object) -> None:
        if self._visitor is visitor:
            self._visitor = None
            if self._lot is not None:
                self._lot.unpark_all()  # each looks for itself: one that is quick leaves without a word


def _notify(token: trio.lowlevel.TrioToken, function: Callable[[object], None], visitor: object) -> None:
    """Tell the event loop from a worker thread, unless it is over."""
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(function, visitor)

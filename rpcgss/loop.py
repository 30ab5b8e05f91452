"""The trio loop behind the façades for threads and asyncio: one for each process, in a thread of its own.

How it works: an `Errand` is an async function on its way through the loop. Whoever sends it, from whatever thread, is
told by a callback when it has ended, and may cancel it meanwhile; the callback comes in that case too, once nothing of
the errand is left on the loop. What has to be entered and left by the same task, as clients and servers have, is held
open by a task that does nothing else: a `Keeper`.

The loop begins with the first errand and ends with the interpreter. A child that was forked off has no threads but one:
it gets a loop of its own as soon as it needs one, and what its parent had opened is refused there. (It has the sockets
all the same, as forked processes do: peers see a connection end when both processes have closed it.)
"""

import atexit
import contextvars
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Generic, TypeVar, TypeVarTuple

import trio

T = TypeVar("T")
ArgumentsT = TypeVarTuple("ArgumentsT")

EXIT_SECONDS: Final = 2.0
"""How long the end of the interpreter waits for the loop's."""


class LoopEnded(RuntimeError):
    """The loop that this belongs to runs no more: the interpreter ends, or it is the parent's, from before a fork."""


class Errand(Generic[T]):
    """One run of ``function()`` on `loop`, in the context variables of who makes it. `done` is called once, from the
    loop's thread, and must not raise. Raises as `Loop.check`."""

    def __init__(self, loop: "Loop", function: Callable[[], Awaitable[T]], done: Callable[[], None]) -> None:
        loop.check()
        self._loop: Final = loop
        self._function: Final = function
        self._to_call: Final = [done]  # empty afterwards: two threads may find out at once that it has ended
        self._context: Final = contextvars.copy_context()
        self._scope: Final = trio.CancelScope()
        self._began = False
        self._results: list[T] = []
        self._failure: BaseException | None = None

    def send(self) -> None:
        """Begin. Raises `LoopEnded`."""
        self._loop.errands.add(self)
        self._loop.soon(self._begin)

    def cancel(self) -> None:
        """Have it end early; `done` is called all the same. Also good for one whose `send` was interrupted."""
        try:
            self._loop.soon(self._give_up)
        except LoopEnded:
            self.end()

    def outcome(self) -> T:
        """After `done`: what the function returned; raises what it raised, or `LoopEnded` if it was kept from its end.
        To be asked once."""
        if self._results:
            return self._results[0]
        failure, self._failure = self._failure, None
        try:
            raise failure or LoopEnded("the background loop has ended")
        finally:
            del failure  # its traceback shows this frame: that would be a circle

    def forget(self) -> None:
        """Do not call `done`, whatever comes."""
        self._to_call.clear()

    # In the loop's thread

    def end(self) -> None:
        """Nothing more comes. Idempotent."""
        self._loop.errands.discard(self)
        try:
            done = self._to_call.pop()
        except IndexError:
            return
        done()

    def _begin(self) -> None:
        self._began = True
        trio.lowlevel.spawn_system_task(self._run, name=self._function, context=self._context)

    def _give_up(self) -> None:
        self._scope.cancel()
        if not self._began:
            self.end()

    async def _run(self) -> None:
        try:
            with self._scope:
                self._results.append(await self._function())
        except BaseException as error:
            self._failure = plain_exception(error)
        finally:
            self.end()


class Loop:
    """A trio loop in a daemon thread.

    usable  -- False once it has ended, and in a child process
    errands -- those that have not ended
    """

    def __init__(self) -> None:
        self.usable = True
        self.errands: Final[set[Errand[Any]]] = set()
        self._end: Final = trio.Event()
        self._started: Final = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._root: trio.lowlevel.Task | None = None
        self._thread: Final = threading.Thread(target=self._run, name="rpcgss loop", daemon=True)
        self._thread.start()
        self._started.wait()

    def check(self) -> None:
        """Raises `LoopEnded`, and `RuntimeError` in the loop's own thread, which must not wait for itself."""
        if not self.usable:
            raise LoopEnded("this was opened by the parent process, before it forked, or the background loop has ended")
        if threading.get_ident() == self._thread.ident:
            raise RuntimeError("what runs on the background loop must not wait for it: use the trio interface there")

    def soon(self, function: Callable[[], object]) -> None:
        """Call `function` in the loop's thread, in the order in which this is called. Raises `LoopEnded`."""
        if not self.usable or self._token is None:
            raise LoopEnded("the background loop has ended")
        try:
            self._token.run_sync_soon(function)
        except trio.RunFinishedError as error:
            raise LoopEnded("the background loop has ended") from error

    def end(self) -> None:
        """Cancel everything on the loop, and wait for its thread, but not for long."""
        try:
            self.soon(self._end.set)
        except LoopEnded:
            return
        self._thread.join(EXIT_SECONDS)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        finally:
            self.usable = False
            self._started.set()
            for errand in list(self.errands):
                errand.end()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._root = trio.lowlevel.current_task()  # for `_forked`: with it, all that is on the loop is kept
        self._started.set()
        await self._end.wait()


def background_loop() -> Loop:
    """This process's loop; begins it if need be."""
    global _loop
    with _lock:
        if _loop is None or not _loop.usable:
            _loop = Loop()
        return _loop


class Keeper(Generic[T]):
    """Holds `manager` open: `open` enters it and `close` leaves it, from errands of their own. For use on the loop."""

    def __init__(self, manager: AbstractAsyncContextManager[T]) -> None:
        self._manager: Final = manager
        self._scope: Final = trio.CancelScope()
        self._opened: Final = trio.Event()
        self._leave: Final = trio.Event()
        self._ended: Final = trio.Event()
        self._begun = False
        self._values: list[T] = []
        self._failure: BaseException | None = None

    async def open(self) -> T:
        """What the manager gives; raises what entering it raises. Cancelled: it is left, or never was entered."""
        self._begun = True
        trio.lowlevel.spawn_system_task(self._keep)
        await self._wait(self._opened)
        if not self._values:
            raise self._failure or LoopEnded("the background loop has ended")
        return self._values[0]

    async def close(self) -> None:
        """Leave the manager and wait until it is left; raises what made it end before its time. Cancelled: it is left
        as quickly as it can be. Idempotent."""
        if not self._begun:
            return
        self._leave.set()
        await self._wait(self._ended)
        await self.wait()

    async def wait(self) -> None:
        """Until the manager is left, for whatever reason; raises as `close` does. Cancelled: nothing happens."""
        await self._ended.wait()
        if self._failure is not None and self._values:
            raise self._failure

    async def _wait(self, event: trio.Event) -> None:
        try:
            await event.wait()
        except trio.Cancelled:
            self._scope.cancel()
            with trio.CancelScope(shield=True):
                await self._ended.wait()
            raise

    async def _keep(self) -> None:
        try:
            with self._scope:
                async with self._manager as value:
                    self._values.append(value)
                    self._opened.set()
                    await self._leave.wait()
        except BaseException as error:
            self._failure = plain_exception(error)
        finally:
            self._opened.set()
            self._ended.set()


def plain_exception(error: BaseException) -> BaseException | None:
    """An exception as it was before nurseries put it into groups; of several, the first. None: a mere cancellation."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(plain_exception, error.exceptions)), None)
    return None if isinstance(error, trio.Cancelled) else error


_lock = threading.Lock()
_loop: Loop | None = None
_left_behind: Final[list[Loop]] = []  # in a child; kept, for to finish its parent's tasks would write to its sockets


def _forked() -> None:
    global _lock, _loop
    _lock = threading.Lock()
    if _loop is not None:
        _loop.usable = False
        _left_behind.append(_loop)
        _loop = None


def _end_loop() -> None:
    if _loop is not None:
        for errand in list(_loop.errands):
            errand.forget()  # only daemon threads wait by now, which end without a word
        _loop.end()


os.register_at_fork(after_in_child=_forked)
atexit.register(_end_loop)

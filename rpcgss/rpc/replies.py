"""At most once: the reply cache of a server, for calls of procedures that must not be executed twice.

A call that comes again, because its reply was lost with a connection, a datagram or a security context, gets the reply
of the first time, protected anew. What makes it the same call is said by `kept.call_key`.

How it works: the first of them runs the procedure, and those that come meanwhile wait for what comes of it; but of more
than MAX_WAITING the oldest gives up its place, since its sender has long sent the call again. What is kept:

    results, and SYSTEM_ERR                   yes; after SYSTEM_ERR nobody knows how far it had come
    a call that was cancelled in the middle   yes, as SYSTEM_ERR
    other refusals                            no: they say that nothing was done, and the call may come again with
                                              better credentials
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Literal

import trio

from rpcgss.rpc.errors import Refusal, ServerFault, Superseded
from rpcgss.rpc.kept import CallKey, Fate, KeptReplies, Outcome, ReplyLimits
from xdr import Buffer

MAX_WAITING: Final = 4
"""Copies of one call that wait for it: one on each connection that its client had lately."""


@dataclass(slots=True)
class ReplyCounters:
    """Totals since the cache was made.

    executed   -- calls that were run
    repeated   -- answered with a reply that was kept, faults among them
    joined     -- came while the same call was running, and waited for it
    superseded -- of those, the ones that got no reply because too many came after them
    broken_off -- were begun, and cancelled or killed before they had ended
    evicted    -- replies that had to make room before their time: if they are many, `ReplyLimits.octets` is too low
    """

    executed: int = 0
    repeated: int = 0
    joined: int = 0
    superseded: int = 0
    broken_off: int = 0
    evicted: int = 0


class ReplyCache(ABC):
    """Where a server keeps replies; for servers of one set of programs only. Give it to `Server`."""

    def __init__(self, limits: ReplyLimits) -> None:
        self.limits: Final = limits
        self.counters: Final = ReplyCounters()
        self._running: Final[dict[bytes, _Running]] = {}

    @property
    def running(self) -> int:
        """Calls that run, or are looked up, just now."""
        return len(self._running)

    async def run(self, key: CallKey, execute: Callable[[], Awaitable[Buffer]]) -> Buffer:
        """The results of a call: those of the first time, or what `execute` gives, which raises `Refusal` alone.

        Raises what `execute` does, `ServerFault` if that is all there is to say about the first time, and `Superseded`
        if there is to be no reply at all. Cancelled: if it was being executed, it is not executed again.
        """
        while True:
            running = self._running.get(key.digest)
            if running is None:
                return await self._lead(key, execute)
            self.counters.joined += 1
            fate = await self._wait(running)
            if fate is Fate.FAULT:
                raise ServerFault("the same call failed, or broke off, a moment ago")
            if fate is not Fate.NEW:
                return fate

    @abstractmethod
    async def _claim(self, key: CallKey) -> Outcome | Literal[Fate.NEW]:
        """What is known of a call; if that is nothing (NEW), it is now ours to execute. Cancelled: it is not."""

    @abstractmethod
    async def _settle(self, key: CallKey, fate: Outcome | Literal[Fate.NEW]) -> None:
        """What came of a call that was ours: keep that; NEW: nothing, the call may come again. Not to be cancelled."""

    async def _lead(self, key: CallKey, execute: Callable[[], Awaitable[Buffer]]) -> Buffer:
        running = self._running[key.digest] = _Running()
        try:
            running.fate = await self._claim(key)
            if running.fate is Fate.NEW:
                return await self._execute(key, execute, running)
        finally:
            del self._running[key.digest]
            running.end()
        self.counters.repeated += 1
        if running.fate is Fate.FAULT:
            raise ServerFault("the same call failed, or broke off, before")
        return running.fate

    async def _execute(self, key: CallKey, execute: Callable[[], Awaitable[Buffer]], running: "_Running") -> Buffer:
        self.counters.executed += 1
        running.fate = Fate.FAULT  # unless it turns out better
        try:
            results = running.fate = bytes(await execute())
            return results
        except Refusal as refusal:
            if not isinstance(refusal, ServerFault):
                running.fate = Fate.NEW
            raise
        except trio.Cancelled:
            self.counters.broken_off += 1
            raise
        finally:
            await self._settle(key, self._fitting(running.fate))

    def _fitting(self, fate: Outcome | Literal[Fate.NEW]) -> Outcome | Literal[Fate.NEW]:
        return Fate.FAULT if isinstance(fate, bytes) and len(fate) > self.limits.results else fate

    async def _wait(self, running: "_Running") -> Outcome | Literal[Fate.NEW]:
        fate = await running.join()
        if fate is None:
            self.counters.superseded += 1
            raise Superseded("later copies of the call wait for its reply")
        return fate


class MemoryReplyCache(ReplyCache):
    """Of one process, gone with it. `clock` gives seconds that never go back."""

    def __init__(self, limits: ReplyLimits | None = None, *, clock: Callable[[], float] = trio.current_time) -> None:
        super().__init__(limits or ReplyLimits())
        self._kept: Final = KeptReplies(self.limits)
        self._clock: Final = clock

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def octets(self) -> int:
        """That are kept, see `ReplyLimits`."""
        return self._kept.octets

    async def _claim(self, key: CallKey) -> Outcome | Literal[Fate.NEW]:
        return self._kept.find(key, self._clock())

    async def _settle(self, key: CallKey, fate: Outcome | Literal[Fate.NEW]) -> None:
        if fate is not Fate.NEW:
            self._kept.keep(key, fate, self._clock())
            self.counters.evicted = self._kept.evicted


class _Running:
    """A call that runs; `fate` is what is known of it."""

    __slots__ = ("_ended", "_waiting", "fate")

    def __init__(self) -> None:
        self.fate: Outcome | Literal[Fate.NEW] = Fate.NEW
        self._ended = False
        self._waiting: Final[deque[trio.Event]] = deque()

    async def join(self) -> Outcome | Literal[Fate.NEW] | None:
        """Its fate, once it has ended; None: make way for others that wait."""
        waiter = trio.Event()
        self._waiting.append(waiter)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft().set()
        try:
            await waiter.wait()
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        return self.fate if self._ended else None

    def end(self) -> None:
        self._ended = True
        for waiter in self._waiting:
            waiter.set()

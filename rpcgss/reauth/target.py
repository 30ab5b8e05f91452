"""What a process knows of one service that honours tickets, and how long it waits for it.

How silence is noticed: each attempt has a cancel scope, and one task for all attempts at a target looks at them when
the first of them may be due. It outlives them by a few seconds, so that a storm does not make a task for each.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from rpcgss.rpc.flavors import Link

SILENCE: Final = 5.0
"""Seconds without a sign of life after which silence is a no."""

MAX_OUTSTANDING: Final = 64
"""Re-authentications that a process has outstanding per target at most."""

FIRST_BACK_OFF: Final = 1.0
LONGEST_BACK_OFF: Final = 300.0


class Target:
    """What this process knows of one service: shared by all clients that have it as their target."""

    def __init__(self) -> None:
        self.places: Final = trio.Semaphore(MAX_OUTSTANDING)
        self.grants = False  # it has given or honoured a ticket
        self.last_answer = -float("inf")  # trio time of the last re-authentication that it answered well
        self.not_before = -float("inf")
        self._back_off = FIRST_BACK_OFF
        self._waits: Final[set[_Wait]] = set()
        self._nap: trio.CancelScope | None = None  # of the task that looks after them, until it looks again

    def answered(self, now: float) -> None:
        self.grants = True
        self.last_answer = now
        self.not_before = now
        self._back_off = FIRST_BACK_OFF

    def refused(self, now: float) -> None:
        """Requests that were under way together count as one no, or a storm would lengthen the back-off at once."""
        if now < self.not_before:
            return
        self.not_before = now + self._back_off
        self._back_off = min(2 * self._back_off, LONGEST_BACK_OFF)

    @contextmanager
    def unless_silent(self, link: Link, since: float) -> Iterator[trio.CancelScope]:
        """A scope that is cancelled `SILENCE` after the last sign of life: `since`, an octet on `link`, or another
        attempt's answer."""
        with trio.CancelScope() as scope:
            wait = _Wait(scope, link, since)
            self._waits.add(wait)
            self._look_at(self._until(wait))
            try:
                yield scope
            finally:
                self._waits.remove(wait)

    def _until(self, wait: "_Wait") -> float:
        return max(wait.since, wait.link.last_received, self.last_answer) + SILENCE

    def _look_at(self, moment: float) -> None:
        """Have somebody look at all waits, at this moment at the latest."""
        if self._nap is None:
            self._nap = trio.CancelScope(deadline=moment)
            trio.lowlevel.spawn_system_task(self._end_silent_waits)
        elif moment < self._nap.deadline:
            self._nap.deadline = moment

    async def _end_silent_waits(self) -> None:
        while self._nap is not None:
            with self._nap:
                await trio.sleep_forever()
            now = trio.current_time()
            for wait in self._waits:
                if self._until(wait) <= now:
                    wait.scope.cancel()
            living = [self._until(wait) for wait in self._waits if not wait.scope.cancel_called]
            self._nap = trio.CancelScope(deadline=min(living)) if living else None


class _Wait:
    """One attempt's. By identity."""

    __slots__ = ("link", "scope", "since")

    def __init__(self, scope: trio.CancelScope, link: Link, since: float) -> None:
        self.scope = scope
        self.link = link
        self.since = since


_targets: Final[trio.lowlevel.RunVar[dict[str, Target]]] = trio.lowlevel.RunVar("rpcgss.reauth targets")


def target_named(name: str) -> Target:
    """One for each event loop, which is one for each process but in odd programs."""
    try:
        targets = _targets.get()
    except LookupError:
        targets = {}
        _targets.set(targets)
    return targets.setdefault(name, Target())

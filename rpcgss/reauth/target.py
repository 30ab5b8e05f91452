"""What a process knows of one service that honours tickets, and how long it waits for it.

How silence is noticed: each attempt has a cancel scope, and one task for all attempts at a target looks at them when
the first of them may be due. It outlives them by a few seconds, so that a storm does not make a task for each.
"""

from types import TracebackType
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
        self._waits: Final[set[Patience]] = set()
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

    def unless_silent(self, link: Link, since: float) -> "Patience":
        """A block that is cancelled `SILENCE` after the last sign of life: `since`, an octet on `link`, or another
        attempt's answer."""
        return Patience(self, link, since)

    def wait(self, patience: "Patience") -> None:
        """Have somebody look after it from now on."""
        self._waits.add(patience)
        moment = self._until(patience)
        if self._nap is None:
            self._nap = trio.CancelScope(deadline=moment)
            trio.lowlevel.spawn_system_task(self._end_silent_waits)
        elif moment < self._nap.deadline:
            self._nap.deadline = moment

    def ended(self, patience: "Patience") -> None:
        """Nobody need look after it any more."""
        self._waits.remove(patience)

    def _until(self, wait: "Patience") -> float:
        return max(wait.since, wait.link.last_received, self.last_answer) + SILENCE

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


class Patience:
    """See `Target.unless_silent`; `silent` afterwards says whether it came to an end. By identity."""

    __slots__ = ("_target", "link", "scope", "since")

    def __init__(self, target: Target, link: Link, since: float) -> None:
        self._target: Final = target
        self.link: Final = link
        self.since: Final = since
        self.scope: Final = trio.CancelScope()

    @property
    def silent(self) -> bool:
        return self.scope.cancelled_caught

    def __enter__(self) -> "Patience":
        self.scope.__enter__()
        self._target.wait(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        self._target.ended(self)
        return self.scope.__exit__(kind, error, traceback)


_targets: Final[trio.lowlevel.RunVar[dict[str, Target]]] = trio.lowlevel.RunVar("rpcgss.reauth targets")


def target_named(name: str) -> Target:
    """One for each event loop, which is one for each process but in odd programs."""
    try:
        targets = _targets.get()
    except LookupError:
        targets = {}
        _targets.set(targets)
    return targets.setdefault(name, Target())

"""One budget of memory for all that the connections of a server may hold: large records, half read or under way, and
large replies that their peers have yet to take.

Small records and replies are free, or every call would pay. A large record takes its room as a whole before it is read,
so whoever has room can go on to its end, and none waits with half of what it needs. For a reply, whose size nobody
knows, a call takes as much as its procedure has needed before; a call that came in a large record does not wait for
that, or all could hold their records and wait for each other. What a reply really has is charged without asking: it is
there. When that overdraws the budget, connections begin no further calls but one at a time. As with places, a
connection may take as much as leaves more than it then holds: N of them, greedy or stuck, leave one part in N + 1 to
the next one.
"""

from typing import Final

import trio


class Octets:
    """`total` octets for all connections."""

    def __init__(self, total: int) -> None:
        self.free = total
        self.total: Final = total
        self._waiting: Final[dict[OctetShare, tuple[trio.lowlevel.Task, int]]] = {}

    def share(self) -> "OctetShare":
        """What a new connection begins with: nothing."""
        return OctetShare(self)

    def _admit(self) -> None:
        """The first come first; but who waits because of what it holds itself holds up nobody else."""
        for share, (task, octets) in tuple(self._waiting.items()):
            if share.may_take(octets):
                del self._waiting[share]
                share.charge(octets)
                trio.lowlevel.reschedule(task)
            elif octets > self.free:
                return


class OctetShare:
    """What one connection holds. One task takes; any may give back."""

    __slots__ = ("_octets", "held")

    def __init__(self, octets: Octets) -> None:
        self._octets: Final = octets
        self.held = 0

    def may_take(self, octets: int) -> bool:
        """Whether there is room for `octets`; for none: whether a call may begin, whose reply nobody knows."""
        if octets:
            return self.held + octets <= self._octets.free
        return not self.held or self._octets.free > 0

    def take_now(self, octets: int) -> bool:
        """Take them if there is room, and others did not come first."""
        if not self.may_take(octets) or (octets and self._octets._waiting):
            return False
        self.charge(octets)
        return True

    async def take(self, octets: int) -> None:
        """Wait for room only if need be; no more than there is in all. Cancelled: nothing is taken."""
        if self.take_now(octets):
            return
        self._octets._waiting[self] = trio.lowlevel.current_task(), octets
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def charge(self, octets: int) -> None:
        """Take `octets`, whether there is room or not."""
        self.held += octets
        self._octets.free -= octets

    def give_back(self, octets: int) -> None:
        """Some of what was taken."""
        if octets:
            self.held -= octets
            self._octets.free += octets
            if self._octets._waiting:
                self._octets._admit()

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        del self._octets._waiting[self]
        self._octets._admit()  # those behind it may want less
        return trio.lowlevel.Abort.SUCCEEDED

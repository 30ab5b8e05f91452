"""Places for calls under way, shared so that no connection can take them all.

A connection may take a place as long as it holds fewer than are free. However many calls never end, then, N connections
that want all there are leave one part in N + 1 to the next one.
"""

from typing import Final

import trio


class Places:
    """`total` places, of which no connection gets more than `each`."""

    def __init__(self, total: int, each: int) -> None:
        self.free = total
        self.total: Final = total
        self.each: Final = each
        self._waiting: Final[dict[Share, trio.lowlevel.Task]] = {}

    def share(self, each: int | None = None) -> "Share":
        """What a new connection begins with: nothing. `each`: the most it gets, where that is not the usual."""
        return Share(self, self.each if each is None else each)

    def _admit(self) -> None:
        """Give what is free to those who wait, the first come first."""
        for share in tuple(self._waiting):
            if share.may_take:
                share.take_now()
                trio.lowlevel.reschedule(self._waiting.pop(share))
            if not self.free:
                return


class Share:
    """The places that one connection has, `held` of them now. One task takes them; any may give them back."""

    __slots__ = ("_each", "_places", "held")

    def __init__(self, places: Places, each: int) -> None:
        self._places: Final = places
        self._each: Final = each
        self.held = 0

    @property
    def may_take(self) -> bool:
        return self.held < min(self._places.free, self._each)

    def take_now(self) -> None:
        self.held += 1
        self._places.free -= 1

    async def take(self) -> None:
        """Take a place, waiting for it only if need be. Cancelled: nothing is taken."""
        if self.may_take:
            self.take_now()
            return
        self._places._waiting[self] = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def give_back(self) -> None:
        """One place of those that were taken."""
        self.held -= 1
        self._places.free += 1
        if self._places._waiting:
            self._places._admit()

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        del self._places._waiting[self]
        return trio.lowlevel.Abort.SUCCEEDED

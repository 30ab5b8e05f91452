"""Calls that wait: the table of xids, and for each its entry, owned by the task that waits, with its mailbox."""

import math
import secrets
from collections import deque
from collections.abc import Awaitable
from enum import Enum
from typing import Final, Literal, Self, TypeAlias, TypeVar

import trio

from rpcgss.rpc.errors import BadReply
from rpcgss.rpc.messages import ReceivedReply

ResultT = TypeVar("ResultT")


class OutOfTime(Exception):
    """The time of a call has passed."""


async def in_time(until: float, waiting: Awaitable[ResultT]) -> ResultT:
    """The result of `waiting`; raises `OutOfTime` at trio time `until`. For all that is waited for rarely: this takes
    7 µs, so calls wait for their mail by themselves."""
    with trio.move_on_at(until):
        return await waiting
    raise OutOfTime


class _Lost(Enum):
    LOST = "lost"


LOST: Final = _Lost.LOST
"""What a waiting call finds in its mailbox when its connection has gone."""

Mail: TypeAlias = ReceivedReply | BadReply | Literal[_Lost.LOST]
"""A `BadReply` stands for a reply that was not taken in."""

MAILBOX: Final = 8
"""Replies to one xid that are kept until the call looks at them; a peer that sends more than that is not believed."""


class PendingCall:
    """One xid, for the block that it is entered by. `post` never blocks; one task waits in `next`."""

    __slots__ = ("_alarm", "_calls", "_mail", "_passed", "_task", "octets", "owner", "serial", "until", "xid")

    def __init__(self, xid: int, owner: object, calls: "dict[int, PendingCall]", alarm: "Alarm") -> None:
        self.xid: Final = xid
        self.owner = owner  # who is calling; None: nobody who would mind
        self.until = math.inf  # while somebody waits in `next`
        self._calls: Final = calls
        self._alarm: Final = alarm
        self.octets = 0  # of the replies that came
        self.serial = 0  # of the connection that carries the call now
        self._mail: deque[Mail] = deque()
        self._passed = -math.inf  # the latest time that `expire` was told
        self._task: trio.lowlevel.Task | None = None

    def __enter__(self) -> Self:
        self._calls[self.xid] = self
        return self

    def __exit__(self, *_: object) -> None:
        del self._calls[self.xid]

    def post(self, mail: Mail) -> bool:
        """Put something into the mailbox. False: it is full of replies."""
        if len(self._mail) >= MAILBOX and mail is not LOST:
            return False
        self._mail.append(mail)
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None
        return True

    async def next(self, until: float = math.inf) -> Mail:
        """The next piece of mail. Raises `OutOfTime` if there is none by trio time `until`. Cancelled: nothing is
        lost."""
        if not self._mail:
            if until <= self._passed:  # whoever keeps sending mail that is of no use would win that race for ever
                raise OutOfTime
            self._task = trio.lowlevel.current_task()
            self.until = until
            if until < self._alarm.at:
                self._alarm.set(until)
            try:
                await trio.lowlevel.wait_task_rescheduled(self._abort)
            finally:
                self.until = math.inf
            if not self._mail:
                raise OutOfTime
        return self._mail.popleft()

    def expire(self, now: float) -> None:
        """Whoever waits in `next` has no more time, but for mail that has come just now."""
        self._passed = now
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def clear(self) -> None:
        """Throw away what nobody has looked at."""
        self._mail.clear()

    def _abort(self, _: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED


class PendingCalls:
    """The xids in use. Each is taken for a block, and given back on every way out of it."""

    def __init__(self) -> None:
        self._calls: Final[dict[int, PendingCall]] = {}
        self.alarm: Final = Alarm(self._calls)
        self._xid = secrets.randbits(32)

    def __len__(self) -> int:
        return len(self._calls)

    def new(self, owner: object = None) -> PendingCall:
        """The entry of an xid that nobody else uses, to be entered at once."""
        return PendingCall(self._free_xid(), owner, self._calls, self.alarm)

    def find(self, xid: int | None, serial: int) -> PendingCall | None:
        """Who waits for a reply to `xid` on connection `serial`."""
        pending = None if xid is None else self._calls.get(xid)
        return pending if pending is not None and pending.serial == serial else None

    def others_wait(self, owner: object, serial: int) -> bool:
        """Whether anybody but `owner` waits on connection `serial`."""
        return any(pending.serial == serial and pending.owner not in (None, owner) for pending in self._calls.values())

    def lose(self, serial: int) -> None:
        """Tell all who wait on connection `serial` that it has gone."""
        for pending in self._calls.values():
            if pending.serial == serial:
                pending.post(LOST)

    def _free_xid(self) -> int:
        while True:
            self._xid = (self._xid + 1) & 0xFFFFFFFF
            if self._xid not in self._calls:
                return self._xid


class Alarm:
    """One timer for all calls that wait for mail: `run` is a task of the client's, who ends the waiting of those whose
    time is up. It is set to the earliest time that anybody has asked for, and looks then who really is still there; as
    calls that are answered do not touch it, one that waits has only to compare two numbers.

    at -- trio time of its next ring
    """

    def __init__(self, calls: dict[int, PendingCall]) -> None:
        self.at = math.inf
        self._calls: Final = calls
        self._sleep = trio.CancelScope()

    def set(self, at: float) -> None:
        """Look earlier."""
        self.at = self._sleep.deadline = at

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._sleep = trio.CancelScope(deadline=self.at)
            with self._sleep:
                await trio.sleep_forever()
            self.at = math.inf
            now = trio.current_time()
            for pending in self._calls.values():
                if pending.until <= now:
                    pending.expire(now)
                else:
                    self.at = min(self.at, pending.until)

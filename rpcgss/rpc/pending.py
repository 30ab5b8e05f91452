"""Calls that wait: the table of xids, and for each its entry, owned by the task that waits, with its mailbox."""

import secrets
from collections import deque
from enum import Enum
from typing import Final, Literal, Self, TypeAlias

import trio

from rpcgss.rpc.errors import BadReply
from rpcgss.rpc.messages import ReceivedReply


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

    __slots__ = ("_calls", "_mail", "_task", "octets", "owner", "serial", "xid")

    def __init__(self, xid: int, owner: object, calls: "dict[int, PendingCall]") -> None:
        self.xid: Final = xid
        self.owner = owner  # who is calling; None: nobody who would mind
        self._calls: Final = calls
        self.octets = 0  # of the replies that came
        self.serial = 0  # of the connection that carries the call now
        self._mail: deque[Mail] = deque()
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

    async def next(self) -> Mail:
        """The next piece of mail. Cancelled: nothing is lost."""
        if not self._mail:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        return self._mail.popleft()

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
        self._xid = secrets.randbits(32)

    def __len__(self) -> int:
        return len(self._calls)

    def new(self, owner: object = None) -> PendingCall:
        """The entry of an xid that nobody else uses, to be entered at once."""
        return PendingCall(self._free_xid(), owner, self._calls)

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

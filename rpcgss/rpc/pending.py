"""A call that waits: its xid's entry, owned by the task that waits, and its mailbox."""

from collections import deque
from enum import Enum
from typing import Final, Literal, TypeAlias

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
    """One xid. `post` never blocks; one task waits in `next`."""

    __slots__ = ("_mail", "_task", "serial")

    def __init__(self) -> None:
        self.serial = 0  # of the connection that carries the call now
        self._mail: deque[Mail] = deque()
        self._task: trio.lowlevel.Task | None = None

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

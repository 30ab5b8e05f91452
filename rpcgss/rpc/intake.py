"""What a server takes in: from each connection as many records as it has places and memory for, and no longer than a
connection is of use.

`Intake` reads one connection. `Crowd` is all of them: when somebody has to wait for memory, or for a connection at all,
it ends those that are in the way of others without being of use to themselves.

    nothing under way, nothing came for `idle_seconds`     closed
    half a record for `record_seconds`                     closed: an octet a minute is no call
    half a record, or a reply that waits to be taken, for
      `PRESSED_SECONDS` while others wait for memory       closed
    there is no room for another connection                the one that has had nothing under way for longest is closed,
                                                           or else the one with half a record, or with a reply that
                                                           waits to be taken, for longest (`PRESSED_SECONDS` at least)
"""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from rpcgss.rpc.octets import Octets
from rpcgss.rpc.places import Places
from rpcgss.rpc.quiet import QuietLog
from transport import UNASKED_OCTETS, StreamChannel, TransportError
from xdr import Buffer

PRESSED_SECONDS: Final = 5.0
SETTLED_SECONDS: Final = 1.0
"""A connection that is younger, or did something more recently, is not closed to make room for another."""

MAX_PROCEDURES: Final = 1024
FORGETTING: Final = 0.99
_PROCEDURE: Final = slice(12, 24)
"""Program, version and procedure in a call (RFC 5531, 9)."""

_log = QuietLog(logging.getLogger(__name__))


class Crowd:
    """The connections of one server; `places` and `octets` are what they share."""

    def __init__(self, places: Places, octets: Octets, *, idle_seconds: float, record_seconds: float) -> None:
        self.places: Final = places
        self.octets: Final = octets
        self.idle_seconds: Final = idle_seconds
        self.record_seconds: Final = record_seconds
        self._reply_octets: Final[dict[bytes, int]] = {}
        self._intakes: Final[set[Intake]] = set()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._intakes)

    @contextmanager
    def intake(self, channel: StreamChannel) -> Iterator["Intake"]:
        """What reads from a new connection, for as long as that lasts."""
        intake = Intake(channel, self)
        self._intakes.add(intake)
        try:
            if self._stopped:
                intake.end()
            yield intake
        finally:
            self._intakes.discard(intake)
            intake.forget()

    def stop(self) -> None:
        """No more records from anybody. Idempotent."""
        self._stopped = True
        for intake in self._intakes:
            intake.end()

    def expected_reply(self, record: Buffer) -> int:
        """Octets to count for the reply to a call that has yet to be looked at: as many as the largest reply to the
        same procedure had."""
        return self._reply_octets.get(bytes(record[_PROCEDURE]), 0) if self._reply_octets else 0

    def learn(self, record: Buffer, octets: int) -> None:
        """The reply to `record` has so many. What was large once is forgotten little by little."""
        key = bytes(record[_PROCEDURE])
        counted = max(_counted(octets), _counted(int(self._reply_octets.get(key, 0) * FORGETTING)))
        if not counted:
            self._reply_octets.pop(key, None)
        elif key in self._reply_octets or len(self._reply_octets) < MAX_PROCEDURES:
            self._reply_octets[key] = min(counted, self.octets.total)  # nobody can have more

    async def make_room(self) -> None:
        """Close the connection that has been of no use for longest, if there is one."""
        now = trio.current_time()
        idle = [one for one in self._intakes if not one.busy and one.quiet_since <= now - SETTLED_SECONDS]
        stuck = [one for one in self._intakes if one.stuck_since <= now - PRESSED_SECONDS]
        if idle:
            await self.reap(min(idle, key=lambda one: one.quiet_since), "makes room for another connection")
        elif stuck:  # a peer can look lively for ever by an octet now and then
            await self.reap(min(stuck, key=lambda one: one.stuck_since), "too slow while others wait for a connection")

    async def press(self) -> None:
        """Others wait for memory: close the connections that hold some and are slow to be done with it."""
        until = trio.current_time() - PRESSED_SECONDS
        for intake in tuple(self._intakes):
            if intake.octets.held and intake.stuck_since <= until:
                await self.reap(intake, "too slow while others wait for memory")

    async def reap(self, intake: "Intake", why: str) -> None:
        """Close a connection."""
        intake.reaped = intake.reaped or why
        _log.info(
            "%s: %s; closing the connection", intake.peer, why, event="connection.reaped", peer=intake.peer, reason=why
        )
        intake.end()
        await intake.close()


class Intake:
    """Reads one connection. Whoever carries out its calls tells it of each that is `done`.

    reaped -- why the connection was closed, if it was in the way
    """

    def __init__(self, channel: StreamChannel, crowd: Crowd) -> None:
        self.places: Final = crowd.places.share()
        self.octets: Final = crowd.octets.share()
        self.reaped = ""
        self._channel: Final = channel
        self._crowd: Final = crowd
        self._ended = False
        self._scope = trio.CancelScope()  # of whoever reads; its deadline: of the next check of the connection
        self._listening = False  # somebody reads, and does nothing else at the moment
        self._record: Buffer | None = None  # that has come and has no place yet
        self._reserved = 0  # octets, for the record that is coming or has no place yet
        self._waiting = False  # to go on reading
        self._beginning: float | None = None  # since when
        self._last_done = trio.current_time()
        channel.reserve = self._reserve

    @property
    def peer(self) -> str:
        return self._channel.peer

    @property
    def has_record(self) -> bool:
        """Whether there is one that `next_now` could not give, and `next` may give at once."""
        return self._record is not None

    @property
    def busy(self) -> bool:
        """Whether something is under way that the peer need do nothing for."""
        return bool(self.places.held or self._record is not None or self._waiting)

    @property
    def quiet_since(self) -> float:
        """When something last came, or ended."""
        return max(self._channel.last_received, self._last_done)

    @property
    def stuck_since(self) -> float:
        """Since when the peer has been busy with a record or with a reply; infinity: it is not."""
        reading = None if self._waiting else self._beginning or self._channel.record_began
        return min(since for since in (reading, self._channel.send_began, float("inf")) if since is not None)

    def watch(self) -> trio.CancelScope:
        """Is to be around whoever reads, and ends it when something may be wrong with the connection: see `goes_on`.
        One for many records, as a scope with a deadline takes 7 µs."""
        self._scope = trio.CancelScope(deadline=self._next_check())
        return self._scope

    def hand_over(self) -> None:
        """The task that reads is about to wait for a call instead. Its `watch` must not end that call, so it has no
        deadline any more, and `end` does not know it; whoever reads next has a `watch` of his own."""
        self._scope.deadline = math.inf
        self._scope = trio.CancelScope()

    async def goes_on(self) -> bool:
        """After a `watch` has ended: whether somebody is to read on. If not, the connection may have been reaped."""
        why = None if self._ended else self._overdue()
        if why is not None:
            await self._crowd.reap(self, why)
        return not self._ended

    async def begin(self, begin: Callable[[], Awaitable[Buffer | None]]) -> bool:
        """`begin` comes before all else, for `record_seconds`, and may give a first record. Raises what it raises.
        False: nothing more is to be read."""
        if self._ended:
            return False
        self._beginning = trio.current_time()
        self._scope = trio.CancelScope(deadline=self._beginning + self._crowd.record_seconds)
        self._listening = True
        with self._scope:
            self._record = await begin()
        self._listening = False
        self._beginning = None
        if self._scope.cancelled_caught and not self._ended:
            await self._crowd.reap(self, "it does not begin")
        return not self._ended

    async def next(self) -> tuple[Buffer, int] | None:
        """The next record that has a place, and the octets that are to be given back when its call is `done`. None:
        nothing more is to be read, since the server stops, or the connection was reaped.

        Within a `watch`. Raises what `StreamChannel.receive` raises. Cancelled: nothing is lost.
        """
        if self._ended:
            return None
        self._listening = True
        try:
            if self._record is None:
                self._record = await self._channel.receive()
            octets = 0 if self._admit_at_once(self._record) else await self._admit(self._record)
        finally:
            self._listening = False
        record, self._record = self._record, None
        return record, octets

    def next_now(self) -> tuple[Buffer, int] | None:
        """The same, if it has been received already, and there is a place for it; None: ask `next`, which also says
        what is wrong with a record."""
        if self._record is not None or self._ended:
            return None
        try:
            record = self._channel.next_record()
        except TransportError:
            return None
        if record is None:
            return None
        if self._admit_at_once(record):
            return record, 0
        self._record = record
        return None

    def look(self) -> bool:
        """Receive what has come, for `next_now`, without waiting. False: nothing has come."""
        return self._record is None and not self._ended and self._channel.look()

    def forget(self) -> None:
        """The connection is over. Nothing is reserved for what has not begun."""
        self._channel.reserve = None
        self.octets.give_back(self._reserved)
        self._reserved = 0

    def replied(self, record: Buffer, octets: int, expected: int) -> int:
        """There is a reply of `octets`; what was counted for the call is corrected. Returns what is counted now."""
        self._crowd.learn(record, octets)
        counted = _counted(len(record)) + _counted(octets)
        self.octets.charge(counted)
        self.octets.give_back(expected)
        return counted

    def done(self, octets: int) -> None:
        """A call has ended, and so has what was counted for it."""
        if octets:
            self.octets.give_back(octets)
        self.places.give_back()
        if not self.places.held:
            self._last_done = trio.current_time()

    def end(self) -> None:
        """Read no more. Idempotent."""
        self._ended = True
        if self._listening:  # else it is found out before it is waited again
            self._scope.cancel()

    async def close(self) -> None:
        """Close the connection, with whatever waits for its peer."""
        await trio.aclose_forcefully(self._channel)

    def _admit_at_once(self, record: Buffer) -> bool:
        """What most calls need: a place, and nothing that is counted."""
        if self._reserved or len(record) > UNASKED_OCTETS:
            return False
        if self._crowd.expected_reply(record):
            return False
        if not (self.places.may_take and self.octets.may_take(0)):
            return False
        self.places.take_now()
        return True

    async def _admit(self, record: Buffer) -> int:
        """Wait until a call may begin, and take its place. Returns what is counted for it."""
        reply = self._crowd.expected_reply(record)
        if not self._reserved:  # a large one may have come as a whole, with the end of the one before
            self._reserved = _counted(len(record))
            self.octets.charge(self._reserved)
        if self._reserved:  # whoever holds a whole record does not wait: none must wait with what others need
            self.octets.charge(reply)
        elif not self.octets.take_now(reply):
            await self._wait_for_octets(reply)
        try:
            if self.places.may_take:
                self.places.take_now()
            else:
                with self._patience():
                    await self.places.take()
        except BaseException:
            self.octets.give_back(reply)
            raise
        return self._settle(len(record)) + reply

    async def _reserve(self, octets: int) -> None:
        """The channel is about to read on in a record that may become so large."""
        if not self._reserved:
            await self._wait_for_octets(octets)
            self._reserved = octets

    async def _wait_for_octets(self, octets: int) -> None:
        with self._patience():
            while True:
                with trio.move_on_after(PRESSED_SECONDS) as limit:
                    await self.octets.take(octets)
                if not limit.cancelled_caught:
                    return
                await self._crowd.press()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """While we wait for others, the peer is not to blame for anything."""
        self._waiting = True
        self._scope.deadline = math.inf
        try:
            yield
        finally:
            self._waiting = False
            if self._channel.record_began is not None:
                self._channel.record_began = trio.current_time()
            self._scope.deadline = self._next_check()

    def _settle(self, octets: int) -> int:
        """What remains reserved for a record whose size is known now."""
        reserved, self._reserved = self._reserved, 0
        if not reserved:
            return 0
        self.octets.give_back(reserved - octets)
        return octets

    def _next_check(self) -> float:
        """When something may be wrong with the connection, from what is known of it now."""
        now, began = trio.current_time(), self._channel.record_began
        idle_since = now if self.busy else self.quiet_since
        return min(
            (now if began is None else began) + self._crowd.record_seconds, idle_since + self._crowd.idle_seconds
        )

    def _overdue(self) -> str | None:
        """What is wrong with the connection; None: nothing."""
        if self._next_check() > trio.current_time():
            return None
        return "idle" if self._channel.record_began is None else "half a record, and then too little"


def _counted(octets: int) -> int:
    return octets if octets > UNASKED_OCTETS else 0

"""What a server takes in: from each connection as many records as it has places and memory for, and no longer than a
connection is of use.

`Intake` reads one connection. `Crowd` is all of them: when somebody has to wait for memory, or for a connection at all,
it ends those that are in the way of others without being of use to themselves.

    nothing under way, nothing came for `idle_seconds`     closed
    half a record for `record_seconds`                     closed: a byte a minute is no call
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
from transport import UNASKED_OCTETS, StreamChannel

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

    def stop(self) -> None:
        """No more records from anybody. Idempotent."""
        self._stopped = True
        for intake in self._intakes:
            intake.end()

    def expected_reply(self, record: bytes) -> int:
        """Octets to count for the reply to a call that has yet to be looked at: as many as the largest reply to the
        same procedure had."""
        return self._reply_octets.get(record[_PROCEDURE], 0)

    def learn(self, record: bytes, octets: int) -> None:
        """The reply to `record` has so many. What was large once is forgotten little by little."""
        key = record[_PROCEDURE]
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
        self._scope: Final = trio.CancelScope()
        self._timer = trio.CancelScope()  # of the next look at the connection
        self._record: bytes | None = None  # that has come and has no place yet
        self._reserved = 0  # octets, for the record that is coming or has no place yet
        self._waiting = False  # to go on reading
        self._beginning: float | None = None  # since when
        self._last_done = trio.current_time()

    @property
    def peer(self) -> str:
        return self._channel.peer

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

    async def read(
        self,
        handle: Callable[[bytes, int], None],
        begin: Callable[[], Awaitable[bytes | None]] | None = None,
    ) -> None:
        """Hand each record that has a place to `handle`, with the octets that it is to give back when it is `done`.

        `begin` comes first, for `record_seconds`, and may give a first record. Returns when the server stops, or the
        connection is reaped; raises what `StreamChannel.receive` raises.
        """
        channel = self._channel
        channel.reserve = self._reserve
        try:
            with self._scope:
                if begin is not None and not await self._begun(begin):
                    return
                while (why := self._overdue()) is None:
                    with trio.move_on_at(self._next_look()) as self._timer:
                        while True:
                            if self._record is None:
                                self._record = await channel.receive()
                            octets = 0 if self._admit_at_once(self._record) else await self._admit(self._record)
                            record, self._record = self._record, None
                            handle(record, octets)
                await self._crowd.reap(self, why)
        finally:
            channel.reserve = None
            self.octets.give_back(self._reserved)
            self._reserved = 0

    def replied(self, record: bytes, octets: int, expected: int) -> int:
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
        self._scope.cancel()

    async def close(self) -> None:
        """Close the connection, with whatever waits for its peer."""
        await trio.aclose_forcefully(self._channel)

    async def _begun(self, begin: Callable[[], Awaitable[bytes | None]]) -> bool:
        self._beginning = trio.current_time()
        with trio.move_on_after(self._crowd.record_seconds) as limit:
            self._record = await begin()
        self._beginning = None
        if limit.cancelled_caught:
            await self._crowd.reap(self, "it does not begin")
        return not limit.cancelled_caught

    def _admit_at_once(self, record: bytes) -> bool:
        """What most calls need: a place, and nothing that is counted."""
        if self._reserved or len(record) > UNASKED_OCTETS:
            return False
        if self._crowd._reply_octets and self._crowd.expected_reply(record):
            return False
        if not (self.places.may_take and self.octets.may_take(0)):
            return False
        self.places.take_now()
        return True

    async def _admit(self, record: bytes) -> int:
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
        self._timer.deadline = math.inf
        try:
            yield
        finally:
            self._waiting = False
            if self._channel.record_began is not None:
                self._channel.record_began = trio.current_time()
            self._timer.deadline = self._next_look()

    def _settle(self, octets: int) -> int:
        """What remains reserved for a record whose size is known now."""
        reserved, self._reserved = self._reserved, 0
        if not reserved:
            return 0
        self.octets.give_back(reserved - octets)
        return octets

    def _next_look(self) -> float:
        """When something may be wrong with the connection, from what is known of it now."""
        now, began = trio.current_time(), self._channel.record_began
        idle_since = now if self.busy else self.quiet_since
        return min(
            (now if began is None else began) + self._crowd.record_seconds, idle_since + self._crowd.idle_seconds
        )

    def _overdue(self) -> str | None:
        """What is wrong with the connection; None: nothing."""
        if self._next_look() > trio.current_time():
            return None
        return "idle" if self._channel.record_began is None else "half a record, and then too little"


def _counted(octets: int) -> int:
    return octets if octets > UNASKED_OCTETS else 0

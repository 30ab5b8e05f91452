"""One connection of a server: its calls are read, answered in place, and replied to together.

How it works: one task reads, and carries out each call by itself, without a task for it. As long as calls wait for
nothing it goes on reading, and collects their replies until nothing more has come. A call that has something to wait
for keeps the task, and another task goes on with reading from there. So whoever writes a service need not know: cancel
scopes and nurseries of a call are in one task from its beginning to its end, and its context variables are its own.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from dataclasses import dataclass
from types import coroutine
from typing import Any, Final, TypeVar

import trio

from rpcgss.rpc.dispatch import Dispatcher, fault
from rpcgss.rpc.errors import BadMessage
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.intake import Intake
from rpcgss.rpc.observe import CANCELLED, DROPPED, UNSENT, End, ObservedCall, Observer
from rpcgss.rpc.quiet import QuietLog
from transport import UNASKED_OCTETS, RecordTooLarge, Stalled, StreamChannel, TransportError
from xdr import Buffer

ResultT = TypeVar("ResultT")

IN_A_ROW: Final = 16
"""Calls that are answered before other connections have a turn."""
TOGETHER: Final = 8
"""Replies that leave together at most: the peer is to have something to do meanwhile."""
TOGETHER_OCTETS: Final = 64 * 1024
"""Of replies, from which on they leave without waiting for others."""

_log = QuietLog(logging.getLogger(__name__))


class Replier:
    """Makes replies, and tells an observer of the calls."""

    def __init__(self, dispatcher: Dispatcher, observer: Observer | None) -> None:
        self.counters: Final = dispatcher.counters
        self._dispatcher: Final = dispatcher
        self._observer: Final = observer

    def sighting(self, record: Buffer, connection: Connection) -> ObservedCall | None:
        """Of what may turn out to be a call; None: nobody looks on."""
        if self._observer is None:
            return None
        now = trio.current_time()
        return ObservedCall(End.SERVER, connection.peer, 0, 0, 0, "other", now, octets_in=len(record))

    async def reply(self, record: Buffer, connection: Connection, seen: ObservedCall | None) -> list[Buffer] | None:
        """The reply to a record; None: there is none. Raises `BadMessage`."""
        try:
            reply = await self._dispatcher.answer(record, connection, seen)
        except BadMessage:
            raise
        except Exception:
            self.counters.faults += 1
            fault("a call of %s failed", connection)
            return None
        if reply is None:
            self.counters.dropped += 1
            if seen is not None:
                seen.outcome = DROPPED
        return reply

    def ended(self, seen: ObservedCall | None) -> None:
        """The reply has left, or never will."""
        if seen is None or self._observer is None or not seen.outcome:
            return  # nobody looks on, or it was no call
        if not seen.octets_out and seen.outcome not in (DROPPED, CANCELLED):
            seen.outcome = UNSENT
        seen.seconds = trio.current_time() - seen.began
        self._observer.call_ended(seen)


@dataclass(slots=True)
class _Answer:
    """A reply that has yet to leave; then so many octets of memory are given back. `context` is the call's."""

    reply: list[Buffer]
    size: int
    counted: int
    seen: ObservedCall | None
    context: Context


class _Lead:
    """One task's time as the reader.

    in_a_row -- calls since others had a turn
    """

    __slots__ = ("_over", "_pass_on", "in_a_row")

    def __init__(self, pass_on: Callable[[], None]) -> None:
        self.in_a_row = 0
        self._over = False
        self._pass_on: Final = pass_on

    def over(self) -> bool:
        """Whether another task reads."""
        return self._over

    def pass_on(self) -> None:
        """The task is about to wait for something else."""
        self._over = True
        self._pass_on()


class Serving:
    """Serves `channel`, as far as `intake` lets it; `tasks` is where calls go on that wait for something.

    reason -- why the connection broke; "": it was closed
    """

    def __init__(
        self, replier: Replier, channel: StreamChannel, connection: Connection, intake: Intake, tasks: trio.Nursery
    ) -> None:
        self.reason = ""
        self._replier: Final = replier
        self._channel: Final = channel
        self._connection: Final = connection
        self._intake: Final = intake
        self._tasks: Final = tasks
        self._answers: list[_Answer] = []
        self._octets = 0  # of their replies

    async def run(self, begin: Callable[[], Awaitable[Buffer | None]] | None) -> None:
        """Read until the peer closes or breaks the rules, or nothing more is to be read. What is under way goes on in
        `tasks`, and so may the reading. `begin` comes before all else: see `Intake.begin`."""
        if begin is None or await self._read(self._intake.begin(begin)):
            await self._lead()

    async def _lead(self) -> None:
        """Read and answer, until there is nothing more to read, or a call waits for something: then another leads."""
        lead = _Lead(self._pass_on)
        admitted: tuple[Buffer, int] | None = None
        try:
            while admitted is not None or await self._intake.goes_on():
                with self._intake.watch() as watch:
                    await self._flush(lead)  # what was collected before must not wait for calls that may wait, too
                    while not lead.over():
                        if admitted is None:
                            admitted = self._next_now(lead) or await self._next(lead)
                        if admitted is None:
                            return
                        if watch.cancel_called:
                            break  # nothing may begin under it any more
                        lead.in_a_row += 1
                        context = copy_context()
                        call, admitted = self._call(*admitted, context), None
                        answer = await in_place(call, lead.pass_on, context)
                        if lead.over() and answer is not None:
                            await self._send([answer])
                        elif answer is not None:
                            self._answers.append(answer)
                            self._octets += answer.size
                    if lead.over():
                        return
        finally:
            if not lead.over():
                self._forget(self._answers)

    def _pass_on(self) -> None:
        self._intake.hand_over()
        self._tasks.start_soon(self._lead)

    def _next_now(self, lead: _Lead) -> tuple[Buffer, int] | None:
        """The next call, if it has been received already; None: `_next` has something else to do first."""
        return None if self._many or lead.in_a_row >= IN_A_ROW else self._intake.next_now()

    async def _next(self, lead: _Lead) -> tuple[Buffer, int] | None:
        """The next call; what is answered leaves first. None: there is nothing more to read, or another task leads."""
        looked = False
        while True:
            enough = self._many or lead.in_a_row >= IN_A_ROW
            await self._flush(lead)
            if lead.over():
                return None
            if lead.in_a_row >= IN_A_ROW:
                await trio.lowlevel.checkpoint()
                lead.in_a_row = 0
            if not enough:
                if looked or not self._intake.look():
                    break
                looked = True  # half a record, if it turns out to be that, is worth no second look
            admitted = self._intake.next_now()
            if admitted is not None:
                return admitted
        if not self._intake.has_record:
            lead.in_a_row = 0  # others have a turn while this waits
        return await self._read(self._intake.next())

    async def _flush(self, lead: _Lead) -> None:
        """Send what was collected. If the peer does not take it at once, another task leads."""
        if self._answers:
            await in_place(self._send_answers(), lead.pass_on, copy_context())

    @property
    def _many(self) -> bool:
        """Whether replies are not to wait for others."""
        return len(self._answers) >= TOGETHER or self._octets >= TOGETHER_OCTETS

    async def _read(self, reading: Awaitable[ResultT]) -> ResultT | None:
        """The result of `reading`; None where the connection has ended. What runs goes on to its end all the same: the
        peer may still read, and work half done helps nobody."""
        try:
            return await reading
        except trio.EndOfChannel:
            return None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            self.reason = str(error) or "it broke"
        except TransportError as error:
            self.reason = str(error)
            await self._end(error)
        return None

    async def _call(self, record: Buffer, counted: int, context: Context) -> _Answer | None:
        """Carry out a call in its `context`; None: there is no reply, and it is done with."""
        seen = self._replier.sighting(record, self._connection)
        reply = None
        try:
            reply = await self._replier.reply(record, self._connection, seen)
            if reply is None:
                return None
            size = sum(map(len, reply))
            results = size - len(reply[0])
            if results > UNASKED_OCTETS or counted:
                counted = self._intake.replied(record, results, counted)
            return _Answer(reply, size, counted, seen, context)
        except BadMessage as error:
            await self._send_answers()  # to what came before it
            await self._end(error)
            return None
        finally:
            if reply is None:
                self._done(counted, seen)

    async def _send_answers(self) -> None:
        answers, self._answers, self._octets = self._answers, [], 0
        await self._send(answers)

    async def _send(self, answers: list[_Answer]) -> None:
        try:
            await self._channel.send_together([answer.reply for answer in answers])
            for answer in answers:
                if answer.seen is not None:
                    answer.seen.octets_out = answer.size
        except (Stalled, RecordTooLarge) as error:
            await self._end(error)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # whoever reads knows as well
        finally:
            self._forget(answers)

    def _forget(self, answers: list[_Answer]) -> None:
        """They have left, or never will."""
        for answer in answers:
            if answer.seen is None:
                self._done(answer.counted, None)
            else:
                answer.context.run(self._done, answer.counted, answer.seen)
        answers.clear()

    def _done(self, counted: int, seen: ObservedCall | None) -> None:
        self._intake.done(counted)
        self._replier.ended(seen)

    async def _end(self, error: Exception) -> None:
        peer = self._connection.peer
        why = str(error)
        _log.warning("%s: %s; closing the connection", peer, error, event="connection.ended", peer=peer, reason=why)
        await trio.aclose_forcefully(self._channel)


@coroutine
def in_place(
    call: Coroutine[Any, Any, ResultT], waits: Callable[[], None], context: Context
) -> Generator[Any, Any, ResultT]:
    """The result of `call`, carried out in `context`, as `await` gives it; `waits` is called if it does not come at
    once, before the waiting.

    It is driven by hand for two things that `await` cannot do: to learn that the call is about to wait, as it yields
    for the first time, and to run each of its steps in its own context, though the task is another's."""
    run = context.run
    try:
        trap = run(call.send, None)
        waits()
        while True:
            try:
                value = yield trap
            except BaseException as error:
                trap = run(call.throw, error)
            else:
                trap = run(call.send, value)
    except StopIteration as end:
        result: ResultT = end.value
        return result

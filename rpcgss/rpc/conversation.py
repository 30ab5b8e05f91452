"""One call on its way to an outcome, over as many transmissions and connections as it takes.

A call that may not be executed twice is sent again if the last transmission was denied, which says that it was not
looked at; otherwise only as long as the server is known to keep its replies. If it fails while nobody knows what became
of an earlier transmission, then that is what its caller hears.
"""

import logging
import math
from collections.abc import Sequence
from typing import Final

import trio

from rpcgss.rpc.connector import Connector
from rpcgss.rpc.errors import (
    AuthRefused,
    BadReply,
    BadVerifier,
    CallFailed,
    CallTimedOut,
    ConnectionLost,
    GarbageArguments,
    NotExecuted,
    OutcomeUnknown,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    Refusal,
    ServerFault,
    TlsFailed,
)
from rpcgss.rpc.flavors import ClientFlavor, Transmission
from rpcgss.rpc.link import ChannelLink, ClientCounters
from rpcgss.rpc.messages import AcceptedReply, CallHeader, DeniedReply
from rpcgss.rpc.observe import ObservedCall
from rpcgss.rpc.pending import Mail, PendingCall, in_time
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.retransmission import Timer
from rpcgss.rpc.rpc_xdr import accept_stat
from xdr import Buffer

MAX_REFUSALS: Final = 64
"""Denials after which a call is not sent again: they are not authenticated, so the work that they cause is bounded."""
MAX_FAULTS: Final = 8
"""Connections that may break the rules under one call before it fails; one or two may be a server that starts up."""
MAX_TRANSMISSIONS: Final = 8
"""Transmissions of one call whose late replies are still understood."""

_log = QuietLog(logging.getLogger(__name__))


class Conversation:
    """A call: `name` is its procedure's, `pending` its entry in the table of xids.

    until      -- trio time by which it must have ended; `OutOfTime` is raised then, but for the processing of a reply
                  that has come
    repeatable -- seconds from its first transmission for which it may be sent again, after a connection was lost on
                  which it had been sent as a whole, or over an unreliable transport
    seen       -- is filled in for whoever looks on
    """

    def __init__(
        self,
        name: str,
        header: CallHeader,
        arguments: Sequence[Buffer],
        pending: PendingCall,
        *,
        until: float,
        repeatable: float,
        flavor: ClientFlavor,
        connector: Connector,
        counters: ClientCounters,
        seen: ObservedCall | None = None,
    ) -> None:
        self._name: Final = name
        self._header: Final = header
        self._arguments: Final = arguments
        self._pending: Final = pending
        self._until: Final = until
        self._repeatable: Final = repeatable
        self._flavor: Final = flavor
        self._connector: Final = connector
        self._counters: Final = counters
        self._seen: Final = seen
        self._transmissions: Final[list[Transmission]] = []
        self._timer: Timer | None = None  # on unreliable links, as the next two
        self._sent = 0  # since the last denial that was believed
        self._stale = 0  # denials that may still come for what was sent before it
        self._refusals = 0
        self._faults = 0
        self._repeat_until: float | None = None  # trio time; None: it was not sent as a whole yet
        self._unanswered = 0  # transmissions whose fate nobody knows

    async def run(self) -> Buffer:
        """The results, unprotected. Raises `Refusal`, `CallFailed`, and `OutOfTime` at `until`: `timed_out` tells what
        that means then. Cancelled: nobody waits for replies any more."""
        try:
            while True:
                link = self._connector.link
                if link is None:
                    link = await in_time(self._until, self._connector.connected())
                self._pending.serial = link.serial
                try:
                    await self._transmit(link)
                except ConnectionLost:
                    if link.alive:
                        raise  # it is not the connection
                    self._leave(link)
                    continue
                results = await self._outcome(link)
                if results is not None:
                    return results
        except (CallFailed, Refusal) as error:
            if self._unanswered and not isinstance(error, OutcomeUnknown):
                raise self._outcome_unknown(str(error)) from error
            raise
        finally:
            for transmission in self._transmissions:
                transmission.finished()
            if self._seen is not None:
                self._seen.xid, self._seen.octets_in = self._header.xid, self._pending.octets

    def timed_out(self, text: str) -> CallFailed:
        """What it means that its deadline has passed."""
        if self._unanswered and self._timer is not None:
            return self._outcome_unknown(text)
        return CallTimedOut(f"{self._name}: {text}")

    async def _transmit(self, link: ChannelLink) -> None:
        """Raises `ConnectionLost`: this transmission has not left as a whole, so nobody can act on it."""
        if not link.reliable:
            self._go_unreliably()
        transmission = self._flavor.transmit_now(self._header, self._arguments, link)
        if transmission is None:
            transmission = await in_time(self._until, self._flavor.transmit(self._header, self._arguments, link))
        self._transmissions.append(transmission)  # and with it the duty to finish it
        self._check_repeatable("its reply did not come in time")
        if len(self._transmissions) > MAX_TRANSMISSIONS:
            self._transmissions.pop(0).finished()
        self._counters.transmissions += 1
        if self._timer is not None:
            self._sent += 1
            self._timer.sent(trio.current_time())
        if self._seen is not None:
            self._seen.peer = link.peer
            self._seen.transmissions += 1
            self._seen.octets_out += sum(map(len, transmission.chunks))
        if self._repeatable < math.inf:
            await in_time(self._until, self._send_once_more(link, transmission))
            return
        await trio.lowlevel.checkpoint_if_cancelled()
        unsent = link.send_now(transmission.chunks)
        if unsent is None:
            link.look()
        else:
            await in_time(self._until, link.send_rest(unsent))

    async def _send_once_more(self, link: ChannelLink, transmission: Transmission) -> None:
        """What may be sent again only for some time after it was sent first."""
        began = trio.current_time()
        # A peer that takes nothing may let it wait until the server has forgotten the first transmission.
        with trio.move_on_at(self._repeat_until if self._unanswered and self._repeat_until else math.inf) as limit:
            await link.send(transmission.chunks)
        if limit.cancelled_caught:
            raise self._outcome_unknown("it could not be sent again in time")
        self._unanswered += 1
        if self._repeat_until is None:
            self._repeat_until = began + self._repeatable

    def _go_unreliably(self) -> None:
        """Get ready for a transmission that may never arrive. The earlier ones hold up nobody's window any more: what
        counts is that this one does not fall below it. Replies to them are still understood."""
        for transmission in self._transmissions:
            transmission.finished()
        if self._timer is None:
            header = self._header
            self._timer = self._connector.timers.timer((header.program, header.version, header.procedure))

    async def _outcome(self, link: ChannelLink) -> Buffer | None:
        """What became of the last transmission: results, or None if the call is to be sent again."""
        while True:
            mail = await (self._pending.next(self._until) if self._timer is None else self._mail(link, self._timer))
            match mail:
                case None:
                    self._counters.retransmissions += 1
                    return None
                case AcceptedReply():
                    results = await self._open(mail)
                    if results is not None:
                        return results
                case DeniedReply(refusal=AuthRefused()) if self._stale:
                    self._stale -= 1
                    self._counters.late_replies += 1
                case DeniedReply(refusal=AuthRefused() as refusal):
                    await self._refused(refusal, link)
                    return None
                case DeniedReply(refusal=refusal):
                    self._denied()
                    raise _received(refusal)
                case BadReply():
                    self._unanswered = 0
                    raise mail
                case _:  # LOST
                    if link.refused:
                        self._denied()
                    self._check_repeatable(link.trouble)
                    self._leave(link)
                    return None

    async def _mail(self, link: ChannelLink, timer: Timer) -> Mail | None:
        """The next piece of mail; None: it is time to send the call again."""
        until = self._repeat_until
        if link.reliable or (until is not None and timer.due >= until):
            return await self._pending.next(self._until)
        return await in_time(self._until, link.mail(self._pending, timer))

    async def _open(self, reply: AcceptedReply) -> Buffer | None:
        """The results in a reply; None: it answers none of our transmissions."""
        for transmission in reversed(self._transmissions):
            try:
                results = await transmission.open(reply)
            except BadVerifier:
                continue
            self._unanswered = 0  # what is said to one of them holds for all
            if reply.stat is not accept_stat.SUCCESS:
                raise _received(_refusal(reply))
            if self._timer is not None:
                self._timer.answered(trio.current_time())
            return results
        self._counters.bad_replies += 1
        name = self._name
        _log.warning("%s: dropped a reply whose verifier is wrong", name, event="reply.dropped", procedure=name)
        return None

    async def _refused(self, refusal: AuthRefused, link: ChannelLink) -> None:
        """Return if the call is to be sent again; else raise `refusal`."""
        if link.reliable:
            self._denied()  # of a datagram, a copy may have been executed
        self._counters.refusals += 1
        self._refusals += 1
        if self._refusals > MAX_REFUSALS:
            raise _received(refusal)
        try:
            again = await in_time(self._until, self._flavor.refused(self._transmissions[-1], refusal, link))
        except ConnectionLost:
            again = True
        if not again:
            if not link.reliable:
                self._denied()
            raise _received(refusal)
        self._transmissions.pop().finished()
        if not link.reliable:
            self._check_repeatable(str(refusal))
            self._stale, self._sent = self._sent - 1, 0
        if not link.alive:
            self._leave(link)

    def _denied(self) -> None:
        """The last transmission was not looked at; about earlier ones, that says nothing."""
        self._unanswered = max(self._unanswered - 1, 0)

    def _check_repeatable(self, trouble: str) -> None:
        """Raises `OutcomeUnknown` if the call may have been executed and must not be sent again."""
        if self._unanswered and self._repeat_until is not None and trio.current_time() >= self._repeat_until:
            raise self._outcome_unknown(trouble)

    def _outcome_unknown(self, trouble: str) -> OutcomeUnknown:
        return OutcomeUnknown(f"{self._name}: {trouble}; the call may have been executed")

    def _leave(self, link: ChannelLink) -> None:
        """Get ready for the next connection: replies on this one, and word of its loss, are of no more use."""
        if link.refused:
            raise TlsFailed(link.trouble)
        self._faults += link.faulty
        if self._faults >= MAX_FAULTS:
            raise BadReply(f"{self._name}: {link.trouble}")
        self._pending.clear()
        self._stale = self._sent = 0


def _received(refusal: Refusal) -> Refusal:
    refusal.received = True
    return refusal


def _refusal(reply: AcceptedReply) -> NotExecuted:
    match reply.stat:
        case accept_stat.PROG_UNAVAIL:
            return ProgramUnavailable("the server does not have this program")
        case accept_stat.PROG_MISMATCH:
            return ProgramMismatch(*(reply.mismatch or (0, 0)))
        case accept_stat.PROC_UNAVAIL:
            return ProcedureUnavailable("the server does not have this procedure")
        case accept_stat.GARBAGE_ARGS:
            return GarbageArguments("the server could not decode the arguments")
        case _:
            return ServerFault("the server failed (SYSTEM_ERR)")

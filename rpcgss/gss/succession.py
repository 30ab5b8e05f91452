"""A client's contexts, one after the other.

One context is current, and new calls go out under it. It is replaced when the server has lost it, before it expires,
and when its numbers or keys are used up; calls in flight end on the context that they were sent under. However many
calls wait for a context, one of them makes it (the leader of the attempt) and the others share its outcome; if the
leader is cancelled, another takes over.

    no context       an extension (tickets) is asked first, then the full GSS exchange
    both fail        the calls fail, unless the extension names a time from which it is worth another try: then they
                     wait, give up the connection, and begin again on the next one, each until its own deadline

Where contexts are bound to the channel below, one is bound again on each new connection: in version 2 it is the same,
in version 3 another child of the same parent.
"""

import logging
from typing import Final

import trio

from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.client_events import ClientEvent, ClientEventKind, GssClientCounters
from rpcgss.gss.context import Origin
from rpcgss.gss.establishing import Establishing, is_good
from rpcgss.gss.gss_xdr import RPCSEC_GSS_VERS_1
from rpcgss.gss.initiation import CreationRefused
from rpcgss.rpc.errors import AuthenticationFailed, ConnectionLost, NotExecuted
from rpcgss.rpc.flavors import ClientFlavor, Link
from rpcgss.rpc.messages import CallHeader
from rpcgss.rpc.observe import Listeners
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_stat

RENEWAL_MARGIN: Final = 600.0
"""A context is replaced so many seconds before it expires, or when a tenth of its life is left."""

RENEWAL_PATIENCE: Final = 10.0
"""Seconds that one call may spend on replacing a context that is still good."""

RENEWAL_PAUSE: Final = 60.0
"""Seconds until a renewal that failed is tried again, while the old context lasts."""

MAX_RETIRED: Final = 8

REFRESH: Final = frozenset((auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM))
_ELSEWHERE: Final = frozenset((auth_stat.RPCSEC_GSS_CTXPROBLEM, auth_stat.AUTH_REJECTEDCRED))

_log = QuietLog(logging.getLogger(__name__))


class Succession:
    """The contexts of one flavor.

    current -- takes new calls, if there is one
    carrier -- serial of the connection on which a context was last made or used
    """

    __slots__ = (
        "_attempt",
        "_contexts",
        "_demands",
        "_extension",
        "_flavor",
        "_lost_at",
        "_renew_at",
        "_retired",
        "_second_try",
        "carrier",
        "counters",
        "current",
        "establishing",
        "events",
    )

    def __init__(self, flavor: ClientFlavor, establishing: Establishing) -> None:
        self.counters = GssClientCounters()
        self.events: Listeners[ClientEvent] = Listeners()
        self.current: ClientContext | None = None
        self.carrier = 0
        self.establishing: Final = establishing
        self._flavor: Final = flavor
        self._demands: Final = establishing.initiation.demands
        self._extension: Final = establishing.initiation.extension
        self._renew_at: float | None = None
        # The newest, and those before it that calls are still in flight on.
        self._contexts: tuple[ClientContext, ...] = ()
        self._retired: tuple[ClientContext, ...] = ()  # replaced while they were good: to be destroyed at the end
        self._attempt: _Attempt | None = None
        self._lost_at: float | None = None
        self._second_try = False  # a creation request was refused, and is tried on another connection

    def ready_context(self) -> ClientContext | None:
        """The current context, if it is plain that `usable_context` would have nothing to do."""
        context = self.current
        if context is None or not context.alive or context.protection.exhausted or self.establishing.bind_channel:
            return None
        renew_at, expiry = self._renew_at, context.expiry
        if renew_at is not None or expiry is not None:
            now = trio.current_time()
            if (renew_at is not None and now >= renew_at) or (expiry is not None and now >= expiry):
                return None
        return context

    async def usable_context(self, header: CallHeader, link: Link) -> ClientContext:
        """The current context, which is made or replaced first if need be. Raises `AuthenticationFailed`,
        `ConnectionLost`, and what the server says of the program. Cancelled: a context half made is forgotten."""
        while True:
            now = trio.current_time()
            context = self.current
            if context is not None and is_good(context, now):
                if self.establishing.bind_channel and context.channel != link.serial:
                    if context.channel > link.serial:
                        raise ConnectionLost("calls go out on another connection now")
                elif self._renew_at is not None and now >= self._renew_at and self._attempt is None:
                    await self._renew(header, link)
                    continue
                else:
                    return context
            elif context is not None:
                self.replace(context)
            if self._attempt is None:
                await self._lead(header, link)
            else:
                await self._follow(self._attempt, link)

    def fits(self, context: ClientContext, link: Link) -> bool:
        """Whether what `usable_context` gave may still have a call on `link`, after a wait for a number."""
        bound = context.channel == link.serial or not self.establishing.bind_channel
        return bound and not context.expired(trio.current_time())

    def replace(self, context: ClientContext) -> None:
        """`context` takes no more calls."""
        if context is self.current:
            self.current = None
        if context.alive:
            self.retire(context)

    def lose(self, context: ClientContext) -> None:
        """The server does not know it any more."""
        context.retire()
        if context is self.current:
            self.current = None
            self.counters.lost += 1
            now = trio.current_time()
            self._lost_at = now if self._lost_at is None else self._lost_at
            self._tell(ClientEventKind.LOST, context.origin, now, 0.0)

    def retire(self, context: ClientContext) -> None:
        """It takes no more calls; the server is to forget it in the end."""
        context.retire()
        self._retired = (*self._retired, context)[-MAX_RETIRED:]

    def give_up(self) -> list[ClientContext]:
        """There is no current context any more. All that the server may still know, elders included, are for the
        caller to destroy."""
        done = [context for context in (*self._retired, self.current) if context is not None]
        self.current = None
        self.carrier = 0
        self._retired = ()
        return list(dict.fromkeys(one for context in done for one in (context, *context.elders)))

    async def _lead(self, header: CallHeader, link: Link) -> None:
        attempt = self._attempt = _Attempt(link.serial)
        try:
            await self._make(header, link)
        except Exception as failure:
            attempt.failure = failure
            raise
        finally:
            self._attempt = None
            attempt.done.set()

    async def _follow(self, attempt: "_Attempt", link: Link) -> None:
        """Wait for somebody else's attempt and share its outcome."""
        await attempt.done.wait()
        match attempt.failure:
            case None:
                return  # there is a context, or the leader was cancelled
            case ConnectionLost() as failure if link.serial > attempt.serial:
                _log.debug("an attempt on an earlier connection ended: %s", failure, event="context.not_made")
            case ConnectionLost() as failure:
                raise ConnectionLost(str(failure)) from failure
            case AuthenticationFailed() as failure:
                raise AuthenticationFailed(str(failure)) from failure
            case failure:
                raise failure

    async def _make(self, header: CallHeader, link: Link) -> None:
        """Recover, or establish, or fail; or wait and try another connection."""
        began = trio.current_time()
        if self._extension is not None:
            recovered = await self._extension.recover(header.program, header.version, self._demands, link)
            if recovered is not None and self.establishing.as_demanded(recovered):
                self._install(recovered, link, began)
                return
        try:
            if self.current is not None and await self._bound_again(self.current, header, link):
                return
            self._install(await self._exchange(header, link), link, began)
            await self._upgrade(header, link)
        except AuthenticationFailed as failure:
            self.counters.failures += 1
            self._tell(ClientEventKind.FAILED, None, trio.current_time(), trio.current_time() - began)
            await self._wait_for_another_connection(failure, link)
            raise

    async def _bound_again(self, context: ClientContext, header: CallHeader, link: Link) -> bool:
        """Whether calls can go on under a context that was bound on an earlier connection, or under its like, so far as
        it is still known to the server."""
        try:
            bound = await self.establishing.bound_again(context, header, link)
        except CreationRefused as refusal:
            if refusal.stat not in REFRESH and refusal.stat != auth_stat.RPCSEC_GSS_INNER_CREDPROBLEM:
                raise
            self.lose(context)
            return False
        if bound is None:
            self.replace(context)
            return False
        if bound is not context:
            self.retire(context)
            self._adopt(bound, link)
        return True

    async def _exchange(self, header: CallHeader, link: Link) -> ClientContext:
        return await self.establishing.context(header, link, self.retire, carried=self.carrier == link.serial)

    async def _wait_for_another_connection(self, failure: AuthenticationFailed, link: Link) -> None:
        """Raises `ConnectionLost` once it is worth another try on a new connection; returns if it never is, or
        if others have calls on this one."""
        if link.serves_others(self._flavor):
            return  # they would pay for it
        elsewhere = isinstance(failure, CreationRefused) and failure.stat in _ELSEWHERE
        if elsewhere and self.establishing.versions[-1] == RPCSEC_GSS_VERS_1 and not self._in_flight_on(link.serial):
            # Some servers bind contexts to connections, even to those of others that are long gone. They speak only
            # version 1; a later one is refused alike on every connection.
            self._second_try = not self._second_try
            if self._second_try:
                link.abandon()
                raise ConnectionLost(str(failure)) from failure
        at = None if self._extension is None else self._extension.retry_at(self._demands, link)
        if at is None:
            return
        _log.warning("%s; waiting to try a ticket again", failure, event="ticket.waiting")
        await trio.sleep_until(at)
        if link.serves_others(self._flavor):
            return
        link.abandon()
        raise ConnectionLost(str(failure)) from failure

    def _in_flight_on(self, serial: int) -> int:
        return sum(context.window.in_flight_on(serial) for context in self._contexts)

    async def _renew(self, header: CallHeader, link: Link) -> None:
        """Replace a context that is still good; if that fails it goes on serving. The others do not wait for it."""
        old, began = self.current, trio.current_time()
        self._renew_at = began + RENEWAL_PAUSE
        attempt = self._attempt = _Attempt(link.serial)
        try:
            with trio.move_on_after(RENEWAL_PATIENCE):
                context = await self._exchange(header, link)
                self._install(context, link, began, replaced=old)
                await self._upgrade(header, link)
        except (AuthenticationFailed, NotExecuted) as failure:
            self.counters.failures += 1
            target = self._demands.target
            _log.warning("the context with %s is not renewed yet: %s", target, failure, event="context.not_renewed")
        finally:
            self._attempt = None
            attempt.done.set()

    async def _upgrade(self, header: CallHeader, link: Link) -> None:
        """Go on under the keys of a ticket at once, if the extension wants that; else with the context that is there.
        Calls that come meanwhile need not wait for it."""
        old, began = self.current, trio.current_time()
        if self._extension is None or old is None or not self._extension.upgrades(self._demands):
            return
        try:
            upgraded = await self._extension.recover(header.program, header.version, self._demands, link)
        except ConnectionLost as failure:
            # The context is as good on the next connection.
            _log.debug("no upgrade: %s", failure, event="context.not_upgraded")
            return
        if upgraded is not None and self.establishing.as_demanded(upgraded):
            self._install(upgraded, link, began, replaced=old)

    def _install(
        self, context: ClientContext, link: Link, began: float, *, replaced: ClientContext | None = None
    ) -> None:
        now = trio.current_time()
        self._adopt(context, link)
        if context.origin is Origin.TICKET:
            self.counters.by_ticket += 1
        else:
            self.counters.by_exchange += 1
        if self._lost_at is not None:
            kind, began = ClientEventKind.RECOVERED, self._lost_at
            self._lost_at = None
        elif replaced is not None:
            self.retire(replaced)
            if context.origin is Origin.TICKET:
                self.counters.upgraded += 1
                kind = ClientEventKind.UPGRADED
            else:
                self.counters.renewed += 1
                kind = ClientEventKind.RENEWED
        else:
            kind = ClientEventKind.ESTABLISHED
        self._tell(kind, context.origin, now, now - began)

    def _adopt(self, context: ClientContext, link: Link) -> None:
        self.current = context
        self._contexts = (*(old for old in self._contexts if old.window.unanswered), context)
        self.carrier = max(self.carrier, link.serial)
        self._second_try = False
        self._renew_at = None
        if context.expiry is not None:
            self._renew_at = context.expiry - min(RENEWAL_MARGIN, (context.expiry - trio.current_time()) / 10)

    def _tell(self, kind: ClientEventKind, origin: Origin | None, at: float, seconds: float) -> None:
        self.events.tell(ClientEvent(kind, origin, at, seconds))


class _Attempt:
    """Somebody is making a context, on connection `serial`. A failure is for all who waited."""

    def __init__(self, serial: int) -> None:
        self.serial: Final = serial
        self.done: Final = trio.Event()
        self.failure: Exception | None = None

"""The client's end of RPCSEC_GSS (RFC 2203, RFC 5403, RFC 7861): `GssFlavor`.

One context is current, and new calls go out under it. It is replaced when the server has lost it, before it expires,
and when its numbers or keys are used up; calls in flight end on the context that they were sent under. However many
calls wait for a context, one of them makes it (the leader of the attempt) and the others share its outcome; if the
leader is cancelled, another takes over.

    no context       an extension (tickets) is asked first, then the full GSS exchange
    both fail        the calls fail, unless the extension names a time from which it is worth another try: then they
                     wait, give up the connection, and begin again on the next one, each until its own deadline
    denied with      CREDPROBLEM or CTXPROBLEM: that context takes no more calls, the call is sent again (5.3.3.3)
    ... another      the call fails; a new context would not help

Where contexts are bound to the channel below, one is bound again on each new connection: in version 2 it is the same,
in version 3 another child of the same parent.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import ClassVar, Final

import trio

from rpcgss.gss.assertions import Assertion, Listed
from rpcgss.gss.bodies import Credential, encode_credential, signed_by_reply
from rpcgss.gss.children import MAX_CHILDREN, Controls
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import RPCSEC_GSS, Origin
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.extension import ClientExtension
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_DATA,
    RPCSEC_GSS_VERS_1,
    RPCSEC_GSS_VERS_2,
    RPCSEC_GSS_VERS_3,
    rpc_gss_service_t,
)
from rpcgss.gss.initiation import CreationRefused, Initiation, require_demanded
from rpcgss.gss.mechanism import GssapiProvider
from rpcgss.gss.provider import Credentials, Demands, GssService, Provider
from rpcgss.gss.transmission import GssTransmission, sealed
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, ConnectionLost, NotExecuted
from rpcgss.rpc.flavors import ClientFlavor, Link, Transmission
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header
from rpcgss.rpc.observe import Event, Listeners, Source
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import ThreadWorker, Worker
from xdr import Buffer

PATIENCE: Final = 30.0
"""Seconds to wait for the reply to a creation request over a reliable transport."""

RENEWAL_MARGIN: Final = 600.0
"""A context is replaced so many seconds before it expires, or when a tenth of its life is left."""

RENEWAL_PATIENCE: Final = 10.0
"""Seconds that one call may spend on replacing a context that is still good."""

RENEWAL_PAUSE: Final = 60.0
"""Seconds until a renewal that failed is tried again, while the old context lasts."""

FAREWELL: Final = 2.0
"""Seconds that closing may spend on DESTROY."""

MAX_RETIRED: Final = 8

_log = QuietLog(logging.getLogger(__name__))


class ClientEventKind(Enum):
    """What happened to a flavor's contexts."""

    ESTABLISHED = "established"
    LOST = "lost"
    RECOVERED = "recovered"
    RENEWED = "renewed"
    UPGRADED = "upgraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClientEvent(Event):
    """`at` is trio time. `origin` is the new context's (None: FAILED), or that of the lost one. `seconds`: how long
    making it took; of RECOVERED, since the loss was noticed."""

    topic: ClassVar[str] = "gss_client"
    kind: ClientEventKind
    origin: Origin | None
    at: float
    seconds: float

    def described(self) -> dict[str, str | float | None]:
        return {"origin": self.origin and self.origin.value, "seconds": self.seconds}


@dataclass(slots=True)
class GssClientCounters:
    """Totals since the start. Every context counts once in by_exchange or by_ticket; `lost` are those that the server
    denied, `failures` attempts that brought none; `renewed` and `upgraded` those that replaced one that was good."""

    by_exchange: int = 0
    by_ticket: int = 0
    lost: int = 0
    renewed: int = 0
    upgraded: int = 0
    failures: int = 0


class GssFlavor(ClientFlavor):
    """RPCSEC_GSS for one client, or for one of its users.

    target      -- the service: "nfs@host.example.org", or a Kerberos name such as "kadmin/admin@REALM"
    service     -- how calls are protected; no context and no call is ever weaker than this
    mechanism   -- object identifier, dotted; None: Kerberos 5
    credentials -- whose; None: the default ones of this process, looked up anew for each exchange
    mutual      -- have the server prove itself; without that, no tickets
    delegate    -- hand the credentials over to the server
    extension   -- tickets. Other versions than 1 have none, and it is not asked
    version     -- of RPCSEC_GSS. Most servers speak only 1
    negotiate_down -- be content with an earlier version if the server does not speak this one: with the latest that can
                   do all that is asked for here. Whoever can write to the connection can make it look so
    bind_channel -- bind contexts to the TLS session below, and leave the protection of calls to it (versions 2 and 3);
                   without TLS no call is sent
    user        -- who calls, while `credentials` are those of the host that vouches for him (compound authentication,
                   version 3)
    assertions  -- labels and privileges that every call is to have; the server grants all of them, or no call is sent
                   (version 3)
    list_assertions -- ask what assertions the server knows whenever a context is made: `listed` (version 3)
    provider, worker -- who makes contexts, and where GSS calls that may take long are run
    patience    -- seconds to wait for the reply to each creation request; over UDP it is for the call to give up
    events      -- callables that are told of each `ClientEvent`, at once and in order

    Used by one client at a time. `counters` and `events` may be read and changed at any time.
    """

    def __init__(
        self,
        target: str,
        *,
        service: GssService = GssService.PRIVACY,
        mechanism: str | None = None,
        credentials: Credentials | None = None,
        mutual: bool = True,
        delegate: bool = False,
        extension: ClientExtension | None = None,
        version: int = RPCSEC_GSS_VERS_1,
        negotiate_down: bool = False,
        bind_channel: bool = False,
        user: Credentials | None = None,
        assertions: Sequence[Assertion] = (),
        list_assertions: bool = False,
        provider: Provider | None = None,
        worker: Worker | None = None,
        patience: float = PATIENCE,
    ) -> None:
        if extension is not None and not isinstance(extension, ClientExtension):
            raise TypeError(f"{extension!r} is no client's extension: give a TicketClient")
        service = GssService(service)
        self.demands: Final = Demands(target, service, mechanism, mutual, delegate, credentials or Credentials())
        self.security = service.security
        self.counters = GssClientCounters()
        self.events: Listeners[ClientEvent] = Listeners()
        self.listed: Listed | None = None
        self._bind_channel: Final = bind_channel
        self._user: Final = user
        self._assertions: Final = tuple(assertions)
        self._list_assertions: Final = list_assertions
        self._versions: Final = self._acceptable_versions(version, negotiate_down=negotiate_down)
        self._given_extension: Final = extension
        self._extension: Final = extension if version == RPCSEC_GSS_VERS_1 else None
        self._worker: Final = worker or ThreadWorker()
        self._initiation: Final = Initiation(
            provider or GssapiProvider(), self.demands, self._extension, self._worker, patience, trio.current_time
        )
        self._current: ClientContext | None = None
        self._renew_at: float | None = None
        self._contexts: list[ClientContext] = []  # the newest, and those before it that calls are still in flight on
        self._retired: list[ClientContext] = []  # replaced while they were good: to be destroyed at the end
        self._attempt: _Attempt | None = None
        self._lost_at: float | None = None
        self._link: Link | None = None  # the latest that was seen
        self._carrier = 0  # the connection on which a context was last made or used
        self._second_try = False  # a creation request was refused, and is tried on another connection
        self._program = (0, 0)

    def sources(self) -> Iterable[Source]:
        yield Source("gss_client", self.counters, self.events)
        if self._extension is not None:
            yield from self._extension.sources()

    def another(self) -> "GssFlavor":
        """See `ClientFlavor`. It makes contexts of its own: calls on one connection then neither wait for the window of
        those on another, nor are lost with them; and contexts on several processors protect at once."""
        demands, initiation = self.demands, self._initiation
        flavor = GssFlavor(
            demands.target,
            service=demands.service,
            mechanism=demands.mechanism,
            credentials=demands.credentials,
            mutual=demands.mutual,
            delegate=demands.delegate,
            extension=self._given_extension,
            version=self._versions[0],
            negotiate_down=len(self._versions) > 1,
            bind_channel=self._bind_channel,
            user=self._user,
            assertions=self._assertions,
            list_assertions=self._list_assertions,
            provider=initiation.provider,
            worker=self._worker,
            patience=initiation.patience,
        )
        flavor.counters, flavor.events = self.counters, self.events
        return flavor

    @property
    def context(self) -> ClientContext | None:
        """The current context, for those who want to look at it."""
        return self._current

    async def transmit(self, header: CallHeader, arguments: Buffer, link: Link) -> Transmission:
        """See `ClientFlavor`. Cancelled: its number is free again, a context half made is forgotten."""
        self._require_one_client(link)
        self._program = (header.program, header.version)
        while True:
            context = await self._usable_context(header, link)
            number = await context.take_number(link.serial)
            if number is None:
                self._replace(context)
                continue
            self._carrier = max(self._carrier, link.serial)
            try:
                return await self._transmission(header, arguments, context, number)
            except SecurityError as error:
                context.answered(number)
                if not context.spent:
                    raise AuthenticationFailed(f"the call cannot be protected: {error}") from error
            except BaseException:
                context.answered(number)
                raise

    async def refused(self, transmission: Transmission, refusal: AuthRefused, link: Link) -> bool:
        """See `ClientFlavor`. How often a call is sent again is for the client to bound."""
        if not isinstance(transmission, GssTransmission):
            return False
        context = transmission.context
        if refusal.stat == auth_stat.AUTH_BADCRED and context.channel == link.serial:
            context.channel = 0  # the server has forgotten what the context is bound to: bind it again
            return True
        if refusal.stat not in _REFRESH:
            return False
        self._lose(context)
        return True

    async def aclose(self, link: Link | None) -> None:
        """Tell the server that the contexts are done with (DESTROY, 5.4), within two seconds; no answer is insisted
        on."""
        done = [context for context in (*self._retired, self._current) if context is not None]
        contexts = list(dict.fromkeys(one for context in done for one in (context, *context.elders)))
        self._current = self._link = None
        self._carrier = 0
        self._retired.clear()
        now = trio.current_time()
        try:
            if link is not None:
                with trio.move_on_after(FAREWELL):
                    for context in contexts:
                        if not context.expired(now):
                            await self._controls(*self._program, link).destroy(context, self.demands.service)
        finally:
            for context in contexts:
                context.retire()
            if self._extension is not None:
                self._extension.closed(self.demands)

    def _require_one_client(self, link: Link) -> None:
        """Two clients would number their connections alike, and each would take the other's for a later one."""
        last = self._link
        if last is not None and last is not link and last.serial == link.serial:
            raise AuthenticationFailed("this GssFlavor is in use by another client: make one for each")
        if last is None or link.serial > last.serial:
            self._link = link

    # The current context, and how it is replaced.

    async def _usable_context(self, header: CallHeader, link: Link) -> ClientContext:
        while True:
            now = trio.current_time()
            context = self._current
            if context is not None and self._is_good(context, now):
                if self._bind_channel and context.channel != link.serial:
                    if context.channel > link.serial:
                        raise ConnectionLost("calls go out on another connection now")
                elif self._renew_at is not None and now >= self._renew_at and self._attempt is None:
                    await self._renew(header, link)
                    continue
                else:
                    return context
            elif context is not None:
                self._replace(context)
            if self._attempt is None:
                await self._lead(header, link)
            else:
                await self._follow(self._attempt, link)

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

    async def _make(self, header: CallHeader, link: Link) -> None:
        """Recover, or establish, or fail; or wait and try another connection."""
        began = trio.current_time()
        if self._extension is not None:
            recovered = await self._extension.recover(header.program, header.version, self.demands, link)
            if recovered is not None and self._as_demanded(recovered):
                self._install(recovered, link, began)
                return
        try:
            if self._current is not None and await self._bound_again(self._current, header, link):
                return
            self._install(await self._exchange(header, link), link, began)
            await self._upgrade(header, link)
        except AuthenticationFailed as failure:
            self.counters.failures += 1
            self._tell(ClientEventKind.FAILED, None, trio.current_time(), trio.current_time() - began)
            await self._wait_for_another_connection(failure, link)
            raise

    def _as_demanded(self, recovered: ClientContext) -> bool:
        try:
            require_demanded(self.demands, recovered.flags, recovered.mechanism)
        except AuthenticationFailed as failure:
            _log.warning("a recovered context is of no use: %s", failure, event="ticket.useless")
            return False
        return not recovered.expired(trio.current_time()) and not recovered.spent

    async def _exchange(self, header: CallHeader, link: Link) -> ClientContext:
        target = self.demands.target
        try:
            return await self._completed(await self._negotiated(header, link), header, link)
        except trio.TooSlowError as error:
            raise AuthenticationFailed(f"no security context with {target}: the server does not answer") from error

    async def _negotiated(self, header: CallHeader, link: Link) -> ClientContext:
        """A context of the latest acceptable version that the server speaks. Each time the first one is tried first:
        that one was refused is not authenticated."""
        carried = self._carrier == link.serial
        for version in self._versions:
            initiation = replace(self._initiation, gss_version=version)
            try:
                return await initiation.run(header.program, header.version, link, carried_context=carried)
            except CreationRefused as refusal:
                if refusal.stat not in _ANOTHER_VERSION or version == self._versions[-1]:
                    raise
                _log.info("%s; trying an earlier version, as told", refusal, event="context.negotiated_down")
        raise AssertionError("there is a last version")

    async def _completed(self, context: ClientContext, header: CallHeader, link: Link) -> ClientContext:
        """Bound, and with all that its calls are to assert."""
        made = [context]
        try:
            controls = self._controls(header.program, header.version, link)
            if self._bind_channel and context.version == RPCSEC_GSS_VERS_2:
                await controls.bind(context)
            if self._list_assertions:
                self.listed = await controls.listed(context)
            if context.version != RPCSEC_GSS_VERS_3 or not (self._bind_channel or self._user or self._assertions):
                return context
            if self._user is not None:
                demands = replace(self.demands, credentials=self._user)
                initiation = replace(self._initiation, demands=demands, gss_version=context.version)
                made.append(await initiation.run(header.program, header.version, link, carried_context=True))
            inner = made[1] if len(made) > 1 else None
            return await controls.create(context, inner, self._assertions, bind_channel=self._bind_channel)
        except BaseException:
            for one in made:
                self._retire(one)
            raise

    async def _bound_again(self, context: ClientContext, header: CallHeader, link: Link) -> bool:
        """Whether a context that was bound on an earlier connection could be bound on this one, so far as it is still
        known to the server."""
        controls = self._controls(header.program, header.version, link)
        try:
            if context.version == RPCSEC_GSS_VERS_2:
                await controls.bind(context)
                return True
            parent, inner = context.elders[0], next(iter(context.elders[1:]), None)
            if self._is_good(parent, trio.current_time()) and parent.births < MAX_CHILDREN:
                child = await controls.create(parent, inner, self._assertions, bind_channel=True)
                self._retire(context)
                self._adopt(child, link)
                return True
        except CreationRefused as refusal:
            if refusal.stat not in _REFRESH and refusal.stat != auth_stat.RPCSEC_GSS_INNER_CREDPROBLEM:
                raise
            self._lose(context)
            return False
        except trio.TooSlowError as error:
            raise AuthenticationFailed(f"{self.demands.target} does not answer a control message") from error
        self._replace(context)
        return False

    async def _wait_for_another_connection(self, failure: AuthenticationFailed, link: Link) -> None:
        """Raises `ConnectionLost` once it is worth another try on a new connection; returns if it never is, or
        if others have calls on this one."""
        if link.serves_others(self):
            return  # they would pay for it
        elsewhere = isinstance(failure, CreationRefused) and failure.stat in _ELSEWHERE
        if elsewhere and self._versions[-1] == RPCSEC_GSS_VERS_1 and not self._in_flight_on(link.serial):
            # Some servers bind contexts to connections, even to those of others that are long gone. They speak only
            # version 1; a later one is refused alike on every connection.
            self._second_try = not self._second_try
            if self._second_try:
                link.abandon()
                raise ConnectionLost(str(failure)) from failure
        at = None if self._extension is None else self._extension.retry_at(self.demands, link)
        if at is None:
            return
        _log.warning("%s; waiting to try a ticket again", failure, event="ticket.waiting")
        await trio.sleep_until(at)
        if link.serves_others(self):
            return
        link.abandon()
        raise ConnectionLost(str(failure)) from failure

    def _in_flight_on(self, serial: int) -> int:
        return sum(context.window.in_flight_on(serial) for context in self._contexts)

    async def _renew(self, header: CallHeader, link: Link) -> None:
        """Replace a context that is still good; if that fails it goes on serving. The others do not wait for it."""
        old, began = self._current, trio.current_time()
        self._renew_at = began + RENEWAL_PAUSE
        attempt = self._attempt = _Attempt(link.serial)
        try:
            with trio.move_on_after(RENEWAL_PATIENCE):
                context = await self._exchange(header, link)
                self._install(context, link, began, replaced=old)
                await self._upgrade(header, link)
        except (AuthenticationFailed, NotExecuted) as failure:
            self.counters.failures += 1
            target = self.demands.target
            _log.warning("the context with %s is not renewed yet: %s", target, failure, event="context.not_renewed")
        finally:
            self._attempt = None
            attempt.done.set()

    async def _upgrade(self, header: CallHeader, link: Link) -> None:
        """Go on under the keys of a ticket at once, if the extension wants that; else with the context that is there.
        Calls that come meanwhile need not wait for it."""
        old, began = self._current, trio.current_time()
        if self._extension is None or not self._extension.upgrades or old is None:
            return
        try:
            upgraded = await self._extension.recover(header.program, header.version, self.demands, link)
        except ConnectionLost as failure:
            _log.debug(
                "no upgrade: %s", failure, event="context.not_upgraded"
            )  # the context is as good on the next connection
            return
        if upgraded is not None and self._as_demanded(upgraded):
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
            self._retire(replaced)
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
        self._current = context
        self._contexts = [*(old for old in self._contexts if old.window.unanswered), context]
        self._carrier = max(self._carrier, link.serial)
        self._second_try = False
        self._renew_at = None
        if context.expiry is not None:
            self._renew_at = context.expiry - min(RENEWAL_MARGIN, (context.expiry - trio.current_time()) / 10)

    def _lose(self, context: ClientContext) -> None:
        """The server does not know it any more."""
        context.retire()
        if context is self._current:
            self._current = None
            self.counters.lost += 1
            now = trio.current_time()
            self._lost_at = now if self._lost_at is None else self._lost_at
            self._tell(ClientEventKind.LOST, context.origin, now, 0.0)

    def _is_good(self, context: ClientContext, now: float) -> bool:
        return not context.expired(now) and not context.spent

    def _replace(self, context: ClientContext) -> None:
        """`context` takes no more calls."""
        if context is self._current:
            self._current = None
        if context.alive:
            self._retire(context)

    def _retire(self, context: ClientContext) -> None:
        context.retire()
        self._retired = [*self._retired, context][-MAX_RETIRED:]

    def _tell(self, kind: ClientEventKind, origin: Origin | None, at: float, seconds: float) -> None:
        self.events.tell(ClientEvent(kind, origin, at, seconds))

    # Messages.

    async def _transmission(
        self, header: CallHeader, arguments: Buffer, context: ClientContext, number: int
    ) -> "GssTransmission":
        service = self.demands.service
        said = _CHANNEL_PROT if context.channel else service
        credential = encode_credential(Credential(RPCSEC_GSS_DATA, number, said, context.handle, context.version))
        octets = encode_call_header(header, opaque_auth(RPCSEC_GSS, credential))
        if context.channel:
            return GssTransmission([octets + _NULL_VERIFIER, arguments], context, number, service, self._worker, None)
        size = len(octets) if service is GssService.NONE else len(octets) + len(arguments)
        mic, body = await context.guard.run(
            self._worker, size, sealed, context.protection, service, number, octets, arguments
        )
        chunks = [octets + encode_auth(opaque_auth(RPCSEC_GSS, mic)), body]
        signed = signed_by_reply(context.version, number, octets)
        return GssTransmission(chunks, context, number, service, self._worker, signed)

    def _controls(self, program: int, version: int, link: Link) -> Controls:
        patience = self._initiation.patience
        return Controls(self.demands.target, program, version, link, self._worker, patience)

    def _acceptable_versions(self, version: int, *, negotiate_down: bool) -> Sequence[int]:
        """The first is tried first. What is asked for sets the least, whatever may be negotiated."""
        least = RPCSEC_GSS_VERS_1
        if self._user is not None or self._assertions or self._list_assertions:
            least = RPCSEC_GSS_VERS_3
        elif self._bind_channel:
            least = RPCSEC_GSS_VERS_2
        if not least <= version <= RPCSEC_GSS_VERS_3:
            raise ValueError(f"RPCSEC_GSS version {version}: what is asked for takes one from {least} to 3")
        return range(version, (least if negotiate_down else version) - 1, -1)


class _Attempt:
    """Somebody is making a context, on connection `serial`. A failure is for all who waited."""

    def __init__(self, serial: int) -> None:
        self.serial: Final = serial
        self.done: Final = trio.Event()
        self.failure: Exception | None = None


_CHANNEL_PROT: Final = rpc_gss_service_t.rpc_gss_svc_channel_prot
_NULL_VERIFIER: Final = encode_auth(NULL_AUTH)
_ANOTHER_VERSION: Final = frozenset((auth_stat.AUTH_REJECTEDCRED, auth_stat.AUTH_BADCRED))
"""RFC 2203, 5.2.3.2; others say AUTH_BADCRED (libtirpc, ntirpc, gssrpc)."""
_REFRESH: Final = frozenset((auth_stat.RPCSEC_GSS_CREDPROBLEM, auth_stat.RPCSEC_GSS_CTXPROBLEM))
_ELSEWHERE: Final = frozenset((auth_stat.RPCSEC_GSS_CTXPROBLEM, auth_stat.AUTH_REJECTEDCRED))

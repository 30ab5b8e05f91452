"""The client's end of RPCSEC_GSS (RFC 2203, RFC 5403, RFC 7861): `GssFlavor`.

Calls go out under the current context of a `Succession`. Of those that the server denies:

    CREDPROBLEM or CTXPROBLEM   that context takes no more calls, the call is sent again (5.3.3.3)
    another status              the call fails; a new context would not help
"""

from collections.abc import Iterable, Sequence
from typing import Final

import trio

from rpcgss.gss.assertions import Assertion, Listed
from rpcgss.gss.bodies import encode_header, encode_verifier
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.client_events import ClientEvent, GssClientCounters
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.establishing import Establishing
from rpcgss.gss.extension import ClientExtension
from rpcgss.gss.gss_xdr import RPCSEC_GSS_DATA, RPCSEC_GSS_VERS_1, rpc_gss_service_t
from rpcgss.gss.initiation import Initiation
from rpcgss.gss.mechanism import GssapiProvider
from rpcgss.gss.provider import Credentials, Demands, GssService, Provider
from rpcgss.gss.succession import REFRESH, Succession
from rpcgss.gss.transmission import GssTransmission, sealed
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused
from rpcgss.rpc.flavors import ClientFlavor, Link, Transmission
from rpcgss.rpc.messages import MAX_AUTH_OCTETS, NULL_AUTH, CallHeader, encode_auth
from rpcgss.rpc.observe import Listeners, Source
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.work import ThreadWorker, Worker
from xdr import Buffer

PATIENCE: Final = 30.0
"""Seconds to wait for the reply to a creation request over a reliable transport."""

FAREWELL: Final = 2.0
"""Seconds that closing may spend on DESTROY."""

_CHANNEL_PROT: Final = int(rpc_gss_service_t.rpc_gss_svc_channel_prot)
_DATA: Final = int(RPCSEC_GSS_DATA)
_NONE: Final = GssService.NONE
_NULL_VERIFIER: Final = encode_auth(NULL_AUTH)


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

    Used by one client at a time. `counters` may be read at any time, and `events` changed: callables that are told of
    each `ClientEvent`, at once and in order.
    """

    __slots__ = (
        "_establishing",
        "_extension",
        "_given_extension",
        "_last_call",
        "_link",
        "_succession",
        "_worker",
        "demands",
        "security",
    )

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
        self._given_extension: Final = extension
        self._extension: Final = extension if version == RPCSEC_GSS_VERS_1 else None
        self._worker: Final = worker or ThreadWorker()
        initiation = Initiation(
            provider or GssapiProvider(), self.demands, self._extension, self._worker, patience, trio.current_time
        )
        self._establishing: Final = Establishing(
            initiation,
            version=version,
            negotiate_down=negotiate_down,
            bind_channel=bind_channel,
            user=user,
            assertions=assertions,
            list_assertions=list_assertions,
        )
        self._succession: Final = Succession(self, self._establishing)
        self._link: Link | None = None  # the latest that was seen
        self._last_call = CallHeader(0, 0, 0, 0)

    @property
    def counters(self) -> GssClientCounters:
        """Those of all who are `another` of each other."""
        return self._succession.counters

    @property
    def events(self) -> Listeners[ClientEvent]:
        """Of all who are `another` of each other."""
        return self._succession.events

    @property
    def listed(self) -> Listed | None:
        """What the server said last of the assertions that it knows; None: it was not asked."""
        return self._establishing.listed

    @property
    def context(self) -> ClientContext | None:
        """The current context, for those who want to look at it."""
        return self._succession.current

    def sources(self) -> Iterable[Source]:
        yield Source("gss_client", self.counters, self.events)
        if self._extension is not None:
            yield from self._extension.sources()

    def another(self) -> "GssFlavor":
        """See `ClientFlavor`. It makes contexts of its own: calls on one connection then neither wait for the window of
        those on another, nor are lost with them; and contexts on several processors protect at once."""
        demands, wanted = self.demands, self._establishing
        flavor = GssFlavor(
            demands.target,
            service=demands.service,
            mechanism=demands.mechanism,
            credentials=demands.credentials,
            mutual=demands.mutual,
            delegate=demands.delegate,
            extension=self._given_extension,
            version=wanted.versions[0],
            negotiate_down=len(wanted.versions) > 1,
            bind_channel=wanted.bind_channel,
            user=wanted.user,
            assertions=wanted.assertions,
            list_assertions=wanted.list_assertions,
            provider=wanted.initiation.provider,
            worker=self._worker,
            patience=wanted.initiation.patience,
        )
        flavor._succession.counters, flavor._succession.events = self.counters, self.events
        return flavor

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        """See `ClientFlavor`. Cancelled: nothing is sent; its number is lost, but holds up
        the window no more. A context half made is forgotten."""
        self._require_one_client(link)
        self._last_call = header
        succession, service = self._succession, self.demands.service
        while True:
            context = await succession.usable_context(header, link)
            number = await context.take_number(link.serial)
            if number is None:
                succession.replace(context)
                continue
            if not succession.fits(context, link):
                context.answered(number)
                continue
            succession.carrier = max(succession.carrier, link.serial)
            try:
                if context.channel:
                    octets = encode_header(header, _DATA, number, _CHANNEL_PROT, context.handle, context.version)
                    chunks = [octets + _NULL_VERIFIER, *arguments]
                    return GssTransmission(chunks, context, number, _NONE, self._worker, None)
                octets = encode_header(header, _DATA, number, service, context.handle, context.version)
                size = _size(service, octets, arguments)
                return await context.guard.run(
                    self._worker, size, self._transmission, octets, arguments, context, number
                )
            except SecurityError as error:
                self._unprotected(context, number, error)
            except BaseException:
                context.answered(number)
                raise

    def transmit_now(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission | None:
        """See `ClientFlavor`. This is `transmit` for nearly all calls: under a context that is good and bound to no
        channel, which nobody is inside, with a number to be had."""
        context = self._succession.ready_context()
        if context is None or link is not self._link:
            return None
        service = self.demands.service
        if not context.guard.lets_in(_size(service, b"", arguments) + MAX_AUTH_OCTETS):
            return None
        number = context.take_number_now(link.serial)
        if number is None:
            return None
        self._last_call = header
        try:
            octets = encode_header(header, _DATA, number, service, context.handle, context.version)
            return self._transmission(octets, arguments, context, number)
        except SecurityError as error:
            self._unprotected(context, number, error)
            return None
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
        if refusal.stat not in REFRESH:
            return False
        self._succession.lose(context)
        return True

    async def aclose(self, link: Link | None) -> None:
        """Tell the server that the contexts are done with (DESTROY, 5.4), within two seconds; no answer is insisted
        on."""
        contexts = self._succession.give_up()
        self._link = None
        now = trio.current_time()
        try:
            if link is not None:
                controls = self._establishing.controls(self._last_call.program, self._last_call.version, link)
                with trio.move_on_after(FAREWELL):
                    for context in contexts:
                        if not context.expired(now):
                            await controls.destroy(context, self.demands.service)
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

    def _transmission(
        self, header: bytes, arguments: Sequence[Buffer], context: ClientContext, number: int
    ) -> GssTransmission:
        service = self.demands.service
        mic, body = sealed(context.protection, service, number, header, arguments)
        chunks = [header + encode_verifier(mic), *body]
        return GssTransmission(chunks, context, number, service, self._worker, header)

    def _unprotected(self, context: ClientContext, number: int, error: SecurityError) -> None:
        """Return if the call may be made under another context."""
        context.answered(number)
        if not context.spent:
            raise AuthenticationFailed(f"the call cannot be protected: {error}") from error


def _size(service: GssService, header: bytes, arguments: Sequence[Buffer]) -> int:
    """Octets that a call gives the mechanism to work on."""
    return len(header) if service is _NONE else len(header) + sum(map(len, arguments))

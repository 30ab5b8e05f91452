"""The server's side of context creation: INIT and CONTINUE_INIT (RFC 2203, 5.2).

Failures of the mechanism are told as 5.2.3.1 says: accepted, with gss_major and gss_minor, neither handle nor token,
and a null verifier. A request that is no creation request at all is refused with AUTH_BADCRED or GARBAGE_ARGS. Neither
CREDPROBLEM nor CTXPROBLEM is an answer to a creation request (5.2.3.2).
"""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from rpcgss.gss.admission import PrincipalMap
from rpcgss.gss.bodies import Credential, word
from rpcgss.gss.context import RPCSEC_GSS, Context
from rpcgss.gss.errors import GssError, PrincipalRefused, SecurityError
from rpcgss.gss.extension import Establishment, Grant, ServerExtension, ServerHost
from rpcgss.gss.gss_xdr import (
    GSS_S_COMPLETE,
    GSS_S_CONTINUE_NEEDED,
    GSS_S_CREDENTIALS_EXPIRED,
    GSS_S_FAILURE,
    GSS_S_UNAUTHORIZED,
    RPCSEC_GSS_VERS_1,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.gss.provider import Acceptor, GssFlag, SecurityContext
from rpcgss.gss.window import ReceiveWindow
from rpcgss.rpc.errors import AuthRefused, GarbageArguments
from rpcgss.rpc.flavors import Answer, Connection
from rpcgss.rpc.messages import NULL_AUTH, ReceivedCall
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from xdr import DecodeError

MAX_ROUNDS: Final = 10
"""Creation requests that one context may take. krb5 needs one, SPNEGO two or three."""

_log = QuietLog(logging.getLogger(__name__))


@dataclass(slots=True)
class CreationCounters:
    """Totals since the start: creation requests, and those that ended without a context, for whatever reason."""

    requests: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Making:
    """A context in the making, between two requests or within one. It belongs to its connection: its handle can be
    overheard, and one token of a stranger would end it."""

    handle: bytes
    connection: Connection
    security: SecurityContext
    until: float
    version: int
    tokens: list[bytes] = field(default_factory=list)


class Creation:
    """Makes a server's contexts.

    max_token       -- octets in a gss_token
    max_lifetime    -- seconds that a context lives at most, whatever the credential allows
    allow_anonymous -- take initiators that hide their name
    principals      -- the application's word on who may come in
    """

    def __init__(
        self,
        acceptor: Acceptor,
        host: ServerHost,
        extension: ServerExtension | None,
        *,
        max_token: int,
        max_lifetime: float | None,
        allow_anonymous: bool,
        principals: PrincipalMap | None = None,
    ) -> None:
        self.counters: Final = CreationCounters()
        self._acceptor: Final = acceptor
        self._host: Final = host
        self._extension: Final = extension
        self._max_token: Final = max_token
        self._max_lifetime: Final = max_lifetime
        self._allow_anonymous: Final = allow_anonymous
        self._principals: Final = principals
        self._making: OrderedDict[bytes, _Making] = OrderedDict()  # oldest first

    @property
    def making(self) -> int:
        """How many contexts wait for their next creation request."""
        return len(self._making)

    async def begin(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer:
        """INIT. Raises `AuthRefused`, `GarbageArguments`. Cancelled: nothing is kept."""
        token = self._token(call)
        if credential.handle:
            raise AuthRefused(auth_stat.AUTH_BADCRED, "INIT with a handle")
        host = self._host
        until = host.clock() + host.store.limits.making_life
        making = _Making(host.store.new_handle(), connection, self._acceptor.accept(), until, credential.version)
        return await self._proceed(making, token, credential, connection)

    async def resume(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer:
        """CONTINUE_INIT. Raises `AuthRefused`, `GarbageArguments`. Cancelled: the context in the making is lost."""
        token = self._token(call)
        self._forget_old()
        making = self._making.get(credential.handle)
        if making is None or making.connection.serial != connection.serial or making.version != credential.version:
            raise AuthRefused(auth_stat.AUTH_REJECTEDCRED, "CONTINUE_INIT of an unknown handle")
        del self._making[making.handle]  # while a thread is inside: a second request for the same handle finds nothing
        return await self._proceed(making, token, credential, connection)

    def _token(self, call: ReceivedCall) -> bytes:
        self.counters.requests += 1
        if call.procedure != 0:
            raise AuthRefused(auth_stat.AUTH_BADCRED, "a control message for another procedure than 0")
        if call.verifier.flavor != NULL_AUTH.flavor or call.verifier.body:
            raise AuthRefused(auth_stat.AUTH_BADVERF, "a creation request with a verifier")
        try:
            token = rpc_gss_init_arg.from_bytes(call.body).gss_token
        except DecodeError as error:
            raise GarbageArguments(f"a creation request that does not parse: {error}") from error
        if len(token) > self._max_token:
            raise AuthRefused(auth_stat.AUTH_REJECTEDCRED, f"a GSS token of {len(token)} octets")
        return token

    async def _proceed(self, making: _Making, token: bytes, credential: Credential, connection: Connection) -> Answer:
        security = making.security
        try:
            making.tokens.append(token)
            reply = await self._host.worker.run(security.step, token)
            making.tokens.append(reply)
            if security.complete:
                return await self._complete(making, reply, credential, connection)
            if len(making.tokens) >= 2 * MAX_ROUNDS:
                raise GssError(GSS_S_FAILURE, 0, "too many creation requests for one context")
        except GssError as error:
            self.counters.failures += 1
            peer = connection.peer
            _log.warning("no context for %s: %r", peer, error.text, event="context.refused", peer=peer)
            return Answer(NULL_AUTH, rpc_gss_init_res(b"", error.major, error.minor, 0, b"").to_bytes())
        self._keep(making)
        result = rpc_gss_init_res(making.handle, GSS_S_CONTINUE_NEEDED, 0, self._host.seq_window, reply)
        return Answer(NULL_AUTH, result.to_bytes())

    async def _complete(self, making: _Making, reply: bytes, credential: Credential, connection: Connection) -> Answer:
        """The mechanism is content. The context is in the store before anybody hears of it."""
        security, host = making.security, self._host
        self._require_acceptable(security)
        lifetime = self._lifetime(security)
        now = host.clock()
        establishment = Establishment(
            security=security,
            tokens=making.tokens,
            offered=credential.seq_num,
            handle=making.handle,
            seq_window=host.seq_window,
            lifetime=lifetime,
            now=now,
            wall=host.wall(),
        )
        # Tickets are of version 1; a context of another one must not become one of that.
        grant = await self._grant(establishment, connection) if making.version == RPCSEC_GSS_VERS_1 else Grant()
        context = Context(
            handle=making.handle,
            protection=security.protection(),
            window=ReceiveWindow(host.receive_window),
            initiator=security.initiator,
            acceptor=security.acceptor,
            mechanism=security.mechanism,
            flags=security.flags,
            established=establishment.wall,
            expiry=None if lifetime is None else now + lifetime,
            chain=grant.chain,
            application=grant.application,
            delegated=security.delegated,
            version=making.version,
        )
        await self._map(context)
        try:
            # In version 3 as well: its new verifier takes the place of the one over a sequence number (RFC 7861, 2.3),
            # and without a MIC over the window nothing would protect that.
            verifier = context.protection.mic(word(host.seq_window))
        except GssError:
            raise
        except SecurityError as error:
            raise GssError(GSS_S_FAILURE, 0, str(error)) from error
        host.store.add(context, now)
        result = rpc_gss_init_res(making.handle, GSS_S_COMPLETE, 0, host.seq_window, reply)
        return Answer(opaque_auth(RPCSEC_GSS, verifier), result.to_bytes() + grant.octets)

    def _require_acceptable(self, security: SecurityContext) -> None:
        if GssFlag.INTEG not in security.flags:
            raise GssError(GSS_S_UNAUTHORIZED, 0, "a context without integrity protection")
        if GssFlag.ANON in security.flags and not self._allow_anonymous:
            raise GssError(GSS_S_UNAUTHORIZED, 0, "an anonymous initiator")

    async def _map(self, context: Context) -> None:
        if self._principals is None:
            return
        try:
            await self._principals.map(context)
        except PrincipalRefused as refusal:
            raise GssError(GSS_S_UNAUTHORIZED, 0, str(refusal)) from refusal

    def _lifetime(self, security: SecurityContext) -> int | None:
        lifetimes = [security.lifetime, None if self._max_lifetime is None else int(self._max_lifetime)]
        bounded = [lifetime for lifetime in lifetimes if lifetime is not None]
        if not bounded:
            return None
        if min(bounded) <= 0:
            raise GssError(GSS_S_CREDENTIALS_EXPIRED, 0, "the initiator's credential has expired")
        return min(bounded)

    async def _grant(self, establishment: Establishment, connection: Connection) -> Grant:
        if self._extension is None:
            return Grant()
        try:
            return await self._extension.grant(establishment, connection)
        except Exception:
            _log.exception("no grant for %s", connection.peer, event="ticket.failed", peer=connection.peer)
            return Grant()

    def _keep(self, making: _Making) -> None:
        """When there is no room the oldest of the same connection has to go, so one flood drowns nobody else; or else
        one that came as a datagram, whose sender may be forged."""
        self._forget_old()
        if len(self._making) >= self._host.store.limits.making:
            serial, items = making.connection.serial, self._making.items()
            own = (handle for handle, other in items if other.connection.serial == serial)
            loose = (handle for handle, other in items if not other.connection.reliable)
            del self._making[next(own, None) or next(loose, None) or next(iter(self._making))]
        self._making[making.handle] = making

    def _forget_old(self) -> None:
        now = self._host.clock()
        for handle in [handle for handle, making in self._making.items() if making.until <= now]:
            del self._making[handle]

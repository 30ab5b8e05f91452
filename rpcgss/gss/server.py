"""The server's end of RPCSEC_GSS (RFC 2203, RFC 5403, RFC 7861): `GssServerFlavor`.

A DATA or DESTROY call is looked at in the order of 5.3.3.1, nothing changes before its header's MIC has been
verified, and whatever had to be awaited is looked at again afterwards: the context may be gone, its number taken.

    version, gss_proc, service, handle    AUTH_BADCRED; unknown handle: CREDPROBLEM
    number too high                       CTXPROBLEM
    number below the window, or seen      dropped without a word
    MIC of the header                     CREDPROBLEM
    ... of what the channel below protects there is none: it must be the one to which the context is bound, else
                                          AUTH_BADCRED
    credential expired, keys used up      CTXPROBLEM
    number, now that it may be believed   the window moves
    service not good enough here, or a
    principal whom nobody wants           AUTH_TOOWEAK
    body                                  GARBAGE_ARGS, with a valid verifier
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial
from typing import Final

import trio

from rpcgss.gss.admission import AssertionPolicy, MapPrincipal, PrincipalMap, Turns
from rpcgss.gss.bodies import Credential, parse_credential_untrusted
from rpcgss.gss.channel import signed_by_bind, signed_by_bound
from rpcgss.gss.context import RPCSEC_GSS, Context
from rpcgss.gss.control import Control, weigh_binding
from rpcgss.gss.creation import Creation, CreationCounters
from rpcgss.gss.errors import PrincipalRefused, SecurityError
from rpcgss.gss.extension import ServerExtension, ServerHost
from rpcgss.gss.gss_xdr import (
    RPCSEC_GSS_VERS_1,
    RPCSEC_GSS_VERS_2,
    RPCSEC_GSS_VERS_3,
    rgss2_bind_chan_verf_res,
    rpc_gss_proc_t,
)
from rpcgss.gss.provider import Acceptor, GssService
from rpcgss.gss.repeats import Repeats
from rpcgss.gss.session import CREDPROBLEM, CTXPROBLEM, SERVICE_OF, GssServerCounters, GssSession
from rpcgss.gss.store import ContextStore
from rpcgss.gss.verification import SERVICES, Verification
from rpcgss.rpc.errors import AuthRefused, GarbageArguments, ProcedureUnavailable
from rpcgss.rpc.flavors import Answer, Connection, ServerFlavor, Session
from rpcgss.rpc.messages import ReceivedCall
from rpcgss.rpc.observe import Source
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import ThreadWorker, Worker

SEQ_WINDOW: Final = 512
MAX_TOKEN: Final = 64 * 1024


class GssServerFlavor(ServerFlavor):
    """Takes RPCSEC_GSS calls. Their identity is a `GssIdentity`.

    acceptor     -- which service names to answer for, and with which keys (`mechanism.GssapiAcceptor`)
    services     -- what calls may be protected by; others are refused with AUTH_TOOWEAK, a server's policy can ask
                    for more. What TLS protects, under a context that is bound to it, counts as PRIVACY
    versions     -- of RPCSEC_GSS that contexts may be made of. By default only the one that everybody speaks: what
                    nobody uses is nothing to attack
    assertions   -- what the application grants to clients of version 3; None: neither compound authentication nor
                    labels nor privileges
    store        -- the contexts; may be shared by flavors of one process
    extension    -- grants and honours tickets
    worker       -- where GSS calls that may take long are run
    seq_window   -- the window to advertise; twice that is remembered, for calls that were overtaken
    max_token, max_lifetime, allow_anonymous -- see `Creation`
    map_principal -- asked once for each context what the application makes of its initiator: `GssIdentity.user`, or
                    `PrincipalRefused`; see `admission.MapPrincipal`
    max_calls_per_principal -- under way at once; further ones wait for their turn. None: as many as the server takes
    """

    number = RPCSEC_GSS

    def __init__(
        self,
        acceptor: Acceptor,
        *,
        services: Collection[GssService] = tuple(GssService),
        store: ContextStore | None = None,
        extension: ServerExtension | None = None,
        worker: Worker | None = None,
        seq_window: int = SEQ_WINDOW,
        max_token: int = MAX_TOKEN,
        max_lifetime: float | None = None,
        allow_anonymous: bool = False,
        map_principal: MapPrincipal | None = None,
        max_calls_per_principal: int | None = None,
        versions: Collection[int] = (RPCSEC_GSS_VERS_1,),
        assertions: AssertionPolicy | None = None,
        clock: Callable[[], float] = trio.current_time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        if not services:
            raise ValueError("a server without any service can take no call")
        if extension is not None and not isinstance(extension, ServerExtension):
            raise TypeError(f"{extension!r} is no server's extension: give a TicketServer")
        if not versions or not _VERSIONS.issuperset(versions):
            raise ValueError(f"versions are some of {sorted(_VERSIONS)}")
        self.store: Final = store or ContextStore()
        self.counters: Final = GssServerCounters()
        self._services: Final = frozenset(services)
        self._seq_window: Final = seq_window
        self._versions: Final = frozenset(versions)
        self._extension: Final = extension
        self._worker: Final = worker or ThreadWorker()
        self._clock: Final = clock
        self._principals: Final = None if map_principal is None else PrincipalMap(map_principal)
        self._turns: Final = None if max_calls_per_principal is None else Turns(max_calls_per_principal)
        host = ServerHost(
            store=self.store,
            seq_window=seq_window,
            receive_window=2 * seq_window,
            acceptor_names=acceptor.names,
            clock=clock,
            wall=wall,
            worker=self._worker,
        )
        if extension is not None:
            extension.attach(host)
        self._verification: Final = Verification(self.store, extension, self.counters, clock)
        self._repeats: Final = Repeats()
        self._control: Final = Control(host, assertions)
        self._creation: Final = Creation(
            acceptor,
            host,
            extension,
            max_token=max_token,
            max_lifetime=max_lifetime,
            allow_anonymous=allow_anonymous,
            principals=self._principals,
        )

    def sources(self) -> Iterable[Source]:
        yield Source("gss_server", self.counters)
        yield Source("gss_creation", self._creation.counters)
        yield Source("contexts", self.store.counters, self.store.events)
        if self._extension is not None:
            yield from self._extension.sources()

    @property
    def creation_counters(self) -> CreationCounters:
        """How context creation went."""
        return self._creation.counters

    @property
    def contexts_in_the_making(self) -> int:
        """Exchanges that wait for their next request."""
        return self._creation.making

    async def authenticate(self, call: ReceivedCall, connection: Connection) -> Session | Answer | None:
        """See `ServerFlavor`. Cancelled: a number that the window has taken stays taken, a context that is in the store
        stays there."""
        credential = parse_credential_untrusted(call.credential.body, self._versions)
        if credential.gss_proc != _DATA:
            return await self._control_message(call, credential, connection)
        context = await self._verification.verified(call, credential, connection)
        if context is None:
            return None
        if self.store.drop_policy is not None and self.store.drop_is_due(context, self._clock()):
            raise AuthRefused(CREDPROBLEM, "lost on purpose")
        service = SERVICE_OF[credential.service]
        if service not in self._services:
            self.counters.too_weak += 1
            weak = f"{service.name.lower()} of {context.initiator.display!r} is not enough here"
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, weak)
        if self._principals is not None and not context.mapped:
            await self._map(context, self._principals)
        if self._turns is not None:
            await self._turns.take(context.initiator.exported)
            try:
                self._verification.require_good(context, self._clock())
            except AuthRefused:
                self._turns.give_back(context.initiator.exported)
                raise
        self.counters.calls += 1
        return GssSession(context, credential, call.header, self._worker, self.counters, self._turns)

    async def _control_message(
        self, call: ReceivedCall, credential: Credential, connection: Connection
    ) -> Answer | None:
        match credential.gss_proc:
            case rpc_gss_proc_t.RPCSEC_GSS_INIT:
                return await self._create(self._creation.begin, call, credential, connection)
            case rpc_gss_proc_t.RPCSEC_GSS_CONTINUE_INIT:
                return await self._create(self._creation.resume, call, credential, connection)
            case rpc_gss_proc_t.RPCSEC_GSS_DESTROY:
                return await self._destroy(call, credential, connection)
            case rpc_gss_proc_t.RPCSEC_GSS_BIND_CHANNEL if credential.version == RPCSEC_GSS_VERS_2:
                return await self._bind(call, credential, connection)
            case rpc_gss_proc_t.RPCSEC_GSS_BIND_CHANNEL if credential.version == RPCSEC_GSS_VERS_3:
                # RFC 7861, 2.5. Nothing is verified, so nothing is signed.
                raise ProcedureUnavailable("version 3 has no BIND_CHANNEL")
            case rpc_gss_proc_t.RPCSEC_GSS_CREATE | rpc_gss_proc_t.RPCSEC_GSS_LIST if (
                credential.version == RPCSEC_GSS_VERS_3
            ):
                return await self._converse(call, credential, connection)
            case extended if self._extension is not None and extended == self._extension.gss_proc:
                if credential.version == RPCSEC_GSS_VERS_1:  # of which tickets are
                    return await self._extension.reauthenticate(call, credential, connection)
        raise AuthRefused(auth_stat.AUTH_BADCRED, f"gss_proc {credential.gss_proc}")

    async def _create(
        self,
        step: Callable[[ReceivedCall, Credential, Connection], Awaitable[Answer]],
        call: ReceivedCall,
        credential: Credential,
        connection: Connection,
    ) -> Answer | None:
        if connection.reliable:
            return await step(call, credential, connection)
        return await self._repeats.once(call, connection, partial(step, call, credential, connection))

    async def _map(self, context: Context, principals: PrincipalMap) -> None:
        """A context by ticket is used for the first time."""
        try:
            await principals.map(context)
        except PrincipalRefused as refusal:
            self.store.drop(context.handle, self._clock())
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, str(refusal)) from refusal
        self._verification.require_good(context, self._clock())

    async def _destroy(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        """DESTROY (5.4): header and number must be valid. There are no arguments, so what stands in their place
        counts for nothing: some clients protect an empty body, some send none."""
        _require_procedure_0(call)
        context = await self._verification.verified(call, credential, connection)
        if context is None:
            return None
        session = GssSession(context, credential, call.header, self._worker, self.counters)
        try:
            answer = Answer(await session.verifier(), b"".join(await session.protect(())))
        except SecurityError as error:
            raise AuthRefused(CTXPROBLEM, str(error)) from error
        finally:
            session.finished()
            self.store.destroy(context, self._clock())
        return answer

    async def _bind(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        """BIND_CHANNEL of version 2 (RFC 5403, 3.3). What the verifier asks for and we do not have is answered before
        anything could be verified; so nothing has changed then, not even the window. But that answer's MIC covers a
        number and octets, as the one in a protected body does: with it a stranger could put that body under the
        verifier of the call of that number. So no call gets it any more; and the size of the window, whose MIC has
        been on the wire since the context was made, is not answered at all."""
        _require_procedure_0(call)
        if credential.service != GssService.NONE:
            raise AuthRefused(auth_stat.AUTH_BADCRED, f"BIND_CHANNEL with service {credential.service}")
        if call.body:
            raise GarbageArguments("BIND_CHANNEL with arguments")
        now = self._clock()
        context = self._verification.find(credential, connection, now)
        binding = weigh_binding(call.verifier, connection.tls)
        if not context.window.fresh(credential.seq_num):
            self.counters.replayed += 1
            return None
        if binding.supported:
            signed = signed_by_bind(call.header, binding.bind_chan_hash)
            now = await self._verification.wait(context)
            self._verification.verify(context, signed, binding.mic)
            if not self._verification.take(context, credential.seq_num, now):
                return None
            context.bind(connection.serial)
        elif credential.seq_num == self._seq_window or not context.window.give_away(credential.seq_num):
            raise AuthRefused(auth_stat.AUTH_BADCRED, "BIND_CHANNEL under a number that is good for no answer")
        signed = signed_by_bound(credential.seq_num, binding.bind_chan_hash, binding.result)
        try:
            mic = await context.guard.run(self._worker, len(signed), context.protection.mic, signed)
        except SecurityError as error:
            raise AuthRefused(CTXPROBLEM, str(error)) from error
        return Answer(opaque_auth(RPCSEC_GSS, rgss2_bind_chan_verf_res(binding.result, mic).to_bytes()), b"")

    async def _converse(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Answer | None:
        """CREATE or LIST of version 3 (RFC 7861, 2.7): like a call of procedure 0, but never unprotected."""
        _require_procedure_0(call)
        context = await self._verification.verified(call, credential, connection)
        if context is None:
            return None
        service = SERVICE_OF[credential.service]
        if service is GssService.NONE:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, "a control message of version 3 without protection")
        session = GssSession(context, credential, call.header, self._worker, self.counters)
        try:
            arguments = await session.unprotect(call.body)
            if credential.gss_proc == rpc_gss_proc_t.RPCSEC_GSS_LIST:
                results = self._control.listed(context, service, arguments)
            else:
                said = GssService(credential.service) if credential.service in SERVICES else GssService.INTEGRITY
                results = await self._control.create(call, context, said, connection, arguments)
            return Answer(await session.verifier(), b"".join(await session.protect((results,))))
        except GarbageArguments as refusal:
            return Answer(await session.verifier(), b"", refusal)
        finally:
            session.finished()


def _require_procedure_0(call: ReceivedCall) -> None:
    if call.procedure != 0:
        raise AuthRefused(auth_stat.AUTH_BADCRED, "a control message for another procedure than 0")


_DATA: Final = int(rpc_gss_proc_t.RPCSEC_GSS_DATA)
_VERSIONS: Final = frozenset((RPCSEC_GSS_VERS_1, RPCSEC_GSS_VERS_2, RPCSEC_GSS_VERS_3))

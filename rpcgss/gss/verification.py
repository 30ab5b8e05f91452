"""Whether a call may be believed: context, number and MIC of the header, in the order of RFC 2203, 5.3.3.1."""

from collections.abc import Callable
from typing import Final

from rpcgss.gss.bodies import Credential
from rpcgss.gss.context import RPCSEC_GSS, Context
from rpcgss.gss.errors import ContextExpired, SecurityError
from rpcgss.gss.extension import ServerExtension
from rpcgss.gss.gss_xdr import MAXSEQ, RPCSEC_GSS_VERS_1
from rpcgss.gss.provider import GssFlag, GssService
from rpcgss.gss.session import CHANNEL_PROT, CREDPROBLEM, CTXPROBLEM, GssServerCounters
from rpcgss.gss.store import ContextStore
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.messages import NULL_AUTH, ReceivedCall
from rpcgss.rpc.rpc_xdr import auth_stat
from xdr import Buffer

SERVICES: Final = frozenset(GssService)
# Plain numbers: members of enums cost 0.12 µs to look up, and flags 0.4 to compare.
_PRIVACY: Final = int(GssService.PRIVACY)
_CONF: Final = int(GssFlag.CONF)


class Verification:
    """What all calls under a context have to pass."""

    def __init__(
        self,
        store: ContextStore,
        extension: ServerExtension | None,
        counters: GssServerCounters,
        clock: Callable[[], float],
    ) -> None:
        self._store: Final = store
        self._extension: Final = extension
        self._counters: Final = counters
        self._clock: Final = clock

    async def verified(self, call: ReceivedCall, credential: Credential, connection: Connection) -> Context | None:
        """The context of a call with a valid header and a fresh number, which is now taken; None: drop the call."""
        now = self._clock()
        context = self.find(credential, connection, now)
        number = credential.seq_num
        if not context.window.fresh(number):
            self._counters.replayed += 1
            return None
        if credential.service == CHANNEL_PROT:
            if call.verifier != NULL_AUTH:
                raise AuthRefused(auth_stat.AUTH_BADVERF, "a verifier where the channel protects")
        elif call.verifier.flavor != RPCSEC_GSS:
            self._counters.bad_mic += 1
            raise AuthRefused(CREDPROBLEM, f"a verifier of flavor {call.verifier.flavor}")
        else:
            if context.guard.taken:
                now = await self.wait(context)
            self.verify(context, call.header, call.verifier.body)
        return context if self.take(context, number, now) else None

    def take(self, context: Context, number: int, now: float) -> bool:
        """Take a verified number, unless the context or the number is gone meanwhile. False: drop the call."""
        self.require_good(context, now)
        if not context.window.accept(number):
            self._counters.replayed += 1
            return False
        self._store.used(context, now)
        return True

    def require_good(self, context: Context, now: float) -> None:
        """After all that was awaited. Raises `AuthRefused` if the context is gone, or has come to its end."""
        if not context.alive:
            raise AuthRefused(CREDPROBLEM, "the context was lost meanwhile")
        if context.expired(now) or context.protection.exhausted:
            self._store.expire(context, now)
            raise AuthRefused(CTXPROBLEM, "the context has come to its end")

    def find(self, credential: Credential, connection: Connection, now: float) -> Context:
        """Everything that needs no cryptography."""
        if self._extension is not None:
            self._extension.refresh(now)
        service = credential.service
        in_channel = service == CHANNEL_PROT and credential.version != RPCSEC_GSS_VERS_1
        if service not in SERVICES and not in_channel:
            raise AuthRefused(auth_stat.AUTH_BADCRED, f"service {service}")
        context = self._store.find(credential.handle)
        if context is None:
            self._counters.unknown += 1
            raise AuthRefused(CREDPROBLEM, "no context of that handle")
        if credential.version != context.version:
            raise AuthRefused(auth_stat.AUTH_BADCRED, f"version {credential.version} on one of {context.version}")
        if in_channel and (connection.tls is None or not context.bound_to(connection.serial)):
            raise AuthRefused(auth_stat.AUTH_BADCRED, "the context is not bound to this connection's channel")
        if service == _PRIVACY and not int(context.flags) & _CONF:
            raise AuthRefused(auth_stat.AUTH_BADCRED, "privacy on a context that cannot encrypt")
        if credential.seq_num > MAXSEQ:
            raise AuthRefused(CTXPROBLEM, f"sequence number {credential.seq_num:#x}")
        return context

    async def wait(self, context: Context) -> float:
        """Until nobody is inside the context's protection. Returns the time then."""
        await context.guard.wait()
        return self._clock()

    def verify(self, context: Context, message: Buffer, mic: bytes) -> None:
        """Returns only if `mic` is that of a header, which is never long."""
        try:
            context.protection.verify_mic(message, mic)
        except ContextExpired as error:
            self._store.expire(context, self._clock())
            raise AuthRefused(CTXPROBLEM, error.text) from error
        except SecurityError as error:
            self._counters.bad_mic += 1
            raise AuthRefused(CREDPROBLEM, "the MIC of the header does not verify") from error

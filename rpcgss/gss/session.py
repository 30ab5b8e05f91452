"""One call under a context, at the server: what protects its arguments, its reply's verifier and its results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rpcgss.gss.admission import Turns
from rpcgss.gss.bodies import Credential, protect, signed_by_reply, unprotect
from rpcgss.gss.context import RPCSEC_GSS, Context
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.gss_xdr import rpc_gss_service_t
from rpcgss.gss.provider import GssService
from rpcgss.rpc.errors import AuthRefused, GarbageArguments
from rpcgss.rpc.flavors import Session
from rpcgss.rpc.messages import NULL_AUTH
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from rpcgss.rpc.work import Worker
from xdr import Buffer

CREDPROBLEM: Final = auth_stat.RPCSEC_GSS_CREDPROBLEM
CTXPROBLEM: Final = auth_stat.RPCSEC_GSS_CTXPROBLEM
CHANNEL_PROT: Final = int(rpc_gss_service_t.rpc_gss_svc_channel_prot)
SERVICE_OF: Final = {int(service): service for service in GssService} | {CHANNEL_PROT: GssService.PRIVACY}
"""What a call is protected by, of the service in its credential. TLS 1.3 encrypts, so the channel is as good as PRIVACY
(RFC 5403, 7)."""

_NONE: Final = GssService.NONE


@dataclass(slots=True)
class GssServerCounters:
    """Totals since the start.

    calls      -- DATA calls admitted
    replayed   -- dropped: their number was seen before, or is below the window
    bad_mic    -- refused: the header's MIC does not verify
    unknown    -- refused: no context of that handle
    bad_body   -- the header is good, the body is not
    too_weak   -- refused: policy asks for a stronger service
    """

    calls: int = 0
    replayed: int = 0
    bad_mic: int = 0
    unknown: int = 0
    bad_body: int = 0
    too_weak: int = 0


class GssSession(Session):
    """One call under a context. It keeps the context's keys for its reply, whatever happens to the context
    meanwhile. Where the channel protects it there is nothing to do, and verifiers are null (RFC 5403, 3.4)."""

    __slots__ = (
        "_counters",
        "_ended",
        "_header",
        "_in_channel",
        "_seq_num",
        "_service",
        "_turns",
        "_worker",
        "context",
    )

    def __init__(
        self,
        context: Context,
        credential: Credential,
        header: Buffer,
        worker: Worker,
        counters: GssServerCounters,
        turns: Turns | None = None,
    ) -> None:
        service = SERVICE_OF[credential.service]
        in_channel = credential.service == CHANNEL_PROT
        self._in_channel: Final = in_channel
        self._service: Final = _NONE if in_channel else service
        self.identity = context.identity(service, channel_bound=in_channel)
        self.context: Final = context
        self._header: Final = header
        self._seq_num: Final = credential.seq_num
        self._worker: Final = worker
        self._counters: Final = counters
        self._turns: Final = turns
        self._ended = False
        context.calls += 1

    async def unprotect(self, body: memoryview) -> Buffer:
        if self._service is _NONE:
            return body
        guard, protection = self.context.guard, self.context.protection
        try:
            if guard.lets_in(len(body)):
                return unprotect(protection, self._service, self._seq_num, body)
            return await guard.run(self._worker, len(body), unprotect, protection, self._service, self._seq_num, body)
        except SecurityError as error:
            self._counters.bad_body += 1
            raise GarbageArguments(str(error)) from error

    async def verifier(self) -> opaque_auth:
        """The MIC of the number (5.3.3.2), or what version 3 has instead. Raises `AuthRefused` when it cannot be made
        (5.3.3.4.1)."""
        if self._in_channel:
            return NULL_AUTH
        await self.context.guard.wait()
        return self._verifier()

    async def protect(self, results: Sequence[Buffer]) -> Sequence[Buffer]:
        """Raises `SecurityError` when it cannot be done: then no reply is sent at all (5.3.3.4.1, 5.3.3.4.4)."""
        if self._service is _NONE:
            return results
        guard, protection = self.context.guard, self.context.protection
        size = sum(map(len, results))
        return await guard.run(self._worker, size, protect, protection, self._service, self._seq_num, results)

    async def sealed(self, results: Sequence[Buffer]) -> tuple[opaque_auth, Sequence[Buffer]]:
        """Raises what `protect` and `verifier` raise."""
        context, service = self.context, self._service
        size = 0 if service is _NONE else sum(map(len, results))
        if self._in_channel or not context.guard.lets_in(size):
            return await super().sealed(results)
        body = results if service is _NONE else protect(context.protection, service, self._seq_num, results)
        return self._verifier(), body

    def finished(self) -> None:
        if not self._ended:
            self._ended = True
            self.context.calls -= 1
            if self._turns is not None:
                self._turns.give_back(self.context.initiator.exported)

    def _verifier(self) -> opaque_auth:
        context = self.context
        try:
            mic = context.protection.mic(signed_by_reply(context.version, self._seq_num, self._header))
        except SecurityError as error:
            raise AuthRefused(CTXPROBLEM, str(error)) from error
        return opaque_auth(RPCSEC_GSS, mic)

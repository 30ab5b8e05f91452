"""One call as a client sends it once, and the reply to it (RFC 2203, 5.3.1, 5.3.2 and 5.3.3.2)."""

from collections.abc import Sequence
from typing import Final

from rpcgss.gss.bodies import protect, unprotect
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import RPCSEC_GSS
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import GssService
from rpcgss.rpc.errors import BadReply, BadVerifier
from rpcgss.rpc.flavors import Transmission
from rpcgss.rpc.messages import NULL_AUTH, AcceptedReply
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor
from rpcgss.rpc.work import Worker
from xdr import Buffer


def sealed(
    protection: MessageProtection, service: GssService, number: int, header: bytes, content: Sequence[Buffer]
) -> tuple[bytes, Sequence[Buffer]]:
    """The MIC of the header, and the body."""
    return protection.mic(header), protect(protection, service, number, content)


class GssTransmission(Transmission):
    """A call as it was sent once, under one number. `open` works after `finished` too, for replies that come late.

    `signed` is what the reply's verifier has to cover; None: the channel protects both, and verifiers are null.
    """

    __slots__ = ("_service", "_signed", "_worker", "context", "number")

    def __init__(
        self,
        chunks: list[Buffer],
        context: ClientContext,
        number: int,
        service: GssService,
        worker: Worker,
        signed: bytes | None,
    ) -> None:
        self.chunks = chunks
        self.context: Final = context
        self.number: Final = number
        self._service: Final = service if signed is not None else GssService.NONE
        self._signed: Final = signed
        self._worker: Final = worker

    async def open(self, reply: AcceptedReply) -> Buffer:
        success = reply.stat is accept_stat.SUCCESS
        if self._signed is None:
            if reply.verifier != NULL_AUTH:
                raise BadVerifier("a verifier where the channel protects")
        elif reply.verifier.flavor == RPCSEC_GSS:
            await self._verify(reply, self._signed)
        elif success or reply.verifier.flavor != auth_flavor.AUTH_NONE:
            raise BadVerifier(f"a verifier of flavor {reply.verifier.flavor}")
        return await self._results(reply.body) if success else b""

    def finished(self) -> None:
        self.context.answered(self.number)

    async def _verify(self, reply: AcceptedReply, signed: bytes) -> None:
        context = self.context
        verify = context.protection.verify_mic
        try:
            await context.guard.run(self._worker, len(signed), verify, signed, reply.verifier.body)
        except SecurityError as error:
            raise BadVerifier("the verifier is not this call's") from error

    async def _results(self, body: Buffer) -> Buffer:
        if self._service is GssService.NONE:
            return body
        context = self.context
        try:
            return await context.guard.run(
                self._worker, len(body), unprotect, context.protection, self._service, self.number, body
            )
        except SecurityError as error:
            raise BadReply(f"the results are not what the server protected: {error}") from error

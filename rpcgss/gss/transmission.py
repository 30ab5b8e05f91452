"""One call as a client sends it once, and the reply to it (RFC 2203, 5.3.1, 5.3.2 and 5.3.3.2)."""

from typing import Final

from rpcgss.gss.bodies import protect, unprotect, word
from rpcgss.gss.context import RPCSEC_GSS, ClientContext
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import GssService
from rpcgss.rpc.errors import BadReply, BadVerifier
from rpcgss.rpc.flavors import Transmission
from rpcgss.rpc.messages import AcceptedReply
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor
from rpcgss.rpc.work import Worker
from xdr import Buffer


def sealed(
    protection: MessageProtection, service: GssService, number: int, header: bytes, content: Buffer
) -> tuple[bytes, Buffer]:
    """The MIC of the header, and the body."""
    return protection.mic(header), protect(protection, service, number, content)


class GssTransmission(Transmission):
    """A call as it was sent once, under one number. `open` works after `finished` too, for replies that come late."""

    __slots__ = ("_service", "_worker", "context", "number")

    def __init__(
        self, chunks: list[Buffer], context: ClientContext, number: int, service: GssService, worker: Worker
    ) -> None:
        self.chunks = chunks
        self.context: Final = context
        self.number: Final = number
        self._service: Final = service
        self._worker: Final = worker

    async def open(self, reply: AcceptedReply) -> Buffer:
        success = reply.stat is accept_stat.SUCCESS
        if reply.verifier.flavor == RPCSEC_GSS:
            await self._verify(reply)
        elif success or reply.verifier.flavor != auth_flavor.AUTH_NONE:
            raise BadVerifier(f"a verifier of flavor {reply.verifier.flavor}")
        return await self._results(reply.body) if success else b""

    def finished(self) -> None:
        self.context.answered(self.number)

    async def _verify(self, reply: AcceptedReply) -> None:
        context = self.context
        verify = context.protection.verify_mic
        try:
            await context.guard.run(self._worker, 4, verify, word(self.number), reply.verifier.body)
        except SecurityError as error:
            raise BadVerifier("the verifier is not the MIC of this call's number") from error

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

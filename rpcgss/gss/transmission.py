"""One call as a client sends it once, and the reply to it (RFC 2203, 5.3.1, 5.3.2 and 5.3.3.2)."""

from collections.abc import Sequence
from typing import Final

from rpcgss.gss.bodies import protect, signed_by_reply, unprotect
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

    `header` is what was sent of it, xid through credential; None: the channel protects call and reply, and verifiers
    are null.
    """

    __slots__ = ("_header", "_service", "_worker", "context", "number")

    def __init__(
        self,
        chunks: list[Buffer],
        context: ClientContext,
        number: int,
        service: GssService,
        worker: Worker,
        header: bytes | None,
    ) -> None:
        self.chunks = chunks
        self.context: Final = context
        self.number: Final = number
        self._service: Final = service if header is not None else _NONE
        self._header: Final = header
        self._worker: Final = worker

    async def open(self, reply: AcceptedReply) -> Buffer:
        success = reply.stat is _SUCCESS
        verifier = reply.verifier
        if self._header is None:
            if verifier != NULL_AUTH:
                raise BadVerifier("a verifier where the channel protects")
        elif verifier.flavor == RPCSEC_GSS:
            guard = self.context.guard
            if guard.taken:
                await guard.wait()
            self._verify(verifier.body, self._header)
        elif success or verifier.flavor != auth_flavor.AUTH_NONE:
            raise BadVerifier(f"a verifier of flavor {verifier.flavor}")
        if not success:
            return b""
        if self._service is _NONE:
            return reply.body
        guard, protection, body = self.context.guard, self.context.protection, reply.body
        try:
            if guard.lets_in(len(body)):
                return unprotect(protection, self._service, self.number, body)
            return await guard.run(self._worker, len(body), unprotect, protection, self._service, self.number, body)
        except SecurityError as error:
            raise BadReply(f"the results are not what the server protected: {error}") from error

    def finished(self) -> None:
        self.context.answered(self.number)

    def _verify(self, mic: bytes, header: bytes) -> None:
        context = self.context
        try:
            context.protection.verify_mic(signed_by_reply(context.version, self.number, header), mic)
        except SecurityError as error:
            raise BadVerifier("the verifier is not this call's") from error


_NONE: Final = GssService.NONE
_SUCCESS: Final = accept_stat.SUCCESS

"""The client's control messages under a context: BIND_CHANNEL of version 2 (RFC 5403, 3.3), CREATE and LIST of
version 3 (RFC 7861, 2.7), and DESTROY (RFC 2203, 5.4).

A server may grant less than CREATE asks for. Here that is as good as nothing: the child is destroyed and the attempt
fails, for who asks for a channel binding, a label or a privilege does not mean to go on without.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from rpcgss.gss.assertions import Assertion, Listed, decode_listed_untrusted, encode_assertion
from rpcgss.gss.bodies import Credential, encode_credential, protect, signed_by_reply, unprotect
from rpcgss.gss.channel import HASHES, PREFIX, bindings, hashed, signed_by_bind, signed_by_bound
from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import RPCSEC_GSS, Origin
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.gss_xdr import (
    CODECS,
    LABEL,
    PRIVS,
    RPCSEC_GSS_BIND_CHANNEL,
    RPCSEC_GSS_CREATE,
    RPCSEC_GSS_DESTROY,
    RPCSEC_GSS_LIST,
    rgss2_bind_chan_res,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP,
    rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK,
    rgss2_bind_chan_verf_args,
    rgss2_bind_chan_verf_res,
    rgss3_create_args,
    rgss3_create_res,
    rgss3_gss_mp_auth,
    rgss3_list_args,
)
from rpcgss.gss.initiation import MAX_HANDLE, CreationRefused
from rpcgss.gss.provider import GssFlag, GssService
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, ConnectionLost
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import AcceptedReply, DeniedReply, ReceivedReply
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from rpcgss.rpc.work import ResultT, Worker
from xdr import Buffer, DecodeError

MAX_CHILDREN: Final = 64
"""That one context may bear, dead ones included."""
_CHILD_NUMBERS: Final = 2**24
"""A child shares its parent's keys, but the MIC of a body covers no handle (RFC 7861, 2.3, mends only the verifier):
with equal numbers a body of the one would pass under a header of the other. So no two of a family share any."""

_log = QuietLog(logging.getLogger(__name__))


@dataclass(frozen=True, slots=True)
class Controls:
    """Control messages to one service over one connection, with the numbers of a program that it has.

    patience -- seconds to wait for each reply

    All raise `AuthenticationFailed` (`CreationRefused` if the server denied it), `ConnectionLost`, and
    `trio.TooSlowError` of a silent server. Cancelled: the server may have done it.
    """

    target: str
    program: int
    version: int
    link: Link
    worker: Worker
    patience: float

    async def bind(self, context: ClientContext) -> None:
        """Bind a context of version 2 to this connection's secure channel."""
        ours = self._bindings()
        oid = next(iter(HASHES))
        for _ in range(2):
            result = await self._bind(context, ours, oid)
            match result:
                case rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK():
                    context.channel = self.link.serial
                    return
                case rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP():
                    oid = next((known for known in HASHES if known in result.rbcr_oid_list), oid)
                case _:
                    break
        raise AuthenticationFailed(f"{self.target} does not take channel bindings of {PREFIX.decode()}, by our hashes")

    async def create(
        self,
        parent: ClientContext,
        inner: ClientContext | None,
        assertions: Sequence[Assertion],
        *,
        bind_channel: bool,
    ) -> ClientContext:
        """A child of `parent`, for the principal of `inner` if there is one, with all these assertions."""
        ours = self._bindings() if bind_channel else None
        binding_mic = None if ours is None else await self._run(parent, len(ours), parent.protection.mic, ours)
        if inner is not None:
            if GssFlag.CONF not in parent.flags:
                raise AuthenticationFailed("compound authentication needs a context that encrypts (RFC 7861, 2.7.1.1)")
            await inner.guard.run(self.worker, 0, _nothing)

        def arguments(header: bytes) -> bytes:
            proof = None if inner is None else rgss3_gss_mp_auth(inner.handle, inner.protection.mic(header))
            return rgss3_create_args(
                proof, binding_mic, [encode_assertion(assertion) for assertion in assertions]
            ).to_bytes()

        header, results = await self._converse(parent, RPCSEC_GSS_CREATE, arguments)
        try:
            created = rgss3_create_res.from_bytes(results)
        except DecodeError as error:
            raise AuthenticationFailed(f"the reply to CREATE does not parse: {error}") from error
        child = self._child(parent, inner, created)
        try:
            await self._require_granted(created, child, header, ours, assertions)
        except BaseException:
            with trio.move_on_after(self.patience):
                await self.destroy(child, GssService.INTEGRITY)
            raise
        if ours is not None:
            child.channel = self.link.serial
        return child

    async def listed(self, context: ClientContext) -> Listed:
        """What the server knows of assertions (RPCSEC_GSS_LIST)."""
        _, results = await self._converse(
            context, RPCSEC_GSS_LIST, lambda _: rgss3_list_args([LABEL, PRIVS]).to_bytes()
        )
        try:
            return decode_listed_untrusted(CODECS["rgss3_list_res"].decode(results))
        except (DecodeError, ValueError) as error:
            raise AuthenticationFailed(f"the reply to LIST does not parse: {error}") from error

    async def destroy(self, context: ClientContext, service: GssService) -> None:
        """Say goodbye; no answer is insisted on, and nothing raised. With `service` it is protected, whatever the
        channel does."""
        number = context.window.take_last()
        credential = Credential(RPCSEC_GSS_DESTROY, number, service, context.handle, context.version)

        def seal(header: bytes) -> tuple[opaque_auth, Buffer]:
            protection = context.protection
            body = b"".join(protect(protection, service, number, ()))
            return opaque_auth(RPCSEC_GSS, protection.mic(header)), body

        try:
            if not context.guard.taken:
                await self.link.exchange(
                    self.program, self.version, opaque_auth(RPCSEC_GSS, encode_credential(credential)), seal
                )
        except (SecurityError, ConnectionLost, trio.TooSlowError) as error:
            _log.debug("no DESTROY: %s", error, event="context.not_destroyed")

    def _bindings(self) -> bytes:
        ours = bindings(self.link.tls)
        if ours is None:
            raise AuthenticationFailed(
                f"no context with {self.target}: it is to be bound to the channel below, and there is no TLS session "
                "whose server's certificate has a name for it (RFC 5929, 4.1)"
            )
        return ours

    async def _bind(self, context: ClientContext, ours: bytes, oid: bytes) -> rgss2_bind_chan_res:
        bind_chan_hash = hashed(ours, oid)
        number = await self._number(context)
        credential = Credential(RPCSEC_GSS_BIND_CHANNEL, number, GssService.NONE, context.handle, context.version)

        def seal(header: bytes) -> tuple[opaque_auth, Buffer]:
            mic = context.protection.mic(signed_by_bind(header, bind_chan_hash))
            return opaque_auth(RPCSEC_GSS, rgss2_bind_chan_verf_args(PREFIX, oid, mic).to_bytes()), b""

        try:
            _, accepted = await self._exchange(context, credential, seal)
            answer = rgss2_bind_chan_verf_res.from_bytes(accepted.verifier.body)
            result = answer.rbcvr_res
            if isinstance(result, rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP):
                # The server shows its hash by the first function that it takes. If we do not have that, nothing in the
                # list could be verified.
                if not result.rbcr_oid_list or result.rbcr_oid_list[0] not in HASHES:
                    raise AuthenticationFailed(f"{self.target} wants channel bindings by a hash that we do not have")
                bind_chan_hash = hashed(ours, result.rbcr_oid_list[0])
            signed = signed_by_bound(number, bind_chan_hash, result)
            await self._run(context, len(signed), context.protection.verify_mic, signed, answer.rbcvr_mic)
        except DecodeError as error:
            raise AuthenticationFailed(f"the reply to BIND_CHANNEL does not parse: {error}") from error
        finally:
            context.answered(number)
        return result

    async def _converse(
        self, context: ClientContext, gss_proc: int, arguments: Callable[[bytes], bytes]
    ) -> tuple[bytes, Buffer]:
        """A control message of version 3, protected as well as the context can: its header, and the results."""
        service = GssService.PRIVACY if GssFlag.CONF in context.flags else GssService.INTEGRITY
        number = await self._number(context)
        credential = Credential(gss_proc, number, service, context.handle, context.version)

        def seal(header: bytes) -> tuple[opaque_auth, Buffer]:
            mic = context.protection.mic(header)
            body = protect(context.protection, service, number, (arguments(header),))
            return opaque_auth(RPCSEC_GSS, mic), b"".join(body)

        def opened(header: bytes, reply: AcceptedReply) -> Buffer:
            context.protection.verify_mic(signed_by_reply(context.version, number, header), reply.verifier.body)
            return unprotect(context.protection, service, number, reply.body)

        try:
            header, accepted = await self._exchange(context, credential, seal)
            return header, await self._run(context, len(accepted.body), opened, header, accepted)
        finally:
            context.answered(number)

    async def _number(self, context: ClientContext) -> int:
        number = await context.take_number(self.link.serial)
        if number is None:
            raise AuthenticationFailed(f"the context with {self.target} is used up")
        return number

    async def _exchange(
        self, context: ClientContext, credential: Credential, seal: Callable[[bytes], tuple[opaque_auth, Buffer]]
    ) -> tuple[bytes, AcceptedReply]:
        """Header and reply; that is a success, and of RPCSEC_GSS."""
        await context.guard.run(self.worker, 0, _nothing)  # nobody is inside now; `seal` is called at once
        try:
            header, reply = await self.link.exchange(
                self.program,
                self.version,
                opaque_auth(RPCSEC_GSS, encode_credential(credential)),
                seal,
                timeout=self.patience,
            )
        except SecurityError as error:
            raise AuthenticationFailed(f"a control message cannot be protected: {error}") from error
        return header, self._accepted(reply)

    def _accepted(self, reply: ReceivedReply) -> AcceptedReply:
        if isinstance(reply, DeniedReply):
            stat = reply.refusal.stat if isinstance(reply.refusal, AuthRefused) else 0
            raise CreationRefused(stat, f"{self.target} refuses a control message: {reply.refusal}")
        if reply.stat is not accept_stat.SUCCESS:
            raise AuthenticationFailed(f"{self.target} answers a control message with {reply.stat.name}")
        if reply.verifier.flavor != RPCSEC_GSS:
            raise AuthenticationFailed(f"{self.target} does not sign its reply to a control message")
        return reply

    def _child(self, parent: ClientContext, inner: ClientContext | None, created: rgss3_create_res) -> ClientContext:
        elders = (parent,) if inner is None else (parent, inner)
        if not 0 < len(created.rcr_handle) <= MAX_HANDLE or created.rcr_handle in [elder.handle for elder in elders]:
            raise AuthenticationFailed("the server gives a child a handle that is none")
        first = 2**30 + parent.births * _CHILD_NUMBERS
        parent.births += 1
        expiries = [elder.expiry for elder in elders if elder.expiry is not None]
        speaker = elders[-1]
        return ClientContext(
            handle=created.rcr_handle,
            protection=parent.protection,
            seq_window=parent.window.size,  # CREATE has no other (RFC 7861, 2.7.1)
            initiator=speaker.initiator,
            acceptor=speaker.acceptor,
            mechanism=speaker.mechanism,
            flags=parent.flags,
            made=trio.current_time(),
            expiry=min(expiries, default=None),
            origin=Origin.CREATE,
            version=parent.version,
            elders=elders,
            numbers=(first, first + _CHILD_NUMBERS - 2),
        )

    async def _require_granted(
        self,
        created: rgss3_create_res,
        child: ClientContext,
        header: bytes,
        ours: bytes | None,
        assertions: Sequence[Assertion],
    ) -> None:
        """All that was asked for, and no less."""
        parent, *inner = child.elders
        for user in inner:
            proof = created.rcr_mp_auth
            if proof is None or proof.rgmp_handle != user.handle:
                raise AuthenticationFailed(f"{self.target} does not take two principals together")
            signed = signed_by_reply(user.version, 0, header)
            await self._run(user, len(signed), user.protection.verify_mic, signed, proof.rgmp_rpcheader_mic)
        if ours is not None:
            mic = created.rcr_chan_bind_mic
            if mic is None:
                raise AuthenticationFailed(
                    f"{self.target} does not see the secure channel that we see: somebody is between us, or it does "
                    "not bind channels"
                )
            await self._run(parent, len(ours), parent.protection.verify_mic, ours, mic)
        if created.rcr_assertions != [encode_assertion(assertion) for assertion in assertions]:
            raise AuthenticationFailed(f"{self.target} does not grant all that was asserted")

    async def _run(
        self, context: ClientContext, size: int, function: Callable[..., ResultT], *arguments: object
    ) -> ResultT:
        try:
            return await context.guard.run(self.worker, size, function, *arguments)
        except SecurityError as error:
            raise AuthenticationFailed(f"{self.target} answers a control message wrongly: {error}") from error


def _nothing() -> None:
    """Wait for the guard, and go on at once."""

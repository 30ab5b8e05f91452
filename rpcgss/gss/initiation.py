"""The client's side of context creation: the full GSS exchange (RFC 2203, 5.2).

Nothing that the server says is believed before the MIC over its window has been verified with the new context's keys,
and the context must be all that was demanded. What is wrong with it ends in `AuthenticationFailed`, whose text is for
people.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rpcgss.gss.bodies import Credential, encode_credential, word
from rpcgss.gss.client_context import ALL_NUMBERS, PARENT_NUMBERS, ClientContext
from rpcgss.gss.context import RPCSEC_GSS
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.extension import ClientExtension, Establishment
from rpcgss.gss.gss_xdr import (
    GSS_S_COMPLETE,
    GSS_S_CONTINUE_NEEDED,
    RPCSEC_GSS_CONTINUE_INIT,
    RPCSEC_GSS_INIT,
    RPCSEC_GSS_VERS_1,
    RPCSEC_GSS_VERS_3,
    rpc_gss_init_arg,
    rpc_gss_init_res,
)
from rpcgss.gss.provider import SPNEGO, Demands, GssFlag, Provider, SecurityContext
from rpcgss.rpc.errors import AuthenticationFailed, AuthRefused, NotExecuted, ProgramMismatch, ProgramUnavailable
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import NULL_AUTH, AcceptedReply, DeniedReply, ReceivedReply
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import accept_stat, opaque_auth
from rpcgss.rpc.work import Worker
from xdr import Buffer, Cursor, DecodeError

MAX_ROUNDS: Final = 10
FRESH_STARTS: Final = 3
"""Attempts over an unreliable transport: a server may take a second copy of a request for a replay, and say so before
its answer to the first one arrives, or instead of it."""
MAX_HANDLE: Final = 256
"""A credential has room for 400 octets."""

_log = QuietLog(logging.getLogger(__name__))


class CreationRefused(AuthenticationFailed):
    """The server denied a creation request; `stat` is its auth_stat."""

    def __init__(self, stat: int, text: str) -> None:
        super().__init__(text)
        self.stat = stat


@dataclass(frozen=True, slots=True)
class Initiation:
    """One flavor's way to make contexts by GSS exchanges.

    patience -- seconds to wait for the reply to each creation request; over an unreliable transport, where silence may
                be bad luck, it is for the call to give up
    clock    -- trio's
    gss_version -- of RPCSEC_GSS; tickets are of version 1 only
    """

    provider: Provider
    demands: Demands
    extension: ClientExtension | None
    worker: Worker
    patience: float
    clock: Callable[[], float]
    wall: Callable[[], float] = time.time
    gss_version: int = RPCSEC_GSS_VERS_1

    async def run(self, program: int, version: int, link: Link, *, carried_context: bool) -> ClientContext:
        """Make a context that is all that the demands say, by calls on `link`.

        Raises `AuthenticationFailed` (`CreationRefused` if the server denied it), `ConnectionLost`, and what the server
        says of the program: `ProgramUnavailable`, `ProgramMismatch`; `trio.TooSlowError` of a silent server. Cancelled:
        nothing is kept; the server may have a context that nobody will use.
        """
        offer = 0
        if self.extension is not None:
            offer = self.extension.offer(self.demands, link, carried_context=carried_context)
        for left in reversed(range(1 if link.reliable else FRESH_STARTS)):
            try:
                return await _Exchange(self, program, version, link, offer).run()
            except SecurityError as error:
                raise AuthenticationFailed(f"no security context with {self.demands.target}: {error}") from error
            except AuthenticationFailed as failure:
                if not left:
                    raise
                text = "%s; perhaps that is about a copy of the request: starting afresh"
                _log.info(text, failure, event="context.begun_again")
        raise AssertionError("there is a last attempt")


class _Exchange:
    """One attempt."""

    def __init__(self, initiation: Initiation, program: int, version: int, link: Link, offer: int) -> None:
        self._initiation = initiation
        self._demands = initiation.demands
        self._program = program
        self._version = version
        self._link = link
        self._offer = offer
        self._tokens: list[bytes] = []
        self._handle = b""

    async def run(self) -> ClientContext:
        worker = self._initiation.worker
        security = await worker.run(self._initiation.provider.initiate, self._demands)
        token = await worker.run(security.step, None)
        for _ in range(MAX_ROUNDS):
            reply, result, trailing = await self._request(token)
            self._tokens += (token, result.gss_token)
            self._take_handle(result.handle)
            done = result.gss_major == GSS_S_COMPLETE
            if not security.complete:
                token = await worker.run(security.step, result.gss_token)
                if done and (token or not security.complete):
                    raise AuthenticationFailed("the server calls the context complete before it is")
            elif not done:
                raise AuthenticationFailed("the server wants more of a context that is complete")
            if done:
                return await self._finish(security, reply, result.seq_window, trailing)
            if not token:
                raise AuthenticationFailed("the mechanism has nothing to say and the server waits")
        raise AuthenticationFailed(f"no security context after {MAX_ROUNDS} creation requests")

    async def _request(self, token: bytes) -> tuple[AcceptedReply, rpc_gss_init_res, memoryview]:
        gss_proc = RPCSEC_GSS_CONTINUE_INIT if self._handle else RPCSEC_GSS_INIT
        gss_version = self._initiation.gss_version
        credential = Credential(gss_proc, self._offer, self._demands.service, self._handle, gss_version)
        body = rpc_gss_init_arg(token).to_bytes()

        def seal(header: bytes) -> tuple[opaque_auth, Buffer]:
            return NULL_AUTH, body

        _, reply = await self._link.exchange(
            self._program,
            self._version,
            opaque_auth(RPCSEC_GSS, encode_credential(credential)),
            seal,
            timeout=self._initiation.patience if self._link.reliable else None,
        )
        accepted = self._accepted(reply)
        cursor = Cursor(accepted.body)
        try:
            result = rpc_gss_init_res.decode(cursor)
        except DecodeError as error:
            raise AuthenticationFailed(f"the reply to a creation request does not parse: {error}") from error
        if result.gss_major not in (GSS_S_COMPLETE, GSS_S_CONTINUE_NEEDED):
            raise self._failure(result.gss_major, result.gss_minor)
        return accepted, result, memoryview(accepted.body)[cursor.position :]

    def _accepted(self, reply: ReceivedReply) -> AcceptedReply:
        if isinstance(reply, DeniedReply):
            text = f"{self._demands.target} refuses to make a security context: {reply.refusal}"
            if self._initiation.gss_version != RPCSEC_GSS_VERS_1:
                text += f"; perhaps it does not speak RPCSEC_GSS version {self._initiation.gss_version}"
            stat = reply.refusal.stat if isinstance(reply.refusal, AuthRefused) else 0
            raise CreationRefused(stat, text)
        match reply.stat:
            case accept_stat.SUCCESS:
                return reply
            case accept_stat.PROG_UNAVAIL:
                raise _received(ProgramUnavailable("the server does not have this program"))
            case accept_stat.PROG_MISMATCH if reply.mismatch is not None:
                raise _received(ProgramMismatch(*reply.mismatch))
        raise AuthenticationFailed(f"the server answers a creation request with {reply.stat.name}")

    def _failure(self, major: int, minor: int) -> AuthenticationFailed:
        complaint = self._initiation.provider.refusal(major, minor) or "its log may say why"
        return AuthenticationFailed(
            f"{self._demands.target} does not accept our credentials: {complaint} (GSS major {major:#x}, minor {minor})"
        )

    def _take_handle(self, handle: bytes) -> None:
        if not handle or len(handle) > MAX_HANDLE:
            raise AuthenticationFailed(f"the server gives a context handle of {len(handle)} octets")
        if self._handle not in (b"", handle):
            raise AuthenticationFailed("the server changes the handle in mid-creation")
        self._handle = handle

    async def _finish(
        self, security: SecurityContext, reply: AcceptedReply, seq_window: int, trailing: memoryview
    ) -> ClientContext:
        require_demanded(self._demands, security.flags, security.mechanism)
        protection = security.protection()
        if reply.verifier.flavor != RPCSEC_GSS:
            raise AuthenticationFailed("the server does not sign the window")
        protection.verify_mic(word(seq_window), reply.verifier.body)
        if not seq_window:
            raise AuthenticationFailed("the server gives an empty window")
        now, lifetime = self._initiation.clock(), security.lifetime
        if lifetime is not None and lifetime <= 0:
            raise AuthenticationFailed(f"the credentials for {self._demands.target} have expired: get new ones (kinit)")
        await self._show_grant(security, seq_window, lifetime, now, trailing)
        return ClientContext(
            handle=self._handle,
            protection=protection,
            seq_window=seq_window,
            initiator=security.initiator,
            acceptor=security.acceptor,
            mechanism=security.mechanism,
            flags=security.flags,
            made=now,
            expiry=None if lifetime is None else now + lifetime,
            version=self._initiation.gss_version,
            numbers=PARENT_NUMBERS if self._initiation.gss_version == RPCSEC_GSS_VERS_3 else ALL_NUMBERS,
        )

    async def _show_grant(
        self, security: SecurityContext, seq_window: int, lifetime: int | None, now: float, trailing: memoryview
    ) -> None:
        """Without an extension, what follows the result is tolerated and means nothing."""
        extension = self._initiation.extension
        if extension is None:
            return
        establishment = Establishment(
            security=security,
            tokens=self._tokens,
            offered=self._offer,
            handle=self._handle,
            seq_window=seq_window,
            lifetime=lifetime,
            now=now,
            wall=self._initiation.wall(),
        )
        try:
            await extension.receive_grant(trailing, establishment, self._demands, self._link)
        except Exception:
            target = self._demands.target
            _log.exception("a grant of %s was lost", target, event="ticket.failed", target=target)


def _received(refusal: NotExecuted) -> NotExecuted:
    refusal.received = True
    return refusal


def require_demanded(demands: Demands, flags: GssFlag, mechanism: str) -> None:
    """Whether a context, however made, is all that was asked for. Raises `AuthenticationFailed`."""
    missing = demands.required_flags & ~flags
    if missing:
        names = ", ".join(flag.name.lower() for flag in missing if flag.name)
        raise AuthenticationFailed(f"the context with {demands.target} lacks {names}")
    if demands.mechanism not in (None, SPNEGO, mechanism):
        raise AuthenticationFailed(f"the context with {demands.target} is one of mechanism {mechanism}")

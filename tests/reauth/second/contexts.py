"""Calls under a re-authenticated context, at either end (section 12; RFC 2203, 5.3 and 5.4)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from .keys import Unprotected
from .rpc import (
    AUTH_BADCRED,
    CREDPROBLEM,
    CTXPROBLEM,
    DATA,
    DESTROY,
    GARBAGE_ARGS,
    INTEGRITY,
    NONE,
    PRIVACY,
    RPCSEC_GSS,
    Call,
    Credential,
    accepted,
    auth,
    denied,
    header,
    read_success,
)
from .wire import Malformed, Reader, opaque, uint

MAX_SEQ = 0x80000000
MAX_BODY = 1 << 20
CONF = 16

Handler = Callable[[int, bytes], bytes]  # procedure, arguments -> results


class Messages(Protocol):
    """One end's protection of messages: `keys.Protection`, or a mechanism. `verify` and `unwrap` raise Unprotected."""

    @property
    def used_up(self) -> bool: ...
    def mic(self, message: bytes) -> bytes: ...
    def wrap(self, message: bytes) -> bytes: ...
    def verify(self, message: bytes, mic: bytes) -> None: ...
    def unwrap(self, token: bytes) -> bytes: ...


def protect(protection: Messages, service: int, seq_num: int, content: bytes) -> bytes:
    body = uint(seq_num) + content
    if service == INTEGRITY:
        return opaque(body) + opaque(protection.mic(body))
    return opaque(protection.wrap(body)) if service == PRIVACY else content


def unprotect(protection: Messages, service: int, seq_num: int, data: bytes) -> bytes:
    """Malformed or Unprotected, if it is not a body of that service and number."""
    if service == NONE:
        return data
    reader = Reader(data)
    body = reader.opaque(MAX_BODY)
    if service == INTEGRITY:
        protection.verify(body, reader.opaque(MAX_BODY))
    else:
        body = protection.unwrap(body)
    reader.end()
    if body[:4] != uint(seq_num):
        raise Malformed("another sequence number")
    return body[4:]


@dataclass
class ClientContext:
    handle: bytes
    seq_window: int
    flags: int
    expiry: float  # wall clock
    protection: Messages = field(repr=False)
    seq_num: int = 0

    def call(
        self, xid: int, program: int, version: int, procedure: int, arguments: bytes, service: int, gss_proc: int = DATA
    ) -> tuple[bytes, Callable[[bytes], bytes]]:
        """The call as octets, and what makes results of its reply (Denied, Malformed or Unprotected otherwise)."""
        self.seq_num += 1
        seq_num = self.seq_num
        credential = Credential(gss_proc, seq_num, service, self.handle).octets()
        head = header(xid, program, version, procedure, credential)
        verifier = auth(RPCSEC_GSS, self.protection.mic(head))

        def results(reply: bytes) -> bytes:
            mic, content = read_success(reply, xid)
            self.protection.verify(uint(seq_num), mic)
            return unprotect(self.protection, service, seq_num, content)

        return head + verifier + protect(self.protection, service, seq_num, arguments), results


@dataclass
class ServerContext:
    """`unused_until`, like `end`, is monotonic; a context of a full exchange is never unused."""

    flags: int
    handle: bytes
    seq_window: int
    end: float  # monotonic clock
    unused_until: float
    protection: Messages = field(repr=False)
    unused: bool = True
    gone: bool = False
    _highest: int = 0
    _seen: set[int] = field(default_factory=set)

    def serve(self, call: Call, credential: Credential, now: float, handler: Handler) -> bytes | None:
        """The reply; None if the call is dropped. Sets `gone` where the context ends with it."""
        seq_num, service = credential.seq_num, credential.service
        if now >= (self.unused_until if self.unused else self.end):
            self.gone = True
            return denied(call.xid, CREDPROBLEM)
        if seq_num > MAX_SEQ:
            return denied(call.xid, CTXPROBLEM)
        if service not in (NONE, INTEGRITY, PRIVACY) or (service == PRIVACY and not self.flags & CONF):
            return denied(call.xid, AUTH_BADCRED)
        try:
            if call.verifier[0] != RPCSEC_GSS:
                raise Unprotected("another flavor")
            self.protection.verify(call.header, call.verifier[1])
        except Unprotected:
            return denied(call.xid, CREDPROBLEM)
        if not self._fresh(seq_num):
            return None
        self.unused = False
        if self.protection.used_up and credential.gss_proc == DATA:
            self.gone = True
            return denied(call.xid, CTXPROBLEM)
        verifier = self.protection.mic(uint(seq_num))
        try:
            arguments = unprotect(self.protection, service, seq_num, call.arguments)
        except (Unprotected, Malformed):
            return accepted(call.xid, verifier, b"", GARBAGE_ARGS)
        self.gone = credential.gss_proc == DESTROY
        results = b"" if self.gone else handler(call.procedure, arguments)
        return accepted(call.xid, verifier, protect(self.protection, service, seq_num, results))

    def _fresh(self, seq_num: int) -> bool:
        if seq_num in self._seen or seq_num <= self._highest - self.seq_window:
            return False
        self._highest = max(self._highest, seq_num)
        self._seen = {seen for seen in self._seen if seen > self._highest - self.seq_window} | {seq_num}
        return True

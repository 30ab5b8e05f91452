"""Credentials and protected bodies (RFC 2203, 5. and 5.3.2): octets in, values out.

Every call brings one credential, so it is read and written by one `Struct`; and bodies may be large, so what is in
them is copied no more than need be. gss.x says the same in XDR, and tests hold the two against each other.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError
from typing import Final

from rpcgss.gss.errors import BadBody
from rpcgss.gss.gss_xdr import RPCSEC_GSS_CONTINUE_INIT, RPCSEC_GSS_INIT, RPCSEC_GSS_VERS_1, RPCSEC_GSS_VERS_3
from rpcgss.gss.protection import MessageProtection
from rpcgss.gss.provider import GssService
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import MAX_AUTH_OCTETS, RPC_VERSION, CallHeader
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, msg_type
from xdr import Buffer

_FIXED: Final = Struct(">5I")  # version, gss_proc, seq_num, service, length of the handle
_HEADER: Final = Struct(">13I")  # xid, CALL, rpcvers, prog, vers, proc; flavor and length of the credential; the same
_WORDS_2: Final = Struct(">2I")
_WORD: Final = Struct(">I")
_CALL: Final = int(msg_type.CALL)
_RPCSEC_GSS: Final = int(auth_flavor.RPCSEC_GSS)
_NONE, _INTEGRITY = GssService.NONE, GssService.INTEGRITY  # 0.12 µs each, to look up in their class
COPIED_UP_TO: Final = 4096
"""Octets of a content that is cut out of what was unwrapped by copying them: views cost more, here and to who reads."""

_ZEROS: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


@dataclass(slots=True)
class Credential:
    """rpc_gss_cred_vers_1_t. `gss_proc` and `service` are plain numbers: other documents define more of the first, and
    some messages have an undefined second. All versions have the same fields (RFC 5403, 3.2; RFC 7861, 2.4)."""

    gss_proc: int
    seq_num: int
    service: int
    handle: bytes
    version: int = RPCSEC_GSS_VERS_1


def encode_credential(credential: Credential) -> bytes:
    """The body of an opaque_auth."""
    handle = credential.handle
    fixed = _FIXED.pack(credential.version, credential.gss_proc, credential.seq_num, credential.service, len(handle))
    return fixed + handle + bytes(-len(handle) & 3)


def encode_header(header: CallHeader, gss_proc: int, seq_num: int, service: int, handle: bytes, version: int) -> bytes:
    """The octets of a call from xid through a credential, as `encode_call_header` would make them of an opaque_auth of
    a `Credential`, in one step: every call under a context has one."""
    length = len(handle)
    padding = _ZEROS[length & 3]
    size = _FIXED.size + length + len(padding)
    if size > MAX_AUTH_OCTETS:
        raise ValueError(f"a credential of {size} octets, at most {MAX_AUTH_OCTETS}")
    call = header.xid, _CALL, RPC_VERSION, header.program, header.version, header.procedure
    return _HEADER.pack(*call, _RPCSEC_GSS, size, version, gss_proc, seq_num, service, length) + handle + padding


def encode_verifier(mic: bytes) -> bytes:
    """The octets of a verifier of ours, as `encode_auth` would make them of an opaque_auth."""
    length = len(mic)
    if length > MAX_AUTH_OCTETS:
        raise ValueError(f"a MIC of {length} octets, at most {MAX_AUTH_OCTETS}")
    return _WORDS_2.pack(_RPCSEC_GSS, length) + mic + _ZEROS[length & 3]


def parse_credential_untrusted(body: Buffer, versions: Collection[int] = (RPCSEC_GSS_VERS_1,)) -> Credential:
    """Take a credential of one of `versions` apart, to its last octet. Raises `AuthRefused`."""
    try:
        version, gss_proc, seq_num, service, length = _FIXED.unpack_from(body)
    except StructError:
        if len(body) >= _WORDS_2.size:
            version, gss_proc = _WORDS_2.unpack_from(body)
            if version not in versions:  # which comes first, whatever else is wrong
                raise _wrong_version(version, gss_proc) from None
        raise AuthRefused(auth_stat.AUTH_BADCRED, f"{len(body)} octets are no credential") from None
    if version not in versions:
        raise _wrong_version(version, gss_proc)
    end = _FIXED.size + length
    if len(body) != end + (-length & 3) or any(body[end:]):
        raise AuthRefused(auth_stat.AUTH_BADCRED, "a credential of the wrong length")
    return Credential(gss_proc, seq_num, service, bytes(body[_FIXED.size : end]), version)


def _wrong_version(version: int, gss_proc: int) -> AuthRefused:
    # In a creation request the version is not supported (5.2.3.2), else it is not the context's (5.3.3.3).
    creating = gss_proc in (RPCSEC_GSS_INIT, RPCSEC_GSS_CONTINUE_INIT)
    stat = auth_stat.AUTH_REJECTEDCRED if creating else auth_stat.AUTH_BADCRED
    return AuthRefused(stat, f"RPCSEC_GSS version {version}")


def protect(
    protection: MessageProtection, service: GssService, seq_num: int, content: Sequence[Buffer]
) -> Sequence[Buffer]:
    """The body that carries `content` (arguments or results), both in pieces. `content` is copied once, to have it in
    one piece for the mechanism, and what comes of it is not. Raises `SecurityError`."""
    if service is _NONE:
        return content
    numbered = b"".join((_WORD.pack(seq_num), *content))
    length = len(numbered)
    if service is _INTEGRITY:
        mic = protection.mic(numbered)
        tail = b"".join((_ZEROS[length & 3], _WORD.pack(len(mic)), mic, _ZEROS[len(mic) & 3]))
        return [_WORD.pack(length), numbered, tail]
    token = protection.wrap(numbered)
    length = len(token)
    return [_WORD.pack(length), token, _ZEROS[length & 3]]


def unprotect(protection: MessageProtection, service: GssService, seq_num: int, body: Buffer) -> Buffer:
    """The content of a body that must belong to the header of `seq_num`.

    Raises `BadBody`, `BadMic`, `BadWrap`; `GssError` where the mechanism fails.
    """
    if service is _NONE:
        return body
    view = memoryview(body)
    numbered: Buffer
    if service is _INTEGRITY:
        numbered, position = _opaque_untrusted(view, 0)
        mic, _ = _opaque_untrusted(view, position, last=True)
        protection.verify_mic(numbered, mic)
    else:
        token, _ = _opaque_untrusted(view, 0, last=True)
        numbered = protection.unwrap(token)
    if numbered[:4] != _WORD.pack(seq_num):
        raise BadBody("the sequence number in the body is not the header's")
    return numbered[4:] if len(numbered) <= COPIED_UP_TO else memoryview(numbered)[4:]


def signed_by_reply(version: int, seq_num: int, header: Buffer) -> bytes:
    """What the verifier of the reply to a call is a MIC of: its number (RFC 2203, 5.3.3.2); in version 3 its header,
    xid through credential, in which the mtype says REPLY (RFC 7861, 2.3). Handles of version 3 may share their keys
    and their numbers, so it is the handle in there that tells the replies apart."""
    if version < RPCSEC_GSS_VERS_3:
        return _WORD.pack(seq_num)
    return b"".join((header[:4], _WORD.pack(msg_type.REPLY), header[8:]))


def word(number: int) -> bytes:
    """A number as RPCSEC_GSS signs it: 32 bits in network order (seq_window, seq_num of replies)."""
    return _WORD.pack(number)


def _opaque_untrusted(view: memoryview, position: int, *, last: bool = False) -> tuple[memoryview, int]:
    """The value of the opaque field at `position`, and where the next one begins; `last`: there is none. Raises
    `BadBody`."""
    try:
        (length,) = _WORD.unpack_from(view, position)
    except StructError:
        raise BadBody("the protected body ends too early") from None
    start = position + 4
    end = start + length
    if length & 3:
        position = end + (-length & 3)
        if any(view[end:position]):
            raise BadBody("the protected body is not padded by zeros")
    else:
        position = end
    if position > len(view):
        raise BadBody(f"the protected body has {len(view) - start} octets of {length}")
    if last and position != len(view):
        raise BadBody("the protected body does not end where it should")
    return view[start:end], position

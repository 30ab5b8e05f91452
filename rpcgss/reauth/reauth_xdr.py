"""Made from reauth.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from xdr.runtime import (
    Buffer as _Buffer,
    Codec as _Codec,
    Cursor as _Cursor,
    Out as _Out,
    Struct as _Struct,
    UNSIGNED as _UNSIGNED,
    UNSIGNED_64 as _UNSIGNED_64,
    Value as _Value,
    ZEROS as _ZEROS,
    array as _array,
    bad_padding as _bad_padding,
    new as _new,
    octets as _octets,
    octets_exactly as _octets_exactly,
    opaque as _opaque,
    opaque_fixed as _opaque_fixed,
    overrun as _overrun,
    pack_many as _pack_many,
    string as _string,
    struct as _struct,
    too_many as _too_many,
    unpack_from as _unpack_from,
)

_S32s = _Struct(">32s")
_S32sI = _Struct(">32sI")
_S32sIQ2_16sI = _Struct(">32sIQQ16sI")
_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI2_32sI = _Struct(">II32sI")
_SI_32s = _Struct(">I32s")
_SI_32sI = _Struct(">I32sI")

FRA1: Final[int] = 1179795761
AES_256_GCM: Final[int] = 1
CHACHA20_POLY1305: Final[int] = 2
REAUTH_MAX_SEALED: Final[int] = 1024
REAUTH_MAX_HANDLE: Final[int] = 64
REAUTH_MAX_SUITES: Final[int] = 8
REAUTH_HASH_SIZE: Final[int] = 32
REAUTH_NONCE_SIZE: Final[int] = 32
REAUTH_SHARE_SIZE: Final[int] = 32


@dataclass(slots=True)
class reauth_ticket(_Value):
    """struct reauth_ticket (reauth.x:20)."""

    key_index: int
    sealed: bytes

    def _put(self, out: _Out) -> None:
        sealed: _Buffer = self.sealed
        if type(sealed) is not bytes:
            sealed = _octets(sealed, 1024)
        length = len(sealed)
        if length > 1024:
            raise _too_many(length, 1024)
        out.append(_SI2.pack(self.key_index, length))
        out.append(sealed)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.key_index, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 1024 or end > size:
            raise _overrun(data, position - 4, length, 1024)
        value.sealed = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class reauth_grant(_Value):
    """struct reauth_grant (reauth.x:26)."""

    ticket: reauth_ticket
    lifetime: int
    mac: bytes

    def _put(self, out: _Out) -> None:
        reauth_ticket._put(self.ticket, out)
        mac = self.mac
        if type(mac) is not bytes or len(mac) != 32:
            mac = _octets_exactly(mac, 32)
        out.append(_SI_32s.pack(self.lifetime, mac))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.ticket = reauth_ticket._take(cursor)
        position = cursor.position
        (value.lifetime, value.mac) = _SI_32s.unpack_from(data, position)
        cursor.position = position + 36
        return value


@dataclass(slots=True)
class reauth_grant_covered(_Value):
    """struct reauth_grant_covered (reauth.x:33)."""

    handle: bytes
    seq_window: int
    ticket: reauth_ticket
    lifetime: int

    def _put(self, out: _Out) -> None:
        handle: _Buffer = self.handle
        if type(handle) is not bytes:
            handle = _octets(handle, 4294967295)
        length = len(handle)
        out.append(_SI.pack(length))
        out.append(handle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        out.append(_SI.pack(self.seq_window))
        reauth_ticket._put(self.ticket, out)
        out.append(_SI.pack(self.lifetime))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.handle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.seq_window,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        value.ticket = reauth_ticket._take(cursor)
        position = cursor.position
        (value.lifetime,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        return value


@dataclass(slots=True)
class reauth_request(_Value):
    """struct reauth_request (reauth.x:41)."""

    ticket: reauth_ticket
    client_nonce: bytes
    suites: list[int]
    client_share: bytes

    def _put(self, out: _Out) -> None:
        reauth_ticket._put(self.ticket, out)
        client_nonce = self.client_nonce
        if type(client_nonce) is not bytes or len(client_nonce) != 32:
            client_nonce = _octets_exactly(client_nonce, 32)
        suites = self.suites
        if len(suites) > 8:
            raise _too_many(len(suites), 8)
        out.append(_S32sI.pack(client_nonce, len(suites)))
        out.append(_pack_many(f">{len(suites)}I", *suites))
        client_share: _Buffer = self.client_share
        if type(client_share) is not bytes:
            client_share = _octets(client_share, 32)
        length = len(client_share)
        if length > 32:
            raise _too_many(length, 32)
        out.append(_SI.pack(length))
        out.append(client_share)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.ticket = reauth_ticket._take(cursor)
        position = cursor.position
        (value.client_nonce, count) = _S32sI.unpack_from(data, position)
        position += 36
        if count > 8 or count * 4 > size - position:
            raise _overrun(data, position - 4, count, 8)
        value.suites = list(_unpack_from(f">{count}I", data, position))
        position += count * 4
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 32 or end > size:
            raise _overrun(data, position - 4, length, 32)
        value.client_share = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class reauth_arg(_Value):
    """struct reauth_arg (reauth.x:48)."""

    ticket: reauth_ticket
    client_nonce: bytes
    suites: list[int]
    client_share: bytes
    authenticator: bytes

    def _put(self, out: _Out) -> None:
        reauth_ticket._put(self.ticket, out)
        client_nonce = self.client_nonce
        if type(client_nonce) is not bytes or len(client_nonce) != 32:
            client_nonce = _octets_exactly(client_nonce, 32)
        suites = self.suites
        if len(suites) > 8:
            raise _too_many(len(suites), 8)
        out.append(_S32sI.pack(client_nonce, len(suites)))
        out.append(_pack_many(f">{len(suites)}I", *suites))
        client_share: _Buffer = self.client_share
        if type(client_share) is not bytes:
            client_share = _octets(client_share, 32)
        length = len(client_share)
        if length > 32:
            raise _too_many(length, 32)
        out.append(_SI.pack(length))
        out.append(client_share)
        if length & 3:
            out.append(_ZEROS[length & 3])
        authenticator = self.authenticator
        if type(authenticator) is not bytes or len(authenticator) != 32:
            authenticator = _octets_exactly(authenticator, 32)
        out.append(_S32s.pack(authenticator))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.ticket = reauth_ticket._take(cursor)
        position = cursor.position
        (value.client_nonce, count) = _S32sI.unpack_from(data, position)
        position += 36
        if count > 8 or count * 4 > size - position:
            raise _overrun(data, position - 4, count, 8)
        value.suites = list(_unpack_from(f">{count}I", data, position))
        position += count * 4
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 32 or end > size:
            raise _overrun(data, position - 4, length, 32)
        value.client_share = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.authenticator,) = _S32s.unpack_from(data, position)
        cursor.position = position + 32
        return value


@dataclass(slots=True)
class reauth_accept(_Value):
    """struct reauth_accept (reauth.x:56)."""

    handle: bytes
    seq_window: int
    suite: int
    server_nonce: bytes
    server_share: bytes

    def _put(self, out: _Out) -> None:
        handle: _Buffer = self.handle
        if type(handle) is not bytes:
            handle = _octets(handle, 64)
        length = len(handle)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(handle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        server_nonce = self.server_nonce
        if type(server_nonce) is not bytes or len(server_nonce) != 32:
            server_nonce = _octets_exactly(server_nonce, 32)
        server_share: _Buffer = self.server_share
        if type(server_share) is not bytes:
            server_share = _octets(server_share, 32)
        length = len(server_share)
        if length > 32:
            raise _too_many(length, 32)
        out.append(_SI2_32sI.pack(self.seq_window, self.suite, server_nonce, length))
        out.append(server_share)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        value.handle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.seq_window, value.suite, value.server_nonce, length) = _SI2_32sI.unpack_from(data, position)
        position += 44
        end = position + length
        if length > 32 or end > size:
            raise _overrun(data, position - 4, length, 32)
        value.server_share = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class reauth_ok(_Value):
    """struct reauth_ok (reauth.x:64)."""

    accept: reauth_accept
    ticket: reauth_ticket
    lifetime: int

    def _put(self, out: _Out) -> None:
        reauth_accept._put(self.accept, out)
        reauth_ticket._put(self.ticket, out)
        out.append(_SI.pack(self.lifetime))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.accept = reauth_accept._take(cursor)
        value.ticket = reauth_ticket._take(cursor)
        position = cursor.position
        (value.lifetime,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        return value


REAUTH_STATE_FORMAT: Final[int] = 1
REAUTH_MAX_NAME: Final[int] = 1000
REAUTH_MAX_OID: Final[int] = 64
REAUTH_MAX_BLOB: Final[int] = 256


@dataclass(slots=True)
class reauth_state(_Value):
    """struct reauth_state (reauth.x:79)."""

    format: int
    session_key: bytes
    principal: bytes
    display: str
    mechanism: str
    acceptor: bytes
    flags: int
    established: int
    expiry: int
    chain: bytes
    application: bytes

    def _put(self, out: _Out) -> None:
        session_key = self.session_key
        if type(session_key) is not bytes or len(session_key) != 32:
            session_key = _octets_exactly(session_key, 32)
        principal: _Buffer = self.principal
        if type(principal) is not bytes:
            principal = _octets(principal, 1000)
        length = len(principal)
        if length > 1000:
            raise _too_many(length, 1000)
        out.append(_SI_32sI.pack(self.format, session_key, length))
        out.append(principal)
        if length & 3:
            out.append(_ZEROS[length & 3])
        display = self.display.encode("utf-8", "surrogateescape")
        length = len(display)
        if length > 1000:
            raise _too_many(length, 1000)
        out.append(_SI.pack(length))
        out.append(display)
        if length & 3:
            out.append(_ZEROS[length & 3])
        mechanism = self.mechanism.encode("utf-8", "surrogateescape")
        length = len(mechanism)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(mechanism)
        if length & 3:
            out.append(_ZEROS[length & 3])
        acceptor = self.acceptor
        if type(acceptor) is not bytes or len(acceptor) != 32:
            acceptor = _octets_exactly(acceptor, 32)
        chain = self.chain
        if type(chain) is not bytes or len(chain) != 16:
            chain = _octets_exactly(chain, 16)
        application: _Buffer = self.application
        if type(application) is not bytes:
            application = _octets(application, 256)
        length = len(application)
        if length > 256:
            raise _too_many(length, 256)
        out.append(_S32sIQ2_16sI.pack(acceptor, self.flags, self.established, self.expiry, chain, length))
        out.append(application)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.format, value.session_key, length) = _SI_32sI.unpack_from(data, position)
        position += 40
        end = position + length
        if length > 1000 or end > size:
            raise _overrun(data, position - 4, length, 1000)
        value.principal = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 1000 or end > size:
            raise _overrun(data, position - 4, length, 1000)
        value.display = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        value.mechanism = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (
            value.acceptor,
            value.flags,
            value.established,
            value.expiry,
            value.chain,
            length,
        ) = _S32sIQ2_16sI.unpack_from(data, position)
        position += 72
        end = position + length
        if length > 256 or end > size:
            raise _overrun(data, position - 4, length, 256)
        value.application = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


CODECS: Final[dict[str, _Codec[Any]]] = {
    "reauth_ticket": _struct(reauth_ticket, ("key_index", _UNSIGNED), ("sealed", _opaque(1024))),
    "reauth_grant": _struct(
        reauth_grant, ("ticket", reauth_ticket), ("lifetime", _UNSIGNED), ("mac", _opaque_fixed(32))
    ),
    "reauth_grant_covered": _struct(
        reauth_grant_covered,
        ("handle", _opaque(4294967295)),
        ("seq_window", _UNSIGNED),
        ("ticket", reauth_ticket),
        ("lifetime", _UNSIGNED),
    ),
    "reauth_request": _struct(
        reauth_request,
        ("ticket", reauth_ticket),
        ("client_nonce", _opaque_fixed(32)),
        ("suites", _array(_UNSIGNED, 8)),
        ("client_share", _opaque(32)),
    ),
    "reauth_arg": _struct(
        reauth_arg,
        ("ticket", reauth_ticket),
        ("client_nonce", _opaque_fixed(32)),
        ("suites", _array(_UNSIGNED, 8)),
        ("client_share", _opaque(32)),
        ("authenticator", _opaque_fixed(32)),
    ),
    "reauth_accept": _struct(
        reauth_accept,
        ("handle", _opaque(64)),
        ("seq_window", _UNSIGNED),
        ("suite", _UNSIGNED),
        ("server_nonce", _opaque_fixed(32)),
        ("server_share", _opaque(32)),
    ),
    "reauth_ok": _struct(reauth_ok, ("accept", reauth_accept), ("ticket", reauth_ticket), ("lifetime", _UNSIGNED)),
    "reauth_state": _struct(
        reauth_state,
        ("format", _UNSIGNED),
        ("session_key", _opaque_fixed(32)),
        ("principal", _opaque(1000)),
        ("display", _string(1000)),
        ("mechanism", _string(64)),
        ("acceptor", _opaque_fixed(32)),
        ("flags", _UNSIGNED),
        ("established", _UNSIGNED_64),
        ("expiry", _UNSIGNED_64),
        ("chain", _opaque_fixed(16)),
        ("application", _opaque(256)),
    ),
}

"""Made from gss.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final, Self, TYPE_CHECKING

from xdr.runtime import (
    Buffer as _Buffer,
    Codec as _Codec,
    Cursor as _Cursor,
    Out as _Out,
    Struct as _Struct,
    UNSIGNED as _UNSIGNED,
    Value as _Value,
    ZEROS as _ZEROS,
    arm as _arm,
    bad_discriminant as _bad_discriminant,
    bad_padding as _bad_padding,
    codec as _codec,
    members as _members,
    new as _new,
    octets as _octets,
    opaque as _opaque,
    overrun as _overrun,
    struct as _struct,
    union as _union,
)

_SI = _Struct(">I")
_SI4 = _Struct(">IIII")

RPCSEC_GSS_VERS_1: Final[int] = 1
MAXSEQ: Final[int] = 2147483648


class rpc_gss_proc_t(IntEnum):
    """enum rpc_gss_proc_t (gss.x:12)."""

    RPCSEC_GSS_DATA = 0
    RPCSEC_GSS_INIT = 1
    RPCSEC_GSS_CONTINUE_INIT = 2
    RPCSEC_GSS_DESTROY = 3


RPCSEC_GSS_DATA: Final = rpc_gss_proc_t.RPCSEC_GSS_DATA
RPCSEC_GSS_INIT: Final = rpc_gss_proc_t.RPCSEC_GSS_INIT
RPCSEC_GSS_CONTINUE_INIT: Final = rpc_gss_proc_t.RPCSEC_GSS_CONTINUE_INIT
RPCSEC_GSS_DESTROY: Final = rpc_gss_proc_t.RPCSEC_GSS_DESTROY
_rpc_gss_proc_t_members: Final = _members(rpc_gss_proc_t)
_rpc_gss_proc_t_numbers: Final = {member: int(member) for member in rpc_gss_proc_t}


class rpc_gss_service_t(IntEnum):
    """enum rpc_gss_service_t (gss.x:19)."""

    rpc_gss_svc_none = 1
    rpc_gss_svc_integrity = 2
    rpc_gss_svc_privacy = 3


rpc_gss_svc_none: Final = rpc_gss_service_t.rpc_gss_svc_none
rpc_gss_svc_integrity: Final = rpc_gss_service_t.rpc_gss_svc_integrity
rpc_gss_svc_privacy: Final = rpc_gss_service_t.rpc_gss_svc_privacy
_rpc_gss_service_t_members: Final = _members(rpc_gss_service_t)
_rpc_gss_service_t_numbers: Final = {member: int(member) for member in rpc_gss_service_t}


@dataclass(slots=True)
class rpc_gss_cred_vers_1_t(_Value):
    """struct rpc_gss_cred_vers_1_t (gss.x:26)."""

    gss_proc: int
    seq_num: int
    service: int
    handle: bytes

    def _put(self, out: _Out) -> None:
        handle: _Buffer = self.handle
        if type(handle) is not bytes:
            handle = _octets(handle, 4294967295)
        length = len(handle)
        out.append(_SI4.pack(self.gss_proc, self.seq_num, self.service, length))
        out.append(handle)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.gss_proc, value.seq_num, value.service, length) = _SI4.unpack_from(data, position)
        position += 16
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.handle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


class rpc_gss_cred_t(_Value):
    """union rpc_gss_cred_t switch (int vers) (gss.x:34)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def vers(self) -> int: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rpc_gss_cred_t:
        (vers,) = _SI.unpack_from(cursor.data, cursor.position)
        if vers == 1:
            arm = _new(rpc_gss_cred_t_RPCSEC_GSS_VERS_1)
            cursor.position += 4
            arm.ver_1 = rpc_gss_cred_vers_1_t._take(cursor)
            return arm
        raise _bad_discriminant("rpc_gss_cred_t", vers, cursor.position)


@dataclass(slots=True)
class rpc_gss_cred_t_RPCSEC_GSS_VERS_1(rpc_gss_cred_t):
    """case 1 of union rpc_gss_cred_t (gss.x:35)."""

    vers: ClassVar[int] = 1
    ver_1: rpc_gss_cred_vers_1_t

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(1))
        rpc_gss_cred_vers_1_t._put(self.ver_1, out)


@dataclass(slots=True)
class rpc_gss_init_arg(_Value):
    """struct rpc_gss_init_arg (gss.x:40)."""

    gss_token: bytes

    def _put(self, out: _Out) -> None:
        gss_token: _Buffer = self.gss_token
        if type(gss_token) is not bytes:
            gss_token = _octets(gss_token, 4294967295)
        length = len(gss_token)
        out.append(_SI.pack(length))
        out.append(gss_token)
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
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.gss_token = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpc_gss_init_res(_Value):
    """struct rpc_gss_init_res (gss.x:44)."""

    handle: bytes
    gss_major: int
    gss_minor: int
    seq_window: int
    gss_token: bytes

    def _put(self, out: _Out) -> None:
        handle: _Buffer = self.handle
        if type(handle) is not bytes:
            handle = _octets(handle, 4294967295)
        length = len(handle)
        out.append(_SI.pack(length))
        out.append(handle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        gss_token: _Buffer = self.gss_token
        if type(gss_token) is not bytes:
            gss_token = _octets(gss_token, 4294967295)
        length = len(gss_token)
        out.append(_SI4.pack(self.gss_major, self.gss_minor, self.seq_window, length))
        out.append(gss_token)
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
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.handle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.gss_major, value.gss_minor, value.seq_window, length) = _SI4.unpack_from(data, position)
        position += 16
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.gss_token = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpc_gss_data_header(_Value):
    """struct rpc_gss_data_header (gss.x:56)."""

    seq_num: int

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(self.seq_num))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.seq_num,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        return value


@dataclass(slots=True)
class rpc_gss_integ_data(_Value):
    """struct rpc_gss_integ_data (gss.x:60)."""

    databody_integ: bytes
    checksum: bytes

    def _put(self, out: _Out) -> None:
        databody_integ: _Buffer = self.databody_integ
        if type(databody_integ) is not bytes:
            databody_integ = _octets(databody_integ, 4294967295)
        length = len(databody_integ)
        out.append(_SI.pack(length))
        out.append(databody_integ)
        if length & 3:
            out.append(_ZEROS[length & 3])
        checksum: _Buffer = self.checksum
        if type(checksum) is not bytes:
            checksum = _octets(checksum, 4294967295)
        length = len(checksum)
        out.append(_SI.pack(length))
        out.append(checksum)
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
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.databody_integ = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.checksum = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpc_gss_priv_data(_Value):
    """struct rpc_gss_priv_data (gss.x:65)."""

    databody_priv: bytes

    def _put(self, out: _Out) -> None:
        databody_priv: _Buffer = self.databody_priv
        if type(databody_priv) is not bytes:
            databody_priv = _octets(databody_priv, 4294967295)
        length = len(databody_priv)
        out.append(_SI.pack(length))
        out.append(databody_priv)
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
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.databody_priv = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


GSS_S_COMPLETE: Final[int] = 0
GSS_S_CONTINUE_NEEDED: Final[int] = 1
GSS_S_DUPLICATE_TOKEN: Final[int] = 2
GSS_S_OLD_TOKEN: Final[int] = 4
GSS_S_UNSEQ_TOKEN: Final[int] = 8
GSS_S_GAP_TOKEN: Final[int] = 16
GSS_S_BAD_MECH: Final[int] = 65536
GSS_S_BAD_NAME: Final[int] = 131072
GSS_S_BAD_NAMETYPE: Final[int] = 196608
GSS_S_BAD_BINDINGS: Final[int] = 262144
GSS_S_BAD_STATUS: Final[int] = 327680
GSS_S_BAD_MIC: Final[int] = 393216
GSS_S_NO_CRED: Final[int] = 458752
GSS_S_NO_CONTEXT: Final[int] = 524288
GSS_S_DEFECTIVE_TOKEN: Final[int] = 589824
GSS_S_DEFECTIVE_CREDENTIAL: Final[int] = 655360
GSS_S_CREDENTIALS_EXPIRED: Final[int] = 720896
GSS_S_CONTEXT_EXPIRED: Final[int] = 786432
GSS_S_FAILURE: Final[int] = 851968
GSS_S_BAD_QOP: Final[int] = 917504
GSS_S_UNAUTHORIZED: Final[int] = 983040
GSS_S_UNAVAILABLE: Final[int] = 1048576
GSS_S_DUPLICATE_ELEMENT: Final[int] = 1114112
GSS_S_NAME_NOT_MN: Final[int] = 1179648
GSS_S_CALL_INACCESSIBLE_READ: Final[int] = 16777216
GSS_S_CALL_INACCESSIBLE_WRITE: Final[int] = 33554432
GSS_S_CALL_BAD_STRUCTURE: Final[int] = 50331648


CODECS: Final[dict[str, _Codec[Any]]] = {
    "rpc_gss_proc_t": _codec(rpc_gss_proc_t),
    "rpc_gss_service_t": _codec(rpc_gss_service_t),
    "rpc_gss_cred_vers_1_t": _struct(
        rpc_gss_cred_vers_1_t,
        ("gss_proc", _UNSIGNED),
        ("seq_num", _UNSIGNED),
        ("service", _UNSIGNED),
        ("handle", _opaque(4294967295)),
    ),
    "rpc_gss_cred_t": _union(
        rpc_gss_cred_t,
        "vers",
        _UNSIGNED,
        _arm(rpc_gss_cred_t_RPCSEC_GSS_VERS_1, (1,), ("ver_1", rpc_gss_cred_vers_1_t)),
    ),
    "rpc_gss_init_arg": _struct(rpc_gss_init_arg, ("gss_token", _opaque(4294967295))),
    "rpc_gss_init_res": _struct(
        rpc_gss_init_res,
        ("handle", _opaque(4294967295)),
        ("gss_major", _UNSIGNED),
        ("gss_minor", _UNSIGNED),
        ("seq_window", _UNSIGNED),
        ("gss_token", _opaque(4294967295)),
    ),
    "rpc_gss_data_header": _struct(rpc_gss_data_header, ("seq_num", _UNSIGNED)),
    "rpc_gss_integ_data": _struct(
        rpc_gss_integ_data, ("databody_integ", _opaque(4294967295)), ("checksum", _opaque(4294967295))
    ),
    "rpc_gss_priv_data": _struct(rpc_gss_priv_data, ("databody_priv", _opaque(4294967295))),
}

"""Made from gss.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final, Self, TYPE_CHECKING, TypeAlias

from xdr.runtime import (
    BOOLEANS as _BOOLEANS,
    Buffer as _Buffer,
    Codec as _Codec,
    Cursor as _Cursor,
    Out as _Out,
    Struct as _Struct,
    UNSIGNED as _UNSIGNED,
    Value as _Value,
    ZEROS as _ZEROS,
    arm as _arm,
    array as _array,
    bad_discriminant as _bad_discriminant,
    bad_padding as _bad_padding,
    codec as _codec,
    members as _members,
    new as _new,
    not_a_case as _not_a_case,
    octets as _octets,
    opaque as _opaque,
    optional as _optional,
    overrun as _overrun,
    pack_many as _pack_many,
    struct as _struct,
    union as _union,
    unpack_from as _unpack_from,
)

_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI3 = _Struct(">III")
_SI4 = _Struct(">IIII")
_Si = _Struct(">i")
_SiI = _Struct(">iI")

RPCSEC_GSS_VERS_1: Final[int] = 1
RPCSEC_GSS_VERS_2: Final[int] = 2
RPCSEC_GSS_VERS_3: Final[int] = 3
MAXSEQ: Final[int] = 2147483648


class rpc_gss_proc_t(IntEnum):
    """enum rpc_gss_proc_t (gss.x:15)."""

    RPCSEC_GSS_DATA = 0
    RPCSEC_GSS_INIT = 1
    RPCSEC_GSS_CONTINUE_INIT = 2
    RPCSEC_GSS_DESTROY = 3
    RPCSEC_GSS_BIND_CHANNEL = 4
    RPCSEC_GSS_CREATE = 5
    RPCSEC_GSS_LIST = 6


RPCSEC_GSS_DATA: Final = rpc_gss_proc_t.RPCSEC_GSS_DATA
RPCSEC_GSS_INIT: Final = rpc_gss_proc_t.RPCSEC_GSS_INIT
RPCSEC_GSS_CONTINUE_INIT: Final = rpc_gss_proc_t.RPCSEC_GSS_CONTINUE_INIT
RPCSEC_GSS_DESTROY: Final = rpc_gss_proc_t.RPCSEC_GSS_DESTROY
RPCSEC_GSS_BIND_CHANNEL: Final = rpc_gss_proc_t.RPCSEC_GSS_BIND_CHANNEL
RPCSEC_GSS_CREATE: Final = rpc_gss_proc_t.RPCSEC_GSS_CREATE
RPCSEC_GSS_LIST: Final = rpc_gss_proc_t.RPCSEC_GSS_LIST
_rpc_gss_proc_t_members: Final = _members(rpc_gss_proc_t)
_rpc_gss_proc_t_numbers: Final = {member: int(member) for member in rpc_gss_proc_t}


class rpc_gss_service_t(IntEnum):
    """enum rpc_gss_service_t (gss.x:25)."""

    rpc_gss_svc_none = 1
    rpc_gss_svc_integrity = 2
    rpc_gss_svc_privacy = 3
    rpc_gss_svc_channel_prot = 4


rpc_gss_svc_none: Final = rpc_gss_service_t.rpc_gss_svc_none
rpc_gss_svc_integrity: Final = rpc_gss_service_t.rpc_gss_svc_integrity
rpc_gss_svc_privacy: Final = rpc_gss_service_t.rpc_gss_svc_privacy
rpc_gss_svc_channel_prot: Final = rpc_gss_service_t.rpc_gss_svc_channel_prot
_rpc_gss_service_t_members: Final = _members(rpc_gss_service_t)
_rpc_gss_service_t_numbers: Final = {member: int(member) for member in rpc_gss_service_t}


@dataclass(slots=True)
class rpc_gss_cred_vers_1_t(_Value):
    """struct rpc_gss_cred_vers_1_t (gss.x:33)."""

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
    """union rpc_gss_cred_t switch (int vers) (gss.x:41)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def vers(self) -> int: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rpc_gss_cred_t:
        (vers,) = _SI.unpack_from(cursor.data, cursor.position)
        if vers in (1, 2, 3):
            arm = _new(rpc_gss_cred_t_RPCSEC_GSS_VERS_1)
            arm.vers = vers
            cursor.position += 4
            arm.ver_1 = rpc_gss_cred_vers_1_t._take(cursor)
            return arm
        raise _bad_discriminant("rpc_gss_cred_t", vers, cursor.position)


@dataclass(slots=True)
class rpc_gss_cred_t_RPCSEC_GSS_VERS_1(rpc_gss_cred_t):
    """case 1, case 2, case 3 of union rpc_gss_cred_t (gss.x:42)."""

    vers: int
    ver_1: rpc_gss_cred_vers_1_t

    def _put(self, out: _Out) -> None:
        if self.vers not in {1, 2, 3}:
            raise _not_a_case(self.vers, "rpc_gss_cred_t_RPCSEC_GSS_VERS_1")
        out.append(_SI.pack(self.vers))
        rpc_gss_cred_vers_1_t._put(self.ver_1, out)


@dataclass(slots=True)
class rpc_gss_init_arg(_Value):
    """struct rpc_gss_init_arg (gss.x:49)."""

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
    """struct rpc_gss_init_res (gss.x:53)."""

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
    """struct rpc_gss_data_header (gss.x:65)."""

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
    """struct rpc_gss_integ_data (gss.x:69)."""

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
    """struct rpc_gss_priv_data (gss.x:74)."""

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


rgss2_chan_pref: TypeAlias = "bytes"
rgss2_oid: TypeAlias = "bytes"


@dataclass(slots=True)
class rgss2_bind_chan_MIC_in_args(_Value):
    """struct rgss2_bind_chan_MIC_in_args (gss.x:85)."""

    rbcmia_bind_chan_hash: bytes

    def _put(self, out: _Out) -> None:
        rbcmia_bind_chan_hash: _Buffer = self.rbcmia_bind_chan_hash
        if type(rbcmia_bind_chan_hash) is not bytes:
            rbcmia_bind_chan_hash = _octets(rbcmia_bind_chan_hash, 4294967295)
        length = len(rbcmia_bind_chan_hash)
        out.append(_SI.pack(length))
        out.append(rbcmia_bind_chan_hash)
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
        value.rbcmia_bind_chan_hash = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rgss2_bind_chan_verf_args(_Value):
    """struct rgss2_bind_chan_verf_args (gss.x:89)."""

    rbcva_chan_bind_prefix: rgss2_chan_pref
    rbcva_chan_bind_oid_hash: rgss2_oid
    rbcva_chan_mic: bytes

    def _put(self, out: _Out) -> None:
        rbcva_chan_bind_prefix: _Buffer = self.rbcva_chan_bind_prefix
        if type(rbcva_chan_bind_prefix) is not bytes:
            rbcva_chan_bind_prefix = _octets(rbcva_chan_bind_prefix, 4294967295)
        length = len(rbcva_chan_bind_prefix)
        out.append(_SI.pack(length))
        out.append(rbcva_chan_bind_prefix)
        if length & 3:
            out.append(_ZEROS[length & 3])
        rbcva_chan_bind_oid_hash: _Buffer = self.rbcva_chan_bind_oid_hash
        if type(rbcva_chan_bind_oid_hash) is not bytes:
            rbcva_chan_bind_oid_hash = _octets(rbcva_chan_bind_oid_hash, 4294967295)
        length = len(rbcva_chan_bind_oid_hash)
        out.append(_SI.pack(length))
        out.append(rbcva_chan_bind_oid_hash)
        if length & 3:
            out.append(_ZEROS[length & 3])
        rbcva_chan_mic: _Buffer = self.rbcva_chan_mic
        if type(rbcva_chan_mic) is not bytes:
            rbcva_chan_mic = _octets(rbcva_chan_mic, 4294967295)
        length = len(rbcva_chan_mic)
        out.append(_SI.pack(length))
        out.append(rbcva_chan_mic)
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
        value.rbcva_chan_bind_prefix = wire[position:end]
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
        value.rbcva_chan_bind_oid_hash = wire[position:end]
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
        value.rbcva_chan_mic = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


class rgss2_bind_chan_status(IntEnum):
    """enum rgss2_bind_chan_status (gss.x:95)."""

    RGSS2_BIND_CHAN_OK = 0
    RGSS2_BIND_CHAN_PREF_NOTSUPP = 1
    RGSS2_BIND_CHAN_HASH_NOTSUPP = 2


RGSS2_BIND_CHAN_OK: Final = rgss2_bind_chan_status.RGSS2_BIND_CHAN_OK
RGSS2_BIND_CHAN_PREF_NOTSUPP: Final = rgss2_bind_chan_status.RGSS2_BIND_CHAN_PREF_NOTSUPP
RGSS2_BIND_CHAN_HASH_NOTSUPP: Final = rgss2_bind_chan_status.RGSS2_BIND_CHAN_HASH_NOTSUPP
_rgss2_bind_chan_status_members: Final = _members(rgss2_bind_chan_status)
_rgss2_bind_chan_status_numbers: Final = {member: int(member) for member in rgss2_bind_chan_status}


class rgss2_bind_chan_res(_Value):
    """union rgss2_bind_chan_res switch (rgss2_bind_chan_status rbcr_stat) (gss.x:101)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def rbcr_stat(self) -> rgss2_bind_chan_status: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rgss2_bind_chan_res:
        (rbcr_stat,) = _Si.unpack_from(cursor.data, cursor.position)
        if rbcr_stat == 0:
            arm = _new(rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK)
            cursor.position += 4
            return arm
        if rbcr_stat == 1:
            arm_2 = _new(rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP)
            data = cursor.data
            wire = cursor.wire
            size = len(data)
            position = cursor.position + 4
            (count,) = _SI.unpack_from(data, position)
            position += 4
            if count * 4 > size - position:
                raise _overrun(data, position - 4, count, 4294967295)
            items: list[rgss2_chan_pref] = []
            for _ in range(count):
                (length,) = _SI.unpack_from(data, position)
                position += 4
                end = position + length
                if end > size:
                    raise _overrun(data, position - 4, length, 4294967295)
                item = wire[position:end]
                position = end
                if length & 3:
                    position += 4 - (length & 3)
                    if wire[end:position] != _ZEROS[length & 3]:
                        raise _bad_padding(end)
                items.append(item)
            arm_2.rbcr_pref_list = items
            cursor.position = position
            return arm_2
        if rbcr_stat == 2:
            arm_3 = _new(rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP)
            data = cursor.data
            wire = cursor.wire
            size = len(data)
            position = cursor.position + 4
            (count,) = _SI.unpack_from(data, position)
            position += 4
            if count * 4 > size - position:
                raise _overrun(data, position - 4, count, 4294967295)
            items_2: list[rgss2_oid] = []
            for _ in range(count):
                (length,) = _SI.unpack_from(data, position)
                position += 4
                end = position + length
                if end > size:
                    raise _overrun(data, position - 4, length, 4294967295)
                item_2 = wire[position:end]
                position = end
                if length & 3:
                    position += 4 - (length & 3)
                    if wire[end:position] != _ZEROS[length & 3]:
                        raise _bad_padding(end)
                items_2.append(item_2)
            arm_3.rbcr_oid_list = items_2
            cursor.position = position
            return arm_3
        raise _bad_discriminant("rgss2_bind_chan_res", rbcr_stat, cursor.position)


@dataclass(slots=True)
class rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK(rgss2_bind_chan_res):
    """case 0 of union rgss2_bind_chan_res (gss.x:102)."""

    rbcr_stat: ClassVar[rgss2_bind_chan_status] = rgss2_bind_chan_status.RGSS2_BIND_CHAN_OK

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))


@dataclass(slots=True)
class rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP(rgss2_bind_chan_res):
    """case 1 of union rgss2_bind_chan_res (gss.x:104)."""

    rbcr_stat: ClassVar[rgss2_bind_chan_status] = rgss2_bind_chan_status.RGSS2_BIND_CHAN_PREF_NOTSUPP
    rbcr_pref_list: list[rgss2_chan_pref]

    def _put(self, out: _Out) -> None:
        rbcr_pref_list = self.rbcr_pref_list
        out.append(_SiI.pack(1, len(rbcr_pref_list)))
        for item in rbcr_pref_list:
            item_2: _Buffer = item
            if type(item_2) is not bytes:
                item_2 = _octets(item_2, 4294967295)
            length = len(item_2)
            out.append(_SI.pack(length))
            out.append(item_2)
            if length & 3:
                out.append(_ZEROS[length & 3])


@dataclass(slots=True)
class rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP(rgss2_bind_chan_res):
    """case 2 of union rgss2_bind_chan_res (gss.x:106)."""

    rbcr_stat: ClassVar[rgss2_bind_chan_status] = rgss2_bind_chan_status.RGSS2_BIND_CHAN_HASH_NOTSUPP
    rbcr_oid_list: list[rgss2_oid]

    def _put(self, out: _Out) -> None:
        rbcr_oid_list = self.rbcr_oid_list
        out.append(_SiI.pack(2, len(rbcr_oid_list)))
        for item in rbcr_oid_list:
            item_2: _Buffer = item
            if type(item_2) is not bytes:
                item_2 = _octets(item_2, 4294967295)
            length = len(item_2)
            out.append(_SI.pack(length))
            out.append(item_2)
            if length & 3:
                out.append(_ZEROS[length & 3])


@dataclass(slots=True)
class rgss2_bind_chan_MIC_in_res(_Value):
    """struct rgss2_bind_chan_MIC_in_res (gss.x:110)."""

    rbcmr_seq_num: int
    rbcmr_bind_chan_hash: bytes
    rbcmr_res: rgss2_bind_chan_res

    def _put(self, out: _Out) -> None:
        rbcmr_bind_chan_hash: _Buffer = self.rbcmr_bind_chan_hash
        if type(rbcmr_bind_chan_hash) is not bytes:
            rbcmr_bind_chan_hash = _octets(rbcmr_bind_chan_hash, 4294967295)
        length = len(rbcmr_bind_chan_hash)
        out.append(_SI2.pack(self.rbcmr_seq_num, length))
        out.append(rbcmr_bind_chan_hash)
        if length & 3:
            out.append(_ZEROS[length & 3])
        if not isinstance(self.rbcmr_res, rgss2_bind_chan_res):
            raise TypeError
        self.rbcmr_res._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.rbcmr_seq_num, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.rbcmr_bind_chan_hash = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        value.rbcmr_res = rgss2_bind_chan_res._take(cursor)
        return value


@dataclass(slots=True)
class rgss2_bind_chan_verf_res(_Value):
    """struct rgss2_bind_chan_verf_res (gss.x:116)."""

    rbcvr_res: rgss2_bind_chan_res
    rbcvr_mic: bytes

    def _put(self, out: _Out) -> None:
        if not isinstance(self.rbcvr_res, rgss2_bind_chan_res):
            raise TypeError
        self.rbcvr_res._put(out)
        rbcvr_mic: _Buffer = self.rbcvr_mic
        if type(rbcvr_mic) is not bytes:
            rbcvr_mic = _octets(rbcvr_mic, 4294967295)
        length = len(rbcvr_mic)
        out.append(_SI.pack(length))
        out.append(rbcvr_mic)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.rbcvr_res = rgss2_bind_chan_res._take(cursor)
        position = cursor.position
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.rbcvr_mic = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


class rgss3_assertion_type(IntEnum):
    """enum rgss3_assertion_type (gss.x:126)."""

    LABEL = 0
    PRIVS = 1


LABEL: Final = rgss3_assertion_type.LABEL
PRIVS: Final = rgss3_assertion_type.PRIVS
_rgss3_assertion_type_members: Final = _members(rgss3_assertion_type)
_rgss3_assertion_type_numbers: Final = {member: int(member) for member in rgss3_assertion_type}
utf8str_cs: TypeAlias = "bytes"
rgss3_chan_binding: TypeAlias = "bytes"


@dataclass(slots=True)
class rgss3_gss_mp_auth(_Value):
    """struct rgss3_gss_mp_auth (gss.x:134)."""

    rgmp_handle: bytes
    rgmp_rpcheader_mic: bytes

    def _put(self, out: _Out) -> None:
        rgmp_handle: _Buffer = self.rgmp_handle
        if type(rgmp_handle) is not bytes:
            rgmp_handle = _octets(rgmp_handle, 4294967295)
        length = len(rgmp_handle)
        out.append(_SI.pack(length))
        out.append(rgmp_handle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        rgmp_rpcheader_mic: _Buffer = self.rgmp_rpcheader_mic
        if type(rgmp_rpcheader_mic) is not bytes:
            rgmp_rpcheader_mic = _octets(rgmp_rpcheader_mic, 4294967295)
        length = len(rgmp_rpcheader_mic)
        out.append(_SI.pack(length))
        out.append(rgmp_rpcheader_mic)
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
        value.rgmp_handle = wire[position:end]
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
        value.rgmp_rpcheader_mic = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rgss3_lfs(_Value):
    """struct rgss3_lfs (gss.x:139)."""

    rlf_lfs_id: int
    rlf_pi_id: int

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(self.rlf_lfs_id, self.rlf_pi_id))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.rlf_lfs_id, value.rlf_pi_id) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class rgss3_label(_Value):
    """struct rgss3_label (gss.x:144)."""

    rl_lfs: rgss3_lfs
    rl_label: bytes

    def _put(self, out: _Out) -> None:
        rl_lfs = self.rl_lfs
        rl_label: _Buffer = self.rl_label
        if type(rl_label) is not bytes:
            rl_label = _octets(rl_label, 4294967295)
        length = len(rl_label)
        out.append(_SI3.pack(rl_lfs.rlf_lfs_id, rl_lfs.rlf_pi_id, length))
        out.append(rl_label)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.rl_lfs = rl_lfs = _new(rgss3_lfs)
        (rl_lfs.rlf_lfs_id, rl_lfs.rlf_pi_id, length) = _SI3.unpack_from(data, position)
        position += 12
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.rl_label = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rgss3_privs(_Value):
    """struct rgss3_privs (gss.x:149)."""

    rp_name: list[utf8str_cs]
    rp_privilege: bytes

    def _put(self, out: _Out) -> None:
        rp_name = self.rp_name
        out.append(_SI.pack(len(rp_name)))
        for item in rp_name:
            item_2: _Buffer = item
            if type(item_2) is not bytes:
                item_2 = _octets(item_2, 4294967295)
            length = len(item_2)
            out.append(_SI.pack(length))
            out.append(item_2)
            if length & 3:
                out.append(_ZEROS[length & 3])
        rp_privilege: _Buffer = self.rp_privilege
        if type(rp_privilege) is not bytes:
            rp_privilege = _octets(rp_privilege, 4294967295)
        length = len(rp_privilege)
        out.append(_SI.pack(length))
        out.append(rp_privilege)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (count,) = _SI.unpack_from(data, position)
        position += 4
        if count * 4 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        items: list[utf8str_cs] = []
        for _ in range(count):
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if end > size:
                raise _overrun(data, position - 4, length, 4294967295)
            item = wire[position:end]
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            items.append(item)
        value.rp_name = items
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.rp_privilege = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


class rgss3_assertion_u(_Value):
    """union rgss3_assertion_u switch (int atype) (gss.x:154)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def atype(self) -> int: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rgss3_assertion_u:
        (atype,) = _SI.unpack_from(cursor.data, cursor.position)
        if atype == 0:
            arm = _new(rgss3_assertion_u_LABEL)
            cursor.position += 4
            arm.rau_label = rgss3_label._take(cursor)
            return arm
        if atype == 1:
            arm_2 = _new(rgss3_assertion_u_PRIVS)
            cursor.position += 4
            arm_2.rau_privs = rgss3_privs._take(cursor)
            return arm_2
        arm_3 = _new(rgss3_assertion_u_default)
        arm_3.atype = atype
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position + 4
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        arm_3.rau_ext = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return arm_3


@dataclass(slots=True)
class rgss3_assertion_u_LABEL(rgss3_assertion_u):
    """case 0 of union rgss3_assertion_u (gss.x:155)."""

    atype: ClassVar[int] = 0
    rau_label: rgss3_label

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))
        rgss3_label._put(self.rau_label, out)


@dataclass(slots=True)
class rgss3_assertion_u_PRIVS(rgss3_assertion_u):
    """case 1 of union rgss3_assertion_u (gss.x:157)."""

    atype: ClassVar[int] = 1
    rau_privs: rgss3_privs

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(1))
        rgss3_privs._put(self.rau_privs, out)


@dataclass(slots=True)
class rgss3_assertion_u_default(rgss3_assertion_u):
    """default of union rgss3_assertion_u (gss.x:159)."""

    atype: int
    rau_ext: bytes

    def _put(self, out: _Out) -> None:
        if self.atype in {0, 1}:
            raise _not_a_case(self.atype, "rgss3_assertion_u_default")
        rau_ext: _Buffer = self.rau_ext
        if type(rau_ext) is not bytes:
            rau_ext = _octets(rau_ext, 4294967295)
        length = len(rau_ext)
        out.append(_SI2.pack(self.atype, length))
        out.append(rau_ext)
        if length & 3:
            out.append(_ZEROS[length & 3])


@dataclass(slots=True)
class rgss3_create_args(_Value):
    """struct rgss3_create_args (gss.x:163)."""

    rca_mp_auth: rgss3_gss_mp_auth | None
    rca_chan_bind_mic: rgss3_chan_binding | None
    rca_assertions: list[rgss3_assertion_u]

    def _put(self, out: _Out) -> None:
        rca_mp_auth = self.rca_mp_auth
        if rca_mp_auth is None:
            out.append(b"\0\0\0\0")
        else:
            out.append(_SI.pack(1))
            rgss3_gss_mp_auth._put(rca_mp_auth, out)
        rca_chan_bind_mic = self.rca_chan_bind_mic
        if rca_chan_bind_mic is None:
            out.append(b"\0\0\0\0")
        else:
            rca_chan_bind_mic_2: _Buffer = rca_chan_bind_mic
            if type(rca_chan_bind_mic_2) is not bytes:
                rca_chan_bind_mic_2 = _octets(rca_chan_bind_mic_2, 4294967295)
            length = len(rca_chan_bind_mic_2)
            out.append(_SI2.pack(1, length))
            out.append(rca_chan_bind_mic_2)
            if length & 3:
                out.append(_ZEROS[length & 3])
        rca_assertions = self.rca_assertions
        out.append(_SI.pack(len(rca_assertions)))
        for item in rca_assertions:
            if not isinstance(item, rgss3_assertion_u):
                raise TypeError
            item._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (present,) = _SI.unpack_from(data, position)
        position += 4
        value.rca_mp_auth = None
        if _BOOLEANS[present]:
            cursor.position = position
            value.rca_mp_auth = rgss3_gss_mp_auth._take(cursor)
            position = cursor.position
        (present_2,) = _SI.unpack_from(data, position)
        position += 4
        value.rca_chan_bind_mic = None
        if _BOOLEANS[present_2]:
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if end > size:
                raise _overrun(data, position - 4, length, 4294967295)
            value.rca_chan_bind_mic = wire[position:end]
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
        (count,) = _SI.unpack_from(data, position)
        position += 4
        if count * 8 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        cursor.position = position
        value.rca_assertions = [rgss3_assertion_u._take(cursor) for _ in range(count)]
        return value


@dataclass(slots=True)
class rgss3_create_res(_Value):
    """struct rgss3_create_res (gss.x:169)."""

    rcr_handle: bytes
    rcr_mp_auth: rgss3_gss_mp_auth | None
    rcr_chan_bind_mic: rgss3_chan_binding | None
    rcr_assertions: list[rgss3_assertion_u]

    def _put(self, out: _Out) -> None:
        rcr_handle: _Buffer = self.rcr_handle
        if type(rcr_handle) is not bytes:
            rcr_handle = _octets(rcr_handle, 4294967295)
        length = len(rcr_handle)
        out.append(_SI.pack(length))
        out.append(rcr_handle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        rcr_mp_auth = self.rcr_mp_auth
        if rcr_mp_auth is None:
            out.append(b"\0\0\0\0")
        else:
            out.append(_SI.pack(1))
            rgss3_gss_mp_auth._put(rcr_mp_auth, out)
        rcr_chan_bind_mic = self.rcr_chan_bind_mic
        if rcr_chan_bind_mic is None:
            out.append(b"\0\0\0\0")
        else:
            rcr_chan_bind_mic_2: _Buffer = rcr_chan_bind_mic
            if type(rcr_chan_bind_mic_2) is not bytes:
                rcr_chan_bind_mic_2 = _octets(rcr_chan_bind_mic_2, 4294967295)
            length = len(rcr_chan_bind_mic_2)
            out.append(_SI2.pack(1, length))
            out.append(rcr_chan_bind_mic_2)
            if length & 3:
                out.append(_ZEROS[length & 3])
        rcr_assertions = self.rcr_assertions
        out.append(_SI.pack(len(rcr_assertions)))
        for item in rcr_assertions:
            if not isinstance(item, rgss3_assertion_u):
                raise TypeError
            item._put(out)

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
        value.rcr_handle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (present,) = _SI.unpack_from(data, position)
        position += 4
        value.rcr_mp_auth = None
        if _BOOLEANS[present]:
            cursor.position = position
            value.rcr_mp_auth = rgss3_gss_mp_auth._take(cursor)
            position = cursor.position
        (present_2,) = _SI.unpack_from(data, position)
        position += 4
        value.rcr_chan_bind_mic = None
        if _BOOLEANS[present_2]:
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if end > size:
                raise _overrun(data, position - 4, length, 4294967295)
            value.rcr_chan_bind_mic = wire[position:end]
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
        (count,) = _SI.unpack_from(data, position)
        position += 4
        if count * 8 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        cursor.position = position
        value.rcr_assertions = [rgss3_assertion_u._take(cursor) for _ in range(count)]
        return value


@dataclass(slots=True)
class rgss3_list_args(_Value):
    """struct rgss3_list_args (gss.x:176)."""

    rla_list_what: list[int]

    def _put(self, out: _Out) -> None:
        rla_list_what = self.rla_list_what
        out.append(_SI.pack(len(rla_list_what)))
        out.append(_pack_many(f">{len(rla_list_what)}I", *rla_list_what))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        size = len(data)
        position = cursor.position
        (count,) = _SI.unpack_from(data, position)
        position += 4
        if count * 4 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        value.rla_list_what = list(_unpack_from(f">{count}I", data, position))
        cursor.position = position + count * 4
        return value


class rgss3_list_item_u(_Value):
    """union rgss3_list_item_u switch (int itype) (gss.x:180)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def itype(self) -> int: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rgss3_list_item_u:
        (itype,) = _SI.unpack_from(cursor.data, cursor.position)
        if itype == 0:
            arm = _new(rgss3_list_item_u_LABEL)
            data = cursor.data
            size = len(data)
            position = cursor.position + 4
            (count,) = _SI.unpack_from(data, position)
            position += 4
            if count * 12 > size - position:
                raise _overrun(data, position - 4, count, 4294967295)
            cursor.position = position
            arm.rli_labels = [rgss3_label._take(cursor) for _ in range(count)]
            return arm
        if itype == 1:
            arm_2 = _new(rgss3_list_item_u_PRIVS)
            data = cursor.data
            size = len(data)
            position = cursor.position + 4
            (count,) = _SI.unpack_from(data, position)
            position += 4
            if count * 8 > size - position:
                raise _overrun(data, position - 4, count, 4294967295)
            cursor.position = position
            arm_2.rli_privs = [rgss3_privs._take(cursor) for _ in range(count)]
            return arm_2
        arm_3 = _new(rgss3_list_item_u_default)
        arm_3.itype = itype
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position + 4
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        arm_3.rli_ext = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return arm_3


@dataclass(slots=True)
class rgss3_list_item_u_LABEL(rgss3_list_item_u):
    """case 0 of union rgss3_list_item_u (gss.x:181)."""

    itype: ClassVar[int] = 0
    rli_labels: list[rgss3_label]

    def _put(self, out: _Out) -> None:
        rli_labels = self.rli_labels
        out.append(_SI2.pack(0, len(rli_labels)))
        for item in rli_labels:
            rgss3_label._put(item, out)


@dataclass(slots=True)
class rgss3_list_item_u_PRIVS(rgss3_list_item_u):
    """case 1 of union rgss3_list_item_u (gss.x:183)."""

    itype: ClassVar[int] = 1
    rli_privs: list[rgss3_privs]

    def _put(self, out: _Out) -> None:
        rli_privs = self.rli_privs
        out.append(_SI2.pack(1, len(rli_privs)))
        for item in rli_privs:
            rgss3_privs._put(item, out)


@dataclass(slots=True)
class rgss3_list_item_u_default(rgss3_list_item_u):
    """default of union rgss3_list_item_u (gss.x:185)."""

    itype: int
    rli_ext: bytes

    def _put(self, out: _Out) -> None:
        if self.itype in {0, 1}:
            raise _not_a_case(self.itype, "rgss3_list_item_u_default")
        rli_ext: _Buffer = self.rli_ext
        if type(rli_ext) is not bytes:
            rli_ext = _octets(rli_ext, 4294967295)
        length = len(rli_ext)
        out.append(_SI2.pack(self.itype, length))
        out.append(rli_ext)
        if length & 3:
            out.append(_ZEROS[length & 3])


rgss3_list_res: TypeAlias = "list[rgss3_list_item_u]"
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
        _arm(rpc_gss_cred_t_RPCSEC_GSS_VERS_1, (1, 2, 3), ("ver_1", rpc_gss_cred_vers_1_t)),
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
    "rgss2_bind_chan_MIC_in_args": _struct(rgss2_bind_chan_MIC_in_args, ("rbcmia_bind_chan_hash", _opaque(4294967295))),
    "rgss2_bind_chan_verf_args": _struct(
        rgss2_bind_chan_verf_args,
        ("rbcva_chan_bind_prefix", _opaque(4294967295)),
        ("rbcva_chan_bind_oid_hash", _opaque(4294967295)),
        ("rbcva_chan_mic", _opaque(4294967295)),
    ),
    "rgss2_bind_chan_status": _codec(rgss2_bind_chan_status),
    "rgss2_bind_chan_res": _union(
        rgss2_bind_chan_res,
        "rbcr_stat",
        rgss2_bind_chan_status,
        _arm(rgss2_bind_chan_res_RGSS2_BIND_CHAN_OK, (0,)),
        _arm(
            rgss2_bind_chan_res_RGSS2_BIND_CHAN_PREF_NOTSUPP,
            (1,),
            ("rbcr_pref_list", _array(_opaque(4294967295), 4294967295)),
        ),
        _arm(
            rgss2_bind_chan_res_RGSS2_BIND_CHAN_HASH_NOTSUPP,
            (2,),
            ("rbcr_oid_list", _array(_opaque(4294967295), 4294967295)),
        ),
    ),
    "rgss2_bind_chan_MIC_in_res": _struct(
        rgss2_bind_chan_MIC_in_res,
        ("rbcmr_seq_num", _UNSIGNED),
        ("rbcmr_bind_chan_hash", _opaque(4294967295)),
        ("rbcmr_res", rgss2_bind_chan_res),
    ),
    "rgss2_bind_chan_verf_res": _struct(
        rgss2_bind_chan_verf_res, ("rbcvr_res", rgss2_bind_chan_res), ("rbcvr_mic", _opaque(4294967295))
    ),
    "rgss3_assertion_type": _codec(rgss3_assertion_type),
    "rgss3_gss_mp_auth": _struct(
        rgss3_gss_mp_auth, ("rgmp_handle", _opaque(4294967295)), ("rgmp_rpcheader_mic", _opaque(4294967295))
    ),
    "rgss3_lfs": _struct(rgss3_lfs, ("rlf_lfs_id", _UNSIGNED), ("rlf_pi_id", _UNSIGNED)),
    "rgss3_label": _struct(rgss3_label, ("rl_lfs", rgss3_lfs), ("rl_label", _opaque(4294967295))),
    "rgss3_privs": _struct(
        rgss3_privs, ("rp_name", _array(_opaque(4294967295), 4294967295)), ("rp_privilege", _opaque(4294967295))
    ),
    "rgss3_assertion_u": _union(
        rgss3_assertion_u,
        "atype",
        _UNSIGNED,
        _arm(rgss3_assertion_u_LABEL, (0,), ("rau_label", rgss3_label)),
        _arm(rgss3_assertion_u_PRIVS, (1,), ("rau_privs", rgss3_privs)),
        _arm(rgss3_assertion_u_default, None, ("rau_ext", _opaque(4294967295))),
    ),
    "rgss3_create_args": _struct(
        rgss3_create_args,
        ("rca_mp_auth", _optional(rgss3_gss_mp_auth)),
        ("rca_chan_bind_mic", _optional(_opaque(4294967295))),
        ("rca_assertions", _array(rgss3_assertion_u, 4294967295)),
    ),
    "rgss3_create_res": _struct(
        rgss3_create_res,
        ("rcr_handle", _opaque(4294967295)),
        ("rcr_mp_auth", _optional(rgss3_gss_mp_auth)),
        ("rcr_chan_bind_mic", _optional(_opaque(4294967295))),
        ("rcr_assertions", _array(rgss3_assertion_u, 4294967295)),
    ),
    "rgss3_list_args": _struct(rgss3_list_args, ("rla_list_what", _array(_UNSIGNED, 4294967295))),
    "rgss3_list_item_u": _union(
        rgss3_list_item_u,
        "itype",
        _UNSIGNED,
        _arm(rgss3_list_item_u_LABEL, (0,), ("rli_labels", _array(rgss3_label, 4294967295))),
        _arm(rgss3_list_item_u_PRIVS, (1,), ("rli_privs", _array(rgss3_privs, 4294967295))),
        _arm(rgss3_list_item_u_default, None, ("rli_ext", _opaque(4294967295))),
    ),
    "rgss2_chan_pref": _opaque(4294967295, name="rgss2_chan_pref"),
    "rgss2_oid": _opaque(4294967295, name="rgss2_oid"),
    "utf8str_cs": _opaque(4294967295, name="utf8str_cs"),
    "rgss3_chan_binding": _opaque(4294967295, name="rgss3_chan_binding"),
    "rgss3_list_res": _array(rgss3_list_item_u, 4294967295, name="rgss3_list_res"),
}

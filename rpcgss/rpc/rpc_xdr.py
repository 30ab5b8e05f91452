"""Made from rpc.x by ``python -m xdr compile``; change that file, not this one."""

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
    array as _array,
    bad_discriminant as _bad_discriminant,
    bad_padding as _bad_padding,
    codec as _codec,
    members as _members,
    new as _new,
    not_a_case as _not_a_case,
    octets as _octets,
    opaque as _opaque,
    overrun as _overrun,
    pack_many as _pack_many,
    string as _string,
    struct as _struct,
    too_many as _too_many,
    union as _union,
    unpack_from as _unpack_from,
)

_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI3 = _Struct(">III")
_SI4 = _Struct(">IIII")
_Si = _Struct(">i")
_SiI = _Struct(">iI")
_SiI2 = _Struct(">iII")

RPC_VERSION: Final[int] = 2
MAX_AUTH_BYTES: Final[int] = 400
MAX_MACHINE_NAME: Final[int] = 255
MAX_GIDS: Final[int] = 16


class auth_flavor(IntEnum):
    """enum auth_flavor (rpc.x:21)."""

    AUTH_NONE = 0
    AUTH_SYS = 1
    AUTH_SHORT = 2
    AUTH_DH = 3
    RPCSEC_GSS = 6
    AUTH_TLS = 7


AUTH_NONE: Final = auth_flavor.AUTH_NONE
AUTH_SYS: Final = auth_flavor.AUTH_SYS
AUTH_SHORT: Final = auth_flavor.AUTH_SHORT
AUTH_DH: Final = auth_flavor.AUTH_DH
RPCSEC_GSS: Final = auth_flavor.RPCSEC_GSS
AUTH_TLS: Final = auth_flavor.AUTH_TLS
_auth_flavor_members: Final = _members(auth_flavor)
_auth_flavor_numbers: Final = {member: int(member) for member in auth_flavor}


@dataclass(slots=True)
class opaque_auth(_Value):
    """struct opaque_auth (rpc.x:30)."""

    flavor: int
    body: bytes

    def _put(self, out: _Out) -> None:
        body: _Buffer = self.body
        if type(body) is not bytes:
            body = _octets(body, 400)
        length = len(body)
        if length > 400:
            raise _too_many(length, 400)
        out.append(_SI2.pack(self.flavor, length))
        out.append(body)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.flavor, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 400 or end > size:
            raise _overrun(data, position - 4, length, 400)
        value.body = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


class msg_type(IntEnum):
    """enum msg_type (rpc.x:35)."""

    CALL = 0
    REPLY = 1


CALL: Final = msg_type.CALL
REPLY: Final = msg_type.REPLY
_msg_type_members: Final = _members(msg_type)
_msg_type_numbers: Final = {member: int(member) for member in msg_type}


class reply_stat(IntEnum):
    """enum reply_stat (rpc.x:40)."""

    MSG_ACCEPTED = 0
    MSG_DENIED = 1


MSG_ACCEPTED: Final = reply_stat.MSG_ACCEPTED
MSG_DENIED: Final = reply_stat.MSG_DENIED
_reply_stat_members: Final = _members(reply_stat)
_reply_stat_numbers: Final = {member: int(member) for member in reply_stat}


class accept_stat(IntEnum):
    """enum accept_stat (rpc.x:45)."""

    SUCCESS = 0
    PROG_UNAVAIL = 1
    PROG_MISMATCH = 2
    PROC_UNAVAIL = 3
    GARBAGE_ARGS = 4
    SYSTEM_ERR = 5


SUCCESS: Final = accept_stat.SUCCESS
PROG_UNAVAIL: Final = accept_stat.PROG_UNAVAIL
PROG_MISMATCH: Final = accept_stat.PROG_MISMATCH
PROC_UNAVAIL: Final = accept_stat.PROC_UNAVAIL
GARBAGE_ARGS: Final = accept_stat.GARBAGE_ARGS
SYSTEM_ERR: Final = accept_stat.SYSTEM_ERR
_accept_stat_members: Final = _members(accept_stat)
_accept_stat_numbers: Final = {member: int(member) for member in accept_stat}


class reject_stat(IntEnum):
    """enum reject_stat (rpc.x:54)."""

    RPC_MISMATCH = 0
    AUTH_ERROR = 1


RPC_MISMATCH: Final = reject_stat.RPC_MISMATCH
AUTH_ERROR: Final = reject_stat.AUTH_ERROR
_reject_stat_members: Final = _members(reject_stat)
_reject_stat_numbers: Final = {member: int(member) for member in reject_stat}


class auth_stat(IntEnum):
    """enum auth_stat (rpc.x:59)."""

    AUTH_OK = 0
    AUTH_BADCRED = 1
    AUTH_REJECTEDCRED = 2
    AUTH_BADVERF = 3
    AUTH_REJECTEDVERF = 4
    AUTH_TOOWEAK = 5
    AUTH_INVALIDRESP = 6
    AUTH_FAILED = 7
    AUTH_KERB_GENERIC = 8
    AUTH_TIMEEXPIRE = 9
    AUTH_TKT_FILE = 10
    AUTH_DECODE = 11
    AUTH_NET_ADDR = 12
    RPCSEC_GSS_CREDPROBLEM = 13
    RPCSEC_GSS_CTXPROBLEM = 14
    RPCSEC_GSS_INNER_CREDPROBLEM = 15
    RPCSEC_GSS_LABEL_PROBLEM = 16
    RPCSEC_GSS_PRIVILEGE_PROBLEM = 17
    RPCSEC_GSS_UNKNOWN_MESSAGE = 18


AUTH_OK: Final = auth_stat.AUTH_OK
AUTH_BADCRED: Final = auth_stat.AUTH_BADCRED
AUTH_REJECTEDCRED: Final = auth_stat.AUTH_REJECTEDCRED
AUTH_BADVERF: Final = auth_stat.AUTH_BADVERF
AUTH_REJECTEDVERF: Final = auth_stat.AUTH_REJECTEDVERF
AUTH_TOOWEAK: Final = auth_stat.AUTH_TOOWEAK
AUTH_INVALIDRESP: Final = auth_stat.AUTH_INVALIDRESP
AUTH_FAILED: Final = auth_stat.AUTH_FAILED
AUTH_KERB_GENERIC: Final = auth_stat.AUTH_KERB_GENERIC
AUTH_TIMEEXPIRE: Final = auth_stat.AUTH_TIMEEXPIRE
AUTH_TKT_FILE: Final = auth_stat.AUTH_TKT_FILE
AUTH_DECODE: Final = auth_stat.AUTH_DECODE
AUTH_NET_ADDR: Final = auth_stat.AUTH_NET_ADDR
RPCSEC_GSS_CREDPROBLEM: Final = auth_stat.RPCSEC_GSS_CREDPROBLEM
RPCSEC_GSS_CTXPROBLEM: Final = auth_stat.RPCSEC_GSS_CTXPROBLEM
RPCSEC_GSS_INNER_CREDPROBLEM: Final = auth_stat.RPCSEC_GSS_INNER_CREDPROBLEM
RPCSEC_GSS_LABEL_PROBLEM: Final = auth_stat.RPCSEC_GSS_LABEL_PROBLEM
RPCSEC_GSS_PRIVILEGE_PROBLEM: Final = auth_stat.RPCSEC_GSS_PRIVILEGE_PROBLEM
RPCSEC_GSS_UNKNOWN_MESSAGE: Final = auth_stat.RPCSEC_GSS_UNKNOWN_MESSAGE
_auth_stat_members: Final = _members(auth_stat)
_auth_stat_numbers: Final = {member: int(member) for member in auth_stat}


@dataclass(slots=True)
class mismatch_info(_Value):
    """struct mismatch_info (rpc.x:87)."""

    low: int
    high: int

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(self.low, self.high))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.low, value.high) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class call_body(_Value):
    """struct call_body (rpc.x:92)."""

    rpcvers: int
    prog: int
    vers: int
    proc: int
    cred: opaque_auth
    verf: opaque_auth

    def _put(self, out: _Out) -> None:
        out.append(_SI4.pack(self.rpcvers, self.prog, self.vers, self.proc))
        opaque_auth._put(self.cred, out)
        opaque_auth._put(self.verf, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.rpcvers, value.prog, value.vers, value.proc) = _SI4.unpack_from(data, position)
        cursor.position = position + 16
        value.cred = opaque_auth._take(cursor)
        value.verf = opaque_auth._take(cursor)
        return value


class accepted_reply_data(_Value):
    """union accepted_reply_data switch (accept_stat stat) (rpc.x:101)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def stat(self) -> accept_stat: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> accepted_reply_data:
        (stat,) = _Si.unpack_from(cursor.data, cursor.position)
        if stat == 0:
            arm = _new(accepted_reply_data_SUCCESS)
            cursor.position += 4
            return arm
        if stat == 2:
            arm_2 = _new(accepted_reply_data_PROG_MISMATCH)
            data = cursor.data
            position = cursor.position + 4
            arm_2.mismatch = mismatch = _new(mismatch_info)
            (mismatch.low, mismatch.high) = _SI2.unpack_from(data, position)
            cursor.position = position + 8
            return arm_2
        if stat in (1, 3, 4, 5):
            arm_3 = _new(accepted_reply_data_PROG_UNAVAIL)
            arm_3.stat = _accept_stat_members[stat]
            cursor.position += 4
            return arm_3
        raise _bad_discriminant("accepted_reply_data", stat, cursor.position)


@dataclass(slots=True)
class accepted_reply_data_SUCCESS(accepted_reply_data):
    """case 0 of union accepted_reply_data (rpc.x:102)."""

    stat: ClassVar[accept_stat] = accept_stat.SUCCESS

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))


@dataclass(slots=True)
class accepted_reply_data_PROG_MISMATCH(accepted_reply_data):
    """case 2 of union accepted_reply_data (rpc.x:104)."""

    stat: ClassVar[accept_stat] = accept_stat.PROG_MISMATCH
    mismatch: mismatch_info

    def _put(self, out: _Out) -> None:
        mismatch = self.mismatch
        out.append(_SiI2.pack(2, mismatch.low, mismatch.high))


@dataclass(slots=True)
class accepted_reply_data_PROG_UNAVAIL(accepted_reply_data):
    """case 1, case 3, case 4, case 5 of union accepted_reply_data (rpc.x:106)."""

    stat: accept_stat

    def _put(self, out: _Out) -> None:
        if self.stat not in {1, 3, 4, 5}:
            raise _not_a_case(self.stat, "accepted_reply_data_PROG_UNAVAIL")
        out.append(_Si.pack(_accept_stat_numbers[self.stat]))


@dataclass(slots=True)
class accepted_reply(_Value):
    """struct accepted_reply (rpc.x:113)."""

    verf: opaque_auth
    reply_data: accepted_reply_data

    def _put(self, out: _Out) -> None:
        opaque_auth._put(self.verf, out)
        if not isinstance(self.reply_data, accepted_reply_data):
            raise TypeError
        self.reply_data._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.verf = opaque_auth._take(cursor)
        value.reply_data = accepted_reply_data._take(cursor)
        return value


class rejected_reply(_Value):
    """union rejected_reply switch (reject_stat stat) (rpc.x:118)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def stat(self) -> reject_stat: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rejected_reply:
        (stat,) = _Si.unpack_from(cursor.data, cursor.position)
        if stat == 0:
            arm = _new(rejected_reply_RPC_MISMATCH)
            data = cursor.data
            position = cursor.position + 4
            arm.mismatch = mismatch = _new(mismatch_info)
            (mismatch.low, mismatch.high) = _SI2.unpack_from(data, position)
            cursor.position = position + 8
            return arm
        if stat == 1:
            arm_2 = _new(rejected_reply_AUTH_ERROR)
            data = cursor.data
            position = cursor.position + 4
            (arm_2.reason,) = _SI.unpack_from(data, position)
            cursor.position = position + 4
            return arm_2
        raise _bad_discriminant("rejected_reply", stat, cursor.position)


@dataclass(slots=True)
class rejected_reply_RPC_MISMATCH(rejected_reply):
    """case 0 of union rejected_reply (rpc.x:119)."""

    stat: ClassVar[reject_stat] = reject_stat.RPC_MISMATCH
    mismatch: mismatch_info

    def _put(self, out: _Out) -> None:
        mismatch = self.mismatch
        out.append(_SiI2.pack(0, mismatch.low, mismatch.high))


@dataclass(slots=True)
class rejected_reply_AUTH_ERROR(rejected_reply):
    """case 1 of union rejected_reply (rpc.x:121)."""

    stat: ClassVar[reject_stat] = reject_stat.AUTH_ERROR
    reason: int

    def _put(self, out: _Out) -> None:
        out.append(_SiI.pack(1, self.reason))


class reply_body(_Value):
    """union reply_body switch (reply_stat stat) (rpc.x:125)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def stat(self) -> reply_stat: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> reply_body:
        (stat,) = _Si.unpack_from(cursor.data, cursor.position)
        if stat == 0:
            arm = _new(reply_body_MSG_ACCEPTED)
            cursor.position += 4
            arm.areply = accepted_reply._take(cursor)
            return arm
        if stat == 1:
            arm_2 = _new(reply_body_MSG_DENIED)
            cursor.position += 4
            arm_2.rreply = rejected_reply._take(cursor)
            return arm_2
        raise _bad_discriminant("reply_body", stat, cursor.position)


@dataclass(slots=True)
class reply_body_MSG_ACCEPTED(reply_body):
    """case 0 of union reply_body (rpc.x:126)."""

    stat: ClassVar[reply_stat] = reply_stat.MSG_ACCEPTED
    areply: accepted_reply

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        accepted_reply._put(self.areply, out)


@dataclass(slots=True)
class reply_body_MSG_DENIED(reply_body):
    """case 1 of union reply_body (rpc.x:128)."""

    stat: ClassVar[reply_stat] = reply_stat.MSG_DENIED
    rreply: rejected_reply

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(1))
        if not isinstance(self.rreply, rejected_reply):
            raise TypeError
        self.rreply._put(out)


class rpc_msg_body(_Value):
    """union rpc_msg_body switch (msg_type mtype) (rpc.x:132)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def mtype(self) -> msg_type: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> rpc_msg_body:
        (mtype,) = _Si.unpack_from(cursor.data, cursor.position)
        if mtype == 0:
            arm = _new(rpc_msg_body_CALL)
            cursor.position += 4
            arm.cbody = call_body._take(cursor)
            return arm
        if mtype == 1:
            arm_2 = _new(rpc_msg_body_REPLY)
            cursor.position += 4
            arm_2.rbody = reply_body._take(cursor)
            return arm_2
        raise _bad_discriminant("rpc_msg_body", mtype, cursor.position)


@dataclass(slots=True)
class rpc_msg_body_CALL(rpc_msg_body):
    """case 0 of union rpc_msg_body (rpc.x:133)."""

    mtype: ClassVar[msg_type] = msg_type.CALL
    cbody: call_body

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        call_body._put(self.cbody, out)


@dataclass(slots=True)
class rpc_msg_body_REPLY(rpc_msg_body):
    """case 1 of union rpc_msg_body (rpc.x:135)."""

    mtype: ClassVar[msg_type] = msg_type.REPLY
    rbody: reply_body

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(1))
        if not isinstance(self.rbody, reply_body):
            raise TypeError
        self.rbody._put(out)


@dataclass(slots=True)
class rpc_msg(_Value):
    """struct rpc_msg (rpc.x:139)."""

    xid: int
    body: rpc_msg_body

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(self.xid))
        if not isinstance(self.body, rpc_msg_body):
            raise TypeError
        self.body._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.xid,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        value.body = rpc_msg_body._take(cursor)
        return value


@dataclass(slots=True)
class authsys_parms(_Value):
    """struct authsys_parms (rpc.x:145)."""

    stamp: int
    machinename: str
    uid: int
    gid: int
    gids: list[int]

    def _put(self, out: _Out) -> None:
        machinename = self.machinename.encode("utf-8", "surrogateescape")
        length = len(machinename)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI2.pack(self.stamp, length))
        out.append(machinename)
        if length & 3:
            out.append(_ZEROS[length & 3])
        gids = self.gids
        if len(gids) > 16:
            raise _too_many(len(gids), 16)
        out.append(_SI3.pack(self.uid, self.gid, len(gids)))
        out.append(_pack_many(f">{len(gids)}I", *gids))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.stamp, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.machinename = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.uid, value.gid, count) = _SI3.unpack_from(data, position)
        position += 12
        if count > 16 or count * 4 > size - position:
            raise _overrun(data, position - 4, count, 16)
        value.gids = list(_unpack_from(f">{count}I", data, position))
        cursor.position = position + count * 4
        return value


CODECS: Final[dict[str, _Codec[Any]]] = {
    "auth_flavor": _codec(auth_flavor),
    "opaque_auth": _struct(opaque_auth, ("flavor", _UNSIGNED), ("body", _opaque(400))),
    "msg_type": _codec(msg_type),
    "reply_stat": _codec(reply_stat),
    "accept_stat": _codec(accept_stat),
    "reject_stat": _codec(reject_stat),
    "auth_stat": _codec(auth_stat),
    "mismatch_info": _struct(mismatch_info, ("low", _UNSIGNED), ("high", _UNSIGNED)),
    "call_body": _struct(
        call_body,
        ("rpcvers", _UNSIGNED),
        ("prog", _UNSIGNED),
        ("vers", _UNSIGNED),
        ("proc", _UNSIGNED),
        ("cred", opaque_auth),
        ("verf", opaque_auth),
    ),
    "accepted_reply_data": _union(
        accepted_reply_data,
        "stat",
        accept_stat,
        _arm(accepted_reply_data_SUCCESS, (0,)),
        _arm(accepted_reply_data_PROG_MISMATCH, (2,), ("mismatch", mismatch_info)),
        _arm(accepted_reply_data_PROG_UNAVAIL, (1, 3, 4, 5)),
    ),
    "accepted_reply": _struct(accepted_reply, ("verf", opaque_auth), ("reply_data", accepted_reply_data)),
    "rejected_reply": _union(
        rejected_reply,
        "stat",
        reject_stat,
        _arm(rejected_reply_RPC_MISMATCH, (0,), ("mismatch", mismatch_info)),
        _arm(rejected_reply_AUTH_ERROR, (1,), ("reason", _UNSIGNED)),
    ),
    "reply_body": _union(
        reply_body,
        "stat",
        reply_stat,
        _arm(reply_body_MSG_ACCEPTED, (0,), ("areply", accepted_reply)),
        _arm(reply_body_MSG_DENIED, (1,), ("rreply", rejected_reply)),
    ),
    "rpc_msg_body": _union(
        rpc_msg_body,
        "mtype",
        msg_type,
        _arm(rpc_msg_body_CALL, (0,), ("cbody", call_body)),
        _arm(rpc_msg_body_REPLY, (1,), ("rbody", reply_body)),
    ),
    "rpc_msg": _struct(rpc_msg, ("xid", _UNSIGNED), ("body", rpc_msg_body)),
    "authsys_parms": _struct(
        authsys_parms,
        ("stamp", _UNSIGNED),
        ("machinename", _string(255)),
        ("uid", _UNSIGNED),
        ("gid", _UNSIGNED),
        ("gids", _array(_UNSIGNED, 16)),
    ),
}

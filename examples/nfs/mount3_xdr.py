"""Made from mount3.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final, Self, TYPE_CHECKING, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    Buffer as _Buffer,
    CallT as _CallT,
    Codec as _Codec,
    Cursor as _Cursor,
    INTEGER as _INTEGER,
    Node as _Node,
    Out as _Out,
    Procedure as _Procedure,
    ProcedureUnavailable as _ProcedureUnavailable,
    Service as _Service,
    Struct as _Struct,
    VOID as _VOID,
    Value as _Value,
    ZEROS as _ZEROS,
    arm as _arm,
    array as _array,
    bad_boolean as _bad_boolean,
    bad_padding as _bad_padding,
    chain as _chain,
    codec as _codec,
    members as _members,
    new as _new,
    node as _node,
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
_Si = _Struct(">i")

MNTPATHLEN: Final[int] = 1024
MNTNAMLEN: Final[int] = 255
FHSIZE3: Final[int] = 64
fhandle3: TypeAlias = "bytes"
dirpath: TypeAlias = "str"
name: TypeAlias = "str"


class mountstat3(IntEnum):
    """enum mountstat3 (mount3.x:15)."""

    MNT3_OK = 0
    MNT3ERR_PERM = 1
    MNT3ERR_NOENT = 2
    MNT3ERR_IO = 5
    MNT3ERR_ACCES = 13
    MNT3ERR_NOTDIR = 20
    MNT3ERR_INVAL = 22
    MNT3ERR_NAMETOOLONG = 63
    MNT3ERR_NOTSUPP = 10004
    MNT3ERR_SERVERFAULT = 10006


MNT3_OK: Final = mountstat3.MNT3_OK
MNT3ERR_PERM: Final = mountstat3.MNT3ERR_PERM
MNT3ERR_NOENT: Final = mountstat3.MNT3ERR_NOENT
MNT3ERR_IO: Final = mountstat3.MNT3ERR_IO
MNT3ERR_ACCES: Final = mountstat3.MNT3ERR_ACCES
MNT3ERR_NOTDIR: Final = mountstat3.MNT3ERR_NOTDIR
MNT3ERR_INVAL: Final = mountstat3.MNT3ERR_INVAL
MNT3ERR_NAMETOOLONG: Final = mountstat3.MNT3ERR_NAMETOOLONG
MNT3ERR_NOTSUPP: Final = mountstat3.MNT3ERR_NOTSUPP
MNT3ERR_SERVERFAULT: Final = mountstat3.MNT3ERR_SERVERFAULT
_mountstat3_members: Final = _members(mountstat3)
_mountstat3_numbers: Final = {member: int(member) for member in mountstat3}


@dataclass(slots=True)
class mountres3_ok(_Value):
    """struct mountres3_ok (mount3.x:28)."""

    fhandle: fhandle3
    auth_flavors: list[int]

    def _put(self, out: _Out) -> None:
        fhandle: _Buffer = self.fhandle
        if type(fhandle) is not bytes:
            fhandle = _octets(fhandle, 64)
        length = len(fhandle)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(fhandle)
        if length & 3:
            out.append(_ZEROS[length & 3])
        auth_flavors = self.auth_flavors
        out.append(_SI.pack(len(auth_flavors)))
        out.append(_pack_many(f">{len(auth_flavors)}i", *auth_flavors))

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
        value.fhandle = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (count,) = _SI.unpack_from(data, position)
        position += 4
        if count * 4 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        value.auth_flavors = list(_unpack_from(f">{count}i", data, position))
        cursor.position = position + count * 4
        return value


class mountres3(_Value):
    """union mountres3 switch (mountstat3 fhs_status) (mount3.x:33)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def fhs_status(self) -> mountstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> mountres3:
        (fhs_status,) = _Si.unpack_from(cursor.data, cursor.position)
        if fhs_status == 0:
            arm = _new(mountres3_MNT3_OK)
            cursor.position += 4
            arm.mountinfo = mountres3_ok._take(cursor)
            return arm
        arm_2 = _new(mountres3_default)
        arm_2.fhs_status = _mountstat3_members[fhs_status]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class mountres3_MNT3_OK(mountres3):
    """case 0 of union mountres3 (mount3.x:34)."""

    fhs_status: ClassVar[mountstat3] = mountstat3.MNT3_OK
    mountinfo: mountres3_ok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        mountres3_ok._put(self.mountinfo, out)


@dataclass(slots=True)
class mountres3_default(mountres3):
    """default of union mountres3 (mount3.x:36)."""

    fhs_status: mountstat3

    def _put(self, out: _Out) -> None:
        if self.fhs_status in {0}:
            raise _not_a_case(self.fhs_status, "mountres3_default")
        out.append(_Si.pack(_mountstat3_numbers[self.fhs_status]))


@dataclass(slots=True)
class mountbody(_Node):
    """struct mountbody (mount3.x:41)."""

    ml_hostname: name
    ml_directory: dirpath

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            ml_hostname = node.ml_hostname.encode("utf-8", "surrogateescape")
            length = len(ml_hostname)
            if length > 255:
                raise _too_many(length, 255)
            out.append(_SI2.pack(1, length))
            out.append(ml_hostname)
            if length & 3:
                out.append(_ZEROS[length & 3])
            ml_directory = node.ml_directory.encode("utf-8", "surrogateescape")
            length = len(ml_directory)
            if length > 1024:
                raise _too_many(length, 1024)
            out.append(_SI.pack(length))
            out.append(ml_directory)
            if length & 3:
                out.append(_ZEROS[length & 3])
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 255 or end > size:
                raise _overrun(data, position - 4, length, 255)
            node.ml_hostname = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 1024 or end > size:
                raise _overrun(data, position - 4, length, 1024)
            node.ml_directory = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            (more,) = _SI.unpack_from(data, position)
            position += 4
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


mountlist: TypeAlias = "list[mountbody]"


@dataclass(slots=True)
class groupnode(_Node):
    """struct groupnode (mount3.x:49)."""

    gr_name: name

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            gr_name = node.gr_name.encode("utf-8", "surrogateescape")
            length = len(gr_name)
            if length > 255:
                raise _too_many(length, 255)
            out.append(_SI2.pack(1, length))
            out.append(gr_name)
            if length & 3:
                out.append(_ZEROS[length & 3])
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 255 or end > size:
                raise _overrun(data, position - 4, length, 255)
            node.gr_name = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            (more,) = _SI.unpack_from(data, position)
            position += 4
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


groups: TypeAlias = "list[groupnode]"


@dataclass(slots=True)
class exportnode(_Node):
    """struct exportnode (mount3.x:55)."""

    ex_dir: dirpath
    ex_groups: groups

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            ex_dir = node.ex_dir.encode("utf-8", "surrogateescape")
            length = len(ex_dir)
            if length > 1024:
                raise _too_many(length, 1024)
            out.append(_SI2.pack(1, length))
            out.append(ex_dir)
            if length & 3:
                out.append(_ZEROS[length & 3])
            groupnode._put_chain(node.ex_groups, out)
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 1024 or end > size:
                raise _overrun(data, position - 4, length, 1024)
            node.ex_dir = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            cursor.position = position
            node.ex_groups = groupnode._take_chain(cursor)
            position = cursor.position
            (more,) = _SI.unpack_from(data, position)
            position += 4
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


exports: TypeAlias = "list[exportnode]"


CODECS: Final[dict[str, _Codec[Any]]] = {
    "mountstat3": _codec(mountstat3),
    "mountres3_ok": _struct(mountres3_ok, ("fhandle", _opaque(64)), ("auth_flavors", _array(_INTEGER, 4294967295))),
    "mountres3": _union(
        mountres3,
        "fhs_status",
        mountstat3,
        _arm(mountres3_MNT3_OK, (0,), ("mountinfo", mountres3_ok)),
        _arm(mountres3_default, None),
    ),
    "mountbody": _node(mountbody, ("ml_hostname", _string(255)), ("ml_directory", _string(1024))),
    "groupnode": _node(groupnode, ("gr_name", _string(255))),
    "exportnode": _node(exportnode, ("ex_dir", _string(1024)), ("ex_groups", _chain(groupnode))),
    "fhandle3": _opaque(64, name="fhandle3"),
    "dirpath": _string(1024, name="dirpath"),
    "name": _string(255, name="name"),
    "mountlist": _chain(mountbody),
    "groups": _chain(groupnode),
    "exports": _chain(exportnode),
}


class MOUNT_V3:
    """program MOUNT_PROGRAM, version MOUNT_V3 (mount3.x:63)."""

    PROGRAM: Final = 100005
    VERSION: Final = 3
    MOUNTPROC3_NULL: Final = _Procedure(100005, 3, 0, "MOUNTPROC3_NULL", _VOID, _VOID)
    MOUNTPROC3_MNT: Final = _Procedure(100005, 3, 1, "MOUNTPROC3_MNT", _string(1024, name="dirpath"), _codec(mountres3))
    MOUNTPROC3_DUMP: Final = _Procedure(100005, 3, 2, "MOUNTPROC3_DUMP", _VOID, _chain(mountbody))
    MOUNTPROC3_UMNT: Final = _Procedure(100005, 3, 3, "MOUNTPROC3_UMNT", _string(1024, name="dirpath"), _VOID)
    MOUNTPROC3_UMNTALL: Final = _Procedure(100005, 3, 4, "MOUNTPROC3_UMNTALL", _VOID, _VOID)
    MOUNTPROC3_EXPORT: Final = _Procedure(100005, 3, 5, "MOUNTPROC3_EXPORT", _VOID, _chain(exportnode))


class MOUNT_V3_Client:
    """MOUNT_V3 as its callers see it; every method makes one call (mount3.x:63)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def MOUNTPROC3_NULL(self) -> None:
        await self._call(MOUNT_V3.MOUNTPROC3_NULL, None)

    async def MOUNTPROC3_MNT(self, arg: dirpath) -> mountres3:
        return await self._call(MOUNT_V3.MOUNTPROC3_MNT, arg)

    async def MOUNTPROC3_DUMP(self) -> mountlist:
        return await self._call(MOUNT_V3.MOUNTPROC3_DUMP, None)

    async def MOUNTPROC3_UMNT(self, arg: dirpath) -> None:
        await self._call(MOUNT_V3.MOUNTPROC3_UMNT, arg)

    async def MOUNTPROC3_UMNTALL(self) -> None:
        await self._call(MOUNT_V3.MOUNTPROC3_UMNTALL, None)

    async def MOUNTPROC3_EXPORT(self) -> exports:
        return await self._call(MOUNT_V3.MOUNTPROC3_EXPORT, None)


class MOUNT_V3_Service(_Service[_CallT]):
    """MOUNT_V3 as its servers offer it; override what there is (mount3.x:63)."""

    PROGRAM = MOUNT_V3.PROGRAM
    VERSION = MOUNT_V3.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: MOUNT_V3.MOUNTPROC3_NULL,
        1: MOUNT_V3.MOUNTPROC3_MNT,
        2: MOUNT_V3.MOUNTPROC3_DUMP,
        3: MOUNT_V3.MOUNTPROC3_UMNT,
        4: MOUNT_V3.MOUNTPROC3_UMNTALL,
        5: MOUNT_V3.MOUNTPROC3_EXPORT,
    }

    async def MOUNTPROC3_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def MOUNTPROC3_MNT(self, call: _CallT, arg: dirpath) -> mountres3:
        raise _ProcedureUnavailable("MOUNTPROC3_MNT")

    async def MOUNTPROC3_DUMP(self, call: _CallT) -> mountlist:
        raise _ProcedureUnavailable("MOUNTPROC3_DUMP")

    async def MOUNTPROC3_UMNT(self, call: _CallT, arg: dirpath) -> None:
        raise _ProcedureUnavailable("MOUNTPROC3_UMNT")

    async def MOUNTPROC3_UMNTALL(self, call: _CallT) -> None:
        raise _ProcedureUnavailable("MOUNTPROC3_UMNTALL")

    async def MOUNTPROC3_EXPORT(self, call: _CallT) -> exports:
        raise _ProcedureUnavailable("MOUNTPROC3_EXPORT")

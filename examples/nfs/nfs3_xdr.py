"""Made from nfs3.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Final, Self, TYPE_CHECKING, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    BOOL as _BOOL,
    BOOLEANS as _BOOLEANS,
    Buffer as _Buffer,
    CallT as _CallT,
    Codec as _Codec,
    Cursor as _Cursor,
    FLAGS as _FLAGS,
    INTEGER as _INTEGER,
    INTEGER_64 as _INTEGER_64,
    Node as _Node,
    Out as _Out,
    Procedure as _Procedure,
    ProcedureUnavailable as _ProcedureUnavailable,
    Service as _Service,
    Struct as _Struct,
    UNSIGNED as _UNSIGNED,
    UNSIGNED_64 as _UNSIGNED_64,
    VOID as _VOID,
    Value as _Value,
    ZEROS as _ZEROS,
    arm as _arm,
    bad_boolean as _bad_boolean,
    bad_discriminant as _bad_discriminant,
    bad_padding as _bad_padding,
    chain as _chain,
    codec as _codec,
    members as _members,
    new as _new,
    node as _node,
    not_a_case as _not_a_case,
    octets as _octets,
    octets_exactly as _octets_exactly,
    opaque as _opaque,
    opaque_fixed as _opaque_fixed,
    overrun as _overrun,
    string as _string,
    struct as _struct,
    too_many as _too_many,
    union as _union,
)

_S8s = _Struct(">8s")
_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI3 = _Struct(">III")
_SI6 = _Struct(">IIIIII")
_SI7QI3 = _Struct(">IIIIIIIQIII")
_SIQ = _Struct(">IQ")
_SIQI = _Struct(">IQI")
_SIQI4 = _Struct(">IQIIII")
_SIiI4Q2I2Q2I6 = _Struct(">IiIIIIQQIIQQIIIIII")
_SIi_8s = _Struct(">Ii8s")
_SQ = _Struct(">Q")
_SQ6I = _Struct(">QQQQQQI")
_SQI = _Struct(">QI")
_SQI4 = _Struct(">QIIII")
_SQIiI = _Struct(">QIiI")
_SQIiI4Q2I2Q2I8 = _Struct(">QIiIIIIQQIIQQIIIIIIII")
_SQ_8sI = _Struct(">Q8sI")
_SQ_8sI2 = _Struct(">Q8sII")
_Si = _Struct(">i")
_Si2I4Q2I2Q2I6 = _Struct(">iiIIIIQQIIQQIIIIII")
_SiI2 = _Struct(">iII")
_SiI4Q2I2Q2I6 = _Struct(">iIIIIQQIIQQIIIIII")
_SiI4Q2I2Q2I8 = _Struct(">iIIIIQQIIQQIIIIIIII")
_Si_8s = _Struct(">i8s")

NFS3_FHSIZE: Final[int] = 64
NFS3_COOKIEVERFSIZE: Final[int] = 8
NFS3_CREATEVERFSIZE: Final[int] = 8
NFS3_WRITEVERFSIZE: Final[int] = 8
NFS3_NAME_MAX: Final[int] = 4096
NFS3_PATH_MAX: Final[int] = 65536
uint64: TypeAlias = "int"
int64: TypeAlias = "int"
uint32: TypeAlias = "int"
int32: TypeAlias = "int"
filename3: TypeAlias = "str"
nfspath3: TypeAlias = "str"
fileid3: TypeAlias = "uint64"
cookie3: TypeAlias = "uint64"
cookieverf3: TypeAlias = "bytes"
createverf3: TypeAlias = "bytes"
writeverf3: TypeAlias = "bytes"
uid3: TypeAlias = "uint32"
gid3: TypeAlias = "uint32"
size3: TypeAlias = "uint64"
offset3: TypeAlias = "uint64"
mode3: TypeAlias = "uint32"
count3: TypeAlias = "uint32"


class nfsstat3(IntEnum):
    """enum nfsstat3 (nfs3.x:34)."""

    NFS3_OK = 0
    NFS3ERR_PERM = 1
    NFS3ERR_NOENT = 2
    NFS3ERR_IO = 5
    NFS3ERR_NXIO = 6
    NFS3ERR_ACCES = 13
    NFS3ERR_EXIST = 17
    NFS3ERR_XDEV = 18
    NFS3ERR_NODEV = 19
    NFS3ERR_NOTDIR = 20
    NFS3ERR_ISDIR = 21
    NFS3ERR_INVAL = 22
    NFS3ERR_FBIG = 27
    NFS3ERR_NOSPC = 28
    NFS3ERR_ROFS = 30
    NFS3ERR_MLINK = 31
    NFS3ERR_NAMETOOLONG = 63
    NFS3ERR_NOTEMPTY = 66
    NFS3ERR_DQUOT = 69
    NFS3ERR_STALE = 70
    NFS3ERR_REMOTE = 71
    NFS3ERR_BADHANDLE = 10001
    NFS3ERR_NOT_SYNC = 10002
    NFS3ERR_BAD_COOKIE = 10003
    NFS3ERR_NOTSUPP = 10004
    NFS3ERR_TOOSMALL = 10005
    NFS3ERR_SERVERFAULT = 10006
    NFS3ERR_BADTYPE = 10007
    NFS3ERR_JUKEBOX = 10008


NFS3_OK: Final = nfsstat3.NFS3_OK
NFS3ERR_PERM: Final = nfsstat3.NFS3ERR_PERM
NFS3ERR_NOENT: Final = nfsstat3.NFS3ERR_NOENT
NFS3ERR_IO: Final = nfsstat3.NFS3ERR_IO
NFS3ERR_NXIO: Final = nfsstat3.NFS3ERR_NXIO
NFS3ERR_ACCES: Final = nfsstat3.NFS3ERR_ACCES
NFS3ERR_EXIST: Final = nfsstat3.NFS3ERR_EXIST
NFS3ERR_XDEV: Final = nfsstat3.NFS3ERR_XDEV
NFS3ERR_NODEV: Final = nfsstat3.NFS3ERR_NODEV
NFS3ERR_NOTDIR: Final = nfsstat3.NFS3ERR_NOTDIR
NFS3ERR_ISDIR: Final = nfsstat3.NFS3ERR_ISDIR
NFS3ERR_INVAL: Final = nfsstat3.NFS3ERR_INVAL
NFS3ERR_FBIG: Final = nfsstat3.NFS3ERR_FBIG
NFS3ERR_NOSPC: Final = nfsstat3.NFS3ERR_NOSPC
NFS3ERR_ROFS: Final = nfsstat3.NFS3ERR_ROFS
NFS3ERR_MLINK: Final = nfsstat3.NFS3ERR_MLINK
NFS3ERR_NAMETOOLONG: Final = nfsstat3.NFS3ERR_NAMETOOLONG
NFS3ERR_NOTEMPTY: Final = nfsstat3.NFS3ERR_NOTEMPTY
NFS3ERR_DQUOT: Final = nfsstat3.NFS3ERR_DQUOT
NFS3ERR_STALE: Final = nfsstat3.NFS3ERR_STALE
NFS3ERR_REMOTE: Final = nfsstat3.NFS3ERR_REMOTE
NFS3ERR_BADHANDLE: Final = nfsstat3.NFS3ERR_BADHANDLE
NFS3ERR_NOT_SYNC: Final = nfsstat3.NFS3ERR_NOT_SYNC
NFS3ERR_BAD_COOKIE: Final = nfsstat3.NFS3ERR_BAD_COOKIE
NFS3ERR_NOTSUPP: Final = nfsstat3.NFS3ERR_NOTSUPP
NFS3ERR_TOOSMALL: Final = nfsstat3.NFS3ERR_TOOSMALL
NFS3ERR_SERVERFAULT: Final = nfsstat3.NFS3ERR_SERVERFAULT
NFS3ERR_BADTYPE: Final = nfsstat3.NFS3ERR_BADTYPE
NFS3ERR_JUKEBOX: Final = nfsstat3.NFS3ERR_JUKEBOX
_nfsstat3_members: Final = _members(nfsstat3)
_nfsstat3_numbers: Final = {member: int(member) for member in nfsstat3}


class ftype3(IntEnum):
    """enum ftype3 (nfs3.x:66)."""

    NF3REG = 1
    NF3DIR = 2
    NF3BLK = 3
    NF3CHR = 4
    NF3LNK = 5
    NF3SOCK = 6
    NF3FIFO = 7


NF3REG: Final = ftype3.NF3REG
NF3DIR: Final = ftype3.NF3DIR
NF3BLK: Final = ftype3.NF3BLK
NF3CHR: Final = ftype3.NF3CHR
NF3LNK: Final = ftype3.NF3LNK
NF3SOCK: Final = ftype3.NF3SOCK
NF3FIFO: Final = ftype3.NF3FIFO
_ftype3_members: Final = _members(ftype3)
_ftype3_numbers: Final = {member: int(member) for member in ftype3}


@dataclass(slots=True)
class specdata3(_Value):
    """struct specdata3 (nfs3.x:76)."""

    specdata1: uint32
    specdata2: uint32

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(self.specdata1, self.specdata2))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.specdata1, value.specdata2) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class nfs_fh3(_Value):
    """struct nfs_fh3 (nfs3.x:81)."""

    data: bytes

    def _put(self, out: _Out) -> None:
        data_2: _Buffer = self.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
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
        value.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class nfstime3(_Value):
    """struct nfstime3 (nfs3.x:85)."""

    seconds: uint32
    nseconds: uint32

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(self.seconds, self.nseconds))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.seconds, value.nseconds) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class fattr3(_Value):
    """struct fattr3 (nfs3.x:90)."""

    type: ftype3
    mode: mode3
    nlink: uint32
    uid: uid3
    gid: gid3
    size: size3
    used: size3
    rdev: specdata3
    fsid: uint64
    fileid: fileid3
    atime: nfstime3
    mtime: nfstime3
    ctime: nfstime3

    def _put(self, out: _Out) -> None:
        rdev = self.rdev
        atime = self.atime
        mtime = self.mtime
        ctime = self.ctime
        out.append(
            _SiI4Q2I2Q2I6.pack(
                _ftype3_numbers[self.type],
                self.mode,
                self.nlink,
                self.uid,
                self.gid,
                self.size,
                self.used,
                rdev.specdata1,
                rdev.specdata2,
                self.fsid,
                self.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            )
        )

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        value.rdev = rdev = _new(specdata3)
        value.atime = atime = _new(nfstime3)
        value.mtime = mtime = _new(nfstime3)
        value.ctime = ctime = _new(nfstime3)
        (
            value.type,
            value.mode,
            value.nlink,
            value.uid,
            value.gid,
            value.size,
            value.used,
            rdev.specdata1,
            rdev.specdata2,
            value.fsid,
            value.fileid,
            atime.seconds,
            atime.nseconds,
            mtime.seconds,
            mtime.nseconds,
            ctime.seconds,
            ctime.nseconds,
        ) = _SiI4Q2I2Q2I6.unpack_from(data, position)
        position += 84
        value.type = _ftype3_members[value.type]
        cursor.position = position
        return value


class post_op_attr(_Value):
    """union post_op_attr switch (bool attributes_follow) (nfs3.x:106)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def attributes_follow(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> post_op_attr:
        (attributes_follow,) = _SI.unpack_from(cursor.data, cursor.position)
        if attributes_follow == 1:
            arm = _new(post_op_attr_TRUE)
            data = cursor.data
            position = cursor.position + 4
            arm.attributes = attributes = _new(fattr3)
            attributes.rdev = rdev = _new(specdata3)
            attributes.atime = atime = _new(nfstime3)
            attributes.mtime = mtime = _new(nfstime3)
            attributes.ctime = ctime = _new(nfstime3)
            (
                attributes.type,
                attributes.mode,
                attributes.nlink,
                attributes.uid,
                attributes.gid,
                attributes.size,
                attributes.used,
                rdev.specdata1,
                rdev.specdata2,
                attributes.fsid,
                attributes.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            ) = _SiI4Q2I2Q2I6.unpack_from(data, position)
            position += 84
            attributes.type = _ftype3_members[attributes.type]
            cursor.position = position
            return arm
        if attributes_follow == 0:
            arm_2 = _new(post_op_attr_FALSE)
            cursor.position += 4
            return arm_2
        raise _bad_discriminant("post_op_attr", attributes_follow, cursor.position)


@dataclass(slots=True)
class post_op_attr_TRUE(post_op_attr):
    """case 1 of union post_op_attr (nfs3.x:107)."""

    attributes_follow: ClassVar[bool] = True
    attributes: fattr3

    def _put(self, out: _Out) -> None:
        attributes = self.attributes
        rdev = attributes.rdev
        atime = attributes.atime
        mtime = attributes.mtime
        ctime = attributes.ctime
        out.append(
            _SIiI4Q2I2Q2I6.pack(
                1,
                _ftype3_numbers[attributes.type],
                attributes.mode,
                attributes.nlink,
                attributes.uid,
                attributes.gid,
                attributes.size,
                attributes.used,
                rdev.specdata1,
                rdev.specdata2,
                attributes.fsid,
                attributes.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            )
        )


@dataclass(slots=True)
class post_op_attr_FALSE(post_op_attr):
    """case 0 of union post_op_attr (nfs3.x:109)."""

    attributes_follow: ClassVar[bool] = False

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))


@dataclass(slots=True)
class wcc_attr(_Value):
    """struct wcc_attr (nfs3.x:113)."""

    size: size3
    mtime: nfstime3
    ctime: nfstime3

    def _put(self, out: _Out) -> None:
        mtime = self.mtime
        ctime = self.ctime
        out.append(_SQI4.pack(self.size, mtime.seconds, mtime.nseconds, ctime.seconds, ctime.nseconds))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        value.mtime = mtime = _new(nfstime3)
        value.ctime = ctime = _new(nfstime3)
        (value.size, mtime.seconds, mtime.nseconds, ctime.seconds, ctime.nseconds) = _SQI4.unpack_from(data, position)
        cursor.position = position + 24
        return value


class pre_op_attr(_Value):
    """union pre_op_attr switch (bool attributes_follow) (nfs3.x:119)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def attributes_follow(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> pre_op_attr:
        (attributes_follow,) = _SI.unpack_from(cursor.data, cursor.position)
        if attributes_follow == 1:
            arm = _new(pre_op_attr_TRUE)
            data = cursor.data
            position = cursor.position + 4
            arm.attributes = attributes = _new(wcc_attr)
            attributes.mtime = mtime = _new(nfstime3)
            attributes.ctime = ctime = _new(nfstime3)
            (
                attributes.size,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            ) = _SQI4.unpack_from(data, position)
            cursor.position = position + 24
            return arm
        if attributes_follow == 0:
            arm_2 = _new(pre_op_attr_FALSE)
            cursor.position += 4
            return arm_2
        raise _bad_discriminant("pre_op_attr", attributes_follow, cursor.position)


@dataclass(slots=True)
class pre_op_attr_TRUE(pre_op_attr):
    """case 1 of union pre_op_attr (nfs3.x:120)."""

    attributes_follow: ClassVar[bool] = True
    attributes: wcc_attr

    def _put(self, out: _Out) -> None:
        attributes = self.attributes
        mtime = attributes.mtime
        ctime = attributes.ctime
        out.append(_SIQI4.pack(1, attributes.size, mtime.seconds, mtime.nseconds, ctime.seconds, ctime.nseconds))


@dataclass(slots=True)
class pre_op_attr_FALSE(pre_op_attr):
    """case 0 of union pre_op_attr (nfs3.x:122)."""

    attributes_follow: ClassVar[bool] = False

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))


@dataclass(slots=True)
class wcc_data(_Value):
    """struct wcc_data (nfs3.x:126)."""

    before: pre_op_attr
    after: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.before, pre_op_attr):
            raise TypeError
        self.before._put(out)
        if not isinstance(self.after, post_op_attr):
            raise TypeError
        self.after._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.before = pre_op_attr._take(cursor)
        value.after = post_op_attr._take(cursor)
        return value


class post_op_fh3(_Value):
    """union post_op_fh3 switch (bool handle_follows) (nfs3.x:131)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def handle_follows(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> post_op_fh3:
        (handle_follows,) = _SI.unpack_from(cursor.data, cursor.position)
        if handle_follows == 1:
            arm = _new(post_op_fh3_TRUE)
            data = cursor.data
            wire = cursor.wire
            size = len(data)
            position = cursor.position + 4
            arm.handle = handle = _new(nfs_fh3)
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 64 or end > size:
                raise _overrun(data, position - 4, length, 64)
            handle.data = wire[position:end]
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            cursor.position = position
            return arm
        if handle_follows == 0:
            arm_2 = _new(post_op_fh3_FALSE)
            cursor.position += 4
            return arm_2
        raise _bad_discriminant("post_op_fh3", handle_follows, cursor.position)


@dataclass(slots=True)
class post_op_fh3_TRUE(post_op_fh3):
    """case 1 of union post_op_fh3 (nfs3.x:132)."""

    handle_follows: ClassVar[bool] = True
    handle: nfs_fh3

    def _put(self, out: _Out) -> None:
        handle = self.handle
        data_2: _Buffer = handle.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI2.pack(1, length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])


@dataclass(slots=True)
class post_op_fh3_FALSE(post_op_fh3):
    """case 0 of union post_op_fh3 (nfs3.x:134)."""

    handle_follows: ClassVar[bool] = False

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))


class time_how(IntEnum):
    """enum time_how (nfs3.x:138)."""

    DONT_CHANGE = 0
    SET_TO_SERVER_TIME = 1
    SET_TO_CLIENT_TIME = 2


DONT_CHANGE: Final = time_how.DONT_CHANGE
SET_TO_SERVER_TIME: Final = time_how.SET_TO_SERVER_TIME
SET_TO_CLIENT_TIME: Final = time_how.SET_TO_CLIENT_TIME
_time_how_members: Final = _members(time_how)
_time_how_numbers: Final = {member: int(member) for member in time_how}


class set_mode3(_Value):
    """union set_mode3 switch (bool set_it) (nfs3.x:144)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_mode3:
        (set_it,) = _SI.unpack_from(cursor.data, cursor.position)
        if set_it == 1:
            arm = _new(set_mode3_TRUE)
            data = cursor.data
            position = cursor.position + 4
            (arm.mode,) = _SI.unpack_from(data, position)
            cursor.position = position + 4
            return arm
        arm_2 = _new(set_mode3_default)
        arm_2.set_it = _BOOLEANS[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_mode3_TRUE(set_mode3):
    """case 1 of union set_mode3 (nfs3.x:145)."""

    set_it: ClassVar[bool] = True
    mode: mode3

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(1, self.mode))


@dataclass(slots=True)
class set_mode3_default(set_mode3):
    """default of union set_mode3 (nfs3.x:147)."""

    set_it: bool

    def _put(self, out: _Out) -> None:
        if self.set_it in {1}:
            raise _not_a_case(self.set_it, "set_mode3_default")
        out.append(_SI.pack(_FLAGS[self.set_it]))


class set_uid3(_Value):
    """union set_uid3 switch (bool set_it) (nfs3.x:151)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_uid3:
        (set_it,) = _SI.unpack_from(cursor.data, cursor.position)
        if set_it == 1:
            arm = _new(set_uid3_TRUE)
            data = cursor.data
            position = cursor.position + 4
            (arm.uid,) = _SI.unpack_from(data, position)
            cursor.position = position + 4
            return arm
        arm_2 = _new(set_uid3_default)
        arm_2.set_it = _BOOLEANS[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_uid3_TRUE(set_uid3):
    """case 1 of union set_uid3 (nfs3.x:152)."""

    set_it: ClassVar[bool] = True
    uid: uid3

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(1, self.uid))


@dataclass(slots=True)
class set_uid3_default(set_uid3):
    """default of union set_uid3 (nfs3.x:154)."""

    set_it: bool

    def _put(self, out: _Out) -> None:
        if self.set_it in {1}:
            raise _not_a_case(self.set_it, "set_uid3_default")
        out.append(_SI.pack(_FLAGS[self.set_it]))


class set_gid3(_Value):
    """union set_gid3 switch (bool set_it) (nfs3.x:158)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_gid3:
        (set_it,) = _SI.unpack_from(cursor.data, cursor.position)
        if set_it == 1:
            arm = _new(set_gid3_TRUE)
            data = cursor.data
            position = cursor.position + 4
            (arm.gid,) = _SI.unpack_from(data, position)
            cursor.position = position + 4
            return arm
        arm_2 = _new(set_gid3_default)
        arm_2.set_it = _BOOLEANS[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_gid3_TRUE(set_gid3):
    """case 1 of union set_gid3 (nfs3.x:159)."""

    set_it: ClassVar[bool] = True
    gid: gid3

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(1, self.gid))


@dataclass(slots=True)
class set_gid3_default(set_gid3):
    """default of union set_gid3 (nfs3.x:161)."""

    set_it: bool

    def _put(self, out: _Out) -> None:
        if self.set_it in {1}:
            raise _not_a_case(self.set_it, "set_gid3_default")
        out.append(_SI.pack(_FLAGS[self.set_it]))


class set_size3(_Value):
    """union set_size3 switch (bool set_it) (nfs3.x:165)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_size3:
        (set_it,) = _SI.unpack_from(cursor.data, cursor.position)
        if set_it == 1:
            arm = _new(set_size3_TRUE)
            data = cursor.data
            position = cursor.position + 4
            (arm.size,) = _SQ.unpack_from(data, position)
            cursor.position = position + 8
            return arm
        arm_2 = _new(set_size3_default)
        arm_2.set_it = _BOOLEANS[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_size3_TRUE(set_size3):
    """case 1 of union set_size3 (nfs3.x:166)."""

    set_it: ClassVar[bool] = True
    size: size3

    def _put(self, out: _Out) -> None:
        out.append(_SIQ.pack(1, self.size))


@dataclass(slots=True)
class set_size3_default(set_size3):
    """default of union set_size3 (nfs3.x:168)."""

    set_it: bool

    def _put(self, out: _Out) -> None:
        if self.set_it in {1}:
            raise _not_a_case(self.set_it, "set_size3_default")
        out.append(_SI.pack(_FLAGS[self.set_it]))


class set_atime(_Value):
    """union set_atime switch (time_how set_it) (nfs3.x:172)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> time_how: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_atime:
        (set_it,) = _Si.unpack_from(cursor.data, cursor.position)
        if set_it == 2:
            arm = _new(set_atime_SET_TO_CLIENT_TIME)
            data = cursor.data
            position = cursor.position + 4
            arm.atime = atime = _new(nfstime3)
            (atime.seconds, atime.nseconds) = _SI2.unpack_from(data, position)
            cursor.position = position + 8
            return arm
        arm_2 = _new(set_atime_default)
        arm_2.set_it = _time_how_members[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_atime_SET_TO_CLIENT_TIME(set_atime):
    """case 2 of union set_atime (nfs3.x:173)."""

    set_it: ClassVar[time_how] = time_how.SET_TO_CLIENT_TIME
    atime: nfstime3

    def _put(self, out: _Out) -> None:
        atime = self.atime
        out.append(_SiI2.pack(2, atime.seconds, atime.nseconds))


@dataclass(slots=True)
class set_atime_default(set_atime):
    """default of union set_atime (nfs3.x:175)."""

    set_it: time_how

    def _put(self, out: _Out) -> None:
        if self.set_it in {2}:
            raise _not_a_case(self.set_it, "set_atime_default")
        out.append(_Si.pack(_time_how_numbers[self.set_it]))


class set_mtime(_Value):
    """union set_mtime switch (time_how set_it) (nfs3.x:179)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def set_it(self) -> time_how: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> set_mtime:
        (set_it,) = _Si.unpack_from(cursor.data, cursor.position)
        if set_it == 2:
            arm = _new(set_mtime_SET_TO_CLIENT_TIME)
            data = cursor.data
            position = cursor.position + 4
            arm.mtime = mtime = _new(nfstime3)
            (mtime.seconds, mtime.nseconds) = _SI2.unpack_from(data, position)
            cursor.position = position + 8
            return arm
        arm_2 = _new(set_mtime_default)
        arm_2.set_it = _time_how_members[set_it]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class set_mtime_SET_TO_CLIENT_TIME(set_mtime):
    """case 2 of union set_mtime (nfs3.x:180)."""

    set_it: ClassVar[time_how] = time_how.SET_TO_CLIENT_TIME
    mtime: nfstime3

    def _put(self, out: _Out) -> None:
        mtime = self.mtime
        out.append(_SiI2.pack(2, mtime.seconds, mtime.nseconds))


@dataclass(slots=True)
class set_mtime_default(set_mtime):
    """default of union set_mtime (nfs3.x:182)."""

    set_it: time_how

    def _put(self, out: _Out) -> None:
        if self.set_it in {2}:
            raise _not_a_case(self.set_it, "set_mtime_default")
        out.append(_Si.pack(_time_how_numbers[self.set_it]))


@dataclass(slots=True)
class sattr3(_Value):
    """struct sattr3 (nfs3.x:186)."""

    mode: set_mode3
    uid: set_uid3
    gid: set_gid3
    size: set_size3
    atime: set_atime
    mtime: set_mtime

    def _put(self, out: _Out) -> None:
        if not isinstance(self.mode, set_mode3):
            raise TypeError
        self.mode._put(out)
        if not isinstance(self.uid, set_uid3):
            raise TypeError
        self.uid._put(out)
        if not isinstance(self.gid, set_gid3):
            raise TypeError
        self.gid._put(out)
        if not isinstance(self.size, set_size3):
            raise TypeError
        self.size._put(out)
        if not isinstance(self.atime, set_atime):
            raise TypeError
        self.atime._put(out)
        if not isinstance(self.mtime, set_mtime):
            raise TypeError
        self.mtime._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.mode = set_mode3._take(cursor)
        value.uid = set_uid3._take(cursor)
        value.gid = set_gid3._take(cursor)
        value.size = set_size3._take(cursor)
        value.atime = set_atime._take(cursor)
        value.mtime = set_mtime._take(cursor)
        return value


@dataclass(slots=True)
class diropargs3(_Value):
    """struct diropargs3 (nfs3.x:195)."""

    dir: nfs_fh3
    name: filename3

    def _put(self, out: _Out) -> None:
        dir_2 = self.dir
        data_2: _Buffer = dir_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        name = self.name.encode("utf-8", "surrogateescape")
        length = len(name)
        if length > 4096:
            raise _too_many(length, 4096)
        out.append(_SI.pack(length))
        out.append(name)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.dir = dir_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        dir_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 4096 or end > size:
            raise _overrun(data, position - 4, length, 4096)
        value.name = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class GETATTR3args(_Value):
    """struct GETATTR3args (nfs3.x:202)."""

    object: nfs_fh3

    def _put(self, out: _Out) -> None:
        object_2 = self.object
        data_2: _Buffer = object_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.object = object_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        object_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class GETATTR3resok(_Value):
    """struct GETATTR3resok (nfs3.x:206)."""

    obj_attributes: fattr3

    def _put(self, out: _Out) -> None:
        obj_attributes = self.obj_attributes
        rdev = obj_attributes.rdev
        atime = obj_attributes.atime
        mtime = obj_attributes.mtime
        ctime = obj_attributes.ctime
        out.append(
            _SiI4Q2I2Q2I6.pack(
                _ftype3_numbers[obj_attributes.type],
                obj_attributes.mode,
                obj_attributes.nlink,
                obj_attributes.uid,
                obj_attributes.gid,
                obj_attributes.size,
                obj_attributes.used,
                rdev.specdata1,
                rdev.specdata2,
                obj_attributes.fsid,
                obj_attributes.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            )
        )

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        value.obj_attributes = obj_attributes = _new(fattr3)
        obj_attributes.rdev = rdev = _new(specdata3)
        obj_attributes.atime = atime = _new(nfstime3)
        obj_attributes.mtime = mtime = _new(nfstime3)
        obj_attributes.ctime = ctime = _new(nfstime3)
        (
            obj_attributes.type,
            obj_attributes.mode,
            obj_attributes.nlink,
            obj_attributes.uid,
            obj_attributes.gid,
            obj_attributes.size,
            obj_attributes.used,
            rdev.specdata1,
            rdev.specdata2,
            obj_attributes.fsid,
            obj_attributes.fileid,
            atime.seconds,
            atime.nseconds,
            mtime.seconds,
            mtime.nseconds,
            ctime.seconds,
            ctime.nseconds,
        ) = _SiI4Q2I2Q2I6.unpack_from(data, position)
        position += 84
        obj_attributes.type = _ftype3_members[obj_attributes.type]
        cursor.position = position
        return value


class GETATTR3res(_Value):
    """union GETATTR3res switch (nfsstat3 status) (nfs3.x:210)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> GETATTR3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(GETATTR3res_NFS3_OK)
            data = cursor.data
            position = cursor.position + 4
            arm.resok = resok = _new(GETATTR3resok)
            resok.obj_attributes = obj_attributes = _new(fattr3)
            obj_attributes.rdev = rdev = _new(specdata3)
            obj_attributes.atime = atime = _new(nfstime3)
            obj_attributes.mtime = mtime = _new(nfstime3)
            obj_attributes.ctime = ctime = _new(nfstime3)
            (
                obj_attributes.type,
                obj_attributes.mode,
                obj_attributes.nlink,
                obj_attributes.uid,
                obj_attributes.gid,
                obj_attributes.size,
                obj_attributes.used,
                rdev.specdata1,
                rdev.specdata2,
                obj_attributes.fsid,
                obj_attributes.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            ) = _SiI4Q2I2Q2I6.unpack_from(data, position)
            position += 84
            obj_attributes.type = _ftype3_members[obj_attributes.type]
            cursor.position = position
            return arm
        arm_2 = _new(GETATTR3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class GETATTR3res_NFS3_OK(GETATTR3res):
    """case 0 of union GETATTR3res (nfs3.x:211)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: GETATTR3resok

    def _put(self, out: _Out) -> None:
        resok = self.resok
        obj_attributes = resok.obj_attributes
        rdev = obj_attributes.rdev
        atime = obj_attributes.atime
        mtime = obj_attributes.mtime
        ctime = obj_attributes.ctime
        out.append(
            _Si2I4Q2I2Q2I6.pack(
                0,
                _ftype3_numbers[obj_attributes.type],
                obj_attributes.mode,
                obj_attributes.nlink,
                obj_attributes.uid,
                obj_attributes.gid,
                obj_attributes.size,
                obj_attributes.used,
                rdev.specdata1,
                rdev.specdata2,
                obj_attributes.fsid,
                obj_attributes.fileid,
                atime.seconds,
                atime.nseconds,
                mtime.seconds,
                mtime.nseconds,
                ctime.seconds,
                ctime.nseconds,
            )
        )


@dataclass(slots=True)
class GETATTR3res_default(GETATTR3res):
    """default of union GETATTR3res (nfs3.x:213)."""

    status: nfsstat3

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "GETATTR3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))


class sattrguard3(_Value):
    """union sattrguard3 switch (bool check) (nfs3.x:219)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def check(self) -> bool: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> sattrguard3:
        (check,) = _SI.unpack_from(cursor.data, cursor.position)
        if check == 1:
            arm = _new(sattrguard3_TRUE)
            data = cursor.data
            position = cursor.position + 4
            arm.obj_ctime = obj_ctime = _new(nfstime3)
            (obj_ctime.seconds, obj_ctime.nseconds) = _SI2.unpack_from(data, position)
            cursor.position = position + 8
            return arm
        if check == 0:
            arm_2 = _new(sattrguard3_FALSE)
            cursor.position += 4
            return arm_2
        raise _bad_discriminant("sattrguard3", check, cursor.position)


@dataclass(slots=True)
class sattrguard3_TRUE(sattrguard3):
    """case 1 of union sattrguard3 (nfs3.x:220)."""

    check: ClassVar[bool] = True
    obj_ctime: nfstime3

    def _put(self, out: _Out) -> None:
        obj_ctime = self.obj_ctime
        out.append(_SI3.pack(1, obj_ctime.seconds, obj_ctime.nseconds))


@dataclass(slots=True)
class sattrguard3_FALSE(sattrguard3):
    """case 0 of union sattrguard3 (nfs3.x:222)."""

    check: ClassVar[bool] = False

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))


@dataclass(slots=True)
class SETATTR3args(_Value):
    """struct SETATTR3args (nfs3.x:226)."""

    object: nfs_fh3
    new_attributes: sattr3
    guard: sattrguard3

    def _put(self, out: _Out) -> None:
        object_2 = self.object
        data_2: _Buffer = object_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        sattr3._put(self.new_attributes, out)
        if not isinstance(self.guard, sattrguard3):
            raise TypeError
        self.guard._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.object = object_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        object_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        value.new_attributes = sattr3._take(cursor)
        value.guard = sattrguard3._take(cursor)
        return value


@dataclass(slots=True)
class SETATTR3resok(_Value):
    """struct SETATTR3resok (nfs3.x:232)."""

    obj_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.obj_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class SETATTR3resfail(_Value):
    """struct SETATTR3resfail (nfs3.x:236)."""

    obj_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.obj_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_wcc = wcc_data._take(cursor)
        return value


class SETATTR3res(_Value):
    """union SETATTR3res switch (nfsstat3 status) (nfs3.x:240)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> SETATTR3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(SETATTR3res_NFS3_OK)
            cursor.position += 4
            arm.resok = SETATTR3resok._take(cursor)
            return arm
        arm_2 = _new(SETATTR3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = SETATTR3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class SETATTR3res_NFS3_OK(SETATTR3res):
    """case 0 of union SETATTR3res (nfs3.x:241)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: SETATTR3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        SETATTR3resok._put(self.resok, out)


@dataclass(slots=True)
class SETATTR3res_default(SETATTR3res):
    """default of union SETATTR3res (nfs3.x:243)."""

    status: nfsstat3
    resfail: SETATTR3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "SETATTR3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        SETATTR3resfail._put(self.resfail, out)


@dataclass(slots=True)
class LOOKUP3args(_Value):
    """struct LOOKUP3args (nfs3.x:249)."""

    what: diropargs3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.what, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.what = diropargs3._take(cursor)
        return value


@dataclass(slots=True)
class LOOKUP3resok(_Value):
    """struct LOOKUP3resok (nfs3.x:253)."""

    object: nfs_fh3
    obj_attributes: post_op_attr
    dir_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        object_2 = self.object
        data_2: _Buffer = object_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.object = object_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        object_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        value.obj_attributes = post_op_attr._take(cursor)
        value.dir_attributes = post_op_attr._take(cursor)
        return value


@dataclass(slots=True)
class LOOKUP3resfail(_Value):
    """struct LOOKUP3resfail (nfs3.x:259)."""

    dir_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_attributes = post_op_attr._take(cursor)
        return value


class LOOKUP3res(_Value):
    """union LOOKUP3res switch (nfsstat3 status) (nfs3.x:263)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> LOOKUP3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(LOOKUP3res_NFS3_OK)
            cursor.position += 4
            arm.resok = LOOKUP3resok._take(cursor)
            return arm
        arm_2 = _new(LOOKUP3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = LOOKUP3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class LOOKUP3res_NFS3_OK(LOOKUP3res):
    """case 0 of union LOOKUP3res (nfs3.x:264)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: LOOKUP3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        LOOKUP3resok._put(self.resok, out)


@dataclass(slots=True)
class LOOKUP3res_default(LOOKUP3res):
    """default of union LOOKUP3res (nfs3.x:266)."""

    status: nfsstat3
    resfail: LOOKUP3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "LOOKUP3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        LOOKUP3resfail._put(self.resfail, out)


ACCESS3_READ: Final[int] = 1
ACCESS3_LOOKUP: Final[int] = 2
ACCESS3_MODIFY: Final[int] = 4
ACCESS3_EXTEND: Final[int] = 8
ACCESS3_DELETE: Final[int] = 16
ACCESS3_EXECUTE: Final[int] = 32


@dataclass(slots=True)
class ACCESS3args(_Value):
    """struct ACCESS3args (nfs3.x:279)."""

    object: nfs_fh3
    access: uint32

    def _put(self, out: _Out) -> None:
        object_2 = self.object
        data_2: _Buffer = object_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        out.append(_SI.pack(self.access))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.object = object_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        object_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.access,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        return value


@dataclass(slots=True)
class ACCESS3resok(_Value):
    """struct ACCESS3resok (nfs3.x:284)."""

    obj_attributes: post_op_attr
    access: uint32

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        out.append(_SI.pack(self.access))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.obj_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (value.access,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        return value


@dataclass(slots=True)
class ACCESS3resfail(_Value):
    """struct ACCESS3resfail (nfs3.x:289)."""

    obj_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_attributes = post_op_attr._take(cursor)
        return value


class ACCESS3res(_Value):
    """union ACCESS3res switch (nfsstat3 status) (nfs3.x:293)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> ACCESS3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(ACCESS3res_NFS3_OK)
            cursor.position += 4
            arm.resok = ACCESS3resok._take(cursor)
            return arm
        arm_2 = _new(ACCESS3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = ACCESS3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class ACCESS3res_NFS3_OK(ACCESS3res):
    """case 0 of union ACCESS3res (nfs3.x:294)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: ACCESS3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        ACCESS3resok._put(self.resok, out)


@dataclass(slots=True)
class ACCESS3res_default(ACCESS3res):
    """default of union ACCESS3res (nfs3.x:296)."""

    status: nfsstat3
    resfail: ACCESS3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "ACCESS3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        ACCESS3resfail._put(self.resfail, out)


@dataclass(slots=True)
class READLINK3args(_Value):
    """struct READLINK3args (nfs3.x:302)."""

    symlink: nfs_fh3

    def _put(self, out: _Out) -> None:
        symlink = self.symlink
        data_2: _Buffer = symlink.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.symlink = symlink = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        symlink.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class READLINK3resok(_Value):
    """struct READLINK3resok (nfs3.x:306)."""

    symlink_attributes: post_op_attr
    data: nfspath3

    def _put(self, out: _Out) -> None:
        if not isinstance(self.symlink_attributes, post_op_attr):
            raise TypeError
        self.symlink_attributes._put(out)
        data_2 = self.data.encode("utf-8", "surrogateescape")
        length = len(data_2)
        if length > 65536:
            raise _too_many(length, 65536)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.symlink_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 65536 or end > size:
            raise _overrun(data, position - 4, length, 65536)
        value.data = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class READLINK3resfail(_Value):
    """struct READLINK3resfail (nfs3.x:311)."""

    symlink_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.symlink_attributes, post_op_attr):
            raise TypeError
        self.symlink_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.symlink_attributes = post_op_attr._take(cursor)
        return value


class READLINK3res(_Value):
    """union READLINK3res switch (nfsstat3 status) (nfs3.x:315)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> READLINK3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(READLINK3res_NFS3_OK)
            cursor.position += 4
            arm.resok = READLINK3resok._take(cursor)
            return arm
        arm_2 = _new(READLINK3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = READLINK3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class READLINK3res_NFS3_OK(READLINK3res):
    """case 0 of union READLINK3res (nfs3.x:316)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: READLINK3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        READLINK3resok._put(self.resok, out)


@dataclass(slots=True)
class READLINK3res_default(READLINK3res):
    """default of union READLINK3res (nfs3.x:318)."""

    status: nfsstat3
    resfail: READLINK3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "READLINK3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        READLINK3resfail._put(self.resfail, out)


@dataclass(slots=True)
class READ3args(_Value):
    """struct READ3args (nfs3.x:324)."""

    file: nfs_fh3
    offset: offset3
    count: count3

    def _put(self, out: _Out) -> None:
        file = self.file
        data_2: _Buffer = file.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        out.append(_SQI.pack(self.offset, self.count))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.file = file = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        file.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.offset, value.count) = _SQI.unpack_from(data, position)
        cursor.position = position + 12
        return value


@dataclass(slots=True)
class READ3resok(_Value):
    """struct READ3resok (nfs3.x:330)."""

    file_attributes: post_op_attr
    count: count3
    eof: bool
    data: bytes

    def _put(self, out: _Out) -> None:
        if not isinstance(self.file_attributes, post_op_attr):
            raise TypeError
        self.file_attributes._put(out)
        data_2: _Buffer = self.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 4294967295)
        length = len(data_2)
        out.append(_SI3.pack(self.count, _FLAGS[self.eof], length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.file_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (value.count, value.eof, length) = _SI3.unpack_from(data, position)
        position += 12
        value.eof = _BOOLEANS[value.eof]
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class READ3resfail(_Value):
    """struct READ3resfail (nfs3.x:337)."""

    file_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.file_attributes, post_op_attr):
            raise TypeError
        self.file_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.file_attributes = post_op_attr._take(cursor)
        return value


class READ3res(_Value):
    """union READ3res switch (nfsstat3 status) (nfs3.x:341)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> READ3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(READ3res_NFS3_OK)
            cursor.position += 4
            arm.resok = READ3resok._take(cursor)
            return arm
        arm_2 = _new(READ3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = READ3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class READ3res_NFS3_OK(READ3res):
    """case 0 of union READ3res (nfs3.x:342)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: READ3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        READ3resok._put(self.resok, out)


@dataclass(slots=True)
class READ3res_default(READ3res):
    """default of union READ3res (nfs3.x:344)."""

    status: nfsstat3
    resfail: READ3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "READ3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        READ3resfail._put(self.resfail, out)


class stable_how(IntEnum):
    """enum stable_how (nfs3.x:350)."""

    UNSTABLE = 0
    DATA_SYNC = 1
    FILE_SYNC = 2


UNSTABLE: Final = stable_how.UNSTABLE
DATA_SYNC: Final = stable_how.DATA_SYNC
FILE_SYNC: Final = stable_how.FILE_SYNC
_stable_how_members: Final = _members(stable_how)
_stable_how_numbers: Final = {member: int(member) for member in stable_how}


@dataclass(slots=True)
class WRITE3args(_Value):
    """struct WRITE3args (nfs3.x:356)."""

    file: nfs_fh3
    offset: offset3
    count: count3
    stable: stable_how
    data: bytes

    def _put(self, out: _Out) -> None:
        file = self.file
        data_2: _Buffer = file.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        data_3: _Buffer = self.data
        if type(data_3) is not bytes:
            data_3 = _octets(data_3, 4294967295)
        length = len(data_3)
        out.append(_SQIiI.pack(self.offset, self.count, _stable_how_numbers[self.stable], length))
        out.append(data_3)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.file = file = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        file.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.offset, value.count, value.stable, length) = _SQIiI.unpack_from(data, position)
        position += 20
        value.stable = _stable_how_members[value.stable]
        end = position + length
        if end > size:
            raise _overrun(data, position - 4, length, 4294967295)
        value.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class WRITE3resok(_Value):
    """struct WRITE3resok (nfs3.x:364)."""

    file_wcc: wcc_data
    count: count3
    committed: stable_how
    verf: writeverf3

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.file_wcc, out)
        verf = self.verf
        if type(verf) is not bytes or len(verf) != 8:
            verf = _octets_exactly(verf, 8)
        out.append(_SIi_8s.pack(self.count, _stable_how_numbers[self.committed], verf))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.file_wcc = wcc_data._take(cursor)
        position = cursor.position
        (value.count, value.committed, value.verf) = _SIi_8s.unpack_from(data, position)
        position += 16
        value.committed = _stable_how_members[value.committed]
        cursor.position = position
        return value


@dataclass(slots=True)
class WRITE3resfail(_Value):
    """struct WRITE3resfail (nfs3.x:371)."""

    file_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.file_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.file_wcc = wcc_data._take(cursor)
        return value


class WRITE3res(_Value):
    """union WRITE3res switch (nfsstat3 status) (nfs3.x:375)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> WRITE3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(WRITE3res_NFS3_OK)
            cursor.position += 4
            arm.resok = WRITE3resok._take(cursor)
            return arm
        arm_2 = _new(WRITE3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = WRITE3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class WRITE3res_NFS3_OK(WRITE3res):
    """case 0 of union WRITE3res (nfs3.x:376)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: WRITE3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        WRITE3resok._put(self.resok, out)


@dataclass(slots=True)
class WRITE3res_default(WRITE3res):
    """default of union WRITE3res (nfs3.x:378)."""

    status: nfsstat3
    resfail: WRITE3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "WRITE3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        WRITE3resfail._put(self.resfail, out)


class createmode3(IntEnum):
    """enum createmode3 (nfs3.x:384)."""

    UNCHECKED = 0
    GUARDED = 1
    EXCLUSIVE = 2


UNCHECKED: Final = createmode3.UNCHECKED
GUARDED: Final = createmode3.GUARDED
EXCLUSIVE: Final = createmode3.EXCLUSIVE
_createmode3_members: Final = _members(createmode3)
_createmode3_numbers: Final = {member: int(member) for member in createmode3}


class createhow3(_Value):
    """union createhow3 switch (createmode3 mode) (nfs3.x:390)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def mode(self) -> createmode3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> createhow3:
        (mode,) = _Si.unpack_from(cursor.data, cursor.position)
        if mode in (0, 1):
            arm = _new(createhow3_UNCHECKED)
            arm.mode = _createmode3_members[mode]
            cursor.position += 4
            arm.obj_attributes = sattr3._take(cursor)
            return arm
        if mode == 2:
            arm_2 = _new(createhow3_EXCLUSIVE)
            data = cursor.data
            position = cursor.position + 4
            (arm_2.verf,) = _S8s.unpack_from(data, position)
            cursor.position = position + 8
            return arm_2
        raise _bad_discriminant("createhow3", mode, cursor.position)


@dataclass(slots=True)
class createhow3_UNCHECKED(createhow3):
    """case 0, case 1 of union createhow3 (nfs3.x:391)."""

    mode: createmode3
    obj_attributes: sattr3

    def _put(self, out: _Out) -> None:
        if self.mode not in {0, 1}:
            raise _not_a_case(self.mode, "createhow3_UNCHECKED")
        out.append(_Si.pack(_createmode3_numbers[self.mode]))
        sattr3._put(self.obj_attributes, out)


@dataclass(slots=True)
class createhow3_EXCLUSIVE(createhow3):
    """case 2 of union createhow3 (nfs3.x:394)."""

    mode: ClassVar[createmode3] = createmode3.EXCLUSIVE
    verf: createverf3

    def _put(self, out: _Out) -> None:
        verf = self.verf
        if type(verf) is not bytes or len(verf) != 8:
            verf = _octets_exactly(verf, 8)
        out.append(_Si_8s.pack(2, verf))


@dataclass(slots=True)
class CREATE3args(_Value):
    """struct CREATE3args (nfs3.x:398)."""

    where: diropargs3
    how: createhow3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.where, out)
        if not isinstance(self.how, createhow3):
            raise TypeError
        self.how._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.where = diropargs3._take(cursor)
        value.how = createhow3._take(cursor)
        return value


@dataclass(slots=True)
class CREATE3resok(_Value):
    """struct CREATE3resok (nfs3.x:403)."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj, post_op_fh3):
            raise TypeError
        self.obj._put(out)
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj = post_op_fh3._take(cursor)
        value.obj_attributes = post_op_attr._take(cursor)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class CREATE3resfail(_Value):
    """struct CREATE3resfail (nfs3.x:409)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class CREATE3res(_Value):
    """union CREATE3res switch (nfsstat3 status) (nfs3.x:413)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> CREATE3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(CREATE3res_NFS3_OK)
            cursor.position += 4
            arm.resok = CREATE3resok._take(cursor)
            return arm
        arm_2 = _new(CREATE3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = CREATE3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class CREATE3res_NFS3_OK(CREATE3res):
    """case 0 of union CREATE3res (nfs3.x:414)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: CREATE3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        CREATE3resok._put(self.resok, out)


@dataclass(slots=True)
class CREATE3res_default(CREATE3res):
    """default of union CREATE3res (nfs3.x:416)."""

    status: nfsstat3
    resfail: CREATE3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "CREATE3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        CREATE3resfail._put(self.resfail, out)


@dataclass(slots=True)
class MKDIR3args(_Value):
    """struct MKDIR3args (nfs3.x:422)."""

    where: diropargs3
    attributes: sattr3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.where, out)
        sattr3._put(self.attributes, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.where = diropargs3._take(cursor)
        value.attributes = sattr3._take(cursor)
        return value


@dataclass(slots=True)
class MKDIR3resok(_Value):
    """struct MKDIR3resok (nfs3.x:427)."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj, post_op_fh3):
            raise TypeError
        self.obj._put(out)
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj = post_op_fh3._take(cursor)
        value.obj_attributes = post_op_attr._take(cursor)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class MKDIR3resfail(_Value):
    """struct MKDIR3resfail (nfs3.x:433)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class MKDIR3res(_Value):
    """union MKDIR3res switch (nfsstat3 status) (nfs3.x:437)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> MKDIR3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(MKDIR3res_NFS3_OK)
            cursor.position += 4
            arm.resok = MKDIR3resok._take(cursor)
            return arm
        arm_2 = _new(MKDIR3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = MKDIR3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class MKDIR3res_NFS3_OK(MKDIR3res):
    """case 0 of union MKDIR3res (nfs3.x:438)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: MKDIR3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        MKDIR3resok._put(self.resok, out)


@dataclass(slots=True)
class MKDIR3res_default(MKDIR3res):
    """default of union MKDIR3res (nfs3.x:440)."""

    status: nfsstat3
    resfail: MKDIR3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "MKDIR3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        MKDIR3resfail._put(self.resfail, out)


@dataclass(slots=True)
class symlinkdata3(_Value):
    """struct symlinkdata3 (nfs3.x:446)."""

    symlink_attributes: sattr3
    symlink_data: nfspath3

    def _put(self, out: _Out) -> None:
        sattr3._put(self.symlink_attributes, out)
        symlink_data = self.symlink_data.encode("utf-8", "surrogateescape")
        length = len(symlink_data)
        if length > 65536:
            raise _too_many(length, 65536)
        out.append(_SI.pack(length))
        out.append(symlink_data)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        value.symlink_attributes = sattr3._take(cursor)
        position = cursor.position
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 65536 or end > size:
            raise _overrun(data, position - 4, length, 65536)
        value.symlink_data = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class SYMLINK3args(_Value):
    """struct SYMLINK3args (nfs3.x:451)."""

    where: diropargs3
    symlink: symlinkdata3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.where, out)
        symlinkdata3._put(self.symlink, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.where = diropargs3._take(cursor)
        value.symlink = symlinkdata3._take(cursor)
        return value


@dataclass(slots=True)
class SYMLINK3resok(_Value):
    """struct SYMLINK3resok (nfs3.x:456)."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj, post_op_fh3):
            raise TypeError
        self.obj._put(out)
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj = post_op_fh3._take(cursor)
        value.obj_attributes = post_op_attr._take(cursor)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class SYMLINK3resfail(_Value):
    """struct SYMLINK3resfail (nfs3.x:462)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class SYMLINK3res(_Value):
    """union SYMLINK3res switch (nfsstat3 status) (nfs3.x:466)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> SYMLINK3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(SYMLINK3res_NFS3_OK)
            cursor.position += 4
            arm.resok = SYMLINK3resok._take(cursor)
            return arm
        arm_2 = _new(SYMLINK3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = SYMLINK3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class SYMLINK3res_NFS3_OK(SYMLINK3res):
    """case 0 of union SYMLINK3res (nfs3.x:467)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: SYMLINK3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        SYMLINK3resok._put(self.resok, out)


@dataclass(slots=True)
class SYMLINK3res_default(SYMLINK3res):
    """default of union SYMLINK3res (nfs3.x:469)."""

    status: nfsstat3
    resfail: SYMLINK3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "SYMLINK3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        SYMLINK3resfail._put(self.resfail, out)


@dataclass(slots=True)
class devicedata3(_Value):
    """struct devicedata3 (nfs3.x:475)."""

    dev_attributes: sattr3
    spec: specdata3

    def _put(self, out: _Out) -> None:
        sattr3._put(self.dev_attributes, out)
        spec = self.spec
        out.append(_SI2.pack(spec.specdata1, spec.specdata2))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.dev_attributes = sattr3._take(cursor)
        position = cursor.position
        value.spec = spec = _new(specdata3)
        (spec.specdata1, spec.specdata2) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


class mknoddata3(_Value):
    """union mknoddata3 switch (ftype3 type) (nfs3.x:480)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def type(self) -> ftype3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> mknoddata3:
        (type_2,) = _Si.unpack_from(cursor.data, cursor.position)
        if type_2 in (4, 3):
            arm = _new(mknoddata3_NF3CHR)
            arm.type = _ftype3_members[type_2]
            cursor.position += 4
            arm.device = devicedata3._take(cursor)
            return arm
        if type_2 in (6, 7):
            arm_2 = _new(mknoddata3_NF3SOCK)
            arm_2.type = _ftype3_members[type_2]
            cursor.position += 4
            arm_2.pipe_attributes = sattr3._take(cursor)
            return arm_2
        arm_3 = _new(mknoddata3_default)
        arm_3.type = _ftype3_members[type_2]
        cursor.position += 4
        return arm_3


@dataclass(slots=True)
class mknoddata3_NF3CHR(mknoddata3):
    """case 4, case 3 of union mknoddata3 (nfs3.x:481)."""

    type: ftype3
    device: devicedata3

    def _put(self, out: _Out) -> None:
        if self.type not in {4, 3}:
            raise _not_a_case(self.type, "mknoddata3_NF3CHR")
        out.append(_Si.pack(_ftype3_numbers[self.type]))
        devicedata3._put(self.device, out)


@dataclass(slots=True)
class mknoddata3_NF3SOCK(mknoddata3):
    """case 6, case 7 of union mknoddata3 (nfs3.x:484)."""

    type: ftype3
    pipe_attributes: sattr3

    def _put(self, out: _Out) -> None:
        if self.type not in {6, 7}:
            raise _not_a_case(self.type, "mknoddata3_NF3SOCK")
        out.append(_Si.pack(_ftype3_numbers[self.type]))
        sattr3._put(self.pipe_attributes, out)


@dataclass(slots=True)
class mknoddata3_default(mknoddata3):
    """default of union mknoddata3 (nfs3.x:487)."""

    type: ftype3

    def _put(self, out: _Out) -> None:
        if self.type in {4, 3, 6, 7}:
            raise _not_a_case(self.type, "mknoddata3_default")
        out.append(_Si.pack(_ftype3_numbers[self.type]))


@dataclass(slots=True)
class MKNOD3args(_Value):
    """struct MKNOD3args (nfs3.x:491)."""

    where: diropargs3
    what: mknoddata3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.where, out)
        if not isinstance(self.what, mknoddata3):
            raise TypeError
        self.what._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.where = diropargs3._take(cursor)
        value.what = mknoddata3._take(cursor)
        return value


@dataclass(slots=True)
class MKNOD3resok(_Value):
    """struct MKNOD3resok (nfs3.x:496)."""

    obj: post_op_fh3
    obj_attributes: post_op_attr
    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj, post_op_fh3):
            raise TypeError
        self.obj._put(out)
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj = post_op_fh3._take(cursor)
        value.obj_attributes = post_op_attr._take(cursor)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class MKNOD3resfail(_Value):
    """struct MKNOD3resfail (nfs3.x:502)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class MKNOD3res(_Value):
    """union MKNOD3res switch (nfsstat3 status) (nfs3.x:506)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> MKNOD3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(MKNOD3res_NFS3_OK)
            cursor.position += 4
            arm.resok = MKNOD3resok._take(cursor)
            return arm
        arm_2 = _new(MKNOD3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = MKNOD3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class MKNOD3res_NFS3_OK(MKNOD3res):
    """case 0 of union MKNOD3res (nfs3.x:507)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: MKNOD3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        MKNOD3resok._put(self.resok, out)


@dataclass(slots=True)
class MKNOD3res_default(MKNOD3res):
    """default of union MKNOD3res (nfs3.x:509)."""

    status: nfsstat3
    resfail: MKNOD3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "MKNOD3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        MKNOD3resfail._put(self.resfail, out)


@dataclass(slots=True)
class REMOVE3args(_Value):
    """struct REMOVE3args (nfs3.x:515)."""

    object: diropargs3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.object, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.object = diropargs3._take(cursor)
        return value


@dataclass(slots=True)
class REMOVE3resok(_Value):
    """struct REMOVE3resok (nfs3.x:519)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class REMOVE3resfail(_Value):
    """struct REMOVE3resfail (nfs3.x:523)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class REMOVE3res(_Value):
    """union REMOVE3res switch (nfsstat3 status) (nfs3.x:527)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> REMOVE3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(REMOVE3res_NFS3_OK)
            cursor.position += 4
            arm.resok = REMOVE3resok._take(cursor)
            return arm
        arm_2 = _new(REMOVE3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = REMOVE3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class REMOVE3res_NFS3_OK(REMOVE3res):
    """case 0 of union REMOVE3res (nfs3.x:528)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: REMOVE3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        REMOVE3resok._put(self.resok, out)


@dataclass(slots=True)
class REMOVE3res_default(REMOVE3res):
    """default of union REMOVE3res (nfs3.x:530)."""

    status: nfsstat3
    resfail: REMOVE3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "REMOVE3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        REMOVE3resfail._put(self.resfail, out)


@dataclass(slots=True)
class RMDIR3args(_Value):
    """struct RMDIR3args (nfs3.x:534)."""

    object: diropargs3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.object, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.object = diropargs3._take(cursor)
        return value


@dataclass(slots=True)
class RMDIR3resok(_Value):
    """struct RMDIR3resok (nfs3.x:538)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class RMDIR3resfail(_Value):
    """struct RMDIR3resfail (nfs3.x:542)."""

    dir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.dir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_wcc = wcc_data._take(cursor)
        return value


class RMDIR3res(_Value):
    """union RMDIR3res switch (nfsstat3 status) (nfs3.x:546)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> RMDIR3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(RMDIR3res_NFS3_OK)
            cursor.position += 4
            arm.resok = RMDIR3resok._take(cursor)
            return arm
        arm_2 = _new(RMDIR3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = RMDIR3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class RMDIR3res_NFS3_OK(RMDIR3res):
    """case 0 of union RMDIR3res (nfs3.x:547)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: RMDIR3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        RMDIR3resok._put(self.resok, out)


@dataclass(slots=True)
class RMDIR3res_default(RMDIR3res):
    """default of union RMDIR3res (nfs3.x:549)."""

    status: nfsstat3
    resfail: RMDIR3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "RMDIR3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        RMDIR3resfail._put(self.resfail, out)


@dataclass(slots=True)
class RENAME3args(_Value):
    """struct RENAME3args (nfs3.x:556)."""

    fromfile: diropargs3
    tofile: diropargs3

    def _put(self, out: _Out) -> None:
        diropargs3._put(self.fromfile, out)
        diropargs3._put(self.tofile, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.fromfile = diropargs3._take(cursor)
        value.tofile = diropargs3._take(cursor)
        return value


@dataclass(slots=True)
class RENAME3resok(_Value):
    """struct RENAME3resok (nfs3.x:561)."""

    fromdir_wcc: wcc_data
    todir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.fromdir_wcc, out)
        wcc_data._put(self.todir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.fromdir_wcc = wcc_data._take(cursor)
        value.todir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class RENAME3resfail(_Value):
    """struct RENAME3resfail (nfs3.x:566)."""

    fromdir_wcc: wcc_data
    todir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.fromdir_wcc, out)
        wcc_data._put(self.todir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.fromdir_wcc = wcc_data._take(cursor)
        value.todir_wcc = wcc_data._take(cursor)
        return value


class RENAME3res(_Value):
    """union RENAME3res switch (nfsstat3 status) (nfs3.x:571)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> RENAME3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(RENAME3res_NFS3_OK)
            cursor.position += 4
            arm.resok = RENAME3resok._take(cursor)
            return arm
        arm_2 = _new(RENAME3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = RENAME3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class RENAME3res_NFS3_OK(RENAME3res):
    """case 0 of union RENAME3res (nfs3.x:572)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: RENAME3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        RENAME3resok._put(self.resok, out)


@dataclass(slots=True)
class RENAME3res_default(RENAME3res):
    """default of union RENAME3res (nfs3.x:574)."""

    status: nfsstat3
    resfail: RENAME3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "RENAME3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        RENAME3resfail._put(self.resfail, out)


@dataclass(slots=True)
class LINK3args(_Value):
    """struct LINK3args (nfs3.x:580)."""

    file: nfs_fh3
    link: diropargs3

    def _put(self, out: _Out) -> None:
        file = self.file
        data_2: _Buffer = file.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        diropargs3._put(self.link, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.file = file = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        file.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        value.link = diropargs3._take(cursor)
        return value


@dataclass(slots=True)
class LINK3resok(_Value):
    """struct LINK3resok (nfs3.x:585)."""

    file_attributes: post_op_attr
    linkdir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.file_attributes, post_op_attr):
            raise TypeError
        self.file_attributes._put(out)
        wcc_data._put(self.linkdir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.file_attributes = post_op_attr._take(cursor)
        value.linkdir_wcc = wcc_data._take(cursor)
        return value


@dataclass(slots=True)
class LINK3resfail(_Value):
    """struct LINK3resfail (nfs3.x:590)."""

    file_attributes: post_op_attr
    linkdir_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        if not isinstance(self.file_attributes, post_op_attr):
            raise TypeError
        self.file_attributes._put(out)
        wcc_data._put(self.linkdir_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.file_attributes = post_op_attr._take(cursor)
        value.linkdir_wcc = wcc_data._take(cursor)
        return value


class LINK3res(_Value):
    """union LINK3res switch (nfsstat3 status) (nfs3.x:595)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> LINK3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(LINK3res_NFS3_OK)
            cursor.position += 4
            arm.resok = LINK3resok._take(cursor)
            return arm
        arm_2 = _new(LINK3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = LINK3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class LINK3res_NFS3_OK(LINK3res):
    """case 0 of union LINK3res (nfs3.x:596)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: LINK3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        LINK3resok._put(self.resok, out)


@dataclass(slots=True)
class LINK3res_default(LINK3res):
    """default of union LINK3res (nfs3.x:598)."""

    status: nfsstat3
    resfail: LINK3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "LINK3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        LINK3resfail._put(self.resfail, out)


@dataclass(slots=True)
class READDIR3args(_Value):
    """struct READDIR3args (nfs3.x:604)."""

    dir: nfs_fh3
    cookie: cookie3
    cookieverf: cookieverf3
    count: count3

    def _put(self, out: _Out) -> None:
        dir_2 = self.dir
        data_2: _Buffer = dir_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        cookieverf = self.cookieverf
        if type(cookieverf) is not bytes or len(cookieverf) != 8:
            cookieverf = _octets_exactly(cookieverf, 8)
        out.append(_SQ_8sI.pack(self.cookie, cookieverf, self.count))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.dir = dir_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        dir_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.cookie, value.cookieverf, value.count) = _SQ_8sI.unpack_from(data, position)
        cursor.position = position + 20
        return value


@dataclass(slots=True)
class entry3(_Node):
    """struct entry3 (nfs3.x:611)."""

    fileid: fileid3
    name: filename3
    cookie: cookie3

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            name = node.name.encode("utf-8", "surrogateescape")
            length = len(name)
            if length > 4096:
                raise _too_many(length, 4096)
            out.append(_SIQI.pack(1, node.fileid, length))
            out.append(name)
            if length & 3:
                out.append(_ZEROS[length & 3])
            out.append(_SQ.pack(node.cookie))
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
            (node.fileid, length) = _SQI.unpack_from(data, position)
            position += 12
            end = position + length
            if length > 4096 or end > size:
                raise _overrun(data, position - 4, length, 4096)
            node.name = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            (node.cookie, more) = _SQI.unpack_from(data, position)
            position += 12
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


@dataclass(slots=True)
class dirlist3(_Value):
    """struct dirlist3 (nfs3.x:618)."""

    entries: list[entry3]
    eof: bool

    def _put(self, out: _Out) -> None:
        entry3._put_chain(self.entries, out)
        out.append(_SI.pack(_FLAGS[self.eof]))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.entries = entry3._take_chain(cursor)
        position = cursor.position
        (value.eof,) = _SI.unpack_from(data, position)
        position += 4
        value.eof = _BOOLEANS[value.eof]
        cursor.position = position
        return value


@dataclass(slots=True)
class READDIR3resok(_Value):
    """struct READDIR3resok (nfs3.x:623)."""

    dir_attributes: post_op_attr
    cookieverf: cookieverf3
    reply: dirlist3

    def _put(self, out: _Out) -> None:
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)
        cookieverf = self.cookieverf
        if type(cookieverf) is not bytes or len(cookieverf) != 8:
            cookieverf = _octets_exactly(cookieverf, 8)
        out.append(_S8s.pack(cookieverf))
        dirlist3._put(self.reply, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.dir_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (value.cookieverf,) = _S8s.unpack_from(data, position)
        cursor.position = position + 8
        value.reply = dirlist3._take(cursor)
        return value


@dataclass(slots=True)
class READDIR3resfail(_Value):
    """struct READDIR3resfail (nfs3.x:629)."""

    dir_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_attributes = post_op_attr._take(cursor)
        return value


class READDIR3res(_Value):
    """union READDIR3res switch (nfsstat3 status) (nfs3.x:633)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> READDIR3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(READDIR3res_NFS3_OK)
            cursor.position += 4
            arm.resok = READDIR3resok._take(cursor)
            return arm
        arm_2 = _new(READDIR3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = READDIR3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class READDIR3res_NFS3_OK(READDIR3res):
    """case 0 of union READDIR3res (nfs3.x:634)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: READDIR3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        READDIR3resok._put(self.resok, out)


@dataclass(slots=True)
class READDIR3res_default(READDIR3res):
    """default of union READDIR3res (nfs3.x:636)."""

    status: nfsstat3
    resfail: READDIR3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "READDIR3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        READDIR3resfail._put(self.resfail, out)


@dataclass(slots=True)
class READDIRPLUS3args(_Value):
    """struct READDIRPLUS3args (nfs3.x:642)."""

    dir: nfs_fh3
    cookie: cookie3
    cookieverf: cookieverf3
    dircount: count3
    maxcount: count3

    def _put(self, out: _Out) -> None:
        dir_2 = self.dir
        data_2: _Buffer = dir_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        cookieverf = self.cookieverf
        if type(cookieverf) is not bytes or len(cookieverf) != 8:
            cookieverf = _octets_exactly(cookieverf, 8)
        out.append(_SQ_8sI2.pack(self.cookie, cookieverf, self.dircount, self.maxcount))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.dir = dir_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        dir_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.cookie, value.cookieverf, value.dircount, value.maxcount) = _SQ_8sI2.unpack_from(data, position)
        cursor.position = position + 24
        return value


@dataclass(slots=True)
class entryplus3(_Node):
    """struct entryplus3 (nfs3.x:650)."""

    fileid: fileid3
    name: filename3
    cookie: cookie3
    name_attributes: post_op_attr
    name_handle: post_op_fh3

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            name = node.name.encode("utf-8", "surrogateescape")
            length = len(name)
            if length > 4096:
                raise _too_many(length, 4096)
            out.append(_SIQI.pack(1, node.fileid, length))
            out.append(name)
            if length & 3:
                out.append(_ZEROS[length & 3])
            name_attributes = node.name_attributes
            name_handle = node.name_handle
            if type(name_attributes) is post_op_attr_TRUE and type(name_handle) is post_op_fh3_TRUE:
                attributes = name_attributes.attributes
                rdev = attributes.rdev
                atime = attributes.atime
                mtime = attributes.mtime
                ctime = attributes.ctime
                handle = name_handle.handle
                data_2: _Buffer = handle.data
                if type(data_2) is not bytes:
                    data_2 = _octets(data_2, 64)
                length = len(data_2)
                if length > 64:
                    raise _too_many(length, 64)
                out.append(
                    _SQIiI4Q2I2Q2I8.pack(
                        node.cookie,
                        1,
                        _ftype3_numbers[attributes.type],
                        attributes.mode,
                        attributes.nlink,
                        attributes.uid,
                        attributes.gid,
                        attributes.size,
                        attributes.used,
                        rdev.specdata1,
                        rdev.specdata2,
                        attributes.fsid,
                        attributes.fileid,
                        atime.seconds,
                        atime.nseconds,
                        mtime.seconds,
                        mtime.nseconds,
                        ctime.seconds,
                        ctime.nseconds,
                        1,
                        length,
                    )
                )
                out.append(data_2)
                if length & 3:
                    out.append(_ZEROS[length & 3])
            else:
                out.append(_SQ.pack(node.cookie))
                if not isinstance(name_attributes, post_op_attr):
                    raise TypeError
                name_attributes._put(out)
                if not isinstance(name_handle, post_op_fh3):
                    raise TypeError
                name_handle._put(out)
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
            (node.fileid, length) = _SQI.unpack_from(data, position)
            position += 12
            end = position + length
            if length > 4096 or end > size:
                raise _overrun(data, position - 4, length, 4096)
            node.name = wire[position:end].decode("utf-8", "surrogateescape")
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            (node.cookie, attributes_follow) = _SQI.unpack_from(data, position)
            position += 12
            if attributes_follow == 1:
                node.name_attributes = arm = _new(post_op_attr_TRUE)
                arm.attributes = attributes = _new(fattr3)
                attributes.rdev = rdev = _new(specdata3)
                attributes.atime = atime = _new(nfstime3)
                attributes.mtime = mtime = _new(nfstime3)
                attributes.ctime = ctime = _new(nfstime3)
                (
                    attributes.type,
                    attributes.mode,
                    attributes.nlink,
                    attributes.uid,
                    attributes.gid,
                    attributes.size,
                    attributes.used,
                    rdev.specdata1,
                    rdev.specdata2,
                    attributes.fsid,
                    attributes.fileid,
                    atime.seconds,
                    atime.nseconds,
                    mtime.seconds,
                    mtime.nseconds,
                    ctime.seconds,
                    ctime.nseconds,
                    handle_follows,
                    length,
                ) = _SiI4Q2I2Q2I8.unpack_from(data, position)
                position += 92
                attributes.type = _ftype3_members[attributes.type]
            elif attributes_follow == 0:
                node.name_attributes = _new(post_op_attr_FALSE)
                (handle_follows, length) = _SI2.unpack_from(data, position)
                position += 8
            else:
                raise _bad_discriminant("post_op_attr", attributes_follow, position - 4)
            if handle_follows == 1:
                node.name_handle = arm_2 = _new(post_op_fh3_TRUE)
                arm_2.handle = handle = _new(nfs_fh3)
                end = position + length
                if length > 64 or end > size:
                    raise _overrun(data, position - 4, length, 64)
                handle.data = wire[position:end]
                position = end
                if length & 3:
                    position += 4 - (length & 3)
                    if wire[end:position] != _ZEROS[length & 3]:
                        raise _bad_padding(end)
                (more,) = _SI.unpack_from(data, position)
                position += 4
            elif handle_follows == 0:
                node.name_handle = _new(post_op_fh3_FALSE)
                more = length  # read ahead
            else:
                raise _bad_discriminant("post_op_fh3", handle_follows, position - 8)
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


@dataclass(slots=True)
class dirlistplus3(_Value):
    """struct dirlistplus3 (nfs3.x:659)."""

    entries: list[entryplus3]
    eof: bool

    def _put(self, out: _Out) -> None:
        entryplus3._put_chain(self.entries, out)
        out.append(_SI.pack(_FLAGS[self.eof]))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.entries = entryplus3._take_chain(cursor)
        position = cursor.position
        (value.eof,) = _SI.unpack_from(data, position)
        position += 4
        value.eof = _BOOLEANS[value.eof]
        cursor.position = position
        return value


@dataclass(slots=True)
class READDIRPLUS3resok(_Value):
    """struct READDIRPLUS3resok (nfs3.x:664)."""

    dir_attributes: post_op_attr
    cookieverf: cookieverf3
    reply: dirlistplus3

    def _put(self, out: _Out) -> None:
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)
        cookieverf = self.cookieverf
        if type(cookieverf) is not bytes or len(cookieverf) != 8:
            cookieverf = _octets_exactly(cookieverf, 8)
        out.append(_S8s.pack(cookieverf))
        dirlistplus3._put(self.reply, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.dir_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (value.cookieverf,) = _S8s.unpack_from(data, position)
        cursor.position = position + 8
        value.reply = dirlistplus3._take(cursor)
        return value


@dataclass(slots=True)
class READDIRPLUS3resfail(_Value):
    """struct READDIRPLUS3resfail (nfs3.x:670)."""

    dir_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.dir_attributes, post_op_attr):
            raise TypeError
        self.dir_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.dir_attributes = post_op_attr._take(cursor)
        return value


class READDIRPLUS3res(_Value):
    """union READDIRPLUS3res switch (nfsstat3 status) (nfs3.x:674)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> READDIRPLUS3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(READDIRPLUS3res_NFS3_OK)
            cursor.position += 4
            arm.resok = READDIRPLUS3resok._take(cursor)
            return arm
        arm_2 = _new(READDIRPLUS3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = READDIRPLUS3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class READDIRPLUS3res_NFS3_OK(READDIRPLUS3res):
    """case 0 of union READDIRPLUS3res (nfs3.x:675)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: READDIRPLUS3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        READDIRPLUS3resok._put(self.resok, out)


@dataclass(slots=True)
class READDIRPLUS3res_default(READDIRPLUS3res):
    """default of union READDIRPLUS3res (nfs3.x:677)."""

    status: nfsstat3
    resfail: READDIRPLUS3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "READDIRPLUS3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        READDIRPLUS3resfail._put(self.resfail, out)


@dataclass(slots=True)
class FSSTAT3args(_Value):
    """struct FSSTAT3args (nfs3.x:683)."""

    fsroot: nfs_fh3

    def _put(self, out: _Out) -> None:
        fsroot = self.fsroot
        data_2: _Buffer = fsroot.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.fsroot = fsroot = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        fsroot.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class FSSTAT3resok(_Value):
    """struct FSSTAT3resok (nfs3.x:687)."""

    obj_attributes: post_op_attr
    tbytes: size3
    fbytes: size3
    abytes: size3
    tfiles: size3
    ffiles: size3
    afiles: size3
    invarsec: uint32

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        out.append(
            _SQ6I.pack(self.tbytes, self.fbytes, self.abytes, self.tfiles, self.ffiles, self.afiles, self.invarsec)
        )

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.obj_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (
            value.tbytes,
            value.fbytes,
            value.abytes,
            value.tfiles,
            value.ffiles,
            value.afiles,
            value.invarsec,
        ) = _SQ6I.unpack_from(data, position)
        cursor.position = position + 52
        return value


@dataclass(slots=True)
class FSSTAT3resfail(_Value):
    """struct FSSTAT3resfail (nfs3.x:698)."""

    obj_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_attributes = post_op_attr._take(cursor)
        return value


class FSSTAT3res(_Value):
    """union FSSTAT3res switch (nfsstat3 status) (nfs3.x:702)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> FSSTAT3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(FSSTAT3res_NFS3_OK)
            cursor.position += 4
            arm.resok = FSSTAT3resok._take(cursor)
            return arm
        arm_2 = _new(FSSTAT3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = FSSTAT3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class FSSTAT3res_NFS3_OK(FSSTAT3res):
    """case 0 of union FSSTAT3res (nfs3.x:703)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: FSSTAT3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        FSSTAT3resok._put(self.resok, out)


@dataclass(slots=True)
class FSSTAT3res_default(FSSTAT3res):
    """default of union FSSTAT3res (nfs3.x:705)."""

    status: nfsstat3
    resfail: FSSTAT3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "FSSTAT3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        FSSTAT3resfail._put(self.resfail, out)


FSF3_LINK: Final[int] = 1
FSF3_SYMLINK: Final[int] = 2
FSF3_HOMOGENEOUS: Final[int] = 8
FSF3_CANSETTIME: Final[int] = 16


@dataclass(slots=True)
class FSINFO3args(_Value):
    """struct FSINFO3args (nfs3.x:716)."""

    fsroot: nfs_fh3

    def _put(self, out: _Out) -> None:
        fsroot = self.fsroot
        data_2: _Buffer = fsroot.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.fsroot = fsroot = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        fsroot.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class FSINFO3resok(_Value):
    """struct FSINFO3resok (nfs3.x:720)."""

    obj_attributes: post_op_attr
    rtmax: uint32
    rtpref: uint32
    rtmult: uint32
    wtmax: uint32
    wtpref: uint32
    wtmult: uint32
    dtpref: uint32
    maxfilesize: size3
    time_delta: nfstime3
    properties: uint32

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        time_delta = self.time_delta
        out.append(
            _SI7QI3.pack(
                self.rtmax,
                self.rtpref,
                self.rtmult,
                self.wtmax,
                self.wtpref,
                self.wtmult,
                self.dtpref,
                self.maxfilesize,
                time_delta.seconds,
                time_delta.nseconds,
                self.properties,
            )
        )

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.obj_attributes = post_op_attr._take(cursor)
        position = cursor.position
        value.time_delta = time_delta = _new(nfstime3)
        (
            value.rtmax,
            value.rtpref,
            value.rtmult,
            value.wtmax,
            value.wtpref,
            value.wtmult,
            value.dtpref,
            value.maxfilesize,
            time_delta.seconds,
            time_delta.nseconds,
            value.properties,
        ) = _SI7QI3.unpack_from(data, position)
        cursor.position = position + 48
        return value


@dataclass(slots=True)
class FSINFO3resfail(_Value):
    """struct FSINFO3resfail (nfs3.x:734)."""

    obj_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_attributes = post_op_attr._take(cursor)
        return value


class FSINFO3res(_Value):
    """union FSINFO3res switch (nfsstat3 status) (nfs3.x:738)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> FSINFO3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(FSINFO3res_NFS3_OK)
            cursor.position += 4
            arm.resok = FSINFO3resok._take(cursor)
            return arm
        arm_2 = _new(FSINFO3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = FSINFO3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class FSINFO3res_NFS3_OK(FSINFO3res):
    """case 0 of union FSINFO3res (nfs3.x:739)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: FSINFO3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        FSINFO3resok._put(self.resok, out)


@dataclass(slots=True)
class FSINFO3res_default(FSINFO3res):
    """default of union FSINFO3res (nfs3.x:741)."""

    status: nfsstat3
    resfail: FSINFO3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "FSINFO3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        FSINFO3resfail._put(self.resfail, out)


@dataclass(slots=True)
class PATHCONF3args(_Value):
    """struct PATHCONF3args (nfs3.x:747)."""

    object: nfs_fh3

    def _put(self, out: _Out) -> None:
        object_2 = self.object
        data_2: _Buffer = object_2.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.object = object_2 = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        object_2.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class PATHCONF3resok(_Value):
    """struct PATHCONF3resok (nfs3.x:751)."""

    obj_attributes: post_op_attr
    linkmax: uint32
    name_max: uint32
    no_trunc: bool
    chown_restricted: bool
    case_insensitive: bool
    case_preserving: bool

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)
        out.append(
            _SI6.pack(
                self.linkmax,
                self.name_max,
                _FLAGS[self.no_trunc],
                _FLAGS[self.chown_restricted],
                _FLAGS[self.case_insensitive],
                _FLAGS[self.case_preserving],
            )
        )

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.obj_attributes = post_op_attr._take(cursor)
        position = cursor.position
        (
            value.linkmax,
            value.name_max,
            value.no_trunc,
            value.chown_restricted,
            value.case_insensitive,
            value.case_preserving,
        ) = _SI6.unpack_from(data, position)
        position += 24
        value.no_trunc = _BOOLEANS[value.no_trunc]
        value.chown_restricted = _BOOLEANS[value.chown_restricted]
        value.case_insensitive = _BOOLEANS[value.case_insensitive]
        value.case_preserving = _BOOLEANS[value.case_preserving]
        cursor.position = position
        return value


@dataclass(slots=True)
class PATHCONF3resfail(_Value):
    """struct PATHCONF3resfail (nfs3.x:761)."""

    obj_attributes: post_op_attr

    def _put(self, out: _Out) -> None:
        if not isinstance(self.obj_attributes, post_op_attr):
            raise TypeError
        self.obj_attributes._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.obj_attributes = post_op_attr._take(cursor)
        return value


class PATHCONF3res(_Value):
    """union PATHCONF3res switch (nfsstat3 status) (nfs3.x:765)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> PATHCONF3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(PATHCONF3res_NFS3_OK)
            cursor.position += 4
            arm.resok = PATHCONF3resok._take(cursor)
            return arm
        arm_2 = _new(PATHCONF3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = PATHCONF3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class PATHCONF3res_NFS3_OK(PATHCONF3res):
    """case 0 of union PATHCONF3res (nfs3.x:766)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: PATHCONF3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        PATHCONF3resok._put(self.resok, out)


@dataclass(slots=True)
class PATHCONF3res_default(PATHCONF3res):
    """default of union PATHCONF3res (nfs3.x:768)."""

    status: nfsstat3
    resfail: PATHCONF3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "PATHCONF3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        PATHCONF3resfail._put(self.resfail, out)


@dataclass(slots=True)
class COMMIT3args(_Value):
    """struct COMMIT3args (nfs3.x:774)."""

    file: nfs_fh3
    offset: offset3
    count: count3

    def _put(self, out: _Out) -> None:
        file = self.file
        data_2: _Buffer = file.data
        if type(data_2) is not bytes:
            data_2 = _octets(data_2, 64)
        length = len(data_2)
        if length > 64:
            raise _too_many(length, 64)
        out.append(_SI.pack(length))
        out.append(data_2)
        if length & 3:
            out.append(_ZEROS[length & 3])
        out.append(_SQI.pack(self.offset, self.count))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        value.file = file = _new(nfs_fh3)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 64 or end > size:
            raise _overrun(data, position - 4, length, 64)
        file.data = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.offset, value.count) = _SQI.unpack_from(data, position)
        cursor.position = position + 12
        return value


@dataclass(slots=True)
class COMMIT3resok(_Value):
    """struct COMMIT3resok (nfs3.x:780)."""

    file_wcc: wcc_data
    verf: writeverf3

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.file_wcc, out)
        verf = self.verf
        if type(verf) is not bytes or len(verf) != 8:
            verf = _octets_exactly(verf, 8)
        out.append(_S8s.pack(verf))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        value.file_wcc = wcc_data._take(cursor)
        position = cursor.position
        (value.verf,) = _S8s.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class COMMIT3resfail(_Value):
    """struct COMMIT3resfail (nfs3.x:785)."""

    file_wcc: wcc_data

    def _put(self, out: _Out) -> None:
        wcc_data._put(self.file_wcc, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        value.file_wcc = wcc_data._take(cursor)
        return value


class COMMIT3res(_Value):
    """union COMMIT3res switch (nfsstat3 status) (nfs3.x:789)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def status(self) -> nfsstat3: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> COMMIT3res:
        (status,) = _Si.unpack_from(cursor.data, cursor.position)
        if status == 0:
            arm = _new(COMMIT3res_NFS3_OK)
            cursor.position += 4
            arm.resok = COMMIT3resok._take(cursor)
            return arm
        arm_2 = _new(COMMIT3res_default)
        arm_2.status = _nfsstat3_members[status]
        cursor.position += 4
        arm_2.resfail = COMMIT3resfail._take(cursor)
        return arm_2


@dataclass(slots=True)
class COMMIT3res_NFS3_OK(COMMIT3res):
    """case 0 of union COMMIT3res (nfs3.x:790)."""

    status: ClassVar[nfsstat3] = nfsstat3.NFS3_OK
    resok: COMMIT3resok

    def _put(self, out: _Out) -> None:
        out.append(_Si.pack(0))
        COMMIT3resok._put(self.resok, out)


@dataclass(slots=True)
class COMMIT3res_default(COMMIT3res):
    """default of union COMMIT3res (nfs3.x:792)."""

    status: nfsstat3
    resfail: COMMIT3resfail

    def _put(self, out: _Out) -> None:
        if self.status in {0}:
            raise _not_a_case(self.status, "COMMIT3res_default")
        out.append(_Si.pack(_nfsstat3_numbers[self.status]))
        COMMIT3resfail._put(self.resfail, out)


CODECS: Final[dict[str, _Codec[Any]]] = {
    "nfsstat3": _codec(nfsstat3),
    "ftype3": _codec(ftype3),
    "specdata3": _struct(specdata3, ("specdata1", _UNSIGNED), ("specdata2", _UNSIGNED)),
    "nfs_fh3": _struct(nfs_fh3, ("data", _opaque(64))),
    "nfstime3": _struct(nfstime3, ("seconds", _UNSIGNED), ("nseconds", _UNSIGNED)),
    "fattr3": _struct(
        fattr3,
        ("type", ftype3),
        ("mode", _UNSIGNED),
        ("nlink", _UNSIGNED),
        ("uid", _UNSIGNED),
        ("gid", _UNSIGNED),
        ("size", _UNSIGNED_64),
        ("used", _UNSIGNED_64),
        ("rdev", specdata3),
        ("fsid", _UNSIGNED_64),
        ("fileid", _UNSIGNED_64),
        ("atime", nfstime3),
        ("mtime", nfstime3),
        ("ctime", nfstime3),
    ),
    "post_op_attr": _union(
        post_op_attr,
        "attributes_follow",
        _BOOL,
        _arm(post_op_attr_TRUE, (1,), ("attributes", fattr3)),
        _arm(post_op_attr_FALSE, (0,)),
    ),
    "wcc_attr": _struct(wcc_attr, ("size", _UNSIGNED_64), ("mtime", nfstime3), ("ctime", nfstime3)),
    "pre_op_attr": _union(
        pre_op_attr,
        "attributes_follow",
        _BOOL,
        _arm(pre_op_attr_TRUE, (1,), ("attributes", wcc_attr)),
        _arm(pre_op_attr_FALSE, (0,)),
    ),
    "wcc_data": _struct(wcc_data, ("before", pre_op_attr), ("after", post_op_attr)),
    "post_op_fh3": _union(
        post_op_fh3,
        "handle_follows",
        _BOOL,
        _arm(post_op_fh3_TRUE, (1,), ("handle", nfs_fh3)),
        _arm(post_op_fh3_FALSE, (0,)),
    ),
    "time_how": _codec(time_how),
    "set_mode3": _union(
        set_mode3,
        "set_it",
        _BOOL,
        _arm(set_mode3_TRUE, (1,), ("mode", _UNSIGNED)),
        _arm(set_mode3_default, None),
    ),
    "set_uid3": _union(
        set_uid3,
        "set_it",
        _BOOL,
        _arm(set_uid3_TRUE, (1,), ("uid", _UNSIGNED)),
        _arm(set_uid3_default, None),
    ),
    "set_gid3": _union(
        set_gid3,
        "set_it",
        _BOOL,
        _arm(set_gid3_TRUE, (1,), ("gid", _UNSIGNED)),
        _arm(set_gid3_default, None),
    ),
    "set_size3": _union(
        set_size3,
        "set_it",
        _BOOL,
        _arm(set_size3_TRUE, (1,), ("size", _UNSIGNED_64)),
        _arm(set_size3_default, None),
    ),
    "set_atime": _union(
        set_atime,
        "set_it",
        time_how,
        _arm(set_atime_SET_TO_CLIENT_TIME, (2,), ("atime", nfstime3)),
        _arm(set_atime_default, None),
    ),
    "set_mtime": _union(
        set_mtime,
        "set_it",
        time_how,
        _arm(set_mtime_SET_TO_CLIENT_TIME, (2,), ("mtime", nfstime3)),
        _arm(set_mtime_default, None),
    ),
    "sattr3": _struct(
        sattr3,
        ("mode", set_mode3),
        ("uid", set_uid3),
        ("gid", set_gid3),
        ("size", set_size3),
        ("atime", set_atime),
        ("mtime", set_mtime),
    ),
    "diropargs3": _struct(diropargs3, ("dir", nfs_fh3), ("name", _string(4096))),
    "GETATTR3args": _struct(GETATTR3args, ("object", nfs_fh3)),
    "GETATTR3resok": _struct(GETATTR3resok, ("obj_attributes", fattr3)),
    "GETATTR3res": _union(
        GETATTR3res,
        "status",
        nfsstat3,
        _arm(GETATTR3res_NFS3_OK, (0,), ("resok", GETATTR3resok)),
        _arm(GETATTR3res_default, None),
    ),
    "sattrguard3": _union(
        sattrguard3,
        "check",
        _BOOL,
        _arm(sattrguard3_TRUE, (1,), ("obj_ctime", nfstime3)),
        _arm(sattrguard3_FALSE, (0,)),
    ),
    "SETATTR3args": _struct(SETATTR3args, ("object", nfs_fh3), ("new_attributes", sattr3), ("guard", sattrguard3)),
    "SETATTR3resok": _struct(SETATTR3resok, ("obj_wcc", wcc_data)),
    "SETATTR3resfail": _struct(SETATTR3resfail, ("obj_wcc", wcc_data)),
    "SETATTR3res": _union(
        SETATTR3res,
        "status",
        nfsstat3,
        _arm(SETATTR3res_NFS3_OK, (0,), ("resok", SETATTR3resok)),
        _arm(SETATTR3res_default, None, ("resfail", SETATTR3resfail)),
    ),
    "LOOKUP3args": _struct(LOOKUP3args, ("what", diropargs3)),
    "LOOKUP3resok": _struct(
        LOOKUP3resok, ("object", nfs_fh3), ("obj_attributes", post_op_attr), ("dir_attributes", post_op_attr)
    ),
    "LOOKUP3resfail": _struct(LOOKUP3resfail, ("dir_attributes", post_op_attr)),
    "LOOKUP3res": _union(
        LOOKUP3res,
        "status",
        nfsstat3,
        _arm(LOOKUP3res_NFS3_OK, (0,), ("resok", LOOKUP3resok)),
        _arm(LOOKUP3res_default, None, ("resfail", LOOKUP3resfail)),
    ),
    "ACCESS3args": _struct(ACCESS3args, ("object", nfs_fh3), ("access", _UNSIGNED)),
    "ACCESS3resok": _struct(ACCESS3resok, ("obj_attributes", post_op_attr), ("access", _UNSIGNED)),
    "ACCESS3resfail": _struct(ACCESS3resfail, ("obj_attributes", post_op_attr)),
    "ACCESS3res": _union(
        ACCESS3res,
        "status",
        nfsstat3,
        _arm(ACCESS3res_NFS3_OK, (0,), ("resok", ACCESS3resok)),
        _arm(ACCESS3res_default, None, ("resfail", ACCESS3resfail)),
    ),
    "READLINK3args": _struct(READLINK3args, ("symlink", nfs_fh3)),
    "READLINK3resok": _struct(READLINK3resok, ("symlink_attributes", post_op_attr), ("data", _string(65536))),
    "READLINK3resfail": _struct(READLINK3resfail, ("symlink_attributes", post_op_attr)),
    "READLINK3res": _union(
        READLINK3res,
        "status",
        nfsstat3,
        _arm(READLINK3res_NFS3_OK, (0,), ("resok", READLINK3resok)),
        _arm(READLINK3res_default, None, ("resfail", READLINK3resfail)),
    ),
    "READ3args": _struct(READ3args, ("file", nfs_fh3), ("offset", _UNSIGNED_64), ("count", _UNSIGNED)),
    "READ3resok": _struct(
        READ3resok,
        ("file_attributes", post_op_attr),
        ("count", _UNSIGNED),
        ("eof", _BOOL),
        ("data", _opaque(4294967295)),
    ),
    "READ3resfail": _struct(READ3resfail, ("file_attributes", post_op_attr)),
    "READ3res": _union(
        READ3res,
        "status",
        nfsstat3,
        _arm(READ3res_NFS3_OK, (0,), ("resok", READ3resok)),
        _arm(READ3res_default, None, ("resfail", READ3resfail)),
    ),
    "stable_how": _codec(stable_how),
    "WRITE3args": _struct(
        WRITE3args,
        ("file", nfs_fh3),
        ("offset", _UNSIGNED_64),
        ("count", _UNSIGNED),
        ("stable", stable_how),
        ("data", _opaque(4294967295)),
    ),
    "WRITE3resok": _struct(
        WRITE3resok, ("file_wcc", wcc_data), ("count", _UNSIGNED), ("committed", stable_how), ("verf", _opaque_fixed(8))
    ),
    "WRITE3resfail": _struct(WRITE3resfail, ("file_wcc", wcc_data)),
    "WRITE3res": _union(
        WRITE3res,
        "status",
        nfsstat3,
        _arm(WRITE3res_NFS3_OK, (0,), ("resok", WRITE3resok)),
        _arm(WRITE3res_default, None, ("resfail", WRITE3resfail)),
    ),
    "createmode3": _codec(createmode3),
    "createhow3": _union(
        createhow3,
        "mode",
        createmode3,
        _arm(createhow3_UNCHECKED, (0, 1), ("obj_attributes", sattr3)),
        _arm(createhow3_EXCLUSIVE, (2,), ("verf", _opaque_fixed(8))),
    ),
    "CREATE3args": _struct(CREATE3args, ("where", diropargs3), ("how", createhow3)),
    "CREATE3resok": _struct(
        CREATE3resok, ("obj", post_op_fh3), ("obj_attributes", post_op_attr), ("dir_wcc", wcc_data)
    ),
    "CREATE3resfail": _struct(CREATE3resfail, ("dir_wcc", wcc_data)),
    "CREATE3res": _union(
        CREATE3res,
        "status",
        nfsstat3,
        _arm(CREATE3res_NFS3_OK, (0,), ("resok", CREATE3resok)),
        _arm(CREATE3res_default, None, ("resfail", CREATE3resfail)),
    ),
    "MKDIR3args": _struct(MKDIR3args, ("where", diropargs3), ("attributes", sattr3)),
    "MKDIR3resok": _struct(MKDIR3resok, ("obj", post_op_fh3), ("obj_attributes", post_op_attr), ("dir_wcc", wcc_data)),
    "MKDIR3resfail": _struct(MKDIR3resfail, ("dir_wcc", wcc_data)),
    "MKDIR3res": _union(
        MKDIR3res,
        "status",
        nfsstat3,
        _arm(MKDIR3res_NFS3_OK, (0,), ("resok", MKDIR3resok)),
        _arm(MKDIR3res_default, None, ("resfail", MKDIR3resfail)),
    ),
    "symlinkdata3": _struct(symlinkdata3, ("symlink_attributes", sattr3), ("symlink_data", _string(65536))),
    "SYMLINK3args": _struct(SYMLINK3args, ("where", diropargs3), ("symlink", symlinkdata3)),
    "SYMLINK3resok": _struct(
        SYMLINK3resok, ("obj", post_op_fh3), ("obj_attributes", post_op_attr), ("dir_wcc", wcc_data)
    ),
    "SYMLINK3resfail": _struct(SYMLINK3resfail, ("dir_wcc", wcc_data)),
    "SYMLINK3res": _union(
        SYMLINK3res,
        "status",
        nfsstat3,
        _arm(SYMLINK3res_NFS3_OK, (0,), ("resok", SYMLINK3resok)),
        _arm(SYMLINK3res_default, None, ("resfail", SYMLINK3resfail)),
    ),
    "devicedata3": _struct(devicedata3, ("dev_attributes", sattr3), ("spec", specdata3)),
    "mknoddata3": _union(
        mknoddata3,
        "type",
        ftype3,
        _arm(mknoddata3_NF3CHR, (4, 3), ("device", devicedata3)),
        _arm(mknoddata3_NF3SOCK, (6, 7), ("pipe_attributes", sattr3)),
        _arm(mknoddata3_default, None),
    ),
    "MKNOD3args": _struct(MKNOD3args, ("where", diropargs3), ("what", mknoddata3)),
    "MKNOD3resok": _struct(MKNOD3resok, ("obj", post_op_fh3), ("obj_attributes", post_op_attr), ("dir_wcc", wcc_data)),
    "MKNOD3resfail": _struct(MKNOD3resfail, ("dir_wcc", wcc_data)),
    "MKNOD3res": _union(
        MKNOD3res,
        "status",
        nfsstat3,
        _arm(MKNOD3res_NFS3_OK, (0,), ("resok", MKNOD3resok)),
        _arm(MKNOD3res_default, None, ("resfail", MKNOD3resfail)),
    ),
    "REMOVE3args": _struct(REMOVE3args, ("object", diropargs3)),
    "REMOVE3resok": _struct(REMOVE3resok, ("dir_wcc", wcc_data)),
    "REMOVE3resfail": _struct(REMOVE3resfail, ("dir_wcc", wcc_data)),
    "REMOVE3res": _union(
        REMOVE3res,
        "status",
        nfsstat3,
        _arm(REMOVE3res_NFS3_OK, (0,), ("resok", REMOVE3resok)),
        _arm(REMOVE3res_default, None, ("resfail", REMOVE3resfail)),
    ),
    "RMDIR3args": _struct(RMDIR3args, ("object", diropargs3)),
    "RMDIR3resok": _struct(RMDIR3resok, ("dir_wcc", wcc_data)),
    "RMDIR3resfail": _struct(RMDIR3resfail, ("dir_wcc", wcc_data)),
    "RMDIR3res": _union(
        RMDIR3res,
        "status",
        nfsstat3,
        _arm(RMDIR3res_NFS3_OK, (0,), ("resok", RMDIR3resok)),
        _arm(RMDIR3res_default, None, ("resfail", RMDIR3resfail)),
    ),
    "RENAME3args": _struct(RENAME3args, ("fromfile", diropargs3), ("tofile", diropargs3)),
    "RENAME3resok": _struct(RENAME3resok, ("fromdir_wcc", wcc_data), ("todir_wcc", wcc_data)),
    "RENAME3resfail": _struct(RENAME3resfail, ("fromdir_wcc", wcc_data), ("todir_wcc", wcc_data)),
    "RENAME3res": _union(
        RENAME3res,
        "status",
        nfsstat3,
        _arm(RENAME3res_NFS3_OK, (0,), ("resok", RENAME3resok)),
        _arm(RENAME3res_default, None, ("resfail", RENAME3resfail)),
    ),
    "LINK3args": _struct(LINK3args, ("file", nfs_fh3), ("link", diropargs3)),
    "LINK3resok": _struct(LINK3resok, ("file_attributes", post_op_attr), ("linkdir_wcc", wcc_data)),
    "LINK3resfail": _struct(LINK3resfail, ("file_attributes", post_op_attr), ("linkdir_wcc", wcc_data)),
    "LINK3res": _union(
        LINK3res,
        "status",
        nfsstat3,
        _arm(LINK3res_NFS3_OK, (0,), ("resok", LINK3resok)),
        _arm(LINK3res_default, None, ("resfail", LINK3resfail)),
    ),
    "READDIR3args": _struct(
        READDIR3args, ("dir", nfs_fh3), ("cookie", _UNSIGNED_64), ("cookieverf", _opaque_fixed(8)), ("count", _UNSIGNED)
    ),
    "entry3": _node(entry3, ("fileid", _UNSIGNED_64), ("name", _string(4096)), ("cookie", _UNSIGNED_64)),
    "dirlist3": _struct(dirlist3, ("entries", _chain(entry3)), ("eof", _BOOL)),
    "READDIR3resok": _struct(
        READDIR3resok, ("dir_attributes", post_op_attr), ("cookieverf", _opaque_fixed(8)), ("reply", dirlist3)
    ),
    "READDIR3resfail": _struct(READDIR3resfail, ("dir_attributes", post_op_attr)),
    "READDIR3res": _union(
        READDIR3res,
        "status",
        nfsstat3,
        _arm(READDIR3res_NFS3_OK, (0,), ("resok", READDIR3resok)),
        _arm(READDIR3res_default, None, ("resfail", READDIR3resfail)),
    ),
    "READDIRPLUS3args": _struct(
        READDIRPLUS3args,
        ("dir", nfs_fh3),
        ("cookie", _UNSIGNED_64),
        ("cookieverf", _opaque_fixed(8)),
        ("dircount", _UNSIGNED),
        ("maxcount", _UNSIGNED),
    ),
    "entryplus3": _node(
        entryplus3,
        ("fileid", _UNSIGNED_64),
        ("name", _string(4096)),
        ("cookie", _UNSIGNED_64),
        ("name_attributes", post_op_attr),
        ("name_handle", post_op_fh3),
    ),
    "dirlistplus3": _struct(dirlistplus3, ("entries", _chain(entryplus3)), ("eof", _BOOL)),
    "READDIRPLUS3resok": _struct(
        READDIRPLUS3resok, ("dir_attributes", post_op_attr), ("cookieverf", _opaque_fixed(8)), ("reply", dirlistplus3)
    ),
    "READDIRPLUS3resfail": _struct(READDIRPLUS3resfail, ("dir_attributes", post_op_attr)),
    "READDIRPLUS3res": _union(
        READDIRPLUS3res,
        "status",
        nfsstat3,
        _arm(READDIRPLUS3res_NFS3_OK, (0,), ("resok", READDIRPLUS3resok)),
        _arm(READDIRPLUS3res_default, None, ("resfail", READDIRPLUS3resfail)),
    ),
    "FSSTAT3args": _struct(FSSTAT3args, ("fsroot", nfs_fh3)),
    "FSSTAT3resok": _struct(
        FSSTAT3resok,
        ("obj_attributes", post_op_attr),
        ("tbytes", _UNSIGNED_64),
        ("fbytes", _UNSIGNED_64),
        ("abytes", _UNSIGNED_64),
        ("tfiles", _UNSIGNED_64),
        ("ffiles", _UNSIGNED_64),
        ("afiles", _UNSIGNED_64),
        ("invarsec", _UNSIGNED),
    ),
    "FSSTAT3resfail": _struct(FSSTAT3resfail, ("obj_attributes", post_op_attr)),
    "FSSTAT3res": _union(
        FSSTAT3res,
        "status",
        nfsstat3,
        _arm(FSSTAT3res_NFS3_OK, (0,), ("resok", FSSTAT3resok)),
        _arm(FSSTAT3res_default, None, ("resfail", FSSTAT3resfail)),
    ),
    "FSINFO3args": _struct(FSINFO3args, ("fsroot", nfs_fh3)),
    "FSINFO3resok": _struct(
        FSINFO3resok,
        ("obj_attributes", post_op_attr),
        ("rtmax", _UNSIGNED),
        ("rtpref", _UNSIGNED),
        ("rtmult", _UNSIGNED),
        ("wtmax", _UNSIGNED),
        ("wtpref", _UNSIGNED),
        ("wtmult", _UNSIGNED),
        ("dtpref", _UNSIGNED),
        ("maxfilesize", _UNSIGNED_64),
        ("time_delta", nfstime3),
        ("properties", _UNSIGNED),
    ),
    "FSINFO3resfail": _struct(FSINFO3resfail, ("obj_attributes", post_op_attr)),
    "FSINFO3res": _union(
        FSINFO3res,
        "status",
        nfsstat3,
        _arm(FSINFO3res_NFS3_OK, (0,), ("resok", FSINFO3resok)),
        _arm(FSINFO3res_default, None, ("resfail", FSINFO3resfail)),
    ),
    "PATHCONF3args": _struct(PATHCONF3args, ("object", nfs_fh3)),
    "PATHCONF3resok": _struct(
        PATHCONF3resok,
        ("obj_attributes", post_op_attr),
        ("linkmax", _UNSIGNED),
        ("name_max", _UNSIGNED),
        ("no_trunc", _BOOL),
        ("chown_restricted", _BOOL),
        ("case_insensitive", _BOOL),
        ("case_preserving", _BOOL),
    ),
    "PATHCONF3resfail": _struct(PATHCONF3resfail, ("obj_attributes", post_op_attr)),
    "PATHCONF3res": _union(
        PATHCONF3res,
        "status",
        nfsstat3,
        _arm(PATHCONF3res_NFS3_OK, (0,), ("resok", PATHCONF3resok)),
        _arm(PATHCONF3res_default, None, ("resfail", PATHCONF3resfail)),
    ),
    "COMMIT3args": _struct(COMMIT3args, ("file", nfs_fh3), ("offset", _UNSIGNED_64), ("count", _UNSIGNED)),
    "COMMIT3resok": _struct(COMMIT3resok, ("file_wcc", wcc_data), ("verf", _opaque_fixed(8))),
    "COMMIT3resfail": _struct(COMMIT3resfail, ("file_wcc", wcc_data)),
    "COMMIT3res": _union(
        COMMIT3res,
        "status",
        nfsstat3,
        _arm(COMMIT3res_NFS3_OK, (0,), ("resok", COMMIT3resok)),
        _arm(COMMIT3res_default, None, ("resfail", COMMIT3resfail)),
    ),
    "uint64": _UNSIGNED_64,
    "int64": _INTEGER_64,
    "uint32": _UNSIGNED,
    "int32": _INTEGER,
    "filename3": _string(4096, name="filename3"),
    "nfspath3": _string(65536, name="nfspath3"),
    "fileid3": _UNSIGNED_64,
    "cookie3": _UNSIGNED_64,
    "cookieverf3": _opaque_fixed(8, name="cookieverf3"),
    "createverf3": _opaque_fixed(8, name="createverf3"),
    "writeverf3": _opaque_fixed(8, name="writeverf3"),
    "uid3": _UNSIGNED,
    "gid3": _UNSIGNED,
    "size3": _UNSIGNED_64,
    "offset3": _UNSIGNED_64,
    "mode3": _UNSIGNED,
    "count3": _UNSIGNED,
}


class NFS_V3:
    """program NFS_PROGRAM, version NFS_V3 (nfs3.x:797)."""

    PROGRAM: Final = 100003
    VERSION: Final = 3
    NFSPROC3_NULL: Final = _Procedure(100003, 3, 0, "NFSPROC3_NULL", _VOID, _VOID)
    NFSPROC3_GETATTR: Final = _Procedure(100003, 3, 1, "NFSPROC3_GETATTR", _codec(GETATTR3args), _codec(GETATTR3res))
    NFSPROC3_SETATTR: Final = _Procedure(100003, 3, 2, "NFSPROC3_SETATTR", _codec(SETATTR3args), _codec(SETATTR3res))
    NFSPROC3_LOOKUP: Final = _Procedure(100003, 3, 3, "NFSPROC3_LOOKUP", _codec(LOOKUP3args), _codec(LOOKUP3res))
    NFSPROC3_ACCESS: Final = _Procedure(100003, 3, 4, "NFSPROC3_ACCESS", _codec(ACCESS3args), _codec(ACCESS3res))
    NFSPROC3_READLINK: Final = _Procedure(
        100003, 3, 5, "NFSPROC3_READLINK", _codec(READLINK3args), _codec(READLINK3res)
    )
    NFSPROC3_READ: Final = _Procedure(100003, 3, 6, "NFSPROC3_READ", _codec(READ3args), _codec(READ3res))
    NFSPROC3_WRITE: Final = _Procedure(100003, 3, 7, "NFSPROC3_WRITE", _codec(WRITE3args), _codec(WRITE3res))
    NFSPROC3_CREATE: Final = _Procedure(100003, 3, 8, "NFSPROC3_CREATE", _codec(CREATE3args), _codec(CREATE3res))
    NFSPROC3_MKDIR: Final = _Procedure(100003, 3, 9, "NFSPROC3_MKDIR", _codec(MKDIR3args), _codec(MKDIR3res))
    NFSPROC3_SYMLINK: Final = _Procedure(100003, 3, 10, "NFSPROC3_SYMLINK", _codec(SYMLINK3args), _codec(SYMLINK3res))
    NFSPROC3_MKNOD: Final = _Procedure(100003, 3, 11, "NFSPROC3_MKNOD", _codec(MKNOD3args), _codec(MKNOD3res))
    NFSPROC3_REMOVE: Final = _Procedure(100003, 3, 12, "NFSPROC3_REMOVE", _codec(REMOVE3args), _codec(REMOVE3res))
    NFSPROC3_RMDIR: Final = _Procedure(100003, 3, 13, "NFSPROC3_RMDIR", _codec(RMDIR3args), _codec(RMDIR3res))
    NFSPROC3_RENAME: Final = _Procedure(100003, 3, 14, "NFSPROC3_RENAME", _codec(RENAME3args), _codec(RENAME3res))
    NFSPROC3_LINK: Final = _Procedure(100003, 3, 15, "NFSPROC3_LINK", _codec(LINK3args), _codec(LINK3res))
    NFSPROC3_READDIR: Final = _Procedure(100003, 3, 16, "NFSPROC3_READDIR", _codec(READDIR3args), _codec(READDIR3res))
    NFSPROC3_READDIRPLUS: Final = _Procedure(
        100003, 3, 17, "NFSPROC3_READDIRPLUS", _codec(READDIRPLUS3args), _codec(READDIRPLUS3res)
    )
    NFSPROC3_FSSTAT: Final = _Procedure(100003, 3, 18, "NFSPROC3_FSSTAT", _codec(FSSTAT3args), _codec(FSSTAT3res))
    NFSPROC3_FSINFO: Final = _Procedure(100003, 3, 19, "NFSPROC3_FSINFO", _codec(FSINFO3args), _codec(FSINFO3res))
    NFSPROC3_PATHCONF: Final = _Procedure(
        100003, 3, 20, "NFSPROC3_PATHCONF", _codec(PATHCONF3args), _codec(PATHCONF3res)
    )
    NFSPROC3_COMMIT: Final = _Procedure(100003, 3, 21, "NFSPROC3_COMMIT", _codec(COMMIT3args), _codec(COMMIT3res))


class NFS_V3_Client:
    """NFS_V3 as its callers see it; every method makes one call (nfs3.x:797)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def NFSPROC3_NULL(self) -> None:
        await self._call(NFS_V3.NFSPROC3_NULL, None)

    async def NFSPROC3_GETATTR(self, arg: GETATTR3args) -> GETATTR3res:
        return await self._call(NFS_V3.NFSPROC3_GETATTR, arg)

    async def NFSPROC3_SETATTR(self, arg: SETATTR3args) -> SETATTR3res:
        return await self._call(NFS_V3.NFSPROC3_SETATTR, arg)

    async def NFSPROC3_LOOKUP(self, arg: LOOKUP3args) -> LOOKUP3res:
        return await self._call(NFS_V3.NFSPROC3_LOOKUP, arg)

    async def NFSPROC3_ACCESS(self, arg: ACCESS3args) -> ACCESS3res:
        return await self._call(NFS_V3.NFSPROC3_ACCESS, arg)

    async def NFSPROC3_READLINK(self, arg: READLINK3args) -> READLINK3res:
        return await self._call(NFS_V3.NFSPROC3_READLINK, arg)

    async def NFSPROC3_READ(self, arg: READ3args) -> READ3res:
        return await self._call(NFS_V3.NFSPROC3_READ, arg)

    async def NFSPROC3_WRITE(self, arg: WRITE3args) -> WRITE3res:
        return await self._call(NFS_V3.NFSPROC3_WRITE, arg)

    async def NFSPROC3_CREATE(self, arg: CREATE3args) -> CREATE3res:
        return await self._call(NFS_V3.NFSPROC3_CREATE, arg)

    async def NFSPROC3_MKDIR(self, arg: MKDIR3args) -> MKDIR3res:
        return await self._call(NFS_V3.NFSPROC3_MKDIR, arg)

    async def NFSPROC3_SYMLINK(self, arg: SYMLINK3args) -> SYMLINK3res:
        return await self._call(NFS_V3.NFSPROC3_SYMLINK, arg)

    async def NFSPROC3_MKNOD(self, arg: MKNOD3args) -> MKNOD3res:
        return await self._call(NFS_V3.NFSPROC3_MKNOD, arg)

    async def NFSPROC3_REMOVE(self, arg: REMOVE3args) -> REMOVE3res:
        return await self._call(NFS_V3.NFSPROC3_REMOVE, arg)

    async def NFSPROC3_RMDIR(self, arg: RMDIR3args) -> RMDIR3res:
        return await self._call(NFS_V3.NFSPROC3_RMDIR, arg)

    async def NFSPROC3_RENAME(self, arg: RENAME3args) -> RENAME3res:
        return await self._call(NFS_V3.NFSPROC3_RENAME, arg)

    async def NFSPROC3_LINK(self, arg: LINK3args) -> LINK3res:
        return await self._call(NFS_V3.NFSPROC3_LINK, arg)

    async def NFSPROC3_READDIR(self, arg: READDIR3args) -> READDIR3res:
        return await self._call(NFS_V3.NFSPROC3_READDIR, arg)

    async def NFSPROC3_READDIRPLUS(self, arg: READDIRPLUS3args) -> READDIRPLUS3res:
        return await self._call(NFS_V3.NFSPROC3_READDIRPLUS, arg)

    async def NFSPROC3_FSSTAT(self, arg: FSSTAT3args) -> FSSTAT3res:
        return await self._call(NFS_V3.NFSPROC3_FSSTAT, arg)

    async def NFSPROC3_FSINFO(self, arg: FSINFO3args) -> FSINFO3res:
        return await self._call(NFS_V3.NFSPROC3_FSINFO, arg)

    async def NFSPROC3_PATHCONF(self, arg: PATHCONF3args) -> PATHCONF3res:
        return await self._call(NFS_V3.NFSPROC3_PATHCONF, arg)

    async def NFSPROC3_COMMIT(self, arg: COMMIT3args) -> COMMIT3res:
        return await self._call(NFS_V3.NFSPROC3_COMMIT, arg)


class NFS_V3_Service(_Service[_CallT]):
    """NFS_V3 as its servers offer it; override what there is (nfs3.x:797)."""

    PROGRAM = NFS_V3.PROGRAM
    VERSION = NFS_V3.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: NFS_V3.NFSPROC3_NULL,
        1: NFS_V3.NFSPROC3_GETATTR,
        2: NFS_V3.NFSPROC3_SETATTR,
        3: NFS_V3.NFSPROC3_LOOKUP,
        4: NFS_V3.NFSPROC3_ACCESS,
        5: NFS_V3.NFSPROC3_READLINK,
        6: NFS_V3.NFSPROC3_READ,
        7: NFS_V3.NFSPROC3_WRITE,
        8: NFS_V3.NFSPROC3_CREATE,
        9: NFS_V3.NFSPROC3_MKDIR,
        10: NFS_V3.NFSPROC3_SYMLINK,
        11: NFS_V3.NFSPROC3_MKNOD,
        12: NFS_V3.NFSPROC3_REMOVE,
        13: NFS_V3.NFSPROC3_RMDIR,
        14: NFS_V3.NFSPROC3_RENAME,
        15: NFS_V3.NFSPROC3_LINK,
        16: NFS_V3.NFSPROC3_READDIR,
        17: NFS_V3.NFSPROC3_READDIRPLUS,
        18: NFS_V3.NFSPROC3_FSSTAT,
        19: NFS_V3.NFSPROC3_FSINFO,
        20: NFS_V3.NFSPROC3_PATHCONF,
        21: NFS_V3.NFSPROC3_COMMIT,
    }

    async def NFSPROC3_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def NFSPROC3_GETATTR(self, call: _CallT, arg: GETATTR3args) -> GETATTR3res:
        raise _ProcedureUnavailable("NFSPROC3_GETATTR")

    async def NFSPROC3_SETATTR(self, call: _CallT, arg: SETATTR3args) -> SETATTR3res:
        raise _ProcedureUnavailable("NFSPROC3_SETATTR")

    async def NFSPROC3_LOOKUP(self, call: _CallT, arg: LOOKUP3args) -> LOOKUP3res:
        raise _ProcedureUnavailable("NFSPROC3_LOOKUP")

    async def NFSPROC3_ACCESS(self, call: _CallT, arg: ACCESS3args) -> ACCESS3res:
        raise _ProcedureUnavailable("NFSPROC3_ACCESS")

    async def NFSPROC3_READLINK(self, call: _CallT, arg: READLINK3args) -> READLINK3res:
        raise _ProcedureUnavailable("NFSPROC3_READLINK")

    async def NFSPROC3_READ(self, call: _CallT, arg: READ3args) -> READ3res:
        raise _ProcedureUnavailable("NFSPROC3_READ")

    async def NFSPROC3_WRITE(self, call: _CallT, arg: WRITE3args) -> WRITE3res:
        raise _ProcedureUnavailable("NFSPROC3_WRITE")

    async def NFSPROC3_CREATE(self, call: _CallT, arg: CREATE3args) -> CREATE3res:
        raise _ProcedureUnavailable("NFSPROC3_CREATE")

    async def NFSPROC3_MKDIR(self, call: _CallT, arg: MKDIR3args) -> MKDIR3res:
        raise _ProcedureUnavailable("NFSPROC3_MKDIR")

    async def NFSPROC3_SYMLINK(self, call: _CallT, arg: SYMLINK3args) -> SYMLINK3res:
        raise _ProcedureUnavailable("NFSPROC3_SYMLINK")

    async def NFSPROC3_MKNOD(self, call: _CallT, arg: MKNOD3args) -> MKNOD3res:
        raise _ProcedureUnavailable("NFSPROC3_MKNOD")

    async def NFSPROC3_REMOVE(self, call: _CallT, arg: REMOVE3args) -> REMOVE3res:
        raise _ProcedureUnavailable("NFSPROC3_REMOVE")

    async def NFSPROC3_RMDIR(self, call: _CallT, arg: RMDIR3args) -> RMDIR3res:
        raise _ProcedureUnavailable("NFSPROC3_RMDIR")

    async def NFSPROC3_RENAME(self, call: _CallT, arg: RENAME3args) -> RENAME3res:
        raise _ProcedureUnavailable("NFSPROC3_RENAME")

    async def NFSPROC3_LINK(self, call: _CallT, arg: LINK3args) -> LINK3res:
        raise _ProcedureUnavailable("NFSPROC3_LINK")

    async def NFSPROC3_READDIR(self, call: _CallT, arg: READDIR3args) -> READDIR3res:
        raise _ProcedureUnavailable("NFSPROC3_READDIR")

    async def NFSPROC3_READDIRPLUS(self, call: _CallT, arg: READDIRPLUS3args) -> READDIRPLUS3res:
        raise _ProcedureUnavailable("NFSPROC3_READDIRPLUS")

    async def NFSPROC3_FSSTAT(self, call: _CallT, arg: FSSTAT3args) -> FSSTAT3res:
        raise _ProcedureUnavailable("NFSPROC3_FSSTAT")

    async def NFSPROC3_FSINFO(self, call: _CallT, arg: FSINFO3args) -> FSINFO3res:
        raise _ProcedureUnavailable("NFSPROC3_FSINFO")

    async def NFSPROC3_PATHCONF(self, call: _CallT, arg: PATHCONF3args) -> PATHCONF3res:
        raise _ProcedureUnavailable("NFSPROC3_PATHCONF")

    async def NFSPROC3_COMMIT(self, call: _CallT, arg: COMMIT3args) -> COMMIT3res:
        raise _ProcedureUnavailable("NFSPROC3_COMMIT")

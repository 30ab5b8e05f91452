"""Made from rpcbind.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    BOOL as _BOOL,
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
    UNSIGNED as _UNSIGNED,
    VOID as _VOID,
    Value as _Value,
    ZEROS as _ZEROS,
    array_fixed as _array_fixed,
    bad_boolean as _bad_boolean,
    bad_padding as _bad_padding,
    chain as _chain,
    codec as _codec,
    new as _new,
    node as _node,
    octets as _octets,
    opaque as _opaque,
    overrun as _overrun,
    pack_many as _pack_many,
    string as _string,
    struct as _struct,
    too_many as _too_many,
    unpack_from as _unpack_from,
    wrong_count as _wrong_count,
)

_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI2i2I = _Struct(">IIiiI")
_SI3 = _Struct(">III")
_SI3i2I = _Struct(">IIIiiI")
_SI3i3I = _Struct(">IIIiiiI")
_SI4 = _Struct(">IIII")
_SI4i3I = _Struct(">IIIIiiiI")
_SI5 = _Struct(">IIIII")
_Si2 = _Struct(">ii")

RPCB_PORT: Final[int] = 111
RPCB_STRING: Final[int] = 255
RPCB_ARGS: Final[int] = 8192


@dataclass(slots=True)
class mapping(_Value):
    """struct mapping (rpcbind.x:14)."""

    prog: int
    vers: int
    prot: int
    port: int

    def _put(self, out: _Out) -> None:
        out.append(_SI4.pack(self.prog, self.vers, self.prot, self.port))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.prog, value.vers, value.prot, value.port) = _SI4.unpack_from(data, position)
        cursor.position = position + 16
        return value


@dataclass(slots=True)
class pmapnode(_Node):
    """struct pmapnode (rpcbind.x:21)."""

    map: mapping

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            map_2 = node.map
            out.append(_SI5.pack(1, map_2.prog, map_2.vers, map_2.prot, map_2.port))
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            node.map = map_2 = _new(mapping)
            (map_2.prog, map_2.vers, map_2.prot, map_2.port, more) = _SI5.unpack_from(data, position)
            position += 20
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


pmaplist: TypeAlias = "list[pmapnode]"


@dataclass(slots=True)
class call_args(_Value):
    """struct call_args (rpcbind.x:27)."""

    prog: int
    vers: int
    proc: int
    args: bytes

    def _put(self, out: _Out) -> None:
        args: _Buffer = self.args
        if type(args) is not bytes:
            args = _octets(args, 8192)
        length = len(args)
        if length > 8192:
            raise _too_many(length, 8192)
        out.append(_SI4.pack(self.prog, self.vers, self.proc, length))
        out.append(args)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.prog, value.vers, value.proc, length) = _SI4.unpack_from(data, position)
        position += 16
        end = position + length
        if length > 8192 or end > size:
            raise _overrun(data, position - 4, length, 8192)
        value.args = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class call_result(_Value):
    """struct call_result (rpcbind.x:34)."""

    port: int
    res: bytes

    def _put(self, out: _Out) -> None:
        res: _Buffer = self.res
        if type(res) is not bytes:
            res = _octets(res, 8192)
        length = len(res)
        if length > 8192:
            raise _too_many(length, 8192)
        out.append(_SI2.pack(self.port, length))
        out.append(res)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.port, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 8192 or end > size:
            raise _overrun(data, position - 4, length, 8192)
        value.res = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


rpcb_string: TypeAlias = "str"


@dataclass(slots=True)
class rpcb(_Value):
    """struct rpcb (rpcbind.x:43)."""

    r_prog: int
    r_vers: int
    r_netid: rpcb_string
    r_addr: rpcb_string
    r_owner: rpcb_string

    def _put(self, out: _Out) -> None:
        r_netid = self.r_netid.encode("utf-8", "surrogateescape")
        length = len(r_netid)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI3.pack(self.r_prog, self.r_vers, length))
        out.append(r_netid)
        if length & 3:
            out.append(_ZEROS[length & 3])
        r_addr = self.r_addr.encode("utf-8", "surrogateescape")
        length = len(r_addr)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(r_addr)
        if length & 3:
            out.append(_ZEROS[length & 3])
        r_owner = self.r_owner.encode("utf-8", "surrogateescape")
        length = len(r_owner)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(r_owner)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.r_prog, value.r_vers, length) = _SI3.unpack_from(data, position)
        position += 12
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_netid = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_addr = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_owner = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rp__list(_Node):
    """struct rp__list (rpcbind.x:51)."""

    rpcb_map: rpcb

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            out.append(_SI.pack(1))
            rpcb._put(node.rpcb_map, out)
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            cursor.position = position
            node.rpcb_map = rpcb._take(cursor)
            position = cursor.position
            (more,) = _SI.unpack_from(data, position)
            position += 4
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


rpcblist_ptr: TypeAlias = "list[rp__list]"


@dataclass(slots=True)
class rpcb_rmtcallargs(_Value):
    """struct rpcb_rmtcallargs (rpcbind.x:57)."""

    prog: int
    vers: int
    proc: int
    args: bytes

    def _put(self, out: _Out) -> None:
        args: _Buffer = self.args
        if type(args) is not bytes:
            args = _octets(args, 8192)
        length = len(args)
        if length > 8192:
            raise _too_many(length, 8192)
        out.append(_SI4.pack(self.prog, self.vers, self.proc, length))
        out.append(args)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.prog, value.vers, value.proc, length) = _SI4.unpack_from(data, position)
        position += 16
        end = position + length
        if length > 8192 or end > size:
            raise _overrun(data, position - 4, length, 8192)
        value.args = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpcb_rmtcallres(_Value):
    """struct rpcb_rmtcallres (rpcbind.x:64)."""

    addr: rpcb_string
    results: bytes

    def _put(self, out: _Out) -> None:
        addr = self.addr.encode("utf-8", "surrogateescape")
        length = len(addr)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(addr)
        if length & 3:
            out.append(_ZEROS[length & 3])
        results: _Buffer = self.results
        if type(results) is not bytes:
            results = _octets(results, 8192)
        length = len(results)
        if length > 8192:
            raise _too_many(length, 8192)
        out.append(_SI.pack(length))
        out.append(results)
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
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.addr = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 8192 or end > size:
            raise _overrun(data, position - 4, length, 8192)
        value.results = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpcb_entry(_Value):
    """struct rpcb_entry (rpcbind.x:69)."""

    r_maddr: rpcb_string
    r_nc_netid: rpcb_string
    r_nc_semantics: int
    r_nc_protofmly: rpcb_string
    r_nc_proto: rpcb_string

    def _put(self, out: _Out) -> None:
        r_maddr = self.r_maddr.encode("utf-8", "surrogateescape")
        length = len(r_maddr)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(r_maddr)
        if length & 3:
            out.append(_ZEROS[length & 3])
        r_nc_netid = self.r_nc_netid.encode("utf-8", "surrogateescape")
        length = len(r_nc_netid)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(r_nc_netid)
        if length & 3:
            out.append(_ZEROS[length & 3])
        r_nc_protofmly = self.r_nc_protofmly.encode("utf-8", "surrogateescape")
        length = len(r_nc_protofmly)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI2.pack(self.r_nc_semantics, length))
        out.append(r_nc_protofmly)
        if length & 3:
            out.append(_ZEROS[length & 3])
        r_nc_proto = self.r_nc_proto.encode("utf-8", "surrogateescape")
        length = len(r_nc_proto)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI.pack(length))
        out.append(r_nc_proto)
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
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_maddr = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_nc_netid = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (value.r_nc_semantics, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_nc_protofmly = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        (length,) = _SI.unpack_from(data, position)
        position += 4
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.r_nc_proto = wire[position:end].decode("utf-8", "surrogateescape")
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class rpcb_entry_list(_Node):
    """struct rpcb_entry_list (rpcbind.x:77)."""

    rpcb_entry_map: rpcb_entry

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            out.append(_SI.pack(1))
            rpcb_entry._put(node.rpcb_entry_map, out)
        out.append(b"\0\0\0\0")

    @classmethod
    def _take_chain(cls, cursor: _Cursor, bare: bool = False) -> list[Self]:
        data = cursor.data
        position = cursor.position
        nodes: list[Self] = []
        more = 1
        if not bare:
            (more,) = _SI.unpack_from(data, position)
            position += 4
        while more == 1:
            node = _new(cls)
            cursor.position = position
            node.rpcb_entry_map = rpcb_entry._take(cursor)
            position = cursor.position
            (more,) = _SI.unpack_from(data, position)
            position += 4
            nodes.append(node)
        if more:
            raise _bad_boolean(more, position - 4)
        cursor.position = position
        return nodes


rpcb_entry_list_ptr: TypeAlias = "list[rpcb_entry_list]"
NC_TPI_CLTS: Final[int] = 1
NC_TPI_COTS: Final[int] = 2
NC_TPI_COTS_ORD: Final[int] = 3


@dataclass(slots=True)
class netbuf(_Value):
    """struct netbuf (rpcbind.x:88)."""

    maxlen: int
    buf: bytes

    def _put(self, out: _Out) -> None:
        buf: _Buffer = self.buf
        if type(buf) is not bytes:
            buf = _octets(buf, 255)
        length = len(buf)
        if length > 255:
            raise _too_many(length, 255)
        out.append(_SI2.pack(self.maxlen, length))
        out.append(buf)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.maxlen, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 255 or end > size:
            raise _overrun(data, position - 4, length, 255)
        value.buf = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


RPCBSTAT_HIGHPROC: Final[int] = 13
RPCBVERS_STAT: Final[int] = 3


@dataclass(slots=True)
class rpcbs_addrlist(_Node):
    """struct rpcbs_addrlist (rpcbind.x:98)."""

    prog: int
    vers: int
    success: int
    failure: int
    netid: rpcb_string

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            netid = node.netid.encode("utf-8", "surrogateescape")
            length = len(netid)
            if length > 255:
                raise _too_many(length, 255)
            out.append(_SI3i2I.pack(1, node.prog, node.vers, node.success, node.failure, length))
            out.append(netid)
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
            (node.prog, node.vers, node.success, node.failure, length) = _SI2i2I.unpack_from(data, position)
            position += 20
            end = position + length
            if length > 255 or end > size:
                raise _overrun(data, position - 4, length, 255)
            node.netid = wire[position:end].decode("utf-8", "surrogateescape")
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


rpcbs_addrlist_ptr: TypeAlias = "list[rpcbs_addrlist]"


@dataclass(slots=True)
class rpcbs_rmtcalllist(_Node):
    """struct rpcbs_rmtcalllist (rpcbind.x:108)."""

    prog: int
    vers: int
    proc: int
    success: int
    failure: int
    indirect: int
    netid: rpcb_string

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: _Out, depth: int = 0) -> None:
        for node in nodes:
            netid = node.netid.encode("utf-8", "surrogateescape")
            length = len(netid)
            if length > 255:
                raise _too_many(length, 255)
            out.append(
                _SI4i3I.pack(1, node.prog, node.vers, node.proc, node.success, node.failure, node.indirect, length)
            )
            out.append(netid)
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
            (
                node.prog,
                node.vers,
                node.proc,
                node.success,
                node.failure,
                node.indirect,
                length,
            ) = _SI3i3I.unpack_from(data, position)
            position += 28
            end = position + length
            if length > 255 or end > size:
                raise _overrun(data, position - 4, length, 255)
            node.netid = wire[position:end].decode("utf-8", "surrogateescape")
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


rpcbs_rmtcalllist_ptr: TypeAlias = "list[rpcbs_rmtcalllist]"
rpcbs_proc: TypeAlias = "list[int]"


@dataclass(slots=True)
class rpcb_stat(_Value):
    """struct rpcb_stat (rpcbind.x:122)."""

    info: rpcbs_proc
    setinfo: int
    unsetinfo: int
    addrinfo: rpcbs_addrlist_ptr
    rmtinfo: rpcbs_rmtcalllist_ptr

    def _put(self, out: _Out) -> None:
        info = self.info
        if len(info) != 13:
            raise _wrong_count(len(info), 13)
        out.append(_pack_many(f">{len(info)}i", *info))
        out.append(_Si2.pack(self.setinfo, self.unsetinfo))
        rpcbs_addrlist._put_chain(self.addrinfo, out)
        rpcbs_rmtcalllist._put_chain(self.rmtinfo, out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        value.info = list(_unpack_from(">13i", data, position))
        position += 13 * 4
        (value.setinfo, value.unsetinfo) = _Si2.unpack_from(data, position)
        cursor.position = position + 8
        value.addrinfo = rpcbs_addrlist._take_chain(cursor)
        value.rmtinfo = rpcbs_rmtcalllist._take_chain(cursor)
        return value


rpcb_stat_byvers: TypeAlias = "list[rpcb_stat]"


CODECS: Final[dict[str, _Codec[Any]]] = {
    "mapping": _struct(mapping, ("prog", _UNSIGNED), ("vers", _UNSIGNED), ("prot", _UNSIGNED), ("port", _UNSIGNED)),
    "pmapnode": _node(pmapnode, ("map", mapping)),
    "call_args": _struct(
        call_args, ("prog", _UNSIGNED), ("vers", _UNSIGNED), ("proc", _UNSIGNED), ("args", _opaque(8192))
    ),
    "call_result": _struct(call_result, ("port", _UNSIGNED), ("res", _opaque(8192))),
    "rpcb": _struct(
        rpcb,
        ("r_prog", _UNSIGNED),
        ("r_vers", _UNSIGNED),
        ("r_netid", _string(255)),
        ("r_addr", _string(255)),
        ("r_owner", _string(255)),
    ),
    "rp__list": _node(rp__list, ("rpcb_map", rpcb)),
    "rpcb_rmtcallargs": _struct(
        rpcb_rmtcallargs, ("prog", _UNSIGNED), ("vers", _UNSIGNED), ("proc", _UNSIGNED), ("args", _opaque(8192))
    ),
    "rpcb_rmtcallres": _struct(rpcb_rmtcallres, ("addr", _string(255)), ("results", _opaque(8192))),
    "rpcb_entry": _struct(
        rpcb_entry,
        ("r_maddr", _string(255)),
        ("r_nc_netid", _string(255)),
        ("r_nc_semantics", _UNSIGNED),
        ("r_nc_protofmly", _string(255)),
        ("r_nc_proto", _string(255)),
    ),
    "rpcb_entry_list": _node(rpcb_entry_list, ("rpcb_entry_map", rpcb_entry)),
    "netbuf": _struct(netbuf, ("maxlen", _UNSIGNED), ("buf", _opaque(255))),
    "rpcbs_addrlist": _node(
        rpcbs_addrlist,
        ("prog", _UNSIGNED),
        ("vers", _UNSIGNED),
        ("success", _INTEGER),
        ("failure", _INTEGER),
        ("netid", _string(255)),
    ),
    "rpcbs_rmtcalllist": _node(
        rpcbs_rmtcalllist,
        ("prog", _UNSIGNED),
        ("vers", _UNSIGNED),
        ("proc", _UNSIGNED),
        ("success", _INTEGER),
        ("failure", _INTEGER),
        ("indirect", _INTEGER),
        ("netid", _string(255)),
    ),
    "rpcb_stat": _struct(
        rpcb_stat,
        ("info", _array_fixed(_INTEGER, 13)),
        ("setinfo", _INTEGER),
        ("unsetinfo", _INTEGER),
        ("addrinfo", _chain(rpcbs_addrlist)),
        ("rmtinfo", _chain(rpcbs_rmtcalllist)),
    ),
    "pmaplist": _chain(pmapnode),
    "rpcb_string": _string(255, name="rpcb_string"),
    "rpcblist_ptr": _chain(rp__list),
    "rpcb_entry_list_ptr": _chain(rpcb_entry_list),
    "rpcbs_addrlist_ptr": _chain(rpcbs_addrlist),
    "rpcbs_rmtcalllist_ptr": _chain(rpcbs_rmtcalllist),
    "rpcbs_proc": _array_fixed(_INTEGER, 13, name="rpcbs_proc"),
    "rpcb_stat_byvers": _array_fixed(rpcb_stat, 3, name="rpcb_stat_byvers"),
}


class PMAPVERS:
    """program RPCBPROG, version PMAPVERS (rpcbind.x:132)."""

    PROGRAM: Final = 100000
    VERSION: Final = 2
    PMAPPROC_NULL: Final = _Procedure(100000, 2, 0, "PMAPPROC_NULL", _VOID, _VOID)
    PMAPPROC_SET: Final = _Procedure(100000, 2, 1, "PMAPPROC_SET", _codec(mapping), _BOOL)
    PMAPPROC_UNSET: Final = _Procedure(100000, 2, 2, "PMAPPROC_UNSET", _codec(mapping), _BOOL)
    PMAPPROC_GETPORT: Final = _Procedure(100000, 2, 3, "PMAPPROC_GETPORT", _codec(mapping), _UNSIGNED)
    PMAPPROC_DUMP: Final = _Procedure(100000, 2, 4, "PMAPPROC_DUMP", _VOID, _chain(pmapnode))
    PMAPPROC_CALLIT: Final = _Procedure(100000, 2, 5, "PMAPPROC_CALLIT", _codec(call_args), _codec(call_result))


class PMAPVERS_Client:
    """PMAPVERS as its callers see it; every method makes one call (rpcbind.x:132)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def PMAPPROC_NULL(self) -> None:
        await self._call(PMAPVERS.PMAPPROC_NULL, None)

    async def PMAPPROC_SET(self, arg: mapping) -> bool:
        return await self._call(PMAPVERS.PMAPPROC_SET, arg)

    async def PMAPPROC_UNSET(self, arg: mapping) -> bool:
        return await self._call(PMAPVERS.PMAPPROC_UNSET, arg)

    async def PMAPPROC_GETPORT(self, arg: mapping) -> int:
        return await self._call(PMAPVERS.PMAPPROC_GETPORT, arg)

    async def PMAPPROC_DUMP(self) -> pmaplist:
        return await self._call(PMAPVERS.PMAPPROC_DUMP, None)

    async def PMAPPROC_CALLIT(self, arg: call_args) -> call_result:
        return await self._call(PMAPVERS.PMAPPROC_CALLIT, arg)


class PMAPVERS_Service(_Service[_CallT]):
    """PMAPVERS as its servers offer it; override what there is (rpcbind.x:132)."""

    PROGRAM = PMAPVERS.PROGRAM
    VERSION = PMAPVERS.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: PMAPVERS.PMAPPROC_NULL,
        1: PMAPVERS.PMAPPROC_SET,
        2: PMAPVERS.PMAPPROC_UNSET,
        3: PMAPVERS.PMAPPROC_GETPORT,
        4: PMAPVERS.PMAPPROC_DUMP,
        5: PMAPVERS.PMAPPROC_CALLIT,
    }

    async def PMAPPROC_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def PMAPPROC_SET(self, call: _CallT, arg: mapping) -> bool:
        raise _ProcedureUnavailable("PMAPPROC_SET")

    async def PMAPPROC_UNSET(self, call: _CallT, arg: mapping) -> bool:
        raise _ProcedureUnavailable("PMAPPROC_UNSET")

    async def PMAPPROC_GETPORT(self, call: _CallT, arg: mapping) -> int:
        raise _ProcedureUnavailable("PMAPPROC_GETPORT")

    async def PMAPPROC_DUMP(self, call: _CallT) -> pmaplist:
        raise _ProcedureUnavailable("PMAPPROC_DUMP")

    async def PMAPPROC_CALLIT(self, call: _CallT, arg: call_args) -> call_result:
        raise _ProcedureUnavailable("PMAPPROC_CALLIT")


class RPCBVERS:
    """program RPCBPROG, version RPCBVERS (rpcbind.x:141)."""

    PROGRAM: Final = 100000
    VERSION: Final = 3
    RPCBPROC_NULL: Final = _Procedure(100000, 3, 0, "RPCBPROC_NULL", _VOID, _VOID)
    RPCBPROC_SET: Final = _Procedure(100000, 3, 1, "RPCBPROC_SET", _codec(rpcb), _BOOL)
    RPCBPROC_UNSET: Final = _Procedure(100000, 3, 2, "RPCBPROC_UNSET", _codec(rpcb), _BOOL)
    RPCBPROC_GETADDR: Final = _Procedure(
        100000, 3, 3, "RPCBPROC_GETADDR", _codec(rpcb), _string(255, name="rpcb_string")
    )
    RPCBPROC_DUMP: Final = _Procedure(100000, 3, 4, "RPCBPROC_DUMP", _VOID, _chain(rp__list))
    RPCBPROC_CALLIT: Final = _Procedure(
        100000, 3, 5, "RPCBPROC_CALLIT", _codec(rpcb_rmtcallargs), _codec(rpcb_rmtcallres)
    )
    RPCBPROC_GETTIME: Final = _Procedure(100000, 3, 6, "RPCBPROC_GETTIME", _VOID, _UNSIGNED)
    RPCBPROC_UADDR2TADDR: Final = _Procedure(
        100000, 3, 7, "RPCBPROC_UADDR2TADDR", _string(255, name="rpcb_string"), _codec(netbuf)
    )
    RPCBPROC_TADDR2UADDR: Final = _Procedure(
        100000, 3, 8, "RPCBPROC_TADDR2UADDR", _codec(netbuf), _string(255, name="rpcb_string")
    )


class RPCBVERS_Client:
    """RPCBVERS as its callers see it; every method makes one call (rpcbind.x:141)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def RPCBPROC_NULL(self) -> None:
        await self._call(RPCBVERS.RPCBPROC_NULL, None)

    async def RPCBPROC_SET(self, arg: rpcb) -> bool:
        return await self._call(RPCBVERS.RPCBPROC_SET, arg)

    async def RPCBPROC_UNSET(self, arg: rpcb) -> bool:
        return await self._call(RPCBVERS.RPCBPROC_UNSET, arg)

    async def RPCBPROC_GETADDR(self, arg: rpcb) -> rpcb_string:
        return await self._call(RPCBVERS.RPCBPROC_GETADDR, arg)

    async def RPCBPROC_DUMP(self) -> rpcblist_ptr:
        return await self._call(RPCBVERS.RPCBPROC_DUMP, None)

    async def RPCBPROC_CALLIT(self, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        return await self._call(RPCBVERS.RPCBPROC_CALLIT, arg)

    async def RPCBPROC_GETTIME(self) -> int:
        return await self._call(RPCBVERS.RPCBPROC_GETTIME, None)

    async def RPCBPROC_UADDR2TADDR(self, arg: rpcb_string) -> netbuf:
        return await self._call(RPCBVERS.RPCBPROC_UADDR2TADDR, arg)

    async def RPCBPROC_TADDR2UADDR(self, arg: netbuf) -> rpcb_string:
        return await self._call(RPCBVERS.RPCBPROC_TADDR2UADDR, arg)


class RPCBVERS_Service(_Service[_CallT]):
    """RPCBVERS as its servers offer it; override what there is (rpcbind.x:141)."""

    PROGRAM = RPCBVERS.PROGRAM
    VERSION = RPCBVERS.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: RPCBVERS.RPCBPROC_NULL,
        1: RPCBVERS.RPCBPROC_SET,
        2: RPCBVERS.RPCBPROC_UNSET,
        3: RPCBVERS.RPCBPROC_GETADDR,
        4: RPCBVERS.RPCBPROC_DUMP,
        5: RPCBVERS.RPCBPROC_CALLIT,
        6: RPCBVERS.RPCBPROC_GETTIME,
        7: RPCBVERS.RPCBPROC_UADDR2TADDR,
        8: RPCBVERS.RPCBPROC_TADDR2UADDR,
    }

    async def RPCBPROC_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def RPCBPROC_SET(self, call: _CallT, arg: rpcb) -> bool:
        raise _ProcedureUnavailable("RPCBPROC_SET")

    async def RPCBPROC_UNSET(self, call: _CallT, arg: rpcb) -> bool:
        raise _ProcedureUnavailable("RPCBPROC_UNSET")

    async def RPCBPROC_GETADDR(self, call: _CallT, arg: rpcb) -> rpcb_string:
        raise _ProcedureUnavailable("RPCBPROC_GETADDR")

    async def RPCBPROC_DUMP(self, call: _CallT) -> rpcblist_ptr:
        raise _ProcedureUnavailable("RPCBPROC_DUMP")

    async def RPCBPROC_CALLIT(self, call: _CallT, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        raise _ProcedureUnavailable("RPCBPROC_CALLIT")

    async def RPCBPROC_GETTIME(self, call: _CallT) -> int:
        raise _ProcedureUnavailable("RPCBPROC_GETTIME")

    async def RPCBPROC_UADDR2TADDR(self, call: _CallT, arg: rpcb_string) -> netbuf:
        raise _ProcedureUnavailable("RPCBPROC_UADDR2TADDR")

    async def RPCBPROC_TADDR2UADDR(self, call: _CallT, arg: netbuf) -> rpcb_string:
        raise _ProcedureUnavailable("RPCBPROC_TADDR2UADDR")


class RPCBVERS4:
    """program RPCBPROG, version RPCBVERS4 (rpcbind.x:153)."""

    PROGRAM: Final = 100000
    VERSION: Final = 4
    RPCBPROC_NULL: Final = _Procedure(100000, 4, 0, "RPCBPROC_NULL", _VOID, _VOID)
    RPCBPROC_SET: Final = _Procedure(100000, 4, 1, "RPCBPROC_SET", _codec(rpcb), _BOOL)
    RPCBPROC_UNSET: Final = _Procedure(100000, 4, 2, "RPCBPROC_UNSET", _codec(rpcb), _BOOL)
    RPCBPROC_GETADDR: Final = _Procedure(
        100000, 4, 3, "RPCBPROC_GETADDR", _codec(rpcb), _string(255, name="rpcb_string")
    )
    RPCBPROC_DUMP: Final = _Procedure(100000, 4, 4, "RPCBPROC_DUMP", _VOID, _chain(rp__list))
    RPCBPROC_BCAST: Final = _Procedure(
        100000, 4, 5, "RPCBPROC_BCAST", _codec(rpcb_rmtcallargs), _codec(rpcb_rmtcallres)
    )
    RPCBPROC_GETTIME: Final = _Procedure(100000, 4, 6, "RPCBPROC_GETTIME", _VOID, _UNSIGNED)
    RPCBPROC_UADDR2TADDR: Final = _Procedure(
        100000, 4, 7, "RPCBPROC_UADDR2TADDR", _string(255, name="rpcb_string"), _codec(netbuf)
    )
    RPCBPROC_TADDR2UADDR: Final = _Procedure(
        100000, 4, 8, "RPCBPROC_TADDR2UADDR", _codec(netbuf), _string(255, name="rpcb_string")
    )
    RPCBPROC_GETVERSADDR: Final = _Procedure(
        100000, 4, 9, "RPCBPROC_GETVERSADDR", _codec(rpcb), _string(255, name="rpcb_string")
    )
    RPCBPROC_INDIRECT: Final = _Procedure(
        100000, 4, 10, "RPCBPROC_INDIRECT", _codec(rpcb_rmtcallargs), _codec(rpcb_rmtcallres)
    )
    RPCBPROC_GETADDRLIST: Final = _Procedure(
        100000, 4, 11, "RPCBPROC_GETADDRLIST", _codec(rpcb), _chain(rpcb_entry_list)
    )
    RPCBPROC_GETSTAT: Final = _Procedure(
        100000, 4, 12, "RPCBPROC_GETSTAT", _VOID, _array_fixed(rpcb_stat, 3, name="rpcb_stat_byvers")
    )


class RPCBVERS4_Client:
    """RPCBVERS4 as its callers see it; every method makes one call (rpcbind.x:153)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def RPCBPROC_NULL(self) -> None:
        await self._call(RPCBVERS4.RPCBPROC_NULL, None)

    async def RPCBPROC_SET(self, arg: rpcb) -> bool:
        return await self._call(RPCBVERS4.RPCBPROC_SET, arg)

    async def RPCBPROC_UNSET(self, arg: rpcb) -> bool:
        return await self._call(RPCBVERS4.RPCBPROC_UNSET, arg)

    async def RPCBPROC_GETADDR(self, arg: rpcb) -> rpcb_string:
        return await self._call(RPCBVERS4.RPCBPROC_GETADDR, arg)

    async def RPCBPROC_DUMP(self) -> rpcblist_ptr:
        return await self._call(RPCBVERS4.RPCBPROC_DUMP, None)

    async def RPCBPROC_BCAST(self, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        return await self._call(RPCBVERS4.RPCBPROC_BCAST, arg)

    async def RPCBPROC_GETTIME(self) -> int:
        return await self._call(RPCBVERS4.RPCBPROC_GETTIME, None)

    async def RPCBPROC_UADDR2TADDR(self, arg: rpcb_string) -> netbuf:
        return await self._call(RPCBVERS4.RPCBPROC_UADDR2TADDR, arg)

    async def RPCBPROC_TADDR2UADDR(self, arg: netbuf) -> rpcb_string:
        return await self._call(RPCBVERS4.RPCBPROC_TADDR2UADDR, arg)

    async def RPCBPROC_GETVERSADDR(self, arg: rpcb) -> rpcb_string:
        return await self._call(RPCBVERS4.RPCBPROC_GETVERSADDR, arg)

    async def RPCBPROC_INDIRECT(self, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        return await self._call(RPCBVERS4.RPCBPROC_INDIRECT, arg)

    async def RPCBPROC_GETADDRLIST(self, arg: rpcb) -> rpcb_entry_list_ptr:
        return await self._call(RPCBVERS4.RPCBPROC_GETADDRLIST, arg)

    async def RPCBPROC_GETSTAT(self) -> rpcb_stat_byvers:
        return await self._call(RPCBVERS4.RPCBPROC_GETSTAT, None)


class RPCBVERS4_Service(_Service[_CallT]):
    """RPCBVERS4 as its servers offer it; override what there is (rpcbind.x:153)."""

    PROGRAM = RPCBVERS4.PROGRAM
    VERSION = RPCBVERS4.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: RPCBVERS4.RPCBPROC_NULL,
        1: RPCBVERS4.RPCBPROC_SET,
        2: RPCBVERS4.RPCBPROC_UNSET,
        3: RPCBVERS4.RPCBPROC_GETADDR,
        4: RPCBVERS4.RPCBPROC_DUMP,
        5: RPCBVERS4.RPCBPROC_BCAST,
        6: RPCBVERS4.RPCBPROC_GETTIME,
        7: RPCBVERS4.RPCBPROC_UADDR2TADDR,
        8: RPCBVERS4.RPCBPROC_TADDR2UADDR,
        9: RPCBVERS4.RPCBPROC_GETVERSADDR,
        10: RPCBVERS4.RPCBPROC_INDIRECT,
        11: RPCBVERS4.RPCBPROC_GETADDRLIST,
        12: RPCBVERS4.RPCBPROC_GETSTAT,
    }

    async def RPCBPROC_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def RPCBPROC_SET(self, call: _CallT, arg: rpcb) -> bool:
        raise _ProcedureUnavailable("RPCBPROC_SET")

    async def RPCBPROC_UNSET(self, call: _CallT, arg: rpcb) -> bool:
        raise _ProcedureUnavailable("RPCBPROC_UNSET")

    async def RPCBPROC_GETADDR(self, call: _CallT, arg: rpcb) -> rpcb_string:
        raise _ProcedureUnavailable("RPCBPROC_GETADDR")

    async def RPCBPROC_DUMP(self, call: _CallT) -> rpcblist_ptr:
        raise _ProcedureUnavailable("RPCBPROC_DUMP")

    async def RPCBPROC_BCAST(self, call: _CallT, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        raise _ProcedureUnavailable("RPCBPROC_BCAST")

    async def RPCBPROC_GETTIME(self, call: _CallT) -> int:
        raise _ProcedureUnavailable("RPCBPROC_GETTIME")

    async def RPCBPROC_UADDR2TADDR(self, call: _CallT, arg: rpcb_string) -> netbuf:
        raise _ProcedureUnavailable("RPCBPROC_UADDR2TADDR")

    async def RPCBPROC_TADDR2UADDR(self, call: _CallT, arg: netbuf) -> rpcb_string:
        raise _ProcedureUnavailable("RPCBPROC_TADDR2UADDR")

    async def RPCBPROC_GETVERSADDR(self, call: _CallT, arg: rpcb) -> rpcb_string:
        raise _ProcedureUnavailable("RPCBPROC_GETVERSADDR")

    async def RPCBPROC_INDIRECT(self, call: _CallT, arg: rpcb_rmtcallargs) -> rpcb_rmtcallres:
        raise _ProcedureUnavailable("RPCBPROC_INDIRECT")

    async def RPCBPROC_GETADDRLIST(self, call: _CallT, arg: rpcb) -> rpcb_entry_list_ptr:
        raise _ProcedureUnavailable("RPCBPROC_GETADDRLIST")

    async def RPCBPROC_GETSTAT(self, call: _CallT) -> rpcb_stat_byvers:
        raise _ProcedureUnavailable("RPCBPROC_GETSTAT")

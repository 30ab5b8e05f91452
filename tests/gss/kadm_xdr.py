"""Made from kadm.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TYPE_CHECKING, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    Buffer as _Buffer,
    CallT as _CallT,
    Codec as _Codec,
    Cursor as _Cursor,
    INTEGER as _INTEGER,
    Out as _Out,
    Procedure as _Procedure,
    ProcedureUnavailable as _ProcedureUnavailable,
    Service as _Service,
    Struct as _Struct,
    UNSIGNED as _UNSIGNED,
    VOID as _VOID,
    Value as _Value,
    ZEROS as _ZEROS,
    arm as _arm,
    array as _array,
    bad_padding as _bad_padding,
    codec as _codec,
    new as _new,
    not_a_case as _not_a_case,
    octets as _octets,
    opaque as _opaque,
    overrun as _overrun,
    struct as _struct,
    too_many as _too_many,
    union as _union,
)

_SI = _Struct(">I")
_SI2 = _Struct(">II")
_SI3 = _Struct(">III")
_SiI = _Struct(">iI")

KADM_API_VERSION: Final[int] = 305420036
nullstring: TypeAlias = "bytes"


@dataclass(slots=True)
class generic_ret(_Value):
    """struct generic_ret (kadm.x:10)."""

    version: int
    code: int

    def _put(self, out: _Out) -> None:
        out.append(_SI2.pack(self.version, self.code))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.version, value.code) = _SI2.unpack_from(data, position)
        cursor.position = position + 8
        return value


@dataclass(slots=True)
class getprivs_ret(_Value):
    """struct getprivs_ret (kadm.x:15)."""

    version: int
    code: int
    privileges: int

    def _put(self, out: _Out) -> None:
        out.append(_SI3.pack(self.version, self.code, self.privileges))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.version, value.code, value.privileges) = _SI3.unpack_from(data, position)
        cursor.position = position + 12
        return value


@dataclass(slots=True)
class gprincs_arg(_Value):
    """struct gprincs_arg (kadm.x:21)."""

    version: int
    expression: nullstring

    def _put(self, out: _Out) -> None:
        expression: _Buffer = self.expression
        if type(expression) is not bytes:
            expression = _octets(expression, 4096)
        length = len(expression)
        if length > 4096:
            raise _too_many(length, 4096)
        out.append(_SI2.pack(self.version, length))
        out.append(expression)
        if length & 3:
            out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.version, length) = _SI2.unpack_from(data, position)
        position += 8
        end = position + length
        if length > 4096 or end > size:
            raise _overrun(data, position - 4, length, 4096)
        value.expression = wire[position:end]
        position = end
        if length & 3:
            position += 4 - (length & 3)
            if wire[end:position] != _ZEROS[length & 3]:
                raise _bad_padding(end)
        cursor.position = position
        return value


@dataclass(slots=True)
class principals(_Value):
    """struct principals (kadm.x:26)."""

    count: int
    names: list[nullstring]

    def _put(self, out: _Out) -> None:
        names = self.names
        out.append(_SiI.pack(self.count, len(names)))
        for item in names:
            item_2: _Buffer = item
            if type(item_2) is not bytes:
                item_2 = _octets(item_2, 4096)
            length = len(item_2)
            if length > 4096:
                raise _too_many(length, 4096)
            out.append(_SI.pack(length))
            out.append(item_2)
            if length & 3:
                out.append(_ZEROS[length & 3])

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        wire = cursor.wire
        size = len(data)
        position = cursor.position
        (value.count, count) = _SiI.unpack_from(data, position)
        position += 8
        if count * 4 > size - position:
            raise _overrun(data, position - 4, count, 4294967295)
        items: list[nullstring] = []
        for _ in range(count):
            (length,) = _SI.unpack_from(data, position)
            position += 4
            end = position + length
            if length > 4096 or end > size:
                raise _overrun(data, position - 4, length, 4096)
            item = wire[position:end]
            position = end
            if length & 3:
                position += 4 - (length & 3)
                if wire[end:position] != _ZEROS[length & 3]:
                    raise _bad_padding(end)
            items.append(item)
        value.names = items
        cursor.position = position
        return value


class gprincs_result(_Value):
    """union gprincs_result switch (int code) (kadm.x:31)."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def code(self) -> int: ...

    @classmethod
    def _take(cls, cursor: _Cursor) -> gprincs_result:
        (code,) = _SI.unpack_from(cursor.data, cursor.position)
        if code == 0:
            arm = _new(gprincs_result_0)
            cursor.position += 4
            arm.found = principals._take(cursor)
            return arm
        arm_2 = _new(gprincs_result_default)
        arm_2.code = code
        cursor.position += 4
        return arm_2


@dataclass(slots=True)
class gprincs_result_0(gprincs_result):
    """case 0 of union gprincs_result (kadm.x:32)."""

    code: ClassVar[int] = 0
    found: principals

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(0))
        principals._put(self.found, out)


@dataclass(slots=True)
class gprincs_result_default(gprincs_result):
    """default of union gprincs_result (kadm.x:34)."""

    code: int

    def _put(self, out: _Out) -> None:
        if self.code in {0}:
            raise _not_a_case(self.code, "gprincs_result_default")
        out.append(_SI.pack(self.code))


@dataclass(slots=True)
class gprincs_ret(_Value):
    """struct gprincs_ret (kadm.x:38)."""

    version: int
    result: gprincs_result

    def _put(self, out: _Out) -> None:
        out.append(_SI.pack(self.version))
        if not isinstance(self.result, gprincs_result):
            raise TypeError
        self.result._put(out)

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.version,) = _SI.unpack_from(data, position)
        cursor.position = position + 4
        value.result = gprincs_result._take(cursor)
        return value


CODECS: Final[dict[str, _Codec[Any]]] = {
    "generic_ret": _struct(generic_ret, ("version", _UNSIGNED), ("code", _UNSIGNED)),
    "getprivs_ret": _struct(getprivs_ret, ("version", _UNSIGNED), ("code", _UNSIGNED), ("privileges", _UNSIGNED)),
    "gprincs_arg": _struct(gprincs_arg, ("version", _UNSIGNED), ("expression", _opaque(4096))),
    "principals": _struct(principals, ("count", _INTEGER), ("names", _array(_opaque(4096), 4294967295))),
    "gprincs_result": _union(
        gprincs_result,
        "code",
        _UNSIGNED,
        _arm(gprincs_result_0, (0,), ("found", principals)),
        _arm(gprincs_result_default, None),
    ),
    "gprincs_ret": _struct(gprincs_ret, ("version", _UNSIGNED), ("result", gprincs_result)),
    "nullstring": _opaque(4096, name="nullstring"),
}


class KADMVERS:
    """program KADM, version KADMVERS (kadm.x:44)."""

    PROGRAM: Final = 2112
    VERSION: Final = 2
    NULL: Final = _Procedure(2112, 2, 0, "NULL", _VOID, _VOID)
    GET_PRIVS: Final = _Procedure(2112, 2, 12, "GET_PRIVS", _UNSIGNED, _codec(getprivs_ret))
    INIT: Final = _Procedure(2112, 2, 13, "INIT", _UNSIGNED, _codec(generic_ret))
    GET_PRINCS: Final = _Procedure(2112, 2, 14, "GET_PRINCS", _codec(gprincs_arg), _codec(gprincs_ret))


class KADMVERS_Client:
    """KADMVERS as its callers see it; every method makes one call (kadm.x:44)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def NULL(self) -> None:
        await self._call(KADMVERS.NULL, None)

    async def GET_PRIVS(self, arg: int) -> getprivs_ret:
        return await self._call(KADMVERS.GET_PRIVS, arg)

    async def INIT(self, arg: int) -> generic_ret:
        return await self._call(KADMVERS.INIT, arg)

    async def GET_PRINCS(self, arg: gprincs_arg) -> gprincs_ret:
        return await self._call(KADMVERS.GET_PRINCS, arg)


class KADMVERS_Service(_Service[_CallT]):
    """KADMVERS as its servers offer it; override what there is (kadm.x:44)."""

    PROGRAM = KADMVERS.PROGRAM
    VERSION = KADMVERS.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: KADMVERS.NULL,
        12: KADMVERS.GET_PRIVS,
        13: KADMVERS.INIT,
        14: KADMVERS.GET_PRINCS,
    }

    async def NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def GET_PRIVS(self, call: _CallT, arg: int) -> getprivs_ret:
        raise _ProcedureUnavailable("GET_PRIVS")

    async def INIT(self, call: _CallT, arg: int) -> generic_ret:
        raise _ProcedureUnavailable("INIT")

    async def GET_PRINCS(self, call: _CallT, arg: gprincs_arg) -> gprincs_ret:
        raise _ProcedureUnavailable("GET_PRINCS")

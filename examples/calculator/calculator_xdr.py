"""Made from calculator.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    CallT as _CallT,
    Codec as _Codec,
    Cursor as _Cursor,
    INTEGER_64 as _INTEGER_64,
    Out as _Out,
    Procedure as _Procedure,
    ProcedureUnavailable as _ProcedureUnavailable,
    Service as _Service,
    Struct as _Struct,
    VOID as _VOID,
    Value as _Value,
    array as _array,
    codec as _codec,
    new as _new,
    optional as _optional,
    struct as _struct,
)

_Sq2 = _Struct(">qq")


@dataclass(slots=True)
class fraction(_Value):
    """struct fraction (calculator.x:3)."""

    numerator: int
    denominator: int

    def _put(self, out: _Out) -> None:
        out.append(_Sq2.pack(self.numerator, self.denominator))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.numerator, value.denominator) = _Sq2.unpack_from(data, position)
        cursor.position = position + 16
        return value


@dataclass(slots=True)
class quotient(_Value):
    """struct quotient (calculator.x:8)."""

    whole: int
    rest: int

    def _put(self, out: _Out) -> None:
        out.append(_Sq2.pack(self.whole, self.rest))

    @classmethod
    def _take(cls, cursor: _Cursor) -> Self:
        value = _new(cls)
        data = cursor.data
        position = cursor.position
        (value.whole, value.rest) = _Sq2.unpack_from(data, position)
        cursor.position = position + 16
        return value


numbers: TypeAlias = "list[int]"
division: TypeAlias = "quotient | None"


CODECS: Final[dict[str, _Codec[Any]]] = {
    "fraction": _struct(fraction, ("numerator", _INTEGER_64), ("denominator", _INTEGER_64)),
    "quotient": _struct(quotient, ("whole", _INTEGER_64), ("rest", _INTEGER_64)),
    "numbers": _array(_INTEGER_64, 1000, name="numbers"),
    "division": _optional(quotient, name="division"),
}


class CALCULATOR_V1:
    """program CALCULATOR_PROG, version CALCULATOR_V1 (calculator.x:17)."""

    PROGRAM: Final = 536871064
    VERSION: Final = 1
    CALCULATOR_NULL: Final = _Procedure(536871064, 1, 0, "CALCULATOR_NULL", _VOID, _VOID)
    SUM: Final = _Procedure(536871064, 1, 1, "SUM", _array(_INTEGER_64, 1000, name="numbers"), _INTEGER_64)
    DIVIDE: Final = _Procedure(536871064, 1, 2, "DIVIDE", _codec(fraction), _optional(quotient, name="division"))


class CALCULATOR_V1_Client:
    """CALCULATOR_V1 as its callers see it; every method makes one call (calculator.x:17)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def CALCULATOR_NULL(self) -> None:
        await self._call(CALCULATOR_V1.CALCULATOR_NULL, None)

    async def SUM(self, arg: numbers) -> int:
        return await self._call(CALCULATOR_V1.SUM, arg)

    async def DIVIDE(self, arg: fraction) -> division:
        return await self._call(CALCULATOR_V1.DIVIDE, arg)


class CALCULATOR_V1_Service(_Service[_CallT]):
    """CALCULATOR_V1 as its servers offer it; override what there is (calculator.x:17)."""

    PROGRAM = CALCULATOR_V1.PROGRAM
    VERSION = CALCULATOR_V1.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: CALCULATOR_V1.CALCULATOR_NULL,
        1: CALCULATOR_V1.SUM,
        2: CALCULATOR_V1.DIVIDE,
    }

    async def CALCULATOR_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def SUM(self, call: _CallT, arg: numbers) -> int:
        raise _ProcedureUnavailable("SUM")

    async def DIVIDE(self, call: _CallT, arg: fraction) -> division:
        raise _ProcedureUnavailable("DIVIDE")

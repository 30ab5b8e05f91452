"""Made from echo.x by ``python -m xdr compile``; change that file, not this one."""

# ruff: noqa

from __future__ import annotations

from typing import Any, ClassVar, Final, TypeAlias

from xdr.runtime import (
    AsyncCall as _AsyncCall,
    CallT as _CallT,
    Codec as _Codec,
    Procedure as _Procedure,
    ProcedureUnavailable as _ProcedureUnavailable,
    Service as _Service,
    VOID as _VOID,
    string as _string,
)


message: TypeAlias = "str"


CODECS: Final[dict[str, _Codec[Any]]] = {
    "message": _string(65536, name="message"),
}


class ECHO_V1:
    """program ECHO_PROG, version ECHO_V1 (echo.x:6)."""

    PROGRAM: Final = 536871065
    VERSION: Final = 1
    ECHO_NULL: Final = _Procedure(536871065, 1, 0, "ECHO_NULL", _VOID, _VOID)
    ECHO: Final = _Procedure(536871065, 1, 1, "ECHO", _string(65536, name="message"), _string(65536, name="message"))


class ECHO_V1_Client:
    """ECHO_V1 as its callers see it; every method makes one call (echo.x:6)."""

    def __init__(self, call: _AsyncCall) -> None:
        self._call = call

    async def ECHO_NULL(self) -> None:
        await self._call(ECHO_V1.ECHO_NULL, None)

    async def ECHO(self, arg: message) -> message:
        return await self._call(ECHO_V1.ECHO, arg)


class ECHO_V1_Service(_Service[_CallT]):
    """ECHO_V1 as its servers offer it; override what there is (echo.x:6)."""

    PROGRAM = ECHO_V1.PROGRAM
    VERSION = ECHO_V1.VERSION
    PROCEDURES: ClassVar[dict[int, _Procedure[Any, Any]]] = {
        0: ECHO_V1.ECHO_NULL,
        1: ECHO_V1.ECHO,
    }

    async def ECHO_NULL(self, call: _CallT) -> None:
        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""

    async def ECHO(self, call: _CallT, arg: message) -> message:
        raise _ProcedureUnavailable("ECHO")

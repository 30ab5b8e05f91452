"""A small program for tests, without the help of the compiler: what a server and a client need of one."""

from collections import Counter
from typing import Final

import trio

import xdr
from rpcgss.rpc import Call

PROGRAM: Final = 0x20000042
VERSION: Final = 3

OPAQUE: Final = xdr.opaque(4_000_000)
NULL: Final = xdr.Procedure(PROGRAM, VERSION, 0, "NULL", xdr.VOID, xdr.VOID)
ECHO: Final = xdr.Procedure(PROGRAM, VERSION, 1, "ECHO", OPAQUE, OPAQUE)
HOLD: Final = xdr.Procedure(PROGRAM, VERSION, 2, "HOLD", OPAQUE, OPAQUE)
FAIL: Final = xdr.Procedure(PROGRAM, VERSION, 3, "FAIL", xdr.VOID, xdr.VOID)
WRONG: Final = xdr.Procedure(PROGRAM, VERSION, 4, "WRONG", xdr.VOID, xdr.string(4))
MISSING: Final = xdr.Procedure(PROGRAM, VERSION, 5, "MISSING", xdr.VOID, xdr.VOID)
BEYOND: Final = xdr.Procedure(PROGRAM, VERSION, 77, "BEYOND", xdr.VOID, xdr.VOID)


class Program(xdr.Service[Call]):
    """ECHO gives back its argument; HOLD does so once `gate` is open; `executed` counts what really ran."""

    PROGRAM = PROGRAM
    VERSION = VERSION
    PROCEDURES = {p.number: p for p in (NULL, ECHO, HOLD, FAIL, WRONG, MISSING)}  # noqa: RUF012

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.executed: Counter[bytes] = Counter()
        self.calls: list[Call] = []
        self.running = 0
        self.most_running = 0

    async def NULL(self, call: Call) -> None:
        self.calls.append(call)

    async def ECHO(self, call: Call, arg: bytes) -> bytes:
        self.calls.append(call)
        self.executed[arg] += 1
        return arg

    async def HOLD(self, call: Call, arg: bytes) -> bytes:
        self.executed[arg] += 1
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return arg

    async def FAIL(self, call: Call) -> None:
        raise RuntimeError("secret detail")

    async def WRONG(self, call: Call) -> str:
        return "longer than four"

    async def MISSING(self, call: Call) -> None:
        raise xdr.ProcedureUnavailable("not implemented")

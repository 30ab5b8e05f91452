"""One program, served by plain methods and by asyncio's: what tests of the façades need of a service."""

import asyncio
import sys
import threading

import trio
import trio.lowlevel

import rpcgss
import xdr
from rpcgss import blocking
from rpcgss.rpc.rpc_xdr import auth_stat
from tests.rpc import program
from tests.rpc.program import ECHO, FAIL, HOLD, MISSING, NULL, OPAQUE

EXIT = xdr.Procedure(program.PROGRAM, program.VERSION, 6, "EXIT", xdr.VOID, xdr.VOID)
REFUSE = xdr.Procedure(program.PROGRAM, program.VERSION, 7, "REFUSE", xdr.VOID, xdr.VOID)
ON_TRIO = xdr.Procedure(program.PROGRAM, program.VERSION, 8, "ON_TRIO", xdr.VOID, xdr.VOID)
LIMIT = 30.0


class Generated(xdr.Service[rpcgss.Call]):
    """What the compiler would have made."""

    PROGRAM = program.PROGRAM
    VERSION = program.VERSION
    PROCEDURES = {p.number: p for p in (NULL, ECHO, HOLD, FAIL, MISSING, EXIT, REFUSE, ON_TRIO)}  # noqa: RUF012

    async def NULL(self, call: rpcgss.Call) -> None: ...

    async def MISSING(self, call: rpcgss.Call) -> None:
        raise xdr.ProcedureUnavailable("MISSING")


class GeneratedClient:
    """Likewise."""

    def __init__(self, call: xdr.AsyncCall) -> None:
        self._call = call

    async def NULL(self) -> None:
        await self._call(NULL, None)

    async def ECHO(self, arg: bytes) -> bytes:
        """Gives it back."""
        return await self._call(ECHO, arg)


class Plain(Generated):
    """HOLD is over once `gate` is open; `begun` says that one has begun."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.threads: set[str] = set()
        self.calls: list[rpcgss.Call] = []
        self.running = self.most_running = 0
        self.on_trio: object = None

    def ECHO(self, call: rpcgss.Call, arg: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        self.calls.append(call)
        return arg

    def HOLD(self, call: rpcgss.Call, arg: bytes) -> bytes:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.begun.release()
        assert self.gate.wait(LIMIT)
        self.running -= 1
        return arg

    def FAIL(self, call: rpcgss.Call) -> None:
        raise RuntimeError("secret detail")

    def EXIT(self, call: rpcgss.Call) -> None:
        sys.exit(3)

    def REFUSE(self, call: rpcgss.Call) -> None:
        raise rpcgss.AuthRefused(auth_stat.AUTH_TOOWEAK)

    async def ON_TRIO(self, call: rpcgss.Call) -> None:
        await trio.lowlevel.checkpoint()
        try:
            blocking.connect_tcp("127.0.0.1", 1, rpcgss.AuthNone())
        except RuntimeError as error:
            self.on_trio = error


class Asynchronous(Generated):
    """The same; `ends` is what became of each HOLD."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self.loops: set[object] = set()
        self.ends: list[str] = []

    async def ECHO(self, call: rpcgss.Call, arg: bytes) -> bytes:
        self.loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return arg

    async def HOLD(self, call: rpcgss.Call, arg: bytes) -> bytes:
        self.begun.release()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            self.ends.append("cancelled")
            raise
        self.ends.append("done")
        return arg

    async def FAIL(self, call: rpcgss.Call) -> None:
        raise RuntimeError("secret detail")

    async def EXIT(self, call: rpcgss.Call) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    async def REFUSE(self, call: rpcgss.Call) -> None:
        raise rpcgss.AuthRefused(auth_stat.AUTH_TOOWEAK)


__all__ = ["ECHO", "EXIT", "FAIL", "HOLD", "LIMIT", "MISSING", "NULL", "ON_TRIO", "OPAQUE", "REFUSE"]

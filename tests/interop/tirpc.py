"""libtirpc at either end: small C programs, compiled when first asked for, and run as children."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

import xdr
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.provider import GssService
from rpcgss.reauth.client import TicketClient
from rpcgss.rpc import AuthNone, AuthSys, Call, ClientFlavor
from rpcgss.rpc.flavors import Identity, UnixIdentity
from tests.rpc.program import PROGRAM, VERSION, Program

SOURCES: Final = Path(__file__).parent
TARGET: Final = "nfs@localhost"
WHO: Final = xdr.Procedure(PROGRAM, VERSION, 7, "WHO", xdr.VOID, xdr.string(255))
SERVICES: Final = {"krb5": GssService.NONE, "krb5i": GssService.INTEGRITY, "krb5p": GssService.PRIVACY}
PATIENCE: Final = 60


class InteropProgram(Program):
    """The tests' program, and WHO: as whom it sees its caller."""

    PROCEDURES = Program.PROCEDURES | {WHO.number: WHO}

    async def WHO(self, call: Call) -> str:
        return name_of(call.identity)


def name_of(identity: Identity) -> str:
    """What the C server says of the same caller."""
    match identity:
        case GssIdentity(principal=principal, service=service):
            (security,) = (name for name, known in SERVICES.items() if known is service)
            return f"{security} {principal}"
        case UnixIdentity(uid=uid, gid=gid):
            return f"sys {uid}:{gid}"
        case _:
            return "none"


def gss(security: str, tickets: TicketClient | None = None) -> GssFlavor:
    return GssFlavor(TARGET, service=SERVICES[security], extension=tickets)


def flavor(security: str) -> ClientFlavor:
    match security:
        case "none":
            return AuthNone()
        case "sys":
            return AuthSys(uid=1001, gid=1002)
        case _:
            return gss(security)


def build(directory: Path) -> None:
    """Compile the programs into `directory`."""
    assert shutil.which("gcc"), "the package gcc is missing: tools/setup test"
    assert Path("/usr/include/tirpc").is_dir(), "the package libtirpc-dev is missing: tools/setup test"
    options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-cast-function-type", "-Werror", "-I/usr/include/tirpc"]
    for name in ("tirpc_server", "tirpc_client", "tirpc_binding"):
        subprocess.run(
            ["gcc", *options, "-o", str(directory / name), str(SOURCES / f"{name}.c"), "-ltirpc"], check=True
        )


class Child:
    """A process that is spoken to by lines. It ends by itself when its standard input does."""

    def __init__(self, process: trio.Process) -> None:
        self.process: Final = process
        self._rest = b""

    async def ask(self, line: str) -> str:
        """Say a line and wait for the one that answers it."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{line}\n".encode())
        return await self.line()

    async def line(self) -> str:
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE):
            while b"\n" not in self._rest:
                data = await self.process.stdout.receive_some()
                assert data, f"the peer has ended ({await self.process.wait()})"
                self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    async def end(self) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.aclose()
        with trio.fail_after(PATIENCE):
            assert await self.process.wait() == 0


@asynccontextmanager
async def child(program: Path, *arguments: str) -> AsyncIterator[Child]:
    """A peer that is gone when the block ends."""
    process = await trio.lowlevel.open_process(
        [str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    peer = Child(process)
    try:
        yield peer
        await peer.end()
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    await stream.aclose()


@dataclass(frozen=True, slots=True)
class Tirpc:
    """The compiled programs."""

    directory: Path

    @asynccontextmanager
    async def server(self, transport: str = "tcp") -> AsyncIterator[tuple[Child, int]]:
        """A running server and its port."""
        async with child(self.directory / "tirpc_server", transport, TARGET) as server:
            word, port = (await server.line()).split()
            assert word == "port"
            yield server, int(port)

    @asynccontextmanager
    async def client(self, port: int, transport: str = "tcp") -> AsyncIterator[Child]:
        """A client that waits for its orders."""
        async with child(self.directory / "tirpc_client", transport, str(port), TARGET) as client:
            yield client

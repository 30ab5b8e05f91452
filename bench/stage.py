"""The processes of the comparison, each kept to a core: our two ends and libtirpc's, and figures that they give."""

import os
import shutil
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.interop.tirpc import TARGET, Child, child

TASKSET: Final = Path(shutil.which("taskset") or "/usr/bin/taskset")
CORES: Final = sorted(os.sched_getaffinity(0))
OURS, THEIRS = "rpcgss", "libtirpc"


@dataclass(frozen=True, slots=True)
class Placement:
    """On which core the client and the server run."""

    name: str
    client: int
    server: int


ONE_CORE: Final = Placement("both on one core", CORES[0], CORES[0])
TWO_CORES: Final = Placement("one core each", CORES[0], CORES[-1])
PLACEMENTS: Final = (ONE_CORE, TWO_CORES) if len(CORES) > 1 else (ONE_CORE,)


@dataclass(slots=True)
class Rate:
    """Per second, as often as it was measured; or why it could not be."""

    samples: list[float] = field(default_factory=list)
    trouble: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.samples) if self.samples else 0.0

    async def measure(self, client: Child, order: str) -> None:
        """`order` is answered by "ok COUNT NANOSECONDS"."""
        if self.trouble:
            return
        answer = await client.ask(order)
        match answer.split():
            case ["ok", count, nanoseconds]:
                self.samples.append(int(count) * 1e9 / int(nanoseconds))
            case _:
                self.trouble = answer


@dataclass(frozen=True, slots=True)
class Server:
    process: Child
    port: int


@dataclass(slots=True)
class Stage:
    """Servers and clients of one placement. `clients` by the names of both ends."""

    servers: dict[str, Server] = field(default_factory=dict)
    clients: dict[tuple[str, str], Child] = field(default_factory=dict)


@asynccontextmanager
async def stage(placement: Placement, programs: Path, principal: str) -> AsyncIterator[Stage]:
    """Every client with every server. `programs` is where libtirpc's were built."""
    made = Stage()
    async with AsyncExitStack() as stack:
        for name, command in ((OURS, ours("server", TARGET)), (THEIRS, [programs / "tirpc_server", "tcp", TARGET])):
            process = await stack.enter_async_context(kept_to(placement.server, *command))
            made.servers[name] = Server(process, int((await process.line()).split()[1]))
        for name, server in made.servers.items():
            for kind, command in (
                (OURS, ours("client", server.port, TARGET, principal)),
                (THEIRS, [programs / "tirpc_client", "tcp", server.port, TARGET]),
            ):
                made.clients[kind, name] = await stack.enter_async_context(kept_to(placement.client, *command))
        yield made


@asynccontextmanager
async def kept_to(core: int, *command: object) -> AsyncIterator[Child]:
    """A process that runs on one core."""
    async with child(TASKSET, "--cpu-list", str(core), *map(str, command)) as process:
        yield process


def ours(*arguments: object) -> list[object]:
    """The command of one of our ends."""
    return [sys.executable, "-m", "bench.peer", *arguments]

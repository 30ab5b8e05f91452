"""The processes of the comparison, each kept to a core: our two ends, libtirpc's, pynfs's client; and their figures."""

import os
import shutil
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.interop.tirpc import TARGET, Child, child

TASKSET: Final = Path(shutil.which("taskset") or "/usr/bin/taskset")
CORES: Final = sorted(os.sched_getaffinity(0))
OURS, THEIRS = "rpcgss", "libtirpc"
BLOCKING, PYNFS = "rpcgss.blocking", "pynfs"
CHECKOUT: Final = os.environ.get("PYNFS", "")
"""Where pynfs is, if it is at hand."""


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
        self.add(await client.ask(order))

    def add(self, answer: str) -> None:
        """Once it is known."""
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
    """Servers and clients of one placement. `clients` by the names of both ends; those that only one of the servers is
    measured with are there on one core alone."""

    servers: dict[str, Server] = field(default_factory=dict)
    clients: dict[tuple[str, str], Child] = field(default_factory=dict)


@asynccontextmanager
async def stage(placement: Placement, programs: Path, principal: str) -> AsyncIterator[Stage]:
    """Every client with every server. `programs` is where libtirpc's were built."""
    made = Stage()
    async with AsyncExitStack() as stack:
        servers: dict[str, Sequence[object]] = {
            OURS: ours("server", TARGET),
            THEIRS: [programs / "tirpc_server", "tcp", TARGET],
        }
        for name, command in servers.items():
            process = await stack.enter_async_context(kept_to(placement.server, *command))
            made.servers[name] = Server(process, int((await process.line()).split()[1]))
        for ends, command in _clients(made, placement, programs, principal).items():
            made.clients[ends] = await stack.enter_async_context(kept_to(placement.client, *command))
        yield made


def _clients(
    made: Stage, placement: Placement, programs: Path, principal: str
) -> dict[tuple[str, str], Sequence[object]]:
    """Their commands."""
    commands: dict[tuple[str, str], Sequence[object]] = {}
    for name, server in made.servers.items():
        commands[OURS, name] = ours("client", server.port, TARGET, principal)
        commands[THEIRS, name] = [programs / "tirpc_client", "tcp", server.port, TARGET]
    if placement is ONE_CORE:
        commands[BLOCKING, OURS] = module("bench.blocking_peer", made.servers[OURS].port, TARGET, principal)
        if CHECKOUT:
            commands[PYNFS, THEIRS] = module("bench.pynfs_peer", CHECKOUT, made.servers[THEIRS].port, TARGET)
    return commands


@asynccontextmanager
async def kept_to(core: int, *command: object) -> AsyncIterator[Child]:
    """A process that runs on one core."""
    async with child(TASKSET, "--cpu-list", str(core), *map(str, command)) as process:
        yield process


def ours(*arguments: object) -> list[object]:
    """The command of one of our ends."""
    return module("bench.peer", *arguments)


def module(name: str, *arguments: object) -> list[object]:
    return [sys.executable, "-m", name, *arguments]

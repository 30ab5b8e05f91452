"""The processes of the comparison, each kept to a core: our two ends, libtirpc's, pynfs's client; and their figures."""

import os
import shutil
import statistics
import sys
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from tests.interop.tirpc import TARGET, Child, child

TASKSET: Final = Path(shutil.which("taskset") or "/usr/bin/taskset")
CORES: Final = sorted(os.sched_getaffinity(0))
OURS, THEIRS = "rpcgss", "libtirpc"
BLOCKING, PYNFS = "rpcgss.blocking", "pynfs"
Ends: TypeAlias = tuple[str, str]
"""Names of a client and of its server."""
CHECKOUT: Final = os.environ.get("PYNFS", "")
"""Where pynfs is, if it is at hand."""
PAIRS: Final = ((OURS, OURS), (THEIRS, THEIRS))
MIXED: Final = ((OURS, THEIRS), (THEIRS, OURS), (BLOCKING, OURS), *([(PYNFS, THEIRS)] if CHECKOUT else []))


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
    """Servers and clients of one placement. `clients` by the names of both ends."""

    servers: dict[str, Server] = field(default_factory=dict)
    clients: dict[Ends, Child] = field(default_factory=dict)


@asynccontextmanager
async def stage(
    placement: Placement, programs: Path, principal: str, ends: Collection[Ends] = PAIRS
) -> AsyncIterator[Stage]:
    """Clients with servers, each `ends` of which are wanted. `programs` is where libtirpc's were built."""
    made = Stage()
    commands: dict[str, Sequence[object]] = {
        OURS: ours("server", TARGET),
        THEIRS: [programs / "tirpc_server", "tcp", TARGET],
    }
    async with AsyncExitStack() as stack:
        for name in dict.fromkeys(server for _, server in ends):
            process = await stack.enter_async_context(kept_to(placement.server, *commands[name]))
            made.servers[name] = Server(process, int((await process.line()).split()[1]))
        for client, server in ends:
            command = _client(client, made.servers[server].port, programs, principal)
            made.clients[client, server] = await stack.enter_async_context(kept_to(placement.client, *command))
        yield made


def _client(name: str, port: int, programs: Path, principal: str) -> Sequence[object]:
    """Its command."""
    commands: dict[str, Sequence[object]] = {
        OURS: ours("client", port, TARGET, principal),
        BLOCKING: module("bench.blocking_peer", port, TARGET, principal),
        THEIRS: [programs / "tirpc_client", "tcp", port, TARGET],
        PYNFS: module("bench.pynfs_peer", CHECKOUT, port, TARGET),
    }
    return commands[name]


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

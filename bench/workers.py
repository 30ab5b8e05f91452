"""One server in one worker and in two (`rpcgss.run_workers`), by turns, with clients that are always busy.

The clients are libtirpc's, since they share the processor cores with the server: the less of them they take, the more
is left for workers. ``python -m bench.workers WORKERS SERVICE@HOST`` is the server, and says "port N".
"""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import trio

import rpcgss
from bench.document import table
from bench.peer import Program, say
from bench.samples import Samples
from bench.stage import CORES, module
from tests.interop.tirpc import TARGET, Child, child

CLIENTS: Final = 8
COUNTS: Final = (1, 2)
SECURITY: Final = "krb5p"
SIZES: Final = {0: "NULL", 65536: "ECHO 64 KiB"}


@dataclass(slots=True)
class Load:
    """What a number of workers was seen to do at one size.

    rates          -- calls per second, of all clients together
    server, client -- seconds of processor time for each call
    busier         -- the part of the workers' time that the busiest of them took: the kernel deals connections out
    """

    rates: Samples = field(default_factory=Samples)
    server: Samples = field(default_factory=Samples)
    client: Samples = field(default_factory=Samples)
    busier: Samples = field(default_factory=Samples)


@dataclass(slots=True)
class Workers:
    """loads -- by octets and number of workers"""

    loads: dict[tuple[int, int], Load] = field(default_factory=dict)

    def gain(self, octets: int) -> float:
        """How many times one worker's rate two reach."""
        return self.loads[octets, 2].rates.median / self.loads[octets, 1].rates.median

    def allowed(self, octets: int) -> float:
        """What that can be, if a worker takes one core at most and all cores do nothing else."""
        return self._most(octets, 2) / self._most(octets, 1)

    def _most(self, octets: int, workers: int) -> float:
        """Calls per second: every call costs its server and its client processor time."""
        one = self.loads[octets, 1]
        return min(workers / one.server.median, self.most(octets))

    def most(self, octets: int) -> float:
        """By any number of workers."""
        one = self.loads[octets, 1]
        return len(CORES) / (one.server.median + one.client.median)


@dataclass(frozen=True, slots=True)
class Scene:
    """A server, and its clients."""

    server: Child
    clients: list[Child]

    def workers(self) -> list[int]:
        """Process ids."""
        supervisor = self.server.process.pid
        return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


async def measure(programs: Path, rounds: int, milliseconds: int) -> Workers:
    """In every round, the clients come anew, so that they are dealt out anew."""
    found = Workers()
    async with AsyncExitStack() as stack:
        scenes = {count: await stack.enter_async_context(_scene(count, programs)) for count in COUNTS}
        for round_number in range(rounds):
            print(f"workers, round {round_number + 1} of {rounds}", flush=True)
            for count, scene in scenes.items():
                await _ask(scene, f"open {SECURITY}")
                for octets in SIZES:
                    load = found.loads.setdefault((octets, count), Load())
                    await _measure(scene, f"loop {octets} 1 {milliseconds}", load)
                await _ask(scene, "close")
    return found


@asynccontextmanager
async def _scene(count: int, programs: Path) -> AsyncIterator[Scene]:
    command = [str(word) for word in module("bench.workers", count, TARGET)]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(child(Path(command[0]), *command[1:]))
        stack.callback(server.process.terminate)
        port = (await server.line()).split()[1]
        client = partial(child, programs / "tirpc_client", "tcp", port, TARGET)
        yield Scene(server, [await stack.enter_async_context(client()) for _ in range(CLIENTS)])


async def _ask(scene: Scene, order: str) -> list[list[str]]:
    """All clients at once."""
    answers: list[list[str]] = []

    async def ask(client: Child) -> None:
        answers.append((await client.ask(order)).split())

    async with trio.open_nursery() as nursery:
        for client in scene.clients:
            nursery.start_soon(ask, client)
    assert all(answer[0] == "ok" for answer in answers), answers
    return answers


async def _measure(scene: Scene, order: str, load: Load) -> None:
    workers, clients = scene.workers(), [client.process.pid for client in scene.clients]
    before = {pid: _processor_seconds(pid) for pid in (*workers, *clients)}
    answers = await _ask(scene, order)
    used = {pid: _processor_seconds(pid) - seconds for pid, seconds in before.items()}
    calls = sum(int(count) for _, count, _ in answers)
    servers = [used[pid] for pid in workers]
    load.rates.values.append(calls * 1e9 / max(int(nanoseconds) for *_, nanoseconds in answers))
    load.server.values.append(sum(servers) / calls)
    load.client.values.append(sum(used[pid] for pid in clients) / calls)
    load.busier.values.append(max(servers) / sum(servers))


def _processor_seconds(pid: int) -> float:
    """Of all threads that it has, and of the kernel for them."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def tables(found: Workers) -> str:
    rows = []
    for octets, name in SIZES.items():
        one, two = (found.loads[octets, count] for count in COUNTS)
        rows.append(
            [
                name,
                one.rates.shown(1),
                two.rates.shown(1),
                f"{found.gain(octets):.2f}x",
                f"{one.server.shown()} / {two.server.shown()}",
                f"{one.client.shown()} / {two.client.shown()}",
                f"{found.most(octets):,.0f}",
                f"{found.allowed(octets):.2f}x",
                two.busier.shown(100),
            ]
        )
    head = [
        "",
        "1 worker, calls/s",
        "2 workers",
        "gain",
        "µs of a server for each call, 1 / 2",
        "µs of a client",
        f"most that {len(CORES)} cores allow",
        "gain that they allow",
        "% that the busier one did",
    ]
    title = f"### Workers: {CLIENTS} of libtirpc's clients, {SECURITY}, {len(CORES)} cores for all; median (least-most)"
    return f"\n{title}\n\n{table(head, rows)}"


async def serve(listeners: list[rpcgss.Listener], number: int, *, target: str) -> None:
    flavor = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor([target]))
    server = rpcgss.Server([Program()], [flavor])
    async with rpcgss.stopping_on_signals(server):
        await server.serve(listeners)


def main() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)
    match sys.argv[1:]:
        case [count, target]:
            sys.exit(
                rpcgss.run_workers(
                    int(count),
                    partial(serve, target=target),
                    tcp=(0, "127.0.0.1"),
                    bound=lambda addresses: say("port", addresses[0][1]),
                )
            )
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()

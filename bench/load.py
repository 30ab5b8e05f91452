"""A server under load, and under attack: what busy clients notice of it, and what it costs in memory.

``make load`` runs everything (some minutes) and writes the figures into docs/load.md; ``make load QUICK=1`` a shorter
form of it, and only prints them. Server, clients and hostile peers are processes of their own, on loopback.
"""

import json
import logging
import os
import resource
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import trio

import rpcgss
import xdr
from bench.document import DOCS, machine, put_figures
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header
from transport import StreamChannel, encode_record, listen_tcp, open_tcp

QUICK: Final = bool(os.environ.get("QUICK"))

BUSY: Final = 100
PAUSE: Final = 0.1  # seconds between the calls of a busy client
IDLE: Final = 1000
SECONDS: Final = 2.0 if QUICK else 15.0  # of each scene
CALLS: Final = 50_000 if QUICK else 1_000_000
IN_FLIGHT: Final = 64
SAMPLES: Final = 10
LIMIT_SECONDS: Final = 1.0 if QUICK else 5.0  # the server's record_seconds and send_seconds, shortened
PROGRAM, VERSION = 0x20000099, 1
LARGE: Final = 1 << 20

DATA: Final = xdr.opaque(4_000_000)
NULL: Final = xdr.Procedure(PROGRAM, VERSION, 0, "NULL", xdr.VOID, xdr.VOID)
ECHO: Final = xdr.Procedure(PROGRAM, VERSION, 1, "ECHO", DATA, DATA)
GIVE: Final = xdr.Procedure(PROGRAM, VERSION, 2, "GIVE", xdr.VOID, DATA)


# The server's process


class Program(xdr.Service[rpcgss.Call]):
    PROGRAM = PROGRAM
    VERSION = VERSION
    PROCEDURES = {procedure.number: procedure for procedure in (NULL, ECHO, GIVE)}  # noqa: RUF012

    async def NULL(self, call: rpcgss.Call) -> None:
        pass

    async def ECHO(self, call: rpcgss.Call, data: bytes) -> bytes:
        return data

    async def GIVE(self, call: rpcgss.Call) -> bytes:
        return b"x" * LARGE


async def serve() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)  # it has much to say of hostile peers
    server = rpcgss.Server(
        [Program()],
        [rpcgss.AcceptNone()],
        max_connections=2048,
        record_seconds=LIMIT_SECONDS,
        send_seconds=LIMIT_SECONDS,
    )
    (listener,) = await listen_tcp(0, "127.0.0.1")
    print(listener.socket.getsockname()[1], flush=True)
    async with rpcgss.stopping_on_signals(server):
        await server.serve([listener])


# Hostile peers, in a process of their own


def call_record(procedure: xdr.Procedure[None, None] | xdr.Procedure[None, bytes]) -> bytes:
    header = CallHeader(7, procedure.program, procedure.version, procedure.number)
    return encode_record(encode_call_header(header, NULL_AUTH) + encode_auth(NULL_AUTH))


async def drip(stream: trio.SocketStream) -> None:
    for octet in call_record(NULL):
        await stream.send_all(bytes([octet]))
        await trio.sleep(1)


async def never_read(stream: trio.SocketStream) -> None:
    await stream.send_all(call_record(GIVE) * 16)


async def claim(stream: trio.SocketStream) -> None:
    await stream.send_all(b"\xff\xff\xff\xff" + bytes(65536))


async def halve(stream: trio.SocketStream) -> None:
    await stream.send_all((0x80000000 | 4_000_000).to_bytes(4) + bytes(3_900_000))


async def split(stream: trio.SocketStream) -> None:
    await stream.send_all(bytes(4_000_000))


HOSTILE: Final[dict[str, Callable[[trio.SocketStream], Awaitable[None]]]] = {
    "drip": drip,
    "never_read": never_read,
    "claim": claim,
    "halve": halve,
    "split": split,
}


async def attack(kind: str, port: int, peers: int) -> None:
    """Prints how many of the peers were cut off, and when the last was."""
    began = time.perf_counter()
    cut: list[float] = []

    async def peer() -> None:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(misbehave, stream)
            while stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1:  # noqa: ASYNC110
                await trio.sleep(0.05)  # established: whoever does not read hears of the end in no other way
            nursery.cancel_scope.cancel()
        cut.append(time.perf_counter() - began)
        await trio.aclose_forcefully(stream)

    async def misbehave(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await HOSTILE[kind](stream)

    with trio.move_on_after(12 * LIMIT_SECONDS):
        async with trio.open_nursery() as nursery:
            for _ in range(peers):
                nursery.start_soon(peer)
    print(json.dumps({"cut": len(cut), "seconds": max(cut, default=0.0)}))


# The clients' process, which directs it all


@dataclass
class Row:
    """What busy clients saw of one scene. Latencies in seconds; memory is the server's largest, in octets."""

    scene: str
    seconds: float
    latencies: list[float]
    memory: int
    outcome: str = ""

    def cells(self) -> list[str]:
        hundredths = statistics.quantiles(self.latencies, n=100)
        milliseconds = [f"{1000 * value:.1f}" for value in (hundredths[49], hundredths[98], max(self.latencies))]
        rate = f"{len(self.latencies) / self.seconds:,.0f}"
        return [self.scene, rate, *milliseconds, f"{self.memory / 1e6:.0f}", self.outcome]


@dataclass
class Stage:
    """A server, and busy clients whose latencies are collected."""

    port: int
    server: int  # process id
    latencies: list[float] = field(default_factory=list)
    failures: int = 0

    async def keep_busy(self) -> None:
        data = bytes(1024)
        async with rpcgss.connect_tcp("127.0.0.1", self.port, rpcgss.AuthNone()) as client:
            while True:
                began = time.perf_counter()
                try:
                    await client.call(ECHO, data)
                except rpcgss.RpcError:
                    self.failures += 1
                self.latencies.append(time.perf_counter() - began)
                await trio.sleep(PAUSE)

    async def scene(self, name: str, kind: str = "", peers: int = 0) -> Row:
        """So many hostile peers, until they are gone, and for `SECONDS` at least."""
        self.latencies.clear()
        began, largest, outcome = time.perf_counter(), 0, ""

        async def watch() -> None:
            nonlocal largest
            while True:
                largest = max(largest, memory(self.server))
                await trio.sleep(0.05)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            if kind:
                done = await trio.run_process(role("attack", kind, str(self.port), str(peers)), capture_stdout=True)
                result = json.loads(done.stdout)
                outcome = f"{result['cut']} of {peers} cut off within {result['seconds']:.1f} s"
            await trio.sleep(max(0, SECONDS - (time.perf_counter() - began)))
            nursery.cancel_scope.cancel()
        return Row(name, time.perf_counter() - began, list(self.latencies), largest, outcome)


def memory(process: int) -> int:
    """Resident octets."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * resource.getpagesize()


def role(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench.load", *arguments]


@asynccontextmanager
async def idle_connections(port: int) -> AsyncIterator[list[StreamChannel]]:
    """Each has made a call."""
    channels: list[StreamChannel] = []
    async with AsyncExitStack() as stack:
        for _ in range(IDLE):
            channel = await stack.enter_async_context(await open_tcp("127.0.0.1", port))
            await ping(channel)
            channels.append(channel)
        yield channels


async def ping(channel: StreamChannel) -> None:
    await channel.send(call_record(NULL)[4:])
    await channel.receive()


async def scenes(port: int, server: int) -> list[Row]:
    stage = Stage(port, server)
    rows = []
    async with trio.open_nursery() as nursery:
        for _ in range(BUSY):
            nursery.start_soon(stage.keep_busy)
        await trio.sleep(1)
        rows.append(await stage.scene(f"{BUSY} busy connections"))
        async with idle_connections(port) as idle:
            async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:
                await client.call(GIVE, None)  # what is large, a server knows from the first reply on
            rows.append(await stage.scene(f"… and {IDLE:,} idle ones"))
            rows.append(await stage.scene("… and 200 that send an octet a second", "drip", 200))
            rows.append(await stage.scene("… and 50 that ask for 16 MiB each and never read", "never_read", 50))
            rows.append(await stage.scene("… and 200 that claim records of 2 GiB", "claim", 200))
            rows.append(await stage.scene("… and 200 that send a million empty fragments", "split", 200))
            rows.append(await stage.scene("… and 200 that send all but 100 kB of 4 MB", "halve", 200))
            for channel in idle:
                await ping(channel)
            rows.append(await stage.scene(f"afterwards, the {IDLE:,} still answered"))
        nursery.cancel_scope.cancel()
    if stage.failures:
        raise SystemExit(f"{stage.failures} calls of busy clients failed")
    return rows


async def many_calls(port: int, server: int) -> tuple[float, list[tuple[int, int, int]]]:
    """Calls per second on one connection; and after how many of them client and server had how much memory."""
    samples = []
    left = 0

    async def caller() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await client.call(NULL, None)

    async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:
        began = time.perf_counter()
        for part in range(SAMPLES):
            left = CALLS // SAMPLES
            async with trio.open_nursery() as nursery:
                for _ in range(IN_FLIGHT):
                    nursery.start_soon(caller)
            samples.append((CALLS // SAMPLES * (part + 1), memory(os.getpid()), memory(server)))
        return CALLS / (time.perf_counter() - began), samples


def report(rows: list[Row], rate: float, samples: list[tuple[int, int, int]]) -> str:
    head = ["", "calls/s", "median, ms", "99 %, ms", "longest, ms", "server, MB", ""]
    lines = [head, ["---", *["--:"] * 5, "---"], *(row.cells() for row in rows)]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    growth = [["calls", "client, MB", "server, MB"], ["--:"] * 3]
    growth += [[f"{calls:,}", f"{client / 1e6:.1f}", f"{server / 1e6:.1f}"] for calls, client, server in samples]
    flat = "\n".join("| " + " | ".join(line) + " |" for line in growth)
    return (
        f"`make load{' QUICK=1' if QUICK else ''}`, {machine()}.\n\n{text}\n\n"
        f"{CALLS:,} calls on one connection, {IN_FLIGHT} in flight, {rate:,.0f} a second:\n\n{flat}\n"
    )


def direct() -> None:
    server = subprocess.Popen(role("serve"), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        rows = trio.run(scenes, port, server.pid)
        rate, samples = trio.run(many_calls, port, server.pid)
    finally:
        server.terminate()
        server.wait(60)
    figures = report(rows, rate, samples)
    print(figures)
    if not QUICK:
        put_figures(DOCS / "load.md", figures)


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    match sys.argv[1:]:
        case ["serve"]:
            trio.run(serve)
        case ["attack", kind, port, peers]:
            trio.run(partial(attack, kind, int(port), int(peers)))
        case []:
            direct()
        case _:
            raise SystemExit("usage: python -m bench.load")


if __name__ == "__main__":
    main()

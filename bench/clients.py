"""Clients of `bench.restart`, in processes of their own: ``python -m bench.clients NAME JSON``.

What one has found out it says in one line of JSON; those that have to wait for something to happen say "ready" before,
and wait for a line.
"""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Any, Final

import trio

import rpcgss
from bench.processing import CACHED, FRESH, PLAIN, SHARED, TARGET, USED
from bench.restart import ECHO, NULL, STATUS, memory, raise_descriptor_limit

SETTING_UP: Final = 64  # connections that are set up at once
FAREWELLS: Final = 0.3  # seconds in which a server has dealt with the contexts that are done with
LIFE: Final = 300.0  # seconds that a call may take: what does not come back in time is to be seen, not guessed


def flavor(
    extension: rpcgss.TicketClient | None,
    service: str = "INTEGRITY",
    principal: str | None = None,
    cache: str | None = None,
) -> rpcgss.GssFlavor:
    credentials = rpcgss.Credentials(principal=principal, ccache=cache)
    return rpcgss.GssFlavor(TARGET, service=rpcgss.GssService[service], credentials=credentials, extension=extension)


async def status(port: int) -> dict[str, Any]:
    async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:
        return await asked(client)


async def asked(client: rpcgss.Client) -> dict[str, Any]:
    answer: bytes = await client.call(STATUS, None)
    found: dict[str, Any] = json.loads(answer)
    return found


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def word() -> None:
    """Say "ready", and wait for somebody's word."""
    print("ready", flush=True)
    await trio.to_thread.run_sync(sys.stdin.readline)


class Crowd:
    """Many connections with a context each, one principal, one target."""

    def __init__(self, port: int, count: int, *, share: bool) -> None:
        self.tickets: Final = rpcgss.TicketClient(share=share)
        self.flavors: Final = [flavor(self.tickets) for _ in range(count)]
        self.clients: Final[list[rpcgss.Client]] = []
        self.failures: Final[list[str]] = []
        self._port: Final = port

    @asynccontextmanager
    async def gathered(self) -> AsyncIterator[None]:
        """Each has made its context by a GSS exchange. There are no farewells: the process is to end."""
        places, ready = trio.CapacityLimiter(SETTING_UP), trio.Semaphore(0)

        async def connect(flavor: rpcgss.GssFlavor) -> None:
            async with places:
                connected = rpcgss.connect_tcp("127.0.0.1", self._port, flavor, timeout=LIFE)
                client = await connected.__aenter__()
                await client.call(NULL, None)
            self.clients.append(client)
            ready.release()
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            for flavor in self.flavors:
                nursery.start_soon(connect, flavor)
            for _ in self.flavors:
                await ready.acquire()
            yield
            nursery.cancel_scope.cancel()

    async def call(self, client: rpcgss.Client) -> float:
        """When the reply came, or the failure."""
        try:
            await client.call(NULL, None)
        except rpcgss.RpcError as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        return time.monotonic()

    @property
    def exchanges(self) -> int:
        return sum(flavor.counters.by_exchange for flavor in self.flavors)

    @property
    def recoveries(self) -> int:
        return sum(flavor.counters.by_ticket for flavor in self.flavors)


async def storm(*, port: int, count: int, share: bool) -> None:
    """All make a call at once, after the word."""
    crowd = Crowd(port, count, share=share)
    ends: list[float] = []

    async def call(client: rpcgss.Client) -> None:
        ends.append(await crowd.call(client))

    async with crowd.gathered():
        held, exchanges = memory(), crowd.exchanges
        await word()
        began, cpu = time.monotonic(), time.process_time()
        async with trio.open_nursery() as calls:
            for client in crowd.clients:
                calls.start_soon(call, client)
        spent = time.process_time() - cpu
        say(
            began=began,
            ends=sorted(ends),
            failures=crowd.failures,
            fall_backs=crowd.exchanges - exchanges,
            recovered=crowd.recoveries,
            tickets=asdict(crowd.tickets.counters),
            memory=held,
            cpu=spent,
            server=await status(port),
        )
        os._exit(0)


async def crowded(*, port: int, count: int, in_flight: int, seconds: float) -> None:
    """Calls of everybody in turn, so many at once, at a server that has room for few contexts."""
    crowd = Crowd(port, count, share=False)
    made = 0
    slowest = 0.0

    async def caller(first: int, until: float) -> None:
        nonlocal made, slowest
        at = first
        while (began := time.monotonic()) < until:
            ended = await crowd.call(crowd.clients[at % count])
            slowest = max(slowest, ended - began)
            made += 1
            at += in_flight

    async with crowd.gathered():
        exchanges, before = crowd.exchanges, await status(port)
        began = time.monotonic()
        async with trio.open_nursery() as calls:
            for first in range(in_flight):
                calls.start_soon(caller, first, began + seconds)
        took = time.monotonic() - began
        after = await status(port)
        say(
            calls=made,
            seconds=took,
            slowest=slowest,
            failures=crowd.failures,
            fall_backs=crowd.exchanges - exchanges,
            recovered=crowd.recoveries,
            memory=after["memory"],
            cpu=after["cpu"] - before["cpu"],
        )
        os._exit(0)


async def whole(*, port: int, rounds: int, each: int, in_flight: int, principal: str, cache: str) -> None:
    """From the first request to the reply of the next call, on one connection: seconds of the server's CPU and the
    client's with so many at once, and latency of one after the other; for each round of each kind."""
    without_service_ticket = shutil.copyfile(cache, cache + ".initial")
    extensions = {
        USED: None,
        CACHED: None,
        FRESH: None,
        PLAIN: rpcgss.TicketClient(rpcgss.MemoryTicketStore(), share=False),
        SHARED: rpcgss.TicketClient(rpcgss.MemoryTicketStore(), share=True),
    }
    found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in extensions}
    async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client:

        async def some(kind: str, count: int, in_flight: int) -> tuple[float, float, float]:
            """Nobody says farewell before all is measured."""
            caches = [f"FILE:{cache}"] * count
            if kind == FRESH:
                caches = [shutil.copyfile(without_service_ticket, f"{cache}.{number}") for number in range(count)]
            flavors = [flavor(extensions[kind], principal=principal, cache=each_cache) for each_cache in caches]
            async with trio.open_nursery() as nursery:
                users = [await nursery.start(use, client, own) for own in flavors]
                if kind == USED:
                    await users[0].call(NULL, None)
                    users = [users[0]] * count
                server = (await asked(client))["cpu"]
                began, used = time.perf_counter(), time.process_time()
                waiting = iter(users)

                async def caller() -> None:
                    for user in waiting:
                        await user.call(NULL, None)

                async with trio.open_nursery() as callers:
                    for _ in range(in_flight):
                        callers.start_soon(caller)
                used, took = time.process_time() - used, time.perf_counter() - began
                server = (await asked(client))["cpu"] - server
                exchanges = sum(own.counters.by_exchange for own in flavors)
                assert exchanges == {USED: 1, CACHED: count, FRESH: count}.get(kind, 0), f"{exchanges} for {kind}"
                nursery.cancel_scope.cancel()
            await trio.sleep(FAREWELLS)
            return server / count, used / count, took / count

        for kind, extension in extensions.items():
            if extension is not None:  # there has to be a ticket in its store
                async with client.as_user(flavor(extension, principal=principal)) as user:
                    await user.call(NULL, None)
            await some(kind, 5, 1)
        for _ in range(rounds):
            for kind, samples in found.items():
                server, ours, _ = await some(kind, each, in_flight)
                _, _, latency = await some(kind, each, 1)
                samples.append((server, ours, latency))
    say(**found)


async def use(client: rpcgss.Client, flavor: rpcgss.GssFlavor, task_status: trio.TaskStatus[rpcgss.User]) -> None:
    async with client.as_user(flavor) as user:
        task_status.started(user)
        await trio.sleep_forever()


async def hold(*, port: int, count: int, service: str, by_ticket: bool, principal: str) -> None:
    """What a context takes at either end, in octets, each used for one call: users of one connection."""
    tickets = rpcgss.TicketClient(rpcgss.MemoryTicketStore(), share=False) if by_ticket else None
    async with (
        rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone()) as client,
        AsyncExitStack() as stack,
    ):

        async def users(number: int) -> None:
            for _ in range(number):
                user = await stack.enter_async_context(client.as_user(flavor(tickets, service, principal)))
                await user.call(NULL, None)

        await users(count // 4)
        before, ours = await status(port), memory()
        await users(count)
        after = await status(port)
        say(client=(memory() - ours) / count, server=(after["memory"] - before["memory"]) / count)
        os._exit(0)


async def bulk(*, port: int, rounds: int, seconds: float, octets: int, in_flight: int, principal: str) -> None:
    """ECHO under krb5p: octets per second in each direction, with the mechanism's protection and upgraded, by turns."""
    rates: dict[str, list[float]] = {"krb5p": [], "upgraded": []}
    data = os.urandom(octets)
    for _ in range(rounds):
        for kind, samples in rates.items():
            extension = rpcgss.TicketClient(upgrade=True) if kind == "upgraded" else None
            own = flavor(extension, "PRIVACY", principal)
            async with rpcgss.connect_tcp("127.0.0.1", port, own) as client:
                assert await client.call(ECHO, data) == data
                assert own.counters.upgraded == (kind == "upgraded")
                samples.append(await echoed(client, data, in_flight, seconds) * octets / seconds)
    say(**rates)


async def echoed(client: rpcgss.Client, data: bytes, in_flight: int, seconds: float) -> int:
    """How many calls ended in time."""
    made = 0

    async def caller() -> None:
        nonlocal made
        while True:
            await client.call(ECHO, data)
            made += 1

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(caller)
    return made


CLIENTS: Final = {run.__name__: run for run in (storm, crowded, whole, hold, bulk)}


def main() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)
    raise_descriptor_limit()
    _, name, arguments = sys.argv
    trio.run(partial(CLIENTS[name], **json.loads(arguments)))


if __name__ == "__main__":
    main()

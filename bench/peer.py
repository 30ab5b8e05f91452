"""Our ends of the comparison, as processes that are spoken to by lines, like the C ones in tests/interop.

``python -m bench.peer server SERVICE@HOST`` says "port N"; ``client PORT SERVICE@HOST PRINCIPAL`` waits for orders:

    open none|sys|krb5|krb5i|krb5p|krb5+|krb5i+|krb5p+    a new connection; "+": in a context by ticket
    close
    loop OCTETS IN_FLIGHT MILLISECONDS     ECHO, or NULL for no octets; "ok CALLS NANOSECONDS"
    contexts IN_FLIGHT MILLISECONDS        a new context and a NULL call under it, again and again
    hold COUNT                             so many contexts, each of which has made a call
    nfs read|write|getattr IN_FLIGHT MILLISECONDS
                                           the file "large" beneath the export, read and written as a whole, however
                                           long that takes; "ok OCTETS-OR-CALLS NANOSECONDS"
    memory                                 "ok OCTETS", resident

A server understands `memory` alone. Both end when their standard input does.
"""

import gc
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import trio

import rpcgss
import xdr
from bench.files import read_file, stat_file, write_file
from tests.interop.tirpc import SERVICES
from tests.rpc.program import ECHO, NULL, PROGRAM, VERSION
from transport import listen_tcp

UPGRADED: Final = "+"
MANY: Final = 4096  # contexts of one user


class Program(xdr.Service[rpcgss.Call]):
    """As tests/rpc/program.py, but it remembers nothing."""

    PROGRAM = PROGRAM
    VERSION = VERSION
    PROCEDURES = {NULL.number: NULL, ECHO.number: ECHO}  # noqa: RUF012

    async def NULL(self, call: rpcgss.Call) -> None:
        pass

    async def ECHO(self, call: rpcgss.Call, data: bytes) -> bytes:
        return data


class Orders:
    """Lines from standard input, answers to standard output."""

    def __init__(self) -> None:
        self._stream: Final = trio.lowlevel.FdStream(0)
        self._rest = b""

    async def next(self) -> list[str]:
        """The words of the next one; none at the end."""
        while b"\n" not in self._rest:
            data = await self._stream.receive_some()
            if not data:
                return []
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().split()


def say(*words: object) -> None:
    print(*words, flush=True)


def accepting(target: str) -> rpcgss.Server:
    """The server: every flavor, and tickets."""
    store = rpcgss.ContextStore(rpcgss.StoreLimits(per_principal=MANY, per_chain=MANY))
    tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())
    gss = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor([target]), store=store, extension=tickets)
    return rpcgss.Server([Program()], [rpcgss.AcceptNone(), rpcgss.AcceptSys(), gss])


async def serve(target: str) -> None:
    server = accepting(target)
    (listener,) = await listen_tcp(0, "127.0.0.1")
    say("port", listener.socket.getsockname()[1])
    orders = Orders()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        while await orders.next():
            say("ok", memory())
        nursery.cancel_scope.cancel()


class Client:
    """Carries out orders, one at a time."""

    def __init__(self, port: int, target: str, principal: str) -> None:
        self._port: Final = port
        self._target: Final = target
        self._principal: Final = principal
        self._stack = AsyncExitStack()
        self._client: rpcgss.Client | None = None
        self._security = "none"
        self._tickets: rpcgss.TicketClient | None = None

    @property
    def client(self) -> rpcgss.Client:
        assert self._client is not None, "not open"
        return self._client

    async def open(self, security: str) -> None:
        await self.close()
        self._security = security
        flavor, self._tickets = flavor_of(security, self._target, self._principal)
        self._client = await self._stack.enter_async_context(rpcgss.connect_tcp("127.0.0.1", self._port, flavor))

    async def close(self) -> None:
        await self._stack.aclose()
        self._client = None

    def flavor(self) -> rpcgss.ClientFlavor:
        """Another one, with the tickets of the one that the connection was opened with."""
        return flavor_of(self._security, self._target, self._principal, self._tickets)[0]

    async def loop(self, octets: int, in_flight: int, milliseconds: int) -> tuple[int, int]:
        data = os.urandom(octets)
        compared = False

        async def null() -> None:
            await self.client.call(NULL, None)

        async def echo() -> None:
            nonlocal compared
            back = await self.client.call(ECHO, data)
            assert len(back) == octets
            assert compared or back == data
            compared = True

        return await repeated(echo if octets else null, in_flight, milliseconds)

    async def calls(self, octets: int, in_flight: int, each: int) -> None:
        """So many by each of so many callers."""
        data = os.urandom(octets)

        async def caller() -> None:
            for _ in range(each):
                await (self.client.call(ECHO, data) if octets else self.client.call(NULL, None))

        async with trio.open_nursery() as nursery:
            for _ in range(in_flight):
                nursery.start_soon(caller)

    async def contexts(self, in_flight: int, milliseconds: int) -> tuple[int, int]:
        async def call() -> None:
            async with self.client.as_user(self.flavor()) as user:
                await user.call(NULL, None)

        await call()  # from now on there is a ticket in the store, where there are any
        return await repeated(call, in_flight, milliseconds)

    async def hold(self, count: int) -> None:
        for _ in range(count):
            user = await self._stack.enter_async_context(self.client.as_user(self.flavor()))
            await user.call(NULL, None)

    async def nfs(self, what: str, in_flight: int, milliseconds: int) -> tuple[int, int]:
        call = self.client.call
        match what:
            case "read":
                return await read_file(call, in_flight)
            case "write":
                return await write_file(call, in_flight)
        stat = await stat_file(call, in_flight)
        return await repeated(stat, in_flight, milliseconds)


def flavor_of(
    security: str, target: str, principal: str, tickets: rpcgss.TicketClient | None = None
) -> tuple[rpcgss.ClientFlavor, rpcgss.TicketClient | None]:
    """And where its tickets are, if it has some."""
    match security:
        case "none":
            return rpcgss.AuthNone(), None
        case "sys":
            return rpcgss.AuthSys(), None
    if security.endswith(UPGRADED) and tickets is None:
        tickets = rpcgss.TicketClient(rpcgss.MemoryTicketStore(), upgrade=True)
    service = SERVICES[security.removesuffix(UPGRADED)]
    credentials = rpcgss.Credentials(principal=principal)
    return rpcgss.GssFlavor(target, service=service, credentials=credentials, extension=tickets), tickets


async def repeated(call: Callable[[], Awaitable[None]], in_flight: int, milliseconds: int) -> tuple[int, int]:
    """Calls that were made in that time, so many at once; and the nanoseconds until the last had ended."""
    count = 0
    began = time.perf_counter_ns()
    until = began + milliseconds * 1_000_000

    async def caller() -> None:
        nonlocal count
        while time.perf_counter_ns() < until:
            await call()
            count += 1

    async with trio.open_nursery() as nursery:
        for _ in range(in_flight):
            nursery.start_soon(caller)
    return count, time.perf_counter_ns() - began


def memory() -> int:
    """Resident octets of this process, garbage collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def follow_orders(port: int, target: str, principal: str) -> None:
    orders, client = Orders(), Client(port, target, principal)
    try:
        while words := await orders.next():
            match words:
                case ["open", security]:
                    await client.open(security)
                    say("ok")
                case ["close"]:
                    await client.close()
                    say("ok")
                case ["loop", *numbers]:
                    try:
                        say("ok", *await client.loop(*map(int, numbers)))
                    except* rpcgss.RpcError as errors:
                        say(errors.exceptions[0])
                case ["contexts", *numbers]:
                    say("ok", *await client.contexts(*map(int, numbers)))
                case ["hold", number]:
                    await client.hold(int(number))
                    say("ok")
                case ["nfs", what, *numbers]:
                    say("ok", *await client.nfs(what, *map(int, numbers)))
                case ["memory"]:
                    say("ok", memory())
                case _:
                    say("what?")
    finally:
        await client.close()


def main() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)
    match sys.argv[1:]:
        case ["server", target]:
            trio.run(serve, target)
        case ["client", port, target, principal]:
            trio.run(follow_orders, int(port), target, principal)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()

"""A server that can be killed and started again, in a process of its own.

``python -m bench.restart PORT KEYRING ESTABLISHED WORKERS`` says "port N MONOTONIC-SECONDS" once it listens.
"""

import json
import logging
import resource
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio

import rpcgss
import xdr
from bench.processing import TARGET
from rpcgss.reauth.keyset import KeyKeeper
from rpcgss.rpc import Server
from transport import listen_tcp

PROGRAM, VERSION = 0x20000099, 1
DATA: Final = xdr.opaque(4_000_000)
NULL: Final = xdr.Procedure(PROGRAM, VERSION, 0, "NULL", xdr.VOID, xdr.VOID)
ECHO: Final = xdr.Procedure(PROGRAM, VERSION, 1, "ECHO", DATA, DATA)
STATUS: Final[xdr.Procedure[None, Any]] = xdr.Procedure(PROGRAM, VERSION, 2, "STATUS", xdr.VOID, DATA)
MANY: Final = 32768


class Program(xdr.Service[rpcgss.Call]):
    PROGRAM = PROGRAM
    VERSION = VERSION
    PROCEDURES = {procedure.number: procedure for procedure in (NULL, ECHO, STATUS)}  # noqa: RUF012

    def __init__(self, gss: rpcgss.GssServerFlavor, tickets: rpcgss.TicketServer) -> None:
        self._gss = gss
        self._tickets = tickets

    async def NULL(self, call: rpcgss.Call) -> None:
        pass

    async def ECHO(self, call: rpcgss.Call, data: bytes) -> bytes:
        return data

    async def STATUS(self, call: rpcgss.Call) -> bytes:
        """What this process has used, and done."""
        status = {
            "cpu": time.process_time(),
            "memory": memory(),
            "contexts": asdict(self._gss.store.counters),
            "tickets": asdict(self._tickets.counters),
        }
        return json.dumps(status).encode()


async def serve(listeners: list[rpcgss.Listener], number: int, *, keyring: KeyKeeper, established: int) -> None:
    limits = rpcgss.StoreLimits(established=established, unconfirmed=MANY, per_principal=established)
    tickets = rpcgss.TicketServer(keyring)
    gss = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor([TARGET]), store=rpcgss.ContextStore(limits), extension=tickets)
    server = Server([Program(gss, tickets)], [rpcgss.AcceptNone(), gss], max_connections=MANY)
    async with rpcgss.stopping_on_signals(server):
        await server.serve(listeners)


async def serve_alone(port: int, keyring: KeyKeeper, established: int) -> None:
    listeners = await listen_tcp(port, "127.0.0.1")
    listening(listeners[0].socket.getsockname()[1])
    await serve([*listeners], 0, keyring=keyring, established=established)


def listening(port: int) -> None:
    print("port", port, time.monotonic(), flush=True)


def start(port: int, place: str, established: int, workers: int) -> None:
    keyring = rpcgss.open_keyring(place)
    if workers == 1:
        trio.run(serve_alone, port, keyring, established)
        return
    rpcgss.run_workers(
        workers,
        partial(serve, keyring=keyring, established=established),
        tcp=(port, "127.0.0.1"),
        bound=lambda addresses: listening(int(addresses[0][1])),
    )


def memory() -> int:
    """Resident octets."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def raise_descriptor_limit() -> None:
    """Each connection takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    logging.getLogger("rpcgss").setLevel(logging.ERROR)
    raise_descriptor_limit()
    match sys.argv[1:]:
        case [port, place, established, workers]:
            start(int(port), place, int(established), int(workers))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()

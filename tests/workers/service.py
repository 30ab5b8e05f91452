"""python -m tests.workers.service KIND WORKERS DRAIN PLACE: a server of several processes, which tells what happens in
lines of JSON.

KIND `echo` answers with the worker's number and process, and for a path of a FIFO waits until somebody writes there;
`deaf` hears no word to stop; `broken` fails at once; `hopeless` says that it can never begin, in words that are no
text; `threaded` has a thread before it should; `crowded` is `echo` where there is room for no third process at first,
`full` where there is none for any. PLACE is `tcp`, `udp`, or a path.
"""

import errno
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Container
from itertools import count
from pathlib import Path

import trio

import rpcgss
from examples.echo.echo_xdr import ECHO_V1_Service


def tell(*words: object) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


class Echo(ECHO_V1_Service[rpcgss.Call]):
    def __init__(self, number: int) -> None:
        self.number = number

    async def ECHO(self, call: rpcgss.Call, arg: str) -> str:
        if arg:
            tell("waits", self.number)
            await trio.to_thread.run_sync(Path(arg).read_bytes)
        return f"{self.number} {os.getpid()}"


async def echo(listeners: list[rpcgss.Listener], number: int) -> None:
    server = rpcgss.Server([Echo(number)], [rpcgss.AcceptNone()])

    async def note(arrivals: AsyncIterator[int]) -> None:
        async for arrival in arrivals:
            tell("got", number, signal.Signals(arrival).name)

    async with rpcgss.stopping_on_signals(server), trio.open_nursery() as nursery:
        with trio.open_signal_receiver(signal.SIGHUP, signal.SIGUSR1) as arrivals:
            nursery.start_soon(note, arrivals)
            tell("up", number, os.getpid())
            await server.serve(listeners)
            nursery.cancel_scope.cancel()


async def deaf(listeners: list[rpcgss.Listener], number: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: tell("deaf", number))
    tell("up", number, os.getpid())
    await trio.sleep_forever()


async def broken(listeners: list[rpcgss.Listener], number: int) -> None:
    raise LookupError("the dog ate it")


async def hopeless(listeners: list[rpcgss.Listener], number: int) -> None:
    raise rpcgss.CannotServe("there is no such dog\udcff")


def refuse_forks(refused: Container[int]) -> None:
    """Those of these numbers, from 1."""
    attempts, fork = count(1), os.fork

    def refusing() -> int:
        if next(attempts) in refused:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    os.fork = refusing


def main(kind: str, workers: str, drain: str, place: str) -> int:
    logging.basicConfig(level=logging.INFO)
    if kind == "threaded":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    refuse_forks({"crowded": (3,), "full": range(1, 100)}.get(kind, ()))
    serve = {"deaf": deaf, "broken": broken, "hopeless": hopeless}.get(kind, echo)
    return rpcgss.run_workers(
        int(workers),
        serve,
        tcp=(0, "127.0.0.1") if place == "tcp" else None,
        udp=(0, "127.0.0.1") if place == "udp" else None,
        unix=place if "/" in place else None,
        bound=lambda addresses: tell("bound", *addresses),
        ended=lambda number: tell("ended", number),
        drain_seconds=float(drain),
    )


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (rpcgss.CannotServe, RuntimeError) as error:
        sys.exit(f"{type(error).__name__}: {error}")

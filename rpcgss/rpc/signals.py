"""Ending a server in good order when the process is told to end."""

import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from rpcgss.rpc.server import Server


@asynccontextmanager
async def stopping_on_signals(
    server: Server, signals: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT)
) -> AsyncIterator[None]:
    """While the block runs, the first of `signals` stops the server, and the second ends the block at once."""

    async def watch(arrivals: AsyncIterator[int], scope: trio.CancelScope) -> None:
        async for _ in arrivals:
            server.stop()
            break
        async for _ in arrivals:
            scope.cancel()

    failure: BaseException | None = None
    with trio.open_signal_receiver(*signals) as arrivals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, arrivals, nursery.cancel_scope)
            # An exception of the block is not this nursery's: it would come out wrapped into a group.
            try:
                yield
            except (Exception, KeyboardInterrupt, SystemExit) as error:
                failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure

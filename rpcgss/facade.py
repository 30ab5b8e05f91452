"""What the façades for threads and for asyncio have in common, besides the loop."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final, Generic, TypeVar

import trio

import xdr
from rpcgss.binding import registered
from rpcgss.loop import Loop
from rpcgss.rpc import client as rpc
from rpcgss.rpc.flavors import ClientFlavor
from rpcgss.rpc.link import ClientCounters
from rpcgss.rpc.programs import Call
from rpcgss.rpc.server import Server
from transport import DatagramListener, Listener, TlsSession

CallerT = TypeVar("CallerT", bound=rpc.Client | rpc.User)
Listeners = Sequence[Listener]


class Caller(Generic[CallerT]):
    """Stands for whoever calls: a client, or one of its users."""

    def __init__(self, loop: Loop, caller: CallerT) -> None:
        self._loop: Final = loop
        self._caller: Final[CallerT] = caller

    @property
    def flavor(self) -> ClientFlavor:
        """What calls are authenticated with."""
        return self._caller.flavor


class ClientCaller(Caller[rpc.Client]):
    """Stands for a client."""

    @property
    def counters(self) -> ClientCounters:
        """As they are; they go on counting."""
        return self._caller.counters

    @property
    def tls(self) -> TlsSession | None:
        """See `rpcgss.Client.tls`."""
        return self._caller.tls

    @property
    def outstanding(self) -> int:
        """Xids in use."""
        return self._caller.outstanding


@asynccontextmanager
async def serving(
    server: Server, listen: Callable[[], Awaitable[Listeners]], drain_seconds: float, rpcbind: str | None
) -> AsyncIterator[Listeners]:
    """The server at work on what `listen` gives, for as long as the block, and registered with the rpcbind at the path
    `rpcbind`, if that is one; then it is stopped, see `Server.serve`. Cancels the block if the server ends first."""
    listeners = await listen()
    async with trio.open_nursery() as nursery:

        async def serve() -> None:
            await server.serve(listeners, drain_seconds=drain_seconds)
            nursery.cancel_scope.cancel()

        nursery.start_soon(serve)
        async with nullcontext() if rpcbind is None else registered(server, listeners, rpcbind=rpcbind):
            yield listeners
        server.stop()


def listening_port(listeners: Listeners) -> int:
    """The TCP or UDP port of the first of them that has one."""
    for listener in listeners:
        if isinstance(listener, trio.SocketListener | DatagramListener):
            port: int = listener.socket.getsockname()[1]
            return port
    raise ValueError("there is no TCP listener, and no UDP one")


def carried(
    service: xdr.Service[Call], carry: Callable[[Callable[..., Any], Call, tuple[object, ...]], Awaitable[object]]
) -> xdr.Service[Call]:
    """`service` with methods that ``carry(method, call, arguments)`` calls in their stead."""

    async def run(method: Callable[..., Any], call: Call, *arguments: object) -> object:
        try:
            return await carry(method, call, arguments)
        except (SystemExit, KeyboardInterrupt) as error:  # one call's, not the loop's
            raise RuntimeError(f"the method ended with {error!r}") from error

    class Carried(xdr.Service[Call]):
        PROGRAM = service.PROGRAM
        VERSION = service.VERSION
        PROCEDURES = service.PROCEDURES

        def handler(self, number: int) -> tuple[xdr.Procedure[Any, Any], Callable[..., Awaitable[Any]]] | None:
            found = service.handler(number)
            return None if found is None else (found[0], partial(run, found[1]))

    return Carried()

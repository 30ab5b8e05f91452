"""rpcgss for asyncio.

Clients: `connect_tcp`, `connect_udp` and `connect_unix` give a `Client` whose `call` goes into generated client
classes, as a trio client's does. Servers: an `rpcgss.Server` whose services have gone through `service` runs their
methods on the event loop of who made it; `serve_tcp`, `serve_udp` and `serve_unix` let it work in the background.
Everything else (flavors, errors, options) is that of `rpcgss`.

The octets are the work of one trio loop in a thread of its own: see `rpcgss.loop`. Cancellation crosses: a task that is
cancelled cancels what it waits for there, and goes on when that is done; a call that its server gives up is cancelled
as a task here.
"""

import asyncio
import contextvars
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

import trio

import rpcgss.binding
import rpcgss.connect
import xdr
from rpcgss.facade import Caller, CallerT, ClientCaller, Listeners, carried, listening_port, serving
from rpcgss.loop import Errand, Keeper, Loop, LoopEnded, background_loop
from rpcgss.rpc import client as rpc
from rpcgss.rpc.flavors import ClientFlavor
from rpcgss.rpc.programs import Call
from rpcgss.rpc.server import DRAIN_SECONDS, Server
from transport import listen_tcp, listen_udp, listen_unix

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")

GRACE_SECONDS: Final = 5.0
"""How long the cancelled methods of a service may take to end."""


class _Caller(Caller[CallerT]):
    async def call(self, procedure: xdr.Procedure[A, R], argument: A, /, *, timeout: float | None = None) -> R:
        """Call `procedure`; `timeout` seconds instead of the client's. Raises as `rpcgss.Client.call`, and `LoopEnded`
        in a child process that was forked off since. Cancelled: as there; its xid is free when the cancellation has
        come through."""
        return await _wait_for(self._loop, partial(self._caller.call, procedure, argument, timeout=timeout))


class Client(_Caller[rpc.Client], ClientCaller):
    """A client of a server; see `connect_tcp`. Give `client.call` to generated client classes. Any task of any event
    loop may use it."""

    @asynccontextmanager
    async def as_user(self, flavor: ClientFlavor) -> AsyncIterator["User"]:
        """Somebody else who calls over this client's connection; see `rpcgss.Client.as_user`."""
        async with _kept(self._loop, Keeper(self._caller.as_user(flavor))) as user:
            yield User(self._loop, user)


class User(_Caller[rpc.User]):
    """One user of a client that has many: see `Client.as_user`. Give `user.call` to generated client classes."""


def _opener(
    connect: Callable[P, AbstractAsyncContextManager[rpc.Client]],
) -> Callable[P, AbstractAsyncContextManager[Client]]:
    @asynccontextmanager
    @functools.wraps(connect)
    async def opened(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Client]:
        loop = background_loop()
        async with _kept(loop, Keeper(connect(*args, **kwargs))) as client:
            yield Client(loop, client)

    opened.__doc__ = (
        f"A `Client`, for use in ``async with``; parameters and exceptions are those of `rpcgss.{connect.__name__}`."
    )
    return opened


def _waiting(function: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    @functools.wraps(function)
    async def waited(*args: P.args, **kwargs: P.kwargs) -> T:
        return await _wait_for(background_loop(), partial(function, *args, **kwargs))

    return waited


connect_tcp = _opener(rpcgss.connect.connect_tcp)
connect_udp = _opener(rpcgss.connect.connect_udp)
connect_unix = _opener(rpcgss.connect.connect_unix)
connect_program = _opener(rpcgss.connect.connect_program)
port_of = _waiting(rpcgss.binding.port_of)


def service(asynchronous: xdr.Service[Call]) -> xdr.Service[Call]:
    """What a `Server` takes for a service whose methods are asyncio's: they run as tasks of the running event loop, in
    the context variables of who calls this. Raises `RuntimeError` if no event loop is running."""
    return carried(asynchronous, partial(_run_here, asyncio.get_running_loop(), contextvars.copy_context()))


class Serving:
    """A server at work in the background; see `serve_tcp`."""

    def __init__(self, loop: Loop, keeper: Keeper[Listeners], listeners: Listeners) -> None:
        self._loop: Final = loop
        self._keeper: Final = keeper
        self._listeners: Final = listeners

    @functools.cached_property
    def port(self) -> int:
        """The TCP or UDP port. Raises `ValueError` if it serves none."""
        return listening_port(self._listeners)

    async def wait(self) -> None:
        """Until the server has stopped; raises what made it stop by itself. Cancelled: the server goes on."""
        await _wait_for(self._loop, self._keeper.wait)

    async def stop(self) -> None:
        """Stop: calls under way get their `drain_seconds`. Cancelled: they get no more. Idempotent; not for the methods
        of the service, whose end this waits for."""
        await _wait_for(self._loop, self._keeper.close)


def serve_tcp(
    server: Server,
    port: int,
    host: str | None = None,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> AbstractAsyncContextManager[Serving]:
    """`server` at work on a TCP port, 0 for a free one, while the block of ``async with`` runs. Raises `OSError`, and
    `RegistrationFailed`.

    rpcbind -- the path of the Unix socket of this host's rpcbind (`rpcgss.RPCBIND_SOCKET`), which knows the server's
               programs meanwhile: see `rpcgss.registered`. None: they are not registered
    """
    return _served(server, partial(listen_tcp, port, host), drain_seconds, rpcbind)


def serve_udp(
    server: Server,
    port: int,
    host: str | None = None,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> AbstractAsyncContextManager[Serving]:
    """`server` at work on a UDP port, 0 for a free one, while the block of ``async with`` runs. Raises `OSError`;
    else as `serve_tcp`."""
    return _served(server, partial(listen_udp, port, host), drain_seconds, rpcbind)


def serve_unix(
    server: Server,
    path: str | os.PathLike[str],
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> AbstractAsyncContextManager[Serving]:
    """`server` at work on a Unix socket at `path`, while the block of ``async with`` runs. Raises `OSError`; else as
    `serve_tcp`."""

    async def listen() -> Listeners:
        return [listen_unix(os.fspath(path))]

    return _served(server, listen, drain_seconds, rpcbind)


@asynccontextmanager
async def _served(
    server: Server, listen: Callable[[], Awaitable[Listeners]], drain_seconds: float, rpcbind: str | None
) -> AsyncIterator[Serving]:
    loop, keeper = background_loop(), Keeper(serving(server, listen, drain_seconds, rpcbind))
    async with _kept(loop, keeper) as listeners:
        yield Serving(loop, keeper, listeners)


@asynccontextmanager
async def _kept(loop: Loop, keeper: Keeper[T]) -> AsyncIterator[T]:
    """Open while the block runs. A cancellation may come just when it has opened: it is closed in any case."""
    opened = False
    try:
        value = await _wait_for(loop, keeper.open)
        opened = True
        yield value
    finally:
        with suppress(*(LoopEnded,) if opened else (Exception,)):
            await _wait_for(loop, keeper.close)


async def _wait_for(loop: Loop, function: Callable[[], Awaitable[T]]) -> T:
    """The outcome of `function` on the trio loop. Cancelled: it is cancelled there, and has ended."""
    here = asyncio.get_running_loop()
    ended = here.create_future()

    def tell() -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody waits
            here.call_soon_threadsafe(ended.set_result, None)

    errand = Errand(loop, function, tell)
    errand.send()
    try:
        await asyncio.shield(ended)
    except asyncio.CancelledError:
        errand.cancel()
        await asyncio.shield(ended)
        raise
    return errand.outcome()


async def _run_here(
    here: asyncio.AbstractEventLoop,
    context: contextvars.Context,
    method: Callable[..., Any],
    call: Call,
    arguments: tuple[object, ...],
) -> object:
    """On the trio loop: run a method as a task of the event loop `here`."""
    token, ended = trio.lowlevel.current_trio_token(), trio.Event()
    tasks: list[asyncio.Task[Any]] = []
    failures: list[Exception] = []

    def tell(_: object = None) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(ended.set)

    def begin() -> None:
        try:
            running = method(call, *arguments)
            if not asyncio.iscoroutine(running):
                raise TypeError(
                    f"{call.procedure.name} is a plain method: make it async, or give its service to "
                    "rpcgss.blocking.service"
                )
            task = here.create_task(running)
        except Exception as error:
            failures.append(error)
            tell()
        else:
            tasks.append(task)
            task.add_done_callback(tell)

    def cancel() -> None:
        for task in tasks:
            task.cancel()

    here.call_soon_threadsafe(begin, context=context)  # RuntimeError: it is closed
    try:
        await ended.wait()
    except trio.Cancelled:
        if here.is_running():
            here.call_soon_threadsafe(cancel)
            with trio.move_on_after(GRACE_SECONDS, shield=True):
                await ended.wait()
        raise
    if failures:
        raise failures[0]
    try:
        return tasks[0].result()
    except asyncio.CancelledError as error:
        raise RuntimeError("the task of a call was cancelled") from error

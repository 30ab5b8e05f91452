"""rpcgss for plain synchronous code and threads.

Clients: `connect_tcp`, `connect_udp` and `connect_unix` give a `Client`, which any number of threads may use at once;
its `call` takes a procedure of a generated module and its argument, and `methods` makes blocking ones of a generated
client's. Servers: an `rpcgss.Server` whose services have gone through `service` runs their plain methods in threads;
`serve_tcp`, `serve_udp` and `serve_unix` let it work in the background. Everything else (flavors, errors,
options) is that of `rpcgss`.

All of it shares one trio loop in a thread of its own: see `rpcgss.loop`. An exception that reaches a waiting thread,
KeyboardInterrupt above all, cancels what the thread waits for before it goes on.
"""

import functools
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

import rpcgss.binding
import rpcgss.connect
import xdr
from rpcgss.facade import Caller, CallerT, ClientCaller, Listeners, carried, listening_port, serving
from rpcgss.loop import Errand, Keeper, Loop, LoopEnded, background_loop
from rpcgss.rpc import client as rpc
from rpcgss.rpc.flavors import ClientFlavor
from rpcgss.rpc.programs import Call
from rpcgss.rpc.server import DRAIN_SECONDS, Server
from rpcgss.rpc.work import ThreadWorker
from transport import listen_tcp, listen_udp, listen_unix

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
P = ParamSpec("P")

THREADS: Final = 32
"""Calls of one service that are worked on at once."""
SIGNAL_SECONDS: Final = 1.0
"""A signal that comes just before a thread begins to wait does not wake it: it looks so often."""


class _Caller(Caller[CallerT]):
    """Whoever calls, kept open."""

    def __init__(self, loop: Loop, manager: AbstractAsyncContextManager[CallerT]) -> None:
        self._keeper: Final[Keeper[CallerT]] = Keeper(manager)
        super().__init__(loop, _open(loop, self._keeper))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, procedure: xdr.Procedure[A, R], argument: A, /, *, timeout: float | None = None) -> R:
        """Call `procedure` and wait for its result, at most `timeout` seconds (None: the client's).

        Raises as `rpcgss.Client.call`, and `LoopEnded` in a child process that was forked off since. Interrupted: the
        call is cancelled, so it may have been executed; the client and its other calls go on.
        """
        return _wait_for(self._loop, partial(self._caller.call, procedure, argument, timeout=timeout))

    def methods(self, generated: Callable[[xdr.AsyncCall], object], *, timeout: float | None = None) -> Any:  # noqa: ANN401
        """The methods of a generated client class, under their names, each of which blocks as `call` does. For type
        checkers they can be anything; where types matter, use `call`."""

        async def call(procedure: xdr.Procedure[A, R], argument: A, /) -> R:
            return self.call(procedure, argument, timeout=timeout)

        found = inspect.getmembers(generated(call), inspect.iscoroutinefunction)
        return SimpleNamespace(**{name: _driven(method) for name, method in found if not name.startswith("_")})

    def close(self) -> None:
        """Close, within a few seconds; calls of a client that still wait raise `rpcgss.ConnectionLost`. Idempotent."""
        _close(self._loop, self._keeper)


class Client(_Caller[rpc.Client], ClientCaller):
    """A client of a server, for any number of threads; see `connect_tcp`. Its ``with`` block closes it, or `close`,
    or else the end of the interpreter."""

    def __init__(self, manager: AbstractAsyncContextManager[rpc.Client]) -> None:
        super().__init__(background_loop(), manager)

    def as_user(self, flavor: ClientFlavor) -> "User":
        """Somebody else who calls over this client's connection; see `rpcgss.Client.as_user`."""
        return User(self._loop, self._caller.as_user(flavor))


class User(_Caller[rpc.User]):
    """One user of a client that has many, for any number of threads; see `Client.as_user`. Its ``with`` block closes
    its flavor, or `close`."""


def _opener(connect: Callable[P, AbstractAsyncContextManager[rpc.Client]]) -> Callable[P, Client]:
    @functools.wraps(connect)
    def opened(*args: P.args, **kwargs: P.kwargs) -> Client:
        return Client(connect(*args, **kwargs))

    opened.__doc__ = f"A `Client`, connected; parameters and exceptions are those of `rpcgss.{connect.__name__}`."
    return opened


def _waiting(function: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    @functools.wraps(function)
    def waited(*args: P.args, **kwargs: P.kwargs) -> T:
        return _wait_for(background_loop(), partial(function, *args, **kwargs))

    return waited


connect_tcp = _opener(rpcgss.connect.connect_tcp)
connect_udp = _opener(rpcgss.connect.connect_udp)
connect_unix = _opener(rpcgss.connect.connect_unix)
connect_program = _opener(rpcgss.connect.connect_program)
port_of = _waiting(rpcgss.binding.port_of)


def service(plain: xdr.Service[Call], *, threads: int = THREADS) -> xdr.Service[Call]:
    """What a `Server` takes for a service with plain methods: they run in threads, so many at a time; the calls of a
    server that is stopped and does not want to wait any more are left to their threads. Methods that are ``async`` run
    on the server's trio loop, as always."""
    worker = ThreadWorker(threads)

    async def carry(method: Callable[..., Any], call: Call, arguments: tuple[object, ...]) -> object:
        if inspect.iscoroutinefunction(method):
            return await method(call, *arguments)
        return await worker.run(method, call, *arguments)

    return carried(plain, carry)


def method(plain: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """For type checkers: the decorated plain method of a service may stand for an ``async`` one, as `service` has it.
    Does nothing."""
    return cast(Callable[P, Coroutine[Any, Any, R]], plain)


class Serving:
    """A server at work in the background; see `serve_tcp`. Stops with its ``with`` block, or `stop`."""

    def __init__(
        self, server: Server, listen: Callable[[], Awaitable[Listeners]], drain_seconds: float, rpcbind: str | None
    ) -> None:
        self._loop: Final = background_loop()
        self._keeper: Final = Keeper(serving(server, listen, drain_seconds, rpcbind))
        self._listeners: Final = _open(self._loop, self._keeper)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @functools.cached_property
    def port(self) -> int:
        """The TCP or UDP port. Raises `ValueError` if it serves none."""
        return listening_port(self._listeners)

    def wait(self) -> None:
        """Until the server has stopped; raises what made it stop by itself. Interrupted: the server goes on."""
        _wait_for(self._loop, self._keeper.wait)

    def stop(self) -> None:
        """Stop: calls under way get their `drain_seconds`. Interrupted: they get no more. Idempotent; not for the
        methods of the service, whose end this waits for."""
        _close(self._loop, self._keeper)


def serve_tcp(
    server: Server,
    port: int,
    host: str | None = None,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> Serving:
    """`server` at work on a TCP port; 0 takes a free one. Raises `OSError`, and `RegistrationFailed`.

    rpcbind -- the path of the Unix socket of this host's rpcbind (`rpcgss.RPCBIND_SOCKET`), which knows the server's
               programs meanwhile: see `rpcgss.registered`. None: they are not registered
    """
    return Serving(server, partial(listen_tcp, port, host), drain_seconds, rpcbind)


def serve_udp(
    server: Server,
    port: int,
    host: str | None = None,
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> Serving:
    """`server` at work on a UDP port; 0 takes a free one. Raises `OSError`; else as `serve_tcp`."""
    return Serving(server, partial(listen_udp, port, host), drain_seconds, rpcbind)


def serve_unix(
    server: Server,
    path: str | os.PathLike[str],
    *,
    drain_seconds: float = DRAIN_SECONDS,
    rpcbind: str | None = None,
) -> Serving:
    """`server` at work on a Unix socket at `path`. Raises `OSError`; else as `serve_tcp`."""

    async def listen() -> Listeners:
        return [listen_unix(os.fspath(path))]

    return Serving(server, listen, drain_seconds, rpcbind)


def _wait_for(loop: Loop, function: Callable[[], Awaitable[T]]) -> T:
    gate = threading.Lock()
    gate.acquire()
    errand = Errand(loop, function, gate.release)
    try:
        errand.send()
        _pass(gate)
    except BaseException:
        errand.cancel()
        _pass(gate)
        raise
    return errand.outcome()


def _pass(gate: threading.Lock) -> None:
    while not gate.acquire(timeout=SIGNAL_SECONDS):
        pass


def _open(loop: Loop, keeper: Keeper[T]) -> T:
    try:
        return _wait_for(loop, keeper.open)
    except BaseException:
        _wait_for(loop, keeper.close)
        raise


def _close(loop: Loop, keeper: Keeper[Any]) -> None:
    try:
        _wait_for(loop, keeper.close)
    except LoopEnded:
        return  # and with it, all that was open


def _driven(method: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """A method of a generated client whose calls block: it runs to its end without ever being suspended."""

    @functools.wraps(method)
    def plain(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            method(*args, **kwargs).send(None)
        except StopIteration as end:
            return cast(R, end.value)
        raise RuntimeError(f"{method.__name__} waits for something else than its call")

    return plain

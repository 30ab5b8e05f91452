"""Accepting connections: TCP and Unix listeners, and a loop that survives what strangers do to it."""

import errno
import logging
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final

import trio

from transport.address import address_text, check_address
from transport.connect import notice_dead_peers
from transport.record import MAX_FRAGMENTS, MAX_RECORD
from transport.stream import NOWHERE, Origin, StreamChannel

MAX_CONNECTIONS: Final = 512

BURST: Final = 64
"""Connections that are accepted in one go. After a restart all clients come at once, and whom the kernel's queue has no
room for comes again after seconds: one for each round of the event loop, which they keep busy, is not enough."""
"""By default a process has 1,024 descriptors: strangers must not be able to take them all from what is to be served."""
_PAUSE: Final = 0.1  # seconds, when the process or the system has no descriptor left
_CREDENTIALS: Final = struct.Struct("iII")  # struct ucred: pid, uid, gid
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class UnixListener(trio.abc.Listener[trio.SocketStream]):
    """A socket at a path of the file system, which is removed when the listener closes; `shared`: it stays, for other
    processes listen there too."""

    def __init__(self, sock: trio.socket.SocketType, path: str, *, shared: bool = False) -> None:
        self.path: Final = path
        self.socket: Final = sock
        self._listener: Final = trio.SocketListener(sock)
        self._inode: Final = None if shared else os.stat(path).st_ino

    async def accept(self) -> trio.SocketStream:
        return await self._listener.accept()

    async def aclose(self) -> None:
        if self._inode is not None:
            unlink_own(self.path, self._inode)
        await self._listener.aclose()


async def listen_tcp(port: int, host: str | None = None) -> list[trio.SocketListener]:
    """Listeners on every address of `host` (None: all addresses); port 0 takes a free one for each address. Raises
    `OSError` with a text that names the address."""
    problem = f"cannot listen on {address_text(host or '*', port)}"
    check_address(host, port, problem)
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise OSError(error.errno, f"{problem}: {error.strerror or error}") from error


def listen_unix(path: str, *, mode: int = 0o666, backlog: int = 128) -> UnixListener:
    """A listener at `path` with permissions `mode`. A socket that nobody listens on any more is replaced; raises
    `OSError` with a text that names the path if somebody does, or if something else is there."""
    return UnixListener(trio.socket.from_stdlib_socket(unix_socket(path, mode, backlog)), path)


def unix_socket(path: str, mode: int, backlog: int) -> socket.socket:
    """The socket of `listen_unix`, which listens."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        sock.bind(path)
        os.chmod(path, mode)
        sock.listen(backlog)
        return sock
    except (OSError, ValueError) as error:  # ValueError: of a NUL in the path
        sock.close()
        number, reason = (error.errno, error.strerror) if isinstance(error, OSError) else (errno.EINVAL, None)
        raise OSError(number, f"cannot listen at {path}: {reason or error}") from error


def unlink_own(path: str, inode: int) -> None:
    """Remove a socket's path, unless it is somebody else's by now."""
    with suppress(OSError):
        if os.stat(path).st_ino == inode:
            os.unlink(path)


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "something that is not a socket is there")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # somebody listens, and has all hands full
    raise OSError(errno.EADDRINUSE, "another server listens there")


def local_address(remote: str) -> str | None:
    """The address of this host from which it speaks to `remote`, an IP address, and at which it can be reached from
    there; None if there is no way. Nothing is sent: only the routes are asked."""
    with socket.socket(socket.AF_INET6 if ":" in remote else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))
            host: str = probe.getsockname()[0]
        except OSError:
            return None
    return host


async def accept_channels(
    handler: Callable[[StreamChannel], Awaitable[None]],
    listeners: Sequence[trio.abc.Listener[trio.SocketStream]],
    nursery: trio.Nursery,
    *,
    max_connections: int = MAX_CONNECTIONS,
    max_record: int = MAX_RECORD,
    max_fragments: int = MAX_FRAGMENTS,
    make_room: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Accept for ever, a `handler` task in `nursery` for each connection, whose channel is closed when it ends.

    With `max_connections` open, or no descriptors left, `make_room` is called, and again while that lasts: it may end
    a connection that can be spared. One more for each listener is accepted and waits for its turn, further ones wait
    in the kernel's queue. An exception of a handler is logged and costs its connection alone. Cancelled: the listeners
    are closed, the handlers go on (their nursery is the caller's).
    """
    places = trio.Semaphore(max_connections)

    async def handle(stream: trio.SocketStream) -> None:
        try:
            if stream.socket.family != socket.AF_UNIX:
                notice_dead_peers(stream.socket)
            peer, origin = _who_is_there(stream.socket)
            channel = StreamChannel(
                stream, peer=peer, origin=origin, max_record=max_record, max_fragments=max_fragments
            )
            try:
                await handler(channel)
            except Exception:
                _log.exception("connection of %s failed", channel.peer)
            finally:
                await trio.aclose_forcefully(channel)
        finally:
            places.release()

    async def accept(listener: trio.abc.Listener[trio.SocketStream]) -> None:
        async with listener:
            while True:
                stream = await _accept_one(listener, make_room or _nothing)
                try:
                    await _take_place(places, make_room or _nothing)
                except BaseException:
                    await trio.aclose_forcefully(stream)
                    raise
                nursery.start_soon(handle, stream)
                for stream in _who_waits(listener, min(places.value, BURST)):
                    places.acquire_nowait()
                    nursery.start_soon(handle, stream)

    async with trio.open_nursery() as accepting:
        for listener in listeners:
            accepting.start_soon(accept, listener)


def _who_waits(listener: trio.abc.Listener[trio.SocketStream], most: int) -> Iterator[trio.SocketStream]:
    """Further connections in the kernel's queue, without giving way to other tasks for each. A fault ends it here;
    whoever accepts the next one hears of it."""
    sock = getattr(listener, "socket", None)
    if sock is None or not most:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(sock.fileno())) as queue:
        queue.setblocking(False)
        for _ in range(most):
            accepted, _ = queue.accept()
            yield trio.SocketStream(trio.socket.from_stdlib_socket(accepted))


async def _nothing() -> None:
    """Where no room can be made."""


async def _take_place(places: trio.Semaphore, make_room: Callable[[], Awaitable[None]]) -> None:
    while not places.value:
        await make_room()
        with trio.move_on_after(_PAUSE):
            await places.acquire()
            return
    places.acquire_nowait()


async def _accept_one(
    listener: trio.abc.Listener[trio.SocketStream], make_room: Callable[[], Awaitable[None]]
) -> trio.SocketStream:
    told = False
    while True:
        try:
            return await listener.accept()
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            if not told:
                _log.error("cannot accept connections: %s; trying again until it works", error.strerror)
                told = True
            await make_room()
            await trio.sleep(_PAUSE)


def _who_is_there(sock: trio.socket.SocketType) -> tuple[str, Origin]:
    """The peer's name for logs, and what the kernel knows of it."""
    try:
        if sock.family == socket.AF_UNIX:
            _, uid, _ = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
            return "a local process", Origin(uid=uid)
        host, port = sock.getpeername()[:2]
    except OSError:
        return "a peer that has gone", NOWHERE
    return address_text(host, port), Origin(host, port)

"""Ports and paths at which several processes of one server listen.

How this works: every process has sockets of its own, and those of one port are bound to it together (SO_REUSEPORT): by
the addresses of both ends, the kernel always gives a connection, or the datagrams of one peer, to the same one of them.
All of them are made before the processes are, by the one that makes these and keeps them open. So port 0 gives all of
them the same port; it stays theirs when a process ends; and what comes for that process meanwhile waits for the one in
its place. At a path there is a single socket, from which whoever has time accepts.

SO_REUSEPORT also lets in whatever another program of the same user binds with it. So the first socket of a port is
bound without it, which fails if anybody has the port, and gets it afterwards.
"""

import errno
import os
import socket
from contextlib import ExitStack
from typing import Final, Self, TypeAlias

import trio

from transport.address import address_text, check_address
from transport.datagram_listener import DatagramListener, DatagramSocket
from transport.listen import UnixListener, unix_socket, unlink_own
from transport.udp import enlarge_buffers

Listener: TypeAlias = trio.abc.Listener[trio.SocketStream] | DatagramSocket
"""What a server can serve."""
Endpoint: TypeAlias = tuple[int, str | None]
"""Port (0: a free one for each address) and host (None: all addresses)."""

_BACKLOG: Final = 65535  # the system cuts it down to what it is configured to
_UNIX_BACKLOG: Final = 1024


class SharedListeners:
    """Listeners for `processes` processes. A context manager: `close` at the end.

    addresses -- where they listen: (host, port) of TCP and UDP, and paths
    """

    def __init__(self, processes: int) -> None:
        self.addresses: Final[list[tuple[str, int] | str]] = []
        self._sockets: Final[list[list[tuple[socket.socket, str]]]] = [[] for _ in range(processes)]
        self._paths: Final[list[tuple[str, int]]] = []

    def tcp(self, port: int, host: str | None = None) -> None:
        """Listen on every address of `host`. Raises `OSError` with a text that names the address."""
        self._bind(port, host, socket.SOCK_STREAM, f"cannot listen on {address_text(host or '*', port)}")

    def udp(self, port: int, host: str | None = None) -> None:
        """The same for datagrams."""
        self._bind(port, host, socket.SOCK_DGRAM, f"cannot listen on {address_text(host or '*', port)} (UDP)")

    def unix(self, path: str, *, mode: int = 0o666) -> None:
        """Listen at `path`; see `listen_unix`."""
        sock = unix_socket(path, mode, _UNIX_BACKLOG)
        self._paths.append((path, os.stat(path).st_ino))
        self.addresses.append(path)
        for own in self._sockets:
            own.append((sock, path))

    def take(self, number: int) -> list[Listener]:
        """In the process of this number, from 0: its listeners. The others' are closed here, and nothing is removed."""
        own = self._sockets[number]
        mine = {sock for sock, _ in own}
        for sock in {sock for others in self._sockets for sock, _ in others} - mine:
            sock.close()
        return [_listener(sock, path) for sock, path in own]

    def close(self) -> None:
        """Listen no more, here; the processes may. Idempotent."""
        for path, inode in self._paths:
            unlink_own(path, inode)
        self._paths.clear()
        for own in self._sockets:
            for sock, _ in own:
                sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _bind(self, port: int, host: str | None, kind: socket.SocketKind, problem: str) -> None:
        check_address(host, port, problem)
        before = len(self.addresses)
        try:
            found = socket.getaddrinfo(host, port, type=kind, flags=0 if host else socket.AI_PASSIVE)
            for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
                self._bind_one(family, kind, address)
        except OSError as error:
            raise OSError(error.errno, f"{problem}: {error.strerror or error}") from error
        if len(self.addresses) == before:
            raise OSError(errno.EAFNOSUPPORT, f"{problem}: {os.strerror(errno.EAFNOSUPPORT)}")

    def _bind_one(self, family: int, kind: socket.SocketKind, address: tuple[object, ...]) -> None:
        """One socket for each process. Nothing for an address of a kind that this machine does not have."""
        with ExitStack() as undo:
            sockets: list[socket.socket] = []
            for _ in self._sockets:
                try:
                    sock = undo.enter_context(socket.socket(family, kind))
                except OSError:
                    return
                if sockets:
                    _share(sock)
                _prepare(sock)
                sock.bind(address)
                if not sockets:
                    address = sock.getsockname()  # with the port that the others take too
                    _share(sock)
                sockets.append(sock)
            if kind is socket.SOCK_STREAM:
                for sock in sockets:
                    sock.listen(_BACKLOG)
            undo.pop_all()
        self.addresses.append(sockets[0].getsockname()[:2])
        for own, sock in zip(self._sockets, sockets, strict=True):
            own.append((sock, ""))


def _prepare(sock: socket.socket) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    else:
        enlarge_buffers(sock)


def _share(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _listener(sock: socket.socket, path: str) -> Listener:
    if sock.type == socket.SOCK_DGRAM:
        return DatagramListener(sock)
    listening = trio.socket.from_stdlib_socket(sock)
    return UnixListener(listening, path, shared=True) if path else trio.SocketListener(listening)

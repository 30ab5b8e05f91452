"""What the UDP sockets of clients and servers have in common: sizes, addresses, and which errors they survive."""

import errno
import socket
from contextlib import suppress
from typing import Any, Final

import trio

from transport.errors import RecordTooLarge
from transport.outbox import Record

MAX_DATAGRAM: Final = 65_507
"""Octets in a UDP datagram over IPv4: 65,535 without the headers of IP and UDP."""
MAX_DATAGRAM_IPV6: Final = 65_527
"""Over IPv6, whose header is not counted (RFC 8200, 3)."""
BUFFER_OCTETS: Final = 4 * 1024 * 1024
"""Asked of the kernel for each direction; it gives what it is configured to (net.core.rmem_max, wmem_max)."""

Address = tuple[Any, ...]
"""As `socket` has it: host, port, and for IPv6 two more."""

OF_THE_NETWORK: Final = frozenset(
    (
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EPROTO,
        errno.EACCES,
        errno.EPERM,
        errno.EMSGSIZE,
        errno.ENOBUFS,
    )
)
"""What becomes of one datagram, and perhaps not of the next: ICMP, routes, filters, full queues."""


async def resolve(host: str | None, port: int, problem: str) -> list[tuple[socket.AddressFamily, Address]]:
    """The addresses of `host` (None: all of this machine's), each once. Raises `OSError` that begins with `problem`."""
    flags = 0 if host else socket.AI_PASSIVE
    try:
        found = await trio.socket.getaddrinfo(host or None, port, type=socket.SOCK_DGRAM, flags=flags)
    except OSError as error:
        raise OSError(error.errno, f"{problem}: {error.strerror or error}") from error
    families = (socket.AF_INET, socket.AF_INET6)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found if family in families))


def enlarge_buffers(sock: socket.socket) -> None:
    """Ask the kernel for `BUFFER_OCTETS` in each direction."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)


def largest_datagram(sock: socket.socket) -> int:
    """Octets that a datagram of this socket may have."""
    return MAX_DATAGRAM_IPV6 if sock.family == socket.AF_INET6 else MAX_DATAGRAM


def joined(value: Record, largest: int) -> bytes:
    """A record in one piece. Raises `RecordTooLarge` of one with more than `largest` octets."""
    octets = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b"".join(value)
    if len(octets) > largest:
        raise too_large(len(octets))
    return octets


def too_large(octets: int) -> RecordTooLarge:
    return RecordTooLarge(f"a message of {octets} octets does not fit into a UDP datagram: use TCP")


def end_of_socket(sock: socket.socket, error: OSError) -> Exception:
    """What to raise for an error that the socket does not survive."""
    if sock.fileno() < 0:
        return trio.ClosedResourceError("this socket was closed by another task")
    return trio.BrokenResourceError(f"UDP failed: {error.strerror or error}")


def close_socket(sock: socket.socket) -> None:
    """Close it under whoever waits for it. Idempotent."""
    if sock.fileno() >= 0:
        trio.lowlevel.notify_closing(sock)
        sock.close()

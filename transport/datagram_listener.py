"""A server's UDP socket: datagrams from anybody, and answers to them.

`DatagramListener` is a bound socket that gives its datagrams in batches, each with its `Sender`, who is answered from
the address that he called: on a socket bound to all addresses, the kernel says which that was and takes it back with
the answer (IP_PKTINFO, RFC 3542 for IPv6).
"""

import errno
import os
import socket
import struct
from abc import abstractmethod
from typing import Final, NamedTuple

import trio

from transport.address import address_text, check_address
from transport.outbox import Record
from transport.udp import (
    MAX_DATAGRAM_IPV6,
    OF_THE_NETWORK,
    Address,
    close_socket,
    end_of_socket,
    enlarge_buffers,
    joined,
    largest_datagram,
    resolve,
    too_large,
)

BATCH: Final = 32
"""Datagrams that one wake-up of a listener takes at most."""

_IP_PKTINFO: Final = 8  # Linux; the socket module does not say it
_PKTINFO: Final = struct.Struct("=i4s4s")  # index of the interface, our address, that in the header
_PKTINFO_IPV6: Final = struct.Struct("=16si")
_ANCILLARY_OCTETS: Final = socket.CMSG_SPACE(_PKTINFO_IPV6.size)
_MULTICAST_IPV6: Final = 0xFF
_PAUSE: Final = 0.1  # seconds, when the system has no memory left
_EXHAUSTED: Final = (errno.ENOBUFS, errno.ENOMEM)


class Sender(NamedTuple):
    """Where a datagram came from, and which address of ours it came to (packed; b"": the only one)."""

    address: Address
    local: bytes

    def __str__(self) -> str:
        return address_text(*self.address[:2])


class DatagramSocket(trio.abc.AsyncResource):
    """What a server needs of a socket that anybody may send datagrams to. `max_reply`: octets that an answer may
    have."""

    max_reply: int

    @abstractmethod
    async def receive(self) -> list[tuple[bytes, Sender]]:
        """What has come, at least one datagram and at most `BATCH`. Raises `trio.ClosedResourceError`, and
        `trio.BrokenResourceError` if the socket is of no more use. Cancelled: nothing is lost."""

    @abstractmethod
    async def send(self, value: Record, sender: Sender) -> None:
        """Answer. Raises `RecordTooLarge` if the answer does not fit, `trio.BrokenResourceError` if the network does
        not take it, `trio.ClosedResourceError`. Cancelled: it was sent, or it was not."""


class DatagramListener(DatagramSocket):
    """`sock`, which is bound, and is closed with the listener.

    max_record -- octets that a datagram may have; longer ones are dropped
    dropped    -- how many were too long
    """

    def __init__(self, sock: socket.socket, *, max_record: int = MAX_DATAGRAM_IPV6) -> None:
        self.socket: Final = sock
        self.max_record: Final = max_record
        self.max_reply = largest_datagram(sock)
        self.dropped = 0
        self._ipv6: Final = sock.family == socket.AF_INET6
        self._everywhere: Final = _ask_for_destinations(sock)
        sock.setblocking(False)

    async def receive(self) -> list[tuple[bytes, Sender]]:
        await trio.lowlevel.checkpoint_if_cancelled()
        waited = False
        while not (batch := await self._take()):
            await trio.lowlevel.wait_readable(self.socket)
            waited = True
        if not waited:
            await trio.lowlevel.cancel_shielded_checkpoint()
        return batch

    async def send(self, value: Record, sender: Sender) -> None:
        octets = joined(value, self.max_reply)
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                if sender.local:
                    self.socket.sendmsg([octets], [self._from(sender.local)], 0, sender.address)
                else:
                    self.socket.sendto(octets, sender.address)
                return
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self.socket)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    raise too_large(len(octets)) from error
                raise end_of_socket(self.socket, error) from error

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        close_socket(self.socket)
        await trio.lowlevel.checkpoint()

    async def _take(self) -> list[tuple[bytes, Sender]]:
        batch: list[tuple[bytes, Sender]] = []
        try:
            for _ in range(BATCH):
                datagram, sender = self._take_one()
                if len(datagram) <= self.max_record:
                    batch.append((datagram, sender))
                else:
                    self.dropped += 1
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno in _EXHAUSTED and not batch:
                await trio.sleep(_PAUSE)
            elif error.errno not in (*_EXHAUSTED, *OF_THE_NETWORK):
                raise end_of_socket(self.socket, error) from error
        return batch

    def _take_one(self) -> tuple[bytes, Sender]:
        if not self._everywhere:
            datagram, address = self.socket.recvfrom(self.max_record + 1)
            return datagram, Sender(address, b"")
        datagram, ancillary, _, address = self.socket.recvmsg(self.max_record + 1, _ANCILLARY_OCTETS)
        return datagram, Sender(address, self._destination(ancillary))

    def _destination(self, ancillary: list[tuple[int, int, bytes]]) -> bytes:
        for level, kind, data in ancillary:
            if self._ipv6 and (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                local: bytes = _PKTINFO_IPV6.unpack(data)[0]
                return b"" if local[0] == _MULTICAST_IPV6 else local
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
                return bytes(_PKTINFO.unpack(data)[1])
        return b""

    def _from(self, local: bytes) -> tuple[int, int, bytes]:
        """The interface is for the routes to say, or for the scope in the address of the peer."""
        if self._ipv6:
            return socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO_IPV6.pack(local, 0)
        return socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, local, bytes(4))


async def listen_udp(
    port: int, host: str | None = None, *, max_record: int = MAX_DATAGRAM_IPV6
) -> list[DatagramListener]:
    """Listeners on every address of `host` (None: all addresses); port 0 takes a free one for each address. Raises
    `OSError` with a text that names the address."""
    problem = f"cannot listen on {address_text(host or '*', port)} (UDP)"
    check_address(host, port, problem)
    listeners: list[DatagramListener] = []
    missing: OSError | None = None
    try:
        for family, address in await resolve(host, port, problem):
            try:
                sock = socket.socket(family, socket.SOCK_DGRAM)
            except OSError as error:
                missing = error  # an address of a kind that this machine does not have
                continue
            listeners.append(_bound(sock, address, max_record))
    except OSError as error:
        for listener in listeners:
            listener.socket.close()
        raise OSError(error.errno, f"{problem}: {error.strerror}") from error
    if not listeners:
        raise OSError(errno.EAFNOSUPPORT, f"{problem}: {os.strerror(errno.EAFNOSUPPORT)}") from missing
    return listeners


def _bound(sock: socket.socket, address: Address, max_record: int) -> DatagramListener:
    try:
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        enlarge_buffers(sock)
        sock.bind(address)
        return DatagramListener(sock, max_record=max_record)
    except BaseException:
        sock.close()
        raise


def _ask_for_destinations(sock: socket.socket) -> bool:
    """Whether the socket is bound to all addresses; if so, it says of each datagram which of them it came to."""
    if sock.getsockname()[0] not in ("0.0.0.0", "::"):  # a comparison
        return False
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    return True

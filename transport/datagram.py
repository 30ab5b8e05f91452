"""Whole messages as UDP datagrams, each of which may be lost, doubled, overtaken, or forged by a stranger.

At the client's end, `DatagramChannel` is a connected socket: the kernel keeps other senders out, and tells what ICMP
says. Such word ("connection refused", "no route") means no more than that a datagram was lost, for the server may be
about to start again, and anybody can forge it; it is kept as `complaint`, for whoever gives up waiting.

At the server's end, `DatagramListener` is a bound socket that gives its datagrams in batches, each with its `Sender`,
who is answered from the address that he called: on a socket bound to all addresses, the kernel says which that was and
takes it back with the answer (IP_PKTINFO, RFC 3542 for IPv6).
"""

import errno
import os
import socket
import struct
from abc import abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import trio

from transport.errors import RecordTooLarge
from transport.stream import RECORDS_IN_A_ROW, Record, address_text, check_address

MAX_DATAGRAM: Final = 65_507
"""Octets in a UDP datagram over IPv4: 65,535 without the headers of IP and UDP."""
MAX_DATAGRAM_IPV6: Final = 65_527
"""Over IPv6, whose header is not counted (RFC 8200, 3)."""
BATCH: Final = 32
"""Datagrams that one wake-up of a listener takes at most."""
BUFFER_OCTETS: Final = 4 * 1024 * 1024
"""Asked of the kernel for each direction; it gives what it is configured to (net.core.rmem_max, wmem_max)."""

_IP_PKTINFO: Final = 8  # Linux; the socket module does not say it
_PKTINFO: Final = struct.Struct("=i4s4s")  # index of the interface, our address, that in the header
_PKTINFO_IPV6: Final = struct.Struct("=16si")
_ANCILLARY_OCTETS: Final = socket.CMSG_SPACE(_PKTINFO_IPV6.size)
_MULTICAST_IPV6: Final = 0xFF
_PAUSE: Final = 0.1  # seconds, when the system has no memory left
_EXHAUSTED: Final = (errno.ENOBUFS, errno.ENOMEM)

Address = tuple[Any, ...]
"""As `socket` has it: host, port, and for IPv6 two more."""


class Sender(NamedTuple):
    """Where a datagram came from, and which address of ours it came to (packed; b"": the only one)."""

    address: Address
    local: bytes

    def __str__(self) -> str:
        return address_text(*self.address[:2])


class DatagramChannel(trio.abc.Channel[bytes]):
    """Datagrams to one peer and from it, over `sock`, which is connected and is closed with the channel.

    peer          -- the other end's name for logs and errors
    last_received -- trio time of the last datagram that came; of the channel's making, before any
    complaint     -- what the network said about the last one that was sent, if nothing has come since; "" else
    max_record    -- octets that a datagram from the peer may have
    others        -- addresses where the peer may be as well: they take turns until something has come from one of them,
                     whenever the network says that nobody is there
    """

    reliable: Final = False
    tls: Final = None

    def __init__(
        self,
        sock: socket.socket,
        *,
        peer: str = "",
        max_record: int = MAX_DATAGRAM_IPV6,
        others: Sequence[tuple[socket.AddressFamily, Address]] = (),
    ) -> None:
        self.peer = peer
        self.last_received = trio.current_time()
        self.complaint = ""
        self.max_record: Final = max_record
        self._socket = sock
        self._largest = _largest(sock)
        self._others: Final = deque(others)  # none, once something has come
        self._closed = False
        self._in_a_row = 0
        sock.setblocking(False)

    async def send(self, value: Record) -> None:
        """Send one datagram. It may be lost without a word, on this machine already.

        Raises `RecordTooLarge` if it does not fit, `trio.BrokenResourceError` if the socket is of no more use (this
        machine has other addresses now, say), `trio.ClosedResourceError`. Cancelled: it was sent, or it was not.
        """
        octets = _joined(value, self._largest)
        await trio.lowlevel.checkpoint_if_cancelled()
        told = False
        while True:
            try:
                self._socket.send(octets)
                return
            except BlockingIOError:
                await self._wait(trio.lowlevel.wait_writable)
            except OSError as error:
                # The first error may be one that an earlier datagram met with: then this one has not left.
                if told and error.errno == errno.EMSGSIZE:
                    raise _too_large(len(octets)) from error
                self._heed(error)
                if told:
                    return
                told = True

    async def receive(self) -> bytes:
        """The next datagram. Raises `RecordTooLarge` of one with more than `max_record` octets (it is gone, and
        receiving may go on), `trio.BrokenResourceError`, `trio.ClosedResourceError`. Cancelled: nothing is lost. Of
        datagrams that came together, only every eighth gives other tasks a turn."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            try:
                datagram = self._socket.recv(self.max_record + 1)
                break
            except BlockingIOError:
                self._in_a_row = 0
                await self._wait(trio.lowlevel.wait_readable)
            except OSError as error:
                self._heed(error)
                await trio.lowlevel.checkpoint()
        self.last_received = trio.current_time()
        self.complaint = ""
        self._others.clear()
        self._in_a_row += 1
        if self._in_a_row % RECORDS_IN_A_ROW == 0:
            await trio.lowlevel.cancel_shielded_checkpoint()
        if len(datagram) > self.max_record:
            text = f"a datagram of more than {self.max_record} octets; take a greater max_record, or use TCP"
            raise RecordTooLarge(text, datagram[:64])
        return datagram

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        self._closed = True
        _close(self._socket)
        await trio.lowlevel.checkpoint()

    async def _wait(self, wait: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            await wait(self._socket)
        except trio.ClosedResourceError:
            if self._closed:
                raise  # else there is another socket now

    def _heed(self, error: OSError) -> None:
        """An error of the network's is remembered. Raises what the socket does not survive."""
        if error.errno not in _OF_THE_NETWORK:
            raise _end_of(self._socket, error) from error
        self.complaint = f"{self.peer}: {os.strerror(error.errno)}"
        if error.errno in _NOBODY_THERE:
            self._turn()

    def _turn(self) -> None:
        """On to the next address, if there are others that have a route."""
        for _ in range(len(self._others)):
            family, address = self._others.popleft()
            present = self._socket.family, self._socket.getpeername()
            try:
                sock = _connected(socket.AddressFamily(family), address)
            except OSError:
                self._others.append((family, address))
                continue
            sock.setblocking(False)
            _close(self._socket)
            self._socket, self._largest = sock, _largest(sock)
            self._others.append((socket.AddressFamily(present[0]), present[1]))
            return


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
        self.max_reply = _largest(sock)
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
        octets = _joined(value, self.max_reply)
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
                    raise _too_large(len(octets)) from error
                raise _end_of(self.socket, error) from error

    async def aclose(self) -> None:
        """Close. Whoever sends or receives gets `trio.ClosedResourceError`. Cancelled: it is closed all the same."""
        _close(self.socket)
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
            elif error.errno not in (*_EXHAUSTED, *_OF_THE_NETWORK):
                raise _end_of(self.socket, error) from error
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


async def open_udp(host: str, port: int, *, max_record: int = MAX_DATAGRAM_IPV6) -> DatagramChannel:
    """A socket for datagrams to `host` and back. That somebody is there is not known until he answers. Raises `OSError`
    with a text that names the address."""
    peer = address_text(host, port)
    problem = f"cannot send to {peer}"
    check_address(host, port, problem)
    failure = OSError(errno.EADDRNOTAVAIL, f"{problem}: it has no address")
    found = await _resolve(host, port, problem)
    for index, (family, address) in enumerate(found):
        try:
            sock = _connected(family, address)
        except OSError as error:
            failure = error
            continue
        return DatagramChannel(sock, peer=peer, max_record=max_record, others=found[index + 1 :] + found[:index])
    raise OSError(failure.errno, f"{problem}: {failure.strerror}") from failure


def _connected(family: socket.AddressFamily, address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        enlarge_buffers(sock)
        sock.connect(address)  # sends nothing, and does not block
    except BaseException:
        sock.close()
        raise
    return sock


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
        for family, address in await _resolve(host, port, problem):
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


async def _resolve(host: str | None, port: int, problem: str) -> list[tuple[socket.AddressFamily, Address]]:
    flags = 0 if host else socket.AI_PASSIVE
    try:
        found = await trio.socket.getaddrinfo(host or None, port, type=socket.SOCK_DGRAM, flags=flags)
    except OSError as error:
        raise OSError(error.errno, f"{problem}: {error.strerror or error}") from error
    families = (socket.AF_INET, socket.AF_INET6)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found if family in families))


def _ask_for_destinations(sock: socket.socket) -> bool:
    """Whether the socket is bound to all addresses; if so, it says of each datagram which of them it came to."""
    if sock.getsockname()[0] not in ("0.0.0.0", "::"):  # a comparison
        return False
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    return True


def enlarge_buffers(sock: socket.socket) -> None:
    """Ask the kernel for `BUFFER_OCTETS` in each direction."""
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)


def _largest(sock: socket.socket) -> int:
    return MAX_DATAGRAM_IPV6 if sock.family == socket.AF_INET6 else MAX_DATAGRAM


def _joined(value: Record, largest: int) -> bytes:
    octets = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b"".join(value)
    if len(octets) > largest:
        raise _too_large(len(octets))
    return octets


def _too_large(octets: int) -> RecordTooLarge:
    return RecordTooLarge(f"a message of {octets} octets does not fit into a UDP datagram: use TCP")


def _end_of(sock: socket.socket, error: OSError) -> Exception:
    if sock.fileno() < 0:
        return trio.ClosedResourceError("this socket was closed by another task")
    return trio.BrokenResourceError(f"UDP failed: {error.strerror or error}")


def _close(sock: socket.socket) -> None:
    if sock.fileno() >= 0:
        trio.lowlevel.notify_closing(sock)
        sock.close()


_NOBODY_THERE: Final = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
_OF_THE_NETWORK: Final = frozenset(
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

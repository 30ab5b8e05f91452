"""A client's UDP socket: whole messages as datagrams, each of which may be lost, doubled, overtaken, or forged.

`DatagramChannel` is a connected socket: the kernel keeps other senders out, and tells what ICMP says. Such word
("connection refused", "no route") means no more than that a datagram was lost, for the server may be about to start
again, and anybody can forge it; it is kept as `complaint`, for whoever gives up waiting.
"""

import errno
import os
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import trio

from transport.address import address_text, check_address
from transport.errors import RecordTooLarge
from transport.outbox import Record
from transport.stream import RECORDS_IN_A_ROW
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

_NOBODY_THERE: Final = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)


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
        self._largest = largest_datagram(sock)
        self._others: Final = deque(others)  # none, once something has come
        self._closed = False
        self._in_a_row = 0
        sock.setblocking(False)

    async def send(self, value: Record) -> None:
        """Send one datagram. It may be lost without a word, on this machine already.

        Raises `RecordTooLarge` if it does not fit, `trio.BrokenResourceError` if the socket is of no more use (this
        machine has other addresses now, say), `trio.ClosedResourceError`. Cancelled: it was sent, or it was not.
        """
        octets = joined(value, self._largest)
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
                    raise too_large(len(octets)) from error
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
        close_socket(self._socket)
        await trio.lowlevel.checkpoint()

    async def _wait(self, wait: Callable[[socket.socket], Awaitable[None]]) -> None:
        try:
            await wait(self._socket)
        except trio.ClosedResourceError:
            if self._closed:
                raise  # else there is another socket now

    def _heed(self, error: OSError) -> None:
        """An error of the network's is remembered. Raises what the socket does not survive."""
        if error.errno not in OF_THE_NETWORK:
            raise end_of_socket(self._socket, error) from error
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
            close_socket(self._socket)
            self._socket, self._largest = sock, largest_datagram(sock)
            self._others.append((socket.AddressFamily(present[0]), present[1]))
            return


async def open_udp(host: str, port: int, *, max_record: int = MAX_DATAGRAM_IPV6) -> DatagramChannel:
    """A socket for datagrams to `host` and back. That somebody is there is not known until he answers. Raises `OSError`
    with a text that names the address."""
    peer = address_text(host, port)
    problem = f"cannot send to {peer}"
    check_address(host, port, problem)
    failure = OSError(errno.EADDRNOTAVAIL, f"{problem}: it has no address")
    found = await resolve(host, port, problem)
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

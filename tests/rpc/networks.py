"""Networks of datagrams for tests: what they lose, double, delay and reorder is decided by a seed."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import trio

from rpcgss.rpc import Server
from transport import MAX_DATAGRAM, DatagramSocket, Record, RecordTooLarge, Sender

BUFFER: Final = 1000
"""Datagrams that a socket keeps for its reader; further ones are lost."""


@dataclass(slots=True)
class Weather:
    """What becomes of datagrams: chances of being `lost` and `doubled`, and seconds on the way, which let later ones
    overtake. May be changed at any time."""

    lost: float = 0.0
    doubled: float = 0.0
    least_delay: float = 0.0
    longest_delay: float = 0.0


STORM: Final = Weather(lost=0.2, doubled=0.2, least_delay=0.001, longest_delay=0.3)


class DatagramNetwork:
    """`connect` gives clients a socket each; `server` is who answers at present, None if nobody does.

    sent, lost, doubled -- datagrams
    tamper -- is shown each datagram that arrives, and gives what arrives in its stead; None: nothing
    """

    def __init__(self, nursery: trio.Nursery, server: Server | None, seed: int, weather: Weather) -> None:
        self.weather = weather
        self.server: Server | None = None
        self.sent = self.lost = self.doubled = 0
        self.tamper: Callable[[bytes], bytes | None] = lambda datagram: datagram
        self.clients: Final[dict[Sender, ClientEnd]] = {}
        self._chance: Final = random.Random(seed)
        self._nursery: Final = nursery
        self._serving = trio.CancelScope()
        self._listener: ServerEnd | None = None
        if server is not None:
            self.start(server)

    def start(self, server: Server) -> None:
        """From now on `server` answers. The one before it has died, with all calls under way."""
        self.stop()
        self.server = server
        self._listener = ServerEnd(self)
        self._serving = trio.CancelScope()
        self._nursery.start_soon(self._serve, server, self._listener, self._serving)

    def stop(self) -> None:
        """Nobody answers any more; calls under way have died."""
        self._serving.cancel()
        self.server = self._listener = None

    async def connect(self) -> "ClientEnd":
        await trio.lowlevel.checkpoint()
        sender = Sender((f"client {len(self.clients) + 1}", 1000), b"")
        end = self.clients[sender] = ClientEnd(self, sender)
        return end

    def to_server(self, datagram: bytes, sender: Sender) -> None:
        """What a client sends, or a stranger."""

        def arrive(arrived: bytes) -> None:
            if self._listener is not None:
                self._listener.arrived((arrived, sender))

        self._carry(datagram, arrive)

    def to_client(self, datagram: bytes, sender: Sender) -> None:
        """What the server sends, or a stranger in its name."""

        def arrive(arrived: bytes) -> None:
            if sender in self.clients:
                self.clients[sender].arrived(arrived)

        self._carry(datagram, arrive)

    def _carry(self, datagram: bytes, arrive: Callable[[bytes], None]) -> None:
        self.sent += 1
        if self._chance.random() < self.weather.lost:
            self.lost += 1
            return
        copies = 1 + (self._chance.random() < self.weather.doubled)
        self.doubled += copies - 1
        for _ in range(copies):
            delay = self._chance.uniform(self.weather.least_delay, self.weather.longest_delay)
            if delay:
                self._nursery.start_soon(self._delay, datagram, delay, arrive)
            else:
                self._deliver(datagram, arrive)

    async def _delay(self, datagram: bytes, delay: float, arrive: Callable[[bytes], None]) -> None:
        await trio.sleep(delay)
        self._deliver(datagram, arrive)

    def _deliver(self, datagram: bytes, arrive: Callable[[bytes], None]) -> None:
        arrived = self.tamper(datagram)
        if arrived is not None:
            arrive(arrived)

    async def _serve(self, server: Server, listener: "ServerEnd", scope: trio.CancelScope) -> None:
        with scope:
            await server.serve_datagrams(listener)


class ClientEnd:
    """A connected socket, as `transport.DatagramChannel` is one."""

    reliable = False
    tls = None
    complaint = ""

    def __init__(self, network: DatagramNetwork, sender: Sender) -> None:
        self.peer = "server"
        self.last_received = trio.current_time()
        self._network: Final = network
        self._sender: Final = sender
        self._in, self._out = trio.open_memory_channel[bytes](BUFFER)

    async def send(self, value: Record) -> None:
        datagram = _joined(value)
        await trio.lowlevel.checkpoint()
        self._network.to_server(datagram, self._sender)

    async def receive(self) -> bytes:
        datagram = await self._out.receive()
        self.last_received = trio.current_time()
        return datagram

    async def aclose(self) -> None:
        self._out.close()
        self._network.clients.pop(self._sender, None)
        await trio.lowlevel.checkpoint()

    def arrived(self, datagram: bytes) -> None:
        try:
            self._in.send_nowait(datagram)
        except trio.WouldBlock:
            self._network.lost += 1


class ServerEnd(DatagramSocket):
    """A bound socket, as `transport.DatagramListener` is one."""

    def __init__(self, network: DatagramNetwork) -> None:
        self.max_reply = MAX_DATAGRAM
        self._network: Final = network
        self._in, self._out = trio.open_memory_channel[tuple[bytes, Sender]](BUFFER)

    async def receive(self) -> list[tuple[bytes, Sender]]:
        return [await self._out.receive()]

    async def send(self, value: Record, sender: Sender) -> None:
        datagram = _joined(value)
        await trio.lowlevel.checkpoint()
        self._network.to_client(datagram, sender)

    async def aclose(self) -> None:
        self._out.close()
        await trio.lowlevel.checkpoint()

    def arrived(self, datagram: tuple[bytes, Sender]) -> None:
        try:
            self._in.send_nowait(datagram)
        except (trio.WouldBlock, trio.BrokenResourceError):
            self._network.lost += 1


def _joined(value: Record) -> bytes:
    datagram = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b"".join(value)
    if len(datagram) > MAX_DATAGRAM:
        raise RecordTooLarge(f"{len(datagram)} octets do not fit: use TCP")
    return datagram


@asynccontextmanager
async def datagram_network(
    server: Server | None = None, *, seed: int = 0, weather: Weather | None = None
) -> AsyncIterator[DatagramNetwork]:
    """A network, everything on which ends with the block."""
    async with trio.open_nursery() as nursery:
        yield DatagramNetwork(nursery, server, seed, weather or Weather())
        nursery.cancel_scope.cancel()

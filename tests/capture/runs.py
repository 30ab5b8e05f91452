"""Our own client and server with a real KDC, recorded."""

from collections.abc import Iterable

import trio.testing

from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import AcceptNone, Server, open_client
from tests.capture.reading import Wire
from tests.rpc.network import network
from tests.rpc.program import ECHO, Program
from transport import Record, StreamChannel


class RecordingChannel(StreamChannel):
    """The client's end, both directions of which go to a `Wire`."""

    def __init__(self, inner: StreamChannel, wire: Wire) -> None:
        super().__init__(inner._stream)
        self._wire = wire
        wire.begin()

    async def send(self, value: Record) -> None:
        pieces = [value] if isinstance(value, (bytes, bytearray, memoryview)) else value
        self._wire.send(True, b"".join(pieces))
        await super().send(value)

    async def receive(self) -> bytes:
        record = bytes(await super().receive())
        self._wire.send(False, record)
        return record


async def record(
    realm: Realm, flavor: GssFlavor, *, every: int = 0, tickets: bool = False, sizes: Iterable[int] = (1, 5000) * 8
) -> list[bytes]:
    """The packets of ECHO calls of so many octets, at a server that drops contexts; halfway the connection breaks."""
    acceptor = GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    store = ContextStore(drop_policy=DropPolicy(every=every)) if every else ContextStore()
    gss = GssServerFlavor(acceptor, store=store, extension=_tickets(tickets), versions=(1, 2, 3))
    server = Server([Program()], [gss, AcceptNone()])
    packets: list[bytes] = []
    wires: list[Wire] = []
    async with network(server) as net:

        async def connect() -> RecordingChannel:
            wires.append(Wire(port=40000 + len(wires), packets=packets))
            return RecordingChannel(await net.connect(), wires[-1])

        async with open_client(connect, flavor, timeout=30) as client:
            for number, size in enumerate(sizes):
                if number == 6:
                    net.cut_all()
                    await trio.testing.wait_all_tasks_blocked()
                text = bytes([number]) * size
                assert await client.call(ECHO, text) == text
        for wire in wires:
            wire.end()
    return packets


def _tickets(wanted: bool) -> TicketServer | None:
    return TicketServer(FixedKeys.random()) if wanted else None

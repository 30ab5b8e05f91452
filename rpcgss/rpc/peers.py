"""Those who call by datagrams: a server's peers that have no connection, and are given one in name.

Whoever calls from one address and port is one peer, with one `Connection` and a share of the places for calls. Their
number is bounded, as anybody can call from many ports or forge addresses: the one that has been silent for longest is
forgotten. That costs it nothing: calls under way keep what they need, and when it calls again it has the serial number
that it had, which is made from its address, so that a flood of forged ones ends no security context in the making.
"""

import hashlib
import secrets
from collections import OrderedDict
from typing import Final

from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.places import Places, Share
from transport import DatagramSocket, Origin, Record, Sender

MAX_PEERS: Final = 4096


class Peer:
    """One of them: where its answers go, and its places, each of which is also one of `everybody`'s."""

    __slots__ = ("_everybody", "_own", "_sender", "_socket", "connection")

    def __init__(self, sock: DatagramSocket, sender: Sender, serial: int, own: Share, everybody: Share) -> None:
        origin = Origin(*sender.address[:2])
        self.connection: Final = Connection(str(sender), serial, False, origin, max_reply=sock.max_reply)
        self._socket: Final = sock
        self._sender: Final = sender
        self._own: Final = own
        self._everybody: Final = everybody

    async def take(self) -> bool:
        """Take a place. False: this peer has its share already. Waits if all peers together have theirs."""
        if not self._own.may_take:
            return False
        await self._everybody.take()
        self._own.take_now()
        return True

    def done(self, octets: int) -> None:
        """A call has ended. No `octets` were counted for it: call and reply are small ones, see `Octets`."""
        self._own.give_back()
        self._everybody.give_back()

    async def send(self, value: Record) -> None:
        """Answer; see `transport.DatagramSocket.send`."""
        await self._socket.send(value, self._sender)


class Peers:
    """The peers of one socket, who get half of all `places` together, and share them as connections do."""

    def __init__(self, sock: DatagramSocket, places: Places, *, limit: int = MAX_PEERS) -> None:
        half = max(places.total // 2, 1)
        self._socket: Final = sock
        self._secret: Final = secrets.token_bytes(16)
        self._limit: Final = limit
        self._everybody: Final = places.share(half)
        self._places: Final = Places(half + 1, places.each)  # a newcomer waits for a place rather than lose his call
        self._known: Final[OrderedDict[Sender, Peer]] = OrderedDict()  # whoever was silent for longest comes first

    def __len__(self) -> int:
        return len(self._known)

    def find(self, sender: Sender) -> Peer:
        """Who `sender` is."""
        peer = self._known.get(sender)
        if peer is not None:
            self._known.move_to_end(sender)
            return peer
        if len(self._known) >= self._limit:
            self._known.popitem(last=False)
        peer = Peer(self._socket, sender, self._serial(sender), self._places.share(), self._everybody)
        self._known[sender] = peer
        return peer

    def _serial(self, sender: Sender) -> int:
        """63 bits and one that numbers of connections that are counted do not have; keyed, so that nobody can look for
        an address with the number of another's."""
        digest = hashlib.blake2b(repr(sender).encode(), digest_size=8, key=self._secret).digest()
        return int.from_bytes(digest) | 1 << 63

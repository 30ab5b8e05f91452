"""From a frame to what TCP or UDP carries: link, network and transport headers, and UDP datagrams in IP fragments.

What is no IP, no TCP or UDP, or damaged, is nobody's here: it gives None. Checksums are not looked at: captures of
traffic that a network card has yet to finish do not have them.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from struct import Struct
from struct import error as StructError
from typing import Final, NamedTuple

from rpcgss.capture.container import Frame

MAX_FRAGMENTED: Final = 256
"""Datagrams that wait for more of their fragments; the oldest gives way."""

_TCP, _UDP = 6, 17
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN: Final = (0x8100, 0x88A8, 0x9100)
_EXTENSIONS: Final = (0, 43, 60, 135, 139, 140)  # IPv6 headers that only have to be passed over (RFC 8200, 4)
_FRAGMENT, _AUTHENTICATION = 44, 51
_MOST_EXTENSIONS: Final = 16
_MOST_OCTETS: Final = 0xFFFF  # in an IP packet that was fragmented

_IPV4_HEADER: Final = Struct(">BBHHHBBH4s4s")
_IPV6_HEADER: Final = Struct(">IHBB16s16s")
_TCP_HEADER: Final = Struct(">HHIIBBHHH")
_UDP_HEADER: Final = Struct(">4H")


class Endpoint(NamedTuple):
    """Host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Segment:
    """A TCP segment. `acknowledged` is None where there is no such field."""

    time: float
    source: Endpoint
    destination: Endpoint
    sequence: int
    acknowledged: int | None
    opens: bool
    ends: bool
    breaks: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Datagram:
    """A UDP datagram."""

    time: float
    source: Endpoint
    destination: Endpoint
    data: bytes


class Layers:
    """Takes frames apart. Keeps nothing but fragments."""

    def __init__(self) -> None:
        self._fragmented: OrderedDict[tuple[object, ...], _Pieces] = OrderedDict()

    def open_untrusted(self, frame: Frame) -> Segment | Datagram | None:
        """What TCP or UDP has in this frame, or in the datagram that it completes. Never raises."""
        try:
            packet = _link(frame)
            if not packet:
                return None
            whole = self._ipv4(packet) if packet[0] >> 4 == 4 else self._ipv6(packet) if packet[0] >> 4 == 6 else None
            return None if whole is None else _transport(frame.time, *whole)
        except (StructError, IndexError):  # shorter than its own headers say
            return None

    def _ipv4(self, packet: bytes) -> "_Whole | None":
        first, _, length, identity, flags, _, protocol, _, source, destination = _IPV4_HEADER.unpack_from(packet)
        # Length 0: a large packet on its way to a network card that will cut it.
        payload = packet[(first & 15) * 4 : length or None]
        ends = (".".join(map(str, source)), ".".join(map(str, destination)))
        more, offset = bool(flags & 0x2000), (flags & 0x1FFF) * 8
        if not more and not offset:
            return _Whole(protocol, *ends, payload)
        return self._collect((ends, protocol, identity), _Whole(protocol, *ends, payload), offset, more)

    def _ipv6(self, packet: bytes) -> "_Whole | None":
        _, length, following, _, source, destination = _IPV6_HEADER.unpack_from(packet)
        payload = packet[40 : 40 + length if length else None]
        ends = (str(IPv6Address(source)), str(IPv6Address(destination)))
        for _ in range(_MOST_EXTENSIONS):
            if following in _EXTENSIONS:
                following, payload = payload[0], payload[8 + payload[1] * 8 :]
            elif following == _AUTHENTICATION:
                following, payload = payload[0], payload[8 + payload[1] * 4 :]
            elif following == _FRAGMENT:
                following, _, where, identity = Struct(">BBHI").unpack_from(payload)
                piece = _Whole(following, *ends, payload[8:])
                return self._collect((ends, identity), piece, where & 0xFFF8, bool(where & 1))
            else:
                return _Whole(following, *ends, payload)
        return None

    def _collect(self, key: tuple[object, ...], piece: "_Whole", offset: int, more: bool) -> "_Whole | None":
        if piece.protocol != _UDP:
            return None
        pieces = self._fragmented.setdefault(key, _Pieces())
        pieces.take(offset, piece.payload, more)
        if len(self._fragmented) > MAX_FRAGMENTED:
            self._fragmented.popitem(last=False)
        if not pieces.may_be_whole:
            return None
        self._fragmented.pop(key, None)
        payload = pieces.joined()
        return None if payload is None else piece._replace(payload=payload)


class _Whole(NamedTuple):
    protocol: int
    source: str
    destination: str
    payload: bytes


@dataclass(slots=True)
class _Pieces:
    """Fragments of one packet; what comes first at an offset stays. They are put together once, when there are octets
    enough: nobody but who means no good sends fragments that overlap, and then leave a gap."""

    by_offset: dict[int, bytes] = field(default_factory=dict)
    octets: int = 0
    end: int | None = None

    def take(self, offset: int, data: bytes, more: bool) -> None:
        if not data or offset in self.by_offset or offset + len(data) > _MOST_OCTETS:
            return
        self.by_offset[offset] = data
        self.octets += len(data)
        if not more:
            self.end = offset + len(data)

    @property
    def may_be_whole(self) -> bool:
        return self.octets >= (_MOST_OCTETS if self.end is None else self.end)

    def joined(self) -> bytes | None:
        whole = bytearray()
        for offset, data in sorted(self.by_offset.items()):
            if offset > len(whole):
                return None
            whole += data[len(whole) - offset :]
        return None if self.end is None or len(whole) < self.end else bytes(whole[: self.end])


def _transport(time: float, protocol: int, source: str, destination: str, payload: bytes) -> Segment | Datagram | None:
    if protocol == _UDP:
        sender, receiver, length, _ = _UDP_HEADER.unpack_from(payload)
        ends = Endpoint(source, sender), Endpoint(destination, receiver)
        return Datagram(time, *ends, payload[8 : length or None])
    if protocol != _TCP:
        return None
    sender, receiver, sequence, acknowledged, offset, flags, *_ = _TCP_HEADER.unpack_from(payload)
    return Segment(
        time,
        Endpoint(source, sender),
        Endpoint(destination, receiver),
        sequence,
        acknowledged if flags & _ACK else None,
        bool(flags & _SYN),
        bool(flags & _FIN),
        bool(flags & _RST),
        payload[(offset >> 4) * 4 :],
    )


def _link(frame: Frame) -> bytes | None:
    """The IP packet in a frame."""
    known = _LINKS.get(frame.link)
    return None if known is None else known(frame.octets)


def _typed(at: int, header: int) -> Callable[[bytes], bytes | None]:
    """A link whose header has an Ethernet type at `at`."""

    def unwrap(octets: bytes) -> bytes | None:
        kind, start = int.from_bytes(octets[at : at + 2]), header
        while kind in _VLAN:
            kind, start = int.from_bytes(octets[start + 2 : start + 4]), start + 4
        return octets[start:] if kind in (_IPV4, _IPV6) else None

    return unwrap


def _behind(header: int) -> Callable[[bytes], bytes]:
    """A link whose packets say themselves what they are."""
    return lambda octets: octets[header:]


_LINKS: Final[dict[int, Callable[[bytes], bytes | None]]] = {
    0: _behind(4),  # BSD loopback
    1: _typed(12, 14),  # Ethernet
    12: _behind(0),  # raw IP, as three operating systems number it
    14: _behind(0),
    101: _behind(0),
    108: _behind(4),  # OpenBSD loopback
    113: _typed(14, 16),  # Linux, cooked
    228: _behind(0),  # IPv4
    229: _behind(0),  # IPv6
    276: _typed(0, 20),  # Linux, cooked, version 2
}

KNOWN_LINKS: Final = frozenset(_LINKS)

"""Capture files: pcap (micro- and nanoseconds, either byte order) and pcapng, as they are or compressed by gzip.

Read here and not by a library, since much is asked for: each interface of a pcapng has a link type and a clock of its
own, a file that ends in the middle says so after all that is whole, and no length in a file makes us take memory.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from struct import Struct
from typing import BinaryIO, Final, cast

from rpcgss.capture.errors import CaptureError

MAX_FRAME: Final = 1 << 20
"""Octets of one packet, or of one block of a pcapng: four times what capturing programs write at most."""
MAX_INTERFACES: Final = 4096

_GZIP: Final = b"\x1f\x8b"
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_TIME_RESOLUTION, _TIME_OFFSET = 9, 14
_PCAP_ORDERS: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_LINK_MASK: Final = 0x03FFFFFF  # above it, pcap says whether frames end in a checksum


@dataclass(frozen=True, slots=True)
class Frame:
    """What was captured of a packet. `time` is in seconds since 1970, `link` a LINKTYPE number."""

    time: float
    link: int
    octets: bytes


def read_frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a capture, which may be a pipe. Raises `CaptureError`, after all frames before the damage."""
    buffered: BufferedReader = BufferedReader(cast(RawIOBase, file))  # of which it needs less than there is
    try:
        if _peek(buffered)[:2] == _GZIP:
            yield from _read_frames(BufferedReader(cast(RawIOBase, gzip.GzipFile(fileobj=buffered))))
        else:
            yield from _read_frames(buffered)
    finally:
        buffered.detach()  # else it would close the file, which is the caller's


def _read_frames(file: BufferedReader) -> Iterator[Frame]:
    source, magic = _Source(file), _peek(file)[:4]
    if magic == _SECTION:
        yield from _pcapng(source)
    elif magic in _PCAP_ORDERS:
        yield from _pcap(source)
    else:
        raise CaptureError("this is no capture: it begins neither like pcap nor like pcapng")


def _peek(file: BufferedReader) -> bytes:
    try:
        return file.peek(4)
    except (OSError, EOFError, zlib.error) as error:
        raise CaptureError(f"the capture cannot be read: {error}") from error


class _Source:
    """A file of which is read exactly what is asked for."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.position = 0

    def take(self, octets: int, of: str) -> bytes:
        """Raises `CaptureError` if the file ends before."""
        data = self.take_or_end(octets, of)
        if not data and octets:
            raise CaptureError(f"the capture is cut short in {of} at octet {self.position}")
        return data

    def take_or_end(self, octets: int, of: str) -> bytes:
        """The same, but the file may end just here: nothing, then."""
        data = self._read(octets)
        if data and len(data) < octets:
            raise CaptureError(f"the capture is cut short in {of} at octet {self.position + len(data)}")
        self.position += len(data)
        return data

    def _read(self, octets: int) -> bytes:
        try:
            return self._file.read(octets)
        except (OSError, EOFError, zlib.error) as error:
            raise CaptureError(f"the capture cannot be read beyond octet {self.position}: {error}") from error


def _pcap(source: _Source) -> Iterator[Frame]:
    magic = source.take(4, "the file header")
    order, units = _PCAP_ORDERS[magic]
    *_, link = Struct(f"{order}2HiIII").unpack(source.take(20, "the file header"))
    header = Struct(f"{order}4I")
    number = 0
    while octets := source.take_or_end(header.size, f"the header of packet {number + 1}"):
        number += 1
        seconds, fraction, length, _ = header.unpack(octets)
        _admit(length, f"packet {number}", source)
        yield Frame(seconds + fraction / units, link & _LINK_MASK, source.take(length, f"packet {number}"))


def _admit(length: int, what: str, source: _Source) -> None:
    if length > MAX_FRAME:
        raise CaptureError(f"{what} at octet {source.position} claims {length} octets: the capture is damaged")


@dataclass(frozen=True, slots=True)
class _Interface:
    link: int
    snap_length: int
    units: int  # of time, to the second
    offset: int  # seconds


def _pcapng(source: _Source) -> Iterator[Frame]:
    order = "<"
    interfaces: list[_Interface] = []
    time = 0.0
    while start := source.take_or_end(8, "a block's header"):
        at = source.position - 8
        if start[:4] == _SECTION:
            start += source.take(4, "a section's header")
            order = _section_order(start[8:], at)
            interfaces.clear()
        kind, length = Struct(f"{order}2I").unpack(start[:8])
        _admit(length, "a block", source)
        if length < len(start) + 4 or length % 4:
            raise CaptureError(f"a block at octet {at} claims {length} octets: the capture is damaged")
        body = source.take(length - len(start) - 4, "a block")
        if source.take(4, "a block") != start[4:8]:
            raise CaptureError(f"a block at octet {at} begins and ends with different lengths: the capture is damaged")
        try:
            if kind == _INTERFACE:
                interfaces.append(_interface(body, order))
            elif frame := _packet(kind, body, order, interfaces, time):
                time = frame.time
                yield frame
        except (IndexError, ValueError) as error:
            raise CaptureError(f"a block at octet {at} is damaged: {error}") from None
        if len(interfaces) > MAX_INTERFACES:
            raise CaptureError(f"more than {MAX_INTERFACES} interfaces in one capture")


def _section_order(magic: bytes, at: int) -> str:
    orders = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
    if magic not in orders:
        raise CaptureError(f"the section at octet {at} has no byte order: the capture is damaged")
    return orders[magic]


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        raise ValueError("an interface of too few octets")
    link, _, snap_length = Struct(f"{order}2HI").unpack(body[:8])
    units, offset = 1_000_000, 0
    option, position = Struct(f"{order}2H"), 8
    while len(body) - position >= option.size:
        code, length = option.unpack_from(body, position)
        position += option.size
        value = body[position : position + length]
        position += length + (-length & 3)
        if code == 0:
            break
        if code == _TIME_RESOLUTION and value:
            units = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
        elif code == _TIME_OFFSET and len(value) == 8:
            offset = int.from_bytes(value, "little" if order == "<" else "big", signed=True)
    return _Interface(link, snap_length, units, offset)


def _packet(kind: int, body: bytes, order: str, interfaces: list[_Interface], time: float) -> Frame | None:
    """The frame of a packet block; `time` is what a block without one of its own has."""
    if kind == _SIMPLE_PACKET:
        interface, length = interfaces[0], int.from_bytes(body[:4], "little" if order == "<" else "big")
        length = min(length, interface.snap_length or length, len(body) - 4)
        return Frame(time, interface.link, body[4 : 4 + length])
    if kind not in (_PACKET, _OLD_PACKET):
        return None
    if len(body) < 20:
        raise ValueError("a packet of too few octets")
    form = "I" if kind == _PACKET else "HH"  # the older form has a count of drops in the upper half
    index, *_, high, low, length, _ = Struct(f"{order}{form}4I").unpack(body[:20])
    if length > len(body) - 20:
        raise ValueError(f"a packet of {length} octets does not fit into it")
    if index >= len(interfaces):
        raise ValueError(f"a packet from interface {index}, which is not there")
    interface = interfaces[index]
    return Frame(interface.offset + (high << 32 | low) / interface.units, interface.link, body[20 : 20 + length])

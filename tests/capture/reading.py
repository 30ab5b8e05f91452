"""Captures read whole, and made: packets of calls and replies as a capturing program would write them."""

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dpkt

from rpcgss.capture.container import Frame, read_frames
from rpcgss.capture.events import CallSeen, Check, Event, ReplySeen, State, Trouble
from rpcgss.capture.keytab import KeytabEntry, read_keytab
from rpcgss.capture.messages import Difference
from rpcgss.capture.programs import Programs
from rpcgss.capture.report import Summary, to_json
from rpcgss.capture.timeline import Timeline
from transport import encode_record

ETHERNET, RAW = 1, 101
SERVER = bytes((10, 0, 0, 2))


@dataclass
class Reading:
    """All events of a capture."""

    timeline: Timeline
    events: list[Event] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    @property
    def messages(self) -> list[CallSeen | ReplySeen]:
        return [event for event in self.events if not isinstance(event, Trouble)]

    @property
    def calls(self) -> list[CallSeen]:
        return [event for event in self.events if isinstance(event, CallSeen)]

    @property
    def replies(self) -> list[ReplySeen]:
        return [event for event in self.events if isinstance(event, ReplySeen)]

    @property
    def troubles(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Trouble)]

    @property
    def differences(self) -> list[Difference]:
        return [each for message in self.messages for each in message.findings.differences]

    @property
    def faults(self) -> list[str]:
        return [each for message in self.messages for each in message.findings.faults]

    @property
    def notes(self) -> list[str]:
        return [each for message in self.messages for each in message.findings.notes]

    def checks(self, *, state: State | None = None) -> list[Check]:
        checks = (check for message in self.messages for check in message.findings.checks)
        return [check for check in checks if state in (None, check.state)]

    def counts(self) -> Counter[str]:
        """How often each kind of check came out how."""
        return Counter(f"{check.what} {check.state}" for check in self.checks())


def read(frames: Iterable[Frame], keytab: Sequence[KeytabEntry] = (), programs: Programs | None = None) -> Reading:
    reading = Reading(Timeline(keytab, programs))
    for frame in frames:
        reading.events += reading.timeline.receive(frame)
    reading.events += reading.timeline.finish()
    for event in reading.events:
        reading.summary.add(event)
        to_json(event)
    return reading


def read_file(path: Path, keytab: Path | None = None, programs: Programs | None = None) -> Reading:
    with path.open("rb") as file:
        return read(read_frames(file), read_keytab(keytab.read_bytes()) if keytab else (), programs)


@dataclass
class Wire:
    """A TCP connection that is captured: each record becomes segments, in the order in which they are sent."""

    port: int = 40000
    host: bytes = bytes((10, 0, 0, 1))
    segment: int = 1448
    packets: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = {True: 1000, False: 2**32 - 2000}  # one of them passes zero

    def begin(self) -> None:
        """SYN, SYN and ACK, ACK."""
        for up, flags in ((True, dpkt.tcp.TH_SYN), (False, dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)):
            self._packet(up, flags, b"")
            self._next[up] += 1
        self._packet(True, dpkt.tcp.TH_ACK, b"")

    def end(self) -> None:
        for up in (True, False):
            self._packet(up, dpkt.tcp.TH_FIN | dpkt.tcp.TH_ACK, b"")
            self._next[up] += 1

    def send(self, up: bool, record: bytes, *, fragment: int | None = None) -> None:
        self.send_octets(up, encode_record(record, fragment=fragment))

    def send_octets(self, up: bool, octets: bytes) -> None:
        for start in range(0, len(octets), self.segment):
            piece = octets[start : start + self.segment]
            self._packet(up, dpkt.tcp.TH_ACK | dpkt.tcp.TH_PUSH, piece)
            self._next[up] = (self._next[up] + len(piece)) % 2**32

    def _packet(self, up: bool, flags: int, data: bytes) -> None:
        ports = (self.port, 2049) if up else (2049, self.port)
        acknowledged = self._next[not up] if flags & dpkt.tcp.TH_ACK else 0
        tcp = dpkt.tcp.TCP(sport=ports[0], dport=ports[1], seq=self._next[up], ack=acknowledged, flags=flags, data=data)
        ends = (self.host, SERVER) if up else (SERVER, self.host)
        self.packets.append(ip_packet(tcp, dpkt.ip.IP_PROTO_TCP, *ends))


def ip_packet(payload: Any, protocol: int, source: bytes, destination: bytes) -> bytes:  # noqa: ANN401  # dpkt's
    ip = dpkt.ip.IP(src=source, dst=destination, p=protocol, data=payload)
    ip.len = len(ip)
    return bytes(ip)


def frames(packets: Iterable[bytes], link: int = RAW) -> list[Frame]:
    return [Frame(1_700_000_000 + number / 1000, link, packet) for number, packet in enumerate(packets)]


def pcap(packets: Iterable[bytes], link: int = RAW) -> bytes:
    """A file as dpkt writes it."""
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=link)
    for number, packet in enumerate(packets):
        writer.writepkt(packet, ts=1_700_000_000 + number / 1000)
    return file.getvalue()

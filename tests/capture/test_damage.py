"""Captures as they should not be: lost, doubled, shuffled, cut, hostile. Findings, never an exception but the one."""

import contextlib
import gzip
import io
import random
import tracemalloc
from functools import cache
from pathlib import Path

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.capture.container import MAX_FRAME, Frame, read_frames
from rpcgss.capture.errors import CaptureError
from rpcgss.capture.kerberos import Session
from rpcgss.capture.keytab import Key, KeytabEntry, read_keytab
from rpcgss.capture.layers import Datagram, Layers
from rpcgss.capture.tcp import MAX_CONNECTIONS
from rpcgss.capture.tokens import read_ap_rep_untrusted, read_ap_req_untrusted, read_token_untrusted
from rpcgss.gss.bodies import Credential, encode_credential
from rpcgss.gss.gss_xdr import GSS_S_CONTINUE_NEEDED, RPCSEC_GSS_INIT, rpc_gss_init_arg, rpc_gss_init_res
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header, encode_success
from rpcgss.rpc.rpc_xdr import opaque_auth
from tests.capture.reading import RAW, SERVER, Reading, Wire, frames, ip_packet, pcap, read

NFS, VERSION, LOOKUP = 100003, 3, 3
CLIENT = bytes((10, 0, 0, 1))


def call(xid: int, size: int = 100) -> bytes:
    header = encode_call_header(CallHeader(xid, NFS, VERSION, LOOKUP), NULL_AUTH) + encode_auth(NULL_AUTH)
    return header + bytes([xid % 251]) * (size // 4 * 4)


def reply(xid: int, size: int = 100) -> bytes:
    return encode_success(xid, NULL_AUTH) + bytes([xid % 251]) * (size // 4 * 4)


@cache
def conversation(calls: int, *, begin: bool = True, size: int = 1000) -> list[bytes]:
    wire = Wire(segment=400)
    if begin:
        wire.begin()
    for xid in range(1, calls + 1):
        wire.send(True, call(xid, size), fragment=600)
        wire.send(False, reply(xid, size // 2))
    return wire.packets


def complete(reading: Reading, calls: int) -> None:
    assert [each.xid for each in reading.calls] == list(range(1, calls + 1))
    assert [each.call for each in reading.replies] == [each.number for each in reading.calls]
    assert not reading.troubles
    assert reading.summary.is_clean


def test_whole() -> None:
    complete(read(frames(conversation(20))), 20)


def test_in_the_middle() -> None:
    complete(read(frames(conversation(20, begin=False))), 20)


@given(st.randoms(use_true_random=False), st.integers(2, 20))
def test_shuffled_and_doubled(chance: random.Random, reach: int) -> None:
    """Packets out of order, within reach, and some of them again: nothing is lost, each reply after its call."""
    begin, rest = conversation(12)[:3], conversation(12)[3:]
    packets = [each for each in rest for _ in range(chance.choice((1, 1, 2)))]
    order = sorted(range(len(packets)), key=lambda number: number + chance.random() * reach)
    complete(read(frames([*begin, *(packets[number] for number in order)])), 12)


@given(st.randoms(use_true_random=False))
def test_other_segments_sent_again(chance: random.Random) -> None:
    """A stream whose octets come again, cut elsewhere."""
    wire, again = Wire(segment=300), Wire(segment=170)
    for each in (wire, again):
        each.begin()
        for xid in range(1, 9):
            each.send(True, call(xid))
    begin, rest = wire.packets[:3], wire.packets[3:]
    repeated = [packet for packet in again.packets[3:] if chance.random() < 0.6]
    mixed = sorted(
        ((chance.random() + number / 3, each) for list_ in (rest, repeated) for number, each in enumerate(list_))
    )
    reading = read(frames([*begin, *(each for _, each in mixed)]))
    assert [each.xid for each in reading.calls] == list(range(1, 9))


@given(st.sets(st.integers(3, 60), min_size=1, max_size=4))
def test_lost(lost: set[int]) -> None:
    """What remains is found, what is missing is said."""
    packets = conversation(30)
    reading = read(frames(each for number, each in enumerate(packets) if number not in lost))
    assert any("missing in the capture" in text for text in reading.troubles)
    assert 60 - 2 * 3 * len(lost) <= len(reading.messages) < 60
    assert not reading.differences
    last = [each.xid for each in reading.calls][-5:]
    assert last == list(range(26, 31))


def test_only_one_direction() -> None:
    packets = [each for each in conversation(40) if each[12:16] == CLIENT]
    reading = read(frames(packets))
    assert len(reading.calls) == 40
    assert reading.summary.unanswered == 40


def test_connections_without_end() -> None:
    """Each leaves half a record behind: what is kept is limited, and the latest are still understood."""
    made: list[bytes] = []
    for number in range(MAX_CONNECTIONS + 50):
        wire = Wire(port=1024 + number, packets=made)
        wire.begin()
        wire.send_octets(True, (b"\x80\0\1\0" + call(number))[:100])
    reading = read(frames(made))
    assert not reading.messages
    assert len(reading.troubles) == MAX_CONNECTIONS + 50


def test_not_rpc() -> None:
    wire = Wire()
    wire.begin()
    wire.send_octets(True, b"GET / HTTP/1.1\r\n\r\n" * 100)
    wire.send_octets(False, random.Random(3).randbytes(100_000))
    assert not read(frames(wire.packets)).events


def test_a_record_that_is_no_message() -> None:
    wire = Wire()
    wire.begin()
    wire.send(True, call(1))
    wire.send(True, b"rubbish!" * 10)
    wire.send(True, call(2))
    reading = read(frames(wire.packets))
    assert [each.xid for each in reading.calls] == [1, 2]
    assert [text[:46] for text in reading.troubles] == [
        "a record of 80 octets that is no message: a re"
    ] or reading.troubles


def udp(data: bytes, ports: tuple[int, int]) -> bytes:
    packet = dpkt.udp.UDP(sport=ports[0], dport=ports[1], data=data)
    packet.ulen = len(packet)
    ends = (CLIENT, SERVER) if ports[1] == 111 else (SERVER, CLIENT)
    return ip_packet(packet, dpkt.ip.IP_PROTO_UDP, *ends)


def fragmented(packet: bytes, size: int) -> list[bytes]:
    whole = dpkt.ip.IP(packet)
    payload, pieces = packet[20:], []
    for start in range(0, len(payload), size):
        more = start + size < len(payload)
        header = bytearray(packet[:20])
        header[2:4] = (20 + len(payload[start : start + size])).to_bytes(2)
        header[4:6] = whole.id.to_bytes(2)
        header[6:8] = ((0x2000 if more else 0) | start // 8).to_bytes(2)
        pieces.append(bytes(header) + payload[start : start + size])
    return pieces


@pytest.mark.parametrize("order", [1, -1])
def test_datagrams_in_fragments(order: int) -> None:
    packets = [*fragmented(udp(call(7, 4000), (800, 111)), 1480)[::order], udp(reply(7), (111, 800))]
    reading = read(frames(packets))
    assert [(each.xid, each.passage.connection) for each in reading.messages] == [(7, None)] * 2
    assert reading.replies[0].call == 1


def fragment(offset: int, data: bytes, *, more: bool = True, length: bool = True) -> bytes:
    packet = bytearray(ip_packet(dpkt.udp.UDP(), dpkt.ip.IP_PROTO_UDP, CLIENT, SERVER)[:20])
    packet[2:4] = (20 + len(data) if length else 0).to_bytes(2)
    packet[6:8] = ((0x2000 if more else 0) | offset // 8).to_bytes(2)
    return bytes(packet) + data


def test_fragments_that_claim_no_length_take_no_memory() -> None:
    """Length 0 means the whole frame; no datagram has so many octets."""
    made = [fragment(8 * number, bytes(500_000), length=False) for number in range(30)]
    tracemalloc.start()
    assert not read(frames(made)).events
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_fragments_that_overlap_and_leave_a_gap() -> None:
    """They are put together once. What comes of the same datagram later begins anew."""
    whole = udp(call(7, 4000), (800, 111))[20:]
    middle = [fragment(at, whole[at : at + 1600]) for at in (8, 16, 24)]
    last = fragment(3200, whole[3200:], more=False)
    layers = Layers()
    assert [layers.open_untrusted(each) for each in frames([last, *middle])] == [None] * 4
    again = [fragment(0, whole[:1600]), fragment(1600, whole[1600:3200]), last]
    found = [layers.open_untrusted(each) for each in frames(again)]
    assert found[:2] == [None, None]
    assert isinstance(found[2], Datagram)
    assert found[2].data == whole[8:]


LINKS = {
    "raw": (101, b""),
    "ethernet": (1, bytes(12) + b"\x08\x00"),
    "vlan": (1, bytes(12) + b"\x81\x00\x00\x05\x88\xa8\x00\x06\x08\x00"),
    "cooked": (113, bytes(14) + b"\x08\x00"),
    "cooked 2": (276, b"\x08\x00" + bytes(18)),
    "loopback": (0, b"\x02\0\0\0"),
    "openbsd loopback": (108, b"\0\0\0\x02"),
}


@pytest.mark.parametrize("name", LINKS)
def test_links(name: str) -> None:
    link, header = LINKS[name]
    complete(read(frames([header + each for each in conversation(3)], link)), 3)


def test_ipv6() -> None:
    """With an extension header before TCP."""
    packets = []
    for each in conversation(3):
        ends = [bytes(12) + each[at : at + 4] for at in (12, 16)]
        payload = b"\x06\0" + bytes(6) + each[20:]
        packets.append(b"\x60\0\0\0" + len(payload).to_bytes(2) + b"\0\x40" + b"".join(ends) + payload)
    complete(read(frames(packets)), 3)


@pytest.mark.parametrize(("headers", "found"), [(15, True), (16, False)])
def test_headers_behind_headers(headers: int, found: bool) -> None:
    payload = (bytes(8) * (headers - 1) + b"\x11" + bytes(7)) + udp(call(7), (800, 111))[20:]
    packet = b"\x60\0\0\0" + len(payload).to_bytes(2) + b"\0\x40" + bytes(15) + b"\1" + bytes(15) + b"\2" + payload
    assert bool(read(frames([packet])).calls) is found


def test_a_strange_link_is_told() -> None:
    assert read(frames([b"abc"], 9999)).timeline.strange_links == {9999}


def pcapng(packets: list[bytes]) -> bytes:
    file = io.BytesIO()
    writer = dpkt.pcapng.Writer(file, linktype=RAW)
    for number, packet in enumerate(packets):
        writer.writepkt(packet, ts=1_700_000_000 + number / 1000)
    return file.getvalue()


def block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = (12 + len(body)).to_bytes(4, "big")
    return kind.to_bytes(4, "big") + length + body + length


def test_a_pipe() -> None:
    """What cannot seek, and gives a few octets at a time; it is left open."""

    class Pipe(io.BytesIO):
        def seek(self, *_: object) -> int:
            raise OSError("not of a pipe")

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            return super().readinto(memoryview(buffer)[:100])

    packets = conversation(5)
    for octets in (pcap(packets), pcapng(packets), gzip.compress(pcap(packets))):
        pipe = Pipe(octets)
        assert [frame.octets for frame in read_frames(pipe)] == packets
        assert not pipe.closed


def test_containers() -> None:
    """As dpkt writes them, compressed too; and what dpkt cannot: two interfaces of different kinds, big-endian."""
    packets = conversation(5)
    for octets in (pcap(packets), pcapng(packets), gzip.compress(pcap(packets)), gzip.compress(pcapng(packets))):
        read_back = list(read_frames(io.BytesIO(octets)))
        assert [frame.octets for frame in read_back] == packets
        assert abs(read_back[1].time - read_back[0].time - 0.001) < 1e-5
    section = block(0x0A0D0D0A, b"\x1a\x2b\x3c\x4d\0\1\0\0" + b"\xff" * 8)
    option = (9).to_bytes(2, "big") + (1).to_bytes(2, "big") + b"\x09\0\0\0" + bytes(4)
    interfaces = block(1, b"\0\1\0\0" + bytes(4)) + block(1, b"\0\x65\0\0" + bytes(4) + option)
    time = 1_700_000_000_000_000_000
    blocks = b"".join(
        block(6, b"".join(each.to_bytes(4, "big") for each in (1, time >> 32, time & 0xFFFFFFFF, len(p), len(p))) + p)
        for p in packets
    )
    read_back = list(read_frames(io.BytesIO(section + interfaces + block(0xBAD, b"?") + blocks)))
    assert [(frame.link, frame.octets, frame.time) for frame in read_back] == [(RAW, p, 1.7e9) for p in packets]


@pytest.mark.parametrize("write", [pcap, pcapng, lambda packets: gzip.compress(pcap(packets))])
def test_every_truncation_of_a_file(write: object) -> None:
    """All whole packets, then one clear error."""
    octets = write(conversation(1, size=100))  # type: ignore[operator]
    whole = len(list(read_frames(io.BytesIO(octets))))
    failed = 0
    for end in range(len(octets)):
        got, error = all_of(octets[:end])
        assert len(got) < whole or error is None or octets[:2] == b"\x1f\x8b"
        assert error is None or any(word in error for word in ("cut short", "no capture", "cannot be read"))
        failed += error is not None
    assert failed > len(octets) - 3 * whole - 3


def all_of(octets: bytes) -> tuple[list[Frame], str | None]:
    """The frames of a file, and how it ends."""
    got: list[Frame] = []
    try:
        for frame in read_frames(io.BytesIO(octets)):
            got.append(frame)
    except CaptureError as error:
        return got, str(error)
    return got, None


def test_a_length_that_lies() -> None:
    octets = bytearray(pcap(conversation(1)))
    octets[32:36] = (MAX_FRAME + 1).to_bytes(4, "little")
    with pytest.raises(CaptureError, match=r"packet 1 at octet 40 claims 1048577 octets"):
        list(read_frames(io.BytesIO(bytes(octets))))


@given(st.binary(max_size=400), st.sampled_from([b"", pcap([]), pcapng([]), b"\x1f\x8b"]))
def test_hostile_files(octets: bytes, beginning: bytes) -> None:
    with contextlib.suppress(CaptureError):
        read(read_frames(io.BytesIO(beginning + octets)))


@given(st.lists(st.tuples(st.sampled_from([0, 1, 101, 113, 276]), st.binary(max_size=120)), max_size=20))
def test_hostile_frames(made: list[tuple[int, bytes]]) -> None:
    read(Frame(0.0, link, octets) for link, octets in made)


@given(st.randoms(use_true_random=False))
def test_flipped_anywhere(chance: random.Random) -> None:
    """Headers of IP and TCP too."""
    packets = [bytearray(each) for each in conversation(6)]
    for _ in range(8):
        packet = chance.choice(packets)
        packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
    read(frames(map(bytes, packets)))


def test_hostile_kernels(captures: Path) -> None:
    """Real exchanges with octets flipped in them, tokens and tickets included, and the keys at hand."""
    keys = read_keytab((captures / "kernel" / "lab.keytab").read_bytes())
    chance = random.Random(7)
    for name in ("v3-krb5i.pcap", "v3-krb5p-aes128sha256.pcap"):
        with (captures / "kernel" / name).open("rb") as file:
            whole = list(read_frames(file))
        for _ in range(8):
            reading = read(map(damaged, whole, [chance] * len(whole)), keys)
            assert not reading.summary.is_clean


def damaged(frame: Frame, chance: random.Random) -> Frame:
    if chance.random() > 0.1 or len(frame.octets) < 80:
        return frame
    octets = bytearray(frame.octets)
    octets[chance.randrange(66, len(octets))] ^= 1 << chance.randrange(8)
    return Frame(frame.time, frame.link, bytes(octets))


def der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    octets = len(content).to_bytes(4)
    return bytes((tag, 0x84)) + octets + content


def ap_req(*, etype: int = 18, kvno: int = 1, name: bytes = b"nfs") -> bytes:
    def number(value: int) -> bytes:
        return der(2, value.to_bytes(value.bit_length() // 8 + 1, signed=True))

    sealed = der(0x30, der(0xA0, number(etype)), der(0xA1, number(kvno)), der(0xA2, der(4, bytes(64))))
    names = der(0x30, der(0xA0, number(2)), der(0xA1, der(0x30, der(0x1B, name))))
    ticket = der(0x61, der(0x30, der(0xA0, number(5)), der(0xA1, der(0x1B, b"R")), der(0xA2, names), der(0xA3, sealed)))
    fields = (number(5), number(14), der(3, bytes(5)), ticket, sealed)
    return der(0x6E, der(0x30, *(der(0xA0 + place, field) for place, field in enumerate(fields))))


HUGE = 10**5000
KEY = KeytabEntry("nfs@R", 1, Key(18, bytes(32)))


def test_a_ticket_that_no_key_opens() -> None:
    session = Session()
    session.ap_req_untrusted(ap_req(), [KEY])
    assert session.service == "nfs@R"
    assert session.locked.startswith("no key in the keytab opens a ticket for nfs@R (aes256-cts")


@pytest.mark.parametrize("options", [{"etype": HUGE}, {"kvno": HUGE}, {"etype": -HUGE}, {"name": b"x" * 1024}])
def test_numbers_and_names_that_cannot_be_shown(options: dict[str, int]) -> None:
    """Python makes no decimals of a number with so many."""
    with pytest.raises(CaptureError, match="does not parse"):
        Session().ap_req_untrusted(ap_req(**options), [KEY])  # type: ignore[arg-type]


def test_a_handle_that_fits_into_no_credential() -> None:
    """It is not kept: a capture may have one of 4 MiB in each of thousands of replies."""
    wire = Wire()
    wire.begin()
    for xid, octets in ((1, 380), (2, 381)):
        credential = opaque_auth(6, encode_credential(Credential(RPCSEC_GSS_INIT, 0, 1, b"")))
        header = encode_call_header(CallHeader(xid, NFS, VERSION, 0), credential) + encode_auth(NULL_AUTH)
        wire.send(True, header + rpc_gss_init_arg(b"").to_bytes())
        results = rpc_gss_init_res(bytes(octets), GSS_S_CONTINUE_NEEDED, 0, 1, b"")
        wire.send(False, encode_success(xid, NULL_AUTH) + results.to_bytes())
    first, second = read(frames(wire.packets)).replies
    assert not first.findings.faults
    assert second.findings.faults == ["creation results: a handle of 381 octets, which fits into no credential"]


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\x60\x82\1\0\6\x09\x2a\x86\x48\x86\xf7\x12\1\2\2\1\0", b"\xa1"])
)
def test_hostile_tokens(octets: bytes, beginning: bytes) -> None:
    for parse in (read_token_untrusted, read_ap_req_untrusted, read_ap_rep_untrusted):
        try:
            parse(beginning + octets)
        except CaptureError:
            continue


@given(st.binary(max_size=100))
def test_hostile_keytabs(octets: bytes) -> None:
    for beginning in (b"", b"\5\1", b"\5\2"):
        try:
            assert all(isinstance(each, KeytabEntry) for each in read_keytab(beginning + octets))
        except CaptureError:
            continue


def test_keys_are_never_shown(captures: Path) -> None:
    for entry in read_keytab((captures / "kernel" / "lab.keytab").read_bytes()):
        assert repr(entry.key.octets) not in repr(entry)
        assert entry.key.octets.hex() not in repr(entry)

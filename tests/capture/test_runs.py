"""Captures that nobody has seen before: of our own client and server, in realms with all kinds of keys."""

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from examples.realm import AES256, Realm
from rpcgss.capture.container import read_frames
from rpcgss.capture.events import State
from rpcgss.capture.keytab import read_keytab
from rpcgss.capture.programs import Programs
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import KRB5, SPNEGO, GssService
from rpcgss.reauth.client import TicketClient
from tests.capture.reading import Reading, pcap, read
from tests.capture.runs import record
from tests.rpc.program import ECHO

ENCTYPES = ("aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha256-128", "camellia256-cts-cmac")


@pytest.fixture(scope="module", params=[AES256, *ENCTYPES])
def keyed_realm(request: pytest.FixtureRequest, realm: Realm) -> Iterator[Realm]:
    """A realm all of whose keys are of one type; tests put it into the environment."""
    if request.param == AES256:
        yield realm
        return
    with Realm("KEYED.TEST", enctypes=[request.param]) as other:
        other.add_principal("alice")
        other.kinit("alice")
        yield other


def look(packets: list[bytes], keytab: Path | None, programs: Programs | None = None) -> Reading:
    keys = read_keytab(keytab.read_bytes()) if keytab else ()
    return read(read_frames(io.BytesIO(pcap(packets))), keys, programs)


def all_right(reading: Reading) -> None:
    assert not reading.differences
    assert not reading.faults
    assert not reading.troubles
    assert {check.state for check in reading.checks()} == {State.RIGHT}


@pytest.mark.parametrize("mechanism", [KRB5, SPNEGO], ids=["krb5", "spnego"])
@pytest.mark.parametrize("service", GssService, ids=["krb5", "krb5i", "krb5p"])
async def test_every_message_is_right(keyed_realm: Realm, service: GssService, mechanism: str) -> None:
    flavor = GssFlavor("nfs@localhost", service=service, mechanism=mechanism)
    with keyed_realm.environment():
        packets = await record(keyed_realm, flavor, every=5)
    reading = look(packets, keyed_realm.service_keytab, Programs([ECHO]))
    all_right(reading)
    counters, gss = flavor.counters, reading.timeline.gss
    assert gss.made_by_exchange == counters.by_exchange > 2
    assert gss.lost == counters.lost > 1
    contents = [each.contents.plain for each in reading.messages if each.contents]
    assert contents.count("00") == 2
    data = [call for call in reading.calls if call.gss and call.gss.gss_proc == "DATA"]
    assert {call.gss.principal for call in data if call.gss} == {keyed_realm.principal("alice")}
    bodies = reading.counts()["body right"]
    assert bodies == 0 if service is GssService.NONE else bodies >= len(data) + 16
    assert any("of " + keyed_realm.principal("alice") in note for note in reading.notes)


async def test_without_keys_nothing_is_opened(realm: Realm) -> None:
    packets = await record(realm, GssFlavor("nfs@localhost", service=GssService.PRIVACY))
    reading = look(packets, None, Programs([ECHO]))
    assert {check.state for check in reading.checks()} == {State.UNCHECKED}
    assert not any(each.contents for each in reading.messages)
    assert not reading.differences


@pytest.mark.parametrize("share", [False, True], ids=["plain", "forward-secret"])
@pytest.mark.parametrize("service", GssService, ids=["krb5", "krb5i", "krb5p"])
async def test_recoveries_by_ticket(realm: Realm, service: GssService, share: bool) -> None:
    """From the keytab along the whole chain of tickets; a key share ends it, and is meant to."""
    flavor = GssFlavor("nfs@localhost", service=service, extension=TicketClient(share=share))
    packets = await record(realm, flavor, every=4, tickets=True)
    reading = look(packets, realm.service_keytab)
    gss, counts = reading.timeline.gss, reading.counts()
    assert gss.made_by_ticket == flavor.counters.by_ticket > 2
    assert not reading.differences
    assert not reading.checks(state=State.WRONG)
    assert counts["grant mac right"] == 1
    assert "offers to take a ticket" in reading.notes
    assert sum(note.startswith("recovers from the loss of") for note in reading.notes) == gss.lost
    if share:
        assert counts["authenticator right"] == 1
        assert counts["confirmation unchecked"] == gss.made_by_ticket
    else:
        all_right(reading)
        assert counts["authenticator right"] == counts["confirmation right"] == gss.made_by_ticket


@pytest.mark.parametrize("version", [2, 3])
async def test_later_versions_are_named_and_not_judged(realm: Realm, version: int) -> None:
    packets = await record(realm, GssFlavor("nfs@localhost", service=GssService.INTEGRITY, version=version))
    reading = look(packets, realm.service_keytab, Programs([ECHO]))
    assert reading.summary.is_clean
    assert {(call.gss.version, call.gss.service) for call in reading.calls if call.gss} >= {(version, "integrity")}
    assert {check.state for check in reading.checks()} == {State.UNCHECKED}
    assert len(reading.replies) == len(reading.calls) - reading.summary.unanswered
    assert not any(each.contents for each in reading.messages)


async def test_flipped_octets_are_found(realm: Realm) -> None:
    """In any part of any message that is protected: something is wrong, missing, or of a context that is not there."""
    packets = await record(realm, GssFlavor("nfs@localhost", service=GssService.PRIVACY), sizes=(100,) * 3)
    carrying = [number for number, packet in enumerate(packets) if len(packet) > 40]
    for number in carrying[2:]:  # behind the establishment, whose tokens not everything covers
        for at in range(44, len(packets[number]), 7):
            damaged = bytearray(packets[number])
            damaged[at] ^= 0x10
            reading = look([*packets[:number], bytes(damaged), *packets[number + 1 :]], realm.service_keytab)
            summary = reading.summary
            lonely = summary.unanswered or summary.unmatched  # a reply to nobody, or from nobody
            assert not summary.is_clean or lonely or reading.checks(state=State.UNCHECKED), (number, at)


async def test_a_wrong_mic_is_called_that(realm: Realm) -> None:
    packets = await record(realm, GssFlavor("nfs@localhost", service=GssService.INTEGRITY), sizes=(100,) * 3)
    number = max(range(len(packets)), key=lambda each: len(packets[each]) if b"\2" * 100 in packets[each] else 0)
    at = packets[number].index(b"\2" * 100)
    packets[number] = packets[number][:at] + b"\3" + packets[number][at + 1 :]
    (check,) = look(packets, realm.service_keytab).checks(state=State.WRONG)
    assert (check.what, check.why) == ("body", "MIC wrong")


async def test_sequence_numbers_count_up(realm: Realm) -> None:
    packets = await record(realm, GssFlavor("nfs@localhost", service=GssService.NONE))
    reading = look(packets, realm.service_keytab)
    numbers = [call.gss.seq_num for call in reading.calls if call.gss and call.gss.gss_proc == "DATA"]
    assert all(after > before for before, after in pairwise(numbers))

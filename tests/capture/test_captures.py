"""Captures of other people's clients and servers: every message understood, made again and verified."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rpcgss.capture.container import read_frames
from rpcgss.capture.events import State
from rpcgss.capture.keytab import Key, read_keytab
from rpcgss.capture.programs import Programs
from tests.capture.reading import Reading, read, read_file

NFS = Path(__file__).parent.parent.parent / "examples" / "nfs"
NFS_4 = "kofemann__pynfs/nfs4.1/xdrdef/nfs4.x"
# Whoever made these left old octets in the padding of AUTH_SYS credentials.
ILL_FORMED = {
    "tests__nfs3-01__input.pcap": 2,
    "tests__nfs3-procedure__input.pcap": 2,
}
# On one connection the server's rpc.gssd sends, behind its call, 104 octets that are no RPC.
STRAY = {"v4.0-krb5p.pcap": 104}


@pytest.fixture(scope="module")
def manifest(captures: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((captures / "kernel" / "manifest.json").read_text())
    return made


def kernel(captures: Path) -> list[Path]:
    return sorted((captures / "kernel").glob("*.pcap"))


def clean(reading: Reading, path: Path) -> None:
    """Nothing is different, ill-formed, wrong or missing, but for what is strange in the capture itself."""
    stray = STRAY.get(path.name)
    assert [text.partition(" octets passed over")[0] for text in reading.troubles] == ([str(stray)] if stray else [])
    assert not reading.differences, path.name
    assert not reading.faults, path.name
    assert not reading.checks(state=State.WRONG), path.name


def test_kernel(captures: Path, manifest: dict[str, Any]) -> None:
    """What was counted by other means when it was recorded is what is found, and all of it is right."""
    assert len(kernel(captures)) >= 22
    for path in kernel(captures):
        told = manifest[path.name]
        reading = read_file(path, captures / "kernel" / "lab.keytab")
        assert len(reading.calls) == sum(told["calls"].values()), path.name
        assert len(reading.replies) == sum(told["replies"].values()), path.name
        clean(reading, path)
        assert reading.summary.unanswered == reading.summary.unmatched == 0
        _verified(reading.counts(), told, path.name)
        refused = sum(count for outcome, count in told["replies"].items() if "PROBLEM" in outcome)
        assert reading.timeline.gss.lost == refused == reading.summary.refusals.total(), path.name


def _verified(counts: dict[str, int], told: dict[str, Any], name: str) -> None:
    """Each header, window, reply and body that is signed or wrapped, and nothing else than right."""
    procs = [(call.split()[-1], count) for call, count in told["calls"].items()]
    inits = sum(count for call, count in procs if call.startswith("INIT/"))
    others = sum(count for call, count in procs if call.startswith(("DATA/", "DESTROY/")))
    lost = sum(count for outcome, count in told["replies"].items() if "PROBLEM" in outcome)
    assert counts["window MIC right"] == inits, name
    assert counts["header MIC right"] == others, name
    assert counts["reply verifier right"] == others - lost, name
    assert all(check.endswith(f" {State.RIGHT}") for check in counts), name
    protected = [call for call, _ in procs if call.startswith("DATA/") and not call.endswith("/none")]
    assert (counts["body right"] > 0) is bool(protected), name


def test_kernel_contents(captures: Path, corpus: Path) -> None:
    """Arguments and results of NFSv3, NFSv4 and MOUNT are of their types, whatever protects them."""
    programs = Programs.load([NFS / "nfs3.x", NFS / "mount3.x", corpus / NFS_4])
    for path in kernel(captures):
        reading = read_file(path, captures / "kernel" / "lab.keytab", programs)
        clean(reading, path)
        words = [word for message in reading.messages if message.contents for word in message.contents.words]
        assert "'root.txt'" in words or "'hello.txt'" in words or path.name.startswith("ganesha"), path.name
        known = [message for message in reading.messages if message.name.startswith(("NFSv", "MOUNTv"))]
        assert sum(message.contents is not None for message in known) > len(known) * 0.8, path.name


def test_kernel_without_the_keytab(captures: Path) -> None:
    """Without keys nothing is right or wrong but what is in the clear; the parts are the same."""
    for path in kernel(captures):
        reading = read_file(path)
        clean(reading, path)
        unchecked = reading.checks(state=State.UNCHECKED)
        assert {check.why for check in unchecked} == {"no keytab was given"}, path.name
        assert {check.what for check in reading.checks(state=State.RIGHT)} <= {"sequence number in the body"}


def test_kernel_with_other_keys(captures: Path) -> None:
    """Keys of the same names that are not the same."""
    entries = read_keytab((captures / "kernel" / "lab.keytab").read_bytes())
    wrong = [replace(each, key=Key(each.key.enctype, bytes(o ^ 1 for o in each.key.octets))) for each in entries]
    with (captures / "kernel" / "v3-krb5p.pcap").open("rb") as file:
        reading = read(read_frames(file), wrong)
    assert not reading.checks(state=State.RIGHT)
    assert all("no key in the keytab opens a ticket for nfs/" in check.why for check in reading.checks())


def test_losses_and_recoveries(captures: Path) -> None:
    paths = sorted((captures / "kernel").glob("*-flush*.pcap"))
    assert len(paths) >= 4
    for path in paths:
        reading = read_file(path, captures / "kernel" / "lab.keytab")
        assert sum("is lost" in note for note in reading.notes) == 5, path.name
        assert sum(note.startswith("recovers from the loss of") for note in reading.notes) == 4, path.name
        assert sum(note.startswith("sends ") for note in reading.notes) == 4, path.name
        principals = {call.gss.principal.partition("@")[0] for call in reading.calls if call.gss}
        assert principals >= {"alice", "nfs/client.example.test"}, path.name


def test_public(captures: Path) -> None:
    """Captures without keys, with and without RPCSEC_GSS: all messages are made again octet by octet."""
    paths = sorted((captures / "public").rglob("*.pcap*"))
    assert len(paths) >= 19
    for path in paths:
        reading = read_file(path)
        assert reading.messages, path.name
        assert not reading.differences, path.name
        assert len(reading.faults) == ILL_FORMED.get(path.name, 0), path.name
        assert not reading.checks(state=State.WRONG), path.name


def test_a_capture_that_begins_in_the_middle(captures: Path) -> None:
    (path,) = (captures / "public").rglob("*dittofs-krb5-sample.pcap")
    reading = read_file(path)
    assert [call.gss.seq_num for call in reading.calls if call.gss] == list(range(17, 27))
    assert {check.why for check in reading.checks()} == {"the context's creation is not in the capture"}

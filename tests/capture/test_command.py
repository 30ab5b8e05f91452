"""``rpcgss capture``, as its users see it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rpcgss.capture.keytab import read_keytab
from rpcgss.capture.programs import Programs
from rpcgss.cli import main
from tests.capture.reading import pcap
from tests.capture.test_damage import conversation

NFS = Path(__file__).parent.parent.parent / "examples" / "nfs"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["capture", *map(str, arguments)])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.output.splitlines() if line.startswith("{")]


@pytest.fixture
def kernel(captures: Path) -> Path:
    return captures / "kernel"


def test_for_people(kernel: Path) -> None:
    result = run(kernel / "v3-krb5p-flush.pcap", "--keytab", kernel / "lab.keytab", "--xdr", NFS / "nfs3.x")
    assert result.exit_code == 0
    for said in (
        "NFSv3 MKDIR",
        "DATA privacy seq 10 context 17000000 nfs/client.example.test@EXAMPLE.TEST 'w-v3-krb5p-flush' ✓✓",
        "RPCSEC_GSS_CREDPROBLEM",
        "context 17000000 is lost",
        "recovers from the loss of 17000000 by a full exchange",
        "164 calls, 164 replies, 0 unanswered",
        "Verified: 577 right, 0 wrong, 0 unchecked",
    ):
        assert said in result.output


def test_for_machines(kernel: Path) -> None:
    """The fields that docs/capture.md promises."""
    result = run(kernel / "v3-krb5i.pcap", "-k", kernel / "lab.keytab", "--xdr", NFS / "nfs3.x", "--json")
    *events, summary = lines(result)
    assert result.exit_code == 0
    call = next(each for each in events if each.get("name") == "NFSv3 LOOKUP" and each["event"] == "call")
    reply = next(each for each in events if each["event"] == "reply" and each["call"] == call["number"])
    assert call["gss"].keys() == {"version", "gss_proc", "seq_num", "service", "handle", "principal"}
    assert call["arguments"]["what"]["name"] == "root.txt"
    assert call["words"] == ["'root.txt'"]
    assert call["checks"] == [{"what": what, "state": "right"} for what in ("header MIC", "body")]
    assert reply["status"] == "SUCCESS"
    assert reply["xid"] == call["xid"]
    assert 0 < reply["latency"] < 1
    assert summary["event"] == "summary"
    assert summary["calls"] == summary["replies"] == 82
    assert summary["checks"] == {"right": 268 + 2, "wrong": 0, "unchecked": 0}


def test_no_key_is_ever_printed(kernel: Path) -> None:
    keytab = kernel / "lab.keytab"
    output = run(kernel / "v3-krb5p.pcap", "-k", keytab, "--json").output
    assert not any(entry.key.octets.hex() in output for entry in read_keytab(keytab.read_bytes()))


def test_problems_alone(kernel: Path) -> None:
    events = lines(run(kernel / "v3-krb5-flush.pcap", "--json", "--problems"))
    assert [each["event"] for each in events] == ["reply"] * 5 + ["summary"]


def test_a_damaged_file(tmp_path: Path) -> None:
    """What is whole is shown, then one line and status 2."""
    path = tmp_path / "short.pcap"
    path.write_bytes(pcap(conversation(3))[:-7])
    result = run(path, "--json")
    assert result.exit_code == 2
    assert [each["event"] for each in lines(result)] == ["call", "reply", "call", "reply", "call", "trouble", "summary"]
    assert "short.pcap: the capture is cut short in packet" in result.output


def test_no_capture(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("hello")
    result = run(path)
    assert result.exit_code == 2
    assert "begins neither like pcap nor like pcapng" in result.output


@pytest.mark.parametrize("option", ["--keytab", "--xdr"])
def test_other_files_that_are_none(tmp_path: Path, option: str) -> None:
    path, other = tmp_path / "good.pcap", tmp_path / "other"
    path.write_bytes(pcap(conversation(1)))
    other.write_text("struct {")
    result = run(path, option, other)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert {"--keytab": "no keytab", "--xdr": f"{other}:1:"}[option] in result.output


def test_trouble_is_a_status(tmp_path: Path) -> None:
    packets = conversation(8)
    path = tmp_path / "lossy.pcap"
    path.write_bytes(pcap(packets[:9] + packets[10:]))
    result = run(path)
    assert result.exit_code == 1
    assert "missing in the capture" in result.output


def test_terminals_are_not_commanded() -> None:
    """Names are strangers' text."""
    programs = Programs.load([NFS / "nfs3.x"])
    name = b"\x1b]0;owned\x07\n"
    argument = (4).to_bytes(4) + b"\1\2\3\4" + len(name).to_bytes(4) + name + bytes(-len(name) % 4)
    contents = programs.decode_untrusted(100003, 3, 3, argument, results=False)
    assert contents is not None
    assert contents.words == (repr(name.decode()),)
    assert "\x1b" not in contents.words[0]

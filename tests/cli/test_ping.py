"""``rpcgss ping`` against servers of ours: what people type, and what they get."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import rpcgss
from examples.realm import Realm
from rpcgss import blocking
from rpcgss.cli import main
from rpcgss.cli.access import Place, PlaceType
from rpcgss.cli.programs import program_text
from rpcgss.rpc import Call
from tests.rpc.program import PROGRAM, VERSION, Program
from tests.tls.authority import Authority

WHO = (str(PROGRAM), str(VERSION))
NUMBERS = int | float


@pytest.fixture
def port() -> Iterator[int]:
    server = rpcgss.Server([Program()], [rpcgss.AcceptNone(), rpcgss.AcceptSys()])
    with blocking.serve_tcp(server, 0, "127.0.0.1") as serving:
        yield serving.port


def ping(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["ping", "--interval", "0", *map(str, arguments)])


def plain(*arguments: object, status: int = 0) -> dict[str, Any]:
    result = ping(*arguments, "--json")
    assert result.exit_code == status, result.output
    said: dict[str, Any] = json.loads(result.stdout)
    check(said)
    assert result.stderr == ("" if said["error"] is None else f"Error: {said['error']}\n")
    return said


def check(said: dict[str, Any]) -> None:
    """The form that docs/observing.md promises."""
    kinds: dict[str, object] = {
        "host": str,
        "port": int | None,
        "program": int,
        "program_name": str | None,
        "version": int,
        "transport": str,
        "security": str,
        "peer": str | None,
        "connect_seconds": float | None,
        "tls": dict | None,
        "context": dict | None,
        "calls": list,
        "answered": int,
        "min": float | None,
        "median": float | None,
        "max": float | None,
        "error": str | None,
    }
    assert list(said) == list(kinds)
    for name, kind in kinds.items():
        assert isinstance(said[name], kind), name  # type: ignore[arg-type]
    for call in said["calls"]:
        assert list(call) == ["seconds", "outcome", "error"]
        assert isinstance(call["seconds"], float)
        assert (call["outcome"] == "ok") == (call["error"] is None)
    if said["tls"] is not None:
        assert list(said["tls"]) == ["protocol", "cipher", "names"]
    if said["context"] is not None:
        assert list(said["context"]) == ["initiator", "acceptor", "mechanism", "seconds", "lifetime", "ticket"]
    assert said["answered"] == sum(call["error"] is None for call in said["calls"])


@pytest.mark.parametrize("sec", ["none", "sys"])
def test_json(port: int, sec: str) -> None:
    said = plain(f"127.0.0.1:{port}", *WHO, "--sec", sec, "--count", 3)
    assert (said["host"], said["port"], said["program"], said["version"]) == ("127.0.0.1", port, PROGRAM, VERSION)
    assert (said["security"], said["answered"], said["peer"]) == (sec, 3, f"127.0.0.1:{port}")
    assert 0 < said["min"] <= said["median"] <= said["max"]


def test_udp() -> None:
    server = rpcgss.Server([Program()], [rpcgss.AcceptNone()])
    with blocking.serve_udp(server, 0, "127.0.0.1") as serving:
        said = plain(f"127.0.0.1:{serving.port}", *WHO, "--udp", "--count", 2)
    assert (said["transport"], said["answered"]) == ("udp", 2)


def test_text(port: int) -> None:
    result = ping(f"localhost:{port}", *WHO, "--count", 2)
    assert result.exit_code == 0
    heading, first, second, summary = result.stdout.splitlines()
    assert heading.startswith(f"program {PROGRAM} version 3 at localhost:{port}: tcp, no TLS, none; connected in ")
    assert re.fullmatch(r"1: [\d.]+ ms", first)
    assert re.fullmatch(r"2: [\d.]+ ms", second)
    assert re.fullmatch(r"2 calls, 2 answered: min [\d.]+ ms, median [\d.]+ ms, max [\d.]+ ms", summary)


@pytest.mark.parametrize("sec", ["krb5", "krb5i", "krb5p"])
@pytest.mark.parametrize("tickets", [True, False])
def test_kerberos(realm: Realm, tmp_path: Path, sec: str, tickets: bool) -> None:
    program = Program()
    keyring = rpcgss.Keyring.create(tmp_path / "keyring")
    flavor = rpcgss.GssServerFlavor(
        rpcgss.GssapiAcceptor(["nfs@localhost"], realm.service_keytab),
        extension=rpcgss.TicketServer(keyring) if tickets else None,
    )
    with blocking.serve_tcp(rpcgss.Server([program], [flavor]), 0, "127.0.0.1") as serving:
        said = plain(f"localhost:{serving.port}", *WHO, "--sec", sec, "--count", 2)
        text = ping(f"localhost:{serving.port}", *WHO, "--sec", sec, "--count", 1).stdout
    context = said["context"]
    assert (context["initiator"], context["acceptor"]) == (realm.principal("alice"), realm.principal("nfs/localhost"))
    assert context["ticket"] is tickets
    assert context["lifetime"] > 0
    assert said["security"] == sec
    assert all(call["seconds"] < context["seconds"] + 5 for call in said["calls"])
    assert {call.identity.security for call in program.calls} == {sec}
    given = "it gave a ticket" if tickets else "it gave no ticket"
    assert re.search(rf"context of alice@.* with nfs/localhost@.*, made in [\d.]+ ms; {given}\n1: ", text)


def test_no_credentials(realm: Realm, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path / 'none'}")
    result = ping(f"localhost:{port}", *WHO, "--sec", "krb5")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "kinit" in result.stderr
    assert plain(f"localhost:{port}", *WHO, "--sec", "krb5", status=1)["calls"][0]["outcome"] == "AuthenticationFailed"


def test_tls(tmp_path: Path) -> None:
    authority = Authority.founded(tmp_path)
    server = rpcgss.Server([Program()], [rpcgss.AcceptNone()], tls=authority.server("localhost"))
    with blocking.serve_tcp(server, 0, "127.0.0.1") as serving:
        place = f"localhost:{serving.port}"
        said = plain(place, *WHO, "--tls", "required", "--ca", authority.ca_file)
        assert said["tls"]["protocol"] == "TLSv1.3"
        assert said["tls"]["names"] == ["DNS:localhost"]
        strangers = plain(place, *WHO, "--tls", "required", status=1)
        assert "certificate" in strangers["error"]
        assert (strangers["calls"], strangers["connect_seconds"], strangers["peer"]) == ([], None, None)


def test_a_server_without_tls(port: int) -> None:
    place = f"localhost:{port}"
    assert "does not offer TLS" in plain(place, *WHO, "--tls", "required", status=1)["error"]
    assert plain(place, *WHO, "--tls", "opportunistic")["tls"] is None


@pytest.mark.parametrize(
    ("who", "outcome", "text"),
    [
        (("nfs", "3"), "PROG_UNAVAIL", "does not have this program"),
        ((str(PROGRAM), "9"), "PROG_MISMATCH", "version 3 of"),
    ],
)
def test_refusals_end_it(port: int, who: tuple[str, str], outcome: str, text: str) -> None:
    said = plain(f"127.0.0.1:{port}", *who, status=1)
    assert [call["outcome"] for call in said["calls"]] == [outcome]
    assert text in said["error"]
    result = ping(f"127.0.0.1:{port}", *who)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert len(result.stdout.splitlines()) == 1


def test_nobody_there() -> None:
    result = ping("127.0.0.1:1", "nfs", 3)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: cannot connect to 127.0.0.1:1: Connection refused\n"


def test_nobody_knows_the_port() -> None:
    said = plain("127.0.0.1", "nfs", 3, "--rpcbind-port", 1, status=1)
    assert said["port"] is None
    assert said["error"] == "cannot ask the rpcbind of 127.0.0.1: cannot connect to 127.0.0.1:1: Connection refused"


def test_a_host_that_is_not_there() -> None:
    assert "cannot ask the rpcbind of nowhere.invalid: " in plain("nowhere.invalid", "nfs", 3, status=1)["error"]


def test_a_server_that_does_not_answer() -> None:
    class Mute(Program):
        async def NULL(self, call: Call) -> None:
            await self.gate.wait()

    with blocking.serve_tcp(rpcgss.Server([Mute()], [rpcgss.AcceptNone()]), 0, "127.0.0.1", drain_seconds=0) as serving:
        said = plain(f"127.0.0.1:{serving.port}", *WHO, "--timeout", 0.05, "--count", 2, status=1)
    assert [call["outcome"] for call in said["calls"]] == ["CallTimedOut"] * 2
    assert (said["answered"], said["median"], said["error"]) == (0, None, None)


@pytest.mark.parametrize(
    "arguments",
    [
        ("127.0.0.1:0", *WHO),
        ("127.0.0.1:65536", *WHO),
        ("127.0.0.1:x", *WHO),
        (":1", *WHO),
        ("[::1", *WHO),
        ("[::1]1", *WHO),
        ("localhost:1", "nfz", "3"),
        ("localhost:1", "4294967296", "3"),
        ("localhost:1", "nfs", "-1"),
        ("localhost:1", *WHO, "--ca", __file__),
        ("localhost:1", *WHO, "--tls", "required", "--key", __file__),
        ("localhost:1", *WHO, "--service", "nfs@localhost"),
        ("localhost:1", *WHO, "--tls", "required", "--udp"),
        ("localhost:1", *WHO, "--timeout", "0"),
        ("localhost:1",),
    ],
)
def test_wrong_use(arguments: tuple[str, ...]) -> None:
    result = ping(*arguments)
    assert result.exit_code == 2, result.output
    assert "Usage: " in result.stderr


def test_a_file_that_is_no_certificate() -> None:
    result = ping("localhost:1", *WHO, "--tls", "required", "--ca", __file__)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a.example", Place("a.example", None)),
        ("a.example:2049", Place("a.example", 2049)),
        ("::1", Place("::1", None)),
        ("[::1]", Place("::1", None)),
        ("[fe80::1%eth0]:65535", Place("fe80::1%eth0", 65535)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert PlaceType().convert(text, None, None) == place
    assert PlaceType().convert(str(place), None, None) == place


def test_names_of_programs() -> None:
    assert program_text(100003) == "nfs (100003)"
    assert program_text(100000) == "portmapper (100000)"
    assert program_text(7) == "program 7"


def test_control_c_ends_it_with_a_summary(port: int) -> None:
    command = [sys.executable, "-m", "rpcgss", "ping", f"127.0.0.1:{port}", *WHO, "--count", "0", "--interval", "0.01"]
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_flushed()))
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        stack.callback(watchdog.cancel)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("3: "):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read().splitlines()
    assert process.returncode == 0
    assert re.match(r"(\d+) calls, \1 answered: min ", rest[-1])


def _flushed() -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1"}

"""``rpcgss keys`` and ``rpcgss tickets``: what people type, and what they get."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from examples.etcd import Member, running
from rpcgss.cli import main
from rpcgss.gss.provider import GssName
from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.etcd import EtcdKeyring
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.place import create_keyring, open_keyring
from rpcgss.reauth.tickets import SqliteTicketStore, Ticket

SECRET = b"\x5a" * 32


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def bad(*arguments: object) -> str:
    """What the command says on its one line of error."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert not result.stdout
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    path = tmp_path / "keyring"
    good("keys", "new", path, "--scope", "nfs.example.org", "--longest-life", "3600")
    return path


def listed(place: object) -> dict[str, object]:
    found = json.loads(good("keys", "list", place, "--json"))
    assert isinstance(found, dict)
    return found


def test_new(keyring: Path) -> None:
    keys = Keyring(keyring).keys()
    assert (keys.scope, keys.longest_life) == ("nfs.example.org", 3600)
    before = keyring.read_bytes()
    assert "exists already" in bad("keys", "new", keyring)
    assert keyring.read_bytes() == before


def test_list(keyring: Path) -> None:
    (key,) = Keyring(keyring).keys().keys
    index = f"{key.index:08x}"
    text = good("keys", "list", keyring)
    assert index in text
    assert "sealing" in text
    assert listed(keyring) == {
        "scope": "nfs.example.org",
        "longest_life": 3600,
        "revoked_before": 0,
        "keys": [{"index": index, "begins": key.begins, "ends": None, "state": "sealing"}],
    }
    assert key.secret.hex() not in text + json.dumps(listed(keyring))


def states(place: object) -> list[str]:
    keys = listed(place)["keys"]
    assert isinstance(keys, list)
    return [key["state"] for key in keys]


def test_rotate(keyring: Path) -> None:
    good("keys", "rotate", keyring, "--lead", "600")
    assert states(keyring) == ["sealing", "coming"]
    good("keys", "rotate", keyring, "--forget-old")
    assert states(keyring) == ["sealing"]
    good("keys", "rotate", keyring)
    assert len(states(keyring)) == 2


def test_revoke(keyring: Path) -> None:
    good("keys", "revoke", keyring, "--before", "2026-01-31T12:00Z")
    assert listed(keyring)["revoked_before"] == 1769860800
    good("keys", "revoke", keyring, "--before", "1769860900")
    assert listed(keyring)["revoked_before"] == 1769860900
    good("keys", "revoke", keyring, "--before", "5")
    assert listed(keyring)["revoked_before"] == 1769860900
    good("keys", "revoke", keyring)
    revoked = listed(keyring)["revoked_before"]
    assert isinstance(revoked, int)
    assert abs(revoked - time.time()) < 600
    assert "future" in bad("keys", "revoke", keyring, "--before", time.time() + 1e6)


@pytest.mark.parametrize("text", ["nan", "inf", "yesterday", "2026-13-01", ""])
def test_revoke_before_nonsense(keyring: Path, text: str) -> None:
    result = run("keys", "revoke", keyring, "--before", text)
    assert result.exit_code == 2
    assert "neither seconds since 1970" in result.stderr


def test_rotate_with_both_options(keyring: Path) -> None:
    assert run("keys", "rotate", keyring, "--lead", "5", "--forget-old").exit_code == 2


@pytest.mark.parametrize("command", ["list", "rotate", "revoke"])
def test_errors_are_one_line(tmp_path: Path, keyring: Path, command: str) -> None:
    assert "there is no keyring at" in bad("keys", command, tmp_path / "none")
    keyring.chmod(0o644)
    assert "others may have read it" in bad("keys", command, keyring)
    keyring.chmod(0o600)
    keyring.write_bytes(b"{}")
    assert "is damaged" in bad("keys", command, keyring)


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("http://etcd.example/name", "etcd\\+https"),
        ("etcd+http://nfs:secret@localhost/name?sealing-key=s", "no password in a URL"),
        ("etcd+http://localhost/name", "needs sealing-key"),
        ("etcd+http://localhost/name?sealing-key=s&color=blue", "no option 'color'"),
        ("etcd+http://localhost/name?sealing-key=s&sealing-key=t", "twice"),
        ("etcd+http://localhost/name?sealing-key", "no list of options"),
        ("etcd+http://localhost/name?sealing-key=s&cert=c", "belong together"),
        ("etcd+http://localhost/name?sealing-key=/nowhere/key", "no sealing key at"),
        ("etcd+http:///name?sealing-key=/nowhere/key", "."),
    ],
)
def test_places_that_make_no_sense(place: str, why: str) -> None:
    for use in (open_keyring, create_keyring):
        with pytest.raises(KeyringError, match=why) as raised:
            use(place)
        assert "secret" not in str(raised.value)


def test_a_fleet(tmp_path: Path) -> None:
    seal = tmp_path / "seal"
    good("keys", "seal-key", seal)
    assert "exists already" in bad("keys", "seal-key", seal)
    (tmp_path / "etcd").mkdir()
    with running(Member(tmp_path / "etcd")) as member:
        place = f"etcd+{member.url}/fleet/nfs?sealing-key={seal}&copy={tmp_path / 'copy'}"
        good("keys", "new", place, "--scope", "fleet")
        good("keys", "rotate", place, "--lead", "600")
        assert states(place) == ["sealing", "coming"]
        ring = open_keyring(place)
        assert isinstance(ring, EtcdKeyring)
        ring.close()
    assert states(place) == ["sealing", "coming"]  # of the copy
    assert "cannot be reached" in bad("keys", "rotate", place)


def test_the_program_itself(keyring: Path) -> None:
    command = [sys.executable, "-m", "rpcgss", "keys", "list", str(keyring), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout) == listed(keyring)


# Tickets


def ticket(principal: str, target: str, expiry: float) -> Ticket:
    return Ticket(
        GssName(principal, b"I" + principal.encode()),
        GssName(target, b"A" + target.encode()),
        target,
        "1.2.840.113554.1.2.2",
        2,
        0x0A0B0C0D,
        b"sealed state of the server's",
        SECRET,
        expiry,
    )


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets"
    store = SqliteTicketStore(path)

    async def save() -> None:
        await store.save(ticket("old@EXAMPLE.ORG", "nfs@one", 1000.0), 0.0)
        for principal in ("alice@EXAMPLE.ORG", "bob@EXAMPLE.ORG", "[red]mallory\x1b[2J"):
            for target in ("nfs@one", "nfs@two"):
                await store.save(ticket(principal, target, 4e9), 0.0)

    trio.run(save)
    store.close()
    return path


def owners(path: Path) -> list[str]:
    return [found["principal"].partition("@")[0] for found in json.loads(good("tickets", "list", path, "--json"))]


def test_list_tickets(tickets: Path) -> None:
    text = good("tickets", "list", tickets)
    for word in ("alice@EXAMPLE.ORG", "nfs@two", "expired", "0a0b0c0d"):
        assert word in text
    assert "\x1b" not in text
    assert "[red]mallory" in text
    for found in (text, good("tickets", "list", tickets, "--json")):
        assert SECRET.hex() not in found
        assert "sealed state" not in found


def test_purge(tickets: Path) -> None:
    assert owners(tickets).count("old") == 1
    assert good("tickets", "purge", tickets) == "1 ticket deleted\n"
    assert "old" not in owners(tickets)
    assert good("tickets", "purge", tickets, "--principal", "alice@EXAMPLE.ORG", "--service", "nfs@one").startswith("1")
    assert good("tickets", "purge", tickets, "--principal", "bob@EXAMPLE.ORG") == "2 tickets deleted\n"
    assert owners(tickets).count("alice") == 1
    assert good("tickets", "purge", tickets, "--all") == "3 tickets deleted\n"
    assert owners(tickets) == []


def test_purge_with_options_that_do_not_go_together(tickets: Path) -> None:
    assert run("tickets", "purge", tickets, "--service", "nfs@one").exit_code == 2
    assert run("tickets", "purge", tickets, "--all", "--principal", "alice").exit_code == 2
    assert len(owners(tickets)) == 7


def test_no_tickets(tmp_path: Path, keyring: Path) -> None:
    assert run("tickets", "list", tmp_path / "none").exit_code == 2
    assert not (tmp_path / "none").exists()
    assert "is no ticket store" in bad("tickets", "list", keyring)

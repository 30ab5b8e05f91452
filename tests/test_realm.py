import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import gssapi
import pytest

from examples import realm as realm_module
from examples.realm import Realm, RealmError


def establish(initiator: gssapi.Credentials | None = None) -> tuple[gssapi.SecurityContext, gssapi.SecurityContext]:
    target = gssapi.Name("nfs@localhost", gssapi.NameType.hostbased_service)
    client = gssapi.SecurityContext(name=target, creds=initiator, usage="initiate")
    server = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept"), usage="accept")
    token = server.step(client.step())
    if not client.complete:
        client.step(token)
    return client, server


def klist(path: Path, realm: Realm) -> str:
    command = ["klist", "-e", f"FILE:{path}"]
    return subprocess.run(command, env=os.environ | realm.env, check=True, capture_output=True, text=True).stdout


def test_contexts_are_made_in_process(realm: Realm) -> None:
    client, server = establish()
    assert str(server.initiator_name) == "alice@RPCGSS.TEST"
    assert server.verify_signature(b"body", client.get_signature(b"body")) is not None


def test_the_replay_cache_stays_inside(realm: Realm) -> None:
    establish()
    assert list(realm.directory.glob("*.rcache2"))


def test_two_realms_side_by_side(realm: Realm) -> None:
    with Realm("OTHER.TEST", enctypes=["aes256-cts-hmac-sha384-192", realm_module.AES256]) as other:
        assert other.directory != realm.directory
        assert other.port != realm.port
        other.add_principal("carol")
        shown = klist(other.kinit("carol"), other)
        assert "carol@OTHER.TEST" in shown
        assert "aes256-cts-hmac-sha384-192" in shown
        assert os.environ["KRB5_CONFIG"] == realm.env["KRB5_CONFIG"]
    assert not other.directory.exists()


def test_the_environment_is_lent_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "/before")
    monkeypatch.delenv("KRB5RCACHEDIR", raising=False)
    with Realm() as own:
        assert os.environ["KRB5_CONFIG"] == "/before"
        with own.environment():
            assert os.environ["KRB5_CONFIG"] == own.env["KRB5_CONFIG"]
            assert os.environ["KRB5RCACHEDIR"] == str(own.directory)
        assert os.environ["KRB5_CONFIG"] == "/before"
        assert "KRB5RCACHEDIR" not in os.environ


def test_principals_with_passwords_and_keytabs(realm: Realm, tmp_path: Path) -> None:
    assert realm.add_principal("dave", password="a secret") == "dave@RPCGSS.TEST"
    keytab = realm.keytab(tmp_path / "keytab", "dave", "nfs/localhost")
    listing = subprocess.run(["klist", "-k", keytab], check=True, capture_output=True, text=True).stdout
    assert "dave@RPCGSS.TEST" in listing
    assert "nfs/localhost@RPCGSS.TEST" in listing
    ticket = subprocess.run(
        ["kinit", "-c", tmp_path / "ccache", "dave"],
        input="a secret\n",
        env=os.environ | realm.env,
        text=True,
        capture_output=True,
        check=False,
    )
    assert ticket.returncode == 0, ticket.stderr


def test_lifetimes(tmp_path: Path) -> None:
    with Realm(max_life=600) as own, own.environment():
        own.add_principal("erin")
        for asked, limit in ((None, 600), (3600, 600), (60, 60)):
            path = own.kinit("erin", tmp_path / "ccache", asked)
            credentials = gssapi.Credentials(usage="initiate", store={"ccache": f"FILE:{path}"})
            assert credentials.lifetime is not None
            assert 0 < credentials.lifetime <= limit


def test_a_stopped_kdc_comes_back_on_its_port(tmp_path: Path) -> None:
    with Realm() as own:
        own.add_principal("frank")
        own.stop_kdc()
        assert not own.kdc_running
        with pytest.raises(RealmError, match="Cannot contact any KDC"):
            own.kinit("frank")
        with pytest.raises(RealmError, match="does not run"):
            own.stop_kdc()
        port = own.port
        own.start_kdc()
        assert own.port == port
        own.kinit("frank")
        with pytest.raises(RealmError, match="runs already"):
            own.start_kdc()


def test_kadmind_answers() -> None:
    with Realm() as own:
        own.add_principal("root/admin")
        own.start_kadmind()
        own.add_principal("user/admin")
        command = ["kadmin", "-k", "-t", str(own.keytab(own.directory / "admin", "user/admin")), "-p", "user/admin"]
        listing = subprocess.run(
            [*command, "listprincs"], env=os.environ | own.env, capture_output=True, text=True, check=False
        )
        assert "root/admin@RPCGSS.TEST" in listing.stdout, listing.stderr
        with pytest.raises(RealmError, match="runs already"):
            own.start_kadmind()


def test_what_does_not_exist_is_told(realm: Realm, tmp_path: Path) -> None:
    with pytest.raises(RealmError, match=r"nobody@RPCGSS\.TEST"):
        realm.kinit("nobody")
    with pytest.raises(RealmError, match="does not exist"):
        realm.keytab(tmp_path / "keytab", "nobody")
    with pytest.raises(RealmError, match="already exists"):
        realm.add_principal("alice")


def test_a_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(RealmError, match=r"krb5kdc is not installed.*Debian package krb5-kdc"):
        Realm()


def test_a_realm_that_cannot_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RealmError):
        Realm(enctypes=["no-such-enctype"])
    assert not list(tmp_path.iterdir())


def test_close_twice() -> None:
    own = Realm()
    own.close()
    own.close()
    assert not own.directory.exists()


OWNER = """
import sys
from examples.realm import Realm
realm = Realm()
print(realm.directory, realm._core._kdc_proc.pid, realm._core._janitor.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_survives_a_killed_owner(number: signal.Signals) -> None:
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        directory, *keepers = owner.stdout.readline().split()
        assert Path(directory).is_dir()
        watched = [os.pidfd_open(int(keeper)) for keeper in keepers]
        owner.send_signal(number)
        owner.wait()
        for descriptor in watched:
            select.select([descriptor], [], [])
            os.close(descriptor)
    assert not Path(directory).exists()


def in_realm(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.realm", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)


def test_a_command_runs_in_a_realm_of_its_own() -> None:
    ended = in_realm("--user", "bob", "sh", "-c", 'klist -s && echo "$KRB5_CONFIG" && klist && exit 7')
    assert ended.returncode == 7, ended.stderr
    assert "bob@RPCGSS.TEST" in ended.stdout
    assert not Path(ended.stdout.splitlines()[0]).exists()


def test_commands_that_fail_are_told_in_one_line() -> None:
    for words in (["no-such-command"], ["--user", "x y z@@", "true"]):
        ended = in_realm(*words)
        assert ended.returncode == 1
        assert ended.stderr.startswith("Error: ")
        assert ended.stderr.count("\n") == 1


def test_a_command_ends_as_its_signal_says() -> None:
    assert in_realm("sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM

"""`python -m examples.nfs serve` as a process: how it starts, ends, and says what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from examples.nfs.identity import can_change
from examples.nfs.mount3_xdr import MOUNT_V3_Client, mountres3_MNT3_OK
from examples.nfs.nfs3_xdr import (
    FILE_SYNC,
    GUARDED,
    CREATE3args,
    CREATE3res_NFS3_OK,
    NFS_V3_Client,
    READ3args,
    READ3res_NFS3_OK,
    WRITE3args,
    createhow3_UNCHECKED,
    diropargs3,
    nfs_fh3,
)
from examples.realm import HOST, Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.reauth.client import TicketClient
from rpcgss.rpc import AuthSys, open_client
from tests.nfs.volume import given, sattr
from transport import open_tcp

ROOT = Path(__file__).parents[2]


class Process:
    """A running server. `port` is where it listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        self.line = process.stdout.readline()
        self.port = int(self.line.split(": ")[0].rpartition(":")[2])

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit status and standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "examples.nfs", "serve", *map(str, arguments)]


@contextmanager
def serving(directory: Path, state: Path, *options: str | Path) -> Iterator[Process]:
    directory.mkdir(exist_ok=True)
    arguments = command(directory, "--port", "0", "--state", state, *options)
    process = subprocess.Popen(arguments, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield Process(process)
    finally:
        process.kill()
        process.communicate()


def fails(*arguments: str | Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit status and the last line of a server that does not start; there is never a traceback."""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_it_says_where_it_listens_and_ends_when_told(tmp_path: Path) -> None:
    directory = tmp_path / "export"
    with serving(directory, tmp_path / "state", "--sec", "sys") as server:
        assert server.line == f"listening on 127.0.0.1:{server.port}: {directory} as /\n"
        assert server.end() == (0, "")


def test_a_request_for_counters_does_no_harm(tmp_path: Path) -> None:
    """From the line on that says that it listens, and where no place for the counters was given."""
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys") as server:
        server.process.send_signal(signal.SIGUSR1)
        assert server.end() == (0, "")


@pytest.mark.parametrize("buffering", ["", "1"])
def test_nobody_reads_where_it_listens(place: list[str | Path], buffering: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*place, "--sec", "sys"),
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": buffering},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "Error: nobody reads standard output\n")


async def test_handles_and_status_across_a_kill(tmp_path: Path) -> None:
    directory, state, status = tmp_path / "export", tmp_path / "state", tmp_path / "status"
    with serving(directory, state, "--sec", "sys") as server:
        async with open_client(partial(open_tcp, "127.0.0.1", server.port), AuthSys()) as client:
            mounted = await MOUNT_V3_Client(client.call).MOUNTPROC3_MNT("/")
            assert isinstance(mounted, mountres3_MNT3_OK)
            where = diropargs3(nfs_fh3(mounted.mountinfo.fhandle), "f")
            nfs = NFS_V3_Client(client.call)
            made = await nfs.NFSPROC3_CREATE(CREATE3args(where, createhow3_UNCHECKED(GUARDED, sattr(mode=0o644))))
            assert isinstance(made, CREATE3res_NFS3_OK)
            handle = given(made.resok.obj)
            await nfs.NFSPROC3_WRITE(WRITE3args(handle, 0, 6, FILE_SYNC, b"octets"))
        assert server.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(directory, state, "--sec", "sys", "--status", status) as server:
        async with open_client(partial(open_tcp, "127.0.0.1", server.port), AuthSys()) as client:
            result = await NFS_V3_Client(client.call).NFSPROC3_READ(READ3args(handle, 0, 100))
            assert isinstance(result, READ3res_NFS3_OK)
            assert result.resok.data == b"octets"
        assert server.end() == (0, "")
        assert json.loads(status.read_text())["calls"]["calls"] == 1


async def test_tickets_across_a_kill(tmp_path: Path, realm: Realm) -> None:
    directory, state, keyring, status = (tmp_path / name for name in ("export", "state", "keyring", "status"))
    options = ("--service", f"nfs@{HOST}", "--keytab", realm.service_keytab, "--keyring", keyring)
    flavor = GssFlavor(f"nfs@{HOST}", extension=TicketClient())
    with serving(directory, state, *options, "--new-keyring") as server:
        port = str(server.port)
        async with open_client(partial(open_tcp, "127.0.0.1", server.port), flavor) as client:
            await MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT()
            server.end(signal.SIGKILL)
            with serving(directory, state, *options, "--port", port, "--drop", "every=2", "--status", status) as again:
                for _ in range(6):
                    await MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT()
                again.process.send_signal(signal.SIGUSR1)
                assert again.end() == (0, "")
    contexts = json.loads(status.read_text())["contexts"]
    assert contexts["established_by_exchange"] == 0
    assert contexts["established_by_ticket"] > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sec", "krb6"], "'krb6' is none of sys, krb5, krb5i, krb5p"),
        (["--drop", "sometimes"], "'sometimes' is neither every=N nor probability=P (0 to 1)"),
        (["--drop", "every=x"], "neither every=N"),
        (["--drop", "probability=2"], "neither every=N"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_wrong_command_lines(tmp_path: Path, arguments: list[str], message: str) -> None:
    status, line = fails(tmp_path, "--state", tmp_path.parent / "state", *arguments)
    assert status == 2
    assert message in line


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    status, line = fails(tmp_path / "nothing")
    assert (status, "does not exist" in line) == (2, True)


@pytest.mark.parametrize("option", ["--state", "--keyring", "--keytab", "--exports", "--users", "--status"])
def test_what_clients_must_not_read_or_change_is_not_exported(tmp_path: Path, option: str) -> None:
    status, line = fails(tmp_path, option, tmp_path / "inside")
    assert status == 2
    assert f"{option}: {tmp_path}/inside is inside of what is exported" in line


@pytest.fixture
def place(tmp_path: Path) -> list[str | Path]:
    """Arguments that are fine but for what a test adds."""
    (tmp_path / "export").mkdir()
    return [tmp_path / "export", "--port", "0", "--state", tmp_path / "state"]


def test_a_missing_keytab(place: list[str | Path], tmp_path: Path) -> None:
    status, line = fails(*place, "--keytab", tmp_path / "nothing")
    assert status == 1
    assert str(tmp_path / "nothing") in line


def test_a_missing_keyring(place: list[str | Path], tmp_path: Path, realm: Realm) -> None:
    status, line = fails(*place, "--service", f"nfs@{HOST}", "--keyring", tmp_path / "nothing")
    assert status == 1
    assert line == f"Error: there is no keyring at {tmp_path / 'nothing'}; add --new-keyring to make one"


def test_a_keyring_that_was_lost_from_a_used_state_is_not_replaced(tmp_path: Path, realm: Realm) -> None:
    directory, state = tmp_path / "export", tmp_path / "state"
    options = ("--service", f"nfs@{HOST}", "--keytab", realm.service_keytab)
    for _ in range(2):  # made at the first start, found at the second
        with serving(directory, state, *options) as server:
            assert server.end()[0] == 0
    (state / "keyring").unlink()
    status, line = fails(directory, "--state", state, *options)
    assert (status, line) == (1, f"Error: there is no keyring at {state / 'keyring'}; add --new-keyring to make one")
    with serving(directory, state, *options, "--new-keyring") as server:
        assert server.end()[0] == 0


def test_an_unreadable_keyring(place: list[str | Path], tmp_path: Path, realm: Realm) -> None:
    (tmp_path / "keyring").write_text("{}")
    (tmp_path / "keyring").chmod(0o600)
    status, line = fails(*place, "--service", f"nfs@{HOST}", "--keyring", tmp_path / "keyring")
    assert (status, "keyring" in line) == (1, True)
    (tmp_path / "keyring").chmod(0o644)
    status, line = fails(*place, "--service", f"nfs@{HOST}", "--keyring", tmp_path / "keyring")
    assert (status, "chmod 600" in line) == (1, True)


def test_a_place_where_no_counters_can_be_written(place: list[str | Path], tmp_path: Path) -> None:
    status, line = fails(*place, "--sec", "sys", "--status", tmp_path / "nothing" / "status")
    assert status == 1
    assert line == f"Error: cannot write {tmp_path / 'nothing' / 'status'}: No such file or directory"


@pytest.mark.skipif(not can_change(), reason="only root can act as other users")
def test_users_are_held_to_their_quotas(tmp_path: Path) -> None:
    """CAP_SYS_RESOURCE overrides quotas and what is reserved for root, whoever a thread is to the file system."""
    (tmp_path / "users").write_text("* 54321\n")
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys", "--users", tmp_path / "users") as server:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
    capabilities = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff"))
    assert capabilities & 1 << 24 == 0
    assert capabilities & 1 << 0


def test_a_bad_exports_file(place: list[str | Path], tmp_path: Path) -> None:
    (tmp_path / "exports").write_text("* ro\nalice@X write\n")
    status, line = fails(*place, "--sec", "sys", "--exports", tmp_path / "exports")
    assert status == 1
    assert line == f"Error: {tmp_path / 'exports'}, line 2: access is none, ro or rw, not 'write'"


def test_a_bad_state_directory(place: list[str | Path], tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "index.sqlite").write_bytes(b"no SQLite, but as long as its header" * 3)
    status, line = fails(*place, "--sec", "sys")
    assert status == 1
    assert f"{tmp_path / 'state' / 'index.sqlite'}: the index of handles" in line


def test_a_port_in_use(place: list[str | Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, line = fails(*place, "--sec", "sys", "--port", str(port))
    assert status == 1
    assert line == f"Error: cannot listen on 127.0.0.1:{port}: Address already in use"

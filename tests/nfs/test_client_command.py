"""The client's commands against the real server, over sockets, with a real KDC, while the server drops contexts."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click
import pytest
import trio
from click.testing import CliRunner, Result

from examples.nfs.__main__ import main
from examples.nfs.connect import Access, connected
from examples.nfs.url import NfsUrl
from examples.realm import HOST, Realm
from tests.nfs.copies import At, copy_all
from tests.nfs.test_server_command import ROOT, Process, serving

SECURITIES = ("krb5p", "krb5i", "krb5")
DATA = bytes(range(256)) * 4000


@pytest.fixture
def served(realm: Realm, tmp_path: Path) -> Iterator[tuple[Process, Path]]:
    """A server that loses the context of every ninth call, and its directory."""
    directory = tmp_path / "export"
    options = ("--sec", ",".join(SECURITIES), "--service", f"nfs@{HOST}", "--drop", "every=9")
    with serving(directory, tmp_path / "state", *options) as server:
        yield server, directory


def run(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    result = CliRunner(env=environment).invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result


def ok(*arguments: str | Path, environment: dict[str, str] | None = None) -> Result:
    result = run(*arguments, environment=environment)
    assert result.exit_code == 0, result.output
    return result


def tree_of(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def build_tree(directory: Path) -> dict[str, bytes]:
    for name, data in {"a": b"alpha", "sub/big": DATA, "sub/deep/empty": b"", "sub/ü ß": b"umlaut"}.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (directory / "link").symlink_to("sub/big")
    return tree_of(directory)


@pytest.mark.parametrize("security", SECURITIES)
def test_a_day_with_all_commands(served: tuple[Process, Path], tmp_path: Path, security: str) -> None:
    server, directory = served
    url, sec = f"nfs://{HOST}:{server.port}", ("--sec", security)
    files = build_tree(tmp_path / "source")
    put = ok("put", "-r", "-p", "--links", tmp_path / "source", f"{url}/", *sec)
    assert "1 by full exchange" in put.stderr
    assert "0 by ticket" not in put.stderr
    assert tree_of(directory / "source") == files
    ok("get", "-r", "-p", "--links", f"{url}/source", tmp_path / "target", *sec)
    assert tree_of(tmp_path / "target") == files
    assert os.readlink(tmp_path / "target/link") == "sub/big"
    assert (tmp_path / "target/a").stat().st_mtime_ns == (tmp_path / "source/a").stat().st_mtime_ns
    assert ok("ls", f"{url}/source", *sec).stdout.split() == ["a", "link", "sub"]
    assert " link -> sub/big" in ok("ls", "-l", f"{url}/source", *sec).stdout
    assert ok("cat", f"{url}/source/sub/big", *sec).stdout_bytes == DATA
    assert ok("cat", "--follow", f"{url}/source/link", *sec).stdout_bytes == DATA
    assert f"size: {len(DATA)} octets" in ok("stat", f"{url}/source/sub/big", *sec).stdout
    ok("mkdir", "-p", f"{url}/new/newer", *sec)
    ok("mkdir", "-p", f"{url}/new/newer", *sec)
    ok("mv", f"{url}/source/a", f"{url}/new/newer", *sec)
    ok("ln", f"{url}/new/newer/a", f"{url}/new/b", *sec)
    ok("ln", "-s", "b", f"{url}/new/c", *sec)
    assert (directory / "new/c").read_bytes() == (directory / "new/newer/a").read_bytes() == b"alpha"
    ok("rm", f"{url}/new/c", *sec)
    ok("rm", "-r", f"{url}/source", *sec)
    ok("rm", f"{url}/new/b", *sec)
    ok("rm", f"{url}/new/newer/a", *sec)
    ok("rmdir", f"{url}/new/newer", *sec)
    ok("rmdir", f"{url}/new", *sec)
    assert not os.listdir(directory)


def test_a_file_with_the_ticket_is_all_that_is_needed(served: tuple[Process, Path], tmp_path: Path) -> None:
    server, directory = served
    (directory / "file").write_bytes(b"data")
    url = f"nfs://{HOST}:{server.port}/file"
    tickets = ("--tickets", tmp_path / "tickets", "--principal", "alice@RPCGSS.TEST", "-v")
    assert "1 by full exchange" in ok("cat", url, *tickets).stderr
    no_kerberos = {"KRB5CCNAME": f"FILE:{tmp_path}/none", "KRB5_CONFIG": "/dev/null"}
    result = ok("cat", url, *tickets, environment=no_kerberos)
    assert result.stdout == "data"
    assert "contexts: 0 by full exchange, " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["cat", "{url}/gone"], 1, r"/gone: no such file or directory \(NFS3ERR_NOENT\); check the path with ls"),
        (["get", "{url}/sub", "{tmp}"], 1, "/sub: is a directory; copy it with -r"),
        (["get", "{url}/file", "{tmp}/none/file"], 1, "/none/file: No such file or directory"),
        (["rm", "{url}/sub"], 1, "/sub: it is a directory"),
        (["rmdir", "{url}/file"], 1, "/file: not a directory"),
        (["mkdir", "{url}/sub"], 1, "/sub: it exists already"),
        (["cat", "{url}/file/more"], 1, "/file: is not a directory"),
        (["cat", "{url}/link"], 1, "/link: is not a regular file"),
        (["rm", "{url}/"], 1, "/: is an export's root"),
        (["cat", "{url}/file", "--sec", "sys"], 1, "AUTH_TOOWEAK.*try another --sec"),
        (["cat", "{url}/file", "--target", "host@localhost"], 1, "host@localhost"),
        (["cat", "{url}/file", "--tickets", "{tmp}/public", "--principal", "a@B"], 1, "public may be used by others"),
        (["cat", "{url}/file", "--tickets", "{tmp}/private"], 2, "--tickets needs --principal"),
        (["cat", "nfs://127.0.0.1:1/file"], 1, "127.0.0.1:1.*look whether the server runs"),
        (["cat", "http://server/file"], 2, "does not begin with nfs://"),
        (["cat", "{url}/file", "--sec", "krb4"], 2, "krb4"),
        (["cat"], 2, "Missing argument"),
        (["put", "{tmp}", "{url}/"], 2, "is a directory; copy it with -r"),
        (["put", "{tmp}/none", "{url}/"], 2, "none"),
        (["mv", "{url}/file", "nfs://other:1/file"], 2, "same server"),
    ],
)
def test_errors_are_one_line(
    served: tuple[Process, Path], tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    server, directory = served
    (directory / "sub").mkdir()
    (directory / "file").write_bytes(b"data")
    (directory / "link").symlink_to("file")
    (tmp_path / "public").write_bytes(b"")
    (tmp_path / "public").chmod(0o644)
    url = f"nfs://{HOST}:{server.port}"
    result = run(*(argument.format(url=url, tmp=tmp_path) for argument in arguments))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    assert re.search(words, result.stderr), result.stderr
    if status == 1:
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("what", ["no credentials", "no KDC"])
def test_without_credentials_or_kdc(served: tuple[Process, Path], tmp_path: Path, what: str) -> None:
    server, _ = served
    url = f"nfs://{HOST}:{server.port}/"
    if what == "no credentials":
        result = run("ls", url, environment={"KRB5CCNAME": f"FILE:{tmp_path}/none"})
        assert "kinit" in result.stderr
    else:
        with Realm("ELSEWHERE.TEST") as other:
            other.add_principal("bob")
            other.kinit("bob")
            other.stop_kdc()
            result = run("ls", url, environment=other.env)
        assert "KDC" in result.stderr
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["get", "put"])
def test_ctrl_c_leaves_nothing_half_written(served: tuple[Process, Path], tmp_path: Path, command: str) -> None:
    server, directory = served
    local = tmp_path / "local"
    local.mkdir()
    source, target = (directory, local) if command == "get" else (local, directory)
    with (source / "big").open("wb") as big:
        big.truncate(2 << 30)
    url = f"nfs://{HOST}:{server.port}"
    places = [f"{url}/big", str(local)] if command == "get" else [str(local / "big"), f"{url}/"]
    arguments = [sys.executable, "-m", "examples.nfs", command, *places]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not any(path.stat().st_size for path in target.iterdir()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "interrupted; every file is whole or as it was\n"
    assert not os.listdir(target)


def test_a_disk_that_is_full_names_the_file(
    served: tuple[Process, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    server, directory = served
    (directory / "file").write_bytes(b"data")
    monkeypatch.setattr(os, "pwrite", full)
    result = run("get", f"nfs://{HOST}:{server.port}/file", tmp_path / "target")
    assert result.exit_code == 1
    assert result.stderr == f"Error: {tmp_path}/target: No space left on device\n"
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("way", ["in", "out"])
async def test_the_server_is_killed_and_started_again(realm: Realm, tmp_path: Path, way: str) -> None:
    """A server that dies with uncommitted octets and changes on their way: the copy is right all the same."""
    directory, state, source = tmp_path / "export", tmp_path / "state", tmp_path / "source"
    for number in range(60):
        path = source / f"{number % 7}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DATA[: 1000 * number] * (1 + number % 5))
    files = tree_of(source)
    options = ("--sec", "krb5p", "--service", f"nfs@{HOST}", "--drop", "every=25")
    at = At(sum(map(len, files.values())) // 2)
    if way == "out":
        shutil.copytree(source, directory)
    with ExitStack() as servers:
        first = servers.enter_context(serving(directory, state, *options))
        url = NfsUrl.parse(f"nfs://{HOST}:{first.port}/")
        async with connected(url, Access()) as session, trio.open_nursery() as nursery:
            root = await session.at(url)
            nursery.start_soon(copy_all, session, root, source if way == "in" else tmp_path / "copy", way, at)
            await at.reached.wait()
            first.end(signal.SIGKILL)
            servers.enter_context(serving(directory, state, *options, "--port", str(first.port)))
    assert tree_of(directory if way == "in" else tmp_path / "copy") == files
    assert "contexts: 1 by full exchange" in session.journal.summary()
    assert session.rpc.counters.connections >= 2


def test_every_command_has_help() -> None:
    for name in main.list_commands(click.Context(main)):
        assert ok(name, "--help").stdout.startswith("Usage:")

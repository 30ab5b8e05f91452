"""``rpcgss portmap`` in a process of its own, ``rpcgss info`` against it, and against one that means ill."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from rpcgss.binding import open_local_rpcbind
from rpcgss.cli import main
from rpcgss.rpc import AcceptNone, Call, Registration, Server
from rpcgss.rpc.rpcbind_xdr import RPCBVERS4_Service, rp__list, rpcb
from transport import listen_unix

PORTMAP = (sys.executable, "-m", "rpcgss", "portmap")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        return port


@pytest.fixture
def portmap(tmp_path: Path, free_port: int) -> Iterator[Path]:
    path = tmp_path / "rpcbind.sock"
    options = ["--host", "127.0.0.1", "--port", str(free_port), "--unix", str(path)]
    with subprocess.Popen([*PORTMAP, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        address = f"127.0.0.1.{free_port >> 8}.{free_port & 255}"
        assert said == [
            f"listening on tcp {address}\n",
            f"listening on udp {address}\n",
            f"listening on local {path}\n",
        ]
        yield path
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not path.exists()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["info", *arguments])


def test_what_the_portmapper_knows(portmap: Path, free_port: int) -> None:
    async def register() -> None:
        async with open_local_rpcbind(str(portmap)) as rpcbind:
            assert await rpcbind.set(Registration(100003, 3, "tcp", "0.0.0.0.8.1"))

    trio.run(register)
    answers = []
    for how in (["127.0.0.1"], ["127.0.0.1", "--transport", "udp"], [str(portmap), "--transport", "unix"]):
        result = run(*how, "--port", str(free_port), "--json")
        assert result.exit_code == 0, result.output
        answers.append(json.loads(result.stdout))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["rpcbind_version"] == 4
    (nfs,) = (each for each in answers[0]["programs"] if each["program"] == 100003)
    assert nfs.pop("owner")
    assert nfs == {
        "program": 100003,
        "version": 3,
        "netid": "tcp",
        "address": "0.0.0.0.8.1",
        "host": "0.0.0.0",
        "port": 2049,
        "service": "nfs",
    }
    table = [line.split() for line in run("127.0.0.1", "--port", str(free_port)).stdout.splitlines()]
    assert table[0] == ["program", "version", "netid", "address", "port", "service", "owner"]
    assert ["100003", "3", "tcp", "0.0.0.0.8.1", "2049", "nfs"] in [row[:6] for row in table]
    assert len(table) == 1 + 3 + 3 + 2 + 1


def test_errors_are_one_line(tmp_path: Path, free_port: int) -> None:
    for arguments in (["127.0.0.1", "--port", str(free_port)], [str(tmp_path / "nobody"), "--transport", "unix"]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert str(free_port) in result.stderr or "nobody" in result.stderr
    taken = CliRunner().invoke(main, ["portmap", "--host", "192.0.2.1", "--port", "0", "--no-unix"])
    assert taken.exit_code == 1
    assert taken.stderr.splitlines() == ["Error: cannot listen on 192.0.2.1:0: Cannot assign requested address"]


async def test_a_terminal_does_not_obey_strangers(tmp_path: Path) -> None:
    class Painter(RPCBVERS4_Service[Call]):
        async def RPCBPROC_DUMP(self, call: Call) -> list[rp__list]:
            return [rp__list(rpcb(7, 1, "\x1b[31mred", "\\[bold]x[/bold]\r\n", "\x9b2J"))]

    path = str(tmp_path / "painter")
    server = Server([Painter()], [AcceptNone()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listen_unix(path)])
        result = await trio.to_thread.run_sync(run, path, "--transport", "unix")
        as_json = await trio.to_thread.run_sync(run, path, "--transport", "unix", "--json")
        server.stop()
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2
    assert not set(result.stdout) & set("\x1b\x9b\r")
    assert "\\[bold]x[/bold]" in result.stdout
    (listed,) = json.loads(as_json.stdout)["programs"]
    assert (listed["netid"], listed["host"], listed["service"]) == ("\x1b[31mred", None, None)

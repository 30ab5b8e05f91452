"""The example pair, as a user runs it: two processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.realm import Realm

LIMIT = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def echo_server(port: int, *service: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "examples.echo.server", str(port), *service], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            wait_for(port, server)
            yield server
        finally:
            server.kill()


def wait_for(port: int, server: subprocess.Popen[str]) -> None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the server does not listen")


def ask(port: int, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "examples.echo.client", str(port), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.mark.parametrize("service", [[], ["nfs@localhost"]], ids=["none", "krb5p"])
def test_the_pair(service: list[str], realm: Realm) -> None:
    assert os.environ["KRB5_CONFIG"] == realm.env["KRB5_CONFIG"]
    port = free_port()
    with echo_server(port, *service) as server:
        answer = ask(port, "hello, world", *service)
        assert answer.stdout == "hello, world\n", answer.stderr
        server.terminate()
        assert server.wait(LIMIT) == 0
        assert server.stdout is not None
        said = server.stdout.read()
    assert "hello, world" in said
    assert ("alice@" in said) == bool(service)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["server"], "usage: python -m examples.echo.server PORT"),
        (["server", "http"], "usage: "),
        (["server", "70000"], "ports are numbers up to 65535"),
        (["server", "0", "nfs@nowhere.test"], "nfs@nowhere.test"),
        (["client"], "usage: python -m examples.echo.client PORT"),
        (["client", "1", "hello"], "127.0.0.1:1: Connection refused"),
    ],
)
def test_errors_are_one_line(words: list[str], said: str, realm: Realm) -> None:
    command = [sys.executable, "-m", f"examples.echo.{words[0]}", *words[1:]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_together_they_are_short() -> None:
    pair = [Path(f"examples/echo/{end}.py").read_text() for end in ("server", "client")]
    assert sum(text.count("\n") for text in pair) < 60

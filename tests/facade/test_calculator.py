"""The examples without trio, as a user runs them: each client with each server."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.facade.program import LIMIT

KINDS = ("blocking", "asyncio")


@contextmanager
def calculator(kind: str) -> Iterator[str]:
    """The port of a server that is interrupted in the end, as by Ctrl-C, and has nothing to say about it."""
    command = [sys.executable, "-m", f"examples.calculator.{kind}_server", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().removeprefix("port ").strip()
            server.send_signal(signal.SIGINT)
            assert server.communicate(timeout=LIMIT) == ("", "")
            assert server.returncode == 0
        finally:
            server.kill()


def ask(kind: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"examples.calculator.{kind}_client", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_the_pairs(kind: str) -> None:
    with calculator(kind) as port:
        for client in KINDS:
            answer = ask(client, port, "17", "5")
            assert (answer.stdout, answer.stderr) == ("22\nquotient(whole=3, rest=2)\n", "")
        assert ask("blocking", port, "17", "0", "4").stdout == "21\nNone\n"


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_one_line(kind: str) -> None:
    assert ask(kind).stderr.startswith(f"usage: python -m examples.calculator.{kind}_client PORT")
    refused = ask(kind, "1", "2", "3")
    assert refused.returncode == 1
    assert refused.stderr.endswith("127.0.0.1:1: Connection refused\n")
    assert refused.stderr.count("\n") == 1


def test_each_is_short() -> None:
    for kind in KINDS:
        for end in ("server", "client"):
            assert Path(f"examples/calculator/{kind}_{end}.py").read_text().count("\n") < 40

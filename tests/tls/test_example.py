"""The example over TLS, as a user runs it: two processes."""

import subprocess
import sys

from tests.test_echo import LIMIT, free_port, wait_for
from tests.tls.authority import Authority

EXAMPLE = [sys.executable, "-u", "-m", "examples.echo.tls"]


def test_the_pair(authority: Authority) -> None:
    port = free_port()
    other = Authority.founded(authority.directory / "of the example")
    with subprocess.Popen(
        [*EXAMPLE, "serve", str(port), authority.issue("localhost")], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            wait_for(port, server)
            for ca_file, said, wrong in ((authority.ca_file, "hello\n", ""), (other.ca_file, "", "not accepted")):
                command = [*EXAMPLE, "ask", "localhost", str(port), "hello", str(ca_file)]
                answer = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
                assert answer.stdout == said
                assert wrong in answer.stderr
            server.terminate()
            assert server.wait(LIMIT) == 0
        finally:
            server.kill()


def test_errors_are_one_line(authority: Authority) -> None:
    for file, said in ((str(authority.ca_file), "cannot use"), ("nowhere", "No such file")):
        command = [*EXAMPLE, "serve", "0", file]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert answer.returncode == 1
        assert said in answer.stderr
        assert answer.stderr.count("\n") == 1

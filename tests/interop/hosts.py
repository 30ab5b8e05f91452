"""Two hosts behind one address, in a box (tools/box): network namespaces with a network for the service, on which the
address moves from one to the other, and one for everything else.

A host that dies says nothing to anybody: its links go down before its processes are killed.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from tests.nfs.test_server_command import ROOT, Process, command

SERVICE: Final = "10.9.0.1"
"""The address that moves."""
OUTSIDE: Final = "10.9.1.254"
"""This side of the hosts' other network."""
PORT: Final = 2049
_CLIENT: Final = "10.9.0.254"


class Host:
    """A network namespace, which does not have the service's address until `take_over`."""

    def __init__(self, name: str, number: int) -> None:
        self.name: Final = name
        self.servers: Final[list[subprocess.Popen[str]]] = []
        self.links: Final[list[str]] = []
        _ip("netns", "add", name)
        self._link("service", "out0")
        self._link("other", "out1")
        self._inside("ip", "address", "add", f"10.9.1.{number}/24", "dev", "other")

    def _link(self, inner: str, bridge: str) -> None:
        outer = f"{self.name}-{inner}"
        self.links.append(outer)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", self.name)
        _ip("link", "set", outer, "master", bridge, "up")
        self._inside("ip", "link", "set", inner, "up")

    def take_over(self) -> None:
        """The service's address is here now."""
        self._inside("ip", "address", "add", f"{SERVICE}/24", "dev", "service")
        self._announce()

    def _announce(self) -> None:
        """Tell who still knows the address elsewhere, as fail-over software does: by asking for the other's."""
        self._inside("ip", "neighbour", "flush", "dev", "service")
        say = f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('{_CLIENT}', 9))"
        self._inside(sys.executable, "-c", say)

    def serve(self, *arguments: str | Path) -> None:
        """Run `examples.nfs serve`, until the host dies or the block of `two_hosts` ends."""
        server = subprocess.Popen(
            [*self._prefix, *command(*arguments, "--host", SERVICE, "--port", str(PORT))],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.servers.append(server)
        assert Process(server).port == PORT
        self._announce()  # once more: a system does not change its mind about an address twice in a second

    def die(self) -> None:
        for link in self.links:
            _ip("link", "set", link, "down")
        self._kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        for link in self.links:
            _ip("link", "delete", link)  # the namespace goes later, when its last socket does

    def _kill(self) -> None:
        for server in self.servers:
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()
        self.servers.clear()

    def _inside(self, *words: str) -> None:
        subprocess.run([*self._prefix, *words], check=True)

    @property
    def _prefix(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.name}"]


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """None of them has the address yet."""
    assert "RPCGSS_BOX" in os.environ, "this needs a network of its own: make interop"
    with ExitStack() as undo:
        for bridge, address in (("out0", _CLIENT), ("out1", OUTSIDE)):
            _ip("link", "add", bridge, "type", "bridge")
            undo.callback(_ip, "link", "delete", bridge)
            _ip("address", "add", f"{address}/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
        hosts = []
        for name, number in (("one", 1), ("two", 2)):
            undo.callback(_ip, "netns", "delete", name)
            hosts.append(undo.enter_context(Host(name, number)))
        yield hosts[0], hosts[1]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)

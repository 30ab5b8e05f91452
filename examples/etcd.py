"""A throwaway etcd: one member, on loopback unless told otherwise, its data in a directory of yours. It ends with this
process, however that ends: its parent is a tiny shell that waits for the end of a pipe of ours."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

START_SECONDS: Final = 20.0
_READY: Final = b"ready to serve client requests"

# Runs a command until its own standard input ends.
_KEEPER: Final = """
"$@" </dev/null &
exec >/dev/null 2>&1
read -r line
kill -9 "$!"
wait "$!"
"""


class EtcdError(Exception):
    """etcd is not there, or did not start; the text says which, and what it said."""


class Member:
    """An etcd process. `url` is its endpoint; it can be stopped and started again at the same place."""

    def __init__(
        self, directory: Path, *, scheme: str = "http", host: str = "127.0.0.1", options: Sequence[str] = ()
    ) -> None:
        self._directory = directory
        self._scheme = scheme
        self._host = host
        self._options = options
        self._port, self._peers = _free_ports(host, 2)
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self._port}"

    def start(self) -> None:
        """Raises EtcdError."""
        program = shutil.which("etcd")
        if program is None:
            raise EtcdError("etcd is not installed: apt install etcd-server, or make setup-test")
        peers = f"http://{self._host}:{self._peers}"
        self._process = subprocess.Popen(
            [
                *("sh", "-c", _KEEPER, "sh", program),
                f"--data-dir={self._directory / 'data'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                *self._options,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        heard = threading.Event()
        said: list[bytes] = []
        self._listener = threading.Thread(target=_listen, args=(self._process, heard, said), daemon=True)
        self._listener.start()
        if not heard.wait(START_SECONDS) or said[-1:] != [_READY]:
            self.stop()
            raise EtcdError(f"etcd did not start: {b''.join(said).decode(errors='replace')[-500:]}")

    def stop(self) -> None:
        if self._process is not None and self._listener is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            self._listener.join()
            self._process = None

    def ask(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """One request without TLS, by somebody who knows etcd's own interface."""
        answer = httpx.post(self.url + path, json=body, trust_env=False)
        answer.raise_for_status()
        found = answer.json()
        assert isinstance(found, dict)
        return found


@contextmanager
def running(member: Member) -> Iterator[Member]:
    member.start()
    try:
        yield member
    finally:
        member.stop()


def _listen(process: subprocess.Popen[bytes], heard: threading.Event, said: list[bytes]) -> None:
    """Keep what it says until it is ready, with `_READY` at the end, or until it ends."""
    assert process.stderr is not None
    with process.stderr as lines:
        for line in lines:
            if not heard.is_set():
                said.append(line)
            if _READY in line and not heard.is_set():
                said.append(_READY)
                heard.set()
    heard.set()


def _free_ports(host: str, count: int) -> list[int]:
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()

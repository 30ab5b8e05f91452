"""A real etcd for tests: one member on loopback, its data in a temporary directory."""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 20.0


class Member:
    """An etcd process. `url` is its endpoint; it can be stopped and started again at the same place."""

    def __init__(self, directory: Path, *, scheme: str = "http", options: Sequence[str] = ()) -> None:
        self._directory = directory
        self._scheme = scheme
        self._options = options
        self._port, self._peers = _free_ports(2)
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._port}"

    def start(self) -> None:
        program = shutil.which("etcd")
        assert program is not None, "etcd is not installed: make setup-test"
        peers = f"http://127.0.0.1:{self._peers}"
        self._process = subprocess.Popen(
            [
                program,
                f"--data-dir={self._directory / 'data'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        ready = threading.Event()
        said: list[bytes] = []
        self._listener = threading.Thread(target=_listen, args=(self._process, ready, said), daemon=True)
        self._listener.start()
        assert ready.wait(START_SECONDS), f"etcd did not start: {b''.join(said).decode(errors='replace')}"

    def stop(self) -> None:
        if self._process is not None and self._listener is not None:
            self._process.kill()
            self._process.wait()
            self._listener.join()
            self._process = None

    def ask(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """One request of a test's own, without TLS."""
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


def _listen(process: subprocess.Popen[bytes], ready: threading.Event, said: list[bytes]) -> None:
    assert process.stderr is not None
    with process.stderr as lines:
        for line in lines:
            said.append(line)
            if b"ready to serve client requests" in line:
                ready.set()
                said.clear()
    ready.set()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()

"""What `bench.restart` and `bench.clients` do together: directed from here, measured there."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

MANY: Final = 32768


class Server:
    """A server's process, killed at the end of the block; and in between, to be started again on the same port."""

    def __init__(self, keyring: Path, *, established: int = MANY, workers: int = 1) -> None:
        self._options: Final = [str(keyring), str(established), str(workers)]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0
        self.listening = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        command = [sys.executable, "-m", "bench.restart", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        _, port, listening = self._process.stdout.readline().split()
        self.port, self.listening = int(port), float(listening)

    def kill(self) -> None:
        """As by ``kill -9``."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class Client:
    """A client's process."""

    def __init__(self, name: str, **arguments: object) -> None:
        command = [sys.executable, "-m", "bench.clients", name, json.dumps(arguments)]
        self._process: Final = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ready(self) -> None:
        if self._line() != "ready\n":
            raise SystemExit("a client did not come so far")

    def go(self) -> None:
        assert self._process.stdin is not None
        print("go", file=self._process.stdin, flush=True)

    def result(self) -> dict[str, Any]:
        line = self._line()
        self._process.communicate()
        if not line:
            raise SystemExit("a client ended without a result")
        found: dict[str, Any] = json.loads(line)
        return found

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def ask(name: str, **arguments: object) -> dict[str, Any]:
    """A client's result."""
    return Client(name, **arguments).result()


@dataclass(slots=True)
class Storm:
    """Contexts that came back after the server's process was killed and started again. Seconds are from the moment in
    which the new one listens; `down` is how long there was none. `cpu`: seconds of all, client and server."""

    contexts: int
    share: bool
    workers: int
    down: float
    ends: list[float]
    failures: int
    fall_backs: int
    recovered: int
    refused: int
    cpu: tuple[float, float]

    def quantile(self, part: float) -> float:
        return self.ends[min(len(self.ends) - 1, int(part * len(self.ends)))]

    @property
    def whole(self) -> bool:
        """Whether all came back as they should."""
        return not self.failures and not self.fall_backs and len(self.ends) == self.recovered == self.contexts


def storm(keyring: Path, contexts: int, *, share: bool = True, workers: int = 1) -> Storm:
    """Kill a server that has so many clients, let all of them call, and start it again."""
    with Server(keyring, workers=workers) as server:
        client = Client("storm", port=server.port, count=contexts, share=share)
        client.ready()
        server.kill()
        killed = time.monotonic()
        client.go()
        server.start()
        found = client.result()
    if found["failures"]:
        print(f"storm of {contexts}: {found['failures'][:3]}", file=sys.stderr)
    return Storm(
        contexts,
        share,
        workers,
        server.listening - killed,
        [end - server.listening for end in found["ends"]],
        len(found["failures"]),
        found["fall_backs"],
        found["recovered"],
        found["tickets"]["refused"],
        (found["cpu"], found["server"]["cpu"]),
    )

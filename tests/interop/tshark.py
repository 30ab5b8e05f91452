"""dumpcap and tshark: what a stranger sees of our traffic."""

import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

END_MARK: Final = b"the end of this recording"
PATIENCE: Final = 30
DISSECTOR: Final = Path(__file__).parents[2] / "contrib" / "wireshark" / "fra1.lua"


@contextmanager
def recording(path: Path, port: int) -> Iterator[None]:
    """Record what goes to and from a port of loopback, to the last octet, into a pcapng file."""
    command = ["dumpcap", "-q", "-i", "lo", "-f", f"port {port}", "-w", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as dumpcap:
        try:
            assert dumpcap.stderr is not None
            said = ""
            while "File: " not in said:
                line = dumpcap.stderr.readline()
                assert line, f"dumpcap has ended: {said}"
                said += line
            yield
            _wait_for_the_end(path, port)
            dumpcap.send_signal(signal.SIGINT)
            assert dumpcap.wait() == 0
        finally:
            dumpcap.kill()


def _wait_for_the_end(path: Path, port: int) -> None:
    """Packets wait in buffers before they are written: one that we know comes last."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(END_MARK, ("127.0.0.1", port))
    end = time.monotonic() + PATIENCE
    while END_MARK not in path.read_bytes():
        assert time.monotonic() < end
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Dissection:
    """A recording as tshark sees it, with or without the service's keys."""

    path: Path
    port: int
    keytab: Path | None = None
    options: tuple[str, ...] = ()

    def with_script(self, key_log: Path | None = None) -> "Dissection":
        """As seen with our own dissector for re-authentication."""
        options = ["-X", f"lua_script:{DISSECTOR}"]
        if key_log is not None:
            options += ["-o", f"fra1.keylog:{key_log}"]
        return replace(self, options=tuple(options))

    def counts(self, field: str, *, where: str = "rpc") -> Counter[str]:
        """How often each value of a field occurs in the frames that a display filter lets through."""
        lines = self._run("-Y", f"tcp && ({where})", "-T", "fields", "-E", "aggregator=|", "-e", field)
        return Counter(value for line in lines for value in line.split("|") if value)

    def errors(self) -> Counter[str]:
        """What its experts find wrong, malformed packets included."""
        return self.counts("_ws.expert.message", where="_ws.expert.severity == error")

    def _run(self, *options: str) -> Sequence[str]:
        keys: list[str] = []
        if self.keytab is not None:
            keys = ["-o", "kerberos.decrypt:true", "-o", f"kerberos.file:{self.keytab}"]
        command = ["tshark", "-r", str(self.path), "-d", f"tcp.port=={self.port},rpc", *keys, *self.options, *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

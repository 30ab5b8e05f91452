"""Debian's rpcbind, for the life of a block; one at a time, in a box (tools/box)."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

RPCBIND_PORT: Final = 111
PATIENCE: Final = 30


@contextmanager
def rpcbind_in_a_box() -> Iterator[None]:
    """It answers when the block begins, and is gone when it ends."""
    assert "RPCGSS_BOX" in os.environ, "this needs a network of its own: make interop"
    Path("/run/rpcbind").mkdir(exist_ok=True)
    with subprocess.Popen(["rpcbind", "-f"]) as process:
        try:
            wait_for(RPCBIND_PORT, process, lambda: "rpcbind did not start")
            yield
        finally:
            process.kill()


def wait_for(port: int, process: "subprocess.Popen[bytes]", last_words: Callable[[], str]) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert process.poll() is None, last_words()
            assert time.monotonic() < end, last_words()
            time.sleep(0.02)

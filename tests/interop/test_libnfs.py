"""libnfs' tools call our NFS server. As Debian builds them they know no Kerberos."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from examples.nfs.admission import Security
from examples.nfs.running import nfs_server
from transport import listen_tcp

pytestmark = pytest.mark.peers

DATA = os.urandom(3_000_001)


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[str]:
    """What follows the path in a URL of the server."""
    for name in ("export/sub", "state"):
        (directory / name).mkdir(parents=True)
    with nfs_server(directory / "export", directory / "state", [Security.SYS]) as server:
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.rpc.serve, listeners)
            yield f"?nfsport={port}&mountport={port}"
            nursery.cancel_scope.cancel()


async def run(*command: str) -> bytes:
    return (await trio.run_process(command, capture_stdout=True)).stdout


async def test_the_tools(tmp_path: Path) -> None:
    """They mount the directory that a file is in."""
    (tmp_path / "source").write_bytes(DATA)
    async with serving(tmp_path) as where:
        url = "nfs://127.0.0.1/sub/file" + where
        await run("nfs-cp", str(tmp_path / "source"), url)
        assert (tmp_path / "export/sub/file").read_bytes() == DATA
        assert await run("nfs-cat", url) == DATA
        listing = (await run("nfs-ls", "-R", "nfs://127.0.0.1/" + where)).decode().split()
    assert "sub" in listing
    assert "sub/file" in listing
    assert str(len(DATA)) in listing

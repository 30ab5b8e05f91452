"""tshark looks at RPC over TLS: the probe, the handshake, and nothing else that it could read."""

import subprocess
from pathlib import Path

import pytest

import rpcgss
from tests.interop.tshark import Dissection, recording
from tests.rpc.program import ECHO
from tests.tls.authority import HOST, Authority, server
from tests.tls.test_sockets import serving

pytestmark = pytest.mark.peers

TEXT = b"what nobody else is to read"


def field(path: Path, port: int, name: str, which: str) -> list[str]:
    """Of frames that a display filter lets through, seen as TLS."""
    command = ["tshark", "-r", str(path), "-d", f"tcp.port=={port},tls", "-Y", which, "-T", "fields", "-e", name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


async def test_a_session(tmp_path: Path) -> None:
    authority, path = Authority.founded(tmp_path / "authority"), tmp_path / "recording"
    ours = authority.client(server_name=HOST)
    async with serving(server(authority.server())) as port:
        with recording(path, port):
            async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client:
                assert await client.call(ECHO, TEXT) == TEXT
    seen = Dissection(path, port)
    assert seen.counts("rpc.msgtyp") == {"0": 1, "1": 1}  # the probe, and its answer
    assert seen.counts("rpc.auth.flavor", where="rpc.msgtyp == 0") == {"7": 1, "0": 1}
    assert field(path, port, "tls.handshake.extensions_alpn_str", "tls.handshake.type == 1") == ["sunrpc"]
    assert field(path, port, "tls.handshake.extensions.supported_version", "tls.handshake.type == 2") == ["0x0304"]
    assert not field(path, port, "frame.number", "_ws.malformed")
    assert TEXT not in path.read_bytes()

"""Certificates for tests, and the two ends that use them."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trio.testing
import trustme

from rpcgss.rpc import AcceptNone, AuthNone, Client, ClientTls, Server, ServerTls, client_tls, open_client, server_tls
from rpcgss.rpc.tls import open_with_tls
from tests.rpc.network import Network
from tests.rpc.program import Program
from transport import StreamChannel

HOST = "server.example"


@dataclass(frozen=True)
class Authority:
    """A certification authority; `ca_file`, and what it issues, are PEM files under `directory`."""

    ca: trustme.CA
    directory: Path
    ca_file: Path

    @classmethod
    def founded(cls, directory: Path) -> "Authority":
        directory.mkdir(exist_ok=True)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(directory / "ca.pem"))
        return cls(ca, directory, directory / "ca.pem")

    def issue(self, *names: str, **options: Any) -> Path:  # noqa: ANN401
        """A file with certificate and key."""
        issued = self.ca.issue_cert(*names, **options)
        path = self.directory / f"{names[0].replace('*', 'any').replace('/', '-')}.{len(options)}.pem"
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def server(self, *names: str, **options: Any) -> ServerTls:  # noqa: ANN401
        """For a server of that name; `options` are those of `server_tls`."""
        return server_tls(self.issue(*(names or (HOST,))), **options)

    def client(self, **options: Any) -> ClientTls:  # noqa: ANN401
        """For a client that trusts this authority; `options` are those of `client_tls`."""
        return client_tls(self.ca_file, **options)

    def context(self, purpose: int = ssl.PROTOCOL_TLS_SERVER, *, alpn: str | None = "sunrpc") -> ssl.SSLContext:
        """For a peer that is not ours."""
        context = ssl.SSLContext(purpose)
        if purpose == ssl.PROTOCOL_TLS_SERVER:
            context.load_cert_chain(self.issue(HOST, "127.0.0.1"))
        else:
            context.load_verify_locations(self.ca_file)
        if alpn is not None:
            context.set_alpn_protocols([alpn])
        return context


def server(tls: ServerTls | None, program: Program | None = None, **options: Any) -> Server:  # noqa: ANN401
    return Server([program or Program()], [AcceptNone()], tls=tls, **options)


@asynccontextmanager
async def client_of(
    net: Network,
    tls: ClientTls | None,
    host: str = HOST,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Client]:
    connect = net.connect if tls is None else partial(open_with_tls, net.connect, host, tls)
    async with open_client(connect, AuthNone(), **options) as client:
        yield client


@asynccontextmanager
async def served_by(stranger: Any) -> AsyncIterator[Any]:  # noqa: ANN401
    """Gives what connects to ``stranger(stream)``."""
    async with trio.open_nursery() as nursery:

        async def connect() -> StreamChannel:
            near, far = trio.testing.memory_stream_pair()
            nursery.start_soon(stranger, far)
            await trio.lowlevel.checkpoint()
            return StreamChannel(near, peer="stranger")

        yield connect
        nursery.cancel_scope.cancel()

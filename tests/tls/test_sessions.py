"""TLS between our own ends: what is agreed on, what is refused, and what each end is told."""

import hashlib
import logging

import pytest
import trio

from rpcgss.rpc import AuthRefused
from rpcgss.rpc.rpc_xdr import auth_stat
from tests.rpc.network import network
from tests.rpc.program import ECHO, Program
from tests.tls.authority import HOST, Authority, client_of, server


@pytest.mark.parametrize("optional", [False, True])
async def test_calls_over_tls(authority: Authority, optional: bool) -> None:
    program, tls = Program(), authority.server(optional=optional)
    async with network(server(tls, program)) as net, client_of(net, authority.client()) as client:
        for size in (0, 5, 70_000, 3_000_000):
            assert await client.call(ECHO, bytes(size)) == bytes(size)
        far = program.calls[0].connection.tls
    assert far is not None
    assert client.tls is None  # it is closed
    assert (far.protocol, far.peer_certificate, far.peer_names) == ("TLSv1.3", None, ())


async def test_both_ends_know_the_session(authority: Authority) -> None:
    program = Program()
    tls = authority.server(client_ca_file=authority.ca_file)
    certificate = authority.issue("client.example", "192.0.2.1")
    ours = authority.client(certificate=certificate)
    async with network(server(tls, program)) as net, client_of(net, ours) as client:
        near = client.tls
        await client.call(ECHO, b"")
        assert client.tls == near
    far = program.calls[0].connection.tls
    assert near is not None
    assert far is not None
    assert near.peer_names == (("DNS", HOST),)
    assert far.peer_names == (("DNS", "client.example"), ("IP Address", "192.0.2.1"))
    assert near.cipher == far.cipher
    assert near.peer_certificate == tls.certificate
    assert near.server_end_point == far.server_end_point == hashlib.sha256(tls.certificate).digest()
    assert "certificate" not in repr(far)


async def test_plaintext_where_tls_is_demanded(authority: Authority) -> None:
    program = Program()
    async with network(server(authority.server(), program)) as net, client_of(net, None) as client:
        for _ in range(2):
            with pytest.raises(AuthRefused) as caught:
                await client.call(ECHO, b"")
            assert caught.value.stat == auth_stat.AUTH_TOOWEAK
    assert not program.calls


async def test_plaintext_where_tls_is_optional(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    program = Program()
    async with network(server(authority.server(optional=True), program)) as net, client_of(net, None) as client:
        assert await client.call(ECHO, b"plain") == b"plain"
    assert program.calls[0].connection.tls is None
    assert "client: plaintext" in caplog.text


async def test_reconnecting_is_over_tls_too(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    program = Program()
    async with network(server(authority.server(), program)) as net, client_of(net, authority.client()) as client:
        await client.call(ECHO, b"one")
        net.cut_all()
        await client.call(ECHO, b"two")
    assert net.connections == 2
    sessions = [call.connection.tls for call in program.calls]
    assert None not in sessions
    assert program.calls[0].connection is not program.calls[1].connection

"""Our server against clients that are not ours: probes where they do not belong, and handshakes that do not succeed."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from rpcgss.rpc import Server, TlsFailed
from rpcgss.rpc.errors import AuthRefused
from rpcgss.rpc.messages import (
    NULL_AUTH,
    AcceptedReply,
    CallHeader,
    DeniedReply,
    encode_auth,
    encode_call_header,
    parse_reply_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth
from rpcgss.rpc.tls import STARTTLS
from tests.rpc.network import network
from tests.rpc.program import ECHO, PROGRAM, VERSION, Program
from tests.tls.authority import HOST, Authority, client_of, server
from transport import StreamChannel, encode_record

MemoryStream = trio.StapledStream[trio.testing.MemorySendStream, trio.testing.MemoryReceiveStream]
AUTH_TLS = opaque_auth(auth_flavor.AUTH_TLS, b"")


def call(
    procedure: int = 0,
    credential: opaque_auth = NULL_AUTH,
    verifier: opaque_auth = NULL_AUTH,
    body: bytes = b"",
    program: int = PROGRAM,
) -> bytes:
    return encode_call_header(CallHeader(7, program, VERSION, procedure), credential) + encode_auth(verifier) + body


PROBE = call(credential=AUTH_TLS)
BODY = ECHO.argument.encode(b"injected")


@asynccontextmanager
async def connection(to: Server) -> AsyncIterator[tuple[StreamChannel, MemoryStream]]:
    """A client's end in plaintext, as a channel and as the stream below."""
    near, far = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(to.serve_channel, StreamChannel(far, peer="stranger"))
        yield StreamChannel(near), near
        nursery.cancel_scope.cancel()


def refusal(record: bytes) -> int:
    reply = parse_reply_untrusted(record)
    assert isinstance(reply, DeniedReply)
    assert isinstance(reply.refusal, AuthRefused)
    return reply.refusal.stat


async def ends(stream: trio.abc.ReceiveStream) -> None:
    """Nothing but the end comes, or an alert before it."""
    with suppress(trio.BrokenResourceError):
        while octets := await stream.receive_some():
            assert octets[:1] == b"\x15"
    await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def secured(
    to: Server, context: ssl.SSLContext, program: int = PROGRAM
) -> AsyncIterator[trio.SSLStream[MemoryStream]]:
    async with connection(to) as (channel, stream):
        await channel.send(call(credential=AUTH_TLS, program=program))
        reply = parse_reply_untrusted(await channel.receive())
        assert isinstance(reply, AcceptedReply)
        assert reply.verifier == STARTTLS
        yield trio.SSLStream(stream, context, server_hostname=HOST)


@pytest.mark.parametrize("program", [PROGRAM, 0, 4711])
async def test_trio_as_a_client(authority: Authority, program: int) -> None:
    """The probe asks the connection, whatever program it names."""
    async with secured(server(authority.server()), authority.context(ssl.PROTOCOL_TLS_CLIENT), program) as stream:
        channel = StreamChannel(stream)
        await channel.send(call(ECHO.number, body=BODY))
        reply = parse_reply_untrusted(await channel.receive())
        assert isinstance(reply, AcceptedReply)
        assert ECHO.result.decode(reply.body) == b"injected"


async def test_a_probe_within_tls(authority: Authority) -> None:
    async with secured(server(authority.server()), authority.context(ssl.PROTOCOL_TLS_CLIENT)) as stream:
        channel = StreamChannel(stream)
        for _ in range(2):
            await channel.send(PROBE)
            assert refusal(bytes(await channel.receive())) == auth_stat.AUTH_BADCRED


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(
    "probe",
    [
        call(1, AUTH_TLS),
        call(1, AUTH_TLS, body=BODY),
        call(credential=AUTH_TLS, body=b"\0" * 4),
        call(credential=opaque_auth(auth_flavor.AUTH_TLS, b"\0")),
        call(credential=AUTH_TLS, verifier=AUTH_TLS),
        call(credential=AUTH_TLS, verifier=opaque_auth(auth_flavor.AUTH_NONE, b"x")),
    ],
    ids=["procedure", "call", "argument", "credential", "verifier", "verifier's body"],
)
async def test_ill_formed_probes(authority: Authority, probe: bytes, optional: bool) -> None:
    program = Program()
    async with connection(server(authority.server(optional=optional), program)) as (channel, _):
        await channel.send(probe)
        assert refusal(bytes(await channel.receive())) == auth_stat.AUTH_BADCRED
    assert not program.calls


@pytest.mark.parametrize("optional", [False, True])
async def test_a_probe_after_a_call(authority: Authority, optional: bool) -> None:
    async with connection(server(authority.server(optional=optional))) as (channel, _):
        await channel.send(call())
        await channel.receive()
        await channel.send(PROBE)
        assert refusal(bytes(await channel.receive())) == auth_stat.AUTH_BADCRED


async def test_no_tls_here() -> None:
    async with connection(server(None)) as (channel, _):
        await channel.send(PROBE)
        assert refusal(bytes(await channel.receive())) == auth_stat.AUTH_REJECTEDCRED


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("cut", [1, 10, None])
async def test_a_call_behind_the_probe(
    authority: Authority, optional: bool, cut: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody between the two puts a call of his own in front of what the client will say under TLS."""
    program = Program()
    async with connection(server(authority.server(optional=optional), program)) as (_, stream):
        await stream.send_all(encode_record(PROBE) + encode_record(call(ECHO.number, body=BODY))[:cut])
        assert await stream.receive_some() == encode_record(
            b"\0\0\0\x07\0\0\0\x01" + bytes(8) + b"\0\0\0\x08STARTTLS" + bytes(4)
        )
        await ends(stream)
    assert not program.calls
    assert "stranger: the peer sent more in plaintext when TLS was to begin; closing the connection" in caplog.text


async def test_a_call_instead_of_a_handshake(authority: Authority) -> None:
    program = Program()
    async with connection(server(authority.server(optional=True), program)) as (channel, stream):
        await channel.send(PROBE)
        await channel.receive()
        await channel.send(call(ECHO.number, body=BODY))
        await ends(stream)
    assert not program.calls


@pytest.mark.parametrize("alpn", [None, "h2"])
async def test_another_application_protocol(
    authority: Authority, alpn: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    context, program = authority.context(ssl.PROTOCOL_TLS_CLIENT, alpn=alpn), Program()
    async with secured(server(authority.server(), program), context) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(encode_record(call(ECHO.number, body=BODY)))
        await ends(stream)
    assert not program.calls
    assert "ALPN" in caplog.text


async def test_an_older_version(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    context = authority.context(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with secured(server(authority.server()), context) as stream:
        with pytest.raises(trio.BrokenResourceError) as caught:
            await stream.do_handshake()
        assert "ALERT_PROTOCOL_VERSION" in str(caught.value.__cause__)
        await stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
    assert "unsupported protocol" in caplog.text


async def test_a_handshake_that_stalls(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    async with connection(server(authority.server())) as (channel, stream):
        await channel.send(PROBE)
        await channel.receive()
        began = trio.current_time()
        await ends(stream)
        assert trio.current_time() - began == pytest.approx(10)


async def test_a_client_that_does_not_trust_us(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    ours = Authority.founded(authority.directory / "distrusted").client()
    async with network(server(authority.server())) as net:
        with pytest.raises(TlsFailed, match="not accepted"):
            async with client_of(net, ours):
                pass
        await trio.testing.wait_all_tasks_blocked()
    assert "tlsv1 alert unknown ca" in caplog.text


# Certificates of clients


@pytest.mark.parametrize("non_idempotent", [(), (ECHO,)])
async def test_a_client_without_its_certificate(authority: Authority, non_idempotent: tuple[()]) -> None:
    """It learns that only with the first reply, and yet at once, and knows that nothing was executed."""
    program = Program()
    demanding = authority.server(client_ca_file=authority.ca_file)
    async with (
        network(server(demanding, program)) as net,
        client_of(net, authority.client(), non_idempotent=non_idempotent) as client,
    ):
        with pytest.raises(TlsFailed, match="certificate required"):
            await client.call(ECHO, b"")
        assert net.connections == 1
    assert not program.calls


async def test_a_client_of_another_authority(authority: Authority) -> None:
    other = Authority.founded(authority.directory / "other")
    program = Program()
    demanding = authority.server(client_ca_file=authority.ca_file)
    ours = authority.client(certificate=other.issue("client.example"))
    async with network(server(demanding, program)) as net, client_of(net, ours) as client:
        with pytest.raises(TlsFailed, match="unknown ca"):
            await client.call(ECHO, b"")
    assert not program.calls


async def test_clients_may_be_anonymous(authority: Authority) -> None:
    program = Program()
    asking = authority.server(client_ca_file=authority.ca_file, anonymous_clients=True)
    for certificate in (None, authority.issue("client.example")):
        ours = authority.client(certificate=certificate)
        async with network(server(asking, program)) as net, client_of(net, ours) as client:
            await client.call(ECHO, b"")
    sessions = [call.connection.tls for call in program.calls]
    assert [session and session.peer_names for session in sessions] == [(), (("DNS", "client.example"),)]

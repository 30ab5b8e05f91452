"""Our client against servers that are not ours: refusals, lies, and certificates that will not do."""

import datetime
import logging
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio

from rpcgss.rpc import AuthNone, ClientTls, ConnectionLost, TlsFailed, open_client
from rpcgss.rpc.errors import AuthRefused, ProgramMismatch, RpcMismatch
from rpcgss.rpc.messages import (
    encode_denied,
    encode_not_executed,
    encode_success,
    message_xid,
    parse_call_untrusted,
)
from rpcgss.rpc.rpc_xdr import auth_flavor, auth_stat, opaque_auth
from rpcgss.rpc.tls import STARTTLS, open_with_tls
from tests.rpc.network import network
from tests.rpc.program import ECHO, NULL, Program
from tests.tls.authority import HOST, Authority, client_of, served_by, server
from transport import StreamChannel, encode_record
from xdr import Buffer

Stranger = Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]

REJECTED = AuthRefused(auth_stat.AUTH_REJECTEDCRED)
REFUSALS = {
    "denied": lambda xid: encode_denied(xid, REJECTED),
    "another RPC": lambda xid: encode_denied(xid, RpcMismatch(3, 3)),
    "no token": lambda xid: encode_success(xid, opaque_auth(auth_flavor.AUTH_NONE, b"")),
    "another token": lambda xid: encode_success(xid, opaque_auth(auth_flavor.AUTH_NONE, b"STARTTLs")),
    "longer token": lambda xid: encode_success(xid, opaque_auth(auth_flavor.AUTH_NONE, b"STARTTLS!")),
    "another flavor": lambda xid: encode_success(xid, opaque_auth(auth_flavor.AUTH_SHORT, b"STARTTLS")),
    "no program": lambda xid: encode_not_executed(xid, opaque_auth(auth_flavor.AUTH_NONE, b""), ProgramMismatch(1, 2)),
}


def answering(reply: Callable[[int], bytes], heard: list[bytes]) -> Stranger:
    """Answers the probe so, and every call after it with success and no result."""

    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        async with StreamChannel(stream) as channel:
            try:
                heard.append(bytes(await channel.receive()))
                await channel.send(reply(message_xid(heard[0]) or 0))
                while True:
                    heard.append(bytes(await channel.receive()))
                    await channel.send(encode_success(message_xid(heard[-1]) or 0, opaque_auth(0, b"")))
            except (trio.EndOfChannel, trio.BrokenResourceError):
                return

    return stranger


def offering(context: ssl.SSLContext, accept: Callable[[int], Buffer] | None = None) -> Stranger:
    """Takes the probe, speaks TLS as trio does it, and answers calls."""

    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        channel = StreamChannel(stream)
        xid = message_xid(await channel.receive()) or 0
        await channel.send(encode_success(xid, STARTTLS) if accept is None else accept(xid))
        try:
            async with StreamChannel(trio.SSLStream(stream, context, server_side=True)) as secure:
                while True:
                    xid = message_xid(await secure.receive()) or 0
                    await secure.send(encode_success(xid, opaque_auth(0, b"")))
        except (trio.EndOfChannel, trio.BrokenResourceError):
            await stream.aclose()

    return stranger


async def fails(stranger: Stranger, tls: ClientTls, match: str, host: str = HOST) -> None:
    async with served_by(stranger) as connect:
        with pytest.raises(TlsFailed, match=match):
            await open_with_tls(connect, host, tls)


async def test_the_probe(authority: Authority) -> None:
    heard: list[bytes] = []
    await fails(answering(REFUSALS["denied"], heard), authority.client(), "does not offer TLS.*AUTH_REJECTEDCRED")
    (record,) = heard
    probe = parse_call_untrusted(record)
    assert (probe.procedure, probe.credential, probe.verifier) == (0, opaque_auth(7, b""), opaque_auth(0, b""))
    assert not probe.body


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_probe(authority: Authority, reply: Callable[[int], bytes]) -> None:
    """Whoever demands TLS says nothing more."""
    heard: list[bytes] = []
    await fails(answering(reply, heard), authority.client(), "does not offer TLS, or somebody between us says so")
    assert len(heard) == 1


@pytest.mark.parametrize("reply", REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_probe_where_plaintext_will_do(
    authority: Authority, reply: Callable[[int], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []
    tls = authority.client(opportunistic=True)
    async with (
        served_by(answering(reply, heard)) as connect,
        open_client(lambda: open_with_tls(connect, HOST, tls), AuthNone()) as client,
    ):
        await client.call(NULL, None)
        assert client.tls is None
    assert len(heard) == 2
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "plaintext" in warning.getMessage()


async def test_our_own_server_without_tls(authority: Authority) -> None:
    program = Program()
    async with network(server(None, program)) as net:
        with pytest.raises(TlsFailed, match="AUTH_REJECTEDCRED"):
            async with client_of(net, authority.client()):
                pass
        async with client_of(net, authority.client(opportunistic=True)) as client:
            assert await client.call(ECHO, b"x") == b"x"
    assert program.calls[0].connection.tls is None


async def test_a_server_that_closes_instead(authority: Authority) -> None:
    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        await StreamChannel(stream).receive()
        await stream.aclose()

    await loses(stranger, authority.client(), "closed the connection when asked")


async def loses(stranger: Stranger, tls: ClientTls, match: str) -> None:
    """The connection, and may try again: it need not have to do with TLS."""
    async with served_by(stranger) as connect:
        with pytest.raises(ConnectionLost, match=match):
            async with open_client(lambda: open_with_tls(connect, HOST, tls), AuthNone()):
                pass


@pytest.mark.parametrize("text", [b"x", b"\0" * 12], ids=["no RPC", "no reply"])
async def test_a_server_that_talks_nonsense(authority: Authority, text: bytes) -> None:
    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        await StreamChannel(stream).send(text)

    async with served_by(stranger) as connect:
        with pytest.raises(ConnectionLost):
            async with open_client(lambda: open_with_tls(connect, HOST, authority.client()), AuthNone()):
                pass


async def test_a_reply_to_another_call(authority: Authority) -> None:
    async with served_by(answering(lambda xid: encode_success(xid ^ 1, STARTTLS), [])) as connect:
        with pytest.raises(ConnectionLost, match="another call"):
            async with open_client(lambda: open_with_tls(connect, HOST, authority.client()), AuthNone()):
                pass


@pytest.mark.parametrize("opportunistic", [False, True])
async def test_plaintext_behind_the_answer(authority: Authority, opportunistic: bool) -> None:
    """What came before the handshake must not be taken for what came after it."""

    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        xid = message_xid(await StreamChannel(stream).receive()) or 0
        await stream.send_all(encode_record(encode_success(xid, STARTTLS)) + b"\x80")

    await fails(stranger, authority.client(opportunistic=opportunistic), "more in plaintext")


@pytest.mark.parametrize("opportunistic", [False, True])
async def test_plaintext_instead_of_a_handshake(authority: Authority, opportunistic: bool) -> None:
    heard: list[bytes] = []

    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        channel = StreamChannel(stream)
        await channel.send(encode_success(message_xid(await channel.receive()) or 0, STARTTLS))
        heard.append(bytes(await stream.receive_some()))
        await channel.send(bytes(64))

    await fails(stranger, authority.client(opportunistic=opportunistic), "handshake failed")
    assert heard[0][:1] == b"\x16"  # a ClientHello, and no call


async def test_a_server_of_other_programs(authority: Authority) -> None:
    """RFC 9289, 4.1: go on even if the NULL call itself did not succeed."""
    stranger = offering(authority.context(), lambda xid: encode_not_executed(xid, STARTTLS, ProgramMismatch(1, 2)))
    async with (
        served_by(stranger) as connect,
        open_client(lambda: open_with_tls(connect, HOST, authority.client()), AuthNone()) as client,
    ):
        await client.call(NULL, None)
        assert client.tls is not None


@pytest.mark.parametrize("alpn", [None, "h2"])
async def test_another_application_protocol(authority: Authority, alpn: str | None) -> None:
    context = authority.context(alpn=alpn)
    await fails(offering(context), authority.client(), "application protocol 'sunrpc'|no application protocol")


async def test_an_older_version(authority: Authority) -> None:
    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    await loses(offering(context), authority.client(), "closed during the TLS handshake")


@pytest.mark.parametrize(
    ("names", "host", "match"),
    [
        (["other.example"], HOST, "Hostname mismatch"),
        (["192.0.2.1"], "192.0.2.2", "IP address mismatch"),
        (["192.0.2.1"], HOST, "Hostname mismatch"),
        (["*.example"], HOST, "Hostname mismatch|by a wildcard only"),
        (["*.sub.example"], "a.sub.example", "by a wildcard only"),
    ],
)
async def test_certificates_for_others(authority: Authority, names: list[str], host: str, match: str) -> None:
    context = authority.context()
    context.load_cert_chain(authority.issue(*names))
    await fails(offering(context), authority.client(), match, host)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["fe80::1"], "fe80::1%eth0"),
        (["a.sub.example", "*.sub.example"], "A.sub.example"),
        (["xn--bcher-kva.example"], "b\xfccher.example"),
    ],
)
async def test_certificates_for_us(authority: Authority, names: list[str], host: str) -> None:
    context = authority.context()
    context.load_cert_chain(authority.issue(*names))
    async with served_by(offering(context)) as connect:
        channel = await open_with_tls(connect, host, authority.client())
        assert channel.tls is not None
        await channel.aclose()


async def test_a_name_of_the_users_choice(authority: Authority) -> None:
    async with served_by(offering(authority.context())) as connect:
        channel = await open_with_tls(connect, "198.51.100.7", authority.client(server_name=HOST))
        await channel.aclose()
    await fails(offering(authority.context()), authority.client(server_name="other.example"), "mismatch", HOST)
    await fails(offering(authority.context()), authority.client(server_name=""), "no TLS")


async def test_an_expired_certificate(authority: Authority) -> None:
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    context = authority.context()
    context.load_cert_chain(authority.issue(HOST, not_after=yesterday))
    await fails(offering(context), authority.client(), "certificate has expired")


async def test_an_unknown_authority(authority: Authority) -> None:
    stranger = Authority.founded(authority.directory / "another")
    await fails(offering(stranger.context()), authority.client(), "unable to get local issuer|self-signed")


async def test_a_server_that_stalls(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        channel = StreamChannel(stream)
        await channel.send(encode_success(message_xid(await channel.receive()) or 0, STARTTLS))
        await trio.sleep_forever()

    began = trio.current_time()
    await loses(stranger, authority.client(), "no TLS handshake within 10 s")
    assert trio.current_time() - began == pytest.approx(10)


async def test_a_server_that_does_not_answer(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        await trio.sleep_forever()

    async with served_by(stranger) as connect:
        with pytest.raises(ConnectionLost, match="no connection within 20 s"):
            async with open_client(lambda: open_with_tls(connect, HOST, authority.client()), AuthNone()):
                pass


async def test_a_server_that_goes_down_during_the_handshake(
    authority: Authority, autojump_clock: trio.abc.Clock
) -> None:
    """The call goes to its successor, as without TLS."""
    good = network(server(authority.server()))
    async with good as net, client_of(net, authority.client()) as client:
        await client.call(ECHO, b"")
        net.cuts = [(None, octets) for octets in (0, 10, 36, 40, 200)]
        net.cut_all()
        assert await client.call(ECHO, b"again") == b"again"
        assert net.connections == 7


async def test_waiting_calls_hear_of_a_failed_handshake(authority: Authority, autojump_clock: trio.abc.Clock) -> None:
    """They would try in vain until their time is up; the next call tries again."""
    async with network(server(authority.server())) as net, client_of(net, authority.client()) as client:
        await client.call(ECHO, b"")
        net.server = server(authority.server("other.example"))
        net.cut_all()
        began = trio.current_time()
        for _ in range(2):
            with pytest.raises(TlsFailed, match="Hostname mismatch"):
                await client.call(ECHO, b"")
        assert trio.current_time() - began < 5
        net.server = server(authority.server())
        assert await client.call(ECHO, b"back") == b"back"
        assert client.outstanding == 0

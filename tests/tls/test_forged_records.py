"""Sessions that begin well, and go on with what OpenSSL would not send."""

import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from rpcgss.rpc import AuthNone, OutcomeUnknown, TlsFailed, open_client
from rpcgss.rpc.errors import CallFailed
from rpcgss.rpc.messages import AcceptedReply, encode_success, message_xid, parse_reply_untrusted
from rpcgss.rpc.tls import STARTTLS, open_with_tls
from tests.rpc.program import ECHO
from tests.tls.authority import HOST, Authority, served_by, server
from tests.tls.forging import Forger
from tests.tls.test_strange_clients import BODY, call, secured
from transport import StreamChannel, encode_record

CERTIFICATE_UNKNOWN, BAD_RECORD_MAC, INTERNAL_ERROR = 46, 20, 80


def talkative(authority: Authority, purpose: int, keys: Path) -> ssl.SSLContext:
    context = authority.context(purpose)
    context.keylog_filename = str(keys)
    if purpose == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    return context


async def test_a_client_that_changes_its_keys(authority: Authority, tmp_path: Path) -> None:
    """As often as it likes, as long as it calls now and then."""
    context = talkative(authority, ssl.PROTOCOL_TLS_CLIENT, tmp_path / "keys")
    async with secured(server(authority.server()), context) as stream:
        await stream.do_handshake()
        forger, channel = Forger(tmp_path / "keys", "CLIENT"), StreamChannel(stream)
        for _ in range(10):
            await stream.transport_stream.send_all(
                b"".join(forger.new_keys() for _ in range(100)) + forger.data(encode_record(call(1, body=BODY)))
            )
            reply = parse_reply_untrusted(await channel.receive())
            assert isinstance(reply, AcceptedReply)
            assert ECHO.result.decode(reply.body) == b"injected"


async def test_a_client_that_wants_new_keys_and_nothing_else(authority: Authority, tmp_path: Path) -> None:
    """Each is answered by one of ours, which waits in memory for something to be sent."""
    context = talkative(authority, ssl.PROTOCOL_TLS_CLIENT, tmp_path / "keys")
    async with secured(server(authority.server()), context) as stream:
        await stream.do_handshake()
        forger = Forger(tmp_path / "keys", "CLIENT")
        wire = stream.transport_stream
        await wire.send_all(b"".join(forger.new_keys() for _ in range(1000)))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            await wire.send_all(forger.new_keys())


async def alerted(authority: Authority, keys: Path, alert: int, **options: Any) -> CallFailed:  # noqa: ANN401
    """What a caller hears if his call is answered by `alert`."""

    async def stranger(stream: trio.abc.HalfCloseableStream) -> None:
        plain = StreamChannel(stream)
        await plain.send(encode_success(message_xid(await plain.receive()) or 0, STARTTLS))
        secure = trio.SSLStream(stream, talkative(authority, ssl.PROTOCOL_TLS_SERVER, keys), server_side=True)
        await StreamChannel(secure).receive()
        await stream.send_all(Forger(keys, "SERVER").alert(alert))
        await stream.send_eof()

    async with (
        served_by(stranger) as connect,
        open_client(lambda: open_with_tls(connect, HOST, authority.client()), AuthNone(), **options) as client,
    ):
        with pytest.raises(CallFailed) as caught:
            await client.call(ECHO, b"")
    return caught.value


async def test_an_alert_after_a_call(authority: Authority, tmp_path: Path) -> None:
    """Who damages a record makes the server say so, after it has acted upon earlier ones."""
    for alert in (BAD_RECORD_MAC, INTERNAL_ERROR):
        failure = await alerted(authority, tmp_path / str(alert), alert, non_idempotent=[ECHO])
        assert isinstance(failure, OutcomeUnknown)


async def test_an_alert_that_refuses_us(authority: Authority, tmp_path: Path) -> None:
    failure = await alerted(authority, tmp_path / "keys", CERTIFICATE_UNKNOWN, non_idempotent=[ECHO])
    assert isinstance(failure, TlsFailed)

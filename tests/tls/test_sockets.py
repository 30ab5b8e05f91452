"""TLS on real sockets: against OpenSSL's own client and Python's ssl module, and with all that goes on top of it."""

import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.lowlevel

import rpcgss
from examples.realm import Realm
from rpcgss import asyncio as rpcgss_asyncio
from rpcgss import blocking
from rpcgss.rpc.messages import NULL_AUTH, AcceptedReply, encode_success, message_xid, parse_reply_untrusted
from rpcgss.rpc.tls import STARTTLS, open_with_tls
from tests.rpc.program import ECHO, HOLD, NULL, Program
from tests.tls.authority import HOST, Authority, server
from tests.tls.test_strange_clients import PROBE, call
from transport import encode_record, open_unix

LIMIT = 30
LARGE = bytes(range(256)) * 4096


@asynccontextmanager
async def serving(working: rpcgss.Server) -> AsyncIterator[int]:
    """Gives the port."""
    listeners = await rpcgss.listen_tcp(0, "127.0.0.1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(working.serve, listeners, drain_seconds=LIMIT))
        yield listeners[0].socket.getsockname()[1]
        working.stop()


def read_record(read: Callable[[int], bytes]) -> bytes:
    header = read_exactly(read, 4)
    assert header[0] & 0x80
    return read_exactly(read, int.from_bytes(header) & 0x7FFFFFFF)


def read_exactly(read: Callable[[int], bytes], octets: int) -> bytes:
    got = b""
    while len(got) < octets:
        more = read(octets - len(got))
        assert more, "the connection ended"
        got += more
    return got


def probed(port: int) -> socket.socket:
    """A connection on which the handshake is next."""
    plain = socket.create_connection(("127.0.0.1", port), LIMIT)
    plain.sendall(encode_record(PROBE))
    reply = parse_reply_untrusted(read_record(plain.recv))
    assert isinstance(reply, AcceptedReply)
    assert reply.verifier == STARTTLS
    return plain


def echo_by_hand(write: Callable[[bytes], object], read: Callable[[int], bytes], text: bytes) -> bytes:
    write(encode_record(call(ECHO.number, body=bytes(ECHO.argument.encode(text)))))
    reply = parse_reply_untrusted(read_record(read))
    assert isinstance(reply, AcceptedReply)
    return ECHO.result.decode(reply.body)


@pytest.mark.parametrize("stop", [False, True], ids=["client ends", "server ends"])
async def test_python_as_a_client(authority: Authority, stop: bool) -> None:
    """Both ends announce the end of the session."""
    context = authority.context(ssl.PROTOCOL_TLS_CLIENT)
    working = server(authority.server())

    def ask(port: int) -> None:
        with context.wrap_socket(probed(port), server_hostname=HOST, suppress_ragged_eofs=False) as secure:
            assert secure.version() == "TLSv1.3"
            assert secure.selected_alpn_protocol() == "sunrpc"
            for text in (b"", b"hello", LARGE):
                assert echo_by_hand(secure.sendall, secure.recv, text) == text
            if stop:
                trio.from_thread.run_sync(working.stop)
                assert secure.recv(1) == b""  # and no SSLEOFError
            else:
                secure.unwrap().close()

    async with serving(working) as port:
        await trio.to_thread.run_sync(ask, port)


@contextmanager
def relay_after_probe(port: int) -> Iterator[int]:
    """A port at which the probe is over: for clients that know TLS and not RPC."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # openssl is killed in the end
            while octets := source.recv(65536):
                sink.sendall(octets)
            sink.shutdown(socket.SHUT_WR)

    def relay() -> None:
        near, _ = listener.accept()
        with near, probed(port) as far:
            back = threading.Thread(target=pump, args=(far, near))
            back.start()
            pump(near, far)
            back.join(LIMIT)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=relay)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(LIMIT)
        assert not thread.is_alive()


async def test_openssl_as_a_client(authority: Authority) -> None:
    def ask(port: int) -> None:
        with relay_after_probe(port) as front:
            command = ["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{front}", "-alpn", "sunrpc"]
            trust = ["-CAfile", str(authority.ca_file), "-verify_return_error", "-verify_hostname", HOST]
            client = subprocess.Popen(
                [*command, *trust], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
            with client:
                assert client.stdin is not None
                assert client.stdout is not None
                try:
                    assert echo_by_hand(client.stdin.write, client.stdout.read, b"by openssl") == b"by openssl"
                finally:
                    client.kill()

    async with serving(server(authority.server())) as port:
        await trio.to_thread.run_sync(ask, port)


async def test_python_as_a_server(authority: Authority) -> None:
    context = authority.context()
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED
    ends: list[bytes] = []
    certificates: list[object] = []

    def serve(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        xid = message_xid(read_record(plain.recv)) or 0
        plain.sendall(encode_record(encode_success(xid, STARTTLS)))
        with context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as secure:
            assert secure.selected_alpn_protocol() == "sunrpc"
            certificates.append(dict(secure.getpeercert() or {})["subjectAltName"])
            for _ in range(2):
                record = read_record(secure.recv)
                secure.sendall(encode_record(encode_success(message_xid(record) or 0, NULL_AUTH) + record[40:]))
            ends.append(secure.recv(1))

    ours = authority.client(certificate=authority.issue("client.example"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, serve, listener)
            port = listener.getsockname()[1]
            async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client:
                assert await client.call(ECHO, b"hello") == b"hello"
                assert await client.call(ECHO, LARGE) == LARGE
    assert ends == [b""]
    assert certificates == [(("DNS", "client.example"),)]


async def test_many_calls_of_which_some_are_cancelled(authority: Authority) -> None:
    """What is encrypted must leave in this order and as a whole, whatever becomes of who sent it."""
    ours = authority.client(server_name=HOST)
    async with (
        serving(server(authority.server())) as port,
        rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client,
    ):
        right: list[bool] = []

        async def echo(number: int) -> None:
            text = bytes([number]) * (number * 20_000)
            right.append(await client.call(ECHO, text) == text)

        async def give_up(number: int) -> None:
            with trio.move_on_after(0.0005 * number):
                await client.call(ECHO, LARGE)

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(echo, number)
                nursery.start_soon(give_up, number)
        assert right == [True] * 40
        assert client.counters.connections == 1
        assert client.outstanding == 0


async def test_a_refused_certificate_is_told_of_over_real_connections(authority: Authority) -> None:
    """Closing at once would let the kernel throw the alert away."""
    demanding = authority.server(client_ca_file=authority.ca_file)
    ours = authority.client(server_name=HOST)
    async with serving(server(demanding)) as port:
        for _ in range(10):
            async with rpcgss.connect_tcp(
                "127.0.0.1", port, rpcgss.AuthNone(), tls=ours, non_idempotent=[ECHO]
            ) as client:
                with pytest.raises(rpcgss.TlsFailed, match="certificate required"):
                    await client.call(ECHO, bytes(100_000))


async def test_who_stalls_does_not_keep_others_out(authority: Authority) -> None:
    offered = rpcgss.ServerTls(authority.context(), handshake_seconds=0.2)
    async with serving(server(offered, max_connections=1)) as port:
        with await trio.to_thread.run_sync(probed, port):
            ours = authority.client(server_name=HOST)
            async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client:
                await client.call(NULL, None)


async def test_stopping_during_a_handshake(authority: Authority) -> None:
    working = server(authority.server())
    async with serving(working) as port:
        with await trio.to_thread.run_sync(probed, port) as plain:
            working.stop()
            assert await trio.to_thread.run_sync(plain.recv, 1) == b""


async def test_draining_over_tls(authority: Authority) -> None:
    program = Program()
    working = server(authority.server(), program)
    ours = authority.client(server_name=HOST)
    answers: list[bytes] = []
    async with serving(working) as port, trio.open_nursery() as nursery:
        async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client:

            async def hold() -> None:
                answers.append(await client.call(HOLD, b"held"))

            async with trio.open_nursery() as calls:
                calls.start_soon(hold)
                while not program.running:
                    await trio.lowlevel.checkpoint()
                working.stop()
                program.gate.set()
        nursery.cancel_scope.cancel()
    assert answers == [b"held"]


async def test_not_over_unix_sockets(authority: Authority, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with pytest.raises(ValueError, match="TLS is for TCP"):
        await server(authority.server()).serve([rpcgss.listen_unix(path)])
    assert not (tmp_path / "socket").exists()
    listener = rpcgss.listen_unix(path)
    async with trio.open_nursery() as nursery:

        async def answer() -> None:
            async with await listener.accept() as stream:
                record = await stream.receive_some(1000)
                xid = message_xid(bytes(record[4:])) or 0
                await stream.send_all(encode_record(encode_success(xid, STARTTLS)))
                await stream.receive_some()

        nursery.start_soon(answer)
        async with listener:
            with pytest.raises(rpcgss.TlsFailed, match="not for Unix sockets"):
                await open_with_tls(partial(open_unix, path), HOST, authority.client())
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("service", list(rpcgss.GssService), ids=["krb5", "krb5i", "krb5p"])
async def test_kerberos_over_tls(authority: Authority, realm: Realm, service: rpcgss.GssService) -> None:
    """And a ticket instead of a new context, on the connection that is protected already."""
    program = Program()
    acceptor = rpcgss.GssapiAcceptor(["nfs@localhost"], realm.service_keytab)
    tickets = rpcgss.TicketServer(rpcgss.FixedKeys.random())
    gss = rpcgss.GssServerFlavor(acceptor, extension=tickets)
    working = rpcgss.Server([program], [gss], tls=authority.server())
    events: list[rpcgss.ClientEvent] = []
    flavor = rpcgss.GssFlavor("nfs@localhost", service=service, extension=rpcgss.TicketClient())
    flavor.events.append(events.append)
    ours = authority.client(server_name=HOST)
    async with (
        serving(working) as port,
        rpcgss.connect_tcp("127.0.0.1", port, flavor, tls=ours) as client,
    ):
        for text in (b"", b"hello", LARGE):
            assert await client.call(ECHO, text) == text
        gss.store.drop_all(trio.current_time())
        assert await client.call(ECHO, b"again") == b"again"
        assert [event.kind.value for event in events] == ["established", "lost", "recovered"]
        assert client.counters.connections == 1
    assert all(call.connection.tls is not None for call in program.calls)


async def test_a_policy_that_maps_certificates(authority: Authority) -> None:
    def policy(call: rpcgss.Call) -> None:
        session = call.connection.tls
        if session is None or ("DNS", "admin.example") not in session.peer_names:
            raise rpcgss.AuthRefused(5, "for the administrator")

    offered = authority.server(client_ca_file=authority.ca_file, anonymous_clients=True)
    async with serving(server(offered, policy=policy)) as port:
        for certificate, welcome in ((None, False), ("user.example", False), ("admin.example", True)):
            file = None if certificate is None else authority.issue(certificate)
            ours = authority.client(server_name=HOST, certificate=file)
            async with rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client:
                if welcome:
                    await client.call(NULL, None)
                else:
                    with pytest.raises(rpcgss.AuthRefused):
                        await client.call(NULL, None)


def test_blocking(authority: Authority) -> None:
    ours = authority.client(server_name=HOST)
    with (
        blocking.serve_tcp(server(authority.server()), 0, "127.0.0.1") as working,
        blocking.connect_tcp("127.0.0.1", working.port, rpcgss.AuthNone(), tls=ours) as client,
    ):
        assert client.tls is not None
        assert client.call(ECHO, LARGE) == LARGE


def test_asyncio(authority: Authority) -> None:
    import asyncio

    async def main() -> None:
        ours = authority.client(server_name=HOST)
        async with (
            rpcgss_asyncio.serve_tcp(server(authority.server()), 0, "127.0.0.1") as working,
            rpcgss_asyncio.connect_tcp("127.0.0.1", working.port, rpcgss.AuthNone(), tls=ours) as client,
        ):
            assert client.tls is not None
            assert await client.call(ECHO, LARGE) == LARGE

    asyncio.run(main())


async def test_what_was_chosen_can_be_audited(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 9289, 7.1."""
    caplog.set_level(logging.INFO)
    ours = authority.client(server_name=HOST)
    async with (
        serving(server(authority.server())) as port,
        rpcgss.connect_tcp("127.0.0.1", port, rpcgss.AuthNone(), tls=ours) as client,
    ):
        await client.call(NULL, None)
    told = [getattr(record, "rpc", {}) for record in caplog.records]
    assert sorted(fields["names"] for fields in told if fields.get("event") == "tls.begun") == [(), (("DNS", HOST),)]

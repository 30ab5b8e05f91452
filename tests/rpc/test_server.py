"""A server against raw records: each refusal of RFC 5531 to the octet, limits, and what strangers may try."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    Anonymous,
    AuthNone,
    AuthRefused,
    AuthSys,
    Call,
    Server,
    ServerFault,
    UnixIdentity,
    open_client,
    stopping_on_signals,
)
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_auth, encode_call_header
from rpcgss.rpc.rpc_xdr import auth_stat, opaque_auth
from tests.rpc.network import network
from tests.rpc.program import ECHO, HOLD, PROGRAM, VERSION, Program
from transport import StreamChannel, listen_tcp, memory_channel_pair, open_tcp


def call_record(
    procedure: int = 0,
    body: bytes = b"",
    *,
    xid: int = 5,
    program: int = PROGRAM,
    version: int = VERSION,
    credential: opaque_auth = NULL_AUTH,
) -> bytes:
    return encode_call_header(CallHeader(xid, program, version, procedure), credential) + encode_auth(NULL_AUTH) + body


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[StreamChannel]:
    near, far = memory_channel_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, far)
        yield near
        nursery.cancel_scope.cancel()


def make_server(**options: object) -> tuple[Server, Program]:
    program = Program()
    return Server([program], [AcceptNone(), AcceptSys()], **options), program  # type: ignore[arg-type]


ACCEPTED = "00000005 00000001 00000000 00000000 00000000"
DENIED = "00000005 00000001 00000001"


@pytest.mark.parametrize(
    ("record", "reply"),
    [
        (call_record(0), f"{ACCEPTED} 00000000"),
        (call_record(1, bytes.fromhex("0000000161000000")), f"{ACCEPTED} 00000000 00000001 61000000"),
        (call_record(program=77), f"{ACCEPTED} 00000001"),
        (call_record(version=9), f"{ACCEPTED} 00000002 00000003 00000003"),
        (call_record(77), f"{ACCEPTED} 00000003"),
        (call_record(5), f"{ACCEPTED} 00000003"),
        (call_record(1, b"\0\0\0"), f"{ACCEPTED} 00000004"),
        (call_record(0, bytes(4)), f"{ACCEPTED} 00000004"),
        (call_record(3), f"{ACCEPTED} 00000005"),
        (call_record(4), f"{ACCEPTED} 00000005"),
        (
            call_record().replace(bytes.fromhex("00000002"), bytes.fromhex("00000003"), 1),
            f"{DENIED} 00000000 00000002 00000002",
        ),
        (call_record(credential=opaque_auth(1, b"bad!")), f"{DENIED} 00000001 00000001"),
        (call_record(credential=opaque_auth(3, b"")), f"{DENIED} 00000001 00000002"),
        (call_record()[:28] + bytes.fromhex("00000191"), f"{DENIED} 00000001 00000001"),
        (call_record()[:36] + bytes.fromhex("00000191"), f"{DENIED} 00000001 00000003"),
    ],
    ids=[
        "ok",
        "echo",
        "prog_unavail",
        "prog_mismatch",
        "proc_unavail",
        "not_implemented",
        "garbage",
        "leftover",
        "fault",
        "bad_result",
        "rpc_mismatch",
        "badcred",
        "unknown_flavor",
        "long_credential",
        "long_verifier",
    ],
)
async def test_replies_to_the_octet(record: bytes, reply: str, caplog: pytest.LogCaptureFixture) -> None:
    server, _ = make_server()
    async with serving(server) as channel:
        await channel.send(record)
        answer = await channel.receive()
        assert answer.hex() == reply.replace(" ", "")
        assert b"secret" not in answer
        await channel.send(call_record(xid=6))
        assert (await channel.receive())[:4] == bytes([0, 0, 0, 6])


async def test_the_range_of_versions() -> None:
    class Newer(Program):
        VERSION = 5

    server = Server([Program(), Newer()], [AcceptNone()])
    async with serving(server) as channel:
        await channel.send(call_record(version=4))
        assert (await channel.receive()).hex().endswith("00000002" + "00000003" + "00000005")
    with pytest.raises(ValueError, match="there twice"):
        Server([Program(), Program()], [])


@pytest.mark.parametrize(
    "octets",
    [
        b"\x80\0\0\x04junk",
        b"\x80\0\0\x0c" + bytes.fromhex("000000050000000100000000"),
        b"\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["short", "a_reply", "four_gigabytes", "http"],
)
async def test_a_peer_that_does_not_speak_rpc_is_closed_and_others_are_served(
    octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = make_server(max_record=65536)
    near, far = trio.testing.memory_stream_pair()
    async with serving(server) as other, trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(far, peer="stranger", max_record=65536))
        await near.send_all(octets)
        assert await near.receive_some() == b""
        await other.send(call_record())
        assert (await other.receive()).hex() == f"{ACCEPTED} 00000000".replace(" ", "")
    assert [record.message for record in caplog.records if "stranger" in record.message]


def test_identities_are_written_for_people() -> None:
    assert str(Anonymous()) == "anonymous"
    claimed = UnixIdentity(machine="here\x1b[2J", uid=7, gid=8, gids=())
    assert str(claimed) == "uid 7 of 'here\\x1b[2J' (claimed)"


class Plain(Program):
    def ECHO(self, call: Call, arg: bytes) -> bytes:  # type: ignore[override]
        return arg


async def test_a_method_that_is_not_async_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with network(Server([Plain()], [AcceptNone()])) as net, open_client(net.connect, AuthNone()) as client:
        with pytest.raises(ServerFault):
            await client.call(ECHO, b"x")
    assert "ECHO is a plain method: make it async" in caplog.text


async def test_what_is_easily_confused_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="AcceptNone"):
        Server([], [AuthNone()])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="no server's flavor"):
        Server([], [AcceptNone])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="give an instance"):
        Server([Program], [])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="flavor 0 is there twice"):
        Server([], [AcceptNone(), AcceptNone()])
    with pytest.raises(TypeError, match="server_tls"):
        Server([], [AcceptNone()], tls="server.pem")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'ECHO' is no procedure"):
        Server([Program()], [AcceptNone()], non_idempotent=["ECHO"])  # type: ignore[list-item]
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with listener:
        with pytest.raises(TypeError, match="is a list"):
            await Server([], []).serve(listener)  # type: ignore[arg-type]


async def test_identities_and_policy() -> None:
    def no_uid_7(call: Call) -> None:
        if isinstance(call.identity, UnixIdentity) and call.identity.uid == 7:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK)

    server, program = make_server(policy=no_uid_7)
    async with network(server) as net:
        for flavor in (AuthSys(machine="here", uid=1, gid=2, gids=(3, 4)), AuthSys(machine="here", uid=7, gid=2)):
            async with open_client(net.connect, flavor) as client:
                if flavor._credential.body[12:16] == bytes([0, 0, 0, 7]):
                    with pytest.raises(AuthRefused, match="AUTH_TOOWEAK"):
                        await client.call(ECHO, b"no")
                else:
                    await client.call(ECHO, b"yes")
        async with serving(server) as channel:
            await channel.send(call_record())
            await channel.receive()
    assert [call.identity for call in program.calls] == [
        UnixIdentity(machine="here", uid=1, gid=2, gids=(3, 4)),
        Anonymous(),
    ]
    assert program.executed == {b"yes": 1}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_a_policy_that_answers_lets_nobody_in() -> None:
    """An async one, which nobody awaits, or one that says False, would else let everybody in."""

    async def nobody(_call: Call) -> None:
        raise AuthRefused(auth_stat.AUTH_TOOWEAK)

    for policy in (nobody, lambda _call: False, lambda _call: True):
        server, program = make_server(policy=policy)
        async with network(server) as net, open_client(net.connect, AuthNone()) as client:
            with pytest.raises(ServerFault):
                await client.call(ECHO, b"no")
        assert not program.executed


async def test_calls_at_once_are_bounded_by_not_reading() -> None:
    server, program = make_server(max_calls_per_connection=3)
    async with serving(server) as channel:
        for xid in range(10):
            await channel.send(call_record(2, bytes(4), xid=xid))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 3
        program.gate.set()
        assert {(await channel.receive())[3] for _ in range(10)} == set(range(10))
    assert program.most_running == 3


async def test_calls_in_all_are_bounded_and_idle_connections_take_no_place() -> None:
    server, program = make_server(max_calls=2)
    async with serving(server), serving(server), serving(server) as one, serving(server) as two:
        for channel in (one, two):
            for xid in range(3):
                await channel.send(call_record(2, bytes(4), xid=xid))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 2
        program.gate.set()
        for channel in (one, two):
            for _ in range(3):
                await channel.receive()
    assert program.most_running == 2


async def test_a_connection_whose_calls_never_end_leaves_places_to_others() -> None:
    server, program = make_server(max_calls=8)
    async with serving(server) as greedy, serving(server) as greedy_too, serving(server) as modest:
        for channel in (greedy, greedy_too):
            for xid in range(20):
                await channel.send(call_record(2, bytes(4), xid=xid))
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 6
        await modest.send(call_record())
        assert (await modest.receive())[3] == 5


async def test_a_peer_that_never_reads_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    class Clogged(trio.abc.Stream):
        """Takes calls in and lets no reply out."""

        def __init__(self, stream: trio.abc.Stream) -> None:
            self.stream = stream

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await trio.sleep_forever()

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            return await self.stream.receive_some(max_bytes)

        async def wait_send_all_might_not_block(self) -> None:
            raise NotImplementedError

        async def aclose(self) -> None:
            await self.stream.aclose()

    server, _ = make_server(send_seconds=10)
    near, far = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, StreamChannel(Clogged(far), peer="mute"))
        channel = StreamChannel(near)
        await channel.send(call_record())
        started = trio.current_time()
        with pytest.raises(trio.EndOfChannel):
            await channel.receive()
        assert trio.current_time() - started == pytest.approx(10)


async def test_a_peer_that_goes_away_does_not_stop_its_calls() -> None:
    server, program = make_server()
    near, far = memory_channel_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_channel, far)
        await near.send(call_record(2, bytes(4)))
        await trio.testing.wait_all_tasks_blocked()
        await near.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert program.running == 1
        program.gate.set()
    assert program.running == 0


async def test_stopping_lets_calls_end_and_refuses_new_ones() -> None:
    server, program = make_server()
    (listener,) = await listen_tcp(0, "127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        channel = await open_tcp("127.0.0.1", port)
        await channel.send(call_record(2, bytes(4)))
        while not program.running:
            await trio.testing.wait_all_tasks_blocked(0.001)
        server.stop()
        await trio.testing.wait_all_tasks_blocked()
        await channel.send(call_record(1, bytes(4), xid=6))
        with pytest.raises(OSError, match=f"{port}"):
            await open_tcp("127.0.0.1", port)
        program.gate.set()
        assert (await channel.receive())[3] == 5
        with pytest.raises(trio.EndOfChannel):
            await channel.receive()
        await channel.aclose()
    assert program.executed == {b"": 1}


async def test_what_does_not_end_is_cancelled_at_the_deadline(autojump_clock: trio.testing.MockClock) -> None:
    server, program = make_server()
    (listener,) = await listen_tcp(0, "127.0.0.1")
    autojump_clock.autojump_threshold = 0.02  # real sockets
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(server.serve, [listener], drain_seconds=5))
        channel = await open_tcp("127.0.0.1", listener.socket.getsockname()[1])
        await channel.send(call_record(2, bytes(4)))
        while not program.running:
            await trio.testing.wait_all_tasks_blocked(0.001)
        server.stop()
    assert program.running == 0
    await channel.aclose()


async def test_sigterm_stops() -> None:
    server, _ = make_server()
    (listener,) = await listen_tcp(0, "127.0.0.1")
    async with stopping_on_signals(server), trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with open_client(partial(open_tcp, "127.0.0.1", listener.socket.getsockname()[1]), AuthSys()) as client:
            assert await client.call(ECHO, b"x") == b"x"
        signal.raise_signal(signal.SIGTERM)


async def test_hold_and_echo_interleave() -> None:
    server, program = make_server()
    async with network(server) as net, open_client(net.connect, AuthSys()) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.call, HOLD, b"slow")
        await trio.testing.wait_all_tasks_blocked()
        assert await client.call(ECHO, b"quick") == b"quick"
        program.gate.set()

"""Programs by number, over real sockets: our client, server and portmapper, and what goes wrong."""

import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing

import rpcgss.binding
from rpcgss.binding import addresses_of, find, open_local_rpcbind, open_rpcbind, port_of, registered
from rpcgss.connect import connect_program
from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    AuthNone,
    BadReply,
    Call,
    ConnectionLost,
    NotRegistered,
    Portmapper,
    Refusal,
    Registration,
    RegistrationFailed,
    Server,
    client_tls,
)
from rpcgss.rpc.flavors import Connection
from rpcgss.rpc.rpcbind_xdr import RPCBVERS4_Service, rp__list, rpcb
from rpcgss.rpc.universal import InternetAddress, LocalAddress, Netid
from tests.rpc.program import ECHO, PROGRAM, VERSION, Program
from transport import Listener, StreamChannel, listen_tcp, listen_udp, listen_unix


@dataclass
class Directory:
    """A portmapper at work, for IPv4 and by its Unix socket."""

    portmapper: Portmapper
    port: int
    path: str

    @property
    def others(self) -> list[Registration]:
        return [each for each in self.portmapper.registry.all() if each.program != 100000]


@asynccontextmanager
async def directory(path: Path) -> AsyncIterator[Directory]:
    (tcp,) = await listen_tcp(0, "127.0.0.1")
    port = tcp.socket.getsockname()[1]
    listeners: list[Listener] = [tcp, *await listen_udp(port, "127.0.0.1"), listen_unix(str(path / "rpcbind.sock"))]
    portmapper = Portmapper(addresses_of(listeners))
    async with serving(Server(portmapper.services, [AcceptNone(), AcceptSys()]), listeners):
        yield Directory(portmapper, port, str(path / "rpcbind.sock"))


@asynccontextmanager
async def serving(server: Server, listeners: Sequence[Listener]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, listeners)
        yield
        nursery.cancel_scope.cancel()


def program_server() -> Server:
    return Server([Program()], [AcceptNone()])


async def test_a_server_registers_and_a_client_finds_it(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        server = program_server()
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        everything: list[Listener] = [*listeners, listen_unix(str(tmp_path / "program"))]
        async with registered(server, everything, rpcbind=there.path) as known, serving(server, everything):
            assert [(each.program, each.version, each.netid) for each in known] == [
                (PROGRAM, VERSION, "tcp"),
                (PROGRAM, VERSION, "local"),
            ]
            assert await port_of("127.0.0.1", PROGRAM, VERSION, rpcbind_port=there.port) == port
            async with connect_program("127.0.0.1", PROGRAM, VERSION, AuthNone(), rpcbind_port=there.port) as client:
                assert await client.call(ECHO, b"found") == b"found"
            async with open_local_rpcbind(there.path) as rpcbind:
                assert await rpcbind.address(PROGRAM, VERSION, Netid.LOCAL) == LocalAddress(str(tmp_path / "program"))
                assert rpcbind.version == 4
        assert not there.others
        with pytest.raises(NotRegistered, match=rf"127\.0\.0\.1.*{PROGRAM}.*{VERSION}.*tcp"):
            await port_of("127.0.0.1", PROGRAM, VERSION, rpcbind_port=there.port)


async def test_the_time_is_of_the_whole(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a host's addresses connects slowly, and then says nothing."""

    async def addresses(host: str, port: int, timeout: float) -> list[str]:
        await trio.sleep(2)
        return ["192.0.2.1", "192.0.2.2"]

    async def connect() -> StreamChannel:
        await trio.sleep(3)
        return StreamChannel(trio.testing.memory_stream_pair()[0])

    monkeypatch.setattr(rpcgss.binding, "_addresses", addresses)
    monkeypatch.setattr(rpcgss.binding, "_connect", lambda *_: connect)
    began = trio.current_time()
    with pytest.raises(ConnectionLost, match=r"the rpcbind at 192\.0\.2\.1 did not answer within"):
        await port_of("several.example", PROGRAM, VERSION, timeout=10)
    assert trio.current_time() - began == pytest.approx(10)


async def test_all_of_it_over_udp(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        server, listeners = program_server(), await listen_udp(0, "127.0.0.1")
        async with registered(server, listeners, rpcbind=there.path), serving(server, listeners):
            async with connect_program(
                "127.0.0.1", PROGRAM, VERSION, AuthNone(), transport="udp", rpcbind_port=there.port
            ) as client:
                assert await client.call(ECHO, b"found") == b"found"
            with pytest.raises(NotRegistered, match=r"for tcp$"):
                await port_of("127.0.0.1", PROGRAM, VERSION, rpcbind_port=there.port)
            async with open_rpcbind("127.0.0.1", port=there.port, transport="udp") as rpcbind:
                assert rpcbind.netid is Netid.UDP
                assert [each.netid for each in await rpcbind.dump()].count("udp") == 4
    with pytest.raises(ValueError, match="TLS"):
        connect_program("127.0.0.1", 7, 1, AuthNone(), transport="udp", tls=client_tls())


async def test_a_client_finds_a_server_that_came_back_elsewhere(tmp_path: Path) -> None:
    async with directory(tmp_path) as there, trio.open_nursery() as nursery:
        server, listeners = program_server(), await listen_tcp(0, "127.0.0.1")
        first_run = registered(server, listeners, rpcbind=there.path)
        await first_run.__aenter__()
        nursery.start_soon(server.serve, listeners)
        async with connect_program("127.0.0.1", PROGRAM, VERSION, AuthNone(), rpcbind_port=there.port) as client:
            assert await client.call(ECHO, b"one") == b"one"
            server.stop()
            await first_run.__aexit__(None, None, None)
            assert not there.others
            server, elsewhere = program_server(), await listen_tcp(0, "127.0.0.1")
            async with registered(server, elsewhere, rpcbind=there.path), serving(server, elsewhere):
                assert await client.call(ECHO, b"two") == b"two"
                assert client.counters.connections == 2


async def test_any_way_out_withdraws(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        listeners = await listen_tcp(0, "127.0.0.1")
        failing = registered(program_server(), listeners, rpcbind=there.path)
        await failing.__aenter__()
        assert len(there.others) == 1
        assert not await failing.__aexit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert not there.others
        with trio.CancelScope() as scope:
            async with registered(program_server(), listeners, rpcbind=there.path):
                assert len(there.others) == 1
                scope.cancel()
                await trio.sleep_forever()
        assert not there.others
        await listeners[0].aclose()


async def test_what_a_crash_left_behind_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        listeners = await listen_tcp(0, "127.0.0.1")
        others = [
            Registration(PROGRAM, VERSION, "udp", "0.0.0.0.8.1"),
            Registration(PROGRAM, VERSION + 1, "tcp", "0.0.0.0.8.1"),
            Registration(PROGRAM + 1, VERSION, "tcp", "0.0.0.0.8.1"),
        ]
        async with open_local_rpcbind(there.path) as rpcbind:
            for each in [Registration(PROGRAM, VERSION, "tcp", "0.0.0.0.8.1"), *others]:
                assert await rpcbind.set(each)
        async with registered(program_server(), listeners, rpcbind=there.path) as known:
            assert known[0].address in [each.address for each in there.others]
            assert len(there.others) == 4
        assert [each.address for each in there.others] == ["0.0.0.0.8.1"] * 3
        assert {(each.program, each.version, each.netid) for each in there.others} == {
            (each.program, each.version, each.netid) for each in others
        }
        await listeners[0].aclose()


async def test_a_successor_keeps_its_registration(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        old, new = await listen_tcp(0, "127.0.0.1"), await listen_tcp(0, "127.0.0.1")
        first = registered(program_server(), old, rpcbind=there.path)
        await first.__aenter__()
        async with registered(program_server(), new, rpcbind=there.path) as known:
            await first.__aexit__(None, None, None)
            assert [each.address for each in there.others] == [known[0].address]
        assert not there.others
        for listener in (*old, *new):
            await listener.aclose()


async def test_without_rpcbind_registering_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    listeners = await listen_tcp(0, "127.0.0.1")
    with pytest.raises(RegistrationFailed, match="nobody: No such file or directory; is rpcbind running"):
        async with registered(program_server(), listeners, rpcbind=str(tmp_path / "nobody")):
            raise AssertionError("never")
    assert not caplog.records
    await listeners[0].aclose()


async def test_rpcbind_that_goes_away_keeps_nobody_from_ending(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    listeners = await listen_tcp(0, "127.0.0.1")
    async with directory(tmp_path) as there:
        registering = registered(program_server(), listeners, rpcbind=there.path)
        await registering.__aenter__()
    await registering.__aexit__(None, None, None)
    assert "still registered" in caplog.text
    await listeners[0].aclose()


async def test_rpcbind_that_hangs_keeps_nobody_from_ending(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    autojump_clock.autojump_threshold = 0.05  # real sockets
    listeners = await listen_tcp(0, "127.0.0.1")
    path = tmp_path / "rpcbind.sock"
    async with directory(tmp_path) as there:
        registering = registered(program_server(), listeners, rpcbind=there.path)
        await registering.__aenter__()
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(path))
        mute.listen()
        began = trio.current_time()
        await registering.__aexit__(None, None, None)
        assert trio.current_time() - began <= rpcgss.binding.WITHDRAW_SECONDS + 1
    assert "still registered" in caplog.text
    await listeners[0].aclose()


async def test_a_refusal_names_the_owner_and_leaves_nothing(tmp_path: Path) -> None:
    async with directory(tmp_path) as there:
        listeners: list[Listener] = [*await listen_tcp(0, "127.0.0.1"), listen_unix(str(tmp_path / "program"))]
        registry = there.portmapper.registry
        assert registry.set(Registration(PROGRAM, VERSION, "local", "/somewhere", "4711"))
        registry.unset = lambda *_: False  # type: ignore[method-assign]  # the caller is not root, it says
        before = there.others
        with pytest.raises(RegistrationFailed, match=rf"{PROGRAM}.*local.*/somewhere.*'4711'"):
            async with registered(program_server(), listeners, rpcbind=there.path):
                raise AssertionError("never")
        del registry.unset
        assert before[0] in there.others
        for listener in listeners:
            await listener.aclose()


async def test_a_caller_without_rights_is_told_so(tmp_path: Path) -> None:
    class Strict(Portmapper):
        def owner(self, connection: Connection) -> str:
            return super().owner(Connection("from elsewhere", 1))

    portmapper = Strict()
    path = str(tmp_path / "strict")
    listeners = await listen_tcp(0, "127.0.0.1")
    async with serving(Server(portmapper.services, [AcceptNone()]), [listen_unix(path)]):
        with pytest.raises(RegistrationFailed, match=f"{path}.*AUTH_TOOWEAK"):
            async with registered(program_server(), listeners, rpcbind=path):
                raise AssertionError("never")
    await listeners[0].aclose()


async def test_nobody_answers() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ConnectionLost, match=f"{port}"):
                await port_of(host, 7, 1, rpcbind_port=port)
        with pytest.raises(ConnectionLost, match=f"{port}"):
            async with open_rpcbind("127.0.0.1", port=port):
                raise AssertionError("never")
    for host in ("no.such.host.invalid", "a..b", ""):
        with pytest.raises(ConnectionLost, match="cannot ask"):
            await port_of(host, 7, 1)
    with pytest.raises(ConnectionLost, match="ports are numbers"):
        await port_of("127.0.0.1", 7, 1, rpcbind_port=70000)


async def test_a_host_with_several_addresses_is_asked_at_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rpcbind is at the second address, and the program registered there."""

    async def addresses(host: str, port: int, timeout: float) -> list[str]:
        return {"several": ["::1", "127.0.0.1"]}.get(host, [host])

    monkeypatch.setattr(rpcgss.binding, "_addresses", addresses)
    async with directory(tmp_path) as there, open_rpcbind("several", port=there.port) as rpcbind:
        assert rpcbind.netid is Netid.TCP
        assert await rpcbind.time()
        assert await find("several", 100000, 4, rpcbind_port=there.port) == InternetAddress("127.0.0.1", there.port)
        with pytest.raises(NotRegistered):
            await find("several", 7, 1, rpcbind_port=there.port)


class Endless(RPCBVERS4_Service[Call]):
    """Lists for ever, as far as records go."""

    async def RPCBPROC_DUMP(self, call: Call) -> list[rp__list]:
        return [rp__list(rpcb(7, number, "tcp", "0.0.0.0.8.1", "superuser")) for number in range(20_000)]

    async def RPCBPROC_GETVERSADDR(self, call: Call, arg: rpcb) -> str:
        return "203.0.113.7.8.1"


async def test_liars_are_not_believed() -> None:
    listeners = await listen_tcp(0, "127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with serving(Server([Endless()], [AcceptNone()]), listeners):
        async with open_rpcbind("127.0.0.1", port=port) as rpcbind:
            with pytest.raises(BadReply, match="record"):
                await rpcbind.dump()
            with pytest.raises(Refusal):
                await rpcbind.time()
        # It says that the program is at another host: only its port counts.
        assert await find("127.0.0.1", 7, 1, rpcbind_port=port) == InternetAddress("127.0.0.1", 2049)


async def test_where_listeners_are(tmp_path: Path) -> None:
    listeners: list[Listener] = [
        *await listen_tcp(0),
        *await listen_tcp(0, "127.0.0.1"),
        listen_unix(str(tmp_path / "x")),
    ]
    found = addresses_of(listeners)
    assert [netid for netid in found if netid != "tcp6"] == ["tcp", "local"]  # there is not always IPv6
    assert str(found[Netid.TCP]).startswith("0.0.0.0.")
    for listener in listeners:
        await listener.aclose()
    near, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TypeError, match="listen_tcp"):
        addresses_of([near])  # type: ignore[list-item]

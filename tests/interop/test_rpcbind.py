"""Debian's rpcbind, rpcinfo and libtirpc: our client and server with their rpcbind, and they with our portmapper."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial

import pytest
import trio

import xdr
from rpcgss.binding import open_local_rpcbind, open_rpcbind, port_of, registered
from rpcgss.connect import connect_program
from rpcgss.rpc import AcceptNone, AcceptSys, AuthNone, AuthRefused, ProgramMismatch, Registration, Rpcbind, Server
from rpcgss.rpc.universal import InternetAddress, Netid
from tests.interop.rpcbind import rpcbind_in_a_box
from tests.interop.tirpc import Tirpc, child
from tests.rpc.program import ECHO, NULL, PROGRAM, VERSION, Program
from transport import Listener, listen_tcp, listen_udp

pytestmark = pytest.mark.peers

HOST = "127.0.0.1"
SEVEN = Registration(7, 1, "tcp", "0.0.0.0.8.1")


@contextmanager
def our_portmapper() -> Iterator[None]:
    assert "RPCGSS_BOX" in os.environ, "this needs a network of its own: make interop"
    with subprocess.Popen([sys.executable, "-m", "rpcgss", "portmap"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            said = b""
            while b"local" not in said:
                said = process.stdout.readline()
                assert said, "it did not start"
            yield
        finally:
            process.terminate()


@pytest.fixture(params=[rpcbind_in_a_box, our_portmapper], ids=["theirs", "ours"])
def rpcbind(request: pytest.FixtureRequest) -> Iterator[None]:
    """What holds for Debian's rpcbind has to hold for our portmapper as well."""
    begin: Callable[[], AbstractContextManager[None]] = request.param
    with begin():
        yield


@asynccontextmanager
async def serving(*, ipv6: bool = False) -> AsyncIterator[int]:
    """Our server, registered, and its TCP port."""
    server = Server([Program()], [AcceptNone(), AcceptSys()])
    (first,) = await listen_tcp(0, HOST)
    listeners: list[Listener] = [first, *await listen_udp(0, HOST)]
    for host in ["::1"] if ipv6 else []:
        listeners += [*await listen_tcp(0, host), *await listen_udp(0, host)]
    async with trio.open_nursery() as nursery, registered(server, listeners):
        nursery.start_soon(server.serve, listeners)
        yield first.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def said(*command: str) -> str:
    done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT, check=False)
    return done.stdout.decode()


def only(version: int, call: xdr.AsyncCall) -> xdr.AsyncCall:
    """As if the server had that version alone."""

    async def limited(procedure: xdr.Procedure[object, object], argument: object, /) -> object:
        if procedure.version != version:
            raise ProgramMismatch(version, version)
        return await call(procedure, argument)

    return limited  # type: ignore[return-value]


@pytest.mark.parametrize("version", [2, 3, 4])
async def test_our_client_lists_sets_and_unsets(rpcbind: None, version: int) -> None:
    async with open_local_rpcbind() as whole:
        # Version 2 is not offered by the Unix socket of Debian's; by loopback it takes root's ports alone.
        if version == 2:
            await whole.set(SEVEN)
            async with open_rpcbind(HOST) as by_tcp:
                limited = Rpcbind(only(2, by_tcp._dialect._client._call), Netid.TCP)  # type: ignore[attr-defined]
                assert Registration(7, 1, "tcp", "0.0.0.0.8.1") in await limited.dump()
                assert await limited.address(7, 1, Netid.TCP) == InternetAddress("0.0.0.0", 2049)
                assert await limited.address(8, 1, Netid.TCP) is None
                with suppress(AuthRefused):  # ours says that; theirs says "done", and has not done it
                    await limited.unset(7, 1)
                assert Registration(7, 1, "tcp", "0.0.0.0.8.1") in await limited.dump()
            assert await whole.unset(7, 1)
            return
        limited = Rpcbind(only(version, whole._dialect._client._call), Netid.LOCAL)  # type: ignore[attr-defined]
        assert await limited.set(SEVEN)
        assert limited.version == version
        assert Registration(7, 1, "tcp", "0.0.0.0.8.1", "superuser") in await limited.dump()
        assert await limited.address(7, 1, Netid.TCP) == InternetAddress("0.0.0.0", 2049)
        assert not await limited.set(Registration(7, 1, "tcp", "0.0.0.0.8.2"))
        assert await limited.time() > 1_600_000_000
        assert await limited.unset(7, 1, "tcp")
        assert await limited.address(7, 1, Netid.TCP) is None


async def test_our_server_registers_and_withdraws(rpcbind: None) -> None:
    async with serving(ipv6=True) as port:
        listed = await said("rpcinfo", "-p", HOST)
        assert [line.split()[2] for line in listed.splitlines() if str(PROGRAM) in line] == ["tcp", "udp"]
        assert f"{port}" in listed
        whole = await said("rpcinfo", HOST)
        assert {line.split()[2] for line in whole.splitlines() if str(PROGRAM) in line} == {
            "tcp",
            "udp",
            "tcp6",
            "udp6",
        }
        for netid, host in [("tcp", HOST), ("udp", HOST), ("tcp6", "::1"), ("udp6", "::1")]:
            answer = await said("rpcinfo", "-T", netid, host, str(PROGRAM), str(VERSION))
            assert answer == f"program {PROGRAM} version {VERSION} ready and waiting\n"
        assert await port_of(HOST, PROGRAM, VERSION) == port
        async with connect_program("::1", PROGRAM, VERSION, AuthNone(), transport="udp") as client:
            assert await client.call(ECHO, b"found") == b"found"
    assert str(PROGRAM) not in await said("rpcinfo", HOST)


async def test_libtirpc_finds_our_server(rpcbind: None, tirpc: Tirpc) -> None:
    call = partial(said, str(tirpc.directory / "tirpc_binding"), "call", HOST)
    assert "not registered" in await call("tcp")
    async with serving():
        assert await call("tcp") == "ok\n"
        assert await call("udp") == "ok\n"


async def test_libtirpc_registers_and_we_find_it(rpcbind: None, tirpc: Tirpc) -> None:
    async with child(tirpc.directory / "tirpc_binding", "serve") as server:
        assert await server.line() == "ready"
        for transport in ("tcp", "udp"):
            opened = connect_program(HOST, PROGRAM, VERSION, AuthNone(), transport=transport)
            async with opened as client:
                await client.call(NULL, None)
    assert str(PROGRAM) not in await said("rpcinfo", HOST)


async def test_rpcinfo_calls_and_lists(rpcbind: None) -> None:
    for arguments in (["-p"], ["-s"], [], ["-p", HOST], ["-s", HOST], ["-l", "-T", "tcp", HOST, "100000", "4"]):
        assert "portmapper" in await said("rpcinfo", *arguments) or "100000" in await said("rpcinfo", *arguments)
    for netid in ("tcp", "udp"):
        assert "version 4 ready" in await said("rpcinfo", "-T", netid, HOST, "100000", "4")

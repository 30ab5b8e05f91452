"""Programs by number, for threads and for asyncio: our portmapper answers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import rpcgss
import rpcgss.asyncio
from rpcgss import blocking
from tests.facade.program import ECHO, LIMIT, Asynchronous, Plain


@pytest.fixture
def places() -> Iterator[tuple[int, int]]:
    """The ports of the portmapper and of a program that it knows."""
    program = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    portmapper = rpcgss.Portmapper()
    with (
        blocking.serve_tcp(program, 0, "127.0.0.1") as working,
        blocking.serve_tcp(rpcgss.Server(portmapper.services, [rpcgss.AcceptNone()]), 0, "127.0.0.1") as asked,
    ):
        address = f"127.0.0.1.{working.port >> 8}.{working.port & 255}"
        assert portmapper.registry.set(rpcgss.Registration(ECHO.program, ECHO.version, "tcp", address))
        yield asked.port, working.port


def test_blocking(places: tuple[int, int]) -> None:
    asked, port = places
    assert blocking.port_of("127.0.0.1", ECHO.program, ECHO.version, rpcbind_port=asked, timeout=LIMIT) == port
    with pytest.raises(rpcgss.NotRegistered):
        blocking.port_of("127.0.0.1", ECHO.program + 1, ECHO.version, rpcbind_port=asked, timeout=LIMIT)
    opened = blocking.connect_program(
        "127.0.0.1", ECHO.program, ECHO.version, rpcgss.AuthNone(), rpcbind_port=asked, timeout=LIMIT
    )
    with opened as client:
        assert client.call(ECHO, b"found") == b"found"


def test_asyncio(places: tuple[int, int]) -> None:
    asked, port = places

    async def ask() -> None:
        found = await rpcgss.asyncio.port_of("127.0.0.1", ECHO.program, ECHO.version, rpcbind_port=asked, timeout=LIMIT)
        assert found == port
        opened = rpcgss.asyncio.connect_program(
            "127.0.0.1", ECHO.program, ECHO.version, rpcgss.AuthNone(), rpcbind_port=asked, timeout=LIMIT
        )
        async with opened as client:
            assert await client.call(ECHO, b"found") == b"found"

    asyncio.run(ask())


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[str, rpcgss.Portmapper]]:
    """A portmapper, and the path of its Unix socket."""
    portmapper = rpcgss.Portmapper()
    path = str(tmp_path / "rpcbind.sock")
    with blocking.serve_unix(rpcgss.Server(portmapper.services, [rpcgss.AcceptNone()]), path):
        yield path, portmapper


def known(portmapper: rpcgss.Portmapper) -> list[tuple[str, str]]:
    return [(each.netid, each.address) for each in portmapper.registry.all()]


def text(port: int) -> str:
    return f"127.0.0.1.{port >> 8}.{port & 255}"


def test_registering_from_threads(registry: tuple[str, rpcgss.Portmapper], tmp_path: Path) -> None:
    rpcbind, portmapper = registry
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with blocking.serve_tcp(server, 0, "127.0.0.1", rpcbind=rpcbind) as serving:
        assert known(portmapper) == [("tcp", text(serving.port))]
    assert known(portmapper) == []
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    with blocking.serve_unix(server, tmp_path / "sock", rpcbind=rpcbind):
        assert known(portmapper) == [("local", str(tmp_path / "sock"))]
    assert known(portmapper) == []


def test_registering_from_asyncio(registry: tuple[str, rpcgss.Portmapper]) -> None:
    rpcbind, portmapper = registry

    async def serve() -> None:
        server = rpcgss.Server([rpcgss.asyncio.service(Asynchronous())], [rpcgss.AcceptNone()])
        async with rpcgss.asyncio.serve_udp(server, 0, "127.0.0.1", rpcbind=rpcbind) as serving:
            assert known(portmapper) == [("udp", text(serving.port))]

    asyncio.run(serve())
    assert known(portmapper) == []


def test_registering_where_no_rpcbind_is(tmp_path: Path) -> None:
    """Nothing is left behind."""
    server = rpcgss.Server([blocking.service(Plain())], [rpcgss.AcceptNone()])
    path = tmp_path / "sock"
    with pytest.raises(rpcgss.RegistrationFailed, match="is rpcbind running"):
        blocking.serve_unix(server, path, rpcbind=str(tmp_path / "nobody"))
    assert not path.exists()

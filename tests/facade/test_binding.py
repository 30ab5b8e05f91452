"""Programs by number, for threads and for asyncio: our portmapper answers."""

import asyncio
from collections.abc import Iterator

import pytest

import rpcgss
import rpcgss.asyncio
from rpcgss import blocking
from tests.facade.program import ECHO, LIMIT, Plain


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

"""NFS by our client: one large file, read, written, and looked at."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from examples.nfs.calls import Call
from examples.nfs.client import NfsClient, Node
from examples.nfs.transfer import download, upload

NAME: Final = "large"
COPY: Final = "copy"
OCTETS: Final = 256 << 20
BLOCK: Final = 1 << 20


async def read_file(call: Call, in_flight: int) -> tuple[int, int]:
    """Octets, and the nanoseconds that it took."""
    client = NfsClient(call, parallel=in_flight)
    return await read_node(client, await client.lookup(await _root(client), NAME))


async def read_node(client: NfsClient, node: Node) -> tuple[int, int]:
    """The same, by a client that is there."""
    began = time.perf_counter_ns()
    octets = await download(client, node, BLOCK, lambda _offset, _data: None)
    return octets, time.perf_counter_ns() - began


async def write_file(call: Call, in_flight: int) -> tuple[int, int]:
    """A file of the same size as the one that is there, until all of it is firm."""
    client = NfsClient(call, parallel=in_flight)
    root = await _root(client)
    octets = (await client.lookup(root, NAME)).attributes.size
    if await client.find(root, COPY) is not None:
        await client.remove(root, COPY)
    node = await client.create(root, COPY)
    block = bytes(range(256)) * (BLOCK // 256)
    began = time.perf_counter_ns()

    def source(offset: int, count: int) -> bytes:
        return block[: min(count, octets - offset)]

    written = await upload(client, node, source, BLOCK, lambda _count: None)
    return written, time.perf_counter_ns() - began


async def stat_file(call: Call, in_flight: int) -> Callable[[], Awaitable[None]]:
    """What makes one GETATTR."""
    client = NfsClient(call, parallel=in_flight)
    node = await client.lookup(await _root(client), NAME)

    async def stat() -> None:
        await client.refresh(node)

    return stat


def write_pattern(path: Path, octets: int) -> None:
    """So large a file, of whole blocks."""
    block = bytes(range(256)) * (BLOCK // 256)
    with path.open("wb") as file:
        for _ in range(octets // BLOCK):
            file.write(block)


async def _root(client: NfsClient) -> Node:
    (export,) = await client.exports()
    return await client.mount(export)

"""One file's octets, with many READs or WRITEs in flight.

Downloads bear short reads and files that grow or shrink meanwhile: the copy ends where the server said "end of file".
Uploads hold what is UNSTABLE in a `writeback.Ledger` until it is firm; a batch of octets is in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from examples.nfs.client import NfsClient, Node
from examples.nfs.failures import DataLost
from examples.nfs.nfs3_xdr import FILE_SYNC, UNSTABLE
from examples.nfs.parallel import in_parallel
from examples.nfs.writeback import MOST_LOSSES, Extent, Ledger

BATCH_OCTETS: Final = 16 * 1024 * 1024

Sink = Callable[[int, bytes], object]
"""Takes the octets at an offset, in any order."""


async def fetch(client: NfsClient, node: Node, start: int, stop: int, block: int, sink: Sink) -> int | None:
    """Read [start, stop) by READs of `block` octets. Returns where the file ends, or None if it goes on behind stop."""
    offsets = iter(range(start, stop, block))
    end: int | None = None

    async def worker() -> None:
        nonlocal end
        for offset in offsets:
            position, limit = offset, min(offset + block, stop)
            while position < limit and (end is None or position < end):
                answer = await client.read(node, position, limit - position)
                sink(position, answer.data)
                position += len(answer.data)
                if answer.eof:
                    end = position if end is None else min(end, position)

    await in_parallel(min(client.parallel, -(-(stop - start) // block)), worker)
    return end


async def download(client: NfsClient, node: Node, block: int, sink: Sink) -> int:
    """Read a whole file; returns its length. What was given to the sink beyond that length is not the file's."""
    position = max(node.attributes.size, block)
    end = await fetch(client, node, 0, position, block, sink)
    while end is None:
        end = await fetch(client, node, position, position + block, block, sink)
        position += block
    return end


async def upload(
    client: NfsClient, node: Node, source: Callable[[int, int], bytes], block: int, taken: Callable[[int], object]
) -> int:
    """Write a whole file from `source(offset, count)`, which gives no octets at the end; returns its length.

    Everything is firm when this returns; `taken` is told how many octets each WRITE brought over. Raises DataLost when
    the server loses uncommitted octets again and again, and what `source` raises.
    """
    position = 0
    while True:
        extents = list(_batch(source, position, block))
        if not extents:
            return position
        octets = sum(len(extent.data) for extent in extents)
        alone = position == 0 and octets < block
        await _write_batch(client, node, extents, taken, stable=alone)
        position += octets
        if octets < BATCH_OCTETS:
            return position


def _batch(source: Callable[[int, int], bytes], position: int, block: int) -> Iterator[Extent]:
    stop = position + BATCH_OCTETS
    while position < stop:
        data = source(position, min(block, stop - position))
        if not data:
            return
        yield Extent(position, memoryview(data))
        position += len(data)


async def _write_batch(
    client: NfsClient, node: Node, extents: Iterable[Extent], taken: Callable[[int], object], *, stable: bool
) -> None:
    """WRITE, then COMMIT, then again what the server lost, until nothing is left. One lone WRITE saves the COMMIT."""
    ledger = Ledger(extents)

    async def worker() -> None:
        while (extent := ledger.next_extent()) is not None:
            answer = await client.write(node, extent.offset, extent.data, FILE_SYNC if stable else UNSTABLE)
            ledger.written(extent, answer.count, bytes(answer.verf), firm=answer.committed != UNSTABLE)
            taken(answer.count)

    while ledger.unwritten or ledger.held:
        await in_parallel(min(client.parallel, ledger.unwritten), worker)
        if ledger.held:
            covered = ledger.begin_commit()
            ledger.committed(covered, await client.commit(node))
        if ledger.losses > MOST_LOSSES:
            raise DataLost(f"{node.path}: the server lost uncommitted data {ledger.losses} times; look at its log")

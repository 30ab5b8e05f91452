"""One client of the demo, a process of its own: copies its share of files to the server, and another share back.

It tells its supervisor what happens on standard output (`events`), and is told on standard input, by a line each, when
copying in and copying out may begin. When standard input ends the supervisor is gone, and so is this process.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

import click
import trio

import xdr
from examples.demo.events import Kind, Teller
from examples.nfs.calls import Call
from examples.nfs.client import Node
from examples.nfs.connect import Access, Session, connected
from examples.nfs.copy import Copier, Observer
from examples.nfs.journal import Note, What
from examples.nfs.parallel import in_parallel
from examples.nfs.url import NfsUrl
from rpcgss.gss.client import GssFlavor
from rpcgss.rpc.errors import OutcomeUnknown

A = TypeVar("A")
R = TypeVar("R")

FILES_AT_ONCE: Final = 6
KINDS: Final = {
    What.REFUSED: Kind.REFUSED,
    What.CUT: Kind.CUT,
    What.ASKING: Kind.ASKING,
    What.ANSWERED_NO: Kind.ANSWERED_NO,
    What.RECOVERED: Kind.RECOVERED,
    What.EXCHANGED: Kind.EXCHANGED,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one client does: (local path, name on the server) of each file, in and out."""

    source: str
    url: str
    tickets: bool
    inward: Sequence[tuple[str, str]]
    outward: Sequence[tuple[str, str]]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps([self.source, self.url, self.tickets, self.inward, self.outward]))

    @classmethod
    def load(cls, path: Path) -> "Plan":
        source, url, tickets, inward, outward = json.loads(path.read_text())
        return cls(source, url, tickets, inward, outward)


class Totals(Observer):
    """Tells how many octets have been copied, not too often."""

    STEP: Final = 64 * 1024

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._moved = 0
        self._told = 0

    def moved(self, octets: int) -> None:
        self._moved += octets
        if self._moved - self._told >= self.STEP:
            self.tell()

    def tell(self) -> None:
        self._told = self._moved
        self._teller.tell(Kind.MOVED, number=self._moved)


class Tally:
    """Counts the calls that end well, and those whose outcome stays unknown."""

    def __init__(self) -> None:
        self.calls = 0
        self.unknown = 0

    def wrap(self, call: Call) -> Call:
        async def counted(procedure: xdr.Procedure[A, R], argument: A, /) -> R:
            try:
                result = await call(procedure, argument)
            except OutcomeUnknown:
                self.unknown += 1
                raise
            self.calls += 1
            return result

        return counted


class Copying:
    """The work itself. Directories of the server are looked up or made once."""

    def __init__(self, session: Session, copier: Copier, root: Node) -> None:
        self._session = session
        self._copier = copier
        self._directories: dict[tuple[str, ...], Node] = {(): root}
        self._looking = trio.Lock()

    async def put(self, files: Sequence[tuple[str, str]]) -> None:
        waiting = iter(files)

        async def worker() -> None:
            for source, name in waiting:
                *directory, last = name.split("/")
                await self._copier.put_file(Path(source), (await self._directory(tuple(directory)), last))

        await in_parallel(FILES_AT_ONCE, worker)

    async def get(self, files: Sequence[tuple[str, str]]) -> None:
        waiting = iter(files)

        async def worker() -> None:
            for target, name in waiting:
                *directory, last = name.split("/")
                node = await self._session.nfs.lookup(await self._directory(tuple(directory)), last)
                Path(target).parent.mkdir(parents=True, exist_ok=True)
                await self._copier.get_file(node, Path(target))

        await in_parallel(FILES_AT_ONCE, worker)

    async def _directory(self, path: tuple[str, ...]) -> Node:
        async with self._looking:
            for length in range(1, len(path) + 1):
                if path[:length] not in self._directories:
                    parent = self._directories[path[: length - 1]]
                    self._directories[path[:length]] = await self._copier.directory(parent, path[length - 1])
        return self._directories[path]


async def copy(plan: Plan, teller: Teller, go_ahead: trio.Semaphore) -> None:
    """Copy in, wait for the others, copy out."""
    tally = Tally()
    totals = Totals(teller)
    url = NfsUrl.parse(plan.url)
    try:
        async with connected(url, Access(use_tickets=plan.tickets), wrap=tally.wrap) as session:
            session.journal.listeners.append(lambda note: _tell_note(teller, note))
            root, _ = await session.root_of(url.components)
            teller.tell(Kind.READY)
            await go_ahead.acquire()
            copying = Copying(session, Copier(session.nfs, await session.nfs.limits(root), totals), root)
            await copying.put(plan.inward)
            totals.tell()
            teller.tell(Kind.FINISHED, number=1)
            await go_ahead.acquire()
            await copying.get(plan.outward)
            totals.tell()
            if isinstance(session.rpc.flavor, GssFlavor):
                teller.tell(Kind.COUNTED, text=json.dumps(asdict(session.rpc.flavor.counters)))
    finally:
        teller.tell(Kind.CALLED, number=tally.calls)
        teller.tell(Kind.UNKNOWN, number=tally.unknown)
    teller.tell(Kind.FINISHED, number=2)


def _tell_note(teller: Teller, note: Note) -> None:
    teller.tell(KINDS[note.what], handle=note.handle)


async def supervised(plan: Plan, teller: Teller) -> bool:
    """Copy until done or the supervisor is gone. An error is told as what an application would see."""
    go_ahead = trio.Semaphore(0)
    done = False
    async with trio.open_nursery() as nursery:

        async def obey() -> None:
            async with trio.lowlevel.FdStream(0) as commands:
                async for data in commands:
                    for _ in range(data.count(b"\n")):
                        go_ahead.release()
            nursery.cancel_scope.cancel()

        nursery.start_soon(obey)
        try:
            await copy(plan, teller, go_ahead)
            done = True
        except Exception as error:
            teller.tell(Kind.FAILED, text=f"{type(error).__name__}: {error}")
        nursery.cancel_scope.cancel()
    return done


@click.command()
@click.argument("plan", type=click.Path(path_type=Path, exists=True))
def main(plan: Path) -> None:
    """Carry out the PLAN, a file that the supervisor has written."""
    work = Plan.load(plan)
    sys.exit(0 if trio.run(supervised, work, Teller(work.source, 1)) else 1)


if __name__ == "__main__":
    main()

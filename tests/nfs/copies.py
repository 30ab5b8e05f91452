"""Copies of many files that something happens to in the middle."""

import os
from hashlib import sha256
from pathlib import Path

import trio

from examples.nfs.client import Node
from examples.nfs.connect import Session
from examples.nfs.copy import Copier, Observer


class At(Observer):
    """Sets an event when so many octets have been copied."""

    def __init__(self, octets: int) -> None:
        self.left = octets
        self.reached = trio.Event()

    def moved(self, octets: int) -> None:
        self.left -= octets
        if self.left <= 0:
            self.reached.set()


def scattered(directory: Path, octets: int) -> int:
    """Forty files in seven directories, each larger by `octets` than the one before. Returns how many octets in all."""
    for number in range(40):
        path = directory / f"{number % 7}" / f"file {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(octets * number))
    return octets * sum(range(40))


async def copy_all(session: Session, root: Node, place: Path, way: str, at: At) -> None:
    copier = Copier(session.nfs, await session.nfs.limits(root), at)
    await (copier.put_tree(place, root) if way == "in" else copier.get_tree(root, place))


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }

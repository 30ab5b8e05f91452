"""Copies of files and trees between the local file system and the server. A copy is there whole or not at all.

A file is made beside its final place under a name of its own, made firm, and renamed: locally by `LocalReplacement`, on
the server by EXCLUSIVE create and RENAME. Symbolic links of a tree are copied as links on request, else left out and
told of. Names that come from the server never lead out of the local directory: `NfsClient.entries` refuses slashes, and
nothing is written through a link.
"""

import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import trio

from examples.nfs.client import Limits, NfsClient, Node, new_attributes
from examples.nfs.failures import NfsError, NfsStatusError, WrongKindOfFile
from examples.nfs.local import (
    LocalReplacement,
    make_local_directory,
    opened,
    replace_local_link,
    temporary_name,
)
from examples.nfs.nfs3_xdr import nfsstat3, nfstime3
from examples.nfs.parallel import first_error
from examples.nfs.transfer import download, upload
from rpcgss.rpc.errors import RpcError

FILES_AT_ONCE: Final = 8
CLEANING_SECONDS: Final = 5.0

S = TypeVar("S")
T = TypeVar("T")


class Observer:
    """Is told how a copy goes; this one does not care."""

    def expect(self, octets: int) -> None:
        """One more file of that many octets is to be copied."""

    def moved(self, octets: int) -> None:
        """That many octets have been taken by the other side."""

    def copied(self, path: str) -> None:
        """One more file is in its final place."""

    def skipped(self, path: str, reason: str) -> None:
        """Something was left out."""

    def left_behind(self, path: str) -> None:
        """That unfinished file may have stayed on the server: it could not be reached to remove it."""


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies with one server; `limits` are from NfsClient.limits.

    links: copy the symbolic links of trees as links. preserve: keep the times of modification.
    """

    client: NfsClient
    limits: Limits
    observer: Observer = field(default_factory=Observer)
    links: bool = False
    preserve: bool = False
    files_at_once: int = FILES_AT_ONCE

    # from the server

    async def get_file(self, node: Node, target: Path) -> None:
        """Copy one file to the local path. Raises OSError too; on any failure the path is as it was."""
        if not node.is_file:
            raise WrongKindOfFile(f"{node.path}: is not a regular file; directories are copied with -r")
        self.observer.expect(node.attributes.size)
        async with LocalReplacement(target, node.attributes.mode) as new:

            def sink(offset: int, data: bytes) -> None:
                new.write(offset, data)
                self.observer.moved(len(data))

            new.size = await download(self.client, node, self.limits.read, sink)
            if self.preserve:
                new.mtime_ns = node.attributes.mtime.seconds * 10**9 + node.attributes.mtime.nseconds
        self.observer.copied(node.path)

    async def get_tree(self, node: Node, target: Path) -> None:
        """Copy a directory and what is in it to the local path, which may exist. Stops at the first error."""
        async with _workers(self.files_at_once, self.get_file) as hand_out:
            await self._get_directory(node, target, hand_out)

    async def _get_directory(
        self, directory: Node, target: Path, hand_out: Callable[[Node, Path], Awaitable[None]]
    ) -> None:
        make_local_directory(target)
        for entry in await self.client.entries(directory):
            place = target / entry.name
            if entry.node.is_directory:
                await self._get_directory(entry.node, place, hand_out)
            elif entry.node.is_file:
                await hand_out(entry.node, place)
            elif entry.node.is_link and self.links:
                replace_local_link(place, await self.client.readlink(entry.node))
            else:
                self.observer.skipped(entry.node.path, _why_skipped(entry.node.is_link))

    # to the server

    async def put_file(self, source: Path, target: tuple[Node, str]) -> None:
        """Copy a local file to a name in a directory of the server. Raises OSError too; on any failure the name is as
        it was, and the unfinished file is removed if the server can be reached within CLEANING_SECONDS: who cancels
        has to leave the connection alone for so long."""
        with opened(source) as (descriptor, status):
            self.observer.expect(status.st_size)
            attributes = new_attributes(mode=status.st_mode & 0o777, mtime=self._mtime(status), times=True)

            async def make(directory: Node, name: str) -> Node:
                node = await self.client.create(directory, name)
                await upload(
                    self.client, node, lambda at, count: os.pread(descriptor, count, at), self.limits.write,
                    self.observer.moved,
                )  # fmt: skip
                await self.client.set_attributes(node, attributes)
                return node

            await self._replace(target, make)
        self.observer.copied(str(source))

    async def put_tree(self, source: Path, directory: Node) -> None:
        """Copy what is in a local directory into a directory of the server. Stops at the first error."""
        async with _workers(self.files_at_once, self.put_file) as hand_out:
            await self._put_directory(source, directory, hand_out)

    async def _put_directory(
        self, source: Path, directory: Node, hand_out: Callable[[Path, tuple[Node, str]], Awaitable[None]]
    ) -> None:
        with os.scandir(source) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            place = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) & 0o777
                await self._put_directory(place, await self.directory(directory, entry.name, mode), hand_out)
            elif entry.is_file(follow_symlinks=False):
                await hand_out(place, (directory, entry.name))
            elif entry.is_symlink() and self.links:
                await self._put_link(place, directory, entry.name)
            else:
                self.observer.skipped(entry.path, _why_skipped(entry.is_symlink()))

    async def directory(self, parent: Node, name: str, mode: int = 0o777) -> Node:
        """The directory of that name, made if there is none."""
        try:
            return await self.client.make_directory(parent, name, mode)
        except NfsStatusError as error:
            node = await self.client.find(parent, name) if error.status is nfsstat3.NFS3ERR_EXIST else None
            if node is None or not node.is_directory:
                raise
            return node

    async def _put_link(self, source: Path, directory: Node, name: str) -> None:
        async def make(directory: Node, temporary: str) -> Node:
            await self.client.make_link(directory, temporary, os.readlink(source))
            return await self.client.lookup(directory, temporary)

        await self._replace((directory, name), make)

    async def _replace(self, target: tuple[Node, str], make: Callable[[Node, str], Awaitable[Node]]) -> None:
        """Let `make` build something under a name of its own and rename it to target; remove it on any failure."""
        directory, name = target
        temporary = temporary_name()
        try:
            node = await make(directory, temporary)
            await self.client.rename(node, (directory, temporary), target)
        except BaseException as error:
            await self._clean_up(directory, temporary)
            if isinstance(error, NfsStatusError):  # of a name that the user has never heard of
                raise NfsStatusError(directory.child_path(name), error.status) from error
            raise

    async def _clean_up(self, directory: Node, temporary: str) -> None:
        """Remove what is unfinished, cancelled or not; if the server cannot be reached for it, the observer hears."""
        with trio.move_on_after(CLEANING_SECONDS, shield=True), suppress(RpcError):
            with suppress(NfsError):  # the server has answered: it never was there, or cannot be helped
                await self.client.remove(directory, temporary)
            return
        self.observer.left_behind(directory.child_path(temporary))

    def _mtime(self, status: os.stat_result) -> nfstime3 | None:
        if not self.preserve:
            return None
        seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
        return nfstime3(seconds, nanoseconds) if 0 <= seconds < 2**32 else None


@asynccontextmanager
async def _workers(
    count: int, copy: Callable[[S, T], Awaitable[None]]
) -> AsyncIterator[Callable[[S, T], Awaitable[None]]]:
    """`count` tasks that copy what the block hands out; all is copied when the block has been left."""
    sender, receiver = trio.open_memory_channel[tuple[S, T]](count)

    async def worker() -> None:
        async for source, target in receiver:
            await copy(source, target)

    async def hand_out(source: S, target: T) -> None:
        await sender.send((source, target))

    try:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(worker)
            with sender:
                yield hand_out
    except ExceptionGroup as group:
        raise first_error(group) from None


def _why_skipped(is_link: bool) -> str:
    return "a symbolic link; use --links to copy it as one" if is_link else "not a file, directory or link"

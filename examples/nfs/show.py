"""How the commands look: listings, attributes, a progress bar on a terminal."""

import stat as modes
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from examples.nfs.client import Node
from examples.nfs.copy import Observer
from examples.nfs.nfs3_xdr import fattr3, ftype3, nfstime3

TYPE_BITS: Final = {
    ftype3.NF3REG: modes.S_IFREG,
    ftype3.NF3DIR: modes.S_IFDIR,
    ftype3.NF3BLK: modes.S_IFBLK,
    ftype3.NF3CHR: modes.S_IFCHR,
    ftype3.NF3LNK: modes.S_IFLNK,
    ftype3.NF3SOCK: modes.S_IFSOCK,
    ftype3.NF3FIFO: modes.S_IFIFO,
}


def printable(name: str) -> str:
    """A name as a terminal may see it: what a server sends must not move the cursor."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


def mode_text(attributes: fattr3) -> str:
    """As ls -l shows it: drwxr-xr-x."""
    return modes.filemode(TYPE_BITS[attributes.type] | attributes.mode & 0o7777)


def time_text(moment: nfstime3) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment.seconds))


def long_line(name: str, node: Node, target: str | None) -> str:
    """One line of ls -l."""
    about = node.attributes
    arrow = "" if target is None else f" -> {printable(target)}"
    return (
        f"{mode_text(about)} {about.nlink:3} {about.uid:6} {about.gid:6} {about.size:12}"
        f" {time_text(about.mtime)} {printable(name)}{arrow}"
    )


def stat_lines(node: Node, target: str | None) -> Iterator[str]:
    """Everything that the server says of one file."""
    about = node.attributes
    yield f"    path: {printable(node.path)}" + ("" if target is None else f" -> {printable(target)}")
    yield f"    type: {about.type.name}, {about.nlink} link{'s' if about.nlink != 1 else ''}"
    yield f"    mode: {mode_text(about)} ({about.mode & 0o7777:04o}), owner {about.uid}, group {about.gid}"
    yield f"    size: {about.size} octets, {about.used} on disk"
    yield f"  fileid: {about.fileid}, file system {about.fsid:x}"
    for label, moment in (("accessed", about.atime), ("modified", about.mtime), (" changed", about.ctime)):
        yield f"{label}: {time_text(moment)}.{moment.nseconds:09}"


class Progressing(Observer):
    """Shows a bar where there is a terminal, and counts everywhere."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)
        self._expected = 0
        self.files = 0
        self.octets = 0
        self.left_out: list[str] = []

    def expect(self, octets: int) -> None:
        self._expected += octets
        self._progress.update(self._task, total=self._expected)

    def moved(self, octets: int) -> None:
        self.octets += octets
        self._progress.advance(self._task, octets)

    def copied(self, path: str) -> None:
        self.files += 1
        self._progress.update(self._task, description=f"{self.files} files")

    def skipped(self, path: str, reason: str) -> None:
        self.left_out.append(f"{printable(path)}: left out, {reason}")

    def left_behind(self, path: str) -> None:
        print(f"{printable(path)}: unfinished, may have been left behind; remove it with rm", file=sys.stderr)


@contextmanager
def progress_bar() -> Iterator[Progressing]:
    """A bar on standard error, if that is a terminal."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield Progressing(progress)

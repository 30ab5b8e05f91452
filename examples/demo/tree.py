"""The files that are copied: a real tree, this Python's standard library and then its packages, until it is enough."""

import hashlib
import os
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LEFT_OUT: Final = frozenset({"__pycache__", "site-packages", "dist-packages", ".git"})
"""Caches change while Python runs; packages come as trees of their own."""

LARGEST: Final = 4 * 1024 * 1024
"""Some Pythons come with one archive that is larger than all else; the copy is to be one of a tree."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: where it is, and its path in the tree."""

    source: Path
    name: str
    size: int


class TooSmall(Exception):
    """This Python has fewer octets than asked for."""


def collect(octets: int) -> list[SourceFile]:
    """Whole files in a fixed order that have at least `octets` together. Raises TooSmall."""
    files: list[SourceFile] = []
    total = 0
    for file in _candidates():
        files.append(file)
        total += file.size
        if total >= octets:
            return files
    raise TooSmall(
        f"this Python has only {total / 1e6:.0f} MB of files, not {octets / 1e6:.0f}; ask for less with --megabytes"
    )


def shares(files: Sequence[SourceFile], count: int) -> list[list[SourceFile]]:
    """Each file to one of `count` shares of about equal work: a call has its price besides its octets."""
    parts: list[list[SourceFile]] = [[] for _ in range(count)]
    work = [0] * count
    for file in sorted(files, key=lambda file: (-file.size, file.name)):
        lightest = work.index(min(work))
        parts[lightest].append(file)
        work[lightest] += file.size + _CALLS_WORTH
    for part in parts:
        part.sort(key=lambda file: file.name)
    return parts


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_CALLS_WORTH: Final = 64 * 1024


def _candidates() -> Iterator[SourceFile]:
    for name in ("stdlib", "purelib", "platlib"):
        root = Path(sysconfig.get_path(name))
        yield from _beneath(root, name)


def _beneath(root: Path, prefix: str) -> Iterator[SourceFile]:
    if prefix == "platlib" and root == Path(sysconfig.get_path("purelib")):
        return
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = sorted(name for name in subdirectories if name not in LEFT_OUT)
        for name in sorted(names):
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                size = path.stat().st_size
                if size <= LARGEST:
                    yield SourceFile(path, f"{prefix}/{path.relative_to(root)}", size)

"""The files that the demo copies."""

import hashlib

import pytest

from examples.demo.tree import TooSmall, collect, digest, shares


def test_enough_files_each_once() -> None:
    files = collect(3_000_000)
    assert sum(file.size for file in files) >= 3_000_000
    assert len({file.name for file in files}) == len(files)
    assert all(not file.name.startswith("/") and ".." not in file.name.split("/") for file in files)
    assert files == collect(3_000_000)


def test_shares_have_every_file_once_and_similar_work() -> None:
    files = collect(3_000_000)
    parts = shares(files, 4)
    assert sorted(file.name for part in parts for file in part) == sorted(file.name for file in files)
    sizes = [sum(file.size for file in part) for part in parts]
    assert max(sizes) < 2 * min(sizes)


def test_more_than_there_is() -> None:
    with pytest.raises(TooSmall, match="--megabytes"):
        collect(10**15)


def test_digest() -> None:
    file = collect(1)[0]
    assert digest(file.source) == hashlib.sha256(file.source.read_bytes()).hexdigest()

"""The index of handles when its data base fails."""

import errno
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.nfs.index import Index, Place, Sighting
from examples.nfs.nfs3_xdr import nfsstat3
from tests.nfs.volume import Failed, Volume


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index.sqlite", "/export")
    yield index
    index.close()


def seen(number: int) -> Sighting:
    return Sighting(Place(b"parent", b"%d" % number * 100), b"file %d" % number, False)


def test_it_goes_on_after_the_disk_was_full(index: Index) -> None:
    index.record([seen(0)])
    index._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(OSError, match="full") as caught:
        index.record([seen(number) for number in range(1000)])
    assert caught.value.errno == errno.ENOSPC
    index._database.execute("PRAGMA max_page_count = 1000000")
    assert index.places(b"file 1") == []
    index.record([seen(1)])
    assert index.places(b"file 1") == [seen(1).place]


def test_it_goes_on_after_a_commit_that_failed(index: Index) -> None:
    def refuse_commit(action: int, first: str | None, *_: str | None) -> int:
        return sqlite3.SQLITE_DENY if (action, first) == (sqlite3.SQLITE_TRANSACTION, "COMMIT") else sqlite3.SQLITE_OK

    index._database.set_authorizer(refuse_commit)
    with pytest.raises(OSError, match="not authorized") as caught:
        index.record([seen(1)])
    assert caught.value.errno == errno.EIO
    index._database.set_authorizer(None)
    assert index.places(b"file 1") == []
    index.record([seen(1)])
    assert index.places(b"file 1") == [seen(1).place]


def test_a_locked_index_is_busy_and_the_log_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another process holds the index for longer than one waits: clients are told to try again."""
    (tmp_path / "export").mkdir()
    volume = Volume(tmp_path / "export", tmp_path / "state")
    path = tmp_path / "state" / "index.sqlite"
    volume.files.index._database.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING), pytest.raises(Failed) as caught:
        volume.create(volume.root, "f")
    assert caught.value.status is nfsstat3.NFS3ERR_JUKEBOX
    assert [record.getMessage() for record in caplog.records] == [f"{path}: the index of handles: database is locked"]
    other.execute("ROLLBACK")
    other.close()
    volume.lookup(volume.root, "f")
    volume.close()


def test_what_is_removed_is_removed_whatever_the_index_says(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    volume = Volume(tmp_path / "export", tmp_path / "state")
    directory = volume.mkdir(volume.root, "d")
    file = volume.create(directory, "f")
    volume.files.index._database.execute("PRAGMA query_only = 1")
    volume.remove(directory, "f")
    volume.rmdir(volume.root, "d")
    volume.files.index._database.execute("PRAGMA query_only = 0")
    with pytest.raises(Failed) as caught:
        volume.getattr(file)
    assert caught.value.status is nfsstat3.NFS3ERR_STALE
    volume.close()


def test_an_index_that_breaks_while_in_use(index: Index, caplog: pytest.LogCaptureFixture) -> None:
    index._database.execute("DROP TABLE place")
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(OSError, match="the index of handles: no such table") as caught,
    ):
        index.record([seen(1)])
    assert caught.value.errno == errno.EIO
    assert len(caplog.records) == 1

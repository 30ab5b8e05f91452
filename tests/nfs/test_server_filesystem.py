"""The server's procedures on a real directory, without RPC."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from examples.nfs import changing, looking
from examples.nfs.attributes import nfstime3_of, status_of
from examples.nfs.exports import Access
from examples.nfs.filesystem import NODE_LIFETIME, FileSystem
from examples.nfs.linux import reopen
from examples.nfs.nfs3_xdr import (
    ACCESS3_DELETE,
    ACCESS3_EXECUTE,
    ACCESS3_EXTEND,
    ACCESS3_LOOKUP,
    ACCESS3_MODIFY,
    ACCESS3_READ,
    DATA_SYNC,
    FILE_SYNC,
    NF3DIR,
    NF3LNK,
    NF3REG,
    NF3SOCK,
    SET_TO_SERVER_TIME,
    UNCHECKED,
    UNSTABLE,
    ACCESS3args,
    ACCESS3res_NFS3_OK,
    FSINFO3args,
    FSINFO3res_NFS3_OK,
    FSSTAT3args,
    FSSTAT3res_NFS3_OK,
    MKNOD3args,
    MKNOD3res_default,
    PATHCONF3args,
    PATHCONF3res_NFS3_OK,
    READ3args,
    READ3res_default,
    READ3res_NFS3_OK,
    READLINK3args,
    READLINK3res_NFS3_OK,
    RENAME3args,
    RENAME3res_default,
    WRITE3args,
    WRITE3res_NFS3_OK,
    diropargs3,
    mknoddata3_NF3SOCK,
    nfs_fh3,
    nfsstat3,
    nfstime3,
    post_op_attr_FALSE,
    post_op_attr_TRUE,
    pre_op_attr_TRUE,
    sattrguard3_TRUE,
    set_atime_default,
    set_atime_SET_TO_CLIENT_TIME,
    set_mtime_SET_TO_CLIENT_TIME,
    stable_how,
)
from examples.nfs.operation import Caller
from tests.nfs.volume import Failed, Volume, sattr

P = ParamSpec("P")
R = TypeVar("R")


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    directory = tmp_path / "export"
    directory.mkdir()
    volume = Volume(directory, tmp_path / "state")
    yield volume
    volume.close()


@contextmanager
def refuses(status: nfsstat3) -> Iterator[None]:
    with pytest.raises(Failed) as caught:
        yield
    assert caught.value.status is status


def tree(volume: Volume) -> tuple[nfs_fh3, nfs_fh3]:
    """A directory `d` with a file `f` of six octets in it: both handles."""
    directory = volume.mkdir(volume.root, "d")
    file = volume.create(directory, "f")
    volume.write(file, 0, b"octets", FILE_SYNC)
    return directory, file


# Handles and where they lead


def test_handles_survive_a_restart(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.restart()
    assert volume.read(file) == b"octets"
    assert volume.lookup(volume.root, "d") == directory
    assert volume.lookup(directory, "f") == file


def test_handles_survive_rename(volume: Volume) -> None:
    directory, file = tree(volume)
    other = volume.mkdir(volume.root, "other")
    volume.rename(directory, "f", other, "g")
    volume.rename(volume.root, "other", directory, "inside")
    volume.restart()
    assert volume.read(file) == b"octets"
    assert volume.lookup(volume.root, "d", "inside", "g") == file
    with refuses(nfsstat3.NFS3ERR_NOENT):
        volume.lookup(directory, "f")


def test_a_deleted_file_is_stale(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.remove(directory, "f")
    for _ in range(2):
        with refuses(nfsstat3.NFS3ERR_STALE):
            volume.getattr(file)
        volume.restart()


def test_a_file_deleted_by_somebody_else_is_stale_at_once(volume: Volume) -> None:
    directory, file = tree(volume)
    (volume.directory / "d" / "f").unlink()
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.read(file)
    (volume.directory / "d").rmdir()
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.names(directory)


def test_a_used_again_inode_number_is_another_file(volume: Volume) -> None:
    # Whether the file system gives the number out again is its business; the old handle is stale either way.
    handles = []
    for _ in range(50):
        handles.append(volume.create(volume.root, "f"))
        volume.forget_open_files()
        volume.remove(volume.root, "f")
    current = volume.create(volume.root, "f")
    volume.forget_open_files()
    assert len({handle.data for handle in handles}) == 50
    for handle in handles:
        with refuses(nfsstat3.NFS3ERR_STALE):
            volume.getattr(handle)
    volume.getattr(current)


def test_forged_handles(volume: Volume) -> None:
    _, file = tree(volume)
    for handle in (
        b"",
        bytes(48),
        bytes(64),
        file.data[:-1],
        file.data + b"\0",
        bytes([file.data[0] ^ 1]) + file.data[1:],
    ):
        with refuses(nfsstat3.NFS3ERR_BADHANDLE):
            volume.getattr(nfs_fh3(handle))


def test_a_well_made_handle_of_a_file_never_shown_is_stale(volume: Volume) -> None:
    (volume.directory / "hidden").write_bytes(b"")
    node = volume.files.peek(volume.files.root, b"hidden")
    handle = nfs_fh3(volume.files.handles.seal(node.file))
    node.release()
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.getattr(handle)


def test_another_exports_handle_is_stale(volume: Volume, tmp_path: Path) -> None:
    _, file = tree(volume)
    (tmp_path / "second").mkdir()
    second = Volume(tmp_path / "second", volume.state)
    with refuses(nfsstat3.NFS3ERR_STALE):
        second.getattr(file)
    second.close()


def test_another_state_directory_makes_other_handles(volume: Volume, tmp_path: Path) -> None:
    _, file = tree(volume)
    second = Volume(volume.directory, tmp_path / "second state")
    with refuses(nfsstat3.NFS3ERR_BADHANDLE):
        second.getattr(file)
    second.close()


def test_two_processes_share_one_index(volume: Volume) -> None:
    second = Volume(volume.directory, volume.state)
    directory, file = tree(volume)
    assert second.read(file) == b"octets"
    second.rename(directory, "f", second.root, "g")
    volume.forget_open_files()
    assert volume.read(file) == b"octets"
    assert second.lookup(second.root, "g") == file
    second.close()


def test_what_somebody_else_renamed_is_found_again(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.mkdir(volume.root, "other")
    root = volume.directory
    (root / "d" / "f").rename(root / "d" / "g")  # in its directory
    volume.forget_open_files()
    assert volume.read(file) == b"octets"
    (root / "d").rename(root / "other" / "e")  # a directory above it
    volume.forget_open_files()
    assert volume.read(file) == b"octets"
    (root / "other" / "e" / "g").rename(root / "h")  # to another directory
    volume.forget_open_files()
    assert volume.read(file) == b"octets"
    volume.restart()
    assert volume.lookup(volume.root, "h") == file
    assert volume.lookup(volume.root, "other", "e") == directory


def test_the_search_is_bounded(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    _, file = tree(volume)
    for number in range(20):
        (volume.directory / f"{number}").touch()
    (volume.directory / "z").mkdir()
    (volume.directory / "d" / "f").rename(volume.directory / "z" / "f")
    monkeypatch.setattr("examples.nfs.filesystem.SEARCH_LIMIT", 10)
    volume.forget_open_files()
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.read(file)


def test_a_file_moved_out_of_the_export_is_stale(volume: Volume, tmp_path: Path) -> None:
    directory, file = tree(volume)
    (volume.directory / "d").rename(tmp_path / "outside")
    volume.forget_open_files()
    for handle in (file, directory):
        with refuses(nfsstat3.NFS3ERR_STALE):
            volume.getattr(handle)
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.lookup(directory, "..")


def test_what_was_moved_out_is_served_for_a_lifetime_at_most(volume: Volume, tmp_path: Path) -> None:
    """However deep: what was opened beneath it lives no longer than it does."""
    now = 0.0
    volume.files._nodes.clock = lambda: now
    directory = volume.mkdir(volume.root, "d")
    below = volume.mkdir(directory, "below")
    volume.create(below, "f")
    volume.forget_open_files()
    assert volume.lookup(volume.root, "d") == directory
    (volume.directory / "d").rename(tmp_path / "outside")
    now = NODE_LIFETIME - 1
    assert volume.lookup(directory, "below") == below
    now = NODE_LIFETIME + 1
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.lookup(below, "f")


@pytest.fixture
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the index does not know is not found, as in an export too large to be searched."""
    monkeypatch.setattr("examples.nfs.filesystem.SEARCH_LIMIT", 0)


def before(method: Callable[P, R], happens: Callable[[], object]) -> Callable[P, R]:
    """A method that, the first time, lets something else happen before it."""
    waiting = [happens]

    def changed(*arguments: P.args, **options: P.kwargs) -> R:
        if waiting:
            waiting.pop()()
        return method(*arguments, **options)

    return changed


def test_a_name_that_was_seen_and_then_renamed(
    volume: Volume, no_search: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LOOKUP sees a directory, another call's RENAME moves it, and then LOOKUP has the index remember it."""
    directory, file = tree(volume)
    volume.files.index._database.execute("DELETE FROM place WHERE name = 'd'")
    rename = partial(volume.rename, volume.root, "d", volume.root, "e")
    monkeypatch.setattr(volume.files, "record", before(volume.files.record, rename))
    assert volume.lookup(volume.root, "d") == directory
    volume.forget_open_files()
    assert volume.read(file) == b"octets"


def test_a_listing_of_what_is_renamed_meanwhile(
    volume: Volume, no_search: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = tree(volume)
    volume.files.index._database.execute("DELETE FROM place WHERE name = 'd'")
    rename = partial(volume.rename, volume.root, "d", volume.root, "e")
    monkeypatch.setattr(volume.files, "remember", before(volume.files.remember, rename))
    assert [entry.name for entry in volume.readdirplus(volume.root).reply.entries if entry.name == "d"] == ["d"]
    volume.forget_open_files()
    assert volume.read(file) == b"octets"


def test_a_name_that_was_removed_and_made_again(
    volume: Volume, no_search: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REMOVE takes a file, another call makes one of its name, and then REMOVE has the index forget."""
    directory, _ = tree(volume)
    made: list[nfs_fh3] = []
    forget = before(volume.files.forget, lambda: made.append(volume.create(directory, "f")))
    monkeypatch.setattr(volume.files, "forget", forget)
    volume.remove(directory, "f")
    volume.forget_open_files()
    assert volume.getattr(made[0]).type == NF3REG


@pytest.mark.parametrize("names", [("f", "g"), ("d", "e")])
def test_a_walk_to_what_is_renamed_meanwhile(
    volume: Volume, no_search: None, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    directory, file = tree(volume)
    volume.forget_open_files()
    parent = volume.root if names[0] == "d" else directory
    rename = partial(volume.rename, parent, names[0], parent, names[1])
    monkeypatch.setattr(volume.files, "_walk", before(volume.files._walk, rename))
    assert volume.read(file) == b"octets"
    volume.forget_open_files()
    assert volume.read(file) == b"octets"


def test_a_file_whose_other_name_was_never_seen(volume: Volume) -> None:
    directory, file = tree(volume)
    os.link(volume.directory / "d" / "f", volume.directory / "other")
    volume.remove(directory, "f")
    volume.restart()
    assert volume.read(file) == b"octets"


def test_hard_links_are_one_file_with_several_places(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.link(file, volume.root, "second")
    assert volume.lookup(volume.root, "second") == file
    assert volume.getattr(file).nlink == 2
    volume.remove(directory, "f")
    volume.restart()
    assert volume.read(file) == b"octets"
    volume.rename(volume.root, "second", directory, "third")
    volume.link(file, directory, "fourth")
    # RENAME from one name of a file to another of the same does nothing (RFC 1813, 3.3.14).
    volume.rename(directory, "third", directory, "fourth")
    volume.restart()
    assert sorted(volume.names(directory)) == [".", "..", "fourth", "third"]
    volume.remove(directory, "third")
    volume.restart()
    assert volume.read(file) == b"octets"


def test_paths_longer_than_the_kernel_takes(volume: Volume) -> None:
    handle = volume.root
    for _ in range(30):
        handle = volume.mkdir(handle, "x" * 200)
    file = volume.create(handle, "f")
    volume.restart()
    assert volume.getattr(file).type == NF3REG
    assert volume.lookup(handle, "..", "x" * 200) == handle


def test_the_root_has_nothing_above_it(volume: Volume) -> None:
    assert volume.lookup(volume.root, "..", "..") == volume.root
    assert volume.lookup(volume.root, ".") == volume.root
    directory, _ = tree(volume)
    assert volume.lookup(directory, "..") == volume.root
    listing = volume.readdir(volume.root).reply
    numbers = {entry.name: entry.fileid for entry in listing.entries}
    assert numbers[".."] == numbers["."] == volume.getattr(volume.root).fileid


def test_the_way_up_after_somebody_else_moved_the_directory(volume: Volume) -> None:
    directory, _ = tree(volume)
    other = volume.mkdir(volume.root, "other")
    (volume.directory / "d").rename(volume.directory / "other" / "d")
    volume.forget_open_files()
    assert volume.lookup(directory, "..") == other


# Symbolic links are data


def test_links_are_not_followed(volume: Volume, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (volume.directory / "link").symlink_to(tmp_path / "secret")
    (volume.directory / "out").symlink_to(tmp_path)
    link = volume.lookup(volume.root, "link")
    assert volume.getattr(link).type == NF3LNK
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.read(link)
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.write(link, 0, b"x")
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.setattr(link, sattr(size=0))
    out = volume.lookup(volume.root, "out")
    for name in ("secret", "..", "."):
        with refuses(nfsstat3.NFS3ERR_NOTDIR):
            volume.lookup(out, name)
    with refuses(nfsstat3.NFS3ERR_NOTDIR):
        volume.create(out, "new")
    with refuses(nfsstat3.NFS3ERR_NOTDIR):
        volume.names(out)
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create(volume.root, "link", UNCHECKED, sattr(size=0))
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create_exclusive(volume.root, "link", bytes(8))
    assert (tmp_path / "secret").read_bytes() == b"secret"
    assert not (tmp_path / "new").exists()


def test_changing_a_link_changes_the_link(volume: Volume, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"")
    os.utime(target, (5, 5))
    link = volume.symlink(volume.root, "link", str(target))
    volume.setattr(link, sattr(mtime=set_mtime_SET_TO_CLIENT_TIME(nfstime3(7, 8))))
    assert volume.getattr(link).mtime == nfstime3(7, 8)
    assert target.stat().st_mtime == 5
    volume.link(link, volume.root, "second")
    assert volume.getattr(volume.lookup(volume.root, "second")).type == NF3LNK
    volume.remove(volume.root, "link")
    assert target.exists()


def test_a_directory_replaced_by_a_link_leads_nowhere(volume: Volume, tmp_path: Path) -> None:
    directory, file = tree(volume)
    outside = tmp_path / "outside"
    (volume.directory / "d").rename(outside)
    (volume.directory / "d").symlink_to(outside)
    volume.forget_open_files()
    for handle in (file, directory):
        with refuses(nfsstat3.NFS3ERR_STALE):
            volume.getattr(handle)


def test_a_race_of_renames_never_leads_outside(volume: Volume, tmp_path: Path) -> None:
    """While a directory and a link out of the export change places, no name resolves to what is outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"secret")
    _, file = tree(volume)
    (volume.directory / "l").symlink_to(outside)
    at, spare = volume.directory / "d", volume.directory / "spare"
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            at.rename(spare)
            (volume.directory / "l").rename(at)
            at.rename(volume.directory / "l")
            spare.rename(at)

    def look() -> tuple[bytes, nfsstat3 | None]:
        volume.forget_open_files()
        try:
            return volume.read(volume.lookup(volume.root, "d", "f")) + volume.read(file), None
        except Failed as failed:
            return b"octets" * 2, failed.status

    thread = threading.Thread(target=swap)
    thread.start()
    seen = [look() for _ in range(300)]
    stop.set()
    thread.join()
    assert {data for data, _ in seen} == {b"octets" * 2}
    expected = {None, nfsstat3.NFS3ERR_STALE, nfsstat3.NFS3ERR_NOENT, nfsstat3.NFS3ERR_NOTDIR}
    assert {status for _, status in seen} <= expected


def test_readlink_gives_the_octets_as_they_are(volume: Volume) -> None:
    target = "../\udcff/ä"
    link = volume.symlink(volume.root, "link", target)
    assert os.readlink(os.fsencode(volume.directory / "link")) == b"../\xff/" + "ä".encode()
    read = volume.ok(looking.READLINK, READLINK3args(link), READLINK3res_NFS3_OK).resok
    assert read.data == target
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.ok(looking.READLINK, READLINK3args(volume.root), READLINK3res_NFS3_OK)
    for bad in ("", "a\0b"):
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.symlink(volume.root, "bad", bad)


# Names


@pytest.mark.parametrize("name", ["", "a/b", "/", "a\0b", "../d"])
def test_names_that_cannot_be(volume: Volume, name: str) -> None:
    tree(volume)
    root = volume.root
    for attempt in (
        lambda: volume.lookup(root, name),
        lambda: volume.create(root, name),
        lambda: volume.create_exclusive(root, name, bytes(8)),
        lambda: volume.mkdir(root, name),
        lambda: volume.symlink(root, name, "x"),
        lambda: volume.remove(root, name),
        lambda: volume.rmdir(root, name),
        lambda: volume.rename(root, name, root, "x"),
        lambda: volume.rename(root, "d", root, name),
        lambda: volume.link(root, root, name),
    ):
        with refuses(nfsstat3.NFS3ERR_ACCES):
            attempt()


def test_dots_are_not_made_or_removed(volume: Volume) -> None:
    directory, _ = tree(volume)
    for name in (".", ".."):
        with refuses(nfsstat3.NFS3ERR_EXIST):
            volume.create(directory, name)
        with refuses(nfsstat3.NFS3ERR_EXIST):
            volume.mkdir(directory, name)
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.remove(directory, name)
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.rename(directory, name, directory, "x")
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.rename(directory, "f", directory, name)
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.rmdir(directory, ".")
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.rmdir(directory, "..")


def test_long_and_strange_names(volume: Volume) -> None:
    for name in ("x" * 255, "\udcfe\udcff", "new\nline", " ", "-", "ä" * 127):
        file = volume.create(volume.root, name)
        assert volume.lookup(volume.root, name) == file
        assert name in volume.names(volume.root)
    for name in ("x" * 256, "ä" * 128):
        with refuses(nfsstat3.NFS3ERR_NAMETOOLONG):
            volume.create(volume.root, name)


# Reading and writing


@pytest.mark.parametrize("stable", [UNSTABLE, DATA_SYNC, FILE_SYNC])
def test_write_tells_how_stable_it_was(volume: Volume, stable: stable_how, monkeypatch: pytest.MonkeyPatch) -> None:
    file = volume.create(volume.root, "f")
    synced: list[str] = []
    for name in ("fsync", "fdatasync"):
        real: Callable[[int], None] = getattr(os, name)

        def noted(descriptor: int, name: str = name, real: Callable[[int], None] = real) -> None:
            synced.append(name)
            real(descriptor)

        monkeypatch.setattr(os, name, noted)
    result = volume.write(file, 3, b"abc", stable)
    assert synced == {UNSTABLE: [], DATA_SYNC: ["fdatasync"], FILE_SYNC: ["fsync"]}[stable]
    assert (result.count, result.committed, result.verf) == (3, stable, volume.verifier.value)
    assert volume.read(file) == b"\0\0\0abc"
    synced.clear()
    assert volume.commit(file).verf == result.verf
    assert len(synced) == 1


def test_the_write_verifier_is_new_at_each_start(volume: Volume) -> None:
    file = volume.create(volume.root, "f")
    before = volume.write(file, 0, b"x").verf
    volume.restart()
    assert volume.commit(file).verf != before


def test_a_failed_write_out_changes_the_verifier(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    file = volume.create(volume.root, "f")
    before = volume.write(file, 0, b"x").verf

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "lost")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with refuses(nfsstat3.NFS3ERR_IO):
            volume.commit(file)
    assert volume.commit(file).verf != before


def test_read_at_and_beyond_the_end(volume: Volume) -> None:
    _, file = tree(volume)

    def read(offset: int, count: int) -> tuple[bytes, bool]:
        result = volume.ok(looking.READ, READ3args(file, offset, count), READ3res_NFS3_OK).resok
        assert result.count == len(result.data)
        return result.data, result.eof

    assert read(0, 5) == (b"octet", False)
    assert read(0, 6) == (b"octets", True)
    assert read(5, 100) == (b"s", True)
    assert read(6, 1) == (b"", True)
    assert read(0, 0) == (b"", False)
    assert read(2**63 - 1, 10) == (b"", True)
    assert read(2**64 - 1, 2**32 - 1) == (b"", True)


def test_the_last_octets_of_the_largest_file(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "LARGEST_FILE", 1 << 20)
    _, file = tree(volume)
    volume.write(file, (1 << 20) - 3, b"end")
    for offset in ((1 << 20) - 3, (1 << 20), (1 << 20) + 1, (1 << 64) - 1):
        result = volume.ok(looking.READ, READ3args(file, offset, 100), READ3res_NFS3_OK).resok
        assert (result.data, result.eof) == (b"end" if offset < 1 << 20 else b"", True)


def test_sparse_and_large_offsets(volume: Volume) -> None:
    file = volume.create(volume.root, "f")
    far = 5 * 2**40
    volume.write(file, far, b"end")
    attributes = volume.getattr(file)
    assert attributes.size == far + 3
    assert attributes.used < 2**20
    assert volume.read(file, far - 2, 10) == b"\0\0end"
    for offset in (2**63 - 2, 2**64 - 1):
        with refuses(nfsstat3.NFS3ERR_FBIG):
            volume.write(file, offset, b"xyz")
    with refuses(nfsstat3.NFS3ERR_FBIG):
        volume.setattr(file, sattr(size=2**63))


def test_counts_of_write(volume: Volume) -> None:
    file = volume.create(volume.root, "f")
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.ok(changing.WRITE, WRITE3args(file, 0, 4, UNSTABLE, b"abc"), WRITE3res_NFS3_OK)
    volume.do(changing.WRITE, WRITE3args(file, 0, 2, UNSTABLE, b"abc"))
    assert volume.read(file) == b"ab"
    assert volume.write(file, 0, b"").count == 0
    assert volume.write(file, 0, bytes(3 << 20)).count == 1 << 20


def test_only_files_are_read_and_written(volume: Volume) -> None:
    os.mkfifo(volume.directory / "fifo")
    for handle in (volume.root, volume.lookup(volume.root, "fifo")):
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.read(handle)
        with refuses(nfsstat3.NFS3ERR_INVAL):
            volume.write(handle, 0, b"x")


def test_weak_cache_consistency(volume: Volume) -> None:
    file = volume.create(volume.root, "f")
    before = volume.getattr(file)
    wcc = volume.write(file, 0, b"abc").file_wcc
    assert isinstance(wcc.before, pre_op_attr_TRUE)
    assert isinstance(wcc.after, post_op_attr_TRUE)
    assert (wcc.before.attributes.size, wcc.before.attributes.ctime) == (0, before.ctime)
    assert wcc.after.attributes == volume.getattr(file)


# Making


def test_create_guarded_and_unchecked(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o4751, size=3))
    attributes = volume.getattr(file)
    assert (attributes.mode, attributes.size) == (0o4751, 3)
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create(volume.root, "f")
    assert volume.create(volume.root, "f", UNCHECKED, sattr(mode=0o600)) == file
    assert volume.getattr(file).size == 3
    assert volume.create(volume.root, "f", UNCHECKED, sattr(size=0)) == file
    assert volume.getattr(file).size == 0
    volume.mkdir(volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create(volume.root, "d", UNCHECKED)


def test_create_exclusive_is_idempotent(volume: Volume) -> None:
    verifier = bytes.fromhex("8123456789abcdef")
    file = volume.create_exclusive(volume.root, "f", verifier)
    assert volume.create_exclusive(volume.root, "f", verifier) == file
    volume.restart()
    assert volume.create_exclusive(volume.root, "f", verifier) == file
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create_exclusive(volume.root, "f", bytes(8))
    volume.setattr(file, sattr(mode=0o640, mtime=set_mtime_SET_TO_CLIENT_TIME(nfstime3(1, 2))))
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create_exclusive(volume.root, "f", verifier)
    assert os.listdir(volume.directory) == ["f"]


def test_create_exclusive_without_nameless_files(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def without(path: str | bytes, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not here")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", without)
    file = volume.create_exclusive(volume.root, "f", b"verifier")
    assert volume.create_exclusive(volume.root, "f", b"verifier") == file
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.create_exclusive(volume.root, "f", b"another!")


def test_modes_do_not_depend_on_the_umask(volume: Volume) -> None:
    umask = os.umask(0o077)
    try:
        file = volume.create(volume.root, "f", attributes=sattr(mode=0o666))
        directory = volume.mkdir(volume.root, "d", 0o1777)
    finally:
        os.umask(umask)
    assert volume.getattr(file).mode == 0o666
    assert volume.getattr(directory).mode == 0o1777


def test_mkdir_and_rmdir(volume: Volume) -> None:
    directory, _ = tree(volume)
    with refuses(nfsstat3.NFS3ERR_EXIST):
        volume.mkdir(volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_NOTEMPTY):
        volume.rmdir(volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_NOTDIR):
        volume.rmdir(directory, "f")
    with refuses(nfsstat3.NFS3ERR_ISDIR):
        volume.remove(volume.root, "d")
    volume.remove(directory, "f")
    volume.rmdir(volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_NOENT):
        volume.rmdir(volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.names(directory)


def test_the_set_group_id_bit_is_inherited(volume: Volume) -> None:
    outer = volume.mkdir(volume.root, "outer", 0o2755)
    inner = volume.mkdir(outer, "inner", 0o755)
    assert volume.getattr(inner).mode == 0o2755


def test_mknod_is_not_supported(volume: Volume) -> None:
    result = volume.do(changing.MKNOD, MKNOD3args(diropargs3(volume.root, "s"), mknoddata3_NF3SOCK(NF3SOCK, sattr())))
    assert isinstance(result, MKNOD3res_default)
    assert result.status is nfsstat3.NFS3ERR_NOTSUPP


def test_rename_replaces_and_refuses(volume: Volume) -> None:
    directory, file = tree(volume)
    victim = volume.create(volume.root, "victim")
    volume.rename(directory, "f", volume.root, "victim")
    with refuses(nfsstat3.NFS3ERR_STALE):
        volume.getattr(victim)
    assert volume.lookup(volume.root, "victim") == file
    inner = volume.mkdir(directory, "inner")
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.rename(volume.root, "d", inner, "x")
    with refuses(nfsstat3.NFS3ERR_NOENT):
        volume.rename(volume.root, "nothing", volume.root, "x")
    with refuses(nfsstat3.NFS3ERR_ISDIR):
        volume.rename(volume.root, "victim", volume.root, "d")
    with refuses(nfsstat3.NFS3ERR_NOTDIR):
        volume.rename(volume.root, "d", volume.root, "victim")
    volume.mkdir(volume.root, "e")
    with refuses(nfsstat3.NFS3ERR_NOTEMPTY):
        volume.rename(volume.root, "e", volume.root, "d")


def test_rename_tells_of_both_directories(volume: Volume) -> None:
    directory, _ = tree(volume)
    argument = RENAME3args(diropargs3(volume.root, "nothing"), diropargs3(directory, "x"))
    result = volume.do(changing.RENAME, argument)
    assert isinstance(result, RENAME3res_default)
    for wcc in (result.resfail.fromdir_wcc, result.resfail.todir_wcc):
        assert isinstance(wcc.before, pre_op_attr_TRUE)
        assert isinstance(wcc.after, post_op_attr_TRUE)


def test_a_directory_has_no_second_name(volume: Volume) -> None:
    directory, _ = tree(volume)
    with refuses(nfsstat3.NFS3ERR_PERM):
        volume.link(directory, volume.root, "again")


def test_the_space_of_a_removed_file_is_given_back(volume: Volume) -> None:
    descriptors = Path("/proc/self/fd")
    volume.mkdir(volume.root, "d")  # from now on the root is open to be written out
    before = len(os.listdir(descriptors))
    for _ in range(3):
        file = volume.create(volume.root, "f")
        volume.write(file, 0, b"x")
        volume.remove(volume.root, "f")
    volume.rmdir(volume.root, "d")
    assert len(os.listdir(descriptors)) <= before


# Attributes


def test_setattr(volume: Volume) -> None:
    _, file = tree(volume)
    volume.setattr(
        file,
        sattr(
            mode=0o100600,
            size=2,
            atime=set_atime_SET_TO_CLIENT_TIME(nfstime3(2**32 - 1, 999_999_999)),
            mtime=set_mtime_SET_TO_CLIENT_TIME(nfstime3(1, 1)),
        ),
    )
    attributes = volume.getattr(file)
    assert (attributes.mode, attributes.size, attributes.mtime) == (0o600, 2, nfstime3(1, 1))
    volume.setattr(file, sattr(atime=set_atime_default(SET_TO_SERVER_TIME)))
    attributes = volume.getattr(file)
    assert attributes.mtime == nfstime3(1, 1)
    assert attributes.atime.seconds < 2**32 - 1
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.setattr(file, sattr(mtime=set_mtime_SET_TO_CLIENT_TIME(nfstime3(1, 10**9))))
    with refuses(nfsstat3.NFS3ERR_INVAL):
        volume.setattr(volume.root, sattr(size=0))


def test_setattr_is_guarded(volume: Volume) -> None:
    _, file = tree(volume)
    ctime = volume.getattr(file).ctime
    with refuses(nfsstat3.NFS3ERR_NOT_SYNC):
        volume.setattr(file, sattr(size=0), sattrguard3_TRUE(nfstime3(ctime.seconds, ctime.nseconds ^ 1)))
    assert volume.read(file) == b"octets"
    volume.setattr(file, sattr(size=0), sattrguard3_TRUE(ctime))
    assert volume.read(file) == b""


def test_attributes_tell_the_truth(volume: Volume) -> None:
    directory, file = tree(volume)
    found = (volume.directory / "d" / "f").stat()
    attributes = volume.getattr(file)
    assert attributes.type == NF3REG
    assert (attributes.uid, attributes.gid, attributes.nlink) == (found.st_uid, found.st_gid, 1)
    assert attributes.fileid == found.st_ino
    assert attributes.mtime == nfstime3_of(found.st_mtime_ns)
    assert attributes.mode == stat.S_IMODE(found.st_mode)
    assert volume.getattr(directory).type == NF3DIR
    assert volume.getattr(directory).fsid == volume.getattr(volume.root).fsid == attributes.fsid


def test_times_that_the_protocol_does_not_know() -> None:
    assert nfstime3_of(-1) == nfstime3(0, 0)
    assert nfstime3_of(2**32 * 10**9) == nfstime3(2**32 - 1, 999_999_999)
    assert nfstime3_of(1_000_000_001) == nfstime3(1, 1)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_has_a_status(number: int) -> None:
    assert status_of(OSError(number, "")) not in (nfsstat3.NFS3_OK, nfsstat3.NFS3ERR_BADHANDLE)
    named = getattr(nfsstat3, f"NFS3ERR_{errno.errorcode[number][1:]}", None)
    if named is not None:
        assert status_of(OSError(number, "")) is named


def test_facts_of_the_file_system(volume: Volume) -> None:
    space = volume.ok(looking.FSSTAT, FSSTAT3args(volume.root), FSSTAT3res_NFS3_OK).resok
    assert space.tbytes >= space.fbytes >= space.abytes > 0
    limits = volume.ok(looking.FSINFO, FSINFO3args(volume.root), FSINFO3res_NFS3_OK).resok
    assert limits.rtmax == limits.wtmax == 1 << 20
    names = volume.ok(looking.PATHCONF, PATHCONF3args(volume.root), PATHCONF3res_NFS3_OK).resok
    assert (names.name_max, names.no_trunc, names.case_insensitive) == (255, True, False)


# Rights


ALL = ACCESS3_READ | ACCESS3_LOOKUP | ACCESS3_MODIFY | ACCESS3_EXTEND | ACCESS3_DELETE | ACCESS3_EXECUTE


def access(volume: Volume, handle: nfs_fh3, wanted: int = ALL) -> int:
    return volume.ok(looking.ACCESS, ACCESS3args(handle, wanted), ACCESS3res_NFS3_OK).resok.access


def test_access_tells_what_the_server_can_do(volume: Volume) -> None:
    directory, file = tree(volume)
    assert access(volume, directory) == ALL & ~ACCESS3_EXECUTE
    assert access(volume, file) == ACCESS3_READ | ACCESS3_MODIFY | ACCESS3_EXTEND
    assert access(volume, file, ACCESS3_READ | ACCESS3_DELETE) == ACCESS3_READ
    volume.setattr(file, sattr(mode=0o755))
    assert access(volume, file) & ACCESS3_EXECUTE


def test_a_reader_only_reads(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.caller = Caller("bob@EXAMPLE.TEST", Access.READ)
    assert volume.read(file) == b"octets"
    assert access(volume, directory) == ACCESS3_READ | ACCESS3_LOOKUP
    for attempt in (
        lambda: volume.write(file, 0, b"x"),
        lambda: volume.create(directory, "g"),
        lambda: volume.mkdir(directory, "g"),
        lambda: volume.symlink(directory, "g", "x"),
        lambda: volume.remove(directory, "f"),
        lambda: volume.rmdir(volume.root, "d"),
        lambda: volume.rename(directory, "f", directory, "g"),
        lambda: volume.link(file, directory, "g"),
        lambda: volume.setattr(file, sattr(size=0)),
        lambda: volume.commit(file),
    ):
        with refuses(nfsstat3.NFS3ERR_ROFS):
            attempt()


def test_who_has_no_access_sees_nothing(volume: Volume) -> None:
    directory, file = tree(volume)
    volume.caller = Caller("mallory@EXAMPLE.TEST", Access.NONE)
    for attempt in (
        lambda: volume.getattr(file),
        lambda: volume.lookup(directory, "f"),
        lambda: volume.read(file),
        lambda: volume.names(directory),
        lambda: access(volume, directory),
        lambda: volume.write(file, 0, b"x"),
    ):
        with refuses(nfsstat3.NFS3ERR_ACCES):
            attempt()
    failed = volume.do(looking.READ, READ3args(file, 0, 1))
    assert isinstance(failed, READ3res_default)
    assert failed.resfail.file_attributes == post_op_attr_FALSE()
    with refuses(nfsstat3.NFS3ERR_ACCES):
        volume.getattr(nfs_fh3(b"which handles there are is not told either"))


@pytest.mark.parametrize("mode", [0o444, 0o000, 0o200])
def test_an_owner_reads_and_writes_whatever_the_mode_says(volume: Volume, mode: int) -> None:
    """As a program does that has the file open: NFS has no open (RFC 1813, 4.4)."""
    file = volume.create(volume.root, "f", attributes=sattr(mode=mode))
    volume.write(file, 0, b"abc", FILE_SYNC)
    volume.restart()
    volume.write(file, 3, b"def")
    volume.restart()
    volume.commit(file)
    assert volume.read(file) == b"abcdef"
    assert volume.getattr(file).mode == mode


def test_modes_are_changed_by_one_at_a_time(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    """To open a file without rights its owner gives itself some for a moment: no change of the mode may be lost."""
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o000))
    volume.forget_open_files()
    chmod, alone, inside = os.chmod, list[bool](), list[None]()
    modes = volume.files.modes

    @contextmanager
    def watched() -> Iterator[None]:
        with modes():
            inside.append(None)
            yield
            inside.pop()

    def observed(path: str, mode: int) -> None:
        alone.append(bool(inside))
        chmod(path, mode)

    def strict(descriptor: int, flags: int) -> int:
        if not os.fstat(descriptor).st_mode & stat.S_IRUSR:
            raise PermissionError(errno.EACCES, "as the kernel says who is not root")
        return reopen(descriptor, flags)

    monkeypatch.setattr(volume.files, "modes", watched)
    monkeypatch.setattr(os, "chmod", observed)
    monkeypatch.setattr(looking, "reopen", strict)
    assert volume.read(file) == b""
    volume.setattr(file, sattr(mode=0o640))
    assert alone == [True, True, True]
    assert volume.getattr(file).mode == 0o640


# What a stranger can make grow


def test_the_number_of_open_files_is_bounded(tmp_path: Path) -> None:
    directory = tmp_path / "export"
    directory.mkdir()
    files = FileSystem(directory, tmp_path / "state", open_nodes=4)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        (directory / str(number)).touch()
        node = files.child(files.root, str(number).encode())
        files.record(files.root, str(number).encode(), node)
        node.release()
    assert len(os.listdir("/proc/self/fd")) <= before + 4
    files.close()


def test_the_index_is_nobody_elses_business(volume: Volume) -> None:
    tree(volume)
    for file in volume.state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_the_index_forgets_what_is_gone(volume: Volume) -> None:
    def rows() -> int:
        number: int = volume.files.index._database.execute("SELECT count(*) FROM place").fetchone()[0]
        return number

    for _ in range(3):
        directory = volume.mkdir(volume.root, "d")
        for number in range(5):
            volume.create(directory, str(number))
        for number in range(5):
            (volume.directory / "d" / str(number)).unlink()  # behind the server's back
        volume.rmdir(volume.root, "d")
    assert rows() == 0

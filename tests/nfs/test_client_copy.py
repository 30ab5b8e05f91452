"""Copies against a server in memory: short reads and writes, lost data, failures on the way, trees, links."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from examples.nfs.client import Limits, NfsClient, Node
from examples.nfs.copy import Copier, Observer
from examples.nfs.failures import DataLost, NfsStatusError, WrongKindOfFile
from examples.nfs.nfs3_xdr import nfsstat3
from examples.nfs.transfer import download
from tests.nfs.fake_server import PRESENT, FakeCall, FakeNfs

DATA = bytes(range(256)) * 100
BLOCK = 1000


@dataclass
class Notes(Observer):
    octets: int = 0
    done: int = 0
    expected: int = 0
    left_out: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)

    def expect(self, octets: int) -> None:
        self.expected += octets

    def moved(self, octets: int) -> None:
        self.octets += octets

    def copied(self, path: str) -> None:
        self.done += 1

    def skipped(self, path: str, reason: str) -> None:
        self.left_out.append(path)

    def left_behind(self, path: str) -> None:
        self.stayed.append(path)


@dataclass
class Scene:
    fake: FakeNfs
    call: FakeCall
    client: NfsClient
    copier: Copier
    notes: Notes
    root: Node


@pytest.fixture
async def scene() -> Scene:
    fake = FakeNfs()
    call = FakeCall(fake)
    client = NfsClient(call, parallel=8)
    notes = Notes()
    return Scene(fake, call, client, Copier(client, Limits(BLOCK, BLOCK), notes), notes, await client.mount("/export"))


def content(fake: FakeNfs, path: str) -> bytes:
    inode = fake.at(path)
    assert inode is not None
    return inode.firm


# put


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, len(DATA)])
@pytest.mark.parametrize("most_write", [7, 999, 1 << 20])
async def test_put(scene: Scene, tmp_path: Path, size: int, most_write: int) -> None:
    scene.fake.most_write = max(most_write, size // 50)
    source = tmp_path / "source"
    source.write_bytes(DATA[:size])
    source.chmod(0o640)
    os.utime(source, ns=(5, 1_234_567_890_000_000_007))
    await replace(scene.copier, preserve=True).put_file(source, (scene.root, "file"))
    inode = scene.fake.at("file")
    assert inode is not None
    assert inode.firm == DATA[:size]
    assert inode.mode == 0o640
    assert inode.mtime == (1_234_567_890, 7)
    assert list(scene.fake.root.children) == ["file"]
    assert (scene.notes.octets, scene.notes.expected, scene.notes.done) == (size, size, 1)


async def test_an_empty_file_is_as_old_as_it_is(scene: Scene, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    await scene.copier.put_file(source, (scene.root, "file"))
    inode = scene.fake.at("file")
    assert inode is not None
    assert inode.mtime == PRESENT


async def test_many_writes_are_in_flight(scene: Scene, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    await scene.copier.put_file(source, (scene.root, "file"))
    assert scene.call.most_in_flight["NFSPROC3_WRITE"] == 8
    assert scene.call.log.count("NFSPROC3_COMMIT") == 1


@pytest.mark.parametrize("writes", [1, 5, 26])
async def test_server_loses_uncommitted_data(scene: Scene, tmp_path: Path, writes: int) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    seen = 0

    def restart_once() -> None:
        nonlocal seen
        seen += 1
        if seen == writes:
            scene.fake.restart()

    scene.call.after["NFSPROC3_WRITE"] = restart_once
    await scene.copier.put_file(source, (scene.root, "file"))
    assert scene.fake.restarts == 1
    assert content(scene.fake, "file") == DATA


async def test_server_loses_data_between_write_and_commit_twice(scene: Scene, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)

    def restart_at_26_and_52() -> None:
        if scene.call.log.count("NFSPROC3_WRITE") in (26, 52):
            scene.fake.restart()

    scene.call.after["NFSPROC3_WRITE"] = restart_at_26_and_52
    await scene.copier.put_file(source, (scene.root, "file"))
    assert content(scene.fake, "file") == DATA
    assert scene.call.log.count("NFSPROC3_COMMIT") == 3


async def test_server_that_never_keeps_anything(scene: Scene, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    scene.call.after["NFSPROC3_WRITE"] = scene.fake.restart
    with pytest.raises(DataLost):
        await scene.copier.put_file(source, (scene.root, "file"))
    assert not scene.fake.root.children


@pytest.mark.parametrize("procedure", ["CREATE", "WRITE", "COMMIT", "SETATTR", "RENAME"])
async def test_put_that_fails_leaves_nothing_new(scene: Scene, tmp_path: Path, procedure: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    scene.fake.make("file", b"old")
    scene.call.refuse[f"NFSPROC3_{procedure}"] = nfsstat3.NFS3ERR_NOSPC
    with pytest.raises(NfsStatusError, match=r"^/export/file: .*NOSPC"):
        await scene.copier.put_file(source, (scene.root, "file"))
    assert list(scene.fake.root.children) == ["file"]
    assert content(scene.fake, "file") == b"old"


@pytest.mark.parametrize("moment", [0.005 * step for step in range(1, 18)])
async def test_put_that_is_cancelled_leaves_nothing_new(
    scene: Scene, tmp_path: Path, moment: float, autojump_clock: MockClock
) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    scene.fake.make("file", b"old")
    scene.call.delay = 0.01
    with trio.move_on_after(moment):
        await scene.copier.put_file(source, (scene.root, "file"))
    assert list(scene.fake.root.children) == ["file"]
    assert content(scene.fake, "file") in (b"old", DATA)
    assert not scene.notes.stayed


async def test_what_cannot_be_removed_is_told(scene: Scene, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    scene.call.refuse["NFSPROC3_COMMIT"] = nfsstat3.NFS3ERR_IO
    scene.call.lost["NFSPROC3_REMOVE"] = ["before"] * 20
    with pytest.raises(NfsStatusError, match="IO"):
        await scene.copier.put_file(source, (scene.root, "file"))
    assert scene.notes.stayed == [f"/export/{name}" for name in scene.fake.root.children]
    assert len(scene.notes.stayed) == 1


@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("procedure", ["RENAME"])
async def test_put_with_unknown_outcomes(scene: Scene, tmp_path: Path, procedure: str, fate: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    scene.fake.make("file", b"old")
    scene.call.lost[f"NFSPROC3_{procedure}"] = [fate]
    await scene.copier.put_file(source, (scene.root, "file"))
    assert content(scene.fake, "file") == DATA
    assert list(scene.fake.root.children) == ["file"]


# get


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, len(DATA)])
@pytest.mark.parametrize("most_read", [7, 999, 1 << 20])
async def test_get(scene: Scene, tmp_path: Path, size: int, most_read: int) -> None:
    scene.fake.most_read = max(most_read, size // 50)
    inode = scene.fake.make("file", DATA[:size])
    inode.mode, inode.mtime = 0o4751, (1_234_567_890, 7)
    target = tmp_path / "target"
    target.write_bytes(b"old")
    node = await scene.client.lookup(scene.root, "file")
    await replace(scene.copier, preserve=True).get_file(node, target)
    assert target.read_bytes() == DATA[:size]
    assert target.stat().st_mode & 0o7777 & ~0o777 == 0
    assert target.stat().st_mtime_ns == 1_234_567_890_000_000_007
    assert os.listdir(tmp_path) == ["target"]
    assert (scene.notes.octets, scene.notes.expected, scene.notes.done) == (size, size, 1)


async def test_many_reads_are_in_flight(scene: Scene, tmp_path: Path) -> None:
    scene.fake.make("file", DATA)
    await scene.copier.get_file(await scene.client.lookup(scene.root, "file"), tmp_path / "target")
    assert scene.call.most_in_flight["NFSPROC3_READ"] == 8


@pytest.mark.parametrize("change", [-20_000, -1, 1, 5_000])
async def test_get_of_a_file_that_changes_its_size(scene: Scene, tmp_path: Path, change: int) -> None:
    inode = scene.fake.make("file", DATA)
    node = await scene.client.lookup(scene.root, "file")
    inode.data[:] = (DATA * 2)[: len(DATA) + change]
    await scene.copier.get_file(node, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == inode.data


async def test_sink_never_hears_of_what_is_behind_the_end_twice(scene: Scene) -> None:
    inode = scene.fake.make("file", DATA)
    node = await scene.client.lookup(scene.root, "file")
    inode.data[:] = b""
    heard: list[bytes] = []
    assert await download(scene.client, node, BLOCK, lambda _, data: heard.append(data)) == 0
    assert not b"".join(heard)


async def test_get_that_fails_leaves_the_old_file(scene: Scene, tmp_path: Path) -> None:
    scene.fake.make("file", DATA)
    node = await scene.client.lookup(scene.root, "file")
    target = tmp_path / "target"
    target.write_bytes(b"old")
    scene.call.refuse["NFSPROC3_READ"] = nfsstat3.NFS3ERR_IO
    with pytest.raises(NfsStatusError, match="IO"):
        await scene.copier.get_file(node, target)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["target"]


@pytest.mark.parametrize("moment", [0.005, 0.015, 0.025, 0.035])
async def test_get_that_is_cancelled_leaves_the_old_file(
    scene: Scene, tmp_path: Path, moment: float, autojump_clock: MockClock
) -> None:
    scene.fake.make("file", DATA)
    node = await scene.client.lookup(scene.root, "file")
    target = tmp_path / "target"
    target.write_bytes(b"old")
    scene.call.delay = 0.01
    with trio.move_on_after(moment) as scope:
        await scene.copier.get_file(node, target)
    assert scope.cancelled_caught
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["target"]


async def test_get_replaces_a_link_and_refuses_a_directory(scene: Scene, tmp_path: Path) -> None:
    scene.fake.make("file", DATA)
    node = await scene.client.lookup(scene.root, "file")
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(precious)
    await scene.copier.get_file(node, link)
    assert link.read_bytes() == DATA
    assert precious.read_bytes() == b"precious"
    with pytest.raises(WrongKindOfFile):
        await scene.copier.get_file(node, tmp_path)


# trees


def build_tree(place: Path) -> dict[str, bytes]:
    files = {"a": b"alpha", "sub/b": DATA, "sub/deep/c": b"", "sub/deep/d d": b"delta", "s\udcff": b"strange"}
    for name, data in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (place / "empty").mkdir()
    (place / "link").symlink_to("sub/b")
    return files


@pytest.mark.parametrize("links", [True, False])
async def test_tree_there_and_back(scene: Scene, tmp_path: Path, links: bool) -> None:
    files = build_tree(tmp_path / "source")
    scene.fake.make("there/sub")  # some directories exist already
    copier = replace(scene.copier, links=links)
    there = await scene.client.lookup(scene.root, "there")
    await copier.put_tree(tmp_path / "source", there)
    for name, data in files.items():
        assert content(scene.fake, f"there/{name}") == data
    await copier.get_tree(there, tmp_path / "target")
    for name, data in files.items():
        assert (tmp_path / "target" / name).read_bytes() == data
    assert (tmp_path / "target/empty").is_dir()
    assert (tmp_path / "target/link").is_symlink() is links
    assert len(scene.notes.left_out) == (0 if links else 1)
    assert scene.notes.done == 2 * len(files)
    if links:
        assert os.readlink(tmp_path / "target/link") == "sub/b"


async def test_links_are_replaced(scene: Scene, tmp_path: Path) -> None:
    build_tree(tmp_path / "source")
    scene.fake.make("link", link="old")
    await replace(scene.copier, links=True).put_tree(tmp_path / "source", scene.root)
    link = scene.fake.at("link")
    assert link is not None
    assert link.target == "sub/b"


async def test_a_file_where_a_directory_should_be(scene: Scene, tmp_path: Path) -> None:
    build_tree(tmp_path / "source")
    scene.fake.make("sub", b"a file")
    with pytest.raises(NfsStatusError, match="EXIST"):
        await scene.copier.put_tree(tmp_path / "source", scene.root)


async def test_one_error_ends_a_tree_and_comes_out_alone(scene: Scene, tmp_path: Path) -> None:
    build_tree(tmp_path / "source")
    scene.call.refuse["NFSPROC3_WRITE"] = nfsstat3.NFS3ERR_ROFS
    with pytest.raises(NfsStatusError, match="ROFS"):
        await scene.copier.put_tree(tmp_path / "source", scene.root)


async def test_tree_does_not_write_through_a_link(scene: Scene, tmp_path: Path) -> None:
    """A server that lists a link and then a directory of the same name must not get a file written elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target/sub").symlink_to(outside)
    scene.fake.make("sub/file", b"data")
    with pytest.raises(WrongKindOfFile):
        await replace(scene.copier, links=True).get_tree(scene.root, tmp_path / "target")
    assert not os.listdir(outside)

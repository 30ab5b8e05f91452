"""Our NFS client calls nfs-ganesha: a window of 32 below which calls are dropped without a word, contexts that belong
to the process, refusals whose verifier is AUTH_NONE."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from examples.nfs.__main__ import main
from examples.nfs.connect import Access, connected
from examples.nfs.copy import Copier, Observer
from examples.nfs.journal import What
from examples.nfs.nfs3_xdr import NFS_V3
from examples.nfs.url import NfsUrl
from examples.realm import HOST, Realm
from rpcgss.connect import connect_tcp
from rpcgss.gss.client import GssFlavor
from rpcgss.reauth.client import TicketClient
from rpcgss.rpc import Refusal
from tests.interop import stray
from tests.interop.ganesha import EXPORT, MOUNT_PORT, NFS_PORT, USER, Ganesha, ganesha_in_a_box
from tests.interop.tirpc import SERVICES
from tests.rpc.program import BEYOND

pytestmark = pytest.mark.peers

GSS = pytest.mark.parametrize("security", SERVICES)
URL = f"nfs://{HOST}:{NFS_PORT}{EXPORT}"
DATA = bytes(range(256)) * 9000
FILES = {"a": b"alpha", "sub/big": DATA, "sub/deep/empty": b"", "sub/ü ß": b"umlaut"}
"""More than two of the server's largest WRITEs, and none at all."""


@pytest.fixture(scope="module")
def ganesha(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ganesha]:
    with ganesha_in_a_box(realm, tmp_path_factory.mktemp("ganesha")) as server:
        yield server


@pytest.fixture(autouse=True)
def unharmed(ganesha: Ganesha) -> Iterator[None]:
    """Whatever a test does, the server lives on, and its files have been removed."""
    yield
    left = os.listdir(EXPORT)
    for name in left:
        subprocess.run(["rm", "-rf", str(EXPORT / name)], check=True)
    assert not left
    assert ganesha.runs, ganesha.last_words()


def ok(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def tree_of(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def build_tree(directory: Path) -> None:
    for name, data in FILES.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (directory / "link").symlink_to("sub/big")


@pytest.mark.parametrize("security", ["sys", *SERVICES])
def test_files_there_and_back(tmp_path: Path, security: str) -> None:
    began = time.time()
    options = ("--sec", security, "--mount-port", str(MOUNT_PORT))
    build_tree(tmp_path / "source")
    done = ok("put", "-r", "--links", tmp_path / "source", f"{URL}/", *options)
    assert security == "sys" or "1 by full exchange" in done.stderr
    assert tree_of(EXPORT / "source") == FILES
    made = (EXPORT / "source/sub/deep/empty").stat()
    assert began - 2 < made.st_mtime < time.time() + 2
    assert security == "sys" or (EXPORT / "source/a").owner() == USER
    ok("get", "-r", "--links", f"{URL}/source", tmp_path / "target", *options)
    assert tree_of(tmp_path / "target") == FILES
    assert os.readlink(tmp_path / "target/link") == "sub/big"
    assert ok("ls", f"{URL}/source", *options).stdout.split() == ["a", "link", "sub"]
    assert ok("cat", "--follow", f"{URL}/source/link", *options).stdout_bytes == DATA
    ok("mkdir", f"{URL}/new", *options)
    ok("mv", f"{URL}/source/a", f"{URL}/new", *options)
    ok("ln", f"{URL}/new/a", f"{URL}/new/b", *options)
    assert (EXPORT / "new/b").read_bytes() == b"alpha"
    ok("rm", f"{URL}/new/a", *options)
    ok("rm", f"{URL}/new/b", *options)
    ok("rmdir", f"{URL}/new", *options)
    ok("rm", "-r", f"{URL}/source", *options)


@GSS
async def test_a_crash_in_mid_copy(ganesha: Ganesha, tmp_path: Path, security: str) -> None:
    """The server comes back without contexts and without what was not committed; the copy does not notice."""
    access = Access(security, mount_port=MOUNT_PORT)
    build_tree(tmp_path / "source")
    async with connected(NfsUrl.parse(URL), access) as session:
        root, _ = await session.root_of(EXPORT.parts[1:])
        copier = Copier(session.nfs, await session.nfs.limits(root), Observer())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(copier.put_tree, tmp_path / "source", root)
            await trio.to_thread.run_sync(ganesha.kill)
            await trio.to_thread.run_sync(ganesha.start)
        assert tree_of(EXPORT) == FILES
        await trio.to_thread.run_sync(ganesha.kill)
        await trio.to_thread.run_sync(ganesha.start)
        assert {entry.name for entry in await session.nfs.entries(root)} == {"a", "sub"}
        # One to begin with, and one for each crash that calls were under way in.
        assert 2 <= len(session.journal.seconds[What.EXCHANGED]) <= 3
        for name in ("a", "sub"):
            await trio.run_process(["rm", "-r", str(EXPORT / name)])


@GSS
async def test_more_calls_at_once_than_the_window_is_wide(security: str) -> None:
    """None falls below the window, for then it would never be answered."""
    access = Access(security, mount_port=MOUNT_PORT, parallel=200, timeout=20)
    async with connected(NfsUrl.parse(URL), access) as session:
        root, _ = await session.root_of(EXPORT.parts[1:])

        async def look() -> None:
            for _ in range(10):
                assert (await session.nfs.refresh(root)).is_directory

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(look)
    assert session.rpc.counters.transmissions == session.rpc.counters.calls


@GSS
async def test_refusals_of_a_program(security: str) -> None:
    flavor = GssFlavor(stray.TARGET, service=SERVICES[security])
    async with connect_tcp(HOST, NFS_PORT, flavor, timeout=20) as client:
        await client.call(NFS_V3.NFSPROC3_NULL, None)
        with pytest.raises(Refusal):
            await client.call(BEYOND, None)
        await client.call(NFS_V3.NFSPROC3_NULL, None)


@GSS
async def test_case_11_an_offer_does_no_harm(security: str) -> None:
    tickets = TicketClient()
    flavor = GssFlavor(stray.TARGET, service=SERVICES[security], extension=tickets)
    async with connect_tcp(HOST, NFS_PORT, flavor, timeout=20) as client:
        for _ in range(5):
            await client.call(NFS_V3.NFSPROC3_NULL, None)
    assert (flavor.counters.by_exchange, tickets.counters.granted, tickets.counters.not_granted) == (1, 0, 0)


@GSS
async def test_case_11_stray_creation_requests_do_no_harm(security: str) -> None:
    """A ticket that it never made, before there is a context and beside one; then a second context."""
    tickets, others = TicketClient(), TicketClient()
    flavor = stray.Watched(stray.TARGET, service=SERVICES[security], extension=tickets)
    stray.give_ticket(tickets, flavor)
    stray.give_ticket(others, flavor)
    async with connect_tcp(HOST, NFS_PORT, flavor, timeout=20) as client:
        await client.call(NFS_V3.NFSPROC3_NULL, None)
        assert (tickets.counters.attempts, tickets.counters.refused) == (1, 1)
        link = flavor.link
        assert link is not None
        null = NFS_V3.NFSPROC3_NULL
        assert await others.recover(null.program, null.version, flavor.demands, link) is None
        second = await stray.exchange(flavor, others).run(null.program, null.version, link, carried_context=True)
        assert flavor.context is not None
        assert second.handle != flavor.context.handle
        await client.call(null, None)
    assert (flavor.counters.by_exchange, flavor.counters.lost, client.counters.refusals) == (1, 0, 0)

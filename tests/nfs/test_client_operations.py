"""The typed client against a server in memory: looking, unknown outcomes, busy servers, answers that break the RFC."""

from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from examples.nfs.calls import NON_IDEMPOTENT
from examples.nfs.client import NfsClient, Node
from examples.nfs.failures import MountRefused, NfsStatusError, ServerMisbehaved, WrongKindOfFile
from examples.nfs.nfs3_xdr import FILE_SYNC, NFS_V3, nfsstat3
from rpcgss.rpc.errors import OutcomeUnknown
from tests.nfs.fake_server import FakeCall, FakeNfs


@pytest.fixture
def fake() -> FakeNfs:
    return FakeNfs()


@pytest.fixture
def call(fake: FakeNfs) -> FakeCall:
    return FakeCall(fake)


@pytest.fixture
def client(call: FakeCall) -> NfsClient:
    return NfsClient(call, parallel=4)


async def root_of(client: NfsClient) -> Node:
    return await client.mount("/export")


async def test_mount(client: NfsClient) -> None:
    assert await client.exports() == ["/export"]
    assert (await root_of(client)).is_directory
    with pytest.raises(MountRefused, match="/other"):
        await client.mount("/other")


@pytest.mark.parametrize("with_handles", [True, False])
async def test_entries_come_in_pages(client: NfsClient, fake: FakeNfs, with_handles: bool) -> None:
    fake.with_handles = with_handles
    names = [f"file{number}" for number in range(10)]
    for name in names:
        fake.make(name, name.encode())
    entries = await client.entries(await root_of(client))
    assert [entry.name for entry in entries] == names
    assert all(entry.node.is_file and entry.node.attributes.size == 5 for entry in entries)


async def test_empty_directory(client: NfsClient) -> None:
    assert await client.entries(await root_of(client)) == []


@pytest.mark.parametrize("name", ["a/b", "../up", "a\0b", ""])
async def test_impossible_names_are_refused(client: NfsClient, fake: FakeNfs, name: str) -> None:
    fake.root.children[name] = fake.make("innocent", b"").number
    with pytest.raises(ServerMisbehaved):
        await client.entries(await root_of(client))


async def test_listing_that_never_ends(client: NfsClient, fake: FakeNfs) -> None:
    fake.entries_per_page = 0
    with pytest.raises(ServerMisbehaved):
        await client.entries(await root_of(client))


async def test_walk_follows_links_on_request_only(client: NfsClient, fake: FakeNfs) -> None:
    fake.make("real/deep/file", b"data")
    fake.make("real/link", link="deep/../deep")
    fake.make("top", link="./real")
    root = await root_of(client)
    assert (await client.walk(root, ["top"])).is_link
    with pytest.raises(WrongKindOfFile, match="--follow"):
        await client.walk(root, ["top", "link", "file"])
    assert (await client.walk(root, ["top", "link", "file"], follow=True)).is_file
    assert (await client.walk(root, ["real", "deep"])).is_directory


async def test_links_do_not_lead_out_or_round(client: NfsClient, fake: FakeNfs) -> None:
    fake.make("file", b"data")
    fake.make("up", link="../../../file")
    fake.make("loop", link="loop")
    fake.make("away", link="/etc/passwd")
    root = await root_of(client)
    assert (await client.walk(root, ["up"], follow=True)).is_file
    with pytest.raises(WrongKindOfFile, match="loop"):
        await client.walk(root, ["loop"], follow=True)
    with pytest.raises(WrongKindOfFile, match="/etc/passwd"):
        await client.walk(root, ["away"], follow=True)


async def test_a_file_on_the_way(client: NfsClient, fake: FakeNfs) -> None:
    fake.make("file", b"data")
    with pytest.raises(WrongKindOfFile, match="not a directory"):
        await client.walk(await root_of(client), ["file", "more"])


async def test_refusals_name_file_status_and_advice(client: NfsClient) -> None:
    with pytest.raises(
        NfsStatusError, match=r"/export/gone: no such file or directory \(NFS3ERR_NOENT\); check"
    ) as caught:
        await client.lookup(await root_of(client), "gone")
    assert caught.value.status is nfsstat3.NFS3ERR_NOENT


async def test_busy_server_is_asked_again(
    client: NfsClient, call: FakeCall, fake: FakeNfs, autojump_clock: MockClock
) -> None:
    fake.make("file", b"data")
    call.busy["NFSPROC3_LOOKUP"] = 5
    assert (await client.lookup(await root_of(client), "file")).is_file
    assert call.log.count("NFSPROC3_LOOKUP") == 6


async def test_busy_server_has_a_deadline(client: NfsClient, call: FakeCall, autojump_clock: MockClock) -> None:
    call.busy["NFSPROC3_LOOKUP"] = 10_000
    with pytest.raises(NfsStatusError, match="JUKEBOX"):
        await client.lookup(await root_of(client), "file")
    assert call.log.count("NFSPROC3_LOOKUP") < 30


async def test_calls_in_flight_are_bounded(client: NfsClient, call: FakeCall) -> None:
    root = await root_of(client)
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(client.refresh, root)
    assert call.most_in_flight["NFSPROC3_GETATTR"] == 4


# unknown outcomes: the connection is lost before or after the server has run the call

Change = Callable[[NfsClient, Node], Awaitable[object]]


async def mkdir(client: NfsClient, root: Node) -> None:
    node = await client.make_directory(root, "new")
    assert node.is_directory


async def symlink(client: NfsClient, root: Node) -> None:
    await client.make_link(root, "new", "target")


async def hard_link(client: NfsClient, root: Node) -> None:
    await client.make_hard_link(await client.lookup(root, "file"), root, "new")


async def remove(client: NfsClient, root: Node) -> None:
    await client.remove(root, "file")


async def rmdir(client: NfsClient, root: Node) -> None:
    await client.remove_directory(root, "directory")


async def rename(client: NfsClient, root: Node) -> None:
    await client.rename(await client.lookup(root, "file"), (root, "file"), (root, "new"))


CHANGES = {
    "NFSPROC3_MKDIR": mkdir,
    "NFSPROC3_SYMLINK": symlink,
    "NFSPROC3_LINK": hard_link,
    "NFSPROC3_REMOVE": remove,
    "NFSPROC3_RMDIR": rmdir,
    "NFSPROC3_RENAME": rename,
}


@pytest.fixture
def stocked(fake: FakeNfs) -> FakeNfs:
    fake.make("file", b"data")
    fake.make("other", b"else")
    fake.make("directory")
    return fake


@pytest.mark.parametrize("fates", [["before"], ["after"], ["before", "after"], ["after", "after"], ["after", "before"]])
@pytest.mark.parametrize("name", CHANGES)
async def test_unknown_outcome_is_resolved(
    client: NfsClient, call: FakeCall, stocked: FakeNfs, name: str, fates: list[str]
) -> None:
    call.lost[name] = list(fates)
    await CHANGES[name](client, await root_of(client))
    names = set(stocked.root.children)
    assert ("new" in names) is (name not in ("NFSPROC3_REMOVE", "NFSPROC3_RMDIR"))
    assert ("file" in names) is (name not in ("NFSPROC3_REMOVE", "NFSPROC3_RENAME"))
    assert ("directory" in names) is (name != "NFSPROC3_RMDIR")


@pytest.mark.parametrize("name", CHANGES)
async def test_resolved_while_the_server_is_busy(
    client: NfsClient, call: FakeCall, stocked: FakeNfs, name: str, autojump_clock: MockClock
) -> None:
    root = await root_of(client)
    call.lost[name] = ["after"]

    def busy_from_now_on() -> None:
        call.busy[name] = 2
        del call.after[name]

    call.after[name] = busy_from_now_on
    await CHANGES[name](client, root)


@pytest.mark.parametrize("name", ["NFSPROC3_MKDIR", "NFSPROC3_SYMLINK", "NFSPROC3_LINK"])
async def test_somebody_elses_object_is_no_success(
    client: NfsClient, call: FakeCall, stocked: FakeNfs, name: str
) -> None:
    stocked.make("new", b"somebody else's")
    call.lost[name] = ["before"]
    with pytest.raises(NfsStatusError, match="EXIST"):
        await CHANGES[name](client, await root_of(client))


async def test_another_link_is_no_success(client: NfsClient, call: FakeCall, stocked: FakeNfs) -> None:
    stocked.make("new", link="elsewhere")
    call.lost["NFSPROC3_SYMLINK"] = ["before"]
    with pytest.raises(NfsStatusError, match="EXIST"):
        await symlink(client, await root_of(client))


async def test_rename_of_what_is_gone_is_no_success(client: NfsClient, call: FakeCall, stocked: FakeNfs) -> None:
    root = await root_of(client)
    node = await client.lookup(root, "file")
    del stocked.root.children["file"]
    call.lost["NFSPROC3_RENAME"] = ["before"]
    with pytest.raises(NfsStatusError, match="NOENT"):
        await client.rename(node, (root, "file"), (root, "other"))


@pytest.mark.parametrize("name", CHANGES)
async def test_without_a_lost_connection_nothing_is_explained_away(
    client: NfsClient, call: FakeCall, stocked: FakeNfs, name: str
) -> None:
    root = await root_of(client)
    node = await client.lookup(root, "file")
    stocked.make("new")
    del stocked.root.children["file"], stocked.root.children["directory"]

    async def change() -> None:
        match name:
            case "NFSPROC3_LINK":
                await client.make_hard_link(node, root, "new")
            case "NFSPROC3_RENAME":
                await client.rename(node, (root, "file"), (root, "new"))
            case _:
                await CHANGES[name](client, root)

    with pytest.raises(NfsStatusError):
        await change()


async def test_outcome_stays_unknown_in_the_end(client: NfsClient, call: FakeCall, stocked: FakeNfs) -> None:
    call.lost["NFSPROC3_MKDIR"] = ["before"] * 100
    with pytest.raises(OutcomeUnknown):
        await client.make_directory(await root_of(client), "new")


def test_every_change_that_may_not_run_twice_is_declared() -> None:
    declared = {procedure.name for procedure in NON_IDEMPOTENT}
    assert declared == {*CHANGES, NFS_V3.NFSPROC3_MKNOD.name}


# answers that break RFC 1813


async def test_read_that_makes_no_progress(client: NfsClient, fake: FakeNfs) -> None:
    node_path = "file"
    fake.make(node_path, b"data")
    fake.most_read = 0
    node = await client.lookup(await root_of(client), node_path)
    with pytest.raises(ServerMisbehaved):
        await client.read(node, 0, 4)


async def test_write_that_makes_no_progress(client: NfsClient, fake: FakeNfs) -> None:
    fake.make("file", b"data")
    fake.most_write = 0
    node = await client.lookup(await root_of(client), "file")
    with pytest.raises(ServerMisbehaved):
        await client.write(node, 0, b"new", FILE_SYNC)

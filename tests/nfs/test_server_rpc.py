"""The server's programs by RPC: who is let in, MOUNT, and what kernel clients probe."""

import functools
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

import xdr
from examples.nfs.admission import Security
from examples.nfs.descriptors import Node
from examples.nfs.exports import Access, Rules
from examples.nfs.filesystem import FileSystem, _Search
from examples.nfs.handles import FileId
from examples.nfs.mount3_xdr import (
    MNT3ERR_ACCES,
    MNT3ERR_NOENT,
    MNT3ERR_NOTDIR,
    MOUNT_V3,
    MOUNT_V3_Client,
    mountbody,
    mountres3_default,
    mountres3_MNT3_OK,
)
from examples.nfs.nfs3_xdr import (
    FILE_SYNC,
    GUARDED,
    NFS3ERR_BADHANDLE,
    NFS_V3,
    CREATE3args,
    CREATE3res_NFS3_OK,
    FSINFO3args,
    FSINFO3res_NFS3_OK,
    GETATTR3args,
    GETATTR3res_default,
    GETATTR3res_NFS3_OK,
    LOOKUP3args,
    LOOKUP3res_default,
    LOOKUP3res_NFS3_OK,
    NFS_V3_Client,
    READ3args,
    READ3res_NFS3_OK,
    WRITE3args,
    WRITE3res_NFS3_OK,
    createhow3_UNCHECKED,
    diropargs3,
    nfs_fh3,
    nfsstat3,
)
from examples.nfs.running import NfsServer, nfs_server
from examples.realm import HOST, Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import GssService
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import (
    AuthNone,
    AuthRefused,
    AuthSys,
    Client,
    ClientFlavor,
    GarbageArguments,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    open_client,
)
from rpcgss.rpc.rpc_xdr import auth_stat
from tests.nfs.volume import given, sattr
from transport import StreamChannel, listen_tcp, memory_channel_pair, open_tcp


@dataclass
class Site:
    """A server in memory, and clients for it."""

    directory: Path
    server: NfsServer
    nursery: trio.Nursery
    stack: AsyncExitStack

    async def client(self, flavor: ClientFlavor) -> Client:
        async def connect() -> StreamChannel:
            near, far = memory_channel_pair(max_record=1 << 22)
            self.nursery.start_soon(self.server.rpc.serve_channel, far)
            return near

        return await self.stack.enter_async_context(open_client(connect, flavor))

    async def mount(self, flavor: ClientFlavor, path: str = "/") -> tuple[Client, nfs_fh3]:
        client = await self.client(flavor)
        result = await MOUNT_V3_Client(client.call).MOUNTPROC3_MNT(path)
        assert isinstance(result, mountres3_MNT3_OK)
        return client, nfs_fh3(result.mountinfo.fhandle)


@asynccontextmanager
async def site(tmp_path: Path, *securities: Security, exports: Rules[Access] | None = None) -> AsyncIterator[Site]:
    directory = tmp_path / "export"
    directory.mkdir(exist_ok=True)
    acceptor = None if securities == (Security.SYS,) else GssapiAcceptor([f"nfs@{HOST}"])
    with nfs_server(directory, tmp_path / "state", securities, acceptor=acceptor, exports=exports) as server:
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
            yield Site(directory, server, nursery, stack)
            await stack.aclose()
            nursery.cancel_scope.cancel()


async def put(client: Client, root: nfs_fh3, name: str, data: bytes) -> nfs_fh3:
    nfs = NFS_V3_Client(client.call)
    made = await nfs.NFSPROC3_CREATE(
        CREATE3args(diropargs3(root, name), createhow3_UNCHECKED(GUARDED, sattr(mode=0o644)))
    )
    assert isinstance(made, CREATE3res_NFS3_OK)
    handle = given(made.resok.obj)
    written = await nfs.NFSPROC3_WRITE(WRITE3args(handle, 0, len(data), FILE_SYNC, data))
    assert isinstance(written, WRITE3res_NFS3_OK)
    return handle


async def read(client: Client, handle: nfs_fh3) -> bytes:
    result = await NFS_V3_Client(client.call).NFSPROC3_READ(READ3args(handle, 0, 1 << 20))
    assert isinstance(result, READ3res_NFS3_OK)
    return bytes(result.resok.data)


async def test_everything_by_auth_sys(tmp_path: Path) -> None:
    async with site(tmp_path, Security.SYS) as here:
        client, root = await here.mount(AuthSys(uid=7, gid=8))
        data = bytes(range(256)) * 4096  # a whole rtmax
        handle = await put(client, root, "ä \udcff", data)
        assert await read(client, handle) == data
        attributes = await NFS_V3_Client(client.call).NFSPROC3_GETATTR(GETATTR3args(handle))
        assert isinstance(attributes, GETATTR3res_NFS3_OK)
        assert attributes.resok.obj_attributes.size == len(data)


async def test_principals_of_auth_sys(tmp_path: Path) -> None:
    exports = Rules([("sys:7", Access.WRITE), ("sys:8", Access.READ)])
    async with site(tmp_path, Security.SYS, exports=exports) as here:
        client, root = await here.mount(AuthSys(uid=7, gid=7))
        handle = await put(client, root, "f", b"x")
        reader, _ = await here.mount(AuthSys(uid=8, gid=8))
        assert await read(reader, handle) == b"x"
        result = await NFS_V3_Client(reader.call).NFSPROC3_WRITE(WRITE3args(handle, 0, 1, FILE_SYNC, b"y"))
        assert not isinstance(result, WRITE3res_NFS3_OK)
        stranger = await here.client(AuthSys(uid=9, gid=9))
        refused = await MOUNT_V3_Client(stranger.call).MOUNTPROC3_MNT("/")
        assert refused == mountres3_default(MNT3ERR_ACCES)
        seen = await NFS_V3_Client(stranger.call).NFSPROC3_GETATTR(GETATTR3args(handle))
        assert seen == GETATTR3res_default(nfsstat3.NFS3ERR_ACCES)


async def test_nothing_is_searched_for_in_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GETATTR of an open file is answered at once; but whether its file is gone takes the disk to tell."""
    threads = []
    resolve = FileSystem._resolve

    def observed(self: FileSystem, file: FileId, search: _Search) -> Node:
        threads.append(threading.get_ident())
        return resolve(self, file, search)

    monkeypatch.setattr(FileSystem, "_resolve", observed)
    async with site(tmp_path, Security.SYS) as here:
        client, root = await here.mount(AuthSys(uid=7, gid=8))
        handle = await put(client, root, "f", b"x")
        nfs = NFS_V3_Client(client.call)
        assert isinstance(await nfs.NFSPROC3_GETATTR(GETATTR3args(handle)), GETATTR3res_NFS3_OK)
        assert threads == []
        (here.directory / "f").unlink()
        assert await nfs.NFSPROC3_GETATTR(GETATTR3args(handle)) == GETATTR3res_default(nfsstat3.NFS3ERR_STALE)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_what_is_open_to_every_flavor(tmp_path: Path, realm: Realm) -> None:
    """RFC 2623, 2.3.2: without credentials a client can mount, and ask about the root."""
    async with site(tmp_path, Security.KRB5P, Security.KRB5I) as here:
        for flavor in (AuthNone(), AuthSys()):
            client = await here.client(flavor)
            nfs, mount = NFS_V3_Client(client.call), MOUNT_V3_Client(client.call)
            await nfs.NFSPROC3_NULL()
            await mount.MOUNTPROC3_NULL()
            mounted = await mount.MOUNTPROC3_MNT("/")
            assert isinstance(mounted, mountres3_MNT3_OK)
            assert mounted.mountinfo.auth_flavors == [390005, 390004]
            root = nfs_fh3(mounted.mountinfo.fhandle)
            assert isinstance(await nfs.NFSPROC3_FSINFO(FSINFO3args(root)), FSINFO3res_NFS3_OK)
            assert isinstance(await nfs.NFSPROC3_GETATTR(GETATTR3args(root)), GETATTR3res_NFS3_OK)
            assert await nfs.NFSPROC3_GETATTR(GETATTR3args(nfs_fh3(b""))) == GETATTR3res_default(NFS3ERR_BADHANDLE)
            for attempt in (
                nfs.NFSPROC3_LOOKUP(LOOKUP3args(diropargs3(root, "f"))),
                nfs.NFSPROC3_READ(READ3args(root, 0, 1)),
            ):
                with pytest.raises(AuthRefused) as caught:
                    await attempt
                assert caught.value.stat == auth_stat.AUTH_TOOWEAK


async def test_weak_flavors_see_the_root_only(tmp_path: Path, realm: Realm) -> None:
    async with site(tmp_path, Security.KRB5P) as here:
        strong, root = await here.mount(GssFlavor(f"nfs@{HOST}"))
        handle = await put(strong, root, "f", b"x")
        (here.directory / "d").mkdir()
        weak = await here.client(AuthNone())
        for attempt in (
            NFS_V3_Client(weak.call).NFSPROC3_GETATTR(GETATTR3args(handle)),
            NFS_V3_Client(weak.call).NFSPROC3_FSINFO(FSINFO3args(handle)),
        ):
            with pytest.raises(AuthRefused) as caught:
                await attempt
            assert caught.value.stat == auth_stat.AUTH_TOOWEAK
        assert await MOUNT_V3_Client(weak.call).MOUNTPROC3_MNT("/d") == mountres3_default(MNT3ERR_ACCES)


@pytest.mark.parametrize("service", list(GssService))
async def test_each_service_where_it_is_enough(tmp_path: Path, realm: Realm, service: GssService) -> None:
    one = {
        GssService.NONE: Security.KRB5,
        GssService.INTEGRITY: Security.KRB5I,
        GssService.PRIVACY: Security.KRB5P,
    }[service]
    exports = Rules([(f"alice@{realm.name}", Access.WRITE)])
    async with site(tmp_path, one, exports=exports) as here:
        client, root = await here.mount(GssFlavor(f"nfs@{HOST}", service=service))
        data = bytes(300_000)
        assert await read(client, await put(client, root, "f", data)) == data
        for other in set(GssService) - {service}:
            weaker = await here.client(GssFlavor(f"nfs@{HOST}", service=other))
            with pytest.raises(AuthRefused) as caught:
                await NFS_V3_Client(weaker.call).NFSPROC3_LOOKUP(LOOKUP3args(diropargs3(root, "f")))
            assert caught.value.stat == auth_stat.AUTH_TOOWEAK


async def test_principals_without_access(tmp_path: Path, realm: Realm) -> None:
    exports = Rules([("bob@*", Access.WRITE)])
    async with site(tmp_path, Security.KRB5P, exports=exports) as here:
        client = await here.client(GssFlavor(f"nfs@{HOST}"))
        assert await MOUNT_V3_Client(client.call).MOUNTPROC3_MNT("/") == mountres3_default(MNT3ERR_ACCES)
        root = nfs_fh3(here.server.files.handles.seal(here.server.files.root.file))
        result = await NFS_V3_Client(client.call).NFSPROC3_LOOKUP(LOOKUP3args(diropargs3(root, "f")))
        assert isinstance(result, LOOKUP3res_default)
        assert result.status is nfsstat3.NFS3ERR_ACCES


async def test_what_kernel_clients_probe(tmp_path: Path) -> None:
    async with site(tmp_path, Security.SYS) as here:
        client = await here.client(AuthNone())

        async def null(program: int, version: int) -> None:
            await client.call(xdr.Procedure(program, version, 0, "NULL", xdr.VOID, xdr.VOID), None)

        with pytest.raises(ProgramUnavailable):  # NFSACL
            await null(100227, 3)
        for program, versions in ((NFS_V3.PROGRAM, (2, 4)), (MOUNT_V3.PROGRAM, (1, 2))):
            await null(program, 3)
            for version in versions:
                with pytest.raises(ProgramMismatch) as caught:
                    await null(program, version)
                assert (caught.value.low, caught.value.high) == (3, 3)
        with pytest.raises(ProcedureUnavailable):
            await client.call(xdr.Procedure(NFS_V3.PROGRAM, 3, 22, "22", xdr.VOID, xdr.VOID), None)
        await null(NFS_V3.PROGRAM, 3)


async def test_broken_arguments_hurt_nobody_else(tmp_path: Path) -> None:
    async with site(tmp_path, Security.SYS) as here:
        client, root = await here.mount(AuthSys())
        for number in range(1, 22):
            with pytest.raises(GarbageArguments):
                await client.call(
                    xdr.Procedure(NFS_V3.PROGRAM, 3, number, "broken", xdr.opaque_fixed(12), xdr.VOID), b"\xff" * 12
                )
        assert isinstance(await NFS_V3_Client(client.call).NFSPROC3_FSINFO(FSINFO3args(root)), FSINFO3res_NFS3_OK)


async def test_mount_paths(tmp_path: Path) -> None:
    async with site(tmp_path, Security.SYS) as here:
        inner = here.directory / "d" / "e"
        inner.mkdir(parents=True)
        (inner / "f").touch()
        (here.directory / "link").symlink_to("d")
        client, root = await here.mount(AuthSys())
        mount, nfs = MOUNT_V3_Client(client.call), NFS_V3_Client(client.call)
        for path in (str(here.directory), f"{here.directory}/", "//", ""):
            assert (await here.mount(AuthSys(), path))[1] == root
        for path in ("/d/e", "d/e/", f"{inner}"):
            _, handle = await here.mount(AuthSys(), path)
            assert isinstance(await nfs.NFSPROC3_LOOKUP(LOOKUP3args(diropargs3(handle, "f"))), LOOKUP3res_NFS3_OK)
        for path, status in (
            ("/nothing", MNT3ERR_NOENT),
            ("/d/e/f", MNT3ERR_NOTDIR),
            ("/link", MNT3ERR_NOTDIR),
            ("/link/e", MNT3ERR_NOTDIR),
            ("/d/../d", MNT3ERR_ACCES),
            ("/..", MNT3ERR_ACCES),
        ):
            assert await mount.MOUNTPROC3_MNT(path) == mountres3_default(status), path


async def test_the_list_of_mounts(tmp_path: Path) -> None:
    async with site(tmp_path, Security.SYS) as here:
        client, _ = await here.mount(AuthSys())
        mount = MOUNT_V3_Client(client.call)
        assert [export.ex_dir for export in await mount.MOUNTPROC3_EXPORT()] == ["/"]
        mounted = await mount.MOUNTPROC3_DUMP()
        assert [one.ml_directory for one in mounted] == ["/"]
        assert isinstance(mounted[0], mountbody)
        await mount.MOUNTPROC3_UMNT("/elsewhere")
        assert len(await mount.MOUNTPROC3_DUMP()) == 1
        await mount.MOUNTPROC3_UMNT("/")
        assert await mount.MOUNTPROC3_DUMP() == []
        for path in ("/", "//"):
            await mount.MOUNTPROC3_MNT(path)
        await mount.MOUNTPROC3_UMNTALL()
        assert await mount.MOUNTPROC3_DUMP() == []


async def test_the_list_of_mounts_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("examples.nfs.mount._MOST_MOUNTS", 5)
    async with site(tmp_path, Security.SYS) as here:
        client = await here.client(AuthSys())
        mount = MOUNT_V3_Client(client.call)
        for number in range(1, 9):
            await mount.MOUNTPROC3_MNT("/" * number)
        assert [len(one.ml_directory) for one in await mount.MOUNTPROC3_DUMP()] == [4, 5, 6, 7, 8]


async def test_copies_go_on_while_contexts_are_lost(tmp_path: Path, realm: Realm) -> None:
    """By TCP, with tickets: one exchange, and every lost context is recovered without another."""
    directory = tmp_path / "export"
    directory.mkdir()
    store = ContextStore(drop_policy=DropPolicy(every=5))
    with nfs_server(
        directory,
        tmp_path / "state",
        [Security.KRB5P],
        acceptor=GssapiAcceptor([f"nfs@{HOST}"]),
        tickets=TicketServer(FixedKeys.random()),
        store=store,
    ) as server:
        listeners = await listen_tcp(0, "127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.rpc.serve, listeners)
            flavor = GssFlavor(f"nfs@{HOST}", extension=TicketClient())
            async with open_client(functools.partial(open_tcp, "127.0.0.1", port), flavor) as client:
                mounted = await MOUNT_V3_Client(client.call).MOUNTPROC3_MNT("/")
                assert isinstance(mounted, mountres3_MNT3_OK)
                root = nfs_fh3(mounted.mountinfo.fhandle)

                async def copy(number: int) -> None:
                    data = bytes([number]) * 10_000
                    assert await read(client, await put(client, root, str(number), data)) == data

                async with trio.open_nursery() as copies:
                    for number in range(20):
                        copies.start_soon(copy, number)
            server.rpc.stop()
    status = server.status()
    assert status["contexts"]["established_by_exchange"] == 1
    assert status["contexts"]["established_by_ticket"] == status["contexts"]["dropped"] > 5
    assert status["tickets"]["refused"] == {}
    assert status["calls"]["faults"] == 0

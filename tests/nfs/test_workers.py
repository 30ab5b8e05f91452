"""`python -m examples.nfs serve --workers 2`: two processes, one server, whichever of them a call comes to."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from examples.etcd import Member, running
from examples.nfs.connect import Access, Session, connected
from examples.nfs.mount3_xdr import MOUNT_V3_Client, mountres3_MNT3_OK
from examples.nfs.nfs3_xdr import (
    GUARDED,
    NFS_V3,
    UNSTABLE,
    COMMIT3args,
    COMMIT3res_NFS3_OK,
    CREATE3args,
    CREATE3res_NFS3_OK,
    GETATTR3args,
    NFS_V3_Client,
    READ3args,
    READ3res_NFS3_OK,
    REMOVE3args,
    RENAME3args,
    RENAME3res_NFS3_OK,
    WRITE3args,
    WRITE3res_NFS3_OK,
    createhow3_UNCHECKED,
    diropargs3,
    nfs_fh3,
    nfsstat3,
)
from examples.nfs.url import NfsUrl
from examples.realm import HOST, Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import Credentials
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.sealing import create_sealing_key
from rpcgss.reauth.tickets import MemoryTicketStore
from rpcgss.rpc import AuthSys, Client, open_client
from rpcgss.rpc.messages import CallHeader, encode_auth, encode_call_header
from rpcgss.rpc.rpc_xdr import auth_flavor, authsys_parms, opaque_auth
from tests.nfs.copies import At, copy_all, digests, scattered
from tests.nfs.test_server_command import ROOT, Process, command, fails, serving
from tests.nfs.volume import given, sattr
from transport import StreamChannel, open_tcp


def workers_of(server: Process) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(word) for word in children.split()]


def worker_at(server: Process, port: int) -> int | None:
    """The worker that has accepted the connection from this port; None: nobody yet."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ends = (f"0100007F:{server.port:04X}", f"0100007F:{port:04X}")
    inodes = {f"socket:[{line[9]}]" for line in lines if tuple(line[1:3]) == ends}
    for worker in workers_of(server):
        descriptors = Path(f"/proc/{worker}/fd")
        if any(os.readlink(one) in inodes for one in descriptors.iterdir() if one.is_symlink()):
            return worker
    return None


class Both:
    """A client at each worker, by its process."""

    def __init__(self, server: Process) -> None:
        self.server = server
        self.clients: dict[int, Client] = {}
        self.open = AsyncExitStack()

    async def connect(self) -> None:
        ports: list[int] = []

        async def connect() -> StreamChannel:
            stream = await trio.open_tcp_stream("127.0.0.1", self.server.port)
            ports.append(stream.socket.getsockname()[1])
            return StreamChannel(stream)

        while len(self.clients) < 2:
            client = await self.open.enter_async_context(open_client(connect, AuthSys()))
            await MOUNT_V3_Client(client.call).MOUNTPROC3_NULL()
            worker = worker_at(self.server, ports[-1])
            assert worker is not None
            self.clients.setdefault(worker, client)


@asynccontextmanager
async def both(server: Process) -> AsyncIterator[tuple[NFS_V3_Client, NFS_V3_Client, nfs_fh3, list[int]]]:
    """A client at each of two workers, the root's handle, and the processes of the workers."""
    found = Both(server)
    with trio.fail_after(60):
        async with found.open:
            await found.connect()
            workers = list(found.clients)
            mounted = await MOUNT_V3_Client(found.clients[workers[0]].call).MOUNTPROC3_MNT("/")
            assert isinstance(mounted, mountres3_MNT3_OK)
            one, two = (NFS_V3_Client(found.clients[worker].call) for worker in workers)
            yield one, two, nfs_fh3(mounted.mountinfo.fhandle), workers


async def create(nfs: NFS_V3_Client, directory: nfs_fh3, name: str) -> nfs_fh3:
    made = await nfs.NFSPROC3_CREATE(
        CREATE3args(diropargs3(directory, name), createhow3_UNCHECKED(GUARDED, sattr(mode=0o644)))
    )
    assert isinstance(made, CREATE3res_NFS3_OK)
    return given(made.resok.obj)


async def read(nfs: NFS_V3_Client, file: nfs_fh3) -> bytes:
    result = await nfs.NFSPROC3_READ(READ3args(file, 0, 1000))
    assert isinstance(result, READ3res_NFS3_OK)
    return result.resok.data


async def write(nfs: NFS_V3_Client, file: nfs_fh3, data: bytes) -> bytes:
    """Returns the verifier."""
    result = await nfs.NFSPROC3_WRITE(WRITE3args(file, 0, len(data), UNSTABLE, data))
    assert isinstance(result, WRITE3res_NFS3_OK)
    return result.resok.verf


async def commit(nfs: NFS_V3_Client, file: nfs_fh3) -> bytes:
    result = await nfs.NFSPROC3_COMMIT(COMMIT3args(file, 0, 0))
    assert isinstance(result, COMMIT3res_NFS3_OK)
    return result.resok.verf


async def test_what_one_does_the_other_knows(tmp_path: Path) -> None:
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys", "--workers", "2") as server:
        async with both(server) as (one, two, root, _):
            file = await create(one, root, "f")
            verifier = await write(two, file, b"by two")
            assert await commit(one, file) == verifier
            assert await read(one, file) == b"by two"
            renamed = await two.NFSPROC3_RENAME(RENAME3args(diropargs3(root, "f"), diropargs3(root, "g")))
            assert isinstance(renamed, RENAME3res_NFS3_OK)
            assert await read(one, file) == b"by two"
            await one.NFSPROC3_REMOVE(REMOVE3args(diropargs3(root, "g")))
            gone = await two.NFSPROC3_GETATTR(GETATTR3args(file))
            assert gone.status == nfsstat3.NFS3ERR_STALE
        assert server.end() == (0, "")


async def test_both_rename_at_once(tmp_path: Path) -> None:
    """Each moves its files between two names while the other does the same beside it: every handle stays good."""
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys", "--workers", "2") as server:
        async with both(server) as (one, two, root, _):
            files = {name: await create(one, root, name) for name in ("a", "b", "c", "d")}
            for name, file in files.items():
                await write(one, file, name.encode())

            async def rename(nfs: NFS_V3_Client, name: str, to: str) -> None:
                for _ in range(10):
                    for old, new in ((name, to), (to, name)):
                        arguments = RENAME3args(diropargs3(root, old), diropargs3(root, new))
                        assert isinstance(await nfs.NFSPROC3_RENAME(arguments), RENAME3res_NFS3_OK)
                        assert await read(two if nfs is one else one, files[name]) == name.encode()

            async with trio.open_nursery() as nursery:
                for number, name in enumerate(files):
                    nursery.start_soon(rename, (one, two)[number % 2], name, f"{name}2")


async def test_a_dead_worker_may_take_octets_along(tmp_path: Path) -> None:
    """The kernel tells of octets that it could not write those who have the file open: that may have been the dead."""
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys", "--workers", "2") as server:
        async with both(server) as (one, two, root, workers):
            file = await create(one, root, "f")
            verifier = await write(two, file, b"octets")
            os.kill(workers[1], signal.SIGKILL)
            while await commit(one, file) == verifier:
                pass
            assert await read(two, file) == b"octets"
        assert server.end()[0] == 0


async def test_a_call_that_comes_again_to_the_other(tmp_path: Path) -> None:
    """As when its connection broke: it gets the reply of the first time, and is not executed again."""
    with serving(tmp_path / "export", tmp_path / "state", "--sec", "sys", "--workers", "2") as server:
        async with both(server) as (one, _, root, workers), AsyncExitStack() as channels:
            procedure = NFS_V3.NFSPROC3_REMOVE
            await create(one, root, "f")
            header = CallHeader(77, procedure.program, procedure.version, procedure.number)
            user = opaque_auth(auth_flavor.AUTH_SYS, authsys_parms(0, "host", os.getuid(), 0, []).to_bytes())
            nobody = opaque_auth(auth_flavor.AUTH_NONE, b"")
            arguments = REMOVE3args(diropargs3(root, "f")).to_bytes()
            record = [encode_call_header(header, user), encode_auth(nobody), arguments]
            replies: dict[int, bytes] = {}
            while len(replies) < len(workers):
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                channel = await channels.enter_async_context(StreamChannel(stream))
                await channel.send(record)
                reply = bytes(await channel.receive())
                worker = worker_at(server, stream.socket.getsockname()[1])
                assert worker is not None
                replies[worker] = reply
            first, second = replies.values()
            assert first == second


@pytest.mark.parametrize("way", ["in", "out"])
async def test_a_worker_is_killed_in_mid_copy(realm: Realm, tmp_path: Path, way: str) -> None:
    """The client goes on by ticket with whichever worker takes its connection, and the copy is right."""
    directory, state, source = tmp_path / "export", tmp_path / "state", tmp_path / "source"
    at = At(scattered(source, 5000) // 2)
    files = digests(source)
    if way == "out":
        shutil.copytree(source, directory)
    options = ("--sec", "krb5p", "--service", f"nfs@{HOST}", "--drop", "every=25", "--workers", "2")
    with serving(directory, state, *options) as server:
        url = NfsUrl.parse(f"nfs://{HOST}:{server.port}/")
        async with connected(url, Access()) as session, trio.open_nursery() as nursery:
            root = await session.at(url)
            nursery.start_soon(copy_all, session, root, source if way == "in" else tmp_path / "copy", way, at)
            await at.reached.wait()
            kill_worker_of(session, server)
        assert digests(directory if way == "in" else tmp_path / "copy") == files
        assert "contexts: 1 by full exchange" in session.journal.summary()
        assert session.rpc.counters.connections >= 2
        assert server.end()[0] == 0


def kill_worker_of(session: Session, server: Process) -> None:
    """Kill whoever serves this process's connection."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    mine = {os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()}
    for line in lines:
        if f"socket:[{line[9]}]" in mine and line[2] == f"0100007F:{server.port:04X}":
            worker = worker_at(server, int(line[1].partition(":")[2], 16))
            assert worker is not None
            os.kill(worker, signal.SIGKILL)
            return
    raise AssertionError("no connection")


async def test_case_23_two_connections_at_two_workers_do_not_play_ping_pong(realm: Realm, tmp_path: Path) -> None:
    """Neither worker knows the other's contexts. Each connection keeps the one that its worker has made, by ticket."""
    options = ("--sec", "krb5p", "--service", f"nfs@{HOST}", "--workers", "2")
    ports: list[int] = []
    with serving(tmp_path / "export", tmp_path / "state", *options) as server:

        async def connect() -> StreamChannel:
            # Both ends' addresses decide to whom a connection goes: until it is another one than the last.
            while True:
                stream = await trio.open_tcp_stream("127.0.0.1", server.port)
                port = stream.socket.getsockname()[1]
                while (worker := worker_at(server, port)) is None:
                    await trio.lowlevel.checkpoint()
                if not ports or worker_at(server, ports[-1]) != worker:
                    ports.append(port)
                    return StreamChannel(stream)
                await stream.aclose()

        alice = Credentials(realm.principal("alice"))  # a ticket in a store is for whoever is known to be the same
        flavor = GssFlavor(f"nfs@{HOST}", credentials=alice, extension=TicketClient(MemoryTicketStore()))
        with trio.fail_after(60):
            async with open_client(connect, flavor, connections=2) as client:
                await MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT()
                await call_often(client)
                assert len({worker_at(server, port) for port in ports}) == len(ports) == 2
                assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (1, 1)
                await call_often(client)
                assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (1, 1)
                assert flavor.counters.lost == 0


async def call_often(client: Client) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT)


async def test_a_keyring_in_etcd(realm: Realm, tmp_path: Path) -> None:
    """The whole server is killed; the client goes on by ticket, though nothing of the keys was in a file."""
    create_sealing_key(tmp_path / "seal")
    directory, state = tmp_path / "export", tmp_path / "state"
    with running(Member(tmp_path / "etcd")) as member:
        place = f"etcd+{member.url}/fleet/nfs?sealing-key={tmp_path / 'seal'}"
        options = ("--sec", "krb5p", "--service", f"nfs@{HOST}", "--workers", "2", "--keyring", place)
        flavor = GssFlavor(f"nfs@{HOST}", extension=TicketClient())
        with serving(directory, state, *options, "--new-keyring") as server:
            async with open_client(partial(open_tcp, "127.0.0.1", server.port), flavor) as client:
                await MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT()
                assert server.end() == (0, "")
                with serving(directory, state, *options, "--port", str(server.port)) as again:
                    await MOUNT_V3_Client(client.call).MOUNTPROC3_EXPORT()
                    assert (flavor.counters.by_exchange, flavor.counters.by_ticket) == (1, 1)
                    assert again.end() == (0, "")
    assert not (state / "keyring").exists()


def test_what_opens_the_keyring_is_not_exported(tmp_path: Path) -> None:
    place = f"etcd+https://127.0.0.1:1/fleet/nfs?sealing-key={tmp_path / 'seal'}"
    status, line = fails(tmp_path, "--keyring", place)
    assert status == 2
    assert f"--keyring (sealing-key): {tmp_path}/seal is inside of what is exported" in line


async def test_each_worker_has_counters_of_its_own(tmp_path: Path) -> None:
    """And nobody has those of all, or of none."""
    options = ("--sec", "sys", "--workers", "2", "--status", str(tmp_path / "status"))
    with serving(tmp_path / "export", tmp_path / "state", *options) as server:
        async with both(server):
            pass
        assert server.end() == (0, "")
    assert {name for name in os.listdir(tmp_path) if name.startswith("status")} == {"status.0", "status.1"}


@pytest.mark.parametrize("file", ["handles.key", "index.sqlite", "replies.sqlite"])
def test_what_is_wrong_is_told_once_whatever_the_number_of_workers(tmp_path: Path, file: str) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / file).write_bytes(b"short")
    (tmp_path / "state" / file).chmod(0o600)
    arguments = command(tmp_path / "export", "--state", tmp_path / "state", "--sec", "sys", "--workers", "3")
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


async def test_each_worker_writes_its_counters(tmp_path: Path) -> None:
    options = ("--sec", "sys", "--workers", "2", "--status", tmp_path / "status")
    with serving(tmp_path / "export", tmp_path / "state", *options) as server:
        async with both(server):
            pass
        assert server.end() == (0, "")
    assert sorted(name for name in os.listdir(tmp_path) if "status" in name) == ["status.0", "status.1"]
    calls = [json.loads((tmp_path / f"status.{number}").read_text())["calls"]["calls"] for number in (0, 1)]
    assert all(calls)

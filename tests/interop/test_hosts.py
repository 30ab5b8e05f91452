"""Two hosts behind one address, with one keyring: one dies in the middle of a copy, the other goes on.

They have the same storage, one after the other: the exported directory and the server's state. That is what it takes
for handles to stay good; a host with another copy of the files would answer that they are stale. There is no KDC any
more, and the hosts never had a way to one.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import trio

from examples.etcd import Member, running
from examples.nfs.connect import Access, connected
from examples.nfs.url import NfsUrl
from examples.realm import HOST, Realm
from rpcgss.reauth.place import create_keyring
from rpcgss.reauth.sealing import create_sealing_key
from tests.interop.hosts import OUTSIDE, PORT, SERVICE, two_hosts
from tests.nfs.copies import At, copy_all, digests, scattered

pytestmark = pytest.mark.peers

Places = tuple[str, str]
Keyrings = Callable[[Path], AbstractContextManager[Places]]


@contextmanager
def copied_file(directory: Path) -> Iterator[Places]:
    """A keyring for each host, the second copied from the first."""
    create_keyring(directory / "keyring-one").close()
    shutil.copy(directory / "keyring-one", directory / "keyring-two")
    yield str(directory / "keyring-one"), str(directory / "keyring-two")


@contextmanager
def in_etcd(directory: Path) -> Iterator[Places]:
    """One for both, which each of them opens with its own copy of the sealing key."""
    create_sealing_key(directory / "seal-one")
    shutil.copy(directory / "seal-one", directory / "seal-two")
    with running(Member(directory / "etcd", host=OUTSIDE)) as member:
        places = [f"etcd+{member.url}/fleet/nfs?sealing-key={directory / seal}" for seal in ("seal-one", "seal-two")]
        create_keyring(places[0]).close()
        yield places[0], places[1]


@pytest.mark.parametrize("keyrings", [copied_file, in_etcd])
@pytest.mark.parametrize("way", ["in", "out"])
async def test_a_host_dies_in_mid_copy(tmp_path: Path, keyrings: Keyrings, way: str) -> None:
    directory, source, copy = tmp_path / "export", tmp_path / "source", tmp_path / "copy"
    at = At(scattered(source, 20_000) // 2)
    files = digests(source)
    if way == "out":
        shutil.copytree(source, directory)
    directory.mkdir(exist_ok=True)
    with Realm() as realm, realm.environment():
        realm.kinit(realm.add_principal("alice"))
        with two_hosts() as (one, two), keyrings(tmp_path) as places:
            common = (directory, "--state", tmp_path / "state", "--sec", "krb5p", "--service", f"nfs@{HOST}")
            one.take_over()
            await trio.to_thread.run_sync(one.serve, *common, "--workers", "2", "--keyring", places[0])
            url = NfsUrl.parse(f"nfs://{SERVICE}:{PORT}/")
            with trio.fail_after(100):
                async with (
                    connected(url, Access(target=f"nfs@{HOST}", timeout=90.0)) as session,
                    trio.open_nursery() as nursery,
                ):
                    root = await session.at(url)
                    realm.stop_kdc()
                    realm.ccache.unlink()
                    nursery.start_soon(copy_all, session, root, source if way == "in" else copy, way, at)
                    await at.reached.wait()
                    one.die()
                    two.take_over()
                    await trio.to_thread.run_sync(two.serve, *common, "--workers", "2", "--keyring", places[1])
        assert digests(directory if way == "in" else copy) == files
        assert "contexts: 1 by full exchange" in session.journal.summary()
        assert ", 1 by ticket" in session.journal.summary()
        assert session.rpc.counters.connections >= 2

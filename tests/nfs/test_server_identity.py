"""Acting as other users: needs root."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.nfs import looking
from examples.nfs.exports import Access
from examples.nfs.identity import SERVER, Credential, acting_as, can_change
from examples.nfs.nfs3_xdr import (
    ACCESS3_EXTEND,
    ACCESS3_MODIFY,
    ACCESS3_READ,
    FILE_SYNC,
    ACCESS3args,
    ACCESS3res_NFS3_OK,
    nfsstat3,
    set_uid3_TRUE,
)
from examples.nfs.operation import Caller
from tests.nfs.volume import Failed, Volume, sattr

pytestmark = pytest.mark.skipif(not can_change(), reason="only root can act as other users")

ALICE = Credential(54321, 54322, (54322, 54323))
BOB = Credential(54331, 54332, (54332,))


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    directory = tmp_path / "export"
    directory.mkdir()
    directory.chmod(0o777)
    volume = Volume(directory, tmp_path / "state", Caller("alice@EXAMPLE.TEST", Access.WRITE, ALICE))
    yield volume
    volume.close()


def thread_credential(thread: int) -> Credential:
    """Who the kernel says that a thread of this process is to the file system."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid, gid = (int(fields[name].split()[3]) for name in ("Uid", "Gid"))
    return Credential(uid, gid, tuple(map(int, fields["Groups"].split())))


@pytest.fixture(autouse=True)
def afterwards_the_thread_is_itself() -> Iterator[None]:
    yield
    assert thread_credential(threading.get_native_id()) == SERVER


def as_bob(volume: Volume) -> None:
    volume.caller = Caller("bob@EXAMPLE.TEST", Access.WRITE, BOB)


def test_what_a_user_makes_is_theirs(volume: Volume) -> None:
    directory = volume.mkdir(volume.root, "d", 0o755)
    for handle in (
        directory,
        volume.create(directory, "f"),
        volume.create_exclusive(directory, "x", b"verifier"),
        volume.symlink(directory, "l", "f"),
    ):
        attributes = volume.getattr(handle)
        assert (attributes.uid, attributes.gid) == (ALICE.uid, ALICE.gid)
    as_bob(volume)
    with pytest.raises(Failed) as caught:
        volume.create(directory, "g")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES
    with pytest.raises(Failed) as caught:
        volume.setattr(directory, sattr(mode=0o777))
    assert caught.value.status is nfsstat3.NFS3ERR_PERM


def test_the_file_systems_rights_count(volume: Volume) -> None:
    (volume.directory / "roots").write_bytes(b"secret")
    (volume.directory / "roots").chmod(0o600)
    (volume.directory / "groups").write_bytes(b"shared")
    os.chown(volume.directory / "groups", 0, 54323)
    (volume.directory / "groups").chmod(0o640)
    roots, groups = volume.lookup(volume.root, "roots"), volume.lookup(volume.root, "groups")
    with pytest.raises(Failed) as caught:
        volume.read(roots)
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES
    assert volume.read(groups) == b"shared"
    with pytest.raises(Failed) as caught:
        volume.write(groups, 0, b"x")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES
    every = ACCESS3_READ | ACCESS3_MODIFY | ACCESS3_EXTEND
    assert volume.ok(looking.ACCESS, ACCESS3args(groups, every), ACCESS3res_NFS3_OK).resok.access == ACCESS3_READ
    assert volume.ok(looking.ACCESS, ACCESS3args(roots, every), ACCESS3res_NFS3_OK).resok.access == 0
    as_bob(volume)  # the descriptor that was opened for alice is not for bob
    with pytest.raises(Failed) as caught:
        volume.read(groups)
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_rights_that_were_taken_away_are_gone_at_once(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o666))
    as_bob(volume)
    volume.write(file, 0, b"bob")
    assert volume.read(file) == b"bob"
    (volume.directory / "f").chmod(0o644)
    with pytest.raises(Failed) as caught:
        volume.write(file, 0, b"x")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES
    assert volume.read(file) == b"bob"
    (volume.directory / "f").chmod(0o600)
    with pytest.raises(Failed) as caught:
        volume.read(file)
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_who_may_only_write_writes(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o622))
    as_bob(volume)
    wanted = ACCESS3args(file, ACCESS3_READ | ACCESS3_MODIFY | ACCESS3_EXTEND)
    granted = volume.ok(looking.ACCESS, wanted, ACCESS3res_NFS3_OK).resok.access
    assert granted == ACCESS3_MODIFY | ACCESS3_EXTEND
    volume.write(file, 0, b"octets", FILE_SYNC)
    volume.setattr(file, sattr(size=3))
    assert (volume.directory / "f").read_bytes() == b"oct"
    with pytest.raises(Failed) as caught:
        volume.read(file)
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_who_made_a_file_has_no_rights_after_it_was_given_away(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o600))
    volume.write(file, 0, b"alice")
    os.chown(volume.directory / "f", BOB.uid, BOB.gid)
    for attempt in (lambda: volume.read(file), lambda: volume.write(file, 0, b"x")):
        with pytest.raises(Failed) as caught:
            attempt()
        assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_an_owner_writes_a_file_that_was_made_read_only(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o444))
    volume.write(file, 0, b"abc")
    volume.forget_open_files()
    volume.write(file, 3, b"def")
    assert volume.read(file) == b"abcdef"
    assert volume.getattr(file).mode == 0o444
    as_bob(volume)
    with pytest.raises(Failed) as caught:
        volume.write(file, 0, b"x")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_a_program_may_be_read_by_who_may_run_it(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o711))
    volume.write(file, 0, b"#!")
    as_bob(volume)
    assert volume.read(file) == b"#!"


def test_a_handle_leads_through_directories_that_are_closed(volume: Volume) -> None:
    directory = volume.mkdir(volume.root, "d", 0o755)
    file = volume.create(directory, "f")
    volume.setattr(directory, sattr(mode=0o700))
    as_bob(volume)
    volume.forget_open_files()
    assert volume.read(file) == b""
    with pytest.raises(Failed) as caught:
        volume.lookup(directory, "f")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES
    with pytest.raises(Failed) as caught:
        volume.lookup(directory, "..")
    assert caught.value.status is nfsstat3.NFS3ERR_ACCES


def test_nobody_gives_files_away(volume: Volume) -> None:
    file = volume.create(volume.root, "f", attributes=sattr(mode=0o600, uid=set_uid3_TRUE(BOB.uid)))
    assert volume.getattr(file).uid == ALICE.uid
    with pytest.raises(Failed) as caught:
        volume.setattr(file, sattr(uid=set_uid3_TRUE(BOB.uid)))
    assert caught.value.status is nfsstat3.NFS3ERR_PERM


def test_other_threads_stay_who_they_are() -> None:
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with acting_as(ALICE):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    assert thread_credential(thread.native_id or 0) == ALICE
    assert thread_credential(threading.get_native_id()) == SERVER
    leave.set()
    thread.join()


def test_every_procedure_leaves_its_thread_itself(volume: Volume) -> None:
    def check(*_: object) -> None:
        assert thread_credential(threading.get_native_id()) == SERVER

    directory = volume.mkdir(volume.root, "d")
    check()
    file = volume.create(directory, "f")
    check(volume.create_exclusive(directory, "x", b"verifier"))
    check(volume.symlink(directory, "l", "f"))
    check(volume.write(file, 0, b"x", FILE_SYNC), volume.commit(file), volume.read(file))
    check(volume.setattr(file, sattr(mode=0o000, size=0)))
    check(volume.write(file, 0, b"x"))
    check(volume.link(file, volume.root, "h"), volume.rename(directory, "f", volume.root, "g"))
    check(volume.lookup(directory, ".."), volume.names(directory), volume.readdirplus(directory))
    check(volume.remove(directory, "x"), volume.remove(directory, "l"), volume.rmdir(volume.root, "d"))
    with pytest.raises(Failed):
        volume.remove(volume.root, "nothing")
    check()


def test_acting_nests() -> None:
    with acting_as(ALICE):
        with acting_as(SERVER):
            assert thread_credential(threading.get_native_id()) == SERVER
        assert thread_credential(threading.get_native_id()) == ALICE
        with pytest.raises(KeyError), acting_as(BOB):
            raise KeyError
        assert thread_credential(threading.get_native_id()) == ALICE


def test_a_thread_that_cannot_become_itself_again_ends_the_process() -> None:
    program = """if True:
        from examples.nfs import identity
        with identity.acting_as(identity.Credential(54321, 54321)):
            identity._SYS_SETGROUPS = {}
        print("went on")
    """
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGABRT
    assert "cannot give up a user's rights" in done.stderr
    assert done.stdout == ""

"""An exported directory and its procedures without any RPC: calls go straight to the engine."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from examples.nfs import changing, directories, looking
from examples.nfs.exports import Access
from examples.nfs.filesystem import FileSystem
from examples.nfs.nfs3_xdr import (
    DONT_CHANGE,
    GUARDED,
    UNSTABLE,
    COMMIT3args,
    COMMIT3res_NFS3_OK,
    COMMIT3resok,
    CREATE3args,
    CREATE3res_NFS3_OK,
    GETATTR3args,
    GETATTR3res_NFS3_OK,
    LINK3args,
    LINK3res_NFS3_OK,
    LINK3resok,
    LOOKUP3args,
    LOOKUP3res_NFS3_OK,
    MKDIR3args,
    MKDIR3res_NFS3_OK,
    READ3args,
    READ3res_NFS3_OK,
    READDIR3args,
    READDIR3res_NFS3_OK,
    READDIR3resok,
    READDIRPLUS3args,
    READDIRPLUS3res_NFS3_OK,
    READDIRPLUS3resok,
    REMOVE3args,
    REMOVE3res_NFS3_OK,
    REMOVE3resok,
    RENAME3args,
    RENAME3res_NFS3_OK,
    RENAME3resok,
    RMDIR3args,
    RMDIR3res_NFS3_OK,
    RMDIR3resok,
    SETATTR3args,
    SETATTR3res_NFS3_OK,
    SETATTR3resok,
    SYMLINK3args,
    SYMLINK3res_NFS3_OK,
    WRITE3args,
    WRITE3res_NFS3_OK,
    WRITE3resok,
    createhow3,
    createhow3_EXCLUSIVE,
    createhow3_UNCHECKED,
    createmode3,
    diropargs3,
    fattr3,
    nfs_fh3,
    nfsstat3,
    post_op_fh3,
    post_op_fh3_TRUE,
    sattr3,
    sattrguard3,
    sattrguard3_FALSE,
    set_atime,
    set_atime_default,
    set_gid3,
    set_gid3_default,
    set_mode3,
    set_mode3_default,
    set_mode3_TRUE,
    set_mtime,
    set_mtime_default,
    set_size3,
    set_size3_default,
    set_size3_TRUE,
    set_uid3,
    set_uid3_default,
    stable_how,
    symlinkdata3,
)
from examples.nfs.operation import Caller, Step, WriteVerifier, perform

A = TypeVar("A")
R = TypeVar("R")
G = TypeVar("G")

OWNER = Caller("alice@EXAMPLE.TEST", Access.WRITE)


class Failed(Exception):
    """A procedure answered with another status than NFS3_OK."""

    def __init__(self, result: object) -> None:
        super().__init__(result)
        self.result = result
        self.status: nfsstat3 = cast(Any, result).status


def sattr(
    *,
    mode: int | None = None,
    size: int | None = None,
    uid: set_uid3 | None = None,
    gid: set_gid3 | None = None,
    atime: set_atime | None = None,
    mtime: set_mtime | None = None,
) -> sattr3:
    mode_: set_mode3 = set_mode3_default(False) if mode is None else set_mode3_TRUE(mode)
    size_: set_size3 = set_size3_default(False) if size is None else set_size3_TRUE(size)
    return sattr3(
        mode_,
        uid or set_uid3_default(False),
        gid or set_gid3_default(False),
        size_,
        atime or set_atime_default(DONT_CHANGE),
        mtime or set_mtime_default(DONT_CHANGE),
    )


def given(handle: post_op_fh3) -> nfs_fh3:
    """The handle that a result must have."""
    assert isinstance(handle, post_op_fh3_TRUE)
    return handle.handle


@dataclass
class Volume:
    """One export and how to call its procedures; anything but NFS3_OK raises Failed."""

    directory: Path
    state: Path
    caller: Caller = OWNER
    verifier: WriteVerifier = field(default_factory=WriteVerifier)
    files: FileSystem = field(init=False)

    def __post_init__(self) -> None:
        self.files = FileSystem(self.directory, self.state)

    def close(self) -> None:
        self.files.close()

    def restart(self) -> None:
        """As a new server process would: nothing kept but what is in the state directory."""
        self.files.close()
        self.files = FileSystem(self.directory, self.state)
        self.verifier = WriteVerifier()

    def forget_open_files(self) -> None:
        """Resolve every handle anew, as after the lifetime of what is open."""
        self.files._nodes.close()

    @property
    def root(self) -> nfs_fh3:
        return nfs_fh3(self.files.handles.seal(self.files.root.file))

    def do(self, step: Step[A, R], argument: A) -> R:
        """Any result, good or bad."""
        return perform(step, self.files, self.caller, self.verifier, argument)

    def ok(self, step: Step[A, R], argument: A, good: type[G]) -> G:
        """The good result; raises Failed for another."""
        result = self.do(step, argument)
        if not isinstance(result, good):
            raise Failed(result)
        return result

    def getattr(self, handle: nfs_fh3) -> fattr3:
        return self.ok(looking.GETATTR, GETATTR3args(handle), GETATTR3res_NFS3_OK).resok.obj_attributes

    def lookup(self, directory: nfs_fh3, *names: str) -> nfs_fh3:
        handle = directory
        for name in names:
            handle = self.ok(looking.LOOKUP, LOOKUP3args(diropargs3(handle, name)), LOOKUP3res_NFS3_OK).resok.object
        return handle

    def read(self, handle: nfs_fh3, offset: int = 0, count: int = 1 << 20) -> bytes:
        return self.ok(looking.READ, READ3args(handle, offset, count), READ3res_NFS3_OK).resok.data

    def write(self, handle: nfs_fh3, offset: int, data: bytes, stable: stable_how = UNSTABLE) -> WRITE3resok:
        return self.ok(changing.WRITE, WRITE3args(handle, offset, len(data), stable, data), WRITE3res_NFS3_OK).resok

    def commit(self, handle: nfs_fh3) -> COMMIT3resok:
        return self.ok(changing.COMMIT, COMMIT3args(handle, 0, 0), COMMIT3res_NFS3_OK).resok

    def create(
        self, directory: nfs_fh3, name: str, how: createmode3 = GUARDED, attributes: sattr3 | None = None
    ) -> nfs_fh3:
        return self._create(directory, name, createhow3_UNCHECKED(how, attributes or sattr(mode=0o644)))

    def create_exclusive(self, directory: nfs_fh3, name: str, verifier: bytes) -> nfs_fh3:
        return self._create(directory, name, createhow3_EXCLUSIVE(verifier))

    def _create(self, directory: nfs_fh3, name: str, how: createhow3) -> nfs_fh3:
        made = self.ok(changing.CREATE, CREATE3args(diropargs3(directory, name), how), CREATE3res_NFS3_OK).resok
        return given(made.obj)

    def mkdir(self, directory: nfs_fh3, name: str, mode: int = 0o755) -> nfs_fh3:
        made = self.ok(
            changing.MKDIR, MKDIR3args(diropargs3(directory, name), sattr(mode=mode)), MKDIR3res_NFS3_OK
        ).resok
        return given(made.obj)

    def symlink(self, directory: nfs_fh3, name: str, target: str) -> nfs_fh3:
        argument = SYMLINK3args(diropargs3(directory, name), symlinkdata3(sattr(), target))
        return given(self.ok(changing.SYMLINK, argument, SYMLINK3res_NFS3_OK).resok.obj)

    def setattr(self, handle: nfs_fh3, attributes: sattr3, guard: sattrguard3 | None = None) -> SETATTR3resok:
        return self.ok(
            changing.SETATTR, SETATTR3args(handle, attributes, guard or sattrguard3_FALSE()), SETATTR3res_NFS3_OK
        ).resok

    def remove(self, directory: nfs_fh3, name: str) -> REMOVE3resok:
        return self.ok(changing.REMOVE, REMOVE3args(diropargs3(directory, name)), REMOVE3res_NFS3_OK).resok

    def rmdir(self, directory: nfs_fh3, name: str) -> RMDIR3resok:
        return self.ok(changing.RMDIR, RMDIR3args(diropargs3(directory, name)), RMDIR3res_NFS3_OK).resok

    def rename(self, old: nfs_fh3, old_name: str, new: nfs_fh3, new_name: str) -> RENAME3resok:
        return self.ok(
            changing.RENAME, RENAME3args(diropargs3(old, old_name), diropargs3(new, new_name)), RENAME3res_NFS3_OK
        ).resok

    def link(self, file: nfs_fh3, directory: nfs_fh3, name: str) -> LINK3resok:
        return self.ok(changing.LINK, LINK3args(file, diropargs3(directory, name)), LINK3res_NFS3_OK).resok

    def readdir(
        self, directory: nfs_fh3, cookie: int = 0, count: int = 4096, verifier: bytes = bytes(8)
    ) -> READDIR3resok:
        return self.ok(directories.READDIR, READDIR3args(directory, cookie, verifier, count), READDIR3res_NFS3_OK).resok

    def readdirplus(
        self, directory: nfs_fh3, cookie: int = 0, dircount: int = 4096, maxcount: int = 32768
    ) -> READDIRPLUS3resok:
        return self.ok(
            directories.READDIRPLUS,
            READDIRPLUS3args(directory, cookie, bytes(8), dircount, maxcount),
            READDIRPLUS3res_NFS3_OK,
        ).resok

    def names(self, directory: nfs_fh3, count: int = 4096) -> list[str]:
        """All names, `.` and `..` too, by as many READDIRs as it takes."""
        names: list[str] = []
        cookie = 0
        while True:
            listing = self.readdir(directory, cookie, count).reply
            names += [entry.name for entry in listing.entries]
            if listing.eof:
                return names
            cookie = listing.entries[-1].cookie

"""An NFS server in memory with faults on order: short READs and WRITEs, lost data, busy answers, unknown outcomes."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import trio

import xdr
from examples.nfs import mount3_xdr as mount3
from examples.nfs import nfs3_xdr as nfs3
from examples.nfs.nfs3_xdr import ftype3, nfsstat3
from rpcgss.rpc.errors import OutcomeUnknown

A = TypeVar("A")
R = TypeVar("R")
FSID = 7
PRESENT = (1_600_000_000, 0)


@dataclass
class Inode:
    number: int
    kind: ftype3
    mode: int = 0o644
    data: bytearray = field(default_factory=bytearray)
    firm: bytes = b""
    children: dict[str, int] = field(default_factory=dict)
    target: str = ""
    verifier: bytes = b""
    mtime: tuple[int, int] = (0, 0)


class Refused(Exception):
    def __init__(self, status: nfsstat3) -> None:
        self.status = status


class FakeNfs:
    """The file system and the answers; `restart` loses what was not committed."""

    def __init__(self) -> None:
        self.inodes = {1: Inode(1, ftype3.NF3DIR, 0o755)}
        self.verifier = bytes(8)
        self.restarts = 0
        self.most_read = 1 << 20
        self.most_write = 1 << 20
        self.entries_per_page = 3
        self.with_handles = True
        self.export = "/export"

    # for tests

    @property
    def root(self) -> Inode:
        return self.inodes[1]

    def make(self, path: str, data: bytes | None = None, *, link: str | None = None) -> Inode:
        """Put a file, a link or a directory there, and the directories above it."""
        *parents, name = path.strip("/").split("/")
        place = self.root
        for parent in parents:
            place = self.at_child(place, parent) or self.add(place, parent, ftype3.NF3DIR)
        if link is not None:
            made = self.add(place, name, ftype3.NF3LNK)
            made.target = link
        elif data is None:
            made = self.add(place, name, ftype3.NF3DIR)
        else:
            made = self.add(place, name, ftype3.NF3REG)
            made.data[:] = data
            made.firm = data
        return made

    def at(self, path: str) -> Inode | None:
        place: Inode | None = self.root
        for name in path.strip("/").split("/"):
            place = None if place is None else self.at_child(place, name)
        return place

    def restart(self) -> None:
        """What SIGKILL and a new start do: uncommitted octets are gone, the write verifier is another."""
        self.restarts += 1
        self.verifier = self.restarts.to_bytes(8, "big")
        for inode in self.inodes.values():
            inode.data[:] = inode.firm

    # the file system

    def at_child(self, directory: Inode, name: str) -> Inode | None:
        number = directory.children.get(name)
        return None if number is None else self.inodes[number]

    def add(self, directory: Inode, name: str, kind: ftype3) -> Inode:
        number = max(self.inodes) + 1
        self.inodes[number] = Inode(number, kind)
        directory.children[name] = number
        return self.inodes[number]

    def inode(self, handle: nfs3.nfs_fh3) -> Inode:
        number = int.from_bytes(handle.data, "big")
        if number not in self.inodes:
            raise Refused(nfsstat3.NFS3ERR_STALE)
        return self.inodes[number]

    def directory(self, handle: nfs3.nfs_fh3) -> Inode:
        inode = self.inode(handle)
        if inode.kind is not ftype3.NF3DIR:
            raise Refused(nfsstat3.NFS3ERR_NOTDIR)
        return inode

    def child(self, where: nfs3.diropargs3) -> tuple[Inode, Inode]:
        directory = self.directory(where.dir)
        inode = self.at_child(directory, where.name)
        if inode is None:
            raise Refused(nfsstat3.NFS3ERR_NOENT)
        return directory, inode

    def free(self, where: nfs3.diropargs3) -> Inode:
        directory = self.directory(where.dir)
        if where.name in directory.children:
            raise Refused(nfsstat3.NFS3ERR_EXIST)
        return directory

    # the procedures

    def MOUNTPROC3_EXPORT(self, arg: None) -> object:
        return [mount3.exportnode(self.export, [])]

    def MOUNTPROC3_MNT(self, arg: str) -> object:
        if arg != self.export:
            return mount3.mountres3_default(mount3.mountstat3.MNT3ERR_NOENT)
        return mount3.mountres3_MNT3_OK(mount3.mountres3_ok(handle(self.root).data, [390005]))

    def NFSPROC3_GETATTR(self, arg: nfs3.GETATTR3args) -> object:
        return nfs3.GETATTR3resok(attributes(self.inode(arg.object)))

    def NFSPROC3_SETATTR(self, arg: nfs3.SETATTR3args) -> object:
        inode = self.inode(arg.object)
        if isinstance(arg.new_attributes.mode, nfs3.set_mode3_TRUE):
            inode.mode = arg.new_attributes.mode.mode
        if isinstance(arg.new_attributes.mtime, nfs3.set_mtime_SET_TO_CLIENT_TIME):
            inode.mtime = (arg.new_attributes.mtime.mtime.seconds, arg.new_attributes.mtime.mtime.nseconds)
        elif arg.new_attributes.mtime.set_it == nfs3.time_how.SET_TO_SERVER_TIME:
            inode.mtime = PRESENT
        return nfs3.SETATTR3resok(no_wcc())

    def NFSPROC3_LOOKUP(self, arg: nfs3.LOOKUP3args) -> object:
        _, inode = self.child(arg.what)
        return nfs3.LOOKUP3resok(handle(inode), self.maybe(inode), nfs3.post_op_attr_FALSE())

    def NFSPROC3_READLINK(self, arg: nfs3.READLINK3args) -> object:
        return nfs3.READLINK3resok(nfs3.post_op_attr_FALSE(), self.inode(arg.symlink).target)

    def NFSPROC3_READ(self, arg: nfs3.READ3args) -> object:
        inode = self.inode(arg.file)
        data = bytes(inode.data[arg.offset : arg.offset + min(arg.count, self.most_read)])
        eof = arg.offset + len(data) >= len(inode.data)
        return nfs3.READ3resok(nfs3.post_op_attr_FALSE(), len(data), eof, data)

    def NFSPROC3_WRITE(self, arg: nfs3.WRITE3args) -> object:
        inode = self.inode(arg.file)
        data = arg.data[: self.most_write]
        inode.data.extend(bytes(max(0, arg.offset - len(inode.data))))
        inode.data[arg.offset : arg.offset + len(data)] = data
        if arg.stable is not nfs3.stable_how.UNSTABLE:
            inode.firm = bytes(inode.data)
        return nfs3.WRITE3resok(no_wcc(), len(data), arg.stable, self.verifier)

    def NFSPROC3_COMMIT(self, arg: nfs3.COMMIT3args) -> object:
        inode = self.inode(arg.file)
        inode.firm = bytes(inode.data)
        return nfs3.COMMIT3resok(no_wcc(), self.verifier)

    def NFSPROC3_CREATE(self, arg: nfs3.CREATE3args) -> object:
        assert isinstance(arg.how, nfs3.createhow3_EXCLUSIVE)
        directory = self.directory(arg.where.dir)
        inode = self.at_child(directory, arg.where.name)
        if inode is not None and inode.verifier != arg.how.verf:
            raise Refused(nfsstat3.NFS3ERR_EXIST)
        if inode is None:
            inode = self.add(directory, arg.where.name, ftype3.NF3REG)
            inode.verifier = arg.how.verf
            # Real servers do keep it there, until a SETATTR comes (RFC 1813, 3.3.8).
            inode.mtime = int.from_bytes(arg.how.verf[:4]), 0
        return nfs3.CREATE3resok(self.maybe_handle(inode), self.maybe(inode), no_wcc())

    def NFSPROC3_MKDIR(self, arg: nfs3.MKDIR3args) -> object:
        inode = self.add(self.free(arg.where), arg.where.name, ftype3.NF3DIR)
        return nfs3.MKDIR3resok(self.maybe_handle(inode), self.maybe(inode), no_wcc())

    def NFSPROC3_SYMLINK(self, arg: nfs3.SYMLINK3args) -> object:
        inode = self.add(self.free(arg.where), arg.where.name, ftype3.NF3LNK)
        inode.target = arg.symlink.symlink_data
        return nfs3.SYMLINK3resok(self.maybe_handle(inode), self.maybe(inode), no_wcc())

    def NFSPROC3_LINK(self, arg: nfs3.LINK3args) -> object:
        self.free(arg.link).children[arg.link.name] = self.inode(arg.file).number
        return nfs3.LINK3resok(nfs3.post_op_attr_FALSE(), no_wcc())

    def NFSPROC3_REMOVE(self, arg: nfs3.REMOVE3args) -> object:
        directory, inode = self.child(arg.object)
        if inode.kind is ftype3.NF3DIR:
            raise Refused(nfsstat3.NFS3ERR_ISDIR)
        del directory.children[arg.object.name]
        return nfs3.REMOVE3resok(no_wcc())

    def NFSPROC3_RMDIR(self, arg: nfs3.RMDIR3args) -> object:
        directory, inode = self.child(arg.object)
        if inode.kind is not ftype3.NF3DIR:
            raise Refused(nfsstat3.NFS3ERR_NOTDIR)
        if inode.children:
            raise Refused(nfsstat3.NFS3ERR_NOTEMPTY)
        del directory.children[arg.object.name]
        return nfs3.RMDIR3resok(no_wcc())

    def NFSPROC3_RENAME(self, arg: nfs3.RENAME3args) -> object:
        source, inode = self.child(arg.fromfile)
        target = self.directory(arg.tofile.dir)
        there = self.at_child(target, arg.tofile.name)
        if there is not None and there.kind is ftype3.NF3DIR and inode.kind is not ftype3.NF3DIR:
            raise Refused(nfsstat3.NFS3ERR_EXIST)
        del source.children[arg.fromfile.name]
        target.children[arg.tofile.name] = inode.number
        return nfs3.RENAME3resok(no_wcc(), no_wcc())

    def NFSPROC3_READDIRPLUS(self, arg: nfs3.READDIRPLUS3args) -> object:
        directory = self.directory(arg.dir)
        names = [".", "..", *directory.children]
        page = list(enumerate(names, 1))[arg.cookie : arg.cookie + self.entries_per_page]
        entries = [
            nfs3.entryplus3(number, name, number, *self.listed(self.at_child(directory, name))) for number, name in page
        ]
        eof = arg.cookie + len(page) >= len(names)
        return nfs3.READDIRPLUS3resok(nfs3.post_op_attr_FALSE(), bytes(8), nfs3.dirlistplus3(entries, eof))

    def NFSPROC3_FSINFO(self, arg: nfs3.FSINFO3args) -> object:
        return nfs3.FSINFO3resok(
            nfs3.post_op_attr_FALSE(), 65536, 65536, 1, 65536, 65536, 1, 65536, 1 << 60, nfs3.nfstime3(0, 1), 0x1B
        )

    def listed(self, inode: Inode | None) -> tuple[nfs3.post_op_attr, nfs3.post_op_fh3]:
        if inode is None:
            return nfs3.post_op_attr_FALSE(), nfs3.post_op_fh3_FALSE()
        return self.maybe(inode), self.maybe_handle(inode)

    def maybe(self, inode: Inode) -> nfs3.post_op_attr:
        return nfs3.post_op_attr_TRUE(attributes(inode)) if self.with_handles else nfs3.post_op_attr_FALSE()

    def maybe_handle(self, inode: Inode) -> nfs3.post_op_fh3:
        return nfs3.post_op_fh3_TRUE(handle(inode)) if self.with_handles else nfs3.post_op_fh3_FALSE()


class FakeCall:
    """What the client calls. Every argument and result goes through its XDR.

    busy[name]  -- how many times that procedure answers NFS3ERR_JUKEBOX first
    lost[name]  -- for its next calls: "before" or "after" it runs the connection is lost, and the outcome is unknown;
                   "fine" lets one pass
    after[name] -- called after that procedure has run, before its answer
    """

    def __init__(self, fake: FakeNfs) -> None:
        self.fake = fake
        self.log: list[str] = []
        self.busy: dict[str, int] = {}
        self.lost: dict[str, list[str]] = {}
        self.after: dict[str, Any] = {}
        self.refuse: dict[str, nfsstat3] = {}
        self.delay = 0.0
        self.in_flight = 0
        self.most_in_flight: dict[str, int] = defaultdict(int)

    async def __call__(self, procedure: xdr.Procedure[A, R], argument: A, /) -> R:
        self.in_flight += 1
        self.most_in_flight[procedure.name] = max(self.most_in_flight[procedure.name], self.in_flight)
        try:
            await trio.sleep(self.delay)
            return self.answer(procedure, argument)
        finally:
            self.in_flight -= 1

    def answer(self, procedure: xdr.Procedure[A, R], argument: A) -> R:
        self.log.append(procedure.name)
        name = procedure.name
        fate = self.lost[name].pop(0) if self.lost.get(name) else "fine"
        if fate == "before":
            raise OutcomeUnknown("the connection was lost")
        result = self.result(procedure, procedure.argument.decode(procedure.argument.encode(argument)))
        if name in self.after:
            self.after[name]()
        if fate == "after":
            raise OutcomeUnknown("the connection was lost")
        return procedure.result.decode(procedure.result.encode(cast(R, result)))

    def result(self, procedure: xdr.Procedure[Any, R], argument: object) -> object:
        name = procedure.name
        if self.busy.get(name, 0):
            self.busy[name] -= 1
            return failed(name, nfsstat3.NFS3ERR_JUKEBOX)
        if name in self.refuse:
            return failed(name, self.refuse[name])
        try:
            result = getattr(self.fake, name)(argument)
        except Refused as refused:
            return failed(name, refused.status)
        union = name.removeprefix("NFSPROC3_")
        return result if name.startswith("MOUNT") else getattr(nfs3, f"{union}3res_NFS3_OK")(result)


def failed(name: str, status: nfsstat3) -> object:
    """The refusing arm of a procedure's result, without attributes."""
    union = name.removeprefix("NFSPROC3_")
    none, wcc = nfs3.post_op_attr_FALSE(), no_wcc()
    values: dict[str, list[Any]] = {
        "GETATTR": [],
        "FSINFO": [nfs3.FSINFO3resfail(none)],
        "LOOKUP": [nfs3.LOOKUP3resfail(none)],
        "READLINK": [nfs3.READLINK3resfail(none)],
        "READ": [nfs3.READ3resfail(none)],
        "READDIRPLUS": [nfs3.READDIRPLUS3resfail(none)],
    }
    extra: list[Any]
    if union == "RENAME":
        extra = [nfs3.RENAME3resfail(wcc, wcc)]
    elif union == "LINK":
        extra = [nfs3.LINK3resfail(none, wcc)]
    else:
        extra = values[union] if union in values else [getattr(nfs3, f"{union}3resfail")(wcc)]
    return getattr(nfs3, f"{union}3res_default")(status, *extra)


def handle(inode: Inode) -> nfs3.nfs_fh3:
    return nfs3.nfs_fh3(inode.number.to_bytes(16, "big"))


def attributes(inode: Inode) -> nfs3.fattr3:
    now = nfs3.nfstime3(0, 0)
    size = len(inode.data)
    return nfs3.fattr3(
        inode.kind, inode.mode, 1, 0, 0, size, size, nfs3.specdata3(0, 0), FSID, inode.number, now,
        nfs3.nfstime3(*inode.mtime), now,
    )  # fmt: skip


def no_wcc() -> nfs3.wcc_data:
    return nfs3.wcc_data(nfs3.pre_op_attr_FALSE(), nfs3.post_op_attr_FALSE())

"""A typed, asynchronous NFS version 3 client (RFC 1813), on top of any function that makes RPC calls.

A `Node` is a file, directory or link on the server: its handle, the attributes last seen, and the path to show.
Every operation raises NfsStatusError when the server refuses it, ServerMisbehaved when the answer breaks the RFC, and
lets the errors of the RPC layer through. Cancelled, an operation is done or not done, never half-done.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import xdr
from examples.nfs import mount3_xdr as mount3
from examples.nfs import nfs3_xdr as nfs3
from examples.nfs.calls import Call, Caller
from examples.nfs.failures import MountRefused, NfsStatusError, ServerMisbehaved, WrongKindOfFile
from examples.nfs.mount3_xdr import MOUNT_V3
from examples.nfs.nfs3_xdr import NF3DIR, NF3LNK, NF3REG, NFS_V3, nfsstat3

A = TypeVar("A")
R = TypeVar("R")
Ok = TypeVar("Ok")

PREFERRED_TRANSFER: Final = 128 * 1024
SMALLEST_TRANSFER: Final = 4096
LISTING_OCTETS: Final = 32 * 1024
MOST_ENTRIES: Final = 1_000_000
MOST_LINKS: Final = 40


@dataclass(frozen=True, slots=True)
class Node:
    """One object on the server."""

    handle: nfs3.nfs_fh3
    attributes: nfs3.fattr3
    path: str

    @property
    def is_directory(self) -> bool:
        return self.attributes.type == NF3DIR

    @property
    def is_file(self) -> bool:
        return self.attributes.type == NF3REG

    @property
    def is_link(self) -> bool:
        return self.attributes.type == NF3LNK

    def same_as(self, other: "Node") -> bool:
        """Whether both are one object of one file system, whatever their names."""
        mine, theirs = self.attributes, other.attributes
        return (mine.fsid, mine.fileid) == (theirs.fsid, theirs.fileid)

    def child_path(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory."""

    name: str
    node: Node


@dataclass(frozen=True, slots=True)
class Limits:
    """Octets in one READ and one WRITE, as the server prefers them and this client allows."""

    read: int
    write: int


class NfsClient:
    """The operations of one NFS server. `call` is best an `rpcgss` client's that knows calls.NON_IDEMPOTENT."""

    def __init__(self, call: Call, *, parallel: int = 32, patience: float = 60.0) -> None:
        self._caller = Caller(call, parallel=parallel, patience=patience)
        self.parallel = parallel

    # mount

    async def exports(self) -> list[str]:
        """The names of what the server exports (RFC 1813, 5.2.5)."""
        nodes, _ = await self._caller.ask(MOUNT_V3.MOUNTPROC3_EXPORT, None)
        return [node.ex_dir for node in nodes]

    async def mount(self, export: str) -> Node:
        """The root of one export (RFC 1813, 5.2.1). Raises MountRefused."""
        result, _ = await self._caller.ask(MOUNT_V3.MOUNTPROC3_MNT, export)
        if not isinstance(result, mount3.mountres3_MNT3_OK):
            raise MountRefused(export, result.fhs_status)
        return await self._node(nfs3.nfs_fh3(result.mountinfo.fhandle), None, export)

    async def limits(self, root: Node) -> Limits:
        """How many octets one READ and one WRITE carry best (RFC 1813, 3.3.19)."""
        argument = nfs3.FSINFO3args(root.handle)
        ok = await self._ok(NFS_V3.NFSPROC3_FSINFO, argument, root.path, nfs3.FSINFO3res_NFS3_OK)
        return Limits(
            _transfer_size(ok.resok.rtpref, ok.resok.rtmax),
            _transfer_size(ok.resok.wtpref, ok.resok.wtmax),
        )

    # looking

    async def refresh(self, node: Node) -> Node:
        """The same object with its attributes of now."""
        return await self._node(node.handle, None, node.path)

    async def lookup(self, directory: Node, name: str) -> Node:
        path = directory.child_path(name)
        argument = nfs3.LOOKUP3args(nfs3.diropargs3(directory.handle, name))
        ok = await self._ok(NFS_V3.NFSPROC3_LOOKUP, argument, path, nfs3.LOOKUP3res_NFS3_OK)
        return await self._node(ok.resok.object, ok.resok.obj_attributes, path)

    async def find(self, directory: Node, name: str) -> Node | None:
        """As lookup; None when there is no such name."""
        try:
            return await self.lookup(directory, name)
        except NfsStatusError as error:
            if error.status is nfsstat3.NFS3ERR_NOENT:
                return None
            raise

    async def walk(self, root: Node, components: Sequence[str], *, follow: bool = False) -> Node:
        """The object at a path beneath root. Symbolic links on the way, and at its end, are followed on request only.

        A link never leads out of the export: ".." stops at root, and a target that begins with a slash is refused.
        Raises WrongKindOfFile when a component on the way is not a directory.
        """
        trail = [root]
        rest = list(reversed(components))
        links = 0
        while rest:
            name = rest.pop()
            if name == "..":
                trail = trail[:-1] or [root]
                continue
            node = await self.lookup(trail[-1], name)
            if node.is_link and follow:
                links += 1
                if links > MOST_LINKS:
                    raise WrongKindOfFile(f"{node.path}: more than {MOST_LINKS} symbolic links; the links form a loop")
                rest.extend(reversed(_target_components(node, await self.readlink(node))))
            elif rest and not node.is_directory:
                raise WrongKindOfFile(f"{node.path}: {_not_a_directory(node)}")
            else:
                trail.append(node)
        return trail[-1]

    async def readlink(self, node: Node) -> str:
        argument = nfs3.READLINK3args(node.handle)
        ok = await self._ok(NFS_V3.NFSPROC3_READLINK, argument, node.path, nfs3.READLINK3res_NFS3_OK)
        return ok.resok.data

    async def entries(self, directory: Node) -> list[Entry]:
        """Everything in a directory but "." and "..", in the server's order (RFC 1813, 3.3.17).

        Names that could lead elsewhere on the local side raise ServerMisbehaved.
        """
        found: list[Entry] = []
        cookie, verifier = 0, bytes(8)
        while True:
            argument = nfs3.READDIRPLUS3args(directory.handle, cookie, verifier, LISTING_OCTETS // 4, LISTING_OCTETS)
            ok = await self._ok(NFS_V3.NFSPROC3_READDIRPLUS, argument, directory.path, nfs3.READDIRPLUS3res_NFS3_OK)
            page = ok.resok.reply
            for raw in page.entries:
                if raw.name not in (".", ".."):
                    found.append(await self._entry(directory, raw))
            if page.eof:
                return found
            if not page.entries or page.entries[-1].cookie == cookie or len(found) > MOST_ENTRIES:
                raise ServerMisbehaved(f"{directory.path}: the server's listing does not come to an end")
            cookie, verifier = page.entries[-1].cookie, ok.resok.cookieverf

    # data

    async def read(self, node: Node, offset: int, count: int) -> nfs3.READ3resok:
        """Up to `count` octets; fewer is no sign of the end, `eof` is (RFC 1813, 3.3.6)."""
        argument = nfs3.READ3args(node.handle, offset, count)
        ok = await self._ok(NFS_V3.NFSPROC3_READ, argument, node.path, nfs3.READ3res_NFS3_OK)
        octets = len(ok.resok.data)
        if octets != ok.resok.count or octets > count or not (octets or ok.resok.eof):
            raise ServerMisbehaved(f"{node.path}: the server answered a READ of {count} octets with {octets}")
        return ok.resok

    async def write(self, node: Node, offset: int, data: xdr.Buffer, stable: nfs3.stable_how) -> nfs3.WRITE3resok:
        """Write some or all of data; the answer says how much, and how firmly (RFC 1813, 3.3.7)."""
        argument = nfs3.WRITE3args(node.handle, offset, len(data), stable, bytes(data))
        ok = await self._ok(NFS_V3.NFSPROC3_WRITE, argument, node.path, nfs3.WRITE3res_NFS3_OK)
        if not 0 < ok.resok.count <= len(data) or ok.resok.committed < stable:
            raise ServerMisbehaved(
                f"{node.path}: the server did not take a WRITE of {len(data)} octets as RFC 1813 says"
            )
        return ok.resok

    async def commit(self, node: Node) -> bytes:
        """Make every acknowledged WRITE of the file firm; the verifier tells which ones (RFC 1813, 3.3.21)."""
        argument = nfs3.COMMIT3args(node.handle, 0, 0)
        ok = await self._ok(NFS_V3.NFSPROC3_COMMIT, argument, node.path, nfs3.COMMIT3res_NFS3_OK)
        return bytes(ok.resok.verf)

    # changes

    async def create(self, directory: Node, name: str) -> Node:
        """A new, empty file that did not exist (EXCLUSIVE, RFC 1813, 3.3.8). Its mode is the server's choice, and its
        times may be nothing of the kind: some servers keep the verifier there. `set_attributes` has to follow."""
        path = directory.child_path(name)
        how = nfs3.createhow3_EXCLUSIVE(secrets.token_bytes(8))
        argument = nfs3.CREATE3args(nfs3.diropargs3(directory.handle, name), how)
        ok = await self._ok(NFS_V3.NFSPROC3_CREATE, argument, path, nfs3.CREATE3res_NFS3_OK)
        return await self._made(ok.resok.obj, ok.resok.obj_attributes, directory, name)

    async def set_attributes(self, node: Node, attributes: nfs3.sattr3) -> None:
        argument = nfs3.SETATTR3args(node.handle, attributes, nfs3.sattrguard3_FALSE())
        await self._ok(NFS_V3.NFSPROC3_SETATTR, argument, node.path, nfs3.SETATTR3res_NFS3_OK)

    async def make_directory(self, directory: Node, name: str, mode: int = 0o777) -> Node:
        """A new directory. EXIST after the call was sent twice is taken for the first one's success."""
        path = directory.child_path(name)
        argument = nfs3.MKDIR3args(nfs3.diropargs3(directory.handle, name), new_attributes(mode=mode))
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_MKDIR, argument)
        if isinstance(result, nfs3.MKDIR3res_NFS3_OK):
            return await self._made(result.resok.obj, result.resok.obj_attributes, directory, name)
        if sent_again and _status(result) is nfsstat3.NFS3ERR_EXIST:
            node = await self.find(directory, name)
            if node is not None and node.is_directory:
                return node
        raise NfsStatusError(path, _status(result))

    async def make_link(self, directory: Node, name: str, target: str) -> None:
        """A symbolic link. EXIST after the call was sent twice is fine if that link says the same."""
        link = nfs3.symlinkdata3(new_attributes(), target)
        argument = nfs3.SYMLINK3args(nfs3.diropargs3(directory.handle, name), link)
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_SYMLINK, argument)
        if isinstance(result, nfs3.SYMLINK3res_NFS3_OK):
            return
        if sent_again and _status(result) is nfsstat3.NFS3ERR_EXIST:
            node = await self.find(directory, name)
            if node is not None and node.is_link and await self.readlink(node) == target:
                return
        raise NfsStatusError(directory.child_path(name), _status(result))

    async def make_hard_link(self, node: Node, directory: Node, name: str) -> None:
        """One more name for a file. EXIST after the call was sent twice is fine if the name is that file's."""
        argument = nfs3.LINK3args(node.handle, nfs3.diropargs3(directory.handle, name))
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_LINK, argument)
        if isinstance(result, nfs3.LINK3res_NFS3_OK):
            return
        if sent_again and _status(result) is nfsstat3.NFS3ERR_EXIST and await self._is_at(node, directory, name):
            return
        raise NfsStatusError(directory.child_path(name), _status(result))

    async def rename(self, node: Node, source: tuple[Node, str], target: tuple[Node, str]) -> None:
        """Move `node` from one (directory, name) to another, replacing what is there (RFC 1813, 3.3.14).

        NOENT after the call was sent twice is fine if the object is now at the target.
        """
        argument = nfs3.RENAME3args(
            nfs3.diropargs3(source[0].handle, source[1]), nfs3.diropargs3(target[0].handle, target[1])
        )
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_RENAME, argument)
        if isinstance(result, nfs3.RENAME3res_NFS3_OK):
            return
        if sent_again and _status(result) is nfsstat3.NFS3ERR_NOENT and await self._is_at(node, *target):
            return
        raise NfsStatusError(target[0].child_path(target[1]), _status(result))

    async def remove(self, directory: Node, name: str) -> None:
        """Remove a name that is not a directory's. NOENT after the call was sent twice is fine."""
        argument = nfs3.REMOVE3args(nfs3.diropargs3(directory.handle, name))
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_REMOVE, argument)
        _accept_removal(result, isinstance(result, nfs3.REMOVE3res_NFS3_OK), sent_again, directory.child_path(name))

    async def remove_directory(self, directory: Node, name: str) -> None:
        """Remove an empty directory. NOENT after the call was sent twice is fine."""
        argument = nfs3.RMDIR3args(nfs3.diropargs3(directory.handle, name))
        result, sent_again = await self._caller.ask(NFS_V3.NFSPROC3_RMDIR, argument)
        _accept_removal(result, isinstance(result, nfs3.RMDIR3res_NFS3_OK), sent_again, directory.child_path(name))

    # helpers

    async def _ok(self, procedure: xdr.Procedure[A, R], argument: A, path: str, kind: type[Ok]) -> Ok:
        """The successful arm of the result; any other arm is raised."""
        result, _ = await self._caller.ask(procedure, argument)
        if not isinstance(result, kind):
            raise NfsStatusError(path, _status(result))
        return result

    async def _node(self, handle: nfs3.nfs_fh3, attributes: nfs3.post_op_attr | None, path: str) -> Node:
        if isinstance(attributes, nfs3.post_op_attr_TRUE):
            return Node(handle, attributes.attributes, path)
        ok = await self._ok(NFS_V3.NFSPROC3_GETATTR, nfs3.GETATTR3args(handle), path, nfs3.GETATTR3res_NFS3_OK)
        return Node(handle, ok.resok.obj_attributes, path)

    async def _made(self, handle: nfs3.post_op_fh3, attributes: nfs3.post_op_attr, directory: Node, name: str) -> Node:
        """The object that a call made; servers may leave its handle out (RFC 1813, 3.3.8)."""
        if isinstance(handle, nfs3.post_op_fh3_TRUE):
            return await self._node(handle.handle, attributes, directory.child_path(name))
        return await self.lookup(directory, name)

    async def _entry(self, directory: Node, raw: nfs3.entryplus3) -> Entry:
        if not raw.name or "/" in raw.name or "\0" in raw.name:
            raise ServerMisbehaved(f"{directory.path}: the server lists the impossible name {raw.name!r}")
        path = directory.child_path(raw.name)
        if isinstance(raw.name_handle, nfs3.post_op_fh3_TRUE):
            return Entry(raw.name, await self._node(raw.name_handle.handle, raw.name_attributes, path))
        return Entry(raw.name, await self.lookup(directory, raw.name))

    async def _is_at(self, node: Node, directory: Node, name: str) -> bool:
        there = await self.find(directory, name)
        return there is not None and there.same_as(node)


def new_attributes(*, mode: int | None = None, mtime: nfs3.nfstime3 | None = None, times: bool = False) -> nfs3.sattr3:
    """What SETATTR, MKDIR and SYMLINK are to set: nothing, or the permission bits and the time of modification. With
    `times`, those that are not given become the server's present."""
    other = nfs3.time_how.SET_TO_SERVER_TIME if times else nfs3.time_how.DONT_CHANGE
    return nfs3.sattr3(
        mode=nfs3.set_mode3_default(False) if mode is None else nfs3.set_mode3_TRUE(mode),
        uid=nfs3.set_uid3_default(False),
        gid=nfs3.set_gid3_default(False),
        size=nfs3.set_size3_default(False),
        atime=nfs3.set_atime_default(other),
        mtime=nfs3.set_mtime_default(other) if mtime is None else nfs3.set_mtime_SET_TO_CLIENT_TIME(mtime),
    )


def _status(result: object) -> nfsstat3:
    """The status of any result union of RFC 1813."""
    status = getattr(result, "status", None)
    assert isinstance(status, nfsstat3)
    return status


def _accept_removal(result: object, removed: bool, sent_again: bool, path: str) -> None:
    status = _status(result)
    if not removed and not (sent_again and status is nfsstat3.NFS3ERR_NOENT):
        raise NfsStatusError(path, status)


def _transfer_size(preferred: int, maximum: int) -> int:
    wanted = min(size for size in (preferred or maximum, maximum, PREFERRED_TRANSFER) if size) if maximum else 0
    return wanted or SMALLEST_TRANSFER


def _not_a_directory(node: Node) -> str:
    if node.is_link:
        return "is a symbolic link; use --follow to go through it"
    return "is not a directory; check the path with ls"


def _target_components(link: Node, target: str) -> list[str]:
    if target.startswith("/"):
        raise WrongKindOfFile(
            f"{link.path}: links to {target}, which is outside of what the server exports; name it in the URL"
        )
    return [component for component in target.split("/") if component not in ("", ".")]

"""The procedures that change nothing: GETATTR, LOOKUP, ACCESS, READLINK, READ, FSSTAT … (RFC 1813, 3.3)."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from examples.nfs.attributes import LONGEST_NAME, checked_name, fattr3_of, text
from examples.nfs.descriptors import Node
from examples.nfs.exports import Access
from examples.nfs.identity import SERVER, acting_as
from examples.nfs.linux import permitted, reopen, require_permission, self_path
from examples.nfs.nfs3_xdr import (
    ACCESS3_DELETE,
    ACCESS3_EXECUTE,
    ACCESS3_EXTEND,
    ACCESS3_LOOKUP,
    ACCESS3_MODIFY,
    ACCESS3_READ,
    FSF3_CANSETTIME,
    FSF3_HOMOGENEOUS,
    FSF3_LINK,
    FSF3_SYMLINK,
    ACCESS3args,
    ACCESS3res,
    ACCESS3res_default,
    ACCESS3res_NFS3_OK,
    ACCESS3resfail,
    ACCESS3resok,
    FSINFO3args,
    FSINFO3res,
    FSINFO3res_default,
    FSINFO3res_NFS3_OK,
    FSINFO3resfail,
    FSINFO3resok,
    FSSTAT3args,
    FSSTAT3res,
    FSSTAT3res_default,
    FSSTAT3res_NFS3_OK,
    FSSTAT3resfail,
    FSSTAT3resok,
    GETATTR3args,
    GETATTR3res,
    GETATTR3res_default,
    GETATTR3res_NFS3_OK,
    GETATTR3resok,
    LOOKUP3args,
    LOOKUP3res,
    LOOKUP3res_default,
    LOOKUP3res_NFS3_OK,
    LOOKUP3resfail,
    LOOKUP3resok,
    PATHCONF3args,
    PATHCONF3res,
    PATHCONF3res_default,
    PATHCONF3res_NFS3_OK,
    PATHCONF3resfail,
    PATHCONF3resok,
    READ3args,
    READ3res,
    READ3res_default,
    READ3res_NFS3_OK,
    READ3resfail,
    READ3resok,
    READLINK3args,
    READLINK3res,
    READLINK3res_default,
    READLINK3res_NFS3_OK,
    READLINK3resfail,
    READLINK3resok,
    nfstime3,
)
from examples.nfs.operation import Operation, Step

MOST_TRANSFER: Final = 1024 * 1024
PREFERRED_LISTING: Final = 64 * 1024
LARGEST_FILE: Final = 2**63 - 1


def getattr_(operation: Operation, argument: GETATTR3args) -> GETATTR3res:
    found = operation.nodes[0].stat()
    return GETATTR3res_NFS3_OK(GETATTR3resok(fattr3_of(found, operation.files.handles.export)))


def lookup(operation: Operation, argument: LOOKUP3args) -> LOOKUP3res:
    directory = operation.nodes[0]
    name = checked_name(argument.what.name)
    if name in (b".", b".."):
        node = operation.hold(_relative(operation, directory, name))
    else:
        node = operation.hold(operation.files.child(directory, name))
        operation.saw(directory, name, node)
    return LOOKUP3res_NFS3_OK(
        LOOKUP3resok(operation.handle(node), operation.attributes(node), operation.attributes(directory))
    )


def _relative(operation: Operation, directory: Node, name: bytes) -> Node:
    if not stat.S_ISDIR(directory.stat().st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if not permitted(directory.descriptor, os.X_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    if name == b".":
        directory.retain()
        return directory
    with acting_as(SERVER):
        return operation.files.parent(directory)


def access(operation: Operation, argument: ACCESS3args) -> ACCESS3res:
    node = operation.nodes[0]
    granted = argument.access & _granted(node, operation.caller.access == Access.WRITE)
    return ACCESS3res_NFS3_OK(ACCESS3resok(operation.attributes(node), granted))


def _granted(node: Node, may_change: bool) -> int:
    is_directory = stat.S_ISDIR(node.stat().st_mode)
    granted = 0
    if permitted(node.descriptor, os.R_OK):
        granted |= ACCESS3_READ
    if permitted(node.descriptor, os.X_OK):
        granted |= ACCESS3_LOOKUP if is_directory else ACCESS3_EXECUTE
    if may_change and permitted(node.descriptor, os.W_OK):
        granted |= ACCESS3_MODIFY | ACCESS3_EXTEND | (ACCESS3_DELETE if is_directory else 0)
    return granted


def readlink(operation: Operation, argument: READLINK3args) -> READLINK3res:
    link = operation.nodes[0]
    if not stat.S_ISLNK(link.stat().st_mode):
        raise OSError(errno.EINVAL, "no symbolic link")
    target = os.readlink(b"", dir_fd=link.descriptor)
    return READLINK3res_NFS3_OK(READLINK3resok(operation.attributes(link), text(target)))


def read(operation: Operation, argument: READ3args) -> READ3res:
    node = operation.nodes[0]
    data = b""
    room = LARGEST_FILE - argument.offset
    with opened(operation, node, os.O_RDONLY) as descriptor:
        if room > 0:
            data = os.pread(descriptor, min(argument.count, MOST_TRANSFER, room), argument.offset)
        found = os.fstat(descriptor)
    eof = argument.offset + len(data) >= found.st_size
    return READ3res_NFS3_OK(READ3resok(operation.attributes(node), len(data), eof, data))


@contextmanager
def opened(operation: Operation, node: Node, flags: int) -> Iterator[int]:
    """A regular file, open to read or write it.

    A local program's rights are looked at when it opens a file, and what happens to the mode afterwards is all the
    same to it. NFS has no open, so the owner of a file may read and write it whatever its mode says, and who may
    execute a file may read it, as clients need to make it so (RFC 1813, 4.4). For others each call is an open anew:
    that a descriptor is left from an earlier call gives no rights.
    """
    if not stat.S_ISREG(node.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    _require_rights(operation, node, flags)

    def opener(descriptor: int, flags: int) -> int:
        try:
            return reopen(descriptor, flags)
        except PermissionError:
            if _may_nevertheless(operation, node, flags):
                with acting_as(SERVER), operation.files.modes():
                    return _reopen_own(descriptor, flags)
            raise

    with node.opened(flags, operation.caller.credential, opener) as descriptor:
        yield descriptor


def _require_rights(operation: Operation, node: Node, flags: int) -> None:
    try:
        require_permission(node.descriptor, os.R_OK if flags == os.O_RDONLY else os.W_OK)
    except PermissionError:
        if not _may_nevertheless(operation, node, flags):
            raise


def _may_nevertheless(operation: Operation, node: Node, flags: int) -> bool:
    if node.stat().st_uid == operation.caller.credential.uid:
        return True
    return flags == os.O_RDONLY and permitted(node.descriptor, os.X_OK)


def _reopen_own(descriptor: int, flags: int) -> int:
    try:
        return reopen(descriptor, flags)
    except PermissionError:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise
        # Not root, so the owner's rights must be there for the moment of opening. Meanwhile nobody else here may
        # change the mode, or to put it back would undo that.
        mode = stat.S_IMODE(found.st_mode)
        os.chmod(self_path(descriptor), mode | stat.S_IRUSR | stat.S_IWUSR)
        try:
            return reopen(descriptor, flags)
        finally:
            os.chmod(self_path(descriptor), mode)


def fsstat(operation: Operation, argument: FSSTAT3args) -> FSSTAT3res:
    node = operation.nodes[0]
    found = os.fstatvfs(node.descriptor)
    return FSSTAT3res_NFS3_OK(
        FSSTAT3resok(
            operation.attributes(node),
            tbytes=found.f_blocks * found.f_frsize,
            fbytes=found.f_bfree * found.f_frsize,
            abytes=found.f_bavail * found.f_frsize,
            tfiles=found.f_files,
            ffiles=found.f_ffree,
            afiles=found.f_favail,
            invarsec=0,
        )
    )


def fsinfo(operation: Operation, argument: FSINFO3args) -> FSINFO3res:
    return FSINFO3res_NFS3_OK(
        FSINFO3resok(
            operation.attributes(operation.nodes[0]),
            rtmax=MOST_TRANSFER,
            rtpref=MOST_TRANSFER,
            rtmult=4096,
            wtmax=MOST_TRANSFER,
            wtpref=MOST_TRANSFER,
            wtmult=4096,
            dtpref=PREFERRED_LISTING,
            maxfilesize=LARGEST_FILE,
            time_delta=nfstime3(0, 1),
            properties=FSF3_LINK | FSF3_SYMLINK | FSF3_HOMOGENEOUS | FSF3_CANSETTIME,
        )
    )


def pathconf(operation: Operation, argument: PATHCONF3args) -> PATHCONF3res:
    node = operation.nodes[0]
    return PATHCONF3res_NFS3_OK(
        PATHCONF3resok(
            operation.attributes(node),
            linkmax=_most_links(operation),
            name_max=LONGEST_NAME,
            no_trunc=True,
            chown_restricted=True,
            case_insensitive=False,
            case_preserving=True,
        )
    )


def _most_links(operation: Operation) -> int:
    links = os.fpathconf(operation.files.root.descriptor, "PC_LINK_MAX")
    return links if 0 < links <= 0xFFFFFFFF else 0xFFFFFFFF


GETATTR = Step(
    getattr_,
    lambda status, operation: GETATTR3res_default(status),
    lambda argument: (argument.object,),
)
LOOKUP = Step(
    lookup,
    lambda status, operation: LOOKUP3res_default(status, LOOKUP3resfail(operation.attributes_of(0))),
    lambda argument: (argument.what.dir,),
)
ACCESS = Step(
    access,
    lambda status, operation: ACCESS3res_default(status, ACCESS3resfail(operation.attributes_of(0))),
    lambda argument: (argument.object,),
)
READLINK = Step(
    readlink,
    lambda status, operation: READLINK3res_default(status, READLINK3resfail(operation.attributes_of(0))),
    lambda argument: (argument.symlink,),
)
READ = Step(
    read,
    lambda status, operation: READ3res_default(status, READ3resfail(operation.attributes_of(0))),
    lambda argument: (argument.file,),
)
FSSTAT = Step(
    fsstat,
    lambda status, operation: FSSTAT3res_default(status, FSSTAT3resfail(operation.attributes_of(0))),
    lambda argument: (argument.fsroot,),
)
FSINFO = Step(
    fsinfo,
    lambda status, operation: FSINFO3res_default(status, FSINFO3resfail(operation.attributes_of(0))),
    lambda argument: (argument.fsroot,),
)
PATHCONF = Step(
    pathconf,
    lambda status, operation: PATHCONF3res_default(status, PATHCONF3resfail(operation.attributes_of(0))),
    lambda argument: (argument.object,),
)

"""The procedures that change files and directories, all but MKNOD (RFC 1813, 3.3).

What they change is on stable storage before they answer, as the RFC wants, except what an UNSTABLE WRITE brought.
New files and directories get their mode from the call: the server's umask has no say.
"""

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from examples.nfs.attributes import Refused, checked_name, nfstime3_of, octets
from examples.nfs.descriptors import Node
from examples.nfs.identity import SERVER, acting_as
from examples.nfs.index import Place, Sighting
from examples.nfs.linux import UTIME_NOW, UTIME_OMIT, reopen, self_path, set_times
from examples.nfs.looking import LARGEST_FILE, MOST_TRANSFER, opened
from examples.nfs.nfs3_xdr import (
    DATA_SYNC,
    GUARDED,
    NFS3ERR_INVAL,
    NFS3ERR_NOT_SYNC,
    NFS3ERR_NOTSUPP,
    SET_TO_SERVER_TIME,
    UNSTABLE,
    COMMIT3args,
    COMMIT3res,
    COMMIT3res_default,
    COMMIT3res_NFS3_OK,
    COMMIT3resfail,
    COMMIT3resok,
    CREATE3args,
    CREATE3res,
    CREATE3res_default,
    CREATE3res_NFS3_OK,
    CREATE3resfail,
    CREATE3resok,
    LINK3args,
    LINK3res,
    LINK3res_default,
    LINK3res_NFS3_OK,
    LINK3resfail,
    LINK3resok,
    MKDIR3args,
    MKDIR3res,
    MKDIR3res_default,
    MKDIR3res_NFS3_OK,
    MKDIR3resfail,
    MKDIR3resok,
    MKNOD3args,
    MKNOD3res,
    MKNOD3res_default,
    MKNOD3resfail,
    REMOVE3args,
    REMOVE3res,
    REMOVE3res_default,
    REMOVE3res_NFS3_OK,
    REMOVE3resfail,
    REMOVE3resok,
    RENAME3args,
    RENAME3res,
    RENAME3res_default,
    RENAME3res_NFS3_OK,
    RENAME3resfail,
    RENAME3resok,
    RMDIR3args,
    RMDIR3res,
    RMDIR3res_default,
    RMDIR3res_NFS3_OK,
    RMDIR3resfail,
    RMDIR3resok,
    SETATTR3args,
    SETATTR3res,
    SETATTR3res_default,
    SETATTR3res_NFS3_OK,
    SETATTR3resfail,
    SETATTR3resok,
    SYMLINK3args,
    SYMLINK3res,
    SYMLINK3res_default,
    SYMLINK3res_NFS3_OK,
    SYMLINK3resfail,
    SYMLINK3resok,
    WRITE3args,
    WRITE3res,
    WRITE3res_default,
    WRITE3res_NFS3_OK,
    WRITE3resfail,
    WRITE3resok,
    createhow3,
    createhow3_EXCLUSIVE,
    createhow3_UNCHECKED,
    sattr3,
    sattrguard3_TRUE,
    set_atime,
    set_atime_default,
    set_atime_SET_TO_CLIENT_TIME,
    set_gid3_TRUE,
    set_mode3_TRUE,
    set_mtime,
    set_mtime_default,
    set_mtime_SET_TO_CLIENT_TIME,
    set_size3_TRUE,
    set_uid3_TRUE,
)
from examples.nfs.operation import Operation, Step

_FILE_MODE: Final = 0o600  # of a new file or directory whose call says nothing of it
_DIRECTORY_MODE: Final = 0o700
_MODE_BITS: Final = 0o7777
_UNCHANGED: Final = -1
_ATTEMPTS: Final = 5


def setattr_(operation: Operation, argument: SETATTR3args) -> SETATTR3res:
    node = operation.nodes[0]
    if isinstance(argument.guard, sattrguard3_TRUE) and argument.guard.obj_ctime != nfstime3_of(
        node.stat().st_ctime_ns
    ):
        raise Refused(NFS3ERR_NOT_SYNC)
    _set_size(operation, node, argument.new_attributes)
    _set_others(operation, node, argument.new_attributes)
    operation.write_out(node)
    return SETATTR3res_NFS3_OK(SETATTR3resok(operation.wcc(0)))


def _set_size(operation: Operation, node: Node, wanted: sattr3) -> None:
    if not isinstance(wanted.size, set_size3_TRUE):
        return
    if wanted.size.size > LARGEST_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    with opened(operation, node, os.O_WRONLY) as descriptor:
        os.ftruncate(descriptor, wanted.size.size)


def _set_others(operation: Operation, node: Node, wanted: sattr3, *, of_new: bool = False) -> None:
    """Set owner, mode and times, in this order: a change of owner clears the set-user-ID bit."""
    path = self_path(node.descriptor)
    uid = wanted.uid.uid if isinstance(wanted.uid, set_uid3_TRUE) else _UNCHANGED
    gid = wanted.gid.gid if isinstance(wanted.gid, set_gid3_TRUE) else _UNCHANGED
    if (uid, gid) != (_UNCHANGED, _UNCHANGED):
        # A new object belongs to its maker; asking for another owner in the same breath is a wish.
        with suppress(*([PermissionError] if of_new else [])):
            os.chown(path, uid, gid)
    if isinstance(wanted.mode, set_mode3_TRUE):
        with operation.files.modes():
            os.chmod(path, wanted.mode.mode & _MODE_BITS)
    accessed, modified = _time_of(wanted.atime), _time_of(wanted.mtime)
    if accessed != _OMITTED or modified != _OMITTED:
        set_times(node.descriptor, accessed, modified)


_OMITTED: Final = (0, UTIME_OMIT)


def _time_of(wanted: set_atime | set_mtime) -> tuple[int, int]:
    match wanted:
        case set_atime_SET_TO_CLIENT_TIME(time) | set_mtime_SET_TO_CLIENT_TIME(time):
            if time.nseconds >= 1_000_000_000:
                raise OSError(errno.EINVAL, "more nanoseconds than a second has")
            return (time.seconds, time.nseconds)
        case set_atime_default(how) | set_mtime_default(how) if how == SET_TO_SERVER_TIME:
            return (0, UTIME_NOW)
    return _OMITTED


def write(operation: Operation, argument: WRITE3args) -> WRITE3res:
    node = operation.nodes[0]
    if argument.count > len(argument.data):
        raise OSError(errno.EINVAL, "fewer octets than the count says")
    count = min(argument.count, MOST_TRANSFER)
    if argument.offset + count > LARGEST_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    # Taken before the data are written: if a write-out fails meanwhile, the client must see that as after them.
    verifier = operation.write_verifier.value
    with opened(operation, node, os.O_WRONLY) as descriptor:
        written = _write_all(descriptor, memoryview(argument.data)[:count], argument.offset)
    if argument.stable != UNSTABLE:
        operation.write_out(node, data_only=argument.stable == DATA_SYNC)
    return WRITE3res_NFS3_OK(WRITE3resok(operation.wcc(0), written, argument.stable, verifier))


def _write_all(descriptor: int, data: memoryview, offset: int) -> int:
    """Write as much as there is room for; raises OSError if that is nothing at all."""
    written = 0
    while written < len(data):
        try:
            written += os.pwrite(descriptor, data[written:], offset + written)
        except OSError:
            if written == 0:
                raise
            break
    return written


def commit(operation: Operation, argument: COMMIT3args) -> COMMIT3res:
    operation.write_out(operation.nodes[0])
    # Taken after everything is written out: if that failed for anybody, this is a new verifier.
    return COMMIT3res_NFS3_OK(COMMIT3resok(operation.wcc(0), operation.write_verifier.value))


def create(operation: Operation, argument: CREATE3args) -> CREATE3res:
    directory = operation.nodes[0]
    name = checked_name(argument.where.name, dots=errno.EEXIST)
    node = _created(operation, directory, name, argument.how)
    operation.saw(directory, name, node)
    operation.made_durable(node, directory)
    return CREATE3res_NFS3_OK(CREATE3resok(operation.handle_of_new(node), operation.attributes(node), operation.wcc(0)))


def _created(operation: Operation, directory: Node, name: bytes, how: createhow3) -> Node:
    match how:
        case createhow3_EXCLUSIVE(verifier):
            return _create_exclusive(operation, directory, name, verifier)
        case createhow3_UNCHECKED(mode, wanted) if mode == GUARDED:
            return _create_new(operation, directory, name, wanted)
        case createhow3_UNCHECKED(_, wanted):
            return _create_unchecked(operation, directory, name, wanted)
    raise Refused(NFS3ERR_INVAL)


def _create_new(operation: Operation, directory: Node, name: bytes, wanted: sattr3) -> Node:
    """Make a file that is not there. Raises FileExistsError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, _FILE_MODE, dir_fd=directory.descriptor)
    node = _node_of_new(operation, directory, descriptor)
    _set_size(operation, node, wanted)
    _set_others(operation, node, wanted, of_new=True)
    return node


def _node_of_new(operation: Operation, directory: Node, descriptor: int) -> Node:
    """The node of a file just made and open; the descriptor is kept, for its mode may forbid to open it again."""
    try:
        node = operation.hold(operation.files.adopt(directory, reopen(descriptor, os.O_PATH)))
    except BaseException:
        os.close(descriptor)
        raise
    if not node.keep((os.O_WRONLY, operation.caller.credential), descriptor):
        os.close(descriptor)
    return node


def _create_unchecked(operation: Operation, directory: Node, name: bytes, wanted: sattr3) -> Node:
    """Make a file, or take the one that is there and set its size only."""
    for _ in range(_ATTEMPTS):
        with suppress(FileExistsError):
            return _create_new(operation, directory, name, wanted)
        with suppress(FileNotFoundError):  # gone between the two
            node = operation.hold(operation.files.child(directory, name))
            if not stat.S_ISREG(node.stat().st_mode):
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
            _set_size(operation, node, wanted)
            return node
    raise OSError(errno.EAGAIN, "made and removed all the time")


def _create_exclusive(operation: Operation, directory: Node, name: bytes, verifier: bytes) -> Node:
    """Make a file that carries the verifier; if one is there with the same verifier, it was made by this very call.

    The verifier is in the times of access and modification, so it is as lasting as the file. The client sets both
    afterwards. The file gets its name only when it carries the verifier: no crash leaves one without.
    """
    times = tuple(int.from_bytes(half, "big") & 0x7FFFFFFF for half in (verifier[:4], verifier[4:]))
    try:
        descriptor = _make_marked(directory, name, times)
    except FileExistsError:
        node = operation.hold(operation.files.child(directory, name))
        found = node.stat()
        marks = (found.st_atime_ns, found.st_mtime_ns)
        if stat.S_ISREG(found.st_mode) and found.st_size == 0 and marks == tuple(time * 10**9 for time in times):
            return node
        raise
    return _node_of_new(operation, directory, descriptor)


def _make_marked(directory: Node, name: bytes, times: tuple[int, ...]) -> int:
    marks = (times[0] * 10**9, times[1] * 10**9)
    try:
        nameless = os.open(self_path(directory.descriptor), os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _FILE_MODE)
    except OSError as problem:
        if problem.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        # This file system has no nameless files: here a crash between two calls can leave one that bears no mark.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, _FILE_MODE, dir_fd=directory.descriptor)
        os.utime(descriptor, ns=marks)
        return descriptor
    try:
        os.utime(nameless, ns=marks)
        os.link(self_path(nameless), name, dst_dir_fd=directory.descriptor, follow_symlinks=True)
    except BaseException:
        os.close(nameless)
        raise
    return nameless


def mkdir(operation: Operation, argument: MKDIR3args) -> MKDIR3res:
    directory = operation.nodes[0]
    name = checked_name(argument.where.name, dots=errno.EEXIST)
    os.mkdir(name, _DIRECTORY_MODE, dir_fd=directory.descriptor)
    node = operation.hold(operation.files.child(directory, name))
    wanted = argument.attributes
    if isinstance(wanted.mode, set_mode3_TRUE):
        # The set-group-ID bit that comes from the directory above stays.
        wanted = replace_mode(wanted, wanted.mode.mode | node.stat().st_mode & stat.S_ISGID)
    _set_others(operation, node, wanted, of_new=True)
    operation.saw(directory, name, node)
    operation.made_durable(node, directory)
    return MKDIR3res_NFS3_OK(MKDIR3resok(operation.handle_of_new(node), operation.attributes(node), operation.wcc(0)))


def replace_mode(wanted: sattr3, mode: int) -> sattr3:
    return sattr3(set_mode3_TRUE(mode), wanted.uid, wanted.gid, wanted.size, wanted.atime, wanted.mtime)


def symlink(operation: Operation, argument: SYMLINK3args) -> SYMLINK3res:
    directory = operation.nodes[0]
    name = checked_name(argument.where.name, dots=errno.EEXIST)
    target = octets(argument.symlink.symlink_data)
    if not target or b"\0" in target:
        raise OSError(errno.EINVAL, "no target for a link")
    os.symlink(target, name, dir_fd=directory.descriptor)
    node = operation.hold(operation.files.child(directory, name))
    operation.saw(directory, name, node)
    operation.made_durable(directory)
    return SYMLINK3res_NFS3_OK(
        SYMLINK3resok(operation.handle_of_new(node), operation.attributes(node), operation.wcc(0))
    )


def mknod(operation: Operation, argument: MKNOD3args) -> MKNOD3res:
    raise Refused(NFS3ERR_NOTSUPP)


def remove(operation: Operation, argument: REMOVE3args) -> REMOVE3res:
    directory = operation.nodes[0]
    name = checked_name(argument.object.name, dots=errno.EINVAL)
    node = _peeked(operation, directory, name)
    os.unlink(name, dir_fd=directory.descriptor)
    _gone(operation, directory, name, node)
    return REMOVE3res_NFS3_OK(REMOVE3resok(operation.wcc(0)))


def rmdir(operation: Operation, argument: RMDIR3args) -> RMDIR3res:
    directory = operation.nodes[0]
    name = checked_name(argument.object.name)
    if name in (b".", b".."):
        number = errno.EINVAL if name == b"." else errno.EEXIST
        raise OSError(number, os.strerror(number))
    node = _peeked(operation, directory, name)
    os.rmdir(name, dir_fd=directory.descriptor)
    _gone(operation, directory, name, node)
    return RMDIR3res_NFS3_OK(RMDIR3resok(operation.wcc(0)))


def _peeked(operation: Operation, directory: Node, name: bytes) -> Node | None:
    """What has a name at present, as far as it can be seen."""
    with suppress(OSError):
        return operation.hold(operation.files.peek(directory, name))
    return None


def _gone(operation: Operation, directory: Node, name: bytes, node: Node | None) -> None:
    """A name was removed, and with its last name a file should not stay open here."""
    operation.afterwards.append(lambda: operation.files.forget(directory, name, node))
    if node is not None:
        operation.files.drop(node)
    operation.made_durable(directory)


def rename(operation: Operation, argument: RENAME3args) -> RENAME3res:
    old, new = operation.nodes
    old_name = checked_name(argument.fromfile.name, dots=errno.EINVAL)
    new_name = checked_name(argument.tofile.name, dots=errno.EINVAL)
    moved = operation.hold(operation.files.peek(old, old_name))
    target = _peeked(operation, new, new_name)
    seen = Sighting(Place(new.key, new_name), moved.key, stat.S_ISDIR(moved.stat().st_mode))
    with operation.files.placing():
        os.rename(old_name, new_name, src_dir_fd=old.descriptor, dst_dir_fd=new.descriptor)
        if target is None or target.file != moved.file:  # else two names of one file: nothing was done
            with acting_as(SERVER):
                operation.files.index.move(Place(old.key, old_name), seen)
    if target is not None and target.file != moved.file:
        operation.files.drop(target)
    operation.made_durable(*({new, old}))
    return RENAME3res_NFS3_OK(RENAME3resok(operation.wcc(0), operation.wcc(1)))


def link(operation: Operation, argument: LINK3args) -> LINK3res:
    file, directory = operation.nodes
    name = checked_name(argument.link.name, dots=errno.EEXIST)
    os.link(self_path(file.descriptor), name, dst_dir_fd=directory.descriptor, follow_symlinks=True)
    operation.saw(directory, name, file)
    operation.made_durable(directory)
    return LINK3res_NFS3_OK(LINK3resok(operation.attributes(file), operation.wcc(1)))


SETATTR = Step(
    setattr_,
    lambda status, operation: SETATTR3res_default(status, SETATTR3resfail(operation.wcc(0))),
    lambda argument: (argument.object,),
    changes=True,
)
WRITE = Step(
    write,
    lambda status, operation: WRITE3res_default(status, WRITE3resfail(operation.wcc(0))),
    lambda argument: (argument.file,),
    changes=True,
)
COMMIT = Step(
    commit,
    lambda status, operation: COMMIT3res_default(status, COMMIT3resfail(operation.wcc(0))),
    lambda argument: (argument.file,),
    changes=True,
)
CREATE = Step(
    create,
    lambda status, operation: CREATE3res_default(status, CREATE3resfail(operation.wcc(0))),
    lambda argument: (argument.where.dir,),
    changes=True,
)
MKDIR = Step(
    mkdir,
    lambda status, operation: MKDIR3res_default(status, MKDIR3resfail(operation.wcc(0))),
    lambda argument: (argument.where.dir,),
    changes=True,
)
SYMLINK = Step(
    symlink,
    lambda status, operation: SYMLINK3res_default(status, SYMLINK3resfail(operation.wcc(0))),
    lambda argument: (argument.where.dir,),
    changes=True,
)
MKNOD = Step(
    mknod,
    lambda status, operation: MKNOD3res_default(status, MKNOD3resfail(operation.wcc(0))),
    lambda argument: (argument.where.dir,),
    changes=True,
)
REMOVE = Step(
    remove,
    lambda status, operation: REMOVE3res_default(status, REMOVE3resfail(operation.wcc(0))),
    lambda argument: (argument.object.dir,),
    changes=True,
)
RMDIR = Step(
    rmdir,
    lambda status, operation: RMDIR3res_default(status, RMDIR3resfail(operation.wcc(0))),
    lambda argument: (argument.object.dir,),
    changes=True,
)
RENAME = Step(
    rename,
    lambda status, operation: RENAME3res_default(status, RENAME3resfail(operation.wcc(0), operation.wcc(1))),
    lambda argument: (argument.fromfile.dir, argument.tofile.dir),
    changes=True,
)
LINK = Step(
    link,
    lambda status, operation: LINK3res_default(status, LINK3resfail(operation.attributes_of(0), operation.wcc(1))),
    lambda argument: (argument.file, argument.link.dir),
    changes=True,
)

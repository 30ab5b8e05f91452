"""Between the file system's words and RFC 1813's: attributes, errors, names (sections 2.5, 2.6 and 3.2)."""

import errno
import os
import stat
from typing import Final

from examples.nfs.handles import BadHandle, StaleHandle
from examples.nfs.nfs3_xdr import (
    NF3BLK,
    NF3CHR,
    NF3DIR,
    NF3FIFO,
    NF3LNK,
    NF3REG,
    NF3SOCK,
    NFS3ERR_ACCES,
    NFS3ERR_BADHANDLE,
    NFS3ERR_DQUOT,
    NFS3ERR_EXIST,
    NFS3ERR_FBIG,
    NFS3ERR_INVAL,
    NFS3ERR_IO,
    NFS3ERR_ISDIR,
    NFS3ERR_JUKEBOX,
    NFS3ERR_MLINK,
    NFS3ERR_NAMETOOLONG,
    NFS3ERR_NODEV,
    NFS3ERR_NOENT,
    NFS3ERR_NOSPC,
    NFS3ERR_NOTDIR,
    NFS3ERR_NOTEMPTY,
    NFS3ERR_NOTSUPP,
    NFS3ERR_NXIO,
    NFS3ERR_PERM,
    NFS3ERR_REMOTE,
    NFS3ERR_ROFS,
    NFS3ERR_STALE,
    NFS3ERR_XDEV,
    fattr3,
    ftype3,
    nfsstat3,
    nfstime3,
    specdata3,
    wcc_attr,
)

LONGEST_NAME: Final = 255
_MOST_SECONDS: Final = 0xFFFFFFFF

_TYPES: Final[dict[int, ftype3]] = {
    stat.S_IFREG: NF3REG,
    stat.S_IFDIR: NF3DIR,
    stat.S_IFBLK: NF3BLK,
    stat.S_IFCHR: NF3CHR,
    stat.S_IFLNK: NF3LNK,
    stat.S_IFSOCK: NF3SOCK,
    stat.S_IFIFO: NF3FIFO,
}

_STATUS: Final[dict[int, nfsstat3]] = {
    errno.EPERM: NFS3ERR_PERM,
    errno.ENOENT: NFS3ERR_NOENT,
    errno.EIO: NFS3ERR_IO,
    errno.ENXIO: NFS3ERR_NXIO,
    errno.EACCES: NFS3ERR_ACCES,
    errno.EEXIST: NFS3ERR_EXIST,
    errno.EXDEV: NFS3ERR_XDEV,
    errno.ENODEV: NFS3ERR_NODEV,
    errno.ENOTDIR: NFS3ERR_NOTDIR,
    errno.EISDIR: NFS3ERR_ISDIR,
    errno.EINVAL: NFS3ERR_INVAL,
    errno.EFBIG: NFS3ERR_FBIG,
    errno.EOVERFLOW: NFS3ERR_FBIG,
    errno.ENOSPC: NFS3ERR_NOSPC,
    errno.EROFS: NFS3ERR_ROFS,
    errno.EMLINK: NFS3ERR_MLINK,
    errno.ENAMETOOLONG: NFS3ERR_NAMETOOLONG,
    errno.ENOTEMPTY: NFS3ERR_NOTEMPTY,
    errno.EDQUOT: NFS3ERR_DQUOT,
    errno.ESTALE: NFS3ERR_STALE,
    errno.EREMOTE: NFS3ERR_REMOTE,
    errno.EOPNOTSUPP: NFS3ERR_NOTSUPP,
    errno.ENOSYS: NFS3ERR_NOTSUPP,
    # A link where none may be, a mount point in use: the client may not, and trying again does not help.
    errno.ELOOP: NFS3ERR_INVAL,
    errno.EBUSY: NFS3ERR_ACCES,
    # The server is short of something for the moment: the client should try again (RFC 1813, 2.6).
    errno.EAGAIN: NFS3ERR_JUKEBOX,
    errno.EINTR: NFS3ERR_JUKEBOX,
    errno.ETIMEDOUT: NFS3ERR_JUKEBOX,
    errno.ENOMEM: NFS3ERR_JUKEBOX,
    errno.EMFILE: NFS3ERR_JUKEBOX,
    errno.ENFILE: NFS3ERR_JUKEBOX,
}


class Refused(OSError):
    """A refusal that only the protocol knows, by its status."""

    def __init__(self, status: nfsstat3) -> None:
        super().__init__(status.name)
        self.status = status


def status_of(problem: OSError | BadHandle | StaleHandle) -> nfsstat3:
    """The status that tells a client of a problem."""
    match problem:
        case Refused(status=status):
            return status
        case BadHandle():
            return NFS3ERR_BADHANDLE
        case StaleHandle():
            return NFS3ERR_STALE
        case _:
            return _STATUS.get(problem.errno or errno.EIO, NFS3ERR_IO)


def fattr3_of(found: os.stat_result, fsid: int) -> fattr3:
    """Attributes as they are. `fsid` is the export's: its files are one file system to the client."""
    return fattr3(
        type=_TYPES[stat.S_IFMT(found.st_mode)],
        mode=stat.S_IMODE(found.st_mode),
        nlink=found.st_nlink,
        uid=found.st_uid,
        gid=found.st_gid,
        size=found.st_size,
        used=found.st_blocks * 512,
        rdev=specdata3(os.major(found.st_rdev), os.minor(found.st_rdev)),
        fsid=fsid,
        fileid=found.st_ino,
        atime=nfstime3_of(found.st_atime_ns),
        mtime=nfstime3_of(found.st_mtime_ns),
        ctime=nfstime3_of(found.st_ctime_ns),
    )


def wcc_attr_of(found: os.stat_result) -> wcc_attr:
    return wcc_attr(found.st_size, nfstime3_of(found.st_mtime_ns), nfstime3_of(found.st_ctime_ns))


def nfstime3_of(nanoseconds: int) -> nfstime3:
    """A time since 1970. The protocol knows none before and none after 2106; they become the nearest that it knows."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    if seconds < 0:
        return nfstime3(0, 0)
    return nfstime3(seconds, fraction) if seconds <= _MOST_SECONDS else nfstime3(_MOST_SECONDS, 999_999_999)


def octets(text: str) -> bytes:
    """The octets of a string of the protocol, whatever they are."""
    return text.encode("utf-8", "surrogateescape")


def text(name: bytes) -> str:
    """The protocol's string of these octets."""
    return name.decode("utf-8", "surrogateescape")


def checked_name(name: str, *, dots: int | None = None) -> bytes:
    """The octets of a name that may stand in a directory; `.` and `..` are an error of number `dots` if it is given.

    Raises OSError: EACCES for a name that cannot be (RFC 1813, 3.2), ENAMETOOLONG for more than LONGEST_NAME octets.
    """
    raw = octets(name)
    if not raw or b"/" in raw or b"\0" in raw:
        raise OSError(errno.EACCES, "no name of a file")
    if len(raw) > LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if dots is not None and raw in (b".", b".."):
        raise OSError(dots, os.strerror(dots))
    return raw

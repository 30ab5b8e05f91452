"""What can go wrong in the NFS client, in words that tell a person what to do."""

from typing import Final

from examples.nfs.mount3_xdr import mountstat3
from examples.nfs.nfs3_xdr import nfsstat3

WORDS: Final[dict[nfsstat3, tuple[str, str]]] = {
    nfsstat3.NFS3ERR_PERM: ("operation not permitted", "only the owner may do this"),
    nfsstat3.NFS3ERR_NOENT: ("no such file or directory", "check the path with ls"),
    nfsstat3.NFS3ERR_IO: ("input/output error on the server", "look at the server's log and disk"),
    nfsstat3.NFS3ERR_NXIO: ("no such device on the server", "look at the server's disk"),
    nfsstat3.NFS3ERR_ACCES: ("permission denied", "ask the server's owner for the right, or use another principal"),
    nfsstat3.NFS3ERR_EXIST: ("it exists already", "remove it first, or choose another name"),
    nfsstat3.NFS3ERR_XDEV: ("source and target are on different file systems", "copy instead of moving"),
    nfsstat3.NFS3ERR_NODEV: ("no such device on the server", "look at the server's disk"),
    nfsstat3.NFS3ERR_NOTDIR: ("not a directory", "check the path; symbolic links are followed with --follow only"),
    nfsstat3.NFS3ERR_ISDIR: ("it is a directory", "use -r, or rmdir"),
    nfsstat3.NFS3ERR_INVAL: (
        "the server refuses the argument",
        "this kind of file does not allow it, or a directory would move into itself",
    ),
    nfsstat3.NFS3ERR_FBIG: ("file too large for the server", "split the file"),
    nfsstat3.NFS3ERR_NOSPC: ("no space left on the server", "make room there and try again"),
    nfsstat3.NFS3ERR_ROFS: ("exported read-only", "ask the server's owner for a writable export"),
    nfsstat3.NFS3ERR_MLINK: ("too many hard links", "remove some first"),
    nfsstat3.NFS3ERR_NAMETOOLONG: ("name too long for the server", "choose a shorter name"),
    nfsstat3.NFS3ERR_NOTEMPTY: ("directory not empty", "remove what is in it first"),
    nfsstat3.NFS3ERR_DQUOT: ("disk quota exceeded on the server", "remove files, or ask for more quota"),
    nfsstat3.NFS3ERR_STALE: ("the file is gone from the server", "start again from the path"),
    nfsstat3.NFS3ERR_REMOTE: ("too many levels of remote in path", "mount the server that has the file"),
    nfsstat3.NFS3ERR_BADHANDLE: ("the server does not know its own file handle", "start again from the path"),
    nfsstat3.NFS3ERR_NOT_SYNC: ("the file changed meanwhile", "try again"),
    nfsstat3.NFS3ERR_BAD_COOKIE: ("the directory changed while it was listed", "try again"),
    nfsstat3.NFS3ERR_NOTSUPP: ("the server does not support this operation", "do without it"),
    nfsstat3.NFS3ERR_TOOSMALL: ("the server needs a larger buffer", "report this as an error of the client"),
    nfsstat3.NFS3ERR_SERVERFAULT: ("the server failed", "look at the server's log"),
    nfsstat3.NFS3ERR_BADTYPE: ("the server cannot make this kind of file", "do without it"),
    nfsstat3.NFS3ERR_JUKEBOX: ("the server is still fetching the file", "try again later"),
}


class NfsError(Exception):
    """Root of what the NFS client raises by itself; the text is one line for a person.

    Errors of the layers below (rpcgss.RpcError and its children) pass through unchanged.
    """


class NfsStatusError(NfsError):
    """The server answered with an nfsstat3 other than NFS3_OK that the client could not resolve by itself."""

    def __init__(self, path: str, status: nfsstat3) -> None:
        words, advice = WORDS.get(status, ("unknown error", "look at the server's log"))
        super().__init__(f"{path}: {words} ({status.name}); {advice}")
        self.path = path
        self.status = status


class MountRefused(NfsError):
    """The server's mount service refuses the export."""

    def __init__(self, path: str, status: mountstat3) -> None:
        super().__init__(
            f"{path}: the server refuses to mount it ({status.name}); ask its owner what is exported to you"
        )
        self.path = path
        self.status = status


class ServerMisbehaved(NfsError):
    """The server's answer breaks RFC 1813; nothing was done with it."""


class WrongKindOfFile(NfsError):
    """A file is not of the kind that the operation needs."""


class DataLost(NfsError):
    """The server lost uncommitted data again and again, and the client gave up writing it anew."""

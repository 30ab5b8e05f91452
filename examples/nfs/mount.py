"""The MOUNT program, version 3 (RFC 1813, 5; RFC 5531 has the flavors): from the name of an export to its handle.

There is one export, `/`; the path of the directory on the server is another name for it. Who is proven may mount
directories below it too. What is mounted is remembered for DUMP only, a limited number of mounts.
"""

import errno
import os
import stat
from collections import OrderedDict
from contextlib import ExitStack
from typing import Final

from examples.nfs.admission import Admission
from examples.nfs.attributes import checked_name, octets
from examples.nfs.exports import Access
from examples.nfs.filesystem import FileSystem
from examples.nfs.identity import acting_as
from examples.nfs.mount3_xdr import (
    MNT3ERR_ACCES,
    MNT3ERR_INVAL,
    MNT3ERR_IO,
    MNT3ERR_NAMETOOLONG,
    MNT3ERR_NOENT,
    MNT3ERR_NOTDIR,
    MNT3ERR_PERM,
    MOUNT_V3_Service,
    exportnode,
    mountbody,
    mountres3,
    mountres3_default,
    mountres3_MNT3_OK,
    mountres3_ok,
    mountstat3,
)
from examples.nfs.operation import Caller
from rpcgss.rpc import Call
from rpcgss.rpc.work import Worker

EXPORT: Final = "/"
_MOST_MOUNTS: Final = 1024
_LONGEST_HOST: Final = 255

_STATUS: Final[dict[int, mountstat3]] = {
    errno.EPERM: MNT3ERR_PERM,
    errno.ENOENT: MNT3ERR_NOENT,
    errno.EACCES: MNT3ERR_ACCES,
    errno.EXDEV: MNT3ERR_ACCES,
    errno.ENOTDIR: MNT3ERR_NOTDIR,
    errno.EINVAL: MNT3ERR_INVAL,
    errno.ENAMETOOLONG: MNT3ERR_NAMETOOLONG,
}


class MountService(MOUNT_V3_Service[Call]):
    """MOUNT version 3 for one export. NULL answers by itself."""

    def __init__(self, files: FileSystem, admission: Admission, worker: Worker) -> None:
        self._files: Final = files
        self._admission: Final = admission
        self._worker: Final = worker
        self._mounts: Final[OrderedDict[tuple[str, str], None]] = OrderedDict()

    async def MOUNTPROC3_MNT(self, call: Call, arg: str) -> mountres3:
        try:
            handle = await self._worker.run(self._handle, self._admission.caller(call.identity), arg)
        except OSError as problem:
            return mountres3_default(_STATUS.get(problem.errno or errno.EIO, MNT3ERR_IO))
        self._remember(call, arg)
        return mountres3_MNT3_OK(mountres3_ok(handle, [int(one) for one in self._admission.securities]))

    async def MOUNTPROC3_DUMP(self, call: Call) -> list[mountbody]:
        return [mountbody(host, directory) for host, directory in self._mounts]

    async def MOUNTPROC3_UMNT(self, call: Call, arg: str) -> None:
        self._mounts.pop((_host(call), arg), None)

    async def MOUNTPROC3_UMNTALL(self, call: Call) -> None:
        for mount in [mount for mount in self._mounts if mount[0] == _host(call)]:
            del self._mounts[mount]

    async def MOUNTPROC3_EXPORT(self, call: Call) -> list[exportnode]:
        return [exportnode(EXPORT, [])]

    def _handle(self, caller: Caller, path: str) -> bytes:
        """The handle of a directory; raises OSError."""
        if caller.access == Access.NONE:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        below = self._below(path)
        if below and caller.root_only:
            raise OSError(errno.EACCES, "who is not proven mounts the export itself")
        with ExitStack() as held:
            node = self._files.root
            for name in below:
                with acting_as(caller.credential):
                    child = self._files.child(node, checked_name(name, dots=errno.EACCES))
                held.callback(child.release)
                self._files.record(node, octets(name), child)
                node = child
            if not stat.S_ISDIR(node.stat().st_mode):
                raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return self._files.handles.seal(node.file)

    def _below(self, path: str) -> list[str]:
        """The names from the export down to a path."""
        own = [part for part in str(self._files.directory).split("/") if part]
        parts = [part for part in path.split("/") if part]
        return parts[len(own) :] if parts[: len(own)] == own else parts

    def _remember(self, call: Call, path: str) -> None:
        mount = (_host(call), path)
        self._mounts[mount] = None
        self._mounts.move_to_end(mount)
        if len(self._mounts) > _MOST_MOUNTS:
            self._mounts.popitem(last=False)


def _host(call: Call) -> str:
    """The peer without its port, which is another for each connection."""
    return call.connection.peer.rpartition(":")[0][:_LONGEST_HOST] or call.connection.peer[:_LONGEST_HOST]

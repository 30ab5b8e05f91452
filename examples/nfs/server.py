"""The NFS version 3 program (RFC 1813, 3): each procedure goes to a worker thread, where its `Step` is performed."""

from contextlib import suppress
from typing import Any, Final, TypeVar

import xdr
from examples.nfs import changing, directories, looking
from examples.nfs import nfs3_xdr as nfs3
from examples.nfs.admission import Admission
from examples.nfs.filesystem import FileSystem, NotOpen
from examples.nfs.identity import SERVER
from examples.nfs.nfs3_xdr import NFS_V3, NFS_V3_Service
from examples.nfs.operation import RootOnly, Step, WriteVerifier, perform
from rpcgss.rpc import AuthRefused, Call
from rpcgss.rpc.rpc_xdr import auth_stat
from rpcgss.rpc.work import Worker

A = TypeVar("A")
R = TypeVar("R")

AT_MOST_ONCE: Final[frozenset[xdr.Procedure[Any, Any]]] = frozenset(
    {
        NFS_V3.NFSPROC3_SETATTR,
        NFS_V3.NFSPROC3_CREATE,
        NFS_V3.NFSPROC3_MKDIR,
        NFS_V3.NFSPROC3_SYMLINK,
        NFS_V3.NFSPROC3_MKNOD,
        NFS_V3.NFSPROC3_REMOVE,
        NFS_V3.NFSPROC3_RMDIR,
        NFS_V3.NFSPROC3_RENAME,
        NFS_V3.NFSPROC3_LINK,
    }
)
"""Whose second run would fail, or undo what came between. WRITE is not among them: to run it again is harmless as long
as its client waits for the reply, and to keep track of its data would cost more than it is worth. What a process had
not finished that was killed may run again: clients know how to go on then, and not what to make of a fault."""


class NfsService(NFS_V3_Service[Call]):
    """NFS version 3 for one export. NULL answers by itself."""

    def __init__(
        self, files: FileSystem, admission: Admission, worker: Worker, verifier: WriteVerifier | None = None
    ) -> None:
        self._files: Final = files
        self._admission: Final = admission
        self._worker: Final = worker
        self._verifier: Final = verifier or WriteVerifier()

    async def NFSPROC3_GETATTR(self, call: Call, arg: nfs3.GETATTR3args) -> nfs3.GETATTR3res:
        return await self._glance(call, looking.GETATTR, arg)

    async def NFSPROC3_SETATTR(self, call: Call, arg: nfs3.SETATTR3args) -> nfs3.SETATTR3res:
        return await self._perform(call, changing.SETATTR, arg)

    async def NFSPROC3_LOOKUP(self, call: Call, arg: nfs3.LOOKUP3args) -> nfs3.LOOKUP3res:
        return await self._perform(call, looking.LOOKUP, arg)

    async def NFSPROC3_ACCESS(self, call: Call, arg: nfs3.ACCESS3args) -> nfs3.ACCESS3res:
        return await self._glance(call, looking.ACCESS, arg)

    async def NFSPROC3_READLINK(self, call: Call, arg: nfs3.READLINK3args) -> nfs3.READLINK3res:
        return await self._perform(call, looking.READLINK, arg)

    async def NFSPROC3_READ(self, call: Call, arg: nfs3.READ3args) -> nfs3.READ3res:
        return await self._perform(call, looking.READ, arg)

    async def NFSPROC3_WRITE(self, call: Call, arg: nfs3.WRITE3args) -> nfs3.WRITE3res:
        return await self._perform(call, changing.WRITE, arg)

    async def NFSPROC3_CREATE(self, call: Call, arg: nfs3.CREATE3args) -> nfs3.CREATE3res:
        return await self._perform(call, changing.CREATE, arg)

    async def NFSPROC3_MKDIR(self, call: Call, arg: nfs3.MKDIR3args) -> nfs3.MKDIR3res:
        return await self._perform(call, changing.MKDIR, arg)

    async def NFSPROC3_SYMLINK(self, call: Call, arg: nfs3.SYMLINK3args) -> nfs3.SYMLINK3res:
        return await self._perform(call, changing.SYMLINK, arg)

    async def NFSPROC3_MKNOD(self, call: Call, arg: nfs3.MKNOD3args) -> nfs3.MKNOD3res:
        return await self._perform(call, changing.MKNOD, arg)

    async def NFSPROC3_REMOVE(self, call: Call, arg: nfs3.REMOVE3args) -> nfs3.REMOVE3res:
        return await self._perform(call, changing.REMOVE, arg)

    async def NFSPROC3_RMDIR(self, call: Call, arg: nfs3.RMDIR3args) -> nfs3.RMDIR3res:
        return await self._perform(call, changing.RMDIR, arg)

    async def NFSPROC3_RENAME(self, call: Call, arg: nfs3.RENAME3args) -> nfs3.RENAME3res:
        return await self._perform(call, changing.RENAME, arg)

    async def NFSPROC3_LINK(self, call: Call, arg: nfs3.LINK3args) -> nfs3.LINK3res:
        return await self._perform(call, changing.LINK, arg)

    async def NFSPROC3_READDIR(self, call: Call, arg: nfs3.READDIR3args) -> nfs3.READDIR3res:
        return await self._perform(call, directories.READDIR, arg)

    async def NFSPROC3_READDIRPLUS(self, call: Call, arg: nfs3.READDIRPLUS3args) -> nfs3.READDIRPLUS3res:
        return await self._perform(call, directories.READDIRPLUS, arg)

    async def NFSPROC3_FSSTAT(self, call: Call, arg: nfs3.FSSTAT3args) -> nfs3.FSSTAT3res:
        return await self._perform(call, looking.FSSTAT, arg)

    async def NFSPROC3_FSINFO(self, call: Call, arg: nfs3.FSINFO3args) -> nfs3.FSINFO3res:
        return await self._perform(call, looking.FSINFO, arg)

    async def NFSPROC3_PATHCONF(self, call: Call, arg: nfs3.PATHCONF3args) -> nfs3.PATHCONF3res:
        return await self._perform(call, looking.PATHCONF, arg)

    async def NFSPROC3_COMMIT(self, call: Call, arg: nfs3.COMMIT3args) -> nfs3.COMMIT3res:
        return await self._perform(call, changing.COMMIT, arg)

    async def _perform(self, call: Call, step: Step[A, R], argument: A) -> R:
        caller = self._admission.caller(call.identity)
        try:
            return await self._worker.run(perform, step, self._files, caller, self._verifier, argument)
        except RootOnly as problem:
            raise AuthRefused(auth_stat.AUTH_TOOWEAK, str(problem)) from problem

    async def _glance(self, call: Call, step: Step[A, R], argument: A) -> R:
        """As `_perform`, but at once if it is sure not to block: an open file's attributes are in memory."""
        caller = self._admission.caller(call.identity)
        if caller.credential == SERVER and not caller.root_only:
            with suppress(NotOpen):
                find = FileSystem.open_node_untrusted
                return perform(step, self._files, caller, self._verifier, argument, find)
        return await self._perform(call, step, argument)

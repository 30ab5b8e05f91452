"""How the NFS client asks: calls in flight are bounded, busy servers are asked again, unknown outcomes are sent again.

The RPC client sends an outstanding call again by itself after a lost connection, unless the call may not run twice
(NON_IDEMPOTENT): of those it says OutcomeUnknown. `Caller.ask` then sends the call once more and tells that it did;
the operation itself knows what an answer means that follows a possible first success (MKDIR: EXIST; REMOVE: NOENT).
CREATE is not among them: this client makes files EXCLUSIVE only, and a second CREATE with the same verifier succeeds
(RFC 1813, 3.3.8). SETATTR is not either, for it is used without a guard.
"""

from typing import Any, Final, Protocol, TypeVar

import trio

import xdr
from examples.nfs.nfs3_xdr import NFS_V3, nfsstat3
from rpcgss.rpc.errors import OutcomeUnknown

A = TypeVar("A")
R = TypeVar("R")

NON_IDEMPOTENT: Final[frozenset[xdr.Procedure[Any, Any]]] = frozenset(
    {
        NFS_V3.NFSPROC3_MKDIR,
        NFS_V3.NFSPROC3_SYMLINK,
        NFS_V3.NFSPROC3_MKNOD,
        NFS_V3.NFSPROC3_REMOVE,
        NFS_V3.NFSPROC3_RMDIR,
        NFS_V3.NFSPROC3_RENAME,
        NFS_V3.NFSPROC3_LINK,
    }
)

MOST_UNKNOWN: Final = 8
"""Connections in a row that may break under one operation."""

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0


class Call(Protocol):
    """One remote call, as `rpcgss.Client.call` makes it."""

    async def __call__(self, procedure: xdr.Procedure[A, R], argument: A, /) -> R: ...


class Caller:
    """Asks the server, with at most `parallel` calls in flight and `patience` seconds for one operation."""

    def __init__(self, call: Call, *, parallel: int = 32, patience: float = 60.0) -> None:
        self._call = call
        self._places = trio.CapacityLimiter(parallel)
        self._patience = patience
        self.parallel = parallel

    async def ask(self, procedure: xdr.Procedure[A, R], argument: A) -> tuple[R, bool]:
        """The server's result, and whether the call may have run before it did.

        NFS3ERR_JUKEBOX is tried again with a growing pause, an unknown outcome at once, both until `patience` is over;
        or MOST_UNKNOWN times; then the busy answer is returned, or OutcomeUnknown raised. Errors of the RPC layer pass
        through.
        Cancelled, the call may or may not have run.
        """
        deadline = trio.current_time() + self._patience
        pause = FIRST_PAUSE
        unknown = 0
        while True:
            try:
                async with self._places:
                    result = await self._call(procedure, argument)
            except OutcomeUnknown:
                unknown += 1
                if trio.current_time() >= deadline or unknown > MOST_UNKNOWN:
                    raise
                continue
            if not _is_busy(result) or trio.current_time() + pause >= deadline:
                return result, unknown > 0
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def _is_busy(result: object) -> bool:
    return getattr(result, "status", None) is nfsstat3.NFS3ERR_JUKEBOX

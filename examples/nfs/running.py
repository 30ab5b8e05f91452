"""A whole NFS server put together, for the command and for programs that bring hooks of their own."""

import dataclasses
import json
import os
import resource
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from examples.nfs.admission import Admission, Security
from examples.nfs.exports import Access, Rules, everybody
from examples.nfs.filesystem import FileSystem
from examples.nfs.identity import Credential
from examples.nfs.looking import MOST_TRANSFER
from examples.nfs.mount import MountService
from examples.nfs.operation import WriteVerifier
from examples.nfs.server import AT_MOST_ONCE, NfsService
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.provider import Acceptor
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import AcceptNone, AcceptSys, Call, Policy, ReplyCache, Server, ServerFlavor
from rpcgss.rpc.work import ThreadWorker, Worker

_ROOM_FOR_THE_REST: Final = 64 * 1024  # of a record, beside the data of the largest READ or WRITE
_MOST_OPEN_NODES: Final = 4096


@dataclass(slots=True)
class NfsServer:
    """The running parts. `rpc.serve(listeners)` serves; `gss` is None where AUTH_SYS is all there is."""

    rpc: Server
    files: FileSystem
    gss: GssServerFlavor | None
    tickets: TicketServer | None

    def status(self) -> dict[str, Any]:
        """All counters, in a form that JSON can take."""
        parts: dict[str, Any] = {"calls": self.rpc.counters, "replies": self.rpc.reply_cache.counters}
        if self.gss is not None:
            parts |= {
                "contexts": self.gss.store.counters,
                "gss": self.gss.counters,
                "exchanges": self.gss.creation_counters,
            }
        if self.tickets is not None:
            parts["tickets"] = self.tickets.counters
        return {name: dataclasses.asdict(counters) for name, counters in parts.items()}


@contextmanager
def nfs_server(
    directory: Path,
    state: Path,
    securities: Sequence[Security],
    *,
    acceptor: Acceptor | None = None,
    exports: Rules[Access] | None = None,
    users: Rules[Credential] | None = None,
    tickets: TicketServer | None = None,
    store: ContextStore | None = None,
    worker: Worker | None = None,
    observer: Policy | None = None,
    verifier: WriteVerifier | None = None,
    replies: ReplyCache | None = None,
) -> Iterator[NfsServer]:
    """NFS and MOUNT for one directory; whoever gets it runs `rpc.serve`, and has left that when the block ends.

    state    -- a directory for the handles' key and index, kept from start to start, outside of what is exported
    acceptor -- the service's keys, needed for KRB5, KRB5I and KRB5P
    exports  -- access by principal; None: everybody reads and writes
    users    -- users by principal; None: all act as the server itself
    tickets  -- grants tickets and honours them; None: no fast re-authentication
    store    -- the contexts, with whatever drop policy and events it has
    observer -- is shown each call that is let in, before it runs
    verifier -- the write verifier, of all workers; somebody renews it when one of them has died
    replies  -- to calls that are executed at most once; None: in memory, and not seen by other workers

    Raises OSError if a directory cannot be used, ValueError if securities and acceptor do not fit.
    """
    files = _file_system(directory, state)
    try:
        worker = worker or ThreadWorker(_threads())
        gss = None
        if any(one is not Security.SYS for one in securities):
            if acceptor is None:
                raise ValueError("Kerberos needs an acceptor")
            gss = GssServerFlavor(acceptor, store=store, extension=tickets)
        flavors: list[ServerFlavor] = [AcceptNone(), AcceptSys(), *([gss] if gss else [])]
        admission = Admission(securities, exports or everybody(Access.WRITE), users)
        services = [NfsService(files, admission, worker, verifier), MountService(files, admission, worker)]
        policy = _policy(admission, observer)
        rpc = Server(
            services,
            flavors,
            policy=policy,
            non_idempotent=AT_MOST_ONCE,
            reply_cache=replies,
            max_record=MOST_TRANSFER + _ROOM_FOR_THE_REST,
        )
        yield NfsServer(rpc, files, gss, tickets)
    finally:
        files.close()


def _policy(admission: Admission, observer: Policy | None) -> Policy:
    if observer is None:
        return admission.policy

    def policy(call: Call) -> None:
        admission.policy(call)
        observer(call)

    return policy


def _file_system(directory: Path, state: Path) -> FileSystem:
    # Each node may have three descriptors; a quarter of what there is stays for connections.
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return FileSystem(directory, state, open_nodes=min(max(soft // 4, 16), _MOST_OPEN_NODES))


def _threads() -> int:
    return min(32, 4 * (os.cpu_count() or 1))


def kerberos(names: Sequence[str], keytab: Path | None) -> GssapiAcceptor:
    """The acceptor of these services. Raises AcceptorUnusable with a text that names the keytab."""
    return GssapiAcceptor(names, keytab)


def raise_descriptor_limit() -> None:
    """Take as many descriptors as this process may have: the usual limit is for programs that select(2)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def write_status(server: NfsServer, path: Path) -> None:
    """Write the counters as JSON, in one step: who reads the file sees the old or the new ones.

    Raises OSError with a text that names the file.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(server.status(), file, indent=1)
                file.write("\n")
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as problem:
        raise OSError(problem.errno, f"cannot write {path}: {problem.strerror}") from problem

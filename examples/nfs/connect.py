"""From a URL and a way to authenticate to a client that is ready: connection, flavor, tickets, mount."""

import functools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import xdr
from examples.nfs.calls import NON_IDEMPOTENT, Call
from examples.nfs.client import NfsClient, Node
from examples.nfs.failures import NfsError
from examples.nfs.journal import ContextJournal
from examples.nfs.mount3_xdr import MOUNT_V3
from examples.nfs.url import NfsUrl
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import Credentials, GssService
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.tickets import SqliteTicketStore
from rpcgss.rpc.client import Client, open_client
from rpcgss.rpc.flavors import AuthNone, AuthSys, ClientFlavor
from transport import open_tcp

A = TypeVar("A")
R = TypeVar("R")

GSS_SERVICES: Final = {
    "krb5p": GssService.PRIVACY,
    "krb5i": GssService.INTEGRITY,
    "krb5": GssService.NONE,
}
SECURITIES: Final = (*GSS_SERVICES, "sys", "none")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a server.

    security   -- one of SECURITIES
    target     -- the service's GSS name; None: nfs@host
    principal, tickets -- whose credentials, and the file that keeps tickets; None: the default ones, in memory
    timeout    -- seconds that one call may take, with all its reconnections
    mount_port -- where MOUNT is, if not at the NFS port
    """

    security: str = "krb5p"
    target: str | None = None
    principal: str | None = None
    tickets: Path | None = None
    use_tickets: bool = True
    timeout: float = 60.0
    parallel: int = 32
    mount_port: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A client that is connected."""

    nfs: NfsClient
    journal: ContextJournal
    rpc: Client

    async def at(self, url: NfsUrl, *, follow: bool = False) -> Node:
        """The object that the URL means."""
        root, components = await self.root_of(url.components)
        return await self.nfs.walk(root, components, follow=follow)

    async def root_of(self, components: Sequence[str]) -> tuple[Node, Sequence[str]]:
        """The mounted root of the longest export that a path is in, and what is left of the path."""
        exports = await self.nfs.exports()
        inside = [export for export in exports if _is_beneath(components, _parts(export))]
        if not inside:
            listed = ", ".join(exports) or "nothing"
            raise NfsError(f"/{'/'.join(components)}: is not exported; the server exports {listed}")
        export = max(inside, key=lambda export: len(_parts(export)))
        return await self.nfs.mount(export), components[len(_parts(export)) :]


@asynccontextmanager
async def connected(
    url: NfsUrl, access: Access, *, wrap: Callable[[Call], Call] | None = None
) -> AsyncIterator[Session]:
    """A session with the URL's server; `wrap` may look at each call. Raises ConnectionLost at once where nobody
    listens; later on a lost connection is made again until a call's timeout."""
    async with AsyncExitStack() as stack:
        journal = ContextJournal(_ticket_client(access, stack))
        rpc = await stack.enter_async_context(_client(url.host, url.port, access, _flavor(url, access, journal)))
        call: Call = rpc.call
        if access.mount_port is not None and access.mount_port != url.port:
            # A journal belongs to one flavor, and mounting is one call.
            flavor = _flavor(url, access, ContextJournal())
            mount = await stack.enter_async_context(_client(url.host, access.mount_port, access, flavor))
            call = _routed(rpc.call, mount.call)
        call = call if wrap is None else wrap(call)
        yield Session(NfsClient(call, parallel=access.parallel, patience=access.timeout), journal, rpc)


def _ticket_client(access: Access, stack: AsyncExitStack) -> TicketClient | None:
    if not access.use_tickets:
        return None
    if access.tickets is None:
        return TicketClient()
    store = SqliteTicketStore(access.tickets)
    stack.callback(store.close)
    return TicketClient(store)


def _flavor(url: NfsUrl, access: Access, journal: ContextJournal) -> ClientFlavor:
    if access.security == "sys":
        return AuthSys()
    if access.security == "none":
        return AuthNone()
    flavor = GssFlavor(
        access.target or f"nfs@{url.host}",
        service=GSS_SERVICES[access.security],
        credentials=Credentials(principal=access.principal),
        extension=journal,
    )
    flavor.events.append(journal.heard)
    return flavor


def _client(host: str, port: int, access: Access, flavor: ClientFlavor) -> AbstractAsyncContextManager[Client]:
    connect = functools.partial(open_tcp, host, port)
    return open_client(connect, flavor, timeout=access.timeout, non_idempotent=NON_IDEMPOTENT)


def _routed(nfs: Call, mount: Call) -> Call:
    async def call(procedure: xdr.Procedure[A, R], argument: A, /) -> R:
        return await (mount if procedure.program == MOUNT_V3.PROGRAM else nfs)(procedure, argument)

    return call


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _is_beneath(components: Sequence[str], export: Sequence[str]) -> bool:
    return list(components[: len(export)]) == list(export)

"""The demo's NFS server, a process of its own: the server of `examples.nfs`, which tells of its contexts and calls.

It drops the context of every so many calls on purpose. When its standard input ends, its supervisor is gone, and it
ends too; SIGTERM ends it after what runs has been answered.
"""

import json
import logging
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Final

import click
import trio

from examples.demo.events import Kind, Teller
from examples.nfs.admission import Security
from examples.nfs.running import kerberos, nfs_server, raise_descriptor_limit
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.store import ContextStore, DropPolicy, StoreEvent
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import Call, Server, stopping_on_signals
from transport import listen_tcp

SERVICE: Final = "nfs@localhost"
DRAIN_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a server process is to do: its name in the events, its port (0: any), how often it drops contexts, where its
    files are, and its keytab."""

    source: str
    port: int
    every: int
    directory: str
    keytab: str

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(astuple(self)))

    @classmethod
    def load(cls, path: Path) -> "Setting":
        return cls(*json.loads(path.read_text()))


async def serve(rpc: Server, port: int, teller: Teller) -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    listeners = await listen_tcp(port, "127.0.0.1")
    async with stopping_on_signals(rpc), trio.open_nursery() as nursery:

        async def stay_with_supervisor() -> None:
            async with trio.lowlevel.FdStream(0) as commands:
                async for _ in commands:
                    pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(stay_with_supervisor)
        teller.tell(Kind.READY, number=listeners[0].socket.getsockname()[1])
        await rpc.serve(listeners, drain_seconds=DRAIN_SECONDS)
        nursery.cancel_scope.cancel()


@click.command()
@click.argument("setting", type=click.Path(path_type=Path, exists=True))
def main(setting: Path) -> None:
    """Serve as the SETTING says, a file that the supervisor has written."""
    logging.basicConfig(level=logging.WARNING)
    work = Setting.load(setting)
    teller = Teller(work.source, 1)
    raise_descriptor_limit()
    directory, state, keyring = (Path(work.directory, name) for name in ("export", "state", "keyring"))
    directory.mkdir(exist_ok=True)
    state.mkdir(exist_ok=True)
    store = ContextStore(drop_policy=DropPolicy(every=work.every))
    store.events.append(lambda event: _tell_context(teller, event))
    parts = nfs_server(
        directory,
        state,
        [Security.KRB5P],
        acceptor=kerberos([SERVICE], Path(work.keytab)),
        tickets=TicketServer(Keyring(keyring) if keyring.exists() else Keyring.create(keyring)),
        store=store,
        observer=lambda call: _tell_call(teller, call),
    )
    with parts as server:
        trio.run(serve, server.rpc, work.port, teller)
        teller.tell(Kind.COUNTED, text=json.dumps(asdict(store.counters)))
        teller.tell(Kind.FINISHED)


def _tell_context(teller: Teller, event: StoreEvent) -> None:
    teller.tell(Kind(event.kind.value), handle=event.context.handle)


def _tell_call(teller: Teller, call: Call) -> None:
    assert isinstance(call.identity, GssIdentity)
    teller.tell(Kind.EXECUTED, number=call.xid, text=call.identity.principal)


if __name__ == "__main__":
    main()

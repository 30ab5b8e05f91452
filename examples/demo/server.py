"""The demo's NFS server, a process of its own: the server of `examples.nfs`, which tells of its contexts and calls.

It has as many workers as it is told to, which share the port, the state and the keyring, and have contexts of their
own. It drops the context of every so many calls on purpose. When its standard input ends, the demo is gone, and it ends
too; SIGTERM ends it after what runs has been answered.
"""

import json
import logging
import os
import signal
import sys
from contextlib import closing
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Final

import click
import trio

from examples.demo.events import Kind, Teller
from examples.nfs.admission import Security
from examples.nfs.operation import WriteVerifier
from examples.nfs.running import kerberos, nfs_server, raise_descriptor_limit
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.store import ContextStore, DropPolicy, StoreEvent
from rpcgss.reauth.place import open_keyring
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import Call, SqliteReplyCache, stopping_on_signals
from rpcgss.workers import Addresses, run_workers
from transport import Listener

SERVICE: Final = "nfs@localhost"
DRAIN_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Setting:
    """What a server is to do: its name in the events, its port (0: any), how often it drops contexts, where its files
    are, its keytab, the place of its keyring, and how many workers it has."""

    source: str
    port: int
    every: int
    directory: str
    keytab: str
    keyring: str
    workers: int

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(astuple(self)))

    @classmethod
    def load(cls, path: Path) -> "Setting":
        return cls(*json.loads(path.read_text()))


class Work:
    """What the workers have in common: made before they are."""

    def __init__(self, setting: Setting) -> None:
        self.setting: Final = setting
        self.supervisor: Final = os.getpid()
        self.verifier: Final = WriteVerifier()
        self.directory, self.state = (Path(setting.directory, name) for name in ("export", "state"))
        self.directory.mkdir(exist_ok=True)
        self.state.mkdir(exist_ok=True)

    async def serve(self, listeners: list[Listener], number: int) -> None:
        """A worker's life."""
        teller = Teller(f"{self.setting.source}, worker {number + 1}", 1)
        store = ContextStore(drop_policy=DropPolicy(every=self.setting.every))
        store.events.append(lambda event: _tell_context(teller, event))
        with closing(open_keyring(self.setting.keyring)) as keyring, closing(self._replies()) as replies:
            parts = nfs_server(
                self.directory,
                self.state,
                [Security.KRB5P],
                acceptor=kerberos([SERVICE], Path(self.setting.keytab)),
                tickets=TicketServer(keyring),
                store=store,
                observer=lambda call: _tell_call(teller, call),
                verifier=self.verifier,
                replies=replies,
            )
            with parts as server:
                async with stopping_on_signals(server.rpc), trio.open_nursery() as nursery:
                    nursery.start_soon(self._stay_with_demo)
                    await server.rpc.serve(listeners, drain_seconds=DRAIN_SECONDS)
                    nursery.cancel_scope.cancel()
                teller.tell(Kind.COUNTED, text=json.dumps(asdict(store.counters)))
                teller.tell(Kind.FINISHED)

    def _replies(self) -> SqliteReplyCache:
        return SqliteReplyCache(self.state / "replies.sqlite", resume=True)

    async def _stay_with_demo(self) -> None:
        async with trio.lowlevel.FdStream(os.dup(0)) as commands:
            async for _ in commands:
                pass
        if os.getppid() == self.supervisor:  # who supervises this one waits for signals and for nothing else
            os.kill(self.supervisor, signal.SIGTERM)


@click.command()
@click.argument("setting", type=click.Path(path_type=Path, exists=True))
def main(setting: Path) -> None:
    """Serve as the SETTING says, a file that the demo has written."""
    logging.basicConfig(level=logging.WARNING)
    work = Setting.load(setting)
    common = Work(work)
    teller = Teller(work.source, 1)
    raise_descriptor_limit()

    def bound(addresses: Addresses) -> None:
        teller.tell(Kind.READY, number=int(addresses[0][1]))

    status = run_workers(
        work.workers,
        common.serve,
        tcp=(work.port, "127.0.0.1"),
        bound=bound,
        ended=lambda _: common.verifier.renew(),
        drain_seconds=DRAIN_SECONDS + GRACE_SECONDS,
    )
    sys.exit(status)


def _tell_context(teller: Teller, event: StoreEvent) -> None:
    teller.tell(Kind(event.kind.value), handle=event.context.handle)


def _tell_call(teller: Teller, call: Call) -> None:
    assert isinstance(call.identity, GssIdentity)
    teller.tell(Kind.EXECUTED, number=call.xid, text=call.identity.principal)


if __name__ == "__main__":
    main()

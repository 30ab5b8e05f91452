"""What happens on the stage: the act with tickets, and the one without.

The moment of the kill is chosen, not made: the server is stopped (SIGSTOP) when a client has just sent a re-
authentication request, and if its answer has not come a moment later, when nothing can be answered any more, the
server gets SIGKILL. Else it goes on, and the next request gets its chance.
"""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import trio

from examples.demo.accounting import Books, keep_books
from examples.demo.client import Plan
from examples.demo.events import Event, Kind
from examples.demo.server import Setting
from examples.demo.stage import Child, Stage
from examples.demo.tree import SourceFile, digest, shares
from examples.etcd import Member
from examples.realm import Realm
from rpcgss.reauth.place import create_keyring
from rpcgss.reauth.sealing import create_sealing_key

CALLS_PER_FILE: Final = 6
CALLS_PER_OCTET: Final = 2 / (128 * 1024)
SPARE_LOSSES: Final = 1.4
KDC_GOES_AT: Final = 0.55
KILL_AT: Final = 0.65
HOLD_SECONDS: Final = 0.05
WITHOUT_KDC_GOES_AT: Final = 0.4
SERVICE: Final = "localhost"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How large the demo is."""

    octets: int = 50_000_000
    octets_without: int = 5_000_000
    clients: int = 4
    losses: int = 200
    workers: int = 1
    etcd: bool = False


@dataclass(slots=True)
class Act:
    """What came of an act. Moments are seconds of the monotonic clock; None: it did not happen."""

    title: str
    clients: Sequence[str]
    files: int
    octets: int
    events: Sequence[Event] = ()
    began: float = 0.0
    ended: float = 0.0
    kdc_stopped: float | None = None
    killed: float | None = None
    restarted: float | None = None
    copied_in: float | None = None
    unequal: list[str] = field(default_factory=list)

    @property
    def books(self) -> Books:
        return keep_books(self.events, self.clients, self.killed)


class Performance:
    """An act under way: the realm, the stage, and the server's and clients' processes."""

    def __init__(self, act: Act, realm: Realm, stage: Stage, say: Say, directory: Path, workers: int) -> None:
        self.act = act
        self.say = say
        self.directory = directory
        self._workers = workers
        self._realm = realm
        self._stage = stage
        self._first_event = len(stage.events)
        self._servers: list[Child] = []
        self._clients: list[Child] = []
        self._moved: dict[str, int] = {}
        self._asking: set[str] = set()
        directory.mkdir()
        stage.listeners.append(self._hear)

    # processes

    async def start_server(self, every: int, keyring: str, port: int = 0) -> int:
        """Start the server, for the first time or again; returns its port."""
        name = f"{self.act.title} server {len(self._servers) + 1}"
        path = self.directory / f"{name}.json"
        keytab = str(self._realm.service_keytab)
        Setting(name, port, every, str(self.directory), keytab, keyring, self._workers).save(path)
        server = await self._stage.start(name, ["examples.demo.server", str(path)])
        self._servers.append(server)
        await self._stage.until(lambda: bool(self._stage.told(name, Kind.READY)), of=[server])
        return self._stage.told(name, Kind.READY)[0].number

    async def start_clients(self, port: int, parts: Sequence[Sequence[SourceFile]], *, tickets: bool) -> None:
        """Start the clients and wait until each has its context."""
        for index, name in enumerate(self.act.clients):
            principal = self._realm.add_principal(name.replace(" ", "-"))
            await trio.to_thread.run_sync(self._realm.kinit, principal, self._ccache(name))
            back = parts[(index + 1) % len(parts)]
            plan = Plan(
                name,
                f"nfs://{SERVICE}:{port}/",
                tickets,
                [(str(file.source), file.name) for file in parts[index]],
                [(str(self.directory / "out" / file.name), file.name) for file in back],
            )
            path = self.directory / f"{name}.json"
            plan.save(path)
            environment = {"KRB5CCNAME": f"FILE:{self._ccache(name)}"}
            self._clients.append(await self._stage.start(name, ["examples.demo.client", str(path)], environment))
        await self.until(lambda: all(self._stage.told(client.name, Kind.READY) for client in self._clients))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, while all clients and the server live."""
        await self._stage.until(condition, of=[*self._clients, *self._servers[-1:]])

    async def until_moved(self, part: float) -> None:
        """Wait until that part of the way in has been gone."""
        await self.until(lambda: sum(self._moved.values()) >= part * self.act.octets)

    async def until_copied(self, passes: int) -> None:
        await self.until(lambda: self._have_copied(passes))

    def _have_copied(self, passes: int) -> bool:
        return all(len(self._stage.told(client.name, Kind.FINISHED)) >= passes for client in self._clients)

    async def all_clients_ended(self) -> None:
        for client in self._clients:
            await client.ended.wait()

    async def go_ahead(self) -> None:
        """Let the clients begin with the way in; the second time with the way back."""
        for client in self._clients:
            await client.say("go")

    async def stop_server(self) -> None:
        self._servers[-1].signal(signal.SIGTERM)
        await self._servers[-1].ended.wait()

    # blows

    async def stop_kdc_and_destroy_credentials(self) -> None:
        await trio.to_thread.run_sync(self._realm.stop_kdc)
        for name in self.act.clients:
            self._ccache(name).unlink()
        self.act.kdc_stopped = time.monotonic()

    async def kill_server(self) -> None:
        """SIGKILL at a moment when a re-authentication is in flight, or when all is copied and none will come."""
        server = self._servers[-1]
        while True:
            await self.until(lambda: bool(self._asking) or self._have_copied(1))
            server.signal(signal.SIGSTOP)
            await trio.sleep(HOLD_SECONDS)
            if self._asking or self._have_copied(1):
                break
            server.signal(signal.SIGCONT)
        self.act.killed = time.monotonic()
        server.signal(signal.SIGKILL)
        await server.ended.wait()

    # afterwards

    async def finish(self, files: Sequence[SourceFile], *, compare: bool) -> None:
        """Close the books, and compare every file with its two copies."""
        self._stage.listeners.remove(self._hear)
        self.act.events = self._stage.events[self._first_event :]
        if compare:
            self.act.unequal = await trio.to_thread.run_sync(self._compare, files)

    def _compare(self, files: Sequence[SourceFile]) -> list[str]:
        return [file.name for file in files if not self._is_equal(file)]

    def _is_equal(self, file: SourceFile) -> bool:
        copies = (self.directory / "export" / file.name, self.directory / "out" / file.name)
        return all(copy.is_file() for copy in copies) and {digest(file.source), *map(digest, copies)} == {
            digest(file.source)
        }

    def _hear(self, event: Event) -> None:
        match event.kind:
            case Kind.MOVED:
                self._moved[event.source] = event.number
            case Kind.ASKING:
                self._asking.add(event.source)
            case Kind.RECOVERED | Kind.ANSWERED_NO | Kind.CUT | Kind.EXCHANGED:
                self._asking.discard(event.source)
            case _:
                pass

    def _ccache(self, name: str) -> Path:
        return self.directory / f"{name.replace(' ', '-')}.ccache"


async def with_tickets(
    realm: Realm, stage: Stage, etcd: Member | None, files: Sequence[SourceFile], settings: Settings, say: Say
) -> Act:
    """The main act. `etcd` is where the keyring is; None: in a file."""
    octets = sum(file.size for file in files)
    act = Act("tickets", [f"client {number + 1}" for number in range(settings.clients)], len(files), octets)
    every = _drop_every(len(files), octets, settings.losses)
    play = Performance(act, realm, stage, say, realm.directory / "tickets", settings.workers)
    keyring = await trio.to_thread.run_sync(_new_keyring, play.directory, etcd)
    port = await play.start_server(every, keyring)
    processes = f", {settings.workers} workers" if settings.workers > 1 else ""
    where = ", its keyring in etcd" if etcd is not None else ""
    say(f"NFS server on port {port}{processes}{where}; it drops the context of every {every}th call")
    await play.start_clients(port, shares(files, settings.clients), tickets=True)
    act.began = time.monotonic()
    await play.go_ahead()
    say(f"{settings.clients} clients copy {len(files)} files, {octets / 1e6:.0f} MB, to it under krb5p")
    await play.until_moved(KDC_GOES_AT)
    await play.stop_kdc_and_destroy_credentials()
    say("the KDC is stopped, the clients' credential caches are destroyed; copying goes on")
    await play.until_moved(KILL_AT)
    await play.kill_server()
    say("the server is killed (SIGKILL), with a re-authentication on its way")
    await play.start_server(every, keyring, port)
    act.restarted = time.monotonic()
    say("the server is started again; it has its keyring and no context")
    await play.until_copied(1)
    act.copied_in = time.monotonic()
    say("all files are on the server; now back, each to another client")
    await play.go_ahead()
    await play.until_copied(2)
    await play.all_clients_ended()
    act.ended = time.monotonic()
    await play.stop_server()
    say(f"all files are back after {act.ended - act.began:.0f} s; comparing SHA-256 of {len(files)} files")
    await play.finish(files, compare=True)
    return act


async def without_tickets(realm: Realm, stage: Stage, files: Sequence[SourceFile], settings: Settings, say: Say) -> Act:
    """The same with tickets off: each loss costs a full exchange, and once the KDC is gone the copies fail."""
    octets = sum(file.size for file in files)
    clients = [f"plain client {number + 1}" for number in range(settings.clients)]
    act = Act("plain", clients, len(files), octets)
    if not realm.kdc_running:
        await trio.to_thread.run_sync(realm.start_kdc)
    play = Performance(act, realm, stage, say, realm.directory / "plain", settings.workers)
    keyring = await trio.to_thread.run_sync(_new_keyring, play.directory, None)
    every = _drop_every(len(files), octets, 20 * settings.clients)
    port = await play.start_server(every, keyring)
    await play.start_clients(port, shares(files, settings.clients), tickets=False)
    act.began = time.monotonic()
    await play.go_ahead()
    say(f"once more without tickets: the KDC runs again, {octets / 1e6:.0f} MB")
    await play.until_moved(WITHOUT_KDC_GOES_AT)
    await play.stop_kdc_and_destroy_credentials()
    say("the KDC is stopped, the credential caches are destroyed")
    await play.go_ahead()  # back too, for whoever has not met a loss on the way in
    await play.all_clients_ended()
    act.ended = time.monotonic()
    await play.stop_server()
    await play.finish(files, compare=False)
    return act


def _new_keyring(directory: Path, etcd: Member | None) -> str:
    """The place of a keyring just made."""
    place = str(directory / "keyring")
    if etcd is not None:
        create_sealing_key(directory / "sealing-key")
        place = f"etcd+{etcd.url}/demo?sealing-key={quote(str(directory / 'sealing-key'))}"
    create_keyring(place).close()
    return place


def _drop_every(files: int, octets: int, losses: int) -> int:
    """How many calls per loss there may be to have so many losses, and some to spare."""
    calls = files * CALLS_PER_FILE + octets * CALLS_PER_OCTET
    return max(4, int(calls / (losses * SPARE_LOSSES)))

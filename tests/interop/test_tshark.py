"""tshark, which has dissectors of its own for all of it, looks at NFS between our client and our server."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
import trio

import xdr
from examples.nfs.admission import Security
from examples.nfs.client import NfsClient
from examples.nfs.copy import Copier, Observer
from examples.nfs.nfs3_xdr import NFS_V3
from examples.nfs.running import NfsServer, kerberos, nfs_server
from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import GssService
from rpcgss.gss.server import SEQ_WINDOW
from rpcgss.gss.store import ContextStore, DropPolicy
from rpcgss.reauth.aead import SUITES
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.keylog import KeyLog
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.reauth_xdr import FRA1
from rpcgss.reauth.server import TicketServer
from rpcgss.rpc import AuthSys, Client, ClientFlavor, open_client
from tests.interop.tirpc import SERVICES, TARGET
from tests.interop.tshark import Dissection, recording
from transport import Record, StreamChannel, listen_tcp

pytestmark = pytest.mark.peers

A = TypeVar("A")
R = TypeVar("R")
FILES = {f"a file of {size} octets": bytes(size) for size in (0, 1, 3, 1000, 70_000, 400_000)}


@dataclass
class Counts:
    """What passes our own client."""

    sent: int = 0
    received: int = 0
    procedures: Counter[str] = field(default_factory=Counter)


class CountingChannel(StreamChannel):
    def __init__(self, stream: trio.abc.Stream, counts: Counts) -> None:
        super().__init__(stream)
        self._counts = counts

    async def send(self, value: Record) -> None:
        self._counts.sent += 1
        await super().send(value)

    async def receive(self) -> bytes:
        record = bytes(await super().receive())
        self._counts.received += 1
        return record


@dataclass(frozen=True, slots=True)
class Run:
    """What was recorded, and what we know of it."""

    seen: Dissection
    counts: Counts


async def record(path: Path, keytab: Path, server: NfsServer, flavor: ClientFlavor) -> Run:
    """A client copies `FILES` to the server."""
    source, counts = path / "source", Counts()
    source.mkdir()
    for name, data in FILES.items():
        (source / name).write_bytes(data)
    listeners = await listen_tcp(0, "127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with recording(path / "pcapng", port):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.rpc.serve, listeners)

            async def connect() -> CountingChannel:
                return CountingChannel(await trio.open_tcp_stream("127.0.0.1", port), counts)

            async with open_client(connect, flavor, timeout=30) as client:
                await work(client, source, counts)
            nursery.cancel_scope.cancel()
    return Run(Dissection(path / "pcapng", port, keytab), counts)


async def work(client: Client, source: Path, counts: Counts) -> None:
    async def call(procedure: xdr.Procedure[A, R], argument: A, /) -> R:
        if procedure.program == NFS_V3.PROGRAM:
            counts.procedures[str(procedure.number)] += 1
        return await client.call(procedure, argument)

    nfs = NfsClient(call)
    (export,) = await nfs.exports()
    root = await nfs.mount(export)
    await Copier(nfs, await nfs.limits(root), Observer()).put_tree(source, root)
    assert {entry.name for entry in await nfs.entries(root)} == set(FILES)


@contextmanager
def nfs(realm: Realm, directory: Path, tickets: TicketServer | None = None, every: int = 0) -> Iterator[NfsServer]:
    """Our server, which loses contexts if told to."""
    for name in ("export", "state"):
        (directory / name).mkdir()
    store = ContextStore(drop_policy=DropPolicy(every=every))
    acceptor = kerberos([TARGET], realm.service_keytab)
    with nfs_server(
        directory / "export", directory / "state", list(Security), acceptor=acceptor, tickets=tickets, store=store
    ) as server:
        yield server


IN_NFS = "nfs && nfs.procedure_v3 != 0"
"""INIT goes to MOUNT here, DESTROY to NFS's NULL."""

MALFORMED = "_ws.malformed"
OCTETS_OF_A_PROOF = 32


def agrees(run: Run) -> None:
    """Every message was seen, and is a call or the reply to one."""
    seen, counts = run.seen, run.counts
    assert seen.counts("rpc.msgtyp") == {"0": counts.sent, "1": counts.received}
    assert counts.sent == counts.received


@pytest.mark.parametrize("security", ["sys", *SERVICES])
async def test_nothing_is_malformed(realm: Realm, tmp_path: Path, security: str) -> None:
    flavor = AuthSys() if security == "sys" else GssFlavor(TARGET, service=SERVICES[security])
    with nfs(realm, tmp_path) as server:
        run = await record(tmp_path, realm.service_keytab, server, flavor)
    agrees(run)
    seen, counts = run.seen, run.counts
    assert not seen.errors()
    assert not seen.counts("frame.number", where=MALFORMED)
    # Once in the call, once in the reply; results can be read down to their status.
    assert seen.counts("nfs.procedure_v3", where=IN_NFS) == counts.procedures + counts.procedures
    assert seen.counts("nfs.status") == {"0": counts.procedures.total()}
    if security != "sys":
        assert seen.counts("rpc.authgss.window") == {str(SEQ_WINDOW): 1}
        assert seen.counts("rpc.authgss.procedure") == {"0": counts.sent - 2, "1": 1, "3": 1}


async def test_privacy_is_for_those_with_the_keys(realm: Realm, tmp_path: Path) -> None:
    with nfs(realm, tmp_path) as server:
        run = await record(tmp_path, realm.service_keytab, server, GssFlavor(TARGET, service=GssService.PRIVACY))
    names = run.seen.counts("nfs.name")
    assert all(names[name] >= 1 for name in FILES)
    stranger = Dissection(run.seen.path, run.seen.port)
    assert stranger.counts("nfs.procedure_v3") == run.seen.counts("nfs.procedure_v3")
    assert not stranger.counts("nfs.name")
    assert not stranger.counts("frame.number", where=MALFORMED)
    assert not any(name.encode() in run.seen.path.read_bytes() for name in FILES)


@pytest.mark.parametrize("security", SERVICES)
async def test_recoveries_by_ticket(realm: Realm, tmp_path: Path, security: str) -> None:
    """tshark does not know these creation requests. The verifier of a reply to one is a bare MAC, in which it looks for
    a GSS token, and often finds a malformed one; all else, with the tokens of recovered contexts, is in order."""
    tickets = TicketClient()
    flavor = GssFlavor(TARGET, service=SERVICES[security], extension=tickets)
    with nfs(realm, tmp_path, TicketServer(FixedKeys.random()), every=13) as server:
        run = await record(tmp_path, realm.service_keytab, server, flavor)
    agrees(run)
    assert flavor.counters.by_ticket == tickets.counters.attempts > 1
    procedures = run.seen.counts("rpc.authgss.procedure")
    assert procedures[str(FRA1)] == flavor.counters.by_ticket
    assert run.seen.counts("frame.number", where=MALFORMED).total() <= flavor.counters.by_ticket
    elsewhere = f"{MALFORMED} && !(rpc.authgss.token_length == {OCTETS_OF_A_PROOF})"
    assert not run.seen.counts("frame.number", where=elsewhere)


# Our own dissector beside it


async def record_with_keys(
    realm: Realm, directory: Path, security: str, suite: int, *, share: bool = True
) -> tuple[Run, GssFlavor, TicketServer, Path]:
    key_log = directory / "keys"
    tickets = TicketServer(FixedKeys.random(), suites=[suite], key_log=KeyLog(key_log))
    flavor = GssFlavor(TARGET, service=SERVICES[security], extension=TicketClient(share=share))
    with nfs(realm, directory, tickets, every=13) as server:
        run = await record(directory, realm.service_keytab, server, flavor)
    return run, flavor, tickets, key_log


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("security", SERVICES)
async def test_the_dissector_shows_and_opens_reauthentication(
    realm: Realm, tmp_path: Path, security: str, suite: int
) -> None:
    run, flavor, tickets, key_log = await record_with_keys(realm, tmp_path, security, suite)
    seen = run.seen.with_script(key_log)
    messages = seen.counts("fra1.message", where="fra1")
    recoveries = flavor.counters.by_ticket
    assert (messages["offer"], messages["grant"]) == (1, tickets.counters.granted)
    assert messages["request"] == messages["reply"] == recoveries > 1
    assert seen.counts("fra1.suite", where="fra1") == {str(suite): recoveries}
    assert len(seen.counts("fra1.handle", where="fra1")) == recoveries
    assert not seen.counts("frame.number", where="fra1.malformed || fra1.wrong")
    calls, replies = (messages[f"{what} under a re-authenticated context"] for what in ("call", "reply"))
    mics = seen.counts("fra1.mic", where="fra1")
    assert mics["MIC of the header: correct"] == calls > 0
    assert mics["MIC of the sequence number: correct"] + recoveries >= replies > 0
    assert not any("WRONG" in mic or "missing" in mic for mic in mics)
    opened = "MIC of the body: correct" if security == "krb5i" else "wrap token: correct"
    assert bool(mics[opened]) == (security != "krb5")
    plain = seen.counts("fra1.plaintext", where="fra1")
    found = sum(name.encode().hex() in text.replace(":", "") for name in FILES for text in plain)
    assert bool(found) == (security != "krb5")


async def test_without_the_keys_the_dissector_opens_nothing(realm: Realm, tmp_path: Path) -> None:
    run, flavor, _, _ = await record_with_keys(realm, tmp_path, "krb5p", SUITES[0], share=False)
    seen = run.seen.with_script()
    assert seen.counts("fra1.message", where="fra1")["request"] == flavor.counters.by_ticket
    assert not seen.counts("fra1.plaintext", where="fra1")
    assert not seen.counts("fra1.client_share", where="fra1")


async def test_with_the_wrong_keys_the_dissector_says_so(realm: Realm, tmp_path: Path) -> None:
    run, _, _, key_log = await record_with_keys(realm, tmp_path, "krb5p", SUITES[0])
    lines = [line.split() for line in key_log.read_text().splitlines()]
    key_log.write_text("".join(f"{' '.join(words[:3])} {'0' * 64} {words[4]}\n" for words in lines))
    mics = run.seen.with_script(key_log).counts("fra1.mic", where="fra1")
    assert mics["MIC of the header: WRONG"] > 0
    assert mics["MIC of the header: correct"] == 0
    assert mics["MIC of the sequence number: correct"] > 0

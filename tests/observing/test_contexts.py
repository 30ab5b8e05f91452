"""Contexts, tickets and recoveries, as an observer sees them, against a real KDC."""

from functools import partial
from pathlib import Path

import trio
from prometheus_client.parser import text_string_to_metric_families

import rpcgss
from examples.realm import Realm
from rpcgss import prometheus
from rpcgss.metrics import ContextKey, Metrics
from tests.rpc.program import ECHO, PROGRAM, VERSION, Program
from transport import open_tcp


async def test_recoveries(realm: Realm, tmp_path: Path) -> None:
    at_server, at_client = Metrics(), Metrics()
    flavor = rpcgss.GssServerFlavor(
        rpcgss.GssapiAcceptor(["nfs@localhost"], realm.service_keytab),
        store=rpcgss.ContextStore(drop_policy=rpcgss.DropPolicy(every=4)),
        extension=rpcgss.TicketServer(rpcgss.Keyring.create(tmp_path / "keyring")),
    )
    server = rpcgss.Server([Program()], [flavor], observer=at_server)
    (listener,) = await rpcgss.listen_tcp(0, "127.0.0.1")
    connect = partial(open_tcp, "127.0.0.1", listener.socket.getsockname()[1])
    mine = rpcgss.GssFlavor("nfs@localhost", extension=rpcgss.TicketClient())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve, [listener])
        async with rpcgss.open_client(connect, mine, observer=at_client) as client:
            for _ in range(9):
                await client.call(ECHO, b"x")
            assert at_server.snapshot().live_contexts == 1
        server.stop()
    here, there = at_client.snapshot(), at_server.snapshot()
    by_exchange, by_ticket = ContextKey("established", "exchange"), ContextKey("recovered", "ticket")
    assert {key: seconds.count for key, seconds in here.contexts.items()} == {by_exchange: 1, by_ticket: 2}
    assert here.counters["gss_client"]["lost"] == here.counters["tickets_client"]["recovered"] == 2
    assert there.counters["tickets"]["reauthenticated"] == there.counters["contexts"]["dropped"] == 2
    assert there.live_contexts == 0
    seen = {(key.procedure, key.flavor, key.outcome): totals.seconds.count for key, totals in there.calls.items()}
    assert seen["ECHO", "krb5p", "ok"] == 9
    assert seen["ECHO", "gss", "RPCSEC_GSS_CREDPROBLEM"] == 2
    assert seen["control", "gss", "ok"] >= 1 + 2 + 1  # INIT, two tickets, DESTROY
    ((_, echoes),) = here.calls.items()
    assert (echoes.seconds.count, echoes.retransmissions) == (9, 2)
    families = {family.name: family for family in text_string_to_metric_families(prometheus.text(at_server))}
    assert families["rpcgss_tickets_reauthenticated"].samples[0].value == 2
    assert not families["rpcgss_tickets_refused"].samples
    assert {family.split("_")[0] for family in families} == {"rpcgss"}
    assert str(PROGRAM) in {key.program for key in there.calls}
    assert str(VERSION) in {key.version for key in there.calls}

"""Metrics: what they count, and what strangers cannot make them count."""

import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

import xdr
from rpcgss import prometheus
from rpcgss.metrics import CallKey, ContextKey, Metrics
from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    AuthNone,
    AuthRefused,
    AuthSys,
    Client,
    End,
    ObservedCall,
    RpcError,
    Server,
    ServerFault,
    Source,
    open_client,
)
from rpcgss.rpc.link import ClientCounters
from tests.rpc.network import Network
from tests.rpc.program import ECHO, FAIL, HOLD, NULL, PROGRAM, VERSION, Program


@asynccontextmanager
async def one_client(metrics: Metrics, program: Program | None = None, **more: Metrics) -> AsyncIterator[Client]:
    server = Server([program or Program()], [AcceptNone(), AcceptSys()], observer=metrics)
    async with trio.open_nursery() as nursery:
        network = Network(nursery, server)
        async with open_client(network.connect, AuthNone(), timeout=5, **more) as client:  # type: ignore[arg-type]
            yield client
        nursery.cancel_scope.cancel()


def key(end: End, procedure: str, outcome: str = "ok", flavor: str = "none") -> CallKey:
    return CallKey(end.value, str(PROGRAM), str(VERSION), procedure, flavor, outcome)


async def test_calls_of_both_ends(autojump_clock: trio.testing.MockClock) -> None:
    metrics = Metrics()
    async with one_client(metrics, observer=metrics) as client:
        for octets in (4, 8):
            await client.call(ECHO, bytes(octets))
        with pytest.raises(ServerFault):
            await client.call(FAIL, None)
        now = metrics.snapshot()
        assert now.connections == {"client": 1, "server": 1}
        assert now.in_progress == {"client": 0, "server": 0}
    for end in End:
        echoes = now.calls[key(end, "ECHO")]
        assert echoes.seconds.count == 2
        assert {echoes.octets_in, echoes.octets_out} == {2 * (40 + 4) + 12, 2 * (24 + 4) + 12}
        assert now.calls[key(end, "FAIL", "SYSTEM_ERR")].seconds.count == 1
    assert len(now.calls) == 4
    assert now.counters["server"]["calls"] == now.counters["client"]["calls"] == 3
    after = metrics.snapshot()
    assert after.connections == {"client": 0, "server": 0}
    assert after.connection_events["client", "closed"] == 1


async def test_latencies_fall_into_classes(autojump_clock: trio.testing.MockClock) -> None:
    metrics, program = Metrics(bounds=(1.0, 2.0)), Program()
    async with one_client(metrics, program) as client, trio.open_nursery() as nursery:
        for delay in (0.5, 1.0, 0.25, 2.25):
            nursery.start_soon(client.call, HOLD, b"")
            await trio.testing.wait_all_tasks_blocked()
            assert metrics.snapshot().in_progress["server"] == 1
            await trio.sleep(delay)
            program.gate.set()
            await trio.testing.wait_all_tasks_blocked()
            program.gate = trio.Event()
    seconds = metrics.snapshot().calls[key(End.SERVER, "HOLD")].seconds
    assert seconds.counts == [3, 0, 1]
    assert seconds.sum == pytest.approx(4.0)


@pytest.mark.parametrize("bounds", [(), (2.0, 1.0), (1.0, 1.0)])
def test_bounds_must_rise(bounds: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rise"):
        Metrics(bounds=bounds)


async def test_strangers_cannot_make_series(autojump_clock: trio.testing.MockClock) -> None:
    metrics = Metrics()
    async with one_client(metrics) as client:
        for number in range(300):
            for numbers in ((number, 1, 0), (PROGRAM, 10 + number, 0), (PROGRAM, VERSION, 1000 + number)):
                with pytest.raises(RpcError):
                    await client.call(xdr.Procedure(*numbers, "NULL", xdr.VOID, xdr.VOID), None)
    calls = metrics.snapshot().calls
    assert {one.program for one in calls} <= {"other", str(PROGRAM)}
    assert len(calls) <= 4
    assert sum(totals.seconds.count for totals in calls.values()) == 900


def ended(number: int) -> ObservedCall:
    return ObservedCall(End.CLIENT, "", number, 1, 0, "none", 0.0, procedure="NULL", outcome="ok")


def test_own_series_are_bounded_too() -> None:
    metrics = Metrics(max_series=10)
    for number in range(1000):
        metrics.call_ended(ended(number))
    calls = metrics.snapshot().calls
    assert len(calls) == 11
    assert calls[CallKey("client", *["other"] * 5)].seconds.count == 990


async def test_denied_calls_keep_their_names(autojump_clock: trio.testing.MockClock) -> None:
    metrics = Metrics()
    async with trio.open_nursery() as nursery:
        network = Network(nursery, Server([Program()], [AcceptSys()], observer=metrics))
        async with open_client(network.connect, AuthNone()) as client:
            with pytest.raises(AuthRefused):
                await client.call(NULL, None)
            await client.call(NULL, None, flavor=AuthSys())
        nursery.cancel_scope.cancel()
    assert list(metrics.snapshot().calls) == [
        key(End.SERVER, "NULL", "AUTH_REJECTEDCRED"),
        key(End.SERVER, "NULL", flavor="sys"),
    ]


def test_counters_of_what_is_gone_stay() -> None:
    metrics = Metrics()
    for calls in (1, 2, 3):
        source = Source("client", ClientCounters(calls=calls))
        metrics.attached(source)
        metrics.attached(source)
        assert metrics.snapshot().counters["client"]["calls"] == sum(range(calls + 1))
        metrics.detached(source)
        metrics.detached(source)
    assert metrics.snapshot().counters["client"]["calls"] == 6


async def test_a_snapshot_is_a_copy(autojump_clock: trio.testing.MockClock) -> None:
    metrics = Metrics()
    async with one_client(metrics) as client:
        await client.call(NULL, None)
        first = metrics.snapshot()
        before = json.dumps(first.plain())
        await client.call(NULL, None)
        assert json.dumps(first.plain()) == before
        assert metrics.snapshot().calls[key(End.SERVER, "NULL")].seconds.count == 2


def samples(page: str) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


async def test_the_page_for_prometheus(autojump_clock: trio.testing.MockClock) -> None:
    metrics = Metrics(bounds=(0.5, 1.0))
    async with one_client(metrics, observer=metrics) as client:
        await client.call(ECHO, b"1234")
        with pytest.raises(ServerFault):
            await client.call(FAIL, None)
        found = samples(prometheus.text(metrics))
    labels = {"program": str(PROGRAM), "version": str(VERSION), "procedure": "ECHO", "flavor": "none", "outcome": "ok"}
    for end in ("server", "client"):
        counts = [sample for sample in found[f"rpcgss_{end}_call_seconds_count"] if sample.labels == labels]
        assert [sample.value for sample in counts] == [1]
        buckets = [
            (sample.labels["le"], sample.value)
            for sample in found[f"rpcgss_{end}_call_seconds_bucket"]
            if sample.labels["procedure"] == "ECHO"
        ]
        assert buckets == [("0.5", 1), ("1.0", 1), ("+Inf", 1)] or buckets == [("0.5", 1), ("1", 1), ("+Inf", 1)]
        assert {sample.labels["outcome"] for sample in found[f"rpcgss_{end}_call_seconds_count"]} == {
            "ok",
            "SYSTEM_ERR",
        }
    assert [sample.value for sample in found["rpcgss_server_calls_total"]] == [2]
    assert {(s.labels["end"], s.value) for s in found["rpcgss_connections"]} == {("client", 1), ("server", 1)}
    assert sum(s.value for s in found["rpcgss_server_received_bytes_total"]) == 40 + 8 + 40
    assert sum(s.value for s in found["rpcgss_client_retransmissions_total"]) == 0


def test_serving_the_page() -> None:
    metrics = Metrics()
    metrics.call_ended(ended(7))
    with prometheus.serve(metrics, 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            page = answer.read().decode()
        assert samples(page)["rpcgss_client_call_seconds_count"][0].labels["program"] == "7"
        with pytest.raises(OSError, match="in use"), prometheus.serve(metrics, port):
            pass
    assert ContextKey("recovered", "ticket") not in metrics.snapshot().contexts

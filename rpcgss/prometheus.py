"""`Metrics` for Prometheus, by prometheus-client (``pip install rpcgss[metrics]``).

`text` gives the page, `serve` serves it from a thread of its own, and `registry` is for those who have a server of
prometheus-client already. Nothing is registered in prometheus-client's global registry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import Final

try:
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "rpcgss.prometheus needs prometheus-client: pip install 'rpcgss[metrics]'", name=error.name
    ) from error

from rpcgss.metrics import CallKey, Histogram, Metrics, Snapshot
from rpcgss.rpc.observe import End


def text(metrics: Metrics) -> str:
    """The page that Prometheus reads; its type is `prometheus_client.CONTENT_TYPE_LATEST`."""
    return generate_latest(registry(metrics)).decode()


def registry(metrics: Metrics) -> CollectorRegistry:
    """A registry of nothing but `metrics`, read anew for each page."""
    made = CollectorRegistry()
    made.register(_Collected(metrics))
    return made


@contextmanager
def serve(metrics: Metrics, port: int, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve the page at http://host:port/metrics while the block runs; gives the port, which is chosen if it was 0.

    In a thread of its own, so it answers when the event loop is busy. Raises `OSError` if the address is taken.
    """
    server, thread = start_http_server(port, addr=host, registry=registry(metrics))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Collected(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics: Final = metrics

    def collect(self) -> Iterator[Metric]:
        now = self._metrics.snapshot()
        for end in End:
            yield from _calls(now, end.value)
        yield _gauge("connections", "Connections open now.", "end", now.connections)
        yield _gauge("calls_in_progress", "Calls that have begun and not ended.", "end", now.in_progress)
        events = CounterMetricFamily(
            "rpcgss_connection_events", "What happened to connections.", labels=("end", "kind")
        )
        for labels, number in sorted(now.connection_events.items()):
            events.add_metric(labels, number)
        yield events
        yield from _contexts(now)
        yield from _counters(now)


_CALL_LABELS: Final = ("program", "version", "procedure", "flavor", "outcome")


def _calls(now: Snapshot, end: str) -> Iterator[Metric]:
    of = f"rpcgss_{end}"
    seconds = HistogramMetricFamily(f"{of}_call_seconds", f"Latency of calls at the {end}.", labels=_CALL_LABELS)
    counters = {
        name: CounterMetricFamily(f"{of}_{name}", about, labels=_CALL_LABELS)
        for name, about in (
            ("received_bytes", "Octets of RPC messages that came, without record marks."),
            ("sent_bytes", "Octets of RPC messages that were sent, without record marks."),
            ("retransmissions", "Calls sent again."),
            ("repeated_replies", "Calls answered from the reply cache."),
        )
    }
    if end == End.CLIENT.value:
        del counters["repeated_replies"]
    else:
        del counters["retransmissions"]
    for key, totals in sorted(now.calls.items()):
        if key.end != end:
            continue
        labels = _labels(key)
        seconds.add_metric(labels, _buckets(now, totals.seconds), totals.seconds.sum)
        for name, value in (
            ("received_bytes", totals.octets_in),
            ("sent_bytes", totals.octets_out),
            ("retransmissions", totals.retransmissions),
            ("repeated_replies", totals.repeated),
        ):
            if name in counters:
                counters[name].add_metric(labels, value)
    yield seconds
    yield from counters.values()


def _contexts(now: Snapshot) -> Iterator[Metric]:
    about = "How long a client took to get a security context; recovered ones: since the loss was noticed."
    seconds = HistogramMetricFamily("rpcgss_client_context_seconds", about, labels=("kind", "origin"))
    for key, histogram in sorted(now.contexts.items()):
        seconds.add_metric(key, _buckets(now, histogram), histogram.sum)
    yield seconds
    yield GaugeMetricFamily("rpcgss_live_contexts", "Security contexts that servers hold now.", now.live_contexts)


def _counters(now: Snapshot) -> Iterator[Metric]:
    """The totals that servers, clients, flavors, stores and tickets keep themselves."""
    for source, totals in sorted(now.counters.items()):
        for name, value in totals.items():
            metric, about = f"rpcgss_{source}_{name}", f"Total of {name.replace('_', ' ')} ({source})."
            if isinstance(value, int):
                yield CounterMetricFamily(metric, about, value=value)
            else:
                family = CounterMetricFamily(metric, about, labels=("reason",))
                for reason, number in sorted(value.items()):
                    family.add_metric((reason,), number)
                yield family


def _gauge(name: str, about: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"rpcgss_{name}", about, labels=(label,))
    for value, number in values.items():
        family.add_metric((value,), number)
    return family


def _labels(key: CallKey) -> tuple[str, ...]:
    return key[1:]


def _buckets(now: Snapshot, histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus wants them cumulative."""
    bounds = [*(f"{bound:g}" for bound in now.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))

"""What the measurements of re-authentication found, as tables."""

import secrets
import time
import tracemalloc
from dataclasses import dataclass
from typing import Any, Final

from bench import processing
from bench.document import table
from bench.processing import CACHED, FLAVOR, FRESH, MECHANISM, PLAIN, SHARED, USED
from bench.samples import Samples
from bench.storm import Storm
from rpcgss.gss.provider import KRB5, GssName
from rpcgss.reauth.tickets import Ticket

ROOM: Final = 64  # contexts that the small server has room for
HALF, QUARTER = 0.5, 0.25


@dataclass(slots=True)
class Found:
    """whole -- kind -> (server's CPU, client's CPU, latency) of each round, in seconds
    bulk   -- protection -> octets per second of each round
    memory -- kind of context -> end -> octets"""

    costs: processing.Costs
    whole: dict[str, list[list[float]]]
    bulk: dict[str, list[float]]
    memory: dict[str, dict[str, float]]
    ticket: float
    storms: list[Storm]
    workers: list[Storm]
    crowd: dict[str, Any]
    crowd_size: int


def tables(found: Found) -> str:
    return "\n".join(
        (
            "### Goals\n\n" + goals(found),
            "### The processing alone\n\n" + processing.tables(found.costs),
            "### The whole call\n\n" + _whole(found),
            "### Storms\n\n" + _storms(found.storms),
            "### Two workers against one\n\n" + _storms(found.workers),
            f"### Room for {ROOM} contexts, {found.crowd_size:,} clients\n\n" + _crowd(found.crowd),
            "### Memory\n\n" + _memory(found),
            "### krb5p before and after the upgrade at once\n\n" + _bulk(found),
        )
    )


def goals(found: Found) -> str:
    """What a context by ticket costs, as part of one by krb5 exchange with a cached service ticket."""
    rows = []
    for what, server, client in _parts(found):
        wanted = f"{HALF:.2f} / {QUARTER:.2f}" if SHARED not in what else ""
        rows.append([what, wanted, f"{server:.2f}", f"{client:.2f}"])
    return table(["recovery by ticket as part of a krb5 exchange", "wanted", "server", "client"], rows)


def _parts(found: Found) -> list[tuple[str, float, float]]:
    parts = [
        (f"processing alone, {layer}: {kind}", *processing.ratios(found.costs, layer, kind))
        for kind in (PLAIN, SHARED)
        for layer in (MECHANISM, FLAVOR)
    ]
    for base in (CACHED, FRESH):
        for kind in (PLAIN, SHARED):
            server, client = _ratios(_medians(found, kind), _medians(found, base))
            parts.append((f"whole call, {base}: {kind}", server, client))
    used = _medians(found, USED)
    for kind in (PLAIN, SHARED):
        above = [[one - call for one, call in zip(_medians(found, each), used, strict=True)] for each in (kind, CACHED)]
        server, client = _ratios(*above)
        parts.append((f"what it adds to a call, {CACHED}: {kind}", server, client))
    return parts


def _ratios(ticket: list[float], full: list[float]) -> tuple[float, float]:
    """Of the server's CPU and the client's."""
    return ticket[0] / full[0], ticket[1] / full[1]


def _medians(found: Found, kind: str) -> list[float]:
    return [samples.median for samples in _samples(found, kind)]


def _samples(found: Found, kind: str) -> list[Samples]:
    return [Samples(list(values)) for values in zip(*found.whole[kind], strict=True)]


def _whole(found: Found) -> str:
    """Two round trips to the server in either case: the request or INIT, and the call itself."""
    trips = {CACHED: "2", FRESH: "2 and 1 to the KDC", PLAIN: "2", SHARED: "2"}
    rows = [[kind, trips.get(kind, "1"), *(one.shown() for one in _samples(found, kind))] for kind in found.whole]
    return table(["µs: median (least-largest)", "round trips", "server's CPU", "client's CPU", "latency"], rows)


def _storms(storms: list[Storm]) -> str:
    head = ["contexts", "workers", "no server for, s", "half are back, s", "99 %, s", "all, s"]
    head += ["failed calls", "fall-backs", "server's CPU, s", "client's CPU, s"]
    rows = []
    for one in storms:
        seconds = [f"{value:.2f}" for value in (one.down, one.quantile(0.5), one.quantile(0.99), one.ends[-1])]
        server = f"{one.cpu[1]:.1f}" if one.workers == 1 else "-"
        counts = [str(one.failures), str(one.fall_backs)]
        rows.append([f"{one.contexts:,}", str(one.workers), *seconds, *counts, server, f"{one.cpu[0]:.1f}"])
    return table(head, rows)


def _crowd(crowd: dict[str, Any]) -> str:
    rows = [
        ["calls", f"{crowd['calls']:,} in {crowd['seconds']:.0f} s"],
        ["recoveries by ticket", f"{crowd['recovered']:,}"],
        ["failed calls", str(len(crowd["failures"]))],
        ["fall-backs", str(crowd["fall_backs"])],
        ["slowest call, s", f"{crowd['slowest']:.2f}"],
        [
            "server's CPU for a call that has to recover first, µs",
            f"{crowd['cpu'] / max(1, crowd['calls']) * 1e6:,.0f}",
        ],
        ["server's memory, MB", f"{crowd['memory'] / 1e6:.0f}"],
    ]
    return table(["", ""], rows)


def _memory(found: Found) -> str:
    rows = [
        [f"idle krb5p context {kind}", f"{octets['client'] / 1024:.1f}", f"{octets['server'] / 1024:.1f}"]
        for kind, octets in found.memory.items()
    ]
    rows.append(["ticket in a store", f"{found.ticket / 1024:.1f}", "0"])
    return table(["KiB for each", "client", "server"], rows)


def _bulk(found: Found) -> str:
    rows = [[kind, Samples(rates).shown(1e-6)] for kind, rates in found.bulk.items()]
    return table(["ECHO of 256 KiB, 4 in flight, MB/s in each direction", "median (least-largest)"], rows)


def ticket_octets(count: int = 2000) -> float:
    """What a client keeps to recover one context, by tracemalloc: all but the names, which are those of its context."""
    name, expiry = GssName("alice@EXAMPLE.ORG", bytes(40)), time.time()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [
            Ticket(
                name, name, "nfs@localhost", KRB5, 62, 1, secrets.token_bytes(224), secrets.token_bytes(32), expiry + at
            )
            for at in range(count)
        ]
        after, _ = tracemalloc.get_traced_memory()
        return (after - before) / len(kept)
    finally:
        tracemalloc.stop()

"""What recovery by ticket costs, beside a full krb5 exchange: ``make bench-reauth`` writes docs/reauth-performance.md.

Everything runs in a throwaway realm, clients and servers in processes of their own. ``make bench-reauth QUICK=1`` (or
``python -m bench.reauth --quick``) does less of everything, and only prints.
"""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

import rpcgss
from bench import processing, recovery, storm
from bench.document import DOCS, machine, put_figures
from examples.realm import Realm

IN_FLIGHT: Final = 16
DOCUMENT: Final = DOCS / "reauth-performance.md"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    rounds: int
    each: int  # contexts of a kind in a round
    storms: tuple[int, ...]
    held: int
    echo_seconds: float
    crowd: int
    crowd_seconds: float
    storms_of_workers: int


FULL: Final = Extent(7, 150, (100, 1000, 10000), 4000, 1.5, 10000, 20.0, 1500)
QUICK: Final = Extent(3, 50, (100, 500), 400, 0.5, 200, 3.0, 200)


def main() -> None:
    quick = bool(os.environ.get("QUICK")) or sys.argv[1:] == ["--quick"]
    if sys.argv[1:] not in ([], ["--quick"]):
        raise SystemExit("usage: python -m bench.reauth [--quick]")
    began = time.monotonic()
    loads = os.getloadavg()[0]
    with Realm() as realm:
        principal = realm.add_principal("alice")
        with realm.environment():
            found = measure(realm, principal, QUICK if quick else FULL)
    minutes = (time.monotonic() - began) / 60
    figures = (
        f"`make bench-reauth{' QUICK=1' if quick else ''}`, {machine()}; {minutes:.0f} minutes, "
        f"load {loads:.1f} when it began.\n\n{recovery.tables(found)}"
    )
    print(figures)
    if not quick:
        from bench import reauth_plots

        put_figures(DOCUMENT, figures)
        reauth_plots.draw(found, DOCS)
    if not all(one.whole for one in (*found.storms, *found.workers)) or found.crowd["failures"]:
        raise SystemExit("not all contexts came back as they should")


def measure(realm: Realm, principal: str, extent: Extent) -> recovery.Found:
    keyring = realm.directory / "keyring"
    rpcgss.create_keyring(keyring)
    progress("processing")
    costs = trio.run(processing.measure, realm, principal, extent.rounds, extent.each)
    progress("whole calls")
    with storm.Server(keyring) as server:
        cache = realm.kinit(principal)
        whole = storm.ask(
            "whole",
            port=server.port,
            rounds=extent.rounds,
            each=extent.each,
            in_flight=IN_FLIGHT,
            principal=principal,
            cache=str(cache),
        )
        progress("krb5p and its upgrade")
        realm.kinit(principal)
        bulk = storm.ask(
            "bulk",
            port=server.port,
            rounds=3,
            seconds=extent.echo_seconds,
            octets=1 << 18,
            in_flight=4,
            principal=principal,
        )
    progress("memory")
    memory = {
        kind: held(keyring, extent.held, principal, by_ticket=by_ticket)
        for kind, by_ticket in (("by ticket", True), ("by exchange", False))
    }
    progress("storms")
    storms = [storm.storm(keyring, count) for count in extent.storms]
    progress("workers")
    workers = [storm.storm(keyring, extent.storms_of_workers, workers=number) for number in (1, 2, 1, 2)]
    progress("a crowd")
    with storm.Server(keyring, established=recovery.ROOM) as server:
        crowd = storm.ask("crowded", port=server.port, count=extent.crowd, in_flight=64, seconds=extent.crowd_seconds)
    return recovery.Found(costs, whole, bulk, memory, recovery.ticket_octets(), storms, workers, crowd, extent.crowd)


def progress(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def held(keyring: Path, count: int, principal: str, *, by_ticket: bool) -> dict[str, float]:
    """A server of its own: what an earlier one has freed, a later one would have for nothing."""
    with storm.Server(keyring) as server:
        return storm.ask(
            "hold", port=server.port, count=count, service="PRIVACY", by_ticket=by_ticket, principal=principal
        )


if __name__ == "__main__":
    main()

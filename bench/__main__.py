"""How fast rpcgss is, beside libtirpc's C on the same machine: ``make bench`` writes docs/performance.md.

Everything runs in a throwaway realm, by turns, and each figure is the median of several rounds. ``make bench QUICK=1``
has one short round, and only prints.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import trio

from bench import calls, contexts, goals, libnfs, nfs, plots, workers
from bench.document import DOCS, machine, put_figures
from bench.libnfs import PREFIX
from bench.stage import CHECKOUT
from examples.realm import Realm
from tests.interop.tirpc import build

QUICK: Final = bool(os.environ.get("QUICK"))
ROUNDS: Final = 1 if QUICK else 3
MILLISECONDS: Final = 40 if QUICK else 200  # of one round of one figure
WORKERS_ROUNDS: Final = 1 if QUICK else 7  # connections are dealt out anew in each
USER: Final = "alice"


def main() -> None:
    require(CHECKOUT, "rpc/rpc_pack.py")
    require(PREFIX, "include/nfsc/libnfs.h")
    began = time.monotonic()
    shared_memory = Path("/dev/shm")
    place = shared_memory if shared_memory.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as scratch, Realm() as realm:
        programs = Path(scratch)
        principal = realm.principal(USER)
        realm.kinit(realm.add_principal(USER))
        build(programs)
        with realm.environment():
            with lasting("calls"):
                rates = trio.run(calls.measure, programs, principal, ROUNDS, MILLISECONDS)
            with lasting("contexts"):
                made = trio.run(contexts.measure, programs, principal, ROUNDS, 2 * MILLISECONDS, QUICK)
            with lasting("NFS"):
                files = trio.run(nfs.measure, programs, principal, QUICK)
            with lasting("workers"):
                busy = trio.run(workers.measure, programs, WORKERS_ROUNDS, 2 * MILLISECONDS)
    with lasting("NFS beside nfs-ganesha"):
        reading = libnfs.measure(ROUNDS, QUICK)
    minutes = (time.monotonic() - began) / 60
    found = goals.goals(rates, made, busy, reading)
    figures = (
        f"`make bench{' QUICK=1' if QUICK else ''}`, {machine()}; {minutes:.0f} minutes.\n\n"
        f"{goals.shown_as_table(found)}\n{contexts.tables(made)}{workers.tables(busy)}\n"
        f"{nfs.tables(files)}{libnfs.tables(reading)}{calls.tables(rates)}"
    )
    print(figures)
    if not QUICK:
        put_figures(DOCS / "performance.md", figures)
        plots.draw(rates, found, DOCS)


def require(place: str, file: str) -> None:
    """Better now than in the middle of it."""
    if place and not (Path(place) / file).is_file():
        raise SystemExit(f"there is no {file} in {place}: see the beginning of docs/performance.md")


@contextmanager
def lasting(part: str) -> Iterator[None]:
    """Says how long it took."""
    began = time.monotonic()
    yield
    print(f"{part}: {time.monotonic() - began:.0f} seconds", flush=True)


if __name__ == "__main__":
    main()

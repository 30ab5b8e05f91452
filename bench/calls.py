"""Calls: our pair, libtirpc's pair, each with the other, and pynfs's client with libtirpc's server, by turns."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench.document import table
from bench.stage import (
    BLOCKING,
    CHECKOUT,
    MIXED,
    ONE_CORE,
    OURS,
    PAIRS,
    PLACEMENTS,
    PYNFS,
    THEIRS,
    Ends,
    Placement,
    Rate,
    Stage,
    stage,
)

SECURITIES: Final = ("none", "sys", "krb5", "krb5i", "krb5p")
UPGRADED: Final = ("krb5+", "krb5i+", "krb5p+")
MIB: Final = 1 << 20
SIZES: Final = {0: "NULL", 1024: "ECHO 1 KiB", 65536: "ECHO 64 KiB", MIB: "ECHO 1 MiB"}
SMALL: Final = 1024


@dataclass(frozen=True, slots=True)
class Cell:
    """What a rate is of: client, server, placement, security, octets of ECHO (0: NULL), calls in flight."""

    client: str
    server: str
    placement: str
    security: str
    octets: int
    in_flight: int


Rates: TypeAlias = dict[Cell, Rate]


async def measure(programs: Path, principal: str, rounds: int, milliseconds: int) -> Rates:
    """All cells, `rounds` times each."""
    rates: Rates = {}
    for placement in PLACEMENTS:
        ends = (*PAIRS, *MIXED) if placement is ONE_CORE else PAIRS
        async with stage(placement, programs, principal, ends) as made:
            for round_number in range(rounds):
                print(f"calls, {placement.name}, round {round_number + 1} of {rounds}", flush=True)
                for security in (*SECURITIES, *UPGRADED):
                    await _measure(made, placement, security, milliseconds, rates)
    return rates


async def _measure(made: Stage, placement: Placement, security: str, milliseconds: int, rates: Rates) -> None:
    pairs = [pair for pair in made.clients if any(levels(pair, security, octets) for octets in SIZES)]
    answers = {pair: await made.clients[pair].ask(f"open {security}") for pair in pairs}
    for octets in SIZES:
        turns = [(level, pair) for pair in pairs for level in levels(pair, security, octets)]
        for in_flight, (client, server) in sorted(turns, key=lambda turn: turn[0]):
            cell = Cell(client, server, placement.name, security, octets, in_flight)
            rate = rates.setdefault(cell, Rate())
            if answers[client, server] == "ok":
                await rate.measure(made.clients[client, server], f"loop {octets} {in_flight} {milliseconds}")
            elif not rate.samples:
                rate.trouble = answers[client, server]
    for pair in pairs:
        await made.clients[pair].ask("close")


def levels(pair: Ends, security: str, octets: int) -> tuple[int, ...]:
    """How many calls are in flight where it is measured."""
    small, large = octets <= SMALL, octets == MIB
    if pair == (OURS, OURS):
        return (1, 4, 16, 64) if large else (1, 16, 64)
    client, _ = pair
    if security in UPGRADED or (client == BLOCKING and octets):
        return ()
    if client == PYNFS and not small:
        return (1, 4) if large else (1, 16)  # more makes it slower
    if client in (PYNFS, OURS):
        return (1, 16, 64) if small else (1, 16)
    return (1,)  # they wait for each reply


def peer(rates: Rates, cell: Cell) -> Rate:
    """libtirpc's pair at the same; for a context by ticket, at the mechanism's own."""
    return rates[Cell(THEIRS, THEIRS, cell.placement, cell.security.removesuffix("+"), cell.octets, 1)]


def pynfs(rates: Rates, cell: Cell) -> Rate:
    """pynfs's client at the same, with as many in flight up to the cell's as make it fastest."""
    security = cell.security.removesuffix("+")
    same = [
        rate
        for known, rate in rates.items()
        if (known.client, known.security, known.octets) == (PYNFS, security, cell.octets)
        and known.in_flight <= cell.in_flight
    ]
    return max(same, key=lambda rate: (not rate.trouble, rate.median))


def tables(rates: Rates) -> str:
    text = ""
    for placement in PLACEMENTS:
        text += f"\n### Calls, {placement.name}\n\n" + _of_pairs(rates, placement.name)
    text += "\n### Calls, one of the two ends libtirpc's, both on one core\n\n" + _mixed(rates)
    if CHECKOUT:
        text += "\n### Calls beside pynfs's client, all on one core, libtirpc's server but for the last column\n\n"
        text += _beside_pynfs(rates)
    return text


def _of_pairs(rates: Rates, placement: str) -> str:
    rows = []
    for octets, name in SIZES.items():
        for security in (*SECURITIES, *UPGRADED):
            theirs = peer(rates, Cell(OURS, OURS, placement, security, octets, 1))
            cells = _against(rates, (OURS, OURS), placement, security, octets, (1, 4, 16, 64))
            blocking = _against(rates, (BLOCKING, OURS), placement, security, octets, (1,))
            rows.append([f"{name}, {security}", shown(theirs), *cells, *blocking])
    return table(["", "libtirpc, 1", *(f"rpcgss, {level}" for level in (1, 4, 16, 64)), "rpcgss.blocking, 1"], rows)


def _mixed(rates: Rates) -> str:
    rows = []
    for octets, name in SIZES.items():
        for security in SECURITIES:
            ours = _against(rates, (OURS, THEIRS), ONE_CORE.name, security, octets, (1, 16, 64))
            theirs = _against(rates, (THEIRS, OURS), ONE_CORE.name, security, octets, (1,))
            rows.append([f"{name}, {security}", *ours, *theirs])
    return table(["", "our client, 1", "our client, 16", "our client, 64", "our server, 1"], rows)


def _beside_pynfs(rates: Rates) -> str:
    rows = []
    for octets, name in SIZES.items():
        for security in (*SECURITIES, *UPGRADED):
            known = security.removesuffix("+")
            its = _plain(rates, (PYNFS, THEIRS), known, octets, (1, 4, 16, 64))
            cell = Cell(OURS, OURS, ONE_CORE.name, security, octets, 16 if octets > SMALL else 64)
            ours = Cell(OURS, THEIRS, ONE_CORE.name, security, octets, cell.in_flight)
            like = against(rates[ours], pynfs(rates, ours)) if ours in rates else ""
            pair = against(rates[cell], pynfs(rates, cell))
            rows.append([f"{name}, {security}", *its, like, pair])
    head = [f"pynfs, {level}" for level in (1, 4, 16, 64)]
    return table(["", *head, "our client, 64 (16 from 64 KiB on)", "and our server"], rows)


def _plain(rates: Rates, ends: Ends, security: str, octets: int, in_flight: Iterable[int]) -> list[str]:
    """Rates, or nothing where it is not measured."""
    cells = [Cell(*ends, ONE_CORE.name, security, octets, level) for level in in_flight]
    return [shown(rates[cell]) if cell in rates else "" for cell in cells]


def _against(
    rates: Rates, ends: Ends, placement: str, security: str, octets: int, in_flight: Iterable[int]
) -> list[str]:
    """The same, with libtirpc's."""
    cells = [Cell(*ends, placement, security, octets, level) for level in in_flight]
    return [against(rates[cell], peer(rates, cell)) if cell in rates else "" for cell in cells]


def shown(rate: Rate, scale: float = 1) -> str:
    """Calls per second, or whatever it is a rate of."""
    return "fails" if rate.trouble else f"{rate.median * scale:,.0f}"


def against(rate: Rate, theirs: Rate) -> str:
    """The same, and how many times theirs that is."""
    if rate.trouble or theirs.trouble:
        return shown(rate)
    return f"{shown(rate)} ({ratio(rate, theirs)})"


def ratio(rate: Rate, theirs: Rate) -> str:
    times = rate.median / theirs.median
    return f"{times:.2f}x" if times < 10 else f"{times:.0f}x"

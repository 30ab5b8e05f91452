"""Calls: our pair, libtirpc's pair, and each with the other, by turns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench.document import table
from bench.stage import ONE_CORE, OURS, PLACEMENTS, THEIRS, Placement, Rate, Stage, stage

SECURITIES: Final = ("none", "sys", "krb5", "krb5i", "krb5p")
UPGRADED: Final = ("krb5+", "krb5i+", "krb5p+")
SIZES: Final = {0: "NULL", 1024: "ECHO 1 KiB", 65536: "ECHO 64 KiB", 1 << 20: "ECHO 1 MiB"}
IN_FLIGHT: Final = (1, 4, 16, 64)


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
        async with stage(placement, programs, principal) as made:
            for round_number in range(rounds):
                print(f"calls, {placement.name}, round {round_number + 1} of {rounds}", flush=True)
                for security in (*SECURITIES, *UPGRADED):
                    await _measure(made, placement, security, milliseconds, rates)
    return rates


async def _measure(made: Stage, placement: Placement, security: str, milliseconds: int, rates: Rates) -> None:
    pairs = [
        pair
        for pair in made.clients
        if (security in SECURITIES or pair == (OURS, OURS)) and (placement is ONE_CORE or pair[0] == pair[1])
    ]
    for pair in pairs:
        answer = await made.clients[pair].ask(f"open {security}")
        assert answer == "ok", answer
    for octets in SIZES:
        for in_flight in IN_FLIGHT:
            for client, server in pairs:
                if (client == THEIRS and in_flight > 1) or (client != server and in_flight not in (1, 16)):
                    continue  # libtirpc's client waits for each reply
                cell = Cell(client, server, placement.name, security, octets, in_flight)
                rate = rates.setdefault(cell, Rate())
                order = f"loop {octets} {in_flight} {milliseconds}"
                await rate.measure(made.clients[client, server], order)
    for pair in pairs:
        await made.clients[pair].ask("close")


def peer(rates: Rates, cell: Cell) -> Rate:
    """libtirpc's pair at the same; for a context by ticket, at the mechanism's own."""
    return rates[Cell(THEIRS, THEIRS, cell.placement, cell.security.removesuffix("+"), cell.octets, 1)]


def tables(rates: Rates) -> str:
    text = ""
    for placement in PLACEMENTS:
        text += f"\n### Calls, {placement.name}\n\n" + _of_pairs(rates, placement.name)
    return text + "\n### Calls, one of the two ends libtirpc's, both on one core\n\n" + _mixed(rates)


def _of_pairs(rates: Rates, placement: str) -> str:
    rows = []
    for octets, name in SIZES.items():
        for security in (*SECURITIES, *UPGRADED):
            cells = [Cell(OURS, OURS, placement, security, octets, in_flight) for in_flight in IN_FLIGHT]
            theirs = peer(rates, cells[0])
            rows.append([f"{name}, {security}", shown(theirs), *(against(rates[cell], theirs) for cell in cells)])
    return table(["", "libtirpc, 1", *(f"rpcgss, {in_flight}" for in_flight in IN_FLIGHT)], rows)


def _mixed(rates: Rates) -> str:
    rows = []
    for octets, name in SIZES.items():
        for security in SECURITIES:
            cells = [
                Cell(OURS, THEIRS, ONE_CORE.name, security, octets, 1),
                Cell(OURS, THEIRS, ONE_CORE.name, security, octets, 16),
                Cell(THEIRS, OURS, ONE_CORE.name, security, octets, 1),
            ]
            rows.append([f"{name}, {security}", *(against(rates[cell], peer(rates, cell)) for cell in cells)])
    return table(["", "our client, 1", "our client, 16", "our server, 1"], rows)


def shown(rate: Rate) -> str:
    """Calls per second."""
    return "fails" if rate.trouble else f"{rate.median:,.0f}"


def against(rate: Rate, theirs: Rate) -> str:
    """The same, and how many times theirs that is."""
    if rate.trouble or theirs.trouble:
        return shown(rate)
    return f"{shown(rate)} ({ratio(rate, theirs)})"


def ratio(rate: Rate, theirs: Rate) -> str:
    times = rate.median / theirs.median
    return f"{times:.2f}x" if times < 10 else f"{times:.0f}x"

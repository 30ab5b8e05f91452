"""What rpcgss wants to reach, and what of it it does."""

from bench.calls import Cell, Rates, peer, ratio
from bench.contexts import Contexts
from bench.document import table
from bench.stage import ONE_CORE, OURS, PLACEMENTS, TWO_CORES, Placement


def goals(rates: Rates, contexts: Contexts) -> str:
    """A table: what, wanted, measured."""
    rows = [
        ["krb5p ECHO 64 KiB in a context by ticket, 16 in flight", "10x", _ratio(rates, "krb5p+", 65536, 16)],
        ["krb5p ECHO 64 KiB, 16 in flight", "0.9x", _ratio(rates, "krb5p", 65536, 16)],
        ["krb5p ECHO 1 MiB, 4 in flight, calls/s", "works", f"{_rate(rates, 'krb5p', 1 << 20, 4):,.0f}"],
    ]
    if TWO_CORES in PLACEMENTS:
        rows.append(["krb5 NULL, 64 in flight, one core each", "1x", _ratio(rates, "krb5", 0, 64, TWO_CORES)])
    rows += [
        ["none NULL, 1 in flight", "0.25x", _ratio(rates, "none", 0, 1)],
        ["none ECHO 1 MiB, 4 in flight", "0.8x", _ratio(rates, "none", 1 << 20, 4)],
    ]
    for security, what, wanted in (("krb5p+", "re-authenticated", "4 KiB"), ("krb5p", "GSS", "10 KiB")):
        for end in ("client", "server"):
            kibibytes = contexts.memory[security, end] / 1024
            rows.append([f"memory of an idle {what} context, {end}", wanted, f"{kibibytes:.1f} KiB"])
    return table(["", "wanted", "measured"], rows)


def _rate(rates: Rates, security: str, octets: int, in_flight: int) -> float:
    return rates[Cell(OURS, OURS, ONE_CORE.name, security, octets, in_flight)].median


def _ratio(rates: Rates, security: str, octets: int, in_flight: int, placement: Placement = ONE_CORE) -> str:
    cell = Cell(OURS, OURS, placement.name, security, octets, in_flight)
    return ratio(rates[cell], peer(rates, cell))

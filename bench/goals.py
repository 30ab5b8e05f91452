"""What rpcgss wants to reach, and what of it it does: ratios of one run, and the medians that they are made of."""

from dataclasses import dataclass
from typing import Final

from bench.calls import MIB, SIZES, SMALL, UPGRADED, Cell, Rates, peer, pynfs, ratio, shown
from bench.contexts import Contexts
from bench.document import table
from bench.libnfs import Reading
from bench.stage import BLOCKING, CHECKOUT, CORES, ONE_CORE, OURS, PLACEMENTS, THEIRS, TWO_CORES, Placement, Rate
from bench.workers import SIZES as WORKED
from bench.workers import Workers

ABSENT: Final = "not at hand"
EACH: Final = 64
LARGE: Final = 65536


@dataclass(frozen=True, slots=True)
class Goal:
    """`behind` are medians: ours, theirs."""

    what: str
    where: str
    wanted: str
    measured: str
    behind: tuple[str, str]

    def cells(self) -> list[str]:
        return [self.what, self.where, self.wanted, self.measured, " / ".join(filter(None, self.behind))]


def goals(rates: Rates, contexts: Contexts, workers: Workers, reading: Reading) -> str:
    """A table."""
    found = [*_beside_libtirpc(rates), *_beside_pynfs(rates), _reading(reading), *_workers(workers), *_memory(contexts)]
    head = ["", "where", "wanted", "measured", "medians: ours / theirs"]
    return table(head, [goal.cells() for goal in found])


def _beside_libtirpc(rates: Rates) -> list[Goal]:
    found = [
        _calls(rates, "10x", "krb5p+", LARGE, 16),
        _calls(rates, "0.9x", "krb5p", LARGE, 16),
        _calls(rates, "works", "krb5p", MIB, 4),
    ]
    if TWO_CORES in PLACEMENTS:
        found.append(_calls(rates, "1x", "krb5", 0, 64, placement=TWO_CORES))
    return [
        *found,
        _calls(rates, "0.25x", "none", 0, 1),
        _calls(rates, "0.25x", "none", 0, 1, client=BLOCKING),
        _calls(rates, "0.8x", "none", MIB, 4),
    ]


def _calls(
    rates: Rates,
    wanted: str,
    security: str,
    octets: int,
    in_flight: int,
    *,
    placement: Placement = ONE_CORE,
    client: str = OURS,
) -> Goal:
    cell = Cell(client, OURS, placement.name, security, octets, in_flight)
    by = " by rpcgss.blocking" if client == BLOCKING else ""
    what = f"{_name(security, octets)}{by}, {in_flight} in flight; libtirpc's"
    return _compared(what, placement.name, wanted, rates[cell], peer(rates, cell))


def _beside_pynfs(rates: Rates) -> list[Goal]:
    wanted = [(security, octets, EACH, "10x") for security in ("none", "krb5") for octets in (0, SMALL)]
    wanted += [(security, octets, EACH, "10x") for security in UPGRADED for octets in SIZES]
    wanted += [(security, LARGE, 16, "2x") for security in ("krb5i", "krb5p")]
    return [_as_pynfs(rates, *goal) for goal in wanted]


def _as_pynfs(rates: Rates, security: str, octets: int, in_flight: int, wanted: str) -> Goal:
    """pynfs's client has libtirpc's server: its own knows no GSS with today's gssapi. Where ours was measured with that
    one too, it says so."""
    what = f"{_name(security, octets)}, {in_flight} in flight; pynfs's"
    cell = Cell(OURS, OURS, ONE_CORE.name, security, octets, in_flight)
    if not CHECKOUT:
        return Goal(what, ONE_CORE.name, wanted, ABSENT, (shown(rates[cell]), ""))
    theirs = pynfs(rates, cell)
    goal = _compared(what, ONE_CORE.name, wanted, rates[cell], theirs)
    like = rates.get(Cell(OURS, THEIRS, ONE_CORE.name, security, octets, in_flight))
    if like is None or like.trouble or theirs.trouble:
        return goal
    measured = f"{goal.measured}; {ratio(like, theirs)} with the same server"
    return Goal(what, goal.where, wanted, measured, (f"{goal.behind[0]}; {shown(like)}", goal.behind[1]))


def _compared(what: str, where: str, wanted: str, ours: Rate, theirs: Rate) -> Goal:
    if ours.trouble or theirs.trouble:
        measured = "fails" if ours.trouble else "works; theirs fails"
    else:
        measured = ratio(ours, theirs)
    return Goal(what, where, wanted, measured, (shown(ours), shown(theirs)))


def _name(security: str, octets: int) -> str:
    return f"{security} {SIZES[octets]}"


def _reading(reading: Reading) -> Goal:
    what = "NFS READ krb5p+, our pair, 4 in flight, MB/s; libnfs with nfs-ganesha, krb5p"
    ours, theirs = reading.ours, reading.theirs
    where = f"{len(CORES)} cores for both"
    if ours is None or theirs is None or theirs.trouble:
        why = theirs.trouble if theirs is not None else reading.absent
        return Goal(
            what, where, "5x", f"{ABSENT}: {why}", (f"{ours.median / 1e6:,.0f}" if ours is not None else "", "")
        )
    return Goal(what, where, "5x", ratio(ours, theirs), (f"{ours.median / 1e6:,.0f}", f"{theirs.median / 1e6:,.0f}"))


def _workers(workers: Workers) -> list[Goal]:
    return [
        Goal(
            f"two workers against one, 8 busy clients, krb5p {name}",
            f"{len(CORES)} cores for all",
            f"1.7x, or what the cores allow: {workers.allowed(octets):.2f}x",
            f"{workers.gain(octets):.2f}x",
            (f"{workers.loads[octets, 2].rates.median:,.0f}", f"{workers.loads[octets, 1].rates.median:,.0f}"),
        )
        for octets, name in WORKED.items()
    ]


def _memory(contexts: Contexts) -> list[Goal]:
    return [
        Goal(
            f"memory of an idle {what} context, {end}",
            "",
            wanted,
            f"{contexts.memory[security, end] / 1024:.1f} KiB",
            ("", ""),
        )
        for security, what, wanted in (("krb5p+", "re-authenticated", "4 KiB"), ("krb5p", "GSS", "10 KiB"))
        for end in ("client", "server")
    ]

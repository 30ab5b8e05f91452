"""What rpcgss wants to reach, and what of it it does: ratios of one run, and the medians that they are made of."""

from dataclasses import dataclass, replace
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
    """`behind` are medians: ours, theirs. `reached` is what was measured as a part of what is wanted, where that can be
    said."""

    what: str
    where: str
    wanted: str
    measured: str
    behind: tuple[str, str] = ("", "")
    reached: float | None = None

    def cells(self) -> list[str]:
        return [self.what, self.where, self.wanted, self.measured, " / ".join(filter(None, self.behind))]


def goals(rates: Rates, contexts: Contexts, workers: Workers, reading: Reading) -> list[Goal]:
    return [*_beside_libtirpc(rates), *_beside_pynfs(rates), _reading(reading), *_workers(workers), *_memory(contexts)]


def shown_as_table(found: list[Goal]) -> str:
    head = ["", "where", "wanted", "measured", "medians: ours / theirs"]
    return table(head, [goal.cells() for goal in found])


def _beside_libtirpc(rates: Rates) -> list[Goal]:
    found = [
        _calls(rates, 10, "krb5p+", LARGE, 16),
        _calls(rates, 0.9, "krb5p", LARGE, 16),
        _calls(rates, None, "krb5p", MIB, 4),
    ]
    if TWO_CORES in PLACEMENTS:
        found.append(_calls(rates, 1, "krb5", 0, 64, placement=TWO_CORES))
    return [
        *found,
        _calls(rates, 0.25, "none", 0, 1),
        _calls(rates, 0.25, "none", 0, 1, client=BLOCKING),
        _calls(rates, 0.8, "none", MIB, 4),
    ]


def _calls(
    rates: Rates,
    wanted: float | None,
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
    wanted = [(security, octets, EACH, 10) for security in ("none", "krb5") for octets in (0, SMALL)]
    wanted += [(security, octets, EACH, 10) for security in UPGRADED for octets in SIZES]
    wanted += [(security, LARGE, 16, 2) for security in ("krb5i", "krb5p")]
    return [_as_pynfs(rates, *goal) for goal in wanted]


def _as_pynfs(rates: Rates, security: str, octets: int, in_flight: int, wanted: float) -> Goal:
    """pynfs's client has libtirpc's server: its own knows no GSS with today's gssapi. Where ours was measured with that
    one too, it says so."""
    what = f"{_name(security, octets)}, {in_flight} in flight; pynfs's"
    cell = Cell(OURS, OURS, ONE_CORE.name, security, octets, in_flight)
    if not CHECKOUT:
        return Goal(what, ONE_CORE.name, f"{wanted:g}x", ABSENT, (shown(rates[cell]), ""))
    theirs = pynfs(rates, cell)
    goal = _compared(what, ONE_CORE.name, wanted, rates[cell], theirs)
    like = rates.get(Cell(OURS, THEIRS, ONE_CORE.name, security, octets, in_flight))
    if like is None or like.trouble or theirs.trouble:
        return goal
    ours, other = goal.behind
    measured = f"{goal.measured}; {ratio(like, theirs)} with the same server"
    return replace(goal, measured=measured, behind=(f"{ours}; {shown(like)}", other))


def _compared(what: str, where: str, wanted: float | None, ours: Rate, theirs: Rate, scale: float = 1) -> Goal:
    """No ratio is wanted where the peer is known to fail."""
    behind = (shown(ours, scale), shown(theirs, scale))
    text = "works" if wanted is None else f"{wanted:g}x"
    if ours.trouble or theirs.trouble:
        return Goal(what, where, text, "fails" if ours.trouble else "works; theirs fails", behind)
    reached = None if wanted is None else ours.median / theirs.median / wanted
    return Goal(what, where, text, ratio(ours, theirs), behind, reached)


def _name(security: str, octets: int) -> str:
    return f"{security} {SIZES[octets]}"


def _reading(reading: Reading) -> Goal:
    what = "krb5p+ NFS READ, 4 in flight, MB/s; krb5p of libnfs with nfs-ganesha"
    where, wanted = f"{len(CORES)} cores for both", 5
    ours, theirs = reading.ours, reading.theirs
    if ours is not None and theirs is not None and not theirs.trouble:
        return _compared(what, where, wanted, ours, theirs, 1e-6)
    why = reading.absent if theirs is None else theirs.trouble
    behind = "" if ours is None else shown(ours, 1e-6)
    return Goal(what, where, f"{wanted}x", f"{ABSENT}: {why}", (behind, ""))


def _workers(workers: Workers) -> list[Goal]:
    return [
        Goal(
            f"two workers against one, 8 busy clients, krb5p {name}",
            f"{len(CORES)} cores for all",
            f"1.7x, or what the cores allow: {workers.allowed(octets):.2f}x",
            f"{workers.gain(octets):.2f}x",
            (f"{workers.loads[octets, 2].rates.median:,.0f}", f"{workers.loads[octets, 1].rates.median:,.0f}"),
            workers.gain(octets) / min(1.7, workers.allowed(octets)),
        )
        for octets, name in WORKED.items()
    ]


def _memory(contexts: Contexts) -> list[Goal]:
    found = []
    for security, what, wanted in (("krb5p+", "re-authenticated", 4), ("krb5p", "GSS", 10)):
        for end in ("client", "server"):
            kibibytes = contexts.memory[security, end] / 1024
            name = f"memory of an idle {what} context, {end}"
            measured = f"{kibibytes:.1f} KiB"
            found.append(
                Goal(name, "", f"{wanted} KiB", measured, reached=wanted / kibibytes if kibibytes > 0 else None)
            )
    return found

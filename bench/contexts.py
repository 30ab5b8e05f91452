"""Contexts: how many are made in a second, by exchange and by ticket, and what an idle one takes at each end."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.document import table
from bench.stage import ONE_CORE, OURS, PLACEMENTS, THEIRS, Rate, stage
from tests.interop.tirpc import Child

BEFORE: Final = 500
HELD: Final = 3000
"""So many that what an allocator had left over before does not matter."""


@dataclass(slots=True)
class Contexts:
    """rates  -- (who, placement, calls in flight) -> contexts per second
    memory -- (how, end) -> octets for each context, of so many that were held"""

    rates: dict[tuple[str, str, int], Rate] = field(default_factory=dict)
    memory: dict[tuple[str, str], float] = field(default_factory=dict)
    held: int = HELD


async def measure(programs: Path, principal: str, rounds: int, milliseconds: int, quick: bool) -> Contexts:
    """Every context is used for one NULL call, and destroyed."""
    made = Contexts(held=HELD // 2 if quick else HELD)
    for placement in PLACEMENTS:
        async with stage(placement, programs, principal) as here:
            ours, theirs = here.clients[OURS, OURS], here.clients[THEIRS, THEIRS]
            for _ in range(rounds):
                await theirs.ask("open krb5")
                await _rate(made, ("libtirpc, by exchange", placement.name, 1), theirs, milliseconds)
                for security, way in (("krb5", "by exchange"), ("krb5+", "by ticket")):
                    await ours.ask(f"open {security}")
                    for in_flight in (1, 16):
                        await _rate(made, (f"rpcgss, {way}", placement.name, in_flight), ours, milliseconds)
            await theirs.ask("close")
    for security in ("krb5p", "krb5p+"):
        async with stage(ONE_CORE, programs, principal, [(OURS, OURS)]) as here:
            ours = here.clients[OURS, OURS]
            ends = {"client": ours, "server": here.servers[OURS].process}
            await ours.ask(f"open {security}")
            await ours.ask(f"hold {BEFORE}")
            before = {end: await _memory(process) for end, process in ends.items()}
            await ours.ask(f"hold {made.held}")
            for end, process in ends.items():
                made.memory[security, end] = (await _memory(process) - before[end]) / made.held
    return made


async def _rate(made: Contexts, key: tuple[str, str, int], client: Child, milliseconds: int) -> None:
    await made.rates.setdefault(key, Rate()).measure(client, f"contexts {key[2]} {milliseconds}")


async def _memory(process: Child) -> int:
    return int((await process.ask("memory")).split()[1])


def tables(made: Contexts) -> str:
    names = dict.fromkeys((who, in_flight) for who, _, in_flight in made.rates)
    rows = [
        [f"{who}, {in_flight} at once"]
        + ["fails" if rate.trouble else f"{rate.median:,.0f}" for rate in _row(made, who, in_flight)]
        for who, in_flight in names
    ]
    memory = [
        [f"{kind}, {end}", f"{made.memory[security, end] / 1024:.1f}"]
        for security, kind in (("krb5p", "GSS context"), ("krb5p+", "re-authenticated"))
        for end in ("client", "server")
    ]
    return (
        "### Contexts per second, each made, used for one call, and destroyed\n\n"
        + table(["", *(placement.name for placement in PLACEMENTS)], rows)
        + f"\n### Memory, KiB resident for each of {made.held} idle contexts (a client's with flavor and ticket)\n\n"
        + table(["", "KiB"], memory)
    )


def _row(made: Contexts, who: str, in_flight: int) -> list[Rate]:
    return [made.rates[who, placement.name, in_flight] for placement in PLACEMENTS]

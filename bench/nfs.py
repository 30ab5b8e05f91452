"""NFS: our client and our server, a file of 256 MiB in memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench.document import table
from bench.files import NAME, OCTETS, write_pattern
from bench.stage import ONE_CORE, PLACEMENTS, TWO_CORES, Rate, kept_to, ours
from tests.interop.tirpc import TARGET

SECURITIES: Final = ("sys", "krb5", "krb5i", "krb5p", "krb5+", "krb5i+", "krb5p+")
SLOW: Final = ("krb5p", "krb5i")
IN_FLIGHT: Final = 4
STATS_IN_FLIGHT: Final = (1, 16)
MILLISECONDS: Final = 500


@dataclass(frozen=True, slots=True)
class File:
    """`what` is read, write, or getattr."""

    placement: str
    security: str
    what: str
    in_flight: int


Files: TypeAlias = dict[File, Rate]


async def measure(scratch: Path, principal: str, quick: bool) -> Files:
    """Octets per second of READ and WRITE, calls per second of GETATTR."""
    files: Files = {}
    export, state = scratch / "export", scratch / "state"
    export.mkdir()
    write_pattern(export / NAME, OCTETS // 8 if quick else OCTETS)
    for placement in PLACEMENTS:
        print(f"NFS, {placement.name}", flush=True)
        command = [*ours()[:1], "-m", "examples.nfs", "serve", export, "--port", 0, "--service", TARGET]
        command += ["--sec", "krb5p,krb5i,krb5,sys", "--state", state]
        async with kept_to(placement.server, *command) as server:
            port = int((await server.line()).partition(": ")[0].rpartition(":")[2])
            async with kept_to(placement.client, *ours("client", port, TARGET, principal)) as client:
                for security in SECURITIES:
                    await client.ask(f"open {security}")
                    for what, in_flight in (
                        ("getattr", 1),
                        ("getattr", 16),
                        ("read", IN_FLIGHT),
                        ("write", IN_FLIGHT),
                    ):
                        rate = files.setdefault(File(placement.name, security, what, in_flight), Rate())
                        await rate.measure(
                            client, f"nfs {what} {in_flight} {MILLISECONDS // 5 if quick else MILLISECONDS}"
                        )
                    await client.ask("close")
            server.process.terminate()
    return files


def tables(files: Files) -> str:
    text = f"### NFS version 3, our client and server, blocks of 1 MiB, {IN_FLIGHT} in flight\n\n"
    rows = []
    for security in SECURITIES:
        cells = []
        for placement in PLACEMENTS:
            for what in ("read", "write"):
                rate = files[File(placement.name, security, what, IN_FLIGHT)]
                cells.append(rate.trouble or f"{rate.median / 1e6:,.0f}")
        for placement in PLACEMENTS:
            for in_flight in STATS_IN_FLIGHT:
                rate = files[File(placement.name, security, "getattr", in_flight)]
                cells.append(rate.trouble or f"{rate.median:,.0f}")
        rows.append([security, *cells])
    short = {ONE_CORE: "one core", TWO_CORES: "a core each"}
    head = [f"{what}, MB/s, {short[placement]}" for placement in PLACEMENTS for what in ("READ", "WRITE")]
    head += [f"GETATTR/s, {one}, {short[placement]}" for placement in PLACEMENTS for one in STATS_IN_FLIGHT]
    return text + table(["", *head], rows)

"""Reading a large file under Kerberos: libnfs from nfs-ganesha, our client from it, and our pair, by turns.

nfs-ganesha needs a network of its own (tools/box), so all of this runs in one, with a realm of its own:
``tools/box python -m bench.libnfs ROUNDS OCTETS`` says what it found as JSON. Nobody is kept to a core.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from bench.document import table
from bench.files import NAME, OCTETS, read_node, write_pattern
from bench.stage import Rate, module, ours
from examples.nfs.connect import Access, connected
from examples.nfs.url import NfsUrl
from examples.realm import HOST, Realm
from tests.interop.ganesha import EXPORT, MOUNT_PORT, NFS_PORT, ganesha_in_a_box
from tests.interop.tirpc import SOURCES, TARGET, child

PREFIX: Final = os.environ.get("LIBNFS", "")
"""Where a libnfs with Kerberos is installed, if it is at hand."""
ROOT: Final = Path(__file__).parents[1]
USER: Final = "alice"
IN_FLIGHT: Final = 4
BLOCK: Final = 1 << 20
OUR_PAIR, OUR_CLIENT, LIBNFS = "our pair, ", "our client, nfs-ganesha, ", "libnfs, nfs-ganesha, "
PAIR_SECURITIES: Final = ("krb5p", "krb5p+")


@dataclass(slots=True)
class Reading:
    """rates  -- octets per second, by who
    absent -- why there are none, or none of libnfs"""

    rates: dict[str, Rate]
    absent: str = ""

    @property
    def ours(self) -> Rate | None:
        return self.rates.get(f"{OUR_PAIR}krb5p+")

    @property
    def theirs(self) -> Rate | None:
        return self.rates.get(f"{LIBNFS}krb5p")


def measure(rounds: int, quick: bool) -> Reading:
    """Needs root or sudo, nfs-ganesha, and for libnfs's part `PREFIX`."""
    if shutil.which("ganesha.nfsd") is None:
        return Reading({}, "nfs-ganesha is not installed (tools/setup interop)")
    if os.geteuid() and subprocess.run(["sudo", "-n", "true"], check=False).returncode:
        return Reading({}, "a box (tools/box) needs root, or sudo that asks for no password")
    print("NFS beside nfs-ganesha", flush=True)
    octets = OCTETS // 8 if quick else OCTETS
    command = [ROOT / "tools/box", *module("bench.libnfs", rounds, octets)]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if done.returncode:
        return Reading({}, f"the box ended with status {done.returncode}")
    found = json.loads(done.stdout.splitlines()[-1])
    rates = {who: Rate(**rate) for who, rate in found.items()}
    return Reading(rates, "" if PREFIX else "no libnfs with Kerberos (LIBNFS=PREFIX)")


def tables(reading: Reading) -> str:
    rows = [[who, "fails" if rate.trouble else f"{rate.median / 1e6:,.0f}"] for who, rate in reading.rates.items()]
    if not rows:
        return ""
    title = f"### READ of NFS version 3 beside nfs-ganesha, blocks of 1 MiB, {IN_FLIGHT} in flight, all cores for both"
    return f"\n{title}\n\n{table(['', 'MB/s'], rows)}"


async def _measure(realm: Realm, scratch: Path, rounds: int) -> dict[str, Rate]:
    rates: dict[str, Rate] = {}
    reader = _build(scratch) if PREFIX else None
    async with (
        _our_server(scratch) as port,
        child(*_words(ours("client", port, TARGET, realm.principal(USER)))) as client,
    ):
        for _ in range(rounds):
            for security in PAIR_SECURITIES:
                await client.ask(f"open {security}")
                rate = rates.setdefault(f"{OUR_PAIR}{security}", Rate())
                await rate.measure(client, f"nfs read {IN_FLIGHT} 0")
                await client.ask("close")
            rates.setdefault(f"{OUR_CLIENT}krb5p", Rate()).add(await _read_from_ganesha())
            if reader is not None:
                rates.setdefault(f"{LIBNFS}krb5p", Rate()).add(await _read_by_libnfs(reader))
    return rates


@asynccontextmanager
async def _our_server(scratch: Path) -> AsyncIterator[int]:
    """Its port. It serves the same directory."""
    command = [*module("examples.nfs", "serve", EXPORT), "--port", 0, "--service", TARGET, "--sec", "krb5p"]
    async with child(*_words([*command, "--state", scratch / "our-state"])) as server:
        yield int((await server.line()).partition(": ")[0].rpartition(":")[2])
        server.process.terminate()


async def _read_from_ganesha() -> str:
    """As a peer answers."""
    url = NfsUrl.parse(f"nfs://{HOST}:{NFS_PORT}{EXPORT}")
    access = Access("krb5p", mount_port=MOUNT_PORT, parallel=IN_FLIGHT)
    async with connected(url, access) as session:
        root, _ = await session.root_of(EXPORT.parts[1:])
        octets, nanoseconds = await read_node(session.nfs, await session.nfs.lookup(root, NAME))
    return f"ok {octets} {nanoseconds}"


def _build(scratch: Path) -> Path:
    program, prefix = scratch / "libnfs_reader", Path(PREFIX)
    options = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{prefix / 'include'}", "-o", str(program)]
    library = [f"-L{prefix / 'lib'}", f"-Wl,-rpath,{prefix / 'lib'}", "-lnfs"]
    subprocess.run(["gcc", *options, str(SOURCES / "libnfs_reader.c"), *library], check=True)
    return program


async def _read_by_libnfs(reader: Path) -> str:
    ports = f"version=3&nfsport={NFS_PORT}&mountport={MOUNT_PORT}"
    url = f"nfs://{USER}@{HOST}{EXPORT}/{NAME}?{ports}&sec=krb5p"
    command = [str(reader), url, str(BLOCK), str(IN_FLIGHT)]
    done = await trio.run_process(command, capture_stdout=True, check=False)
    return done.stdout.decode().strip() or f"it ended with status {done.returncode}"


def _words(command: list[object]) -> tuple[Path, *tuple[str, ...]]:
    program, *arguments = map(str, command)
    return Path(program), *arguments


def main() -> None:
    match sys.argv[1:]:
        case [rounds, octets]:
            with (
                tempfile.TemporaryDirectory(dir="/run") as scratch,
                Realm() as realm,
                ganesha_in_a_box(realm, Path(scratch)),
            ):
                realm.kinit(realm.add_principal(USER))
                write_pattern(EXPORT / NAME, int(octets))
                with realm.environment():
                    rates = trio.run(_measure, realm, Path(scratch), int(rounds))
            print(json.dumps({who: {"samples": rate.samples, "trouble": rate.trouble} for who, rate in rates.items()}))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()

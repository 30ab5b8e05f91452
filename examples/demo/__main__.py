"""`python -m examples.demo`: run both acts, print the table, draw the picture; exit 0 if all held, 1 if not."""

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import trio
from rich.console import Console

from examples.demo.acts import Act, Settings, with_tickets, without_tickets
from examples.demo.picture import draw
from examples.demo.report import checks_with_tickets, checks_without, print_checks, print_failures, table
from examples.demo.stage import DemoError, open_stage
from examples.demo.tree import TooSmall, collect
from examples.etcd import EtcdError, Member
from examples.nfs.parallel import first_error
from examples.realm import Realm, RealmError

INTERRUPTED: Final = 130
PLAIN_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class CutShort:
    """Why there is no result, and the exit status for it."""

    reason: str
    status: int


async def play(settings: Settings, console: Console) -> tuple[Act, Act | None]:
    """Both acts in a realm of their own, of which nothing is left afterwards."""
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {text}", highlight=False, soft_wrap=True)

    files = collect(settings.octets)
    say("starting a Kerberos realm on loopback")
    realm = await trio.to_thread.run_sync(Realm)
    etcd = None
    try:
        if settings.etcd:
            say("starting etcd on loopback")
            etcd = Member(realm.directory / "etcd")
            await trio.to_thread.run_sync(etcd.start)
        async with open_stage(realm.directory, realm.env) as stage:
            act = await with_tickets(realm, stage, etcd, files, settings, say)
            plain = None
            if settings.octets_without:
                plain = await without_tickets(realm, stage, collect(settings.octets_without), settings, say)
            return act, plain
    finally:
        if etcd is not None:
            etcd.stop()
        realm.close()


async def watched(settings: Settings, console: Console, limit: float) -> tuple[Act, Act | None] | CutShort:
    """Play until the end, or a signal, or the limit."""
    cut_short = CutShort(f"the demo took longer than {limit:.0f} s and was ended", 1)
    with trio.move_on_after(limit) as scope:
        async with trio.open_nursery() as nursery:

            async def heed_signals() -> None:
                nonlocal cut_short
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        cut_short = CutShort("interrupted; everything that was started is ended", INTERRUPTED)
                        scope.cancel()

            nursery.start_soon(heed_signals)
            result = await play(settings, console)
            nursery.cancel_scope.cancel()
            return result
    return cut_short


@click.command()
@click.option("--megabytes", type=click.FloatRange(min=0.5), default=50.0, show_default=True, help="Size of the tree.")
@click.option("--clients", type=click.IntRange(1, 16), default=4, show_default=True, help="Clients at once.")
@click.option("--losses", type=click.IntRange(1), default=200, show_default=True, help="Contexts to lose at least.")
@click.option("--without", type=click.FloatRange(min=0), default=5.0, show_default=True, metavar="MEGABYTES",
              help="Size of the tree that is copied without tickets; 0: leave that act out.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 16), default=1, show_default=True, help="Processes of the server.")
@click.option("--etcd", is_flag=True, help="Keep the server's keyring in an etcd instead of in a file.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=Path("demo-output"),
              show_default=True, help="Directory for the report and the timeline.")  # fmt: skip
@click.option("--limit", type=click.FloatRange(min=1), default=300.0, show_default=True, metavar="SECONDS",
              help="How long it may take.")  # fmt: skip
def main(
    megabytes: float, clients: int, losses: int, without: float, workers: int, etcd: bool, output: Path, limit: float
) -> None:
    """Copy a real tree by NFS under krb5p while the server loses its contexts, and show that no call fails."""
    console = Console(record=True, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    settings = Settings(int(megabytes * 1e6), int(without * 1e6), clients, losses, workers, etcd)
    try:
        output.mkdir(parents=True, exist_ok=True)
        result = trio.run(watched, settings, console, limit)
    except ExceptionGroup as group:
        _fail(first_error(group))
    except (DemoError, EtcdError, RealmError, TooSmall, OSError) as error:
        _fail(error)
    else:
        if isinstance(result, CutShort):
            click.echo(result.reason, err=True)
            sys.exit(result.status)
        held = present(console, *result, settings, output / "timeline.png")
        (output / "report.txt").write_text(console.export_text())
        sys.exit(0 if held else 1)


def _fail(error: Exception) -> None:
    if isinstance(error, OSError) and error.filename and error.strerror:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    if isinstance(error, DemoError | EtcdError | RealmError | TooSmall | OSError):
        raise click.ClickException(str(error)) from error
    raise error


def present(console: Console, act: Act, plain: Act | None, settings: Settings, picture: Path) -> bool:
    """Print and draw everything; whether all held."""
    checks = checks_with_tickets(act, settings)
    console.print()
    console.print(table(act, plain))
    console.print()
    print_checks(console, checks)
    if plain is not None:
        console.print("\nWithout tickets the applications saw:", highlight=False)
        print_failures(console, plain)
        more = checks_without(plain)
        print_checks(console, more)
        checks += more
    draw(act, picture)
    held = all(check.held for check in checks)
    console.print(f"\nThe timeline is in {picture}.", highlight=False)
    console.print("[green bold]All held.[/]" if held else "[red bold]Not everything held.[/]")
    return held


if __name__ == "__main__":
    main()

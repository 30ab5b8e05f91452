"""`python -m examples.nfs serve`: an NFS version 3 server for a directory, on one port, without rpcbind."""

import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import trio

from examples.nfs.admission import Security
from examples.nfs.exports import RulesError, load_exports, load_users
from examples.nfs.identity import can_change, give_up_reserves
from examples.nfs.mount import EXPORT
from examples.nfs.output import forget_output
from examples.nfs.running import NfsServer, raise_descriptor_limit, write_status
from examples.nfs.work import Work, files_of_keyring, make_keyring
from rpcgss.forked import CannotServe
from rpcgss.gss.errors import AcceptorUnusable
from rpcgss.gss.store import DropPolicy
from rpcgss.reauth.errors import KeyringError
from rpcgss.rpc import ReplyCacheError, stopping_on_signals
from rpcgss.workers import Addresses, run_workers
from transport import Listener, listen_tcp
from transport.address import address_text

DRAIN_SECONDS: Final = 10.0
GRACE_SECONDS: Final = 5.0  # for workers to end after that


class Securities(click.ParamType[tuple[Security, ...]]):
    """A list such as `krb5p,krb5i`."""

    name = "list"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Security, ...]:
        if isinstance(value, tuple):
            return value
        words = [word.strip().upper() for word in str(value).split(",")]
        unknown = [word.lower() for word in words if word not in Security.__members__]
        if unknown:
            known = ", ".join(name.lower() for name in Security.__members__)
            self.fail(f"'{unknown[0]}' is none of {known}", param, ctx)
        return tuple(dict.fromkeys(Security[word] for word in words))


class Drops(click.ParamType[DropPolicy]):
    """`every=N` or `probability=P`."""

    name = "rule"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> DropPolicy:
        if isinstance(value, DropPolicy):
            return value
        kind, _, number = str(value).partition("=")
        try:
            match kind:
                case "every":
                    return DropPolicy(every=int(number))
                case "probability":
                    return DropPolicy(probability=float(number))
        except ValueError:
            pass
        self.fail(f"'{value}' is neither every=N nor probability=P (0 to 1)", param, ctx)


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=2049, show_default=True, help="0 takes a free one.")
@click.option(
    "--sec",
    "securities",
    type=Securities(),
    default="krb5p",
    show_default=True,
    help="What calls must be secured by, best first: krb5p, krb5i, krb5, sys. sys believes whatever a client says.",
)
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME",
    help="Name of the Kerberos service, nfs@HOST; may be given several times.  [default: nfs@ and this host]",
)
@click.option("--keytab", type=click.Path(path_type=Path), help="Keys of the service.  [default: Kerberos' own]")
@click.option("--exports", type=click.Path(path_type=Path), help="File of PATTERN none|ro|rw, first match wins.")
@click.option("--users", type=click.Path(path_type=Path), help="File of PATTERN USER: act as these users (as root).")
@click.option(
    "--keyring",
    metavar="PLACE",
    help="Keys of the tickets: a file, or etcd+https://HOST:PORT/NAME?sealing-key=FILE&...  "
    "[default: a file in the state, made with it]",
)
@click.option("--new-keyring", is_flag=True, help="Make the keyring if it is not there.")
@click.option("--no-tickets", is_flag=True, help="No fast re-authentication.")
@click.option("--drop", "drops", type=Drops(), metavar="RULE", help="Lose contexts: every=N calls, or probability=P.")
@click.option("--state", type=click.Path(path_type=Path), help="Directory for the handles' key and index.")
@click.option(
    "--status",
    type=click.Path(path_type=Path),
    help="Write counters there at the start, on SIGUSR1 and at the end; workers to PATH.0, PATH.1 and so on.",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that serve.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of refused calls too.")
def serve(
    directory: Path,
    host: str,
    port: int,
    securities: tuple[Security, ...],
    services: tuple[str, ...],
    keytab: Path | None,
    exports: Path | None,
    users: Path | None,
    keyring: str | None,
    new_keyring: bool,
    no_tickets: bool,
    drops: DropPolicy | None,
    state: Path | None,
    status: Path | None,
    workers: int,
    verbose: bool,
) -> None:
    """Serve DIRECTORY by NFS version 3 and MOUNT version 3, on one port."""
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    state = (state or _usual_state()).absolute()
    inner = {"--state": state, "--keytab": keytab, "--exports": exports, "--users": users, "--status": status}
    _require_outside(directory.resolve(), inner | files_of_keyring(keyring))
    if users is not None and not can_change():
        raise click.UsageError("--users: only root on a 64-bit Linux can act as other users")
    with_kerberos = securities != (Security.SYS,)
    with one_line_errors():
        raise_descriptor_limit()
        if users is not None:
            give_up_reserves()
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if with_kerberos and not no_tickets:
            keyring = keyring or str(state / "keyring")
            make_keyring(keyring, state, new_keyring)
        work = Work(
            directory,
            state,
            securities,
            (services or (f"nfs@{socket.getfqdn()}",)) if with_kerberos else (),
            keytab,
            None if exports is None else load_exports(exports),
            None if users is None else load_users(users),
            keyring if with_kerberos and not no_tickets else None,
            drops,
            status,
        )
        if workers == 1:
            with work.server() as server:
                trio.run(_serve_alone, work, server, port, host)
        else:
            with work.server(0):
                pass  # what does not fit together is better known now, and told once
            sys.exit(_run_workers(work, workers, port, host))


def _run_workers(work: Work, count: int, port: int, host: str) -> int:
    async def serve(listeners: list[Listener], number: int) -> None:
        with work.server(number) as server:
            await _serve(server, listeners, work.status_of(number))

    def bound(addresses: Addresses) -> None:
        if isinstance(addresses[0], tuple):
            _say_where(work, addresses[0])

    grace = DRAIN_SECONDS + GRACE_SECONDS
    return run_workers(
        count,
        serve,
        tcp=(port, host),
        bound=bound,
        ended=lambda _: work.verifier.renew(),
        drain_seconds=grace,
    )


async def _serve_alone(work: Work, server: NfsServer, port: int, host: str) -> None:
    listeners = await listen_tcp(port, host)
    where = listeners[0].socket.getsockname()[:2]
    await _serve(server, listeners, work.status, lambda: _say_where(work, where))


async def _serve(
    server: NfsServer, listeners: Sequence[Listener], status: Path | None, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until told to stop. `ready` is called when signals are heeded."""
    async with stopping_on_signals(server.rpc):
        with trio.open_signal_receiver(signal.SIGUSR1) as arrivals:
            ready()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_write_when_asked, server, status, arrivals)
                if server.tickets is not None:
                    nursery.start_soon(server.tickets.watch)
                await server.rpc.serve(listeners, drain_seconds=DRAIN_SECONDS)
                nursery.cancel_scope.cancel()


def _say_where(work: Work, address: tuple[str, int]) -> None:
    click.echo(f"listening on {address_text(*address)}: {work.directory.resolve()} as {EXPORT}")


async def _write_when_asked(server: NfsServer, status: Path | None, arrivals: AsyncIterator[int]) -> None:
    async for _ in arrivals:
        if status is not None:
            _try_to_write_status(server, status)


def _try_to_write_status(server: NfsServer, path: Path) -> None:
    try:
        write_status(server, path)
    except OSError as problem:
        logging.warning("%s", problem.strerror)


def _usual_state() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "rpcgss-nfs"


def _require_outside(directory: Path, paths: dict[str, Path | None]) -> None:
    for option, path in paths.items():
        if path is not None and path.resolve().is_relative_to(directory):
            raise click.UsageError(f"{option}: {path} is inside of what is exported; put it elsewhere")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What an operator can mend is told in one line, with exit status 1."""
    try:
        yield
    except (AcceptorUnusable, CannotServe, KeyringError, ReplyCacheError, RulesError) as problem:
        raise click.ClickException(str(problem)) from problem
    except BrokenPipeError as problem:
        forget_output()
        raise click.ClickException("nobody reads standard output") from problem
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise click.ClickException(f"{where}{problem.strerror or problem}") from problem

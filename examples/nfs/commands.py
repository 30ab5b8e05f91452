"""The client's commands: ls, cat, get, put, rm, mkdir, rmdir, mv, ln, stat."""

import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

import click
import trio

from examples.nfs.client import Node
from examples.nfs.connect import SECURITIES, Access, Session, connected
from examples.nfs.copy import Copier
from examples.nfs.failures import NfsError, NfsStatusError, WrongKindOfFile
from examples.nfs.nfs3_xdr import nfsstat3
from examples.nfs.output import forget_output
from examples.nfs.parallel import first_error
from examples.nfs.show import Progressing, long_line, printable, progress_bar, stat_lines
from examples.nfs.transfer import fetch
from examples.nfs.url import NfsUrl, UrlError
from rpcgss.gss.errors import SecurityError
from rpcgss.reauth.errors import TicketStoreError
from rpcgss.rpc.errors import AuthRefused, CallTimedOut, ConnectionLost, OutcomeUnknown, RpcError

INTERRUPTED: Final = 130
CAT_BLOCKS: Final = 32


# what all commands have in common


class UrlType(click.ParamType[NfsUrl]):
    """An nfs:// URL."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> NfsUrl:
        if isinstance(value, NfsUrl):
            return value
        try:
            return NfsUrl.parse(str(value))
        except UrlError as error:
            self.fail(str(error), param, ctx)


URL: Final = UrlType()

Work = Callable[[Session], Awaitable[None]]


def access_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every command has; the command gets them as one `access` and `verbose`."""

    @click.option("--sec", "security", type=click.Choice(SECURITIES), default="krb5p", show_default=True,
                  help="How calls are authenticated and protected.")  # fmt: skip
    @click.option(
        "--target", "service", metavar="SERVICE@HOST", help="The server's GSS name, if not nfs@HOST of the URL."
    )
    @click.option("--principal", metavar="NAME@REALM", help="Whose credentials.")
    @click.option("--tickets", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                  help="Keep tickets in this file (mode 0600), not in memory; needs --principal.")  # fmt: skip
    @click.option("--no-tickets", is_flag=True, help="Always make full exchanges.")
    @click.option("--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True, metavar="SECONDS",
                  help="How long one call may take, reconnections included.")  # fmt: skip
    @click.option("--parallel", type=click.IntRange(1, 1024), default=32, show_default=True, metavar="N",
                  help="Calls in flight at most.")  # fmt: skip
    @click.option("--mount-port", type=click.IntRange(1, 65535), metavar="PORT", help="Where MOUNT is, if elsewhere.")
    @click.option("-v", "--verbose", is_flag=True, help="Say how each context came to be.")
    @functools.wraps(command)
    def with_access(
        *,
        security: str,
        service: str | None,
        principal: str | None,
        tickets: Path | None,
        no_tickets: bool,
        timeout: float,
        parallel: int,
        mount_port: int | None,
        verbose: bool,
        **rest: object,
    ) -> None:
        if tickets is not None and principal is None:
            raise click.UsageError("--tickets needs --principal: a file may have tickets of several")
        access = Access(security, service, principal, tickets, not no_tickets, timeout, parallel, mount_port)
        command(access=access, verbose=verbose, **rest)

    return with_access


def run(url: NfsUrl, access: Access, work: Work, *, summary: bool) -> None:
    """Do the work with a session; every error becomes one line and exit status 1, a signal 130."""

    async def main() -> bool:
        with trio.CancelScope() as everything:
            scopes = [everything]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_on_signals, scopes)
                async with connected(url, access) as session:
                    # To clean up, the work needs the session, so that is not cancelled together with it.
                    with trio.CancelScope() as working:
                        scopes.append(working)
                        await work(session)
                        if summary and access.security.startswith("krb5"):
                            click.echo(session.journal.summary(), err=True)
                nursery.cancel_scope.cancel()
        return any(scope.cancelled_caught for scope in scopes)

    try:
        interrupted = trio.run(main)
    except ExceptionGroup as group:
        _fail(first_error(group), url)
    except Exception as error:
        _fail(error, url)
    else:
        if interrupted:
            click.echo("interrupted; every file is whole or as it was", err=True)
            sys.exit(INTERRUPTED)


async def _cancel_on_signals(scopes: Sequence[trio.CancelScope]) -> None:
    """The first signal cancels the innermost scope of that moment, each further one the next around it."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            next((scope for scope in reversed(scopes) if not scope.cancel_called), scopes[0]).cancel()


def _fail(error: Exception, url: NfsUrl) -> None:
    """One line for what people can do something about; what is left is a mistake of ours and keeps its traceback."""
    where = f"{url.host}:{url.port}"
    match error:
        case BrokenPipeError():  # the reader of our output has seen enough
            forget_output()
            sys.exit(1)
        case NfsError() | TicketStoreError() | SecurityError() | ValueError():
            message = str(error)
        case OSError(filename=str() | bytes() as name, strerror=str() as words):
            message = f"{os.fsdecode(name)}: {words}"
        case OSError():
            message = error.strerror or str(error)
        case AuthRefused():
            message = f"{where}: {error}; try another --sec, or ask the server's owner to let you in"
        case CallTimedOut():
            message = f"{where}: no answer in time; look whether the server runs, or give it a longer --timeout"
        case ConnectionLost():
            message = f"{where}: {error}; look whether the server runs"
        case OutcomeUnknown():
            message = f"{where}: {error}; look with ls whether the change was made"
        case RpcError():
            message = f"{where}: {error}"
        case _:
            raise error
    raise click.ClickException(printable(message)) from error


# looking


@click.command()
@click.argument("urls", type=URL, nargs=-1, required=True)
@click.option("-l", "long", is_flag=True, help="With attributes.")
@click.option("--follow", is_flag=True, help="Go through symbolic links.")
@access_options
def ls(urls: tuple[NfsUrl, ...], long: bool, follow: bool, access: Access, verbose: bool) -> None:
    """List directories."""

    async def show(session: Session, name: str, node: Node) -> None:
        target = await session.nfs.readlink(node) if long and node.is_link else None
        click.echo(long_line(name, node, target) if long else printable(name))

    async def work(session: Session, url: NfsUrl) -> None:
        node = await session.at(url, follow=follow)
        if not node.is_directory:
            await show(session, url.name, node)
            return
        for entry in sorted(await session.nfs.entries(node), key=lambda entry: entry.name):
            await show(session, entry.name, entry.node)

    for url in urls:
        if len(urls) > 1:
            click.echo(f"{url}:")
        run(url, access, functools.partial(_with_url, work, url), summary=verbose)


@click.command()
@click.argument("url", type=URL)
@click.option("--follow", is_flag=True, help="Go through symbolic links.")
@access_options
def stat(url: NfsUrl, follow: bool, access: Access, verbose: bool) -> None:
    """Show what the server says of a file."""

    async def work(session: Session) -> None:
        node = await session.at(url, follow=follow)
        for line in stat_lines(node, await session.nfs.readlink(node) if node.is_link else None):
            click.echo(line)

    run(url, access, work, summary=verbose)


@click.command()
@click.argument("url", type=URL)
@click.option("--follow", is_flag=True, help="Go through symbolic links.")
@access_options
def cat(url: NfsUrl, follow: bool, access: Access, verbose: bool) -> None:
    """Write a file to standard output."""

    async def work(session: Session) -> None:
        node = await session.at(url, follow=follow)
        if not node.is_file:
            raise WrongKindOfFile(f"{node.path}: is not a regular file")
        block = (await session.nfs.limits(node)).read
        end, position = None, 0
        while end is None:
            pieces: dict[int, bytes] = {}
            # As far as the file is known to go; behind that, block by block until its end.
            stop = max(position + block, min(node.attributes.size, position + CAT_BLOCKS * block))
            end = await fetch(session.nfs, node, position, stop, block, pieces.__setitem__)
            whole = b"".join(data for offset, data in sorted(pieces.items()))
            await trio.to_thread.run_sync(_write_out, whole[: (stop if end is None else end) - position])
            position = stop

    run(url, access, work, summary=verbose)


def _write_out(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


async def _with_url(work: Callable[[Session, NfsUrl], Awaitable[None]], url: NfsUrl, session: Session) -> None:
    await work(session, url)


# copying


def copy_options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("-r", "--recursive", is_flag=True, help="Copy directories with what is in them.")(command)
    command = click.option("--links", is_flag=True, help="Copy symbolic links of a tree as links.")(command)
    return click.option("-p", "--preserve", is_flag=True, help="Keep the times of modification.")(command)


@click.command()
@click.argument("url", type=URL)
@click.argument("target", type=click.Path(path_type=Path), default=".")
@click.option("--follow", is_flag=True, help="Go through symbolic links of the URL.")
@copy_options
@access_options
def get(
    url: NfsUrl,
    target: Path,
    follow: bool,
    recursive: bool,
    links: bool,
    preserve: bool,
    access: Access,
    verbose: bool,
) -> None:
    """Copy a file, or with -r a directory, from the server to TARGET (a new name, or a directory to put it in)."""

    place = target / url.name if target.is_dir() else target

    async def work(session: Session) -> None:
        node = await session.at(url, follow=follow)
        with progress_bar() as bar:
            copier = Copier(session.nfs, await session.nfs.limits(node), bar, links=links, preserve=preserve)
            if node.is_directory and not recursive:
                raise WrongKindOfFile(f"{node.path}: is a directory; copy it with -r")
            await (copier.get_tree(node, place) if node.is_directory else copier.get_file(node, place))
        _report(bar, f"to {place}")

    run(url, access, work, summary=True)


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("url", type=URL)
@copy_options
@access_options
def put(source: Path, url: NfsUrl, recursive: bool, links: bool, preserve: bool, access: Access, verbose: bool) -> None:
    """Copy SOURCE, a file or with -r a directory, to the server (to a new name, or into a directory)."""

    is_tree = source.is_dir()
    if is_tree and not recursive:
        raise click.UsageError(f"{source} is a directory; copy it with -r")
    own_name = source.resolve().name

    async def work(session: Session) -> None:
        directory, name = await _place(session, url, own_name)
        with progress_bar() as bar:
            copier = Copier(session.nfs, await session.nfs.limits(directory), bar, links=links, preserve=preserve)
            if is_tree:
                await copier.put_tree(source, await copier.directory(directory, name) if name else directory)
            else:
                await copier.put_file(source, (directory, name))
        _report(bar, f"to {url}")

    run(url, access, work, summary=True)


async def _place(session: Session, url: NfsUrl, name: str) -> tuple[Node, str]:
    """Where to put something called `name`: inside of the URL if that is a directory, else at the URL."""
    root, components = await session.root_of(url.components)
    if not components:
        return root, name
    parent = await session.nfs.walk(root, components[:-1])
    there = await session.nfs.find(parent, components[-1])
    if there is not None and there.is_directory:
        return there, name
    return parent, components[-1]


def _report(bar: Progressing, where: str) -> None:
    for line in bar.left_out:
        click.echo(line, err=True)
    files = f"{bar.files} file{'s' if bar.files != 1 else ''}"
    click.echo(f"{files}, {bar.octets} octets {printable(where)}", err=True)


# changing


@click.command()
@click.argument("url", type=URL)
@click.option("-r", "--recursive", is_flag=True, help="Remove directories with what is in them.")
@access_options
def rm(url: NfsUrl, recursive: bool, access: Access, verbose: bool) -> None:
    """Remove a file."""

    async def work(session: Session) -> None:
        directory, name = await _named(session, url)
        node = await session.nfs.lookup(directory, name)
        if not node.is_directory:
            await session.nfs.remove(directory, name)
        elif recursive:
            await _remove_tree(session, directory, name, node)
        else:
            raise NfsStatusError(node.path, nfsstat3.NFS3ERR_ISDIR)

    run(url, access, work, summary=verbose)


async def _remove_tree(session: Session, directory: Node, name: str, node: Node) -> None:
    for entry in await session.nfs.entries(node):
        if entry.node.is_directory:
            await _remove_tree(session, node, entry.name, entry.node)
        else:
            await session.nfs.remove(node, entry.name)
    await session.nfs.remove_directory(directory, name)


@click.command()
@click.argument("url", type=URL)
@click.option("-p", "--parents", is_flag=True, help="Make the directories above it too; it may exist already.")
@access_options
def mkdir(url: NfsUrl, parents: bool, access: Access, verbose: bool) -> None:
    """Make a directory."""

    async def work(session: Session) -> None:
        if not parents:
            await session.nfs.make_directory(*await _named(session, url))
            return
        node, components = await session.root_of(url.components)
        copier = Copier(session.nfs, await session.nfs.limits(node))
        for name in components:
            node = await copier.directory(node, name)

    run(url, access, work, summary=verbose)


@click.command()
@click.argument("url", type=URL)
@access_options
def rmdir(url: NfsUrl, access: Access, verbose: bool) -> None:
    """Remove an empty directory."""

    async def work(session: Session) -> None:
        await session.nfs.remove_directory(*await _named(session, url))

    run(url, access, work, summary=verbose)


@click.command()
@click.argument("source", type=URL)
@click.argument("target", type=URL)
@access_options
def mv(source: NfsUrl, target: NfsUrl, access: Access, verbose: bool) -> None:
    """Rename a file or directory, or move it into another directory of the server."""

    async def work(session: Session) -> None:
        directory, name = await _named(session, source)
        node = await session.nfs.lookup(directory, name)
        await session.nfs.rename(node, (directory, name), await _place(session, target, name))

    _same_server(source, target)
    run(source, access, work, summary=verbose)


@click.command()
@click.argument("target")
@click.argument("url", type=URL)
@click.option("-s", "symbolic", is_flag=True, help="A symbolic link, whose text is TARGET.")
@access_options
def ln(target: str, url: NfsUrl, symbolic: bool, access: Access, verbose: bool) -> None:
    """Give the file at the URL TARGET one more name, or with -s make a symbolic link."""

    async def work(session: Session) -> None:
        directory, name = await _named(session, url)
        if symbolic:
            await session.nfs.make_link(directory, name, target)
        else:
            await session.nfs.make_hard_link(await session.at(_url(target)), directory, name)

    if not symbolic:
        _same_server(_url(target), url)
    run(url, access, work, summary=verbose)


def _url(text: str) -> NfsUrl:
    try:
        return NfsUrl.parse(text)
    except UrlError as error:
        raise click.UsageError(str(error)) from error


def _same_server(one: NfsUrl, other: NfsUrl) -> None:
    if (one.host, one.port) != (other.host, other.port):
        raise click.UsageError("both URLs must be of the same server; copy with get and put instead")


async def _named(session: Session, url: NfsUrl) -> tuple[Node, str]:
    """The directory and name that a URL ends in."""
    root, components = await session.root_of(url.components)
    if not components:
        raise NfsError(f"{url.path}: is an export's root itself; name something in it")
    return await session.nfs.walk(root, components[:-1]), components[-1]


COMMANDS: Final[tuple[click.Command, ...]] = (ls, stat, cat, get, put, rm, mkdir, rmdir, mv, ln)

"""``rpcgss tickets``: a client's tickets in a file."""

import time
from pathlib import Path

import click
import trio
from rich.table import Table

from rpcgss.cli.common import moment, plain, show_json, show_table, told
from rpcgss.reauth.errors import TicketStoreError
from rpcgss.reauth.tickets import SqliteTicketStore, Ticket

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Look at the tickets that clients keep in a file, or delete some.

    Whoever reads FILE can do what its principals may do, until the tickets expire: it is guarded like a credential
    cache. Deleting a ticket costs its client one full exchange, no more.

    \b
    Examples:
      rpcgss tickets list ~/.cache/backup/tickets
      rpcgss tickets purge ~/.cache/backup/tickets                        # what has expired
      rpcgss tickets purge ~/.cache/backup/tickets --principal alice@EXAMPLE.ORG
      rpcgss tickets purge ~/.cache/backup/tickets --all
    """


@command.command(name="list")
@FILE
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(file: Path, as_json: bool) -> None:
    """Show the tickets in FILE: whose, for which service, until when. Their secrets are not shown."""
    with told(TicketStoreError):
        store = SqliteTicketStore(file)
        try:
            tickets = store.tickets()
        finally:
            store.close()
    now = time.time()
    if as_json:
        show_json([_described(ticket, now) for ticket in tickets])
        return
    table = Table()
    for column in ("principal", "service", "mechanism", "key", "expires"):
        table.add_column(column, overflow="fold")
    for ticket in tickets:
        expires = "expired" if ticket.expired(now) else moment(ticket.expiry)
        index = f"{ticket.key_index:08x}"
        # Text, not rich's markup: names are strangers' octets.
        table.add_row(*map(plain, (ticket.initiator.display, ticket.target, ticket.mechanism, index, expires)))
    show_table(table)


@command.command()
@FILE
@click.option("--principal", help="Delete this principal's tickets, whether expired or not.")
@click.option("--service", help="With --principal: only those for this service, as the client named it.")
@click.option("--all", "everything", is_flag=True, help="Delete all tickets.")
def purge(file: Path, principal: str | None, service: str | None, everything: bool) -> None:
    """Delete the tickets in FILE that have expired, or those that the options name."""
    if service is not None and principal is None:
        raise click.UsageError("--service says which tickets of a --principal; give that too")
    if everything and principal is not None:
        raise click.UsageError("either --all or --principal")
    with told(TicketStoreError):
        store = SqliteTicketStore(file)
        try:
            deleted = trio.run(_purge, store, principal, service, everything)
        finally:
            store.close()
    click.echo(f"{deleted} {'ticket' if deleted == 1 else 'tickets'} deleted")


async def _purge(store: SqliteTicketStore, principal: str | None, service: str | None, everything: bool) -> int:
    if not everything and principal is None:
        return await store.purge(time.time())
    chosen = {
        (ticket.initiator.display, ticket.target)
        for ticket in store.tickets()
        if everything or (ticket.initiator.display == principal and service in (None, ticket.target))
    }
    before = len(store.tickets())
    for owner, target in chosen:
        await store.forget(owner, target)
    return before - len(store.tickets())


def _described(ticket: Ticket, now: float) -> dict[str, object]:
    return {
        "principal": ticket.initiator.display,
        "service": ticket.target,
        "acceptor": ticket.acceptor.display,
        "mechanism": ticket.mechanism,
        "key": f"{ticket.key_index:08x}",
        "expiry": ticket.expiry,
        "expired": ticket.expired(now),
    }

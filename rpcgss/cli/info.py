"""``rpcgss info``: what a host's rpcbind lists."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import NamedTuple

import click
import trio
from rich.table import Table

from rpcgss.binding import ASK_SECONDS, RPCBIND_SOCKET, open_local_rpcbind, open_rpcbind
from rpcgss.cli.common import plain, show_json, show_table, told
from rpcgss.cli.programs import program_name
from rpcgss.rpc.errors import BadAddress, RpcError
from rpcgss.rpc.rpcbind import Registration, Rpcbind
from rpcgss.rpc.rpcbind_xdr import RPCB_PORT
from rpcgss.rpc.universal import InternetAddress, parse_address_untrusted


class Answer(NamedTuple):
    """What rpcbind says, and in which version."""

    version: int
    registrations: list[Registration]


@click.command()
@click.argument("host", required=False)
@click.option("--port", type=click.IntRange(1, 65535), default=RPCB_PORT, show_default=True, help="Where rpcbind is.")
@click.option(
    "--transport", type=click.Choice(["tcp", "udp", "unix"]), help="How to ask.  [default: tcp; without HOST, unix]"
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=ASK_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an answer.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(host: str | None, port: int, transport: str | None, timeout: float, as_json: bool) -> None:
    """List the RPC programs that the rpcbind of HOST knows; without HOST, those of this machine.

    With --transport unix, HOST is the path of a Unix socket.

    \b
    Examples:
      rpcgss info nfs.example.org
      rpcgss info
      rpcgss info nfs.example.org --json | jq -r '.programs[] | select(.service == "nfs") | .address'
    """
    if transport == "unix" or (transport is None and host is None):
        opened = partial(open_local_rpcbind, host or RPCBIND_SOCKET, timeout=timeout)
    else:
        opened = partial(
            open_rpcbind,
            host or "localhost",
            port=port,
            transport="udp" if transport == "udp" else "tcp",
            timeout=timeout,
        )
    with told(RpcError):
        answer = trio.run(_ask, opened)
    if as_json:
        show_json({"rpcbind_version": answer.version, "programs": [_described(each) for each in answer.registrations]})
    else:
        _show(answer)


async def _ask(opened: Callable[[], AbstractAsyncContextManager[Rpcbind]]) -> Answer:
    async with opened() as rpcbind:
        registrations = await rpcbind.dump()
        return Answer(rpcbind.version, registrations)


def _described(each: Registration) -> dict[str, object]:
    """Of no program are there fewer fields than of another: what is not known is None."""
    try:
        address = parse_address_untrusted(each.netid, each.address)
    except BadAddress:
        address = None
    internet = address if isinstance(address, InternetAddress) else None
    return {
        "program": each.program,
        "version": each.version,
        "netid": each.netid,
        "address": each.address,
        "host": internet and internet.host,
        "port": internet and internet.port,
        "service": program_name(each.program),
        "owner": each.owner or None,
    }


def _show(answer: Answer) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("program", "version"):
        table.add_column(column, justify="right")
    for column in ("netid", "address", "port", "service", "owner"):
        table.add_column(column, justify="right" if column == "port" else "left", overflow="fold")
    for each in answer.registrations:
        described = _described(each)
        row = [str(each.program), str(each.version), each.netid, each.address]
        row += [str(described["port"] or ""), program_name(each.program) or "", each.owner]
        table.add_row(*map(plain, row))
    show_table(table)

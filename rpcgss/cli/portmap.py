"""``rpcgss portmap``: a portmapper at work."""

import logging

import click
import trio

from rpcgss.binding import RPCBIND_SOCKET, addresses_of
from rpcgss.cli.common import told
from rpcgss.rpc.flavors import AcceptNone, AcceptSys
from rpcgss.rpc.portmapper import Portmapper
from rpcgss.rpc.rpcbind_xdr import RPCB_PORT
from rpcgss.rpc.server import Server
from rpcgss.rpc.signals import stopping_on_signals
from transport import Listener, listen_tcp, listen_udp, listen_unix

MAX_CALL = 16 * 1024
"""Octets: more than the longest that is understood."""
DRAIN_SECONDS = 1.0


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=RPCB_PORT, show_default=True, help="0 takes a free one.")
@click.option("--host", help="Address to listen on.  [default: all of them]")
@click.option("--unix", "path", default=RPCBIND_SOCKET, show_default=True, metavar="PATH", help="Unix socket.")
@click.option("--no-unix", is_flag=True, help="No Unix socket: only root's registrations are taken, then.")
@click.option("--insecure", is_flag=True, help="Take registrations from all ports of loopback.")
@click.option("-v", "--verbose", is_flag=True, help="Tell of refused calls too.")
def command(port: int, host: str | None, path: str, no_unix: bool, insecure: bool, verbose: bool) -> None:
    """Run a portmapper: rpcbind's versions 2, 3 and 4, until SIGTERM or SIGINT.

    Registrations are taken from this machine alone: by the Unix socket, where each belongs to the user who made it, or
    from ports of loopback that only root can have. With --insecure, every user of this machine can make and withdraw
    registrations by loopback, in nobody's name.

    It makes no calls for others (CALLIT, BCAST, INDIRECT), and sends lists to other machines by TCP only: by UDP, both
    would turn a forged datagram into a larger one to somebody else. Nothing is kept across restarts.

    \b
    Examples:
      rpcgss portmap
      rpcgss portmap --port 10111 --host 127.0.0.1 --unix /tmp/rpcbind.sock
      rpcgss info /tmp/rpcbind.sock --transport unix
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s: %(message)s")
    with told(OSError):
        trio.run(_serve, host, port, None if no_unix else path, insecure)


async def _serve(host: str | None, port: int, path: str | None, insecure: bool) -> None:
    listeners = await _listen(host, port, path)
    addresses = addresses_of(listeners)
    portmapper = Portmapper(addresses, insecure=insecure)
    server = Server(portmapper.services, [AcceptNone(), AcceptSys()], max_record=MAX_CALL)
    async with stopping_on_signals(server):
        for netid, address in addresses.items():
            click.echo(f"listening on {netid} {address}")
        await server.serve(listeners, drain_seconds=DRAIN_SECONDS)


async def _listen(host: str | None, port: int, path: str | None) -> list[Listener]:
    listeners: list[Listener] = [*await listen_tcp(port, host)]
    listeners += await listen_udp(port, host)
    if path is not None:
        listeners.append(listen_unix(path))
    return listeners

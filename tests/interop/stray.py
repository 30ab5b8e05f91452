"""Creation requests that a server did not ask for."""

from collections.abc import Sequence

import trio

from rpcgss.gss.client import GssFlavor
from rpcgss.gss.initiation import Initiation
from rpcgss.gss.mechanism import GssapiProvider
from rpcgss.gss.provider import KRB5, GssFlag, GssName
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.tickets import Ticket
from rpcgss.rpc.flavors import Link, Transmission
from rpcgss.rpc.messages import CallHeader
from rpcgss.rpc.work import ThreadWorker
from xdr import Buffer

TARGET = "nfs@localhost"


class Watched(GssFlavor):
    """One whose connection can be looked at."""

    link: Link | None = None

    async def transmit(self, header: CallHeader, arguments: Sequence[Buffer], link: Link) -> Transmission:
        self.link = link
        return await super().transmit(header, arguments, link)


def give_ticket(tickets: TicketClient, flavor: GssFlavor) -> None:
    """A ticket which no server has ever made."""
    alice, service = (GssName(name, b"") for name in ("alice@RPCGSS.TEST", "nfs/localhost@RPCGSS.TEST"))
    tickets._flavor(flavor.demands).ticket = Ticket(
        alice, service, TARGET, KRB5, int(GssFlag(0x3E)), 1, bytes(224), bytes(32), 2e10
    )


def exchange(flavor: GssFlavor, tickets: TicketClient) -> Initiation:
    """A full exchange beside what the flavor does, with an offer of tickets where that is allowed."""
    return Initiation(GssapiProvider(), flavor.demands, tickets, ThreadWorker(), 20, trio.current_time)

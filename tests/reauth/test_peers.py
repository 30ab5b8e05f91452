"""A peer that is not ours: MIT's kadmind is an RPCSEC_GSS server that knows nothing of tickets, keeps one context on a
connection, and checks sequence numbers against it."""

import functools
import os
import subprocess
from collections.abc import Iterator

import pytest

import xdr
from examples.realm import Realm
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import KRB5, Credentials, GssFlag, GssName
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.tickets import Ticket
from rpcgss.rpc.client import open_client
from transport import open_tcp

KADM_NULL = xdr.Procedure(2112, 2, 0, "NULL", xdr.VOID, xdr.VOID)


@pytest.fixture(scope="module")
def administered(realm: Realm) -> Iterator[Realm]:
    """A realm of its own, with kadmind, and a ticket for it in `directory`/admin."""
    with Realm("KADMIN.TEST") as own:
        own.add_principal("user/admin")
        keytab = own.keytab(own.directory / "user-admin", "user/admin")
        subprocess.run(
            [
                "kinit",
                "-k",
                "-t",
                keytab,
                "-S",
                "kadmin/admin",
                "-c",
                own.directory / "admin",
                "user/admin@KADMIN.TEST",
            ],
            env=os.environ | own.env,
            check=True,
        )
        own.start_kadmind()
        with own.environment():
            yield own


def kadmin_flavor(realm: Realm, tickets: TicketClient) -> GssFlavor:
    return GssFlavor(
        f"kadmin/admin@{realm.name}",
        credentials=Credentials(ccache=f"FILE:{realm.directory / 'admin'}"),
        extension=tickets,
    )


async def test_case_11_kadmind_ignores_an_offer(administered: Realm) -> None:
    tickets = TicketClient()
    gss = kadmin_flavor(administered, tickets)
    connect = functools.partial(open_tcp, "127.0.0.1", administered.kadmin_port)
    async with open_client(connect, gss, timeout=20) as client:
        for _ in range(3):
            await client.call(KADM_NULL, None)
    assert (gss.counters.by_exchange, tickets.counters.granted, tickets.counters.not_granted) == (1, 0, 0)


async def test_case_11_a_stray_request_does_kadmind_no_harm(administered: Realm) -> None:
    tickets = TicketClient()
    gss = kadmin_flavor(administered, tickets)
    stray = Ticket(
        GssName("user/admin@KADMIN.TEST", b""),
        GssName("kadmin/admin@KADMIN.TEST", b""),
        gss.demands.target,
        KRB5,
        int(GssFlag(0x3E)),
        1,
        bytes(224),
        bytes(32),
        2e10,
    )
    tickets._flavor(gss.demands).ticket = stray
    connect = functools.partial(open_tcp, "127.0.0.1", administered.kadmin_port)
    async with open_client(connect, gss, timeout=20) as client:
        for _ in range(3):
            await client.call(KADM_NULL, None)
    assert (gss.counters.by_exchange, tickets.counters.attempts, tickets.counters.refused) == (1, 1, 1)


async def test_case_11_no_offer_where_a_context_lives(administered: Realm) -> None:
    """A second exchange on the connection: kadmind refuses it, whatever its seq_num; the client goes elsewhere."""
    tickets = TicketClient()
    gss = kadmin_flavor(administered, tickets)
    offers: list[int] = []
    offer = tickets.offer

    def noted(*arguments: object, **options: object) -> int:
        offers.append(offer(*arguments, **options))  # type: ignore[arg-type]
        return offers[-1]

    tickets.offer = noted  # type: ignore[method-assign]
    connect = functools.partial(open_tcp, "127.0.0.1", administered.kadmin_port)
    async with open_client(connect, gss, timeout=20) as client:
        await client.call(KADM_NULL, None)
        assert gss.context is not None
        gss.context.retire()
        await client.call(KADM_NULL, None)
    assert offers[:2] == [0x46524131, 0]

"""Clients by address: a connection, and the client that uses it, in one step."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

import xdr
from rpcgss.binding import Transport, find
from rpcgss.rpc.client import DEFAULT_TIMEOUT, MAX_OUTSTANDING, Client, open_client
from rpcgss.rpc.flavors import ClientFlavor
from rpcgss.rpc.link import RecordChannel
from rpcgss.rpc.observe import Observer
from rpcgss.rpc.retransmission import Retransmission
from rpcgss.rpc.rpcbind_xdr import RPCB_PORT
from rpcgss.rpc.tls import ClientTls, open_with_tls
from transport import MAX_RECORD, open_tcp, open_udp, open_unix

UDP_OUTSTANDING: Final = 64


def connect_tcp(
    host: str,
    port: int,
    flavor: ClientFlavor,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    replies_kept: float = 0.0,
    max_record: int = MAX_RECORD,
    connections: int = 1,
    observer: Observer | None = None,
    tls: ClientTls | None = None,
) -> AbstractAsyncContextManager[Client]:
    """A client of the server at `host` and `port`, for use in ``async with``; see `open_client`.

    timeout        -- seconds that a call may take in all
    non_idempotent -- procedures that must not be executed twice
    replies_kept   -- seconds for which the server keeps its replies to them; 0: they are never sent twice
    max_record     -- octets that a reply may have
    connections    -- over so many, at most
    observer       -- see `Observer`
    tls            -- over TLS (RFC 9289), on each connection that is made, as `client_tls` says; None: in plaintext
    """
    connect = partial(open_tcp, host, port, max_record=max_record)
    return open_client(
        connect if tls is None else partial(open_with_tls, connect, host, _client_tls(tls)),
        flavor,
        timeout=timeout,
        non_idempotent=non_idempotent,
        replies_kept=replies_kept,
        connections=connections,
        observer=observer,
    )


def connect_unix(
    path: str,
    flavor: ClientFlavor,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    replies_kept: float = 0.0,
    max_record: int = MAX_RECORD,
    connections: int = 1,
    observer: Observer | None = None,
) -> AbstractAsyncContextManager[Client]:
    """A client of the server whose Unix socket is at `path`; else as `connect_tcp`."""
    connect = partial(open_unix, path, max_record=max_record)
    return open_client(
        connect,
        flavor,
        timeout=timeout,
        non_idempotent=non_idempotent,
        replies_kept=replies_kept,
        connections=connections,
        observer=observer,
    )


def connect_udp(
    host: str,
    port: int,
    flavor: ClientFlavor,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    replies_kept: float = 0.0,
    max_outstanding: int = UDP_OUTSTANDING,
    retransmission: Retransmission | None = None,
    observer: Observer | None = None,
) -> AbstractAsyncContextManager[Client]:
    """A client of the server at `host` and `port` by UDP; else as `connect_tcp`.

    Calls are sent again until they are answered, see `Retransmission`; those of `non_idempotent` procedures are sent
    once, unless `replies_kept` says that the server knows them again. A call that does not fit into a datagram raises
    `CallTooLarge`. That nobody is there shows when a call has timed out.

    max_outstanding -- calls in flight; further ones wait. Nothing else keeps a client from flooding its network
    """
    return open_client(
        partial(open_udp, host, port),
        flavor,
        timeout=timeout,
        non_idempotent=non_idempotent,
        replies_kept=replies_kept,
        max_outstanding=max_outstanding,
        retransmission=retransmission,
        observer=observer,
    )


def connect_program(
    host: str,
    program: int,
    version: int,
    flavor: ClientFlavor,
    *,
    transport: Transport = "tcp",
    rpcbind_port: int = RPCB_PORT,
    timeout: float = DEFAULT_TIMEOUT,
    non_idempotent: Collection[xdr.Procedure[Any, Any]] = (),
    replies_kept: float = 0.0,
    max_record: int = MAX_RECORD,
    connections: int = 1,
    observer: Observer | None = None,
    tls: ClientTls | None = None,
) -> AbstractAsyncContextManager[Client]:
    """A client of a program whose port the rpcbind of `host` knows; else as `connect_tcp`.

    It is asked for each new connection: a server that comes back at another port is found again (by UDP, by the call
    after one that has timed out). Of its answer only the port is believed, not that the program is at another host.
    `tls` is of the program's connection; rpcbind itself is asked in plaintext. Raises `ValueError` of TLS over UDP.
    """
    if tls is not None and transport == "udp":
        raise ValueError("TLS goes over TCP (RFC 9289, 5.1; there is no DTLS here)")
    tls = None if tls is None else _client_tls(tls)

    async def connect() -> RecordChannel:
        address = await find(host, program, version, transport=transport, rpcbind_port=rpcbind_port)
        if transport == "udp":
            return await open_udp(address.host, address.port)
        opened = partial(open_tcp, address.host, address.port, max_record=max_record)
        return await (opened() if tls is None else open_with_tls(opened, host, tls))

    return open_client(
        connect,
        flavor,
        timeout=timeout,
        non_idempotent=non_idempotent,
        replies_kept=replies_kept,
        max_outstanding=UDP_OUTSTANDING if transport == "udp" else MAX_OUTSTANDING,
        connections=connections,
        observer=observer,
    )


def _client_tls(tls: ClientTls) -> ClientTls:
    if not isinstance(tls, ClientTls):
        raise TypeError(f"{tls!r} does not say how a client wants TLS: give what rpcgss.client_tls makes")
    return tls

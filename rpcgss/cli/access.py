"""How commands reach a server: an address, a flavor, TLS, as options and as the client that they mean."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TypeVar

import click

from rpcgss.binding import Transport
from rpcgss.connect import connect_program, connect_tcp, connect_udp
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.provider import GssService
from rpcgss.reauth.client import TicketClient
from rpcgss.rpc.client import Client
from rpcgss.rpc.flavors import AuthNone, AuthSys, ClientFlavor
from rpcgss.rpc.observe import Observer
from rpcgss.rpc.rpcbind_xdr import RPCB_PORT
from rpcgss.rpc.tls import ClientTls, client_tls

F = TypeVar("F", bound=Callable[..., object])

MAX_PORT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is; without a port, rpcbind is asked."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class PlaceType(click.ParamType[Place]):
    """HOST, HOST:PORT, [IPV6]:PORT or an IPv6 address alone."""

    name = "host[:port]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        if isinstance(value, Place):
            return value
        text = str(value)
        host, port = text, ""
        if text.startswith("["):
            host, closed, rest = text[1:].partition("]")
            if not closed or (rest and not rest.startswith(":")):
                self.fail(f"{text!r}: an IPv6 address is written [ADDRESS] or [ADDRESS]:PORT", param, ctx)
            port = rest
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
            port = f":{port}"
        if not host:
            self.fail(f"{text!r} names no host", param, ctx)
        if not port:
            return Place(host, None)
        if not port[1:].isdecimal() or not 0 < int(port[1:]) <= MAX_PORT:
            self.fail(f"{text!r}: ports are numbers from 1 to {MAX_PORT}", param, ctx)
        return Place(host, int(port[1:]))


@dataclass(frozen=True, slots=True)
class Access:
    """What the options of `access_options` say. `tickets` is the extension of a GSS flavor."""

    place: Place
    program: int
    version: int
    flavor: ClientFlavor
    tickets: TicketClient | None
    tls: ClientTls | None
    transport: Transport
    rpcbind_port: int

    def open(self, timeout: float, observer: Observer) -> AbstractAsyncContextManager[Client]:
        """The client. Entering it raises what connecting raises."""
        host, port = self.place.host, self.place.port
        if port is not None and self.transport == "udp":
            return connect_udp(host, port, self.flavor, timeout=timeout, observer=observer)
        if port is not None:
            return connect_tcp(host, port, self.flavor, timeout=timeout, tls=self.tls, observer=observer)
        return connect_program(
            host,
            self.program,
            self.version,
            self.flavor,
            transport=self.transport,
            rpcbind_port=self.rpcbind_port,
            timeout=timeout,
            tls=self.tls,
            observer=observer,
        )


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """The options as they were given."""

    sec: str
    service: str | None
    tls: str
    ca: str | None
    cert: str | None
    key: str | None
    udp: bool
    rpcbind_port: int

    def access(self, place: Place, program: int, version: int) -> Access:
        """Raises `click.UsageError` of options that contradict each other, `OSError` of files that are not there."""
        if self.tls == "off" and (self.ca or self.cert or self.key):
            raise click.UsageError("--ca, --cert and --key are for --tls required or --tls opportunistic")
        if self.key and not self.cert:
            raise click.UsageError("--key belongs to --cert")
        if self.service and self.sec not in _SERVICES:
            raise click.UsageError(f"--service is for --sec {', '.join(_SERVICES)}")
        if self.udp and self.tls != "off":
            raise click.UsageError("--tls goes over TCP: leave out --udp")
        tls = None
        if self.tls != "off":
            tls = client_tls(self.ca, self.cert, self.key, opportunistic=self.tls == "opportunistic")
        tickets = TicketClient() if self.sec in _SERVICES else None
        flavor = self._flavor(place, tickets)
        transport: Transport = "udp" if self.udp else "tcp"
        return Access(place, program, version, flavor, tickets, tls, transport, self.rpcbind_port)

    def _flavor(self, place: Place, tickets: TicketClient | None) -> ClientFlavor:
        match self.sec:
            case "none":
                return AuthNone()
            case "sys":
                return AuthSys()
        service = _SERVICES[self.sec]
        return GssFlavor(self.service or f"nfs@{place.host}", service=service, extension=tickets)


_SERVICES = {service.security: service for service in GssService}


def access_options(command: F) -> F:
    """Give a command the options of `AccessOptions`."""
    file = click.Path(exists=True, dir_okay=False)
    for option in reversed(
        (
            click.option(
                "--sec",
                type=click.Choice(["none", "sys", *_SERVICES]),
                default="none",
                show_default=True,
                help="How calls are secured. The krb5 ones need a ticket of yours (kinit).",
            ),
            click.option("--service", metavar="NAME@HOST", help="Whom to expect there.  [default: nfs@HOST]"),
            click.option(
                "--tls",
                type=click.Choice(["off", "opportunistic", "required"]),
                default="off",
                show_default=True,
                help="Whether to speak TLS (RFC 9289).",
            ),
            click.option(
                "--ca", type=file, help="PEM file of whom to trust for TLS.  [default: whom the system trusts]"
            ),
            click.option("--cert", type=file, help="PEM file of your own certificate for TLS."),
            click.option("--key", type=file, help="PEM file of its key.  [default: in the same file]"),
            click.option("--udp", is_flag=True, help="Call by UDP."),
            click.option(
                "--rpcbind-port",
                type=click.IntRange(1, MAX_PORT),
                default=RPCB_PORT,
                show_default=True,
                help="Where to ask for the port of the program.",
            ),
        )
    ):
        command = option(command)
    return command

"""``rpcgss ping``: NULL calls, how long they took, and what was agreed upon for them."""

import math
import signal
import statistics
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import click
import trio

import xdr
from rpcgss.cli.access import Access, AccessOptions, Place, PlaceType, access_options
from rpcgss.cli.common import show_json, told
from rpcgss.cli.programs import ProgramType, program_name, program_text
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.rpc.client import Client
from rpcgss.rpc.errors import AuthenticationFailed, CallFailed, Refusal, RpcError
from rpcgss.rpc.observe import Event, ObservedCall, Observer


@dataclass(slots=True)
class Pings:
    """What came of it. `contexts` are seconds, `error` is why it ended early."""

    peer: str = ""
    connect_seconds: float | None = None
    tls: dict[str, object] | None = None
    context: dict[str, object] | None = None
    calls: list["Ping"] = field(default_factory=list)
    error: str | None = None

    @property
    def seconds(self) -> list[float]:
        """Of the calls that were answered."""
        return [ping.seconds for ping in self.calls if ping.error is None]

    @property
    def well(self) -> bool:
        """There were calls, and all were answered."""
        return self.error is None and bool(self.calls) and all(ping.error is None for ping in self.calls)

    def plain(self, access: Access) -> dict[str, object]:
        """For JSON; docs/observing.md describes it."""
        times = self.seconds
        return {
            "host": access.place.host,
            "port": access.place.port,
            "program": access.program,
            "program_name": program_name(access.program),
            "version": access.version,
            "transport": access.transport,
            "security": access.flavor.security,
            "peer": self.peer or None,
            "connect_seconds": self.connect_seconds,
            "tls": self.tls,
            "context": self.context,
            "calls": [{"seconds": ping.seconds, "outcome": ping.outcome, "error": ping.error} for ping in self.calls],
            "answered": len(times),
            "min": min(times, default=None),
            "median": statistics.median(times) if times else None,
            "max": max(times, default=None),
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Ping:
    """One call. `seconds` are without the making of contexts."""

    seconds: float
    outcome: str
    error: str | None


class _Watch(Observer):
    """Takes the time of calls, and of the contexts that were made meanwhile."""

    def __init__(self) -> None:
        self.call: ObservedCall | None = None
        self.made: ClientEvent | None = None
        self._making = 0.0

    def call_began(self, call: ObservedCall) -> None:
        self._making = 0.0

    def call_ended(self, call: ObservedCall) -> None:
        call.seconds -= self._making
        self.call = call

    def event(self, event: Event) -> None:
        if isinstance(event, ClientEvent) and event.kind is not ClientEventKind.LOST:
            self.made = self.made or (event if event.origin is not None else None)
            self._making += event.seconds


_FOR_EVER: Final = 0


@click.command()
@click.argument("place", metavar="HOST[:PORT]", type=PlaceType())
@click.argument("program", type=ProgramType())
@click.argument("version", type=click.IntRange(0, 0xFFFFFFFF))
@access_options
@click.option("--count", type=click.IntRange(_FOR_EVER), default=4, show_default=True, help="Calls; 0: until Ctrl-C.")
@click.option("--interval", type=click.FloatRange(0), default=1.0, show_default=True, help="Seconds between calls.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True, help="Of each call."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end, and nothing else.")
def command(
    place: Place,
    program: int,
    version: int,
    count: int,
    interval: float,
    timeout: float,
    as_json: bool,
    **options: object,
) -> None:
    """Call procedure 0 of a program, and say how long it took.

    PROGRAM is a number or a well-known name (nfs, mountd, portmapper …). Without a PORT, the rpcbind of HOST is asked
    for it.

    \b
    Examples:
      rpcgss ping server.example.org nfs 3
      rpcgss ping server.example.org:2049 nfs 4 --sec krb5p --count 10 --interval 0.2
      rpcgss ping server.example.org:2049 nfs 4 --tls required --ca ca.pem
      rpcgss ping server.example.org mountd 3 --udp
      rpcgss ping localhost:20049 0x20000099 1 --sec sys --json

    Exit status: 0 if all calls were answered, 1 if not, 2 if it was called wrongly.
    """
    with told(OSError):
        access = AccessOptions(**options).access(place, program, version)  # type: ignore[arg-type]  # click's types
    pings = Pings()
    trio.run(_until_interrupted, access, pings, count, interval, timeout, not as_json)
    if as_json:
        show_json(pings.plain(access))
    elif pings.calls and (pings.error is None or len(pings.calls) > 1):
        click.echo(_summary(pings))
    if pings.error is not None:
        raise click.ClickException(pings.error)
    if not pings.well:
        raise SystemExit(1)


async def _until_interrupted(
    access: Access, pings: Pings, count: int, interval: float, timeout: float, aloud: bool
) -> None:
    """Ctrl-C ends it, and is no error."""

    async def watch(arrivals: AsyncIterator[int]) -> None:
        async for _ in arrivals:
            nursery.cancel_scope.cancel()

    with trio.open_signal_receiver(signal.SIGINT) as arrivals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, arrivals)
            with _noted(pings):
                await _ping(access, pings, count, interval, timeout, aloud)
            nursery.cancel_scope.cancel()


@contextmanager
def _noted(pings: Pings) -> Iterator[None]:
    """What ends everything is told at the end."""
    try:
        yield
    except (RpcError, OSError) as error:
        pings.error = _line(error)


async def _ping(access: Access, pings: Pings, count: int, interval: float, timeout: float, aloud: bool) -> None:
    watch, began = _Watch(), trio.current_time()
    async with access.open(timeout, watch) as client:
        pings.connect_seconds = trio.current_time() - began
        pings.tls = _tls(client)
        if aloud:
            click.echo(_heading(access, pings))
        null = xdr.Procedure(access.program, access.version, 0, "NULL", xdr.VOID, xdr.VOID)
        number = 0
        while count == _FOR_EVER or number < count:
            if number:
                await trio.sleep(interval)
            number += 1
            error = await _call(client, null)
            assert watch.call is not None
            pings.calls.append(Ping(watch.call.seconds, watch.call.outcome, None if error is None else _line(error)))
            _agreed(access, pings, watch, aloud=aloud)
            if isinstance(error, Refusal | AuthenticationFailed):
                raise error  # it would not be better next time
            if aloud:
                click.echo(f"{number}: {pings.calls[-1].error or _milliseconds(watch.call.seconds)}")


async def _call(client: Client, null: xdr.Procedure[None, None]) -> RpcError | None:
    try:
        await client.call(null, None)
    except (CallFailed, Refusal) as error:
        return error
    return None


def _agreed(access: Access, pings: Pings, watch: _Watch, *, aloud: bool) -> None:
    """Take note of the peer, and of the first context."""
    assert watch.call is not None
    pings.peer = watch.call.peer or pings.peer
    flavor = access.flavor
    if pings.context is not None or not isinstance(flavor, GssFlavor) or flavor.context is None or watch.made is None:
        return
    context = flavor.context
    pings.context = {
        "initiator": context.initiator.display,
        "acceptor": context.acceptor.display,
        "mechanism": context.mechanism,
        "seconds": watch.made.seconds,
        "lifetime": None if context.expiry is None else round(context.expiry - trio.current_time()),
        "ticket": access.tickets is not None and access.tickets.counters.granted > 0,
    }
    if aloud:
        ticket = "it gave a ticket" if pings.context["ticket"] else "it gave no ticket"
        who = f"{context.initiator.display} with {context.acceptor.display}"
        click.echo(f"context of {who}, made in {_milliseconds(watch.made.seconds)}; {ticket}")


def _tls(client: Client) -> dict[str, object] | None:
    session = client.tls
    if session is None:
        return None
    names = [f"{kind}:{name}" for kind, name in session.peer_names]
    return {"protocol": session.protocol, "cipher": session.cipher, "names": names}


def _heading(access: Access, pings: Pings) -> str:
    tls = "no TLS" if pings.tls is None else f"{pings.tls['protocol']}, {pings.tls['cipher']}"
    return (
        f"{program_text(access.program)} version {access.version} at {access.place}: {access.transport}, {tls}, "
        f"{access.flavor.security}; connected in {_milliseconds(pings.connect_seconds or 0.0)}"
    )


def _summary(pings: Pings) -> str:
    times = pings.seconds
    calls = len(pings.calls)
    text = f"{calls} call{'s'[: calls != 1]}, {len(times)} answered"
    if not times:
        return text
    parts = (("min", min(times)), ("median", statistics.median(times)), ("max", max(times)))
    return f"{text}: " + ", ".join(f"{name} {_milliseconds(seconds)}" for name, seconds in parts)


def _milliseconds(seconds: float) -> str:
    digits = max(0, 2 - math.floor(math.log10(max(seconds * 1000, 0.01))))
    return f"{seconds * 1000:.{min(digits, 3)}f} ms"


def _line(error: Exception) -> str:
    """One line, whatever a library has put into it."""
    return " ".join(str(error).split()) or type(error).__name__

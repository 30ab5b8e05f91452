"""How each context of a client came to be: the full exchanges, the losses, the recoveries by ticket.

A `ContextJournal` sits between a GssFlavor and its extension (a TicketClient, or none) and takes notes of what passes.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import trio

from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.context import Origin
from rpcgss.gss.extension import ClientExtension, Establishment
from rpcgss.gss.provider import Demands
from rpcgss.rpc.errors import ConnectionLost
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import ReceivedReply
from rpcgss.rpc.rpc_xdr import opaque_auth
from xdr import Buffer


class What(Enum):
    """What happened."""

    REFUSED = "the server no longer knows the context"
    CUT = "the connection ended before the answer"
    ASKING = "a re-authentication request leaves"
    ANSWERED_NO = "the server did not take the ticket"
    RECOVERED = "a context by ticket"
    EXCHANGED = "a context by full exchange"


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the journal. `handle` names a context where one is meant; `at` is trio time."""

    what: What
    at: float
    handle: bytes = b""


class ContextJournal(ClientExtension):
    """Takes notes, tells them to `listeners`, and leaves the work to `inner`; None: there are no tickets.

    `heard` must be among the flavor's events, for losses are the flavor's to notice.
    """

    def __init__(self, inner: ClientExtension | None = None) -> None:
        self.listeners: Final[list[Callable[[Note], None]]] = []
        self.seconds: Final[dict[What, list[float]]] = {What.RECOVERED: [], What.EXCHANGED: []}
        self._inner: Final = inner
        self._handle = b""

    def heard(self, event: ClientEvent) -> None:
        """What the flavor tells."""
        match event.kind:
            case ClientEventKind.LOST:
                self._note(What.REFUSED, self._handle)
            case ClientEventKind.FAILED:
                pass
            case _:
                what = What.RECOVERED if event.origin is Origin.TICKET else What.EXCHANGED
                self.seconds[what].append(event.seconds)

    def offer(self, demands: Demands, link: Link, *, carried_context: bool) -> int:
        return 0 if self._inner is None else self._inner.offer(demands, link, carried_context=carried_context)

    async def receive_grant(
        self, trailing: memoryview, establishment: Establishment, demands: Demands, link: Link
    ) -> None:
        self._handle = establishment.handle
        self._note(What.EXCHANGED, self._handle)
        if self._inner is not None:
            await self._inner.receive_grant(trailing, establishment, demands, link)

    async def recover(self, program: int, version: int, demands: Demands, link: Link) -> ClientContext | None:
        if self._inner is None:
            return None
        noted = _NotedLink(link, self._note)
        try:
            context = await self._inner.recover(program, version, demands, noted)
        except ConnectionLost:
            self._note(What.CUT)
            raise
        if context is not None:
            self._handle = context.handle
            self._note(What.RECOVERED, self._handle)
        elif noted.asked:
            self._note(What.ANSWERED_NO)
        return context

    def retry_at(self, demands: Demands, link: Link) -> float | None:
        return None if self._inner is None else self._inner.retry_at(demands, link)

    def closed(self, demands: Demands) -> None:
        if self._inner is not None:
            self._inner.closed(demands)

    def summary(self) -> str:
        """One line for a person."""
        exchanges, tickets = self.seconds[What.EXCHANGED], self.seconds[What.RECOVERED]
        return (
            f"contexts: {len(exchanges)} by full exchange{_times(exchanges)}, {len(tickets)} by ticket{_times(tickets)}"
        )

    def _note(self, what: What, handle: bytes = b"") -> None:
        for listener in self.listeners:
            listener(Note(what, trio.current_time(), handle))


class _NotedLink(Link):
    """The link, and a note when a request leaves on it."""

    def __init__(self, link: Link, note: Callable[[What], None]) -> None:
        self._link = link
        self._tell = note
        self.asked = False
        self.serial = link.serial
        self.reliable = link.reliable

    @property
    def last_received(self) -> float:  # type: ignore[override]  # it moves on
        return self._link.last_received

    async def exchange(
        self,
        program: int,
        version: int,
        credential: opaque_auth,
        seal: Callable[[bytes], tuple[opaque_auth, Buffer]],
        *,
        timeout: float | None = None,
    ) -> tuple[bytes, ReceivedReply]:
        self.asked = True
        self._tell(What.ASKING)
        return await self._link.exchange(program, version, credential, seal, timeout=timeout)

    def abandon(self) -> None:
        self._link.abandon()


def _times(seconds: list[float]) -> str:
    if not seconds:
        return ""
    middle, worst = statistics.median(seconds), max(seconds)
    return (
        f" ({worst * 1000:.0f} ms)"
        if len(seconds) == 1
        else f" (median {middle * 1000:.0f}, worst {worst * 1000:.0f} ms)"
    )

"""The client's end: offers, keeps tickets, and makes a new context of one when the server has lost the old.

A no is not authenticated (anybody on the path can say it), so it deletes no ticket: the flavor goes on with the full
exchange, the ticket is not tried again on that connection, and its target is left alone for a while. A connection that
breaks before the reply is no answer at all: the ticket is tried again on the next.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import trio

from rpcgss.gss.client_context import ClientContext
from rpcgss.gss.context import Origin
from rpcgss.gss.errors import SecurityError
from rpcgss.gss.extension import ClientExtension, Establishment
from rpcgss.gss.provider import KRB5, SPNEGO, Demands, GssFlag
from rpcgss.reauth.aead import SUITES, require_suites
from rpcgss.reauth.attempt import CREDENTIAL_BODY, Attempt, Renewal
from rpcgss.reauth.errors import NoGrant, NotAccepted, TicketStoreError
from rpcgss.reauth.grant import check_grantable, read_grant_untrusted
from rpcgss.reauth.keylog import KeyLog
from rpcgss.reauth.keys import Buffer, session_key
from rpcgss.reauth.reauth_xdr import FRA1, reauth_ticket
from rpcgss.reauth.shares import AVAILABLE
from rpcgss.reauth.target import Target, target_named
from rpcgss.reauth.tickets import Ticket, TicketStore
from rpcgss.rpc.errors import ConnectionLost
from rpcgss.rpc.flavors import Link
from rpcgss.rpc.messages import NULL_AUTH, AcceptedReply, ReceivedReply
from rpcgss.rpc.observe import Source
from rpcgss.rpc.quiet import QuietLog
from rpcgss.rpc.rpc_xdr import accept_stat, auth_flavor, opaque_auth

MAX_CUTS: Final = 8
"""Connections in a row that may break under a request before that counts as a no: a server that closes the connection
on a request which it does not understand would else never be asked for a full exchange."""

_log = QuietLog(logging.getLogger(__name__))


@dataclass(slots=True)
class TicketClientCounters:
    """Totals since the start.

    granted, not_granted -- full exchanges that brought a usable ticket, or octets that were none
    attempts  -- requests sent; each ends in recovered, in refused (a no, for silence too), in cut, or is cancelled
    """

    granted: int = 0
    not_granted: int = 0
    attempts: int = 0
    recovered: int = 0
    refused: int = 0
    silent: int = 0
    cut: int = 0
    store_errors: int = 0


@dataclass(slots=True)
class _Flavor:
    """What is known of one flavor, told apart by its demands object. Connections are named by their serial numbers."""

    demands: Demands
    ticket: Ticket | None = None
    principal: str | None = None
    made_on: int | None = None
    granted_on: int | None = None
    newly_granted: bool = False  # the latest exchange brought a ticket
    refused_on: int | None = None
    cuts: int = 0
    doubted: bool = False  # the ticket met with a no: another process may have saved a better one
    unanswered: tuple[int, float] | None = None  # the connection with requests but no answer, and since when

    def usable(self, wall: float) -> bool:
        """Whether the ticket lives, and the context behind it was all that is demanded."""
        required = self.demands.required_flags
        return self.ticket is not None and not self.ticket.expired(wall) and self.ticket.flags & required == required

    def silent_since(self, link: Link, now: float) -> float:
        """Since when requests have met with silence, if one leaves now. Those count that were cancelled: else calls
        with little patience would ask a silent server for ever, one after the other."""
        serial, since = self.unanswered or (link.serial, now)
        if serial != link.serial or link.last_received > since:
            since = now
        self.unanswered = link.serial, since
        return since


_CREDENTIAL: Final = opaque_auth(auth_flavor.RPCSEC_GSS, CREDENTIAL_BODY)


class TicketClient(ClientExtension):
    """Plug this into a `GssFlavor` to recover by ticket.

    store      -- where tickets are kept beyond the flavor's life, on purpose; None: they end with it. To find a ticket
                  there before the first GSS exchange, the flavor's credentials must name the principal in full
                  ("alice@REALM")
    share      -- ask for forward secrecy (X25519), at some 60 µs on either side; ValueError where X25519 is missing
    suites     -- numbers of those to offer, preferred first; ValueError if this machine has none of them
    upgrade    -- use each new ticket at once, so that calls run under its AEAD keys instead of the mechanism's own
                  protection: one round trip more after a GSS exchange, and many times the throughput of Kerberos' wrap
    key_log    -- where to write the keys of all contexts that are made, for debugging alone
    wall_clock -- seconds since 1970, for the expiry of tickets
    """

    def __init__(
        self,
        store: TicketStore | None = None,
        *,
        share: bool = AVAILABLE,
        suites: Sequence[int] = SUITES,
        upgrade: bool = False,
        key_log: KeyLog | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if share and not AVAILABLE:
            raise ValueError("a key share was asked for, and this machine is without X25519")
        self.counters: Final = TicketClientCounters()
        self._store: Final = store
        self._share: Final = share
        self._suites: Final = require_suites(suites)
        self._upgrade: Final = upgrade
        self._key_log: Final = key_log
        self._wall: Final = wall_clock
        self._flavors: Final[dict[int, _Flavor]] = {}

    def sources(self) -> Iterable[Source]:
        yield Source("tickets_client", self.counters)

    def upgrades(self, demands: Demands) -> bool:
        """Not by a ticket of an earlier exchange: its chain ends before the context that is there."""
        return self._upgrade and self._flavor(demands).newly_granted

    def offer(self, demands: Demands, link: Link, *, carried_context: bool) -> int:
        """FRA1 where it cannot hurt: some servers keep one context per connection (or UDP socket), check the sequence
        number of creation requests against it, and would lose it to an offer.

        Such a server does not know contexts that were made on other connections. So a connection on which one of those
        was used is no danger where tickets are known; else a client would have no more tickets once it has connected
        again and its old one has run out, or the server's keyring is a new one.
        """
        if not demands.mutual:
            return 0
        flavor, known = self._flavor(demands), target_named(demands.target).grants
        if carried_context and flavor.granted_on != link.serial and (flavor.made_on == link.serial or not known):
            return 0
        return FRA1 if link.reliable or known else 0

    async def receive_grant(
        self, trailing: memoryview, establishment: Establishment, demands: Demands, link: Link
    ) -> None:
        """Keep the ticket in `trailing`, if it is one. What it raises costs the ticket, not the context."""
        flavor = self._flavor(demands)
        flavor.made_on, flavor.newly_granted = link.serial, False
        initiator = establishment.security.initiator
        flavor.principal = initiator.display
        if flavor.ticket is not None and flavor.ticket.initiator.exported != initiator.exported:
            flavor.ticket = None  # the credential cache has changed hands
        if not trailing:
            return
        try:
            ticket = self._read_grant(trailing, establishment, demands)
        except (NoGrant, SecurityError) as error:
            self.counters.not_granted += 1
            _log.info("no ticket from %s: %s", demands.target, error, event="ticket.none", target=demands.target)
            return
        self.counters.granted += 1
        flavor.granted_on, flavor.newly_granted = link.serial, True
        target_named(demands.target).grants = True
        await self._keep(flavor, ticket)

    async def recover(self, program: int, version: int, demands: Demands, link: Link) -> ClientContext | None:
        """A context by ticket in one round trip; None: not now. Raises ConnectionLost.

        Cancelled: the server may have made a context, which it forgets in a minute; the ticket serves again.
        """
        flavor, target = self._flavor(demands), target_named(demands.target)
        ticket = await self._usable_ticket(flavor)
        if ticket is None or flavor.refused_on == link.serial or trio.current_time() < target.not_before:
            return None
        async with target.places:
            if trio.current_time() < target.not_before:
                return None  # somebody else was told no meanwhile
            attempt = Attempt(
                reauth_ticket(ticket.key_index, ticket.sealed),
                ticket.session_key,
                suites=self._suites,
                share=self._share,
            )
            self.counters.attempts += 1
            try:
                since = flavor.silent_since(link, trio.current_time())
                reply = await self._ask(attempt, program, version, link, target, since)
                flavor.unanswered = None
                renewal = _accepted_untrusted(attempt, reply)
            except NotAccepted as no:
                self._refused(flavor, target, link, str(no))
                return None
            except ConnectionLost:
                self._cut(flavor, target, link)
                raise
            target.answered(trio.current_time())
        return await self._renewed(flavor, ticket, renewal, link)

    def retry_at(self, demands: Demands, link: Link) -> float | None:
        """The trio time from which the ticket may be tried again, if there is one; see `ClientExtension`."""
        if not self._flavor(demands).usable(self._wall()):
            return None
        return max(trio.current_time(), target_named(demands.target).not_before)

    def closed(self, demands: Demands) -> None:
        """The flavor's ticket is forgotten, except for what is in the store."""
        self._flavors.pop(id(demands), None)

    async def _ask(
        self, attempt: Attempt, program: int, version: int, link: Link, target: Target, since: float
    ) -> ReceivedReply | None:
        """Send the request and await its reply; None: silence, from `since` on. Raises ConnectionLost."""

        def seal(header: bytes) -> tuple[opaque_auth, Buffer]:
            return NULL_AUTH, attempt.argument(header)

        reply: ReceivedReply | None = None
        with target.unless_silent(link, since) as patience:
            _, reply = await link.exchange(program, version, _CREDENTIAL, seal)
        if patience.silent:
            self.counters.silent += 1
        return reply

    async def _renewed(self, flavor: _Flavor, old: Ticket, renewal: Renewal, link: Link) -> ClientContext:
        now, wall = trio.current_time(), self._wall()
        expiry = min(old.expiry, wall + renewal.lifetime)
        flavor.granted_on = link.serial
        flavor.cuts = 0
        self.counters.recovered += 1
        if self._key_log is not None:
            self._key_log.note(renewal.handle, renewal.suite, renewal.keys)
        context = ClientContext(
            handle=renewal.handle,
            protection=renewal.protection,
            seq_window=renewal.seq_window,
            initiator=old.initiator,
            acceptor=old.acceptor,
            mechanism=old.mechanism,
            flags=GssFlag(old.flags),
            made=now,
            expiry=now + expiry - wall,
            origin=Origin.TICKET,
        )
        ticket = Ticket(
            old.initiator,
            old.acceptor,
            old.target,
            old.mechanism,
            old.flags,
            renewal.ticket.key_index,
            renewal.ticket.sealed,
            renewal.session_key,
            expiry,
        )
        await self._keep(flavor, ticket)
        return context

    def _refused(self, flavor: _Flavor, target: Target, link: Link, why: str) -> None:
        self.counters.refused += 1
        flavor.refused_on = link.serial
        flavor.doubted = True
        flavor.cuts = 0
        target.refused(trio.current_time())
        name = flavor.demands.target
        _log.info("%s does not re-authenticate: %s", name, why, event="ticket.denied", target=name, reason=why)

    def _cut(self, flavor: _Flavor, target: Target, link: Link) -> None:
        self.counters.cut += 1
        flavor.cuts += 1
        if flavor.cuts >= MAX_CUTS:
            self._refused(flavor, target, link, f"{MAX_CUTS} connections in a row broke")

    def _read_grant(self, trailing: memoryview, establishment: Establishment, demands: Demands) -> Ticket:
        security = establishment.security
        check_grantable(security, establishment.offered)
        sk = session_key(security.prf, establishment.tokens)
        grant = read_grant_untrusted(sk, establishment.handle, establishment.seq_window, trailing)
        lifetime = grant.lifetime if establishment.lifetime is None else min(grant.lifetime, establishment.lifetime)
        return Ticket(
            initiator=security.initiator,
            acceptor=security.acceptor,
            target=demands.target,
            mechanism=security.mechanism,
            flags=int(security.flags),
            key_index=grant.ticket.key_index,
            sealed=grant.ticket.sealed,
            session_key=sk,
            expiry=establishment.wall + lifetime,
        )

    async def _usable_ticket(self, flavor: _Flavor) -> Ticket | None:
        """The flavor's own ticket, or one from the store for the very principal that it is known to have."""
        wall = self._wall()
        if flavor.ticket is not None and flavor.ticket.expired(wall):
            flavor.ticket = None
        if flavor.ticket is None or flavor.doubted:
            flavor.ticket = await self._stored(flavor, wall) or flavor.ticket
        return flavor.ticket if flavor.usable(wall) else None

    async def _stored(self, flavor: _Flavor, wall: float) -> Ticket | None:
        demands = flavor.demands
        principal = flavor.principal or demands.credentials.principal
        if self._store is None or principal is None:
            return None
        # A negotiating pseudo-mechanism takes what there is; tickets are filed under the real one.
        mechanism = None if demands.mechanism == SPNEGO else demands.mechanism or KRB5
        try:
            return await self._store.load(principal, demands.target, mechanism, wall)
        except TicketStoreError as error:
            self._store_failed(error)
            return None

    async def _keep(self, flavor: _Flavor, ticket: Ticket) -> None:
        flavor.ticket, flavor.doubted, flavor.refused_on = ticket, False, None
        if self._store is not None:
            try:
                await self._store.save(ticket, self._wall())
            except TicketStoreError as error:
                self._store_failed(error)

    def _store_failed(self, error: TicketStoreError) -> None:
        self.counters.store_errors += 1
        _log.warning("%s; the ticket is kept in memory", error, event="ticket.not_kept")

    def _flavor(self, demands: Demands) -> _Flavor:
        """By identity: two flavors with equal demands may still be two principals."""
        return self._flavors.setdefault(id(demands), _Flavor(demands))


def _accepted_untrusted(attempt: Attempt, reply: ReceivedReply | None) -> Renewal:
    """What a reply brings. Raises NotAccepted: silence, a denial, anything but SUCCESS, or no proof."""
    if reply is None:
        raise NotAccepted("silence")
    if not isinstance(reply, AcceptedReply):
        raise NotAccepted("denied")
    if reply.stat is not accept_stat.SUCCESS:
        raise NotAccepted("not a success")
    return attempt.accept_untrusted(reply.verifier.flavor, reply.verifier.body, reply.body)

"""The grant: a ticket that a server appends to rpc_gss_init_res of the reply that completes a context."""

import hmac

import xdr
from rpcgss.gss.provider import GssFlag, SecurityContext
from rpcgss.reauth.errors import NoGrant
from rpcgss.reauth.keys import Buffer, grant_mac
from rpcgss.reauth.reauth_xdr import FRA1, reauth_grant, reauth_grant_covered, reauth_ticket


def check_grantable(security: SecurityContext, offered: int) -> None:
    """Raises NoGrant if this context must not be continued by tickets. Both ends ask: neither relies on the other.

    Without mutual authentication the client does not know whose ticket it keeps. An anonymous principal says nothing
    worth continuing. Channel bindings tie a context to one connection, a ticket is for all others.
    """
    flags = security.flags
    if offered != FRA1:
        raise NoGrant("no offer")
    if GssFlag.MUTUAL not in flags or GssFlag.INTEG not in flags:
        raise NoGrant("no mutual authentication, or no integrity")
    if GssFlag.ANON in flags:
        raise NoGrant("an anonymous context")
    if security.channel_bound:
        raise NoGrant("a context bound to its channel")


def encode_grant(sk: bytes, handle: bytes, seq_window: int, ticket: reauth_ticket, lifetime: int) -> bytes:
    """The octets to append. `lifetime` is in seconds from now."""
    mac = grant_mac(sk, _covered(handle, seq_window, ticket, lifetime))
    return reauth_grant(ticket, lifetime, mac).to_bytes()


def read_grant_untrusted(sk: bytes, handle: bytes, seq_window: int, trailing: Buffer) -> reauth_grant:
    """The grant that makes up all of `trailing`. Raises NoGrant; the mac has been verified when it returns."""
    try:
        grant = reauth_grant.from_bytes(trailing)
    except xdr.DecodeError:
        raise NoGrant("the octets behind the results are no grant") from None
    expected = grant_mac(sk, _covered(handle, seq_window, grant.ticket, grant.lifetime))
    if not hmac.compare_digest(expected, grant.mac):
        raise NoGrant("the grant's mac is wrong")
    if not grant.lifetime or not grant.ticket.sealed:
        raise NoGrant("an empty grant")
    return grant


def _covered(handle: bytes, seq_window: int, ticket: reauth_ticket, lifetime: int) -> bytes:
    """What the mac covers: XDR(handle<>, seq_window, ticket, lifetime)."""
    return reauth_grant_covered(handle, seq_window, ticket, lifetime).to_bytes()

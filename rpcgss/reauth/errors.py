"""Errors of fast re-authentication: one root, and children that say whose mistake it was."""

import enum

from rpcgss.rpc.errors import RpcError


class ReauthError(RpcError):
    """Root of every error of this package. Messages never contain keys, tickets or what was in them."""


class KeyringError(ReauthError):
    """The keyring cannot be read, written or trusted. The text says which file, what is wrong and what to do."""


class TicketStoreError(ReauthError):
    """The client's ticket store cannot be opened or written. The text says which file and what is wrong."""


class Reason(enum.StrEnum):
    """Why a server said no. For the server's log and counters alone: on the wire every no is the same."""

    MALFORMED = "malformed request"
    UNKNOWN_KEY = "ticket under a key that the keyring does not hold"
    FORGED_TICKET = "ticket does not open"
    WRONG_AUTHENTICATOR = "wrong authenticator"
    EXPIRED = "expired"
    FROM_THE_FUTURE = "established in the future"
    REVOKED = "established before the revocation time"
    WRONG_TARGET = "ticket for another service"
    NOT_ALLOWED = "the application does not allow it"
    NO_COMMON_SUITE = "no common suite"
    BAD_SHARE = "bad key share"
    UNAVAILABLE = "no key to seal the next ticket"


class Refused(ReauthError):
    """The peer's request for re-authentication is not granted.

    `reason` is for log and counters. Who gets the peer's answer never learns it.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NotAccepted(ReauthError):
    """The server's answer to our re-authentication is a no, or cannot be trusted. The text says why, for the log."""


class NoGrant(ReauthError):
    """What follows the results of the INIT reply is no grant that can be used. It costs the ticket, not the context."""

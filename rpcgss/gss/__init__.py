"""RPCSEC_GSS versions 1 (RFC 2203), 2 (RFC 5403) and 3 (RFC 7861), both ends, for any GSS mechanism.

A context is a handle, a protection, a window, a principal and an expiry. `client.GssFlavor` makes contexts by GSS
exchanges and sends calls under them; `server.GssServerFlavor` accepts them. Each module imports only from those before
it:
"""

from typing import Final

READING_ORDER: Final = (
    "gss_xdr",
    "errors",
    "protection",
    "provider",
    "pseudo_random",
    "calling",
    "remedies",
    "mechanism",
    "window",
    "bodies",
    "guard",
    "channel",
    "assertions",
    "context",
    "client_context",
    "policy",
    "admission",
    "unconfirmed",
    "store",
    "extension",
    "transmission",
    "initiation",
    "children",
    "client_events",
    "establishing",
    "succession",
    "client",
    "repeats",
    "creation",
    "control",
    "session",
    "verification",
    "server",
)

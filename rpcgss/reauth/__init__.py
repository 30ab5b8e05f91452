"""Fast re-authentication: a client whose server has lost its context gets a new one by ticket, in one round trip,
without the KDC, credentials or a common clock.

`client.TicketClient` plugs into a `GssFlavor`, `server.TicketServer` with a `keyring.Keyring` into a `GssServerFlavor`;
neither changes a word of RFC 2203 for a peer that knows nothing of it. Each module imports only from those before it:
"""

from typing import Final

READING_ORDER: Final = (
    "reauth_xdr",
    "errors",
    "keys",
    "keylog",
    "shares",
    "aead",
    "keyset",
    "private",
    "keyring",
    "sealing",
    "etcd_gateway",
    "etcd",
    "place",
    "ticket",
    "tickets",
    "grant",
    "attempt",
    "answer",
    "replies",
    "target",
    "client",
    "server",
)

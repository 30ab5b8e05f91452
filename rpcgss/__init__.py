"""A user-space ONC RPC stack with RPCSEC_GSS and fast re-authentication.

Clients: `connect_tcp`, `connect_udp`, `connect_unix` with a flavor (`AuthNone`, `AuthSys`, `GssFlavor`), and a client
class that ``python -m xdr compile`` made. Servers: a subclass of a compiled service class in a `Server`, with what
calls may be authenticated with (`AcceptNone`, `AcceptSys`, `GssServerFlavor`). Tickets: `TicketClient` and
`TicketServer`, given to the GSS flavors as their extension.

The packages within, in reading order: `rpc` (plain ONC RPC), `gss` (RPCSEC_GSS), `reauth` (tickets). Beside them, for
programs without trio and to be imported by themselves: `rpcgss.blocking` and `rpcgss.asyncio`. A server in several
processes: `run_workers`.
"""

from rpcgss.binding import RPCBIND_SOCKET, addresses_of, open_local_rpcbind, open_rpcbind, port_of, registered
from rpcgss.connect import connect_program, connect_tcp, connect_udp, connect_unix
from rpcgss.forked import CannotServe
from rpcgss.gss.admission import AssertionPolicy
from rpcgss.gss.assertions import Assertion, Label, Listed, Privilege
from rpcgss.gss.client import GssFlavor
from rpcgss.gss.client_events import ClientEvent, ClientEventKind
from rpcgss.gss.context import GssIdentity
from rpcgss.gss.errors import AcceptorUnusable, AssertionRefused, PrincipalRefused
from rpcgss.gss.mechanism import GssapiAcceptor
from rpcgss.gss.policy import Requirement, Requirements, Strength
from rpcgss.gss.provider import KRB5, SPNEGO, Credentials, GssService
from rpcgss.gss.server import GssServerFlavor
from rpcgss.gss.store import ContextStore, DropPolicy, StoreEvent, StoreEventKind, StoreLimits
from rpcgss.log import LogEvents
from rpcgss.metrics import Metrics
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.errors import KeyringError, TicketStoreError
from rpcgss.reauth.keylog import KeyLog
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.keyset import FixedKeys
from rpcgss.reauth.place import create_keyring, open_keyring
from rpcgss.reauth.server import TicketServer
from rpcgss.reauth.tickets import MemoryTicketStore, SqliteTicketStore, TicketStore
from rpcgss.rpc import (
    AcceptNone,
    AcceptSys,
    Anonymous,
    AuthenticationFailed,
    AuthNone,
    AuthRefused,
    AuthSys,
    Call,
    CallFailed,
    CallTimedOut,
    CallTooLarge,
    Client,
    ClientFlavor,
    ClientTls,
    ConnectionEvent,
    ConnectionEventKind,
    ConnectionLost,
    End,
    Event,
    Identity,
    MemoryReplyCache,
    NotRegistered,
    ObservedCall,
    Observer,
    Observers,
    OutcomeUnknown,
    Policy,
    Portmapper,
    Refusal,
    Registration,
    RegistrationFailed,
    ReplyCache,
    ReplyCacheError,
    ReplyLimits,
    Retransmission,
    Rpcbind,
    RpcError,
    Server,
    ServerFlavor,
    ServerTls,
    SqliteReplyCache,
    TlsFailed,
    UnixIdentity,
    User,
    client_tls,
    open_client,
    server_tls,
    stopping_on_signals,
)
from rpcgss.workers import run_workers
from transport import Listener, TlsSession, listen_tcp, listen_udp, listen_unix

READING_ORDER = (
    "rpc",
    "gss",
    "reauth",
    "capture",
    "metrics",
    "prometheus",
    "log",
    "binding",
    "connect",
    "loop",
    "facade",
    "blocking",
    "asyncio",
    "forked",
    "workers",
    "cli",
)

__all__ = [
    "KRB5",
    "RPCBIND_SOCKET",
    "SPNEGO",
    "AcceptNone",
    "AcceptSys",
    "AcceptorUnusable",
    "Anonymous",
    "Assertion",
    "AssertionPolicy",
    "AssertionRefused",
    "AuthNone",
    "AuthRefused",
    "AuthSys",
    "AuthenticationFailed",
    "Call",
    "CallFailed",
    "CallTimedOut",
    "CallTooLarge",
    "CannotServe",
    "Client",
    "ClientEvent",
    "ClientEventKind",
    "ClientFlavor",
    "ClientTls",
    "ConnectionEvent",
    "ConnectionEventKind",
    "ConnectionLost",
    "ContextStore",
    "Credentials",
    "DropPolicy",
    "End",
    "Event",
    "FixedKeys",
    "GssFlavor",
    "GssIdentity",
    "GssServerFlavor",
    "GssService",
    "GssapiAcceptor",
    "Identity",
    "KeyLog",
    "Keyring",
    "KeyringError",
    "Label",
    "Listed",
    "Listener",
    "LogEvents",
    "MemoryReplyCache",
    "MemoryTicketStore",
    "Metrics",
    "NotRegistered",
    "ObservedCall",
    "Observer",
    "Observers",
    "OutcomeUnknown",
    "Policy",
    "Portmapper",
    "PrincipalRefused",
    "Privilege",
    "Refusal",
    "Registration",
    "RegistrationFailed",
    "ReplyCache",
    "ReplyCacheError",
    "ReplyLimits",
    "Requirement",
    "Requirements",
    "Retransmission",
    "RpcError",
    "Rpcbind",
    "Server",
    "ServerFlavor",
    "ServerTls",
    "SqliteReplyCache",
    "SqliteTicketStore",
    "StoreEvent",
    "StoreEventKind",
    "StoreLimits",
    "Strength",
    "TicketClient",
    "TicketServer",
    "TicketStore",
    "TicketStoreError",
    "TlsFailed",
    "TlsSession",
    "UnixIdentity",
    "User",
    "addresses_of",
    "client_tls",
    "connect_program",
    "connect_tcp",
    "connect_udp",
    "connect_unix",
    "create_keyring",
    "listen_tcp",
    "listen_udp",
    "listen_unix",
    "open_client",
    "open_keyring",
    "open_local_rpcbind",
    "open_rpcbind",
    "port_of",
    "registered",
    "run_workers",
    "server_tls",
    "stopping_on_signals",
]

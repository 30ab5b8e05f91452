"""ONC RPC version 2 (RFC 5531): messages, flavors, client and server.

Each module imports only from those before it in `READING_ORDER`. Nothing here knows RPCSEC_GSS: flavors are objects.
"""

from rpcgss.rpc.client import BackOff, Client, ClientCounters, open_client
from rpcgss.rpc.errors import (
    AuthenticationFailed,
    AuthRefused,
    BadMessage,
    BadReply,
    BadVerifier,
    CallFailed,
    CallTimedOut,
    ConnectionLost,
    Denied,
    GarbageArguments,
    NotExecuted,
    OutcomeUnknown,
    ProcedureUnavailable,
    ProgramMismatch,
    ProgramUnavailable,
    Refusal,
    RpcError,
    RpcMismatch,
    ServerFault,
)
from rpcgss.rpc.flavors import (
    AcceptNone,
    AcceptSys,
    Anonymous,
    AuthNone,
    AuthSys,
    ClientFlavor,
    Connection,
    Identity,
    ServerFlavor,
    UnixIdentity,
)
from rpcgss.rpc.server import Call, Policy, Server, ServerCounters, stopping_on_signals

READING_ORDER = ("rpc_xdr", "errors", "messages", "quiet", "work", "flavors", "pending", "client", "places", "server")

__all__ = [
    "AcceptNone",
    "AcceptSys",
    "Anonymous",
    "AuthNone",
    "AuthRefused",
    "AuthSys",
    "AuthenticationFailed",
    "BackOff",
    "BadMessage",
    "BadReply",
    "BadVerifier",
    "Call",
    "CallFailed",
    "CallTimedOut",
    "Client",
    "ClientCounters",
    "ClientFlavor",
    "Connection",
    "ConnectionLost",
    "Denied",
    "GarbageArguments",
    "Identity",
    "NotExecuted",
    "OutcomeUnknown",
    "Policy",
    "ProcedureUnavailable",
    "ProgramMismatch",
    "ProgramUnavailable",
    "Refusal",
    "RpcError",
    "RpcMismatch",
    "Server",
    "ServerCounters",
    "ServerFault",
    "ServerFlavor",
    "UnixIdentity",
    "open_client",
    "stopping_on_signals",
]

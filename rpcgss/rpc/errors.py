"""What can go wrong with a call, and whose mistake it was.

A `Refusal` is both ends' word for the same thing: a handler or a flavor of the server raises it, `server.py` puts its
wire status into the reply, and the client that gets the reply raises it again.
"""

from typing import ClassVar, Final

from rpcgss.rpc.rpc_xdr import accept_stat, auth_stat, reject_stat


class RpcError(Exception):
    """Root of everything that this package, `rpcgss.gss` and `rpcgss.reauth` raise of their own.

    Arguments and results that do not fit their types are `xdr.EncodeError`.
    """


class BadMessage(RpcError):
    """A record that is no RPC message. The peer is broken or hostile; nothing can be answered."""


class CallFailed(RpcError):
    """A call has no result. Root of what a caller gets besides `Refusal`."""


class CallTimedOut(CallFailed):
    """The call's deadline passed before its reply came. It may have been executed."""


class ConnectionLost(CallFailed):
    """The connection is gone, or could not be made; the call has not been executed or may be repeated."""


class OutcomeUnknown(CallFailed):
    """A call of a non-idempotent procedure has left, and its reply cannot be had: executed or not, nobody knows."""


class CallTooLarge(CallFailed):
    """The call does not fit the transport. Nothing was sent."""


class BadReply(CallFailed):
    """The server answered something that is not a result of this procedure."""


class AuthenticationFailed(CallFailed):
    """The client could not make the credentials that it was told to use; the text says what to do."""


class TlsFailed(AuthenticationFailed):
    """There is no TLS session such as the client was told to demand: the server does not offer TLS, or the handshake
    failed (RFC 9289, 4.1). Calls were not executed."""


class NotRegistered(CallFailed):
    """The host's rpcbind knows no address of the program."""


class BadAddress(RpcError):
    """A string that is no universal address, or not of the kind that it should be."""


class RegistrationFailed(RpcError):
    """This host's rpcbind did not take a registration, or is not there; the text says what to do."""


class BadVerifier(RpcError):
    """A reply whose verifier does not fit: not the server's answer to this transmission. Never reaches a caller."""


class ReplyCacheError(RpcError):
    """The file of a reply cache cannot be used. Calls that need it are not executed, and get SYSTEM_ERR."""


class Superseded(RpcError):
    """A call that gets no reply, for later copies of it wait for the same. Never reaches a caller."""


class Refusal(RpcError):
    """The server refused the call (RFC 5531, 9).

    `received` says that a client got it from its server: a service that is somebody's client itself must not pass it on
    as its own.
    """

    received = False

    @property
    def wire_name(self) -> str:
        """Its status as the RFCs call it, "PROG_UNAVAIL" say; one of a few names, whatever the peer sends."""
        raise NotImplementedError


class Denied(Refusal):
    """MSG_DENIED: the call was not looked at."""


class RpcMismatch(Denied):
    """The server speaks other versions of RPC itself: `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        super().__init__(f"the server speaks RPC version {low} to {high}")
        self.low = low
        self.high = high

    @property
    def wire_name(self) -> str:
        return reject_stat.RPC_MISMATCH.name


_MEANINGS: Final[dict[int, str]] = {
    auth_stat.AUTH_BADCRED: "the credential cannot be read there",
    auth_stat.AUTH_REJECTEDCRED: "this flavor, or this credential, is not taken there",
    auth_stat.AUTH_TOOWEAK: "more is demanded there: another flavor or service, or TLS",
}


class AuthRefused(Denied):
    """The server did not accept the credential or verifier; `stat` is its auth_stat, perhaps one without a name."""

    def __init__(self, stat: int, reason: str = "") -> None:
        try:
            name = auth_stat(stat).name
        except ValueError:
            name = f"auth_stat {stat}"
        meaning = reason or _MEANINGS.get(stat, "")
        super().__init__(f"authentication refused: {name}{f' ({meaning})' if meaning else ''}")
        self.stat = int(stat)
        self.reason = reason  # for the log of the end that refused; never on the wire

    @property
    def wire_name(self) -> str:
        try:
            return auth_stat(self.stat).name
        except ValueError:
            return reject_stat.AUTH_ERROR.name


class NotExecuted(Refusal):
    """MSG_ACCEPTED with another status than SUCCESS."""

    stat: ClassVar[accept_stat]

    @property
    def wire_name(self) -> str:
        return self.stat.name


class ProgramUnavailable(NotExecuted):
    """The server does not have this program."""

    stat = accept_stat.PROG_UNAVAIL


class ProgramMismatch(NotExecuted):
    """The server has this program in versions `low` to `high` only."""

    stat = accept_stat.PROG_MISMATCH

    def __init__(self, low: int, high: int) -> None:
        versions = f"version {low}" if low == high else f"versions {low} to {high}"
        super().__init__(f"the server has {versions} of the program")
        self.low = low
        self.high = high


class ProcedureUnavailable(NotExecuted):
    """The program version has no such procedure."""

    stat = accept_stat.PROC_UNAVAIL


class GarbageArguments(NotExecuted):
    """The server could not decode the arguments, or their protection was wrong."""

    stat = accept_stat.GARBAGE_ARGS


class ServerFault(NotExecuted):
    """The server failed for a reason of its own (SYSTEM_ERR): the call may have been executed, or half of it."""

    stat = accept_stat.SYSTEM_ERR

"""What can go wrong in RPCSEC_GSS, apart from the refusals that travel on the wire (those are `rpcgss.rpc.errors`).

The children say whose mistake it was: a bad MIC or a bad wrap token is the peer's (or an attacker's), an unusable
acceptor is our own administrator's, a `GssError` is whatever the mechanism says it is.
"""

from rpcgss.rpc.errors import RpcError


class SecurityError(RpcError):
    """Root of this package's errors."""


class GssError(SecurityError):
    """The mechanism refused: `major` and `minor` as GSS-API gave them (unsigned 32-bit), `text` for people."""

    def __init__(self, major: int, minor: int, text: str) -> None:
        super().__init__(text)
        self.major = major
        self.minor = minor
        self.text = text


class ContextExpired(GssError):
    """The credential behind a context has run out, says the mechanism (GSS_S_CONTEXT_EXPIRED)."""


class BadMic(SecurityError):
    """A MIC that does not belong to its message."""


class BadWrap(SecurityError):
    """A wrap token that cannot be opened, or that was not encrypted."""


class BadBody(SecurityError):
    """A protected body that does not parse, or carries another sequence number than its header."""


class ProtectionUnavailable(SecurityError):
    """This context cannot protect a message as demanded: no encryption, or it is used up."""


class PrincipalRefused(SecurityError):
    """The application wants nothing to do with a principal; the text says why, to our own log and to nobody else."""


class AssertionRefused(SecurityError):
    """The application does not grant what a client asserts; the text says why, to our own log and to nobody else."""


class AcceptorUnusable(SecurityError):
    """The server's own credentials cannot be had; the text names the keytab and says what to do."""

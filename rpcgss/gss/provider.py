"""GSS-API as the rest of this package sees it: names, flags, security contexts, and who makes them.

`mechanism.py` provides it from the system's GSS library; the tests have one in memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final

from rpcgss.gss.protection import MessageProtection
from xdr import Buffer

KRB5: Final = "1.2.840.113554.1.2.2"
SPNEGO: Final = "1.3.6.1.5.5.2"


class GssService(IntEnum):
    """What RPCSEC_GSS does for a call beyond authenticating its header (RFC 2203, 5.: rpc_gss_service_t)."""

    NONE = 1
    INTEGRITY = 2
    PRIVACY = 3

    @property
    def security(self) -> str:
        """As NFS calls it: "krb5", "krb5i" or "krb5p"."""
        return _SECURITY[self]


class GssFlag(IntFlag):
    """Context flags with the numbers of GSS-API's C bindings (RFC 2744)."""

    DELEG = 1
    MUTUAL = 2
    REPLAY = 4
    SEQUENCE = 8
    CONF = 16
    INTEG = 32
    ANON = 64
    PROT_READY = 128
    TRANS = 256


@dataclass(frozen=True, slots=True)
class GssName:
    """A mechanism name: `display` for people and policies, `exported` (RFC 2743, 3.2) for comparing.

    Both are the real mechanism's, never a negotiating pseudo-mechanism's.
    """

    display: str
    exported: bytes


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose credentials an initiator uses. All None: the default ones of this process.

    principal      -- insist on this name; None: whoever the cache belongs to
    ccache         -- a credential cache's name ("FILE:/path", "KEYRING:…"); None: the default one
    client_keytab  -- a keytab's path from which tickets are had without a password
    delegated      -- what a caller handed over (`GssIdentity.delegated`), to call on in his name; nothing else with it
    """

    principal: str | None = None
    ccache: str | None = None
    client_keytab: str | None = None
    delegated: object | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.delegated is not None and (self.principal or self.ccache or self.client_keytab):
            raise ValueError("delegated credentials are one principal's already: name no cache, keytab or principal")


@dataclass(frozen=True, slots=True)
class Demands:
    """What a client asks of its contexts. Nothing here is ever weakened silently."""

    target: str
    service: GssService
    mechanism: str | None
    mutual: bool
    delegate: bool
    credentials: Credentials

    @property
    def required_flags(self) -> GssFlag:
        """Flags that a context must have before any call uses it. Header MICs need integrity with every service."""
        flags = GssFlag.INTEG
        if self.mutual:
            flags |= GssFlag.MUTUAL
        if self.delegate:
            flags |= GssFlag.DELEG
        if self.service == GssService.PRIVACY:
            flags |= GssFlag.CONF
        return flags


class SecurityContext(ABC):
    """One end of a GSS security context, being made (`step`) or made (everything else).

    Used by one thread at a time. The properties below `complete` may be asked only when it is True.
    """

    @abstractmethod
    def step(self, token: Buffer | None) -> bytes:
        """Take the peer's token (None: the initiator begins), give the next one ("" = none). May block. Raises
        `GssError`."""

    @property
    @abstractmethod
    def complete(self) -> bool:
        """True once this end needs no more tokens."""

    @property
    @abstractmethod
    def flags(self) -> GssFlag:
        """What was really agreed."""

    @property
    @abstractmethod
    def mechanism(self) -> str:
        """The real mechanism's object identifier, dotted."""

    @property
    @abstractmethod
    def initiator(self) -> GssName: ...

    @property
    @abstractmethod
    def acceptor(self) -> GssName: ...

    @property
    @abstractmethod
    def lifetime(self) -> int | None:
        """Seconds from the moment of asking that the context is good for; None: indefinite."""

    @property
    @abstractmethod
    def channel_bound(self) -> bool: ...

    @property
    @abstractmethod
    def delegated(self) -> object | None:
        """The credentials that the initiator handed over, for the application; None: none."""

    @abstractmethod
    def prf(self, label: bytes, length: int) -> bytes:
        """`length` octets of GSS_Pseudo_random (RFC 4401) with GSS_C_PRF_KEY_FULL; both ends get the same.

        Raises `GssError` where the mechanism has none; the context works on. Not to be called while another thread
        uses the context's protection.
        """

    @abstractmethod
    def protection(self) -> MessageProtection:
        """The message operations of this context."""


class Provider(ABC):
    """Makes initiators' contexts. Its method may block and is called in a worker."""

    __slots__ = ()

    @abstractmethod
    def initiate(self, demands: Demands) -> SecurityContext:
        """A context ready for its first step. Raises `GssError` with a text that says what the user can do."""

    def refusal(self, major: int, minor: int) -> str:
        """What an acceptor that gave these numbers complains of, and what can be done; "" where nobody knows."""
        return ""


class Acceptor(ABC):
    """Makes acceptors' contexts for an explicit set of service names."""

    @property
    @abstractmethod
    def names(self) -> Sequence[GssName]:
        """The services that this acceptor answers for, and no others."""

    @abstractmethod
    def accept(self) -> SecurityContext:
        """A context waiting for the initiator's first token. Cheap."""


_SECURITY: Final = {GssService.NONE: "krb5", GssService.INTEGRITY: "krb5i", GssService.PRIVACY: "krb5p"}

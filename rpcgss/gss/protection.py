"""One interface for the four message operations of GSS-API, whoever provides them (a mechanism, or AEAD keys)."""

from abc import ABC, abstractmethod
from typing import ClassVar

from xdr import Buffer as Buffer


class MessageProtection(ABC):
    """MICs and wrap tokens of one end of one established context.

    All methods are synchronous and need no event loop; large messages are handed to them in a worker thread.
    """

    __slots__ = ()

    parallel: ClassVar[bool] = False
    """Whether several threads may be inside at once. False: at most one at a time, the caller sees to it."""

    inline_limit: ClassVar[int] = 72 * 1024
    """Messages up to so many octets are done in the event loop itself. The way to a thread and back costs 0.1 ms of
    processor time, and this is where it begins to be little beside the work: Kerberos takes 0.6 ms for 64 KiB."""

    @property
    def exhausted(self) -> bool:
        """True when the context must not protect any more messages and a new one is due."""
        return False

    @abstractmethod
    def mic(self, message: Buffer) -> bytes:
        """The MIC over `message`, QOP 0. Raises `ProtectionUnavailable`, `GssError`."""

    @abstractmethod
    def verify_mic(self, message: Buffer, mic: Buffer) -> None:
        """Returns only if `mic` is the peer's MIC over `message`. Raises `BadMic`; `ContextExpired`."""

    @abstractmethod
    def wrap(self, message: Buffer) -> bytes | bytearray:
        """`message` encrypted, QOP 0. Raises `ProtectionUnavailable` when it would leave unencrypted; `GssError`."""

    @abstractmethod
    def unwrap(self, token: Buffer) -> bytes:
        """The message in the peer's `token`. Raises `BadWrap`, also when it was not encrypted; `ContextExpired`."""

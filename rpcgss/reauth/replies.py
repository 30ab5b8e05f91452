"""Memory of accepted requests: what makes a repeat harmless.

While the context of a request is unused, a byte-identical repeat gets the same octets and makes nothing new; once it
has been used or is gone, a repeat is dropped. All of it is bounded and may be lost: then a repeat makes an unused
context, which nobody but the client can use.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ReplyT = TypeVar("ReplyT")


@dataclass(slots=True)
class Repeat(Generic[ReplyT]):
    """A request seen before. `reply` is what to send again; None: nothing."""

    handle: bytes
    reply: ReplyT | None = field(repr=False)


class Replies(Generic[ReplyT]):
    """Digests of accepted requests, the latest `maximum` of them, and the replies of those whose context is unused."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._by_digest: OrderedDict[bytes, Repeat[ReplyT]] = OrderedDict()
        self._unused: dict[bytes, Repeat[ReplyT]] = {}

    def find(self, digest: bytes) -> Repeat[ReplyT] | None:
        return self._by_digest.get(digest)

    def remember(self, digest: bytes, handle: bytes, reply: ReplyT) -> None:
        """An accepted request whose context, still unused, has this handle."""
        self._by_digest[digest] = self._unused[handle] = Repeat(handle, reply)
        if len(self._by_digest) > self._maximum:
            _, oldest = self._by_digest.popitem(last=False)
            self._unused.pop(oldest.handle, None)

    def settled(self, handle: bytes) -> None:
        """This context is used, or is gone: its reply is not sent again. Idempotent, and for any handle."""
        repeat = self._unused.pop(handle, None)
        if repeat is not None:
            repeat.reply = None

    def __len__(self) -> int:
        return len(self._by_digest)

    @property
    def unused(self) -> int:
        """How many replies are kept."""
        return len(self._unused)

"""Replies that are kept for calls that come again: what is known of a call, whose it is, and a bounded table of them.

Kept for a while, and within a number of octets. When there are too many, the oldest replies of the share that holds the
most make room: whoever floods the table pushes out his own. Shares are known to a factor of two, which is what makes
that quick.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address
from typing import Final, Literal, TypeAlias

from rpcgss.rpc.flavors import Identity
from rpcgss.rpc.messages import NULL_AUTH, CallHeader, encode_call_header
from transport import Origin
from xdr import Buffer

ENTRY_OCTETS: Final = 512
"""What a reply is taken to occupy besides its results."""


class Fate(Enum):
    """What is known of a call whose results are not."""

    NEW = "it has not been executed"
    RUNNING = "another worker is executing it"
    FAULT = "it was begun, and what came of it cannot be told"


Outcome: TypeAlias = bytes | Literal[Fate.FAULT]
"""What is kept: the encoded results, before any protection; or that there are none."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """What a call is known by when it comes again. `share` pays for the room; `digest` is that of everything."""

    share: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """How much is kept, for how long.

    seconds -- from the end of a call; twice as long as clients go on sending it, at least
    octets  -- of all that is kept, ENTRY_OCTETS for each reply counted in
    results -- octets of the longest results that are kept; of a call with longer ones, only that it was executed
    """

    seconds: float = 120.0
    octets: int = 32 * 2**20
    results: int = 64 * 2**10

    def __post_init__(self) -> None:
        if self.octets < self.results + ENTRY_OCTETS:
            raise ValueError(f"{self.octets} octets in all have no room for {self.results} octets of results")


def call_key(identity: Identity, origin: Origin, header: CallHeader, arguments: Buffer) -> CallKey:
    """Whose call it is, and which: the arguments without their protection, which is another in each transmission.

    A principal that is proven counts, wherever it calls from. Of others the host counts as well (of local processes,
    the user), and it alone for the share, for whoever can claim one name can claim a thousand.
    """
    name = identity.proven_name
    share = b"proven " + name if name else _neighbourhood(origin)
    digest = hashlib.sha256()
    for part in (share, b"" if name else f"{origin.host} {identity}".encode(errors="surrogatepass")):
        digest.update(len(part).to_bytes(4))
        digest.update(part)
    digest.update(encode_call_header(header, NULL_AUTH))
    digest.update(arguments)
    return CallKey(hashlib.sha256(share).digest()[:16], digest.digest())


def _neighbourhood(origin: Origin) -> bytes:
    """A host, or the 64 bits of an IPv6 address that a site cannot choose: its hosts are as many as it likes."""
    if origin.host is None:
        return f"uid {origin.uid}".encode()
    try:
        address = IPv6Address(origin.host)
    except ValueError:
        return origin.host.encode()
    return origin.host.encode() if address.ipv4_mapped else f"{int(address) >> 64:x}::/64".encode()


@dataclass(slots=True)
class _Entry:
    share: bytes
    outcome: Outcome
    octets: int
    expiry: float


class _Share:
    __slots__ = ("digests", "octets")

    def __init__(self) -> None:
        self.digests: OrderedDict[bytes, None] = OrderedDict()  # the oldest first
        self.octets = 0


class KeptReplies:
    """The table, in memory. `now` never goes back.

    octets  -- that it holds
    evicted -- replies that had to make room before their time
    """

    def __init__(self, limits: ReplyLimits) -> None:
        self.octets = 0
        self.evicted = 0
        self._limits: Final = limits
        self._entries: Final[OrderedDict[bytes, _Entry]] = OrderedDict()  # the oldest first
        self._shares: Final[dict[bytes, _Share]] = {}
        self._levels: Final[list[OrderedDict[bytes, None]]] = [OrderedDict() for _ in range(64)]

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: CallKey, now: float) -> Outcome | Literal[Fate.NEW]:
        """What is known of a call."""
        self.expire(now)
        entry = self._entries.get(key.digest)
        return Fate.NEW if entry is None else entry.outcome

    def keep(self, key: CallKey, outcome: Outcome, now: float) -> None:
        """Keep what came of a call, and make room for it."""
        self.expire(now)
        if key.digest in self._entries:
            self._drop(key.digest)
        octets = ENTRY_OCTETS + (0 if outcome is Fate.FAULT else len(outcome))
        self._entries[key.digest] = _Entry(key.share, outcome, octets, now + self._limits.seconds)
        share = self._shares.setdefault(key.share, _Share())
        share.digests[key.digest] = None
        self._grow(key.share, share, octets)
        while self.octets > self._limits.octets:
            self._drop(self._oldest_of_the_largest())
            self.evicted += 1

    def expire(self, now: float) -> None:
        """Forget what is too old."""
        while self._entries:
            digest, entry = next(iter(self._entries.items()))
            if entry.expiry > now:
                return
            self._drop(digest)

    def _oldest_of_the_largest(self) -> bytes:
        largest = next(level for level in reversed(self._levels) if level)
        return next(iter(self._shares[next(iter(largest))].digests))

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest)
        share = self._shares[entry.share]
        del share.digests[digest]
        self._grow(entry.share, share, -entry.octets)
        if not share.digests:
            del self._shares[entry.share]

    def _grow(self, name: bytes, share: _Share, octets: int) -> None:
        before, after = share.octets.bit_length(), (share.octets + octets).bit_length()
        share.octets += octets
        self.octets += octets
        if before != after:
            self._levels[before].pop(name, None)
            if after:
                self._levels[after][name] = None

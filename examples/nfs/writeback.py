"""Which octets of a file are not firm yet: WRITE UNSTABLE and COMMIT without I/O (RFC 1813, 3.3.7 and 3.3.21).

An UNSTABLE octet is kept until a COMMIT that was sent after the WRITE's answer brings the verifier of that answer: a
server that restarted in between may have lost it, has another verifier, and is written to again. A WRITE may take less
than it was given; the rest goes back to the octets that are to be written.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_LOSSES: Final = 16


@dataclass(frozen=True, slots=True)
class Extent:
    """Some octets and their place in the file."""

    offset: int
    data: memoryview

    def after(self, count: int) -> "Extent":
        """What is left when the first `count` octets are gone."""
        return Extent(self.offset + count, self.data[count:])


@dataclass(frozen=True, slots=True)
class Held:
    """An extent that the server acknowledged as UNSTABLE under a verifier."""

    extent: Extent
    verifier: bytes


class Ledger:
    """The life of each extent: to be written, (in flight,) held, done. Nothing is forgotten before it is firm."""

    def __init__(self, extents: Iterable[Extent]) -> None:
        self._unwritten = deque(extents)
        self._held: list[Held] = []
        self.losses = 0

    @property
    def unwritten(self) -> int:
        """How many extents wait for a WRITE."""
        return len(self._unwritten)

    @property
    def held(self) -> bool:
        """Whether some octets need a COMMIT."""
        return bool(self._held)

    def next_extent(self) -> Extent | None:
        """Take one extent that must be written; the caller gives it back by `written` or `failed`."""
        return self._unwritten.popleft() if self._unwritten else None

    def failed(self, extent: Extent) -> None:
        """The WRITE did not come to an end: the extent must be written again."""
        self._unwritten.append(extent)

    def written(self, extent: Extent, count: int, verifier: bytes, *, firm: bool) -> None:
        """The server took the first `count` octets, for good if `firm`."""
        if not firm:
            self._held.append(Held(Extent(extent.offset, extent.data[:count]), verifier))
        if count < len(extent.data):
            self._unwritten.append(extent.after(count))

    def begin_commit(self) -> list[Held]:
        """What a COMMIT that is sent now covers. Its answer goes to `committed`, its failure leaves everything held."""
        return list(self._held)

    def committed(self, covered: list[Held], verifier: bytes) -> None:
        """COMMIT answered: what was written under this verifier is firm, the rest of what it covered was lost."""
        lost = [held for held in covered if held.verifier != verifier]
        covered_ids = {id(held) for held in covered}
        self._held = [held for held in self._held if id(held) not in covered_ids]
        self._unwritten.extend(held.extent for held in lost)
        self.losses += bool(lost)

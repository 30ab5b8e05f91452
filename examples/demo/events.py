"""What the demo's processes tell its supervisor: one line of JSON per event, on a pipe, at the moment it happens.

A line is written by one `os.write` of less than PIPE_BUF octets, so lines of several threads do not mix, and what a
process wrote before it was killed can still be read afterwards. Times are CLOCK_MONOTONIC, one clock for all processes.
"""

import json
import os
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

LONGEST_TEXT: Final = 500


class Kind(StrEnum):
    """What happened."""

    # told by the server: the life of its contexts (`handle`), as its context store tells it
    ESTABLISHED = "established"  # by a full exchange
    UNCONFIRMED = "unconfirmed"  # by a ticket; not used yet
    REAUTHENTICATED = "re-authenticated"  # by a ticket; used for the first time
    DROPPED = "dropped"
    EXPIRED = "expired"
    EVICTED = "evicted"
    DESTROYED = "destroyed"
    EXECUTED = "executed"  # a call begins to run: number is its xid, text the principal

    # told by a client: its contexts (`handle`) and its work
    REFUSED = "refused"  # the server does not know this context any more
    EXCHANGED = "exchanged"  # a context by a full exchange
    ASKING = "asking"  # a re-authentication request leaves
    RECOVERED = "recovered"  # a context by a ticket
    ANSWERED_NO = "answered no"
    CUT = "cut"  # the connection ended
    CALLED = "called"  # totals: number of calls that ended well
    UNKNOWN = "unknown"  # totals: calls whose outcome stayed unknown, and that were then sent anew
    MOVED = "moved"  # octets copied so far
    FAILED = "failed"  # an error reached the application

    # told by both
    COUNTED = "counted"  # the totals that the library kept itself, as a JSON object in the text
    READY = "ready"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `at` is in seconds; what number, handle and text mean is the kind's business."""

    source: str
    at: float
    kind: Kind
    handle: str = ""
    number: int = 0
    text: str = ""

    def to_line(self) -> bytes:
        fields = [self.source, round(self.at, 6), self.kind.value, self.handle, self.number, self.text[:LONGEST_TEXT]]
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        source, at, kind, handle, number, text = json.loads(line)
        return cls(source, at, Kind(kind), handle, number, text)


class Teller:
    """Tells the supervisor, on a descriptor that it gave us."""

    def __init__(self, source: str, descriptor: int) -> None:
        self.source: Final = source
        self._descriptor: Final = descriptor

    def tell(self, kind: Kind, *, handle: bytes = b"", number: int = 0, text: str = "") -> None:
        """Tell of something that happens now."""
        event = Event(self.source, time.monotonic(), kind, handle.hex(), number, text)
        os.write(self._descriptor, event.to_line())

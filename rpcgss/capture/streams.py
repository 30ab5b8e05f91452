"""Records in a direction of a TCP connection, whatever else there is in it, and wherever the capture begins.

How it works: a stream is *in step* when the next octet is known to be a record's first. At its beginning, after octets
that are missing, and after what is no record, it is not, and looks for the next place that looks like a message in a
record. What it passes over on its way is told once it is in step: a stream that is never RPC is nobody's business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rpcgss.capture.tcp import Missing, Octets
from transport import MAX_RECORD, RecordReader, TransportError

_LIKE_A_CALL: Final = rb".{4}\x00{7}\x02.{12}\x00{3}[\x00-\x07]\x00\x00[\x00\x01]."  # xid, CALL, 2, …, flavor, length
_LIKE_A_REPLY: Final = (  # xid, REPLY; accepted, flavor, length; or denied, reason
    rb".{4}\x00{3}\x01(?:\x00{7}[\x00-\x07]\x00\x00[\x00\x01].|\x00{3}\x01\x00{3}[\x00\x01]\x00{3}.)"
)
_MESSAGE: Final = re.compile(rb"(?s:" + _LIKE_A_CALL + rb"|" + _LIKE_A_REPLY + rb")")
_CALL: Final = re.compile(rb"(?s:" + _LIKE_A_CALL + rb")")
_RECORD: Final = re.compile(rb"(?s:[\x00\x80][\x00-\x7f].{2}(?:" + _LIKE_A_CALL + rb"|" + _LIKE_A_REPLY + rb"))")
_LONGEST_MATCH: Final = 40


def looks_like_a_message(octets: bytes) -> bool:
    """Whether these octets can be an RPC message."""
    return _MESSAGE.match(octets) is not None


def looks_like_a_call(octets: bytes) -> bool:
    """The same, of calls alone."""
    return _CALL.match(octets) is not None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Octets that were passed over to be in step again; `reason` says how the stream came out of step."""

    octets: int
    reason: str


class RecordStream:
    """One direction. Octets and gaps in, records and `Skipped` out."""

    def __init__(self) -> None:
        self._reader: RecordReader | None = None  # None: out of step
        self._behind = b""  # out of step: what may be the beginning of a match
        self._passed = 0
        self._reason = ""  # how the stream came out of step; empty at its beginning
        self._known = False  # whether it was ever in step
        self.held = 0
        """Octets in memory, about."""

    def receive(self, octets: Octets) -> Iterator[bytes | Skipped]:
        """The records that become whole."""
        data = octets.data
        while data:
            if self._reader is None:
                found = self._find(self._behind + data)
                if found is None:
                    return
                if self._passed or self._reason:
                    yield Skipped(self._passed, self._reason or "no message begins in the stream's first octets")
                data, self._behind, self._passed, self._reason = found, b"", 0, ""
                self._reader, self.held, self._known = RecordReader(), 0, True
            self._reader.receive_data(data)
            self.held += len(data)
            data = b""
            try:
                while (record := self._reader.next_record()) is not None:
                    self.held -= len(record)
                    yield bytes(record)
            except TransportError as error:
                self.lose(str(error))
            else:
                if not self._reader.mid_record:
                    self.held = 0

    def miss(self, missing: Missing) -> None:
        """Octets are missing here."""
        lost = f"{missing.octets} octets are" if missing.octets else "something is"
        self.lose(f"{lost} missing in the capture")

    def lose(self, reason: str) -> None:
        """Go out of step; what there is of a record is lost."""
        if self._reader is not None:
            self._passed = self.held
        else:
            self._passed += len(self._behind)
        self._reader, self._behind, self._reason, self.held = None, b"", reason, 0

    def finish(self) -> Skipped | None:
        """The stream is over."""
        if self._reader is None:
            return Skipped(self._passed + len(self._behind), self._reason) if self._known else None
        if not self._reader.mid_record:
            return None
        return Skipped(self.held, "the capture or the connection ends within a record")

    def _find(self, data: bytes) -> bytes | None:
        """From the next record on; None: it has not come yet."""
        match = _RECORD.search(data)
        if match is not None and int.from_bytes(data[match.start() : match.start() + 4]) & 0x7FFFFFFF <= MAX_RECORD:
            self._passed += match.start()
            return data[match.start() :]
        self._behind = data[-_LONGEST_MATCH:]
        self._passed += len(data) - len(self._behind)
        return None

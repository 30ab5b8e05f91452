"""Record marking (RFC 5531, 11), without I/O: records in, octets out, and back.

A record is a run of fragments, each with a header of four octets: the highest bit says "last", the others the length.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from transport.errors import RecordTooLarge, TooManyFragments

Buffer: TypeAlias = bytes | bytearray | memoryview

MAX_RECORD: Final = 4 << 20
"""Octets that a record may have unless the user says otherwise: room for 1 MiB of data in any protection."""
MAX_FRAGMENTS: Final = 1024

UNASKED_OCTETS: Final = 72 * 1024
"""Of a record, read without asking for room, where a reader asks: 64 KiB of data, and what belongs to it."""

HEADER_OCTETS: Final = 4
BEGINNING_OCTETS: Final = 64
"""Of a record that is too large, kept so that its reader can tell what it was about."""
_LAST: Final = 0x80000000


class RecordReader:
    """Two verbs: here are octets (`receive_data`), and the next whole record, please (`next_record`).

    Half a record stays here, so whoever feeds the reader may be cancelled between two calls without loss.

    expected -- octets that the record which is coming has at most, as far as its headers tell. One whose end is not in
                sight may have `max_record`, once it is past `UNASKED_OCTETS`
    """

    def __init__(self, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS) -> None:
        self.max_record: Final = max_record
        self.max_fragments: Final = max_fragments
        self.expected = 0
        self._incoming = bytearray()
        self._pieces: list[bytes] = []  # of a large fragment that is coming
        self._missing = 0  # octets of it; negative: so many have come that are not its own
        self._earlier: list[bytes] = []  # fragments of the record that is coming, without the one that is coming
        self._earlier_octets = 0

    @property
    def mid_record(self) -> bool:
        """Whether some of a record has come and the rest has not (ask after `next_record` gave None)."""
        return bool(self._incoming or self._earlier or self._pieces)

    def receive_data(self, data: Buffer) -> None:
        """Take octets as they came from the peer, cut anywhere."""
        if self._missing > 0:
            self._pieces.append(bytes(data))
            self._missing -= len(data)
        else:
            self._incoming += data

    def next_record(self) -> bytes | None:
        """The next whole record; None: more octets are needed.

        Raises `RecordTooLarge` as soon as a header claims too much, and `TooManyFragments`; the stream cannot go on
        after either.
        """
        if self._missing > 0:
            return None
        while len(self._incoming) >= HEADER_OCTETS:
            header = int.from_bytes(self._incoming[:HEADER_OCTETS])
            length = header & ~_LAST
            if self._pieces:
                fragment = self._large_fragment()
            else:
                self._admit(length)
                end = HEADER_OCTETS + length
                if len(self._incoming) < end:
                    self._expect(header, length)
                    return None
                with memoryview(self._incoming) as view:
                    fragment = bytes(view[HEADER_OCTETS:end])
                del self._incoming[:end]  # moves the start, not the octets
            if header & _LAST:
                return self._complete(fragment)
            self._earlier.append(fragment)
            self._earlier_octets += length
        return None

    def _expect(self, header: int, length: int) -> None:
        """A fragment is coming. The pieces of a large one are joined once, when all are there."""
        octets = self._earlier_octets + length
        self.expected = octets if header & _LAST or octets <= UNASKED_OCTETS else self.max_record
        if length > UNASKED_OCTETS:
            self._missing = HEADER_OCTETS + length - len(self._incoming)
            self._pieces.append(bytes(self._incoming[HEADER_OCTETS:]))
            del self._incoming[HEADER_OCTETS:]

    def _large_fragment(self) -> bytes:
        """All of it has come; what came behind it is now all that is in `_incoming`."""
        self._incoming.clear()
        if self._missing:
            with memoryview(self._pieces[-1]) as last:
                self._incoming += last[self._missing :]
            self._pieces[-1] = self._pieces[-1][: self._missing]
        self._missing = 0
        fragment = b"".join(self._pieces)
        self._pieces.clear()
        return fragment

    def _admit(self, length: int) -> None:
        octets = self._earlier_octets + length
        if octets > self.max_record:
            beginning = b"".join((*self._earlier, self._incoming[HEADER_OCTETS:]))[:BEGINNING_OCTETS]
            raise RecordTooLarge(f"a record of {octets} octets or more; at most {self.max_record} are taken", beginning)
        if len(self._earlier) >= self.max_fragments:
            raise TooManyFragments(f"a record in more than {self.max_fragments} fragments")

    def _complete(self, last: bytes) -> bytes:
        self.expected = 0
        if not self._earlier:
            return last
        record = b"".join((*self._earlier, last))
        self._earlier.clear()
        self._earlier_octets = 0
        return record


def record_header(octets: int) -> bytes:
    """The header that makes a record of `octets` one fragment. Raises `RecordTooLarge` from 2**31 octets on."""
    if octets >= _LAST:
        raise RecordTooLarge(f"{octets} octets do not fit into a fragment")
    return (_LAST | octets).to_bytes(HEADER_OCTETS)


def encode_record(record: Buffer, *, fragment: int | None = None) -> bytes:
    """A record as octets; in fragments of `fragment` octets (cut them at multiples of four: nfs-ganesha insists)."""
    if fragment is None or len(record) <= fragment:
        return record_header(len(record)) + bytes(record)
    pieces: Sequence[Buffer] = [record[start : start + fragment] for start in range(0, len(record), fragment)]
    framed = [part for piece in pieces[:-1] for part in (len(piece).to_bytes(HEADER_OCTETS), piece)]
    return b"".join((*framed, record_header(len(pieces[-1])), pieces[-1]))

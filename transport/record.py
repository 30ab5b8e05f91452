"""Record marking (RFC 5531, 11), without I/O: records in, octets out, and back.

A record is a run of fragments, each with a header of four octets: the highest bit says "last", the others the length.
"""

from collections.abc import Sequence
from struct import Struct
from typing import Final, TypeAlias

from transport.errors import RecordTooLarge, TooManyFragments

Buffer: TypeAlias = bytes | bytearray | memoryview

MAX_RECORD: Final = 4 << 20
"""Octets that a record may have unless the user says otherwise: room for 1 MiB of data in any protection."""
MAX_FRAGMENTS: Final = 1024

UNASKED_OCTETS: Final = 72 * 1024
"""Of a record, read without asking for room, where a reader asks: 64 KiB of data, and what belongs to it."""

OWN_BUFFER_OCTETS: Final = 4096
"""A fragment that is larger, and has not come as a whole, gets a buffer of its own, into which the rest of it can be
received. What is smaller is copied while it is not complete."""

HEADER_OCTETS: Final = 4
BEGINNING_OCTETS: Final = 64
"""Of a record that is too large, kept so that its reader can tell what it was about."""
_LAST: Final = 0x80000000
_HEADER: Final = Struct(">I")


class RecordReader:
    """Two verbs: here are octets (`receive_data`), and the next whole record, please (`next_record`).

    Half a record stays here, so whoever feeds the reader may be cancelled between two calls without loss. Large records
    are not copied if their feeder asks for `room`, puts octets there, and says how many (`filled`).

    expected -- octets that the record which is coming has at most, as far as its headers tell (ask after `next_record`
                gave None). One whose end is not in sight may have `max_record`, once it is past `UNASKED_OCTETS`
    """

    def __init__(self, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS) -> None:
        self.max_record: Final = max_record
        self.max_fragments: Final = max_fragments
        self.expected = 0
        self._incoming = b""  # octets as they came
        self._position = 0  # in `_incoming`, of the first that nobody has looked at
        self._large: memoryview | None = None  # the buffer of a large fragment that is coming; None: not made yet
        self._filled = 0  # octets of it that have come
        self._large_header = 0  # its header; 0: no large fragment is coming
        self._earlier: list[Buffer] = []  # fragments of the record that is coming, without the one that is coming
        self._earlier_octets = 0

    @property
    def mid_record(self) -> bool:
        """Whether some of a record has come and the rest has not (ask after `next_record` gave None)."""
        return bool(self._position < len(self._incoming) or self._earlier or self._large_header)

    @property
    def room(self) -> memoryview | None:
        """Where the rest of a large fragment goes that is coming; None: there is none. Its memory is taken now."""
        if self._large is None:
            if not self._large_header:
                return None
            self._large = memoryview(bytearray(self._large_header & ~_LAST))
            self.receive_data(self._take_incoming())
        return self._large[self._filled :]

    def filled(self, octets: int) -> None:
        """So many have been put into `room`."""
        self._filled += octets

    def receive_data(self, data: Buffer) -> None:
        """Take octets as they came from the peer, cut anywhere."""
        room = self.room
        if room is not None:
            octets = min(len(room), len(data))
            room[:octets] = data[:octets]
            self._filled += octets
            if octets == len(data):
                return
            data = memoryview(data)[octets:]
        waiting = self._take_incoming()
        self._incoming = waiting + data if waiting else bytes(data)

    def next_record(self) -> bytes | bytearray | None:
        """The next whole record; None: more octets are needed.

        Raises `RecordTooLarge` as soon as a header claims too much, and `TooManyFragments`; the stream cannot go on
        after either.
        """
        fragment: bytes | bytearray
        while True:
            header = self._large_header
            if header:
                if self._large is None or self._filled < len(self._large):
                    return None
                fragment = self._large.obj  # type: ignore[assignment]  # made in `room`
                self._large, self._filled, self._large_header = None, 0, 0
            else:
                start = self._position + HEADER_OCTETS
                if start > len(self._incoming):
                    if self._position == len(self._incoming):
                        self._incoming, self._position = b"", 0
                    return None
                (header,) = _HEADER.unpack_from(self._incoming, self._position)
                length = header & ~_LAST
                self._admit(length)
                end = start + length
                if end > len(self._incoming):
                    self._expect(header, length)
                    return None
                fragment = self._incoming[start:end]
                self._position = end
            if header & _LAST:
                return self._complete(fragment)
            self._earlier.append(fragment)
            self._earlier_octets += len(fragment)
            if self._earlier_octets > UNASKED_OCTETS:
                self.expected = self.max_record

    def _take_incoming(self) -> bytes:
        """What nobody has looked at."""
        waiting = self._incoming[self._position :]
        self._incoming, self._position = b"", 0
        return waiting

    def _expect(self, header: int, length: int) -> None:
        """A fragment is coming."""
        octets = self._earlier_octets + length
        self.expected = octets if header & _LAST or octets <= UNASKED_OCTETS else self.max_record
        if length > OWN_BUFFER_OCTETS:
            self._large_header = header
            self._position += HEADER_OCTETS

    def _admit(self, length: int) -> None:
        octets = self._earlier_octets + length
        if octets > self.max_record:
            beginning = b"".join((*self._earlier, self._incoming[self._position + HEADER_OCTETS :]))[:BEGINNING_OCTETS]
            raise RecordTooLarge(f"a record of {octets} octets or more; at most {self.max_record} are taken", beginning)
        if len(self._earlier) >= self.max_fragments:
            raise TooManyFragments(f"a record in more than {self.max_fragments} fragments")

    def _complete(self, last: bytes | bytearray) -> bytes | bytearray:
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

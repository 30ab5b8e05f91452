"""TCP put together again: octets of both directions, in an order in which the ends can have seen them.

How it works: a segment is delivered when all octets before it have been, and all octets that it acknowledges: so a
reply never comes before its call, whatever order the capture has them in. What cannot be delivered yet waits; when too
much waits, the capture has lost something, and that is said (`Missing`) and passed over. Of octets that come twice the
first stay. A connection may begin in the middle.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from rpcgss.capture.layers import Endpoint, Segment

MAX_CONNECTIONS: Final = 4096
"""Connections under way; the one that was silent longest gives way."""
MAX_WAITING: Final = 64
"""Segments of a connection that wait for others."""
MAX_WAITING_OCTETS: Final = 32 << 20
"""The same in all connections together."""

_SPACE: Final = 1 << 32
_FAR: Final = 1 << 26
"""A sequence number so far away belongs to another connection with the same ports, whose beginning was not captured."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One direction of one connection; `connection` counts from 1."""

    connection: int
    source: Endpoint
    destination: Endpoint


@dataclass(frozen=True, slots=True)
class Octets:
    """Octets in order."""

    flow: Flow
    time: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """Octets that the capture does not have; 0: nobody knows how many."""

    flow: Flow
    time: float
    octets: int


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more will come of this connection."""

    connection: int


Delivery = Octets | Missing | Closed


class Connections:
    """All connections of a capture. Segments in, deliveries out."""

    def __init__(self) -> None:
        self._open: OrderedDict[frozenset[Endpoint], _Connection] = OrderedDict()
        self._count = 0
        self._waiting_octets = 0

    def receive(self, segment: Segment) -> Iterator[Delivery]:
        """What this segment makes deliverable."""
        key = frozenset((segment.source, segment.destination))
        connection = self._open.get(key)
        if connection is not None and connection.is_over(segment):
            yield from self._close(key)
            connection = None
        if connection is None:
            self._count += 1
            connection = self._open[key] = _Connection(self._count, segment)
        self._open.move_to_end(key)
        before = connection.waiting_octets
        yield from connection.receive(segment)
        self._waiting_octets += connection.waiting_octets - before
        if self._waiting_octets > MAX_WAITING_OCTETS:
            before = connection.waiting_octets
            yield from connection.deliver_all()
            self._waiting_octets -= before
        if len(self._open) > MAX_CONNECTIONS:
            yield from self._close(next(iter(self._open)))

    def finish(self) -> Iterator[Delivery]:
        """The capture is over: what waits is delivered with its gaps."""
        while self._open:
            yield from self._close(next(iter(self._open)))

    def _close(self, key: frozenset[Endpoint]) -> Iterator[Delivery]:
        connection = self._open.pop(key)
        self._waiting_octets -= connection.waiting_octets
        yield from connection.deliver_all()
        yield Closed(connection.number)


@dataclass(slots=True)
class _Side:
    flow: Flow
    start: int | None = None  # the SYN's number
    expected: int | None = None


@dataclass(slots=True)
class _Connection:
    number: int
    begun_by: Segment
    sides: dict[Endpoint, _Side] = field(init=False)
    waiting: list[Segment] = field(default_factory=list)
    waiting_octets: int = 0

    def __post_init__(self) -> None:
        ends = self.begun_by.source, self.begun_by.destination
        self.sides = {each: _Side(Flow(self.number, each, other)) for each, other in (ends, ends[::-1])}

    def is_over(self, segment: Segment) -> bool:
        """Whether this segment begins another connection of the same ends."""
        side = self._side(segment)
        if not segment.opens or segment.acknowledged is not None:
            return False
        return side.start != segment.sequence if side.start is not None else side.expected is not None

    def receive(self, segment: Segment) -> Iterator[Delivery]:
        if segment.breaks:
            return  # its number need not be one of the stream's; the next SYN begins anew
        self._wait(segment)
        yield from self._deliver()
        while len(self.waiting) > MAX_WAITING:
            yield from self._force()

    def deliver_all(self) -> Iterator[Delivery]:
        while self.waiting:
            yield from self._force()

    def _side(self, segment: Segment) -> _Side:
        return self.sides[segment.source]

    def _other(self, segment: Segment) -> _Side:
        # A connection of a port with itself has one side.
        return self.sides[segment.destination]

    def _wait(self, segment: Segment) -> None:
        self.waiting.append(segment)
        self.waiting_octets += len(segment.data)

    def _deliver(self) -> Iterator[Delivery]:
        """Everything whose turn it is."""
        while (index := next((i for i, each in enumerate(self.waiting) if self._is_due(each)), None)) is not None:
            segment = self.waiting.pop(index)
            self.waiting_octets -= len(segment.data)
            yield from self._take(segment)

    def _is_due(self, segment: Segment) -> bool:
        expected, known = self._side(segment).expected, self._other(segment).expected
        if segment.opens or expected is None:
            return True
        if 0 < _distance(expected, segment.sequence) < _FAR:
            return False
        acknowledged = segment.acknowledged
        return acknowledged is None or known is None or not 0 < _distance(known, acknowledged) < _FAR

    def _take(self, segment: Segment) -> Iterator[Delivery]:
        side, sequence, data = self._side(segment), segment.sequence, segment.data
        if segment.opens:
            if side.start is None and side.expected is None:
                side.start = sequence
                side.expected = (sequence + 1) % _SPACE
            sequence = (sequence + 1) % _SPACE
        if side.expected is None:
            side.expected = sequence
        known = _distance(sequence, side.expected)
        if not 0 <= known < _FAR:
            yield Missing(side.flow, segment.time, 0)
            side.expected, known = sequence, 0
        fresh = data[known:]
        ends = 1 if segment.ends and known <= len(data) else 0
        side.expected = (side.expected + len(fresh) + ends) % _SPACE
        if fresh:
            yield Octets(side.flow, segment.time, fresh)

    def _force(self) -> Iterator[Delivery]:
        """Give up what the first waiting segment waits for."""
        segment = self.waiting[0]
        side, other = self._side(segment), self._other(segment)
        assert side.expected is not None
        if _distance(side.expected, segment.sequence) > 0:
            yield self._skip(side, segment.sequence, segment.time)
        else:
            assert segment.acknowledged is not None
            yield self._skip(other, segment.acknowledged, segment.time)
        yield from self._deliver()

    def _skip(self, side: _Side, sequence: int, time: float) -> Missing:
        """Go on at `sequence`, or where there is something before that."""
        assert side.expected is not None
        start = side.expected
        ahead = [_distance(start, each.sequence) for each in self.waiting if self._side(each) is side]
        lost = min(_distance(start, sequence), *(distance for distance in ahead if distance > 0), _FAR)
        side.expected = (start + lost) % _SPACE
        return Missing(side.flow, time, lost)


def _distance(start: int, end: int) -> int:
    """From one sequence number to another, which may lie before it."""
    return (end - start + _SPACE // 2) % _SPACE - _SPACE // 2

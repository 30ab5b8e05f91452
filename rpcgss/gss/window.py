"""The window of sequence numbers (RFC 2203, 5.3.3.1): what a server has seen, and what a client may send."""

from functools import lru_cache
from typing import Final

from rpcgss.gss.gss_xdr import MAXSEQ

MAX_GIVEN_AWAY: Final = 16
"""Numbers of one window. A client that negotiates in earnest needs two."""

_NO_NUMBERS: Final[frozenset[int]] = (
    frozenset()
)  # each other empty one would take as much memory as the rest of a window


class ReceiveWindow:
    """A server's memory of the numbers it has seen: the highest, and a bit for each of the `size` - 1 below it.

    Ask `fresh` before the MIC is verified (it changes nothing), call `accept` after.
    """

    __slots__ = ("_given_away", "_mask", "highest", "seen", "size")

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("a window has room for one number at least")
        self.size: Final = size
        self._mask: Final = _mask(size)
        self._given_away = _NO_NUMBERS
        self.highest = -1
        self.seen = 0  # bit i stands for the number highest - i

    def fresh(self, seq_num: int) -> bool:
        """Whether `seq_num` is neither below the window nor a repetition, nor given away."""
        age = self.highest - seq_num
        return (age < 0 or (age < self.size and not self.seen >> age & 1)) and seq_num not in self._given_away

    def accept(self, seq_num: int) -> bool:
        """Remember `seq_num`, moving the window if it is ahead. False: it was not fresh, and nothing changed."""
        ahead = seq_num - self.highest
        if (ahead <= 0 or self._given_away) and not self.fresh(seq_num):
            return False  # what is ahead of all is fresh
        if ahead <= 0:
            self.seen |= 1 << -ahead
        else:
            # A jump of up to 2**31 must not become a shift by as many bits.
            self.seen = (self.seen << ahead | 1) & self._mask if ahead < self.size else 1
            self.highest = seq_num
        return True

    def give_away(self, seq_num: int) -> bool:
        """Let nobody have `seq_num` from now on, though nobody has proven that it is his: the window does not move.
        False: it is not fresh, or too many have been given away."""
        if len(self._given_away) >= MAX_GIVEN_AWAY or not self.fresh(seq_num):
            return False
        self._given_away |= {seq_num}
        return True


class SendWindow:
    """A client's numbers: number N may be taken only when everything up to N - `size` has been answered.

    By number, not by count: a server's window slides with the highest number that it has seen, so one slow call among
    many quick ones would fall below it and be dropped without a word.
    """

    __slots__ = ("_last", "_next", "_unanswered", "size")

    def __init__(self, size: int, *, first: int = 1, last: int = MAXSEQ - 2) -> None:
        if size < 1:
            raise ValueError("a window has room for one number at least")
        self.size: Final = size
        self._next = first
        self._last: Final = last
        # number -> connection; in rising order, as numbers are only added at the end
        self._unanswered: dict[int, int] = {}

    @property
    def exhausted(self) -> bool:
        """No numbers are left for calls; one is kept back for DESTROY."""
        return self._next > self._last

    @property
    def open(self) -> bool:
        """Whether `take` would give a number now."""
        return not self.exhausted and self._has_room()

    @property
    def unanswered(self) -> int:
        """How many numbers are in flight."""
        return len(self._unanswered)

    def take(self, connection: int = 0) -> int | None:
        """The next number, in flight on `connection` from now on; None: the window is closed, or no number is left."""
        seq_num = self._next
        if seq_num > self._last:
            return None
        for oldest in self._unanswered:
            if seq_num - oldest >= self.size:
                return None
            break
        self._next = seq_num + 1
        self._unanswered[seq_num] = connection
        return seq_num

    def take_last(self) -> int:
        """A number for DESTROY, whatever is unanswered or exhausted: nothing is sent after it."""
        seq_num = self._next
        self._next += 1
        self._unanswered[seq_num] = 0
        return seq_num

    def answered(self, seq_num: int) -> None:
        """`seq_num` is in flight no more. Idempotent."""
        self._unanswered.pop(seq_num, None)

    def in_flight_on(self, connection: int) -> int:
        """How many numbers are in flight on one connection."""
        return sum(1 for carrier in self._unanswered.values() if carrier == connection)

    def give_up_before(self, connection: int) -> None:
        """Numbers that left on an earlier connection will never be answered."""
        for seq_num in [number for number, carrier in self._unanswered.items() if carrier < connection]:
            del self._unanswered[seq_num]

    def _has_room(self) -> bool:
        oldest = next(iter(self._unanswered), self._next)
        return self._next - oldest < self.size


@lru_cache(maxsize=16)
def _mask(size: int) -> int:
    """The same number for all windows of a server."""
    return (1 << size) - 1

"""The two windows against models that are too simple to be wrong."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.gss.gss_xdr import MAXSEQ
from rpcgss.gss.window import ReceiveWindow, SendWindow


class SetWindow:
    """RFC 2203, 5.3.3.1, with a set."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.seen: set[int] = set()

    def accept(self, number: int) -> bool:
        highest = max(self.seen, default=-1)
        if number <= highest - self.size or number in self.seen:
            return False
        self.seen.add(number)
        return True


NEAR = st.integers(0, 60) | st.sampled_from([0, 1, 2**31, 2**31 - 1, 2**31 - 5])


@given(size=st.integers(1, 40), numbers=st.lists(NEAR, max_size=60))
def test_receive_window_is_the_set_of_numbers_seen(size: int, numbers: list[int]) -> None:
    window, model = ReceiveWindow(size), SetWindow(size)
    for number in numbers:
        before = window.seen, window.highest
        fresh = window.fresh(number)
        assert (window.seen, window.highest) == before
        assert window.accept(number) is model.accept(number) is fresh
        assert window.seen.bit_length() <= size


def test_each_number_once_and_none_below() -> None:
    window = ReceiveWindow(4)
    assert window.accept(10)
    assert [window.accept(number) for number in (10, 7, 8, 9, 7, 6)] == [False, True, True, True, False, False]
    assert window.accept(11)
    assert not window.fresh(7)


def test_what_was_given_away_is_nobody_s_behind_the_highest_number_or_ahead() -> None:
    window = ReceiveWindow(8)
    assert window.accept(10)
    assert window.give_away(9)
    assert window.give_away(20)
    assert not window.give_away(10)
    before = window.seen, window.highest
    assert [window.accept(number) for number in (9, 20)] == [False, False]
    assert (window.seen, window.highest) == before
    assert [window.accept(number) for number in (8, 21, 20)] == [True, True, False]


def test_a_jump_to_the_highest_number_takes_no_memory() -> None:
    window = ReceiveWindow(1024)
    assert window.accept(0)
    tracemalloc.start()
    assert window.accept(MAXSEQ)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    assert window.seen == 1
    assert window.accept(MAXSEQ - 1023)
    assert not window.accept(MAXSEQ - 1024)


@pytest.mark.parametrize("kind", [ReceiveWindow, SendWindow])
def test_a_window_has_room(kind: type) -> None:
    with pytest.raises(ValueError, match="room"):
        kind(0)


@given(size=st.integers(1, 8), steps=st.lists(st.none() | st.integers(0, 12), max_size=80))
def test_send_window_never_laps_an_unanswered_number(size: int, steps: list[int | None]) -> None:
    """None takes a number; n answers the n-th of those in flight, if there is one."""
    window, received = SendWindow(size), ReceiveWindow(size)
    flying: list[int] = []
    for step in steps:
        if step is None:
            expected = not flying or window._next - min(flying) < size
            number = window.take()
            assert (number is not None) is expected
            if number is not None:
                flying.append(number)
        elif step < len(flying):
            # Whatever order they arrive in, a server with that window takes each of them.
            number = flying.pop(step)
            assert received.accept(number)
            window.answered(number)
            window.answered(number)
        assert window.unanswered == len(flying)


def test_numbers_start_at_one_and_leave_one_for_destroy() -> None:
    window = SendWindow(10, last=3)
    assert [window.take() for _ in range(4)] == [1, 2, 3, None]
    assert window.exhausted
    assert window.take_last() == 4
    assert SendWindow(1)._last < MAXSEQ


def test_numbers_of_an_earlier_connection_are_given_up() -> None:
    window = SendWindow(2)
    assert [window.take(1), window.take(1), window.take(1)] == [1, 2, None]
    assert window.in_flight_on(1) == 2
    window.give_up_before(2)
    assert [window.take(2), window.take(2)] == [3, 4]
    assert window.in_flight_on(1) == 0

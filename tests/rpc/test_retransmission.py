"""Timers of calls, by their own arithmetic: RFC 6298 with a clock that is given."""

import random

import pytest

from rpcgss.rpc.retransmission import Retransmission, RoundTrips, Timers

POLICY = Retransmission(first=1.0, least=0.2, longest=10.0)


class NoJitter(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return a


def test_measurements() -> None:
    """RFC 6298, 2.2 and 2.3, with numbers worked out by hand."""
    known = RoundTrips(POLICY)
    assert known.timeout == 1.0
    known.measured(0.8)  # mean 0.8, variation 0.4
    assert known.timeout == pytest.approx(2.4)
    known.measured(0.4)  # variation 0.4 + (0.4 - 0.4) / 4, mean 0.75
    assert known.timeout == pytest.approx(0.75 + 4 * 0.4)
    for _ in range(100):
        known.measured(0.001)
    assert known.timeout == 0.2
    known.measured(1000.0)
    assert known.timeout == 10.0


def test_a_call_that_is_sent_again_and_again() -> None:
    timer = Timers(POLICY, NoJitter()).timer("one")
    now, waits = 100.0, []
    for _ in range(6):
        timer.sent(now)
        waits.append(timer.due - now)
        now = timer.due
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_only_calls_sent_once_are_measured() -> None:
    timers = Timers(POLICY, NoJitter())

    def wait_of_next() -> float:
        timer = timers.timer("one")
        timer.sent(0.0)
        return timer.due

    twice = timers.timer("one")
    twice.sent(0.0)
    twice.sent(1.0)
    twice.answered(1.001)
    assert wait_of_next() == 2.0  # not what a round trip of a millisecond would give
    for _ in range(5):  # one call, however unlucky, does no more than double it
        twice.sent(2.0)
    twice.answered(3.0)
    assert wait_of_next() == 4.0
    once = timers.timer("one")
    once.sent(0.0)
    once.answered(0.1)
    assert wait_of_next() == pytest.approx(0.3)


def test_procedures_know_nothing_of_each_other() -> None:
    timers = Timers(POLICY, NoJitter())
    slow = timers.timer("slow")
    slow.sent(0.0)
    slow.answered(3.0)
    quick = timers.timer("quick")
    quick.sent(0.0)
    assert quick.due == 1.0


def test_jitter_only_lengthens() -> None:
    timers = Timers(POLICY, random.Random(7))
    waits = set()
    for _ in range(100):
        timer = timers.timer("one")
        timer.sent(5.0)
        waits.add(timer.due - 5.0)
    assert 1.0 <= min(waits) < 1.1
    assert 1.4 < max(waits) <= 1.5

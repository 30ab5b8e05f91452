"""One task looks after all attempts at a target: each ends in silence when its own time is up, and no sooner."""

from dataclasses import dataclass
from typing import cast

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from rpcgss.reauth.target import SILENCE, Target
from rpcgss.rpc.flavors import Link


@dataclass
class Heard:
    """All that is asked of a link."""

    last_received: float = -float("inf")


async def silence(target: Target, heard: Heard, since: float, ends: list[float]) -> None:
    with target.unless_silent(cast(Link, heard), since) as patience:
        await trio.sleep_forever()
    assert patience.silent
    ends.append(trio.current_time())


async def ends_of(*sinces: float) -> list[float]:
    """Attempts that begin now, and met with silence since then."""
    ends: list[float] = []
    target = Target()
    async with trio.open_nursery() as nursery:
        for since in sinces:
            nursery.start_soon(silence, target, Heard(), since, ends)
            await trio.testing.wait_all_tasks_blocked()
    return ends


async def test_each_ends_when_its_own_time_is_up(autojump_clock: MockClock) -> None:
    now = trio.current_time()
    assert await ends_of(now, now + 1, now + 2) == pytest.approx([now + SILENCE, now + SILENCE + 1, now + SILENCE + 2])


async def test_one_that_is_due_before_those_that_wait_already(autojump_clock: MockClock) -> None:
    now = trio.current_time()
    assert await ends_of(now, now - 3) == pytest.approx([now + SILENCE - 3, now + SILENCE])


async def test_one_whose_time_is_up_already_ends_at_once(autojump_clock: MockClock) -> None:
    now = trio.current_time()
    assert await ends_of(now, now - 2 * SILENCE) == pytest.approx([now, now + SILENCE])


async def test_signs_of_life(autojump_clock: MockClock) -> None:
    target, ends = Target(), list[float]()
    deaf, hearing = Heard(), Heard()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for heard in (deaf, hearing):
            nursery.start_soon(silence, target, heard, began, ends)
        await trio.sleep(4)
        target.answered(trio.current_time())  # somebody else's: for both
        await trio.sleep(4)
        hearing.last_received = trio.current_time()
    assert ends == pytest.approx([began + 4 + SILENCE, began + 8 + SILENCE])


async def test_attempts_that_are_answered_leave_nothing_behind(autojump_clock: MockClock) -> None:
    target, link = Target(), cast(Link, Heard())
    for _ in range(3):
        for _ in range(10):
            with target.unless_silent(link, trio.current_time()) as patience:
                await trio.sleep(SILENCE / 10)
            assert not patience.silent
        before = trio.current_time()
        await trio.sleep(10 * SILENCE)  # nobody is looking any more
        ends: list[float] = []
        await silence(target, Heard(), trio.current_time(), ends)
        assert ends == pytest.approx([before + 11 * SILENCE])


async def test_cancellation_from_outside_is_not_silence(autojump_clock: MockClock) -> None:
    target, link = Target(), cast(Link, Heard())
    with trio.move_on_after(1) as outer:
        with target.unless_silent(link, trio.current_time()) as patience:
            await trio.sleep_forever()
        pytest.fail("went on")
    assert outer.cancelled_caught
    assert not patience.silent

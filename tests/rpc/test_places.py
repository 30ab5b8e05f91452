"""Places for calls: how many each connection gets, who is next, and that none is lost."""

import pytest
import trio
import trio.testing

from rpcgss.rpc.places import Places, Share


def take_all(share: Share) -> int:
    taken = 0
    while share.may_take:
        share.take_now()
        taken += 1
    return taken


@pytest.mark.parametrize(
    ("total", "each", "taken"),
    [
        (1024, 128, [128, 128, 128, 128, 128, 128, 128, 64, 32, 16, 8, 4, 2, 1, 1, 0]),
        (8, 100, [4, 2, 1, 1, 0]),
        (2, 100, [1, 1, 0]),
        (1, 100, [1, 0]),
    ],
)
def test_whoever_comes_finds_a_place_until_all_are_gone(total: int, each: int, taken: list[int]) -> None:
    places = Places(total, each)
    assert [take_all(places.share()) for _ in taken] == taken
    assert places.free == 0


async def test_who_waits_is_served_in_turn_and_by_right() -> None:
    places = Places(4, 4)
    greedy, modest = places.share(), places.share()
    order: list[str] = []

    async def take(name: str, share: Share) -> None:
        await share.take()
        order.append(name)

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            await greedy.take()
        await modest.take()
        nursery.start_soon(take, "greedy", greedy)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(take, "third", places.share())
        await trio.testing.wait_all_tasks_blocked()
        assert order == ["third"]
        modest.give_back()
        await trio.testing.wait_all_tasks_blocked()
        assert order == ["third"]  # greedy holds two, and one is free
        greedy.give_back()
        await trio.testing.wait_all_tasks_blocked()
        assert order == ["third", "greedy"]


async def test_waiting_may_be_cancelled() -> None:
    places = Places(1, 1)
    first, second = places.share(), places.share()
    await first.take()
    with trio.move_on_after(0) as scope:
        await second.take()
    assert scope.cancelled_caught
    first.give_back()
    assert places.free == 1
    await second.take()
    second.give_back()
    assert places.free == 1

"""The store of contexts: pools, limits, expiry, and losses on purpose."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.gss.context import Context, Origin
from rpcgss.gss.provider import GssFlag, GssService
from rpcgss.gss.store import ContextStore, DropPolicy, StoreEvent, StoreEventKind, StoreLimits
from rpcgss.gss.window import ReceiveWindow
from tests.gss.fake_mechanism import FAKE, FakeProtection, fake_name

NUMBERS = count()


def context(*, expiry: float | None = None, chain: bytes = b"", origin: Origin = Origin.EXCHANGE) -> Context:
    return Context(
        handle=next(NUMBERS).to_bytes(16, "big"),
        protection=FakeProtection(b"secret key", initiator=False, encrypts=True),
        window=ReceiveWindow(8),
        initiator=fake_name("alice@FAKE"),
        acceptor=fake_name("nfs@server"),
        mechanism=FAKE,
        flags=GssFlag.INTEG,
        established=1.0,
        expiry=expiry,
        chain=chain,
        origin=origin,
    )


def ticketed(chain: bytes) -> Context:
    return context(chain=chain, origin=Origin.TICKET)


def test_a_full_pool_drops_the_least_recently_used() -> None:
    store = ContextStore(StoreLimits(established=3))
    old, used, recent = contexts = [context() for _ in range(3)]
    for one in contexts:
        store.add(one, 0)
    store.used(old, 1)
    store.add(new := context(), 2)
    assert store.find(used.handle) is None
    assert not used.alive
    assert all(store.find(one.handle) is one for one in (old, recent, new))
    assert store.counters.evicted == 1


def test_a_busy_context_is_not_evicted_while_another_is_idle() -> None:
    store = ContextStore(StoreLimits(established=2))
    busy, idle = context(), context()
    store.add(busy, 0)
    store.add(idle, 1)
    busy.calls = 1
    store.add(context(), 2)
    assert busy.alive
    assert not idle.alive
    busy_too = next(iter(set(store.contexts()) - {busy}))
    busy_too.calls = 1
    store.add(context(), 3)
    assert store.established == 2


def test_contexts_expire() -> None:
    store = ContextStore()
    store.add(mortal := context(expiry=10), 0)
    store.add(immortal := context(), 0)
    assert not mortal.expired(9.99)
    assert mortal.expired(10)
    store.add(context(), 10)
    assert store.find(mortal.handle) is None
    assert store.find(immortal.handle) is immortal
    assert store.counters.expired == 1


def test_the_memory_of_expiries_is_bounded() -> None:
    store = ContextStore(StoreLimits(established=4))
    for _ in range(1000):
        store.add(context(expiry=1e9), 0)
    assert len(store._expiries) <= 9


def test_unconfirmed_contexts_never_push_out_established_ones() -> None:
    store = ContextStore(StoreLimits(established=2, unconfirmed=3, per_chain=2))
    established = [context(), context()]
    for one in established:
        store.add(one, 0)
    for number in range(100):
        store.add_unconfirmed(ticketed(number.to_bytes(16, "big")), 0)
    assert store.unconfirmed == 3
    assert all(one.alive for one in established)


def test_one_chain_cannot_push_out_the_others() -> None:
    store = ContextStore(StoreLimits(unconfirmed=10, per_chain=8))
    quiet = [ticketed(bytes([number]) * 16) for number in range(4)]
    for one in quiet:
        store.add_unconfirmed(one, 0)
    for _ in range(100):
        store.add_unconfirmed(ticketed(b"flood" + bytes(11)), 0)
    assert all(one.alive for one in quiet)
    assert store.unconfirmed == 10


def test_the_quota_of_a_chain() -> None:
    store = ContextStore(StoreLimits(per_chain=2))
    first, second, third = (ticketed(b"chain") for _ in range(3))
    for one in (first, second, third):
        store.add_unconfirmed(one, 0)
    assert [one.alive for one in (first, second, third)] == [False, True, True]


def test_first_use_confirms_once() -> None:
    store = ContextStore()
    told: list[int] = []
    events: list[StoreEvent] = []
    store.events.append(events.append)
    one = ticketed(b"chain")
    one.on_first_use = lambda: told.append(1)
    store.add_unconfirmed(one, 0)
    assert store.find(one.handle) is one
    store.used(one, 1)
    store.used(one, 2)
    assert told == [1]
    assert (store.established, store.unconfirmed) == (1, 0)
    assert [event.kind for event in events] == [StoreEventKind.UNCONFIRMED, StoreEventKind.REAUTHENTICATED]
    assert (store.counters.established_by_ticket, store.counters.established_by_exchange) == (1, 0)


def test_unused_contexts_are_forgotten_in_time() -> None:
    store = ContextStore(StoreLimits(unconfirmed_life=60))
    one = ticketed(b"chain")
    store.add_unconfirmed(one, 0)
    store.add_unconfirmed(ticketed(b"other"), 59.9)
    assert one.alive
    store.add_unconfirmed(ticketed(b"other"), 60)
    assert not one.alive


def test_drop_one_some_all() -> None:
    store = ContextStore()
    events: list[StoreEvent] = []
    store.events.append(events.append)
    ones = [context() for _ in range(4)]
    for one in ones:
        store.add(one, 0)
    store.add_unconfirmed(unused := ticketed(b"chain"), 0)
    assert store.drop(ones[0].handle, 1)
    assert not store.drop(ones[0].handle, 1)
    assert not store.drop(b"nothing", 1)
    assert store.drop_where(lambda one: one is ones[1], 1) == 1
    assert store.drop_all(2) == 3
    assert not unused.alive
    assert store.counters.dropped == 5
    assert store.contexts() == []
    assert StoreEvent(StoreEventKind.DROPPED, ones[0], 1) in events


def test_destroy_and_expire_are_idempotent() -> None:
    store = ContextStore()
    store.add(one := context(), 0)
    store.destroy(one, 1)
    store.destroy(one, 1)
    store.expire(one, 1)
    assert (store.counters.destroyed, store.counters.expired) == (1, 0)


@pytest.mark.parametrize(("policy", "expected"), [(DropPolicy(every=3), [3, 6, 9]), (DropPolicy(), [])])
def test_drop_every_nth(policy: DropPolicy, expected: list[int]) -> None:
    assert [number for number in range(1, 11) if policy.due()] == expected


def test_drop_by_probability_is_repeatable() -> None:
    first, second = (DropPolicy(probability=0.3, seed=5) for _ in range(2))
    drops = [first.due() for _ in range(1000)]
    assert drops == [second.due() for _ in range(1000)]
    assert 200 < sum(drops) < 400


@pytest.mark.parametrize("wrong", [{"every": -1}, {"probability": 1.5}, {"probability": -0.1}])
def test_a_wrong_policy(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="probability"):
        DropPolicy(**wrong)  # type: ignore[arg-type]


def test_handles_are_random_and_never_recur() -> None:
    handles = {ContextStore().new_handle() for _ in range(1000)}
    assert len(handles) == 1000
    assert all(len(handle) == 16 for handle in handles)


def test_no_key_in_a_repr() -> None:
    one = context()
    shown = f"{one!r} {one.identity(GssService.PRIVACY)!r} {one.guard!r} {one.protection!r}"
    assert "secret key" not in shown


def test_identity_tells_the_calls_own_service() -> None:
    one = ticketed(b"chain")
    identity = one.identity(GssService.INTEGRITY)
    assert identity.service is GssService.INTEGRITY
    assert identity.reauthenticated
    assert identity.principal == "alice@FAKE"
    assert one.identity(GssService.INTEGRITY) is identity
    assert one.identity(GssService.PRIVACY).service is GssService.PRIVACY


@given(
    st.lists(
        st.tuples(st.sampled_from(["add", "ticket", "use", "drop", "time"]), st.integers(0, 5), st.integers(0, 40)),
        max_size=60,
    )
)
def test_the_store_keeps_its_books(steps: list[tuple[str, int, int]]) -> None:
    """Whatever happens, the pools stay within their limits and hold exactly what is alive."""
    limits = StoreLimits(established=4, unconfirmed=5, per_chain=2, unconfirmed_life=10)
    store, now, made = ContextStore(limits), 0.0, []
    for step, chain, number in steps:
        match step:
            case "add":
                made.append(context(expiry=now + number if number % 2 else None))
                store.add(made[-1], now)
            case "ticket":
                made.append(context(expiry=now + number + 1, chain=bytes([chain]), origin=Origin.TICKET))
                store.add_unconfirmed(made[-1], now)
            case "use" if made and (one := made[number % len(made)]).alive:
                store.used(one, now)
            case "drop" if made:
                store.drop(made[number % len(made)].handle, now)
            case "time":
                now += number
        alive = [one for one in made if one.alive]
        assert {one.handle for one in alive} == {one.handle for one in store.contexts()}
        assert all(store.find(one.handle) is one for one in alive)
        assert store.established <= 4
        assert store.unconfirmed <= 5
        sizes = [store._unconfirmed.of_chain(bytes([number])) for number in range(6)]
        assert sum(sizes) == store.unconfirmed
        assert store._unconfirmed._largest == max(sizes)

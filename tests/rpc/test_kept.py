"""What is kept for calls that come again: which calls are the same, and who makes room when there are too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcgss.rpc import Anonymous, Identity, ReplyLimits, UnixIdentity
from rpcgss.rpc.kept import ENTRY_OCTETS, CallKey, Fate, KeptReplies, Outcome, call_key
from rpcgss.rpc.messages import CallHeader
from transport import NOWHERE, Origin

HOST = Origin("192.0.2.1", 1000)
ALICE = UnixIdentity(machine="here", uid=1, gid=1, gids=())
HEADER = CallHeader(5, 100, 1, 2)


class Proven(Identity):
    @property
    def proven_name(self) -> bytes:
        return b"alice"


def key(
    identity: Identity = ALICE, origin: Origin = HOST, header: CallHeader = HEADER, arguments: bytes = b"args"
) -> CallKey:
    return call_key(identity, origin, header, arguments)


def test_the_same_call_from_another_port_is_the_same_call() -> None:
    assert key() == key(origin=Origin("192.0.2.1", 1001))
    assert len(key().digest) == 32


@pytest.mark.parametrize(
    "other",
    [
        key(Anonymous()),
        key(UnixIdentity(machine="here", uid=2, gid=1, gids=())),
        key(UnixIdentity(machine="there", uid=1, gid=1, gids=())),
        key(origin=Origin("192.0.2.2", 1000)),
        key(origin=Origin(uid=1)),
        key(origin=NOWHERE),
        key(Proven(6)),
        key(header=CallHeader(6, 100, 1, 2)),
        key(header=CallHeader(5, 101, 1, 2)),
        key(header=CallHeader(5, 100, 2, 2)),
        key(header=CallHeader(5, 100, 1, 3)),
        key(arguments=b"arg"),
        key(arguments=b"args\0\0\0\0"),
    ],
)
def test_whatever_differs_makes_another_call(other: CallKey) -> None:
    assert other.digest != key().digest


def test_a_proven_principal_may_call_from_anywhere() -> None:
    assert key(Proven(6)) == key(Proven(6), Origin("2001:db8::1", 1)) == key(Proven(6), NOWHERE)


def test_what_a_stranger_can_choose_makes_no_share_of_its_own() -> None:
    shares = {key(UnixIdentity(machine=f"m{n}", uid=n, gid=n, gids=())).share for n in range(9)}
    shares |= {key(Anonymous()).share}
    assert len(shares) == 1
    assert len({key(origin=Origin(f"2001:db8::{n:x}", 1)).share for n in range(9)}) == 1
    assert len({key(origin=Origin(host, 1)).share for host in ("2001:db8:0:1::1", "2001:db8:0:2::1")}) == 2
    assert len({key(origin=Origin(f"::ffff:192.0.2.{n}", 1)).share for n in range(9)}) == 9


def test_kept_for_a_time() -> None:
    table = KeptReplies(ReplyLimits(seconds=10))
    table.keep(key(), b"result", 100)
    assert table.find(key(), 109.9) == b"result"
    assert table.find(key(header=CallHeader(6, 100, 1, 2)), 109.9) is Fate.NEW
    assert table.find(key(), 110) is Fate.NEW
    assert (len(table), table.octets) == (0, 0)


def test_a_fault_is_kept_and_replaced() -> None:
    table = KeptReplies(ReplyLimits())
    table.keep(key(), Fate.FAULT, 0)
    assert table.find(key(), 1) is Fate.FAULT
    table.keep(key(), b"result", 1)
    assert table.find(key(), 2) == b"result"
    assert (len(table), table.octets) == (1, ENTRY_OCTETS + 6)


def named(share: int, number: int) -> CallKey:
    return CallKey(b"%d" % share, b"%d/%d" % (share, number))


def test_a_flood_pushes_out_its_own() -> None:
    table = KeptReplies(ReplyLimits(octets=100 * ENTRY_OCTETS, results=1000))
    for number in range(10):
        table.keep(named(1, number), b"", 0)
    for number in range(10_000):
        table.keep(named(2, number), b"", 0)
    assert all(table.find(named(1, number), 0) == b"" for number in range(10))
    assert all(table.find(named(2, number), 0) == b"" for number in range(9_910, 10_000))
    assert (len(table), table.evicted) == (100, 9_910)


def test_many_small_shares_push_out_the_largest_first() -> None:
    table = KeptReplies(ReplyLimits(octets=100 * ENTRY_OCTETS, results=1000))
    for number in range(60):
        table.keep(named(0, number), b"", 0)
    for share in range(1, 80):
        table.keep(named(share, 0), b"", 0)
    assert [table.find(named(share, 0), 0) for share in range(1, 80)] == [b""] * 79
    assert sum(table.find(named(0, number), 0) == b"" for number in range(60)) == 21


def test_limits_that_have_no_room_for_one_reply() -> None:
    with pytest.raises(ValueError, match="no room for 65536 octets"):
        ReplyLimits(octets=65536)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(0, 9),
            st.one_of(st.just(Fate.FAULT), st.binary(max_size=40)),
            st.integers(0, 3),
        ),
        max_size=200,
    )
)
def test_never_more_than_allowed_and_the_books_are_right(steps: list[tuple[int, int, Outcome, int]]) -> None:
    limits = ReplyLimits(seconds=20, octets=10 * ENTRY_OCTETS, results=100)
    table = KeptReplies(limits)
    kept: dict[CallKey, tuple[Outcome, int]] = {}
    now = 0
    for share, number, outcome, passed in steps:
        now += passed
        table.keep(named(share, number), outcome, now)
        kept[named(share, number)] = outcome, now
        assert table.octets <= limits.octets
    found = {one: table.find(one, now) for one in kept}
    present = {one: outcome for one, outcome in found.items() if outcome is not Fate.NEW}
    assert all(outcome == kept[one][0] and now < kept[one][1] + 20 for one, outcome in present.items())
    assert len(table) == len(present)
    assert table.octets == sum(
        ENTRY_OCTETS + (len(outcome) if isinstance(outcome, bytes) else 0) for outcome in present.values()
    )
    table.expire(now + 20)
    assert (len(table), table.octets, table._shares, sum(map(len, table._levels))) == (0, 0, {}, 0)

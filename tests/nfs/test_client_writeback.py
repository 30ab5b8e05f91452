"""The ledger of octets that are not firm yet."""

from hypothesis import given
from hypothesis import strategies as st

from examples.nfs.writeback import Extent, Ledger

A, B = b"verifier", b"restarts"


def ledger_of(data: bytes, block: int) -> Ledger:
    return Ledger(Extent(offset, memoryview(data)[offset : offset + block]) for offset in range(0, len(data), block))


def write_all(ledger: Ledger, verifier: bytes, *, firm: bool = False) -> list[tuple[int, bytes]]:
    written = []
    while (extent := ledger.next_extent()) is not None:
        ledger.written(extent, len(extent.data), verifier, firm=firm)
        written.append((extent.offset, bytes(extent.data)))
    return written


def test_same_verifier_lets_go() -> None:
    ledger = ledger_of(b"abcdef", 4)
    assert write_all(ledger, A) == [(0, b"abcd"), (4, b"ef")]
    assert len(ledger.begin_commit()) == 2
    ledger.committed(ledger.begin_commit(), A)
    assert not ledger.held
    assert ledger.next_extent() is None
    assert ledger.losses == 0


def test_another_verifier_writes_again() -> None:
    ledger = ledger_of(b"abcdef", 4)
    write_all(ledger, A)
    ledger.committed(ledger.begin_commit(), B)
    assert not ledger.held
    assert ledger.losses == 1
    assert write_all(ledger, B) == [(0, b"abcd"), (4, b"ef")]
    ledger.committed(ledger.begin_commit(), B)
    assert not ledger.held
    assert not ledger.unwritten


def test_only_what_was_written_under_the_old_verifier_is_written_again() -> None:
    ledger = ledger_of(b"abcdef", 4)
    first, second = ledger.next_extent(), ledger.next_extent()
    assert first is not None
    assert second is not None
    ledger.written(first, 4, A, firm=False)
    ledger.written(second, 2, B, firm=False)
    ledger.committed(ledger.begin_commit(), B)
    assert write_all(ledger, B) == [(0, b"abcd")]


def test_a_commit_covers_only_what_was_written_before_it_was_sent() -> None:
    ledger = ledger_of(b"abcdef", 4)
    first, second = ledger.next_extent(), ledger.next_extent()
    assert first is not None
    assert second is not None
    ledger.written(first, 4, A, firm=False)
    covered = ledger.begin_commit()
    ledger.written(second, 2, A, firm=False)
    ledger.committed(covered, A)
    assert ledger.held  # the second, which the COMMIT need not have seen


def test_firm_octets_need_no_commit_and_a_short_write_goes_on() -> None:
    ledger = ledger_of(b"abcdef", 6)
    extent = ledger.next_extent()
    assert extent is not None
    ledger.written(extent, 1, A, firm=True)
    assert write_all(ledger, A, firm=True) == [(1, b"bcdef")]
    assert not ledger.held


def test_a_write_that_failed_is_not_forgotten() -> None:
    ledger = ledger_of(b"abc", 3)
    extent = ledger.next_extent()
    assert extent is not None
    ledger.failed(extent)
    assert write_all(ledger, A, firm=True) == [(0, b"abc")]


@given(data=st.binary(min_size=1, max_size=60), block=st.integers(1, 20), choices=st.data())
def test_whatever_the_server_does_the_file_is_right_at_the_end(data: bytes, block: int, choices: st.DataObject) -> None:
    """A server that takes any part of a WRITE, and restarts between any two calls, losing all that is not firm."""
    ledger = ledger_of(data, block)
    volatile, firm, verifier, restarts = bytearray(len(data)), bytearray(len(data)), 0, 0
    while ledger.unwritten or ledger.held:
        if restarts < 5 and choices.draw(st.integers(0, 4), "restart at 0") == 0:
            volatile[:], verifier, restarts = firm, verifier + 1, restarts + 1
        if (extent := ledger.next_extent()) is not None:
            count = choices.draw(st.integers(1, len(extent.data)), "octets taken")
            volatile[extent.offset : extent.offset + count] = extent.data[:count]
            ledger.written(extent, count, bytes([verifier]), firm=False)
        else:
            firm[:] = volatile
            ledger.committed(ledger.begin_commit(), bytes([verifier]))
    assert firm == data

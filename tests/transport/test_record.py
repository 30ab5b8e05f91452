"""Record marking without I/O."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transport import MAX_RECORD, UNASKED_OCTETS, RecordReader, RecordTooLarge, TooManyFragments, encode_record
from transport.record import OWN_BUFFER_OCTETS

RECORDS = st.lists(st.binary(max_size=200), max_size=6)


def read_all(reader: RecordReader, pieces: list[bytes]) -> list[bytes]:
    records = []
    for piece in pieces:
        reader.receive_data(piece)
        while (record := reader.next_record()) is not None:
            records.append(bytes(record))
    return records


@pytest.mark.parametrize(
    ("octets", "record"),
    [
        ("80000000", b""),
        ("80000004 61626364", b"abcd"),
        ("00000003 616263 80000001 64", b"abcd"),
        ("00000000 00000000 80000002 6162", b"ab"),  # empty fragments: nobody should send them, anybody may
    ],
)
def test_wire(octets: str, record: bytes) -> None:
    assert read_all(RecordReader(), [bytes.fromhex(octets)]) == [record]


@given(RECORDS, st.one_of(st.none(), st.integers(1, 64).map(lambda n: 4 * n)), st.integers(1, 50))
def test_any_cut_gives_the_same_records(records: list[bytes], fragment: int | None, cut: int) -> None:
    stream = b"".join(encode_record(record, fragment=fragment) for record in records)
    pieces = [stream[i : i + cut] for i in range(0, len(stream), cut)]
    reader = RecordReader()
    assert read_all(reader, pieces) == records
    assert not reader.mid_record


@given(
    st.lists(st.sampled_from([0, 3, OWN_BUFFER_OCTETS, OWN_BUFFER_OCTETS + 1, 9000]), max_size=5),
    st.sampled_from([None, OWN_BUFFER_OCTETS, OWN_BUFFER_OCTETS + 4, 9000]),
    st.lists(st.tuples(st.sampled_from([4, 99, 5000, UNASKED_OCTETS]), st.booleans(), st.booleans()), min_size=1),
)
def test_large_records_are_the_same_with_and_without_room(
    sizes: list[int], fragment: int | None, steps: list[tuple[int, bool, bool]]
) -> None:
    """Each step: how many octets come, whether into `room` if there is some, and whether records are asked for."""
    expected = [bytes([i]) * size for i, size in enumerate(sizes)]
    stream = b"".join(encode_record(record, fragment=fragment) for record in expected)
    reader, records = RecordReader(), []
    for octets, into_room, ask in itertools.cycle(steps):
        room = reader.room if into_room else None
        came = stream[: octets if room is None else min(octets, len(room))]
        stream = stream[len(came) :]
        if room is None:
            reader.receive_data(came)
        else:
            room[: len(came)] = came
            reader.filled(len(came))
        if ask or not stream:
            records += [bytes(record) for record in iter(reader.next_record, None)]
        if not stream:
            break
    assert records == expected
    assert not reader.mid_record
    assert not reader.expected


def test_what_comes_behind_a_large_record_may_come_before_anybody_asks_for_it() -> None:
    records = [b"a" * 2 * OWN_BUFFER_OCTETS, b"behind", b"it"]
    first, *behind = map(encode_record, records)
    reader = RecordReader()
    reader.receive_data(first[:5000])
    assert reader.next_record() is None
    assert reader.mid_record
    for octets in (first[5000:] + behind[0][:6], behind[0][6:], behind[1]):
        reader.receive_data(octets)
    assert [reader.next_record() for _ in range(4)] == [*records, None]
    assert not reader.mid_record


@pytest.mark.parametrize("fragment", [1000, OWN_BUFFER_OCTETS, 10_000])
@pytest.mark.parametrize("ahead", [0, 1, 4, 100], ids=lambda octets: f"{octets}-ahead")
def test_fragments_without_an_end_in_sight_may_become_as_large_as_any(fragment: int, ahead: int) -> None:
    """However they are cut, each may have come as a whole when somebody looks."""
    reader = RecordReader()
    octets = encode_record(bytes(200_000), fragment=fragment)
    cut = fragment + 4
    reader.receive_data(octets[:ahead])
    for came in range(ahead, 150_000, cut):
        reader.receive_data(octets[came : came + cut])
        assert reader.next_record() is None
        assert reader.expected == MAX_RECORD or came + cut <= UNASKED_OCTETS + 1000


def test_byte_by_byte_knows_that_it_is_mid_record() -> None:
    reader = RecordReader()
    stream = encode_record(b"abcdefgh", fragment=4)
    for octet in stream[:-1]:
        reader.receive_data(bytes([octet]))
        assert reader.next_record() is None
        assert reader.mid_record
    reader.receive_data(stream[-1:])
    assert reader.next_record() == b"abcdefgh"
    assert not reader.mid_record


def test_a_claim_of_too_much_is_refused_before_its_octets_come() -> None:
    reader = RecordReader(max_record=1000)
    reader.receive_data(bytes.fromhex("800003e9"))
    with pytest.raises(RecordTooLarge, match="1001"):
        reader.next_record()


def test_fragments_that_add_up_to_too_much_are_refused() -> None:
    reader = RecordReader(max_record=10)
    reader.receive_data(bytes.fromhex("00000008") + bytes(8) + bytes.fromhex("80000003"))
    with pytest.raises(RecordTooLarge, match="11"):
        reader.next_record()


def test_the_largest_record_is_taken() -> None:
    assert read_all(RecordReader(max_record=10), [encode_record(bytes(10), fragment=4)]) == [bytes(10)]


def test_endless_empty_fragments_are_refused() -> None:
    reader = RecordReader(max_fragments=3)
    reader.receive_data(bytes(12))
    assert reader.next_record() is None
    reader.receive_data(bytes(4))
    with pytest.raises(TooManyFragments):
        reader.next_record()

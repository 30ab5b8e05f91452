"""The cursor by hand, and every primitive against xdrlib3."""

from collections.abc import Callable
from typing import Any

import pytest
import xdrlib3
from hypothesis import given
from hypothesis import strategies as st

import xdr

INT = st.integers(-(2**31), 2**31 - 1)
UINT = st.integers(0, 2**32 - 1)
HYPER = st.integers(-(2**63), 2**63 - 1)
UHYPER = st.integers(0, 2**64 - 1)

# What is drawn, how xdrlib3 packs it, our codec, our cursor's method.
PRIMITIVES: dict[str, tuple[st.SearchStrategy[Any], str, xdr.Codec[Any], Callable[[xdr.Cursor], object]]] = {
    "int": (INT, "pack_int", xdr.INTEGER, xdr.Cursor.int),
    "uint": (UINT, "pack_uint", xdr.UNSIGNED, xdr.Cursor.uint),
    "hyper": (HYPER, "pack_hyper", xdr.INTEGER_64, xdr.Cursor.hyper),
    "uhyper": (UHYPER, "pack_uhyper", xdr.UNSIGNED_64, xdr.Cursor.uhyper),
    "float": (st.floats(width=32, allow_nan=False), "pack_float", xdr.REAL, xdr.Cursor.float),
    "double": (st.floats(allow_nan=False), "pack_double", xdr.REAL_64, xdr.Cursor.double),
    "bool": (st.booleans(), "pack_bool", xdr.BOOL, xdr.Cursor.boolean),
    "opaque": (st.binary(), "pack_opaque", xdr.opaque(), xdr.Cursor.opaque),
}


@pytest.mark.parametrize("name", PRIMITIVES)
@given(data=st.data())
def test_primitives_agree_with_xdrlib3(name: str, data: st.DataObject) -> None:
    drawn, method, codec, read = PRIMITIVES[name]
    value = data.draw(drawn)
    packer = xdrlib3.Packer()
    getattr(packer, method)(value)
    octets = packer.get_buffer()
    assert codec.encode(value) == octets
    assert codec.decode(octets) == value
    cursor = xdr.Cursor(octets)
    assert read(cursor) == value
    cursor.finish()
    for end in range(len(octets)):
        with pytest.raises(xdr.DecodeError):
            read(xdr.Cursor(octets[:end]))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.lists(st.binary(max_size=9)), st.lists(UINT))
def test_composites_agree_with_xdrlib3(text: str, chunks: list[bytes], numbers: list[int]) -> None:
    packer = xdrlib3.Packer()
    packer.pack_string(text.encode())
    packer.pack_array(chunks, packer.pack_opaque)
    packer.pack_farray(len(numbers), numbers, packer.pack_uint)
    packer.pack_fopaque(5, b"fixed")
    out: list[xdr.Buffer] = []
    xdr.string().write(text, out)
    xdr.array(xdr.opaque()).write(chunks, out)
    xdr.array_fixed(xdr.UNSIGNED, len(numbers)).write(numbers, out)
    xdr.opaque_fixed(5).write(b"fixed", out)
    assert b"".join(out) == packer.get_buffer()


def test_reading_by_hand() -> None:
    cursor = xdr.Cursor(memoryview(b"skip\0\0\0\7\0\0\0\3abc\0rest"), 4)
    assert (cursor.remaining, cursor.uint(), cursor.opaque(3)) == (16, 7, b"abc")
    assert (cursor.position, bytes(cursor.rest())) == (16, b"rest")
    with pytest.raises(xdr.DecodeError, match="4 octets left over"):
        cursor.finish()
    assert cursor.opaque_fixed(4) == b"rest"
    cursor.finish()


def test_a_failed_read_leaves_the_position() -> None:
    cursor = xdr.Cursor(b"\0\0\0\5abc\1")
    for start, read in (
        (4, cursor.uhyper),
        (0, lambda: cursor.opaque(4)),
        (0, cursor.opaque),
        (0, lambda: cursor.opaque_fixed(9)),
        (0, cursor.boolean),
    ):
        cursor.position = start
        with pytest.raises(xdr.DecodeError):
            read()
        assert cursor.position == start
    cursor = xdr.Cursor(b"\0\0\0\3abc\1")
    with pytest.raises(xdr.DecodeError, match="padding"):
        cursor.opaque()
    assert cursor.position == 0


def test_errors_say_where() -> None:
    with pytest.raises(xdr.DecodeError) as caught:
        xdr.Cursor(b"\0\0\0\0\0\0\0\5abc\0", 4).opaque(4)
    assert (caught.value.offset, str(caught.value)) == (4, "length 5, at most 4 (at octet 4)")

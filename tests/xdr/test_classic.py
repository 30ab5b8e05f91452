"""Packer and Unpacker against xdrlib3: the same calls give the same octets, values and kinds of error."""

from collections.abc import Callable
from typing import Any

import pytest
import xdrlib3
from hypothesis import given
from hypothesis import strategies as st

import xdr
from examples.nfs.nfs3_xdr import nfs_fh3, nfstime3

NUMBERS = st.integers(-(2**65), 2**65) | st.floats() | st.sampled_from([2**31, 2**32 - 1, 2**32, -1, 2**63, 2**64 - 1])
CALLS = st.one_of(
    st.tuples(
        st.sampled_from(["int", "uint", "enum", "bool", "hyper", "uhyper", "float", "double"]), st.tuples(NUMBERS)
    ),
    st.tuples(st.sampled_from(["string", "opaque", "bytes"]), st.tuples(st.binary(max_size=9))),
    st.tuples(
        st.sampled_from(["fstring", "fopaque"]), st.tuples(st.integers(-1, 9), st.binary(max_size=9))
    ),
)  # fmt: skip


def outcome(call: Callable[..., object], *arguments: object) -> object:
    """What a call returns, or the name of its error's kind."""
    try:
        return call(*arguments)
    except EOFError:
        return "EOFError"
    except (xdr.ConversionError, xdrlib3.ConversionError):
        return "ConversionError"
    except (xdr.Error, xdrlib3.Error):
        return "Error"
    except (ValueError, TypeError, OverflowError) as error:
        return type(error)


@given(st.lists(CALLS))
def test_packing_is_the_same(calls: list[tuple[str, tuple[Any, ...]]]) -> None:
    ours, theirs = xdr.Packer(), xdrlib3.Packer()
    for name, arguments in calls:
        method = f"pack_{name}"
        assert outcome(getattr(ours, method), *arguments) == outcome(getattr(theirs, method), *arguments)
        assert ours.get_buffer() == theirs.get_buffer()


READS = st.sampled_from(
    ["int", "uint", "enum", "bool", "hyper", "uhyper", "string", "opaque", "bytes", "float", "double"]
)


@given(st.binary(max_size=60), st.lists(READS, max_size=8))
def test_unpacking_is_the_same(data: bytes, reads: list[str]) -> None:
    ours, theirs = xdr.Unpacker(data), xdrlib3.Unpacker(data)
    for name in reads:
        expected = outcome(getattr(theirs, f"unpack_{name}"))
        assert repr(outcome(getattr(ours, f"unpack_{name}"))) == repr(expected)
        if expected == "EOFError":
            break
        assert ours.get_position() == theirs.get_position()
    else:
        assert outcome(ours.done) == outcome(theirs.done)


@given(st.lists(st.binary(max_size=5)))
def test_lists_and_arrays_are_the_same(items: list[bytes]) -> None:
    ours, theirs = xdr.Packer(), xdrlib3.Packer()
    for packer in (ours, theirs):
        packer.pack_list(items, packer.pack_opaque)
        packer.pack_array(items, packer.pack_string)
        packer.pack_farray(len(items), items, packer.pack_bytes)
    data = theirs.get_buffer()
    assert ours.get_buffer() == data
    unpackers: list[Any] = [xdr.Unpacker(data), xdrlib3.Unpacker(data)]
    for unpacker in unpackers:
        assert unpacker.unpack_list(unpacker.unpack_opaque) == items
        assert unpacker.unpack_array(unpacker.unpack_string) == items
        assert unpacker.unpack_farray(len(items), unpacker.unpack_bytes) == items
        unpacker.done()


def test_generated_types_mix_with_calls() -> None:
    packer = xdr.Packer()
    packer.pack_uint(7)
    packer.pack(nfs_fh3(b"handle"))
    packer.pack_as(nfstime3, nfstime3(1, 2))
    packer.pack_as(xdr.string(), "text")
    unpacker = xdr.Unpacker(packer.get_buffer())
    assert unpacker.unpack_uint() == 7
    assert unpacker.unpack(nfs_fh3) == nfs_fh3(b"handle")
    assert unpacker.unpack(nfstime3) == nfstime3(1, 2)
    assert unpacker.unpack(xdr.string()) == "text"
    unpacker.done()
    packer.reset()
    assert packer.get_buf() == b""


def test_strictness_where_asked() -> None:
    strict = xdr.Packer(strict=True)
    with pytest.raises(xdr.ConversionError):
        strict.pack_hyper(1 << 64)
    with pytest.raises(xdr.ConversionError):
        strict.pack_fopaque(3, b"four")
    reads: list[tuple[bytes, Callable[[xdr.Unpacker], object]]] = [
        (b"\0\0\0\2", xdr.Unpacker.unpack_bool),
        (b"\0\0\0\1a\0\0\1", xdr.Unpacker.unpack_opaque),
        (b"\x7f\0\0\0", lambda unpacker: unpacker.unpack_array(unpacker.unpack_uint)),
    ]
    for data, read in reads:
        with pytest.raises(xdr.DecodeError):
            read(xdr.Unpacker(data, strict=True))


def test_broken_lists() -> None:
    with pytest.raises(xdr.ConversionError, match="0 or 1 expected, got 2"):
        xdr.Unpacker(b"\0\0\0\2").unpack_list(list)
    with pytest.raises(ValueError, match="wrong array size"):
        xdr.Packer().pack_farray(2, [1], xdr.Packer().pack_uint)
    with pytest.raises(xdr.Error, match="unextracted data remains"):
        xdr.Unpacker(b"data").done()

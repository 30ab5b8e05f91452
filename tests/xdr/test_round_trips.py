"""Every generated type: what is encoded comes back, hostile octets raise ``DecodeError`` and nothing else."""

import tracemalloc
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xdr
from examples.echo import echo_xdr
from examples.nfs import mount3_xdr, nfs3_xdr
from rpcgss.gss import gss_xdr
from rpcgss.reauth import reauth_xdr
from rpcgss.rpc import rpc_xdr
from tests.xdr.everything import TEXT
from tests.xdr.strategies import anything, module

EVERYTHING = module(TEXT, "everything")
MODULES = (EVERYTHING, echo_xdr, gss_xdr, mount3_xdr, nfs3_xdr, reauth_xdr, rpc_xdr)


def kinds(made: ModuleType) -> list[Any]:
    codecs: dict[str, xdr.Codec[Any]] = made.CODECS
    return [pytest.param(codec, id=f"{made.__name__}.{name}") for name, codec in codecs.items()]


ALL = [each for made in MODULES for each in kinds(made)]


# There are hundreds of types; each gets a share of the profile's examples.
some = settings(max_examples=max(10, settings().max_examples // 8))


@pytest.mark.parametrize("codec", ALL)
@some
@given(data=st.data())
def test_round_trip(codec: xdr.Codec[Any], data: st.DataObject) -> None:
    value = data.draw(anything(codec))
    octets = codec.encode(value)
    assert len(octets) % 4 == 0
    assert b"".join(codec.pieces(value)) == octets
    for form in (bytes, bytearray, memoryview):
        assert codec.decode(form(octets)) == value
    codec.check(value, "value")
    in_a_row(codec, value, octets)
    truncated_and_extended(codec, octets)
    if octets:
        flipped = bytearray(octets)
        flipped[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        decodes_to_itself_or_not_at_all(codec, bytes(flipped))


def in_a_row(codec: xdr.Codec[Any], value: object, octets: bytes) -> None:
    """``write`` and ``read`` go on where they are."""
    out: list[xdr.Buffer] = [b"head"]
    for _ in range(3):
        codec.write(value, out)
    assert b"".join(out) == b"head" + octets * 3
    cursor = xdr.Cursor(b"".join(out), 4)
    assert [codec.read(cursor) for _ in range(3)] == [value] * 3
    cursor.finish()


def truncated_and_extended(codec: xdr.Codec[Any], octets: bytes) -> None:
    for end in range(len(octets)):
        with pytest.raises(xdr.DecodeError):
            codec.decode(octets[:end])
    with pytest.raises(xdr.DecodeError, match="4 octets left over"):
        codec.decode(octets + bytes(4))


@pytest.mark.parametrize("codec", ALL)
@some
@given(octets=st.binary(max_size=200))
def test_any_octets_are_refused_or_mean_something(codec: xdr.Codec[Any], octets: bytes) -> None:
    decodes_to_itself_or_not_at_all(codec, octets)


def decodes_to_itself_or_not_at_all(codec: xdr.Codec[Any], octets: bytes) -> None:
    """One value, one encoding: whatever is accepted encodes to the same octets."""
    try:
        value = codec.decode(octets)
    except xdr.DecodeError as error:
        assert error.offset in range(len(octets) + 1)  # noqa: PT017  # which of the two it is cannot be known before
    else:
        again = codec.encode(value)
        # NaN has many encodings, and C keeps no promise about which one comes back.
        assert again == octets or value != codec.decode(again)


@pytest.mark.parametrize("codec", ALL)
def test_counts_take_no_memory_before_they_are_checked(codec: xdr.Codec[Any]) -> None:
    """Whatever a length says, memory is bounded by the octets that are there."""
    for octets in (bytes(4000), b"\0\0\0\1" * 1000, b"\0\0\0\1" + b"\x7f\xff\xff\xff" * 10, b"\xff" * 4000):
        tracemalloc.start()
        try:
            codec.decode(octets)
        except xdr.DecodeError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak <= 64 * len(octets) + 65536

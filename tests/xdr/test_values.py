"""Values against octets, both ways; limits; and the errors that name what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

import xdr
from examples.nfs import nfs3_xdr as nfs
from rpcgss.rpc import rpc_xdr as rpc
from tests.xdr.everything import TEXT
from tests.xdr.strategies import module

M = module(TEXT, "values")
CODECS: dict[str, xdr.Codec[Any]] = M.CODECS

# RFC 4506, 7: the file structure of its example.
FILE = module(
    """
    const MAXUSERNAME = 32; const MAXFILELEN = 65535; const MAXNAMELEN = 255;
    enum filekind { TEXT = 0, DATA = 1, EXEC = 2 };
    union filetype switch (filekind kind) {
        case TEXT: void; case DATA: string creator<MAXNAMELEN>; case EXEC: string interpretor<MAXNAMELEN>;
    };
    struct file { string filename<MAXNAMELEN>; filetype type; string owner<MAXUSERNAME>; opaque data<MAXFILELEN>; };
    """,
    "file",
)

TABLE = [
    (xdr.INTEGER, -2, "fffffffe"),
    (xdr.UNSIGNED, 0xFFFFFFFE, "fffffffe"),
    (xdr.INTEGER_64, -(2**63), "8000000000000000"),
    (xdr.UNSIGNED_64, 2**64 - 1, "ffffffffffffffff"),
    (xdr.BOOL, True, "00000001"),
    (xdr.REAL, 1.5, "3fc00000"),
    (xdr.REAL_64, -0.0, "8000000000000000"),
    (xdr.VOID, None, ""),
    (xdr.QUADRUPLE, xdr.Quadruple(bytes(range(16))), "000102030405060708090a0b0c0d0e0f"),
    (xdr.opaque(), b"abcde", "00000005 6162636465 000000"),
    (xdr.opaque_fixed(3), b"abc", "61626300"),
    (xdr.string(), "é", "00000002 c3a9 0000"),
    (xdr.string(), "\udcff", "00000001 ff 000000"),
    (xdr.array(xdr.INTEGER), [1, 2], "00000002 00000001 00000002"),
    (xdr.array_fixed(xdr.string(), 2), ["a", ""], "00000001 61000000 00000000"),
    (xdr.optional(xdr.INTEGER), None, "00000000"),
    (xdr.optional(xdr.INTEGER), 0, "00000001 00000000"),
    (CODECS["colour"], M.BLUE, "ffffffff"),
    (CODECS["unsigned_enum"], M.HIGH, "f0000000"),
    (CODECS["small"], M.small(-128, 255, -32768, 65535, -1, 1, 127, 9), "ffffff80 000000ff ffff8000 0000ffff ffffffff"
     " 00000001 0000007f 00000009"),
    (CODECS["by_colour"], M.by_colour_RED(7), "00000002 00000007"),
    (CODECS["by_colour"], M.by_colour_GREEN(), "00000003"),
    (CODECS["by_number"], M.by_number_NEGATIVE(4, 1), "00000004 00000000 00000001"),
    (CODECS["by_number"], M.by_number_default(6, "x"), "00000006 00000001 78000000"),
    (CODECS["by_flag"], M.by_flag_FALSE(), "00000000"),
    (CODECS["crowded"], M.crowded_3(33, 1), "00000021 00000001"),
    (CODECS["same_name"], M.same_name_RED(5), "00000002 00000005"),
    (CODECS["node_list"], [M.node("a"), M.node("b")], "00000001 00000001 61000000 00000001 00000001 62000000 00000000"),
    (CODECS["node"], [M.node("a"), M.node("b")], "00000001 61000000 00000001 00000001 62000000 00000000"),
    (CODECS["tree"], M.tree(1, None, M.tree(2, None, None)), "00000001 00000000 00000001 00000002 00000000 00000000"),
    (CODECS["nested"], M.nested(M.DOWN, M.nested_point(1, 2), M.nested_choice_default(9)), "00000001 00000001 00000002"
     " 00000009"),
    (FILE.CODECS["file"], FILE.file("sillyprog", FILE.filetype_EXEC("lisp"), "john", b"(quit)"),
     "00000009 73696c6c 7970726f 67000000 00000002 00000004 6c697370 00000004 6a6f686e 00000006 28717569 74290000"),
    (xdr.codec(rpc.opaque_auth), rpc.opaque_auth(99, b"x"), "00000063 00000001 78000000"),
    (xdr.codec(rpc.rejected_reply), rpc.rejected_reply_AUTH_ERROR(77), "00000001 0000004d"),
]  # fmt: skip


@pytest.mark.parametrize(("codec", "value", "octets"), TABLE)
def test_table(codec: xdr.Codec[Any], value: object, octets: str) -> None:
    data = bytes.fromhex(octets)
    assert codec.encode(value) == data
    assert codec.decode(data) == value


BAD_OCTETS = [
    (xdr.BOOL, "00000002", "2 is not a bool (at octet 0)"),
    (CODECS["colour"], "00000004", "4 is not in enum colour (at octet 0)"),
    (CODECS["some"], "00000006 616263646566 0000", "length 6, at most 5 (at octet 0)"),
    (CODECS["some"], "00000004 6162", "length 4, but only 2 octets are left (at octet 0)"),
    (CODECS["some"], "00000003 616263 01", "padding is not zero (at octet 7)"),
    (CODECS["five"], "6162636465 000100", "padding is not zero (at octet 5)"),
    (CODECS["word"], "00000001 61000000 00000000", "4 octets left over (at octet 8)"),
    (CODECS["words"], "00000005" + "00000000" * 5, "length 5, at most 4 (at octet 0)"),
    (CODECS["words"], "00000003 00000000 00000000", "length 3, but only 8 octets are left (at octet 0)"),
    (CODECS["by_colour"], "00000005", "by_colour: no arm for 5 (at octet 0)"),
    (CODECS["by_flag"], "00000002", "by_flag: no arm for 2 (at octet 0)"),
    (CODECS["by_one"], "00000002", "by_one: no arm for 2 (at octet 0)"),
    (CODECS["many"], "00000005", "many: no arm for 5 (at octet 0)"),
    (CODECS["node_list"], "00000002", "2 is not a bool (at octet 0)"),
    (CODECS["node_list"], "00000001 00000000 00000003", "3 is not a bool (at octet 8)"),
    (CODECS["small"], "00000080" + "00000000" * 7, "128 is not from -128 to 127 (at octet 0)"),
    (CODECS["octets"], "616263", "truncated (at octet 3)"),
    (xdr.codec(M.node), "00000000 00000001 00000000 00000000", "2 of node, not one (at octet 0)"),
]


@pytest.mark.parametrize(("codec", "octets", "message"), BAD_OCTETS)
def test_octets_that_are_refused(codec: xdr.Codec[Any], octets: str, message: str) -> None:
    with pytest.raises(xdr.DecodeError) as caught:
        codec.decode(bytes.fromhex(octets))
    assert str(caught.value) == message


NUMBERS = dict(a=1, b=2, c=3, d=4, e=5.0, f=6.0, g=xdr.Quadruple(bytes(16)), h=True, i=M.RED, j=7)


def numbers(**changes: object) -> Any:  # noqa: ANN401
    return M.numbers(**(NUMBERS | changes))


def arrays(**changes: object) -> Any:  # noqa: ANN401
    plain = dict(a=[0, 0], b=[], c=[M.RED] * 2, d=[], e=[], f=["", ""], g=[], h=[], i=[], j=[], k=[[0] * 3] * 3, l=[])
    return M.arrays(**(plain | dict(m=M.HIGH) | changes))


BAD_VALUES = [
    (numbers(a=2**31), "numbers.a: 2147483648 is not a 32-bit integer"),
    (numbers(b=-1), "numbers.b: -1 is not an unsigned 32-bit integer"),
    (numbers(c="x"), "numbers.c: str is not a 64-bit integer"),
    (numbers(e=1e300), "numbers.e: 1e+300 is not a single-precision number"),
    (numbers(g=b"x"), "numbers.g: bytes is not quadruple"),
    (numbers(i=4), "numbers.i: 4 is not colour"),
    (M.small(128, 0, 0, 0, 0, 0, 0, 0), "small.a: 128 is not an integer from -128 to 127"),
    (M.outer(numbers(), 0, numbers(d=-1), b"four"), "outer.second.d: -1 is not an unsigned 64-bit integer"),
    (M.outer(numbers(), 0, None, b"four"), "outer.second: NoneType is not numbers"),
    (M.outer(numbers(), 0, numbers(), b"fours"), "outer.tail: 5 octets, not 4"),
    (M.octets(b"abc", bytes(8), bytes(8), b"", "", "", b"", b"four"), "octets.c: 8 octets, at most 7"),
    (M.octets(b"abc", bytes(8), b"", b"", "ééé!", "", b"", b"four"), "octets.e: 7 octets, at most 6"),
    (M.octets(b"abc", bytes(8), b"", "x", "", "", b"", b"four"), "octets.d: str is not bytes"),
    (M.octets(b"abc", bytes(8), b"", b"", "\ud800", "", b"", b"four"), "octets.e: str is not UTF-8"),
    (M.octets(b"abc", bytes(8), b"", b"", b"e", "", b"", b"four"), "octets.e: bytes is not str"),
    (arrays(a=[1]), "arrays.a: 1 elements, not 2"),
    (arrays(b=[True] * 4), "arrays.b: 4 elements, at most 3"),
    (arrays(c=[M.RED, 9]), "arrays.c[1]: 9 is not colour"),
    (arrays(e=["ok", "too long"]), "arrays.e[1]: 8 octets, at most 5"),
    (arrays(k=[[0] * 3, [0, "x", 0], [0] * 3]), "arrays.k[1][1]: str is not a 32-bit integer"),
    (arrays(b=None), "arrays.b: NoneType is not a list"),
    (M.by_colour_RED("x"), "by_colour.number: str is not a 32-bit integer"),
    (M.by_colour_BLUE(["too long"]), "by_colour.words[0]: 8 octets, at most 5"),
    (M.by_number_NEGATIVE(5, 0), "by_number.which: 5 is not a case of by_number_NEGATIVE"),
    (M.by_number_default(5, ""), "by_number.which: 5 is not a case of by_number_default"),
    (M.same_name_default(2), "same_name.which: 2 is not a case of same_name_default"),
    (M.same_name_default(9), "same_name.which: 9 is not colour"),
    (M.by_colour(), "by_colour: by_colour is not by_colour"),
    (M.lists([M.node("a"), M.node("too long")], 0, []), "lists.a[1].label: 8 octets, at most 5"),
    (M.lists([M.node("a"), M.word_box("")], 0, []), "lists.a[1]: word_box is not node"),
    (M.lists(None, 0, []), "lists.a: NoneType is not a list of node"),
]


@pytest.mark.parametrize(("value", "message"), BAD_VALUES)
def test_values_that_are_refused(value: xdr.Value, message: str) -> None:
    for encode in (value.to_bytes, lambda: value.encode([])):
        with pytest.raises(xdr.EncodeError) as caught:
            encode()
        assert str(caught.value) == message


def test_a_refused_value_leaves_nothing_behind() -> None:
    out: list[xdr.Buffer] = [b"before"]
    with pytest.raises(xdr.EncodeError):
        M.outer(numbers(), 0, numbers(a="x"), b"four").encode(out)
    assert out == [b"before"]


def test_an_unset_field_is_named() -> None:
    value = M.word_box.__new__(M.word_box)
    with pytest.raises(xdr.EncodeError, match=r"word_box\.box: not set"):
        value.to_bytes()


def test_a_long_write_is_named() -> None:
    write = nfs.WRITE3args(nfs.nfs_fh3(bytes(65)), 0, 0, nfs.UNSTABLE, b"")
    with pytest.raises(xdr.EncodeError, match=r"^WRITE3args\.file\.data: 65 octets, at most 64$"):
        write.to_bytes()


@pytest.mark.parametrize("data", [b"abc", bytearray(b"abc"), memoryview(b"abc"), memoryview(b"xabcx")[1:-1]])
def test_any_octets_encode(data: xdr.Buffer) -> None:
    assert M.octets(data, bytes(8), data, data, "", "", b"", memoryview(b"four")).to_bytes() == (
        b"abc\0" + bytes(8) + b"\0\0\0\3abc\0" * 2 + bytes(8) + b"four"
    )


def test_views_count_octets_not_items() -> None:
    view = memoryview(bytes(8)).cast("I")
    assert xdr.opaque().encode(view) == b"\0\0\0\x08" + bytes(8)  # type: ignore[arg-type]  # any buffer encodes


def test_void_has_no_pieces() -> None:
    assert xdr.VOID.pieces(None) == []
    with pytest.raises(xdr.EncodeError):
        xdr.VOID.pieces(0)  # type: ignore[arg-type]


def test_a_small_value_is_one_piece() -> None:
    nodes = xdr.array(xdr.opaque())
    assert nodes.pieces([b"abc", bytes(5), b""]) == [nodes.encode([b"abc", bytes(5), b""])]
    many = [b"abc"] * 10_000
    assert nodes.pieces(many) == [nodes.encode(many)]


def test_large_bytes_are_not_copied() -> None:
    large, other = bytes(100_001), bytes(50_000)
    value = [b"first", large, b"between", large, other, b"last"]
    several = xdr.array(xdr.opaque())
    pieces = several.pieces(value)
    assert b"".join(pieces) == several.encode(value)
    assert [piece is large or piece is other for piece in pieces] == [False, True, False, True, False, True, False]
    assert len(xdr.opaque().pieces(bytes(1 << 20))) == 2
    view = memoryview(large)[1:-1]
    assert xdr.opaque().pieces(view)[1] == view  # type: ignore[arg-type]


@pytest.mark.parametrize("octets", [100, 100_000])
@pytest.mark.parametrize("form", [bytearray, memoryview, lambda data: memoryview(data).toreadonly()])
def test_pieces_do_not_change(form: Callable[[bytearray], xdr.Buffer], octets: int) -> None:
    """They may be sent much later, or again."""
    data = bytearray(octets)
    pieces = xdr.opaque().pieces(form(data))  # type: ignore[arg-type]
    data[:] = b"x" * octets
    assert b"".join(pieces) == xdr.opaque().encode(bytes(octets))


def test_pieces_that_do_not_fit() -> None:
    with pytest.raises(xdr.EncodeError, match="100000 octets, at most 5"):
        xdr.opaque(5).pieces(bytes(100_000))


def test_decoded_octets_are_bytes() -> None:
    for size in (3, 100_000):
        data = xdr.opaque().encode(bytes(size))
        for form in (bytes, bytearray, memoryview):
            assert type(CODECS["any"].decode(form(data))) is bytes
            assert type(M.by_one.from_bytes(form(b"\0\0\0\1" + data)).only) is bytes


def test_unions_match() -> None:
    match M.by_colour.from_bytes(bytes.fromhex("00000002 00000007")):
        case M.by_colour_RED(number):
            assert number == 7
        case _:
            pytest.fail("wrong arm")
    arm = M.by_number.from_bytes(bytes.fromhex("00000005"))
    assert isinstance(arm, M.by_number)
    assert arm.which == 5
    with pytest.raises(AttributeError):
        arm.which = 6


def test_long_lists_are_loops() -> None:
    nodes = [M.node("x")] * 100_000
    data = CODECS["node_list"].encode(nodes)
    assert CODECS["node_list"].decode(data) == nodes


def test_a_list_without_its_first_node() -> None:
    with pytest.raises(xdr.EncodeError, match="node: a list without its first node"):
        CODECS["node"].encode([])


@pytest.mark.parametrize("deep", [xdr.MAX_DEPTH, xdr.MAX_DEPTH + 1, 5000])
def test_nesting_has_a_limit(deep: int) -> None:
    value = M.expression_ONE(1)
    octets = b"\0\0\0\1\0\0\0\1"
    for _ in range((deep - 1) // 2):
        value = M.expression_SIX(M.sum(value, M.expression_ONE(1)))
        octets = b"\0\0\0\6" + octets + b"\0\0\0\1\0\0\0\1"
    if deep <= xdr.MAX_DEPTH:
        assert value.to_bytes() == octets
        assert M.expression.from_bytes(octets) == value
    else:
        with pytest.raises(xdr.DecodeError, match="nested"):
            M.expression.from_bytes(octets + bytes(4) * 0)
        with pytest.raises(xdr.EncodeError, match="nested"):
            value.to_bytes()


def test_names_that_python_needs() -> None:
    value = M.names(1, 2, 3, b"four", 5, 6, b"x", 8)
    assert (value.list, value.class_, value.bytes, value.self_, value.dict) == (1, 2, 3, 5, b"x")
    assert M.names.from_bytes(value.to_bytes()) == value
    other = M.encode_(1, 2, M.RED) if hasattr(M, "encode_") else M.encode(1, 2, M.RED)
    assert type(other).from_bytes(other.to_bytes()) == other


def test_constants() -> None:
    assert (M.LIMIT, M.NEGATIVE, M.OCTAL, M.GREETING) == (5, -3, 8, "hello")
    assert [int(each) for each in (M.ZERO, M.ONE, M.SIX, M.SEVEN)] == [0, 1, 6, 7]

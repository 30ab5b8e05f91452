"""``Packer`` and ``Unpacker`` as the standard library's xdrlib had them until Python 3.13, for code that is written so.

They behave like xdrlib's, leniency included: padding is not looked at, any number that is not 0 is true. With
``strict=True`` they are as strict as the rest of this package. Generated types go in by ``pack`` and out by ``unpack``.
"""

from collections.abc import Callable, Sequence
from struct import Struct
from struct import error as StructError
from typing import TypeVar

from .codecs import Kind, codec
from .cursor import DOUBLE, FLOAT, INT, UHYPER, UINT, ZEROS, Cursor, bad_boolean, bad_padding, overrun
from .errors import UNBOUNDED, Buffer, DecodeError, XdrError
from .value import Value

T = TypeVar("T")


class Error(XdrError):
    """xdrlib's error; ``msg`` says what is wrong."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)
        self.msg = msg


class ConversionError(Error):
    """A value cannot be packed, or a list is broken."""


class EndOfData(DecodeError, EOFError):
    """The buffer ends before the value does. xdrlib says ``EOFError``."""


class Packer:
    """Collects octets. ``strict`` refuses hypers out of range, and fixed-length data of another length."""

    def __init__(self, strict: bool = False) -> None:
        self._strict = strict
        self._out: list[Buffer] = []

    def reset(self) -> None:
        """Forget everything packed so far."""
        self._out = []

    def get_buffer(self) -> bytes:
        """Everything packed so far."""
        data = b"".join(self._out)
        self._out = [data]
        return data

    get_buf = get_buffer

    def pack(self, value: Value) -> None:
        """Pack a generated struct or union. Raises ``EncodeError``."""
        value.encode(self._out)

    def pack_as(self, kind: Kind[T], value: T) -> None:
        """Pack a value of any codec or generated type. Raises ``EncodeError``."""
        codec(kind).write(value, self._out)

    def pack_uint(self, x: int) -> None:
        """An unsigned 32-bit integer."""
        self._number(UINT, x)

    def pack_int(self, x: int) -> None:
        """A signed 32-bit integer."""
        self._number(INT, x)

    pack_enum = pack_int

    def pack_bool(self, x: object) -> None:
        """1 for anything true, 0 for anything else."""
        self._out.append(UINT.pack(1 if x else 0))

    def pack_uhyper(self, x: int) -> None:
        """A 64-bit integer, signed or not; xdrlib keeps the low 64 bits of any other."""
        if not isinstance(x, int):
            raise ConversionError(f"{type(x).__name__} is not an integer")
        if self._strict and not -(1 << 63) <= x < 1 << 64:
            raise ConversionError(f"{x} has more than 64 bits")
        self._out.append(UHYPER.pack(x & 0xFFFFFFFFFFFFFFFF))

    pack_hyper = pack_uhyper

    def pack_float(self, x: float) -> None:
        """A single-precision number."""
        self._number(FLOAT, x)

    def pack_double(self, x: float) -> None:
        """A double-precision number."""
        self._number(DOUBLE, x)

    def pack_fstring(self, n: int, s: Buffer) -> None:
        """``n`` octets and their padding; xdrlib cuts longer data, and fills up shorter."""
        if n < 0:
            raise ValueError("fstring size must be nonnegative")
        data = bytes(s[:n])
        if self._strict and len(s) != n:
            raise ConversionError(f"{len(s)} octets, not {n}")
        self._out.append(data.ljust(n, b"\0") + ZEROS[n & 3])

    pack_fopaque = pack_fstring

    def pack_string(self, s: Buffer) -> None:
        """A length and that many octets."""
        self.pack_uint(len(s))
        self.pack_fstring(len(s), s)

    pack_opaque = pack_string
    pack_bytes = pack_string

    def pack_list(self, list: Sequence[T], pack_item: Callable[[T], object]) -> None:
        """A linked list."""
        for item in list:
            self.pack_uint(1)
            pack_item(item)
        self.pack_uint(0)

    def pack_farray(self, n: int, list: Sequence[T], pack_item: Callable[[T], object]) -> None:
        """``n`` items."""
        if len(list) != n:
            raise ValueError("wrong array size")
        for item in list:
            pack_item(item)

    def pack_array(self, list: Sequence[T], pack_item: Callable[[T], object]) -> None:
        """A count and that many items."""
        self.pack_uint(len(list))
        self.pack_farray(len(list), list, pack_item)

    def _number(self, form: Struct, x: float) -> None:
        try:
            self._out.append(form.pack(x))
        except StructError as error:
            raise ConversionError(str(error)) from None


class Unpacker:
    """Reads octets. ``strict`` looks at padding, and takes only 0 and 1 for a bool."""

    def __init__(self, data: Buffer, strict: bool = False) -> None:
        self._strict = strict
        self.reset(data)

    def reset(self, data: Buffer) -> None:
        """Begin anew with other octets."""
        self._data = data
        self._cursor = Cursor(data)

    def get_position(self) -> int:
        """Where the next value begins."""
        return self._cursor.position

    def set_position(self, position: int) -> None:
        """Go elsewhere."""
        self._cursor.position = position

    def get_buffer(self) -> Buffer:
        """What is being read."""
        return self._data

    def done(self) -> None:
        """Raise ``Error`` if octets are left."""
        if self._cursor.remaining > 0:
            raise Error("unextracted data remains")

    def unpack(self, kind: Kind[T]) -> T:
        """A value of a generated type or any codec. Raises ``DecodeError``."""
        return codec(kind).read(self._cursor)

    def unpack_uint(self) -> int:
        """An unsigned 32-bit integer."""
        self._need(4)
        return self._cursor.uint()

    def unpack_int(self) -> int:
        """A signed 32-bit integer."""
        self._need(4)
        return self._cursor.int()

    unpack_enum = unpack_int

    def unpack_bool(self) -> bool:
        """A bool."""
        number = self.unpack_uint()
        if self._strict and number > 1:
            raise bad_boolean(number, self._cursor.position - 4)
        return number != 0

    def unpack_uhyper(self) -> int:
        """An unsigned 64-bit integer."""
        self._need(8)
        return self._cursor.uhyper()

    def unpack_hyper(self) -> int:
        """A signed 64-bit integer."""
        self._need(8)
        return self._cursor.hyper()

    def unpack_float(self) -> float:
        """A single-precision number."""
        self._need(4)
        return self._cursor.float()

    def unpack_double(self) -> float:
        """A double-precision number."""
        self._need(8)
        return self._cursor.double()

    def unpack_fstring(self, n: int) -> bytes:
        """``n`` octets and their padding."""
        if n < 0:
            raise ValueError("fstring size must be nonnegative")
        cursor = self._cursor
        end = cursor.position + n
        after = end + (-n & 3)
        self._need(after - cursor.position)
        if self._strict and cursor.data[end:after] != ZEROS[n & 3]:
            raise bad_padding(end)
        data = bytes(cursor.data[cursor.position : end])
        cursor.position = after
        return data

    unpack_fopaque = unpack_fstring

    def unpack_string(self) -> bytes:
        """A length and that many octets."""
        return self.unpack_fstring(self.unpack_uint())

    unpack_opaque = unpack_string
    unpack_bytes = unpack_string

    def unpack_list(self, unpack_item: Callable[[], T]) -> list[T]:
        """A linked list."""
        items = []
        while more := self.unpack_uint():
            if more != 1:
                raise ConversionError(f"0 or 1 expected, got {more}")
            items.append(unpack_item())
        return items

    def unpack_farray(self, n: int, unpack_item: Callable[[], T]) -> list[T]:
        """``n`` items."""
        return [unpack_item() for _ in range(n)]

    def unpack_array(self, unpack_item: Callable[[], T]) -> list[T]:
        """A count and that many items."""
        count = self.unpack_uint()
        if self._strict and count * 4 > self._cursor.remaining:
            raise overrun(self._cursor.data, self._cursor.position - 4, count, UNBOUNDED)
        return self.unpack_farray(count, unpack_item)

    def _need(self, size: int) -> None:
        if size > self._cursor.remaining:
            raise EndOfData("truncated", len(self._cursor.data))

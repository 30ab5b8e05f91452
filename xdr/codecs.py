"""Codecs: objects that know one type, for procedures, typedefs and tools.

Structs and unions bring their own straight-line code (value.py); everything that can be built from other types without
a name of its own is put together here. ``check`` is the slow twin of ``write``: it walks a value that would not encode,
and says which field is to blame.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from struct import error as StructError
from typing import Any, Final, Generic, NoReturn, TypeAlias, TypeVar

from .cursor import DOUBLE, FLOAT, HYPER, INT, UHYPER, UINT, ZEROS, Cursor, overrun, truncated
from .errors import UNBOUNDED, Buffer, DecodeError, EncodeError, XdrError

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)

FAULTS: Final = (XdrError, StructError, TypeError, AttributeError, ValueError, KeyError, OverflowError, RecursionError)
"""What straight-line encoding code may raise when a value does not fit."""

JOINED_UP_TO: Final = 16 * 1024
"""Up to so many octets, a chunk is cheaper to copy (0.3 µs) than to carry about as a piece of its own."""

DECODE_FAULTS: Final = (StructError, DecodeError, RecursionError)
"""What straight-line decoding code may raise."""


class Codec(ABC, Generic[T]):
    """One XDR type: ``encode`` and ``decode`` for whole values, ``write`` and ``read`` to go on from there."""

    __slots__ = ("name",)
    name: str

    def encode(self, value: T) -> bytes:
        """The octets of ``value``. Raises ``EncodeError``."""
        out: list[Buffer] = []
        self.write(value, out)
        return b"".join(out)

    def pieces(self, value: T) -> list[Buffer]:
        """The octets of ``value``, cut into pieces of which nothing changes any more: large ``bytes`` in it are not
        copied but pieces of their own, everything else is. Raises ``EncodeError``."""
        out: list[Buffer] = []
        self.write(value, out)
        for chunk in out:
            if len(chunk) > JOINED_UP_TO:
                return gathered(out)
        return [b"".join(out)]

    def decode(self, data: Buffer) -> T:
        """The value of exactly ``data``. Raises ``DecodeError``, also if octets are left over."""
        cursor = Cursor(data)
        value = self.read(cursor)
        cursor.finish()
        return value

    def write(self, value: T, out: list[Buffer]) -> None:
        """Append the octets of ``value`` to ``out``, or raise ``EncodeError`` and leave ``out`` as it was."""
        mark = len(out)
        try:
            self._put(value, out)
        except FAULTS as fault:
            del out[mark:]
            raise explained(self, value, fault) from None

    def read(self, cursor: Cursor) -> T:
        """Read one value and advance the cursor. Raises ``DecodeError`` and nothing else."""
        try:
            return self._take(cursor)
        except DECODE_FAULTS as fault:
            raise decode_error(fault, cursor) from None

    def check(self, value: object, path: str) -> None:
        """Raise an ``EncodeError`` that names what is wrong with ``value``, if anything is."""
        try:
            self._put(value, [])  # type: ignore[arg-type]  # that is what is being found out
        except EncodeError as error:
            raise EncodeError(error.problem, path) from None
        except FAULTS:
            refuse(value, self.expected, path)

    @property
    def expected(self) -> str:
        """What a value must be, in words for who gave another."""
        return self.name

    @abstractmethod
    def _put(self, value: T, out: list[Buffer]) -> None:
        """``write`` without manners: raises any of ``FAULTS``."""

    @abstractmethod
    def _take(self, cursor: Cursor) -> T:
        """``read`` without manners: raises ``struct.error`` where octets are missing."""

    def __repr__(self) -> str:
        return f"<xdr codec {self.name}>"


Kind: TypeAlias = Codec[T] | type[T]
"""A type inside another: a codec, or a generated class (types can be recursive, so its codec may come later)."""


def refuse(value: object, expected: str, path: str) -> NoReturn:
    """Raise the error of a value of the wrong type or out of range. Octets are not shown: they may be secret."""
    shown = f"{value!r:.60}" if isinstance(value, int | float) else type(value).__name__
    raise EncodeError(f"{shown} is not {expected}", path)


def explained(codec: Codec[Any], value: object, fault: Exception) -> EncodeError:
    """Find the field that made ``codec`` raise ``fault``."""
    try:
        codec.check(value, codec.name)
    except EncodeError as error:
        return error
    except RecursionError:
        return EncodeError("nested too deep", codec.name)
    return EncodeError(fault.problem if isinstance(fault, EncodeError) else str(fault), codec.name)


def decode_error(fault: Exception, cursor: Cursor) -> DecodeError:
    """What users see of ``fault``, one of ``DECODE_FAULTS``."""
    match fault:
        case DecodeError():
            if fault.offset is None:
                fault.offset = cursor.position
            return fault
        case RecursionError():
            return DecodeError("nested too deep", cursor.position)
    return truncated(cursor.data)


def gathered(chunks: list[Buffer]) -> list[Buffer]:
    """``chunks`` as few pieces, none of which anybody can change."""
    pieces: list[Buffer] = []
    begin = 0
    for index, chunk in enumerate(chunks):
        if len(chunk) > JOINED_UP_TO:
            if between := b"".join(chunks[begin:index]):
                pieces.append(between)
            pieces.append(_unchanging(chunk))
            begin = index + 1
    if rest := b"".join(chunks[begin:]):
        pieces.append(rest)
    return pieces


def _unchanging(chunk: Buffer) -> Buffer:
    """``chunk``, or a copy if others may write to it. A view that is read-only may still be of what is not."""
    owner = chunk.obj if isinstance(chunk, memoryview) else chunk
    return chunk if type(owner) is bytes else bytes(chunk)


def octets(value: Buffer, maximum: int) -> bytes | memoryview:
    """``value`` as something whose ``len`` counts octets; ``EncodeError`` if there are more than ``maximum``."""
    if not isinstance(value, bytes):
        value = memoryview(value).cast("B")
    if len(value) > maximum:
        raise EncodeError(f"{len(value)} octets, at most {maximum}")
    return value


def octets_exactly(value: Buffer, length: int) -> bytes:
    """``value`` as bytes; ``EncodeError`` unless there are ``length`` of them."""
    value = bytes(memoryview(value))
    if len(value) != length:
        raise EncodeError(f"{len(value)} octets, not {length}")
    return value


class VoidCodec(Codec[None]):
    """No octets at all (RFC 4506, 4.16)."""

    __slots__ = ()
    name = "void"

    def encode(self, value: None) -> bytes:
        return b"" if value is None else super().encode(value)  # type: ignore[redundant-expr]

    def pieces(self, value: None) -> list[Buffer]:
        return [] if value is None else super().pieces(value)  # type: ignore[redundant-expr]

    def decode(self, data: Buffer) -> None:
        if len(data):
            super().decode(data)

    def _put(self, value: None, out: list[Buffer]) -> None:
        if value is not None:
            raise TypeError

    def _take(self, cursor: Cursor) -> None:
        return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class NumberCodec(Codec[T]):
    """An integer or floating-point number of fixed size."""

    name: str
    form: Struct

    def _put(self, value: T, out: list[Buffer]) -> None:
        out.append(self.form.pack(value))

    def _take(self, cursor: Cursor) -> T:
        (number,) = self.form.unpack_from(cursor.data, cursor.position)
        cursor.position += self.form.size
        return number  # type: ignore[no-any-return]  # the struct's letter decides


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SmallIntegerCodec(Codec[int]):
    """An integer of fewer than 32 bits; it travels in four octets."""

    name: str
    form: Struct
    low: int
    high: int

    def _put(self, value: int, out: list[Buffer]) -> None:
        out.append(self.form.pack(ranged(value, self.low, self.high)))

    def _take(self, cursor: Cursor) -> int:
        (number,) = self.form.unpack_from(cursor.data, cursor.position)
        number = ranged(number, self.low, self.high)
        cursor.position += 4
        return number


def ranged(number: int, low: int, high: int) -> int:
    """``number``, unless it is out of range, which is a ``DecodeError``."""
    if not low <= number <= high:
        raise DecodeError(f"{number} is not from {low} to {high}")
    return number


class BooleanCodec(Codec[bool]):
    """0 or 1 (RFC 4506, 4.4)."""

    __slots__ = ()
    name = "bool"

    def _put(self, value: bool, out: list[Buffer]) -> None:
        out.append(UINT.pack(FLAGS[value]))

    def _take(self, cursor: Cursor) -> bool:
        return cursor.boolean()


@dataclass(frozen=True, slots=True)
class Quadruple:
    """A quadruple-precision number, kept as its sixteen octets since Python has no such float (RFC 4506, 4.8)."""

    octets: bytes

    def __post_init__(self) -> None:
        octets_exactly(self.octets, 16)


class QuadrupleCodec(Codec[Quadruple]):
    """Sixteen octets, neither looked into nor rounded."""

    __slots__ = ()
    name = "quadruple"

    def _put(self, value: Quadruple, out: list[Buffer]) -> None:
        out.append(value.octets)

    def _take(self, cursor: Cursor) -> Quadruple:
        return Quadruple(cursor.opaque_fixed(16))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OpaqueCodec(Codec[bytes]):
    """Variable-length opaque data."""

    name: str
    maximum: int

    def _put(self, value: Buffer, out: list[Buffer]) -> None:
        value = octets(value, self.maximum)
        out += (UINT.pack(len(value)), value, ZEROS[len(value) & 3])

    @property
    def expected(self) -> str:
        return "bytes"

    def _take(self, cursor: Cursor) -> bytes:
        return cursor.opaque(self.maximum)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedOpaqueCodec(Codec[bytes]):
    """Fixed-length opaque data."""

    name: str
    length: int

    def _put(self, value: Buffer, out: list[Buffer]) -> None:
        out += (octets_exactly(value, self.length), ZEROS[self.length & 3])

    @property
    def expected(self) -> str:
        return "bytes"

    def _take(self, cursor: Cursor) -> bytes:
        return cursor.opaque_fixed(self.length)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StringCodec(Codec[str]):
    """A string; its maximum counts octets."""

    name: str
    maximum: int

    def _put(self, value: str, out: list[Buffer]) -> None:
        data = octets(value.encode("utf-8", "surrogateescape"), self.maximum)
        out += (UINT.pack(len(data)), data, ZEROS[len(data) & 3])

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, str):
            refuse(value, "str", path)
        Codec.check(self, value, path)

    @property
    def expected(self) -> str:
        return "UTF-8"  # surrogates that stand for no octet

    def _take(self, cursor: Cursor) -> str:
        return cursor.string(self.maximum)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EnumCodec(Codec[E]):
    """An enum, closed: no value without a name passes (RFC 4506, 4.3)."""

    name: str
    members: "Members[E]"
    form: Struct

    def _put(self, value: E, out: list[Buffer]) -> None:
        out.append(self.form.pack(self.members[value]))

    def _take(self, cursor: Cursor) -> E:
        (number,) = self.form.unpack_from(cursor.data, cursor.position)
        member = self.members[number]
        cursor.position += 4
        return member


class Members(dict[int, T]):
    """The values that numbers stand for; asking for another one is a ``DecodeError``."""

    def __init__(self, name: str, values: dict[int, T]) -> None:
        super().__init__(values)
        self.name = name

    def __missing__(self, number: int) -> NoReturn:
        raise DecodeError(f"{number} is not in {self.name}")


def members(kind: type[E]) -> Members[E]:
    """The members of an enum by number."""
    return Members(f"enum {kind.__name__}", {int(member): member for member in kind})


BOOLEANS: Final = Members("bool", {0: False, 1: True})
FLAGS: Final = {False: 0, True: 1}
"""What goes on the wire for a bool; nothing else is one, however true."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArrayCodec(Codec[list[T]]):
    """Variable-length array. Every element takes at least four octets, so the octets left bound the count."""

    name: str
    element: Kind[T]
    maximum: int

    def _put(self, value: Sequence[T], out: list[Buffer]) -> None:
        if len(value) > self.maximum:
            raise EncodeError(f"{len(value)} elements, at most {self.maximum}")
        out.append(UINT.pack(len(value)))
        put = codec(self.element)._put
        for item in value:
            put(item, out)

    def _take(self, cursor: Cursor) -> list[T]:
        (count,) = UINT.unpack_from(cursor.data, cursor.position)
        if count > self.maximum or count * 4 > cursor.remaining - 4:
            raise overrun(cursor.data, cursor.position, count, self.maximum)
        cursor.position += 4
        take = codec(self.element)._take
        return [take(cursor) for _ in range(count)]

    def check(self, value: object, path: str) -> None:
        check_items(self, self.element, value, path)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FixedArrayCodec(Codec[list[T]]):
    """Fixed-length array."""

    name: str
    element: Kind[T]
    length: int

    def _put(self, value: Sequence[T], out: list[Buffer]) -> None:
        if len(value) != self.length:
            raise EncodeError(f"{len(value)} elements, not {self.length}")
        put = codec(self.element)._put
        for item in value:
            put(item, out)

    def _take(self, cursor: Cursor) -> list[T]:
        if self.length * 4 > cursor.remaining:
            raise truncated(cursor.data)
        take = codec(self.element)._take
        return [take(cursor) for _ in range(self.length)]

    def check(self, value: object, path: str) -> None:
        check_items(self, self.element, value, path)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptionalCodec(Codec[T | None]):
    """``T *``: a bool, and a value if it is true (RFC 4506, 4.19)."""

    name: str
    element: Kind[T]

    def _put(self, value: T | None, out: list[Buffer]) -> None:
        out.append(UINT.pack(value is not None))
        if value is not None:
            codec(self.element)._put(value, out)

    def _take(self, cursor: Cursor) -> T | None:
        return codec(self.element)._take(cursor) if cursor.boolean() else None

    def check(self, value: object, path: str) -> None:
        if value is not None:
            codec(self.element).check(value, path)


def check_items(array: Codec[list[T]], element: Kind[T], value: object, path: str) -> None:
    """``check`` for arrays: each item, then the count."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        refuse(value, "a list", path)
    checker = codec(element)
    for index, item in enumerate(value):
        checker.check(item, f"{path}[{index}]")
    Codec.check(array, value, path)


VOID: Final[Codec[None]] = VoidCodec()
BOOL: Final[Codec[bool]] = BooleanCodec()
QUADRUPLE: Final[Codec[Quadruple]] = QuadrupleCodec()
INTEGER: Final[Codec[int]] = NumberCodec("a 32-bit integer", INT)
UNSIGNED: Final[Codec[int]] = NumberCodec("an unsigned 32-bit integer", UINT)
INTEGER_64: Final[Codec[int]] = NumberCodec("a 64-bit integer", HYPER)
UNSIGNED_64: Final[Codec[int]] = NumberCodec("an unsigned 64-bit integer", UHYPER)
REAL: Final[Codec[float]] = NumberCodec("a single-precision number", FLOAT)
REAL_64: Final[Codec[float]] = NumberCodec("a double-precision number", DOUBLE)


def codec(kind: Kind[T]) -> Codec[T]:
    """The codec of a generated struct, union or enum (a codec stands for itself)."""
    if isinstance(kind, Codec):
        return kind
    if issubclass(kind, IntEnum):
        # Enums are signed, but files exist that write 0x80000000 and above.
        form = UINT if max(kind) > 0x7FFFFFFF else INT
        return EnumCodec(kind.__name__, members(kind), form)  # type: ignore[return-value]  # T is that enum
    found: Codec[T] = kind._CODEC  # type: ignore[attr-defined]  # every generated class has one
    return found


def integer(bits: int, signed: bool) -> Codec[int]:
    """C's char and short, which have no name in RFC 4506."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return SmallIntegerCodec(f"an integer from {low} to {high}", INT if signed else UINT, low, high)


def opaque(maximum: int = UNBOUNDED, name: str = "opaque") -> Codec[bytes]:
    """``opaque name<maximum>``."""
    return OpaqueCodec(name, maximum)


def opaque_fixed(length: int, name: str = "opaque") -> Codec[bytes]:
    """``opaque name[length]``."""
    return FixedOpaqueCodec(name, length)


def string(maximum: int = UNBOUNDED, name: str = "string") -> Codec[str]:
    """``string name<maximum>``."""
    return StringCodec(name, maximum)


def array(element: Kind[T], maximum: int = UNBOUNDED, name: str = "array") -> Codec[list[T]]:
    """``element name<maximum>``."""
    return ArrayCodec(name, element, maximum)


def array_fixed(element: Kind[T], length: int, name: str = "array") -> Codec[list[T]]:
    """``element name[length]``."""
    return FixedArrayCodec(name, element, length)


def optional(element: Kind[T], name: str = "optional") -> Codec[T | None]:
    """``element *name``."""
    return OptionalCodec(name, element)

"""One bounds-checked reader over a buffer.

Generated code uses ``data``, ``wire`` and ``position``, many fields at a time; hand-written code calls the methods.
Nothing is copied before its length has been compared with the declared maximum and with the octets that are left.
"""

import builtins
from struct import Struct
from struct import error as StructError
from typing import Any, Final, cast

from .errors import MAX_DEPTH, UNBOUNDED, Buffer, DecodeError

INT: Final = Struct(">i")
UINT: Final = Struct(">I")
HYPER: Final = Struct(">q")
UHYPER: Final = Struct(">Q")
FLOAT: Final = Struct(">f")
DOUBLE: Final = Struct(">d")

ZEROS: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
"""Padding by ``length & 3`` (RFC 4506, 4.9)."""

# Slices of a memoryview are slow objects: below this size one copy of everything is cheaper than slicing views.
_COPY_BELOW: Final = 16384


class _Slices:
    """Stands in for octets that are a view too large to copy: slices of it are bytes."""

    __slots__ = ("_view",)

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __getitem__(self, where: slice) -> bytes:
        return bytes(self._view[where])


class Cursor:
    """A position in a buffer. Every read checks its bounds, raises ``DecodeError`` and only then advances.

    After a ``DecodeError`` out of a generated ``decode`` the position is unspecified.
    """

    __slots__ = ("data", "depth", "position", "wire")

    def __init__(self, data: Buffer, position: builtins.int = 0) -> None:
        if type(data) is not bytes:
            view = memoryview(data).cast("B")
            data = bytes(view) if len(view) <= _COPY_BELOW else view
        self.data: bytes | memoryview = data
        # To be sliced, no more than that.
        self.wire: bytes = data if type(data) is bytes else cast(bytes, _Slices(memoryview(data)))
        self.position = position
        self.depth = 0

    @property
    def remaining(self) -> builtins.int:
        """Octets not yet read."""
        return len(self.data) - self.position

    def int(self) -> builtins.int:
        """A signed 32-bit integer."""
        return builtins.int(self._number(INT))

    def uint(self) -> builtins.int:
        """An unsigned 32-bit integer."""
        return builtins.int(self._number(UINT))

    def hyper(self) -> builtins.int:
        """A signed 64-bit integer."""
        return builtins.int(self._number(HYPER))

    def uhyper(self) -> builtins.int:
        """An unsigned 64-bit integer."""
        return builtins.int(self._number(UHYPER))

    def float(self) -> builtins.float:
        """A single-precision number."""
        return builtins.float(self._number(FLOAT))

    def double(self) -> builtins.float:
        """A double-precision number."""
        return builtins.float(self._number(DOUBLE))

    def boolean(self) -> bool:
        """0 or 1; anything else is an error (RFC 4506, 4.4)."""
        number = self.uint()
        if number > 1:
            self.position -= 4
            raise bad_boolean(number, self.position)
        return number == 1

    def opaque(self, maximum: builtins.int = UNBOUNDED) -> bytes:
        """Variable-length opaque data of at most ``maximum`` octets."""
        start = self.position
        length = self.uint()
        try:
            if length > maximum or length > len(self.data) - self.position:
                raise overrun(self.data, start, length, maximum)
            return self.opaque_fixed(length)
        except DecodeError:
            self.position = start
            raise

    def opaque_fixed(self, length: builtins.int) -> bytes:
        """Opaque data of exactly ``length`` octets, and its padding."""
        start = self.position
        end = start + length
        after = end + (-length & 3)
        if after > len(self.data):
            raise truncated(self.data)
        if self.data[end:after] != ZEROS[length & 3]:
            raise bad_padding(end)
        self.position = after
        return bytes(self.data[start:end])

    def string(self, maximum: builtins.int = UNBOUNDED) -> str:
        """A string of at most ``maximum`` octets. Octets that are not UTF-8 become surrogate escapes."""
        return self.opaque(maximum).decode("utf-8", "surrogateescape")

    def rest(self) -> memoryview:
        """Everything not yet read, uncopied; the position stays."""
        return memoryview(self.data)[self.position :]

    def finish(self) -> None:
        """Raise ``DecodeError`` if octets are left over."""
        if self.position < len(self.data):
            raise DecodeError(f"{self.remaining} octets left over", self.position)

    def descend(self) -> None:
        """Enter one more level of a recursive type; whoever calls it takes one off ``depth`` when done."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise DecodeError(f"nested more than {MAX_DEPTH} deep", self.position)

    def _number(self, kind: Struct) -> Any:  # noqa: ANN401
        try:
            (number,) = kind.unpack_from(self.data, self.position)
        except StructError:
            raise truncated(self.data) from None
        self.position += kind.size
        return number


def truncated(data: bytes | memoryview) -> DecodeError:
    """The error of a buffer that ends too early."""
    return DecodeError("truncated", len(data))


def overrun(data: bytes | memoryview, offset: int, length: int, maximum: int) -> DecodeError:
    """The error of a length that is above its maximum, or above what is left behind it."""
    if length > maximum:
        return DecodeError(f"length {length}, at most {maximum}", offset)
    return DecodeError(f"length {length}, but only {len(data) - offset - 4} octets are left", offset)


def bad_padding(offset: int) -> DecodeError:
    """The error of padding that is missing or not zero."""
    return DecodeError("padding is not zero", offset)


def bad_boolean(number: int, offset: int) -> DecodeError:
    """The error of a bool that is neither 0 nor 1."""
    return DecodeError(f"{number} is not a bool", offset)


def bad_discriminant(union: str, discriminant: int, offset: int) -> DecodeError:
    """The error of a discriminant that selects no arm."""
    return DecodeError(f"{union}: no arm for {discriminant}", offset)

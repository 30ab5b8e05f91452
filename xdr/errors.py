"""What can go wrong between values and octets, and the two limits that are not written in any specification.

``XdrError`` is the root. ``DecodeError`` blames the octets (the peer), ``EncodeError`` blames the value (ourselves).
"""

from typing import Final, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Octets, as functions take them; results are always ``bytes``."""

MAX_DEPTH: Final = 128
"""How deeply a value of a recursive type may be nested. Linked lists are loops and do not count."""

UNBOUNDED: Final = 0xFFFFFFFF
"""The maximum of ``<>``: the greatest length that four octets can say (RFC 4506, 4.10)."""


class XdrError(ValueError):
    """Root of this package's errors."""


class DecodeError(XdrError):
    """Octets are not what their type says.

    ``offset`` is where, counted from the start of the buffer. It names the length, discriminant or padding at fault
    where that is known at once, the start of the enclosing structure otherwise, or the buffer's end if it is too short.
    """

    def __init__(self, problem: str, offset: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.offset = offset

    def __str__(self) -> str:
        return self.problem if self.offset is None else f"{self.problem} (at octet {self.offset})"


class EncodeError(XdrError):
    """A value does not fit its type. ``path`` names the field: ``WRITE3args.data``, ``dirlist3.entries[7].name``."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem

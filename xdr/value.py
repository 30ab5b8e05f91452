"""The base classes of generated structs and unions, and the codecs that know their fields.

A generated class brings ``_put`` and ``_take``: straight-line code that trusts its caller to translate exceptions. What
users call is here. The codecs made by ``struct``, ``union`` and ``chain`` describe the class to everything that is not
on the fast path: error messages, tools, tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from .codecs import DECODE_FAULTS, FAULTS, Codec, Kind, codec, decode_error, explained, refuse
from .cursor import Cursor
from .errors import Buffer, DecodeError, EncodeError

V = TypeVar("V", bound="Value")


class Value:
    """A value that encodes itself."""

    __slots__ = ()
    _CODEC: ClassVar[Codec[Any]]

    def encode(self, out: list[Buffer]) -> None:
        """Append the octets, in one or more chunks. Raises ``EncodeError`` and then leaves ``out`` as it was."""
        self._CODEC.write(self, out)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """Read one value and advance the cursor (any arm, if called on a union's arm). Raises ``DecodeError``."""
        value: Self = cls._CODEC.read(cursor)
        return value

    def to_bytes(self) -> bytes:
        """The octets. Raises ``EncodeError``."""
        out: list[Buffer] = []
        try:
            self._put(out)
        except FAULTS as fault:
            raise explained(self._CODEC, self, fault) from None
        return b"".join(out)

    @classmethod
    def from_bytes(cls, data: Buffer) -> Self:
        """The value of exactly ``data``. Raises ``DecodeError``, also if octets are left over."""
        cursor = Cursor(data)
        try:
            value = cls._take(cursor)
        except DECODE_FAULTS as fault:
            raise decode_error(fault, cursor) from None
        if cursor.position < len(cursor.data):
            cursor.finish()
        return value

    def _put(self, out: list[Buffer]) -> None:
        raise TypeError(f"{type(self).__name__} is the base of its arms and has no octets")

    @classmethod
    def _take(cls, cursor: Cursor) -> Self:
        raise TypeError(f"{cls.__name__} cannot be decoded")


class Node(Value):
    """A struct that ends in an optional pointer to its own kind: lists of them are Python lists.

    The link is no field. A node that stands alone encodes as a list of one, and decodes from nothing longer.
    """

    __slots__ = ()

    def _put(self, out: list[Buffer]) -> None:
        self._put_bare([self], out)

    @classmethod
    def _take(cls, cursor: Cursor) -> Self:
        start = cursor.position
        nodes = cls._take_chain(cursor, True)
        if len(nodes) > 1:
            raise DecodeError(f"{len(nodes)} of {cls.__name__}, not one", start)
        return nodes[0]

    @classmethod
    def _put_bare(cls, nodes: Sequence[Self], out: list[Buffer], *depth: int) -> None:
        """A list without the pointer to its first node."""
        if not nodes:
            raise EncodeError("a list without its first node")
        chunks: list[Buffer] = []
        cls._put_chain(nodes, chunks, *depth)
        out.append(chunks[0][4:])
        out += chunks[1:]

    @classmethod
    def _put_chain(cls, nodes: Sequence[Self], out: list[Buffer], depth: int = 0) -> None:
        raise NotImplementedError

    @classmethod
    def _take_chain(cls, cursor: Cursor, bare: bool = False) -> list[Self]:
        raise NotImplementedError


N = TypeVar("N", bound=Node)
Fields = tuple[tuple[str, Kind[Any]], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StructCodec(Codec[V]):
    """A generated struct."""

    name: str
    kind: type[V]
    fields: Fields

    def _put(self, value: V, out: list[Buffer]) -> None:
        if not isinstance(value, self.kind):
            raise TypeError
        value._put(out)

    def _take(self, cursor: Cursor) -> V:
        return self.kind._take(cursor)

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, self.kind):
            refuse(value, self.name, path)
        check_fields(self.fields, value, path)


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One arm of a union: its class, the discriminants that select it (None: all others), and at most one field.

    Where one discriminant selects the arm it is a class attribute, else the first field.
    """

    kind: type[Value]
    cases: tuple[int, ...] | None
    fields: Fields

    @property
    def has_discriminant(self) -> bool:
        """Whether the discriminant is a field."""
        return self.cases is None or len(self.cases) > 1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class UnionCodec(Codec[V]):
    """A generated union."""

    name: str
    kind: type[V]
    discriminant: str
    switch: Kind[Any]
    arms: tuple[Arm, ...]

    def _put(self, value: V, out: list[Buffer]) -> None:
        if not isinstance(value, self.kind):
            raise TypeError
        value._put(out)

    def _take(self, cursor: Cursor) -> V:
        return self.kind._take(cursor)

    def check(self, value: object, path: str) -> None:
        arm = next((arm for arm in self.arms if type(value) is arm.kind), None)
        if arm is None:
            refuse(value, self.name, path)
        if arm.has_discriminant:
            self._check_discriminant(arm, getattr(value, self.discriminant, None), f"{path}.{self.discriminant}")
        check_fields(arm.fields, value, path)

    def _check_discriminant(self, arm: Arm, discriminant: object, path: str) -> None:
        codec(self.switch).check(discriminant, path)
        taken = arm.cases if arm.cases is not None else self.explicit_cases()
        if (discriminant in taken) is (arm.cases is None):
            refuse(discriminant, f"a case of {arm.kind.__name__}", path)

    def explicit_cases(self) -> tuple[int, ...]:
        """The discriminants that have an arm other than the default."""
        return tuple(case for arm in self.arms for case in arm.cases or ())


def check_fields(fields: Fields, value: object, path: str) -> None:
    """``check`` each field."""
    for name, kind in fields:
        try:
            field = getattr(value, name)
        except AttributeError:
            raise EncodeError("not set", f"{path}.{name}") from None
        codec(kind).check(field, f"{path}.{name}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChainCodec(Codec[list[N]]):
    """A linked list as a Python list; ``bare`` if it begins with a node instead of a pointer (it is never empty)."""

    name: str
    kind: type[N]
    bare: bool

    def _put(self, value: Sequence[N], out: list[Buffer]) -> None:
        if self.bare:
            self.kind._put_bare(value, out)
        else:
            self.kind._put_chain(value, out)

    def _take(self, cursor: Cursor) -> list[N]:
        return self.kind._take_chain(cursor, self.bare)

    def check(self, value: object, path: str) -> None:
        if not isinstance(value, Sequence):
            refuse(value, f"a list of {self.kind.__name__}", path)
        if self.bare and not value:
            raise EncodeError("a list without its first node", path)
        for index, node in enumerate(value):
            codec(self.kind).check(node, f"{path}[{index}]")


def struct(kind: type[V], *fields: tuple[str, Kind[Any]]) -> Codec[V]:
    """Describe a generated struct."""
    kind._CODEC = StructCodec(kind.__name__, kind, fields)
    return kind._CODEC


def node(kind: type[N], *fields: tuple[str, Kind[Any]]) -> Codec[list[N]]:
    """Describe a generated node of a linked list. Its type is the list; the codec of one node stays with the class."""
    struct(kind, *fields)
    return ChainCodec(kind.__name__, kind, True)


def union(kind: type[V], discriminant: str, switch: Kind[Any], *arms: Arm) -> Codec[V]:
    """Describe a generated union."""
    kind._CODEC = UnionCodec(kind.__name__, kind, discriminant, switch, arms)
    return kind._CODEC


def arm(kind: type[Value], cases: tuple[int, ...] | None, *fields: tuple[str, Kind[Any]]) -> Arm:
    """Describe one arm of a generated union; ``cases`` is None for the default arm."""
    return Arm(kind, cases, fields)


def chain(kind: type[N], bare: bool = False) -> Codec[list[N]]:
    """``kind *name`` for a ``Node``; ``bare`` where the declaration has no ``*``."""
    return ChainCodec(kind.__name__, kind, bare)

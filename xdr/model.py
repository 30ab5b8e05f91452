"""What a ``.x`` file means once every name is known: the types on the wire, and the definitions that use them.

``minimum`` and ``size`` count octets on the wire; a ``size`` of None means that it varies.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from .nodes import Place
from .source import Diagnostic


@dataclass(frozen=True, slots=True)
class Void:
    """Nothing."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer. Fewer than 32 bits still take four octets, as in C's xdr_short and xdr_char."""

    bits: int
    signed: bool

    @property
    def format(self) -> str:
        """The letter in a struct format."""
        letter = "q" if self.bits == 64 else "i"
        return letter if self.signed else letter.upper()

    @property
    def low(self) -> int:
        """The least value."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True, slots=True)
class Boolean:
    """bool."""


@dataclass(frozen=True, slots=True)
class Floating:
    """float or double."""

    bits: int


@dataclass(frozen=True, slots=True)
class Quadruple:
    """quadruple."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """opaque[size] or opaque<size>."""

    fixed: bool
    size: int


@dataclass(frozen=True, slots=True)
class String:
    """string<maximum>."""

    maximum: int


@dataclass(frozen=True, slots=True)
class Array:
    """element[size] or element<size>."""

    element: "Type"
    fixed: bool
    size: int


@dataclass(frozen=True, slots=True)
class Optional:
    """element *."""

    element: "Type"


@dataclass(frozen=True, slots=True)
class Chain:
    """A linked list of a struct; ``bare`` if its first node is there without a pointer."""

    node: str
    bare: bool


@dataclass(frozen=True, slots=True)
class Named:
    """An enum, struct or union, by name (types can be recursive)."""

    name: str


@dataclass(frozen=True, slots=True)
class Alias:
    """A typedef."""

    name: str
    target: "Type"


Type: TypeAlias = (
    Void | Integer | Boolean | Floating | Quadruple | Opaque | String | Array | Optional | Chain | Named | Alias
)


def plain(kind: Type) -> Type:
    """The type behind typedefs."""
    while isinstance(kind, Alias):
        kind = kind.target
    return kind


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct, or what a union's arm holds."""

    name: str
    type: Type


@dataclass(slots=True)
class ConstantDefinition:
    """const."""

    name: str
    value: int | str
    place: Place


@dataclass(slots=True)
class AliasDefinition:
    """typedef."""

    name: str
    type: Type
    place: Place


@dataclass(slots=True)
class EnumDefinition:
    """enum: names and numbers."""

    name: str
    members: dict[str, int]
    place: Place

    @property
    def format(self) -> str:
        """The letter in a struct format. Enums are signed, but files exist that write 0x80000000 and above."""
        return "I" if max(self.members.values()) > 0x7FFFFFFF else "i"


@dataclass(slots=True)
class StructDefinition:
    """struct. A node of a linked list has lost its last field, the link."""

    name: str
    fields: list[Field]
    place: Place
    node: bool = False


@dataclass(frozen=True, slots=True)
class ArmDefinition:
    """One arm: the label its class is named after, its discriminants (None: all others), and its field."""

    label: str
    cases: tuple[int, ...] | None
    field: Field | None
    place: Place

    @property
    def has_discriminant(self) -> bool:
        """Whether the discriminant is a field, because several select this arm."""
        return self.cases is None or len(self.cases) > 1

    @property
    def single_case(self) -> int:
        """The one discriminant that selects this arm."""
        assert self.cases is not None
        return self.cases[0]


@dataclass(slots=True)
class UnionDefinition:
    """union."""

    name: str
    discriminant: Field
    arms: list[ArmDefinition]
    place: Place


@dataclass(frozen=True, slots=True)
class ProcedureDefinition:
    """A procedure. Several arguments have become one struct."""

    name: str
    number: int
    argument: Type
    result: Type
    place: Place


@dataclass(frozen=True, slots=True)
class VersionDefinition:
    """A version."""

    name: str
    number: int
    procedures: tuple[ProcedureDefinition, ...]
    place: Place


@dataclass(slots=True)
class ProgramDefinition:
    """A program."""

    name: str
    number: int
    versions: tuple[VersionDefinition, ...]
    place: Place


TypeDefinition: TypeAlias = AliasDefinition | EnumDefinition | StructDefinition | UnionDefinition
Definition: TypeAlias = ConstantDefinition | TypeDefinition | ProgramDefinition


@dataclass(slots=True)
class Module:
    """Everything in the order of the file; nested definitions stand before those that hold them.

    ``minimum`` has the least octets of each enum, struct and union; ``group`` has for each recursive type the name of
    the cycle it is part of.
    """

    definitions: list[Definition] = field(default_factory=list)
    named: dict[str, EnumDefinition | StructDefinition | UnionDefinition] = field(default_factory=dict)
    minimum: dict[str, int] = field(default_factory=dict)
    group: dict[str, str] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)

    def minimum_of(self, kind: Type) -> int:
        """The least octets of a type."""
        return minimum_of(kind, self.minimum)


UNKNOWN = 1 << 62
"""The minimum of a type that has not been found to end."""


def minimum_of(kind: Type, known: dict[str, int]) -> int:
    """The least octets of a type, given those of named types."""
    match kind:
        case Void():
            return 0
        case Integer(bits=64) | Floating(bits=64):
            return 8
        case Quadruple():
            return 16
        case Opaque(fixed=True, size=size):
            return (size + 3) & ~3
        case Array(element=element, fixed=True, size=size):
            return size and min(UNKNOWN, size * minimum_of(element, known))
        case Named(name=name) | Chain(node=name, bare=True):
            return known.get(name, UNKNOWN)
        case Alias(target=target):
            return minimum_of(target, known)
    return 4

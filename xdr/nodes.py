"""The tree of a ``.x`` file: one dataclass per noun of the grammar, each with its place."""

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands: file, line and column (both from 1)."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier where it is written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Number:
    """A number where it is written."""

    value: int
    place: Place


Value: TypeAlias = Name | Number


@dataclass(frozen=True, slots=True)
class Builtin:
    """A type of the language itself: ``unsigned int``, ``opaque``, ``void``."""

    words: str
    place: Place


@dataclass(frozen=True, slots=True)
class Reference:
    """A type by its name; ``tag`` is the C keyword before it, if any."""

    name: Name
    tag: str | None


@dataclass(frozen=True, slots=True)
class Declaration:
    """A type in one of its shapes, with a name unless it is void or a procedure's argument.

    ``shape`` is ``""``, ``"*"``, ``"[]"`` or ``"<>"``; ``size`` belongs to the last two, None for ``<>``.
    """

    type: "TypeNode"
    shape: str
    size: Value | None
    name: Name | None
    place: Place


@dataclass(frozen=True, slots=True)
class Constant:
    """``const``; a string constant is not on any wire, and kept for those who want it."""

    name: Name
    value: Value | str


@dataclass(frozen=True, slots=True)
class Enumerator:
    """One member; without a value it is one more than the last."""

    name: Name
    value: Value | None


@dataclass(frozen=True, slots=True)
class Enumeration:
    """``enum``; nameless where it stands inside a declaration. So are the next two."""

    name: Name | None
    members: tuple[Enumerator, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Structure:
    """``struct``."""

    name: Name | None
    fields: tuple[Declaration, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm: its cases, whether ``default`` is among them, and what it holds."""

    cases: tuple[Value, ...]
    default: bool
    declaration: Declaration
    place: Place


@dataclass(frozen=True, slots=True)
class Union:
    """``union … switch``."""

    name: Name | None
    discriminant: Declaration
    arms: tuple[Arm, ...]
    place: Place


TypeNode: TypeAlias = Builtin | Reference | Enumeration | Structure | Union


@dataclass(frozen=True, slots=True)
class Typedef:
    """``typedef``."""

    declaration: Declaration


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of a program version; ``result`` carries its name."""

    result: Declaration
    arguments: tuple[Declaration, ...]
    number: Value

    @property
    def name(self) -> Name | None:
        """The procedure's name."""
        return self.result.name


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a program."""

    name: Name
    procedures: tuple[Procedure, ...]
    number: Value


@dataclass(frozen=True, slots=True)
class Program:
    """A program."""

    name: Name
    versions: tuple[Version, ...]
    number: Value


Definition: TypeAlias = Constant | Typedef | Enumeration | Structure | Union | Program


@dataclass(slots=True)
class Specification:
    """A whole file and what it includes. Namespaces are flattened; pragmas are kept only to be seen."""

    definitions: list[Definition] = field(default_factory=list)
    pragmas: list[tuple[Name, ...]] = field(default_factory=list)

"""Which Python names the things of a ``.x`` file get.

RFC names stay. What Python or the generated code needs for itself gets an underscore behind it, and so does a second
thing of the same name.
"""

import builtins
import keyword
from enum import IntEnum

from .model import (
    AliasDefinition,
    ConstantDefinition,
    EnumDefinition,
    Module,
    ProgramDefinition,
    StructDefinition,
    UnionDefinition,
)

# Parameters and locals of generated functions and everything that generated modules import without an underscore.
_MODULE_WORDS = frozenset(
    [
        "annotations",
        "dataclass",
        "cls",
        "self",
        "cursor",
        "out",
        "depth",
        "nodes",
        "data",
        "position",
        "wire",
        "length",
        "size",
        "count",
        "end",
        "CODECS",
        "call",
        "arg",
        "CallT",
        "IntEnum",
        "ClassVar",
        "Final",
        "Self",
        "TypeAlias",
        "Any",
        "Callable",
        "TYPE_CHECKING",
        "Sequence",
    ]
)
_FIELD_WORDS = frozenset(["encode", "decode", "to_bytes", "from_bytes", "self", "Self"])
_MEMBER_WORDS = frozenset(["mro", "name", "value"])
_METHOD_WORDS = frozenset(["PROGRAM", "VERSION", "PROCEDURES", "handler", "self"])
_BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_USED_BUILTINS = frozenset(
    {"bool", "bytes", "classmethod", "dict", "float", "int", "len", "list", "property", "range", "str", "super", "type"}
)


class Names:
    """The names of one module, each given out once."""

    def __init__(self, module: Module) -> None:
        self.taken: set[str] = set()
        self._global: dict[str, str] = {}
        self._arms: dict[tuple[str, str], str] = {}
        for definition in module.definitions:
            match definition:
                case ConstantDefinition(name=name) | AliasDefinition(name=name) | StructDefinition(name=name):
                    self._give(name)
                case EnumDefinition(name=name, members=members):
                    self._give(name)
                    for member in members:
                        self._give(member)
                case UnionDefinition(name=name):
                    self._give(name)
                case ProgramDefinition(versions=versions):
                    for version in versions:
                        self._give(version.name)
        # Where a name of an imported module stands for something else here, it is imported as another.
        self.imported: dict[str, tuple[str, str]] = {}
        for key, found in module.named.items():
            origin, colon, name = key.partition(":")
            if colon:
                self._global[key] = self._import(origin, name)
                if isinstance(found, UnionDefinition):
                    for arm in found.arms:
                        self._arms[key, arm.label] = self._import(origin, arm.label)
        # Names of our own making come last: they give way, never the file's.
        for definition in module.definitions:
            match definition:
                case UnionDefinition(name=name, arms=arms):
                    for arm in arms:
                        self._arms[name, arm.label] = self.fresh(f"{self[name]}_{arm.label}")
                case ProgramDefinition(versions=versions):
                    for version in versions:
                        for role in ("Client", "Service"):
                            self._give(f"{version.name}_{role}")

    def _import(self, origin: str, name: str) -> str:
        local = self.fresh(name)
        self.imported[local] = (origin, name)
        return local

    def __getitem__(self, name: str) -> str:
        """The Python name of something that the file names."""
        return self._global[name]

    def arm(self, union: str, label: str) -> str:
        """The class of a union's arm."""
        return self._arms[union, label]

    def fresh(self, name: str) -> str:
        """A module-level name that nothing else has."""
        while name in self.taken or keyword.iskeyword(name) or name in _MODULE_WORDS or name in _USED_BUILTINS:
            name += "_"
        self.taken.add(name)
        return name

    def _give(self, name: str) -> None:
        self._global.setdefault(name, self.fresh(_without_underscore(name)))


def field_name(name: str) -> str:
    """The attribute for a field."""
    name = _without_underscore(name)
    return name + "_" if keyword.iskeyword(name) or name in _FIELD_WORDS else name


def member_name(name: str) -> str:
    """The enum member's name inside its class, where int's own methods must stay themselves."""
    name = _without_underscore(name)
    return name + "_" if keyword.iskeyword(name) or hasattr(IntEnum, name) or name in _MEMBER_WORDS else name


def method_name(name: str) -> str:
    """The method for a procedure, which must not be in the way of what every client and service has."""
    name = _without_underscore(name)
    return name + "_" if keyword.iskeyword(name) or name in _METHOD_WORDS else name


def _without_underscore(name: str) -> str:
    """RFC 4506 names begin with a letter; C's need not, and those with an underscore are the generated code's."""
    return f"x{name}" if name.startswith("_") else name


class Locals:
    """The local names of one generated function."""

    def __init__(self, names: Names, *taken: str) -> None:
        self._names = names
        self._taken = set(taken)

    def __call__(self, name: str) -> str:
        """A local name like ``name`` that hides nothing."""
        number = 1
        candidate = name
        while (
            candidate in self._taken or candidate in self._names.taken or candidate in _BUILTINS | _MODULE_WORDS
        ) or keyword.iskeyword(candidate):
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

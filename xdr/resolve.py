"""From tree to meaning: names become types and numbers, and everything that is wrong is said, with its place."""

from collections import Counter
from typing import Final

from . import nodes
from .declare import Declarations
from .errors import UNBOUNDED
from .imported import Imported
from .model import (
    Alias,
    AliasDefinition,
    ArmDefinition,
    Array,
    Boolean,
    ConstantDefinition,
    EnumDefinition,
    Field,
    Floating,
    Integer,
    Module,
    Named,
    Opaque,
    Optional,
    ProcedureDefinition,
    ProgramDefinition,
    Quadruple,
    String,
    StructDefinition,
    Type,
    UnionDefinition,
    VersionDefinition,
    Void,
    plain,
)
from .source import CompileError, Source
from .whole import finish

# The language's own words, and C's, as rpcgen takes them: "long" has 32 bits, "short" and "char" travel as 32.
_WORDS: Final[dict[str, Type]] = {
    "void": Void(),
    "bool": Boolean(),
    "float": Floating(32),
    "double": Floating(64),
    "quadruple": Quadruple(),
}
_SIZES: Final = {"int": 32, "hyper": 64, "char": 8, "short": 16, "long": 32, "long long": 64}

# Names that C headers define, for files that count on them. A file's own definition wins.
_C_NAMES: Final[dict[str, Type]] = {
    "bool_t": Boolean(),
    **{f"int{bits}_t": Integer(bits, True) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}_t": Integer(bits, False) for bits in (8, 16, 32, 64)},
    **{f"u_int{bits}_t": Integer(bits, False) for bits in (8, 16, 32, 64)},
    **{name: Integer(8, False) for name in ("u_char", "uchar")},
    **{name: Integer(16, False) for name in ("u_short", "ushort")},
    **{name: Integer(32, False) for name in ("u_int", "uint", "u_long", "ulong", "uint32")},
    **{name: Integer(32, True) for name in ("int32", "enum_t")},
    **{name: Integer(64, True) for name in ("quad_t", "longlong_t", "int64")},
    **{name: Integer(64, False) for name in ("u_quad_t", "u_longlong_t", "uint64")},
}


def resolve(specification: nodes.Specification, source: Source, imports: tuple[str, ...] = ()) -> Module:
    """The meaning of a tree; what it does not define may come from the generated modules ``imports``.

    Raises ``CompileError`` with everything that is wrong, in the order of the file, and ``XdrError`` if one of the
    modules is none.
    """
    resolver = _Resolver(source, [Imported(name) for name in imports])
    resolver.declare(specification.definitions)
    resolver.define(specification.definitions)
    diagnostics = resolver.diagnostics or finish(resolver.module, source)
    if diagnostics:
        order = {name: index for index, name in enumerate(source.files)}
        raise CompileError(
            sorted(diagnostics, key=lambda d: (order.get(d.place.file, 0), d.place.line, d.place.column))
        )
    return resolver.module


class _Resolver(Declarations):
    """Resolves every definition once every name is declared; after an error it goes on to find more."""

    def __init__(self, source: Source, imports: list[Imported]) -> None:
        super().__init__(source, imports)
        self.module = Module()
        self.aliases: dict[str, Type] = {}
        self.resolving: list[str] = []
        self.missing: set[str] = set()

    def define(self, definitions: list[nodes.Definition]) -> None:
        """Resolve everything, in the order of the file."""
        for definition in definitions:
            match definition:
                case nodes.Constant():
                    self._define_constant(definition)
                case nodes.Typedef(declaration=declaration):
                    self._define_typedef(declaration)
                case nodes.Program():
                    self._define_program(definition)
                case nodes.Enumeration(name=name) | nodes.Structure(name=name) | nodes.Union(name=name):
                    self._define_type(definition, name.text if name else "")

    def _define_constant(self, constant: nodes.Constant) -> None:
        name = constant.name
        if self.places.get(name.text) != name.place:
            return
        value = constant.value if isinstance(constant.value, str) else self.value(constant.value)
        self.module.definitions.append(ConstantDefinition(name.text, value, name.place))

    def _define_typedef(self, declaration: nodes.Declaration) -> None:
        if (name := declaration.name) is None:
            return
        node = declaration.type
        if not isinstance(node, nodes.Builtin | nodes.Reference) and declaration.shape == "" and node.name is None:
            self._define_type(node, name.text)
            return
        if self.typedefs.get(name.text) is not declaration:
            return
        target = self._alias(name.text)
        if isinstance(plain(target), Void):
            self.wrong("expected a type that is something: void has no values", declaration.place)
            return
        self.module.definitions.append(AliasDefinition(name.text, target, name.place))

    def _define_type(self, node: nodes.Enumeration | nodes.Structure | nodes.Union, name: str) -> Type:
        definition: EnumDefinition | StructDefinition | UnionDefinition
        match node:
            case nodes.Enumeration():
                definition = EnumDefinition(name, self._members(node), node.place)
            case nodes.Structure():
                definition = StructDefinition(name, self._fields(node, name), node.place)
            case nodes.Union():
                switch, arms = self._union(node, name)
                definition = UnionDefinition(name, switch, arms, node.place)
        if name not in self.module.named:
            self.module.definitions.append(definition)
            self.module.named[name] = definition
        return Named(name)

    def _members(self, node: nodes.Enumeration) -> dict[str, int]:
        members = {}
        for member in node.members:
            value = self.constant(member.name)
            if not -(1 << 31) <= value < 1 << 32:
                self.wrong(f"{member.name.text} is {value}: enums have 32 bits", member.name.place)
            members[member.name.text] = value
        if members and max(members.values()) > 0x7FFFFFFF and min(members.values()) < 0:
            self.wrong("members are below 0 and above 0x7fffffff in the same enum", node.place)
        return members

    def _fields(self, node: nodes.Structure, name: str) -> list[Field]:
        fields: list[Field] = []
        seen: set[str] = set()
        for declaration in node.fields:
            kind = self._type(declaration, name)
            if isinstance(plain(kind), Void):
                if declaration.name is not None or len(node.fields) > 1:
                    self.wrong("expected a field with a type, not void", declaration.place)
                continue
            if declaration.name is None:
                self.wrong("expected a name for this field", declaration.place)
                continue
            if declaration.name.text in seen:
                self.wrong(f"{name} has two fields {declaration.name.text}", declaration.name.place)
                continue
            seen.add(declaration.name.text)
            fields.append(Field(declaration.name.text, kind))
        return fields

    def _union(self, node: nodes.Union, name: str) -> tuple[Field, list[ArmDefinition]]:
        switch = self._type(node.discriminant, name)
        allowed = self._discriminants(switch, node.discriminant)
        arms: list[ArmDefinition] = []
        taken: dict[int, nodes.Place] = {}
        default: nodes.Arm | None = None
        for arm in node.arms:
            cases = [self._case(case, allowed, name) for case in arm.cases]
            for case, value in zip(cases, arm.cases, strict=True):
                if case is None:
                    continue
                if case in taken:
                    self.wrong(f"case {case} of {name} is already at {taken[case]}", value.place)
                taken[case] = value.place
            if arm.default and default:
                self.wrong(f"{name} already has a default at {default.place}", arm.place)
            default = arm if arm.default else default
            label = "default" if arm.default or not arm.cases else self._label(arm.cases[0])
            known = tuple(case for case in cases if case is not None)
            arms.append(ArmDefinition(label, None if arm.default else known, self._held(arm, name), arm.place))
        discriminant = node.discriminant.name.text if node.discriminant.name else "discriminant"
        return Field(discriminant, switch), arms

    def _discriminants(self, switch: Type, declaration: nodes.Declaration) -> tuple[int, int] | EnumDefinition | None:
        """What the cases may be: a range, an enum, or None after an error."""
        match plain(switch):
            case Integer(bits=bits) as integer if bits <= 32:
                return integer.low, integer.high
            case Boolean():
                return 0, 1
            case Named(name=name):
                definition = self.module.named.get(name) or self._enum_ahead(name)
                if isinstance(definition, EnumDefinition):
                    return definition
        if declaration.name is None:
            self.wrong("expected a name for the discriminant", declaration.place)
        elif not (isinstance(switch, Integer) and switch == _BROKEN):
            self.wrong("expected int, unsigned int, bool or an enum to switch on", declaration.place)
        return None

    def _enum_ahead(self, name: str) -> EnumDefinition | None:
        """An enum that stands further down in the file."""
        node = self.ahead.get(name)
        return EnumDefinition(name, self._members(node), node.place) if node else None

    def _case(self, case: nodes.Value, allowed: tuple[int, int] | EnumDefinition | None, union: str) -> int | None:
        """The number of a case, None after an error."""
        errors = len(self.diagnostics)
        value = self.value(case)
        if len(self.diagnostics) > errors:
            return None
        written = case.text if isinstance(case, nodes.Name) else str(value)
        match allowed:
            case (low, high) if not low <= value <= high:
                self.wrong(f"expected a case from {low} to {high}, found {written}", case.place)
            case EnumDefinition(members=members) if value not in members.values():
                self.wrong(f"expected a member of enum {allowed.name} as case of {union}, found {written}", case.place)
        return value

    @staticmethod
    def _label(case: nodes.Value) -> str:
        if isinstance(case, nodes.Name):
            return case.text
        return str(case.value) if case.value >= 0 else f"minus_{-case.value}"

    def _held(self, arm: nodes.Arm, union: str) -> Field | None:
        """What an arm holds."""
        declaration = arm.declaration
        kind = self._type(declaration, union)
        if isinstance(plain(kind), Void):
            return None
        if declaration.name is None:
            self.wrong("expected a name for what this arm holds", declaration.place)
            return None
        return Field(declaration.name.text, kind)

    def _define_program(self, program: nodes.Program) -> None:
        number = self._program_number(program.number, "program")
        versions = [self._version(version, program) for version in program.versions]
        self._distinct([(v.number, v.name, v.place) for v in versions], f"program {program.name.text}")
        self.module.definitions.append(
            ProgramDefinition(program.name.text, number, tuple(versions), program.name.place)
        )

    def _version(self, version: nodes.Version, program: nodes.Program) -> VersionDefinition:
        procedures = tuple(filter(None, map(self._procedure, version.procedures)))
        self._distinct([(p.number, p.name, p.place) for p in procedures], f"version {version.name.text}")
        number = self._program_number(version.number, "version")
        return VersionDefinition(version.name.text, number, procedures, version.name.place)

    def _procedure(self, procedure: nodes.Procedure) -> ProcedureDefinition | None:
        name = procedure.name
        if name is None:
            self.wrong("expected a name for this procedure", procedure.result.place)
            return None
        number = self._program_number(procedure.number, "procedure")
        result = self._type(procedure.result, name.text)
        arguments = []
        for index, declaration in enumerate(procedure.arguments, 1):
            kind = self._type(declaration, name.text)
            if isinstance(plain(kind), Void):
                if len(procedure.arguments) > 1:
                    self.wrong("expected void alone, or no void", declaration.place)
                continue
            arguments.append(Field(declaration.name.text if declaration.name else f"arg{index}", kind))
        for text, count in Counter(argument.name for argument in arguments).items():
            if count > 1:
                self.wrong(f"{name.text} has two arguments {text}", name.place)
        if len(arguments) > 1:
            arguments = [Field("arg", self._gathered(arguments, name))]
        argument = arguments[0].type if arguments else Void()
        return ProcedureDefinition(name.text, number, argument, result, name.place)

    def _gathered(self, arguments: list[Field], procedure: nodes.Name) -> Type:
        """Several arguments travel like the fields of one struct (rpcgen -N)."""
        name = f"{procedure.text}_args"
        while name in self.places:
            name += "_"
        self.places[name] = procedure.place
        definition = StructDefinition(name, arguments, procedure.place)
        self.module.definitions.append(definition)
        self.module.named[name] = definition
        return Named(name)

    def _program_number(self, value: nodes.Value, what: str) -> int:
        number = self.value(value)
        if not 0 <= number <= 0xFFFFFFFF:
            self.wrong(f"expected a {what} number from 0 to 4294967295, found {number}", value.place)
        return number

    def _distinct(self, numbered: list[tuple[int, str, nodes.Place]], where: str) -> None:
        numbers: dict[int, str] = {}
        names: set[str] = set()
        for number, name, place in numbered:
            if number in numbers:
                self.wrong(f"{where}: {name} has the number {number} of {numbers[number]}", place)
            if name in names:
                self.wrong(f"{where} has two of {name}", place)
            numbers[number] = name
            names.add(name)

    # Types

    def _type(self, declaration: nodes.Declaration, outer: str) -> Type:
        """The type of a declaration; ``outer`` gives nested nameless types their names."""
        node, shape = declaration.type, declaration.shape
        if isinstance(node, nodes.Builtin) and node.words in ("opaque", "string"):
            return self._octets(node, declaration)
        element = self._element(node, declaration, outer)
        if shape == "":
            return element
        if isinstance(plain(element), Void):
            self.wrong("expected a type that is something: void has no values", declaration.place)
            return _BROKEN
        if shape == "*":
            # Python has one None, so a pointer to a pointer is what it also is: an array of at most one (4.19).
            return Array(element, False, 1) if isinstance(plain(element), Optional) else Optional(element)
        return Array(element, shape == "[]", self._size(declaration))

    def _octets(self, node: nodes.Builtin, declaration: nodes.Declaration) -> Type:
        """opaque and string, which must have a size or may not have one."""
        shape = declaration.shape
        if node.words == "string":
            if shape in ("[]", "*"):
                self.wrong("expected string<maximum> (a string has no fixed length)", declaration.place)
            return String(self._size(declaration) if shape == "<>" else UNBOUNDED)
        if shape in ("", "*"):
            self.wrong("expected opaque[length] or opaque<maximum>", declaration.place)
            return _BROKEN
        return Opaque(shape == "[]", self._size(declaration))

    def _element(self, node: nodes.TypeNode, declaration: nodes.Declaration, outer: str) -> Type:
        match node:
            case nodes.Builtin(words=words):
                return _WORDS.get(words) or self._integer(words)
            case nodes.Reference(name=name):
                return self._reference(name)
            case _:
                inner = node.name.text if node.name else self._nested_name(declaration, outer)
                return self._define_type(node, inner)

    @staticmethod
    def _integer(words: str) -> Type:
        unsigned = words.startswith("unsigned")
        size = words.removeprefix("unsigned").strip().removesuffix(" int") or "int"
        return Integer(_SIZES[size], not unsigned)

    def _nested_name(self, declaration: nodes.Declaration, outer: str) -> str:
        name = f"{outer}_{declaration.name.text}" if declaration.name else f"{outer}_"
        while name in self.places:
            name += "_"
        self.places[name] = declaration.place
        return name

    def _reference(self, name: nodes.Name) -> Type:
        if name.text in self.tagged:
            return Named(name.text)
        if name.text in self.typedefs:
            return Alias(name.text, self._alias(name.text))
        for module in self.imports:
            if (kind := module.type(name.text)) is not None:
                self.module.named |= module.definitions
                return kind
        if (known := _C_NAMES.get(name.text)) is not None:
            return known
        if name.text not in self.missing:
            self.missing.add(name.text)
            what = "is a value, not a type" if name.text in self.values else "is not defined"
            self.wrong(f"expected a type: {name.text} {what}", name.place)
        return _BROKEN

    def _alias(self, name: str) -> Type:
        """What a typedef stands for."""
        if name in self.aliases:
            return self.aliases[name]
        declaration = self.typedefs[name]
        if name in self.resolving:
            self.wrong(f"typedef {name} is made of itself", declaration.place)
            return _BROKEN
        self.resolving.append(name)
        self.aliases[name] = self._type(declaration, name)
        self.resolving.pop()
        return self.aliases[name]

    def _size(self, declaration: nodes.Declaration) -> int:
        if declaration.size is None:
            return UNBOUNDED
        size = self.value(declaration.size)
        if not 0 <= size <= UNBOUNDED:
            self.wrong(f"expected a size from 0 to {UNBOUNDED}, found {size}", declaration.size.place)
            return UNBOUNDED
        return size


_BROKEN: Final = Integer(32, True)
"""Stands in for what could not be resolved."""

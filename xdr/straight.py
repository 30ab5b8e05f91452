"""What the bodies of generated functions share: names, annotations, formats, and lines that fit the page."""

from dataclasses import dataclass, field
from typing import Final

from .model import (
    Alias,
    ArmDefinition,
    Array,
    Boolean,
    Chain,
    EnumDefinition,
    Floating,
    Integer,
    Module,
    Named,
    Opaque,
    Optional,
    Quadruple,
    String,
    StructDefinition,
    Type,
    UnionDefinition,
    Void,
    plain,
)
from .naming import Locals, Names, field_name
from .nodes import Place

WIDTH: Final = 120

# A struct of fixed size with more fields than this is called, not opened up: code size has its price too.
_OPEN_UP_TO: Final = 40


@dataclass(slots=True)
class Context:
    """What the bodies of a module share: names, and what they turn out to need."""

    module: Module
    names: Names
    forms: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)

    def need(self, name: str) -> str:
        """Import a name of the runtime; the answer is what to call it."""
        self.imports.add(name)
        return f"_{name}"

    def form(self, formats: list[str]) -> str:
        """The precompiled ``Struct`` of a run."""
        compact = "".join(formats)
        name = "_S"
        index = 0
        while index < len(formats):
            letter = formats[index]
            count = 1
            while letter[-1] != "s" and index + count < len(formats) and formats[index + count] == letter:
                count += 1
            name += f"_{letter}" if letter[-1] == "s" else letter + (str(count) if count > 1 else "")
            index += count
        self.forms[name.replace("_S_", "_S")] = compact
        return name.replace("_S_", "_S")

    def members(self, enum: str) -> str:
        """The table of an enum's members."""
        return f"_{self.names[enum]}_members"

    def numbers(self, enum: str) -> str:
        """The other way round: the table of an enum's numbers."""
        return f"_{self.names[enum]}_numbers"

    def annotation(self, kind: Type) -> str:
        """How a type is written in Python."""
        match kind:
            case Void():
                return "None"
            case Integer():
                return "int"
            case Boolean():
                return "bool"
            case Floating():
                return "float"
            case Quadruple():
                return self.need("Quadruple")
            case Opaque():
                return "bytes"
            case String():
                return "str"
            case Array(element=element):
                return f"list[{self.annotation(element)}]"
            case Optional(element=element):
                return f"{self.annotation(element)} | None"
            case Chain(node=name):
                return f"list[{self.names[name]}]"
            case Named(name=name) | Alias(name=name):
                return self.names[name]

    def number_format(self, kind: Type) -> str | None:
        """The struct letter of a type that is one number on the wire."""
        match plain(kind):
            case Integer() as integer:
                return integer.format
            case Boolean():
                return "I"
            case Floating(bits=bits):
                return "f" if bits == 32 else "d"
            case Named(name=name) if isinstance(enum := self.module.named[name], EnumDefinition):
                return enum.format
        return None

    def letter(self, kind: Type) -> str:
        """The same for a discriminant, which is always one."""
        letter = self.number_format(kind)
        assert letter is not None
        return letter

    def begins_with_length(self, kind: Type) -> bool:
        """Whether the first thing of a type on the wire is a length in octets."""
        if (struct := self.opened(kind)) is not None:
            return bool(struct.fields) and self.begins_with_length(struct.fields[0].type)
        match plain(kind):
            case String() | Opaque(fixed=False):
                return True
        return False

    def opened(self, kind: Type) -> StructDefinition | None:
        """The struct to open up where ``kind`` stands: one of fixed size, or a short one that only wraps something."""
        kind = plain(kind)
        if not isinstance(kind, Named) or kind.name in self.module.group:
            return None
        definition = self.module.named[kind.name]
        if not isinstance(definition, StructDefinition) or definition.node:
            return None
        count = self._fixed_fields(kind)
        if count is not None and count <= _OPEN_UP_TO:
            return definition
        wraps = len(definition.fields) == 1 and isinstance(plain(definition.fields[0].type), Opaque | String)
        return definition if wraps else None

    def opened_union(self, kind: Type) -> tuple[UnionDefinition, ArmDefinition, ArmDefinition] | None:
        """The union to open up inside a loop: something, or nothing. Its two arms come with it, the void one last."""
        kind = plain(kind)
        if not isinstance(kind, Named) or kind.name in self.module.group:
            return None
        union = self.module.named[kind.name]
        if not isinstance(union, UnionDefinition) or len(union.arms) != 2:
            return None
        something, nothing = sorted(union.arms, key=lambda arm: arm.field is None)
        if something.field is None or nothing.field or something.has_discriminant or nothing.has_discriminant:
            return None
        return union, something, nothing

    def _fixed_fields(self, kind: Type) -> int | None:
        """How many items of a run a type is, None if it is not of fixed size."""
        kind = plain(kind)
        if self.number_format(kind) or isinstance(kind, Quadruple) or (isinstance(kind, Opaque) and kind.fixed):
            return 1
        if isinstance(kind, Named):
            definition = self.module.named[kind.name]
            if isinstance(definition, StructDefinition) and not definition.node and kind.name not in self.module.group:
                counts = [self._fixed_fields(each.type) for each in definition.fields]
                return None if None in counts else sum(filter(None, counts))
        return None


def wrapped(indent: int, before: str, items: list[str], after: str) -> list[str]:
    """``before items after`` in one line, in three, or in one line per item: the way formatters do it."""
    space = " " * indent
    line = f"{space}{before}{', '.join(items)}{after}"
    if len(line) <= WIDTH:
        return [line]
    inner = f"{space}    {', '.join(items)}"
    if len(inner) <= WIDTH and before[-2:-1].isidentifier():
        return [f"{space}{before}", inner, f"{space}{after}"]
    return [f"{space}{before}", *(f"{space}    {item}," for item in items), f"{space}{after}"]


def condition(indent: int, conditions: list[str]) -> list[str]:
    """An ``if`` for all of the conditions."""
    space = " " * indent
    line = f"{space}if {' and '.join(conditions)}:"
    if len(line) <= WIDTH:
        return [line]
    first, *others = conditions
    return [f"{space}if (", f"{space}    {first}", *(f"{space}    and {each}" for each in others), f"{space}):"]


def documented(text: str, place: Place) -> str:
    """The docstring of a class, with its place in the file."""
    file = place.file.rpartition("/")[2]
    return f'    """{text} ({file}:{place.line})."""'


def assigned(target: str, value: str) -> list[str]:
    """An assignment at the left margin."""
    line = f"{target} = {value}"
    return [line] if len(line) <= WIDTH else [f"{target} = (", f"    {value}", ")"]


def packed(indent: int, form: str, items: list[str]) -> list[str]:
    """The statement that appends a packed run."""
    line = f"{' ' * indent}out.append({form}.pack({', '.join(items)}))"
    if len(line) <= WIDTH:
        return [line]
    inner = wrapped(indent + 4, f"{form}.pack(", items, ")")
    return [f"{' ' * indent}out.append(", *inner, f"{' ' * indent})"]


@dataclass(slots=True)
class Body:
    """Lines of one function, and the run that is being collected."""

    context: Context
    locals: Locals
    group: str | None
    indent: int = 8
    in_loop: bool = False
    lines: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    items: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """One statement."""
        self.lines.append(" " * self.indent + text)

    def size(self) -> int:
        """Octets of the run."""
        sizes = {"i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8}
        return sum(sizes.get(each) or int(each[:-1]) for each in self.formats)

    def same_group(self, name: str) -> bool:
        """Whether a call of that type goes round in the recursion we are in."""
        return self.group is not None and self.context.module.group.get(name) == self.group


def held_name(union: UnionDefinition, arm: ArmDefinition) -> str:
    """The field of an arm; C lets it have the discriminant's name, a class does not."""
    name = field_name(arm.field.name) if arm.field else ""
    return name + "_" if name == field_name(union.discriminant.name) else name

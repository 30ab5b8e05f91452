"""Straight-line bodies: the statements that put fields on the wire, and those that take them off.

How it works: fields of fixed size collect in a *run*. When something of another kind comes up, or the end, the run
becomes one ``pack`` or ``unpack_from`` of a precompiled ``Struct``, so that bounds are checked once and C does the
work. Structs of fixed size are opened up and join the run of whatever they stand in. Lengths, counts, discriminants
and flags are part of the run before them.
"""

from dataclasses import dataclass, field
from typing import Final

from .errors import UNBOUNDED
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
class _Body:
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


class Put(_Body):
    """Writes the statements of ``_put``."""

    def put(self, kind: Type, value: str) -> None:
        """Put ``value`` (an expression) on the wire."""
        kind = plain(kind)
        if (letter := self.context.number_format(kind)) is not None:
            self.atom(letter, self.number(kind, value))
            return
        if (definition := self.context.opened(kind)) is not None:
            opened = self.local(value)
            for each in definition.fields:
                self.put(each.type, f"{opened}.{field_name(each.name)}")
            return
        if self.in_loop and (arms := self.context.opened_union(kind)) is not None:
            self._opened_union(*arms, value)
            return
        match kind:
            case Quadruple():
                self.atom("16s", f"{value}.octets")
            case Opaque(fixed=True, size=size):
                self._fixed_opaque(size, value)
            case Opaque(size=maximum):
                self._opaque(maximum, value)
            case String(maximum=maximum):
                self._string(maximum, value)
            case Array():
                self._array(kind, value)
            case Optional(element=element):
                self._optional(element, value)
            case Chain(node=name, bare=bare):
                self.flush()
                method = "_put_bare" if bare else "_put_chain"
                self.line(f"{self.context.names[name]}.{method}({value}, out{self._depth(name)})")
            case Named(name=name):
                self.flush()
                self.line(f"{value}._put(out{self._depth(name)})")

    def atom(self, letter: str, expression: str) -> None:
        """One more item of the run."""
        self.formats.append(letter)
        self.items.append(expression)

    def number(self, kind: Type, value: str) -> str:
        """The expression to pack for a number."""
        match kind:
            case Integer(bits=bits) as integer if bits < 32:
                return f"{self.context.need('ranged')}({value}, {integer.low}, {integer.high})"
            case Boolean():
                return f"1 if {value} else 0"
            case Named(name=name):
                return f"{self.context.members(name)}[{value}]"
        return value

    def local(self, value: str) -> str:
        """A local name for an expression with a dot in it."""
        if "." not in value:
            return value
        name = self.locals(value.rpartition(".")[2])
        self.line(f"{name} = {value}")
        return name

    def flush(self) -> None:
        """Write the run."""
        if self.items:
            form = self.context.form(self.formats)
            self.lines += packed(self.indent, form, self.items)
            self.formats, self.items = [], []

    def _opened_union(
        self, union: UnionDefinition, something: ArmDefinition, nothing: ArmDefinition, value: str
    ) -> None:
        """A union in place: the run before it goes on into the arm that holds something."""
        assert something.field is not None
        assert something.cases is not None
        letter = self.context.number_format(union.discriminant.type)
        assert letter is not None
        name = self.local(value)
        formats, items = list(self.formats), list(self.items)
        self.line(f"if type({name}) is {self.context.names.arm(union.name, something.label)}:")
        self.indent += 4
        self.atom(letter, str(something.cases[0]))
        self.put(something.field.type, f"{name}.{held_name(union, something)}")
        self.flush()
        self.indent -= 4
        self.line("else:")
        self.indent += 4
        self.formats, self.items = formats, items
        self.flush()
        self.line(f"{name}._put(out)")
        self.indent -= 4

    def _depth(self, name: str) -> str:
        return ", depth + 1" if self.same_group(name) else ""

    def _fixed_opaque(self, size: int, value: str) -> None:
        name = self.locals(value.rpartition(".")[2])
        self.line(f"{name} = {value}")
        self.line(f"if type({name}) is not bytes or len({name}) != {size}:")
        self.line(f"    {name} = {self.context.need('octets_exactly')}({name}, {size})")
        if size:
            self.atom(f"{size}s", name)
        if size & 3:
            self.atom(f"{-size & 3}s", f"{self.context.need('ZEROS')}[{size & 3}]")

    def _opaque(self, maximum: int, value: str) -> None:
        name = self.locals(value.rpartition(".")[2])
        self.line(f"{name}: {self.context.need('Buffer')} = {value}")
        self.line(f"if type({name}) is not bytes:")
        self.line(f"    {name} = {self.context.need('octets')}({name}, {maximum})")
        self._octets(name, maximum)

    def _string(self, maximum: int, value: str) -> None:
        name = self.locals(value.rpartition(".")[2])
        self.line(f'{name} = {value}.encode("utf-8", "surrogateescape")')
        self._octets(name, maximum)

    def _octets(self, name: str, maximum: int) -> None:
        self.line(f"length = len({name})")
        if maximum < UNBOUNDED:
            self.line(f"if length > {maximum}:")
            self.line(f"    raise {self.context.need('too_many')}(length, {maximum})")
        self.atom("I", "length")
        self.flush()
        self.line(f"out.append({name})")
        self.line("if length & 3:")
        self.line(f"    out.append({self.context.need('ZEROS')}[length & 3])")

    def _array(self, array: Array, value: str) -> None:
        name = self.local(value)
        if array.fixed:
            self.line(f"if len({name}) != {array.size}:")
            self.line(f"    raise {self.context.need('wrong_count')}(len({name}), {array.size})")
        else:
            if array.size < UNBOUNDED:
                self.line(f"if len({name}) > {array.size}:")
                self.line(f"    raise {self.context.need('too_many')}(len({name}), {array.size})")
            self.atom("I", f"len({name})")
        self.flush()
        if (letter := self.context.number_format(array.element)) is not None:
            item = self.locals("item")
            number = self.number(plain(array.element), item)
            packed = f"*{name}" if number == item else f"*[{number} for {item} in {name}]"
            form = f'f">{{len({name})}}{letter}"'
            self.line(f"out.append({self.context.need('pack_many')}({form}, {packed}))")
            return
        item = self.locals("item")
        self.line(f"for {item} in {name}:")
        self.indent += 4
        self.put(array.element, item)
        self.flush()
        self.indent -= 4

    def _optional(self, element: Type, value: str) -> None:
        name = self.local(value)
        self.flush()
        self.line(f"if {name} is None:")
        self.line('    out.append(b"\\0\\0\\0\\0")')
        self.line("else:")
        self.indent += 4
        self.atom("I", "1")
        self.put(element, name)
        self.flush()
        self.indent -= 4


@dataclass(frozen=True, slots=True)
class _Branch:
    """An opened union that is not written yet: its two conditions, what to do in each, and the run its arm ends in."""

    condition: str
    lines: list[str]
    formats: list[str]
    items: list[str]
    afterwards: list[str]
    otherwise: str
    nothing: str
    error: str


class Take(_Body):
    """Writes the statements of ``_take``, between the local ``position`` and its end."""

    def __init__(
        self, context: Context, locals: Locals, group: str | None, indent: int = 8, in_loop: bool = False
    ) -> None:
        super().__init__(context, locals, group, indent, in_loop)
        self.afterwards: list[str] = []
        self.branch: _Branch | None = None

    def take(self, kind: Type, target: str) -> None:
        """Take a value off the wire into ``target`` (an attribute or a local)."""
        kind = plain(kind)
        if (letter := self.context.number_format(kind)) is not None:
            self.atom(letter, target)
            self.after_number(kind, target)
            return
        if (definition := self.context.opened(kind)) is not None:
            name = self.locals(target.rpartition(".")[2]) if "." in target else target
            created = f"{self.context.need('new')}({self.context.names[definition.name]})"
            self.line(f"{target} = {name} = {created}" if name != target else f"{name} = {created}")
            for each in definition.fields:
                self.take(each.type, f"{name}.{field_name(each.name)}")
            return
        if self.in_loop and (arms := self.context.opened_union(kind)) is not None:
            self._opened_union(*arms, target)
            return
        match kind:
            case Quadruple():
                name = self.locals(target.rpartition(".")[2])
                self.atom("16s", name)
                self.afterwards.append(f"{target} = {self.context.need('Quadruple')}({name})")
            case Opaque(fixed=True, size=size):
                self._fixed_opaque(size, target)
            case Opaque(size=maximum):
                self._length(maximum, 1)
                self.line("end = position + length")
                chunk = self.locals("chunk")
                self.line(f"{chunk} = data[position:end]")
                self.line(f"{target} = {chunk} if type({chunk}) is bytes else bytes({chunk})")
                self._padding()
            case String(maximum=maximum):
                self._length(maximum, 1)
                self.line("end = position + length")
                chunk = self.locals("chunk")
                self.line(f"{chunk} = data[position:end]")
                # A memoryview has no decode().
                decoded = f"{target} = ({chunk} if type({chunk}) is bytes else bytes({chunk})).decode("
                self.lines += wrapped(self.indent, decoded, ['"utf-8"', '"surrogateescape"'], ")")
                self._padding()
            case Array():
                self._array(kind, target)
            case Optional(element=element):
                self._optional(element, target)
            case Chain(node=name, bare=bare):
                self._call(f"{target} = {self.context.names[name]}._take_chain(cursor{', True' if bare else ''})")
            case Named(name=name):
                self._call(f"{target} = {self.context.names[name]}._take(cursor)")

    def atom(self, letter: str, target: str) -> None:
        """One more item of the run."""
        self.formats.append(letter)
        self.items.append(target)

    def after_number(self, kind: Type, target: str) -> None:
        """Check a number once the run is read."""
        if (checked := self._checked(kind, target)) != target:
            self.afterwards.append(f"{target} = {checked}")

    def _checked(self, kind: Type, number: str) -> str:
        match kind:
            case Integer(bits=bits) as integer if bits < 32:
                return f"{self.context.need('ranged')}({number}, {integer.low}, {integer.high})"
            case Boolean():
                return f"{self.context.need('BOOLEANS')}[{number}]"
            case Named(name=name):
                return f"{self.context.members(name)}[{number}]"
        return number

    def flush(self) -> None:
        """Read the run."""
        if self.branch is not None:
            self._end_branch()
        elif self.items:
            self._read()

    def _read(self) -> None:
        if not self.items:
            return
        form = self.context.form(self.formats)
        if len(self.items) == 1:
            self.line(f"({self.items[0]},) = {form}.unpack_from(data, position)")
        else:
            self.lines += wrapped(self.indent, "(", self.items, f") = {form}.unpack_from(data, position)")
        self.line(f"position += {self.size()}")
        for statement in self.afterwards:
            before, bracket, inside = statement.rpartition("[")
            if self.indent + len(statement) > WIDTH and inside.endswith("]"):
                self.lines += wrapped(self.indent, before + bracket, [inside[:-1]], "]")
            else:
                self.line(statement)
        self.formats, self.items, self.afterwards = [], [], []

    def _opened_union(
        self, union: UnionDefinition, something: ArmDefinition, nothing: ArmDefinition, target: str
    ) -> None:
        """A union in place: its discriminant belongs to the run before it."""
        assert something.field is not None
        assert something.cases is not None
        assert nothing.cases is not None
        letter = self.context.number_format(union.discriminant.type)
        assert letter is not None
        discriminant = self.locals(field_name(union.discriminant.name))
        self.atom(letter, discriminant)
        self.flush()
        new = self.context.need("new")
        arm = self.locals("arm")
        start = len(self.lines)
        self.indent += 4
        self.line(f"{target} = {arm} = {new}({self.context.names.arm(union.name, something.label)})")
        self.take(something.field.type, f"{arm}.{held_name(union, something)}")
        self.indent -= 4
        self.branch = _Branch(
            f"{discriminant} == {something.cases[0]}",
            self.lines[start:],
            self.formats,
            self.items,
            self.afterwards,
            f"{discriminant} == {nothing.cases[0]}",
            f"{target} = {new}({self.context.names.arm(union.name, nothing.label)})",
            f'{self.context.need("bad_discriminant")}("{union.name}", {discriminant}, position - 4)',
        )
        del self.lines[start:]
        self.formats, self.items, self.afterwards = [], [], []

    def _end_branch(self) -> None:
        """Write an opened union. What comes next joins the run that its arm ends in, and stands in both branches."""
        branch, self.branch = self.branch, None
        assert branch is not None
        common = (self.formats, self.items, self.afterwards) if branch.items else ([], [], [])
        if branch.items:
            self.formats, self.items, self.afterwards = [], [], []
        later = (self.formats, self.items, self.afterwards)
        self.line(f"if {branch.condition}:")
        self.lines += branch.lines
        self.indent += 4
        self.formats, self.items = branch.formats + common[0], branch.items + common[1]
        self.afterwards = branch.afterwards + common[2]
        self._read()
        self.indent -= 4
        self.line(f"elif {branch.otherwise}:")
        self.indent += 4
        self.line(branch.nothing)
        self.formats, self.items, self.afterwards = common
        self._read()
        self.indent -= 4
        self.line("else:")
        self.line(f"    raise {branch.error}")
        self.formats, self.items, self.afterwards = later
        self._read()

    def _call(self, statement: str) -> None:
        self.flush()
        self.line("cursor.position = position")
        self.line(statement)
        self.line("position = cursor.position")

    def _fixed_opaque(self, size: int, target: str) -> None:
        if size == 0:
            self.line(f'{target} = b""')
            return
        self.atom(f"{size}s", target)
        if size & 3:
            padding = self.locals("padding")
            self.atom(f"{-size & 3}s", padding)
            self.afterwards.append(f"if {padding} != {self.context.need('ZEROS')}[{size & 3}]:")
            # The run has been counted already: this padding may stand before its end.
            self.afterwards.append(f"    raise {self.context.need('bad_padding')}(position)")

    def _length(self, maximum: int, each: int) -> None:
        """A length or count, compared with its maximum and with what is left."""
        local = "length" if each == 1 else "count"
        self.atom("I", local)
        self.flush()
        needed = local if each == 1 else f"{local} * {each}"
        above = f"{local} > {maximum} or " if maximum < UNBOUNDED else ""
        self.line(f"if {above}{needed} > size - position:")
        self.line(f"    raise {self.context.need('overrun')}(data, position - 4, {local}, {maximum})")

    def _padding(self) -> None:
        zeros = self.context.need("ZEROS")
        self.line("position = end")
        self.line("if length & 3:")
        self.line("    position += 4 - (length & 3)")
        self.line(f"    if data[end:position] != {zeros}[length & 3]:")
        self.line(f"        raise {self.context.need('bad_padding')}(end)")

    def _array(self, array: Array, target: str) -> None:
        element = plain(array.element)
        count = str(array.size)
        if array.fixed:
            self.flush()
        else:
            count = "count"
            self._length(array.size, max(4, self.context.module.minimum_of(element)))
        if (letter := self.context.number_format(element)) is not None:
            form = f'">{count}{letter}"' if array.fixed else f'f">{{count}}{letter}"'
            numbers = f"{self.context.need('unpack_from')}({form}, data, position)"
            item = self.locals("item")
            checked = self._checked(element, item)
            self.line(
                f"{target} = list({numbers})" if checked == item else f"{target} = [{checked} for {item} in {numbers}]"
            )
            self.line(f"position += {count} * {8 if letter in 'qQd' else 4}")
            return
        if isinstance(element, Named) and self.context.opened(element) is None:
            self._call(f"{target} = [{self.context.names[element.name]}._take(cursor) for _ in range({count})]")
            return
        items, item = self.locals("items"), self.locals("item")
        self.line(f"{items}: list[{self.context.annotation(array.element)}] = []")
        self.line(f"for _ in range({count}):")
        self.indent += 4
        if isinstance(element, Optional):
            self.line(f"{item}: {self.context.annotation(element)} = None")
        self.take(array.element, item)
        self.flush()
        self.line(f"{items}.append({item})")
        self.indent -= 4
        self.line(f"{target} = {items}")

    def _optional(self, element: Type, target: str) -> None:
        present = self.locals("present")
        self.atom("I", present)
        self.flush()
        self.line(f"{target} = None")
        self.line(f"if {self.context.need('BOOLEANS')}[{present}]:")
        self.indent += 4
        self.take(element, target)
        self.flush()
        self.indent -= 4


def held_name(union: UnionDefinition, arm: ArmDefinition) -> str:
    """The field of an arm; C lets it have the discriminant's name, a class does not."""
    name = field_name(arm.field.name) if arm.field else ""
    return name + "_" if name == field_name(union.discriminant.name) else name

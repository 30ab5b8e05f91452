"""The statements of ``_take``: fields off the wire."""

from dataclasses import dataclass

from .errors import UNBOUNDED
from .model import (
    ArmDefinition,
    Array,
    Boolean,
    Chain,
    Integer,
    Named,
    Opaque,
    Optional,
    Quadruple,
    String,
    Type,
    UnionDefinition,
    plain,
)
from .naming import Locals, field_name
from .straight import WIDTH, Body, Context, held_name, wrapped


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
    ahead: bool


class Take(Body):
    """Writes the statements of ``_take``, between the local ``position`` and its end."""

    def __init__(
        self, context: Context, locals: Locals, group: str | None, indent: int = 8, in_loop: bool = False
    ) -> None:
        super().__init__(context, locals, group, indent, in_loop)
        self.afterwards: list[str] = []
        self.branch: _Branch | None = None
        self.length_known = False

    def take(self, kind: Type, target: str, last: bool = False) -> None:
        """Take a value off the wire into ``target`` (an attribute or a local), the ``last`` of a list's node or not."""
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
            self._opened_union(*arms, target, last)
            return
        match kind:
            case Quadruple():
                name = self.locals(target.rpartition(".")[2])
                self.atom("16s", name)
                self.afterwards.append(f"{target} = {self.context.need('Quadruple')}({name})")
            case Opaque(fixed=True, size=size):
                self._fixed_opaque(size, target)
            case Opaque(size=maximum):
                self._length(maximum)
                self.line(f"{target} = wire[position:end]")
                self._padding()
            case String(maximum=maximum):
                self._length(maximum)
                self.line(f'{target} = wire[position:end].decode("utf-8", "surrogateescape")')
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
        if (checked := self.checked(kind, target)) != target:
            self.afterwards.append(f"{target} = {checked}")

    def checked(self, kind: Type, number: str) -> str:
        """The expression that refuses a number which its type does not have."""
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
        self, union: UnionDefinition, something: ArmDefinition, nothing: ArmDefinition, target: str, last: bool
    ) -> None:
        """A union in place: its discriminant belongs to the run before it.

        Behind the last one stands a length, or else the word that says whether there are more nodes: either way a word
        that can be read together with the discriminant.
        """
        assert something.field is not None
        discriminant = self.locals(field_name(union.discriminant.name))
        self.atom(self.context.letter(union.discriminant.type), discriminant)
        self.length_known = ahead = last and self.context.begins_with_length(something.field.type)
        if ahead:
            self.atom("I", "length")
        self.flush()
        new = self.context.need("new")
        arm = self.locals("arm")
        start = len(self.lines)
        self.indent += 4
        self.line(f"{target} = {arm} = {new}({self.context.names.arm(union.name, something.label)})")
        self.take(something.field.type, f"{arm}.{held_name(union, something)}")
        self.indent -= 4
        error = self.context.need("bad_discriminant")
        self.branch = _Branch(
            f"{discriminant} == {something.single_case}",
            self.lines[start:],
            self.formats,
            self.items,
            self.afterwards,
            f"{discriminant} == {nothing.single_case}",
            f"{target} = {new}({self.context.names.arm(union.name, nothing.label)})",
            f'{error}("{self.context.names[union.name]}", {discriminant}, position - {8 if ahead else 4})',
            ahead,
        )
        del self.lines[start:]
        self.formats, self.items, self.afterwards = [], [], []

    def _end_branch(self) -> None:
        """Write an opened union. What comes next joins the run that its arm ends in, and stands in both branches."""
        branch, self.branch = self.branch, None
        assert branch is not None
        joined = bool(branch.items) or branch.ahead
        common = (self.formats, self.items, self.afterwards) if joined else ([], [], [])
        if joined:
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
        if branch.ahead:
            self.line(f"{common[1][0]} = length  # read ahead")
        else:
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

    def _length(self, maximum: int) -> None:
        """A length, compared with its maximum and with what is left; ``end`` is behind what it counts."""
        if not self.length_known:
            self.atom("I", "length")
            self.flush()
        self.length_known = False
        self.line("end = position + length")
        self._bound("length", maximum, "end > size")

    def _count(self, maximum: int, each: int) -> None:
        """A count of elements of at least ``each`` octets, compared in the same way."""
        self.atom("I", "count")
        self.flush()
        self._bound("count", maximum, f"count * {each} > size - position")

    def _bound(self, number: str, maximum: int, too_much: str) -> None:
        above = f"{number} > {maximum} or " if maximum < UNBOUNDED else ""
        self.line(f"if {above}{too_much}:")
        self.line(f"    raise {self.context.need('overrun')}(data, position - 4, {number}, {maximum})")

    def _padding(self) -> None:
        zeros = self.context.need("ZEROS")
        self.line("position = end")
        self.line("if length & 3:")
        self.line("    position += 4 - (length & 3)")
        self.line(f"    if wire[end:position] != {zeros}[length & 3]:")
        self.line(f"        raise {self.context.need('bad_padding')}(end)")

    def _array(self, array: Array, target: str) -> None:
        element = plain(array.element)
        count = str(array.size)
        if array.fixed:
            self.flush()
        else:
            count = "count"
            self._count(array.size, max(4, self.context.module.minimum_of(element)))
        if (letter := self.context.number_format(element)) is not None:
            form = f'">{count}{letter}"' if array.fixed else f'f">{{count}}{letter}"'
            numbers = f"{self.context.need('unpack_from')}({form}, data, position)"
            item = self.locals("item")
            checked = self.checked(element, item)
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


def tidied(lines: list[str]) -> list[str]:
    """Lines without the steps that undo each other: the position handed to the cursor and back between two calls."""
    result: list[str] = []
    for line in lines:
        statement = line.lstrip()
        space = line[: len(line) - len(statement)]
        before = result[-1].removeprefix(space) if result and result[-1].startswith(space) else ""
        if statement != "cursor.position = position":
            result.append(line)
        elif before == "position = cursor.position":
            result.pop()
        elif before == "position = cursor.position + 4":
            result[-1] = f"{space}cursor.position += 4"
        elif before.startswith("position += "):
            result[-1] = f"{space}cursor.position = position + {before.removeprefix('position += ')}"
        else:
            result.append(line)
    return result

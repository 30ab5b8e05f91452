"""The statements of ``_put``: fields onto the wire."""

from .errors import UNBOUNDED
from .model import (
    Array,
    Boolean,
    Chain,
    Field,
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
from .naming import field_name
from .straight import Body, condition, held_name, packed


class Put(Body):
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
                self._call(name, value)

    def _call(self, name: str, value: str) -> None:
        """Let a struct or union write itself, and nothing else: a stranger's octets would not be of our type."""
        kind, depth = self.context.names[name], self._depth(name)
        if isinstance(self.context.module.named[name], UnionDefinition):
            self.line(f"if not isinstance({value}, {kind}):")
            self.line("    raise TypeError")
            self.line(f"{value}._put(out{depth})")
        else:
            self.line(f"{kind}._put({value}, out{depth})")

    def put_node(self, fields: list[Field]) -> None:
        """Put the fields of the local ``node``.

        From the first union on that holds something or nothing there are two ways: one without calls, for when all
        such unions hold something, and one for the rest.
        """
        for index, each in enumerate(fields):
            if self.context.opened_union(each.type) is not None:
                self._fork(fields[index:])
                return
            self.put(each.type, f"node.{field_name(each.name)}")
        self.flush()

    def _fork(self, fields: list[Field]) -> None:
        names, conditions = {}, []
        for each in fields:
            if (arms := self.context.opened_union(each.type)) is not None:
                union, something, _ = arms
                names[each.name] = name = self.local(f"node.{field_name(each.name)}")
                conditions.append(f"type({name}) is {self.context.names.arm(union.name, something.label)}")
        self.lines += condition(self.indent, conditions)
        formats, items = list(self.formats), list(self.items)
        self.indent += 4
        for each in fields:
            if (arms := self.context.opened_union(each.type)) is not None:
                union, something, _ = arms
                self.atom(self.context.letter(union.discriminant.type), str(something.single_case))
                assert something.field is not None
                self.put(something.field.type, f"{names[each.name]}.{held_name(union, something)}")
            else:
                self.put(each.type, f"node.{field_name(each.name)}")
        self.flush()
        self.indent -= 4
        self.line("else:")
        self.indent += 4
        self.formats, self.items = formats, items
        for each in fields:
            self.put(each.type, names.get(each.name, f"node.{field_name(each.name)}"))
        self.flush()
        self.indent -= 4

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
                return f"{self.context.need('FLAGS')}[{value}]"
            case Named(name=name):
                return f"{self.context.numbers(name)}[{value}]"
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

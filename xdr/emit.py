"""From meaning to a Python module: the classes, their codecs, clients and services. Same input, same text."""

import re
from collections.abc import Sequence
from typing import Final

from .describe import codec_expression, kind_expression
from .model import (
    AliasDefinition,
    ArmDefinition,
    Boolean,
    ConstantDefinition,
    EnumDefinition,
    Field,
    Module,
    Named,
    ProgramDefinition,
    StructDefinition,
    Type,
    UnionDefinition,
    plain,
)
from .naming import Locals, Names, field_name, member_name
from .nodes import Place
from .programs import version_lines
from .put import Put
from .straight import Context, assigned, documented, held_name, wrapped
from .take import Take, tidied

# With more arms than this a union looks its arms up in a table.
_CHAIN_OF_IFS: Final = 4


def emit(module: Module, title: str) -> str:
    """The text of the generated module; ``title`` is the name of the file that it is made from."""
    return _Emitter(module).text(title)


class _Emitter:
    """Collects the lines of one module."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.names = Names(module)
        self.context = Context(module, self.names)
        self.lines: list[str] = []
        self.aliases: set[str] = set()
        self.enums = {name for name in module.named if ":" in name}

    def text(self, title: str) -> str:
        for definition in self.module.definitions:
            match definition:
                case ConstantDefinition(name=name, value=value):
                    self._constant(name, value)
                case AliasDefinition(name=name, type=kind):
                    self._alias(name, kind)
                case EnumDefinition() if definition.name not in self.enums:
                    self._enum(definition)
                case StructDefinition():
                    self._struct(definition)
                case UnionDefinition():
                    self._enum_of(definition)
                    self._union(definition)
        self._codecs()
        for definition in self.module.definitions:
            if isinstance(definition, ProgramDefinition):
                for version in definition.versions:
                    self._space(2)
                    self.lines += version_lines(self.context, definition, version)
        text = "\n".join([*self._header(title), *self.lines]) + "\n"
        return re.sub(r"\n{4,}", "\n\n\n", text)

    def _header(self, title: str) -> list[str]:
        names = sorted(self.context.imports | ({"Struct"} if self.context.forms else set()))
        imports = [f"{name} as _{name}" for name in names]
        lines = [f'"""Made from {title} by ``python -m xdr compile``; change that file, not this one."""', ""]
        lines += ["# ruff: noqa", "", "from __future__ import annotations", ""]
        text = "\n".join(self.lines)
        abstract = [name for name in ("Callable", "Sequence") if f"{name}[" in text]
        if abstract:
            lines.append(f"from collections.abc import {', '.join(abstract)}")
        if "@dataclass" in text:
            lines.append("from dataclasses import dataclass")
        if "(IntEnum)" in text:
            lines.append("from enum import IntEnum")
        typing = sorted(
            name
            for name in ("TYPE_CHECKING", "Any", "ClassVar", "Final", "Self", "TypeAlias")
            if re.search(rf"\b{name}\b", text)
        )
        lines.append(f"from typing import {', '.join(typing)}")
        lines += ["", "from xdr.runtime import (", *(f"    {each}," for each in imports), ")"]
        lines += self._imports(text)
        lines.append("")
        for name, formats in sorted(self.context.forms.items()):
            lines.append(f'{name} = _Struct(">{formats}")')
        return lines

    def _imports(self, text: str) -> list[str]:
        """The lines for what comes from other generated modules."""
        used = set(re.findall(r"\w+", text))
        found: dict[str, list[str]] = {}
        for local, (origin, name) in self.names.imported.items():
            for form in ("{}", "_{}_members", "_{}_numbers"):
                there, here = form.format(name), form.format(local)
                if here in used:
                    found.setdefault(origin, []).append(there if there == here else f"{there} as {here}")
        return [
            line
            for origin, names in sorted(found.items())
            for line in ("", f"from {origin} import (", *(f"    {name}," for name in sorted(names)), ")")
        ]

    # Definitions

    def _constant(self, name: str, value: int | str) -> None:
        kind = "int" if isinstance(value, int) else "str"
        literal = str(value) if isinstance(value, int) else _quoted(value)
        self._space(0)
        self.lines.append(f"{self.names[name]}: Final[{kind}] = {literal}")

    def _alias(self, name: str, kind: Type) -> None:
        self._space(0)
        self.lines.append(f'{self.names[name]}: TypeAlias = "{self.context.annotation(kind)}"')

    def _enum_of(self, union: UnionDefinition) -> None:
        """The arms name their cases, so an enum has to be there before them, wherever it stands in the file."""
        kind = plain(union.discriminant.type)
        if isinstance(kind, Named) and kind.name not in self.enums:
            enum = self.module.named[kind.name]
            assert isinstance(enum, EnumDefinition)
            self._enum(enum)

    def _enum(self, enum: EnumDefinition) -> None:
        self.enums.add(enum.name)
        self._space(2)
        name = self.names[enum.name]
        self.lines.append(f"class {name}(IntEnum):")
        self._doc(f"enum {enum.name}", enum.place)
        self.lines.append("")
        for member, value in enum.members.items():
            self.lines.append(f"    {member_name(member)} = {value}")
        self.lines += ["", ""]
        for member in enum.members:
            self.lines += assigned(f"{self.names[member]}: Final", f"{name}.{member_name(member)}")
        self.lines.append(f"{self.context.members(enum.name)}: Final = {self.context.need('members')}({name})")
        numbers = f"{{member: int(member) for member in {name}}}"
        self.lines += assigned(f"{self.context.numbers(enum.name)}: Final", numbers)

    def _struct(self, struct: StructDefinition) -> None:
        base = "Node" if struct.node else "Value"
        own = {field_name(each.name) for each in struct.fields}
        self._space(2)
        start = len(self.lines)
        self.lines.append("@dataclass(slots=True)")
        self.lines.append(f"class {self.names[struct.name]}({self.context.need(base)}):")
        self._doc(f"struct {struct.name}", struct.place)
        self._fields(struct.fields, own)
        if struct.node:
            self._put_chain(struct)
            self._take_chain(struct)
        else:
            self._put(struct.fields, struct.name)
            self._take(struct)
        self._unhide_signatures(start, own)

    def _unhide_signatures(self, start: int, own: set[str]) -> None:
        """Fields hide types of their name in the signatures of methods too."""
        for index in range(start, len(self.lines)):
            if self.lines[index].startswith("    def "):
                self.lines[index] = self._unhidden(self.lines[index], own & {"Sequence", "bool", "int", "list"})

    def _fields(self, fields: Sequence[Field], own: set[str]) -> None:
        if fields:
            self.lines.append("")
        for each in fields:
            self.lines.append(f"    {field_name(each.name)}: {self._annotation(each.type, own)}")

    def _annotation(self, kind: Type, own: set[str]) -> str:
        """The annotation of a field, where a field of the same name would hide the type."""
        return self._unhidden(self.context.annotation(kind), own)

    def _unhidden(self, text: str, own: set[str]) -> str:
        def unhidden(match: re.Match[str]) -> str:
            if match[0] not in own:
                return match[0]
            self.aliases.add(match[0])
            return f"_{match[0]}_type"

        return re.sub(r"\w+", unhidden, text)

    def _put_signature(self, name: str) -> None:
        depth = ", depth: int = 0" if name in self.module.group else ""
        self.lines += ["", f"    def _put(self, out: {self.context.need('Out')}{depth}) -> None:"]

    def _check_depth(self, name: str) -> None:
        if name in self.module.group:
            self.lines.append(f"        if depth >= {self.context.need('MAX_DEPTH')}:")
            self.lines.append(f"            raise {self.context.need('nested_too_deep')}()")

    def _put(self, fields: Sequence[Field], name: str) -> None:
        self._put_signature(name)
        self._check_depth(name)
        body = Put(self.context, self._locals(), self.module.group.get(name))
        for each in fields:
            body.put(each.type, f"self.{field_name(each.name)}")
        body.flush()
        self.lines += body.lines or ([] if name in self.module.group else ["        pass"])

    def _take(self, struct: StructDefinition) -> None:
        self.lines += ["", "    @classmethod"]
        self.lines.append(f"    def _take(cls, cursor: {self.context.need('Cursor')}) -> Self:")
        recursive = struct.name in self.module.group
        if recursive:
            self.lines.append("        cursor.descend()")
        locals = self._locals("value")
        body = Take(self.context, locals, self.module.group.get(struct.name))
        self.lines.append(f"        value = {self.context.need('new')}(cls)")
        for each in struct.fields:
            body.take(each.type, f"value.{field_name(each.name)}")
        body.flush()
        self._body(body)
        if recursive:
            self.lines.append("        cursor.depth -= 1")
        self.lines.append("        return value")

    def _body(self, body: Take, skipped: str = "") -> None:
        """A body between reading the cursor's position and writing it back."""
        space = " " * body.indent
        lines = [f"{space}position = cursor.position{skipped}", *body.lines, f"{space}cursor.position = position"]
        lines = tidied(lines)
        self._buffer(lines, body.indent)
        self.lines += lines

    def _buffer(self, lines: list[str], indent: int) -> None:
        """The locals for the buffer that some lines need."""
        text = "\n".join(lines)
        for name, value in (("data", "cursor.data"), ("wire", "cursor.wire"), ("size", "len(data)")):
            if re.search(rf"\b(?<!\.){name}\b", text) or (name == "data" and re.search(r"\bsize\b", text)):
                self.lines.append(f"{' ' * indent}{name} = {value}")

    def _put_chain(self, struct: StructDefinition) -> None:
        self.lines += ["", "    @classmethod"]
        out = self.context.need("Out")
        self.lines.append(f"    def _put_chain(cls, nodes: Sequence[Self], out: {out}, depth: int = 0) -> None:")
        self._check_depth(struct.name)
        body = Put(self.context, self._locals("node"), self.module.group.get(struct.name), 12)
        body.atom("I", "1")
        body.put_node(struct.fields)
        self.lines += ["        for node in nodes:", *body.lines, '        out.append(b"\\0\\0\\0\\0")']

    def _take_chain(self, struct: StructDefinition) -> None:
        recursive = struct.name in self.module.group
        self.lines += ["", "    @classmethod"]
        cursor = self.context.need("Cursor")
        self.lines.append(f"    def _take_chain(cls, cursor: {cursor}, bare: bool = False) -> list[Self]:")
        if recursive:
            self.lines.append("        cursor.descend()")
        first = self.context.form(["I"])
        body = Take(self.context, self._locals("node", "more"), self.module.group.get(struct.name), 12, True)
        body.line(f"node = {self.context.need('new')}(cls)")
        for each in struct.fields:
            body.take(each.type, f"node.{field_name(each.name)}", each is struct.fields[-1])
        body.atom("I", "more")
        body.flush()
        lines = tidied(body.lines)
        self._buffer([*lines, "data"], 8)
        self.lines += [
            "        position = cursor.position",
            "        nodes: list[Self] = []",
            "        more = 1",
            "        if not bare:",
            f"            (more,) = {first}.unpack_from(data, position)",
            "            position += 4",
            "        while more == 1:",
        ]
        self.lines += [*lines, "            nodes.append(node)", "        if more:"]
        self.lines.append(f"            raise {self.context.need('bad_boolean')}(more, position - 4)")
        self.lines.append("        cursor.position = position")
        if recursive:
            self.lines.append("        cursor.depth -= 1")
        self.lines.append("        return nodes")

    # Unions

    def _union(self, union: UnionDefinition) -> None:
        name = self.names[union.name]
        self._space(2)
        self.lines.append(f"class {name}({self.context.need('Value')}):")
        switch = f"switch ({self.context.annotation(union.discriminant.type)} {union.discriminant.name})"
        self._doc(f"union {union.name} {switch}", union.place)
        discriminant = field_name(union.discriminant.name)
        # Every arm has the discriminant, as a class attribute or as a field. The base must not: to dataclass it would
        # be the field's default.
        switched = self._annotation(union.discriminant.type, {discriminant})
        self.lines += ["", "    __slots__ = ()", "    if TYPE_CHECKING:", "", "        @property"]
        self.lines.append(f"        def {discriminant}(self) -> {switched}: ...")
        if union.name in self.module.group:
            self._put_signature(union.name)
            self.lines.append("        super()._put(out)")
        table = len(union.arms) > _CHAIN_OF_IFS
        self._take_union(union, table)
        for arm in union.arms:
            self._arm(union, arm, table)
        if table:
            self._table(union)

    def _take_union(self, union: UnionDefinition, table: bool) -> None:
        name = self.names[union.name]
        letter = self.context.number_format(union.discriminant.type)
        assert letter is not None
        locals = self._locals()
        discriminant = locals(field_name(union.discriminant.name))
        self.lines += ["", "    @classmethod"]
        self.lines.append(f"    def _take(cls, cursor: {self.context.need('Cursor')}) -> {name}:")
        recursive = union.name in self.module.group
        if recursive:
            self.lines.append("        cursor.descend()")
        form = self.context.form([letter])
        self.lines.append(f"        ({discriminant},) = {form}.unpack_from(cursor.data, cursor.position)")
        if table:
            self._take_by_table(union, discriminant)
            return
        has_default = False
        for arm in sorted(union.arms, key=lambda arm: arm.cases is None):
            indent = 12
            if arm.cases is None:
                indent = 8
                has_default = True
            elif len(arm.cases) == 1:
                self.lines.append(f"        if {discriminant} == {arm.cases[0]}:")
            else:
                self.lines.append(f"        if {discriminant} in {arm.cases}:")
            self._take_arm_body(union, arm, discriminant, locals, indent)
        if not has_default:
            self._no_arm(union, discriminant)

    def _no_arm(self, union: UnionDefinition, discriminant: str) -> None:
        error = self.context.need("bad_discriminant")
        self.lines.append(f'        raise {error}("{union.name}", {discriminant}, cursor.position)')

    def _take_arm_body(
        self, union: UnionDefinition, arm: ArmDefinition, discriminant: str, locals: Locals, indent: int
    ) -> None:
        """Read what is behind the discriminant, and return it."""
        space = " " * indent
        kind = self.names.arm(union.name, arm.label)
        value = locals("arm")
        body = Take(self.context, locals, self.module.group.get(union.name), indent)
        self.lines.append(f"{space}{value} = {self.context.need('new')}({kind})")
        if arm.has_discriminant:
            checked = body.checked(plain(union.discriminant.type), discriminant)
            self.lines.append(f"{space}{value}.{field_name(union.discriminant.name)} = {checked}")
        if arm.field:
            body.take(arm.field.type, f"{value}.{held_name(union, arm)}")
        body.flush()
        self._body(body, " + 4")
        if union.name in self.module.group:
            self.lines.append(f"{space}cursor.depth -= 1")
        self.lines.append(f"{space}return {value}")

    def _take_by_table(self, union: UnionDefinition, discriminant: str) -> None:
        name = self.names[union.name]
        default = next((arm for arm in union.arms if arm.cases is None), None)
        if default is None:
            self.lines.append(f"        take = _{name}_arms.get({discriminant})")
            self.lines.append("        if take is None:")
            error = self.context.need("bad_discriminant")
            self.lines.append(f'            raise {error}("{union.name}", {discriminant}, cursor.position)')
        else:
            kind = self.names.arm(union.name, default.label)
            self.lines.append(f"        take = _{name}_arms.get({discriminant}, {kind}._take_arm)")
        self.lines.append(f"        return take(cursor, {discriminant})")

    def _table(self, union: UnionDefinition) -> None:
        name = self.names[union.name]
        self._space(2)
        cursor = self.context.need("Cursor")
        self.lines.append(f"_{name}_arms: Final[dict[int, Callable[[{cursor}, Any], {name}]]] = {{")
        for arm in union.arms:
            for case in arm.cases or ():
                self.lines.append(f"    {case}: {self.names.arm(union.name, arm.label)}._take_arm,")
        self.lines.append("}")

    def _arm(self, union: UnionDefinition, arm: ArmDefinition, table: bool) -> None:
        name = self.names.arm(union.name, arm.label)
        switch = field_name(union.discriminant.name)
        held = held_name(union, arm)
        own = {switch, held} if arm.field else {switch}
        self._space(2)
        start = len(self.lines)
        self.lines += ["@dataclass(slots=True)", f"class {name}({self.names[union.name]}):"]
        cases = "default" if arm.cases is None else ", ".join(f"case {case}" for case in arm.cases)
        self._doc(f"{cases} of union {union.name}", arm.place)
        self.lines.append("")
        annotation = self._annotation(union.discriminant.type, own)
        if arm.has_discriminant:
            self.lines.append(f"    {switch}: {annotation}")
        else:
            literal = self._literal(union.discriminant.type, (arm.cases or (0,))[0])
            self.lines.append(f"    {switch}: ClassVar[{annotation}] = {literal}")
        if arm.field:
            self.lines.append(f"    {held}: {self._annotation(arm.field.type, own)}")
        self._put_arm(union, arm)
        if table:
            self.lines += ["", "    @classmethod"]
            locals = self._locals()
            discriminant = locals(switch)
            cursor = self.context.need("Cursor")
            self.lines.append(f"    def _take_arm(cls, cursor: {cursor}, {discriminant}: Any) -> {name}:")
            self._take_arm_body(union, arm, discriminant, locals, 8)
        self._unhide_signatures(start, own)

    def _put_arm(self, union: UnionDefinition, arm: ArmDefinition) -> None:
        self._put_signature(union.name)
        self._check_depth(union.name)
        body = Put(self.context, self._locals(), self.module.group.get(union.name))
        letter = self.context.number_format(union.discriminant.type)
        assert letter is not None
        if arm.has_discriminant:
            switch = f"self.{field_name(union.discriminant.name)}"
            explicit = arm.cases or tuple(case for each in union.arms for case in each.cases or ())
            if explicit:
                word = "in" if arm.cases is None else "not in"
                cases = f"{{{', '.join(map(str, explicit))}}}"
                body.line(f"if {switch} {word} {cases}:")
                error = self.context.need("not_a_case")
                body.line(f'    raise {error}({switch}, "{self.names.arm(union.name, arm.label)}")')
            body.atom(letter, body.number(plain(union.discriminant.type), switch))
        else:
            body.atom(letter, str((arm.cases or (0,))[0]))
        if arm.field:
            body.put(arm.field.type, f"self.{held_name(union, arm)}")
        body.flush()
        self.lines += body.lines

    def _literal(self, kind: Type, value: int) -> str:
        kind = plain(kind)
        if isinstance(kind, Boolean):
            return str(bool(value))
        if isinstance(kind, Named):
            enum = self.module.named[kind.name]
            assert isinstance(enum, EnumDefinition)
            member = next(name for name, number in enum.members.items() if number == value)
            return f"{self.names[enum.name]}.{member_name(member)}"
        return str(value)

    # Codecs and programs

    def _codecs(self) -> None:
        self._space(2)
        for name in sorted(self.aliases):
            self.lines.append(f'_{name}_type: TypeAlias = "{name}"')
        if self.aliases:
            self.lines.append("")
        codec = self.context.need("Codec")
        self.lines.append(f"CODECS: Final[dict[str, {codec}[Any]]] = {{")
        # A typedef's codec may need those of structs further down.
        for definition in sorted(self.module.definitions, key=lambda each: isinstance(each, AliasDefinition)):
            match definition:
                case AliasDefinition(name=name, type=kind):
                    self.lines.append(f'    "{name}": {codec_expression(self.context, kind, name)},')
                case EnumDefinition(name=name):
                    self.lines.append(f'    "{name}": {self.context.need("codec")}({self.names[name]}),')
                case StructDefinition():
                    self._struct_codec(definition)
                case UnionDefinition():
                    self._union_codec(definition)
        if self.lines[-1].endswith("= {"):
            self.lines[-1] += "}"
        else:
            self.lines.append("}")

    def _struct_codec(self, struct: StructDefinition) -> None:
        name = self.names[struct.name]
        fields = self._described(struct.fields)
        made = [name, *fields]
        if struct.node:
            self.lines += wrapped(4, f'"{struct.name}": {self.context.need("node")}(', made, "),")
        else:
            self.lines += wrapped(4, f'"{struct.name}": {self.context.need("struct")}(', made, "),")

    def _described(self, fields: Sequence[Field]) -> list[str]:
        return [f'("{field_name(each.name)}", {kind_expression(self.context, each.type)})' for each in fields]

    def _union_codec(self, union: UnionDefinition) -> None:
        self.lines.append(f'    "{union.name}": {self.context.need("union")}(')
        self.lines.append(f"        {self.names[union.name]},")
        self.lines.append(f'        "{field_name(union.discriminant.name)}",')
        self.lines.append(f"        {kind_expression(self.context, union.discriminant.type)},")
        for arm in union.arms:
            items = [self.names.arm(union.name, arm.label), str(arm.cases)]
            if arm.field:
                items.append(f'("{held_name(union, arm)}", {kind_expression(self.context, arm.field.type)})')
            self.lines += wrapped(8, f"{self.context.need('arm')}(", items, "),")
        self.lines.append("    ),")

    # Small things

    def _locals(self, *taken: str) -> Locals:
        return Locals(self.names, *taken)

    def _doc(self, text: str, place: Place) -> None:
        self.lines.append(documented(text, place))

    def _space(self, blank: int) -> None:
        """Blank lines before what comes: two round classes, none between constants."""
        after_block = bool(self.lines) and self.lines[-1].startswith((" ", "}")) and blank < 2
        self.lines += [""] * (2 if after_block and blank == 0 else blank)
        if not self.lines:
            self.lines.append("")


def _quoted(text: str) -> str:
    """A string literal, in ASCII whatever the file held."""
    return '"' + ascii(text)[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'

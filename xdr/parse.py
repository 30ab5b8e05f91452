"""From text to tree. The grammar is grammar.lark; here its trees become nodes, and its errors sentences."""

import re
from functools import cache
from importlib.resources import files
from typing import Any, Final, TypeVar, cast

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import UnexpectedCharacters, VisitError
from lark.tree import Meta

from .nodes import (
    Arm,
    Builtin,
    Constant,
    Declaration,
    Definition,
    Enumeration,
    Enumerator,
    Name,
    Number,
    Place,
    Procedure,
    Program,
    Reference,
    Specification,
    Structure,
    Typedef,
    TypeNode,
    Union,
    Value,
    Version,
)
from .source import CompileError, Diagnostic, Source

T = TypeVar("T")

MAX_ERRORS: Final = 20

# A type can begin with any of these; naming them all helps nobody.
_TYPE_STARTS: Final = frozenset(
    [
        "VOID",
        "OPAQUE",
        "STRING_TYPE",
        "BOOL",
        "FLOAT",
        "DOUBLE",
        "QUADRUPLE",
        "UNSIGNED",
        "INT",
        "HYPER",
        "CHAR",
        "SHORT",
        "LONG",
        "STRUCT",
        "ENUM",
        "UNION",
    ]
)
_DEFINITION_STARTS: Final = frozenset(["CONST", "TYPEDEF", "ENUM", "STRUCT", "UNION", "PROGRAM"])
# Names that RFC 4506 (6.2) keeps for itself. The rest of the grammar's words may be names where they fit.
_RESERVED: Final = frozenset(
    [
        "bool",
        "case",
        "const",
        "default",
        "double",
        "quadruple",
        "enum",
        "float",
        "hyper",
        "int",
        "opaque",
        "string",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
    ]
)
_SPOKEN: Final = {"NAME": "a name", "NUMBER": "a number", "STRING": "a string", "$END": "the end of the file"}
_DEFINITION: Final = re.compile(r"^(?:const|typedef|enum|struct|union|program|namespace)\b", re.MULTILINE)


def parse(source: Source) -> Specification:
    """The tree of a source. Raises ``CompileError`` with all syntax errors that can be told apart."""
    text = source.text
    diagnostics: list[Diagnostic] = []
    while True:
        try:
            tree = _grammar().parse(text)
        except UnexpectedInput as error:
            diagnostics.append(_diagnostic(source, text, error))
            rest = _next_definition(text, error)
            if rest is None or len(diagnostics) >= MAX_ERRORS:
                raise CompileError(diagnostics) from None
            text = rest
            continue
        if diagnostics:
            raise CompileError(diagnostics)
        try:
            return cast(Specification, _Nodes(source).transform(tree))
        except VisitError as error:
            raise error.orig_exc from None


@cache
def _grammar() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def _next_definition(text: str, error: UnexpectedInput) -> str | None:
    """The text with everything up to the next definition after an error blanked, None if there is none.

    A definition begins with its keyword in the first column; good enough to go on looking for errors.
    """
    offset: int | None = getattr(error, "pos_in_stream", None)
    if offset is None or offset < 0 or (found := _DEFINITION.search(text, offset + 1)) is None:
        return None
    return re.sub(r"[^\n\t]", " ", text[: found.start()]) + text[found.start() :]


def _diagnostic(source: Source, text: str, error: UnexpectedInput) -> Diagnostic:
    line, column = error.line, error.column
    if isinstance(error, UnexpectedToken):
        # What the parser can really go on with; error.expected is merged over its states.
        expected, token = error.accepts or error.expected, error.token
        if token.type == "$END":
            shown, line, column = "the end of the file", text.count("\n") + 1, 1
        else:
            shown = f"'{token}'"
    else:
        assert isinstance(error, UnexpectedCharacters)
        expected, shown = error.allowed, f"'{error.char}'"
    return source.diagnostic(f"expected {_spoken(set(expected))}, found {shown}", source.place(line, column))


def _spoken(expected: set[str]) -> str:
    """The terminals that would have been right, in words."""
    words = []
    if expected >= _TYPE_STARTS:
        words.append("a type")
        expected = expected - _TYPE_STARTS - {"NAME"}
    elif expected >= _DEFINITION_STARTS:
        words.append("a definition (const, typedef, enum, struct, union or program)")
        expected = expected - _DEFINITION_STARTS - {"NAMESPACE", "PRAGMA", "$END"}
    patterns = {terminal.name: terminal.pattern.value for terminal in _grammar().terminals}
    words += sorted(_SPOKEN.get(name) or f"'{patterns.get(name, name)}'" for name in expected - {"WS"})
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words) or "something else"


class _Nodes(Transformer[Token, Any]):
    """Turns lark's trees into nodes, bottom up. Each method is named after its rule in the grammar."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def start(self, children: list[Any]) -> Specification:
        specification = Specification()
        for child in _flat(children):
            if isinstance(child, tuple):
                specification.pragmas.append(child)
            else:
                specification.definitions.append(child)
        return specification

    def namespace(self, children: list[Any]) -> list[Definition]:
        return [child for child in _flat(children) if not isinstance(child, Name)]

    def pragma(self, children: list[Any]) -> tuple[Name, ...]:
        return tuple(child for child in children if child is not None)

    def NAME(self, token: Token) -> Name:
        if str(token) in _RESERVED:
            problem = f"expected a name, found '{token}'"
            raise CompileError([self._source.diagnostic(problem, self._place(token))])
        return Name(str(token), self._place(token))

    def NUMBER(self, token: Token) -> Number:
        try:
            return Number(number(str(token)), self._place(token))
        except ValueError:
            problem = f"expected an octal number after a leading 0, found '{token}'"
            raise CompileError([self._source.diagnostic(problem, self._place(token))]) from None

    def STRING(self, token: Token) -> str:
        return re.sub(r"\\(.)", r"\1", token[1:-1])

    def constant(self, children: list[Any]) -> Constant:
        return Constant(*children)

    def typedef(self, children: list[Any]) -> Typedef:
        return Typedef(*children)

    def enumerator(self, children: list[Any]) -> Enumerator:
        return Enumerator(children[0], children[1] if len(children) > 1 else None)

    def enum_body(self, children: list[Enumerator]) -> tuple[Enumerator, ...]:
        return tuple(children)

    def struct_body(self, children: list[Declaration]) -> tuple[Declaration, ...]:
        return tuple(children)

    def union_body(self, children: list[Any]) -> tuple[Declaration, tuple[Arm, ...]]:
        return children[0], tuple(children[1:])

    @v_args(meta=True)
    def arm(self, meta: Meta, children: list[Any]) -> Arm:
        *labels, declaration = children
        cases = tuple(label for label in labels if label is not None)
        return Arm(cases, len(cases) < len(labels), declaration, self._meta(meta))

    def case(self, children: list[Value]) -> Value:
        return children[0]

    def default(self, children: list[Any]) -> None:
        return None

    @v_args(meta=True)
    def enumeration(self, meta: Meta, children: list[Any]) -> Enumeration:
        name, body = children if len(children) == 2 else (None, children[0])
        return Enumeration(name, body, self._meta(meta))

    anonymous_enum = enumeration

    @v_args(meta=True)
    def structure(self, meta: Meta, children: list[Any]) -> Structure:
        name, body = children if len(children) == 2 else (None, children[0])
        return Structure(name, body, self._meta(meta))

    anonymous_struct = structure

    @v_args(meta=True)
    def union(self, meta: Meta, children: list[Any]) -> Union:
        name, (discriminant, arms) = children if len(children) == 2 else (None, children[0])
        return Union(name, discriminant, arms, self._meta(meta))

    anonymous_union = union

    @v_args(meta=True)
    def declaration(self, meta: Meta, children: list[Any]) -> Declaration:
        kind, pointer, name, suffix = children
        shape, size = ("*", None) if pointer else ("", None)
        if suffix is not None:
            if pointer:
                problem = "expected a plain type before a size (there are no arrays of pointers)"
                raise CompileError([self._source.diagnostic(problem, self._meta(meta))])
            shape, size = suffix
        return Declaration(kind, shape, size, name, self._meta(meta))

    def fixed(self, children: list[Any]) -> tuple[str, Value]:
        return "[]", children[0]

    def variable(self, children: list[Any]) -> tuple[str, Value | None]:
        return "<>", children[0] if children else None

    @v_args(meta=True)
    def builtin(self, meta: Meta, children: list[Token]) -> Builtin:
        return Builtin(" ".join(children), self._meta(meta))

    def reference(self, children: list[Name]) -> TypeNode:
        return Reference(children[0], None)

    def tagged(self, children: list[Any]) -> TypeNode:
        return Reference(children[1], str(children[0]))

    def program(self, children: list[Any]) -> Program:
        return Program(children[0], tuple(children[1:-1]), children[-1])

    def version(self, children: list[Any]) -> Version:
        return Version(children[0], tuple(children[1:-1]), children[-1])

    def procedure(self, children: list[Any]) -> Procedure:
        return Procedure(children[0], tuple(children[1:-1]), children[-1])

    def _place(self, token: Token) -> Place:
        return self._source.place(token.line or 1, token.column or 1)

    def _meta(self, meta: Meta) -> Place:
        return self._source.place(getattr(meta, "line", 1), getattr(meta, "column", 1))


def number(text: str) -> int:
    """The value of a number as C reads it: decimal, 0x, or octal after a leading 0."""
    digits = text.lower().replace("-", "").strip().rstrip("ul")
    if digits.startswith("0x"):
        value = int(digits, 16)
    elif digits.startswith("0") and len(digits) > 1:
        value = int(digits, 8)
    else:
        value = int(digits)
    return -value if text.startswith("-") else value


def _flat(children: list[Any]) -> list[Any]:
    """Namespaces come as lists inside lists."""
    return [each for child in children for each in (child if isinstance(child, list) else [child])]

"""The text of ``.x`` files: comments, ``%`` lines and preprocessor lines taken out, every place remembered.

Lines keep their length (what goes is replaced by blanks), so that a column found later is a column in the file. What
the C preprocessor does beyond this subset is refused, not guessed: macros with arguments, expressions with more than
``defined``, numbers, comparisons and logic.
"""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .errors import XdrError
from .nodes import Place

MAX_INCLUDE_DEPTH: Final = 32
MAX_EXPANSION: Final = 4096

# Block comment, unfinished block comment, line comment, string, and a line that rpcgen would pass to C.
_NOISE: Final = re.compile(r'/\*.*?\*/|/\*|//[^\n]*|"(?:[^"\\\n]|\\.)*"|^[ \t]*%[^\n]*', re.DOTALL | re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"[ \t]*#[ \t]*(\w*)[ \t]*(.*)")
_WORD: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|\b[A-Za-z_]\w*")
_DEFINED: Final = re.compile(r"\bdefined\s*(?:\(\s*(\w+)\s*\)|(\w+))")
_OPERATORS: Final = (("&&", " and "), ("||", " or "), ("!=", "\0"), ("!", " not "), ("\0", "!="))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong, with its place and the line it stands in."""

    problem: str
    place: Place
    line: str

    def __str__(self) -> str:
        indent = "".join(c if c == "\t" else " " for c in self.line[: self.place.column - 1])
        return f"{self.place}: {self.problem}\n    {self.line}\n    {indent}^"


class CompileError(XdrError):
    """A ``.x`` file is wrong. ``diagnostics`` has one entry or more, in the order of the file."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        super().__init__("\n".join(map(str, diagnostics)))
        self.diagnostics = diagnostics


@dataclass(slots=True)
class Source:
    """Clean text, and where each of its lines came from."""

    files: dict[str, list[str]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    origins: list[tuple[str, int]] = field(default_factory=list)
    passed_through: list[Place] = field(default_factory=list)
    """The ``%`` lines, which rpcgen copies into C."""

    @property
    def text(self) -> str:
        """What is to be parsed."""
        return "\n".join(self.lines) + "\n"

    def place(self, line: int, column: int) -> Place:
        """The place in the files of a line and column of ``text``."""
        if not self.origins:
            return Place(next(iter(self.files), "?"), 1, 1)
        if line > len(self.origins):
            file, number = self.origins[-1]
            return Place(file, number, len(self.files[file][number - 1]) + 1)
        file, number = self.origins[line - 1]
        # Macros may have made the line longer than it is in the file.
        return Place(file, number, min(column, len(self.files[file][number - 1]) + 1))

    def diagnostic(self, problem: str, place: Place) -> Diagnostic:
        """A diagnostic that shows the line."""
        lines = self.files.get(place.file, [])
        return Diagnostic(problem, place, lines[place.line - 1] if 0 < place.line <= len(lines) else "")


def read_source(
    path: Path, include: tuple[Path, ...] = (), defines: dict[str, str] | None = None, before: tuple[Path, ...] = ()
) -> Source:
    """Read a file and what it includes, and other files ``before`` it, to be compiled together with it.

    Raises ``CompileError``, or ``OSError`` if a file cannot be read.
    """
    reader = _Reader(include, dict(defines or {}))
    for each in (*before, path):
        reader.read(each, None)
    return reader.source


def source_from_text(text: str, file: str = "<text>") -> Source:
    """The same for text at hand. Raises ``CompileError``."""
    reader = _Reader((), {})
    reader.scan(file, text, Path())
    return reader.source


@dataclass(slots=True)
class _Branch:
    """One ``#if``: where it began, whether this branch is on, whether one has been, and whether ``#else`` came."""

    place: Place
    on: bool
    taken: bool
    seen_else: bool = False


class _Reader:
    """Walks lines, and keeps the state of conditions and macros."""

    def __init__(self, include: tuple[Path, ...], macros: dict[str, str]) -> None:
        self.source = Source()
        self.include = include
        self.macros = macros
        self.depth = 0
        self.branches: list[_Branch] = []
        self.at = Place("", 1, 1)

    def read(self, path: Path, at: Place | None) -> None:
        try:
            text = path.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            if at is None:
                raise
            raise self._wrong(f"cannot read {path}: {error.strerror}", at) from None
        self.scan(str(path), text, path.parent)

    def scan(self, file: str, text: str, folder: Path) -> None:
        """Clean one file, line by line."""
        text = text.replace("\r\n", "\n").replace("\f", " ")
        self.source.files.setdefault(file, text.split("\n"))
        outer = len(self.branches)
        clean = self._without_noise(file, text).split("\n")
        number = 0
        while number < len(clean):
            number += 1
            line = clean[number - 1]
            self.at = Place(file, number, 1)
            if (directive := _DIRECTIVE.match(line)) is None or line.lstrip().startswith("#["):
                on = all(branch.on for branch in self.branches)
                self._keep(self._expanded(line) if on else "", file, number)
                continue
            self._keep("", file, number)
            place = Place(file, number, line.index("#") + 1)
            rest = directive[2]
            while rest.endswith("\\") and number < len(clean):
                rest = rest[:-1] + " " + clean[number]
                number += 1
                self._keep("", file, number)
            self._direct(directive[1], rest.strip(), place, folder)
        if len(self.branches) > outer:
            raise self._wrong("expected an #endif for this condition", self.branches[-1].place)

    def _without_noise(self, file: str, text: str) -> str:
        def blank(match: re.Match[str]) -> str:
            found = match[0]
            if found[0] == '"':
                return found
            if found == "/*":
                raise self._wrong("expected */ to end this comment", self._place(file, text, match.start()))
            if found.lstrip()[0] == "%":
                self.source.passed_through.append(self._place(file, text, match.start()))
            return re.sub(r"[^\n\t]", " ", found)

        return _NOISE.sub(blank, text)

    @staticmethod
    def _place(file: str, text: str, offset: int) -> Place:
        return Place(file, text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))

    def _keep(self, line: str, file: str, number: int) -> None:
        self.source.lines.append(line)
        self.source.origins.append((file, number))

    def _expanded(self, line: str, hidden: frozenset[str] = frozenset()) -> str:
        """Replace macros; one is not expanded within itself."""
        if not self.macros:
            return line

        def expand(match: re.Match[str]) -> str:
            name = match[0]
            if name in hidden or name not in self.macros:
                return name
            body = self._expanded(self.macros[name], hidden | {name})
            if len(body) > MAX_EXPANSION:
                raise self._wrong(f"macro {name} grows longer than {MAX_EXPANSION} characters", self.at)
            number = _evaluate(body)
            return body if number is None else str(number)

        return _WORD.sub(expand, line)

    def _direct(self, directive: str, rest: str, place: Place, folder: Path) -> None:
        """Obey one preprocessor line."""
        on = all(branch.on for branch in self.branches)
        match directive:
            case "if" | "ifdef" | "ifndef":
                truth = on and self._condition(directive, rest, place)
                self.branches.append(_Branch(place, truth, truth or not on))
            case "elif" | "else" | "endif":
                if not self.branches:
                    raise self._wrong(f"#{directive} without #if", place)
                self._turn(self.branches[-1], directive, rest, place)
            case _ if not on:
                pass
            case "include":
                self._include(rest, place, folder)
            case "define":
                self._define(rest, place)
            case "undef":
                self.macros.pop(rest, None)
            case "error":
                raise self._wrong(f"#error {rest}", place)
            case "pragma" | "line" | "ident" | "":
                pass
            case _:
                raise self._wrong(f"expected a preprocessor line, not #{directive}", place)

    def _turn(self, branch: _Branch, directive: str, rest: str, place: Place) -> None:
        if directive == "endif":
            self.branches.pop()
            return
        if branch.seen_else:
            raise self._wrong(f"#{directive} after #else", place)
        branch.seen_else = directive == "else"
        branch.on = not branch.taken and (directive == "else" or self._condition("if", rest, place))
        branch.taken = branch.taken or branch.on

    def _condition(self, directive: str, rest: str, place: Place) -> bool:
        if directive != "if":
            if not (words := rest.split()):
                raise self._wrong(f"expected a name after #{directive}", place)
            return (words[0] in self.macros) is (directive == "ifdef")
        text = _DEFINED.sub(lambda match: str(int((match[1] or match[2]) in self.macros)), rest)
        # What is no macro counts as 0 (C17, 6.10.1).
        number = _evaluate(_WORD.sub("0", self._expanded(text)))
        if number is None:
            raise self._wrong("expected a condition of numbers, names and defined()", place)
        return number != 0

    def _define(self, rest: str, place: Place) -> None:
        match = re.match(r"([A-Za-z_]\w*)(\()?\s*(.*)", rest)
        if match is None or match[2]:
            raise self._wrong("expected a macro without arguments", place)
        self.macros[match[1]] = match[3]

    def _include(self, rest: str, place: Place, folder: Path) -> None:
        match = re.fullmatch(r'"([^"]+)"|<([^>]+)>', rest)
        if match is None:
            raise self._wrong('expected "FILE" or <FILE>', place)
        if self.depth >= MAX_INCLUDE_DEPTH:
            raise self._wrong(f"files include each other more than {MAX_INCLUDE_DEPTH} deep", place)
        folders = ((folder,) if match[1] else ()) + self.include
        for candidate in (each / (match[1] or match[2]) for each in folders):
            if candidate.is_file():
                self.depth += 1
                self.read(candidate, place)
                self.depth -= 1
                return
        looked = ", ".join(map(str, folders)) or "nowhere"
        raise self._wrong(f"cannot find {match[1] or match[2]} (looked in {looked})", place)

    def _wrong(self, problem: str, place: Place) -> CompileError:
        return CompileError([self.source.diagnostic(problem, place)])


def _evaluate(text: str) -> int | None:
    """The number that a constant expression means, None if it is none."""
    for mark, replacement in _OPERATORS:
        text = text.replace(mark, replacement)
    text = re.sub(r"\b(0[xX][0-9A-Fa-f]+|\d+)[uUlL]+\b", r"\1", text)
    text = re.sub(r"\b0+([0-7]+)\b", r"0o\1", text)
    try:
        return _fold(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, ZeroDivisionError, MemoryError):
        return None


def _fold(node: ast.expr) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return int(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_fold(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return int(not _fold(operand))
        case ast.BoolOp(op=logic, values=values):
            numbers = [_fold(value) for value in values]
            return int(all(numbers) if isinstance(logic, ast.And) else any(numbers))
        case ast.BinOp(left=left, op=how, right=right) if type(how) in _ARITHMETIC:
            return _ARITHMETIC[type(how)](_fold(left), _fold(right))
        case ast.Compare(left=left, ops=[how], comparators=[right]) if type(how) in _COMPARISONS:
            return int(_COMPARISONS[type(how)](_fold(left), _fold(right)))
    raise ValueError("not a constant expression")


def _shifted(number: int, places: int) -> int:
    if not 0 <= places < 64:
        raise ValueError("shifted too far")
    return number << places


_ARITHMETIC: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.LShift: _shifted,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[int, int], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

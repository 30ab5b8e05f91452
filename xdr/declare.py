"""The names of a file, entered before anything is resolved, so that its order does not matter."""

from . import nodes
from .imported import Imported
from .source import Diagnostic, Source


class Declarations:
    """The names of a file, what numbers stand behind them, and what has been found wrong so far."""

    def __init__(self, source: Source, imports: list[Imported]) -> None:
        self.source = source
        self.imports = imports
        self.diagnostics: list[Diagnostic] = []
        # A number, or a name to be looked up, and what to add to it.
        self.values: dict[str, tuple[nodes.Value | int, int]] = {"TRUE": (1, 0), "FALSE": (0, 0)}
        self.strings: set[str] = set()
        self.typedefs: dict[str, nodes.Declaration] = {}
        self.tagged: set[str] = set()
        self.places: dict[str, nodes.Place] = {}
        self.ahead: dict[str, nodes.Enumeration] = {}

    def declare(self, definitions: list[nodes.Definition]) -> None:
        """Enter the names of everything, so that the order of a file does not matter."""
        for definition in definitions:
            match definition:
                case nodes.Constant(name=name, value=value):
                    self._declare_constant(name, value)
                case nodes.Typedef(declaration=declaration):
                    self._declare_typedef(declaration)
                case nodes.Program():
                    self._declare_name(definition.name)
                case _:
                    self._declare_type(definition)
        for definition in definitions:
            if isinstance(definition, nodes.Program):
                self._declare_numbers(definition)

    def _declare_numbers(self, program: nodes.Program) -> None:
        """Names of programs, versions and procedures are numbers too, as rpcgen has it; anything else comes first."""
        self.values.setdefault(program.name.text, (program.number, 0))
        for version in program.versions:
            self.values.setdefault(version.name.text, (version.number, 0))
            for procedure in version.procedures:
                if procedure.name is not None:
                    self.values.setdefault(procedure.name.text, (procedure.number, 0))

    def _declare_constant(self, name: nodes.Name, value: nodes.Value | str) -> None:
        if isinstance(value, str):
            self._declare_name(name)
            self.strings.add(name.text)
            return
        known, _ = self.values.get(name.text, (None, 0))
        # Saying the same thing twice is harmless, and happens when files are put together.
        if isinstance(known, nodes.Number) and isinstance(value, nodes.Number) and known.value == value.value:
            return
        self._declare_name(name)
        self.values.setdefault(name.text, (value, 0))

    def _declare_typedef(self, declaration: nodes.Declaration) -> None:
        if declaration.name is None:
            self.wrong("expected a name for this type", declaration.place)
            return
        node = declaration.type
        if isinstance(node, nodes.Enumeration | nodes.Structure | nodes.Union):
            self._declare_type(node, declaration.name if node.name is None and declaration.shape == "" else None)
            if node.name is None and declaration.shape == "":
                return
        # "typedef struct foo foo;" says nothing that is not known.
        if isinstance(node, nodes.Reference) and node.name.text == declaration.name.text and declaration.shape == "":
            return
        self._declare_name(declaration.name)
        self.typedefs.setdefault(declaration.name.text, declaration)

    def _declare_type(
        self, node: nodes.Enumeration | nodes.Structure | nodes.Union, name: nodes.Name | None = None
    ) -> None:
        """Declare a type with its enumerators and whatever is named inside it."""
        if found := name or node.name:
            self._declare_name(found)
            self.tagged.add(found.text)
        match node:
            case nodes.Enumeration(members=members):
                self._declare_members(members)
                if found:
                    self.ahead.setdefault(found.text, node)
            case nodes.Structure(fields=fields):
                self._declare_inside(fields)
            case nodes.Union(discriminant=discriminant, arms=arms):
                self._declare_inside((discriminant, *(arm.declaration for arm in arms)))

    def _declare_members(self, members: tuple[nodes.Enumerator, ...]) -> None:
        base: nodes.Value | int = 0
        start = 0
        for offset, member in enumerate(members):
            if member.value is not None:
                base, start = member.value, offset
            self._declare_name(member.name)
            self.values[member.name.text] = (base, offset - start)

    def _declare_inside(self, declarations: tuple[nodes.Declaration, ...]) -> None:
        for declaration in declarations:
            if isinstance(declaration.type, nodes.Enumeration | nodes.Structure | nodes.Union):
                self._declare_type(declaration.type)

    def _declare_name(self, name: nodes.Name) -> None:
        if known := self.places.get(name.text):
            self.wrong(f"{name.text} is already defined at {known}", name.place)
        else:
            self.places[name.text] = name.place

    def value(self, value: nodes.Value) -> int:
        """The number that is written, or that a name stands for."""
        return value.value if isinstance(value, nodes.Number) else self.constant(value)

    def constant(self, name: nodes.Name) -> int:
        """The number that a name stands for."""
        known: dict[str, None] = {}
        total = 0
        at: nodes.Value | int = name
        while isinstance(at, nodes.Name):
            if at.text in known:
                self.wrong(f"{name.text} is made of itself", name.place)
                return 0
            if at.text not in self.values:
                for module in self.imports:
                    if (number := module.number(at.text)) is not None:
                        return total + number
                what = "is a string, not a number" if at.text in self.strings else "is not defined"
                self.wrong(f"expected a number: {at.text} {what}", at.place)
                return 0
            known[at.text] = None
            at, offset = self.values[at.text]
            total += offset
        return total + (at if isinstance(at, int) else at.value)

    def wrong(self, problem: str, place: nodes.Place) -> None:
        """Note what is wrong, once."""
        diagnostic = self.source.diagnostic(problem, place)
        if diagnostic not in self.diagnostics:
            self.diagnostics.append(diagnostic)

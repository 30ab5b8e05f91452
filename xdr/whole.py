"""What only the whole file shows: linked lists, recursion, types without end, arrays of nothing."""

from collections.abc import Iterator

from .errors import UNBOUNDED
from .model import (
    UNKNOWN,
    Alias,
    AliasDefinition,
    ArmDefinition,
    Array,
    Chain,
    EnumDefinition,
    Field,
    Module,
    Named,
    Optional,
    ProcedureDefinition,
    ProgramDefinition,
    StructDefinition,
    Type,
    UnionDefinition,
    VersionDefinition,
    minimum_of,
    plain,
)
from .source import Diagnostic, Source


def finish(module: Module, source: Source) -> list[Diagnostic]:
    """Complete a module in which every name is resolved; the answer is what is wrong with it."""
    _link(module)
    _minimums(module, source)
    module.group = _cycles(module)
    return _elements(module, source)


def _minimums(module: Module, source: Source) -> None:
    """The least octets of each type, growing from what is known until nothing changes."""
    known: dict[str, int] = {}
    named = module.named
    while changed := {
        name: least
        for name, definition in named.items()
        if (least := _least(definition, known)) < UNKNOWN and known.get(name) != least
    }:
        known.update(changed)
    for name, definition in named.items():
        if name not in known:
            # C's compilers refuse this, rpcgen does not; the rest of such a file is of use.
            problem = f"warning: {name} contains itself without end, so it has no values"
            module.warnings.append(source.diagnostic(problem, definition.place))
    module.minimum = {name: known.get(name, UNBOUNDED) for name in named}


def _elements(module: Module, source: Source) -> list[Diagnostic]:
    """Arrays of nothing could be of any length."""
    problem = "expected array elements of at least one octet"
    return [
        source.diagnostic(problem, definition.place)
        for definition in module.definitions
        if any(module.minimum_of(array.element) == 0 for kind in _types(definition) for array in _arrays(kind))
    ]


def _least(definition: EnumDefinition | StructDefinition | UnionDefinition, known: dict[str, int]) -> int:
    match definition:
        case EnumDefinition():
            return 4
        case StructDefinition(fields=fields, node=node):
            return 4 * node + min(UNKNOWN, sum(minimum_of(field.type, known) for field in fields))
        case UnionDefinition(arms=arms):
            return 4 + min(minimum_of(arm.field.type, known) if arm.field else 0 for arm in arms)


def _types(definition: object) -> Iterator[Type]:
    """The types that a definition mentions."""
    match definition:
        case AliasDefinition(type=kind):
            yield kind
        case StructDefinition(fields=fields):
            yield from (field.type for field in fields)
        case UnionDefinition(arms=arms):
            yield from (arm.field.type for arm in arms if arm.field)
        case ProgramDefinition(versions=versions):
            for version in versions:
                for procedure in version.procedures:
                    yield procedure.argument
                    yield procedure.result


def _arrays(kind: Type) -> Iterator[Array]:
    while isinstance(kind, Alias | Array | Optional):
        if isinstance(kind, Array):
            yield kind
        kind = kind.target if isinstance(kind, Alias) else kind.element


def _link(module: Module) -> None:
    """Turn structs that end in their only pointer to their own kind into nodes, and every use of them into lists."""
    for definition in module.named.values():
        if isinstance(definition, StructDefinition) and definition.fields:
            own = [_points_to(field.type) == definition.name for field in definition.fields]
            if own[-1] and sum(own) == 1:
                definition.node = True
                definition.fields.pop()
    for each in module.definitions:
        match each:
            case AliasDefinition():
                each.type = _linked(each.type, module)
            case StructDefinition():
                each.fields = [Field(field.name, _linked(field.type, module)) for field in each.fields]
            case UnionDefinition():
                each.arms = [_linked_arm(arm, module) for arm in each.arms]
            case ProgramDefinition():
                each.versions = tuple(_linked_version(version, module) for version in each.versions)


def _points_to(kind: Type) -> str | None:
    kind = plain(kind)
    if isinstance(kind, Optional) and isinstance(element := plain(kind.element), Named):
        return element.name
    return None


def _linked(kind: Type, module: Module) -> Type:
    match kind:
        case Optional(element=element):
            target = plain(element)
            if isinstance(target, Named) and _is_node(target, module):
                return Chain(target.name, bare=False)
            return Optional(_linked(element, module))
        case Array(element=element, fixed=fixed, size=size):
            return Array(_linked(element, module), fixed, size)
        case Alias(name=name, target=target):
            return Alias(name, _linked(target, module))
        case Named() if _is_node(kind, module):
            return Chain(kind.name, bare=True)
    return kind


def _is_node(kind: Named, module: Module) -> bool:
    definition = module.named[kind.name]
    return isinstance(definition, StructDefinition) and definition.node


def _linked_arm(arm: ArmDefinition, module: Module) -> ArmDefinition:
    field = arm.field and Field(arm.field.name, _linked(arm.field.type, module))
    return ArmDefinition(arm.label, arm.cases, field, arm.place)


def _linked_version(version: VersionDefinition, module: Module) -> VersionDefinition:
    procedures = tuple(
        ProcedureDefinition(
            procedure.name,
            procedure.number,
            _linked(procedure.argument, module),
            _linked(procedure.result, module),
            procedure.place,
        )
        for procedure in version.procedures
    )
    return VersionDefinition(version.name, version.number, procedures, version.place)


def _cycles(module: Module) -> dict[str, str]:
    """For each type that can contain itself, the name that stands for its cycle (its first member in the file)."""
    edges = {
        name: {target for kind in _types(definition) if (target := _named(kind))}
        for name, definition in module.named.items()
    }
    reach = {name: _reachable(name, edges) for name in edges}
    group: dict[str, str] = {}
    for name in edges:
        if name in reach[name]:
            group[name] = next(other for other in edges if other in reach[name] and name in reach[other])
    return group


def _reachable(name: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(edges[name])
    while waiting:
        if (at := waiting.pop()) not in found:
            found.add(at)
            waiting.extend(edges[at])
    return found


def _named(kind: Type) -> str | None:
    """The struct, union or enum inside arrays, pointers and typedefs."""
    while isinstance(kind, Alias | Array | Optional):
        kind = kind.target if isinstance(kind, Alias) else kind.element
    match kind:
        case Named(name=name) | Chain(node=name):
            return name
    return None

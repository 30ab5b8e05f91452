"""Clients and services: what is generated for programs."""

from .describe import codec_expression
from .model import ProcedureDefinition, ProgramDefinition, VersionDefinition, Void, plain
from .naming import method_name
from .straight import Context, documented, wrapped


def version_lines(context: Context, program: ProgramDefinition, version: VersionDefinition) -> list[str]:
    """The class with a version's numbers and procedures, its client and its service."""
    name = context.names[version.name]
    lines = [f"class {name}:"]
    lines.append(documented(f"program {program.name}, version {version.name}", version.place))
    lines += ["", f"    PROGRAM: Final = {program.number}", f"    VERSION: Final = {version.number}"]
    for procedure in version.procedures:
        items = [str(program.number), str(version.number), str(procedure.number), f'"{_method(procedure)}"']
        items += [codec_expression(context, procedure.argument), codec_expression(context, procedure.result)]
        start = f"{_method(procedure)}: Final = {context.need('Procedure')}("
        lines += wrapped(4, start, items, ")")
    return [*lines, "", "", *_client(context, version, name), "", "", *_service(context, version, name)]


def _client(context: Context, version: VersionDefinition, name: str) -> list[str]:
    lines = [f"class {context.names[f'{version.name}_Client']}:"]
    lines.append(documented(f"{version.name} as its callers see it; every method makes one call", version.place))
    lines += ["", f"    def __init__(self, call: {context.need('AsyncCall')}) -> None:"]
    lines.append("        self._call = call")
    for procedure in version.procedures:
        argument = procedure.argument
        void = isinstance(plain(argument), Void)
        parameters = ["self"] if void else ["self", f"arg: {context.annotation(argument)}"]
        result = context.annotation(procedure.result)
        lines += ["", *wrapped(4, f"async def {_method(procedure)}(", parameters, f") -> {result}:")]
        passed = "None" if void else "arg"
        returned = "" if isinstance(plain(procedure.result), Void) else "return "
        lines.append(f"        {returned}await self._call({name}.{_method(procedure)}, {passed})")
    return lines


def _service(context: Context, version: VersionDefinition, name: str) -> list[str]:
    base = f"{context.need('Service')}[{context.need('CallT')}]"
    lines = [f"class {context.names[f'{version.name}_Service']}({base}):"]
    lines.append(documented(f"{version.name} as its servers offer it; override what there is", version.place))
    procedure_type = f"{context.need('Procedure')}[Any, Any]"
    lines += ["", f"    PROGRAM = {name}.PROGRAM", f"    VERSION = {name}.VERSION"]
    lines.append(f"    PROCEDURES: ClassVar[dict[int, {procedure_type}]] = {{")
    lines += [f"        {each.number}: {name}.{_method(each)}," for each in version.procedures]
    lines.append("    }")
    for procedure in version.procedures:
        argument = procedure.argument
        void = isinstance(plain(argument), Void)
        parameters = ["self", f"call: {context.need('CallT')}"]
        if not void:
            parameters.append(f"arg: {context.annotation(argument)}")
        result = context.annotation(procedure.result)
        lines += ["", *wrapped(4, f"async def {_method(procedure)}(", parameters, f") -> {result}:")]
        if procedure.number == 0 and void and isinstance(plain(procedure.result), Void):
            lines.append('        """Answers: that is all this procedure is for (RFC 5531, 12.1)."""')
        else:
            error = context.need("ProcedureUnavailable")
            lines.append(f'        raise {error}("{_method(procedure)}")')
    return lines


def _method(procedure: ProcedureDefinition) -> str:
    return method_name(procedure.name)

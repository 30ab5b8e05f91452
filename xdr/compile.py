"""The compiler in one call: read, parse, resolve, emit."""

from pathlib import Path

from .emit import emit
from .model import Module
from .parse import parse
from .resolve import resolve
from .source import CompileError, Source, read_source, source_from_text


def compile_file(
    path: Path,
    include: tuple[Path, ...] = (),
    defines: dict[str, str] | None = None,
    before: tuple[Path, ...] = (),
    imports: tuple[str, ...] = (),
) -> str:
    """The Python module for a ``.x`` file, together with the files ``before`` it; it may import from ``imports``.

    Raises ``CompileError``, ``OSError`` if a file cannot be read, or ``XdrError`` if a module cannot be imported.
    """
    return emit(understood(read_source(path, include, defines, before), imports), path.name)


def compile_text(text: str, file: str = "text.x") -> str:
    """The Python module for text at hand. Raises ``CompileError``."""
    return emit(understood(source_from_text(text, file)), file)


def understood(source: Source, imports: tuple[str, ...] = ()) -> Module:
    """The meaning of a source. Raises ``CompileError``, or ``XdrError`` if a module cannot be imported."""
    try:
        return resolve(parse(source), source, imports)
    except RecursionError:
        raise CompileError([source.diagnostic("definitions are nested too deep", source.place(1, 1))]) from None

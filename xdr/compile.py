"""The compiler in one call: read, parse, resolve, emit."""

from pathlib import Path

from .emit import emit
from .model import Module
from .parse import parse
from .resolve import resolve
from .source import CompileError, Source, read_source, source_from_text


def compile_file(
    path: Path, include: tuple[Path, ...] = (), defines: dict[str, str] | None = None, before: tuple[Path, ...] = ()
) -> str:
    """The Python module for a ``.x`` file, together with the files ``before`` it.

    Raises ``CompileError``, or ``OSError`` if a file cannot be read.
    """
    return emit(understood(read_source(path, include, defines, before)), path.name)


def compile_text(text: str, file: str = "text.x") -> str:
    """The Python module for text at hand. Raises ``CompileError``."""
    return emit(understood(source_from_text(text, file)), file)


def understood(source: Source) -> Module:
    """The meaning of a source. Raises ``CompileError``."""
    try:
        return resolve(parse(source), source)
    except RecursionError:
        raise CompileError([source.diagnostic("definitions are nested too deep", source.place(1, 1))]) from None

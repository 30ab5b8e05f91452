"""The compiler in one call: read, parse, resolve, emit."""

import itertools
import sys
from pathlib import Path
from types import ModuleType

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


def load_file(path: Path) -> ModuleType:
    """The module for a ``.x`` file, compiled for the moment and loaded. Raises what ``compile_file`` raises."""
    made = ModuleType(f"{path.stem}_xdr_{next(_loaded)}")
    code = compile(compile_file(path), str(path), "exec")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(code, made.__dict__)
    return made


_loaded = itertools.count(1)


def compile_text(text: str, file: str = "text.x") -> str:
    """The Python module for text at hand. Raises ``CompileError``."""
    return emit(understood(source_from_text(text, file)), file)


def understood(source: Source, imports: tuple[str, ...] = ()) -> Module:
    """The meaning of a source. Raises ``CompileError``, or ``XdrError`` if a module cannot be imported."""
    try:
        return resolve(parse(source), source, imports)
    except RecursionError:
        raise CompileError([source.diagnostic("definitions are nested too deep", source.place(1, 1))]) from None

"""The command line: ``python -m xdr compile F.x [-o f_xdr.py] [--check]``, ``check``, ``decode`` and ``encode``."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from .codecs import Codec
from .compile import load_file, understood
from .emit import emit
from .errors import XdrError
from .plain import from_plain, to_plain
from .source import CompileError, read_source

_INCLUDE = click.option("-I", "include", multiple=True, type=click.Path(path_type=Path), help="Look for #include here.")
_DEFINE = click.option("-D", "defines", multiple=True, metavar="NAME[=VALUE]", help="Define a macro.")

_WITH = click.option(
    "--with",
    "before",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Compile this file together with each of FILES, for what they do not define themselves.",
)


_IMPORT = click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="MODULE",
    help="Let the modules made import from this generated module what FILES do not define.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Compile XDR files (RFC 4506, RFC 5531) to Python, and show octets as JSON.

    \b
    Examples:
      rpcgss xdr compile nfs3.x                       # writes nfs3_xdr.py
      rpcgss xdr check nfs3.x
      rpcgss xdr decode diropargs3 -f nfs3.x <octets
      echo '{"dir": {"data": "0102"}, "name": "motd"}' | rpcgss xdr encode diropargs3 -m nfs3_xdr | xxd
    """
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.insert(0, os.getcwd())  # where ``python -m xdr`` looks for modules, and a script does not


@main.command("compile")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write ('-': standard output).")
@click.option("--check", is_flag=True, help="Write nothing; fail if an output is not what it would be.")
@click.option("--verbose", is_flag=True, help="Tell which lines are left out.")
@_WITH
@_IMPORT
@_INCLUDE
@_DEFINE
def compile_command(
    files: tuple[Path, ...],
    output: Path | None,
    check: bool,
    verbose: bool,
    before: tuple[Path, ...],
    imports: tuple[str, ...],
    include: tuple[Path, ...],
    defines: tuple[str, ...],
) -> None:
    """Write the Python module for each of FILES, NAME.x to NAME_xdr.py beside it."""
    if output is not None and len(files) > 1:
        raise click.UsageError("-o is for one file")
    failed = False
    for file in files:
        target = output or file.with_name(f"{file.stem}_xdr.py")
        try:
            with _ErrorsTold():
                source = read_source(file, include, _macros(defines), before)
                for place in source.passed_through if verbose else ():
                    click.echo(f"{place}: left out: a line for C", err=True)
                module = understood(source, imports)
                for warning in module.warnings:
                    click.echo(str(warning), err=True)
                _deliver(emit(module, file.name), target, file if check else None)
        except SystemExit:
            failed = True
    raise SystemExit(1 if failed else 0)


def _deliver(text: str, target: Path, compared_with: Path | None) -> None:
    """Write a module, or only compare it with what is there."""
    if compared_with is not None:
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            click.echo(f"{target}: not what {compared_with} compiles to", err=True)
            raise SystemExit(1)
    elif str(target) == "-":
        click.echo(text, nl=False)
    else:
        _write(target, text)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_WITH
@_IMPORT
@_INCLUDE
@_DEFINE
def check(
    files: tuple[Path, ...],
    before: tuple[Path, ...],
    imports: tuple[str, ...],
    include: tuple[Path, ...],
    defines: tuple[str, ...],
) -> None:
    """Say what is wrong with FILES, if anything is."""
    failed = False
    for file in files:
        try:
            with _ErrorsTold():
                for warning in understood(read_source(file, include, _macros(defines), before), imports).warnings:
                    click.echo(str(warning), err=True)
        except SystemExit:
            failed = True
    raise SystemExit(1 if failed else 0)


def _typed(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of decode and encode."""
    command = click.option("-m", "--module", help="The generated module that knows the type, by its dotted name.")(
        command
    )
    command = click.option(
        "-f", "--file", type=click.Path(path_type=Path), help="The .x file that defines the type, instead of a module."
    )(command)
    return click.argument("name", metavar="TYPE")(command)


@main.command()
@_typed
def decode(name: str, file: Path | None, module: str | None) -> None:
    """Read the octets of a TYPE, print JSON."""
    with _ErrorsTold():
        codec = _codec(name, file, module)
        value = codec.decode(sys.stdin.buffer.read())
        click.echo(json.dumps(to_plain(codec, value), indent=2))


@main.command()
@_typed
def encode(name: str, file: Path | None, module: str | None) -> None:
    """Read JSON, write the octets of a TYPE."""
    with _ErrorsTold():
        codec = _codec(name, file, module)
        octets = codec.encode(from_plain(codec, json.loads(sys.stdin.buffer.read())))
        sys.stdout.buffer.write(octets)


def _codec(name: str, file: Path | None, module: str | None) -> Codec[Any]:
    """The codec of a type of a generated module, or of one compiled for the moment."""
    if (file is None) == (module is None):
        raise click.UsageError("expected either --file or --module")
    if file is not None:
        made = load_file(file)
    else:
        try:
            made = import_module(module or "")
        except ImportError as error:
            raise click.UsageError(str(error)) from None
    codecs: dict[str, Codec[Any]] = getattr(made, "CODECS", {})
    if name not in codecs:
        raise click.UsageError(f"no type {name} (there are {', '.join(codecs)})")
    return codecs[name]


def _macros(defines: tuple[str, ...]) -> dict[str, str]:
    return {name: value if given else "1" for name, given, value in (each.partition("=") for each in defines)}


class _ErrorsTold:
    """Errors of files and of the language go to standard error, and end with status 1."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        match error:
            case CompileError(diagnostics=diagnostics):
                for diagnostic in diagnostics:
                    click.echo(str(diagnostic), err=True)
            case json.JSONDecodeError():
                click.echo(f"standard input is no JSON: {error}", err=True)
            case XdrError():
                click.echo(str(error), err=True)
            case OSError():
                click.echo(f"{error.filename}: {error.strerror}", err=True)
            case _:
                return
        raise SystemExit(1) from None


def _write(path: Path, text: str) -> None:
    """Replace a file whole or not at all; what is no file (a device, a pipe) is written to. OSError names `path`."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _replace(Path(os.path.realpath(path)), text)  # a symbolic link stays one
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    main()

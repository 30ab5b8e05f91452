"""Other people's ``.x`` files: ``python -m tests.xdr.corpus [DIRECTORY]`` prints what becomes of each.

A file that is XDR compiles and imports, alone or together with what it takes from elsewhere (C's headers, or a file
beside it). What is no XDR, or is meant to be wrong, is refused with its place, the line and a caret.
"""

import os
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.xdr.strategies import imported
from xdr.compile import compile_file
from xdr.source import CompileError

HERE = Path(__file__).resolve().parent
HEADERS = HERE / "c_headers.x"
RPC = HERE.parents[1] / "rpcgss" / "rpc" / "rpc.x"
DEFAULT = HERE.parents[1].parent / "shared" / "xcorpus"

COMPILED, TOGETHER, REFUSED, UNEXPECTED = "compiled", "compiled with others", "refused as expected", "UNEXPECTED"


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    path: Path
    kind: str
    detail: str
    source: str = ""


def examine(path: Path) -> Outcome:
    """Compile and import one file."""
    errors: list[CompileError] = []
    for before in ((), (HEADERS,), *(companions(path))):
        try:
            source = compile_file(path, before=before)
        except CompileError as error:
            errors.append(error)
            continue
        imported(source, f"corpus_{path.stem}_xdr")
        kind = UNEXPECTED if meant_to_fail(path) else TOGETHER if before else COMPILED
        return Outcome(path, kind, ", ".join(each.name for each in before), source)
    first = errors[0].diagnostics[0]
    detail = f"{first.place.line}:{first.place.column}: {first.problem}"
    pointed = first.line != "" and first.place.line > 0
    expected = meant_to_fail(path) or incomplete(errors[0]) or dialect(errors[0])
    return Outcome(path, REFUSED if expected and pointed else UNEXPECTED, detail)


def companions(path: Path) -> list[tuple[Path, ...]]:
    """Files beside this one that may define what it does not: each alone, C's headers before it; and RPC itself."""
    return [(RPC,)] + [(HEADERS, RPC, other) for other in sorted(path.parent.glob("*.x")) if other != path]


def meant_to_fail(path: Path) -> bool:
    """Whether a file says by its name that it is wrong, or is of another language."""
    return path.name.startswith("bad-") or path.suffix != ".x"


def incomplete(error: CompileError) -> bool:
    """Whether names are missing, and nothing else is wrong."""
    return all("is not defined" in each.problem for each in error.diagnostics)


def dialect(error: CompileError) -> bool:
    """Whether the parser met a word or sign that XDR does not have where a definition begins, or a word for a name."""
    return "expected a definition" in error.diagnostics[0].problem or "expected a name" in error.diagnostics[0].problem


def outcomes(directory: Path) -> list[Outcome]:
    """Every file of a directory."""
    files = sorted(path for suffix in ("x", "xg", "xdr") for path in directory.rglob(f"*.{suffix}"))
    return [examine(path) for path in files]


def main() -> None:
    """Print the table; fail if anything is unexpected."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("RPCGSS_CORPUS", DEFAULT))
    table = Table("file", "outcome", "detail")
    found = outcomes(directory)
    for each in found:
        table.add_row(str(each.path.relative_to(directory)), each.kind, each.detail)
    counts = Counter(each.kind for each in found)
    console = Console(width=200)
    console.print(table)
    summary = ", ".join(f"{kind}: {counts[kind]}" for kind in (COMPILED, TOGETHER, REFUSED, UNEXPECTED))
    console.print(f"files: {len(found)}, {summary}")
    raise SystemExit(1 if counts[UNEXPECTED] else 0)


if __name__ == "__main__":
    main()

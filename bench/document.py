"""Figures in a document of docs/: between two markers, with the machine that they come from."""

import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"


def machine() -> str:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"Python {platform.python_version()}, {os.cpu_count()} cores of {model}, Linux {platform.release()}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown; all columns but the first are numbers."""
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)) + "\n"


def put_figures(document: Path, figures: str) -> None:
    """In place of those that stand between the markers of `document`."""
    before, rest = document.read_text().split(BEGIN)
    document.write_text(f"{before}{BEGIN}{figures}{END}{rest.partition(END)[2]}")

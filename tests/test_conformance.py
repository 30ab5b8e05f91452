"""docs/conformance.md is true: each row names tests that exist, and they notice when what they show is switched off."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.mutations import MUTATIONS, ROOT, Mutation, rows

PARTS = 12
"""So many tests have a share of the mutations each: none may take as long as one that hangs."""


@cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.section} {row.demand}"[:60])
def test_every_row_names_tests_that_exist(row: object) -> None:
    tests = row.tests  # type: ignore[attr-defined]
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"there is no {file}"
        assert name in functions(ROOT / file), f"there is no test {test}"


def test_every_row_has_a_check_or_a_reason() -> None:
    assert len(rows()) > 60
    assert [row.demand for row in rows() if not row.checks and not row.reason.startswith("none: ")] == []


def test_the_checks_of_the_table_are_the_mutations() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
    assert {check for row in rows() for check in row.checks} == set(names)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_every_mutation_still_fits_the_code(mutation: Mutation) -> None:
    compile(mutation.mutated(), mutation.name, "exec")


@pytest.mark.parametrize("part", range(PARTS))
def test_every_mutation_is_noticed(part: int) -> None:
    """In processes of their own, which have imported nothing of ours before."""
    names = [mutation.name for mutation in MUTATIONS[part::PARTS]]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutations", *names], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

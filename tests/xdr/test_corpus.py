"""Every file of the corpus: compiled, imported and type-checked, or refused with its place."""

import subprocess
import sys
from pathlib import Path

import pytest

import xdr
from tests.xdr import corpus as table
from tests.xdr.strategies import imported


@pytest.fixture(scope="module")
def found(corpus: Path) -> list[table.Outcome]:
    return table.outcomes(corpus)


def test_nothing_unexpected(found: list[table.Outcome]) -> None:
    unexpected = [f"{each.path}: {each.detail}" for each in found if each.kind == table.UNEXPECTED]
    assert not unexpected, "\n".join(unexpected)
    assert sum(bool(each.source) for each in found) >= 100


def test_everything_that_compiles_type_checks(found: list[table.Outcome], tmp_path: Path) -> None:
    for number, each in enumerate(found):
        if each.source:
            (tmp_path / f"corpus_{number}_xdr.py").write_text(each.source)
    root = Path(xdr.__file__).resolve().parents[1]
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert checked.returncode == 0, checked.stdout


def test_every_type_has_a_codec_and_a_minimum(found: list[table.Outcome]) -> None:
    for number, each in enumerate(found):
        if each.source:
            made = imported(each.source, f"corpus_codecs_{number}_xdr")
            for codec in made.CODECS.values():
                with pytest.raises(xdr.DecodeError):
                    codec.decode(b"\xff" * 3)

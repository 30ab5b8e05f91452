"""Every file of the corpus: compiled, imported and type-checked, or refused with its place."""

import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xdr
from tests.xdr import corpus as table
from tests.xdr.strategies import anything, imported
from tests.xdr.test_round_trips import decodes_to_itself_or_not_at_all
from xdr.compile import compile_file


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


# What these files use and do not define.
MISSING = {
    "kofemann__pynfs/nfs4.1/xdrdef/nfs4.x": "",
    "kofemann__pynfs/nfs4.1/xdrdef/nfs3.x": "struct FSINFO3args { nfs_fh3 fsroot; };",
    "alisw__libtirpc/tirpc/rpc/rpcb_prot.x": table.HEADERS.read_text(),
}


@pytest.mark.parametrize("name", MISSING)
def test_round_trips(name: str, corpus: Path, tmp_path: Path) -> None:
    missing = tmp_path / "missing.x"
    missing.write_text(MISSING[name])
    made = imported(compile_file(corpus / name, before=(missing,)), "corpus_round_trips_xdr")
    for codec in made.CODECS.values():
        comes_back(codec)


def comes_back(codec: xdr.Codec[Any]) -> None:
    """Some values of one type, cut short and altered."""

    @settings(max_examples=10, database=None, suppress_health_check=list(HealthCheck))
    @given(anything(codec), st.randoms(use_true_random=False))
    def check(value: object, random: Random) -> None:
        octets = codec.encode(value)
        assert codec.decode(octets) == value
        if octets:
            with pytest.raises(xdr.DecodeError):
                codec.decode(octets[: random.randrange(len(octets))])
            altered = bytearray(octets)
            altered[random.randrange(len(octets))] ^= 1 << random.randrange(8)
            decodes_to_itself_or_not_at_all(codec, bytes(altered))

    check()

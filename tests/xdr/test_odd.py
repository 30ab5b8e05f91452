"""Files in the manner of old protocols, and of nobody in his right mind: they compile, type-check and work."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xdr
from examples.nfs import nfs3_xdr as nfs
from rpcgss.rpc import rpc_xdr as rpc
from tests.xdr.fuzz import altered, attack
from tests.xdr.strategies import anything, imported, module
from xdr.compile import compile_file
from xdr.source import CompileError

HERE = Path(__file__).resolve().parent
ODD = sorted((HERE / "odd").glob("*.x"))
ROOT = HERE.parents[1]


@pytest.mark.parametrize("path", ODD, ids=lambda path: path.stem)
def test_every_type_works(path: Path) -> None:
    for codec in imported(compile_file(path), f"odd_{path.stem}_xdr").CODECS.values():
        works(codec)


def works(codec: xdr.Codec[object]) -> None:
    """Some values of a type, and damage to them."""

    @settings(max_examples=10, database=None, suppress_health_check=list(HealthCheck))
    @given(anything(codec), st.integers())
    def check(value: object, seed: int) -> None:
        octets = codec.encode(value)
        assert codec.decode(octets) == value
        assert codec.decode(memoryview(octets)) == value
        codec.check(value, codec.name)
        attack(codec, altered(octets, octets, Random(seed)))

    check()


def test_they_type_check(tmp_path: Path) -> None:
    for path in ODD:
        (tmp_path / f"odd_{path.stem}_xdr.py").write_text(compile_file(path))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert checked.returncode == 0, checked.stdout


def test_the_hash_seed_does_not_matter() -> None:
    made = set()
    for seed in ("0", "1", "4711"):
        command = [sys.executable, "-m", "xdr", "compile", str(HERE / "odd" / "recursive.x"), "-o", "-"]
        answer = subprocess.run(command, capture_output=True, cwd=ROOT, check=True, env={"PYTHONHASHSEED": seed})
        made.add(answer.stdout)
    assert len(made) == 1


def test_a_pointer_to_a_pointer_says_which_of_the_two_is_null() -> None:
    made = module("typedef int *one; struct s { one *two; };", "pointers")
    for octets, value in (("00000000", []), ("0000000100000000", [None]), ("000000010000000100000007", [7])):
        assert made.s.from_bytes(bytes.fromhex(octets)) == made.s(value)
        assert made.s(value).to_bytes().hex() == octets


def test_arms_of_other_unions_are_refused() -> None:
    made = module(
        """
        union a switch (bool b) { case TRUE: int x; case FALSE: void; };
        union c switch (bool b) { case TRUE: hyper x; case FALSE: void; };
        struct s { a first; }; struct row { a first; row *next; }; struct many { a all<>; };
        struct holds { s inside; int behind; string text<>; }; struct other { string text<>; };
        struct outer { holds it; };
        """,
        "arms",
    )
    wrong: xdr.Value = made.c_TRUE(1)
    cases: list[tuple[xdr.Value, str]] = [
        (made.s(wrong), "s.first"),
        (made.row(wrong), "row.first"),
        (made.many([made.a_FALSE(), wrong]), "many.all[1]"),
    ]
    for value, where in cases:
        with pytest.raises(xdr.EncodeError) as caught:
            value.to_bytes()
        assert caught.value.path == where
    with pytest.raises(xdr.EncodeError, match=r"outer\.it: other is not holds"):
        made.outer(made.other("x")).to_bytes()


def test_only_bools_are_bools() -> None:
    made = module("struct s { bool b; };", "bools")
    assert made.s(1).to_bytes() == made.s(True).to_bytes()
    for wrong in ("no", 2, None, list[int]()):
        with pytest.raises(xdr.EncodeError, match=r"s\.b: .* is not bool"):
            made.s(wrong).to_bytes()


def test_types_come_from_other_modules(tmp_path: Path) -> None:
    source = tmp_path / "more.x"
    source.write_text(
        """
        struct mine { opaque_auth who; auth_flavor how; fattr3 *attr; opaque x<NFS3_FHSIZE>; entry3 *list; };
        union pick switch (auth_flavor f) { case AUTH_SYS: opaque_auth a; case AUTH_NONE: void; default: nfs_fh3 b; };
        struct chained { post_op_attr a; string s<>; post_op_fh3 b; chained *next; };
        struct post_op_attr_TRUE { int clash; };
        program P { version V { fattr3 GET(nfs_fh3) = 1; entry3 *LIST(opaque_auth) = 2; } = 1; } = 9;
        """
    )
    with pytest.raises(CompileError, match="opaque_auth is not defined"):
        compile_file(source)
    text = compile_file(source, imports=("rpcgss.rpc.rpc_xdr", "examples.nfs.nfs3_xdr"))
    made = imported(text, "more_xdr")
    value = made.mine(rpc.opaque_auth(rpc.AUTH_NONE, b""), rpc.AUTH_SYS, None, b"x", [nfs.entry3(1, "a", 2)])
    assert made.mine.from_bytes(value.to_bytes()) == value
    for codec in made.CODECS.values():
        works(codec)
    (tmp_path / "more_xdr.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(("name", "problem"), [("nowhere", "cannot import nowhere"), ("json", "not a generated")])
def test_modules_that_cannot_be_imported_from(name: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "s.x").write_text("struct s { int a; };")
    with pytest.raises(xdr.XdrError, match=problem):
        compile_file(tmp_path / "s.x", imports=(name,))


def test_a_short_fuzz_run() -> None:
    command = [sys.executable, "-m", "tests.xdr.fuzz", "--seconds", "20"]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr

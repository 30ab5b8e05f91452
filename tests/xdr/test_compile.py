"""The compiler: what it refuses and where, its command line, and that it says the same thing every time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.xdr.everything import TEXT
from tests.xdr.strategies import module
from xdr.compile import compile_file, compile_text
from xdr.source import CompileError

ROOT = Path(__file__).resolve().parents[2]
OWN = sorted(ROOT.glob("rpcgss/*/*.x")) + sorted(ROOT.glob("examples/*/*.x"))

REFUSED = [
    # Syntax
    ("struct a { int x };", ["f.x:1:18: expected ';', '<' or '[', found '}'"]),
    ("struct a { int x; }", ["f.x:1:20: expected ';', found the end of the file"]),
    ("strict a { int x; };", ["f.x:1:1: expected a definition (const, typedef, enum, struct, union or program), found "
     "'strict'"]),
    ("const A = ;", ["f.x:1:11: expected a name, a number or a string, found ';'"]),
    ("struct a { };", ["f.x:1:12: expected a type, found '}'"]),
    ("enum e { A = 1, , };", ["f.x:1:17: expected '}' or a name, found ','"]),
    ("struct a { int int; };", ["f.x:1:16: expected a name, found 'int'"]),
    ("const A = 08;", ["f.x:1:11: expected an octal number after a leading 0, found '08'"]),
    ("const A = 12ab;", ["f.x:1:11: expected a name, a number or a string, found '1'"]),
    ("struct a { int *x[3]; };", ["f.x:1:12: expected a plain type before a size (there are no arrays of pointers)"]),
    ("/* never\nends", ["f.x:1:1: expected */ to end this comment"]),
    ("struct a { int x };\nstruct b { int y };\n", ["f.x:1:18: expected ';', '<' or '[', found '}'",
     "f.x:2:18: expected ';', '<' or '[', found '}'"]),
    # Names
    ("struct a { b x; c y; b z; };", ["f.x:1:12: expected a type: b is not defined",
     "f.x:1:17: expected a type: c is not defined"]),
    ("const A = B;", ["f.x:1:11: expected a number: B is not defined"]),
    ("const A = B; const B = A;", ["f.x:1:11: B is made of itself", "f.x:1:24: A is made of itself"]),
    ("const A = 1;\nconst A = 2;", ["f.x:2:7: A is already defined at f.x:1:7"]),
    ("enum e { A = 1, A = 2 };", ["f.x:1:17: A is already defined at f.x:1:10"]),
    ("struct s { int a; int a; };", ["f.x:1:23: s has two fields a"]),
    ('const A = "x"; struct s { opaque b<A>; };', ["f.x:1:36: expected a number: A is a string, not a number"]),
    ("const A = 1; struct s { A x; };", ["f.x:1:25: expected a type: A is a value, not a type"]),
    # Types
    ("struct s { opaque a; };", ["f.x:1:12: expected opaque[length] or opaque<maximum>"]),
    ("struct s { string a[4]; };", ["f.x:1:12: expected string<maximum> (a string has no fixed length)"]),
    ("struct s { void; int a; };", ["f.x:1:12: expected a field with a type, not void"]),
    ("typedef void nothing;", ["f.x:1:9: expected a type that is something: void has no values"]),
    ("struct s { int a<-1>; };", ["f.x:1:18: expected a size from 0 to 4294967295, found -1"]),
    ("typedef a b; typedef b a;", ["f.x:1:9: typedef b is made of itself"]),
    ("enum e { A = 0x100000000 };", ["f.x:1:10: A is 4294967296: enums have 32 bits"]),
    ("struct s { opaque a[0]; }; struct t { s many<>; };", ["f.x:1:28: expected array elements of at least one octet"]),
    # Unions
    ("union u switch (string s) { case 1: void; };",
     ["f.x:1:17: expected int, unsigned int, bool or an enum to switch on"]),
    ("union u switch (int s) { case 1: void; case 1: void; };", ["f.x:1:45: case 1 of u is already at f.x:1:31"]),
    ("union u switch (bool s) { case 2: void; };", ["f.x:1:32: expected a case from 0 to 1, found 2"]),
    ("enum e { A }; union u switch (e s) { case 1: void; };",
     ["f.x:1:43: expected a member of enum e as case of u, found 1"]),
    ("union u switch (int s) { default: void; default: void; };", ["f.x:1:41: u already has a default at f.x:1:26"]),
    ("union u switch (int s) { case 1: int; };", ["f.x:1:34: expected a name for what this arm holds"]),
    # Programs
    ("program P { version V { void N(void) = -1; } = 1; } = 1;",
     ["f.x:1:40: expected a procedure number from 0 to 4294967295, found -1"]),
    ("program P { version V { void N(void) = 0; void M(void) = 0; } = 1; } = 1;",
     ["f.x:1:48: version V: M has the number 0 of N"]),
    ("program P { version V { void N(void, int) = 0; } = 1; } = 1;", ["f.x:1:32: expected void alone, or no void"]),
    # Preprocessor
    ("#if 1\n", ["f.x:1:1: expected an #endif for this condition"]),
    ("#endif\n", ["f.x:1:1: #endif without #if"]),
    ("#define F(x) x\n", ["f.x:1:1: expected a macro without arguments"]),
    ("#if f(\n#endif\n", ["f.x:1:1: expected a condition of numbers, names and defined()"]),
    ('#include "nowhere.x"\n', ["f.x:1:1: cannot find nowhere.x (looked in .)"]),
    ("#define LONG 1 2 3 4 5 6 7 8 9\nconst X = LONG;", ["f.x:2:13: expected ';', found '2'"]),
    ("#define A BBBBBBBB\n#define D A A A\nconst X = D;", ["f.x:3:13: expected ';', found 'BBBBBBBB'"]),
    ("#frobnicate\n", ["f.x:1:1: expected a preprocessor line, not #frobnicate"]),
    ("#error no good\n", ["f.x:1:1: #error no good"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "messages"), REFUSED)
def test_refused_with_its_place(text: str, messages: list[str]) -> None:
    with pytest.raises(CompileError) as caught:
        compile_text(text, "f.x")
    found = [f"{each.place}: {each.problem}" for each in caught.value.diagnostics]
    assert found == messages
    for each in caught.value.diagnostics:
        _, shown, caret = str(each).split("\n")
        assert shown == "    " + text.split("\n")[each.place.line - 1]
        assert caret.index("^") == each.place.column + 3


def test_the_caret_stands_under_tabs() -> None:
    with pytest.raises(CompileError) as caught:
        compile_text("struct s {\n\tint\tint;\n};", "f.x")
    assert str(caught.value) == "f.x:2:6: expected a name, found 'int'\n    \tint\tint;\n    \t   \t^"


@given(st.text(alphabet=st.sampled_from("struct enum{}();<>=*[],:x1/#%\"\\\n \t-'é"), max_size=60))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        compile_text(text)
    except CompileError as error:
        assert error.diagnostics  # noqa: PT017  # which of the two it is cannot be known before


@given(st.data())
def test_a_file_with_a_hole_compiles_or_is_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TEXT)))
    end = data.draw(st.integers(start, min(len(TEXT), start + 40)))
    try:
        compile_text(TEXT[:start] + TEXT[end:])
    except CompileError as error:
        assert error.diagnostics  # noqa: PT017


def test_macros_and_nesting_have_limits() -> None:
    growing = "#define M0 x x x x\n" + "".join(f"#define M{n} {f'M{n - 1} ' * 8}\n" for n in range(1, 30))
    with pytest.raises(CompileError, match=r"f\.x:31:1: macro M\d+ grows longer than"):
        compile_text(growing + "const A = M29;", "f.x")
    with pytest.raises(CompileError, match="nested too deep"):
        compile_text("struct s { " + "struct { " * 5000 + "int x; " + "} y; " * 5000 + "};")


def test_strings_are_quoted() -> None:
    text = r"""const A = "it's \"here\" \\ é";"""
    assert module(text, "quoted").A == 'it\'s "here" \\ é'


def test_same_text_same_module() -> None:
    assert compile_text(TEXT) == compile_text(TEXT)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_generated_modules_are_up_to_date(path: Path) -> None:
    generated = path.with_name(f"{path.stem}_xdr.py")
    assert generated.read_text(encoding="utf-8") == compile_file(path), "run: make generate"


def test_the_preprocessor() -> None:
    made = module(
        """
        #define FOUR 4
        #define SUM (FOUR + 0x10 - 2)
        #define UNUSED
        #ifdef UNUSED /* taken */
        const A = FOUR;
        #else
        nonsense
        #endif
        #if defined(FOUR) && FOUR >= 4 && !defined NOTHING
        const B = SUM;
        #elif 1
        nonsense
        #endif
        #ifndef FOUR
        # if 1
        nonsense
        # endif
        #endif
        %#include <rpc/rpc.h>
          % indented, for C
        const C = 1; // a line comment with a " and a /*
        const D = "// no comment, not FOUR"; /* one /* comment */
        """,
        "preprocessed",
    )
    assert (made.A, made.B, made.C, made.D) == (4, 18, 1, "// no comment, not FOUR")


def test_files_include_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "types.x").write_text("typedef opaque key<8>;\n")
    (tmp_path / "main.x").write_text(
        '#include "sub/types.x"\n#include <sub/nothing.x>\nstruct s { key a; wrong b; };\n'
    )
    (tmp_path / "path" / "sub").mkdir(parents=True)
    (tmp_path / "path" / "sub" / "nothing.x").write_text("\n")
    with pytest.raises(CompileError) as caught:
        compile_file(tmp_path / "main.x", (tmp_path / "path",))
    (only,) = caught.value.diagnostics
    assert (only.place.file, only.place.line, only.place.column) == (str(tmp_path / "main.x"), 3, 19)


def test_files_compile_together(tmp_path: Path) -> None:
    (tmp_path / "types.x").write_text("typedef opaque key<8>;\n")
    (tmp_path / "main.x").write_text("struct s { key a; };\n")
    with pytest.raises(CompileError, match="key is not defined"):
        compile_file(tmp_path / "main.x")
    assert "key: TypeAlias" in compile_file(tmp_path / "main.x", before=(tmp_path / "types.x",))
    assert run("check", "--with", tmp_path / "types.x", tmp_path / "main.x").returncode == 0


def test_types_without_values_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "s.x").write_text("struct s { s inside; };\n")
    answer = run("compile", tmp_path / "s.x", "-o", "-")
    assert answer.returncode == 0
    assert ":1:1: warning: s contains itself without end, so it has no values\n" in answer.stderr


def test_files_that_include_themselves(tmp_path: Path) -> None:
    (tmp_path / "loop.x").write_text('#include "loop.x"\n')
    with pytest.raises(CompileError, match="include each other"):
        compile_file(tmp_path / "loop.x")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xdr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_command_line(tmp_path: Path) -> None:
    source, target = tmp_path / "s.x", tmp_path / "s_xdr.py"
    source.write_text("%for C\nstruct s { int a; };\n")
    assert run("compile", "--check", source).returncode == 1
    assert run("compile", source).returncode == 0
    assert target.read_text() == compile_file(source)
    assert run("compile", "--check", source).returncode == 0
    assert run("compile", source, "-o", "-").stdout == target.read_text()
    assert f"{source}:1:1: left out: a line for C" in run("compile", source, "--verbose").stderr
    assert run("check", source).returncode == 0
    target.write_text("changed")
    answer = run("compile", source, "-o", target, "--check")
    assert (answer.returncode, answer.stderr) == (1, f"{target}: not what {source} compiles to\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["s.x", "s_xdr.py"]


def test_command_line_errors(tmp_path: Path) -> None:
    source = tmp_path / "s.x"
    source.write_text("struct s {\n    int a\n};\n")
    target = tmp_path / "s_xdr.py"
    target.write_text("as it was")
    answer = run("compile", source)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"{source}:3:1: expected ';', '<' or '[', found '}}'\n    }};\n    ^\n"
    assert target.read_text() == "as it was"
    assert run("check", source).returncode == 1
    missing = run("compile", tmp_path / "none.x")
    assert (missing.returncode, missing.stderr) == (1, f"{tmp_path / 'none.x'}: No such file or directory\n")
    for wrong in (("compile",), ("frobnicate",), ("compile", "--what", source), ("compile", source, source, "-o", "x")):
        assert run(*wrong).returncode == 2


def test_output_goes_where_it_is_told(tmp_path: Path) -> None:
    source, real, link, pipe = (tmp_path / name for name in ("s.x", "real.py", "link.py", "pipe"))
    source.write_text("struct s { int a; };\n")
    real.write_text("old")
    link.symlink_to(real)
    assert run("compile", source, "-o", link).returncode == 0
    assert link.is_symlink()
    assert real.read_text() == compile_file(source)
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        assert run("compile", source, "-o", pipe).returncode == 0
        assert reader.communicate()[0] == compile_file(source)
    assert pipe.is_fifo()
    nowhere = run("compile", source, "-o", tmp_path / "none" / "s.py")
    assert (nowhere.returncode, nowhere.stderr) == (1, f"{tmp_path / 'none' / 's.py'}: No such file or directory\n")

"""Agreement with C: what we encode, code made by rpcgen decodes, and encodes to the same octets."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import xdr
from tests.xdr.strategies import anything, has_nul, imported
from xdr.compile import compile_file

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OWN = [
    HERE / "agreement.x",
    ROOT / "examples/echo/echo.x",
    ROOT / "examples/nfs/mount3.x",
    ROOT / "examples/nfs/nfs3.x",
    ROOT / "rpcgss/gss/gss.x",
    ROOT / "rpcgss/reauth/reauth.x",
]
THEIRS = ["mount.x", "nfs_prot.x", "rquota.x", "sm_inter.x", "yp.x", "rex.x"]


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_our_files(path: Path, tmp_path: Path) -> None:
    agrees(path, tmp_path)


@pytest.mark.parametrize("name", THEIRS)
def test_their_files(name: str, corpus: Path, tmp_path: Path) -> None:
    agrees(corpus / "debian-usr-include-rpcsvc" / "rpcsvc" / name, tmp_path)


def agrees(path: Path, folder: Path) -> None:
    """Hundreds of values of every type, in one run of the C program."""
    made = imported(compile_file(path), f"agreement_{path.stem}_xdr")
    codecs: dict[str, xdr.Codec[Any]] = made.CODECS
    program = built(path, list(codecs), folder)
    cases = [(name, octets) for name, codec in codecs.items() for octets in examples(codec)]
    assert len(cases) >= 5 * len(codecs)
    asked = b"".join(b"%s %d\n" % (name.encode(), len(octets)) + octets for name, octets in cases)
    answer = subprocess.run([program], input=asked, capture_output=True, check=True).stdout
    for name, octets in cases:
        length, _, rest = answer.partition(b"\n")
        assert length != b"no", f"C refuses a {name}: {octets.hex()}"
        assert rest[: int(length)] == octets, name
        answer = rest[int(length) :]
    assert answer == b""


def examples(codec: xdr.Codec[Any]) -> list[bytes]:
    """Octets of generated values."""
    found: list[bytes] = []

    @settings(
        max_examples=20,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(anything(codec))
    def collect(value: object) -> None:
        if not has_nul(value):
            found.append(codec.encode(value))

    collect()
    return found


def built(path: Path, types: list[str], folder: Path) -> Path:
    """The C program for one file."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not shutil.which("rpcgen") or not compiler or not Path("/usr/include/tirpc/rpc/xdr.h").exists():
        # tools/setup installs all of that where there are Debian packages.
        missing = pytest.fail if shutil.which("dpkg-query") else pytest.skip
        missing("needs rpcgen, a C compiler and libtirpc's headers (apt-get install rpcsvc-proto gcc libtirpc-dev)")
    source = folder / path.name
    source.write_bytes(path.read_bytes())
    for flag, target in (("-h", f"{path.stem}.h"), ("-c", f"{path.stem}_xdr.c")):
        text = subprocess.run(["rpcgen", flag, source.name], cwd=folder, capture_output=True, check=True).stdout
        (folder / target).write_bytes(text)
    listed = " ".join(f"TYPE({name})" for name in types)
    (folder / "types.h").write_text(f'#define HEADER "{path.stem}.h"\n#define TYPES {listed}\n')
    flags = ["-w", "-I/usr/include/tirpc", "-I.", "-include", "types.h"]
    sources = [str(HERE / "agreement.c"), f"{path.stem}_xdr.c"]
    program = folder / "agreement"
    command = [compiler, *flags, *sources, "-o", str(program), "-ltirpc"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return program

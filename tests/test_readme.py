"""What README.md shows, run as it is shown."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README: Final = PAGES[0].read_text()
PROGRAMS: Final = re.findall(r"```python\n((?:import|from) .*?)```", README, re.DOTALL)
PORT: Final = "20049"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where echo.x is, compiled."""
    (definition,) = re.findall(r"^    typedef string message.*?^    } = 0x20000099;$", README, re.DOTALL | re.MULTILINE)
    (tmp_path / "echo.x").write_text(definition)
    subprocess.run([sys.executable, "-m", "xdr", "compile", tmp_path / "echo.x"], check=True, cwd=ROOT)
    return tmp_path


def run(program: str, directory: Path, port: str) -> str:
    program = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(directory)!r}]\n{program.replace(PORT, port)}"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_the_server_and_the_client(directory: Path) -> None:
    server, client = (each for each in PROGRAMS if each.startswith("import trio"))
    announced = server.replace(f"await rpcgss.listen_tcp({PORT}", "announced(await rpcgss.listen_tcp(0").replace(
        '"127.0.0.1"))', '"127.0.0.1")))'
    )
    announce = """
def announced(listeners):
    print(listeners[0].socket.getsockname()[1], flush=True)
    return listeners
"""
    path = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(directory)!r}]\n"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", path + announce + announced], stdout=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            assert run(client, directory, serving.stdout.readline().strip()) == "hello\n"
            assert serving.stdout.readline() == "anonymous: 'hello'\n"
        finally:
            serving.terminate()
    assert serving.returncode == 0


@pytest.mark.parametrize("facade", ["blocking", "asyncio"])
def test_without_trio(facade: str, directory: Path) -> None:
    (program,) = (each for each in PROGRAMS if "trio" not in each and facade in each)
    program = program.replace(f"serve_tcp(server, {PORT}, ", "serve_tcp(server, 0, ")
    program = program.replace(', "127.0.0.1"):', ', "127.0.0.1") as serving:')
    assert run(program, directory, "serving.port") == "hello\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_that_is_shown_is_python(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

"""What all commands have in common, and those that are someone else's."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rpcgss.cli import COMMANDS, main
from xdr.__main__ import main as xdr_main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.get_short_help_str()
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {name} ")


def test_a_command_that_is_not_there() -> None:
    result = CliRunner().invoke(main, ["pong"])
    assert result.exit_code == 2
    assert "No such command" in result.stderr


def test_xdr_is_the_compiler(tmp_path: Path) -> None:
    assert main.get_command(click.Context(main), "xdr") is xdr_main
    source = tmp_path / "a.x"
    source.write_text("typedef string name<8>;\n")
    outputs = []
    for command in (["rpcgss", "xdr"], ["xdr"]):
        run = [sys.executable, "-m", *command, "compile", str(source), "-o", "-"]
        outputs.append(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert outputs[0] == outputs[1] != ""


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["capture", "--help"], 0), (["capture", "-k", "K", "a.pcap"], 1)]
)
def test_without_its_library_a_command_says_what_to_install(arguments: list[str], status: int) -> None:
    script = "import sys; sys.modules['asn1crypto'] = None; from rpcgss.cli import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (status, False)
    assert "eeds asn1crypto: pip install 'rpcgss[capture]'" in done.stdout + done.stderr


def test_prometheus_says_what_to_install() -> None:
    script = "import sys; sys.modules['prometheus_client'] = None; import rpcgss.prometheus"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("rpcgss.prometheus needs prometheus-client: pip install 'rpcgss[metrics]'\n")


def test_modules_beside_are_found(tmp_path: Path) -> None:
    (tmp_path / "a.x").write_text("typedef string name<8>;\n")
    script, env = "from rpcgss.cli import main; main()", os.environ | {"PYTHONPATH": os.getcwd()}
    for arguments, octets in ((["compile", "a.x"], b""), (["decode", "name", "-m", "a_xdr"], b"\0\0\0\1x\0\0\0")):
        run = [sys.executable, "-P", "-c", script, "xdr", *arguments]
        done = subprocess.run(run, input=octets, capture_output=True, check=True, cwd=tmp_path, env=env)
    assert done.stdout == b'"x"\n'


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell], prog_name="rpcgss")
    assert result.exit_code == 0
    assert f"_RPCGSS_COMPLETE={shell}_complete" in result.stdout


def test_bash_takes_the_completion() -> None:
    script = CliRunner().invoke(main, ["completion", "bash"], prog_name="rpcgss").stdout
    asked = "complete -p rpcgss"
    done = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True)
    assert "_rpcgss_completion rpcgss" in done.stdout


def test_programs_are_completed() -> None:
    done = CliRunner().invoke(
        main,
        prog_name="rpcgss",
        env={"_RPCGSS_COMPLETE": "bash_complete", "COMP_WORDS": "rpcgss ping localhost nf", "COMP_CWORD": "3"},
    )
    assert done.stdout.split() == ["plain,nfs", "plain,nfs_acl"]


def test_no_completion_for_other_shells() -> None:
    assert CliRunner().invoke(main, ["completion", "csh"]).exit_code == 2

"""The whole demo, small: everything it claims holds, and whatever ends it, nothing is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--megabytes", "3", "--without", "1.5", "--clients", "3", "--losses", "20", "--limit", "90"]


def demo(directory: Path, *arguments: str) -> "subprocess.Popen[str]":
    temporary = directory / "tmp"
    temporary.mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo", *SMALL, "--output", str(directory / "output"), *arguments],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary), "MPLCONFIGDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def descendants(process: int) -> set[int]:
    """The processes below this one, whichever of its threads has started them."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    children = {int(word) for listed in lists for word in listed.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(processes: set[int]) -> Iterator[bool]:
    while any(runs(process) for process in processes):
        yield False
    yield True


def test_it_holds(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        output, _ = process.communicate()
    assert "All held." in output, output
    assert process.returncode == 0
    assert "BROKEN" not in output
    assert "No Kerberos credentials available" in output
    assert (tmp_path / "output/timeline.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "output/report.txt").read_text() == output
    assert not os.listdir(tmp_path / "tmp")


def test_it_holds_with_workers_and_etcd(tmp_path: Path) -> None:
    with demo(tmp_path, "--without", "0", "--workers", "2", "--etcd") as process:
        output, _ = process.communicate()
    assert "2 workers, its keyring in etcd" in output
    assert "All held." in output, output
    assert process.returncode == 0
    assert not os.listdir(tmp_path / "tmp")


def test_what_does_not_hold_is_said(tmp_path: Path) -> None:
    with demo(tmp_path, "--megabytes", "1", "--without", "0", "--losses", "100000") as process:
        output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "BROKEN at least 100000 contexts were lost in mid-call" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_it_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path, "--megabytes", "20", "--workers", "2", "--etcd") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "clients copy" in line:
                break
        processes = descendants(process.pid)
        assert len(processes) >= 9  # the KDC, etcd, the server and its workers, three clients, and who minds them
        process.send_signal(number)
        rest = process.stdout.read()
        process.wait()
    assert any(gone(processes))
    if number is not signal.SIGKILL:
        assert process.returncode == 130
        assert "interrupted" in rest
        assert "Traceback" not in rest
        assert not os.listdir(tmp_path / "tmp")


def test_a_tree_that_is_too_large(tmp_path: Path) -> None:
    with demo(tmp_path, "--megabytes", "1000000") as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    assert output.startswith("Error: this Python has only")

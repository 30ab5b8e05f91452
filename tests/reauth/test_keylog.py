"""The key log: private, one line a context, and of no consequence when it cannot be written."""

import os
from pathlib import Path

import pytest

from rpcgss.reauth.aead import SUITES
from rpcgss.reauth.client import TicketClient
from rpcgss.reauth.keylog import KeyLog
from rpcgss.reauth.keys import DerivedKeys
from rpcgss.reauth.server import TicketServer
from tests.reauth.harness import fixed_keys
from tests.reauth.test_flavor import Ends, lose

KEYS = DerivedKeys(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32)


def test_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    log = KeyLog(path)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert "never use this in production" in caplog.text
    log.note(b"\xab\xcd", 1, KEYS)
    KeyLog(path).note(b"\xef", 2, KEYS)
    assert path.read_text() == f"FRA1 abcd 1 {'01' * 32} {'02' * 32}\nFRA1 ef 2 {'01' * 32} {'02' * 32}\n"
    assert "0101" not in repr(log) + repr(KEYS)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "keys").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        KeyLog(tmp_path / "keys")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_others_may_read_is_not_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    path.touch(0o644)
    with pytest.raises(PermissionError, match="0600"):
        KeyLog(path)
    path.chmod(0o600)
    log = KeyLog(path)
    path.chmod(0o640)
    log.note(b"\xab", 1, KEYS)
    assert not path.read_bytes()
    assert "0600" in caplog.text


def test_a_pipe_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys", 0o600)
    with pytest.raises(OSError, match="keys"):
        KeyLog(tmp_path / "keys")


def test_what_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = KeyLog(tmp_path / "keys")
    (tmp_path / "keys").unlink()
    (tmp_path / "keys").mkdir()
    log.note(b"\xab", 1, KEYS)
    assert os.strerror(21) in caplog.text


async def test_both_ends_write_the_same(tmp_path: Path) -> None:
    ends = Ends()
    ends.client_tickets._key_log = KeyLog(tmp_path / "client")  # type: ignore[misc]
    ends.server_tickets._key_log = KeyLog(tmp_path / "server")  # type: ignore[misc]
    wire = ends.wire()
    await wire.call(ends.flavor)
    assert not (tmp_path / "client").read_bytes()
    for _ in range(2):
        lose(ends)
        await wire.call(ends.flavor)
    lines = (tmp_path / "client").read_text().splitlines()
    assert lines == (tmp_path / "server").read_text().splitlines()
    assert [line.split()[2] for line in lines] == [str(SUITES[0])] * 2
    assert lines[-1].split()[1] == ends.context.handle.hex()


def test_nobody_writes_one_unasked() -> None:
    assert TicketClient()._key_log is None
    assert TicketServer(fixed_keys())._key_log is None

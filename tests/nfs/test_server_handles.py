import os
import stat
from pathlib import Path

import pytest

from examples.nfs.handles import HANDLE_SIZE, BadHandle, FileId, Handles, StaleHandle, load_key

FILE = FileId(2**64 - 1, -1, 999_999_999, 2**32 - 1)


def test_a_handle_names_its_file_and_fits() -> None:
    handles = Handles(bytes(32), 7)
    handle = handles.seal(FILE)
    assert len(handle) == HANDLE_SIZE <= 64
    assert handles.open_untrusted(handle) == FILE
    assert Handles(bytes(32), 7).seal(FILE) == handle


def test_every_bit_of_a_handle_counts() -> None:
    handles = Handles(bytes(32), 7)
    handle = handles.seal(FILE)
    for bit in range(len(handle) * 8):
        forged = bytearray(handle)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadHandle):
            handles.open_untrusted(bytes(forged))


@pytest.mark.parametrize("size", [0, 1, HANDLE_SIZE - 1, HANDLE_SIZE + 1, 64])
def test_other_sizes_are_no_handles(size: int) -> None:
    with pytest.raises(BadHandle):
        Handles(bytes(32), 7).open_untrusted((Handles(bytes(32), 7).seal(FILE) * 2)[:size])


def test_another_key_and_another_export() -> None:
    handle = Handles(bytes(32), 7).seal(FILE)
    with pytest.raises(BadHandle):
        Handles(bytes(31) + b"\1", 7).open_untrusted(handle)
    with pytest.raises(StaleHandle):
        Handles(bytes(32), 8).open_untrusted(handle)


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "handles.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["handles.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "handles.key"
    load_key(path)
    path.chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        load_key(path)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_half_a_key_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "handles.key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(OSError, match="32 octets"):
        load_key(path)


def test_a_key_is_no_link(tmp_path: Path) -> None:
    load_key(tmp_path / "elsewhere")
    (tmp_path / "handles.key").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        load_key(tmp_path / "handles.key")

"""The keyring: created once, guarded, rotated and revoked atomically, read again when it changed."""

import json
import os
import threading
from pathlib import Path

import pytest

from rpcgss.reauth import keyring as keyring_module
from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keyring import Keyring
from rpcgss.reauth.keyset import FixedKeys, Key, KeySet

DAY = 86400


class Wall:
    def __init__(self, now: float = 1_700_000_000.5) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keyring"


@pytest.fixture
def ring(path: Path, wall: Wall) -> Keyring:
    return Keyring.create(path, scope="test", longest_life=DAY, wall_clock=wall)


def test_create(ring: Keyring, path: Path, wall: Wall) -> None:
    keys = ring.keys()
    assert path.stat().st_mode & 0o7777 == 0o600
    assert (keys.scope, keys.longest_life, keys.revoked_before, len(keys.keys)) == ("test", DAY, 0, 1)
    key = keys.current(wall.now)
    assert key is not None
    assert keys.find(key.index, wall.now) is key
    assert [entry.name for entry in path.parent.iterdir()] == ["keyring"]


def test_create_ignores_a_lax_umask(path: Path) -> None:
    old = os.umask(0)
    try:
        Keyring.create(path)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o7777 == 0o600


def test_create_never_overwrites(ring: Keyring, path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyringError, match="exists already"):
        Keyring.create(path)
    assert path.read_bytes() == before
    path.write_bytes(b"")
    with pytest.raises(KeyringError, match="exists already"):
        Keyring.create(path)


@pytest.mark.parametrize("scope", ["", "x" * 256, "é" * 128, "\ud800"])
def test_create_with_a_bad_scope(path: Path, scope: str) -> None:
    with pytest.raises(KeyringError, match="scope"):
        Keyring.create(path, scope=scope)
    assert not path.exists()


def test_case_14_missing_keyring(path: Path) -> None:
    with pytest.raises(KeyringError, match=r"there is no keyring at .* create it"):
        Keyring(path)
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601])
def test_case_14_a_keyring_that_others_may_use_is_refused(ring: Keyring, path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(KeyringError, match="others may have read it"):
        Keyring(path)


def test_case_14_every_truncation_is_a_clear_error(ring: Keyring, path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole) - 2):
        path.write_bytes(whole[:length])
        with pytest.raises(KeyringError, match="damaged"):
            Keyring(path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "rpcgss keyring 2"},
        {"scope": 5},
        {"scope": ""},
        {"longest_life": 0},
        {"longest_life": "1"},
        {"longest_life": True},
        {"revoked_before": -1},
        {"revoked_before": None},
        {"keys": []},
        {"keys": "keys"},
        {"keys": [5]},
        {"keys": [{"key": "00" * 31, "begins": 0, "ends": None}]},
        {"keys": [{"key": "zz" * 32, "begins": 0, "ends": None}]},
        {"keys": [{"key": "00" * 32, "begins": None, "ends": None}]},
        {"keys": [{"key": "00" * 32, "begins": 0.5, "ends": None}]},
        {"keys": [{"key": "00" * 32, "begins": 0}]},
        {"keys": [{"key": f"{n:064x}", "begins": 0, "ends": None} for n in range(65)]},
    ],
)
def test_case_14_a_keyring_that_makes_no_sense(ring: Keyring, path: Path, change: dict[str, object]) -> None:
    document = json.loads(path.read_bytes()) | change
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringError) as caught:
        Keyring(path)
    assert document["keys"] == [] or "00" * 31 not in str(caught.value)


def test_case_14_one_index_for_two_keys(ring: Keyring, path: Path) -> None:
    document = json.loads(path.read_bytes())
    document["keys"] *= 2
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringError, match="same index"):
        Keyring(path)


def test_not_a_regular_file(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyringError, match="not a regular file"):
        Keyring(path)
    with pytest.raises(KeyringError, match=r"not a regular file|cannot read"):
        Keyring(tmp_path)


def test_too_large(path: Path) -> None:
    path.write_bytes(b" " * 70000)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match="larger than"):
        Keyring(path)


def test_rotation_keeps_the_old_key_for_the_longest_life(ring: Keyring, wall: Wall) -> None:
    old = ring.keys().current(wall.now)
    assert old is not None
    new = ring.rotate(lead=10)
    assert ring.keys().current(wall.now) == Key(old.secret, old.begins, new.begins + DAY + 300)
    assert ring.keys().find(new.index, wall.now) == new  # a fellow with a clock ahead may use it already
    wall.now += 11
    assert ring.keys().current(wall.now) == new
    wall.now += DAY + 280
    assert ring.keys().find(old.index, wall.now) is not None
    wall.now += 20
    assert ring.keys().find(old.index, wall.now) is None
    ring.rotate()
    assert old.index not in [key.index for key in ring.keys().keys]


def test_forgetting_old_keys(ring: Keyring, wall: Wall) -> None:
    old = ring.keys().current(wall.now)
    assert old is not None
    wall.now += 5
    new = ring.rotate(lead=60, forget_old=True)
    wall.now += 1
    assert ring.keys().keys == (new,)
    assert ring.keys().current(wall.now) == new


def test_too_many_rotations_change_nothing(ring: Keyring, path: Path) -> None:
    for _ in range(63):
        ring.rotate()
    before = path.read_bytes()
    with pytest.raises(KeyringError, match="1 to 64 keys"):
        ring.rotate()
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_revocation(ring: Keyring, wall: Wall) -> None:
    assert ring.revoke(wall.now - 100) == 1_699_999_901
    assert ring.revoke() == 1_700_000_001  # rounded up: what was established in this second is over too
    assert ring.revoke(5) == 1_700_000_001
    with pytest.raises(KeyringError, match="future"):
        ring.revoke(wall.now + 10)
    assert Keyring(ring.path).keys().revoked_before == 1_700_000_001


def test_another_process_sees_the_change(ring: Keyring, path: Path, wall: Wall) -> None:
    other = Keyring(path, wall_clock=wall)
    assert other.keys() == ring.keys()
    ring.rotate()
    ring.revoke()
    assert other.keys() == ring.keys()
    assert len(other.keys().keys) == 2


def test_nothing_is_read_while_nothing_changes(ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_path: Path) -> KeySet:
        raise AssertionError

    monkeypatch.setattr(keyring_module, "_load", fail)
    for _ in range(3):
        ring.keys()


def test_case_14_a_failed_reload_keeps_the_old_keys_and_says_so(
    ring: Keyring, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys, whole = ring.keys(), path.read_bytes()
    path.write_bytes(whole[:50])
    assert ring.keys() is keys
    assert ring.keys() is keys
    assert ring.failed_reloads == 1  # once for one bad file
    assert "damaged" in str(ring.problem)
    assert "stay in use" in caplog.text
    path.unlink()
    assert ring.keys() is keys
    assert ring.failed_reloads == 2
    path.write_bytes(whole)
    path.chmod(0o644)
    assert ring.keys() is keys
    path.chmod(0o600)
    assert ring.keys() == keys
    assert str(ring.problem) == "None"
    assert keys.keys[0].secret.hex() not in caplog.text


def test_a_damaged_keyring_is_not_rotated(ring: Keyring, path: Path) -> None:
    path.write_bytes(b"{")
    with pytest.raises(KeyringError, match="damaged"):
        ring.rotate()
    with pytest.raises(KeyringError, match="damaged"):
        ring.revoke()
    assert path.read_bytes() == b"{"


def test_a_crash_while_writing_leaves_the_old_file(ring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KeyringError, match=r"cannot write keyring .*No space"):
        ring.rotate()
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_symbolic_link_stays_one(ring: Keyring, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(path)
    Keyring(link).rotate()
    assert link.is_symlink()
    assert len(ring.keys().keys) == 2


def test_concurrent_rotations_lose_nothing(ring: Keyring, path: Path) -> None:
    rings = [Keyring(path) for _ in range(4)]

    def work(one: Keyring) -> None:
        for _ in range(5):
            one.rotate()

    threads = [threading.Thread(target=work, args=(one,)) for one in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ring.keys().keys) == 21


def test_no_current_key_before_the_first_begins(ring: Keyring) -> None:
    assert ring.keys().current(0) is None
    assert ring.keys().find(ring.keys().keys[0].index, 0) is not None


def test_fixed_keys() -> None:
    keys = FixedKeys.random().keys()
    assert keys.current(0) is not None


def test_case_25_no_key_octets_in_repr(ring: Keyring) -> None:
    secret = ring.keys().keys[0].secret
    for text in (repr(ring), repr(ring.keys()), repr(ring.keys().keys[0]), repr(FixedKeys(ring.keys()))):
        assert secret.hex() not in text
        assert repr(secret) not in text


def test_case_14_of_two_keys_that_begin_together_the_newer_seals(ring: Keyring, wall: Wall) -> None:
    """The older one will be gone one day before tickets under it would be over."""
    ring.rotate()
    new = ring.rotate()
    wall.now += 1
    assert ring.keys().current(wall.now) == new


def test_case_14_a_key_yet_to_begin_does_not_end_before_its_tickets(ring: Keyring, wall: Wall) -> None:
    coming = ring.rotate(lead=3600)
    ring.rotate()
    while wall.now < coming.begins + 2 * DAY:
        sealing = ring.keys().current(wall.now)
        assert sealing is not None
        assert sealing.ends is None or sealing.ends >= wall.now + DAY
        wall.now += 3600


def test_after_all_was_forgotten_tickets_are_granted_at_once(ring: Keyring, wall: Wall) -> None:
    """Everybody comes for a new one now, also to fellows whose clocks are behind."""
    new = ring.rotate(forget_old=True)
    assert ring.keys().current(wall.now - 300) == new


def test_case_14_a_reload_that_failed_for_want_of_a_descriptor_is_tried_again(
    ring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or a revocation would be lost until somebody touches the file once more."""
    Keyring(path).revoke(5)

    def full(*_arguments: object) -> int:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        for _ in range(3):
            assert ring.keys().revoked_before == 0
    assert "Too many open files" in str(ring.problem)
    assert len(caplog.records) == 1
    assert ring.keys().revoked_before == 5
    assert ring.problem is None

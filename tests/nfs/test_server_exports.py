import os
import pwd
from pathlib import Path

import pytest

from examples.nfs.exports import Access, RulesError, load_exports, load_users
from examples.nfs.identity import Credential


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rules"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_first_match_wins(tmp_path: Path) -> None:
    rules = load_exports(
        write(
            tmp_path,
            """
            # the one who writes
            alice@EXAMPLE.TEST  rw
            mallory@*           none  # nothing
            *@EXAMPLE.TEST      ro
            host/?.test@OTHER.[AB]   ro
            """,
        )
    )
    assert rules.match("alice@EXAMPLE.TEST") == Access.WRITE
    assert rules.match("bob@EXAMPLE.TEST") == Access.READ
    assert rules.match("mallory@EXAMPLE.TEST") == Access.NONE
    assert rules.match("host/x.test@OTHER.A") == Access.READ
    assert rules.match("host/xy.test@OTHER.A") is None
    assert rules.match("Alice@EXAMPLE.TEST2") is None
    assert rules.match("ALICE@example.test") is None
    assert rules.match("alice@EXAMPLE.TEST\nx") is None
    assert rules.match("") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alice@X rw\nbob@X\n", "line 2: expected two words"),
        ("a b c\n", "line 1: expected two words"),
        ("\n\n* write\n", "line 3: access is none, ro or rw, not 'write'"),
        ("* RW\n", "line 1: access is none"),
    ],
)
def test_mistakes_are_told_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RulesError, match=message):
        load_exports(write(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="No such file"):
        load_exports(tmp_path / "missing")
    (tmp_path / "rules").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match="UTF-8"):
        load_exports(tmp_path / "rules")


def test_users_by_name_and_by_number(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.getuid())
    rules = load_users(write(tmp_path, f"a@X {me.pw_name}\nb@X 17\nc@X 17:18\nd@X 17:18,19,20\n"))
    found = rules.match("a@X")
    assert found is not None
    assert (found.uid, found.gid) == (me.pw_uid, me.pw_gid)
    assert rules.match("b@X") == Credential(17, 17, (17,))
    assert rules.match("c@X") == Credential(17, 18, (18,))
    assert rules.match("d@X") == Credential(17, 18, (18, 19, 20))


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("no-such-user-here", "this machine has no user 'no-such-user-here'"),
        ("1:", None),
        ("1:x", "'x' is no user or group number"),
        ("1,2", "'1,2' is no user"),
        ("1:2,", "'' is no user"),
        ("4294967295", "is no user"),
        ("-1", "no user '-1'"),
    ],
)
def test_mistakes_in_users(tmp_path: Path, user: str, message: str | None) -> None:
    path = write(tmp_path, f"* {user}\n")
    if message is None:
        assert load_users(path).match("x") == Credential(1, 1, (1,))
    else:
        with pytest.raises(RulesError, match=f"line 1: .*{message}"):
            load_users(path)

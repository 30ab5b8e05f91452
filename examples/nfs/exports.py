"""Who may do what: the exports file and the users file, both lists of patterns on principals, first match wins.

    # exports: PATTERN  none | ro | rw            # users: PATTERN  USER | UID[:GID[,GID…]]
    alice@EXAMPLE.TEST   rw                       alice@EXAMPLE.TEST   alice
    *@EXAMPLE.TEST       ro                       *@EXAMPLE.TEST       nobody

Patterns are those of the shell (*, ?, [abc]), compared with the whole principal, capitals and all. A principal
that no line of the exports file matches has no access; one that no line of the users file matches has none either. A
caller with AUTH_SYS has the principal `sys:UID`, which is no more than its own word.
"""

import enum
import os
import pwd
import re
from collections.abc import Callable
from fnmatch import translate
from pathlib import Path
from typing import Final, Generic, TypeVar

from examples.nfs.identity import Credential

T = TypeVar("T")

_MOST_IDS: Final = 0xFFFFFFFE


class Access(enum.IntEnum):
    """What a principal may do with an export."""

    NONE = 0
    READ = 1
    WRITE = 2


class Rules(Generic[T]):
    """An ordered list of (pattern, value)."""

    def __init__(self, rules: list[tuple[str, T]]) -> None:
        self._rules = [(re.compile(translate(pattern)), value) for pattern, value in rules]

    def match(self, principal: str) -> T | None:
        """The value of the first pattern that fits; None if none does."""
        for pattern, value in self._rules:
            if pattern.match(principal):
                return value
        return None


class RulesError(ValueError):
    """A file of rules cannot be used; the text says where and what to do."""


def everybody(access: Access) -> Rules[Access]:
    return Rules([("*", access)])


def load_exports(path: Path) -> Rules[Access]:
    """Read an exports file. Raises RulesError."""
    return _load(path, _access, "alice@EXAMPLE.TEST rw")


def load_users(path: Path) -> Rules[Credential]:
    """Read a users file. Raises RulesError."""
    return _load(path, _credential, "alice@EXAMPLE.TEST alice")


def _load(path: Path, value_of: Callable[[str], T], example: str) -> Rules[T]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "is not UTF-8 text"
        raise RulesError(f"{path}: {reason}") from problem
    rules = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise RulesError(f"{path}, line {number}: expected two words, such as '{example}'")
        try:
            rules.append((words[0], value_of(words[1])))
        except ValueError as problem:
            raise RulesError(f"{path}, line {number}: {problem}") from problem
    return Rules(rules)


def _access(word: str) -> Access:
    known = {"none": Access.NONE, "ro": Access.READ, "rw": Access.WRITE}
    if word not in known:
        raise ValueError(f"access is none, ro or rw, not '{word}'")
    return known[word]


def _credential(word: str) -> Credential:
    if not word[0].isdigit():
        return _named(word)
    uid, _, gids = word.partition(":")
    numbers = [_identifier(part) for part in ([uid, *gids.split(",")] if gids else [uid, uid])]
    return Credential(numbers[0], numbers[1], tuple(numbers[1:]))


def _named(user: str) -> Credential:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ValueError(f"this machine has no user '{user}'; a user is a name, or UID:GID,GID…") from None
    groups = os.getgrouplist(user, entry.pw_gid)
    return Credential(entry.pw_uid, entry.pw_gid, tuple(groups))


def _identifier(word: str) -> int:
    if not (word.isascii() and word.isdigit()) or int(word) > _MOST_IDS:
        raise ValueError(f"'{word}' is no user or group number")
    return int(word)

"""What a keyring holds, wherever it is kept: keys, scope, longest ticket life and revocation time, and how they change.

As a document, which `keyring` keeps in a file and `etcd` seals and shares, it is JSON:

    {"format": "rpcgss keyring 1",
     "scope": "nfs.example.org",          name bound into every ticket; hosts that share the keyring share it
     "longest_life": 86400,               seconds: no ticket is granted for longer than this
     "revoked_before": 0,                 wall time: what was established before is over
     "keys": [{"key": "64 hex digits", "begins": 1700000000, "ends": null}, …]}

A key seals tickets from `begins` until a later key begins; it opens them until `ends` (null: until a rotation sets it).
Times are seconds since 1970.
"""

import json
import math
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from rpcgss.reauth.errors import KeyringError
from rpcgss.reauth.keys import KEY_LENGTH, Expansion, key_index

FORMAT: Final = "rpcgss keyring 1"
MAX_DOCUMENT: Final = 65536
MAX_KEYS: Final = 64
MAX_SCOPE: Final = 255
DEFAULT_LIFE: Final = 86400
"""Seconds that a ticket lives at most, unless the keyring says otherwise: a day, like most Kerberos tickets."""

CLOCK_SKEW: Final = 300
"""Seconds by which the clocks of hosts that share a keyring may differ."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `begins` and `ends` are wall time; its `index` is what tickets carry, its `expansion` what
    their keys come from."""

    secret: bytes = field(repr=False)
    begins: int
    ends: int | None = None
    index: int = field(init=False)
    expansion: Expansion = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", key_index(self.secret))
        object.__setattr__(self, "expansion", Expansion(self.secret))

    @classmethod
    def fresh(cls, begins: int) -> "Key":
        return cls(secrets.token_bytes(KEY_LENGTH), begins)

    def ended(self, now: float) -> bool:
        return self.ends is not None and self.ends <= now


@dataclass(frozen=True, slots=True)
class KeySet:
    """What a keyring holds at one moment. Never changes; a changed keyring is another KeySet."""

    scope: str
    keys: tuple[Key, ...]
    longest_life: int = DEFAULT_LIFE
    revoked_before: int = 0

    def current(self, now: float) -> Key | None:
        """The key to seal tickets with at wall time `now`, or None if no key has begun or all have ended."""
        current: Key | None = None
        for key in self.keys:
            # Of keys that begin in the same second, the one added last: the others are on their way out.
            if key.begins <= now and not key.ended(now) and (current is None or key.begins >= current.begins):
                current = key
        return current

    def find(self, index: int, now: float) -> Key | None:
        """The key with this index, if it has not ended. One yet to begin counts: a fellow's clock may be ahead."""
        for key in self.keys:
            if key.index == index and not key.ended(now):
                return key
        return None

    def with_key(self, fresh: Key, now: float, *, forget_old: bool = False) -> "KeySet":
        """With one more key, those before it set to end once no ticket under them can be alive, or gone at once."""
        ends = fresh.begins + self.longest_life + CLOCK_SKEW
        kept = [] if forget_old else [_retired(key, fresh.begins, ends) for key in self.keys if not key.ended(now)]
        return replace(self, keys=(*kept, fresh))

    def revoked(self, moment: int) -> "KeySet":
        """With whatever was established before `moment` ended, and what had been ended already."""
        return replace(self, revoked_before=max(self.revoked_before, moment))

    def check(self, where: str) -> "KeySet":
        """The same keys. Raises KeyringError, which names `where` they are, if they make no sense."""

        def demand(holds: bool, what: str) -> None:
            if not holds:
                raise KeyringError(f"{where}: {what}")

        demand(0 < _octets_in(self.scope) <= MAX_SCOPE, f"its scope must have 1 to {MAX_SCOPE} octets")
        demand(0 < self.longest_life < 1 << 31, "its longest life is no number of seconds")
        demand(self.revoked_before >= 0, "its revocation time is no time")
        demand(0 < len(self.keys) <= MAX_KEYS, f"it must hold 1 to {MAX_KEYS} keys")
        demand(all(len(key.secret) == KEY_LENGTH for key in self.keys), f"a key does not have {KEY_LENGTH} octets")
        # A ticket names its key by the index alone and is tried under that one key.
        demand(len({key.index for key in self.keys}) == len(self.keys), "two keys have the same index")
        return self

    def document(self) -> bytes:
        """The keyring as JSON. It holds the secrets in the clear."""
        document = {
            "format": FORMAT,
            "scope": self.scope,
            "longest_life": self.longest_life,
            "revoked_before": self.revoked_before,
            "keys": [{"key": key.secret.hex(), "begins": key.begins, "ends": key.ends} for key in self.keys],
        }
        return json.dumps(document, indent=1).encode() + b"\n"


def parse_document(octets: bytes, where: str) -> KeySet:
    """A keyring from JSON. Raises KeyringError, which names `where` it was and quotes nothing of it."""
    try:
        document = json.loads(octets)
        if document["format"] != FORMAT:
            raise KeyringError(f"{where}: its format is not {FORMAT!r}")
        scope = document["scope"]
        if not isinstance(scope, str):
            raise TypeError
        keys = tuple(_parse_key(entry) for entry in document["keys"])
        found = KeySet(scope, keys, _integer(document["longest_life"]), _integer(document["revoked_before"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        # `from None`: the text of a parser's error may quote the document.
        raise KeyringError(f"{where} is damaged: put back a copy, or make a new one elsewhere") from None
    return found.check(where)


class KeySource(ABC):
    """Where a server has its keys from."""

    @abstractmethod
    def keys(self) -> KeySet:
        """The present keys. Cheap enough to ask before every use; raises nothing: keys that were good once stay
        in use while their source is away."""


class FixedKeys(KeySource):
    """Keys that live in this process alone and die with it: for tests, and for who wants recovery only there."""

    def __init__(self, keys: KeySet) -> None:
        self.present = keys

    @classmethod
    def random(cls, scope: str = "process") -> "FixedKeys":
        return cls(KeySet(scope, (Key.fresh(begins=0),)))

    def keys(self) -> KeySet:
        return self.present


class KeyKeeper(KeySource):
    """A source whose keys can be changed, by whoever holds it; all who read it follow."""

    def __init__(self, name: str, wall_clock: Callable[[], float] = time.time) -> None:
        self.name: Final = name
        self._wall_clock: Final = wall_clock

    def rotate(self, *, lead: float = 0, forget_old: bool = False) -> Key:
        """Add a fresh key that seals tickets from `lead` seconds from now on, and return it.

        A `lead` longer than a reload takes spares fellows tickets that they cannot open yet. Older keys go on opening
        tickets for the longest ticket life; with `forget_old` they are gone at once, and so is every ticket under
        them (what to do when a keyring was stolen), and the fresh one is in use at once, on fellows with slow clocks
        too. Raises KeyringError; then the keyring is as it was.
        """
        now = self._wall_clock()
        fresh = Key.fresh(math.floor(now) - CLOCK_SKEW if forget_old else math.ceil(now + lead))
        self._change(lambda old: old.with_key(fresh, now, forget_old=forget_old))
        return fresh

    def revoke(self, before: float | None = None) -> int:
        """End whatever was established before this wall time (default: now), and return the revocation time in force.

        It never moves back. Raises KeyringError, also for a time in the future, which would end what is yet to come.
        """
        now = math.ceil(self._wall_clock())
        moment = now if before is None else math.ceil(before)
        if moment > now:
            raise KeyringError(f"{self.name}: the revocation time lies in the future")
        return self._change(lambda old: old.revoked(moment)).revoked_before

    def close(self) -> None:  # a file is held open by nobody
        """Follow changes no more; the keys stay as they are. Idempotent."""

    @abstractmethod
    def _change(self, change: Callable[[KeySet], KeySet]) -> KeySet:
        """Replace what is kept by what `change` makes of it, checked, and return that. No other change comes between;
        `change` may be asked more than once. Raises KeyringError, and then nothing has changed."""


def first_keys(scope: str, longest_life: int, wall_clock: Callable[[], float]) -> KeySet:
    """What a new keyring holds: one key that begins now."""
    return KeySet(scope, (Key.fresh(int(wall_clock())),), longest_life)


def _retired(key: Key, begins: int, ends: int) -> Key:
    """`key` after a later one has been added that begins then: to end once no ticket under it can be alive."""
    superseded = key.ends is None and key.begins <= begins
    return Key(key.secret, key.begins, ends if superseded else key.ends)


def _parse_key(entry: dict[str, object]) -> Key:
    secret, ends = entry["key"], entry["ends"]
    if not isinstance(secret, str):
        raise TypeError
    return Key(bytes.fromhex(secret), _integer(entry["begins"]), None if ends is None else _integer(ends))


def _integer(value: object) -> int:
    if type(value) is not int:  # neither true nor 1.0
        raise TypeError
    return value


def _octets_in(scope: str) -> int:
    """How long it is on tickets; 0 if it cannot be there."""
    try:
        return len(scope.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return 0

"""How often to try what may be in vain: a look at a socket that is not waited for."""

from typing import Final

MOST_MISSES: Final = 10
"""N is at most this, so one chance in 1,024 is taken at worst."""


class Outlook:
    """Back-off for guesses: after N misses in a row, the next 2**N - 1 chances are passed over; after a hit, none."""

    __slots__ = ("_misses", "_to_skip")

    def __init__(self) -> None:
        self._misses = 0
        self._to_skip = 0

    def take_chance(self) -> bool:
        """Whether to take this one; if so, `found` is to be told what came of it."""
        if not self._to_skip:
            return True
        self._to_skip -= 1
        return False

    def found(self, something: bool) -> None:
        """Whether it was a hit."""
        self._misses = 0 if something else min(self._misses + 1, MOST_MISSES)
        self._to_skip = (1 << self._misses) - 1

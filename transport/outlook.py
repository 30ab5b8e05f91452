"""How often to try what may be in vain: a look at a socket that is not waited for."""

from typing import Final

MOST_MISSES: Final = 10
"""In a row, that count: after so many, one chance in 1,024 is taken."""


class Outlook:
    """Of what was tried before: the more often that was in vain, the more chances are passed over."""

    __slots__ = ("_misses", "_to_skip")

    def __init__(self) -> None:
        self._misses = 0
        self._to_skip = 0

    @property
    def good(self) -> bool:
        """Whether to take this chance; each is to be asked about once, and what was `found` then said."""
        if not self._to_skip:
            return True
        self._to_skip -= 1
        return False

    def found(self, something: bool) -> None:
        """What came of it."""
        self._misses = 0 if something else min(self._misses + 1, MOST_MISSES)
        self._to_skip = (1 << self._misses) - 1

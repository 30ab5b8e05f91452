"""A log that strangers cannot flood."""

import logging
import time
from typing import Final

LINES_PER_SECOND: Final = 20


class QuietLog:
    """Passes on at most `lines` records a second, then says how many it has swallowed."""

    def __init__(self, log: logging.Logger, *, lines: int = LINES_PER_SECOND) -> None:
        self._log: Final = log
        self._lines: Final = lines
        self._second = 0
        self._written = 0

    def info(self, message: str, *arguments: object) -> None:
        """See `logging.Logger.info`."""
        self._write(logging.INFO, message, arguments)

    def warning(self, message: str, *arguments: object) -> None:
        """See `logging.Logger.warning`."""
        self._write(logging.WARNING, message, arguments)

    def exception(self, message: str, *arguments: object) -> None:
        """See `logging.Logger.exception`."""
        self._write(logging.ERROR, message, arguments, exc_info=True)

    def _write(self, level: int, message: str, arguments: tuple[object, ...], *, exc_info: bool = False) -> None:
        if not self._log.isEnabledFor(level):
            return
        second = int(time.monotonic())
        if second != self._second:
            swallowed, self._second, self._written = self._written - self._lines, second, 0
            if swallowed > 0:
                self._log.warning("%d more lines were not written", swallowed)
        self._written += 1
        if self._written <= self._lines:
            self._log.log(level, message, *arguments, exc_info=exc_info)

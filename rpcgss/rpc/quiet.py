"""A log that strangers cannot flood, for people and for machines.

Besides its text, a record has a dict `rpc`: an "event" with a stable name, and what is known of it by name.
docs/observing.md lists them.
"""

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

    def debug(self, message: str, *arguments: object, **fields: object) -> None:
        """See `logging.Logger.debug`; `fields` become the record's `rpc`."""
        self._write(logging.DEBUG, message, arguments, fields)

    def info(self, message: str, *arguments: object, **fields: object) -> None:
        """See `logging.Logger.info`; `fields` become the record's `rpc`."""
        self._write(logging.INFO, message, arguments, fields)

    def warning(self, message: str, *arguments: object, **fields: object) -> None:
        """See `logging.Logger.warning`; `fields` become the record's `rpc`."""
        self._write(logging.WARNING, message, arguments, fields)

    def exception(self, message: str, *arguments: object, **fields: object) -> None:
        """See `logging.Logger.exception`; `fields` become the record's `rpc`."""
        self._write(logging.ERROR, message, arguments, fields, exc_info=True)

    def _write(
        self,
        level: int,
        message: str,
        arguments: tuple[object, ...],
        fields: dict[str, object],
        *,
        exc_info: bool = False,
    ) -> None:
        if not self._log.isEnabledFor(level):
            return
        second = int(time.monotonic())
        if second != self._second:
            swallowed, self._second, self._written = self._written - self._lines, second, 0
            if swallowed > 0:
                more = {"event": "log.swallowed", "lines": swallowed}
                self._log.warning("%d more lines were not written", swallowed, extra={"rpc": more})
        self._written += 1
        if self._written <= self._lines:
            self._log.log(level, message, *arguments, exc_info=exc_info, extra={"rpc": fields})

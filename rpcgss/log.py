"""`LogEvents`: an observer that writes what it is told to Python's logging, for machines and people.

Each record has a text, and a dict `rpc` with the same in fields, for formatters that write JSON. docs/observing.md
lists the names.
"""

import logging
from typing import Final

from rpcgss.rpc.observe import Event, ObservedCall, Observer
from rpcgss.rpc.quiet import QuietLog

LINES_PER_SECOND: Final = 1000


class LogEvents(Observer):
    """Writes to the logger `name`: calls as DEBUG, what else happens as INFO; of each at most `lines` a second, and
    then how many were left out.

    At other levels than those, nothing is formatted.
    """

    def __init__(self, name: str = "rpcgss.events", *, lines: int = LINES_PER_SECOND) -> None:
        self._logger: Final = logging.getLogger(name)
        self._calls: Final = QuietLog(self._logger, lines=lines)
        self._events: Final = QuietLog(self._logger, lines=lines)

    def call_ended(self, call: ObservedCall) -> None:
        if not self._logger.isEnabledFor(logging.DEBUG):
            return
        what = call.procedure or f"{call.program}/{call.version}/{call.number}"
        self._calls.debug(
            "%s %s %s: %s in %.1f ms",
            call.end.value,
            call.peer,
            what,
            call.outcome,
            call.seconds * 1000,
            event="call.ended",
            **_described(call),
        )

    def event(self, event: Event) -> None:
        if not self._logger.isEnabledFor(logging.INFO):
            return
        described = event.described()
        text = " ".join(f"{name}={_printable(value)}" for name, value in described.items() if value not in (None, ""))
        self._events.info("%s %s", event.name, text, event=event.name, **described)


def _printable(value: object) -> str:
    """Names and reasons may be strangers' words: no line of theirs looks like one of ours."""
    text = str(value)
    return text if text.isprintable() else repr(text)


def _described(call: ObservedCall) -> dict[str, str | int | float | bool | None]:
    return {
        "end": call.end.value,
        "peer": call.peer,
        "xid": call.xid,
        "program": call.program,
        "version": call.version,
        "number": call.number,
        "procedure": call.procedure,
        "flavor": call.flavor,
        "identity": None if call.identity is None else str(call.identity),
        "control": call.control,
        "repeated": call.repeated,
        "outcome": call.outcome,
        "seconds": call.seconds,
        "octets_in": call.octets_in,
        "octets_out": call.octets_out,
        "transmissions": call.transmissions,
    }

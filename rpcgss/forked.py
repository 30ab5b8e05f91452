"""What a worker of `run_workers` does in its own process, and what its supervisor hears of it.

Of SIGTERM and SIGINT from outside, a worker hears nothing: a terminal and a service manager send them to workers and
supervisor alike, and a second one would cut short what the first lets end. Both are blocked; the word to stop comes by
a pipe, and a thread that waits for it lets one SIGTERM through.
"""

import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from rpcgss.rpc.quiet import QuietLog
from transport import Listener

MAX_REASON: Final = 2048  # octets; less than a pipe takes
_MARGIN: Final = 1.0  # seconds: a worker that nobody else ends ends itself later than its supervisor would
_FINAL: Final = b"!"
_FAILED: Final = b"?"

_log = QuietLog(logging.getLogger(__name__))

Serve = Callable[[list[Listener], int], Awaitable[object]]


class CannotServe(Exception):
    """Workers cannot start; the text says why. Raised by what a worker runs, it means that there is no use in trying
    again, and ends all of them."""


def heed_supervisor(word: int, drain_seconds: float) -> None:
    """In a thread of a worker: when the supervisor says stop, or is no more, SIGTERM once; and never outlive it."""
    os.read(word, 1)
    # Both are blocked in all threads. One that is pending already, from whomever, and this one are one.
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    time.sleep(drain_seconds + _MARGIN)
    os.kill(os.getpid(), signal.SIGKILL)


def run(serve: Serve, listeners: list[Listener], number: int) -> tuple[int, bytes]:
    """The exit status, and what the supervisor is told: whether there is no use in trying again, and why."""
    try:
        trio.run(serve, listeners, number)
    except SystemExit as end:
        return (end.code if isinstance(end.code, int) else int(end.code is not None)), b""
    except BaseException as error:
        cause = _single(error)
        if isinstance(cause, CannotServe):
            return 1, _FINAL + _octets(str(cause))
        _log.exception("worker %d failed", number, event="worker.failed")
        return 1, _FAILED + _octets(f"{type(cause).__name__}: {cause}")
    return 0, b""


def _octets(reason: str) -> bytes:
    """The names of files may be no text."""
    return reason.encode(errors="backslashreplace")[:MAX_REASON]


def _single(error: BaseException) -> BaseException:
    """What a group of one is about."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def read_reason(descriptor: int) -> tuple[bool, str]:
    """Whether there is no use in trying again, and the reason with a colon before it, or nothing."""
    with open(descriptor, "rb") as pipe:
        os.set_blocking(descriptor, False)  # a child of its own may have the other end still
        octets = pipe.read(MAX_REASON + 1) or b""
    text = octets[1:].decode(errors="replace")
    return octets[:1] == _FINAL, f": {text}" if text else ""


def described(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"

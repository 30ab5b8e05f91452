"""Several processes of one server on one port, and a supervisor that keeps them running.

How this works: the supervisor binds the ports (see `SharedListeners`) and forks its workers; each of them begins an
event loop of its own. By fork and not by a fresh interpreter: so `serve` may be any function, and what was made before
it, memory to share or files that were read, is there in all of them. That is safe because the supervisor has neither
threads nor an event loop, and never will: it refuses to begin otherwise, and does nothing but wait for signals.

All workers hold the reading end of one pipe, of which the supervisor has the other. Its end is the word to stop,
whether the supervisor closed it or was killed, and no worker is left behind. See `forked` for how they take it.
"""

import asyncio
import contextlib
import logging
import math
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from types import FrameType
from typing import Final, NoReturn, Self

import trio

from rpcgss.forked import CannotServe, Serve, described, heed_supervisor, read_reason, run
from rpcgss.rpc.quiet import QuietLog
from transport import Endpoint, SharedListeners

DRAIN_SECONDS: Final = 35.0
SETTLED_SECONDS: Final = 1.0
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
TRIES: Final = 5

_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_FORWARDED: Final = (signal.SIGHUP, signal.SIGUSR1)
_HEEDED: Final = (*_STOP, *_FORWARDED, signal.SIGCHLD)

_log = QuietLog(logging.getLogger(__name__))

Addresses = Sequence[tuple[str, int] | str]


def run_workers(
    count: int,
    serve: Serve,
    *,
    tcp: Endpoint | None = None,
    udp: Endpoint | None = None,
    unix: str | None = None,
    bound: Callable[[Addresses], object] | None = None,
    ended: Callable[[int], object] | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> int:
    """Run `serve(listeners, number)` in `count` processes until SIGTERM or SIGINT; returns the exit status: 0, or 1 if
    one of them failed or had to be killed at the end.

        async def serve(listeners: list[rpcgss.Listener], number: int) -> None:
            tickets = rpcgss.TicketServer(rpcgss.open_keyring("/etc/example/keyring"))
            flavor = rpcgss.GssServerFlavor(rpcgss.GssapiAcceptor(["host@server.example"]), extension=tickets)
            server = rpcgss.Server([Example()], [flavor])
            async with rpcgss.stopping_on_signals(server):
                await server.serve(listeners)

        sys.exit(rpcgss.run_workers(4, serve, tcp=(2049, None)))

    serve         -- an async function of trio's, run in each worker; `number` is the worker's, from 0, and stays with
                     the one that takes its place. What holds threads, connections or keys in memory is made in it, as
                     above. When it is time to stop, the worker gets SIGTERM, once: see `stopping_on_signals`
    tcp, udp      -- (port, host), as for `listen_tcp` and `listen_udp`
    unix          -- a path, as for `listen_unix`
    bound         -- is told once where they listen, before the first worker begins: (host, port)s, and the path
    ended         -- is told, in the supervisor, the number of each worker that has ended before it was told to
    drain_seconds -- workers that have not ended so long after they were told to are killed

    A worker that ends before it is told to is replaced: at once if it has lived for a second, else after a pause that
    doubles, up to 5 seconds; the reason is in the log. SIGHUP and SIGUSR1 are passed on to all workers; who does not
    handle them ignores them. SIGINT while they stop kills the workers at once. If the supervisor is killed, they stop
    as if they were told to. Workers cannot be sent SIGTERM or SIGINT: end one with SIGKILL.

    Raises `CannotServe` if a worker says so, or if none lives for a second and one of them has tried 5 times (so does
    one for which there is no room); `OSError` with a text that names the address; `RuntimeError` when called from a
    process that has threads or an event loop.
    """
    _require_clean_process()
    if count < 1:
        raise ValueError("there must be one worker at least")
    with SharedListeners(count) as shared:
        if tcp is not None:
            shared.tcp(*tcp)
        if udp is not None:
            shared.udp(*udp)
        if unix is not None:
            shared.unix(unix)
        with _Supervisor(count, serve, shared, ended, drain_seconds) as supervisor:
            if bound is not None:
                bound(shared.addresses)  # who hears of it may send signals
            return supervisor.run()


def _require_clean_process() -> None:
    if trio.lowlevel.in_trio_run() or _in_asyncio() or threading.active_count() > 1:
        raise RuntimeError("workers are forked: call run_workers before this process has an event loop or threads")


def _in_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


@dataclass(slots=True)
class _Worker:
    """A worker, or the place of one: `pid` 0 means that none runs, and that one is due at `due` (monotonic seconds)."""

    number: int
    pid: int = 0
    reason: int = -1  # descriptor of a pipe on which it says why it ends
    began: float = 0.0
    due: float = 0.0
    early_ends: int = 0

    def __str__(self) -> str:
        return f"worker {self.number} (process {self.pid})"


class _Supervisor:
    """Starts, watches and ends the workers. A context manager, for its signal handlers; no worker survives it."""

    def __init__(
        self,
        count: int,
        serve: Serve,
        shared: SharedListeners,
        tell_of_end: Callable[[int], object] | None,
        drain_seconds: float,
    ) -> None:
        self._workers: Final = [_Worker(number) for number in range(count)]
        self._serve: Final = serve
        self._shared: Final = shared
        self._tell_of_end: Final = tell_of_end
        self._drain_seconds: Final = drain_seconds
        self._settled = False  # a worker has once lived long enough
        self._kill_at: float | None = None  # None: not stopping
        self._failure: str | None = None
        self._status = 0

    def __enter__(self) -> Self:
        self._word, self._word_from_us = os.pipe()
        self._signals, self._signals_in = socket.socketpair()
        self._signals.setblocking(False)
        self._signals_in.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)
        # First the descriptor: what is caught before there is one is lost, and were it SIGTERM, for good.
        self._wakeup_before = signal.set_wakeup_fd(self._signals_in.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _note) or signal.SIG_DFL for number in _HEEDED}
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        for worker in self._workers:
            if worker.pid:
                os.waitpid(worker.pid, 0)
        self._restore_signals()
        self._selector.close()
        self._signals.close()
        self._signals_in.close()
        os.close(self._word)
        self._say_stop()

    def run(self) -> int:
        self._start_due()
        while self._kill_at is None or any(worker.pid for worker in self._workers):
            self._selector.select(self._patience())
            with contextlib.suppress(BlockingIOError):
                for number in dict.fromkeys(self._signals.recv(4096)):
                    self._heed(number)
            self._look_after_workers()
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill()
            self._start_due()
        if self._failure is not None:
            raise CannotServe(self._failure)
        return self._status

    def _patience(self) -> float | None:
        """Seconds until something is to be done even if nobody calls."""
        moments = [one.due for one in self._workers if not one.pid] if self._kill_at is None else [self._kill_at]
        first = min(moments, default=math.inf)
        return None if first == math.inf else max(0.0, first - time.monotonic())

    # Signals

    def _heed(self, number: int) -> None:
        if number in _FORWARDED:
            for worker in self._workers:
                if worker.pid:
                    os.kill(worker.pid, number)
        elif number in _STOP and self._kill_at is None:
            self._stop()
        elif number == signal.SIGINT:  # and not SIGTERM, which some programs send to a process and then to its group
            self._kill()

    def _stop(self) -> None:
        """Nobody comes in any more; what runs may end."""
        self._kill_at = time.monotonic() + self._drain_seconds
        self._shared.close()
        self._say_stop()

    def _say_stop(self) -> None:
        if self._word_from_us >= 0:
            os.close(self._word_from_us)
            self._word_from_us = -1

    def _kill(self) -> None:
        self._kill_at = math.inf
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, signal.SIGKILL)

    # Workers that end

    def _look_after_workers(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: _Worker, status: int) -> None:
        how, (final, reason) = described(status), read_reason(worker.reason)
        name, worker.pid, worker.reason = str(worker), 0, -1
        if self._kill_at is not None:
            if status not in (0, -signal.SIGTERM):
                self._status = 1
                _log.warning("%s %s while it stopped%s", name, how, reason, event="worker.ended", status=status)
            return
        if self._tell_of_end is not None:
            self._tell_of_end(worker.number)
        if final:
            self._give_up(reason.removeprefix(": "))
        else:
            self._try_again(worker, f"{name} {how}{reason}", f"{how} at once{reason}", status)

    def _try_again(self, worker: _Worker, what: str, at_once: str, status: int) -> None:
        """A worker has ended, or could not be made: see to another, unless that has no prospect."""
        now = time.monotonic()
        self._settled = self._settled or now - worker.began >= SETTLED_SECONDS or self._some_lives(now)
        worker.early_ends = 0 if now - worker.began >= SETTLED_SECONDS else worker.early_ends + 1
        pause = pause_after(worker.early_ends)
        worker.due = now + pause
        if not self._settled and worker.early_ends >= TRIES:
            self._give_up(f"no worker can start: the last of {TRIES} {at_once}")
        else:
            text = "%s; another takes its place in %.1f s"
            _log.warning(text, what, pause, event="worker.ended", status=status, pause=pause)

    def _some_lives(self, now: float) -> bool:
        return any(worker.pid and now - worker.began >= SETTLED_SECONDS for worker in self._workers)

    def _give_up(self, failure: str) -> None:
        self._failure = failure
        self._stop()

    # Workers that begin

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if self._kill_at is None and not worker.pid and worker.due <= now:
                try:
                    self._start(worker)
                except OSError as error:  # no room for a process, or for its pipe, just now: the others go on
                    worker.began = now
                    text = f"cannot be made: {error.strerror}"
                    self._try_again(worker, f"worker {worker.number} {text}", text, error.errno or 0)

    def _start(self, worker: _Worker) -> None:
        """Raises `OSError`, and has changed nothing then."""
        reading, reason = os.pipe()
        _flush_output()  # or both would write what is in the buffers
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            pid = os.fork()
            if pid == 0:
                worker.reason = reading
                self._end_as_worker(worker.number, reason, before)
        except OSError:
            os.close(reading)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(reason)
        worker.reason, worker.pid, worker.began = reading, pid, time.monotonic()
        _log.info("%s begins", worker, event="worker.began", pid=pid)

    def _end_as_worker(self, number: int, reason: int, blocked: Set[int]) -> NoReturn:
        """In the new process. Nothing of the supervisor's is unwound there: no `finally` of its callers, no atexit."""
        status = os.EX_SOFTWARE
        try:
            status = self._be_worker(number, reason, blocked)
        except BaseException:
            _log.exception("worker %d cannot begin", number, event="worker.failed")
        finally:
            os._exit(status)

    def _be_worker(self, number: int, reason: int, blocked: Set[int]) -> int:
        """In the new process, with all signals blocked. Returns its exit status."""
        self._forget_supervisor()
        watch = threading.Thread(target=heed_supervisor, args=(self._word, self._drain_seconds), daemon=True)
        watch.start()
        signal.pthread_sigmask(signal.SIG_SETMASK, {*blocked, *_STOP})
        status, text = run(self._serve, self._shared.take(number), number)
        os.write(reason, text)
        _flush_output()
        return status

    def _forget_supervisor(self) -> None:
        self._restore_signals()
        for number in _FORWARDED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._say_stop()  # this process's end of it only
        self._selector.close()
        self._signals.close()
        self._signals_in.close()
        for worker in self._workers:
            if worker.reason >= 0:
                os.close(worker.reason)

    def _restore_signals(self) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)


def pause_after(early_ends: int) -> float:
    """Seconds until the next try, after so many in a row that came to nothing at once: in an hour, a thousand."""
    return min(FIRST_PAUSE * 2 ** min(early_ends - 1, 16), LONGEST_PAUSE) if early_ends else 0.0


def _flush_output() -> None:
    """As far as there is any, and somebody who reads it."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def _note(number: int, frame: FrameType | None) -> None:
    """The signal's number is in the socket already."""

"""Where the demo's processes play: started, watched, and ended with the stage, whatever happens.

Each child holds one end of two pipes: events come from its standard output, and the end of its standard input tells
it that we are gone, so that even SIGKILL of this process leaves nobody behind. What it writes on standard error is
kept for the report of a failure.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trio

from examples.demo.events import Event, Kind

GRACE_SECONDS: Final = 5.0
LONGEST_LINE: Final = 64 * 1024
ROOT: Final = Path(__file__).resolve().parents[2]


class DemoError(Exception):
    """The demo could not be carried through; the text says why."""


@dataclass(slots=True)
class Child:
    """One process."""

    name: str
    process: trio.Process
    errors: Path
    ended: trio.Event = field(default_factory=trio.Event)

    def signal(self, number: signal.Signals) -> None:
        """Signal it, and its own children: each is the leader of a process group."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)

    async def say(self, line: str) -> None:
        """Write a line to its standard input, if it still runs."""
        assert self.process.stdin is not None
        with suppress(trio.BrokenResourceError):
            await self.process.stdin.send_all(f"{line}\n".encode())

    def last_words(self) -> str:
        """What it wrote on standard error, the end of it."""
        return self.errors.read_text(errors="replace")[-4000:].strip()


class Stage:
    """The running processes and everything that they have told."""

    def __init__(self, nursery: trio.Nursery, directory: Path, environment: Mapping[str, str]) -> None:
        self.events: Final[list[Event]] = []
        self.directory: Final = directory
        self.environment: Final = environment
        self._nursery: Final = nursery
        self._news: Final = trio.lowlevel.ParkingLot()
        self._children: Final[dict[str, Child]] = {}
        self.listeners: Final[list[Callable[[Event], None]]] = []

    async def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start `python -m …` and watch it."""
        errors = self.directory / f"{name.replace(' ', '-')}.log"
        with errors.open("wb") as log:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.environment, **(environment or {}), "PYTHONUNBUFFERED": "1"},
                cwd=ROOT,
                start_new_session=True,
            )
        child = self._children[name] = Child(name, process, errors)
        self._nursery.start_soon(self._watch, child)
        return child

    async def until(self, condition: Callable[[], bool], *, of: Sequence[Child] = ()) -> None:
        """Wait until the events make a condition true. Raises DemoError when one of the processes `of` fails before."""
        while not condition():
            for child in of:
                if child.ended.is_set() and child.process.returncode != 0:
                    raise DemoError(f"{child.name} ended before its time: {child.last_words() or self._failure(child)}")
            await self._news.park()

    def told(self, source: str, kind: Kind) -> list[Event]:
        """What one process has told of one kind."""
        return [event for event in self.events if event.source == source and event.kind is kind]

    async def end_all(self) -> None:
        """End every process that still runs, politely and then not."""
        with trio.CancelScope(shield=True):
            running = [child for child in self._children.values() if child.process.poll() is None]
            for child in running:
                child.signal(signal.SIGCONT)
                child.signal(signal.SIGTERM)
            with trio.move_on_after(GRACE_SECONDS):
                for child in running:
                    await child.process.wait()
            for child in running:
                if child.process.poll() is None:
                    child.signal(signal.SIGKILL)
                    await child.process.wait()

    async def _watch(self, child: Child) -> None:
        assert child.process.stdout is not None
        rest = b""
        async for data in child.process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._hear(Event.from_line(line))
            if len(rest) > LONGEST_LINE:
                raise DemoError(f"{child.name} does not speak in lines")
            self._news.unpark_all()
        await child.process.wait()
        child.ended.set()
        self._news.unpark_all()

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)

    def _failure(self, child: Child) -> str:
        failures = self.told(child.name, Kind.FAILED)
        return failures[-1].text if failures else f"exit status {child.process.returncode}"


@asynccontextmanager
async def open_stage(directory: Path, environment: Mapping[str, str]) -> AsyncIterator[Stage]:
    """A stage whose processes end with the block. `environment` is added to this process's own, for all of them."""
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery, directory, environment)
        try:
            yield stage
        finally:
            await stage.end_all()
            nursery.cancel_scope.cancel()

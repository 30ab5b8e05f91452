"""Locks between all threads of all servers that use one state directory: those of this process, and fellow workers.

How this works: within a process a thread takes an ordinary lock first, so that at most one of its threads wants the
same octet of a file locked (fcntl(2), F_OFD_SETLKW: the lock belongs to the open file, not to a thread or to whoever
closes some descriptor first). The kernel lets go of what a killed process held. Without a fellow that waits, the file's
part costs two system calls that touch no disk.
"""

import fcntl
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

_FLOCK: Final = struct.Struct("@hhqqi4x")  # struct flock of 64-bit systems: type, whence, start, length, pid


class Locks:
    """`count` locks in a file, which is made if missing. Raises OSError if it cannot be."""

    def __init__(self, path: Path, count: int) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._mine: Final = [threading.Lock() for _ in range(count)]

    @contextmanager
    def holding(self, number: int) -> Iterator[None]:
        """Hold one lock. Who holds it must not ask for it again."""
        with self._mine[number]:
            self._set(fcntl.F_OFD_SETLKW, fcntl.F_WRLCK, number)
            try:
                yield
            finally:
                self._set(fcntl.F_OFD_SETLK, fcntl.F_UNLCK, number)

    @contextmanager
    def holding_all(self, numbers: Iterable[int]) -> Iterator[None]:
        """Hold several, taken in order, so that no two wait for each other."""
        with ExitStack() as held:
            for number in sorted(set(numbers)):
                held.enter_context(self.holding(number))
            yield

    def close(self) -> None:
        os.close(self._descriptor)

    def _set(self, command: int, kind: int, number: int) -> None:
        fcntl.fcntl(self._descriptor, command, _FLOCK.pack(kind, os.SEEK_SET, number, 1, 0))

"""Which processes are alive: each holds a lock on a file of its own, and the kernel lets go of it however one ends."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from glob import escape
from pathlib import Path
from typing import Final


class Workers:
    """Those that share what is at `path`; their files are beside it. `name` is this one's, a new one after a fork."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._process = 0
        self._name = ""
        self._descriptor: int | None = None

    @property
    def name(self) -> str:
        """Raises `OSError` if there can be no file."""
        if self._process != os.getpid():
            self.close()
            while self._descriptor is None:
                self._name = secrets.token_hex(8)
                self._descriptor = _hold(self._file(self._name))
            self._process = os.getpid()
        return self._name

    def alive(self, name: str) -> bool:
        """Whether that one still runs."""
        return _is_held(self._file(name))

    def dead(self) -> Iterator[str]:
        """Those that ended without a word since this was last asked; their files are gone then."""
        for file in self._path.parent.glob(f"{escape(self._path.name)}.*.worker"):
            if not _is_held(file):
                yield file.name.removeprefix(f"{self._path.name}.").removesuffix(".worker")

    def close(self) -> None:
        """This one ends. Idempotent."""
        if self._descriptor is not None:
            if self._process == os.getpid():
                self._file(self._name).unlink(missing_ok=True)
            os.close(self._descriptor)  # of a forked child: its parent's, whose lock stays
        self._descriptor, self._process = None, 0

    def _file(self, name: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{name}.worker")


def _hold(file: Path) -> int | None:
    """A new file, locked; None: somebody took it for a dead one's before it was."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if file.exists():
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _is_held(file: Path) -> bool:
    """Whether a file is locked; if not, it is removed."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

"""A log of the keys of re-authenticated contexts, for Wireshark (contrib/wireshark) and for debugging alone.

Who reads the file can read and forge everything under the contexts in it, as the SSLKEYLOGFILE of browsers does to TLS.
Nothing writes one unless the application hands it in, and making one warns in the log. One line a context:

    FRA1 HANDLE SUITE CLIENT-TO-SERVER SERVER-TO-CLIENT

with SUITE decimal and the rest hexadecimal.
"""

import errno
import logging
import os
import stat
from pathlib import Path

from rpcgss.reauth.keys import DerivedKeys
from rpcgss.rpc.quiet import QuietLog

_log = QuietLog(logging.getLogger(__name__))


class KeyLog:
    """Appends to the file at `path`, which it makes with mode 0600. Raises OSError if that fails, and if there is one
    that others may read or that belongs to somebody else."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).absolute()
        os.close(self._open())
        _log.warning(
            "the keys of re-authenticated contexts are written to %s: who reads it can read and forge all calls under"
            " them; never use this in production",
            self.path,
            event="keylog.opened",
        )

    def note(self, handle: bytes, suite: int, keys: DerivedKeys) -> None:
        """Add one context. A file that cannot be written is a warning, and costs nothing else."""
        line = f"FRA1 {handle.hex()} {suite} {keys.client_to_server.hex()} {keys.server_to_client.hex()}\n"
        try:
            descriptor = self._open()
            try:
                os.write(descriptor, line.encode())  # one write: lines of several processes do not mix
            finally:
                os.close(descriptor)
        except OSError as error:
            _log.warning("key log %s: %s", self.path, error.strerror, event="keylog.failed")

    def _open(self) -> int:
        # Without O_NONBLOCK, a FIFO put there would hang the process.
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, 0o600)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid != os.geteuid():
            os.close(descriptor)
            raise PermissionError(errno.EPERM, "it must be a file of yours alone, mode 0600", str(self.path))
        return descriptor

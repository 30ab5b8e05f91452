"""A log of the keys of re-authenticated contexts, for Wireshark (contrib/wireshark) and for debugging alone.

Who reads the file can read and forge everything under the contexts in it, as the SSLKEYLOGFILE of browsers does to TLS.
Nothing writes one unless the application hands it in, and making one warns in the log. One line a context:

    FRA1 HANDLE SUITE CLIENT-TO-SERVER SERVER-TO-CLIENT

with SUITE decimal and the rest hexadecimal.
"""

import logging
import os
from pathlib import Path

from rpcgss.reauth.keys import DerivedKeys
from rpcgss.rpc.quiet import QuietLog

_log = QuietLog(logging.getLogger(__name__))


class KeyLog:
    """Appends to the file at `path`, which it makes with mode 0600. Raises OSError if that fails."""

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
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

"""Captures of RPC traffic: who called what, what was answered, and whether every octet and every MIC is right.

`container.read_frames` reads a file, `timeline.Timeline` makes calls and replies of its frames, `report` tells of them.
Nothing here does I/O but reading the file it is given. Each module imports only from those before it:
"""

from typing import Final

READING_ORDER: Final = (
    "errors",
    "container",
    "layers",
    "tcp",
    "streams",
    "messages",
    "keytab",
    "crypto",
    "tokens",
    "kerberos",
    "contexts",
    "names",
    "programs",
    "events",
    "transmission",
    "protected",
    "making",
    "follow",
    "timeline",
    "report",
)

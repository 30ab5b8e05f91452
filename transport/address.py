"""Addresses: as people write them, and those that the system would take for others."""

import errno
from typing import Final

MAX_PORT: Final = 0xFFFF


def address_text(host: str, port: int) -> str:
    """An address as people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_address(host: str | None, port: int, problem: str) -> None:
    """Raises `OSError` of what the system takes for another port, or raises something else for."""
    if not isinstance(port, int):
        raise TypeError(f"{problem}: ports are numbers, not {type(port).__name__}")
    if not 0 <= port <= MAX_PORT:
        raise OSError(errno.EINVAL, f"{problem}: ports are numbers up to {MAX_PORT}")
    try:
        (host or "").encode("idna")
    except UnicodeError as error:
        raise OSError(errno.EINVAL, f"{problem}: that is no host name") from error

"""Connecting: a `StreamChannel` to a TCP port or to a Unix socket."""

import errno
import os
import socket
from contextlib import suppress
from typing import Final

import trio

from transport.address import address_text, check_address
from transport.record import MAX_FRAGMENTS, MAX_RECORD
from transport.stream import StreamChannel

DEAD_AFTER_SECONDS: Final = 120
"""Of silence, after which a TCP peer is taken for dead: longer than calls wait by default."""
PROBE_AFTER_SECONDS: Final = 60
PROBE_EVERY_SECONDS: Final = 10


async def open_tcp(
    host: str, port: int, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS
) -> StreamChannel:
    """Connect. Raises `OSError` with a text that names the address."""
    address = address_text(host, port)
    check_address(host, port, f"cannot connect to {address}")
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError as error:
        first = _first_cause(error)
        raise OSError(first.errno, f"cannot connect to {address}: {_plain_reason(first)}") from error
    notice_dead_peers(stream.socket)
    return StreamChannel(stream, peer=address, max_record=max_record, max_fragments=max_fragments)


def notice_dead_peers(sock: trio.socket.SocketType) -> None:
    """Let the kernel break a TCP connection whose peer has vanished without a word, whether anything is on its way to
    it or not. Without this, a call on it would wait for many minutes, and an idle one would stay for ever."""
    with suppress(OSError):  # it has gone already, which its first user will find out
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_EVERY_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_SECONDS * 1000)


async def open_unix(path: str, *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS) -> StreamChannel:
    """Connect to a Unix socket. Raises `OSError` with a text that names the path."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await sock.connect(path)
        sock.getpeername()  # with the listener's queue full, the kernel says "later", which trio takes for a success
    except OSError as error:
        sock.close()
        reason = "too many are waiting there" if error.errno == errno.ENOTCONN else _plain_reason(error)
        raise OSError(error.errno, f"cannot connect to {path}: {reason}") from error
    except BaseException:
        sock.close()
        raise
    return StreamChannel(trio.SocketStream(sock), peer=path, max_record=max_record, max_fragments=max_fragments)


def _first_cause(error: OSError) -> OSError:
    """What went wrong with the first address of a host; trio's own error says only how many were tried."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    return cause if isinstance(cause, OSError) else error


def _plain_reason(error: OSError) -> str:
    """The system's words for it, without trio's round them; name look-ups have numbers and words of their own."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)

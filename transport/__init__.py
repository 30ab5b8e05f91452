"""Bytes on their way: whole records over TCP, TLS, Unix sockets, or within a process.

`record` marks records without I/O; everything else is a `trio.abc.Channel[bytes]` of whole records. This package knows
nothing of XDR or RPC.
"""

from transport.errors import RecordTooLarge, TlsError, TooManyFragments, TransportError
from transport.listen import MAX_CONNECTIONS, UnixListener, accept_channels, listen_tcp, listen_unix, local_address
from transport.memory import memory_channel_pair
from transport.record import MAX_FRAGMENTS, MAX_RECORD, UNASKED_OCTETS, Buffer, RecordReader, encode_record
from transport.stream import NOWHERE, Origin, Record, Stalled, StreamChannel, open_tcp, open_unix
from transport.tls import TlsRefused, TlsSession, TlsStream, server_end_point

READING_ORDER = ("errors", "record", "tls", "stream", "listen", "memory")

__all__ = [
    "MAX_CONNECTIONS",
    "MAX_FRAGMENTS",
    "MAX_RECORD",
    "NOWHERE",
    "UNASKED_OCTETS",
    "Buffer",
    "Origin",
    "Record",
    "RecordReader",
    "RecordTooLarge",
    "Stalled",
    "StreamChannel",
    "TlsError",
    "TlsRefused",
    "TlsSession",
    "TlsStream",
    "TooManyFragments",
    "TransportError",
    "UnixListener",
    "accept_channels",
    "encode_record",
    "listen_tcp",
    "listen_unix",
    "local_address",
    "memory_channel_pair",
    "open_tcp",
    "open_unix",
    "server_end_point",
]

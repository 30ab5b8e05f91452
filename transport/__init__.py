"""Bytes on their way: whole records over TCP, TLS, Unix sockets, UDP, or within a process.

`record` marks records without I/O; everything else is a `trio.abc.Channel[bytes]` of whole records, but for the UDP
socket of a server, which has many peers. This package knows nothing of XDR or RPC.
"""

from transport.connect import open_tcp, open_unix
from transport.datagram import DatagramChannel, open_udp
from transport.datagram_listener import DatagramListener, DatagramSocket, Sender, listen_udp
from transport.errors import RecordTooLarge, TlsError, TooManyFragments, TransportError
from transport.listen import MAX_CONNECTIONS, UnixListener, accept_channels, listen_tcp, listen_unix, local_address
from transport.memory import memory_channel_pair
from transport.outbox import Record, Stalled, Unsent
from transport.record import MAX_FRAGMENTS, MAX_RECORD, UNASKED_OCTETS, Buffer, RecordReader, encode_record
from transport.shared import Endpoint, Listener, SharedListeners
from transport.stream import NOWHERE, Origin, StreamChannel
from transport.tls import TlsRefused, TlsSession, TlsStream, server_end_point
from transport.udp import MAX_DATAGRAM, MAX_DATAGRAM_IPV6

READING_ORDER = (
    "errors",
    "record",
    "address",
    "tls",
    "outbox",
    "outlook",
    "stream",
    "connect",
    "udp",
    "datagram",
    "datagram_listener",
    "listen",
    "shared",
    "memory",
)

__all__ = [
    "MAX_CONNECTIONS",
    "MAX_DATAGRAM",
    "MAX_DATAGRAM_IPV6",
    "MAX_FRAGMENTS",
    "MAX_RECORD",
    "NOWHERE",
    "UNASKED_OCTETS",
    "Buffer",
    "DatagramChannel",
    "DatagramListener",
    "DatagramSocket",
    "Endpoint",
    "Listener",
    "Origin",
    "Record",
    "RecordReader",
    "RecordTooLarge",
    "Sender",
    "SharedListeners",
    "Stalled",
    "StreamChannel",
    "TlsError",
    "TlsRefused",
    "TlsSession",
    "TlsStream",
    "TooManyFragments",
    "TransportError",
    "UnixListener",
    "Unsent",
    "accept_channels",
    "encode_record",
    "listen_tcp",
    "listen_udp",
    "listen_unix",
    "local_address",
    "memory_channel_pair",
    "open_tcp",
    "open_udp",
    "open_unix",
    "server_end_point",
]

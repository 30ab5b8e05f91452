"""Channels within a process: the real record marking over a stream in memory, for tests and for embedding."""

import trio.testing

from transport.record import MAX_FRAGMENTS, MAX_RECORD
from transport.stream import StreamChannel


def memory_channel_pair(
    *, max_record: int = MAX_RECORD, max_fragments: int = MAX_FRAGMENTS
) -> tuple[StreamChannel, StreamChannel]:
    """Two channels that are each other's peer."""
    left, right = trio.testing.memory_stream_pair()
    return (
        StreamChannel(left, peer="memory, left end", max_record=max_record, max_fragments=max_fragments),
        StreamChannel(right, peer="memory, right end", max_record=max_record, max_fragments=max_fragments),
    )

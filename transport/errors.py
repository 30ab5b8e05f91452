"""What a peer can do wrong on the way of bytes. Broken and closed connections raise what trio raises for them."""


class TransportError(Exception):
    """Root of this package's own exceptions: the peer broke the rules. The channel is of no more use."""


class RecordTooLarge(TransportError):
    """A record is, or claims to be, larger than this end takes. `beginning` is what has come of it, cut short."""

    def __init__(self, text: str, beginning: bytes = b"") -> None:
        super().__init__(text)
        self.beginning = beginning


class TooManyFragments(TransportError):
    """A record comes in more pieces than this end takes."""


class TlsError(TransportError):
    """There is no TLS session: the handshake failed, or something else came in its stead."""

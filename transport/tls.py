"""TLS 1.3 as a stream wrapped round a stream (RFC 8446), for both ends.

How it works: OpenSSL reads from one buffer and writes into another, and this moves octets between them and the stream
below. trio.SSLStream does the same for every version of TLS; with 1.3 alone, where nobody negotiates twice, it takes
less, and three things become possible: a peer that is refused is told why by an alert, which this takes care not to
lose; many TLS records come out of one receive; and a channel that is closed in a hurry still says that it closes.

The end of a session without its alert (close_notify) looks like any end of a connection here. Records delimit
themselves, so whoever cuts the connection below can make a peer lose a connection, which he can anyway, but not take
half a record, or a shorter one, for a whole.
"""

import hashlib
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import trio
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from transport.errors import TlsError
from transport.record import Buffer

VERSION: Final = "TLSv1.3"
ENCRYPT_OCTETS: Final = 256 * 1024
"""Encrypted, and held in memory, before they are sent."""
RECEIVE_OCTETS: Final = 256 * 1024
SMALL_OCTETS: Final = 4096
OVERHEAD_OCTETS: Final = 256
"""Of one TLS record, its header and its tag (RFC 8446, 5.2)."""
FAREWELL_SECONDS: Final = 1.0
FAREWELL_OCTETS: Final = 1 << 20
"""How long, and for how much, a refused peer is listened to, so that it can read why."""
UNSENT_OCTETS: Final = 4096
"""Of answers to a peer that wants new keys (RFC 8446, 4.6.3), which wait for something that is sent anyway: over a
hundred. A peer that wants more than that and gives no reason to send wants memory."""
_REFUSALS: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR", "HANDSHAKE_FAILURE")
_WEAK_HASHES: Final = ("md5", "sha1")


class TlsRefused(trio.BrokenResourceError):
    """The peer ended the session, before it sent anything else, by an alert that only a handshake has a use for: it
    does not want this end, its certificate for instance. It has looked at nothing that was sent to it.

    Of other alerts that is not known. One of a record that was damaged on its way, by anybody on that way, may come
    after others that were read and acted upon."""


@dataclass(frozen=True, slots=True)
class TlsSession:
    """What two ends have agreed on.

    protocol         -- "TLSv1.3"
    cipher           -- the suite's name
    peer_certificate -- DER; None: the peer has shown none. Verified, unless a context was told not to
    peer_names       -- of a verified certificate: its subjectAltName as (kind, value), e.g. ("DNS", "a.example.org")
    server_end_point -- channel binding tls-server-end-point (RFC 5929, 4.1), the same at both ends: a hash of the
                        server's certificate. None where RFC 5929 does not define it (Ed25519) or it is not known.
                        (RFC 9289, 4.2.1, names tls-exporter besides, which Python's ssl module cannot compute.)
    """

    protocol: str
    cipher: str
    peer_certificate: bytes | None = field(repr=False)
    peer_names: tuple[tuple[str, str], ...]
    server_end_point: bytes | None = field(repr=False)


class TlsStream(trio.abc.HalfCloseableStream):
    """TLS over `stream`, which is closed with it. One task may send while another receives, after `do_handshake`."""

    def __init__(
        self, stream: trio.abc.Stream, context: ssl.SSLContext, *, server_side: bool, server_hostname: str | None = None
    ) -> None:
        """Raises `TlsError` of a host name that is none."""
        self._stream: Final = stream
        self._server_side: Final = server_side
        self._incoming: Final = ssl.MemoryBIO()
        self._outgoing: Final = ssl.MemoryBIO()
        try:
            self._engine: Final = context.wrap_bio(
                self._incoming, self._outgoing, server_side=server_side, server_hostname=server_hostname
            )
        except (ValueError, TypeError) as error:
            raise TlsError(f"no TLS for {server_hostname!r}: {error}") from error
        self._heard = False
        self._ready = False  # to say goodbye: after the handshake, while nothing was sent in part

    async def do_handshake(self, alpn: str, certificate: bytes | None = None) -> TlsSession:
        """Agree on a session, with `alpn` as its protocol (RFC 7301); `certificate` is a server's own, in DER, for
        `TlsSession.server_end_point`. Raises `TlsError`, of which the peer is told why, and `trio.BrokenResourceError`
        if the connection ends meanwhile. Cancelled, or after an exception: the stream is only good for closing."""
        try:
            await self._shake_hands()
        except ssl.SSLError as error:
            await self._bid_farewell()
            raise TlsError(f"the TLS handshake failed: {_words(error)}") from error
        except trio.BrokenResourceError as error:
            raise trio.BrokenResourceError(str(error) or "it broke during the TLS handshake") from error
        self._ready = True
        if self._engine.version() != VERSION:
            raise TlsError(f"the peer speaks {self._engine.version()}, not {VERSION}")
        if self._engine.selected_alpn_protocol() != alpn:
            raise TlsError(f"the peer did not agree on the application protocol {alpn!r} (ALPN)")
        return self._session(certificate)

    def encrypt(self, pieces: Sequence[Buffer]) -> list[bytes]:
        """What `send_all` would send for each of `pieces` in turn, for a caller with a shorter way to the socket. It
        has to leave there as a whole, before anything else; if it does not: `say_no_goodbye`."""
        sealed: list[bytes] = []
        try:
            for piece in _joined(pieces):
                while piece:
                    piece = piece[self._engine.write(piece[:ENCRYPT_OCTETS]) :]
                    sealed.append(self._outgoing.read())
        except ssl.SSLError as error:
            self._ready = False
            raise trio.BrokenResourceError(f"TLS: {_words(error)}") from error
        return sealed

    def say_no_goodbye(self) -> None:
        """The peer has part of something and will not get the rest, so it could not understand an alert."""
        self._ready = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        ready, self._ready = self._ready, False
        for sealed in self.encrypt([data]):
            await self._stream.send_all(sealed)
        self._ready = ready

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """At most `max_bytes`; b"" at the end, whether the peer has announced it or not. Raises `TlsRefused` besides
        what every stream raises. Cancelled: nothing is lost."""
        wanted = RECEIVE_OCTETS if max_bytes is None else max_bytes
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            data = self._decrypt(wanted)
            if self._outgoing.pending > UNSENT_OCTETS:
                raise trio.BrokenResourceError("TLS: the peer wants new keys again and again")
            if data is not None:
                return data
            # No more than is wanted: what waits to be decrypted takes memory, too.
            received = await self._stream.receive_some(wanted + OVERHEAD_OCTETS)
            if not received:
                return b""
            self._incoming.write(received)

    async def send_eof(self) -> None:
        """Announce the end (close_notify); receiving goes on."""
        self._ready = False
        self._close_engine()
        await self._flush()
        self._ready = False
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close, announcing it if that takes no time."""
        try:
            if self._ready:
                self._ready = False
                self._close_engine()
                await self._announce()
        finally:
            await self._stream.aclose()

    async def _shake_hands(self) -> None:
        while True:
            try:
                self._engine.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._stream.receive_some(RECEIVE_OCTETS)
                if not data:
                    raise trio.BrokenResourceError("it was closed during the TLS handshake") from None
                self._incoming.write(data)
            else:
                return await self._flush()

    async def _flush(self) -> None:
        """Send what the engine has written. What is sent in part ends the session."""
        data = self._outgoing.read()
        if data:
            ready, self._ready = self._ready, False
            await self._stream.send_all(data)
            self._ready = ready

    async def _announce(self) -> None:
        if isinstance(self._stream, trio.SocketStream):
            # By hand, for who closes in a hurry is cancelled, and trio would not send for him.
            with suppress(OSError):
                os.write(self._stream.socket.fileno(), self._outgoing.read())
            return
        with trio.move_on_after(FAREWELL_SECONDS), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._flush()

    async def _bid_farewell(self) -> None:
        """Send the alert. To close at once, with something unread, would make the kernel throw it away."""
        with trio.move_on_after(FAREWELL_SECONDS), suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await self._flush()
            if not self._server_side or not isinstance(self._stream, trio.abc.HalfCloseableStream):
                return
            await self._stream.send_eof()
            listened = 0
            while listened < FAREWELL_OCTETS and (data := await self._stream.receive_some(RECEIVE_OCTETS)):
                listened += len(data)

    def _decrypt(self, wanted: int) -> bytes | None:
        """What has come; None: nothing yet. TLS records have 16 KiB at most, so there may be many."""
        chunks: list[bytes] = []
        try:
            while wanted > 0:
                chunk = self._engine.read(wanted)
                if not chunk:
                    break
                chunks.append(chunk)
                wanted -= len(chunk)
        except ssl.SSLWantReadError:
            if not chunks:
                return None
        except ssl.SSLZeroReturnError:
            pass  # the next call finds it again
        except ssl.SSLError as error:
            if not chunks:
                raise self._broken(error) from error
        self._heard = self._heard or bool(chunks)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _broken(self, error: ssl.SSLError) -> trio.BrokenResourceError:
        _, alert, what = (error.reason or "").partition("_ALERT_")
        if alert and not self._heard and any(refusal in what for refusal in _REFUSALS):
            return TlsRefused(f"the peer refused TLS: {_words(error)}")
        return trio.BrokenResourceError(f"TLS: {_words(error)}")

    def _close_engine(self) -> None:
        with suppress(ssl.SSLError):  # it wants to read the peer's own alert, for which nobody waits
            self._engine.unwrap()

    def _session(self, certificate: bytes | None) -> TlsSession:
        cipher = self._engine.cipher()
        shown = self._engine.getpeercert(binary_form=True)
        verified = self._engine.getpeercert() or {}
        of_server = certificate if self._server_side else shown
        return TlsSession(
            protocol=VERSION,
            cipher=cipher[0] if cipher else "",
            peer_certificate=shown,
            peer_names=tuple((str(name[0]), str(name[1])) for name in verified.get("subjectAltName", ())),
            server_end_point=None if of_server is None else server_end_point(of_server),
        )


def _joined(pieces: Sequence[Buffer]) -> Iterator[memoryview]:
    """`pieces` without many small ones in a row: each costs a TLS record."""
    small = bytearray()
    for piece in pieces:
        if len(piece) < SMALL_OCTETS:
            small += piece
            continue
        if small:
            yield memoryview(small)
            small = bytearray()
        yield memoryview(piece).cast("B")
    if small:
        yield memoryview(small)


def server_end_point(certificate: bytes) -> bytes | None:
    """The octets of tls-server-end-point for a certificate in DER: its hash by the hash function of its signature, or
    by SHA-256 where that is a weak one (RFC 5929, 4.1). None: the signature has no such function."""
    try:
        algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return None
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in _WEAK_HASHES else algorithm.name
    return hashlib.new(name.replace("sha3-", "sha3_"), certificate).digest()


def _words(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not accepted: {error.verify_message}"
    return (error.reason or str(error)).lower().replace("_", " ")

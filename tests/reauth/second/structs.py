"""The structures of section 3."""

from dataclasses import dataclass, field

from .wire import SIZE, Malformed, Reader, hyper, opaque, uint

MAX_SEALED = 1024
MAX_HANDLE = 64
MAX_SUITES = 8
MAX_NAME = 1000
MAX_OID = 64
MAX_BLOB = 256
CHAIN = 16
STATE_FORMAT = 1


@dataclass(frozen=True)
class Ticket:
    key_index: int
    sealed: bytes = field(repr=False)

    def octets(self) -> bytes:
        return uint(self.key_index) + opaque(self.sealed)

    @classmethod
    def read(cls, reader: Reader) -> "Ticket":
        return cls(reader.uint(), reader.opaque(MAX_SEALED))


@dataclass(frozen=True)
class Grant:
    ticket: Ticket
    lifetime: int
    mac: bytes

    def octets(self) -> bytes:
        return self.ticket.octets() + uint(self.lifetime) + self.mac

    def covered(self, handle: bytes, seq_window: int) -> bytes:
        return opaque(handle) + uint(seq_window) + self.ticket.octets() + uint(self.lifetime)

    @classmethod
    def read(cls, data: bytes) -> "Grant":
        reader = Reader(data)
        grant = cls(Ticket.read(reader), reader.uint(), reader.fixed(SIZE))
        reader.end()
        return grant


@dataclass(frozen=True)
class Arguments:
    """`reauth_arg`; its `request` is the same without the authenticator."""

    ticket: Ticket
    client_nonce: bytes
    suites: tuple[int, ...]
    client_share: bytes
    authenticator: bytes = b""

    def request(self) -> bytes:
        suites = uint(len(self.suites)) + b"".join(map(uint, self.suites))
        return self.ticket.octets() + self.client_nonce + suites + opaque(self.client_share)

    def octets(self) -> bytes:
        return self.request() + self.authenticator

    @classmethod
    def read(cls, data: bytes) -> "Arguments":
        reader = Reader(data)
        ticket, nonce, count = Ticket.read(reader), reader.fixed(SIZE), reader.uint()
        if count > MAX_SUITES:
            raise Malformed(f"{count} suites")
        suites = tuple(reader.uint() for _ in range(count))
        arguments = cls(ticket, nonce, suites, reader.opaque(SIZE), reader.fixed(SIZE))
        reader.end()
        return arguments


@dataclass(frozen=True)
class Accept:
    handle: bytes
    seq_window: int
    suite: int
    server_nonce: bytes
    server_share: bytes

    def octets(self) -> bytes:
        words = uint(self.seq_window) + uint(self.suite)
        return opaque(self.handle) + words + self.server_nonce + opaque(self.server_share)

    @classmethod
    def read(cls, reader: Reader) -> "Accept":
        handle = reader.opaque(MAX_HANDLE)
        return cls(handle, reader.uint(), reader.uint(), reader.fixed(SIZE), reader.opaque(SIZE))


@dataclass(frozen=True)
class Ok:
    accept: Accept
    ticket: Ticket
    lifetime: int

    def octets(self) -> bytes:
        return self.accept.octets() + self.ticket.octets() + uint(self.lifetime)

    @classmethod
    def read(cls, data: bytes) -> "Ok":
        reader = Reader(data)
        ok = cls(Accept.read(reader), Ticket.read(reader), reader.uint())
        reader.end()
        return ok


@dataclass(frozen=True)
class State:
    """What a ticket seals (section 10.1). Times are seconds since 1970."""

    session_key: bytes = field(repr=False)
    principal: bytes
    display: str
    mechanism: str
    acceptor: bytes
    flags: int
    established: int
    expiry: int
    chain: bytes
    application: bytes

    def octets(self) -> bytes:
        names = (
            opaque(self.principal)
            + opaque(self.display.encode(errors="surrogateescape"))
            + opaque(self.mechanism.encode("ascii"))
        )
        times = hyper(self.established) + hyper(self.expiry)
        fixed = self.acceptor + uint(self.flags) + times + self.chain
        return uint(STATE_FORMAT) + self.session_key + names + fixed + opaque(self.application)

    @classmethod
    def read(cls, reader: Reader) -> "State":
        if reader.uint() != STATE_FORMAT:
            raise Malformed("another format")
        session_key, principal = reader.fixed(SIZE), reader.opaque(MAX_NAME)
        display, mechanism = reader.opaque(MAX_NAME), reader.opaque(MAX_OID)
        acceptor, flags = reader.fixed(SIZE), reader.uint()
        established, expiry, chain = reader.hyper(), reader.hyper(), reader.fixed(CHAIN)
        try:
            names = display.decode(errors="surrogateescape"), mechanism.decode("ascii")
        except UnicodeDecodeError:
            raise Malformed("a mechanism that is no dotted string") from None
        return cls(session_key, principal, *names, acceptor, flags, established, expiry, chain, reader.opaque(MAX_BLOB))

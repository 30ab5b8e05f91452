"""Calls and replies of ONC RPC (RFC 5531) with credentials of RPCSEC_GSS (RFC 2203), as octets without record marks."""

from dataclasses import dataclass

from .wire import FRA1, Malformed, Reader, opaque, uint

CALL, REPLY = 0, 1
MSG_ACCEPTED, MSG_DENIED = 0, 1
SUCCESS, GARBAGE_ARGS = 0, 4
AUTH_ERROR = 1
AUTH_NONE, RPCSEC_GSS = 0, 6
MAX_AUTH = 400

AUTH_BADCRED, AUTH_REJECTEDCRED, CREDPROBLEM, CTXPROBLEM = 1, 2, 13, 14

DATA, INIT, CONTINUE_INIT, DESTROY = range(4)
NONE, INTEGRITY, PRIVACY = 1, 2, 3


@dataclass(frozen=True)
class Credential:
    """The body of a credential of RPCSEC_GSS, version 1."""

    gss_proc: int
    seq_num: int
    service: int
    handle: bytes

    def octets(self) -> bytes:
        return uint(1) + uint(self.gss_proc) + uint(self.seq_num) + uint(self.service) + opaque(self.handle)

    @classmethod
    def read(cls, body: bytes) -> "Credential":
        reader = Reader(body)
        if reader.uint() != 1:
            raise Malformed("another version of RPCSEC_GSS")
        credential = cls(reader.uint(), reader.uint(), reader.uint(), reader.opaque(MAX_AUTH))
        reader.end()
        return credential


REQUEST = Credential(FRA1, 0, NONE, bytes(16))  # section 7: always the same


def header(xid: int, program: int, version: int, procedure: int, credential: bytes) -> bytes:
    """What the verifier of a call signs: from the xid through the end of the credential."""
    words = (xid, CALL, 2, program, version, procedure, RPCSEC_GSS)
    return b"".join(map(uint, words)) + opaque(credential)


def auth(flavor: int, body: bytes) -> bytes:
    return uint(flavor) + opaque(body)


@dataclass(frozen=True)
class Call:
    header: bytes
    xid: int
    procedure: int
    flavor: int
    credential: bytes
    verifier: tuple[int, bytes]
    arguments: bytes

    @classmethod
    def read(cls, message: bytes) -> "Call":
        reader = Reader(message)
        xid = reader.uint()
        if (reader.uint(), reader.uint()) != (CALL, 2):
            raise Malformed("not a call of RPC version 2")
        reader.uint()  # program
        reader.uint()  # version
        procedure, flavor, credential = reader.uint(), reader.uint(), reader.opaque(MAX_AUTH)
        head = message[: reader.position]
        verifier = reader.uint(), reader.opaque(MAX_AUTH)
        return cls(head, xid, procedure, flavor, credential, verifier, reader.rest())


def accepted(xid: int, verifier: bytes, results: bytes, status: int = SUCCESS) -> bytes:
    return uint(xid) + uint(REPLY) + uint(MSG_ACCEPTED) + auth(RPCSEC_GSS, verifier) + uint(status) + results


def denied(xid: int, reason: int) -> bytes:
    return uint(xid) + uint(REPLY) + uint(MSG_DENIED) + uint(AUTH_ERROR) + uint(reason)


class Denied(Exception):
    """The server said that it cannot authenticate the call, and why (`auth_stat`)."""

    def __init__(self, reason: int) -> None:
        super().__init__(reason)
        self.reason = reason


def read_accepted(message: bytes, xid: int) -> tuple[int, bytes, bytes]:
    """Flavor and body of the verifier, and the results, of the successful reply to that call.

    Raises:
        Denied: the server denied it with AUTH_ERROR.
        Malformed: it is anything else.
    """
    reader = Reader(message)
    if (reader.uint(), reader.uint()) != (xid, REPLY):
        raise Malformed("not a reply to this call")
    if reader.uint() != MSG_ACCEPTED:
        if reader.uint() != AUTH_ERROR:
            raise Malformed("denied for another reason than AUTH_ERROR")
        raise Denied(reader.uint())
    flavor, verifier, status = reader.uint(), reader.opaque(MAX_AUTH), reader.uint()
    if status != SUCCESS:
        raise Malformed(f"accept_stat {status}")
    return flavor, verifier, reader.rest()


def read_success(message: bytes, xid: int) -> tuple[bytes, bytes]:
    """The same without the flavor, which must be RPCSEC_GSS."""
    flavor, verifier, results = read_accepted(message, xid)
    if flavor != RPCSEC_GSS:
        raise Malformed(f"verifier of flavor {flavor}")
    return verifier, results
